//! Orders as lists show them.

use evenkeel_paper::World;
use evenkeel_types::{Decimal, PositionSide, Price, Qty, Side, Symbol, Usd};
use serde_json::Value;

use super::desk::{Face, Shown};
use super::json::{Json, object};
use super::numbers::{cut, money, whole_second};
use super::parse::closes_only;
use super::server::Server;
use crate::floor::{Account, Kind, Listed, Status, Wish};

/// Which list a row stands in: the venue shows the same order differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// One order that was asked for.
    One,
    /// What is open.
    Open,
    /// What was: times are whole seconds, and market orders have no price.
    History,
    /// What was just cancelled.
    Cancelled,
}

pub(crate) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

pub(crate) fn leg(leg: PositionSide) -> &'static str {
    match leg {
        PositionSide::Long => "LONG",
        PositionSide::Short => "SHORT",
        _ => "BOTH",
    }
}

pub(crate) fn word<'a>(wish: &'a Wish, name: &str) -> &'a str {
    wish.words.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What an order did under the number that it is shown under.
pub(crate) struct Executed {
    pub(crate) qty: Qty,
    pub(crate) value: Usd,
    pub(crate) fee: Usd,
    pub(crate) average: Option<Price>,
}

impl Shown<'_> {
    pub(crate) fn done(&self, world: &World) -> Executed {
        if self.face == Face::Parent {
            return Executed { qty: Qty::ZERO, value: Usd::ZERO, fee: Usd::ZERO, average: None };
        }
        let done = self.ticket.done(world);
        Executed { qty: done.qty, value: done.value, fee: done.fee, average: done.average() }
    }

    pub(crate) fn status(&self, world: &World) -> &'static str {
        if self.face == Face::Parent {
            return "FILLED";
        }
        match self.ticket.status(world) {
            Status::Waiting => "NEW",
            Status::Open if self.ticket.done(world).qty.is_zero() => "PENDING",
            Status::Open => "PARTIALLY_FILLED",
            Status::Filled => "FILLED",
            Status::Cancelled | Status::Expired | Status::Rejected(_) => "CANCELLED",
        }
    }

    pub(crate) fn is_open(&self, world: &World) -> bool {
        self.face != Face::Parent && self.ticket.is_open(world)
    }

    /// What type it has now: what rests after its trigger is a limit order.
    pub(crate) fn kind(&self) -> &str {
        let placed = word(&self.ticket.wish, "type");
        match (self.face, placed) {
            (Face::Child { .. }, "STOP" | "TAKE_PROFIT" | "TRIGGER_LIMIT") => "LIMIT",
            _ => placed,
        }
    }
}

impl Server {
    pub(crate) fn row(&self, account: &Account, market: &Listed, shown: &Shown<'_>, list: List) -> Json {
        let (ticket, wish, world) = (shown.ticket, &shown.ticket.wish, &account.world);
        let (ticks, lots) = (Listed::decimals(market.tick.get()), Listed::decimals(market.lot));
        let done = shown.done(world);
        let kind = shown.kind();
        let conditional = ticket.is_conditional() && !matches!(shown.face, Face::Child { .. });
        let profit: Usd = Self::profit_of(shown);
        let whole = ticket.wish.qty.is_none();
        let ordered = wish.qty.map_or_else(|| formal(wish), Qty::get);
        let fee = if done.qty.is_zero() { String::new() } else { cut(done.fee.negated().get(), 6) };
        let marked = if list == List::Open { wish.reduce_only } else { asked_to_reduce(wish) };
        let to_seconds = list == List::History || kind == "MARKET";
        let time = |time: evenkeel_types::Timestamp| if to_seconds { whole_second(time) } else { time.0 };
        let row = object! {
            "symbol": market.symbol.as_str(),
            "orderId": shown.id,
            "side": side(wish.side),
            "positionSide": leg(wish.leg),
            "type": kind,
            "origQty": cut(ordered, lots),
            "price": price(wish, kind, list, ticks),
            "executedQty": cut(done.qty.get(), lots),
            "avgPrice": cut(done.average.map_or(Decimal::ZERO, Price::get), ticks),
            "cumQuote": crate::floor::places(done.value.get(), 0),
            "stopPrice": stop_price(&wish.kind, ticks).unwrap_or_default(),
            "profit": money(profit.get()),
            "commission": fee,
            "status": shown.status(world),
            "time": time(ticket.placed),
            "updateTime": if list == List::History { time(ticket.changed) } else { ticket.changed.0 },
            "clientOrderId": if matches!(shown.face, Face::Child { .. }) { "" } else { wish.client_id.as_deref().unwrap_or_default() },
            "leverage": word(wish, "leverage"),
            "takeProfit": attached(word(wish, "takeProfit"), "TAKE_PROFIT"),
            "stopLoss": attached(word(wish, "stopLoss"), "STOP"),
            "advanceAttr": 0_u32,
            "positionID": position_id(account, &wish.symbol, wish.leg),
            "takeProfitEntrustPrice": 0_u32,
            "stopLossEntrustPrice": 0_u32,
            "orderType": "",
            "workingType": word(wish, "workingType"),
        };
        if list == List::Cancelled {
            return row.and(vec![("stopGuaranteed", Json::from("")), ("triggerOrderId", Json::from(0_u32))]);
        }
        let close = if whole {
            "true"
        } else if list == List::Open || !conditional {
            "false"
        } else {
            ""
        };
        row.and(vec![
            ("onlyOnePosition", Json::from(wish.leg == PositionSide::Net)),
            ("reduceOnly", Json::from(marked)),
            ("postOnly", Json::from(word(wish, "timeInForce") == "PostOnly")),
            ("closePosition", Json::from(close)),
            ("stopGuaranteed", Json::from("false")),
            ("triggerOrderId", Json::from(if let Face::Child { of } = shown.face { of } else { 0 })),
            ("trailingStopRate", zero_or(word(wish, "priceRate"))),
            ("trailingStopDistance", zero_or(word(wish, "distance"))),
            ("priceRate", zero_or(word(wish, "priceRate"))),
            ("actPrice", zero_or(word(wish, "activationPrice"))),
            ("mainOrderId", Json::from("")),
            ("is_twap", Json::from(false)),
        ])
    }

    fn profit_of(shown: &Shown<'_>) -> Usd {
        if shown.face == Face::Parent {
            return Usd::ZERO;
        }
        shown.ticket.realised
    }
}

/// The size that was given with an order that covers a whole position.
pub(crate) fn formal(wish: &Wish) -> Decimal {
    word(wish, "quantity").parse().unwrap_or(Decimal::ZERO)
}

/// Stops are reduce-only in the list of what is open and not where they are asked for alone; others are what they said.
fn asked_to_reduce(wish: &Wish) -> bool {
    let said = wish.words.get("reduceOnly").and_then(Value::as_bool).unwrap_or(false);
    said && !closes_only(word(wish, "type"))
}

pub(crate) fn price(wish: &Wish, kind: &str, list: List, ticks: u32) -> String {
    match (&wish.kind, kind, list) {
        (Kind::Limit(price), ..) => cut(price.get(), ticks),
        (Kind::Trigger(trigger), ..) => cut(trigger.limit.map_or(Decimal::ZERO, Price::get), ticks),
        (Kind::Market, "MARKET", List::History) => "0".to_owned(),
        // What the market was at, for reference.
        (Kind::Market, ..) => cut(word(wish, "reference").parse().unwrap_or(Decimal::ZERO), ticks),
        (Kind::Trailing { .. }, ..) => cut(Decimal::ZERO, ticks),
    }
}

pub(crate) fn stop_price(kind: &Kind, ticks: u32) -> Option<String> {
    match kind {
        Kind::Trigger(trigger) => Some(cut(trigger.at.get(), ticks)),
        _ => None,
    }
}

/// What is attached to an entry; a stub where nothing is.
fn attached(text: &str, stub: &str) -> Json {
    let given: Value = serde_json::from_str(text).unwrap_or_default();
    let number = |name: &str| {
        let value = given.get(name).map(super::params::shown).unwrap_or_default();
        zero_or(&value)
    };
    object! {
        "type": given.get("type").and_then(Value::as_str).unwrap_or(stub),
        "quantity": number("quantity"),
        "stopPrice": number("stopPrice"),
        "price": number("price"),
        "workingType": given.get("workingType").and_then(Value::as_str).unwrap_or_default(),
        "stopGuaranteed": "false",
    }
}

/// A number as a client sent it; zero for none.
pub(crate) fn zero_or(text: &str) -> Json {
    super::params::parse(text).map_or(Json::from(0_u32), Json::number)
}

/// The number of a position: from when it was opened, its symbol and its leg. Zero where there is none.
pub(crate) fn position_id(account: &Account, symbol: &Symbol, leg: PositionSide) -> u64 {
    let Some(book) = account.books.get(&(symbol.clone(), leg)) else { return 0 };
    position_number(book.since, symbol, leg)
}

pub(crate) fn position_number(since: evenkeel_types::Timestamp, symbol: &Symbol, leg: PositionSide) -> u64 {
    let name =
        symbol.as_str().bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let leg = u64::from(leg == PositionSide::Short);
    // Milliseconds since 1970 leave 20 bits of a number as long as the venue's.
    (since.0 << 20) | ((name & 0x7_ffff) << 1) | leg
}
