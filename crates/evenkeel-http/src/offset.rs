//! What time it is at the venue.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_types::Timestamp;

/// How many samples are kept. Of five round trips one is usually undisturbed, and five are enough to outlive a burst
/// of slow answers.
const KEPT: usize = 5;

/// How old the newest sample may be. A free-running clock drifts by up to 50 ppm, 3 ms a minute: far below what
/// venues tolerate, so the limit guards against steps rather than drift.
const MAX_AGE: Duration = Duration::from_secs(60);

/// What two samples may differ by, beyond what their errors explain, before a clock must have been set in between:
/// more than any slewing does within a minute.
const STEP_MILLIS: u64 = 250;

/// The largest offset that is believed. Further off than a day is a wrong unit or a wrong field, not a clock.
const MAX_OFFSET_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// The venue's clock, seen through samples of it: shared by everyone who signs for the venue.
///
/// Each sample is a call that carried the venue's time. Its offset assumes that the answer took as long as the
/// request; it is wrong by at most half the round trip (plus a millisecond, the grain of the times). The sample with
/// the shortest round trip of the last five counts. Never touches the system's clock.
///
/// ```
/// use evenkeel_http::ClockOffset;
/// use evenkeel_types::Timestamp;
///
/// let offset = ClockOffset::new();
/// assert_eq!(offset.venue_time(Timestamp(1_000)), None);
/// // Asked at 1000, answered at 1100; in between the venue's clock showed 1550.
/// offset.sample(Timestamp(1_000), Timestamp(1_100), Timestamp(1_550));
/// assert_eq!(offset.venue_time(Timestamp(2_000)), Some(Timestamp(2_500)));
/// ```
#[derive(Debug, Default)]
pub struct ClockOffset(Mutex<VecDeque<Sample>>);

#[derive(Debug, Clone, Copy)]
struct Sample {
    received: Timestamp,
    round_trip: u64,
    /// What to add to our time to get the venue's, in milliseconds.
    offset: i128,
}

impl Sample {
    /// By how much the offset can be wrong, in milliseconds.
    fn error(self) -> u64 {
        self.round_trip.div_ceil(2).saturating_add(1)
    }
}

/// What became of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sampled {
    /// It agrees with the others.
    Kept,
    /// It cannot be explained with the others: one of the two clocks was set. The others were dropped. Signed requests
    /// under way may now be outside their validity.
    Stepped,
    /// It is no sample: the answer came before the question, or the venue's time is more than a day off.
    Refused,
}

impl ClockOffset {
    /// Nothing known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one call: our time before and after it, and the venue's time from its answer.
    pub fn sample(&self, sent: Timestamp, received: Timestamp, server: Timestamp) -> Sampled {
        let Some(round_trip) = received.0.checked_sub(sent.0) else { return Sampled::Refused };
        let middle = i128::from(sent.0.saturating_add(round_trip / 2));
        let offset = i128::from(server.0).saturating_sub(middle);
        if offset.unsigned_abs() > u128::from(MAX_OFFSET_MILLIS) {
            return Sampled::Refused;
        }
        let new = Sample { received, round_trip, offset };

        let mut samples = self.samples();
        let stepped = best(&samples).is_some_and(|old| {
            let explained = old.error().saturating_add(new.error()).saturating_add(STEP_MILLIS);
            new.offset.abs_diff(old.offset) > u128::from(explained)
        });
        if stepped {
            samples.clear();
        }
        while samples.len() >= KEPT {
            samples.pop_front();
        }
        samples.push_back(new);
        if stepped { Sampled::Stepped } else { Sampled::Kept }
    }

    /// The venue's time when ours is `now`; `None` before the first sample.
    #[must_use]
    pub fn venue_time(&self, now: Timestamp) -> Option<Timestamp> {
        best(&self.samples()).map(|sample| shifted(now, sample.offset))
    }

    /// The earliest and the latest that the venue's time can be when ours is `now`, as long as no clock was set since.
    /// Whether a deadline is still ahead asks the latest; whether it has certainly passed asks the earliest.
    #[must_use]
    pub fn venue_time_bounds(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let sample = best(&self.samples())?;
        let error = i128::from(sample.error());
        Some((
            shifted(now, sample.offset.saturating_sub(error)),
            shifted(now, sample.offset.saturating_add(error)),
        ))
    }

    /// By how much [`venue_time`](Self::venue_time) can be wrong: half the round trip of the best sample.
    #[must_use]
    pub fn error(&self) -> Option<Duration> {
        best(&self.samples()).map(|sample| Duration::from_millis(sample.error()))
    }

    /// Whether a new sample is due: there is none, the newest is older than 60 s, or our clock was set back since.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.samples().back().is_none_or(|newest| {
            let set_back = newest.received.since(now) > Duration::from_millis(STEP_MILLIS);
            set_back || now.since(newest.received) > MAX_AGE
        })
    }

    /// Drops every sample: for when the venue says that our times are wrong.
    pub fn forget(&self) {
        self.samples().clear();
    }

    fn samples(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        // Whole samples go in and out; a panic elsewhere cannot leave half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shortest round trip; of equals the newest, which has drifted least.
fn best(samples: &VecDeque<Sample>) -> Option<Sample> {
    samples.iter().rev().min_by_key(|sample| sample.round_trip).copied()
}

fn shifted(now: Timestamp, offset: i128) -> Timestamp {
    let shifted = i128::from(now.0).saturating_add(offset).clamp(0, i128::from(u64::MAX));
    Timestamp(u64::try_from(shifted).unwrap_or(u64::MAX))
}
