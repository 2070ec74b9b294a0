//! What is remembered between calls, and for how long it may be used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_http::fresh;
use evenkeel_types::{FeeRates, LeverageSetting, Symbol, Timestamp};

use crate::decode::{Markets, PerpDex};

/// Rates change once a day.
const FEES_AGE: Duration = Duration::from_secs(600);
/// New dexes are listed now and then.
const DEXES_AGE: Duration = Duration::from_secs(600);
/// How long a flat coin's setting may stand in a snapshot. It says there when it was read, and no order that adds risk
/// is sent without reading it again; but one costs 20 of the 1 200 that a minute has.
const SETTING_AGE: Duration = Duration::from_secs(30);
/// How long a margin mode that was read may be relied on when its leverage is set.
const MODE_OF_COIN_AGE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
pub(super) struct Known {
    fees: Option<(Timestamp, FeeRates)>,
    dexes: Option<(Timestamp, Arc<Vec<PerpDex>>)>,
    scanned: Option<Timestamp>,
    /// Builder dexes that held something when they were last read.
    pub(super) active: BTreeSet<String>,
    /// Builder dexes that something was sent to. They stay: an order may rest there and fill at any time.
    pub(super) used: BTreeSet<String>,
    /// By dex; a coin never changes its place.
    pub(super) markets: BTreeMap<String, Arc<Markets>>,
    /// Of flat coins, with the moment of reading by our clock.
    settings: BTreeMap<Symbol, (Timestamp, LeverageSetting)>,
    /// When a coin's setting was last written: what was read before then says nothing any more.
    written: BTreeMap<Symbol, Timestamp>,
    /// What was held at the last reading.
    pub(super) held: BTreeSet<Symbol>,
}

impl Memory {
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing is ever left half done under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    pub(super) fn fees(&self, now: Timestamp) -> Option<FeeRates> {
        fresh(self.fees.as_ref(), now, FEES_AGE)
    }

    /// However old: better than no account at all.
    pub(super) fn last_fees(&self) -> Option<FeeRates> {
        self.fees.map(|(_, fees)| fees)
    }

    /// However old: a dex never changes its number.
    pub(super) fn last_dexes(&self) -> Option<Arc<Vec<PerpDex>>> {
        self.dexes.as_ref().map(|(_, dexes)| Arc::clone(dexes))
    }

    pub(super) fn learn_fees(&mut self, at: Timestamp, fees: FeeRates) {
        self.fees = Some((at, fees));
    }

    pub(super) fn dexes(&self, now: Timestamp) -> Option<Arc<Vec<PerpDex>>> {
        fresh(self.dexes.as_ref(), now, DEXES_AGE)
    }

    pub(super) fn learn_dexes(&mut self, at: Timestamp, dexes: Vec<PerpDex>) {
        self.dexes = Some((at, Arc::new(dexes)));
    }

    /// Whether all dexes were looked through for positions not long ago.
    pub(super) fn is_scanned(&self, now: Timestamp) -> bool {
        fresh(self.scanned.map(|at| (at, ())).as_ref(), now, DEXES_AGE).is_some()
    }

    pub(super) fn learn_scan(&mut self, at: Timestamp) {
        self.scanned = Some(at);
    }

    pub(super) fn setting(&self, symbol: &Symbol, now: Timestamp) -> Option<LeverageSetting> {
        fresh(self.settings.get(symbol), now, SETTING_AGE)
    }

    /// The setting, young enough to write another leverage with the same mode.
    pub(super) fn recent_setting(&self, symbol: &Symbol, now: Timestamp) -> Option<LeverageSetting> {
        fresh(self.settings.get(symbol), now, MODE_OF_COIN_AGE)
    }

    pub(super) fn learn_setting(&mut self, at: Timestamp, setting: LeverageSetting) {
        // Asked for before the last write was answered, it may be from before it.
        if self.written.get(&setting.symbol).is_none_or(|written| at > *written) {
            self.settings.insert(setting.symbol.clone(), (at, setting));
        }
    }

    /// Before and after everything that may change it, with the time by our clock.
    pub(super) fn forget_setting(&mut self, symbol: &Symbol, now: Timestamp) {
        self.settings.remove(symbol);
        self.written.insert(symbol.clone(), now);
    }
}
