//! Whole accounts: from snapshots, under shocks, and after trades that have not happened.

mod common;

use common::*;
use evenkeel_margin::{
    Account, Backing, Bucket, Holding, MarginError, MarginRules, Trade, maintenance_margin,
};
use evenkeel_types::{Decimal, Leverage, LowerIsolated, PoolId, PositionSide, Price, Qty, Rate, Tiers, Usd};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn config() -> ProptestConfig {
    let cases = std::env::var("EVENKEEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(256);
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

fn tiers() -> Tiers {
    table(&[("0", "40", "0.0125"), ("10000", "25", "0.02"), ("50000", "10", "0.05")])
}

fn trade(name: &str, size: &str, at: &str) -> Trade {
    Trade {
        symbol: symbol(name),
        side: PositionSide::Net,
        qty: qty(size),
        price: price(at),
        fee_rate: Rate::ZERO,
    }
}

fn only<'a>(account: &'a Account<'_>, name: &str) -> &'a Holding<'a> {
    account.holding(&symbol(name), PositionSide::Net).unwrap()
}

fn bucket(holding: &Holding<'_>) -> Usd {
    match holding.backing {
        Backing::Isolated { equity } => equity,
        Backing::Cross => panic!("{} is cross", holding.symbol),
    }
}

/// A random account: cross and isolated positions on two pools, with room.
#[derive(Debug, Clone)]
struct Parts {
    pools: [i64; 2],
    /// size in thousandths, mark in hundredths, leverage, bucket in percent of the notional (0: cross), pool.
    positions: Vec<(i64, i64, u32, i64, bool)>,
}

/// From nothing at all, which is too little for anything, to plenty.
fn equity() -> impl Strategy<Value = i64> {
    prop_oneof![-100i64..10_000, 0i64..10_000_000]
}

fn parts() -> impl Strategy<Value = Parts> {
    let size = prop_oneof![1i64..50_000, -50_000i64..-1];
    let bucket = prop_oneof![Just(0i64), 1i64..12, 6i64..200];
    let position = (size, 1i64..200_000, 1u32..40, bucket, any::<bool>());
    ([equity(), equity()], prop::collection::vec(position, 1..8))
        .prop_map(|(pools, positions)| Parts { pools, positions })
}

impl Parts {
    fn account<'a>(&self, tiers: &'a Tiers) -> Account<'a> {
        let name = |second: bool| PoolId(symbol(if second { "second" } else { "main" }));
        let pools = [false, true].map(|second| evenkeel_margin::Pool {
            id: name(second),
            ..pool(Usd::new(self.pools[usize::from(second)]).unwrap())
        });
        let holdings = self.positions.iter().enumerate().map(|(i, (size, mark, lever, percent, second))| {
            let (size, mark) = (Decimal::new(*size, 3), Decimal::new(*mark, 2));
            let equity = Usd::new((size * mark).abs() * Decimal::new(*percent, 2)).unwrap();
            Holding {
                pool: name(*second),
                leverage: Leverage::new(*lever).unwrap(),
                entry: Some(Price::new(mark).unwrap()),
                backing: if *percent == 0 { Backing::Cross } else { Backing::Isolated { equity } },
                ..cross(
                    &format!("S{i}"),
                    Qty::new(size).unwrap(),
                    Price::new(mark).unwrap(),
                    MarginRules::new(tiers, rate("0.001")),
                )
            }
        });
        Account::new(pools.to_vec(), holdings.collect()).unwrap()
    }
}

/// Equity less maintenance of a bucket, from the account's rows and not from its solver.
fn surplus(account: &Account<'_>, bucket: &Bucket) -> Decimal {
    let need = |h: &Holding<'_>| maintenance_margin(h.notional().unwrap(), &h.rules).unwrap().get();
    match bucket {
        Bucket::Pool(id) => {
            let pool = account.pools().iter().find(|pool| pool.id == *id).unwrap();
            let cross = account.positions().filter(|h| h.pool == *id && h.backing == Backing::Cross);
            pool.equity.get() - cross.map(need).sum::<Decimal>()
        }
        Bucket::Isolated { symbol, side } => {
            let holding = account.holding(symbol, *side).unwrap();
            self::bucket(holding).get() - need(holding)
        }
    }
}

fn tiny(account: &Account<'_>) -> Decimal {
    (account.gross().unwrap().get() + account.account_value().unwrap().get().abs()) * Decimal::new(1, 20)
}

proptest! {
    #![proptest_config(config())]

    /// Each price, taken alone, brings exactly its own pool or bucket to its maintenance margin.
    #[test]
    fn every_liquidation_price_zeroes_its_own_bucket(parts in parts()) {
        let tiers = tiers();
        let account = parts.account(&tiers);
        let prices = account.liquidation_prices().unwrap();
        for (holding, at) in account.holdings().iter().zip(prices) {
            prop_assert_eq!(account.liquidation_price(&holding.symbol, holding.side).unwrap(), at);
            let Some(at) = at else { continue };
            let mut there = account.clone();
            there.set_mark(&holding.symbol, at).unwrap();
            let bucket = match holding.backing {
                Backing::Cross => Bucket::Pool(holding.pool.clone()),
                Backing::Isolated { .. } => Bucket::Isolated { symbol: holding.symbol.clone(), side: holding.side },
            };
            prop_assert!(surplus(&there, &bucket).abs() <= tiny(&there), "{bucket:?} at {at}");
            for pool in account.pools() {
                let other = Bucket::Pool(pool.id.clone());
                if other != bucket {
                    prop_assert_eq!(surplus(&there, &other), surplus(&account, &other));
                }
            }
        }
    }

    /// The move brings the bucket to its maintenance margin; anything smaller leaves every bucket alone.
    #[test]
    fn uniform_moves_are_the_first(parts in parts()) {
        let tiers = tiers();
        let account = parts.account(&tiers);
        let moves = account.uniform_moves().unwrap();
        let near = Decimal::new(999_999, 6);
        let due = moves.0.iter().any(|one| surplus(&account, &one.bucket) <= Decimal::ZERO);
        prop_assert_eq!(account.exposure().unwrap().is_liquidatable(), due);
        for one in &moves.0 {
            if surplus(&account, &one.bucket) <= Decimal::ZERO {
                prop_assert_eq!((one.down, one.up), (Some(Decimal::ZERO), Some(Decimal::ZERO)));
            }
            for by in [one.down, one.up].into_iter().flatten() {
                if by.is_zero() {
                    prop_assert!(surplus(&account, &one.bucket) <= Decimal::ZERO);
                    continue;
                }
                let there = account.shock(by).unwrap();
                prop_assert!(surplus(&there, &one.bucket).abs() <= tiny(&there), "{one:?}");
                let before = account.shock(by * near).unwrap();
                prop_assert!(surplus(&before, &one.bucket) > Decimal::ZERO, "{one:?}");
            }
        }
        for first in [moves.first_down().and_then(|m| m.down), moves.first_up().and_then(|m| m.up)] {
            let Some(by) = first else { continue };
            let before = account.shock(by * near).unwrap();
            let due = before.exposure().unwrap().is_liquidatable();
            prop_assert_eq!(due, by.is_zero());
        }
        // Where nothing is named, nothing happens: not near zero, not at a hundred times the price.
        for (by, named) in [(Decimal::new(-999_999, 6), 0), (Decimal::new(99, 0), 1)] {
            let there = account.shock(by).unwrap();
            for one in &moves.0 {
                if [one.down, one.up][named].is_none() {
                    prop_assert!(surplus(&there, &one.bucket) > Decimal::ZERO, "{one:?}");
                }
            }
        }
    }

    /// Account value moves by `net * move`; two moves make one; a symbol's own move leaves the rest alone.
    #[test]
    fn shocks_are_linear(parts in parts(), a in -900i64..2_000, b in -900i64..2_000) {
        let tiers = tiers();
        let account = parts.account(&tiers);
        let (a, b) = (Decimal::new(a, 3), Decimal::new(b, 3));
        let once = account.shock(a).unwrap();
        let expected = account.account_value().unwrap().get() + account.net().unwrap().get() * a;
        prop_assert_eq!(once.account_value().unwrap().get(), expected);
        let twice = once.shock(b).unwrap();
        let together = account.shock((Decimal::ONE + a) * (Decimal::ONE + b) - Decimal::ONE).unwrap();
        prop_assert_eq!(twice, together);
        let name = account.holdings()[0].symbol.clone();
        let alone = account.shock_each(|s| if *s == name { a } else { Decimal::ZERO }).unwrap();
        let mut marked = account.clone();
        marked.set_mark(&name, alone.holdings()[0].mark).unwrap();
        prop_assert_eq!(alone, marked);
    }

    /// No trade makes or loses value except by price against mark, and by the fee.
    #[test]
    fn trades_conserve_value(
        parts in parts(),
        trades in prop::collection::vec((0usize..8, -100_000i64..100_000, 50i64..150, -10i64..60), 1..6),
    ) {
        let tiers = tiers();
        let account = parts.account(&tiers);
        let mut after = account.clone();
        let mut expected = account.account_value().unwrap().get();
        let mut sizes: Vec<_> = account.holdings().iter().map(|h| h.qty.get()).collect();
        let mut list = Vec::new();
        for (index, size, percent, fee) in trades {
            let index = index % sizes.len();
            let holding = &account.holdings()[index];
            let (size, fee) = (Decimal::new(size, 3), Decimal::new(fee, 4));
            let mark = holding.mark.get();
            let at = mark * Decimal::new(percent, 2);
            let trade = Trade {
                symbol: holding.symbol.clone(),
                side: PositionSide::Net,
                qty: Qty::new(size).unwrap(),
                price: Price::new(at).unwrap(),
                fee_rate: Rate::new(fee).unwrap(),
            };
            let effect = after.apply(&trade).unwrap();
            prop_assert_eq!(effect.fee.get(), size.abs() * at * fee);
            expected += size * (mark - at) - effect.fee.get();
            sizes[index] += size;
            list.push(trade);
        }
        let value = after.account_value().unwrap().get();
        prop_assert!((value - expected).abs() <= tiny(&after) + Decimal::new(1, 18), "{value} {expected}");
        for (holding, size) in after.holdings().iter().zip(sizes) {
            prop_assert_eq!(holding.qty.get(), size);
            if holding.is_flat() {
                let full = matches!(holding.backing, Backing::Isolated { equity } if !equity.is_zero());
                prop_assert!(!full, "{:?}", holding.backing);
            }
        }
        prop_assert_eq!(account.apply_trades(&list).unwrap(), after);
    }

    /// A trade and its inverse at the mark without fee: what was there before, buckets included when they were
    /// filled at the setting.
    #[test]
    fn a_trade_and_its_inverse_cancel(parts in parts(), size in 1i64..100_000, buy: bool) {
        let tiers = tiers();
        let mut account = parts.account(&tiers);
        let first = account.holdings()[0].clone();
        if let Backing::Isolated { equity } = first.backing {
            let setting = first.initial_margin().unwrap();
            account.add_margin(&first.symbol, first.side, setting.minus(equity).unwrap()).unwrap();
        }
        let size = Qty::new(Decimal::new(if buy { size } else { -size }, 3)).unwrap();
        let there = Trade { symbol: first.symbol.clone(), side: first.side, qty: size, price: first.mark, fee_rate: Rate::ZERO };
        let back = Trade { qty: size.negated(), ..there.clone() };
        let after = account.apply_trades([&there, &back]).unwrap();
        let close = |a: Usd, b: Usd| (a.get() - b.get()).abs() <= tiny(&account) + Decimal::new(1, 18);
        for (a, b) in account.pools().iter().zip(after.pools()) {
            prop_assert!(close(a.equity, b.equity), "{a:?} {b:?}");
        }
        for (a, b) in account.holdings().iter().zip(after.holdings()) {
            prop_assert_eq!(a.qty, b.qty);
            match (a.backing, b.backing) {
                (Backing::Isolated { equity: x }, Backing::Isolated { equity: y }) => prop_assert!(close(x, y), "{x} {y}"),
                (x, y) => prop_assert_eq!(x, y),
            }
        }
    }

    /// Extreme numbers: an error leaves the account as it was.
    #[test]
    fn errors_change_nothing(
        lo: u32, mid: u32, hi: u32, negative: bool, scale in 0u32..=28, equity in prop::sample::select(vec![Decimal::MAX, Decimal::MIN, Decimal::ONE]),
    ) {
        let number = Decimal::from_parts(lo, mid, hi, negative, scale);
        let tiers = tiers();
        let rules = MarginRules::new(&tiers, Rate::ZERO);
        let size = Qty::new(number).unwrap();
        let at = Price::new(number.abs()).unwrap_or(Price::new(1).unwrap());
        let mut account = account(
            Usd::new(equity).unwrap(),
            vec![cross("C", size, price("3"), rules), isolated("I", qty("-1"), at, Usd::new(equity).unwrap(), rules)],
        );
        let before = account.clone();
        for name in ["C", "I"] {
            let trade = Trade { symbol: symbol(name), side: PositionSide::Net, qty: size, price: at, fee_rate: rate("0.1") };
            if account.apply(&trade).is_err() {
                prop_assert_eq!(&account, &before);
            }
            account = before.clone();
            if account.set_mark(&symbol(name), at).is_err() {
                prop_assert_eq!(&account, &before);
            }
            account = before.clone();
            if account.add_margin(&symbol(name), PositionSide::Net, Usd::new(number).unwrap()).is_err() {
                prop_assert_eq!(&account, &before);
            }
            account = before.clone();
            if account.set_leverage(&symbol(name), PositionSide::Net, Leverage::ONE, LowerIsolated::Remargins).is_err() {
                prop_assert_eq!(&account, &before);
            }
            account = before.clone();
        }
        let _ = (account.exposure(), account.uniform_moves(), account.shock(number), account.liquidation_prices());
    }
}

#[test]
fn isolated_buckets_step_by_step() {
    let tiers = tiers();
    let rules = MarginRules::new(&tiers, Rate::ZERO);
    let flat = isolated("SOL", Qty::ZERO, price("100"), Usd::ZERO, rules);
    let start = account(usd("1000"), vec![Holding { leverage: leverage("5"), ..flat }]);

    let opened = start.apply_trades([&trade("SOL", "10", "100")]).unwrap();
    assert_eq!(opened.pools()[0].equity, usd("800"), "1000 / 5 moved");
    assert_eq!(bucket(only(&opened, "SOL")), usd("200"));
    assert_eq!(only(&opened, "SOL").entry, Some(price("100")));

    let added = opened.apply_trades([&trade("SOL", "30", "104")]).unwrap();
    assert_eq!(only(&added, "SOL").entry, Some(price("103")), "averaged by size");

    // Bought above the mark: the bucket holds N / L at the price paid, less what the mark says it is worth.
    let dear = start.apply_trades([&trade("SOL", "10", "101")]).unwrap();
    assert_eq!(dear.pools()[0].equity, usd("798"));
    assert_eq!(bucket(only(&dear, "SOL")), usd("192"));

    let mut up = opened.clone();
    up.set_mark(&symbol("SOL"), price("110")).unwrap();
    assert_eq!(bucket(only(&up, "SOL")), usd("300"));
    assert_eq!(up.pools()[0].equity, usd("800"), "buckets and pools never touch");

    let mut half = up.clone();
    let effect = half.apply(&Trade { fee_rate: rate("0.001"), ..trade("SOL", "-5", "110") }).unwrap();
    assert_eq!((effect.fee, effect.realised_pnl), (usd("0.55"), Some(usd("50"))));
    assert_eq!(bucket(only(&half, "SOL")), usd("150"), "pro rata");
    assert_eq!(half.pools()[0].equity, usd("949.45"), "the other half, less the fee");
    assert_eq!(only(&half, "SOL").entry, Some(price("100")));

    // Through zero: as a close and an open of their own.
    let flipped = up.apply_trades([&trade("SOL", "-15", "110")]).unwrap();
    let parts = up.apply_trades([&trade("SOL", "-10", "110"), &trade("SOL", "-5", "110")]).unwrap();
    assert_eq!(flipped, parts);
    assert_eq!(only(&flipped, "SOL").qty, qty("-5"));
    assert_eq!(bucket(only(&flipped, "SOL")), usd("110"));
    assert_eq!(only(&flipped, "SOL").entry, Some(price("110")));
    assert_eq!(flipped.pools()[0].equity, usd("990"));

    // A loss beyond the closed share is taken from the rest of the bucket; what then is missing is the pool's.
    let bad = opened.apply_trades([&trade("SOL", "-5", "70")]).unwrap();
    assert_eq!((bad.pools()[0].equity, bucket(only(&bad, "SOL"))), (usd("800"), usd("50")));
    let worst = opened.apply_trades([&trade("SOL", "-10", "70")]).unwrap();
    assert_eq!((worst.pools()[0].equity, bucket(only(&worst, "SOL"))), (usd("700"), Usd::ZERO));
}

#[test]
fn leverage_settings() {
    let tiers = tiers();
    let rules = MarginRules::new(&tiers, Rate::ZERO);
    let build = |equity: &str| {
        let held = isolated("SOL", qty("10"), price("100"), usd(equity), rules);
        let cross = cross("BTC", qty("0.1"), price("60000"), rules);
        account(usd("1000"), vec![held, cross])
    };
    let set = |account: &mut Account<'_>, name: &str, to: &str, rule| {
        account.set_leverage(&symbol(name), PositionSide::Net, leverage(to), rule)
    };
    // Raising moves nothing.
    let mut account = build("100");
    set(&mut account, "SOL", "20", LowerIsolated::Never).unwrap();
    assert_eq!(bucket(only(&account, "SOL")), usd("100"));
    // Lowering, by each venue's rule.
    for (equity, rule, expected) in [
        ("100", LowerIsolated::Never, None),
        ("100", LowerIsolated::AfterTopUp, None),
        ("200", LowerIsolated::AfterTopUp, Some(("200", "1000"))),
        ("100", LowerIsolated::Remargins, Some(("200", "900"))),
        ("100", LowerIsolated::NeedsFree, Some(("200", "900"))),
        ("250", LowerIsolated::Remargins, Some(("250", "1000"))),
    ] {
        let mut account = build(equity);
        let got = set(&mut account, "SOL", "5", rule);
        match expected {
            None => assert!(matches!(got, Err(MarginError::NotApplicable(_))), "{rule:?} {got:?}"),
            Some((bucket, pool)) => {
                got.unwrap();
                assert_eq!(self::bucket(only(&account, "SOL")), usd(bucket), "{rule:?}");
                assert_eq!(account.pools()[0].equity, usd(pool), "{rule:?}");
            }
        }
    }
    // Cross: only the initial margin follows, never the liquidation price.
    let mut account = build("100");
    let before = account.liquidation_price(&symbol("BTC"), PositionSide::Net).unwrap();
    assert_eq!(account.pool_totals().unwrap()[0].free, usd("400"));
    set(&mut account, "BTC", "8", LowerIsolated::Never).unwrap();
    assert_eq!(account.pool_totals().unwrap()[0].free, usd("250"));
    assert_eq!(account.liquidation_price(&symbol("BTC"), PositionSide::Net).unwrap(), before);
    assert!(set(&mut account, "BTC", "41", LowerIsolated::Never).is_err(), "above the tier's maximum");
}

#[test]
fn hedged_legs_share_one_price() {
    let tiers = table(&[("0", "150", "0.004")]);
    let rules = MarginRules::new(&tiers, Rate::ZERO);
    let leg = |side, size: &str| Holding { side, ..cross("BTCUSDT", qty(size), price("100000"), rules) };
    let account = account(usd("1000"), vec![leg(PositionSide::Long, "1"), leg(PositionSide::Short, "-1")]);
    let at = Some(price("125000"));
    assert_eq!(account.liquidation_prices().unwrap(), [at, at]);
    assert_eq!(account.liquidation_price(&symbol("BTCUSDT"), PositionSide::Long).unwrap(), at);
    let range = account.cross_safe_range(&symbol("BTCUSDT")).unwrap().unwrap();
    assert_eq!((range.lower, range.upper), (None, at));
    // A leg never goes through zero.
    let through = Trade { side: PositionSide::Long, ..trade("BTCUSDT", "-2", "100000") };
    assert!(matches!(account.apply_trades([&through]), Err(MarginError::InvalidInput { .. })));
    let closed = account
        .apply_trades([&Trade { side: PositionSide::Long, ..trade("BTCUSDT", "-1", "100000") }])
        .unwrap();
    assert_eq!(closed.positions().count(), 1);
}

#[test]
fn accounts_are_checked() {
    let tiers = tiers();
    let rules = MarginRules::new(&tiers, Rate::ZERO);
    let holding = || cross("SOL", qty("1"), price("100"), rules);
    let elsewhere = Holding { pool: PoolId(symbol("other")), ..holding() };
    let cases = [
        (vec![pool(usd("1")), pool(usd("2"))], vec![], "pool `main` is given twice"),
        (vec![pool(usd("1"))], vec![holding(), holding()], "position `SOL` is given twice"),
        (vec![pool(usd("1"))], vec![elsewhere], "no pool `other`"),
        (vec![pool(usd("1"))], vec![Holding { side: PositionSide::Short, ..holding() }], "side of zero"),
        (
            vec![pool(usd("1"))],
            vec![
                Holding { side: PositionSide::Long, ..holding() },
                Holding { side: PositionSide::Short, qty: qty("-1"), mark: price("99"), ..holding() },
            ],
            "one mark",
        ),
    ];
    for (pools, holdings, needle) in cases {
        let error = Account::new(pools, holdings).unwrap_err().to_string();
        assert!(error.contains(needle), "{error}");
    }
    let account = account(usd("1"), vec![holding()]);
    assert!(matches!(account.apply_trades([&trade("XRP", "1", "1")]), Err(MarginError::Unknown { .. })));
    assert!(account.shock(Decimal::NEGATIVE_ONE).is_err());
}
