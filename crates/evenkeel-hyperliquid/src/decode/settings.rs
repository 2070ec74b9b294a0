//! `activeAssetData`: the leverage setting of a coin, held or flat, and the margin that can be traded with.

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document};
use evenkeel_types::{Leverage, LeverageSetting, MarginMode, Price, Symbol, Timestamp, Usd};

use super::Body;
use crate::wire;

/// What the venue says of one coin for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActiveAsset {
    /// Which coin.
    pub symbol: Symbol,
    /// Its leverage setting.
    pub leverage: Leverage,
    /// Its margin mode.
    pub mode: MarginMode,
    /// Margin that a buy and a sell could use now. On the side that closes a position it contains twice the
    /// position's margin, so that the smaller of the two is what is free.
    pub available: [Usd; 2],
    /// Mark price, where the answer has it.
    pub mark: Option<Price>,
}

impl ActiveAsset {
    /// Free margin of the pool that the coin draws on.
    #[must_use]
    pub fn free(&self) -> Usd {
        let [buy, sell] = self.available;
        buy.min(sell)
    }

    /// The setting, read at a moment of the venue's clock: the answer has no time of its own.
    #[must_use]
    pub fn setting(&self, read_at: Timestamp) -> LeverageSetting {
        LeverageSetting::both(self.symbol.clone(), self.leverage, self.mode, read_at)
    }
}

/// Decodes `activeAssetData`.
///
/// # Errors
/// [`DecodeError`] naming the field; an answer about another coin than `symbol` is refused.
pub fn decode_active_asset_data(body: Body<'_>, symbol: &Symbol) -> Result<ActiveAsset, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::ActiveAssetData<'_> = root.object()?;
    let coin = root.key("coin", wire.coin);
    let found = coin.symbol()?;
    if found != *symbol {
        let problem = format!("an answer about {found}, asked was {symbol}");
        return Err(coin.error(DecodeErrorKind::Inconsistent, &problem, "read it again"));
    }
    let (mode, leverage, _) = super::account::leverage(&root.key("leverage", wire.leverage))?;
    let available = root.key("availableToTrade", wire.available_to_trade);
    let rows = available.array()?;
    let (Some(&buy), Some(&sell), 2) = (rows.first(), rows.get(1), rows.len()) else {
        return Err(available.invalid("expected the pair [buy, sell]"));
    };
    let mark = root.key("markPx", wire.mark_px);
    Ok(ActiveAsset {
        symbol: found,
        leverage,
        mode,
        available: [available.index(0, Some(buy)).number()?, available.index(1, Some(sell)).number()?],
        mark: mark.optional().map(|node| node.number()).transpose()?,
    })
}
