#![doc = include_str!("../README.md")]
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

mod answer;
mod clock;
mod error;
mod fault;
#[allow(dead_code, reason = "the venues that stand on it come one by one")]
mod floor;
mod gate;
pub mod hyperliquid;
#[cfg(feature = "server")]
mod shell;
#[cfg(feature = "server")]
mod socket;
mod venue;

pub use clock::{Clock, ManualClock, WallClock};
pub use error::LocalnetError;
pub use fault::{Fault, FaultRule, Heard};
pub use floor::{AccountSpec, ApiKey, Market};
pub use gate::{Gate, Verdict};
#[cfg(feature = "server")]
pub use shell::Localnet;
pub use venue::{Blueprint, Call, Venue};
