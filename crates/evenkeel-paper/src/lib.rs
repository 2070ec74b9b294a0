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

mod builder;
mod error;
mod faults;
mod fork;
mod leverage;
mod matching;
mod orders;
mod profile;
pub mod profiles;
mod read;
mod refusal;
mod resting;
mod rng;
mod series;
mod settle;
mod state;
mod stops;
mod time;
mod truth;
mod venue;
mod world;

pub use builder::Builder;
pub use error::WorldError;
pub use faults::{Fault, FaultRule, Lag, StaleTime};
pub use orders::Conditional;
pub use profile::{Profile, UnfilledIoc};
pub use series::Series;
pub use state::Totals;
pub use time::{Event, Execution};
pub use truth::{Cause, OrderRecord, Origin, Sample, Truth};
pub use venue::{PaperClock, PaperVenue};
pub use world::World;
