//! Waiting for room, in one scope or several.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use evenkeel_exchange::Clock;
use evenkeel_types::Timestamp;

use super::{Limiter, RateLimited, Urgency};

/// Tickets are drawn for the whole process, so that calls which wait in several scopes have the same order in all of
/// them and can never wait for each other.
static NEXT_TICKET: AtomicU64 = AtomicU64::new(0);

/// Charges a call that counts in several scopes (requests of the address, orders of the account) in all of them or in
/// none, waiting up to `patience` for room. Calls that reduce risk go first, then who came first.
///
/// While it is being decided, a scope may count the call for an instant although another then refuses it: too much is
/// the safe side.
///
/// # Errors
///
/// [`RateLimited`] by the scope that has no room within `patience`, or never.
///
/// ```
/// use std::time::Duration;
/// use evenkeel_exchange::Clock;
/// use evenkeel_http::{Limiter, Quota, RateLimited, Urgency, acquire_all};
///
/// async fn before_an_order(
///     requests: &Limiter,
///     orders: &Limiter,
///     clock: &dyn Clock,
/// ) -> Result<(), RateLimited> {
///     acquire_all(&[(requests, 1), (orders, 5)], clock, Urgency::Ordinary, Duration::from_secs(2)).await
/// }
/// ```
pub async fn acquire_all(
    scopes: &[(&Limiter, u32)],
    clock: &dyn Clock,
    urgency: Urgency,
    patience: Duration,
) -> Result<(), RateLimited> {
    let place = Place { scopes, urgency, ticket: NEXT_TICKET.fetch_add(1, Ordering::Relaxed) };
    let began = clock.now();
    let mut slept = Duration::ZERO;
    // Bounded by the patience: every round sleeps for a millisecond at least.
    loop {
        let now = clock.now();
        let Err(refused) = place.take(now) else { return Ok(()) };
        // What was slept counts too: our clock may have been set back meanwhile.
        let spent = slept.max(now.since(began));
        match refused.retry_after() {
            Some(wait) if wait <= patience.saturating_sub(spent) => {
                clock.sleep(wait).await;
                slept = slept.saturating_add(wait);
            }
            _ => return Err(refused),
        }
    }
}

/// A call's place in the queues, given up when it ends in whatever way, a dropped future included.
struct Place<'a> {
    scopes: &'a [(&'a Limiter, u32)],
    urgency: Urgency,
    ticket: u64,
}

impl Place<'_> {
    fn take(&self, now: Timestamp) -> Result<(), RateLimited> {
        let mut taken = Vec::with_capacity(self.scopes.len());
        for &(limiter, weight) in self.scopes {
            match limiter.take(now, weight, self.urgency, self.ticket) {
                Ok(slot) => taken.push((limiter, slot, weight)),
                Err(refused) => {
                    for (limiter, slot, weight) in taken {
                        limiter.give_back(slot, weight);
                    }
                    return Err(refused);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        for (limiter, _) in self.scopes {
            limiter.leave(self.ticket);
        }
    }
}
