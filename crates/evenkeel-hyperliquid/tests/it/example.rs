//! The project's own recorded account: coherent in every figure.

use evenkeel_hyperliquid::decode::{decode_clearinghouse_state, decode_meta_and_asset_ctxs};
use evenkeel_margin::Account as Margin;
use evenkeel_types::{
    Decimal, Leverage, MarginMode, MarginModes, PoolId, PositionSide, PriceRule, Scope, TradingStatus, Usd,
};

use crate::support::{Account, d, json, symbol, value};

#[test]
fn the_account_is_read_whole() {
    let account = Account::example();
    let mut input = account.input();
    input.scope = Scope::of([symbol("SOL"), symbol("BTC"), symbol("ETH"), symbol("HYPE")]);
    let snapshot = evenkeel_hyperliquid::decode::decode_snapshot(&input).unwrap();

    assert_eq!(snapshot.account_value().unwrap(), Usd::new(200).unwrap());
    assert_eq!(snapshot.gross().unwrap().to_string(), "299.49946");
    assert_eq!(snapshot.as_of.0, 1_751_364_005_123);
    let pool = snapshot.pool(&PoolId(symbol("USDC"))).unwrap();
    assert_eq!((pool.equity.to_string(), pool.free.to_string()), ("200".into(), "134.107654".into()));
    assert_eq!(pool.withdrawable.unwrap().to_string(), "134.107654");
    assert_eq!(pool.collateral.as_str(), "USDC");

    let sol = snapshot.position(&symbol("SOL")).unwrap();
    assert_eq!((sol.qty.get(), sol.leverage.get(), sol.mode), (d("0.54"), d("2"), MarginMode::Cross));
    assert_eq!((sol.max_leverage, sol.liquidation_price, sol.isolated), (None, None, None));
    let btc = snapshot.position(&symbol("BTC")).unwrap();
    assert_eq!((btc.qty.get(), btc.leverage.get(), btc.side), (d("0.00197"), d("10"), PositionSide::Net));
    assert_eq!(btc.entry.unwrap().get(), d("104950"));
    assert!(snapshot.open_orders.is_empty());

    // Settings: those of positions are facts, the others are the assumption that was asked for.
    assert!(snapshot.setting(&symbol("SOL")).unwrap().is(Leverage::new(2).unwrap()));
    assert!(snapshot.setting(&symbol("ETH")).unwrap().is(Leverage::new(20).unwrap()));
    assert!(snapshot.setting(&symbol("HYPE")).unwrap().is(Leverage::new(10).unwrap()));
    assert_eq!(snapshot.setting(&symbol("MEGA")).unwrap().mode, MarginMode::Isolated);
    assert_eq!(snapshot.fee(&symbol("SOL")).unwrap().taker.to_string(), "0.00045");
    assert_eq!(snapshot.fee(&symbol("SOL")).unwrap().maker.to_string(), "0.00015");
}

#[test]
fn instruments_have_the_venues_rules() {
    let account = Account::example();
    let snapshot = account.snapshot().unwrap();
    let btc = snapshot.instrument(&symbol("BTC")).unwrap();
    assert_eq!(btc.lot.get(), d("0.00001"));
    assert_eq!(
        btc.price_rule,
        PriceRule::SignificantFigures { figures: 5, max_decimals: 1, integers_always: true }
    );
    assert_eq!(btc.min_notional.unwrap().to_string(), "10");
    assert_eq!(btc.funding_interval.unwrap().as_secs(), 3600);
    assert_eq!((btc.leverage_step, btc.status), (Decimal::ONE, TradingStatus::Trading));
    let tiers: Vec<_> = btc
        .tiers
        .as_slice()
        .iter()
        .map(|t| format!("{} {} {} {}", t.notional_floor, t.max_leverage, t.maintenance_rate, t.deduction))
        .collect();
    assert_eq!(tiers, ["0 40 0.0125 0", "150000000 20 0.025 1875000"]);
    // floor(30M / 106418) to 0.00001, floor(5M / 166.4) to 0.01, floor(2M / 39.214), floor(500k / 0.21817).
    for (name, max_qty) in
        [("BTC", "281.90719"), ("SOL", "30048.07"), ("HYPE", "51002.19"), ("MEGA", "2291790")]
    {
        let instrument = snapshot.instrument(&symbol(name)).unwrap();
        assert_eq!(instrument.max_qty.unwrap().get(), d(max_qty), "{name}");
        assert_eq!(instrument.pool, PoolId(symbol("USDC")));
    }
    assert_eq!(snapshot.instrument(&symbol("MEGA")).unwrap().margin_modes, MarginModes::StrictIsolated);
    assert_eq!(snapshot.instrument(&symbol("MATIC")).unwrap().status, TradingStatus::Closed);
    let markets = decode_meta_and_asset_ctxs(account.input().dexes[0].meta_and_asset_ctxs).unwrap();
    assert_eq!(markets.get(&symbol("SOL")).unwrap().index, 3, "delisted assets keep their index");
    assert_eq!(markets.dex, None);
}

/// Every derived figure of the file follows from its size, prices and leverage.
#[test]
fn every_figure_of_the_file_is_consistent() {
    let account = Account::example();
    let state = json(&account.state);
    let (markets, millionth) = (json(&account.markets), d("0.0000005"));
    let mark = |coin: &str| {
        let universe = markets[0]["universe"].as_array().unwrap();
        let index = universe.iter().position(|asset| asset["name"] == coin).unwrap();
        value(&markets[1][index]["markPx"])
    };
    let near = |given: Decimal, derived: Decimal| (given - derived).abs() <= millionth;
    let (mut notional, mut used, mut maintenance) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
    for row in state["assetPositions"].as_array().unwrap() {
        let p = &row["position"];
        let (size, entry) = (value(&p["szi"]), value(&p["entryPx"]));
        let (mark, leverage) = (mark(p["coin"].as_str().unwrap()), value(&p["leverage"]["value"]));
        let pnl = size * (mark - entry);
        assert!(near(value(&p["positionValue"]), size * mark), "{p}");
        assert!(near(value(&p["unrealizedPnl"]), pnl), "{p}");
        assert!(near(value(&p["returnOnEquity"]), pnl / (size * entry / leverage)), "{p}");
        assert!(near(value(&p["marginUsed"]), size * mark / leverage), "{p}");
        notional += size * mark;
        used += size * mark / leverage;
        maintenance += size * mark / (value(&p["maxLeverage"]) * Decimal::TWO);
    }
    for summary in ["marginSummary", "crossMarginSummary"] {
        let s = &state[summary];
        assert!(near(value(&s["totalNtlPos"]), notional) && near(value(&s["totalMarginUsed"]), used));
        assert_eq!(value(&s["totalRawUsd"]) + notional, value(&s["accountValue"]));
    }
    assert!(near(value(&state["crossMaintenanceMarginUsed"]), maintenance));
    let equity = value(&state["crossMarginSummary"]["accountValue"]);
    assert!(near(value(&state["withdrawable"]), equity - used.max(notional / Decimal::TEN)));
}

#[test]
fn the_venues_liquidation_prices_are_those_of_evenkeel_margin() {
    let account = Account::example();
    let snapshot = account.snapshot().unwrap();
    let margin = Margin::from_snapshot(&snapshot).unwrap();
    for position in &snapshot.positions {
        let ours = margin.liquidation_price(&position.symbol, position.side).unwrap();
        match (position.liquidation_price, ours) {
            (None, None) => {}
            (Some(theirs), Some(ours)) => {
                let apart = (theirs.get() - ours.get()).abs();
                assert!(apart < d("0.0000000001"), "{}: {theirs} and {ours}", position.symbol);
            }
            other => panic!("{}: {other:?}", position.symbol),
        }
    }
}

/// Old answers, other clients' recordings and the venue itself spell numbers differently; all mean the same.
#[test]
fn quoting_makes_no_difference() {
    fn requote(text: &str, quote: bool) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find([':', '[', ',']) {
            out.push_str(&rest[..=start]);
            rest = &rest[start + 1..];
            let trimmed = rest.trim_start();
            let end = trimmed.find([',', '}', ']']).unwrap_or(trimmed.len());
            let token = &trimmed[..end];
            let bare = token.trim_matches('"');
            let number =
                !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
            if number {
                out.push_str(&if quote { format!("\"{bare}\"") } else { bare.to_owned() });
                rest = &trimmed[end..];
            }
        }
        out + rest
    }
    let account = Account::example();
    let want = account.snapshot().unwrap();
    for quote in [true, false] {
        let changed = Account {
            state: requote(std::str::from_utf8(&account.state).unwrap(), quote).into_bytes(),
            markets: requote(std::str::from_utf8(&account.markets).unwrap(), quote).into_bytes(),
            ..account.clone()
        };
        assert_ne!(changed.state, account.state);
        assert_ne!(changed.markets, account.markets);
        assert_eq!(changed.snapshot().unwrap(), want, "all numbers quoted: {quote}");
    }
    let state = decode_clearinghouse_state(account.input().dexes[0].clearinghouse_state).unwrap();
    assert_eq!(state.cross_maintenance.unwrap().to_string(), "4.866943");
}
