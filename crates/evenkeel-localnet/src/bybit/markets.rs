//! What is listed unless told otherwise: rules as the venue printed them between 2023 and 2026, tiers shortened.

use crate::floor::Market;

/// Tiers of the largest coins: the first two are the venue's of BTCUSDT, the others a coarse table of 2026.
const LARGE: &[(u64, u32, &str)] = &[
    (0, 100, "0.005"),
    (2_000_000, 90, "0.0056"),
    (2_600_000, 50, "0.01"),
    (10_000_000, 20, "0.025"),
    (20_000_000, 10, "0.05"),
    (40_000_000, 5, "0.1"),
    (80_000_000, 4, "0.125"),
];
const MIDDLE: &[(u64, u32, &str)] =
    &[(0, 75, "0.0067"), (400_000, 50, "0.01"), (2_000_000, 25, "0.02"), (5_000_000, 10, "0.05")];
const SMALL: &[(u64, u32, &str)] = &[(0, 50, "0.01"), (200_000, 25, "0.02"), (1_000_000, 10, "0.05")];

pub(super) fn usual() -> Vec<Market> {
    let large = |symbol, base, mark, tick, lot, max| {
        Market::new(symbol, base, mark, tick, lot, 100).tiers(LARGE).cap(160_000_000).sizes(lot, max)
    };
    let middle = |symbol, base, mark, tick, lot, max| {
        Market::new(symbol, base, mark, tick, lot, 75).tiers(MIDDLE).cap(10_000_000).sizes(lot, max)
    };
    vec![
        large("BTCUSDT", "BTC", "106418", "0.10", "0.001", "1190"),
        large("ETHUSDT", "ETH", "2463.6", "0.01", "0.01", "10000"),
        large("SOLUSDT", "SOL", "166.4", "0.010", "0.1", "79770"),
        middle("XRPUSDT", "XRP", "2.1834", "0.0001", "0.1", "2000000"),
        middle("BNBUSDT", "BNB", "652.4", "0.10", "0.01", "2000"),
        middle("DOGEUSDT", "DOGE", "0.16521", "0.00001", "1", "14000000"),
        middle("ADAUSDT", "ADA", "0.5837", "0.0001", "1", "1100000"),
        middle("LTCUSDT", "LTC", "85.07", "0.01", "0.1", "18000"),
        Market::new("1000BONKUSDT", "1000BONK", "0.014392", "0.000001", "100", 50)
            .tiers(SMALL)
            .cap(2_000_000)
            .sizes("100", "27000000"),
    ]
}
