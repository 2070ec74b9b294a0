//! The recorded answers that only a connector reads, compared value by value; a list of all that are not used, with the
//! reason; and every price and size that is sent against the rule of every recorded instrument.

use std::collections::BTreeSet;

use evenkeel_exchange::{Effect, ErrorKind};
use evenkeel_hyperliquid::classify;
use evenkeel_hyperliquid::decode::{
    Answer, Body, Markets, StatusEntry, UserRole, decode_active_asset_data, decode_answer,
    decode_extra_agents, decode_funding_history, decode_historical_orders, decode_meta,
    decode_meta_and_asset_ctxs, decode_order_status, decode_perp_dexs, decode_top_of_book, decode_user_fills,
    decode_user_funding, decode_user_rate_limit, decode_user_role,
};
use evenkeel_types::{Decimal, OrderStatus, Price, Qty, Round, Side};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{cases, d, fixtures, json as parse, read, symbol, value};

fn files(folder: &std::path::Path, endpoint: &str) -> Vec<(String, Vec<u8>, Value)> {
    let mut found = Vec::new();
    for index in 1.. {
        let name = format!("{endpoint}_{index}.json");
        if !folder.join(&name).exists() {
            break;
        }
        let bytes = read(folder, &name);
        let raw = parse(&bytes);
        found.push((name, bytes, raw));
    }
    assert!(!found.is_empty(), "{endpoint}");
    found
}

#[test]
fn orders_and_fills() {
    let Some(folder) = fixtures() else { return };
    for (name, bytes, raw) in files(&folder, "orderStatus") {
        let record = decode_order_status(Body::new(&name, &bytes)).unwrap().unwrap();
        check_record(&name, &record, &raw["order"]);
    }
    for (name, bytes, raw) in files(&folder, "historicalOrders") {
        let records = decode_historical_orders(Body::new(&name, &bytes)).unwrap();
        for (record, raw) in records.iter().zip(raw.as_array().unwrap()) {
            check_record(&name, record, raw);
        }
        assert_eq!(records.len(), raw.as_array().unwrap().len());
    }
    let mut count = 0;
    for (name, bytes, raw) in files(&folder, "userFills") {
        let fills = decode_user_fills(Body::new(&name, &bytes)).unwrap();
        let rows = raw.as_array().unwrap();
        assert_eq!(fills.len(), rows.len(), "{name}");
        for (fill, raw) in fills.iter().zip(rows) {
            count += 1;
            assert_eq!(fill.fill.symbol.as_str(), raw["coin"], "{name}");
            assert_eq!(fill.fill.qty.get(), value(&raw["sz"]), "{name}");
            assert_eq!(fill.fill.price.get(), value(&raw["px"]), "{name}");
            assert_eq!(fill.fill.fee.get(), value(&raw["fee"]), "{name}");
            assert_eq!(Decimal::from(fill.fill.time.0), value(&raw["time"]), "{name}");
            assert_eq!(
                fill.oid.map(Decimal::from),
                raw["oid"].as_null().is_none().then(|| value(&raw["oid"])),
                "{name}"
            );
            assert_eq!(fill.fill.side == Side::Buy, raw["side"] == "B", "{name}");
            assert!(fill.fill.trade_id.ends_with(&value(&raw["tid"]).to_string()), "{name}");
            assert_eq!(fill.fill.order, None, "nobody's id is ours here");
        }
    }
    assert!(count >= 6, "{count}");
}

fn check_record(name: &str, record: &evenkeel_hyperliquid::decode::OrderRecord, raw: &Value) {
    let order = &raw["order"];
    assert_eq!(record.symbol.as_str(), order["coin"], "{name}");
    assert_eq!(record.ordered.get(), value(&order["origSz"]), "{name}");
    assert_eq!(record.remaining.get(), value(&order["sz"]), "{name}");
    assert_eq!(Decimal::from(record.oid), value(&order["oid"]), "{name}");
    assert_eq!(record.venue_status, raw["status"].as_str().unwrap(), "{name}");
    assert_eq!(record.status == OrderStatus::Filled, raw["status"] == "filled", "{name}");
    assert_eq!(record.cloid.map(|cloid| cloid.to_string()).as_deref(), order["cloid"].as_str(), "{name}");
}

#[test]
fn funding_settings_books_and_roles() {
    let Some(folder) = fixtures() else { return };
    for (name, bytes, raw) in files(&folder, "fundingHistory") {
        let rows = decode_funding_history(Body::new(&name, &bytes)).unwrap();
        assert_eq!(rows.len(), raw.as_array().unwrap().len());
        for (row, raw) in rows.iter().zip(raw.as_array().unwrap()) {
            assert_eq!(
                (row.rate.get(), Decimal::from(row.time.0)),
                (value(&raw["fundingRate"]), value(&raw["time"]))
            );
        }
    }
    for (name, bytes, raw) in files(&folder, "userFunding") {
        let rows = decode_user_funding(Body::new(&name, &bytes)).unwrap();
        assert_eq!(rows.len(), raw.as_array().unwrap().len(), "{name}");
        for (row, raw) in rows.iter().zip(raw.as_array().unwrap()) {
            assert_eq!(row.amount.get(), value(&raw["delta"]["usdc"]), "{name}");
            assert_eq!(row.qty.unwrap().get(), value(&raw["delta"]["szi"]), "{name}");
        }
    }
    let (name, bytes, _) = files(&folder, "activeAssetData").remove(0);
    let asset = decode_active_asset_data(Body::new(&name, &bytes), &symbol("APT")).unwrap();
    assert_eq!((asset.free().get(), asset.leverage.get()), (d("37019438.03"), d("3")));
    assert!(decode_active_asset_data(Body::new(&name, &bytes), &symbol("BTC")).is_err());
    for (name, bytes, raw) in files(&folder, "l2Book") {
        let top =
            decode_top_of_book(Body::new(&name, &bytes), &symbol(raw["coin"].as_str().unwrap())).unwrap();
        assert_eq!(top.bid.unwrap().get(), value(&raw["levels"][0][0]["px"]), "{name}");
        assert_eq!(top.ask.unwrap().get(), value(&raw["levels"][1][0]["px"]), "{name}");
    }
    let (name, bytes, raw) = files(&folder, "perpDexs").remove(0);
    let dexes = decode_perp_dexs(Body::new(&name, &bytes)).unwrap();
    assert_eq!(dexes.len(), 137);
    for dex in &dexes {
        assert_eq!(dex.name, raw[dex.index as usize]["name"].as_str().unwrap());
        assert!(dex.fee_factor().is_some());
    }
    let (name, bytes, _) = files(&folder, "userRole").remove(0);
    assert_eq!(decode_user_role(Body::new(&name, &bytes)).unwrap(), UserRole::Vault);
    let (name, bytes, raw) = files(&folder, "extraAgents").remove(0);
    let agents = decode_extra_agents(Body::new(&name, &bytes)).unwrap();
    assert_eq!(agents[1].address.to_string(), raw[1]["address"].as_str().unwrap());
    let (name, bytes, _) = files(&folder, "userRateLimit").remove(0);
    // A figure beyond 32 bits; used up, not below zero.
    let budget = decode_user_rate_limit(Body::new(&name, &bytes)).unwrap();
    assert_eq!((budget.used, budget.cap, budget.left()), (36_589_831_368, 170_043_731_737, 133_453_900_369));
}

#[test]
fn answers_to_actions() {
    let Some(folder) = fixtures() else { return };
    for (endpoint, expected) in [
        ("exchange_updateLeverage", "Accepted"),
        ("exchange_usdClassTransfer", "Accepted"),
        ("exchange_order", "Entries"),
        ("exchange_cancel", "Entries"),
        ("exchange_batchModify", "Entries"),
        ("exchange_modify", "Entries"),
    ] {
        for (name, bytes, raw) in files(&folder, endpoint) {
            let answer = decode_answer(Body::new(&name, &bytes)).unwrap();
            assert!(format!("{answer:?}").starts_with(expected), "{name}: {answer:?}");
            let Answer::Entries(entries) = answer else { continue };
            let rows = raw["response"]["data"]["statuses"].as_array().unwrap();
            assert_eq!(entries.len(), rows.len(), "{name}");
            for (entry, raw) in entries.iter().zip(rows) {
                match entry {
                    StatusEntry::Filled { total, average, oid, .. } => {
                        assert_eq!(total.get(), value(&raw["filled"]["totalSz"]), "{name}");
                        assert_eq!(average.get(), value(&raw["filled"]["avgPx"]), "{name}");
                        assert_eq!(Decimal::from(*oid), value(&raw["filled"]["oid"]), "{name}");
                    }
                    StatusEntry::Resting { oid, .. } => {
                        assert_eq!(Decimal::from(*oid), value(&raw["resting"]["oid"]), "{name}");
                    }
                    StatusEntry::Error(text) => {
                        assert_eq!(text, raw["error"].as_str().unwrap());
                        assert!(classify(text).is_some(), "{text} is on no list");
                    }
                    _ => {}
                }
            }
        }
    }
    for (name, bytes, raw) in files(&folder, "exchange_error") {
        match decode_answer(Body::new(&name, &bytes)).unwrap() {
            Answer::Refused(text) => assert!(classify(&text).is_some(), "{text} is on no list"),
            Answer::Entries(entries) => {
                let StatusEntry::Error(text) = &entries[0] else { panic!("{name}: {raw}") };
                assert!(classify(text).is_some(), "{text} is on no list");
            }
            Answer::Accepted => panic!("{name}"),
            _ => panic!("{name}"),
        }
    }
    for row in parse(&read(&folder, "error_catalog_1.json")).as_array().unwrap() {
        let text = row["body"]["response"].as_str().unwrap();
        assert!(classify(text).is_some(), "{text} is on no list");
    }
}

/// The venue's texts with what they vary in, and by hand what they mean: a row of the crate's table that is changed by
/// accident, or hidden by another one, shows here.
#[test]
fn texts_mean_what_they_mean() {
    use Effect::{NotApplied as No, Unknown as May};
    use ErrorKind::{
        Auth, InsufficientMargin, Invalid, LeverageRefused, Maintenance, NoLiquidity, NotFound, NotSupported,
        RateLimited, ReduceOnly, Rejected, Timeout,
    };
    for (kind, effect, texts) in [
        (
            Invalid,
            No,
            &[
                "Price must be divisible by tick size. asset=4",
                "Order has invalid price.",
                "Order has invalid size.",
                "Order has zero size.",
                "Order must have minimum value of $10. asset=110003",
                "Invalid TP/SL price. asset=4",
                "Trigger order is not reduce only. asset=0",
                "Invalid TIF",
                "Orders are empty.",
                "Attempted to modify to invalid new order. asset=1",
                "Signed action over weight limit of 200.",
                "Builder fee has not been approved.",
                "Position does not use isolated margin.",
                "Cannot update margin for empty position.",
                "Update to isolated margin cannot be zero.",
                "Failed to deserialize the JSON body into the target type: missing field `nonce` at line 1 column 3",
            ][..],
        ),
        (
            InsufficientMargin,
            No,
            &[
                "Insufficient margin to place order. asset=5",
                "Order would cause position to exceed margin tier limit at current leverage. asset=5",
                "(Spot-only) Order has insufficient spot balance to trade",
                "Account does not have sufficient margin available for increase.",
                "Position does not have sufficient margin for reduction.",
                "Insufficient balance for withdrawal",
            ],
        ),
        (ReduceOnly, No, &["Reduce only order would increase position. asset=0"]),
        (
            NoLiquidity,
            No,
            &[
                "Order could not immediately match against any resting orders. asset=0",
                "No liquidity available for market order. asset=0",
            ],
        ),
        (
            Rejected,
            No,
            &[
                "Post only order would have immediately matched, bbo was 3.1@3.2. asset=4",
                "Order would increase open interest too quickly. asset=4",
                "Order rejected due to price more aggressive than oracle when at open interest cap. asset=4",
                "Order price too far from oracle. asset=4",
                "Order price cannot be more than 95% away from the reference price. asset=4",
                "Too many open orders.",
                "Invalid nonce: nonce too low",
            ],
        ),
        (Rejected, May, &["Invalid nonce: duplicate nonce 1751364005123"]),
        (
            Maintenance,
            No,
            &[
                "Only post-only orders allowed immediately after network upgrade. asset=0",
                "Trading is halted. asset=0",
            ],
        ),
        (
            NotFound,
            No,
            &[
                "Order was never placed, already canceled, or filled. asset=0",
                "Cannot modify canceled or filled order",
            ],
        ),
        (
            LeverageRefused,
            No,
            &[
                "Invalid leverage value",
                "Cannot switch leverage type with open position.",
                "Cross margin is not allowed for this asset.",
                "Isolated position does not have sufficient margin available to decrease leverage.",
                "Cross position does not have sufficient margin available to decrease leverage.",
                "asset=4 Manually set leverage to acknowledge new margin tiers",
            ],
        ),
        (
            NotSupported,
            No,
            &[
                "Cannot remove isolated margin for this asset.",
                "Asset not strict isolated.",
                "Action disabled when unified account is active",
                "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $3.",
            ],
        ),
        (
            RateLimited,
            No,
            &["Too many cumulative requests sent (37986 > 10436) for cumulative volume traded $437.92."],
        ),
        (Timeout, No, &["Action already expired"]),
        (
            Auth,
            No,
            &[
                "User or API Wallet 0x4b6c5b1287e38b78e61d5dbca726d5e267eda747 does not exist.",
                "Must deposit before performing actions. User: 0x4b6c",
                "Unable to recover signer",
                "Extra agent already used.",
                "Agent valid_until already expired",
            ],
        ),
    ] {
        for text in texts {
            assert_eq!(classify(text), Some((kind, effect)), "{text}");
        }
    }
}

/// Endpoints that this crate does not ask, each with the reason.
const UNUSED: &[(&str, &str)] = &[
    ("allMids", "marks and books are asked for instead"),
    ("assetRows", "rows cut out of other answers"),
    ("candleSnapshot", "no candles are needed"),
    ("exchange_twapOrder", "no TWAP orders"),
    ("perpsAtOpenInterestCap", "an order that would add at the cap is refused by the venue"),
    ("portfolio", "history of equity"),
    ("signing_vectors", "tested in signing.rs"),
    ("spotMeta", "no spot trading"),
    ("userNonFundingLedgerUpdates", "deposits and transfers are not reported"),
    ("userVaultEquities", "what others hold in a vault"),
];

/// Endpoints whose answers are compared in `recorded.rs` or here.
const USED: &[&str] = &[
    "activeAssetData",
    "clearinghouseState",
    "error_catalog",
    "exchange_batchModify",
    "exchange_cancel",
    "exchange_error",
    "exchange_modify",
    "exchange_order",
    "exchange_updateLeverage",
    "exchange_usdClassTransfer",
    "extraAgents",
    "frontendOpenOrders",
    "fundingHistory",
    "historicalOrders",
    "l2Book",
    "live_selection",
    "meta",
    "metaAndAssetCtxs",
    "openOrders",
    "orderStatus",
    "perpDexs",
    "spotClearinghouseState",
    "subAccounts",
    "userFees",
    "userFills",
    "userFunding",
    "userRateLimit",
    "userRole",
];

/// A recording that is added later is not overlooked.
#[test]
fn every_recording_is_used_or_listed() {
    let Some(folder) = fixtures() else { return };
    let mut unknown = BTreeSet::new();
    for file in std::fs::read_dir(&folder).unwrap() {
        let name = file.unwrap().file_name().to_string_lossy().into_owned();
        let skip = ["request_", "ws_", "INDEX", "ccxt_symbols"].iter().any(|prefix| name.starts_with(prefix));
        if skip || name.ends_with(".expected.json") || !name.ends_with(".json") {
            continue;
        }
        let endpoint = name.rsplit_once('_').unwrap().0.to_owned();
        if !USED.contains(&endpoint.as_str()) && !UNUSED.iter().any(|(name, _)| *name == endpoint) {
            unknown.insert(endpoint);
        }
    }
    assert_eq!(unknown, BTreeSet::new());
}

fn recorded_markets() -> Vec<Markets> {
    let Some(folder) = fixtures() else { return Vec::new() };
    let mut markets: Vec<Markets> = files(&folder, "metaAndAssetCtxs")
        .iter()
        .map(|(name, bytes, _)| decode_meta_and_asset_ctxs(Body::new(name, bytes)).unwrap())
        .collect();
    markets.extend(
        files(&folder, "meta").iter().map(|(name, bytes, _)| decode_meta(Body::new(name, bytes)).unwrap()),
    );
    markets
}

/// The venue's rule, by counting digits of the text that is sent; shares nothing with `PriceRule`.
fn valid_price(text: &str, sz_decimals: usize) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').len();
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !fraction.ends_with('0');
    plain && fraction.len() <= 6 - sz_decimals && (fraction.is_empty() || significant <= 5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases() / 8))]

    #[test]
    fn every_price_and_size_keeps_the_venues_rule(mantissa in 1i64..10_000_000_000, scale in 0u32..9, buy: bool) {
        let (price, side) = (Price::new(Decimal::new(mantissa, scale)).unwrap(), if buy { Side::Buy } else { Side::Sell });
        for markets in recorded_markets() {
            for market in &markets.list {
                let instrument = &market.instrument;
                let sz_decimals = instrument.lot.get().scale() as usize;
                for round in [Round::Down, Round::Up, Round::Aggressive(side), Round::Passive(side)] {
                    let Ok(rounded) = instrument.price_rule.round(price, round) else { continue };
                    let text = evenkeel_hyperliquid::sign::wire_number(&rounded.get()).unwrap();
                    prop_assert!(valid_price(&text, sz_decimals), "{} {text}", instrument.symbol);
                    let up = match round {
                        Round::Up => true,
                        Round::Down => false,
                        Round::Aggressive(_) => buy,
                        _ => !buy,
                    };
                    let kept = if up { rounded >= price } else { rounded <= price };
                    prop_assert!(kept, "{text}");
                }
                let qty = Qty::new(price.get()).unwrap();
                let lots = instrument.lot.toward_zero(qty).unwrap();
                let text = evenkeel_hyperliquid::sign::wire_number(&lots.get()).unwrap();
                prop_assert!(text.split_once('.').is_none_or(|(_, f)| f.len() <= sz_decimals), "{text}");
                prop_assert!(lots <= qty);
            }
        }
    }
}
