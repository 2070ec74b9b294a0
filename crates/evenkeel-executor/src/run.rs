//! The shell: carries out what the machine asks for, and tells it what came of it.

use evenkeel_exchange::{Cancel, Clock, Trade, prove_leverage};
use evenkeel_store::{Epoch, Journal, JournalError, Record, Seq};
use futures_util::future::{join, join_all};

use crate::event::Event;
use crate::journal::Body;
use crate::machine::{Answer, Command, Machine, Setting};
use crate::preview::Approval;
use crate::report::Report;

/// Carries out an approval: the first phase of a plan freshly made and checked, then the account is read and the next
/// plan made, until nothing is left to do, nothing moves, or something happened that must not be explained away.
///
/// It always comes back with a [`Report`]; there is no error beside it. `progress` is called for everything that
/// happens, in order. After [`Cancel::request`] nothing new is sent, and what is on its way is seen to its end.
///
/// Dropping the future stops it at once and leaves what was on its way unresolved; the journal then has an intent
/// without an outcome.
pub async fn execute(
    venue: &dyn Trade,
    journal: &dyn Journal,
    clock: &dyn Clock,
    approval: Approval,
    progress: &mut (dyn FnMut(&Event) + Send),
    cancel: &Cancel,
) -> Report {
    let mut machine = Machine::new(approval, clock.now());
    let mut shell = Shell { venue, clock, journal: Writer::new(journal) };
    let mut answer = Answer::Start;
    loop {
        // The machine ends by itself: each of its loops has a named maximum, and so has their number.
        let commands = machine.step(clock.now(), cancel.is_requested(), answer);
        let mut next = Answer::Journaled;
        for command in commands {
            match command {
                Command::Tell(event) => {
                    tracing::debug!(%event, "run");
                    progress(&event);
                }
                Command::Finish(report) => return *report,
                command => next = shell.carry_out(command).await,
            }
            if matches!(next, Answer::JournalFailed(_)) {
                break;
            }
        }
        answer = next;
    }
}

struct Shell<'a> {
    venue: &'a dyn Trade,
    clock: &'a dyn Clock,
    journal: Writer<'a>,
}

impl Shell<'_> {
    async fn carry_out(&mut self, command: Command) -> Answer {
        let venue = self.venue;
        match command {
            Command::Tell(_) | Command::Finish(_) => Answer::Journaled,
            Command::Open => match self.journal.open().await {
                Ok(epoch) => match self.journal.journal.read(Seq::START).await {
                    Ok(entries) => Answer::Opened(epoch, entries),
                    Err(error) => Answer::JournalFailed(evenkeel_exchange::chain(&error)),
                },
                Err(error) => Answer::JournalFailed(evenkeel_exchange::chain(&error)),
            },
            Command::Journal(bodies) => match self.journal.append(&bodies).await {
                Ok(()) => Answer::Journaled,
                Err(error) => Answer::JournalFailed(evenkeel_exchange::chain(&error)),
            },
            Command::Read { scope, prove } => {
                let proofs = prove_leverage(venue, self.clock, &prove);
                let (snapshot, proofs) = join(venue.snapshot(&scope), proofs).await;
                Answer::Read(Box::new(snapshot), proofs)
            }
            Command::Prove(expected) => Answer::Proven(prove_leverage(venue, self.clock, &expected).await),
            Command::Place(orders) => Answer::Placed(venue.place(&orders).await),
            Command::Query(orders) => {
                let answers = join_all(orders.iter().map(|(symbol, id)| venue.order(symbol, id))).await;
                Answer::Queried(answers)
            }
            Command::Fills { symbols, since } => Answer::Filled(venue.fills(&symbols, since).await),
            Command::Write(settings) => {
                let answers = join_all(settings.iter().map(|setting| async move {
                    match setting {
                        Setting::Leverage(symbol, leverage) => venue.set_leverage(symbol, *leverage).await,
                        Setting::Mode(symbol, mode) => venue.set_margin_mode(symbol, *mode).await,
                        Setting::Margin(symbol, delta) => venue.adjust_margin(symbol, *delta).await,
                        Setting::Cancel(symbol, id) => venue.cancel_by_venue_id(symbol, id).await,
                    }
                }));
                Answer::Written(answers.await)
            }
            Command::Sleep(wait) => {
                self.clock.sleep(wait).await;
                Answer::Rested
            }
        }
    }
}

/// The end of a journal, held by one writer.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    journal: &'a dyn Journal,
    epoch: Epoch,
    head: Seq,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(journal: &'a dyn Journal) -> Self {
        Self { journal, epoch: Epoch(0), head: Seq::START }
    }

    /// Takes the journal over: from now on no older holder can write to it.
    pub(crate) async fn open(&mut self) -> Result<Epoch, JournalError> {
        self.epoch = self.journal.open_epoch().await?;
        self.head = self.journal.head().await?;
        Ok(self.epoch)
    }

    pub(crate) async fn append(&mut self, bodies: &[Body]) -> Result<(), JournalError> {
        let records: Vec<Record> = bodies.iter().map(Body::record).collect::<Result<_, _>>()?;
        self.head = self.journal.append(self.head, self.epoch, &records).await?;
        Ok(())
    }
}
