//! Decoders against recorded answers, refusals and mutations; signatures against vectors; the connector against a
//! scripted venue.

#[path = "it/abilities.rs"]
mod abilities;
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
#[path = "it/orders.rs"]
mod orders;
#[path = "it/recorded.rs"]
mod recorded;
#[path = "it/reports.rs"]
mod reports;
#[path = "it/requests.rs"]
mod requests;
#[path = "it/rules.rs"]
mod rules;
#[path = "it/secrets.rs"]
mod secrets;
#[path = "it/server.rs"]
mod server;
#[path = "it/snapshots.rs"]
mod snapshots;
#[path = "it/support.rs"]
mod support;
#[path = "it/transfers.rs"]
mod transfers;
#[path = "it/vectors.rs"]
mod vectors;
