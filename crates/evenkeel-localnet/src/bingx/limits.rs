//! How often one user may call what: each call counts in a window of its own, which begins with its first request.

use std::collections::BTreeMap;

use evenkeel_types::Timestamp;

/// Length of a window.
pub(crate) const WINDOW: u64 = 1000;

/// What the headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) requests: u32,
    /// Until the window ends.
    pub(crate) millis: u64,
}

/// Windows of all users, by user and call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits(BTreeMap<(usize, &'static str, &'static str), (Timestamp, u32)>);

impl Limits {
    /// Counts a request; `Err` is when the next window begins.
    pub(crate) fn count(
        &mut self,
        now: Timestamp,
        account: usize,
        (method, path): (&'static str, &'static str),
        per_second: u32,
    ) -> Result<Left, Timestamp> {
        let window = self.0.entry((account, method, path)).or_insert((now, 0));
        if now.0 >= window.0.0.saturating_add(WINDOW) {
            *window = (now, 0);
        }
        let ends = window.0.0.saturating_add(WINDOW);
        if window.1 >= per_second {
            return Err(Timestamp(ends));
        }
        window.1 = window.1.saturating_add(1);
        Ok(Left { requests: per_second.saturating_sub(window.1), millis: ends.saturating_sub(now.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_with_its_first_request() {
        let mut limits = Limits::default();
        let call = ("POST", "/a");
        let mut at = |millis, account| limits.count(Timestamp(millis), account, call, 2);
        assert_eq!(at(500, 0), Ok(Left { requests: 1, millis: 1000 }));
        assert_eq!(at(900, 0), Ok(Left { requests: 0, millis: 600 }));
        assert_eq!(at(1499, 0), Err(Timestamp(1500)));
        assert_eq!(at(1499, 1), Ok(Left { requests: 1, millis: 1000 }));
        assert_eq!(at(1500, 0), Ok(Left { requests: 1, millis: 1000 }));
        assert_eq!(limits.count(Timestamp(1500), 0, ("GET", "/a"), 1).map(|left| left.requests), Ok(0));
    }
}
