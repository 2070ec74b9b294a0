//! One limiter per scope and process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Limiter, Quota};

/// None is ever dropped: with it would go what was counted and how long the venue wants nothing, and whether that is over
/// only a clock can tell. A scope is a host, an account and a kind of call, so that there are as many as the accounts that
/// the process was given make; each has less than two kilobytes.
static SCOPES: Mutex<BTreeMap<Arc<str>, Arc<Limiter>>> = Mutex::new(BTreeMap::new());

impl Limiter {
    /// The process's limiter of this name, made with `quota` when it is first asked for.
    ///
    /// Venues meter per address or account, not per client: two clients that each keep to the limit break it together.
    /// So every client of a scope must use one limiter. The name says what the venue counts: its host for limits per
    /// address, host and account for limits per account, and the kind (`"api.example.com/orders/10s"`), without secrets.
    /// Several processes behind one address know of each other only through [`report_used`](Self::report_used).
    ///
    /// The first quota of a name stays: what the venue allows does not depend on who asks. The limiter outlives its
    /// clients, because the venue's count and its bans do too: a client that is built anew for every call is limited.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use evenkeel_http::{Limiter, Quota};
    ///
    /// let quota = Quota::new(1_200, Duration::from_secs(60), 30);
    /// let one = Limiter::shared("api.example.com/requests", quota);
    /// let other = Limiter::shared("api.example.com/requests", quota);
    /// assert!(Arc::ptr_eq(&one, &other));
    /// ```
    #[must_use]
    pub fn shared(scope: &str, quota: Quota) -> Arc<Self> {
        // Entries are whole or absent; a panic elsewhere cannot leave half of one.
        let mut scopes = SCOPES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limiter) = scopes.get(scope) {
            return limiter.clone();
        }
        let name: Arc<str> = scope.into();
        let limiter = Arc::new(Self::new(name.clone(), quota));
        scopes.insert(name, limiter.clone());
        limiter
    }
}
