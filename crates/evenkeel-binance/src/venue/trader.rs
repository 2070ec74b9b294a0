//! The connector that trades. Every write is signed once, sent once, and its answer read as it stands.

use std::time::Duration;

use evenkeel_exchange::{
    Abilities, Effect, Error, ErrorKind, FundingRate, Observe, Operation, OrderRequest, ReadAbilities,
    Result, Trade, async_trait,
};
use evenkeel_http::{Failure, Urgency, VenueClock, cut};
use evenkeel_types::{
    Capabilities, ClientOrderId, FeeRates, Fill, Instruments, Leverage, LeverageSetting, MarginMode,
    OrderIntent, OrderState, PositionSide, Scope, Snapshot, Symbol, Timestamp, Usd, VenueId,
};
use futures_util::future::join_all;

use super::plumbing::{Plumbing, Reply, WRITE_PATIENCE};
use super::reader::Reader;
use crate::config::{Builder, Settings, VALIDITY_MAX};
use crate::decode::{
    ALGO_PREFIX, BatchItem, Market, Markets, OrderRecord, decode_batch, decode_done, decode_leverage,
    decode_order, decode_position_risk,
};
use crate::encode::{self, Request, order_by_id};
use crate::endpoints;
use crate::error::{Interface, is_already_so, refusal};

/// How long after an order's expiry its record may still come into view.
const ARRIVAL: Duration = Duration::from_secs(10);
/// What one request takes, whatever a probed capability says.
const BATCH_MAX: usize = 5;

/// Binance USDⓈ-M futures for trading. See the [crate documentation](crate).
///
/// Cheap to clone; clones share the rate budget and what was read.
#[derive(Debug, Clone)]
pub struct Binance {
    pub(super) reader: Reader,
}

/// What became of one order of a request.
type Outcome = std::result::Result<OrderRecord, Failure>;

/// Which order a cancel is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which<'a> {
    Ours(&'a ClientOrderId),
    Number(&'a str),
}

impl Which<'_> {
    pub(super) fn request(self, symbol: &Symbol) -> Request {
        match self {
            Which::Ours(id) => order_by_id(endpoints::CANCEL, symbol, id),
            Which::Number(number) => Request::of(endpoints::CANCEL, symbol).with("orderId", number),
        }
    }

    fn is(self, record: &OrderRecord) -> bool {
        match self {
            Which::Ours(id) => record.client_id == id.as_str(),
            Which::Number(number) => record.venue_order_id == number,
        }
    }
}

impl Binance {
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

    pub(super) fn plumbing(&self) -> &Plumbing {
        self.reader.plumbing()
    }

    pub(super) fn error(&self, operation: Operation, failure: &Failure) -> Error {
        self.plumbing().error(operation, failure)
    }

    /// The present moment, by which what is decided now is measured.
    pub(super) fn now(&self) -> Timestamp {
        self.plumbing().now()
    }

    /// A symbol's rules.
    pub(super) fn market<'m>(
        &self,
        operation: Operation,
        markets: &'m Markets,
        symbol: &Symbol,
    ) -> Result<&'m Market> {
        match markets.get(symbol) {
            Some(Ok(market)) => Ok(market),
            Some(Err(error)) => {
                Err(self.error(operation, &Failure::nothing(ErrorKind::NotSupported, error.to_string())))
            }
            None => Err(self.reader.accounts.unlisted(operation, symbol)),
        }
    }

    /// Sends what changes something other than orders.
    pub(super) async fn set(
        &self,
        operation: Operation,
        request: &Request,
        decided: Timestamp,
    ) -> std::result::Result<Reply, Failure> {
        self.plumbing().write(operation, request, request.call.urgency, decided).await
    }

    /// A setter that only says yes.
    fn done(&self, operation: Operation, reply: &Reply) -> Result<()> {
        decode_done(reply.body())
            .map_err(|error| self.error(operation, &Failure::undecoded(&error, Effect::Unknown)))
    }

    /// Orders of one request, with one outcome each.
    async fn place_batch(&self, batch: &[(usize, &OrderIntent, Params)], decided: Timestamp) -> Vec<Outcome> {
        let operation = Operation::Place;
        let count = batch.len();
        let all = |failure: &Failure| (0..count).map(|_| Err(failure.clone())).collect();
        let request = match encode::place(batch.iter().map(|(.., params)| params.clone()).collect()) {
            Ok(request) => request,
            Err(failure) => return all(&failure),
        };
        let reduces = batch.iter().all(|(_, intent, _)| intent.reduce_only);
        let urgency = if reduces { Urgency::ReducesRisk } else { Urgency::Ordinary };
        let sent = self.plumbing().write(operation, &request, urgency, decided).await;
        let reply = match sent {
            Ok(reply) => reply,
            Err(failure) => return all(&failure),
        };
        if count == 1 {
            return vec![
                decode_order(reply.body()).map_err(|error| Failure::undecoded(&error, Effect::Unknown)),
            ];
        }
        match decode_batch(reply.body()) {
            Err(error) => all(&Failure::undecoded(&error, Effect::Unknown)),
            Ok(items) if items.len() == count => items
                .into_iter()
                .map(|item| match item {
                    Ok(BatchItem::Order(record)) => Ok(*record),
                    Ok(BatchItem::Refused { code, text }) => {
                        let failure = refusal(Interface::Futures, code, &text);
                        self.plumbing().heed(self.now(), &failure);
                        Err(failure)
                    }
                    Err(error) => Err(Failure::undecoded(&error, Effect::Unknown)),
                })
                .collect(),
            Ok(items) => {
                let problem = format!("{} outcomes for {count} orders", items.len());
                all(&Failure::new(ErrorKind::Decode, Effect::Unknown, problem))
            }
        }
    }

    /// What the venue says about an order that was just sent, as its state.
    fn placed(&self, intent: &OrderIntent, outcome: Outcome) -> Result<OrderState> {
        let operation = Operation::Place;
        let record = outcome.map_err(|failure| self.error(operation, &failure))?;
        if record.client_id != intent.id.as_str()
            || record.symbol != intent.symbol
            || record.side != intent.side
            || record.position_side != intent.position_side
        {
            let problem =
                format!("the answer is about order {}, sent was {}", cut(&record.venue_order_id), intent.id);
            return Err(self.error(operation, &Failure::new(ErrorKind::Decode, Effect::Unknown, problem)));
        }
        self.reader.accounts.memory.lock().learn_number(
            &intent.symbol,
            &record.venue_order_id,
            Some(intent.id),
        );
        Ok(record.state(intent.id))
    }

    /// Whether an order that was sent and not heard of cannot arrive any more. About one that this process did not send
    /// it is not known when it was sent: another process may have done so just before it ended.
    pub(super) fn has_ended(&self, id: &ClientOrderId) -> bool {
        // By the venue's clock alone: by our own, which can be ahead, it could look long ago.
        let (Some(sent), Some(now)) = (self.plumbing().sent.last(Some(id)), self.plumbing().venue_now())
        else {
            return false;
        };
        // It was signed within the patience of a write, of which the longest validity is known too.
        now > sent.after(WRITE_PATIENCE).after(VALIDITY_MAX).after(ARRIVAL)
    }

    /// Remembers that these orders are about to be sent.
    pub(super) fn remember<'o>(&self, orders: impl Iterator<Item = (&'o Symbol, &'o ClientOrderId)>) {
        let signed = self.plumbing().by_venue(self.now());
        let mut memory = self.reader.accounts.memory.lock();
        for (symbol, id) in orders {
            self.plumbing().sent.sends(*id, signed);
            memory.used.insert(symbol.clone());
        }
    }

    fn judged(&self, operation: Operation, record: Option<OrderRecord>, unknown_is_over: bool) -> Result<()> {
        let open = |problem: String, effect| {
            Err(self.error(operation, &Failure::new(ErrorKind::NotFound, effect, problem)))
        };
        match record {
            Some(record) if record.status.is_terminal() => Ok(()),
            Some(record) => {
                open(format!("order {} is still open", cut(&record.venue_order_id)), Effect::NotApplied)
            }
            None if unknown_is_over => Ok(()),
            None => {
                open("the venue does not know the order yet, and it may still arrive".into(), Effect::Unknown)
            }
        }
    }

    /// Cancels an ordinary order. `Ok(false)` is the venue's word for one that is not open, or never was.
    pub(super) async fn cancel_request(
        &self,
        operation: Operation,
        symbol: &Symbol,
        which: Which<'_>,
        decided: Timestamp,
    ) -> std::result::Result<bool, Failure> {
        match self.set(operation, &which.request(symbol), decided).await {
            Ok(reply) => {
                let record = decode_order(reply.body())
                    .map_err(|error| Failure::undecoded(&error, Effect::Unknown))?;
                if record.symbol != *symbol || !which.is(&record) {
                    let problem =
                        format!("the answer is about another order, {}", cut(&record.venue_order_id));
                    return Err(Failure::new(ErrorKind::Decode, Effect::Unknown, problem));
                }
                if record.status.is_terminal() {
                    return Ok(true);
                }
                let problem = format!("cancelled, and yet the order is {}", record.venue_status);
                Err(Failure::new(ErrorKind::Decode, Effect::Unknown, problem))
            }
            Err(failure) if is_gone(&failure) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Cancels an ordinary order by the venue's number.
    pub(super) async fn cancel_number(
        &self,
        operation: Operation,
        symbol: &Symbol,
        number: &str,
        decided: Timestamp,
    ) -> Result<()> {
        match self.cancel_request(operation, symbol, Which::Number(number), decided).await {
            Ok(true) => Ok(()),
            // It has a number, so it was placed: by the venue's words it is over. Its record has the last word.
            Ok(false) => {
                let urgency = Urgency::ReducesRisk;
                let record = self.reader.record_by_number(operation, symbol, number, urgency).await?;
                self.judged(operation, record, true)
            }
            Err(failure) => Err(self.error(operation, &failure)),
        }
    }

    /// The leg that is held: margin can only be moved to where something is.
    async fn held_side(&self, symbol: &Symbol, adds: bool) -> std::result::Result<PositionSide, Failure> {
        let request = Request::of(endpoints::POSITION_RISK, symbol);
        let request = if adds { request.urgent() } else { request };
        let reply = self.plumbing().ask(Operation::Snapshot, &request).await?;
        let rows = decode_position_risk(reply.body())
            .map_err(|error| Failure::nothing(ErrorKind::Decode, error.to_string()))?;
        let mut held = rows.iter().filter(|row| row.symbol == *symbol && !row.qty.is_zero());
        match (held.next(), held.next()) {
            (Some(row), None) => Ok(row.side),
            (None, _) => {
                let problem = format!("{symbol}: there is no position whose margin could be moved");
                Err(Failure::nothing(ErrorKind::Invalid, problem))
            }
            (Some(_), Some(_)) => {
                let problem = format!("{symbol}: long and short are held at once; close one of them first");
                Err(Failure::nothing(ErrorKind::Invalid, problem))
            }
        }
    }
}

/// The parameters of one order.
type Params = Vec<(&'static str, String)>;

/// The venue has one answer for filled, cancelled and unknown orders.
pub(super) fn is_gone(failure: &Failure) -> bool {
    failure.kind == ErrorKind::NotFound && failure.effect == Effect::NotApplied
}

#[async_trait]
impl Observe for Binance {
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
impl Trade for Binance {
    /// Limit orders with `newOrderRespType=RESULT`, so that the answer of an immediate one says what was executed (without
    /// its price, which the venue leaves out since 2026-06-30). One order goes by itself, more in batches of five at once.
    /// Nothing is ever sent twice: an id is unique among open orders only.
    async fn place(&self, orders: &[OrderRequest]) -> Vec<Result<OrderState>> {
        let operation = Operation::Place;
        let decided = self.now();
        if orders.is_empty() {
            return Vec::new();
        }
        let symbols = orders.iter().map(|order| &order.intent().symbol);
        let markets = match self.reader.accounts.markets_for_writes(operation, symbols).await {
            Ok(markets) => markets,
            Err(error) => {
                let failure = Failure::of(&error);
                return orders.iter().map(|_| Err(self.error(operation, &failure))).collect();
            }
        };
        let encoded = |order: &OrderRequest, markets: &Markets| {
            let intent = order.intent();
            let market = self.market(operation, markets, &intent.symbol)?;
            encode::order(intent, market).map_err(|failure| self.error(operation, &failure))
        };
        let mut params: Vec<Result<Params>> = orders.iter().map(|order| encoded(order, &markets)).collect();
        if params.iter().any(Result::is_err)
            && let Some(markets) = self.reader.accounts.newer_rules(operation).await
        {
            let refused = orders.iter().zip(&mut params).filter(|(_, params)| params.is_err());
            refused.for_each(|(order, params)| *params = encoded(order, &markets));
        }
        let mut outcomes: Vec<Option<Result<OrderState>>> = Vec::with_capacity(orders.len());
        let mut ready: Vec<(usize, &OrderIntent, Params)> = Vec::with_capacity(orders.len());
        for (index, (order, params)) in orders.iter().zip(params).enumerate() {
            match params {
                Ok(params) => {
                    ready.push((index, order.intent(), params));
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        // The clock once for all of them.
        if !ready.is_empty()
            && let Err(failure) = self.plumbing().ready().await
        {
            return outcomes
                .into_iter()
                .map(|outcome| outcome.unwrap_or_else(|| Err(self.error(operation, &failure))))
                .collect();
        }
        self.remember(ready.iter().map(|(_, intent, _)| (&intent.symbol, &intent.id)));
        let per_request =
            usize::try_from(self.capabilities().orders_per_request).unwrap_or(1).clamp(1, BATCH_MAX);
        let batches: Vec<&[(usize, &OrderIntent, Params)]> = ready.chunks(per_request).collect();
        let answers = join_all(batches.iter().map(|batch| self.place_batch(batch, decided))).await;
        for ((index, intent, _), outcome) in ready.iter().zip(answers.into_iter().flatten()) {
            if let Some(slot) = outcomes.get_mut(*index) {
                *slot = Some(self.placed(intent, outcome));
            }
        }
        let unanswered = || {
            let failure = Failure::new(ErrorKind::Decode, Effect::Unknown, "no outcome for this order");
            Err(self.error(operation, &failure))
        };
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered)).collect()
    }

    async fn cancel(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        let operation = Operation::Cancel;
        match self.cancel_request(operation, symbol, Which::Ours(id), self.now()).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let ended = self.has_ended(id);
                let record = self.reader.record(operation, symbol, id).await?;
                self.judged(operation, record, ended)
            }
            Err(failure) => Err(self.error(operation, &failure)),
        }
    }

    /// Also a conditional order, by the id that snapshots have for it: `algo:` and its number. Where that has triggered, what
    /// it became is cancelled.
    async fn cancel_by_venue_id(&self, symbol: &Symbol, venue_order_id: &str) -> Result<()> {
        let operation = Operation::Cancel;
        let decided = self.now();
        let failed = |failure: Failure| self.error(operation, &failure);
        if let Some(algo) = venue_order_id.strip_prefix(ALGO_PREFIX) {
            let number = encode::number(algo).map_err(failed)?;
            return self.cancel_algo_number(symbol, number).await;
        }
        let number = encode::number(venue_order_id).map_err(failed)?.to_string();
        self.cancel_number(operation, symbol, &number, decided).await
    }

    /// One setting for both legs. The mode is another call and stays.
    async fn set_leverage(&self, symbol: &Symbol, leverage: Leverage) -> Result<()> {
        let operation = Operation::SetLeverage;
        let decided = self.now();
        let markets = self.reader.accounts.markets_for_writes(operation, [symbol]).await?;
        let failed = |failure: Failure| self.error(operation, &failure);
        let encoded = |markets: &Markets| {
            let market = self.market(operation, markets, symbol)?;
            encode::leverage(leverage, market).map_err(failed)
        };
        let request = match encoded(&markets) {
            Ok(request) => request,
            Err(refused) => match self.reader.accounts.newer_rules(operation).await {
                Some(markets) => encoded(&markets)?,
                None => return Err(refused),
            },
        };
        // Only what is known to be a lowering may use what is kept for reducing risk.
        let known = self.reader.accounts.memory.lock().leverage(symbol, decided);
        let lowers = known.is_some_and(|known| leverage < known);
        let urgency = if lowers { Urgency::ReducesRisk } else { Urgency::Ordinary };
        let forget = || self.reader.accounts.memory.lock().forget_leverage(symbol);
        forget();
        let reply = self.plumbing().write(operation, &request, urgency, decided).await;
        // Whatever was read meanwhile may be from before.
        forget();
        let reply = reply.map_err(failed)?;
        let (of, set) = decode_leverage(reply.body())
            .map_err(|error| failed(Failure::undecoded(&error, Effect::Unknown)))?;
        if of != *symbol || set != leverage {
            let problem = format!("set was {symbol} to {leverage}x, the venue answered {of} at {set}x");
            return Err(failed(Failure::new(ErrorKind::Decode, Effect::Unknown, problem)));
        }
        Ok(())
    }

    async fn set_margin_mode(&self, symbol: &Symbol, mode: MarginMode) -> Result<()> {
        let operation = Operation::SetMarginMode;
        let decided = self.now();
        let failure = match self.set(operation, &encode::margin_type(symbol, mode), decided).await {
            Ok(reply) => return self.done(operation, &reply),
            Err(failure) if is_already_so(&failure) => return Ok(()),
            Err(failure) => failure,
        };
        // Seen in May 2026 for a mode that was set already, instead of -4046; what is set has the last word.
        if failure.code.as_deref() == Some("-4067")
            && let Ok(setting) = evenkeel_exchange::leverage_of(&self.reader, symbol).await
            && setting.mode == mode
        {
            return Ok(());
        }
        Err(self.error(operation, &failure))
    }

    async fn adjust_margin(&self, symbol: &Symbol, delta: Usd) -> Result<()> {
        let operation = Operation::AdjustMargin;
        let decided = self.now();
        let failed = |failure: Failure| self.error(operation, &failure);
        // An amount that cannot be moved needs no look at the account.
        encode::margin(symbol, delta, PositionSide::Net).map_err(failed)?;
        let side = self.held_side(symbol, delta.is_positive()).await.map_err(failed)?;
        let request = encode::margin(symbol, delta, side).map_err(failed)?;
        let urgency = if delta.is_positive() { Urgency::ReducesRisk } else { Urgency::Ordinary };
        let reply = self.plumbing().write(operation, &request, urgency, decided).await.map_err(failed)?;
        self.done(operation, &reply)
    }

    fn abilities(&self) -> Abilities<'_> {
        let mut abilities = Abilities::none();
        abilities.stop_orders = Some(self);
        abilities.cancel_all = Some(self);
        abilities.dead_man_switch = Some(self);
        if self.plumbing().has_wallets() {
            abilities.transfers = Some(self);
        }
        abilities
    }
}
