//! L1 actions that have a type here.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{Grouping, OrderWire, SignError, msgpack, orders_msgpack};

/// Serialises keys and values in the order in which they stand, and after a `;` the last one where it is `Some`.
///
/// By hand because the order is signed: a derive would follow the order of a struct that nobody thinks of as signed.
macro_rules! object {
    ($serializer:ident, $($key:literal : $value:expr),+ $(; $last:literal : $option:expr)?) => {{
        let count = [$($key),+].len() $(.saturating_add(usize::from(Option::is_some(&$option))))?;
        let mut map = $serializer.serialize_map(Some(count))?;
        $(map.serialize_entry($key, &$value)?;)+
        $(if let Some(value) = &$option { map.serialize_entry($last, value)?; })?
        map.end()
    }};
}
pub(super) use object;

/// An action that agents sign. Its serialisation is both what is signed and the `action` of the request's body.
///
/// ```
/// use evenkeel_hyperliquid::sign::Action;
///
/// let action = Action::UpdateIsolatedMargin { asset: 3, micros: -12_500_000 };
/// let json = serde_json::to_string(&action)?;
/// assert_eq!(json, r#"{"type":"updateIsolatedMargin","asset":3,"isBuy":true,"ntli":-12500000}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// `order`.
    Order {
        /// The orders.
        orders: Vec<OrderWire>,
        /// How they belong together.
        grouping: Grouping,
    },
    /// `cancel`.
    Cancel {
        /// Coins and the venue's order numbers.
        cancels: Vec<(u32, u64)>,
    },
    /// `cancelByCloid`.
    CancelByCloid {
        /// Coins and client ids, each `0x` and 32 lower-case digits.
        cancels: Vec<(u32, String)>,
    },
    /// `updateLeverage`.
    UpdateLeverage {
        /// The coin.
        asset: u32,
        /// Cross margin rather than isolated.
        is_cross: bool,
        /// A whole number.
        leverage: u32,
    },
    /// `updateIsolatedMargin`: to the position, or from it where negative.
    UpdateIsolatedMargin {
        /// The coin.
        asset: u32,
        /// Millionths of USDC, as of [`usd_micros`](super::usd_micros).
        micros: i64,
    },
    /// `topUpIsolatedOnlyMargin`: adds margin until the position has this leverage.
    TopUpIsolatedOnlyMargin {
        /// The coin.
        asset: u32,
        /// A decimal, as of [`wire_number`](super::wire_number).
        leverage: String,
    },
    /// `scheduleCancel`: cancels all orders at a time.
    ScheduleCancel {
        /// Milliseconds since the epoch; `None` removes what was scheduled.
        time: Option<u64>,
    },
    /// `noop`: uses up its nonce.
    Noop,
}

impl Action {
    /// The bytes that are hashed and signed: as of [`msgpack`](super::msgpack), orders without serde.
    ///
    /// # Errors
    /// [`SignError::Encode`] as [`msgpack`](super::msgpack); no action of this type has what that refuses.
    pub fn msgpack(&self) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Order { orders, grouping } => Ok(orders_msgpack(orders, *grouping)),
            _ => msgpack(self),
        }
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Order { orders, grouping } => {
                object!(serializer, "type": "order", "orders": orders, "grouping": grouping)
            }
            Self::Cancel { cancels } => {
                let cancels: Vec<_> = cancels.iter().map(|(asset, oid)| ByNumber(*asset, *oid)).collect();
                object!(serializer, "type": "cancel", "cancels": cancels)
            }
            Self::CancelByCloid { cancels } => {
                let cancels: Vec<_> = cancels.iter().map(|(asset, cloid)| ByCloid(*asset, cloid)).collect();
                object!(serializer, "type": "cancelByCloid", "cancels": cancels)
            }
            Self::UpdateLeverage { asset, is_cross, leverage } => object!(
                serializer,
                "type": "updateLeverage", "asset": asset, "isCross": is_cross, "leverage": leverage
            ),
            // `isBuy` has no effect; the venue's own SDK sends true.
            Self::UpdateIsolatedMargin { asset, micros } => object!(
                serializer,
                "type": "updateIsolatedMargin", "asset": asset, "isBuy": true, "ntli": micros
            ),
            Self::TopUpIsolatedOnlyMargin { asset, leverage } => object!(
                serializer,
                "type": "topUpIsolatedOnlyMargin", "asset": asset, "leverage": leverage
            ),
            Self::ScheduleCancel { time } => object!(serializer, "type": "scheduleCancel"; "time": time),
            Self::Noop => object!(serializer, "type": "noop"),
        }
    }
}

struct ByNumber(u32, u64);

impl Serialize for ByNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, "a": self.0, "o": self.1)
    }
}

struct ByCloid<'a>(u32, &'a str);

impl Serialize for ByCloid<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, "asset": self.0, "cloid": self.1)
    }
}
