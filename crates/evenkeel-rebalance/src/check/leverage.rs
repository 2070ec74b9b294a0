//! Steps that write settings or move isolated margin.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use evenkeel_types::{
    Decimal, Exact, Leverage, LowerIsolated, MarginAdjustment, MarginMode, MarginModeScope, MarginModes,
    NumberError, Usd,
};

use crate::plan::{Action, Step, Work};
use crate::policy::Surplus;

use super::facts::{Facts, ROUNDING, Row, World};
use super::finding::{Log, Rule};
use super::limits;

/// What holds for every step of a leverage phase.
pub(super) fn check<'a>(
    facts: &Facts<'a>,
    world: &mut World<'a>,
    row: &Row<'a>,
    step: &Step,
    log: &mut Log,
) -> Result<(), NumberError> {
    // Margin may be moved for what is still to be closed: it makes it safer, or gives back what it does not need.
    let moves_margin = matches!(step.action, Action::AddMargin | Action::RemoveMargin);
    if row.wanted().is_zero() && !moves_margin {
        log.step(Rule::LeverageStep, step, "writes a setting of a symbol that ends flat".into());
    }
    if let Some(why) = facts.state.set_aside.get(row.symbol) {
        log.step(Rule::SetAside, step, format!("writes although it was set aside: {why}"));
    }
    if facts.state.release_only {
        log.step(Rule::Forward, step, "writes while the run may only reduce".into());
    }
    if step.qty_after != world.qty(row.symbol) {
        let qty = world.qty(row.symbol);
        log.step(Rule::Chain, step, format!("states {} afterwards, it would be {qty}", step.qty_after));
    }
    if !step.value.is_zero() {
        log.step(Rule::Value, step, format!("trades nothing and states a value of {}", step.value));
    }
    match (&step.work, step.action) {
        (Work::SetLeverage { from, to }, Action::SetLeverage) => {
            set_leverage(facts, world, row, step, (*from, *to), log)
        }
        (Work::SetMarginMode { from, to }, Action::SetMarginMode) => {
            set_mode(facts, world, row, step, (*from, *to), log)
        }
        (Work::AdjustMargin { delta }, Action::AddMargin) if delta.is_positive() => {
            add_margin(facts, world, row, step, *delta, log)
        }
        (Work::AdjustMargin { delta }, Action::RemoveMargin) if delta.is_negative() => {
            remove_margin(facts, world, row, step, delta.abs(), log)
        }
        (_, action) => {
            log.step(Rule::Shape, step, format!("what is sent is no {action}"));
            Ok(())
        }
    }
}

fn set_leverage<'a>(
    facts: &Facts<'a>,
    world: &mut World<'a>,
    row: &Row<'a>,
    step: &Step,
    (from, to): (Leverage, Leverage),
    log: &mut Log,
) -> Result<(), NumberError> {
    let rules = &facts.snapshot.capabilities;
    let blocked = rules.orders_block_leverage && has_orders(facts, world, row);
    let Some(live) = world.live.get_mut(row.symbol) else { return Ok(()) };
    let mut found = Vec::new();
    let mut refuse = |rule, text: String| found.push((rule, text));
    if from != live.long.max(live.short) {
        refuse(Rule::LeverageStep, format!("states {from}x, it is set to {}x/{}x", live.long, live.short));
    }
    if live.long == to && live.short == to {
        refuse(Rule::LeverageStep, format!("is set to {to}x already"));
    }
    if row.target.is_none_or(|target| target.leverage != to) {
        refuse(Rule::LeverageStep, format!("{to}x is not the target's leverage"));
    }
    if to > facts.policy.max_leverage {
        refuse(Rule::LeverageStep, format!("{to}x is above max_leverage {}x", facts.policy.max_leverage));
    }
    if !to.fits(row.instrument.leverage_step) {
        refuse(Rule::LeverageStep, format!("{to}x is no multiple of {}", row.instrument.leverage_step));
    }
    if blocked {
        refuse(Rule::LeverageStep, "the venue changes no leverage while orders rest".into());
    }
    let notional = row.mark.value(live.qty.abs())?;
    let own = row.position.and_then(|position| position.max_leverage).filter(|_| !live.qty.is_zero());
    let max = row.instrument.tiers.at(notional).max_leverage;
    let max = own.map_or(max, |own| own.min(max));
    if to > max {
        refuse(Rule::Tier, format!("at {notional} the venue allows {max}x, not {to}x"));
    }
    let now = live.setting();
    let held = !live.qty.is_zero();
    let mode = live.mode;
    let mut takes = false;
    if held && to > now {
        let allowed = match mode {
            MarginMode::Cross => rules.raise_with_position.cross,
            MarginMode::Isolated => rules.raise_with_position.isolated,
        };
        if !allowed {
            refuse(Rule::LeverageStep, format!("the venue raises no leverage of a held {mode} position"));
        }
    } else if held && to < now && mode == MarginMode::Cross {
        takes = true;
        if !rules.lower_cross_with_position {
            refuse(Rule::LeverageStep, "the venue lowers no leverage of a held cross position".into());
        }
    } else if held && to < now {
        takes = true;
        let missing = to.margin(notional)?.minus(live.bucket)?.max(Usd::ZERO);
        match rules.lower_isolated {
            LowerIsolated::AfterTopUp => {
                if missing.get() > ROUNDING {
                    refuse(Rule::Bucket, format!("the bucket lacks {missing:.4} for {to}x"));
                }
            }
            LowerIsolated::Remargins | LowerIsolated::NeedsFree => {
                live.bucket = live.bucket.plus(missing)?;
                if let Some(pool) = world.pools.get_mut(&row.instrument.pool) {
                    pool.equity = pool.equity.minus(missing)?;
                }
            }
            _ => {
                refuse(Rule::LeverageStep, "the venue lowers no leverage of a held isolated position".into());
            }
        }
    }
    (live.long, live.short) = (to, to);
    for (rule, text) in found {
        log.step(rule, step, text);
    }
    if takes || row.is_pending() {
        limits::check_pool(facts, world, &row.instrument.pool, step, log)?;
    }
    Ok(())
}

fn set_mode<'a>(
    facts: &Facts<'a>,
    world: &mut World<'a>,
    row: &Row<'a>,
    step: &Step,
    (from, to): (MarginMode, MarginMode),
    log: &mut Log,
) -> Result<(), NumberError> {
    let rules = &facts.snapshot.capabilities;
    let blocked = rules.orders_block_mode && has_orders(facts, world, row);
    let Some(live) = world.live.get_mut(row.symbol) else { return Ok(()) };
    let mut refuse = |text: String| log.step(Rule::MarginMode, step, text);
    if from != live.mode || from == to {
        refuse(format!("states {from} to {to}, it is {}", live.mode));
    }
    if to != row.mode {
        refuse(format!("{to} is not what the target asks for"));
    }
    if !row.instrument.margin_modes.allows(to) {
        refuse(format!("the instrument is never {to}"));
    }
    if rules.margin_mode_scope != MarginModeScope::Symbol {
        refuse("the margin mode is not the symbol's own here".into());
    }
    let held = !live.qty.is_zero();
    if (held || row.is_pending()) && !rules.switch_mode_with_position {
        refuse("the venue switches no mode while a position is held".into());
    }
    if blocked {
        refuse("the venue switches no mode while orders rest".into());
    }
    if live.mode != to {
        if let Some(pool) = world.pools.get_mut(&row.instrument.pool) {
            match to {
                MarginMode::Isolated => {
                    live.bucket = live.setting().margin(row.mark.value(live.qty)?)?;
                    pool.equity = pool.equity.minus(live.bucket)?;
                }
                MarginMode::Cross => {
                    pool.equity = pool.equity.plus(live.bucket)?;
                    live.bucket = Usd::ZERO;
                }
            }
        }
        live.mode = to;
    }
    if held { limits::check_pool(facts, world, &row.instrument.pool, step, log) } else { Ok(()) }
}

fn add_margin<'a>(
    facts: &Facts<'a>,
    world: &mut World<'a>,
    row: &Row<'a>,
    step: &Step,
    delta: Usd,
    log: &mut Log,
) -> Result<(), NumberError> {
    let Some(live) = world.live.get_mut(row.symbol) else { return Ok(()) };
    let mut refuse = |text: String| log.step(Rule::Bucket, step, text);
    if facts.snapshot.capabilities.margin_adjustment == MarginAdjustment::None {
        refuse("the venue moves no margin".into());
    }
    if live.mode != MarginMode::Isolated || live.qty.is_zero() {
        refuse("there is no bucket to add to".into());
    }
    live.bucket = live.bucket.plus(delta)?;
    // No more than the position needs at the target leverage after the stress move: a strict bucket gives nothing back.
    let notional = row.mark.value(live.qty.abs())?.max(row.wanted().abs());
    let leverage = row.target.map_or(Leverage::ONE, |target| target.leverage);
    let stress = facts.policy.stress;
    let stressed = leverage.margin(notional.times(Decimal::ONE.plus(stress.get())?)?)?;
    let enough = stressed.plus(stress.of(notional)?)?.plus(Usd::new(1)?)?;
    if live.bucket > enough.times(Decimal::ONE.plus(facts.policy.tolerance.get())?)? {
        refuse(format!("the bucket would have {}, {enough:.4} is enough", live.bucket));
    }
    if let Some(pool) = world.pools.get_mut(&row.instrument.pool) {
        pool.equity = pool.equity.minus(delta)?;
    }
    limits::check_pool(facts, world, &row.instrument.pool, step, log)
}

fn remove_margin<'a>(
    facts: &Facts<'a>,
    world: &mut World<'a>,
    row: &Row<'a>,
    step: &Step,
    amount: Usd,
    log: &mut Log,
) -> Result<(), NumberError> {
    let Some(live) = world.live.get_mut(row.symbol) else { return Ok(()) };
    let mut refuse = |text: String| log.step(Rule::Bucket, step, text);
    if facts.snapshot.capabilities.margin_adjustment != MarginAdjustment::Both
        || row.instrument.margin_modes == MarginModes::StrictIsolated
    {
        refuse("the venue gives no margin back".into());
    }
    if facts.policy.isolated_surplus != Surplus::Remove {
        refuse("the policy leaves surplus margin where it is".into());
    }
    if live.mode != MarginMode::Isolated || live.qty.is_zero() {
        refuse("there is no bucket to take from".into());
    }
    live.bucket = live.bucket.minus(amount)?;
    let need = live.setting().margin(row.mark.value(live.qty)?)?;
    if live.bucket.plus(Usd::new(ROUNDING)?)? < need {
        refuse(format!("the bucket would have {}, the position needs {need:.4}", live.bucket));
    }
    if let Some(pool) = world.pools.get_mut(&row.instrument.pool) {
        pool.equity = pool.equity.plus(amount)?;
    }
    Ok(())
}

/// Whether an order rests on the symbol that the plan has not cancelled by now.
fn has_orders(facts: &Facts<'_>, world: &World<'_>, row: &Row<'_>) -> bool {
    facts
        .snapshot
        .open_orders
        .iter()
        .any(|order| order.symbol == *row.symbol && !world.cancelled.contains(order.venue_order_id.as_str()))
}
