//! The venue by itself: signatures, refusals, orders, and the shapes of its answers.

mod hedge;
mod orders;
mod refusals;
mod settings;
mod shapes;
mod signing;
mod sockets;
mod support;
