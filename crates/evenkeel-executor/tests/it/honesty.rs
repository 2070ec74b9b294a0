//! The six rules that keep the loop honest, and what follows from them, one by one.

use std::time::Duration;

use evenkeel_exchange::{Cancel, ErrorKind, Operation};
use evenkeel_executor::journal::{Body, PlanRecord};
use evenkeel_executor::{AbortReason, Event, HaltReason, Outcome, TradeStatus};
use evenkeel_paper::{
    self as paper, Builder, Fault, FaultRule, Lag, PaperVenue, Profile, StaleTime, World, profiles,
};
use evenkeel_rebalance::{Gross, PhaseKind, Policy};
use evenkeel_store::{Journal as _, Kind, MemoryJournal, Seq};
use evenkeel_types::MarginMode::Cross;
use evenkeel_types::{Decimal, Leverage, Qty, Rate, Side, Timestamp};

use crate::support::*;

/// 200 of equity; SOL 0.54 at 2x, BTC 0.00197 at 10x.
fn mixed(profile: Profile) -> Builder {
    World::builder(profile)
        .cash("USDC", "200")
        .market("SOL", "166.4", 2, 20)
        .market("BTC", "106418", 5, 40)
        .position("SOL", "0.54", 2, Cross)
        .position("BTC", "0.00197", 10, Cross)
}

/// 416 of equity under 3178 of positions at 10x; at 2x it carries a quarter.
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

fn halves() -> evenkeel_rebalance::Target {
    target(&[("SOL", "50"), ("BTC", "50")], 2)
}

fn place(fault: Fault) -> FaultRule {
    FaultRule::new(fault).on(Operation::Place)
}

fn refuse(kind: ErrorKind) -> Fault {
    Fault::Refuse { kind, retry_after: None }
}

fn bodies(journal: &MemoryJournal) -> Vec<Body> {
    now(journal.read(Seq::START)).unwrap().iter().map(|entry| Body::read(&entry.record).unwrap()).collect()
}

fn plans(journal: &MemoryJournal) -> Vec<PlanRecord> {
    let plans = bodies(journal).into_iter().filter_map(|body| match body {
        Body::Plan(record) => Some(*record),
        _ => None,
    });
    plans.collect()
}

fn ours(venue: &PaperVenue) -> Vec<paper::OrderRecord> {
    venue.truth().orders.into_iter().filter(|order| order.origin == paper::Origin::Client).collect()
}

fn count(run: &Run, wanted: impl Fn(&Event) -> bool) -> usize {
    run.events.iter().filter(|event| wanted(event)).count()
}

#[test]
fn rule_1_the_target_is_resolved_once_and_the_scale_only_falls() {
    let venue = venue(mixed(profiles::hyperliquid()));
    let approved = preview_of(&venue, &halves(), &reopening());
    let wanted = approved.target.clone();
    // After the close the book is less than half of what it was; reading the gross again would shrink it to that.
    let falls = paper::Event::Move { symbol: symbol("SOL"), by: Rate::new(Decimal::new(-2, 2)).unwrap() };
    venue.with(|world| {
        world.inject([FaultRule::new(Fault::Happens(falls)).on(Operation::SetLeverage).nth(1)]);
    });
    let run = carry_out(&venue, approved);
    assert_eq!(run.report.outcome, Outcome::Done, "{}", run.report);
    let gross = run.report.after.as_ref().unwrap().gross().unwrap();
    assert!(
        (gross.get() - wanted.gross.get()).abs() < Decimal::from(6),
        "{gross} instead of {}",
        wanted.gross
    );
    let resolved: Vec<_> = bodies(&run.journal)
        .into_iter()
        .filter_map(|body| match body {
            Body::Run(record) => Some(record.target),
            _ => None,
        })
        .collect();
    assert_eq!(resolved, [wanted]);
    let ceilings: Vec<Decimal> = plans(&run.journal).iter().map(|plan| plan.state.scale_ceiling).collect();
    assert!(ceilings.len() >= 3 && ceilings.windows(2).all(|pair| pair[1] <= pair[0]), "{ceilings:?}");
}

#[test]
fn rule_2_the_planner_has_a_memory_and_it_is_kept() {
    let venue = venue(mixed(profiles::hyperliquid()));
    let run = run(&venue, &halves(), &reopening());
    let plans = plans(&run.journal);
    let rounds: Vec<u32> = plans.iter().map(|plan| plan.state.round).collect();
    assert_eq!(rounds, [0, 1, 2]);
    let phases: Vec<PhaseKind> = plans.iter().map(|plan| plan.phase).collect();
    assert_eq!(phases, [PhaseKind::Release, PhaseKind::Leverage, PhaseKind::Acquire]);
    assert!(plans[0].state.reopening.is_empty());
    assert!(plans[1].state.reopening.contains(&symbol("BTC")));
    assert!(plans.iter().all(|plan| plan.state.envelope.is_some()));
    let state = &run.report.state;
    let (fees, traded) =
        (venue.with(|world| world.totals().fees), venue.with(|world| world.all_fills().to_vec()));
    let traded =
        evenkeel_types::Usd::sum(traded.iter().map(|fill| fill.price.value(fill.qty).unwrap())).unwrap();
    assert_eq!((state.fees, state.turnover), (fees, traded));
}

#[test]
fn rule_2_refused_leverage_sets_the_symbol_aside_and_the_rest_goes_on() {
    let venue = venue(mixed(profiles::hyperliquid()).fault(
        FaultRule::new(refuse(ErrorKind::LeverageRefused)).on(Operation::SetLeverage).symbol(symbol("BTC")),
    ));
    let run = run(&venue, &halves(), &reopening());
    let report = &run.report;
    assert_eq!(report.outcome, Outcome::Done, "{report}");
    assert!(!report.success);
    assert!(report.state.set_aside.contains_key(&symbol("BTC")));
    assert_eq!(held(&venue, "BTC"), Qty::ZERO);
    assert!(held(&venue, "SOL") > qty("0.54"), "{report}");
    assert!(report.message.contains("BTC"), "{}", report.message);
    let tried = report.settings.iter().filter(|setting| setting.symbol == symbol("BTC")).count();
    assert_eq!(tried, 1, "what was refused for good is not tried again");
    let open = report
        .trades
        .iter()
        .find(|trade| trade.symbol == symbol("BTC") && trade.status == TradeStatus::Skipped);
    assert!(
        open.is_some_and(|trade| trade.error.as_deref().is_some_and(|why| why.contains("refused"))),
        "{report}"
    );
}

#[test]
fn rule_2_a_leverage_that_is_silently_ignored_never_carries_an_order() {
    let ignored = FaultRule::new(Fault::Ignore).on(Operation::SetLeverage).symbol(symbol("BTC"));
    let venue = venue(mixed(profiles::binance()).fault(ignored));
    let run = run(&venue, &halves(), &reopening());
    assert_eq!(run.report.outcome, Outcome::Done, "{}", run.report);
    assert!(run.report.state.set_aside.contains_key(&symbol("BTC")));
    assert_eq!(held(&venue, "BTC"), Qty::ZERO, "nothing was opened at the wrong leverage");
}

#[test]
fn rule_3_the_approval_binds() {
    // What was seen is not there any more.
    let changed = venue(mixed(profiles::hyperliquid()));
    let approved = preview_of(&changed, &halves(), &reopening());
    changed.with(|world| {
        let at = world.now();
        world.schedule(at, paper::Event::ForeignTrade { symbol: symbol("SOL"), qty: qty("1") });
    });
    let run = carry_out(&changed, approved);
    assert!(
        matches!(run.report.outcome, Outcome::Halted(HaltReason::NeedsApproval { .. })),
        "{}",
        run.report
    );
    assert!(run.report.message.contains("SOL stood at 0.54"), "{}", run.report.message);
    assert!(ours(&changed).is_empty());

    // What would have to be done leaves what was approved: the price of one half has doubled.
    let moved = venue(mixed(profiles::hyperliquid()));
    let approved = preview_of(&moved, &halves(), &policy());
    moved.with(|world| world.set_mark(&symbol("BTC"), "60000".parse().unwrap())).unwrap();
    let run = carry_out(&moved, approved);
    assert!(
        matches!(run.report.outcome, Outcome::Halted(HaltReason::NeedsApproval { .. })),
        "{}",
        run.report
    );
    assert!(ours(&moved).is_empty());
}

/// What somebody said yes to was the scaled book; money that came in since changes what would be possible, not what was
/// approved.
#[test]
fn rule_3_the_approved_scale_binds() {
    let venue = venue(starved());
    let approved = preview_of(&venue, &halves(), &policy());
    let (scale, gross) = (approved.plan.cap.scale, approved.plan.after.gross);
    assert!(scale < Decimal::ONE);
    let pool = evenkeel_types::PoolId(symbol("USDC"));
    venue.with(|world| world.add_funds(&pool, "1500".parse().unwrap())).unwrap();
    let run = carry_out(&venue, approved);
    assert!(run.report.state.scale_ceiling <= scale, "{}", run.report);
    let ended = run.report.after.as_ref().unwrap().gross().unwrap();
    assert!(ended <= gross.plus("1".parse().unwrap()).unwrap(), "{ended} instead of {gross}: {}", run.report);
    assert!(ended > "700".parse().unwrap(), "{ended}");
}

#[test]
fn rule_3_an_expired_approval_sends_nothing() {
    let venue = venue(mixed(profiles::hyperliquid()));
    let approved = preview_of(&venue, &halves(), &reopening());
    venue.with(|world| world.advance(Duration::from_secs(61)));
    let run = carry_out(&venue, approved);
    assert_eq!(run.report.outcome, Outcome::Halted(HaltReason::ExpiredPlan));
    assert!(run.report.message.contains("Nothing was sent"));
    assert!(venue.truth().orders.is_empty() && bodies(&run.journal).is_empty());
    assert_eq!((run.report.summary.skipped, run.report.trips), (3, 0));
}

#[test]
fn rule_4_a_phase_has_a_budget() {
    // Each order trades a tenth: it gets nearer every time, and not near enough within its rounds.
    let tenth = place(Fault::PartialFill { permille: 100 });
    let venue = venue(mixed(profiles::binance()).fault(tenth));
    let run = run(&venue, &halves(), &reopening());
    assert!(
        matches!(&run.report.outcome, Outcome::Aborted(AbortReason::CloseFailed { symbol, .. })
            if symbol.as_str() == "BTC"),
        "{}",
        run.report
    );
    assert_eq!(run.report.rounds, reopening().rounds_per_phase);
    let orders = venue.truth().orders;
    assert!(orders.iter().all(|order| order.reduce_only), "nothing is opened while a close is not through");
}

#[test]
fn rule_4_an_open_that_is_always_refused_ends_in_no_progress() {
    let rule = place(refuse(ErrorKind::InsufficientMargin)).from(2);
    let venue = venue(mixed(profiles::hyperliquid()).fault(rule));
    let run = run(&venue, &halves(), &reopening());
    assert!(
        matches!(
            &run.report.outcome,
            Outcome::Aborted(AbortReason::NoProgress { phase: PhaseKind::Acquire, .. })
        ),
        "{}",
        run.report
    );
    assert_eq!((run.report.summary.successful, run.report.summary.failed), (1, 2));
}

#[test]
fn rule_5_released_margin_is_waited_for() {
    for lag in [Lag::Reads(1), Lag::Reads(3), Lag::Time(Duration::from_millis(700))] {
        let late = place(Fault::LateMargin { lag }).nth(1);
        let venue = venue(
            World::builder(profiles::hyperliquid())
                .cash("USDC", "416")
                .market("SOL", "166.4", 2, 20)
                .market("BTC", "106418", 5, 40)
                .position("SOL", "5.65", 10, Cross)
                .position("BTC", "0.02103", 10, Cross)
                .fault(late),
        );
        let many = Policy { reopen_at_once: 2, ..reopening() };
        let run = run(&venue, &halves(), &many);
        assert_eq!(run.report.outcome, Outcome::Done, "{}", run.report);
        assert!(count(&run, |event| matches!(event, Event::WaitingForMargin { .. })) > 0, "{lag:?}");
        let gross = run.report.after.as_ref().unwrap().gross().unwrap();
        assert!(gross.get() > Decimal::from(750), "{lag:?}: {gross} of about 770 that 416 carry");
    }
}

/// Margin that comes back after seconds, the same in every reading until then, is no reason to build a smaller book.
#[test]
fn rule_5_released_margin_that_shows_late_does_not_shrink_the_book() {
    let late = |seconds| place(Fault::LateMargin { lag: Lag::Time(Duration::from_secs(seconds)) }).nth(1);
    let slow = venue(mixed(profiles::hyperliquid()).fault(late(3)));
    let slowly = run(&slow, &halves(), &reopening());
    assert!(slowly.report.success, "{}", slowly.report);
    assert_eq!(slowly.report.state.scale_ceiling, Decimal::ONE);
    assert!(count(&slowly, |event| matches!(event, Event::WaitingForMargin { .. })) > 2);

    let never = venue(mixed(profiles::hyperliquid()).fault(late(600)));
    let run = run(&never, &halves(), &reopening());
    assert!(
        matches!(&run.report.outcome, Outcome::Halted(HaltReason::StaleSnapshot { why })
            if why.contains("of margin should be free")),
        "{}",
        run.report
    );
    assert!(ours(&never).iter().all(|order| order.reduce_only), "nothing is opened");
}

#[test]
fn rule_5_old_readings_are_not_decided_from() {
    for time in [StaleTime::Honest, StaleTime::Lying] {
        // The account is shown as before the close, for good.
        let stale = FaultRule::new(Fault::StaleRead { changes: 1, time }).on(Operation::Snapshot).from(3);
        let venue = venue(mixed(profiles::hyperliquid()).fault(stale));
        let run = run(&venue, &halves(), &reopening());
        assert!(
            matches!(run.report.outcome, Outcome::Halted(HaltReason::StaleSnapshot { .. })),
            "{}",
            run.report
        );
        assert_eq!(venue.truth().orders.len(), 1, "only the close");
    }
    // Late by two readings: waited for.
    let stale = Fault::StaleRead { changes: 1, time: StaleTime::Lying };
    let venue = venue(
        mixed(profiles::hyperliquid()).fault(FaultRule::new(stale).on(Operation::Snapshot).from(3).times(2)),
    );
    let run = run(&venue, &halves(), &reopening());
    assert!(run.report.success, "{}", run.report);
    assert!(count(&run, |event| matches!(event, Event::WaitingForPosition { .. })) > 0);
}

#[test]
fn rule_5_a_position_that_moves_without_us_halts() {
    let foreign = paper::Event::ForeignTrade { symbol: symbol("SOL"), qty: qty("0.2") };
    let rule = FaultRule::new(Fault::Happens(foreign)).on(Operation::SetLeverage).nth(1);
    let venue = venue(mixed(profiles::hyperliquid()).fault(rule));
    let run = run(&venue, &halves(), &reopening());
    assert_eq!(
        run.report.outcome,
        Outcome::Halted(HaltReason::ForeignActivity {
            symbol: symbol("SOL"),
            expected: qty("0.54"),
            found: qty("0.74")
        })
    );
    assert!(ours(&venue).iter().all(|order| order.reduce_only));
}

#[test]
fn rule_5_a_leverage_changed_under_our_order_halts() {
    let leverage = Leverage::new(7).unwrap();
    let foreign = paper::Event::ForeignLeverage { symbol: symbol("SOL"), leverage };
    let rule = FaultRule::new(Fault::Happens(foreign)).on(Operation::Place).nth(3);
    let venue = venue(mixed(profiles::hyperliquid()).fault(rule));
    let run = run(&venue, &halves(), &reopening());
    assert!(
        matches!(&run.report.outcome, Outcome::Halted(HaltReason::LeverageMismatch { symbol, .. })
            if symbol.as_str() == "SOL"),
        "{}",
        run.report
    );
}

#[test]
fn rule_6_done_means_there() {
    // A price that ticks all the time: the plan need never become empty, and the run ends all the same.
    let walking = venue(mixed(profiles::hyperliquid()));
    walking.with(|world| {
        world.set_latency(Duration::from_millis(50));
        let step = Rate::new(Decimal::new(5, 4)).unwrap();
        world.random_walk(&symbol("SOL"), Duration::from_millis(20), step);
        world.random_walk(&symbol("BTC"), Duration::from_millis(20), step);
    });
    let walked = run(&walking, &halves(), &reopening());
    assert!(walked.report.success, "{}", walked.report);
    assert!(walked.report.verification.as_ref().unwrap().all_pass());

    // An account whose dust cannot reach the target is done, and no success.
    let dusty = venue(
        World::builder(profiles::hyperliquid())
            .cash("USDC", "100")
            .market("SOL", "166.4", 2, 20)
            .market("BTC", "106418", 3, 40)
            .position("SOL", "0.6", 2, Cross),
    );
    let target = target(&[("SOL", "50"), ("BTC", "50")], 2).gross(Gross::Leverage(Decimal::ONE));
    let run = run(&dusty, &target, &policy());
    assert_eq!((run.report.outcome.clone(), run.report.success), (Outcome::Done, false), "{}", run.report);
    assert!(run.report.message.contains("without full success"), "{}", run.report.message);
}

/// Lowering an isolated position's leverage here needs margin moved into its bucket first; moved twice it would be too
/// much.
#[test]
fn an_unknown_move_of_margin_must_show_or_the_run_halts() {
    let isolated =
        || {
            World::builder(profiles::hyperliquid())
                .cash("USDC", "400")
                .market("BTC", "106418", 5, 40)
                .position("BTC", "0.002", 10, evenkeel_types::MarginMode::Isolated)
        };
    let moves = |fault| FaultRule::new(fault).on(Operation::AdjustMargin).nth(1);
    let one = target(&[("BTC", "100")], 2);
    let shown = run(&venue(isolated().fault(moves(Fault::LoseAnswer))), &one, &policy());
    assert!(shown.report.success, "{}", shown.report);
    let lost = run(&venue(isolated().fault(moves(Fault::LoseRequest))), &one, &policy());
    assert!(
        matches!(&lost.report.outcome, Outcome::Halted(HaltReason::OutcomeUnknown { order: None, .. })),
        "{}",
        lost.report
    );
    assert_eq!(lost.report.settings.len(), 1, "nothing is written after it");
}

/// A yes that does not show in the bucket may still come; asking for it again would double it.
#[test]
fn margin_is_never_moved_twice() {
    let isolated =
        || {
            World::builder(profiles::hyperliquid())
                .cash("USDC", "400")
                .market("BTC", "106418", 5, 40)
                .position("BTC", "0.002", 10, evenkeel_types::MarginMode::Isolated)
        };
    let one = target(&[("BTC", "100")], 2);
    let moves = |run: &Run| {
        let moves = run.report.settings.iter();
        moves.filter(|setting| setting.action == evenkeel_rebalance::Action::AddMargin).count()
    };
    // The bucket is shown as before for a while, as if nothing had been moved.
    let old = Fault::StaleRead { changes: 8, time: StaleTime::Lying };
    let lagging = isolated().fault(FaultRule::new(old).on(Operation::Snapshot).from(3).times(5));
    let late = run(&venue(lagging), &one, &policy());
    assert!(late.report.success, "{}", late.report);
    assert_eq!(moves(&late), 1, "{}", late.report);
    // Accepted, and never done.
    let ignored = isolated().fault(FaultRule::new(Fault::Ignore).on(Operation::AdjustMargin));
    let never = run(&venue(ignored), &one, &policy());
    assert!(
        matches!(&never.report.outcome, Outcome::Halted(HaltReason::StaleSnapshot { why })
            if why.contains("the margin of BTC should be")),
        "{}",
        never.report
    );
    assert_eq!(moves(&never), 1, "{}", never.report);
}

/// The copy of an order that adds risk would run under a leverage that was read too long ago.
#[test]
fn an_order_that_adds_is_never_sent_again() {
    for profile in [profiles::bybit(), profiles::bingx()] {
        let lost = place(Fault::LoseRequest).symbol(symbol("SOL"));
        let venue = venue(mixed(profile).fault(lost));
        let run = run(&venue, &halves(), &reopening());
        assert!(
            matches!(&run.report.outcome, Outcome::Halted(HaltReason::OutcomeUnknown { symbol, .. })
                if symbol.as_str() == "SOL"),
            "{}",
            run.report
        );
        assert_eq!(count(&run, |event| matches!(event, Event::Resent { .. })), 0);
    }
}

#[test]
fn an_unknown_close_aborts_at_once_and_stays_counted() {
    // Binance takes an identity again once its order is over: nothing is ever sent twice there.
    let venue = venue(mixed(profiles::binance()).fault(place(Fault::LoseRequest).nth(1)));
    let run = run(&venue, &halves(), &reopening());
    assert!(
        matches!(&run.report.outcome, Outcome::Aborted(AbortReason::CloseUnknown { .. })),
        "{}",
        run.report
    );
    assert_eq!(run.report.state.pending[&symbol("BTC")].sell, qty("0.00197"));
    assert_eq!(count(&run, |event| matches!(event, Event::OrderSent { .. })), 1);
    assert_eq!(count(&run, |event| matches!(event, Event::Resent { .. })), 0);
    assert!(
        bodies(&run.journal)
            .iter()
            .any(|body| matches!(body, Body::Quarantine(record) if record.reduce_only))
    );
    assert_eq!(run.report.trades[0].status, TradeStatus::Unknown);
    assert_eq!(run.report.summary.skipped, 2);
}

#[test]
fn an_unknown_open_halts_with_the_worst_case() {
    let rule = place(Fault::Delay { by: Duration::from_secs(45) }).symbol(symbol("SOL"));
    let venue = venue(mixed(profiles::hyperliquid()).fault(rule));
    let run = run(&venue, &halves(), &reopening());
    let Outcome::Halted(HaltReason::OutcomeUnknown { symbol: of, side, open, order }) = &run.report.outcome
    else {
        panic!("{}", run.report)
    };
    assert_eq!((of, *side), (&symbol("SOL"), Some(Side::Buy)));
    assert_eq!(run.report.state.pending[of].buy, *open);
    assert!(order.is_some());
    // It was late, not lost.
    venue.with(|world| world.advance(Duration::from_secs(60)));
    assert_eq!(held(&venue, "SOL"), qty("0.54").plus(*open).unwrap());
}

/// What one run could not learn, the next one on the same journal remembers.
#[test]
fn what_an_earlier_run_left_open_is_not_opened_again() {
    let rule = place(Fault::Delay { by: Duration::from_secs(120) }).symbol(symbol("SOL")).nth(1);
    let venue = venue(mixed(profiles::hyperliquid()).fault(rule));
    let (journal, clock) = (MemoryJournal::new(), venue.clock());
    let again = || {
        let approved = preview_of(&venue, &halves(), &reopening());
        let mut events = Vec::new();
        let report = carry_out_on(&venue, approved, &journal, &clock, &Cancel::new(), &mut events);
        let bought = events.iter().filter(|event| {
            matches!(event, Event::OrderSent { symbol, side: Side::Buy, .. } if symbol.as_str() == "SOL")
        });
        (bought.count(), report)
    };
    let (bought, first) = again();
    assert!(matches!(first.outcome, Outcome::Halted(HaltReason::OutcomeUnknown { .. })), "{first}");
    assert_eq!(bought, 1);
    let open = first.state.pending[&symbol("SOL")].buy;
    // It is still on its way.
    let (bought, second) = again();
    assert_eq!((bought, second.success), (0, false), "{second}");
    assert_eq!(second.state.pending[&symbol("SOL")].buy, open);
    // It arrived: the venue knows how it ended, and nothing is open any more.
    venue.with(|world| world.advance(Duration::from_secs(300)));
    let (bought, third) = again();
    assert_eq!((bought, third.outcome.clone()), (0, Outcome::Done), "{third}");
    assert!(third.state.pending.is_empty());
    assert!(held(&venue, "SOL") <= qty("0.54").plus(open).unwrap());
}

#[test]
fn a_used_identity_is_the_proof_where_the_venue_never_takes_it_twice() {
    for fault in [Fault::LoseRequest, Fault::LoseAnswer, Fault::Delay { by: Duration::from_secs(3) }] {
        for profile in [profiles::bybit(), profiles::bingx()] {
            let hidden = FaultRule::new(Fault::OrderNotFound).on(Operation::Order).times(2);
            let venue = venue(mixed(profile).fault(place(fault.clone()).nth(1)).fault(hidden));
            let run = run(&venue, &halves(), &reopening());
            assert!(run.report.success, "{fault:?}: {}", run.report);
            assert!(count(&run, |event| matches!(event, Event::Resent { .. })) > 0);
            for order in &venue.truth().orders {
                let same = venue
                    .truth()
                    .orders
                    .iter()
                    .filter(|o| o.id == order.id && o.filled.is_positive())
                    .count();
                assert_eq!(same, 1, "{fault:?}");
            }
        }
    }
}

#[test]
fn a_lost_answer_is_found_by_its_identity() {
    let venue = venue(mixed(profiles::hyperliquid()).fault(place(Fault::LoseAnswer)));
    let run = run(&venue, &halves(), &reopening());
    assert!(run.report.success, "{}", run.report);
    assert_eq!(run.report.trips, 7 + 2, "one question per lost phase");
}

#[test]
fn a_reduction_with_nothing_to_reduce_is_not_our_close() {
    // Somebody closes it just before our close arrives.
    let closed = paper::Event::ForeignTrade { symbol: symbol("BTC"), qty: qty("-0.00197") };
    let rule = FaultRule::new(Fault::Happens(closed)).on(Operation::Place).nth(1);
    let venue = venue(mixed(profiles::hyperliquid()).fault(rule));
    let run = run(&venue, &halves(), &reopening());
    assert_eq!(
        run.report.outcome,
        Outcome::Halted(HaltReason::ForeignActivity {
            symbol: symbol("BTC"),
            expected: qty("0.00197"),
            found: qty("0")
        }),
        "{}",
        run.report
    );
    assert!(!run.report.success && run.report.summary.successful == 0, "{}", run.report);
    assert!(ours(&venue).iter().all(|order| order.reduce_only), "nothing is opened");
}

/// A fall after the last order takes the book above what its margin carries, and still within tolerance.
#[test]
fn above_the_cap_is_not_done() {
    let rate = |text: &str| Rate::new(text.parse::<Decimal>().unwrap()).unwrap();
    let loose =
        Policy { tolerance: rate("0.1"), cap_tolerance: Rate::ZERO, stress: Rate::ZERO, ..reopening() };
    let falls = |name: &str| {
        let event = paper::Event::Move { symbol: symbol(name), by: rate("-0.04") };
        FaultRule::new(Fault::Happens(event)).on(Operation::Snapshot).nth(5)
    };
    let venue = venue(mixed(profiles::hyperliquid()).fault(falls("SOL")).fault(falls("BTC")));
    let run = run(&venue, &halves().gross(Gross::Leverage(Decimal::TWO)), &loose);
    let after = run.report.after.as_ref().unwrap();
    let cap = after.account_value().unwrap().times(2.into()).unwrap();
    assert!(run.report.outcome != Outcome::Done || after.gross().unwrap() <= cap, "{}", run.report);
    assert!(run.report.trades.iter().any(|trade| trade.action == evenkeel_rebalance::Action::Decrease));
}

#[test]
fn a_request_to_stop_sends_nothing_more() {
    let venue = venue(mixed(profiles::hyperliquid()));
    let approved = preview_of(&venue, &halves(), &reopening());
    let (journal, cancel, clock) = (MemoryJournal::new(), Cancel::new(), venue.clock());
    let mut progress = |event: &Event| {
        if matches!(event, Event::OrderSent { .. }) {
            cancel.request();
        }
    };
    let report =
        now(evenkeel_executor::execute(&venue, &journal, &clock, approved.approve(), &mut progress, &cancel));
    assert_eq!(report.outcome, Outcome::Aborted(AbortReason::Cancelled));
    assert_eq!(venue.truth().orders.len(), 1, "what was on its way is seen to its end");
    assert_eq!((report.summary.successful, report.summary.skipped), (1, 2));
    assert_eq!(report.after.unwrap().qty(&symbol("BTC")), Qty::ZERO);
}

#[test]
fn a_second_holder_of_the_journal_stops_the_first() {
    let venue = venue(mixed(profiles::hyperliquid()));
    let approved = preview_of(&venue, &halves(), &reopening());
    let (journal, clock) = (MemoryJournal::new(), venue.clock());
    let mut progress = |event: &Event| {
        if matches!(event, Event::OrderEnded { .. }) {
            now(journal.open_epoch()).unwrap();
        }
    };
    let report = now(evenkeel_executor::execute(
        &venue,
        &journal,
        &clock,
        approved.approve(),
        &mut progress,
        &Cancel::new(),
    ));
    assert!(matches!(report.outcome, Outcome::Halted(HaltReason::Journal { .. })), "{report}");
    assert_eq!(venue.truth().orders.len(), 1);
    assert!(report.after.is_some(), "reading is still allowed");
}

#[test]
fn intents_are_on_record_before_anything_is_sent() {
    let venue = venue(mixed(profiles::hyperliquid()));
    let run = run(&venue, &halves(), &reopening());
    let records = now(run.journal.read(Seq::START)).unwrap();
    let kinds: Vec<Kind> = records.iter().map(|entry| entry.record.kind).collect();
    use Kind::{Done, Intent, Observed, Plan, Run, Snapshot};
    let release = [Run, Snapshot, Plan, Intent, Observed];
    let leverage = [Snapshot, Plan, Intent, Observed];
    let acquire = [Snapshot, Plan, Intent, Intent, Observed, Observed, Done];
    assert_eq!(kinds, [&release[..], &leverage, &acquire].concat());
}

#[test]
fn trips_do_not_grow_with_the_number_of_symbols() {
    let mut trips = Vec::new();
    for symbols in [2, 10, 40] {
        let mut builder = World::builder(profiles::hyperliquid()).cash("USDC", "100000");
        let mut weights = Vec::new();
        for index in 0..symbols {
            let name = format!("S{index:02}");
            builder = builder.market(&name, "100", 2, 20);
            // Half of them are too large and too high, the others too small.
            let (size, leverage) = if index % 2 == 0 { ("30", 5) } else { ("10", 2) };
            builder = builder.position(&name, size, leverage, Cross);
            weights.push((name, (Decimal::ONE_HUNDRED / Decimal::from(symbols)).to_string()));
        }
        let weights: Vec<(&str, &str)> = weights.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let venue = venue(builder);
        let run = run(&venue, &target(&weights, 2), &policy());
        assert!(run.report.success, "{}", run.report);
        trips.push(run.report.trips);
    }
    assert_eq!(trips, [7, 7, 7]);
}

#[test]
fn the_clock_of_a_run_is_its_own() {
    // A run's deadline counts from when it began, however old the world is.
    let venue = venue(mixed(profiles::hyperliquid()).start(Timestamp(1_900_000_000_000)));
    let run = run(&venue, &halves(), &reopening());
    assert!(run.report.success, "{}", run.report);
}
