//! How often a key may call what: a rolling second for each call, as the venue documents it.

use std::collections::{BTreeMap, VecDeque};

use evenkeel_types::Timestamp;

use super::envelope::Refusal;

/// In which calls are counted.
pub(super) const SECOND: u64 = 1000;

/// What was called in the last second.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    calls: BTreeMap<(String, &'static str), VecDeque<Timestamp>>,
    kept: bool,
}

/// What the headers of an answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) limit: u32,
    pub(super) left: u32,
    pub(super) reset: Timestamp,
}

impl Limits {
    /// Limits that are kept, or only told of.
    pub(super) fn new(kept: bool) -> Self {
        Self { calls: BTreeMap::new(), kept }
    }

    /// Counts calls, as many of them as there is room for; answers how many.
    pub(super) fn take(
        &mut self,
        key: &str,
        path: &'static str,
        limit: u32,
        wanted: u32,
        now: Timestamp,
    ) -> (u32, Told) {
        if !self.kept {
            return (wanted, Told { limit, left: limit.saturating_sub(wanted), reset: now });
        }
        let calls = self.calls.entry((key.to_owned(), path)).or_default();
        while calls.front().is_some_and(|at| at.0.saturating_add(SECOND) <= now.0) {
            calls.pop_front();
        }
        let used = u32::try_from(calls.len()).unwrap_or(u32::MAX);
        let left = limit.saturating_sub(used);
        let taken = wanted.min(left);
        calls.extend((0..taken).map(|_| now));
        let oldest = calls.front().copied().unwrap_or(now);
        let reset = if taken < wanted { Timestamp(oldest.0.saturating_add(SECOND)) } else { now };
        (taken, Told { limit, left: left.saturating_sub(taken), reset })
    }
}

pub(super) fn too_many() -> Refusal {
    Refusal::new(10006, "Too many visits. Exceeded the API Rate Limit.")
}
