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
pub mod binance;
pub mod bingx;
pub mod bybit;
mod clock;
#[cfg(feature = "server")]
mod control;
mod error;
mod fault;
mod floor;
mod gate;
mod history;
pub mod hyperliquid;
#[cfg(feature = "server")]
mod line;
#[cfg(feature = "server")]
mod shell;
#[cfg(feature = "server")]
mod socket;
mod stream;
#[cfg(feature = "server")]
mod truth;
mod venue;
mod written;

pub use clock::{Clock, ManualClock, WallClock};
#[cfg(feature = "server")]
pub use control::{Control, Hand, Refusal};
pub use error::LocalnetError;
pub use fault::{Fault, FaultRule, Heard};
pub use floor::{AccountSpec, ApiKey, Market};
pub use gate::{Gate, Verdict};
#[cfg(feature = "server")]
pub use shell::{Counts, Localnet};
pub use stream::{Frame, Push, Sent, SocketId};
pub use venue::{Access, Blueprint, Call, Venue};
