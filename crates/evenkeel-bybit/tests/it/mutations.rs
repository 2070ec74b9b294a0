//! Decoders never panic, whatever they are given, and never make a zero of what is missing.

use std::collections::BTreeSet;

use evenkeel_bybit::decode::{
    Body, DecodeError, decode_account_info, decode_acknowledgement, decode_batch, decode_cancelled,
    decode_envelope, decode_executions, decode_fee_rates, decode_funding_history, decode_funding_payments,
    decode_instruments, decode_margin_mode_set, decode_orders, decode_positions, decode_risk_limits,
    decode_server_time, decode_tickers, decode_wallet,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{cases, fixtures, json, read, symbol};

fn decode_all(bytes: &[u8]) {
    let body = Body::new("mutated", bytes);
    let _ = decode_envelope(body);
    let _ = decode_server_time(body);
    let _ = decode_instruments(body);
    let _ = decode_risk_limits(body);
    let _ = decode_tickers(body, None);
    let _ = decode_tickers(body, Some(&BTreeSet::from([symbol("BTCUSDT")])));
    let _ = decode_account_info(body);
    let _ = decode_wallet(body);
    let _ = decode_fee_rates(body);
    let _ = decode_positions(body);
    if let Ok(page) = decode_orders(body) {
        page.rows.iter().for_each(|row| drop(row.open_order()));
    }
    let _ = decode_executions(body);
    let _ = decode_funding_history(body, &symbol("BTCUSDT"));
    let _ = decode_funding_payments(body);
    let _ = decode_acknowledgement(body);
    let _ = decode_batch(body);
    let _ = decode_cancelled(body);
    let _ = decode_margin_mode_set(body);
}

static SEEDS: std::sync::LazyLock<Vec<Vec<u8>>> = std::sync::LazyLock::new(|| {
    let mut seeds = vec![br#"{"retCode":0,"result":{"timeNano":"1688639403423213947"}}"#.to_vec()];
    if let Some(folder) = fixtures() {
        let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        // By name, so that a case that fails fails again.
        names.sort();
        let bodies = names.iter().filter(|name| {
            let other = ["request_", "INDEX", "ccxt_"].iter().any(|prefix| name.starts_with(prefix));
            name.ends_with(".json") && !name.ends_with(".expected.json") && !other
        });
        seeds.extend(bodies.map(|name| read(&folder, name)));
        assert!(seeds.len() > 100, "{}", seeds.len());
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
    "\"Sell\"",
    "4294967296",
    "\u{feff}",
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
        let (path, piece) = (leaf.get(&paths), piece.get(PIECES));
        *body.pointer_mut(path).unwrap() = Value::String("@@".into());
        decode_all(body.to_string().replace("\"@@\"", piece).as_bytes());
    }
}

/// Takes each field away, nulls it, and empties it: what then still decodes has no zero that was not there before.
#[test]
fn a_missing_field_is_never_a_zero() {
    let Some(folder) = fixtures() else { return };
    let zeros = |text: &str| text.matches("(0)").count();
    type Decode = fn(&[u8]) -> Result<String, DecodeError>;
    let decoders: &[(&str, Decode)] = &[
        ("wallet_balance_1.json", |bytes| decode_wallet(Body::new("x", bytes)).map(|v| format!("{v:?}"))),
        ("position_list_5.json", |bytes| decode_positions(Body::new("x", bytes)).map(|v| format!("{v:?}"))),
        ("order_history_2.json", |bytes| decode_orders(Body::new("x", bytes)).map(|v| format!("{v:?}"))),
        ("instruments_info_2.json", |bytes| {
            decode_instruments(Body::new("x", bytes)).map(|v| format!("{v:?}"))
        }),
        ("risk_limit_1.json", |bytes| decode_risk_limits(Body::new("x", bytes)).map(|v| format!("{v:?}"))),
        ("tickers_1.json", |bytes| decode_tickers(Body::new("x", bytes), None).map(|v| format!("{v:?}"))),
        ("execution_list_2.json", |bytes| decode_executions(Body::new("x", bytes)).map(|v| format!("{v:?}"))),
    ];
    let mut refused = 0;
    for (name, decode) in decoders {
        let whole = json(&read(&folder, name));
        let before = zeros(&decode(whole.to_string().as_bytes()).unwrap());
        let mut paths = Vec::new();
        leaves(&whole, &mut String::new(), &mut paths);
        for path in paths.iter().filter(|path| !path.is_empty()) {
            let (parent, key) = path.rsplit_once('/').unwrap();
            let mut nulled = whole.clone();
            *nulled.pointer_mut(path).unwrap() = Value::Null;
            let mut emptied = whole.clone();
            *emptied.pointer_mut(path).unwrap() = Value::String(String::new());
            let mut removed = whole.clone();
            if let Some(map) = removed.pointer_mut(parent).unwrap().as_object_mut() {
                map.remove(key);
            }
            for body in [nulled, emptied, removed] {
                match decode(body.to_string().as_bytes()) {
                    Ok(text) => assert!(zeros(&text) <= before, "{name} {path}: {text}"),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(refused > 150, "{refused}");
}
