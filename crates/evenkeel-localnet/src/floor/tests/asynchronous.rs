//! Orders that are acknowledged first and carried out later.

use std::time::Duration;

use evenkeel_paper::profiles;
use evenkeel_types::{PositionSide, Side, TimeInForce, Timestamp};
use serde_json::Value;

use crate::floor::{AccountSpec, Floor, Ids, Kind, Market, Plan, Status, Why, Wish};

const START: Timestamp = Timestamp(1_772_360_400_000);

fn floor(cash: &str) -> Floor {
    let plan = Plan {
        profile: profiles::bybit(),
        markets: vec![Market::new("SOLUSDT", "SOL", "100", "0.010", "0.1", 50)],
        accounts: vec![AccountSpec::named("main").cash(cash)],
        ids: Ids::new(7, 70, 1),
        seed: 0,
        key: (8, 8),
    };
    plan.build(START).unwrap()
}

fn wish(side: Side, qty: &str, kind: Kind, reduce_only: bool) -> Wish {
    Wish {
        client_id: None,
        symbol: "SOLUSDT".parse().unwrap(),
        side,
        leg: PositionSide::Net,
        qty: Some(qty.parse().unwrap()),
        kind,
        tif: TimeInForce::Gtc,
        reduce_only,
        words: Value::Null,
    }
}

fn place(floor: &mut Floor, wish: Wish) -> Result<u64, Why> {
    let Floor { accounts, markets, ids, .. } = floor;
    accounts[0].place(&markets[0], wish, ids)
}

fn foresee(floor: &mut Floor, wish: &Wish) -> Option<Why> {
    let Floor { accounts, markets, .. } = floor;
    accounts[0].foresee(&markets[0], wish)
}

fn limit(price: &str) -> Kind {
    Kind::Limit(price.parse().unwrap())
}

fn status(floor: &Floor, id: u64) -> Status {
    let account = &floor.accounts[0];
    account.tickets[&id].status(&account.world)
}

#[test]
fn an_acknowledged_order_is_carried_out_later() {
    let mut floor = floor("1000");
    let id = place(&mut floor, wish(Side::Buy, "2", Kind::Market, false)).unwrap();
    assert_eq!((id, status(&floor, id)), (7, Status::Open));
    assert!(floor.accounts[0].fills.is_empty());
    floor.advance_to(START.after(Duration::from_millis(49)));
    assert_eq!(status(&floor, id), Status::Open);
    floor.advance_to(START.after(Duration::from_millis(50)));
    assert_eq!(status(&floor, id), Status::Filled);
    let account = &floor.accounts[0];
    let fill = &account.fills[0];
    // Two basis points beyond the ask, which is a tick off the mark, up to a tick.
    assert_eq!((fill.order, fill.qty.to_string(), fill.price.to_string()), (7, "2".into(), "100.04".into()));
    assert_eq!(fill.fee.to_string(), "0.110044");
    assert_eq!(account.tickets[&id].done(&account.world).average().unwrap().to_string(), "100.04");
    assert!(account.live.is_empty());
}

#[test]
fn what_will_be_refused_can_be_foreseen_without_a_trace() {
    let mut floor = floor("100");
    let before = format!("{:?}", floor.accounts[0].world.truth());
    let too_much = wish(Side::Buy, "100", limit("100"), false);
    assert_eq!(foresee(&mut floor, &too_much), Some(Why::Margin));
    assert_eq!(foresee(&mut floor, &wish(Side::Sell, "1", limit("100"), true)), Some(Why::NothingToReduce));
    assert_eq!(foresee(&mut floor, &wish(Side::Buy, "1", limit("100.005"), false)), Some(Why::PriceStep));
    assert_eq!(foresee(&mut floor, &wish(Side::Buy, "1", limit("100"), false)), None);
    let post_only = Wish { tif: TimeInForce::PostOnly, ..wish(Side::Buy, "1", limit("101"), false) };
    assert_eq!(foresee(&mut floor, &post_only), Some(Why::WouldMatch));
    assert_eq!(format!("{:?}", floor.accounts[0].world.truth()), before);
    // And it is what happens.
    let id = place(&mut floor, too_much).unwrap();
    floor.advance_to(START.after(Duration::from_secs(1)));
    assert_eq!(status(&floor, id), Status::Rejected(Why::Margin));
    assert!(floor.accounts[0].fills.is_empty());
}

#[test]
fn an_amendment_that_will_be_refused_leaves_the_order() {
    let mut floor = floor("100");
    let id = place(&mut floor, wish(Side::Buy, "1", limit("90"), false)).unwrap();
    floor.advance_to(START.after(Duration::from_secs(1)));
    let amend = |floor: &mut Floor, qty: &str, price: &str| {
        let Floor { accounts, markets, ids, .. } = floor;
        let (qty, kind) = (Some(qty.parse().unwrap()), limit(price));
        accounts[0].amend(&markets[0], id, |wish| (wish.qty, wish.kind) = (qty, kind), ids)
    };
    assert_eq!(amend(&mut floor, "50", "90"), Err(Why::Margin));
    assert_eq!(status(&floor, id), Status::Open);
    assert_eq!(floor.accounts[0].tickets[&id].wish.qty.unwrap().to_string(), "1");
    amend(&mut floor, "2", "91").unwrap();
    floor.advance_to(START.after(Duration::from_secs(2)));
    assert_eq!(status(&floor, id), Status::Open);
    floor.set_price(&"SOLUSDT".parse().unwrap(), "90.5".parse().unwrap()).unwrap();
    assert_eq!(status(&floor, id), Status::Filled);
    let fill = &floor.accounts[0].fills[0];
    assert_eq!((fill.order, fill.qty.to_string(), fill.price.to_string()), (id, "2".into(), "91".into()));
    assert!(fill.maker && floor.accounts[0].fills.len() == 1);
}

#[test]
fn steps_keep_the_zeros_that_they_were_written_with() {
    let floor = floor("1");
    assert_eq!((floor.markets[0].tick_places, floor.markets[0].lot_places), (3, 1));
}
