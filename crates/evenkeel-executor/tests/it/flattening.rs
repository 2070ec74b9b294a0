//! Emergency closes.

use evenkeel_exchange::{Cancel, ErrorKind, Observe as _, Operation};
use evenkeel_executor::{Flatten, FlattenOutcome, FlattenReport, flatten};
use evenkeel_paper::{
    Builder, Conditional, Fault, FaultRule, Lag, Origin, PaperVenue, Profile, StaleTime, World, profiles,
};
use evenkeel_store::{Journal as _, Kind, MemoryJournal, Seq};
use evenkeel_types::MarginMode::{Cross, Isolated};
use evenkeel_types::{OrderKind, PositionSide, Qty, Scope, Side};

use crate::draw::Rng;
use crate::support::*;

fn book(profile: Profile) -> Builder {
    World::builder(profile)
        .cash("USDC", "1000")
        .market("SOL", "166.4", 2, 20)
        .market("BTC", "106418", 5, 40)
        .market("ETH", "2512.4", 4, 25)
        .position("SOL", "5.65", 10, Cross)
        .position("BTC", "-0.02103", 10, Isolated)
        .position("ETH", "0.4", 5, Cross)
}

fn close(venue: &PaperVenue, what: &Flatten) -> (FlattenReport, MemoryJournal) {
    let (journal, clock) = (MemoryJournal::new(), venue.clock());
    let report = now(flatten(venue, &journal, &clock, what, &mut |_| {}, &Cancel::new()));
    (report, journal)
}

fn gross(venue: &PaperVenue) -> evenkeel_types::Usd {
    venue.with(|world| world.peek(&Scope::default())).unwrap().gross().unwrap()
}

#[test]
fn everything_is_closed_and_verified_on_every_profile() {
    for profile in profiles::all() {
        let venue = PaperVenue::new(book(profile).build().unwrap());
        let (report, journal) = close(&venue, &Flatten::everything());
        assert!(report.is_flat(), "{report}");
        assert!(gross(&venue).is_zero());
        assert_eq!(report.closed.len(), 3);
        assert!(
            report.closed.iter().all(|closed| closed.filled == closed.size.abs() && closed.orders == 1),
            "{report}"
        );
        let kinds: Vec<Kind> =
            now(journal.read(Seq::START)).unwrap().iter().map(|entry| entry.record.kind).collect();
        assert_eq!((kinds[0], *kinds.last().unwrap()), (Kind::Run, Kind::Done));
        for entry in now(journal.read(Seq::START)).unwrap() {
            evenkeel_executor::journal::Body::read(&entry.record).unwrap();
        }
    }
}

#[test]
fn only_what_was_named_is_closed() {
    let venue = PaperVenue::new(book(profiles::binance()).build().unwrap());
    let (report, _) = close(&venue, &Flatten::everything().only([symbol("BTC")]));
    assert!(report.is_flat(), "{report}");
    assert_eq!((held(&venue, "BTC"), held(&venue, "SOL")), (Qty::ZERO, qty("5.65")));
}

#[test]
fn large_positions_are_split_at_the_largest_order() {
    let venue = PaperVenue::new(book(profiles::binance()).build().unwrap());
    let snapshot = now(venue.snapshot(&Scope::default())).unwrap();
    let mut limited = snapshot.clone();
    limited.instruments.get_mut(&symbol("SOL")).unwrap().max_qty = Some(qty("1.5"));
    let venue = PaperVenue::fork(&limited, &profiles::binance(), 1).unwrap();
    let (report, _) = close(&venue, &Flatten::everything());
    assert!(report.is_flat(), "{report}");
    let parts: Vec<_> =
        venue.truth().orders.into_iter().filter(|order| order.symbol.as_str() == "SOL").collect();
    assert_eq!(parts.len(), 4);
    assert!(parts.iter().all(|order| order.qty.unwrap() <= qty("1.5") && order.reduce_only));
}

fn stop(reduce_only: bool) -> Conditional {
    Conditional {
        id: None,
        symbol: symbol("SOL"),
        side: Side::Sell,
        position_side: PositionSide::Net,
        qty: Some(qty("5.65")),
        trigger: "150".parse().unwrap(),
        limit: None,
        reduce_only,
        kind: OrderKind::StopLoss,
    }
}

#[test]
fn resting_orders_are_cancelled() {
    for reduce_only in [true, false] {
        let venue = PaperVenue::new(book(profiles::hyperliquid()).build().unwrap());
        venue.with(|world| world.place_conditional(&stop(reduce_only))).unwrap();
        let (report, _) = close(&venue, &Flatten::everything());
        assert!(report.is_flat(), "{report}");
        assert_eq!(report.cancelled, 1);
    }
}

/// A stop is the last thing that protects a position that cannot be closed.
#[test]
fn a_protective_stop_stays_until_its_position_is_gone() {
    let refuse = Fault::Refuse { kind: ErrorKind::Maintenance, retry_after: None };
    let rule = FaultRule::new(refuse).on(Operation::Place);
    let venue = PaperVenue::new(book(profiles::hyperliquid()).build().unwrap());
    venue.with(|world| world.place_conditional(&stop(true))).unwrap();
    venue.with(|world| world.inject([rule]));
    let (report, _) = close(&venue, &Flatten::everything());
    assert_eq!((report.outcome.clone(), report.cancelled), (FlattenOutcome::NotFlat, 0), "{report}");
    let world = venue.with(|world| world.peek(&Scope::default())).unwrap();
    assert_eq!(world.open_orders.len(), 1, "the stop is still there");
    assert_eq!(held(&venue, "SOL"), qty("5.65"));
}

#[test]
fn what_cannot_be_closed_is_said() {
    let refuse = Fault::Refuse { kind: ErrorKind::Rejected, retry_after: None };
    let rule = FaultRule::new(refuse).on(Operation::Place).symbol(symbol("BTC"));
    let venue = PaperVenue::new(book(profiles::bingx()).fault(rule).build().unwrap());
    let (report, _) = close(&venue, &Flatten::everything());
    assert_eq!(report.outcome, FlattenOutcome::NotFlat);
    assert_eq!((held(&venue, "BTC"), held(&venue, "SOL")), (qty("-0.02103"), Qty::ZERO));
    assert!(report.message.contains("BTC -0.02103"), "{}", report.message);
    assert_eq!(report.rounds, 5);
}

/// Whatever is refused, lost, late, hidden, partial or old: nothing it sends opens or turns a position, it says that it is
/// flat only when it is, and once the faults stop it gets there.
#[test]
fn faults_never_make_it_open_turn_or_lie() {
    let cases = std::env::var("EVENKEEL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(300u64);
    let mut flat = 0;
    for seed in 0..cases {
        let mut rng = Rng(seed);
        let profile = rng.pick(&profiles::all());
        let kinds =
            [ErrorKind::Maintenance, ErrorKind::RateLimited, ErrorKind::Rejected, ErrorKind::NoLiquidity];
        let faults = [
            (Fault::Refuse { kind: rng.pick(&kinds), retry_after: None }, Operation::Place),
            (Fault::LoseRequest, Operation::Place),
            (Fault::LoseAnswer, Operation::Place),
            (Fault::Delay { by: std::time::Duration::from_millis(rng.below(30_000)) }, Operation::Place),
            (Fault::Ignore, Operation::Place),
            (Fault::PartialFill { permille: 500 }, Operation::Place),
            (Fault::LateMargin { lag: Lag::Reads(2) }, Operation::Place),
            (Fault::StaleRead { changes: 2, time: StaleTime::Honest }, Operation::Snapshot),
            (Fault::LoseRequest, Operation::Snapshot),
            (Fault::OrderNotFound, Operation::Order),
        ];
        let mut builder = book(profile).seed(seed);
        for (fault, operation) in faults {
            let often = u32::try_from(rng.below(250)).unwrap();
            builder = builder.fault(FaultRule::new(fault).on(operation).permille(often));
        }
        let venue = PaperVenue::new(builder.build().unwrap());
        let before = venue.with(|world| world.peek(&Scope::default())).unwrap();
        let (report, _) = close(&venue, &Flatten::everything());
        let world = venue.with(|world| world.peek(&Scope::default())).unwrap();
        if report.is_flat() {
            flat += 1;
            assert!(world.positions.is_empty(), "seed {seed}: it said that it is flat: {world:?}");
        }
        for position in &world.positions {
            let start = before.qty(&position.symbol);
            assert!(position.qty.abs() <= start.abs(), "seed {seed}: {} grew", position.symbol);
            assert_eq!(
                position.qty.is_negative(),
                start.is_negative(),
                "seed {seed}: {} turned",
                position.symbol
            );
        }
        let ours = venue.truth().orders.into_iter().filter(|order| order.origin == Origin::Client);
        assert!(ours.clone().all(|order| order.reduce_only), "seed {seed}");
        let mut ids: Vec<_> = ours.map(|order| order.id).collect();
        let sent = ids.len();
        ids.sort();
        ids.dedup();
        let dedupes =
            venue.with(|world| world.profile().capabilities.dedupe) == evenkeel_types::Dedupe::Forever;
        assert!(dedupes || ids.len() == sent, "seed {seed}: an identity was sent again");
        // Once the faults stop.
        venue.with(World::clear_faults);
        let (report, _) = close(&venue, &Flatten::everything());
        assert!(report.is_flat(), "seed {seed}: {report}");
    }
    assert!(flat > cases / 3, "only {flat} of {cases} got there under faults");
}
