//! What really happened, for checkers that must not believe the answers.

use evenkeel_exchange::Operation;
use evenkeel_types::{
    ClientOrderId, Fill, OrderKind, OrderState, OrderStatus, PositionSide, Price, Qty, Side, Symbol,
    TimeInForce, Timestamp, Usd,
};

use crate::series::Series;
use crate::state::Totals;

/// How many lines of trace and how many samples are kept. A long simulation has some ten thousand; beyond this the
/// older half is dropped, and the hash of the trace still covers it.
pub(crate) const MAX_KEPT: usize = 200_000;

/// Who an order came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Through the traits.
    Client,
    /// Somebody else on the same account, or already there when the world was forked.
    Foreign,
    /// The venue, liquidating.
    Liquidation,
}

/// One order that reached the exchange, whatever its sender was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// The venue's identity of it.
    pub venue_order_id: String,
    /// The sender's identity of it.
    pub id: Option<ClientOrderId>,
    /// Who sent it.
    pub origin: Origin,
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Which leg, in hedge mode.
    pub position_side: PositionSide,
    /// Ordered size; `None` where it covers whatever the position is.
    pub qty: Option<Qty>,
    /// Limit price, where it has one.
    pub limit: Option<Price>,
    /// Trigger price, where it has one.
    pub trigger: Option<Price>,
    /// How long it stays.
    pub tif: TimeInForce,
    /// Whether it can only reduce.
    pub reduce_only: bool,
    /// What kind; a stop order that rests at its limit after its trigger is a limit order.
    pub kind: OrderKind,
    /// When it reached the exchange.
    pub received_at: Timestamp,
    /// From when the sender can ask for it; `None` for what never reached the book.
    pub visible_from: Option<Timestamp>,
    /// Where it stands.
    pub status: OrderStatus,
    /// Executed size.
    pub filled: Qty,
    /// Executed value: sum of size times price.
    pub value: Usd,
    /// Fees paid for it.
    pub fee: Usd,
    /// Why it was rejected or cancelled, in words.
    pub reason: Option<String>,
}

impl OrderRecord {
    /// As [`OpenOrder::is_protective`](evenkeel_types::OpenOrder::is_protective).
    pub(crate) fn is_protective(&self) -> bool {
        self.reduce_only && self.kind != OrderKind::Limit
    }

    /// As the traits show it; `None` for orders without an id or a size.
    #[must_use]
    pub fn state(&self) -> Option<OrderState> {
        let average = if self.filled.is_zero() {
            None
        } else {
            self.value.get().checked_div(self.filled.get()).and_then(|price| Price::new(price).ok())
        };
        Some(OrderState {
            id: self.id?,
            venue_order_id: Some(self.venue_order_id.clone()),
            symbol: self.symbol.clone(),
            side: self.side,
            qty: self.qty?,
            filled: self.filled,
            average_price: average,
            fee: (!self.filled.is_zero()).then_some(self.fee),
            status: self.status,
        })
    }
}

/// What changed the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The beginning.
    Start,
    /// A write through the traits, at once or delayed.
    Write(Operation),
    /// An order of ours that was resting or waiting.
    OwnOrder,
    /// A price.
    Price,
    /// Funding.
    Funding,
    /// A liquidation.
    Liquidation,
    /// Somebody else.
    Foreign,
    /// Money added.
    Deposit,
}

/// The account after one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub time: Timestamp,
    /// What changed it.
    pub cause: Cause,
    /// Gross exposure, `sum |qty| * mark`.
    pub gross: Usd,
    /// Equity of all pools and buckets.
    pub account_value: Usd,
}

/// A copy of everything that is known to have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Every order that reached the exchange, in order of arrival.
    pub orders: Vec<OrderRecord>,
    /// Every execution, oldest first, also those that were not ours.
    pub fills: Vec<Fill>,
    /// The account after every change; of a very long history the younger part.
    pub history: Vec<Sample>,
    /// Sums.
    pub totals: Totals,
    /// Hash over all lines of the trace: equal for equal seeds and equal calls.
    pub trace_hash: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) lines: Series<String>,
    pub(crate) samples: Series<Sample>,
    pub(crate) hash: u64,
}

impl Log {
    pub(crate) fn new() -> Self {
        // The offset basis of FNV-1a.
        Self { lines: Series::new(), samples: Series::new(), hash: 0xcbf2_9ce4_8422_2325 }
    }

    pub(crate) fn line(&mut self, line: String) {
        for byte in line.bytes().chain([b'\n']) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.lines.push(line);
        forget(&mut self.lines, MAX_KEPT);
    }

    pub(crate) fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
        forget(&mut self.samples, MAX_KEPT);
    }

    pub(crate) fn forget(&mut self, most: usize) {
        forget(&mut self.lines, most);
        forget(&mut self.samples, most);
    }
}

fn forget<T: Clone>(list: &mut Series<T>, most: usize) {
    if list.len() > most {
        list.forget(most >> 1, |_| false);
    }
}
