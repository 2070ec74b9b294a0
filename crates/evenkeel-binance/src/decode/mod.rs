//! Pure decoders: the venue's answers to our types. Nothing here reads a file, a clock or the network.

mod account;
mod algo;
mod market;
mod order;
mod price;
mod report;
mod setter;
mod snapshot;
pub(crate) mod stream;

pub use account::{
    AccountConfig, AccountState, Asset, Held, PositionRow, SymbolSetting, decode_account,
    decode_account_alias, decode_account_config, decode_commission_rate, decode_position_risk,
    decode_symbol_configs,
};
pub(crate) use algo::{ALGO_PREFIX, decode_algo_rows};
pub use algo::{AlgoRecord, AlgoStatus, decode_algo_order, decode_algo_orders};
pub use evenkeel_http::json::{Body, DecodeError, DecodeErrorKind};
pub use market::{
    Brackets, Listing, Market, Markets, decode_exchange_info, decode_funding_info, decode_leverage_brackets,
};
pub use order::{BatchItem, OrderRecord, decode_batch, decode_order, decode_orders};
pub(crate) use order::{decode_order_rows, decode_order_symbols};
pub use price::{Book, Premium, decode_book_ticker, decode_funding_rates, decode_premium_index};
pub use report::{Income, UserTrade, decode_income, decode_user_trades};
pub use setter::{
    decode_algo_cancelled, decode_countdown, decode_done, decode_leverage, decode_server_time,
    decode_transfer,
};
pub use snapshot::{AccountInput, decode_snapshot};
pub(crate) use snapshot::{agree, check_mode, setting};

/// Currencies that are taken at par with the dollar. Money in anything else is not added to an account's value.
const DOLLARS: &[&str] = &["USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USD1", "USDP"];

/// Whether amounts in this currency are taken at par with the dollar.
#[must_use]
pub fn is_dollar(asset: &str) -> bool {
    DOLLARS.contains(&asset)
}
