//! What happens to an account, as rows of its topics.

use std::collections::BTreeSet;

use evenkeel_types::{Decimal, PositionSide, Qty, Symbol, Usd};
use serde_json::{Value, json};

use crate::bybit::account::FIRST_USER;
use crate::bybit::envelope::merged;
use crate::bybit::history::{closed_profits, execution, funding};
use crate::bybit::numbers::{text, usd};
use crate::bybit::order_rows::order_row;
use crate::bybit::positions::legs;
use crate::bybit::server::Server;
use crate::floor::{Account, FillRow, IncomeKind, News};
use crate::stream::without;

/// What is pushed at once.
pub(super) struct Message {
    /// Its name, where it is no matter of chance.
    pub(super) id: Option<String>,
    pub(super) rows: Vec<Value>,
}

impl Message {
    fn of(rows: Vec<Value>) -> Vec<Self> {
        if rows.is_empty() { Vec::new() } else { vec![Self { id: None, rows }] }
    }
}

fn field(row: &Value, name: &str) -> Value {
    row.get(name).cloned().unwrap_or_default()
}

impl Server {
    /// What there is to tell on a topic. `orders` are those that something happened to and that can be seen.
    pub(super) fn messages(&self, topic: &str, place: usize, news: &News, orders: &[u64]) -> Vec<Message> {
        let Some(account) = self.floor.accounts.get(place) else { return Vec::new() };
        match topic {
            "order" => Message::of(order_rows(account, orders)),
            "execution" => self.executions_told(account, news),
            "execution.fast" => Message::of(fast_rows(account, news)),
            "position" => Message::of(self.position_rows(place, account, news, orders)),
            // What rests, and what is held, takes margin.
            "wallet" if news.cash || !news.legs.is_empty() || !orders.is_empty() => {
                Message::of(self.whole_wallet(place).into_iter().collect())
            }
            _ => Vec::new(),
        }
    }

    /// Executions of one order in one message, then fundings.
    fn executions_told(&self, account: &Account, news: &News) -> Vec<Message> {
        let message = |rows: Vec<Value>| {
            let first = rows.first()?;
            let (user, symbol) = (FIRST_USER.saturating_add(account.number), field(first, "symbol"));
            let id = format!("{user}_{}_{}", symbol.as_str()?, field(first, "seq"));
            Some(Message { id: Some(id), rows })
        };
        let fills = account.fills.get(news.fills.clone()).unwrap_or_default();
        let mut place = news.fills.start;
        let mut messages = Vec::new();
        for order in fills.chunk_by(|one, next| one.order == next.order) {
            let mut rows = Vec::new();
            for fill in order {
                place = place.saturating_add(1);
                rows.push(execution_row(account, fill, place));
            }
            messages.extend(message(rows));
        }
        let income = account.income.get(news.income.clone()).unwrap_or_default();
        for paid in income.iter().filter(|row| row.kind == IncomeKind::Funding) {
            let row = funding(self, paid).map(|row| merged(row, of_stream(account, "0")));
            messages.extend(message(row.into_iter().collect()));
        }
        messages
    }

    /// Legs that are other than they were, and those of orders that came, changed or went, whether anything changed or not.
    fn position_rows(&self, place: usize, account: &Account, news: &News, orders: &[u64]) -> Vec<Value> {
        let Ok((_, figures)) = self.figures(place) else { return Vec::new() };
        let mut meant: BTreeSet<(Symbol, PositionSide)> = news.legs.iter().cloned().collect();
        for ticket in orders.iter().filter_map(|id| account.tickets.get(id)) {
            meant.insert((ticket.wish.symbol.clone(), ticket.wish.leg));
        }
        for (symbol, before, now) in &news.settings {
            let is_changed = |leg: &PositionSide| match leg {
                PositionSide::Long => before.0 != now.0,
                PositionSide::Short => before.1 != now.1,
                PositionSide::Net => (before.0, before.1) != (now.0, now.1),
            };
            let changed = legs(account.is_hedged()).iter().filter(|leg| is_changed(leg));
            meant.extend(changed.map(|leg| (symbol.clone(), *leg)));
        }
        let row = |(symbol, leg): &(Symbol, PositionSide)| {
            let market = self.floor.market(symbol.as_str())?;
            let row = self.position_row(account, &figures, market, *leg);
            let held = figures.of(symbol).find(|held| held.leg == *leg);
            let opened = held.map_or(0, |held| held.since.0);
            // The stream's own name of it, and a change without a trade has its time too.
            let mut more = json!({
                "category": "linear", "entryPrice": field(&row, "avgPrice"), "openTime": opened,
                "updatedTime": self.floor.now.0.to_string(),
            });
            if held.is_none() {
                // What is gone is told with what it brought.
                let earned = account.earned.get(&(symbol.clone(), *leg));
                let brought = usd(earned.map_or(Usd::ZERO, |earned| earned.ended));
                more = merged(more, json!({"curRealisedPnl": brought}));
            }
            Some(merged(without(row, &["avgPrice"]), more))
        };
        meant.iter().filter_map(row).collect()
    }
}

fn order_rows(account: &Account, orders: &[u64]) -> Vec<Value> {
    let profits = closed_profits(account, orders);
    let row = |id: &u64| {
        let ticket = account.tickets.get(id)?;
        let profit = profits.get(id).map_or("0", String::as_str);
        let more = json!({
            "category": "linear", "closedPnl": profit, "feeCurrency": account.coin.0.as_str(),
            "rpiTakerAccess": false, "rpiMatchedQty": "0",
        });
        Some(merged(without(order_row(account, ticket), &["extraFees"]), more))
    };
    orders.iter().filter_map(row).collect()
}

/// What an execution has in the stream alone.
fn of_stream(account: &Account, profit: &str) -> Value {
    json!({
        "category": "linear", "isLeverage": "0", "execPnl": profit, "feeCurrency": account.coin.0.as_str(),
    })
}

/// `next` is the place behind it: what the order did after it was left then.
fn execution_row(account: &Account, fill: &FillRow, next: usize) -> Value {
    let row = merged(execution(account, fill), of_stream(account, &usd(fill.realised)));
    let left = account.tickets.get(&fill.order).and_then(|ticket| {
        let later = account.fills.get(next..).unwrap_or_default().iter();
        let later = later.filter(|later| later.order == fill.order).map(|later| later.qty);
        let later = later.fold(Qty::ZERO, |sum, qty| sum.plus(qty).unwrap_or(sum));
        let done = ticket.done(&account.world).qty.minus(later).ok()?;
        Some(ticket.wish.qty?.minus(done).ok()?.get().max(Decimal::ZERO))
    });
    merged(row, json!({"leavesQty": text(left.unwrap_or_default())}))
}

/// Trades alone, in few words.
fn fast_rows(account: &Account, news: &News) -> Vec<Value> {
    let fills = account.fills.get(news.fills.clone()).unwrap_or_default();
    let trades = fills.iter().filter(|fill| !fill.liquidation);
    trades
        .map(|fill| {
            let row = execution(account, fill);
            let link = if fill.maker { json!("") } else { field(&row, "orderLinkId") };
            let mut told = json!({"category": "linear", "orderLinkId": link});
            for name in
                ["symbol", "execId", "execPrice", "execQty", "orderId", "isMaker", "side", "execTime", "seq"]
            {
                told = merged(told, json!({name: field(&row, name)}));
            }
            told
        })
        .collect()
}
