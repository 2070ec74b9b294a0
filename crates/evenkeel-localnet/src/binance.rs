//! Binance USDⓈ-M futures, accounts in single-asset mode.
//!
//! [`Server`] answers `/fapi/v1` to `/fapi/v3` as the venue does, and what clients ask `/sapi`, `/api` and `/dapi` for
//! before they trade; [`Builder`] describes it. Every account has a paper exchange of its own, all with the same prices.

mod account;
mod algo;
mod auth;
mod builder;
mod keys;
mod ledger;
mod limits;
mod market;
mod markets;
mod money;
mod orders;
mod overload;
mod params;
mod refusals;
mod routes;
mod rows;
mod server;
mod settings;
mod stream;
mod wishes;

pub use crate::floor::{AccountSpec, ApiKey, Market};
pub use builder::Builder;
pub use overload::Overload;
pub use server::Server;

#[cfg(test)]
mod tests;
