//! Cases about one position: opening, adding, reducing, closing.

use evenkeel_types::{
    Decimal, Exact, Leverage, MarginMode, MinNotionalRule, Qty, ReduceOnlyRule, Side, Snapshot, TimeInForce,
};

use crate::bench::{Answer, Bench, Wish};
use crate::leverage::bucket;
use crate::report::{Tried, ensure, failed, skipped};

impl Bench<'_> {
    fn closing(&self, held: &Snapshot, qty: Qty) -> Tried<Wish> {
        let Some(position) = held.position(&self.symbol) else { return failed("nothing is held") };
        let side = position.closing_side();
        let limit = self.limit(held, side)?;
        Ok(Wish { side, leg: position.side, qty, limit, tif: TimeInForce::Ioc, reduce_only: true })
    }

    pub(crate) async fn opens_at_its_setting(
        &mut self,
        mode: MarginMode,
        leverage: Leverage,
        side: Side,
    ) -> Tried {
        let held = self.open(side, 1).await?;
        let Some(position) = held.position(&self.symbol) else { return failed("nothing is held") };
        ensure(position.mode == mode && position.leverage == leverage, || {
            format!("it is held at {}x {}", position.leverage, position.mode)
        })?;
        ensure(position.side == Self::leg(&held, side), || format!("it is the {:?} one", position.side))?;
        if mode == MarginMode::Isolated {
            let notional = position.notional(held.quote(&self.symbol)?.mark)?;
            let margin = leverage.margin(notional)?;
            let equity = bucket(&held, self)?;
            // Fees, slippage and venues' own bases: within a tenth.
            let off = equity.minus(margin)?.abs();
            ensure(off <= margin.times(Decimal::new(1, 1))?, || {
                format!("the bucket has {equity} for a margin of {margin}")
            })?;
        }
        Ok(())
    }

    pub(crate) async fn adds(&mut self, side: Side) -> Tried {
        let held = self.open(side, 1).await?;
        let (qty, limit) = (self.unit(&held)?, self.limit(&held, side)?);
        let leg = Self::leg(&held, side);
        self.fill(Wish { side, leg, qty, limit, tif: TimeInForce::Ioc, reduce_only: false }).await.map(drop)
    }

    pub(crate) async fn reduces_and_closes(&mut self, side: Side) -> Tried {
        let held = self.open(side, 2).await?;
        let unit = self.unit(&held)?;
        let part = self.closing(&held, unit)?;
        self.fill(part).await?;
        let rest = self.snapshot().await?;
        let whole = self.closing(&rest, rest.qty(&self.symbol).abs())?;
        self.fill(whole).await?;
        let after = self.snapshot().await?;
        ensure(after.position(&self.symbol).is_none(), || "a closed position is still listed".into())
    }

    pub(crate) async fn never_grows(&mut self, side: Side) -> Tried {
        let held = self.open(side, 1).await?;
        let before = held.qty(&self.symbol);
        let wish = Wish {
            side,
            leg: Self::leg(&held, side),
            qty: self.unit(&held)?,
            limit: self.limit(&held, side)?,
            tif: TimeInForce::Ioc,
            reduce_only: true,
        };
        let answer = self.send(wish).await?;
        answer.nothing()?;
        self.holds(before).await
    }

    pub(crate) async fn oversize(&mut self, side: Side) -> Tried {
        let held = self.open(side, 1).await?;
        let before = held.qty(&self.symbol);
        let wish = self.closing(&held, before.abs().times(Decimal::TWO)?)?;
        let since = self.venue.server_time().await?;
        let answer = self.send(wish).await?;
        match (self.rules().reduce_only, answer) {
            (ReduceOnlyRule::Clamps, Answer::Over(state)) => {
                ensure(state.filled == before.abs(), || format!("{} of {before} closed", state.filled))?;
                self.account_for(&wish, &state, before, since).await.map(drop)
            }
            (ReduceOnlyRule::Clamps, Answer::Refused(error)) => failed(format!("refused: {error}")),
            (_, answer) => {
                answer.refused(self.rules())?;
                self.holds(before).await
            }
        }
    }

    /// Below the minimum: a partial reduction, and the close of what is too small.
    pub(crate) async fn small_reductions(&mut self, side: Side) -> Tried {
        let held = self.open(side, 2).await?;
        let instrument = held.instrument(&self.symbol)?;
        let Some(least) = instrument.min_notional else { return skipped("there is no minimum") };
        let mark = held.quote(&self.symbol)?.mark;
        let small = instrument.lot.toward_zero(mark.quantity(least.times(Decimal::new(5, 1))?)?)?;
        if small.is_zero() {
            return skipped("one lot is worth more than the minimum");
        }
        let rule = self.rules().min_notional;
        let before = held.qty(&self.symbol);
        let wish = self.closing(&held, small)?;
        self.allowed(wish, before, rule == MinNotionalRule::ReduceOnlyExempt).await?;
        // Down to a rest that is too small for an order of its own.
        let held = self.snapshot().await?;
        let wish = self.closing(&held, held.qty(&self.symbol).abs().minus(small)?)?;
        self.fill(wish).await?;
        let held = self.snapshot().await?;
        let wish = self.closing(&held, small)?;
        self.allowed(wish, held.qty(&self.symbol), rule != MinNotionalRule::NoExemption).await
    }

    async fn allowed(&mut self, wish: Wish, before: Qty, allowed: bool) -> Tried {
        if allowed {
            return self.fill(wish).await.map(drop);
        }
        let answer = self.send(wish).await?;
        answer.refused(self.rules())?;
        self.holds(before).await
    }

    /// An immediate order whose limit is the other side of the market reports what it did not trade.
    pub(crate) async fn remainder_is_reported(&mut self, side: Side) -> Tried {
        let snapshot = self.snapshot().await?;
        let since = self.venue.server_time().await?;
        let wish = Wish {
            side,
            leg: Self::leg(&snapshot, side),
            qty: self.unit(&snapshot)?.times(Decimal::from(3))?,
            limit: self.limit(&snapshot, side)?,
            tif: TimeInForce::Ioc,
            reduce_only: false,
        };
        let Answer::Over(state) = self.send(wish).await? else { return skipped("nothing traded") };
        ensure(state.status.is_terminal(), || format!("it is {:?}", state.status))?;
        let whole = state.filled == state.qty;
        let said = state.status == evenkeel_types::OrderStatus::Filled;
        ensure(whole == said, || format!("{:?} with {} of {}", state.status, state.filled, state.qty))?;
        let after = self.account_for(&wish, &state, Qty::ZERO, since).await?;
        ensure(after.open_orders.iter().all(|order| order.symbol != self.symbol), || {
            "the rest of an immediate order rests".into()
        })
    }

    /// Exact products of what the suite asks for must stay lots; a guard for the arithmetic above.
    pub(crate) fn lots_fit(&self, snapshot: &Snapshot) -> Tried {
        let unit = self.unit(snapshot)?;
        let lot = snapshot.instrument(&self.symbol)?.lot;
        let three = Qty::new(unit.get().times(Decimal::from(3))?)?;
        ensure(lot.divides(unit) && lot.divides(three), || format!("{unit} is no multiple of the lot"))
    }
}
