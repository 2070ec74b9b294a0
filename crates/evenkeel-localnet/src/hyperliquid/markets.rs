//! What is listed.

use std::time::Duration;

use evenkeel_paper::Builder as WorldBuilder;
use evenkeel_types::{
    Decimal, Exact, Instrument, Leverage, Lot, MarginModes, PoolId, Price, PriceRule, Quote, Rate, Round,
    Symbol, TierRow, Tiers, TradingStatus, Usd,
};
use serde_json::{Value, json};

use super::numbers::text;
use crate::error::LocalnetError;

const HOUR: Duration = Duration::from_secs(3600);
/// Ids below this one are the maximum leverage of a single tier; tables have ids from here on.
const FIRST_TABLE: u32 = 50;

/// One perpetual contract. Numbers are text, as people write them.
#[derive(Debug, Clone)]
pub struct Market {
    name: String,
    mark: String,
    size_decimals: u32,
    tiers: Vec<(u64, u32)>,
    modes: MarginModes,
    funding: String,
    open_interest: String,
}

impl Market {
    /// A market with one margin tier; funding is the venue's neutral rate of 0.00125 % an hour.
    #[must_use]
    pub fn new(name: &str, mark: &str, size_decimals: u32, max_leverage: u32) -> Self {
        Self {
            name: name.to_owned(),
            mark: mark.to_owned(),
            size_decimals,
            tiers: vec![(0, max_leverage)],
            modes: MarginModes::Both,
            funding: "0.0000125".to_owned(),
            open_interest: "10000".to_owned(),
        }
    }

    /// Another margin tier: from this notional on at most this leverage.
    #[must_use]
    pub fn tier(mut self, from_notional: u64, max_leverage: u32) -> Self {
        self.tiers.push((from_notional, max_leverage));
        self
    }

    /// Isolated margin only, which can be put in and never taken out.
    #[must_use]
    pub fn strict_isolated(mut self) -> Self {
        self.modes = MarginModes::StrictIsolated;
        self
    }

    /// Isolated margin only.
    #[must_use]
    pub fn no_cross(mut self) -> Self {
        self.modes = MarginModes::IsolatedOnly;
        self
    }

    /// The hourly rate; positive: longs pay.
    #[must_use]
    pub fn funding(mut self, rate: &str) -> Self {
        self.funding = rate.to_owned();
        self
    }

    /// What is listed unless told otherwise: three majors with the tiers of the real venue's main network, and one
    /// coin that is isolated only and strictly so.
    pub(crate) fn usual() -> Vec<Self> {
        vec![
            Self::new("BTC", "106418", 5, 40).tier(150_000_000, 20),
            Self::new("ETH", "2463.6", 4, 25).tier(100_000_000, 15),
            Self::new("SOL", "166.4", 2, 20).tier(70_000_000, 10),
            Self::new("HYPE", "39.742", 2, 10).tier(20_000_000, 5).strict_isolated(),
        ]
    }

    fn symbol(&self) -> Result<Symbol, LocalnetError> {
        Ok(Symbol::new(&self.name)?)
    }

    pub(crate) fn listed(&self) -> Result<Listed, LocalnetError> {
        let max = self.tiers.first().map_or(1, |tier| tier.1);
        Ok(Listed {
            symbol: self.symbol()?,
            size_decimals: self.size_decimals,
            max_leverage: max,
            tiers: self.tiers.clone(),
            modes: self.modes,
            open_interest: self.open_interest.parse::<Usd>()?.get(),
            previous: self.mark.parse::<Price>()?.get(),
            funding: self.funding.parse()?,
        })
    }

    /// Lists it in a paper exchange.
    pub(crate) fn list(&self, world: WorldBuilder) -> Result<WorldBuilder, LocalnetError> {
        let rule = PriceRule::SignificantFigures {
            figures: 5,
            max_decimals: 6u32.saturating_sub(self.size_decimals),
            integers_always: true,
        };
        let rows: Vec<TierRow> = self.tiers.iter().map(row).collect::<Result<_, _>>()?;
        let quote = quote(&rule, self.mark.parse()?)?;
        let instrument = Instrument {
            symbol: self.symbol()?,
            pool: pool()?,
            price_rule: rule,
            lot: Lot::decimals(self.size_decimals)?,
            min_qty: None,
            max_qty: None,
            min_notional: Some(Usd::new(10)?),
            leverage_step: Decimal::ONE,
            tiers: Tiers::new(&rows, None)?,
            liquidation_fee: Rate::ZERO,
            margin_modes: self.modes,
            status: TradingStatus::Trading,
            funding_interval: Some(HOUR),
        };
        Ok(world.instrument(instrument, quote).funding(&self.name, &self.funding))
    }
}

/// The pool that all markets draw on.
pub(crate) fn pool() -> Result<PoolId, LocalnetError> {
    Ok(PoolId(Symbol::new("USDC")?))
}

fn row((floor, max_leverage): &(u64, u32)) -> Result<TierRow, LocalnetError> {
    // Half of the initial margin at the tier's maximum leverage.
    let rate = Decimal::ONE.over(Decimal::from(*max_leverage).times(Decimal::TWO)?)?;
    Ok(TierRow {
        notional_floor: Usd::new(*floor)?,
        max_leverage: Leverage::new(*max_leverage)?,
        maintenance_rate: Rate::new(rate)?,
        deduction: None,
    })
}

/// Best bid and ask one tick off the mark.
pub(crate) fn quote(rule: &PriceRule, mark: Price) -> Result<Quote, LocalnetError> {
    let tick = rule.tick_at(mark)?;
    let bid = Price::new(mark.get().minus(tick)?).and_then(|price| rule.round(price, Round::Down));
    let ask = rule.round(Price::new(mark.get().plus(tick)?)?, Round::Up)?;
    Ok(Quote { mark, bid: bid.ok(), ask: Some(ask) })
}

/// A market as the server knows it; its position in the list is its number in actions.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) symbol: Symbol,
    pub(crate) size_decimals: u32,
    pub(crate) max_leverage: u32,
    tiers: Vec<(u64, u32)>,
    pub(crate) modes: MarginModes,
    pub(crate) open_interest: Decimal,
    pub(crate) previous: Decimal,
    /// The present hourly rate.
    pub(crate) funding: Rate,
}

impl Listed {
    fn has_table(&self) -> bool {
        self.tiers.len() > 1 || self.max_leverage >= FIRST_TABLE
    }

    fn table(&self) -> Value {
        let tier = |(floor, max): &(u64, u32)| json!({"lowerBound": text(Decimal::from(*floor)), "maxLeverage": max});
        json!({
            "description": format!("tiered {}x", self.max_leverage),
            "marginTiers": self.tiers.iter().map(tier).collect::<Vec<_>>(),
        })
    }

    fn row(&self, table: u32) -> Value {
        let mut row = json!({
            "name": self.symbol.as_str(),
            "szDecimals": self.size_decimals,
            "maxLeverage": self.max_leverage,
            "marginTableId": table,
        });
        let mode = match self.modes {
            MarginModes::StrictIsolated => Some("strictIsolated"),
            MarginModes::IsolatedOnly => Some("noCross"),
            _ => None,
        };
        if let (Some(mode), Some(row)) = (mode, row.as_object_mut()) {
            row.insert("onlyIsolated".to_owned(), json!(true));
            row.insert("marginMode".to_owned(), json!(mode));
        }
        row
    }
}

/// `meta`.
pub(crate) fn meta(markets: &[Listed]) -> Value {
    let (mut universe, mut tables) = (Vec::new(), Vec::new());
    let mut next = FIRST_TABLE;
    for market in markets {
        let id = if market.has_table() {
            next = next.saturating_add(1);
            tables.push(json!([next, market.table()]));
            next
        } else {
            market.max_leverage
        };
        universe.push(market.row(id));
    }
    json!({"universe": universe, "marginTables": tables, "collateralToken": 0})
}
