//! What every test needs: a target, a run, and the futures of the paper exchange, which never wait.

use evenkeel_exchange::{Cancel, Clock};
use evenkeel_executor::{Event, Preview, Report, execute, preview};
use evenkeel_paper::PaperVenue;
use evenkeel_rebalance::{LeverageChange, Policy, Target};
use evenkeel_store::{Journal, MemoryJournal};
use evenkeel_types::{Leverage, Qty, Symbol};
use futures_util::FutureExt as _;

/// The answer of a future that never waits: nothing of the paper exchange does.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("the paper exchange never waits")
}

pub(crate) fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

pub(crate) fn qty(text: &str) -> Qty {
    text.parse().unwrap()
}

pub(crate) fn target(weights: &[(&str, &str)], leverage: u32) -> Target {
    Target::percent(weights.iter().copied()).unwrap().leverage(Leverage::new(leverage).unwrap())
}

pub(crate) fn policy() -> Policy {
    Policy::conservative()
}

pub(crate) fn reopening() -> Policy {
    Policy { leverage_change: LeverageChange::Reopen, ..policy() }
}

pub(crate) fn preview_of(venue: &PaperVenue, target: &Target, policy: &Policy) -> Preview {
    now(preview(venue, target, policy)).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) struct Run {
    pub(crate) report: Report,
    pub(crate) events: Vec<Event>,
    pub(crate) journal: MemoryJournal,
}

/// Previews, approves and executes.
pub(crate) fn run(venue: &PaperVenue, target: &Target, policy: &Policy) -> Run {
    let approved = preview_of(venue, target, policy);
    carry_out(venue, approved)
}

pub(crate) fn carry_out(venue: &PaperVenue, approved: Preview) -> Run {
    let (journal, clock) = (MemoryJournal::new(), venue.clock());
    let mut events = Vec::new();
    let report = carry_out_on(venue, approved, &journal, &clock, &Cancel::new(), &mut events);
    Run { report, events, journal }
}

pub(crate) fn carry_out_on(
    venue: &PaperVenue,
    approved: Preview,
    journal: &dyn Journal,
    clock: &dyn Clock,
    cancel: &Cancel,
    events: &mut Vec<Event>,
) -> Report {
    let mut progress = |event: &Event| events.push(event.clone());
    now(execute(venue, journal, clock, approved.approve(), &mut progress, cancel))
}

/// Trades as `SYMBOL ACTION`, in the order of the report.
pub(crate) fn actions(report: &Report) -> Vec<String> {
    report.trades.iter().map(|trade| format!("{} {}", trade.symbol, trade.action)).collect()
}

pub(crate) fn held(venue: &PaperVenue, name: &str) -> Qty {
    let scope = evenkeel_types::Scope::of([symbol(name)]);
    venue.with(|world| world.peek(&scope)).unwrap().qty(&symbol(name))
}
