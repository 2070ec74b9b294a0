//! Balances and positions.

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Node};
use evenkeel_types::{Leverage, MarginMode, Price, Qty, Symbol, Usd};

use super::market::price_or_none;
use super::{Body, data, rows};
use crate::wire;

/// A row of `user/balance`: one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Which: `USDT`, `USDC`, in the demo environment `VST`.
    pub asset: Symbol,
    /// Whose, as far as the venue says it.
    pub user: Option<String>,
    /// Cash, with the margin of isolated positions, without unrealised profit.
    pub balance: Usd,
    /// Cash and unrealised profit.
    pub equity: Usd,
    /// Of all positions.
    pub unrealised: Usd,
    /// What new margin can be taken from.
    pub available: Usd,
    /// Margin of positions.
    pub used: Usd,
    /// Margin of open orders.
    pub frozen: Usd,
}

/// Decodes `user/balance`. Assets that were never used have empty texts for numbers, and are left out.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_balance(body: Body<'_>) -> Result<Vec<Balance>, DecodeError> {
    data(body, |node| Ok(rows(node, balance)?.into_iter().flatten().collect()))
}

fn balance(row: &Node<'_, '_>) -> Result<Option<Balance>, DecodeError> {
    let wire: wire::Balance<'_> = row.object()?;
    let cash = row.key("balance", wire.balance);
    let figures =
        [wire.balance, wire.equity, wire.unrealized_profit, wire.available_margin, wire.used_margin];
    // All of them there and empty: one empty figure beside others would hide an asset.
    if figures.iter().all(|field| row.key("", *field).is_empty_text()) {
        return Ok(None);
    }
    let user = row.key("userId", wire.user_id).or(row.key("shortUid", wire.short_uid));
    let frozen =
        row.key("freezedMargin", wire.freezed_margin).or(row.key("frozenMargin", wire.frozen_margin));
    Ok(Some(Balance {
        asset: row.key("asset", wire.asset).symbol()?,
        user: user.filled().map(|node| node.digits()).transpose()?,
        balance: cash.scientific()?,
        equity: row.key("equity", wire.equity).scientific()?,
        unrealised: row.key("unrealizedProfit", wire.unrealized_profit).scientific()?,
        available: row.key("availableMargin", wire.available_margin).scientific()?,
        used: row.key("usedMargin", wire.used_margin).scientific()?,
        frozen: frozen.scientific()?,
    }))
}

/// A row of `user/positions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPosition {
    /// What is held.
    pub symbol: Symbol,
    /// Signed: negative is short. The venue prints it without a sign.
    pub qty: Qty,
    /// Whether the account has one position for each symbol, where the row says it.
    pub one_way: Option<bool>,
    /// Average entry price.
    pub entry: Option<Price>,
    /// Cross or isolated.
    pub mode: MarginMode,
    /// The setting.
    pub leverage: Leverage,
    /// `initial + added - funding + unrealised profit`: what an isolated position's bucket holds. Older rows have none.
    pub margin: Option<Usd>,
    /// Unrealised profit.
    pub unrealised: Usd,
    /// The venue's own liquidation price; zero stands for none.
    pub liquidation_price: Option<Price>,
    /// Mark price at that moment, in the digits of the symbol.
    pub mark: Option<Price>,
}

/// Decodes `user/positions`; rows of size zero are left out.
///
/// # Errors
/// [`DecodeError`] naming the field; a row whose direction cannot be told is refused.
pub fn decode_positions(body: Body<'_>) -> Result<Vec<HeldPosition>, DecodeError> {
    data(body, |node| Ok(rows(node, position)?.into_iter().flatten().collect()))
}

fn position(row: &Node<'_, '_>) -> Result<Option<HeldPosition>, DecodeError> {
    let wire: wire::Position<'_> = row.object()?;
    let size: Qty = row.key("positionAmt", wire.position_amt).scientific()?;
    if size.is_zero() {
        return Ok(None);
    }
    let one_way = row.key("onlyOnePosition", wire.only_one_position).filled();
    let margin = row.key("margin", wire.margin).filled();
    let mark = row.key("markPrice", wire.mark_price).filled();
    let liquidation = row.key("liquidationPrice", wire.liquidation_price);
    let isolated = row.key("isolated", wire.isolated).flag()?;
    Ok(Some(HeldPosition {
        symbol: row.key("symbol", wire.symbol).symbol()?,
        qty: signed(&row.key("positionSide", wire.position_side), size)?,
        one_way: one_way.map(|node| node.flag()).transpose()?,
        entry: price_or_none(&row.key("avgPrice", wire.avg_price))?,
        mode: if isolated { MarginMode::Isolated } else { MarginMode::Cross },
        leverage: row.key("leverage", wire.leverage).scientific()?,
        margin: margin.map(|node| node.scientific()).transpose()?,
        unrealised: row.key("unrealizedProfit", wire.unrealized_profit).scientific()?,
        liquidation_price: price_or_none(&liquidation)?,
        mark: mark.map(|node| price_or_none(&node)).transpose()?.flatten(),
    }))
}

/// The side is in `positionSide` alone; sizes have no sign. Rows of one-way accounts were seen with `LONG`, none with
/// `BOTH`: there a sign can only mean short, and without one nobody knows.
fn signed(side: &Node<'_, '_>, size: Qty) -> Result<Qty, DecodeError> {
    let contradiction = |problem: &str| {
        side.error(DecodeErrorKind::Inconsistent, problem, "look at the position at the venue before trading")
    };
    match (side.string()?.as_str(), size.is_negative()) {
        ("LONG", false) => Ok(size),
        ("SHORT", _) => Ok(size.abs().negated()),
        ("LONG", true) => Err(contradiction("a long position of negative size")),
        ("BOTH", true) => Ok(size),
        ("BOTH", false) => Err(contradiction("whether the position is long or short is not said")),
        (other, _) => Err(side.invalid(&format!("{} is no side of a position", evenkeel_http::cut(other)))),
    }
}
