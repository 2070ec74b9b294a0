//! What goes wrong between a client and the venue, when asked to.

use std::time::Duration;

use http::StatusCode;

use crate::venue::Call;

/// Which of two answers the client hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Heard {
    /// The first one.
    First,
    /// The second one.
    Second,
}

/// One thing that goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It never arrives. The connection is closed without an answer.
    LoseRequest,
    /// It is handled, and the connection is closed without an answer.
    LoseAnswer,
    /// It arrives this much later, whether the client still waits or not.
    DelayRequest(Duration),
    /// It is handled at once, and answered this much later.
    DelayAnswer(Duration),
    /// The server answers with this status; the request is handled before or not at all.
    ServerError {
        /// 500 to 599.
        status: StatusCode,
        /// Whether it was handled.
        applied: bool,
    },
    /// The venue's own answer to too many requests; nothing is done.
    TooManyRequests,
    /// It arrives twice.
    Duplicate(Heard),
    /// A question is answered from what was before this many writes; as many as are remembered (16) at most, counted
    /// from when the rule was injected. Writes are handled as usual.
    StaleRead {
        /// How many writes are not seen yet.
        writes: usize,
    },
}

/// When a [`Fault`] strikes: of the calls that match, which and how often.
///
/// ```
/// use evenkeel_localnet::{Fault, FaultRule};
///
/// // The answer to the second order is lost; one in twenty readings of the account too.
/// let rules = [
///     FaultRule::new(Fault::LoseAnswer).on("order").nth(2),
///     FaultRule::new(Fault::LoseAnswer).on("clearinghouseState").permille(50),
/// ];
/// # let _ = rules;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    pub(crate) fault: Fault,
    call: Option<String>,
    permille: u32,
    from: u64,
    left: Option<u32>,
    seen: u64,
}

impl FaultRule {
    /// At every call.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault, call: None, permille: 1000, from: 1, left: None, seen: 0 }
    }

    /// Only at calls of this name, or of this path where it begins with a slash.
    #[must_use]
    pub fn on(mut self, call: &str) -> Self {
        self.call = Some(call.to_owned());
        self
    }

    /// Only with this probability, drawn from the seed.
    #[must_use]
    pub fn permille(mut self, permille: u32) -> Self {
        self.permille = permille;
        self
    }

    /// Only at the matching call of this number, from 1.
    #[must_use]
    pub fn nth(mut self, number: u64) -> Self {
        self.from = number;
        self.left = Some(1);
        self
    }

    /// At most this often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Whether it strikes at this call; `draw` is below 1000.
    pub(crate) fn strikes(&mut self, call: &Call, draw: u32) -> bool {
        let meant = match &self.call {
            None => true,
            Some(path) if path.starts_with('/') => *path == call.path,
            Some(name) => *name == call.name,
        };
        let idle = matches!(self.fault, Fault::StaleRead { .. }) && call.is_write;
        if !meant || idle {
            return false;
        }
        self.seen = self.seen.saturating_add(1);
        if self.seen < self.from || self.left == Some(0) || draw >= self.permille {
            return false;
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        true
    }
}
