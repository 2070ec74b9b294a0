//! Why a figure could not be computed.

use evenkeel_types::{NumberError, SnapshotError, Symbol};

/// Why a figure could not be computed. No function of this crate panics: whatever is not a number is one of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MarginError {
    /// An argument outside what the formula is defined for, although its type allows it.
    #[error("{what} must be {allowed}")]
    InvalidInput {
        /// The argument.
        what: &'static str,
        /// What is allowed, in words.
        allowed: &'static str,
    },
    /// A fine question without an answer: the leverage of an account without equity, say.
    #[error("not applicable: {0}")]
    NotApplicable(&'static str),
    /// A symbol, leg or pool that the account does not have.
    #[error("the account has no {what} `{name}`")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: Symbol,
    },
    /// The same thing twice.
    #[error("{what} `{name}` is given twice")]
    Twice {
        /// What.
        what: &'static str,
        /// Its name.
        name: Symbol,
    },
    /// A snapshot that lacks something for a held symbol.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Arithmetic that does not fit 96 bits.
    #[error(transparent)]
    Number(#[from] NumberError),
}
