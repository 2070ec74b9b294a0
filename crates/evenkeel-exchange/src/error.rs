//! One error, with the one question that matters answered separately: did anything change at the venue?

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use evenkeel_types::VenueId;

/// What the venue side answers.
pub type Result<T> = std::result::Result<T, Error>;

/// Of a failed call: did it change anything at the venue? Exhaustive on purpose: every caller faces both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum Effect {
    /// It did not, and will not: there is positive evidence.
    NotApplied,
    /// It may have, or still may.
    Unknown,
}

/// What went wrong, in the terms a caller decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Key, signature or rights.
    Auth,
    /// The answer was not what the venue's protocol says.
    Decode,
    /// Not enough free margin.
    InsufficientMargin,
    /// The request was wrong in itself; sending it again cannot help.
    Invalid,
    /// The venue refused a change of leverage or margin mode.
    LeverageRefused,
    /// Halted, in maintenance, or restarting.
    Maintenance,
    /// Nothing in the book within the limit price.
    NoLiquidity,
    /// What was asked for is not known to the venue. Of an order this proves nothing.
    NotFound,
    /// The venue cannot do this.
    NotSupported,
    /// Too many requests.
    RateLimited,
    /// A reduce-only order had nothing to reduce, or would have grown the position.
    ReduceOnly,
    /// Refused by the venue for another reason from its list of true rejections.
    Rejected,
    /// No answer in time.
    Timeout,
    /// The connection failed.
    Transport,
    /// A code or text that is on no list.
    Unclassified,
}

impl ErrorKind {
    fn is_transient(self) -> bool {
        matches!(
            self,
            ErrorKind::Maintenance
                | ErrorKind::NoLiquidity
                | ErrorKind::RateLimited
                | ErrorKind::Timeout
                | ErrorKind::Transport
        )
    }

    /// The kind in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Auth => "not authorised",
            ErrorKind::Decode => "undecodable answer",
            ErrorKind::InsufficientMargin => "insufficient margin",
            ErrorKind::Invalid => "invalid request",
            ErrorKind::LeverageRefused => "leverage refused",
            ErrorKind::Maintenance => "venue not available",
            ErrorKind::NoLiquidity => "no liquidity within the limit",
            ErrorKind::NotFound => "not found",
            ErrorKind::NotSupported => "not supported",
            ErrorKind::RateLimited => "rate limited",
            ErrorKind::ReduceOnly => "nothing to reduce",
            ErrorKind::Rejected => "rejected",
            ErrorKind::Timeout => "timed out",
            ErrorKind::Transport => "connection failed",
            ErrorKind::Unclassified => "unclassified answer",
        }
    }
}

/// Which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Operation {
    AdjustMargin,
    Balances,
    Cancel,
    CancelAll,
    CancelStop,
    DeadManSwitch,
    Diagnose,
    Fees,
    Fence,
    Fills,
    Funding,
    FundingHistory,
    FundingPayments,
    Instruments,
    Leverage,
    Order,
    Place,
    PlaceStop,
    Quotes,
    ServerTime,
    SetLeverage,
    SetMarginMode,
    Snapshot,
    Stop,
    Stream,
    TopUp,
    Transfer,
}

impl Operation {
    /// Whether it changes something at the venue.
    #[must_use]
    pub fn is_write(self) -> bool {
        match self {
            Operation::AdjustMargin
            | Operation::Cancel
            | Operation::CancelAll
            | Operation::CancelStop
            | Operation::DeadManSwitch
            | Operation::Fence
            | Operation::Place
            | Operation::PlaceStop
            | Operation::SetLeverage
            | Operation::SetMarginMode
            | Operation::TopUp
            | Operation::Transfer => true,
            Operation::Balances
            | Operation::Diagnose
            | Operation::Fees
            | Operation::Fills
            | Operation::Funding
            | Operation::FundingHistory
            | Operation::FundingPayments
            | Operation::Instruments
            | Operation::Leverage
            | Operation::Order
            | Operation::Quotes
            | Operation::ServerTime
            | Operation::Snapshot
            | Operation::Stop
            | Operation::Stream => false,
        }
    }

    /// The operation in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::AdjustMargin => "adjusting margin",
            Operation::Balances => "reading balances",
            Operation::Cancel => "cancelling an order",
            Operation::CancelAll => "cancelling all orders",
            Operation::CancelStop => "cancelling a stop order",
            Operation::DeadManSwitch => "setting the dead-man switch",
            Operation::Diagnose => "looking at the account",
            Operation::Fees => "reading fees",
            Operation::Fence => "fencing off an order",
            Operation::Fills => "reading fills",
            Operation::Funding => "reading funding",
            Operation::FundingHistory => "reading past funding",
            Operation::FundingPayments => "reading funding payments",
            Operation::Instruments => "reading instruments",
            Operation::Leverage => "reading leverage",
            Operation::Order => "reading an order",
            Operation::Place => "placing an order",
            Operation::PlaceStop => "placing a stop order",
            Operation::Quotes => "reading prices",
            Operation::ServerTime => "reading the time",
            Operation::SetLeverage => "setting leverage",
            Operation::SetMarginMode => "setting the margin mode",
            Operation::Snapshot => "reading the account",
            Operation::Stop => "reading a stop order",
            Operation::Stream => "listening to the venue",
            Operation::TopUp => "adding margin",
            Operation::Transfer => "moving money between wallets",
        }
    }
}

/// A call that failed. One word wide; `Display` is one line without the cause, which is in `source()`.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    effect: Effect,
    venue: VenueId,
    operation: Operation,
    message: String,
    code: Option<String>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure with positive evidence that nothing changed at the venue. For reads, always.
    pub fn not_applied(
        kind: ErrorKind,
        venue: VenueId,
        operation: Operation,
        message: impl Into<String>,
    ) -> Self {
        Self::build(kind, Effect::NotApplied, venue, operation, message.into())
    }

    /// A failure after which the venue may have acted. For a read the effect is `NotApplied` all the same:
    /// reads change nothing.
    pub fn unknown(
        kind: ErrorKind,
        venue: VenueId,
        operation: Operation,
        message: impl Into<String>,
    ) -> Self {
        let effect = if operation.is_write() { Effect::Unknown } else { Effect::NotApplied };
        Self::build(kind, effect, venue, operation, message.into())
    }

    fn build(kind: ErrorKind, effect: Effect, venue: VenueId, operation: Operation, message: String) -> Self {
        Self(Box::new(Inner {
            kind,
            effect,
            venue,
            operation,
            message,
            code: None,
            retry_after: None,
            source: None,
        }))
    }

    /// Adds the venue's own code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Adds how long the venue wants us to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Adds the cause. It must hold no secret and no signed URL.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the venue may have acted.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// At which venue.
    #[must_use]
    pub fn venue(&self) -> &VenueId {
        &self.0.venue
    }

    /// In which call.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// What the venue or the connector said, without secrets.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The venue's own code, where it gave one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// How long the venue wants us to wait, where it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same call may be made again: nothing happened, and the cause can pass. Derived, so that it
    /// can never disagree with the effect.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.effect == Effect::NotApplied && self.0.kind.is_transient()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, effect, venue, operation, message, code, .. } = &*self.0;
        write!(f, "{venue}: {}: {}: {message}", operation.as_str(), kind.as_str())?;
        if let Some(code) = code {
            write!(f, " (code {code})")?;
        }
        if *effect == Effect::Unknown {
            f.write_str(" [it may have been carried out]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("effect", &self.0.effect)
            .field("venue", &self.0.venue)
            .field("operation", &self.0.operation)
            .field("message", &self.0.message)
            .field("code", &self.0.code)
            .field("retry_after", &self.0.retry_after)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// An error and its causes in one line, for a log or a terminal.
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_never_have_an_unknown_effect_and_unknown_is_never_retryable() {
        let venue = || VenueId::new("v").unwrap();
        let read = Error::unknown(ErrorKind::Timeout, venue(), Operation::Snapshot, "late");
        assert_eq!(read.effect(), Effect::NotApplied);
        assert!(read.is_retryable());
        let write = Error::unknown(ErrorKind::Timeout, venue(), Operation::Place, "late");
        assert!(!write.is_retryable());
        let refused =
            Error::not_applied(ErrorKind::Rejected, venue(), Operation::Place, "no").with_code("-1");
        assert!(!refused.is_retryable());
        assert_eq!(refused.to_string(), "v: placing an order: rejected: no (code -1)");
        let caused = write.with_source(refused);
        assert!(!caused.to_string().contains("code -1"), "the cause is not in Display");
        assert!(chain(&caused).ends_with("rejected: no (code -1)"));
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
