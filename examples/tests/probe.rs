//! The probe against the paper exchange: it finds each venue's rules, whatever it was told before, and leaves nothing.

use std::time::Duration;

use evenkeel_examples::probe::{Belief, Findings, probe, size};
use evenkeel_exchange::{Cancel, Clock as _, ErrorKind, Observe as _, Operation, leverage_of};
use evenkeel_paper::{Fault, FaultRule, PaperVenue, Profile, World, profiles};
use evenkeel_types::{
    Acknowledgement, Capabilities, Dedupe, Fence, LowerIsolated, MarginAdjustment, MarginMode,
    MarginModeScope, MinNotionalRule, ReduceOnlyRule, Scope, Symbol, WithPosition,
};

fn symbol() -> Symbol {
    Symbol::new("SOL").unwrap()
}

fn venue(profile: &Profile, mode: MarginMode) -> PaperVenue {
    let builder = World::builder(profile.clone()).cash("USDC", "1000").market("SOL", "166.4", 3, 20);
    PaperVenue::new(builder.setting("SOL", 7, mode).build().unwrap())
}

async fn run(venue: &PaperVenue, documented: &Capabilities) -> Findings {
    let (clock, mut lines) = (venue.clock(), Vec::new());
    size(venue, &clock, &symbol()).await.unwrap();
    let mut tell = |line: &str| lines.push(line.to_owned());
    let found = probe(venue, &clock, documented, &symbol(), &mut tell, &Cancel::new()).await;
    assert!(found.stopped.is_some() || lines.len() > 8, "{lines:?}");
    found
}

/// Flat, without orders, and with its setting back.
async fn untouched(venue: &PaperVenue, mode: MarginMode) {
    let snapshot = venue.snapshot(&Scope::of([symbol()])).await.unwrap();
    assert!(snapshot.positions.is_empty() && snapshot.open_orders.is_empty(), "{snapshot:?}");
    let setting = leverage_of(venue, &symbol()).await.unwrap();
    assert_eq!((setting.long.to_string().as_str(), setting.mode), ("7", mode));
}

/// Everything the other way round.
fn opposite(of: &Capabilities) -> Capabilities {
    Capabilities {
        raise_with_position: WithPosition {
            cross: !of.raise_with_position.cross,
            isolated: !of.raise_with_position.isolated,
        },
        lower_cross_with_position: !of.lower_cross_with_position,
        lower_isolated: match of.lower_isolated {
            LowerIsolated::AfterTopUp => LowerIsolated::Never,
            _ => LowerIsolated::AfterTopUp,
        },
        margin_mode_scope: MarginModeScope::Fixed,
        switch_mode_with_position: !of.switch_mode_with_position,
        orders_block_leverage: !of.orders_block_leverage,
        orders_block_mode: !of.orders_block_mode,
        margin_adjustment: MarginAdjustment::None,
        // The boldest: it is taken back where it does not hold.
        dedupe: Dedupe::Forever,
        acknowledgement: match of.acknowledgement {
            Acknowledgement::Synchronous => Acknowledgement::Asynchronous,
            _ => Acknowledgement::Synchronous,
        },
        min_notional: match of.min_notional {
            MinNotionalRule::NoExemption => MinNotionalRule::ReduceOnlyExempt,
            _ => MinNotionalRule::NoExemption,
        },
        reduce_only: match of.reduce_only {
            ReduceOnlyRule::Clamps => ReduceOnlyRule::RejectsOversize,
            _ => ReduceOnlyRule::Clamps,
        },
        ..of.clone()
    }
}

#[tokio::test]
async fn what_is_documented_is_confirmed() {
    for profile in profiles::all() {
        let venue = venue(&profile, MarginMode::Cross);
        let found = run(&venue, &profile.capabilities).await;
        assert!(found.is_complete(), "{}: {found:#?}", profile.name);
        assert_eq!(found.differences(), 0, "{}: {:#?}", profile.name, found.observations);
        assert_eq!(found.capabilities, profile.capabilities, "{}", profile.name);
        untouched(&venue, MarginMode::Cross).await;
    }
}

#[tokio::test]
async fn what_was_believed_wrongly_is_found_out() {
    for profile in profiles::all() {
        let rules = &profile.capabilities;
        let venue = venue(&profile, MarginMode::Cross);
        let found = run(&venue, &opposite(rules)).await;
        assert!(found.is_complete(), "{}: {found:#?}", profile.name);
        let mut expected = rules.clone();
        // An account's mode and a fixed one look alike from one symbol, and then nothing about modes can be tried.
        if rules.margin_mode_scope == MarginModeScope::Account {
            let wrong = opposite(rules);
            expected.margin_mode_scope = MarginModeScope::Fixed;
            expected.raise_with_position.isolated = wrong.raise_with_position.isolated;
            expected.lower_isolated = wrong.lower_isolated;
            expected.margin_adjustment = wrong.margin_adjustment;
            expected.switch_mode_with_position = wrong.switch_mode_with_position;
            expected.orders_block_mode = wrong.orders_block_mode;
        }
        // Where margin is not scarce both ways look alike; the one that needs it free is the careful one.
        if rules.lower_isolated == LowerIsolated::Remargins {
            expected.lower_isolated = LowerIsolated::NeedsFree;
        }
        assert_eq!(found.capabilities, expected, "{}: {:#?}", profile.name, found.observations);
        assert!(found.differences() > 4, "{}", profile.name);
        untouched(&venue, MarginMode::Cross).await;
    }
}

#[tokio::test]
async fn isolated_rules_are_found_where_the_mode_cannot_be_switched() {
    let profile = profiles::bybit();
    let venue = venue(&profile, MarginMode::Isolated);
    let found = run(&venue, &opposite(&profile.capabilities)).await;
    assert!(found.is_complete(), "{found:#?}");
    assert_eq!(found.capabilities.lower_isolated, LowerIsolated::NeedsFree);
    assert!(found.capabilities.raise_with_position.isolated);
    assert_eq!(found.capabilities.margin_adjustment, MarginAdjustment::Both);
    untouched(&venue, MarginMode::Isolated).await;
}

#[tokio::test]
async fn a_minute_does_not_prove_for_ever() {
    // Refused both times, and documented as unique among open orders only: no more is believed.
    let profile = profiles::bybit();
    let documented =
        Capabilities { dedupe: Dedupe::OpenOrders, fence: Fence::None, ..profile.capabilities.clone() };
    let found = run(&venue(&profile, MarginMode::Cross), &documented).await;
    assert_eq!(found.capabilities.dedupe, Dedupe::OpenOrders);
    // No promise stays none, whatever was seen.
    let documented = Capabilities { dedupe: Dedupe::None, ..documented };
    let found = run(&venue(&profile, MarginMode::Cross), &documented).await;
    assert_eq!(found.capabilities.dedupe, Dedupe::None);
    // A promise that is not kept takes the fence with it that rests on it.
    let profile = profiles::hyperliquid();
    let documented =
        Capabilities { dedupe: Dedupe::Forever, fence: Fence::SameId, ..profile.capabilities.clone() };
    let found = run(&venue(&profile, MarginMode::Cross), &documented).await;
    assert_eq!((found.capabilities.dedupe, found.capabilities.fence), (Dedupe::None, Fence::None));
}

#[tokio::test]
async fn a_late_reading_is_waited_for_and_measured() {
    let profile = profiles::bybit();
    let venue = venue(&profile, MarginMode::Cross);
    let found = run(&venue, &profile.capabilities).await;
    let lag = found.observations.iter().find(|seen| seen.belief == Belief::ReadLag).unwrap();
    assert_eq!(
        lag.observed.as_deref(),
        Some("200 ms"),
        "acknowledged at once, executed 50 ms later, seen by the next poll"
    );
}

#[tokio::test]
async fn a_lost_answer_stops_the_probe_and_everything_is_cleaned_up() {
    let profile = profiles::hyperliquid();
    for n in 1..=12 {
        let venue = venue(&profile, MarginMode::Cross);
        venue.with(|world| world.inject([FaultRule::new(Fault::LoseAnswer).on(Operation::Place).nth(n)]));
        let found = run(&venue, &profile.capabilities).await;
        assert!(found.left.is_empty(), "{n}: {found:#?}");
        untouched(&venue, MarginMode::Cross).await;
    }
}

#[tokio::test]
async fn a_used_up_budget_is_waited_for() {
    let profile = profiles::hyperliquid();
    let venue = venue(&profile, MarginMode::Cross);
    let limited =
        || Fault::Refuse { kind: ErrorKind::RateLimited, retry_after: Some(Duration::from_secs(7)) };
    let at = [Operation::Place, Operation::SetLeverage, Operation::SetMarginMode, Operation::AdjustMargin];
    venue.with(|world| world.inject(at.map(|at| FaultRule::new(limited()).on(at).from(2).times(3))));
    let found = run(&venue, &profile.capabilities).await;
    assert!(found.is_complete() && found.differences() == 0, "{found:#?}");
    untouched(&venue, MarginMode::Cross).await;
}

#[tokio::test]
async fn what_cannot_be_cleaned_up_is_said() {
    let profile = profiles::hyperliquid();
    let venue = venue(&profile, MarginMode::Cross);
    let refuse = Fault::Refuse { kind: ErrorKind::Maintenance, retry_after: None };
    venue.with(|world| world.inject([FaultRule::new(refuse).on(Operation::Place).from(6)]));
    let found = run(&venue, &profile.capabilities).await;
    assert!(!found.is_complete() && found.stopped.is_some(), "{found:#?}");
    assert!(found.left.iter().any(|left| left.contains("SOL may hold a position")), "{found:#?}");
    // From the very first order on there is nothing to leave behind, and nothing that was observed.
    let venue = self::venue(&profile, MarginMode::Cross);
    let refuse = Fault::Refuse { kind: ErrorKind::Maintenance, retry_after: None };
    venue.with(|world| world.inject([FaultRule::new(refuse).on(Operation::Place)]));
    let found = run(&venue, &profile.capabilities).await;
    assert!(found.stopped.is_some() && found.left.is_empty(), "{found:#?}");
    untouched(&venue, MarginMode::Cross).await;
}

#[tokio::test]
async fn a_stop_ends_it_clean() {
    let profile = profiles::hyperliquid();
    let venue = venue(&profile, MarginMode::Cross);
    let (clock, cancel) = (venue.clock(), Cancel::new());
    let mut count = 0;
    let mut tell = |_: &str| {
        count += 1;
        if count == 4 {
            cancel.request();
        }
    };
    let found = probe(&venue, &clock, &profile.capabilities, &symbol(), &mut tell, &cancel).await;
    assert_eq!(found.stopped.as_deref(), Some("asked to stop"));
    assert!(found.left.is_empty());
    untouched(&venue, MarginMode::Cross).await;
    assert!(clock.now().0 > 0);
}

#[tokio::test]
async fn a_symbol_that_is_in_use_is_left_alone() {
    let build = |builder: evenkeel_paper::Builder| {
        PaperVenue::new(builder.market("SOL", "166.4", 3, 20).build().unwrap())
    };
    let poor = build(World::builder(profiles::hyperliquid()).cash("USDC", "20"));
    let error = size(&poor, &poor.clock(), &symbol()).await.unwrap_err();
    assert!(error.to_string().contains("free margin"), "{error}");
    let world = World::builder(profiles::hyperliquid()).cash("USDC", "1000").market("SOL", "166.4", 3, 20);
    let held = PaperVenue::new(world.position("SOL", "0.5", 2, MarginMode::Cross).build().unwrap());
    let error = size(&held, &held.clock(), &symbol()).await.unwrap_err();
    assert!(error.to_string().contains("--symbol") && error.to_string().contains("0.5"), "{error}");
    assert_eq!(error.status(), 2);
}
