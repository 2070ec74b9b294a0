//! Sockets on tungstenite and rustls.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::Message as Wire;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, WebSocketStream, connect_async_tls_with_config};

use super::{MAX_MESSAGE_BYTES, Message, Socket, Sockets};
use crate::base_url::BaseUrl;
use crate::transport::{TransportError, TransportErrorKind, tls};

/// The [`Sockets`] on tungstenite: rustls with the roots that browsers trust, compiled in. Needs a tokio runtime with I/O
/// and timers.
#[derive(Clone)]
pub struct WebSockets {
    tls: Arc<rustls::ClientConfig>,
    /// `host:port` that may be talked to without encryption.
    plain: Option<String>,
}

impl fmt::Debug for WebSockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSockets").field("plain", &self.plain).finish_non_exhaustive()
    }
}

impl WebSockets {
    /// For real venues: only `wss`.
    ///
    /// # Errors
    /// `NotSent` when TLS cannot be set up.
    pub fn new() -> Result<Self, TransportError> {
        Ok(Self { tls: Arc::new(tls()?), plain: None })
    }

    /// For one server: `wss` only, or `ws` to exactly this host and port.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn to(server: &BaseUrl) -> Result<Self, TransportError> {
        Ok(Self { plain: server.plain_host().map(str::to_owned), ..Self::new()? })
    }

    fn allows(&self, url: &str) -> bool {
        let host = |rest: &str| rest.split(['/', '?']).next().unwrap_or_default().to_owned();
        match url.split_once("://") {
            Some(("wss", _)) => true,
            Some(("ws", rest)) => self.plain.as_deref() == Some(host(rest).as_str()),
            _ => false,
        }
    }
}

#[async_trait]
impl Sockets for WebSockets {
    // The limit of an attempt is real time: there is a real server behind the socket.
    #[allow(clippy::disallowed_methods)]
    async fn open(&self, url: &str, timeout: Duration) -> Result<Box<dyn Socket>, TransportError> {
        let not_sent = |message| TransportError::new(TransportErrorKind::NotSent, message);
        if !self.allows(url) {
            return Err(not_sent("only wss, or ws to the server that was named"));
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let connector = Connector::Rustls(Arc::clone(&self.tls));
        let connecting = connect_async_tls_with_config(url, Some(config), true, Some(connector));
        // Errors of tungstenite can quote the address, and with it a key: only their kind is kept.
        match tokio::time::timeout(timeout, connecting).await {
            Ok(Ok((stream, _))) => Ok(Box::new(Open::new(stream))),
            Ok(Err(error)) => Err(TransportError::new(TransportErrorKind::Broken, what(&error))),
            Err(_) => Err(TransportError::new(TransportErrorKind::Timeout, "no connection in time")),
        }
    }
}

/// An open socket over anything that bytes go through.
pub(super) struct Open<S> {
    stream: WebSocketStream<S>,
    /// What is to be sent.
    texts: VecDeque<String>,
    /// Whether the stream was given something that may not be on its way yet.
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Open<S> {
    pub(super) fn new(stream: WebSocketStream<S>) -> Self {
        Self { stream, texts: VecDeque::new(), unflushed: false }
    }

    /// A text leaves `texts` in the very moment in which the stream takes it, so that none is lost and none sent twice.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        while !self.texts.is_empty() {
            ready!(self.stream.poll_ready_unpin(cx)).map_err(|error| broken(&error))?;
            if let Some(text) = self.texts.pop_front() {
                self.unflushed = true;
                self.stream.start_send_unpin(Wire::text(text)).map_err(|error| broken(&error))?;
            }
        }
        if self.unflushed {
            ready!(self.stream.poll_flush_unpin(cx)).map_err(|error| broken(&error))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> fmt::Debug for Open<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Open")
    }
}

#[async_trait]
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for Open<S> {
    fn send(&mut self, text: String) {
        self.texts.push_back(text);
    }

    async fn flush(&mut self) -> Result<(), TransportError> {
        poll_fn(|cx| self.poll_send(cx)).await
    }

    async fn receive(&mut self) -> Result<Message, TransportError> {
        let message = poll_fn(|cx| {
            // Where it cannot go on, it wakes us when it can; what is there is read meanwhile.
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
            self.stream.poll_next_unpin(cx).map(Ok)
        });
        match message.await? {
            Some(Ok(Wire::Text(text))) => Ok(Message::Text(text.as_str().to_owned())),
            Some(Ok(Wire::Binary(bytes))) => Ok(Message::Binary(bytes)),
            Some(Ok(Wire::Close(_))) | None => {
                Err(TransportError::new(TransportErrorKind::Broken, "the venue closed the stream"))
            }
            // The library answers pings with the next reading or writing.
            Some(Ok(_)) => Ok(Message::Alive),
            Some(Err(error)) => Err(broken(&error)),
        }
    }
}

fn broken(error: &tokio_tungstenite::tungstenite::Error) -> TransportError {
    TransportError::new(TransportErrorKind::Broken, what(error))
}

fn what(error: &tokio_tungstenite::tungstenite::Error) -> &'static str {
    use tokio_tungstenite::tungstenite::Error;
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the stream is closed",
        Error::Io(_) => "the connection broke",
        Error::Tls(_) => "no TLS",
        Error::Capacity(_) => "a message is too large",
        Error::Http(_) => "the venue answered with plain HTTP",
        Error::Url(_) | Error::HttpFormat(_) => "the address cannot be used",
        _ => "no proper WebSocket messages",
    }
}
