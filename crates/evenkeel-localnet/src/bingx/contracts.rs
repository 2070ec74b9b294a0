//! What is listed, and what the list says beside the rules.

use std::time::Duration;

use crate::floor::Market;

/// What a contract's row says of itself.
pub(crate) struct Label {
    pub(crate) id: u64,
    /// Size of a contract, in coins.
    pub(crate) size: &'static str,
    pub(crate) trigger_fee: &'static str,
    pub(crate) launched: u64,
    pub(crate) ensures_trigger: bool,
}

/// Of a contract that is none of the usual ones.
const UNKNOWN: Label = Label {
    id: 900,
    size: "1",
    trigger_fee: "0.00050000",
    launched: 1_700_000_000_000,
    ensures_trigger: false,
};

pub(crate) fn label(symbol: &str) -> Label {
    let (id, size, trigger_fee, launched) = match symbol {
        "BTC-USDT" => (100, "0.0001", "0.00025000", 1_586_275_200_000),
        "ETH-USDT" => (101, "0.01", "0.00050000", 1_586_275_200_000),
        "LINK-USDT" => (103, "0.1", "0.00240000", 1_604_851_200_000),
        "LTC-USDT" => (105, "0.1", "0.00050000", 1_604_851_200_000),
        "BNB-USDT" => (110, "0.01", "0.00050000", 1_618_300_800_000),
        "SOL-USDT" => (150, "0.01", "0.00050000", 1_625_097_600_000),
        "DOGE-USDT" => (100_035, "1", "0.00030000", 1_636_387_200_000),
        "FARTCOIN-USDT" => (100_977, "0.001", "0.00240000", 1_734_566_400_000),
        _ => return UNKNOWN,
    };
    Label { id, size, trigger_fee, launched, ensures_trigger: symbol != "DOGE-USDT" }
}

const EIGHT_HOURS: Duration = Duration::from_secs(8 * 3600);
const FOUR_HOURS: Duration = Duration::from_secs(4 * 3600);

/// Steps and smallest sizes as recorded in 2025 and 2026. The tiers of ETH are the first ones of the venue's table, those of
/// the others have its form; the venue publishes no leverage for a tier, so that these are assumptions everywhere.
pub(crate) fn usual() -> Vec<Market> {
    let market = |symbol: &str, base: &str, mark: &str, tick: &str, lot: &str, min: &str| {
        Market::new(symbol, base, mark, tick, lot, 50).min_notional("2").sizes(min, "100000000")
    };
    vec![
        market("BTC-USDT", "BTC", "107850.4", "0.1", "0.0001", "0.0001")
            .tiers(&[
                (0, 125, "0.0038"),
                (150_000, 100, "0.004"),
                (900_000, 75, "0.005"),
                (3_000_000, 50, "0.0085"),
                (10_000_000, 20, "0.02"),
            ])
            .cap(100_000_000)
            .funding("0.000024", EIGHT_HOURS),
        market("ETH-USDT", "ETH", "2431.56", "0.01", "0.01", "0.01")
            .tiers(&[
                (0, 125, "0.0033"),
                (900_000, 100, "0.0056"),
                (1_200_000, 75, "0.0063"),
                (1_500_000, 50, "0.0067"),
                (1_800_000, 50, "0.0071"),
                (2_400_000, 25, "0.0077"),
            ])
            .cap(50_000_000),
        market("SOL-USDT", "SOL", "166.432", "0.001", "0.01", "0.01")
            .tiers(&[(0, 100, "0.0045"), (300_000, 50, "0.0075"), (2_000_000, 20, "0.02")])
            .cap(20_000_000),
        market("BNB-USDT", "BNB", "662.18", "0.01", "0.01", "0.01")
            .tiers(&[(0, 75, "0.00475"), (200_000, 50, "0.0075"), (1_000_000, 20, "0.025")])
            .cap(10_000_000),
        market("LINK-USDT", "LINK", "14.398", "0.001", "0.1", "0.2")
            .tiers(&[(0, 75, "0.005"), (200_000, 50, "0.01"), (1_000_000, 20, "0.025")])
            .cap(10_000_000),
        market("LTC-USDT", "LTC", "95.61", "0.01", "0.1", "0.1")
            .tiers(&[(0, 75, "0.005"), (200_000, 50, "0.01"), (1_000_000, 20, "0.025")])
            .cap(10_000_000),
        market("DOGE-USDT", "DOGE", "0.18432", "0.00001", "1", "1")
            .tiers(&[(0, 75, "0.005"), (200_000, 50, "0.01"), (1_000_000, 20, "0.025")])
            .cap(10_000_000)
            .funding("-0.00005", EIGHT_HOURS),
        market("FARTCOIN-USDT", "FARTCOIN", "1.0925", "0.0001", "0.001", "2")
            .tiers(&[(0, 50, "0.0066"), (50_000, 25, "0.015"), (200_000, 10, "0.04")])
            .cap(2_000_000)
            .funding("0.00005", FOUR_HOURS),
    ]
}
