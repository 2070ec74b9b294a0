//! Field sets and JSON types of every answer against recorded ones. What is recorded and not sent here, or sent here and
//! not in that recording, is listed with the reason.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_types::{MarginMode, Timestamp};
use serde_json::{Value, json};

use super::support::{Bot, START, fixture, limit, named, trigger};
use crate::hyperliquid::{AccountSpec, Address, Server};

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

/// `missing` and `extra` are path endings that may differ.
fn compare(name: &str, ours: &Value, recorded: &[&str], missing: &[&str], extra: &[&str]) {
    let mut theirs = Shape::new();
    for file in recorded {
        let Some(value) = fixture(&format!("recorded/hyperliquid/{file}.json")) else {
            println!("skipped: no shared fixtures");
            return;
        };
        for (path, kinds) in shape_of(&value) {
            theirs.entry(path).or_default().extend(kinds);
        }
    }
    let ours = shape_of(ours);
    let listed = |list: &[&str], path: &str| list.iter().any(|end| path.ends_with(end));
    for (path, kinds) in &theirs {
        match ours.get(path) {
            None => assert!(listed(missing, path), "{name}: {path} is recorded and missing here"),
            Some(sent) => assert!(
                sent.is_subset(kinds) || kinds.is_empty() || sent.is_empty(),
                "{name}: {path} is {sent:?} here and {kinds:?} there"
            ),
        }
    }
    for path in ours.keys().filter(|path| !theirs.contains_key(*path)) {
        assert!(listed(extra, path), "{name}: {path} is sent here and not recorded");
    }
}

/// Equal to the last character.
fn same(ours: &Value, recorded: &str) {
    match fixture(&format!("recorded/hyperliquid/{recorded}.json")) {
        Some(theirs) => assert_eq!(*ours, theirs, "{recorded}"),
        None => println!("skipped: no shared fixtures"),
    }
}

/// An account in which everything is to be seen.
fn full() -> Bot {
    let named_agent = Address::parse("0x286edfa08c04f6899dab3bfdecf2dd133f9733b9").unwrap();
    let spec = AccountSpec::named("main").spot("14.625485").agent("ok", named_agent, None).world(|world| {
        world.position("SOL", "2", 5, MarginMode::Cross).position("ETH", "-0.1", 5, MarginMode::Isolated)
    });
    let sub = AccountSpec::named("sub").sub_of("main").spot("0.22");
    let mut bot = Bot::new(Server::builder().account(spec).account(sub));
    bot.order(named(limit(2, true, "150", "1", "Gtc"), 1));
    bot.order(trigger(2, false, "140", "2", "sl", "139"));
    bot.order(named(limit(0, true, "107000", "0.01", "Ioc"), 2));
    bot.now = Timestamp(START.0 + 3_600_000);
    bot
}

#[test]
fn answers_about_markets() {
    let mut bot = full();
    let meta = bot.ask(json!({"type": "meta"}));
    // Coins that are delisted: none here.
    compare("meta", &meta, &["meta_2"], &[".isDelisted"], &[]);
    let both = bot.ask(json!({"type": "metaAndAssetCtxs"}));
    // The recording is of 2024, when there were no margin tables.
    let newer = [
        "marginTableId",
        "marginTables",
        "marginMode",
        "collateralToken",
        "description",
        "marginTiers",
        "lowerBound",
    ];
    let inner = ["[][].marginTiers[].maxLeverage", ".marginTables[]", ".marginTables[][]", ".marginTiers[]"];
    compare(
        "metaAndAssetCtxs",
        &both,
        &["metaAndAssetCtxs_1"],
        &[".isDelisted"],
        &[&newer[..], &inner[..]].concat(),
    );
    let mids = bot.ask(json!({"type": "allMids"}));
    // Coins are its fields.
    assert!(mids.as_object().unwrap().values().all(Value::is_string));
    let book = bot.ask(json!({"type": "l2Book", "coin": "SOL"}));
    compare("l2Book", &book, &["l2Book_1", "l2Book_2"], &[], &[]);
    let history = bot.ask(json!({"type": "fundingHistory", "coin": "SOL", "startTime": 0}));
    compare("fundingHistory", &history, &["fundingHistory_1"], &[], &[]);
    assert_eq!(bot.ask(json!({"type": "perpDexs"})), json!([null]));
    assert_eq!(
        bot.ask(json!({"type": "exchangeStatus"})),
        json!({"time": bot.now.0, "specialStatuses": null})
    );
    // The recording is of a client's test and leaves fields out; its universe is empty.
    let spot = bot.ask(json!({"type": "spotMeta"}));
    let fuller = [
        "evmContract",
        "fullName",
        "deployerTradingFeeShare",
        "universe[]",
        "tokens",
        "tokens[]",
        "name",
        "index",
        "isCanonical",
    ];
    compare("spotMeta", &spot, &["spotMeta_1"], &[], &fuller);
}

#[test]
fn answers_about_the_account() {
    let mut bot = full();
    let state = bot.about("clearinghouseState");
    // The recorded account has no isolated position, which alone has this.
    compare("clearinghouseState", &state, &["clearinghouseState_5"], &[], &["leverage.rawUsd"]);
    let spot = bot.about("spotClearinghouseState");
    compare("spotClearinghouseState", &spot, &["spotClearinghouseState_3"], &[], &[]);
    let open = bot.about("openOrders");
    // Optional at the venue: with a client id, and where it is reduce-only.
    compare("openOrders", &open, &["openOrders_2"], &[], &[".cloid", ".reduceOnly"]);
    let frontend = bot.about("frontendOpenOrders");
    compare("frontendOpenOrders", &frontend, &["frontendOpenOrders_3"], &[], &[]);
    let status = bot.ask(json!({"type": "orderStatus", "user": bot.account.to_string(), "oid": "0x00000000000000000000000000000001"}));
    compare("orderStatus", &status, &["orderStatus_1", "orderStatus_2"], &[], &[]);
    let history = bot.about("historicalOrders");
    // One row of it is what `orderStatus` has inside; recorded rows have their numbers quoted by the client.
    compare(
        "historicalOrders",
        &json!({"status": "order", "order": history[0]}),
        &["orderStatus_1"],
        &[],
        &[],
    );
    let fills = bot.about("userFills");
    // An old field; and newer ones.
    let newer = [".cloid", ".twapId"];
    compare("userFills", &fills, &["userFills_5"], &[".liquidationMarkPx"], &newer);
    let funding = bot.ask(json!({"type": "userFunding", "user": bot.account.to_string(), "startTime": 0}));
    // The selection leaves the hash out.
    compare("userFunding", &funding, &["userFunding_1"], &[], &["[].hash"]);
    let asset = bot.ask(json!({"type": "activeAssetData", "user": bot.account.to_string(), "coin": "SOL"}));
    compare("activeAssetData", &asset, &["activeAssetData_1"], &[], &[]);
    let fees = bot.about("userFees");
    // The recordings are short samples of clients, with the tiers in another place than the documentation has them.
    assert_eq!((&fees["userCrossRate"], &fees["userAddRate"]), (&json!("0.00045"), &json!("0.00015")));
    assert!(fees["feeSchedule"]["tiers"]["vip"].is_array() && fees["activeReferralDiscount"].is_string());
    let limit = bot.about("userRateLimit");
    compare("userRateLimit", &limit, &["userRateLimit_1"], &[], &[".nRequestsSurplus"]);
    compare("extraAgents", &bot.about("extraAgents"), &["extraAgents_1"], &[], &[]);
    compare("subAccounts", &bot.about("subAccounts"), &["subAccounts_1"], &[], &[]);
    assert_eq!(bot.about("userRole"), json!({"role": "user"}));
    assert_eq!(bot.about("userAbstraction"), json!("default"));
}

#[test]
fn answers_to_actions() {
    let mut bot = full();
    let resting = bot.act(super::support::orders(&[named(limit(2, true, "150", "1", "Gtc"), 3)]));
    compare("order", &resting, &["exchange_order_2"], &[], &[]);
    let filled = bot.act(super::support::orders(&[limit(2, true, "168", "1", "Ioc")]));
    compare("order", &filled, &["exchange_batchModify_1"], &[], &[]);
    let gone = bot.act(json!({"type": "cancel", "cancels": [{"a": 0, "o": 1}]}));
    same(&gone, "exchange_cancel_1");
    let set = bot.act(json!({"type": "updateLeverage", "asset": 1, "isCross": false, "leverage": 6}));
    same(&set, "exchange_updateLeverage_1");
    let least = bot.act(super::support::orders(&[limit(1, true, "2400", "0.001", "Gtc")]));
    same(&least, "exchange_order_4");
    let far = bot.act(super::support::orders(&[limit(1, true, "1", "1", "Gtc")]));
    same(&far, "exchange_order_3");
}
