//! Private streams: sockets as a port, and what keeps a subscription alive whatever the venue's protocol is.
//!
//! A venue crate says in a [`Protocol`] where to connect, what to say first and what messages mean, without any waiting.
//! [`Feed`] does the rest: it connects, answers, pings, notices silence, reconnects with growing waits, and tells of every
//! interruption as [`Hint::Resumed`](evenkeel_exchange::Hint::Resumed).

mod driver;
#[cfg(feature = "websocket")]
mod over_tungstenite;
mod protocol;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use driver::Feed;
#[cfg(feature = "websocket")]
pub use over_tungstenite::WebSockets;
pub use protocol::{Dial, Heard, Job, Protocol, Rhythm};

use crate::transport::TransportError;

/// The largest message that is read. The largest of venues (a whole account with hundreds of positions) are below 1 MiB.
pub const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;

/// One message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes; some venues compress their texts.
    Binary(Bytes),
    /// A ping or pong of the WebSocket protocol itself; a ping is answered below. It only says that the connection lives.
    Alive,
}

/// What opens sockets to a venue.
#[async_trait]
pub trait Sockets: fmt::Debug + Send + Sync {
    /// Connects, within `timeout`, to a `wss://` address; to a `ws://` one only where the implementation was told that
    /// this host and port may be talked to without encryption.
    ///
    /// # Errors
    /// [`TransportError`]; its text holds no URL, as URLs of streams hold keys.
    async fn open(&self, url: &str, timeout: Duration) -> Result<Box<dyn Socket>, TransportError>;
}

/// One open socket. Dropping it closes the connection.
#[async_trait]
pub trait Socket: fmt::Debug + Send {
    /// Takes a text that is to be sent, after those that it has. Never waits: a caller whose wait was dropped in the middle of
    /// sending could not know what has gone out.
    fn send(&mut self, text: String);

    /// Waits until everything that was taken is on its way. A dropped future loses nothing.
    ///
    /// # Errors
    /// [`TransportError`] when the connection is broken.
    async fn flush(&mut self) -> Result<(), TransportError>;

    /// Waits for the next message, and sends meanwhile what was taken. A dropped future loses nothing, either way.
    ///
    /// # Errors
    /// [`TransportError`] when the connection is closed or broken, and for messages over [`MAX_MESSAGE_BYTES`].
    async fn receive(&mut self) -> Result<Message, TransportError>;
}
