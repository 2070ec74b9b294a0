//! The server by itself: signatures, refusals, shapes, life of orders, sockets.

// Bodies are written where they are sent, and who skips a test says so.
#![allow(clippy::needless_pass_by_value, clippy::print_stdout)]

mod door;
mod ear;
mod guards;
mod life;
mod prices;
mod refusals;
mod shapes;
mod sockets;
mod support;
