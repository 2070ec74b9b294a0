//! Any one field of a planner's plan, made wrong, is found or changes nothing that is sent or approved.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;

use evenkeel_types::Decimal;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::{Phase, Plan, PlanBody, RunState, Step, Work, check, plan};

use super::planned::{cases, config};
use super::scenario::{Breadth, scenario};

/// What a plan says beside what it does: words, the other way of changing leverage, and figures of the account
/// afterwards that depend on how the venue computes them.
const WORDS: [&str; 11] = [
    // How much margin is moved is left to the planner, between what is needed and what is free.
    "/delta",
    "/notes",
    "/alternative",
    "/reason",
    "/after/margin_used",
    "/liquidation_price",
    "/liquidation_distance",
    // A smaller share or cap than was used only makes later plans of the run smaller.
    "/cap/max_gross_after_costs",
    "/cap/scale",
    "/cap/trim",
    "/cap/room",
];

fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| leaves(field, &format!("{path}/{name}"), found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| leaves(item, &format!("{path}/{index}"), found));
        }
        _ => found.push(path.to_string()),
    }
}

/// Another value of the same type, where there is one.
fn corrupt(value: &mut Value, how: usize) {
    *value = match &*value {
        Value::Bool(flag) => Value::Bool(!flag),
        Value::Number(number) => Value::from(number.as_u64().unwrap_or(0) + 1 + how as u64),
        Value::String(text) => match text.parse::<Decimal>() {
            Ok(number) => {
                let by = [Decimal::ONE, Decimal::new(1, 2), -Decimal::ONE, Decimal::new(1, 5)][how % 4];
                let other = if how < 4 { number + by } else { number * (Decimal::ONE + by) };
                Value::from(other.to_string())
            }
            Err(_) => {
                let words = [
                    "buy",
                    "sell",
                    "net",
                    "long",
                    "short",
                    "OPEN",
                    "CLOSE",
                    "INCREASE",
                    "DECREASE",
                    "SET_LEVERAGE",
                    "release",
                    "leverage",
                    "acquire",
                    "cross",
                    "isolated",
                    "AAA",
                    "BBB",
                    "ZZZ",
                    "auto",
                    "reopen",
                ];
                Value::from(words[how % words.len()])
            }
        },
        Value::Null => Value::from("1"),
        other => other.clone(),
    };
}

/// Phases the other way round, an order less, a step twice. A setting that is not written is no fault by itself:
/// nothing that needs it passes.
fn rearrange(body: &mut PlanBody, how: usize) {
    match how % 3 {
        0 => body.phases.reverse(),
        1 => {
            let orders = |phase: &&mut Phase| {
                matches!(phase.steps.last(), Some(Step { work: Work::Order { .. }, .. }))
            };
            if let Some(phase) = body.phases.iter_mut().find(orders) {
                phase.steps.pop();
            }
        }
        _ => {
            if let Some(phase) = body.phases.last_mut() {
                let step = phase.steps[0].clone();
                phase.steps.push(step);
            }
        }
    }
}

#[test]
fn a_corrupted_plan_is_found() {
    let inputs =
        (scenario(Breadth::Usual), any::<prop::sample::Index>(), 0_usize..40, prop::bool::weighted(0.1));
    let corrupted = Cell::new(0_u32);
    let outcome = TestRunner::new(config(256)).run(&inputs, |(scenario, at, how, rearranged)| {
        let Some(scenario) = scenario else { return Ok(()) };
        let (snapshot, policy, state) = (&scenario.snapshot, &scenario.policy, RunState::start());
        let Ok(target) = scenario.target.resolve(snapshot) else { return Ok(()) };
        let Ok(good) = plan(snapshot, &target, policy, &state) else { return Ok(()) };
        if good.is_empty() {
            return Ok(());
        }
        let mut what = String::from("rearranged");
        let mut body: PlanBody = (*good).clone();
        if rearranged {
            rearrange(&mut body, how);
        } else {
            let mut value = serde_json::to_value(&body).unwrap();
            let mut paths = Vec::new();
            leaves(&value, "", &mut paths);
            paths.retain(|path| !WORDS.iter().any(|words| path.contains(words)));
            what = at.get(&paths).clone();
            corrupt(value.pointer_mut(&what).unwrap(), how);
            // What no longer reads as a plan is refused before it is checked.
            let Ok(read) = serde_json::from_value(value) else { return Ok(()) };
            body = read;
        }
        if body == *good {
            return Ok(());
        }
        corrupted.set(corrupted.get() + 1);
        let text = serde_json::to_string_pretty(&body).unwrap();
        let passed = check(snapshot, &target, policy, &state, Plan::seal(body).unwrap()).is_ok();
        prop_assert!(!passed, "{what} was corrupted and not found\n{text}");
        Ok(())
    });
    outcome.unwrap();
    assert!(corrupted.get() > cases(256) / 8, "only {} plans were corrupted", corrupted.get());
}
