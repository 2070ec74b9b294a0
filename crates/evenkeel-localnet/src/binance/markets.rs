//! What is listed: rules and tiers of the venue's own contracts.

use std::time::Duration;

use crate::floor::Market;

/// What the venue states about a contract beside what the floor needs.
#[derive(Debug, Clone)]
pub(crate) struct Extra {
    pub(crate) market_max: &'static str,
    pub(crate) min_price: &'static str,
    pub(crate) max_price: &'static str,
    /// How far a price may be from the mark; also the bound of market orders.
    pub(crate) band: &'static str,
    pub(crate) clearance: &'static str,
    pub(crate) subtype: &'static str,
    pub(crate) onboard: u64,
}

/// By symbol; other contracts get the last row. State of 2026-09 where it was recorded then, else of 2023.
pub(crate) fn extra(symbol: &str) -> Extra {
    let (market_max, min_price, max_price, band, clearance, subtype, onboard) = match symbol {
        "BTCUSDT" => ("120", "556.80", "4529764", "0.05", "0.012500", "PoW", 1_567_965_300_000),
        "ETHUSDT" => ("2000", "39.86", "306177", "0.05", "0.012500", "Layer-1", 1_569_398_400_000),
        "SOLUSDT" => ("80000", "0.4200", "6857", "0.05", "0.015000", "Layer-1", 1_569_398_400_000),
        "XRPUSDT" => ("2000000", "0.0143", "100000", "0.05", "0.012500", "Payment", 1_578_298_800_000),
        "BNBUSDT" => ("2000", "6.600", "100000", "0.05", "0.015000", "Layer-1", 1_569_398_400_000),
        "DOGEUSDT" => ("30000000", "0.002440", "30", "0.1", "0.010000", "Meme", 1_569_398_400_000),
        "ADAUSDT" => ("300000", "0.01740", "20000", "0.05", "0.010000", "Layer-1", 1_569_398_400_000),
        "LTCUSDT" => ("5000", "0.01", "100000", "0.05", "0.012500", "Payment", 1_578_557_100_000),
        _ => ("1000000", "0", "0", "0.05", "0.015000", "Layer-1", 1_569_398_400_000),
    };
    Extra { market_max, min_price, max_price, band, clearance, subtype, onboard }
}

/// The contracts of a venue that was given none.
pub(crate) fn usual() -> Vec<Market> {
    let four_hours = Duration::from_secs(4 * 3600);
    vec![
        Market::new("BTCUSDT", "BTC", "107000", "0.10", "0.001", 150)
            .sizes("0.001", "1000")
            .min_notional("50")
            .tiers(&[
                (0, 150, "0.004"),
                (300_000, 100, "0.005"),
                (800_000, 75, "0.0065"),
                (3_000_000, 50, "0.01"),
                (12_000_000, 25, "0.02"),
                (70_000_000, 20, "0.025"),
                (100_000_000, 10, "0.05"),
                (230_000_000, 5, "0.1"),
                (480_000_000, 4, "0.125"),
                (600_000_000, 3, "0.15"),
                (800_000_000, 2, "0.25"),
                (1_200_000_000, 1, "0.5"),
            ])
            .cap(1_800_000_000),
        Market::new("ETHUSDT", "ETH", "2430", "0.01", "0.001", 150)
            .sizes("0.001", "10000")
            .min_notional("20")
            .tiers(&[
                (0, 150, "0.004"),
                (300_000, 100, "0.005"),
                (800_000, 75, "0.0065"),
                (3_000_000, 50, "0.01"),
                (12_000_000, 25, "0.02"),
                (50_000_000, 20, "0.025"),
                (65_000_000, 10, "0.05"),
                (150_000_000, 5, "0.1"),
            ])
            .cap(320_000_000),
        Market::new("SOLUSDT", "SOL", "166.4", "0.0100", "0.01", 100)
            .sizes("0.01", "1000000")
            .tiers(&[
                (0, 100, "0.005"),
                (50_000, 75, "0.0065"),
                (400_000, 50, "0.01"),
                (1_000_000, 25, "0.02"),
                (4_000_000, 20, "0.025"),
                (8_000_000, 10, "0.05"),
                (40_000_000, 5, "0.1"),
            ])
            .cap(80_000_000),
        Market::new("XRPUSDT", "XRP", "2.3", "0.0001", "0.1", 75)
            .sizes("0.1", "10000000")
            .tiers(&[(0, 75, "0.0065"), (80_000, 50, "0.01"), (750_000, 25, "0.02"), (4_000_000, 10, "0.05")])
            .cap(20_000_000),
        Market::new("BNBUSDT", "BNB", "655.1", "0.010", "0.01", 75)
            .sizes("0.01", "100000")
            .tiers(&[(0, 75, "0.0065"), (80_000, 50, "0.01"), (750_000, 25, "0.02"), (4_000_000, 10, "0.05")])
            .cap(20_000_000),
        Market::new("DOGEUSDT", "DOGE", "0.183", "0.000010", "1", 75)
            .sizes("1", "50000000")
            .tiers(&[
                (0, 75, "0.0065"),
                (80_000, 50, "0.01"),
                (150_000, 40, "0.0125"),
                (750_000, 25, "0.02"),
                (2_000_000, 20, "0.025"),
                (4_000_000, 10, "0.05"),
            ])
            .cap(20_000_000),
        Market::new("ADAUSDT", "ADA", "0.62", "0.00010", "1", 75)
            .sizes("1", "2000000")
            .tiers(&[
                (0, 75, "0.005"),
                (10_000, 50, "0.01"),
                (50_000, 40, "0.015"),
                (100_000, 25, "0.02"),
                (500_000, 20, "0.025"),
                (1_000_000, 10, "0.05"),
            ])
            .cap(5_000_000)
            .funding("0.0001", four_hours),
        Market::new("LTCUSDT", "LTC", "88", "0.01", "0.001", 75)
            .sizes("0.001", "20000")
            .min_notional("20")
            .tiers(&[
                (0, 75, "0.005"),
                (10_000, 50, "0.01"),
                (50_000, 40, "0.015"),
                (100_000, 25, "0.02"),
                (750_000, 20, "0.025"),
                (1_000_000, 10, "0.05"),
            ])
            .cap(5_000_000),
    ]
}
