//! Numbers as the venue prints them.

use evenkeel_types::round::{for_reading, to_places};
use evenkeel_types::{Decimal, Price, Qty, Round, Usd};

use crate::floor::Listed;
pub(super) use crate::floor::text;

/// Decimals of amounts of USDT.
const USD_PLACES: u32 = 8;

/// An amount of USDT.
pub(super) fn usd(value: Usd) -> String {
    text(to_places(value.get(), USD_PLACES, Round::Down))
}

/// A rate or an average: eight decimals, without zeros at the end.
pub(super) fn fine(value: Decimal) -> String {
    text(to_places(value, USD_PLACES, Round::Down))
}

/// A share of something, with four decimals.
pub(super) fn share(value: Decimal) -> String {
    text(to_places(value, 4, Round::Down))
}

/// A price with all decimals of the market.
pub(super) fn price(market: &Listed, price: Price) -> String {
    for_reading(price.get(), market.tick_places)
}

/// A size with all decimals of the market.
pub(super) fn size(market: &Listed, qty: Qty) -> String {
    for_reading(qty.get(), market.lot_places)
}
