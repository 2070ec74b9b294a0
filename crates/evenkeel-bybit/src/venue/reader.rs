//! The connector that only reads.

use std::sync::Arc;

use evenkeel_exchange::{ErrorKind, FundingRate, Observe, Operation, ReadAbilities, Result, async_trait};
use evenkeel_http::{Failure, Urgency, VenueClock};
use evenkeel_types::{
    AccountId, Capabilities, ClientOrderId, FeeRates, Fill, Instruments, LeverageSetting, OrderState, Scope,
    Snapshot, Symbol, Timestamp, VenueId,
};

use super::plumbing::{Outcome, Plumbing, unread};
use super::reports::Reports;
use super::rules::Accounts;
use crate::config::{Builder, Environment, Settings};
use crate::decode::{Acknowledged, OrderRecord, decode_orders};
use crate::encode::Query;
use crate::endpoints;

/// Bybit for reading: no way to trade, and a key that may only read is enough. See the [crate documentation](crate) for
/// what it reads.
///
/// Cheap to clone; clones share what was read.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) accounts: Arc<Accounts>,
}

/// By what an order is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum OrderKey<'a> {
    Client(&'a ClientOrderId),
    Number(&'a str),
}

impl OrderKey<'_> {
    fn query(self, symbol: &Symbol) -> Query {
        let query = Query::linear().symbol(symbol);
        match self {
            OrderKey::Client(id) => query.with("orderLinkId", id.as_str()),
            OrderKey::Number(number) => query.with("orderId", number),
        }
    }

    /// Whether an answer to a write can be about this order; some name only one of its two identities.
    pub(super) fn may_be(self, taken: &Acknowledged) -> bool {
        match self {
            OrderKey::Client(id) => taken.client_order_id.as_deref().is_none_or(|link| link == id.as_str()),
            OrderKey::Number(number) => taken.venue_order_id == number,
        }
    }

    fn is_of(self, record: &OrderRecord) -> bool {
        match self {
            OrderKey::Client(id) => record.id() == Some(*id),
            OrderKey::Number(number) => record.venue_order_id == number,
        }
    }
}

impl Reader {
    pub(crate) fn new(settings: Settings) -> Self {
        let accounts = Accounts { plumbing: Plumbing::new(settings), memory: Default::default() };
        Self { accounts: Arc::new(accounts) }
    }

    /// States the environment, then the credentials; see [`Builder`].
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// In which environment.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.plumbing().environment
    }

    /// How snapshots call the account.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.plumbing().account
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

    pub(super) fn told<T>(&self, operation: Operation, outcome: Outcome<T>) -> Result<T> {
        self.plumbing().told(operation, outcome)
    }

    /// What the venue keeps of an order: among the open ones and the last that ended, then in the history, which may lag
    /// behind. `None` where neither has it.
    pub(super) async fn record(&self, symbol: &Symbol, key: OrderKey<'_>) -> Outcome<Option<OrderRecord>> {
        for endpoint in [endpoints::OPEN_ORDERS, endpoints::ORDER_HISTORY] {
            let reply = self.plumbing().read_urgently(endpoint, key.query(symbol), symbol.as_str()).await?;
            let page = decode_orders(reply.body()).map_err(unread)?;
            let mut rows: Vec<OrderRecord> = page.rows.into_iter().filter(|row| key.is_of(row)).collect();
            // The same order may be shown twice, as it was and as it ended.
            rows.sort_by_key(|row| (row.status.is_terminal(), row.filled));
            if let Some(record) = rows.pop() {
                if record.symbol != *symbol {
                    let problem = format!(
                        "asked for an order in {symbol}, the venue answered about order {} in {}",
                        record.venue_order_id, record.symbol
                    );
                    return Err(Failure::nothing(ErrorKind::Decode, problem));
                }
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    async fn order_state(&self, symbol: &Symbol, id: &ClientOrderId) -> Outcome<Option<OrderState>> {
        let record = self.record(symbol, OrderKey::Client(id)).await?;
        Ok(record.map(|record| OrderState {
            id: *id,
            venue_order_id: Some(record.venue_order_id),
            symbol: record.symbol,
            side: record.side,
            qty: record.ordered,
            filled: record.filled,
            average_price: record.average_price,
            fee: record.fee,
            status: record.status,
        }))
    }

    async fn funding_of(&self, symbol: &Symbol) -> Outcome<FundingRate> {
        let contract = self.accounts.contract(symbol).await?;
        let mut tickers = self.accounts.tickers(&[symbol.clone()].into()).await?;
        let missing = |what: &str| {
            let problem = format!("the venue names no {what} of {symbol}");
            Failure::nothing(ErrorKind::NotSupported, problem)
        };
        let ticker = tickers.remove(symbol).ok_or_else(|| missing("prices"))?.map_err(unread)?;
        // The interval can change at any time, and the prices' own is the younger.
        let interval = ticker.funding_interval.or(contract.funding_interval);
        Ok(FundingRate {
            symbol: symbol.clone(),
            rate: ticker.funding_rate.ok_or_else(|| missing("funding rate"))?,
            interval: interval.ok_or_else(|| missing("time between the settlements"))?,
            next: ticker.next_funding.ok_or_else(|| missing("next settlement"))?,
        })
    }

    async fn fees_of(&self, symbol: &Symbol) -> Outcome<FeeRates> {
        self.accounts.contract(symbol).await?;
        let fees = self.accounts.all_fees().await?;
        self.accounts.fee_in(&fees, symbol)
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

    /// All that trade, with their tiers. The venue tells the tiers of fifteen symbols in an answer, and each names the
    /// next: the first reading takes some fifty answers one after the other, those within ten minutes none.
    async fn instruments(&self) -> Result<Instruments> {
        let instruments = self.accounts.all_instruments().await;
        self.told(Operation::Instruments, instruments)
    }

    async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        let snapshot = self.accounts.snapshot(scope).await;
        self.told(Operation::Snapshot, snapshot)
    }

    async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        let settings = self.accounts.leverages(symbols).await;
        settings.into_iter().map(|setting| self.told(Operation::Leverage, setting)).collect()
    }

    async fn order(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>> {
        let state = self.order_state(symbol, id).await;
        self.told(Operation::Order, state)
    }

    /// At most the last two years: what is older is not kept.
    async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>> {
        let fills = Reports(&self.accounts).fills(symbols, since, Urgency::ReducesRisk).await;
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
