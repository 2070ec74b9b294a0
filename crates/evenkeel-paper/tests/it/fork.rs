//! A fork gives the snapshot back, and lives on by the same rules.

use std::collections::BTreeMap;

use evenkeel_paper::{World, profiles};
use evenkeel_types::{
    AccountId, Collateral, Decimal, FeeRates, Instrument, IsolatedMargin, Leverage, LeverageSetting, Lot,
    MarginMode, MarginModes, MarginPool, OpenOrder, OrderKind, PoolId, Position, PositionMode, PositionSide,
    Price, PriceRule, Qty, Quote, Rate, Scope, Side, Snapshot, Symbol, Tiers, Timestamp, TradingStatus, Usd,
    VenueId,
};
use proptest::prelude::*;

use crate::support::{both, cases, id, ioc, price, qty, reduce, sym, usd, world};

#[derive(Debug, Clone)]
struct Line {
    mark: i64,
    lots: i64,
    entry: Option<i64>,
    isolated: Option<i64>,
    leverage: u32,
    other_leverage: u32,
    pool: bool,
    max_leverage: Option<u32>,
    book: bool,
    order: Option<(i64, bool, u8)>,
}

fn line() -> impl Strategy<Value = Line> {
    let numbers = (1..9_000_000i64, -99_999..99_999i64, 1..20u32, 1..20u32);
    let options = (
        proptest::option::of(1..9_000_000i64),
        proptest::option::of(-500_000..50_000_000i64),
        proptest::option::of(1..50u32),
        proptest::option::of((1..50_000i64, any::<bool>(), 0..4u8)),
    );
    (numbers, options, any::<bool>(), any::<bool>()).prop_map(
        |((mark, lots, leverage, other_leverage), (entry, isolated, max_leverage, order), pool, book)| Line {
            mark,
            lots,
            entry,
            isolated,
            leverage,
            other_leverage,
            pool,
            max_leverage,
            book,
            order,
        },
    )
}

fn cents(amount: i64) -> Usd {
    Usd::new(Decimal::new(amount, 2)).unwrap()
}

fn at(hundredths: i64) -> Price {
    Price::new(Decimal::new(hundredths, 2)).unwrap()
}

fn pool(name: &str, equity: i64, free: i64, withdrawable: Option<i64>) -> MarginPool {
    MarginPool {
        id: PoolId(sym(name)),
        collateral: Collateral::new("USDT").unwrap(),
        equity: cents(equity),
        free: cents(free),
        withdrawable: withdrawable.map(|amount| cents(amount.min(free))),
        transferable: None,
    }
}

fn snapshot(hedge: bool, pools: [(i64, i64, Option<i64>); 2], lines: &[Line]) -> Snapshot {
    let [a, b] = pools;
    let mut snapshot = Snapshot {
        venue: VenueId::new("anywhere").unwrap(),
        account: AccountId::new("0xabc").unwrap(),
        as_of: Timestamp(1_700_000_000_000),
        capabilities: profiles::bingx().capabilities,
        position_mode: if hedge { PositionMode::Hedge } else { PositionMode::OneWay },
        pools: vec![pool("A", a.0, a.1, a.2), pool("B", b.0, b.1, b.2)],
        positions: Vec::new(),
        settings: BTreeMap::new(),
        quotes: BTreeMap::new(),
        instruments: BTreeMap::new(),
        fees: BTreeMap::new(),
        open_orders: Vec::new(),
    };
    for (number, line) in lines.iter().enumerate() {
        let symbol = sym(&format!("S{number}"));
        list(&mut snapshot, &symbol, line);
        if line.lots != 0 {
            hold(&mut snapshot, &symbol, line);
        }
        if let Some((lots, buy, kind)) = line.order {
            rest(&mut snapshot, &symbol, line, lots, buy, kind);
        }
    }
    snapshot
}

fn list(snapshot: &mut Snapshot, symbol: &Symbol, line: &Line) {
    let instrument = Instrument {
        symbol: symbol.clone(),
        pool: PoolId(sym(if line.pool { "A" } else { "B" })),
        price_rule: PriceRule::Tick("0.01".parse().unwrap()),
        lot: Lot::decimals(3).unwrap(),
        min_qty: None,
        max_qty: None,
        min_notional: None,
        leverage_step: Decimal::ONE,
        tiers: Tiers::flat(Leverage::new(20).unwrap(), "0.025".parse().unwrap()).unwrap(),
        liquidation_fee: Rate::ZERO,
        margin_modes: MarginModes::Both,
        status: TradingStatus::Trading,
        funding_interval: None,
    };
    let quote = Quote {
        mark: at(line.mark),
        bid: line.book.then(|| at(line.mark)),
        ask: line.book.then(|| at(line.mark + 1)),
    };
    let (own, other) = (Leverage::new(line.leverage).unwrap(), Leverage::new(line.other_leverage).unwrap());
    let (long, short) = if line.lots < 0 { (other, own) } else { (own, other) };
    let mode = if line.isolated.is_some() { MarginMode::Isolated } else { MarginMode::Cross };
    let read_at = snapshot.as_of;
    snapshot
        .settings
        .insert(symbol.clone(), LeverageSetting { symbol: symbol.clone(), long, short, mode, read_at });
    snapshot.quotes.insert(symbol.clone(), quote);
    let fees = FeeRates { maker: "-0.0001".parse().unwrap(), taker: "0.0004".parse().unwrap() };
    snapshot.fees.insert(symbol.clone(), fees);
    snapshot.instruments.insert(symbol.clone(), instrument);
}

fn hold(snapshot: &mut Snapshot, symbol: &Symbol, line: &Line) {
    let hedge = snapshot.position_mode == PositionMode::Hedge;
    snapshot.positions.push(Position {
        symbol: symbol.clone(),
        side: match (hedge, line.lots < 0) {
            (false, _) => PositionSide::Net,
            (true, false) => PositionSide::Long,
            (true, true) => PositionSide::Short,
        },
        qty: Qty::new(Decimal::new(line.lots, 3)).unwrap(),
        entry: line.entry.map(at),
        mode: if line.isolated.is_some() { MarginMode::Isolated } else { MarginMode::Cross },
        leverage: Leverage::new(line.leverage).unwrap(),
        isolated: line.isolated.map(|equity| IsolatedMargin { equity: cents(equity) }),
        max_leverage: line.max_leverage.map(|max| Leverage::new(max).unwrap()),
        liquidation_price: None,
    });
}

fn rest(snapshot: &mut Snapshot, symbol: &Symbol, line: &Line, lots: i64, buy: bool, kind: u8) {
    let number = snapshot.open_orders.len();
    let conditional = kind > 1;
    snapshot.open_orders.push(OpenOrder {
        id: kind.is_multiple_of(2).then(|| id(number as u64)),
        venue_order_id: format!("paper-{}", 7 * number),
        symbol: symbol.clone(),
        side: if buy { Side::Buy } else { Side::Sell },
        position_side: if snapshot.position_mode == PositionMode::Hedge {
            PositionSide::Long
        } else {
            PositionSide::Net
        },
        remaining: (kind != 3).then(|| Qty::new(Decimal::new(lots, 3)).unwrap()),
        limit: (kind < 2).then(|| at(line.mark)),
        trigger: conditional.then(|| at(line.mark + 500)),
        reduce_only: conditional,
        kind: [OrderKind::Limit, OrderKind::Limit, OrderKind::StopLoss, OrderKind::OtherConditional]
            [usize::from(kind)],
    });
}

/// But for what the documentation of `World::fork` excepts.
fn comparable(mut snapshot: Snapshot) -> Snapshot {
    for position in &mut snapshot.positions {
        position.liquidation_price = None;
    }
    for setting in snapshot.settings.values_mut() {
        setting.read_at = snapshot.as_of;
    }
    snapshot
}

fn pools() -> impl Strategy<Value = [(i64, i64, Option<i64>); 2]> {
    let one = || (-100_000..50_000_000i64, 0..50_000_000i64, proptest::option::of(0..50_000_000i64));
    [one(), one()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_snapshot_comes_back(hedge: bool, pools in pools(), lines in proptest::collection::vec(line(), 0..5)) {
        let given = snapshot(hedge, pools, &lines);
        prop_assert!(given.validate(&Scope::default()).is_ok());
        let scope = Scope::of(given.instruments.keys().cloned());
        let mut world = World::fork(&given, &profiles::hyperliquid(), 3).unwrap();
        let seen = world.peek(&scope).unwrap();
        prop_assert_eq!(seen.validate(&scope), Ok(()));
        prop_assert_eq!(comparable(seen.clone()), comparable(given));
        // And a fork of the fork is the same again; a reading is the same as a peek.
        let again = World::fork(&seen, &profiles::binance(), 4).unwrap().peek(&scope).unwrap();
        prop_assert_eq!(&again, &seen);
        prop_assert_eq!(world.snapshot(&scope).unwrap(), seen);
        // New orders never take an identity that came along.
        let taken: Vec<String> = again.open_orders.iter().map(|order| order.venue_order_id.clone()).collect();
        world.happen(evenkeel_paper::Event::ForeignTrade { symbol: sym("S0"), qty: qty("0.001") });
        if let Some(new) = world.orders().get(taken.len()) {
            prop_assert!(!taken.contains(&new.venue_order_id));
        }
    }
}

#[test]
fn a_fork_goes_on_where_the_original_would() {
    let mut original = world(profiles::binance())
        .position("SOL", "3", 10, MarginMode::Cross)
        .position("BTC", "-0.004", 5, MarginMode::Isolated)
        .build()
        .unwrap();
    let mut fork = World::fork(&original.peek(&both()).unwrap(), &profiles::binance(), 0).unwrap();
    for world in [&mut original, &mut fork] {
        world.set_mark(&sym("SOL"), price("150")).unwrap();
        world.place(&[reduce(1, "BTC", Side::Buy, "0.002", "110000")]).remove(0).unwrap();
        world.place(&[ioc(2, "SOL", Side::Buy, "2", "151")]).remove(0).unwrap();
        world.set_leverage(&sym("SOL"), Leverage::new(20).unwrap()).unwrap();
        world.add_funds(&PoolId(sym("USDC")), usd("-5")).unwrap();
    }
    assert_eq!(original.peek(&both()).unwrap(), fork.peek(&both()).unwrap());
    assert_eq!(original.totals(), fork.totals());
}

#[test]
fn an_unknown_entry_is_the_mark_and_stays_unknown() {
    let mut given = world(profiles::hyperliquid())
        .position("SOL", "3", 10, MarginMode::Cross)
        .build()
        .unwrap()
        .peek(&both())
        .unwrap();
    given.positions[0].entry = None;
    given.pools[0].free = usd("900");
    let mut world = World::fork(&given, &profiles::hyperliquid(), 0).unwrap();
    assert_eq!(world.peek(&both()).unwrap().pools[0].free, usd("900"), "kept back by rules of the venue");
    world.set_mark(&sym("SOL"), price("170")).unwrap();
    let after = world.peek(&both()).unwrap();
    assert_eq!(after.pools[0].equity, usd("1010.8"), "3 times 3.6 on top of 1000");
    assert_eq!(after.pools[0].free, usd("909.72"), "of it a tenth is margin; what was kept back stays so");
    assert_eq!(after.positions[0].entry, None);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let good = world(profiles::hyperliquid())
        .position("SOL", "3", 10, MarginMode::Cross)
        .build()
        .unwrap()
        .peek(&both())
        .unwrap();
    let mut bad = good.clone();
    bad.settings.clear();
    let error = World::fork(&bad, &profiles::hyperliquid(), 0).unwrap_err();
    assert_eq!(error.to_string(), "the account contradicts itself");
    let mut no_price = good;
    no_price.quotes.remove(&sym("BTC"));
    let world = World::fork(&no_price, &profiles::hyperliquid(), 0).unwrap();
    assert!(world.peek(&both()).is_err(), "what has no price is not traded here");
    assert!(world.peek(&Scope::default()).is_ok());
}
