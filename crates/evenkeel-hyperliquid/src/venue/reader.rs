//! The connector that only reads.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{ErrorKind, FundingRate, Observe, Operation, ReadAbilities, Result, async_trait};
use evenkeel_http::{Failure, VenueClock};
use evenkeel_types::{
    Capabilities, ClientOrderId, FeeRates, Fill, Instruments, LeverageSetting, OrderState, OrderStatus, Qty,
    Scope, Snapshot, Symbol, Timestamp, VenueId,
};

use super::account::Accounts;
use super::plumbing::Plumbing;
use super::reports::Reports;
use crate::config::{Account, Builder, Environment, Settings};
use crate::decode::{Cloid, OrderRecord, decode_order_status};
use crate::encode::{ask, dex_of};
use crate::endpoints;
use crate::wire::OrderKey;

/// Funding is paid every hour on the hour.
const FUNDING_INTERVAL: Duration = Duration::from_secs(3600);

/// Hyperliquid for reading: no key, and no way to trade. See the [crate documentation](crate) for what it reads.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) accounts: Arc<Accounts>,
    pub(super) signer: Option<crate::sign::AgentAddress>,
}

impl Reader {
    pub(crate) fn new(settings: Settings, account: Account) -> Self {
        let plumbing = Plumbing::new(settings, account);
        Self { accounts: Arc::new(Accounts { plumbing, memory: Default::default() }), signer: None }
    }

    /// States the environment, then the account; see [`Builder`].
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// On which network.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.accounts.plumbing.environment
    }

    /// Whose account.
    #[must_use]
    pub fn account(&self) -> Account {
        self.accounts.plumbing.account
    }

    /// The venue's clock, as far as it is known: what plans of this account's snapshots expire by. Give it to the
    /// executor.
    #[must_use]
    pub fn clock(&self) -> VenueClock {
        self.plumbing().venue_clock()
    }

    pub(super) fn plumbing(&self) -> &Plumbing {
        &self.accounts.plumbing
    }

    fn reports(&self) -> Reports<'_> {
        Reports(&self.accounts)
    }

    /// The venue's record of an order as ours.
    async fn state(&self, symbol: &Symbol, id: &ClientOrderId, record: &OrderRecord) -> Result<OrderState> {
        let operation = Operation::Order;
        if record.cloid != Some(Cloid::from(*id)) || record.symbol != *symbol {
            let problem = format!("asked for an order in {symbol}, the venue answered about {}", record.oid);
            return Err(self.plumbing().error(operation, &Failure::nothing(ErrorKind::Decode, problem)));
        }
        let filled = self.executed(operation, record).await?;
        let status = match record.status {
            // Filled as far as the position went.
            OrderStatus::Filled if filled < record.ordered => OrderStatus::Cancelled,
            status => status,
        };
        Ok(OrderState {
            id: *id,
            venue_order_id: Some(record.oid.to_string()),
            symbol: symbol.clone(),
            side: record.side,
            qty: record.ordered,
            filled,
            average_price: None,
            fee: None,
            status,
        })
    }

    /// What an order executed: by its record, or by its fills where only these say it.
    ///
    /// An order that is filled has fills: where none are shown yet, that is an error and not nothing.
    pub(super) async fn executed(&self, operation: Operation, record: &OrderRecord) -> Result<Qty> {
        if let Some(executed) = record.executed() {
            return Ok(executed);
        }
        let since = Timestamp(record.placed.0.saturating_sub(1000));
        let fills = self.reports().fills(operation, std::slice::from_ref(&record.symbol), since).await?;
        let of_order = fills.iter().filter(|fill| fill.oid == Some(record.oid)).map(|fill| fill.fill.qty);
        let undecodable =
            |problem: String| self.plumbing().error(operation, &Failure::nothing(ErrorKind::Decode, problem));
        let filled = Qty::sum(of_order).map_err(|error| undecodable(error.to_string()))?;
        if record.status == OrderStatus::Filled && filled.is_zero() {
            return Err(undecodable(format!(
                "order {} is filled, and its fills are not shown yet",
                record.oid
            )));
        }
        Ok(filled)
    }

    /// What the venue keeps of one of our orders.
    pub(super) async fn record(
        &self,
        operation: Operation,
        id: &ClientOrderId,
    ) -> Result<Option<OrderRecord>> {
        self.record_of(operation, OrderKey::Cloid(Cloid::from(*id).to_string())).await
    }

    /// What the venue keeps of an order by its number.
    pub(super) async fn record_by_number(
        &self,
        operation: Operation,
        oid: u64,
    ) -> Result<Option<OrderRecord>> {
        self.record_of(operation, OrderKey::Number(oid)).await
    }

    async fn record_of(&self, operation: Operation, order: OrderKey) -> Result<Option<OrderRecord>> {
        let read = endpoints::ORDER_STATUS;
        let question = ask(read).user(self.plumbing().account.target().get()).order(order);
        let reply = self.plumbing().ask(operation, read, question, read.name.to_owned()).await;
        let reply = reply.map_err(|failure| self.plumbing().error(operation, &failure))?;
        self.plumbing().understood(operation, decode_order_status(reply.body()))
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
        let operation = Operation::ServerTime;
        let time = self.plumbing().sample(operation).await;
        time.map_err(|failure| self.plumbing().error(operation, &failure))
    }

    /// Of the validator-operated dex, and of the builder dexes that were named, are in use, or were asked for.
    async fn instruments(&self) -> Result<Instruments> {
        let operation = Operation::Instruments;
        let dexes: Vec<String> = {
            let memory = self.accounts.memory.lock();
            let mut dexes: Vec<String> = vec![String::new()];
            dexes.extend(self.plumbing().dexes.iter().chain(memory.markets.keys()).cloned());
            dexes.sort_unstable();
            dexes.dedup();
            dexes
        };
        let markets = dexes.iter().map(|dex| self.accounts.markets(operation, dex));
        let mut instruments = Instruments::new();
        for markets in futures_util::future::join_all(markets).await {
            instruments.extend(markets?.instruments());
        }
        Ok(instruments)
    }

    async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        self.accounts.snapshot(scope).await
    }

    async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        self.accounts.leverages(symbols).await
    }

    async fn order(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>> {
        match self.record(Operation::Order, id).await? {
            None => Ok(None),
            Some(record) => self.state(symbol, id, &record).await.map(Some),
        }
    }

    async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>> {
        let fills = self.reports().fills(Operation::Fills, symbols, since).await?;
        Ok(fills.into_iter().map(|fill| fill.fill).collect())
    }

    async fn funding(&self, symbol: &Symbol) -> Result<FundingRate> {
        let operation = Operation::Funding;
        let markets = self.accounts.markets(operation, dex_of(symbol)).await?;
        let Some(market) = markets.get(symbol) else { return Err(self.accounts.unlisted(operation, symbol)) };
        let Some(rate) = market.funding else {
            let problem = format!("the venue names no funding rate for {symbol}");
            return Err(self
                .plumbing()
                .error(operation, &Failure::nothing(ErrorKind::NotSupported, problem)));
        };
        let now = self.plumbing().venue_now(operation).await;
        let now = now.map_err(|failure| self.plumbing().error(operation, &failure))?;
        let hour = u64::try_from(FUNDING_INTERVAL.as_millis()).unwrap_or(u64::MAX);
        let since = now.0.checked_rem(hour).unwrap_or(0);
        let next = Timestamp(now.0.saturating_sub(since).saturating_add(hour));
        Ok(FundingRate { symbol: symbol.clone(), rate, interval: FUNDING_INTERVAL, next })
    }

    async fn fees(&self, symbol: &Symbol) -> Result<FeeRates> {
        self.accounts.fees(symbol).await
    }

    fn read_abilities(&self) -> ReadAbilities<'_> {
        let mut abilities = ReadAbilities::none();
        abilities.quotes = Some(self);
        abilities.funding_history = Some(self);
        abilities.funding_payments = Some(self);
        abilities.wallets = Some(self);
        abilities.diagnose = Some(self);
        abilities.stream = Some(self);
        abilities
    }
}
