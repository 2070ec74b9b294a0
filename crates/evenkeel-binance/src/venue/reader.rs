//! The connector that only reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_exchange::{ErrorKind, FundingRate, Observe, Operation, ReadAbilities, Result, async_trait};
use evenkeel_http::{Failure, Urgency, VenueClock, cut};
use evenkeel_types::{
    Capabilities, ClientOrderId, FeeRates, Fill, Instruments, LeverageSetting, OrderState, Scope, Snapshot,
    Symbol, Timestamp, VenueId,
};

use super::account::Accounts;
use super::plumbing::Plumbing;
use super::reports::Reports;
use crate::config::{Builder, Environment, Settings};
use crate::decode::{OrderRecord, decode_order, decode_premium_index};
use crate::encode::{Request, order_by_id};
use crate::endpoints;

/// Binance USDⓈ-M futures for reading: no way to trade. See the [crate documentation](crate) for what it reads.
///
/// Cheap to clone; clones share the rate budget and what was read.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) accounts: Arc<Accounts>,
}

impl Reader {
    pub(crate) fn new(settings: Settings) -> Self {
        let plumbing = Plumbing::new(settings);
        Self { accounts: Arc::new(Accounts { plumbing, memory: Default::default() }) }
    }

    /// States the environment, then the credentials; see [`Builder`].
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Which environment.
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

    pub(super) fn plumbing(&self) -> &Plumbing {
        &self.accounts.plumbing
    }

    /// What the venue keeps of one of our orders.
    pub(super) async fn record(
        &self,
        operation: Operation,
        symbol: &Symbol,
        id: &ClientOrderId,
    ) -> Result<Option<OrderRecord>> {
        let record = self.record_of(operation, &order_by_id(endpoints::ORDER, symbol, id)).await?;
        match record {
            Some(record) if record.symbol != *symbol || record.client_id != id.as_str() => {
                let problem = format!(
                    "asked for {id} in {symbol}, the venue answered about {}",
                    cut(&record.venue_order_id)
                );
                Err(self.plumbing().error(operation, &Failure::nothing(ErrorKind::Decode, problem)))
            }
            record => Ok(record),
        }
    }

    /// What the venue keeps of an order by its number.
    pub(super) async fn record_by_number(
        &self,
        operation: Operation,
        symbol: &Symbol,
        number: &str,
        urgency: Urgency,
    ) -> Result<Option<OrderRecord>> {
        let request = Request::of(endpoints::ORDER, symbol).with("orderId", number).at(urgency);
        match self.record_of(operation, &request).await? {
            Some(record) if record.symbol != *symbol || record.venue_order_id != number => {
                let problem =
                    format!("asked for {number}, the venue answered about {}", cut(&record.venue_order_id));
                Err(self.plumbing().error(operation, &Failure::nothing(ErrorKind::Decode, problem)))
            }
            record => Ok(record),
        }
    }

    /// Looking writes nothing, whatever it is looked for.
    async fn record_of(&self, operation: Operation, request: &Request) -> Result<Option<OrderRecord>> {
        let reply = match self.plumbing().ask(Operation::Order, request).await {
            Ok(reply) => reply,
            Err(failure) if failure.kind == ErrorKind::NotFound => return Ok(None),
            Err(failure) => return Err(self.plumbing().error(operation, &failure)),
        };
        let record = decode_order(reply.body()).map_err(|error| {
            self.plumbing().error(operation, &Failure::nothing(ErrorKind::Decode, error.to_string()))
        })?;
        self.accounts.memory.lock().learn_number(&record.symbol, &record.venue_order_id, record.ours());
        Ok(Some(record))
    }
}

#[async_trait]
impl Observe for Reader {
    fn venue(&self) -> &VenueId {
        &self.plumbing().venue
    }

    fn capabilities(&self) -> &Capabilities {
        self.plumbing().rules.now()
    }

    async fn server_time(&self) -> Result<Timestamp> {
        let operation = Operation::ServerTime;
        self.plumbing().sample().await.map_err(|failure| self.plumbing().error(operation, &failure))
    }

    /// All contracts that are quoted and margined in one dollar currency, dated ones too. Left out are those whose rules or
    /// tiers are not understood; a snapshot that needs one of them says why.
    async fn instruments(&self) -> Result<Instruments> {
        Ok(self.accounts.markets(Operation::Instruments).await?.instruments())
    }

    async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        Box::pin(self.accounts.snapshot(scope)).await
    }

    async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        self.accounts.leverages(symbols).await
    }

    async fn order(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>> {
        let record = self.record(Operation::Order, symbol, id).await?;
        Ok(record.map(|record| record.state(*id)))
    }

    /// The venue keeps executions for 90 days: an older moment is refused, except for zero, which means everything that
    /// there still is. Only a reading of the last ten minutes, by which orders are resolved, may use what is kept for
    /// reducing risk. A fee in another currency than a dollar (BNB) is converted at its present mark price.
    async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>> {
        Reports(&self.accounts).fills(self, symbols, since).await
    }

    async fn funding(&self, symbol: &Symbol) -> Result<FundingRate> {
        let operation = Operation::Funding;
        let plumbing = self.plumbing();
        let request = Request::of(endpoints::PREMIUM_INDEX, symbol);
        let (reply, markets) =
            futures_util::future::join(plumbing.ask(operation, &request), self.accounts.markets(operation))
                .await;
        let markets = markets?;
        let interval = match markets.get(symbol) {
            Some(Ok(market)) => market.instrument.funding_interval,
            Some(Err(error)) => return plumbing.understood(operation, Err(error.clone())),
            None => return Err(self.accounts.unlisted(operation, symbol)),
        };
        let reply = reply.map_err(|failure| plumbing.error(operation, &failure))?;
        let wanted = BTreeSet::from([symbol.clone()]);
        let mut premiums = plumbing.understood(operation, decode_premium_index(reply.body(), &wanted))?;
        let premium = premiums.remove(symbol);
        match (premium.and_then(|premium| premium.rate.zip(premium.next)), interval) {
            (Some((rate, next)), Some(interval)) => {
                Ok(FundingRate { symbol: symbol.clone(), rate, interval, next })
            }
            _ => {
                let problem = format!("{symbol} is paid no funding");
                Err(plumbing.error(operation, &Failure::nothing(ErrorKind::NotSupported, problem)))
            }
        }
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
