//! What is remembered between calls, and for how long it may be used.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_exchange::PROOF_LIFETIME;
use evenkeel_http::fresh;
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
/// How long a flat symbol's setting may stand in a snapshot: it says there when it was read. Margin modes are read at two
/// a second. What an order that adds risk is sent by is read anew, but for modes that are no older than a proof.
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
    /// With the moment of reading by the venue's clock, and so are margin modes.
    leverages: BySymbol<(Timestamp, LeverageReading)>,
    margin_modes: BySymbol<(Timestamp, MarginMode)>,
    /// When a symbol's setting was forgotten, by our clock: what was asked before may be from before a change.
    forgotten: BTreeMap<Symbol, Timestamp>,
    pub(super) intervals: BTreeMap<Symbol, Duration>,
    /// Rules as they stood in the last snapshot.
    pub(super) instruments: BTreeMap<Symbol, Instrument>,
    /// What was held at the last reading; `None` before the first.
    pub(super) held: Option<BTreeSet<Symbol>>,
    /// Ids that this connector sent and when by the venue's clock, which nobody sets on this machine, newest last; less
    /// those that certainly did not arrive.
    sent: VecDeque<(ClientOrderId, Timestamp)>,
    /// The venue's numbers of orders, and which of ours they are, newest last.
    numbers: VecDeque<(String, Option<ClientOrderId>)>,
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

    /// The list that was read last, however old.
    pub(super) fn last_contracts(&self) -> Option<Arc<Contracts>> {
        self.contracts.as_ref().map(|(_, contracts)| Arc::clone(contracts))
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

    /// The leverage of a symbol and when it was read by the venue's clock, young enough for a snapshot.
    pub(super) fn leverage(&self, symbol: &Symbol, now: Timestamp) -> Option<(Timestamp, LeverageReading)> {
        fresh(self.leverages.get(symbol), now, SETTING_AGE)
    }

    /// `at` is when it was asked for by our clock, `read_at` the same by the venue's.
    pub(super) fn learn_leverage(
        &mut self,
        at: Timestamp,
        read_at: Timestamp,
        symbol: &Symbol,
        reading: LeverageReading,
    ) {
        self.max_leverage.insert(symbol.clone(), (at, reading.max));
        if self.is_since_forgotten(symbol, at) {
            self.leverages.insert(symbol.clone(), (at, (read_at, reading)));
        }
    }

    /// The margin mode of a symbol and when it was read by the venue's clock, where that is young enough for a proof, or
    /// for a snapshot.
    pub(super) fn margin_mode(
        &self,
        symbol: &Symbol,
        now: Timestamp,
        proves: bool,
    ) -> Option<(Timestamp, MarginMode)> {
        let age = if proves { PROOF_LIFETIME } else { SETTING_AGE };
        fresh(self.margin_modes.get(symbol), now, age)
    }

    /// As [`learn_leverage`](Self::learn_leverage).
    pub(super) fn learn_margin_mode(
        &mut self,
        at: Timestamp,
        read_at: Timestamp,
        symbol: &Symbol,
        mode: MarginMode,
    ) {
        if self.is_since_forgotten(symbol, at) {
            self.margin_modes.insert(symbol.clone(), (at, (read_at, mode)));
        }
    }

    /// Before and after everything that may change it. What is being read meanwhile is not remembered.
    pub(super) fn forget_setting(&mut self, symbol: &Symbol, now: Timestamp) {
        self.leverages.remove(symbol);
        self.margin_modes.remove(symbol);
        self.forgotten.insert(symbol.clone(), now);
    }

    fn is_since_forgotten(&self, symbol: &Symbol, at: Timestamp) -> bool {
        self.forgotten.get(symbol).is_none_or(|forgotten| at > *forgotten)
    }

    /// Notes that an id is about to be sent. `now` is by the venue's clock.
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

    /// When an id was sent last, by the venue's clock.
    pub(super) fn sent_at(&self, id: &ClientOrderId) -> Option<Timestamp> {
        self.sent.iter().rev().find(|(known, _)| known == id).map(|(_, at)| *at)
    }

    /// Whether an order was sent a while ago whose number the venue has not told: an execution may be of it. `now` is by
    /// the venue's clock.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A read that was under way while the setting was written may be from before, whenever its answer comes.
    #[test]
    fn what_was_asked_before_a_change_is_not_remembered() {
        let (symbol, memory) = (Symbol::new("SOL-USDT").unwrap(), Memory::default());
        let leverage = Leverage::new(5).unwrap();
        let reading = LeverageReading { long: leverage, short: leverage, max: leverage };
        let mut known = memory.lock();
        let learn = |known: &mut Known, at: u64| {
            known.learn_leverage(Timestamp(at), Timestamp(at), &symbol, reading.clone());
            known.learn_margin_mode(Timestamp(at), Timestamp(at), &symbol, MarginMode::Cross);
        };
        let knows = |known: &Known| {
            let now = Timestamp(12);
            (known.leverage(&symbol, now).is_some(), known.margin_mode(&symbol, now, false).is_some())
        };
        learn(&mut known, 5);
        assert_eq!(knows(&known), (true, true));
        known.forget_setting(&symbol, Timestamp(10));
        for late in [9, 10] {
            learn(&mut known, late);
            assert_eq!(knows(&known), (false, false), "{late}");
        }
        assert!(known.max_leverage(&symbol, Timestamp(12)).is_some(), "a write does not change the maximum");
        learn(&mut known, 11);
        assert_eq!(knows(&known), (true, true));
    }
}
