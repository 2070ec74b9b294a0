//! Numbers as the venue reads and prints them.

use evenkeel_types::round::to_places;
use evenkeel_types::{Decimal, Round, parse_decimal};

/// Decimals of amounts of USDC.
const USD_PLACES: u32 = 6;
/// Decimals of liquidation prices and returns.
const FINE_PLACES: u32 = 8;
/// The most decimals that a number in an action may have.
const WIRE_PLACES: u32 = 8;

/// As the venue prints it: without trailing zeros, but with one decimal at least.
pub(crate) fn text(value: Decimal) -> String {
    let value = value.normalize();
    if value.is_zero() {
        return "0.0".to_owned();
    }
    let plain = value.to_string();
    if value.scale() == 0 { format!("{plain}.0") } else { plain }
}

/// An amount of USDC.
pub(crate) fn usd(value: Decimal) -> String {
    text(to_places(value, USD_PLACES, Round::Down))
}

/// A liquidation price or a return.
pub(crate) fn fine(value: Decimal) -> String {
    text(to_places(value, FINE_PLACES, Round::Down))
}

/// With at most so many decimals.
pub(crate) fn places(value: Decimal, places: u32) -> String {
    text(to_places(value, places, Round::Down))
}

/// A number of an action without trailing zeros; `None` for what is none, or has more than eight decimals.
pub(crate) fn wire_number(number: &str) -> Option<String> {
    let value = parse_decimal("number", number).ok()?.normalize();
    (value.scale() <= WIRE_PLACES).then(|| value.to_string())
}
