//! Field sets and JSON types of every answer against recorded ones. What is recorded and not sent here, or sent here and
//! not in that recording, is listed with the reason. Recordings of one client have their numbers quoted.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_types::MarginMode;
use serde_json::{Value, json};

use super::support::{Bot, fixture, limit, market, with};
use crate::bybit::{AccountSpec, Server};

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

fn shape_of(value: &Value) -> Shape {
    let mut found = Shape::new();
    shape(value, "", &mut found);
    // Empty lists and nulls say nothing about what would be in them.
    found.values_mut().for_each(|kinds| {
        kinds.remove("null");
    });
    found
}

/// A recording whose numbers were quoted by the client that made it: its `retCode` is a text too, or the interval of an
/// instrument.
fn is_quoted(recorded: &Value) -> bool {
    recorded["retCode"].is_string() || recorded["result"]["list"][0]["fundingInterval"].is_string()
}

/// `missing` and `extra` are path endings that may differ.
pub(super) fn compare(ours: &Value, recorded: &[&str], missing: &[&str], extra: &[&str]) {
    let sent_shape = shape_of(ours);
    let listed = |list: &[&str], path: &str| list.iter().any(|end| path.ends_with(end));
    let mut all = BTreeSet::new();
    for file in recorded {
        let Some(value) = fixture(&format!("recorded/bybit/{file}.json")) else {
            println!("skipped: no shared fixtures");
            return;
        };
        let quoted = is_quoted(&value);
        for (path, kinds) in shape_of(&value) {
            match sent_shape.get(&path) {
                None => assert!(listed(missing, &path), "{file}: {path} is recorded and missing here"),
                Some(sent) => {
                    let same = sent.is_subset(&kinds) || kinds.is_empty() || sent.is_empty();
                    let by_quotes = quoted && kinds.contains("string") && sent.contains("number");
                    assert!(same || by_quotes, "{file}: {path} is {sent:?} here and {kinds:?} there");
                }
            }
            all.insert(path);
        }
    }
    for path in sent_shape.keys().filter(|path| !all.contains(*path)) {
        assert!(listed(extra, path), "{recorded:?}: {path} is sent here and not recorded");
    }
}

/// An account in which everything is to be seen.
fn full() -> Bot {
    let spec = AccountSpec::named("main").world(|world| {
        world.position("SOLUSDT", "2", 5, MarginMode::Cross).position("ETHUSDT", "-0.1", 5, MarginMode::Cross)
    });
    let mut bot = Bot::new(Server::builder().account(spec));
    bot.order(with(limit("SOLUSDT", "Buy", "1", "150"), json!({"orderLinkId": "mine"})));
    bot.order(market("SOLUSDT", "Buy", "1"));
    bot.order(with(market("SOLUSDT", "Sell", "1"), json!({"reduceOnly": true})));
    bot.wait(6 * 3600 * 1000);
    bot
}

/// Where `retExtInfo` is not in a recording; its first page has no such thing as a cursor within a row.
const EVERY: &[&str] = &[".retExtInfo"];
/// Put into the first row by the client that recorded it.
const CLIENT: &[&str] = &["[].nextPageCursor", ".fundingRateTimestamp.x"];

#[test]
fn answers_about_markets() {
    let mut bot = full();
    let open = |bot: &mut Bot, path: &str, query: &str| bot.get(path, query);
    let info = open(&mut bot, "market/instruments-info", "category=linear");
    compare(&info, &["instruments_info_2"], &[], EVERY);
    // Older answers, with fewer fields.
    let newer = [
        "maxMktOrderQty",
        "minNotionalValue",
        "symbolId",
        "symbolType",
        "copyTrading",
        "upperFundingRate",
        "lowerFundingRate",
        "isPreListing",
        "preListingInfo",
        "riskParameters",
        "priceLimitRatioX",
        "priceLimitRatioY",
        "displayName",
        "forbidUplWithdrawal",
    ];
    for old in ["instruments_info_1", "instruments_info_3", "instruments_info_4"] {
        compare(&info, &[old], &[], &newer);
    }
    // A market before its listing has phases; none here is.
    let before =
        [".preListingInfo", "Phase", ".phases", ".phases[]", ".phase", "Time", ".auctionFeeInfo", "FeeRate"];
    compare(&info, &["instruments_info_5"], &before, &newer);
    let tickers = open(&mut bot, "market/tickers", "category=linear");
    // Sent by a client's own proxy; later fields.
    let later = [
        "fundingIntervalHour",
        "fundingCap",
        "basisRateYear",
        "preOpenPrice",
        "preQty",
        "curPreListingPhase",
    ];
    compare(&tickers, &["tickers_1"], &["[].timestamp"], &later);
    compare(&tickers, &["tickers_2"], &[], &later);
    compare(&tickers, &["tickers_4", "tickers_5"], &[], &later);
    let tiers = open(&mut bot, "market/risk-limit", "category=linear");
    compare(&tiers, &["risk_limit_1"], &[], &["mmDeduction"]);
    let funding = open(&mut bot, "market/funding/history", "category=linear&symbol=SOLUSDT");
    compare(&funding, &["funding_history_1", "funding_history_2"], CLIENT, EVERY);
    let interest = open(&mut bot, "market/open-interest", "category=linear&symbol=SOLUSDT&intervalTime=1h");
    compare(&interest, &["open_interest_1"], &[], &[]);
    let bounds = open(&mut bot, "market/price-limit", "category=linear&symbol=BTCUSDT");
    compare(&bounds, &["price_limit_1"], &[], &[]);
}

#[test]
fn answers_about_the_account() {
    let mut bot = full();
    let info = bot.get("account/info", "");
    compare(&info, &["account_info_1", "account_info_2"], &[], &[".retExtInfo", ".time"]);
    let wallet = bot.get("account/wallet-balance", "accountType=UNIFIED");
    // Of 2025; only spot accounts have debts.
    compare(&wallet, &["wallet_balance_1"], &[], &["spotBorrow"]);
    let newer = ["ByMp", "locked", "collateralSwitch", "marginCollateral", "spotHedgingQty", "spotBorrow"];
    let rest = ["totalOrderIM", "totalPositionIM", "totalPositionMM"];
    for old in
        ["wallet_balance_2", "wallet_balance_3", "wallet_balance_4", "wallet_balance_5", "wallet_balance_6"]
    {
        compare(&wallet, &[old], &[], &[&newer[..], &rest[..]].concat());
    }
    let fees = bot.get("account/fee-rate", "category=linear&symbol=SOLUSDT");
    compare(&fees, &["fee_rate_1"], &[], &[]);
    let collateral = bot.get("account/collateral-info", "");
    compare(&collateral, &["collateral_info_1"], &[], &[]);
    let log = bot.get("account/transaction-log", "");
    // Later fields.
    compare(&log, &["transaction_log_1"], CLIENT, &["transSubType", "extraFees"]);
    let positions = bot.get("position/list", "category=linear&settleCoin=USDT");
    compare(&positions, &["position_list_1"], CLIENT, &[]);
    let newer = [
        "ByMp",
        "breakEvenPrice",
        "curRealisedPnl",
        "sessionAvgPrice",
        "positionBalance",
        "seq",
        "isReduceOnly",
        "mmrSysUpdatedTime",
        "leverageSysUpdatedTime",
    ];
    // One sample misspells it; another has a later field.
    let odd = ["mmrSysUpdateTime", ".openTime"];
    for old in ["position_list_2", "position_list_3", "position_list_5", "position_list_6", "position_list_7"]
    {
        compare(&positions, &[old], &[CLIENT, &odd[..]].concat(), &newer);
    }
    // Of 2022: another name for the average price, times as numbers.
    let closed = bot.get("position/closed-pnl", "category=linear");
    compare(&closed, &["closed_pnl_1"], CLIENT, &[]);
    compare(&closed, &["closed_pnl_2"], CLIENT, &["openFee", "closeFee"]);
}

#[test]
fn answers_about_orders() {
    let mut bot = full();
    let open = bot.get("order/realtime", "category=linear&symbol=SOLUSDT");
    // Of trades, the fee by coin; later fields, and those that the venue shows in the other list.
    let later = [
        "parentOrderLinkId",
        "slippageToleranceType",
        "slippageTolerance",
        "extraFees",
        "USDT",
        "marketUnit",
        "createType",
        "cumFeeDetail",
    ];
    compare(&open, &["order_realtime_1"], CLIENT, &later);
    let none = bot.get("order/realtime", "category=linear&symbol=BTCUSDT");
    compare(&none, &["order_realtime_2", "order_realtime_3"], &[], &[]);
    let history = bot.get("order/history", "category=linear&symbol=SOLUSDT");
    compare(&history, &["order_history_1", "order_history_2"], CLIENT, &later);
    let fills = bot.get("execution/list", "category=linear");
    for file in ["execution_list_1", "execution_list_2", "execution_list_3"] {
        compare(&fills, &[file], CLIENT, &["feeCurrency", "createType", "marketUnit", "extraFees"]);
    }
    let oldest = ["feeCurrency", "createType", "marketUnit", "extraFees", ".seq"];
    compare(&fills, &["execution_list_4"], &[], &oldest);
}

#[test]
fn answers_to_writes() {
    let mut bot = full();
    let created = bot.post("order/create", limit("SOLUSDT", "Buy", "1", "150"));
    for file in ["order_create_1", "order_create_2", "order_create_3", "order_create_4", "order_create_5"] {
        compare(&created, &[file], &[], &[]);
    }
    bot.wait(200);
    let named = json!({"category": "linear", "symbol": "SOLUSDT", "orderId": created["result"]["orderId"]});
    let amended = bot.post("order/amend", with(named.clone(), json!({"price": "151"})));
    compare(&amended, &["order_amend_2"], &[], &[]);
    let cancelled = bot.post("order/cancel", named);
    compare(&cancelled, &["order_cancel_1", "order_cancel_2"], &[], &[]);
    let item = limit("SOLUSDT", "Buy", "1", "150");
    let batch = bot.post("order/create-batch", json!({"category": "linear", "request": [item]}));
    compare(&batch, &["order_create_batch_1"], &[], &[]);
    let unknown = json!({"symbol": "SOLUSDT", "orderId": "8bec532a-36b1-437e-93f4-1b03bf449456"});
    let batch = bot.post("order/cancel-batch", json!({"category": "linear", "request": [unknown]}));
    compare(&batch, &["order_cancel_batch_1"], &[], &[]);
    let all = bot.post("order/cancel-all", json!({"category": "linear", "settleCoin": "USDT"}));
    compare(&all, &["order_cancel_all_2"], &[], &[".success"]);
    let set = json!({"category": "linear", "symbol": "BTCUSDT", "buyLeverage": "3", "sellLeverage": "3"});
    compare(&bot.post("position/set-leverage", set.clone()), &["set_leverage_1"], &[], &[]);
    let stop = json!({"category": "linear", "symbol": "SOLUSDT", "stopLoss": "120"});
    let stopped = bot.post("position/trading-stop", stop);
    compare(
        &stopped,
        &["position_trading_stop_1", "position_trading_stop_2", "position_trading_stop_3"],
        &[],
        &[],
    );
    bot.post("order/cancel-all", json!({"category": "linear", "settleCoin": "USDT"}));
    let mode = bot.post("account/set-margin-mode", json!({"setMarginMode": "ISOLATED_MARGIN"}));
    compare(&mode, &["set_margin_mode_1"], &[], &[".retExtInfo", ".time"]);
    let margin = json!({"category": "linear", "symbol": "SOLUSDT", "margin": "10"});
    let added = bot.post("position/add-margin", margin);
    // The recording is a sample of the documentation with a part of a position.
    let whole = [
        "side",
        "tradeMode",
        "adlRankIndicator",
        "positionBalance",
        "ByMp",
        "tpslMode",
        "sessionAvgPrice",
        "curRealisedPnl",
        "breakEvenPrice",
        "isReduceOnly",
        "mmrSysUpdatedTime",
        "leverageSysUpdatedTime",
        "seq",
    ];
    compare(&added, &["add_margin_1"], &[], &whole);
    let mut flat = Bot::new(Server::builder());
    let hedge = flat.post("position/switch-mode", json!({"category": "linear", "coin": "USDT", "mode": 3}));
    compare(&hedge, &["switch_mode_1"], &[], &[]);
    // Refusals, to the letter.
    for (file, ours) in [
        ("error_3", bot.get("market/tickers", "")),
        (
            "error_2",
            bot.post("order/create", with(limit("SOLUSDT", "Buy", "1", "150"), json!({"timeInForce": "X"}))),
        ),
        ("order_amend_1", bot.post("order/amend", json!({}))),
    ] {
        let Some(theirs) = fixture(&format!("recorded/bybit/{file}.json")) else { return };
        assert_eq!((&ours["retCode"], &ours["retMsg"]), (&theirs["retCode"], &theirs["retMsg"]), "{file}");
    }
}
