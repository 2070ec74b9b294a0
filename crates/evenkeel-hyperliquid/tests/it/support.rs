//! Where test data comes from, and small conveniences.

#![allow(clippy::print_stderr)]

use std::path::{Path, PathBuf};

use evenkeel_hyperliquid::capabilities;
use evenkeel_hyperliquid::decode::{
    AbstractionInput, AccountInput, Body, DecodeError, DexInput, FeeInput, FlatSettings, OpenOrdersInput,
    base_fees, decode_snapshot,
};
use evenkeel_types::{AccountId, Decimal, Leverage, Scope, Snapshot, Symbol, VenueId, parse_decimal};
use serde_json::Value;

/// The folder of recorded Hyperliquid answers; `None`, with a message, where it is absent. Absence is a failure
/// when `EVENKEEL_FIXTURES_REQUIRED=1`.
pub(crate) fn fixtures() -> Option<PathBuf> {
    let root = std::env::var_os("EVENKEEL_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let folder = root.join("recorded/hyperliquid");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var("EVENKEEL_FIXTURES_REQUIRED").is_ok_and(|value| value == "1");
    assert!(!required, "{} is absent and EVENKEEL_FIXTURES_REQUIRED=1", folder.display());
    eprintln!("skipped: no recorded answers at {}", folder.display());
    None
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

pub(crate) fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

/// The five answers of an account, as text that tests change.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) state: Vec<u8>,
    pub(crate) markets: Vec<u8>,
    pub(crate) abstraction: Vec<u8>,
    pub(crate) spot: Vec<u8>,
    pub(crate) orders: Vec<u8>,
}

impl Account {
    /// The project's own recorded account.
    pub(crate) fn example() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/recorded/hyperliquid");
        Self {
            state: read(&folder, "clearinghouseState.json"),
            markets: read(&folder, "metaAndAssetCtxs.json"),
            abstraction: read(&folder, "userAbstraction.json"),
            spot: read(&folder, "spotClearinghouseState.json"),
            orders: read(&folder, "openOrders.json"),
        }
    }

    /// A state with metadata made for it: every coin with this maximum leverage, priced where it was valued.
    pub(crate) fn around(state: &Value, max_leverage: u32, collateral_token: u32) -> Self {
        let (mut universe, mut contexts) = (Vec::new(), Vec::new());
        for row in state["assetPositions"].as_array().unwrap() {
            let position = &row["position"];
            let mark = value(&position["positionValue"]) / value(&position["szi"]).abs();
            universe.push(serde_json::json!({
                "name": position["coin"], "szDecimals": 2, "maxLeverage": max_leverage,
            }));
            contexts.push(serde_json::json!({ "markPx": mark.normalize().to_string() }));
        }
        let meta = serde_json::json!({ "universe": universe, "collateralToken": collateral_token });
        Self {
            state: state.to_string().into_bytes(),
            markets: serde_json::json!([meta, contexts]).to_string().into_bytes(),
            abstraction: b"\"default\"".to_vec(),
            spot: b"{\"balances\":[]}".to_vec(),
            orders: b"[]".to_vec(),
        }
    }

    pub(crate) fn input(&self) -> AccountInput<'_> {
        AccountInput {
            venue: VenueId::new("hyperliquid").unwrap(),
            account: AccountId::new("recorded").unwrap(),
            capabilities: capabilities(),
            scope: Scope::default(),
            dexes: vec![DexInput {
                clearinghouse_state: Body::new("clearinghouseState.json", &self.state),
                meta_and_asset_ctxs: Body::new("metaAndAssetCtxs.json", &self.markets),
                open_orders: OpenOrdersInput::Answer(Body::new("openOrders.json", &self.orders)),
                fees: FeeInput::Known(base_fees()),
            }],
            abstraction: AbstractionInput::Answer(Body::new("userAbstraction.json", &self.abstraction)),
            spot_clearinghouse_state: Some(Body::new("spotClearinghouseState.json", &self.spot)),
            other_dexes: Some(&[]),
            available: Vec::new(),
            flat_settings: FlatSettings::Assume { other_than: Leverage::ONE },
        }
    }

    pub(crate) fn snapshot(&self) -> Result<Snapshot, DecodeError> {
        decode_snapshot(&self.input())
    }

    /// Replaces one text in the state; it must be there.
    pub(crate) fn with_state(&self, from: &str, to: &str) -> Self {
        Self { state: replaced(&self.state, from, to), ..self.clone() }
    }

    pub(crate) fn with_markets(&self, from: &str, to: &str) -> Self {
        Self { markets: replaced(&self.markets, from, to), ..self.clone() }
    }
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from} is not in the body");
    text.replacen(from, to, 1).into_bytes()
}
