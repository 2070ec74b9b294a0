//! What market orders need, and what they get.

use std::time::Duration;

use evenkeel_paper::{Profile, profiles};
use evenkeel_types::{PositionSide, Side, TimeInForce, Timestamp};
use serde_json::Value;

use crate::floor::{AccountSpec, Floor, Ids, Kind, Market, Plan, Status, Why, Wish};

const START: Timestamp = Timestamp(1_772_360_400_000);

fn floor(profile: Profile, cash: &str) -> Floor {
    let plan = Plan {
        profile,
        markets: vec![Market::new("SOLUSDT", "SOL", "100", "0.01", "0.1", 50)],
        accounts: vec![AccountSpec::named("main").cash(cash)],
        ids: Ids::new(7, 70, 1),
        seed: 0,
        key: (8, 8),
    };
    plan.build(START).unwrap()
}

fn buy(floor: &mut Floor, qty: &str) -> Result<u64, Why> {
    let wish = Wish {
        client_id: None,
        symbol: "SOLUSDT".parse().unwrap(),
        side: Side::Buy,
        leg: PositionSide::Net,
        qty: Some(qty.parse().unwrap()),
        kind: Kind::Market,
        tif: TimeInForce::Ioc,
        reduce_only: false,
        words: Value::Null,
    };
    let Floor { accounts, markets, ids, .. } = floor;
    accounts[0].place(&markets[0], wish, ids)
}

#[test]
fn margin_is_needed_for_the_price_that_a_market_order_gets() {
    // 10 000 at 20x: 500, fees of 5 and slippage of 3; at the bound of five percent it would be a thousand.
    let mut floor = floor(profiles::binance(), "600");
    let id = buy(&mut floor, "100").unwrap();
    let account = &floor.accounts[0];
    let ticket = &account.tickets[&id];
    assert_eq!(ticket.status(&account.world), Status::Filled);
    // The first try left nothing behind, and the price is that of an order with margin to spare.
    assert_eq!(account.world.orders().len(), 1);
    assert_eq!(ticket.done(&account.world).average().unwrap().to_string(), "100.04");
    assert_eq!(buy(&mut floor, "100"), Err(Why::Margin));
}

#[test]
fn the_same_where_orders_are_carried_out_later() {
    // 10 000 at 10x: a thousand, and the rest as above.
    let mut floor = floor(profiles::bybit(), "1100");
    let id = buy(&mut floor, "100").unwrap();
    floor.advance_to(START.after(Duration::from_secs(1)));
    let account = &floor.accounts[0];
    let ticket = &account.tickets[&id];
    assert_eq!(ticket.status(&account.world), Status::Filled);
    assert_eq!(account.world.orders().len(), 1);
    assert_eq!(ticket.done(&account.world).average().unwrap().to_string(), "100.04");
    let id = buy(&mut floor, "100").unwrap();
    floor.advance_to(START.after(Duration::from_secs(2)));
    let account = &floor.accounts[0];
    assert_eq!(account.tickets[&id].status(&account.world), Status::Rejected(Why::Margin));
}
