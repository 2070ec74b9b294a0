//! Cases about what only some venues have. Each asks the venue for the ability first, and is skipped without it.

use std::time::Duration;

use evenkeel_exchange::{
    Effect, ErrorKind, FundingPayment, Protective, StopIntent, StopOrders, StopSize, StopState, StopStatus,
    Trigger,
};
use evenkeel_types::{ClientOrderId, OpenOrder, PositionSide, Side, Snapshot, Timestamp};

use crate::bench::{Bench, MAX_POLLS, POLL};
use crate::read::{Reader, within_a_tenth};
use crate::report::{Stop, Tried, ensure, failed, skipped};

/// How far back funding payments are read: more than one payment at every venue, and few pages.
const LOOK_BACK: Duration = Duration::from_secs(2 * 24 * 3600);

/// What the stops of a case close, in units of trade.
const UNITS: u32 = 2;

fn given<T>(ability: Option<T>, what: &str) -> Tried<T> {
    ability.ok_or_else(|| Stop::Skipped(format!("the venue has no {what}")))
}

impl Reader<'_> {
    pub(crate) async fn quotes_agree(&self) -> Tried {
        let quotes = given(self.venue.read_abilities().quotes, "prices without the account")?;
        let symbols = &self.setup.symbols;
        let answers = quotes.quotes(symbols).await;
        ensure(answers.len() == symbols.len(), || {
            format!("{} prices for {} symbols", answers.len(), symbols.len())
        })?;
        let snapshot = self.snapshot().await?;
        for (symbol, quote) in symbols.iter().zip(answers) {
            let (quote, shown) = (quote?, snapshot.quote(symbol)?);
            for price in [Some(quote.mark), quote.bid, quote.ask].into_iter().flatten() {
                ensure(within_a_tenth(price, shown.mark)?, || {
                    format!("{symbol}: {price}, in the snapshot the mark is {}", shown.mark)
                })?;
            }
            if let (Some(bid), Some(ask)) = (quote.bid, quote.ask) {
                ensure(bid <= ask, || format!("{symbol}: bid {bid} above ask {ask}"))?;
            }
        }
        Ok(())
    }

    pub(crate) async fn funding_payments_are_bounded(&self) -> Tried {
        let ability = given(self.venue.read_abilities().funding_payments, "funding payments")?;
        let now = self.venue.server_time().await?;
        let future = ability.funding_payments(now.after(Duration::from_secs(60))).await?;
        ensure(future.is_empty(), || format!("{} payments of the future", future.len()))?;
        let back = u64::try_from(LOOK_BACK.as_millis()).unwrap_or(u64::MAX);
        let since = Timestamp(now.0.saturating_sub(back));
        let payments = ability.funding_payments(since).await?;
        ensure(payments.is_sorted_by_key(|payment| payment.time), || "not oldest first".into())?;
        ensure(payments.iter().all(|payment| payment.time >= since), || {
            "payments from before the moment asked for".into()
        })?;
        match payments.iter().find(|payment| !is_signed_right(payment)) {
            None => Ok(()),
            Some(wrong) => failed(format!("who pays receives: {wrong:?}")),
        }
    }
}

/// At a positive rate longs pay and shorts receive. What the venue does not say cannot be wrong.
fn is_signed_right(payment: &FundingPayment) -> bool {
    let (Some(qty), Some(rate)) = (payment.qty, payment.rate) else { return true };
    let pays = qty.is_negative() == rate.get().is_sign_negative();
    payment.amount.is_zero() || rate.get().is_zero() || payment.amount.is_negative() == pays
}

impl Bench<'_> {
    fn stops(&self) -> Tried<&dyn StopOrders> {
        given(self.venue.abilities().stop_orders, "stop orders")
    }

    async fn cancel_all(&self, protective: Protective, expected: u32) -> Tried {
        let ability = given(self.venue.abilities().cancel_all, "way to cancel everything at once")?;
        // Never the whole account: what rests in other symbols is not the suite's.
        let count = ability.cancel_all(Some(&self.symbol), protective).await?;
        ensure(count == expected, || format!("{count} cancelled, there were {expected}"))
    }

    fn own<'s>(&self, snapshot: &'s Snapshot) -> Vec<&'s OpenOrder> {
        snapshot.open_orders.iter().filter(|order| order.symbol == self.symbol).collect()
    }

    pub(crate) async fn cancel_all_ordinary(&mut self) -> Tried {
        given(self.venue.abilities().cancel_all, "way to cancel everything at once")?;
        self.rest_one().await?;
        self.rest_one().await?;
        self.cancel_all(Protective::Keep, 2).await?;
        self.eventually("no orders", |snapshot| self.own(snapshot).is_empty()).await?;
        // Nothing left is no error.
        self.cancel_all(Protective::Cancel, 0).await
    }

    pub(crate) async fn cancel_all_keeps_stops(&mut self) -> Tried {
        given(self.venue.abilities().cancel_all, "way to cancel everything at once")?;
        self.stops()?;
        let snapshot = self.open(Side::Buy, UNITS).await?;
        let [loss, _] = self.guards(&snapshot)?;
        let placed = self.place_stops(std::slice::from_ref(&loss)).await?;
        ensure(placed.iter().all(Option::is_some), || "no stop loss of a size".into())?;
        self.shown(&loss).await?;
        self.rest_one().await?;
        self.cancel_all(Protective::Keep, 1).await?;
        self.eventually("only the stop order", |snapshot| {
            let own = self.own(snapshot);
            own.len() == 1 && own.iter().all(|order| order.is_protective())
        })
        .await?;
        self.becomes(&loss.id, |stop| is(stop, StopStatus::Waiting)).await?;
        self.cancel_all(Protective::Cancel, 1).await?;
        self.eventually("no orders", |snapshot| self.own(snapshot).is_empty()).await?;
        self.becomes(&loss.id, |stop| stop.is_none() || is(stop, StopStatus::Cancelled)).await
    }

    pub(crate) async fn stop_orders_wait(&mut self) -> Tried {
        self.stops()?;
        let snapshot = self.open(Side::Buy, UNITS).await?;
        let before = snapshot.qty(&self.symbol);
        let guards = self.guards(&snapshot)?;
        let id = self.next_id();
        let unknown = self.stops()?.stop(&self.symbol, &id).await?;
        ensure(unknown.is_none(), || format!("one that was never placed: {unknown:?}"))?;
        let placed = self.place_stops(&guards).await?;
        let taken: Vec<&StopIntent> =
            guards.iter().zip(&placed).filter(|(_, state)| state.is_some()).map(|(stop, _)| stop).collect();
        if taken.is_empty() {
            return skipped("the venue has neither stop losses nor take profits at a price");
        }
        for stop in &taken {
            self.becomes(&stop.id, |state| is(state, StopStatus::Waiting)).await?;
            self.shown(stop).await?;
        }
        for stop in &taken {
            self.stops()?.cancel_stop(&self.symbol, &stop.id).await?;
        }
        self.eventually("the stop orders gone", |snapshot| self.own(snapshot).is_empty()).await?;
        for stop in &taken {
            self.becomes(&stop.id, |state| state.is_none() || is(state, StopStatus::Cancelled)).await?;
            // Already gone is what was asked for.
            self.stops()?.cancel_stop(&self.symbol, &stop.id).await?;
        }
        self.holds(before).await
    }

    /// A stop loss of one unit and a take profit of the whole position, each a quarter of the price away.
    fn guards(&mut self, snapshot: &Snapshot) -> Tried<[StopIntent; 2]> {
        let size = StopSize::Qty(self.unit(snapshot)?);
        let loss = Trigger::StopLoss(self.passive(snapshot, Side::Buy)?);
        let profit = Trigger::TakeProfit(self.passive(snapshot, Side::Sell)?);
        let leg = Self::leg(snapshot, Side::Buy);
        Ok([self.guard(leg, loss, size), self.guard(leg, profit, StopSize::WholePosition)])
    }

    fn guard(&mut self, leg: PositionSide, trigger: Trigger, size: StopSize) -> StopIntent {
        StopIntent {
            id: self.next_id(),
            symbol: self.symbol.clone(),
            side: Side::Sell,
            position_side: leg,
            trigger,
            size,
            worst: None,
        }
    }

    /// Places stop orders; `None` for a kind that the venue does not have and refuses as such.
    async fn place_stops(&self, stops: &[StopIntent]) -> Tried<Vec<Option<StopState>>> {
        let outcomes = self.stops()?.place_stops(stops).await;
        ensure(outcomes.len() == stops.len(), || {
            format!("{} outcomes for {} stop orders", outcomes.len(), stops.len())
        })?;
        let mut placed = Vec::new();
        for (stop, outcome) in stops.iter().zip(outcomes) {
            match outcome {
                Ok(state) => {
                    ensure(state.id == stop.id, || format!("the answer is of another order: {state:?}"))?;
                    placed.push(Some(state));
                }
                Err(error) => {
                    let lacks =
                        error.kind() == ErrorKind::NotSupported && error.effect() == Effect::NotApplied;
                    ensure(lacks, || format!("{:?}: {}", stop.trigger, evenkeel_exchange::chain(&error)))?;
                    placed.push(None);
                }
            }
        }
        Ok(placed)
    }

    /// It is among the open orders, as what it is.
    async fn shown(&self, stop: &StopIntent) -> Tried {
        let trigger = match stop.trigger {
            Trigger::StopLoss(price) | Trigger::TakeProfit(price) => Some(price),
            _ => None,
        };
        self.eventually("the stop order among the open ones, protective, at its trigger", |snapshot| {
            self.own(snapshot).into_iter().any(|order| {
                order.id == Some(stop.id)
                    && order.is_protective()
                    && order.side == stop.side
                    && order.trigger == trigger
            })
        })
        .await
        .map(drop)
    }

    /// Asks for a stop order until it is as wanted.
    async fn becomes(&self, id: &ClientOrderId, wanted: impl Fn(Option<&StopState>) -> bool) -> Tried {
        let until = self.clock.now().after(self.setup.patience);
        let mut last = None;
        for _ in 0..MAX_POLLS {
            last = self.stops()?.stop(&self.symbol, id).await?;
            if wanted(last.as_ref()) {
                return Ok(());
            }
            if self.clock.now() >= until {
                break;
            }
            self.clock.sleep(POLL).await;
        }
        failed(format!("asked for, the stop order is {last:?}"))
    }
}

fn is(stop: Option<&StopState>, status: StopStatus) -> bool {
    stop.is_some_and(|stop| stop.status == status)
}
