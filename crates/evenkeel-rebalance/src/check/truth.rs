//! Whether the plan leads where the target says, and whether the figures beside it are true.

use alloc::collections::BTreeMap;
use alloc::format;

use evenkeel_types::{Decimal, Exact, MarginMode, NumberError, Qty, Round, Symbol, TradingStatus, Usd};

use crate::plan::{AccountView, Action, Plan, Step, Work};
use crate::state::PhaseKind;

use super::facts::{Facts, ROUNDING, Row, World, order_costs};
use super::finding::{Log, Rule};

/// Every traded symbol ends no farther from its target than it began, and not beyond it.
pub(super) fn target(
    facts: &Facts<'_>,
    world: &World<'_>,
    plan: &Plan,
    log: &mut Log,
) -> Result<(), NumberError> {
    let scale = plan.cap.scale;
    // Whether each traded symbol is added to.
    let mut traded: BTreeMap<&Symbol, bool> = BTreeMap::new();
    for step in plan.steps().filter(|step| matches!(step.work, Work::Order { .. })) {
        *traded.entry(&step.symbol).or_insert(false) |=
            matches!(step.action, Action::Open | Action::Increase);
    }
    for (symbol, row) in &facts.rows {
        let end = world.qty(symbol);
        let Some(adds) = traded.get(*symbol).copied().filter(|_| row.target.is_some()) else { continue };
        let held_back = is_held_back(facts, world, row, scale)?;
        if let Some(text) = misses(facts, row, end, (scale, plan.cap.room), adds)?.filter(|_| !held_back) {
            log.symbol(Rule::TargetTruth, symbol, text);
        }
    }
    net(facts, world, log)
}

/// Whether the limit on the net keeps it from its scaled target.
fn is_held_back(
    facts: &Facts<'_>,
    world: &World<'_>,
    row: &Row<'_>,
    scale: Decimal,
) -> Result<bool, NumberError> {
    let Some(max) = facts.policy.max_net else { return Ok(false) };
    let missing = row.wanted().times(scale)?.minus(row.mark.value(world.qty(row.symbol))?)?;
    let along = missing.is_negative() == row.wanted().is_negative();
    Ok(along && world.net(facts)?.plus(missing)?.abs() > max)
}

/// Between the scaled target, cut off by its own limits, and the target itself is where a symbol should be.
fn misses(
    facts: &Facts<'_>,
    row: &Row<'_>,
    end: Qty,
    (scale, plan_room): (Decimal, Decimal),
    adds: bool,
) -> Result<Option<alloc::string::String>, NumberError> {
    let wanted = row.wanted();
    let along = |value: Usd| if wanted.is_negative() { value.negated() } else { value };
    let (was, is) = (along(row.mark.value(row.start)?), along(row.mark.value(end)?));
    let outer = wanted.abs();
    let scaled = outer.times(scale)?;
    // What found no room under the limits was not to be added either.
    let inner = cut_off(facts, row, scaled)?.times(plan_room)?;
    let lot = row.lot()?;
    let distance =
        |value: Usd| Ok::<_, NumberError>(inner.minus(value)?.max(value.minus(outer)?).max(Usd::ZERO));
    if adds && is > scaled.plus(lot)? && is > was.max(Usd::ZERO) {
        return Ok(Some(format!("ends at {is}, its scaled target is {scaled:.4}")));
    }
    // What a required reduction may overshoot by: the smallest order that the venue takes.
    let smallest = row.instrument.min_notional.unwrap_or(Usd::ZERO);
    let smallest = match row.instrument.min_qty {
        Some(qty) => smallest.max(row.mark.value(qty)?),
        None => smallest,
    };
    // The smallest order is worth its minimum at the limit, so a little more at the mark.
    let smallest = smallest.max(facts.policy.min_trade).over_rest(facts.policy.slippage.get())?;
    let near = inner.minus(is)?.abs() <= smallest.plus(lot)?.plus(lot)?;
    if distance(is)? > distance(was)?.plus(lot)? && !near {
        return Ok(Some(format!(
            "ends at {is}, from {was}, its target is {outer} and {inner:.4} after scale and limits"
        )));
    }
    if is < was && is < inner && !near {
        return Ok(Some(format!("is reduced to {is}, below its scaled target {inner:.4}")));
    }
    Ok(None)
}

/// The least that the limits of the symbol alone may leave of a target, at the worst price of its orders.
fn cut_off(facts: &Facts<'_>, row: &Row<'_>, scaled: Usd) -> Result<Usd, NumberError> {
    let wanted = row.target.map_or(facts.target.leverage, |target| target.leverage);
    // Where its leverage cannot be changed the position has to fit the one it has.
    let highest = row.position.map_or(wanted, |position| position.leverage.max(wanted));
    let forbidding = row.instrument.tiers.as_slice().iter().find(|tier| tier.max_leverage < highest);
    let most = [
        facts.policy.max_position(row.symbol),
        forbidding.map(|tier| tier.notional_floor),
        row.instrument.tiers.cap(),
    ]
    .into_iter()
    .flatten()
    .min();
    // The worst price of an order: the slippage, or one tick where ticks are coarser.
    let tick = match row.instrument.price_rule.round(row.mark, Round::Up) {
        Ok(price) => price.get().over(row.mark.get())?,
        Err(_) => Decimal::ONE,
    };
    let worst = Decimal::ONE.plus(facts.policy.slippage.get())?.max(tick);
    // What may be filled without the plan's doing is part of the position.
    let (buys, sells) = row.resting;
    let (resting, pending) =
        if row.wanted().is_negative() { (sells, row.pending.sell) } else { (buys, row.pending.buy) };
    let open = resting.plus(row.mark.value(pending.abs())?)?;
    let mut cut = match most {
        Some(most) => scaled.min(Usd::new(most.get().over(worst)?)?.minus(open)?.max(Usd::ZERO)),
        None => scaled,
    };
    let same_side = row.wanted().is_negative() == row.start.is_negative();
    let stays = if same_side { row.mark.value(row.start.abs())? } else { Usd::ZERO };
    if row.instrument.status != TradingStatus::Trading || facts.state.set_aside.contains_key(row.symbol) {
        cut = cut.min(stays);
    }
    Ok(cut)
}

trait OverRest: Sized {
    fn over_rest(self, part: Decimal) -> Result<Self, NumberError>;
}

impl OverRest for Usd {
    /// What is `self` once `part` of it is taken off.
    fn over_rest(self, part: Decimal) -> Result<Self, NumberError> {
        Usd::new(self.get().over(Decimal::ONE.minus(part)?)?)
    }
}

/// Net exposure: what is added may not carry it over its limit. Reducing one leg of a hedge may.
fn net(facts: &Facts<'_>, world: &World<'_>, log: &mut Log) -> Result<(), NumberError> {
    let Some(max) = facts.policy.max_net else { return Ok(()) };
    let net = world.net(facts)?;
    if net.abs() <= max {
        return Ok(());
    }
    let along = |value: Usd| if net.is_negative() { value.negated() } else { value };
    for (symbol, row) in &facts.rows {
        let was = along(row.mark.value(row.start)?).max(Usd::ZERO);
        if along(row.mark.value(world.qty(symbol))?) > was {
            log.symbol(Rule::AccountCap, symbol, format!("adds to a net of {net}, max_net is {max}"));
        }
    }
    Ok(())
}

/// Costs are sums over the steps.
pub(super) fn costs(facts: &Facts<'_>, plan: &Plan, log: &mut Log) -> Result<(), NumberError> {
    let (mut trades, mut turnover, mut fees, mut slippage) = (0_u32, Usd::ZERO, Usd::ZERO, Usd::ZERO);
    let (mut adding, mut lots, mut realized) = (Usd::ZERO, Usd::ZERO, Some(Usd::ZERO));
    for step in plan.steps() {
        turnover = turnover.plus(step.value)?;
        let (Work::Order { qty, limit, .. }, Some(row)) = (&step.work, facts.rows.get(&step.symbol)) else {
            continue;
        };
        trades = trades.saturating_add(1);
        let (fee, slip) = order_costs(row, *qty, *limit)?;
        fees = fees.plus(fee)?;
        slippage = slippage.plus(slip)?;
        if matches!(step.action, Action::Open | Action::Increase) {
            // Bringing back what had to be closed, because it stood above the maximum leverage or because the run
            // has begun to reopen it, is no choice any more; growing it beyond what it was is.
            let brought_back = facts.state.reopening.contains(&step.symbol)
                || row.position.is_some_and(|position| position.leverage > facts.policy.max_leverage);
            let was = row.target.map_or(Usd::ZERO, |target| target.start_notional.abs());
            let free = if brought_back { was } else { Usd::ZERO };
            adding = adding.plus(step.value.minus(free)?.max(Usd::ZERO))?;
            lots = lots.plus(row.lot()?)?;
        } else {
            realized = realized_by(row, step)?.zip(realized).map(|(a, b)| a.plus(b)).transpose()?;
        }
    }
    let stated = &plan.costs;
    for (what, stated, found) in [
        ("turnover", stated.turnover, turnover),
        ("fees", stated.fees, fees),
        ("slippage", stated.slippage, slippage),
    ] {
        if stated != found {
            log.plan(Rule::Costs, format!("states {what} of {stated}, the steps make {found}"));
        }
    }
    if stated.trades != trades {
        log.plan(Rule::Costs, format!("states {} trades, there are {trades}", stated.trades));
    }
    if stated.realized_pnl != realized {
        log.plan(
            Rule::Costs,
            format!("states a realised profit of {:?}, it is {realized:?}", stated.realized_pnl),
        );
    }
    let spent = facts.state.turnover;
    if let Some(max) = facts.policy.max_turnover {
        // What a limit requires is never suppressed, and adding is never required. Sizes are rounded to lots.
        if adding.is_positive() && spent.plus(adding)? > max.plus(lots)? {
            log.plan(Rule::Turnover, format!("adds {adding} after {spent}, max_turnover is {max}"));
        }
    }
    if let Some(envelope) = &facts.state.envelope {
        let total = spent.plus(turnover)?;
        // Like every turnover limit it never stands in the way of what only reduces.
        if adding.is_positive() && total > envelope.turnover {
            let approved = envelope.turnover;
            log.plan(Rule::OutsideEnvelope, format!("would trade {total} in all, approved was {approved}"));
        }
        for step in plan.steps().filter(|step| step.action != Action::CancelOrder) {
            if !envelope.symbols.contains_key(&step.symbol) {
                log.step(Rule::OutsideEnvelope, step, "was not approved".into());
            }
        }
    }
    Ok(())
}

fn realized_by(row: &Row<'_>, step: &Step) -> Result<Option<Usd>, NumberError> {
    let Some(entry) = row.position.and_then(|position| position.entry) else { return Ok(None) };
    let move_since = row.mark.get().minus(entry.get())?;
    // A sale realises what it sells: the opposite of the order's sign is the closed part of the position.
    let closed = step.signed_qty().negated();
    Ok(Some(Usd::new(closed.get().times(move_since)?)?))
}

/// The scale factor and the figures of the cap.
pub(super) fn cap(facts: &Facts<'_>, plan: &Plan, log: &mut Log) -> Result<(), NumberError> {
    let cap = &plan.cap;
    let mut refuse = |text| log.plan(Rule::Scale, text);
    let ceiling = facts.state.scale_ceiling;
    if cap.scale > ceiling || cap.scale < Decimal::ZERO || cap.scale > Decimal::ONE {
        refuse(format!("a scale of {}, allowed is up to {ceiling}", cap.scale));
    }
    if !is_near(cap.account_value.get(), facts.account_value.get())? {
        refuse(format!("an account value of {}, it is {}", cap.account_value, facts.account_value));
    }
    let (mut wanted, mut need) = (Usd::ZERO, Usd::ZERO);
    let mut is_uniform = true;
    for row in facts.rows.values() {
        let notional = match row.target {
            Some(target) => target.notional.abs(),
            None => row.mark.value(row.start.abs())?,
        };
        wanted = wanted.plus(notional)?;
        need = need.plus(row.leverage.margin(notional)?)?;
        is_uniform &= row.leverage == facts.target.leverage || notional.is_zero();
    }
    if !is_near(cap.wanted.get(), wanted.get())? {
        refuse(format!("a wanted gross of {}, it is {wanted}", cap.wanted));
    }
    let max = if is_uniform || need.is_zero() {
        facts.account_value.times(facts.target.leverage.get())?
    } else {
        wanted.times(facts.account_value.get().over(need.get())?)?
    };
    if !is_near(cap.max_gross.get(), max.get())? {
        refuse(format!("a largest gross of {}, it is {max}", cap.max_gross));
    }
    let venue = if wanted.is_zero() { Decimal::ONE } else { max.get().over(wanted.get())?.min(Decimal::ONE) };
    if !is_near(cap.venue_scale, venue)? {
        refuse(format!("a venue's scale of {}, it is {venue}", cap.venue_scale));
    }
    // What single limits cut off needs nothing: the factor is of the rest.
    let (mut run, mut fixed) = (Usd::ZERO, Usd::ZERO);
    for row in facts.rows.values() {
        let margin = row.leverage.margin(row.mark.value(row.start)?)?;
        match row.target {
            Some(target) => {
                run = run.plus(row.leverage.margin(cut_off(facts, row, target.notional.abs())?)?)?;
            }
            None => fixed = fixed.plus(margin)?,
        }
    }
    // Later in a run, what can no longer be reached takes nothing of it.
    if cap.scale > Decimal::ZERO && facts.state.phase == PhaseKind::Release && !plan.is_empty() {
        let need = run.times(cap.scale)?.plus(fixed)?;
        if need > facts.account_value.plus(Usd::new(ROUNDING)?)? {
            refuse(format!("a scale of {} needs {need:.4} of {}", cap.scale, facts.account_value));
        }
    }
    for (what, share, ceiling) in
        [("trim", cap.trim, facts.state.trim_ceiling), ("room", cap.room, facts.state.room_ceiling)]
    {
        if share > ceiling || share < Decimal::ZERO || share > Decimal::ONE {
            refuse(format!("a {what} of {share}, allowed is up to {ceiling}"));
        }
    }
    let (after, before) = (cap.max_gross_after_costs.get(), cap.max_gross.get());
    if after > before && !is_near(after, before)? {
        refuse(format!("more gross after costs than before: {}", cap.max_gross_after_costs));
    }
    Ok(())
}

/// Equal but for the rounding of divisions, which is in the 28th digit.
fn is_near(a: Decimal, b: Decimal) -> Result<bool, NumberError> {
    let room = Decimal::new(1, 18).times(a.abs().max(b.abs()).max(Decimal::ONE))?;
    Ok(a.minus(b)?.abs() <= room)
}

/// The account as it is shown before and after.
pub(super) fn views(
    facts: &Facts<'_>,
    world: &World<'_>,
    plan: &Plan,
    log: &mut Log,
) -> Result<(), NumberError> {
    let start = |row: &Row<'_>| row.start;
    view(facts, ("before", &plan.before), facts.account_value, start, log)?;
    // Filled at its limit, an order pays its fee on the limit; the costs count it on the worse of limit and mark.
    let mut after = facts.account_value;
    for step in plan.steps() {
        if let (Work::Order { qty, limit, .. }, Some(row)) = (&step.work, facts.rows.get(&step.symbol)) {
            let (_, slippage) = order_costs(row, *qty, *limit)?;
            after = after.minus(slippage)?.minus(row.fee.of(limit.value(*qty)?)?)?;
        }
    }
    view(facts, ("after", &plan.after), after, |row| world.qty(row.symbol), log)?;
    for shown in &plan.after.positions {
        if let Some(live) = world.live.get(&shown.symbol)
            && (shown.leverage != live.setting() || shown.margin_mode != live.mode)
        {
            log.symbol(
                Rule::View,
                &shown.symbol,
                format!("is shown {}x {} after", shown.leverage, shown.margin_mode),
            );
        }
    }
    let mut used = Usd::ZERO;
    let before: BTreeMap<&Symbol, _> =
        plan.before.positions.iter().map(|shown| (&shown.symbol, shown)).collect();
    for position in &facts.snapshot.positions {
        if let Some(row) = facts.rows.get(&position.symbol) {
            used = used.plus(match position.isolated {
                Some(bucket) if position.mode == MarginMode::Isolated => bucket.equity.max(Usd::ZERO),
                _ => position.leverage.margin(row.mark.value(position.qty)?)?,
            })?;
        }
        if let Some(shown) = before.get(&position.symbol)
            && (shown.leverage != position.leverage || shown.margin_mode != position.mode)
        {
            log.symbol(
                Rule::View,
                &shown.symbol,
                format!("is shown {}x {} before", shown.leverage, shown.margin_mode),
            );
        }
    }
    let mut held = used;
    for pool in World::new(facts).map(|start| start.pools).unwrap_or_default().values() {
        held = held.plus(pool.hold)?;
    }
    // With or without what the venue holds for resting orders.
    let stated = plan.before.margin_used.get();
    if !is_near(stated, used.get())? && !is_near(stated, held.get())? {
        log.plan(Rule::View, format!("before: margin used {}, it is {used}", plan.before.margin_used));
    }
    Ok(())
}

fn view(
    facts: &Facts<'_>,
    (when, view): (&str, &AccountView),
    account_value: Usd,
    size: impl Fn(&Row<'_>) -> Qty,
    log: &mut Log,
) -> Result<(), NumberError> {
    let mut gross = Usd::ZERO;
    let mut held = 0_usize;
    for row in facts.rows.values() {
        gross = gross.plus(row.mark.value(size(row).abs())?)?;
        held = held.saturating_add(usize::from(!size(row).is_zero()));
    }
    if !is_near(view.account_value.get(), account_value.get())? {
        log.plan(Rule::View, format!("{when}: account value {}, it is {account_value}", view.account_value));
    }
    if !is_near(view.gross.get(), gross.get())? {
        log.plan(Rule::View, format!("{when}: gross {}, it is {gross}", view.gross));
    }
    if view.positions.len() != held {
        log.plan(Rule::View, format!("{when}: {} positions, there are {held}", view.positions.len()));
    }
    for shown in &view.positions {
        let Some(row) = facts.rows.get(&shown.symbol).filter(|row| !size(row).is_zero()) else {
            log.symbol(Rule::View, &shown.symbol, format!("{when}: is shown and not held"));
            continue;
        };
        let value = row.mark.value(size(row))?;
        let share = value.get().over(gross.get())?;
        let distance = match shown.liquidation_price {
            Some(price) => Some(price.get().minus(row.mark.get())?.over(row.mark.get())?),
            None => None,
        };
        let distance_fits = match (shown.liquidation_distance, distance) {
            (Some(a), Some(b)) => is_near(a, b)?,
            (a, b) => a == b,
        };
        let fits = shown.size == size(row) && shown.mark == row.mark && shown.value == value.abs();
        if !fits || !is_near(shown.allocation, share)? || !distance_fits {
            log.symbol(
                Rule::View,
                &shown.symbol,
                format!("{when}: its figures are not those of the position"),
            );
        }
    }
    Ok(())
}
