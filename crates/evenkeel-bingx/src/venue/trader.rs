//! The connector that trades. Every write is signed once, sent once, and its answer read as it stands.

use std::sync::Arc;

use evenkeel_exchange::{
    Abilities, Effect, ErrorKind, FundingRate, Observe, Operation, OrderRequest, ReadAbilities, Result,
    Trade, async_trait,
};
use evenkeel_http::{Failure, Urgency, VenueClock, cut};
use evenkeel_types::{
    Capabilities, ClientOrderId, FeeRates, Fill, Instruments, Leverage, LeverageSetting, MarginMode,
    OrderState, OrderStatus, PositionMode, Scope, Snapshot, Symbol, Timestamp, Usd, VenueId,
};
use futures_util::future::join_all;

use super::outcomes::{Ready, entry_of, of_copy, order_state, refused_setting};
use super::plumbing::undecoded;
use super::reader::{OrderKey, Reader, looked};
use super::rules::{Outcome, contract_in, of};
use crate::config::{Builder, Settings};
use crate::decode::{
    CancelledOrder, Contract, Contracts, decode_acknowledgement, decode_batch, decode_cancel,
    decode_leverage_set, decode_margin_moved, decode_margin_type,
};
use crate::encode::{self, Parameters};
use crate::endpoints;
use crate::error::Means as _;

/// BingX for trading: an API key with the right to trade perpetuals. See the [crate documentation](crate).
///
/// Cheap to clone; clones share what was read and which ids were sent.
#[derive(Debug, Clone)]
pub struct BingX {
    pub(super) reader: Reader,
}

impl BingX {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut reader = Reader::new(settings);
        reader.trades = true;
        Self { reader }
    }

    /// States the environment, then the credentials; see [`Builder`].
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The part that only reads: give it to whoever must not trade.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let mut reader = self.reader.clone();
        reader.trades = false;
        reader
    }

    /// The venue's clock, as far as it is known; see [`Reader::clock`].
    #[must_use]
    pub fn clock(&self) -> VenueClock {
        self.reader.clock()
    }

    pub(super) fn told<T>(&self, operation: Operation, outcome: Outcome<T>) -> Result<T> {
        self.reader.told(operation, outcome)
    }

    /// What follows from a refusal for later calls.
    pub(super) fn noted(&self, failure: Failure) -> Failure {
        if failure.message.contains("PositionSide") || failure.message.contains("Side field") {
            self.reader.accounts.memory.lock().forget_position_mode();
        }
        failure
    }

    /// Reads what every order needs, once for all: the venue's time and the contracts. Where the contracts cannot be read
    /// again, orders that all reduce are checked by the list that was read last, which is the answer then: the venue has
    /// the last word, and closing must not depend on a list of a thousand others.
    pub(super) async fn prepared(&self, reduces: bool) -> Outcome<Option<Arc<Contracts>>> {
        looked(self.reader.plumbing().venue_now().await)?;
        let accounts = &self.reader.accounts;
        match looked(accounts.contracts().await) {
            Ok(_) => Ok(None),
            Err(failure) => {
                let last = accounts.memory.lock().last_contracts();
                last.filter(|_| reduces).map(Some).ok_or(failure)
            }
        }
    }

    /// The rules of a contract, from the list that was read `last` where there is no newer one.
    pub(super) async fn rules_of(&self, symbol: &Symbol, last: Option<&Contracts>) -> Outcome<Contract> {
        match last {
            Some(contracts) => contract_in(contracts, symbol),
            None => looked(self.reader.accounts.contract(symbol).await),
        }
    }

    /// The present moment, by which what is decided now is measured.
    pub(super) fn now(&self) -> Timestamp {
        self.reader.plumbing().now()
    }

    /// Orders of one request, with one outcome each.
    async fn place_batch(&self, batch: &[Ready<'_>], decided: Timestamp) -> Vec<Outcome<OrderState>> {
        let reduces = batch.iter().all(|order| order.intent.reduce_only);
        let urgency = if reduces { Urgency::ReducesRisk } else { Urgency::Ordinary };
        let outcomes = match batch {
            [] => Vec::new(),
            [order] => vec![self.place_one(order, urgency, decided).await],
            orders => self.place_many(orders, urgency, decided).await,
        };
        let mut memory = self.reader.accounts.memory.lock();
        for (order, outcome) in batch.iter().zip(&outcomes) {
            match outcome {
                Ok(state) => {
                    if let Some(number) = &state.venue_order_id {
                        memory.learn_number(number, Some(order.intent.id));
                    }
                }
                // A refusal of a second copy says nothing about the first, which may still be on its way.
                Err(failure) if failure.effect == Effect::NotApplied && !order.again && !order.copy => {
                    memory.sent_none(&order.intent.id);
                }
                Err(_) => {}
            }
        }
        outcomes
    }

    async fn place_one(
        &self,
        order: &Ready<'_>,
        urgency: Urgency,
        decided: Timestamp,
    ) -> Outcome<OrderState> {
        let plumbing = self.reader.plumbing();
        let parameters = order.parameters.clone();
        let reply = plumbing.write(Operation::Place, endpoints::PLACE, parameters, urgency, decided).await;
        let reply = reply.map_err(|failure| of_copy(self.noted(failure), order.again))?;
        let answer = decode_acknowledgement(reply.body()).map_err(|error| undecoded(&error))?;
        order_state(order.intent, answer)
    }

    async fn place_many(
        &self,
        orders: &[Ready<'_>],
        urgency: Urgency,
        decided: Timestamp,
    ) -> Vec<Outcome<OrderState>> {
        let parameters: Vec<Parameters> = orders.iter().map(|order| order.parameters.clone()).collect();
        let parameters = vec![("batchOrders", encode::batch(&parameters))];
        let plumbing = self.reader.plumbing();
        let reply =
            plumbing.write(Operation::Place, endpoints::PLACE_BATCH, parameters, urgency, decided).await;
        let entries = reply.and_then(|reply| decode_batch(reply.body()).map_err(|error| undecoded(&error)));
        let entries = match entries {
            Ok(entries) => entries,
            Err(failure) => {
                let failure = self.noted(failure);
                // Orders of a batch are carried out side by side: what is wrong with one of them says nothing about the
                // others. Only what was refused before any was looked at is refused for all.
                let effect = if failure.is_before_orders() { failure.effect } else { Effect::Unknown };
                return orders.iter().map(|_| Err(Failure { effect, ..failure.clone() })).collect();
            }
        };
        orders.iter().map(|order| entry_of(order, &entries)).collect()
    }

    async fn set_leverage_of(&self, symbol: &Symbol, leverage: Leverage) -> Outcome<()> {
        let accounts = &self.reader.accounts;
        let decided = self.now();
        looked(self.reader.plumbing().venue_now().await)?;
        let (mode, reading) =
            futures_util::future::join(accounts.position_mode(), accounts.leverage_now(symbol)).await;
        let (mode, (_, reading)) = (looked(mode)?, looked(reading)?);
        let number = encode::leverage(symbol, leverage, reading.max)?;
        let sides: Vec<(&'static str, Leverage)> = match mode {
            PositionMode::OneWay if reading.long == leverage && reading.short == leverage => Vec::new(),
            PositionMode::OneWay => vec![("BOTH", reading.long.min(reading.short))],
            PositionMode::Hedge => [("LONG", reading.long), ("SHORT", reading.short)]
                .into_iter()
                .filter(|(_, current)| *current != leverage)
                .collect(),
        };
        accounts.memory.lock().forget_setting(symbol, self.now());
        let written = join_all(sides.iter().map(|(side, current)| {
            let mut parameters = of(symbol);
            parameters.extend([("leverage", number.clone()), ("side", (*side).to_owned())]);
            // Only lowering takes risk away.
            let urgency = if leverage < *current { Urgency::ReducesRisk } else { Urgency::Ordinary };
            self.write_leverage(symbol, leverage, parameters, urgency, decided)
        }))
        .await;
        // Whatever was read meanwhile may be from before.
        accounts.memory.lock().forget_setting(symbol, self.now());
        let changed = written.iter().any(std::result::Result::is_ok);
        let failures: Vec<Failure> = written.into_iter().filter_map(std::result::Result::err).collect();
        // One side may be set and the other not; and of two failures the one that proves less counts.
        let unknown = changed || failures.iter().any(|failure| failure.effect == Effect::Unknown);
        match failures.into_iter().next() {
            None => Ok(()),
            Some(failure) => {
                let failure = self.noted(failure);
                Err(if unknown { Failure { effect: Effect::Unknown, ..failure } } else { failure })
            }
        }
    }

    async fn write_leverage(
        &self,
        symbol: &Symbol,
        leverage: Leverage,
        parameters: Parameters,
        urgency: Urgency,
        decided: Timestamp,
    ) -> Outcome<()> {
        let (operation, endpoint) = (Operation::SetLeverage, endpoints::SET_LEVERAGE);
        let reply = self.reader.plumbing().write(operation, endpoint, parameters, urgency, decided).await;
        let reply = reply.map_err(refused_setting)?;
        let now = decode_leverage_set(reply.body(), symbol).map_err(|error| undecoded(&error))?;
        if now == leverage {
            return Ok(());
        }
        Err(Failure::unproven(format!("{symbol}: {leverage}x was to be set, the venue answered {now}x")))
    }

    async fn set_margin_mode_of(&self, symbol: &Symbol, mode: MarginMode) -> Outcome<()> {
        let accounts = &self.reader.accounts;
        let decided = self.now();
        // A symbol that is not listed is told before anything is signed.
        looked(accounts.contract(symbol).await)?;
        let name = match mode {
            MarginMode::Cross => "CROSSED",
            MarginMode::Isolated => "ISOLATED",
        };
        let mut parameters = of(symbol);
        parameters.push(("marginType", name.to_owned()));
        accounts.memory.lock().forget_setting(symbol, self.now());
        let (operation, endpoint) = (Operation::SetMarginMode, endpoints::SET_MARGIN_TYPE);
        let plumbing = self.reader.plumbing();
        let written = plumbing.write(operation, endpoint, parameters, Urgency::Ordinary, decided).await;
        accounts.memory.lock().forget_setting(symbol, self.now());
        // Repeating the mode that it has is answered with success.
        let reply = written.map_err(refused_setting)?;
        let now = decode_margin_type(reply.body(), symbol).map_err(|error| undecoded(&error))?;
        if now == mode {
            return Ok(());
        }
        Err(Failure::unproven(format!("{symbol}: {mode} was to be set, the venue answered {now}")))
    }

    async fn adjust_margin_of(&self, symbol: &Symbol, delta: Usd) -> Outcome<()> {
        let invalid =
            |problem: &str| Err(Failure::nothing(ErrorKind::Invalid, format!("{symbol}: {problem}")));
        if delta.is_zero() {
            return invalid("there is nothing to move");
        }
        let accounts = &self.reader.accounts;
        let decided = self.now();
        looked(self.reader.plumbing().venue_now().await)?;
        let (mode, rows) =
            futures_util::future::join(accounts.position_mode(), accounts.held_in(symbol)).await;
        let (mode, rows) = (looked(mode)?, looked(rows)?);
        let side = match (rows.as_slice(), mode) {
            ([row], _) if row.mode == MarginMode::Cross => {
                return invalid("the position is cross: it has no margin of its own");
            }
            ([_], PositionMode::OneWay) => "BOTH",
            ([row], PositionMode::Hedge) if row.qty.is_negative() => "SHORT",
            ([_], PositionMode::Hedge) => "LONG",
            ([], _) => return invalid("there is no position whose margin could be moved"),
            _ => return invalid("several positions are held: close all but one first"),
        };
        let (kind, urgency) =
            if delta.is_positive() { ("1", Urgency::ReducesRisk) } else { ("2", Urgency::Ordinary) };
        let mut parameters = of(symbol);
        parameters.extend([
            ("amount", delta.abs().to_string()),
            ("positionSide", side.to_owned()),
            ("type", kind.to_owned()),
        ]);
        let (operation, endpoint) = (Operation::AdjustMargin, endpoints::POSITION_MARGIN);
        let reply = self.reader.plumbing().write(operation, endpoint, parameters, urgency, decided).await?;
        let moved = decode_margin_moved(reply.body()).map_err(|error| undecoded(&error))?;
        if moved == delta {
            return Ok(());
        }
        Err(Failure::unproven(format!("{symbol}: {delta} was to be moved, the venue answered {moved}")))
    }

    /// Cancels; `Ok` too where the order is not open any more.
    pub(super) async fn cancel_by(
        &self,
        operation: Operation,
        symbol: &Symbol,
        key: &OrderKey,
    ) -> Outcome<()> {
        let decided = self.now();
        let mut parameters = of(symbol);
        parameters.push(key.parameter());
        let plumbing = self.reader.plumbing();
        let written =
            plumbing.write(operation, endpoints::CANCEL, parameters, Urgency::ReducesRisk, decided).await;
        let unproven = match written {
            Ok(reply) => {
                let answer = decode_cancel(reply.body()).map_err(|error| undecoded(&error))?;
                is_about(&answer, symbol, key)?;
                // Of an order that the answer does not name by what was asked for, its status is no proof.
                let is_named = match key {
                    OrderKey::Client(id) => answer.client_order_id.as_deref() == Some(id.as_str()),
                    OrderKey::Number(number) => answer.venue_order_id.as_ref() == Some(number),
                };
                if is_named && answer.status.is_some_and(OrderStatus::is_terminal) {
                    return Ok(());
                }
                // Taken in; whether it is done the order's record says.
                Failure::unproven("the cancel was taken in, and the order is still open")
            }
            // "Not there" is said of filled, cancelled and unknown orders, and of those that are still on their way.
            Err(failure) if failure.is_gone() => return self.is_over(operation, symbol, key).await,
            // The same id may be cancelled once a second: whether the first one did is asked for.
            Err(failure) if failure.is_used_id() => failure,
            Err(failure) => return Err(failure),
        };
        match self.reader.record(symbol, key).await {
            Ok(Some(record)) if record.status.is_terminal() => Ok(()),
            _ => Err(unproven),
        }
    }

    /// Whether an order that could not be cancelled is over. One that was sent and not heard of may still arrive.
    async fn is_over(&self, operation: Operation, symbol: &Symbol, key: &OrderKey) -> Outcome<()> {
        let open = |problem: String, effect| Err(Failure::new(ErrorKind::NotFound, effect, problem));
        let record = looked(self.reader.record(symbol, key).await)?;
        let arriving = self.is_arriving(key);
        match record {
            Some(record) if record.status.is_terminal() => Ok(()),
            Some(record) => {
                open(format!("order {} is still open", record.venue_order_id), Effect::NotApplied)
            }
            // The venue keeps no ids of stops: that it knows none says nothing about one that waits.
            None if operation == Operation::CancelStop && matches!(key, OrderKey::Client(_)) => {
                let problem = "the venue knows no such id, and stops are found by their number only; it may still \
                               wait: look for it among the open orders";
                open(problem.into(), Effect::Unknown)
            }
            None if arriving => {
                open("the venue does not know the order yet, and it may still arrive".into(), Effect::Unknown)
            }
            None => Ok(()),
        }
    }

    /// Whether an order that the venue does not show may still come into view. An id that was not sent from here may have
    /// been sent by an earlier process, until just before this one began.
    fn is_arriving(&self, key: &OrderKey) -> bool {
        let plumbing = self.reader.plumbing();
        let now = plumbing.by_venue(self.now());
        let memory = self.reader.accounts.memory.lock();
        let sent = match key {
            OrderKey::Client(id) => Some(memory.sent_at(id).unwrap_or_else(|| plumbing.started())),
            // It was placed; but one that was placed a moment ago need not show yet.
            OrderKey::Number(number) => memory.id_of(number).flatten().and_then(|id| memory.sent_at(&id)),
        };
        sent.is_some_and(|sent| now <= sent.after(plumbing.arrival()))
    }
}

/// Refuses an answer about another order than the one that was to be cancelled.
fn is_about(answer: &CancelledOrder, symbol: &Symbol, key: &OrderKey) -> Outcome<()> {
    let other = match key {
        OrderKey::Client(id) => answer.client_order_id.as_deref().is_some_and(|found| found != id.as_str()),
        OrderKey::Number(number) => answer.venue_order_id.as_ref().is_some_and(|found| found != number),
    };
    if other || answer.symbol.as_ref().is_some_and(|found| found != symbol) {
        let number = answer.venue_order_id.as_deref().unwrap_or("another number");
        return Err(Failure::unproven(format!(
            "the answer is about order {number}, not about the one meant"
        )));
    }
    Ok(())
}

#[async_trait]
impl Observe for BingX {
    fn venue(&self) -> &VenueId {
        self.reader.venue()
    }

    fn capabilities(&self) -> &Capabilities {
        self.reader.capabilities()
    }

    async fn server_time(&self) -> Result<Timestamp> {
        self.reader.server_time().await
    }

    async fn instruments(&self) -> Result<Instruments> {
        self.reader.instruments().await
    }

    async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        self.reader.snapshot(scope).await
    }

    async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        self.reader.leverages(symbols).await
    }

    async fn order(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>> {
        self.reader.order(symbol, id).await
    }

    async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>> {
        self.reader.fills(symbols, since).await
    }

    async fn funding(&self, symbol: &Symbol) -> Result<FundingRate> {
        self.reader.funding(symbol).await
    }

    async fn fees(&self, symbol: &Symbol) -> Result<FeeRates> {
        self.reader.fees(symbol).await
    }

    fn read_abilities(&self) -> ReadAbilities<'_> {
        self.reader.read_abilities()
    }
}

#[async_trait]
impl Trade for BingX {
    /// Five orders go in one request, and all requests at once; an order that is alone goes in one of its own, whose
    /// refusals say more.
    async fn place(&self, orders: &[OrderRequest]) -> Vec<Result<OrderState>> {
        let operation = Operation::Place;
        let decided = self.now();
        let accounts = &self.reader.accounts;
        if orders.is_empty() {
            return Vec::new();
        }
        let reduces = orders.iter().all(|order| order.intent().reduce_only);
        let last = match self.prepared(reduces).await {
            Ok(last) => last,
            Err(failure) => {
                return orders.iter().map(|_| self.told(operation, Err(failure.clone()))).collect();
            }
        };
        let rules =
            join_all(orders.iter().map(|order| self.rules_of(&order.intent().symbol, last.as_deref()))).await;
        let sending = self.reader.plumbing().by_venue(self.now());
        let mut outcomes: Vec<Option<Outcome<OrderState>>> = Vec::with_capacity(orders.len());
        let mut ready = Vec::with_capacity(orders.len());
        for (index, (order, rules)) in orders.iter().zip(rules).enumerate() {
            let intent = order.intent();
            let parameters = rules.and_then(|rules| encode::order(intent, &rules));
            let parameters = parameters.and_then(|parameters| match encode::fits_json(&intent.symbol) {
                true => Ok(parameters),
                false => Err(Failure::nothing(ErrorKind::Invalid, "a symbol with quotes cannot be sent")),
            });
            let twice = ready.iter().any(|other: &Ready<'_>| other.intent.id == intent.id);
            let parameters = parameters.and_then(|parameters| match twice {
                false => Ok(parameters),
                true => Err(Failure::nothing(ErrorKind::Invalid, "two orders of one call have the same id")),
            });
            match parameters {
                Ok(parameters) => {
                    let (again, copy) = {
                        let mut memory = accounts.memory.lock();
                        let copy = memory.sent_at(&intent.id).is_some();
                        memory.sends(intent.id, sending);
                        (memory.number_of(&intent.id).is_some(), copy)
                    };
                    ready.push(Ready { index, intent, parameters, again, copy });
                    outcomes.push(None);
                }
                Err(failure) => outcomes.push(Some(Err(failure))),
            }
        }
        let per_request = usize::try_from(self.capabilities().orders_per_request).unwrap_or(1);
        // More than that the venue takes in no request, whatever was given for capabilities.
        let most = usize::try_from(crate::capabilities::ORDERS_PER_REQUEST).unwrap_or(1);
        let batches: Vec<&[Ready<'_>]> = ready.chunks(per_request.clamp(1, most)).collect();
        let answers = join_all(batches.iter().map(|batch| self.place_batch(batch, decided))).await;
        for (order, answer) in
            batches.iter().flat_map(|batch| batch.iter()).zip(answers.into_iter().flatten())
        {
            if let Some(outcome) = outcomes.get_mut(order.index) {
                *outcome = Some(answer);
            }
        }
        let unanswered = || Err(Failure::unproven("no outcome for this order"));
        let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered));
        outcomes.map(|outcome| self.told(operation, outcome)).collect()
    }

    async fn cancel(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        let operation = Operation::Cancel;
        let done = self.cancel_by(operation, symbol, &OrderKey::Client(*id)).await;
        self.told(operation, done)
    }

    async fn cancel_by_venue_id(&self, symbol: &Symbol, venue_order_id: &str) -> Result<()> {
        let operation = Operation::Cancel;
        let number = venue_order_id;
        let digits = (1..=40).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        let done = if digits {
            self.cancel_by(operation, symbol, &OrderKey::Number(number.to_owned())).await
        } else {
            let problem = format!("{} is no order number of this venue", cut(number));
            Err(Failure::nothing(ErrorKind::Invalid, problem))
        };
        self.told(operation, done)
    }

    async fn set_leverage(&self, symbol: &Symbol, leverage: Leverage) -> Result<()> {
        let done = self.set_leverage_of(symbol, leverage).await;
        self.told(Operation::SetLeverage, done)
    }

    async fn set_margin_mode(&self, symbol: &Symbol, mode: MarginMode) -> Result<()> {
        let done = self.set_margin_mode_of(symbol, mode).await;
        self.told(Operation::SetMarginMode, done)
    }

    async fn adjust_margin(&self, symbol: &Symbol, delta: Usd) -> Result<()> {
        let done = self.adjust_margin_of(symbol, delta).await;
        self.told(Operation::AdjustMargin, done)
    }

    fn abilities(&self) -> Abilities<'_> {
        let mut abilities = Abilities::none();
        abilities.stop_orders = Some(self);
        abilities.cancel_all = Some(self);
        abilities.dead_man_switch = Some(self);
        if self.reader.plumbing().environment.has_wallets() {
            abilities.transfers = Some(self);
        }
        abilities
    }
}
