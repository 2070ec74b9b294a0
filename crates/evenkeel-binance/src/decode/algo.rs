//! Conditional orders, which live in a book of their own since 2025-12-09.

use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, Document, Node};
use evenkeel_types::{
    ClientOrderId, OpenOrder, OrderKind, PositionSide, Price, Qty, Side, Symbol, Timestamp,
};

use super::Body;
use super::account::position_side;
use super::order::{order_kind, side};
use crate::read::Fields as _;
use crate::wire;

/// Where a conditional order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlgoStatus {
    /// It waits.
    New,
    /// Its trigger fired; its order is being placed, or was placed and is not over.
    Triggered,
    /// Its order is over; whether that traded is in the order's own record.
    Finished,
    /// It was cancelled before it triggered.
    Cancelled,
    /// The venue refused it when it triggered.
    Rejected,
    /// It ended by itself.
    Expired,
}

/// What the venue says of a conditional order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlgoRecord {
    /// What is traded.
    pub symbol: Symbol,
    /// The id that its sender gave it.
    pub client_id: String,
    /// The venue's number, in a namespace of its own.
    pub algo_id: String,
    /// Buy or sell.
    pub side: Side,
    /// Net, or which leg.
    pub position_side: PositionSide,
    /// Size; `None` where it closes whatever the position is.
    pub qty: Option<Qty>,
    /// Trigger price; of a trailing order the price from which on the best is followed, where it has one.
    pub trigger: Option<Price>,
    /// Limit price, where it has one.
    pub limit: Option<Price>,
    /// Whether it can only reduce.
    pub reduce_only: bool,
    /// What kind.
    pub kind: OrderKind,
    /// Where it stands.
    pub status: AlgoStatus,
    /// The venue's number of the order that it became, once it did.
    pub order_id: Option<String>,
    /// What that order executed, where the answer has it.
    pub executed: Option<Qty>,
    /// When it last changed, where the answer has it.
    pub updated: Option<Timestamp>,
}

/// How [`AlgoRecord::open`] marks the venue's number: both books count by themselves.
pub(crate) const ALGO_PREFIX: &str = "algo:";

impl AlgoRecord {
    /// Its client id, if it reads as one of ours.
    #[must_use]
    pub fn ours(&self) -> Option<ClientOrderId> {
        ClientOrderId::parse(&self.client_id).ok()
    }

    /// As an order that rests. Its `venue_order_id` is `algo:` and the venue's number.
    #[must_use]
    pub fn open(&self) -> OpenOrder {
        OpenOrder {
            id: self.ours(),
            venue_order_id: format!("{ALGO_PREFIX}{}", self.algo_id),
            symbol: self.symbol.clone(),
            side: self.side,
            position_side: self.position_side,
            remaining: self.qty,
            limit: self.limit,
            trigger: self.trigger,
            reduce_only: self.reduce_only,
            kind: self.kind,
        }
    }
}

/// Decodes one conditional order: the answer to placing or asking for it.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_algo_order(body: Body<'_>) -> Result<AlgoRecord, DecodeError> {
    record(&Document::read(body)?.root())
}

/// Decodes a list of conditional orders, in the order sent.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_algo_orders(body: Body<'_>) -> Result<Vec<AlgoRecord>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?.into_iter().enumerate();
    rows.map(|(index, raw)| record(&root.index(index, Some(raw)))).collect()
}

/// As [`decode_algo_orders`], where a row that is not understood takes none of the others with it.
pub(crate) fn decode_algo_rows(body: Body<'_>) -> Result<Vec<Result<AlgoRecord, DecodeError>>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?.into_iter().enumerate();
    Ok(rows.map(|(index, raw)| record(&root.index(index, Some(raw)))).collect())
}

fn record(row: &Node<'_, '_>) -> Result<AlgoRecord, DecodeError> {
    let wire: wire::AlgoOrder<'_> = row.object()?;
    let side = side(&row.key("side", wire.side))?;
    let position_side = position_side(&row.key("positionSide", wire.position_side))?;
    let status_node = row.key("algoStatus", wire.algo_status);
    let status = match status_node.string()?.as_str() {
        "NEW" => AlgoStatus::New,
        "TRIGGERING" | "TRIGGERED" => AlgoStatus::Triggered,
        "FINISHED" => AlgoStatus::Finished,
        "CANCELED" => AlgoStatus::Cancelled,
        "REJECTED" => AlgoStatus::Rejected,
        "EXPIRED" => AlgoStatus::Expired,
        other => {
            return Err(status_node.invalid(&format!("{} is no state of a conditional order", cut(other))));
        }
    };
    let close = row.key("closePosition", wire.close_position).flag()?;
    let qty = if close { None } else { Some(row.key("quantity", wire.quantity).number()?) };
    let told = row.key("reduceOnly", wire.reduce_only).flag()?;
    let closes =
        matches!((position_side, side), (PositionSide::Long, Side::Sell) | (PositionSide::Short, Side::Buy));
    let order_id = match row.key("actualOrderId", wire.actual_order_id).optional() {
        Some(node) if node.is_text() && node.string()?.is_empty() => None,
        Some(node) => Some(node.id()?).filter(|id| id != "0"),
        None => None,
    };
    let trigger = row.key("triggerPrice", wire.trigger_price).price()?;
    Ok(AlgoRecord {
        symbol: row.key("symbol", wire.symbol).symbol()?,
        client_id: row.key("clientAlgoId", wire.client_algo_id).string()?,
        algo_id: row.key("algoId", wire.algo_id).id()?,
        side,
        position_side,
        qty,
        trigger: match trigger {
            Some(price) => Some(price),
            None => row.key("activatePrice", wire.activate_price).price()?,
        },
        limit: row.key("price", wire.price).price()?,
        reduce_only: told || close || closes,
        kind: order_kind(&row.key("orderType", wire.order_type).string()?),
        status,
        order_id,
        executed: match row.key("actualQty", wire.actual_qty).filled() {
            Some(node) => Some(node.number()?),
            None => None,
        },
        updated: match row.key("updateTime", wire.update_time).optional() {
            Some(node) => Some(Timestamp(node.integer()?)),
            None => None,
        },
    })
}
