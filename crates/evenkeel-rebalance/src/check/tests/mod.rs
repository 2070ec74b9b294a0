//! Good plans pass, and each mutation of one breaks its rule.

mod corrupt;
mod good;
mod limits;
mod mutations;
mod planned;
mod runs;
mod scenario;
mod venue;
mod verified;
