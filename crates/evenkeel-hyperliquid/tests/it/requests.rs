//! What another client sends for the same wish (ccxt's static request tests), against what this crate sends.
//!
//! ccxt rounds prices and sizes itself and adds slippage; here the caller has decided, so those two are taken from ccxt's
//! own output, and must be valid by our rules. Differences that are meant:
//! - every order of ours has a client id, and no builder's fee;
//! - a stop order of ours can only reduce (ccxt's stops of these cases could open);
//! - the venue's own spelling of an address has `0x`;
//! - fills are asked for by time, orders by client id.
//!
//! Not offered, so not compared: spot orders, triggers that open a position, take-profit and stop-loss attached to an
//! entry, modifying an order, creating sub-accounts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_exchange::{Observe as _, Protective, StopIntent, StopSize, Trade as _, Trigger, async_trait};
use evenkeel_http::{Transport, TransportError};
use evenkeel_hyperliquid::sign::{AccountAddress, AgentKey};
use evenkeel_hyperliquid::{Account, ActingFor, Credentials, Environment, Hyperliquid};
use evenkeel_types::{Leverage, MarginMode, OrderIntent, PositionSide, Side, TimeInForce, Timestamp};
use serde_json::{Value, json};

use crate::connector::{id, unproven};
use crate::server::{KEY, MASTER, Virtual, asset};
use crate::support::{fixtures, json as parse, read, symbol};

/// Knows ccxt's coins at ccxt's numbers, says yes to everything, and keeps what it was sent.
#[derive(Debug, Default)]
struct Wire(Mutex<Vec<Value>>);

fn universe(builder: bool) -> Value {
    let named: BTreeMap<usize, (&str, u32)> = if builder {
        [(0, ("xyz:XYZ100", 4)), (9, ("xyz:AAPL", 3))].into()
    } else {
        [
            (0, ("BTC", 5)),
            (1, ("ETH", 4)),
            (5, ("SOL", 2)),
            (15, ("kPEPE", 0)),
            (65, ("ADA", 0)),
            (159, ("HYPE", 2)),
        ]
        .into()
    };
    let row = |index: usize| {
        let (name, decimals) =
            named.get(&index).map_or((format!("C{index}"), 2), |(name, d)| ((*name).to_owned(), *d));
        let name = if builder && !name.contains(':') { format!("xyz:{name}") } else { name };
        json!({"name": name, "szDecimals": decimals, "maxLeverage": 40})
    };
    let rows: Vec<Value> = (0..160).map(row).collect();
    let contexts: Vec<Value> = (0..160).map(|_| json!({"markPx": "100.0"})).collect();
    json!([{"universe": rows, "collateralToken": 0}, contexts])
}

#[async_trait]
impl Transport for Wire {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let answer = match body["type"].as_str() {
            Some("metaAndAssetCtxs") => universe(body["dex"] == "xyz"),
            Some("perpDexs") => json!([null, {"name": "xyz", "deployerFeeScale": "1.0"}]),
            Some("exchangeStatus") => json!({"time": 1_751_364_005_200_u64}),
            Some("activeAssetData") => {
                let coin = body["coin"].as_str().unwrap();
                let mode = if coin == "SOL" { "isolated" } else { "cross" };
                serde_json::from_slice(&asset(coin, mode, 9, "1").1).unwrap()
            }
            Some("clearinghouseState") => {
                let sums = json!({"accountValue": "0", "totalNtlPos": "0", "totalRawUsd": "0", "totalMarginUsed": "0"});
                json!({"marginSummary": sums, "crossMarginSummary": sums, "withdrawable": "0", "assetPositions": [], "time": 1})
            }
            Some("spotClearinghouseState") => json!({"balances": []}),
            Some("userAbstraction") => json!("default"),
            Some("userFees") => json!({"userCrossRate": "0", "userAddRate": "0"}),
            Some("orderStatus") => json!({"status": "unknownOid"}),
            Some("frontendOpenOrders") => json!([
                {"coin": "SOL", "side": "A", "limitPx": "1", "sz": "1", "oid": 7_556_739_260_u64, "isTrigger": false},
                {"coin": "ADA", "side": "A", "limitPx": "1", "sz": "1", "oid": 7_556_435_631_u64, "isTrigger": false}]),
            Some("userFillsByTime" | "fundingHistory" | "userFunding") => json!([]),
            _ => match body["action"]["type"].as_str() {
                Some("order") => entries("order", &body["action"]["orders"], &json!({"resting": {"oid": 1}})),
                Some("cancel") => entries("cancel", &body["action"]["cancels"], &json!("success")),
                _ => json!({"status": "ok", "response": {"type": "default"}}),
            },
        };
        self.0.lock().unwrap().push(body);
        Ok(http::Response::new(answer.to_string().into()))
    }
}

fn entries(kind: &str, parts: &Value, one: &Value) -> Value {
    let statuses: Vec<Value> = parts.as_array().unwrap().iter().map(|_| one.clone()).collect();
    json!({"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}})
}

static BENCHES: AtomicUsize = AtomicUsize::new(0);

struct Bench {
    wire: Arc<Wire>,
    venue: Hyperliquid,
}

/// A connector that acts for what the case acts for.
fn bench(case: &Value) -> Bench {
    let text = case.to_string();
    let target = ["eba57e1d6bd242ba5f41b61ff1d30b481a535b58", "cb4d9044aab9e5aa3965b470ebff554cc8820c7b"]
        .into_iter()
        .find(|target| text.contains(target))
        .map(|target| AccountAddress::parse(&format!("0x{target}")).unwrap());
    let mut account = Account::new(AccountAddress::parse(MASTER).unwrap());
    if let Some(target) = target {
        account = account.acting_for(ActingFor::SubAccount(target));
    }
    let wire = Arc::new(Wire::default());
    let venue = Hyperliquid::builder()
        .environment(Environment::Testnet)
        .credentials(Credentials::agent(AgentKey::from_hex(KEY).unwrap(), account))
        .clock(Virtual::new())
        // A host of its own: all connectors to one host share a rate limit.
        .base_url(format!("https://requests{}.test", BENCHES.fetch_add(1, Ordering::SeqCst)))
        .transport(Arc::clone(&wire) as Arc<dyn Transport>)
        .build()
        .unwrap();
    Bench { wire, venue }
}

impl Bench {
    fn action(&self) -> Value {
        let sent = self.wire.0.lock().unwrap();
        sent.iter().rfind(|body| body["action"].is_object()).unwrap_or_else(|| panic!("{sent:?}")).clone()
    }

    fn question(&self, kind: &str) -> Value {
        let sent = self.wire.0.lock().unwrap();
        sent.iter().find(|body| body["type"] == kind).unwrap_or_else(|| panic!("{kind}: {sent:?}")).clone()
    }
}

fn coin(unified: &Value) -> &'static str {
    match unified.as_str().unwrap() {
        "BTC/USDC:USDC" => "BTC",
        "ETH/USDC:USDC" => "ETH",
        "SOL/USDC:USDC" => "SOL",
        "ADA/USDC:USDC" => "ADA",
        "HYPE/USDC:USDC" => "HYPE",
        "KPEPE/USDC:USDC" => "kPEPE",
        "XYZ-XYZ100/USDC:USDC" => "xyz:XYZ100",
        "XYZ-AAPL/USDC:USDC" => "xyz:AAPL",
        other => panic!("{other}"),
    }
}

/// What is compared: without what is meant to differ.
fn plain(mut action: Value) -> Value {
    action.as_object_mut().unwrap().remove("builder");
    for order in action["orders"].as_array_mut().into_iter().flatten() {
        let order = order.as_object_mut().unwrap();
        order.remove("c");
        if order["t"].get("trigger").is_some() {
            order.remove("r");
        }
    }
    action
}

fn same(case: &Value, ours: &Value) {
    let theirs: Value = serde_json::from_str(case["output"].as_str().unwrap()).unwrap();
    assert_eq!(plain(ours["action"].clone()), plain(theirs["action"].clone()), "{case}");
    let vault =
        theirs["vaultAddress"].as_str().map(|address| format!("0x{}", address.trim_start_matches("0x")));
    assert_eq!(ours["vaultAddress"].as_str().map(str::to_owned), vault, "{case}");
}

fn cases(name: &str) -> Option<Vec<Value>> {
    let folder = fixtures()?;
    let file = parse(&read(&folder, &format!("request_{name}_1.json")));
    Some(file["cases"].as_array().unwrap().clone())
}

/// The order of a case as an intent: symbol and side from the wish, figures from what ccxt made of them.
fn intent_of(symbol_name: &Value, wish_side: &str, theirs: &Value, number: u8) -> OrderIntent {
    let tif = match theirs["t"]["limit"]["tif"].as_str() {
        Some("Gtc") => TimeInForce::Gtc,
        Some("Alo") => TimeInForce::PostOnly,
        _ => TimeInForce::Ioc,
    };
    OrderIntent {
        id: id(number),
        symbol: symbol(coin(symbol_name)),
        side: if wish_side == "buy" { Side::Buy } else { Side::Sell },
        position_side: PositionSide::Net,
        qty: theirs["s"].as_str().unwrap().parse().unwrap(),
        limit: theirs["p"].as_str().unwrap().parse().unwrap(),
        tif,
        reduce_only: theirs["r"] == true,
    }
}

#[tokio::test]
async fn orders() {
    let Some(all) = cases("createOrder") else { return };
    let (mut compared, mut left) = (0, Vec::new());
    for case in &all {
        let description = case["description"].as_str().unwrap();
        let theirs: Value = serde_json::from_str(case["output"].as_str().unwrap()).unwrap();
        let order = &theirs["action"]["orders"][0];
        let (name, side) = (&case["input"][0], case["input"][2].as_str().unwrap());
        let bench = bench(case);
        if name == "PURR/USDC"
            || theirs["action"]["grouping"] != "na"
            || description == "trigger market order"
        {
            left.push(description);
            continue;
        }
        if let Some(trigger) = order["t"].get("trigger") {
            let at = trigger["triggerPx"].as_str().unwrap().parse().unwrap();
            let intent = intent_of(name, side, order, 1);
            let stop = StopIntent {
                id: intent.id,
                symbol: intent.symbol,
                side: intent.side,
                position_side: PositionSide::Net,
                trigger: if trigger["tpsl"] == "sl" {
                    Trigger::StopLoss(at)
                } else {
                    Trigger::TakeProfit(at)
                },
                size: StopSize::Qty(intent.qty),
                worst: Some(intent.limit),
            };
            let outcome = bench.venue.abilities().stop_orders.unwrap().place_stops(&[stop]).await.remove(0);
            outcome.unwrap_or_else(|error| panic!("{description}: {error}"));
        } else {
            let outcome = bench.venue.place(&[unproven(intent_of(name, side, order, 1))]).await.remove(0);
            outcome.unwrap_or_else(|error| panic!("{description}: {error}"));
        }
        same(case, &bench.action());
        compared += 1;
    }
    assert_eq!(
        left,
        [
            "trigger market order",
            "spot market order",
            "open short position with limit stoploss and takeprofit orders"
        ]
    );
    assert_eq!(compared + left.len(), all.len());

    for case in cases("createOrders").unwrap() {
        let theirs: Value = serde_json::from_str(case["output"].as_str().unwrap()).unwrap();
        let wishes =
            case["input"][0].as_array().unwrap().iter().zip(theirs["action"]["orders"].as_array().unwrap());
        let orders: Vec<_> = wishes
            .enumerate()
            .map(|(number, (wish, order))| {
                let side = wish["side"].as_str().unwrap();
                unproven(intent_of(&wish["symbol"], side, order, u8::try_from(number).unwrap()))
            })
            .collect();
        let bench = bench(&case);
        for outcome in bench.venue.place(&orders).await {
            outcome.unwrap();
        }
        same(&case, &bench.action());
    }
}

#[tokio::test]
async fn cancels() {
    let Some(all) = cases("cancelOrder") else { return };
    for case in all {
        let bench = bench(&case);
        let number = case["input"][0].as_str().map_or_else(|| case["input"][0].to_string(), str::to_owned);
        bench.venue.cancel_by_venue_id(&symbol(coin(&case["input"][1])), &number).await.unwrap();
        same(&case, &bench.action());
    }
    for case in cases("cancelOrdersForSymbols").unwrap() {
        let bench = bench(&case);
        let cancelled =
            bench.venue.abilities().cancel_all.unwrap().cancel_all(None, Protective::Cancel).await;
        assert_eq!(cancelled.unwrap(), 2);
        same(&case, &bench.action());
    }
    for case in cases("cancelAllOrdersAfter").unwrap() {
        // ccxt's vault comes from options there, and its time is a moment ahead; ours must be five seconds ahead.
        let bench = bench(&case);
        bench.venue.abilities().dead_man_switch.unwrap().arm(Duration::from_secs(6)).await.unwrap();
        let ours = bench.action();
        assert_eq!(ours["action"]["type"], "scheduleCancel");
        assert!(ours["action"]["time"].is_u64());
        assert_eq!(ours["vaultAddress"], "0xcb4d9044aab9e5aa3965b470ebff554cc8820c7b");
    }
}

#[tokio::test]
async fn leverage_and_margin_mode() {
    let Some(all) = cases("setLeverage") else { return };
    for case in all {
        let bench = bench(&case);
        let coin = symbol(coin(&case["input"][1]));
        if coin.as_str() == "SOL" {
            // ccxt sets the mode with the leverage; we keep what the coin has, which is isolated here.
            bench.venue.set_margin_mode(&coin, MarginMode::Cross).await.unwrap();
            assert_eq!(bench.action()["action"]["isCross"], true);
        }
        let leverage = Leverage::new(u32::try_from(case["input"][0].as_u64().unwrap()).unwrap()).unwrap();
        bench.venue.set_leverage(&coin, leverage).await.unwrap();
        let mut ours = bench.action();
        if coin.as_str() == "SOL" {
            ours["action"]["isCross"] = json!(true);
        }
        same(&case, &ours);
    }
    for case in cases("setMarginMode").unwrap() {
        let bench = bench(&case);
        bench.venue.set_margin_mode(&symbol(coin(&case["input"][1])), MarginMode::Cross).await.unwrap();
        let mut ours = bench.action();
        // ccxt sets the leverage with the mode; we keep what the coin has.
        assert_eq!(ours["action"]["leverage"], 9);
        ours["action"]["leverage"] = json!(5);
        same(&case, &ours);
    }
}

#[tokio::test]
async fn reads() {
    if fixtures().is_none() {
        return;
    }
    let bench = bench(&json!({}));
    bench.venue.snapshot(&evenkeel_types::Scope::default()).await.unwrap();
    bench.venue.fees(&symbol("SOL")).await.unwrap();
    bench.venue.order(&symbol("ETH"), &id(1)).await.unwrap();
    let since = Timestamp(1_750_345_830_702);
    let history = bench.venue.read_abilities().funding_history.unwrap();
    history.funding_history(&symbol("kPEPE"), since).await.unwrap();
    for (file, index, kind) in [
        ("fetchPositions", 1, "clearinghouseState"),
        ("fetchPosition", 0, "clearinghouseState"),
        ("fetchBalance", 0, "clearinghouseState"),
        ("fetchBalance", 1, "spotClearinghouseState"),
        ("fetchBalance", 2, "spotClearinghouseState"),
        ("fetchOpenOrders", 1, "frontendOpenOrders"),
        ("fetchTradingFee", 0, "userFees"),
        ("fetchFundingRateHistory", 0, "fundingHistory"),
        ("fetchOrder", 0, "orderStatus"),
    ] {
        let case = cases(file).unwrap()[index].clone();
        let mut theirs: Value = serde_json::from_str(case["output"].as_str().unwrap()).unwrap();
        let mut ours = bench.question(kind);
        for body in [&mut theirs, &mut ours] {
            // Whose account is ours to say; an order is asked for by our id instead of the venue's.
            let body = body.as_object_mut().unwrap();
            body.remove("user");
            body.remove("oid");
        }
        assert_eq!(ours, theirs, "{file}");
    }
    let question = bench.question("clearinghouseState");
    assert_eq!(question["user"], MASTER);
}
