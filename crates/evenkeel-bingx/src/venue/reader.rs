//! The connector that only reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_exchange::{
    Effect, ErrorKind, FundingRate, Observe, Operation, ReadAbilities, Result, async_trait,
};
use evenkeel_http::{Failure, VenueClock};
use evenkeel_types::{
    Capabilities, ClientOrderId, FeeRates, Fill, Instruments, LeverageSetting, OrderState, Scope, Snapshot,
    Symbol, Timestamp, VenueId,
};

use super::plumbing::{Plumbing, unread};
use super::reports::Reports;
use super::rules::{Accounts, Outcome, of};
use crate::config::{Builder, Environment, Settings};
use crate::decode::{Contracts, OrderRecord, decode_order, decode_premium_index};
use crate::endpoints::{self, Endpoint};
use crate::error::Means as _;

/// BingX for reading: no way to trade, and a key that may only read is enough. See the [crate documentation](crate) for
/// what it reads.
///
/// Cheap to clone; clones share what was read.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) accounts: Arc<Accounts>,
    /// Whether the key is expected to trade, for a diagnosis.
    pub(super) trades: bool,
}

/// By what an order is asked for.
#[derive(Debug, Clone)]
pub(super) enum OrderKey {
    Client(ClientOrderId),
    Number(String),
}

impl OrderKey {
    pub(super) fn parameter(&self) -> (&'static str, String) {
        match self {
            OrderKey::Client(id) => ("clientOrderId", id.to_string()),
            OrderKey::Number(number) => ("orderId", number.clone()),
        }
    }
}

impl Reader {
    pub(crate) fn new(settings: Settings) -> Self {
        let accounts = Accounts { plumbing: Plumbing::new(settings), memory: Default::default() };
        Self { accounts: Arc::new(accounts), trades: false }
    }

    /// States the environment, then the credentials; see [`Builder`].
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Real or virtual money.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.plumbing().environment
    }

    /// The venue's clock, as far as it is known: what plans of this account's snapshots expire by. Give it to the
    /// executor.
    #[must_use]
    pub fn clock(&self) -> VenueClock {
        self.plumbing().venue_clock()
    }

    /// All contracts, read now: their rules without those about margin, which cost two calls for each.
    ///
    /// # Errors
    /// Those of the venue.
    pub async fn contracts(&self) -> Result<Contracts> {
        let contracts = self.accounts.contracts_now().await;
        self.told(Operation::Instruments, contracts).map(Arc::unwrap_or_clone)
    }

    /// The whole rules of these symbols. [`Observe::instruments`] has them too from then on.
    ///
    /// # Errors
    /// Those of the venue; [`ErrorKind::Invalid`] for a symbol that is not listed.
    pub async fn instruments_of(&self, symbols: &[Symbol]) -> Result<Instruments> {
        let symbols: BTreeSet<Symbol> = symbols.iter().cloned().collect();
        let rules = self.accounts.rules_of(&symbols).await;
        let rules = self.told(Operation::Instruments, rules)?;
        self.accounts.memory.lock().instruments.extend(rules.clone());
        Ok(rules)
    }

    pub(super) fn plumbing(&self) -> &Plumbing {
        &self.accounts.plumbing
    }

    pub(super) fn told<T>(&self, operation: Operation, outcome: Outcome<T>) -> Result<T> {
        self.plumbing().told(operation, outcome)
    }

    /// What the venue keeps of an order; `None` where it knows none.
    pub(super) async fn record(&self, symbol: &Symbol, key: &OrderKey) -> Outcome<Option<OrderRecord>> {
        self.record_by(endpoints::ORDER, symbol, key).await
    }

    /// The same, by a call with an urgency of its own.
    pub(super) async fn record_by(
        &self,
        endpoint: Endpoint,
        symbol: &Symbol,
        key: &OrderKey,
    ) -> Outcome<Option<OrderRecord>> {
        let mut parameters = of(symbol);
        parameters.push(key.parameter());
        match self.plumbing().read(endpoint, parameters, None).await {
            Err(failure) if failure.is_gone() => Ok(None),
            Err(failure) => Err(failure),
            Ok(reply) => {
                let record = decode_order(reply.body()).map_err(|error| unread(&error))?;
                let asked = match key {
                    OrderKey::Client(id) => record.id() == Some(*id),
                    OrderKey::Number(number) => record.venue_order_id == *number,
                };
                if !asked || record.symbol != *symbol {
                    let problem = format!(
                        "asked for an order in {symbol}, the venue answered about order {} in {}",
                        record.venue_order_id, record.symbol
                    );
                    return Err(Failure::nothing(ErrorKind::Decode, problem));
                }
                self.accounts.memory.lock().learn_number(&record.venue_order_id, record.id());
                Ok(Some(record))
            }
        }
    }

    async fn order_state(&self, symbol: &Symbol, id: &ClientOrderId) -> Outcome<Option<OrderState>> {
        let record = self.record(symbol, &OrderKey::Client(*id)).await?;
        Ok(record.map(|record| OrderState {
            id: *id,
            venue_order_id: Some(record.venue_order_id),
            symbol: record.symbol,
            side: record.side,
            qty: record.ordered,
            filled: record.filled,
            average_price: record.average_price.filter(|_| record.filled.is_positive()),
            fee: record.fee,
            status: record.status,
        }))
    }

    async fn funding_of(&self, symbol: &Symbol) -> Outcome<FundingRate> {
        self.accounts.contract(symbol).await?;
        let reply = self.accounts.ask_of(endpoints::PREMIUM_INDEX, symbol).await?;
        let mut found =
            decode_premium_index(reply.body(), &[symbol.clone()].into()).map_err(|error| unread(&error))?;
        let missing = |what: &str| {
            let problem = format!("the venue names no {what} of {symbol}");
            Failure::nothing(ErrorKind::NotSupported, problem)
        };
        let premium = found.remove(symbol).ok_or_else(|| missing("funding"))?;
        Ok(FundingRate {
            symbol: symbol.clone(),
            rate: premium.rate.ok_or_else(|| missing("funding rate"))?,
            interval: premium.interval.ok_or_else(|| missing("time between the settlements"))?,
            next: premium.next.ok_or_else(|| missing("next settlement"))?,
        })
    }

    async fn fees_of(&self, symbol: &Symbol) -> Outcome<FeeRates> {
        self.accounts.contract(symbol).await?;
        self.accounts.account_fees().await
    }

    /// The rules that are known as a whole, and those of what is held.
    async fn known_instruments(&self) -> Outcome<Instruments> {
        let known: Option<BTreeSet<Symbol>> = {
            let memory = self.accounts.memory.lock();
            let named = memory.instruments.keys().cloned();
            memory.held.as_ref().map(|held| named.chain(held.iter().cloned()).collect())
        };
        let known = match known {
            Some(known) => known,
            // Nothing was read yet: what is held is what matters first.
            None => self.accounts.snapshot(&Scope::default()).await?.instruments.into_keys().collect(),
        };
        let contracts = self.accounts.contracts().await?;
        // What was taken off the list since is not among them.
        let listed = known.into_iter().filter(|symbol| contracts.list.contains_key(symbol)).collect();
        let rules = self.accounts.rules_of(&listed).await?;
        self.accounts.memory.lock().instruments.extend(rules.clone());
        Ok(rules)
    }
}

#[async_trait]
impl Observe for Reader {
    fn venue(&self) -> &VenueId {
        &self.plumbing().venue
    }

    fn capabilities(&self) -> &Capabilities {
        &self.plumbing().capabilities
    }

    async fn server_time(&self) -> Result<Timestamp> {
        let time = self.plumbing().sample().await;
        self.told(Operation::ServerTime, time)
    }

    /// Of the symbols that are held, were in the scope of a snapshot, or were asked for by
    /// [`Reader::instruments_of`]. The venue lists 1 200, and tells the tiers and the maximum leverage of each in an
    /// answer of its own, five a second: [`Reader::contracts`] has the other rules of all.
    async fn instruments(&self) -> Result<Instruments> {
        let instruments = self.known_instruments().await;
        self.told(Operation::Instruments, instruments)
    }

    async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        let snapshot = self.accounts.snapshot(scope).await;
        self.told(Operation::Snapshot, snapshot)
    }

    /// The venue has no list of settings: each flat symbol costs a call, and a second one where its margin mode was not
    /// read within a proof's lifetime. A setting is dated by the older of the two.
    async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        let settings = self.accounts.leverages(symbols).await;
        settings.into_iter().map(|setting| self.told(Operation::Leverage, setting)).collect()
    }

    async fn order(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>> {
        let state = self.order_state(symbol, id).await;
        self.told(Operation::Order, state)
    }

    /// The venue prints whole seconds: executions in the second of `since` are in the list. It promises seven days; an
    /// older moment is refused, except zero, which is everything that there still is.
    async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>> {
        let fills = Reports(self).fills(symbols, since).await;
        self.told(Operation::Fills, fills)
    }

    async fn funding(&self, symbol: &Symbol) -> Result<FundingRate> {
        let funding = self.funding_of(symbol).await;
        self.told(Operation::Funding, funding)
    }

    async fn fees(&self, symbol: &Symbol) -> Result<FeeRates> {
        let fees = self.fees_of(symbol).await;
        self.told(Operation::Fees, fees)
    }

    fn read_abilities(&self) -> ReadAbilities<'_> {
        let mut abilities = ReadAbilities::none();
        abilities.quotes = Some(self);
        abilities.funding_history = Some(self);
        abilities.funding_payments = Some(self);
        abilities.diagnose = Some(self);
        abilities.stream = Some(self);
        abilities
    }
}

/// A look before a write: nothing was written by it, whatever it was for.
pub(super) fn looked<T>(outcome: Outcome<T>) -> Outcome<T> {
    outcome.map_err(|failure| Failure { effect: Effect::NotApplied, ..failure })
}
