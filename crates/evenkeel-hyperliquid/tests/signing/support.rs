//! Where test data comes from, and small conveniences.

#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};

use evenkeel_hyperliquid::sign::{AgentKey, MasterKey, OrderedJson, Signature};
use serde_json::Value;

/// A published test key.
pub(crate) const KEY: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
pub(crate) const KEY_ADDRESS: &str = "0x14791697260e4c9a71f18484c9f997b308e59325";

/// One file of the folder of fixtures; `None`, with a message, where the folder is absent. Absence is a failure when
/// `EVENKEEL_FIXTURES_REQUIRED=1`.
pub(crate) fn fixture(name: &str) -> Option<Value> {
    let root = std::env::var_os("EVENKEEL_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let file = root.join(name);
    if file.is_file() {
        let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        return Some(serde_json::from_slice(&bytes).unwrap());
    }
    let required = std::env::var("EVENKEEL_FIXTURES_REQUIRED").is_ok_and(|value| value == "1");
    assert!(!required, "{} is absent and EVENKEEL_FIXTURES_REQUIRED=1", file.display());
    eprintln!("skipped: no vectors at {}", file.display());
    None
}

/// How many cases a property is tried with.
pub(crate) fn cases() -> u32 {
    std::env::var("EVENKEEL_CASES").ok().map_or(256, |text| text.parse().expect("EVENKEEL_CASES is a number"))
}

pub(crate) fn agent() -> AgentKey {
    AgentKey::from_hex(KEY).unwrap()
}

pub(crate) fn master() -> MasterKey {
    MasterKey::danger_from_hex(KEY).unwrap()
}

pub(crate) fn json(text: &str) -> OrderedJson {
    OrderedJson::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
}

/// 32 bytes from a text in which leading zeros may be left out.
pub(crate) fn number(text: &str) -> [u8; 32] {
    let padded = format!("{:0>64}", text.strip_prefix("0x").unwrap());
    let byte = |at: usize| u8::from_str_radix(&padded[2 * at..2 * at + 2], 16).unwrap();
    std::array::from_fn(byte)
}

/// Compares numbers, not texts: the SDKs leave leading zeros out.
pub(crate) fn assert_signature(name: &str, signature: &Signature, expected: &Value) {
    assert_eq!(signature.r, number(text(expected, "r")), "{name}: r");
    assert_eq!(signature.s, number(text(expected, "s")), "{name}: s");
    assert_eq!(Some(u64::from(signature.v)), expected["v"].as_u64(), "{name}: v");
}
