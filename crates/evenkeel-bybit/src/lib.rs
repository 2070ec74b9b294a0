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

mod capabilities;
mod config;
pub mod decode;
mod encode;
mod endpoints;
mod error;
pub mod sign;
mod text;
mod venue;
mod wire;

pub use capabilities::capabilities;
pub use config::{Builder, ConfigError, Credentials, Environment, KEY_VARIABLE, SECRET_VARIABLE};
pub use error::{Meaning, classify, classify_status};
pub use venue::{Bybit, Reader};
