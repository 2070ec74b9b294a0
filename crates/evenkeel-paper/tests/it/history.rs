//! What is kept of what happened.

use evenkeel_paper::profiles;
use evenkeel_types::{OrderIntent, OrderStatus, Side, TimeInForce};

use crate::support::{id, ioc, price, sym, world};

fn gtc(n: u64, limit: &str) -> OrderIntent {
    OrderIntent { tif: TimeInForce::Gtc, ..ioc(n, "SOL", Side::Buy, "1", limit) }
}

#[test]
fn a_world_forgets_only_when_it_is_told_and_only_what_is_over() {
    let mut world = world(profiles::bybit()).build().unwrap();
    world.place(&[gtc(1, "100")]).remove(0).unwrap();
    for n in 2..102 {
        world.place(&[gtc(n, "100")]).remove(0).unwrap();
        world.advance(std::time::Duration::from_secs(1));
        world.cancel(&sym("SOL"), &id(n)).unwrap();
    }
    let copy = world.clone();
    assert_eq!((world.orders().len(), world.live_orders().count()), (101, 1));
    assert!(!world.forget(200));
    assert_eq!(world.orders().len(), 101);
    assert!(world.forget(20));
    // The open one, and half of twenty.
    assert_eq!((world.orders().len(), world.orders().end()), (11, 101));
    assert_eq!(world.orders().first().unwrap().id, Some(id(1)));
    assert_eq!(world.orders().get(50), None);
    assert_eq!(world.orders().get(100).unwrap().id, Some(id(101)));
    assert!(world.history().len() <= 20 && world.trace().len() <= 20);
    assert_eq!(world.trace_hash(), copy.trace_hash());
    assert_eq!(copy.orders().len(), 101, "a copy keeps what it has");

    let mut found = |n| world.order(&sym("SOL"), &id(n)).unwrap().map(|order| order.status);
    assert_eq!(found(1), Some(OrderStatus::Open));
    assert_eq!((found(2), found(101)), (None, Some(OrderStatus::Cancelled)));
    // An identity is free again with its order.
    assert!(world.place(&[gtc(101, "100")]).remove(0).is_err());
    assert!(world.place(&[gtc(2, "100")]).remove(0).is_ok());
    let names: std::collections::BTreeSet<_> =
        world.orders().iter().map(|order| order.venue_order_id.clone()).collect();
    assert_eq!(names.len(), world.orders().len(), "no number is given out twice");

    world.set_mark(&sym("SOL"), price("99")).unwrap();
    assert_eq!(world.all_fills().first().unwrap().order, Some(id(1)));
    assert_eq!(world.orders().first().unwrap().status, OrderStatus::Filled);
}
