#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::float_arithmetic,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

extern crate alloc;

mod account;
mod account_liquidation;
mod error;
mod exposure;
mod figures;
pub mod formulas;
mod liquidation;
mod rules;
mod stress;
mod what_if;

pub use account::{Account, Backing, Holding, Pool, PoolTotals};
pub use error::MarginError;
pub use exposure::{Exposure, PoolExposure, PositionExposure, WARN_UTILISATION};
pub use figures::{
    bankruptcy_price, distance_to_liquidation, effective_leverage, initial_margin, maintenance_margin,
    margin_ratio, max_leverage, max_notional, notional, price_at_distance, unrealised_pnl,
};
pub use liquidation::{Leg, SafeRange, cash_leg, liquidation_price, price_at_margin_ratio, safe_range};
pub use rules::{MarginRules, maintenance_rate};
pub use stress::{Bucket, UniformMove, UniformMoves};
pub use what_if::{Trade, TradeEffect};
