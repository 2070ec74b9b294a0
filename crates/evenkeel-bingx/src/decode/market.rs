//! Contracts, maintenance tiers and prices.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Node};
use evenkeel_types::{
    Decimal, Exact as _, Instrument, Leverage, Lot, MarginModes, PoolId, Price, PriceRule, Qty, Rate, Symbol,
    TierRow, Tiers, Timestamp, TradingStatus, Usd,
};

use super::{Body, data, one_or_rows, rows};
use crate::wire;

/// Decodes `server/time`: milliseconds.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_server_time(body: Body<'_>) -> Result<Timestamp, DecodeError> {
    data(body, |node| {
        let wire: wire::ServerTime<'_> = node.object()?;
        node.key("serverTime", wire.server_time).integer().map(Timestamp)
    })
}

/// The rules of a contract, without those about margin, which stand in other answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Its name: `BTC-USDT`.
    pub symbol: Symbol,
    /// What it is settled in, in the venue's word. The demo environment prints `USDT` and settles in `VST`.
    pub currency: Symbol,
    /// Prices are multiples of this: `10^-pricePrecision`.
    pub tick: Price,
    /// Sizes are multiples of this, in coins: `10^-quantityPrecision`.
    pub lot: Lot,
    /// Smallest order, in coins. It can be more than a lot.
    pub min_qty: Qty,
    /// Smallest order value.
    pub min_notional: Usd,
    /// Fee of orders that rest, before the account's own rates.
    pub maker: Rate,
    /// Fee of orders that trade at once.
    pub taker: Rate,
    /// Whether programs may open and close in it.
    pub status: TradingStatus,
    /// Since when it is traded, where the venue says it.
    pub launched: Option<Timestamp>,
}

impl Contract {
    /// Which prices are valid.
    #[must_use]
    pub fn price_rule(&self) -> PriceRule {
        PriceRule::Tick(self.tick)
    }
}

/// All contracts. What is wrong with one is told when it is asked for, and does not hide the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contracts {
    /// Those that were understood.
    pub list: BTreeMap<Symbol, Contract>,
    /// Those that were not, and why.
    pub refused: BTreeMap<Symbol, DecodeError>,
}

/// Decodes `quote/contracts`. Contracts with names that a [`Symbol`] cannot hold are left out.
///
/// # Errors
/// [`DecodeError`] for a list that is none, or a row without a name.
pub fn decode_contracts(body: Body<'_>) -> Result<Contracts, DecodeError> {
    data(body, |node| {
        let mut contracts = Contracts::default();
        for row in rows(node, |row| {
            let wire: wire::Contract<'_> = row.object()?;
            let name = row.key("symbol", wire.symbol);
            let symbol = match name.symbol() {
                Ok(symbol) => symbol,
                // Nobody can ask for it, and it must not hide the others.
                Err(_) if name.string().is_ok() => return Ok(None),
                Err(error) => return Err(error),
            };
            Ok(Some((symbol.clone(), contract(row, &wire, symbol))))
        })?
        .into_iter()
        .flatten()
        {
            match row {
                (symbol, Ok(contract)) => drop(contracts.list.insert(symbol, contract)),
                (symbol, Err(error)) => drop(contracts.refused.insert(symbol, error)),
            }
        }
        Ok(contracts)
    })
}

fn contract(row: &Node<'_, '_>, wire: &wire::Contract<'_>, symbol: Symbol) -> Result<Contract, DecodeError> {
    let price = row.key("pricePrecision", wire.price_precision);
    let places = price.small()?;
    let tick = price.computed(Lot::decimals(places).and_then(|step| Price::new(step.get())))?;
    let size = row.key("quantityPrecision", wire.quantity_precision);
    let places = size.small()?;
    let lot = size.computed(Lot::decimals(places))?;
    let least = row.key("tradeMinQuantity", wire.trade_min_quantity);
    let min_qty: Qty = least.scientific()?;
    if min_qty.is_negative() || !lot.divides(min_qty) {
        let problem = format!("the smallest size {min_qty} is no multiple of the step {}", lot.get());
        return Err(least.error(DecodeErrorKind::Inconsistent, &problem, "read the contracts again"));
    }
    let launched = row.key("launchTime", wire.launch_time).filled();
    let launched = launched.map(|node| node.integer()).transpose()?.filter(|millis| *millis > 0);
    Ok(Contract {
        symbol,
        currency: row.key("currency", wire.currency).symbol()?,
        tick,
        lot,
        min_qty,
        min_notional: row.key("tradeMinUSDT", wire.trade_min_usdt).scientific()?,
        maker: row.key("makerFeeRate", wire.maker_fee_rate).scientific()?,
        taker: row.key("takerFeeRate", wire.taker_fee_rate).scientific()?,
        status: status(row, wire)?,
        launched: launched.map(Timestamp),
    })
}

/// 1 is traded, 25 takes no new positions, 5 and 0 are offline; beside it two flags say what programs may do.
fn status(row: &Node<'_, '_>, wire: &wire::Contract<'_>) -> Result<TradingStatus, DecodeError> {
    let opens = row.key("apiStateOpen", wire.api_state_open).flag()?;
    let closes = row.key("apiStateClose", wire.api_state_close).flag()?;
    Ok(match (row.key("status", wire.status).digits()?.as_str(), opens, closes) {
        ("1", true, true) => TradingStatus::Trading,
        ("1" | "25", _, true) => TradingStatus::ReduceOnly,
        // What is new among the states is taken for the one in which nothing is sent.
        _ => TradingStatus::Closed,
    })
}

/// A row of `maintMarginRatio`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaintenanceTier {
    /// Notional from which it applies.
    pub floor: Usd,
    /// Up to which it applies.
    pub cap: Usd,
    /// Maintenance margin as a fraction of the notional.
    pub rate: Rate,
    /// Taken off it.
    pub amount: Usd,
}

/// Decodes `maintMarginRatio` of one symbol, lowest tier first.
///
/// # Errors
/// [`DecodeError`] naming the field, for a row of another symbol, and for an empty list.
pub fn decode_maintenance_tiers(
    body: Body<'_>,
    symbol: &Symbol,
) -> Result<Vec<MaintenanceTier>, DecodeError> {
    data(body, |node| {
        let mut tiers = rows(node, |row| {
            let wire: wire::Tier<'_> = row.object()?;
            about(row, wire.symbol, symbol)?;
            Ok(MaintenanceTier {
                floor: row.key("minPositionVal", wire.min_position_val).scientific()?,
                cap: row.key("maxPositionVal", wire.max_position_val).scientific()?,
                rate: row.key("maintMarginRatio", wire.maint_margin_ratio).scientific()?,
                amount: row.key("maintAmount", wire.maint_amount).scientific()?,
            })
        })?;
        if tiers.is_empty() {
            return Err(node.invalid(&format!("there is no tier of {symbol}")));
        }
        tiers.sort_by_key(|tier| tier.floor);
        Ok(tiers)
    })
}

/// Refuses an answer about another symbol. Some answers do not name theirs.
pub(super) fn about(
    node: &Node<'_, '_>,
    field: evenkeel_http::json::Field<'_>,
    symbol: &Symbol,
) -> Result<(), DecodeError> {
    // The field outlives this call, but its node must not borrow the caller's name.
    let named = node.key("symbol", field).filled();
    let Some(named) = named else { return Ok(()) };
    let found = named.string()?;
    if found == symbol.as_str() {
        return Ok(());
    }
    let problem = format!("asked about {symbol}, the venue answered about {}", evenkeel_http::cut(&found));
    Err(named.error(DecodeErrorKind::Inconsistent, &problem, "ask again"))
}

/// The rules of a contract as a whole. `max_leverage` is the smaller one of both sides.
///
/// The venue publishes no maximum leverage for each tier. That of a tier here is the highest at which a position that was
/// just opened is not liquidated at once: `leverage * (rate + fee) < 1`, and never above the symbol's. The venue may
/// allow less for a large position, and then refuses the order or the setting (101209, 101414).
///
/// The closing fee that counts as maintenance is the whole taker fee, the larger one of two readings.
///
/// # Errors
/// [`DecodeError`] for tiers that do not fit together.
pub fn instrument(
    contract: &Contract,
    tiers: &[MaintenanceTier],
    max_leverage: Leverage,
    pool: PoolId,
    funding_interval: Option<Duration>,
) -> Result<Instrument, DecodeError> {
    let refused = |problem: String| {
        let place = format!("{}", contract.symbol);
        DecodeError::new(DecodeErrorKind::Inconsistent, "maintMarginRatio", place, &problem, "read it again")
    };
    let mut leverage = max_leverage;
    let mut lines = Vec::with_capacity(tiers.len());
    for (index, tier) in tiers.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| tiers.get(index));
        if before.is_some_and(|before| before.cap != tier.floor) {
            return Err(refused(format!(
                "tier {index} begins at {}, not where the last one ends",
                tier.floor
            )));
        }
        leverage =
            bounded(leverage, tier.rate, contract.taker).map_err(|error| refused(error.to_string()))?;
        lines.push(TierRow {
            notional_floor: tier.floor,
            max_leverage: leverage,
            maintenance_rate: tier.rate,
            deduction: Some(tier.amount),
        });
    }
    let tiers = Tiers::new(&lines, tiers.last().map(|tier| tier.cap));
    Ok(Instrument {
        symbol: contract.symbol.clone(),
        pool,
        price_rule: contract.price_rule(),
        lot: contract.lot,
        min_qty: Some(contract.min_qty).filter(|qty| qty.is_positive()),
        max_qty: None,
        min_notional: Some(contract.min_notional).filter(|value| value.is_positive()),
        leverage_step: Decimal::ONE,
        tiers: tiers.map_err(|error| refused(error.to_string()))?,
        liquidation_fee: contract.taker,
        margin_modes: MarginModes::Both,
        status: contract.status,
        funding_interval,
    })
}

/// The highest whole leverage up to `leverage` with `leverage * (rate + fee) < 1`; at least 1.
fn bounded(leverage: Leverage, rate: Rate, fee: Rate) -> Result<Leverage, evenkeel_types::NumberError> {
    use evenkeel_types::round::{Round, to_step};
    let cost = rate.get().plus(fee.get())?;
    if cost <= Decimal::ZERO {
        return Ok(leverage);
    }
    let most = Decimal::ONE.over(cost)?;
    let whole = to_step(most, Decimal::ONE, Round::Down)?;
    let whole = if whole == most { whole.minus(Decimal::ONE)? } else { whole };
    Leverage::new(whole.max(Decimal::ONE)).map(|bound| bound.min(leverage))
}

/// Mark price and funding of a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Premium {
    /// Of which symbol.
    pub symbol: Symbol,
    /// Mark price.
    pub mark: Price,
    /// `lastFundingRate`: what is applied at the next settlement.
    pub rate: Option<Rate>,
    /// When that is.
    pub next: Option<Timestamp>,
    /// Time between settlements; older answers do not have it.
    pub interval: Option<Duration>,
}

/// Decodes `quote/premiumIndex`, of one symbol or of all: those that are wanted and in it.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_premium_index(
    body: Body<'_>,
    wanted: &BTreeSet<Symbol>,
) -> Result<BTreeMap<Symbol, Premium>, DecodeError> {
    selected(body, |row| {
        let wire: wire::Premium<'_> = row.object()?;
        let Some(symbol) = listed(&row.key("symbol", wire.symbol), wanted)? else { return Ok(None) };
        let hours = row.key("fundingIntervalHours", wire.funding_interval_hours).filled();
        let hours = hours.map(|node| node.small()).transpose()?.filter(|hours| *hours > 0);
        let next = row.key("nextFundingTime", wire.next_funding_time).filled();
        let next = next.map(|node| node.integer()).transpose()?.filter(|millis| *millis > 0);
        let rate = row.key("lastFundingRate", wire.last_funding_rate).filled();
        let premium = Premium {
            symbol: symbol.clone(),
            mark: row.key("markPrice", wire.mark_price).scientific()?,
            rate: rate.map(|node| node.scientific()).transpose()?,
            next: next.map(Timestamp),
            interval: hours.map(|hours| Duration::from_secs(u64::from(hours).saturating_mul(3600))),
        };
        Ok(Some((symbol, premium)))
    })
}

/// Best bid and ask of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BestPrices {
    /// Best bid, where there is one.
    pub bid: Option<Price>,
    /// Best ask, where there is one.
    pub ask: Option<Price>,
}

/// Decodes `quote/ticker`, of one symbol or of all: those that are wanted and in it.
///
/// # Errors
/// [`DecodeError`] naming the field; bid and ask must be there, and are zero or empty where the book is.
pub fn decode_tickers(
    body: Body<'_>,
    wanted: &BTreeSet<Symbol>,
) -> Result<BTreeMap<Symbol, BestPrices>, DecodeError> {
    selected(body, |row| {
        let wire: wire::Ticker<'_> = row.object()?;
        let Some(symbol) = listed(&row.key("symbol", wire.symbol), wanted)? else { return Ok(None) };
        let bid = price_or_none(&row.key("bidPrice", wire.bid_price))?;
        let ask = price_or_none(&row.key("askPrice", wire.ask_price))?;
        Ok(Some((symbol, BestPrices { bid, ask })))
    })
}

/// A price for which zero and the empty text stand for none; the field must be there.
pub(super) fn price_or_none(node: &Node<'_, '_>) -> Result<Option<Price>, DecodeError> {
    if node.optional().is_some() && node.filled().is_none() {
        return Ok(None);
    }
    let value: Qty = node.scientific()?;
    if value.is_zero() { Ok(None) } else { node.scientific().map(Some) }
}

/// The symbol of a row, where it is among those that are wanted.
fn listed(name: &Node<'_, '_>, wanted: &BTreeSet<Symbol>) -> Result<Option<Symbol>, DecodeError> {
    let name = name.string()?;
    Ok(wanted.iter().find(|symbol| symbol.as_str() == name).cloned())
}

/// Of an object or a list, the rows that `read` takes; the others are not looked at any further.
fn selected<T>(
    body: Body<'_>,
    read: impl FnMut(&Node<'_, '_>) -> Result<Option<(Symbol, T)>, DecodeError>,
) -> Result<BTreeMap<Symbol, T>, DecodeError> {
    data(body, |node| Ok(one_or_rows(node, read)?.into_iter().flatten().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A position at the bound is not liquidated at once, one at the next whole leverage would be.
    #[test]
    fn the_bound_of_a_tier_is_where_liquidation_begins() {
        let leverage = |value: u32| Leverage::new(value).unwrap();
        let rate = |text: &str| text.parse::<Rate>().unwrap();
        for (max, mmr, fee, bound) in [
            (125, "0.0033", "0.0005", 125),
            (125, "0.02", "0.0005", 48),
            // Exactly at 1 it would be liquidated.
            (125, "0.0195", "0.0005", 49),
            (125, "0.5", "0.0005", 1),
            (125, "0.9999", "0.0005", 1),
            (50, "0", "0", 50),
        ] {
            let found = bounded(leverage(max), rate(mmr), rate(fee)).unwrap();
            assert_eq!(found, leverage(bound), "{mmr} {fee}");
        }
    }
}
