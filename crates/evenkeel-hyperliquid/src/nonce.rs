//! Nonces: one source for each key in this process, and what they were used for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use evenkeel_types::{ClientOrderId, Timestamp};

use crate::sign::AgentAddress;

/// How many orders' nonces are remembered for fencing them off: the venue itself keeps the hundred highest of a key,
/// and several orders share one.
const REMEMBERED_ORDERS: usize = 2000;

/// The nonces of one key: milliseconds, always rising.
///
/// The venue keeps the hundred highest nonces of each *key*, whatever account it signs for, and refuses one that was
/// used. Two connectors with one key in one process share this source, and the memory of what was sent: an order that
/// one of them sent is on its way for the other too. Two processes must have a key each.
#[derive(Debug)]
pub(crate) struct Nonces {
    began: Timestamp,
    last: AtomicU64,
    /// With which nonce an order was sent, newest last.
    orders: Mutex<VecDeque<(ClientOrderId, u64)>>,
    /// Nonces that were to be burned, without an answer whether they were.
    burning: Mutex<BTreeSet<u64>>,
}

impl Nonces {
    /// The source of this key; `now` is by our clock.
    pub(crate) fn of(key: AgentAddress, now: Timestamp) -> Arc<Self> {
        // It outlives the connectors: one that is built anew for each call must not begin again. A few bytes a key.
        static ALL: OnceLock<Mutex<BTreeMap<AgentAddress, Arc<Nonces>>>> = OnceLock::new();
        let mut all = whole(ALL.get_or_init(Mutex::default));
        let begin = || {
            let (last, orders, burning) = (AtomicU64::default(), Mutex::default(), Mutex::default());
            Arc::new(Self { began: now, last, orders, burning })
        };
        Arc::clone(all.entry(key).or_insert_with(begin))
    }

    /// When this memory began, by our clock: what an earlier process sent is not in it.
    pub(crate) fn began(&self) -> Timestamp {
        self.began
    }

    /// A nonce that this source never gave out: the present moment, or one more than the last.
    pub(crate) fn next(&self, now: Timestamp) -> u64 {
        let rise = |last: u64| Some(last.saturating_add(1).max(now.0));
        match self.last.fetch_update(Ordering::SeqCst, Ordering::SeqCst, rise) {
            Ok(last) | Err(last) => last.saturating_add(1).max(now.0),
        }
    }

    /// These orders are about to be sent with this nonce.
    pub(crate) fn remember(&self, orders: impl Iterator<Item = ClientOrderId>, nonce: u64) {
        let mut known = whole(&self.orders);
        known.extend(orders.map(|id| (id, nonce)));
        let excess = known.len().saturating_sub(REMEMBERED_ORDERS);
        known.drain(..excess);
    }

    /// The nonce that an order was sent with, where it is remembered.
    pub(crate) fn of_order(&self, id: &ClientOrderId) -> Option<u64> {
        whole(&self.orders).iter().rev().find(|(known, _)| known == id).map(|(_, nonce)| *nonce)
    }

    /// This nonce is about to be used for nothing. Whether that is the first attempt of which the outcome is open.
    pub(crate) fn burn(&self, nonce: u64) -> bool {
        whole(&self.burning).insert(nonce)
    }

    /// The outcome of burning it is known, or nothing was sent.
    pub(crate) fn settled(&self, nonce: u64) {
        whole(&self.burning).remove(&nonce);
    }
}

/// What a poisoned lock holds is still whole: nothing is ever left half done under these.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn key(last: u8) -> AgentAddress {
        let text = format!("0x{last:040x}");
        AgentAddress::from(text.parse::<crate::sign::Address>().unwrap())
    }

    #[test]
    fn one_key_has_one_source_and_no_nonce_comes_twice() {
        let (one, same, other) = (
            Nonces::of(key(1), Timestamp(0)),
            Nonces::of(key(1), Timestamp(0)),
            Nonces::of(key(2), Timestamp(0)),
        );
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        let mut seen = BTreeSet::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let nonces = Nonces::of(key(1), Timestamp(0));
                    scope.spawn(move || {
                        (0..500).map(|i| nonces.next(Timestamp(1000 + i / 7))).collect::<Vec<_>>()
                    })
                })
                .collect();
            for thread in threads {
                for nonce in thread.join().unwrap() {
                    assert!(seen.insert(nonce), "{nonce} twice");
                }
            }
        });
        // A clock that goes back gives no old nonce.
        assert!(one.next(Timestamp(5)) > *seen.last().unwrap());
        assert_eq!(one.next(Timestamp(9_999_999)), 9_999_999);
    }
}
