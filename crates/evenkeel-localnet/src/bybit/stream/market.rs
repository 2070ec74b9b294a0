//! What everybody may hear of a market.

use std::collections::BTreeSet;

use evenkeel_types::{Decimal, Price, Quote, Symbol, Timestamp};
use serde_json::{Map, Value, json};

use crate::bybit::market::levels;
use crate::bybit::numbers::{price, size};
use crate::bybit::positions::FIRST_SEQ;
use crate::bybit::server::Server;
use crate::floor::Listed;

/// Of levels. The first is told whole each time; of the others what changed.
const DEPTHS: [(&str, usize); 4] = [("1", 1), ("50", 50), ("200", 200), ("1000", 1000)];
/// When the first level is told again though it is the same.
const BOOK_AGAIN: u64 = 3_000;
/// Candles. There are none here, as there are no trades of others.
const INTERVALS: [&str; 13] = ["1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M"];
/// What only contracts have that end.
const OF_FUTURES: [&str; 6] =
    ["predictedDeliveryPrice", "basisRate", "basisRateYear", "deliveryFeeRate", "deliveryTime", "basis"];

/// A topic that somebody listens to.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    name: String,
    symbol: Symbol,
    feed: Feed,
}

#[derive(Debug, Clone)]
enum Feed {
    /// As it was told.
    Ticker(Map<String, Value>),
    Book(Book),
    /// Nobody else trades.
    Silent,
}

#[derive(Debug, Clone)]
struct Book {
    depth: usize,
    told: Option<Told>,
}

/// A book as it was told.
#[derive(Debug, Clone)]
struct Told {
    best: [Option<Price>; 2],
    at: Timestamp,
    update: u64,
}

impl Topic {
    /// `None` of what there is not.
    pub(super) fn of(name: &str, server: &Server) -> Option<Self> {
        let parts: Vec<&str> = name.split('.').collect();
        let (symbol, feed) = match parts[..] {
            ["tickers", symbol] => (symbol, Feed::Ticker(Map::new())),
            ["orderbook", depth, symbol] => {
                let (_, depth) = DEPTHS.into_iter().find(|(name, _)| *name == depth)?;
                (symbol, Feed::Book(Book { depth, told: None }))
            }
            ["publicTrade" | "allLiquidation", symbol] => (symbol, Feed::Silent),
            ["kline", interval, symbol] if INTERVALS.contains(&interval) => (symbol, Feed::Silent),
            _ => return None,
        };
        let symbol = server.floor.market(symbol)?.symbol.clone();
        Some(Self { name: name.to_owned(), symbol, feed })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The message that is due; `number` counts messages.
    pub(super) fn news(&mut self, server: &Server, number: u64) -> Option<Value> {
        let market = server.floor.market(self.symbol.as_str())?;
        let (now, seq) = (server.floor.now, FIRST_SEQ.saturating_add(number));
        match &mut self.feed {
            Feed::Ticker(told) => {
                let kind = if told.is_empty() { "snapshot" } else { "delta" };
                let data = ticker_news(server.ticker(market)?, told)?;
                Some(json!({"topic": self.name, "type": kind, "data": data, "cs": seq, "ts": now.0}))
            }
            Feed::Book(book) => {
                let quote = server.floor.quote(&market.symbol)?;
                let (kind, [bids, asks], update) = book.news(market, quote, now)?;
                let data = json!({"s": self.symbol.as_str(), "b": bids, "a": asks, "u": update, "seq": seq});
                Some(json!({"topic": self.name, "type": kind, "ts": now.0, "data": data, "cts": now.0}))
            }
            Feed::Silent => None,
        }
    }
}

/// The fields that are other than they were told, after the first time.
fn ticker_news(row: Value, told: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    let Value::Object(mut row) = row else { return None };
    row.retain(|name, _| !OF_FUTURES.contains(&name.as_str()));
    let last = |row: &Map<String, Value>| row.get("lastPrice")?.as_str()?.parse::<Decimal>().ok();
    let direction = match (last(told), last(&row)) {
        (Some(before), Some(now)) if now > before => json!("PlusTick"),
        (Some(before), Some(now)) if now < before => json!("MinusTick"),
        _ => told.get("tickDirection").cloned().unwrap_or_else(|| json!("ZeroPlusTick")),
    };
    row.insert("tickDirection".to_owned(), direction);
    let mut news = row.clone();
    news.retain(|name, value| told.get(name) != Some(value));
    if news.is_empty() {
        return None;
    }
    news.extend(row.get("symbol").map(|symbol| ("symbol".to_owned(), symbol.clone())));
    *told = row;
    Some(news)
}

impl Book {
    /// Whole or what changed, both sides, and the number of the change.
    fn news(
        &mut self,
        market: &Listed,
        quote: Quote,
        now: Timestamp,
    ) -> Option<(&'static str, [Vec<Value>; 2], u64)> {
        let best = [quote.bid, quote.ask];
        let before = self.told.take();
        let update = match &before {
            None => now.0,
            Some(told) if told.best != best => told.update.saturating_add(1),
            Some(told) if self.depth == 1 && now.0.saturating_sub(told.at.0) >= BOOK_AGAIN => told.update,
            Some(_) => {
                self.told = before;
                return None;
            }
        };
        self.told = Some(Told { best, at: now, update });
        let before = before.filter(|_| self.depth > 1);
        let kind = if before.is_some() { "delta" } else { "snapshot" };
        let [old_bids, old_asks] =
            before.map(|told| levels(market, told.best, self.depth)).unwrap_or_default();
        let [bids, asks] = levels(market, best, self.depth);
        let (mut bids, asks) = (changes(market, &old_bids, &bids), changes(market, &old_asks, &asks));
        bids.reverse();
        Some((kind, [bids, asks], update))
    }
}

/// Levels that came, and with no size those that went; lowest first.
fn changes(market: &Listed, before: &[Price], now: &[Price]) -> Vec<Value> {
    let depth = size(market, market.max_qty);
    let before: BTreeSet<&Price> = before.iter().collect();
    let now: BTreeSet<&Price> = now.iter().collect();
    let row = |at: &&Price| json!([price(market, **at), if now.contains(at) { &depth } else { "0" }]);
    before.symmetric_difference(&now).map(row).collect()
}
