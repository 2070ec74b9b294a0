//! Every recorded answer of the decoded endpoints, compared value by value with the raw JSON and, where there is
//! one, with what another client made of it (`*.expected.json`).
//!
//! `userAbstraction` was never recorded. `live_selection_1` to `_5` are rows selected from captures; the ones
//! that are complete enough are decoded inside an envelope made here. Not decoded, with the reason:
//! - `live_selection_1` positions: cut down, no leverage and no margin.
//! - `live_selection_4` margin summary without positions and cross summary: nothing to decode but four numbers.

use evenkeel_hyperliquid::decode::{
    Body, ClearinghouseState, DecodeErrorKind, Markets, decode_clearinghouse_state, decode_meta,
    decode_meta_and_asset_ctxs, decode_open_orders, decode_spot_clearinghouse_state, decode_user_fees,
};
use evenkeel_types::{Decimal, MarginMode, MarginModes, OpenOrder, OrderKind, Side, TradingStatus};
use serde_json::{Value, json};

use crate::support::{Account, d, fixtures, json as parse, read, symbol, value};

/// Compares a decoded number with a field; absent and null fields must be `None`.
fn same(what: &str, ours: Option<Decimal>, raw: &Value) {
    if raw.is_null() {
        assert_eq!(ours, None, "{what}");
    } else {
        assert_eq!(ours, Some(value(raw)), "{what}");
    }
}

fn check_state(name: &str, raw: &Value, state: &ClearinghouseState) {
    let time = state.time.map(|time| Decimal::from(time.0));
    same(&format!("{name} time"), time, &raw["time"]);
    same(name, state.withdrawable.map(evenkeel_types::Usd::get), &raw["withdrawable"]);
    same(name, state.cross_maintenance.map(evenkeel_types::Usd::get), &raw["crossMaintenanceMarginUsed"]);
    for (ours, raw) in [(state.total, &raw["marginSummary"]), (state.cross, &raw["crossMarginSummary"])] {
        same(name, ours.map(|s| s.account_value.get()), &raw["accountValue"]);
        same(name, ours.map(|s| s.total_ntl_pos.get()), &raw["totalNtlPos"]);
        same(name, ours.map(|s| s.total_raw_usd.get()), &raw["totalRawUsd"]);
        same(name, ours.map(|s| s.total_margin_used.get()), &raw["totalMarginUsed"]);
    }
    let rows = raw["assetPositions"].as_array().unwrap();
    assert_eq!(rows.len(), state.positions.len(), "{name}");
    for (ours, row) in state.positions.iter().zip(rows) {
        let raw = &row["position"];
        assert_eq!(ours.symbol.as_str(), raw["coin"], "{name}");
        let what = format!("{name} {}", ours.symbol);
        same(&what, Some(ours.qty.get()), &raw["szi"]);
        same(&what, ours.entry.map(evenkeel_types::Price::get), &raw["entryPx"]);
        assert_eq!(ours.mode.to_string(), raw["leverage"]["type"], "{what}");
        same(&what, Some(ours.leverage.get()), &raw["leverage"]["value"]);
        same(&what, ours.raw_usd.map(evenkeel_types::Usd::get), &raw["leverage"]["rawUsd"]);
        same(&what, Some(ours.position_value.get()), &raw["positionValue"]);
        same(&what, ours.unrealized_pnl.map(evenkeel_types::Usd::get), &raw["unrealizedPnl"]);
        same(&what, Some(ours.margin_used.get()), &raw["marginUsed"]);
        same(&what, ours.max_leverage.map(evenkeel_types::Leverage::get), &raw["maxLeverage"]);
        same(&what, ours.liquidation_price.map(evenkeel_types::Price::get), &raw["liquidationPx"]);
    }
}

#[test]
fn clearinghouse_states() {
    let Some(folder) = fixtures() else { return };
    let mut positions = 0;
    for index in 1..=7 {
        let name = format!("clearinghouseState_{index}.json");
        let bytes = read(&folder, &name);
        let state = decode_clearinghouse_state(Body::new(&name, &bytes)).unwrap();
        check_state(&name, &parse(&bytes), &state);
        positions += state.positions.len();
        for (ours, theirs) in state.positions.iter().zip(expected_rows(&folder, &name)) {
            assert_eq!(value(&theirs["contracts"]), ours.qty.abs().get(), "{name}");
            assert_eq!(theirs["side"] == "short", ours.qty.is_negative(), "{name}");
            assert_eq!(value(&theirs["leverage"]), ours.leverage.get(), "{name}");
            assert_eq!(value(&theirs["notional"]), ours.position_value.get(), "{name}");
            assert_eq!(theirs["marginMode"], ours.mode.to_string(), "{name}");
            assert_eq!(value(&theirs["entryPrice"]), ours.entry.unwrap().get(), "{name}");
            same(&name, ours.liquidation_price.map(evenkeel_types::Price::get), &theirs["liquidationPrice"]);
        }
    }
    assert_eq!(positions, 16);
    // The states inside `subAccounts` have the same shape.
    let rows = parse(&read(&folder, "subAccounts_1.json"));
    let bytes = rows[0]["clearinghouseState"].to_string().into_bytes();
    let state = decode_clearinghouse_state(Body::new("subAccounts_1.json", &bytes)).unwrap();
    check_state("subAccounts_1.json", &rows[0]["clearinghouseState"], &state);
}

/// The rows of the sidecar file, none where there is no such file or it holds no list.
fn expected_rows(folder: &std::path::Path, name: &str) -> Vec<Value> {
    let path = folder.join(name.replace(".json", ".expected.json"));
    let Ok(bytes) = std::fs::read(path) else { return Vec::new() };
    parse(&bytes).as_array().cloned().unwrap_or_default()
}

/// As whole accounts: coherent ones pass all checks; the others are refused for what is wrong with them.
#[test]
fn recorded_accounts_pass_the_checks_or_say_why_not() {
    let Some(folder) = fixtures() else { return };
    for (index, refusal) in [
        (1, None),
        (2, None),
        (3, None),
        (5, None),
        (6, None),
        (4, Some((DecodeErrorKind::Missing, "time"))), // 2023
        (7, Some((DecodeErrorKind::Inconsistent, "crossMarginSummary.totalNtlPos"))), // no positions
    ] {
        let name = format!("clearinghouseState_{index}.json");
        let mut account = Account::around(&parse(&read(&folder, &name)), 50, 0);
        account.state = read(&folder, &name);
        let result = account.snapshot();
        let got = result.as_ref().err().map(|error| (error.kind(), error.path()));
        assert_eq!(got, refusal, "{name}: {result:?}");
    }
    let expected = parse(&read(&folder, "clearinghouseState_3.expected.json"));
    let mut account = Account::around(&json!({ "assetPositions": [] }), 50, 0);
    account.state = read(&folder, "clearinghouseState_3.json");
    let snapshot = account.snapshot().unwrap();
    assert_eq!(snapshot.account_value().unwrap().get(), value(&expected["total"]["USDC"]));
    assert_eq!(snapshot.pools[0].free.get(), value(&expected["free"]["USDC"]));

    // An isolated position on a builder dex: bucket and pool stand apart.
    let mut account = Account::around(&parse(&read(&folder, "clearinghouseState_1.json")), 3, 360);
    account.state = read(&folder, "clearinghouseState_1.json");
    let snapshot = account.snapshot().unwrap();
    let pool = &snapshot.pools[0];
    assert_eq!(
        (pool.id.to_string(), pool.collateral.to_string()),
        ("flx:token360".into(), "token360".into())
    );
    assert_eq!((pool.equity.get(), pool.free.get()), (d("3.429999"), d("3.429999")));
    assert_eq!(pool.withdrawable.unwrap().get(), d("0.163333"));
    let position = &snapshot.positions[0];
    assert_eq!(
        (position.mode, position.isolated.unwrap().equity.get()),
        (MarginMode::Isolated, d("3.459702"))
    );
    assert_eq!(snapshot.account_value().unwrap().get(), d("6.889701"));
}

fn check_markets(name: &str, universe: &Value, contexts: Option<&Value>, markets: &Markets) {
    let rows = universe.as_array().unwrap();
    assert_eq!(rows.len(), markets.list.len(), "{name}");
    for (index, (market, raw)) in markets.list.iter().zip(rows).enumerate() {
        let instrument = &market.instrument;
        let what = format!("{name} {}", instrument.symbol);
        assert_eq!(instrument.symbol.as_str(), raw["name"], "{what}");
        assert_eq!(market.index as usize, index, "{what}");
        let decimals: u32 = value(&raw["szDecimals"]).to_string().parse().unwrap();
        assert_eq!(instrument.lot.get(), Decimal::new(1, decimals), "{what}");
        assert_eq!(instrument.max_leverage().get(), value(&raw["maxLeverage"]), "{what}");
        let closed = raw["isDelisted"] == true;
        assert_eq!(instrument.status == TradingStatus::Closed, closed, "{what}");
        let modes = match (raw["marginMode"].as_str(), raw["onlyIsolated"] == true) {
            (Some("strictIsolated"), _) | (None, true) => MarginModes::StrictIsolated,
            (Some("noCross"), _) => MarginModes::IsolatedOnly,
            _ => MarginModes::Both,
        };
        assert_eq!(instrument.margin_modes, modes, "{what}");
        let raw = contexts.map_or(&Value::Null, |rows| &rows[index]);
        same(&what, market.mark.map(evenkeel_types::Price::get), &raw["markPx"]);
        same(&what, market.oracle.map(evenkeel_types::Price::get), &raw["oraclePx"]);
        same(&what, market.funding.map(evenkeel_types::Rate::get), &raw["funding"]);
        assert_eq!(instrument.max_qty.is_some(), market.mark.is_some(), "{what}");
    }
}

#[test]
fn metas() {
    let Some(folder) = fixtures() else { return };
    let mut all = Vec::new();
    for name in ["meta_1.json", "meta_2.json", "meta_3.json"] {
        let bytes = read(&folder, name);
        let markets = decode_meta(Body::new(name, &bytes)).unwrap();
        check_markets(name, &parse(&bytes)["universe"], None, &markets);
        all.push(markets);
    }
    for name in ["metaAndAssetCtxs_1.json", "metaAndAssetCtxs_2.json"] {
        let bytes = read(&folder, name);
        let markets = decode_meta_and_asset_ctxs(Body::new(name, &bytes)).unwrap();
        let raw = parse(&bytes);
        check_markets(name, &raw[0]["universe"], Some(&raw[1]), &markets);
    }
    // Explicit tables (BTC), implicit ids (SOL), and the counts of the whole testnet body.
    let testnet = &all[1];
    let of = |counts: fn(&evenkeel_hyperliquid::decode::Market) -> bool| {
        testnet.list.iter().filter(|m| counts(m)).count()
    };
    assert_eq!(testnet.list.len(), 201);
    assert_eq!(of(|m| m.instrument.status == TradingStatus::Closed), 35);
    assert_eq!(of(|m| m.instrument.margin_modes != MarginModes::Both), 20);
    for (name, want) in [
        ("BTC", "0:40:0.0125:0 10000:25:0.02:75 50000:10:0.05:1575"),
        ("ETH", "0:25:0.02:0 20000:10:0.05:600 50000:5:0.1:3100"),
        ("SOL", "0:10:0.05:0"),
        ("APT", "0:3:0.1666666666666666666666666667:0"),
    ] {
        let tiers: Vec<_> = testnet
            .get(&symbol(name))
            .unwrap()
            .instrument
            .tiers
            .as_slice()
            .iter()
            .map(|t| {
                format!("{}:{}:{}:{}", t.notional_floor, t.max_leverage, t.maintenance_rate, t.deduction)
            })
            .collect();
        assert_eq!(tiers.join(" "), want, "{name}");
    }
}

#[test]
fn selected_metas_and_builder_dexes() {
    let Some(folder) = fixtures() else { return };
    let selection = parse(&read(&folder, "live_selection_2.json"))["selection"].take();
    let mut rows = selection["perpUniverse"].as_array().unwrap().clone();
    let tables: Vec<_> = rows
        .iter_mut()
        .filter_map(|row| {
            let table = row["marginTable"].take();
            (!table.is_null()).then(|| json!([table["id"], table]))
        })
        .collect();
    let body = json!([{ "universe": rows, "marginTables": tables }, selection["assetContexts"]]);
    let bytes = body.to_string().into_bytes();
    let markets = decode_meta_and_asset_ctxs(Body::new("live_selection_2.json", &bytes)).unwrap();
    check_markets("live_selection_2.json", &body[0]["universe"], Some(&body[1]), &markets);
    let eth = &markets.get(&symbol("ETH")).unwrap().instrument;
    assert_eq!(eth.tiers.as_slice()[1].deduction.get().round_dp(6), d("1333333.333333"));
    let dydx = &markets.get(&symbol("DYDX")).unwrap().instrument;
    assert_eq!(dydx.tiers.as_slice()[0].maintenance_rate.get(), d("0.1"), "id 5 is in no table");

    for (name, pool) in [("live_selection_3.json", "xyz:USDC"), ("live_selection_5.json", "test:USDC")] {
        let selection = parse(&read(&folder, name))["selection"].take();
        let bytes = selection["hip3Meta"].to_string().into_bytes();
        let markets = decode_meta(Body::new(name, &bytes)).unwrap();
        check_markets(name, &selection["hip3Meta"]["universe"], None, &markets);
        assert_eq!(markets.pool.to_string(), pool);
        assert!(markets.list.iter().all(|m| m.instrument.pool == markets.pool));
        // Contexts of a selection have gaps; the rows that belong together still decode together.
        let contexts = selection["hip3AssetContexts"].as_array().unwrap();
        let rows: Vec<_> = contexts
            .iter()
            .map(|context| {
                let rows = selection["hip3Meta"]["universe"].as_array().unwrap();
                rows.iter().find(|row| row["name"] == context["name"]).unwrap().clone()
            })
            .collect();
        let body = json!([{ "universe": rows, "collateralToken": 0 }, contexts]);
        let bytes = body.to_string().into_bytes();
        let markets = decode_meta_and_asset_ctxs(Body::new(name, &bytes)).unwrap();
        check_markets(name, &body[0]["universe"], Some(&body[1]), &markets);
        let spot = selection["spotClearinghouseState"].to_string().into_bytes();
        assert!(decode_spot_clearinghouse_state(Body::new(name, &spot)).unwrap().is_empty());
    }
}

#[test]
fn spot_states_and_fees() {
    let Some(folder) = fixtures() else { return };
    for index in 1..=3 {
        let name = format!("spotClearinghouseState_{index}.json");
        let bytes = read(&folder, &name);
        let balances = decode_spot_clearinghouse_state(Body::new(&name, &bytes)).unwrap();
        let raw = parse(&bytes);
        let rows = raw["balances"].as_array().unwrap();
        assert_eq!(rows.len(), balances.len());
        for (ours, raw) in balances.iter().zip(rows) {
            assert_eq!(ours.coin, raw["coin"], "{name}");
            same(&name, ours.token.map(Decimal::from), &raw["token"]);
            same(&name, Some(ours.total.get()), &raw["total"]);
            same(&name, Some(ours.hold.get()), &raw["hold"]);
        }
        if index == 1 {
            let expected = parse(&read(&folder, "spotClearinghouseState_1.expected.json"));
            for ours in balances.iter().filter(|b| ["USDC", "HYPE", "USDH"].contains(&b.coin.as_str())) {
                assert_eq!(value(&expected["total"][&ours.coin]), ours.total.get());
                assert_eq!(value(&expected["used"][&ours.coin]), ours.hold.get());
            }
        }
    }
    for (name, maker, taker) in
        [("userFees_1.json", "0.00004", "0.0003"), ("userFees_2.json", "0.00015", "0.00045")]
    {
        let fees = decode_user_fees(Body::new(name, &read(&folder, name))).unwrap();
        assert_eq!((fees.maker.get(), fees.taker.get()), (d(maker), d(taker)), "{name}");
    }
    for (name, taker) in [("live_selection_1.json", "0.0003"), ("live_selection_4.json", "0.00045")] {
        let bytes = parse(&read(&folder, name))["selection"]["userFees"].to_string().into_bytes();
        assert_eq!(decode_user_fees(Body::new(name, &bytes)).unwrap().taker.get(), d(taker), "{name}");
    }
}

fn check_order(name: &str, ours: &OpenOrder, raw: &Value) {
    assert_eq!(ours.symbol.as_str(), raw["coin"], "{name}");
    assert_eq!(ours.venue_order_id, value(&raw["oid"]).to_string(), "{name}");
    assert_eq!(ours.side, if raw["side"] == "B" { Side::Buy } else { Side::Sell }, "{name}");
    same(name, ours.remaining.map(evenkeel_types::Qty::get), &raw["sz"]);
    same(name, ours.limit.map(evenkeel_types::Price::get), &raw["limitPx"]);
    assert_eq!(ours.reduce_only, raw["reduceOnly"] == true, "{name}");
    if raw["isTrigger"] == true {
        same(name, ours.trigger.map(evenkeel_types::Price::get), &raw["triggerPx"]);
    } else {
        assert_eq!((ours.trigger, ours.kind), (None, OrderKind::Limit), "{name}");
    }
}

#[test]
fn open_orders() {
    let Some(folder) = fixtures() else { return };
    let mut count = 0;
    for name in [
        "openOrders_1.json",
        "openOrders_2.json",
        "frontendOpenOrders_1.json",
        "frontendOpenOrders_2.json",
        "frontendOpenOrders_3.json",
    ] {
        let bytes = read(&folder, name);
        let orders = decode_open_orders(Body::new(name, &bytes)).unwrap();
        let raw = parse(&bytes);
        let rows = raw.as_array().unwrap();
        assert_eq!(rows.len(), orders.len(), "{name}");
        for (ours, raw) in orders.iter().zip(rows) {
            check_order(name, ours, raw);
        }
        for (ours, theirs) in orders.iter().zip(expected_rows(&folder, name)) {
            assert_eq!(theirs["id"], ours.venue_order_id.as_str(), "{name}");
            assert_eq!(theirs["side"], ours.side.to_string(), "{name}");
            same(name, ours.remaining.map(evenkeel_types::Qty::get), &theirs["remaining"]);
            same(name, ours.limit.map(evenkeel_types::Price::get), &theirs["price"]);
            same(name, ours.trigger.map(evenkeel_types::Price::get), &theirs["triggerPrice"]);
        }
        if name == "frontendOpenOrders_2.json" {
            assert_eq!(orders[0].kind, OrderKind::StopLoss);
        }
        count += orders.len();
    }
    assert_eq!(count, 200);
}

/// A recording that is added later is not overlooked.
#[test]
fn no_recording_of_these_endpoints_is_left_out() {
    let Some(folder) = fixtures() else { return };
    let known = [
        ("meta", 3),
        ("metaAndAssetCtxs", 2),
        ("clearinghouseState", 7),
        ("spotClearinghouseState", 3),
        ("userAbstraction", 0),
        ("openOrders", 2),
        ("frontendOpenOrders", 3),
        ("userFees", 2),
        ("live_selection", 5),
        ("subAccounts", 1),
    ];
    for (endpoint, count) in known {
        let numbered = |name: &str| {
            name.strip_prefix(endpoint)
                .and_then(|rest| rest.strip_prefix('_'))
                .and_then(|rest| rest.strip_suffix(".json"))
                .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
        };
        let files = std::fs::read_dir(&folder).unwrap();
        let found = files.filter(|file| numbered(&file.as_ref().unwrap().file_name().to_string_lossy()));
        assert_eq!(found.count(), count, "{endpoint}");
    }
}
