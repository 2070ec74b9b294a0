//! What a venue allows, and what it says when it is used up.

use std::sync::Arc;
use std::time::Duration;

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum Urgency {
    /// It closes, decreases, cancels, or finds out what became of such a call. May use the whole quota and goes before
    /// ordinary calls.
    ReducesRisk,
    /// Everything else. Leaves the reserved share alone.
    Ordinary,
}

/// How much weight a venue allows within any window of time, and how much of it is kept for calls that reduce risk.
///
/// Every value is legal: a quota of nothing refuses everything, a reserve of everything refuses ordinary calls.
///
/// ```
/// use std::time::Duration;
/// use evenkeel_http::Quota;
///
/// const ORDERS: Quota = Quota::new(1_200, Duration::from_secs(60), 30);
/// assert_eq!(ORDERS.reserved(), 360);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    weight: u32,
    window: Duration,
    reserved: u32,
}

impl Quota {
    /// `weight` per `window`, of which `reserved_percent` (rounded up; more than 100 counts as 100) is kept for calls
    /// that reduce risk. Windows are counted in whole milliseconds, rounded up, at least one.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)]
    pub const fn new(weight: u32, window: Duration, reserved_percent: u32) -> Self {
        let percent = if reserved_percent > 100 { 100 } else { reserved_percent };
        // At most the weight itself, so the cast back keeps every bit.
        let reserved = (weight as u64).saturating_mul(percent as u64).div_ceil(100) as u32;
        Self { weight, window, reserved }
    }

    /// The weight allowed per window.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// The window.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.window
    }

    /// The weight that ordinary calls leave alone.
    #[must_use]
    pub fn reserved(&self) -> u32 {
        self.reserved
    }

    /// How much may have been used after a call of this urgency.
    pub(super) fn limit(&self, urgency: Urgency) -> u32 {
        match urgency {
            Urgency::ReducesRisk => self.weight,
            Urgency::Ordinary => self.weight.saturating_sub(self.reserved),
        }
    }
}

/// A call that the limit does not allow now. Nothing was sent and nothing was charged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rate limit `{scope}`: a weight of {weight} {}", self.outlook())]
pub struct RateLimited {
    pub(super) scope: Arc<str>,
    pub(super) weight: u32,
    pub(super) limit: u32,
    pub(super) wait: Option<Duration>,
}

impl RateLimited {
    /// Which limit.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// How long to wait, at least, until it fits; others may come first. `None` when it never does: the call weighs
    /// more than the limit allows calls of its urgency in a whole window.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.wait
    }

    fn outlook(&self) -> String {
        match self.wait {
            Some(wait) => format!("fits in {} ms at the earliest", wait.as_millis()),
            None => format!("never fits, at most {} do", self.limit),
        }
    }
}

/// What is used of a limit, for a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Which limit.
    pub scope: Arc<str>,
    /// What it allows.
    pub quota: Quota,
    /// The weight that counts as used now, other users of the scope included.
    pub used: u64,
    /// For how long nothing may be sent, if the venue said so.
    pub blocked_for: Option<Duration>,
    /// How many calls wait.
    pub waiting: usize,
}
