#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::float_arithmetic,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod abilities;
mod bench;
mod leverage;
mod orders;
mod position;
mod read;
mod report;
mod setup;
mod suite;

pub use report::{Case, Report, Verdict};
pub use setup::Setup;
pub use suite::{observe, trade};
