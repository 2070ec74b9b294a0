//! `market/time` and `market/instruments-info`.

use core::time::Duration;
use std::collections::BTreeMap;

use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, DecodeErrorKind, Node};
use evenkeel_types::{
    Decimal, Leverage, Lot, NumberError, Price, Qty, Symbol, Timestamp, TradingStatus, Usd, parse_decimal,
};

use super::{Body, listed_name, page, price_or_none, result};
use crate::wire;

/// What the contracts that this crate trades are settled in.
pub(crate) const SETTLE_COIN: &str = "USDT";

/// Funding intervals are printed in minutes, and none is shorter than an hour. A smaller number is one of hours.
const INTERVAL_MIN_MINUTES: u64 = 60;

/// One perpetual: its rules without those about margin, which are in another answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contract {
    /// Its name.
    pub symbol: Symbol,
    /// Prices are multiples of it.
    pub tick: Price,
    /// The lowest price of an order.
    pub min_price: Price,
    /// The highest price of an order.
    pub max_price: Price,
    /// Sizes are multiples of it.
    pub lot: Lot,
    /// The smallest order.
    pub min_qty: Qty,
    /// The largest limit order.
    pub max_qty: Qty,
    /// The largest market order, where the answer says it.
    pub max_market_qty: Option<Qty>,
    /// The smallest value of an order, where the answer says it.
    pub min_notional: Option<Usd>,
    /// The highest leverage.
    pub max_leverage: Leverage,
    /// Leverages are multiples of it.
    pub leverage_step: Decimal,
    /// Time between settlements of funding, where the answer says it.
    pub funding_interval: Option<Duration>,
    /// Whether it can be traded.
    pub status: TradingStatus,
}

/// The perpetuals of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contracts {
    /// Those settled in USDT.
    pub list: BTreeMap<Symbol, Contract>,
    /// Those that cannot be traded here, and why: settled in something else, with an end, or with rules that are not
    /// understood. One of them must not make all others unreadable.
    pub refused: BTreeMap<Symbol, DecodeError>,
    /// How many rows the answer has, with those whose names no symbol here can have.
    pub rows: usize,
    /// By what the next part is asked for.
    pub cursor: Option<String>,
}

/// Decodes `market/time`, to the millisecond.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_server_time(body: Body<'_>) -> Result<Timestamp, DecodeError> {
    result(body, |result| {
        let wire: wire::ServerTime<'_> = result.object()?;
        let nano = result.key("timeNano", wire.time_nano);
        if let Some(nano) = nano.filled() {
            let millis = nano.integer()?.checked_div(1_000_000);
            return millis.map(Timestamp).ok_or_else(|| nano.invalid("no time"));
        }
        let second = result.key("timeSecond", wire.time_second);
        let millis = second.integer()?.checked_mul(1000);
        millis.map(Timestamp).ok_or_else(|| second.invalid("no time"))
    })
}

/// Decodes `market/instruments-info`.
///
/// # Errors
/// [`DecodeError`] where the answer as a whole is not understood, or a row has no name. A name outside ASCII is left out.
pub fn decode_instruments(body: Body<'_>) -> Result<Contracts, DecodeError> {
    let page = page(body, |row| {
        let wire: wire::Instrument<'_> = row.object()?;
        let name = listed_name(&row.key("symbol", wire.symbol))?;
        Ok(name.map(|symbol| (symbol.clone(), contract(row, &wire, symbol))))
    })?;
    let mut contracts = Contracts { rows: page.rows.len(), cursor: page.cursor, ..Contracts::default() };
    for (symbol, contract) in page.rows.into_iter().flatten() {
        match contract {
            Ok(contract) => drop(contracts.list.insert(symbol, contract)),
            Err(error) => drop(contracts.refused.insert(symbol, error)),
        }
    }
    Ok(contracts)
}

fn unsupported(node: &Node<'_, '_>, problem: &str) -> DecodeError {
    let remedy = "this connector trades perpetuals that are settled in USDT";
    node.error(DecodeErrorKind::Unsupported, problem, remedy)
}

fn contract(
    row: &Node<'_, '_>,
    wire: &wire::Instrument<'_>,
    symbol: Symbol,
) -> Result<Contract, DecodeError> {
    let kind = row.key("contractType", wire.contract_type);
    if kind.string()? != "LinearPerpetual" {
        return Err(unsupported(&kind, &format!("it is a {}", cut(&kind.string()?))));
    }
    let settle = row.key("settleCoin", wire.settle_coin);
    if settle.string()? != SETTLE_COIN {
        return Err(unsupported(&settle, &format!("it is settled in {}", cut(&settle.string()?))));
    }
    let leverage = row.key("leverageFilter", wire.leverage_filter);
    let leverage_wire: wire::LeverageFilter<'_> = leverage.object()?;
    let prices = row.key("priceFilter", wire.price_filter);
    let prices_wire: wire::PriceFilter<'_> = prices.object()?;
    let sizes = row.key("lotSizeFilter", wire.lot_size_filter);
    let sizes_wire: wire::LotSizeFilter<'_> = sizes.object()?;

    let step = leverage.key("leverageStep", leverage_wire.leverage_step);
    let lot = sizes.key("qtyStep", sizes_wire.qty_step);
    let contract = Contract {
        symbol,
        tick: prices.key("tickSize", prices_wire.tick_size).number()?,
        min_price: prices.key("minPrice", prices_wire.min_price).number()?,
        max_price: prices.key("maxPrice", prices_wire.max_price).number()?,
        lot: lot.computed(Lot::new(lot.number::<Qty>()?.get()))?,
        min_qty: super::size(&sizes.key("minOrderQty", sizes_wire.min_order_qty))?,
        max_qty: super::size(&sizes.key("maxOrderQty", sizes_wire.max_order_qty))?,
        max_market_qty: super::number_or_none(sizes.key("maxMktOrderQty", sizes_wire.max_mkt_order_qty))?,
        min_notional: super::number_or_none(sizes.key("minNotionalValue", sizes_wire.min_notional_value))?,
        max_leverage: leverage.key("maxLeverage", leverage_wire.max_leverage).number()?,
        leverage_step: decimal(&step)?,
        funding_interval: interval(&row.key("fundingInterval", wire.funding_interval))?,
        status: status(row, wire)?,
    };
    if contract.leverage_step <= Decimal::ZERO {
        return Err(step.invalid("a leverage step must be above zero"));
    }
    if contract.min_price > contract.max_price || contract.min_qty > contract.max_qty {
        let remedy = "read the instruments again";
        let problem = "a lowest price or size above the highest one";
        return Err(row.error(DecodeErrorKind::Inconsistent, problem, remedy));
    }
    Ok(contract)
}

fn decimal(node: &Node<'_, '_>) -> Result<Decimal, DecodeError> {
    struct Plain(Decimal);
    impl core::str::FromStr for Plain {
        type Err = NumberError;
        fn from_str(text: &str) -> Result<Self, NumberError> {
            parse_decimal("number", text).map(Self)
        }
    }
    node.number::<Plain>().map(|plain| plain.0)
}

/// Markets before their listing have rules of their own, which change by phase; whatever is not plainly trading takes
/// no orders from here.
fn status(row: &Node<'_, '_>, wire: &wire::Instrument<'_>) -> Result<TradingStatus, DecodeError> {
    let listed = !row.key("isPreListing", wire.is_pre_listing).optional_flag()?;
    match row.key("status", wire.status).string()?.as_str() {
        "Trading" if listed => Ok(TradingStatus::Trading),
        _ => Ok(TradingStatus::Closed),
    }
}

fn interval(node: &Node<'_, '_>) -> Result<Option<Duration>, DecodeError> {
    let Some(node) = node.filled() else { return Ok(None) };
    match node.integer()? {
        0 => Ok(None),
        minutes if minutes < INTERVAL_MIN_MINUTES => {
            Err(node.invalid(&format!("{minutes} minutes are too few for a funding interval: hours?")))
        }
        minutes => {
            let seconds = minutes.checked_mul(60);
            seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or_else(|| node.invalid("too long"))
        }
    }
}

/// Used by the prices as well.
pub(super) fn optional_price(node: Node<'_, '_>) -> Result<Option<Price>, DecodeError> {
    price_or_none(node)
}
