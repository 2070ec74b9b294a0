//! Hyperliquid: perpetuals of the validator-operated dex, standard accounts.
//!
//! [`Server`] answers `POST /info` and `POST /exchange` as the venue does; [`Builder`] describes it. Every account has
//! a paper exchange of its own, all with the same prices.

mod account;
mod action;
mod builder;
mod crypto;
mod envelope;
mod exchange;
mod fills;
mod info;
mod margin;
mod markets;
mod modify;
mod msgpack;
mod nonces;
mod numbers;
mod orders;
mod server;
mod stream;
mod tickets;
mod transfers;
mod views;

pub use builder::{AccountSpec, Builder, Network};
pub use crypto::{Address, TestKey};
pub use markets::Market;
pub use server::Server;

#[cfg(test)]
mod tests;
