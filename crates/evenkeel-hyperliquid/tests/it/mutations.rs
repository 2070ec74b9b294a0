//! Whatever the bytes: no panic, no digit lost, and nothing missing read as zero.

use std::sync::LazyLock;

use evenkeel_hyperliquid::decode::{
    Body, decode_clearinghouse_state, decode_meta, decode_meta_and_asset_ctxs, decode_open_orders,
    decode_spot_clearinghouse_state, decode_user_abstraction, decode_user_fees,
};
use evenkeel_types::Decimal;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{Account, cases, d, fixtures, json, read};

/// Every decoder on the same bytes; the results do not matter.
fn decode_all(bytes: &[u8]) {
    let body = Body::new("mutated", bytes);
    let _ = decode_meta(body);
    let _ = decode_meta_and_asset_ctxs(body);
    let _ = decode_clearinghouse_state(body);
    let _ = decode_spot_clearinghouse_state(body);
    let _ = decode_user_abstraction(body);
    let _ = decode_open_orders(body);
    let _ = decode_user_fees(body);
    let _ = Account { state: bytes.to_vec(), ..Account::example() }.snapshot();
}

/// Bodies to mutate: our own, and the small recorded ones.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let example = Account::example();
    let mut seeds = vec![example.state, example.markets, example.abstraction, example.spot];
    if let Some(folder) = fixtures() {
        for name in [
            "clearinghouseState_1.json",
            "clearinghouseState_2.json",
            "clearinghouseState_4.json",
            "frontendOpenOrders_2.json",
            "meta_3.json",
            "metaAndAssetCtxs_2.json",
            "openOrders_2.json",
            "spotClearinghouseState_3.json",
            "userFees_1.json",
        ] {
            seeds.push(read(&folder, name));
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
    "\"isolated\"",
    "4294967296",
    "\u{feff}",
];

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
        let body = json(seed.get::<Vec<u8>>(&SEEDS));
        let mut paths = Vec::new();
        leaves(&body, &mut String::new(), &mut paths);
        let (path, piece) = (leaf.get(&paths), piece.get(PIECES));
        let mut body = body;
        *body.pointer_mut(path).unwrap() = Value::String("@@".into());
        decode_all(body.to_string().replace("\"@@\"", piece).as_bytes());
        let example = Account::example();
        let markets = body.to_string().replace("\"@@\"", piece).into_bytes();
        let _ = Account { markets, ..example }.snapshot();
    }

    #[test]
    fn no_digit_is_lost(mantissa in any::<i64>(), scale in 0u32..=28, zeros in 0usize..6, quoted: bool) {
        let wanted = Decimal::new(mantissa, scale);
        let mut text = wanted.to_string();
        if text.contains('.') { text.push_str(&"0".repeat(zeros)); }
        let text = if quoted { format!("\"{text}\"") } else { text };
        let body = format!("{{\"assetPositions\":[],\"withdrawable\":{text}}}");
        let state = decode_clearinghouse_state(Body::new("x", body.as_bytes())).unwrap();
        prop_assert_eq!(state.withdrawable.unwrap().get(), wanted);
        let printed = state.withdrawable.unwrap().to_string();
        prop_assert_eq!(d(&printed), wanted);
    }
}

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

/// Takes each field away, and nulls it: what then still decodes has no zero that was not there before.
#[test]
fn a_missing_field_is_never_a_zero() {
    let zeros = |text: &str| text.matches("(0)").count();
    let example = Account::example();
    let mut refused = 0;
    for (bytes, decode) in [
        (
            example.state.clone(),
            (|bytes| decode_clearinghouse_state(Body::new("x", bytes)).map(|v| format!("{v:?}")))
                as fn(&[u8]) -> Result<String, evenkeel_hyperliquid::decode::DecodeError>,
        ),
        (example.markets.clone(), |bytes| {
            decode_meta_and_asset_ctxs(Body::new("x", bytes)).map(|v| format!("{v:?}"))
        }),
    ] {
        let whole = json(&bytes);
        let before = zeros(&decode(&bytes).unwrap());
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
    assert!(refused > 100, "{refused}");
}
