//! What is refused, and that the message names file, field, values and remedy in one line.

use evenkeel_hyperliquid::decode::{
    AbstractionInput, Body, DecodeError, DecodeErrorKind, FeeInput, FlatSettings, OpenOrdersInput,
    assume_default_settings, decode_meta, decode_open_orders, decode_snapshot, decode_user_abstraction,
    decode_user_fees,
};
use evenkeel_types::{
    Leverage, LeverageSetting, MarginMode, MarginModes, OrderKind, Scope, Snapshot, Timestamp,
};
use serde_json::{Value, json};

use crate::support::{Account, d, json as parse, symbol};

#[track_caller]
fn refused(result: Result<Snapshot, DecodeError>, kind: DecodeErrorKind, needles: &[&str]) {
    let error = result.expect_err("must be refused");
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for needle in needles {
        assert!(text.contains(needle), "`{needle}` is not in: {text}");
    }
    assert!(!text.contains('\n') && !error.remedy().is_empty(), "{text}");
}

/// Each row edits the coherent account in one place.
#[test]
fn accounts_that_do_not_add_up() {
    use DecodeErrorKind::{Inconsistent, Missing, Unsupported, Value};
    let account = Account::example();
    for (from, to, kind, needles) in [
        (
            "\"299.49946\"",
            "\"299.52946\"",
            Inconsistent,
            ["marginSummary.totalNtlPos", "299.52946", "299.49946"],
        ),
        ("\"200.0\"", "\"201.0\"", Inconsistent, ["marginSummary.accountValue", "201", "200"]),
        ("\"-99.49946\"", "\"99.49946\"", Inconsistent, ["marginSummary.accountValue", "200", "398.99892"]),
        ("\"65.892346\"", "\"64\"", Inconsistent, ["marginSummary.totalMarginUsed", "64", "65.892346"]),
        ("\"44.928\"", "\"45\"", Inconsistent, ["[1].position.marginUsed", "45", "44.928"]),
        ("\"value\":2", "\"value\":3", Inconsistent, ["[1].position.marginUsed", "44.928", "29.952"]),
        (
            "\"0.54\"",
            "\"0.53\"",
            Inconsistent,
            ["[1].position.positionValue", "1 %", "metaAndAssetCtxs.json"],
        ),
        (
            "\"SOL\"",
            "\"WIF\"",
            Inconsistent,
            ["[1].position.coin", "WIF", "universe of metaAndAssetCtxs.json"],
        ),
        ("\"0.54\"", "\"0\"", Inconsistent, ["[1].position.szi", "size 0", "89.856"]),
        ("\"0.54\"", "\"-0.54\"", Inconsistent, ["marginSummary.accountValue", "200", "20.288"]),
        ("\"0.54\"", "\"5.4e-1\"", Value, ["[1].position.szi", "5.4e-1", "without exponent"]),
        ("\"0.54\"", "\"\"", Value, ["[1].position.szi", "``", "not a decimal"]),
        ("\"0.54\"", "\"NaN\"", Value, ["[1].position.szi", "NaN", "not a decimal"]),
        ("\"0.54\"", "null", Missing, ["[1].position.szi", "null", "never replaced"]),
        ("\"szi\":\"0.54\",", "", Missing, ["[1].position.szi", "missing", "never replaced"]),
        ("\"liquidationPx\":null,", "", Missing, ["[1].position.liquidationPx", "missing", "record"]),
        ("\"89.856\"", "\"-89.856\"", Value, ["[1].position.positionValue", "-89.856", "no sign"]),
        ("\"cross\"", "\"portfolio\"", Value, ["[0].position.leverage.type", "`portfolio`", "isolated"]),
        ("\"oneWay\"", "\"hedge\"", Unsupported, ["assetPositions[0].type", "`hedge`", "oneWay"]),
        ("\"time\":1751364005123", "\"time\":null", Missing, ["time", "missing", "record"]),
        ("\"time\":1751364005123", "\"time\":-5", Value, ["time", "`-5`", "whole number"]),
        ("\"crossMarginSummary\"", "\"x\"", Missing, ["crossMarginSummary", "missing", "record"]),
        (
            "\"crossMarginSummary\":{",
            "\"crossMarginSummary\":[],\"x\":{",
            Value,
            ["crossMarginSummary", "object", "array"],
        ),
        ("\"withdrawable\"", "\"time\":1,\"withdrawable\"", Value, ["duplicate field", "time", "whole"]),
    ] {
        let result = account.with_state(from, to).snapshot();
        refused(result, kind, &[&["clearinghouseState.json: "], needles.as_slice()].concat());
    }
    let isolated = account.with_state(
        "\"type\":\"cross\",\"value\":10",
        "\"type\":\"isolated\",\"value\":10,\"rawUsd\":\"-180\"",
    );
    refused(isolated.snapshot(), Inconsistent, &["[0].position.marginUsed", "20.964346", "29.64346"]);
}

/// A sum within a cent is the venue's rounding, beyond it is not; prices may differ by a percent.
#[test]
fn tolerances() {
    let account = Account::example();
    assert!(account.with_state("\"299.49946\"", "\"299.50946\"").snapshot().is_ok());
    assert!(account.with_state("\"299.49946\"", "\"299.50947\"").snapshot().is_err());
    let moved = account.with_markets("\"markPx\":\"166.4\"", "\"markPx\":\"168\"").snapshot().unwrap();
    assert_eq!(
        moved.quote(&symbol("SOL")).unwrap().mark.get(),
        d("166.4"),
        "the price the equity was made at"
    );
    assert!(account.with_markets("\"markPx\":\"166.4\"", "\"markPx\":\"168.1\"").snapshot().is_err());
}

#[test]
fn metadata_that_contradicts_itself() {
    use DecodeErrorKind::{Inconsistent, Missing, Value};
    let account = Account::example();
    for (from, to, kind, needles) in [
        (
            "\"markPx\":\"106418.0\"",
            "\"markPx\":\"2463.2\"",
            Inconsistent,
            ["clearinghouseState.json: assetPositions[0].position.positionValue", "106418", "2463.2"],
        ),
        (
            "{\"name\":\"MATIC\",\"szDecimals\":1,\"maxLeverage\":20,\"marginTableId\":20,\"isDelisted\":true},",
            "",
            Inconsistent,
            ["metaAndAssetCtxs.json: [1]", "6 contexts for 5 assets", "by position"],
        ),
        (
            "\"marginTableId\":56",
            "\"marginTableId\":57",
            Missing,
            ["[0].universe[0].marginTableId", "57", "marginTables"],
        ),
        (
            "\"marginTableId\":3",
            "\"marginTableId\":0",
            Missing,
            ["[0].universe[5].marginTableId", "0", "marginTables"],
        ),
        (
            "\"maxLeverage\":40,\"marginTableId\"",
            "\"maxLeverage\":50,\"marginTableId\"",
            Inconsistent,
            ["[0].universe[0].maxLeverage", "50", "40"],
        ),
        (
            "\"maxLeverage\":40,\"marginTableId\"",
            "\"maxLeverage\":0,\"marginTableId\"",
            Value,
            ["[0].universe[0].maxLeverage", "at least 1", "0"],
        ),
        ("\"szDecimals\":5", "\"szDecimals\":7", Value, ["[0].universe[0].szDecimals", "7", "price"]),
        ("\"szDecimals\":5,", "", Missing, ["[0].universe[0].szDecimals", "missing", "default"]),
        ("\"ETH\"", "\"BTC\"", Inconsistent, ["[0].universe[1]", "BTC", "position 0"]),
        ("\"ETH\"", "\"xyz:ETH\"", Inconsistent, ["[0].universe[1]", "`xyz`", "first dex"]),
        ("strictIsolated", "halfCross", Value, ["[0].universe[5].marginMode", "`halfCross`", "noCross"]),
        (
            "\"lowerBound\":\"70000000.0\"",
            "\"lowerBound\":\"0.0\"",
            Inconsistent,
            ["[0].universe[3].marginTableId", "tier 1", "floor"],
        ),
        (
            "\"lowerBound\":\"70000000.0\",",
            "",
            Missing,
            ["[0].marginTables[1][1].marginTiers[1].lowerBound", "missing", "default"],
        ),
        ("\"markPx\":\"106418.0\"", "\"markPx\":\"0\"", Value, ["[1][0].markPx", "above zero", "0"]),
        (
            "\"isDelisted\":true",
            "\"isDelisted\":\"yes\"",
            Value,
            ["[0].universe[2].isDelisted", "true or false", "yes"],
        ),
    ] {
        refused(account.with_markets(from, to).snapshot(), kind, &needles);
    }
    let above = account
        .with_markets("\"maxLeverage\":40,\"marginTableId\":56", "\"maxLeverage\":8,\"marginTableId\":8");
    let above = above.with_state("\"maxLeverage\":40", "\"maxLeverage\":8");
    let needles = ["[0].position.leverage.value", "10", "maximum is 8", "metaAndAssetCtxs.json"];
    refused(above.snapshot(), Inconsistent, &needles);
    let broken = Account { markets: b"[{},\n{]".to_vec(), ..account.clone() };
    refused(broken.snapshot(), DecodeErrorKind::Syntax, &["metaAndAssetCtxs.json: ", "line 2 column 2"]);
    let swapped = Account { markets: account.state.clone(), ..account };
    refused(swapped.snapshot(), Value, &["metaAndAssetCtxs.json: ", "array", "object"]);
}

/// A table of single tiers that no asset uses, implicit ids and the flags' meanings.
#[test]
fn margin_modes_and_tables() {
    let decode = |asset: Value| {
        let body = json!({ "universe": [asset] }).to_string();
        decode_meta(Body::new("meta", body.as_bytes())).map(|m| m.list[0].instrument.clone())
    };
    let asset = |extra: Value| {
        let mut asset = json!({ "name": "X", "szDecimals": 0, "maxLeverage": 3 });
        asset.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        decode(asset)
    };
    assert_eq!(asset(json!({})).unwrap().margin_modes, MarginModes::Both);
    assert_eq!(asset(json!({ "onlyIsolated": true })).unwrap().margin_modes, MarginModes::StrictIsolated);
    let no_cross = json!({ "onlyIsolated": true, "marginMode": "noCross" });
    assert_eq!(asset(no_cross).unwrap().margin_modes, MarginModes::IsolatedOnly);
    assert_eq!(asset(json!({ "marginTableId": 3 })).unwrap().max_leverage(), Leverage::new(3).unwrap());
    assert!(asset(json!({ "marginTableId": 50 })).is_err());
    assert!(asset(json!({ "marginTableId": 4 })).is_err(), "contradicts maxLeverage 3");
    assert!(asset(json!({ "marginTableId": 4, "isDelisted": true })).is_ok(), "leftovers do not matter");
    assert_eq!(asset(json!({})).unwrap().max_qty, None, "no price, no size limit");
    let builder = json!({ "name": "xyz:X", "szDecimals": 0, "maxLeverage": 3 });
    assert_eq!(decode(builder).unwrap_err().path(), "collateralToken");
}

#[test]
fn account_modes() {
    let account = Account::example();
    let mode = |mode: &str| Account { abstraction: mode.as_bytes().to_vec(), ..account.clone() };
    assert_eq!(mode("\"disabled\"").snapshot().unwrap(), account.snapshot().unwrap());
    for (text, needles) in [
        ("\"portfolioMargin\"", ["userAbstraction.json: ", "portfolio margin", "disabled"]),
        ("\"dexAbstraction\"", ["userAbstraction.json: ", "discontinued", "disabled"]),
        ("\"superMargin\"", ["userAbstraction.json: ", "`superMargin`", "disabled"]),
    ] {
        refused(mode(text).snapshot(), DecodeErrorKind::Unsupported, &needles);
    }
    assert!(decode_user_abstraction(Body::new("x", b"null")).is_err());
    assert!(decode_user_abstraction(Body::new("x", b"default")).is_err(), "not even JSON");
    let mut input = account.input();
    input.abstraction = AbstractionInput::AssumeStandard;
    assert_eq!(decode_snapshot(&input).unwrap(), account.snapshot().unwrap());

    let owing = account.with_state("\"200.0\"", "\"-1.0\"").with_state("\"200.0\"", "\"-1.0\"");
    let owing =
        owing.with_state("\"-99.49946\"", "\"-300.49946\"").with_state("\"-99.49946\"", "\"-300.49946\"");
    let needles = ["clearinghouseState.json: crossMarginSummary.accountValue", "negative: -1", "collateral"];
    refused(owing.snapshot(), DecodeErrorKind::Unsupported, &needles);
}

/// The perpetual summaries of a unified account mean nothing; its money is in the spot answer.
#[test]
fn unified_accounts() {
    let spot = |rows: &str| format!("{{\"balances\":[{rows}]}}").into_bytes();
    let usdc =
        "{\"coin\":\"USDC\",\"token\":0,\"total\":\"977.58\",\"hold\":\"65.892346\",\"entryNtl\":\"0.0\"}";
    let unified =
        Account { abstraction: b"\"unifiedAccount\"".to_vec(), spot: spot(usdc), ..Account::example() };
    let unified = unified.with_state("\"accountValue\":\"200.0\"", "\"accountValue\":\"0.0096\"");
    let pool = unified.snapshot().unwrap().pools[0].clone();
    assert_eq!((pool.equity.get(), pool.free.get()), (d("977.58"), d("911.687654")));
    assert_eq!((pool.withdrawable, pool.transferable), (None, None));

    // A net loss is taken off, a profit is not added; an isolated bucket is not the pool's.
    let losing = unified.with_state("\"2.89196\"", "\"-12.428\"");
    let pool = losing.snapshot().unwrap().pools[0].clone();
    assert_eq!((pool.equity.get(), pool.free.get()), (d("969.58"), d("903.687654")));
    let isolated = unified.with_state(
        "\"type\":\"cross\",\"value\":10",
        "\"type\":\"isolated\",\"value\":10,\"rawUsd\":\"-188.679114\"",
    );
    let snapshot = isolated.snapshot().unwrap();
    assert_eq!(snapshot.pools[0].equity.get(), d("956.615654"));
    assert_eq!(snapshot.account_value().unwrap().get(), d("977.58"));
    // More held back than our positions explain: the venue's word counts.
    let held = Account { spot: spot(&usdc.replace("65.892346", "165.892346")), ..unified.clone() };
    assert_eq!(held.snapshot().unwrap().pools[0].free.get(), d("811.687654"));

    let mut input = unified.input();
    input.spot_clearinghouse_state = None;
    let needles = ["accountValue and withdrawable mean nothing", "spotClearinghouseState"];
    refused(decode_snapshot(&input), DecodeErrorKind::Unsupported, &needles);
    let mut input = unified.input();
    input.other_dexes = None;
    refused(decode_snapshot(&input), DecodeErrorKind::Unsupported, &["same balance", "empty list"]);
    let other = [Body::new("xyz.json", &unified.state)];
    let mut input = unified.input();
    input.other_dexes = Some(&other);
    refused(
        decode_snapshot(&input),
        DecodeErrorKind::Unsupported,
        &["xyz.json: ", "BTC", "close the position"],
    );
    for rows in ["", &format!("{usdc},{usdc}")] {
        let odd = Account { spot: spot(rows), ..unified.clone() };
        refused(
            odd.snapshot(),
            DecodeErrorKind::Missing,
            &["spotClearinghouseState.json: balances", "token 0"],
        );
    }
    let blind = unified.with_state("\"unrealizedPnl\":\"2.89196\",", "");
    refused(blind.snapshot(), DecodeErrorKind::Missing, &["[0].position.unrealizedPnl"]);
    let owing = Account { spot: spot(&usdc.replace("977.58", "-5")), ..unified };
    let needles = ["spotClearinghouseState.json: balances[0].total", "negative: -5"];
    refused(owing.snapshot(), DecodeErrorKind::Unsupported, &needles);
}

#[test]
fn scope_settings_and_fees() {
    let account = Account::example();
    let setting = |coin: &str, leverage: u32| {
        let leverage = Leverage::new(leverage).unwrap();
        (symbol(coin), LeverageSetting::both(symbol(coin), leverage, MarginMode::Cross, Timestamp(1)))
    };
    let mut input = account.input();
    input.scope = Scope::of([symbol("BONK")]);
    refused(decode_snapshot(&input), DecodeErrorKind::Missing, &["[0].universe: there is no BONK", "spell"]);

    // Settings that nobody read are missing, not guessed.
    input.scope = Scope::of([symbol("ETH")]);
    input.flat_settings = FlatSettings::Read([].into());
    refused(decode_snapshot(&input), DecodeErrorKind::Inconsistent, &["ETH", "no leverage setting", "scope"]);
    input.flat_settings = FlatSettings::Read([setting("ETH", 7), setting("SOL", 2)].into());
    let snapshot = decode_snapshot(&input).unwrap();
    assert!(snapshot.setting(&symbol("ETH")).unwrap().is(Leverage::new(7).unwrap()));
    input.flat_settings = FlatSettings::Read([setting("ETH", 7), setting("SOL", 3)].into());
    refused(decode_snapshot(&input), DecodeErrorKind::Inconsistent, &["[1].position.leverage", "2x", "3x"]);
    input.flat_settings = FlatSettings::Read([(symbol("ETH"), setting("SOL", 2).1)].into());
    refused(decode_snapshot(&input), DecodeErrorKind::Inconsistent, &["given for ETH is one of SOL"]);

    // An assumed setting never equals the wanted one, whatever is wanted.
    let instruments = account.snapshot().unwrap().instruments;
    for wanted in 1..=50 {
        let wanted = Leverage::new(wanted).unwrap();
        for assumed in assume_default_settings(&instruments, wanted, Timestamp(1)).values() {
            assert!(assumed.long != wanted && assumed.short != wanted, "{assumed:?}");
        }
    }

    let fees = br#"{"userCrossRate":"0.000315","userAddRate":"-0.00001","activeReferralDiscount":"0.04"}"#;
    let decoded = decode_user_fees(Body::new("userFees", fees)).unwrap();
    assert_eq!((decoded.taker.get(), decoded.maker.get()), (d("0.0003024"), d("-0.00001")));
    assert!(decode_user_fees(Body::new("userFees", b"{\"userAddRate\":\"0\"}")).is_err());
    input.flat_settings = FlatSettings::Assume { other_than: Leverage::ONE };
    input.dexes[0].fees = FeeInput::Answer(Body::new("userFees", fees));
    assert_eq!(decode_snapshot(&input).unwrap().fee(&symbol("ETH")).unwrap().taker.get(), d("0.0003024"));

    // The deployer of a builder dex adds a fee that no answer shows.
    let state = parse(&account.state).to_string().replace("BTC", "xyz:BTC").replace("SOL", "xyz:SOL");
    let builder = Account::around(&serde_json::from_str(&state).unwrap(), 40, 0);
    let mut input = builder.input();
    input.dexes[0].fees = FeeInput::BaseTier;
    refused(
        decode_snapshot(&input),
        DecodeErrorKind::Unsupported,
        &["deployer of dex xyz", "give the rates"],
    );
    assert_eq!(builder.snapshot().unwrap().pools[0].id.to_string(), "xyz:USDC");
}

#[test]
fn resting_orders() {
    let row = |extra: Value| {
        let mut row =
            json!({ "coin": "SOL", "side": "A", "limitPx": "150", "sz": "0.54", "oid": 7, "origSz": "1" });
        row.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        row
    };
    let decode = |rows: Value| decode_open_orders(Body::new("orders", rows.to_string().as_bytes()));
    let one = |extra: Value| decode(json!([row(extra)])).map(|orders| orders[0].clone());
    let stop = json!({
        "isTrigger": true, "triggerPx": "149", "orderType": "Stop Market", "reduceOnly": true, "isPositionTpsl": true,
        "sz": "0.0",
    });
    let order = one(stop.clone()).unwrap();
    assert!(order.is_protective() && order.remaining.is_none() && order.kind == OrderKind::StopLoss);
    assert_eq!(order.trigger.unwrap().get(), d("149"));
    let hidden = one(json!({ "reduceOnly": true })).unwrap();
    assert!(hidden.is_protective(), "openOrders hides triggers; a reduce-only order may be a stop");
    let odd = json!({ "isTrigger": true, "triggerPx": "149", "orderType": "Trailing" });
    assert_eq!(one(odd).unwrap().kind, OrderKind::OtherConditional);
    assert!(one(json!({ "isTrigger": true })).is_err(), "a trigger order without its trigger");
    assert_eq!(one(json!({ "side": "X" })).unwrap_err().path(), "[0].side");
    assert!(one(json!({ "sz": "-1" })).is_err());
    assert!(one(json!({ "limitPx": "0" })).is_err());

    // Attached orders are listed twice by the venue and once by us, even if only nested.
    let (listed, nested) = (row(json!({ "oid": 8 })), row(json!({ "oid": 9 })));
    let parent = row(json!({ "children": [listed, nested] }));
    let orders = decode(json!([parent, listed])).unwrap();
    let ids: Vec<_> = orders.iter().map(|order| order.venue_order_id.as_str()).collect();
    assert_eq!(ids, ["7", "8", "9"]);

    // Spot orders move no perpetual margin; an unknown perpetual means the wrong network or dex.
    let account = |rows: Value| Account { orders: rows.to_string().into_bytes(), ..Account::example() };
    let spot = json!([
        row(json!({ "coin": "@107" })),
        row(json!({ "coin": "PURR/USDC", "oid": 8 })),
        row(json!({ "oid": 9 }))
    ]);
    assert_eq!(account(spot).snapshot().unwrap().open_orders.len(), 1);
    let unknown = account(json!([row(json!({ "coin": "WIF" }))]));
    refused(unknown.snapshot(), DecodeErrorKind::Inconsistent, &["openOrders.json: ", "order 7", "WIF"]);
    let mut input = unknown.input();
    input.dexes[0].open_orders = OpenOrdersInput::AssumeNone;
    assert!(decode_snapshot(&input).unwrap().open_orders.is_empty());
}
