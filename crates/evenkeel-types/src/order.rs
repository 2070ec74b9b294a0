//! What we want to trade, and what a venue says became of it.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{ClientOrderId, Symbol, Timestamp};
use crate::number::{Price, Qty, Usd};

/// Direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)]
pub enum Side {
    /// Adds to the signed position.
    Buy,
    /// Takes from the signed position.
    Sell,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// The side that takes a position of this sign back to zero; a flat position has none.
    #[must_use]
    pub fn closing(position: Qty) -> Option<Self> {
        if position.is_zero() {
            None
        } else if position.is_negative() {
            Some(Side::Buy)
        } else {
            Some(Side::Sell)
        }
    }

    /// `qty` with the sign that this side gives it.
    #[must_use]
    pub fn signed(self, qty: Qty) -> Qty {
        match self {
            Side::Buy => qty.abs(),
            Side::Sell => qty.abs().negated(),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        })
    }
}

/// Which position of a symbol is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionSide {
    /// The one position of one-way mode.
    Net,
    /// The long leg of hedge mode.
    Long,
    /// The short leg of hedge mode.
    Short,
}

/// How long an order stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimeInForce {
    /// Trades at once within its limit; the rest is cancelled. A market order is this with a bound.
    Ioc,
    /// Rests until cancelled.
    Gtc,
    /// Rests, and is refused if it would trade at once.
    PostOnly,
}

/// One order that we decided on. Nothing is left to decide when it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderIntent {
    /// Its identity.
    pub id: ClientOrderId,
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Which leg, in hedge mode.
    pub position_side: PositionSide,
    /// Size, above zero, a multiple of the lot (or exactly the position).
    pub qty: Qty,
    /// The worst acceptable price.
    pub limit: Price,
    /// How long it stays.
    pub tif: TimeInForce,
    /// Whether the venue must refuse or shrink whatever would grow or flip the position.
    pub reduce_only: bool,
}

/// Where an order stands at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrderStatus {
    /// The venue took it in and has not yet said more; it may still be refused.
    Acknowledged,
    /// On the book, nothing or a part filled.
    Open,
    /// Filled whole.
    Filled,
    /// Over, with whatever `filled` says: cancelled, expired, IOC remainder.
    Cancelled,
    /// Over, never in the book.
    Rejected,
}

impl OrderStatus {
    /// Whether nothing can happen to the order any more.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            OrderStatus::Acknowledged | OrderStatus::Open => false,
            OrderStatus::Filled | OrderStatus::Cancelled | OrderStatus::Rejected => true,
        }
    }
}

/// What the venue says of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// Our identity for it.
    pub id: ClientOrderId,
    /// The venue's identity, where it gave one.
    pub venue_order_id: Option<String>,
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Ordered size, above zero.
    pub qty: Qty,
    /// Executed size so far, zero or above.
    pub filled: Qty,
    /// Average execution price, where something was executed and the venue says it.
    pub average_price: Option<Price>,
    /// Fee paid so far, where the venue says it; negative is a rebate.
    pub fee: Option<Usd>,
    /// Where it stands.
    pub status: OrderStatus,
}

/// What kind of resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrderKind {
    /// A limit order in the book.
    Limit,
    /// Waits for its trigger, then limits a loss.
    StopLoss,
    /// Waits for its trigger, then takes a profit.
    TakeProfit,
    /// Follows the price at a distance.
    TrailingStop,
    /// Waits for a trigger of a kind this library does not know.
    OtherConditional,
}

/// An order resting at the venue, ours or somebody else's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// Our identity, where the venue has one that reads as ours.
    pub id: Option<ClientOrderId>,
    /// The venue's identity.
    pub venue_order_id: String,
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Which leg, in hedge mode.
    pub position_side: PositionSide,
    /// Size not yet executed; `None` where it covers whatever the position is.
    pub remaining: Option<Qty>,
    /// Limit price, where it has one.
    pub limit: Option<Price>,
    /// Trigger price, where it has one.
    pub trigger: Option<Price>,
    /// Whether it can only reduce.
    pub reduce_only: bool,
    /// What kind.
    pub kind: OrderKind,
}

impl OpenOrder {
    /// Whether it guards a position: conditional and reduce-only.
    #[must_use]
    pub fn is_protective(&self) -> bool {
        self.reduce_only && self.kind != OrderKind::Limit
    }
}

/// One execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Unique among the account's fills of the symbol.
    pub trade_id: String,
    /// The order it belongs to, where that is ours.
    pub order: Option<ClientOrderId>,
    /// What was traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Executed size, above zero.
    pub qty: Qty,
    /// Execution price.
    pub price: Price,
    /// Fee; negative is a rebate.
    pub fee: Usd,
    /// When, by the venue's clock.
    pub time: Timestamp,
}
