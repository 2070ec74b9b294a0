//! What goes wrong between a client and the venue, when asked to.

use std::time::Duration;

use evenkeel_types::Symbol;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::venue::Call;
use crate::written::Written;

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
    /// The server answers with this status, in the venue's words; the request is handled before or not at all.
    ServerError {
        /// 400 to 599.
        status: StatusCode,
        /// Whether it was handled.
        applied: bool,
    },
    /// As [`Fault::ServerError`], in words of the venue: a JSON body.
    InWords {
        /// Its status.
        status: StatusCode,
        /// Its body, JSON.
        body: &'static str,
        /// Whether the request was handled.
        applied: bool,
    },
    /// The venue's own answer to too many requests; nothing is done.
    TooManyRequests,
    /// The venue's own answer while it is being maintained; nothing is done.
    Maintenance,
    /// Orders of this request trade at once only this share of what they could; an immediate order's rest is cancelled.
    /// Questions are answered as usual.
    PartialFill {
        /// In thousandths, rounded down to a lot.
        permille: u32,
    },
    /// The exchange refuses the orders of this request as if trading were halted, in the venue's words. Questions,
    /// cancels and settings are answered as usual.
    RefuseOrders,
    /// It arrives twice.
    Duplicate(Heard),
    /// A question is answered from what was before this many writes; as many as are remembered (16) at most, counted
    /// from when the rule was injected. Writes are handled as usual.
    StaleRead {
        /// How many writes are not seen yet.
        writes: usize,
    },
    /// A socket is cut instead of this push. Rules about sockets name, instead of a call, what is pushed, in the venue's
    /// word (`orderUpdates`, `ACCOUNT_UPDATE`, `position`), or the path of the socket; they count pushes.
    CutSocket,
    /// A push is lost, and nothing tells of the gap.
    LosePush,
    /// A push is late, and what follows it on the same socket.
    DelayPush(Duration),
}

impl Fault {
    pub(crate) fn is_of_sockets(self) -> bool {
        matches!(self, Self::CutSocket | Self::LosePush | Self::DelayPush(_))
    }
}

/// When a [`Fault`] strikes: of the calls that match, which and how often.
///
/// Rules can be written down (serde) as they are for the control endpoint: `{"fault": "lose_answer", "on": "order",
/// "account": "main", "nth": 2}`.
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct FaultRule {
    pub(crate) fault: Fault,
    pub(crate) call: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) symbol: Option<Symbol>,
    pub(crate) permille: u32,
    pub(crate) from: u64,
    pub(crate) times: Option<u32>,
    seen: u64,
    struck: u32,
}

impl FaultRule {
    /// At every call.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            call: None,
            account: None,
            symbol: None,
            permille: 1000,
            from: 1,
            times: None,
            seen: 0,
            struck: 0,
        }
    }

    /// Only at calls of this name, or of this path where it begins with a slash.
    #[must_use]
    pub fn on(mut self, call: &str) -> Self {
        self.call = Some(call.to_owned());
        self
    }

    /// Only at calls that are signed for, or ask about, the account of this name.
    #[must_use]
    pub fn account(mut self, name: &str) -> Self {
        self.account = Some(name.to_owned());
        self
    }

    /// Of [`Fault::PartialFill`] and [`Fault::RefuseOrders`]: only orders of this symbol, by the venue's name for it. The
    /// request that carries them may carry others too. Other faults do not look into requests.
    #[must_use]
    pub fn symbol(mut self, symbol: Symbol) -> Self {
        self.symbol = Some(symbol);
        self
    }

    /// Only with this probability, in thousandths, drawn from the seed.
    #[must_use]
    pub fn permille(mut self, permille: u32) -> Self {
        self.permille = permille;
        self
    }

    /// Only from the matching call of this number on, from 1.
    #[must_use]
    pub fn from(mut self, number: u64) -> Self {
        self.from = number;
        self
    }

    /// Only at the matching call of this number, from 1.
    #[must_use]
    pub fn nth(self, number: u64) -> Self {
        self.from(number).times(1)
    }

    /// At most this often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// How often it struck.
    #[must_use]
    pub fn struck(&self) -> u32 {
        self.struck
    }

    /// Whether it strikes at this call; `draw` is below 1000. `account` is the call's, where any rule asks for it.
    pub(crate) fn strikes(&mut self, call: &Call, account: Option<&str>, draw: u32) -> bool {
        let meant = match &self.call {
            None => true,
            Some(path) if path.starts_with('/') => *path == call.path,
            Some(name) => *name == call.name,
        };
        let idle = match self.fault {
            Fault::StaleRead { .. } => call.is_write,
            Fault::PartialFill { .. } | Fault::RefuseOrders => !call.is_write,
            _ => false,
        };
        if !meant || idle || (self.account.is_some() && self.account.as_deref() != account) {
            return false;
        }
        self.seen = self.seen.saturating_add(1);
        let over = self.times.is_some_and(|times| self.struck >= times);
        if self.seen < self.from || over || draw >= self.permille {
            return false;
        }
        self.struck = self.struck.saturating_add(1);
        true
    }
}
