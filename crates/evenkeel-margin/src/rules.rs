//! What a position needs: tiers, or the one tier that a venue fixed for it, and the closing fee counted with them.

use core::slice;

use evenkeel_types::{Decimal, Exact, Instrument, Leverage, MarginTier, Rate, Tiers, Usd};

use crate::error::MarginError;

/// The margin rules of one position: a tier table by reference, or a single known tier, plus the liquidation fee
/// that some venues add to every maintenance rate. Cheap to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarginRules<'a> {
    source: Source<'a>,
    liquidation_fee: Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source<'a> {
    Table(&'a Tiers),
    Fixed(MarginTier),
}

impl<'a> MarginRules<'a> {
    /// By notional, from a table.
    #[must_use]
    pub fn new(tiers: &'a Tiers, liquidation_fee: Rate) -> Self {
        Self { source: Source::Table(tiers), liquidation_fee }
    }

    /// Those of an instrument, for a position without a maximum leverage of its own.
    #[must_use]
    pub fn of(instrument: &'a Instrument) -> Self {
        Self::new(&instrument.tiers, instrument.liquidation_fee)
    }

    /// One tier whatever the notional: where the tier that applies is already known.
    #[must_use]
    pub fn fixed(tier: MarginTier, liquidation_fee: Rate) -> Self {
        Self { source: Source::Fixed(tier), liquidation_fee }
    }

    /// The rules of a position whose maximum leverage the venue states: flat at [`maintenance_rate`] of it when
    /// it is stated ([`Position::max_leverage`](evenkeel_types::Position::max_leverage)), else the instrument's.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn for_position(
        instrument: &'a Instrument,
        max_leverage: Option<Leverage>,
    ) -> Result<Self, MarginError> {
        Ok(match max_leverage {
            None => Self::of(instrument),
            Some(leverage) => Self::fixed(flat_tier(leverage)?, instrument.liquidation_fee),
        })
    }

    /// The tiers, ascending; never empty.
    #[must_use]
    pub fn tiers(&self) -> &[MarginTier] {
        match &self.source {
            Source::Table(tiers) => tiers.as_slice(),
            Source::Fixed(tier) => slice::from_ref(tier),
        }
    }

    /// The tier that a notional (without sign) falls in; floors are inclusive.
    #[must_use]
    pub fn tier_at(&self, notional: Usd) -> MarginTier {
        match &self.source {
            Source::Table(tiers) => tiers.at(notional),
            Source::Fixed(tier) => *tier,
        }
    }

    /// Added to the maintenance rate of every tier.
    #[must_use]
    pub fn liquidation_fee(&self) -> Rate {
        self.liquidation_fee
    }

    /// The largest notional that is allowed at any leverage, where there is one.
    #[must_use]
    pub fn cap(&self) -> Option<Usd> {
        match &self.source {
            Source::Table(tiers) => tiers.cap(),
            Source::Fixed(_) => None,
        }
    }

    /// `maintenance rate + liquidation fee` of a tier.
    pub(crate) fn rate(&self, tier: &MarginTier) -> Result<Decimal, MarginError> {
        Ok(tier.maintenance_rate.get().plus(self.liquidation_fee.get())?)
    }
}

/// Maintenance rate where a venue asks for half of the initial margin at the maximum leverage:
/// `rate = 1 / (2 * max_leverage)`, a fraction of the notional.
///
/// Mirrors Hyperliquid's *Margining* page (40x gives 1.25 %, 3x gives 16.67 %); it depends on the tier's maximum,
/// not on the user's setting.
///
/// # Errors
/// [`MarginError::Number`] for a leverage that cannot be doubled.
///
/// ```
/// use evenkeel_margin::maintenance_rate;
/// use evenkeel_types::Leverage;
/// # fn main() -> Result<(), evenkeel_margin::MarginError> {
/// assert_eq!(maintenance_rate(Leverage::new(40)?)?.to_string(), "0.0125");
/// # Ok(())
/// # }
/// ```
pub fn maintenance_rate(max_leverage: Leverage) -> Result<Rate, MarginError> {
    Ok(Rate::new(Decimal::ONE.over(max_leverage.get().times(Decimal::TWO)?)?)?)
}

/// The tier of a position with a maximum leverage of its own.
pub(crate) fn flat_tier(max_leverage: Leverage) -> Result<MarginTier, MarginError> {
    Ok(MarginTier {
        notional_floor: Usd::ZERO,
        max_leverage,
        maintenance_rate: maintenance_rate(max_leverage)?,
        deduction: Usd::ZERO,
    })
}
