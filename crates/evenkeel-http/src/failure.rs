//! What went wrong with a call, before it is known which order or operation it is told for.

use std::time::Duration;

use evenkeel_exchange::{Effect, Error, ErrorKind, Operation};
use evenkeel_types::VenueId;

use crate::json::{DecodeError, DecodeErrorKind};
use crate::limit::RateLimited;

/// What went wrong with a call, before it becomes an [`Error`]: many orders can share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of problem.
    pub kind: ErrorKind,
    /// Whether it may have happened all the same.
    pub effect: Effect,
    /// One line, without secrets.
    pub message: String,
    /// The venue's code, or `HTTP 500`.
    pub code: Option<String>,
    /// How long to wait before the next attempt.
    pub retry_after: Option<Duration>,
    /// Whether it is about a question that was asked before, or after, a write: then its code says nothing of the write.
    pub question: bool,
}

impl Failure {
    /// Without a code and a time to wait.
    #[must_use]
    pub fn new(kind: ErrorKind, effect: Effect, message: impl Into<String>) -> Self {
        Self { kind, effect, message: message.into(), code: None, retry_after: None, question: false }
    }

    /// Nothing was sent, or the venue is known to have done nothing.
    #[must_use]
    pub fn nothing(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, Effect::NotApplied, message)
    }

    /// A write was answered, and the answer proves nothing.
    #[must_use]
    pub fn unproven(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Decode, Effect::Unknown, message)
    }

    /// An answer that could not be understood, where `effect` is that of the request: whatever a write was answered
    /// proves nothing. Accounts for which there are no honest figures are not supported.
    #[must_use]
    pub fn undecoded(error: &DecodeError, effect: Effect) -> Self {
        let kind = match error.kind() {
            DecodeErrorKind::Unsupported => ErrorKind::NotSupported,
            _ => ErrorKind::Decode,
        };
        Self::new(kind, effect, error.to_string())
    }

    /// The rate limit refused the call before anything was sent. One that never fits is wrong in itself: waiting does not
    /// help it.
    #[must_use]
    pub fn limited(limited: &RateLimited) -> Self {
        let wait = limited.retry_after();
        let kind = if wait.is_some() { ErrorKind::RateLimited } else { ErrorKind::Invalid };
        Self { retry_after: wait, ..Self::nothing(kind, limited.to_string()) }
    }

    /// The same, where nothing was written: a look before, or after, a write.
    #[must_use]
    pub fn unwritten(self) -> Self {
        Self { effect: Effect::NotApplied, question: true, ..self }
    }

    /// Its code, where it is the answer to what was to be done.
    #[must_use]
    pub fn answered(&self) -> Option<&str> {
        self.code.as_deref().filter(|_| !self.question)
    }

    /// What an error of the plumbing says, so that it can be told for each order.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        let message = match std::error::Error::source(error) {
            Some(cause) => format!("{}: {}", error.message(), evenkeel_exchange::chain(cause)),
            None => error.message().to_owned(),
        };
        Self {
            kind: error.kind(),
            effect: error.effect(),
            message,
            code: error.code().map(str::to_owned),
            retry_after: error.retry_after(),
            question: false,
        }
    }

    /// As an error of this call.
    #[must_use]
    pub fn error(&self, venue: &VenueId, operation: Operation) -> Error {
        let error = match self.effect {
            Effect::NotApplied => Error::not_applied(self.kind, venue.clone(), operation, &self.message),
            Effect::Unknown => Error::unknown(self.kind, venue.clone(), operation, &self.message),
        };
        let error = match &self.code {
            Some(code) => error.with_code(code.clone()),
            None => error,
        };
        match self.retry_after {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }
}
