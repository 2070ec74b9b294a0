//! From parameters to the bytes of an answer: limits, time, signature, transport.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_exchange::{Clock, Effect, ErrorKind, Operation, Result};
use evenkeel_http::feed::Sockets;
use evenkeel_http::json::{DecodeError, DecodeErrorKind};
use evenkeel_http::{BaseUrl, Client, ClockOffset, Failure, Limiter, Sent, Urgency, VenueClock, acquire_all};
use evenkeel_types::{AccountId, Capabilities, Timestamp, VenueId};

use crate::config::{Credentials, Environment, Settings};
use crate::decode::{Body, Refusal, decode_refusal, decode_server_time};
use crate::encode::Parameters;
use crate::endpoints::{self, Endpoint};
use crate::error::{Means as _, http_failure, refusal};
use crate::sign;

/// How long a read waits for the rate limit. Settings of flat symbols are read at two to five a second.
const READ_PATIENCE: Duration = Duration::from_secs(60);
/// How long a write waits for it. What was decided on longer ago is better decided again.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// How long after an order's validity its record may still come into view: an id that is unknown for half a minute was
/// not placed.
const ARRIVAL: Duration = Duration::from_secs(30);
/// The venue's count of a call, in a header of every answer: how many are left in its window.
const REMAINING_HEADER: &str = "x-ratelimit-requests-remain";
/// In how many milliseconds that window ends.
const WINDOW_HEADER: &str = "x-ratelimit-requests-expire";
/// A longer wait than this, in that header, is not believed: windows have seconds, and bans five minutes.
const WINDOW_MAX: Duration = Duration::from_secs(300);
/// A failure that asks for a longer wait than this is about a ban, not about one call's window.
const LIMIT_MAX: Duration = Duration::from_secs(60);

/// What came back for an accepted request.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// By what errors call it.
    pub(super) name: String,
    pub(super) bytes: Bytes,
    /// When it was asked for, by our clock: what was read is not younger.
    pub(super) began: Timestamp,
    /// The same by the venue's clock, by what was known of it then: either clock may have been set since.
    pub(super) read_at: Timestamp,
}

/// A call that is about to be made.
struct Call {
    operation: Operation,
    endpoint: Endpoint,
    /// By what errors call it.
    name: String,
    urgency: Urgency,
    /// Of a write: when it was decided on, by our clock.
    decided: Option<Timestamp>,
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
    pub(super) account: Option<AccountId>,
    credentials: Credentials,
    base_url: BaseUrl,
    pub(super) sockets: Arc<dyn Sockets>,
    pub(super) stream_url: String,
    /// Names of limits begin with it: what the venue counts by.
    scope: String,
    pub(super) clock: Arc<dyn Clock>,
    timeout: Duration,
    validity: Duration,
    pub(super) capabilities: Capabilities,
    market: [Arc<Limiter>; 2],
    signed: Arc<Limiter>,
    offset: Arc<ClockOffset>,
    /// When this began, by our clock; and by the venue's, from when that was first known.
    started: Timestamp,
    started_by_venue: OnceLock<Timestamp>,
}

impl Plumbing {
    pub(super) fn new(settings: Settings) -> Self {
        let venue = venue_id();
        let host = settings.base_url.authority().to_owned();
        let address = format!("bingx {}", numbered(&host));
        let limiter = |kind: &str, quota| Limiter::shared(&format!("{address}/{kind}"), quota);
        let user = numbered(&format!("{host}/{}", settings.credentials.fingerprint()));
        Self {
            client: Client::new(settings.transport, Arc::clone(&settings.clock), venue.clone()),
            venue,
            environment: settings.environment,
            account: settings.account,
            scope: format!("{address}/user {user}"),
            credentials: settings.credentials,
            market: [
                limiter("market/10s", endpoints::MARKET_10_S),
                limiter("market/60s", endpoints::MARKET_60_S),
            ],
            signed: limiter("account/10s", endpoints::ACCOUNT_10_S),
            base_url: settings.base_url,
            sockets: settings.sockets,
            stream_url: settings.stream_url,
            started: settings.clock.now(),
            started_by_venue: OnceLock::new(),
            clock: settings.clock,
            timeout: settings.timeout,
            validity: settings.validity,
            capabilities: settings.capabilities,
            offset: Arc::default(),
        }
    }

    /// The limit of one user for one call.
    fn own(&self, endpoint: &Endpoint) -> Arc<Limiter> {
        let name = format!("{}/{} {}", self.scope, endpoint.method.http(), endpoint.name);
        Limiter::shared(&name, endpoint.quota())
    }

    /// Reads. Whatever it is read for, nothing is written by it.
    pub(super) async fn read(
        &self,
        endpoint: Endpoint,
        parameters: Parameters,
        about: Option<&str>,
    ) -> std::result::Result<Reply, Failure> {
        let name = match about {
            Some(about) => format!("{} of {about}", endpoint.name),
            None => endpoint.name.to_owned(),
        };
        // By its own name, so that no failure of it is taken for one of a write.
        let call =
            Call { operation: Operation::Snapshot, endpoint, name, urgency: endpoint.urgency, decided: None };
        self.call(call, parameters).await.map_err(Failure::unwritten)
    }

    /// Writes, once. What was `decided` on too long ago is not sent.
    pub(super) async fn write(
        &self,
        operation: Operation,
        endpoint: Endpoint,
        parameters: Parameters,
        urgency: Urgency,
        decided: Timestamp,
    ) -> std::result::Result<Reply, Failure> {
        let name = endpoint.name.to_owned();
        let call = Call { operation, endpoint, name, urgency, decided: Some(decided) };
        self.call(call, parameters).await
    }

    /// Refuses to send what was decided on too long ago.
    fn is_fresh(&self, decided: Timestamp) -> std::result::Result<(), Failure> {
        let late = self.clock.now().since(decided);
        if late > WRITE_PATIENCE {
            let problem = format!("{} s after it was decided it is better decided again", late.as_secs());
            return Err(Failure::nothing(ErrorKind::RateLimited, problem));
        }
        Ok(())
    }

    async fn call(&self, call: Call, mut parameters: Parameters) -> std::result::Result<Reply, Failure> {
        let Call { operation, endpoint, name, urgency, decided } = call;
        let patience = if decided.is_some() { WRITE_PATIENCE } else { READ_PATIENCE };
        let own = endpoint.is_signed().then(|| self.own(&endpoint));
        let scopes: Vec<(&Limiter, u32)> = match &own {
            Some(own) => vec![(own.as_ref(), 1), (self.signed.as_ref(), 1)],
            None => self.market.iter().map(|limiter| (limiter.as_ref(), 1)).collect(),
        };
        let taken = acquire_all(&scopes, &*self.clock, urgency, patience).await;
        taken.map_err(|limited| Failure::limited(&limited))?;
        // After the wait, so that the request's validity does not begin before it can leave.
        let query = if endpoint.is_signed() {
            let now = Box::pin(self.venue_now()).await?;
            parameters.push(("recvWindow", self.validity.as_millis().to_string()));
            parameters.push(("timestamp", now.0.to_string()));
            parameters.sort();
            sign::query(&self.credentials.secret, &parameters)
        } else {
            parameters.sort();
            sign::unsigned_query(&parameters)
        };
        let request = self.request(&endpoint, &query)?;
        // The last thing before it leaves: everything above may have waited.
        if let Some(decided) = decided {
            self.is_fresh(decided)?;
        }
        let read_at = self.by_venue(self.now());
        let sent = self.client.send(operation, request, self.timeout).await;
        let sent = sent.map_err(|error| Failure::of(&error))?;
        self.count(own.as_deref(), &sent);
        match self.understood(&endpoint, &name, &sent) {
            Ok(()) => Ok(Reply { name, bytes: sent.body, began: sent.began, read_at }),
            Err(failure) => Err(self.learned(own.as_deref(), &sent, failure)),
        }
    }

    fn request(
        &self,
        endpoint: &Endpoint,
        query: &str,
    ) -> std::result::Result<http::Request<Bytes>, Failure> {
        let separator = if query.is_empty() { "" } else { "?" };
        let builder = http::Request::builder()
            .method(endpoint.method.http())
            .uri(format!("{}{}{separator}{query}", self.base_url, endpoint.path));
        let builder = if endpoint.is_signed() {
            builder.header(sign::KEY_HEADER, self.credentials.key.clone())
        } else {
            builder
        };
        // The cause would show the address, and with it the signature.
        builder
            .body(Bytes::new())
            .map_err(|_| Failure::nothing(ErrorKind::Invalid, "the request could not be built"))
    }

    /// Whether an answer says that the request was accepted. Whatever the venue repeats of our key is taken out before
    /// anything is made of its words.
    fn understood(&self, endpoint: &Endpoint, name: &str, sent: &Sent) -> std::result::Result<(), Failure> {
        let refused = decode_refusal(Body::new(name, &sent.body));
        let refusal =
            |refused: Refusal| refusal(&self.redacted(&refused.code), &self.redacted(&refused.text));
        if sent.status != 200 {
            let body = self.redacted(&String::from_utf8_lossy(&sent.body));
            return Err(http_failure(sent.status, body.as_bytes(), refused.ok().flatten().map(refusal)));
        }
        match refused {
            Ok(None) => Ok(()),
            Ok(Some(refused)) => Err(refusal(refused)),
            // Keeping a listen key alive is answered with nothing.
            Err(_) if endpoint.is_bare() && sent.body.is_empty() => Ok(()),
            // Its decoder says whether it is what it should be.
            Err(error) if endpoint.is_bare() && error.kind() == DecodeErrorKind::Missing => Ok(()),
            Err(error) => Err(undecoded(&error)),
        }
    }

    /// A text of the venue without our key.
    fn redacted(&self, text: &str) -> String {
        match self.credentials.key.to_str() {
            Ok(key) if !key.is_empty() => text.replace(key, "(key)"),
            _ => text.to_owned(),
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
            let header = sent.header(WINDOW_HEADER).and_then(|text| text.trim().parse().ok());
            // A window that ends now is none: it would not keep anything back.
            let header = header.map(Duration::from_millis);
            let header = header.filter(|wait| !wait.is_zero() && *wait <= WINDOW_MAX);
            // An address that is banned is not let in again because one call's window ends.
            let banned = failure.retry_after.filter(|wait| *wait > LIMIT_MAX);
            let wait = banned.or(header).or(failure.retry_after).unwrap_or_default();
            failure.retry_after = Some(wait);
            let until = sent.ended.after(wait);
            match own {
                Some(own) => own.block_until(sent.ended, until),
                None => self.market.iter().for_each(|limiter| limiter.block_until(sent.ended, until)),
            }
            if sent.status == 418 {
                self.signed.block_until(sent.ended, until);
                self.market.iter().for_each(|limiter| limiter.block_until(sent.ended, until));
            }
        }
        if failure.is_untimely() {
            self.offset.forget();
        }
        failure
    }

    /// The venue's time now, by samples of its clock; asks for one where there is none that is fresh.
    pub(super) async fn venue_now(&self) -> std::result::Result<Timestamp, Failure> {
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
    pub(super) async fn sample(&self) -> std::result::Result<Timestamp, Failure> {
        let endpoint = endpoints::SERVER_TIME;
        let scopes: Vec<(&Limiter, u32)> = self.market.iter().map(|limiter| (limiter.as_ref(), 1)).collect();
        let taken = acquire_all(&scopes, &*self.clock, Urgency::ReducesRisk, READ_PATIENCE).await;
        taken.map_err(|limited| Failure::nothing(ErrorKind::RateLimited, limited.to_string()))?;
        let request = self.request(&endpoint, "")?;
        let sent = self.client.send(Operation::ServerTime, request, self.timeout).await;
        let sent = sent.map_err(|error| Failure::of(&error).unwritten())?;
        self.understood(&endpoint, endpoint.name, &sent)
            .map_err(|failure| self.learned(None, &sent, failure).unwritten())?;
        let time = decode_server_time(Body::new(endpoint.name, &sent.body));
        let time = time.map_err(|error| undecoded(&error).unwritten())?;
        self.offset.sample(sent.began, sent.ended, time);
        self.started_by_venue.get_or_init(|| self.by_venue(self.started));
        Ok(time)
    }

    /// What our clock's moment is by the venue's, as far as is known.
    pub(super) fn by_venue(&self, moment: Timestamp) -> Timestamp {
        self.offset.venue_time(moment).unwrap_or(moment)
    }

    /// When this began, by the venue's clock: what an earlier process sent, until just before, is not known here.
    pub(super) fn started(&self) -> Timestamp {
        self.started_by_venue.get().copied().unwrap_or(self.started)
    }

    /// How long an order that was handed over may still come into view: it leaves within a write's patience, and is taken
    /// within its validity.
    pub(super) fn arrival(&self) -> Duration {
        WRITE_PATIENCE.saturating_add(self.validity).saturating_add(ARRIVAL)
    }

    /// The venue's clock.
    pub(super) fn venue_clock(&self) -> VenueClock {
        VenueClock::new(Arc::clone(&self.clock), Arc::clone(&self.offset))
    }

    /// The present moment by our clock, by which what is decided now is measured.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn error(&self, operation: Operation, failure: &Failure) -> evenkeel_exchange::Error {
        failure.error(&self.venue, operation)
    }

    /// `Ok`, or the failure as an error of this call.
    pub(super) fn told<T>(
        &self,
        operation: Operation,
        outcome: std::result::Result<T, Failure>,
    ) -> Result<T> {
        outcome.map_err(|failure| self.error(operation, &failure))
    }
}

/// An answer that was not understood; after a write it proves nothing. Accounts for which there are no honest figures
/// are not supported.
pub(super) fn undecoded(error: &DecodeError) -> Failure {
    Failure::undecoded(error, Effect::Unknown)
}

/// A read's answer that was not understood.
pub(super) fn unread(error: &DecodeError) -> Failure {
    undecoded(error).unwritten()
}

/// A number for what the venue counts by, the same for the whole process. Limits are named in errors, in which neither an
/// address stands nor anything that was made of a secret.
fn numbered(what: &str) -> usize {
    static KNOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    // Whole names are pushed; a panic elsewhere cannot leave half of one.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = known.iter().position(|other| other == what) {
        return number;
    }
    let number = known.len();
    known.push(what.to_owned());
    number
}

/// How this crate calls the venue.
fn venue_id() -> VenueId {
    #[allow(clippy::expect_used, reason = "a literal that is allowed by construction")]
    VenueId::new("bingx").expect("the venue's own name is within the rules of names")
}
