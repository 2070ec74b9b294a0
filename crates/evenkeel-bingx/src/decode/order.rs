//! Orders: acknowledged, asked for, listed, cancelled.

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Node};
use evenkeel_types::{
    ClientOrderId, OpenOrder, OrderKind, OrderStatus, PositionMode, PositionSide, Price, Qty, Side, Symbol,
    Usd,
};

use super::market::price_or_none;
use super::{Body, Refusal, data, rows};
use crate::read::Identity as _;
use crate::wire;

/// What the venue says of an order that it took in. Most of it may be missing: the classic answer has only the
/// identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    /// The venue's number, all of its digits.
    pub venue_order_id: String,
    /// The client id, in lower case, where one was sent and is told back.
    pub client_order_id: Option<String>,
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// What was ordered, where the venue says so: it cuts excess digits silently.
    pub ordered: Option<Qty>,
    /// Whether it may only reduce, where the venue says so. In hedge mode it is `false` for all orders.
    pub reduce_only: Option<bool>,
    /// Where it stands, where the venue says so.
    pub status: Option<OrderStatus>,
    /// What was executed at once, where the venue says so.
    pub filled: Option<Qty>,
    /// At which average price.
    pub average_price: Option<Price>,
}

/// Decodes the answer to one order, in both of its shapes: `data.order`, or the order as `data` itself.
///
/// # Errors
/// [`DecodeError`] naming the field; an unknown status is refused.
pub fn decode_acknowledgement(body: Body<'_>) -> Result<Acknowledged, DecodeError> {
    data(body, |node| {
        let wrapped: wire::Wrapped<'_> = node.object()?;
        let inner = node.key("order", wrapped.order);
        match inner.optional() {
            Some(order) => acknowledged(&order, &order.object()?),
            None => acknowledged(node, &node.object()?),
        }
    })
}

fn acknowledged(row: &Node<'_, '_>, wire: &wire::Order<'_>) -> Result<Acknowledged, DecodeError> {
    let status = row.key("status", wire.status).filled();
    let filled = row.key("executedQty", wire.executed_qty).filled();
    let average = row.key("avgPrice", wire.avg_price).filled();
    let ordered = row.key("quantity", wire.quantity).or(row.key("origQty", wire.orig_qty)).filled();
    let reduce_only = row.key("reduceOnly", wire.reduce_only).filled();
    Ok(Acknowledged {
        venue_order_id: number(row, wire)?,
        client_order_id: client_id(row, wire)?,
        symbol: row.key("symbol", wire.symbol).symbol()?,
        side: side(&row.key("side", wire.side))?,
        ordered: ordered.map(|node| size(&node)).transpose()?,
        reduce_only: reduce_only.map(|node| node.flag()).transpose()?,
        status: status.map(|node| status_of(&node)).transpose()?,
        filled: filled.map(|node| size(&node)).transpose()?,
        average_price: average.map(|node| price_or_none(&node)).transpose()?.flatten(),
    })
}

/// One row of the answer to several orders.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum BatchEntry {
    /// Taken in.
    Taken(Acknowledged),
    /// Refused, with the client id where it is told back. No such row is documented; several spellings are understood.
    Refused(Option<String>, Refusal),
}

/// Decodes the answer to several orders. Their order is not promised: rows are told apart by their client id.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_batch(body: Body<'_>) -> Result<Vec<BatchEntry>, DecodeError> {
    data(body, |node| {
        let wire: wire::Orders<'_> = node.object()?;
        rows(&node.key("orders", wire.orders), |row| {
            let wire: wire::Order<'_> = row.object()?;
            let code = row.key("errorCode", wire.error_code).or(row.key("code", wire.code)).filled();
            let code = code.map(|node| node.digits()).transpose()?.filter(|code| code != "0");
            let Some(code) = code else { return acknowledged(row, &wire).map(BatchEntry::Taken) };
            let text = row.key("errorMessage", wire.error_message).or(row.key("errorMsg", wire.error_msg));
            let text = text.or(row.key("msg", wire.msg));
            let text = text.filled().and_then(|node| node.string().ok()).unwrap_or_default();
            Ok(BatchEntry::Refused(client_id(row, &wire)?, Refusal { code, text }))
        })
    })
}

/// An order as the venue keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// The venue's number, all of its digits.
    pub venue_order_id: String,
    /// The client id, in lower case, where it has one.
    pub client_order_id: Option<String>,
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// What kind: conditional orders are kept apart from those that trade.
    pub kind: OrderKind,
    /// What was ordered, in coins.
    pub ordered: Qty,
    /// What was executed.
    pub filled: Qty,
    /// At which average price, where anything was.
    pub average_price: Option<Price>,
    /// Fee so far; negative is a rebate. The venue prints a cost as negative.
    pub fee: Option<Usd>,
    /// Where it stands.
    pub status: OrderStatus,
    /// The same in the venue's word.
    pub venue_status: String,
}

impl OrderRecord {
    /// Our own id for it.
    #[must_use]
    pub fn id(&self) -> Option<ClientOrderId> {
        self.client_order_id.as_deref().and_then(|text| ClientOrderId::parse(text).ok())
    }
}

/// Decodes `trade/order`, asked for by an id.
///
/// # Errors
/// [`DecodeError`] naming the field; an unknown status is refused.
pub fn decode_order(body: Body<'_>) -> Result<OrderRecord, DecodeError> {
    data(body, |node| {
        let wrapped: wire::Wrapped<'_> = node.object()?;
        let inner = node.key("order", wrapped.order);
        match inner.optional() {
            Some(order) => record(&order),
            None => record(node),
        }
    })
}

/// Decodes `trade/allOrders`.
///
/// # Errors
/// As [`decode_order`].
pub fn decode_all_orders(body: Body<'_>) -> Result<Vec<OrderRecord>, DecodeError> {
    data(body, |node| {
        let wire: wire::Orders<'_> = node.object()?;
        let list = node.key("orders", wire.orders);
        // Without any, the list may be missing.
        if list.optional().is_none() { Ok(Vec::new()) } else { rows(&list, record) }
    })
}

fn record(row: &Node<'_, '_>) -> Result<OrderRecord, DecodeError> {
    let wire: wire::Order<'_> = row.object()?;
    let state = row.key("status", wire.status);
    let fee = row.key("commission", wire.commission).filled();
    let fee: Option<Usd> = fee.map(|node| node.scientific()).transpose()?;
    let filled_node = row.key("executedQty", wire.executed_qty);
    let filled = size(&filled_node)?;
    let average = row.key("avgPrice", wire.avg_price).filled();
    let average = average.map(|node| price_or_none(&node)).transpose()?.flatten();
    let kind = kind(&row.key("type", wire.r#type))?;
    let ordered = size(&row.key("origQty", wire.orig_qty))?;
    let status = status_of(&state)?;
    // A conditional order is "filled" when it triggered: what traded is its child. Of any other order it must be true.
    if status == OrderStatus::Filled && kind == OrderKind::Limit && filled < ordered {
        let problem = format!("filled, but only {filled} of {ordered} was executed");
        return Err(filled_node.error(DecodeErrorKind::Inconsistent, &problem, "ask again"));
    }
    if filled > ordered {
        let problem = format!("{filled} was executed of {ordered}");
        return Err(filled_node.error(DecodeErrorKind::Inconsistent, &problem, "ask again"));
    }
    Ok(OrderRecord {
        venue_order_id: number(row, &wire)?,
        client_order_id: client_id(row, &wire)?,
        symbol: row.key("symbol", wire.symbol).symbol()?,
        side: side(&row.key("side", wire.side))?,
        kind,
        ordered,
        filled,
        average_price: average,
        fee: if filled.is_zero() { None } else { fee.map(Usd::negated) },
        status,
        venue_status: state.string()?,
    })
}

/// Decodes `trade/openOrders`: resting and conditional orders. Stops that are attached to a resting order are part of
/// it and no rows of their own until it is filled.
///
/// # Errors
/// [`DecodeError`] naming the field; an unknown status is refused.
pub fn decode_open_orders(body: Body<'_>, mode: PositionMode) -> Result<Vec<OpenOrder>, DecodeError> {
    data(body, |node| {
        let wire: wire::Orders<'_> = node.object()?;
        let list = node.key("orders", wire.orders);
        let orders = rows(&list, |row| open_order(row, mode))?;
        Ok(orders.into_iter().flatten().collect())
    })
}

fn open_order(row: &Node<'_, '_>, mode: PositionMode) -> Result<Option<OpenOrder>, DecodeError> {
    let wire: wire::Order<'_> = row.object()?;
    // The list is made while orders end: what is over is not open.
    if status_of(&row.key("status", wire.status))?.is_terminal() {
        return Ok(None);
    }
    let side = side(&row.key("side", wire.side))?;
    let leg = row.key("positionSide", wire.position_side);
    let position_side = match (mode, leg.string()?.as_str()) {
        // Rows of one-way accounts name a side too; there is only one position.
        (PositionMode::OneWay, "BOTH" | "LONG" | "SHORT") => PositionSide::Net,
        (PositionMode::Hedge, "LONG") => PositionSide::Long,
        (PositionMode::Hedge, "SHORT") => PositionSide::Short,
        (_, other) => {
            let problem = format!("{} is no side in this position mode", evenkeel_http::cut(other));
            return Err(leg.invalid(&problem));
        }
    };
    let closes_leg =
        matches!((position_side, side), (PositionSide::Long, Side::Sell) | (PositionSide::Short, Side::Buy));
    let whole = row.key("closePosition", wire.close_position).optional_flag()?;
    let marked = row.key("reduceOnly", wire.reduce_only).optional_flag()?;
    let what = row.key("type", wire.r#type);
    let spelled = what.string()?;
    let kind = kind(&what)?;
    let rests = matches!(spelled.as_str(), "LIMIT" | "STOP" | "TAKE_PROFIT" | "TRIGGER_LIMIT");
    let limit = row.key("price", wire.price).filled();
    let limit = limit.filter(|_| rests).map(|node| price_or_none(&node)).transpose()?.flatten();
    let trigger = row.key("stopPrice", wire.stop_price).filled();
    let trigger =
        trigger.filter(|_| kind != OrderKind::Limit).map(|node| price_or_none(&node)).transpose()?;
    let ordered_node = row.key("origQty", wire.orig_qty);
    let ordered = size(&ordered_node)?;
    let filled = size(&row.key("executedQty", wire.executed_qty))?;
    let left = ordered_node.computed(ordered.minus(filled))?;
    if left.is_negative() {
        let problem = format!("{filled} was executed of {ordered}");
        return Err(ordered_node.error(DecodeErrorKind::Inconsistent, &problem, "read the orders again"));
    }
    Ok(Some(OpenOrder {
        id: client_id(row, &wire)?.and_then(|text| ClientOrderId::parse(&text).ok()),
        venue_order_id: number(row, &wire)?,
        symbol: row.key("symbol", wire.symbol).symbol()?,
        side,
        position_side,
        remaining: if whole { None } else { Some(left) },
        limit,
        trigger: trigger.flatten(),
        reduce_only: marked || whole || closes_leg,
        kind,
    }))
}

/// What the venue says of an order that it was asked to cancel. The state may be the one from before: a documented answer
/// has `PENDING`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelledOrder {
    /// The venue's number, all of its digits, where it is told.
    pub venue_order_id: Option<String>,
    /// The client id, in lower case, where it has one.
    pub client_order_id: Option<String>,
    /// Of which symbol, where it is told.
    pub symbol: Option<Symbol>,
    /// Where it stands, where the venue says so.
    pub status: Option<OrderStatus>,
}

/// Decodes the answer to a cancel, in both of its shapes: `data.order`, or the order as `data` itself.
///
/// # Errors
/// [`DecodeError`] naming the field; an unknown status is refused.
pub fn decode_cancel(body: Body<'_>) -> Result<CancelledOrder, DecodeError> {
    data(body, |node| {
        let wrapped: wire::Wrapped<'_> = node.object()?;
        let inner = node.key("order", wrapped.order);
        match inner.optional() {
            Some(order) => cancelled(&order),
            None => cancelled(node),
        }
    })
}

fn cancelled(row: &Node<'_, '_>) -> Result<CancelledOrder, DecodeError> {
    let wire: wire::Order<'_> = row.object()?;
    let number = row.key("orderID", wire.order_id_text).or(row.key("orderId", wire.order_id)).filled();
    let status = row.key("status", wire.status).filled();
    let symbol = row.key("symbol", wire.symbol).filled();
    Ok(CancelledOrder {
        venue_order_id: number.map(|node| node.identity()).transpose()?.flatten(),
        client_order_id: client_id(row, &wire)?,
        symbol: symbol.map(|node| node.symbol()).transpose()?,
        status: status.map(|node| status_of(&node)).transpose()?,
    })
}

/// How many orders a request cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// Cancelled.
    pub done: u32,
    /// Of them, conditional orders, as far as rows name their kind.
    pub conditional: u32,
    /// Not cancelled.
    pub failed: u32,
}

/// Decodes `trade/allOpenOrders`.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_cancelled(body: Body<'_>) -> Result<Cancelled, DecodeError> {
    data(body, |node| {
        let wire: wire::Cancelled<'_> = node.object()?;
        let count = |node: Node<'_, '_>| -> Result<u32, DecodeError> {
            let Some(list) = node.optional() else { return Ok(0) };
            Ok(u32::try_from(list.array()?.len()).unwrap_or(u32::MAX))
        };
        let success = node.key("success", wire.success);
        let failed = node.key("failed", wire.failed);
        // Both may be null, and one may be left out; an answer with neither says nothing.
        if !success.is_present() && !failed.is_present() {
            return Err(node.invalid("neither `success` nor `failed`"));
        }
        let mut conditional = 0_u32;
        if success.optional().is_some() {
            let conditional_row = |row: &Node<'_, '_>| {
                // Rows can be numbers alone.
                if !row.is_object() {
                    return Ok(false);
                }
                let wire: wire::Order<'_> = row.object()?;
                let kind_node = row.key("type", wire.r#type);
                Ok(kind_node
                    .filled()
                    .map(|node| kind(&node))
                    .transpose()?
                    .is_some_and(|k| k != OrderKind::Limit))
            };
            for is_conditional in rows(&success, conditional_row)? {
                conditional = conditional.saturating_add(u32::from(is_conditional));
            }
        }
        Ok(Cancelled { done: count(success)?, conditional, failed: count(failed)? })
    })
}

/// Decodes `trade/cancelAllAfter`: the switch's status in the venue's word (`ACTIVATED`, `CLOSED`, `FAILED`).
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_switch(body: Body<'_>) -> Result<String, DecodeError> {
    data(body, |node| {
        let wire: wire::Switch<'_> = node.object()?;
        node.key("status", wire.status).string()
    })
}

/// The venue's number. The text twin is preferred: the bare number passes through fewer hands unharmed.
fn number(row: &Node<'_, '_>, wire: &wire::Order<'_>) -> Result<String, DecodeError> {
    let node = row.key("orderID", wire.order_id_text).or(row.key("orderId", wire.order_id));
    node.identity()?.ok_or_else(|| node.invalid("an order without a number"))
}

fn client_id(row: &Node<'_, '_>, wire: &wire::Order<'_>) -> Result<Option<String>, DecodeError> {
    let spelled = row.key("clientOrderId", wire.client_order_id);
    let node = spelled.or(row.key("clientOrderID", wire.client_order_id_upper));
    Ok(node.filled().map(|node| node.string()).transpose()?.map(|text| text.to_ascii_lowercase()))
}

fn side(node: &Node<'_, '_>) -> Result<Side, DecodeError> {
    match node.string()?.as_str() {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        other => {
            Err(node.invalid(&format!("{} is no side; known are BUY and SELL", evenkeel_http::cut(other))))
        }
    }
}

fn size(node: &Node<'_, '_>) -> Result<Qty, DecodeError> {
    let size: Qty = node.scientific()?;
    if size.is_negative() {
        return Err(node.invalid(&format!("an order's size has no sign, not {size}")));
    }
    Ok(size)
}

/// Unknown kinds survive as conditional ones, so that nobody drops them as ordinary orders.
fn kind(node: &Node<'_, '_>) -> Result<OrderKind, DecodeError> {
    Ok(match node.string()?.as_str() {
        "LIMIT" | "MARKET" => OrderKind::Limit,
        "STOP" | "STOP_MARKET" => OrderKind::StopLoss,
        "TAKE_PROFIT" | "TAKE_PROFIT_MARKET" => OrderKind::TakeProfit,
        "TRAILING_STOP_MARKET" | "TRAILING_TP_SL" => OrderKind::TrailingStop,
        _ => OrderKind::OtherConditional,
    })
}

fn status_of(node: &Node<'_, '_>) -> Result<OrderStatus, DecodeError> {
    match node.string()?.as_str() {
        "PENDING" | "NEW" | "WORKING" | "TRIGGERED" | "PARTIALLY_FILLED" => Ok(OrderStatus::Open),
        "FILLED" => Ok(OrderStatus::Filled),
        "CANCELLED" | "CANCELED" | "EXPIRED" => Ok(OrderStatus::Cancelled),
        other => Err(node.invalid(&format!("the order status {} is not known", evenkeel_http::cut(other)))),
    }
}
