//! Liquidation prices inside a whole account.

use alloc::vec::Vec;

use evenkeel_types::{PositionSide, Price, Symbol, Usd};

use crate::account::{Account, Backing, Holding, PoolTotals};
use crate::error::MarginError;
use crate::liquidation::{Leg, SafeRange, cash_leg, liquidation_price, safe_range};

impl<'a> Account<'a> {
    /// The liquidation price of every leg, in the order of [`Account::holdings`]: `None` for flat legs and where
    /// there is none. Linear: each pool's maintenance margin is summed once.
    ///
    /// Cross: the price of the symbol at which the pool's equity meets its maintenance margin while all other marks
    /// stay; both legs of a hedged symbol share the nearest one. Isolated: that of the bucket alone. See
    /// [`liquidation_price`] for what a root beyond the mark means.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn liquidation_prices(&self) -> Result<Vec<Option<Price>>, MarginError> {
        self.liquidation_prices_with(&self.pool_totals()?)
    }

    pub(crate) fn liquidation_prices_with(
        &self,
        totals: &[PoolTotals],
    ) -> Result<Vec<Option<Price>>, MarginError> {
        let mut prices = Vec::with_capacity(self.holdings.len());
        for legs in self.holdings.chunk_by(|a, b| a.symbol == b.symbol) {
            let mut shared = None;
            for leg in legs {
                prices.push(match leg.backing {
                    _ if leg.is_flat() => None,
                    Backing::Isolated { equity } => liquidation_price(
                        leg.qty,
                        cash_leg(equity, leg.qty, leg.mark)?,
                        &leg.present_rules(),
                    )?,
                    Backing::Cross => match shared {
                        Some(price) => price,
                        None => *shared.insert(self.cross_price(legs, totals)?),
                    },
                });
            }
        }
        Ok(prices)
    }

    /// The liquidation price of one leg; see [`Account::liquidation_prices`].
    ///
    /// # Errors
    /// [`MarginError::Unknown`], [`MarginError::Number`].
    pub fn liquidation_price(
        &self,
        symbol: &Symbol,
        side: PositionSide,
    ) -> Result<Option<Price>, MarginError> {
        let unknown = || MarginError::Unknown { what: "position", name: symbol.clone() };
        let holding = self.holding(symbol, side).ok_or_else(unknown)?;
        match holding.backing {
            _ if holding.is_flat() => Ok(None),
            Backing::Isolated { equity } => {
                let cash = cash_leg(equity, holding.qty, holding.mark)?;
                liquidation_price(holding.qty, cash, &holding.present_rules())
            }
            Backing::Cross => self.cross_price(self.legs(symbol), &self.pool_totals()?),
        }
    }

    /// The prices of a symbol between which its pool keeps its margin, both ends: what [`Account::liquidation_price`]
    /// takes the nearest of. `None` where no price of this symbol keeps it.
    ///
    /// # Errors
    /// [`MarginError::Unknown`], [`MarginError::NotApplicable`] without a cross position, [`MarginError::Number`].
    pub fn cross_safe_range(&self, symbol: &Symbol) -> Result<Option<SafeRange>, MarginError> {
        let legs = self.legs(symbol);
        if legs.is_empty() {
            return Err(MarginError::Unknown { what: "position", name: symbol.clone() });
        }
        let (cash, legs) = self.cross_legs(legs, &self.pool_totals()?)?.ok_or(MarginError::NotApplicable(
            "the cross liquidation price of a symbol that is flat in cross",
        ))?;
        safe_range(&legs, cash)
    }

    fn cross_price(&self, legs: &[Holding<'a>], totals: &[PoolTotals]) -> Result<Option<Price>, MarginError> {
        let mut held = legs.iter().filter(|leg| leg.is_cross() && !leg.is_flat());
        match (held.next(), held.next()) {
            // One-way mode, without the list of legs.
            (Some(leg), None) => {
                let cash = self.others_cash(leg, totals)?;
                let cash = cash.minus(leg.value()?)?.plus(leg.maintenance_margin()?)?;
                liquidation_price(leg.qty, cash, &leg.present_rules())
            }
            (Some(leg), Some(_)) => {
                let Some((cash, legs)) = self.cross_legs(legs, totals)? else { return Ok(None) };
                safe_range(&legs, cash)?.map_or(Ok(None), |range| range.nearest(leg.mark))
            }
            (None, _) => Ok(None),
        }
    }

    /// The cash leg behind a symbol's cross legs, and those.
    fn cross_legs(
        &self,
        legs: &[Holding<'a>],
        totals: &[PoolTotals],
    ) -> Result<Option<(Usd, Vec<Leg<'a>>)>, MarginError> {
        let mut cash = None;
        let mut list = Vec::with_capacity(legs.len());
        for leg in legs.iter().filter(|leg| leg.is_cross() && !leg.is_flat()) {
            let before = match cash {
                None => self.others_cash(leg, totals)?,
                Some(before) => before,
            };
            cash = Some(before.minus(leg.value()?)?.plus(leg.maintenance_margin()?)?);
            list.push(Leg { qty: leg.qty, rules: leg.present_rules() });
        }
        Ok(cash.map(|cash| (cash, list)))
    }

    /// Equity less all maintenance of the pool; the symbol's own is added back leg by leg.
    fn others_cash(&self, leg: &Holding<'a>, totals: &[PoolTotals]) -> Result<Usd, MarginError> {
        let totals = totals
            .get(self.pool_index(&leg.pool)?)
            .ok_or_else(|| MarginError::Unknown { what: "pool", name: leg.pool.0.clone() })?;
        Ok(totals.equity.minus(totals.maintenance_margin)?)
    }
}
