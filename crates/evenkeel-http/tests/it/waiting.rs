//! Waiting for room, in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_exchange::Clock;
use evenkeel_http::{Limiter, Quota, Urgency, acquire_all};
use evenkeel_types::Timestamp;
use tokio::time::Instant;

/// Tokio's paused time as a clock: it jumps to the next wake-up when everybody waits.
#[derive(Debug, Clone, Copy)]
struct Paused(Instant);

impl Paused {
    fn new() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000).after(self.0.elapsed())
    }
    #[allow(clippy::disallowed_methods)]
    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn limiter(quota: u32, percent: u32) -> Arc<Limiter> {
    Arc::new(Limiter::new("test", Quota::new(quota, MINUTE, percent)))
}

/// Lets every spawned task run until it waits.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_room_but_not_in_vain() {
    let (limiter, clock) = (limiter(10, 0), Paused::new());
    limiter.acquire(&clock, 10, Urgency::Ordinary, Duration::ZERO).await.unwrap();
    let refused = limiter.acquire(&clock, 1, Urgency::Ordinary, Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(clock.0.elapsed(), Duration::ZERO, "a wait that is too long is refused at once");
    assert!(refused.retry_after().unwrap() >= MINUTE);
    assert_eq!(limiter.usage(clock.now()).waiting, 0);
    limiter.acquire(&clock, 1, Urgency::Ordinary, 2 * MINUTE).await.unwrap();
    assert!(clock.0.elapsed() >= MINUTE && clock.0.elapsed() <= Duration::from_secs(61));
    assert_eq!(
        limiter.acquire(&clock, 11, Urgency::ReducesRisk, HOUR).await.unwrap_err().retry_after(),
        None
    );
}

#[tokio::test(start_paused = true)]
async fn urgent_calls_go_first_then_who_came_first_and_heavy_ones_are_not_starved() {
    let (limiter, clock) = (limiter(10, 0), Paused::new());
    limiter.acquire(&clock, 10, Urgency::Ordinary, Duration::ZERO).await.unwrap();
    let order = Arc::<Mutex<Vec<&str>>>::default();
    let mut tasks = Vec::new();
    for (name, weight, urgency) in [
        ("heavy", 9, Urgency::Ordinary),
        ("light", 1, Urgency::Ordinary),
        ("last", 2, Urgency::Ordinary),
        ("urgent", 10, Urgency::ReducesRisk),
        ("urgent too", 1, Urgency::ReducesRisk),
    ] {
        let (limiter, order) = (limiter.clone(), order.clone());
        tasks.push(tokio::spawn(async move {
            limiter.acquire(&clock, weight, urgency, HOUR).await.unwrap();
            order.lock().unwrap().push(name);
        }));
        settle().await;
    }
    assert_eq!(limiter.usage(clock.now()).waiting, 5);
    // Somebody new cannot overtake those who wait.
    limiter.reserve(clock.now(), 0, Urgency::Ordinary).unwrap_err();
    for task in tasks {
        task.await.unwrap();
    }
    let order = order.lock().unwrap().clone();
    let at = |name| order.iter().position(|one| *one == name).unwrap();
    assert!(at("urgent") < at("urgent too"), "{order:?}");
    assert!(at("urgent too") < at("heavy").min(at("last")), "{order:?}");
    assert!(at("heavy") <= at("light") + 1 && at("heavy") < at("last"), "{order:?}");
    assert_eq!(limiter.usage(clock.now()).waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_leaves_the_queue() {
    let (limiter, clock) = (limiter(10, 0), Paused::new());
    limiter.acquire(&clock, 10, Urgency::Ordinary, Duration::ZERO).await.unwrap();
    let task = {
        let limiter = limiter.clone();
        tokio::spawn(async move { limiter.acquire(&clock, 10, Urgency::ReducesRisk, HOUR).await })
    };
    settle().await;
    assert_eq!(limiter.usage(clock.now()).waiting, 1);
    task.abort();
    settle().await;
    assert_eq!(limiter.usage(clock.now()).waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn several_scopes_are_charged_together_or_not_at_all() {
    let (wide, narrow, clock) = (limiter(100, 0), limiter(3, 0), Paused::new());
    let both = [(&*wide, 5), (&*narrow, 2)];
    acquire_all(&both, &clock, Urgency::Ordinary, Duration::ZERO).await.unwrap();
    acquire_all(&both, &clock, Urgency::Ordinary, Duration::from_secs(1)).await.unwrap_err();
    assert_eq!((wide.usage(clock.now()).used, narrow.usage(clock.now()).used), (5, 2));
    acquire_all(&[], &clock, Urgency::Ordinary, Duration::ZERO).await.unwrap();
    // Twice the same scope is twice the weight.
    acquire_all(&[(&*wide, 50), (&*wide, 50)], &clock, Urgency::Ordinary, Duration::ZERO).await.unwrap_err();
    assert_eq!(wide.usage(clock.now()).used, 5);
}

#[tokio::test(start_paused = true)]
async fn many_callers_of_two_scopes_in_both_orders_all_get_through_and_keep_to_both_quotas() {
    let (one, other, clock) = (limiter(20, 30), limiter(15, 0), Paused::new());
    let log = Arc::<Mutex<Vec<(u64, u64)>>>::default();
    let tasks: Vec<_> = (0..200_u32)
        .map(|n| {
            let (one, other, log) = (one.clone(), other.clone(), log.clone());
            tokio::spawn(async move {
                let weight = 1 + n % 4;
                let urgency = if n % 5 == 0 { Urgency::ReducesRisk } else { Urgency::Ordinary };
                let (there, back) =
                    ([(&*one, weight), (&*other, weight)], [(&*other, weight), (&*one, weight)]);
                let scopes = if n % 2 == 0 { there } else { back };
                acquire_all(&scopes, &clock, urgency, 24 * HOUR).await.unwrap();
                log.lock().unwrap().push((clock.now().0, weight.into()));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let log = log.lock().unwrap().clone();
    assert_eq!(log.len(), 200);
    for (end, _) in &log {
        let sum: u64 = log.iter().filter(|(t, _)| t <= end && t + 60_000 > *end).map(|(_, w)| w).sum();
        assert!(sum <= 15, "{sum} within the minute before {end}");
    }
    // 500 of weight at 14 and more a minute; a queue that idles would take longer.
    assert!(clock.0.elapsed() < 45 * MINUTE, "{:?}", clock.0.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_ban_is_waited_for() {
    let (limiter, clock) = (limiter(10, 0), Paused::new());
    limiter.block_until(clock.now(), clock.now().after(Duration::from_secs(90)));
    limiter.acquire(&clock, 1, Urgency::ReducesRisk, 2 * MINUTE).await.unwrap();
    assert_eq!(clock.0.elapsed().as_secs(), 90);
}
