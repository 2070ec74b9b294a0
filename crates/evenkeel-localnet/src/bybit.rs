//! Bybit V5, category `linear`: perpetuals that are settled in USDT, in a unified account.
//!
//! [`Server`] answers `/v5/...` as the venue does; [`Builder`] describes it. Every account has a paper exchange of its
//! own, all with the same prices.

mod account;
mod auth;
mod builder;
mod envelope;
mod history;
mod ids;
mod ledger;
mod limits;
mod market;
mod markets;
mod money;
mod numbers;
mod order_rows;
mod orders;
mod params;
mod parse;
mod positions;
mod protection;
mod refusals;
mod routes;
mod server;
mod settings;
mod stream;

pub use crate::floor::{AccountSpec, ApiKey, Market};
pub use builder::Builder;
pub use server::Server;

#[cfg(test)]
mod tests;
