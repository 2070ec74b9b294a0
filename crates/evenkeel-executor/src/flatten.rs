//! Emergency close: everything reduced to nothing, and verified.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use evenkeel_exchange::{Cancel, Clock, Effect, Error, OrderRequest, Trade};
use evenkeel_rebalance::{Action, Work};
use evenkeel_store::Journal;
use evenkeel_types::{
    ClientOrderId, Decimal, Exact, Instrument, NumberError, OrderIntent, Position, Price, Qty, Quote, Rate,
    Round, Scope, Side, Snapshot, Symbol, TimeInForce, Timestamp,
};
use futures_util::future::join_all;
use sha2::{Digest, Sha256};

use crate::event::Event;
use crate::journal::{Body, EndRecord, FlattenRecord, IntentRecord, ObservedRecord, SCHEMA, Seen, Write};
use crate::machine::standing;
use crate::outcome::HaltReason;
use crate::run::Writer;
use crate::submit::{Ask, Batch, Fate, Rules, pause};

/// Most orders that one position is closed with in one round. A position that needs more is closed in several rounds.
const MAX_ORDERS_PER_POSITION: usize = 20;

/// Most readings of the account between two rounds, while what was executed does not show. Reduce-only orders cannot
/// turn a position, so an emergency close then goes on from what is shown.
const MAX_READS: u32 = 6;

/// What is closed, and how hard it is tried. Start from [`Flatten::everything`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flatten {
    /// Only these symbols; `None` is everything.
    pub only: Option<BTreeSet<Symbol>>,
    /// How far from the mark price the closing orders' limits lie, as a fraction.
    pub slippage: Rate,
    /// Whether resting orders on these symbols are cancelled first: they could open what was just closed.
    pub cancel_orders: bool,
    /// How many rounds of orders are sent at most, each from a fresh reading.
    pub rounds: u32,
    /// How long an order whose outcome is unknown is asked for.
    pub resolve_deadline: Duration,
    /// How long the whole may take.
    pub deadline: Duration,
}

impl Flatten {
    /// Everything, at up to 5 % from the mark price (getting out matters more than the price, but not at any), resting
    /// orders cancelled, five rounds, ten seconds for an unknown outcome (the next round is reduce-only and cannot do
    /// harm, so waiting longer only costs time), two minutes in all.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            only: None,
            slippage: Rate::new(Decimal::new(5, 2)).unwrap_or(Rate::ZERO),
            cancel_orders: true,
            rounds: 5,
            resolve_deadline: Duration::from_secs(10),
            deadline: Duration::from_secs(120),
        }
    }

    /// Only these symbols.
    #[must_use]
    pub fn only(mut self, symbols: impl IntoIterator<Item = Symbol>) -> Self {
        self.only = Some(symbols.into_iter().collect());
        self
    }

    fn concerns(&self, symbol: &Symbol) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(symbol))
    }
}

/// How an emergency close ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum FlattenOutcome {
    /// Two readings after the last order agree that nothing is held and nothing rests.
    Flat,
    /// Something is left.
    NotFlat,
    /// It stopped before it was through.
    Halted(HaltReason),
    /// Somebody asked to stop.
    Cancelled,
}

/// What became of an emergency close.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlattenReport {
    /// How it ended.
    pub outcome: FlattenOutcome,
    /// In one line.
    pub message: String,
    /// Every position that was found, and what became of it.
    pub closed: Vec<Closed>,
    /// How many resting orders were cancelled.
    pub cancelled: u32,
    /// The account before, where it could be read.
    pub before: Option<Snapshot>,
    /// The account after, where it could be read.
    pub after: Option<Snapshot>,
    /// How many rounds of orders were sent.
    pub rounds: u32,
}

impl FlattenReport {
    /// Whether nothing is held and nothing rests, verified.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.outcome == FlattenOutcome::Flat
    }
}

/// One position that was to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Which.
    pub symbol: Symbol,
    /// Signed size when it was found.
    pub size: Qty,
    /// How much of it our orders executed for certain, without sign.
    pub filled: Qty,
    /// How many orders were sent for it.
    pub orders: u32,
    /// What went wrong last.
    pub error: Option<String>,
}

impl fmt::Display for FlattenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in crate::text::wrap(&self.message, 80, "") {
            writeln!(f, "{line}")?;
        }
        for closed in &self.closed {
            writeln!(
                f,
                "{:<12} {:>16} closed {:>16}",
                closed.symbol,
                closed.size.to_string(),
                closed.filled.to_string()
            )?;
            for line in closed.error.iter().flat_map(|error| crate::text::wrap(error, 80, "    ")) {
                writeln!(f, "{line}")?;
            }
        }
        write!(f, "{} resting order(s) cancelled, {} round(s)", self.cancelled, self.rounds)
    }
}

/// Closes every position with reduce-only orders, whatever their leverage, target or plan, and verifies that the account
/// is flat. Nothing it sends can open or turn a position.
///
/// Large positions are split at the venue's maximum order size. What was refused, executed in part, or of unknown outcome
/// is tried again from a fresh reading: a reduce-only order of the size that is shown can do no harm even if an earlier
/// one still executes. `cancel` is obeyed between rounds.
pub async fn flatten(
    venue: &dyn Trade,
    journal: &dyn Journal,
    clock: &dyn Clock,
    what: &Flatten,
    progress: &mut (dyn FnMut(&Event) + Send),
    cancel: &Cancel,
) -> FlattenReport {
    let mut closing = Closing {
        venue,
        clock,
        what,
        journal: Writer::new(journal),
        epoch: 0,
        started: clock.now(),
        closed: BTreeMap::new(),
        cancelled: 0,
        before: None,
        after: None,
        rounds: 0,
    };
    let outcome = match closing.run(progress, cancel).await {
        Ok(outcome) => outcome,
        Err(reason) => FlattenOutcome::Halted(reason),
    };
    closing.report(outcome).await
}

struct Closing<'a> {
    venue: &'a dyn Trade,
    clock: &'a dyn Clock,
    what: &'a Flatten,
    journal: Writer<'a>,
    epoch: u64,
    started: Timestamp,
    closed: BTreeMap<Symbol, Closed>,
    cancelled: u32,
    before: Option<Snapshot>,
    after: Option<Snapshot>,
    rounds: u32,
}

type Halting<T> = Result<T, HaltReason>;

fn internal(error: NumberError) -> HaltReason {
    HaltReason::Internal { message: error.to_string() }
}

impl Closing<'_> {
    async fn run(
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
            expected = self.round(&snapshot, progress).await?;
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

    fn positions<'s>(&'s self, snapshot: &'s Snapshot) -> impl Iterator<Item = &'s Position> {
        snapshot.positions.iter().filter(|position| self.what.concerns(&position.symbol))
    }

    fn orders<'s>(&'s self, snapshot: &'s Snapshot) -> impl Iterator<Item = &'s evenkeel_types::OpenOrder> {
        snapshot.open_orders.iter().filter(|order| self.what.concerns(&order.symbol))
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

    /// One round: cancels, then closes, all of each at once. Positions as they should be afterwards, where that is known.
    async fn round(
        &mut self,
        snapshot: &Snapshot,
        progress: &mut (dyn FnMut(&Event) + Send),
    ) -> Halting<Option<BTreeMap<Symbol, Qty>>> {
        let orders = self.requests(snapshot).map_err(internal)?;
        let cancels: Vec<(Symbol, String)> = match self.what.cancel_orders {
            true => self.orders(snapshot).map(|o| (o.symbol.clone(), o.venue_order_id.clone())).collect(),
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
            expires,
            since: snapshot.as_of,
        };
        let numbered = orders
            .into_iter()
            .enumerate()
            .map(|(index, order)| (number(index.saturating_add(cancels.len())), Action::Close, order));
        let mut batch = Batch::new(None, numbered, rules);
        self.drive(&mut batch, progress).await?;
        self.count(snapshot, &batch).map_err(internal)
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
            let ask = batch.next(self.clock.now(), true);
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
                    let (venue, since) = (self.venue, batch.since());
                    let answers = join_all(symbols.iter().map(|symbol| venue.fills(symbol, since))).await;
                    let fills: Result<Vec<Vec<_>>, Error> = answers.into_iter().collect();
                    let fills: Option<Vec<_>> = fills.ok().map(|fills| fills.into_iter().flatten().collect());
                    batch.filled(self.clock.now(), fills.as_deref());
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

    /// Closing orders for everything held, split at the venue's largest order.
    fn requests(&mut self, snapshot: &Snapshot) -> Result<Vec<OrderRequest>, NumberError> {
        let mut requests = Vec::new();
        let positions: Vec<Position> = self.positions(snapshot).cloned().collect();
        for position in positions {
            let symbol = &position.symbol;
            self.closed.entry(symbol.clone()).or_insert_with(|| Closed {
                symbol: symbol.clone(),
                size: position.qty,
                filled: Qty::ZERO,
                orders: 0,
                error: None,
            });
            let (Some(instrument), Some(quote)) =
                (snapshot.instruments.get(symbol), snapshot.quotes.get(symbol))
            else {
                continue;
            };
            let side = position.closing_side();
            let limit = limit(instrument, quote, side, self.what.slippage)?;
            for (index, qty) in split(instrument, position.qty.abs())?.into_iter().enumerate() {
                let intent = OrderIntent {
                    id: self.identity(snapshot, symbol, index),
                    symbol: symbol.clone(),
                    side,
                    position_side: position.side,
                    qty,
                    limit,
                    tif: TimeInForce::Ioc,
                    reduce_only: true,
                };
                match OrderRequest::reducing(intent) {
                    Ok(request) => requests.push(request),
                    Err(error) => {
                        if let Some(closed) = self.closed.get_mut(symbol) {
                            closed.error = Some(error.to_string());
                        }
                    }
                }
            }
        }
        Ok(requests)
    }

    /// Of which account, holder, reading, round and part: the same decision has the same identity, and no other has it.
    fn identity(&self, snapshot: &Snapshot, symbol: &Symbol, index: usize) -> ClientOrderId {
        let mut hasher = Sha256::new();
        hasher.update(b"flatten\0");
        hasher.update(snapshot.account.as_str().as_bytes());
        hasher.update([0]);
        hasher.update(symbol.as_str().as_bytes());
        hasher.update([0]);
        hasher.update(self.epoch.to_be_bytes());
        hasher.update(self.started.0.to_be_bytes());
        hasher.update(snapshot.as_of.0.to_be_bytes());
        hasher.update(self.rounds.to_be_bytes());
        hasher.update(number(index).to_be_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        let mut hash = [0; 16];
        for (to, from) in hash.iter_mut().zip(digest) {
            *to = from;
        }
        ClientOrderId::from_hash(&hash)
    }

    async fn write(&mut self, bodies: &[Body]) -> Halting<()> {
        if bodies.is_empty() {
            return Ok(());
        }
        let written = self.journal.append(bodies).await;
        written.map_err(|error| HaltReason::Journal { message: evenkeel_exchange::chain(&error) })
    }

    async fn report(mut self, mut outcome: FlattenOutcome) -> FlattenReport {
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

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn failed(error: &Error) -> Seen {
    let text = error.to_string();
    match error.effect() {
        Effect::NotApplied => Seen::Refused { error: text },
        Effect::Unknown => Seen::Unknown { error: text },
    }
}

/// The worst acceptable price, rounded so that it is more likely to trade.
fn limit(instrument: &Instrument, quote: &Quote, side: Side, slippage: Rate) -> Result<Price, NumberError> {
    let factor = match side {
        Side::Buy => Decimal::ONE.plus(slippage.get())?,
        Side::Sell => Decimal::ONE.minus(slippage.get())?,
    };
    let bound = Price::new(quote.mark.get().times(factor)?)?;
    instrument.price_rule.round(bound, Round::Aggressive(side)).or_else(|_| {
        // Where a tick is more than the price that is left, the lowest price that there is.
        instrument.price_rule.round(quote.mark, Round::Aggressive(Side::Buy))
    })
}

/// Equal parts no larger than the venue's largest order, so that none is left too small to be taken; the last one is
/// exact. A position too large for one round's orders is closed in part.
fn split(instrument: &Instrument, size: Qty) -> Result<Vec<Qty>, NumberError> {
    let Some(most) = instrument.max_qty.filter(|most| most.is_positive() && *most < size) else {
        return Ok(vec![size]);
    };
    for parts in 2..=MAX_ORDERS_PER_POSITION {
        let count = Decimal::from(parts);
        let part = instrument.lot.toward_zero(Qty::new(size.get().over(count)?)?)?;
        let last = size.minus(part.times(count.minus(Decimal::ONE)?)?)?;
        if part.is_positive() && last <= most {
            let mut split = vec![part; parts.saturating_sub(1)];
            split.push(last);
            return Ok(split);
        }
    }
    Ok(vec![instrument.lot.toward_zero(most)?; MAX_ORDERS_PER_POSITION])
}
