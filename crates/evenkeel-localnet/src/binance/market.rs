//! Answers about markets.

use evenkeel_types::round::to_places;
use evenkeel_types::{Decimal, Exact, Price, Quote, Rate, Round, Timestamp};
use serde_json::{Value, json};

use super::limits::{ORDERS_LONG, ORDERS_SHORT, WEIGHT};
use super::markets::extra;
use super::money::{cut, price, qty};
use super::params::Params;
use super::refusals::Refusal;
use super::routes::Ask;
use super::server::Server;
use crate::floor::{Listed, places, text};

type Answer = Result<Value, Refusal>;

/// Perpetual contracts are delivered on this day: 2100-12-25.
const NEVER: u64 = 4_133_404_800_000;
/// Rows of the made-up order book on either side.
const DEPTH: u64 = 20;

pub(crate) fn ping(_: &mut Server, _: &Ask) -> Answer {
    Ok(json!({}))
}

pub(crate) fn nothing(_: &mut Server, _: &Ask) -> Answer {
    Ok(json!([]))
}

pub(crate) fn empty(server: &mut Server, ask: &Ask) -> Answer {
    server.listed(&ask.params)?;
    Ok(json!([]))
}

pub(crate) fn empty_pair(_: &mut Server, ask: &Ask) -> Answer {
    ask.params.text("pair")?;
    Ok(json!([]))
}

pub(crate) fn no_symbols(_: &mut Server, ask: &Ask) -> Answer {
    Ok(
        json!({"timezone": "UTC", "serverTime": ask.now.0, "rateLimits": [], "exchangeFilters": [], "symbols": []}),
    )
}

pub(crate) fn time(_: &mut Server, ask: &Ask) -> Answer {
    Ok(json!({"serverTime": ask.now.0}))
}

pub(crate) fn exchange_info(server: &mut Server, ask: &Ask) -> Answer {
    let limit = |kind: &str, interval: &str, number: u32, limit: u32| json!({"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit});
    let coin = server.floor.markets.first().map_or("USDT", |market| market.quote_coin.as_str());
    let symbols: Vec<Value> = server.floor.markets.iter().map(contract).collect();
    Ok(json!({
        "timezone": "UTC",
        "serverTime": ask.now.0,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            limit("REQUEST_WEIGHT", "MINUTE", 1, WEIGHT),
            limit("ORDERS", "MINUTE", 1, ORDERS_LONG),
            limit("ORDERS", "SECOND", 10, ORDERS_SHORT),
        ],
        "exchangeFilters": [],
        "assets": [{"asset": coin, "marginAvailable": true, "autoAssetExchange": "-10000"}],
        "symbols": symbols,
    }))
}

fn contract(market: &Listed) -> Value {
    let more = extra(market.symbol.as_str());
    let (step, tick) = (places(market.lot, market.lot_places), price(market, market.tick.get()));
    let band: Decimal = more.band.parse().unwrap_or(Decimal::ONE);
    let (up, down) = (Decimal::ONE.plus(band), Decimal::ONE.minus(band));
    let multiplier = |of: Result<Decimal, _>| places(of.unwrap_or(Decimal::ONE), 4);
    let least = qty(market, market.min_qty);
    json!({
        "symbol": market.symbol.as_str(), "pair": market.symbol.as_str(), "contractType": "PERPETUAL",
        "deliveryDate": NEVER, "onboardDate": more.onboard, "status": "TRADING",
        "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000",
        "baseAsset": market.base, "quoteAsset": market.quote_coin, "marginAsset": market.quote_coin,
        "pricePrecision": market.tick_places, "quantityPrecision": market.lot_places,
        "baseAssetPrecision": 8, "quotePrecision": 8,
        "underlyingType": "COIN", "underlyingSubType": [more.subtype],
        "triggerProtect": places(band, 4), "liquidationFee": more.clearance, "marketTakeBound": places(band, 2),
        "maxMoveOrderLimit": 10_000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": more.min_price, "maxPrice": more.max_price, "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": least, "maxQty": text(market.max_qty.get()), "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": least, "maxQty": text(market_max(market)), "stepSize": step},
            {"filterType": "MAX_NUM_ORDERS", "limit": super::wishes::MAX_ORDERS},
            {"filterType": "MIN_NOTIONAL", "notional": text(market.min_notional.get())},
            {"filterType": "PERCENT_PRICE", "multiplierUp": multiplier(up), "multiplierDown": multiplier(down), "multiplierDecimal": "4"},
            {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID", "COPY", "DCA", "PSB"],
    })
}

/// The largest size of a market order.
pub(crate) fn market_max(market: &Listed) -> Decimal {
    let stated: Decimal = extra(market.symbol.as_str()).market_max.parse().unwrap_or(Decimal::MAX);
    stated.min(market.max_qty.get())
}

impl Server {
    pub(crate) fn quoted(&self, market: &Listed) -> Result<Quote, Refusal> {
        self.floor.quote(&market.symbol).ok_or_else(Refusal::symbol)
    }
}

/// One object for one symbol, a list for all.
fn one_or_all(server: &Server, params: &Params, row: impl Fn(&Listed) -> Answer) -> Answer {
    let rows = server.listed_or_all(params)?.into_iter().map(row).collect::<Result<Vec<Value>, _>>()?;
    match rows.first() {
        Some(row) if params.has("symbol") => Ok(row.clone()),
        _ => Ok(Value::Array(rows)),
    }
}

pub(crate) fn premium_index(server: &mut Server, ask: &Ask) -> Answer {
    one_or_all(server, &ask.params, |market| {
        let mark = cut(server.quoted(market)?.mark.get());
        Ok(json!({
            "symbol": market.symbol.as_str(), "markPrice": mark, "indexPrice": mark, "estimatedSettlePrice": mark,
            "lastFundingRate": cut(market.funding.get()), "interestRate": "0.00010000",
            "nextFundingTime": server.floor.next_funding(market).0, "time": ask.now.0,
        }))
    })
}

pub(crate) fn funding_info(server: &mut Server, _: &Ask) -> Answer {
    const HOUR: u64 = 3_600_000;
    let row = |market: &Listed| {
        // Three quarters of the first tier's maintenance rate, as large contracts have it.
        let rate =
            market.instrument.tiers.as_slice().first().map_or(Rate::ZERO, |tier| tier.maintenance_rate);
        let cap = rate.get().times(Decimal::new(75, 2)).unwrap_or(Decimal::ZERO);
        json!({
            "symbol": market.symbol.as_str(),
            "adjustedFundingRateCap": cut(cap), "adjustedFundingRateFloor": cut(Decimal::ZERO.minus(cap).unwrap_or(cap)),
            "fundingIntervalHours": market.interval().checked_div(HOUR).unwrap_or(8), "disclaimer": false,
        })
    };
    Ok(server.floor.markets.iter().map(row).collect())
}

pub(crate) fn funding_rate(server: &mut Server, ask: &Ask) -> Answer {
    let span = Span::of(&ask.params, 100, 1_000)?;
    let known = server.listed_or_all(&ask.params)?;
    let of = |symbol: &str| known.iter().any(|market| market.symbol.as_str() == symbol);
    let rows: Vec<&crate::floor::Funding> =
        server.floor.fundings.iter().filter(|row| of(row.symbol.as_str()) && span.has(row.time)).collect();
    let row = |row: &&crate::floor::Funding| {
        json!({
            "symbol": row.symbol.as_str(), "fundingTime": row.time.0, "fundingRate": cut(row.rate.get()),
            "markPrice": cut(row.mark.get()), "rateType": "Regular",
        })
    };
    Ok(span.cut(&rows).iter().map(row).collect())
}

pub(crate) fn book_ticker(server: &mut Server, ask: &Ask) -> Answer {
    one_or_all(server, &ask.params, |market| {
        let quote = server.quoted(market)?;
        let (bid, ask_price) = (quote.bid.unwrap_or(quote.mark), quote.ask.unwrap_or(quote.mark));
        let size = qty(market, market.max_qty);
        Ok(json!({
            "symbol": market.symbol.as_str(), "bidPrice": price(market, bid.get()), "bidQty": size,
            "askPrice": price(market, ask_price.get()), "askQty": size, "time": ask.now.0, "lastUpdateId": ask.now.0,
        }))
    })
}

pub(crate) fn ticker_price(server: &mut Server, ask: &Ask) -> Answer {
    one_or_all(server, &ask.params, |market| {
        let mark = server.quoted(market)?.mark;
        Ok(json!({"symbol": market.symbol.as_str(), "price": last(market, mark), "time": ask.now.0}))
    })
}

/// The last price: the mark, on the tick.
fn last(market: &Listed, mark: Price) -> String {
    price(market, to_places(mark.get(), market.tick_places, Round::Down))
}

pub(crate) fn ticker_day(server: &mut Server, ask: &Ask) -> Answer {
    const DAY: u64 = 24 * 3_600_000;
    one_or_all(server, &ask.params, |market| {
        let now = last(market, server.quoted(market)?.mark);
        Ok(json!({
            "symbol": market.symbol.as_str(), "priceChange": "0.00", "priceChangePercent": "0.000",
            "weightedAvgPrice": now, "lastPrice": now, "lastQty": qty(market, market.min_qty), "openPrice": now,
            "highPrice": now, "lowPrice": now, "volume": "0", "quoteVolume": "0",
            "openTime": ask.now.0.saturating_sub(DAY), "closeTime": ask.now.0, "firstId": 0, "lastId": 0, "count": 0,
        }))
    })
}

pub(crate) fn depth(server: &mut Server, ask: &Ask) -> Answer {
    const LIMITS: [u64; 7] = [5, 10, 20, 50, 100, 500, 1000];
    let market = server.listed(&ask.params)?;
    let limit = ask.params.number("limit")?.unwrap_or(500);
    if !LIMITS.contains(&limit) {
        return Err(Refusal::malformed("limit"));
    }
    let quote = server.quoted(market)?;
    let size = qty(market, market.max_qty);
    let side = |from: Option<Price>, up: bool| -> Vec<Value> {
        let from = from.unwrap_or(quote.mark).get();
        let row = |number: u64| {
            let away = market.tick.get().times(Decimal::from(number)).ok()?;
            let at = if up { from.plus(away) } else { from.minus(away) };
            let at = at.ok().filter(|at| *at > Decimal::ZERO)?;
            Some(json!([price(market, at), size]))
        };
        (0..limit.min(DEPTH)).map_while(row).collect()
    };
    Ok(json!({
        "lastUpdateId": ask.now.0, "E": ask.now.0, "T": ask.now.0,
        "bids": side(quote.bid, false), "asks": side(quote.ask, true),
    }))
}

pub(crate) fn open_interest(server: &mut Server, ask: &Ask) -> Answer {
    let market = server.listed(&ask.params)?;
    Ok(
        json!({"symbol": market.symbol.as_str(), "openInterest": qty(market, market.max_qty), "time": ask.now.0}),
    )
}

pub(crate) fn constituents(server: &mut Server, ask: &Ask) -> Answer {
    let market = server.listed(&ask.params)?;
    Ok(json!({"symbol": market.symbol.as_str(), "time": ask.now.0, "constituents": []}))
}

/// Coins of the whole venue, of which there is one.
pub(crate) fn coins(server: &mut Server, _: &Ask) -> Answer {
    let coin = server.floor.markets.first().map_or("USDT", |market| market.quote_coin.as_str());
    Ok(json!([{
        "coin": coin, "depositAllEnable": true, "withdrawAllEnable": true, "name": coin, "free": "0", "locked": "0",
        "freeze": "0", "withdrawing": "0", "ipoing": "0", "ipoable": "0", "storage": "0", "isLegalMoney": false,
        "trading": true, "networkList": [],
    }]))
}

/// Which rows of a list are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from: Option<Timestamp>,
    until: Option<Timestamp>,
    limit: usize,
}

impl Span {
    pub(crate) fn of(params: &Params, usual: u64, most: u64) -> Result<Self, Refusal> {
        let time = |name| Ok(params.number(name)?.map(Timestamp));
        let (from, until): (Option<Timestamp>, Option<Timestamp>) = (time("startTime")?, time("endTime")?);
        if let (Some(from), Some(until)) = (from, until)
            && from > until
        {
            return Err(Refusal::new(-1023, "Start time is greater than end time."));
        }
        let limit = params.number("limit")?.unwrap_or(usual);
        if limit == 0 {
            return Err(Refusal::malformed("limit"));
        }
        Ok(Self { from, until, limit: usize::try_from(limit.min(most)).unwrap_or(usize::MAX) })
    }

    /// At most so many days.
    pub(crate) fn at_most(self, days: u64) -> Result<Self, Refusal> {
        const DAY: u64 = 24 * 3_600_000;
        let wide = self.from.zip(self.until).map_or(0, |(from, until)| until.0.saturating_sub(from.0));
        if wide > days.saturating_mul(DAY) {
            return Err(Refusal::new(-4165, "Invalid time interval"));
        }
        // A beginning alone means the days that follow it.
        let until =
            self.until.or(self.from.map(|from| Timestamp(from.0.saturating_add(days.saturating_mul(DAY)))));
        Ok(Self { until, ..self })
    }

    pub(crate) fn has(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.until.is_none_or(|until| time <= until)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The first rows from a beginning on, else the last ones.
    pub(crate) fn cut<'a, T>(&self, rows: &'a [T]) -> &'a [T] {
        let spare = rows.len().saturating_sub(self.limit);
        let within = if self.from.is_some() { rows.get(..self.limit) } else { rows.get(spare..) };
        within.unwrap_or(rows)
    }
}
