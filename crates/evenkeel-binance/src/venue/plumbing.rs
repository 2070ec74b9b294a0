//! From a request to the bytes of its answer: limiters, signature, transport, clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evenkeel_exchange::{Clock, Effect, Error, ErrorKind, Operation, Result};
use evenkeel_http::feed::Sockets;
use evenkeel_http::{
    BaseUrl, Client, ClockOffset, Failure, Limiter, Sent, SentOrders, Urgency, Usage, VenueClock, acquire_all,
};
use evenkeel_types::{AccountId, Symbol, Timestamp, VenueId};
use futures_util::stream::StreamExt as _;

use crate::capabilities::Rules;
use crate::config::{Credentials, Environment, Settings};
use crate::decode::{Body, DecodeError, decode_server_time};
use crate::encode::Request;
use crate::endpoints::{self, Pool};
use crate::error::{Interface, http_failure};
use crate::sign;

/// How long a read waits for the rate limit. The budget is one of a minute: longer, and something is wrong.
pub(super) const READ_PATIENCE: Duration = Duration::from_secs(65);
/// How long a write waits for it. What was decided on longer ago is better decided again: prices have moved.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// How many questions are asked at once: each needs a connection while it is open. Fifty symbols fit.
pub(super) const AT_ONCE: usize = 64;

/// The weight that the venue counts for our address in this minute.
const USED_WEIGHT: &str = "x-mbx-used-weight-1m";
/// The orders that it counts for the account in ten seconds, and in a minute.
const ORDER_COUNTS: [&str; 2] = ["x-mbx-order-count-10s", "x-mbx-order-count-1m"];
/// The weight that it counts for the account's calls of one endpoint of the wallet interface in this minute.
const USED_BY_ACCOUNT: &str = "x-sapi-used-uid-weight-1m";
/// The header of the API key.
const API_KEY: &str = "X-MBX-APIKEY";

/// What is read of an account in one go, and by which the answers are found again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Clock,
    Config,
    State,
    Positions,
    Settings,
    Premiums,
    Books,
    Orders,
    AlgoOrders,
    Info,
    Brackets,
    Funding,
    Alias,
    Fee(Symbol),
}

impl Key {
    fn request(&self) -> Request {
        match self {
            Key::Clock => Request::all(endpoints::TIME),
            Key::Config => Request::all(endpoints::ACCOUNT_CONFIG),
            Key::State => Request::all(endpoints::ACCOUNT),
            Key::Positions => Request::all(endpoints::POSITION_RISK),
            Key::Settings => Request::all(endpoints::SYMBOL_CONFIG),
            Key::Premiums => Request::all(endpoints::PREMIUM_INDEX),
            Key::Books => Request::all(endpoints::BOOK_TICKER),
            Key::Orders => Request::all(endpoints::OPEN_ORDERS),
            Key::AlgoOrders => Request::all(endpoints::OPEN_ALGO_ORDERS),
            Key::Info => Request::all(endpoints::EXCHANGE_INFO),
            Key::Brackets => Request::all(endpoints::LEVERAGE_BRACKET),
            Key::Funding => Request::all(endpoints::FUNDING_INFO),
            Key::Alias => Request::all(endpoints::BALANCE),
            Key::Fee(symbol) => Request::of(endpoints::COMMISSION_RATE, symbol),
        }
    }
}

/// An answer that is no refusal.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    name: String,
    bytes: Bytes,
    /// When it was asked for, by our clock: what was read is not younger.
    pub(super) began: Timestamp,
    /// When it was there.
    pub(super) ended: Timestamp,
}

impl Reply {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

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
    base_url: BaseUrl,
    pub(super) sockets: Arc<dyn Sockets>,
    pub(super) stream_url: String,
    wallet_url: Option<BaseUrl>,
    pub(super) clock: Arc<dyn Clock>,
    timeout: Duration,
    credentials: Credentials,
    pub(super) account: Option<AccountId>,
    pub(super) rules: Rules,
    pub(super) validity: Duration,
    requests: Arc<Limiter>,
    funding: Arc<Limiter>,
    orders: [Arc<Limiter>; 2],
    transfers: Arc<Limiter>,
    /// What was sent for the account, by whichever connector of this process.
    pub(super) sent: Arc<SentOrders>,
    offset: Arc<ClockOffset>,
}

impl Plumbing {
    pub(super) fn new(settings: Settings) -> Self {
        let venue = venue_id();
        // The venue meters each address, and each account's orders: all connectors of this process share those.
        let host = settings.base_url.authority();
        let account = &settings.credentials.fingerprint;
        let shared = |name: String, quota| Limiter::shared(&name, quota);
        Self {
            client: Client::new(settings.transport, Arc::clone(&settings.clock), venue.clone()),
            venue,
            environment: settings.environment,
            requests: shared(format!("{host}/requests"), endpoints::REQUESTS),
            funding: shared(format!("{host}/funding"), endpoints::FUNDING),
            orders: [
                shared(format!("{host}/{account}/orders/10s"), endpoints::ORDERS_SHORT),
                shared(format!("{host}/{account}/orders/1m"), endpoints::ORDERS_LONG),
            ],
            sent: SentOrders::of(&format!("{host}/{account}")),
            transfers: shared(format!("{host}/{account}/transfers"), endpoints::TRANSFERS),
            base_url: settings.base_url,
            sockets: settings.sockets,
            stream_url: settings.stream_url,
            wallet_url: settings.wallet_url,
            clock: settings.clock,
            timeout: settings.timeout,
            credentials: settings.credentials,
            account: settings.account,
            rules: Rules::new(settings.capabilities),
            validity: settings.validity,
            offset: Arc::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is used of the limits now.
    pub(super) fn usage(&self) -> [Usage; 3] {
        let now = self.now();
        let [short, long] = &self.orders;
        [self.requests.usage(now), short.usage(now), long.usage(now)]
    }

    /// Asks one question.
    pub(super) async fn ask(
        &self,
        operation: Operation,
        request: &Request,
    ) -> std::result::Result<Reply, Failure> {
        if request.call.signed && self.offset.venue_time(self.now()).is_none() {
            self.sample().await?;
        }
        // Nothing is written by looking, whatever it is looked for.
        self.send(operation, request, request.call.urgency, READ_PATIENCE, None)
            .await
            .map_err(Failure::unwritten)
    }

    /// Sends a write, once. `decided` is when it was decided on.
    pub(super) async fn write(
        &self,
        operation: Operation,
        request: &Request,
        urgency: Urgency,
        decided: Timestamp,
    ) -> std::result::Result<Reply, Failure> {
        self.ready().await?;
        self.send(operation, request, urgency, WRITE_PATIENCE, Some(decided)).await
    }

    /// Makes sure that the venue's clock was read not long ago.
    pub(super) async fn ready(&self) -> std::result::Result<(), Failure> {
        if self.offset.is_stale(self.now()) {
            self.sample().await?;
        }
        Ok(())
    }

    async fn send(
        &self,
        operation: Operation,
        request: &Request,
        urgency: Urgency,
        patience: Duration,
        decided: Option<Timestamp>,
    ) -> std::result::Result<Reply, Failure> {
        self.take(request, urgency, patience).await?;
        self.send_counted(operation, request, decided).await
    }

    /// Sends what the limits have counted already.
    async fn send_counted(
        &self,
        operation: Operation,
        request: &Request,
        decided: Option<Timestamp>,
    ) -> std::result::Result<Reply, Failure> {
        // After the wait, so that the validity does not begin before the request can leave.
        let now = self.now();
        if let Some(decided) = decided {
            let late = now.since(decided);
            if late > WRITE_PATIENCE {
                let problem = format!("{} s after it was decided it is better decided again", late.as_secs());
                return Err(Failure::nothing(ErrorKind::RateLimited, problem));
            }
        }
        let prepared = self.prepared(request, now)?;
        let sent = self.client.send(operation, prepared, self.timeout).await;
        let sent = sent.map_err(|error| Failure::of(&error))?;
        self.learn_limits(request, &sent);
        let venue_now = self.by_venue(sent.ended);
        let interface = match request.call.pool {
            Pool::Requests | Pool::Funding => Interface::Futures,
            Pool::Transfers => Interface::Wallet,
        };
        let failure = http_failure(interface, sent.status, &sent.body, sent.retry_after(), venue_now);
        if let Some(failure) = failure {
            self.obey(request, &sent, &failure);
            return Err(failure);
        }
        Ok(Reply { name: request.name.clone(), bytes: sent.body, began: sent.began, ended: sent.ended })
    }

    /// Waits for all limits that count this call.
    async fn take(
        &self,
        request: &Request,
        urgency: Urgency,
        patience: Duration,
    ) -> std::result::Result<(), Failure> {
        let mut scopes: Vec<(&Limiter, u32)> = vec![(self.limiter(request), request.weight)];
        if let Some((short, long)) = request.orders {
            let [first, second] = &self.orders;
            scopes.extend([(&**first, short), (&**second, long)]);
        }
        self.acquire(&scopes, urgency, patience).await
    }

    /// The limit that counts the weight of this call.
    fn limiter(&self, request: &Request) -> &Limiter {
        match request.call.pool {
            Pool::Requests => &self.requests,
            Pool::Funding => &self.funding,
            Pool::Transfers => &self.transfers,
        }
    }

    async fn acquire(
        &self,
        scopes: &[(&Limiter, u32)],
        urgency: Urgency,
        patience: Duration,
    ) -> std::result::Result<(), Failure> {
        let room = acquire_all(scopes, &*self.clock, urgency, patience).await;
        room.map_err(|limited| Failure::limited(&limited))
    }

    /// Everything in the query string, the body empty.
    fn prepared(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> std::result::Result<http::Request<Bytes>, Failure> {
        let call = &request.call;
        let query = if call.signed {
            let Some(time) = self.offset.venue_time(now) else {
                let problem = "the venue's clock could not be compared with ours";
                return Err(Failure::nothing(ErrorKind::Decode, problem));
            };
            let window = u64::try_from(self.validity.as_millis()).unwrap_or(u64::MAX);
            sign::signed_query(&sign::payload(request.params(), window, time), &self.credentials.key)
        } else {
            sign::query(request.params())
        };
        let mark = if query.is_empty() { "" } else { "?" };
        let server = match (call.pool, &self.wallet_url) {
            (Pool::Requests | Pool::Funding, _) => &self.base_url,
            (Pool::Transfers, Some(wallets)) => wallets,
            (Pool::Transfers, None) => {
                let problem = format!("the {} environment has no wallets", self.environment);
                return Err(Failure::nothing(ErrorKind::NotSupported, problem));
            }
        };
        let uri = format!("{server}{}{mark}{query}", call.path);
        let mut prepared = http::Request::builder().method(call.method.http()).uri(uri);
        if call.keyed {
            prepared = prepared.header(API_KEY, self.credentials.header.clone());
        }
        // Never the builder's own words: they could hold the URL.
        prepared
            .body(Bytes::new())
            .map_err(|_| Failure::nothing(ErrorKind::Invalid, "the request could not be built"))
    }

    /// Corrects our counts by the venue's.
    fn learn_limits(&self, request: &Request, sent: &Sent) {
        let count = |name: &str| sent.header(name).and_then(|text| text.trim().parse().ok());
        // Its headers about orders count those of the spot wallet.
        if request.call.pool == Pool::Transfers {
            if let Some(used) = count(USED_BY_ACCOUNT) {
                self.transfers.report_used(sent.ended, used);
            }
            return;
        }
        if request.call.pool == Pool::Requests
            && let Some(used) = count(USED_WEIGHT)
        {
            self.requests.report_used(sent.ended, used);
        }
        for (limiter, name) in self.orders.iter().zip(ORDER_COUNTS) {
            if let Some(used) = count(name) {
                limiter.report_used(sent.ended, used);
            }
        }
    }

    /// What a refusal says beyond its own request, also that of one order of a batch: our times are wrong, or there were
    /// too many orders.
    pub(super) fn heed(&self, now: Timestamp, failure: &Failure) {
        match (failure.code.as_deref(), failure.retry_after) {
            (Some("-1021" | "-5028"), _) => self.offset.forget(),
            (Some("-1015"), Some(wait)) => {
                self.orders.iter().for_each(|limiter| limiter.block_until(now, now.after(wait)));
            }
            _ => {}
        }
    }

    /// Stops asking where the venue said so, and forgets its clock where it said that our times are wrong.
    fn obey(&self, request: &Request, sent: &Sent, failure: &Failure) {
        if request.call.pool == Pool::Transfers {
            return self.obey_wallets(sent, failure);
        }
        self.heed(sent.ended, failure);
        let Some(wait) = failure.retry_after else { return };
        let until = sent.ended.after(wait);
        match (sent.status, failure.code.as_deref(), request.call.pool) {
            // The order limit is another pool: reads go on.
            (_, Some("-1015"), _) => {}
            // Both concern the address, whatever it asks. A 403 with a code is about its request.
            (418, ..) | (403, Some("HTTP 403"), _) => {
                self.requests.block_until(sent.ended, until);
                self.funding.block_until(sent.ended, until);
            }
            (429, _, Pool::Requests) | (_, Some("-1003"), Pool::Requests) => {
                self.requests.block_until(sent.ended, until);
            }
            (429, _, Pool::Funding) | (_, Some("-1003"), Pool::Funding) => {
                self.funding.block_until(sent.ended, until);
            }
            _ => {}
        }
    }

    /// The wallets' server is another one: what it refuses stops transfers, and never the closing of a position.
    fn obey_wallets(&self, sent: &Sent, failure: &Failure) {
        if failure.code.as_deref() == Some("-1021") {
            self.offset.forget();
        }
        if failure.kind == ErrorKind::RateLimited
            && let Some(wait) = failure.retry_after
        {
            self.transfers.block_until(sent.ended, sent.ended.after(wait));
        }
    }

    /// Whether money can be moved between wallets in this environment.
    pub(super) fn has_wallets(&self) -> bool {
        self.wallet_url.is_some()
    }

    /// The present moment by the venue's clock, where that is known.
    pub(super) fn venue_now(&self) -> Option<Timestamp> {
        self.offset.venue_time(self.now())
    }

    /// What our clock's moment is by the venue's, as far as is known.
    pub(super) fn by_venue(&self, moment: Timestamp) -> Timestamp {
        self.offset.venue_time(moment).unwrap_or(moment)
    }

    /// Reads the venue's clock. Nothing is written by this, whatever it is read for.
    pub(super) async fn sample(&self) -> std::result::Result<Timestamp, Failure> {
        let operation = Operation::ServerTime;
        let reply =
            self.send(operation, &Key::Clock.request(), Urgency::ReducesRisk, READ_PATIENCE, None).await;
        self.learn_time(&reply.map_err(Failure::unwritten)?)
    }

    /// What an answer says of the venue's clock.
    pub(super) fn learn_time(&self, reply: &Reply) -> std::result::Result<Timestamp, Failure> {
        let time = decode_server_time(reply.body())
            .map_err(|error| Failure::undecoded(&error, Effect::NotApplied))?;
        self.offset.sample(reply.began, reply.ended, time);
        self.sent.begin(self.by_venue(reply.ended));
        Ok(time)
    }

    /// Whether the venue's clock should be read again.
    pub(super) fn is_time_due(&self) -> bool {
        self.offset.is_stale(self.now())
    }

    /// The venue's clock.
    pub(super) fn venue_clock(&self) -> VenueClock {
        VenueClock::new(Arc::clone(&self.clock), Arc::clone(&self.offset))
    }

    /// Asks for all of these at once; each has its own outcome. The limits count all of them before the first one leaves:
    /// one by one, a limit that is nearly used up would let some go and keep the others for a minute, and the answers would
    /// be of two moments.
    pub(super) async fn gather(
        &self,
        operation: Operation,
        wanted: impl IntoIterator<Item = Key>,
    ) -> Answers {
        self.gather_within(operation, wanted, READ_PATIENCE).await
    }

    /// As [`Plumbing::gather`], where somebody waits who cannot wait that long.
    pub(super) async fn gather_within(
        &self,
        operation: Operation,
        wanted: impl IntoIterator<Item = Key>,
        patience: Duration,
    ) -> Answers {
        let wanted: Vec<(Key, Request)> =
            wanted.into_iter().map(|key| (key.clone(), key.request())).collect();
        let all = |failure: Failure, wanted: Vec<(Key, Request)>| {
            Answers(wanted.into_iter().map(|(key, _)| (key, Err(failure.clone()))).collect())
        };
        // Once for all: nothing can be signed without a time.
        let signed = wanted.iter().any(|(_, request)| request.call.signed);
        if signed
            && self.offset.venue_time(self.now()).is_none()
            && let Err(failure) = self.sample().await
        {
            return all(failure, wanted);
        }
        let counted = match self.take_round(&wanted, patience).await {
            Ok(counted) => counted,
            Err(failure) => return all(failure, wanted),
        };
        let asked = wanted.into_iter().map(|(key, request)| async move {
            let answer = if counted {
                self.ask_counted(operation, &request).await
            } else {
                self.ask(operation, &request).await
            };
            (key, answer)
        });
        let answers = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE);
        Answers(answers.collect().await)
    }

    /// Waits until all of these can leave. `false`: together they are more than the limit ever lets through at once, and
    /// each has to wait for itself.
    async fn take_round(
        &self,
        wanted: &[(Key, Request)],
        patience: Duration,
    ) -> std::result::Result<bool, Failure> {
        let weight = |pool: Pool| {
            let of_pool = wanted.iter().filter(|(_, request)| request.call.pool == pool);
            of_pool.fold(0_u32, |sum, (_, request)| sum.saturating_add(request.weight))
        };
        let (requests, funding) = (weight(Pool::Requests), weight(Pool::Funding));
        let mut metered = wanted.iter().filter(|(_, request)| request.call.pool == Pool::Requests);
        let urgent = metered.all(|(_, request)| request.call.urgency == Urgency::ReducesRisk);
        let (urgency, reserved) = if urgent {
            (Urgency::ReducesRisk, 0)
        } else {
            (Urgency::Ordinary, endpoints::REQUESTS.reserved())
        };
        if requests > endpoints::REQUESTS.weight().saturating_sub(reserved) {
            return Ok(false);
        }
        let scopes: Vec<(&Limiter, u32)> = [(&*self.requests, requests), (&*self.funding, funding)]
            .into_iter()
            .filter(|(_, weight)| *weight > 0)
            .collect();
        self.acquire(&scopes, urgency, patience).await.map_err(Failure::unwritten)?;
        Ok(true)
    }

    /// As [`Plumbing::ask`], where the limits have counted it already.
    async fn ask_counted(
        &self,
        operation: Operation,
        request: &Request,
    ) -> std::result::Result<Reply, Failure> {
        // The answer to another one of the round may have told us to stop.
        let limiter = self.limiter(request);
        if let Some(wait) = limiter.usage(self.now()).blocked_for {
            let problem =
                format!("{}: the venue refuses everything for another {} s", limiter.scope(), wait.as_secs());
            let failure = Failure::nothing(ErrorKind::RateLimited, problem);
            return Err(Failure { retry_after: Some(wait), ..failure.unwritten() });
        }
        if request.call.signed && self.offset.venue_time(self.now()).is_none() {
            self.sample().await?;
        }
        self.send_counted(operation, request, None).await.map_err(Failure::unwritten)
    }

    pub(super) fn error(&self, operation: Operation, failure: &Failure) -> Error {
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

    /// How far apart these were asked for.
    pub(super) fn spread(&self, keys: &[Key]) -> Duration {
        let began = || keys.iter().filter_map(|key| Some(self.get(key).ok()?.began));
        match (began().min(), began().max()) {
            (Some(first), Some(last)) => last.since(first),
            _ => Duration::ZERO,
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// How this crate calls the venue.
fn venue_id() -> VenueId {
    #[allow(clippy::expect_used, reason = "a literal that is allowed by construction")]
    VenueId::new("binance").expect("the venue's own name is within the rules of names")
}
