//! What this venue can do beyond the common traits.

use std::time::Duration;

use evenkeel_exchange::{
    CancelAll, DeadManSwitch, Effect, ErrorKind, Fenced, Fencing, Observe as _, Operation, Protective,
    Result, Route, StopIntent, StopOrders, StopSize, StopState, StopStatus, TopUp, Trade as _, Transfers,
    async_trait,
};
use evenkeel_http::{Failure, Urgency};
use evenkeel_types::{
    ClientOrderId, Leverage, OpenOrder, OrderKind, OrderStatus, Qty, Symbol, Timestamp, Usd,
};
use futures_util::future::join_all;

use super::plumbing::Key;
use super::trader::{Hyperliquid, is_gone, one_each, whole};
use crate::config::ActingFor;
use crate::decode::{
    Answer, Cloid, OrderRecord, StatusEntry, decode_clearinghouse_state, decode_open_orders,
};
use crate::encode::{self, dex_of};
use crate::error::refusal;
use crate::sign::{Action, Grouping, UserAction, sign_user_action};
use crate::wire::Envelope;

/// Cancels in one action. It may weigh 200, measured with cancels; half of that leaves room for what is not known.
const CANCELS_PER_REQUEST: usize = 100;
/// The venue keeps 5 000 open orders of an account at most.
const ORDERS_MAX: usize = 5000;
/// The venue refuses a dead-man switch that is nearer than this.
const SWITCH_MIN: Duration = Duration::from_secs(5);

#[async_trait]
impl StopOrders for Hyperliquid {
    /// Fixed sizes go in one request; an order on the whole position goes in one of its own, attached to the position.
    ///
    /// The trigger is the mark price. Without a worst price an order may trade up to 10 % beyond its trigger.
    async fn place_stops(&self, stops: &[StopIntent]) -> Vec<Result<StopState>> {
        let decided = self.now();
        let mut outcomes: Vec<Option<Result<StopState>>> = stops.iter().map(|_| None).collect();
        let (mut fixed, mut on_position) = (Vec::new(), Vec::new());
        for ((index, stop), outcome) in stops.iter().enumerate().zip(&mut outcomes) {
            match stop.size {
                StopSize::WholePosition => on_position.push((index, stop)),
                _ => match self.encoded(stop, None).await {
                    Ok(wire) => fixed.push((index, stop, wire)),
                    Err(error) => *outcome = Some(Err(error)),
                },
            }
        }
        // All at once: none is decided on long ago by the time it is its turn.
        let per_request = usize::try_from(self.capabilities().orders_per_request).unwrap_or(1).max(1);
        let batches = join_all(fixed.chunks(per_request).map(|batch| {
            let orders = batch.iter().map(|(_, _, wire)| wire.clone()).collect();
            self.place_batch(Operation::PlaceStop, orders, Grouping::Na, Urgency::ReducesRisk, decided)
        }));
        let alone = join_all(on_position.iter().map(|(_, stop)| self.place_on_position(stop, decided)));
        let (batches, alone) = futures_util::future::join(batches, alone).await;
        let batched = fixed.iter().zip(batches.into_iter().flatten());
        let batched = batched.map(|((index, stop, _), entry)| (*index, self.stop_state(stop, entry)));
        let alone = on_position.iter().zip(alone).map(|((index, _), outcome)| (*index, outcome));
        for (index, answered) in batched.chain(alone) {
            if let Some(outcome) = outcomes.get_mut(index) {
                *outcome = Some(answered);
            }
        }
        let unanswered = || {
            let failure = Failure::new(ErrorKind::Decode, Effect::Unknown, "no outcome for this order");
            Err(self.error(Operation::PlaceStop, &failure))
        };
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unanswered)).collect()
    }

    async fn stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<StopState>> {
        let operation = Operation::Stop;
        let Some(record) = self.reader.record(operation, id).await? else { return Ok(None) };
        if record.symbol != *symbol || record.cloid != Some(Cloid::from(*id)) {
            let problem = format!("asked for an order in {symbol}, the venue answered about {}", record.oid);
            return Err(self.error(operation, &Failure::nothing(ErrorKind::Decode, problem)));
        }
        // All stops of ours are reduce-only: only its executions say whether one that is over has traded.
        let over = record.status.is_terminal();
        let traded = over && !self.reader.executed(operation, &record).await?.is_zero();
        Ok(Some(stop_of(id, &record, traded)))
    }

    async fn cancel_stop(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        self.cancel(symbol, id).await
    }
}

impl Hyperliquid {
    async fn encoded(&self, stop: &StopIntent, held: Option<Qty>) -> Result<crate::sign::OrderWire> {
        let operation = Operation::PlaceStop;
        let coin = self.coin(operation, &stop.symbol).await?;
        let market = coin.market().ok_or_else(|| self.reader.accounts.unlisted(operation, &stop.symbol))?;
        encode::stop(stop, market, coin.asset, held).map_err(|failure| self.error(operation, &failure))
    }

    async fn place_on_position(&self, stop: &StopIntent, decided: Timestamp) -> Result<StopState> {
        let operation = Operation::PlaceStop;
        let held = self.held(operation, &stop.symbol).await?;
        let wire = self.encoded(stop, held).await?;
        let answers = self
            .place_batch(operation, vec![wire], Grouping::PositionTpsl, Urgency::ReducesRisk, decided)
            .await;
        let unanswered = || {
            let failure = Failure::new(ErrorKind::Decode, Effect::Unknown, "no outcome for this order");
            Err(self.error(operation, &failure))
        };
        answers.into_iter().next().map_or_else(unanswered, |entry| self.stop_state(stop, entry))
    }

    /// The size of the position, read now.
    async fn held(&self, operation: Operation, symbol: &Symbol) -> Result<Option<Qty>> {
        let plumbing = self.reader.plumbing();
        let key = Key::State(dex_of(symbol).to_owned());
        let answers = plumbing.gather(operation, [key.clone()]).await;
        let reply = answers.get(&key).map_err(|failure| self.error(operation, &failure))?;
        let state = plumbing.understood(operation, decode_clearinghouse_state(reply.body()))?;
        Ok(state.positions.iter().find(|held| held.symbol == *symbol).map(|held| held.qty))
    }

    fn stop_state(
        &self,
        stop: &StopIntent,
        entry: std::result::Result<StatusEntry, Failure>,
    ) -> Result<StopState> {
        let state = |oid: Option<u64>, status| StopState {
            id: stop.id,
            venue_order_id: oid.map(|oid| oid.to_string()),
            status,
        };
        let outcome = entry.and_then(|entry| match entry {
            StatusEntry::Resting { oid, .. } => Ok(state(Some(oid), StopStatus::Waiting)),
            // Armed; its number is in the list of open orders.
            StatusEntry::Waiting => Ok(state(None, StopStatus::Waiting)),
            StatusEntry::Filled { oid, .. } => Ok(state(Some(oid), StopStatus::Executed)),
            StatusEntry::Success => {
                let problem = "an answer that no order gets";
                Err(Failure::new(ErrorKind::Decode, Effect::Unknown, problem))
            }
            StatusEntry::Error(text) => Err(refusal(&text)),
        });
        outcome.map_err(|failure| self.error(Operation::PlaceStop, &failure))
    }

    /// Cancels in batches, all of them whatever becomes of the first; orders that are gone count as cancelled.
    async fn cancel_chunks(&self, orders: &[(u32, u64)]) -> std::result::Result<(), Failure> {
        let mut worst: Option<Failure> = None;
        let mut any = false;
        for chunk in orders.chunks(CANCELS_PER_REQUEST) {
            let action = Action::Cancel { cancels: chunk.to_vec() };
            let urgency = Urgency::ReducesRisk;
            // A cancel gets no worse with age: each batch counts from its own turn.
            let answer = self.act(Operation::CancelAll, &action, chunk.len(), urgency, self.now()).await;
            for entry in one_each(answer, chunk.len()) {
                match entry {
                    Ok(StatusEntry::Success) => any = true,
                    Ok(_) => {
                        let problem = "an answer that no cancel gets";
                        worst = Some(Failure::new(ErrorKind::Decode, Effect::Unknown, problem));
                    }
                    // It was open a moment ago.
                    Err(failure) if is_gone(&failure) => {}
                    Err(failure) if failure.effect == Effect::Unknown || worst.is_none() => {
                        worst = Some(failure);
                    }
                    Err(_) => {}
                }
            }
        }
        match worst {
            None => Ok(()),
            Some(failure) if any => Err(Failure { effect: Effect::Unknown, ..failure }),
            Some(failure) => Err(failure),
        }
    }

    async fn open_orders(&self, operation: Operation, symbol: Option<&Symbol>) -> Result<Vec<OpenOrder>> {
        let dexes: Vec<String> = match symbol {
            Some(symbol) => vec![dex_of(symbol).to_owned()],
            None => self.reader.accounts.dexes_in_use().into_iter().collect(),
        };
        let keys: Vec<Key> = dexes.into_iter().map(Key::Orders).collect();
        let plumbing = self.reader.plumbing();
        let answers = plumbing.gather(operation, keys.clone()).await;
        let mut orders = Vec::new();
        for key in keys {
            let reply = answers.get(&key).map_err(|failure| self.error(operation, &failure))?;
            orders.extend(plumbing.understood(operation, decode_open_orders(reply.body()))?);
        }
        Ok(orders)
    }
}

fn stop_of(id: &ClientOrderId, record: &OrderRecord, traded: bool) -> StopState {
    let status = match record.status {
        OrderStatus::Open if record.venue_status == "triggered" => StopStatus::Triggered,
        OrderStatus::Filled => StopStatus::Executed,
        OrderStatus::Cancelled | OrderStatus::Rejected if traded => StopStatus::Executed,
        OrderStatus::Cancelled => StopStatus::Cancelled,
        OrderStatus::Rejected => StopStatus::Rejected,
        _ => StopStatus::Waiting,
    };
    StopState { id: *id, venue_order_id: Some(record.oid.to_string()), status }
}

#[async_trait]
impl CancelAll for Hyperliquid {
    /// The venue has no such action: the open orders are read and cancelled in batches. Orders of spot pairs stay. For
    /// the whole account: on the validator-operated dex, and on the builder dexes that were named, hold something, or
    /// were sent something by this connector.
    async fn cancel_all(&self, symbol: Option<&Symbol>, protective: Protective) -> Result<u32> {
        let operation = Operation::CancelAll;
        let orders = self.open_orders(operation, symbol).await?;
        if orders.len() > ORDERS_MAX {
            let problem =
                format!("{} open orders are more than the {ORDERS_MAX} that the venue allows", orders.len());
            return Err(self.error(operation, &Failure::nothing(ErrorKind::Decode, problem)));
        }
        let mut cancels = Vec::new();
        for order in orders {
            let wanted = symbol.is_none_or(|symbol| *symbol == order.symbol);
            let kept =
                protective == Protective::Keep && (order.is_protective() || order.kind != OrderKind::Limit);
            if !wanted || kept || encode::is_spot(&order.symbol) {
                continue;
            }
            let coin = self.coin(operation, &order.symbol).await?;
            let oid = order.venue_order_id.parse().map_err(|_| {
                self.error(operation, &Failure::nothing(ErrorKind::Decode, "an order without a number"))
            })?;
            cancels.push((coin.asset, oid));
        }
        let count = u32::try_from(cancels.len()).unwrap_or(u32::MAX);
        let done = self.cancel_chunks(&cancels).await;
        done.map_err(|failure| self.error(operation, &failure))?;
        Ok(count)
    }
}

#[async_trait]
impl DeadManSwitch for Hyperliquid {
    /// Cancels **all** open orders, protective ones too. The venue refuses it to accounts that have traded less than
    /// 1 000 000 USD, and carries it out ten times a day at most. At least 5 s ahead.
    async fn arm(&self, within: Duration) -> Result<()> {
        let operation = Operation::DeadManSwitch;
        if within < SWITCH_MIN {
            let problem = format!("{within:?} is too soon: the venue wants at least {SWITCH_MIN:?}");
            return Err(self.error(operation, &Failure::nothing(ErrorKind::Invalid, problem)));
        }
        let decided = self.now();
        let now = self.reader.plumbing().venue_now(operation).await;
        let now = now.map_err(|failure| self.error(operation, &failure))?;
        let time = Some(now.after(within).0);
        self.set(operation, &Action::ScheduleCancel { time }, Urgency::ReducesRisk, decided).await
    }

    async fn disarm(&self) -> Result<()> {
        let action = Action::ScheduleCancel { time: None };
        self.set(Operation::DeadManSwitch, &action, Urgency::ReducesRisk, self.now()).await
    }
}

#[async_trait]
impl TopUp for Hyperliquid {
    /// Only for `strictIsolated` coins; the venue refuses others.
    async fn top_up(&self, symbol: &Symbol, leverage: Leverage) -> Result<()> {
        let operation = Operation::TopUp;
        let decided = self.now();
        let coin = self.coin(operation, symbol).await?;
        let action = Action::TopUpIsolatedOnlyMargin { asset: coin.asset, leverage: leverage.to_string() };
        self.set(operation, &action, Urgency::ReducesRisk, decided).await
    }
}

#[async_trait]
impl Fencing for Hyperliquid {
    /// Signs a `noop` with the lost order's nonce. All orders that went in the same request are fenced off with it.
    async fn fence(&self, _symbol: &Symbol, id: &ClientOrderId) -> Result<Fenced> {
        let operation = Operation::Fence;
        let Some(nonce) = self.nonces.of_order(id) else {
            let problem = format!("order {id} was not sent by this process, or too long ago");
            return Err(self.error(operation, &Failure::nothing(ErrorKind::NotFound, problem)));
        };
        let plumbing = self.reader.plumbing();
        let answer = async {
            plumbing.take_for_action(1, Urgency::ReducesRisk).await?;
            // Without an end of its own: it must be able to overtake what it fences off.
            let body = self.signed(&Action::Noop, nonce, None)?;
            self.send(operation, body).await
        };
        let first = self.nonces.burn(nonce);
        let settled = |outcome| {
            self.nonces.settled(nonce);
            Ok(outcome)
        };
        match answer.await {
            Ok(Answer::Refused(text)) if text.starts_with("Invalid nonce: duplicate nonce") => {
                // An earlier `noop` without an answer may be what used it.
                if first { settled(Fenced::Used) } else { Err(self.error(operation, &refusal(&text))) }
            }
            // Too old to be carried out from now on; whether it was before can only be asked for.
            Ok(Answer::Refused(text)) if text.starts_with("Invalid nonce: nonce too low") => {
                settled(Fenced::Used)
            }
            answer => match whole(answer) {
                Ok(()) => settled(Fenced::Impossible),
                Err(failure) => {
                    if first && failure.effect == Effect::NotApplied {
                        // No `noop` left: the next one is the first again.
                        self.nonces.settled(nonce);
                    }
                    Err(self.error(operation, &failure))
                }
            },
        }
    }
}

#[async_trait]
impl Transfers for Hyperliquid {
    /// Standard accounts only, and only with the account's own key: the venue takes this action from no agent. It takes
    /// no expiry either: a transfer whose answer was lost can still be carried out for up to two days.
    async fn transfer(&self, route: Route, amount: Usd) -> Result<()> {
        let operation = Operation::Transfer;
        let decided = self.now();
        let invalid = |problem: String| self.error(operation, &Failure::nothing(ErrorKind::Invalid, problem));
        if matches!(self.credentials.account.kind(), ActingFor::Vault(_)) {
            return Err(invalid("a vault has no spot wallet to move money from".into()));
        }
        let Some(master) = &self.credentials.master else {
            let problem =
                "moving money between wallets needs the account's own key (Credentials::danger_master)";
            return Err(self.error(operation, &Failure::nothing(ErrorKind::Auth, problem)));
        };
        if !amount.is_positive() {
            return Err(invalid(format!("the amount must be above zero, not {amount}")));
        }
        crate::sign::usd_micros(&amount.get()).map_err(|error| invalid(format!("{amount}: {error}")))?;
        let to_perp = match route {
            Route::SpotToPerp => true,
            Route::PerpToSpot => false,
            _ => return Err(invalid("this venue has no such way".into())),
        };
        let plumbing = self.reader.plumbing();
        let sent = async {
            plumbing.take_for_action(1, Urgency::Ordinary).await?;
            let now = plumbing.venue_now(operation).await?;
            self.is_fresh(decided)?;
            let nonce = self.nonces.next(now);
            // For a sub-account the venue wants it named within the amount.
            let amount = match self.credentials.account.vault() {
                None => amount.to_string(),
                Some(sub) => format!("{amount} subaccount:{sub}"),
            };
            let action = UserAction::UsdClassTransfer { amount, to_perp, nonce };
            let network = self.reader.environment().network();
            let (action, signature) = sign_user_action(master, network, &action)
                .map_err(|error| Failure::nothing(ErrorKind::Auth, format!("not signed: {error}")))?;
            let envelope = Envelope {
                action: &action,
                nonce,
                signature: &signature,
                vault_address: None,
                expires_after: None,
            };
            let body = serde_json::to_vec(&envelope)
                .map_err(|error| Failure::nothing(ErrorKind::Invalid, error.to_string()))?;
            self.send(operation, body.into()).await
        };
        whole(sent.await).map_err(|failure| self.error(operation, &failure))
    }
}
