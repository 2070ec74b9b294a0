//! Leverage, margin mode and isolated margin, by the rules of the profile.

use evenkeel_exchange::{ErrorKind, Operation, Result};
use evenkeel_margin::initial_margin;
use evenkeel_types::{
    Leverage, LowerIsolated, MarginAdjustment, MarginMode, MarginModeScope, MarginModes, PositionMode,
    PositionSide, Round, Side, Symbol, Usd,
};

use crate::refusal::{Outcome, refused};
use crate::state::{Held, Leg, State, money};
use crate::truth::Cause;
use crate::world::{World, Write};

impl World {
    /// Sets the leverage of both sides. See [`Trade::set_leverage`](evenkeel_exchange::Trade::set_leverage).
    ///
    /// # Errors
    /// [`ErrorKind::LeverageRefused`], [`ErrorKind::InsufficientMargin`], [`ErrorKind::NotFound`], or injected ones.
    pub fn set_leverage(&mut self, symbol: &Symbol, leverage: Leverage) -> Result<()> {
        self.write(Write::Leverage(symbol.clone(), None, leverage)).map(drop)
    }

    /// Sets the leverage of one side: `Buy` for longs. Where the venue has no sides it sets both.
    ///
    /// # Errors
    /// As [`World::set_leverage`].
    pub fn set_leverage_of(&mut self, symbol: &Symbol, side: Side, leverage: Leverage) -> Result<()> {
        self.write(Write::Leverage(symbol.clone(), Some(side), leverage)).map(drop)
    }

    /// See [`Trade::set_margin_mode`](evenkeel_exchange::Trade::set_margin_mode).
    ///
    /// # Errors
    /// [`ErrorKind::NotSupported`] where the venue has no mode per symbol, [`ErrorKind::LeverageRefused`],
    /// [`ErrorKind::InsufficientMargin`], or injected ones.
    pub fn set_margin_mode(&mut self, symbol: &Symbol, mode: MarginMode) -> Result<()> {
        self.write(Write::Mode(symbol.clone(), mode)).map(drop)
    }

    /// Moves margin into (above zero) or out of the bucket of the symbol's isolated position; of its longer-standing
    /// leg, the long one, when both are held.
    ///
    /// # Errors
    /// [`ErrorKind::NotSupported`], [`ErrorKind::Rejected`] without an isolated position,
    /// [`ErrorKind::InsufficientMargin`], or injected ones.
    pub fn adjust_margin(&mut self, symbol: &Symbol, delta: Usd) -> Result<()> {
        let leg = [PositionSide::Net, PositionSide::Long, PositionSide::Short]
            .into_iter()
            .find(|side| self.state.held.contains_key(&(symbol.clone(), *side)))
            .unwrap_or(PositionSide::Net);
        self.write(Write::Margin(symbol.clone(), leg, delta)).map(drop)
    }

    /// As [`World::adjust_margin`], of one leg.
    ///
    /// # Errors
    /// As [`World::adjust_margin`].
    pub fn adjust_margin_of(&mut self, symbol: &Symbol, leg: PositionSide, delta: Usd) -> Result<()> {
        self.write(Write::Margin(symbol.clone(), leg, delta)).map(drop)
    }

    /// Sets the margin mode of the whole account, where the venue has one for all symbols
    /// ([`MarginModeScope::Account`]); the tester's hand. Held positions get buckets of `N / L`, or give them back.
    ///
    /// # Errors
    /// [`ErrorKind::NotSupported`] where modes belong to symbols, [`ErrorKind::LeverageRefused`] with open orders,
    /// [`ErrorKind::InsufficientMargin`].
    pub fn set_account_mode(&mut self, mode: MarginMode) -> Result<()> {
        let done = self.change_account_mode(mode);
        done.map_err(|refusal| refusal.into_error(self.venue.clone(), Operation::SetMarginMode))
    }

    fn change_account_mode(&mut self, mode: MarginMode) -> Outcome<()> {
        if self.profile.capabilities.margin_mode_scope != MarginModeScope::Account {
            return refused(ErrorKind::NotSupported, "the margin mode belongs to symbols");
        }
        if !self.state.book.is_empty() && self.profile.capabilities.orders_block_mode {
            return refused(ErrorKind::LeverageRefused, "open orders block a change of margin mode");
        }
        let mut next = self.state.clone();
        let changed: Vec<Symbol> =
            next.markets.iter().filter(|(_, market)| market.mode != mode).map(|(s, _)| s.clone()).collect();
        for symbol in changed {
            next.market_mut(&symbol)?.mode = mode;
            let legs: Vec<Leg> = next.held.keys().filter(|leg| leg.0 == symbol).cloned().collect();
            for leg in legs {
                switch(&mut next, &leg, mode)?;
            }
        }
        for pool in self.state.pools.keys() {
            let (before, after) = (self.state.free(pool)?, next.free(pool)?);
            if after.is_negative() && after < before {
                return refused(ErrorKind::InsufficientMargin, "not enough free margin for the buckets");
            }
        }
        self.commit(next, Cause::Write(Operation::SetMarginMode));
        self.liquidate();
        Ok(())
    }

    /// Switches between one-way and hedge mode; the tester's hand.
    ///
    /// # Errors
    /// [`ErrorKind::NotSupported`] where the venue has no hedge mode, [`ErrorKind::Rejected`] with positions or open
    /// orders.
    pub fn set_position_mode(&mut self, mode: PositionMode) -> Result<()> {
        let refusal = if mode == self.position_mode {
            None
        } else if !self.profile.capabilities.hedge_mode {
            Some((ErrorKind::NotSupported, "the venue has no hedge mode"))
        } else if !self.state.book.is_empty() {
            Some((ErrorKind::Rejected, "open orders block a change of position mode"))
        } else if !self.state.held.is_empty() {
            Some((ErrorKind::Rejected, "a position blocks a change of position mode"))
        } else {
            None
        };
        if let Some((kind, why)) = refusal {
            let refusal = crate::refusal::Refusal::new(kind, why);
            return Err(refusal.into_error(self.venue.clone(), Operation::SetMarginMode));
        }
        self.position_mode = mode;
        self.note(format_args!("position mode {mode:?}"));
        Ok(())
    }

    pub(crate) fn change_leverage(
        &mut self,
        symbol: &Symbol,
        side: Option<Side>,
        leverage: Leverage,
    ) -> Outcome<()> {
        let instrument = self.state.instrument(symbol)?;
        let market = self.state.market(symbol)?;
        if leverage > instrument.max_leverage() || !leverage.fits(instrument.leverage_step) {
            let max = instrument.max_leverage();
            return refused(ErrorKind::LeverageRefused, format!("leverage must be in 1 to {max}, in steps"));
        }
        let sides = side.filter(|_| self.profile.capabilities.per_side_leverage);
        let long = if sides == Some(Side::Sell) { market.long } else { leverage };
        let short = if sides == Some(Side::Buy) { market.short } else { leverage };
        if (long, short) == (market.long, market.short) {
            return Ok(());
        }
        if self.profile.capabilities.orders_block_leverage && self.state.has_orders(symbol) {
            return refused(ErrorKind::LeverageRefused, "open orders block a change of leverage");
        }
        let mut next = self.state.clone();
        let market = next.market_mut(symbol)?;
        (market.long, market.short) = (long, short);
        for (leg, held) in self.state.held.iter().filter(|(leg, _)| leg.0 == *symbol) {
            self.releverage(&mut next, leg, held, if held.qty.is_negative() { short } else { long })?;
        }
        let pool = next.pool_of(symbol)?;
        // Margin of positions and orders at the new leverage; raising it never needs more.
        let (before, after) = (self.state.free(&pool)?, next.free(&pool)?);
        if after.is_negative() && after < before {
            return refused(ErrorKind::InsufficientMargin, "not enough free margin to lower the leverage");
        }
        self.commit(next, Cause::Write(evenkeel_exchange::Operation::SetLeverage));
        self.liquidate();
        Ok(())
    }

    /// What a new leverage does to one held leg.
    fn releverage(&self, next: &mut State, leg: &Leg, held: &Held, leverage: Leverage) -> Outcome<()> {
        let rules = &self.profile.capabilities;
        let present = self.state.market(&leg.0)?.leverage(held.qty);
        let notional = self.state.notional(leg)?;
        if self.state.instrument(&leg.0)?.tiers.at(notional).max_leverage < leverage {
            return refused(ErrorKind::LeverageRefused, "above what the position's tier allows");
        }
        if leverage == present {
            return Ok(());
        }
        let raises = leverage > present;
        let Some(equity) = self.state.bucket_equity(leg, held)? else {
            let allowed =
                if raises { rules.raise_with_position.cross } else { rules.lower_cross_with_position };
            return if allowed { Ok(()) } else { refused(ErrorKind::LeverageRefused, "a position is held") };
        };
        let needed = initial_margin(notional, leverage)?;
        if raises {
            if !rules.raise_with_position.isolated {
                return refused(ErrorKind::LeverageRefused, "a position is held");
            }
            if self.profile.raising_releases_margin {
                // What the lower requirement frees, as far as the bucket has it above the new one.
                let freed = initial_margin(notional, present)?.minus(needed)?;
                let spare = equity.minus(needed)?.max(Usd::ZERO);
                return move_margin(next, leg, money(freed.min(spare), Round::Down)?.negated());
            }
            return Ok(());
        }
        let missing = money(needed.minus(equity)?.max(Usd::ZERO), Round::Up)?;
        match rules.lower_isolated {
            LowerIsolated::AfterTopUp if missing.is_zero() => Ok(()),
            LowerIsolated::AfterTopUp => {
                refused(ErrorKind::InsufficientMargin, "add margin to the position first")
            }
            LowerIsolated::Remargins | LowerIsolated::NeedsFree => {
                let free = self.state.free(&self.state.pool_of(&leg.0)?)?;
                if missing > free.max(Usd::ZERO) {
                    return refused(ErrorKind::InsufficientMargin, "not enough free margin for the position");
                }
                move_margin(next, leg, missing)
            }
            _ => refused(ErrorKind::LeverageRefused, "leverage of an isolated position cannot be lowered"),
        }
    }

    pub(crate) fn change_mode(&mut self, symbol: &Symbol, mode: MarginMode) -> Outcome<()> {
        let rules = &self.profile.capabilities;
        if rules.margin_mode_scope != MarginModeScope::Symbol {
            return refused(ErrorKind::NotSupported, "the margin mode is not set per symbol");
        }
        let market = self.state.market(symbol)?;
        if market.mode == mode {
            return Ok(());
        }
        if !self.state.instrument(symbol)?.margin_modes.allows(mode) {
            return refused(ErrorKind::LeverageRefused, "the instrument does not have this margin mode");
        }
        if rules.orders_block_mode && self.state.has_orders(symbol) {
            return refused(ErrorKind::LeverageRefused, "open orders block a change of margin mode");
        }
        if self.state.is_held(symbol) && !rules.switch_mode_with_position {
            return refused(ErrorKind::LeverageRefused, "a position blocks a change of margin mode");
        }
        let mut next = self.state.clone();
        next.market_mut(symbol)?.mode = mode;
        let pool = next.pool_of(symbol)?;
        let legs: Vec<Leg> = next.held.keys().filter(|leg| leg.0 == *symbol).cloned().collect();
        for leg in legs {
            switch(&mut next, &leg, mode)?;
        }
        let (before, after) = (self.state.free(&pool)?, next.free(&pool)?);
        if after.is_negative() && after < before {
            return refused(ErrorKind::InsufficientMargin, "not enough free margin for a bucket");
        }
        self.commit(next, Cause::Write(evenkeel_exchange::Operation::SetMarginMode));
        self.liquidate();
        Ok(())
    }

    pub(crate) fn change_margin(&mut self, symbol: &Symbol, leg: PositionSide, delta: Usd) -> Outcome<()> {
        let adds = delta.is_positive();
        match self.profile.capabilities.margin_adjustment {
            MarginAdjustment::Both => {}
            MarginAdjustment::AddOnly if adds => {}
            _ => return refused(ErrorKind::NotSupported, "margin cannot be moved this way"),
        }
        let leg = (symbol.clone(), leg);
        let instrument = self.state.instrument(symbol)?;
        let held = self.state.held.get(&leg);
        let Some((held, equity)) =
            held.and_then(|held| Some((held, self.state.bucket_equity(&leg, held).transpose()?)))
        else {
            return refused(ErrorKind::Rejected, "there is no isolated position");
        };
        if delta.is_zero() {
            return refused(ErrorKind::Invalid, "nothing to move");
        }
        if adds {
            if delta > self.state.free(&instrument.pool)? {
                return refused(ErrorKind::InsufficientMargin, "not enough free margin");
            }
        } else {
            if instrument.margin_modes == MarginModes::StrictIsolated {
                return refused(ErrorKind::Rejected, "margin of this instrument cannot be taken out");
            }
            let notional = self.state.notional(&leg)?;
            let initial = initial_margin(notional, self.state.market(symbol)?.leverage(held.qty))?;
            let floor = initial.max(self.profile.removal_floor.of(notional)?);
            if equity?.plus(delta)? < floor {
                return refused(ErrorKind::InsufficientMargin, format!("{floor} must stay in the bucket"));
            }
        }
        let mut next = self.state.clone();
        move_margin(&mut next, &leg, delta)?;
        crate::time::check(&next)?;
        self.commit(next, Cause::Write(evenkeel_exchange::Operation::AdjustMargin));
        self.liquidate();
        Ok(())
    }
}

/// Moves cash from the pool into the bucket, or back (below zero).
fn move_margin(next: &mut State, leg: &Leg, amount: Usd) -> Outcome<()> {
    let pool = next.pool_of(&leg.0)?;
    if let Some(held) = next.held.get_mut(leg)
        && let Some(cash) = held.bucket
    {
        held.bucket = Some(cash.plus(amount)?);
        next.credit(&pool, amount.negated())?;
    }
    Ok(())
}

/// Gives a position a bucket of `N / L`, or its bucket back to the pool.
fn switch(next: &mut State, leg: &Leg, mode: MarginMode) -> Outcome<()> {
    match mode {
        MarginMode::Isolated => {
            let leverage = next.market(&leg.0)?.leverage(next.qty(leg));
            let margin = money(initial_margin(next.notional(leg)?, leverage)?, Round::Up)?;
            // The bucket's equity is to be `margin`: its unrealised profit moves with the position.
            let profit = next.held.get(leg).map(|held| next.unrealised(leg, held)).transpose()?;
            if let Some(held) = next.held.get_mut(leg) {
                held.bucket = Some(Usd::ZERO);
            }
            move_margin(next, leg, margin.minus(profit.unwrap_or(Usd::ZERO))?)
        }
        MarginMode::Cross => {
            let cash = next.held.get(leg).and_then(|held| held.bucket).unwrap_or(Usd::ZERO);
            move_margin(next, leg, cash.negated())?;
            if let Some(held) = next.held.get_mut(leg) {
                held.bucket = None;
            }
            Ok(())
        }
    }
}
