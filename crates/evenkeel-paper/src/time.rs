//! Virtual time, and what happens in it without us.

use std::time::Duration;

use evenkeel_exchange::{ErrorKind, FundingPayment, Operation};
use evenkeel_types::{
    Decimal, Exact, Leverage, MarginMode, NumberError, PoolId, PositionMode, PositionSide, Price, PriceRule,
    Qty, Quote, Rate, Round, Side, Symbol, Timestamp, Usd,
};

use crate::refusal::{Outcome, Refusal};
use crate::state::State;
use crate::truth::Cause;
use crate::world::{World, Write};

/// How many events one advance handles; what is left over happens at the next one. More than a year of hourly funding
/// of one symbol, and a bound that keeps a sleep of centuries from hanging.
const MAX_EVENTS: usize = 10_000;

/// How an order that can trade at once finds its price. Buys are meant below; sells are the mirror image. An order
/// whose limit is below the price to beat does not trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Execution {
    /// At its limit: the worst that can happen.
    AtLimit,
    /// At the mark price, whatever the book says.
    AtMark,
    /// This fraction above the best ask (or the mark, without a book), but never above the limit.
    Slippage(Rate),
    /// A fraction between zero and this one above, drawn from the seed, but never above the limit.
    RandomSlippage(Rate),
}

/// Something that happens without our doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A new mark price; bid and ask keep their distance.
    Mark {
        /// Of which symbol.
        symbol: Symbol,
        /// The price.
        price: Price,
    },
    /// The mark price moves by a fraction of itself.
    Move {
        /// Of which symbol.
        symbol: Symbol,
        /// 0.1 is 10 % up.
        by: Rate,
    },
    /// Somebody else trades on this account, at the mark and without asking for margin.
    ForeignTrade {
        /// What.
        symbol: Symbol,
        /// Signed size; in hedge mode it goes to the long leg when it is above zero, else to the short one.
        qty: Qty,
    },
    /// Somebody else changes a leverage setting, as the venue allows it.
    ForeignLeverage {
        /// Of which symbol.
        symbol: Symbol,
        /// To this.
        leverage: Leverage,
    },
    /// Somebody else changes a margin mode, as the venue allows it.
    ForeignMode {
        /// Of which symbol.
        symbol: Symbol,
        /// To this.
        mode: MarginMode,
    },
    /// Money arrives, or leaves (below zero).
    Deposit {
        /// In which pool.
        pool: PoolId,
        /// How much.
        amount: Usd,
    },
}

/// What is waiting for its time.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    Happens(Event),
    Funding(Symbol),
    /// An acknowledged order, by the number of its record.
    Execute(usize, crate::faults::Tweak),
    Write(Write),
    Walk {
        symbol: Symbol,
        every: Duration,
        step: Rate,
    },
}

impl World {
    /// Lets time pass: prices, funding, acknowledged and delayed orders happen when they are due, in that order of
    /// time.
    pub fn advance(&mut self, wait: Duration) {
        self.advance_to(self.now.after(wait));
    }

    /// Lets time pass until then; does nothing when that is over already.
    pub fn advance_to(&mut self, until: Timestamp) {
        for _ in 0..MAX_EVENTS {
            let Some(entry) = self.queue.first_entry() else { break };
            let at = entry.key().0;
            if at > until {
                break;
            }
            let due = entry.remove();
            self.now = self.now.max(at);
            self.come_due(due);
        }
        self.now = self.now.max(until);
    }

    /// Puts something on the calendar; at once if that time is over.
    pub fn schedule(&mut self, at: Timestamp, event: Event) {
        self.enqueue(at, Due::Happens(event));
        self.advance_to(self.now);
    }

    /// From now on the mark moves every so often by at most `step` up or down, drawn from the seed. Never ends, so it
    /// needs a period above zero.
    pub fn random_walk(&mut self, symbol: &Symbol, every: Duration, step: Rate) {
        if every >= Duration::from_millis(1) {
            let walk = Due::Walk { symbol: symbol.clone(), every, step };
            self.enqueue(self.now.after(every), walk);
        }
    }

    /// Sets a mark price; bid and ask keep their distance.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown symbol, [`ErrorKind::Invalid`] for what does not fit.
    pub fn set_mark(&mut self, symbol: &Symbol, price: Price) -> evenkeel_exchange::Result<()> {
        let quote = self.moved_quote(symbol, price).map_err(|refusal| self.by_hand(refusal))?;
        self.set_quote(symbol, quote)
    }

    /// Sets all prices of a symbol.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown symbol.
    pub fn set_quote(&mut self, symbol: &Symbol, quote: Quote) -> evenkeel_exchange::Result<()> {
        let mut next = self.state.clone();
        next.market_mut(symbol).map_err(|refusal| self.by_hand(refusal))?.quote = quote;
        // A price at which the account cannot be added up would make every later question fail.
        check(&next).map_err(|refusal| self.by_hand(refusal))?;
        self.note(format_args!("{symbol} at {}", quote.mark));
        self.commit(next, Cause::Price);
        self.after_prices();
        Ok(())
    }

    /// Sets the rate of the next fundings; positive: longs pay.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown symbol.
    pub fn set_funding(&mut self, symbol: &Symbol, rate: Rate) -> evenkeel_exchange::Result<()> {
        let found = self.state.market_mut(symbol).map(|market| market.funding = rate);
        found.map_err(|refusal| self.by_hand(refusal))
    }

    /// Sets how much one order of a symbol can trade at once; `None` is all of it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown symbol.
    pub fn set_depth(&mut self, symbol: &Symbol, depth: Option<Qty>) -> evenkeel_exchange::Result<()> {
        let found = self.state.market_mut(symbol).map(|market| market.depth = depth);
        found.map_err(|refusal| self.by_hand(refusal))
    }

    fn by_hand(&self, refusal: Refusal) -> evenkeel_exchange::Error {
        refusal.into_error(self.venue.clone(), Operation::Snapshot)
    }

    fn come_due(&mut self, due: Due) {
        match due {
            Due::Happens(event) => self.happen(event),
            Due::Funding(symbol) => self.fund(&symbol),
            Due::Execute(record, tweak) => self.execute_acknowledged(record, tweak),
            Due::Write(write) => {
                let done = self.carry_out(&write);
                self.note(format_args!("late {write:?}: {}", if done.is_ok() { "ok" } else { "refused" }));
            }
            Due::Walk { symbol, every, step } => {
                if let Ok(price) = self.walked(&symbol, step) {
                    // A walk into a price that does not fit stays where it is.
                    let _stays = self.set_mark(&symbol, price);
                }
                self.enqueue(self.now.after(every), Due::Walk { symbol, every, step });
            }
        }
    }

    /// Makes something happen now. What cannot happen (a symbol that does not exist, a refused change) does not; the
    /// trace says so.
    pub fn happen(&mut self, event: Event) {
        let text = format!("{event:?}");
        let done = match event {
            Event::Mark { symbol, price } => self.set_mark(&symbol, price).is_ok(),
            Event::Move { symbol, by } => {
                self.moved_mark(&symbol, by).is_ok_and(|price| self.set_mark(&symbol, price).is_ok())
            }
            Event::ForeignTrade { symbol, qty } => self.foreign_trade(&symbol, qty).is_ok(),
            Event::ForeignLeverage { symbol, leverage } => {
                self.as_foreign(|world| world.change_leverage(&symbol, None, leverage))
            }
            Event::ForeignMode { symbol, mode } => self.as_foreign(|world| world.change_mode(&symbol, mode)),
            Event::Deposit { pool, amount } => self.add_funds(&pool, amount).is_ok(),
        };
        self.note(format_args!("happens {text}: {}", if done { "done" } else { "impossible" }));
    }

    fn as_foreign(&mut self, act: impl FnOnce(&mut Self) -> Outcome<()>) -> bool {
        self.foreign = true;
        let done = act(self).is_ok();
        self.foreign = false;
        done
    }

    fn moved_mark(&self, symbol: &Symbol, by: Rate) -> Outcome<Price> {
        let mark = self.state.market(symbol)?.quote.mark;
        Ok(Price::new(mark.get().times(Decimal::ONE.plus(by.get())?)?)?)
    }

    fn walked(&mut self, symbol: &Symbol, step: Rate) -> Outcome<Price> {
        // -1000 to 1000 thousandths of the step.
        let drawn = i64::from(self.rng.below(2001)).saturating_sub(1000);
        let by = Rate::new(step.get().times(Decimal::new(drawn, 3))?)?;
        let price = self.moved_mark(symbol, by)?;
        // Without rounding a walk would grow by three decimals with every step.
        Ok(self.state.instrument(symbol)?.price_rule.round(price, Round::Down)?)
    }

    fn moved_quote(&self, symbol: &Symbol, mark: Price) -> Outcome<Quote> {
        let rule = &self.state.instrument(symbol)?.price_rule;
        Ok(moved_quote(rule, self.state.market(symbol)?.quote, mark)?)
    }

    fn foreign_trade(&mut self, symbol: &Symbol, qty: Qty) -> Outcome<()> {
        if qty.is_zero() {
            return Err(Refusal::new(ErrorKind::Invalid, "nothing to trade"));
        }
        let side = if qty.is_negative() { Side::Sell } else { Side::Buy };
        let leg = match self.position_mode {
            PositionMode::OneWay => PositionSide::Net,
            PositionMode::Hedge if qty.is_negative() => PositionSide::Short,
            PositionMode::Hedge => PositionSide::Long,
        };
        self.trade_foreign(&(symbol.clone(), leg), side, qty.abs())
    }

    /// Funding is due: every position of the symbol pays `qty * mark * rate`, from its bucket or its pool.
    fn fund(&mut self, symbol: &Symbol) {
        let Ok(market) = self.state.market_mut(symbol) else { return };
        let (rate, mark) = (market.funding, market.quote.mark);
        market.next_funding = self.now.after(market.interval);
        if market.next_funding > self.now {
            let again = market.next_funding;
            self.enqueue(again, Due::Funding(symbol.clone()));
        }
        if rate == Rate::ZERO || !self.state.is_held(symbol) {
            return;
        }
        let mut next = self.state.clone();
        let paid = pay_funding(&mut next, symbol, mark, rate).and_then(|paid| check(&next).map(|()| paid));
        if let Ok((paid, payments)) = paid {
            self.note(format_args!("funding {symbol} {paid}"));
            for (qty, amount) in payments {
                let (time, symbol) = (self.now, symbol.clone());
                let payment = FundingPayment { time, symbol, amount, qty: Some(qty), rate: Some(rate) };
                self.payments.push(payment);
            }
            self.commit(next, Cause::Funding);
            self.liquidate();
        }
    }
}

/// Answers what was paid in all, and what each position received for its size.
fn pay_funding(
    next: &mut State,
    symbol: &Symbol,
    mark: Price,
    rate: Rate,
) -> Outcome<(Usd, Vec<(Qty, Usd)>)> {
    let mut sum = Usd::ZERO;
    let mut payments = Vec::new();
    let pool = next.pool_of(symbol)?;
    let mut from_pool = Usd::ZERO;
    for (_, held) in next.held.iter_mut().filter(|(leg, _)| leg.0 == *symbol) {
        let payment = rate.of(mark.value(held.qty)?)?;
        sum = sum.plus(payment)?;
        payments.push((held.qty, payment.negated()));
        match &mut held.bucket {
            Some(cash) => *cash = cash.minus(payment)?,
            None => from_pool = from_pool.plus(payment)?,
        }
    }
    next.credit(&pool, from_pool.negated())?;
    next.totals.funding = next.totals.funding.plus(sum)?;
    Ok((sum, payments))
}

/// Whether the account can still be added up.
pub(crate) fn check(state: &State) -> Outcome<()> {
    state.account_value()?;
    state.gross()?;
    for pool in state.pools.keys() {
        state.free(pool)?;
        state.pool_maintenance(pool)?;
    }
    Ok(())
}

/// Bid and ask keep their distance from the mark, in proportion.
pub(crate) fn moved_quote(rule: &PriceRule, before: Quote, mark: Price) -> Result<Quote, NumberError> {
    let moved = |price: Option<Price>, round: Round| -> Result<Option<Price>, NumberError> {
        let Some(price) = price else { return Ok(None) };
        let factor = price.get().over(before.mark.get())?;
        // A bid that rounds to nothing is no bid.
        Ok(Price::new(mark.get().times(factor)?).and_then(|price| rule.round(price, round)).ok())
    };
    Ok(Quote { mark, bid: moved(before.bid, Round::Down)?, ask: moved(before.ask, Round::Up)? })
}
