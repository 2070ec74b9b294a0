//! `orderStatus` and `historicalOrders`: one order and where it stands. And the client id as the venue spells it.

use core::fmt;

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Node};
use evenkeel_types::{ClientOrderId, OrderStatus, Qty, Side, Symbol, Timestamp};

use super::Body;
use super::answer::cloid;
use crate::wire;
use evenkeel_http::cut;

/// A client order id in the venue's form: 128 bits, written as `0x` and 32 lower-case hex digits.
///
/// Ours are the number that the id's 20 base-36 characters spell, which is below 2^104; the bits above are zero.
///
/// ```
/// use evenkeel_hyperliquid::decode::Cloid;
/// use evenkeel_types::ClientOrderId;
///
/// let id = ClientOrderId::parse("0000000000000000000z")?;
/// assert_eq!(Cloid::from(id).to_string(), "0x00000000000000000000000000000023");
/// assert_eq!(Cloid::from(id).ours(), Some(id));
/// # Ok::<(), evenkeel_types::IdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cloid(u128);

/// How many ids of 20 base-36 characters there are: 36^20.
const OURS: u128 = 36u128.pow(20);

impl Cloid {
    /// Reads `0x` and 32 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x")?;
        let fine = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if fine { u128::from_str_radix(digits, 16).ok().map(Self) } else { None }
    }

    /// Our id, where this can be one of ours. Somebody else's can look like ours, so that only ids that were
    /// really given out mean anything.
    #[must_use]
    pub fn ours(self) -> Option<ClientOrderId> {
        if self.0 >= OURS {
            return None;
        }
        let (mut rest, mut text) = (self.0, [b'0'; 20]);
        for place in text.iter_mut().rev() {
            let digit = u32::try_from(rest.checked_rem(36)?).ok()?;
            *place = u8::try_from(char::from_digit(digit, 36)?).ok()?;
            rest = rest.checked_div(36)?;
        }
        ClientOrderId::parse(core::str::from_utf8(&text).ok()?).ok()
    }
}

impl From<ClientOrderId> for Cloid {
    fn from(id: ClientOrderId) -> Self {
        // 20 base-36 digits always fit 128 bits, and an id holds nothing else.
        Self(u128::from_str_radix(id.as_str(), 36).unwrap_or_default())
    }
}

impl fmt::Display for Cloid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:032x}", self.0)
    }
}

/// What the venue keeps of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderRecord {
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// The venue's number.
    pub oid: u64,
    /// The client id, where it has one.
    pub cloid: Option<Cloid>,
    /// Ordered size.
    pub ordered: Qty,
    /// Size still open. A reduce-only order shrinks with the position, so that `ordered - remaining` is what was
    /// executed only for other orders; see [`OrderRecord::executed`].
    pub remaining: Qty,
    /// Whether it can only reduce; absent in old recordings, where it is not known.
    pub reduce_only: Option<bool>,
    /// Where it stands.
    pub status: OrderStatus,
    /// The venue's own word for that.
    pub venue_status: String,
    /// When it was placed.
    pub placed: Timestamp,
}

impl OrderRecord {
    /// How much was executed, where the record alone says it. It does not for a reduce-only order that is smaller than
    /// ordered, which may have shrunk without trading; nor for one that is over and was filled in part, as no recording
    /// shows what remains of it then; nor where record and status contradict each other. Then its fills do.
    #[must_use]
    pub fn executed(&self) -> Option<Qty> {
        let untouched = self.remaining == self.ordered;
        let gone = self.remaining.is_zero();
        let plain = self.reduce_only == Some(false);
        match self.status {
            OrderStatus::Filled if gone && plain => Some(self.ordered),
            OrderStatus::Filled => None,
            _ if untouched => Some(Qty::ZERO),
            OrderStatus::Open if plain => self.ordered.minus(self.remaining).ok(),
            _ => None,
        }
    }
}

/// Decodes `orderStatus`. `None` is the venue's `unknownOid`: it does not know the order, yet or any more.
///
/// # Errors
/// [`DecodeError`] naming the field; a status that is on no list and has none of the endings that the venue uses
/// is refused.
pub fn decode_order_status(body: Body<'_>) -> Result<Option<OrderRecord>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::OrderStatus<'_> = root.object()?;
    let status = root.key("status", wire.status);
    match status.string()?.as_str() {
        "unknownOid" => Ok(None),
        "order" => record(&root.key("order", wire.order)).map(Some),
        other => Err(status.invalid(&format!("unknown answer {}", cut(other)))),
    }
}

/// Decodes `historicalOrders`, newest first as the venue sends them.
///
/// # Errors
/// As [`decode_order_status`].
pub fn decode_historical_orders(body: Body<'_>) -> Result<Vec<OrderRecord>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?.into_iter().enumerate();
    rows.map(|(index, raw)| record(&root.index(index, Some(raw)))).collect()
}

fn record(node: &Node<'_, '_>) -> Result<OrderRecord, DecodeError> {
    let outer: wire::OrderRecord<'_> = node.object()?;
    let order = node.key("order", outer.order);
    let wire: wire::Order<'_> = order.object()?;
    let size = |node: Node<'_, '_>| {
        let qty: Qty = node.number()?;
        if qty.is_negative() {
            return Err(node.invalid(&format!("an order's size has no sign, not {qty}")));
        }
        Ok(qty)
    };
    let ordered = size(order.key("origSz", wire.orig_sz))?;
    let sz = order.key("sz", wire.sz);
    let remaining = size(sz)?;
    if remaining > ordered {
        return Err(sz.error(
            DecodeErrorKind::Inconsistent,
            &format!("{remaining} remain of {ordered} ordered"),
            "read the order again",
        ));
    }
    let status_node = node.key("status", outer.status);
    let venue_status = status_node.string()?;
    let Some(status) = order_status(&venue_status) else {
        return Err(status_node.error(
            DecodeErrorKind::Value,
            &format!("unknown order status {}", cut(&venue_status)),
            "look at the order at the venue; this library is too old for the answer",
        ));
    };
    let reduce_only = order.key("reduceOnly", wire.reduce_only);
    Ok(OrderRecord {
        symbol: order.key("coin", wire.coin).symbol()?,
        side: side(&order.key("side", wire.side))?,
        oid: order.key("oid", wire.oid).integer()?,
        cloid: cloid(&order.key("cloid", wire.cloid))?,
        ordered,
        remaining,
        reduce_only: reduce_only.optional().map(|node| node.flag()).transpose()?,
        status,
        venue_status,
        placed: Timestamp(order.key("timestamp", wire.timestamp).integer()?),
    })
}

/// The venue's words by group; what is new is told by its ending, which the venue keeps to.
fn order_status(text: &str) -> Option<OrderStatus> {
    match text {
        // A trigger order that fired is an ordinary live order.
        "open" | "triggered" => Some(OrderStatus::Open),
        "filled" => Some(OrderStatus::Filled),
        "canceled" | "scheduledCancel" | "internalCancel" => Some(OrderStatus::Cancelled),
        "rejected" => Some(OrderStatus::Rejected),
        other if other.ends_with("Canceled") || other.ends_with("Cancel") => Some(OrderStatus::Cancelled),
        other if other.ends_with("Rejected") => Some(OrderStatus::Rejected),
        _ => None,
    }
}

/// `B` and `A`: bid and ask.
pub(super) fn side(node: &Node<'_, '_>) -> Result<Side, DecodeError> {
    match node.string()?.as_str() {
        "B" => Ok(Side::Buy),
        "A" => Ok(Side::Sell),
        other => Err(node.error(
            DecodeErrorKind::Value,
            &format!("unknown side {}", cut(other)),
            "known are `B` for buy and `A` for sell",
        )),
    }
}
