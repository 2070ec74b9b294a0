//! Starts the local venues of `evenkeel-localnet` and says how a bot is pointed at them. See the README.

pub mod cli;
pub mod scenario;
pub mod show;
pub mod town;
pub mod venues;
pub mod watch;
