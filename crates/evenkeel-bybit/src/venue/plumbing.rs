//! From a question to the bytes of its answer: limits, time, signature, transport.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evenkeel_exchange::{Clock, Effect, ErrorKind, Operation, Result};
use evenkeel_http::feed::Sockets;
use evenkeel_http::json::DecodeError;
use evenkeel_http::{
    BaseUrl, Client, ClockOffset, Failure, Limiter, Sent, SentOrders, Urgency, Usage, VenueClock, acquire_all,
};
use evenkeel_types::{AccountId, Capabilities, FeeRates, Timestamp, VenueId};
use http::HeaderValue;

use crate::config::{Credentials, Environment, Settings};
use crate::decode::stream::login;
use crate::decode::{Body, decode_envelope, decode_server_time};
use crate::encode::Query;
use crate::endpoints::{self, Endpoint};
use crate::error::{Means as _, http_failure, refusal};
use crate::sign;

/// How long a read waits for the rate limit: a call's window is a second, an address's five, and fifty flat symbols are
/// read in one second.
const READ_PATIENCE: Duration = Duration::from_secs(30);
/// How long a write waits for it. What was decided on longer ago is better decided again.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// How many calls of a kind are left in its window, in a header of every answer.
const REMAINING_HEADER: &str = "x-bapi-limit-status";
/// When the window ends, by the venue's clock, in milliseconds.
const RESET_HEADER: &str = "x-bapi-limit-reset-timestamp";
/// A longer wait than this, in that header, is not believed: windows are seconds.
const RESET_MAX: Duration = Duration::from_secs(60);

pub(super) type Outcome<T> = std::result::Result<T, Failure>;

/// What came back for an accepted request.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// By what errors call it.
    pub(super) name: String,
    pub(super) bytes: Bytes,
    /// When it was asked for, by our clock: what was read is not younger.
    pub(super) began: Timestamp,
}

impl Reply {
    pub(super) fn body(&self) -> Body<'_> {
        Body::new(&self.name, &self.bytes)
    }
}

/// One call, complete but for time and signature.
struct Call {
    operation: Operation,
    endpoint: Endpoint,
    name: String,
    query: Query,
    body: Bytes,
    /// What it counts in its own limit.
    weight: u32,
    urgency: Urgency,
    patience: Duration,
    decided: Option<Timestamp>,
}

/// What both connectors stand on.
#[derive(Debug)]
pub(super) struct Plumbing {
    client: Client,
    pub(super) venue: VenueId,
    pub(super) environment: Environment,
    pub(super) account: AccountId,
    pub(super) fees: Option<FeeRates>,
    credentials: Credentials,
    base_url: BaseUrl,
    pub(super) sockets: Arc<dyn Sockets>,
    pub(super) stream_url: String,
    /// Host and account: names of the account's limits begin with it.
    scope: String,
    /// What was sent with this key.
    pub(super) sent: Arc<SentOrders>,
    pub(super) clock: Arc<dyn Clock>,
    timeout: Duration,
    pub(super) validity: Duration,
    pub(super) capabilities: Capabilities,
    address: Arc<Limiter>,
    offset: Arc<ClockOffset>,
}

impl Plumbing {
    pub(super) fn new(settings: Settings) -> Self {
        let venue = venue_id();
        let host = settings.base_url.authority().to_owned();
        // What the venue counts by.
        let scope = format!("{host}/{}", settings.credentials.fingerprint());
        Self {
            client: Client::new(settings.transport, Arc::clone(&settings.clock), venue.clone()),
            venue,
            environment: settings.environment,
            account: settings.account,
            fees: settings.fees,
            sent: SentOrders::of(&scope),
            scope,
            credentials: settings.credentials,
            address: Limiter::shared(&format!("{host}/address"), endpoints::ADDRESS),
            base_url: settings.base_url,
            sockets: settings.sockets,
            stream_url: settings.stream_url,
            clock: settings.clock,
            timeout: settings.timeout,
            validity: settings.validity,
            capabilities: settings.capabilities,
            offset: Arc::default(),
        }
    }

    /// The limit of one account for one call.
    fn own(&self, endpoint: &Endpoint) -> Option<Arc<Limiter>> {
        let name = || format!("{}/{}", self.scope, endpoint.name);
        endpoint.is_signed().then(|| Limiter::shared(&name(), endpoint.quota()))
    }

    /// What is used of a limit of this account.
    pub(super) fn usage(&self, endpoint: &Endpoint) -> Usage {
        // Public calls count for the address only.
        self.own(endpoint).as_ref().unwrap_or(&self.address).usage(self.clock.now())
    }

    /// What is used of the limit of this address.
    pub(super) fn address_usage(&self) -> Usage {
        self.address.usage(self.clock.now())
    }

    /// Reads. Whatever it is read for, nothing is written by it.
    pub(super) async fn read(&self, endpoint: Endpoint, query: Query, about: &str) -> Outcome<Reply> {
        self.read_with(endpoint, query, about, Urgency::Ordinary).await
    }

    /// Reads what became of a write.
    pub(super) async fn read_urgently(
        &self,
        endpoint: Endpoint,
        query: Query,
        about: &str,
    ) -> Outcome<Reply> {
        self.read_with(endpoint, query, about, Urgency::ReducesRisk).await
    }

    async fn read_with(
        &self,
        endpoint: Endpoint,
        query: Query,
        about: &str,
        urgency: Urgency,
    ) -> Outcome<Reply> {
        let name =
            if about.is_empty() { endpoint.name.to_owned() } else { format!("{} of {about}", endpoint.name) };
        let call = Call {
            // By this name, so that no failure of it is taken for one of a write.
            operation: Operation::Snapshot,
            endpoint,
            name,
            query,
            body: Bytes::new(),
            weight: 1,
            urgency,
            patience: READ_PATIENCE,
            decided: None,
        };
        self.call(call).await.map_err(Failure::unwritten)
    }

    /// Writes, once. `weight` is how many orders it carries, `decided` when it was asked for: what has waited too long
    /// since then, for whatever, is not sent.
    pub(super) async fn write(
        &self,
        operation: Operation,
        endpoint: Endpoint,
        body: Bytes,
        weight: u32,
        urgency: Urgency,
        decided: Timestamp,
    ) -> Outcome<Reply> {
        let call = Call {
            operation,
            endpoint,
            name: endpoint.name.to_owned(),
            query: Query::default(),
            body,
            weight,
            urgency,
            patience: WRITE_PATIENCE,
            decided: Some(decided),
        };
        self.call(call).await
    }

    async fn call(&self, call: Call) -> Outcome<Reply> {
        let endpoint = call.endpoint;
        let own = self.own(&endpoint);
        let mut scopes: Vec<(&Limiter, u32)> = vec![(self.address.as_ref(), 1)];
        if let Some(own) = &own {
            scopes.push((own.as_ref(), call.weight));
        }
        let taken = acquire_all(&scopes, &*self.clock, call.urgency, call.patience).await;
        taken.map_err(|limited| Failure::limited(&limited))?;
        // After the wait, so that the request's validity does not begin before it can leave.
        let now = if endpoint.is_signed() { Some(Box::pin(self.venue_now()).await?) } else { None };
        if let Some(decided) = call.decided {
            let late = self.clock.now().since(decided);
            if late > WRITE_PATIENCE {
                let problem = format!("{} s after it was decided it is better decided again", late.as_secs());
                return Err(Failure::nothing(ErrorKind::RateLimited, problem));
            }
        }
        let request = self.request(&endpoint, call.query.as_str(), call.body, now)?;
        let sent = self.client.send(call.operation, request, self.timeout).await;
        let sent = sent.map_err(|error| Failure::of(&error))?;
        self.count(own.as_deref(), &sent);
        match self.understood(&call.name, &sent, endpoint.is_signed()) {
            Ok(()) => Ok(Reply { name: call.name, bytes: sent.body, began: sent.began }),
            Err(failure) => Err(self.learned(own.as_deref(), &sent, self.redacted(failure))),
        }
    }

    /// Whatever the venue says of a key, ours is not told again.
    pub(super) fn redacted(&self, failure: Failure) -> Failure {
        Failure { message: failure.message.replace(self.credentials.key.expose(), "***"), ..failure }
    }

    /// The login of the private stream; the signature ends at `expires`, by the venue's clock.
    pub(super) fn login(&self, expires: Timestamp) -> String {
        let signature = sign::signature(&self.credentials.secret, &sign::stream_payload(expires.0));
        login(self.credentials.key.expose(), expires.0, &signature)
    }

    /// Signs what is sent, where it is signed.
    fn request(
        &self,
        endpoint: &Endpoint,
        query: &str,
        body: Bytes,
        now: Option<Timestamp>,
    ) -> Outcome<http::Request<Bytes>> {
        // The cause would show the address.
        let unbuilt = || Failure::nothing(ErrorKind::Invalid, "the request could not be built");
        let separator = if query.is_empty() { "" } else { "?" };
        let method = if endpoint.writes { http::Method::POST } else { http::Method::GET };
        let mut builder = http::Request::builder()
            .method(method)
            .uri(format!("{}{}{separator}{query}", self.base_url, endpoint.path));
        if endpoint.writes {
            builder = builder.header(http::header::CONTENT_TYPE, "application/json");
        }
        if let Some(now) = now {
            let (time, window) = (now.0.to_string(), self.validity.as_millis().to_string());
            let rest =
                if endpoint.writes { std::str::from_utf8(&body).map_err(|_| unbuilt())? } else { query };
            let signed = sign::payload(&time, self.credentials.key.expose(), &window, rest);
            let mut signature = HeaderValue::from_str(&sign::signature(&self.credentials.secret, &signed))
                .map_err(|_| unbuilt())?;
            signature.set_sensitive(true);
            builder = builder
                .header(sign::KEY_HEADER, self.credentials.header.clone())
                .header(sign::TIMESTAMP_HEADER, time)
                .header(sign::WINDOW_HEADER, window)
                .header(sign::SIGNATURE_HEADER, signature);
        }
        builder.body(body).map_err(|_| unbuilt())
    }

    /// Whether an answer says that the request was accepted. It shows the venue's clock as well; only that of an answer
    /// made for us alone is believed, as public ones may be kept for a while on their way.
    fn understood(&self, name: &str, sent: &Sent, private: bool) -> Outcome<()> {
        let envelope = decode_envelope(Body::new(name, &sent.body));
        if let Ok(envelope) = &envelope
            && private
            && let Some(time) = envelope.time
        {
            self.offset.sample(sent.began, sent.ended, time);
        }
        if sent.status != 200 {
            let refused = envelope.ok().and_then(|envelope| envelope.refusal);
            let refused = refused.map(|refused| refusal(&refused.code, &refused.text));
            return Err(http_failure(sent.status, &sent.body, sent.retry_after(), refused));
        }
        match envelope {
            Ok(envelope) => match envelope.refusal {
                None => Ok(()),
                Some(refused) => Err(refusal(&refused.code, &refused.text)),
            },
            Err(error) => Err(undecoded(&error)),
        }
    }

    /// What the venue counts of a call, where it says so.
    fn count(&self, own: Option<&Limiter>, sent: &Sent) {
        let remaining = sent.header(REMAINING_HEADER).and_then(|text| text.trim().parse::<u32>().ok());
        if let (Some(own), Some(remaining)) = (own, remaining) {
            own.report_used(sent.ended, own.quota().weight().saturating_sub(remaining));
        }
    }

    /// What follows from a failure for later calls.
    fn learned(&self, own: Option<&Limiter>, sent: &Sent, mut failure: Failure) -> Failure {
        if failure.kind == ErrorKind::RateLimited {
            let wait = failure.retry_after.unwrap_or_default();
            // An address that is shut out is not let in because the window of one call ends.
            let address = sent.status == 403 || wait >= crate::error::ADDRESS_WAIT;
            let reset = sent.header(RESET_HEADER).and_then(|text| text.trim().parse().ok()).map(Timestamp);
            let reset = reset.map(|reset| reset.since(self.by_venue(sent.ended)));
            let reset = reset.filter(|reset| !reset.is_zero() && *reset <= RESET_MAX);
            let wait = if address { wait } else { reset.unwrap_or(wait) };
            failure.retry_after = Some(wait);
            let until = sent.ended.after(wait);
            match own {
                Some(own) if !address => own.block_until(sent.ended, until),
                _ => self.address.block_until(sent.ended, until),
            }
        }
        if failure.is_untimely() {
            self.offset.forget();
        }
        failure
    }

    /// What follows for later calls from the refusal of one order of a batch: where the batch exceeds its limit, only its
    /// tail is refused.
    pub(super) fn heed(&self, endpoint: &Endpoint, refused: &Failure) {
        if let Some(own) = self.own(endpoint)
            && refused.kind == ErrorKind::RateLimited
            && refused.effect == Effect::NotApplied
        {
            let now = self.clock.now();
            own.block_until(now, now.after(refused.retry_after.unwrap_or_default()));
        }
        if refused.is_untimely() {
            self.offset.forget();
        }
    }

    /// For when the venue says that our times are wrong, or may mean it: they are compared again.
    pub(super) fn doubt_clock(&self) {
        self.offset.forget();
    }

    /// The venue's time now, by samples of its clock; asks for one where there is none that is fresh.
    pub(super) async fn venue_now(&self) -> Outcome<Timestamp> {
        let time = self.sampled_now().await?;
        self.sent.begin(time);
        Ok(time)
    }

    async fn sampled_now(&self) -> Outcome<Timestamp> {
        let now = self.clock.now();
        if !self.offset.is_stale(now)
            && let Some(time) = self.offset.venue_time(now)
        {
            return Ok(time);
        }
        self.sample().await?;
        let now = self.clock.now();
        self.offset.venue_time(now).ok_or_else(|| {
            Failure::nothing(ErrorKind::Decode, "the venue's clock could not be compared with ours")
        })
    }

    /// Reads the venue's clock.
    pub(super) async fn sample(&self) -> Outcome<Timestamp> {
        let endpoint = endpoints::SERVER_TIME;
        let scopes: [(&Limiter, u32); 1] = [(self.address.as_ref(), 1)];
        let taken = acquire_all(&scopes, &*self.clock, Urgency::ReducesRisk, READ_PATIENCE).await;
        taken.map_err(|limited| Failure::limited(&limited))?;
        let request = self.request(&endpoint, "", Bytes::new(), None)?;
        let sent = self.client.send(Operation::ServerTime, request, self.timeout).await;
        let sent = sent.map_err(|error| Failure::of(&error).unwritten())?;
        let understood = self.understood(endpoint.name, &sent, false);
        understood.map_err(|failure| self.learned(None, &sent, self.redacted(failure)).unwritten())?;
        let time = decode_server_time(Body::new(endpoint.name, &sent.body));
        let time = time.map_err(|error| undecoded(&error).unwritten())?;
        self.offset.sample(sent.began, sent.ended, time);
        Ok(time)
    }

    /// The earliest that our clock's moment can be by the venue's: what was read then is told no younger than it is.
    pub(super) fn at_least(&self, moment: Timestamp) -> Timestamp {
        self.offset.venue_time_bounds(moment).map_or(moment, |(earliest, _)| earliest)
    }

    /// What our clock's moment is by the venue's, as far as is known.
    pub(super) fn by_venue(&self, moment: Timestamp) -> Timestamp {
        self.offset.venue_time(moment).unwrap_or(moment)
    }

    /// The venue's clock.
    pub(super) fn venue_clock(&self) -> VenueClock {
        VenueClock::new(Arc::clone(&self.clock), Arc::clone(&self.offset))
    }

    pub(super) fn error(&self, operation: Operation, failure: &Failure) -> evenkeel_exchange::Error {
        failure.error(&self.venue, operation)
    }

    /// `Ok`, or the failure as an error of this call.
    pub(super) fn told<T>(&self, operation: Operation, outcome: Outcome<T>) -> Result<T> {
        outcome.map_err(|failure| self.error(operation, &failure))
    }
}

/// An answer that was not understood; after a write it proves nothing. Accounts for which there are no honest figures
/// are not supported.
pub(super) fn undecoded(error: &DecodeError) -> Failure {
    Failure::undecoded(error, Effect::Unknown)
}

/// A read's answer that was not understood.
#[allow(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
pub(super) fn unread(error: DecodeError) -> Failure {
    undecoded(&error).unwritten()
}

/// How this crate calls the venue.
fn venue_id() -> VenueId {
    #[allow(clippy::expect_used, reason = "a literal that is allowed by construction")]
    VenueId::new("bybit").expect("the venue's own name is within the rules of names")
}
