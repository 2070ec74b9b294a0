//! What everybody may hear: the answers to the public questions, in the streams' short names.

use serde_json::{Value, json};

use crate::binance::market::{book_ticker, depth, premium_index, ticker_day};
use crate::binance::params::Params;
use crate::binance::routes::{Ask, Handler};
use crate::binance::server::Server;
use crate::stream::without;

/// Mark prices are told again though they are the same.
const MARK_EVERY: u64 = 3_000;
/// With `@1s` in the name.
const MARK_OFTEN: u64 = 1_000;

/// Fields that change with time alone.
const TIMES: [&str; 7] = ["time", "E", "T", "lastUpdateId", "openTime", "closeTime", "nextFundingTime"];

/// A stream that somebody listens to.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    pub(super) name: String,
    /// Without times.
    told: Value,
    told_at: u64,
}

impl Topic {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), told: Value::Null, told_at: 0 }
    }

    /// The events that are due. Streams of trades and candles stay silent: nobody else trades.
    pub(super) fn news(&mut self, server: &mut Server) -> Vec<Value> {
        let mut parts = self.name.split('@');
        let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (symbol, kind) = match first.strip_prefix('!') {
            Some(kind) => (None, kind),
            None => (Some(first.to_uppercase()), second),
        };
        let (handler, short): (Handler, fn(&Value, u64) -> Value) = match kind {
            "markPrice" => (premium_index, mark_price),
            "bookTicker" => (book_ticker, best),
            "ticker" => (ticker_day, day),
            "miniTicker" => (ticker_day, mini),
            _ if kind.starts_with("depth") => (depth, book),
            _ => return Vec::new(),
        };
        let now = server.floor.now;
        let query = symbol.as_ref().map_or_else(String::new, |symbol| format!("symbol={symbol}"));
        let ask = Ask { account: 0, params: Params::parse(&query), now };
        let Ok(answer) = handler(server, &ask) else { return Vec::new() };
        let timeless = without(answer.clone(), &TIMES);
        let every = match (kind, self.name.ends_with("@1s")) {
            ("markPrice", true) => MARK_OFTEN,
            ("markPrice", false) => MARK_EVERY,
            _ => u64::MAX,
        };
        if timeless == self.told && now.0.saturating_sub(self.told_at) < every {
            return Vec::new();
        }
        (self.told, self.told_at) = (timeless, now.0);
        let event = |row: &Value| {
            let mut event = short(row, now.0);
            if let (Some(event), Some(symbol)) = (event.as_object_mut(), &symbol) {
                event.insert("s".to_owned(), json!(symbol));
            }
            event
        };
        match (&answer, self.name.contains("@arr")) {
            (Value::Array(rows), true) => vec![Value::Array(rows.iter().map(event).collect())],
            (Value::Array(rows), false) => rows.iter().map(event).collect(),
            (row, _) => vec![event(row)],
        }
    }
}

fn of<'a>(row: &'a Value, name: &str) -> &'a Value {
    row.get(name).unwrap_or(&Value::Null)
}

fn mark_price(row: &Value, now: u64) -> Value {
    json!({
        "e": "markPriceUpdate", "E": now, "s": of(row, "symbol"), "p": of(row, "markPrice"),
        "ap": of(row, "markPrice"), "P": of(row, "estimatedSettlePrice"), "i": of(row, "indexPrice"),
        "r": of(row, "lastFundingRate"), "T": of(row, "nextFundingTime"), "st": 1,
    })
}

fn best(row: &Value, now: u64) -> Value {
    json!({
        "e": "bookTicker", "u": of(row, "lastUpdateId"), "E": now, "T": now, "s": of(row, "symbol"),
        "b": of(row, "bidPrice"), "B": of(row, "bidQty"), "a": of(row, "askPrice"), "A": of(row, "askQty"),
    })
}

fn day(row: &Value, now: u64) -> Value {
    json!({
        "e": "24hrTicker", "E": now, "s": of(row, "symbol"), "p": of(row, "priceChange"),
        "P": of(row, "priceChangePercent"), "w": of(row, "weightedAvgPrice"), "c": of(row, "lastPrice"),
        "Q": of(row, "lastQty"), "o": of(row, "openPrice"), "h": of(row, "highPrice"), "l": of(row, "lowPrice"),
        "v": of(row, "volume"), "q": of(row, "quoteVolume"), "O": of(row, "openTime"), "C": of(row, "closeTime"),
        "F": of(row, "firstId"), "L": of(row, "lastId"), "n": of(row, "count"),
    })
}

fn mini(row: &Value, now: u64) -> Value {
    json!({
        "e": "24hrMiniTicker", "E": now, "s": of(row, "symbol"), "c": of(row, "lastPrice"),
        "o": of(row, "openPrice"), "h": of(row, "highPrice"), "l": of(row, "lowPrice"), "v": of(row, "volume"),
        "q": of(row, "quoteVolume"),
    })
}

fn book(row: &Value, now: u64) -> Value {
    json!({
        "e": "depthUpdate", "E": now, "T": now, "s": null, "U": of(row, "lastUpdateId"),
        "u": of(row, "lastUpdateId"), "pu": of(row, "lastUpdateId"), "b": of(row, "bids"), "a": of(row, "asks"),
    })
}
