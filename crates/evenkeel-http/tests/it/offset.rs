use std::time::Duration;

use evenkeel_http::{ClockOffset, Sampled};
use evenkeel_types::Timestamp;
use proptest::prelude::*;

const START: u64 = 1_700_000_000_000;

#[test]
fn without_a_sample_nothing_is_known() {
    let offset = ClockOffset::new();
    assert!(offset.is_stale(Timestamp(START)));
    assert_eq!(offset.venue_time(Timestamp(START)), None);
    assert_eq!(offset.venue_time_bounds(Timestamp(START)), None);
    assert_eq!(offset.error(), None);
}

#[test]
fn a_sample_ages_and_a_clock_that_is_set_back_makes_it_useless() {
    let offset = ClockOffset::new();
    offset.sample(Timestamp(START), Timestamp(START + 20), Timestamp(START));
    assert!(!offset.is_stale(Timestamp(START + 20)));
    assert!(!offset.is_stale(Timestamp(START + 60_020)));
    assert!(offset.is_stale(Timestamp(START + 60_021)));
    assert!(!offset.is_stale(Timestamp(START - 230)));
    assert!(offset.is_stale(Timestamp(START - 231)));
    offset.forget();
    assert!(offset.is_stale(Timestamp(START + 20)));
}

#[test]
fn what_is_no_sample_is_refused() {
    let offset = ClockOffset::new();
    assert_eq!(offset.sample(Timestamp(START), Timestamp(START - 1), Timestamp(START)), Sampled::Refused);
    // Seconds and microseconds for milliseconds.
    for server in [START / 1000, START * 1000, 0, u64::MAX] {
        assert_eq!(offset.sample(Timestamp(START), Timestamp(START), Timestamp(server)), Sampled::Refused);
    }
    assert_eq!(offset.venue_time(Timestamp(START)), None);
}

#[test]
fn a_step_drops_what_came_before_and_jitter_does_not() {
    let offset = ClockOffset::new();
    let sample = |at: u64, trip: u64, server: u64| {
        offset.sample(Timestamp(START + at), Timestamp(START + at + trip), Timestamp(START + server))
    };
    assert_eq!(sample(0, 20, 10), Sampled::Kept);
    // Slow, and off by what slowness explains: the fast one still counts.
    assert_eq!(sample(1_000, 2_000, 2_900), Sampled::Kept);
    assert_eq!(offset.error(), Some(Duration::from_millis(11)));
    // The venue's clock is 10 ms + 273 ms away: 11 + 11 + 250 do not explain that.
    assert_eq!(sample(4_000, 20, 4_010 + 272), Sampled::Kept);
    assert_eq!(sample(5_000, 20, 5_010 + 272 + 273), Sampled::Stepped);
    assert_eq!(offset.venue_time(Timestamp(START)), Some(Timestamp(START + 545)));
}

#[test]
fn only_the_last_five_count() {
    let offset = ClockOffset::new();
    offset.sample(Timestamp(START), Timestamp(START + 2), Timestamp(START + 1));
    for n in 1..=4 {
        offset.sample(Timestamp(START + n), Timestamp(START + n + 100), Timestamp(START + n + 50));
    }
    assert_eq!(offset.error(), Some(Duration::from_millis(2)));
    offset.sample(Timestamp(START + 5), Timestamp(START + 105), Timestamp(START + 55));
    assert_eq!(offset.error(), Some(Duration::from_millis(51)));
}

proptest! {
    /// Two true clocks in microseconds, read in whole milliseconds, with ways there and back of any length.
    #[test]
    fn the_true_time_of_the_venue_lies_within_the_bounds(
        ahead in -80_000_000_000_i64..80_000_000_000,
        trips in prop::collection::vec((0_u64..2_000_000, 0_u64..2_000_000, 0_u64..5_000_000), 1..20),
    ) {
        let offset = ClockOffset::new();
        let venue = |ours: u64| ours.checked_add_signed(ahead).unwrap();
        let mut now = START * 1_000;
        for (there, back, pause) in trips {
            now += pause;
            let (sent, served, received) = (now, now + there, now + there + back);
            let result = offset.sample(
                Timestamp(sent / 1_000), Timestamp(received / 1_000), Timestamp(venue(served) / 1_000),
            );
            prop_assert_eq!(result, Sampled::Kept, "no clock was set");
            now = received;
            let (earliest, latest) = offset.venue_time_bounds(Timestamp(now / 1_000)).unwrap();
            let truth = venue(now) / 1_000;
            prop_assert!(earliest.0 <= truth && truth <= latest.0, "{earliest} {truth} {latest}");
            let middle = offset.venue_time(Timestamp(now / 1_000)).unwrap();
            prop_assert!(earliest <= middle && middle <= latest);
        }
    }

    #[test]
    fn no_input_panics(samples in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 0..20)) {
        let offset = ClockOffset::new();
        for (sent, received, server) in samples {
            offset.sample(Timestamp(sent), Timestamp(received), Timestamp(server));
            let _ = offset.venue_time_bounds(Timestamp(server));
            let _ = offset.is_stale(Timestamp(server));
        }
    }
}
