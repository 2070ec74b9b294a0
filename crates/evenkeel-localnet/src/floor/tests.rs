//! The floor by itself, by the profiles of the venues that stand on it.

mod asynchronous;
mod closing;
mod history;
mod market_orders;
