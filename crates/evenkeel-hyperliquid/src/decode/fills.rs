//! `userFills` and `userFillsByTime`.

use evenkeel_http::json::{DecodeError, Document, Node};
use evenkeel_types::{Fill, Qty, Timestamp};

use super::Body;
use super::answer::cloid;
use super::order::side;
use crate::wire;

/// One execution and the venue's number of its order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserFill {
    /// The execution. Its order is ours where the client id can be one of ours.
    pub fill: Fill,
    /// The venue's number of the order; absent in some old recordings.
    pub oid: Option<u64>,
}

/// Decodes `userFills` or `userFillsByTime`, in the order sent. Executions of spot pairs are included; their coin
/// is `@107` or `PURR/USDC`, and their fee may be in another coin.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_user_fills(body: Body<'_>) -> Result<Vec<UserFill>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let rows = root.array()?.into_iter().enumerate();
    rows.map(|(index, raw)| user_fill(&root.index(index, Some(raw)))).collect()
}

fn user_fill(row: &Node<'_, '_>) -> Result<UserFill, DecodeError> {
    let wire: wire::Fill<'_> = row.object()?;
    let size = row.key("sz", wire.sz);
    let qty: Qty = size.number()?;
    if !qty.is_positive() {
        return Err(size.invalid(&format!("an executed size must be above zero, not {qty}")));
    }
    let time = row.key("time", wire.time).integer()?;
    let tid = row.key("tid", wire.tid).integer()?;
    Ok(UserFill {
        fill: Fill {
            // The venue promises uniqueness of `tid` only together with the time.
            trade_id: format!("{time}-{tid}"),
            order: cloid(&row.key("cloid", wire.cloid))?.and_then(super::order::Cloid::ours),
            symbol: row.key("coin", wire.coin).symbol()?,
            side: side(&row.key("side", wire.side))?,
            qty,
            price: row.key("px", wire.px).number()?,
            // Contains the builder's share; negative is a rebate.
            fee: row.key("fee", wire.fee).number()?,
            time: Timestamp(time),
        },
        oid: row.key("oid", wire.oid).optional().map(|node| node.integer()).transpose()?,
    })
}
