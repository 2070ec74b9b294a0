//! Callers that drop their waits or are busy, venues that close at once, clocks that are set back, renewals that fail.

use super::*;

/// Asks as a loop around `select!` does: each wait is dropped after one look. Until a hint, an error, or this moment.
fn ticks(feed: &mut Feed<Plain>, clock: &Virtual, tick: u64, until: u64) -> Option<Result<Hint, Error>> {
    loop {
        clock.set(clock.now().0);
        if let Some(told) = feed.next().now_or_never() {
            return Some(told);
        }
        if clock.now().0 >= until {
            return None;
        }
        clock.set(clock.now().0 + tick);
    }
}

fn when(said: &Said, what: &str) -> Vec<u64> {
    let said = said.lock().unwrap();
    said.iter().filter(|(_, text)| text.starts_with(what)).map(|(at, _)| *at).collect()
}

fn then(first: &[Step], rest: &[Step]) -> Vec<Step> {
    [first, rest].concat()
}

#[test]
fn waits_that_are_dropped_connect_again_all_the_same() {
    let (mut feed, clock, said) = feed(&[None, None, Some(&LOGIN)]);
    assert_eq!(ticks(&mut feed, &clock, 100, 60_000).unwrap().unwrap(), Hint::Resumed);
    assert_eq!(when(&said, "open"), [0, 2000, 4000]);
}

#[test]
fn waits_that_are_dropped_learn_of_a_stream_that_cannot_be_had() {
    let (mut feed, clock, said) = feed(&[None; 10]);
    let error = ticks(&mut feed, &clock, 100, 60_000).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert_eq!(when(&said, "open"), [0, 2000, 4000, 6000, 8000]);
    // The next five have the longer waits, and end with another error.
    assert!(ticks(&mut feed, &clock, 100, 200_000).unwrap().is_err());
    assert_eq!(when(&said, "open")[5..], [12_000, 20_000, 36_000, 66_000, 96_000]);
}

#[test]
fn a_connection_that_takes_longer_than_a_wait_is_made_once() {
    let (mut feed, clock, said) = with(&[Some(&LOGIN)], 3000, None, &[]);
    assert_eq!(ticks(&mut feed, &clock, 100, 60_000).unwrap().unwrap(), Hint::Resumed);
    assert_eq!((clock.now().0, when(&said, "open")), (3000, vec![0]));
}

#[test]
fn a_connection_that_nobody_waited_for_is_not_logged_in_on() {
    let (mut feed, clock, said) = with(&[Some(&LOGIN), Some(&LOGIN)], 3000, None, &[]);
    assert!(feed.next().now_or_never().is_none());
    clock.set(60_000);
    assert_eq!(ticks(&mut feed, &clock, 100, 120_000).unwrap().unwrap(), Hint::Resumed);
    assert_eq!(texts(&said), ["open wss://venue/1", "open wss://venue/2", "login", "subscribe"]);
}

#[tokio::test]
async fn a_venue_that_closes_what_it_opened_is_left_alone_for_longer_and_longer() {
    let closes = then(&LOGIN, &[Step::Break]);
    let (mut feed, clock, said) = feed(&[Some(&*closes); 20]);
    while clock.now().0 < 120_000 {
        assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    }
    assert_eq!(
        when(&said, "open"),
        [0, 2000, 4000, 6000, 8000, 12_000, 20_000, 36_000, 66_000, 96_000, 126_000]
    );
}

#[tokio::test]
async fn waits_begin_anew_once_a_connection_stood_for_a_while() {
    let closes = then(&LOGIN, &[Step::Break]);
    let stands = then(&LOGIN, &[Step::Until(60_000), Step::Break]);
    let (mut feed, clock, said) = feed(&[
        Some(&*closes),
        Some(&*closes),
        Some(&*closes),
        Some(&*closes),
        Some(&*closes),
        Some(&*stands),
        Some(&LOGIN),
    ]);
    for _ in 0..7 {
        assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    }
    // It stood from 12 s; that it broke is seen after a ping at 72 s.
    assert_eq!(when(&said, "open")[5..], [12_000, 72_250]);
    assert_eq!(clock.now().0, 72_250);
}

#[test]
fn what_was_said_while_the_caller_was_busy_is_heard() {
    let steps = then(&LOGIN, &[Step::Say("account"), Step::Say("account")]);
    let (mut feed, clock, said) = feed(&[Some(&steps)]);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Resumed);
    for busy in [300_000, 600_000] {
        clock.set(busy);
        assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Account);
    }
    assert_eq!(when(&said, "open"), [0]);
}

#[test]
fn what_needs_a_moment_to_come_up_after_a_busy_while_is_heard() {
    let steps = then(&LOGIN, &[Step::Until(301_000), Step::Say("account")]);
    let (mut feed, clock, said) = feed(&[Some(&steps), Some(&LOGIN)]);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Resumed);
    clock.set(300_000);
    assert_eq!(ticks(&mut feed, &clock, 100, 400_000).unwrap().unwrap(), Hint::Account);
    assert_eq!(clock.now().0, 301_000);
    // A minute later it is silent, and two seconds after that it is given up.
    assert_eq!(ticks(&mut feed, &clock, 100, 400_000).unwrap().unwrap(), Hint::Resumed);
    assert_eq!(when(&said, "open"), [0, 363_300]);
}

#[test]
fn what_came_up_before_the_last_look_is_heard() {
    let steps = then(&LOGIN, &[Step::Until(301_000), Step::Say("account")]);
    let (mut feed, clock, said) = feed(&[Some(&steps), Some(&LOGIN)]);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Resumed);
    clock.set(300_000);
    assert!(feed.next().now_or_never().is_none());
    // Busy again for longer than the doubt lasts.
    clock.set(330_000);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Account);
    assert_eq!(when(&said, "open"), [0]);
}

#[test]
fn noise_does_not_keep_a_subscription_alive_that_never_stands() {
    let noise = vec![Step::Say("noise"); 100_000];
    let (mut feed, clock, said) = feed(&[Some(&noise), Some(&LOGIN)]);
    // As much of it as is there is heard at one moment; so it is told piece by piece.
    let noise: Vec<Step> =
        (0..1000).flat_map(|second| [Step::Until(second * 100), Step::Say("noise")]).collect();
    let (mut steady, steady_clock, steady_said) = self::feed(&[Some(&noise), Some(&LOGIN)]);
    assert_eq!(ticks(&mut steady, &steady_clock, 100, 60_000).unwrap().unwrap(), Hint::Resumed);
    assert_eq!(when(&steady_said, "open"), [0, 12_300]);
    // A flood ends when it is over.
    assert!(ticks(&mut feed, &clock, 100, 1000).is_none());
    assert_eq!(when(&said, "open"), [0]);
}

#[test]
fn a_clock_that_is_set_back_stops_neither_pings_nor_the_look_for_silence() {
    let (mut feed, clock, said) = feed(&[Some(&LOGIN), Some(&LOGIN)]);
    clock.set(10_000_000);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Resumed);
    clock.set(1_000_000);
    assert_eq!(ticks(&mut feed, &clock, 1000, 2_000_000).unwrap().unwrap(), Hint::Resumed);
    assert_eq!(when(&said, "ping"), [1_020_000, 1_040_000, 1_060_000]);
    assert_eq!(when(&said, "open"), [10_000_000, 1_064_000]);
}

#[test]
fn a_clock_that_is_set_back_does_not_put_off_the_next_attempt() {
    let (mut feed, clock, said) = feed(&[None, Some(&LOGIN)]);
    clock.set(10_000_000);
    assert!(feed.next().now_or_never().is_none());
    clock.set(1_000_000);
    assert_eq!(ticks(&mut feed, &clock, 100, 2_000_000).unwrap().unwrap(), Hint::Resumed);
    assert_eq!(when(&said, "open"), [10_000_000, 1_030_000]);
}

/// A line on which something is said every ten seconds.
fn lively(seconds: u64) -> Vec<Step> {
    let beats = (1..seconds / 10).flat_map(|beat| [Step::Until(beat * 10_000), Step::Say("pong")]);
    LOGIN.into_iter().chain(beats).collect()
}

#[test]
fn a_renewal_goes_on_while_waits_are_dropped_and_the_socket_is_read_meanwhile() {
    let steps =
        then(&LOGIN, &[Step::Until(31_000), Step::Say("account"), Step::Until(50_000), Step::Say("pong")]);
    let (mut feed, clock, said) = with(&[Some(&steps)], 0, Some(30), &[Renewal::At(32_000)]);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Resumed);
    assert_eq!(ticks(&mut feed, &clock, 100, 90_000).unwrap().unwrap(), Hint::Account);
    assert_eq!(clock.now().0, 31_000);
    assert!(ticks(&mut feed, &clock, 100, 70_000).is_none());
    // The next one is due half a life after the last one was done.
    assert_eq!(when(&said, "renew key 1"), [30_000, 62_000]);
    assert_eq!(when(&said, "renewed"), [32_000]);
}

#[test]
fn a_renewal_that_fails_is_tried_again_and_leaves_the_line_alone() {
    let steps = lively(1000);
    let fails = Renewal::Fails(ErrorKind::Transport);
    let (mut feed, clock, said) = with(&[Some(&steps)], 0, Some(300), &[fails, fails, Renewal::Done]);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Resumed);
    assert!(ticks(&mut feed, &clock, 1000, 800_000).is_none());
    assert_eq!(when(&said, "renew"), [300_000, 360_000, 420_000, 720_000]);
    assert_eq!(when(&said, "open"), [0]);
}

#[test]
fn a_key_that_was_never_renewed_in_its_life_ends_the_line() {
    let steps = lively(1000);
    let fails = [Renewal::Fails(ErrorKind::Maintenance); 20];
    let (mut feed, clock, said) = with(&[Some(&steps), Some(&LOGIN)], 0, Some(300), &fails);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Resumed);
    let error = ticks(&mut feed, &clock, 1000, 800_000).unwrap().unwrap_err();
    assert_eq!((error.kind(), clock.now().0), (ErrorKind::Maintenance, 600_000));
    assert_eq!(ticks(&mut feed, &clock, 1000, 800_000).unwrap().unwrap(), Hint::Resumed);
    assert_eq!(when(&said, "open"), [0, 601_000]);
}

#[test]
fn a_key_that_is_gone_ends_the_line_at_once() {
    let steps = lively(1000);
    let gone = Renewal::Fails(ErrorKind::NotFound);
    let (mut feed, clock, said) = with(&[Some(&steps), Some(&LOGIN)], 0, Some(300), &[gone]);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Resumed);
    assert_eq!(ticks(&mut feed, &clock, 1000, 800_000).unwrap().unwrap(), Hint::Resumed);
    assert_eq!(when(&said, "open"), [0, 301_000]);
}

#[test]
fn a_clock_that_is_set_back_does_not_put_off_a_renewal() {
    let (mut feed, clock, said) = with(&[Some(&LOGIN)], 0, Some(30), &[]);
    clock.set(10_000_000);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Resumed);
    clock.set(1_000_000);
    assert!(ticks(&mut feed, &clock, 1000, 1_050_000).is_none());
    assert_eq!(when(&said, "renew"), [1_030_000]);
}

#[test]
fn no_key_is_shown() {
    let (mut feed, _, _) = feed(&[Some(&LOGIN)]);
    assert_eq!(feed.next().now_or_never().unwrap().unwrap(), Hint::Resumed);
    let shown = format!("{feed:?}");
    assert!(shown.contains("begun: true") && !shown.contains("key 1") && !shown.contains("wss"), "{shown}");
}
