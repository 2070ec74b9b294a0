//! Whatever the bytes: no panic, no digit lost, and nothing missing read as zero.

use std::sync::LazyLock;

use evenkeel_bingx::decode::{self, Body};
use evenkeel_types::{Decimal, PositionMode};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{cases, d, fixtures, json, symbol};

/// Every decoder on the same bytes; the results do not matter.
fn decode_all(bytes: &[u8]) {
    let body = Body::new("mutated", bytes);
    let wanted = [symbol("BTC-USDT"), symbol("ETH-USDT")].into();
    let btc = symbol("BTC-USDT");
    let _ = decode::decode_refusal(body);
    let _ = decode::decode_server_time(body);
    let _ = decode::decode_contracts(body);
    let _ = decode::decode_maintenance_tiers(body, &symbol("ETH-USDT"));
    let _ = decode::decode_premium_index(body, &wanted);
    let _ = decode::decode_tickers(body, &wanted);
    let _ = decode::decode_balance(body);
    let _ = decode::decode_positions(body);
    let _ = decode::decode_position_mode(body);
    let _ = decode::decode_asset_mode(body);
    let _ = decode::decode_leverage(body, &btc);
    let _ = decode::decode_leverage_set(body, &btc);
    let _ = decode::decode_margin_type(body, &btc);
    let _ = decode::decode_commission(body);
    let _ = decode::decode_key_rights(body);
    let _ = decode::decode_acknowledgement(body);
    let _ = decode::decode_batch(body);
    let _ = decode::decode_order(body);
    let _ = decode::decode_all_orders(body);
    let _ = decode::decode_open_orders(body, PositionMode::Hedge);
    let _ = decode::decode_cancelled(body);
    let _ = decode::decode_cancel(body);
    let _ = decode::decode_margin_moved(body);
    let _ = decode::decode_switch(body);
    let _ = decode::decode_transfer(body);
    let _ = decode::decode_fill_history(body);
    let _ = decode::decode_funding_rates(body, &btc);
    let _ = decode::decode_income(body);
}

const FILLS: &str = r#"{"code":0,"data":{"fill_history_orders":[{"symbol":"BTC-USDT","qty":"0.1","commission":"-0.1",
"price":"76445.4","orderId":"2100656013975973888","tradeId":"362625236","filledTime":"2026-09-18T02:39:57.000+08:00",
"side":"SELL","positionSide":"LONG"}],"total":1}}"#;

/// Bodies to mutate: all small recorded ones.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut seeds = vec![FILLS.as_bytes().to_vec()];
    if let Some(folder) = fixtures() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".json")
                && !name.starts_with("request")
                && !name.contains("expected")
                && !name.starts_with("ccxt")
                && !name.starts_with("INDEX")
            {
                seeds.push(std::fs::read(path).unwrap());
            }
        }
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
    "1e-28",
    "1e28",
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
    "\"BOTH\"",
    "4294967296",
    "\u{feff}",
    "\"2026-02-31T25:61:61+99:99\"",
    "29",
];

fn leaves(value: &Value, path: &mut String, out: &mut Vec<String>) {
    out.push(path.clone());
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let length = path.len();
        path.push('/');
        path.push_str(&key);
        leaves(child, path, out);
        path.truncate(length);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode_all(&bytes);
    }

    #[test]
    fn mutated_bytes_do_not_panic(
        seed in any::<prop::sample::Index>(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0usize..20, any::<u8>(), any::<prop::sample::Index>(), 0u8..3), 1..6,
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
        let (path, piece) = (leaf.get(&paths).clone(), piece.get(PIECES));
        *body.pointer_mut(&path).unwrap() = Value::String("@@".into());
        decode_all(body.to_string().replace("\"@@\"", piece).as_bytes());
    }

    #[test]
    fn no_digit_is_lost(mantissa in any::<i64>(), scale in 0u32..=28, quoted: bool) {
        let wanted = Decimal::new(mantissa, scale);
        let text = if quoted { format!("\"{wanted}\"") } else { wanted.to_string() };
        let body = format!(
            "{{\"code\":0,\"data\":[{{\"asset\":\"USDT\",\"balance\":{text},\"equity\":1,\"unrealizedProfit\":1,\
             \"availableMargin\":1,\"usedMargin\":1,\"frozenMargin\":1}}]}}"
        );
        let rows = decode::decode_balance(Body::new("x", body.as_bytes())).unwrap();
        prop_assert_eq!(rows[0].balance.get(), wanted);
        prop_assert_eq!(d(&rows[0].balance.to_string()), wanted);
    }
}

/// Takes each field away, and nulls it: what then still decodes has no zero that was not there before.
#[test]
fn a_missing_field_is_never_a_zero() {
    let zeros = |text: &str| text.matches("(0)").count();
    let positions = serde_json::json!({"code": 0, "data": crate::server::positions()}).to_string();
    let order =
        serde_json::json!({"code": 0, "data": {"order": crate::server::order("BTC-USDT", 7, "LIMIT", "x")}});
    type Decoded = Result<String, evenkeel_bingx::decode::DecodeError>;
    type Decode = fn(&[u8]) -> Decoded;
    let mut refused = 0;
    let cases: [(String, Decode); 3] = [
        (positions, |bytes| decode::decode_positions(Body::new("x", bytes)).map(|v| format!("{v:?}"))),
        (order.to_string(), |bytes| decode::decode_order(Body::new("x", bytes)).map(|v| format!("{v:?}"))),
        (FILLS.to_owned(), |bytes| {
            decode::decode_fill_history(Body::new("x", bytes)).map(|v| format!("{v:?}"))
        }),
    ];
    for (text, decode) in cases {
        let whole = json(text.as_bytes());
        let before = zeros(&decode(text.as_bytes()).unwrap());
        let mut paths = Vec::new();
        leaves(&whole, &mut String::new(), &mut paths);
        for path in paths.iter().filter(|path| !path.is_empty()) {
            let (parent, key) = path.rsplit_once('/').unwrap();
            let mut nulled = whole.clone();
            *nulled.pointer_mut(path).unwrap() = Value::Null;
            let mut removed = whole.clone();
            if let Some(map) = removed.pointer_mut(parent).unwrap().as_object_mut() {
                map.remove(key);
            }
            for body in [nulled, removed] {
                match decode(body.to_string().as_bytes()) {
                    Ok(text) => assert!(zeros(&text) <= before, "{path}: {text}"),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(refused > 40, "{refused}");
}
