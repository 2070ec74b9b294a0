//! From a question to the bytes of its answer: limiter, transport, clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evenkeel_exchange::{Clock, Effect, ErrorKind, Operation, Result};
use evenkeel_http::feed::Sockets;
use evenkeel_http::json::DecodeError;
use evenkeel_http::{BaseUrl, Client, ClockOffset, Failure, Limiter, Quota, Sent, Urgency, VenueClock};
use evenkeel_types::{Capabilities, Symbol, Timestamp, VenueId};
use futures_util::stream::StreamExt as _;

use crate::config::{Account, Environment, Settings};
use crate::decode::{Body, decode_exchange_status};
use crate::endpoints::{self, Read};
use crate::error::http_failure;
use crate::wire::Question;

/// How long a read waits for the rate limit. The budget is one of a minute: longer, and something is wrong.
const READ_PATIENCE: Duration = Duration::from_secs(65);
/// How long a write waits for it. What was decided on longer ago is better decided again.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// How many questions are asked at once: each needs a connection while it is open. Fifty symbols fit.
const AT_ONCE: usize = 64;

/// What is read of an account in one go, and by which the answers are found again. The order is that of asking.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Clock,
    Mode,
    Spot,
    Fees,
    Dexes,
    /// Of a dex; the validator-operated one has the empty name.
    State(String),
    Markets(String),
    Orders(String),
    Asset(Symbol),
}

/// An answer of the info endpoint.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// By what errors call it.
    pub(super) name: String,
    pub(super) bytes: Bytes,
    /// When it was asked for, by our clock: what was read is not younger.
    pub(super) began: Timestamp,
    /// When it was there.
    pub(super) ended: Timestamp,
}

impl Reply {
    pub(super) fn body(&self) -> Body<'_> {
        Body::new(&self.name, &self.bytes)
    }
}

/// What both connectors stand on.
#[derive(Debug)]
pub(super) struct Plumbing {
    client: Client,
    pub(super) venue: VenueId,
    pub(super) environment: Environment,
    pub(super) base_url: BaseUrl,
    pub(super) sockets: Arc<dyn Sockets>,
    pub(super) clock: Arc<dyn Clock>,
    timeout: Duration,
    pub(super) account: Account,
    pub(super) capabilities: Capabilities,
    pub(super) dexes: Vec<String>,
    limiter: Arc<Limiter>,
    offset: Arc<ClockOffset>,
}

impl Plumbing {
    pub(super) fn new(settings: Settings, account: Account) -> Self {
        let venue = venue_id();
        let quota =
            Quota::new(endpoints::WEIGHT_PER_MINUTE, Duration::from_secs(60), endpoints::RESERVED_PERCENT);
        Self {
            client: Client::new(settings.transport, Arc::clone(&settings.clock), venue.clone()),
            venue,
            environment: settings.environment,
            // The venue meters each IP address: all connectors of this process to one host share a budget.
            limiter: Limiter::shared(settings.base_url.authority(), quota),
            base_url: settings.base_url,
            sockets: settings.sockets,
            clock: settings.clock,
            timeout: settings.timeout,
            account,
            capabilities: settings.capabilities,
            dexes: settings.dexes,
            offset: Arc::default(),
        }
    }

    /// Asks one question. Nothing is written by looking, whatever it is looked for.
    pub(super) async fn ask(
        &self,
        operation: Operation,
        read: Read,
        question: Question,
        name: String,
    ) -> std::result::Result<Reply, Failure> {
        self.take(read.weight, read.urgency, READ_PATIENCE).await?;
        let sent = self.post(operation, endpoints::INFO, question.body()).await;
        let sent = sent.map_err(|failure| Failure { effect: Effect::NotApplied, ..failure })?;
        if let Some(items) = read_items(read, &sent.body) {
            self.limiter.charge(self.clock.now(), items);
        }
        Ok(Reply { name, bytes: sent.body, began: sent.began, ended: sent.ended })
    }

    /// Waits for the rate limit.
    pub(super) async fn take(
        &self,
        weight: u32,
        urgency: Urgency,
        patience: Duration,
    ) -> std::result::Result<(), Failure> {
        let taken = self.limiter.acquire(&*self.clock, weight, urgency, patience).await;
        taken.map_err(|limited| Failure::limited(&limited))
    }

    /// Sends a signed action and waits for the bytes of its answer.
    pub(super) async fn act(&self, operation: Operation, body: Bytes) -> std::result::Result<Bytes, Failure> {
        self.post(operation, endpoints::EXCHANGE, body).await.map(|sent| sent.body)
    }

    pub(super) async fn take_for_action(
        &self,
        items: usize,
        urgency: Urgency,
    ) -> std::result::Result<(), Failure> {
        self.take(endpoints::action_weight(items), urgency, WRITE_PATIENCE).await
    }

    async fn post(
        &self,
        operation: Operation,
        path: &str,
        body: Bytes,
    ) -> std::result::Result<Sent, Failure> {
        let request = http::Request::post(format!("{}{path}", self.base_url))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|_| Failure::nothing(ErrorKind::Invalid, "the request could not be built"))?;
        let sent = self.client.send(operation, request, self.timeout).await;
        let sent = sent.map_err(|error| Failure::of(&error))?;
        if sent.status == 200 {
            return Ok(sent);
        }
        let failure = http_failure(sent.status, &sent.body, sent.retry_after());
        if sent.status == 429 {
            let until = sent.ended.after(failure.retry_after.unwrap_or_default());
            self.limiter.block_until(sent.ended, until);
        }
        Err(failure)
    }

    /// The venue's time now, by samples of its clock; asks for one where there is none that is fresh.
    pub(super) async fn venue_now(&self, operation: Operation) -> std::result::Result<Timestamp, Failure> {
        let now = self.clock.now();
        if !self.offset.is_stale(now)
            && let Some(time) = self.offset.venue_time(now)
        {
            return Ok(time);
        }
        self.sample(operation).await?;
        let now = self.clock.now();
        self.offset.venue_time(now).ok_or_else(|| {
            Failure::nothing(ErrorKind::Decode, "the venue's clock could not be compared with ours")
        })
    }

    /// What our clock's moment is by the venue's, as far as is known.
    pub(super) fn by_venue(&self, moment: Timestamp) -> Timestamp {
        self.offset.venue_time(moment).unwrap_or(moment)
    }

    /// Reads the venue's clock.
    pub(super) async fn sample(&self, operation: Operation) -> std::result::Result<Timestamp, Failure> {
        let read = endpoints::EXCHANGE_STATUS;
        let reply = self.ask(operation, read, crate::encode::ask(read), read.name.to_owned()).await?;
        self.learn_time(&reply)
    }

    /// What an answer says of the venue's clock.
    pub(super) fn learn_time(&self, reply: &Reply) -> std::result::Result<Timestamp, Failure> {
        let status = decode_exchange_status(reply.body())
            .map_err(|error| Failure::undecoded(&error, Effect::NotApplied))?;
        self.offset.sample(reply.began, reply.ended, status.time);
        Ok(status.time)
    }

    /// Whether the venue's clock should be read again.
    pub(super) fn is_time_due(&self) -> bool {
        self.offset.is_stale(self.clock.now())
    }

    /// What was known of the venue's clock is wrong.
    pub(super) fn forget_time(&self) {
        self.offset.forget();
    }

    /// The venue's clock.
    pub(super) fn venue_clock(&self) -> VenueClock {
        VenueClock::new(Arc::clone(&self.clock), Arc::clone(&self.offset))
    }

    /// Asks for all of these at once; each has its own outcome.
    pub(super) async fn gather(
        &self,
        operation: Operation,
        wanted: impl IntoIterator<Item = Key>,
    ) -> Answers {
        let user = self.account.target().get();
        let asked = wanted.into_iter().map(|key| {
            let (read, question) = match &key {
                Key::Clock => (endpoints::EXCHANGE_STATUS, crate::encode::ask(endpoints::EXCHANGE_STATUS)),
                Key::Mode => {
                    (endpoints::USER_ABSTRACTION, crate::encode::ask(endpoints::USER_ABSTRACTION).user(user))
                }
                Key::Spot => {
                    let read = endpoints::SPOT_CLEARINGHOUSE_STATE;
                    (read, crate::encode::ask(read).user(user))
                }
                Key::Fees => (endpoints::USER_FEES, crate::encode::ask(endpoints::USER_FEES).user(user)),
                Key::Dexes => (endpoints::PERP_DEXS, crate::encode::ask(endpoints::PERP_DEXS)),
                Key::State(dex) => {
                    let read = endpoints::CLEARINGHOUSE_STATE;
                    (read, crate::encode::ask(read).user(user).dex(dex))
                }
                Key::Markets(dex) => {
                    let read = endpoints::META_AND_ASSET_CTXS;
                    (read, crate::encode::ask(read).dex(dex))
                }
                Key::Orders(dex) => {
                    let read = endpoints::FRONTEND_OPEN_ORDERS;
                    (read, crate::encode::ask(read).user(user).dex(dex))
                }
                Key::Asset(symbol) => {
                    let read = endpoints::ACTIVE_ASSET_DATA;
                    (read, crate::encode::ask(read).user(user).coin(symbol))
                }
            };
            let name = match &key {
                Key::State(dex) | Key::Markets(dex) | Key::Orders(dex) if !dex.is_empty() => {
                    format!("{} of {dex}", read.name)
                }
                Key::Asset(symbol) => format!("{} of {symbol}", read.name),
                _ => read.name.to_owned(),
            };
            async move { (key, self.ask(operation, read, question, name).await) }
        });
        let answers = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE);
        Answers(answers.collect().await)
    }

    pub(super) fn error(&self, operation: Operation, failure: &Failure) -> evenkeel_exchange::Error {
        failure.error(&self.venue, operation)
    }

    /// What an answer to a question says.
    pub(super) fn understood<T>(
        &self,
        operation: Operation,
        decoded: std::result::Result<T, DecodeError>,
    ) -> Result<T> {
        decoded.map_err(|error| self.error(operation, &Failure::undecoded(&error, Effect::NotApplied)))
    }
}

/// What was gathered.
#[derive(Debug, Default)]
pub(super) struct Answers(BTreeMap<Key, std::result::Result<Reply, Failure>>);

impl Answers {
    pub(super) fn get(&self, key: &Key) -> std::result::Result<&Reply, Failure> {
        match self.0.get(key) {
            Some(Ok(reply)) => Ok(reply),
            Some(Err(failure)) => Err(failure.clone()),
            None => Err(Failure::nothing(ErrorKind::Decode, "an answer is missing that was not asked for")),
        }
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The symbols whose setting was asked for, with the answers that came.
    pub(super) fn assets(&self) -> impl Iterator<Item = (&Symbol, &std::result::Result<Reply, Failure>)> {
        self.0.iter().filter_map(|(key, reply)| match key {
            Key::Asset(symbol) => Some((symbol, reply)),
            _ => None,
        })
    }
}

/// What an answer's length costs beyond the weight that was taken for it.
fn read_items(read: Read, bytes: &[u8]) -> Option<u32> {
    if read.items_per_weight == 0 {
        return None;
    }
    // Each item is an object with a time; the exact number is the venue's business.
    let needle = b"\"time\"";
    let items = bytes.windows(needle.len()).filter(|window| window == needle).count();
    u32::try_from(items).ok()?.checked_div(read.items_per_weight).filter(|weight| *weight > 0)
}

/// How this crate calls the venue.
pub(super) fn venue_id() -> VenueId {
    #[allow(clippy::expect_used, reason = "a literal that is allowed by construction")]
    VenueId::new("hyperliquid").expect("the venue's own name is within the rules of names")
}
