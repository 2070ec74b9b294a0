//! What this venue can do beyond the common traits.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel_exchange::{
    CancelAll, DeadManSwitch, Effect, ErrorKind, Operation, Protective, Result, StopIntent, StopOrders,
    StopState, StopStatus, async_trait,
};
use evenkeel_http::{Failure, cut};
use evenkeel_types::{ClientOrderId, OrderKind, Symbol, Timestamp};
use futures_util::future::{join, join_all};

use super::plumbing::SETTLED;
use super::trader::{Binance, Which, is_gone};
use crate::decode::{
    AlgoRecord, AlgoStatus, OrderRecord, decode_algo_cancelled, decode_algo_order, decode_algo_orders,
    decode_countdown, decode_done, decode_orders,
};
use crate::encode::{self, Request, algo_by_id};
use crate::endpoints;

/// The venue's countdown is looked at about every ten milliseconds; shorter than this, an answer that is slow once
/// cancels everything.
const SWITCH_MIN: Duration = Duration::from_secs(1);

type Outcome<T> = std::result::Result<T, Failure>;

/// One write of a cancelling of everything.
#[derive(Debug)]
enum Sweep<'a> {
    /// All orders of one symbol in one book.
    All(Request),
    /// One order, by its number.
    One(&'a Symbol, &'a str),
}

#[async_trait]
impl StopOrders for Binance {
    /// One request each, all at once: the venue has no batch of them.
    ///
    /// Stop loss and take profit trigger on the mark price, trailing orders on the last price, which is the venue's default.
    /// With a worst price they become limit orders that rest until cancelled; without one market orders, which the venue
    /// bounds at its `marketTakeBound` around the mark price (5 % for most).
    async fn place_stops(&self, stops: &[StopIntent]) -> Vec<Result<StopState>> {
        let operation = Operation::PlaceStop;
        let decided = self.now();
        if stops.is_empty() {
            return Vec::new();
        }
        let symbols = stops.iter().map(|stop| &stop.symbol);
        let markets = match self.reader.accounts.markets_for_writes(operation, symbols).await {
            Ok(markets) => markets,
            Err(error) => {
                let failure = Failure::of(&error);
                return stops.iter().map(|_| Err(self.error(operation, &failure))).collect();
            }
        };
        let requests: Vec<Result<Request>> = stops
            .iter()
            .map(|stop| {
                let market = self.market(operation, &markets, &stop.symbol)?;
                encode::stop(stop, market).map_err(|failure| self.error(operation, &failure))
            })
            .collect();
        // The clock once for all of them.
        if requests.iter().any(Result::is_ok)
            && let Err(failure) = self.plumbing().ready().await
        {
            return requests
                .into_iter()
                .map(|request| request.and_then(|_| Err(self.error(operation, &failure))))
                .collect();
        }
        let ready = stops.iter().zip(&requests).filter(|(_, request)| request.is_ok());
        self.remember(ready.map(|(stop, _)| (&stop.symbol, &stop.id)));
        join_all(stops.iter().zip(requests).map(|(stop, request)| async move {
            let placed = self.place_stop(stop, &request?, decided).await;
            placed.map_err(|failure| self.error(operation, &failure))
        }))
        .await
    }

    async fn stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<StopState>> {
        let operation = Operation::Stop;
        let record = self.algo_record(&algo_by_id(endpoints::ALGO_ORDER, symbol, id)).await;
        let Some(record) = record.map_err(|failure| self.error(operation, &failure))? else {
            return Ok(None);
        };
        if record.symbol != *symbol || record.client_id != id.as_str() {
            let problem =
                format!("asked for {id} in {symbol}, the venue answered about {}", cut(&record.algo_id));
            return Err(self.error(operation, &Failure::nothing(ErrorKind::Decode, problem)));
        }
        let status = self.stop_status(operation, &record).await?;
        Ok(Some(StopState { id: *id, venue_order_id: Some(record.open().venue_order_id), status }))
    }

    async fn cancel_stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        let operation = Operation::CancelStop;
        let ended = self.has_ended(id);
        self.cancel_algo(operation, symbol, Which::Ours(id), ended).await
    }
}

impl Binance {
    async fn place_stop(
        &self,
        stop: &StopIntent,
        request: &Request,
        decided: Timestamp,
    ) -> Outcome<StopState> {
        let operation = Operation::PlaceStop;
        let reply = self.set(operation, request, decided).await?;
        let record =
            decode_algo_order(reply.body()).map_err(|error| Failure::undecoded(&error, Effect::Unknown))?;
        if record.client_id != stop.id.as_str()
            || record.symbol != stop.symbol
            || record.side != stop.side
            || record.position_side != stop.position_side
        {
            let problem = format!("the answer is about order {}, sent was {}", cut(&record.algo_id), stop.id);
            return Err(Failure::new(ErrorKind::Decode, Effect::Unknown, problem));
        }
        let status = match record.status {
            AlgoStatus::New => StopStatus::Waiting,
            AlgoStatus::Rejected => StopStatus::Rejected,
            AlgoStatus::Cancelled | AlgoStatus::Expired => StopStatus::Cancelled,
            // Whether its order is over and has traded is asked for.
            AlgoStatus::Triggered | AlgoStatus::Finished => StopStatus::Triggered,
        };
        Ok(StopState { id: stop.id, venue_order_id: Some(record.open().venue_order_id), status })
    }

    /// Looking writes nothing, whatever it is looked for.
    async fn algo_record(&self, request: &Request) -> Outcome<Option<AlgoRecord>> {
        match self.plumbing().ask(Operation::Stop, request).await {
            Ok(reply) => {
                let record = decode_algo_order(reply.body());
                record.map(Some).map_err(|error| Failure::undecoded(&error, Effect::NotApplied))
            }
            Err(failure) if failure.kind == ErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Where a stop order stands; what its order executed is in that order's own record.
    async fn stop_status(&self, operation: Operation, record: &AlgoRecord) -> Result<StopStatus> {
        let of_order = |order: &OrderRecord| match (order.status.is_terminal(), order.filled.is_zero()) {
            (false, _) => StopStatus::Triggered,
            (true, false) => StopStatus::Executed,
            (true, true) => StopStatus::Cancelled,
        };
        match (record.status, &record.order_id) {
            (AlgoStatus::New, _) => Ok(StopStatus::Waiting),
            (AlgoStatus::Rejected, _) => Ok(StopStatus::Rejected),
            (status, Some(number)) => {
                let order = self.reader.record_by_number(operation, &record.symbol, number).await?;
                match (order, status) {
                    (Some(order), _) => Ok(of_order(&order)),
                    // Its record can come into view later than the order.
                    (None, AlgoStatus::Triggered) => Ok(StopStatus::Triggered),
                    // One that ended without trading is forgotten after three days; a young one is not in view yet.
                    (None, _) if self.has_settled(record) => Ok(StopStatus::Cancelled),
                    (None, _) => {
                        let problem =
                            format!("order {} of a stop order is not in view yet; ask again", cut(number));
                        Err(self.error(operation, &Failure::nothing(ErrorKind::NotFound, problem)))
                    }
                }
            }
            (AlgoStatus::Triggered, None) => Ok(StopStatus::Triggered),
            (AlgoStatus::Cancelled | AlgoStatus::Expired, None) => Ok(StopStatus::Cancelled),
            (AlgoStatus::Finished, None) => {
                let problem = format!("stop order {} is finished, and names no order", cut(&record.algo_id));
                Err(self.error(operation, &Failure::nothing(ErrorKind::Decode, problem)))
            }
        }
    }

    /// Whether a stop order changed so long ago that the record of its order must be in view.
    fn has_settled(&self, record: &AlgoRecord) -> bool {
        let now = self.plumbing().by_venue(self.now());
        record.updated.is_some_and(|updated| now.since(updated) >= SETTLED)
    }

    pub(super) async fn cancel_algo_number(&self, symbol: &Symbol, number: u64) -> Result<()> {
        // It has a number, so it was placed.
        self.cancel_algo(Operation::Cancel, symbol, Which::Number(&number.to_string()), true).await
    }

    async fn cancel_algo(
        &self,
        operation: Operation,
        symbol: &Symbol,
        which: Which<'_>,
        unknown_is_over: bool,
    ) -> Result<()> {
        let request = |call| match which {
            Which::Ours(id) => algo_by_id(call, symbol, id),
            Which::Number(number) => Request::of(call, symbol).with("algoId", number),
        };
        let is_asked = |number: &str, id: &str| match which {
            Which::Ours(ours) => id == ours.as_str(),
            Which::Number(asked) => number == asked,
        };
        let failed = |failure: Failure| self.error(operation, &failure);
        match self.set(operation, &request(endpoints::CANCEL_ALGO), self.now()).await {
            Ok(reply) => {
                let (number, id) = decode_algo_cancelled(reply.body())
                    .map_err(|error| failed(Failure::undecoded(&error, Effect::Unknown)))?;
                if is_asked(&number, &id) {
                    return Ok(());
                }
                let problem = format!("the answer is about another stop order, {}", cut(&number));
                return Err(failed(Failure::new(ErrorKind::Decode, Effect::Unknown, problem)));
            }
            Err(failure) if is_gone(&failure) => {}
            Err(failure) => return Err(failed(failure)),
        }
        match self.algo_record(&request(endpoints::ALGO_ORDER)).await.map_err(failed)? {
            Some(record) if record.symbol != *symbol || !is_asked(&record.algo_id, &record.client_id) => {
                let problem =
                    format!("the venue answered about another stop order, {}", cut(&record.algo_id));
                Err(failed(Failure::nothing(ErrorKind::Decode, problem)))
            }
            Some(record) if record.status == AlgoStatus::New => {
                let problem = format!("stop order {} is still waiting", cut(&record.algo_id));
                Err(failed(Failure::nothing(ErrorKind::NotFound, problem)))
            }
            Some(_) => Ok(()),
            None if unknown_is_over => Ok(()),
            None => {
                let problem = "the venue does not know the order yet, and it may still arrive";
                Err(failed(Failure::new(ErrorKind::NotFound, Effect::Unknown, problem)))
            }
        }
    }

    /// Open orders of one symbol or of all, ordinary and conditional ones.
    async fn resting(&self, symbol: Option<&Symbol>) -> Outcome<(Vec<OrderRecord>, Vec<AlgoRecord>)> {
        let request = |call| match symbol {
            Some(symbol) => Request::of(call, symbol).urgent(),
            None => Request::all(call).urgent(),
        };
        let (ordinary, conditional) = (request(endpoints::OPEN_ORDERS), request(endpoints::OPEN_ALGO_ORDERS));
        // The clock once for both.
        self.plumbing().ready().await?;
        let (ordinary, conditional) = join(
            self.plumbing().ask(Operation::Snapshot, &ordinary),
            self.plumbing().ask(Operation::Snapshot, &conditional),
        )
        .await;
        let unread = |error: crate::decode::DecodeError| Failure::undecoded(&error, Effect::NotApplied);
        Ok((
            decode_orders(ordinary?.body()).map_err(unread)?,
            decode_algo_orders(conditional?.body()).map_err(unread)?,
        ))
    }

    /// Carries out many writes at once. An error of one is `Unknown` where another one was carried out.
    async fn together(
        &self,
        operation: Operation,
        writes: Vec<Sweep<'_>>,
        decided: Timestamp,
    ) -> Outcome<()> {
        let sent = join_all(writes.iter().map(|sweep| async move {
            match sweep {
                Sweep::All(request) => {
                    let reply = self.set(operation, request, decided).await?;
                    decode_done(reply.body()).map_err(|error| Failure::undecoded(&error, Effect::Unknown))
                }
                Sweep::One(symbol, number) => {
                    self.cancel_request(operation, symbol, Which::Number(number), decided).await.map(drop)
                }
            }
        }))
        .await;
        let any = sent.iter().any(Outcome::is_ok);
        let mut failures = sent.into_iter().filter_map(Outcome::err).filter(|failure| !is_gone(failure));
        match failures.next() {
            None => Ok(()),
            Some(first) => {
                let unknown = any || failures.any(|failure| failure.effect == Effect::Unknown);
                Err(if unknown { Failure { effect: Effect::Unknown, ..first } } else { first })
            }
        }
    }
}

#[async_trait]
impl CancelAll for Binance {
    /// Open orders are read, and cancelled with one request for each symbol and book that has some. `Keep` leaves all
    /// conditional orders.
    async fn cancel_all(&self, symbol: Option<&Symbol>, protective: Protective) -> Result<u32> {
        let operation = Operation::CancelAll;
        let decided = self.now();
        let failed = |failure: Failure| self.error(operation, &failure);
        let (ordinary, conditional) = self.resting(symbol).await.map_err(failed)?;
        let keep = protective == Protective::Keep;
        let mut writes = Vec::new();
        let mut count: usize = 0;
        let symbols: BTreeSet<&Symbol> = ordinary.iter().map(|order| &order.symbol).collect();
        for symbol in symbols {
            let of_symbol: Vec<&OrderRecord> =
                ordinary.iter().filter(|order| order.symbol == *symbol).collect();
            let plain: Vec<&OrderRecord> =
                of_symbol.iter().filter(|order| !keep || order.kind == OrderKind::Limit).copied().collect();
            count = count.saturating_add(plain.len());
            if plain.len() == of_symbol.len() {
                writes.push(Sweep::All(Request::of(endpoints::CANCEL_ALL, symbol)));
                continue;
            }
            // Conditional orders from before they had a book of their own: what stays must not be swept away.
            writes.extend(plain.iter().map(|order| Sweep::One(symbol, &order.venue_order_id)));
        }
        if !keep {
            let symbols: BTreeSet<&Symbol> = conditional.iter().map(|order| &order.symbol).collect();
            count = count.saturating_add(conditional.len());
            writes.extend(
                symbols.into_iter().map(|symbol| Sweep::All(Request::of(endpoints::CANCEL_ALL_ALGO, symbol))),
            );
        }
        self.together(operation, writes, decided).await.map_err(failed)?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

#[async_trait]
impl DeadManSwitch for Binance {
    /// The venue has it for each symbol: armed are the symbols with open orders, those that this connector sent orders
    /// for, and those armed before. An order that somebody else places for another symbol is covered from the next call
    /// on. Ordinary orders only; whether the venue counts conditional ones is not documented.
    async fn arm(&self, within: Duration) -> Result<()> {
        let operation = Operation::DeadManSwitch;
        if within < SWITCH_MIN {
            let problem = format!(
                "{within:?} is too soon: at least {SWITCH_MIN:?}, so that a late answer cancels nothing"
            );
            return Err(self.error(operation, &Failure::nothing(ErrorKind::Invalid, problem)));
        }
        let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        self.countdown(operation, millis).await.map_err(|failure| self.error(operation, &failure))
    }

    async fn disarm(&self) -> Result<()> {
        let operation = Operation::DeadManSwitch;
        self.countdown(operation, 0).await.map_err(|failure| self.error(operation, &failure))
    }
}

impl Binance {
    /// Sets the countdown of every symbol that is concerned; zero switches it off.
    async fn countdown(&self, operation: Operation, millis: u64) -> Outcome<()> {
        let decided = self.now();
        self.plumbing().ready().await?;
        let open =
            self.plumbing().ask(Operation::Snapshot, &Request::all(endpoints::OPEN_ORDERS).urgent()).await;
        let ordinary =
            decode_orders(open?.body()).map_err(|error| Failure::undecoded(&error, Effect::NotApplied))?;
        let symbols: BTreeSet<Symbol> = {
            let mut memory = self.reader.accounts.memory.lock();
            let mut symbols: BTreeSet<Symbol> = ordinary.into_iter().map(|order| order.symbol).collect();
            symbols.extend(memory.used.iter().chain(&memory.armed).cloned());
            // Before it is sent: one whose answer is lost may be armed.
            if millis > 0 {
                memory.armed = symbols.clone();
            }
            symbols
        };
        let sent = join_all(symbols.iter().map(|symbol| async move {
            let request = Request::of(endpoints::COUNTDOWN, symbol).with("countdownTime", millis);
            let reply = self.set(operation, &request, decided).await?;
            let (of, armed) = decode_countdown(reply.body())
                .map_err(|error| Failure::undecoded(&error, Effect::Unknown))?;
            if of == *symbol && armed == millis {
                return Ok(());
            }
            let problem = format!("asked for {millis} ms in {symbol}, the venue answered {armed} ms in {of}");
            Err(Failure::new(ErrorKind::Decode, Effect::Unknown, problem))
        }))
        .await;
        let any = sent.iter().any(Outcome::is_ok);
        match sent.into_iter().find_map(Outcome::err) {
            None => {
                if millis == 0 {
                    self.reader.accounts.memory.lock().armed.clear();
                }
                Ok(())
            }
            Some(first) if any => Err(Failure { effect: Effect::Unknown, ..first }),
            Some(first) => Err(first),
        }
    }
}
