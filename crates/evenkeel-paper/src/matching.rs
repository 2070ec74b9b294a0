//! What an order trades at, whether the margin allows it, and what becomes of the rest.

use evenkeel_exchange::{ErrorKind, Operation};
use evenkeel_types::{
    Decimal, Exact, Fill, OrderStatus, Price, Qty, ReduceOnlyRule, Round, Side, TimeInForce, Usd,
};

use crate::faults::Tweak;
use crate::profile::UnfilledIoc;
use crate::refusal::{Outcome, refused};
use crate::state::{Leg, Resting, State, closing_side};
use crate::time::{Execution, check};
use crate::truth::{Cause, OrderRecord, Origin};
use crate::world::World;

/// An execution that the state already contains and the records do not.
#[derive(Debug, Clone)]
pub(crate) struct Executed {
    pub(crate) record: usize,
    pub(crate) qty: Qty,
    pub(crate) price: Price,
    pub(crate) fee: Usd,
}

/// What an order is about to do.
pub(crate) struct Attempt {
    pub(crate) record: usize,
    pub(crate) leg: Leg,
    pub(crate) side: Side,
    /// Size after clamping to what can be reduced.
    pub(crate) qty: Qty,
    /// `None` trades at any price.
    pub(crate) limit: Option<Price>,
    pub(crate) tif: TimeInForce,
    pub(crate) tweak: Tweak,
    /// Whether it was resting: then it pays the maker's fee and trades at its limit.
    pub(crate) maker: bool,
}

impl World {
    /// Whether an order can only reduce: because it says so, or because its leg has only that direction.
    pub(crate) fn reduces(&self, leg: &Leg, side: Side, reduce_only: bool) -> bool {
        reduce_only || closing_side(leg.1) == Some(side)
    }

    pub(crate) fn execute(&mut self, index: usize, tweak: Tweak) -> Outcome<()> {
        let Some(record) = self.records.get(index).cloned() else { return Ok(()) };
        let leg = (record.symbol.clone(), record.position_side);
        let reduces = self.reduces(&leg, record.side, record.reduce_only);
        let asked = record.qty.unwrap_or(self.state.qty(&leg).abs());
        let qty = if reduces { self.reducible(&leg, record.side, asked)? } else { asked };
        let limit = record.limit;
        let attempt = Attempt {
            record: index,
            leg,
            side: record.side,
            qty,
            limit,
            tif: record.tif,
            tweak,
            maker: false,
        };
        self.attempt(&attempt)
    }

    /// How much of a reducing order can be executed.
    fn reducible(&self, leg: &Leg, side: Side, asked: Qty) -> Outcome<Qty> {
        let held = self.state.qty(leg);
        if Side::closing(held) != Some(side) {
            return refused(ErrorKind::ReduceOnly, "there is nothing to reduce");
        }
        if asked <= held.abs() {
            return Ok(asked);
        }
        match self.profile.capabilities.reduce_only {
            ReduceOnlyRule::Clamps => Ok(held.abs()),
            _ => refused(ErrorKind::ReduceOnly, "larger than the position"),
        }
    }

    pub(crate) fn attempt(&mut self, attempt: &Attempt) -> Outcome<()> {
        let price = self.price_for(attempt)?;
        if attempt.tif == TimeInForce::PostOnly && price.is_some() && !attempt.maker {
            return refused(ErrorKind::Rejected, "it would have traded at once");
        }
        let now = match price {
            Some(_) => self.tradable(attempt)?,
            None => Qty::ZERO,
        };
        self.admit(attempt, price)?;
        let pool = self.state.pool_of(&attempt.leg.0)?;
        let free_before = self.state.free(&pool)?;
        let mut next = self.state.clone();
        let mut executed = Vec::new();
        if let (Some(price), true) = (price, now.is_positive()) {
            let fees = next.market(&attempt.leg.0)?.fees;
            let rate = if attempt.maker { fees.maker } else { fees.taker };
            let applied = next.trade(&attempt.leg, attempt.side, now, price, rate)?;
            executed.push(Executed { record: attempt.record, qty: now, price, fee: applied.fee });
        }
        let rest = attempt.qty.minus(now)?;
        let rests = attempt.tif != TimeInForce::Ioc && rest.is_positive();
        if rests {
            self.rest(&mut next, attempt, rest)?;
        } else {
            next.book.remove(&attempt.record);
        }
        if !rests && now.is_zero() && self.profile.unfilled_ioc == UnfilledIoc::Refused {
            return refused(ErrorKind::NoLiquidity, "nothing in the book within the limit");
        }
        check(&next)?;
        let released = next.free(&pool)?.minus(free_before)?;
        let cause = if attempt.maker { Cause::OwnOrder } else { Cause::Write(Operation::Place) };
        self.commit(next, cause);
        if let (Some(lag), true) = (attempt.tweak.late, released.is_positive()) {
            self.withhold(pool, released, lag);
        }
        let after = if rests { OrderStatus::Open } else { OrderStatus::Cancelled };
        self.change(attempt.record, |record| record.status = after);
        self.book_fills(executed);
        self.drop_orphans(&attempt.leg);
        self.liquidate();
        Ok(())
    }

    /// How much of an order that has a price trades now.
    fn tradable(&self, attempt: &Attempt) -> Outcome<Qty> {
        let market = self.state.market(&attempt.leg.0)?;
        let mut qty = market.depth.map_or(attempt.qty, |depth| attempt.qty.min(depth));
        if let Some(permille) = attempt.tweak.permille {
            let lot = self.state.instrument(&attempt.leg.0)?.lot;
            qty = lot.toward_zero(attempt.qty.times(Decimal::new(i64::from(permille), 3))?)?.min(qty);
        }
        Ok(qty)
    }

    /// The price at which an order trades now; `None` when it does not.
    pub(crate) fn price_for(&mut self, attempt: &Attempt) -> Outcome<Option<Price>> {
        let instrument = self.state.instrument(&attempt.leg.0)?;
        let quote = self.state.market(&attempt.leg.0)?.quote;
        let buy = attempt.side == Side::Buy;
        let book = if buy { quote.ask } else { quote.bid };
        let reference = match self.execution {
            Execution::AtMark => quote.mark,
            _ => book.unwrap_or(quote.mark),
        };
        let within = |price: Price, limit: Price| if buy { price <= limit } else { price >= limit };
        if attempt.limit.is_some_and(|limit| !within(reference, limit)) {
            return Ok(None);
        }
        if attempt.maker {
            return Ok(Some(attempt.limit.unwrap_or(reference)));
        }
        let slippage = match self.execution {
            Execution::AtMark => return Ok(Some(reference)),
            Execution::AtLimit if attempt.limit.is_some() => return Ok(attempt.limit),
            Execution::AtLimit => Decimal::ZERO,
            Execution::Slippage(rate) => rate.get(),
            Execution::RandomSlippage(rate) => {
                let share = Decimal::new(i64::from(self.rng.below(1001)), 3);
                rate.get().times(share)?
            }
        };
        let slippage = slippage.max(Decimal::ZERO);
        let factor = if buy { Decimal::ONE.plus(slippage)? } else { Decimal::ONE.minus(slippage)? };
        let slipped = Price::new(reference.get().times(factor)?)
            .and_then(|price| instrument.price_rule.round(price, Round::Aggressive(attempt.side)))
            // Slippage of all the price and more: as bad as the reference, there is nothing below.
            .unwrap_or(reference);
        Ok(Some(match attempt.limit {
            Some(limit) if !within(slipped, limit) => limit,
            _ => slipped,
        }))
    }

    /// Whether the venue lets the exposure grow: at the leverage setting, at the worst of limit and mark, with fee and
    /// the loss that a fill at the limit makes at once (Binance's cost to open: initial margin plus open loss).
    fn admit(&self, attempt: &Attempt, price: Option<Price>) -> Outcome<()> {
        let leg = &attempt.leg;
        let (before, change) = (self.state.qty(leg), attempt.side.signed(attempt.qty));
        let after = before.plus(change)?;
        let grows =
            after.abs() > before.abs() || !after.is_zero() && after.is_negative() != before.is_negative();
        if !grows {
            return Ok(());
        }
        let market = self.state.market(&leg.0)?;
        let worst = attempt.limit.unwrap_or(market.quote.mark);
        let pool = self.state.pool_of(&leg.0)?;
        let mut trial = self.state.clone();
        trial.book.remove(&attempt.record);
        let fee = if price.is_some() {
            trial.trade(leg, attempt.side, attempt.qty, worst, market.fees.taker)?;
            Usd::ZERO
        } else {
            self.rest(&mut trial, attempt, attempt.qty)?;
            market.fees.taker.of(worst.value(attempt.qty)?)?
        };
        if trial.free(&pool)?.minus(fee)?.is_negative() {
            return refused(ErrorKind::InsufficientMargin, "not enough free margin at the leverage setting");
        }
        self.check_tier(&trial, leg, after, worst)
    }

    /// Whether size, with everything resting on the same side, stays within what the leverage setting allows.
    fn check_tier(&self, trial: &State, leg: &Leg, after: Qty, worst: Price) -> Outcome<()> {
        let market = trial.market(&leg.0)?;
        let mut value = worst.max(market.quote.mark).value(after.abs())?;
        for order in trial.book.values().filter(|order| order.symbol == leg.0 && order.leg == leg.1) {
            let same = order.side.signed(Qty::ZERO.plus(order.remaining.unwrap_or(Qty::ZERO))?).is_negative()
                == after.is_negative();
            if let (true, false, Some(limit), Some(qty)) =
                (same, order.reduce_only, order.limit, order.remaining)
            {
                value = value.plus(limit.value(qty)?)?;
            }
        }
        let tiers = &trial.instrument(&leg.0)?.tiers;
        if tiers.at(value).max_leverage < market.leverage(after) || tiers.cap().is_some_and(|cap| value > cap)
        {
            return refused(ErrorKind::Rejected, "above the largest position at the leverage setting");
        }
        Ok(())
    }

    fn rest(&self, next: &mut State, attempt: &Attempt, remaining: Qty) -> Outcome<()> {
        let Some(record) = self.records.get(attempt.record) else { return Ok(()) };
        next.book.insert(attempt.record, Resting::of(record, Some(remaining)));
        Ok(())
    }

    /// Writes executions into records, fills and trace.
    pub(crate) fn book_fills(&mut self, executed: Vec<Executed>) {
        for Executed { record: index, qty, price, fee } in executed {
            let number = self.fills.end();
            // These sums are smaller than those of the account, which were just checked.
            self.change(index, |record| {
                record.filled = record.filled.plus(qty).unwrap_or(record.filled);
                record.value = price.value(qty).and_then(|v| record.value.plus(v)).unwrap_or(record.value);
                record.fee = record.fee.plus(fee).unwrap_or(record.fee);
                if record.qty.is_none_or(|ordered| record.filled >= ordered) {
                    record.status = OrderStatus::Filled;
                }
            });
            let Some(record) = self.records.get(index) else { continue };
            let fill = Fill {
                trade_id: format!("trade-{number}"),
                order: if record.origin == Origin::Client { record.id } else { None },
                symbol: record.symbol.clone(),
                side: record.side,
                qty,
                price,
                fee,
                time: self.now,
            };
            self.note(format_args!("fill {} {} {} at {} fee {}", fill.symbol, fill.side, qty, price, fee));
            self.fills.push(fill);
        }
    }

    /// Somebody else trades, at the mark.
    pub(crate) fn trade_foreign(&mut self, leg: &Leg, side: Side, qty: Qty) -> Outcome<()> {
        let mark = self.state.market(&leg.0)?.quote.mark;
        let fee = self.state.market(&leg.0)?.fees.taker;
        let mut next = self.state.clone();
        let applied = next.trade(leg, side, qty, mark, fee)?;
        check(&next)?;
        let index =
            self.record(OrderRecord { qty: Some(qty), ..self.blank(Origin::Foreign, leg.clone(), side) });
        self.commit(next, Cause::Foreign);
        self.book_fills(vec![Executed { record: index, qty, price: mark, fee: applied.fee }]);
        self.drop_orphans(leg);
        self.liquidate();
        Ok(())
    }
}
