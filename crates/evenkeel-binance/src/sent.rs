//! What was sent, for each account of this process: an order that was not heard of may still arrive.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use evenkeel_types::{ClientOrderId, Timestamp};

/// How many orders are remembered with the time of sending. The venue takes 1 200 a minute of an account, and an order can
/// arrive for less than half of one.
const REMEMBERED_ORDERS: usize = 2000;

/// The orders of one account, with the time of sending by the venue's clock, newest last.
///
/// All connectors of a process with one key share it: an order that one of them sent is on its way for the others too.
#[derive(Debug)]
pub(crate) struct SentOrders {
    /// When this memory began, by our clock: about orders from before it nothing is known.
    began: Timestamp,
    orders: Mutex<VecDeque<(ClientOrderId, Timestamp)>>,
}

/// What is known of the sending of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    /// This process sent it then, by the venue's clock.
    At(Timestamp),
    /// This process did not send it since then, by our clock.
    NotSince(Timestamp),
}

impl SentOrders {
    /// Those of this account; the name says host and account, without secrets.
    pub(crate) fn of(account: &str, now: Timestamp) -> Arc<Self> {
        // It outlives the connectors: one that is built anew for each call must not begin again.
        static ALL: OnceLock<Mutex<BTreeMap<String, Arc<SentOrders>>>> = OnceLock::new();
        let mut all = whole(ALL.get_or_init(Mutex::default));
        let known = all
            .entry(account.to_owned())
            .or_insert_with(|| Arc::new(Self { began: now, orders: Mutex::default() }));
        Arc::clone(known)
    }

    /// These orders are about to be sent.
    pub(crate) fn remember(&self, ids: impl Iterator<Item = ClientOrderId>, at: Timestamp) {
        let mut orders = whole(&self.orders);
        orders.extend(ids.map(|id| (id, at)));
        let excess = orders.len().saturating_sub(REMEMBERED_ORDERS);
        orders.drain(..excess);
    }

    /// When an order was sent, the last time.
    pub(crate) fn of_order(&self, id: &ClientOrderId) -> Sending {
        let orders = whole(&self.orders);
        let sent = orders.iter().rev().find(|(known, _)| known == id);
        sent.map_or(Sending::NotSince(self.began), |(_, at)| Sending::At(*at))
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
        let (one, same) = (SentOrders::of("sent/a", Timestamp(5)), SentOrders::of("sent/a", Timestamp(9)));
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &SentOrders::of("sent/b", Timestamp(9))));
        assert_eq!(same.of_order(&id(1)), Sending::NotSince(Timestamp(5)), "the memory began with the first");
        one.remember((0..2500).map(id), Timestamp(7));
        assert_eq!(same.of_order(&id(2499)), Sending::At(Timestamp(7)));
        assert_eq!(same.of_order(&id(1)), Sending::NotSince(Timestamp(5)));
        one.remember([id(2499)].into_iter(), Timestamp(8));
        assert_eq!(same.of_order(&id(2499)), Sending::At(Timestamp(8)), "the last time counts");
    }
}
