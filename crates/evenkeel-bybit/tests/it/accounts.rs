//! What the connector reads, in how many requests, and what it makes of the answers.

use std::time::Duration;

use evenkeel_conformance::{Setup, Verdict};
use evenkeel_exchange::{
    Clock as _, Diagnose as _, Effect, Error, ErrorKind, FundingHistory as _, FundingPayments as _,
    Observe as _, Quotes as _, Severity, Topic, Trade as _,
};
use evenkeel_types::{
    FeeRates, MarginMode, OrderIntent, PositionMode, PositionSide, Scope, Side, Timestamp, TradingStatus,
};
use serde_json::{Value, json};

use crate::server::{Server, answer, order, refused, usdt, wallet};
use crate::support::{d, id, intent, symbol, unproven};

fn scope(symbols: &[&str]) -> Scope {
    Scope::of(symbols.iter().map(|text| symbol(text)))
}

fn paths(server: &Server) -> Vec<String> {
    let mut paths: Vec<String> = server.asked().into_iter().map(|asked| asked.path).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn conformance() {
    for (hedge, mode) in [(false, "REGULAR_MARGIN"), (true, "REGULAR_MARGIN"), (false, "ISOLATED_MARGIN")] {
        let server = Server::start();
        server.with(|world| {
            world.margin_mode = mode;
            world.hedge = hedge;
            world.held.push(("SOLUSDT", if hedge { 1 } else { 0 }, "2", "140"));
            world.wallet = wallet(&usdt("1000", "30", "0", "20"));
        });
        let venue = server.venue();
        let setup = Setup::new([symbol("BTCUSDT"), symbol("SOLUSDT"), symbol("DOGEUSDT")]);
        let report = evenkeel_conformance::observe(&venue, &*server.clock, &setup).await;
        let failed: Vec<_> =
            report.cases.iter().filter(|case| !matches!(case.verdict, Verdict::Passed)).collect();
        assert!(failed.is_empty(), "{failed:#?}");
        let reader = server.builder().build_reader().unwrap();
        assert_eq!(reader.environment().to_string(), "testnet");
        let report = evenkeel_conformance::observe(&reader, &*server.clock, &setup).await;
        assert!(report.cases.iter().all(|case| matches!(case.verdict, Verdict::Passed)));
    }
}

#[tokio::test]
async fn a_snapshot_takes_one_round_of_few_requests() {
    let server = Server::start();
    server.with(|world| {
        world.held = vec![("BTCUSDT", 0, "0.5", "59000"), ("SOLUSDT", 0, "-3", "151")];
        world.wallet = wallet(&usdt("1000", "3045", "0", "503"));
    });
    let venue = server.venue();
    let wanted = scope(&["BTCUSDT", "ETHUSDT"]);
    let first = venue.snapshot(&wanted).await.unwrap();
    server.asked();
    let second = venue.snapshot(&wanted).await.unwrap();
    assert_eq!(first.positions, second.positions);
    assert_eq!(
        paths(&server),
        [
            "/v5/account/info",
            "/v5/account/wallet-balance",
            "/v5/market/tickers",
            "/v5/market/tickers",
            "/v5/market/tickers",
            "/v5/order/realtime",
            "/v5/position/list",
            "/v5/position/list",
        ],
        "one for each held or wanted price, one for the flat symbol's setting"
    );
    assert_eq!(second.position_mode, PositionMode::OneWay);
    assert_eq!(second.qty(&symbol("SOLUSDT")).get(), d("-3"));
    let pool = &second.pools[0];
    assert_eq!((pool.equity.get(), pool.free.get(), pool.collateral.as_str()), (d("1000"), d("900"), "USD"));
    assert_eq!(second.positions[0].mode, MarginMode::Cross);
    assert_eq!(second.instruments[&symbol("BTCUSDT")].max_leverage().get(), d("100"));
    assert_eq!(second.settings[&symbol("ETHUSDT")].long.get(), d("10"));
    assert!(second.account.as_str().starts_with("key-"));
}

#[tokio::test]
async fn isolated_positions_have_buckets() {
    let server = Server::start();
    server.with(|world| {
        world.margin_mode = "ISOLATED_MARGIN";
        world.held = vec![("SOLUSDT", 0, "10", "140")];
        // Ten at 150 with ten times leverage: 150 in the bucket and 100 of profit.
        world.wallet = wallet(&usdt("1000", "150", "40", "100"));
    });
    let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
    let pool = &snapshot.pools[0];
    assert_eq!((pool.equity.get(), pool.free.get(), pool.collateral.as_str()), (d("850"), d("810"), "USDT"));
    assert_eq!(snapshot.positions[0].isolated.unwrap().equity.get(), d("250"));
    assert_eq!(snapshot.account_value().unwrap().get(), d("1100"));
    assert_eq!(snapshot.settings[&symbol("SOLUSDT")].mode, MarginMode::Isolated);
    // What the venue granted backs no isolated position, and spot orders hold what they lock.
    server.with(|world| world.wallet["coin"][0]["bonus"] = json!("20"));
    server.with(|world| world.wallet["coin"][0]["locked"] = json!("5"));
    let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
    let pool = &snapshot.pools[0];
    assert_eq!((pool.equity.get(), pool.free.get()), (d("830"), d("785")));
}

/// In cross margin the equity is what is worth something as collateral: margin available and margin in use. An available
/// balance of zero may have been cut off there.
#[tokio::test]
async fn equity_in_cross_margin_is_after_discounts() {
    for (balance, available, used, equity, free) in [
        ("1000", "900", "100", "1000", "900"),
        ("1000", "700", "100", "800", "700"),
        ("1000", "0", "100", "100", "0"),
        ("1000", "0", "1500", "1000", "0"),
        ("1000", "-50", "100", "50", "0"),
        ("1000", "0", "0", "0", "0"),
        ("1000", "901", "100", "1000", "901"),
    ] {
        let server = Server::start();
        server.with(|world| {
            world.wallet["totalMarginBalance"] = json!(balance);
            world.wallet["totalAvailableBalance"] = json!(available);
            world.wallet["totalInitialMargin"] = json!(used);
        });
        let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
        let pool = &snapshot.pools[0];
        assert_eq!(
            (pool.equity.get(), pool.free.get()),
            (d(equity), d(free)),
            "{balance} {available} {used}"
        );
    }
}

/// Where the available balance is cut off at zero, discounts on collateral cannot be told.
#[tokio::test]
async fn equity_that_cannot_be_told_is_refused() {
    let coin = |name: &str, qty: &str, usd: Value| {
        let mut coin = usdt(qty, "0", "0", "0");
        (coin["coin"], coin["usdValue"]) = (json!(name), usd);
        coin
    };
    for (coins, available, used, fine) in [
        (vec![coin("XRP", "500", json!("1000"))], "0", "1500", false),
        (vec![coin("XRP", "500", json!("1000"))], "0", "0", true),
        (vec![coin("XRP", "500", json!("1000"))], "1", "700", true),
        (vec![coin("XRP", "500", Value::Null)], "0", "1500", false),
        (vec![coin("XRP", "-5", json!("-11"))], "0", "1500", false),
        (vec![coin("XRP", "0", json!("0")), coin("USDC", "1000", json!("1000"))], "0", "1500", true),
        // Dust must not keep an account in need from being read; a heap of it does.
        (vec![coin("XRP", "1", json!("6"))], "0", "1500", true),
        (vec![coin("XRP", "1", json!("6")), coin("ADA", "1", json!("6"))], "0", "1500", false),
    ] {
        let server = Server::start();
        server.with(|world| {
            world.wallet["totalAvailableBalance"] = json!(available);
            world.wallet["totalInitialMargin"] = json!(used);
            world.wallet["coin"] = json!(coins);
        });
        match server.venue().snapshot(&Scope::default()).await {
            Ok(snapshot) => assert!(fine, "{coins:?} {:?}", snapshot.pools),
            Err(error) => {
                assert!(!fine, "{coins:?} {error}");
                assert_eq!(error.kind(), ErrorKind::NotSupported);
                assert!(error.message().contains("discounts on this collateral"), "{error}");
            }
        }
    }
}

/// A symbol that is gone with its position is not asked for again.
#[tokio::test]
async fn a_symbol_that_vanished_fails_one_snapshot_at_most() {
    let server = Server::start();
    server.with(|world| {
        world.held = vec![("SOLUSDT", 0, "10", "150")];
        world.wallet = wallet(&usdt("1000", "150", "0", "0"));
    });
    let venue = server.venue();
    venue.snapshot(&scope(&["BTCUSDT"])).await.unwrap();
    server.with(|world| {
        world.held.clear();
        world.wallet = wallet(&usdt("1000", "0", "0", "0"));
    });
    server.special("/v5/market/tickers SOLUSDT", refused(10001, "params error: symbol invalid"));
    server.special("/v5/position/list SOLUSDT", refused(10001, "params error: symbol invalid"));
    venue.snapshot(&scope(&["BTCUSDT"])).await.unwrap_err();
    venue.snapshot(&scope(&["BTCUSDT"])).await.unwrap();
}

/// What is held in a contract that the list of those that trade does not have is asked for by its name, at once.
#[tokio::test]
async fn what_is_held_in_a_contract_that_is_not_listed_is_read() {
    let server = Server::start();
    server.with(|world| {
        world.held = vec![("SOLUSDT", 0, "10", "150")];
        world.wallet = wallet(&usdt("1000", "150", "0", "0"));
    });
    let mut row = crate::server::instrument("SOLUSDT", "0.01", "0.1", "USDT");
    let list =
        |rows: &[&Value]| answer(&json!({"retCode": 0, "result": {"list": rows, "nextPageCursor": ""}}));
    let other = crate::server::instrument("BTCUSDT", "0.1", "0.001", "USDT");
    server.special("/v5/market/instruments-info", list(&[&other]));
    row["status"] = json!("Delivering");
    server.special("/v5/market/instruments-info SOLUSDT", list(&[&row]));
    let snapshot = server.venue().snapshot(&scope(&["BTCUSDT"])).await.unwrap();
    assert_eq!(snapshot.instruments[&symbol("SOLUSDT")].status, TradingStatus::Closed);
}

/// One row about another symbol must not keep anything from being read, priced or closed.
#[tokio::test]
async fn a_row_that_is_not_understood_is_about_its_symbol_alone() {
    let server = Server::start();
    let list =
        |rows: Vec<Value>| answer(&json!({"retCode": 0, "result": {"list": rows, "nextPageCursor": ""}}));
    let rules = |of: &str| crate::server::instrument(of, "0.01", "0.1", "USDT");
    let tier = |of: &str, margin: &str| {
        json!({"symbol": of, "riskLimitValue": "2000000", "maintenanceMargin": "0.005", "initialMargin": margin,
            "maxLeverage": "100.00", "mmDeduction": ""})
    };
    let second = json!({"symbol": "ETHUSDT", "riskLimitValue": "2600000", "maintenanceMargin": "0.0056",
        "initialMargin": "7", "maxLeverage": "90", "mmDeduction": "1200"});
    let price = |of: &str, mark: &str| json!({"symbol": of, "markPrice": mark});
    let fee = |of: &str, taker: &str| json!({"symbol": of, "takerFeeRate": taker, "makerFeeRate": "0.0002"});
    let strange = "\u{5e01}\u{5b89}USDT";
    let all = [strange, "SOLUSDT", "ETHUSDT"];
    server.special("/v5/market/instruments-info", list(all.map(rules).to_vec()));
    let tiers = vec![tier(strange, "0.01"), tier("SOLUSDT", "0.01"), tier("ETHUSDT", "0.01"), second];
    server.special("/v5/market/risk-limit", list(tiers));
    let prices = vec![price(strange, "1"), price("SOLUSDT", "150"), price("ETHUSDT", "abc")];
    server.special("/v5/market/tickers", list(prices));
    let fees = vec![fee(strange, "0.00055"), fee("SOLUSDT", "0.00055"), fee("ETHUSDT", "")];
    server.special("/v5/account/fee-rate", list(fees));
    let venue = server.venue();
    let instruments = venue.instruments().await.unwrap();
    assert_eq!(instruments.keys().map(evenkeel_types::Symbol::as_str).collect::<Vec<_>>(), ["SOLUSDT"]);
    venue.snapshot(&scope(&["SOLUSDT"])).await.unwrap();
    let quotes = venue.reader().quotes(&["SOLUSDT", "ETHUSDT"].map(symbol)).await;
    assert_eq!(quotes[0].as_ref().unwrap().mark.get(), d("150"));
    assert!(quotes[1].as_ref().unwrap_err().message().contains("markPrice"), "{quotes:?}");
    let error = venue.fees(&symbol("ETHUSDT")).await.unwrap_err();
    assert!(error.message().starts_with("ETHUSDT: the venue names no fee rates"), "{error}");
    let error = venue.snapshot(&scope(&["ETHUSDT"])).await.unwrap_err();
    assert!(error.message().contains("fits 90x neither"), "a tier less would be another rule: {error}");
    let close = OrderIntent { reduce_only: true, ..intent(1, "SOLUSDT", Side::Sell, "1", "150") };
    venue.place(&[unproven(close)]).await.remove(0).unwrap();
}

/// A leg that was opened between the two readings belongs to the account, whatever the other leg is.
#[tokio::test]
async fn the_second_leg_is_not_dropped() {
    let row = |index: u8, side: &str, size: &str| {
        json!({"symbol": "SOLUSDT", "positionIdx": index, "side": side, "size": size, "avgPrice": "150",
            "markPrice": "150", "leverage": "10", "positionIM": "15", "unrealisedPnl": "0"})
    };
    let list =
        |rows: &[Value]| answer(&json!({"retCode": 0, "result": {"list": rows, "nextPageCursor": ""}}));
    // In the scope, and read in the first round; only held, and read in the second.
    for wanted in [scope(&["SOLUSDT"]), Scope::default()] {
        let server = Server::start();
        server.with(|world| {
            world.hedge = true;
            world.wallet = wallet(&usdt("1000", "30", "0", "0"));
        });
        server.special("/v5/position/list", list(&[row(1, "Buy", "1")]));
        server.special("/v5/position/list SOLUSDT", list(&[row(1, "Buy", "1"), row(2, "Sell", "1")]));
        // Both are seen, and no account with both is planned for.
        let error = server.venue().snapshot(&wanted).await.unwrap_err();
        assert!(error.message().contains("long and short are held at once"), "{error}");
        // Another size of the same leg is of another time.
        for other in [row(1, "Buy", "2"), row(1, "", "0")] {
            server.special("/v5/position/list SOLUSDT", list(&[other, row(2, "", "0")]));
            let error = server.venue().snapshot(&wanted).await.unwrap_err();
            assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::NotApplied));
            assert!(error.message().contains("read the account again"), "{error}");
        }
    }
}

/// What is executed while an account is read shows in the orders, in the positions, or in both.
#[tokio::test]
async fn orders_are_read_before_positions() {
    let server = Server::start();
    let venue = server.venue();
    for _ in 0..2 {
        venue.snapshot(&scope(&["SOLUSDT"])).await.unwrap();
        let asked = server.asked();
        let place = |path: &str| asked.iter().position(|asked| asked.path == path).unwrap();
        assert!(place("/v5/order/realtime") < place("/v5/position/list"), "{asked:?}");
    }
}

/// Positions and wallet of different times.
#[tokio::test]
async fn margins_of_different_times() {
    for mode in ["REGULAR_MARGIN", "ISOLATED_MARGIN"] {
        let error = refusal(|server| {
            server.with(|world| {
                world.margin_mode = mode;
                world.held = vec![("SOLUSDT", 0, "10", "150")];
                world.wallet = wallet(&usdt("1000", "100", "0", "0"));
            });
        })
        .await;
        assert!(error.message().contains("of different times"), "{error}");
    }
    // Within what fees and prices explain, what is in buckets is not free, whichever answer says so.
    for total in ["140", "160"] {
        let server = Server::start();
        server.with(|world| {
            world.margin_mode = "ISOLATED_MARGIN";
            world.held = vec![("SOLUSDT", 0, "10", "150")];
            world.wallet = wallet(&usdt("1000", total, "0", "0"));
        });
        let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
        let equity = if total == "140" { "850" } else { "840" };
        assert_eq!(snapshot.pools[0].equity.get(), d(equity));
    }
}

/// What was read is told no younger than it can be.
#[tokio::test]
async fn times_of_readings_are_the_earliest_that_they_can_be() {
    let server = Server::start();
    server.with(|world| {
        world.slow = [
            "/v5/market/time",
            "/v5/account/info",
            "/v5/account/wallet-balance",
            "/v5/account/fee-rate",
            "/v5/order/realtime",
            "/v5/position/list",
        ]
        .map(|path| (path, 1000))
        .into();
    });
    let venue = server.venue();
    let before = server.clock.now();
    let snapshot = venue.snapshot(&scope(&["SOLUSDT"])).await.unwrap();
    let began = before.after(Duration::from_millis(1050));
    assert!(snapshot.as_of <= began, "{:?} {began:?}", snapshot.as_of);
    let setting = venue.leverages(&[symbol("SOLUSDT")]).await.remove(0).unwrap();
    let latest = server.clock.now();
    assert!(setting.read_at.after(Duration::from_millis(1000)) <= latest, "{setting:?} {latest:?}");
}

async fn refusal(change: impl FnOnce(&Server)) -> Error {
    let server = Server::start();
    change(&server);
    let error = server.venue().snapshot(&scope(&["BTCUSDT"])).await.unwrap_err();
    assert_eq!(error.effect(), Effect::NotApplied);
    error
}

#[tokio::test]
async fn accounts_without_honest_figures_are_refused_with_the_remedy() {
    for (status, mode, needle) in [
        (1, "REGULAR_MARGIN", "upgrade it to a unified"),
        (5, "PORTFOLIO_MARGIN", "switch it to cross"),
        (2, "REGULAR_MARGIN", "too old"),
        (6, "NEW_MARGIN", "too old"),
    ] {
        let error = refusal(|server| {
            server.with(|world| (world.status, world.margin_mode) = (status, mode));
        })
        .await;
        assert_eq!(error.kind(), ErrorKind::NotSupported);
        assert!(error.message().contains(needle), "{error}");
    }
    for status in [3, 4, 5, 6] {
        let server = Server::start();
        server.with(|world| world.status = status);
        server.venue().snapshot(&Scope::default()).await.unwrap();
    }
    // Positions that are settled in another coin draw on the same margin.
    let error = refusal(|server| {
        let mut coin = usdt("5", "0.1", "0", "0");
        coin["coin"] = json!("USDC");
        server.with(|world| world.wallet = wallet(&coin));
    })
    .await;
    assert!(error.kind() == ErrorKind::NotSupported && error.message().contains("coin USDC"), "{error}");
    // Two position modes at once.
    let error = refusal(|server| {
        server.with(|world| {
            world.held = vec![("SOLUSDT", 0, "1", "150")];
            world.wallet = wallet(&usdt("1000", "15", "0", "0"));
        });
        let row = |index: u8| {
            json!({"symbol": "BTCUSDT", "positionIdx": index, "side": "", "size": "0", "leverage": "10"})
        };
        let list = json!({"retCode": 0, "result": {"list": [row(1), row(2)], "nextPageCursor": ""}});
        server.special("/v5/position/list BTCUSDT", answer(&list));
    })
    .await;
    assert!(error.message().contains("switch all symbols to one position mode"), "{error}");
}

#[tokio::test]
async fn contradictions_are_refused() {
    let error =
        refusal(|server| server.with(|world| world.wallet = wallet(&usdt("1000", "15", "0", "0")))).await;
    assert!(
        error.kind() == ErrorKind::Decode && error.message().contains("there are no positions"),
        "{error}"
    );
    let error = refusal(|server| {
        server.with(|world| world.wallet["totalMarginBalance"] = json!("-3"));
        server.with(|world| world.wallet["totalAvailableBalance"] = json!("-3"));
        server.with(|world| world.wallet["totalInitialMargin"] = json!("0"));
    })
    .await;
    assert!(
        error.kind() == ErrorKind::NotSupported && error.message().contains("is negative: -3"),
        "{error}"
    );
    // Options or dated contracts that are settled in USDT: 150 are listed, 200 are in use.
    let error = refusal(|server| {
        server.with(|world| {
            world.held = vec![("SOLUSDT", 0, "10", "150")];
            world.wallet = wallet(&usdt("1000", "200", "0", "0"));
        });
    })
    .await;
    assert!(error.message().contains("margin of 200, and those in the list one of 150"), "{error}");
    // A list that moved while it was read.
    let error = refusal(|server| {
        server.with(|world| {
            world.held = vec![("SOLUSDT", 0, "10", "150"); 2];
            world.wallet = wallet(&usdt("1000", "150", "0", "0"));
        });
    })
    .await;
    assert!(error.message().contains("in the list of positions twice"), "{error}");
    let error = refusal(|server| {
        server.with(|world| world.wallet["totalAvailableBalance"] = json!("1200"));
    })
    .await;
    assert!(error.message().contains("more than the balance"), "{error}");
    let error = refusal(|server| {
        server.with(|world| world.wallet["totalMarginBalance"] = json!(""));
    })
    .await;
    assert!(error.message().contains("totalMarginBalance"), "{error}");
    // A profit that size and prices do not make: another unit.
    let error = refusal(|server| {
        let row = json!({"symbol": "SOLUSDT", "positionIdx": 0, "side": "Buy", "size": "10", "avgPrice": "140",
            "markPrice": "150", "leverage": "10", "positionIM": "150", "unrealisedPnl": "1"});
        let list = json!({"retCode": 0, "result": {"list": [row], "nextPageCursor": ""}});
        server.special("/v5/position/list", answer(&list));
        let flat = json!({"symbol": "BTCUSDT", "positionIdx": 0, "side": "", "size": "0", "leverage": "10"});
        let list = json!({"retCode": 0, "result": {"list": [flat], "nextPageCursor": ""}});
        server.special("/v5/position/list BTCUSDT", answer(&list));
        server.with(|world| world.wallet = wallet(&usdt("1000", "150", "0", "1")));
    })
    .await;
    assert!(error.message().contains("a profit of 1 is not what 10 from 140 to 150 makes"), "{error}");
    let error = refusal(|server| {
        server.special("/v5/market/tickers BTCUSDT", answer(&json!({"retCode": 0, "result": {"list": []}})));
    })
    .await;
    assert!(error.message().contains("BTCUSDT: the venue named no prices"), "{error}");
}

#[tokio::test]
async fn what_a_tier_change_left_reduce_only_is_shown_so() {
    let server = Server::start();
    let row = json!({"symbol": "SOLUSDT", "positionIdx": 0, "side": "Buy", "size": "10", "avgPrice": "150",
        "markPrice": "150", "leverage": "10", "positionIM": "150", "unrealisedPnl": "0", "isReduceOnly": true});
    server.special(
        "/v5/position/list",
        answer(&json!({"retCode": 0, "result": {"list": [row], "nextPageCursor": ""}})),
    );
    server.with(|world| world.wallet = wallet(&usdt("1000", "150", "0", "0")));
    let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
    assert_eq!(snapshot.instruments[&symbol("SOLUSDT")].status, TradingStatus::ReduceOnly);
    // And what the venue is liquidating or deleveraging.
    for (status, meaning) in [
        ("Normal", TradingStatus::Trading),
        ("", TradingStatus::Trading),
        ("Liq", TradingStatus::ReduceOnly),
        ("Adl", TradingStatus::ReduceOnly),
        ("New", TradingStatus::ReduceOnly),
    ] {
        let row = json!({"symbol": "SOLUSDT", "positionIdx": 0, "side": "Buy", "size": "10", "avgPrice": "150",
            "markPrice": "150", "leverage": "10", "positionIM": "150", "unrealisedPnl": "0", "positionStatus": status});
        let list = json!({"retCode": 0, "result": {"list": [row], "nextPageCursor": ""}});
        server.special("/v5/position/list", answer(&list));
        let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
        assert_eq!(snapshot.instruments[&symbol("SOLUSDT")].status, meaning, "{status}");
    }
}

/// A venue that gives less than it was asked for must not cut a list short, whatever the documentation says it gives.
#[tokio::test]
async fn short_pages_are_not_the_last_while_there_is_a_cursor() {
    let page = |rows: &[Value], cursor: &str| {
        answer(&json!({"retCode": 0, "result": {"list": rows, "nextPageCursor": cursor}}))
    };
    // Twenty where fifty were asked for, which is what it gives where nothing is asked for.
    let server = Server::start();
    let rows: Vec<Value> = (0..25).map(|n| order(n, "BTCUSDT", "Buy", "1", "0", "New")).collect();
    server.special("/v5/order/realtime", page(&rows[..20], "c2"));
    server.special("/v5/order/realtime @c2", page(&rows[20..], "c3"));
    // The venue prints a cursor behind the last page too.
    server.special("/v5/order/realtime @c3", page(&[], ""));
    let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
    assert_eq!(snapshot.open_orders.len(), 25);
    // Three, then two, then the last page once more, by the same cursor.
    server.special("/v5/order/realtime", page(&rows[..3], "c2"));
    server.special("/v5/order/realtime @c2", page(&rows[3..5], "c3"));
    server.special("/v5/order/realtime @c3", page(&rows[3..5], "c3"));
    let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
    assert_eq!(snapshot.open_orders.len(), 5);
    // Instruments: one on each page.
    let server = Server::start();
    let one = |of: &str| crate::server::instrument(of, "0.01", "0.1", "USDT");
    server.special("/v5/market/instruments-info", page(&[one("BTCUSDT")], "c2"));
    server.special("/v5/market/instruments-info @c2", page(&[one("SOLUSDT")], ""));
    let instruments = server.venue().instruments().await.unwrap();
    assert_eq!(instruments.len(), 2);
    // Positions.
    let server = Server::start();
    server.with(|world| world.many = true);
    let row = |of: String| {
        json!({"symbol": of, "positionIdx": 0, "side": "Buy", "size": "1", "avgPrice": "150", "markPrice": "150",
            "leverage": "10", "positionIM": "15", "unrealisedPnl": "0"})
    };
    let rows: Vec<Value> = crate::server::many().take(21).map(row).collect();
    server.special("/v5/position/list", page(&rows[..20], "c2"));
    server.special("/v5/position/list @c2", page(&rows[20..], ""));
    server.with(|world| world.wallet = wallet(&usdt("1000", "315", "0", "0")));
    let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
    assert_eq!(snapshot.positions.len(), 21);
}

/// Recorded: an order in one list as it was and as it ended.
#[tokio::test]
async fn orders_that_are_listed_twice_count_once() {
    let server = Server::start();
    server.with(|world| {
        world.orders = vec![
            order(1, "BTCUSDT", "Buy", "1", "0", "New"),
            order(1, "BTCUSDT", "Buy", "1", "0", "Cancelled"),
            order(2, "BTCUSDT", "Buy", "1", "0", "New"),
            order(2, "BTCUSDT", "Buy", "1", "0.4", "PartiallyFilled"),
        ];
    });
    let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
    let open: Vec<_> = snapshot.open_orders.iter().map(|order| (order.id, order.remaining)).collect();
    assert_eq!(open, [(Some(id(2)), Some("0.6".parse().unwrap()))], "whatever `leavesQty` says");
}

/// The time that a snapshot, a look at the leverages, or a phase of orders takes does not grow with the symbols.
#[tokio::test]
async fn rounds_do_not_grow_with_the_symbols() {
    let mut counts = Vec::new();
    for symbols in [2, 50] {
        let server = Server::start();
        server.with(|world| world.many = true);
        let venue = server.venue();
        let wanted: Vec<_> = crate::server::many().take(symbols).map(|of| symbol(&of)).collect();
        let mut rounds = Vec::new();
        for _ in 0..2 {
            venue.snapshot(&Scope::of(wanted.clone())).await.unwrap();
            rounds.push(server.rounds());
        }
        assert!(venue.leverages(&wanted).await.iter().all(Result::is_ok));
        rounds.push(server.rounds());
        let orders: Vec<_> = wanted
            .iter()
            .zip(0u8..)
            .map(|(of, number)| unproven(intent(number, of.as_str(), Side::Buy, "1", "150")))
            .collect();
        server.asked();
        assert!(venue.place(&orders).await.iter().all(Result::is_ok));
        rounds.push(server.rounds());
        assert_eq!(server.written().len(), symbols.div_ceil(10));
        let leverage = evenkeel_types::Leverage::new(3).unwrap();
        let set = wanted.iter().map(|of| venue.set_leverage(of, leverage));
        assert!(futures_util::future::join_all(set).await.iter().all(Result::is_ok));
        rounds.push(server.rounds());
        counts.push(rounds);
    }
    assert_eq!(counts[0], counts[1]);
    assert_eq!(counts[0][1..], [1, 1, 1, 1], "after the first snapshot");
}

/// The same cases through real sockets and the connector's own transport.
#[tokio::test]
async fn conformance_over_http() {
    let server = Server::start();
    server.with(|world| {
        world.held.push(("SOLUSDT", 0, "2", "140"));
        world.wallet = wallet(&usdt("1000", "30", "0", "20"));
    });
    let mock = wiremock::MockServer::start().await;
    let any = wiremock::Mock::given(wiremock::matchers::any());
    any.respond_with(crate::server::OverHttp(server.clone())).mount(&mock).await;
    let venue = evenkeel_bybit::Bybit::builder()
        .environment(evenkeel_bybit::Environment::Testnet)
        .credentials(crate::server::credentials())
        .base_url(mock.uri())
        .clock(server.clock.clone())
        .build()
        .unwrap();
    let setup = Setup::new([symbol("BTCUSDT"), symbol("SOLUSDT")]);
    let report = evenkeel_conformance::observe(&venue, &*server.clock, &setup).await;
    assert!(report.is_success(), "{report}");
    let order = unproven(intent(1, "SOLUSDT", Side::Buy, "1", "150"));
    venue.place(&[order]).await.remove(0).unwrap();
    assert_eq!(server.written().len(), 1);
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let server = Server::start();
    let venue = server.venue();
    let instruments = venue.instruments().await.unwrap();
    assert_eq!(instruments.len(), 6, "six perpetuals, without the one that is settled in USDC");
    let asked = paths(&server);
    assert_eq!(asked.iter().filter(|path| path.ends_with("risk-limit")).count(), 3, "{asked:?}");
    venue.instruments().await.unwrap();
    assert_eq!(paths(&server), Vec::<String>::new(), "remembered");
    let error = venue.snapshot(&scope(&["BTCPERP"])).await.unwrap_err();
    assert!(
        error.kind() == ErrorKind::NotSupported && error.message().contains("settled in `USDC`"),
        "{error}"
    );

    // A list that names the same next part for ever.
    let rows: Vec<Value> = (0..50).map(|n| order(n, "BTCUSDT", "Buy", "1", "0", "New")).collect();
    let endless = json!({"retCode": 0, "result": {"list": rows, "nextPageCursor": "a%3A1"}});
    server.special("/v5/order/realtime", answer(&endless));
    server.asked();
    let error = venue.snapshot(&Scope::default()).await.unwrap_err();
    assert!(error.message().contains("does not go on"), "{error}");
    let cursors: Vec<String> = server
        .asked()
        .into_iter()
        .filter(|asked| asked.path.ends_with("realtime"))
        .map(|asked| asked.raw_query)
        .collect();
    assert_eq!(cursors.len(), 2);
    assert!(cursors[1].ends_with("&cursor=a%3A1"), "sent as it came: {}", cursors[1]);
}

#[tokio::test]
async fn leverages_take_one_request_for_each_flat_symbol_and_two_for_the_rest() {
    let server = Server::start();
    server.with(|world| {
        world.held = vec![("SOLUSDT", 0, "1", "150"), ("BTCUSDT", 0, "1", "60000")];
        world.leverage.insert("ETHUSDT", ("7.5", "7.5"));
        world.wallet = wallet(&usdt("1000", "6015", "0", "0"));
    });
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    let symbols = ["ETHUSDT", "SOLUSDT", "BTCUSDT", "DOGEUSDT"].map(symbol);
    let settings = venue.leverages(&symbols).await;
    assert_eq!(
        paths(&server),
        ["/v5/account/info", "/v5/position/list", "/v5/position/list", "/v5/position/list"]
    );
    let settings: Vec<_> = settings.into_iter().map(Result::unwrap).collect();
    assert!(settings.iter().zip(&symbols).all(|(setting, symbol)| setting.symbol == *symbol));
    assert!(settings[0].is("7.5".parse().unwrap()) && settings[0].mode == MarginMode::Cross);
    // Closed by somebody in between.
    server.with(|world| world.held.clear());
    let settings = venue.leverages(&symbols[..2]).await;
    assert!(settings.iter().all(Result::is_ok));
    // One alone.
    server.asked();
    venue.leverages(&symbols[..1]).await.remove(0).unwrap();
    assert_eq!(paths(&server), ["/v5/account/info", "/v5/position/list"]);
}

#[tokio::test]
async fn hedged_legs_have_their_own_leverage() {
    let server = Server::start();
    server.with(|world| {
        world.hedge = true;
        world.margin_mode = "ISOLATED_MARGIN";
        world.held = vec![("SOLUSDT", 2, "-4", "150")];
        world.leverage.insert("SOLUSDT", ("3", "5"));
        world.wallet = wallet(&usdt("1000", "120", "0", "0"));
    });
    let venue = server.venue();
    let snapshot = venue.snapshot(&scope(&["BTCUSDT"])).await.unwrap();
    assert_eq!(snapshot.position_mode, PositionMode::Hedge);
    let position = &snapshot.positions[0];
    assert_eq!(
        (position.side, position.qty.get(), position.leverage.get()),
        (PositionSide::Short, d("-4"), d("5"))
    );
    assert_eq!(snapshot.settings[&symbol("SOLUSDT")].long.get(), d("3"));
    server.asked();
    let close = OrderIntent {
        position_side: PositionSide::Short,
        reduce_only: true,
        ..intent(1, "SOLUSDT", Side::Buy, "4", "160")
    };
    venue.place(&[unproven(close)]).await.remove(0).unwrap();
    let body = server.written().remove(0).body;
    assert_eq!(
        (&body["positionIdx"], &body["reduceOnly"], &body["side"]),
        (&json!(2), &json!(true), &json!("Buy"))
    );
}

fn execution(number: u32, of: &str, kind: &str, time: u64) -> Value {
    json!({"symbol": of, "execId": format!("e{number}"), "execType": kind, "execQty": "1", "execPrice": "150",
        "execValue": "150", "execFee": "0.08", "feeRate": "0.00055", "feeCurrency": "", "side": "Buy",
        "orderId": "x", "orderLinkId": id(1).to_string(), "execTime": time.to_string()})
}

#[tokio::test]
async fn the_past_is_read_in_windows_and_pages() {
    let server = Server::start();
    let venue = server.venue();
    let now = venue.server_time().await.unwrap();
    let rows = json!([
        execution(3, "SOLUSDT", "Trade", now.0 - 10),
        execution(2, "SOLUSDT", "Funding", now.0 - 20),
        execution(4, "BTCUSDT", "Trade", now.0 - 25),
        execution(1, "SOLUSDT", "BustTrade", now.0 - 30),
    ]);
    server.special(
        "/v5/execution/list",
        answer(&json!({"retCode": 0, "result": {"list": rows, "nextPageCursor": "c"}})),
    );
    server.asked();
    let since = Timestamp(now.0 - 20 * 24 * 3600 * 1000);
    let fills = venue.fills(&[symbol("SOLUSDT")], since).await.unwrap();
    let ids: Vec<&str> = fills.iter().map(|fill| fill.trade_id.as_str()).collect();
    assert_eq!(ids, ["e1", "e3"], "oldest first, once each, without funding and other symbols");
    assert_eq!(fills[0].order, Some(id(1)));
    let asked = server.asked();
    assert_eq!(asked.len(), 6, "twenty days are three windows, each with a cursor behind its only page");
    for asked in &asked {
        let time = |name: &str| asked.query[name].parse::<u64>().unwrap();
        assert!(time("endTime") - time("startTime") <= 7 * 24 * 3600 * 1000);
    }
    assert!(venue.fills(&[symbol("SOLUSDT")], now.after(Duration::from_secs(60))).await.unwrap().is_empty());
    // A fee in another coin is told by its rate.
    let mut row = execution(1, "SOLUSDT", "Trade", now.0);
    row["feeCurrency"] = json!("MNT");
    server.special("/v5/execution/list", answer(&json!({"retCode": 0, "result": {"list": [row]}})));
    let fills = venue.fills(&[symbol("SOLUSDT"), symbol("BTCUSDT")], now).await.unwrap();
    assert_eq!(fills[0].fee.get(), d("0.0825"));
    // A part that fails is an error, not a hole.
    server.special("/v5/execution/list", refused(10016, "internal"));
    let error = venue.fills(&[symbol("SOLUSDT")], since).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Maintenance, Effect::NotApplied));

    let rates: Vec<Value> = (0..3)
        .map(|n| json!({"symbol": "SOLUSDT", "fundingRate": "0.0001", "fundingRateTimestamp": (now.0 - n).to_string()}))
        .collect();
    server.special("/v5/market/funding/history", answer(&json!({"retCode": 0, "result": {"list": rates}})));
    let rates = venue.reader().funding_history(&symbol("SOLUSDT"), Timestamp(now.0 - 1)).await.unwrap();
    assert_eq!(rates.len(), 2);
    assert!(rates[0].time < rates[1].time);
    let row = json!({"id": "a", "symbol": "SOLUSDT", "side": "Sell", "type": "SETTLEMENT", "funding": "0.5",
        "size": "-10", "feeRate": "0.0001", "transactionTime": now.0.to_string(), "currency": "USDT"});
    server.special("/v5/account/transaction-log", answer(&json!({"retCode": 0, "result": {"list": [row]}})));
    let payments = venue.reader().funding_payments(now).await.unwrap();
    assert_eq!((payments[0].amount.get(), payments[0].qty.unwrap().get()), (d("0.5"), d("-10")));
    let quotes = venue.reader().quotes(&["SOLUSDT", "BTCPERP"].map(symbol)).await;
    assert_eq!(quotes[0].as_ref().unwrap().mark.get(), d("150"));
    assert_eq!(quotes[1].as_ref().unwrap_err().kind(), ErrorKind::NotSupported);
}

#[tokio::test]
async fn fee_rates_can_be_given_where_the_venue_has_none() {
    let server = Server::start();
    server.special("/v5/account/fee-rate", refused(10005, "permission denied"));
    let error = server.venue().snapshot(&scope(&["SOLUSDT"])).await.unwrap_err();
    assert!(error.message().contains("Builder::fees"), "{error}");
    let fees = FeeRates { maker: "0.0002".parse().unwrap(), taker: "0.00055".parse().unwrap() };
    let venue = server.builder().fees(fees).build().unwrap();
    let snapshot = venue.snapshot(&scope(&["SOLUSDT"])).await.unwrap();
    assert_eq!(snapshot.fees[&symbol("SOLUSDT")], fees);
}

#[tokio::test]
async fn diagnosis() {
    let server = Server::start();
    let reader = server.venue().reader();
    let find = |found: &[evenkeel_exchange::Diagnosis], topic| {
        found.iter().find(|diagnosis| diagnosis.topic == topic).unwrap().clone()
    };
    let found = reader.diagnose().await;
    assert_eq!(find(&found, Topic::AccountMode).severity, Severity::Fine);
    assert_eq!(find(&found, Topic::RateBudget).severity, Severity::Fine);
    assert_eq!(find(&found, Topic::VenueStatus).severity, Severity::Fine);
    server.with(|world| world.margin_mode = "PORTFOLIO_MARGIN");
    assert_eq!(find(&reader.diagnose().await, Topic::AccountMode).severity, Severity::Problem);
    server.special("/v5/account/info", refused(10003, "API key is invalid"));
    let key = find(&reader.diagnose().await, Topic::Key);
    assert!(key.severity == Severity::Problem && key.remedy.is_some());
}
