//! How much of what happened a venue remembers.

use std::collections::{BTreeMap, BTreeSet};

/// Orders that are over, executions, movements of money and the like that are kept of each account; so is what the paper
/// exchange behind it keeps. Beyond it the older half goes, so that a venue's memory stays flat however long it runs:
/// more than a bot sees in hours, and some ten megabytes.
pub(crate) const MAX_HISTORY: usize = 10_000;

/// Drops the older half where there are more than `most`; `rows` are oldest first.
pub(crate) fn bound<T>(rows: &mut Vec<T>, most: usize) {
    if rows.len() > most {
        rows.drain(..rows.len().saturating_sub(most >> 1));
    }
}

/// Drops what is gone for another reason, and of what is over the oldest, until half of `most` is left where it was more.
/// What is live stays.
pub(crate) fn bound_over<T>(
    items: &mut BTreeMap<u64, T>,
    live: &BTreeSet<u64>,
    most: usize,
    is_gone: impl Fn(&T) -> bool,
) {
    let over = items.len().saturating_sub(live.len());
    let mut too_many = if over > most { over.saturating_sub(most >> 1) } else { 0 };
    items.retain(|id, item| {
        if live.contains(id) {
            return true;
        }
        let drops = too_many > 0 || is_gone(item);
        too_many = too_many.saturating_sub(usize::from(drops));
        !drops
    });
}
