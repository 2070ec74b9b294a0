#![doc = include_str!("../README.md")]

#[cfg(feature = "binance")]
pub use evenkeel_binance as binance;
#[cfg(feature = "bingx")]
pub use evenkeel_bingx as bingx;
#[cfg(feature = "bybit")]
pub use evenkeel_bybit as bybit;
pub use evenkeel_exchange as exchange;
pub use evenkeel_executor as executor;
#[cfg(feature = "hyperliquid")]
pub use evenkeel_hyperliquid as hyperliquid;
pub use evenkeel_margin as margin;
#[cfg(feature = "paper")]
pub use evenkeel_paper as paper;
pub use evenkeel_rebalance as rebalance;
pub use evenkeel_store as store;
pub use evenkeel_types as types;

/// What most programs need: `use evenkeel::prelude::*;`.
pub mod prelude {
    pub use evenkeel_exchange::{Cancel, Clock, Effect, Observe, Trade};
    pub use evenkeel_executor::{Outcome, Preview, Report};
    pub use evenkeel_rebalance::{Gross, LeverageChange, Policy, Rest, Target};
    pub use evenkeel_store::{Journal, MemoryJournal};
    pub use evenkeel_types::{Decimal, Leverage, MarginMode, Price, Qty, Snapshot, Symbol, Usd};
}
