//! Field sets and JSON types of every answer against recorded ones. What is recorded and not sent here, or sent here and
//! not in that recording, is listed with the reason.

#![allow(clippy::print_stdout, reason = "says that it was skipped")]

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::support::{Client, fixture, limit, market};
use crate::binance::{AccountSpec, Server};

type Shape = BTreeMap<String, BTreeSet<&'static str>>;

fn shape(value: &Value, path: &str, into: &mut Shape) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(items) => {
            items.iter().for_each(|item| shape(item, &format!("{path}[]"), into));
            "array"
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(key, field)| shape(field, &format!("{path}.{key}"), into));
            "object"
        }
    };
    into.entry(path.to_owned()).or_default().insert(kind);
}

/// Files in which a client turned numbers into text before it recorded them.
fn quoted() -> BTreeSet<String> {
    let Some(index) = fixture("recorded/binance/INDEX.json") else { return BTreeSet::new() };
    let rows = index.as_array().cloned().or_else(|| index["bodies"].as_array().cloned()).unwrap_or_default();
    let quoted = rows.iter().filter(|row| row["numbers_quoted"] == json!(true));
    let mut files: BTreeSet<String> =
        quoted.filter_map(|row| row["file"].as_str().map(str::to_owned)).collect();
    // Printed by clients; the venue's documentation has numbers.
    files.extend(["leverage_1.json", "premiumIndex_1.json"].map(str::to_owned));
    files
}

/// `missing` and `extra` are path endings that may differ.
fn compare(ours: &Value, file: &str, missing: &[&str], extra: &[&str]) {
    let Some(recorded) = fixture(&format!("recorded/binance/{file}.json")) else {
        println!("skipped: no shared fixtures");
        return;
    };
    // One object where a list is recorded, or the reverse: the same rows.
    let rows = |value: &Value| if value.is_array() { value.clone() } else { json!([value]) };
    let (mut here, mut there) = (Shape::new(), Shape::new());
    shape(&rows(ours), "", &mut here);
    shape(&rows(&recorded), "", &mut there);
    let is_quoted = quoted().contains(&format!("{file}.json"));
    let listed = |list: &[&str], path: &str| list.iter().any(|end| path.ends_with(end));
    for (path, kinds) in &there {
        match here.get(path) {
            None => assert!(listed(missing, path), "{file}: {path} is recorded and missing here"),
            Some(sent) => {
                let fits = |kind: &&str| {
                    kinds.contains(kind) || is_quoted && *kind == "number" && kinds.contains("string")
                };
                assert!(sent.iter().all(fits), "{file}: {path} is {sent:?} here and {kinds:?} there");
            }
        }
    }
    for path in here.keys().filter(|path| !there.contains_key(*path)) {
        assert!(listed(extra, path), "{file}: {path} is sent here and not recorded");
    }
}

/// Equal to the last character.
fn same(ours: &Value, file: &str) {
    match fixture(&format!("recorded/binance/{file}.json")) {
        Some(theirs) => assert_eq!(*ours, theirs, "{file}"),
        None => println!("skipped: no shared fixtures"),
    }
}

/// An account in which everything is to be seen.
fn full() -> Client {
    let mut client = Client::new(Server::builder().account(AccountSpec::named("main").spot("10")));
    client.done("POST", "/fapi/v1/marginType", "symbol=ETHUSDT&marginType=ISOLATED");
    client.order(&market("ETHUSDT", "SELL", "0.5"));
    client.order(&market("BTCUSDT", "BUY", "0.01"));
    client.order(&limit("BTCUSDT", "BUY", "0.002", "106000", "GTC"));
    client.done("POST", "/sapi/v1/asset/transfer", "type=MAIN_UMFUTURE&asset=USDT&amount=5");
    client.wait(8 * 3_600_000);
    client
}

/// Answers to placing, changing and cancelling lost these on 2026-06-30.
const PRICES: [&str; 2] = [".avgPrice", ".cumQuote"];
/// Of conditional orders, which left the ordinary book on 2025-12-09.
const CONDITIONAL: [&str; 2] = [".activatePrice", ".priceRate"];
/// Younger than some recordings.
const YOUNGER: [&str; 3] = [".priceMatch", ".selfTradePreventionMode", ".goodTillDate"];

#[test]
fn answers_about_markets() {
    let mut client = full();
    let info = client.public("/fapi/v1/exchangeInfo");
    // Of 2021: a settlement plan that is gone; a price band that had another type.
    let younger = [
        ".maxMoveOrderLimit",
        ".permissionSets",
        ".permissionSets[]",
        ".positionControlSide",
        ".underlyingSubType[]",
        ".liquidationFee",
        ".marketTakeBound",
    ];
    compare(&info, "exchangeInfo_1", &[".settlePlan"], &younger);
    if let Some(recorded) = fixture("recorded/binance/exchangeInfo_5.json") {
        // The whole contract as it was recorded in 2026, but for numbers that were turned into text.
        let (ours, theirs) = (&info["symbols"][0], &recorded["symbols"][0]);
        for (name, value) in theirs.as_object().unwrap() {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if name != "filters" {
                assert_eq!(text(&ours[name]), text(value), "{name}");
            }
        }
        for filter in theirs["filters"].as_array().unwrap() {
            let kind = &filter["filterType"];
            let found =
                ours["filters"].as_array().unwrap().iter().find(|ours| ours["filterType"] == *kind).unwrap();
            for (name, value) in filter.as_object().unwrap() {
                let ours = found[name].as_str().map_or_else(|| found[name].to_string(), str::to_owned);
                assert_eq!(ours, value.as_str().unwrap(), "{kind} {name}");
            }
        }
    }
    compare(&client.public("/fapi/v1/premiumIndex?symbol=BTCUSDT"), "premiumIndex_1", &[], &[]);
    compare(&client.public("/fapi/v1/fundingInfo"), "fundingInfo_1", &[], &[]);
    // Of 2019.
    compare(
        &client.public("/fapi/v1/fundingRate?symbol=BTCUSDT"),
        "fundingRate_1",
        &[],
        &[".markPrice", ".rateType"],
    );
    compare(&client.public("/fapi/v1/ticker/bookTicker?symbol=BTCUSDT"), "ticker_bookTicker_1", &[], &[]);
    compare(&client.public("/fapi/v1/ticker/price?symbol=BTCUSDT"), "ticker_price_1", &[], &[]);
    compare(&client.public("/fapi/v1/ticker/24hr"), "ticker_24hr_1", &[], &[]);
    compare(&client.public("/fapi/v1/openInterest?symbol=BTCUSDT"), "openInterest_1", &[], &[]);
}

#[test]
fn answers_about_the_account() {
    let mut client = full();
    let v3 = client.ask("/fapi/v3/account", "");
    compare(&v3, "account_5", &[], &[]);
    let v2 = client.ask("/fapi/v2/account", "");
    let config = [
        ".feeBurn",
        ".multiAssetsMargin",
        ".tradeGroupId",
        ".marginAvailable",
        ".breakEvenPrice",
        ".bidNotional",
        ".askNotional",
    ];
    compare(&v2, "account_2", &[], &config);
    compare(&client.ask("/fapi/v3/balance", ""), "balance_1", &[], &[]);
    compare(&client.ask("/fapi/v3/positionRisk", ""), "positionRisk_1", &[], &[]);
    compare(&client.ask("/fapi/v2/positionRisk", ""), "positionRisk_6", &[], &[]);
    compare(&client.ask("/fapi/v2/positionRisk", ""), "positionRisk_2", &[], &[".breakEvenPrice"]);
    compare(&client.ask("/fapi/v1/symbolConfig", ""), "symbolConfig_1", &[], &[]);
    compare(&client.ask("/fapi/v1/accountConfig", ""), "accountConfig_1", &[], &[]);
    compare(&client.ask("/fapi/v1/leverageBracket", "symbol=BTCUSDT"), "leverageBracket_1", &[], &[]);
    // Only where an account's limits are adjusted.
    compare(&client.ask("/fapi/v1/leverageBracket", ""), "leverageBracket_5", &[".notionalCoef"], &[]);
    compare(
        &client.ask("/fapi/v1/commissionRate", "symbol=BTCUSDT"),
        "commissionRate_2",
        &[],
        &[".rpiCommissionRate"],
    );
    compare(&client.ask("/fapi/v1/adlQuantile", ""), "adlQuantile_1", &[], &[]);
    compare(&client.ask("/fapi/v1/rateLimit/order", ""), "rateLimit_order_1", &[], &[]);
    compare(
        &client.ask("/fapi/v1/userTrades", "symbol=BTCUSDT"),
        "userTrades_2",
        &[],
        &[".pair", ".baseQty"],
    );
    compare(&client.ask("/fapi/v1/income", ""), "income_1", &[], &[]);
    compare(&client.ask("/fapi/v1/positionSide/dual", ""), "positionSide_dual_get_1", &[], &[]);
    compare(&client.ask("/fapi/v1/multiAssetsMargin", ""), "multiAssetsMargin_1", &[], &[]);
}

#[test]
fn answers_about_orders() {
    let mut client = full();
    let placed = client.order(&limit("BTCUSDT", "BUY", "0.003", "105000", "GTC"));
    let id = placed["orderId"].clone();
    compare(&placed, "order_new_2", &PRICES, &[]);
    compare(&placed, "order_new_1", &PRICES, &YOUNGER);
    let named = format!("symbol=BTCUSDT&orderId={id}");
    let open = client.ask("/fapi/v1/openOrder", &named);
    compare(&open, "openOrder_1", &[], &[]);
    compare(&client.ask("/fapi/v1/openOrders", ""), "openOrders_1", &[], &YOUNGER);
    compare(&client.ask("/fapi/v1/allOrders", "symbol=BTCUSDT"), "allOrders_1", &CONDITIONAL, &YOUNGER);
    let changed =
        client.done("PUT", "/fapi/v1/order", &format!("{named}&side=BUY&quantity=0.003&price=104000"));
    compare(&changed, "order_modify_1", &PRICES, &[]);
    let gone = client.done("DELETE", "/fapi/v1/order", &named);
    let missing = [&PRICES[..], &CONDITIONAL[..]].concat();
    compare(&gone, "order_cancel_1", &missing, &[]);
    let algo = "algoType=CONDITIONAL&symbol=BTCUSDT&side=BUY&type=STOP&quantity=0.002&triggerPrice=109000&price=109500";
    let stop = client.done("POST", "/fapi/v1/algoOrder", algo);
    compare(&stop, "algoOrder_new_2", &[], &[]);
    let named = format!("algoId={}", stop["algoId"]);
    let more = [".activatePrice", ".callbackRate"];
    compare(&client.ask("/fapi/v1/algoOrder", &named), "algoOrder_query_1", &[], &more);
    compare(&client.ask("/fapi/v1/allAlgoOrders", ""), "allAlgoOrders_1", &[], &more);
    let newer = [
        ".activatePrice",
        ".callbackRate",
        ".actualQty",
        ".actualType",
        ".tpTriggerPrice",
        ".tpPrice",
        ".slTriggerPrice",
        ".slPrice",
    ];
    compare(&client.ask("/fapi/v1/openAlgoOrders", ""), "openAlgoOrders_1", &[], &newer);
    compare(&client.done("DELETE", "/fapi/v1/algoOrder", &named), "algoOrder_cancel_1", &[], &[]);
    compare(
        &client.done("DELETE", "/fapi/v1/algoOpenOrders", "symbol=BTCUSDT"),
        "algoOpenOrders_cancel_1",
        &[],
        &[],
    );
    let wound = client.done("POST", "/fapi/v1/countdownCancelAll", "symbol=BTCUSDT&countdownTime=100000");
    same(&wound, "countdownCancelAll_1");
    same(&client.done("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT"), "allOpenOrders_cancel_1");
}

#[test]
fn answers_to_settings() {
    let mut client = full();
    same(
        &client.done("POST", "/fapi/v1/marginType", "symbol=SOLUSDT&marginType=ISOLATED"),
        "positionSide_dual_set_1",
    );
    let (_, body) = client.call("POST", "/fapi/v1/marginType", "symbol=SOLUSDT&marginType=ISOLATED");
    same(&body, "error_7");
    let (_, body) = client.call("POST", "/fapi/v1/marginType", "symbol=ETHUSDT&marginType=CROSSED");
    compare(&body, "error_5", &[], &[]);
    let (_, body) = client.call("POST", "/fapi/v1/positionSide/dual", "dualSidePosition=false");
    same(&body, "error_4");
    let (_, body) = client.call("POST", "/fapi/v1/positionMargin", "symbol=ETHUSDT&amount=9000&type=2");
    same(&body, "error_3");
    compare(&client.done("POST", "/fapi/v1/leverage", "symbol=SOLUSDT&leverage=15"), "leverage_1", &[], &[]);
    let moved = client.done("POST", "/fapi/v1/positionMargin", "symbol=ETHUSDT&amount=0.001&type=1");
    same(&moved, "positionMargin_1");
    compare(
        &client.ask("/fapi/v1/positionMargin/history", "symbol=ETHUSDT"),
        "positionMargin_history_1",
        &[],
        &[],
    );
    client.done("POST", "/fapi/v1/leverage", "symbol=BTCUSDT&leverage=150");
    client.price("BTCUSDT", "107000");
    let (_, body) = client.call("POST", "/fapi/v1/order", &market("BTCUSDT", "BUY", "3"));
    same(&body, "error_1");
}
