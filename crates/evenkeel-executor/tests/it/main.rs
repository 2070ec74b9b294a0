//! Whole runs against the paper exchange.

mod scenarios;
mod support;
