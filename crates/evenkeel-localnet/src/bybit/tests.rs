//! The server by itself: signatures, refusals, shapes, life of orders.

mod support;
