//! Time and waiting, as a port.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_types::Timestamp;

/// The only source of time and the only way to wait. In tests and rehearsals it is virtual.
#[async_trait]
pub trait Clock: Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Returns after `wait`.
    async fn sleep(&self, wait: Duration);
}

/// The wall clock.
#[cfg(feature = "system-clock")]
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SystemClock;

#[cfg(feature = "system-clock")]
impl SystemClock {
    /// The wall clock. Sleeping needs a tokio runtime with its timer enabled.
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self
    }
}

#[cfg(feature = "system-clock")]
#[async_trait]
impl Clock for SystemClock {
    // This is the port's one implementation on real time.
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    #[allow(clippy::disallowed_methods)]
    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

/// A request to stop, shared between who asks (a Ctrl-C handler) and who obeys (the executor). A write in flight
/// is always seen to its end first; nothing new is sent afterwards.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Not requested yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop. Cannot be taken back.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
