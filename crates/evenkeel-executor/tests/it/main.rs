//! Whole runs against the paper exchange.

// Seeds, outcomes and faults are printed: with a failure they are what one needs first.
#![allow(clippy::print_stdout)]

mod draw;
mod flattening;
mod honesty;
mod scenarios;
mod simulate;
mod spy;
mod support;
