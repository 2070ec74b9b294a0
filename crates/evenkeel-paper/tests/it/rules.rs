//! The rules of the exchange, one by one.

use std::time::Duration;

use evenkeel_exchange::ErrorKind;
use evenkeel_paper::{Cause, Conditional, Execution, Origin, World, profiles};
use evenkeel_types::{
    Leverage, MarginMode, OrderIntent, OrderKind, OrderStatus, PositionMode, PositionSide, Side, TimeInForce,
    Usd,
};

use crate::support::{both, id, ioc, price, qty, reduce, sym, usd, world};

fn equity(world: &World) -> String {
    world.peek(&both()).unwrap().pools[0].equity.to_string()
}

fn free(world: &World) -> String {
    world.peek(&both()).unwrap().pools[0].free.to_string()
}

fn held(world: &World, symbol: &str) -> String {
    world.peek(&both()).unwrap().qty(&sym(symbol)).to_string()
}

fn gtc(n: u64, symbol: &str, side: Side, size: &str, limit: &str) -> OrderIntent {
    OrderIntent { tif: TimeInForce::Gtc, ..ioc(n, symbol, side, size, limit) }
}

fn kind(world: &mut World, intent: OrderIntent) -> ErrorKind {
    world.place(&[intent]).remove(0).unwrap_err().kind()
}

#[test]
fn orders_find_their_price_within_the_limit() {
    for (execution, limit, expected) in [
        (Execution::AtLimit, "168", Some("168")),
        (Execution::AtMark, "168", Some("166.4")),
        (Execution::Slippage("0.005".parse().unwrap()), "168", Some("167.24")),
        (Execution::Slippage("0.05".parse().unwrap()), "168", Some("168")),
        (Execution::AtMark, "166.3", None),
        (Execution::AtLimit, "166.3", None),
    ] {
        let mut world = world(profiles::hyperliquid()).execution(execution).build().unwrap();
        let answer = world.place(&[ioc(1, "SOL", Side::Buy, "1", limit)]).remove(0);
        let average = answer.map(|state| state.average_price.unwrap().to_string());
        match expected {
            Some(expected) => assert_eq!(average.unwrap(), expected, "{execution:?}"),
            None => assert_eq!(average.unwrap_err().kind(), ErrorKind::NoLiquidity),
        }
    }
}

#[test]
fn fees_margin_and_profit_in_figures() {
    let mut world = world(profiles::binance()).execution(Execution::AtMark).build().unwrap();
    world.set_leverage(&sym("SOL"), Leverage::new(5).unwrap()).unwrap();
    world.place(&[ioc(1, "SOL", Side::Buy, "10", "167")]).remove(0).unwrap();
    // 1664 at 0.05 % taker, and a fifth of it as margin.
    assert_eq!((equity(&world).as_str(), free(&world).as_str()), ("999.168", "666.368"));
    world.set_mark(&sym("SOL"), price("170")).unwrap();
    assert_eq!((equity(&world).as_str(), free(&world).as_str()), ("1035.168", "695.168"));
    world.place(&[reduce(2, "SOL", Side::Sell, "5", "169")]).remove(0).unwrap();
    assert_eq!(equity(&world), "1034.743");
    assert_eq!(world.totals().realised.to_string(), "18");
    assert_eq!(world.totals().fees.to_string(), "1.257");
}

#[test]
fn margin_is_asked_for_at_the_setting_and_the_worst_price() {
    let mut world = world(profiles::hyperliquid()).execution(Execution::AtMark).build().unwrap();
    world.set_leverage(&sym("SOL"), Leverage::new(2).unwrap()).unwrap();
    // 12 * 166.4 / 2 = 998.4 would fit without the fee of 0.9 and the slippage up to the limit.
    assert_eq!(kind(&mut world, ioc(1, "SOL", Side::Buy, "12", "167")), ErrorKind::InsufficientMargin);
    assert_eq!(world.orders().first().unwrap().status, OrderStatus::Rejected);
    assert!(world.place(&[ioc(2, "SOL", Side::Buy, "11.9", "166.5")]).remove(0).is_ok());
    // A reduction needs none, however little is free.
    world.set_mark(&sym("SOL"), price("130")).unwrap();
    assert_eq!(free(&world), "0");
    assert!(world.place(&[ioc(3, "SOL", Side::Sell, "1", "129")]).remove(0).is_ok());
    assert_eq!(kind(&mut world, ioc(4, "SOL", Side::Buy, "0.5", "131")), ErrorKind::InsufficientMargin);
}

#[test]
fn isolated_buckets_take_and_give_back_their_share() {
    let mut world = world(profiles::hyperliquid())
        .setting("SOL", 10, MarginMode::Isolated)
        .execution(Execution::AtMark)
        .build()
        .unwrap();
    world.place(&[ioc(1, "SOL", Side::Sell, "10", "166")]).remove(0).unwrap();
    let bucket =
        |world: &World| world.peek(&both()).unwrap().positions[0].isolated.unwrap().equity.to_string();
    assert_eq!((bucket(&world).as_str(), equity(&world).as_str()), ("166.4", "832.8512"));
    world.set_mark(&sym("SOL"), price("160")).unwrap();
    assert_eq!((bucket(&world).as_str(), equity(&world).as_str()), ("230.4", "832.8512"));
    world.place(&[reduce(2, "SOL", Side::Buy, "2.5", "161")]).remove(0).unwrap();
    // A quarter of the collateral, 41.6, and of the profit, 16, less a fee of 0.18.
    assert_eq!((bucket(&world).as_str(), equity(&world).as_str()), ("172.8", "890.2712"));
    // 10 % of the notional of 1200 must stay; a raised setting gives nothing back here.
    let out = |amount: &str| usd(amount).negated();
    assert_eq!(
        world.adjust_margin(&sym("SOL"), out("52.81")).unwrap_err().kind(),
        ErrorKind::InsufficientMargin
    );
    world.adjust_margin(&sym("SOL"), out("52.8")).unwrap();
    world.set_leverage(&sym("SOL"), Leverage::new(20).unwrap()).unwrap();
    assert_eq!((bucket(&world).as_str(), equity(&world).as_str()), ("120", "943.0712"));
    assert_eq!(world.adjust_margin(&sym("SOL"), out("1")).unwrap_err().kind(), ErrorKind::InsufficientMargin);
}

#[test]
fn an_isolated_loss_stops_at_its_bucket() {
    let mut world =
        world(profiles::hyperliquid()).position("SOL", "10", 10, MarginMode::Isolated).build().unwrap();
    world.set_mark(&sym("SOL"), price("100")).unwrap();
    assert_eq!((held(&world, "SOL").as_str(), equity(&world).as_str()), ("0", "1000"));
    // 664 lost on a bucket of 166.4.
    assert_eq!(world.totals().absorbed.to_string(), "497.6");
    let last = world.orders().last().unwrap();
    assert_eq!((last.origin, last.status), (Origin::Liquidation, OrderStatus::Filled));
    assert_eq!(world.history().last().unwrap().cause, Cause::Liquidation);
}

#[test]
fn a_liquidated_pool_pays_the_clearance_fee_and_loses_its_orders() {
    let mut world = world(profiles::binance()).position("SOL", "100", 20, MarginMode::Cross).build().unwrap();
    world.place(&[gtc(1, "BTC", Side::Buy, "0.001", "90000")]).remove(0).unwrap();
    // Equity 1000 - 650 = 350, maintenance 2.5 % of 15990.
    world.set_mark(&sym("SOL"), price("159.9")).unwrap();
    assert_eq!(held(&world, "SOL"), "0");
    // 1.25 % of the notional is 199.875.
    assert_eq!(
        (equity(&world).as_str(), world.totals().clearance.to_string().as_str()),
        ("150.125", "199.875")
    );
    assert!(world.peek(&both()).unwrap().open_orders.is_empty());
    assert_eq!(world.order(&sym("BTC"), &id(1)).unwrap().unwrap().status, OrderStatus::Cancelled);
}

#[test]
fn funding_is_paid_on_the_interval_by_who_holds() {
    let mut world = world(profiles::hyperliquid())
        .position("SOL", "10", 10, MarginMode::Cross)
        .position("BTC", "-0.01", 10, MarginMode::Isolated)
        .funding("SOL", "0.0001")
        .funding("BTC", "0.0002")
        .build()
        .unwrap();
    let next = world.funding(&sym("SOL")).unwrap().next;
    assert_eq!(next.since(world.now()), Duration::from_secs(3600));
    world.advance(Duration::from_millis(3_599_999));
    assert_eq!(equity(&world), "1000");
    world.advance(Duration::from_millis(1));
    assert_eq!(equity(&world), "999.8336", "1664 at 0.0001");
    let bucket = world.peek(&both()).unwrap().positions[0].isolated.unwrap().equity;
    assert_eq!(bucket.to_string(), "106.630836", "106.418 and what the short received");
    world.advance(Duration::from_secs(7200));
    assert_eq!(equity(&world), "999.5008");
    assert_eq!(world.totals().funding.to_string(), "-0.139308");
}

#[test]
fn resting_orders_reserve_margin_and_fill_when_crossed() {
    let mut world = world(profiles::binance()).build().unwrap();
    world.set_leverage(&sym("SOL"), Leverage::new(10).unwrap()).unwrap();
    world.place(&[gtc(1, "SOL", Side::Buy, "10", "160")]).remove(0).unwrap();
    assert_eq!(free(&world), "840");
    // The opposite side takes nothing more, up to the same size.
    world.place(&[gtc(2, "SOL", Side::Sell, "8", "180")]).remove(0).unwrap();
    assert_eq!(free(&world), "840");
    world.set_mark(&sym("SOL"), price("160.1")).unwrap();
    assert_eq!(held(&world, "SOL"), "0");
    world.set_mark(&sym("SOL"), price("159")).unwrap();
    assert_eq!(held(&world, "SOL"), "10");
    let order = world.order(&sym("SOL"), &id(1)).unwrap().unwrap();
    assert_eq!((order.status, order.average_price.unwrap().to_string()), (OrderStatus::Filled, "160".into()));
    assert_eq!(order.fee.unwrap().to_string(), "0.32", "the maker's 0.02 %");
    // A post-only order that would trade is refused; a reduce-only one that rests goes with the position.
    let post = OrderIntent { tif: TimeInForce::PostOnly, ..ioc(3, "SOL", Side::Sell, "1", "150") };
    assert_eq!(kind(&mut world, post), ErrorKind::Rejected);
    let guard = OrderIntent { reduce_only: true, ..gtc(4, "SOL", Side::Sell, "10", "170") };
    world.place(&[guard]).remove(0).unwrap();
    world.place(&[reduce(5, "SOL", Side::Sell, "10", "150")]).remove(0).unwrap();
    let left: Vec<_> = world.peek(&both()).unwrap().open_orders.iter().map(|order| order.id).collect();
    assert_eq!(left, [Some(id(2))]);
}

#[test]
fn a_shallow_book_fills_in_parts() {
    let mut world =
        world(profiles::binance()).depth("SOL", "0.4").execution(Execution::AtMark).build().unwrap();
    let state = world.place(&[ioc(1, "SOL", Side::Buy, "1", "167")]).remove(0).unwrap();
    assert_eq!((state.filled.to_string().as_str(), state.status), ("0.4", OrderStatus::Cancelled));
    let state = world.place(&[gtc(2, "SOL", Side::Buy, "1", "167")]).remove(0).unwrap();
    assert_eq!((state.filled.to_string().as_str(), state.status), ("0.4", OrderStatus::Open));
    for expected in ["0.8", "1"] {
        world.set_mark(&sym("SOL"), price("166.4")).unwrap();
        assert_eq!(world.order(&sym("SOL"), &id(2)).unwrap().unwrap().filled.to_string(), expected);
    }
}

#[test]
fn stops_wait_for_the_mark() {
    let mut world = world(profiles::binance()).position("SOL", "10", 10, MarginMode::Cross).build().unwrap();
    let stop = |kind, trigger, size: Option<&str>| Conditional {
        id: None,
        symbol: sym("SOL"),
        side: Side::Sell,
        position_side: PositionSide::Net,
        qty: size.map(qty),
        trigger: price(trigger),
        limit: None,
        reduce_only: true,
        kind,
    };
    world.place_conditional(&stop(OrderKind::StopLoss, "160", None)).unwrap();
    world.place_conditional(&stop(OrderKind::TakeProfit, "175", Some("4"))).unwrap();
    world.place_conditional(&stop(OrderKind::OtherConditional, "170", None)).unwrap();
    let orders = world.peek(&both()).unwrap().open_orders;
    assert!(orders.iter().all(evenkeel_types::OpenOrder::is_protective) && orders.len() == 3);
    assert!(world.place_conditional(&stop(OrderKind::Limit, "170", None)).is_err());
    world.set_mark(&sym("SOL"), price("176")).unwrap();
    assert_eq!(held(&world, "SOL"), "6");
    world.set_mark(&sym("SOL"), price("160")).unwrap();
    assert_eq!(held(&world, "SOL"), "0");
    assert!(world.peek(&both()).unwrap().open_orders.is_empty(), "what covered the position is gone with it");
}

#[test]
fn sizes_prices_and_identities_are_checked_as_the_venue_would() {
    let mut world = world(profiles::hyperliquid()).build().unwrap();
    for (intent, expected) in [
        (ioc(1, "SOL", Side::Buy, "0.0005", "167"), ErrorKind::Invalid),
        (ioc(1, "SOL", Side::Buy, "1", "167.123"), ErrorKind::Invalid),
        (ioc(1, "SOL", Side::Buy, "0.05", "167"), ErrorKind::Invalid),
        (ioc(1, "XRP", Side::Buy, "1", "167"), ErrorKind::NotFound),
        (ioc(1, "SOL", Side::Buy, "-1", "167"), ErrorKind::Invalid),
        (reduce(1, "SOL", Side::Buy, "1", "167"), ErrorKind::ReduceOnly),
        (
            OrderIntent { position_side: PositionSide::Long, ..ioc(1, "SOL", Side::Buy, "1", "167") },
            ErrorKind::Rejected,
        ),
    ] {
        let text = format!("{intent:?}");
        assert_eq!(kind(&mut world, intent), expected, "{text}");
    }
    assert!(world.all_fills().is_empty());
    assert_eq!(world.orders().len(), 7, "all of them reached the exchange");
    assert_eq!(world.order(&sym("SOL"), &id(1)).unwrap(), None);
}

#[test]
fn an_acknowledged_order_is_executed_later_and_may_still_be_rejected() {
    let mut world = world(profiles::bybit()).build().unwrap();
    let answers = world.place(&[
        ioc(1, "SOL", Side::Buy, "1", "167"),
        ioc(2, "SOL", Side::Buy, "1000", "167"),
        gtc(3, "SOL", Side::Buy, "1", "150"),
    ]);
    assert!(answers.iter().all(|a| a.as_ref().unwrap().status == OrderStatus::Acknowledged));
    assert_eq!((world.order(&sym("SOL"), &id(1)).unwrap(), held(&world, "SOL").as_str()), (None, "0"));
    // Cancelled before it is matched.
    world.cancel(&sym("SOL"), &id(3)).unwrap();
    world.advance(Duration::from_millis(50));
    let status = [1, 2, 3].map(|n| world.order(&sym("SOL"), &id(n)).unwrap().unwrap().status);
    assert_eq!(status, [OrderStatus::Filled, OrderStatus::Rejected, OrderStatus::Cancelled]);
    assert_eq!(held(&world, "SOL"), "1");
}

#[test]
fn hedge_legs_never_net() {
    let mut world = world(profiles::binance()).hedge().build().unwrap();
    let leg = |n, side, position_side, size| OrderIntent {
        position_side,
        ..ioc(n, "SOL", side, size, if side == Side::Buy { "167" } else { "166" })
    };
    world.place(&[leg(1, Side::Buy, PositionSide::Long, "3")]).remove(0).unwrap();
    world.place(&[leg(2, Side::Sell, PositionSide::Short, "2")]).remove(0).unwrap();
    let both_legs = world.peek(&both()).unwrap();
    assert_eq!(both_legs.position_mode, PositionMode::Hedge);
    assert_eq!(both_legs.positions.iter().map(|p| p.qty.to_string()).collect::<Vec<_>>(), ["3", "-2"]);
    // Selling the long leg closes it, at most to zero, whether it says reduce-only or not.
    let state = world.place(&[leg(3, Side::Sell, PositionSide::Long, "5")]).remove(0).unwrap();
    assert_eq!(state.filled, qty("3"));
    assert_eq!(world.peek(&both()).unwrap().positions.len(), 1);
    assert_eq!(kind(&mut world, leg(4, Side::Sell, PositionSide::Long, "1")), ErrorKind::ReduceOnly);
}

#[test]
fn lowering_cross_leverage_needs_free_margin() {
    let mut world =
        world(profiles::hyperliquid()).position("SOL", "30", 20, MarginMode::Cross).build().unwrap();
    // 4992 of notional: 998.4 at 5x fits into 1000, 1248 at 4x does not.
    let mut set = |leverage: u32| world.set_leverage(&sym("SOL"), Leverage::new(leverage).unwrap());
    assert!(set(5).is_ok());
    let error = set(4).unwrap_err();
    assert_eq!(
        (error.kind(), set(21).unwrap_err().kind()),
        (ErrorKind::InsufficientMargin, ErrorKind::LeverageRefused)
    );
    assert_eq!(world.leverage(&sym("SOL")).unwrap().long, Leverage::new(5).unwrap());
    assert_eq!(free(&world), "1.6");
}

/// The account of the run that failed: 416 of value, SOL 941 and BTC 2238 at 10x, 76 % of it used.
#[test]
fn the_account_of_the_failed_run() {
    let mut world = World::builder(profiles::hyperliquid())
        .cash("USDC", "416")
        .market("SOL", "166.4", 2, 20)
        .market("BTC", "106418", 5, 40)
        .position("SOL", "5.66", 10, MarginMode::Cross)
        .position("BTC", "0.02103", 10, MarginMode::Cross)
        .execution(Execution::AtMark)
        .build()
        .unwrap();
    let start = world.peek(&both()).unwrap();
    assert_eq!(format!("{:.0} {:.0}", start.gross().unwrap(), start.pools[0].free), "3180 98");
    // BTC cannot be brought to 2x before it is reduced: 2238 / 2 is more than there is.
    let two = Leverage::new(2).unwrap();
    assert_eq!(world.set_leverage(&sym("BTC"), two).unwrap_err().kind(), ErrorKind::InsufficientMargin);
    world.place(&[
        reduce(1, "SOL", Side::Sell, "5.66", "165"),
        reduce(2, "BTC", Side::Sell, "0.02103", "106000"),
    ]);
    for symbol in ["SOL", "BTC"] {
        world.set_leverage(&sym(symbol), two).unwrap();
    }
    // 832 at 2x is all that 416 carries.
    assert_eq!(kind(&mut world, ioc(3, "SOL", Side::Buy, "5.1", "166.4")), ErrorKind::InsufficientMargin);
    assert!(world.place(&[ioc(4, "SOL", Side::Buy, "4.9", "166.4")]).remove(0).is_ok());
}

#[test]
fn withdrawals_take_only_what_is_free() {
    let mut world =
        world(profiles::hyperliquid()).position("SOL", "30", 10, MarginMode::Cross).build().unwrap();
    let pool = world.peek(&both()).unwrap().pools[0].id.clone();
    assert_eq!(free(&world), "500.8");
    assert!(world.add_funds(&pool, usd("-500.9")).is_err());
    world.add_funds(&pool, usd("-500.8")).unwrap();
    assert_eq!(
        (free(&world).as_str(), world.totals().deposits),
        ("0", Usd::ZERO.minus(usd("500.8")).unwrap())
    );
}

#[test]
fn a_random_walk_stays_on_the_tick() {
    let mut world = world(profiles::hyperliquid()).seed(5).build().unwrap();
    world.random_walk(&sym("SOL"), Duration::from_secs(1), "0.02".parse().unwrap());
    for _ in 0..200 {
        world.advance(Duration::from_secs(1));
        let snapshot = world.peek(&both()).unwrap();
        assert!(snapshot.instruments[&sym("SOL")].price_rule.accepts(snapshot.quotes[&sym("SOL")].mark));
    }
    assert_ne!(world.peek(&both()).unwrap().quotes[&sym("SOL")].mark, price("166.4"));
}
