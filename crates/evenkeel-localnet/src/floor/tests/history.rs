//! What an account remembers, and what it does not.

use std::time::Duration;

use evenkeel_paper::profiles;
use evenkeel_types::{PositionSide, Side, TimeInForce, Timestamp, Usd};
use serde_json::Value;

use crate::floor::{AccountSpec, Callback, Floor, Ids, Kind, Market, Plan, Status, Watch, Wish};

const START: Timestamp = Timestamp(1_772_360_400_000);
const HISTORY: usize = 20;

fn floor() -> Floor {
    let plan = Plan {
        profile: profiles::binance(),
        markets: vec![Market::new("SOLUSDT", "SOL", "100", "0.010", "0.1", 50)],
        accounts: vec![AccountSpec::named("main").cash("1000")],
        ids: Ids::new(7, 70, 1),
        seed: 0,
        key: (8, 8),
    };
    let mut floor = plan.build(START).unwrap();
    floor.accounts[0].history = HISTORY;
    floor
}

fn wish(side: Side, kind: Kind) -> Wish {
    Wish {
        client_id: None,
        symbol: "SOLUSDT".parse().unwrap(),
        side,
        leg: PositionSide::Net,
        qty: Some("1".parse().unwrap()),
        tif: if kind == Kind::Market { TimeInForce::Ioc } else { TimeInForce::Gtc },
        kind,
        reduce_only: false,
        words: Value::Null,
    }
}

/// As a request does.
fn place(floor: &mut Floor, wish: Wish) -> u64 {
    floor.forget();
    let Floor { accounts, markets, ids, .. } = floor;
    accounts[0].place(&markets[0], wish, ids).unwrap()
}

fn limit(price: &str) -> Kind {
    Kind::Limit(price.parse().unwrap())
}

#[test]
fn what_is_over_is_forgotten_and_what_is_open_is_not() {
    let mut floor = floor();
    let named = |name: &str| Wish { client_id: Some(name.into()), ..wish(Side::Buy, limit("90")) };
    let rests = place(&mut floor, named("rests"));
    let callback = Callback::Distance("50".parse().unwrap());
    let trails = place(&mut floor, wish(Side::Sell, Kind::Trailing { activation: None, callback }));
    let first = place(&mut floor, named("first"));
    assert!(floor.accounts[0].cancel(first, "owner"));
    for number in 0..200 {
        let id = place(&mut floor, wish(Side::Buy, limit("90")));
        assert!(floor.accounts[0].cancel(id, "owner"));
        floor.sync();
        let account = &floor.accounts[0];
        assert!(account.tickets.len() <= HISTORY + 3, "{number}: {}", account.tickets.len());
        assert!(account.world.orders().len() <= HISTORY + 3, "{number}");
        assert!(account.world.history().len() <= HISTORY + 2, "{number}");
    }
    let account = &floor.accounts[0];
    assert!(!account.tickets.contains_key(&first) && account.by_client("first").is_none());
    assert_eq!(account.by_client("rests").unwrap().id, rests);
    assert_eq!(account.open().map(|ticket| ticket.id).collect::<Vec<_>>(), [rests, trails]);
    // And it still trades, long after what came after it is forgotten.
    floor.set_price(&"SOLUSDT".parse().unwrap(), "89".parse().unwrap()).unwrap();
    let account = &floor.accounts[0];
    assert_eq!(account.tickets[&rests].status(&account.world), Status::Filled);
    assert_eq!(account.fills.last().unwrap().order, rests);
}

#[test]
fn orders_that_never_came_to_the_exchange_are_forgotten_too() {
    let mut floor = floor();
    let callback = Callback::Distance("5".parse().unwrap());
    for _ in 0..100 {
        let id = place(&mut floor, wish(Side::Sell, Kind::Trailing { activation: None, callback }));
        assert!(floor.accounts[0].cancel(id, "owner"));
        floor.sync();
        assert!(floor.accounts[0].tickets.len() <= HISTORY + 1);
    }
    assert!(floor.accounts[0].world.orders().is_empty());
}

#[test]
fn sums_do_not_depend_on_what_is_remembered() {
    let mut floor = floor();
    let (mut paid, mut trades) = (Usd::ZERO, Vec::new());
    for _ in 0..50 {
        for side in [Side::Buy, Side::Sell] {
            let id = place(&mut floor, wish(side, Kind::Market));
            let fill = floor.accounts[0].fills.last().unwrap().clone();
            assert_eq!(fill.order, id);
            assert_eq!(floor.accounts[0].tickets[&id].realised, fill.realised);
            paid = paid.plus(fill.fee).unwrap().minus(fill.realised).unwrap();
            trades.push(fill.trade);
        }
        floor.forget();
        assert!(floor.accounts[0].fills.len() <= HISTORY && floor.accounts[0].income.len() <= HISTORY);
    }
    let account = &floor.accounts[0];
    let leg = ("SOLUSDT".parse().unwrap(), PositionSide::Net);
    assert_eq!(account.earned[&leg].all, paid.negated());
    assert_eq!(account.earned[&leg].last.unwrap().1, *trades.last().unwrap());
    assert_eq!(account.world.totals().fees.minus(account.world.totals().realised).unwrap(), paid);
    // Numbers are never given out again.
    trades.dedup();
    assert_eq!(trades.len(), 100);
    let ids: Vec<u64> = account.income.iter().map(|row| row.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
}

#[test]
fn what_was_earned_since_a_position_was_opened_begins_with_it() {
    let mut floor = floor();
    let leg = ("SOLUSDT".parse().unwrap(), PositionSide::Net);
    place(&mut floor, wish(Side::Buy, Kind::Market));
    let opening = floor.accounts[0].fills.last().unwrap().fee;
    assert_eq!(floor.accounts[0].earned[&leg].since, opening.negated());
    floor.set_funding(&leg.0, "0.001".parse().unwrap()).unwrap();
    floor.advance_to(START.after(Duration::from_secs(8 * 3600)));
    let funding = floor.accounts[0].income.last().unwrap().amount;
    assert!(funding.is_negative());
    let earned = floor.accounts[0].earned[&leg];
    assert_eq!((earned.funding, earned.since), (funding, funding.minus(opening).unwrap()));
    place(&mut floor, Wish { qty: Some("3".parse().unwrap()), ..wish(Side::Sell, Kind::Market) });
    // Through zero: the execution that opened the new position is the first of it.
    let (earned, fill) = (floor.accounts[0].earned[&leg], floor.accounts[0].fills.last().unwrap().clone());
    assert_eq!(fill.after, "-2".parse().unwrap());
    assert_eq!((earned.fees, earned.funding), (fill.fee, Usd::ZERO));
    assert_eq!(earned.since, fill.realised.minus(fill.fee).unwrap());
    assert_eq!(earned.all, earned.since.plus(funding).unwrap().minus(opening).unwrap());
}

#[test]
fn a_forecast_leaves_no_trace() {
    let mut floor = floor();
    place(&mut floor, wish(Side::Buy, limit("90")));
    let before = floor.accounts[0].world.truth();
    let Floor { accounts, markets, .. } = &mut floor;
    let order = Wish { client_id: Some("name".into()), ..wish(Side::Sell, Kind::Market) };
    assert_eq!(accounts[0].foresee(&markets[0], &order), None);
    assert_eq!(accounts[0].would_fill(&markets[0], &order), Ok(true));
    assert_eq!(accounts[0].would_fill(&markets[0], &wish(Side::Buy, limit("90"))), Ok(false));
    assert!(accounts[0].would_fill(&markets[0], &wish(Side::Buy, limit("90.001"))).is_err());
    assert_eq!(accounts[0].world.truth(), before);
    assert!(accounts[0].by_client("name").is_none());
}

#[test]
fn what_has_just_ended_is_told_before_it_is_forgotten() {
    let mut floor = floor();
    let rests = place(&mut floor, wish(Side::Buy, limit("90")));
    // One more that is over, and the older half goes.
    for _ in 0..HISTORY {
        let id = place(&mut floor, wish(Side::Buy, limit("80")));
        assert!(floor.accounts[0].cancel(id, "owner"));
    }
    let mut watch = Watch::new(&floor.accounts[0], &floor.markets);
    floor.forget();
    floor.set_price(&"SOLUSDT".parse().unwrap(), "89".parse().unwrap()).unwrap();
    let news = watch.news(&floor.accounts[0], &floor.markets);
    let told: Vec<_> =
        news.orders.iter().map(|order| (order.id, order.now.clone(), order.fills.len())).collect();
    assert_eq!(told, [(rests, Status::Filled, 1)]);
    floor.forget();
    assert!(!floor.accounts[0].tickets.contains_key(&rests));
    assert!(watch.news(&floor.accounts[0], &floor.markets).is_empty());
}
