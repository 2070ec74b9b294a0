//! Every fault does what it says, and the ledger knows better than the answers.

use std::time::Duration;

use evenkeel_exchange::{Clock, Effect, ErrorKind, Operation};
use evenkeel_paper::{
    Cause, Event, Execution, Fault, FaultRule, Lag, Origin, PaperClock, PaperVenue, StaleTime, World,
    profiles,
};
use evenkeel_types::{Leverage, MarginMode, OrderStatus, PoolId, Side, TimeInForce, Timestamp};
use proptest::prelude::*;

use crate::support::{block_on, both, cases, id, ioc, qty, reduce, sym, usd, world};

fn held() -> World {
    world(profiles::hyperliquid()).position("SOL", "3", 10, MarginMode::Cross).build().unwrap()
}

fn on_place(fault: Fault) -> FaultRule {
    FaultRule::new(fault).on(Operation::Place)
}

fn sol(world: &World) -> String {
    world.peek(&both()).unwrap().qty(&sym("SOL")).to_string()
}

#[test]
fn a_refusal_changes_nothing_and_says_so() {
    let mut world = held();
    let wait = Duration::from_secs(2);
    world.inject([on_place(Fault::Refuse { kind: ErrorKind::RateLimited, retry_after: Some(wait) }).nth(1)]);
    let error = world.place(&[reduce(1, "SOL", Side::Sell, "3", "160")]).remove(0).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect(), error.retry_after(), error.is_retryable()),
        (ErrorKind::RateLimited, Effect::NotApplied, Some(wait), true)
    );
    assert!(world.orders().is_empty());
    assert!(world.place(&[reduce(1, "SOL", Side::Sell, "3", "160")]).remove(0).is_ok());
}

#[test]
fn a_lost_request_never_arrives_and_a_lost_answer_did() {
    for (fault, left, arrived) in [(Fault::LoseRequest, "3", 0), (Fault::LoseAnswer, "0", 1)] {
        let mut world = held();
        world.inject([on_place(fault)]);
        let error = world.place(&[reduce(1, "SOL", Side::Sell, "3", "160")]).remove(0).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Timeout, Effect::Unknown));
        assert_eq!((sol(&world).as_str(), world.orders().len()), (left, arrived));
        let found = world.order(&sym("SOL"), &id(1)).unwrap();
        assert_eq!(found.map(|order| order.status), (arrived == 1).then_some(OrderStatus::Filled));
    }
}

#[test]
fn a_delayed_order_arrives_later_and_a_delayed_leverage_too() {
    let mut world = held();
    let by = Duration::from_secs(3);
    world.inject([FaultRule::new(Fault::Delay { by })]);
    assert!(world.place(&[reduce(1, "SOL", Side::Sell, "1", "160")]).remove(0).is_err());
    assert!(world.set_leverage(&sym("SOL"), Leverage::new(5).unwrap()).is_err());
    world.clear_faults();
    assert_eq!(world.order(&sym("SOL"), &id(1)).unwrap(), None);
    world.advance(Duration::from_millis(2999));
    assert_eq!(sol(&world), "3");
    world.advance(Duration::from_millis(1));
    assert_eq!(sol(&world), "2");
    assert_eq!(world.leverage(&sym("SOL")).unwrap().long, Leverage::new(5).unwrap());
    let last = world.history().last().unwrap();
    assert_eq!(last.cause, Cause::Write(Operation::SetLeverage));
}

#[test]
fn a_used_id_stops_a_delayed_order_where_ids_are_used_for_ever() {
    let mut world = world(profiles::bybit()).position("SOL", "3", 10, MarginMode::Cross).build().unwrap();
    world.inject([on_place(Fault::Delay { by: Duration::from_secs(3) }).nth(1)]);
    let order = reduce(1, "SOL", Side::Sell, "1", "160");
    assert!(world.place(std::slice::from_ref(&order)).remove(0).is_err());
    // The same id again: now it is there, and the late one is refused.
    assert_eq!(world.place(&[order]).remove(0).unwrap().status, OrderStatus::Acknowledged);
    world.advance(Duration::from_secs(4));
    assert_eq!(sol(&world), "2");
    let statuses: Vec<OrderStatus> = world.orders().iter().map(|order| order.status).collect();
    assert_eq!(statuses, [OrderStatus::Filled, OrderStatus::Rejected]);
    assert_eq!(world.order(&sym("SOL"), &id(1)).unwrap().unwrap().status, OrderStatus::Filled);
}

#[test]
fn an_ignored_write_says_yes() {
    let mut world = held();
    world.inject([FaultRule::new(Fault::Ignore)]);
    world.set_leverage(&sym("SOL"), Leverage::new(5).unwrap()).unwrap();
    world.set_margin_mode(&sym("BTC"), MarginMode::Isolated).unwrap();
    let state = world.place(&[reduce(1, "SOL", Side::Sell, "1", "160")]).remove(0).unwrap();
    assert_eq!(state.status, OrderStatus::Acknowledged);
    world.clear_faults();
    assert_eq!(world.leverage(&sym("SOL")).unwrap().long, Leverage::new(10).unwrap());
    assert_eq!(world.leverage(&sym("BTC")).unwrap().mode, MarginMode::Cross);
    assert_eq!((sol(&world).as_str(), world.order(&sym("SOL"), &id(1)).unwrap()), ("3", None));
}

#[test]
fn a_partial_fill_is_in_lots_and_its_rest_is_over() {
    let mut world = held();
    world.inject([on_place(Fault::PartialFill { permille: 335 })]);
    let state = world.place(&[reduce(1, "SOL", Side::Sell, "2", "160")]).remove(0).unwrap();
    assert_eq!((state.filled.to_string().as_str(), state.status), ("0.67", OrderStatus::Cancelled));
    let mut gtc = reduce(2, "SOL", Side::Sell, "2", "160");
    gtc.tif = TimeInForce::Gtc;
    let state = world.place(&[gtc]).remove(0).unwrap();
    assert_eq!((state.filled.to_string().as_str(), state.status), ("0.67", OrderStatus::Open));
    assert_eq!(sol(&world), "1.66");
}

#[test]
fn released_margin_shows_late() {
    for (lag, reads_until_shown) in [(Lag::Reads(2), 2), (Lag::Time(Duration::from_secs(3)), 3)] {
        let mut world = world(profiles::hyperliquid())
            .position("SOL", "3", 10, MarginMode::Cross)
            .execution(Execution::AtMark)
            .build()
            .unwrap();
        world.inject([on_place(Fault::LateMargin { lag })]);
        let before = world.peek(&both()).unwrap().pools[0].free;
        world.place(&[reduce(1, "SOL", Side::Sell, "3", "160")]).remove(0).unwrap();
        let mut late = 0;
        while world.snapshot(&both()).unwrap().pools[0].free == before {
            late += 1;
            world.advance(Duration::from_secs(1));
        }
        assert_eq!(late, reads_until_shown, "{lag:?}");
        assert_eq!(
            world.peek(&both()).unwrap().pools[0].free,
            usd("999.77536"),
            "all but the fee of 0.22464"
        );
        assert_eq!(world.snapshot(&both()).unwrap().pools[0].free, usd("999.77536"));
    }
}

#[test]
fn a_stale_reading_shows_the_past_honestly_or_not() {
    for time in [StaleTime::Honest, StaleTime::Lying] {
        let mut world = held();
        let start = world.now();
        world.advance(Duration::from_secs(10));
        world.place(&[reduce(1, "SOL", Side::Sell, "1", "160")]).remove(0).unwrap();
        world.set_leverage(&sym("SOL"), Leverage::new(5).unwrap()).unwrap();
        world.inject([FaultRule::new(Fault::StaleRead { changes: 2, time }).times(2)]);
        let old = world.snapshot(&both()).unwrap();
        assert_eq!(old.qty(&sym("SOL")), qty("3"));
        assert_eq!(old.as_of, if time == StaleTime::Honest { start } else { world.now() });
        assert!(old.validate(&both()).is_ok());
        let read = world.leverage(&sym("SOL")).unwrap();
        assert_eq!((read.long, read.read_at), (Leverage::new(10).unwrap(), old.as_of));
        assert_eq!(world.snapshot(&both()).unwrap().qty(&sym("SOL")), qty("2"));
    }
}

#[test]
fn an_order_that_exists_is_not_found() {
    let mut world = held();
    world.place(&[reduce(1, "SOL", Side::Sell, "1", "160")]).remove(0).unwrap();
    world.inject([FaultRule::new(Fault::OrderNotFound).on(Operation::Order).times(2)]);
    let found = [(); 3].map(|()| world.order(&sym("SOL"), &id(1)).unwrap().is_some());
    assert_eq!(found, [false, false, true]);
}

#[test]
fn somebody_else_acts_and_prices_jump_before_a_call() {
    let mut world = held();
    let foreign = Event::ForeignTrade { symbol: sym("SOL"), qty: qty("-1") };
    let jump = Event::Move { symbol: sym("BTC"), by: "-0.1".parse().unwrap() };
    let leverage = Event::ForeignLeverage { symbol: sym("SOL"), leverage: Leverage::new(3).unwrap() };
    world.inject(
        [foreign, jump, leverage]
            .map(|event| FaultRule::new(Fault::Happens(event)).on(Operation::Snapshot).nth(2)),
    );
    assert_eq!(world.snapshot(&both()).unwrap().qty(&sym("SOL")), qty("3"));
    let after = world.snapshot(&both()).unwrap();
    assert_eq!(after.qty(&sym("SOL")), qty("2"));
    assert_eq!(after.quotes[&sym("BTC")].mark.to_string(), "95776.2");
    assert_eq!(after.settings[&sym("SOL")].long, Leverage::new(3).unwrap());
    assert_eq!(world.orders().first().unwrap().origin, Origin::Foreign);
    assert_eq!(world.all_fills().first().unwrap().order, None);
    let causes: Vec<Cause> = world.history().iter().map(|sample| sample.cause).collect();
    assert_eq!(causes, [Cause::Start, Cause::Foreign, Cause::Price, Cause::Foreign]);
}

#[test]
fn reads_that_fail_have_no_effect() {
    let mut world = held();
    world.inject([FaultRule::new(Fault::LoseAnswer)]);
    let errors = [
        world.snapshot(&both()).unwrap_err(),
        world.leverage(&sym("SOL")).unwrap_err(),
        world.order(&sym("SOL"), &id(1)).unwrap_err(),
        world.server_time().unwrap_err(),
        world.instruments().unwrap_err(),
        world.fills(&sym("SOL"), Timestamp(0)).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.effect() == Effect::NotApplied && error.is_retryable()));
}

#[test]
fn the_calendar_is_kept_in_order() {
    let mut world = held();
    let at = |seconds: u64| Timestamp(world.now().0 + seconds * 1000);
    let (later, sooner) = (at(20), at(10));
    let mark = |text: &str| Event::Mark { symbol: sym("SOL"), price: text.parse().unwrap() };
    world.schedule(later, mark("180"));
    world.schedule(sooner, mark("170"));
    world.schedule(later, Event::Deposit { pool: PoolId(sym("USDC")), amount: usd("5") });
    world.advance(Duration::from_secs(15));
    assert_eq!(world.peek(&both()).unwrap().quotes[&sym("SOL")].mark.to_string(), "170");
    world.advance(Duration::from_secs(5));
    let after = world.peek(&both()).unwrap();
    assert_eq!(after.quotes[&sym("SOL")].mark.to_string(), "180");
    assert_eq!(after.pools[0].equity, usd("1045.8"), "13.6 times 3, and 5");
}

#[test]
fn one_clock_moves_several_worlds() {
    let one = PaperVenue::new(held());
    let other = PaperVenue::new(held());
    one.with(|world| world.advance(Duration::from_secs(5)));
    let clock = PaperClock::joint([one.clone(), other.clone()]);
    block_on(clock.sleep(Duration::from_secs(1)));
    let times = [&one, &other].map(|venue| venue.with(|world| world.now()));
    assert_eq!(times, [clock.now(); 2]);
}

fn life(seed: u64, calls: &[u8]) -> PaperVenue {
    let mut world = world(profiles::bingx())
        .seed(seed)
        .execution(Execution::RandomSlippage("0.01".parse().unwrap()))
        .fault(on_place(Fault::LoseAnswer).permille(200))
        .fault(on_place(Fault::Delay { by: Duration::from_secs(2) }).permille(100))
        .fault(on_place(Fault::PartialFill { permille: 500 }).permille(300))
        .fault(FaultRule::new(Fault::StaleRead { changes: 1, time: StaleTime::Lying }).permille(100))
        .fault(FaultRule::new(Fault::Refuse { kind: ErrorKind::Maintenance, retry_after: None }).permille(50))
        .build()
        .unwrap();
    world.random_walk(&sym("SOL"), Duration::from_secs(1), "0.01".parse().unwrap());
    for (number, call) in calls.iter().enumerate() {
        let side = if call % 2 == 0 { Side::Buy } else { Side::Sell };
        match call % 5 {
            0 | 1 => drop(world.place(&[ioc(number as u64, "SOL", side, "1.5", "166.4")])),
            2 => drop(world.snapshot(&both())),
            3 => drop(world.set_leverage(&sym("SOL"), Leverage::new(1 + u32::from(*call) % 20).unwrap())),
            _ => world.advance(Duration::from_millis(700)),
        }
    }
    PaperVenue::new(world)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_seed_is_the_same_life(seed: u64, calls in proptest::collection::vec(any::<u8>(), 0..40)) {
        let (one, other) = (life(seed, &calls), life(seed, &calls));
        prop_assert_eq!(one.truth(), other.truth());
        prop_assert_eq!(one.with(|w| w.trace().to_vec()), other.with(|w| w.trace().to_vec()));
    }
}

#[test]
fn seeds_differ() {
    let calls: Vec<u8> = (0..200).map(|n: u32| u8::try_from(n * 37 % 251).unwrap()).collect();
    let hashes = [1, 2].map(|seed| life(seed, &calls).truth().trace_hash);
    assert_ne!(hashes[0], hashes[1]);
    let truth = life(1, &calls).truth();
    assert!(
        truth.orders.len() > 40 && truth.fills.len() > 20,
        "{} {}",
        truth.orders.len(),
        truth.fills.len()
    );
}
