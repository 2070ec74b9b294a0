//! Executions.

use evenkeel_http::json::{DecodeError, Node};
use evenkeel_types::{Price, Qty, Side, Symbol, Timestamp, Usd};

use super::time::moment;
use super::{Body, data, in_dollars, rows};
use crate::read::Identity as _;
use crate::wire;

/// One execution, with the venue's number of its order: rows do not have the client id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFill {
    /// Unique among the fills of the symbol.
    pub trade_id: String,
    /// The venue's number of the order.
    pub venue_order_id: String,
    /// What was traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// In coins, above zero.
    pub qty: Qty,
    /// Execution price.
    pub price: Price,
    /// Fee; negative is a rebate. The venue prints a cost as negative.
    pub fee: Usd,
    /// When, in whole seconds.
    pub time: Timestamp,
}

/// One page of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillPage {
    /// In the venue's order.
    pub fills: Vec<UserFill>,
    /// How many there are in all pages.
    pub total: Option<u64>,
}

/// Decodes `trade/fillHistory`.
///
/// `trade/allFillOrders` has rows of the same name that are not decoded: they have no trade id and no side, and their
/// sizes are rounded to whole coins or count contracts.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_fill_history(body: Body<'_>) -> Result<FillPage, DecodeError> {
    data(body, |node| {
        let wire: wire::Fills<'_> = node.object()?;
        let total = node.key("total", wire.total).filled();
        let total = total.map(|node| node.integer()).transpose()?;
        let list = node.key("fill_history_orders", wire.fill_history_orders);
        // Where there are none, the list may be null; the total then says so.
        let fills =
            if list.optional().is_none() && total == Some(0) { Vec::new() } else { rows(&list, fill)? };
        Ok(FillPage { fills, total })
    })
}

fn fill(row: &Node<'_, '_>) -> Result<UserFill, DecodeError> {
    let wire: wire::Fill<'_> = row.object()?;
    let side = row.key("side", wire.side);
    let qty_node = row.key("qty", wire.qty);
    let qty: Qty = qty_node.scientific()?;
    if !qty.is_positive() {
        return Err(qty_node.invalid(&format!("an execution is above zero, not {qty}")));
    }
    let trade = row.key("tradeId", wire.trade_id);
    let order = row.key("orderId", wire.order_id);
    let fee: Usd = row.key("commission", wire.commission).scientific()?;
    in_dollars(&row.key("commissionAsset", wire.commission_asset))?;
    Ok(UserFill {
        trade_id: trade.identity()?.ok_or_else(|| trade.invalid("an execution without a number"))?,
        venue_order_id: order.identity()?.ok_or_else(|| order.invalid("an execution without an order"))?,
        symbol: row.key("symbol", wire.symbol).symbol()?,
        side: match side.string()?.as_str() {
            "BUY" => Side::Buy,
            "SELL" => Side::Sell,
            other => return Err(side.invalid(&format!("{} is no side", evenkeel_http::cut(other)))),
        },
        qty,
        price: row.key("price", wire.price).scientific()?,
        fee: fee.negated(),
        time: moment(&row.key("filledTime", wire.filled_time))?,
    })
}
