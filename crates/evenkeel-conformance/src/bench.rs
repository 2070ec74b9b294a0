//! The hands of the suite: reading until something is so, placing an order and seeing it to its end, cleaning up.

use std::slice::from_ref;
use std::time::Duration;

use evenkeel_exchange::{
    Clock, Effect, Error, Expected, OrderRequest, Trade, chain, leverage_of, prove_leverage,
};
use evenkeel_types::{
    Capabilities, ClientOrderId, Decimal, Exact, Instrument, Leverage, MarginMode, MinNotionalRule,
    OrderIntent, OrderState, OrderStatus, PositionMode, PositionSide, Price, Qty, Round, Scope, Side,
    Snapshot, Symbol, TimeInForce, Timestamp, Usd,
};

use crate::report::{Stop, Tried, ensure, failed, skipped};
use crate::setup::Setup;

/// Between two readings of something that is awaited.
pub(crate) const POLL: Duration = Duration::from_millis(100);

/// How often something is read at most, whatever the patience: a clock that never moves must not hang the suite.
pub(crate) const MAX_POLLS: u32 = 1000;

/// How many orders cleaning up may take: a top-up and a close per leg, and as much again for partial fills.
const MAX_CLEANING: u32 = 8;

/// What became of an order.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It is over.
    Over(OrderState),
    /// It was refused, with proof that nothing happened.
    Refused(Error),
}

pub(crate) struct Bench<'a> {
    pub(crate) venue: &'a dyn Trade,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) setup: &'a Setup,
    pub(crate) symbol: Symbol,
    pub(crate) ids: u64,
    /// Value traded so far.
    pub(crate) turnover: Usd,
}

/// An order but for its identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) side: Side,
    pub(crate) leg: PositionSide,
    pub(crate) qty: Qty,
    pub(crate) limit: Price,
    pub(crate) tif: TimeInForce,
    pub(crate) reduce_only: bool,
}

impl Bench<'_> {
    pub(crate) fn rules(&self) -> &Capabilities {
        self.venue.capabilities()
    }

    pub(crate) async fn snapshot(&self) -> Tried<Snapshot> {
        Ok(self.venue.snapshot(&Scope::of(self.setup.symbols.iter().cloned())).await?)
    }

    /// Reads until the snapshot is as wanted.
    pub(crate) async fn eventually(&self, what: &str, holds: impl Fn(&Snapshot) -> bool) -> Tried<Snapshot> {
        let until = self.clock.now().after(self.setup.patience);
        let mut last = None;
        for _ in 0..MAX_POLLS {
            match self.venue.snapshot(&Scope::of(self.setup.symbols.iter().cloned())).await {
                Ok(snapshot) if holds(&snapshot) => return Ok(snapshot),
                Ok(snapshot) => last = Some(format!("holding {}", snapshot.qty(&self.symbol))),
                Err(error) => last = Some(chain(&error)),
            }
            if self.clock.now() >= until {
                break;
            }
            self.clock.sleep(POLL).await;
        }
        failed(format!("expected {what}; last seen: {}", last.unwrap_or_default()))
    }

    /// A snapshot after giving something that should not happen the time to happen.
    pub(crate) async fn settled(&self) -> Tried<Snapshot> {
        for _ in 0..3 {
            self.clock.sleep(POLL).await;
        }
        self.snapshot().await
    }

    pub(crate) fn next_id(&mut self) -> ClientOrderId {
        self.ids = self.ids.wrapping_add(1);
        // An identity is made of the leading 100 bits: 64 for the time, 16 for the run, 20 for the count.
        let time = u128::from(self.clock.now().0) << 64;
        let run = u128::from(self.setup.run) << 48;
        let count = u128::from(self.ids & 0xf_ffff) << 28;
        ClientOrderId::from_hash(&(time | run | count).to_be_bytes())
    }

    /// The leg that an opening order of this side belongs to.
    pub(crate) fn leg(snapshot: &Snapshot, opening: Side) -> PositionSide {
        match (snapshot.position_mode, opening) {
            (PositionMode::OneWay, _) => PositionSide::Net,
            (PositionMode::Hedge, Side::Buy) => PositionSide::Long,
            (PositionMode::Hedge, Side::Sell) => PositionSide::Short,
        }
    }

    /// The value of one unit of trade.
    pub(crate) fn unit_value(&self, instrument: &Instrument) -> Tried<Usd> {
        if let Some(notional) = self.setup.notional {
            return Ok(notional);
        }
        let least = match instrument.min_notional {
            Some(least) if least.is_positive() => least,
            _ => Usd::new(10)?,
        };
        Ok(least.times(Decimal::new(15, 1))?)
    }

    /// One unit of trade in lots.
    pub(crate) fn unit(&self, snapshot: &Snapshot) -> Tried<Qty> {
        let instrument = snapshot.instrument(&self.symbol)?;
        let mark = snapshot.quote(&self.symbol)?.mark;
        let qty = instrument.lot.away_from_zero(mark.quantity(self.unit_value(instrument)?)?)?;
        Ok(instrument.min_qty.map_or(qty, |least| qty.max(least)))
    }

    /// A limit that trades now.
    pub(crate) fn limit(&self, snapshot: &Snapshot, side: Side) -> Tried<Price> {
        self.limit_at(snapshot, side, self.setup.slippage.get(), Round::Aggressive(side))
    }

    /// A limit that rests: a quarter of the price away.
    pub(crate) fn passive(&self, snapshot: &Snapshot, side: Side) -> Tried<Price> {
        self.limit_at(snapshot, side, Decimal::new(-25, 2), Round::Passive(side))
    }

    fn limit_at(&self, snapshot: &Snapshot, side: Side, beyond: Decimal, round: Round) -> Tried<Price> {
        let quote = snapshot.quote(&self.symbol)?;
        let (book, sign) = match side {
            Side::Buy => (quote.ask, Decimal::ONE),
            Side::Sell => (quote.bid, Decimal::NEGATIVE_ONE),
        };
        let factor = Decimal::ONE.plus(beyond.times(sign)?)?;
        let price = Price::new(book.unwrap_or(quote.mark).get().times(factor)?)?;
        Ok(snapshot.instrument(&self.symbol)?.price_rule.round(price, round)?)
    }

    pub(crate) fn intent(&mut self, wish: Wish) -> OrderIntent {
        OrderIntent {
            id: self.next_id(),
            symbol: self.symbol.clone(),
            side: wish.side,
            position_side: wish.leg,
            qty: wish.qty,
            limit: wish.limit,
            tif: wish.tif,
            reduce_only: wish.reduce_only,
        }
    }

    /// A request for it: with a proof of the present leverage, where it may add risk.
    pub(crate) async fn request(&self, intent: OrderIntent) -> Tried<OrderRequest> {
        let unfit = |error: evenkeel_exchange::RequestError| Stop::Failed(error.to_string());
        if intent.reduce_only {
            return OrderRequest::reducing(intent).map_err(unfit);
        }
        let setting = leverage_of(self.venue, &intent.symbol).await?;
        let expected = Expected { symbol: intent.symbol.clone(), leverage: setting.long, mode: setting.mode };
        match prove_leverage(self.venue, self.clock, &[expected]).await.pop() {
            Some(Ok(proof)) => OrderRequest::adding(intent, &proof, self.clock.now()).map_err(unfit),
            Some(Err(error)) => failed(format!("no leverage proof: {}", chain(&error))),
            None => failed("no leverage proof"),
        }
    }

    /// Places an order and sees it to its end.
    pub(crate) async fn send(&mut self, wish: Wish) -> Tried<Answer> {
        let intent = self.intent(wish);
        self.send_intent(intent).await
    }

    pub(crate) async fn send_intent(&mut self, intent: OrderIntent) -> Tried<Answer> {
        let request = self.request(intent.clone()).await?;
        let mut outcomes = self.venue.place(&[request]).await;
        ensure(outcomes.len() == 1, || format!("{} outcomes for one order", outcomes.len()))?;
        match outcomes.pop() {
            Some(Ok(state)) => {
                same_order(&intent, &state)?;
                let state = self.follow(&intent, state).await?;
                let value = intent.limit.value(state.filled)?;
                self.turnover = self.turnover.plus(value)?;
                Ok(Answer::Over(state))
            }
            Some(Err(error)) if error.effect() == Effect::NotApplied => Ok(Answer::Refused(error)),
            Some(Err(error)) => failed(format!("an outcome that proves nothing: {}", chain(&error))),
            None => failed("no outcome"),
        }
    }

    /// Asks until an immediate order is over; an order that rests, until it is more than acknowledged.
    async fn follow(&self, intent: &OrderIntent, first: OrderState) -> Tried<OrderState> {
        let over = |state: &OrderState| {
            state.status.is_terminal() || intent.tif != TimeInForce::Ioc && state.status == OrderStatus::Open
        };
        let until = self.clock.now().after(self.setup.patience);
        let mut state = first;
        for _ in 0..MAX_POLLS {
            if over(&state) {
                return Ok(state);
            }
            if self.clock.now() >= until {
                break;
            }
            self.clock.sleep(POLL).await;
            if let Some(found) = self.venue.order(&intent.symbol, &intent.id).await? {
                same_order(intent, &found)?;
                state = found;
            }
        }
        failed(format!("order {} is still {:?}", intent.id, state.status))
    }

    /// Places an order that must trade whole, and checks position and fills against it.
    pub(crate) async fn fill(&mut self, wish: Wish) -> Tried<OrderState> {
        let before = self.snapshot().await?.qty(&self.symbol);
        let since = self.venue.server_time().await?;
        let state = match self.send(wish).await? {
            Answer::Over(state) => state,
            Answer::Refused(error) => return failed(format!("refused: {}", chain(&error))),
        };
        ensure(state.filled == wish.qty && state.status == OrderStatus::Filled, || {
            format!("{} of {} filled, {:?}", state.filled, wish.qty, state.status)
        })?;
        self.account_for(&wish, &state, before, since).await?;
        Ok(state)
    }

    /// The position moved by what the order filled, and the fills add up to it.
    pub(crate) async fn account_for(
        &self,
        wish: &Wish,
        state: &OrderState,
        before: Qty,
        since: Timestamp,
    ) -> Tried<Snapshot> {
        let expected = before.plus(wish.side.signed(state.filled))?;
        let symbol = &self.symbol;
        let after = self
            .eventually(&format!("to hold {expected}"), |snapshot| snapshot.qty(symbol) == expected)
            .await?;
        let (mut filled, mut value, mut fee) = (Qty::ZERO, Usd::ZERO, Usd::ZERO);
        let until = self.clock.now().after(self.setup.patience);
        for _ in 0..MAX_POLLS {
            (filled, value, fee) = (Qty::ZERO, Usd::ZERO, Usd::ZERO);
            let fills = self.venue.fills(from_ref(&self.symbol), since).await?;
            for fill in fills.iter().filter(|fill| fill.order == Some(state.id)) {
                let within = match wish.side {
                    Side::Buy => fill.price <= wish.limit,
                    Side::Sell => fill.price >= wish.limit,
                };
                ensure(within && fill.side == wish.side && fill.symbol == self.symbol, || {
                    format!("a fill {} {} at {} beyond {}", fill.side, fill.qty, fill.price, wish.limit)
                })?;
                filled = filled.plus(fill.qty)?;
                value = value.plus(fill.price.value(fill.qty)?)?;
                fee = fee.plus(fill.fee)?;
            }
            if filled >= state.filled || self.clock.now() >= until {
                break;
            }
            self.clock.sleep(POLL).await;
        }
        ensure(filled == state.filled, || {
            format!("fills of {filled} for an order that filled {}", state.filled)
        })?;
        if let (Some(average), true) = (state.average_price, filled.is_positive()) {
            ensure(near(average.value(filled)?, value)?, || format!("average price {average} for {value}"))?;
        }
        if let Some(said) = state.fee {
            ensure(near(said, fee)?, || format!("a fee of {said}, fills say {fee}"))?;
        }
        Ok(after)
    }

    /// Opens `units` of trade on a side, from flat.
    pub(crate) async fn open(&mut self, side: Side, units: u32) -> Tried<Snapshot> {
        let snapshot = self.snapshot().await?;
        let qty = self.unit(&snapshot)?.times(Decimal::from(units))?;
        let leg = Self::leg(&snapshot, side);
        let limit = self.limit(&snapshot, side)?;
        self.fill(Wish { side, leg, qty, limit, tif: TimeInForce::Ioc, reduce_only: false }).await?;
        self.snapshot().await
    }

    /// Makes leverage and mode what a case needs, while flat. Skips where the venue cannot.
    pub(crate) async fn prepare(&self, mode: MarginMode, leverage: Leverage) -> Tried {
        let setting = leverage_of(self.venue, &self.symbol).await?;
        if setting.mode != mode {
            let instruments = self.snapshot().await?.instruments;
            let allowed = instruments.get(&self.symbol).is_some_and(|i| i.margin_modes.allows(mode));
            if self.rules().margin_mode_scope != evenkeel_types::MarginModeScope::Symbol || !allowed {
                return skipped(format!("{mode} margin cannot be set here"));
            }
            self.venue.set_margin_mode(&self.symbol, mode).await?;
        }
        self.venue.set_leverage(&self.symbol, leverage).await?;
        let found = leverage_of(self.venue, &self.symbol).await?;
        ensure(found.is(leverage) && found.mode == mode, || {
            format!("set to {leverage}x {mode}, reads {}x/{}x {}", found.long, found.short, found.mode)
        })
    }

    /// Cancels everything and closes everything in the symbol.
    pub(crate) async fn clean(&mut self) -> Tried {
        let snapshot = self.snapshot().await?;
        for order in snapshot.open_orders.iter().filter(|order| order.symbol == self.symbol) {
            self.venue.cancel_by_venue_id(&order.symbol, &order.venue_order_id).await?;
        }
        for _ in 0..MAX_CLEANING {
            let snapshot = self.snapshot().await?;
            let Some(position) = snapshot.position(&self.symbol).cloned() else { break };
            let side = position.closing_side();
            let instrument = snapshot.instrument(&self.symbol)?;
            let limit = self.limit(&snapshot, side)?;
            let small = instrument
                .min_notional
                .is_some_and(|least| limit.value(position.qty.abs()).is_ok_and(|value| value < least));
            let stuck = small && self.rules().min_notional == MinNotionalRule::NoExemption;
            let wish = if stuck {
                // Too small to be closed: it has to grow first.
                let side = side.opposite();
                let limit = self.limit(&snapshot, side)?;
                let qty = self.unit(&snapshot)?;
                Wish { side, leg: position.side, qty, limit, tif: TimeInForce::Ioc, reduce_only: false }
            } else {
                let qty = position.qty.abs();
                Wish { side, leg: position.side, qty, limit, tif: TimeInForce::Ioc, reduce_only: true }
            };
            let before = position.qty;
            match self.send(wish).await? {
                Answer::Over(_) => {
                    let symbol = self.symbol.clone();
                    self.eventually("the position to move", |s| s.qty(&symbol) != before).await?;
                }
                Answer::Refused(error) => return failed(format!("closing: {}", chain(&error))),
            }
        }
        let symbol = &self.symbol;
        self.eventually("to be flat and without orders", |snapshot| {
            snapshot.qty(symbol).is_zero() && snapshot.open_orders.iter().all(|order| order.symbol != *symbol)
        })
        .await
        .map(drop)
    }
}

impl Answer {
    /// Refused, or over without ever having traded.
    pub(crate) fn nothing(&self) -> Tried {
        match self {
            Answer::Refused(_) => Ok(()),
            Answer::Over(state) => {
                ensure(state.filled.is_zero() && state.status != OrderStatus::Filled, || {
                    format!("it traded {}", state.filled)
                })
            }
        }
    }

    /// Refused; where orders are only acknowledged at first, rejected later is as good.
    pub(crate) fn refused(&self, rules: &Capabilities) -> Tried {
        match self {
            Answer::Refused(_) => Ok(()),
            Answer::Over(state) => {
                let later = rules.acknowledgement == evenkeel_types::Acknowledgement::Asynchronous
                    && state.status == OrderStatus::Rejected
                    && state.filled.is_zero();
                ensure(later, || format!("accepted: {:?}, {} filled", state.status, state.filled))
            }
        }
    }
}

fn same_order(intent: &OrderIntent, state: &OrderState) -> Tried {
    let same = state.id == intent.id
        && state.symbol == intent.symbol
        && state.side == intent.side
        && state.qty == intent.qty
        && !state.filled.is_negative()
        && state.filled <= state.qty;
    ensure(same, || format!("the answer is of another order: {state:?}"))
}

/// Equal but for the rounding of figures that venues print: a ten-thousandth, or a hundredth of a cent.
pub(crate) fn near(one: Usd, other: Usd) -> Tried<bool> {
    let bound = other.abs().times(Decimal::new(1, 4))?.max(Usd::new(Decimal::new(1, 4))?);
    Ok(one.minus(other)?.abs() <= bound)
}
