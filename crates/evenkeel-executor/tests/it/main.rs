//! Whole runs against the paper exchange.

mod draw;
mod flattening;
mod honesty;
mod scenarios;
mod simulate;
mod spy;
mod support;
