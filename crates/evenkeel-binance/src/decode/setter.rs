//! The server's time, and what setters answer.

use evenkeel_http::json::{DecodeError, Document};
use evenkeel_types::{Leverage, Symbol, Timestamp};

use super::Body;
use crate::read::Fields as _;
use crate::wire;

/// Decodes `time`: the venue's clock.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_server_time(body: Body<'_>) -> Result<Timestamp, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::ServerTime<'_> = root.object()?;
    root.key("serverTime", wire.server_time).integer().map(Timestamp)
}

/// Decodes the answer of a setter that only says yes: `{"code":200,...}`, the code sometimes as text.
///
/// # Errors
/// [`DecodeError`] naming the field, also for another code.
pub fn decode_done(body: Body<'_>) -> Result<(), DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::Refusal<'_> = root.object()?;
    let code = root.key("code", wire.code);
    if code.signed()? == 200 { Ok(()) } else { Err(code.invalid("a success has code 200")) }
}

/// Decodes the answer to cancelling a conditional order: its number, and the id that its sender gave it.
///
/// # Errors
/// [`DecodeError`] naming the field, also for a code that is no success.
pub fn decode_algo_cancelled(body: Body<'_>) -> Result<(String, String), DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::AlgoCancel<'_> = root.object()?;
    let code = root.key("code", wire.code);
    if code.signed()? != 200 {
        return Err(code.invalid("a success has code 200"));
    }
    Ok((root.key("algoId", wire.algo_id).id()?, root.key("clientAlgoId", wire.client_algo_id).string()?))
}

/// Decodes the answer to moving money between wallets: the number that the venue gave it, which only one that was taken
/// has.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_transfer(body: Body<'_>) -> Result<String, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::Transfer<'_> = root.object()?;
    root.key("tranId", wire.tran_id).id()
}

/// Decodes the answer to setting a leverage: of which symbol, and what is set now.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_leverage(body: Body<'_>) -> Result<(Symbol, Leverage), DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::Leverage<'_> = root.object()?;
    Ok((root.key("symbol", wire.symbol).symbol()?, root.key("leverage", wire.leverage).number()?))
}

/// Decodes the answer to the dead-man switch: for which symbol, and in how many milliseconds; zero is never.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_countdown(body: Body<'_>) -> Result<(Symbol, u64), DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::Countdown<'_> = root.object()?;
    Ok((root.key("symbol", wire.symbol).symbol()?, root.key("countdownTime", wire.countdown_time).integer()?))
}
