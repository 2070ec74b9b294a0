//! What this venue can do beyond the common traits.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel_exchange::{
    CancelAll, DeadManSwitch, Effect, ErrorKind, Operation, Protective, Result, StopIntent, StopOrders,
    StopState, StopStatus, async_trait,
};
use evenkeel_http::{Failure, Urgency, cut};
use evenkeel_types::{ClientOrderId, OrderKind, Qty, Symbol, Timestamp};
use futures_util::future::{join, join_all};

use super::trader::{Binance, Which, is_gone};
use crate::decode::{
    AlgoRecord, AlgoStatus, DecodeError, Markets, OrderRecord, decode_algo_cancelled, decode_algo_order,
    decode_algo_rows, decode_countdown, decode_done, decode_order_rows, decode_order_symbols,
};
use crate::encode::{self, Request, algo_by_id};
use crate::endpoints;

/// The venue's countdown is looked at about every ten milliseconds; shorter than this, an answer that is slow once
/// cancels everything.
const SWITCH_MIN: Duration = Duration::from_secs(1);

type Outcome<T> = std::result::Result<T, Failure>;

/// How many orders that are not understood an error names.
const NAMED_MAX: usize = 3;
/// For how long the venue keeps the record of an order that ended without an execution, and an hour for the clocks. Of one
/// that was executed it keeps it for 90 days.
const UNTRADED_KEPT: Duration = Duration::from_secs(3 * 24 * 3600 + 3600);

/// What rests, and what is said of the rows that are not understood.
#[derive(Debug)]
struct Resting {
    ordinary: Vec<OrderRecord>,
    conditional: Vec<AlgoRecord>,
    unread: Vec<Failure>,
}

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
        let encoded = |stop: &StopIntent, markets: &Markets| {
            let market = self.market(operation, markets, &stop.symbol)?;
            encode::stop(stop, market).map_err(|failure| self.error(operation, &failure))
        };
        let mut requests: Vec<Result<Request>> = stops.iter().map(|stop| encoded(stop, &markets)).collect();
        if requests.iter().any(Result::is_err)
            && let Some(markets) = self.reader.accounts.newer_rules(operation).await
        {
            let refused = stops.iter().zip(&mut requests).filter(|(_, request)| request.is_err());
            refused.for_each(|(stop, request)| *request = encoded(stop, &markets));
        }
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
        self.cancel_algo(Operation::CancelStop, symbol, Which::Ours(id)).await
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

    /// Where a stop order stands. What its order executed is in that order's own record, which can come late and goes after
    /// three days where nothing was executed; the conditional order has the size too.
    async fn stop_status(&self, operation: Operation, record: &AlgoRecord) -> Result<StopStatus> {
        let executed = record.executed.is_some_and(Qty::is_positive);
        let of_order = |order: &OrderRecord| match (order.status.is_terminal(), order.filled.is_zero()) {
            (false, _) => StopStatus::Triggered,
            (true, false) => StopStatus::Executed,
            // The two answers are of two moments; what was executed stays so.
            (true, true) if executed => StopStatus::Executed,
            (true, true) => StopStatus::Cancelled,
        };
        match (record.status, &record.order_id) {
            (AlgoStatus::New, _) => Ok(StopStatus::Waiting),
            (AlgoStatus::Rejected, _) => Ok(StopStatus::Rejected),
            (status, Some(number)) => {
                let urgency = Urgency::ReducesRisk;
                let order = self.reader.record_by_number(operation, &record.symbol, number, urgency).await?;
                match (order, status) {
                    (Some(order), _) => Ok(of_order(&order)),
                    // Its record can come into view later than the order.
                    (None, AlgoStatus::Triggered) => Ok(StopStatus::Triggered),
                    (None, _) if executed => Ok(StopStatus::Executed),
                    // Both say that nothing was executed: the conditional order itself, and that its order is forgotten
                    // after three days, as none is that was executed.
                    (None, _) if record.executed.is_some() && self.is_older(record, UNTRADED_KEPT) => {
                        Ok(StopStatus::Cancelled)
                    }
                    (None, _) => {
                        let problem =
                            format!("order {} of a stop order is not in view yet; ask again", cut(number));
                        Err(self.error(operation, &Failure::nothing(ErrorKind::NotFound, problem)))
                    }
                }
            }
            (AlgoStatus::Triggered, None) => Ok(StopStatus::Triggered),
            (AlgoStatus::Cancelled | AlgoStatus::Expired, None) => Ok(StopStatus::Cancelled),
            (AlgoStatus::Finished, None) if executed => Ok(StopStatus::Executed),
            (AlgoStatus::Finished, None) => {
                let problem = format!("stop order {} is finished, and names no order", cut(&record.algo_id));
                Err(self.error(operation, &Failure::nothing(ErrorKind::Decode, problem)))
            }
        }
    }

    /// Whether a stop order last changed longer ago than this.
    fn is_older(&self, record: &AlgoRecord, age: Duration) -> bool {
        let now = self.plumbing().by_venue(self.now());
        record.updated.is_some_and(|updated| now.since(updated) > age)
    }

    pub(super) async fn cancel_algo_number(&self, symbol: &Symbol, number: u64) -> Result<()> {
        self.cancel_algo(Operation::Cancel, symbol, Which::Number(&number.to_string())).await
    }

    async fn cancel_algo(&self, operation: Operation, symbol: &Symbol, which: Which<'_>) -> Result<()> {
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
        // After the venue's answer: only then its clock is known for sure.
        let unknown_is_over = match which {
            Which::Ours(id) => self.has_ended(id),
            // It has a number, so it was placed.
            Which::Number(_) => true,
        };
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
            // Whoever wants an order gone wants gone what it became, too.
            Some(record) if operation == Operation::Cancel && record.status == AlgoStatus::Triggered => {
                match record.order_id {
                    Some(number) => self.cancel_number(operation, symbol, &number, self.now()).await,
                    None => {
                        let problem =
                            "it has triggered; its order is not named yet, read the open orders again";
                        Err(failed(Failure::nothing(ErrorKind::NotFound, problem)))
                    }
                }
            }
            Some(_) => Ok(()),
            None if unknown_is_over => Ok(()),
            None => {
                let problem = "the venue does not know the order yet, and it may still arrive";
                Err(failed(Failure::new(ErrorKind::NotFound, Effect::Unknown, problem)))
            }
        }
    }

    /// Open orders of one symbol or of all, ordinary and, where they go too, conditional ones; and what could not be read of
    /// them.
    async fn resting(&self, symbol: Option<&Symbol>, protective: Protective) -> Outcome<Resting> {
        let request = |call| match symbol {
            Some(symbol) => Request::of(call, symbol).urgent(),
            None => Request::all(call).urgent(),
        };
        let (ordinary, conditional) = (request(endpoints::OPEN_ORDERS), request(endpoints::OPEN_ALGO_ORDERS));
        // The clock once for both.
        self.plumbing().ready().await?;
        let (ordinary, conditional) = join(self.plumbing().ask(Operation::Snapshot, &ordinary), async {
            match protective {
                Protective::Keep => None,
                Protective::Cancel => Some(self.plumbing().ask(Operation::Snapshot, &conditional).await),
            }
        })
        .await;
        let undecoded = |error: DecodeError| Failure::undecoded(&error, Effect::NotApplied);
        let ordinary = decode_order_rows(ordinary?.body()).map_err(undecoded)?;
        let conditional = match conditional {
            None => Vec::new(),
            Some(reply) => decode_algo_rows(reply?.body()).map_err(undecoded)?,
        };
        let (ordinary, unread) = understood(ordinary);
        let (conditional, others) = understood(conditional);
        Ok(Resting { ordinary, conditional, unread: unread.into_iter().chain(others).collect() })
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
        let failures = sent.into_iter().filter_map(Outcome::err).filter(|failure| !is_gone(failure));
        told(any, failures.collect())
    }
}

#[async_trait]
impl CancelAll for Binance {
    /// Open orders are read, and cancelled with one request for each symbol and book that has some. `Keep` leaves all
    /// conditional orders. One that is not understood keeps none of the others; it is told as an error afterwards.
    async fn cancel_all(&self, symbol: Option<&Symbol>, protective: Protective) -> Result<u32> {
        let operation = Operation::CancelAll;
        let decided = self.now();
        let failed = |failure: Failure| self.error(operation, &failure);
        let Resting { ordinary, conditional, unread } =
            self.resting(symbol, protective).await.map_err(failed)?;
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
            // One that is not understood may protect: then nothing is swept away either.
            if plain.len() == of_symbol.len() && (!keep || unread.is_empty()) {
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
        let any = !writes.is_empty();
        self.together(operation, writes, decided).await.map_err(failed)?;
        told(any, unread).map_err(failed)?;
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
    /// Sets the countdown of every symbol that is concerned; zero switches it off. What is known to have orders is not kept
    /// waiting by a list that cannot be read: that is told afterwards.
    async fn countdown(&self, operation: Operation, millis: u64) -> Outcome<()> {
        let decided = self.now();
        self.plumbing().ready().await?;
        let (open, unread) = self.symbols_with_orders().await;
        let symbols: BTreeSet<Symbol> = {
            let mut memory = self.reader.accounts.memory.lock();
            let symbols: BTreeSet<Symbol> =
                open.iter().chain(&memory.used).chain(&memory.armed).cloned().collect();
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
        {
            let mut memory = self.reader.accounts.memory.lock();
            for (symbol, outcome) in symbols.iter().zip(&sent) {
                // Where nothing rests and nothing can be placed there is nothing to cancel the next time.
                if outcome.as_ref().is_err_and(is_delisted) && !open.contains(symbol) {
                    memory.used.remove(symbol);
                    memory.armed.remove(symbol);
                }
            }
            if millis == 0 && sent.iter().all(Outcome::is_ok) {
                memory.armed.clear();
            }
        }
        let any = sent.iter().any(Outcome::is_ok);
        let failures: Vec<Failure> = sent.into_iter().filter_map(Outcome::err).chain(unread).collect();
        told(any, failures)
    }

    /// The symbols of all ordinary orders that rest, and what could not be read of them.
    async fn symbols_with_orders(&self) -> (BTreeSet<Symbol>, Option<Failure>) {
        let request = Request::all(endpoints::OPEN_ORDERS).urgent();
        let rows = self.plumbing().ask(Operation::Snapshot, &request).await.and_then(|reply| {
            decode_order_symbols(reply.body()).map_err(|error| Failure::undecoded(&error, Effect::NotApplied))
        });
        match rows {
            Ok(rows) => {
                let (symbols, unread) = understood(rows);
                (symbols.into_iter().collect(), unread)
            }
            Err(failure) => (BTreeSet::new(), Some(failure.unwritten())),
        }
    }
}

/// The rows that are understood, and a word about the others.
fn understood<T>(rows: Vec<std::result::Result<T, DecodeError>>) -> (Vec<T>, Option<Failure>) {
    let (mut known, mut others) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match row {
            Ok(row) => known.push(row),
            Err(error) => others.push(error.to_string()),
        }
    }
    let unread = (!others.is_empty()).then(|| {
        let named = others.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join("; ");
        let problem =
            format!("{} open orders are not understood, and stay as they are: {named}", others.len());
        Failure::nothing(ErrorKind::Decode, problem)
    });
    (known, unread)
}

/// What several writes come to: `Unknown` where one was carried out or may have been.
fn told(any: bool, failures: Vec<Failure>) -> Outcome<()> {
    let unknown = any || failures.iter().any(|failure| failure.effect == Effect::Unknown);
    match failures.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(if unknown { Failure { effect: Effect::Unknown, ..first } } else { first }),
    }
}

/// Whether the venue says that the symbol is not, or not any more, or takes no orders.
fn is_delisted(failure: &Failure) -> bool {
    matches!(failure.answered(), Some("-1121" | "-1122" | "-4141"))
}
