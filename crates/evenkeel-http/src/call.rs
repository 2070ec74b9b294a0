//! One call to a venue: sent once, timed, and its failure told in the terms of `evenkeel_exchange`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evenkeel_exchange::{Clock, Error, ErrorKind, Operation, Result};
use evenkeel_types::{Timestamp, VenueId};
use http::{HeaderMap, header};

use crate::transport::{Transport, TransportError, TransportErrorKind};

/// The HTTP side of one connection to one venue. Clones share transport and clock.
///
/// It signs nothing, retries nothing and judges no status: what a venue's answer means is for its crate to say.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    venue: VenueId,
}

impl Client {
    /// Calls to `venue` go over `transport` and are timed by `clock`.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, clock: Arc<dyn Clock>, venue: VenueId) -> Self {
        Self { transport, clock, venue }
    }

    /// The clock by which calls are timed.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The venue in whose name failures are told.
    #[must_use]
    pub fn venue(&self) -> &VenueId {
        &self.venue
    }

    /// Sends one prepared request, once, and waits at most `timeout` for the whole answer. Whether the answer is good
    /// or bad, by status or by body, is left to the caller.
    ///
    /// # Errors
    ///
    /// `Transport`, `Timeout`, or `Decode` for an answer that is too large. A write is `NotApplied` only if the
    /// transport proves that nothing was sent; otherwise its effect is `Unknown`. A dropped future is an unknown
    /// effect too: nobody is left to tell it.
    pub async fn send(
        &self,
        operation: Operation,
        request: http::Request<Bytes>,
        timeout: Duration,
    ) -> Result<Sent> {
        let began = self.clock.now();
        let answer = self.transport.send(request, timeout).await;
        let ended = self.clock.now();
        match answer {
            Ok(answer) => {
                let (parts, body) = answer.into_parts();
                Ok(Sent { status: parts.status.as_u16(), headers: parts.headers, body, began, ended })
            }
            Err(error) => Err(self.failed(operation, error)),
        }
    }

    fn failed(&self, operation: Operation, error: TransportError) -> Error {
        let (kind, message) = match error.kind() {
            TransportErrorKind::NotSent => (ErrorKind::Transport, "the request did not leave"),
            TransportErrorKind::Timeout => (ErrorKind::Timeout, "no whole answer in time"),
            TransportErrorKind::Broken => (ErrorKind::Transport, "the connection broke before the answer"),
            TransportErrorKind::TooLarge => (ErrorKind::Decode, "the answer is too large"),
        };
        let venue = self.venue.clone();
        if error.was_sent() {
            Error::unknown(kind, venue, operation, message).with_source(error)
        } else {
            Error::not_applied(kind, venue, operation, message).with_source(error)
        }
    }
}

/// What came back, and when by our clock. A wall clock can step: `ended` may lie before `began`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Sent {
    /// The HTTP status.
    pub status: u16,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The whole body, as it came.
    pub body: Bytes,
    /// Our time just before the request was handed to the transport.
    pub began: Timestamp,
    /// Our time just after the answer was complete.
    pub ended: Timestamp,
}

impl Sent {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header of the answer as text; `None` if it is absent or no visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the venue asks us to wait (`Retry-After` in whole seconds; the form with a date is not used by
    /// venues and is ignored).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header(header::RETRY_AFTER.as_str())?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

impl fmt::Debug for Sent {
    /// Without headers and body: they can hold an account, and errors end in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .field("began", &self.began)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
