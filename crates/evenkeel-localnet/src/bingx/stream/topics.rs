//! What everybody may hear.

use evenkeel_types::{Decimal, Price, Quote, Symbol, Timestamp};

use crate::bingx::json::{Json, object};
use crate::bingx::numbers::cut;
use crate::bingx::server::Server;
use crate::floor::{Floor, Listed};

/// Levels of the book that can be asked for, and how often it can be told, in milliseconds.
const LEVELS: [u64; 5] = [5, 10, 20, 50, 100];
const INTERVALS: [(&str, u64); 4] = [("100ms", 100), ("200ms", 200), ("500ms", 500), ("1000ms", 1000)];
/// How often it is told where nobody says.
const USUAL: u64 = 500;
const CANDLES: [&str; 15] =
    ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"];

/// A subscription.
#[derive(Debug, Clone)]
pub(super) struct Topic {
    pub(super) name: String,
    symbol: Symbol,
    kind: Kind,
    /// The prices that were told last, and when.
    told: Option<(Quote, Timestamp)>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Ticker,
    BookTicker,
    LastPrice,
    MarkPrice,
    Depth {
        levels: u64,
        every: u64,
    },
    /// Executions of everybody, and candles of them: nobody else trades.
    Silent,
}

impl Topic {
    /// `None` for what the venue does not have.
    pub(super) fn new(name: &str, floor: &Floor) -> Option<Self> {
        let (symbol, what) = name.split_once('@')?;
        let kind = match what {
            "ticker" => Kind::Ticker,
            "bookTicker" => Kind::BookTicker,
            "lastPrice" => Kind::LastPrice,
            "markPrice" => Kind::MarkPrice,
            "trade" => Kind::Silent,
            _ => match what.strip_prefix("kline_") {
                Some(candle) => CANDLES.contains(&candle).then_some(Kind::Silent)?,
                None => depth(what.strip_prefix("depth")?)?,
            },
        };
        let symbol = floor.market(symbol)?.symbol.clone();
        Some(Self { name: name.to_owned(), symbol, kind, told: None })
    }

    /// What is due: at once whenever prices change, and some of it again and again.
    pub(super) fn news(&mut self, server: &Server) -> Option<Json> {
        let every = match self.kind {
            Kind::Ticker | Kind::MarkPrice => Some(1000),
            Kind::Depth { every, .. } => Some(every),
            Kind::BookTicker | Kind::LastPrice => None,
            Kind::Silent => return None,
        };
        let market = server.floor.market(self.symbol.as_str())?;
        let (now, quote) = (server.floor.now, server.quote_of(market));
        let same = |(told, at): (Quote, Timestamp)| {
            told == quote && every.is_none_or(|every| now.0.saturating_sub(at.0) < every)
        };
        if self.told.is_some_and(same) {
            return None;
        }
        self.told = Some((quote, now));
        let told = object! {"code": 0_u32, "dataType": self.name.as_str()};
        if let Kind::Depth { levels, .. } = self.kind {
            let (bids, asks) = server.levels(market, levels);
            return Some(
                told.and(vec![("ts", now.0.into()), ("data", object! {"bids": bids, "asks": asks})]),
            );
        }
        let price = |price: Decimal| cut(price, Listed::decimals(market.tick.get()));
        let mark = price(quote.mark.get());
        let data = match self.kind {
            Kind::Ticker => day(&server.ticker_row(market), now),
            Kind::BookTicker => {
                let best = |best: Option<Price>| price(best.map_or(Decimal::ZERO, Price::get));
                let size = cut(Decimal::TEN, Listed::decimals(market.lot));
                object! {
                    "e": "bookTicker", "u": now.0, "E": now.0, "T": now.0, "s": self.symbol.as_str(),
                    "b": best(quote.bid), "B": size.as_str(), "a": best(quote.ask), "A": size.as_str(),
                }
            }
            Kind::LastPrice => {
                object! {"e": "lastPriceUpdate", "E": now.0, "s": self.symbol.as_str(), "c": mark}
            }
            _ => object! {"e": "markPriceUpdate", "E": now.0, "s": self.symbol.as_str(), "p": mark},
        };
        Some(told.and(vec![("data", data)]))
    }
}

/// What stands behind `depth`: `5`, or `20@500ms`.
fn depth(text: &str) -> Option<Kind> {
    let (levels, interval) = match text.split_once('@') {
        Some((levels, interval)) => (levels, Some(interval)),
        None => (text, None),
    };
    let levels = LEVELS.into_iter().find(|level| level.to_string() == levels)?;
    let every = match interval {
        Some(interval) => INTERVALS.into_iter().find(|(name, _)| *name == interval)?.1,
        None => USUAL,
    };
    Some(Kind::Depth { levels, every })
}

/// The last day, in short names.
fn day(row: &Json, now: Timestamp) -> Json {
    let of = |name: &str| row.get(name).cloned().unwrap_or(Json::Null);
    object! {
        "e": "24hTicker", "E": now.0, "s": of("symbol"), "p": of("priceChange"), "P": of("priceChangePercent"),
        "c": of("lastPrice"), "L": of("lastQty"), "h": of("highPrice"), "l": of("lowPrice"), "v": of("volume"),
        "q": of("quoteVolume"), "o": of("openPrice"), "O": of("openTime"), "C": of("closeTime"),
        "A": of("askPrice"), "a": of("askQty"), "B": of("bidPrice"), "b": of("bidQty"),
    }
}
