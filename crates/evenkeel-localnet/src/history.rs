//! How much of what happened a venue remembers.

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
