//! What happened to orders and positions: executions, fundings among them, and closed positions.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use evenkeel_types::{Decimal, Exact, PositionSide, Price, Qty, Side, Symbol, Timestamp, Usd};
use serde_json::{Value, json};

use super::auth::Caller;
use super::envelope::{Answer, Refusal};
use super::ids::{Of, number, uuid};
use super::numbers::{fine, text, usd};
use super::order_rows::side;
use super::params::{Category, Params};
use super::positions::{page_after, seq};
use super::server::Server;
use crate::floor::{Account, FillRow, Income, IncomeKind};

const DAY: u64 = 24 * 3600 * 1000;
/// The longest window of a history.
pub(super) const WEEK: u64 = 604_800_000;

/// The time that a history is asked for: a week at most. Without a beginning or an end it is `usual`, up to now.
pub(super) fn window(params: &Params, now: Timestamp, usual: u64) -> Result<RangeInclusive<u64>, Refusal> {
    let (from, until) = (params.integer("startTime")?, params.integer("endTime")?);
    let (from, until) = match (from, until) {
        (Some(from), Some(until)) => (from, until),
        (Some(from), None) => (from, from.saturating_add(usual)),
        (None, Some(until)) => (until.saturating_sub(usual), until),
        (None, None) => (now.0.saturating_sub(usual), now.0),
    };
    if until < from || until.saturating_sub(from) > WEEK {
        return Err(Refusal::new(
            10001,
            "The time range between startTime and endTime should be less than or equal to 7 days.",
        ));
    }
    Ok(from..=until)
}

pub(super) fn day() -> u64 {
    DAY
}

/// What is under a payment: the size that it was paid for, and the price.
pub(super) fn paid_for(server: &Server, row: &Income) -> Option<(Symbol, Qty, Decimal, Price)> {
    let (qty, rate) = row.funding?;
    let symbol = row.symbol.clone()?;
    let funding = server.floor.fundings_of(symbol.as_str(), row.time, row.time).next();
    let mark =
        funding.map(|funding| funding.mark).or_else(|| Some(server.floor.market(symbol.as_str())?.mark))?;
    Some((symbol, qty, rate.get(), mark))
}

pub(super) fn execution(account: &Account, fill: &FillRow) -> Value {
    let ticket = account.tickets.get(&fill.order);
    let word = |name: &str| {
        let words = ticket.and_then(|ticket| ticket.wish.words.get(name));
        words.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let record = ticket.and_then(|ticket| ticket.record(&account.world));
    let limit = record.and_then(|record| record.limit);
    let ordered = ticket.and_then(|ticket| ticket.wish.qty).unwrap_or(fill.qty);
    let rate = fill.fee.get().over(fill.value.get()).unwrap_or(Decimal::ZERO);
    let order_type = if ticket.is_some() { word("orderType") } else { "Market".to_owned() };
    let stop_type = word("stopOrderType");
    json!({
        "symbol": fill.symbol.as_str(), "orderId": uuid(Of::Order, fill.order),
        "orderLinkId": fill.client_id.clone().unwrap_or_default(), "side": side(fill.side),
        "orderPrice": limit.map_or("0".to_owned(), |at| text(at.get())), "orderQty": text(ordered.get()),
        "leavesQty": "0", "createType": if ticket.is_some() { word("createType") } else { String::new() },
        "orderType": order_type, "stopOrderType": if stop_type.is_empty() { "UNKNOWN".to_owned() } else { stop_type },
        "execFee": usd(fill.fee), "execId": uuid(Of::Execution, fill.trade), "execPrice": text(fill.price.get()),
        "execQty": text(fill.qty.get()), "execType": if fill.liquidation { "BustTrade" } else { "Trade" },
        "execValue": usd(fill.value), "execTime": fill.time.0.to_string(), "feeCurrency": "", "isMaker": fill.maker,
        "feeRate": fine(rate), "tradeIv": "", "markIv": "", "markPrice": text(fill.price.get()), "indexPrice": "",
        "underlyingPrice": "", "blockTradeId": "", "closedSize": text(fill.closed.get()), "seq": seq(fill.trade),
        "marketUnit": "", "extraFees": "",
    })
}

/// Of payments, whose numbers have more digits than clients' integers hold; above those of executions.
fn payment_seq(id: u64) -> u64 {
    id.checked_rem(1_000_000_000_000_000).unwrap_or(id)
}

pub(super) fn funding(server: &Server, row: &Income) -> Option<Value> {
    let (symbol, qty, rate, mark) = paid_for(server, row)?;
    let id = uuid(Of::Payment, row.id);
    Some(json!({
        "symbol": symbol.as_str(), "orderId": id, "orderLinkId": "",
        "side": side(if qty.is_negative() { Side::Sell } else { Side::Buy }), "orderPrice": "0", "orderQty": "0",
        "leavesQty": "0", "createType": "", "orderType": "UNKNOWN", "stopOrderType": "UNKNOWN",
        // What was paid is above zero here.
        "execFee": usd(row.amount.negated()), "execId": id, "execPrice": text(mark.get()),
        "execQty": text(qty.abs().get()), "execType": "Funding",
        "execValue": mark.value(qty.abs()).ok().map_or("0".to_owned(), usd), "execTime": row.time.0.to_string(),
        "feeCurrency": "", "isMaker": false, "feeRate": fine(rate), "tradeIv": "", "markIv": "",
        "markPrice": text(mark.get()), "indexPrice": "", "underlyingPrice": "", "blockTradeId": "", "closedSize": "0",
        "seq": payment_seq(row.id), "marketUnit": "", "extraFees": "",
    }))
}

/// One order's closing executions together.
#[derive(Debug, Default)]
struct Closed {
    first: u64,
    last: u64,
    qty: Decimal,
    entry: Decimal,
    exit: Decimal,
    profit: Decimal,
    open_fee: Decimal,
    close_fee: Decimal,
    count: u64,
}

impl Closed {
    /// Adds an execution that closed something; `opening` is what opening the closed part had cost.
    fn add(&mut self, fill: &FillRow, opening: Decimal) -> Option<()> {
        let share = fill.closed.get().over(fill.qty.get()).ok()?;
        let exit = fill.value.get().times(share).ok()?;
        let fee = fill.fee.get().times(share).ok()?;
        // What a long position gains is what a short one loses.
        let entry = match fill.side {
            Side::Sell => exit.minus(fill.realised.get()).ok()?,
            Side::Buy => exit.plus(fill.realised.get()).ok()?,
        };
        if self.count == 0 {
            self.first = fill.time.0;
        }
        *self = Self {
            first: self.first,
            last: fill.time.0,
            qty: self.qty.plus(fill.closed.get()).ok()?,
            entry: self.entry.plus(entry).ok()?,
            exit: self.exit.plus(exit).ok()?,
            profit: self.profit.plus(fill.realised.get()).ok()?.minus(opening).ok()?.minus(fee).ok()?,
            open_fee: self.open_fee.plus(opening).ok()?,
            close_fee: self.close_fee.plus(fee).ok()?,
            count: self.count.saturating_add(1),
        };
        Some(())
    }
}

/// What each order closed, by the order's number, as executions tell it from the beginning.
fn closed(account: &Account) -> BTreeMap<u64, (FillRow, Closed)> {
    let mut fees: BTreeMap<(Symbol, PositionSide), (Decimal, Decimal)> = BTreeMap::new();
    let mut rows: BTreeMap<u64, (FillRow, Closed)> = BTreeMap::new();
    for fill in &account.fills {
        let (held, paid) = fees.entry((fill.symbol.clone(), fill.leg)).or_default();
        let opening = if fill.closed.is_positive() && *held > Decimal::ZERO {
            let share = fill.closed.get().over(*held).unwrap_or(Decimal::ONE).min(Decimal::ONE);
            paid.times(share).unwrap_or_default()
        } else {
            Decimal::ZERO
        };
        *paid = paid.minus(opening).unwrap_or_default();
        *held = held.minus(fill.closed.get()).unwrap_or_default().max(Decimal::ZERO);
        let opened = fill.qty.minus(fill.closed).unwrap_or(Qty::ZERO);
        if opened.is_positive() {
            let share = opened.get().over(fill.qty.get()).unwrap_or(Decimal::ONE);
            *held = held.plus(opened.get()).unwrap_or_default();
            *paid = fill.fee.get().times(share).and_then(|fee| paid.plus(fee)).unwrap_or_default();
        }
        if fill.closed.is_positive() {
            let row = rows.entry(fill.order).or_insert_with(|| (fill.clone(), Closed::default()));
            let _added = row.1.add(fill, opening);
        }
    }
    rows
}

fn money(value: Decimal) -> String {
    Usd::new(value).map_or_else(|_| "0".to_owned(), usd)
}

/// What orders brought that closed something, as in [`Server::closed_pnl`]. Where none of them did nothing is added up.
pub(super) fn closed_profits(account: &Account, orders: &[u64]) -> BTreeMap<u64, String> {
    if !account.fills.iter().any(|fill| fill.closed.is_positive() && orders.contains(&fill.order)) {
        return BTreeMap::new();
    }
    let meant = closed(account).into_iter().filter(|(id, _)| orders.contains(id));
    meant.map(|(id, (_, closed))| (id, money(closed.profit))).collect()
}

impl Server {
    pub(super) fn executions(&mut self, caller: &Caller, params: &Params) -> Answer {
        let category = params.category()?;
        let limit = params.limit(50, 100)?;
        let mut rows = Vec::new();
        if category == Category::Linear {
            let account = self.account(caller.account)?;
            let times = window(params, self.floor.now, WEEK)?;
            let (symbol, base) = (params.text("symbol")?, params.text("baseCoin")?);
            if symbol.is_some() {
                let _known = self.market(params)?;
            }
            let (id, link, kind) =
                (params.text("orderId")?, params.text("orderLinkId")?, params.text("execType")?);
            // What is not meant is left out before its row is made: there can be thousands.
            let order = id.map(|id| number(Of::Order, id));
            let fills = account.fills.iter().filter(|fill| {
                times.contains(&fill.time.0) && order.is_none_or(|order| order == Some(fill.order))
            });
            let fills = fills.map(|fill| (fill.time, execution(account, fill)));
            let payments = account
                .income
                .iter()
                .filter(|row| row.kind == IncomeKind::Funding && times.contains(&row.time.0));
            let payments = payments.filter_map(|row| Some((row.time, funding(self, row)?)));
            let mut all: Vec<(Timestamp, Value)> = fills.chain(payments).collect();
            all.sort_by_key(|row| row.0);
            let is = |row: &Value, name: &str, wanted: Option<&str>| {
                wanted.is_none_or(|wanted| row.get(name).and_then(Value::as_str) == Some(wanted))
            };
            let based = |row: &Value| {
                let symbol = row.get("symbol").and_then(Value::as_str).unwrap_or_default();
                base.is_none_or(|base| self.floor.market(symbol).is_some_and(|market| market.base == base))
            };
            rows.extend(all.into_iter().rev().filter(|(_, row)| {
                is(row, "symbol", symbol)
                    && based(row)
                    && is(row, "orderId", id)
                    && (id.is_some() || is(row, "orderLinkId", link))
                    && is(row, "execType", kind)
            }));
        }
        let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
        let key = |row: &Value| format!("{}:0", row.get("seq").and_then(Value::as_u64).unwrap_or(0));
        let (page, cursor) = page_after(&rows, params.cursor()?.as_deref(), limit, key);
        Ok(json!({"category": category.name(), "list": page, "nextPageCursor": cursor}).into())
    }

    pub(super) fn closed_pnl(&mut self, caller: &Caller, params: &Params) -> Answer {
        let category = params.category()?;
        let limit = params.limit(50, 100)?;
        let mut rows = Vec::new();
        if category == Category::Linear {
            let account = self.account(caller.account)?;
            let times = window(params, self.floor.now, WEEK)?;
            let symbol = params.text("symbol")?;
            if symbol.is_some() {
                let _known = self.market(params)?;
            }
            let mut all: Vec<(FillRow, Closed)> = closed(account).into_values().collect();
            all.sort_by_key(|(_, closed)| std::cmp::Reverse(closed.last));
            rows.extend(
                all.iter()
                    .filter(|(fill, closed)| {
                        times.contains(&closed.last) && symbol.is_none_or(|name| fill.symbol.as_str() == name)
                    })
                    .map(|(fill, closed)| self.closed_row(account, fill, closed)),
            );
        }
        let key = |row: &Value| {
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{}:{}", text("orderId"), text("createdTime"))
        };
        let (page, cursor) = page_after(&rows, params.cursor()?.as_deref(), limit, key);
        Ok(json!({"category": category.name(), "list": page, "nextPageCursor": cursor}).into())
    }

    fn closed_row(&self, account: &Account, fill: &FillRow, closed: &Closed) -> Value {
        let row = execution(account, fill);
        let word = |name: &str| row.get(name).cloned().unwrap_or_default();
        let average = |value: Decimal| value.over(closed.qty).map_or_else(|_| String::new(), fine);
        let market = self.floor.market(fill.symbol.as_str());
        let leverage = market.map_or_else(
            || "1".to_owned(),
            |market| text(self.leverage_of(account, market, fill.leg, None).get()),
        );
        json!({
            "symbol": fill.symbol.as_str(), "orderId": word("orderId"), "side": word("side"), "qty": word("orderQty"),
            "orderPrice": word("orderPrice"), "orderType": word("orderType"), "execType": word("execType"),
            "closedSize": text(closed.qty), "cumEntryValue": money(closed.entry), "avgEntryPrice": average(closed.entry),
            "cumExitValue": money(closed.exit), "avgExitPrice": average(closed.exit), "closedPnl": money(closed.profit),
            "fillCount": closed.count.to_string(), "leverage": leverage, "openFee": money(closed.open_fee),
            "closeFee": money(closed.close_fee), "createdTime": closed.first.to_string(),
            "updatedTime": closed.last.to_string(),
        })
    }
}
