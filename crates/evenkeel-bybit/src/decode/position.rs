//! `position/list`.

use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, DecodeErrorKind, Node};
use evenkeel_types::{Leverage, PositionSide, Price, Qty, Side, Symbol, Usd};

use super::{Body, Page, leg, number_or_none, page, price_or_none};
use crate::wire;

/// A position, or the place of one: a flat symbol has rows too where it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PositionRow {
    /// Of which symbol.
    pub symbol: Symbol,
    /// The net position, or the leg in hedge mode.
    pub side: PositionSide,
    /// Signed size; zero where flat.
    pub qty: Qty,
    /// Average price of entry, where one applies.
    pub entry: Option<Price>,
    /// Mark price, where the answer has it.
    pub mark: Option<Price>,
    /// The leverage that is set.
    pub leverage: Leverage,
    /// The venue's liquidation price, where there is one; an estimate in cross margin.
    pub liquidation_price: Option<Price>,
    /// Initial margin; of an isolated position what is in its bucket, with margin that was added and the reserved fee
    /// of closing it.
    pub margin: Option<Usd>,
    /// Maintenance margin.
    pub maintenance: Option<Usd>,
    /// Unrealised profit.
    pub unrealised: Option<Usd>,
    /// Whether only orders that reduce it make sense: the venue takes no others after its tiers were changed, or it is
    /// being liquidated or deleveraged.
    pub reduce_only: bool,
}

/// Decodes `position/list`.
///
/// # Errors
/// [`DecodeError`] naming the field; without a leverage, as in portfolio margin, [`DecodeErrorKind::Unsupported`].
pub fn decode_positions(body: Body<'_>) -> Result<Page<PositionRow>, DecodeError> {
    page(body, position)
}

fn position(row: &Node<'_, '_>) -> Result<PositionRow, DecodeError> {
    let wire: wire::Position<'_> = row.object()?;
    let leg = leg(&row.key("positionIdx", wire.position_idx))?;
    let qty = qty(row, &wire)?;
    let fits = match leg {
        PositionSide::Long => !qty.is_negative(),
        PositionSide::Short => !qty.is_positive(),
        _ => true,
    };
    if !fits {
        let problem = format!("a size of {qty} on the other leg");
        return Err(row.error(DecodeErrorKind::Inconsistent, &problem, "read the positions again"));
    }
    let leverage = row.key("leverage", wire.leverage);
    let Some(leverage) = leverage.filled() else {
        let problem = "the position has no leverage: the account is in portfolio margin";
        let remedy = "switch it to cross or isolated margin at the venue";
        return Err(leverage.error(DecodeErrorKind::Unsupported, problem, remedy));
    };
    Ok(PositionRow {
        symbol: row.key("symbol", wire.symbol).symbol()?,
        side: leg,
        qty,
        entry: price_or_none(
            row.key("avgPrice", wire.avg_price).or(row.key("entryPrice", wire.entry_price)),
        )?,
        mark: price_or_none(row.key("markPrice", wire.mark_price))?,
        leverage: leverage.number()?,
        liquidation_price: price_or_none(row.key("liqPrice", wire.liq_price))?,
        margin: number_or_none(row.key("positionIM", wire.position_im))?,
        maintenance: number_or_none(row.key("positionMM", wire.position_mm))?,
        unrealised: number_or_none(row.key("unrealisedPnl", wire.unrealised_pnl))?,
        reduce_only: row.key("isReduceOnly", wire.is_reduce_only).optional_flag()? || !is_normal(row, &wire)?,
    })
}

/// `Liq` and `Adl` are what it is not; old answers do not say.
fn is_normal(row: &Node<'_, '_>, wire: &wire::Position<'_>) -> Result<bool, DecodeError> {
    let status = row.key("positionStatus", wire.position_status).filled();
    let status = status.map(|node| node.string()).transpose()?;
    Ok(status.is_none_or(|status| status.eq_ignore_ascii_case("normal")))
}

/// Sizes have no sign, the side has it; a flat position has none.
fn qty(row: &Node<'_, '_>, wire: &wire::Position<'_>) -> Result<Qty, DecodeError> {
    let size = super::size(&row.key("size", wire.size))?;
    let side = row.key("side", wire.side);
    match side.string()?.as_str() {
        "Buy" => Ok(size),
        "Sell" => Ok(Side::Sell.signed(size)),
        "" | "None" if size.is_zero() => Ok(Qty::ZERO),
        other => Err(side.error(
            DecodeErrorKind::Inconsistent,
            &format!("a position of {size} on side {}", cut(other)),
            "read the positions again",
        )),
    }
}
