//! What a venue's stream is, without the waiting.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use evenkeel_exchange::{Error, Hint, Result};

use super::Message;
use crate::secret::Secret;

/// Something that takes its time. It owns what it needs and holds no lock while it waits: it is kept, and left alone,
/// while nobody waits for the stream.
pub type Job<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How a venue pushes. Everything but what [`dial`](Self::dial) and [`renew`](Self::renew) return is a pure function.
pub trait Protocol: fmt::Debug + Send {
    /// Where to connect, and what to say first. Asked for every connection anew: signatures of logins expire, and keys of
    /// streams are handed out by the venue.
    ///
    /// # Errors
    /// What the venue says, in its own terms.
    fn dial(&mut self) -> Job<Result<Dial>>;

    /// What a message means.
    fn hear(&mut self, message: &Message) -> Heard;

    /// How the connection is kept alive.
    fn rhythm(&self) -> Rhythm;

    /// Renews the key of the connection, where [`Dial::key`] named one; called as often as [`Rhythm::renew`] says.
    ///
    /// # Errors
    /// What the venue says. [`NotFound`](evenkeel_exchange::ErrorKind::NotFound) is a key that cannot be renewed any more:
    /// the connection is made anew. After anything else it is tried again in a minute, until the key must have expired.
    fn renew(&self, key: &Secret) -> Job<Result<()>> {
        let _ = key;
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A connection to be made. Its `Debug` hides its parts: they hold keys and signatures.
#[derive(Clone)]
pub struct Dial {
    /// Where.
    pub url: String,
    /// What to say, in this order.
    pub say: Vec<String>,
    /// Whether nothing has to be heard before the stream counts as begun.
    pub at_once: bool,
    /// The key that has to be renewed while the connection stands.
    pub key: Option<Secret>,
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dial({} to say)", self.say.len())
    }
}

/// What a message means.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)]
pub enum Heard {
    /// Nothing to us.
    Nothing,
    /// The subscription stands: from here on nothing is missed.
    Begun,
    /// Something happened.
    Hints(Vec<Hint>),
    /// The venue wants to hear this.
    Reply(String),
    /// To be said next on the way to the subscription: the login was taken.
    Say(Vec<String>),
    /// The connection is of no more use: a key expired, the venue says good-bye. Why, in words.
    Over(&'static str),
    /// The venue will not have us.
    Refused(Error),
}

impl Heard {
    /// A message that cannot be read. It may have said anything: an interruption.
    pub const UNREADABLE: Self = Self::Over("a message cannot be read");
}

/// How a connection is kept alive.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)]
pub struct Rhythm {
    /// What to say every so often.
    pub ping: Option<(Duration, String)>,
    /// After this much silence the connection counts as dead. Longer than between two pings.
    pub silence: Duration,
    /// How often [`Protocol::renew`] is due: half the life of a key.
    pub renew: Option<Duration>,
}
