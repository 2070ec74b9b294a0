//! Why a world could not be made.

use evenkeel_margin::MarginError;
use evenkeel_types::{IdError, NumberError, SnapshotError, TierError};

use crate::refusal::Refusal;

/// Why a world could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorldError {
    /// A name that is not allowed.
    Id(IdError),
    /// A number that is not one, or does not fit.
    Number(NumberError),
    /// A tier table.
    Tiers(TierError),
    /// A snapshot that contradicts itself, or a description that amounts to one.
    Snapshot(SnapshotError),
    /// Figures that cannot be computed from it.
    Unfit(String),
    /// A market without a pool to draw on.
    NoPool,
}

impl std::fmt::Display for WorldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WorldError::Id(_) => f.write_str("a name is not allowed"),
            WorldError::Number(_) => f.write_str("a number does not fit"),
            WorldError::Tiers(_) => f.write_str("the margin tiers do not fit together"),
            WorldError::Snapshot(_) => f.write_str("the account contradicts itself"),
            WorldError::Unfit(why) => write!(f, "the account cannot be added up: {why}"),
            WorldError::NoPool => f.write_str("a market needs a pool; name its cash first"),
        }
    }
}

impl std::error::Error for WorldError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WorldError::Id(error) => Some(error),
            WorldError::Number(error) => Some(error),
            WorldError::Tiers(error) => Some(error),
            WorldError::Snapshot(error) => Some(error),
            WorldError::Unfit(_) | WorldError::NoPool => None,
        }
    }
}

impl From<IdError> for WorldError {
    fn from(error: IdError) -> Self {
        Self::Id(error)
    }
}
impl From<NumberError> for WorldError {
    fn from(error: NumberError) -> Self {
        Self::Number(error)
    }
}
impl From<TierError> for WorldError {
    fn from(error: TierError) -> Self {
        Self::Tiers(error)
    }
}
impl From<SnapshotError> for WorldError {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(error)
    }
}
impl From<MarginError> for WorldError {
    fn from(error: MarginError) -> Self {
        Self::Unfit(error.to_string())
    }
}
impl From<Refusal> for WorldError {
    fn from(refusal: Refusal) -> Self {
        Self::Unfit(refusal.message)
    }
}
