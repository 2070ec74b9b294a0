#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::float_arithmetic,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod base_url;
mod call;
mod failure;
pub mod feed;
mod hmac;
pub mod json;
mod limit;
mod memory;
mod offset;
mod secret;
mod text;
mod transport;
mod venue_clock;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use bytes::Bytes;
pub use call::{Client, Sent};
pub use failure::Failure;
pub use hmac::HmacKey;
pub use http;
pub use limit::{Limiter, Quota, RateLimited, Urgency, Usage, acquire_all};
pub use memory::{SentOrders, fresh};
pub use offset::{ClockOffset, Sampled};
pub use secret::{InvalidSecret, Secret, sensitive_header};
pub use text::{cut, hex, is_unreserved, one_line, percent_encode, write_hex};
#[cfg(feature = "reqwest")]
pub use transport::ReqwestTransport;
pub use transport::{MAX_ANSWER_BYTES, Transport, TransportError, TransportErrorKind};
pub use venue_clock::VenueClock;
