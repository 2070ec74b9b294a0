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

mod event;
mod flatten;
pub mod journal;
mod machine;
mod outcome;
mod preview;
mod recall;
mod report;
mod run;
mod settle;
mod submit;
mod text;

pub use event::Event;
pub use flatten::{Closed, Flatten, FlattenOutcome, FlattenReport, flatten};
pub use outcome::{AbortReason, HaltReason, Outcome};
pub use preview::{Approval, Preview, PreviewError, preview};
pub use report::{Report, SettingReport, Summary, TradeReport, TradeStatus};
pub use run::execute;
