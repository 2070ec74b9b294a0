//! Whole runs against the paper exchange.

mod draw;
mod scenarios;
mod simulate;
mod spy;
mod support;
