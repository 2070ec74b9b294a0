//! The server by itself: signatures, refusals, shapes, life of orders.

// Bodies are written where they are sent, and who skips a test says so.
#![allow(clippy::needless_pass_by_value, clippy::print_stdout)]

mod door;
mod guards;
mod life;
mod refusals;
mod shapes;
mod support;
