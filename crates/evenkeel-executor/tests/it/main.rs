//! Whole runs against the paper exchange.

mod draw;
mod flattening;
mod scenarios;
mod simulate;
mod spy;
mod support;
