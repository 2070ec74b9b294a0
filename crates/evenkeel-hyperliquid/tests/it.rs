//! Decoders against recorded answers, the project's own recorded account, refusals and mutations; signatures against
//! vectors; the connector against a scripted venue.

#[path = "it/answers.rs"]
mod answers;
#[path = "it/connector.rs"]
mod connector;
#[path = "it/effects.rs"]
mod effects;
#[path = "it/example.rs"]
mod example;
#[path = "it/liquidation.rs"]
mod liquidation;
#[path = "it/mutations.rs"]
mod mutations;
#[path = "it/recorded.rs"]
mod recorded;
#[path = "it/refusals.rs"]
mod refusals;
#[path = "it/requests.rs"]
mod requests;
#[path = "it/secrets.rs"]
mod secrets;
#[path = "it/server.rs"]
mod server;
#[path = "it/support.rs"]
mod support;
