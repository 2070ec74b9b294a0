//! One order: is it what its action says, will the venue take it, and does it stay within its symbol's limits.

use alloc::format;

use evenkeel_types::{
    Decimal, Exact, MarginAdjustment, MarginMode, MinNotionalRule, NumberError, PositionMode, PositionSide,
    Price, Qty, Round, Side, TradingStatus, Usd,
};

use crate::plan::{Action, Phase, Step, Work};
use crate::state::PhaseKind;

use super::facts::{Facts, Live, Row, World, order_costs};
use super::finding::{Log, Rule};
use super::limits;

/// The order of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) side: Side,
    pub(super) position_side: PositionSide,
    pub(super) qty: Qty,
    pub(super) limit: Price,
    pub(super) reduce_only: bool,
}

/// Where the step stands: its phase, and whether more orders on its symbol follow in that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) phase: &'p Phase,
    pub(super) step: &'p Step,
    pub(super) is_last: bool,
}

pub(super) fn check<'a>(
    facts: &Facts<'a>,
    world: &mut World<'a>,
    row: &Row<'a>,
    place: Place<'_>,
    order: Order,
    log: &mut Log,
) -> Result<(), NumberError> {
    let step = place.step;
    let adds = match (step.action, place.phase.kind) {
        (Action::Close | Action::Decrease, PhaseKind::Release) => false,
        (Action::Increase | Action::Open, PhaseKind::Acquire) => true,
        (action, kind) => {
            log.step(Rule::Shape, step, format!("an order that is called {action} in a {kind} phase"));
            return Ok(());
        }
    };
    // One intention per symbol and phase; a large one is several orders of the same name.
    let is_other = |other: &&Step| other.symbol == step.symbol && matches!(other.work, Work::Order { .. });
    if place.phase.steps.iter().filter(is_other).any(|other| other.action != step.action) {
        log.step(
            Rule::Shape,
            step,
            format!("is one of several orders that are not all called {}", step.action),
        );
    }
    if !order.qty.is_positive() {
        log.step(Rule::Size, step, format!("an order of {}", order.qty));
        return Ok(());
    }
    let Some(live) = world.live.get(row.symbol).cloned() else { return Ok(()) };
    let after = live.qty.plus(order.side.signed(order.qty))?;
    if step.qty_after != after {
        log.step(Rule::Chain, step, format!("states {} afterwards, it would be {after}", step.qty_after));
    }
    let value = row.mark.value(order.qty)?;
    if step.value != value {
        log.step(Rule::Value, step, format!("states a value of {}, it is {value}", step.value));
    }
    venue_rules(facts, row, place, order, after, log)?;
    limit_price(facts, row, step, order, log)?;
    envelope(facts, row, &live, step, after, log)?;
    if adds {
        adding(facts, row, &live, place, order, after, log)?;
    } else {
        reducing(row, &live, place, order, after, log)?;
    }
    trade(world, row, order, adds)?;
    if adds {
        limits::check_adding(facts, world, row, step, log)?;
    }
    Ok(())
}

fn venue_rules(
    facts: &Facts<'_>,
    row: &Row<'_>,
    place: Place<'_>,
    order: Order,
    after: Qty,
    log: &mut Log,
) -> Result<(), NumberError> {
    let (step, instrument) = (place.step, row.instrument);
    let adds = place.phase.kind == PhaseKind::Acquire;
    let full_close = step.action == Action::Close && after.is_zero();
    match instrument.status {
        TradingStatus::Trading => {}
        TradingStatus::ReduceOnly if !adds => {}
        status => log.step(Rule::Status, step, format!("the venue takes no such order: {status:?}")),
    }
    if !instrument.lot.divides(order.qty) && !full_close {
        let lot = instrument.lot.get();
        log.step(Rule::Size, step, format!("{} is no multiple of the lot {lot}", order.qty));
    }
    if let Some(max) = instrument.max_qty.filter(|max| order.qty > *max) {
        log.step(Rule::Size, step, format!("{} is above the largest order {max}", order.qty));
    }
    let exempt = match facts.snapshot.capabilities.min_notional {
        MinNotionalRule::ReduceOnlyExempt => order.reduce_only,
        MinNotionalRule::FullCloseExempt => full_close,
        _ => false,
    };
    if let Some(min) = instrument.min_qty.filter(|min| order.qty < *min && !(full_close && exempt)) {
        log.step(Rule::Size, step, format!("{} is below the smallest order {min}", order.qty));
    }
    let notional = order.limit.value(order.qty)?;
    if let Some(min) = instrument.min_notional.filter(|min| notional < *min && !exempt) {
        log.step(
            Rule::MinNotional,
            step,
            format!("worth {notional} at its limit, the venue's minimum is {min}"),
        );
    }
    let leg = match facts.snapshot.position_mode {
        PositionMode::OneWay => PositionSide::Net,
        // The leg that is held before a reduction and after an addition.
        PositionMode::Hedge if (order.side == Side::Buy) == adds => PositionSide::Long,
        PositionMode::Hedge => PositionSide::Short,
    };
    if order.position_side != leg {
        log.step(Rule::PositionSide, step, format!("is for {:?}, the leg is {leg:?}", order.position_side));
    }
    Ok(())
}

/// On the side of the mark where it trades, and no farther than the slippage; one tick, where ticks are coarser.
fn limit_price(
    facts: &Facts<'_>,
    row: &Row<'_>,
    step: &Step,
    order: Order,
    log: &mut Log,
) -> Result<(), NumberError> {
    let (mark, limit) = (row.mark.get(), order.limit.get());
    if !row.instrument.price_rule.accepts(order.limit) {
        log.step(Rule::LimitPrice, step, format!("the venue takes no price of {limit}"));
    }
    let away = match order.side {
        Side::Buy => limit.minus(mark)?,
        Side::Sell => mark.minus(limit)?,
    };
    let nearest = row.instrument.price_rule.round(row.mark, Round::Aggressive(order.side));
    let room = mark.times(facts.policy.slippage.get())?;
    if away < Decimal::ZERO {
        log.step(Rule::LimitPrice, step, format!("{limit} is on the passive side of the mark {mark}"));
    } else if away > room && nearest != Ok(order.limit) {
        let slippage = facts.policy.slippage;
        log.step(Rule::LimitPrice, step, format!("{limit} is farther than {slippage} from the mark {mark}"));
    }
    Ok(())
}

/// The position that it leaves must lie within what was approved, or nearer to that than before.
fn envelope(
    facts: &Facts<'_>,
    row: &Row<'_>,
    live: &Live,
    step: &Step,
    after: Qty,
    log: &mut Log,
) -> Result<(), NumberError> {
    let Some(span) = facts.state.envelope.as_ref().and_then(|envelope| envelope.symbols.get(row.symbol))
    else {
        return Ok(());
    };
    let (was, is) = (row.mark.value(live.qty)?, row.mark.value(after)?);
    let outside = |value: Usd| -> Result<Usd, NumberError> {
        Ok(value.minus(span.high)?.max(span.low.minus(value)?).max(Usd::ZERO))
    };
    // Prices move: what the market carried outside may be brought back in several orders.
    let returns = is.abs() < was.abs() && outside(is)? < outside(was)?;
    if outside(is)?.is_positive() && !returns {
        let (low, high) = (span.low, span.high);
        log.step(Rule::OutsideEnvelope, step, format!("would hold {is}, approved was {low} to {high}"));
    }
    Ok(())
}

fn reducing(
    row: &Row<'_>,
    live: &Live,
    place: Place<'_>,
    order: Order,
    after: Qty,
    log: &mut Log,
) -> Result<(), NumberError> {
    let step = place.step;
    if Side::closing(live.qty) != Some(order.side) {
        log.step(Rule::Direction, step, format!("a {} does not reduce {}", order.side, live.qty));
    }
    if !order.reduce_only {
        log.step(Rule::Direction, step, format!("a {} must be reduce-only", step.action));
    }
    if live.added {
        log.step(Rule::Direction, step, "reduces what the plan has added".into());
    }
    // What may already have been sold of a long must stay, or the two together would flip it.
    let outstanding = if live.qty.is_negative() { row.pending.buy } else { row.pending.sell };
    let room = live.qty.abs().minus(outstanding.abs())?.max(Qty::ZERO);
    if order.qty > room {
        log.step(Rule::ReduceOnly, step, format!("reduces by {}, {room} can be reduced", order.qty));
    }
    let ends = match step.action {
        Action::Close => after.is_zero() || !place.is_last || row.is_pending(),
        _ => !after.is_zero(),
    };
    if !ends {
        log.step(Rule::Chain, step, format!("is called {} and leaves {after}", step.action));
    }
    Ok(())
}

fn adding(
    facts: &Facts<'_>,
    row: &Row<'_>,
    live: &Live,
    place: Place<'_>,
    order: Order,
    after: Qty,
    log: &mut Log,
) -> Result<(), NumberError> {
    let step = place.step;
    let Some(target) = row.target else { return Ok(()) };
    let wanted = if target.notional.is_negative() { Side::Sell } else { Side::Buy };
    if target.notional.is_zero() || order.side != wanted {
        log.step(Rule::Direction, step, format!("a {} towards {}", order.side, target.notional));
    }
    if order.reduce_only {
        log.step(Rule::Direction, step, format!("a {} cannot be reduce-only", step.action));
    }
    let begins = if step.action == Action::Open {
        // A split open goes on as one.
        live.qty.is_zero() || live.added
    } else {
        !live.qty.is_zero()
    };
    if !begins || after.abs() < live.qty.abs() {
        log.step(Rule::Direction, step, format!("is called {} and starts from {}", step.action, live.qty));
    }
    if row.is_pending() {
        log.step(Rule::Pending, step, "adds while it is not known what is held".into());
    }
    if let Some(why) = facts.state.set_aside.get(row.symbol) {
        log.step(Rule::SetAside, step, format!("adds although it was set aside: {why}"));
    }
    if facts.state.release_only {
        log.step(Rule::Forward, step, "adds while the run may only reduce".into());
    }
    let leverage = target.leverage;
    if !live.is_set(leverage, row.mode) {
        log.step(
            Rule::LeverageUnset,
            step,
            format!("is set to {}x/{}x {}, not {leverage}x {}", live.long, live.short, live.mode, row.mode),
        );
    }
    if leverage > facts.policy.max_leverage {
        let max = facts.policy.max_leverage;
        log.step(Rule::LeverageStep, step, format!("adds at {leverage}x, max_leverage is {max}x"));
    }
    let worst = order.limit.max(row.mark);
    let resting = row.worst_notional(after)?.minus(row.mark.value(after.abs())?)?;
    let notional = worst.value(after.abs())?.plus(resting)?;
    tier(row, step, notional, log);
    if let Some(max) = facts.policy.max_position(row.symbol).filter(|max| notional > *max) {
        log.step(Rule::PositionCap, step, format!("would be worth {notional}, max_position is {max}"));
    }
    let mut total = Qty::ZERO;
    for other in place.phase.steps.iter().filter(|other| other.symbol == step.symbol) {
        total = total.plus(other.signed_qty())?;
    }
    let total = row.mark.value(total.abs())?;
    if total < facts.policy.min_trade {
        let min = facts.policy.min_trade;
        log.step(Rule::MinNotional, step, format!("trades {total}, min_trade is {min}"));
    }
    bucket(facts, row, live, step, log)
}

fn tier(row: &Row<'_>, step: &Step, notional: Usd, log: &mut Log) {
    let Some(target) = row.target else { return };
    // The maximum that the venue states for the very position that is held.
    let own = row.position.and_then(|position| position.max_leverage);
    let max = row.instrument.tiers.at(notional).max_leverage;
    let max = own.filter(|_| step.action == Action::Increase).map_or(max, |own| own.min(max));
    if target.leverage > max {
        log.step(
            Rule::Tier,
            step,
            format!("at {notional} the venue allows {max}x, not {}x", target.leverage),
        );
    }
    if let Some(cap) = row.instrument.tiers.cap().filter(|cap| notional > *cap) {
        log.step(Rule::Tier, step, format!("would be worth {notional}, the venue allows {cap}"));
    }
}

/// Adding fills the bucket for what is added only: what is held must be covered already, where margin can be added.
fn bucket(
    facts: &Facts<'_>,
    row: &Row<'_>,
    live: &Live,
    step: &Step,
    log: &mut Log,
) -> Result<(), NumberError> {
    let can_add = facts.snapshot.capabilities.margin_adjustment != MarginAdjustment::None;
    if live.mode != MarginMode::Isolated || live.qty.is_zero() || live.added || !can_add {
        return Ok(());
    }
    let need = live.setting().margin(row.mark.value(live.qty)?)?;
    let least = need.times(Decimal::ONE.minus(facts.policy.tolerance.get())?)?;
    if live.bucket < least {
        log.step(Rule::Bucket, step, format!("the bucket has {}, the position needs {need:.4}", live.bucket));
    }
    Ok(())
}

/// The account after the order, filled whole at its limit.
fn trade<'a>(world: &mut World<'a>, row: &Row<'a>, order: Order, adds: bool) -> Result<(), NumberError> {
    let (fee, slippage) = order_costs(row, order.qty, order.limit)?;
    world.costs = world.costs.plus(fee)?.plus(slippage)?;
    let (Some(live), Some(pool)) =
        (world.live.get_mut(row.symbol), world.pools.get_mut(&row.instrument.pool))
    else {
        return Ok(());
    };
    pool.equity = pool.equity.minus(fee)?;
    match (live.mode, adds) {
        (MarginMode::Cross, true) => {
            let above = order.limit.get().minus(row.mark.get())?.max(Decimal::ZERO);
            let above = Usd::new(above.times(order.qty.get())?)?;
            let setting = if order.side == Side::Buy { live.long } else { live.short };
            pool.premium = pool.premium.plus(setting.margin(above)?)?;
            pool.equity = pool.equity.minus(slippage)?;
        }
        (MarginMode::Cross, false) => pool.equity = pool.equity.minus(slippage)?,
        (MarginMode::Isolated, true) => {
            let setting = if order.side == Side::Buy { live.long } else { live.short };
            let draw = setting.margin(order.limit.max(row.mark).value(order.qty)?)?;
            pool.equity = pool.equity.minus(draw)?;
            live.bucket = live.bucket.plus(draw)?.minus(slippage)?;
        }
        (MarginMode::Isolated, false) => {
            let share = order.qty.min(live.qty.abs()).get();
            let held = live.qty.abs().get();
            let freed =
                if held.is_zero() { Usd::ZERO } else { live.bucket.times(share)?.times_over(held)? };
            live.bucket = live.bucket.minus(freed)?;
            pool.equity = pool.equity.plus(freed)?.minus(slippage)?;
        }
    }
    live.qty = live.qty.plus(order.side.signed(order.qty))?;
    live.added |= adds;
    Ok(())
}

trait Over: Sized {
    fn times_over(self, divisor: Decimal) -> Result<Self, NumberError>;
}

impl Over for Usd {
    fn times_over(self, divisor: Decimal) -> Result<Self, NumberError> {
        Usd::new(self.get().over(divisor)?)
    }
}
