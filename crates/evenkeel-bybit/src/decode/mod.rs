//! Pure decoders: the venue's answers to our types. Nothing here reads a file, a clock or the network.
//!
//! Every decoder takes a whole answer with its envelope. An envelope with a `retCode` other than 0 is
//! [`DecodeErrorKind::Refused`].

mod account;
mod answer;
mod funding;
mod market;
mod order;
mod position;
mod price;
mod snapshot;
pub(crate) mod stream;
mod tiers;

pub use account::{
    AccountInfo, AccountKind, AccountMargin, Coin, Wallet, decode_account_info, decode_fee_rates,
    decode_wallet,
};
pub use answer::{
    Acknowledged, BatchEntry, decode_acknowledgement, decode_batch, decode_cancelled, decode_margin_mode_set,
};
pub use evenkeel_http::json::{Body, DecodeError, DecodeErrorKind};
pub use funding::{decode_executions, decode_funding_history, decode_funding_payments};
pub use market::{Contract, Contracts, decode_instruments, decode_server_time};
pub use order::{OrderRecord, decode_orders};
pub use position::{PositionRow, decode_positions};
pub use price::{Ticker, decode_tickers};
pub(crate) use snapshot::{AccountParts, assemble, pool_id, position_mode, setting_of};
pub use tiers::{RiskTier, TierOf, decode_risk_limits, instrument};

use evenkeel_http::cut;
use evenkeel_http::json::{Document, Node};
use evenkeel_types::Timestamp;

use crate::text::told;
use crate::wire;

/// A part of a list that is longer than one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// What is in it, in the venue's order.
    pub rows: Vec<T>,
    /// By what the next part is asked for, percent-encoded already: it is sent and signed as it is. `None` where there
    /// is none.
    pub cursor: Option<String>,
}

/// What the venue said instead of carrying a request out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Its code.
    pub code: String,
    /// Its words, and where it gave them its reasons.
    pub text: String,
}

/// What is the same in every answer: whether it is a refusal, and when the venue gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// `None` where its code is 0.
    pub refusal: Option<Refusal>,
    /// The venue's clock; absent from some answers.
    pub time: Option<Timestamp>,
}

/// Decodes the envelope alone.
///
/// # Errors
/// [`DecodeError`] for what is no envelope, or one without a code.
pub fn decode_envelope(body: Body<'_>) -> Result<Envelope, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let envelope: wire::Envelope<'_> = root.object()?;
    let refusal = refusal(&root, &envelope)?;
    // A time that is nothing of the kind is no reason to lose an answer. Recordings have 0 where it was cut out.
    let time = root.key("time", envelope.time).filled().and_then(|node| node.integer().ok());
    Ok(Envelope { refusal, time: time.filter(|time| *time > 0).map(Timestamp) })
}

fn refusal(root: &Node<'_, '_>, envelope: &wire::Envelope<'_>) -> Result<Option<Refusal>, DecodeError> {
    let code = root.key("retCode", envelope.ret_code).digits()?;
    if code == "0" {
        return Ok(None);
    }
    // Whatever is wrong with the words, the code stands.
    let text = root.key("retMsg", envelope.ret_msg).filled().and_then(|node| node.string().ok());
    let mut text = text.unwrap_or_default();
    // The key that some of them repeat must not get into anything that can be printed.
    if !text.is_empty() {
        text = told(&text);
    }
    for reason in answer::reasons(&root.key("result", envelope.result)).unwrap_or_default() {
        text.push_str("; ");
        text.push_str(&reason);
    }
    Ok(Some(Refusal { code, text }))
}

/// The envelope's own checks, and then what is in its `result`.
fn result<T>(
    body: Body<'_>,
    read: impl FnOnce(&Node<'_, '_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let envelope: wire::Envelope<'_> = root.object()?;
    accepted(&root, &envelope)?;
    read(&root.key("result", envelope.result))
}

fn accepted(root: &Node<'_, '_>, envelope: &wire::Envelope<'_>) -> Result<(), DecodeError> {
    match refusal(root, envelope)? {
        None => Ok(()),
        Some(Refusal { code, text }) => Err(root.error(
            DecodeErrorKind::Refused,
            &format!("the venue refused it with code {}: {}", cut(&code), told(&text)),
            "look the code up in the error table",
        )),
    }
}

/// The rows of an array, each with its place.
fn rows<T>(
    list: &Node<'_, '_>,
    mut read: impl FnMut(&Node<'_, '_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let raw = list.array()?;
    let mut rows = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        rows.push(read(&list.index(index, Some(raw)))?);
    }
    Ok(rows)
}

/// A `result` with a list and perhaps more of it elsewhere.
fn page<T>(
    body: Body<'_>,
    read: impl FnMut(&Node<'_, '_>) -> Result<T, DecodeError>,
) -> Result<Page<T>, DecodeError> {
    result(body, |result| {
        let list: wire::List<'_> = result.object()?;
        let cursor = result.key("nextPageCursor", list.next_page_cursor);
        Ok(Page { rows: rows(&result.key("list", list.list), read)?, cursor: next(&cursor)? })
    })
}

/// A cursor goes into the address as it is, so that it must hold nothing but what an address may hold.
fn next(cursor: &Node<'_, '_>) -> Result<Option<String>, DecodeError> {
    let Some(node) = cursor.filled() else { return Ok(None) };
    let text = node.string()?;
    let fine = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%:,".contains(&b));
    if fine { Ok(Some(text)) } else { Err(node.invalid("no cursor that can be sent")) }
}

/// The name of a row in a list about all symbols. `None` for one that no symbol here can have: nobody can ask for it, and
/// it must not make all others unreadable.
fn listed_name(node: &Node<'_, '_>) -> Result<Option<evenkeel_types::Symbol>, DecodeError> {
    match node.symbol() {
        Err(error) if error.kind() == DecodeErrorKind::Unsupported => Ok(None),
        name => name.map(Some),
    }
}

/// A price, where there is one: an empty text and zero both say that there is none.
fn price_or_none(node: Node<'_, '_>) -> Result<Option<evenkeel_types::Price>, DecodeError> {
    let Some(node) = node.filled() else { return Ok(None) };
    let value: evenkeel_types::Usd = node.number()?;
    if value.is_zero() { Ok(None) } else { node.number().map(Some) }
}

/// A number where the venue says that one applies.
fn number_or_none<T: core::str::FromStr<Err = evenkeel_types::NumberError>>(
    node: Node<'_, '_>,
) -> Result<Option<T>, DecodeError> {
    node.filled().map(|node| node.number()).transpose()
}

/// A size without a sign.
fn size(node: &Node<'_, '_>) -> Result<evenkeel_types::Qty, DecodeError> {
    let qty: evenkeel_types::Qty = node.number()?;
    if qty.is_negative() {
        return Err(node.invalid(&format!("a size has no sign, not {qty}")));
    }
    Ok(qty)
}

/// `Buy` and `Sell`.
fn side(node: &Node<'_, '_>) -> Result<evenkeel_types::Side, DecodeError> {
    match node.string()?.as_str() {
        "Buy" => Ok(evenkeel_types::Side::Buy),
        "Sell" => Ok(evenkeel_types::Side::Sell),
        other => Err(node.error(
            DecodeErrorKind::Value,
            &format!("unknown side {}", cut(other)),
            "known are `Buy` and `Sell`",
        )),
    }
}

/// `positionIdx`: 0 is the net position, 1 and 2 are the legs of hedge mode.
fn leg(node: &Node<'_, '_>) -> Result<evenkeel_types::PositionSide, DecodeError> {
    match node.integer()? {
        0 => Ok(evenkeel_types::PositionSide::Net),
        1 => Ok(evenkeel_types::PositionSide::Long),
        2 => Ok(evenkeel_types::PositionSide::Short),
        other => Err(node.invalid(&format!("{other} is no position index; known are 0, 1 and 2"))),
    }
}
