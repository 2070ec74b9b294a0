//! The port to the wire: one call, at most one attempt.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

#[cfg(feature = "reqwest")]
mod over_reqwest;

#[cfg(feature = "reqwest")]
pub use over_reqwest::ReqwestTransport;

/// The most bytes of an answer's body that a transport reads. The largest answers of venues (every instrument, every
/// leverage tier) are below 8 MiB; what is larger is broken or hostile, and must not fill the memory of a bot that
/// holds positions.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// What carries a request to a venue and its answer back.
///
/// One call is **at most one attempt on the wire**: no retries, no redirects, no second host. An implementation adds
/// no header that could disclose something (no referer) and hands the body on as it came. What holds for the answer's
/// status is the caller's business: every answer that arrived whole is `Ok`.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends one request and reads the whole answer within `timeout`, which covers everything from looking the host
    /// up to the last byte of the body.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::NotSent`] only where no byte of the request can have left; everything else may have been
    /// carried out by the venue.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError>;
}

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// It failed before its first byte was written: a URL that cannot be used, no such host, no connection, no TLS.
    /// The only kind that proves something.
    NotSent,
    /// The whole answer did not come in time.
    Timeout,
    /// The connection broke, or what came back was no HTTP.
    Broken,
    /// The answer is longer than [`MAX_ANSWER_BYTES`].
    TooLarge,
}

impl TransportErrorKind {
    /// The kind in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TransportErrorKind::NotSent => "not sent",
            TransportErrorKind::Timeout => "timed out",
            TransportErrorKind::Broken => "connection broke",
            TransportErrorKind::TooLarge => "answer too large",
        }
    }
}

/// A request without a usable answer.
///
/// Its text and its causes hold no URL, no header and no body: signed URLs are replayable for seconds, and errors
/// end in logs.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    message: &'static str,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// A failure. The message is a literal, so that nothing of the request can get into it.
    #[must_use]
    pub fn new(kind: TransportErrorKind, message: &'static str) -> Self {
        Self { kind, message, source: None }
    }

    /// Adds the cause. Its text and the text of its own causes must hold no URL, no header and no body.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How far the request came.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Whether bytes of the request may have left. `false` only with positive evidence that none did.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.kind != TransportErrorKind::NotSent
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.as_str(), self.message)
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// rustls with the roots that browsers trust, compiled in.
#[cfg(any(feature = "reqwest", feature = "websocket"))]
pub(crate) fn tls() -> Result<rustls::ClientConfig, TransportError> {
    // Named, because the process-wide default may be unset (then reqwest panics) or another crate's choice.
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            TransportError::new(TransportErrorKind::NotSent, "TLS could not be set up").with_source(error)
        })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
