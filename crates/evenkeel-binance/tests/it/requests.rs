//! Every recorded request of another client (ccxt's static request tests) for what this connector does: one of ours is
//! equivalent, up to differences that are listed with their reason.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_exchange::{Observe as _, Protective, StopIntent, StopSize, Trade as _, Trigger};
use evenkeel_types::{MarginMode, OrderIntent, PositionSide, Scope, Side, TimeInForce, Timestamp};
use serde_json::{Value, json};

use crate::server::{Fate, START, Seen, Server, parsed, position};
use crate::support::{fixtures, id, intent, json as parse, read, symbol, unproven};

/// What we do not ask for, with the reason.
const NOT_OURS: &[(&str, &str)] = &[
    ("cancelOrders", "several cancels at once are not part of the trait; they go in parallel"),
    ("editOrder", "amending is not part of the trait: it loses its place in the queue as cancelling does"),
    ("editOrders", "as editOrder"),
    ("fetchADLRank", "public ranks of auto-deleveraging are not used"),
    ("fetchPositionADLRank", "as fetchADLRank"),
    ("fetchLastPrices", "the last price is not used: margin follows the mark price"),
    ("fetchMarginAdjustmentHistory", "the history of moved margin is not used"),
    ("fetchMyLiquidations", "liquidations show in fills and positions"),
    ("fetchOpenInterest", "not used"),
    ("fetchOrders", "orders are asked for by their id"),
    ("fetchPositionMode", "accountConfig has it at a sixth of the cost"),
    ("fetchTickers", "bookTicker and premiumIndex have what is needed, smaller"),
];

/// Parameters that may differ in a case, with the reason: by method, a part of the description, and names.
const DIFFERENCES: &[(&str, &str, &[&str], &str)] = &[
    (
        "createOrder",
        "market",
        &["type", "price", "timeInForce"],
        "ours are limit orders with a bound, immediate-or-cancel",
    ),
    (
        "createOrder",
        "stopLossPrice",
        &["clientAlgoId", "newOrderRespType", "workingType", "timeInForce", "reduceOnly"],
        "ours name their own id, trigger on the mark price and can only reduce",
    ),
    (
        "createOrder",
        "trailingPercent",
        &["clientAlgoId", "newOrderRespType"],
        "ours name their own id; nothing else is answered",
    ),
    (
        "fetchAccountPositions",
        "filterClosed",
        &["filterClosed"],
        "not a parameter of version 3, which has open ones only",
    ),
    (
        "fetchFundingHistory",
        "",
        &["symbol", "startTime", "endTime", "limit"],
        "ours read the whole account, in pieces of time",
    ),
    ("fetchFundingRateHistory", "", &["startTime", "endTime", "limit"], "ours read from a moment on"),
    ("fetchMyTrades", "", &["startTime", "endTime", "limit"], "ours read from a moment on"),
    ("fetchPositions", "v2", &[], "the older version of the same list"),
];

/// Parts of descriptions of cases that ask for what this connector does not offer.
const NOT_OFFERED: &[(&str, &str)] = &[
    ("bbo", "prices are decided by the planner, never matched by the venue"),
    ("useV2", "version 2 is announced to go"),
    ("v2 endpoint", "version 2 is announced to go"),
];

fn market(name: &str) -> Value {
    json!({"symbol": name, "contractType": "PERPETUAL", "status": "TRADING", "quoteAsset": "USDT", "marginAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.01", "minPrice": "0.01", "maxPrice": "1000000"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "maxQty": "1000", "minQty": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "maxQty": "1000", "minQty": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "1"},
    ]})
}

/// Everything that the cases ask for, done with this connector.
async fn ours() -> Vec<Seen> {
    let server = Server::start();
    let names = ["LTCUSDT", "BTCUSDT", "XRPUSDT"];
    let rows: Vec<Value> = names.iter().map(|name| market(name)).collect();
    let tiers: Vec<Value> = names
        .iter()
        .map(|name| json!({"symbol": name, "brackets": [{"initialLeverage": 20, "notionalCap": 1000, "notionalFloor": 0, "maintMarginRatio": 0.01, "cum": 0}]}))
        .collect();
    server.read("/fapi/v1/exchangeInfo", Fate::json(json!({"symbols": rows})));
    server.read("/fapi/v1/leverageBracket", Fate::json(json!(tiers)));
    server.read("/fapi/v1/order", Fate::code(-2013, "Order does not exist."));
    server.read("/fapi/v1/fundingRate", Fate::json(json!([])));
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    let place = async |order: OrderIntent| drop(venue.place(&[unproven(order)]).await.remove(0).unwrap());
    let gtc = |name: &str, side, qty: &str, price: &str| OrderIntent {
        tif: TimeInForce::Gtc,
        ..intent(name, side, qty, price)
    };
    place(gtc("LTCUSDT", Side::Buy, "0.423", "55.32")).await;
    place(gtc("LTCUSDT", Side::Buy, "0.1", "55")).await;
    place(intent("LTCUSDT", Side::Buy, "0.1", "56")).await;
    place(gtc("LTCUSDT", Side::Sell, "0.2", "100")).await;
    place(OrderIntent { reduce_only: true, ..gtc("LTCUSDT", Side::Buy, "0.2", "60") }).await;
    place(OrderIntent {
        position_side: PositionSide::Short,
        ..intent("BTCUSDT", Side::Buy, "0.01", "60000")
    })
    .await;
    let stop = |name: &str, trigger, qty: &str, worst: Option<&str>| StopIntent {
        id: id(9),
        symbol: symbol(name),
        side: Side::Sell,
        position_side: PositionSide::Net,
        trigger,
        size: StopSize::Qty(qty.parse().unwrap()),
        worst: worst.map(|price| price.parse().unwrap()),
    };
    let stops = [
        stop("LTCUSDT", Trigger::StopLoss("51".parse().unwrap()), "0.21", Some("50")),
        stop(
            "BTCUSDT",
            Trigger::Trailing { callback: "0.05".parse().unwrap(), activation: None },
            "0.11",
            None,
        ),
    ];
    for placed in venue.abilities().stop_orders.unwrap().place_stops(&stops).await {
        placed.unwrap();
    }
    let (ltc, btc, xrp) = (symbol("LTCUSDT"), symbol("BTCUSDT"), symbol("XRPUSDT"));
    venue.cancel_by_venue_id(&ltc, "652509009").await.unwrap();
    venue.cancel_by_venue_id(&btc, "algo:3386").await.unwrap();
    venue.cancel(&ltc, &id(1)).await.unwrap();
    let resting = json!([{"symbol": "LTCUSDT", "orderId": 1, "clientOrderId": "x", "side": "BUY", "positionSide": "BOTH",
        "origQty": "1", "executedQty": "0", "price": "50", "status": "NEW", "reduceOnly": false, "type": "LIMIT", "stopPrice": "0"}]);
    server.read("/fapi/v1/openOrders", Fate::json(resting));
    server.read("/fapi/v1/openAlgoOrders", Fate::json(json!([])));
    venue.abilities().cancel_all.unwrap().cancel_all(Some(&ltc), Protective::Keep).await.unwrap();
    venue.abilities().dead_man_switch.unwrap().arm(Duration::from_secs(120)).await.unwrap();
    server.read("/fapi/v3/positionRisk", Fate::json(json!([position("XRPUSDT", "BOTH", "10", "5")])));
    venue.adjust_margin(&xrp, "5.2".parse().unwrap()).await.unwrap();
    venue.adjust_margin(&xrp, "-5.2".parse().unwrap()).await.unwrap();
    venue.set_margin_mode(&btc, MarginMode::Cross).await.unwrap();
    venue.leverages(&[btc.clone(), ltc.clone()]).await;
    venue.leverages(std::slice::from_ref(&btc)).await;
    venue.fees(&symbol("BTCUSDT")).await.unwrap();
    venue.funding(&btc).await.unwrap();
    venue.order(&ltc, &id(1)).await.unwrap();
    venue.fills(std::slice::from_ref(&ltc), Timestamp(START - 1000)).await.unwrap();
    let _ = venue.cancel_by_venue_id(&ltc, "652124757").await;
    let abilities = venue.read_abilities();
    abilities.funding_history.unwrap().funding_history(&btc, Timestamp(START - 1000)).await.unwrap();
    abilities.funding_payments.unwrap().funding_payments(Timestamp(START - 1000)).await.unwrap();
    server.write(Fate::code(-2011, "Unknown order sent."));
    venue.cancel_by_venue_id(&ltc, "652124757").await.unwrap();
    server.asked()
}

/// Names that stand for an id, and what does not belong to a request.
fn neutral(mut params: BTreeMap<String, String>, without: &[&str]) -> BTreeMap<String, String> {
    for name in ["signature", "timestamp", "recvWindow", "newClientOrderId"].iter().chain(without) {
        params.remove(*name);
    }
    if let Some(id) = params.get_mut("origClientOrderId") {
        *id = "id".to_owned();
    }
    params
}

#[tokio::test]
async fn recorded_requests_have_equivalents_of_ours() {
    let Some(folder) = fixtures() else { return };
    let ours = ours().await;
    let (mut matched, mut left_out) = (0, 0);
    let mut files: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("request_"))
        .collect();
    files.sort();
    for name in files {
        let file = parse(&read(&folder, &name));
        for case in file["cases"].as_array().unwrap() {
            let (method, description) = (
                case["method"].as_str().or(file["method"].as_str()).unwrap(),
                case["description"].as_str().unwrap(),
            );
            let reasons = NOT_OURS.iter().any(|(other, _)| *other == method)
                || NOT_OFFERED.iter().any(|(part, _)| description.contains(part));
            if reasons {
                left_out += 1;
                continue;
            }
            let url = case["url"].as_str().unwrap();
            let (address, query) = url.split_once('?').unwrap_or((url, ""));
            let path = address.split_once(".com").unwrap().1;
            let mut theirs = parsed(query);
            if let Some(body) = case["output"].as_str() {
                theirs.extend(parsed(body));
            }
            let without: Vec<&str> = DIFFERENCES
                .iter()
                .filter(|(of, part, ..)| {
                    *of == method && description.to_lowercase().contains(&part.to_lowercase())
                })
                .flat_map(|(_, _, names, _)| names.iter().copied())
                .collect();
            let theirs = neutral(theirs, &without);
            let found =
                ours.iter().any(|seen| seen.path == path && neutral(seen.params.clone(), &without) == theirs);
            assert!(found, "{name}, {description}: nothing of ours is {path} {theirs:?}");
            matched += 1;
        }
    }
    assert_eq!((matched, left_out), (33, 16), "a case that is added is looked at");
}
