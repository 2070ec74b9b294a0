//! The limiter against a list of everything that it granted.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::ErrorKind;
use evenkeel_http::{Failure, Limiter, Quota, Urgency};
use evenkeel_types::Timestamp;
use proptest::prelude::*;

/// Everything granted, with its true time.
#[derive(Debug, Default)]
struct Oracle(Vec<(u64, u64)>);

impl Oracle {
    /// The weight of all grants later than `span` before `now`.
    fn within(&self, now: u64, span: u64) -> u64 {
        self.0.iter().filter(|(time, _)| time + span > now).map(|(_, weight)| weight).sum()
    }

    fn assert_no_window_exceeds(&self, window: u64, quota: u64) {
        // A window that holds the most ends at a grant.
        for (end, _) in &self.0 {
            let sum: u64 =
                self.0.iter().filter(|(time, _)| time <= end && time + window > *end).map(|(_, w)| w).sum();
            assert!(sum <= quota, "{sum} of {quota} in the window that ends at {end}");
        }
    }
}

fn urgency() -> impl Strategy<Value = Urgency> {
    prop_oneof![Just(Urgency::Ordinary), Just(Urgency::ReducesRisk)]
}

fn limiter(quota: u32, window: u64, percent: u32) -> Limiter {
    Limiter::new("test", Quota::new(quota, Duration::from_millis(window), percent))
}

proptest! {
    #[test]
    fn no_window_exceeds_the_quota_and_no_call_waits_longer_than_it_must(
        quota in 1_u32..200,
        window in 1_u64..10_000,
        percent in 0_u32..=100,
        calls in prop::collection::vec((0_u64..2_000, 0_u32..60, urgency()), 1..200),
    ) {
        let limiter = limiter(quota, window, percent);
        let reserved = limiter.quota().reserved();
        prop_assert!(u64::from(reserved) * 100 >= u64::from(quota) * u64::from(percent));
        let grain = window.div_ceil(60);
        let mut oracle = Oracle::default();
        let mut now = 1_700_000_000_000;
        for (pause, weight, urgency) in calls {
            now += pause;
            let limit = match urgency {
                Urgency::ReducesRisk => quota,
                Urgency::Ordinary => quota - reserved,
            };
            match limiter.reserve(Timestamp(now), weight, urgency) {
                Ok(()) => {
                    oracle.0.push((now, weight.into()));
                    prop_assert!(oracle.within(now, window) <= limit.into());
                }
                Err(refused) => match refused.retry_after() {
                    None => prop_assert!(weight > limit),
                    Some(wait) => {
                        // Cautious, but by no more than a slot.
                        prop_assert!(oracle.within(now, window + grain) + u64::from(weight) > limit.into());
                        let wait = u64::try_from(wait.as_millis()).unwrap();
                        prop_assert!(wait >= 1 && wait <= window + grain);
                        now += wait;
                        prop_assert_eq!(limiter.reserve(Timestamp(now), weight, urgency), Ok(()));
                        oracle.0.push((now, weight.into()));
                    }
                },
            }
            prop_assert!(limiter.usage(Timestamp(now)).used >= oracle.within(now, window));
        }
        oracle.assert_no_window_exceeds(window, quota.into());
    }

    #[test]
    fn a_clock_that_is_set_back_frees_nothing(
        window in 100_u64..10_000,
        calls in prop::collection::vec((0_u64..500, 1_u32..20, prop::option::weighted(0.1, 0_u64..20_000)), 1..200),
    ) {
        let limiter = limiter(50, window, 0);
        let mut oracle = Oracle::default();
        let (mut now, mut lag) = (1_700_000_000_000, 0);
        for (pause, weight, back) in calls {
            now += pause;
            lag += back.unwrap_or(0);
            if limiter.reserve(Timestamp(now - lag), weight, Urgency::ReducesRisk).is_ok() {
                oracle.0.push((now, weight.into()));
            }
        }
        oracle.assert_no_window_exceeds(window, 50);
        // And blocks for no more than a window after all of it.
        now += window + window.div_ceil(60) + 250;
        prop_assert_eq!(limiter.reserve(Timestamp(now - lag), 50, Urgency::ReducesRisk), Ok(()));
    }

    #[test]
    fn the_venues_count_is_believed_upwards_and_never_below_our_own(
        window in 100_u64..10_000,
        steps in prop::collection::vec((0_u64..1_000, 0_u32..20, 0_u32..150), 1..100),
    ) {
        let limiter = limiter(100, window, 0);
        let mut oracle = Oracle::default();
        let mut now = 1_700_000_000_000;
        for (pause, weight, reported) in steps {
            now += pause;
            if limiter.reserve(Timestamp(now), weight, Urgency::ReducesRisk).is_ok() {
                oracle.0.push((now, weight.into()));
            }
            limiter.report_used(Timestamp(now), reported);
            let used = limiter.usage(Timestamp(now)).used;
            let (own, most) = (oracle.within(now, window), oracle.within(now, window + window.div_ceil(60)));
            let reported = u64::from(reported);
            prop_assert!(used >= own.max(reported) && used <= most.max(reported), "{used} {own} {most} {reported}");
        }
        oracle.assert_no_window_exceeds(window, 100);
    }

    #[test]
    fn no_input_panics(
        quota in any::<u32>(), window in any::<Duration>(), percent in any::<u32>(),
        steps in prop::collection::vec((any::<u64>(), any::<u32>(), urgency(), 0..4), 1..50),
    ) {
        let limiter = Limiter::new("any", Quota::new(quota, window, percent));
        for (time, weight, urgency, what) in steps {
            let time = Timestamp(time);
            match what {
                0 => drop(limiter.reserve(time, weight, urgency)),
                1 => limiter.report_used(time, weight),
                2 => limiter.charge(time, weight),
                _ => limiter.block_until(time, Timestamp(time.0.wrapping_mul(weight.into()))),
            }
            prop_assert_eq!(limiter.usage(time).quota.weight(), quota);
        }
    }
}

#[test]
fn a_call_that_can_never_fit_says_so() {
    let limiter = limiter(10, 1_000, 30);
    let refused = limiter.reserve(Timestamp(0), 11, Urgency::ReducesRisk).unwrap_err();
    assert_eq!(refused.retry_after(), None);
    assert_eq!(refused.to_string(), "rate limit `test`: a weight of 11 never fits, at most 10 do");
    let refused = limiter.reserve(Timestamp(0), 8, Urgency::Ordinary).unwrap_err();
    assert_eq!(refused.retry_after(), None, "the reserve is not for ordinary calls");
    let failure = Failure::limited(&refused);
    assert_eq!((failure.kind, failure.retry_after), (ErrorKind::Invalid, None), "waiting does not help");
    limiter.reserve(Timestamp(0), 8, Urgency::ReducesRisk).unwrap();
    let refused = limiter.reserve(Timestamp(0), 1, Urgency::Ordinary).unwrap_err();
    assert_eq!(refused.to_string(), "rate limit `test`: a weight of 1 fits in 1017 ms at the earliest");
    let venue = evenkeel_types::VenueId::new("v").unwrap();
    let error = Failure::limited(&refused).error(&venue, evenkeel_exchange::Operation::Place);
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::RateLimited, evenkeel_exchange::Effect::NotApplied)
    );
    assert_eq!(error.retry_after(), Some(Duration::from_millis(1_017)));
}

#[test]
fn a_block_holds_everything_back_until_its_time_and_not_longer() {
    let limiter = limiter(10, 1_000, 0);
    let start = 1_700_000_000_000;
    limiter.block_until(Timestamp(start), Timestamp(start + 120_000));
    limiter.block_until(Timestamp(start), Timestamp(start + 60_000));
    for urgency in [Urgency::ReducesRisk, Urgency::Ordinary] {
        let refused = limiter.reserve(Timestamp(start), 0, urgency).unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(120)), "the longer block stays");
    }
    assert_eq!(limiter.usage(Timestamp(start)).blocked_for, Some(Duration::from_secs(120)));
    // The clock is set back by an hour: the ban lasts as long as it did.
    let back = start - 3_600_000;
    assert_eq!(limiter.usage(Timestamp(back)).blocked_for, Some(Duration::from_secs(120)));
    limiter.reserve(Timestamp(back + 119_999), 1, Urgency::ReducesRisk).unwrap_err();
    limiter.reserve(Timestamp(back + 120_000), 1, Urgency::Ordinary).unwrap();
    // Microseconds for milliseconds: not for ever.
    limiter.block_until(Timestamp(start), Timestamp(start * 1000));
    let blocked = limiter.usage(Timestamp(start)).blocked_for;
    assert_eq!(blocked, Some(Duration::from_secs(3 * 24 * 3600)));
}

#[test]
fn a_block_is_whole_when_the_clock_was_set_back_just_before_it() {
    let (limiter, start) = (limiter(10, 1_000, 0), 1_700_000_000_000);
    limiter.reserve(Timestamp(start), 1, Urgency::Ordinary).unwrap();
    // Set back by an hour while the call is under way; the answer is a ban of a minute.
    let back = start - 3_600_000;
    limiter.block_until(Timestamp(back), Timestamp(back + 60_000));
    let refused = limiter.reserve(Timestamp(back), 0, Urgency::ReducesRisk).unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(60)));
    limiter.reserve(Timestamp(back + 59_999), 0, Urgency::ReducesRisk).unwrap_err();
    limiter.reserve(Timestamp(back + 60_000), 0, Urgency::ReducesRisk).unwrap();
}

#[test]
fn threads_together_get_the_quota_and_no_more() {
    let limiter = Arc::new(limiter(1_000, 60_000, 20));
    let granted = |urgency| -> usize {
        let threads: Vec<_> = (0..8_u64)
            .map(|thread| {
                let limiter = limiter.clone();
                std::thread::spawn(move || {
                    // Slightly different times, in no order.
                    (0..500_u64)
                        .filter(|n| {
                            limiter.reserve(Timestamp(5_000 + (n + thread) % 100), 1, urgency).is_ok()
                        })
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    };
    assert_eq!(granted(Urgency::Ordinary), 800);
    assert_eq!(granted(Urgency::ReducesRisk), 200);
}

#[test]
fn a_scope_has_one_limiter_that_remembers_beyond_its_clients() {
    let quota = Quota::new(10, Duration::from_secs(60), 0);
    let one = Limiter::shared("it/shared", quota);
    assert!(Arc::ptr_eq(&one, &Limiter::shared("it/shared", quota)));
    assert!(!Arc::ptr_eq(&one, &Limiter::shared("it/other", quota)));
    one.reserve(Timestamp(1), 10, Urgency::Ordinary).unwrap();
    drop(one);
    Limiter::shared("it/shared", quota).reserve(Timestamp(1), 1, Urgency::Ordinary).unwrap_err();
    // However many others there are since, and however idle: a ban is not over because nobody asked.
    Limiter::shared("it/banned", quota).block_until(Timestamp(1), Timestamp(600_001));
    for other in 0..3000 {
        drop(Limiter::shared(&format!("it/many/{other}"), quota));
    }
    let refused =
        Limiter::shared("it/banned", quota).reserve(Timestamp(2), 1, Urgency::ReducesRisk).unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_millis(599_999)));
    Limiter::shared("it/shared", quota).reserve(Timestamp(1), 1, Urgency::Ordinary).unwrap_err();
    // A quota of another size does not loosen it.
    let other = Limiter::shared("it/shared", Quota::new(99, Duration::from_secs(1), 0));
    assert_eq!(other.quota(), quota);
}
