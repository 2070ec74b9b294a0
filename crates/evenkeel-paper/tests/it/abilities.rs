//! What the paper exchange has beyond the two traits.

use std::time::Duration;

use evenkeel_exchange::{
    Effect, ErrorKind, Observe, Operation, Protective, StopIntent, StopSize, StopStatus, Trade, Trigger,
};
use evenkeel_paper::{Execution, Fault, FaultRule, PaperVenue, World, profiles};
use evenkeel_types::{
    Leverage, MarginMode, OpenOrder, OrderIntent, PositionSide, Qty, Side, TimeInForce, Timestamp, Usd,
};

use crate::support::{block_on, both, id, ioc, price, qty, sym, world};

fn held() -> World {
    world(profiles::binance())
        .position("SOL", "10", 10, MarginMode::Cross)
        .execution(Execution::AtMark)
        .build()
        .unwrap()
}

fn stop(n: u64, trigger: Trigger, size: StopSize) -> StopIntent {
    StopIntent {
        id: id(n),
        symbol: sym("SOL"),
        side: Side::Sell,
        position_side: PositionSide::Net,
        trigger,
        size,
        worst: None,
    }
}

fn loss(n: u64, at: &str) -> StopIntent {
    stop(n, Trigger::StopLoss(price(at)), StopSize::Qty(qty("4")))
}

fn gtc(n: u64, symbol: &str, size: &str, limit: &str) -> OrderIntent {
    OrderIntent { tif: TimeInForce::Gtc, ..ioc(n, symbol, Side::Buy, size, limit) }
}

fn status(world: &mut World, n: u64) -> Option<StopStatus> {
    world.stop(&sym("SOL"), &id(n)).unwrap().map(|stop| stop.status)
}

fn open(world: &World) -> Vec<OpenOrder> {
    world.peek(&both()).unwrap().open_orders
}

fn sol(world: &World) -> Qty {
    world.peek(&both()).unwrap().qty(&sym("SOL"))
}

#[test]
fn a_reading_of_several_symbols_is_one_call() {
    let mut world = held();
    let latency = Duration::from_millis(20);
    world.set_latency(latency);
    let start = world.now();
    let symbols = [sym("BTC"), sym("XRP"), sym("SOL")];
    let settings = world.leverages(&symbols);
    let quotes = world.quotes(&symbols);
    assert_eq!(world.now().since(start), latency * 2);
    assert_eq!(settings[0].as_ref().unwrap().symbol, sym("BTC"));
    assert_eq!(settings[1].as_ref().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(settings[2].as_ref().unwrap().long, Leverage::new(10).unwrap());
    let marks: Vec<_> = quotes.into_iter().map(|quote| quote.ok().map(|quote| quote.mark)).collect();
    assert_eq!(marks, [Some(price("106418")), None, Some(price("166.4"))]);
    assert!(world.leverages(&[]).is_empty());
    assert_eq!(world.now().since(start), latency * 2, "nothing to ask for is no call");

    // A fault of one symbol fails the call that names it, for all of them, with all that the error says.
    let wait = Duration::from_secs(2);
    let limited = Fault::Refuse { kind: ErrorKind::RateLimited, retry_after: Some(wait) };
    world.inject([FaultRule::new(limited).symbol(sym("SOL")).nth(2)]);
    assert!(world.leverages(&symbols[..1]).iter().all(Result::is_ok));
    assert!(world.leverages(&symbols[2..]).iter().all(Result::is_ok));
    let refused = world.leverages(&symbols);
    assert!(refused.iter().all(|answer| {
        let error = answer.as_ref().unwrap_err();
        (error.kind(), error.effect(), error.retry_after())
            == (ErrorKind::RateLimited, Effect::NotApplied, Some(wait))
    }));
    assert_eq!(refused.len(), 3);
}

#[test]
fn fills_of_several_symbols_are_merged_oldest_first() {
    let mut world = held();
    for (n, symbol, size) in [(1, "SOL", "1"), (2, "BTC", "0.001"), (3, "SOL", "2")] {
        let limit = if symbol == "SOL" { "170" } else { "107000" };
        world.place(&[ioc(n, symbol, Side::Buy, size, limit)]).remove(0).unwrap();
        world.advance(Duration::from_secs(1));
    }
    let orders = |world: &mut World, symbols: &[&str], since: Timestamp| -> Vec<_> {
        let symbols: Vec<_> = symbols.iter().copied().map(sym).collect();
        world.fills_of(&symbols, since).unwrap().into_iter().map(|fill| fill.order.unwrap()).collect()
    };
    assert_eq!(orders(&mut world, &["BTC", "SOL"], Timestamp(0)), [id(1), id(2), id(3)]);
    assert_eq!(orders(&mut world, &["BTC"], Timestamp(0)), [id(2)]);
    let later = world.all_fills().get(1).unwrap().time;
    assert_eq!(orders(&mut world, &["SOL", "BTC"], later), [id(2), id(3)]);
}

#[test]
fn a_stop_loss_waits_triggers_and_is_executed() {
    let mut world = held();
    let placed = world
        .place_stops(&[loss(1, "160"), stop(2, Trigger::TakeProfit(price("180")), StopSize::WholePosition)]);
    assert!(placed.iter().all(|state| state.as_ref().unwrap().status == StopStatus::Waiting));
    assert!(open(&world).iter().all(OpenOrder::is_protective));
    assert_eq!(open(&world)[0].venue_order_id, *placed[0].as_ref().unwrap().venue_order_id.as_ref().unwrap());
    world.set_mark(&sym("SOL"), price("160.1")).unwrap();
    assert_eq!((status(&mut world, 1), sol(&world)), (Some(StopStatus::Waiting), qty("10")));
    world.set_mark(&sym("SOL"), price("160")).unwrap();
    assert_eq!((status(&mut world, 1), sol(&world)), (Some(StopStatus::Executed), qty("6")));
    world.set_mark(&sym("SOL"), price("180")).unwrap();
    assert_eq!((status(&mut world, 2), sol(&world)), (Some(StopStatus::Executed), Qty::ZERO));
    assert_eq!(status(&mut world, 3), None);
}

#[test]
fn a_triggered_stop_with_a_worst_price_is_an_ordinary_order() {
    let mut world = held();
    let worst = Some(price("159"));
    world.place_stops(&[StopIntent { worst, ..loss(1, "160") }]).remove(0).unwrap();
    world.set_mark(&sym("SOL"), price("158")).unwrap();
    assert_eq!((status(&mut world, 1), sol(&world)), (Some(StopStatus::Triggered), qty("10")));
    assert!(!open(&world)[0].is_protective());
    // It stays when the price is above the trigger again, and fills at its limit.
    world.set_mark(&sym("SOL"), price("165")).unwrap();
    assert_eq!((status(&mut world, 1), sol(&world)), (Some(StopStatus::Executed), qty("6")));
    assert_eq!(world.all_fills().first().unwrap().price, price("159"));
}

#[test]
fn stops_are_cancelled_once_and_again() {
    let mut world = held();
    world.place_stops(&[loss(1, "160")]).remove(0).unwrap();
    world.place(&[gtc(2, "SOL", "1", "150")]).remove(0).unwrap();
    for _ in 0..2 {
        world.cancel_stop(&sym("SOL"), &id(1)).unwrap();
        assert_eq!(status(&mut world, 1), Some(StopStatus::Cancelled));
    }
    // An ordinary order is no stop.
    world.cancel_stop(&sym("SOL"), &id(2)).unwrap();
    assert_eq!((status(&mut world, 2), open(&world).len()), (None, 1));
}

#[test]
fn stops_that_cannot_be_are_refused() {
    let mut world = held();
    let callback = "0.01".parse().unwrap();
    let refused = [
        (
            stop(1, Trigger::Trailing { callback, activation: None }, StopSize::WholePosition),
            ErrorKind::NotSupported,
        ),
        (loss(1, "160.123"), ErrorKind::Invalid),
        (StopIntent { worst: Some(price("159.999")), ..loss(1, "160") }, ErrorKind::Invalid),
        (stop(1, Trigger::StopLoss(price("160")), StopSize::Qty(qty("0.0001"))), ErrorKind::Invalid),
        (loss(1, "166.4"), ErrorKind::Rejected),
        (stop(1, Trigger::TakeProfit(price("166")), StopSize::WholePosition), ErrorKind::Rejected),
        (StopIntent { position_side: PositionSide::Long, ..loss(1, "160") }, ErrorKind::Rejected),
        (StopIntent { symbol: sym("XRP"), ..loss(1, "160") }, ErrorKind::NotFound),
    ];
    for (stop, kind) in refused {
        let error = world.place_stops(std::slice::from_ref(&stop)).remove(0).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (kind, Effect::NotApplied), "{stop:?}");
        assert_eq!(error.operation(), Operation::PlaceStop);
    }
    assert!(open(&world).is_empty());
}

#[test]
fn everything_is_cancelled_at_once_and_protection_stays_where_it_should() {
    let placed = || {
        let mut world = held();
        world.place(&[gtc(1, "SOL", "1", "150"), gtc(2, "SOL", "1", "140"), gtc(3, "BTC", "0.001", "90000")]);
        world.place_stops(&[loss(4, "120")]).remove(0).unwrap();
        world
    };
    let sol = sym("SOL");
    for (symbol, protective, count, left) in [
        (Some(&sol), Protective::Keep, 2, 2),
        (Some(&sol), Protective::Cancel, 3, 1),
        (None, Protective::Keep, 3, 1),
        (None, Protective::Cancel, 4, 0),
    ] {
        let mut world = placed();
        assert_eq!(world.cancel_all(symbol, protective).unwrap(), count);
        assert_eq!(open(&world).len(), left, "{symbol:?} {protective:?}");
        assert_eq!(world.cancel_all(symbol, protective).unwrap(), 0);
    }
}

#[test]
fn faults_strike_these_writes_too() {
    for (fault, left) in [(Fault::LoseRequest, 1), (Fault::LoseAnswer, 0)] {
        let mut world = held();
        world.place_stops(&[loss(1, "160")]).remove(0).unwrap();
        world.inject([FaultRule::new(fault).on(Operation::CancelAll)]);
        let error = world.cancel_all(None, Protective::Cancel).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Timeout, Effect::Unknown));
        assert_eq!(open(&world).len(), left);
    }
    let mut world = held();
    world.inject([
        FaultRule::new(Fault::Ignore).on(Operation::PlaceStop).nth(1),
        FaultRule::new(Fault::Delay { by: Duration::from_secs(3) }).on(Operation::PlaceStop).nth(2),
        FaultRule::new(Fault::OrderNotFound).on(Operation::Stop).nth(3),
    ]);
    assert_eq!(world.place_stops(&[loss(1, "160")]).remove(0).unwrap().status, StopStatus::Waiting);
    assert_eq!(world.place_stops(&[loss(2, "160")]).remove(0).unwrap_err().effect(), Effect::Unknown);
    assert_eq!((status(&mut world, 1), status(&mut world, 2)), (None, None));
    world.advance(Duration::from_secs(3));
    assert_eq!((status(&mut world, 2), status(&mut world, 2)), (None, Some(StopStatus::Waiting)));
}

#[test]
fn funding_payments_are_what_the_account_felt() {
    let mut world = world(profiles::hyperliquid())
        .position("SOL", "10", 10, MarginMode::Cross)
        .position("BTC", "-0.01", 10, MarginMode::Isolated)
        .funding("SOL", "0.0001")
        .funding("BTC", "0.0002")
        .build()
        .unwrap();
    world.advance(Duration::from_secs(2 * 3600));
    let payments = world.funding_payments(Timestamp(0)).unwrap();
    assert_eq!(payments.len(), 4);
    assert!(payments.is_sorted_by_key(|payment| payment.time));
    let paid = payments.iter().fold(Usd::ZERO, |sum, payment| sum.minus(payment.amount).unwrap());
    assert_eq!(paid, world.totals().funding);
    let of = |symbol: &str| payments.iter().find(|payment| payment.symbol == sym(symbol)).unwrap();
    assert_eq!((of("SOL").amount.to_string().as_str(), of("SOL").qty), ("-0.1664", Some(qty("10"))));
    assert!(of("BTC").amount.is_positive() && of("BTC").rate == Some("0.0002".parse().unwrap()));
    let second = payments[3].time;
    assert_eq!(world.funding_payments(second).unwrap().len(), 2);
    assert!(world.funding_payments(second.after(Duration::from_millis(1))).unwrap().is_empty());
}

#[test]
fn the_venue_says_what_it_has() {
    let venue = PaperVenue::new(held());
    let (reads, writes) = (venue.read_abilities(), venue.abilities());
    let quotes = block_on(reads.quotes.unwrap().quotes(&[sym("SOL")]));
    assert_eq!(quotes[0].as_ref().unwrap().mark, price("166.4"));
    assert!(block_on(reads.funding_payments.unwrap().funding_payments(Timestamp(0))).unwrap().is_empty());
    assert!(reads.wallets.is_none() && reads.diagnose.is_none() && reads.funding_history.is_none());
    let stops = writes.stop_orders.unwrap();
    block_on(stops.place_stops(&[loss(1, "160")])).remove(0).unwrap();
    assert!(block_on(stops.stop(&sym("SOL"), &id(1))).unwrap().is_some());
    block_on(stops.cancel_stop(&sym("SOL"), &id(1))).unwrap();
    assert_eq!(block_on(writes.cancel_all.unwrap().cancel_all(None, Protective::Cancel)).unwrap(), 0);
    assert!(writes.dead_man_switch.is_none() && writes.transfers.is_none());
    assert!(writes.top_up.is_none() && writes.fencing.is_none());
}
