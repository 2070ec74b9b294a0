//! Small worlds and short calls.

use std::future::Future;

use evenkeel_paper::{Builder, Profile, World};
use evenkeel_types::{
    ClientOrderId, OrderIntent, PositionSide, Price, Qty, Scope, Side, Symbol, TimeInForce, Usd,
};

/// Cases of the property tests: `EVENKEEL_CASES`, 256 unless set.
pub(crate) fn cases() -> u32 {
    std::env::var("EVENKEEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(256)
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn sym(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

pub(crate) fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

pub(crate) fn qty(text: &str) -> Qty {
    text.parse().unwrap()
}

pub(crate) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn both() -> Scope {
    Scope::of([sym("SOL"), sym("BTC")])
}

pub(crate) fn id(n: u64) -> ClientOrderId {
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    ClientOrderId::from_hash(&hash)
}

/// 1000 of cash, SOL at 166.4 up to 20x in thousandths, BTC at 106418 up to 40x.
pub(crate) fn world(profile: Profile) -> Builder {
    World::builder(profile).cash("USDC", "1000").market("SOL", "166.4", 3, 20).market("BTC", "106418", 5, 40)
}

pub(crate) fn ioc(n: u64, symbol: &str, side: Side, size: &str, limit: &str) -> OrderIntent {
    OrderIntent {
        id: id(n),
        symbol: sym(symbol),
        side,
        position_side: PositionSide::Net,
        qty: qty(size),
        limit: price(limit),
        tif: TimeInForce::Ioc,
        reduce_only: false,
    }
}

pub(crate) fn reduce(n: u64, symbol: &str, side: Side, size: &str, limit: &str) -> OrderIntent {
    OrderIntent { reduce_only: true, ..ioc(n, symbol, side, size, limit) }
}
