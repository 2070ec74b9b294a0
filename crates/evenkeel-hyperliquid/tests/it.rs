//! Decoders against recorded answers, the project's own recorded account, refusals and mutations.

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
#[path = "it/support.rs"]
mod support;
