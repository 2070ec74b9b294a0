//! What everybody can see.

use evenkeel_types::{Decimal, Exact, Leverage, Price, Round, Timestamp, Usd};
use serde_json::{Value, json};

use super::envelope::{Answer, Refusal};
use super::numbers::{fine, price, size, text};
use super::params::{Category, Params};
use super::server::Server;
use crate::floor::Listed;

const MINUTE: u64 = 60_000;
/// Highest price in ticks, as most of the venue's contracts have it.
const TICKS: u32 = 19_999_998;
/// Symbols on one page of tiers.
const TIER_PAGE: usize = 15;
/// How far from the mark a limit may be, as the venue prints it of large coins.
const BAND: (i64, u32) = (5, 2);

/// The highest price of a market.
pub(super) fn highest(market: &Listed) -> Price {
    let highest = market.tick.get().times(Decimal::from(TICKS)).and_then(Price::new);
    highest.unwrap_or(market.tick)
}

impl Server {
    pub(super) fn server_time(&mut self, _: &Params) -> Answer {
        let now = self.floor.now.0;
        let seconds = now.checked_div(1000).unwrap_or(0).to_string();
        Ok(json!({"timeSecond": seconds, "timeNano": format!("{now}000000")}).into())
    }

    pub(super) fn instruments(&mut self, params: &Params) -> Answer {
        let category = params.category()?;
        let limit = params.limit(500, 1000)?;
        let meant: Vec<&Listed> = match (category, params.text("status")?.unwrap_or("Trading")) {
            (Category::Linear, "Trading") => {
                let (symbol, base) = (params.text("symbol")?, params.text("baseCoin")?);
                if let Some(name) = symbol.filter(|name| self.floor.market(name).is_none()) {
                    return Err(Refusal::symbol(name));
                }
                let markets = self.floor.markets.iter();
                let markets =
                    markets.filter(|market| symbol.is_none_or(|name| market.symbol.as_str() == name));
                markets.filter(|market| base.is_none_or(|name| market.base == name)).collect()
            }
            _ => Vec::new(),
        };
        let (rows, cursor) = by_name(&meant, limit, params)?;
        let rows: Vec<Value> = rows.into_iter().map(|(number, market)| instrument(number, market)).collect();
        Ok(json!({"category": category.name(), "list": rows, "nextPageCursor": cursor}).into())
    }

    pub(super) fn risk_limits(&mut self, params: &Params) -> Answer {
        let category = params.category()?;
        let mut list = Vec::new();
        let mut cursor = String::new();
        if category == Category::Linear {
            let meant: Vec<&Listed> = match params.text("symbol")? {
                Some(_) => vec![self.market(params)?],
                None => self.floor.markets.iter().collect(),
            };
            let (rows, next) = by_name(&meant, TIER_PAGE, params)?;
            list.extend(rows.into_iter().flat_map(|(number, market)| tiers(number, market)));
            cursor = next;
        }
        Ok(json!({"category": category.name(), "list": list, "nextPageCursor": cursor}).into())
    }

    pub(super) fn tickers(&mut self, params: &Params) -> Answer {
        let category = params.category()?;
        let meant: Vec<&Listed> = match (category, params.text("symbol")?) {
            (Category::Other(_), _) => Vec::new(),
            (_, Some(_)) => vec![self.market(params)?],
            (_, None) => self.floor.markets.iter().collect(),
        };
        let rows: Vec<Value> = meant.into_iter().filter_map(|market| self.ticker(market)).collect();
        Ok(json!({"category": category.name(), "list": rows}).into())
    }

    pub(super) fn ticker(&self, market: &Listed) -> Option<Value> {
        let quote = self.floor.quote(&market.symbol)?;
        let mark = price(market, quote.mark);
        let before = price(market, market.mark);
        let share = quote.mark.get().over(market.mark.get()).and_then(|now| now.minus(Decimal::ONE)).ok()?;
        // Somebody trades: a bot that divides by a volume is not to fail here.
        let depth = size(market, market.max_qty);
        let side = |price: Option<Price>| price.map_or_else(String::new, |at| self::price(market, at));
        let hours = market.interval().checked_div(60 * MINUTE)?;
        Some(json!({
            "symbol": market.symbol.as_str(),
            "lastPrice": mark, "indexPrice": mark, "markPrice": mark,
            "prevPrice24h": before, "price24hPcnt": evenkeel_types::round::for_reading(share, 6),
            "highPrice24h": price(market, quote.mark.max(market.mark)),
            "lowPrice24h": price(market, quote.mark.min(market.mark)),
            "prevPrice1h": before,
            "openInterest": depth, "openInterestValue": open_value(market, quote.mark)?,
            "turnover24h": open_value(market, quote.mark)?, "volume24h": depth,
            "fundingRate": text(market.funding.get()),
            "nextFundingTime": self.floor.next_funding(market).0.to_string(),
            "fundingIntervalHour": hours.to_string(), "fundingCap": "0.005",
            "predictedDeliveryPrice": "", "basisRate": "", "basisRateYear": "", "deliveryFeeRate": "",
            "deliveryTime": "0", "basis": "", "preOpenPrice": "", "preQty": "", "curPreListingPhase": "",
            "ask1Price": side(quote.ask), "ask1Size": depth, "bid1Price": side(quote.bid), "bid1Size": depth,
        }))
    }

    pub(super) fn funding_history(&mut self, params: &Params) -> Answer {
        let category = params.category()?;
        let (from, until) = (params.integer("startTime")?, params.integer("endTime")?);
        if from.is_some() && until.is_none() {
            return Err(Refusal::new(10001, "params error: endTime invalid"));
        }
        let limit = params.limit(200, 200)?;
        let mut rows = Vec::new();
        if category == Category::Linear {
            let market = self.market(params)?;
            let (from, until) = (Timestamp(from.unwrap_or(0)), until.map_or(self.floor.now, Timestamp));
            let fundings = self.floor.fundings_of(market.symbol.as_str(), from, until);
            rows.extend(fundings.rev().take(limit).map(|funding| {
                json!({
                    "symbol": funding.symbol.as_str(), "fundingRate": text(funding.rate.get()),
                    "fundingRateTimestamp": funding.time.0.to_string(),
                })
            }));
        }
        Ok(json!({"category": category.name(), "list": rows}).into())
    }

    /// The best level is the paper exchange's; what is behind it is made up.
    pub(super) fn order_book(&mut self, params: &Params) -> Answer {
        let Category::Linear = params.category()? else {
            return Err(Refusal::new(10001, "Not supported symbols"));
        };
        let market = self.market(params)?;
        let limit = params.limit(25, 500)?;
        let quote =
            self.floor.quote(&market.symbol).ok_or_else(|| Refusal::symbol(market.symbol.as_str()))?;
        let depth = size(market, market.max_qty);
        let rows = |prices: Vec<Price>| -> Vec<Value> {
            prices.into_iter().map(|at| json!([price(market, at), depth])).collect()
        };
        let [bids, asks] = levels(market, [quote.bid, quote.ask], limit);
        let now = self.floor.now.0;
        Ok(json!({
            "s": market.symbol.as_str(), "b": rows(bids), "a": rows(asks),
            "ts": now, "u": now, "seq": now, "cts": now,
        })
        .into())
    }

    pub(super) fn price_limit(&mut self, params: &Params) -> Answer {
        let market = self.market(params)?;
        let mark = self.floor.quote(&market.symbol).map_or(market.mark, |quote| quote.mark);
        let band = Decimal::new(BAND.0, BAND.1);
        let at = |factor: Result<Decimal, _>, round| {
            let bound = factor.and_then(|factor| mark.get().times(factor)).and_then(Price::new);
            let bound = bound.and_then(|bound| market.instrument.price_rule.round(bound, round));
            price(market, bound.unwrap_or(mark))
        };
        Ok(json!({
            "symbol": market.symbol.as_str(),
            "buyLmt": at(Decimal::ONE.plus(band), Round::Down), "sellLmt": at(Decimal::ONE.minus(band), Round::Up),
            "ts": self.floor.now.0.to_string(),
        })
        .into())
    }

    pub(super) fn open_interest(&mut self, params: &Params) -> Answer {
        let category = params.category()?;
        let market = self.market(params)?;
        let row =
            json!({"openInterest": size(market, market.max_qty), "timestamp": self.floor.now.0.to_string()});
        Ok(json!({
            "symbol": market.symbol.as_str(), "category": category.name(), "list": [row], "nextPageCursor": "",
        })
        .into())
    }

    /// Candles and the trades of others: there are none.
    pub(super) fn nothing_listed(&mut self, params: &Params) -> Answer {
        let category = params.category()?;
        let symbol = params.text("symbol")?.unwrap_or_default().to_owned();
        Ok(json!({"category": category.name(), "symbol": symbol, "list": []}).into())
    }
}

/// Prices of the book from the best ones on: bids, asks.
pub(super) fn levels(market: &Listed, best: [Option<Price>; 2], limit: usize) -> [Vec<Price>; 2] {
    let up = market.tick.get();
    let down = Decimal::ZERO.minus(up).unwrap_or_default();
    let side = |best: Option<Price>, step: Decimal| {
        std::iter::successors(best, |at| at.get().plus(step).and_then(Price::new).ok()).take(limit).collect()
    };
    let [bid, ask] = best;
    [side(bid, down), side(ask, up)]
}

fn open_value(market: &Listed, mark: Price) -> Option<String> {
    Some(evenkeel_types::round::for_reading(mark.value(market.max_qty).ok()?.get(), 2))
}

/// Markets with their numbers, and the cursor behind them.
type Page<'a> = (Vec<(usize, &'a Listed)>, String);

/// A part of the markets: where the last part ended is said by the cursor.
fn by_name<'a>(meant: &[&'a Listed], limit: usize, params: &Params) -> Result<Page<'a>, Refusal> {
    let cursor = params.cursor()?;
    let first = match cursor.as_deref().map(|text| text.strip_prefix("first=").unwrap_or(text)) {
        None => 0,
        Some(text) => text.parse::<usize>().map_err(|_| Refusal::parameter("cursor"))?,
    };
    let rows: Vec<_> = meant.iter().copied().enumerate().skip(first).take(limit).collect();
    let next = first.saturating_add(rows.len());
    let cursor = if next < meant.len() { format!("first%3D{next}") } else { String::new() };
    Ok((rows, cursor))
}

fn leverage(value: Leverage) -> String {
    evenkeel_types::round::for_reading(value.get(), 2)
}

fn instrument(number: usize, market: &Listed) -> Value {
    let step = text(market.instrument.leverage_step);
    let minutes = market.interval().checked_div(MINUTE).unwrap_or(0);
    json!({
        "symbol": market.symbol.as_str(), "symbolId": number.saturating_add(5),
        "contractType": "LinearPerpetual", "status": "Trading",
        "baseCoin": market.base, "quoteCoin": market.quote_coin, "settleCoin": market.quote_coin,
        "symbolType": "", "launchTime": "1585526400000", "deliveryTime": "0", "deliveryFeeRate": "",
        "priceScale": market.tick_places.to_string(),
        "leverageFilter": {
            "minLeverage": "1", "maxLeverage": leverage(market.instrument.max_leverage()), "leverageStep": step,
        },
        "priceFilter": {
            "minPrice": price(market, market.tick), "maxPrice": price(market, highest(market)),
            "tickSize": price(market, market.tick),
        },
        "lotSizeFilter": {
            "maxOrderQty": size(market, market.max_qty), "minOrderQty": size(market, market.min_qty),
            "qtyStep": evenkeel_types::round::for_reading(market.lot, market.lot_places),
            "postOnlyMaxOrderQty": size(market, market.max_qty), "maxMktOrderQty": size(market, market.max_qty),
            "minNotionalValue": market.min_notional.to_string(),
        },
        "unifiedMarginTrade": true, "fundingInterval": minutes, "copyTrading": "both",
        "upperFundingRate": "0.005", "lowerFundingRate": "-0.005", "isPreListing": false, "preListingInfo": null,
        "riskParameters": {"priceLimitRatioX": "0.02", "priceLimitRatioY": "0.04"},
        "displayName": "", "forbidUplWithdrawal": false,
    })
}

/// Rates are fractions, as in the venue's answers of this category.
fn tiers(number: usize, market: &Listed) -> Vec<Value> {
    let rows = market.instrument.tiers.as_slice();
    let limits = rows.iter().skip(1).map(|tier| tier.notional_floor).chain(market.instrument.tiers.cap());
    let first = number.saturating_mul(100).saturating_add(1);
    let row = |(place, (tier, limit)): (usize, (&evenkeel_types::MarginTier, Usd))| {
        let initial = Decimal::ONE.over(tier.max_leverage.get()).unwrap_or(Decimal::ONE);
        let deduction = if place == 0 { String::new() } else { fine(tier.deduction.get()) };
        json!({
            "id": first.saturating_add(place), "symbol": market.symbol.as_str(),
            "riskLimitValue": limit.to_string(), "maintenanceMargin": text(tier.maintenance_rate.get()),
            "initialMargin": evenkeel_types::round::for_reading(initial, 4), "isLowestRisk": usize::from(place == 0),
            "maxLeverage": leverage(tier.max_leverage), "mmDeduction": deduction,
        })
    };
    rows.iter().zip(limits).enumerate().map(row).collect()
}
