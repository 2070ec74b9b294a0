//! Orders: answers to placing and cancelling, single records, lists, batches.

use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Node};
use evenkeel_types::{
    ClientOrderId, OpenOrder, OrderKind, OrderState, OrderStatus, PositionSide, Price, Qty, Side, Symbol,
};

use super::Body;
use super::account::position_side;
use crate::read::Fields as _;
use crate::wire;

/// What the venue says of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderRecord {
    /// What is traded.
    pub symbol: Symbol,
    /// The id that its sender gave it.
    pub client_id: String,
    /// The venue's number, with all digits.
    pub venue_order_id: String,
    /// Buy or sell.
    pub side: Side,
    /// Net, or which leg.
    pub position_side: PositionSide,
    /// Ordered size; zero where it closes whatever the position is.
    pub ordered: Qty,
    /// Executed size.
    pub filled: Qty,
    /// Average price of the executions; answers to placing an order have none since 2026-06-30.
    pub average: Option<Price>,
    /// Limit price, where it has one.
    pub limit: Option<Price>,
    /// Trigger price, where it has one.
    pub trigger: Option<Price>,
    /// Where it stands.
    pub status: OrderStatus,
    /// The same in the venue's word: `NEW`, `EXPIRED_IN_MATCH`.
    pub venue_status: String,
    /// Whether it may only reduce. In hedge mode the venue derives it from side and leg.
    pub reduce_only: bool,
    /// Whether it closes the whole position.
    pub close_position: bool,
    /// What kind.
    pub kind: OrderKind,
    /// Whether what is not executed at once is cancelled.
    pub immediate: bool,
}

impl OrderRecord {
    /// Its client id, if it reads as one of ours.
    #[must_use]
    pub fn ours(&self) -> Option<ClientOrderId> {
        ClientOrderId::parse(&self.client_id).ok()
    }

    /// As an order that rests.
    ///
    /// # Errors
    /// [`DecodeError`] for sizes that cannot be computed with.
    pub fn resting(&self, file: &str) -> Result<OpenOrder, DecodeError> {
        let remaining = self.ordered.minus(self.filled).map_err(|error| {
            DecodeError::new(
                DecodeErrorKind::Value,
                file,
                "origQty".into(),
                &error.to_string(),
                "read it again",
            )
        })?;
        Ok(OpenOrder {
            id: self.ours(),
            venue_order_id: self.venue_order_id.clone(),
            symbol: self.symbol.clone(),
            side: self.side,
            position_side: self.position_side,
            remaining: (!self.close_position).then_some(remaining),
            limit: self.limit,
            trigger: self.trigger,
            reduce_only: self.reduce_only,
            kind: self.kind,
        })
    }

    /// As the state of the order of ours with this id.
    #[must_use]
    pub fn state(&self, id: ClientOrderId) -> OrderState {
        OrderState {
            id,
            venue_order_id: Some(self.venue_order_id.clone()),
            symbol: self.symbol.clone(),
            side: self.side,
            qty: self.ordered,
            filled: self.filled,
            average_price: self.average,
            fee: None,
            status: self.status,
        }
    }
}

/// Decodes one order: the answer to placing, cancelling or asking for it.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_order(body: Body<'_>) -> Result<OrderRecord, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    order(&root, &root.object()?)
}

/// Decodes a list of orders, in the order sent.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_orders(body: Body<'_>) -> Result<Vec<OrderRecord>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?.into_iter().enumerate();
    rows.map(|(index, raw)| {
        let row = root.index(index, Some(raw));
        order(&row, &row.object()?)
    })
    .collect()
}

/// As [`decode_orders`], where a row that is not understood takes none of the others with it.
pub(crate) fn decode_order_rows(
    body: Body<'_>,
) -> Result<Vec<Result<OrderRecord, DecodeError>>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let row = |row: Node<'_, '_>| order(&row, &row.object()?);
    let rows = root.array()?.into_iter().enumerate();
    Ok(rows.map(|(index, raw)| row(root.index(index, Some(raw)))).collect())
}

/// Of each order of a list what it is in: whatever else its row holds.
pub(crate) fn decode_order_symbols(body: Body<'_>) -> Result<Vec<Result<Symbol, DecodeError>>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let row = |row: Node<'_, '_>| {
        let wire: wire::Order<'_> = row.object()?;
        row.key("symbol", wire.symbol).symbol()
    };
    let rows = root.array()?.into_iter().enumerate();
    Ok(rows.map(|(index, raw)| row(root.index(index, Some(raw)))).collect())
}

/// One outcome within a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // An order or its refusal: there is nothing in between.
pub enum BatchItem {
    /// It was taken in.
    Order(Box<OrderRecord>),
    /// It was refused.
    Refused {
        /// The venue's code.
        code: i64,
        /// The venue's words.
        text: String,
    },
}

/// Decodes the answer to a batch: one outcome each, in the order sent. An outcome that is not understood says so by itself
/// and takes none of the others with it.
///
/// # Errors
/// [`DecodeError`] where the answer is no list.
pub fn decode_batch(body: Body<'_>) -> Result<Vec<Result<BatchItem, DecodeError>>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?.into_iter().enumerate();
    let item = |row: Node<'_, '_>| {
        let wire: wire::Order<'_> = row.object()?;
        match row.key("code", wire.code).optional() {
            Some(code) => {
                let text = row.key("msg", wire.msg).optional();
                let text = text.and_then(|text| text.string().ok()).unwrap_or_default();
                Ok(BatchItem::Refused { code: code.signed()?, text })
            }
            None => order(&row, &wire).map(|order| BatchItem::Order(Box::new(order))),
        }
    };
    Ok(rows.map(|(index, raw)| item(root.index(index, Some(raw)))).collect())
}

fn order(row: &Node<'_, '_>, wire: &wire::Order<'_>) -> Result<OrderRecord, DecodeError> {
    let side = side(&row.key("side", wire.side))?;
    let position_side = position_side(&row.key("positionSide", wire.position_side))?;
    let ordered: Qty = row.key("origQty", wire.orig_qty).number()?;
    let executed = row.key("executedQty", wire.executed_qty);
    let filled: Qty = executed.number()?;
    let status_node = row.key("status", wire.status);
    let venue_status = status_node.string()?;
    let immediate = match row.key("timeInForce", wire.time_in_force).optional() {
        Some(tif) => matches!(tif.string()?.as_str(), "IOC" | "FOK"),
        None => false,
    };
    let status = match venue_status.as_str() {
        // An immediate order cannot rest: one that is not over yet has not said what became of it.
        "NEW" | "PARTIALLY_FILLED" if immediate => OrderStatus::Acknowledged,
        // The two last ones are the venue's own orders in a liquidation.
        "NEW" | "PARTIALLY_FILLED" | "NEW_INSURANCE" | "NEW_ADL" => OrderStatus::Open,
        "FILLED" => OrderStatus::Filled,
        // With whatever was executed before: an expired order can have traded.
        "CANCELED" | "EXPIRED" | "EXPIRED_IN_MATCH" => OrderStatus::Cancelled,
        "REJECTED" => OrderStatus::Rejected,
        other => return Err(status_node.invalid(&format!("{} is no state of an order", cut(other)))),
    };
    let close_position = match row.key("closePosition", wire.close_position).optional() {
        Some(flag) => flag.flag()?,
        None => false,
    };
    if filled.is_negative() || ordered.is_negative() || (filled > ordered && !close_position) {
        let problem = format!("{filled} executed of {ordered}");
        return Err(executed.error(DecodeErrorKind::Inconsistent, &problem, "read it again"));
    }
    if status == OrderStatus::Filled && filled < ordered {
        let problem = format!("filled, but {filled} of {ordered} executed");
        return Err(executed.error(DecodeErrorKind::Inconsistent, &problem, "read it again"));
    }
    let told = row.key("reduceOnly", wire.reduce_only).flag()?;
    let closes =
        matches!((position_side, side), (PositionSide::Long, Side::Sell) | (PositionSide::Short, Side::Buy));
    let stop = row.key("stopPrice", wire.stop_price).price()?;
    // The original kind stays when a conditional order has become an ordinary one.
    let kind = row.key("origType", wire.orig_type).optional();
    let kind = kind.unwrap_or_else(|| row.key("type", wire.r#type)).string()?;
    Ok(OrderRecord {
        symbol: row.key("symbol", wire.symbol).symbol()?,
        client_id: row.key("clientOrderId", wire.client_order_id).string()?,
        venue_order_id: row.key("orderId", wire.order_id).id()?,
        side,
        position_side,
        ordered,
        filled,
        average: row.key("avgPrice", wire.avg_price).price()?,
        limit: row.key("price", wire.price).price()?,
        trigger: match stop {
            Some(price) => Some(price),
            None => row.key("activatePrice", wire.activate_price).price()?,
        },
        status,
        venue_status,
        reduce_only: told || close_position || closes,
        close_position,
        kind: order_kind(&kind),
        immediate,
    })
}

/// Kinds of the venue as ours; what is new counts as waiting for something.
pub(super) fn order_kind(text: &str) -> OrderKind {
    match text {
        "LIMIT" | "MARKET" | "LIQUIDATION" => OrderKind::Limit,
        "STOP" | "STOP_MARKET" => OrderKind::StopLoss,
        "TAKE_PROFIT" | "TAKE_PROFIT_MARKET" => OrderKind::TakeProfit,
        "TRAILING_STOP_MARKET" => OrderKind::TrailingStop,
        _ => OrderKind::OtherConditional,
    }
}

pub(super) fn side(node: &Node<'_, '_>) -> Result<Side, DecodeError> {
    match node.string()?.as_str() {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        other => Err(node.invalid(&format!("{} is no side", cut(other)))),
    }
}
