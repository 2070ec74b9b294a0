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

mod capabilities;
mod ids;
mod instrument;
mod number;
mod order;
mod position;
pub mod round;
mod snapshot;
mod tiers;

pub use capabilities::{
    Acknowledgement, Capabilities, Dedupe, Fence, LowerIsolated, MarginAdjustment, MarginModeScope,
    MinNotionalRule, ReduceOnlyRule, WithPosition,
};
pub use ids::{AccountId, ClientOrderId, Collateral, IdError, Symbol, Timestamp, VenueId};
pub use instrument::{Instrument, Instruments, MarginModes, TradingStatus};
pub use number::{Exact, Leverage, NumberError, Price, Qty, Rate, Usd, Weight, decimal_text, parse_decimal};
pub use order::{
    Fill, OpenOrder, OrderIntent, OrderKind, OrderState, OrderStatus, PositionSide, Side, TimeInForce,
};
pub use position::{IsolatedMargin, LeverageSetting, MarginMode, Position};
pub use round::{Lot, PriceRule, Round};
pub use rust_decimal::{self, Decimal};
pub use snapshot::{FeeRates, MarginPool, PoolId, PositionMode, Quote, Scope, Snapshot, SnapshotError};
pub use tiers::{MarginTier, TierError, TierRow, Tiers};
