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

mod capabilities;
mod decode;
mod error;
mod read;
mod wire;

pub use capabilities::capabilities;
pub use decode::{
    Abstraction, AbstractionInput, AccountInput, Body, ClearinghouseState, FeeInput, FlatSettings,
    HeldPosition, MarginSummary, Market, Markets, OpenOrdersInput, SpotBalance, assume_default_settings,
    base_fees, decode_clearinghouse_state, decode_meta, decode_meta_and_asset_ctxs, decode_open_orders,
    decode_snapshot, decode_spot_clearinghouse_state, decode_user_abstraction, decode_user_fees,
};
pub use error::{DecodeError, DecodeErrorKind};
