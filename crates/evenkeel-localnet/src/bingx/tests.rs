//! The venue without a socket: signatures, refusals, shapes, and what happens over time.

mod orders;
mod refusals;
mod shapes;
mod support;
mod time;
mod vectors;
