//! Pure decoders: the venue's answers to our types. Nothing here reads a file, a clock or the network.

mod account;
mod check;
mod market;
mod orders;
mod snapshot;
mod wallet;

pub use account::{ClearinghouseState, HeldPosition, MarginSummary, decode_clearinghouse_state};
pub use market::{Market, Markets, decode_meta, decode_meta_and_asset_ctxs};
pub use orders::decode_open_orders;
pub use snapshot::{
    AbstractionInput, AccountInput, FeeInput, FlatSettings, OpenOrdersInput, assume_default_settings,
    decode_snapshot,
};
pub use wallet::{
    Abstraction, SpotBalance, base_fees, decode_spot_clearinghouse_state, decode_user_abstraction,
    decode_user_fees,
};

/// One answer of the venue: its bytes, and the name (a file, an endpoint) by which errors call it.
#[derive(Clone, Copy)]
pub struct Body<'a> {
    /// How errors call it: `clearinghouseState.json`.
    pub name: &'a str,
    /// The JSON as it came.
    pub bytes: &'a [u8],
}

impl<'a> Body<'a> {
    /// Names some bytes.
    #[must_use]
    pub const fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, bytes }
    }
}

impl core::fmt::Debug for Body<'_> {
    /// The name and the size; the bytes can be megabytes.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Body({}, {} bytes)", self.name, self.bytes.len())
    }
}
