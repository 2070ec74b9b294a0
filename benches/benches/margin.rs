//! Margin figures per position, whole-account liquidation prices, stress and what-if, at 20, 1 000 and 10 000
//! positions. Run with `cargo bench -p evenkeel-benches --bench margin`; the growth table comes first.

use std::fmt::Display;
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use evenkeel_margin::{
    Account, Backing, Holding, MarginRules, Pool, Trade, cash_leg, initial_margin, liquidation_price,
    maintenance_margin, notional, unrealised_pnl,
};
use evenkeel_types::{
    Decimal, Leverage, PoolId, PositionSide, Price, Qty, Rate, Symbol, TierRow, Tiers, Usd,
};

const SIZES: [u32; 3] = [20, 1_000, 10_000];

/// A table as long as a large venue's.
static TIERS: LazyLock<Tiers> = LazyLock::new(|| {
    let rows = [
        (0, 150, 40),
        (300_000, 100, 50),
        (800_000, 75, 65),
        (3_000_000, 50, 100),
        (12_000_000, 25, 200),
        (70_000_000, 20, 250),
        (100_000_000, 10, 500),
        (230_000_000, 5, 1_000),
        (480_000_000, 4, 1_250),
        (600_000_000, 3, 1_500),
        (800_000_000, 2, 2_500),
        (1_200_000_000, 1, 5_000),
    ]
    .map(|(floor, leverage, basis_points)| TierRow {
        notional_floor: number(floor),
        max_leverage: number(leverage),
        maintenance_rate: number(Decimal::new(basis_points, 4)),
        deduction: None,
    });
    Tiers::new(&rows, None).expect("a valid table")
});

fn main() {
    growth();
    divan::main();
}

fn number<T: TryFrom<Decimal, Error: Display>>(value: impl Into<Decimal>) -> T {
    T::try_from(value.into()).unwrap_or_else(|error| panic!("{error}"))
}

/// Longs and shorts of prices and sizes with as many digits as real ones.
fn account(positions: u32, isolated: bool) -> Account<'static> {
    let pool = PoolId(Symbol::new("USDT").expect("a name"));
    let pools = vec![Pool {
        id: pool.clone(),
        collateral: "USDT".parse().expect("a name"),
        equity: number(i64::from(positions) * 10_000),
        reserved: Usd::ZERO,
    }];
    let holdings = (0..positions).map(|i| {
        let mark: Price = number(Decimal::new(1_234_567 + i64::from(i) * 7_919, 3));
        let size = Decimal::new(10_001 + i64::from(i % 997) * 31, 4);
        let qty: Qty = number(if i % 3 == 0 { -size } else { size });
        let leverage: Leverage = number(10);
        let value = mark.value(qty.abs()).expect("fits");
        Holding {
            symbol: Symbol::new(&format!("S{i:05}")).expect("a name"),
            side: PositionSide::Net,
            pool: pool.clone(),
            qty,
            mark,
            entry: Some(mark),
            leverage,
            backing: if isolated {
                Backing::Isolated { equity: leverage.margin(value).expect("fits") }
            } else {
                Backing::Cross
            },
            rules: MarginRules::new(&TIERS, Rate::ZERO),
            fixed_tier: None,
        }
    });
    Account::new(pools, holdings.collect()).expect("a valid account")
}

/// Everything about one isolated position: goal 400 ns.
fn figures(holding: &Holding<'_>, equity: Usd) -> (Usd, Usd, Usd, Usd, Option<Price>) {
    let value = notional(holding.qty, holding.mark).expect("fits");
    let entry = holding.entry.unwrap_or(holding.mark);
    let cash = cash_leg(equity, holding.qty, holding.mark).expect("fits");
    (
        value,
        initial_margin(value, holding.leverage).expect("fits"),
        maintenance_margin(value, &holding.rules).expect("fits"),
        unrealised_pnl(holding.qty, entry, holding.mark).expect("fits"),
        liquidation_price(holding.qty, cash, &holding.rules).expect("fits"),
    )
}

#[divan::bench(args = SIZES)]
fn isolated_figures(bencher: Bencher<'_, '_>, positions: u32) {
    let account = account(positions, true);
    bencher.counter(ItemsCount::new(positions)).bench(|| {
        for holding in black_box(&account).holdings() {
            if let Backing::Isolated { equity } = holding.backing {
                black_box(figures(holding, equity));
            }
        }
    });
}

/// Goal: 20 µs for 20 positions, then linear.
#[divan::bench(args = SIZES)]
fn cross_liquidation_prices(bencher: Bencher<'_, '_>, positions: u32) {
    let account = account(positions, false);
    bencher.counter(ItemsCount::new(positions)).bench(|| black_box(&account).liquidation_prices());
}

#[divan::bench(args = SIZES)]
fn exposure(bencher: Bencher<'_, '_>, positions: u32) {
    let account = account(positions, false);
    bencher.counter(ItemsCount::new(positions)).bench(|| black_box(&account).exposure());
}

#[divan::bench(args = SIZES)]
fn uniform_moves(bencher: Bencher<'_, '_>, positions: u32) {
    let account = account(positions, false);
    bencher.counter(ItemsCount::new(positions)).bench(|| black_box(&account).uniform_moves());
}

#[divan::bench(args = SIZES)]
fn shock(bencher: Bencher<'_, '_>, positions: u32) {
    let account = account(positions, false);
    let fall = Decimal::new(-1, 1);
    bencher.counter(ItemsCount::new(positions)).bench(|| black_box(&account).shock(fall));
}

#[divan::bench(args = SIZES)]
fn what_if_trade_in_every_symbol(bencher: Bencher<'_, '_>, positions: u32) {
    let account = account(positions, false);
    let trades: Vec<Trade> = account
        .holdings()
        .iter()
        .map(|holding| Trade {
            symbol: holding.symbol.clone(),
            side: holding.side,
            qty: number(Decimal::new(-5, 1)),
            price: holding.mark,
            fee_rate: number(Decimal::new(5, 4)),
        })
        .collect();
    bencher.counter(ItemsCount::new(positions)).bench(|| black_box(&account).apply_trades(&trades));
}

/// Time per position at each size, relative to 20 positions: 1 is linear growth.
#[allow(clippy::print_stdout)]
fn growth() {
    println!("{:>26} {:>10} {:>12} {:>8}", "", "positions", "ns/position", "growth");
    type Run = fn(&Account<'_>);
    let one: [(&str, Run); 3] = [
        ("cross liquidation prices", |account| {
            black_box(account.liquidation_prices().expect("fits"));
        }),
        ("exposure", |account| {
            black_box(account.exposure().expect("fits"));
        }),
        ("uniform moves", |account| {
            black_box(account.uniform_moves().expect("fits"));
        }),
    ];
    for (name, run) in one {
        let mut first = None;
        for positions in SIZES {
            let account = account(positions, false);
            let rounds = 200_000 / positions;
            // The best of several: other work on the machine only ever adds time.
            let best = (0..5).map(|_| time(|| (0..rounds).for_each(|_| run(&account)))).min();
            let calls = f64::from(rounds) * f64::from(positions);
            let each = best.unwrap_or_default().as_secs_f64() * 1e9 / calls;
            let growth = each / *first.get_or_insert(each);
            println!("{name:>26} {positions:>10} {each:>12.0} {growth:>8.2}");
        }
    }
}

/// A benchmark is about real time; nothing else in the workspace reads a clock by itself.
#[allow(clippy::disallowed_methods)]
fn time(run: impl FnOnce()) -> Duration {
    let start = std::time::Instant::now();
    run();
    start.elapsed()
}
