//! What the test files share: fixtures read from their raw text, and short constructors.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use evenkeel_margin::{Account, Backing, Holding, MarginRules, Pool};
use evenkeel_types::{
    Decimal, Leverage, MarginTier, PoolId, PositionSide, Price, Qty, Rate, Symbol, TierRow, Tiers, Usd,
};
use serde_json::value::RawValue;

/// The folder with worked examples. Absent, a test says so and passes, unless `EVENKEEL_FIXTURES_REQUIRED=1`.
pub fn fixture(name: &str) -> Option<Json> {
    let folder = std::env::var_os("EVENKEEL_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let path = folder.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(Json(serde_json::from_str(&text).expect("fixture is JSON"))),
        Err(error) => {
            let required = std::env::var("EVENKEEL_FIXTURES_REQUIRED").is_ok_and(|value| value == "1");
            assert!(!required, "{} is required: {error}", path.display());
            eprintln!("skipped: {} is not there ({error})", path.display());
            None
        }
    }
}

/// JSON by its text: bare numbers keep every digit.
#[derive(Debug)]
pub struct Json(Box<RawValue>);

impl Json {
    pub fn find(&self, key: &str) -> Option<Json> {
        let mut map: BTreeMap<String, Box<RawValue>> = serde_json::from_str(self.0.get()).ok()?;
        map.remove(key).map(Json)
    }
    pub fn get(&self, key: &str) -> Json {
        self.find(key).unwrap_or_else(|| panic!("no `{key}` in {}", self.0.get()))
    }
    pub fn list(&self) -> Vec<Json> {
        let list: Vec<Box<RawValue>> = serde_json::from_str(self.0.get()).expect("a list");
        list.into_iter().map(Json).collect()
    }
    pub fn text(&self) -> String {
        serde_json::from_str(self.0.get()).unwrap_or_else(|_| self.0.get().to_owned())
    }
    pub fn number(&self) -> Decimal {
        d(&self.text())
    }
    pub fn num(&self, key: &str) -> Decimal {
        self.get(key).number()
    }
    pub fn num_or(&self, key: &str, default: &str) -> Decimal {
        self.find(key).map_or_else(|| d(default), |value| value.number())
    }
    pub fn usd(&self, key: &str) -> Usd {
        Usd::new(self.num(key)).unwrap()
    }
    pub fn price(&self, key: &str) -> Price {
        Price::new(self.num(key)).unwrap()
    }
    pub fn rate(&self, key: &str) -> Rate {
        Rate::new(self.num(key)).unwrap()
    }
    pub fn leverage(&self, key: &str) -> Leverage {
        Leverage::new(self.num(key)).unwrap()
    }
    /// `key` as a size with the sign of `side`.
    pub fn sized(&self, key: &str) -> Qty {
        let size = self.num(key);
        Qty::new(if self.get("side").text() == "SHORT" { -size } else { size }).unwrap()
    }
}

pub fn d(text: &str) -> Decimal {
    evenkeel_types::parse_decimal("number", text).unwrap()
}
pub fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}
pub fn qty(text: &str) -> Qty {
    text.parse().unwrap()
}
pub fn price(text: &str) -> Price {
    text.parse().unwrap()
}
pub fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}
pub fn leverage(text: &str) -> Leverage {
    text.parse().unwrap()
}
pub fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

pub fn tier(floor: &str, max: &str, maintenance: &str, deduction: &str) -> MarginTier {
    MarginTier {
        notional_floor: usd(floor),
        max_leverage: leverage(max),
        maintenance_rate: rate(maintenance),
        deduction: usd(deduction),
    }
}

/// A known tier, as many published examples give it.
pub fn known(maintenance: Rate, deduction: Usd) -> MarginRules<'static> {
    let tier = MarginTier {
        notional_floor: Usd::ZERO,
        max_leverage: leverage("20"),
        maintenance_rate: maintenance,
        deduction,
    };
    MarginRules::fixed(tier, Rate::ZERO)
}

pub fn table(rows: &[(&str, &str, &str)]) -> Tiers {
    let rows: Vec<TierRow> = rows
        .iter()
        .map(|(floor, max, maintenance)| TierRow {
            notional_floor: usd(floor),
            max_leverage: leverage(max),
            maintenance_rate: rate(maintenance),
            deduction: None,
        })
        .collect();
    Tiers::new(&rows, None).unwrap()
}

pub fn pool(equity: Usd) -> Pool {
    Pool { id: PoolId(symbol("main")), collateral: "USDT".parse().unwrap(), equity, reserved: Usd::ZERO }
}

pub fn cross<'a>(name: &str, size: Qty, mark: Price, rules: MarginRules<'a>) -> Holding<'a> {
    Holding {
        symbol: symbol(name),
        side: PositionSide::Net,
        pool: PoolId(symbol("main")),
        qty: size,
        mark,
        entry: None,
        leverage: leverage("10"),
        backing: Backing::Cross,
        rules,
        fixed_tier: None,
    }
}

pub fn isolated<'a>(name: &str, size: Qty, mark: Price, equity: Usd, rules: MarginRules<'a>) -> Holding<'a> {
    Holding { backing: Backing::Isolated { equity }, ..cross(name, size, mark, rules) }
}

pub fn account<'a>(equity: Usd, holdings: Vec<Holding<'a>>) -> Account<'a> {
    Account::new(vec![pool(equity)], holdings).unwrap()
}

#[track_caller]
pub fn close_to(name: &str, got: Decimal, expected: Decimal, tolerance: Decimal) {
    assert!((got - expected).abs() <= tolerance, "{name}: {got}, not {expected} within {tolerance}");
}
