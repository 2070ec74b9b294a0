//! The connector: everything that waits.
//!
//! [`Reader`] only reads. [`Binance`] trades, and reads through a `Reader` of its own. Both decide nothing: requests are
//! built in `encode`, answers understood in `decode` and `error`.

mod abilities;
mod account;
mod diagnose;
mod memory;
mod plumbing;
mod reader;
mod reports;
mod stream;
mod trader;
mod transfers;

pub use reader::Reader;
pub use trader::Binance;
