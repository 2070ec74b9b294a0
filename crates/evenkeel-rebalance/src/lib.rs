#![doc = include_str!("../README.md")]
#![no_std]
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

extern crate alloc;

mod check;
mod plan;
mod planner;
mod policy;
mod state;
mod target;
mod verify;

pub use check::{CheckedPlan, Finding, Findings, Rule, check};
pub use plan::{
    AccountView, Action, Alternative, Cap, Costs, Note, NoteCode, Phase, Plan, PlanBody, PlanError, PlanId,
    PositionView, Step, Work, order_id,
};
pub use planner::{account_view, plan};
pub use policy::{Band, BandTo, LeverageChange, OpenOrderPolicy, Policy, PolicyError, Surplus};
pub use state::{Envelope, Pending, PhaseKind, RunState, Span};
pub use target::{Gross, ResolvedTarget, Rest, SymbolTarget, Target, TargetError, WEIGHT_TOLERANCE, Weights};
pub use verify::{Metric, MetricKind, Reading, Unit, Verification, VerifyError, verify};
