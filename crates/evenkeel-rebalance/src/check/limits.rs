//! Exposure, pool margin and the account's caps, after every order that adds.
//!
//! Within a phase that adds, every order raises what is needed and costs what there is, so the worst subset and the
//! worst partial fill are all orders filled whole: testing after each step tests every subset of the steps so far.
//! Reductions are never counted before their own phase is over.

use alloc::collections::BTreeMap;
use alloc::format;

use evenkeel_types::{Decimal, Exact, Leverage, MarginMode, NumberError, PoolId, Usd};

use crate::plan::Step;

use super::facts::{Facts, Live, ROUNDING, Row, World};
use super::finding::{Log, Rule};

/// What is needed and what there is, of the same thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Balance {
    pub(super) need: Usd,
    pub(super) have: Usd,
}

impl Balance {
    pub(super) fn holds(self) -> Result<bool, NumberError> {
        Ok(self.need <= self.have.plus(Usd::new(ROUNDING)?)?)
    }

    /// Whether more than `1 + slack` times of what there is would be needed.
    pub(super) fn is_exceeded_by(self, slack: Decimal) -> Result<bool, NumberError> {
        let have = self.have.max(Usd::ZERO).times(Decimal::ONE.plus(slack)?)?;
        Ok(self.need > have)
    }
}

/// Worst gross: everything outstanding counted as filled where that is worse.
pub(super) fn worst_gross(facts: &Facts<'_>, world: &World<'_>) -> Result<Usd, NumberError> {
    let mut gross = facts.stray;
    for (symbol, row) in &facts.rows {
        gross = gross.plus(row.worst_notional(world.qty(symbol))?)?;
    }
    Ok(gross)
}

/// `sum n (1 + s) / L` against `E - costs - reserve - s * sum n`, at the target leverages. With one leverage for
/// all this is `gross <= L * E'` after the stress move `s`.
pub(super) fn exposure(facts: &Facts<'_>, world: &World<'_>) -> Result<Balance, NumberError> {
    let stress = facts.policy.stress;
    // Summed by leverage: one division each, so that equality is not lost to rounding.
    let mut by_leverage: BTreeMap<Leverage, Usd> = BTreeMap::new();
    let mut unresolved = Usd::ZERO;
    by_leverage.insert(facts.target.leverage, facts.stray);
    for (symbol, row) in &facts.rows {
        let notional = row.worst_notional(world.qty(symbol))?;
        let sum = by_leverage.entry(row.leverage).or_insert(Usd::ZERO);
        *sum = sum.plus(notional)?;
        unresolved = unresolved.plus(pending_costs(facts, row)?)?;
    }
    let (mut need, mut gross) = (Usd::ZERO, Usd::ZERO);
    for (leverage, notional) in by_leverage {
        gross = gross.plus(notional)?;
        need = need.plus(leverage.margin(notional.times(Decimal::ONE.plus(stress.get())?)?)?)?;
    }
    let have = facts
        .account_value
        .minus(world.costs)?
        .minus(unresolved)?
        .minus(facts.policy.reserve)?
        .minus(stress.of(gross)?)?;
    Ok(Balance { need, have })
}

/// What the outstanding orders cost if they fill: they were sent within the same slippage and fee.
fn pending_costs(facts: &Facts<'_>, row: &Row<'_>) -> Result<Usd, NumberError> {
    let value = row.mark.value(row.pending.buy.abs().plus(row.pending.sell.abs())?)?;
    value.times(row.fee.get().plus(facts.policy.slippage.get())?)
}

/// Margin of one pool at the settings, after the stress move: cross positions, what open orders hold, what the venue
/// holds for resting ones. What moved into buckets has left the equity already.
pub(super) fn pool(facts: &Facts<'_>, world: &World<'_>, id: &PoolId) -> Result<Balance, NumberError> {
    let Some(pool) = world.pools.get(id) else { return Ok(Balance { need: Usd::ZERO, have: Usd::ZERO }) };
    let stress = facts.policy.stress;
    let (mut need, mut gross, mut resting, mut unresolved) = (Usd::ZERO, Usd::ZERO, Usd::ZERO, Usd::ZERO);
    for (symbol, row) in facts.rows.iter().filter(|(_, row)| row.instrument.pool == *id) {
        let Some(live) = world.live.get(symbol) else { continue };
        let setting = pending_setting(row, live)?;
        if live.mode == MarginMode::Cross {
            let (high, low) = row.worst_qty(live.qty)?;
            let notional = row.mark.value(high.abs().max(low.abs()))?;
            gross = gross.plus(notional)?;
            need = need.plus(setting.margin(notional.times(Decimal::ONE.plus(stress.get())?)?)?)?;
        } else {
            // Outstanding orders of an isolated symbol would fill their bucket from here.
            let (high, low) = row.worst_qty(live.qty)?;
            let grown = high.abs().max(low.abs()).minus(live.qty.abs())?;
            need = need.plus(setting.margin(row.mark.value(grown)?)?)?;
        }
        resting = resting.plus(setting.margin(row.resting.0.max(row.resting.1))?)?;
        unresolved = unresolved.plus(pending_costs(facts, row)?)?;
    }
    need = need.plus(pool.premium)?.plus(pool.hold.max(resting))?;
    let have = pool.equity.minus(unresolved)?.minus(stress.of(gross)?)?;
    Ok(Balance { need, have })
}

fn pending_setting(row: &Row<'_>, live: &Live) -> Result<Leverage, NumberError> {
    Ok(if row.is_pending() { live.long.min(live.short) } else { live.setting() })
}

/// What a step that takes margin must leave: no pool short, and the reserve unused over all pools.
pub(super) fn check_pool(
    facts: &Facts<'_>,
    world: &World<'_>,
    id: &PoolId,
    step: &Step,
    log: &mut Log,
) -> Result<(), NumberError> {
    if !world.sums {
        return Ok(());
    }
    let own = pool(facts, world, id)?;
    if !own.holds()? {
        log.step(
            Rule::PoolMargin,
            step,
            format!("pool {id} would need {:.4} of margin and have {:.4}", own.need, own.have),
        );
        return Ok(());
    }
    let mut unused = Usd::ZERO;
    for other in world.pools.keys() {
        let other = pool(facts, world, other)?;
        unused = unused.plus(other.have.minus(other.need)?.max(Usd::ZERO))?;
    }
    let reserve = Balance { need: facts.policy.reserve, have: unused };
    if !reserve.holds()? {
        log.step(
            Rule::PoolMargin,
            step,
            format!("{unused:.4} of margin would be left, the reserve is {}", facts.policy.reserve),
        );
    }
    Ok(())
}

/// Everything about the whole account that an order must leave true when it adds.
pub(super) fn check_adding(
    facts: &Facts<'_>,
    world: &World<'_>,
    row: &Row<'_>,
    step: &Step,
    log: &mut Log,
) -> Result<(), NumberError> {
    if !world.sums {
        return Ok(());
    }
    let balance = exposure(facts, world)?;
    if !balance.holds()? {
        log.step(
            Rule::Exposure,
            step,
            format!(
                "worst exposure would need {:.4} of equity and have {:.4} after costs, reserve and stress",
                balance.need, balance.have
            ),
        );
    }
    check_pool(facts, world, &row.instrument.pool, step, log)?;
    let gross = worst_gross(facts, world)?;
    if let Some(max) = facts.policy.max_exposure.filter(|max| gross > *max) {
        log.step(Rule::AccountCap, step, format!("gross would be {gross}, max_exposure is {max}"));
    }
    let positions =
        facts.rows.iter().filter(|(symbol, row)| !world.qty(symbol).is_zero() || row.is_pending()).count();
    if let Some(max) = facts.policy.max_positions {
        let opens = row.start.is_zero();
        if opens && u32::try_from(positions).is_ok_and(|positions| positions > max) {
            log.step(
                Rule::AccountCap,
                step,
                format!("{positions} positions would be held, max_positions is {max}"),
            );
        }
    }
    let shown = world.gross(facts)?;
    if let Some(envelope) = facts.state.envelope.as_ref().filter(|envelope| shown > envelope.gross) {
        log.step(
            Rule::OutsideEnvelope,
            step,
            format!("gross would be {shown}, approved was {}", envelope.gross),
        );
    }
    Ok(())
}
