//! Numbers as the venue prints them.

use evenkeel_types::round::to_places;
use evenkeel_types::{Decimal, Exact, Price, Qty, Round, Usd};
use serde_json::Value;

use crate::floor::{Listed, places, text};

/// Eight decimals, what is beyond cut off.
pub(crate) fn cut(value: Decimal) -> String {
    places(toward_zero(value), 8)
}

fn toward_zero(value: Decimal) -> Decimal {
    to_places(value, 8, if value.is_sign_negative() { Round::Up } else { Round::Down })
}

/// As [`cut`], of an amount.
pub(crate) fn usd(amount: Usd) -> String {
    cut(amount.get())
}

/// As [`usd`]; zero is a bare zero.
pub(crate) fn usd_or_zero(amount: Usd) -> String {
    if amount.is_zero() { "0".to_owned() } else { usd(amount) }
}

/// An average price: as many decimals as it has, eight at most and one at least.
pub(crate) fn average(price: Decimal) -> String {
    let short = text(toward_zero(price));
    if short.contains('.') { short } else { format!("{short}.0") }
}

/// Decimals of a price that the venue states for a market; more than its tick has at some.
pub(crate) fn price_places(market: &Listed) -> u32 {
    market.tick_places
}

/// A price with the market's decimals.
pub(crate) fn price(market: &Listed, price: Decimal) -> String {
    places(price, price_places(market))
}

/// A size with the market's decimals.
pub(crate) fn qty(market: &Listed, qty: Qty) -> String {
    places(qty.get(), market.lot_places)
}

/// A value with the decimals of price and size together.
pub(crate) fn value(market: &Listed, value: Decimal) -> String {
    places(value, price_places(market).saturating_add(market.lot_places))
}

/// An average execution price, or the venue's zero.
pub(crate) fn executed(market: &Listed, average: Option<Price>) -> String {
    value(market, average.map_or(Decimal::ZERO, Price::get))
}

/// A bare JSON number. Its text goes through a float of the JSON library and comes out with the same digits, which are
/// few: rates and bounds of tiers.
pub(crate) fn bare(value: Decimal) -> Value {
    serde_json::from_str(&text(value)).unwrap_or(Value::Null)
}

/// As [`bare`], with a decimal point in any case.
pub(crate) fn pointed(value: Decimal) -> Value {
    let short = text(value);
    let pointed = if short.contains('.') { short } else { format!("{short}.0") };
    serde_json::from_str(&pointed).unwrap_or(Value::Null)
}

/// The price a position has to reach to pay for closing it as taker: as recorded, `entry * (1 ± rate)`.
pub(crate) fn break_even(entry: Price, rate: Decimal, long: bool) -> String {
    let factor = if long { Decimal::ONE.plus(rate) } else { Decimal::ONE.minus(rate) };
    factor.and_then(|factor| entry.get().times(factor)).map_or_else(|_| "0.0".to_owned(), average)
}
