//! What travels on a venue's sockets.
//!
//! A venue stays a function of what it hears: it is told of sockets that open, speak and close, and is asked for what there
//! is to push. What is pushed follows from what changed since the last time, so that who only asks pays nothing for it.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// One open socket. The gate gives the numbers out, and none twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs)]
pub struct SocketId(pub u64);

/// One message to a client. Pings that a client sends are answered by the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Frame {
    /// Text.
    Text(String),
    /// Bytes; BingX compresses what it says.
    Binary(Bytes),
    /// A ping of the WebSocket protocol itself, where the venue sends them.
    Ping,
    /// Nothing more: the connection ends here.
    Close,
}

/// What a venue says on a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Push {
    /// To whom.
    pub socket: SocketId,
    /// What.
    pub frame: Frame,
    /// The venue's word for what it is about, for the rules of faults; none for answers, which no rule strikes.
    pub topic: Option<String>,
    /// The name of the account that it is about.
    pub account: Option<String>,
}

/// What is told, apart from these fields wherever they stand: that it is later alone is no news.
pub(crate) fn without(mut told: Value, names: &[&str]) -> Value {
    match &mut told {
        Value::Object(fields) => {
            fields.retain(|name, _| !names.contains(&name.as_str()));
            for value in fields.values_mut() {
                *value = without(value.take(), names);
            }
        }
        Value::Array(rows) => {
            for row in rows {
                *row = without(row.take(), names);
            }
        }
        _ => {}
    }
    told
}

impl Push {
    /// An answer to what a client said.
    pub(crate) fn reply(socket: SocketId, text: String) -> Self {
        Self { socket, frame: Frame::Text(text), topic: None, account: None }
    }
}

/// What is to be sent on a socket, after the faults of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Sent {
    /// To whom.
    pub socket: SocketId,
    /// What; [`Frame::Close`] is the end of the connection without a word.
    pub frame: Frame,
    /// How much later than now. What follows on the same socket waits for it.
    pub late: Duration,
}
