//! The transport on reqwest and rustls.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

use crate::base_url::BaseUrl;

use super::{MAX_ANSWER_BYTES, Transport, TransportError, TransportErrorKind, tls};

/// How long looking up, connecting and the TLS handshake may take together. Shorter than any sensible timeout of a
/// call, so that a dead host ends as "not sent", which is proof, and not as "timed out", which is none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an unused connection is kept. Load balancers commonly close after 60 s; ours goes first, so that a request
/// is rarely written into a connection that is being closed (its outcome would be unknown).
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// How many causes of a failure are told. Real chains have about five; a cycle must not loop.
const MAX_CAUSES: usize = 8;

/// The [`Transport`] on reqwest: HTTP/1.1 over rustls with the roots that browsers trust, compiled in.
///
/// It follows no redirect, retries nothing, uses no proxy (not even from the environment), sends no referer, keeps no
/// cookies and decompresses nothing. Needs a tokio runtime with I/O and timers. Clones share their connections.
#[derive(Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
    /// `host:port` to which plain HTTP is allowed.
    plain: Arc<BTreeSet<String>>,
}

impl ReqwestTransport {
    /// For real venues: only `https` is sent.
    ///
    /// # Errors
    ///
    /// `NotSent` when TLS cannot be set up.
    pub fn new() -> Result<Self, TransportError> {
        Self::build(BTreeSet::new())
    }

    /// For tests and local servers: plain `http` too, but only to exactly these `host:port` values
    /// (`127.0.0.1:8080`, `[::1]:8080`). The port is always named, 80 too. Everything else needs `https` as before.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn allowing_http<H: Into<String>>(
        hosts: impl IntoIterator<Item = H>,
    ) -> Result<Self, TransportError> {
        Self::build(hosts.into_iter().map(Into::into).collect())
    }

    /// For one server: `https` only, or plain `http` to exactly this host and port.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn to(server: &BaseUrl) -> Result<Self, TransportError> {
        Self::build(server.plain_host().map(str::to_owned).into_iter().collect())
    }

    fn build(plain: BTreeSet<String>) -> Result<Self, TransportError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // Everything that a feature of reqwest could bring in through another crate of the user's is switched off by
        // name: features unify.
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls()?)
            .https_only(plain.is_empty())
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .user_agent(concat!("evenkeel/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .build()
            .map_err(|error| because(not_sent("the HTTP client could not be built"), &error))?;
        Ok(Self { client, plain: Arc::new(plain) })
    }

    /// The request as reqwest sends it, refused where that is not what the caller asked for.
    fn prepare(
        &self,
        request: http::Request<Bytes>,
        timeout: Duration,
    ) -> Result<reqwest::Request, TransportError> {
        let asked = request.uri().clone();
        let mut prepared = reqwest::Request::try_from(request)
            .map_err(|error| because(not_sent("the URL cannot be used"), &error))?;
        let url = prepared.url();
        // reqwest normalises URLs (`..`, quotes, spaces). A signature covers the bytes that were signed, so other
        // bytes would be refused by the venue at best.
        if url.path() != asked.path() || url.query() != asked.query() {
            return Err(not_sent("the URL would be changed on its way"));
        }
        match url.scheme() {
            "https" => {}
            "http" if self.allows_plain(url) => {}
            "http" => return Err(not_sent("plain http is not allowed to this host")),
            _ => return Err(not_sent("neither http nor https")),
        }
        *prepared.timeout_mut() = Some(timeout);
        Ok(prepared)
    }

    fn allows_plain(&self, url: &reqwest::Url) -> bool {
        match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) => self.plain.contains(&format!("{host}:{port}")),
            _ => false,
        }
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let prepared = self.prepare(request, timeout)?;
        let mut response = self.client.execute(prepared).await.map_err(|error| failed(&error))?;

        let too_large = || TransportError::new(TransportErrorKind::TooLarge, "the rest was not read");
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |length| length > MAX_ANSWER_BYTES) {
            return Err(too_large());
        }
        // Grows with what really comes: an announced length is only a claim.
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }

        // A fresh answer: reqwest's carries the URL in its extensions.
        let mut answer = http::Response::new(body.freeze());
        *answer.status_mut() = response.status();
        *answer.version_mut() = response.version();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport").field("plain", &self.plain).finish_non_exhaustive()
    }
}

fn not_sent(message: &'static str) -> TransportError {
    TransportError::new(TransportErrorKind::NotSent, message)
}

/// A failure while the request was under way. Only a failed connect proves that nothing left: the total timeout may
/// have struck while connecting or after, and even reqwest's "builder" errors can come from an answer (a redirect to
/// a malformed address).
fn failed(error: &reqwest::Error) -> TransportError {
    let (kind, message) = if error.is_connect() {
        (TransportErrorKind::NotSent, "no connection to the host")
    } else if error.is_timeout() {
        (TransportErrorKind::Timeout, "no whole answer in time")
    } else {
        (TransportErrorKind::Broken, "no whole answer")
    };
    because(TransportError::new(kind, message), error)
}

fn because(mut error: TransportError, cause: &reqwest::Error) -> TransportError {
    error.source = causes(cause).map(|cause| Box::new(cause) as _);
    error
}

/// What is kept of a foreign error: the texts of its causes.
#[derive(Debug)]
struct Cause {
    text: String,
    source: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// The causes of a reqwest error as text, without those that may hold a URL: reqwest's own errors print it, at any
/// depth of the chain.
fn causes(error: &reqwest::Error) -> Option<Cause> {
    let mut texts = Vec::new();
    let mut next = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(cause) = next else { break };
        let text = cause.to_string();
        // No cause but reqwest's own quotes a URL today; one that begins to is left out.
        if !cause.is::<reqwest::Error>() && !text.contains("://") && !text.contains('?') {
            texts.push(text);
        }
        next = cause.source();
    }
    let mut chain: Option<Cause> = None;
    for text in texts.into_iter().rev() {
        chain = Some(Cause { text, source: chain.map(Box::new) });
    }
    chain
}
