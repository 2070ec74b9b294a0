//! Orders that wait for a price.

use evenkeel_exchange::{Operation, Result, StopIntent, StopOrders, StopState, StopStatus, async_trait};
use evenkeel_http::Failure;
use evenkeel_types::{ClientOrderId, OrderStatus, Symbol};

use super::reader::OrderKey;
use super::trader::{Bybit, Ready};
use crate::decode::OrderRecord;
use crate::encode;

#[async_trait]
impl StopOrders for Bybit {
    /// Conditional orders, up to ten in a request, reduce-only and closing. The trigger is the mark price. Without a worst
    /// price an order becomes a market order, which the venue bounds by its own distance from the mark; with one, an
    /// immediate order with that limit. Trailing stops are refused: see [`Bybit::set_trailing_stop`].
    async fn place_stops(&self, stops: &[StopIntent]) -> Vec<Result<StopState>> {
        let operation = Operation::PlaceStop;
        let decided = self.now();
        let contracts = self.contracts(stops.iter().map(|stop| &stop.symbol)).await;
        let mut outcomes: Vec<Option<Result<StopState>>> = Vec::with_capacity(stops.len());
        let mut ready = Vec::with_capacity(stops.len());
        for (index, stop) in stops.iter().enumerate() {
            let contract = self.rules_to_reduce(&contracts, &stop.symbol);
            match contract.and_then(|contract| encode::stop(stop, &contract)) {
                Ok(wire) => {
                    ready.push(Ready::new(index, stop.id, wire));
                    outcomes.push(None);
                }
                Err(failure) => outcomes.push(Some(self.told(operation, Err(failure)))),
            }
        }
        for (index, outcome) in self.send_orders(operation, ready, decided).await {
            let Some((place, stop)) = outcomes.get_mut(index).zip(stops.get(index)) else { continue };
            let state = outcome.map(|taken| StopState {
                id: stop.id,
                venue_order_id: Some(taken.venue_order_id),
                status: StopStatus::Waiting,
            });
            *place = Some(self.told(operation, state));
        }
        let unanswered = || self.told(operation, Err(Failure::unproven("no outcome for this order")));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered)).collect()
    }

    async fn stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<StopState>> {
        let record = self.reader.record(symbol, OrderKey::Client(id)).await;
        let state = record.map(|record| record.map(|record| stop_state(*id, record)));
        self.told(Operation::Stop, state)
    }

    async fn cancel_stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        let done = self.cancel_by(Operation::CancelStop, symbol, OrderKey::Client(id)).await;
        self.told(Operation::CancelStop, done)
    }
}

fn stop_state(id: ClientOrderId, record: OrderRecord) -> StopState {
    let traded = record.filled.is_positive();
    let status = match record.status {
        OrderStatus::Filled => StopStatus::Executed,
        OrderStatus::Cancelled | OrderStatus::Rejected if traded => StopStatus::Executed,
        OrderStatus::Cancelled => StopStatus::Cancelled,
        OrderStatus::Rejected => StopStatus::Rejected,
        _ if record.is_waiting() => StopStatus::Waiting,
        _ => StopStatus::Triggered,
    };
    StopState { id, venue_order_id: Some(record.venue_order_id), status }
}
