//! The runs that users told us about.

use evenkeel_exchange::{ErrorKind, Operation};
use evenkeel_executor::{AbortReason, Outcome, TradeStatus};
use evenkeel_paper::{Builder, Fault, FaultRule, PaperVenue, World, profiles};
use evenkeel_rebalance::Gross;
use evenkeel_types::MarginMode::Cross;

use crate::support::*;

fn mixed() -> Builder {
    World::builder(profiles::hyperliquid())
        .cash("USDC", "200")
        .market("SOL", "166.4", 2, 20)
        .market("BTC", "106418", 5, 40)
        .position("SOL", "0.54", 2, Cross)
        .position("BTC", "0.00197", 10, Cross)
}

fn starved() -> Builder {
    World::builder(profiles::hyperliquid())
        .cash("USDC", "416")
        .market("SOL", "166.4", 2, 20)
        .market("BTC", "106418", 5, 40)
        .position("SOL", "5.65", 10, Cross)
        .position("BTC", "0.02103", 10, Cross)
}

fn halves() -> evenkeel_rebalance::Target {
    target(&[("SOL", "50"), ("BTC", "50")], 2)
}

fn venue(builder: Builder) -> PaperVenue {
    PaperVenue::new(builder.build().unwrap())
}

#[test]
fn mixed_leverage_is_reopened_in_exactly_three_trades() {
    let venue = venue(mixed());
    let run = run(&venue, &target(&[("SOL", "50"), ("BTC", "50")], 2), &reopening());
    let report = &run.report;
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(report.message, "Rebalance complete: 3 trades successful");
    assert!(report.success);
    let mut trades = actions(report);
    trades.sort();
    assert_eq!(trades, ["BTC CLOSE", "BTC OPEN", "SOL INCREASE"]);
    assert!(report.trades.iter().all(|trade| trade.status == TradeStatus::Filled), "{report}");
    assert_eq!((report.summary.executed, report.summary.successful), (3, 3));
    assert!(report.trips <= 7, "{} trips", report.trips);
}

#[test]
fn a_book_that_margin_cannot_carry_is_scaled_after_the_closes() {
    let venue = venue(starved());
    let approved = preview_of(&venue, &halves(), &reopening());
    // 832 / 3178: what the venue's own rule allows.
    assert_eq!(approved.plan.cap.max_gross.to_string(), "832");
    let report = carry_out(&venue, approved).report;
    assert_eq!(report.outcome, Outcome::Done, "{report}");
    assert!(report.success, "{report}");
    let after = report.after.as_ref().unwrap();
    let gross = after.gross().unwrap();
    let value = after.account_value().unwrap();
    assert!(gross < value.times(2.into()).unwrap(), "{gross} at {value}");
    // Near 416 each, less costs and the reserve for a stress move.
    assert!(gross > "760".parse().unwrap(), "{gross}");
    for symbol in ["SOL", "BTC"] {
        let position = after.position(&symbol.parse().unwrap()).unwrap();
        assert_eq!(position.leverage.to_string(), "2");
    }
}

/// The run that taught these rules: SOL closed, the close of BTC failed, and the service went on to open SOL at a quarter
/// of its size, with BTC still at 10x and 1.99 of margin left.
#[test]
fn the_failed_run_opens_nothing_this_time() {
    for fault in [Fault::Refuse { kind: ErrorKind::Transport, retry_after: None }, Fault::LoseRequest] {
        let rule = FaultRule::new(fault).on(Operation::Place).symbol(symbol("BTC"));
        let venue = venue(starved().fault(rule));
        let both = evenkeel_rebalance::Policy { reopen_at_once: 2, ..reopening() };
        let report = run(&venue, &halves(), &both).report;
        assert!(
            matches!(&report.outcome, Outcome::Aborted(
                AbortReason::CloseFailed { symbol, .. } | AbortReason::CloseUnknown { symbol, .. })
                if symbol.as_str() == "BTC"),
            "{report}"
        );
        assert!(report.message.contains("BTC 0.02103 at 10x cross"), "{}", report.message);
        assert_eq!(
            (held(&venue, "SOL"), held(&venue, "BTC")),
            (qty("0"), qty("0.02103")),
            "SOL was closed and stays so"
        );
        assert!(venue.truth().orders.iter().all(|order| order.reduce_only));
        assert_eq!(
            (report.summary.successful, report.summary.failed, report.summary.skipped),
            (1, 1, 2),
            "{report}"
        );
    }
}

/// The user's three ways to test it again.
#[test]
fn ratio_only_without_a_leverage_change() {
    let venue = venue(starved());
    let report = run(&venue, &target(&[("SOL", "40"), ("BTC", "60")], 10), &reopening()).report;
    assert!(report.success, "{report}");
    assert!(report.trips <= 5, "{} trips", report.trips);
    assert!(!report.trades.iter().any(|trade| trade.action == evenkeel_rebalance::Action::Open), "{report}");
}

#[test]
fn a_smaller_book_that_fits() {
    let venue = venue(
        World::builder(profiles::hyperliquid())
            .cash("USDC", "416")
            .market("SOL", "166.4", 2, 20)
            .market("BTC", "106418", 5, 40)
            .position("SOL", "2.4", 10, Cross)
            .position("BTC", "0.00376", 10, Cross),
    );
    let approved = preview_of(
        &venue,
        &target(&[("SOL", "50"), ("BTC", "50")], 2).gross(Gross::Notional("790".parse().unwrap())),
        &reopening(),
    );
    let report = carry_out(&venue, approved).report;
    assert_eq!(report.outcome, Outcome::Done, "{report}");
    assert!(report.after.as_ref().unwrap().gross().unwrap() > "760".parse().unwrap());
}

#[test]
fn more_funds_make_the_factor_one() {
    let venue = venue(starved());
    venue
        .with(|world| world.add_funds(&evenkeel_types::PoolId(symbol("USDC")), "1400".parse().unwrap()))
        .unwrap();
    let approved = preview_of(&venue, &halves(), &reopening());
    assert_eq!(approved.plan.cap.scale, 1.into());
    let report = carry_out(&venue, approved).report;
    assert!(report.success, "{report}");
    let gross = report.after.as_ref().unwrap().gross().unwrap();
    assert!(gross > "3140".parse().unwrap(), "{gross} of 3178");
}

#[test]
fn a_close_that_is_always_refused_opens_nothing() {
    let refuse = Fault::Refuse { kind: ErrorKind::Maintenance, retry_after: None };
    let venue = venue(mixed().fault(FaultRule::new(refuse).on(Operation::Place).symbol(symbol("BTC"))));
    let run = run(&venue, &target(&[("SOL", "50"), ("BTC", "50")], 2), &reopening());
    let report = &run.report;
    assert!(
        matches!(&report.outcome, Outcome::Aborted(AbortReason::CloseFailed { symbol, attempts: 3, .. })
        if symbol.as_str() == "BTC"),
        "{}",
        report.outcome
    );
    assert!(report.message.contains("BTC"));
    assert_eq!(held(&venue, "SOL"), qty("0.54"));
    assert_eq!(held(&venue, "BTC"), qty("0.00197"));
    assert_eq!((report.summary.failed, report.summary.skipped), (1, 2), "{report}");
}
