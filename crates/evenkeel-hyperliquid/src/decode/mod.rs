//! Pure decoders: the venue's answers to our types. Nothing here reads a file, a clock or the network.

mod account;
mod answer;
mod check;
mod equity;
mod fills;
mod funding;
mod market;
mod order;
mod orders;
mod settings;
mod snapshot;
mod standing;
pub(crate) mod stream;
mod wallet;

pub use account::{ClearinghouseState, HeldPosition, MarginSummary, decode_clearinghouse_state};
pub use answer::{Answer, StatusEntry, decode_answer};
pub use evenkeel_http::json::{Body, DecodeError, DecodeErrorKind};
pub use fills::{UserFill, decode_user_fills};
pub use funding::{decode_funding_history, decode_user_funding};
pub use market::{Market, Markets, decode_meta, decode_meta_and_asset_ctxs};
pub use order::{Cloid, OrderRecord, decode_historical_orders, decode_order_status};
pub use orders::decode_open_orders;
pub use settings::{ActiveAsset, decode_active_asset_data};
pub(crate) use snapshot::decode_account;
pub use snapshot::{
    AbstractionInput, AccountInput, DexInput, FeeInput, FlatSettings, OpenOrdersInput,
    assume_default_settings, decode_snapshot,
};
pub(crate) use standing::scaled_rate;
pub use standing::{
    ExchangeStatus, NamedAgent, PerpDex, RequestBudget, TopOfBook, UserRole, decode_exchange_status,
    decode_extra_agents, decode_perp_dexs, decode_top_of_book, decode_user_rate_limit, decode_user_role,
};
pub use wallet::{
    Abstraction, SpotBalance, base_fees, decode_spot_clearinghouse_state, decode_user_abstraction,
    decode_user_fees,
};
