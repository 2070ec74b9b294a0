//! Proof that a symbol's leverage is what we think it is.

use std::time::Duration;

use evenkeel_types::{Leverage, LeverageSetting, MarginMode, Symbol, Timestamp, VenueId};

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Operation};
use crate::venue::Observe;

/// How long a proof may be used. Long enough for one batch of orders to be sent, short enough that nobody else's
/// change of leverage goes unnoticed for longer than a person needs to make one.
pub const PROOF_LIFETIME: Duration = Duration::from_secs(2);

/// What the leverage of a symbol must read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Of which symbol.
    pub symbol: Symbol,
    /// On both sides, where the venue has sides.
    pub leverage: Leverage,
    /// Cross or isolated.
    pub mode: MarginMode,
}

/// Evidence, read back from the venue, of a symbol's leverage and margin mode. Only [`prove_leverage`] makes one;
/// a write that answered "ok" proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeverageProof {
    venue: VenueId,
    symbol: Symbol,
    leverage: Leverage,
    mode: MarginMode,
    read_at: Timestamp,
}

impl LeverageProof {
    /// At which venue it was read.
    #[must_use]
    pub fn venue(&self) -> &VenueId {
        &self.venue
    }

    /// For which symbol.
    #[must_use]
    pub fn symbol(&self) -> &Symbol {
        &self.symbol
    }

    /// The leverage that was read.
    #[must_use]
    pub fn leverage(&self) -> Leverage {
        self.leverage
    }

    /// The margin mode that was read.
    #[must_use]
    pub fn mode(&self) -> MarginMode {
        self.mode
    }

    /// When the reading began, by our clock.
    #[must_use]
    pub fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// Whether it may still be used at `now`.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now >= self.read_at && now.since(self.read_at) <= PROOF_LIFETIME
    }
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The setting could not be read.
    #[error("the leverage of {symbol} could not be read")]
    Unreadable {
        /// Of which symbol.
        symbol: Symbol,
        /// Why.
        source: Error,
    },
    /// The venue has another setting.
    #[error(
        "{}: the venue has {}x/{}x {} instead of {}x {}",
        expected.symbol, found.long, found.short, found.mode, expected.leverage, expected.mode
    )]
    Different {
        /// What was expected.
        expected: Expected,
        /// What was read.
        found: LeverageSetting,
    },
}

/// Reads the settings of all `expected` symbols at once (one round trip where the venue answers them together or in
/// parallel) and mints a proof for each that reads as expected. Answers come in the order asked.
///
/// Call it after the last write on these symbols has been answered: the reading must be younger than the write.
pub async fn prove_leverage(
    venue: &dyn Observe,
    clock: &dyn Clock,
    expected: &[Expected],
) -> Vec<Result<LeverageProof, ProofError>> {
    if expected.is_empty() {
        return Vec::new();
    }
    // The time before the call: a proof must not look younger than what it read.
    let read_at = clock.now();
    let symbols: Vec<Symbol> = expected.iter().map(|wanted| wanted.symbol.clone()).collect();
    let mut answers = venue.leverages(&symbols).await.into_iter();
    expected
        .iter()
        .map(|wanted| {
            let symbol = || wanted.symbol.clone();
            let found = answers.next().unwrap_or_else(|| Err(unanswered(venue)));
            let found = found.map_err(|source| ProofError::Unreadable { symbol: symbol(), source })?;
            if found.symbol != wanted.symbol || !found.is(wanted.leverage) || found.mode != wanted.mode {
                return Err(ProofError::Different { expected: wanted.clone(), found });
            }
            Ok(LeverageProof {
                venue: venue.venue().clone(),
                symbol: symbol(),
                leverage: wanted.leverage,
                mode: wanted.mode,
                read_at,
            })
        })
        .collect()
}

fn unanswered(venue: &dyn Observe) -> Error {
    let message = "fewer settings were answered than were asked for";
    Error::not_applied(ErrorKind::Decode, venue.venue().clone(), Operation::Leverage, message)
}

/// The setting of one symbol; see [`Observe::leverages`].
///
/// # Errors
/// Those of the venue.
pub async fn leverage_of(venue: &dyn Observe, symbol: &Symbol) -> crate::error::Result<LeverageSetting> {
    let mut answers = venue.leverages(std::slice::from_ref(symbol)).await.into_iter();
    answers.next().unwrap_or_else(|| Err(unanswered(venue)))
}
