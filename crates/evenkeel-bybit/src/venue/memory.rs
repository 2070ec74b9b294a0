//! What is remembered between calls, and for how long it may be used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_http::fresh;
use evenkeel_types::{FeeRates, Leverage, LeverageSetting, Symbol, Timestamp};

use crate::decode::{Contracts, RiskTier};

/// Rates change with the volume of a month.
const FEES_AGE: Duration = Duration::from_secs(600);
/// A contract that stops trading is refused by the venue meanwhile.
const CONTRACTS_AGE: Duration = Duration::from_secs(300);
/// For how long a list of contracts is enough to encode a write: ticks and lots change a few times a year, and what does
/// not fit any more is refused by the venue.
const ENCODING_AGE: Duration = Duration::from_secs(3600);
/// For how long a leverage that was read is taken for the one that is set, to tell a lower one from a higher one.
const SETTING_AGE: Duration = Duration::from_secs(60);
/// For how long a list of contracts is enough to say that a symbol is not in it.
const UNLISTED_AGE: Duration = Duration::from_secs(10);
/// Tiers change a few times a month, announced days before.
const TIERS_AGE: Duration = Duration::from_secs(600);

type Seen<T> = Option<(Timestamp, T)>;

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
pub(super) struct Known {
    fees: Seen<Arc<BTreeMap<Symbol, FeeRates>>>,
    contracts: Seen<Arc<Contracts>>,
    tiers: BTreeMap<Symbol, (Timestamp, Arc<Vec<RiskTier>>)>,
    /// The lower one of a symbol's two sides.
    leverages: BTreeMap<Symbol, (Timestamp, Leverage)>,
    /// When the tiers of all contracts were read.
    all_tiers: Option<Timestamp>,
    /// What was held at the last reading, and whether as a net position; `None` before the first.
    pub(super) held: Option<BTreeMap<Symbol, bool>>,
}

impl Memory {
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing is ever left half done under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    pub(super) fn fees(&self, now: Timestamp) -> Option<Arc<BTreeMap<Symbol, FeeRates>>> {
        fresh(self.fees.as_ref(), now, FEES_AGE)
    }

    pub(super) fn learn_fees(&mut self, at: Timestamp, fees: Arc<BTreeMap<Symbol, FeeRates>>) {
        self.fees = Some((at, fees));
    }

    pub(super) fn contracts(&self, now: Timestamp) -> Option<Arc<Contracts>> {
        fresh(self.contracts.as_ref(), now, CONTRACTS_AGE)
    }

    pub(super) fn contracts_for_encoding(&self, now: Timestamp) -> Option<Arc<Contracts>> {
        fresh(self.contracts.as_ref(), now, ENCODING_AGE)
    }

    /// The last list, whatever its age.
    pub(super) fn last_contracts(&self) -> Option<&Contracts> {
        self.contracts.as_ref().map(|(_, contracts)| contracts.as_ref())
    }

    /// Whether the list is young enough to say that something is not in it.
    pub(super) fn lists_all(&self, now: Timestamp) -> bool {
        fresh(self.contracts.as_ref(), now, UNLISTED_AGE).is_some()
    }

    pub(super) fn learn_contracts(&mut self, at: Timestamp, contracts: Arc<Contracts>) {
        self.contracts = Some((at, contracts));
    }

    pub(super) fn tiers(&self, symbol: &Symbol, now: Timestamp) -> Option<Arc<Vec<RiskTier>>> {
        fresh(self.tiers.get(symbol), now, TIERS_AGE)
    }

    pub(super) fn has_all_tiers(&self, now: Timestamp) -> bool {
        fresh(self.all_tiers.map(|at| (at, ())).as_ref(), now, TIERS_AGE).is_some()
    }

    pub(super) fn learn_tiers(&mut self, at: Timestamp, symbol: &Symbol, tiers: Arc<Vec<RiskTier>>) {
        self.tiers.insert(symbol.clone(), (at, tiers));
    }

    pub(super) fn learn_all_tiers(&mut self, at: Timestamp, all: BTreeMap<Symbol, Vec<RiskTier>>) {
        self.tiers.extend(all.into_iter().map(|(symbol, tiers)| (symbol, (at, Arc::new(tiers)))));
        self.all_tiers = Some(at);
    }

    pub(super) fn learn_setting(&mut self, at: Timestamp, setting: &LeverageSetting) {
        self.leverages.insert(setting.symbol.clone(), (at, setting.long.min(setting.short)));
    }

    /// What is written next may change it.
    pub(super) fn forget_setting(&mut self, symbol: &Symbol) {
        self.leverages.remove(symbol);
    }

    /// Whether this leverage is known to be below what is set on both sides.
    pub(super) fn is_lower(&self, symbol: &Symbol, leverage: Leverage, now: Timestamp) -> bool {
        fresh(self.leverages.get(symbol), now, SETTING_AGE).is_some_and(|set| leverage < set)
    }

    /// Symbols that were held as net positions: their settings are in the list of positions.
    pub(super) fn held_net(&self) -> BTreeSet<Symbol> {
        let held = self.held.iter().flatten();
        held.filter(|(_, net)| **net).map(|(symbol, _)| symbol.clone()).collect()
    }
}
