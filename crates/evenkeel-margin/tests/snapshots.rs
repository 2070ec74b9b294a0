//! An account as read from a snapshot, and its exposure, in figures that add up in the head.

mod common;

use common::*;
use evenkeel_margin::{Account, Holding, Trade, WARN_UTILISATION};
use evenkeel_types::{Decimal, PositionSide, Rate, Snapshot};

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

/// A snapshot with everything that an account is read from; amounts are easy to add up in the head.
fn snapshot() -> Snapshot {
    let instrument = |name: &str, rows: &str, fee: &str| {
        format!(
            r#""{name}": {{"symbol":"{name}","pool":"USDC","price_rule":{{"tick":"0.1"}},"lot":"0.001","min_qty":null,
            "max_qty":null,"min_notional":null,"leverage_step":"1","tiers":{{"tiers":[{rows}]}},"liquidation_fee":"{fee}",
            "margin_modes":"both","status":"trading","funding_interval":null}}"#
        )
    };
    let row = |floor: &str, max: &str, rate: &str| {
        format!(r#"{{"notional_floor":"{floor}","max_leverage":"{max}","maintenance_rate":"{rate}"}}"#)
    };
    let tiers = [row("0", "40", "0.0125"), row("10000", "25", "0.02")].join(",");
    let setting = |name: &str, leverage: &str, mode: &str| {
        format!(
            r#""{name}":{{"symbol":"{name}","long":"{leverage}","short":"{leverage}","mode":"{mode}","read_at":1}}"#
        )
    };
    let names = ["BTC", "DOGE", "ETH", "SOL"];
    let instruments = names.map(|name| instrument(name, &tiers, "0")).join(",");
    let settings = [
        setting("BTC", "10", "cross"),
        setting("DOGE", "3", "isolated"),
        setting("ETH", "5", "cross"),
        setting("SOL", "4", "isolated"),
    ]
    .join(",");
    let quotes = [("BTC", "60000"), ("DOGE", "0.1"), ("ETH", "3000"), ("SOL", "100")]
        .map(|(name, mark)| format!(r#""{name}":{{"mark":"{mark}","bid":null,"ask":null}}"#))
        .join(",");
    let fees = names.map(|name| format!(r#""{name}":{{"maker":"0","taker":"0"}}"#)).join(",");
    let position = |name: &str, qty: &str, mode: &str, leverage: &str, bucket: &str, max: &str| {
        format!(
            r#"{{"symbol":"{name}","side":"net","qty":"{qty}","entry":null,"mode":"{mode}","leverage":"{leverage}",
            "isolated":{bucket},"max_leverage":{max},"liquidation_price":null}}"#
        )
    };
    let positions = [
        position("SOL", "20", "isolated", "4", r#"{"equity":"500"}"#, "null"),
        position("BTC", "0.1", "cross", "10", "null", "null"),
        position("ETH", "-1", "cross", "5", "null", "\"10\""),
    ]
    .join(",");
    let capabilities = serde_json::to_string(&evenkeel_types::Capabilities::cautious()).unwrap();
    let text = format!(
        r#"{{"venue":"paper","account":"a","as_of":1,"capabilities":{capabilities},"position_mode":"one_way",
        "pools":[{{"id":"USDC","collateral":"USDC","equity":"2000","free":"700","withdrawable":null,"transferable":null}}],
        "positions":[{positions}],"settings":{{{settings}}},"quotes":{{{quotes}}},"instruments":{{{instruments}}},
        "fees":{{{fees}}},"open_orders":[]}}"#
    );
    serde_json::from_str(&text).unwrap()
}

#[test]
fn from_a_snapshot() {
    let snapshot = snapshot();
    snapshot.validate(&evenkeel_types::Scope::default()).unwrap();
    let account = Account::from_snapshot(&snapshot).unwrap();
    assert_eq!(account.holdings().len(), 4, "DOGE is flat, and can be opened");
    assert_eq!(account.positions().count(), 3);
    let exposure = account.exposure().unwrap();
    assert_eq!(exposure.account_value, snapshot.account_value().unwrap());
    assert_eq!(exposure.gross, snapshot.gross().unwrap());
    assert_eq!(exposure.net, usd("5000"));
    // BTC 600, ETH 600, SOL 500.
    assert_eq!(exposure.initial_margin, usd("1700"));
    // BTC 75; ETH at its own maximum of 10x 5 % = 150; SOL 25.
    assert_eq!(exposure.maintenance_margin, usd("250"));
    // 2000 - 1200 would be 800: the venue holds 100 back.
    assert_eq!(account.pools()[0].reserved, usd("100"));
    assert_eq!(exposure.free, usd("700"));
    assert_eq!(exposure.margin_used, usd("1800"));
    assert_eq!(exposure.margin_utilisation, Some(d("0.72")));
    assert_eq!(exposure.effective_leverage, Some(d("4.4")));
    assert!(!exposure.needs_warning());
    let (mut below, mut at) = (exposure.clone(), exposure.clone());
    below.margin_utilisation = Some(d("0.7999999999"));
    at.margin_utilisation = Some(WARN_UTILISATION);
    assert!(!below.needs_warning() && at.needs_warning(), "from 80 % on");
    assert!(WARN_UTILISATION == d("0.8"));
    let [btc, eth, sol] = exposure.positions.as_slice() else { panic!("three") };
    // Cross: 60000 - (2000 - 225) / 0.1 / 0.9875 and 3000 + (2000 - 225) / 1.05.
    close_to("BTC", btc.liquidation_price.unwrap().get(), d("42025.3164556962"), d("0.0000000001"));
    close_to("ETH", eth.liquidation_price.unwrap().get(), d("4690.4761904762"), d("0.0000000001"));
    close_to("SOL", sol.liquidation_price.unwrap().get(), d("75.9493670886"), d("0.0000000001"));
    assert_eq!(eth.allocation.get(), d("-3000") / d("11000"));
    assert_eq!((sol.bucket, sol.leverage), (Some(usd("500")), Some(d("4"))));
    assert_eq!(btc.leverage, Some(d("4.5")), "9000 over 2000: a pool's equity is shared");
    assert!(sol.distance.unwrap() < Decimal::ZERO && eth.distance.unwrap() > Decimal::ZERO);

    // Closing ETH and opening it again: the position's own maximum is gone with it.
    let again = account.apply_trades([&trade("ETH", "1", "3000"), &trade("ETH", "-1", "3000")]).unwrap();
    assert_eq!(only(&again, "ETH").maintenance_margin().unwrap(), usd("37.5"));
    // What is used after a trade that was not possible before it: no refusal, a warning.
    let more = account.apply_trades([&trade("BTC", "0.2", "60000")]).unwrap().exposure().unwrap();
    assert_eq!(more.free, usd("-500"));
    assert!(more.needs_warning());
    // The venue's own free margin is never exceeded, nor is what the positions leave.
    for (free, expected) in [("800", "800"), ("900", "800"), ("0", "0")] {
        let mut other = snapshot.clone();
        other.pools[0].free = usd(free);
        let account = Account::from_snapshot(&other).unwrap();
        assert_eq!(account.pool_totals().unwrap()[0].free, usd(expected));
    }
    // What is held must be known.
    for lose in [
        (|s: &mut Snapshot| s.instruments.retain(|name, _| name.as_str() != "SOL")) as fn(&mut Snapshot),
        |s| s.quotes.retain(|name, _| name.as_str() != "SOL"),
        |s| s.pools.clear(),
        |s| s.positions[0].isolated = None,
    ] {
        let mut other = snapshot.clone();
        lose(&mut other);
        assert!(Account::from_snapshot(&other).is_err());
    }
}
