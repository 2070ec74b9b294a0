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
mod read;
pub mod sign;
mod venue;
mod wire;

pub use capabilities::capabilities;
pub use config::{
    Builder, ConfigError, Credentials, ED25519_VARIABLE, Environment, KEY_VARIABLE, SECRET_VARIABLE,
};
pub use error::{classify, classify_http};
pub use venue::{Binance, Reader};
