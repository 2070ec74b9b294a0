//! Weighted rate limits, shared by everyone whom the venue counts together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_exchange::Clock;
use evenkeel_types::Timestamp;

mod acquire;
mod quota;
mod shared;
mod window;

pub use acquire::acquire_all;
pub use quota::{Quota, RateLimited, Urgency, Usage};

use window::Window;

/// How many waiting calls have a place in the queue. More can wait, but go last: a bot with a thousand waiting calls
/// has lost the race with its venue already.
const MAX_WAITING: usize = 1024;

/// One metered scope of a venue (the requests of an address, the orders of an account): what it allows and what is
/// used.
///
/// No window of time, wherever it begins, sees more than the quota. Times are those of the caller's [`Clock`]; the
/// venue's differ by the jitter of the way there, so give a quota a little below what the venue grants.
///
/// ```
/// use std::time::Duration;
/// use evenkeel_http::{Limiter, Quota, Urgency};
/// use evenkeel_types::Timestamp;
///
/// let limiter = Limiter::new("requests", Quota::new(10, Duration::from_secs(60), 30));
/// let now = Timestamp(0);
/// limiter.reserve(now, 7, Urgency::Ordinary)?;
/// // The rest is for calls that reduce risk.
/// let refused = limiter.reserve(now, 1, Urgency::Ordinary).unwrap_err();
/// assert_eq!(refused.retry_after(), Some(Duration::from_secs(61)));
/// limiter.reserve(now, 3, Urgency::ReducesRisk)?;
/// # Ok::<(), evenkeel_http::RateLimited>(())
/// ```
#[derive(Debug)]
pub struct Limiter {
    scope: Arc<str>,
    quota: Quota,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    window: Window,
    waiting: Vec<Waiter>,
}

/// A waiting call's place. What it needs counts as taken for everyone behind it, so that a heavy call is not starved
/// by light ones and there is no idle room either.
#[derive(Debug)]
struct Waiter {
    ticket: u64,
    urgency: Urgency,
    weight: u64,
}

impl State {
    /// The weight of the waiting calls that go first: urgent before ordinary, then the lower ticket.
    fn ahead(&self, urgency: Urgency, ticket: u64) -> u64 {
        self.waiting
            .iter()
            .filter(|waiter| match (waiter.urgency, urgency) {
                (Urgency::ReducesRisk, Urgency::Ordinary) => waiter.ticket != ticket,
                (Urgency::Ordinary, Urgency::ReducesRisk) => false,
                _ => waiter.ticket < ticket,
            })
            .fold(0, |sum, waiter| sum.saturating_add(waiter.weight))
    }

    fn leave(&mut self, ticket: u64) {
        self.waiting.retain(|waiter| waiter.ticket != ticket);
    }
}

/// The place of a call that is not waiting: behind everyone of its urgency who is.
const NO_TICKET: u64 = u64::MAX;

impl Limiter {
    /// An unused limit of its own. Where a venue counts several clients together, use
    /// [`shared`](Self::shared).
    #[must_use]
    pub fn new(scope: impl Into<Arc<str>>, quota: Quota) -> Self {
        let state = State { window: Window::new(quota.window()), waiting: Vec::new() };
        Self { scope: scope.into(), quota, state: Mutex::new(state) }
    }

    /// What it is called in errors.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// What it allows.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// Charges a call that is about to be sent, or says how long to wait. Never waits itself.
    ///
    /// # Errors
    ///
    /// [`RateLimited`]: the window is used up, the venue blocks us, others are waiting, or the call weighs more than
    /// the whole limit.
    pub fn reserve(&self, now: Timestamp, weight: u32, urgency: Urgency) -> Result<(), RateLimited> {
        self.take(now, weight, urgency, NO_TICKET).map(drop)
    }

    /// Charges a call that is about to be sent, waiting up to `patience` for room. A wait that is known to be longer
    /// is refused at once. Calls that reduce risk go first, then who came first.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    pub async fn acquire(
        &self,
        clock: &dyn Clock,
        weight: u32,
        urgency: Urgency,
        patience: Duration,
    ) -> Result<(), RateLimited> {
        acquire_all(&[(self, weight)], clock, urgency, patience).await
    }

    /// Counts weight that is known only afterwards: where the price of a call depends on the length of its answer. May
    /// exceed the quota; what follows waits the longer.
    pub fn charge(&self, now: Timestamp, weight: u32) {
        let mut state = self.state();
        let now = state.window.advance(now);
        state.window.charge(now, weight.into());
    }

    /// Corrects the count by the venue's own, from a header of its answer. Upwards it is believed (another program
    /// uses the same address); downwards never below what we know that we sent within the window.
    pub fn report_used(&self, now: Timestamp, used: u32) {
        let mut state = self.state();
        let now = state.window.advance(now);
        state.window.report(now, used.into());
    }

    /// Refuses every call, urgent ones too, until this time of **our** clock: the venue said so, and asking it again
    /// makes bans longer. A block is never shortened; more than three days (the longest ban of any venue) is not
    /// believed.
    ///
    /// `now` is what `until` was computed from: a clock that was set back since the last call must not take that step
    /// off the new block.
    pub fn block_until(&self, now: Timestamp, until: Timestamp) {
        let mut state = self.state();
        state.window.advance(now);
        state.window.block_until(until);
    }

    /// What is used now.
    #[must_use]
    pub fn usage(&self, now: Timestamp) -> Usage {
        let mut state = self.state();
        let now = state.window.advance(now);
        let blocked = state.window.blocked_for(now);
        Usage {
            scope: self.scope.clone(),
            quota: self.quota,
            used: state.window.used(),
            blocked_for: (blocked > 0).then(|| Duration::from_millis(blocked)),
            waiting: state.waiting.len(),
        }
    }

    /// As [`reserve`](Self::reserve), from a place in the queue, which a refusal keeps and a grant gives up. Returns
    /// the slot that was charged.
    fn take(&self, now: Timestamp, weight: u32, urgency: Urgency, ticket: u64) -> Result<u64, RateLimited> {
        let limit = self.quota.limit(urgency);
        let refused = |wait| RateLimited { scope: self.scope.clone(), weight, limit, wait };
        if weight > limit {
            return Err(refused(None));
        }
        let weight = u64::from(weight);
        let mut state = self.state();
        let now = state.window.advance(now);
        let need = state.ahead(urgency, ticket).saturating_add(weight);
        let wait = state.window.wait(now, need, limit.into());
        if wait == 0 {
            state.leave(ticket);
            return Ok(state.window.charge(now, weight));
        }
        let queued = ticket == NO_TICKET || state.waiting.iter().any(|waiter| waiter.ticket == ticket);
        if !queued && state.waiting.len() < MAX_WAITING {
            state.waiting.push(Waiter { ticket, urgency, weight });
        }
        Err(refused(Some(Duration::from_millis(wait))))
    }

    fn give_back(&self, slot: u64, weight: u32) {
        self.state().window.give_back(slot, weight.into());
    }

    fn leave(&self, ticket: u64) {
        self.state().leave(ticket);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked; and if something did, a count that is off by one call is better than a
        // limiter that takes the program down.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
