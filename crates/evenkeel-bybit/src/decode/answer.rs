//! What the venue says to writes.

use super::Body;
use super::{accepted, result, rows};
use crate::text::told;
use crate::wire;
use evenkeel_http::json::{DecodeError, Document, Node};

/// An order that was taken in. It may still be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acknowledged {
    /// The venue's identity.
    pub venue_order_id: String,
    /// The client id, where it has one.
    pub client_order_id: Option<String>,
}

/// What became of one order of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // It is one or the other.
pub enum BatchEntry {
    /// Taken in.
    Taken(Acknowledged),
    /// Refused.
    Refused {
        /// The client id, where the venue names it.
        client_order_id: Option<String>,
        /// Its code.
        code: String,
        /// Its words.
        text: String,
    },
}

/// Decodes `order/create` and `order/cancel`.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_acknowledgement(body: Body<'_>) -> Result<Acknowledged, DecodeError> {
    result(body, acknowledged)
}

fn acknowledged(node: &Node<'_, '_>) -> Result<Acknowledged, DecodeError> {
    let wire: wire::Acknowledgement<'_> = node.object()?;
    let id = node.key("orderId", wire.order_id);
    let venue_order_id = id.string()?;
    if venue_order_id.is_empty() {
        return Err(id.invalid("an order without a number"));
    }
    Ok(Acknowledged { venue_order_id, client_order_id: link(&node.key("orderLinkId", wire.order_link_id))? })
}

fn link(node: &Node<'_, '_>) -> Result<Option<String>, DecodeError> {
    node.filled().map(|node| node.string()).transpose()
}

/// Decodes `order/create-batch` and `order/cancel-batch`: one entry for each order, in the order sent. The orders are in
/// `result.list`, and what became of each at the same place of `retExtInfo.list`.
///
/// # Errors
/// [`DecodeError`] naming the field; lists of different lengths are refused.
pub fn decode_batch(body: Body<'_>) -> Result<Vec<BatchEntry>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let envelope: wire::Envelope<'_> = root.object()?;
    accepted(&root, &envelope)?;
    let result = root.key("result", envelope.result);
    let extra = root.key("retExtInfo", envelope.ret_ext_info);
    let (named, said): (wire::List<'_>, wire::List<'_>) = (result.object()?, extra.object()?);
    let (named, said) = (result.key("list", named.list), extra.key("list", said.list));
    let (orders, outcomes) = (named.array()?, said.array()?);
    if orders.len() != outcomes.len() {
        let problem = format!("{} outcomes for {} orders", outcomes.len(), orders.len());
        return Err(said.error(
            evenkeel_http::json::DecodeErrorKind::Inconsistent,
            &problem,
            "ask for each order",
        ));
    }
    let pairs = orders.into_iter().zip(outcomes).enumerate();
    pairs
        .map(|(index, (order, outcome))| {
            let (order, outcome) = (named.index(index, Some(order)), said.index(index, Some(outcome)));
            let wire: wire::Outcome<'_> = outcome.object()?;
            let code = outcome.key("code", wire.code).digits()?;
            if code == "0" {
                return acknowledged(&order).map(BatchEntry::Taken);
            }
            let text = outcome.key("msg", wire.msg).filled().and_then(|node| node.string().ok());
            let wire: wire::Acknowledgement<'_> = order.object()?;
            let client_order_id = link(&order.key("orderLinkId", wire.order_link_id))?;
            Ok(BatchEntry::Refused { client_order_id, code, text: told(&text.unwrap_or_default()) })
        })
        .collect()
}

/// Decodes `order/cancel-all`: the venue's numbers of the orders that will be cancelled. Where there are none the list is
/// absent from some answers.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_cancelled(body: Body<'_>) -> Result<Vec<String>, DecodeError> {
    result(body, |result| {
        let wire: wire::List<'_> = result.object()?;
        let success = result.key("success", wire.success);
        let list = result.key("list", wire.list);
        let Some(list) = list.optional() else {
            return match success.digits()?.as_str() {
                "1" => Ok(Vec::new()),
                _ => Err(success.invalid("neither orders nor success")),
            };
        };
        if success.filled().is_some_and(|node| node.digits().is_ok_and(|code| code != "1")) {
            return Err(success.invalid("it did not succeed"));
        }
        rows(&list, |row| acknowledged(row).map(|order| order.venue_order_id))
    })
}

/// Decodes `account/set-margin-mode`. Reasons why not are an error even where the code says success.
///
/// # Errors
/// [`DecodeError`] with the venue's reasons.
pub fn decode_margin_mode_set(body: Body<'_>) -> Result<(), DecodeError> {
    result(body, |result| {
        let reasons = reasons(result)?;
        if reasons.is_empty() { Ok(()) } else { Err(result.invalid(&reasons.join("; "))) }
    })
}

/// The reasons in a `result`, where it has any.
pub(super) fn reasons(result: &Node<'_, '_>) -> Result<Vec<String>, DecodeError> {
    if result.optional().is_none() || result.is_array() {
        return Ok(Vec::new());
    }
    let wire: wire::Reasons<'_> = result.object()?;
    let Some(list) = result.key("reasons", wire.reasons).optional().filter(Node::is_array) else {
        return Ok(Vec::new());
    };
    rows(&list, |row| {
        let wire: wire::Reason<'_> = row.object()?;
        let code = row.key("reasonCode", wire.reason_code).digits()?;
        let text = row.key("reasonMsg", wire.reason_msg).filled().and_then(|node| node.string().ok());
        Ok(format!("{} ({code})", told(&text.unwrap_or_default())))
    })
}
