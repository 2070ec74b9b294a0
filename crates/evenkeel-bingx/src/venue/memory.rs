//! What is remembered between calls, and for how long it may be used.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_types::{
    ClientOrderId, FeeRates, Instrument, Leverage, MarginMode, PositionMode, Symbol, Timestamp,
};

use crate::decode::{AssetMode, Contracts, LeverageReading, MaintenanceTier};

/// Rates change with the volume of a month.
const FEES_AGE: Duration = Duration::from_secs(600);
/// Somebody may switch the account's modes at the venue. A minute is what a run takes; what is sent in the wrong
/// position mode is refused by the venue.
const MODES_AGE: Duration = Duration::from_secs(60);
/// A contract that goes offline is refused by the venue meanwhile.
const CONTRACTS_AGE: Duration = Duration::from_secs(300);
/// For how long a list of contracts is enough to say that a symbol is not in it.
pub(super) const UNLISTED_AGE: Duration = Duration::from_secs(10);
/// Tiers and maxima of leverage change a few times a year, and cost a call for each symbol.
const RULES_AGE: Duration = Duration::from_secs(600);
/// How long a flat symbol's setting may stand in a snapshot, and its margin mode in any reading: it says there when it
/// was read. Margin modes are read at two a second, and no order that adds risk is sent without reading the leverage.
const SETTING_AGE: Duration = Duration::from_secs(30);
/// How many orders are remembered by their ids: a day of a bot that places one a minute.
const ORDERS_KEPT: usize = 2000;

/// For how long an order without an answer may be the one behind an execution that is nobody's: longer than any run asks
/// for it.
const UNRESOLVED_AGE: Duration = Duration::from_secs(600);

type Seen<T> = Option<(Timestamp, T)>;
type BySymbol<T> = BTreeMap<Symbol, (Timestamp, T)>;

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
pub(super) struct Known {
    position_mode: Seen<PositionMode>,
    asset_mode: Seen<AssetMode>,
    fees: Seen<FeeRates>,
    contracts: Seen<Arc<Contracts>>,
    tiers: BySymbol<Arc<Vec<MaintenanceTier>>>,
    max_leverage: BySymbol<Leverage>,
    leverages: BySymbol<LeverageReading>,
    margin_modes: BySymbol<MarginMode>,
    pub(super) intervals: BTreeMap<Symbol, Duration>,
    /// Rules as they stood in the last snapshot.
    pub(super) instruments: BTreeMap<Symbol, Instrument>,
    /// What was held at the last reading; `None` before the first.
    pub(super) held: Option<BTreeSet<Symbol>>,
    /// Ids that this connector sent and when by our clock, newest last; less those that certainly did not arrive.
    sent: VecDeque<(ClientOrderId, Timestamp)>,
    /// The venue's numbers of orders, and which of ours they are, newest last.
    numbers: VecDeque<(String, Option<ClientOrderId>)>,
}

fn fresh<T: Clone>(known: Option<&(Timestamp, T)>, now: Timestamp, age: Duration) -> Option<T> {
    // A clock that went back makes nothing fresh.
    known.filter(|(at, _)| now >= *at && now.since(*at) <= age).map(|(_, value)| value.clone())
}

impl Memory {
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing is ever left half done under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    pub(super) fn position_mode(&self, now: Timestamp) -> Option<PositionMode> {
        fresh(self.position_mode.as_ref(), now, MODES_AGE)
    }

    pub(super) fn learn_position_mode(&mut self, at: Timestamp, mode: PositionMode) {
        self.position_mode = Some((at, mode));
    }

    pub(super) fn forget_position_mode(&mut self) {
        self.position_mode = None;
    }

    pub(super) fn asset_mode(&self, now: Timestamp) -> Option<AssetMode> {
        fresh(self.asset_mode.as_ref(), now, MODES_AGE)
    }

    pub(super) fn learn_asset_mode(&mut self, at: Timestamp, mode: AssetMode) {
        self.asset_mode = Some((at, mode));
    }

    pub(super) fn fees(&self, now: Timestamp) -> Option<FeeRates> {
        fresh(self.fees.as_ref(), now, FEES_AGE)
    }

    pub(super) fn learn_fees(&mut self, at: Timestamp, fees: FeeRates) {
        self.fees = Some((at, fees));
    }

    pub(super) fn contracts(&self, now: Timestamp) -> Option<Arc<Contracts>> {
        fresh(self.contracts.as_ref(), now, CONTRACTS_AGE)
    }

    /// Whether the list is young enough to say that something is not in it.
    pub(super) fn lists_all(&self, now: Timestamp) -> bool {
        fresh(self.contracts.as_ref(), now, UNLISTED_AGE).is_some()
    }

    pub(super) fn learn_contracts(&mut self, at: Timestamp, contracts: Arc<Contracts>) {
        self.contracts = Some((at, contracts));
    }

    pub(super) fn tiers(&self, symbol: &Symbol, now: Timestamp) -> Option<Arc<Vec<MaintenanceTier>>> {
        fresh(self.tiers.get(symbol), now, RULES_AGE)
    }

    pub(super) fn learn_tiers(&mut self, at: Timestamp, symbol: &Symbol, tiers: Arc<Vec<MaintenanceTier>>) {
        self.tiers.insert(symbol.clone(), (at, tiers));
    }

    pub(super) fn max_leverage(&self, symbol: &Symbol, now: Timestamp) -> Option<Leverage> {
        fresh(self.max_leverage.get(symbol), now, RULES_AGE)
    }

    /// The leverage of a symbol and when it was read, young enough for a snapshot.
    pub(super) fn leverage(&self, symbol: &Symbol, now: Timestamp) -> Option<(Timestamp, LeverageReading)> {
        let known = self.leverages.get(symbol);
        fresh(known, now, SETTING_AGE).zip(known).map(|(reading, (at, _))| (*at, reading))
    }

    pub(super) fn learn_leverage(&mut self, at: Timestamp, symbol: &Symbol, reading: LeverageReading) {
        self.max_leverage.insert(symbol.clone(), (at, reading.max));
        self.leverages.insert(symbol.clone(), (at, reading));
    }

    /// The margin mode of a symbol and when it was read.
    pub(super) fn margin_mode(&self, symbol: &Symbol, now: Timestamp) -> Option<(Timestamp, MarginMode)> {
        let known = self.margin_modes.get(symbol);
        fresh(known, now, SETTING_AGE).zip(known).map(|(mode, (at, _))| (*at, mode))
    }

    pub(super) fn learn_margin_mode(&mut self, at: Timestamp, symbol: &Symbol, mode: MarginMode) {
        self.margin_modes.insert(symbol.clone(), (at, mode));
    }

    /// Before and after everything that may change it.
    pub(super) fn forget_setting(&mut self, symbol: &Symbol) {
        self.leverages.remove(symbol);
        self.margin_modes.remove(symbol);
    }

    /// Notes that an id is about to be sent.
    pub(super) fn sends(&mut self, id: ClientOrderId, now: Timestamp) {
        // The last time counts: until its validity is over a copy may still arrive.
        self.sent.retain(|(known, _)| *known != id);
        self.sent.push_back((id, now));
        let excess = self.sent.len().saturating_sub(ORDERS_KEPT);
        self.sent.drain(..excess);
    }

    /// It is certain that it did not arrive, or was refused: no copy of it is on its way.
    pub(super) fn sent_none(&mut self, id: &ClientOrderId) {
        self.sent.retain(|(known, _)| known != id);
    }

    /// When an id was sent last.
    pub(super) fn sent_at(&self, id: &ClientOrderId) -> Option<Timestamp> {
        self.sent.iter().rev().find(|(known, _)| known == id).map(|(_, at)| *at)
    }

    /// Whether an order was sent a while ago whose number the venue has not told: an execution may be of it.
    pub(super) fn has_unnumbered(&self, now: Timestamp) -> bool {
        let recent = self.sent.iter().filter(|(_, at)| now.since(*at) <= UNRESOLVED_AGE);
        recent.into_iter().any(|(id, _)| self.number_of(id).is_none())
    }

    /// Notes whose the order with this number of the venue is: ours, or somebody else's.
    pub(super) fn learn_number(&mut self, number: &str, id: Option<ClientOrderId>) {
        if self.id_of(number).is_none() {
            self.numbers.push_back((number.to_owned(), id));
            let excess = self.numbers.len().saturating_sub(ORDERS_KEPT);
            self.numbers.drain(..excess);
        }
    }

    /// `None` where nothing is known of this number; `Some(None)` where it is not ours.
    pub(super) fn id_of(&self, number: &str) -> Option<Option<ClientOrderId>> {
        self.numbers.iter().rev().find(|(known, _)| known == number).map(|(_, id)| *id)
    }

    pub(super) fn number_of(&self, id: &ClientOrderId) -> Option<String> {
        let known = self.numbers.iter().rev().find(|(_, known)| known.as_ref() == Some(id));
        known.map(|(number, _)| number.clone())
    }
}
