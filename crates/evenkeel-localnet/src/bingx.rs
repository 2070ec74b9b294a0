//! BingX: USDT-margined perpetual swaps, single-asset mode.
//!
//! [`Server`] answers `/openApi/...` as the venue does; [`Builder`] describes it. Every account has a paper exchange of its
//! own, all with the same prices.

mod account;
mod amend;
mod auth;
mod builder;
mod cancel;
mod contracts;
mod desk;
mod envelope;
mod fills;
mod history;
mod json;
mod keys;
mod limits;
mod market;
mod money;
mod numbers;
mod order_rows;
mod orders;
mod params;
mod parse;
mod place;
mod positions;
mod refusals;
mod routes;
mod server;
mod settings;
mod stream;

pub use crate::floor::{AccountSpec, ApiKey, Market};
pub use builder::{Builder, Environment};
pub use server::Server;

#[cfg(test)]
mod tests;
