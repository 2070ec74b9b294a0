//! How many round trips to the venue a whole rebalance waits for, one after another. That is what a user waits for; it
//! must not grow with the number of symbols. Run with `cargo bench -p evenkeel-benches --bench round_trips`.
//!
//! No times here: on an exchange in memory they would mean nothing. It ends with an error when the number grows.

use std::process::ExitCode;

use evenkeel_benches::{account, equal_weights, number};
use evenkeel_exchange::Cancel;
use evenkeel_executor::{Report, execute, preview};
use evenkeel_paper::{PaperVenue, Profile, profiles};
use evenkeel_rebalance::{LeverageChange, Policy, Target};
use evenkeel_store::MemoryJournal;

const SIZES: [u32; 3] = [2, 10, 50];

#[allow(clippy::print_stdout, reason = "a benchmark reports there")]
fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut grows = false;
    println!("{:<12} {:>8} {:>7} {:>7} {:>8}  outcome", "venue", "symbols", "trades", "rounds", "trips");
    for profile in profiles::all() {
        let mut trips = Vec::new();
        for count in SIZES {
            let report = runtime.block_on(rebalance(&profile, count));
            println!(
                "{:<12} {count:>8} {:>7} {:>7} {:>8}  {}",
                profile.name,
                report.trades.len(),
                report.rounds,
                report.trips,
                report.outcome
            );
            trips.push(report.trips);
        }
        grows |= trips.iter().any(|found| *found > trips[0]);
    }
    if grows {
        println!("\nthe number of round trips grows with the number of symbols");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Half of the symbols go down, half go up, and every leverage changes in place.
async fn rebalance(profile: &Profile, count: u32) -> Report {
    let snapshot = account(count, profile.capabilities.clone());
    let venue = PaperVenue::fork(&snapshot, profile, 1).expect("an account that adds up");
    let target = Target::weights(equal_weights(count)).expect("weights that sum to 1").leverage(number(2));
    let mut policy = Policy::conservative();
    policy.leverage_change = LeverageChange::Auto;
    let preview = preview(&venue, &target, &policy).await.expect("a plan");
    let journal = MemoryJournal::new();
    execute(&venue, &journal, &venue.clock(), preview.approve(), &mut |_| {}, &Cancel::new()).await
}
