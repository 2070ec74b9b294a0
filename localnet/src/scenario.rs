//! Accounts, prices and faults written down as TOML; the form is described in the README.

use std::collections::BTreeMap;
use std::path::Path;

use evenkeel_localnet::FaultRule;
use evenkeel_paper::Builder as WorldBuilder;
use evenkeel_types::{IdError, MarginMode, Price, Qty, Symbol, Usd};
use serde::Deserialize;

use crate::cli::one_line;
use crate::venues::Kind;

/// What the venues begin with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// One line, shown first.
    pub title: Option<String>,
    /// What all randomness is drawn from.
    pub seed: u64,
    /// By how many milliseconds the venues' clocks are wrong; below zero they are behind.
    pub clock_skew_ms: i64,
    /// Mark prices by coin, at every venue.
    pub prices: BTreeMap<String, Price>,
    /// Accounts by name, at every venue; one named `main` where there are none.
    pub accounts: BTreeMap<String, AccountRow>,
    /// What goes wrong from the beginning.
    pub faults: Vec<FaultRow>,
}

/// An account.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountRow {
    /// What the account is worth at the beginning, buckets of isolated positions apart and profits of positions included;
    /// 10 000 unless given.
    pub cash: Option<Usd>,
    /// Positions by coin.
    pub positions: BTreeMap<String, PositionRow>,
}

/// A position.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositionRow {
    size: Qty,
    leverage: u32,
    #[serde(default = "cross")]
    mode: MarginMode,
    entry: Option<Price>,
}

fn cross() -> MarginMode {
    MarginMode::Cross
}

/// A rule of faults, at one venue or at all.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct FaultRow {
    /// Only at this venue.
    pub venue: Option<String>,
    /// Only orders of this coin's perpetual.
    pub coin: Option<String>,
    /// The rule.
    pub rule: FaultRule,
}

impl TryFrom<toml::Table> for FaultRow {
    type Error = String;

    // Flattened, serde would let unknown fields pass.
    fn try_from(mut table: toml::Table) -> Result<Self, String> {
        let mut name = |field: &str| match table.remove(field) {
            None => Ok(None),
            Some(toml::Value::String(name)) => Ok(Some(name)),
            Some(other) => Err(format!("`{field}` is a name, not {other}")),
        };
        let (venue, coin) = (name("venue")?, name("coin")?);
        if table.contains_key("symbol") {
            return Err("here goes `coin`, as in SOL: venues differ in how they write symbols".to_owned());
        }
        if let Some(coin) = &coin {
            // Whether the fault has one at all is decided where rules are read.
            table.insert("symbol".to_owned(), coin.clone().into());
        }
        let rule = FaultRule::deserialize(table).map_err(|error| one_line(error.message()))?;
        Ok(Self { venue, coin, rule })
    }
}

/// Reads a file.
///
/// # Errors
/// What is wrong, in one line.
pub fn load(path: &Path) -> Result<Scenario, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("--scenario: {name}: {error}"))?;
    read(&text).map_err(|why| format!("--scenario: {name}: {why}"))
}

/// Reads a text.
///
/// # Errors
/// The first thing that is not as described, with its line.
pub fn read(text: &str) -> Result<Scenario, String> {
    toml::from_str(text).map_err(|error| {
        let message = one_line(error.message());
        let Some(span) = error.span() else { return message };
        let number = text.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
        let line = text.lines().nth(number - 1).unwrap_or_default().trim();
        format!("line {number}: `{line}`: {message}")
    })
}

impl Scenario {
    /// The accounts, with the one that is there when none is described.
    #[must_use]
    pub fn accounts(&self) -> BTreeMap<String, AccountRow> {
        if self.accounts.is_empty() {
            return BTreeMap::from([("main".to_owned(), AccountRow::default())]);
        }
        self.accounts.clone()
    }

    /// The rules that are meant for a venue.
    ///
    /// # Errors
    /// For a coin whose symbol would be none.
    pub fn rules_for(&self, kind: &Kind) -> Result<Vec<FaultRule>, IdError> {
        let meant = |row: &&FaultRow| row.venue.as_deref().is_none_or(|name| name == kind.name);
        let rule = |row: &FaultRow| {
            let symbol = row.coin.as_deref().map(|coin| (kind.symbol)(coin).parse::<Symbol>()).transpose()?;
            Ok(symbol.into_iter().fold(row.rule.clone(), FaultRule::symbol))
        };
        self.faults.iter().filter(meant).map(rule).collect()
    }

    /// Prices and positions of an account, put into its paper exchange.
    pub fn furnish(
        &self,
        account: &AccountRow,
        kind: &Kind,
    ) -> impl FnOnce(WorldBuilder) -> WorldBuilder + use<> {
        let symbol = kind.symbol;
        let prices = self.prices.clone();
        let positions = account.positions.clone();
        move |mut world| {
            for (coin, price) in prices {
                world = world.mark(&symbol(&coin), &price.to_string());
            }
            for (coin, row) in positions {
                world = world.position(&symbol(&coin), &row.size.to_string(), row.leverage, row.mode);
                if let Some(entry) = row.entry {
                    world = world.entry(&entry.to_string());
                }
            }
            world
        }
    }
}
