//! Orders as the venue shows them.

use evenkeel_types::{Decimal, OrderKind, PositionSide, Qty, Side};
use serde_json::{Value, json};

use super::money::{executed, price, qty, value};
use crate::floor::{Account, Callback, Kind, Listed, Status, Ticket, text};

/// Who took an order away: its owner.
pub(crate) const OWNER: &str = "owner";
/// Its date.
pub(crate) const EXPIRED: &str = "date";

/// What makes an algo order's client id differ from that of an order: the venue keeps two books of them.
pub(crate) const ALGO: char = '#';
/// Algo orders are numbered apart: by the number of the order that they become, and this.
pub(crate) const ALGO_OFFSET: u64 = 1_000_000_000_000_000;

pub(crate) fn leg_name(leg: PositionSide) -> &'static str {
    match leg {
        PositionSide::Net => "BOTH",
        PositionSide::Long => "LONG",
        PositionSide::Short => "SHORT",
    }
}

pub(crate) fn side_name(side: Side) -> &'static str {
    if side == Side::Buy { "BUY" } else { "SELL" }
}

/// Whether a conditional order became an order.
pub(crate) fn is_triggered(account: &Account, ticket: &Ticket) -> bool {
    let Some(record) = ticket.record(&account.world) else { return false };
    match ticket.wish.kind {
        Kind::Trailing { .. } => true,
        Kind::Trigger(_) => {
            let over = record.status.is_terminal() && record.reason.is_none();
            record.kind == OrderKind::Limit || record.filled.is_positive() || over
        }
        _ => false,
    }
}

/// Whether it is in the book of conditional orders, and waits.
pub(crate) fn is_algo_waiting(account: &Account, ticket: &Ticket) -> bool {
    ticket.is_conditional() && !is_triggered(account, ticket) && ticket.is_open(&account.world)
}

/// Whether it is, or was, in the book of ordinary orders.
pub(crate) fn is_order(account: &Account, ticket: &Ticket) -> bool {
    !ticket.is_conditional() || is_triggered(account, ticket)
}

pub(crate) fn client_id(ticket: &Ticket) -> &str {
    ticket.wish.client_id.as_deref().unwrap_or_default().trim_start_matches(ALGO)
}

fn word<'a>(ticket: &'a Ticket, name: &str) -> &'a Value {
    ticket.wish.words.get(name).unwrap_or(&Value::Null)
}

fn status(account: &Account, ticket: &Ticket) -> &'static str {
    match ticket.status(&account.world) {
        Status::Waiting | Status::Open if ticket.done(&account.world).qty.is_zero() => "NEW",
        Status::Waiting | Status::Open => "PARTIALLY_FILLED",
        Status::Filled => "FILLED",
        Status::Cancelled if ticket.cancelled_by.is_some_and(|by| by != EXPIRED) => "CANCELED",
        Status::Cancelled | Status::Expired => "EXPIRED",
        Status::Rejected(_) => "REJECTED",
    }
}

fn limit(ticket: &Ticket) -> Decimal {
    match &ticket.wish.kind {
        Kind::Limit(price) => price.get(),
        Kind::Trigger(trigger) => trigger.limit.map_or(Decimal::ZERO, evenkeel_types::Price::get),
        _ => Decimal::ZERO,
    }
}

fn type_of(ticket: &Ticket) -> &'static str {
    if limit(ticket).is_zero() { "MARKET" } else { "LIMIT" }
}

fn ordered(account: &Account, ticket: &Ticket) -> Qty {
    let record = ticket.record(&account.world).map_or(Qty::ZERO, |record| record.filled);
    ticket.wish.qty.unwrap_or(record)
}

/// What answers to placing, changing and cancelling have: no prices of executions.
pub(crate) fn answer(account: &Account, market: &Listed, ticket: &Ticket) -> Value {
    let done = ticket.done(&account.world);
    let zero = price(market, Decimal::ZERO);
    let close = ticket.wish.qty.is_none();
    json!({
        "orderId": ticket.id, "symbol": market.symbol.as_str(), "status": status(account, ticket),
        "clientOrderId": client_id(ticket), "price": price(market, limit(ticket)),
        "origQty": qty(market, ordered(account, ticket)), "executedQty": qty(market, done.qty),
        "cumQty": qty(market, done.qty), "timeInForce": word(ticket, "tif"), "type": type_of(ticket),
        "reduceOnly": ticket.wish.reduce_only, "closePosition": close, "side": side_name(ticket.wish.side),
        "positionSide": leg_name(ticket.wish.leg), "stopPrice": zero, "workingType": "CONTRACT_PRICE",
        "priceProtect": false, "origType": type_of(ticket), "priceMatch": word(ticket, "match"),
        "selfTradePreventionMode": word(ticket, "stp"), "goodTillDate": word(ticket, "gtd"),
        "updateTime": ticket.changed.0,
    })
}

/// The short answer: taken in, whatever became of it.
pub(crate) fn acknowledgement(account: &Account, market: &Listed, ticket: &Ticket) -> Value {
    let mut row = answer(account, market, ticket);
    let zero = qty(market, Qty::ZERO);
    for (name, value) in [("status", "NEW"), ("executedQty", &zero), ("cumQty", &zero)] {
        if let Some(field) = row.get_mut(name) {
            *field = json!(value);
        }
    }
    row
}

/// What questions about orders answer.
pub(crate) fn record(account: &Account, market: &Listed, ticket: &Ticket) -> Value {
    let mut row = answer(account, market, ticket);
    let done = ticket.done(&account.world);
    if let Some(fields) = row.as_object_mut() {
        fields.remove("cumQty");
        fields.insert("avgPrice".to_owned(), json!(executed(market, done.average())));
        fields.insert("cumQuote".to_owned(), json!(value(market, done.value.get())));
        fields.insert("time".to_owned(), json!(ticket.placed.0));
    }
    row
}

/// A conditional order, as the answer to placing it.
pub(crate) fn algo(account: &Account, market: &Listed, ticket: &Ticket) -> Value {
    let (trigger, activation, callback) = match &ticket.wish.kind {
        Kind::Trigger(trigger) => (trigger.at.get(), String::new(), String::new()),
        Kind::Trailing { activation, callback } => {
            let at = price(market, activation.map_or(Decimal::ZERO, evenkeel_types::Price::get));
            (Decimal::ZERO, at, percent(*callback))
        }
        _ => (Decimal::ZERO, String::new(), String::new()),
    };
    let triggered = is_triggered(account, ticket);
    json!({
        "algoId": ticket.id.saturating_add(ALGO_OFFSET), "clientAlgoId": client_id(ticket),
        "algoType": "CONDITIONAL", "orderType": word(ticket, "type"), "symbol": market.symbol.as_str(),
        "side": side_name(ticket.wish.side), "positionSide": leg_name(ticket.wish.leg),
        "timeInForce": word(ticket, "tif"), "quantity": qty(market, ticket.wish.qty.unwrap_or(Qty::ZERO)),
        "algoStatus": algo_status(account, ticket), "triggerPrice": price(market, trigger),
        "price": price(market, limit(ticket)), "icebergQuantity": null,
        "selfTradePreventionMode": word(ticket, "stp"), "workingType": word(ticket, "working"),
        "priceMatch": word(ticket, "match"), "closePosition": ticket.wish.qty.is_none(),
        "priceProtect": word(ticket, "protect"), "reduceOnly": ticket.wish.reduce_only,
        "activatePrice": activation, "callbackRate": callback, "createTime": ticket.placed.0,
        "updateTime": ticket.changed.0, "triggerTime": if triggered { ticket.changed.0 } else { 0 },
        "goodTillDate": word(ticket, "gtd"),
    })
}

/// What questions about conditional orders answer.
pub(crate) fn algo_record(account: &Account, market: &Listed, ticket: &Ticket) -> Value {
    let mut row = algo(account, market, ticket);
    let triggered = is_triggered(account, ticket);
    let done = ticket.done(&account.world);
    if let Some(fields) = row.as_object_mut() {
        let mut say = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        say("actualOrderId", json!(if triggered { ticket.id.to_string() } else { String::new() }));
        say("actualPrice", json!(executed(market, done.average())));
        say("actualQty", json!(qty(market, done.qty)));
        say("actualType", json!(if triggered { type_of(ticket) } else { "" }));
        for name in ["tpTriggerPrice", "tpPrice", "slTriggerPrice", "slPrice"] {
            say(name, json!(price(market, Decimal::ZERO)));
        }
        say("tpOrderType", json!(""));
    }
    row
}

fn algo_status(account: &Account, ticket: &Ticket) -> &'static str {
    let open = ticket.is_open(&account.world);
    if is_triggered(account, ticket) {
        return if open { "TRIGGERED" } else { "FINISHED" };
    }
    match ticket.status(&account.world) {
        _ if open => "NEW",
        Status::Rejected(_) => "REJECTED",
        _ if ticket.cancelled_by.is_some_and(|by| by != EXPIRED) => "CANCELED",
        _ => "EXPIRED",
    }
}

fn percent(callback: Callback) -> String {
    match callback {
        Callback::Share(share) => {
            share.get().checked_mul(Decimal::ONE_HUNDRED).map_or_else(String::new, text)
        }
        Callback::Distance(distance) => text(distance.get()),
    }
}
