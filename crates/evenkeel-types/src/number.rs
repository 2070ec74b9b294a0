//! Checked decimal newtypes: a price is not a quantity, and nothing overflows silently.
//!
//! Every number is a [`Decimal`] inside. Construction checks the value's range, arithmetic returns a
//! [`NumberError`] instead of panicking, and the text form is always a plain decimal string without trailing
//! zeros, so that equal values have equal text (plans are hashed over it).

use core::fmt;
use core::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a number was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// The result does not fit 96 bits, or a division by zero was asked for.
    #[error("arithmetic overflow in {0}")]
    Overflow(&'static str),
    /// A value outside what its type allows.
    #[error("{what} must be {allowed}, not {value}")]
    Range {
        /// The kind of number.
        what: &'static str,
        /// The value that was given.
        value: Decimal,
        /// What is allowed, in words.
        allowed: &'static str,
    },
    /// Text that is no plain decimal number.
    #[error("{what} is not a decimal number: `{text}` (write it like 0.5, without exponent)")]
    Text {
        /// The kind of number.
        what: &'static str,
        /// The text that was given, cut to 40 characters.
        text: alloc::string::String,
    },
}

/// Checked arithmetic on bare decimals, for formulas that mix units.
///
/// ```
/// use evenkeel_types::{Decimal, Exact};
/// # fn main() -> Result<(), evenkeel_types::NumberError> {
/// let fee = Decimal::from(200).times("0.00045".parse::<evenkeel_types::Rate>()?.get())?;
/// assert_eq!(fee.to_string(), "0.09000");
/// assert!(Decimal::MAX.plus(Decimal::ONE).is_err());
/// # Ok(())
/// # }
/// ```
pub trait Exact: Sized {
    /// `self + other`.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    fn plus(self, other: Self) -> Result<Self, NumberError>;
    /// `self - other`.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    fn minus(self, other: Self) -> Result<Self, NumberError>;
    /// `self * other`, rounded half to even only beyond 28 decimals.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    fn times(self, other: Self) -> Result<Self, NumberError>;
    /// `self / other`, to 28 significant digits.
    ///
    /// # Errors
    /// [`NumberError::Overflow`], also for division by zero.
    fn over(self, other: Self) -> Result<Self, NumberError>;
}

impl Exact for Decimal {
    fn plus(self, other: Self) -> Result<Self, NumberError> {
        self.checked_add(other).ok_or(NumberError::Overflow("addition"))
    }
    fn minus(self, other: Self) -> Result<Self, NumberError> {
        self.checked_sub(other).ok_or(NumberError::Overflow("subtraction"))
    }
    fn times(self, other: Self) -> Result<Self, NumberError> {
        self.checked_mul(other).ok_or(NumberError::Overflow("multiplication"))
    }
    fn over(self, other: Self) -> Result<Self, NumberError> {
        self.checked_div(other).ok_or(NumberError::Overflow("division"))
    }
}

/// Reads a plain decimal: optional sign, digits, optional fraction; no exponent, no separators.
/// Digits beyond what 96 bits hold are an error, never rounded away.
///
/// # Errors
/// [`NumberError::Text`] naming `what`.
pub fn parse_decimal(what: &'static str, text: &str) -> Result<Decimal, NumberError> {
    let refused = || NumberError::Text { what, text: text.chars().take(40).collect() };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
        && !digits.starts_with('.')
        && !digits.ends_with('.');
    if !plain {
        return Err(refused());
    }
    // Trailing zeros carry no value but can exceed what `from_str_exact` holds.
    let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    let value = Decimal::from_str_exact(trimmed).map_err(|_| refused())?;
    Ok(if value.is_zero() { Decimal::ZERO } else { value })
}

/// Serialises a bare [`Decimal`] as its canonical string and reads strings or JSON integers, never floats.
///
/// Use it as `#[serde(with = "evenkeel_types::decimal_text")]` on fields of your own types.
pub mod decimal_text {
    use super::{Decimal, Deserializer, Serializer, de, fmt, parse_decimal};

    /// Writes the canonical text.
    ///
    /// # Errors
    /// Those of the serialiser.
    pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&value.normalize())
    }

    struct Text;
    impl de::Visitor<'_> for Text {
        type Value = Decimal;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a decimal written as a string, like \"0.5\"")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
            parse_decimal("value", text).map_err(E::custom)
        }
        fn visit_u64<E: de::Error>(self, value: u64) -> Result<Decimal, E> {
            Ok(Decimal::from(value))
        }
        fn visit_i64<E: de::Error>(self, value: i64) -> Result<Decimal, E> {
            Ok(Decimal::from(value))
        }
    }

    /// The same for an optional value; `None` is null.
    ///
    /// Use it as `#[serde(with = "evenkeel_types::decimal_text::optional")]`.
    pub mod optional {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        use super::Decimal;

        #[derive(Serialize, Deserialize)]
        struct Text(#[serde(with = "super")] Decimal);

        /// Writes the canonical text, or null.
        ///
        /// # Errors
        /// Those of the serialiser.
        pub fn serialize<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
            value.map(Text).serialize(serializer)
        }

        /// Reads a string, an integer, or null.
        ///
        /// # Errors
        /// Those of the required form.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
            Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
        }
    }

    /// Reads a string or an integer.
    ///
    /// # Errors
    /// A float or any other type is refused: its digits may already be lost.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $what:literal, $allowed:literal, |$v:ident| $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Decimal);

        impl $name {
            #[doc = concat!("Checks that the value is ", $allowed, ".")]
            ///
            /// # Errors
            /// [`NumberError::Range`] otherwise.
            pub fn new(value: impl Into<Decimal>) -> Result<Self, NumberError> {
                let $v: Decimal = value.into();
                if $ok {
                    // A negative zero would print and hash differently from zero.
                    Ok(Self(if $v.is_zero() { Decimal::ZERO } else { $v }))
                } else {
                    Err(NumberError::Range { what: $what, value: $v, allowed: $allowed })
                }
            }

            /// The bare decimal.
            #[must_use]
            pub const fn get(self) -> Decimal {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.normalize())
            }
        }

        impl fmt::Display for $name {
            /// Plain decimal without trailing zeros. `{:.2}` pads and rounds half away from zero for reading;
            /// it is never used for what is sent.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match f.precision() {
                    None => f.pad(&alloc::format!("{}", self.0.normalize())),
                    Some(places) => {
                        let places = u32::try_from(places).unwrap_or(28).min(28);
                        f.pad_display(&crate::round::for_reading(self.0, places))
                    }
                }
            }
        }

        impl FromStr for $name {
            type Err = NumberError;
            fn from_str(text: &str) -> Result<Self, NumberError> {
                Self::new(parse_decimal($what, text)?)
            }
        }

        impl TryFrom<Decimal> for $name {
            type Error = NumberError;
            fn try_from(value: Decimal) -> Result<Self, NumberError> {
                Self::new(value)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                decimal_text::serialize(&self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(decimal_text::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

/// `Formatter::pad` truncates at the precision; this pads without cutting.
trait PadDisplay {
    fn pad_display(&mut self, text: &str) -> fmt::Result;
}

impl PadDisplay for fmt::Formatter<'_> {
    fn pad_display(&mut self, text: &str) -> fmt::Result {
        use fmt::{Alignment, Write as _};
        let missing = self.width().unwrap_or(0).saturating_sub(text.len());
        let (before, after) = match self.align() {
            Some(Alignment::Left) | None => (0, missing),
            Some(Alignment::Right) => (missing, 0),
            Some(Alignment::Center) => (missing / 2, missing.div_ceil(2)),
        };
        let fill = self.fill();
        for _ in 0..before {
            self.write_char(fill)?;
        }
        self.write_str(text)?;
        for _ in 0..after {
            self.write_char(fill)?;
        }
        Ok(())
    }
}

number!(
    /// A price in quote currency per base unit; always above zero.
    ///
    /// ```
    /// use evenkeel_types::{Price, Qty};
    /// # fn main() -> Result<(), evenkeel_types::NumberError> {
    /// let mark: Price = "166.4".parse()?;
    /// let held: Qty = "-0.9".parse()?;
    /// assert_eq!(mark.value(held)?.to_string(), "-149.76");
    /// assert!("0".parse::<Price>().is_err());
    /// # Ok(())
    /// # }
    /// ```
    Price, "price", "above zero", |v| v > Decimal::ZERO
);
number!(
    /// A quantity in base units (1 = one coin). Signed where a position is meant: negative is short.
    Qty, "quantity", "a number", |_v| true
);
number!(
    /// An amount of quote or collateral currency (USDC, USDT); signed.
    Usd, "amount", "a number", |_v| true
);
number!(
    /// A leverage of at least 1. Fractional values are valid; an instrument's `leverage_step` says which a
    /// venue accepts.
    Leverage, "leverage", "at least 1", |v| v >= Decimal::ONE
);
number!(
    /// A share of the book as a fraction, signed: -0.25 is a quarter of the gross, short.
    Weight, "weight", "between -1 and 1", |v| v.abs() <= Decimal::ONE
);
number!(
    /// A dimensionless fraction such as a fee or maintenance-margin rate: 0.00045 is 0.045 %. Signed: a maker
    /// rebate and a funding rate can be negative.
    Rate, "rate", "a fraction above -1 and at most 1", |v| v > Decimal::NEGATIVE_ONE && v <= Decimal::ONE
);

impl Price {
    /// Signed quote value of `qty` at this price: `price * qty`.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    pub fn value(self, qty: Qty) -> Result<Usd, NumberError> {
        Usd::new(self.0.times(qty.0)?)
    }

    /// How much of the base `amount` buys: `amount / price`, unrounded (28 digits). Signed like `amount`.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    pub fn quantity(self, amount: Usd) -> Result<Qty, NumberError> {
        Qty::new(amount.0.over(self.0)?)
    }
}

macro_rules! additive {
    ($name:ident) => {
        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(Decimal::ZERO);

            /// Sum.
            ///
            /// # Errors
            /// [`NumberError::Overflow`].
            pub fn plus(self, other: Self) -> Result<Self, NumberError> {
                Self::new(self.0.plus(other.0)?)
            }

            /// Difference.
            ///
            /// # Errors
            /// [`NumberError::Overflow`].
            pub fn minus(self, other: Self) -> Result<Self, NumberError> {
                Self::new(self.0.minus(other.0)?)
            }

            /// This value times a bare factor.
            ///
            /// # Errors
            /// [`NumberError::Overflow`].
            pub fn times(self, factor: Decimal) -> Result<Self, NumberError> {
                Self::new(self.0.times(factor)?)
            }

            /// Size without sign.
            #[must_use]
            pub fn abs(self) -> Self {
                Self(self.0.abs())
            }

            /// The same size with the other sign.
            #[must_use]
            pub fn negated(self) -> Self {
                // Zero keeps its sign positive: see `new`.
                if self.0.is_zero() { self } else { Self(Decimal::ZERO.saturating_sub(self.0)) }
            }

            /// Whether it is exactly zero.
            #[must_use]
            pub fn is_zero(self) -> bool {
                self.0.is_zero()
            }

            /// Whether it is below zero.
            #[must_use]
            pub fn is_negative(self) -> bool {
                self.0 < Decimal::ZERO
            }

            /// Whether it is above zero.
            #[must_use]
            pub fn is_positive(self) -> bool {
                self.0 > Decimal::ZERO
            }

            /// Sum of many, in the order given.
            ///
            /// # Errors
            /// [`NumberError::Overflow`].
            pub fn sum(values: impl IntoIterator<Item = Self>) -> Result<Self, NumberError> {
                values.into_iter().try_fold(Self::ZERO, Self::plus)
            }
        }
    };
}
additive!(Qty);
additive!(Usd);

impl Leverage {
    /// One: no leverage.
    pub const ONE: Self = Self(Decimal::ONE);

    /// Initial margin that `notional` needs: `|notional| / leverage`.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    pub fn margin(self, notional: Usd) -> Result<Usd, NumberError> {
        Usd::new(notional.0.abs().over(self.0)?)
    }

    /// Whether this is a whole multiple of `step` (1 on most venues, 0.01 on Bybit).
    #[must_use]
    pub fn fits(self, step: Decimal) -> bool {
        step > Decimal::ZERO && self.0.checked_rem(step).is_some_and(|rest| rest.is_zero())
    }
}

impl Rate {
    /// Zero.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// This share of an amount.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    pub fn of(self, amount: Usd) -> Result<Usd, NumberError> {
        amount.times(self.0)
    }
}

impl Weight {
    /// A weight given in percent: 50 is a half.
    ///
    /// # Errors
    /// [`NumberError::Range`] outside -100..=100.
    pub fn percent(percent: impl Into<Decimal>) -> Result<Self, NumberError> {
        Self::new(percent.into().over(Decimal::ONE_HUNDRED)?)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn text_is_canonical_and_round_trips() {
        for (text, canonical) in [
            ("1.50", "1.5"),
            ("-0.0", "0"),
            ("100", "100"),
            ("0.00001231", "0.00001231"),
            ("7.0000000000000000000000000000000000", "7"),
            ("00.5", "0.5"),
        ] {
            let value: Usd = text.parse().unwrap();
            assert_eq!(value.to_string(), canonical, "{text}");
            assert_eq!(value.to_string().parse::<Usd>().unwrap(), value);
        }
    }

    #[test]
    fn what_is_no_plain_decimal_is_refused() {
        for text in ["", "-", ".5", "5.", "1e5", "1_000", "1,5", "+1", "NaN", " 1", "1.2.3", "--1"] {
            assert!(text.parse::<Usd>().is_err(), "{text:?}");
        }
        // More digits than 96 bits hold: an error, not a rounded value.
        assert!("0.12345678901234567890123456789012345".parse::<Usd>().is_err());
    }

    #[test]
    fn ranges_name_the_value() {
        let error = Leverage::new(Decimal::ZERO).unwrap_err().to_string();
        assert_eq!(error, "leverage must be at least 1, not 0");
        assert!(Price::new(0).is_err());
        assert!(Weight::percent(101).is_err());
        assert!(Leverage::new(3).unwrap().fits(Decimal::ONE));
        assert!(!"1.5".parse::<Leverage>().unwrap().fits(Decimal::ONE));
    }

    #[test]
    fn precision_is_for_reading() {
        let value: Usd = "149.755".parse().unwrap();
        assert_eq!(format!("{value:.2}"), "149.76");
        assert_eq!(format!("{value:>9.1}"), "    149.8");
        assert_eq!(format!("{:.2}", Usd::new(5).unwrap()), "5.00");
    }

    #[test]
    fn floats_are_refused_and_integers_accepted() {
        assert!(serde_json::from_str::<Usd>("1.5").is_err());
        assert_eq!(serde_json::from_str::<Usd>("15").unwrap(), Usd::new(15).unwrap());
        assert_eq!(serde_json::from_str::<Usd>("\"1.50\"").unwrap().to_string(), "1.5");
        assert_eq!(serde_json::to_string(&"1.50".parse::<Usd>().unwrap()).unwrap(), "\"1.5\"");
    }
}
