//! Every recorded answer of the endpoints in use, compared value by value with the raw JSON and, where there is one, with
//! what another client made of it (`*.expected.json`).

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_binance::decode::{
    AlgoRecord, BatchItem, Body, DecodeErrorKind, Markets, OrderRecord, decode_account, decode_account_alias,
    decode_account_config, decode_algo_order, decode_algo_orders, decode_batch, decode_book_ticker,
    decode_commission_rate, decode_countdown, decode_done, decode_exchange_info, decode_funding_info,
    decode_funding_rates, decode_income, decode_leverage, decode_leverage_brackets, decode_order,
    decode_orders, decode_position_risk, decode_premium_index, decode_symbol_configs, decode_user_trades,
};
use evenkeel_types::{
    Decimal, MarginMode, OrderKind, OrderStatus, PositionMode, PositionSide, PriceRule, Side, TradingStatus,
};
use serde_json::{Value, json};

use crate::support::{d, fixtures, json as parse, read, symbol, text, value};

/// A recorded file and its raw JSON.
fn load(name: &str) -> Option<(Vec<u8>, Value)> {
    let bytes = read(&fixtures()?, &format!("{name}.json"));
    let raw = parse(&bytes);
    Some((bytes, raw))
}

fn rows(raw: &Value) -> &[Value] {
    raw.as_array().unwrap()
}

/// A price of which zero, an empty text and an absent field mean none.
fn price(raw: &Value) -> Option<Decimal> {
    if raw.is_null() || raw == "" { None } else { Some(value(raw)).filter(|price| !price.is_zero()) }
}

fn check_order(what: &str, raw: &Value, order: &OrderRecord) {
    assert_eq!(order.symbol.as_str(), raw["symbol"], "{what}");
    assert_eq!(order.client_id, raw["clientOrderId"], "{what}");
    assert_eq!(order.venue_order_id, text(&raw["orderId"]), "{what}");
    assert_eq!(order.side, if raw["side"] == "BUY" { Side::Buy } else { Side::Sell }, "{what}");
    let leg = match raw["positionSide"].as_str().unwrap() {
        "BOTH" => PositionSide::Net,
        "LONG" => PositionSide::Long,
        _ => PositionSide::Short,
    };
    assert_eq!(order.position_side, leg, "{what}");
    assert_eq!(
        (order.ordered.get(), order.filled.get()),
        (value(&raw["origQty"]), value(&raw["executedQty"])),
        "{what}"
    );
    assert_eq!(order.limit.map(evenkeel_types::Price::get), price(&raw["price"]), "{what}");
    assert_eq!(order.average.map(evenkeel_types::Price::get), price(&raw["avgPrice"]), "{what}");
    let trigger = price(&raw["stopPrice"]).or(price(&raw["activatePrice"]));
    assert_eq!(order.trigger.map(evenkeel_types::Price::get), trigger, "{what}");
    assert_eq!(order.venue_status, raw["status"], "{what}");
    assert_eq!(order.close_position, raw["closePosition"] == true, "{what}");
    let closes =
        matches!((leg, order.side), (PositionSide::Long, Side::Sell) | (PositionSide::Short, Side::Buy));
    assert_eq!(order.reduce_only, raw["reduceOnly"] == true || order.close_position || closes, "{what}");
    let kind = match raw["origType"].as_str().unwrap() {
        "LIMIT" | "MARKET" => OrderKind::Limit,
        "STOP_MARKET" => OrderKind::StopLoss,
        "TRAILING_STOP_MARKET" => OrderKind::TrailingStop,
        other => panic!("{what}: {other}"),
    };
    assert_eq!(order.kind, kind, "{what}");
}

#[test]
fn orders_in_all_answers_that_have_one() {
    let Some(folder) = fixtures() else { return };
    for name in [
        "openOrder_1",
        "openOrder_2",
        "openOrders_row_1",
        "order_cancel_1",
        "order_modify_1",
        "order_modify_2",
        "order_new_1",
        "order_new_2",
        "order_new_3",
        "order_new_4",
        "order_new_5",
        "order_new_6",
    ] {
        let (bytes, raw) = load(name).unwrap();
        let order = decode_order(Body::new(name, &bytes)).unwrap();
        check_order(name, &raw, &order);
        let Ok(expected) = std::fs::read(folder.join(format!("{name}.expected.json"))) else { continue };
        let theirs = parse(&expected);
        assert_eq!(order.filled.get(), value(&theirs["filled"]).normalize(), "{name}");
        let status = match order.status {
            OrderStatus::Open => "open",
            OrderStatus::Filled => "closed",
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(theirs["status"], status, "{name}");
        assert_eq!(theirs["id"], order.venue_order_id.as_str(), "{name}");
        if !theirs["amount"].is_null() {
            assert_eq!(order.ordered.get().normalize(), value(&theirs["amount"]).normalize(), "{name}");
        }
        let resting = order.resting(name).unwrap();
        if !theirs["remaining"].is_null() && !order.close_position {
            assert_eq!(resting.remaining.unwrap().get(), value(&theirs["remaining"]).normalize(), "{name}");
        }
        assert_eq!(theirs["postOnly"] == true, raw["timeInForce"] == "GTX", "{name}");
    }
    for name in ["openOrders_1", "openOrders_2", "allOrders_1"] {
        let (bytes, raw) = load(name).unwrap();
        let orders = decode_orders(Body::new(name, &bytes)).unwrap();
        assert_eq!(orders.len(), rows(&raw).len());
        for (raw, order) in rows(&raw).iter().zip(&orders) {
            check_order(name, raw, order);
            assert!(order.ours().is_none());
        }
    }
    for name in ["batchOrders_1", "batchOrders_2", "batchOrders_3", "batchOrders_cancel_1"] {
        let (bytes, raw) = load(name).unwrap();
        let items = decode_batch(Body::new(name, &bytes)).unwrap();
        assert_eq!(items.len(), rows(&raw).len());
        for (raw, item) in rows(&raw).iter().zip(items) {
            match item.unwrap() {
                BatchItem::Order(order) => check_order(name, raw, &order),
                BatchItem::Refused { code, text } => {
                    assert_eq!(
                        (json!(code), json!(text)),
                        (raw["code"].clone(), raw["msg"].clone()),
                        "{name}"
                    );
                }
            }
        }
    }
}

fn check_algo(what: &str, raw: &Value, order: &AlgoRecord) {
    assert_eq!(order.symbol.as_str(), raw["symbol"], "{what}");
    assert_eq!(
        (order.client_id.as_str(), order.algo_id.clone()),
        (raw["clientAlgoId"].as_str().unwrap(), text(&raw["algoId"]))
    );
    assert_eq!(order.qty.unwrap().get(), value(&raw["quantity"]), "{what}");
    assert_eq!(order.trigger.map(evenkeel_types::Price::get), price(&raw["triggerPrice"]), "{what}");
    assert_eq!(order.limit.map(evenkeel_types::Price::get), price(&raw["price"]), "{what}");
    assert_eq!(order.reduce_only, raw["reduceOnly"] == true, "{what}");
    let actual = raw["actualOrderId"].as_str().filter(|id| !id.is_empty());
    assert_eq!(order.order_id.as_deref(), actual, "{what}");
    let kind = match raw["orderType"].as_str().unwrap() {
        "STOP" | "STOP_MARKET" => OrderKind::StopLoss,
        "TAKE_PROFIT" => OrderKind::TakeProfit,
        other => panic!("{what}: {other}"),
    };
    assert_eq!(order.kind, kind, "{what}");
    assert_eq!(order.open().venue_order_id, format!("algo:{}", text(&raw["algoId"])));
}

#[test]
fn conditional_orders() {
    if fixtures().is_none() {
        return;
    }
    for name in ["algoOrder_new_1", "algoOrder_new_2", "algoOrder_query_1"] {
        let (bytes, raw) = load(name).unwrap();
        check_algo(name, &raw, &decode_algo_order(Body::new(name, &bytes)).unwrap());
    }
    for name in ["allAlgoOrders_1", "openAlgoOrders_1", "openAlgoOrders_2"] {
        let (bytes, raw) = load(name).unwrap();
        let orders = decode_algo_orders(Body::new(name, &bytes)).unwrap();
        assert_eq!(orders.len(), rows(&raw).len());
        rows(&raw).iter().zip(&orders).for_each(|(raw, order)| check_algo(name, raw, order));
    }
}

#[test]
fn accounts() {
    if fixtures().is_none() {
        return;
    }
    for name in ["account_2", "account_4", "account_5", "account_6"] {
        let (bytes, raw) = load(name).unwrap();
        let state = decode_account(Body::new(name, &bytes)).unwrap();
        let assets = rows(&raw["assets"]);
        assert_eq!(state.assets.len(), assets.len(), "{name}");
        for (ours, raw) in state.assets.iter().zip(assets) {
            assert_eq!(ours.asset.as_str(), raw["asset"], "{name}");
            let read = [
                ours.wallet.get(),
                ours.cross_wallet.get(),
                ours.cross_profit.get(),
                ours.available.get(),
                ours.transferable.get(),
            ];
            let fields = [
                "walletBalance",
                "crossWalletBalance",
                "crossUnPnl",
                "availableBalance",
                "maxWithdrawAmount",
            ];
            assert_eq!(read, fields.map(|field| value(&raw[field])), "{name}");
        }
        let held: Vec<_> =
            rows(&raw["positions"]).iter().filter(|row| !value(&row["positionAmt"]).is_zero()).collect();
        assert_eq!(state.held.len(), held.len(), "{name}");
        for (ours, raw) in state.held.iter().zip(held) {
            assert_eq!(
                (ours.symbol.as_str(), ours.qty.get()),
                (raw["symbol"].as_str().unwrap(), value(&raw["positionAmt"]))
            );
        }
    }
    // Cut down by their recorders; what is missing is an error with a name, never zero.
    for (name, path) in [("account_1", "assets[0].walletBalance"), ("account_3", "positions[0].positionAmt")]
    {
        let (bytes, _) = load(name).unwrap();
        let error = decode_account(Body::new(name, &bytes)).unwrap_err();
        assert_eq!((error.kind(), error.path()), (DecodeErrorKind::Missing, path), "{name}");
    }
    for name in ["balance_1", "balance_2", "balance_3"] {
        let (bytes, raw) = load(name).unwrap();
        assert_eq!(decode_account_alias(Body::new(name, &bytes)).unwrap(), raw[0]["accountAlias"]);
    }
    let (bytes, _) = load("accountConfig_1").unwrap();
    let config = decode_account_config(Body::new("accountConfig_1", &bytes)).unwrap();
    assert_eq!(
        (config.position_mode, config.multi_assets, config.can_trade),
        (PositionMode::Hedge, false, true)
    );
    for name in ["commissionRate_1", "commissionRate_2"] {
        let (bytes, raw) = load(name).unwrap();
        let rates = decode_commission_rate(Body::new(name, &bytes), &symbol("BTCUSDT")).unwrap();
        assert_eq!(rates.maker.get(), value(&raw["makerCommissionRate"]));
        assert_eq!(rates.taker.get(), value(&raw["takerCommissionRate"]));
        assert!(decode_commission_rate(Body::new(name, &bytes), &symbol("ETHUSDT")).is_err());
    }
    for name in ["symbolConfig_1", "symbolConfig_2"] {
        let (bytes, raw) = load(name).unwrap();
        let settings = decode_symbol_configs(Body::new(name, &bytes)).unwrap();
        let setting = settings[&symbol("BTCUSDT")];
        assert_eq!(
            (setting.mode, setting.leverage.unwrap().get()),
            (MarginMode::Cross, value(&raw[0]["leverage"]))
        );
    }
}

#[test]
fn positions() {
    let Some(folder) = fixtures() else { return };
    let mut held = 0;
    for index in 1..=6 {
        let name = format!("positionRisk_{index}");
        let (bytes, raw) = load(&name).unwrap();
        let positions = decode_position_risk(Body::new(&name, &bytes)).unwrap();
        assert_eq!(positions.len(), rows(&raw).len(), "{name}");
        for (ours, raw) in positions.iter().zip(rows(&raw)) {
            assert_eq!(
                (ours.symbol.as_str(), ours.qty.get()),
                (raw["symbol"].as_str().unwrap(), value(&raw["positionAmt"]))
            );
            for (read, field) in
                [(ours.entry, "entryPrice"), (ours.mark, "markPrice"), (ours.liquidation, "liquidationPrice")]
            {
                assert_eq!(read.map(evenkeel_types::Price::get), price(&raw[field]), "{name} {field}");
            }
            assert_eq!(ours.isolated_margin.get(), value(&raw["isolatedMargin"]), "{name}");
            assert_eq!(Decimal::from(ours.updated.0), value(&raw["updateTime"]), "{name}");
            match ours.setting {
                None => assert!(raw["leverage"].is_null(), "{name}"),
                Some((leverage, mode)) => {
                    assert_eq!(leverage.get(), value(&raw["leverage"]), "{name}");
                    assert_eq!(mode.to_string(), raw["marginType"], "{name}");
                }
            }
            held += usize::from(!ours.qty.is_zero());
        }
    }
    assert_eq!(held, 3);
    let theirs = parse(&read(&folder, "positionRisk_1.expected.json"));
    let (bytes, _) = load("positionRisk_1").unwrap();
    let ours = decode_position_risk(Body::new("positionRisk_1", &bytes)).unwrap().remove(0);
    assert_eq!(ours.qty.get(), value(&theirs[0]["contracts"]));
    assert_eq!(ours.liquidation.unwrap().get(), value(&theirs[0]["liquidationPrice"]));
    assert_eq!(ours.entry.unwrap().get(), value(&theirs[0]["entryPrice"]));
}

#[test]
fn instruments_and_tiers() {
    let Some(folder) = fixtures() else { return };
    let mut brackets = BTreeMap::new();
    let mut tiers = 0;
    for index in [2, 3, 4, 1, 5] {
        let name = format!("leverageBracket_{index}");
        let (bytes, raw) = load(&name).unwrap();
        let decoded = decode_leverage_brackets(Body::new(&name, &bytes)).unwrap();
        assert_eq!(decoded.len(), rows(&raw).len(), "{name}");
        for row in rows(&raw) {
            let of = symbol(row["symbol"].as_str().unwrap());
            let ours = decoded[&of].as_ref().unwrap_or_else(|error| panic!("{name} {of}: {error}"));
            for (ours, raw) in ours.as_slice().iter().zip(rows(&row["brackets"])) {
                let read = [
                    ours.notional_floor.get(),
                    ours.max_leverage.get(),
                    ours.maintenance_rate.get(),
                    ours.deduction.get(),
                ];
                let fields = ["notionalFloor", "initialLeverage", "maintMarginRatio", "cum"];
                assert_eq!(read, fields.map(|field| value(&raw[field])), "{name} {of}");
                tiers += 1;
            }
            assert_eq!(
                ours.cap().unwrap().get(),
                value(&row["brackets"].as_array().unwrap().last().unwrap()["notionalCap"])
            );
        }
        if let Ok(bytes) = std::fs::read(folder.join(format!("{name}.expected.json"))) {
            for (of, theirs) in parse(&bytes).as_object().unwrap() {
                let ours = decoded[&symbol(of)].as_ref().unwrap();
                assert_eq!(ours.as_slice().len(), rows(theirs).len(), "{of}");
                for (ours, theirs) in ours.as_slice().iter().zip(rows(theirs)) {
                    assert_eq!(ours.notional_floor.get(), value(&theirs["minNotional"]).normalize(), "{of}");
                    assert_eq!(ours.max_leverage.get(), value(&theirs["maxLeverage"]).normalize(), "{of}");
                    assert_eq!(
                        ours.maintenance_rate.get(),
                        value(&theirs["maintenanceMarginRate"]).normalize(),
                        "{of}"
                    );
                }
            }
        }
        brackets.extend(decoded);
    }
    assert_eq!(tiers, 569 + 558 + 552 + 10 + 1);
    // One symbol can come as an object.
    let (_, raw) = load("leverageBracket_5").unwrap();
    let bytes = raw[0].to_string().into_bytes();
    assert_eq!(decode_leverage_brackets(Body::new("object", &bytes)).unwrap().len(), 1);

    let mut usable = 0;
    for index in [1, 2, 3, 4, 5, 7] {
        let name = format!("exchangeInfo_{index}");
        let (bytes, raw) = load(&name).unwrap();
        let listings = decode_exchange_info(Body::new(&name, &bytes)).unwrap();
        assert_eq!(listings.len(), rows(&raw["symbols"]).len(), "{name}");
        for row in rows(&raw["symbols"]) {
            let of = symbol(row["symbol"].as_str().unwrap());
            let Ok(ours) = &listings[&of] else {
                assert_ne!(row["quoteAsset"], row["marginAsset"], "{name} {of}: {:?}", listings[&of]);
                continue;
            };
            let filter = |kind: &str| {
                rows(&row["filters"])
                    .iter()
                    .find(|filter| filter["filterType"] == kind)
                    .unwrap_or(&Value::Null)
            };
            assert_eq!(ours.tick.get(), value(&filter("PRICE_FILTER")["tickSize"]), "{of}");
            assert_eq!(
                ours.min_price.map(evenkeel_types::Price::get),
                price(&filter("PRICE_FILTER")["minPrice"]),
                "{of}"
            );
            assert_eq!(
                ours.max_price.map(evenkeel_types::Price::get),
                price(&filter("PRICE_FILTER")["maxPrice"]),
                "{of}"
            );
            assert_eq!(ours.lot.get(), value(&filter("LOT_SIZE")["stepSize"]), "{of}");
            assert_eq!(ours.min_qty.unwrap().get(), value(&filter("LOT_SIZE")["minQty"]), "{of}");
            assert_eq!(ours.max_qty.unwrap().get(), value(&filter("LOT_SIZE")["maxQty"]), "{of}");
            assert_eq!(
                ours.market_max_qty.unwrap().get(),
                value(&filter("MARKET_LOT_SIZE")["maxQty"]),
                "{of}"
            );
            assert_eq!(
                ours.min_notional.map(evenkeel_types::Usd::get),
                price(&filter("MIN_NOTIONAL")["notional"]),
                "{of}"
            );
            assert_eq!(ours.pool.0.as_str(), row["marginAsset"], "{of}");
            assert_eq!(ours.status == TradingStatus::Trading, row["status"] == "TRADING", "{of}");
            assert_eq!(ours.contract_type, row["contractType"], "{of}");
        }
        let markets = Markets::new(listings, &brackets, &BTreeMap::new());
        for (of, instrument) in markets.instruments() {
            assert!(matches!(instrument.price_rule, PriceRule::Tick(_)));
            assert_eq!(instrument.leverage_step, Decimal::ONE, "{of}");
            usable += 1;
        }
        for (of, error) in markets.unusable() {
            let reasons = [DecodeErrorKind::Missing, DecodeErrorKind::Unsupported];
            assert!(reasons.contains(&error.kind()), "{of}: {error}");
        }
    }
    assert!(usable > 90, "{usable}");
    let theirs = parse(&read(&folder, "exchangeInfo_5.expected.json"));
    assert_eq!(theirs["BTC/USDT:USDT"]["id"], "BTCUSDT");
}

#[test]
fn prices_and_funding() {
    if fixtures().is_none() {
        return;
    }
    let wanted = BTreeSet::from([symbol("BTCUSDT")]);
    let (bytes, raw) = load("premiumIndex_1").unwrap();
    let premium =
        &decode_premium_index(Body::new("premiumIndex_1", &bytes), &wanted).unwrap()[&symbol("BTCUSDT")];
    assert_eq!(premium.mark.unwrap().get(), value(&raw["markPrice"]));
    assert_eq!(premium.rate.unwrap().get(), value(&raw["lastFundingRate"]));
    assert_eq!(Decimal::from(premium.next.unwrap().0), value(&raw["nextFundingTime"]));
    assert_eq!(Decimal::from(premium.time.0), value(&raw["time"]));
    let (bytes, raw) = load("ticker_bookTicker_1").unwrap();
    let book =
        decode_book_ticker(Body::new("ticker_bookTicker_1", &bytes), &wanted).unwrap()[&symbol("BTCUSDT")];
    assert_eq!(
        (book.bid.unwrap().get(), book.ask.unwrap().get()),
        (value(&raw["bidPrice"]), value(&raw["askPrice"]))
    );
    let (bytes, raw) = load("fundingRate_1").unwrap();
    let rates = decode_funding_rates(Body::new("fundingRate_1", &bytes), &symbol("BTCUSDT")).unwrap();
    for (ours, raw) in rates.iter().zip(rows(&raw)) {
        assert_eq!(
            (ours.rate.get(), Decimal::from(ours.time.0)),
            (value(&raw["fundingRate"]), value(&raw["fundingTime"]))
        );
    }
    assert_eq!(rates.len(), 2);
    let (bytes, _) = load("fundingInfo_1").unwrap();
    let intervals = decode_funding_info(Body::new("fundingInfo_1", &bytes)).unwrap();
    assert_eq!(intervals[&symbol("BLZUSDT")].as_secs(), 8 * 3600);
    let (_, row) = load("fundingInfo_row_1").unwrap();
    let bytes = json!([row]).to_string().into_bytes();
    let intervals = decode_funding_info(Body::new("fundingInfo_row_1", &bytes)).unwrap();
    assert_eq!(intervals[&symbol("BLZUSDT")].as_secs(), 4 * 3600);
}

#[test]
fn trades_and_income() {
    let Some(folder) = fixtures() else { return };
    let (_, row) = load("userTrades_row_1").unwrap();
    let lists = [load("userTrades_1").unwrap().1, load("userTrades_2").unwrap().1, json!([row])];
    for raw in lists {
        let bytes = raw.to_string().into_bytes();
        let trades = decode_user_trades(Body::new("userTrades", &bytes)).unwrap();
        assert_eq!(trades.len(), rows(&raw).len());
        for (ours, raw) in trades.iter().zip(rows(&raw)) {
            assert_eq!((ours.id.to_string(), &ours.order_id), (text(&raw["id"]), &text(&raw["orderId"])));
            assert_eq!((ours.price.get(), ours.qty.get()), (value(&raw["price"]), value(&raw["qty"])));
            assert_eq!(
                (ours.fee.get(), ours.fee_asset.as_str()),
                (value(&raw["commission"]), raw["commissionAsset"].as_str().unwrap())
            );
            assert_eq!(Decimal::from(ours.time.0), value(&raw["time"]));
            assert_eq!(ours.side == Side::Buy, raw["buyer"] == true);
        }
    }
    let theirs = parse(&read(&folder, "userTrades_1.expected.json"));
    assert_eq!(
        (theirs[0]["id"].as_str(), value(&theirs[0]["fee"]["cost"])),
        (Some("272536245"), d("0.1462684"))
    );

    let (_, row) = load("income_row_1").unwrap();
    for raw in [load("income_1").unwrap().1, load("income_2").unwrap().1, json!([row])] {
        let bytes = raw.to_string().into_bytes();
        let ledger = decode_income(Body::new("income", &bytes)).unwrap();
        for (ours, raw) in ledger.iter().zip(rows(&raw)) {
            assert_eq!(
                (ours.amount.get(), ours.kind.as_str()),
                (value(&raw["income"]), raw["incomeType"].as_str().unwrap())
            );
            assert_eq!(ours.symbol.as_ref().map_or("", |s| s.as_str()), raw["symbol"]);
            assert_eq!(
                (ours.id.clone(), Decimal::from(ours.time.0)),
                (text(&raw["tranId"]), value(&raw["time"]))
            );
            assert_eq!(ours.asset, raw["asset"]);
        }
        assert_eq!(ledger.len(), rows(&raw).len());
    }
}

#[test]
fn setters() {
    if fixtures().is_none() {
        return;
    }
    for name in [
        "algoOpenOrders_cancel_1",
        "algoOrder_cancel_1",
        "allOpenOrders_cancel_1",
        "marginType_1",
        "positionMargin_1",
    ] {
        let (bytes, _) = load(name).unwrap();
        decode_done(Body::new(name, &bytes)).unwrap();
    }
    let (bytes, _) = load("leverage_1").unwrap();
    let (of, leverage) = decode_leverage(Body::new("leverage_1", &bytes)).unwrap();
    assert_eq!((of.as_str(), leverage.get()), ("ADAUSDT", d("15")));
    let (bytes, _) = load("countdownCancelAll_1").unwrap();
    assert_eq!(decode_countdown(Body::new("countdownCancelAll_1", &bytes)).unwrap().1, 100_000);
    assert!(decode_done(Body::new("error_7", &load("error_7").unwrap().0)).is_err());
}

/// Which recordings are used, here and elsewhere; all others are named with the reason.
const USED: &[&str] = &[
    "account_",
    "accountConfig_",
    "algoOpenOrders_cancel_",
    "algoOrder_",
    "allAlgoOrders_",
    "allOpenOrders_cancel_",
    "allOrders_",
    "balance_",
    "batchOrders_",
    "commissionRate_",
    "countdownCancelAll_",
    "error_",
    "exchangeInfo_1",
    "exchangeInfo_2",
    "exchangeInfo_3",
    "exchangeInfo_4",
    "exchangeInfo_5",
    "exchangeInfo_7",
    "fundingInfo_",
    "fundingRate_",
    "income_",
    "leverage_",
    "leverageBracket_",
    "marginType_",
    "openAlgoOrders_",
    "openOrder_",
    "openOrders_",
    "order_",
    "positionMargin_1",
    "positionRisk_1",
    "positionRisk_2",
    "positionRisk_3",
    "positionRisk_4",
    "positionRisk_5",
    "positionRisk_6",
    "premiumIndex_",
    "request_",
    "symbolConfig_",
    "ticker_bookTicker_",
    "userTrades_",
    "wsapi_error_",
];
const UNUSED: &[(&str, &str)] = &[
    ("INDEX", "the index of the folder"),
    ("ccxt_symbols", "names of another client"),
    ("adlQuantile_", "ranks of auto-deleveraging are not read"),
    ("symbolAdlRisk_", "as adlQuantile"),
    ("apiTradingStatus_", "trading rules by indicator are not read"),
    ("assetIndex_", "multi-assets mode is refused"),
    ("multiAssetsMargin_", "accountConfig has it; the mode is never set"),
    ("exchangeInfo_6", "a list of rows of several products without names, as a comment in a client has it"),
    ("forceOrders_", "liquidations show in fills and positions"),
    ("insuranceBalance_", "not read"),
    ("openInterest_", "not read"),
    ("positionMargin_history_", "not read"),
    ("positionRisk_papi_", "portfolio margin is refused"),
    ("positionSide_dual_", "accountConfig has it; the mode is never set"),
    ("rateLimit_order_", "limits are corrected by the headers"),
    ("ticker_24hr_", "not read"),
    ("ticker_price_", "not read"),
    ("ws_", "streams are not read"),
    ("wsapi_", "orders go over HTTP"),
];

#[test]
fn no_recording_is_left_out_without_a_reason() {
    let Some(folder) = fixtures() else { return };
    let mut count = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let name = file.unwrap().file_name().to_string_lossy().into_owned();
        let used = USED.iter().any(|prefix| name.starts_with(prefix));
        let unused = UNUSED.iter().any(|(prefix, _)| name.starts_with(prefix));
        assert!(used || unused, "{name} is new: use it, or say why not");
        count += 1;
    }
    assert!(count > 150, "{count}");
}
