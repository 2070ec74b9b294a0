//! Orders that wait for a price.

use evenkeel_exchange::{
    Effect, ErrorKind, Operation, Result, StopIntent, StopOrders, StopSize, StopState, StopStatus,
    async_trait,
};
use evenkeel_http::{Failure, Urgency};
use evenkeel_types::{ClientOrderId, OrderStatus, PositionSide, Qty, Symbol, Timestamp};
use futures_util::future::join_all;

use super::plumbing::undecoded;
use super::reader::{OrderKey, looked};
use super::rules::Outcome;
use super::trader::BingX;
use crate::decode::{Contracts, OrderRecord, decode_acknowledgement};
use crate::encode;
use crate::endpoints;

#[async_trait]
impl StopOrders for BingX {
    /// Each in a request of its own, all at once. The trigger is the mark price; whether a trigger lies on the right side
    /// is judged by the venue with the last price. Without a worst price the order becomes a market order, which the
    /// venue bounds by the symbol's own tolerance.
    ///
    /// The venue promises to keep the client ids of ordinary orders only. The number that it gives a stop order is
    /// remembered by this connector; after a restart, and where no answer came, a stop is found only where the venue kept
    /// its id after all, or among the open orders.
    async fn place_stops(&self, stops: &[StopIntent]) -> Vec<Result<StopState>> {
        if stops.is_empty() {
            return Vec::new();
        }
        let decided = self.now();
        let last = match self.prepared(true).await {
            Ok(last) => last,
            Err(failure) => {
                return stops.iter().map(|_| self.told(Operation::PlaceStop, Err(failure.clone()))).collect();
            }
        };
        let last = last.as_deref();
        let placed = join_all(stops.iter().map(|stop| self.place_stop(stop, last, decided))).await;
        placed.into_iter().map(|state| self.told(Operation::PlaceStop, state)).collect()
    }

    /// `None` where the number is not remembered says nothing: the stop may wait all the same. Look for it among the open
    /// orders before another one is placed.
    async fn stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<StopState>> {
        let record = self.reader.record(symbol, &self.key_of(id)).await;
        let state = record.and_then(|record| record.map(|record| stop_state(*id, &record)).transpose());
        self.told(Operation::Stop, state)
    }

    /// Where the number is not remembered and the venue does not know the id, the outcome is unknown: the stop may wait all
    /// the same.
    async fn cancel_stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        let operation = Operation::CancelStop;
        let done = self.cancel_by(operation, symbol, &self.key_of(id)).await;
        self.told(operation, done)
    }
}

impl BingX {
    /// The venue's number where it is remembered, else our id.
    fn key_of(&self, id: &ClientOrderId) -> OrderKey {
        let number = self.reader.accounts.memory.lock().number_of(id);
        number.map_or(OrderKey::Client(*id), OrderKey::Number)
    }

    async fn place_stop(
        &self,
        stop: &StopIntent,
        last: Option<&Contracts>,
        decided: Timestamp,
    ) -> Outcome<StopState> {
        let accounts = &self.reader.accounts;
        let rules = self.rules_of(&stop.symbol, last).await?;
        let held = match stop.size {
            StopSize::WholePosition => looked(self.held(stop).await)?,
            _ => None,
        };
        let parameters = encode::stop(stop, &rules, held)?;
        let plumbing = self.reader.plumbing();
        let copy = {
            let sending = plumbing.by_venue(self.now());
            let mut memory = accounts.memory.lock();
            let copy = memory.sent_at(&stop.id).is_some();
            memory.sends(stop.id, sending);
            copy
        };
        let (operation, urgency) = (Operation::PlaceStop, Urgency::ReducesRisk);
        let reply = plumbing.write(operation, endpoints::PLACE, parameters, urgency, decided).await;
        let reply = reply.map_err(|failure| {
            let failure = self.noted(failure);
            // A refusal of a second copy says nothing about the first.
            if failure.effect == Effect::NotApplied && !copy {
                accounts.memory.lock().sent_none(&stop.id);
            }
            failure
        })?;
        let answer = decode_acknowledgement(reply.body()).map_err(|error| undecoded(&error))?;
        if answer.symbol != stop.symbol || answer.side != stop.side {
            let problem = format!("the answer is about a {} of {}", answer.side, answer.symbol);
            return Err(Failure::unproven(problem));
        }
        // The id may be missing here; another one may not stand in its place.
        if answer.client_order_id.as_deref().is_some_and(|id| id != stop.id.as_str()) {
            return Err(Failure::unproven(format!("order {} has another id", answer.venue_order_id)));
        }
        // Whatever else is wrong with it: by its number it can be cancelled.
        accounts.memory.lock().learn_number(&answer.venue_order_id, Some(stop.id));
        if let StopSize::Qty(qty) = stop.size {
            if let Some(ordered) = answer.ordered.filter(|ordered| *ordered != qty) {
                return Err(Failure::unproven(format!("{ordered} was ordered instead of {qty}")));
            }
            if stop.position_side == PositionSide::Net && answer.reduce_only == Some(false) {
                return Err(Failure::unproven("the stop was taken as one that may do more than reduce"));
            }
        }
        let status = answer.status.map_or(StopStatus::Waiting, |status| meaning(status, answer.filled));
        Ok(StopState { id: stop.id, venue_order_id: Some(answer.venue_order_id), status })
    }

    /// The size of the position that the order is for, read now.
    async fn held(&self, stop: &StopIntent) -> Outcome<Option<Qty>> {
        let rows = self.reader.accounts.held_in(&stop.symbol).await?;
        let mut rows = rows.iter().filter(|row| match stop.position_side {
            PositionSide::Net => true,
            PositionSide::Long => row.qty.is_positive(),
            PositionSide::Short => row.qty.is_negative(),
        });
        Ok(rows.next().map(|row| row.qty))
    }
}

fn meaning(status: OrderStatus, filled: Option<Qty>) -> StopStatus {
    let traded = filled.is_some_and(Qty::is_positive);
    match status {
        // What triggered is marked as filled, while its child is what trades.
        OrderStatus::Filled if !traded => StopStatus::Triggered,
        OrderStatus::Filled => StopStatus::Executed,
        OrderStatus::Cancelled if traded => StopStatus::Executed,
        OrderStatus::Cancelled => StopStatus::Cancelled,
        OrderStatus::Rejected => StopStatus::Rejected,
        _ => StopStatus::Waiting,
    }
}

fn stop_state(id: ClientOrderId, record: &OrderRecord) -> Outcome<StopState> {
    if record.id().is_some_and(|other| other != id) {
        let problem = format!("asked for stop {id}, the venue answered about another order");
        return Err(Failure::nothing(ErrorKind::Decode, problem));
    }
    let status = match record.venue_status.as_str() {
        "TRIGGERED" => StopStatus::Triggered,
        _ => meaning(record.status, Some(record.filled)),
    };
    Ok(StopState { id, venue_order_id: Some(record.venue_order_id.clone()), status })
}
