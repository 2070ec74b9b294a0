//! Liquidation prices: where `equity(p) = maintenance(p)`.
//!
//! With `cash` = equity minus the position's value, equity at a price is `cash + q * p`. Maintenance is piecewise
//! linear and convex in the notional, so what is left, `h(p) = cash + q * p - maintenance(|q| * p)`, is concave:
//! it is above zero on at most one range of prices.

use evenkeel_types::{Decimal, Exact, MarginTier, Price, Qty, Usd};

use crate::error::MarginError;
use crate::figures::positive;
use crate::rules::MarginRules;

/// The cash leg behind a position: `equity - q * mark`, with `equity` that of the bucket (isolated), or of the pool
/// less the maintenance margin of its *other* positions (cross).
///
/// It does not change with the mark, which is why an isolated liquidation price does not either. Hyperliquid calls
/// it `rawUsd`; from wallet and entry prices it is [`formulas::entry_cash`](crate::formulas::entry_cash).
///
/// # Errors
/// [`MarginError::Number`].
pub fn cash_leg(equity: Usd, qty: Qty, mark: Price) -> Result<Usd, MarginError> {
    Ok(equity.minus(mark.value(qty)?)?)
}

/// The liquidation price of a position: `(cash + deduction_k) / (|q| * (rate_k + fee) - q)`, with the tier `k`
/// that its own result lies in. Quote currency per base unit, unrounded (28 digits).
///
/// `cash` is that of [`cash_leg`]; for cross, equity is that of the pool less the maintenance margin of its other
/// positions (whose marks are held constant), and hedge legs need [`safe_range`]. Mirrors Hyperliquid
/// (*Liquidations*), Binance (FAQ b3c689c1f50a44cabb3a84e663b81d93) and, with the fee in `rules`, BingX.
///
/// `None` means that no price above zero is the boundary: a long whose cash covers it to zero, a short that is below
/// maintenance at every price (compare equity with maintenance to tell them apart), a flat position. The root is
/// returned as well when the mark has passed it: above the mark for a long, below it for a short.
///
/// At a tier's floor the upper tier applies. Where a venue publishes rounded deductions, maintenance jumps a little
/// at a floor and several prices can qualify: the one that is reached first is taken (the highest for a long, the
/// lowest for a short; the floor itself if the jump crosses zero).
///
/// # Errors
/// [`MarginError::Number`].
///
/// ```
/// use evenkeel_margin::{MarginRules, cash_leg, liquidation_price, maintenance_rate};
/// use evenkeel_types::{Leverage, Price, Qty, Rate, Tiers, Usd};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let max = Leverage::new(40)?;
/// let tiers = Tiers::flat(max, maintenance_rate(max)?)?;
/// let rules = MarginRules::new(&tiers, Rate::ZERO);
/// let (qty, mark): (Qty, Price) = ("0.1".parse()?, "60000".parse()?);
/// let price = liquidation_price(qty, cash_leg(Usd::new(1000)?, qty, mark)?, &rules)?;
/// assert_eq!(price.map(|p| format!("{p:.5}")).as_deref(), Some("50632.91139"));
/// # Ok(())
/// # }
/// ```
pub fn liquidation_price(qty: Qty, cash: Usd, rules: &MarginRules<'_>) -> Result<Option<Price>, MarginError> {
    price_at_margin_ratio(qty, cash, rules, Decimal::ONE)
}

/// The price at which `maintenance = ratio * equity`: [`liquidation_price`] is that of ratio 1, and Hyperliquid's
/// backstop (equity below two thirds of maintenance) that of 1.5. `None` where no price above zero has it.
///
/// # Errors
/// [`MarginError::InvalidInput`] for a ratio that is not above zero, [`MarginError::Number`].
pub fn price_at_margin_ratio(
    qty: Qty,
    cash: Usd,
    rules: &MarginRules<'_>,
    ratio: Decimal,
) -> Result<Option<Price>, MarginError> {
    if ratio <= Decimal::ZERO {
        return Err(MarginError::InvalidInput { what: "margin ratio", allowed: "above zero" });
    }
    if qty.is_zero() {
        return Ok(None);
    }
    let short = qty.is_negative();
    let problem = OneLeg {
        base: if ratio == Decimal::ONE { cash.get() } else { cash.get().times(ratio)? },
        sign: if short { ratio.times(Decimal::NEGATIVE_ONE)? } else { ratio },
        size: qty.abs().get(),
        rules,
    };
    if short { problem.lowest() } else { problem.highest() }
}

/// `h(x) = base + deduction_k + x * (sign - rate_k)` over the notional `x`. Working in notionals needs one division
/// in all, for the result.
struct OneLeg<'r, 't> {
    base: Decimal,
    sign: Decimal,
    size: Decimal,
    rules: &'r MarginRules<'t>,
}

impl OneLeg<'_, '_> {
    fn slope(&self, tier: &MarginTier) -> Result<Decimal, MarginError> {
        Ok(self.sign.minus(self.rules.rate(tier)?)?)
    }

    fn h(&self, tier: &MarginTier, slope: Decimal, notional: Usd) -> Result<Decimal, MarginError> {
        let constant = self.base.plus(tier.deduction.get())?;
        Ok(if notional.is_zero() { constant } else { constant.plus(notional.get().times(slope)?)? })
    }

    fn root(&self, tier: &MarginTier, slope: Decimal) -> Result<Option<Price>, MarginError> {
        let constant = self.base.plus(tier.deduction.get())?;
        let slope = slope.times(self.size);
        let price = slope.and_then(|slope| constant.times(Decimal::NEGATIVE_ONE)?.over(slope));
        match price {
            Ok(price) => Ok(positive(price)),
            // A short so small beside its collateral that no number holds the price is never liquidated. (A long
            // whose price is that high is liquidatable now, and must not read as safe.)
            Err(_) if self.sign < Decimal::ZERO => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn at_floor(&self, floor: Usd) -> Result<Option<Price>, MarginError> {
        Ok(positive(floor.get().over(self.size)?))
    }

    /// For longs: the highest price with `h <= 0` below the prices where `h > 0`.
    fn highest(&self) -> Result<Option<Price>, MarginError> {
        let tiers = self.rules.tiers();
        // A table's deductions are off by at most one unit per tier, and `h` rises inside each: above this nothing
        // below zero can follow.
        let beyond_doubt = Decimal::from(tiers.len());
        let mut found = None;
        for (index, tier) in tiers.iter().enumerate() {
            let slope = self.slope(tier)?;
            let below_zero = self.h(tier, slope, tier.notional_floor)? <= Decimal::ZERO;
            if slope <= Decimal::ZERO {
                // From here on a higher price no longer helps. If it is still needed, none ever will.
                return if below_zero { Ok(None) } else { self.finish(found) };
            }
            let next = index.checked_add(1).and_then(|next| tiers.get(next));
            let end = next.map(|next| self.h(tier, slope, next.notional_floor)).transpose()?;
            if below_zero {
                let crossed = end.is_none_or(|end| end >= Decimal::ZERO);
                found = Some(if crossed { Root::In(tier, slope) } else { Root::Before(next) });
            }
            if end.is_some_and(|end| end > beyond_doubt) {
                break;
            }
        }
        self.finish(found)
    }

    fn finish(&self, found: Option<Root<'_>>) -> Result<Option<Price>, MarginError> {
        match found {
            Some(Root::In(tier, slope)) => self.root(tier, slope),
            Some(Root::Before(Some(next))) => self.at_floor(next.notional_floor),
            Some(Root::Before(None)) | None => Ok(None),
        }
    }

    /// For shorts: the lowest price with `h <= 0`. `h` falls in every tier, so the first one is it.
    fn lowest(&self) -> Result<Option<Price>, MarginError> {
        let tiers = self.rules.tiers();
        for (index, tier) in tiers.iter().enumerate() {
            let slope = self.slope(tier)?;
            if self.h(tier, slope, tier.notional_floor)? <= Decimal::ZERO {
                return self.at_floor(tier.notional_floor);
            }
            let next = index.checked_add(1).and_then(|next| tiers.get(next));
            let last = match next {
                None => true,
                Some(next) => self.h(tier, slope, next.notional_floor)? <= Decimal::ZERO,
            };
            if last {
                return self.root(tier, slope);
            }
        }
        Ok(None)
    }
}

#[derive(Clone, Copy)]
enum Root<'t> {
    /// Inside this tier, with its slope.
    In(&'t MarginTier, Decimal),
    /// The jump at this tier's floor crosses zero.
    Before(Option<&'t MarginTier>),
}

/// One leg of a symbol, or one of several that move together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg<'a> {
    /// Signed size.
    pub qty: Qty,
    /// Its margin rules.
    pub rules: MarginRules<'a>,
}

/// The prices between which the margin holds; at its ends liquidation is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SafeRange {
    /// Liquidation by a falling price; `None`: a fall to zero does no harm.
    pub lower: Option<Price>,
    /// Liquidation by a rising price; `None`: no rise does any harm.
    pub upper: Option<Price>,
}

impl SafeRange {
    /// The end that is nearer to `mark`: what venues print as *the* liquidation price of a hedged symbol.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn nearest(&self, mark: Price) -> Result<Option<Price>, MarginError> {
        let (Some(lower), Some(upper)) = (self.lower, self.upper) else {
            return Ok(self.lower.or(self.upper));
        };
        let down = mark.get().minus(lower.get())?.abs();
        let up = upper.get().minus(mark.get())?.abs();
        Ok(Some(if down <= up { lower } else { upper }))
    }
}

/// The range of prices in which legs that share one price and one equity keep their margin: Binance's hedge mode,
/// where long and short of a symbol have one liquidation price (FAQ b3c689c1f50a44cabb3a84e663b81d93: every leg
/// picks its tier by its own size, and the result can lie above the market for a long).
///
/// `cash` = equity - sum of `q * mark` - maintenance margin of everything else. `None` when the margin holds at no
/// price at all. Rounded deductions move an end by no more than the rounding.
///
/// # Errors
/// [`MarginError::Number`].
pub fn safe_range(legs: &[Leg<'_>], cash: Usd) -> Result<Option<SafeRange>, MarginError> {
    let together = Together { cash: cash.get(), legs: legs.iter().map(|leg| (leg.qty.get(), leg.rules)) };
    Ok(together
        .range()?
        .map(|(lower, upper)| SafeRange { lower: lower.and_then(positive), upper: upper.and_then(positive) }))
}

/// Anything whose legs' notionals are `|size| * t` for a common `t`: a price with sizes, or a factor on all prices
/// with signed notionals.
#[derive(Clone)]
pub(crate) struct Together<I> {
    pub(crate) cash: Decimal,
    pub(crate) legs: I,
}

/// `h(t) = constant + slope * t` around some `t`.
struct Line {
    constant: Decimal,
    slope: Decimal,
}

type Ends = (Option<Decimal>, Option<Decimal>);

impl<'a, I: Iterator<Item = (Decimal, MarginRules<'a>)> + Clone> Together<I> {
    /// Where `h > 0`: Newton's method from both outer ends. `h` is concave, so every step stays outside the range
    /// and lands in a segment nearer to it, and ends after at most as many steps as there are tiers.
    pub(crate) fn range(&self) -> Result<Option<Ends>, MarginError> {
        let Some(lower) = self.lower()? else { return Ok(None) };
        let Some(upper) = self.upper()? else { return Ok(None) };
        // Without jumps and rounding, ends that cross were found to be nowhere above.
        let empty = matches!((lower, upper), (Some(lower), Some(upper)) if lower >= upper);
        Ok(if empty { None } else { Some((lower, upper)) })
    }

    /// `h` at `t`: equity and maintenance in one number.
    pub(crate) fn at(&self, t: Decimal) -> Result<Decimal, MarginError> {
        let line = self.line(Some(t))?;
        Ok(line.constant.plus(line.slope.times(t)?)?)
    }

    /// `None`: nowhere; `Some(None)`: no lower end.
    fn lower(&self) -> Result<Option<Option<Decimal>>, MarginError> {
        let mut line = self.line(Some(Decimal::ZERO))?;
        if line.constant > Decimal::ZERO {
            return Ok(Some(None));
        }
        let mut t = Decimal::ZERO;
        for _ in 0..self.segments() {
            if line.slope <= Decimal::ZERO {
                return Ok(None);
            }
            let next = line.constant.times(Decimal::NEGATIVE_ONE)?.over(line.slope)?;
            if next <= t {
                break;
            }
            t = next;
            line = self.line(Some(t))?;
        }
        Ok(Some(Some(t).filter(|t| *t > Decimal::ZERO)))
    }

    fn upper(&self) -> Result<Option<Option<Decimal>>, MarginError> {
        let mut line = self.line(None)?;
        if line.slope >= Decimal::ZERO {
            return Ok(Some(None));
        }
        let mut t = None;
        for _ in 0..self.segments() {
            if line.slope >= Decimal::ZERO {
                return Ok(None);
            }
            let next = line.constant.over(line.slope.times(Decimal::NEGATIVE_ONE)?)?;
            if next <= Decimal::ZERO {
                return Ok(None);
            }
            if t.is_some_and(|t| next >= t) {
                break;
            }
            t = Some(next);
            line = self.line(t)?;
        }
        Ok(Some(t))
    }

    /// With the tiers at `t`, or the last ones of all (`None`: an endless price).
    fn line(&self, t: Option<Decimal>) -> Result<Line, MarginError> {
        let mut line = Line { constant: self.cash, slope: Decimal::ZERO };
        for (size, rules) in self.legs.clone() {
            let amount = size.abs();
            let tier = match t {
                Some(t) => rules.tier_at(Usd::new(amount.times(t)?)?),
                None => rules.tiers().last().copied().unwrap_or(rules.tier_at(Usd::ZERO)),
            };
            line.constant = line.constant.plus(tier.deduction.get())?;
            line.slope = line.slope.plus(size)?.minus(amount.times(rules.rate(&tier)?)?)?;
        }
        Ok(line)
    }

    /// A bound of the steps: each reaches another tier of some leg, plus the first and the one that confirms.
    fn segments(&self) -> usize {
        self.legs.clone().fold(2, |sum: usize, (_, rules)| sum.saturating_add(rules.tiers().len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_types::{Leverage, Rate, Tiers};

    #[test]
    fn dust_beside_a_fortune_is_never_liquidated_and_no_error() {
        let max = Leverage::new(40).unwrap();
        let tiers = Tiers::flat(max, crate::maintenance_rate(max).unwrap()).unwrap();
        let rules = MarginRules::new(&tiers, Rate::ZERO);
        let dust: Qty = "-0.000000000000000001".parse().unwrap();
        assert_eq!(liquidation_price(dust, "1000000000000".parse().unwrap(), &rules).unwrap(), None);
    }
}
