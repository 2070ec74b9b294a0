//! Orders as the venue has them.

use evenkeel_types::Decimal;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::action::object;
use super::{Address, SignError, wire_number};

/// How long an order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tif {
    /// Add liquidity only: refused where it would trade at once.
    Alo,
    /// Immediate or cancel.
    Ioc,
    /// Until cancelled.
    Gtc,
}

impl Tif {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Alo => "Alo",
            Self::Ioc => "Ioc",
            Self::Gtc => "Gtc",
        }
    }
}

/// Which side of the market a trigger waits on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // There is no third.
pub enum TpSl {
    /// Take profit.
    Tp,
    /// Stop loss.
    Sl,
}

impl TpSl {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tp => "tp",
            Self::Sl => "sl",
        }
    }
}

/// A plain order or one that waits for a price.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // The venue has these two.
pub enum OrderKind {
    /// `{"limit":{"tif":…}}`
    Limit(Tif),
    /// `{"trigger":{"isMarket":…,"triggerPx":…,"tpsl":…}}`
    Trigger {
        /// Becomes a market order (within the order's price) rather than a limit order.
        is_market: bool,
        /// The mark price that it waits for, as of [`wire_number`].
        trigger_px: String,
        /// On which side.
        tpsl: TpSl,
    },
}

/// An order with the venue's numbers as the venue writes them.
///
/// The texts are signed as they are: they must come from [`wire_number`], as [`OrderWire::limit`] does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // These are the venue's fields.
pub struct OrderWire {
    /// `a`: the number of the coin.
    pub asset: u32,
    /// `b`.
    pub is_buy: bool,
    /// `p`: the limit price; of a market order the worst one.
    pub price: String,
    /// `s`, in units of the coin.
    pub size: String,
    /// `r`.
    pub reduce_only: bool,
    /// `t`.
    pub kind: OrderKind,
    /// `c`: `0x` and 32 lower-case digits; left out where `None`.
    pub cloid: Option<String>,
}

impl OrderWire {
    /// A limit order without a client id.
    ///
    /// # Errors
    /// [`SignError::Number`] for more than 8 decimals. The venue's finer rules for the coin are not known here.
    pub fn limit(
        asset: u32,
        is_buy: bool,
        price: &Decimal,
        size: &Decimal,
        reduce_only: bool,
        tif: Tif,
    ) -> Result<Self, SignError> {
        let (price, size) = (wire_number(price)?, wire_number(size)?);
        Ok(Self { asset, is_buy, price, size, reduce_only, kind: OrderKind::Limit(tif), cloid: None })
    }
}

/// How the orders of one action belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grouping {
    /// Not at all.
    Na,
    /// The first is a parent, the others its take-profit and stop-loss.
    NormalTpsl,
    /// Take-profit and stop-loss of whatever the position is.
    PositionTpsl,
    /// `{"p":…}`: pays for priority, in hundred-millionths of the value.
    Priority(u32),
}

impl Grouping {
    /// The name, or what is paid for priority.
    pub(super) fn name(self) -> Result<&'static str, u32> {
        match self {
            Self::Na => Ok("na"),
            Self::NormalTpsl => Ok("normalTpsl"),
            Self::PositionTpsl => Ok("positionTpsl"),
            Self::Priority(rate) => Err(rate),
        }
    }
}

/// What an order pays to the builder of the interface that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // These are the venue's fields.
pub struct BuilderFee {
    /// `b`.
    pub address: Address,
    /// `f`, in tenths of a basis point.
    pub fee: u32,
}

/// The action `order` with everything it can have. Without a builder's fee it is
/// [`Action::Order`](super::Action::Order).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // These are the venue's fields.
pub struct OrderAction {
    /// The orders.
    pub orders: Vec<OrderWire>,
    /// How they belong together.
    pub grouping: Grouping,
    /// Left out where `None`.
    pub builder: Option<BuilderFee>,
}

impl Serialize for OrderAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { orders, grouping, builder } = self;
        object!(serializer, "type": "order", "orders": orders, "grouping": grouping; "builder": builder)
    }
}

impl Serialize for OrderWire {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { asset, is_buy, price, size, reduce_only, kind, cloid } = self;
        object!(
            serializer,
            "a": asset, "b": is_buy, "p": price, "s": size, "r": reduce_only, "t": kind; "c": cloid
        )
    }
}

impl Serialize for OrderKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Inner<'a>(&'a OrderKind);
        impl Serialize for Inner<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.0 {
                    OrderKind::Limit(tif) => object!(serializer, "tif": tif.name()),
                    OrderKind::Trigger { is_market, trigger_px, tpsl } => object!(
                        serializer,
                        "isMarket": is_market, "triggerPx": trigger_px, "tpsl": tpsl.name()
                    ),
                }
            }
        }
        match self {
            Self::Limit(_) => object!(serializer, "limit": Inner(self)),
            Self::Trigger { .. } => object!(serializer, "trigger": Inner(self)),
        }
    }
}

impl Serialize for Grouping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.name() {
            Ok(name) => serializer.serialize_str(name),
            Err(rate) => object!(serializer, "p": rate),
        }
    }
}

impl Serialize for BuilderFee {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, "b": self.address.to_string(), "f": self.fee)
    }
}
