//! What is held, and at which leverage.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Symbol, Timestamp};
use crate::number::{Leverage, NumberError, Price, Qty, Usd};
use crate::order::{PositionSide, Side};

/// What a position's margin is shared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)]
pub enum MarginMode {
    /// All cross positions of a pool share its equity.
    Cross,
    /// The position has a bucket of its own; nothing else is at risk for it.
    Isolated,
}

impl fmt::Display for MarginMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            MarginMode::Cross => "cross",
            MarginMode::Isolated => "isolated",
        })
    }
}

/// The bucket of an isolated position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolatedMargin {
    /// Collateral plus unrealised profit, at the snapshot's mark price.
    pub equity: Usd,
}

/// One held position. A symbol that is flat has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// What is held.
    pub symbol: Symbol,
    /// Net in one-way mode, else the leg.
    pub side: PositionSide,
    /// Signed size; never zero.
    pub qty: Qty,
    /// Average entry price, where the venue gives it.
    pub entry: Option<Price>,
    /// Cross or isolated.
    pub mode: MarginMode,
    /// The leverage *setting*; the effective leverage follows from equity.
    pub leverage: Leverage,
    /// The bucket, when isolated.
    pub isolated: Option<IsolatedMargin>,
    /// The maximum leverage that applies to this very position, where the venue says it and it differs from
    /// the instrument's (a tier that changed after opening). The maintenance rate follows it.
    pub max_leverage: Option<Leverage>,
    /// The venue's own liquidation price. `None` means that there is none, not that it is zero.
    pub liquidation_price: Option<Price>,
}

impl Position {
    /// Value at `mark` without sign: `|qty| * mark`.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    pub fn notional(&self, mark: Price) -> Result<Usd, NumberError> {
        mark.value(self.qty.abs())
    }

    /// The side whose order reduces it. A position is never flat, so there always is one.
    #[must_use]
    pub fn closing_side(&self) -> Side {
        if self.qty.is_negative() { Side::Buy } else { Side::Sell }
    }
}

/// The leverage and margin mode that a venue has stored for a symbol, flat or held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeverageSetting {
    /// For which symbol.
    pub symbol: Symbol,
    /// Of long positions. Venues without sides have the same in both.
    pub long: Leverage,
    /// Of short positions.
    pub short: Leverage,
    /// Cross or isolated.
    pub mode: MarginMode,
    /// When it was read; a setting is never inferred.
    pub read_at: Timestamp,
}

impl LeverageSetting {
    /// The one leverage of a venue without sides.
    #[must_use]
    pub fn both(symbol: Symbol, leverage: Leverage, mode: MarginMode, read_at: Timestamp) -> Self {
        Self { symbol, long: leverage, short: leverage, mode, read_at }
    }

    /// Whether both sides are set to `leverage`.
    #[must_use]
    pub fn is(&self, leverage: Leverage) -> bool {
        self.long == leverage && self.short == leverage
    }

    /// The setting that applies to a position of this sign.
    #[must_use]
    pub fn of(&self, qty: Qty) -> Leverage {
        if qty.is_negative() { self.short } else { self.long }
    }
}
