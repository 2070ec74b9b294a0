//! Every recorded answer of the decoded endpoints, compared value by value with the raw JSON and, where it says something,
//! with what another client made of it (`*.expected.json`).

use std::collections::BTreeMap;
use std::path::Path;

use evenkeel_bybit::decode::{
    AccountKind, AccountMargin, BatchEntry, Body, DecodeErrorKind, OrderRecord, decode_account_info,
    decode_acknowledgement, decode_batch, decode_cancelled, decode_envelope, decode_executions,
    decode_fee_rates, decode_funding_history, decode_funding_payments, decode_instruments,
    decode_margin_mode_set, decode_orders, decode_positions, decode_risk_limits, decode_tickers,
    decode_wallet, instrument,
};
use evenkeel_types::{Decimal, OrderKind, OrderStatus, PoolId, PositionSide, Rate, Side, Usd};
use serde_json::Value;

use crate::support::{d, fixtures, json as parse, read, symbol, value};

/// Files that are not decoded, with the reason.
const UNUSED: &[(&str, &str)] = &[
    ("closed_pnl_", "closed positions are not read"),
    ("collateral_info_", "what collateral is worth is in the wallet's totals"),
    ("insurance_", "not read"),
    ("open_interest_", "not read"),
    ("order_amend_", "orders are not amended: a change that races with a fill can overfill"),
    ("order_pre_check_", "not used: an answer about the past of the account's margin"),
    ("price_limit_", "not read: the venue refuses what is outside its band"),
    ("set_auto_add_margin_", "never set"),
    ("set_risk_limit_", "the venue took this call away"),
    ("set_tpsl_mode_", "the venue took this call away"),
    ("switch_mode_", "the position mode is not set"),
    ("ws_", "streams are not used"),
    ("error_catalog_1", "codes alone; see catalogue.rs"),
    ("request_", "requests; see requests.rs"),
    ("ccxt_symbols", "names"),
    ("INDEX", "the list of files"),
];

/// Files that are decoded or looked into by a test here.
const USED: &[&str] = &[
    "account_info_",
    "add_margin_1",
    "error_",
    "execution_list_",
    "execution_row_1",
    "fee_rate_",
    "funding_history_",
    "instruments_info_",
    "order_cancel_",
    "order_create_",
    "order_history_",
    "order_realtime_",
    "position_list_",
    "position_trading_stop_",
    "risk_limit_",
    "set_leverage_1",
    "set_margin_mode_1",
    "tickers_",
    "transaction_log_",
    "wallet_balance_",
];

#[test]
fn every_file_is_used_or_is_not_for_a_reason() {
    let Some(folder) = fixtures() else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let unused = UNUSED.iter().any(|(prefix, _)| name.starts_with(prefix));
        assert!(unused || USED.iter().any(|prefix| name.starts_with(prefix)), "{name} is not listed");
    }
}

/// A body in an envelope where its source left that out.
fn enveloped(folder: &Path, name: &str) -> Vec<u8> {
    let raw = parse(&read(folder, name));
    if raw["retCode"].is_null() {
        return serde_json::json!({"retCode": 0, "retMsg": "OK", "result": raw}).to_string().into_bytes();
    }
    read(folder, name)
}

fn rows(bytes: &[u8]) -> Vec<Value> {
    parse(bytes)["result"]["list"].as_array().unwrap().clone()
}

fn expected(folder: &Path, name: &str) -> Value {
    parse(&read(folder, &name.replace(".json", ".expected.json")))
}

/// Compares a decoded number with a field; absent, null and empty fields must be `None`.
fn same(what: &str, ours: Option<Decimal>, raw: &Value) {
    if raw.is_null() || raw == "" {
        assert_eq!(ours, None, "{what}");
    } else {
        assert_eq!(ours, Some(value(raw)), "{what}");
    }
}

/// As [`same`], where zero says that there is none.
fn same_or_zero(what: &str, ours: Option<Decimal>, raw: &Value) {
    let none = raw.is_null() || raw == "" || value(raw).is_zero();
    assert_eq!(ours, (!none).then(|| value(raw)), "{what}");
}

#[test]
fn accounts() {
    let Some(folder) = fixtures() else { return };
    for (name, kind) in [
        ("account_info_1.json", AccountKind::Unified2),
        ("account_info_2.json", AccountKind::Unified1Pro),
        ("account_info_3.json", AccountKind::Unified1),
    ] {
        let info = decode_account_info(Body::new(name, &enveloped(&folder, name))).unwrap();
        assert_eq!((info.kind, info.margin), (kind, AccountMargin::Cross), "{name}");
        assert_eq!(info.margin_mode().unwrap().to_string(), "cross");
    }
    assert_eq!(expected(&folder, "account_info_1.json")["marginMode"], "cross");
    let mut coins = 0;
    for index in 1..=6 {
        let name = format!("wallet_balance_{index}.json");
        let bytes = read(&folder, &name);
        let wallet = decode_wallet(Body::new(&name, &bytes)).unwrap();
        let raw = &rows(&bytes)[0];
        same(&name, wallet.margin_balance.map(Usd::get), &raw["totalMarginBalance"]);
        same(&name, wallet.available.map(Usd::get), &raw["totalAvailableBalance"]);
        same(&name, wallet.initial_margin.map(Usd::get), &raw["totalInitialMargin"]);
        same(&name, wallet.maintenance.map(Usd::get), &raw["totalMaintenanceMargin"]);
        for (coin, raw) in wallet.coins.iter().zip(raw["coin"].as_array().unwrap()) {
            let what = format!("{name} {}", coin.coin);
            assert_eq!(coin.coin, raw["coin"], "{what}");
            same(&what, Some(coin.wallet.get()), &raw["walletBalance"]);
            same(&what, Some(coin.equity.get()), &raw["equity"]);
            same(&what, Some(coin.unrealised.get()), &raw["unrealisedPnl"]);
            same(&what, coin.locked.map(Usd::get), &raw["locked"]);
            same(&what, coin.bonus.map(Usd::get), &raw["bonus"]);
            same(&what, coin.order_margin.map(Usd::get), &raw["totalOrderIM"]);
            same(&what, coin.position_margin.map(Usd::get), &raw["totalPositionIM"]);
            same(&what, coin.maintenance.map(Usd::get), &raw["totalPositionMM"]);
            coins += 1;
        }
        // What the pool of a cross account is made of: used and available are the balance.
        let balance = wallet.margin_balance.unwrap();
        let together = wallet.available.unwrap().plus(wallet.initial_margin.unwrap()).unwrap();
        // The venue prints eight decimals of what it sums with more.
        assert!(
            together.minus(balance).unwrap().abs().get() <= d("0.00000001"),
            "{name}: {together} {balance}"
        );
    }
    assert!(coins >= 15, "{coins}");
    let fees = decode_fee_rates(Body::new("fees", &read(&folder, "fee_rate_1.json"))).unwrap();
    let eth = fees[&symbol("ETHUSDT")];
    assert_eq!((eth.taker.get(), eth.maker.get()), (d("0.0006"), d("0.0001")));
}

#[test]
fn instruments() {
    let Some(folder) = fixtures() else { return };
    let mut count = 0;
    for index in 1..=5 {
        let name = format!("instruments_info_{index}.json");
        let bytes = read(&folder, &name);
        let contracts = decode_instruments(Body::new(&name, &bytes)).unwrap();
        assert!(contracts.refused.is_empty(), "{name}: {:?}", contracts.refused);
        for raw in rows(&bytes) {
            let contract = &contracts.list[&symbol(raw["symbol"].as_str().unwrap())];
            let what = format!("{name} {}", contract.symbol);
            let (price, lot, leverage) = (&raw["priceFilter"], &raw["lotSizeFilter"], &raw["leverageFilter"]);
            same(&what, Some(contract.tick.get()), &price["tickSize"]);
            same(&what, Some(contract.min_price.get()), &price["minPrice"]);
            same(&what, Some(contract.max_price.get()), &price["maxPrice"]);
            same(&what, Some(contract.lot.get()), &lot["qtyStep"]);
            same(&what, Some(contract.min_qty.get()), &lot["minOrderQty"]);
            same(&what, Some(contract.max_qty.get()), &lot["maxOrderQty"]);
            same(&what, contract.max_market_qty.map(evenkeel_types::Qty::get), &lot["maxMktOrderQty"]);
            same(&what, contract.min_notional.map(Usd::get), &lot["minNotionalValue"]);
            same(&what, Some(contract.max_leverage.get()), &leverage["maxLeverage"]);
            same(&what, Some(contract.leverage_step), &leverage["leverageStep"]);
            let minutes = contract.funding_interval.map(|interval| Decimal::from(interval.as_secs() / 60));
            same(&what, minutes, &raw["fundingInterval"]);
            let trading = raw["status"] == "Trading" && raw["isPreListing"] != true;
            assert_eq!(contract.status == evenkeel_types::TradingStatus::Trading, trading, "{what}");
            count += 1;
        }
    }
    assert_eq!(count, 9);
    let bytes = read(&folder, "instruments_info_2.json");
    let contracts = decode_instruments(Body::new("instruments", &bytes)).unwrap();
    for market in expected(&folder, "instruments_info_2.json").as_object().unwrap().values() {
        let contract = &contracts.list[&symbol(market["id"].as_str().unwrap())];
        let limits = &market["limits"];
        assert_eq!(value(&limits["leverage"]["max"]), contract.max_leverage.get());
        assert_eq!(value(&limits["amount"]["max"]), contract.max_qty.get());
        assert_eq!(value(&limits["price"]["max"]), contract.max_price.get());
    }
}

#[test]
fn tiers_in_both_units() {
    let Some(folder) = fixtures() else { return };
    let page = decode_risk_limits(Body::new("risk", &read(&folder, "risk_limit_1.json"))).unwrap();
    let (of, tier) = page.rows[0].clone().unwrap();
    let tier = tier.unwrap();
    assert_eq!((of.as_str(), tier.limit.get(), tier.max_leverage.get()), ("BTCUSDT", d("300000"), d("150")));
    assert_eq!((tier.maintenance_rate.get(), tier.deduction), (d("0.0033"), None));
    // The documentation's row is in percent.
    let row = parse(&read(&folder, "risk_limit_row_1.json"));
    let body = serde_json::json!({"retCode": 0, "result": {"list": [row], "nextPageCursor": ""}}).to_string();
    let page = decode_risk_limits(Body::new("risk", body.as_bytes())).unwrap();
    let tier = page.rows[0].clone().unwrap().1.unwrap();
    assert_eq!(tier.maintenance_rate.get(), d("0.005"));
    // Neither nor.
    let body = body.replace("\"initialMargin\":\"1\"", "\"initialMargin\":\"0.1\"");
    let page = decode_risk_limits(Body::new("risk", body.as_bytes())).unwrap();
    let error = page.rows[0].clone().unwrap().1.unwrap_err();
    assert_eq!((error.kind(), error.path()), (DecodeErrorKind::Inconsistent, "result.list[0].initialMargin"));

    // The first two tiers of BTCUSDT as recorded in 2026; their deduction follows from continuity.
    let body = br#"{"retCode":0,"result":{"nextPageCursor":"","list":[
        {"id":2,"symbol":"BTCUSDT","riskLimitValue":"2600000","maintenanceMargin":"0.0056","initialMargin":"0.0111","maxLeverage":"90.00","mmDeduction":"1200"},
        {"id":1,"symbol":"BTCUSDT","riskLimitValue":"2000000","maintenanceMargin":"0.005","initialMargin":"0.01","maxLeverage":"100.00","mmDeduction":""}]}}"#;
    let page = decode_risk_limits(Body::new("risk", body)).unwrap();
    let tiers: Vec<_> = page.rows.into_iter().flatten().map(|(_, tier)| tier.unwrap()).collect();
    let bytes = read(&folder, "instruments_info_3.json");
    let contracts = decode_instruments(Body::new("instruments", &bytes)).unwrap();
    let contract = &contracts.list[&symbol("BTCUSDT")];
    let whole =
        instrument(contract, &tiers, Rate::new(d("0.00055")).unwrap(), PoolId(symbol("USDT"))).unwrap();
    let shown: Vec<String> = whole
        .tiers
        .as_slice()
        .iter()
        .map(|t| format!("{}:{}:{}:{}", t.notional_floor, t.max_leverage, t.maintenance_rate, t.deduction))
        .collect();
    assert_eq!(shown, ["0:100:0.005:0", "2000000:90:0.0056:1200"]);
    assert_eq!(whole.tiers.cap().unwrap().get(), d("2600000"));
    assert_eq!(whole.liquidation_fee.get(), d("0.00055"));
}

#[test]
fn prices() {
    let Some(folder) = fixtures() else { return };
    for index in 1..=5 {
        let name = format!("tickers_{index}.json");
        let bytes = read(&folder, &name);
        let tickers = decode_tickers(Body::new(&name, &bytes), None).unwrap();
        for raw in rows(&bytes) {
            let ticker = tickers[&symbol(raw["symbol"].as_str().unwrap())].as_ref().unwrap();
            let price = evenkeel_types::Price::get;
            same(&name, ticker.mark.map(price), &raw["markPrice"]);
            same(&name, ticker.bid.map(price), &raw["bid1Price"]);
            same(&name, ticker.ask.map(price), &raw["ask1Price"]);
            same(&name, ticker.funding_rate.map(Rate::get), &raw["fundingRate"]);
            same(&name, ticker.next_funding.map(|time| Decimal::from(time.0)), &raw["nextFundingTime"]);
            let hours = ticker.funding_interval.map(|interval| Decimal::from(interval.as_secs() / 3600));
            same(&name, hours, &raw["fundingIntervalHour"]);
        }
    }
    let theirs = expected(&folder, "tickers_1.json");
    let tickers = decode_tickers(Body::new("t", &read(&folder, "tickers_1.json")), None).unwrap();
    let ours = tickers[&symbol("BTCUSDT")].as_ref().unwrap();
    assert_eq!(ours.mark.unwrap().get(), value(&theirs["markPrice"]));
    assert_eq!(ours.funding_rate.unwrap().get(), value(&theirs["fundingRate"]));
}

#[test]
fn positions() {
    let Some(folder) = fixtures() else { return };
    let mut count = 0;
    for index in 1..=8 {
        let name = format!("position_list_{index}.json");
        let bytes = enveloped(&folder, &name);
        let page = decode_positions(Body::new(&name, &bytes)).unwrap();
        let raw = rows(&bytes);
        assert_eq!(page.rows.len(), raw.len());
        for (ours, raw) in page.rows.iter().zip(&raw) {
            let what = format!("{name} {}", ours.symbol);
            assert_eq!(ours.symbol.as_str(), raw["symbol"], "{what}");
            assert_eq!(ours.qty.abs().get(), value(&raw["size"]), "{what}");
            assert_eq!(ours.qty.is_negative(), raw["side"] == "Sell", "{what}");
            let index = match ours.side {
                PositionSide::Net => 0,
                PositionSide::Long => 1,
                _ => 2,
            };
            assert_eq!(value(&raw["positionIdx"]), Decimal::from(index), "{what}");
            let entry = if raw["avgPrice"].is_null() { &raw["entryPrice"] } else { &raw["avgPrice"] };
            let price = evenkeel_types::Price::get;
            same_or_zero(&what, ours.entry.map(price), entry);
            same_or_zero(&what, ours.mark.map(price), &raw["markPrice"]);
            same_or_zero(&what, ours.liquidation_price.map(price), &raw["liqPrice"]);
            same(&what, Some(ours.leverage.get()), &raw["leverage"]);
            same(&what, ours.margin.map(Usd::get), &raw["positionIM"]);
            same(&what, ours.maintenance.map(Usd::get), &raw["positionMM"]);
            same(&what, ours.unrealised.map(Usd::get), &raw["unrealisedPnl"]);
            assert_eq!(ours.reduce_only, raw["isReduceOnly"] == true, "{what}");
            count += 1;
        }
    }
    assert!(count >= 9, "{count}");
    for name in ["position_list_1.json", "position_list_2.json"] {
        let page = decode_positions(Body::new(name, &read(&folder, name))).unwrap();
        let theirs = &expected(&folder, name)[0];
        assert_eq!(value(&theirs["contracts"]), page.rows[0].qty.abs().get());
        assert_eq!(theirs["side"] == "short", page.rows[0].qty.is_negative());
        assert_eq!(theirs["hedged"] == true, page.rows[0].side != PositionSide::Net);
        assert_eq!(value(&theirs["leverage"]), page.rows[0].leverage.get());
        assert_eq!(value(&theirs["entryPrice"]), page.rows[0].entry.unwrap().get());
    }
}

fn check_order(what: &str, ours: &OrderRecord, raw: &Value) {
    assert_eq!(ours.venue_order_id, raw["orderId"], "{what}");
    assert_eq!(ours.client_order_id.as_deref().unwrap_or_default(), raw["orderLinkId"], "{what}");
    assert_eq!(ours.symbol.as_str(), raw["symbol"], "{what}");
    assert_eq!(ours.side == Side::Buy, raw["side"] == "Buy", "{what}");
    same(what, Some(ours.ordered.get()), &raw["qty"]);
    same(what, Some(ours.filled.get()), &raw["cumExecQty"]);
    same(what, ours.remaining.map(evenkeel_types::Qty::get), &raw["leavesQty"]);
    let price = evenkeel_types::Price::get;
    same_or_zero(what, ours.average_price.map(price), &raw["avgPrice"]);
    same_or_zero(what, ours.trigger.map(price), &raw["triggerPrice"]);
    assert_eq!(ours.venue_status, raw["orderStatus"], "{what}");
    assert_eq!(ours.reduce_only, raw["reduceOnly"] == true || raw["closeOnTrigger"] == true, "{what}");
    if raw["orderType"] == "Market" {
        assert_eq!(ours.limit, None, "{what}");
    } else {
        same_or_zero(what, ours.limit.map(price), &raw["price"]);
    }
    same(what, ours.placed.map(|time| Decimal::from(time.0)), &raw["createdTime"]);
}

#[test]
fn orders() {
    let Some(folder) = fixtures() else { return };
    let mut statuses = BTreeMap::new();
    let names = (1..=7).map(|index| format!("order_realtime_{index}.json"));
    for name in names.chain((1..=3).map(|index| format!("order_history_{index}.json"))) {
        let bytes = read(&folder, &name);
        let page = decode_orders(Body::new(&name, &bytes)).unwrap();
        for (ours, raw) in page.rows.iter().zip(&rows(&bytes)) {
            check_order(&format!("{name} {}", ours.venue_order_id), ours, raw);
            *statuses.entry(ours.venue_status.clone()).or_insert(0) += 1;
        }
    }
    assert_eq!(
        statuses.keys().map(String::as_str).collect::<Vec<_>>(),
        ["Cancelled", "Filled", "New", "Rejected"]
    );
    // Rejected, and executed in part all the same.
    let page = decode_orders(Body::new("o", &read(&folder, "order_realtime_6.json"))).unwrap();
    assert_eq!((page.rows[0].status, page.rows[0].filled.get()), (OrderStatus::Cancelled, d("0.005")));
    assert_eq!(page.rows[0].reason, "INSUFFICIENT_MARGIN");
    let page = decode_orders(Body::new("o", &read(&folder, "order_history_2.json"))).unwrap();
    let theirs = expected(&folder, "order_history_2.json");
    for theirs in theirs.as_array().unwrap() {
        let ours = page.rows.iter().find(|row| theirs["id"] == row.venue_order_id.as_str()).unwrap();
        assert_eq!(value(&theirs["filled"]), ours.filled.get());
        assert_eq!(value(&theirs["average"]), ours.average_price.unwrap().get());
        assert_eq!(value(&theirs["fee"]["cost"]), ours.fee.unwrap().get());
        assert_eq!(ours.status, OrderStatus::Filled);
    }
    let page = decode_orders(Body::new("o", &read(&folder, "order_realtime_1.json"))).unwrap();
    assert_eq!(page.rows[0].open_order().kind, OrderKind::Limit);
    assert_eq!(page.rows[0].open_order().remaining.unwrap().get(), d("0.001"));
}

#[test]
fn executions_and_funding() {
    let Some(folder) = fixtures() else { return };
    let (mut trades, mut others) = (0, 0);
    for index in 1..=4 {
        let name = format!("execution_list_{index}.json");
        let bytes = read(&folder, &name);
        let page = decode_executions(Body::new(&name, &bytes)).unwrap();
        for (ours, raw) in page.rows.iter().zip(&rows(&bytes)) {
            let Some(fill) = ours else {
                assert_eq!(raw["execType"], "Funding", "{name}");
                others += 1;
                continue;
            };
            assert_eq!(fill.trade_id, raw["execId"]);
            assert_eq!(fill.side == Side::Buy, raw["side"] == "Buy");
            assert_eq!(fill.qty.get(), value(&raw["execQty"]));
            assert_eq!(fill.price.get(), value(&raw["execPrice"]));
            assert_eq!(fill.fee.get(), value(&raw["execFee"]));
            assert_eq!(Decimal::from(fill.time.0), value(&raw["execTime"]));
            let theirs = &expected(&folder, &name)[0];
            assert_eq!(value(&theirs["fee"]["cost"]), fill.fee.get());
            trades += 1;
        }
    }
    assert_eq!((trades, others), (1, 18));
    // A row without an envelope, which is funding too.
    let row = parse(&read(&folder, "execution_row_1.json"));
    let body = serde_json::json!({"retCode": 0, "result": {"list": [row]}}).to_string();
    assert_eq!(decode_executions(Body::new("row", body.as_bytes())).unwrap().rows, [None]);

    for (name, of) in [("funding_history_1.json", "ZRXUSDT"), ("funding_history_2.json", "BTCUSDT")] {
        let bytes = read(&folder, name);
        let rates = decode_funding_history(Body::new(name, &bytes), &symbol(of)).unwrap();
        for (ours, raw) in rates.iter().zip(&rows(&bytes)) {
            assert_eq!(ours.rate.get(), value(&raw["fundingRate"]));
            assert_eq!(Decimal::from(ours.time.0), value(&raw["fundingRateTimestamp"]));
        }
        assert!(decode_funding_history(Body::new(name, &bytes), &symbol("SOLUSDT")).is_err());
    }
    let bytes = read(&folder, "transaction_log_1.json");
    let page = decode_funding_payments(Body::new("log", &bytes)).unwrap();
    let (id, payment) = page.rows[0].clone().unwrap();
    let raw = &rows(&bytes)[0];
    assert_eq!(id, raw["id"]);
    assert_eq!(payment.amount.get(), value(&raw["funding"]));
    assert_eq!(payment.qty.unwrap().get(), value(&raw["size"]));
    assert_eq!(payment.rate.unwrap().get(), value(&raw["feeRate"]));
    // A long pays at a positive rate.
    assert!(payment.amount.is_negative() && payment.qty.unwrap().is_positive());
}

#[test]
fn answers_to_writes() {
    let Some(folder) = fixtures() else { return };
    for index in 1..=6 {
        let name = format!("order_create_{index}.json");
        let bytes = enveloped(&folder, &name);
        let taken = decode_acknowledgement(Body::new(&name, &bytes)).unwrap();
        let raw = &parse(&bytes)["result"];
        assert_eq!(taken.venue_order_id, raw["orderId"]);
        assert_eq!(taken.client_order_id.as_deref().unwrap_or_default(), raw["orderLinkId"]);
    }
    for name in ["order_cancel_1.json", "order_cancel_2.json"] {
        let bytes = read(&folder, name);
        let taken = decode_acknowledgement(Body::new(name, &bytes)).unwrap();
        assert_eq!(taken.venue_order_id, parse(&bytes)["result"]["orderId"]);
    }
    let none = decode_cancelled(Body::new("all", &read(&folder, "order_cancel_all_1.json"))).unwrap();
    let one = decode_cancelled(Body::new("all", &read(&folder, "order_cancel_all_2.json"))).unwrap();
    assert_eq!((none.len(), one.as_slice()), (0, &["f6a73e1f-39b5-4dee-af21-1460b2e3b27c".to_owned()][..]));
    let batch = decode_batch(Body::new("batch", &read(&folder, "order_create_batch_1.json"))).unwrap();
    assert!(batch.len() == 2 && batch.iter().all(|entry| matches!(entry, BatchEntry::Taken(_))));
    let batch = decode_batch(Body::new("batch", &read(&folder, "order_cancel_batch_1.json"))).unwrap();
    assert!(
        matches!(&batch[0], BatchEntry::Taken(taken) if taken.client_order_id.as_deref() == Some("spot-btc-03"))
    );
    assert!(matches!(&batch[1], BatchEntry::Refused { code, .. } if code == "170213"));
    decode_margin_mode_set(Body::new("mode", &read(&folder, "set_margin_mode_1.json"))).unwrap();
    // Nothing but the envelope says what became of these.
    for name in [
        "set_leverage_1.json",
        "add_margin_1.json",
        "position_trading_stop_1.json",
        "position_trading_stop_2.json",
        "position_trading_stop_3.json",
    ] {
        let envelope = decode_envelope(Body::new(name, &read(&folder, name))).unwrap();
        assert!(envelope.refusal.is_none() && envelope.time.is_some(), "{name}");
    }
}

#[test]
fn refusals() {
    let Some(folder) = fixtures() else { return };
    for index in 1..=6 {
        let name = format!("error_{index}.json");
        let bytes = read(&folder, &name);
        let refusal = decode_envelope(Body::new(&name, &bytes)).unwrap().refusal.unwrap();
        assert_eq!(refusal.code, parse(&bytes)["retCode"].to_string());
        let error = decode_orders(Body::new(&name, &bytes)).unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::Refused, "{name}");
    }
    // Why a margin mode cannot be set is in the reasons.
    let body = br#"{"retCode":3400045,"retMsg":"Set margin mode failed","result":{"reasons":[{"reasonCode":"3400000","reasonMsg":"Equity needs to be equal to or greater than 1000 USDC"}]}}"#;
    let refusal = decode_envelope(Body::new("mode", body)).unwrap().refusal.unwrap();
    assert!(refusal.text.contains("1000 USDC (3400000)"), "{}", refusal.text);
}
