//! Orders: what is accepted, what it trades at, and what becomes of the rest.

use evenkeel_exchange::{ErrorKind, Operation, Result};
use evenkeel_types::{
    Acknowledgement, ClientOrderId, Decimal, Dedupe, Exact, Fill, Instrument, MinNotionalRule, OrderIntent,
    OrderKind, OrderState, OrderStatus, PositionMode, PositionSide, Price, Qty, ReduceOnlyRule, Round, Side,
    Symbol, TimeInForce, TradingStatus, Usd,
};

use crate::faults::{Fate, Tweak};
use crate::profile::UnfilledIoc;
use crate::refusal::{Outcome, Refusal};
use crate::state::{Leg, Resting, State, closing_side};
use crate::time::{Due, Execution};
use crate::truth::{Cause, OrderRecord, Origin};
use crate::world::{World, Write};

/// An order that waits for the mark price: a stop loss or take profit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditional {
    /// Its identity, where it has one.
    pub id: Option<ClientOrderId>,
    /// What is traded.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Which leg, in hedge mode.
    pub position_side: PositionSide,
    /// Size; `None` covers whatever the position is, and goes away with it.
    pub qty: Option<Qty>,
    /// Mark price at which it becomes active: for a stop loss from the losing side, for a take profit from the winning
    /// one. Other kinds never do.
    pub trigger: Price,
    /// Its limit then; `None` trades at any price.
    pub limit: Option<Price>,
    /// Whether it can only reduce.
    pub reduce_only: bool,
    /// Which kind.
    pub kind: OrderKind,
}

/// An execution that the state already contains and the records do not.
#[derive(Debug, Clone)]
pub(crate) struct Executed {
    pub(crate) record: usize,
    pub(crate) qty: Qty,
    pub(crate) price: Price,
    pub(crate) fee: Usd,
}

/// What an order is about to do.
struct Attempt {
    record: usize,
    leg: Leg,
    side: Side,
    /// Size after clamping to what can be reduced.
    qty: Qty,
    /// `None` trades at any price.
    limit: Option<Price>,
    tif: TimeInForce,
    tweak: Tweak,
    /// Whether it was resting: then it pays the maker's fee and trades at its limit.
    maker: bool,
}

fn refused<T>(kind: ErrorKind, why: impl Into<String>) -> Outcome<T> {
    Err(Refusal::new(kind, why))
}

impl World {
    /// Places a batch: one outcome per order. See [`Trade::place`](evenkeel_exchange::Trade::place).
    pub fn place(&mut self, orders: &[OrderIntent]) -> Vec<Result<OrderState>> {
        orders.iter().map(|intent| self.place_one(intent)).collect()
    }

    fn place_one(&mut self, intent: &OrderIntent) -> Result<OrderState> {
        let answer = self.write(Write::Order(intent.clone(), Tweak::default()))?;
        answer.ok_or_else(|| {
            let nothing = Refusal::new(ErrorKind::Decode, "an order without an answer");
            nothing.into_error(self.venue.clone(), Operation::Place)
        })
    }

    /// Places a conditional order and answers the venue's identity of it.
    ///
    /// # Errors
    /// As for other orders, and [`ErrorKind::Invalid`] for a kind that has no trigger. Of the faults only refusals
    /// strike.
    pub fn place_conditional(&mut self, order: &Conditional) -> Result<String> {
        let verdict = self.arrive(Operation::Place, Some(&order.symbol));
        let placed = match verdict.fate {
            Fate::Refuse(kind, _) => refused(kind, "refused (injected)"),
            _ => self.receive_conditional(order),
        };
        placed.map_err(|refusal| refusal.into_error(self.venue.clone(), Operation::Place))
    }

    /// Cancels an order of ours. See [`Trade::cancel`](evenkeel_exchange::Trade::cancel).
    ///
    /// # Errors
    /// Only injected ones: an order that is unknown or over is not open.
    pub fn cancel(&mut self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        self.write(Write::Cancel(symbol.clone(), *id)).map(drop)
    }

    /// Cancels any order by the venue's identity.
    ///
    /// # Errors
    /// Only injected ones.
    pub fn cancel_by_venue_id(&mut self, symbol: &Symbol, venue_order_id: &str) -> Result<()> {
        self.write(Write::CancelByVenueId(symbol.clone(), venue_order_id.into())).map(drop)
    }

    pub(crate) fn cancel_where(&mut self, symbol: &Symbol, meant: impl Fn(&OrderRecord) -> bool) {
        let open: Vec<usize> = (0..self.records.len())
            .filter(|index| {
                self.records
                    .get(*index)
                    .is_some_and(|r| r.symbol == *symbol && !r.status.is_terminal() && meant(r))
            })
            .collect();
        for index in open {
            self.end(index, OrderStatus::Cancelled, "cancelled");
        }
    }

    /// Takes an order off the book, if it is there, and closes its record.
    fn end(&mut self, index: usize, status: OrderStatus, reason: &str) {
        if self.state.book.contains_key(&index) {
            let mut next = self.state.clone();
            next.book.remove(&index);
            self.commit(next, Cause::OwnOrder);
        }
        if let Some(record) = self.records.get_mut(index) {
            record.status = status;
            record.reason = Some(reason.into());
        }
    }

    pub(crate) fn next_order_id(&self) -> String {
        format!("paper-{}", self.records.len())
    }

    /// An order reaches the exchange.
    pub(crate) fn receive(&mut self, intent: &OrderIntent, tweak: Tweak) -> Outcome<OrderState> {
        let accepted = self.check_form(intent).and_then(|()| self.check_identity(&intent.id));
        let index = self.record(OrderRecord {
            venue_order_id: self.next_order_id(),
            id: Some(intent.id),
            origin: Origin::Client,
            symbol: intent.symbol.clone(),
            side: intent.side,
            position_side: intent.position_side,
            qty: Some(intent.qty),
            limit: Some(intent.limit),
            trigger: None,
            tif: intent.tif,
            reduce_only: intent.reduce_only,
            kind: OrderKind::Limit,
            received_at: self.now,
            visible_from: None,
            status: OrderStatus::Acknowledged,
            filled: Qty::ZERO,
            value: Usd::ZERO,
            fee: Usd::ZERO,
            reason: None,
        });
        if let Err(refusal) = accepted {
            self.reject(index, &refusal);
            return Err(refusal);
        }
        match self.profile.capabilities.acknowledgement {
            Acknowledgement::Synchronous => {
                if let Err(refusal) = self.execute(index, tweak) {
                    self.reject(index, &refusal);
                    return Err(refusal);
                }
                self.publish(index, self.now);
            }
            _ => {
                let at = self.now.after(self.profile.acknowledgement_delay);
                self.publish(index, at);
                self.enqueue(at, Due::Execute(index, tweak));
            }
        }
        let state = self.records.get(index).and_then(OrderRecord::state);
        state.ok_or_else(|| Refusal::new(ErrorKind::Decode, "an order without a record"))
    }

    pub(crate) fn record(&mut self, record: OrderRecord) -> usize {
        self.records.push(record);
        self.records.len().saturating_sub(1)
    }

    fn reject(&mut self, index: usize, refusal: &Refusal) {
        if let Some(record) = self.records.get_mut(index) {
            record.status = OrderStatus::Rejected;
            record.reason = Some(format!("{}: {}", refusal.kind.as_str(), refusal.message));
        }
    }

    /// From now on its id is used, and from `at` on it can be asked for.
    fn publish(&mut self, index: usize, at: evenkeel_types::Timestamp) {
        if let Some(record) = self.records.get_mut(index) {
            record.visible_from = Some(at);
            if let Some(id) = record.id {
                self.by_id.insert(id, index);
            }
        }
    }

    pub(crate) fn execute_acknowledged(&mut self, index: usize, tweak: Tweak) {
        if self.records.get(index).is_none_or(|record| record.status != OrderStatus::Acknowledged) {
            return;
        }
        if let Err(refusal) = self.execute(index, tweak) {
            self.note(format_args!("order {index} rejected: {}", refusal.message));
            self.reject(index, &refusal);
        }
    }

    fn check_identity(&self, id: &ClientOrderId) -> Outcome<()> {
        let before = self.by_id.get(id).and_then(|index| self.records.get(*index));
        let clash = match self.profile.capabilities.dedupe {
            Dedupe::Forever => before.is_some(),
            Dedupe::OpenOrders => before.is_some_and(|record| !record.status.is_terminal()),
            _ => false,
        };
        if clash { refused(ErrorKind::Rejected, "this order id is used already") } else { Ok(()) }
    }

    /// What can be told from the order itself and the position, before any price.
    fn check_form(&self, intent: &OrderIntent) -> Outcome<()> {
        let instrument = self.state.instrument(&intent.symbol)?;
        self.state.market(&intent.symbol)?;
        let hedge = intent.position_side != PositionSide::Net;
        if hedge != (self.position_mode == PositionMode::Hedge) {
            return refused(ErrorKind::Rejected, "the order's leg does not fit the position mode");
        }
        if !intent.qty.is_positive() {
            return refused(ErrorKind::Invalid, "an order needs a size above zero");
        }
        let leg = (intent.symbol.clone(), intent.position_side);
        let held = self.state.qty(&leg);
        let reduces = self.reduces(&leg, intent.side, intent.reduce_only);
        match instrument.status {
            TradingStatus::Trading => {}
            TradingStatus::ReduceOnly if reduces => {}
            _ => return refused(ErrorKind::Rejected, "the venue does not take this order now"),
        }
        let closes = reduces && Side::closing(held) == Some(intent.side);
        let whole = closes && intent.qty >= held.abs();
        check_size(instrument, intent, closes && intent.qty == held.abs(), whole)?;
        if !instrument.price_rule.accepts(intent.limit) {
            return refused(ErrorKind::Invalid, "the price is no multiple of the tick");
        }
        let exempt = match self.profile.capabilities.min_notional {
            MinNotionalRule::FullCloseExempt => {
                whole || held.abs() == intent.qty && Side::closing(held) == Some(intent.side)
            }
            MinNotionalRule::ReduceOnlyExempt => reduces,
            _ => false,
        };
        let value = intent.limit.value(intent.qty)?;
        if !exempt && instrument.min_notional.is_some_and(|least| value < least) {
            return refused(ErrorKind::Invalid, format!("an order of {value} is below the minimum"));
        }
        Ok(())
    }

    /// Whether an order can only reduce: because it says so, or because its leg has only that direction.
    fn reduces(&self, leg: &Leg, side: Side, reduce_only: bool) -> bool {
        reduce_only || closing_side(leg.1) == Some(side)
    }

    fn execute(&mut self, index: usize, tweak: Tweak) -> Outcome<()> {
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

    fn attempt(&mut self, attempt: &Attempt) -> Outcome<()> {
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
        crate::time::check(&next)?;
        let released = next.free(&pool)?.minus(free_before)?;
        let cause = if attempt.maker { Cause::OwnOrder } else { Cause::Write(Operation::Place) };
        self.commit(next, cause);
        if let (Some(lag), true) = (attempt.tweak.late, released.is_positive()) {
            self.withhold(pool, released, lag);
        }
        let after = if rests { OrderStatus::Open } else { OrderStatus::Cancelled };
        if let Some(record) = self.records.get_mut(attempt.record) {
            record.status = after;
        }
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
    fn price_for(&mut self, attempt: &Attempt) -> Outcome<Option<Price>> {
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
        next.book.insert(
            attempt.record,
            Resting {
                id: record.id,
                venue_order_id: record.venue_order_id.clone(),
                symbol: record.symbol.clone(),
                side: record.side,
                leg: record.position_side,
                remaining: Some(remaining),
                limit: attempt.limit,
                trigger: None,
                reduce_only: record.reduce_only,
                kind: OrderKind::Limit,
                tif: record.tif,
            },
        );
        Ok(())
    }

    /// Writes executions into records, fills and trace.
    pub(crate) fn book_fills(&mut self, executed: Vec<Executed>) {
        for Executed { record: index, qty, price, fee } in executed {
            let number = self.fills.len();
            let Some(record) = self.records.get_mut(index) else { continue };
            // These sums are smaller than those of the account, which were just checked.
            record.filled = record.filled.plus(qty).unwrap_or(record.filled);
            record.value = price.value(qty).and_then(|v| record.value.plus(v)).unwrap_or(record.value);
            record.fee = record.fee.plus(fee).unwrap_or(record.fee);
            if record.qty.is_none_or(|ordered| record.filled >= ordered) {
                record.status = OrderStatus::Filled;
            }
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

    /// Orders that cover a position go with it.
    pub(crate) fn drop_orphans(&mut self, leg: &Leg) {
        if !self.state.qty(leg).is_zero() {
            return;
        }
        let orphans: Vec<usize> = self
            .state
            .book
            .iter()
            .filter(|(_, order)| order.symbol == leg.0 && order.leg == leg.1)
            .filter(|(_, order)| {
                order.reduce_only && (order.remaining.is_none() || order.kind == OrderKind::Limit)
            })
            .map(|(index, _)| *index)
            .collect();
        for index in orphans {
            self.end(index, OrderStatus::Cancelled, "the position is gone");
        }
    }

    /// After prices moved: resting orders that are crossed trade, conditional ones that are reached become active, and
    /// what then has too little margin is liquidated. Each order gets one chance per price.
    pub(crate) fn after_prices(&mut self) {
        let waiting: Vec<usize> = self.state.book.keys().copied().collect();
        for index in waiting {
            let Some(order) = self.state.book.get(&index).cloned() else { continue };
            if order.kind == OrderKind::Limit {
                self.cross(index, &order);
            } else if self.is_reached(&order) {
                self.activate(index, &order);
            }
        }
        self.liquidate();
    }

    fn cross(&mut self, index: usize, order: &Resting) {
        let leg = (order.symbol.clone(), order.leg);
        let Some(mut qty) = order.remaining else { return };
        if self.reduces(&leg, order.side, order.reduce_only) {
            let held = self.state.qty(&leg);
            if Side::closing(held) != Some(order.side) {
                return self.end(index, OrderStatus::Cancelled, "there is nothing to reduce");
            }
            qty = qty.min(held.abs());
        }
        let attempt = Attempt {
            record: index,
            leg,
            side: order.side,
            qty,
            limit: order.limit,
            tif: order.tif,
            tweak: Tweak::default(),
            maker: true,
        };
        match self.price_for(&attempt) {
            Ok(Some(_)) => {}
            _ => return,
        }
        if let Err(refusal) = self.attempt(&attempt) {
            self.end(index, OrderStatus::Cancelled, &refusal.message);
        }
    }

    fn is_reached(&self, order: &Resting) -> bool {
        let (Some(trigger), Ok(market)) = (order.trigger, self.state.market(&order.symbol)) else {
            return false;
        };
        let mark = market.quote.mark;
        match (order.kind, order.side) {
            (OrderKind::StopLoss | OrderKind::TrailingStop, Side::Sell)
            | (OrderKind::TakeProfit, Side::Buy) => mark <= trigger,
            (OrderKind::StopLoss | OrderKind::TrailingStop, Side::Buy)
            | (OrderKind::TakeProfit, Side::Sell) => mark >= trigger,
            _ => false,
        }
    }

    fn activate(&mut self, index: usize, order: &Resting) {
        let leg = (order.symbol.clone(), order.leg);
        let held = self.state.qty(&leg).abs();
        let asked = order.remaining.unwrap_or(held);
        let qty = if self.reduces(&leg, order.side, order.reduce_only) {
            if Side::closing(self.state.qty(&leg)) != Some(order.side) {
                return self.end(index, OrderStatus::Cancelled, "there is nothing to reduce");
            }
            asked.min(held)
        } else {
            asked
        };
        let tif = if order.limit.is_some() { TimeInForce::Gtc } else { TimeInForce::Ioc };
        let attempt = Attempt {
            record: index,
            leg,
            side: order.side,
            qty,
            limit: order.limit,
            tif,
            tweak: Tweak::default(),
            maker: false,
        };
        if let Err(refusal) = self.attempt(&attempt) {
            self.end(index, OrderStatus::Cancelled, &refusal.message);
        }
    }

    fn receive_conditional(&mut self, order: &Conditional) -> Outcome<String> {
        let instrument = self.state.instrument(&order.symbol)?;
        self.state.market(&order.symbol)?;
        if order.kind == OrderKind::Limit {
            return refused(ErrorKind::Invalid, "a limit order has no trigger");
        }
        if order.qty.is_some_and(|qty| !qty.is_positive() || !instrument.lot.divides(qty)) {
            return refused(ErrorKind::Invalid, "the size is no multiple of the lot");
        }
        if let Some(id) = &order.id {
            self.check_identity(id)?;
        }
        let venue_order_id = self.next_order_id();
        let index = self.record(OrderRecord {
            venue_order_id: venue_order_id.clone(),
            id: order.id,
            origin: Origin::Client,
            symbol: order.symbol.clone(),
            side: order.side,
            position_side: order.position_side,
            qty: order.qty,
            limit: order.limit,
            trigger: Some(order.trigger),
            tif: TimeInForce::Gtc,
            reduce_only: order.reduce_only,
            kind: order.kind,
            received_at: self.now,
            visible_from: None,
            status: OrderStatus::Open,
            filled: Qty::ZERO,
            value: Usd::ZERO,
            fee: Usd::ZERO,
            reason: None,
        });
        self.publish(index, self.now);
        let mut next = self.state.clone();
        next.book.insert(
            index,
            Resting {
                id: order.id,
                venue_order_id: venue_order_id.clone(),
                symbol: order.symbol.clone(),
                side: order.side,
                leg: order.position_side,
                remaining: order.qty,
                limit: order.limit,
                trigger: Some(order.trigger),
                reduce_only: order.reduce_only,
                kind: order.kind,
                tif: TimeInForce::Gtc,
            },
        );
        self.commit(next, Cause::Write(Operation::Place));
        Ok(venue_order_id)
    }

    /// Somebody else trades, at the mark.
    pub(crate) fn trade_foreign(&mut self, leg: &Leg, side: Side, qty: Qty) -> Outcome<()> {
        let mark = self.state.market(&leg.0)?.quote.mark;
        let fee = self.state.market(&leg.0)?.fees.taker;
        let mut next = self.state.clone();
        let applied = next.trade(leg, side, qty, mark, fee)?;
        crate::time::check(&next)?;
        let index = self.record(OrderRecord {
            venue_order_id: self.next_order_id(),
            id: None,
            origin: Origin::Foreign,
            symbol: leg.0.clone(),
            side,
            position_side: leg.1,
            qty: Some(qty),
            limit: None,
            trigger: None,
            tif: TimeInForce::Ioc,
            reduce_only: false,
            kind: OrderKind::Limit,
            received_at: self.now,
            visible_from: None,
            status: OrderStatus::Open,
            filled: Qty::ZERO,
            value: Usd::ZERO,
            fee: Usd::ZERO,
            reason: None,
        });
        self.commit(next, Cause::Foreign);
        self.book_fills(vec![Executed { record: index, qty, price: mark, fee: applied.fee }]);
        self.drop_orphans(leg);
        self.liquidate();
        Ok(())
    }
}

fn check_size(instrument: &Instrument, intent: &OrderIntent, exact: bool, whole: bool) -> Outcome<()> {
    if !instrument.lot.divides(intent.qty) && !exact {
        return refused(ErrorKind::Invalid, "the size is no multiple of the lot");
    }
    if !whole && instrument.min_qty.is_some_and(|least| intent.qty < least) {
        return refused(ErrorKind::Invalid, "below the smallest size");
    }
    if instrument.max_qty.is_some_and(|most| intent.qty > most) {
        return refused(ErrorKind::Invalid, "above the largest size of one order");
    }
    Ok(())
}
