//! Planning and checking for 10, 100, 1 000 and 10 000 symbols, every one of which trades and changes its leverage. Run
//! with `cargo bench -p evenkeel-benches --bench plan`; the growth table comes first.

use std::hint::black_box;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use evenkeel_benches::{account, equal_weights, number};
use evenkeel_paper::profiles;
use evenkeel_rebalance::{Policy, ResolvedTarget, RunState, Target, check, plan};
use evenkeel_types::Snapshot;

const SIZES: [u32; 4] = [10, 100, 1_000, 10_000];

fn main() {
    growth();
    divan::main();
}

struct Input {
    snapshot: Snapshot,
    target: ResolvedTarget,
    policy: Policy,
    state: RunState,
}

fn input(count: u32) -> Input {
    let snapshot = account(count, profiles::hyperliquid().capabilities);
    let target = Target::weights(equal_weights(count)).expect("weights that sum to 1").leverage(number(2));
    let target = target.resolve(&snapshot).expect("a target for this account");
    Input { snapshot, target, policy: Policy::conservative(), state: RunState::start() }
}

/// Medians of a few runs each: enough to see whether time per symbol stays the same.
#[allow(clippy::print_stdout, reason = "a benchmark reports there")]
fn growth() {
    println!(
        "{:>8} {:>12} {:>14} {:>12} {:>14} {:>7}",
        "symbols", "plan", "per symbol", "check", "per symbol", "steps"
    );
    for count in SIZES {
        let Input { snapshot, target, policy, state } = input(count);
        let made = plan(&snapshot, &target, &policy, &state).expect("a plan");
        let planning = median(|| {
            black_box(plan(&snapshot, &target, &policy, &state).expect("a plan"));
        });
        let checking = median(|| {
            black_box(check(&snapshot, &target, &policy, &state, made.clone()).expect("a plan that passes"));
        });
        let each = |total: Duration| total / count.max(1);
        println!(
            "{count:>8} {planning:>12.1?} {:>14.1?} {checking:>12.1?} {:>14.1?} {:>7}",
            each(planning),
            each(checking),
            made.steps().count()
        );
    }
    println!();
}

/// Of seven runs; of the first alone where it is long.
#[allow(clippy::disallowed_methods, reason = "measuring real time is what this is for")]
fn median(mut run: impl FnMut()) -> Duration {
    let mut times = Vec::new();
    for _ in 0..7 {
        let began = std::time::Instant::now();
        run();
        times.push(began.elapsed());
        if times[0] > Duration::from_secs(1) {
            break;
        }
    }
    times.sort();
    times[times.len() / 2]
}

#[divan::bench(args = SIZES, sample_count = 20, max_time = 2)]
fn plan_account(bencher: Bencher<'_, '_>, count: u32) {
    let Input { snapshot, target, policy, state } = input(count);
    bencher.counter(ItemsCount::new(count)).bench_local(|| plan(&snapshot, &target, &policy, &state));
}

#[divan::bench(args = SIZES, sample_count = 20, max_time = 2)]
fn check_plan(bencher: Bencher<'_, '_>, count: u32) {
    let Input { snapshot, target, policy, state } = input(count);
    let made = plan(&snapshot, &target, &policy, &state).expect("a plan");
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| made.clone())
        .bench_local_values(|made| check(&snapshot, &target, &policy, &state, made));
}
