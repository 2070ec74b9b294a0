//! The exchange: state, queue of what is to come, and the one door through which calls enter.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{
    Error, ErrorKind, FundingPayment, Operation, Protective, Result, StopIntent, StopState, StopStatus,
};
use evenkeel_types::{
    AccountId, ClientOrderId, Fill, Leverage, MarginMode, OrderIntent, OrderState, OrderStatus, PoolId,
    PositionMode, PositionSide, Side, Symbol, Timestamp, Usd, VenueId,
};

use crate::faults::{Fate, FaultRule, Tweak, Verdict, judge};
use crate::profile::Profile;
use crate::refusal::{Outcome, refused};
use crate::rng::Rng;
use crate::series::{Identities, Series};
use crate::settle::Withheld;
use crate::state::{State, Totals};
use crate::time::{Due, Execution, check};
use crate::truth::{Cause, Log, OrderRecord, Sample, Truth};

/// How many earlier states a stale reading can go back to. Enough for a whole phase of a rebalance; each is a copy of
/// the account.
const MAX_PAST: usize = 16;

/// An exchange with one account: a deterministic state machine without I/O, clock or runtime. The same calls with
/// the same seed give the same answers, fills and trace, on every machine.
///
/// Its methods named as those of [`Observe`](evenkeel_exchange::Observe) and [`Trade`](evenkeel_exchange::Trade) are
/// what a client can do, and suffer [`Fault`](crate::Fault)s; all others are the tester's hand and always work. Use
/// [`PaperVenue`](crate::PaperVenue) to put it behind the traits.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) venue: VenueId,
    pub(crate) account: AccountId,
    pub(crate) position_mode: PositionMode,
    pub(crate) profile: Profile,
    pub(crate) execution: Execution,
    pub(crate) latency: Duration,
    pub(crate) now: Timestamp,
    pub(crate) state: State,
    pub(crate) past: VecDeque<Arc<State>>,
    pub(crate) rng: Rng,
    pub(crate) rules: Vec<FaultRule>,
    pub(crate) queue: BTreeMap<(Timestamp, u64), Due>,
    pub(crate) queued: u64,
    pub(crate) records: Series<OrderRecord>,
    /// Records of orders that are not over.
    pub(crate) live: BTreeSet<usize>,
    /// Added to the count of records in identities: a fork may have brought identities of our form along.
    pub(crate) first_order: usize,
    pub(crate) by_id: Identities,
    pub(crate) fills: Series<Fill>,
    pub(crate) payments: Series<FundingPayment>,
    pub(crate) withheld: Vec<Withheld>,
    pub(crate) log: Log,
    /// Whether what is being done is somebody else's doing.
    pub(crate) foreign: bool,
}

/// A write, as it can be delayed.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    Order(OrderIntent, Tweak),
    Cancel(Symbol, ClientOrderId),
    CancelByVenueId(Symbol, String),
    CancelAll(Option<Symbol>, Protective),
    Stop(StopIntent),
    CancelStop(Symbol, ClientOrderId),
    Leverage(Symbol, Option<Side>, Leverage),
    Mode(Symbol, MarginMode),
    Margin(Symbol, PositionSide, Usd),
}

impl Write {
    fn operation(&self) -> Operation {
        match self {
            Write::Order(..) => Operation::Place,
            Write::Cancel(..) | Write::CancelByVenueId(..) => Operation::Cancel,
            Write::CancelAll(..) => Operation::CancelAll,
            Write::Stop(_) => Operation::PlaceStop,
            Write::CancelStop(..) => Operation::CancelStop,
            Write::Leverage(..) => Operation::SetLeverage,
            Write::Mode(..) => Operation::SetMarginMode,
            Write::Margin(..) => Operation::AdjustMargin,
        }
    }

    /// The symbols that it names; none where it is about the whole account.
    fn symbols(&self) -> &[Symbol] {
        match self {
            Write::CancelAll(symbol, _) => symbol.as_slice(),
            Write::Order(intent, _) => from_ref(&intent.symbol),
            Write::Stop(stop) => from_ref(&stop.symbol),
            Write::Cancel(symbol, _)
            | Write::CancelByVenueId(symbol, _)
            | Write::CancelStop(symbol, _)
            | Write::Leverage(symbol, ..)
            | Write::Mode(symbol, _)
            | Write::Margin(symbol, ..) => from_ref(symbol),
        }
    }
}

/// What a write answers.
#[derive(Debug)]
pub(crate) enum Written {
    Done,
    Order(OrderState),
    Stop(StopState),
    Cancelled(u32),
}

impl World {
    /// Now, in the world's own time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The rules that are enforced.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// From now on these faults strike too.
    pub fn inject(&mut self, rules: impl IntoIterator<Item = FaultRule>) {
        self.rules.extend(rules);
    }

    /// The rules of faults, with what they counted.
    #[must_use]
    pub fn faults(&self) -> &[FaultRule] {
        &self.rules
    }

    /// From now on no fault strikes. What was delayed still arrives.
    pub fn clear_faults(&mut self) {
        self.rules.clear();
    }

    /// How orders find their price, from now on.
    pub fn set_execution(&mut self, execution: Execution) {
        self.execution = execution;
    }

    /// How much time every call takes, from now on; none at first.
    pub fn set_latency(&mut self, latency: Duration) {
        self.latency = latency;
    }

    /// Adds money to a pool, or takes some that is free (below zero).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a pool, [`ErrorKind::InsufficientMargin`] for more than is free,
    /// [`ErrorKind::Invalid`] for an amount that does not fit.
    pub fn add_funds(&mut self, pool: &PoolId, amount: Usd) -> Result<()> {
        let mut next = self.state.clone();
        let done = next.credit(pool, amount).and_then(|()| {
            next.totals.deposits = next.totals.deposits.plus(amount)?;
            if amount.is_negative() && next.free(pool)?.is_negative() {
                return refused(ErrorKind::InsufficientMargin, "not that much is free");
            }
            check(&next)
        });
        done.map_err(|refusal| refusal.into_error(self.venue.clone(), Operation::AdjustMargin))?;
        self.note(format_args!("funds {pool} {amount}"));
        self.commit(next, Cause::Deposit);
        self.liquidate();
        Ok(())
    }

    /// A copy of everything that happened and is not forgotten, for checkers.
    #[must_use]
    pub fn truth(&self) -> Truth {
        Truth {
            orders: self.records.to_vec(),
            fills: self.fills.to_vec(),
            history: self.log.samples.to_vec(),
            totals: self.state.totals,
            trace_hash: self.log.hash,
        }
    }

    /// Every order that reached the exchange, in order of arrival.
    #[must_use]
    pub fn orders(&self) -> &Series<OrderRecord> {
        &self.records
    }

    /// Those of them that are not over, in order of arrival.
    pub fn live_orders(&self) -> impl Iterator<Item = &OrderRecord> {
        self.live.iter().filter_map(|index| self.records.get(*index))
    }

    /// Keeps the memory of a world that runs for ever flat: of each list of what happened (orders that are over, with
    /// their identities; executions, payments, samples, lines of trace) that is longer than `most`, the older half of
    /// so many goes. A world by itself keeps everything that checkers need. Whether an order or an execution went.
    pub fn forget(&mut self, most: usize) -> bool {
        let rest = most >> 1;
        let over = |kept: usize| kept > most;
        let (orders, fills) =
            (over(self.records.len().saturating_sub(self.live.len())), over(self.fills.len()));
        if orders {
            let live = &self.live;
            self.records.forget(rest.saturating_add(live.len()), |index| live.contains(&index));
            let records = &self.records;
            self.by_id.retain(|index| records.get(index).is_some());
        }
        if fills {
            self.fills.forget(rest, |_| false);
        }
        if over(self.payments.len()) {
            self.payments.forget(rest, |_| false);
        }
        self.log.forget(most);
        orders || fills
    }

    /// Every execution, oldest first.
    #[must_use]
    pub fn all_fills(&self) -> &Series<Fill> {
        &self.fills
    }

    /// Every funding payment, oldest first.
    #[must_use]
    pub fn all_payments(&self) -> &Series<FundingPayment> {
        &self.payments
    }

    /// The account after every change.
    #[must_use]
    pub fn history(&self) -> &Series<Sample> {
        &self.log.samples
    }

    /// What happened, in words, one line each; of a very long history the younger part.
    #[must_use]
    pub fn trace(&self) -> &Series<String> {
        &self.log.lines
    }

    /// Hash over all lines that [`World::trace`] ever had.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.log.hash
    }

    /// Sums since the beginning.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.state.totals
    }

    pub(crate) fn note(&mut self, what: std::fmt::Arguments<'_>) {
        self.log.line(format!("{} {what}", self.now));
    }

    /// The new state takes the place of the old one.
    pub(crate) fn commit(&mut self, mut next: State, cause: Cause) {
        next.since = self.now;
        let before = std::mem::replace(&mut self.state, next);
        self.past.push_front(Arc::new(before));
        self.past.truncate(MAX_PAST);
        self.sample(if self.foreign { Cause::Foreign } else { cause });
    }

    pub(crate) fn sample(&mut self, cause: Cause) {
        if let (Ok(gross), Ok(account_value)) = (self.state.gross(), self.state.account_value()) {
            self.note(format_args!("{cause:?}: value {account_value} gross {gross}"));
            self.log.sample(Sample { time: self.now, cause, gross, account_value });
        }
    }

    /// A call arrives: time passes, faults are drawn, and what happens beforehand happens.
    pub(crate) fn arrive(&mut self, operation: Operation, symbols: &[Symbol]) -> Verdict {
        if !self.latency.is_zero() {
            self.advance(self.latency);
        }
        let verdict = judge(&mut self.rules, operation, symbols, &mut self.rng);
        for event in &verdict.events {
            self.happen(event.clone());
        }
        verdict
    }

    /// A write with its faults.
    pub(crate) fn write(&mut self, mut write: Write) -> Result<Written> {
        let operation = write.operation();
        let Verdict { fate, tweak, .. } = self.arrive(operation, write.symbols());
        if let Write::Order(_, own) = &mut write {
            *own = tweak;
        }
        let lost = |venue: &VenueId| {
            Error::unknown(ErrorKind::Timeout, venue.clone(), operation, "no answer in time (injected)")
        };
        let answer = match fate {
            Fate::Normal => {
                self.carry_out(&write).map_err(|refusal| refusal.into_error(self.venue.clone(), operation))
            }
            Fate::Refuse(kind, wait) => {
                let error = Error::not_applied(kind, self.venue.clone(), operation, "refused (injected)");
                Err(match wait {
                    Some(wait) => error.with_retry_after(wait),
                    None => error,
                })
            }
            Fate::LoseRequest => Err(lost(&self.venue)),
            Fate::LoseAnswer => {
                // Whatever the answer was, nobody hears it.
                let _unheard = self.carry_out(&write);
                Err(lost(&self.venue))
            }
            Fate::Delay(by) => {
                self.enqueue(self.now.after(by), Due::Write(write.clone()));
                Err(lost(&self.venue))
            }
            Fate::Ignore => Ok(ignored(&write)),
        };
        match &answer {
            Ok(_) => self.note(format_args!("{write:?}: ok")),
            Err(error) => self.note(format_args!("{write:?}: {error}")),
        }
        answer
    }

    /// The write itself, now, without faults.
    pub(crate) fn carry_out(&mut self, write: &Write) -> Outcome<Written> {
        match write {
            Write::Order(intent, tweak) => return self.receive(intent, *tweak).map(Written::Order),
            Write::Stop(stop) => return self.receive_stop(stop).map(Written::Stop),
            Write::CancelAll(symbol, protective) => {
                let count = self.cancel_where(symbol.as_ref(), |order| {
                    *protective == Protective::Cancel || !order.is_protective()
                });
                return Ok(Written::Cancelled(count));
            }
            Write::Cancel(symbol, id) => {
                self.cancel_where(Some(symbol), |order| order.id == Some(*id));
            }
            Write::CancelByVenueId(symbol, id) => {
                self.cancel_where(Some(symbol), |order| order.venue_order_id == *id);
            }
            Write::CancelStop(symbol, id) => {
                self.cancel_where(Some(symbol), |order| order.id == Some(*id) && order.trigger.is_some());
            }
            Write::Leverage(symbol, side, leverage) => self.change_leverage(symbol, *side, *leverage)?,
            Write::Mode(symbol, mode) => self.change_mode(symbol, *mode)?,
            Write::Margin(symbol, leg, delta) => self.change_margin(symbol, *leg, *delta)?,
        }
        Ok(Written::Done)
    }

    /// What no write answers, so that nothing has to panic.
    pub(crate) fn unfit(&self, operation: Operation, answer: &Written) -> Error {
        Error::unknown(ErrorKind::Decode, self.venue.clone(), operation, format!("answered {answer:?}"))
    }

    pub(crate) fn enqueue(&mut self, at: Timestamp, due: Due) {
        self.queue.insert((at, self.queued), due);
        self.queued = self.queued.saturating_add(1);
    }
}

/// The answer to a write that is silently dropped.
fn ignored(write: &Write) -> Written {
    let intent = match write {
        Write::Order(intent, _) => intent,
        Write::Stop(stop) => {
            let status = StopStatus::Waiting;
            return Written::Stop(StopState { id: stop.id, venue_order_id: None, status });
        }
        Write::CancelAll(..) => return Written::Cancelled(0),
        _ => return Written::Done,
    };
    Written::Order(OrderState {
        id: intent.id,
        venue_order_id: None,
        symbol: intent.symbol.clone(),
        side: intent.side,
        qty: intent.qty,
        filled: evenkeel_types::Qty::ZERO,
        average_price: None,
        fee: None,
        status: OrderStatus::Acknowledged,
    })
}
