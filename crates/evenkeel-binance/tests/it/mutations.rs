//! Whatever the bytes: no panic, no digit lost, and nothing missing read as zero.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use evenkeel_binance::classify_http;
use evenkeel_binance::decode::{
    Body, Markets, decode_account, decode_account_alias, decode_account_config, decode_algo_order,
    decode_algo_orders, decode_batch, decode_book_ticker, decode_commission_rate, decode_countdown,
    decode_done, decode_exchange_info, decode_funding_info, decode_funding_rates, decode_income,
    decode_leverage, decode_leverage_brackets, decode_order, decode_orders, decode_position_risk,
    decode_premium_index, decode_server_time, decode_symbol_configs, decode_transfer, decode_user_trades,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{cases, fixtures, json, read, symbol};

/// Every decoder on the same bytes; the results do not matter.
fn decode_all(bytes: &[u8]) {
    let body = Body::new("mutated", bytes);
    let btc = symbol("BTCUSDT");
    let wanted = BTreeSet::from([btc.clone()]);
    let _ = decode_account(body);
    let _ = decode_account_alias(body);
    let _ = decode_account_config(body);
    let _ = decode_algo_order(body);
    let _ = decode_algo_orders(body);
    let _ = decode_batch(body);
    let _ = decode_book_ticker(body, &wanted);
    let _ = decode_commission_rate(body, &btc);
    let _ = decode_countdown(body);
    let _ = decode_done(body);
    let _ = decode_funding_rates(body, &btc);
    let _ = decode_income(body);
    let _ = decode_leverage(body);
    let _ = decode_order(body).map(|order| order.resting("x"));
    let _ = decode_orders(body);
    let _ = decode_position_risk(body);
    let _ = decode_premium_index(body, &wanted);
    let _ = decode_server_time(body);
    let _ = decode_symbol_configs(body);
    let _ = decode_transfer(body);
    let _ = decode_user_trades(body);
    let brackets = decode_leverage_brackets(body).unwrap_or_default();
    let intervals = decode_funding_info(body).unwrap_or_default();
    if let Ok(listings) = decode_exchange_info(body) {
        let _ = Markets::new(listings, &brackets, &intervals).instruments();
    }
    for status in [200, 400, 418, 503] {
        let _ = classify_http(status, bytes);
    }
}

/// Small recorded bodies, one of each kind at least.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let own = r#"[{"symbol":"BTCUSDT","positionSide":"BOTH","positionAmt":"0.009","entryPrice":"67445.9","markPrice":"67502.68","liquidationPrice":"0","isolatedMargin":"0","updateTime":1}]"#;
    let mut seeds = vec![own.as_bytes().to_vec()];
    let Some(folder) = fixtures() else { return seeds };
    for name in [
        "account_2",
        "account_5",
        "accountConfig_1",
        "algoOrder_new_2",
        "algoOrder_query_1",
        "balance_3",
        "batchOrders_3",
        "commissionRate_1",
        "countdownCancelAll_1",
        "error_1",
        "exchangeInfo_1",
        "exchangeInfo_7",
        "fundingInfo_1",
        "fundingRate_1",
        "income_2",
        "leverage_1",
        "leverageBracket_1",
        "leverageBracket_5",
        "marginType_1",
        "openAlgoOrders_2",
        "openOrders_1",
        "order_new_1",
        "order_cancel_1",
        "positionRisk_1",
        "positionRisk_3",
        "premiumIndex_1",
        "symbolConfig_1",
        "symbolConfig_2",
        "ticker_bookTicker_1",
        "userTrades_1",
        "userTrades_2",
    ] {
        seeds.push(read(&folder, &format!("{name}.json")));
    }
    seeds
});

/// Pieces that break decoders when they land in the right place.
const PIECES: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "-",
    "1e400",
    "1e-400",
    "\"NaN\"",
    "0",
    "-0",
    "\"-0.0\"",
    "[[[[",
    "}}",
    "79228162514264337593543950335",
    "\"79228162514264337593543950336\"",
    "0.0000000000000000000000000001",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "18446744073709551616",
    "\"ISOLATED\"",
    "4294967296",
    "\u{feff}",
    "\"币\"",
    "-9223372036854775808",
];

fn leaves(body: &Value, path: &mut String, found: &mut Vec<String>) {
    let mut walk = |key: String, value: &Value| {
        let length = path.len();
        path.push('/');
        path.push_str(&key.replace('~', "~0").replace('/', "~1"));
        leaves(value, path, found);
        path.truncate(length);
    };
    match body {
        Value::Array(rows) => rows.iter().enumerate().for_each(|(index, row)| walk(index.to_string(), row)),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| walk(key.clone(), value)),
        _ => found.push(path.clone()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_all(&bytes);
    }

    #[test]
    fn mutated_bodies_do_not_panic(
        seed in any::<prop::sample::Index>(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0usize..12, any::<u8>(), any::<prop::sample::Index>(), 0u8..3),
            1..6,
        ),
    ) {
        let mut bytes = seed.get::<Vec<u8>>(&SEEDS).clone();
        for (at, length, byte, piece, how) in edits {
            let start = at.index(bytes.len() + 1);
            let end = (start + length).min(bytes.len());
            match how {
                0 => { bytes.drain(start..end); }
                1 => { bytes.splice(start..end, piece.get(PIECES).bytes()); }
                _ => { if let Some(b) = bytes.get_mut(start) { *b = byte; } }
            }
        }
        decode_all(&bytes);
    }

    /// A value of the JSON tree is replaced, so that the syntax stays valid and the deep decoders are reached.
    #[test]
    fn mutated_values_do_not_panic(
        seed in any::<prop::sample::Index>(), leaf in any::<prop::sample::Index>(), piece in any::<prop::sample::Index>(),
    ) {
        let mut body = json(seed.get::<Vec<u8>>(&SEEDS));
        let mut paths = Vec::new();
        leaves(&body, &mut String::new(), &mut paths);
        *body.pointer_mut(leaf.get::<String>(&paths)).unwrap() = Value::String("@@".into());
        decode_all(body.to_string().replace("\"@@\"", piece.get::<&str>(PIECES)).as_bytes());
    }
}

/// A number that is null or absent is an error that names its place, never zero.
#[test]
fn what_is_missing_is_named() {
    let asset = r#"{"asset":"USDT","walletBalance":"1","crossWalletBalance":"2","crossUnPnl":"3","availableBalance":"4","maxWithdrawAmount":"5"}"#;
    for field in
        ["walletBalance", "crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount"]
    {
        for broken in [asset.replace(&format!("\"{field}\""), "\"other\""), replaced(asset, field, "null")] {
            let body = format!(r#"{{"assets":[{broken}],"positions":[]}}"#);
            let error = decode_account(Body::new("account", body.as_bytes())).unwrap_err();
            assert_eq!(error.path(), format!("assets[0].{field}"), "{error}");
        }
    }
    let row = r#"{"symbol":"BTCUSDT","positionSide":"BOTH","positionAmt":"1","entryPrice":"1","markPrice":"1","liquidationPrice":"1","isolatedMargin":"1","updateTime":1}"#;
    for field in [
        "symbol",
        "positionSide",
        "positionAmt",
        "entryPrice",
        "markPrice",
        "liquidationPrice",
        "isolatedMargin",
    ] {
        for broken in [row.replace(&format!("\"{field}\""), "\"other\""), replaced(row, field, "null")] {
            let body = format!("[{broken}]");
            let error = decode_position_risk(Body::new("positionRisk", body.as_bytes())).unwrap_err();
            assert_eq!(error.path(), format!("[0].{field}"), "{error}");
        }
    }
}

fn replaced(body: &str, field: &str, by: &str) -> String {
    let mut value = json(body.as_bytes());
    value[field] = json(by.as_bytes());
    value.to_string()
}
