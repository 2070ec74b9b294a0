//! Every public decoder of evenkeel-bingx on any body, and its error table on any code and text. As for Hyperliquid.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use evenkeel_bingx::decode::{
    decode_acknowledgement, decode_all_orders, decode_asset_mode, decode_balance, decode_batch,
    decode_cancel, decode_cancelled, decode_commission, decode_contracts, decode_fill_history,
    decode_funding_rates, decode_income, decode_key_rights, decode_leverage, decode_leverage_set,
    decode_maintenance_tiers, decode_margin_moved, decode_margin_type, decode_open_orders, decode_order,
    decode_position_mode, decode_positions, decode_premium_index, decode_refusal, decode_server_time,
    decode_switch, decode_tickers, decode_transfer,
};
use evenkeel_http::json::{Body, DecodeError};
use evenkeel_types::{PositionMode, Symbol};

use crate::decoders::{Decoder, fine, pick, plain};

/// What the first byte picks. New ones go last, so that the corpus keeps its meaning.
pub const DECODERS: &[Decoder] = &[
    ("funding_rates", |body| plain(body, |body| decode_funding_rates(body, &BTC))),
    ("income", |body| whole(body, decode_income)),
    ("acknowledgement", |body| plain(body, decode_acknowledgement)),
    ("batch", |body| plain(body, decode_batch)),
    ("order", |body| whole(body, decode_order)),
    ("all_orders", |body| whole(body, decode_all_orders)),
    ("open_orders", |body| whole(body, |body| decode_open_orders(body, PositionMode::OneWay))),
    ("open_orders", |body| whole(body, |body| decode_open_orders(body, PositionMode::Hedge))),
    ("cancel", |body| whole(body, decode_cancel)),
    ("cancelled", |body| whole(body, decode_cancelled)),
    ("switch", |body| plain(body, decode_switch)),
    ("fill_history", |body| whole(body, decode_fill_history)),
    ("balance", |body| whole(body, decode_balance)),
    ("positions", |body| whole(body, decode_positions)),
    ("position_mode", |body| plain(body, decode_position_mode)),
    ("asset_mode", |body| plain(body, decode_asset_mode)),
    ("leverage", |body| whole(body, |body| decode_leverage(body, &BTC))),
    ("leverage_set", |body| whole(body, |body| decode_leverage_set(body, &BTC))),
    ("margin_type", |body| plain(body, |body| decode_margin_type(body, &BTC))),
    ("margin_moved", |body| whole(body, decode_margin_moved)),
    ("commission", |body| whole(body, decode_commission)),
    ("key_rights", |body| plain(body, decode_key_rights)),
    ("server_time", |body| whole(body, decode_server_time)),
    ("contracts", |body| whole(body, decode_contracts)),
    ("maintenance_tiers", |body| whole(body, |body| decode_maintenance_tiers(body, &BTC))),
    ("premium_index", |body| whole(body, |body| decode_premium_index(body, &WANTED))),
    ("tickers", |body| whole(body, |body| decode_tickers(body, &WANTED))),
    ("refusal", |body| plain(body, decode_refusal)),
    ("classify", classify),
    ("transfer", |body| plain(body, decode_transfer)),
];

static BTC: LazyLock<Symbol> = LazyLock::new(|| Symbol::new("BTC-USDT").expect("a symbol"));
static WANTED: LazyLock<BTreeSet<Symbol>> = LazyLock::new(|| BTreeSet::from([BTC.clone()]));

/// One input of the target.
pub fn run(data: &[u8]) {
    pick(DECODERS, data);
}

/// Decodes, where numbers are computed, or zero stands for none: only that nothing breaks.
fn whole<T>(body: &[u8], decode: impl FnOnce(Body<'_>) -> Result<T, DecodeError>) {
    let _ = fine(body, decode);
}

fn classify(body: &[u8]) {
    let text = String::from_utf8_lossy(body);
    let (code, words) = text.split_once(' ').unwrap_or((&text, ""));
    let found = evenkeel_bingx::classify(code, words);
    let source = include_str!("../../crates/evenkeel-bingx/src/error.rs");
    assert!(found.is_none() || source.contains(&format!("\"{code}\"")), "{code} {words:?}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_public_decoder_is_tried() {
        let public = include_str!("../../crates/evenkeel-bingx/src/decode/mod.rs");
        crate::decoders::assert_all_are_tried(public, include_str!("bingx.rs"), 24);
    }
}
