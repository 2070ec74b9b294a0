//! The plan as a whole: of which account and moment, in which order, and whether it only goes forward.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;

use evenkeel_types::{NumberError, Symbol};

use crate::plan::{Action, Plan, Step};
use crate::policy::OpenOrderPolicy;
use crate::state::PhaseKind;

use super::facts::{Facts, World};
use super::finding::{Log, Rule};
use super::limits;

/// The version of plans that this checker understands.
const SCHEMA: u32 = 1;

pub(super) fn identity(facts: &Facts<'_>, plan: &Plan, log: &mut Log) {
    let (snapshot, state) = (facts.snapshot, facts.state);
    let mut refuse = |text| log.plan(Rule::Identity, text);
    if plan.schema != SCHEMA {
        refuse(format!("form {}, this checker knows {SCHEMA}", plan.schema));
    }
    if plan.venue != snapshot.venue || plan.account != snapshot.account {
        refuse(format!(
            "is for {} at {}, the snapshot is of {} at {}",
            plan.account, plan.venue, snapshot.account, snapshot.venue
        ));
    }
    if plan.as_of != snapshot.as_of {
        refuse(format!("was made from {}, the snapshot is of {}", plan.as_of, snapshot.as_of));
    }
    let expires = snapshot.as_of.after(facts.policy.plan_validity);
    if plan.expires != expires {
        refuse(format!("expires at {}, the policy says {expires}", plan.expires));
    }
    if plan.round != state.round {
        refuse(format!("is of round {}, the run is in {}", plan.round, state.round));
    }
    if plan.leverage_change != facts.policy.leverage_change {
        refuse(format!("changes leverage by {:?}", plan.leverage_change));
    }
}

/// Numbers, order of phases, what may repeat.
pub(super) fn order(facts: &Facts<'_>, plan: &Plan, log: &mut Log) {
    for (index, step) in plan.steps().enumerate() {
        if u32::try_from(index) != Ok(step.index) {
            log.step(Rule::Sequence, step, format!("is number {index} of the plan"));
        }
    }
    let mut before = None;
    let opens = last_opens(plan);
    let mut is_first_group = true;
    for phase in &plan.phases {
        if phase.steps.is_empty() {
            log.plan(Rule::Sequence, format!("an empty {} phase", phase.kind));
        }
        // A new group begins with what is closed for it.
        if before.is_some_and(|before| before >= phase.kind) {
            is_first_group = false;
            if phase.kind != PhaseKind::Release {
                log.plan(Rule::Sequence, format!("{} follows {}", phase.kind, shown(before)));
            }
        }
        before = Some(phase.kind);
        if phase.kind == PhaseKind::Release && !is_first_group {
            for step in &phase.steps {
                if step.action != Action::CancelOrder && !reopens(facts, &opens, step) {
                    log.step(Rule::Sequence, step, "a further group only closes what it reopens".into());
                }
            }
        }
    }
}

fn shown(kind: Option<PhaseKind>) -> &'static str {
    match kind {
        Some(PhaseKind::Release) => "release",
        Some(PhaseKind::Leverage) => "leverage",
        Some(PhaseKind::Acquire) => "acquire",
        None => "nothing",
    }
}

/// Back to release only above the cap, or to close what is reopened at another leverage or mode.
pub(super) fn forward(
    facts: &Facts<'_>,
    world: &World<'_>,
    plan: &Plan,
    log: &mut Log,
) -> Result<(), NumberError> {
    let slack = facts.policy.cap_tolerance.get();
    let mut above = limits::exposure(facts, world)?.is_exceeded_by(slack)?;
    if let Some(max) = facts.policy.max_exposure {
        let gross = limits::worst_gross(facts, world)?;
        above |= limits::Balance { need: gross, have: max }.is_exceeded_by(slack)?;
    }
    let opens = last_opens(plan);
    let mut last_reopened: BTreeMap<&Symbol, u32> = BTreeMap::new();
    for step in releases(plan).filter(|step| reopens(facts, &opens, step)) {
        last_reopened.insert(&step.symbol, step.index);
    }
    for step in releases(plan) {
        let reopened = reopens(facts, &opens, step);
        // A symbol that waits for its turn may be made smaller first.
        let waits = last_reopened.get(&step.symbol).is_some_and(|later| *later > step.index);
        // What is meant to be reopened may be closed although nothing finds room to be opened in the end.
        let changes = step.action == Action::Close && !wanted_is_zero(facts, step) && !is_set(facts, step);
        if facts.state.phase > PhaseKind::Release && !above && !reopened && !waits && !changes {
            log.step(
                Rule::Forward,
                step,
                format!("goes back to release while the run is in {} and under its cap", facts.state.phase),
            );
        }
        if facts.state.release_only && reopened {
            log.step(Rule::Forward, step, "closes in order to reopen while the run may only reduce".into());
        }
        if reopened && is_set(facts, step) {
            log.step(Rule::Reopen, step, "closes and reopens what has its leverage and mode already".into());
        }
    }
    reopening(facts, world, plan, log);
    Ok(())
}

fn releases(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps().filter(|step| matches!(step.action, Action::Close | Action::Decrease))
}

/// The last step that opens each symbol.
fn last_opens(plan: &Plan) -> BTreeMap<&Symbol, u32> {
    let opens = plan.steps().filter(|step| step.action == Action::Open);
    opens.map(|step| (&step.symbol, step.index)).collect()
}

/// Whether a step closes what a later one opens again on the same side.
fn reopens(facts: &Facts<'_>, opens: &BTreeMap<&Symbol, u32>, step: &Step) -> bool {
    let Some(row) = facts.rows.get(&step.symbol) else { return false };
    let opened = opens.get(&step.symbol).is_some_and(|later| *later > step.index);
    let same_side = row.wanted().is_negative() == row.start.is_negative();
    step.action == Action::Close && opened && same_side
}

fn wanted_is_zero(facts: &Facts<'_>, step: &Step) -> bool {
    facts.rows.get(&step.symbol).is_none_or(|row| row.wanted().is_zero())
}

/// Whether the symbol has the target's leverage, on both sides, and mode before the plan.
fn is_set(facts: &Facts<'_>, step: &Step) -> bool {
    let (Some(row), Ok(setting)) = (facts.rows.get(&step.symbol), facts.snapshot.setting(&step.symbol))
    else {
        return false;
    };
    let covered = row.position.is_none_or(|position| {
        // A bucket that is short of its leverage and cannot be filled is a reason too.
        let need = row.mark.value(position.qty).and_then(|value| setting.of(position.qty).margin(value));
        position.isolated.is_none_or(|bucket| need.is_ok_and(|need| need <= bucket.equity))
    });
    row.target.is_some_and(|target| setting.is(target.leverage)) && setting.mode == row.mode && covered
}

/// How many symbols are flat at once in order to be reopened.
fn reopening(facts: &Facts<'_>, world: &World<'_>, plan: &Plan, log: &mut Log) {
    let last_open = last_opens(plan);
    let opens = |symbol: &Symbol| last_open.contains_key(symbol);
    let mut flat: BTreeSet<&Symbol> = facts
        .state
        .reopening
        .iter()
        .filter(|symbol| world.live.contains_key(symbol) && world.qty(symbol).is_zero() && opens(symbol))
        .collect();
    let allowed = usize::try_from(facts.policy.reopen_at_once).unwrap_or(usize::MAX);
    for step in plan.steps() {
        if reopens(facts, &last_open, step) && flat.insert(&step.symbol) && flat.len() > allowed {
            log.step(
                Rule::Reopen,
                step,
                format!("{} symbols would be flat at once, reopen_at_once is {allowed}", flat.len()),
            );
        } else if step.action == Action::Open {
            flat.remove(&step.symbol);
        }
    }
}

/// Resting orders: nothing while any rests, all of the traded symbols cancelled, or counted.
pub(super) fn open_orders(facts: &Facts<'_>, world: &World<'_>, plan: &Plan, log: &mut Log) {
    let orders = &facts.snapshot.open_orders;
    match facts.policy.open_orders {
        OpenOrderPolicy::Refuse if !orders.is_empty() && !plan.is_empty() => {
            log.plan(Rule::OpenOrders, format!("{} orders rest and the policy refuses any", orders.len()));
        }
        OpenOrderPolicy::Cancel => {
            for order in orders {
                let touched = plan
                    .steps()
                    .any(|step| step.symbol == order.symbol && step.action != Action::CancelOrder);
                if touched && !world.cancelled.contains(order.venue_order_id.as_str()) {
                    let id = &order.venue_order_id;
                    log.symbol(
                        Rule::OpenOrders,
                        &order.symbol,
                        format!("order {id} is neither cancelled nor left in peace"),
                    );
                }
            }
        }
        _ => {}
    }
}
