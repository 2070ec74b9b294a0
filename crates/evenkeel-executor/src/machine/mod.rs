//! The loop as a pure state machine: observe, plan, check, carry out the first phase, observe again.
//!
//! [`Machine::step`] is told what came of the last command and says what to do next. It does no I/O, knows no clock and
//! draws no lots, so the same answers always lead to the same commands.

mod carry;
mod command;
mod count;
mod decide;
mod finish;
mod read;
#[cfg(test)]
mod tests;
mod trades;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_exchange::{Error, LeverageProof};
use evenkeel_rebalance::{PhaseKind, Plan, RunState, Step};
use evenkeel_types::{
    ClientOrderId, NumberError, OrderIntent, OrderState, Qty, Snapshot, Symbol, Timestamp, Usd,
};

pub(crate) use command::{Answer, Command, Setting};
pub(crate) use finish::standing;

use crate::event::Event;
use crate::journal::{Body, Evidence, ResolvedRecord, RunRecord, SCHEMA};
use crate::outcome::{AbortReason, HaltReason, Outcome};
use crate::preview::Approval;
use crate::recall::{Left, recall};
use crate::report::{Report, SettingReport};
use crate::settle::{Expect, Settling};
use crate::submit::Batch;
use trades::Trades;

/// How many plans a run carries out at most. Sixty-four symbols reopened one at a time are 192 (three phases each); the
/// rest is room for repeats.
pub(crate) const MAX_ROUNDS: u32 = 256;

/// How often leverage is read back for one phase before a difference or a failed reading is believed: once may be a
/// lagging reading, three in a row are not.
const MAX_PROOFS: u32 = 3;

/// How often a plan may go out of date between being made and being sent. It takes a stall of the plan's whole validity
/// each time, so a second one is no accident.
const MAX_OVERTAKEN: u32 = 2;

pub(crate) struct Machine {
    approval: Approval,
    state: RunState,
    stage: Stage,
    started: Timestamp,
    epoch: u64,
    /// The last reading that was believed; at first the one that the approval was made from.
    last: Snapshot,
    /// Whether `last` was read in this run, after everything that was sent.
    current: bool,
    /// Whether anything was sent.
    sent: bool,
    expect: Expect,
    /// The plan that was made last.
    plan: Plan,
    /// Whether its first phase was carried out.
    carried_out: bool,
    proofs: BTreeMap<Symbol, LeverageProof>,
    budget: Budget,
    /// Tries without any execution, by symbol and kind of phase.
    failures: BTreeMap<(Symbol, PhaseKind), u32>,
    /// Margin moves whose answer was lost: equity of the bucket before, and how much was to be moved.
    doubtful: BTreeMap<Symbol, (Usd, Usd)>,
    /// Symbols whose margin was moved in this run, or may have been: it is not moved twice, whatever a reading shows.
    moved: BTreeSet<Symbol>,
    rounds: u32,
    trips: u32,
    overtaken: u32,
    /// How long to wait before the account is read again, because the venue refused something.
    pause: Option<Duration>,
    trades: Trades,
    settings: Vec<SettingReport>,
    ordered: BTreeMap<ClientOrderId, OrderIntent>,
    /// Orders of earlier runs whose end is not on record.
    left: BTreeMap<ClientOrderId, Left>,
    /// Symbols of which an order of ours was found to have executed late.
    explained: BTreeSet<Symbol>,
    journal_broken: bool,
    ending: Option<Outcome>,
    out: Vec<Command>,
}

/// What a phase has used of what it may use.
#[derive(Debug, Clone, Copy, Default)]
struct Budget {
    phase: Option<PhaseKind>,
    /// Plans carried out in it.
    rounds: u32,
    /// Of these, the last ones that got no nearer.
    fruitless: u32,
}

#[derive(Debug)]
enum Stage {
    Start,
    Opening,
    /// Asking for the orders that earlier runs left open.
    Recalling,
    /// What is known of them is on record.
    Recalled,
    /// Waiting for a reading, or for time to pass before the next one.
    Reading(Box<Settling>),
    /// Reading leverage back; the plan is on record already or not.
    Proving {
        plan: Box<Plan>,
        committed: bool,
        tries: u32,
    },
    /// Waiting for the journal to take the plan and its intents.
    Committing(Box<Plan>),
    /// Writes that are no orders, group after group; orders follow where the phase has some.
    Writing {
        plan: Box<Plan>,
        current: Vec<Step>,
        rest: Vec<Vec<Step>>,
        skip: Vec<Symbol>,
    },
    /// Orders on their way to a known end.
    Placing {
        plan: Box<Plan>,
        batch: Box<Batch>,
    },
    /// A position moved; was it our orders?
    Blaming {
        symbol: Symbol,
        expected: Qty,
        found: Qty,
    },
    /// Waiting for the journal to take the last record.
    Ending(Box<Report>),
    Ended,
}

/// The run ends here.
#[derive(Debug)]
struct Stop(Outcome);

impl From<NumberError> for Stop {
    fn from(error: NumberError) -> Self {
        Stop(Outcome::Halted(HaltReason::Internal { message: error.to_string() }))
    }
}

impl From<HaltReason> for Stop {
    fn from(reason: HaltReason) -> Self {
        Stop(Outcome::Halted(reason))
    }
}

impl From<AbortReason> for Stop {
    fn from(reason: AbortReason) -> Self {
        Stop(Outcome::Aborted(reason))
    }
}

impl Machine {
    pub(crate) fn new(approval: Approval, now: Timestamp) -> Self {
        let state = RunState::approved(&approval.plan, approval.envelope.clone());
        let last = approval.snapshot.clone();
        let expect = Expect::nothing_new(&last);
        let plan = approval.plan.clone();
        Self {
            approval,
            state,
            stage: Stage::Start,
            started: now,
            epoch: 0,
            last,
            current: false,
            sent: false,
            expect,
            plan,
            carried_out: false,
            proofs: BTreeMap::new(),
            budget: Budget::default(),
            failures: BTreeMap::new(),
            doubtful: BTreeMap::new(),
            moved: BTreeSet::new(),
            rounds: 0,
            trips: 0,
            overtaken: 0,
            pause: None,
            trades: Trades::default(),
            settings: Vec::new(),
            ordered: BTreeMap::new(),
            left: BTreeMap::new(),
            explained: BTreeSet::new(),
            journal_broken: false,
            ending: None,
            out: Vec::new(),
        }
    }

    /// What to do next, given what came of the last command. `cancelled` is whether somebody asked to stop.
    pub(crate) fn step(&mut self, now: Timestamp, cancelled: bool, answer: Answer) -> Vec<Command> {
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        if let Err(Stop(outcome)) = self.advance(now, cancelled, stage, answer) {
            self.end(now, outcome);
        }
        let trips = self.out.iter().filter(|command| command.is_trip()).count();
        self.trips = self.trips.saturating_add(u32::try_from(trips).unwrap_or(u32::MAX));
        std::mem::take(&mut self.out)
    }

    fn advance(&mut self, now: Timestamp, cancelled: bool, stage: Stage, answer: Answer) -> Result<(), Stop> {
        match (stage, answer) {
            (Stage::Start, Answer::Start) => self.start(now),
            (stage, Answer::JournalFailed(message)) => self.journal_failed(now, stage, message),
            (Stage::Opening, Answer::Opened(epoch, entries)) => {
                self.epoch = epoch.0;
                let left = recall(&entries, now);
                let left =
                    left.map_err(|error| HaltReason::Journal { message: evenkeel_exchange::chain(&error) })?;
                self.moved.extend(left.margin);
                self.left = left.orders;
                self.journal(vec![Body::Run(Box::new(RunRecord {
                    schema: SCHEMA,
                    at: now,
                    plan: self.approval.plan.id(),
                    expires: self.approval.plan.expires,
                    target: self.approval.target.clone(),
                    policy: self.approval.policy.clone(),
                    envelope: self.approval.envelope.clone(),
                }))]);
                self.stage = Stage::Opening;
                Ok(())
            }
            (Stage::Opening, Answer::Journaled) => {
                self.stop_if_asked(now, cancelled)?;
                if self.left.is_empty() {
                    self.observe(now);
                } else {
                    let orders = self.left.iter().map(|(id, left)| (left.symbol.clone(), *id)).collect();
                    self.out.push(Command::Query(orders));
                    self.stage = Stage::Recalling;
                }
                Ok(())
            }
            (Stage::Recalling, Answer::Queried(answers)) => {
                self.recalled(answers)?;
                self.stage = Stage::Recalled;
                self.out.push(Command::Sleep(Duration::ZERO));
                Ok(())
            }
            (Stage::Recalled, Answer::Rested) => {
                self.observe(now);
                Ok(())
            }
            (Stage::Reading(settling), Answer::Read(snapshot, proofs)) => {
                self.was_read(now, cancelled, settling, *snapshot, proofs)
            }
            (Stage::Reading(settling), Answer::Rested) => {
                self.read(settling);
                Ok(())
            }
            (Stage::Proving { plan, committed, tries }, Answer::Proven(proofs)) => {
                self.proven(now, cancelled, plan, committed, tries, proofs)
            }
            (Stage::Proving { plan, committed, tries }, Answer::Rested) => {
                self.prove(plan, committed, tries);
                Ok(())
            }
            (Stage::Committing(plan), Answer::Journaled) => self.committed(now, cancelled, plan),
            (Stage::Writing { plan, current, rest, skip }, Answer::Written(answers)) => {
                self.written(now, cancelled, plan, &current, rest, skip, answers)
            }
            (Stage::Placing { plan, mut batch }, answer) => {
                match answer {
                    Answer::Placed(answers) => batch.placed(now, answers),
                    Answer::Queried(answers) => batch.queried(now, answers),
                    Answer::Rested => batch.rested(now),
                    Answer::Filled(fills) => batch.filled(now, fills.as_deref().ok()),
                    _ => return Err(unexpected()),
                }
                self.drive(now, cancelled, plan, batch)
            }
            (Stage::Blaming { symbol, expected, found }, Answer::Filled(fills)) => {
                self.blame(now, symbol, expected, found, fills.as_deref().unwrap_or_default())
            }
            (Stage::Ending(report), Answer::Journaled) => {
                self.finish(report);
                Ok(())
            }
            _ => Err(unexpected()),
        }
    }

    fn start(&mut self, now: Timestamp) -> Result<(), Stop> {
        let plan = self.approval.plan.clone();
        self.trades.plan(&plan)?;
        self.tell(Event::RunStarted { plan: plan.id(), trades: plan.costs.trades });
        if now > plan.expires {
            return Err(HaltReason::ExpiredPlan.into());
        }
        self.stage = Stage::Opening;
        self.out.push(Command::Open);
        Ok(())
    }

    /// What earlier runs left open and the venue says is over is over; the rest counts as filled wherever that is worse.
    fn recalled(&mut self, answers: Vec<Result<Option<OrderState>, Error>>) -> Result<(), Stop> {
        let mut answers = answers.into_iter();
        let mut bodies = Vec::new();
        for (order, left) in std::mem::take(&mut self.left) {
            match answers.next() {
                Some(Ok(Some(state))) if state.id == order && state.status.is_terminal() => {
                    let (symbol, filled, evidence) = (left.symbol, state.filled, Evidence::OrderRecord);
                    bodies.push(Body::Resolved(ResolvedRecord { symbol, order, filled, evidence }));
                }
                // Not found proves nothing.
                _ => self.quarantine(&left.symbol, left.side, left.open)?,
            }
        }
        self.journal(bodies);
        Ok(())
    }

    /// Nothing new is begun once somebody asked to stop, or the run's time is over.
    fn stop_if_asked(&self, now: Timestamp, cancelled: bool) -> Result<(), Stop> {
        if cancelled {
            return Err(AbortReason::Cancelled.into());
        }
        if now.since(self.started) > self.approval.policy.run_deadline {
            return Err(AbortReason::Deadline.into());
        }
        Ok(())
    }

    /// Without a journal nothing may be sent. Orders on their way are given up on: they count as filled.
    fn journal_failed(&mut self, now: Timestamp, stage: Stage, message: String) -> Result<(), Stop> {
        self.journal_broken = true;
        let halted = HaltReason::Journal { message };
        match stage {
            Stage::Placing { plan, mut batch } => {
                batch.filled(now, None);
                self.tell_all(std::mem::take(&mut batch.events));
                // The run ends anyway, whatever the orders came to.
                let _counted = self.count(&plan, &batch)?;
                Err(halted.into())
            }
            Stage::Ending(mut report) => {
                if !matches!(report.outcome, Outcome::Halted(_)) {
                    report.outcome = Outcome::Halted(halted);
                    report.success = false;
                    report.message = self.message(&report.outcome, &report);
                }
                self.finish(report);
                Ok(())
            }
            _ => Err(halted.into()),
        }
    }

    fn tell(&mut self, event: Event) {
        self.out.push(Command::Tell(event));
    }

    fn tell_all(&mut self, events: Vec<Event>) {
        self.out.extend(events.into_iter().map(Command::Tell));
    }

    fn journal(&mut self, bodies: Vec<Body>) {
        if !bodies.is_empty() {
            self.out.push(Command::Journal(bodies));
        }
    }
}

fn unexpected() -> Stop {
    let message = "an answer to a question that was not asked".into();
    HaltReason::Internal { message }.into()
}
