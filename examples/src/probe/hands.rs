//! The hands of the probe: trading tiny sizes, reading what came of it, and leaving nothing behind.

use std::time::Duration;

use evenkeel_exchange::{
    Cancel, Clock, Error, Expected, OrderRequest, Trade, chain, leverage_of, prove_leverage,
};
use evenkeel_types::{
    ClientOrderId, Decimal, Exact, Instrument, Leverage, LeverageSetting, MarginMode, OrderIntent,
    OrderState, PositionMode, PositionSide, Price, Qty, Round, Scope, Side, Snapshot, Symbol, TimeInForce,
    Usd,
};

use super::answers::{Change, Said, Setback, Tried, is_of_the_budget, not_tried, said};

/// Between two readings of something that is awaited.
pub(super) const POLL: Duration = Duration::from_millis(200);
/// How long something is awaited that should happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Polls at most: a clock that stands still must not hang the probe.
pub(super) const POLLS_MAX: u32 = 100;
/// How long is waited for something that should not happen.
const SETTLE: Duration = Duration::from_millis(1500);
/// How far beyond the book an order may trade, in percent: test networks have thin books.
const SLIPPAGE_PERCENT: i64 = 2;
/// How far from the market an order rests, in percent.
const RESTING_PERCENT: i64 = 20;
/// How long to wait for the venue's request budget, where it does not say.
const BUDGET_WAIT: Duration = Duration::from_secs(10);
/// How often that is waited for.
const BUDGET_WAITS_MAX: u32 = 8;
/// Orders that cleaning up may take.
const CLEANING_MAX: u32 = 8;

#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) side: Side,
    pub(super) qty: Qty,
    pub(super) limit: Price,
    pub(super) tif: TimeInForce,
    pub(super) reduce_only: bool,
}

pub(super) struct Hands<'a> {
    pub(super) venue: &'a dyn Trade,
    pub(super) clock: &'a dyn Clock,
    pub(super) cancel: &'a Cancel,
    pub(super) symbol: Symbol,
    pub(super) count: u64,
}

impl Hands<'_> {
    /// Asked before everything that sends.
    pub(super) fn go_on(&self) -> Tried<()> {
        if self.cancel.is_requested() { Err(Setback::Stop("asked to stop".to_owned())) } else { Ok(()) }
    }

    pub(super) async fn snapshot(&self) -> Tried<Snapshot> {
        Ok(self.venue.snapshot(&Scope::of([self.symbol.clone()])).await?)
    }

    pub(super) async fn setting(&self) -> Tried<LeverageSetting> {
        Ok(leverage_of(self.venue, &self.symbol).await?)
    }

    /// A reading after something that should not happen had time to happen.
    pub(super) async fn settled(&self) -> Tried<Snapshot> {
        self.clock.sleep(SETTLE).await;
        self.snapshot().await
    }

    /// Reads until the snapshot is as wanted, and how long that took.
    pub(super) async fn until(
        &self,
        what: &str,
        holds: impl Fn(&Snapshot) -> bool,
    ) -> Tried<(Snapshot, Duration)> {
        let began = self.clock.now();
        for _ in 0..POLLS_MAX {
            let snapshot = self.snapshot().await?;
            let waited = self.clock.now().since(began);
            if holds(&snapshot) {
                return Ok((snapshot, waited));
            }
            if waited >= PATIENCE {
                break;
            }
            self.clock.sleep(POLL).await;
        }
        Err(Setback::Stop(format!("{what} did not show within {} s", PATIENCE.as_secs())))
    }

    pub(super) fn next_id(&mut self) -> ClientOrderId {
        self.count = self.count.wrapping_add(1);
        // An identity is made of the leading 100 bits: 64 for the time, 36 for the count.
        let hash = (u128::from(self.clock.now().0) << 64) | (u128::from(self.count & 0xf_ffff_ffff) << 28);
        ClientOrderId::from_hash(&hash.to_be_bytes())
    }

    /// One unit of trade: one and a half times the smallest order, in lots.
    pub(super) fn unit(&self, snapshot: &Snapshot) -> Tried<Qty> {
        let instrument = snapshot.instrument(&self.symbol)?;
        let mark = snapshot.quote(&self.symbol)?.mark;
        let value = self.least(instrument)?.times(Decimal::new(15, 1))?;
        let qty = instrument.lot.away_from_zero(mark.quantity(value)?)?;
        Ok(instrument.min_qty.map_or(qty, |least| qty.max(least)))
    }

    pub(super) fn least(&self, instrument: &Instrument) -> Tried<Usd> {
        match instrument.min_notional {
            Some(least) if least.is_positive() => Ok(least),
            _ => Ok(Usd::new(10)?),
        }
    }

    /// A limit that trades now.
    pub(super) fn crossing(&self, snapshot: &Snapshot, side: Side) -> Tried<Price> {
        self.beyond(snapshot, side, SLIPPAGE_PERCENT, Round::Aggressive(side))
    }

    /// A limit that rests.
    pub(super) fn resting(&self, snapshot: &Snapshot, side: Side) -> Tried<Price> {
        self.beyond(snapshot, side, -RESTING_PERCENT, Round::Passive(side))
    }

    fn beyond(&self, snapshot: &Snapshot, side: Side, percent: i64, round: Round) -> Tried<Price> {
        let quote = snapshot.quote(&self.symbol)?;
        let (book, percent) = match side {
            Side::Buy => (quote.ask, percent),
            Side::Sell => (quote.bid, -percent),
        };
        let factor = Decimal::ONE.plus(Decimal::new(percent, 2))?;
        let price = Price::new(book.unwrap_or(quote.mark).get().times(factor)?)?;
        Ok(snapshot.instrument(&self.symbol)?.price_rule.round(price, round)?)
    }

    pub(super) fn intent(&mut self, snapshot: &Snapshot, wish: Wish) -> OrderIntent {
        // What is held is only ever long here: a buy opens it, a sell closes it.
        let position_side = match snapshot.position_mode {
            PositionMode::OneWay => PositionSide::Net,
            PositionMode::Hedge => PositionSide::Long,
        };
        OrderIntent {
            id: self.next_id(),
            symbol: self.symbol.clone(),
            side: wish.side,
            position_side,
            qty: wish.qty,
            limit: wish.limit,
            tif: wish.tif,
            reduce_only: wish.reduce_only,
        }
    }

    /// Sends one order, with a proof of the present leverage where it may add risk.
    pub(super) async fn send(&self, intent: OrderIntent) -> Tried<Said<OrderState>> {
        self.go_on()?;
        self.send_always(intent).await
    }

    async fn send_always(&self, intent: OrderIntent) -> Tried<Said<OrderState>> {
        let unfit = |error: evenkeel_exchange::RequestError| Setback::NotTried(error.to_string());
        for _ in 0..BUDGET_WAITS_MAX {
            let request = if intent.reduce_only {
                OrderRequest::reducing(intent.clone()).map_err(unfit)?
            } else {
                let setting = self.setting().await?;
                let expected =
                    Expected { symbol: self.symbol.clone(), leverage: setting.long, mode: setting.mode };
                let proof = prove_leverage(self.venue, self.clock, &[expected]).await.pop();
                let Some(Ok(proof)) = proof else { return not_tried("the leverage could not be proven") };
                OrderRequest::adding(intent.clone(), &proof, self.clock.now()).map_err(unfit)?
            };
            match self.venue.place(&[request]).await.pop() {
                Some(Err(error)) if is_of_the_budget(&error) => self.wait_for_budget(&error).await,
                Some(answer) => return said(answer),
                None => return Err(Setback::Stop("the venue gave no outcome for an order".to_owned())),
            }
        }
        Err(Setback::Stop("the venue's request budget stayed used up".to_owned()))
    }

    async fn wait_for_budget(&self, error: &Error) {
        self.clock.sleep(error.retry_after().unwrap_or(BUDGET_WAIT)).await;
    }

    /// A write other than an order. It waits for the request budget, which the readings in between use up.
    pub(super) async fn write(&self, change: Change<'_>) -> Result<(), Error> {
        for _ in 0..BUDGET_WAITS_MAX {
            match self.write_once(change).await {
                Err(error) if is_of_the_budget(&error) => self.wait_for_budget(&error).await,
                answer => return answer,
            }
        }
        self.write_once(change).await
    }

    async fn write_once(&self, change: Change<'_>) -> Result<(), Error> {
        match change {
            Change::Leverage(leverage) => self.venue.set_leverage(&self.symbol, leverage).await,
            Change::Mode(mode) => self.venue.set_margin_mode(&self.symbol, mode).await,
            Change::Margin(delta) => self.venue.adjust_margin(&self.symbol, delta).await,
            Change::Cancel(id) => self.venue.cancel_by_venue_id(&self.symbol, id).await,
        }
    }

    /// Opens or adds one unit, sees it in the account, and answers the order, the account and how long it took to show.
    pub(super) async fn open(&mut self) -> Tried<(OrderIntent, OrderState, Snapshot, Duration)> {
        let before = self.snapshot().await?;
        let wish = Wish {
            side: Side::Buy,
            qty: self.unit(&before)?,
            limit: self.crossing(&before, Side::Buy)?,
            tif: TimeInForce::Ioc,
            reduce_only: false,
        };
        let intent = self.intent(&before, wish);
        let state = match self.send(intent.clone()).await? {
            Said::Yes(state) => state,
            Said::No(error) => return not_tried(format!("no position could be opened: {}", chain(&error))),
        };
        if state.status.is_terminal() && state.filled.is_zero() {
            return not_tried("no position could be opened: nothing in the book");
        }
        let held = before.qty(&self.symbol);
        let (after, lag) = self.until("an executed order", |now| now.qty(&self.symbol) != held).await?;
        Ok((intent, state, after, lag))
    }

    /// Leaves one order resting.
    pub(super) async fn rest(&mut self) -> Tried<OrderIntent> {
        let snapshot = self.snapshot().await?;
        let limit = self.resting(&snapshot, Side::Buy)?;
        // At a lower price it takes more to reach the minimum.
        let qty = self.unit(&snapshot)?.times(Decimal::TWO)?;
        let wish = Wish { side: Side::Buy, qty, limit, tif: TimeInForce::Gtc, reduce_only: false };
        let intent = self.intent(&snapshot, wish);
        match self.send(intent.clone()).await? {
            Said::No(error) => {
                return not_tried(format!("no order could be left resting: {}", chain(&error)));
            }
            Said::Yes(state) if state.status.is_terminal() => {
                return not_tried("an order did not stay in the book");
            }
            Said::Yes(_) => {}
        }
        self.until("a resting order", |now| self.orders(now) > 0).await?;
        Ok(intent)
    }

    pub(super) fn orders(&self, snapshot: &Snapshot) -> usize {
        snapshot.open_orders.iter().filter(|order| order.symbol == self.symbol).count()
    }

    /// Closes `qty` of the long position, or tries to.
    pub(super) async fn reduce(&mut self, qty: Qty) -> Tried<Said<OrderState>> {
        self.go_on()?;
        let snapshot = self.snapshot().await?;
        self.reduce_always(&snapshot, qty).await
    }

    async fn reduce_always(&mut self, snapshot: &Snapshot, qty: Qty) -> Tried<Said<OrderState>> {
        let limit = self.crossing(snapshot, Side::Sell)?;
        let wish = Wish { side: Side::Sell, qty, limit, tif: TimeInForce::Ioc, reduce_only: true };
        let intent = self.intent(snapshot, wish);
        self.send_always(intent).await
    }

    /// While flat: brings the symbol to a mode and a leverage.
    pub(super) async fn prepare(&self, mode: MarginMode, leverage: Leverage) -> Tried<()> {
        self.go_on()?;
        let setting = self.setting().await?;
        if setting.mode != mode
            && let Said::No(error) = said(self.write(Change::Mode(mode)).await)?
        {
            return not_tried(format!("{mode} margin cannot be set: {}", chain(&error)));
        }
        if !setting.is(leverage)
            && let Said::No(error) = said(self.write(Change::Leverage(leverage)).await)?
        {
            return not_tried(format!("{leverage}x cannot be set while flat: {}", chain(&error)));
        }
        let found = self.setting().await?;
        if found.is(leverage) && found.mode == mode {
            return Ok(());
        }
        not_tried(format!("set to {leverage}x {mode}, it reads {}x {}", found.long, found.mode))
    }

    /// Cancels everything in the symbol and closes it, whatever was asked meanwhile.
    pub(super) async fn clean(&mut self) -> Tried<()> {
        let snapshot = self.snapshot().await?;
        for order in snapshot.open_orders.iter().filter(|order| order.symbol == self.symbol) {
            self.write(Change::Cancel(&order.venue_order_id)).await?;
        }
        let symbol = self.symbol.clone();
        for _ in 0..CLEANING_MAX {
            let snapshot = self.snapshot().await?;
            let held = snapshot.qty(&symbol);
            if held.is_zero() {
                break;
            }
            let said = if held.is_negative() {
                // Only a venue that turned a reduction into a short position can bring one here.
                let limit = self.crossing(&snapshot, Side::Buy)?;
                let wish = Wish {
                    side: Side::Buy,
                    qty: held.abs(),
                    limit,
                    tif: TimeInForce::Ioc,
                    reduce_only: true,
                };
                let intent = self.intent(&snapshot, wish);
                self.send_always(intent).await?
            } else {
                self.reduce_always(&snapshot, held).await?
            };
            if let Said::No(error) = said {
                // Too small to be closed where nothing is exempt from the minimum: it has to grow first.
                let limit = self.crossing(&snapshot, Side::Buy)?;
                let wish = Wish {
                    side: Side::Buy,
                    qty: self.unit(&snapshot)?,
                    limit,
                    tif: TimeInForce::Ioc,
                    reduce_only: false,
                };
                let intent = self.intent(&snapshot, wish);
                if let Said::No(_) = self.send_always(intent).await? {
                    return not_tried(format!("the position could not be closed: {}", chain(&error)));
                }
            }
            self.until("a change of the position", |now| now.qty(&symbol) != held).await?;
        }
        self.until("a flat symbol without orders", |now| now.qty(&symbol).is_zero() && self.orders(now) == 0)
            .await
            .map(drop)
    }

    /// Brings the symbol's setting back to what it was.
    pub(super) async fn restore(&self, before: &LeverageSetting) -> Tried<()> {
        let now = self.setting().await?;
        if now.mode != before.mode {
            self.write(Change::Mode(before.mode)).await?;
        }
        if now.long != before.long {
            self.write(Change::Leverage(before.long)).await?;
        }
        let now = self.setting().await?;
        if now.mode == before.mode && now.long == before.long {
            return Ok(());
        }
        not_tried(format!("it reads {}x {} instead of {}x {}", now.long, now.mode, before.long, before.mode))
    }
}
