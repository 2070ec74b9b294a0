//! What closes, and what waits to close.

use evenkeel_paper::profiles;
use evenkeel_types::{MarginMode, PositionSide, Price, Side, TimeInForce, Timestamp};
use serde_json::Value;

use crate::floor::{AccountSpec, Callback, Floor, Ids, Kind, Market, Plan, Status, Wish};

const START: Timestamp = Timestamp(1_772_360_400_000);

/// Ten, bought at 100.
fn floor() -> Floor {
    let account = AccountSpec::named("main")
        .cash("10000")
        .world(|world| world.position("SOLUSDT", "10", 5, MarginMode::Cross));
    let plan = Plan {
        profile: profiles::binance(),
        markets: vec![Market::new("SOLUSDT", "SOL", "100", "0.01", "0.1", 50)],
        accounts: vec![account],
        ids: Ids::new(7, 70, 1),
        seed: 0,
        key: (8, 8),
    };
    plan.build(START).unwrap()
}

fn sell(qty: &str, kind: Kind, tif: TimeInForce, reduce_only: bool) -> Wish {
    Wish {
        client_id: None,
        symbol: "SOLUSDT".parse().unwrap(),
        side: Side::Sell,
        leg: PositionSide::Net,
        qty: Some(qty.parse().unwrap()),
        kind,
        tif,
        reduce_only,
        words: Value::Null,
    }
}

fn place(floor: &mut Floor, wish: Wish) -> u64 {
    let Floor { accounts, markets, ids, .. } = floor;
    accounts[0].place(&markets[0], wish, ids).unwrap()
}

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

#[test]
fn what_rests_to_close_leaves_no_room_for_another_close() {
    let mut floor = floor();
    let close = |qty: &str| sell(qty, Kind::Market, TimeInForce::Ioc, true);
    assert!(!floor.accounts[0].is_locked(&close("10"), true));
    let resting = Kind::Limit(price("120"));
    let take = place(&mut floor, sell("7", resting.clone(), TimeInForce::Gtc, true));
    let account = &floor.accounts[0];
    assert!(account.is_locked(&close("3.1"), true) && !account.is_locked(&close("3"), true));
    // What is not there to close alone counts where everything of that side does.
    let _more = place(&mut floor, sell("1", resting, TimeInForce::Gtc, false));
    let account = &floor.accounts[0];
    assert!(account.is_locked(&close("3"), false) && !account.is_locked(&close("3"), true));
    // What may open something is not held back, nor what adds.
    assert!(!account.is_locked(&sell("10", Kind::Market, TimeInForce::Ioc, false), false));
    assert!(!account.is_locked(&Wish { side: Side::Buy, ..close("10") }, false));
    assert!(floor.accounts[0].cancel(take, "user"));
    assert!(!floor.accounts[0].is_locked(&close("9"), true));
}

#[test]
fn a_trailing_order_begins_at_the_mark_of_its_placement() {
    let callback = Callback::Share("0.01".parse().unwrap());
    let trail = |activation: Option<&str>| Kind::Trailing { activation: activation.map(price), callback };
    for (activation, fires) in [(None, true), (Some("99"), true), (Some("101"), false)] {
        let mut floor = floor();
        let id = place(&mut floor, sell("10", trail(activation), TimeInForce::Gtc, true));
        // From 100 in one step: one percent back is 99.
        floor.set_price(&"SOLUSDT".parse().unwrap(), price("98")).unwrap();
        let account = &floor.accounts[0];
        let filled = account.tickets[&id].status(&account.world) == Status::Filled;
        assert_eq!(filled, fires, "{activation:?}");
    }
}
