//! Stop orders as clients place them. What they wait for, and what then happens, is in `resting`.

use std::slice::from_ref;

use evenkeel_exchange::{ErrorKind, Operation, Result, StopIntent, StopSize, StopState, StopStatus, Trigger};
use evenkeel_types::{ClientOrderId, OrderKind, OrderStatus, Symbol};

use crate::orders::Conditional;
use crate::refusal::{Outcome, refused};
use crate::truth::OrderRecord;
use crate::world::{World, Write, Written};

impl World {
    /// Places stop orders: one outcome each. See
    /// [`StopOrders::place_stops`](evenkeel_exchange::StopOrders::place_stops). There are stop losses and take profits
    /// at a price; without a worst price they trade at any. One that would trigger at once is refused.
    pub fn place_stops(&mut self, stops: &[StopIntent]) -> Vec<Result<StopState>> {
        stops
            .iter()
            .map(|stop| match self.write(Write::Stop(stop.clone()))? {
                Written::Stop(state) => Ok(state),
                other => Err(self.unfit(Operation::PlaceStop, &other)),
            })
            .collect()
    }

    /// See [`StopOrders::stop`](evenkeel_exchange::StopOrders::stop).
    ///
    /// # Errors
    /// Only injected ones.
    pub fn stop(&mut self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<StopState>> {
        let found = self.find(Operation::Stop, symbol, id)?.as_ref().and_then(state);
        self.note(format_args!("asked for stop {id}: {:?}", found.as_ref().map(|stop| stop.status)));
        Ok(found)
    }

    /// See [`StopOrders::cancel_stop`](evenkeel_exchange::StopOrders::cancel_stop).
    ///
    /// # Errors
    /// Only injected ones: a stop that is unknown or over is not waiting.
    pub fn cancel_stop(&mut self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        self.write(Write::CancelStop(symbol.clone(), *id)).map(drop)
    }

    /// A record under this identity that can be asked for.
    pub(crate) fn find(
        &mut self,
        operation: Operation,
        symbol: &Symbol,
        id: &ClientOrderId,
    ) -> Result<Option<OrderRecord>> {
        let verdict = self.arrive(operation, from_ref(symbol));
        self.answers(operation, &verdict.fate)?;
        let found = self.by_id.get(id).and_then(|index| self.records.get(index));
        let found = found
            .filter(|record| !verdict.hidden && record.symbol == *symbol)
            .filter(|record| record.visible_from.is_some_and(|from| from <= self.now));
        Ok(found.cloned())
    }

    /// A stop order reaches the exchange.
    pub(crate) fn receive_stop(&mut self, stop: &StopIntent) -> Outcome<StopState> {
        let (kind, trigger) = match stop.trigger {
            Trigger::StopLoss(price) => (OrderKind::StopLoss, price),
            Trigger::TakeProfit(price) => (OrderKind::TakeProfit, price),
            _ => return refused(ErrorKind::NotSupported, "only stop losses and take profits at a price"),
        };
        let qty = match stop.size {
            StopSize::Qty(qty) => Some(qty),
            StopSize::WholePosition => None,
            _ => return refused(ErrorKind::NotSupported, "only a size, or the whole position"),
        };
        self.check_leg(stop.position_side)?;
        let rule = &self.state.instrument(&stop.symbol)?.price_rule;
        if !rule.accepts(trigger) || stop.worst.is_some_and(|worst| !rule.accepts(worst)) {
            return refused(ErrorKind::Invalid, "the price is no multiple of the tick");
        }
        if self.is_reached(&stop.symbol, kind, stop.side, trigger) {
            return refused(ErrorKind::Rejected, "it would trigger at once");
        }
        let venue_order_id = self.receive_conditional(&Conditional {
            id: Some(stop.id),
            symbol: stop.symbol.clone(),
            side: stop.side,
            position_side: stop.position_side,
            qty,
            trigger,
            limit: stop.worst,
            reduce_only: true,
            kind,
        })?;
        Ok(StopState { id: stop.id, venue_order_id: Some(venue_order_id), status: StopStatus::Waiting })
    }
}

/// As the traits show it; `None` for what is no stop order of ours.
fn state(record: &OrderRecord) -> Option<StopState> {
    record.trigger?;
    let status = match record.status {
        OrderStatus::Rejected => StopStatus::Rejected,
        OrderStatus::Filled => StopStatus::Executed,
        status if status.is_terminal() && !record.filled.is_zero() => StopStatus::Executed,
        status if status.is_terminal() => StopStatus::Cancelled,
        _ if record.kind == OrderKind::Limit => StopStatus::Triggered,
        _ => StopStatus::Waiting,
    };
    Some(StopState { id: record.id?, venue_order_id: Some(record.venue_order_id.clone()), status })
}
