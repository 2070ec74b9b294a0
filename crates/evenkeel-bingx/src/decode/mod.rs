//! Pure decoders: the venue's answers to our types. Nothing here reads a file, a clock or the network.
//!
//! Every decoder takes a whole answer with its envelope. An envelope with a code other than 0 is
//! [`DecodeErrorKind::Refused`].

mod account;
mod fills;
mod funding;
mod market;
mod order;
mod settings;
mod snapshot;
pub(crate) mod stream;
mod time;

pub use account::{Balance, HeldPosition, decode_balance, decode_positions};
pub use evenkeel_http::json::{Body, DecodeError, DecodeErrorKind};
pub use fills::{FillPage, UserFill, decode_fill_history};
pub use funding::{Income, decode_funding_rates, decode_income};
pub use market::{
    BestPrices, Contract, Contracts, MaintenanceTier, Premium, decode_contracts, decode_maintenance_tiers,
    decode_premium_index, decode_server_time, decode_tickers, instrument,
};
pub use order::{
    Acknowledged, BatchEntry, Cancelled, CancelledOrder, OrderRecord, decode_acknowledgement,
    decode_all_orders, decode_batch, decode_cancel, decode_cancelled, decode_open_orders, decode_order,
    decode_switch,
};
pub use settings::{
    AssetMode, KeyRights, LeverageReading, decode_asset_mode, decode_commission, decode_key_rights,
    decode_leverage, decode_leverage_set, decode_margin_moved, decode_margin_type, decode_position_mode,
    decode_transfer,
};
pub(crate) use snapshot::{AccountParts, assemble};

use crate::wire;
use evenkeel_http::json::{Document, Node};

/// What the venue said instead of carrying a request out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its code.
    pub code: String,
    /// Its words; those of `debugMsg` where `msg` is empty.
    pub text: String,
}

/// Whether an answer is a refusal: `None` where its code is 0.
///
/// # Errors
/// [`DecodeError`] for what is no envelope, or one without a code.
pub fn decode_refusal(body: Body<'_>) -> Result<Option<Refusal>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    refusal(&root)
}

fn refusal(root: &Node<'_, '_>) -> Result<Option<Refusal>, DecodeError> {
    let envelope: wire::Envelope<'_> = root.object()?;
    let code = root.key("code", envelope.code).digits()?;
    if code == "0" {
        return Ok(None);
    }
    let text = root.key("msg", envelope.msg).or(root.key("debugMsg", envelope.debug_msg));
    // Whatever is wrong with the words, the code stands.
    let text = text.filled().and_then(|node| node.string().ok()).unwrap_or_default();
    Ok(Some(Refusal { code, text }))
}

/// The envelope's own checks, and then what is in its `data`.
fn data<T>(
    body: Body<'_>,
    read: impl FnOnce(&Node<'_, '_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    accepted(&root)?;
    let envelope: wire::Envelope<'_> = root.object()?;
    read(&root.key("data", envelope.data))
}

fn accepted(root: &Node<'_, '_>) -> Result<(), DecodeError> {
    match refusal(root)? {
        None => Ok(()),
        Some(Refusal { code, text }) => Err(root.error(
            DecodeErrorKind::Refused,
            &format!("the venue refused it with code {code}: {}", evenkeel_http::cut(&text)),
            "look the code up in the error table",
        )),
    }
}

/// Refuses an amount in a coin that is not taken at par with the dollar. Where no coin is named, it is the settlement's.
fn in_dollars(asset: &Node<'_, '_>) -> Result<(), DecodeError> {
    let Some(asset) = asset.filled() else { return Ok(()) };
    let name = asset.string()?;
    if matches!(name.as_str(), "USDT" | "USDC" | "VST") {
        return Ok(());
    }
    let problem = format!("an amount in {} is none in dollars", evenkeel_http::cut(&name));
    Err(asset.error(
        DecodeErrorKind::Unsupported,
        &problem,
        "have fees and funding charged in the settlement coin",
    ))
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

/// The rows of an array, or the one object in its place: the venue answers so where a symbol was named.
fn one_or_rows<T>(
    node: &Node<'_, '_>,
    mut read: impl FnMut(&Node<'_, '_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    if node.is_array() { rows(node, read) } else { Ok(vec![read(node)?]) }
}
