//! Numbers as the venue takes them. Nothing is rounded: what does not fit is refused.

use evenkeel_types::Decimal;

use super::SignError;

const MAX_DECIMALS: u32 = 8;
const USD_DECIMALS: u32 = 6;

fn refused(value: &Decimal, problem: &'static str) -> SignError {
    SignError::Number { value: value.normalize().to_string(), problem }
}

/// A price, size or amount as text: plain digits, no trailing zeros, `0` without a sign.
///
/// The venue normalises numbers before it hashes an action: a trailing zero would make it recover another signer.
///
/// ```
/// use evenkeel_hyperliquid::sign::wire_number;
/// use evenkeel_types::parse_decimal;
///
/// assert_eq!(wire_number(&parse_decimal("price", "100.0")?)?, "100");
/// assert!(wire_number(&parse_decimal("size", "0.123456789")?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SignError::Number`] for more than 8 decimals.
pub fn wire_number(value: &Decimal) -> Result<String, SignError> {
    if value.is_zero() {
        return Ok("0".to_owned());
    }
    let value = value.normalize();
    if value.scale() > MAX_DECIMALS {
        return Err(refused(&value, "the venue takes at most 8 decimals"));
    }
    Ok(value.to_string())
}

/// An amount of USDC in millionths, as margin and transfer actions have it.
///
/// ```
/// use evenkeel_hyperliquid::sign::usd_micros;
/// use evenkeel_types::parse_decimal;
///
/// assert_eq!(usd_micros(&parse_decimal("margin", "-12.5")?)?, -12_500_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`SignError::Number`] for more than 6 decimals, and beyond 64 bits.
pub fn usd_micros(value: &Decimal) -> Result<i64, SignError> {
    scaled_integer(value, USD_DECIMALS)
}

/// A number times `10^decimals`, which must be whole.
///
/// # Errors
/// [`SignError::Number`] for more decimals than that, and beyond 64 bits.
pub fn scaled_integer(value: &Decimal, decimals: u32) -> Result<i64, SignError> {
    let plain = value.normalize();
    let zeros =
        decimals.checked_sub(plain.scale()).ok_or_else(|| refused(value, "it has too many decimals"))?;
    10_i128
        .checked_pow(zeros)
        .and_then(|power| plain.mantissa().checked_mul(power))
        .and_then(|scaled| i64::try_from(scaled).ok())
        .ok_or_else(|| refused(value, "it is beyond what 64 bits hold"))
}
