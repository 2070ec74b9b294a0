//! Formulas as venues publish them, by the venues' own inputs. What is general is in the crate's root; here is what
//! is needed to reproduce a printed figure, each with the page it mirrors.

use evenkeel_types::{Decimal, Exact, Leverage, MarginTier, Price, Qty, Rate, Usd};

use crate::error::MarginError;
use crate::figures::{initial_margin, positive};

/// The cash leg from a wallet and entry prices: `wallet + others' unrealised profit - sum of q * entry`.
///
/// Mirrors the numerator of Binance's liquidation formula (FAQ b3c689c1f50a44cabb3a84e663b81d93): subtract the
/// maintenance margin of other contracts (`TMM1`) and pass the result to
/// [`liquidation_price`](crate::liquidation_price) (one-way, isolated) or [`safe_range`](crate::safe_range) (hedge).
/// For isolated positions, `wallet` is the bucket's (`isolatedWallet`; BingX: fixed margin) and there are no others.
///
/// # Errors
/// [`MarginError::Number`].
pub fn entry_cash(
    wallet: Usd,
    others_unrealised: Usd,
    legs: impl IntoIterator<Item = (Qty, Price)>,
) -> Result<Usd, MarginError> {
    let mut cash = wallet.plus(others_unrealised)?;
    for (qty, entry) in legs {
        cash = cash.minus(entry.value(qty)?)?;
    }
    Ok(cash)
}

/// An isolated position by the figures at its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtEntry {
    /// Signed size.
    pub qty: Qty,
    /// Average entry price.
    pub entry: Price,
    /// The leverage setting.
    pub leverage: Leverage,
    /// The tier that applies.
    pub tier: MarginTier,
    /// Margin added by hand, less what was taken (funding paid from it counts as taken).
    pub extra: Usd,
}

impl AtEntry {
    /// `Q * E / L`.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn initial_margin(&self) -> Result<Usd, MarginError> {
        initial_margin(self.entry.value(self.qty)?, self.leverage)
    }

    /// `Q * E * MMR - deduction`.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn maintenance_margin(&self) -> Result<Usd, MarginError> {
        let value = self.entry.value(self.qty.abs())?;
        Ok(self.tier.maintenance_rate.of(value)?.minus(self.tier.deduction)?)
    }

    /// Bankruptcy price `E * (1 - 1/L)` of a long, `E * (1 + 1/L)` of a short; `None` for a long at 1x.
    ///
    /// Mirrors Bybit's help page *Bankruptcy Price (USDT Contract)*; extra margin is not part of it.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn bankruptcy_price(&self) -> Result<Option<Price>, MarginError> {
        Ok(positive(self.bankruptcy()?))
    }

    /// Entry-based liquidation price: `E - (IM - MM) / Q - extra / Q` of a long, `+` for a short, with
    /// maintenance at the entry price.
    ///
    /// Mirrors Bybit's help page *Liquidation Price (USDT Contract)*. `None` at or below zero, and when flat.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn entry_based_liquidation(&self) -> Result<Option<Price>, MarginError> {
        if self.qty.is_zero() {
            return Ok(None);
        }
        let buffer = self.initial_margin()?.minus(self.maintenance_margin()?)?.plus(self.extra)?;
        // Divided by the signed size: the buffer is below a long's entry and above a short's.
        Ok(positive(self.entry.get().minus(buffer.get().over(self.qty.get())?)?))
    }

    /// Mark-based liquidation price, with maintenance at the liquidation price itself:
    /// long `(E*Q*(1 - 1/L) - deduction - extra / (1 - fee)) / (Q*(1 - MMR))`,
    /// short `(E*Q*(1 + 1/L) + deduction + extra / (1 + fee)) / (Q*(1 + MMR))`.
    ///
    /// Mirrors what Bybit's *The New Margin Calculation* (2025-09-02) implies by analogy with the published inverse
    /// formula; Bybit prints no example for USDT contracts. `None` at or below zero, and when flat.
    ///
    /// # Errors
    /// [`MarginError::Number`], also for a rate of 100 %, which no price satisfies.
    pub fn mark_based_liquidation(&self, taker_fee: Rate) -> Result<Option<Price>, MarginError> {
        if self.qty.is_zero() {
            return Ok(None);
        }
        let side = if self.qty.is_negative() { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
        let one_less = |rate: Rate| Decimal::ONE.minus(side.times(rate.get())?);
        let extra = self.extra.get().over(one_less(taker_fee)?)?;
        let credit = self.tier.deduction.get().plus(extra)?;
        let size = self.qty.abs().get();
        let value = self.bankruptcy()?.times(size)?.minus(side.times(credit)?)?;
        Ok(positive(value.over(size.times(one_less(self.tier.maintenance_rate)?)?)?))
    }

    /// The nearer of the two, for planning: the higher one of a long, the lower one of a short.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn careful_liquidation(&self, taker_fee: Rate) -> Result<Option<Price>, MarginError> {
        let pair = (self.entry_based_liquidation()?, self.mark_based_liquidation(taker_fee)?);
        let (Some(a), Some(b)) = pair else { return Ok(pair.0.or(pair.1)) };
        Ok(Some(if self.qty.is_negative() { a.min(b) } else { a.max(b) }))
    }

    /// The fee reserved for closing, `Q * bankruptcy price * fee`: part of the initial and of the maintenance margin
    /// that Bybit reports.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn close_fee(&self, taker_fee: Rate) -> Result<Usd, MarginError> {
        Ok(Usd::new(self.bankruptcy()?.times(self.qty.abs().get())?.times(taker_fee.get())?)?)
    }

    /// What an order for this position takes from the available balance: initial margin, opening fee, closing fee.
    ///
    /// Mirrors Bybit's help page *Order Cost (USDT Contract)*.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn order_cost(&self, taker_fee: Rate) -> Result<Usd, MarginError> {
        let open_fee = taker_fee.of(self.entry.value(self.qty.abs())?)?;
        Ok(self.initial_margin()?.plus(open_fee)?.plus(self.close_fee(taker_fee)?)?)
    }

    fn bankruptcy(&self) -> Result<Decimal, MarginError> {
        let part = self.entry.get().over(self.leverage.get())?;
        Ok(if self.qty.is_negative() {
            self.entry.get().plus(part)?
        } else {
            self.entry.get().minus(part)?
        })
    }
}

/// What must remain when margin is taken away other than by trading: `max(initial margin, 0.1 * notional)`.
///
/// Mirrors Hyperliquid's *Margining* page, for withdrawals and transfers from the cross pool and for margin removed
/// from a bucket (there with the position's own figures).
///
/// # Errors
/// [`MarginError::Number`].
pub fn transfer_margin_required(initial_margin: Usd, notional: Usd) -> Result<Usd, MarginError> {
    Ok(initial_margin.max(notional.abs().times(Decimal::new(1, 1))?))
}

/// What can be withdrawn: equity less [`transfer_margin_required`], not below zero.
///
/// # Errors
/// [`MarginError::Number`].
pub fn withdrawable(equity: Usd, initial_margin: Usd, notional: Usd) -> Result<Usd, MarginError> {
    Ok(equity.minus(transfer_margin_required(initial_margin, notional)?)?.max(Usd::ZERO))
}
