//! `openOrders` and `frontendOpenOrders`.

use std::collections::BTreeSet;

use evenkeel_http::json::{DecodeError, Document, Node};
use evenkeel_types::{OpenOrder, OrderKind, PositionSide, Price, Qty};

use super::Body;
use super::answer::cloid;
use super::order::{Cloid, side};
use crate::wire;

/// Decodes `frontendOpenOrders`, or `openOrders` with what it hides.
///
/// Prefer `frontendOpenOrders`: `openOrders` lists trigger orders as well but without their trigger. A row that
/// hides it is taken for a limit order, unless it is reduce-only; then it may be a protective stop and becomes
/// [`OrderKind::OtherConditional`], so that nobody drops it as an ordinary order.
///
/// The attached take-profit and stop-loss orders of a parent (`children`) are usually rows of their own as well;
/// each order appears once. Spot orders are included; their coin is `@107` or `PURR/USDC`.
///
/// # Errors
/// [`DecodeError`] naming the field; an unknown side is refused.
pub fn decode_open_orders(body: Body<'_>) -> Result<Vec<OpenOrder>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?;
    let mut seen = BTreeSet::new();
    let mut orders = Vec::with_capacity(rows.len());
    // The rows first: they are complete where a nested copy may not be.
    for (index, raw) in rows.iter().copied().enumerate() {
        push(&mut orders, &mut seen, open_order(&root.index(index, Some(raw)))?);
    }
    for (index, raw) in rows.iter().copied().enumerate() {
        let row = root.index(index, Some(raw));
        let wire: wire::OpenOrder<'_> = row.object()?;
        let children = row.key("children", wire.children);
        let Some(children) = children.optional() else { continue };
        for (index, raw) in children.array()?.into_iter().enumerate() {
            push(&mut orders, &mut seen, open_order(&children.index(index, Some(raw)))?);
        }
    }
    Ok(orders)
}

fn push(orders: &mut Vec<OpenOrder>, seen: &mut BTreeSet<String>, order: OpenOrder) {
    if seen.insert(order.venue_order_id.clone()) {
        orders.push(order);
    }
}

fn open_order(row: &Node<'_, '_>) -> Result<OpenOrder, DecodeError> {
    let wire: wire::OpenOrder<'_> = row.object()?;
    let side = side(&row.key("side", wire.side))?;
    let reduce_only = row.key("reduceOnly", wire.reduce_only).optional_flag()?;
    let trigger_node = row.key("isTrigger", wire.is_trigger);
    let hidden = trigger_node.optional().is_none();
    let is_trigger = trigger_node.optional_flag()?;
    let kind = if is_trigger {
        match row.key("orderType", wire.order_type).string()?.as_str() {
            "Stop Market" | "Stop Limit" => OrderKind::StopLoss,
            "Take Profit Market" | "Take Profit Limit" => OrderKind::TakeProfit,
            _ => OrderKind::OtherConditional,
        }
    } else if hidden && reduce_only {
        OrderKind::OtherConditional
    } else {
        OrderKind::Limit
    };
    let size = row.key("sz", wire.sz);
    let remaining: Qty = size.number()?;
    if remaining.is_negative() {
        return Err(size.invalid(&format!("an order's size has no sign, not {remaining}")));
    }
    // A stop on the whole position has no size of its own.
    let whole_position = row.key("isPositionTpsl", wire.is_position_tpsl).optional_flag()?;
    let limit = row.key("limitPx", wire.limit_px);
    // A trigger order that becomes a market order may have no limit of its own.
    let limit = if is_trigger && limit.number::<Qty>()?.is_zero() { None } else { Some(limit.number()?) };
    let trigger =
        if is_trigger { Some(row.key("triggerPx", wire.trigger_px).number::<Price>()?) } else { None };
    Ok(OpenOrder {
        id: cloid(&row.key("cloid", wire.cloid))?.and_then(Cloid::ours),
        venue_order_id: row.key("oid", wire.oid).integer()?.to_string(),
        symbol: row.key("coin", wire.coin).symbol()?,
        side,
        position_side: PositionSide::Net,
        remaining: if whole_position { None } else { Some(remaining) },
        limit,
        trigger,
        reduce_only,
        kind,
    })
}
