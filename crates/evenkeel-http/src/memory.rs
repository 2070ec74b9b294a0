//! What venue crates remember between calls: for how long it may be used, and what was sent.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_types::{ClientOrderId, Timestamp};

/// What was learned at most `age` before `now`. After a clock that went back, and where it was learned after `now` was
/// taken, nothing is: it is read again.
///
/// ```
/// use std::time::Duration;
/// use evenkeel_http::fresh;
/// use evenkeel_types::Timestamp;
///
/// let learned = (Timestamp(1_000), "rules");
/// let minute = Duration::from_secs(60);
/// assert_eq!(fresh(Some(&learned), Timestamp(61_000), minute), Some("rules"));
/// assert_eq!(fresh(Some(&learned), Timestamp(61_001), minute), None);
/// assert_eq!(fresh(Some(&learned), Timestamp(999), minute), None);
/// ```
#[must_use]
pub fn fresh<T: Clone>(learned: Option<&(Timestamp, T)>, now: Timestamp, age: Duration) -> Option<T> {
    learned.filter(|(at, _)| now >= *at && now.since(*at) <= age).map(|(_, value)| value.clone())
}

/// How many orders are remembered with the time of sending. Venues take twenty a second of an account, and an order can
/// arrive for less than half a minute.
const REMEMBERED_ORDERS: usize = 2000;

/// The orders that were sent for one account, with the time of sending by the venue's clock: one that was not heard of may
/// still arrive.
///
/// All connectors of a process with one key share it: an order that one of them sent is on its way for the others too.
#[derive(Debug, Default)]
pub struct SentOrders(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// When this memory began, by the venue's clock: about orders from before it nothing is known.
    began: Option<Timestamp>,
    /// Newest last.
    orders: VecDeque<(ClientOrderId, Timestamp)>,
    /// Of them, those that the venue took in by its own word. Newest last.
    taken: VecDeque<ClientOrderId>,
}

impl SentOrders {
    /// Those of this account. The name says host and account, without secrets.
    #[must_use]
    pub fn of(account: &str) -> Arc<Self> {
        // It outlives the connectors: one that is built anew for each call must not begin again.
        static ALL: Mutex<BTreeMap<String, Arc<SentOrders>>> = Mutex::new(BTreeMap::new());
        Arc::clone(whole(&ALL).entry(account.to_owned()).or_default())
    }

    /// The venue's time is known for the first time, which is before anything can be sent: from here on nothing is sent
    /// that is not remembered.
    pub fn begin(&self, venue_now: Timestamp) {
        whole(&self.0).began.get_or_insert(venue_now);
    }

    /// An order is about to be sent; whether it was sent before.
    pub fn sends(&self, id: ClientOrderId, at: Timestamp) -> bool {
        let mut known = whole(&self.0);
        known.began.get_or_insert(at);
        let before = known.orders.iter().any(|(sent, _)| *sent == id);
        known.orders.push_back((id, at));
        let excess = known.orders.len().saturating_sub(REMEMBERED_ORDERS);
        known.orders.drain(..excess);
        before
    }

    /// The venue said that it took this order in.
    pub fn taken(&self, id: ClientOrderId) {
        let mut known = whole(&self.0);
        known.taken.push_back(id);
        let excess = known.taken.len().saturating_sub(REMEMBERED_ORDERS);
        known.taken.drain(..excess);
    }

    /// Whether the venue said so. Only then is the refusal of a used id about a copy: where nobody heard of the first one,
    /// that refusal is the proof that it was taken in.
    #[must_use]
    pub fn was_taken(&self, id: &ClientOrderId) -> bool {
        whole(&self.0).taken.contains(id)
    }

    /// It is certain that what was about to be sent then was not taken in. Other copies of it stay.
    pub fn sent_none(&self, id: &ClientOrderId, at: Timestamp) {
        let mut known = whole(&self.0);
        let copy = known.orders.iter().position(|(sent, then)| sent == id && *then == at);
        copy.and_then(|copy| known.orders.remove(copy));
    }

    /// When an order was sent for the last time, or any order where it is not known which; else when this memory began,
    /// because another process may have sent it just before it ended. `None` where nothing is known.
    #[must_use]
    pub fn last(&self, id: Option<&ClientOrderId>) -> Option<Timestamp> {
        let known = whole(&self.0);
        let concerned = known.orders.iter().filter(|(sent, _)| id.is_none_or(|id| sent == id));
        concerned.map(|(_, at)| *at).max().or(known.began)
    }
}

/// What a poisoned lock holds is still whole: nothing is ever left half done under these.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> ClientOrderId {
        let mut hash = [0; 16];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        ClientOrderId::from_hash(&hash)
    }

    #[test]
    fn an_account_has_one_memory_and_it_is_bounded() {
        let (one, same) = (SentOrders::of("sent/a"), SentOrders::of("sent/a"));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &SentOrders::of("sent/b")));
        assert_eq!(same.last(None), None);
        one.begin(Timestamp(5));
        one.begin(Timestamp(9));
        assert_eq!(same.last(Some(&id(1))), Some(Timestamp(5)), "since the memory began");
        assert!((0..2500).all(|number| !one.sends(id(number), Timestamp(7))));
        assert_eq!(same.last(Some(&id(2499))), Some(Timestamp(7)));
        assert_eq!(same.last(Some(&id(1))), Some(Timestamp(5)));
        assert!(same.sends(id(2499), Timestamp(8)));
        assert_eq!(same.last(Some(&id(2499))), Some(Timestamp(8)), "the last time counts");
        assert_eq!(same.last(None), Some(Timestamp(8)));
        assert!(!same.was_taken(&id(2499)));
        (0..2500).for_each(|number| one.taken(id(number)));
        assert!(same.was_taken(&id(2499)) && !same.was_taken(&id(1)));
        one.sent_none(&id(2499), Timestamp(8));
        assert_eq!(same.last(Some(&id(2499))), Some(Timestamp(7)), "the other copy stays");
    }
}
