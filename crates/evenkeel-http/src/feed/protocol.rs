//! What a venue's stream is, without the waiting.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_exchange::{Error, Hint, Result};

use super::Message;

/// How a venue pushes. Everything but [`dial`](Self::dial) and [`renew`](Self::renew) is a pure function.
#[async_trait]
pub trait Protocol: fmt::Debug + Send {
    /// Where to connect, and what to say first. Asked for every connection anew: signatures of logins expire, and keys of
    /// streams are handed out by the venue.
    ///
    /// # Errors
    /// What the venue says, in its own terms.
    async fn dial(&mut self) -> Result<Dial>;

    /// What a message means.
    fn hear(&mut self, message: &Message) -> Heard;

    /// How the connection is kept alive.
    fn rhythm(&self) -> Rhythm;

    /// Renews what would expire while the connection stands; called as often as [`Rhythm::renew`] says.
    ///
    /// # Errors
    /// What the venue says. The connection is made anew then.
    async fn renew(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A connection to be made. Its `Debug` hides both parts: they hold keys and signatures.
#[derive(Clone)]
pub struct Dial {
    /// Where.
    pub url: String,
    /// What to say, in this order.
    pub say: Vec<String>,
    /// Whether nothing has to be heard before the stream counts as begun.
    pub at_once: bool,
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

/// How a connection is kept alive.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)]
pub struct Rhythm {
    /// What to say every so often.
    pub ping: Option<(Duration, String)>,
    /// After this much silence the connection counts as dead. Longer than between two pings.
    pub silence: Duration,
    /// How often [`Protocol::renew`] is due.
    pub renew: Option<Duration>,
}
