//! Orders as the venue numbers and shows them. What they do is up to the paper exchange.

use evenkeel_paper::{OrderRecord, World};
use evenkeel_types::{Decimal, Exact, OrderKind, OrderStatus, Qty, Side, Symbol, Timestamp};

use super::action::{Tif, Tpsl};

/// An order that was sent, whatever became of it.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) oid: u64,
    pub(crate) cloid: Option<String>,
    pub(crate) symbol: Symbol,
    pub(crate) side: Side,
    pub(crate) size: Decimal,
    pub(crate) limit: Decimal,
    pub(crate) reduce_only: bool,
    pub(crate) kind: Kind,
    /// Covers the position, whatever its size.
    pub(crate) on_position: bool,
    pub(crate) placed: Timestamp,
    /// How much it could do when it came: a reduce-only order is cut to the position.
    pub(crate) effective: Qty,
    pub(crate) parent: Option<u64>,
    pub(crate) children: Vec<u64>,
    pub(crate) stand: Stand,
    /// Why it was cancelled, where this server did it.
    pub(crate) cancelled_as: Option<&'static str>,
    pub(crate) changed: Timestamp,
}

/// What kind of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Limit(Tif),
    Trigger { tpsl: Tpsl, price: Decimal, is_market: bool },
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// In the paper exchange, under the number of its record.
    Record(usize),
    /// A child that waits for its parent.
    Waiting,
    /// Over without ever having reached the paper exchange.
    Over(&'static str),
}

impl Ticket {
    pub(crate) fn record<'w>(&self, world: &'w World) -> Option<&'w OrderRecord> {
        match self.stand {
            Stand::Record(index) => world.orders().get(index),
            _ => None,
        }
    }

    /// The venue's word for where it stands.
    pub(crate) fn status(&self, world: &World) -> &'static str {
        let record = match self.stand {
            Stand::Over(status) => return status,
            Stand::Waiting => return "open",
            Stand::Record(_) => match self.record(world) {
                Some(record) => record,
                None => return "rejected",
            },
        };
        let fired = matches!(self.kind, Kind::Trigger { .. }) && record.kind == OrderKind::Limit;
        match record.status {
            OrderStatus::Filled => "filled",
            OrderStatus::Rejected => "rejected",
            OrderStatus::Cancelled => self.cancelled(record),
            _ if fired => "triggered",
            _ => "open",
        }
    }

    fn cancelled(&self, record: &OrderRecord) -> &'static str {
        if let Some(reason) = self.cancelled_as {
            return reason;
        }
        // A reduce-only order that was cut to the position, and did all of that.
        if record.filled >= self.effective && self.effective.is_positive() {
            return "filled";
        }
        match record.reason.as_deref() {
            None => "canceled",
            Some("there is nothing to reduce" | "the position is gone") => "reduceOnlyCanceled",
            Some("cancelled") => "liquidatedCanceled",
            Some(_) => "marginCanceled",
        }
    }

    pub(crate) fn is_open(&self, world: &World) -> bool {
        matches!(self.status(world), "open" | "triggered")
    }

    pub(crate) fn filled(&self, world: &World) -> Qty {
        self.record(world).map_or(Qty::ZERO, |record| record.filled)
    }

    /// What is left of it; `held` is the size of the position.
    pub(crate) fn remaining(&self, world: &World, held: Qty) -> Decimal {
        if self.on_position {
            return if self.is_open(world) { held.abs().get() } else { Decimal::ZERO };
        }
        let left = self.size.minus(self.filled(world).get()).unwrap_or(Decimal::ZERO).max(Decimal::ZERO);
        match self.status(world) {
            "filled" => Decimal::ZERO,
            "open" | "triggered" if self.reduce_only && matches!(self.kind, Kind::Limit(_)) => {
                left.min(held.abs().get())
            }
            _ => left,
        }
    }
}
