//! The transport against local servers, the limiter and the clock offset against oracles, and nothing secret in sight.
#![cfg(feature = "reqwest")]

#[path = "it/call.rs"]
mod call;
#[path = "it/limiter.rs"]
mod limiter;
#[path = "it/offset.rs"]
mod offset;
#[path = "it/secrets.rs"]
mod secrets;
#[path = "it/server.rs"]
mod server;
#[path = "it/signing.rs"]
mod signing;
#[path = "it/transport.rs"]
mod transport;
#[path = "it/waiting.rs"]
mod waiting;
