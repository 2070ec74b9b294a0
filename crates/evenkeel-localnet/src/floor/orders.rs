//! Orders as a client wishes them, and as the venue numbers them. What they do is up to the paper exchange.

use evenkeel_paper::{OrderRecord, World};
use evenkeel_types::{
    Decimal, Exact, OrderKind, OrderStatus, PositionSide, Price, Qty, Rate, Side, Symbol, TimeInForce,
    Timestamp, Usd,
};
use serde_json::Value;

/// An order whose form the venue understood.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) client_id: Option<String>,
    pub(crate) symbol: Symbol,
    pub(crate) side: Side,
    pub(crate) leg: PositionSide,
    /// `None` covers whatever the position is, and goes away with it; only with a trigger.
    pub(crate) qty: Option<Qty>,
    pub(crate) kind: Kind,
    pub(crate) tif: TimeInForce,
    pub(crate) reduce_only: bool,
    /// What the venue has to show again and nobody else needs: its own words for the type and the like.
    pub(crate) words: Value,
}

/// What kind of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Limit(Price),
    /// At once, at whatever there is within five percent.
    Market,
    /// Waits for the mark price.
    Trigger(Trigger),
    /// Follows the mark price, and trades at once when it comes back by so much.
    Trailing {
        activation: Option<Price>,
        callback: Callback,
    },
}

/// What a conditional order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trigger {
    pub(crate) at: Price,
    /// Whether the mark has to rise to it.
    pub(crate) rises: bool,
    /// Its limit then; `None` trades at any price.
    pub(crate) limit: Option<Price>,
}

/// How far a price comes back before a trailing order trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callback {
    /// A fraction of the best price.
    Share(Rate),
    /// A distance.
    Distance(Price),
}

/// Why something is refused. The venue has its own code and words for each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(dead_code, reason = "a venue may have no use for some")]
pub(crate) enum Why {
    UnknownSymbol,
    /// Zero, or below.
    NoQty,
    QtyStep,
    QtyTooSmall,
    QtyTooLarge,
    NoPrice,
    PriceStep,
    /// Below the smallest value of an order.
    Notional,
    /// The leg does not fit the position mode.
    Leg,
    DuplicateId,
    Margin,
    /// Reduce-only, and there is nothing on that side.
    NothingToReduce,
    /// Reduce-only, and larger than what is held.
    ReduceTooLarge,
    /// Closing, and resting orders are to close so much already that it does not fit.
    Locked,
    /// Post-only, and it would have traded.
    WouldMatch,
    /// The trigger is reached already.
    WouldTrigger,
    /// Above what the leverage setting allows for the position.
    PositionLimit,
    /// No multiple of the step, or not in 1 to the maximum.
    LeverageRange,
    /// Above what the held position's tier allows.
    LeverageTier,
    /// Of an isolated position, and it cannot be lowered.
    LeverageIsolated,
    /// A position is in the way.
    Held,
    /// Open orders are in the way.
    Orders,
    /// There is no isolated position to move margin of.
    NotIsolated,
    NotSupported,
    /// Not open, or unknown.
    NoOrder,
    Halted,
    Other(String),
}

impl Why {
    /// What the paper exchange says. Its kinds are read as text: this crate does not know the connectors' error type.
    pub(crate) fn of(kind: &str, message: &str) -> Self {
        match (kind, message) {
            (_, "larger than the position") => Why::ReduceTooLarge,
            ("nothing to reduce", _) => Why::NothingToReduce,
            ("insufficient margin", _) => Why::Margin,
            (_, "it would have traded at once") => Why::WouldMatch,
            (_, "it would trigger at once") => Why::WouldTrigger,
            (_, "above the largest position at the leverage setting") => Why::PositionLimit,
            (_, "this order id is used already") => Why::DuplicateId,
            (_, "the order's leg does not fit the position mode") => Why::Leg,
            // The second one by a rule of faults.
            (_, "the venue does not take this order now" | "refused (injected)") => Why::Halted,
            (_, "above what the position's tier allows") => Why::LeverageTier,
            (_, "leverage of an isolated position cannot be lowered") => Why::LeverageIsolated,
            (_, "there is no isolated position") => Why::NotIsolated,
            ("not supported", _) => Why::NotSupported,
            (_, message) if message.starts_with("open orders block") => Why::Orders,
            (_, message) if message.contains("a position") => Why::Held,
            ("leverage refused", _) => Why::LeverageRange,
            ("not found", _) => Why::UnknownSymbol,
            (_, message) => Why::Other(message.to_owned()),
        }
    }

    /// As [`Why::of`], from a record of the paper exchange: `kind: message`.
    pub(crate) fn of_record(record: &OrderRecord) -> Self {
        let reason = record.reason.as_deref().unwrap_or_default();
        reason.split_once(": ").map_or_else(|| Why::of("", reason), |(kind, message)| Why::of(kind, message))
    }
}

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// Waits for its trigger.
    Waiting,
    /// Taken in, or on the book; perhaps partly filled.
    Open,
    Filled,
    /// Over before it was whole: taken away by its owner or the venue.
    Cancelled,
    /// An immediate order of which a part, or nothing, traded.
    Expired,
    /// Refused after it was taken in.
    Rejected(Why),
}

/// An order that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) id: u64,
    pub(crate) wish: Wish,
    pub(crate) placed: Timestamp,
    pub(crate) changed: Timestamp,
    /// In the paper exchange, the number of its record.
    pub(crate) record: Option<usize>,
    /// How often it was amended.
    pub(crate) revision: u32,
    /// What earlier records of an amended order did.
    pub(crate) before: Done,
    /// Profit of what it closed, without fees.
    pub(crate) realised: Usd,
    /// Where it ended, where this server ended it.
    pub(crate) over: Option<Status>,
    /// Why it was taken away, where this server did it.
    pub(crate) cancelled_by: Option<&'static str>,
    /// Of a trailing order: the best price since it became active.
    pub(crate) best: Option<Price>,
}

/// What an order did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) qty: Qty,
    pub(crate) value: Usd,
    pub(crate) fee: Usd,
}

impl Done {
    pub(crate) const NOTHING: Self = Self { qty: Qty::ZERO, value: Usd::ZERO, fee: Usd::ZERO };

    pub(crate) fn average(self) -> Option<Price> {
        let average = self.value.get().over(self.qty.get()).ok()?;
        Price::new(average).ok()
    }
}

impl Ticket {
    pub(crate) fn new(id: u64, wish: Wish, now: Timestamp) -> Self {
        Self {
            id,
            wish,
            placed: now,
            changed: now,
            record: None,
            revision: 0,
            before: Done::NOTHING,
            realised: Usd::ZERO,
            over: None,
            cancelled_by: None,
            best: None,
        }
    }

    pub(crate) fn record<'w>(&self, world: &'w World) -> Option<&'w OrderRecord> {
        world.orders().get(self.record?)
    }

    pub(crate) fn done(&self, world: &World) -> Done {
        let Some(record) = self.record(world) else { return self.before };
        let before = self.before;
        // Smaller than the sums of the account, which the paper exchange checked.
        Done {
            qty: before.qty.plus(record.filled).unwrap_or(before.qty),
            value: before.value.plus(record.value).unwrap_or(before.value),
            fee: before.fee.plus(record.fee).unwrap_or(before.fee),
        }
    }

    /// What is left of it; zero once it is over.
    pub(crate) fn remaining(&self, world: &World) -> Decimal {
        let Some(qty) = self.wish.qty.filter(|_| self.is_open(world)) else { return Decimal::ZERO };
        qty.get().minus(self.done(world).qty.get()).unwrap_or(Decimal::ZERO).max(Decimal::ZERO)
    }

    pub(crate) fn status(&self, world: &World) -> Status {
        if let Some(over) = &self.over {
            return over.clone();
        }
        let Some(record) = self.record(world) else {
            // Without a record it was not sent yet; one that is forgotten was over.
            return if self.record.is_none() { Status::Waiting } else { Status::Cancelled };
        };
        match record.status {
            OrderStatus::Filled => Status::Filled,
            OrderStatus::Rejected => Status::Rejected(Why::of_record(record)),
            OrderStatus::Cancelled if self.did_all(world, record) => Status::Filled,
            OrderStatus::Cancelled if record.tif == TimeInForce::Ioc && record.reason.is_none() => {
                Status::Expired
            }
            OrderStatus::Cancelled => Status::Cancelled,
            _ if record.trigger.is_some() && record.kind != OrderKind::Limit => Status::Waiting,
            _ => Status::Open,
        }
    }

    fn did_all(&self, world: &World, record: &OrderRecord) -> bool {
        let done = self.done(world).qty;
        match self.wish.qty {
            Some(qty) => done >= qty,
            None => record.filled.is_positive() && record.reason.is_none(),
        }
    }

    pub(crate) fn is_open(&self, world: &World) -> bool {
        matches!(self.status(world), Status::Waiting | Status::Open)
    }

    /// Whether it has, or had, a trigger.
    pub(crate) fn is_conditional(&self) -> bool {
        matches!(self.wish.kind, Kind::Trigger(_) | Kind::Trailing { .. })
    }
}
