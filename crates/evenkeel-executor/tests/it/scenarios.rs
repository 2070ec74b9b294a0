//! The runs that users told us about.

use evenkeel_exchange::{ErrorKind, Operation};
use evenkeel_executor::{AbortReason, Outcome, TradeStatus};
use evenkeel_paper::{Builder, Fault, FaultRule, PaperVenue, World, profiles};
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

fn venue(builder: Builder) -> PaperVenue {
    PaperVenue::new(builder.build().unwrap())
}

#[test]
fn mixed_leverage_is_reopened_in_exactly_three_trades() {
    let venue = venue(mixed());
    let run = run(&venue, &target(&[("SOL", "50"), ("BTC", "50")], 2), &reopening());
    let report = &run.report;
    println!("{report}\n{:#?}", run.events.iter().map(ToString::to_string).collect::<Vec<_>>());
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
    let run = run(&venue, &target(&[("SOL", "50"), ("BTC", "50")], 2), &reopening());
    let report = &run.report;
    println!("{report}\n{:#?}", run.events.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(report.outcome, Outcome::Done);
}

#[test]
fn a_close_that_is_always_refused_opens_nothing() {
    let refuse = Fault::Refuse { kind: ErrorKind::Maintenance, retry_after: None };
    let venue = venue(mixed().fault(FaultRule::new(refuse).on(Operation::Place).symbol(symbol("BTC"))));
    let run = run(&venue, &target(&[("SOL", "50"), ("BTC", "50")], 2), &reopening());
    let report = &run.report;
    println!("{report}\n{:#?}", run.events.iter().map(ToString::to_string).collect::<Vec<_>>());
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
