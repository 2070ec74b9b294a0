//! Answers of the exchange endpoint to signed actions.

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Node};
use evenkeel_types::{Price, Qty};

use super::Body;
use super::order::Cloid;
use crate::wire;
use evenkeel_http::cut;

/// What the venue says about one order or cancel of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusEntry {
    /// The order is on the book, or waits for its trigger. Whether a part was filled is not said.
    Resting {
        /// The venue's number.
        oid: u64,
        /// The client id, where there is one.
        cloid: Option<Cloid>,
    },
    /// The order was filled and is over. An immediate one may have been filled in part; the rest is cancelled.
    Filled {
        /// How much.
        total: Qty,
        /// At which average price.
        average: Price,
        /// The venue's number.
        oid: u64,
        /// The client id, where there is one.
        cloid: Option<Cloid>,
    },
    /// A cancel that was carried out.
    Success,
    /// An attached order that waits for its parent to fill, or for its trigger. It has no number yet.
    Waiting,
    /// Refused, in the venue's words.
    Error(String),
}

/// What the venue says about a signed action.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Accepted; there is nothing to report.
    Accepted,
    /// Accepted as a batch: one entry for each thing asked for.
    Entries(Vec<StatusEntry>),
    /// Refused as a whole, in the venue's words.
    Refused(String),
}

/// Decodes the body of an HTTP 200 answer to a signed action.
///
/// # Errors
/// [`DecodeError`] for anything that the venue's protocol does not describe. After a write that is no proof of
/// anything.
pub fn decode_answer(body: Body<'_>) -> Result<Answer, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::Answer<'_> = root.object()?;
    let response = root.key("response", wire.response);
    let status = root.key("status", wire.status);
    match status.string()?.as_str() {
        "err" => return Ok(Answer::Refused(response.string()?)),
        "ok" => {}
        other => {
            let problem = format!("unknown status {}", cut(other));
            return Err(status.error(DecodeErrorKind::Value, &problem, "known are `ok` and `err`"));
        }
    }
    let wire: wire::Response<'_> = response.object()?;
    let kind = response.key("type", wire.r#type);
    let data = response.key("data", wire.data);
    match kind.string()?.as_str() {
        "default" => Ok(Answer::Accepted),
        "order" | "cancel" => {
            let wire: wire::ResponseData<'_> = data.object()?;
            let statuses = data.key("statuses", wire.statuses);
            let entries = statuses.array()?.into_iter().enumerate();
            entries
                .map(|(index, raw)| entry(&statuses.index(index, Some(raw))))
                .collect::<Result<_, _>>()
                .map(Answer::Entries)
        }
        other => {
            let problem = format!("unknown type of answer {}", cut(other));
            Err(kind.error(DecodeErrorKind::Value, &problem, "known are `default`, `order` and `cancel`"))
        }
    }
}

fn entry(node: &Node<'_, '_>) -> Result<StatusEntry, DecodeError> {
    if node.is_text() {
        return match node.string()?.as_str() {
            "success" => Ok(StatusEntry::Success),
            "waitingForFill" | "waitingForTrigger" => Ok(StatusEntry::Waiting),
            other => Err(node.invalid(&format!("unknown status {}", cut(other)))),
        };
    }
    let wire: wire::StatusEntry<'_> = node.object()?;
    let resting = node.key("resting", wire.resting);
    let filled = node.key("filled", wire.filled);
    let error = node.key("error", wire.error);
    match (resting.optional(), filled.optional(), error.optional()) {
        (Some(node), None, None) => {
            let wire: wire::Resting<'_> = node.object()?;
            Ok(StatusEntry::Resting {
                oid: node.key("oid", wire.oid).integer()?,
                cloid: cloid(&node.key("cloid", wire.cloid))?,
            })
        }
        (None, Some(node), None) => {
            let wire: wire::Filled<'_> = node.object()?;
            let total_node = node.key("totalSz", wire.total_sz);
            let total: Qty = total_node.number()?;
            if !total.is_positive() {
                return Err(total_node.invalid(&format!("a filled size must be above zero, not {total}")));
            }
            Ok(StatusEntry::Filled {
                total,
                average: node.key("avgPx", wire.avg_px).number()?,
                oid: node.key("oid", wire.oid).integer()?,
                cloid: cloid(&node.key("cloid", wire.cloid))?,
            })
        }
        (None, None, Some(node)) => Ok(StatusEntry::Error(node.string()?)),
        _ => Err(node.invalid("expected exactly one of `resting`, `filled` and `error`")),
    }
}

pub(super) fn cloid(node: &Node<'_, '_>) -> Result<Option<Cloid>, DecodeError> {
    let Some(node) = node.optional() else { return Ok(None) };
    let text = node.string()?;
    Cloid::parse(&text)
        .map(Some)
        .ok_or_else(|| node.invalid(&format!("{} is no client order id of 32 hex digits", cut(&text))))
}
