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
mod nonce;
pub mod sign;
mod venue;
mod wire;

pub use capabilities::capabilities;
pub use config::{
    ACCOUNT_VARIABLE, AGENT_KEY_VARIABLE, Account, ActingFor, Builder, ConfigError, Credentials, Environment,
    SUB_ACCOUNT_VARIABLE, VAULT_VARIABLE,
};
pub use error::classify;
pub use venue::{Hyperliquid, Reader};
