//! Decoders against recorded answers and mutations; signatures and requests against vectors; the connector against a
//! scripted venue without sockets and without waiting.

#[path = "it/connector.rs"]
mod connector;
#[path = "it/effects.rs"]
mod effects;
#[path = "it/liquidation.rs"]
mod liquidation;
#[path = "it/lists.rs"]
mod lists;
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
#[path = "it/trading.rs"]
mod trading;
#[path = "it/transfers.rs"]
mod transfers;
#[path = "it/vectors.rs"]
mod vectors;
