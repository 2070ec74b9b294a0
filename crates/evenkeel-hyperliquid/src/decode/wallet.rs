//! `userAbstraction`, `spotClearinghouseState` and `userFees`.

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Node};
use evenkeel_types::{Decimal, Exact as _, FeeRates, Qty, Rate};

use super::Body;
use crate::wire;

/// Where an account's money is. Nothing about a balance can be believed before this is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Abstraction {
    /// `default`, `disabled`: perpetual and spot wallets are separate, and so is each dex.
    Standard,
    /// `unifiedAccount`: one balance per token backs spot and every dex; it is in the spot answer.
    Unified,
    /// `portfolioMargin`: several tokens back everything, with borrowing. Refused.
    PortfolioMargin,
    /// `dexAbstraction`: discontinued by the venue. Refused.
    DexAbstraction,
}

/// Decodes `userAbstraction`, a bare JSON text.
///
/// # Errors
/// [`DecodeError`] for anything but the known modes.
pub fn decode_user_abstraction(body: Body<'_>) -> Result<Abstraction, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    match root.string()?.as_str() {
        "default" | "disabled" => Ok(Abstraction::Standard),
        "unifiedAccount" => Ok(Abstraction::Unified),
        "portfolioMargin" => Ok(Abstraction::PortfolioMargin),
        "dexAbstraction" => Ok(Abstraction::DexAbstraction),
        other => Err(root.error(
            DecodeErrorKind::Unsupported,
            &format!(
                "unknown account mode {}, so it is not known where the money is",
                evenkeel_http::cut(other)
            ),
            "set the account to the standard mode (`disabled`) at the venue",
        )),
    }
}

/// One token balance of the spot wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpotBalance {
    /// The token's name as the venue gives it.
    pub coin: String,
    /// The token's index, where it has one.
    pub token: Option<u32>,
    /// All of it, in tokens.
    pub total: Qty,
    /// The part that is reserved: by spot orders, and in a unified account also by perpetuals.
    pub hold: Qty,
}

impl SpotBalance {
    /// A balance of nothing.
    pub(super) fn nothing(token: u32) -> Self {
        Self { coin: String::new(), token: Some(token), total: Qty::ZERO, hold: Qty::ZERO }
    }
}

/// Decodes `spotClearinghouseState`.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_spot_clearinghouse_state(body: Body<'_>) -> Result<Vec<SpotBalance>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::SpotClearinghouseState<'_> = root.object()?;
    let rows = root.key("balances", wire.balances);
    let balance = |(index, raw)| {
        let row = rows.index(index, Some(raw));
        let wire: wire::SpotBalance<'_> = row.object()?;
        Ok(SpotBalance {
            coin: row.key("coin", wire.coin).string()?,
            token: row.key("token", wire.token).optional().map(|node| node.small()).transpose()?,
            total: row.key("total", wire.total).number()?,
            hold: row.key("hold", wire.hold).number()?,
        })
    };
    rows.array()?.into_iter().enumerate().map(balance).collect()
}

/// The documented fee rates of an account without volume on the validator-operated dex: taker 0.045 %, maker
/// 0.015 % (state of 2026-08-22). An account with volume or staked tokens pays less.
#[must_use]
pub fn base_fees() -> FeeRates {
    // Literals within a rate's range; the fallback cannot be reached.
    let rate = |points: i64| Rate::new(Decimal::new(points, 5)).unwrap_or(Rate::ZERO);
    FeeRates { maker: rate(15), taker: rate(45) }
}

/// Decodes the account's own rates from `userFees`: `userAddRate` and `userCrossRate` with the referral
/// discount taken off where the rate is a cost. They hold for the validator-operated dex.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_user_fees(body: Body<'_>) -> Result<FeeRates, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::UserFees<'_> = root.object()?;
    let node = root.key("activeReferralDiscount", wire.active_referral_discount);
    // Absent in partial recordings; without a discount the fees come out higher, never lower.
    let kept = match node.optional() {
        None => Decimal::ONE,
        Some(node) => {
            let discount: Rate = node.number()?;
            if discount < Rate::ZERO {
                return Err(node.invalid(&format!("a discount must not be negative, not {discount}")));
            }
            node.computed(Decimal::ONE.minus(discount.get()))?
        }
    };
    let rate = |node: Node<'_, '_>| {
        let rate: Rate = node.number()?;
        if rate > Rate::ZERO { node.computed(rate.get().times(kept).and_then(Rate::new)) } else { Ok(rate) }
    };
    Ok(FeeRates {
        maker: rate(root.key("userAddRate", wire.user_add_rate))?,
        taker: rate(root.key("userCrossRate", wire.user_cross_rate))?,
    })
}
