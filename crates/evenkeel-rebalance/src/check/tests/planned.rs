//! What the planner makes passes, in every round of a run.

extern crate std;

use alloc::string::ToString;
use core::cell::Cell;

use evenkeel_types::{Qty, Snapshot, Symbol, Usd};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::{Envelope, PhaseKind, Plan, ResolvedTarget, RunState, check, plan};

use super::scenario::{Breadth, Scenario, scenario};
use super::venue;

/// How many cases; the environment may ask for more.
pub(super) fn cases(standard: u32) -> u32 {
    std::env::var("EVENKEEL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(standard)
}

pub(super) fn config(standard: u32) -> Config {
    Config { cases: cases(standard), failure_persistence: None, ..Config::default() }
}

fn judge(
    scenario: &Scenario,
    target: &ResolvedTarget,
    state: &RunState,
    plan: Plan,
) -> Result<(), TestCaseError> {
    let text = serde_json::to_string_pretty(&plan).unwrap();
    match check(&scenario.snapshot, target, &scenario.policy, state, plan) {
        Ok(_) => Ok(()),
        Err(findings) => Err(TestCaseError::fail(findings.to_string() + "\n" + &text)),
    }
}

fn first_plans(breadth: Breadth) {
    let with_steps = Cell::new(0_u32);
    let outcome = TestRunner::new(config(256)).run(&scenario(breadth), |scenario| {
        let Some(scenario) = scenario else { return Ok(()) };
        let Ok(target) = scenario.target.resolve(&scenario.snapshot) else { return Ok(()) };
        let state = RunState::start();
        let Ok(plan) = plan(&scenario.snapshot, &target, &scenario.policy, &state) else { return Ok(()) };
        with_steps.set(with_steps.get() + u32::from(!plan.is_empty()));
        judge(&scenario, &target, &state, plan)
    });
    outcome.unwrap();
    assert!(with_steps.get() > cases(256) / 4, "only {} plans had a step", with_steps.get());
}

#[test]
fn first_plans_of_random_accounts_pass() {
    first_plans(Breadth::Usual);
}

#[test]
fn first_plans_pass_whatever_the_venue_and_the_policy() {
    first_plans(Breadth::Everything);
}

/// What was approved, with room for the prices that follow.
fn approve(plan: &Plan, target: &ResolvedTarget, snapshot: &Snapshot, policy: &crate::Policy) -> Envelope {
    let lot = |symbol: &Symbol| {
        let qty = Qty::new(snapshot.instruments[symbol].lot.get()).unwrap();
        snapshot.quotes[symbol].mark.value(qty).unwrap()
    };
    let lots = target.symbols.keys().map(|symbol| (symbol.clone(), lot(symbol))).collect();
    let mut envelope = plan.envelope(target, &lots, policy).unwrap();
    for span in envelope.symbols.values_mut() {
        span.low = span.low.min(Usd::ZERO);
        span.high = span.high.max(Usd::ZERO);
    }
    envelope.gross = envelope.gross.times(2.into()).unwrap();
    envelope.turnover = envelope.turnover.times(9.into()).unwrap().plus(Usd::new(9_000).unwrap()).unwrap();
    envelope
}

/// Whatever part of a phase that adds was filled, exposure is within equity times leverage and no pool is short.
fn within_limits(snapshot: &Snapshot, target: &ResolvedTarget) -> Result<(), TestCaseError> {
    let mut need = Usd::ZERO;
    for position in &snapshot.positions {
        let named = target.symbols.get(&position.symbol).filter(|wanted| wanted.weight.is_some());
        let leverage = named.map_or(target.leverage, |wanted| wanted.leverage);
        let notional = position.notional(snapshot.quotes[&position.symbol].mark).unwrap();
        need = need.plus(leverage.margin(notional).unwrap()).unwrap();
    }
    prop_assert!(need <= snapshot.account_value().unwrap(), "needs {need} of equity");
    prop_assert!(snapshot.pools.iter().all(|pool| !pool.free.is_negative()), "{:?}", snapshot.pools);
    Ok(())
}

fn whole_runs(breadth: Breadth) {
    let fill = prop_oneof![5 => Just(100_u32), 1 => 1_u32..100, 1 => Just(0)];
    let drift = prop_oneof![3 => Just(0_i64), 2 => -8_i64..=8];
    let inputs =
        (scenario(breadth), prop::collection::vec(fill, 8), prop::collection::vec(drift, 5), any::<bool>());
    let rounds_seen = Cell::new(0_u32);
    let outcome = TestRunner::new(config(256)).run(&inputs, |(scenario, fills, drift, approved)| {
        let Some(mut scenario) = scenario else { return Ok(()) };
        // The venue takes the account's own fee; a policy that plans with less plans for another account.
        scenario.policy.fee = None;
        let Ok(target) = scenario.target.resolve(&scenario.snapshot) else { return Ok(()) };
        let mut state = RunState::start();
        for round in 0..10 {
            let Ok(plan) = plan(&scenario.snapshot, &target, &scenario.policy, &state) else { break };
            judge(&scenario, &target, &state, plan.clone())?;
            let Some(phase) = plan.phases.first() else { break };
            rounds_seen.set(rounds_seen.get() + 1);
            if round == 0 && approved {
                state.envelope = Some(approve(&plan, &target, &scenario.snapshot, &scenario.policy));
            }
            state.begin(&plan);
            venue::carry_out(&mut scenario.snapshot, &mut state, phase, &fills[round % 4..]);
            if phase.kind == PhaseKind::Acquire {
                within_limits(&scenario.snapshot, &target)?;
            }
            if round % 2 == 0 {
                venue::drift(&mut scenario.snapshot, &drift);
            }
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(rounds_seen.get() > cases(256) / 4, "only {} rounds", rounds_seen.get());
}

#[test]
fn every_plan_of_a_random_run_passes() {
    whole_runs(Breadth::Cross);
}

#[test]
fn every_plan_of_a_random_run_with_buckets_passes() {
    whole_runs(Breadth::Usual);
}
