//! Fields and JSON types against recorded answers. What differs is listed, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::support::{BTC, Bot, SOL, fixture};
use crate::bingx::{AccountSpec, Environment, Server};
use evenkeel_types::MarginMode;

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

/// How a recorded answer is compared.
#[derive(Clone, Copy, PartialEq)]
enum Types {
    /// As the venue sent it.
    Exact,
    /// Kept by a client that made texts of all numbers: those say nothing.
    Quoted,
}

/// `missing` are endings of recorded paths that are not sent here, `extra` of those that are sent and not recorded, and
/// `other` of those with another type here.
struct Differences<'a> {
    missing: &'a [&'a str],
    extra: &'a [&'a str],
    other: &'a [&'a str],
}

const NONE: Differences<'_> = Differences { missing: &[], extra: &[], other: &[] };

fn compare(ours: &Value, recorded: &str, types: Types, differences: &Differences<'_>) {
    let Some(theirs) = fixture(&format!("recorded/bingx/{recorded}.json")) else {
        println!("skipped: no shared fixtures");
        return;
    };
    let (mut here, mut there) = (Shape::new(), Shape::new());
    shape(ours, "", &mut here);
    shape(&theirs, "", &mut there);
    let listed = |list: &[&str], path: &str| list.iter().any(|end| path.ends_with(end));
    for (path, kinds) in &there {
        let Some(sent) = here.get(path) else {
            assert!(listed(differences.missing, path), "{recorded}: {path} is recorded and missing here");
            continue;
        };
        let text = |kinds: &BTreeSet<&str>| kinds.iter().all(|kind| matches!(*kind, "string" | "number"));
        let same = sent.is_subset(kinds) || (types == Types::Quoted && text(sent) && text(kinds));
        let nothing = sent.contains("null") || kinds.contains("null");
        assert!(
            same || nothing || listed(differences.other, path),
            "{recorded}: {path} is {sent:?} here and {kinds:?} there"
        );
    }
    for path in here.keys().filter(|path| !there.contains_key(*path)) {
        assert!(listed(differences.extra, path), "{recorded}: {path} is sent here and not recorded");
    }
}

/// With everything in it that is to be seen.
fn full(environment: Environment) -> Bot {
    let account = AccountSpec::named("main").world(|world| {
        world.position("FARTCOIN-USDT", "231.093", 10, MarginMode::Isolated).setting(
            SOL,
            10,
            MarginMode::Isolated,
        )
    });
    Bot::new(Server::builder().environment(environment).account(account))
}

fn demo() -> Bot {
    full(Environment::Demo)
}

fn live() -> Bot {
    full(Environment::Live)
}

/// Fields that are newer than recordings of 2023 and 2024; live dumps of 2026 have them.
const NEWER: &[&str] = &[
    ".advanceAttr",
    ".positionID",
    ".takeProfitEntrustPrice",
    ".stopLossEntrustPrice",
    ".orderType",
    ".workingType",
    ".clientOrderId",
    ".leverage",
    ".takeProfit",
    ".stopLoss",
    ".onlyOnePosition",
    ".reduceOnly",
    ".postOnly",
    ".closePosition",
    ".stopGuaranteed",
    ".triggerOrderId",
    ".trailingStopRate",
    ".trailingStopDistance",
    ".priceRate",
    ".actPrice",
    ".mainOrderId",
    ".is_twap",
    "Profit.type",
    "Profit.quantity",
    "Profit.stopPrice",
    "Profit.price",
    "Profit.workingType",
    "Loss.type",
    "Loss.quantity",
    "Loss.stopPrice",
    "Loss.price",
    "Loss.workingType",
];

#[test]
fn market_data() {
    let mut bot = live();
    let compare_get =
        |bot: &mut Bot, path: &str, symbol: &str, recorded: &str, types, differences: &Differences<'_>| {
            let params: &[(&str, &str)] = if symbol.is_empty() { &[] } else { &[("symbol", symbol)] };
            compare(&bot.call("GET", path, params), recorded, types, differences);
        };
    let contracts = "swap/v2/quote/contracts";
    compare_get(&mut bot, contracts, "", "contracts_1", Types::Quoted, &NONE);
    // The documentation still has the largest leverages; live answers of 2026 do not, and have the others.
    let documented = Differences {
        missing: &["maxLongLeverage", "maxShortLeverage"],
        extra: &[
            "ensureTrigger",
            "triggerFeeRate",
            "brokerState",
            "launchTime",
            "maintainTime",
            "offTime",
            "displayName",
        ],
        other: &[],
    };
    compare_get(&mut bot, contracts, "", "contracts_2", Types::Exact, &documented);
    let index = "swap/v2/quote/premiumIndex";
    // Newer than the recordings; live answers of 2026 have them.
    let newer = Differences {
        extra: &["fundingIntervalHours", "minFundingRate", "maxFundingRate", "updateTime"],
        ..NONE
    };
    compare_get(&mut bot, index, BTC, "premiumIndex_1", Types::Quoted, &newer);
    compare_get(&mut bot, index, BTC, "premiumIndex_2", Types::Exact, &newer);
    compare_get(&mut bot, "swap/v2/quote/ticker", BTC, "ticker_2", Types::Exact, &NONE);
    compare_get(&mut bot, "swap/v1/ticker/price", BTC, "price_1", Types::Exact, &NONE);
    compare_get(&mut bot, "swap/v2/quote/openInterest", BTC, "openInterest_1", Types::Exact, &NONE);
    compare_get(&mut bot, "swap/v1/maintMarginRatio", "ETH-USDT", "maintMarginRatio_2", Types::Exact, &NONE);
    let rates = bot.get("swap/v2/quote/fundingRate", &[("symbol", BTC)]);
    compare(&rates[0], "fundingRate_row_1", Types::Exact, &NONE);
}

#[test]
fn the_account() {
    let mut bot = demo();
    let balance = bot.call("GET", "swap/v3/user/balance", &[]);
    compare(&balance, "balance_1", Types::Quoted, &NONE);
    // The live host was seen with other spellings, and with an asset that was never used.
    let spelled = Differences {
        missing: &["realisedProfit", "freezedMargin"],
        extra: &["realizedProfit", "frozenMargin"],
        other: &[],
    };
    compare(&live().call("GET", "swap/v3/user/balance", &[]), "balance_2", Types::Exact, &spelled);
    let positions = bot.call("GET", "swap/v2/user/positions", &[]);
    // Kept by a client with texts for numbers.
    compare(&positions, "positions_1", Types::Quoted, &Differences { extra: &["minIncreaseMargin"], ..NONE });
    // Of 2023, and shorter.
    let newer = [
        "margin",
        "pnlRatio",
        "maxMarginReduction",
        "minIncreaseMargin",
        "riskRate",
        "markPrice",
        "positionValue",
        "onlyOnePosition",
        "createTime",
        "updateTime",
    ];
    compare(&positions, "positions_3", Types::Exact, &Differences { extra: &newer, ..NONE });
    compare(&bot.call("GET", "swap/v2/user/commissionRate", &[]), "commissionRate_1", Types::Exact, &NONE);
    compare(&bot.call("GET", "swap/v1/user/marginAssets", &[]), "marginAssets_1", Types::Exact, &NONE);
    compare(
        &bot.call("GET", "swap/v1/trade/multiAssetsRules", &[]),
        "multiAssetsRules_1",
        Types::Exact,
        &NONE,
    );
    bot.pass(14 * 3_600_000);
    compare(&bot.call("GET", "swap/v2/user/income", &[]), "income_1", Types::Quoted, &NONE);
}

#[test]
fn settings() {
    let mut bot = live();
    // Texts in the documentation, numbers on the live host, which names the symbol too.
    let numbers = Differences { extra: &[".symbol"], other: &["Vol", "Val"], missing: &[] };
    let leverage = "swap/v2/trade/leverage";
    compare(&bot.call("GET", leverage, &[("symbol", SOL)]), "leverage_get_1", Types::Exact, &numbers);
    let set = [("symbol", SOL), ("side", "BOTH"), ("leverage", "5")];
    compare(&bot.call("POST", leverage, &set), "leverage_set_1", Types::Exact, &numbers);
    let mode = bot.call("GET", "swap/v2/trade/marginType", &[("symbol", SOL)]);
    compare(&mode, "marginType_get_2", Types::Exact, &Differences { extra: &[".symbol"], ..NONE });
    let dual = bot.call("GET", "swap/v1/positionSide/dual", &[]);
    // The recorded one names its time, in another spelling than all others.
    compare(
        &dual,
        "positionSide_dual_get_1",
        Types::Quoted,
        &Differences { missing: &["timeStamp"], ..NONE },
    );
    let mut bot = Bot::flat();
    let set = bot.call("POST", "swap/v1/positionSide/dual", &[("dualSidePosition", "true")]);
    compare(&set, "positionSide_dual_set_1", Types::Exact, &NONE);
    let demo = demo().get("swap/v1/positionSide/dual", &[]);
    assert_eq!(demo, serde_json::json!({"dualSidePosition": false}));
    compare(&bot.call("GET", "swap/v1/trade/assetMode", &[]), "assetMode_get_1", Types::Exact, &NONE);
    let set = bot.call("POST", "swap/v1/trade/assetMode", &[("assetMode", "singleAssetMode")]);
    compare(&set, "assetMode_set_1", Types::Exact, &NONE);
}

#[test]
fn orders() {
    let order = [
        ("symbol", SOL),
        ("side", "BUY"),
        ("positionSide", "BOTH"),
        ("type", "LIMIT"),
        ("quantity", "1"),
        ("price", "150"),
    ];
    let path = "swap/v2/trade/order";
    let mut live = live();
    let stop = (
        "stopLoss",
        r#"{"type":"STOP","stopPrice":140,"price":139,"workingType":"MARK_PRICE","quantity":1}"#,
    );
    let with_stop: Vec<(&str, &str)> = order.iter().copied().chain([stop]).collect();
    let placed = live.call("POST", path, &with_stop);
    // The client that kept it took the text of the stop apart.
    let taken_apart = [
        ".stopLoss.type",
        ".stopLoss.stopPrice",
        ".stopLoss.price",
        ".stopLoss.workingType",
        ".stopLoss.quantity",
        ".debugMsg",
    ];
    compare(
        &placed,
        "order_create_1",
        Types::Quoted,
        &Differences { missing: &taken_apart, other: &[".stopLoss"], extra: &[] },
    );
    let mut bot = demo();
    let placed = bot.call("POST", path, &order);
    let newer = [".activationPrice", ".closePosition", ".stopGuaranteed"];
    compare(&placed, "order_create_5", Types::Exact, &Differences { extra: &newer, ..NONE });
    compare(&placed, "order_create_4", Types::Quoted, &NONE);
    let id = placed["data"]["order"]["orderId"].to_string();
    let named = [("symbol", SOL), ("orderId", id.as_str())];
    let asked = bot.call("GET", path, &named);
    // What live answers of 2026 have beside it.
    let beside = [
        ".postOnly",
        ".closePosition",
        ".trailingStopRate",
        ".trailingStopDistance",
        ".priceRate",
        ".actPrice",
        ".mainOrderId",
        ".is_twap",
        "Profit.stopGuaranteed",
        "Loss.stopGuaranteed",
    ];
    compare(&asked, "order_query_1", Types::Quoted, &Differences { extra: &beside, ..NONE });
    compare(
        &asked,
        "order_query_2",
        Types::Exact,
        &Differences { extra: &[NEWER, &["Profit.stopGuaranteed", "Loss.stopGuaranteed"]].concat(), ..NONE },
    );
    let list = bot.call("GET", "swap/v2/trade/openOrders", &[]);
    compare(
        &list,
        "openOrders_1",
        Types::Exact,
        &Differences { extra: &[NEWER, &["Profit.stopGuaranteed", "Loss.stopGuaranteed"]].concat(), ..NONE },
    );
    let full = bot.call("GET", "swap/v1/trade/fullOrder", &[]);
    // The flag is a text on the live host, as in an order that is asked for alone.
    compare(
        &full,
        "allOrders_1",
        Types::Exact,
        &Differences {
            extra: &[&beside[..], &[".onlyOnePosition", ".reduceOnly"]].concat(),
            other: &[".stopGuaranteed"],
            missing: &[],
        },
    );
    let amended =
        bot.call("POST", "swap/v1/trade/amend", &[("symbol", SOL), ("orderId", &id), ("quantity", "2")]);
    compare(&amended, "order_amend_1", Types::Exact, &NONE);
    let stubs = ["Profit.stopGuaranteed", "Loss.stopGuaranteed"];
    let cancelled = bot.call("DELETE", path, &named);
    compare(
        &cancelled,
        "order_cancel_1",
        Types::Exact,
        &Differences { extra: &stubs, other: &[".stopGuaranteed"], missing: &[] },
    );
    let again = bot.order([SOL, "BUY", "LIMIT"], &[("quantity", "1"), ("price", "150")]).to_string();
    let list = format!("[{again}]");
    let gone = bot.call("DELETE", "swap/v2/trade/batchOrders", &[("symbol", SOL), ("orderIdList", &list)]);
    let more = [&stubs[..], &[".stopGuaranteed", ".triggerOrderId"]].concat();
    compare(&gone, "batchOrders_cancel_1", Types::Exact, &Differences { extra: &more, ..NONE });
    bot.order([SOL, "BUY", "LIMIT"], &[("quantity", "1"), ("price", "150")]);
    let gone = bot.call("DELETE", "swap/v2/trade/allOpenOrders", &[("symbol", SOL)]);
    compare(
        &gone,
        "allOpenOrders_cancel_1",
        Types::Exact,
        &Differences { extra: &[NEWER, &stubs].concat(), ..NONE },
    );
    let batch = r#"[{"symbol":"SOL-USDT","side":"BUY","positionSide":"BOTH","type":"LIMIT","price":150,"quantity":1}]"#;
    let several = bot.call("POST", "swap/v2/trade/batchOrders", &[("batchOrders", batch)]);
    let fuller = [
        ".price",
        ".quantity",
        ".stopPrice",
        ".timeInForce",
        ".priceRate",
        ".stopLoss",
        ".takeProfit",
        ".reduceOnly",
        ".activationPrice",
        ".closePosition",
        ".stopGuaranteed",
    ];
    compare(&several, "order_create_batch_1", Types::Exact, &Differences { extra: &fuller, ..NONE });
    let id = several["data"]["orders"][0]["orderId"].to_string();
    let replace: Vec<(&str, &str)> = order
        .iter()
        .copied()
        .chain([("cancelReplaceMode", "STOP_ON_FAILURE"), ("cancelOrderId", &id)])
        .collect();
    let replaced = bot.call("POST", "swap/v1/trade/cancelReplace", &replace);
    let differences = Differences {
        missing: &[
            "cancelResponse.onlyOnePosition",
            "cancelResponse.reduceOnly",
            "newOrderResponse.clientOrderId",
        ],
        extra: &[&more[..], NEWER, &[".clientOrderID", ".activationPrice"]].concat(),
        other: &[],
    };
    compare(&replaced, "cancelReplace_1", Types::Exact, &differences);
}

#[test]
fn positions_and_executions() {
    let mut bot = demo();
    bot.order([BTC, "BUY", "MARKET"], &[("quantity", "0.01")]);
    let margin = [("symbol", "FARTCOIN-USDT"), ("amount", "1"), ("type", "1")];
    compare(
        &bot.call("POST", "swap/v2/trade/positionMargin", &margin),
        "positionMargin_1",
        Types::Exact,
        &NONE,
    );
    let moved = bot.call("GET", "swap/v1/positionMargin/history", &[("symbol", "FARTCOIN-USDT")]);
    compare(&moved, "positionMargin_history_1", Types::Exact, &NONE);
    let id = bot.positions().iter().find(|row| row["symbol"] == BTC).unwrap()["positionId"]
        .as_str()
        .unwrap()
        .to_owned();
    let closed = bot.call("POST", "swap/v1/trade/closePosition", &[("positionId", &id)]);
    compare(&closed, "closePosition_1", Types::Exact, &NONE);
    let all = bot.call("POST", "swap/v2/trade/closeAllPositions", &[]);
    compare(&all, "closeAllPositions_2", Types::Exact, &NONE);
    let history = bot.call("GET", "swap/v1/trade/positionHistory", &[("symbol", BTC)]);
    compare(&history, "positionHistory_1", Types::Quoted, &NONE);
    let range = [("symbol", BTC), ("startTs", "0"), ("endTs", "1872360400000")];
    let fills = bot.call("GET", "swap/v2/trade/allFillOrders", &range);
    let newer = Differences { extra: &[".side", ".positionSide", ".type", ".triggerOrderId"], ..NONE };
    compare(&fills, "fillHistory_1", Types::Quoted, &newer);
    let mut poor = Bot::new(Server::builder().account(AccountSpec::named("main").cash("200")));
    poor.order([SOL, "BUY", "MARKET"], &[("quantity", "5")]);
    poor.pass(100);
    poor.price(SOL, "126.6");
    let forced = poor.call("GET", "swap/v2/trade/forceOrders", &[]);
    compare(&forced, "forceOrders_1", Types::Exact, &NONE);
}

#[test]
fn errors() {
    let mut bot = live();
    let side = [("symbol", SOL), ("side", "LONG"), ("leverage", "5")];
    compare(&bot.call("POST", "swap/v2/trade/leverage", &side), "error_1", Types::Exact, &NONE);
    let much =
        [("symbol", BTC), ("side", "BUY"), ("positionSide", "BOTH"), ("type", "MARKET"), ("quantity", "50")];
    let refused = bot.call("POST", "swap/v2/trade/order", &much);
    match fixture("recorded/bingx/error_2.json") {
        Some(recorded) => assert_eq!(refused, recorded),
        None => println!("skipped: no shared fixtures"),
    }
}
