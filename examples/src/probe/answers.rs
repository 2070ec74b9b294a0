//! What a venue's answers are worth to a probe.

use evenkeel_exchange::{Effect, Error, ErrorKind, chain};
use evenkeel_types::{Leverage, MarginMode, NumberError, SnapshotError, Usd};

/// Why a belief could not be tried.
#[derive(Debug)]
pub(super) enum Setback {
    /// It cannot be tried here; the next one can.
    NotTried(String),
    /// Nobody can say what happened, or somebody asked to stop: clean up and end.
    Stop(String),
}

pub(super) type Tried<T> = Result<T, Setback>;

impl From<Error> for Setback {
    fn from(error: Error) -> Self {
        if error.effect() == Effect::Unknown || is_of_the_network(&error) {
            Self::Stop(chain(&error))
        } else {
            Self::NotTried(chain(&error))
        }
    }
}
impl From<NumberError> for Setback {
    fn from(error: NumberError) -> Self {
        Self::NotTried(error.to_string())
    }
}
impl From<SnapshotError> for Setback {
    fn from(error: SnapshotError) -> Self {
        Self::NotTried(error.to_string())
    }
}

pub(super) fn not_tried<T>(why: impl Into<String>) -> Tried<T> {
    Err(Setback::NotTried(why.into()))
}

/// What a venue said to a write.
#[derive(Debug)]
pub(super) enum Said<T> {
    Yes(T),
    /// Refused, with proof that nothing happened, and not by the network.
    No(Error),
}

/// Not about what was asked: the next question would fare no better.
fn is_of_the_network(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Timeout
            | ErrorKind::Transport
            | ErrorKind::RateLimited
            | ErrorKind::Maintenance
            | ErrorKind::Auth
            | ErrorKind::Decode
    )
}

/// Nothing happened, and later it can.
pub(super) fn is_of_the_budget(error: &Error) -> bool {
    error.kind() == ErrorKind::RateLimited && error.effect() == Effect::NotApplied
}

/// A write other than an order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    Leverage(Leverage),
    Mode(MarginMode),
    Margin(Usd),
    Cancel(&'a str),
}

/// Only a refusal by the venue itself is an observation.
pub(super) fn said<T>(answer: Result<T, Error>) -> Tried<Said<T>> {
    match answer {
        Ok(value) => Ok(Said::Yes(value)),
        Err(error) => {
            let says_nothing = error.effect() == Effect::Unknown
                || error.kind() == ErrorKind::NoLiquidity
                || is_of_the_network(&error);
            if says_nothing { Err(error.into()) } else { Ok(Said::No(error)) }
        }
    }
}

/// What a refusal says, short enough for a report.
pub(super) fn refusal(error: &Error) -> String {
    format!("refused: {}: {}", error.kind().as_str(), crate::failure::one_line(error.message()))
}
