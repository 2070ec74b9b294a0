//! An account in one view: what is used, what is free, and how far liquidation is.

use alloc::vec::Vec;

use evenkeel_types::{
    Decimal, Exact, Leverage, MarginMode, PoolId, PositionSide, Price, Qty, Symbol, Usd, Weight,
};

use crate::account::{Account, Backing, Holding};
use crate::error::MarginError;
use crate::figures::{distance_to_liquidation, effective_leverage, margin_ratio};

/// Margin utilisation above which a person should be warned: 80 %.
pub const WARN_UTILISATION: Decimal = Decimal::from_parts(8, 0, 0, false, 1);

/// An account's figures. Ratios are `None` where there is no equity to divide by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exposure {
    /// Equity of all pools and buckets.
    pub account_value: Usd,
    /// `sum |q| * mark`.
    pub gross: Usd,
    /// `sum q * mark`.
    pub net: Usd,
    /// Sum of `N / L` at the settings, isolated positions included.
    pub initial_margin: Usd,
    /// Sum of the maintenance margins, isolated positions included.
    pub maintenance_margin: Usd,
    /// What is not available for new positions: initial margin of cross positions, what the venue holds for
    /// orders, and the buckets (a bucket's surplus is not free).
    pub margin_used: Usd,
    /// What new initial margin can be taken from, over all pools.
    pub free: Usd,
    /// `margin_used / account_value`.
    pub margin_utilisation: Option<Decimal>,
    /// `gross / account_value`.
    pub effective_leverage: Option<Decimal>,
    /// The cross pools.
    pub pools: Vec<PoolExposure>,
    /// What is held, ascending by symbol and side.
    pub positions: Vec<PositionExposure>,
}

/// One cross pool.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolExposure {
    /// Which.
    pub id: PoolId,
    /// Cash plus unrealised profit of its cross positions.
    pub equity: Usd,
    /// Sum of `N / L` of its cross positions.
    pub initial_margin: Usd,
    /// Sum of their maintenance margins.
    pub maintenance_margin: Usd,
    /// What is left for new initial margin; below zero when there is too little.
    pub free: Usd,
    /// `maintenance / equity`; liquidation is due at 1.
    pub margin_ratio: Option<Decimal>,
    /// Whether liquidation is due at the present marks.
    pub is_liquidatable: bool,
}

/// One held position.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PositionExposure {
    /// What.
    pub symbol: Symbol,
    /// Which leg.
    pub side: PositionSide,
    /// Signed size.
    pub qty: Qty,
    /// Mark price.
    pub mark: Price,
    /// Cross or isolated.
    pub mode: MarginMode,
    /// `|q| * mark`.
    pub notional: Usd,
    /// Share of the gross, negative when short.
    pub allocation: Weight,
    /// The leverage setting.
    pub setting: Leverage,
    /// `N / equity` of the bucket; for cross, where equity is shared, of the whole pool: its gross by its equity.
    pub leverage: Option<Decimal>,
    /// `N / L`.
    pub initial_margin: Usd,
    /// By tier.
    pub maintenance_margin: Usd,
    /// The bucket's equity, when isolated.
    pub bucket: Option<Usd>,
    /// Where the entry is known.
    pub unrealised_pnl: Option<Usd>,
    /// See [`Account::liquidation_prices`].
    pub liquidation_price: Option<Price>,
    /// `(liquidation price - mark) / mark`.
    pub distance: Option<Decimal>,
    /// Whether liquidation is due at the present marks.
    pub is_liquidatable: bool,
}

impl Exposure {
    /// Whether margin utilisation is at least [`WARN_UTILISATION`], or cannot be computed while something is held.
    #[must_use]
    pub fn needs_warning(&self) -> bool {
        match self.margin_utilisation {
            Some(utilisation) => utilisation >= WARN_UTILISATION,
            None => self.gross.is_positive(),
        }
    }

    /// Whether liquidation of anything is due.
    #[must_use]
    pub fn is_liquidatable(&self) -> bool {
        self.pools.iter().any(|pool| pool.is_liquidatable)
            || self.positions.iter().any(|position| position.is_liquidatable)
    }
}

/// A ratio, or `None` where there is none.
fn applicable(ratio: Result<Decimal, MarginError>) -> Result<Option<Decimal>, MarginError> {
    match ratio {
        Ok(ratio) => Ok(Some(ratio)),
        Err(MarginError::NotApplicable(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Account<'_> {
    /// All figures in one pass.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn exposure(&self) -> Result<Exposure, MarginError> {
        let totals = self.pool_totals()?;
        let account_value = self.account_value()?;
        let gross = self.gross()?;
        let mut sums = Exposure {
            account_value,
            gross,
            net: self.net()?,
            initial_margin: Usd::ZERO,
            maintenance_margin: Usd::ZERO,
            margin_used: Usd::ZERO,
            free: Usd::sum(totals.iter().map(|totals| totals.free))?,
            margin_utilisation: None,
            effective_leverage: applicable(effective_leverage(gross, account_value))?,
            pools: Vec::with_capacity(totals.len()),
            positions: Vec::new(),
        };
        for (pool, totals) in self.pools.iter().zip(&totals) {
            sums.margin_used = sums.margin_used.plus(totals.initial_margin)?.plus(pool.reserved)?;
            sums.pools.push(PoolExposure {
                id: pool.id.clone(),
                equity: totals.equity,
                initial_margin: totals.initial_margin,
                maintenance_margin: totals.maintenance_margin,
                free: totals.free,
                margin_ratio: applicable(margin_ratio(totals.maintenance_margin, totals.equity))?,
                is_liquidatable: totals.is_liquidatable(),
            });
        }
        let prices = self.liquidation_prices_with(&totals)?;
        for (holding, price) in self.holdings.iter().zip(prices) {
            if holding.is_flat() {
                continue;
            }
            let totals = totals.get(self.pool_index(&holding.pool)?);
            let (equity, backed, pool_due) =
                totals.map_or((Usd::ZERO, Usd::ZERO, false), |t| (t.equity, t.gross, t.is_liquidatable()));
            let row = match holding.backing {
                Backing::Cross => row(holding, price, gross, (backed, equity), pool_due)?,
                Backing::Isolated { equity } => {
                    sums.margin_used = sums.margin_used.plus(equity.max(Usd::ZERO))?;
                    let due = equity <= holding.maintenance_margin()?;
                    row(holding, price, gross, (holding.notional()?, equity), due)?
                }
            };
            sums.initial_margin = sums.initial_margin.plus(row.initial_margin)?;
            sums.maintenance_margin = sums.maintenance_margin.plus(row.maintenance_margin)?;
            sums.positions.push(row);
        }
        sums.margin_utilisation = applicable(margin_ratio(sums.margin_used, account_value))?;
        Ok(sums)
    }
}

fn row(
    holding: &Holding<'_>,
    liquidation_price: Option<Price>,
    gross: Usd,
    (backed, equity): (Usd, Usd),
    is_liquidatable: bool,
) -> Result<PositionExposure, MarginError> {
    let bucket = match holding.backing {
        Backing::Cross => None,
        Backing::Isolated { equity } => Some(equity),
    };
    Ok(PositionExposure {
        symbol: holding.symbol.clone(),
        side: holding.side,
        qty: holding.qty,
        mark: holding.mark,
        mode: holding.backing.mode(),
        notional: holding.notional()?,
        allocation: allocation(holding, gross)?,
        setting: holding.leverage,
        leverage: applicable(effective_leverage(backed, equity))?,
        initial_margin: holding.initial_margin()?,
        maintenance_margin: holding.maintenance_margin()?,
        bucket,
        unrealised_pnl: holding.unrealised_pnl()?,
        liquidation_price,
        distance: liquidation_price.map(|price| distance_to_liquidation(holding.mark, price)).transpose()?,
        is_liquidatable,
    })
}

fn allocation(holding: &Holding<'_>, gross: Usd) -> Result<Weight, MarginError> {
    // A notional too small for 28 decimals is no share of anything.
    let share = if gross.is_zero() { Decimal::ZERO } else { holding.value()?.get().over(gross.get())? };
    Ok(Weight::new(share)?)
}
