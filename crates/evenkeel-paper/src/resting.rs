//! Orders that wait, and what prices do to them.

use evenkeel_types::{OrderKind, OrderStatus, Price, Side, Symbol, TimeInForce};

use crate::faults::Tweak;
use crate::matching::Attempt;
use crate::state::{Leg, Resting};
use crate::world::World;

impl World {
    /// After prices moved: resting orders that are crossed trade, conditional ones that are reached become active, and
    /// what then has too little margin is liquidated. Each order gets one chance per price.
    pub(crate) fn after_prices(&mut self) {
        let waiting: Vec<usize> = self.state.book.keys().copied().collect();
        for index in waiting {
            let Some(order) = self.state.book.get(&index).cloned() else { continue };
            if order.kind == OrderKind::Limit {
                self.cross(index, &order);
            } else if let Some(trigger) = order.trigger
                && self.is_reached(&order.symbol, order.kind, order.side, trigger)
            {
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

    pub(crate) fn is_reached(&self, symbol: &Symbol, kind: OrderKind, side: Side, trigger: Price) -> bool {
        let Ok(market) = self.state.market(symbol) else { return false };
        let mark = market.quote.mark;
        match (kind, side) {
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
        // What then rests is an ordinary order: it waits for its limit, and for no trigger any more.
        if order.limit.is_some() {
            self.change(index, |record| record.kind = OrderKind::Limit);
        }
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
}
