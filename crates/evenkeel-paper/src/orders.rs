//! Orders: what is accepted, what it trades at, and what becomes of the rest.

use std::slice::from_ref;

use evenkeel_exchange::{ErrorKind, Operation, Protective, Result};
use evenkeel_types::{
    Acknowledgement, ClientOrderId, Dedupe, Instrument, MinNotionalRule, OrderIntent, OrderKind, OrderState,
    OrderStatus, PositionMode, PositionSide, Price, Qty, Side, Symbol, TimeInForce, TradingStatus, Usd,
};

use crate::faults::{Fate, Tweak};
use crate::refusal::{Outcome, Refusal, refused};
use crate::state::{Leg, Resting};
use crate::time::Due;
use crate::truth::{Cause, OrderRecord, Origin};
use crate::world::{World, Write, Written};

/// How the venue's own order identities begin.
pub(crate) const ORDER_ID: &str = "paper-";

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

impl World {
    /// Places a batch: one outcome per order. See [`Trade::place`](evenkeel_exchange::Trade::place).
    pub fn place(&mut self, orders: &[OrderIntent]) -> Vec<Result<OrderState>> {
        orders.iter().map(|intent| self.place_one(intent)).collect()
    }

    fn place_one(&mut self, intent: &OrderIntent) -> Result<OrderState> {
        match self.write(Write::Order(intent.clone(), Tweak::default()))? {
            Written::Order(state) => Ok(state),
            other => Err(self.unfit(Operation::Place, &other)),
        }
    }

    /// Places a conditional order and answers the venue's identity of it.
    ///
    /// # Errors
    /// As for other orders, and [`ErrorKind::Invalid`] for a kind that has no trigger. Of the faults only refusals
    /// strike.
    pub fn place_conditional(&mut self, order: &Conditional) -> Result<String> {
        let verdict = self.arrive(Operation::Place, from_ref(&order.symbol));
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

    /// Cancels all open orders of a symbol, or of the whole account. See
    /// [`CancelAll::cancel_all`](evenkeel_exchange::CancelAll::cancel_all).
    ///
    /// # Errors
    /// Only injected ones.
    pub fn cancel_all(&mut self, symbol: Option<&Symbol>, protective: Protective) -> Result<u32> {
        match self.write(Write::CancelAll(symbol.cloned(), protective))? {
            Written::Cancelled(count) => Ok(count),
            other => Err(self.unfit(Operation::CancelAll, &other)),
        }
    }

    /// Cancels what is open and meant, and answers how many orders that were.
    pub(crate) fn cancel_where(
        &mut self,
        symbol: Option<&Symbol>,
        meant: impl Fn(&OrderRecord) -> bool,
    ) -> u32 {
        let is_meant = |r: &OrderRecord| symbol.is_none_or(|symbol| r.symbol == *symbol) && meant(r);
        let live = self.live.iter().copied();
        let open: Vec<usize> = live.filter(|index| self.records.get(*index).is_some_and(is_meant)).collect();
        for index in &open {
            self.end(*index, OrderStatus::Cancelled, "cancelled");
        }
        u32::try_from(open.len()).unwrap_or(u32::MAX)
    }

    /// Takes an order off the book, if it is there, and closes its record.
    pub(crate) fn end(&mut self, index: usize, status: OrderStatus, reason: &str) {
        if self.state.book.contains_key(&index) {
            let mut next = self.state.clone();
            next.book.remove(&index);
            self.commit(next, Cause::OwnOrder);
        }
        self.change(index, |record| {
            record.status = status;
            record.reason = Some(reason.into());
        });
    }

    /// A record under a new identity, with the figures of an immediate order that did nothing yet.
    pub(crate) fn blank(&self, origin: Origin, leg: Leg, side: Side) -> OrderRecord {
        let number = self.first_order.saturating_add(self.records.end());
        OrderRecord {
            venue_order_id: format!("{ORDER_ID}{number}"),
            id: None,
            origin,
            symbol: leg.0,
            side,
            position_side: leg.1,
            qty: None,
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
        }
    }

    /// An order reaches the exchange.
    pub(crate) fn receive(&mut self, intent: &OrderIntent, tweak: Tweak) -> Outcome<OrderState> {
        let accepted = self.check_form(intent).and_then(|()| self.check_identity(&intent.id));
        let leg = (intent.symbol.clone(), intent.position_side);
        let index = self.record(OrderRecord {
            id: Some(intent.id),
            qty: Some(intent.qty),
            limit: Some(intent.limit),
            tif: intent.tif,
            reduce_only: intent.reduce_only,
            status: OrderStatus::Acknowledged,
            ..self.blank(Origin::Client, leg, intent.side)
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
        let is_live = !record.status.is_terminal();
        let index = self.records.push(record);
        if is_live {
            self.live.insert(index);
        }
        index
    }

    /// Every change of a record goes through here.
    pub(crate) fn change(&mut self, index: usize, change: impl FnOnce(&mut OrderRecord)) {
        let Some(record) = self.records.get_mut(index) else { return };
        change(record);
        if record.status.is_terminal() {
            self.live.remove(&index);
        } else {
            self.live.insert(index);
        }
    }

    fn reject(&mut self, index: usize, refusal: &Refusal) {
        self.change(index, |record| {
            record.status = OrderStatus::Rejected;
            record.reason = Some(format!("{}: {}", refusal.kind.as_str(), refusal.message));
        });
    }

    /// From now on its id is used, and from `at` on it can be asked for.
    fn publish(&mut self, index: usize, at: evenkeel_types::Timestamp) {
        self.change(index, |record| record.visible_from = Some(at));
        if let Some(id) = self.records.get(index).and_then(|record| record.id) {
            self.by_id.insert(id, index);
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
        let before = self.by_id.get(id).and_then(|index| self.records.get(index));
        let clash = match self.profile.capabilities.dedupe {
            Dedupe::Forever => before.is_some(),
            Dedupe::OpenOrders => before.is_some_and(|record| !record.status.is_terminal()),
            _ => false,
        };
        if clash { refused(ErrorKind::Rejected, "this order id is used already") } else { Ok(()) }
    }

    pub(crate) fn check_leg(&self, leg: PositionSide) -> Outcome<()> {
        let hedge = leg != PositionSide::Net;
        if hedge != (self.position_mode == PositionMode::Hedge) {
            return refused(ErrorKind::Rejected, "the order's leg does not fit the position mode");
        }
        Ok(())
    }

    /// What can be told from the order itself and the position, before any price.
    fn check_form(&self, intent: &OrderIntent) -> Outcome<()> {
        let instrument = self.state.instrument(&intent.symbol)?;
        self.state.market(&intent.symbol)?;
        self.check_leg(intent.position_side)?;
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

    pub(crate) fn receive_conditional(&mut self, order: &Conditional) -> Outcome<String> {
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
        let record = OrderRecord {
            id: order.id,
            qty: order.qty,
            limit: order.limit,
            trigger: Some(order.trigger),
            tif: TimeInForce::Gtc,
            reduce_only: order.reduce_only,
            kind: order.kind,
            ..self.blank(Origin::Client, (order.symbol.clone(), order.position_side), order.side)
        };
        let venue_order_id = record.venue_order_id.clone();
        let resting = Resting::of(&record, order.qty);
        let index = self.record(record);
        self.publish(index, self.now);
        let mut next = self.state.clone();
        next.book.insert(index, resting);
        self.commit(next, Cause::Write(Operation::Place));
        Ok(venue_order_id)
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
