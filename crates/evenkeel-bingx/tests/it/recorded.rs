//! Every recorded answer of the calls that are made, compared value by value with the raw JSON; the others are listed with
//! the reason why they are not used.

use std::collections::BTreeSet;
use std::path::Path;

use evenkeel_bingx::decode::{
    self, AssetMode, Body, DecodeErrorKind, HeldPosition, decode_acknowledgement, decode_all_orders,
    decode_asset_mode, decode_balance, decode_batch, decode_cancel, decode_cancelled, decode_commission,
    decode_contracts, decode_fill_history, decode_funding_rates, decode_income, decode_leverage,
    decode_leverage_set, decode_maintenance_tiers, decode_margin_moved, decode_margin_type,
    decode_open_orders, decode_order, decode_position_mode, decode_positions, decode_premium_index,
    decode_refusal, decode_tickers, instrument,
};
use evenkeel_margin::{MarginRules, maintenance_margin};
use evenkeel_types::{
    Leverage, MarginMode, OrderKind, OrderStatus, PoolId, PositionMode, Price, Side, TradingStatus, Usd,
};
use serde_json::{Value, json};

use crate::support::{d, fixtures, json as parse, read, root, same, symbol, value};

/// Files that no test here reads, and why.
const NOT_USED: &[(&str, &str)] = &[
    ("cancelReplace", "orders are not replaced: cancelling and placing are two decisions"),
    ("closeAllPositions", "positions are closed by orders with a worst price, never at the market"),
    ("closePosition", "the same"),
    ("order_amend", "orders are not amended"),
    ("twap", "orders that a program of the venue slices"),
    ("forceOrders", "liquidations are seen as positions and fills"),
    ("positionHistory", "closed positions are not read"),
    ("positionMargin_history", "the history of a bucket is not read"),
    ("positionSide_dual_set", "the position mode is never changed"),
    ("assetMode_set", "the asset mode is never changed"),
    ("marginAssets", "multi-assets mode is refused"),
    ("multiAssetsRules", "the same"),
    ("openInterest", "not read"),
    ("price_", "last prices are not read"),
    ("error_catalog", "in the table of effects"),
    ("order_query_row", "a row of the spot interface: other names and states"),
    ("order_create_6", "a body without its envelope"),
    ("fillHistory", "of allFillOrders: no trade id, no side, rounded sizes; it must be refused, see below"),
    ("request_", "in requests"),
    ("INDEX", "no answer"),
    ("ccxt_symbols", "no answer"),
];

const USED: &[&str] = &[
    "allOpenOrders_cancel_1",
    "allOrders_1",
    "allOrders_2",
    "assetMode_get_1",
    "balance_1",
    "balance_2",
    "batchOrders_cancel_1",
    "commissionRate_1",
    "contracts_1",
    "contracts_2",
    "contracts_row_1",
    "error_1",
    "error_2",
    "error_3",
    "fundingRate_row_1",
    "income_1",
    "leverage_get_1",
    "leverage_get_2",
    "leverage_set_1",
    "maintMarginRatio_1",
    "maintMarginRatio_2",
    "marginType_get_1",
    "marginType_get_2",
    "openOrders_1",
    "order_cancel_1",
    "order_create_1",
    "order_create_2",
    "order_create_3",
    "order_create_4",
    "order_create_5",
    "order_create_batch_1",
    "order_query_1",
    "order_query_2",
    "positionMargin_1",
    "positionSide_dual_get_1",
    "positions_1",
    "positions_2",
    "positions_3",
    "premiumIndex_1",
    "premiumIndex_2",
    "premiumIndex_row_1",
    "ticker_1",
    "ticker_2",
];

#[test]
fn every_recorded_file_is_used_or_left_out_for_a_reason() {
    let Some(folder) = fixtures() else { return };
    let mut open = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let stem = name.trim_end_matches(".json").trim_end_matches(".expected");
        let listed = USED.contains(&stem) || NOT_USED.iter().any(|(part, _)| stem.starts_with(part));
        if !listed {
            open.insert(name);
        }
    }
    assert_eq!(open, BTreeSet::new());
}

/// The whole of a recorded file, and its `data`.
fn file(folder: &Path, name: &str) -> (Vec<u8>, Value) {
    let bytes = read(folder, &format!("{name}.json"));
    let data = parse(&bytes)["data"].clone();
    (bytes, data)
}

fn enveloped(data: &Value) -> Vec<u8> {
    json!({"code": 0, "msg": "", "data": data}).to_string().into_bytes()
}

#[test]
fn contracts() {
    let Some(folder) = fixtures() else { return };
    let row = enveloped(&json!([parse(&read(&folder, "contracts_row_1.json"))]));
    let bodies = [file(&folder, "contracts_1").0, file(&folder, "contracts_2").0, row];
    for bytes in bodies {
        let contracts = decode_contracts(Body::new("contracts", &bytes)).unwrap();
        assert!(contracts.refused.is_empty());
        for raw in parse(&bytes)["data"].as_array().unwrap() {
            let ours = &contracts.list[&symbol(raw["symbol"].as_str().unwrap())];
            let step =
                |name: &str| evenkeel_types::Decimal::new(1, value(&raw[name]).to_string().parse().unwrap());
            assert_eq!(ours.tick.get(), step("pricePrecision"));
            assert_eq!(ours.lot.get(), step("quantityPrecision"));
            assert_eq!(ours.min_qty.get(), value(&raw["tradeMinQuantity"]));
            assert_eq!(ours.min_notional.get(), value(&raw["tradeMinUSDT"]));
            assert_eq!(ours.taker.get(), value(&raw["takerFeeRate"]));
            assert_eq!(ours.maker.get(), value(&raw["makerFeeRate"]));
            assert_eq!((ours.status, ours.currency.as_str()), (TradingStatus::Trading, "USDT"));
        }
    }
    let (bytes, _) = file(&folder, "contracts_1");
    let contracts = decode_contracts(Body::new("contracts", &bytes)).unwrap();
    let expected = parse(&read(&folder, "contracts_1.expected.json"));
    for theirs in expected.as_object().unwrap().values() {
        let ours = &contracts.list[&symbol(theirs["id"].as_str().unwrap())];
        assert_eq!(ours.min_qty.get(), value(&theirs["limits"]["amount"]["min"]));
        assert_eq!(ours.min_notional.get(), value(&theirs["limits"]["cost"]["min"]));
        assert_eq!(ours.taker.get(), value(&theirs["taker"]));
    }
}

/// The real table of ETH: continuous to the last tier, and the maintenance of the worked examples.
#[test]
fn tiers() {
    let (Some(folder), Some(root)) = (fixtures(), root()) else { return };
    let eth = symbol("ETH-USDT");
    for name in ["maintMarginRatio_1", "maintMarginRatio_2"] {
        let (bytes, data) = file(&folder, name);
        let tiers = decode_maintenance_tiers(Body::new(name, &bytes), &eth).unwrap();
        let raw = data.as_array().unwrap();
        assert_eq!(tiers.len(), raw.len());
        for (ours, raw) in tiers.iter().zip(raw) {
            assert_eq!(ours.floor.get(), value(&raw["minPositionVal"]));
            assert_eq!(ours.cap.get(), value(&raw["maxPositionVal"]));
            assert_eq!(ours.rate.get(), value(&raw["maintMarginRatio"]));
            assert_eq!(ours.amount.get(), value(&raw["maintAmount"]));
        }
        assert!(decode_maintenance_tiers(Body::new(name, &bytes), &symbol("BTC-USDT")).is_err());
    }
    let (bytes, _) = file(&folder, "maintMarginRatio_1");
    let tiers = decode_maintenance_tiers(Body::new("maintMarginRatio", &bytes), &eth).unwrap();
    assert_eq!(tiers.len(), 25);
    let contracts = decode_contracts(Body::new("contracts", &file(&folder, "contracts_1").0)).unwrap();
    let rules =
        instrument(&contracts.list[&eth], &tiers, Leverage::new(125).unwrap(), PoolId(symbol("USDT")), None)
            .unwrap();
    assert_eq!(rules.max_leverage(), Leverage::new(125).unwrap());
    assert_eq!(rules.tiers.cap(), tiers.last().map(|tier| tier.cap));
    let examples = parse(&read(&root, "liquidation_examples_bingx.json"));
    let mut compared = 0;
    for example in examples["examples"].as_array().unwrap() {
        let Some(expected) = example["expected"].get("maintenance_margin") else { continue };
        if !example["id"].as_str().unwrap().starts_with("eth_tier_") {
            continue;
        }
        let notional = Usd::new(value(&example["inputs"]["position_value"])).unwrap();
        let margin =
            maintenance_margin(notional, &MarginRules::new(&rules.tiers, evenkeel_types::Rate::ZERO))
                .unwrap();
        assert_eq!(margin.get(), value(expected), "{}", example["id"]);
        // The closing fee comes on top.
        let with_fee = maintenance_margin(notional, &MarginRules::of(&rules)).unwrap();
        assert_eq!(with_fee.get() - margin.get(), notional.get() * d("0.0005"));
        compared += 1;
    }
    assert!(compared >= 4, "{compared}");
}

#[test]
fn prices() {
    let Some(folder) = fixtures() else { return };
    let btc = symbol("BTC-USDT");
    let row = enveloped(&parse(&read(&folder, "premiumIndex_row_1.json")));
    for bytes in [file(&folder, "premiumIndex_1").0, file(&folder, "premiumIndex_2").0, row] {
        let raw = parse(&bytes)["data"].clone();
        let found = decode_premium_index(Body::new("premiumIndex", &bytes), &[btc.clone()].into()).unwrap();
        let ours = &found[&btc];
        assert_eq!(ours.mark.get(), value(&raw["markPrice"]));
        assert_eq!(ours.rate.unwrap().get(), value(&raw["lastFundingRate"]));
        assert_eq!(ours.next.unwrap().0.to_string(), value(&raw["nextFundingTime"]).to_string());
        assert_eq!(ours.interval, None, "older than the field");
        // The same in a list, beside a row that is broken and not asked for.
        let list = enveloped(&json!([{"symbol": "X-USDT"}, raw]));
        assert_eq!(decode_premium_index(Body::new("x", &list), &[btc.clone()].into()).unwrap(), found);
    }
    for name in ["ticker_1", "ticker_2"] {
        let (bytes, raw) = file(&folder, name);
        let wanted = symbol(raw["symbol"].as_str().unwrap());
        let found = decode_tickers(Body::new(name, &bytes), &[wanted.clone()].into()).unwrap();
        assert_eq!(found[&wanted].bid.unwrap().get(), value(&raw["bidPrice"]));
        assert_eq!(found[&wanted].ask.unwrap().get(), value(&raw["askPrice"]));
    }
    let rates = enveloped(&json!([parse(&read(&folder, "fundingRate_row_1.json"))]));
    let rates = decode_funding_rates(Body::new("fundingRate", &rates), &btc).unwrap();
    assert_eq!((rates[0].rate.get(), rates[0].time.0), (d("0.0001"), 1_585_684_800_000));
}

#[test]
fn balances() {
    let Some(folder) = fixtures() else { return };
    for name in ["balance_1", "balance_2"] {
        let (bytes, data) = file(&folder, name);
        let rows = decode_balance(Body::new(name, &bytes)).unwrap();
        // An asset that was never used has no numbers.
        let raw: Vec<&Value> = data.as_array().unwrap().iter().filter(|row| row["balance"] != "").collect();
        assert_eq!(rows.len(), raw.len());
        for (ours, raw) in rows.iter().zip(raw) {
            assert_eq!(ours.asset.as_str(), raw["asset"]);
            assert_eq!(ours.user.as_deref(), raw["userId"].as_str());
            for (ours, field) in [
                (ours.balance, "balance"),
                (ours.equity, "equity"),
                (ours.unrealised, "unrealizedProfit"),
                (ours.available, "availableMargin"),
                (ours.used, "usedMargin"),
                (ours.frozen, "freezedMargin"),
            ] {
                assert_eq!(ours.get(), value(&raw[field]), "{name} {field}");
            }
        }
    }
    // One empty figure beside others hides no asset.
    for field in ["balance", "equity", "usedMargin"] {
        let (bytes, _) = file(&folder, "balance_2");
        let mut body = parse(&bytes);
        body["data"][0][field] = json!("");
        let error = decode_balance(Body::new("balance", body.to_string().as_bytes())).unwrap_err();
        assert_eq!(error.path(), format!("data[0].{field}"));
    }
    let rows = decode_balance(Body::new("balance", &file(&folder, "balance_1").0)).unwrap();
    let expected = parse(&read(&folder, "balance_1.expected.json"));
    assert_eq!(rows[0].available.get(), value(&expected["free"]["USDT"]));
}

fn check_position(name: &str, ours: &HeldPosition, raw: &Value) {
    assert_eq!(ours.symbol.as_str(), raw["symbol"], "{name}");
    assert_eq!(ours.qty.abs().get(), value(&raw["positionAmt"]), "{name}");
    assert_eq!(ours.qty.is_negative(), raw["positionSide"] == "SHORT", "{name}");
    assert_eq!(ours.mode == MarginMode::Isolated, raw["isolated"] == true, "{name}");
    assert_eq!(ours.leverage.get(), value(&raw["leverage"]), "{name}");
    assert_eq!(ours.unrealised.get(), value(&raw["unrealizedProfit"]), "{name}");
    assert_eq!(ours.one_way, raw["onlyOnePosition"].as_bool(), "{name}");
    same(name, ours.entry.map(Price::get), &raw["avgPrice"]);
    same(name, ours.margin.map(Usd::get), &raw["margin"]);
    same(name, ours.liquidation_price.map(Price::get), &raw["liquidationPrice"]);
    same(name, ours.mark.map(Price::get), &raw["markPrice"]);
}

#[test]
fn positions() {
    let Some(folder) = fixtures() else { return };
    for name in ["positions_1", "positions_2", "positions_3"] {
        let (bytes, data) = file(&folder, name);
        let rows = decode_positions(Body::new(name, &bytes)).unwrap();
        let raw = data.as_array().unwrap();
        assert_eq!(rows.len(), raw.len());
        rows.iter().zip(raw).for_each(|(ours, raw)| check_position(name, ours, raw));
    }
    // All digits of a bare number.
    let rows = decode_positions(Body::new("positions", &file(&folder, "positions_3").0)).unwrap();
    assert_eq!(rows[0].liquidation_price.unwrap().to_string(), "294.16914617776246");
    // Which side a position without a sign is on, in the one form that nobody recorded, is not guessed.
    let (bytes, _) = file(&folder, "positions_1");
    let text = String::from_utf8(bytes).unwrap().replace("\"LONG\"", "\"BOTH\"");
    let error = decode_positions(Body::new("positions", text.as_bytes())).unwrap_err();
    assert_eq!((error.kind(), error.path()), (DecodeErrorKind::Inconsistent, "data[0].positionSide"));
}

#[test]
fn settings() {
    let Some(folder) = fixtures() else { return };
    let btc = symbol("BTC-USDT");
    for name in ["leverage_get_1", "leverage_get_2"] {
        let (bytes, raw) = file(&folder, name);
        let ours = decode_leverage(Body::new(name, &bytes), &btc).unwrap();
        assert_eq!(ours.long.get(), value(&raw["longLeverage"]));
        assert_eq!(ours.short.get(), value(&raw["shortLeverage"]));
        assert_eq!(ours.max.get(), value(&raw["maxLongLeverage"]).min(value(&raw["maxShortLeverage"])));
    }
    let (bytes, raw) = file(&folder, "leverage_set_1");
    assert_eq!(decode_leverage_set(Body::new("x", &bytes), &btc).unwrap().get(), value(&raw["leverage"]));
    assert!(decode_leverage_set(Body::new("x", &bytes), &symbol("ETH-USDT")).is_err());
    for name in ["marginType_get_1", "marginType_get_2"] {
        let mode = decode_margin_type(Body::new(name, &file(&folder, name).0), &btc).unwrap();
        assert_eq!(mode, MarginMode::Cross);
    }
    let mode = decode_position_mode(Body::new("x", &file(&folder, "positionSide_dual_get_1").0)).unwrap();
    assert_eq!(mode, PositionMode::OneWay);
    assert_eq!(
        decode_asset_mode(Body::new("x", &file(&folder, "assetMode_get_1").0)).unwrap(),
        AssetMode::Multi
    );
    let moved = decode_margin_moved(Body::new("x", &file(&folder, "positionMargin_1").0)).unwrap();
    assert_eq!(moved.get(), d("1"));
    let (bytes, raw) = file(&folder, "commissionRate_1");
    let fees = decode_commission(Body::new("x", &bytes)).unwrap();
    assert_eq!(fees.taker.get(), value(&raw["commission"]["takerCommissionRate"]));
    assert_eq!(fees.maker.get(), value(&raw["commission"]["makerCommissionRate"]));
}

/// The text of a number in a body, all digits: serde would make a float of it.
fn number(bytes: &[u8], name: &str) -> String {
    let text = std::str::from_utf8(bytes).unwrap();
    let after = text.split_once(&format!("\"{name}\"")).unwrap().1.trim_start_matches([':', ' ', '"']);
    after.chars().take_while(char::is_ascii_digit).collect()
}

#[test]
fn orders_that_were_placed() {
    let Some(folder) = fixtures() else { return };
    for name in ["order_create_1", "order_create_2", "order_create_3", "order_create_4", "order_create_5"] {
        let (bytes, data) = file(&folder, name);
        let raw = data.get("order").unwrap_or(&data);
        let ours = decode_acknowledgement(Body::new(name, &bytes)).unwrap();
        assert_eq!(ours.venue_order_id, number(&bytes, "orderId"), "{name}");
        assert_eq!(ours.symbol.as_str(), raw["symbol"]);
        assert_eq!(ours.side == Side::Buy, raw["side"] == "BUY");
        assert_eq!(ours.client_order_id, None, "empty: none was sent");
        assert_eq!(ours.filled.map(evenkeel_types::Qty::get), raw.get("executedQty").map(value));
        assert_eq!(ours.status.is_some(), raw.get("status").is_some());
        if let Ok(expected) = std::fs::read(folder.join(format!("{name}.expected.json"))) {
            assert_eq!(parse(&expected)["id"].as_str().unwrap(), ours.venue_order_id);
        }
    }
    let (bytes, _) = file(&folder, "order_create_batch_1");
    match decode_batch(Body::new("batch", &bytes)).unwrap().as_slice() {
        [decode::BatchEntry::Taken(taken)] => assert_eq!(taken.venue_order_id, "1720657081994006528"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn orders_that_were_asked_for() {
    let Some(folder) = fixtures() else { return };
    for name in ["order_query_1", "order_query_2", "order_cancel_1"] {
        let (bytes, data) = file(&folder, name);
        let raw = &data["order"];
        let ours = decode_order(Body::new(name, &bytes)).unwrap();
        assert_eq!(ours.venue_order_id, number(&bytes, "orderId"), "{name}");
        assert_eq!(ours.client_order_id.as_deref(), raw["clientOrderId"].as_str(), "{name}");
        assert_eq!(ours.id(), None, "not one of ours");
        assert_eq!(ours.ordered.get(), value(&raw["origQty"]));
        assert_eq!(ours.filled.get(), value(&raw["executedQty"]));
        same(name, ours.average_price.map(Price::get), &raw["avgPrice"]);
        let fee = ours.fee.map(|fee| fee.negated().get());
        same(name, fee, if ours.filled.is_zero() { &Value::Null } else { &raw["commission"] });
        assert_eq!(ours.venue_status, raw["status"].as_str().unwrap());
    }
    // Filled without an execution: a conditional order that triggered.
    let ours = decode_order(Body::new("x", &file(&folder, "order_query_2").0)).unwrap();
    assert_eq!((ours.kind, ours.filled.is_zero()), (OrderKind::TakeProfit, true));
    for name in ["allOrders_1", "allOrders_2"] {
        let (bytes, data) = file(&folder, name);
        let rows = decode_all_orders(Body::new(name, &bytes)).unwrap();
        assert_eq!(rows.len(), data["orders"].as_array().unwrap().len());
        assert_eq!(rows[0].venue_order_id, number(&bytes, "orderId"));
        assert_eq!(rows[0].fee.unwrap().get(), -value(&data["orders"][0]["commission"]));
    }
    // The list of 2022 holds an order that is over; it is not open.
    let (bytes, data) = file(&folder, "openOrders_1");
    assert_eq!(decode_open_orders(Body::new("x", &bytes), PositionMode::Hedge).unwrap(), []);
    let text = String::from_utf8(bytes).unwrap().replace("CANCELLED", "NEW");
    let rows = decode_open_orders(Body::new("x", text.as_bytes()), PositionMode::Hedge).unwrap();
    let raw = &data["orders"][0];
    assert_eq!(rows[0].venue_order_id, number(text.as_bytes(), "orderId"));
    assert_eq!((rows[0].kind, rows[0].limit), (OrderKind::OtherConditional, None));
    assert_eq!(rows[0].trigger.unwrap().get(), value(&raw["stopPrice"]));
    assert_eq!(rows[0].remaining.unwrap().get(), value(&raw["origQty"]));
    assert!(!rows[0].reduce_only, "it buys on the long side");
    for (name, done) in [("allOpenOrders_cancel_1", 1), ("batchOrders_cancel_1", 2)] {
        let cancelled = decode_cancelled(Body::new(name, &file(&folder, name).0)).unwrap();
        assert_eq!((cancelled.done, cancelled.failed), (done, 0), "{name}");
        assert_eq!(
            cancelled.conditional,
            u32::from(name.starts_with("all")),
            "a TRIGGER_LIMIT, and two LIMITs"
        );
    }
    assert!(
        decode_cancelled(Body::new("x", br#"{"code":0,"msg":"","data":{}}"#)).is_err(),
        "it says nothing"
    );
    let nothing = br#"{"code":0,"msg":"","data":{"success":null,"failed":null}}"#;
    assert_eq!(decode_cancelled(Body::new("x", nothing)).unwrap().done, 0);
    // A cancel that was taken in shows the order as it was before.
    let (bytes, data) = file(&folder, "order_cancel_1");
    let cancelled = decode_cancel(Body::new("x", &bytes)).unwrap();
    assert_eq!(cancelled.venue_order_id, Some(number(&bytes, "orderId")));
    assert_eq!(cancelled.client_order_id.as_deref(), data["order"]["clientOrderId"].as_str());
    assert_eq!((cancelled.symbol, cancelled.status), (Some(symbol("OP-USDT")), Some(OrderStatus::Open)));
}

#[test]
fn ledgers() {
    let Some(folder) = fixtures() else { return };
    let (bytes, data) = file(&folder, "income_1");
    let rows = decode_income(Body::new("income", &bytes)).unwrap();
    for (ours, raw) in rows.iter().zip(data.as_array().unwrap()) {
        assert_eq!(ours.payment.amount.get(), value(&raw["income"]));
        assert_eq!(ours.payment.time.0.to_string(), raw["time"].as_str().unwrap());
        assert_eq!(
            (ours.payment.symbol.as_str(), ours.transaction.as_str()),
            ("LTC-USDT", raw["tranId"].as_str().unwrap())
        );
    }
    assert_eq!(rows.len(), 2);
    // Rows of the other list of executions are refused: their sizes are contracts, or rounded.
    for name in ["fillHistory_1", "fillHistory_2"] {
        assert!(decode_fill_history(Body::new(name, &file(&folder, name).0)).is_err());
    }
    // As published from the venue by another client, 2026-10: the only whole row of the list that is used.
    let row = json!({"fill_history_orders": [{"symbol": "ETH-USDT", "qty": "0.002", "quoteQty": "5.3783", "role": "taker",
        "commission": "-0.002689", "commissionAsset": "VST", "price": "2689.17", "orderId": "2106065676096507904",
        "tradeId": "362625236", "filledTime": "2026-10-03T00:56:01.000+08:00", "side": "SELL", "positionSide": "BOTH"}], "total": 1});
    let page = decode_fill_history(Body::new("fillHistory", &enveloped(&row))).unwrap();
    let fill = &page.fills[0];
    assert_eq!((fill.trade_id.as_str(), fill.venue_order_id.as_str()), ("362625236", "2106065676096507904"));
    assert_eq!((fill.fee.get(), fill.time.0, page.total), (d("0.002689"), 1_790_960_161_000, Some(1)));
}

#[test]
fn refusals() {
    let Some(folder) = fixtures() else { return };
    for (name, code, text) in [
        ("error_1", "109400", "In the One-way mode, the 'PositionSide' field can only be set to BOTH."),
        ("error_2", "101204", "Insufficient margin"),
        // The reason stands in debugMsg alone.
        ("error_3", "101400", "Code: 101400, Msg: field MarginSide in rule failed, current value: 1"),
    ] {
        let bytes = file(&folder, name).0;
        let refused = decode_refusal(Body::new(name, &bytes)).unwrap().unwrap();
        assert_eq!((refused.code.as_str(), refused.text.as_str()), (code, text));
        let error = decode_balance(Body::new(name, &bytes)).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::Refused);
    }
}
