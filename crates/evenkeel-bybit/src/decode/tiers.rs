//! `market/risk-limit`, and the whole rules of an instrument.

use std::collections::BTreeMap;

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Node};
use evenkeel_types::{
    Decimal, Exact as _, Instrument, Leverage, MarginModes, PoolId, PriceRule, Rate, Symbol, TierRow, Tiers,
    Usd,
};

use super::market::Contract;
use super::{Body, Page, listed_name, page};
use crate::wire;

/// One tier as the venue prints it, its rates as fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RiskTier {
    /// The largest value of a position in it, in USDT.
    pub limit: Usd,
    /// The highest leverage in it.
    pub max_leverage: Leverage,
    /// Maintenance margin as a fraction of the value.
    pub maintenance_rate: Rate,
    /// Taken off the maintenance margin; absent from the first tier and from old answers.
    pub deduction: Option<Usd>,
}

/// A tier of a symbol, or what is not understood about it; `None` where no symbol here can have the name.
pub type TierOf = Option<(Symbol, Result<RiskTier, DecodeError>)>;

/// Decodes `market/risk-limit`: the tiers of each symbol, in the venue's order. A row that is not understood is an error of
/// its symbol alone, and of all its tiers: without one of them the others would reach too far. Rates that fit neither as
/// fractions nor as percent are not understood.
///
/// # Errors
/// [`DecodeError`] where the answer as a whole is not understood, or a row has no name.
pub fn decode_risk_limits(body: Body<'_>) -> Result<Page<TierOf>, DecodeError> {
    page(body, |row| {
        let wire: wire::RiskLimit<'_> = row.object()?;
        let name = listed_name(&row.key("symbol", wire.symbol))?;
        Ok(name.map(|symbol| (symbol, tier(row, &wire))))
    })
}

fn tier(row: &Node<'_, '_>, wire: &wire::RiskLimit<'_>) -> Result<RiskTier, DecodeError> {
    let limit_node = row.key("riskLimitValue", wire.risk_limit_value);
    let limit: Usd = limit_node.number()?;
    if !limit.is_positive() {
        return Err(limit_node.invalid(&format!("a limit must be above zero, not {limit}")));
    }
    let max_leverage: Leverage = row.key("maxLeverage", wire.max_leverage).number()?;
    let initial_node = row.key("initialMargin", wire.initial_margin);
    let unit = unit(&initial_node, max_leverage)?;
    let maintenance = row.key("maintenanceMargin", wire.maintenance_margin);
    let rate = maintenance.number::<Usd>()?.get().over(unit).and_then(Rate::new);
    Ok(RiskTier {
        limit,
        max_leverage,
        maintenance_rate: maintenance.computed(rate)?,
        deduction: super::number_or_none(row.key("mmDeduction", wire.mm_deduction))?,
    })
}

/// By what the rates of a row are to be divided. The documentation prints percent, the venue's answers have been
/// fractions: what the initial margin times the leverage comes to decides, 1 or 100.
fn unit(initial: &Node<'_, '_>, max_leverage: Leverage) -> Result<Decimal, DecodeError> {
    let margin: Usd = initial.number()?;
    let product = initial.computed(margin.get().times(max_leverage.get()))?;
    // Rates are printed with few digits: 150x has 0.0066.
    let near = |whole: Decimal| -> Result<bool, DecodeError> {
        let low = initial.computed(whole.times(Decimal::new(8, 1)))?;
        let high = initial.computed(whole.times(Decimal::new(125, 2)))?;
        Ok(product >= low && product <= high)
    };
    if near(Decimal::ONE)? {
        return Ok(Decimal::ONE);
    }
    if near(Decimal::ONE_HUNDRED)? {
        return Ok(Decimal::ONE_HUNDRED);
    }
    let problem =
        format!("an initial margin of {margin} fits {max_leverage}x neither as a fraction nor in percent");
    Err(initial.error(DecodeErrorKind::Inconsistent, &problem, "read the tiers again"))
}

/// The rules of an instrument as a whole. `taker` is the account's rate, by which the venue counts the fee of the close
/// as maintenance.
///
/// A tier reaches to the limit that it prints; the next one begins there. The instrument's own maximum leverage bounds
/// that of all tiers.
///
/// # Errors
/// [`DecodeError`] where the tiers contradict themselves.
pub fn instrument(
    contract: &Contract,
    tiers: &[RiskTier],
    taker: Rate,
    pool: PoolId,
) -> Result<Instrument, DecodeError> {
    let refused = |problem: String| {
        let (file, path) = ("market/risk-limit", contract.symbol.to_string());
        DecodeError::new(DecodeErrorKind::Inconsistent, file, path, &problem, "read the tiers again")
    };
    let mut by_limit: BTreeMap<Usd, RiskTier> = BTreeMap::new();
    for tier in tiers {
        if by_limit.insert(tier.limit, *tier).is_some() {
            return Err(refused(format!("two tiers end at {}", tier.limit)));
        }
    }
    let (mut rows, mut floor) = (Vec::with_capacity(tiers.len()), Usd::ZERO);
    for tier in by_limit.values() {
        rows.push(TierRow {
            notional_floor: floor,
            max_leverage: tier.max_leverage.min(contract.max_leverage),
            maintenance_rate: tier.maintenance_rate,
            deduction: tier.deduction,
        });
        floor = tier.limit;
    }
    let cap = by_limit.keys().next_back().copied();
    let tiers = Tiers::new(&rows, cap).map_err(|error| refused(error.to_string()))?;
    Ok(Instrument {
        symbol: contract.symbol.clone(),
        pool,
        price_rule: PriceRule::Tick(contract.tick),
        lot: contract.lot,
        min_qty: Some(contract.min_qty),
        max_qty: Some(contract.max_qty),
        min_notional: contract.min_notional,
        leverage_step: contract.leverage_step,
        tiers,
        liquidation_fee: taker.max(Rate::ZERO),
        margin_modes: MarginModes::Both,
        status: contract.status,
        funding_interval: contract.funding_interval,
    })
}
