//! Markets: contexts, prices, books, past funding.

use evenkeel_types::{Decimal, Exact, Price, Quote, Round};
use serde_json::{Value, json};

use super::{Asked, MAX_FUNDING};
use crate::hyperliquid::markets::Listed;
use crate::hyperliquid::numbers::text;
use crate::hyperliquid::server::Server;

/// Prices on each side of a book.
const LEVELS: u32 = 10;
/// Distance of the impact prices from the mark, in hundredths of a percent.
const IMPACT: i64 = 2;

impl Server {
    fn quoted(&self) -> Vec<(&Listed, Quote)> {
        let account = self.accounts.first();
        let snapshot = account.and_then(|account| account.snapshot(&self.markets));
        let quote = |market: &Listed| snapshot.as_ref()?.quotes.get(&market.symbol).copied();
        self.markets.iter().filter_map(|market| Some((market, quote(market)?))).collect()
    }

    pub(super) fn contexts(&self) -> Value {
        let context = |(market, quote): (&Listed, Quote)| {
            let mark = quote.mark.get();
            let impact = |sign: i64| {
                let share = Decimal::new(IMPACT.checked_mul(sign).unwrap_or(0), 4);
                text(Decimal::ONE.plus(share).and_then(|factor| mark.times(factor)).unwrap_or(mark))
            };
            let volume = market.open_interest.times(mark).unwrap_or(Decimal::ZERO);
            json!({
                "funding": text(market.funding.get()),
                "openInterest": text(market.open_interest),
                "prevDayPx": text(market.previous),
                "dayNtlVlm": text(volume),
                "premium": "0.0",
                "oraclePx": text(mark),
                "markPx": text(mark),
                "midPx": text(mid(quote)),
                "impactPxs": [impact(-1), impact(1)],
                "dayBaseVlm": text(market.open_interest),
            })
        };
        Value::Array(self.quoted().into_iter().map(context).collect())
    }

    pub(super) fn mids(&self) -> Value {
        let mids = self.quoted().into_iter();
        let mids = mids.map(|(market, quote)| (market.symbol.as_str().to_owned(), json!(text(mid(quote)))));
        Value::Object(mids.collect())
    }

    /// The best prices are those that orders meet; what is behind them is made up.
    pub(super) fn book(&self, coin: &str) -> Result<Value, String> {
        let quoted = self.quoted();
        let found = quoted.into_iter().find(|(market, _)| market.symbol.as_str() == coin);
        let Some((market, quote)) = found else { return Ok(Value::Null) };
        let account = self.accounts.first().and_then(|account| account.snapshot(&self.markets));
        let instrument = account.and_then(|mut snapshot| snapshot.instruments.remove(&market.symbol));
        let instrument = instrument.ok_or("internal")?;
        let side = |best: Option<Price>, round: Round, sign: i64| -> Vec<Value> {
            let Some(best) = best else { return Vec::new() };
            let level = |step: u32| {
                let share = Decimal::new(i64::from(step).checked_mul(sign)?, 4);
                let price = best.get().times(Decimal::ONE.plus(share).ok()?).ok()?;
                let price = instrument.price_rule.round(Price::new(price).ok()?, round).ok()?;
                let size = market.open_interest.times(Decimal::from(step.saturating_add(1))).ok()?;
                Some(json!({"px": text(price.get()), "sz": text(size), "n": 1}))
            };
            (0..LEVELS).filter_map(level).collect()
        };
        let bids = side(quote.bid, Round::Down, -1);
        let asks = side(quote.ask, Round::Up, 1);
        Ok(json!({"coin": coin, "time": self.now.0, "levels": [bids, asks]}))
    }

    pub(super) fn funding_history(&self, asked: &Asked<'_>) -> Result<Value, String> {
        let (coin, since, until) = (asked.text("coin")?, asked.since()?, asked.until());
        let rows = self
            .funding
            .iter()
            .filter(|(time, symbol, _)| symbol.as_str() == coin && *time >= since && *time <= until);
        let show = rows.take(MAX_FUNDING).map(|(time, _, rate)| {
            json!({"coin": coin, "fundingRate": text(rate.get()), "premium": "0.0", "time": time.0})
        });
        Ok(Value::Array(show.collect()))
    }
}

/// Between the best prices, or the mark where a side is empty.
fn mid(quote: Quote) -> Decimal {
    let (Some(bid), Some(ask)) = (quote.bid, quote.ask) else { return quote.mark.get() };
    let sum = bid.get().plus(ask.get()).and_then(|sum| sum.over(Decimal::TWO));
    sum.unwrap_or(quote.mark.get())
}

/// One pair, so that clients that load all markets find what they look for. It cannot be traded here.
pub(super) fn spot_meta() -> Value {
    let token = |name: &str, index: u32, size: u32, wei: u32, id: &str| {
        json!({
            "name": name, "szDecimals": size, "weiDecimals": wei, "index": index, "tokenId": id,
            "isCanonical": true, "evmContract": null, "fullName": null, "deployerTradingFeeShare": "0.0",
        })
    };
    json!({
        "tokens": [
            token("USDC", 0, 8, 8, "0x6d1e7cde53ba9467b783cb7c530ce054"),
            token("PURR", 1, 0, 5, "0xc1fb593aeffbeb02f85e0308e9956a90"),
        ],
        "universe": [{"tokens": [1, 0], "name": "PURR/USDC", "index": 0, "isCanonical": true}],
    })
}

pub(super) fn spot_contexts() -> Value {
    json!([{
        "coin": "PURR/USDC", "markPx": "0.073007", "midPx": "0.073122", "prevDayPx": "0.070249",
        "dayNtlVlm": "0.0", "dayBaseVlm": "0.0", "circulatingSupply": "595188109.0328299999",
        "totalSupply": "595188115.5556099415",
    }])
}
