//! What the benchmarks share: an account of any size, and times that can be compared.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use evenkeel_types::{
    AccountId, Capabilities, Collateral, Decimal, FeeRates, Instrument, Instruments, Leverage,
    LeverageSetting, Lot, MarginMode, MarginModes, MarginPool, PoolId, Position, PositionMode, PositionSide,
    Price, PriceRule, Qty, Quote, Rate, Snapshot, Symbol, Tiers, Timestamp, TradingStatus, Usd, VenueId,
};

/// A name for the `n`-th symbol; ascending like `n`.
#[must_use]
pub fn symbol(n: u32) -> Symbol {
    Symbol::new(&format!("COIN{n:05}")).expect("a short ASCII name")
}

/// A whole number of anything.
///
/// # Panics
/// When the number is out of the type's range.
pub fn number<T: TryFrom<Decimal>>(value: impl Into<Decimal>) -> T {
    T::try_from(value.into()).unwrap_or_else(|_| panic!("a number in range"))
}

/// A cross account holding `count` symbols at 5x, each worth between 400 and 1 600, with equity to carry them at 2x.
/// Prices and sizes have as many digits as real ones.
///
/// # Panics
/// Never for the counts that are benchmarked.
#[must_use]
pub fn account(count: u32, capabilities: Capabilities) -> Snapshot {
    let pool = PoolId(Symbol::new("USDC").expect("a name"));
    let as_of = Timestamp(1_767_225_600_000);
    let tiers = Tiers::flat(number(20), number(Decimal::new(25, 3))).expect("one tier");
    let mut snapshot = Snapshot {
        venue: VenueId::new("bench").expect("a name"),
        account: AccountId::new("bench").expect("a name"),
        as_of,
        capabilities,
        position_mode: PositionMode::OneWay,
        pools: Vec::new(),
        positions: Vec::new(),
        settings: BTreeMap::new(),
        quotes: BTreeMap::new(),
        instruments: Instruments::new(),
        fees: BTreeMap::new(),
        open_orders: Vec::new(),
    };
    let leverage: Leverage = number(5);
    let (mut gross, mut margin) = (Usd::ZERO, Usd::ZERO);
    for n in 0..count {
        let symbol = symbol(n);
        let mark: Price = number(Decimal::new(12_345 + i64::from(n * 7_919 % 40_000), 2));
        let qty: Qty = number(Decimal::new(300 + i64::from(n * 613 % 200), 2));
        let value = mark.value(qty).expect("it fits");
        gross = gross.plus(value).expect("it fits");
        margin = margin.plus(leverage.margin(value).expect("it fits")).expect("it fits");
        snapshot.instruments.insert(
            symbol.clone(),
            Instrument {
                symbol: symbol.clone(),
                pool: pool.clone(),
                price_rule: PriceRule::SignificantFigures {
                    figures: 5,
                    max_decimals: 4,
                    integers_always: true,
                },
                lot: Lot::decimals(2).expect("a lot"),
                min_qty: None,
                max_qty: None,
                min_notional: Some(number(10)),
                leverage_step: Decimal::ONE,
                tiers: tiers.clone(),
                liquidation_fee: Rate::ZERO,
                margin_modes: MarginModes::Both,
                status: TradingStatus::Trading,
                funding_interval: None,
            },
        );
        snapshot.quotes.insert(symbol.clone(), Quote { mark, bid: None, ask: None });
        let fees = FeeRates { maker: number(Decimal::new(15, 5)), taker: number(Decimal::new(45, 5)) };
        snapshot.fees.insert(symbol.clone(), fees);
        let setting = LeverageSetting::both(symbol.clone(), leverage, MarginMode::Cross, as_of);
        snapshot.settings.insert(symbol.clone(), setting);
        snapshot.positions.push(Position {
            symbol,
            side: PositionSide::Net,
            qty,
            entry: Some(mark),
            mode: MarginMode::Cross,
            leverage,
            isolated: None,
            max_leverage: None,
            liquidation_price: None,
        });
    }
    let equity = gross.times(Decimal::new(6, 1)).expect("it fits");
    snapshot.pools.push(MarginPool {
        id: pool,
        collateral: Collateral::new("USDC").expect("a name"),
        equity,
        free: equity.minus(margin).expect("it fits"),
        withdrawable: None,
        transferable: None,
    });
    snapshot
}

/// Equal weights for all symbols of [`account`].
#[must_use]
pub fn equal_weights(count: u32) -> Vec<(String, Decimal)> {
    let share = Decimal::ONE / Decimal::from(count.max(1));
    (0..count).map(|n| (symbol(n).as_str().to_owned(), share)).collect()
}

/// Something to measure.
pub type Run<'a> = Box<dyn Fn() + 'a>;

/// Its result is used, as far as the compiler knows.
pub fn run<'a, T>(what: impl Fn() -> T + 'a) -> Run<'a> {
    Box::new(move || {
        black_box(what());
    })
}

/// The time of one call of each row: the median of rounds that are interleaved, so that what else the machine does meets
/// all rows alike. Only the ratios of rows travel to another machine.
#[allow(clippy::disallowed_methods, reason = "measuring real time is what this is for")]
pub fn medians<const ROWS: usize>(
    rounds: usize,
    calls: u32,
    rows: &[(&'static str, Run<'_>); ROWS],
) -> [(&'static str, Duration); ROWS] {
    let mut times = [const { Vec::new() }; ROWS];
    for _ in 0..rounds {
        for ((_, run), times) in rows.iter().zip(&mut times) {
            let began = Instant::now();
            (0..calls).for_each(|_| run());
            times.push(began.elapsed() / calls);
        }
    }
    std::array::from_fn(|row| {
        times[row].sort();
        (rows[row].0, times[row][rounds / 2])
    })
}
