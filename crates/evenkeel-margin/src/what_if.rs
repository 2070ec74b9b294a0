//! What-if: the account after trades, leverage changes and margin moves that have not happened.

use evenkeel_types::{Decimal, Exact, Leverage, LowerIsolated, PositionSide, Price, Qty, Rate, Symbol, Usd};

use crate::account::{Account, Backing, Holding, check_side};
use crate::error::MarginError;
use crate::figures::{initial_margin, unrealised_pnl};

/// A fill that is supposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// What.
    pub symbol: Symbol,
    /// Which leg; net in one-way mode.
    pub side: PositionSide,
    /// Signed change: above zero buys.
    pub qty: Qty,
    /// At which price.
    pub price: Price,
    /// Fee as a fraction of the traded value; below zero is a rebate.
    pub fee_rate: Rate,
}

/// What a trade cost and realised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeEffect {
    /// `|q| * price * fee_rate`.
    pub fee: Usd,
    /// Profit of the closed part against its entry, fee not deducted; zero for a pure opening, `None` where the
    /// entry is not known.
    pub realised_pnl: Option<Usd>,
}

impl<'a> Account<'a> {
    /// The account after a basket of trades, in the order given. See [`Account::apply`].
    ///
    /// # Errors
    /// The first error of [`Account::apply`].
    pub fn apply_trades<'t>(&self, trades: impl IntoIterator<Item = &'t Trade>) -> Result<Self, MarginError> {
        let mut after = self.clone();
        for trade in trades {
            after.apply(trade)?;
        }
        Ok(after)
    }

    /// Carries out one supposed trade at its price, valued at the mark.
    ///
    /// Account value changes by exactly `q * (mark - price) - fee`, always. What the pool lacks shows as free margin
    /// below zero; nothing is refused for want of it, so that a plan can be judged as a whole.
    ///
    /// - Cross: all of it goes to the pool.
    /// - Isolated, the part that opens: `q * price / L` moves from the pool to the bucket, at the present setting.
    /// - Isolated, the part that closes: its share of the bucket, corrected to the price of the trade, goes to the
    ///   pool. A loss beyond that share is taken from the rest of the bucket; where none is left it is charged to
    ///   the pool, although a venue's insurance may bear it.
    /// - A trade through zero is a close and then an open (one-way mode only). Fees are the pool's.
    ///
    /// Entries follow the venues: averaged over what opens, unchanged by what closes.
    ///
    /// # Errors
    /// [`MarginError::Unknown`] for a leg that the account does not have, [`MarginError::InvalidInput`] for a trade
    /// that takes a hedge leg through zero, [`MarginError::Number`]. The account is unchanged then.
    pub fn apply(&mut self, trade: &Trade) -> Result<TradeEffect, MarginError> {
        let unknown = || MarginError::Unknown { what: "position", name: trade.symbol.clone() };
        let index = self.index(&trade.symbol, trade.side).ok_or_else(unknown)?;
        let mut holding = self.holdings.get(index).ok_or_else(unknown)?.clone();
        let pool_index = self.pool_index(&holding.pool)?;
        let after = holding.qty.plus(trade.qty)?;
        check_side(holding.side, after)?;
        let closing = closing_part(holding.qty, trade.qty);
        let opening = trade.qty.minus(closing)?;

        let fee = trade.fee_rate.of(trade.price.value(trade.qty.abs())?)?;
        let mut gain = fee.negated();
        let mut realised_pnl = Some(Usd::ZERO);
        if !closing.is_zero() {
            realised_pnl = holding
                .entry
                .map(|entry| unrealised_pnl(closing.negated(), entry, trade.price))
                .transpose()?;
            gain = gain.plus(close(&mut holding, closing, trade.price)?)?;
        }
        if !opening.is_zero() {
            gain = gain.plus(open(&mut holding, opening, trade.price)?)?;
        }
        if let Some(pool) = self.pools.get_mut(pool_index) {
            pool.equity = pool.equity.plus(gain)?;
        }
        if let Some(place) = self.holdings.get_mut(index) {
            *place = holding;
        }
        Ok(TradeEffect { fee, realised_pnl })
    }

    /// Changes a leg's leverage setting. What it needs follows: for cross the initial margin, for a held isolated
    /// position whatever the venue's rule for lowering says. Raising moves nothing.
    ///
    /// # Errors
    /// [`MarginError::NotApplicable`] where the venue would refuse to lower an isolated position's leverage,
    /// [`MarginError::InvalidInput`] above the maximum at the position's notional, [`MarginError::Unknown`],
    /// [`MarginError::Number`]. The account is unchanged then.
    pub fn set_leverage(
        &mut self,
        symbol: &Symbol,
        side: PositionSide,
        leverage: Leverage,
        lowering: LowerIsolated,
    ) -> Result<(), MarginError> {
        let unknown = || MarginError::Unknown { what: "position", name: symbol.clone() };
        let index = self.index(symbol, side).ok_or_else(unknown)?;
        let mut holding = self.holdings.get(index).ok_or_else(unknown)?.clone();
        let notional = holding.notional()?;
        if leverage > holding.present_rules().tier_at(notional).max_leverage {
            return Err(MarginError::InvalidInput {
                what: "leverage",
                allowed: "at most the maximum at the position's notional",
            });
        }
        let mut needed = Usd::ZERO;
        if let Backing::Isolated { equity } = &mut holding.backing
            && leverage < holding.leverage
            && !holding.qty.is_zero()
        {
            let missing = initial_margin(notional, leverage)?.minus(*equity)?.max(Usd::ZERO);
            needed = match lowering {
                LowerIsolated::Remargins | LowerIsolated::NeedsFree => missing,
                LowerIsolated::AfterTopUp if missing.is_zero() => Usd::ZERO,
                LowerIsolated::AfterTopUp => {
                    return Err(MarginError::NotApplicable("a lower leverage before margin is added"));
                }
                _ => return Err(MarginError::NotApplicable("a lower leverage of a held isolated position")),
            };
            *equity = equity.plus(needed)?;
        }
        holding.leverage = leverage;
        self.take_from_pool(&holding, needed)?;
        if let Some(place) = self.holdings.get_mut(index) {
            *place = holding;
        }
        Ok(())
    }

    /// Moves margin from the pool into an isolated bucket; below zero takes it out.
    ///
    /// # Errors
    /// [`MarginError::NotApplicable`] for a position without bucket, [`MarginError::Unknown`],
    /// [`MarginError::Number`]. The account is unchanged then.
    pub fn add_margin(
        &mut self,
        symbol: &Symbol,
        side: PositionSide,
        amount: Usd,
    ) -> Result<(), MarginError> {
        let unknown = || MarginError::Unknown { what: "position", name: symbol.clone() };
        let index = self.index(symbol, side).ok_or_else(unknown)?;
        let mut holding = self.holdings.get(index).ok_or_else(unknown)?.clone();
        match &mut holding.backing {
            Backing::Isolated { equity } if !holding.qty.is_zero() => *equity = equity.plus(amount)?,
            _ => return Err(MarginError::NotApplicable("margin of a position that has no bucket")),
        }
        self.take_from_pool(&holding, amount)?;
        if let Some(place) = self.holdings.get_mut(index) {
            *place = holding;
        }
        Ok(())
    }

    fn take_from_pool(&mut self, holding: &Holding<'a>, amount: Usd) -> Result<(), MarginError> {
        let index = self.pool_index(&holding.pool)?;
        if let Some(pool) = self.pools.get_mut(index) {
            pool.equity = pool.equity.minus(amount)?;
        }
        Ok(())
    }
}

/// What of a trade brings the position nearer to zero; signed like the trade.
fn closing_part(held: Qty, trade: Qty) -> Qty {
    if held.is_zero() || held.is_negative() == trade.is_negative() {
        Qty::ZERO
    } else if trade.abs() <= held.abs() {
        trade
    } else {
        held.negated()
    }
}

/// Closes a part; returns what the pool gains.
fn close(holding: &mut Holding<'_>, closing: Qty, price: Price) -> Result<Usd, MarginError> {
    // Sold above the mark, or bought below it, is a gain against the valuation.
    let better = holding.mark.value(closing)?.minus(price.value(closing)?)?;
    let rest = holding.qty.plus(closing)?;
    let gain = match &mut holding.backing {
        Backing::Cross => better,
        Backing::Isolated { equity } if rest.is_zero() => {
            let all = equity.plus(better)?;
            *equity = Usd::ZERO;
            all
        }
        Backing::Isolated { equity } => {
            // `rest` over `held` and not the closed share: what stays must not depend on what was rounded away.
            let kept = equity.times(rest.get().over(holding.qty.get())?)?;
            let released = equity.minus(kept)?.plus(better)?;
            let from_rest = released.min(Usd::ZERO);
            *equity = kept.plus(from_rest)?;
            released.max(Usd::ZERO)
        }
    };
    holding.qty = rest;
    if rest.is_zero() {
        holding.entry = None;
        holding.fixed_tier = None;
    }
    Ok(gain)
}

/// Opens or adds; returns what the pool gains.
fn open(holding: &mut Holding<'_>, opening: Qty, price: Price) -> Result<Usd, MarginError> {
    let after = holding.qty.plus(opening)?;
    let better = holding.mark.value(opening)?.minus(price.value(opening)?)?;
    let gain = match &mut holding.backing {
        Backing::Cross => better,
        Backing::Isolated { equity } => {
            let margin = initial_margin(price.value(opening)?, holding.leverage)?;
            *equity = equity.plus(margin)?.plus(better)?;
            margin.negated()
        }
    };
    holding.entry = if holding.qty.is_zero() {
        Some(price)
    } else {
        holding.entry.map(|entry| average(entry, holding.qty, price, opening, after)).transpose()?
    };
    holding.qty = after;
    Ok(gain)
}

fn average(entry: Price, held: Qty, price: Price, added: Qty, after: Qty) -> Result<Price, MarginError> {
    let cost: Decimal = entry.get().times(held.get())?.plus(price.get().times(added.get())?)?;
    Ok(Price::new(cost.over(after.get())?)?)
}
