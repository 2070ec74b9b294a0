//! What is remembered between calls, and for how long it may be used.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_http::fresh;
use evenkeel_types::{AccountId, ClientOrderId, FeeRates, Leverage, Symbol, Timestamp};

use crate::decode::{Markets, SymbolSetting};

/// How old the rules in a snapshot may be. They change without notice, and cost a megabyte each time.
const MARKETS_AGE: Duration = Duration::from_secs(60);
/// How old the rules may be that an order is checked by before it is sent; the venue has the last word anyway.
const MARKETS_AGE_FOR_WRITES: Duration = Duration::from_secs(600);
/// Intervals change when a contract settles at its cap; `premiumIndex` has the next payment itself.
const INTERVALS_AGE: Duration = Duration::from_secs(300);
/// Rates change once a day, and cost 20 of 2 400 for each symbol.
const FEES_AGE: Duration = Duration::from_secs(3600);
/// How old a reading may be by which a change of leverage is called a lowering: that decides only whether it may use the
/// reserved share of the limit.
const SETTINGS_AGE: Duration = Duration::from_secs(60);
/// How many order numbers are remembered with what they are to us.
const REMEMBERED_NUMBERS: usize = 20_000;

pub(super) type Intervals = Arc<BTreeMap<Symbol, Duration>>;

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
pub(super) struct Known {
    markets: Option<(Timestamp, Arc<Markets>)>,
    /// What orders are checked by: the same, or younger and perhaps without the funding intervals.
    rules: Option<(Timestamp, Arc<Markets>)>,
    intervals: Option<(Timestamp, Intervals)>,
    fees: BTreeMap<Symbol, (Timestamp, FeeRates)>,
    pub(super) alias: Option<AccountId>,
    /// What was held at the last reading.
    pub(super) held: BTreeSet<Symbol>,
    /// Symbols that orders were sent for: some may rest there.
    pub(super) used: BTreeSet<Symbol>,
    /// Symbols whose dead-man switch was armed.
    pub(super) armed: BTreeSet<Symbol>,
    /// The leverages at the last reading of all settings, and those of single symbols since.
    settings: BTreeMap<Symbol, (Timestamp, Leverage)>,
    /// Which of our ids an order number has; none for others' orders. Each symbol counts by itself.
    numbers: BTreeMap<(Symbol, String), Option<ClientOrderId>>,
    /// The same numbers, oldest first.
    learned: VecDeque<(Symbol, String)>,
}

impl Memory {
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing is ever left half done under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    pub(super) fn markets(&self, now: Timestamp) -> Option<Arc<Markets>> {
        fresh(self.markets.as_ref(), now, MARKETS_AGE)
    }

    pub(super) fn markets_for_writes(&self, now: Timestamp) -> Option<Arc<Markets>> {
        fresh(self.rules.as_ref(), now, MARKETS_AGE_FOR_WRITES)
    }

    /// What orders are checked by, where it was read a moment ago: then it has the last word.
    pub(super) fn young_rules(&self, now: Timestamp) -> Option<Arc<Markets>> {
        fresh(self.rules.as_ref(), now, MARKETS_AGE)
    }

    pub(super) fn learn_markets(&mut self, at: Timestamp, markets: &Arc<Markets>) {
        self.markets = Some((at, Arc::clone(markets)));
        self.learn_rules(at, markets);
    }

    pub(super) fn learn_rules(&mut self, at: Timestamp, markets: &Arc<Markets>) {
        self.rules = Some((at, Arc::clone(markets)));
    }

    pub(super) fn intervals(&self, now: Timestamp) -> Option<Intervals> {
        fresh(self.intervals.as_ref(), now, INTERVALS_AGE)
    }

    /// However old: better than no account at all.
    pub(super) fn last_intervals(&self) -> Option<Intervals> {
        self.intervals.as_ref().map(|(_, intervals)| Arc::clone(intervals))
    }

    pub(super) fn learn_intervals(&mut self, at: Timestamp, intervals: &Intervals) {
        self.intervals = Some((at, Arc::clone(intervals)));
    }

    pub(super) fn fee(&self, symbol: &Symbol, now: Timestamp) -> Option<FeeRates> {
        fresh(self.fees.get(symbol), now, FEES_AGE)
    }

    /// However old: yesterday's rates are better than no account.
    pub(super) fn last_fee(&self, symbol: &Symbol) -> Option<FeeRates> {
        self.fees.get(symbol).map(|(_, fees)| *fees)
    }

    pub(super) fn learn_fee(&mut self, at: Timestamp, symbol: &Symbol, fees: FeeRates) {
        self.fees.insert(symbol.clone(), (at, fees));
    }

    /// A symbol's leverage, where it was read a moment ago.
    pub(super) fn leverage(&self, symbol: &Symbol, now: Timestamp) -> Option<Leverage> {
        fresh(self.settings.get(symbol), now, SETTINGS_AGE)
    }

    pub(super) fn learn_settings(&mut self, at: Timestamp, settings: &BTreeMap<Symbol, SymbolSetting>) {
        let told =
            settings.iter().filter_map(|(symbol, setting)| Some((symbol.clone(), (at, setting.leverage?))));
        self.settings.extend(told);
    }

    /// It is about to be set, or was.
    pub(super) fn forget_leverage(&mut self, symbol: &Symbol) {
        self.settings.remove(symbol);
    }

    pub(super) fn learn_number(&mut self, symbol: &Symbol, number: &str, id: Option<ClientOrderId>) {
        let key = (symbol.clone(), number.to_owned());
        if self.numbers.insert(key.clone(), id).is_none() {
            self.learned.push_back(key);
        }
        // The oldest goes, and is looked up once more when it is needed.
        while self.numbers.len() > REMEMBERED_NUMBERS
            && let Some(oldest) = self.learned.pop_front()
        {
            self.numbers.remove(&oldest);
        }
    }

    /// What an order number is to us; nothing where that is not known.
    pub(super) fn number(&self, symbol: &Symbol, number: &str) -> Option<Option<ClientOrderId>> {
        self.numbers.get(&(symbol.clone(), number.to_owned())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_order_number_is_forgotten_first() {
        let mut known = Known::default();
        let symbol = Symbol::new("BTCUSDT").unwrap();
        let id = |number: usize| ClientOrderId::from_hash(&(number as u128).to_le_bytes());
        // Later ones are smaller, as those of another symbol can be.
        let name = |number: usize| (1_000_000 - number).to_string();
        for number in 0..=REMEMBERED_NUMBERS {
            known.learn_number(&symbol, &name(number), Some(id(number)));
            // Said twice is not known twice.
            known.learn_number(&symbol, &name(number), Some(id(number)));
        }
        assert_eq!(known.number(&symbol, &name(0)), None);
        for number in [1, REMEMBERED_NUMBERS] {
            assert_eq!(known.number(&symbol, &name(number)), Some(Some(id(number))));
        }
        assert_eq!((known.numbers.len(), known.learned.len()), (REMEMBERED_NUMBERS, REMEMBERED_NUMBERS));
    }
}
