//! The independent judge of a plan. It shares no code with the planner: it walks the steps on its own picture of the
//! account and asks of every prefix whether all limits hold, so that a mistake has to be made twice to get through.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::ops::Deref;

use evenkeel_types::{NumberError, Snapshot, Symbol};

use crate::plan::{Action, Phase, Plan, Step, Work};
use crate::policy::{OpenOrderPolicy, Policy};
use crate::state::{PhaseKind, RunState};
use crate::target::ResolvedTarget;

mod facts;
mod finding;
mod leverage;
mod limits;
mod order;
mod sequence;
#[cfg(test)]
mod tests;
mod truth;

pub(crate) use facts::wanted_mode;
use facts::{Facts, Row, World};
use finding::Log;
pub use finding::{Finding, Findings, Rule};

/// A plan that [`check`] has passed. Only that can be executed.
///
/// Nothing else makes one: it has no constructor and cannot be read from a file.
///
/// ```compile_fail
/// fn forge(plan: evenkeel_rebalance::Plan) -> evenkeel_rebalance::CheckedPlan {
///     evenkeel_rebalance::CheckedPlan(plan)
/// }
/// ```
///
/// ```compile_fail
/// fn read(text: &str) -> evenkeel_rebalance::CheckedPlan {
///     serde_json::from_str(text).unwrap()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPlan(Plan);

impl CheckedPlan {
    /// The plan, no longer marked as checked.
    #[must_use]
    pub fn into_plan(self) -> Plan {
        self.0
    }
}

impl Deref for CheckedPlan {
    type Target = Plan;
    fn deref(&self) -> &Plan {
        &self.0
    }
}

/// Judges a plan against the same inputs that it was made from, without the planner's code.
///
/// Within a phase every subset and every partial fill of its orders, at their limits and after the policy's stress
/// move, must keep exposure within `account value * leverage`, every pool within its margin, and every reduction from
/// flipping its position. Amounts are in quote currency.
///
/// # Errors
/// [`Findings`] with everything that is wrong; [`Findings::needs_approval`] says whether a new approval would do.
///
/// ```
/// use evenkeel_rebalance::{CheckedPlan, Findings, Plan, Policy, ResolvedTarget, RunState, check};
/// use evenkeel_types::Snapshot;
///
/// fn judge(
///     snapshot: &Snapshot,
///     target: &ResolvedTarget,
///     policy: &Policy,
///     state: &RunState,
///     plan: Plan,
/// ) -> Result<CheckedPlan, Findings> {
///     let checked = check(snapshot, target, policy, state, plan)?;
///     assert!(checked.steps().count() < 1000); // everything of the plan can be read through it
///     Ok(checked)
/// }
/// ```
pub fn check(
    snapshot: &Snapshot,
    target: &ResolvedTarget,
    policy: &Policy,
    state: &RunState,
    plan: Plan,
) -> Result<CheckedPlan, Findings> {
    let mut log = Log::default();
    if let Err(problem) = judge(snapshot, target, policy, state, &plan, &mut log) {
        log.plan(Rule::Arithmetic, format!("{problem}"));
    }
    match Findings::new(log.0) {
        Some(findings) => Err(findings),
        None => Ok(CheckedPlan(plan)),
    }
}

fn judge(
    snapshot: &Snapshot,
    target: &ResolvedTarget,
    policy: &Policy,
    state: &RunState,
    plan: &Plan,
    log: &mut Log,
) -> Result<(), NumberError> {
    let Some(facts) = inputs(snapshot, target, policy, state, log) else { return Ok(()) };
    sequence::identity(&facts, plan, log);
    sequence::order(&facts, plan, log);
    let mut world = match World::new(&facts) {
        Ok(world) => world,
        Err(problem) => {
            log.plan(Rule::Inputs, format!("{problem}"));
            return Ok(());
        }
    };
    sequence::forward(&facts, &world, plan, log)?;
    for phase in &plan.phases {
        walk(&facts, &mut world, phase, log)?;
    }
    sequence::open_orders(&facts, &world, plan, log);
    truth::target(&facts, &world, plan, log)?;
    truth::costs(&facts, plan, log)?;
    truth::cap(&facts, plan, log)?;
    truth::views(&facts, &world, plan, log)
}

/// The inputs, where they can be relied on and belong together.
fn inputs<'a>(
    snapshot: &'a Snapshot,
    target: &'a ResolvedTarget,
    policy: &'a Policy,
    state: &'a RunState,
    log: &mut Log,
) -> Option<Facts<'a>> {
    if target.venue != snapshot.venue || target.account != snapshot.account {
        log.plan(Rule::Inputs, "the target was resolved for another account".into());
    }
    if let Err(problem) = policy.validate() {
        log.plan(Rule::Inputs, format!("{problem}"));
    }
    if let Err(problem) = snapshot.validate(&target.scope()) {
        log.plan(Rule::Inputs, format!("{problem}"));
    }
    if !log.0.is_empty() {
        return None;
    }
    match Facts::new(snapshot, target, policy, state) {
        Ok(facts) => Some(facts),
        Err(problem) => {
            log.plan(Rule::Inputs, format!("{problem}"));
            None
        }
    }
}

/// Up to so many steps in a phase, everything is summed after each of them, so that a finding names the first step
/// that breaks a limit. Longer phases are summed once at their end, or checking would take the square of their length.
/// That finds the same: additions only ever take from what is left, and the leverage phase frees margin first
/// (raises come before lowers, which is a rule of its own), so the end of a phase is its worst point.
const STEPWISE: usize = 64;

fn walk<'a>(
    facts: &Facts<'a>,
    world: &mut World<'a>,
    phase: &Phase,
    log: &mut Log,
) -> Result<(), NumberError> {
    for pool in world.pools.values_mut() {
        pool.premium = evenkeel_types::Usd::ZERO;
    }
    let mut lowered = false;
    let ordered = phase.steps.iter().enumerate().filter(|(_, step)| matches!(step.work, Work::Order { .. }));
    let last_order: BTreeMap<&Symbol, usize> = ordered.map(|(place, step)| (&step.symbol, place)).collect();
    let end = phase.steps.len().saturating_sub(1);
    for (place, step) in phase.steps.iter().enumerate() {
        world.sums = phase.steps.len() <= STEPWISE || place == end;
        let Some(row) = facts.rows.get(&step.symbol).filter(|row| row.target.is_some()) else {
            log.step(Rule::Scope, step, "is not traded by this run".into());
            continue;
        };
        match &step.work {
            Work::Order { side, position_side, qty, limit, reduce_only } => {
                let order = order::Order {
                    side: *side,
                    position_side: *position_side,
                    qty: *qty,
                    limit: *limit,
                    reduce_only: *reduce_only,
                };
                let is_last = last_order.get(&step.symbol) == Some(&place);
                order::check(facts, world, row, order::Place { phase, step, is_last }, order, log)?;
            }
            Work::CancelOrder { venue_order_id } => {
                cancel(facts, world, row, phase, (step, venue_order_id), log)?;
            }
            _ if phase.kind != PhaseKind::Leverage => {
                log.step(Rule::Shape, step, format!("a {} in a {} phase", step.action, phase.kind));
            }
            work => {
                if let Work::SetLeverage { from, to } = work {
                    if lowered && to > from {
                        log.step(
                            Rule::LeverageStep,
                            step,
                            "raises come before lowers: they free margin".into(),
                        );
                    }
                    lowered |= to < from;
                }
                leverage::check(facts, world, row, step, log)?;
            }
        }
    }
    // The last step tested its own pool; in a long phase the others were not.
    if let Some(step) = phase.steps.last().filter(|_| end >= STEPWISE && phase.kind != PhaseKind::Release) {
        let pools: Vec<_> = world.pools.keys().copied().collect();
        for pool in pools {
            limits::check_pool(facts, world, pool, step, log)?;
        }
    }
    if phase.kind == PhaseKind::Release {
        release_holds(facts, world);
    }
    Ok(())
}

fn cancel<'a>(
    facts: &Facts<'a>,
    world: &mut World<'a>,
    row: &Row<'a>,
    phase: &Phase,
    (step, id): (&Step, &str),
    log: &mut Log,
) -> Result<(), NumberError> {
    if step.action != Action::CancelOrder || phase.kind != PhaseKind::Release {
        log.step(
            Rule::Shape,
            step,
            format!("a cancellation called {} in a {} phase", step.action, phase.kind),
        );
    }
    if step.qty_after != world.qty(row.symbol) {
        log.step(Rule::Chain, step, format!("states {} afterwards", step.qty_after));
    }
    if !step.value.is_zero() {
        log.step(Rule::Value, step, format!("trades nothing and states a value of {}", step.value));
    }
    if facts.policy.open_orders != OpenOrderPolicy::Cancel {
        log.step(Rule::OpenOrders, step, "the policy cancels no orders".into());
    }
    let known = facts.snapshot.open_orders.iter().find(|order| order.venue_order_id == *id);
    match known {
        None => log.step(Rule::OpenOrders, step, format!("there is no order {id}")),
        Some(order) if order.symbol != step.symbol => {
            log.step(Rule::OpenOrders, step, format!("order {id} is of {}", order.symbol));
        }
        Some(order) if order.is_protective() => {
            log.step(Rule::OpenOrders, step, format!("order {id} protects the position"));
        }
        Some(order) => {
            if !world.cancelled.insert(&order.venue_order_id) {
                log.step(Rule::OpenOrders, step, format!("order {id} is cancelled twice"));
            }
        }
    }
    Ok(())
}

/// Margin that the venue holds for orders is free once all of the pool are cancelled.
fn release_holds<'a>(facts: &Facts<'a>, world: &mut World<'a>) {
    if world.cancelled.is_empty() {
        return;
    }
    let orders = &facts.snapshot.open_orders;
    for (id, pool) in &mut world.pools {
        let of_pool = |order: &&evenkeel_types::OpenOrder| {
            facts.snapshot.instruments.get(&order.symbol).is_none_or(|instrument| instrument.pool == **id)
        };
        let is_cancelled =
            |order: &&evenkeel_types::OpenOrder| world.cancelled.contains(order.venue_order_id.as_str());
        let any = orders.iter().filter(of_pool).any(|order| is_cancelled(&order));
        // What can only reduce holds no margin.
        let mut others = orders.iter().filter(of_pool).filter(|order| !order.reduce_only);
        if any && others.all(|order| is_cancelled(&order)) {
            pool.hold = evenkeel_types::Usd::ZERO;
        }
    }
}
