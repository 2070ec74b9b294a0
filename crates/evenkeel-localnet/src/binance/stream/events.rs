//! What happens to an account, as events of the user data stream.

use std::collections::BTreeSet;

use evenkeel_types::{Decimal, Exact, MarginMode, PositionSide, Price, Qty, Symbol, Usd};
use serde_json::{Value, json};

use crate::binance::money::{average, break_even, executed, price, qty, usd};
use crate::binance::rows::{algo, answer, client_id, is_order, is_triggered, leg_name, side_name};
use crate::binance::server::Server;
use crate::floor::{Account, Figures, FillRow, IncomeKind, Listed, News, OrderNews, Status, Ticket};

/// What an execution or a change of an order adds to its event.
struct Step<'a> {
    /// What happened, and where the order stands after it.
    what: &'static str,
    status: &'a str,
    fill: Option<&'a FillRow>,
    /// Executed in all.
    done: (Qty, Usd),
}

impl Server {
    /// In the order in which the venue tells: orders and their executions, then what they did to the account.
    pub(super) fn events(&self, account: &Account, news: &News) -> Vec<Value> {
        let mut events = Vec::new();
        let mut told = BTreeSet::new();
        for order in &news.orders {
            told.extend(order.fills.iter().copied());
            self.order_events(account, order, &mut events);
        }
        for place in news.fills.clone().filter(|place| !told.contains(place)) {
            if let Some(fill) = account.fills.get(place) {
                events.extend(self.foreign(fill));
            }
        }
        if let Some(figures) = account.figures(&self.floor.markets) {
            self.account_events(account, &figures, news, &mut events);
        }
        for (symbol, before, now) in &news.settings {
            if before.0 != now.0 {
                let leverage =
                    serde_json::from_str(&now.0.get().normalize().to_string()).unwrap_or(Value::Null);
                let changed = json!({"s": symbol.as_str(), "l": leverage});
                events.push(self.event("ACCOUNT_CONFIG_UPDATE", "ac", &changed));
            }
        }
        events
    }

    fn event(&self, name: &str, part: &str, content: &Value) -> Value {
        let now = self.floor.now.0;
        json!({"e": name, "E": now, "T": now, part: content})
    }

    fn order_events(&self, account: &Account, news: &OrderNews, events: &mut Vec<Value>) {
        let Some(ticket) = account.tickets.get(&news.id) else { return };
        let Some(market) = self.floor.market(ticket.wish.symbol.as_str()) else { return };
        if ticket.is_conditional() && news.before.as_ref() != Some(&news.now) {
            events.push(self.event("ALGO_UPDATE", "o", &algo_update(account, market, ticket)));
        }
        if !is_order(account, ticket) {
            return;
        }
        let total = ticket.done(&account.world);
        let fills: Vec<&FillRow> = news.fills.iter().filter_map(|place| account.fills.get(*place)).collect();
        let (mut before, mut value) = (total.qty, total.value);
        for fill in &fills {
            before = before.minus(fill.qty).unwrap_or(Qty::ZERO);
            value = value.minus(fill.value).unwrap_or(Usd::ZERO);
        }
        let mut say = |step: &Step<'_>| {
            let row = order_update(account, market, ticket, step, self.floor.now.0);
            events.push(self.event("ORDER_TRADE_UPDATE", "o", &row));
        };
        let is_new = match &news.before {
            None => true,
            Some(before) => *before == Status::Waiting && is_triggered(account, ticket),
        };
        if is_new {
            say(&Step { what: "NEW", status: "NEW", fill: None, done: (Qty::ZERO, Usd::ZERO) });
        }
        let standing = answer(account, market, ticket);
        let status = standing.get("status").and_then(Value::as_str).unwrap_or_default();
        if news.amended {
            say(&Step { what: "AMENDMENT", status, fill: None, done: (before, value) });
        }
        for (number, fill) in fills.iter().enumerate() {
            before = before.plus(fill.qty).unwrap_or(before);
            value = value.plus(fill.value).unwrap_or(value);
            let last = number.saturating_add(1) == fills.len() && status == "FILLED";
            let status = if last { status } else { "PARTIALLY_FILLED" };
            say(&Step { what: "TRADE", status, fill: Some(fill), done: (before, value) });
        }
        match status {
            "CANCELED" => say(&Step { what: "CANCELED", status, fill: None, done: (before, value) }),
            "EXPIRED" | "REJECTED" => {
                say(&Step { what: "EXPIRED", status, fill: None, done: (before, value) });
            }
            _ => {}
        }
    }

    /// An execution that no order of ours stands behind: a liquidation, or somebody else at the venue's own page.
    fn foreign(&self, fill: &FillRow) -> Option<Value> {
        let market = self.floor.market(fill.symbol.as_str())?;
        let (what, name) = if fill.liquidation { ("CALCULATED", "autoclose") } else { ("TRADE", "web") };
        let size = qty(market, fill.qty);
        let row = json!({
            "s": fill.symbol.as_str(), "c": format!("{name}-{}", fill.order), "S": side_name(fill.side),
            "o": "MARKET", "f": "GTC", "q": size, "p": "0", "ap": average(fill.price.get()), "sp": "0",
            "x": what, "X": "FILLED", "i": fill.order, "l": size, "z": size, "L": price(market, fill.price.get()),
            "N": market.quote_coin, "n": usd(fill.fee), "T": fill.time.0, "t": fill.trade, "b": "0", "a": "0",
            "m": fill.maker, "R": fill.liquidation, "wt": "CONTRACT_PRICE", "ot": "MARKET",
            "ps": leg_name(fill.leg), "cp": false, "pP": false, "si": 0, "ss": 0, "rp": usd(fill.realised),
            "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0, "er": if fill.liquidation { "5" } else { "0" },
        });
        Some(self.event("ORDER_TRADE_UPDATE", "o", &row))
    }

    fn account_events(&self, account: &Account, figures: &Figures, news: &News, events: &mut Vec<Value>) {
        let coin = self.floor.markets.first().map_or("USDT", |market| market.quote_coin.as_str());
        let balance = |change: Usd| {
            let (wallet, cross) = (usd(figures.wallet), usd(figures.cross_wallet));
            json!([{"a": coin, "wb": wallet, "cw": cross, "bc": zero_or(change)}])
        };
        let leg = |(symbol, leg): &(Symbol, PositionSide)| self.leg(account, figures, symbol, *leg);
        let changed = || news.legs.iter().filter_map(leg).collect::<Vec<_>>();
        let mut say = |reason: &str, balances: Value, positions: Vec<Value>| {
            let content = json!({"m": reason, "B": balances, "P": positions});
            events.push(self.event("ACCOUNT_UPDATE", "a", &content));
        };
        let mut known = false;
        for row in account.income.get(news.income.clone()).unwrap_or_default() {
            match row.kind {
                IncomeKind::Transfer => {
                    let reason = if row.amount.is_negative() { "WITHDRAW" } else { "DEPOSIT" };
                    say(reason, balance(row.amount), Vec::new());
                }
                IncomeKind::Funding => {
                    let isolated = |name: &&(Symbol, PositionSide)| {
                        Some(&name.0) == row.symbol.as_ref()
                            && figures.of(&name.0).any(|held| held.mode == MarginMode::Isolated)
                    };
                    let positions = news.legs.iter().filter(isolated).filter_map(leg).collect();
                    say("FUNDING_FEE", balance(row.amount), positions);
                }
                IncomeKind::Realised | IncomeKind::Commission => continue,
            }
            known = true;
        }
        if !news.fills.is_empty() {
            say("ORDER", balance(Usd::ZERO), changed());
        } else if news.cash && !known {
            say("MARGIN_TRANSFER", balance(Usd::ZERO), changed());
        }
        for (symbol, before, now) in &news.settings {
            if before.2 != now.2 {
                let sides: &[PositionSide] = if account.is_hedged() {
                    &[PositionSide::Long, PositionSide::Short]
                } else {
                    &[PositionSide::Net]
                };
                let rows = sides.iter().filter_map(|side| self.leg(account, figures, symbol, *side));
                let mut rows: Vec<Value> = rows.collect();
                for row in &mut rows {
                    if let Some(row) = row.as_object_mut() {
                        row.insert("mt".to_owned(), json!(mode_name(now.2)));
                    }
                }
                say("MARGIN_TYPE_CHANGE", json!([]), rows);
            }
        }
    }

    /// A row of `P`; of a leg that is gone, an empty one.
    fn leg(&self, account: &Account, figures: &Figures, symbol: &Symbol, leg: PositionSide) -> Option<Value> {
        let market = self.floor.market(symbol.as_str())?;
        let realised = account.income.iter().filter(|row| row.kind == IncomeKind::Realised);
        let realised =
            Usd::sum(realised.filter(|row| row.symbol.as_ref() == Some(symbol)).map(|row| row.amount));
        let realised = zero_or(realised.unwrap_or(Usd::ZERO));
        let held = figures.of(symbol).find(|held| held.leg == leg);
        let Some(held) = held else {
            let mode = account.setting(symbol).map_or(MarginMode::Cross, |setting| setting.mode);
            return Some(json!({
                "s": symbol.as_str(), "pa": "0", "ep": "0", "bep": "0", "cr": realised, "up": "0",
                "mt": mode_name(mode), "iw": "0", "ps": leg_name(leg),
            }));
        };
        let taker = account.snapshot(&self.floor.markets)?.fees.get(symbol).map(|fees| fees.taker);
        let even = break_even(
            held.entry,
            taker.map_or(Decimal::ZERO, evenkeel_types::Rate::get),
            held.qty.is_positive(),
        );
        Some(json!({
            "s": symbol.as_str(), "pa": qty(market, held.qty), "ep": average(held.entry.get()), "bep": even,
            "cr": realised, "up": usd(held.unrealised), "mt": mode_name(held.mode),
            "iw": held.isolated.map_or_else(|| "0".to_owned(), |(_, cash)| usd(cash)), "ps": leg_name(leg),
        }))
    }
}

fn mode_name(mode: MarginMode) -> &'static str {
    if mode == MarginMode::Isolated { "isolated" } else { "cross" }
}

fn zero_or(amount: Usd) -> String {
    if amount.is_zero() { "0".to_owned() } else { usd(amount) }
}

fn order_update(account: &Account, market: &Listed, ticket: &Ticket, step: &Step<'_>, now: u64) -> Value {
    let row = answer(account, market, ticket);
    let of = |name: &str| row.get(name).cloned().unwrap_or(Value::Null);
    let (done, value) = step.done;
    let price_of_all = value.get().over(done.get()).ok().and_then(|price| Price::new(price).ok());
    let zero = qty(market, Qty::ZERO);
    let mut update = json!({
        "s": market.symbol.as_str(), "c": client_id(ticket), "S": side_name(ticket.wish.side), "o": of("type"),
        "f": of("timeInForce"), "q": of("origQty"), "p": of("price"), "ap": executed(market, price_of_all),
        "sp": "0", "x": step.what, "X": step.status, "i": ticket.id, "l": zero, "z": qty(market, done), "L": "0",
        "T": now, "t": 0, "b": "0", "a": "0", "m": false, "R": ticket.wish.reduce_only, "wt": "CONTRACT_PRICE",
        "ot": of("type"), "ps": leg_name(ticket.wish.leg), "cp": of("closePosition"), "pP": false, "si": 0, "ss": 0,
        "rp": "0", "V": of("selfTradePreventionMode"), "pm": of("priceMatch"), "gtd": of("goodTillDate"), "er": "0",
    });
    if let (Some(fields), Some(fill)) = (update.as_object_mut(), step.fill) {
        let mut say = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        say("l", json!(qty(market, fill.qty)));
        say("L", json!(price(market, fill.price.get())));
        say("N", json!(market.quote_coin));
        say("n", json!(usd(fill.fee)));
        say("T", json!(fill.time.0));
        say("t", json!(fill.trade));
        say("m", json!(fill.maker));
        say("rp", json!(zero_or(fill.realised)));
    }
    update
}

fn algo_update(account: &Account, market: &Listed, ticket: &Ticket) -> Value {
    let row = algo(account, market, ticket);
    let of = |name: &str| row.get(name).cloned().unwrap_or(Value::Null);
    let done = ticket.done(&account.world);
    let triggered = is_triggered(account, ticket);
    json!({
        "caid": of("clientAlgoId"), "aid": of("algoId"), "at": of("algoType"), "o": of("orderType"),
        "s": of("symbol"), "S": of("side"), "ps": of("positionSide"), "f": of("timeInForce"), "q": of("quantity"),
        "X": of("algoStatus"), "ai": if triggered { ticket.id.to_string() } else { String::new() },
        "ap": executed(market, done.average()), "aq": qty(market, done.qty), "act": "0", "tp": of("triggerPrice"),
        "p": of("price"), "V": of("selfTradePreventionMode"), "wt": of("workingType"), "pm": of("priceMatch"),
        "cp": of("closePosition"), "pP": of("priceProtect"), "R": of("reduceOnly"), "tt": of("triggerTime"),
        "gtd": of("goodTillDate"), "rm": "",
    })
}
