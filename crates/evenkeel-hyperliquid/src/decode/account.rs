//! `clearinghouseState`: margin summaries and positions of one dex.

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Node};
use evenkeel_types::{Leverage, MarginMode, Price, Qty, Symbol, Timestamp, Usd};

use super::Body;
use crate::wire;

/// `marginSummary` (cross and isolated) or `crossMarginSummary` (cross only), in the collateral.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MarginSummary {
    /// `total_raw_usd` plus the signed value of the positions.
    pub account_value: Usd,
    /// Sum of the positions' values without sign.
    pub total_ntl_pos: Usd,
    /// Cash net of what the positions cost; no balance, and negative for most longs.
    pub total_raw_usd: Usd,
    /// Initial margin in use.
    pub total_margin_used: Usd,
}

/// One held position as the venue reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldPosition {
    /// Its row in `assetPositions`, for errors.
    pub(super) row: usize,
    /// What is held.
    pub symbol: Symbol,
    /// Signed size in base units; negative is short.
    pub qty: Qty,
    /// Average entry price; the venue rounds it.
    pub entry: Option<Price>,
    /// Cross or isolated.
    pub mode: MarginMode,
    /// The leverage setting of the symbol.
    pub leverage: Leverage,
    /// Cash leg of an isolated bucket: its collateral less what the position cost.
    pub raw_usd: Option<Usd>,
    /// Size without sign times the mark price.
    pub position_value: Usd,
    /// Size times (mark less entry), where the answer has it.
    pub unrealized_pnl: Option<Usd>,
    /// Cross: value / leverage. Isolated: the bucket's equity, unrealised profit included.
    pub margin_used: Usd,
    /// The maximum leverage that applies to this position; absent in recordings of 2023.
    pub max_leverage: Option<Leverage>,
    /// The venue's liquidation price; `None` means that there is none.
    pub liquidation_price: Option<Price>,
}

impl HeldPosition {
    /// The value of the position with its sign.
    #[must_use]
    pub fn signed_value(&self) -> Usd {
        if self.qty.is_negative() { self.position_value.negated() } else { self.position_value }
    }
}

/// `clearinghouseState`, decoded as leniently as old recordings need: what an answer lacks is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClearinghouseState {
    /// When, by the venue's clock; absent in recordings of 2023.
    pub time: Option<Timestamp>,
    /// Cross and isolated together.
    pub total: Option<MarginSummary>,
    /// Cross only.
    pub cross: Option<MarginSummary>,
    /// Maintenance margin of the cross positions; absent in recordings of 2023.
    pub cross_maintenance: Option<Usd>,
    /// What may leave: less than what can be traded with, as resting orders and a tenth of the notional stay.
    pub withdrawable: Option<Usd>,
    /// The positions, in the venue's order.
    pub positions: Vec<HeldPosition>,
}

/// Decodes `clearinghouseState` by itself, without checking it against anything; see
/// [`decode_snapshot`](crate::decode::decode_snapshot) for a checked account.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_clearinghouse_state(body: Body<'_>) -> Result<ClearinghouseState, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::ClearinghouseState<'_> = root.object()?;
    let summary = |node: Node<'_, '_>| node.optional().map(|node| margin_summary(&node)).transpose();
    let amount = |node: Node<'_, '_>| node.optional().map(|node| node.number()).transpose();

    let rows = root.key("assetPositions", wire.asset_positions);
    let mut positions = Vec::new();
    for (index, raw) in rows.array()?.into_iter().enumerate() {
        positions.extend(asset_position(&rows.index(index, Some(raw)), index)?);
    }
    let time = root.key("time", wire.time).optional();
    Ok(ClearinghouseState {
        time: time.map(|node| node.integer()).transpose()?.map(Timestamp),
        total: summary(root.key("marginSummary", wire.margin_summary))?,
        cross: summary(root.key("crossMarginSummary", wire.cross_margin_summary))?,
        cross_maintenance: amount(
            root.key("crossMaintenanceMarginUsed", wire.cross_maintenance_margin_used),
        )?,
        withdrawable: amount(root.key("withdrawable", wire.withdrawable))?,
        positions,
    })
}

fn margin_summary(node: &Node<'_, '_>) -> Result<MarginSummary, DecodeError> {
    let wire: wire::MarginSummary<'_> = node.object()?;
    Ok(MarginSummary {
        account_value: node.key("accountValue", wire.account_value).number()?,
        total_ntl_pos: node.key("totalNtlPos", wire.total_ntl_pos).number()?,
        total_raw_usd: node.key("totalRawUsd", wire.total_raw_usd).number()?,
        total_margin_used: node.key("totalMarginUsed", wire.total_margin_used).number()?,
    })
}

/// `None` for a row of size zero, which holds nothing.
fn asset_position(row: &Node<'_, '_>, index: usize) -> Result<Option<HeldPosition>, DecodeError> {
    let wire: wire::AssetPosition<'_> = row.object()?;
    let kind = row.key("type", wire.r#type);
    let text = kind.string()?;
    if text != "oneWay" {
        return Err(kind.error(
            DecodeErrorKind::Unsupported,
            &format!("unknown position mode {}", evenkeel_http::cut(&text)),
            "known is `oneWay`, one net position per coin; this library is too old for the answer",
        ));
    }
    let node = row.key("position", wire.position);
    let wire: wire::Position<'_> = node.object()?;
    let qty: Qty = node.key("szi", wire.szi).number()?;
    let value = node.key("positionValue", wire.position_value);
    let position_value: Usd = value.number()?;
    if position_value.is_negative() {
        return Err(value.invalid(&format!("a position's value has no sign, not {position_value}")));
    }
    if qty.is_zero() {
        if position_value.is_zero() {
            return Ok(None);
        }
        return Err(node.key("szi", wire.szi).error(
            DecodeErrorKind::Inconsistent,
            &format!("a position of size 0 with positionValue {position_value}"),
            "take the venue's answer whole and unchanged",
        ));
    }
    let (mode, leverage, raw_usd) = leverage(&node.key("leverage", wire.leverage))?;
    Ok(Some(HeldPosition {
        row: index,
        symbol: node.key("coin", wire.coin).symbol()?,
        qty,
        entry: node.key("entryPx", wire.entry_px).optional().map(|node| node.number()).transpose()?,
        mode,
        leverage,
        raw_usd,
        position_value,
        unrealized_pnl: node
            .key("unrealizedPnl", wire.unrealized_pnl)
            .optional()
            .map(|node| node.number())
            .transpose()?,
        margin_used: node.key("marginUsed", wire.margin_used).number()?,
        max_leverage: node
            .key("maxLeverage", wire.max_leverage)
            .optional()
            .map(|node| node.number())
            .transpose()?,
        // Null is the venue's word for "none"; an absent field would be read as one.
        liquidation_price: node
            .key("liquidationPx", wire.liquidation_px)
            .nullable()?
            .map(|node| node.number())
            .transpose()?,
    }))
}

pub(super) fn leverage(node: &Node<'_, '_>) -> Result<(MarginMode, Leverage, Option<Usd>), DecodeError> {
    let wire: wire::Leverage<'_> = node.object()?;
    let kind = node.key("type", wire.r#type);
    let mode = match kind.string()?.as_str() {
        "cross" => MarginMode::Cross,
        "isolated" => MarginMode::Isolated,
        other => {
            return Err(kind.error(
                DecodeErrorKind::Value,
                &format!("unknown margin mode {}", evenkeel_http::cut(other)),
                "known are `cross` and `isolated`; this library is too old for the answer",
            ));
        }
    };
    let raw_usd = node.key("rawUsd", wire.raw_usd).optional().map(|node| node.number()).transpose()?;
    Ok((mode, node.key("value", wire.value).number()?, raw_usd))
}
