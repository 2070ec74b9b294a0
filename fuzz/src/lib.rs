//! What the fuzz targets try and what must hold for every input: one module for each target, so that the targets
//! themselves are one line. A violation is a panic, as everywhere under libFuzzer.
//!
//! Inputs are bytes that stay readable: the first one picks what is tried (`A` the first, `B` the second, …), the rest
//! is the body. New things are added at the end of the lists, so that inputs keep their meaning.

#![forbid(unsafe_code)]

// The tests are instrumented too, and need what the instrumentation calls.
#[cfg(test)]
use libfuzzer_sys as _;

pub mod binance;
pub mod bingx;
pub mod bybit;
pub mod classify;
pub mod decode;
mod decoders;
pub mod http;
mod input;
mod numbers;
pub mod sign;

/// Errors end in logs: one line, and not an empty one.
#[track_caller]
fn assert_one_line(text: &str) {
    assert!(!text.is_empty(), "the error says nothing");
    assert!(!text.chars().any(char::is_control), "an error of several lines: {text:?}");
}
