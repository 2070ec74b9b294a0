//! Why there is no result, by exit status.

use std::fmt;

use evenkeel_executor::PreviewError;
use evenkeel_rebalance::{PlanError, TargetError};

/// Why there is no result.
#[derive(Debug)]
pub enum Failure {
    /// The user's input: one line that names the field, the value and what is allowed. Exit status 2.
    Input(String),
    /// Something that the user cannot have caused. Exit status 3.
    Halted(String),
}

impl Failure {
    /// About the input.
    pub fn input(message: impl fmt::Display) -> Self {
        Self::Input(one_line(&message.to_string()))
    }

    /// The exit status of the process.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Failure::Input(_) => 2,
            Failure::Halted(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Input(message) | Failure::Halted(message) => f.write_str(message),
        }
    }
}

impl From<PreviewError> for Failure {
    fn from(error: PreviewError) -> Self {
        let message = one_line(&evenkeel_exchange::chain(&error));
        let too_large =
            || format!("target, leverage or account: a figure is too large to compute with ({message})");
        match error {
            PreviewError::Read(_) | PreviewError::Check(_) => Self::Halted(message),
            PreviewError::Number(_)
            | PreviewError::Target(TargetError::Number(_))
            | PreviewError::Plan(PlanError::Number(_)) => Self::Input(too_large()),
            _ => Self::Input(message),
        }
    }
}

impl From<evenkeel_exchange::Error> for Failure {
    fn from(error: evenkeel_exchange::Error) -> Self {
        let message = one_line(&evenkeel_exchange::chain(&error));
        match error.kind() {
            // Asked for something that the venue does not have: a symbol, mostly.
            evenkeel_exchange::ErrorKind::Invalid => Self::Input(message),
            _ => Self::Halted(message),
        }
    }
}

/// Values come from outside; an error is one line whatever they hold.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control())
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
