//! Signatures against vectors, decoders against recorded answers and mutations, requests against those of another client,
//! and the connector against a scripted venue.

#[path = "it/accounts.rs"]
mod accounts;
#[path = "it/catalogue.rs"]
mod catalogue;
#[path = "it/connector.rs"]
mod connector;
#[path = "it/effects.rs"]
mod effects;
#[path = "it/liquidation.rs"]
mod liquidation;
#[path = "it/mutations.rs"]
mod mutations;
#[path = "it/recorded.rs"]
mod recorded;
#[path = "it/requests.rs"]
mod requests;
#[path = "it/rules.rs"]
mod rules;
#[path = "it/secrets.rs"]
mod secrets;
#[path = "it/server.rs"]
mod server;
#[path = "it/support.rs"]
mod support;
#[path = "it/vectors.rs"]
mod vectors;
