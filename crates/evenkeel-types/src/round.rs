//! The one place where anything is rounded. Every call names its intent.

use alloc::string::{String, ToString};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::number::{Exact, NumberError, Price, Qty, decimal_text};
use crate::order::Side;

/// Which way a number is rounded, by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Towards minus infinity.
    Down,
    /// Towards plus infinity.
    Up,
    /// So that the order is less likely to trade: a buy lower, a sell higher.
    Passive(Side),
    /// So that the order is more likely to trade: a buy higher, a sell lower.
    Aggressive(Side),
}

impl Round {
    fn strategy(self) -> RoundingStrategy {
        match self {
            Round::Down | Round::Passive(Side::Buy) | Round::Aggressive(Side::Sell) => {
                RoundingStrategy::ToNegativeInfinity
            }
            Round::Up | Round::Passive(Side::Sell) | Round::Aggressive(Side::Buy) => {
                RoundingStrategy::ToPositiveInfinity
            }
        }
    }
}

/// A multiple of `step` next to `value` in the stated direction.
///
/// # Errors
/// [`NumberError::Range`] for a step that is not above zero, [`NumberError::Overflow`].
pub fn to_step(value: Decimal, step: Decimal, round: Round) -> Result<Decimal, NumberError> {
    if step <= Decimal::ZERO {
        return Err(NumberError::Range { what: "step", value: step, allowed: "above zero" });
    }
    let rest = value.checked_rem(step).ok_or(NumberError::Overflow("remainder"))?;
    if rest.is_zero() {
        return Ok(value);
    }
    // `rest` has the sign of `value`: subtracting it goes towards zero.
    let inner = value.minus(rest)?;
    let up = matches!(round.strategy(), RoundingStrategy::ToPositiveInfinity);
    match (up, rest > Decimal::ZERO) {
        (true, true) => inner.plus(step),
        (false, false) => inner.minus(step),
        _ => Ok(inner),
    }
}

/// `value` with at most `places` decimals.
#[must_use]
pub fn to_places(value: Decimal, places: u32, round: Round) -> Decimal {
    value.round_dp_with_strategy(places, round.strategy())
}

/// Text with exactly `places` decimals, half away from zero: for people, never for a venue.
#[must_use]
pub fn for_reading(value: Decimal, places: u32) -> String {
    let mut value = value.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
    value.rescale(places);
    if value.is_zero() {
        value.set_sign_positive(true);
    }
    value.to_string()
}

/// Which prices a venue accepts, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PriceRule {
    /// Multiples of a fixed tick.
    Tick(Price),
    /// At most this many significant figures and decimals (Hyperliquid: 5 and `6 - szDecimals`).
    SignificantFigures {
        /// Significant figures, counted from the first non-zero digit.
        figures: u32,
        /// Decimals, whatever the figures allow.
        max_decimals: u32,
        /// Whether an integer is valid however many digits it has.
        integers_always: bool,
    },
}

impl PriceRule {
    /// The distance between neighbouring valid prices at and just above `price`.
    ///
    /// # Errors
    /// [`NumberError::Overflow`] for rules that no decimal can express.
    pub fn tick_at(&self, price: Price) -> Result<Decimal, NumberError> {
        match self {
            PriceRule::Tick(tick) => Ok(tick.get()),
            PriceRule::SignificantFigures { figures, max_decimals, integers_always } => {
                let places = significant_places(price.get(), *figures)?.min(i64::from(*max_decimals));
                let places = if *integers_always { places.max(0) } else { places };
                power_of_ten(places.checked_neg().ok_or(NumberError::Overflow("exponent"))?)
            }
        }
    }

    /// The nearest valid price in the stated direction.
    ///
    /// # Errors
    /// [`NumberError::Range`] when it would round to zero, [`NumberError::Overflow`].
    ///
    /// ```
    /// use evenkeel_types::{PriceRule, Round, Side};
    /// # fn main() -> Result<(), evenkeel_types::NumberError> {
    /// let rule = PriceRule::SignificantFigures { figures: 5, max_decimals: 4, integers_always: true };
    /// assert_eq!(rule.round("1234.56".parse()?, Round::Aggressive(Side::Buy))?.to_string(), "1234.6");
    /// assert_eq!(rule.round("108628.8".parse()?, Round::Down)?.to_string(), "108628");
    /// # Ok(())
    /// # }
    /// ```
    pub fn round(&self, price: Price, round: Round) -> Result<Price, NumberError> {
        // Rounding up into the next power of ten gives that power, which every rule that has significant
        // figures accepts, so one step is enough.
        Price::new(to_step(price.get(), self.tick_at(price)?, round)?)
    }

    /// Whether the venue accepts this price as it is.
    #[must_use]
    pub fn accepts(&self, price: Price) -> bool {
        self.round(price, Round::Down) == Ok(price)
    }
}

/// How many decimals leave `figures` significant figures in `value`; negative left of the point.
/// Counts digits: a logarithm is off by one at powers of ten.
fn significant_places(value: Decimal, figures: u32) -> Result<i64, NumberError> {
    let value = value.normalize();
    let digits = i64::try_from(value.mantissa().unsigned_abs().to_string().len())
        .map_err(|_| NumberError::Overflow("digits"))?;
    let scale = i64::from(value.scale());
    // Position of the leading digit: 0 for units, -1 for tenths.
    let leading =
        digits.checked_sub(1).and_then(|n| n.checked_sub(scale)).ok_or(NumberError::Overflow("digits"))?;
    i64::from(figures)
        .checked_sub(1)
        .and_then(|n| n.checked_sub(leading))
        .ok_or(NumberError::Overflow("digits"))
}

fn power_of_ten(exponent: i64) -> Result<Decimal, NumberError> {
    let overflow = || NumberError::Overflow("power of ten");
    if exponent <= 0 {
        let scale = exponent.checked_neg().and_then(|n| u32::try_from(n).ok()).ok_or_else(overflow)?;
        Decimal::try_new(1, scale).map_err(|_| overflow())
    } else {
        let exponent = u32::try_from(exponent).map_err(|_| overflow())?;
        let power = 10i128.checked_pow(exponent).ok_or_else(overflow)?;
        Decimal::try_from_i128_with_scale(power, 0).map_err(|_| overflow())
    }
}

/// The smallest step in which a quantity may be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot(#[serde(with = "decimal_text")] Decimal);

impl Lot {
    /// A lot above zero, in base units.
    ///
    /// # Errors
    /// [`NumberError::Range`].
    pub fn new(step: impl Into<Decimal>) -> Result<Self, NumberError> {
        let step = step.into();
        if step <= Decimal::ZERO {
            return Err(NumberError::Range { what: "lot", value: step, allowed: "above zero" });
        }
        Ok(Self(step))
    }

    /// The lot with `decimals` decimals: 2 gives 0.01.
    ///
    /// # Errors
    /// [`NumberError::Overflow`] above 28.
    pub fn decimals(decimals: u32) -> Result<Self, NumberError> {
        Self::new(Decimal::try_new(1, decimals).map_err(|_| NumberError::Overflow("decimals"))?)
    }

    /// The step in base units.
    #[must_use]
    pub const fn get(self) -> Decimal {
        self.0
    }

    /// `qty` as a multiple of the lot, towards zero: what adds risk is never rounded up by accident.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    pub fn toward_zero(self, qty: Qty) -> Result<Qty, NumberError> {
        let round = if qty.is_negative() { Round::Up } else { Round::Down };
        Qty::new(to_step(qty.get(), self.0, round)?)
    }

    /// `qty` as a multiple of the lot, away from zero.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    pub fn away_from_zero(self, qty: Qty) -> Result<Qty, NumberError> {
        let round = if qty.is_negative() { Round::Down } else { Round::Up };
        Qty::new(to_step(qty.get(), self.0, round)?)
    }

    /// Whether `qty` is a multiple of the lot.
    #[must_use]
    pub fn divides(self, qty: Qty) -> bool {
        qty.get().checked_rem(self.0).is_some_and(|rest| rest.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse::<crate::Usd>().unwrap().get()
    }

    #[test]
    fn steps_in_both_directions() {
        for (value, step, down, up) in [
            ("1.23", "0.1", "1.2", "1.3"),
            ("-1.23", "0.1", "-1.3", "-1.2"),
            ("1.2", "0.1", "1.2", "1.2"),
            ("0.04", "0.1", "0", "0.1"),
            ("-0.04", "0.1", "-0.1", "0"),
            ("7", "2.5", "5", "7.5"),
        ] {
            assert_eq!(to_step(d(value), d(step), Round::Down).unwrap(), d(down), "{value} down");
            assert_eq!(to_step(d(value), d(step), Round::Up).unwrap(), d(up), "{value} up");
        }
        assert!(to_step(Decimal::ONE, Decimal::ZERO, Round::Up).is_err());
    }

    /// The venue documentation's own examples (tick-and-lot-size): valid and invalid prices.
    #[test]
    fn hyperliquid_documented_prices() {
        for (sz_decimals, price, valid) in [
            (0, "1234.5", true),
            (0, "1234.56", false),
            (0, "0.001234", true),
            (0, "0.0012345", false),
            (1, "0.01234", true),
            (1, "0.012345", false),
            (1, "123456", true),
            (1, "12345.6", false),
            (5, "100000", true),
            (0, "99999.5", false),
        ] {
            let rule = PriceRule::SignificantFigures {
                figures: 5,
                max_decimals: 6 - sz_decimals,
                integers_always: true,
            };
            assert_eq!(rule.accepts(price.parse().unwrap()), valid, "{price} at szDecimals {sz_decimals}");
        }
    }

    #[test]
    fn rounding_up_may_carry_into_a_power_of_ten() {
        let rule = PriceRule::SignificantFigures { figures: 5, max_decimals: 6, integers_always: true };
        assert_eq!(rule.round("99.9999".parse().unwrap(), Round::Up).unwrap().to_string(), "100");
        assert!(rule.accepts("100".parse().unwrap()));
        // Exactly at a power of ten a logarithm would allow one decimal too many.
        assert!(!rule.accepts("100.001".parse().unwrap()));
        assert!(rule.accepts("100.01".parse().unwrap()));
    }

    #[test]
    fn a_price_that_rounds_to_zero_is_refused() {
        let rule = PriceRule::Tick("0.5".parse().unwrap());
        assert!(rule.round("0.3".parse().unwrap(), Round::Down).is_err());
    }

    proptest::proptest! {
        #[test]
        fn rounded_prices_are_valid_and_on_the_stated_side(
            mantissa in 1i64..=i64::MAX / 2, scale in 0u32..12, figures in 1u32..9, places in 0u32..8, always: bool,
        ) {
            let price = Price::new(Decimal::new(mantissa, scale)).unwrap();
            let rule = PriceRule::SignificantFigures { figures, max_decimals: places, integers_always: always };
            if let Ok(down) = rule.round(price, Round::Down) {
                proptest::prop_assert!(rule.accepts(down), "{down:?}");
                proptest::prop_assert!(down <= price);
            }
            let up = rule.round(price, Round::Up).unwrap();
            proptest::prop_assert!(rule.accepts(up), "{up:?}");
            proptest::prop_assert!(up >= price);
            // Independent oracle: count the digits of the text.
            let text = up.to_string();
            let decimals = text.split_once('.').map_or(0, |(_, f)| f.len());
            proptest::prop_assert!(decimals <= places as usize);
            let significant = text.replace('.', "");
            let significant = significant.trim_start_matches('0');
            let significant = if decimals == 0 { significant.trim_end_matches('0') } else { significant };
            let fine = significant.len() <= figures as usize || (always && decimals == 0);
            proptest::prop_assert!(fine, "{text}");
        }

        #[test]
        fn lots_divide_and_bracket(mantissa: i64, scale in 0u32..10, lot in 1i64..100_000, lot_scale in 0u32..8) {
            let qty = Qty::new(Decimal::new(mantissa, scale)).unwrap();
            let lot = Lot::new(Decimal::new(lot, lot_scale)).unwrap();
            let inner = lot.toward_zero(qty).unwrap();
            let outer = lot.away_from_zero(qty).unwrap();
            proptest::prop_assert!(lot.divides(inner) && lot.divides(outer));
            proptest::prop_assert!(inner.abs() <= qty.abs() && qty.abs() <= outer.abs());
            proptest::prop_assert!(outer.abs().minus(inner.abs()).unwrap().get() <= lot.get());
        }
    }
}
