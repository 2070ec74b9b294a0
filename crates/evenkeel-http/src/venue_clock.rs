//! The venue's clock as a [`Clock`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_exchange::Clock;
use evenkeel_types::Timestamp;

use crate::offset::ClockOffset;

/// Shows the venue's time, as far as it was sampled; ours before the first sample. Waiting is as long as ever.
///
/// Plans and their expiry are in the venue's time, because a snapshot's is. Compared with a clock that is a minute off,
/// every approval would have expired, or would live too long.
#[derive(Debug, Clone)]
pub struct VenueClock {
    ours: Arc<dyn Clock>,
    offset: Arc<ClockOffset>,
}

impl VenueClock {
    /// Our clock, corrected by what is known of the venue's.
    #[must_use]
    pub fn new(ours: Arc<dyn Clock>, offset: Arc<ClockOffset>) -> Self {
        Self { ours, offset }
    }
}

#[async_trait]
impl Clock for VenueClock {
    fn now(&self) -> Timestamp {
        let now = self.ours.now();
        self.offset.venue_time(now).unwrap_or(now)
    }

    async fn sleep(&self, wait: Duration) {
        self.ours.sleep(wait).await;
    }
}
