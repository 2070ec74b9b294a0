//! Cases about orders, from a flat account.

use evenkeel_exchange::Effect;
use evenkeel_types::{
    Decimal, Dedupe, OrderStatus, PositionSide, Price, Qty, Round, Side, Snapshot, TimeInForce, Usd, round,
};

use crate::bench::{Answer, Bench, Wish};
use crate::report::{Stop, Tried, ensure, failed, skipped};

impl Bench<'_> {
    /// An immediate order of one unit within the market.
    async fn plain(&mut self, side: Side) -> Tried<(Snapshot, Wish)> {
        let snapshot = self.snapshot().await?;
        let leg = Self::leg(&snapshot, side);
        let (qty, limit) = (self.unit(&snapshot)?, self.limit(&snapshot, side)?);
        let wish = Wish { side, leg, qty, limit, tif: TimeInForce::Ioc, reduce_only: false };
        Ok((snapshot, wish))
    }

    /// Sends what must be refused, and looks whether anything changed all the same.
    async fn must_be_refused(&mut self, wish: Wish) -> Tried {
        let before = self.snapshot().await?.qty(&self.symbol);
        let answer = self.send(wish).await?;
        answer.refused(self.rules())?;
        self.holds(before).await
    }

    pub(crate) async fn holds(&self, expected: Qty) -> Tried {
        let held = self.settled().await?.qty(&self.symbol);
        ensure(held == expected, || {
            format!("it was refused, and the position went from {expected} to {held}")
        })
    }

    pub(crate) async fn below_minimum(&mut self) -> Tried {
        let (snapshot, mut wish) = self.plain(Side::Buy).await?;
        let instrument = snapshot.instrument(&self.symbol)?;
        let Some(least) = instrument.min_notional else { return skipped("there is no minimum") };
        let half = least.times(Decimal::new(5, 1))?;
        wish.qty = instrument.lot.toward_zero(wish.limit.quantity(half)?)?;
        if wish.qty.is_zero() {
            return skipped("one lot is worth more than the minimum");
        }
        self.must_be_refused(wish).await
    }

    pub(crate) async fn broken_lot(&mut self) -> Tried {
        let (snapshot, mut wish) = self.plain(Side::Buy).await?;
        let lot = snapshot.instrument(&self.symbol)?.lot.get();
        wish.qty = wish.qty.plus(Qty::new(round::to_places(
            lot.checked_div(Decimal::from(3)).unwrap_or(lot),
            20,
            Round::Down,
        ))?)?;
        self.must_be_refused(wish).await
    }

    pub(crate) async fn broken_tick(&mut self) -> Tried {
        let (snapshot, mut wish) = self.plain(Side::Buy).await?;
        let rule = &snapshot.instrument(&self.symbol)?.price_rule;
        let third = rule.tick_at(wish.limit)?.checked_div(Decimal::from(3)).unwrap_or_default();
        let third = round::to_places(third, 20, Round::Down);
        wish.limit = Price::new(wish.limit.get().checked_add(third).unwrap_or_default())?;
        if rule.accepts(wish.limit) {
            return skipped("every price near the mark is valid");
        }
        self.must_be_refused(wish).await
    }

    pub(crate) async fn beyond_margin(&mut self) -> Tried {
        let (snapshot, mut wish) = self.plain(Side::Buy).await?;
        let instrument = snapshot.instrument(&self.symbol)?;
        let Some(pool) = snapshot.pool(&instrument.pool) else { return failed("no pool") };
        let leverage = snapshot.setting(&self.symbol)?.long;
        // Twice what the free margin carries.
        let value = pool.free.plus(Usd::new(10)?)?.times(leverage.get())?.times(Decimal::TWO)?;
        wish.qty = instrument.lot.away_from_zero(wish.limit.quantity(value)?)?;
        if instrument.max_qty.is_some_and(|most| wish.qty > most) {
            return skipped("the free margin carries more than the largest order");
        }
        self.must_be_refused(wish).await
    }

    pub(crate) async fn nothing_to_reduce(&mut self) -> Tried {
        for side in [Side::Buy, Side::Sell] {
            let (snapshot, mut wish) = self.plain(side).await?;
            wish.reduce_only = true;
            wish.leg = Self::leg(&snapshot, side.opposite());
            self.must_be_refused(wish).await?;
        }
        Ok(())
    }

    pub(crate) async fn immediate_outside_the_market(&mut self) -> Tried {
        let (snapshot, mut wish) = self.plain(Side::Buy).await?;
        wish.limit = self.passive(&snapshot, Side::Buy)?;
        wish.qty = wish.qty.times(Decimal::TWO)?;
        let answer = self.send(wish).await?;
        answer.nothing()?;
        if let Answer::Over(state) = &answer {
            ensure(state.status.is_terminal(), || format!("an immediate order is {:?}", state.status))?;
        }
        self.holds(Qty::ZERO).await
    }

    fn resting(&mut self, snapshot: &Snapshot) -> Tried<Wish> {
        let limit = self.passive(snapshot, Side::Buy)?;
        // At a lower price it takes more to reach the minimum.
        let qty = self.unit(snapshot)?.times(Decimal::TWO)?;
        let leg = Self::leg(snapshot, Side::Buy);
        Ok(Wish { side: Side::Buy, leg, qty, limit, tif: TimeInForce::Gtc, reduce_only: false })
    }

    /// Leaves one order resting.
    pub(crate) async fn rest_one(&mut self) -> Tried {
        let snapshot = self.snapshot().await?;
        let wish = self.resting(&snapshot)?;
        let intent = self.intent(wish);
        match self.send_intent(intent.clone()).await? {
            Answer::Over(_) => self
                .eventually("the order among the open ones", |snapshot| {
                    snapshot.open_orders.iter().any(|order| order.id == Some(intent.id))
                })
                .await
                .map(drop),
            Answer::Refused(error) => failed(format!("refused: {error}")),
        }
    }

    pub(crate) async fn resting_order(&mut self) -> Tried {
        let snapshot = self.snapshot().await?;
        let wish = self.resting(&snapshot)?;
        let intent = self.intent(wish);
        let answer = self.send_intent(intent.clone()).await?;
        let Answer::Over(state) = answer else { return failed(format!("refused: {answer:?}")) };
        ensure(state.status == OrderStatus::Open && state.filled.is_zero(), || format!("{state:?}"))?;
        let found = self
            .eventually("the order among the open ones", |snapshot| {
                snapshot.open_orders.iter().any(|order| order.id == Some(intent.id))
            })
            .await?;
        let shown = found.open_orders.iter().find(|order| order.id == Some(intent.id));
        ensure(
            shown.is_some_and(|order| {
                order.remaining == Some(intent.qty)
                    && order.limit == Some(intent.limit)
                    && order.side == Side::Buy
                    && order.symbol == intent.symbol
                    && !order.reduce_only
            }),
            || format!("it is shown as {shown:?}"),
        )?;
        let asked = self.venue.order(&intent.symbol, &intent.id).await?;
        ensure(asked.as_ref().is_some_and(|order| order.status == OrderStatus::Open), || {
            format!("asked for, it is {asked:?}")
        })?;
        self.venue.cancel(&intent.symbol, &intent.id).await?;
        self.eventually("the order gone", |s| s.open_orders.iter().all(|order| order.id != Some(intent.id)))
            .await?;
        let asked = self.venue.order(&intent.symbol, &intent.id).await?;
        ensure(
            asked.as_ref().is_none_or(|o| o.status == OrderStatus::Cancelled && o.filled.is_zero()),
            || format!("cancelled, it is {asked:?}"),
        )?;
        // Already gone is what was asked for.
        self.venue.cancel(&intent.symbol, &intent.id).await?;
        Ok(())
    }

    pub(crate) async fn cancel_by_the_venues_id(&mut self) -> Tried {
        let snapshot = self.snapshot().await?;
        let wish = self.resting(&snapshot)?;
        let intent = self.intent(wish);
        self.send_intent(intent.clone()).await?;
        let found = self
            .eventually("the order among the open ones", |snapshot| {
                snapshot.open_orders.iter().any(|order| order.id == Some(intent.id))
            })
            .await?;
        for order in found.open_orders.iter().filter(|order| order.id == Some(intent.id)) {
            self.venue.cancel_by_venue_id(&order.symbol, &order.venue_order_id).await?;
        }
        self.eventually("the order gone", |s| s.open_orders.iter().all(|order| order.id != Some(intent.id)))
            .await
            .map(drop)
    }

    pub(crate) async fn post_only_never_takes(&mut self) -> Tried {
        let (_, mut wish) = self.plain(Side::Buy).await?;
        wish.tif = TimeInForce::PostOnly;
        let answer = self.send(wish).await?;
        answer.nothing()?;
        if let Answer::Over(state) = &answer {
            ensure(state.status.is_terminal(), || format!("it is {:?}", state.status))?;
        }
        self.holds(Qty::ZERO).await
    }

    pub(crate) async fn reused_id(&mut self) -> Tried {
        let snapshot = self.snapshot().await?;
        match self.rules().dedupe {
            Dedupe::Forever => {
                let (_, wish) = self.plain(Side::Buy).await?;
                let intent = self.intent(wish);
                let first = self.send_intent(intent.clone()).await?;
                let Answer::Over(state) = first else { return failed(format!("refused: {first:?}")) };
                let held =
                    self.account_for(&wish, &state, Qty::ZERO, snapshot.as_of).await?.qty(&self.symbol);
                let second = self.send_same_id(intent).await?;
                second.refused(self.rules())?;
                self.holds(held).await
            }
            Dedupe::OpenOrders => {
                let wish = self.resting(&snapshot)?;
                let intent = self.intent(wish);
                self.send_intent(intent.clone()).await?;
                let (id, symbol) = (intent.id, intent.symbol.clone());
                let request = self.request(intent).await?;
                match self.venue.place(&[request]).await.pop() {
                    Some(Err(error)) if error.effect() == Effect::NotApplied => {
                        Answer::Refused(error).refused(self.rules())?;
                    }
                    // The open order may be this very request, delivered twice: then the id tells what became of it.
                    Some(Err(error)) => {
                        let found = self.venue.order(&symbol, &id).await?;
                        ensure(found.is_some(), || {
                            format!("unknown, and nothing is found by the id: {error}")
                        })?;
                    }
                    other => return failed(format!("an open order's id was taken again: {other:?}")),
                }
                let count =
                    self.settled().await?.open_orders.iter().filter(|o| o.symbol == self.symbol).count();
                ensure(count == 1, || format!("{count} orders rest under one id"))
            }
            _ => skipped("the venue promises nothing about reused ids"),
        }
    }

    /// Sends a used id again. What the order of that id says now is of the first one, so only the answer counts.
    async fn send_same_id(&mut self, intent: evenkeel_types::OrderIntent) -> Tried<Answer> {
        let request = self.request(intent).await?;
        match self.venue.place(&[request]).await.pop() {
            Some(Ok(state)) => Ok(Answer::Over(state)),
            Some(Err(error)) if error.effect() == Effect::NotApplied => Ok(Answer::Refused(error)),
            Some(Err(error)) => failed(format!("an outcome that proves nothing: {error}")),
            None => failed("no outcome"),
        }
    }

    pub(crate) async fn batch_in_order(&mut self) -> Tried {
        let (snapshot, good) = self.plain(Side::Buy).await?;
        let rule = &snapshot.instrument(&self.symbol)?.price_rule;
        let rests = Wish {
            tif: TimeInForce::Gtc,
            limit: rule.round(self.passive(&snapshot, Side::Buy)?, Round::Down)?,
            qty: good.qty.times(Decimal::TWO)?,
            ..good
        };
        let none = Wish { reduce_only: true, leg: opposite(good.leg), ..good };
        let intents = [self.intent(rests), self.intent(none), self.intent(rests)];
        let mut requests = Vec::new();
        for intent in &intents {
            requests.push(self.request(intent.clone()).await?);
        }
        let outcomes = self.venue.place(&requests).await;
        ensure(outcomes.len() == 3, || format!("{} outcomes for three orders", outcomes.len()))?;
        for (place, (intent, outcome)) in intents.iter().zip(&outcomes).enumerate() {
            match outcome {
                Ok(state) => {
                    ensure(state.id == intent.id, || format!("outcome {place} is of another order"))?;
                }
                Err(error) => ensure(place == 1 && error.effect() == Effect::NotApplied, || {
                    format!("outcome {place}: {error}")
                })?,
            }
        }
        let ids = [intents.first().map(|i| i.id), intents.last().map(|i| i.id)];
        let found = self
            .eventually("both good orders among the open ones", |snapshot| {
                ids.iter().all(|id| snapshot.open_orders.iter().any(|order| order.id == *id))
            })
            .await?;
        ensure(found.qty(&self.symbol).is_zero(), || "the bad one traded".into())
    }

    /// Everything that was traded cost no more than limits and fees allow.
    pub(crate) async fn costs_add_up(&self, before: Usd) -> Tried {
        let snapshot = self.settled().await?;
        let after = snapshot.account_value().map_err(Stop::from)?;
        let fees = snapshot.fee(&self.symbol)?.taker.get().abs();
        // Both ways of slippage on what was traded at the limits, fees, and a tenth of a percent for a moving price.
        let rate = self.setup.slippage.get().checked_mul(Decimal::TWO).and_then(|r| r.checked_add(fees));
        let rate = rate.and_then(|rate| rate.checked_add(Decimal::new(1, 3))).unwrap_or(Decimal::ONE);
        let bound = self.turnover.times(rate)?.plus(Usd::new(Decimal::new(1, 2))?)?;
        let lost = before.minus(after)?;
        ensure(lost <= bound, || format!("{lost} lost on a turnover of {}", self.turnover))?;
        ensure(lost.negated() <= bound, || format!("{} gained from nothing", lost.negated()))
    }
}

fn opposite(leg: PositionSide) -> PositionSide {
    match leg {
        PositionSide::Long => PositionSide::Short,
        PositionSide::Short => PositionSide::Long,
        other => other,
    }
}
