//! Every public decoder of evenkeel-bybit on any body, and its error table on any code and text. As for Hyperliquid.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use evenkeel_bybit::decode::{
    decode_account_info, decode_acknowledgement, decode_batch, decode_cancelled, decode_envelope,
    decode_executions, decode_fee_rates, decode_funding_history, decode_funding_payments, decode_instruments,
    decode_margin_mode_set, decode_orders, decode_positions, decode_risk_limits, decode_server_time,
    decode_tickers, decode_wallet,
};
use evenkeel_http::json::{Body, DecodeError};
use evenkeel_types::Symbol;

use crate::decoders::{Decoder, fine, pick, plain};

/// What the first byte picks. The last ones are the error table.
pub const DECODERS: &[Decoder] = &[
    ("executions", |body| whole(body, decode_executions)),
    ("funding_history", |body| plain(body, |body| decode_funding_history(body, &BTC))),
    ("funding_payments", |body| whole(body, decode_funding_payments)),
    ("orders", |body| whole(body, decode_orders)),
    ("tickers", |body| whole(body, |body| decode_tickers(body, Some(&WANTED)))),
    ("account_info", |body| plain(body, decode_account_info)),
    ("wallet", |body| whole(body, decode_wallet)),
    ("fee_rates", |body| plain(body, decode_fee_rates)),
    ("acknowledgement", |body| plain(body, decode_acknowledgement)),
    ("batch", |body| plain(body, decode_batch)),
    ("cancelled", |body| plain(body, decode_cancelled)),
    ("margin_mode_set", |body| plain(body, decode_margin_mode_set)),
    ("envelope", |body| plain(body, decode_envelope)),
    ("positions", |body| whole(body, decode_positions)),
    ("risk_limits", |body| whole(body, decode_risk_limits)),
    ("server_time", |body| whole(body, decode_server_time)),
    ("instruments", |body| whole(body, decode_instruments)),
    ("classify", classify),
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

fn classify(body: &[u8]) {
    let code = String::from_utf8_lossy(body);
    let found = evenkeel_bybit::classify(&code);
    let source = include_str!("../../crates/evenkeel-bybit/src/error.rs");
    // Rows end in dots where they stand for a range.
    let digits = code.len() >= 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    let row = |text: &str| source.contains(text);
    let ranged = |length: usize| row(&format!("\"{}.", &code[..length]));
    let listed = digits && (row(&format!("\"{code}\"")) || (3..code.len()).any(ranged));
    assert!(listed || found.is_none(), "{code}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_public_decoder_is_tried() {
        let public = include_str!("../../crates/evenkeel-bybit/src/decode/mod.rs");
        crate::decoders::assert_all_are_tried(public, include_str!("bybit.rs"), 16);
    }
}
