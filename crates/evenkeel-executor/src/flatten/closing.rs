//! The rounds of an emergency close.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_exchange::{Cancel, Clock, Effect, Error, Trade};
use evenkeel_rebalance::{Action, Work};
use evenkeel_types::{NumberError, OrderIntent, Position, Qty, Scope, Snapshot, Symbol, Timestamp};
use futures_util::future::join_all;

use super::{Closed, Flatten, FlattenOutcome, FlattenReport};
use crate::event::Event;
use crate::journal::{Body, EndRecord, FlattenRecord, IntentRecord, ObservedRecord, SCHEMA, Seen, Write};
use crate::machine::standing;
use crate::outcome::HaltReason;
use crate::run::Writer;
use crate::submit::{Ask, Batch, Fate, Rules, pause};

/// Most readings of the account between two rounds, while what was executed does not show. Reduce-only orders cannot
/// turn a position, so an emergency close then goes on from what is shown.
const MAX_READS: u32 = 6;

/// An emergency close under way.
pub(super) struct Closing<'a> {
    pub(super) venue: &'a dyn Trade,
    pub(super) clock: &'a dyn Clock,
    pub(super) what: &'a Flatten,
    pub(super) journal: Writer<'a>,
    pub(super) epoch: u64,
    pub(super) started: Timestamp,
    pub(super) closed: BTreeMap<Symbol, Closed>,
    pub(super) cancelled: u32,
    pub(super) before: Option<Snapshot>,
    pub(super) after: Option<Snapshot>,
    pub(super) rounds: u32,
}

fn is_flat_in(snapshot: &Snapshot, symbol: &Symbol) -> bool {
    !snapshot.positions.iter().any(|position| position.symbol == *symbol)
}

type Halting<T> = Result<T, HaltReason>;

fn internal(error: &NumberError) -> HaltReason {
    HaltReason::Internal { message: error.to_string() }
}

impl Closing<'_> {
    pub(super) async fn run(
        &mut self,
        progress: &mut (dyn FnMut(&Event) + Send),
        cancel: &Cancel,
    ) -> Halting<FlattenOutcome> {
        let opened = self.journal.open().await;
        self.epoch =
            opened.map_err(|error| HaltReason::Journal { message: evenkeel_exchange::chain(&error) })?.0;
        let record = FlattenRecord { schema: SCHEMA, at: self.started, only: self.what.only.clone() };
        self.write(&[Body::Flatten(record)]).await?;
        let mut expected = None;
        loop {
            let snapshot = self.read(expected.as_ref(), progress).await?;
            if self.is_flat(&snapshot) {
                // One reading can be an old one; two that agree, the second after a pause, are not.
                self.clock.sleep(pause(0)).await;
                let second = self.read(None, progress).await?;
                if self.is_flat(&second) && second.as_of >= snapshot.as_of {
                    self.after = Some(second);
                    return Ok(FlattenOutcome::Flat);
                }
                expected = None;
                if self.rounds >= self.what.rounds || self.is_late() {
                    return Ok(FlattenOutcome::NotFlat);
                }
                continue;
            }
            if self.rounds >= self.what.rounds || self.is_late() {
                return Ok(FlattenOutcome::NotFlat);
            }
            if cancel.is_requested() {
                return Ok(FlattenOutcome::Cancelled);
            }
            if self.rounds > 0 {
                self.clock.sleep(pause(self.rounds)).await;
            }
            let flat = self.verified_flat(&snapshot, progress).await?;
            expected = self.round(&snapshot, &flat, progress).await?;
            self.rounds = self.rounds.saturating_add(1);
        }
    }

    fn is_late(&self) -> bool {
        self.clock.now().since(self.started) > self.what.deadline
    }

    fn is_flat(&self, snapshot: &Snapshot) -> bool {
        let orders = self.what.cancel_orders && self.orders(snapshot).next().is_some();
        self.positions(snapshot).next().is_none() && !orders
    }

    pub(super) fn positions<'s>(&'s self, snapshot: &'s Snapshot) -> impl Iterator<Item = &'s Position> {
        snapshot.positions.iter().filter(|position| self.what.concerns(&position.symbol))
    }

    fn orders<'s>(&'s self, snapshot: &'s Snapshot) -> impl Iterator<Item = &'s evenkeel_types::OpenOrder> {
        snapshot.open_orders.iter().filter(|order| self.what.concerns(&order.symbol))
    }

    /// Symbols without a position by two readings that still have orders which can only reduce. Such an order protects
    /// a position for as long as there is one; it goes last.
    async fn verified_flat(
        &mut self,
        snapshot: &Snapshot,
        progress: &mut (dyn FnMut(&Event) + Send),
    ) -> Halting<BTreeSet<Symbol>> {
        let mut flat: BTreeSet<Symbol> = self
            .orders(snapshot)
            .filter(|order| self.what.cancel_orders && order.reduce_only)
            .map(|order| order.symbol.clone())
            .filter(|symbol| is_flat_in(snapshot, symbol))
            .collect();
        if !flat.is_empty() {
            self.clock.sleep(pause(0)).await;
            let second = self.read(None, progress).await?;
            flat.retain(|symbol| is_flat_in(&second, symbol));
        }
        Ok(flat)
    }

    /// Reads the account, again while it does not show what was executed; the last reading will do.
    async fn read(
        &mut self,
        expected: Option<&BTreeMap<Symbol, Qty>>,
        progress: &mut (dyn FnMut(&Event) + Send),
    ) -> Halting<Snapshot> {
        let mut last = None;
        for tried in 0..MAX_READS {
            if tried > 0 {
                self.clock.sleep(pause(tried)).await;
            }
            match self.venue.snapshot(&Scope::default()).await {
                Ok(snapshot) => {
                    let newest = self.after.as_ref().or(self.before.as_ref()).map(|before| before.as_of);
                    let late = expected.is_some_and(|expected| {
                        expected.iter().any(|(symbol, qty)| snapshot.qty(symbol) != *qty)
                    });
                    if newest.is_some_and(|newest| snapshot.as_of < newest) {
                        continue;
                    }
                    self.before.get_or_insert_with(|| snapshot.clone());
                    self.after = Some(snapshot.clone());
                    if !late {
                        return Ok(snapshot);
                    }
                    last = Some(Ok(snapshot));
                }
                Err(error) => {
                    progress(&Event::ReadFailed { error: error.to_string() });
                    if !matches!(last, Some(Ok(_))) {
                        last = Some(Err(error.to_string()));
                    }
                }
            }
        }
        match last {
            Some(Ok(snapshot)) => Ok(snapshot),
            Some(Err(message)) => Err(HaltReason::Unreadable { message }),
            None => {
                Err(HaltReason::StaleSnapshot { why: "every reading was older than the one before".into() })
            }
        }
    }

    /// One round: cancels, then closes, all of each at once. What can only reduce is cancelled on `flat` symbols only.
    /// Positions as they should be afterwards, where that is known.
    async fn round(
        &mut self,
        snapshot: &Snapshot,
        flat: &BTreeSet<Symbol>,
        progress: &mut (dyn FnMut(&Event) + Send),
    ) -> Halting<Option<BTreeMap<Symbol, Qty>>> {
        let orders = self.requests(snapshot).map_err(|error| internal(&error))?;
        let cancels: Vec<(Symbol, String)> = match self.what.cancel_orders {
            true => self
                .orders(snapshot)
                .filter(|order| !order.reduce_only || flat.contains(&order.symbol))
                .map(|order| (order.symbol.clone(), order.venue_order_id.clone()))
                .collect(),
            false => Vec::new(),
        };
        let expires = self.clock.now().after(self.what.resolve_deadline);
        let intent = |step: usize, symbol: &Symbol, write: Write| {
            Body::Intent(IntentRecord {
                plan: None,
                step: number(step),
                symbol: symbol.clone(),
                position: snapshot.qty(symbol),
                write,
                expires,
            })
        };
        let mut bodies: Vec<Body> = cancels
            .iter()
            .enumerate()
            .map(|(step, (symbol, id))| {
                let work = Work::CancelOrder { venue_order_id: id.clone() };
                intent(step, symbol, Write::Setting(work))
            })
            .collect();
        bodies.extend(orders.iter().enumerate().map(|(index, order)| {
            let step = index.saturating_add(cancels.len());
            intent(step, &order.intent().symbol, Write::Order(order.intent().clone()))
        }));
        self.write(&bodies).await?;
        self.cancel_all(&cancels, progress).await?;
        if orders.is_empty() {
            return Ok(None);
        }
        for request in &orders {
            let OrderIntent { id, symbol, side, qty, limit, .. } = request.intent().clone();
            if let Some(closed) = self.closed.get_mut(&symbol) {
                closed.orders = closed.orders.saturating_add(1);
            }
            progress(&Event::OrderSent { action: Action::Close, symbol, side, qty, limit, id });
        }
        let rules = Rules {
            deadline: self.what.resolve_deadline,
            dedupe: snapshot.capabilities.dedupe,
            since: snapshot.as_of,
        };
        let numbered = orders
            .into_iter()
            .enumerate()
            .map(|(index, order)| (number(index.saturating_add(cancels.len())), Action::Close, order));
        let mut batch = Batch::new(None, numbered, rules);
        self.drive(&mut batch, progress).await?;
        self.count(snapshot, &batch).map_err(|error| internal(&error))
    }

    async fn cancel_all(
        &mut self,
        cancels: &[(Symbol, String)],
        progress: &mut (dyn FnMut(&Event) + Send),
    ) -> Halting<()> {
        let venue = self.venue;
        let answers = join_all(cancels.iter().map(|(symbol, id)| venue.cancel_by_venue_id(symbol, id))).await;
        let mut bodies = Vec::new();
        for (step, ((symbol, _), answer)) in cancels.iter().zip(answers).enumerate() {
            let action = Action::CancelOrder;
            let seen = match answer {
                Ok(()) => {
                    self.cancelled = self.cancelled.saturating_add(1);
                    progress(&Event::Written { action, symbol: symbol.clone() });
                    Seen::Accepted
                }
                Err(error) => {
                    let text = error.to_string();
                    progress(&Event::WriteFailed { action, symbol: symbol.clone(), error: text });
                    failed(&error)
                }
            };
            let symbol = symbol.clone();
            bodies.push(Body::Observed(ObservedRecord {
                plan: None,
                step: number(step),
                symbol,
                order: None,
                seen,
            }));
        }
        self.write(&bodies).await
    }

    async fn drive(&mut self, batch: &mut Batch, progress: &mut (dyn FnMut(&Event) + Send)) -> Halting<()> {
        loop {
            // The batch ends by itself: its questions have a named maximum.
            let ask = batch.next(true);
            for event in std::mem::take(&mut batch.events) {
                progress(&event);
            }
            let bodies = std::mem::take(&mut batch.bodies);
            self.write(&bodies).await?;
            match ask {
                Ask::Place(orders) => {
                    let answers = self.venue.place(&orders).await;
                    batch.placed(self.clock.now(), answers);
                }
                Ask::Query(orders) => {
                    let venue = self.venue;
                    let answers = join_all(orders.iter().map(|(symbol, id)| venue.order(symbol, id))).await;
                    batch.queried(self.clock.now(), answers);
                }
                Ask::Fills(symbols) => {
                    let fills = self.venue.fills(&symbols, batch.since()).await;
                    batch.filled(self.clock.now(), fills.ok().as_deref());
                }
                Ask::Sleep(wait) => {
                    self.clock.sleep(wait).await;
                    batch.rested(self.clock.now());
                }
                Ask::Over => return Ok(()),
            }
        }
    }

    /// What became of the orders; the positions that must be shown next, unless one stayed unknown.
    fn count(
        &mut self,
        snapshot: &Snapshot,
        batch: &Batch,
    ) -> Result<Option<BTreeMap<Symbol, Qty>>, NumberError> {
        let mut expected: BTreeMap<Symbol, Qty> = BTreeMap::new();
        let mut known = true;
        for (ticket, fate) in batch.fates() {
            let intent = &ticket.intent;
            let Some(closed) = self.closed.get_mut(&intent.symbol) else { continue };
            let (filled, error) = match fate {
                Fate::Ended(state) if state.filled >= intent.qty => (state.filled, None),
                Fate::Ended(state) => (
                    state.filled,
                    Some(format!("{} of {} executed within the limit", state.filled, intent.qty)),
                ),
                Fate::Refused { error, .. } => (Qty::ZERO, Some(error.clone())),
                Fate::NotSent => (Qty::ZERO, Some("not sent".into())),
                Fate::Lost { filled, error } => {
                    known = false;
                    (*filled, Some(error.clone()))
                }
            };
            closed.filled = closed.filled.plus(filled)?;
            closed.error = error;
            let position =
                expected.entry(intent.symbol.clone()).or_insert_with(|| snapshot.qty(&intent.symbol));
            *position = position.plus(intent.side.signed(filled))?;
        }
        Ok(known.then_some(expected))
    }

    async fn write(&mut self, bodies: &[Body]) -> Halting<()> {
        if bodies.is_empty() {
            return Ok(());
        }
        let written = self.journal.append(bodies).await;
        written.map_err(|error| HaltReason::Journal { message: evenkeel_exchange::chain(&error) })
    }

    pub(super) async fn report(mut self, mut outcome: FlattenOutcome) -> FlattenReport {
        let words = match &outcome {
            FlattenOutcome::Flat => "Flat: everything is closed, verified by two readings".into(),
            FlattenOutcome::NotFlat => format!("Not flat after {} round(s) of orders", self.rounds),
            FlattenOutcome::Cancelled => "Cancelled before everything was closed".into(),
            FlattenOutcome::Halted(reason) => format!("Halted: {reason}"),
        };
        let standing = self.after.as_ref().map_or_else(|| "not known".into(), standing);
        let mut message = format!("{words}. The account now: {standing}");
        let journaled = !matches!(outcome, FlattenOutcome::Halted(HaltReason::Journal { .. }));
        if journaled {
            let record = Box::new(EndRecord {
                at: self.clock.now(),
                outcome: words,
                message: message.clone(),
                state: None,
                rounds: self.rounds,
            });
            let body = match &outcome {
                FlattenOutcome::Flat => Body::Done(record),
                FlattenOutcome::Halted(_) => Body::Halted(record),
                FlattenOutcome::NotFlat | FlattenOutcome::Cancelled => Body::Aborted(record),
            };
            if let Err(reason) = self.write(&[body]).await
                && !matches!(outcome, FlattenOutcome::Flat | FlattenOutcome::Halted(_))
            {
                message = format!("Halted: {reason}. The account now: {standing}");
                outcome = FlattenOutcome::Halted(reason);
            }
        }
        FlattenReport {
            outcome,
            message,
            closed: self.closed.into_values().collect(),
            cancelled: self.cancelled,
            before: self.before,
            after: self.after,
            rounds: self.rounds,
        }
    }
}

pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn failed(error: &Error) -> Seen {
    let text = error.to_string();
    match error.effect() {
        Effect::NotApplied => Seen::Refused { error: text },
        Effect::Unknown => Seen::Unknown { error: text },
    }
}
