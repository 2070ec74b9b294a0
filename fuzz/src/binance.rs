//! Every public decoder of evenkeel-binance on any body, and its error table on any code and text. As for Hyperliquid.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use evenkeel_binance::capabilities;
use evenkeel_binance::decode::{
    AccountInput, Markets, decode_account, decode_account_alias, decode_account_config,
    decode_algo_cancelled, decode_algo_order, decode_algo_orders, decode_batch, decode_book_ticker,
    decode_commission_rate, decode_countdown, decode_done, decode_exchange_info, decode_funding_info,
    decode_funding_rates, decode_income, decode_leverage, decode_leverage_brackets, decode_order,
    decode_orders, decode_position_risk, decode_premium_index, decode_server_time, decode_snapshot,
    decode_symbol_configs, decode_transfer, decode_user_trades,
};
use evenkeel_http::json::{Body, DecodeError};
use evenkeel_types::{AccountId, Scope, Symbol, Timestamp, VenueId};

use crate::decoders::{Decoder, fine, pick, plain, refused};

/// What the first byte picks. New ones go last, so that the corpus keeps its meaning.
pub const DECODERS: &[Decoder] = &[
    ("order", |body| whole(body, decode_order)),
    ("orders", |body| whole(body, decode_orders)),
    ("batch", |body| whole(body, decode_batch)),
    ("algo_order", |body| whole(body, decode_algo_order)),
    ("algo_orders", |body| whole(body, decode_algo_orders)),
    ("premium_index", |body| whole(body, |body| decode_premium_index(body, &WANTED))),
    ("book_ticker", |body| whole(body, |body| decode_book_ticker(body, &WANTED))),
    ("funding_rates", |body| plain(body, |body| decode_funding_rates(body, &BTC))),
    ("account", |body| plain(body, decode_account)),
    ("account_alias", |body| plain(body, decode_account_alias)),
    ("account_config", |body| plain(body, decode_account_config)),
    ("position_risk", |body| whole(body, decode_position_risk)),
    ("symbol_configs", |body| plain(body, decode_symbol_configs)),
    ("commission_rate", |body| plain(body, |body| decode_commission_rate(body, &BTC))),
    ("user_trades", |body| plain(body, decode_user_trades)),
    ("income", |body| plain(body, decode_income)),
    ("server_time", |body| plain(body, decode_server_time)),
    ("done", |body| plain(body, decode_done)),
    ("algo_cancelled", |body| plain(body, decode_algo_cancelled)),
    ("leverage", |body| plain(body, decode_leverage)),
    ("countdown", |body| plain(body, decode_countdown)),
    ("exchange_info", |body| whole(body, decode_exchange_info)),
    ("leverage_brackets", |body| whole(body, decode_leverage_brackets)),
    ("funding_info", |body| whole(body, decode_funding_info)),
    ("snapshot", snapshot),
    ("classify", classify),
    ("transfer", |body| plain(body, decode_transfer)),
];

static BTC: LazyLock<Symbol> = LazyLock::new(|| Symbol::new("BTCUSDT").expect("a symbol"));
static WANTED: LazyLock<BTreeSet<Symbol>> = LazyLock::new(|| BTreeSet::from([BTC.clone()]));

/// One input of the target.
pub fn run(data: &[u8]) {
    pick(DECODERS, data);
}

/// Decodes, where numbers are computed, or zero stands for none: only that nothing breaks.
fn whole<T>(body: &[u8], decode: impl FnOnce(Body<'_>) -> Result<T, DecodeError>) {
    let _ = fine(body, decode);
}

/// The body as `account`, put together with an account that holds nothing else.
fn snapshot(body: &[u8]) {
    let config = br#"{"canTrade":true,"dualSidePosition":false,"multiAssetsMargin":false}"#;
    let config = decode_account_config(Body::new("config", config)).expect("a configuration");
    let Some(state) = fine(body, decode_account) else { return };
    let input = AccountInput {
        venue: VenueId::new("binance").expect("a name"),
        account: AccountId::new("fuzz").expect("a name"),
        capabilities: capabilities(),
        scope: &Scope::of([]),
        as_of: Timestamp(1_764_000_000_000),
        config,
        state: &state,
        positions: &[],
        settings: &BTreeMap::new(),
        markets: &Markets::default(),
        premiums: &BTreeMap::new(),
        books: &BTreeMap::new(),
        fees: &BTreeMap::new(),
        open_orders: Vec::new(),
    };
    match decode_snapshot(&input) {
        Ok(snapshot) => assert_eq!(snapshot.validate(input.scope), Ok(())),
        Err(error) => refused(&error),
    }
}

fn classify(body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    let (code, words) = text.split_once(' ').unwrap_or((&text, ""));
    let Ok(code) = code.parse::<i64>() else { return };
    let found = evenkeel_binance::classify(code, words);
    // What the source of the table does not name is on no list, unless it is the text that comes with several codes.
    let source = include_str!("../../crates/evenkeel-binance/src/error/codes.rs");
    let listed = source.contains(&format!("({code}, ")) || source.contains(&format!("({code},\n"));
    if !listed {
        assert!(
            found.is_none_or(|(_, effect)| effect == evenkeel_exchange::Effect::Unknown),
            "{code} {words:?}"
        );
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_public_decoder_is_tried() {
        let public = include_str!("../../crates/evenkeel-binance/src/decode/mod.rs");
        crate::decoders::assert_all_are_tried(public, include_str!("binance.rs"), 25);
    }
}
