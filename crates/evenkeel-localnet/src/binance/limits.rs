//! What an address may ask and an account may order in a time, and the headers that say so.

use std::collections::BTreeMap;

use evenkeel_types::Timestamp;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::refusals::Refusal;

/// Weight of one address in a minute.
pub(crate) const WEIGHT: u32 = 2_400;
/// Orders of one account in ten seconds and in a minute.
pub(crate) const ORDERS_SHORT: u32 = 300;
pub(crate) const ORDERS_LONG: u32 = 1_200;
/// Questions about funding, which have a count of their own, in five minutes.
const FUNDING: u32 = 500;

const MINUTE: u64 = 60_000;
const TEN_SECONDS: u64 = 10_000;
const FIVE_MINUTES: u64 = 300_000;

/// A count that begins again with each period of the venue's clock.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    period: u64,
    used: u32,
}

impl Count {
    /// Adds to it, and answers whether that was still within the limit.
    fn add(&mut self, now: Timestamp, length: u64, cost: u32, limit: u32) -> bool {
        let period = now.0.checked_div(length).unwrap_or(0);
        if self.period != period {
            *self = Self { period, used: 0 };
        }
        self.used = self.used.saturating_add(cost);
        self.used <= limit
    }
}

/// What a call costs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) weight: u32,
    /// In ten seconds; a minute counts a batch once.
    pub(crate) orders: u32,
    pub(crate) funding: bool,
}

/// The counts. All clients of a local venue have one address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    weight: Count,
    funding: Count,
    orders: BTreeMap<usize, (Count, Count)>,
}

impl Limits {
    pub(crate) fn ask(&mut self, now: Timestamp, cost: Cost) -> Result<(), Refusal> {
        if cost.funding {
            return if self.funding.add(now, FIVE_MINUTES, 1, FUNDING) { Ok(()) } else { Err(too_many()) };
        }
        if self.weight.add(now, MINUTE, cost.weight, WEIGHT) { Ok(()) } else { Err(too_many()) }
    }

    pub(crate) fn order(&mut self, now: Timestamp, account: usize, cost: Cost) -> Result<(), Refusal> {
        if cost.orders == 0 {
            return Ok(());
        }
        let (short, long) = self.orders.entry(account).or_default();
        let text = if !short.add(now, TEN_SECONDS, cost.orders, ORDERS_SHORT) {
            "Too many new orders; current limit is 300 orders per TEN_SECONDS."
        } else if !long.add(now, MINUTE, 1, ORDERS_LONG) {
            "Too many new orders; current limit is 1200 orders per MINUTE."
        } else {
            return Ok(());
        };
        Err(Refusal::new(-1015, text).with(StatusCode::TOO_MANY_REQUESTS))
    }

    /// What the answer to a call says about them.
    pub(crate) fn headers(&self, account: Option<usize>, cost: Cost, headers: &mut HeaderMap) {
        let mut say = |name: &'static str, used: u32| {
            headers.insert(name, HeaderValue::from(used));
        };
        if !cost.funding {
            say("x-mbx-used-weight-1m", self.weight.used);
        }
        if let Some((short, long)) = account.filter(|_| cost.orders > 0).and_then(|a| self.orders.get(&a)) {
            say("x-mbx-order-count-10s", short.used);
            say("x-mbx-order-count-1m", long.used);
        }
    }

    /// Seconds until the minute is over.
    pub(crate) fn retry_after(now: Timestamp) -> u64 {
        let gone = now.0.checked_rem(MINUTE).unwrap_or(0);
        MINUTE.saturating_sub(gone).div_ceil(1_000)
    }
}

pub(crate) fn too_many() -> Refusal {
    let text = "Too many requests; current limit of IP(127.0.0.1) is 2400 requests per minute. Please use the websocket for live updates to avoid polling the API.";
    Refusal::new(-1003, text).with(StatusCode::TOO_MANY_REQUESTS)
}
