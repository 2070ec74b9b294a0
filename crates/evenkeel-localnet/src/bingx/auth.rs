//! Who asks: key, signature, and time, in this order.

use bytes::Bytes;
use evenkeel_types::Timestamp;
use http::Request;

use super::params::Params;
use super::refusals::Refusal;
use crate::floor::Floor;

/// How old a request may be where it does not say, and at most: one of the venue's texts has 60 s for the latter, the
/// other this.
const WINDOW: u64 = 5000;

/// Answers which account a signed request is for.
pub(crate) fn check(
    floor: &Floor,
    now: Timestamp,
    request: &Request<Bytes>,
    params: &Params,
) -> Result<usize, Refusal> {
    let index = holder(floor, request)?;
    let account = floor.accounts.get(index).ok_or_else(Refusal::no_key)?;
    let signature = params.signature.as_deref().filter(|text| !text.is_empty());
    let signature = signature.ok_or_else(Refusal::no_signature)?;
    if !params.signed.iter().any(|text| account.key.verifies(text.as_bytes(), signature)) {
        return Err(Refusal::signature());
    }
    let sent = params.text("timestamp").ok_or_else(Refusal::no_timestamp)?;
    let sent: u64 = sent.parse().map_err(|_| Refusal::timestamp())?;
    let window = params.integer("recvWindow")?.unwrap_or(WINDOW).min(WINDOW);
    if now.0.abs_diff(sent) > window {
        return Err(Refusal::timestamp());
    }
    Ok(index)
}

/// Answers whose key a request has, where no signature is asked for. One that is there all the same is checked.
pub(crate) fn keyed(
    floor: &Floor,
    now: Timestamp,
    request: &Request<Bytes>,
    params: &Params,
) -> Result<usize, Refusal> {
    if params.signature.is_some() { check(floor, now, request, params) } else { holder(floor, request) }
}

fn holder(floor: &Floor, request: &Request<Bytes>) -> Result<usize, Refusal> {
    let key = request.headers().get("x-bx-apikey").and_then(|key| key.to_str().ok());
    key.and_then(|key| floor.account_of(key)).ok_or_else(Refusal::no_key)
}
