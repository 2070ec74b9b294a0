//! The connector that trades. Every write is signed once, sent once, and its answer read as it stands.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_exchange::{
    Abilities, Effect, ErrorKind, FundingRate, Observe, Operation, OrderRequest, ReadAbilities, Result,
    Trade, async_trait,
};
use evenkeel_http::{Failure, Urgency, VenueClock, cut};
use evenkeel_types::{
    Capabilities, ClientOrderId, FeeRates, Fill, Instruments, Leverage, LeverageSetting, MarginMode,
    OrderState, OrderStatus, Qty, Scope, Snapshot, Symbol, Timestamp, Usd, VenueId,
};
use futures_util::future::join_all;

use super::plumbing::{Outcome, WRITE_PATIENCE, undecoded};
use super::reader::{OrderKey, Reader};
use crate::config::{Builder, Settings, VALIDITY_MAX};
use crate::decode::{Acknowledged, BatchEntry, Contract, decode_acknowledgement, decode_batch};
use crate::encode::{self, body};
use crate::endpoints;
use crate::error::{Means as _, refusal};
use crate::wire::{CATEGORY, CancelOrder, NewOrder, NewOrders};

/// How often an accepted cancel is looked after, and how long after the look before: the venue carries it out within
/// milliseconds, and a second and a half is what it takes on its worst days.
const LOOKS: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];
/// For how long an accepted cancel is looked after: no other question follows one that was answered later than that.
pub(super) const LOOKING_MAX: Duration = Duration::from_secs(5);
/// How long after its validity an order may still come into view.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Bybit for trading: an API key with the right to trade contracts. See the [crate documentation](crate).
///
/// Cheap to clone; clones share what was read. All connectors of a process with one key share which ids were sent.
#[derive(Debug, Clone)]
pub struct Bybit {
    pub(super) reader: Reader,
}

/// An order that is ready to go.
pub(super) struct Ready {
    pub(super) index: usize,
    pub(super) id: ClientOrderId,
    pub(super) wire: NewOrder,
    /// Whether its id was sent before with this key.
    again: bool,
    /// Whether the venue has told us that it took it in then.
    is_copy: bool,
}

impl Ready {
    pub(super) fn new(index: usize, id: ClientOrderId, wire: NewOrder) -> Self {
        Self { index, id, wire, again: false, is_copy: false }
    }
}

impl Bybit {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { reader: Reader::new(settings) }
    }

    /// States the environment, then the credentials; see [`Builder`].
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The part that only reads: give it to whoever must not trade.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// The venue's clock, as far as it is known; see [`Reader::clock`].
    #[must_use]
    pub fn clock(&self) -> VenueClock {
        self.reader.clock()
    }

    pub(super) fn told<T>(&self, operation: Operation, outcome: Outcome<T>) -> Result<T> {
        self.reader.told(operation, outcome)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.reader.accounts.now()
    }

    /// The rules of a symbol, looked up before a write.
    pub(super) async fn contract(&self, symbol: &Symbol) -> Outcome<Contract> {
        self.reader.accounts.contract_for_encoding(symbol).await.map_err(Failure::unwritten)
    }

    /// The same of many symbols at once.
    pub(super) async fn contracts(&self, symbols: impl Iterator<Item = &Symbol>) -> Rules {
        self.reader.accounts.contracts_for_encoding(symbols).await
    }

    /// The rules by which an order that only reduces is encoded: the last ones that were read, where none can be read now.
    pub(super) fn rules_to_reduce(&self, rules: &Rules, symbol: &Symbol) -> Outcome<Contract> {
        rules_in(rules, symbol)
            .cloned()
            .or_else(|failure| self.reader.accounts.last_contract(symbol).ok_or(failure))
    }

    /// Sends orders in as few requests as there can be, and gives each its outcome by its index. A request of which
    /// every order reduces goes first.
    pub(super) async fn send_orders(
        &self,
        operation: Operation,
        mut orders: Vec<Ready>,
        decided: Timestamp,
    ) -> Vec<(usize, Outcome<Acknowledged>)> {
        if orders.is_empty() {
            return Vec::new();
        }
        let plumbing = self.reader.plumbing();
        // Known before anything is noted: when an order was sent is told by the venue's clock, as ours may be set.
        let noted = match plumbing.venue_now().await {
            Ok(now) => now,
            Err(failure) => {
                let failed = orders.iter().map(|order| (order.index, Err(failure.clone().unwritten())));
                return failed.collect();
            }
        };
        for order in &mut orders {
            order.is_copy = plumbing.sent.was_taken(&order.id);
            order.again = plumbing.sent.sends(order.id, noted);
        }
        let per_request = plumbing.capabilities.orders_per_request;
        // More than an account may place in a second would never fit its limit.
        let per_request = per_request.min(endpoints::CREATE_BATCH.per_second);
        let per_request = usize::try_from(per_request).unwrap_or(1).max(1);
        let sent = join_all(orders.chunks(per_request).map(|batch| {
            let reduces = batch.iter().all(|order| order.wire.reduce_only);
            let urgency = if reduces { Urgency::ReducesRisk } else { Urgency::Ordinary };
            self.send_batch(operation, batch, urgency, decided)
        }))
        .await;
        orders
            .iter()
            .zip(sent.into_iter().flatten())
            .map(|(order, outcome)| {
                // A refusal of a second copy says nothing about the first.
                match &outcome {
                    Ok(_) => plumbing.sent.taken(order.id),
                    Err(failure) if failure.effect == Effect::NotApplied && !order.again => {
                        plumbing.sent.sent_none(&order.id, noted);
                    }
                    Err(_) => {}
                }
                (order.index, outcome)
            })
            .collect()
    }

    /// Orders of one request, with one outcome each.
    async fn send_batch(
        &self,
        operation: Operation,
        batch: &[Ready],
        urgency: Urgency,
        decided: Timestamp,
    ) -> Vec<Outcome<Acknowledged>> {
        let plumbing = self.reader.plumbing();
        if let [order] = batch {
            let request = body(&NewOrder { category: Some(CATEGORY), ..order.wire.clone() });
            let reply = plumbing.write(operation, endpoints::CREATE, request, 1, urgency, decided).await;
            let taken = reply.and_then(|reply| {
                let taken = decode_acknowledgement(reply.body()).map_err(|error| undecoded(&error))?;
                named(taken, &order.id)
            });
            return vec![taken.map_err(|failure| of_copy(failure, order.is_copy))];
        }
        let wires: Vec<NewOrder> = batch.iter().map(|order| order.wire.clone()).collect();
        let request = body(&NewOrders { category: CATEGORY, request: &wires });
        let weight = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        let reply =
            plumbing.write(operation, endpoints::CREATE_BATCH, request, weight, urgency, decided).await;
        let entries = reply.and_then(|reply| {
            let entries = decode_batch(reply.body()).map_err(|error| undecoded(&error))?;
            if entries.len() == batch.len() {
                return Ok(entries);
            }
            Err(Failure::unproven(format!("{} outcomes for {} orders", entries.len(), batch.len())))
        });
        let entries = match entries {
            Ok(entries) => entries,
            Err(failure) => {
                // What is wrong with one order says nothing about the others: only what was refused before any was
                // looked at is refused for all.
                let effect = if failure.is_before_orders() { failure.effect } else { Effect::Unknown };
                return batch.iter().map(|_| Err(Failure { effect, ..failure.clone() })).collect();
            }
        };
        let outcomes = batch.iter().zip(entries).map(|(order, entry)| entry_of(order, entry));
        let outcomes = outcomes.inspect(|outcome| {
            if let Err(refused) = outcome {
                plumbing.heed(&endpoints::CREATE_BATCH, refused);
            }
        });
        outcomes.collect()
    }

    /// Cancels, and waits until it is done: the venue's answer says only that the request was taken in.
    pub(super) async fn cancel_by(
        &self,
        operation: Operation,
        symbol: &Symbol,
        key: OrderKey<'_>,
    ) -> Outcome<()> {
        let (order_id, order_link_id) = match key {
            OrderKey::Client(id) => (None, Some(id.as_str())),
            OrderKey::Number(number) => (Some(number), None),
        };
        let request =
            body(&CancelOrder { category: CATEGORY, symbol: symbol.as_str(), order_id, order_link_id });
        let (plumbing, urgency) = (self.reader.plumbing(), Urgency::ReducesRisk);
        match plumbing.write(operation, endpoints::CANCEL, request, 1, urgency, self.now()).await {
            Ok(reply) => {
                let taken = decode_acknowledgement(reply.body()).map_err(|error| undecoded(&error))?;
                if !key.may_be(&taken) {
                    let other = cut(&taken.venue_order_id);
                    return Err(Failure::unproven(format!("the answer is about another order, {other}")));
                }
                self.until_over(symbol, key).await
            }
            Err(failure) if failure.is_over() => Ok(()),
            Err(failure) if failure.is_gone() => self.is_over(symbol, key).await,
            Err(failure) => Err(failure),
        }
    }

    /// After an accepted cancel.
    async fn until_over(&self, symbol: &Symbol, key: OrderKey<'_>) -> Outcome<()> {
        let (mut known, began) = (None, self.now());
        for wait in LOOKS {
            self.reader.plumbing().clock.sleep(wait).await;
            known = match self.reader.record(symbol, key).await {
                Ok(Some(record)) if record.status.is_terminal() => return Ok(()),
                known => Some(known),
            };
            if self.now().since(began) > LOOKING_MAX {
                break;
            }
        }
        let late = |why: String| Err(Failure::new(ErrorKind::Timeout, Effect::Unknown, why));
        match known {
            Some(Ok(Some(record))) => {
                late(format!("the cancel was taken in, and order {} is still open", record.venue_order_id))
            }
            // Neither open nor ended: what is not found proves nothing.
            Some(Ok(None)) => late("the cancel was taken in, and the order is not shown".to_owned()),
            Some(Err(failure)) => late(format!(
                "the cancel was taken in; whether it was carried out could not be read: {}",
                failure.message
            )),
            None => late("the cancel was taken in, and not looked after".to_owned()),
        }
    }

    /// Whether an order that could not be cancelled is over. One that was sent and not heard of may still arrive.
    async fn is_over(&self, symbol: &Symbol, key: OrderKey<'_>) -> Outcome<()> {
        let not_found = |effect, problem: String| Err(Failure::new(ErrorKind::NotFound, effect, problem));
        match self.reader.record(symbol, key).await.map_err(Failure::unwritten)? {
            Some(record) if record.status.is_terminal() => Ok(()),
            Some(record) => {
                not_found(Effect::NotApplied, format!("order {} is still open", record.venue_order_id))
            }
            None => {
                let plumbing = self.reader.plumbing();
                let sent = match key {
                    OrderKey::Client(id) => plumbing.sent.last(Some(id)),
                    // Which of those that were sent has this number is not known.
                    OrderKey::Number(_) => plumbing.sent.last(None),
                };
                // It was signed within the patience of a write. Which validity another connector gave it is not known.
                let arrived = |sent: Timestamp| sent.after(WRITE_PATIENCE).after(VALIDITY_MAX).after(ARRIVAL);
                if sent.is_some_and(|sent| plumbing.at_least(self.now()) > arrived(sent)) {
                    return Ok(());
                }
                let problem = "the venue does not know the order yet, and it may still arrive".to_owned();
                not_found(Effect::Unknown, problem)
            }
        }
    }
}

/// The rules of symbols, or why there are none.
pub(super) type Rules = BTreeMap<Symbol, Outcome<Contract>>;

/// Those of one symbol. Nothing has been written where they are looked up.
pub(super) fn rules_in<'a>(rules: &'a Rules, symbol: &Symbol) -> Outcome<&'a Contract> {
    match rules.get(symbol) {
        Some(found) => found.as_ref().map_err(|failure| failure.clone().unwritten()),
        None => Err(Failure::nothing(ErrorKind::Decode, format!("the rules of {symbol} were not read"))),
    }
}

/// The refusal of a copy is about the copy alone where the venue has told us of the first one. Where it has not, the
/// refusal is the proof that the first one was taken in, or that something below us sent it twice: to call that "not
/// applied" would have it ordered anew.
fn of_copy(failure: Failure, is_copy: bool) -> Failure {
    if is_copy && failure.is_used_id() { Failure { effect: Effect::NotApplied, ..failure } } else { failure }
}

/// Without its id an order cannot be found again, and a copy of it would be taken.
fn named(taken: Acknowledged, id: &ClientOrderId) -> Outcome<Acknowledged> {
    if taken.client_order_id.as_deref() == Some(id.as_str()) {
        return Ok(taken);
    }
    Err(Failure::unproven(format!("order {} was taken in without our id", taken.venue_order_id)))
}

/// What a batch says about one of its orders.
fn entry_of(order: &Ready, entry: BatchEntry) -> Outcome<Acknowledged> {
    match entry {
        BatchEntry::Taken(taken) => named(taken, &order.id),
        BatchEntry::Refused { client_order_id: Some(other), .. } if other != order.id.as_str() => {
            Err(Failure::unproven("the outcome at this place is about another order"))
        }
        BatchEntry::Refused { code, text, .. } => Err(of_copy(refusal(&code, &text), order.is_copy)),
    }
}

#[async_trait]
impl Observe for Bybit {
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
impl Trade for Bybit {
    /// Up to ten orders in a request. `Ok` says that an order was taken in: what became of it has to be asked for.
    async fn place(&self, orders: &[OrderRequest]) -> Vec<Result<OrderState>> {
        let operation = Operation::Place;
        let decided = self.now();
        let contracts = self.contracts(orders.iter().map(|order| &order.intent().symbol)).await;
        let mut outcomes: Vec<Option<Result<OrderState>>> = Vec::with_capacity(orders.len());
        let mut ready = Vec::with_capacity(orders.len());
        for (index, order) in orders.iter().enumerate() {
            let intent = order.intent();
            let contract = if intent.reduce_only {
                self.rules_to_reduce(&contracts, &intent.symbol)
            } else {
                rules_in(&contracts, &intent.symbol).cloned()
            };
            match contract.and_then(|contract| encode::order(intent, &contract)) {
                Ok(wire) => {
                    ready.push(Ready::new(index, intent.id, wire));
                    outcomes.push(None);
                }
                Err(failure) => outcomes.push(Some(self.told(operation, Err(failure)))),
            }
        }
        for (index, outcome) in self.send_orders(operation, ready, decided).await {
            let Some((place, order)) = outcomes.get_mut(index).zip(orders.get(index)) else { continue };
            let intent = order.intent();
            let state = outcome.map(|taken| OrderState {
                id: intent.id,
                venue_order_id: Some(taken.venue_order_id),
                symbol: intent.symbol.clone(),
                side: intent.side,
                qty: intent.qty,
                filled: Qty::ZERO,
                average_price: None,
                fee: None,
                status: OrderStatus::Acknowledged,
            });
            *place = Some(self.told(operation, state));
        }
        let unanswered = || self.told(operation, Err(Failure::unproven("no outcome for this order")));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered)).collect()
    }

    async fn cancel(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        let done = self.cancel_by(Operation::Cancel, symbol, OrderKey::Client(id)).await;
        self.told(Operation::Cancel, done)
    }

    async fn cancel_by_venue_id(&self, symbol: &Symbol, venue_order_id: &str) -> Result<()> {
        let fine = !venue_order_id.is_empty()
            && venue_order_id.len() <= 64
            && venue_order_id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let done = if fine {
            self.cancel_by(Operation::Cancel, symbol, OrderKey::Number(venue_order_id)).await
        } else {
            let problem = format!("{} is no order number of this venue", cut(venue_order_id));
            Err(Failure::nothing(ErrorKind::Invalid, problem))
        };
        self.told(Operation::Cancel, done)
    }

    async fn set_leverage(&self, symbol: &Symbol, leverage: Leverage) -> Result<()> {
        let done = self.set_leverage_of(symbol, leverage).await;
        self.told(Operation::SetLeverage, done)
    }

    /// The margin mode is that of the account: `Ok` where it is this one already, else refused. See
    /// [`Bybit::set_account_margin_mode`].
    async fn set_margin_mode(&self, symbol: &Symbol, mode: MarginMode) -> Result<()> {
        let done = self.set_margin_mode_of(symbol, mode).await;
        self.told(Operation::SetMarginMode, done)
    }

    async fn adjust_margin(&self, symbol: &Symbol, delta: Usd) -> Result<()> {
        let done = self.adjust_margin_of(symbol, delta).await;
        self.told(Operation::AdjustMargin, done)
    }

    /// No dead-man switch: the venue has one for institutions only, tied to a private stream. No transfers: spot and
    /// perpetuals share the wallet of a unified account.
    fn abilities(&self) -> Abilities<'_> {
        let mut abilities = Abilities::none();
        abilities.stop_orders = Some(self);
        abilities.cancel_all = Some(self);
        abilities
    }
}
