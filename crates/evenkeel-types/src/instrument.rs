//! What can be traded, and its rules.

use alloc::collections::BTreeMap;
use core::time::Duration;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ids::Symbol;
use crate::number::{Leverage, Qty, Rate, Usd, decimal_text};
use crate::position::MarginMode;
use crate::round::{Lot, PriceRule};
use crate::snapshot::PoolId;
use crate::tiers::Tiers;

/// Which margin modes an instrument allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MarginModes {
    /// Cross and isolated.
    Both,
    /// Isolated only.
    IsolatedOnly,
    /// Isolated only, and margin once added may not be taken out again (Hyperliquid `strictIsolated`).
    StrictIsolated,
    /// Cross only.
    CrossOnly,
}

impl MarginModes {
    /// Whether positions may be held in this mode.
    #[must_use]
    pub fn allows(self, mode: MarginMode) -> bool {
        match self {
            MarginModes::Both => true,
            MarginModes::IsolatedOnly | MarginModes::StrictIsolated => mode == MarginMode::Isolated,
            MarginModes::CrossOnly => mode == MarginMode::Cross,
        }
    }
}

/// Whether the venue takes orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TradingStatus {
    /// All orders.
    Trading,
    /// Only orders that reduce.
    ReduceOnly,
    /// None: halted, settled or delisted.
    Closed,
}

/// An instrument's rules. Every figure is the venue's own, read at run time, never built in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Its name.
    pub symbol: Symbol,
    /// Which cross pool its cross positions draw margin from, and its isolated buckets are filled from.
    pub pool: PoolId,
    /// Valid prices.
    pub price_rule: PriceRule,
    /// Valid sizes.
    pub lot: Lot,
    /// Smallest order in base units, where it is more than a lot.
    pub min_qty: Option<Qty>,
    /// Largest single order in base units; larger ones are split.
    pub max_qty: Option<Qty>,
    /// Smallest order value; tested by the venue on size times limit price.
    pub min_notional: Option<Usd>,
    /// Granularity of the leverage setting.
    #[serde(with = "decimal_text")]
    pub leverage_step: Decimal,
    /// Leverage and maintenance by notional.
    pub tiers: Tiers,
    /// Added to the maintenance rate of every tier: the closing fee that BingX and Bybit count. Zero elsewhere.
    pub liquidation_fee: Rate,
    /// Cross, isolated, or both.
    pub margin_modes: MarginModes,
    /// Whether it can be traded.
    pub status: TradingStatus,
    /// Time between funding payments, where known.
    pub funding_interval: Option<Duration>,
}

impl Instrument {
    /// The highest leverage at any notional: that of the lowest tier.
    #[must_use]
    pub fn max_leverage(&self) -> Leverage {
        self.tiers.at(Usd::ZERO).max_leverage
    }
}

/// A venue's instruments by symbol.
pub type Instruments = BTreeMap<Symbol, Instrument>;
