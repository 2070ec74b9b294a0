//! The figures of one position. Amounts are in quote currency, ratios are fractions.

use evenkeel_types::{Decimal, Exact, Leverage, Price, Qty, Usd};

use crate::error::MarginError;
use crate::rules::MarginRules;

/// Value without sign at a price: `N = |q| * price`, in quote currency.
///
/// # Errors
/// [`MarginError::Number`].
pub fn notional(qty: Qty, price: Price) -> Result<Usd, MarginError> {
    Ok(price.value(qty.abs())?)
}

/// Initial margin: `N / L`, with `L` the leverage *setting*; the sign of `notional` does not matter.
///
/// Venues differ in the price that `N` is taken at: mark on Binance, Hyperliquid and (cross) Bybit, entry on BingX
/// and for isolated positions on Bybit. The caller chooses by the notional that is passed.
///
/// # Errors
/// [`MarginError::Number`].
///
/// ```
/// use evenkeel_types::{Leverage, Usd};
/// # fn main() -> Result<(), evenkeel_margin::MarginError> {
/// let margin = evenkeel_margin::initial_margin(Usd::new(1200)?, Leverage::new(5)?)?;
/// assert_eq!(margin, Usd::new(240)?);
/// # Ok(())
/// # }
/// ```
pub fn initial_margin(notional: Usd, leverage: Leverage) -> Result<Usd, MarginError> {
    Ok(leverage.margin(notional)?)
}

/// Maintenance margin: `N * (rate_k + liquidation_fee) - deduction_k` with the tier `k` at `N = |notional|`.
///
/// Mirrors Binance (*Leverage and Margin*, `cum`), Bybit (*Maintenance margin*, `mmDeduction`), BingX (support
/// article 11263312123407, `maintAmount`) and Hyperliquid (*Margin tiers*). A table whose first deduction is above
/// zero gives a negative value below `deduction / rate`; it is returned as the formula has it.
///
/// # Errors
/// [`MarginError::Number`].
pub fn maintenance_margin(notional: Usd, rules: &MarginRules<'_>) -> Result<Usd, MarginError> {
    let notional = notional.abs();
    let tier = rules.tier_at(notional);
    Ok(notional.times(rules.rate(&tier)?)?.minus(tier.deduction)?)
}

/// `maintenance / equity`: at 1 the pool or bucket is liquidated.
///
/// # Errors
/// [`MarginError::NotApplicable`] without equity above zero: there is no ratio then, and liquidation is due.
pub fn margin_ratio(maintenance: Usd, equity: Usd) -> Result<Decimal, MarginError> {
    if !equity.is_positive() {
        return Err(MarginError::NotApplicable("the margin ratio of something without equity"));
    }
    Ok(maintenance.get().over(equity.get())?)
}

/// `|notional| / equity`: of a bucket with its own notional, of an account with its gross. Below 1 is possible, so
/// it is a bare number and not a [`Leverage`].
///
/// # Errors
/// [`MarginError::NotApplicable`] without equity above zero.
pub fn effective_leverage(notional: Usd, equity: Usd) -> Result<Decimal, MarginError> {
    if !equity.is_positive() {
        return Err(MarginError::NotApplicable("the leverage of something without equity"));
    }
    Ok(notional.abs().get().over(equity.get())?)
}

/// The largest notional that may be held at a leverage setting; `None` where nothing limits it, zero when every
/// tier forbids the leverage. At a tier's floor the tier above applies already: that bound is exclusive.
#[must_use]
pub fn max_notional(leverage: Leverage, rules: &MarginRules<'_>) -> Option<Usd> {
    let forbidding = rules.tiers().iter().find(|tier| tier.max_leverage < leverage);
    forbidding.map_or(rules.cap(), |tier| Some(tier.notional_floor))
}

/// The highest leverage that may be set at a notional (without sign).
///
/// # Errors
/// [`MarginError::NotApplicable`] above the largest notional that is allowed at all.
pub fn max_leverage(notional: Usd, rules: &MarginRules<'_>) -> Result<Leverage, MarginError> {
    let notional = notional.abs();
    if rules.cap().is_some_and(|cap| notional > cap) {
        return Err(MarginError::NotApplicable("a notional above the largest that the venue allows"));
    }
    Ok(rules.tier_at(notional).max_leverage)
}

/// Unrealised profit at a price: `q * (price - entry)`, in quote currency, `q` signed.
///
/// # Errors
/// [`MarginError::Number`].
pub fn unrealised_pnl(qty: Qty, entry: Price, price: Price) -> Result<Usd, MarginError> {
    Ok(Usd::new(qty.get().times(price.get().minus(entry.get())?)?)?)
}

/// The price at which the equity behind a position is zero: `-cash / q`, with
/// [`cash`](crate::cash_leg) `= equity - q * mark`. `None` where no price above zero does it, and for a flat position.
///
/// The same as `entry - side * (wallet + others' profit) / |q|` (derived from Binance's definitions) and, for a
/// fresh isolated position, Bybit's `entry * (1 -/+ 1/L)` (*Bankruptcy Price (USDT Contract)*).
///
/// # Errors
/// [`MarginError::Number`].
pub fn bankruptcy_price(qty: Qty, cash: Usd) -> Result<Option<Price>, MarginError> {
    if qty.is_zero() {
        return Ok(None);
    }
    Ok(positive(cash.negated().get().over(qty.get())?))
}

/// How far the mark is from the liquidation price, as a signed fraction of the mark: `(liquidation - mark) / mark`.
/// -0.2 says that a fall of 20 % liquidates. For a long a value above zero (for a short: below) says that the
/// mark has passed it already.
///
/// # Errors
/// [`MarginError::Number`].
pub fn distance_to_liquidation(mark: Price, liquidation: Price) -> Result<Decimal, MarginError> {
    Ok(liquidation.get().minus(mark.get())?.over(mark.get())?)
}

/// The inverse of [`distance_to_liquidation`]: `mark * (1 + distance)`.
///
/// # Errors
/// [`MarginError::Number`], also for a distance of -1 or below, which no price has.
pub fn price_at_distance(mark: Price, distance: Decimal) -> Result<Price, MarginError> {
    Ok(Price::new(mark.get().times(Decimal::ONE.plus(distance)?)?)?)
}

/// A price where the value is one.
pub(crate) fn positive(value: Decimal) -> Option<Price> {
    Price::new(value).ok()
}
