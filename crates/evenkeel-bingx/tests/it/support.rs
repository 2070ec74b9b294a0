//! Where test data comes from, and small conveniences.

#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};

use evenkeel_exchange::OrderRequest;
use evenkeel_types::{
    ClientOrderId, Decimal, OrderIntent, PositionSide, Side, Symbol, TimeInForce, parse_decimal,
};
use serde_json::Value;

/// The folder with all fixtures; `None`, with a message, where it is absent. Absence is a failure when
/// `EVENKEEL_FIXTURES_REQUIRED=1`.
pub(crate) fn root() -> Option<PathBuf> {
    let root = std::env::var_os("EVENKEEL_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    if root.join("recorded/bingx").is_dir() {
        return Some(root);
    }
    let required = std::env::var("EVENKEEL_FIXTURES_REQUIRED").is_ok_and(|value| value == "1");
    assert!(!required, "{} is absent and EVENKEEL_FIXTURES_REQUIRED=1", root.display());
    eprintln!("skipped: no recorded answers at {}", root.display());
    None
}

/// The folder of recorded answers of this venue.
pub(crate) fn fixtures() -> Option<PathBuf> {
    root().map(|root| root.join("recorded/bingx"))
}

pub(crate) fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub(crate) fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// How many cases a property is tried with.
pub(crate) fn cases() -> u32 {
    std::env::var("EVENKEEL_CASES").ok().map_or(256, |text| text.parse().expect("EVENKEEL_CASES is a number"))
}

pub(crate) fn d(text: &str) -> Decimal {
    parse_decimal("test value", text).unwrap()
}

/// The value of a JSON string or number by its text.
pub(crate) fn value(json: &Value) -> Decimal {
    match json {
        Value::String(text) => d(text),
        Value::Number(number) => d(&number.to_string()),
        other => panic!("no number: {other}"),
    }
}

/// Compares a decoded number with a field; absent, null, empty and zero fields must be `None`.
pub(crate) fn same(what: &str, ours: Option<Decimal>, raw: &Value) {
    let none = raw.is_null() || raw == "" || value(raw).is_zero();
    assert_eq!(ours.filter(|ours| !ours.is_zero()), if none { None } else { Some(value(raw)) }, "{what}");
}

pub(crate) fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub(crate) fn id(number: u8) -> ClientOrderId {
    ClientOrderId::from_hash(&[number; 16])
}

pub(crate) fn intent(name: &str, side: Side, qty: &str, limit: &str) -> OrderIntent {
    OrderIntent {
        id: id(1),
        symbol: symbol(name),
        side,
        position_side: PositionSide::Net,
        qty: qty.parse().unwrap(),
        limit: limit.parse().unwrap(),
        tif: TimeInForce::Ioc,
        reduce_only: false,
    }
}

pub(crate) fn unproven(intent: OrderIntent) -> OrderRequest {
    OrderRequest::danger_without_proof(intent).unwrap()
}
