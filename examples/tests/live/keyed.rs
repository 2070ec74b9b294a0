//! The examples at Binance, Bybit and BingX: the same account at each, behind a port of this machine.

use std::process::Command;
use std::sync::{Arc, Mutex};

use evenkeel_exchange::{Clock as _, SystemClock};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::support::{Ran, scratch};
use crate::{bare, strs};

/// Neither may be in any output.
const KEY: &str = "canary0key0of0the0examples";
const SECRET: &str = "canary0secret0of0the0examples";

/// A venue: its name, its environment for trials, its variables, its names for the two coins, and its answers.
struct Venue {
    name: &'static str,
    environment: &'static str,
    variables: [&'static str; 2],
    symbols: [&'static str; 2],
    answer: fn(&str, Option<&str>) -> Option<Value>,
}

const VENUES: [Venue; 3] = [
    Venue {
        name: "binance",
        environment: "demo",
        variables: ["BINANCE_API_KEY", "BINANCE_API_SECRET"],
        symbols: ["BTCUSDT", "SOLUSDT"],
        answer: binance,
    },
    Venue {
        name: "bybit",
        environment: "testnet",
        variables: ["BYBIT_API_KEY", "BYBIT_API_SECRET"],
        symbols: ["BTCUSDT", "SOLUSDT"],
        answer: bybit,
    },
    Venue {
        name: "bingx",
        environment: "demo",
        variables: ["BINGX_API_KEY", "BINGX_API_SECRET"],
        symbols: ["BTC-USDT", "SOL-USDT"],
        answer: bingx,
    },
];

/// Symbol, size, mark, leverage: both long, without profit or loss.
fn held(symbol: &str) -> (&'static str, &'static str, &'static str) {
    if symbol.starts_with("BTC") { ("0.01", "60000", "10") } else { ("2", "150", "5") }
}

fn now() -> u64 {
    SystemClock::new().now().0
}

// -- answers -----------------------------------------------------------------------------------------------------------

fn binance(path: &str, symbol: Option<&str>) -> Option<Value> {
    let both = ["BTCUSDT", "SOLUSDT"];
    let of = |row: &dyn Fn(&str) -> Value| match symbol {
        Some(symbol) => row(symbol),
        None => both.iter().map(|symbol| row(symbol)).collect(),
    };
    let rows = |row: &dyn Fn(&str) -> Value| -> Value {
        both.iter()
            .filter(|known| symbol.is_none_or(|symbol| symbol == **known))
            .map(|symbol| row(symbol))
            .collect()
    };
    Some(match path {
        "/fapi/v1/time" => json!({"serverTime": now()}),
        "/fapi/v1/exchangeInfo" => {
            let filters = |symbol: &str| {
                let (tick, step) = if symbol == "BTCUSDT" { ("0.10", "0.0001") } else { ("0.0100", "0.01") };
                json!([
                    {"filterType": "PRICE_FILTER", "tickSize": tick, "minPrice": tick, "maxPrice": "4529764"},
                    {"filterType": "LOT_SIZE", "stepSize": step, "maxQty": "10000", "minQty": step},
                    {"filterType": "MARKET_LOT_SIZE", "minQty": step, "stepSize": step, "maxQty": "1000"},
                    {"filterType": "MIN_NOTIONAL", "notional": "5"},
                    {"filterType": "PERCENT_PRICE", "multiplierUp": "1.05", "multiplierDown": "0.95", "multiplierDecimal": "4"},
                ])
            };
            let row = |symbol: &str| {
                json!({"symbol": symbol, "contractType": "PERPETUAL", "status": "TRADING", "quoteAsset": "USDT",
                    "marginAsset": "USDT", "liquidationFee": "0.0125", "filters": filters(symbol)})
            };
            json!({"serverTime": now(), "symbols": both.map(row)})
        }
        "/fapi/v1/leverageBracket" => rows(&|symbol| {
            json!({"symbol": symbol, "brackets": [{"bracket": 1, "initialLeverage": 100, "notionalCap": 10_000_000,
                "notionalFloor": 0, "maintMarginRatio": 0.005, "cum": 0.0}]})
        }),
        "/fapi/v1/fundingInfo"
        | "/fapi/v1/openOrders"
        | "/fapi/v1/openAlgoOrders"
        | "/fapi/v1/userTrades" => json!([]),
        "/fapi/v1/premiumIndex" => of(&|symbol| {
            json!({"symbol": symbol, "markPrice": held(symbol).1, "indexPrice": held(symbol).1,
                "lastFundingRate": "0.0001", "nextFundingTime": now() + 3_600_000, "time": now()})
        }),
        "/fapi/v1/ticker/bookTicker" => of(&|symbol| {
            json!({"symbol": symbol, "bidPrice": held(symbol).1, "bidQty": "1", "askPrice": held(symbol).1, "askQty": "1",
                "time": now()})
        }),
        "/fapi/v3/account" => json!({
            "totalWalletBalance": "1000",
            "assets": [{"asset": "USDT", "walletBalance": "1000", "unrealizedProfit": "0", "marginBalance": "1000",
                "maintMargin": "4.5", "initialMargin": "120", "positionInitialMargin": "120",
                "openOrderInitialMargin": "0", "crossWalletBalance": "1000", "crossUnPnl": "0",
                "availableBalance": "880", "maxWithdrawAmount": "880", "updateTime": now()}],
            "positions": both.map(|symbol| json!({"symbol": symbol, "positionSide": "BOTH", "positionAmt": held(symbol).0})),
        }),
        "/fapi/v3/balance" => json!([{"accountAlias": "SgsRoCmYTiXq", "asset": "USDT", "balance": "1000"}]),
        "/fapi/v3/positionRisk" => rows(&|symbol| {
            let (size, mark, leverage) = held(symbol);
            let value = if leverage == "10" { ("600", "60") } else { ("300", "60") };
            json!({"symbol": symbol, "positionSide": "BOTH", "positionAmt": size, "entryPrice": mark,
                "breakEvenPrice": mark, "markPrice": mark, "unRealizedProfit": "0", "liquidationPrice": "0",
                "isolatedMargin": "0", "notional": value.0, "marginAsset": "USDT", "isolatedWallet": "0",
                "initialMargin": value.1, "maintMargin": "2", "positionInitialMargin": value.1,
                "openOrderInitialMargin": "0", "adl": 1, "bidNotional": "0", "askNotional": "0", "updateTime": now()})
        }),
        "/fapi/v1/symbolConfig" => rows(&|symbol| {
            let leverage: u32 = held(symbol).2.parse().expect("a number");
            json!({"symbol": symbol, "marginType": "CROSSED", "isAutoAddMargin": false, "leverage": leverage,
                "maxNotionalValue": "1000000"})
        }),
        "/fapi/v1/accountConfig" => {
            json!({"feeTier": 0, "canTrade": true, "canDeposit": true, "canWithdraw": false,
            "dualSidePosition": false, "updateTime": 0, "multiAssetsMargin": false, "tradeGroupId": -1})
        }
        "/fapi/v1/commissionRate" => json!({"symbol": symbol?, "makerCommissionRate": "0.0002",
            "takerCommissionRate": "0.0005", "rpiCommissionRate": "0.00005"}),
        _ => return None,
    })
}

fn bybit(path: &str, symbol: Option<&str>) -> Option<Value> {
    let rows = |row: &dyn Fn(&str) -> Value| -> Value {
        let named = |known: &&str| symbol.is_none_or(|symbol| symbol == *known);
        let rows: Vec<Value> = ["BTCUSDT", "SOLUSDT"].into_iter().filter(named).map(row).collect();
        json!({"category": "linear", "list": rows, "nextPageCursor": ""})
    };
    let result = match path {
        "/v5/market/time" => {
            json!({"timeSecond": (now() / 1000).to_string(), "timeNano": format!("{}000000", now())})
        }
        "/v5/market/instruments-info" => rows(&|symbol| {
            let (tick, lot) = if symbol == "BTCUSDT" { ("0.10", "0.0001") } else { ("0.010", "0.1") };
            json!({"symbol": symbol, "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "X",
                "quoteCoin": "USDT", "settleCoin": "USDT", "fundingInterval": 480, "isPreListing": false,
                "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
                "priceFilter": {"minPrice": tick, "maxPrice": "1999999.80", "tickSize": tick},
                "lotSizeFilter": {"maxOrderQty": "1190", "minOrderQty": lot, "qtyStep": lot,
                    "maxMktOrderQty": "500", "minNotionalValue": "5"}})
        }),
        "/v5/market/risk-limit" => rows(&|symbol| {
            json!({"id": 1, "symbol": symbol, "riskLimitValue": "2000000", "maintenanceMargin": "0.005",
                "initialMargin": "0.01", "isLowestRisk": 1, "maxLeverage": "100.00", "mmDeduction": ""})
        }),
        "/v5/market/tickers" => rows(&|symbol| {
            let mark = held(symbol).1;
            json!({"symbol": symbol, "markPrice": mark, "indexPrice": mark, "bid1Price": mark, "ask1Price": mark,
                "fundingRate": "0.0001", "nextFundingTime": (now() + 3_600_000).to_string(), "fundingIntervalHour": "8"})
        }),
        "/v5/account/info" => json!({"unifiedMarginStatus": 5, "marginMode": "REGULAR_MARGIN"}),
        "/v5/account/wallet-balance" => json!({"list": [{"accountType": "UNIFIED", "totalEquity": "1000",
            "totalWalletBalance": "1000", "totalMarginBalance": "1000", "totalAvailableBalance": "880",
            "totalPerpUPL": "0", "totalInitialMargin": "120", "totalMaintenanceMargin": "4.5",
            "coin": [{"coin": "USDT", "equity": "1000", "walletBalance": "1000", "locked": "0", "bonus": "0",
                "borrowAmount": "0", "unrealisedPnl": "0", "totalOrderIM": "0", "totalPositionIM": "120",
                "totalPositionMM": "4.5", "usdValue": "1000"}]}]}),
        "/v5/account/fee-rate" => {
            rows(&|symbol| json!({"symbol": symbol, "takerFeeRate": "0.00055", "makerFeeRate": "0.0002"}))
        }
        "/v5/position/list" => rows(&|symbol| {
            let (size, mark, leverage) = held(symbol);
            json!({"symbol": symbol, "positionIdx": 0, "side": "Buy", "size": size, "avgPrice": mark,
                "markPrice": mark, "leverage": leverage, "liqPrice": "", "positionIM": "60", "positionMM": "2",
                "unrealisedPnl": "0", "isReduceOnly": false, "positionStatus": "Normal", "tradeMode": 0, "seq": 1})
        }),
        "/v5/order/realtime" | "/v5/order/history" | "/v5/execution/list" => {
            json!({"category": "linear", "list": [], "nextPageCursor": ""})
        }
        _ => return None,
    };
    Some(json!({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now()}))
}

fn bingx(path: &str, symbol: Option<&str>) -> Option<Value> {
    let both = ["BTC-USDT", "SOL-USDT"];
    let of = |row: &dyn Fn(&str) -> Value| match symbol {
        Some(symbol) => row(symbol),
        None => both.iter().map(|symbol| row(symbol)).collect(),
    };
    let data = match path.rsplit_once("/openApi/").map_or(path, |(_, rest)| rest) {
        "swap/v2/server/time" => json!({"serverTime": now()}),
        "swap/v2/quote/contracts" => both
            .map(|symbol| {
                let (size, price, least) = if symbol == "BTC-USDT" { (4, 1, 0.0001) } else { (2, 3, 0.01) };
                json!({"contractId": "1", "symbol": symbol, "size": "1", "quantityPrecision": size,
                    "pricePrecision": price, "feeRate": 0.0005, "makerFeeRate": 0.0002, "takerFeeRate": 0.0005,
                    "tradeMinLimit": 0, "tradeMinQuantity": least, "tradeMinUSDT": 2, "currency": "VST", "asset": "X",
                    "status": 1, "apiStateOpen": "true", "apiStateClose": "true", "ensureTrigger": true,
                    "launchTime": 1_760_000_000_000_u64, "maintainTime": 0, "offTime": 0, "displayName": symbol})
            })
            .into_iter()
            .collect(),
        "swap/v2/quote/premiumIndex" => of(&|symbol| {
            json!({"symbol": symbol, "markPrice": held(symbol).1, "indexPrice": held(symbol).1,
                "lastFundingRate": "0.0001", "nextFundingTime": now() + 3_600_000, "fundingIntervalHours": 8,
                "updateTime": now()})
        }),
        "swap/v2/quote/ticker" => of(&|symbol| {
            let mark = held(symbol).1;
            json!({"symbol": symbol, "lastPrice": mark, "askPrice": mark, "bidPrice": mark})
        }),
        "swap/v3/user/balance" => json!([{"userId": "116295", "asset": "VST", "balance": "1000.0000",
            "equity": "1000.0000", "unrealizedProfit": "0.0000", "realizedProfit": "0", "availableMargin": "880.0000",
            "usedMargin": "120.0000", "frozenMargin": "0.0000", "shortUid": "12"}]),
        "swap/v2/user/positions" => both
            .iter()
            .filter(|known| symbol.is_none_or(|symbol| symbol == **known))
            .map(|symbol| {
                let (size, mark, leverage) = held(symbol);
                let leverage: u32 = leverage.parse().expect("a number");
                json!({"positionId": "1", "symbol": symbol, "currency": "VST", "positionAmt": size,
                    "availableAmt": size, "positionSide": "LONG", "isolated": false, "avgPrice": mark,
                    "initialMargin": "60", "leverage": leverage, "unrealizedProfit": "0", "realisedProfit": "0",
                    "liquidationPrice": 0, "markPrice": mark, "onlyOnePosition": true, "updateTime": now()})
            })
            .collect(),
        "swap/v2/trade/openOrders" => json!({"orders": []}),
        "swap/v1/positionSide/dual" => json!({"dualSidePosition": false}),
        "swap/v1/trade/assetMode" => json!({"assetMode": "singleAssetMode"}),
        "swap/v2/user/commissionRate" => {
            json!({"commission": {"takerCommissionRate": 0.0005, "makerCommissionRate": 0.0002}})
        }
        "swap/v1/maintMarginRatio" => json!([{"tier": "Tier 1", "symbol": symbol?, "minPositionVal": "0",
            "maxPositionVal": "900000", "maintMarginRatio": "0.005", "maintAmount": "0.000000"}]),
        "swap/v2/trade/leverage" => {
            let leverage: u32 = held(symbol?).2.parse().expect("a number");
            json!({"symbol": symbol, "longLeverage": leverage, "shortLeverage": leverage, "maxLongLeverage": 125,
                "maxShortLeverage": 125, "availableLongVol": 20.5, "availableShortVol": 20.5})
        }
        "swap/v2/trade/marginType" => json!({"marginType": "CROSSED", "symbol": symbol}),
        "swap/v2/trade/fillHistory" => json!({"fill_history_orders": [], "total": 0}),
        "v1/account/apiRestrictions" => {
            return Some(json!({"ipRestrict": true, "enableReading": true, "enableFutures": true,
                "enableSpotAndMarginTrading": false, "permitsUniversalTransfer": false}));
        }
        _ => return None,
    };
    Some(json!({"code": 0, "msg": "", "data": data}))
}

// -- the server --------------------------------------------------------------------------------------------------------

/// Answers by path and symbol, and keeps what was written.
#[derive(Clone)]
struct Script {
    answer: fn(&str, Option<&str>) -> Option<Value>,
    written: Arc<Mutex<Vec<String>>>,
}

impl Respond for Script {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        if request.method.as_str() != "GET" {
            self.written.lock().unwrap().push(request.url.path().to_owned());
            return ResponseTemplate::new(503);
        }
        let symbol = request.url.query_pairs().find(|(name, _)| name == "symbol");
        let symbol = symbol.map(|(_, symbol)| symbol.into_owned());
        match (self.answer)(request.url.path(), symbol.as_deref()) {
            Some(body) => ResponseTemplate::new(200).set_body_raw(body.to_string(), "application/json"),
            None => {
                ResponseTemplate::new(404).set_body_string(format!("nothing is scripted for {}", request.url))
            }
        }
    }
}

struct Running {
    venue: &'static Venue,
    server: MockServer,
    written: Arc<Mutex<Vec<String>>>,
}

impl Running {
    async fn start(venue: &'static Venue) -> Self {
        let server = MockServer::start().await;
        let script = Script { answer: venue.answer, written: Arc::default() };
        let written = Arc::clone(&script.written);
        Mock::given(any()).respond_with(script).mount(&server).await;
        Self { venue, server, written }
    }

    fn run(&self, program: &str, more: &[&str]) -> Ran {
        let Venue { name, environment, .. } = self.venue;
        let site = ["--venue", name, "--environment", environment, "--base-url", &self.server.uri()]
            .map(str::to_owned);
        let words: Vec<String> = site.into_iter().chain(more.iter().map(|word| (*word).to_owned())).collect();
        run(&mut with_keys(self.venue, &mut bare(program, &strs(&words))))
    }
}

fn with_keys(venue: &Venue, command: &mut Command) -> Command {
    let mut new = Command::new(command.get_program());
    new.args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        new.current_dir(folder);
    }
    for (name, _) in command.get_envs() {
        new.env_remove(name);
    }
    new.env(venue.variables[0], KEY).env(venue.variables[1], SECRET);
    new
}

/// Runs it and looks for the keys, whatever it printed.
fn run(command: &mut Command) -> Ran {
    let ran = Ran::of(command);
    for text in [&ran.out, &ran.err] {
        assert!(!text.contains("canary"), "a key is in the output: {text}");
    }
    ran
}

#[test]
fn without_keys_one_line_names_the_variables() {
    for Venue { name, environment, variables, .. } in &VENUES {
        for program in ["account", "leverage_audit", "doctor", "rebalance"] {
            let mut words = vec!["--venue", name, "--environment", environment];
            if program == "rebalance" {
                words.extend(["--target", "X=100"]);
            }
            run(&mut bare(program, &words)).refused(2, &[variables[0], variables[1], ".env.example"]);
        }
        let prod = ["--venue", name, "--environment", "prod"];
        run(&mut bare("account", &prod)).refused(2, &["--environment", "`prod`", name, environment]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_reads_every_venue() {
    for venue in &VENUES {
        let running = Running::start(venue).await;
        let [btc, sol] = venue.symbols;

        let ran = running.run("account", &[]);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}: {}", venue.name, ran.out);
        ran.fits_the_terminal();
        let title = format!("account of {} on {} {}", venue.variables[0], venue.name, venue.environment);
        for part in [title.as_str(), "account value 1000.00", "gross 900.00 (0.90x)", btc, sol] {
            assert!(ran.out.contains(part), "{}: `{part}` is not in {}", venue.name, ran.out);
        }
        let document = running.run("account", &["--json"]).json();
        assert_eq!(document["account_value"], "1000", "{document}");
        assert_eq!(document["positions"].as_array().map(Vec::len), Some(2), "{document}");

        let expect = format!("{btc}=10,{sol}=5");
        let ran = running.run("leverage_audit", &["--expect", &expect, "--mode", "cross"]);
        assert_eq!(ran.status, 0, "{}: {ran:?}", venue.name);
        assert!(ran.out.contains("all 2 as expected"), "{}", ran.out);
        let ran = running.run("leverage_audit", &["--expect", "3"]);
        assert_eq!((ran.status, ran.out.matches("MISMATCH").count()), (1, 2), "{}", ran.out);

        let ran = running.run("doctor", &[]);
        assert!([0, 1].contains(&ran.status), "{}: {ran:?}", venue.name);
        ran.fits_the_terminal();
        assert!(ran.out.contains("clock"), "{}", ran.out);
        assert_eq!(running.run("doctor", &["--json"]).json()["can_trade"], true);

        let target = format!("{sol}=50,{btc}=50");
        let plan = ["--target", target.as_str(), "--leverage", "2"];
        let ran = running.run("rebalance", &plan);
        assert_eq!(ran.status, 0, "{}: {ran:?}", venue.name);
        ran.fits_the_terminal();
        assert!(ran.out.contains("Planned: ") && ran.out.contains("nothing was sent"), "{}", ran.out);
        let forked = running.run("rebalance", &[&plan[..], &["--fork", "--json"]].concat());
        assert_eq!(forked.status, 0, "{}: {forked:?}", venue.name);
        assert_eq!(forked.json()["success"], true, "{}: {}", venue.name, forked.out);

        running.run("account", &["--symbol", "NOPE"]).refused(2, &["no NOPE"]);
        assert_eq!(*running.written.lock().unwrap(), Vec::<String>::new(), "{} was written to", venue.name);
    }
}

/// What can be wrong with several venues at once. `--base-url` is for one, so that none of them is asked here.
#[test]
fn several_venues_are_checked_together() {
    let words = ["--venue", "binance:demo", "--venue", "bybit:testnet", "--venue", "bingx:demo"];
    let command = |program: &str, more: &[&str]| {
        let mut command = bare(program, &[&words[..], more].concat());
        for venue in &VENUES {
            command.env(venue.variables[0], KEY).env(venue.variables[1], SECRET);
        }
        command
    };
    run(&mut command("account", &["--symbol", "BTCUSDT"])).refused(2, &["--symbol", "--venue"]);
    run(&mut command("account", &["--base-url", "http://127.0.0.1:1"]))
        .refused(2, &["--base-url", "one --venue"]);
    run(&mut bare("account", &words)).refused(2, &["BINANCE_API_KEY"]);
    let twice = ["--venue", "bybit:demo", "--venue", "bybit:testnet"];
    run(&mut bare("leverage_audit", &twice)).refused(2, &["--venue", "`bybit` is named twice"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_proven_is_not_done() {
    let policy = scratch("impatient").join("policy.toml");
    std::fs::write(&policy, "attempts = 1\nresolve_deadline = 300\n").expect("a file");
    let policy = policy.to_string_lossy();
    for venue in &VENUES {
        let running = Running::start(venue).await;
        let target = format!("{}=100", venue.symbols[0]);
        let words =
            ["--target", &target, "--leverage", "2", "--execute", "--yes", "--json", "--policy", &policy];
        let ran = running.run("rebalance", &words);
        assert!([1, 3].contains(&ran.status), "{}: {ran:?}", venue.name);
        assert_eq!(ran.json()["success"], false);
        let written = running.written.lock().unwrap();
        let orders = written.iter().filter(|path| path.to_lowercase().contains("order")).count();
        // Every one was answered with a failure of the server's own, which proves nothing.
        assert!((1..=3).contains(&orders), "{}: {written:?}", venue.name);
    }
}
