//! The connector that trades. Every write is signed once, sent once, and its answer read as it stands.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evenkeel_exchange::{
    Abilities, Effect, ErrorKind, FundingRate, Observe, Operation, OrderRequest, ReadAbilities, Result,
    Trade, async_trait,
};
use evenkeel_http::{Failure, Urgency, VenueClock, cut};
use evenkeel_types::{
    Capabilities, ClientOrderId, FeeRates, Fill, Instruments, Leverage, LeverageSetting, MarginMode,
    OrderIntent, OrderState, OrderStatus, Qty, Scope, Snapshot, Symbol, TimeInForce, Timestamp, Usd, VenueId,
};
use futures_util::future::join_all;

use super::account::Coin;
use super::plumbing::WRITE_PATIENCE;
use super::reader::Reader;
use crate::config::{Builder, Credentials, Settings};
use crate::decode::{Answer, Body, Cloid, OrderRecord, StatusEntry, decode_answer};
use crate::encode;
use crate::error::refusal;
use crate::nonce::Nonces;
use crate::sign::{self, Action, Grouping, OrderWire, usd_micros};
use crate::wire::Envelope;

/// How long after an order's expiry its record may still come into view.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Hyperliquid for trading: an agent's key signs, and an account, sub-account or vault is acted for. See the
/// [crate documentation](crate).
///
/// Cheap to clone; clones share the rate budget, the nonces and what was read.
#[derive(Debug, Clone)]
pub struct Hyperliquid {
    pub(super) reader: Reader,
    pub(super) credentials: Credentials,
    pub(super) nonces: Arc<Nonces>,
    validity: Duration,
}

impl Hyperliquid {
    pub(crate) fn new(settings: Settings, credentials: Credentials) -> Self {
        let validity = settings.validity;
        let signer = credentials.signer.address();
        let mut reader = Reader::new(settings, credentials.account);
        reader.signer = Some(signer);
        let nonces = Nonces::of(signer, reader.plumbing().clock.now());
        Self { reader, nonces, credentials, validity }
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

    pub(super) fn error(&self, operation: Operation, failure: &Failure) -> evenkeel_exchange::Error {
        self.reader.plumbing().error(operation, failure)
    }

    /// Signs an action and sends it, once. `items` are its parts, which it is charged for.
    pub(super) async fn act(
        &self,
        operation: Operation,
        action: &Action,
        items: usize,
        urgency: Urgency,
        decided: Timestamp,
    ) -> std::result::Result<Answer, Failure> {
        let plumbing = self.reader.plumbing();
        plumbing.take_for_action(items, urgency).await?;
        // After the wait, so that the action's validity does not begin before it can leave.
        let now = plumbing.venue_now(operation).await?;
        self.is_fresh(decided)?;
        let nonce = self.nonces.next(now);
        self.remember(action, nonce);
        let body = self.signed(action, nonce, Some(now.after(self.validity)))?;
        let answer = self.send(operation, body).await;
        if let Ok(Answer::Refused(text)) = &answer
            && text.starts_with("Action already expired")
        {
            // It was signed a moment ago: our idea of the venue's clock is wrong.
            plumbing.forget_time();
        }
        answer
    }

    /// Refuses to send what was decided on too long ago.
    pub(super) fn is_fresh(&self, decided: Timestamp) -> std::result::Result<(), Failure> {
        let late = self.now().since(decided);
        if late > WRITE_PATIENCE {
            let problem = format!("{} s after it was decided it is better decided again", late.as_secs());
            return Err(Failure::nothing(ErrorKind::RateLimited, problem));
        }
        Ok(())
    }

    /// The present moment, by which what is decided now is measured.
    pub(super) fn now(&self) -> Timestamp {
        self.reader.plumbing().clock.now()
    }

    /// Sends what was signed, once.
    pub(super) async fn send(
        &self,
        operation: Operation,
        body: Bytes,
    ) -> std::result::Result<Answer, Failure> {
        let answer = self.reader.plumbing().act(operation, body).await?;
        decode_answer(Body::new("exchange", &answer))
            .map_err(|error| Failure::undecoded(&error, Effect::Unknown))
    }

    /// The body of an L1 action. Signing touches nothing but memory.
    pub(super) fn signed(
        &self,
        action: &Action,
        nonce: u64,
        expires_after: Option<Timestamp>,
    ) -> std::result::Result<Bytes, Failure> {
        let vault = self.credentials.account.vault();
        let network = self.reader.environment().network();
        let signer = &*self.credentials.signer;
        let unsigned = |error: String| Failure::nothing(ErrorKind::Auth, format!("not signed: {error}"));
        let signature = sign::sign_action(signer, network, action, nonce, vault.as_ref(), expires_after)
            .map_err(|error| unsigned(error.to_string()))?;
        let envelope = Envelope {
            action,
            nonce,
            signature: &signature,
            vault_address: vault.map(|vault| vault.to_string()),
            expires_after: expires_after.map(|at| at.0),
        };
        serde_json::to_vec(&envelope).map(Bytes::from).map_err(|error| unsigned(error.to_string()))
    }

    fn remember(&self, action: &Action, nonce: u64) {
        let Action::Order { orders, .. } = action else { return };
        let ids = orders.iter().filter_map(|order| Cloid::parse(order.cloid.as_deref()?)?.ours());
        self.nonces.remember(ids, nonce);
    }

    /// An action that is accepted or refused as a whole.
    pub(super) async fn set(
        &self,
        operation: Operation,
        action: &Action,
        urgency: Urgency,
        decided: Timestamp,
    ) -> Result<()> {
        let answer = self.act(operation, action, 1, urgency, decided).await;
        whole(answer).map_err(|failure| self.error(operation, &failure))
    }

    /// Orders of one request, with one outcome each.
    pub(super) async fn place_batch(
        &self,
        operation: Operation,
        orders: Vec<OrderWire>,
        grouping: Grouping,
        urgency: Urgency,
        decided: Timestamp,
    ) -> Vec<std::result::Result<StatusEntry, Failure>> {
        let sent: Vec<Option<Cloid>> =
            orders.iter().map(|order| order.cloid.as_deref().and_then(Cloid::parse)).collect();
        let action = Action::Order { orders, grouping };
        let answer = self.act(operation, &action, sent.len(), urgency, decided).await;
        let entries = one_each(answer, sent.len());
        entries
            .into_iter()
            .zip(sent)
            .map(|(entry, sent)| entry.and_then(|entry| about(sent, entry)))
            .collect()
    }

    pub(super) async fn coin(&self, operation: Operation, symbol: &Symbol) -> Result<Coin> {
        self.reader.accounts.uses(symbol);
        self.reader.accounts.coin(operation, symbol).await
    }

    /// The margin mode and leverage of a coin, young enough to write one and keep the other.
    async fn setting(&self, operation: Operation, symbol: &Symbol) -> Result<LeverageSetting> {
        let now = self.reader.plumbing().clock.now();
        if let Some(setting) = self.reader.accounts.memory.lock().recent_setting(symbol, now) {
            return Ok(setting);
        }
        let read = evenkeel_exchange::leverage_of(&self.reader, symbol).await;
        read.map_err(|error| {
            let failure = Failure { effect: Effect::NotApplied, ..Failure::of(&error) };
            self.error(operation, &failure)
        })
    }

    /// Whether an order that could not be cancelled is over. One that was sent and not heard of may still arrive.
    async fn is_over(&self, operation: Operation, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        let record = self.reader.record(operation, id).await?;
        let ended = match self.nonces.of_order(id) {
            // A process that ended a moment ago may have sent it.
            None => self.now() > self.nonces.began().after(self.validity).after(ARRIVAL),
            // The nonce is the venue's time of signing, or later.
            Some(nonce) => {
                let now = self.reader.plumbing().by_venue(self.now());
                now > Timestamp(nonce).after(self.validity).after(ARRIVAL)
            }
        };
        self.judged(operation, symbol, record, ended)
    }

    fn judged(
        &self,
        operation: Operation,
        symbol: &Symbol,
        record: Option<OrderRecord>,
        unknown_is_over: bool,
    ) -> Result<()> {
        let open = |problem: String, effect| {
            Err(self.error(operation, &Failure::new(ErrorKind::NotFound, effect, problem)))
        };
        match record {
            Some(record) if record.symbol != *symbol => open(
                format!("order {} is in {}, not in {symbol}", record.oid, record.symbol),
                Effect::NotApplied,
            ),
            Some(record) if record.status.is_terminal() => Ok(()),
            Some(record) => open(format!("order {} is still open", record.oid), Effect::NotApplied),
            None if unknown_is_over => Ok(()),
            None => {
                open("the venue does not know the order yet, and it may still arrive".into(), Effect::Unknown)
            }
        }
    }

    async fn update_leverage(
        &self,
        operation: Operation,
        symbol: &Symbol,
        change: impl Fn(&LeverageSetting) -> (Leverage, MarginMode),
    ) -> Result<()> {
        let decided = self.now();
        let coin = self.coin(operation, symbol).await?;
        let setting = self.setting(operation, symbol).await?;
        let (leverage, mode) = change(&setting);
        let market = coin.market().ok_or_else(|| self.reader.accounts.unlisted(operation, symbol))?;
        let number = encode::leverage(leverage, market).map_err(|failure| self.error(operation, &failure))?;
        if setting.is(leverage) && setting.mode == mode {
            // An update that changes nothing succeeds, and costs one of the address's requests.
            return Ok(());
        }
        let action = Action::UpdateLeverage {
            asset: coin.asset,
            is_cross: mode == MarginMode::Cross,
            leverage: number,
        };
        let forget = || self.reader.accounts.memory.lock().forget_setting(symbol, self.now());
        forget();
        let reduces = setting.mode == mode && leverage < setting.long && leverage < setting.short;
        let urgency = if reduces { Urgency::ReducesRisk } else { Urgency::Ordinary };
        let done = self.set(operation, &action, urgency, decided).await;
        // Whatever was read meanwhile may be from before.
        forget();
        done
    }
}

/// An outcome is believed where it is about the order that was sent.
fn about(sent: Option<Cloid>, entry: StatusEntry) -> std::result::Result<StatusEntry, Failure> {
    match (&entry, sent) {
        (
            StatusEntry::Resting { cloid: Some(answered), .. }
            | StatusEntry::Filled { cloid: Some(answered), .. },
            Some(sent),
        ) if *answered != sent => {
            let problem = format!("the answer is about order {answered}, sent was {sent}");
            Err(Failure::new(ErrorKind::Decode, Effect::Unknown, problem))
        }
        _ => Ok(entry),
    }
}

/// One outcome for each of `count` parts.
pub(super) fn one_each(
    answer: std::result::Result<Answer, Failure>,
    count: usize,
) -> Vec<std::result::Result<StatusEntry, Failure>> {
    let all = |failure: &Failure| (0..count).map(|_| Err(failure.clone())).collect();
    match answer {
        Err(failure) => all(&failure),
        Ok(Answer::Refused(text)) => all(&refusal(&text)),
        Ok(Answer::Entries(entries)) if entries.len() == count => entries
            .into_iter()
            .map(|entry| match entry {
                StatusEntry::Error(text) => Err(refusal(&text)),
                entry => Ok(entry),
            })
            .collect(),
        // What is wrong with the request itself is said once for all parts (official documentation).
        Ok(Answer::Entries(entries)) => match entries.as_slice() {
            [StatusEntry::Error(text)] if is_about_the_request(text) => all(&refusal(text)),
            _ => {
                let problem = format!("{} outcomes for {count} orders", entries.len());
                all(&Failure::new(ErrorKind::Decode, Effect::Unknown, problem))
            }
        },
        Ok(Answer::Accepted) => {
            let problem = "the answer names no outcomes";
            all(&Failure::new(ErrorKind::Decode, Effect::Unknown, problem))
        }
    }
}

/// Whether a refusal can be one that the venue gives before it looks at single orders: for what depends on the request
/// alone. Another text that comes once for several orders says nothing about the others.
fn is_about_the_request(text: &str) -> bool {
    let known = crate::error::classify(text);
    known.is_some_and(|(kind, _)| kind == ErrorKind::Invalid)
        || text.starts_with("Order price cannot be more than")
}

/// An action that has no parts.
pub(super) fn whole(answer: std::result::Result<Answer, Failure>) -> std::result::Result<(), Failure> {
    match answer? {
        Answer::Accepted => Ok(()),
        Answer::Refused(text) => Err(refusal(&text)),
        Answer::Entries(entries) => match entries.as_slice() {
            [StatusEntry::Error(text)] => Err(refusal(text)),
            _ => Err(Failure::new(
                ErrorKind::Decode,
                Effect::Unknown,
                "an answer for a batch that was not sent",
            )),
        },
    }
}

/// What the venue says about an order, as its state.
fn order_state(intent: &OrderIntent, entry: StatusEntry) -> std::result::Result<OrderState, Failure> {
    let unknown = |problem: String| Failure::new(ErrorKind::Decode, Effect::Unknown, problem);
    let state = |oid: u64, filled: Qty, average_price, status| OrderState {
        id: intent.id,
        venue_order_id: Some(oid.to_string()),
        symbol: intent.symbol.clone(),
        side: intent.side,
        qty: intent.qty,
        filled,
        average_price,
        fee: None,
        status,
    };
    match entry {
        // A part of it may have been filled at once; that is asked for.
        StatusEntry::Resting { oid, .. } => Ok(state(oid, Qty::ZERO, None, OrderStatus::Open)),
        StatusEntry::Filled { total, average, oid, .. } => {
            let over = intent.tif == TimeInForce::Ioc || intent.reduce_only;
            let status = if total >= intent.qty {
                OrderStatus::Filled
            } else if over {
                // The rest of an immediate order is cancelled; a reduce-only one was shrunk to the position.
                OrderStatus::Cancelled
            } else {
                OrderStatus::Open
            };
            Ok(state(oid, total, Some(average), status))
        }
        StatusEntry::Success | StatusEntry::Waiting => Err(unknown("an answer that no order gets".into())),
        StatusEntry::Error(text) => Err(refusal(&text)),
    }
}

#[async_trait]
impl Observe for Hyperliquid {
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
impl Trade for Hyperliquid {
    async fn place(&self, orders: &[OrderRequest]) -> Vec<Result<OrderState>> {
        let operation = Operation::Place;
        let decided = self.now();
        let coins = join_all(orders.iter().map(|order| self.coin(operation, &order.intent().symbol))).await;
        let mut outcomes: Vec<Option<Result<OrderState>>> = Vec::with_capacity(orders.len());
        let mut wires = Vec::with_capacity(orders.len());
        for (index, (order, coin)) in orders.iter().zip(coins).enumerate() {
            let intent = order.intent();
            let wire = coin.and_then(|coin| {
                let market =
                    coin.market().ok_or_else(|| self.reader.accounts.unlisted(operation, &intent.symbol))?;
                encode::order(intent, market, coin.asset).map_err(|failure| self.error(operation, &failure))
            });
            match wire {
                Ok(wire) => {
                    wires.push((index, intent, wire));
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        // The documentation asks for post-only orders to be kept apart from the others: they go first within a block.
        let (post_only, others): (Vec<_>, Vec<_>) =
            wires.into_iter().partition(|(_, intent, _)| intent.tif == TimeInForce::PostOnly);
        let per_request = usize::try_from(self.capabilities().orders_per_request).unwrap_or(1).max(1);
        let batches: Vec<Vec<_>> =
            post_only.chunks(per_request).chain(others.chunks(per_request)).map(<[_]>::to_vec).collect();
        let answers = join_all(batches.iter().map(|batch| {
            let reduces = batch.iter().all(|(_, intent, _)| intent.reduce_only);
            let urgency = if reduces { Urgency::ReducesRisk } else { Urgency::Ordinary };
            let orders = batch.iter().map(|(_, _, wire)| wire.clone()).collect();
            self.place_batch(operation, orders, Grouping::Na, urgency, decided)
        }))
        .await;
        for ((index, intent, _), entry) in batches.into_iter().flatten().zip(answers.into_iter().flatten()) {
            let state = entry.and_then(|entry| order_state(intent, entry));
            if let Some(outcome) = outcomes.get_mut(index) {
                *outcome = Some(state.map_err(|failure| self.error(operation, &failure)));
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
        let decided = self.now();
        let coin = self.coin(operation, symbol).await?;
        let action = Action::CancelByCloid { cancels: vec![(coin.asset, Cloid::from(*id).to_string())] };
        let answer = self.act(operation, &action, 1, Urgency::ReducesRisk, decided).await;
        match cancelled(one_each(answer, 1)) {
            Err(failure) if is_gone(&failure) => self.is_over(operation, symbol, id).await,
            done => done.map_err(|failure| self.error(operation, &failure)),
        }
    }

    async fn cancel_by_venue_id(&self, symbol: &Symbol, venue_order_id: &str) -> Result<()> {
        let operation = Operation::Cancel;
        let decided = self.now();
        let coin = self.coin(operation, symbol).await?;
        let Ok(oid) = venue_order_id.parse() else {
            let problem = format!("{} is no order number of this venue", cut(venue_order_id));
            return Err(self.error(operation, &Failure::nothing(ErrorKind::Invalid, problem)));
        };
        let action = Action::Cancel { cancels: vec![(coin.asset, oid)] };
        let answer = self.act(operation, &action, 1, Urgency::ReducesRisk, decided).await;
        match cancelled(one_each(answer, 1)) {
            // It has a number, so it was placed: by the venue's words it is over. Its record has the last word.
            Err(failure) if is_gone(&failure) => {
                let record = self.reader.record_by_number(operation, oid).await?;
                self.judged(operation, symbol, record, true)
            }
            done => done.map_err(|failure| self.error(operation, &failure)),
        }
    }

    async fn set_leverage(&self, symbol: &Symbol, leverage: Leverage) -> Result<()> {
        let change = |setting: &LeverageSetting| (leverage, setting.mode);
        self.update_leverage(Operation::SetLeverage, symbol, change).await
    }

    async fn set_margin_mode(&self, symbol: &Symbol, mode: MarginMode) -> Result<()> {
        let change = |setting: &LeverageSetting| (setting.long, mode);
        self.update_leverage(Operation::SetMarginMode, symbol, change).await
    }

    async fn adjust_margin(&self, symbol: &Symbol, delta: Usd) -> Result<()> {
        let operation = Operation::AdjustMargin;
        let decided = self.now();
        let coin = self.coin(operation, symbol).await?;
        let micros = usd_micros(&delta.get()).map_err(|error| {
            let problem = format!("{symbol}: {delta} cannot be moved: {error}");
            self.error(operation, &Failure::nothing(ErrorKind::Invalid, problem))
        })?;
        let action = Action::UpdateIsolatedMargin { asset: coin.asset, micros };
        let urgency = if delta.is_positive() { Urgency::ReducesRisk } else { Urgency::Ordinary };
        self.set(operation, &action, urgency, decided).await
    }

    fn abilities(&self) -> Abilities<'_> {
        let mut abilities = Abilities::none();
        abilities.stop_orders = Some(self);
        abilities.cancel_all = Some(self);
        abilities.dead_man_switch = Some(self);
        abilities.top_up = Some(self);
        abilities.fencing = Some(self);
        if self.credentials.master.is_some() {
            abilities.transfers = Some(self);
        }
        abilities
    }
}

/// The venue has one text for filled, cancelled and unknown orders.
pub(super) fn is_gone(failure: &Failure) -> bool {
    failure.kind == ErrorKind::NotFound && failure.effect == Effect::NotApplied
}

/// All of them cancelled, or the first that was not.
pub(super) fn cancelled(
    entries: Vec<std::result::Result<StatusEntry, Failure>>,
) -> std::result::Result<(), Failure> {
    for entry in entries {
        match entry {
            Ok(StatusEntry::Success) => {}
            Ok(_) => {
                let problem = "an answer that no cancel gets";
                return Err(Failure::new(ErrorKind::Decode, Effect::Unknown, problem));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}
