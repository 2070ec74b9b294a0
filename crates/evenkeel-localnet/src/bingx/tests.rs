//! The venue without a socket: signatures, refusals, shapes, and what happens over time.

#![allow(clippy::print_stdout, reason = "what is skipped says so")]

mod orders;
mod refusals;
mod shapes;
mod sockets;
mod support;
mod time;
mod topics;
mod vectors;
