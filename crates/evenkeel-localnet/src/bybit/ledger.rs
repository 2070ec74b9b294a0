//! The account's ledger: every movement of money, with the balance after it.

use evenkeel_types::{Decimal, Exact, Side, Usd};
use serde_json::{Value, json};

use super::auth::Caller;
use super::envelope::{Answer, merged};
use super::history::{day, paid_for, window};
use super::ids::{Of, uuid};
use super::numbers::{fine, text, usd};
use super::order_rows::side;
use super::params::Params;
use super::positions::page_after;
use super::server::Server;
use crate::floor::{Account, FillRow, Income, IncomeKind};

struct Entry {
    time: u64,
    change: Usd,
    row: Value,
}

fn blank(account: &Account) -> Value {
    json!({
        "id": "", "symbol": "", "category": "linear", "side": "None", "transactionTime": "", "type": "",
        "transSubType": "", "qty": "0", "size": "0", "currency": account.coin.0.as_str(), "tradePrice": "0",
        "funding": "0", "fee": "0", "cashFlow": "0", "change": "0", "cashBalance": "0", "feeRate": "0",
        "bonusChange": "0", "tradeId": "", "orderId": "", "orderLinkId": "", "extraFees": "",
    })
}

fn trade(account: &Account, fill: &FillRow, size: Decimal) -> Option<Entry> {
    let change = fill.realised.minus(fill.fee).ok()?;
    let rate = fill.fee.get().over(fill.value.get()).unwrap_or(Decimal::ZERO);
    let row = json!({
        "id": format!("{}_{}_{}", account.number, fill.symbol, fill.trade), "symbol": fill.symbol.as_str(),
        "side": side(fill.side), "transactionTime": fill.time.0.to_string(),
        "type": if fill.liquidation { "LIQUIDATION" } else { "TRADE" }, "qty": text(fill.qty.get()), "size": text(size),
        "tradePrice": text(fill.price.get()), "fee": usd(fill.fee), "cashFlow": usd(fill.realised),
        "change": usd(change), "feeRate": fine(rate), "tradeId": uuid(Of::Execution, fill.trade),
        "orderId": uuid(Of::Order, fill.order), "orderLinkId": fill.client_id.clone().unwrap_or_default(),
    });
    Some(Entry { time: fill.time.0, change, row: merged(blank(account), row) })
}

fn settlement(server: &Server, account: &Account, row: &Income) -> Option<Entry> {
    let (symbol, qty, rate, mark) = paid_for(server, row)?;
    let id = uuid(Of::Payment, row.id);
    let fields = json!({
        "id": format!("{}_{symbol}_{}", account.number, row.id), "symbol": symbol.as_str(),
        "side": side(if qty.is_negative() { Side::Sell } else { Side::Buy }),
        "transactionTime": row.time.0.to_string(), "type": "SETTLEMENT", "qty": text(qty.abs().get()),
        "size": text(qty.get()), "tradePrice": text(mark.get()), "funding": usd(row.amount),
        "change": usd(row.amount), "feeRate": fine(rate), "tradeId": id, "orderId": id,
    });
    Some(Entry { time: row.time.0, change: row.amount, row: merged(blank(account), fields) })
}

fn transfer(account: &Account, row: &Income) -> Entry {
    let fields = json!({
        "id": format!("{}_{}", account.number, row.id), "category": "", "transactionTime": row.time.0.to_string(),
        "type": if row.amount.is_negative() { "TRANSFER_OUT" } else { "TRANSFER_IN" }, "cashFlow": usd(row.amount),
        "change": usd(row.amount),
    });
    Entry { time: row.time.0, change: row.amount, row: merged(blank(account), fields) }
}

impl Server {
    pub(super) fn transaction_log(&mut self, caller: &Caller, params: &Params) -> Answer {
        let limit = params.limit(20, 50)?;
        let (account, figures) = self.figures(caller.account)?;
        let times = window(params, self.floor.now, day())?;
        let mut entries = Vec::new();
        for fill in &account.fills {
            entries.extend(trade(account, fill, fill.after.get()));
        }
        for row in &account.income {
            match row.kind {
                IncomeKind::Funding => entries.extend(settlement(self, account, row)),
                IncomeKind::Transfer => entries.push(transfer(account, row)),
                IncomeKind::Realised | IncomeKind::Commission => {}
            }
        }
        entries.sort_by_key(|entry| entry.time);
        // The balance after each movement, told from the present one.
        let mut balance = figures.wallet;
        for entry in entries.iter_mut().rev() {
            entry.row = merged(std::mem::take(&mut entry.row), json!({"cashBalance": usd(balance)}));
            balance = balance.minus(entry.change).unwrap_or(balance);
        }
        let (symbol, kind) = (params.text("symbol")?, params.text("type")?);
        let (category, coin) = (params.text("category")?, params.text("currency")?);
        let base = params.text("baseCoin")?;
        let is = |row: &Value, name: &str, wanted: Option<&str>| {
            wanted.is_none_or(|wanted| row.get(name).and_then(Value::as_str) == Some(wanted))
        };
        let based = |row: &Value| {
            let symbol = row.get("symbol").and_then(Value::as_str).unwrap_or_default();
            base.is_none_or(|base| self.floor.market(symbol).is_some_and(|market| market.base == base))
        };
        let rows: Vec<Value> = entries
            .into_iter()
            .rev()
            .filter(|entry| times.contains(&entry.time))
            .map(|entry| entry.row)
            .filter(|row| {
                is(row, "symbol", symbol)
                    && is(row, "type", kind)
                    && is(row, "category", category)
                    && is(row, "currency", coin)
                    && based(row)
            })
            .collect();
        let key = |row: &Value| format!("{}:0", row.get("id").and_then(Value::as_str).unwrap_or_default());
        let (page, cursor) = page_after(&rows, params.cursor()?.as_deref(), limit, key);
        Ok(json!({"list": page, "nextPageCursor": cursor}).into())
    }
}
