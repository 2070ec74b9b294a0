//! The connector: everything that waits.
//!
//! [`Reader`] only reads and holds no key. [`Hyperliquid`] trades, and reads through a `Reader` of its own. Both decide
//! nothing: requests are built in `encode`, answers understood in `decode` and `error`.

mod abilities;
mod account;
mod memory;
mod plumbing;
mod reader;
mod reports;
mod stream;
mod trader;

pub use reader::Reader;
pub use trader::Hyperliquid;
