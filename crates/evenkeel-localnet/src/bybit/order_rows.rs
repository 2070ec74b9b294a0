//! Orders as they are shown.

use evenkeel_types::{OrderStatus, Side};
use serde_json::{Value, json};

use super::auth::Caller;
use super::envelope::{Answer, Refusal, merged};
use super::ids::{Of, number, uuid};
use super::numbers::{fine, text, usd};
use super::params::{Category, Params};
use super::positions::{page_after, position_idx};
use super::refusals::reject_reason;
use super::server::Server;
use crate::floor::{Account, Kind, Status, Ticket};

/// Orders that are over and still in the list of open ones, when they are asked for.
const RECENT: usize = 500;

pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

/// Whether it can be asked for: what was only acknowledged is not in any list.
pub(super) fn is_visible(account: &Account, ticket: &Ticket) -> bool {
    let Some(record) = ticket.record(&account.world) else { return true };
    record.visible_from.is_some_and(|from| from <= account.world.now())
}

fn status(account: &Account, ticket: &Ticket) -> &'static str {
    let done = ticket.done(&account.world).qty;
    match ticket.status(&account.world) {
        Status::Waiting => "Untriggered",
        Status::Open if done.is_positive() => "PartiallyFilled",
        Status::Open => "New",
        Status::Filled => "Filled",
        Status::Rejected(crate::floor::Why::WouldMatch) => "Cancelled",
        Status::Rejected(_) => "Rejected",
        Status::Cancelled | Status::Expired if ticket.is_conditional() && never_fired(account, ticket) => {
            "Deactivated"
        }
        Status::Cancelled | Status::Expired => "Cancelled",
    }
}

fn never_fired(account: &Account, ticket: &Ticket) -> bool {
    ticket
        .record(&account.world)
        .is_none_or(|record| record.filled.is_zero() && record.kind != evenkeel_types::OrderKind::Limit)
}

/// Who or what ended it, and why it was refused.
fn reasons(account: &Account, ticket: &Ticket) -> (&'static str, &'static str) {
    let full_guard = ticket.is_conditional() && ticket.wish.qty.is_none();
    match ticket.status(&account.world) {
        Status::Rejected(why) => ("UNKNOWN", reject_reason(&why)),
        Status::Expired => ("UNKNOWN", "EC_NoImmediateQtyToFill"),
        Status::Cancelled => match (ticket.cancelled_by, reason(account, ticket)) {
            (Some("schedule"), _) => ("CancelByDCP", "EC_NoError"),
            (Some(by), _) => (by, if by == "CancelByUser" { "EC_PerCancelRequest" } else { "EC_NoError" }),
            (None, "the position is gone") if full_guard => ("CancelByTpSlTsClear", "EC_NoError"),
            (None, "the position is gone" | "there is nothing to reduce") => {
                ("CancelByReduceOnly", "EC_NoError")
            }
            (None, "cancelled") => ("CancelAllBeforeLiq", "EC_NoError"),
            (None, _) => ("UNKNOWN", "EC_NoImmediateQtyToFill"),
        },
        _ => ("UNKNOWN", "EC_NoError"),
    }
}

fn reason<'a>(account: &'a Account, ticket: &Ticket) -> &'a str {
    let record = ticket.record(&account.world);
    record.and_then(|record| record.reason.as_deref()).unwrap_or_default()
}

pub(super) fn order_row(account: &Account, ticket: &Ticket) -> Value {
    let (wish, done) = (&ticket.wish, ticket.done(&account.world));
    let word = |name: &str| wish.words.get(name).and_then(Value::as_str).unwrap_or_default();
    let (cancel, reject) = reasons(account, ticket);
    let left = ticket.remaining(&account.world);
    let record = ticket.record(&account.world);
    let limit = match &wish.kind {
        Kind::Limit(limit) => Some(*limit),
        Kind::Trigger(trigger) => trigger.limit,
        // The worst price that it would take.
        Kind::Market | Kind::Trailing { .. } => record.and_then(|record| record.limit),
    };
    let left_value =
        limit.and_then(|limit| evenkeel_types::Qty::new(left).and_then(|left| limit.value(left)).ok());
    let trigger = match &wish.kind {
        Kind::Trigger(trigger) => text(trigger.at.get()),
        Kind::Trailing { activation: Some(at), .. } => text(at.get()),
        _ => String::new(),
    };
    let direction = match &wish.kind {
        Kind::Trigger(trigger) => {
            if trigger.rises {
                1
            } else {
                2
            }
        }
        _ => 0,
    };
    let fee = if done.qty.is_zero() { json!({}) } else { json!({account.coin.0.as_str(): usd(done.fee)}) };
    // An order that covers the position has no size of its own until it trades.
    let qty = match (wish.qty, record) {
        (Some(qty), _) => qty.get(),
        (None, Some(record)) if record.status == OrderStatus::Filled => done.qty.get(),
        _ => evenkeel_types::Decimal::ZERO,
    };
    let did = json!({
        "orderId": uuid(Of::Order, ticket.id), "orderLinkId": wish.client_id.clone().unwrap_or_default(),
        "parentOrderLinkId": "", "blockTradeId": "", "symbol": wish.symbol.as_str(), "side": side(wish.side),
        "positionIdx": position_idx(wish.leg), "orderType": word("orderType"), "timeInForce": word("timeInForce"),
        "price": limit.map_or("0".to_owned(), |limit| text(limit.get())), "qty": text(qty),
        "orderStatus": status(account, ticket), "createType": word("createType"), "cancelType": cancel,
        "rejectReason": reject, "avgPrice": done.average().map_or_else(String::new, |at| fine(at.get())),
        "leavesQty": text(left), "leavesValue": left_value.map_or("0".to_owned(), usd),
        "cumExecQty": text(done.qty.get()), "cumExecValue": usd(done.value), "cumExecFee": usd(done.fee),
        "cumFeeDetail": fee, "createdTime": ticket.placed.0.to_string(), "updatedTime": ticket.changed.0.to_string(),
    });
    let was_told = json!({
        "isLeverage": "", "marketUnit": "", "orderIv": "", "stopOrderType": word("stopOrderType"),
        "triggerPrice": trigger, "triggerDirection": direction, "triggerBy": word("triggerBy"),
        "takeProfit": word("takeProfit"), "stopLoss": word("stopLoss"), "tpslMode": word("tpslMode"),
        "tpTriggerBy": word("tpTriggerBy"), "slTriggerBy": word("slTriggerBy"), "tpLimitPrice": "0", "slLimitPrice": "0",
        "lastPriceOnCreated": word("lastPriceOnCreated"), "reduceOnly": wish.reduce_only,
        "closeOnTrigger": wish.words.get("closeOnTrigger").and_then(Value::as_bool).unwrap_or(false),
        "placeType": "", "smpType": "None", "smpGroup": 0, "smpOrderId": "", "slippageToleranceType": "UNKNOWN",
        "slippageTolerance": "0", "extraFees": "",
    });
    merged(did, was_told)
}

/// The key by which pages follow each other.
fn page_key(row: &Value) -> String {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
    format!("{}:{}", text("orderId"), text("createdTime"))
}

/// What the venue counts as conditional: whatever waits, or waited, for a price.
pub(super) fn fits_filter(ticket: &Ticket, filter: Option<&str>) -> bool {
    match filter {
        Some("Order" | "OpenOrder") => !ticket.is_conditional(),
        Some("StopOrder" | "tpslOrder" | "OcoOrder" | "BidirectionalTpslOrder") => ticket.is_conditional(),
        _ => true,
    }
}

/// Whether an order is meant.
pub(super) type Meant<'a> = Box<dyn Fn(&Ticket) -> bool + 'a>;

impl Server {
    /// By the venue's id, or by the client's where that is not given.
    pub(super) fn find_order<'a>(
        &self,
        account: &'a Account,
        params: &Params,
    ) -> Result<Option<&'a Ticket>, Refusal> {
        if let Some(id) = params.text("orderId")? {
            return Ok(number(Of::Order, id).and_then(|id| account.tickets.get(&id)));
        }
        match params.text("orderLinkId")? {
            Some(id) => Ok(account.by_client(id)),
            None => Err(Refusal::new(10001, "params error: orderId or orderLinkId invalid")),
        }
    }

    pub(super) fn open_orders(&mut self, caller: &Caller, params: &Params) -> Answer {
        let category = params.category()?;
        let limit = params.limit(20, 50)?;
        let mut rows = Vec::new();
        if category == Category::Linear {
            let account = self.account(caller.account)?;
            let named = params.text("orderId")?.is_some() || params.text("orderLinkId")?.is_some();
            if named {
                let found = self.find_order(account, params)?;
                rows.extend(
                    found.filter(|ticket| is_visible(account, ticket)).map(|t| order_row(account, t)),
                );
            } else {
                let meant = self.meant(params)?;
                let closed = params.integer("openOnly")? == Some(1);
                let filter = params.text("orderFilter")?;
                let is_meant = |ticket: &&Ticket| {
                    meant(ticket) && fits_filter(ticket, filter) && is_visible(account, ticket)
                };
                let row = |ticket: &Ticket| order_row(account, ticket);
                if closed {
                    let over =
                        account.tickets.values().rev().filter(|ticket| !ticket.is_open(&account.world));
                    rows.extend(over.filter(is_meant).take(RECENT).map(row));
                } else {
                    rows.extend(account.open().rev().filter(is_meant).take(RECENT).map(row));
                }
            }
        }
        let (page, cursor) = page_after(&rows, params.cursor()?.as_deref(), limit, page_key);
        Ok(json!({"category": category.name(), "list": page, "nextPageCursor": cursor}).into())
    }

    pub(super) fn order_history(&mut self, caller: &Caller, params: &Params) -> Answer {
        let category = params.category()?;
        let limit = params.limit(20, 50)?;
        let mut rows = Vec::new();
        if category == Category::Linear {
            let account = self.account(caller.account)?;
            let window = super::history::window(params, self.floor.now, super::history::WEEK)?;
            let symbol = params.text("symbol")?;
            if symbol.is_some() {
                let _known = self.market(params)?;
            }
            let (id, link) = (params.text("orderId")?, params.text("orderLinkId")?);
            let (wanted, filter) = (params.text("orderStatus")?, params.text("orderFilter")?);
            let by_id = id.is_some() || link.is_some();
            let meant = |ticket: &&Ticket| {
                let named = match (id, link) {
                    (Some(id), _) => uuid(Of::Order, ticket.id) == id,
                    (None, Some(link)) => ticket.wish.client_id.as_deref() == Some(link),
                    (None, None) => symbol.is_none_or(|symbol| ticket.wish.symbol.as_str() == symbol),
                };
                named
                    && is_visible(account, ticket)
                    && !ticket.is_open(&account.world)
                    && (by_id || window.contains(&ticket.placed.0))
                    && fits_filter(ticket, filter)
                    && wanted.is_none_or(|wanted| status(account, ticket) == wanted)
            };
            let tickets = account.tickets.values().rev().filter(meant);
            rows.extend(tickets.map(|ticket| order_row(account, ticket)));
        }
        let (page, cursor) = page_after(&rows, params.cursor()?.as_deref(), limit, page_key);
        Ok(json!({"category": category.name(), "list": page, "nextPageCursor": cursor}).into())
    }

    /// Which orders are meant: of a symbol, of a base coin, or of everything settled in a coin. One has to be said.
    pub(super) fn meant<'a>(&'a self, params: &'a Params) -> Result<Meant<'a>, Refusal> {
        if params.text("symbol")?.is_some() {
            let symbol = self.market(params)?.symbol.clone();
            return Ok(Box::new(move |ticket| ticket.wish.symbol == symbol));
        }
        let (base, settle) = (params.text("baseCoin")?, params.text("settleCoin")?);
        if base.is_none() && settle.is_none() {
            return Err(Refusal::new(10001, "params error: symbol, baseCoin or settleCoin invalid"));
        }
        Ok(Box::new(move |ticket| {
            let market = self.floor.market(ticket.wish.symbol.as_str());
            market.is_some_and(|market| {
                base.is_none_or(|base| market.base == base)
                    && settle.is_none_or(|settle| market.quote_coin == settle)
            })
        }))
    }
}
