//! Nonces: one source for each key in this process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use evenkeel_types::Timestamp;

use crate::sign::AgentAddress;

/// The nonces of one key: milliseconds, always rising.
///
/// The venue keeps the hundred highest nonces of each *key*, whatever account it signs for, and refuses one that was
/// used. Two connectors with one key in one process share this source; two processes must have a key each.
#[derive(Debug, Default)]
pub(crate) struct Nonces(AtomicU64);

impl Nonces {
    /// The source of this key.
    pub(crate) fn of(key: AgentAddress) -> Arc<Self> {
        // It outlives the connectors: one that is built anew for each call must not begin again. A few bytes a key.
        static ALL: OnceLock<Mutex<BTreeMap<AgentAddress, Arc<Nonces>>>> = OnceLock::new();
        let all = ALL.get_or_init(Mutex::default);
        // A poisoned map is still a map: nothing is ever left half done under this lock.
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(key).or_default())
    }

    /// A nonce that this source never gave out: the present moment, or one more than the last.
    pub(crate) fn next(&self, now: Timestamp) -> u64 {
        let rise = |last: u64| Some(last.saturating_add(1).max(now.0));
        match self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, rise) {
            Ok(last) | Err(last) => last.saturating_add(1).max(now.0),
        }
    }
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
        let (one, same, other) = (Nonces::of(key(1)), Nonces::of(key(1)), Nonces::of(key(2)));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        let mut seen = BTreeSet::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let nonces = Nonces::of(key(1));
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
