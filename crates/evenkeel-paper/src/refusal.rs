//! Why the exchange says no, before it is known to whom it says so.

use evenkeel_exchange::{Error, ErrorKind, Operation};
use evenkeel_margin::MarginError;
use evenkeel_types::{NumberError, VenueId};

/// A true rejection: nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

/// What the exchange's own functions answer.
pub(crate) type Outcome<T> = Result<T, Refusal>;

/// A refusal as an outcome.
pub(crate) fn refused<T>(kind: ErrorKind, why: impl Into<String>) -> Outcome<T> {
    Err(Refusal::new(kind, why))
}

impl Refusal {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn into_error(self, venue: VenueId, operation: Operation) -> Error {
        Error::not_applied(self.kind, venue, operation, self.message)
    }
}

impl From<NumberError> for Refusal {
    fn from(error: NumberError) -> Self {
        Self::new(ErrorKind::Invalid, error.to_string())
    }
}

impl From<MarginError> for Refusal {
    fn from(error: MarginError) -> Self {
        Self::new(ErrorKind::Invalid, error.to_string())
    }
}
