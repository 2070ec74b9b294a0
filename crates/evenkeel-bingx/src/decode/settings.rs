//! Modes, leverage, fees, and what a key may do.

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Node};
use evenkeel_types::{FeeRates, Leverage, LeverageSetting, MarginMode, PositionMode, Symbol, Timestamp, Usd};

use super::market::about;
use super::{Body, accepted, data};
use crate::wire;

/// Decodes `positionSide/dual`.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_position_mode(body: Body<'_>) -> Result<PositionMode, DecodeError> {
    data(body, |node| {
        let wire: wire::PositionMode<'_> = node.object()?;
        let hedge = node.key("dualSidePosition", wire.dual_side_position).flag()?;
        Ok(if hedge { PositionMode::Hedge } else { PositionMode::OneWay })
    })
}

/// Which assets back the positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssetMode {
    /// The settlement coin alone.
    Single,
    /// Several, each at a discount of its own.
    Multi,
}

/// Decodes `trade/assetMode`.
///
/// # Errors
/// [`DecodeError`] naming the field; a mode that is not known is refused.
pub fn decode_asset_mode(body: Body<'_>) -> Result<AssetMode, DecodeError> {
    data(body, |node| {
        let wire: wire::AssetMode<'_> = node.object()?;
        let mode = node.key("assetMode", wire.asset_mode);
        match mode.string()?.as_str() {
            "singleAssetMode" => Ok(AssetMode::Single),
            "multiAssetsMode" => Ok(AssetMode::Multi),
            other => Err(mode.error(
                DecodeErrorKind::Unsupported,
                &format!("the asset mode {} is not known", evenkeel_http::cut(other)),
                "switch the account to the single-asset mode at the venue",
            )),
        }
    })
}

/// The leverage of a symbol and its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeverageReading {
    /// Of long positions; the same as `short` in one-way mode.
    pub long: Leverage,
    /// Of short positions.
    pub short: Leverage,
    /// The highest that may be set for both sides.
    pub max: Leverage,
}

impl LeverageReading {
    /// As a symbol's setting.
    #[must_use]
    pub fn setting(&self, symbol: Symbol, mode: MarginMode, read_at: Timestamp) -> LeverageSetting {
        LeverageSetting { symbol, long: self.long, short: self.short, mode, read_at }
    }
}

/// Decodes `trade/leverage`, read for one symbol. Answers before 2026 do not name it.
///
/// # Errors
/// [`DecodeError`] naming the field, and for an answer about another symbol.
pub fn decode_leverage(body: Body<'_>, symbol: &Symbol) -> Result<LeverageReading, DecodeError> {
    data(body, |node| {
        let wire: wire::Leverage<'_> = node.object()?;
        about(node, wire.symbol, symbol)?;
        let max_long: Leverage = node.key("maxLongLeverage", wire.max_long_leverage).scientific()?;
        let max_short: Leverage = node.key("maxShortLeverage", wire.max_short_leverage).scientific()?;
        Ok(LeverageReading {
            long: node.key("longLeverage", wire.long_leverage).scientific()?,
            short: node.key("shortLeverage", wire.short_leverage).scientific()?,
            max: max_long.min(max_short),
        })
    })
}

/// Decodes `trade/leverage`, written: the leverage that is in force now, by the venue's word.
///
/// # Errors
/// [`DecodeError`] naming the field, and for an answer about another symbol.
pub fn decode_leverage_set(body: Body<'_>, symbol: &Symbol) -> Result<Leverage, DecodeError> {
    data(body, |node| {
        let wire: wire::LeverageSet<'_> = node.object()?;
        about(node, wire.symbol, symbol)?;
        node.key("leverage", wire.leverage).scientific()
    })
}

/// Decodes `trade/marginType` of one symbol.
///
/// # Errors
/// [`DecodeError`] naming the field; `SEPARATE_ISOLATED` is [`DecodeErrorKind::Unsupported`]: a symbol then has several
/// positions at once, each with a bucket of its own.
pub fn decode_margin_type(body: Body<'_>, symbol: &Symbol) -> Result<MarginMode, DecodeError> {
    data(body, |node| {
        let wire: wire::MarginType<'_> = node.object()?;
        about(node, wire.symbol, symbol)?;
        let mode = node.key("marginType", wire.margin_type);
        match mode.string()?.as_str() {
            "CROSSED" => Ok(MarginMode::Cross),
            "ISOLATED" => Ok(MarginMode::Isolated),
            "SEPARATE_ISOLATED" => Err(mode.error(
                DecodeErrorKind::Unsupported,
                &format!("{symbol} has separate isolated margin, in which one side has several positions"),
                "set it to isolated or crossed at the venue, without position and orders",
            )),
            other => Err(mode.error(
                DecodeErrorKind::Unsupported,
                &format!("the margin mode {} of {symbol} is not known", evenkeel_http::cut(other)),
                "set it to isolated or crossed at the venue",
            )),
        }
    })
}

/// Decodes `trade/positionMargin`, whose fields stand at the top level: what was moved, above zero into the position.
///
/// # Errors
/// [`DecodeError`] naming the field; a direction that is not known is refused.
pub fn decode_margin_moved(body: Body<'_>) -> Result<Usd, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    accepted(&root)?;
    let wire: wire::MarginMoved<'_> = root.object()?;
    let amount: Usd = root.key("amount", wire.amount).scientific()?;
    let direction = root.key("type", wire.r#type);
    match direction.digits()?.as_str() {
        "1" => Ok(amount),
        "2" => Ok(amount.negated()),
        other => Err(direction.invalid(&format!("{} is no direction", evenkeel_http::cut(other)))),
    }
}

/// Decodes the answer to moving money between wallets: the number that the venue gave it, which only one that was taken has.
/// It stands in the envelope or, as the documentation has it, alone.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_transfer(body: Body<'_>) -> Result<String, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let envelope: wire::Envelope<'_> = root.object()?;
    if root.key("code", envelope.code).optional().is_some() {
        accepted(&root)?;
    }
    let number = |node: &Node<'_, '_>| {
        let wire: wire::Transfer<'_> = node.object()?;
        let number = node.key("transferId", wire.transfer_id);
        let text = if number.is_text() { number.string()? } else { number.integer()?.to_string() };
        if text.is_empty() { Err(number.invalid("the number is empty")) } else { Ok(text) }
    };
    match root.key("data", envelope.data).optional() {
        Some(data) => number(&data),
        None => number(&root),
    }
}

/// Decodes `user/commissionRate`: the account's rates, the same for all symbols.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_commission(body: Body<'_>) -> Result<FeeRates, DecodeError> {
    data(body, |node| {
        let wire: wire::Commission<'_> = node.object()?;
        let node = node.key("commission", wire.commission);
        let wire: wire::Rates<'_> = node.object()?;
        Ok(FeeRates {
            taker: node.key("takerCommissionRate", wire.taker_commission_rate).scientific()?,
            maker: node.key("makerCommissionRate", wire.maker_commission_rate).scientific()?,
        })
    })
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRights {
    /// It is bound to addresses.
    pub ip_bound: bool,
    /// It may read.
    pub reads: bool,
    /// It may trade perpetuals.
    pub trades: bool,
    /// It may move money between wallets.
    pub transfers: bool,
}

/// Decodes `account/apiRestrictions`, whose fields stand at the top level.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_key_rights(body: Body<'_>) -> Result<KeyRights, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::KeyRights<'_> = root.object()?;
    // Where there is a code, it must be the good one.
    if root.key("code", wire.code).optional().is_some() {
        accepted(&root)?;
    }
    Ok(KeyRights {
        ip_bound: root.key("ipRestrict", wire.ip_restrict).flag()?,
        reads: root.key("enableReading", wire.enable_reading).flag()?,
        trades: root.key("enableFutures", wire.enable_futures).flag()?,
        transfers: root.key("permitsUniversalTransfer", wire.permits_universal_transfer).flag()?,
    })
}
