//! `order/realtime` and `order/history`.

use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, DecodeErrorKind, Node};
use evenkeel_types::{
    ClientOrderId, OpenOrder, OrderKind, OrderStatus, PositionSide, Price, Qty, Side, Symbol, Timestamp, Usd,
};

use super::market::SETTLE_COIN;
use super::{Body, Page, leg, number_or_none, page, price_or_none, side, size};
use crate::wire;

/// What the venue keeps of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderRecord {
    /// What is traded.
    pub symbol: Symbol,
    /// The venue's identity.
    pub venue_order_id: String,
    /// The client id, where it has one; it need not be one of ours.
    pub client_order_id: Option<String>,
    /// Buy or sell.
    pub side: Side,
    /// Which leg, in hedge mode.
    pub leg: PositionSide,
    /// Ordered size; zero where the order closes whatever the position is.
    pub ordered: Qty,
    /// Executed size.
    pub filled: Qty,
    /// Size not executed yet; absent from some answers.
    pub remaining: Option<Qty>,
    /// Average price of execution, where something was executed.
    pub average_price: Option<Price>,
    /// Fee paid, where it is paid in the coin of settlement.
    pub fee: Option<Usd>,
    /// Where it stands.
    pub status: OrderStatus,
    /// The venue's own word for that.
    pub venue_status: String,
    /// Why it was refused or cancelled, in the venue's own words; empty where it was not.
    pub reason: String,
    /// Limit price, where it has one.
    pub limit: Option<Price>,
    /// Trigger price, where it has one.
    pub trigger: Option<Price>,
    /// What kind.
    pub kind: OrderKind,
    /// Whether it can only reduce.
    pub reduce_only: bool,
    /// When it was placed, where the answer says it.
    pub placed: Option<Timestamp>,
}

impl OrderRecord {
    /// Our id, where this can be one of ours. Somebody else's can look like ours.
    #[must_use]
    pub fn id(&self) -> Option<ClientOrderId> {
        ClientOrderId::parse(self.client_order_id.as_deref()?).ok()
    }

    /// Whether it waits for its trigger.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.venue_status == "Untriggered"
    }

    /// The order as one that rests.
    #[must_use]
    pub fn open_order(&self) -> OpenOrder {
        // The larger one where the two differ: it is what the order can still do.
        let open = self.ordered.minus(self.filled).ok();
        let remaining = self.remaining.max(open);
        OpenOrder {
            id: self.id(),
            venue_order_id: self.venue_order_id.clone(),
            symbol: self.symbol.clone(),
            side: self.side,
            position_side: self.leg,
            remaining: remaining.filter(|_| !self.ordered.is_zero()),
            limit: self.limit,
            trigger: self.trigger,
            reduce_only: self.reduce_only,
            kind: self.kind,
        }
    }
}

/// Decodes `order/realtime` or `order/history`, newest first as the venue sends them.
///
/// # Errors
/// [`DecodeError`] naming the field; an order status that is on no list is refused.
pub fn decode_orders(body: Body<'_>) -> Result<Page<OrderRecord>, DecodeError> {
    page(body, record)
}

fn record(row: &Node<'_, '_>) -> Result<OrderRecord, DecodeError> {
    let wire: wire::Order<'_> = row.object()?;
    let ordered = size(&row.key("qty", wire.qty))?;
    let filled_node = row.key("cumExecQty", wire.cum_exec_qty);
    let filled = size(&filled_node)?;
    if filled > ordered && !ordered.is_zero() {
        let problem = format!("{filled} was executed of {ordered}");
        return Err(filled_node.error(DecodeErrorKind::Inconsistent, &problem, "read the order again"));
    }
    let status_node = row.key("orderStatus", wire.order_status);
    let venue_status = status_node.string()?;
    if venue_status == "Filled" && filled.is_zero() && !ordered.is_zero() {
        let problem = format!("nothing of {ordered} was executed of an order that is filled");
        return Err(filled_node.error(DecodeErrorKind::Inconsistent, &problem, "read the order again"));
    }
    let Some(status) = status(&venue_status, ordered, filled) else {
        return Err(status_node.error(
            DecodeErrorKind::Value,
            &format!("unknown order status {}", cut(&venue_status)),
            "look at the order at the venue; this library is too old for the answer",
        ));
    };
    let id = row.key("orderId", wire.order_id);
    let venue_order_id = id.string()?;
    if venue_order_id.is_empty() {
        return Err(id.invalid("an order without a number"));
    }
    let side = side(&row.key("side", wire.side))?;
    let trigger = price_or_none(row.key("triggerPrice", wire.trigger_price))?;
    // A closing order can only reduce, whatever its other flag says.
    let reduce_only = row.key("reduceOnly", wire.reduce_only).optional_flag()?
        || row.key("closeOnTrigger", wire.close_on_trigger).optional_flag()?;
    let average = price_or_none(row.key("avgPrice", wire.avg_price))?;
    let text = |node: Node<'_, '_>| node.filled().map(|node| node.string()).transpose();
    let client_order_id = text(row.key("orderLinkId", wire.order_link_id))?;
    Ok(OrderRecord {
        symbol: row.key("symbol", wire.symbol).symbol()?,
        venue_order_id,
        client_order_id,
        side,
        leg: leg(&row.key("positionIdx", wire.position_idx))?,
        ordered,
        filled,
        remaining: row.key("leavesQty", wire.leaves_qty).filled().map(|node| size(&node)).transpose()?,
        average_price: average.filter(|_| filled.is_positive()),
        fee: fee(row, &wire, filled)?,
        status,
        kind: kind(row, &wire, side, reduce_only, &venue_status)?,
        reason: reason(row, &wire)?,
        venue_status,
        limit: limit(row, &wire)?,
        trigger,
        reduce_only,
        placed: row
            .key("createdTime", wire.created_time)
            .filled()
            .map(|node| node.integer().map(Timestamp))
            .transpose()?,
    })
}

/// The venue's words. What was executed decides whether an order that is over was ever in the book.
fn status(text: &str, ordered: Qty, filled: Qty) -> Option<OrderStatus> {
    Some(match text {
        "New" | "PartiallyFilled" | "Untriggered" | "Triggered" => OrderStatus::Open,
        // A reducing order may have been cut to the position.
        "Filled" if filled < ordered => OrderStatus::Cancelled,
        "Filled" => OrderStatus::Filled,
        "Cancelled" | "Deactivated" | "PartiallyFilledCanceled" => OrderStatus::Cancelled,
        // Recorded: an order that was rejected after a part of it had been executed.
        "Rejected" if filled.is_positive() => OrderStatus::Cancelled,
        "Rejected" => OrderStatus::Rejected,
        _ => return None,
    })
}

/// Market orders print the worst price that they would take, which is no limit of theirs.
fn limit(row: &Node<'_, '_>, wire: &wire::Order<'_>) -> Result<Option<Price>, DecodeError> {
    let price = price_or_none(row.key("price", wire.price))?;
    let market = row.key("orderType", wire.order_type).string()? == "Market";
    Ok(price.filter(|_| !market))
}

fn reason(row: &Node<'_, '_>, wire: &wire::Order<'_>) -> Result<String, DecodeError> {
    for node in [row.key("rejectReason", wire.reject_reason), row.key("cancelType", wire.cancel_type)] {
        if let Some(node) = node.filled() {
            let text = node.string()?;
            if !matches!(text.as_str(), "EC_NoError" | "UNKNOWN") {
                return Ok(text);
            }
        }
    }
    Ok(String::new())
}

/// A conditional order that has triggered is an ordinary one. One that was placed with a trigger of its own is told by the
/// way that the price has to go.
fn kind(
    row: &Node<'_, '_>,
    wire: &wire::Order<'_>,
    side: Side,
    reduce_only: bool,
    status: &str,
) -> Result<OrderKind, DecodeError> {
    if !matches!(status, "Untriggered" | "Triggered" | "Deactivated") {
        return Ok(OrderKind::Limit);
    }
    let text = row.key("stopOrderType", wire.stop_order_type).filled();
    let text = text.map(|node| node.string()).transpose()?.unwrap_or_default();
    let direction = row.key("triggerDirection", wire.trigger_direction).filled();
    let direction = direction.map(|node| node.integer()).transpose()?;
    Ok(match text.as_str() {
        "StopLoss" | "PartialStopLoss" => OrderKind::StopLoss,
        "TakeProfit" | "PartialTakeProfit" => OrderKind::TakeProfit,
        "TrailingStop" => OrderKind::TrailingStop,
        "Stop" if reduce_only => match (side, direction) {
            (Side::Sell, Some(2)) | (Side::Buy, Some(1)) => OrderKind::StopLoss,
            (Side::Sell, Some(1)) | (Side::Buy, Some(2)) => OrderKind::TakeProfit,
            _ => OrderKind::OtherConditional,
        },
        _ => OrderKind::OtherConditional,
    })
}

/// Fees may be paid in another coin (MNT at a discount); then what they were worth is not said.
fn fee(row: &Node<'_, '_>, wire: &wire::Order<'_>, filled: Qty) -> Result<Option<Usd>, DecodeError> {
    let detail = row.key("cumFeeDetail", wire.cum_fee_detail);
    if let Some(detail) = detail.filled() {
        let fees: wire::Map<'_> = detail.object()?;
        if !fees.is_empty() {
            let only = fees.get(SETTLE_COIN).filter(|_| fees.len() == 1);
            let Some(raw) = only else { return Ok(None) };
            return detail.key(SETTLE_COIN, *raw).number().map(Some);
        }
        if filled.is_zero() {
            return Ok(Some(Usd::ZERO));
        }
    }
    number_or_none(row.key("cumExecFee", wire.cum_exec_fee))
}
