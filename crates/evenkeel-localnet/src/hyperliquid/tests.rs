//! Over `handle` only: whole requests in, whole answers out.

// Bodies are written where they are sent, and who skips a test says so.
#![allow(clippy::needless_pass_by_value, clippy::print_stdout)]

mod actions;
mod faults;
mod refusals;
mod shapes;
mod sockets;
mod support;
mod vectors;
