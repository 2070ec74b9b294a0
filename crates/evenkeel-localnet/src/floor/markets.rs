//! What is listed.

use std::time::Duration;

use evenkeel_paper::Builder as WorldBuilder;
use evenkeel_types::{
    Decimal, Exact, Instrument, Leverage, Lot, MarginModes, PoolId, Price, PriceRule, Qty, Quote, Rate,
    Round, Symbol, TierRow, Tiers, Timestamp, TradingStatus, Usd,
};

use super::Funding;
use crate::error::LocalnetError;

const EIGHT_HOURS: Duration = Duration::from_secs(8 * 3600);

/// One perpetual contract. Numbers are text, as people write them.
#[derive(Debug, Clone)]
pub struct Market {
    pub(crate) symbol: String,
    pub(crate) base: String,
    pub(crate) quote: String,
    mark: String,
    tick: String,
    lot: String,
    min_qty: Option<String>,
    max_qty: String,
    min_notional: String,
    tiers: Vec<(u64, u32, String)>,
    cap: Option<u64>,
    funding: String,
    interval: Duration,
}

impl Market {
    /// A market of a dollar coin with one margin tier whose maintenance rate is half of the initial one; funding every
    /// eight hours at 0.01 %, orders of at least 5 units of the quote coin and at most a million of the base coin.
    #[must_use]
    pub fn new(symbol: &str, base: &str, mark: &str, tick: &str, lot: &str, max_leverage: u32) -> Self {
        Self {
            symbol: symbol.to_owned(),
            base: base.to_owned(),
            quote: "USDT".to_owned(),
            mark: mark.to_owned(),
            tick: tick.to_owned(),
            lot: lot.to_owned(),
            min_qty: None,
            max_qty: "1000000".to_owned(),
            min_notional: "5".to_owned(),
            tiers: vec![(0, max_leverage, half(max_leverage))],
            cap: None,
            funding: "0.0001".to_owned(),
            interval: EIGHT_HOURS,
        }
    }

    /// Margin tiers, instead of the one tier: from which notional, up to which leverage, at which maintenance rate.
    #[must_use]
    pub fn tiers(mut self, tiers: &[(u64, u32, &str)]) -> Self {
        self.tiers = tiers.iter().map(|(from, max, rate)| (*from, *max, (*rate).to_owned())).collect();
        self
    }

    /// The largest notional of a position.
    #[must_use]
    pub fn cap(mut self, notional: u64) -> Self {
        self.cap = Some(notional);
        self
    }

    /// Smallest and largest size of one order.
    #[must_use]
    pub fn sizes(mut self, min: &str, max: &str) -> Self {
        self.min_qty = Some(min.to_owned());
        max.clone_into(&mut self.max_qty);
        self
    }

    /// Smallest value of one order.
    #[must_use]
    pub fn min_notional(mut self, value: &str) -> Self {
        value.clone_into(&mut self.min_notional);
        self
    }

    /// Rate and interval of funding; positive: longs pay.
    #[must_use]
    pub fn funding(mut self, rate: &str, interval: Duration) -> Self {
        rate.clone_into(&mut self.funding);
        self.interval = interval;
        self
    }

    pub(crate) fn listed(
        &self,
        liquidation_fee: Rate,
        leverage_step: Decimal,
    ) -> Result<Listed, LocalnetError> {
        let rows: Vec<TierRow> = self.tiers.iter().map(row).collect::<Result<_, _>>()?;
        let symbol = Symbol::new(&self.symbol)?;
        let qty = |text: &str| text.parse::<Qty>();
        let lot: Decimal = evenkeel_types::parse_decimal("lot", &self.lot)?;
        let min_qty = self.min_qty.as_deref().map(qty).transpose()?.unwrap_or(Qty::new(lot)?);
        let max_qty = qty(&self.max_qty)?;
        let instrument = Instrument {
            symbol: symbol.clone(),
            pool: pool(&self.quote)?,
            price_rule: PriceRule::Tick(self.tick.parse()?),
            lot: Lot::new(lot)?,
            min_qty: Some(min_qty),
            max_qty: Some(max_qty),
            min_notional: Some(self.min_notional.parse()?),
            leverage_step,
            tiers: Tiers::new(&rows, self.cap.map(Usd::new).transpose()?)?,
            liquidation_fee,
            margin_modes: MarginModes::Both,
            status: TradingStatus::Trading,
            funding_interval: Some(self.interval),
        };
        Ok(Listed {
            symbol,
            base: self.base.clone(),
            quote_coin: self.quote.clone(),
            mark: self.mark.parse()?,
            tick: self.tick.parse()?,
            tick_places: places_of(&self.tick),
            lot,
            lot_places: places_of(&self.lot),
            min_qty,
            max_qty,
            min_notional: self.min_notional.parse()?,
            funding: self.funding.parse()?,
            instrument,
        })
    }
}

fn places_of(text: &str) -> u32 {
    text.split_once('.').map_or(0, |(_, decimals)| u32::try_from(decimals.len()).unwrap_or(0))
}

fn half(max_leverage: u32) -> String {
    let rate = Decimal::from(max_leverage).times(Decimal::TWO).and_then(|twice| Decimal::ONE.over(twice));
    rate.map_or_else(|_| "0.5".to_owned(), |rate| rate.to_string())
}

fn row((floor, max_leverage, rate): &(u64, u32, String)) -> Result<TierRow, LocalnetError> {
    Ok(TierRow {
        notional_floor: Usd::new(*floor)?,
        max_leverage: Leverage::new(*max_leverage)?,
        maintenance_rate: rate.parse()?,
        deduction: None,
    })
}

/// The pool that all markets of a quote coin draw on.
pub(crate) fn pool(coin: &str) -> Result<PoolId, LocalnetError> {
    Ok(PoolId(Symbol::new(coin)?))
}

/// Best bid and ask one tick off the mark.
pub(crate) fn quote(rule: &PriceRule, mark: Price) -> Result<Quote, LocalnetError> {
    let tick = rule.tick_at(mark)?;
    let bid = Price::new(mark.get().minus(tick)?).and_then(|price| rule.round(price, Round::Down));
    let ask = rule.round(Price::new(mark.get().plus(tick)?)?, Round::Up)?;
    Ok(Quote { mark, bid: bid.ok(), ask: Some(ask) })
}

/// A market as the server knows it.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) symbol: Symbol,
    pub(crate) base: String,
    pub(crate) quote_coin: String,
    /// Mark price at the beginning.
    pub(crate) mark: Price,
    pub(crate) tick: Price,
    /// Decimals that the tick was described with, zeros at its end included.
    pub(crate) tick_places: u32,
    pub(crate) lot: Decimal,
    /// The same of the lot.
    pub(crate) lot_places: u32,
    pub(crate) min_qty: Qty,
    pub(crate) max_qty: Qty,
    pub(crate) min_notional: Usd,
    /// The present rate for one interval.
    pub(crate) funding: Rate,
    pub(crate) instrument: Instrument,
}

impl Listed {
    /// Lists it in a paper exchange.
    pub(crate) fn list(&self, world: WorldBuilder) -> Result<WorldBuilder, LocalnetError> {
        let quote = quote(&self.instrument.price_rule, self.mark)?;
        // Sizes are checked before, with what is special about market orders, so that the venue can say which rule it was.
        let instrument =
            Instrument { min_qty: None, max_qty: None, min_notional: None, ..self.instrument.clone() };
        let world = world.instrument(instrument, quote);
        Ok(world.funding(self.symbol.as_str(), &self.funding.to_string()))
    }

    /// Milliseconds between fundings.
    pub(crate) fn interval(&self) -> u64 {
        let interval = self.instrument.funding_interval.unwrap_or(EIGHT_HOURS);
        u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    pub(crate) fn funding_at(&self, time: Timestamp, mark: Price) -> Funding {
        Funding { time, symbol: self.symbol.clone(), rate: self.funding, mark }
    }

    /// Decimals of a step, for fields that count them.
    pub(crate) fn decimals(step: Decimal) -> u32 {
        step.normalize().scale()
    }
}
