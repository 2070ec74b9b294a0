//! What may be sent.

use evenkeel_types::{OrderIntent, Symbol, Timestamp};

use crate::proof::LeverageProof;

/// An order that may be placed: one that only reduces, or one whose leverage was proven.
///
/// Its field is private, so that an order that adds risk cannot be made without a [`LeverageProof`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    intent: OrderIntent,
}

/// Why an order may not be placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A reducing request for an intent that is not reduce-only.
    #[error("{symbol}: an order that is not reduce-only needs a leverage proof")]
    NotReduceOnly {
        /// Of which symbol.
        symbol: Symbol,
    },
    /// The proof is of another symbol.
    #[error("the leverage proof is for {proven}, the order for {ordered}")]
    OtherSymbol {
        /// What was proven.
        proven: Symbol,
        /// What was to be ordered.
        ordered: Symbol,
    },
    /// The proof is too old.
    #[error("{symbol}: the leverage proof read at {read_at} is no longer valid at {now}")]
    Stale {
        /// Of which symbol.
        symbol: Symbol,
        /// When it was read.
        read_at: Timestamp,
        /// When it was to be used.
        now: Timestamp,
    },
    /// A size that is not above zero.
    #[error("{symbol}: an order needs a size above zero")]
    NoSize {
        /// Of which symbol.
        symbol: Symbol,
    },
}

impl OrderRequest {
    /// An order that can only reduce a position.
    ///
    /// # Errors
    /// [`RequestError::NotReduceOnly`], [`RequestError::NoSize`].
    pub fn reducing(intent: OrderIntent) -> Result<Self, RequestError> {
        if !intent.reduce_only {
            return Err(RequestError::NotReduceOnly { symbol: intent.symbol });
        }
        Self::sized(intent)
    }

    /// An order that may add risk, with the proof that the venue's leverage is the planned one.
    ///
    /// # Errors
    /// [`RequestError::OtherSymbol`], [`RequestError::Stale`], [`RequestError::NoSize`].
    pub fn adding(intent: OrderIntent, proof: &LeverageProof, now: Timestamp) -> Result<Self, RequestError> {
        if proof.symbol() != &intent.symbol {
            return Err(RequestError::OtherSymbol { proven: proof.symbol().clone(), ordered: intent.symbol });
        }
        if !proof.is_fresh(now) {
            return Err(RequestError::Stale { symbol: intent.symbol, read_at: proof.read_at(), now });
        }
        Self::sized(intent)
    }

    /// An order that may add risk at whatever leverage the venue happens to have. Only for tools that have no
    /// leverage of their own to defend; search for this name in review.
    ///
    /// # Errors
    /// [`RequestError::NoSize`].
    pub fn danger_without_proof(intent: OrderIntent) -> Result<Self, RequestError> {
        Self::sized(intent)
    }

    fn sized(intent: OrderIntent) -> Result<Self, RequestError> {
        if intent.qty.is_positive() {
            Ok(Self { intent })
        } else {
            Err(RequestError::NoSize { symbol: intent.symbol })
        }
    }

    /// What is ordered.
    #[must_use]
    pub fn intent(&self) -> &OrderIntent {
        &self.intent
    }
}
