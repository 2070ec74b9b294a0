//! What every emulated venue is: a function from requests to answers, and a tester's hand on it.

use bytes::Bytes;
use evenkeel_paper::World;
use evenkeel_types::{Price, Rate, Symbol, Timestamp, Usd};
use http::{Request, Response, StatusCode};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::answer;
use crate::error::LocalnetError;
use crate::stream::{Push, SocketId};

/// An emulated venue. Pure: no I/O, no clock, no randomness; the same calls give the same answers.
pub trait Venue: Clone + Send + 'static {
    /// Answers one request that arrives at this moment. Time never goes back: an earlier moment counts as the latest
    /// one seen.
    fn handle(&mut self, now: Timestamp, request: Request<Bytes>) -> Response<Bytes>;

    /// A client asks for a socket. `None` is an open one, else this is the venue's answer to who gets none: where there are no
    /// sockets, that of [`Venue::handle`].
    fn open(&mut self, now: Timestamp, socket: SocketId, request: Request<Bytes>) -> Option<Response<Bytes>> {
        let _ = socket;
        Some(self.handle(now, request))
    }

    /// A client says something on its socket.
    fn hear(&mut self, now: Timestamp, socket: SocketId, text: &str) {
        let _ = (now, socket, text);
    }

    /// A socket is gone.
    fn close(&mut self, socket: SocketId) {
        let _ = socket;
    }

    /// What there is to say on sockets since the last time, in this order. Asked for only while one is open.
    fn pushes(&mut self) -> Vec<Push> {
        Vec::new()
    }

    /// Which call a request is, for the rules of faults.
    fn call(request: &Request<Bytes>) -> Call;

    /// The names of all calls, as [`Venue::call`] gives them; none where they are not known. A rule about a call that there is
    /// not would never strike, and the test that it was made for would pass.
    fn calls() -> Vec<&'static str> {
        Vec::new()
    }

    /// The name of the account that a request is signed for or asks about; `None` where it names none, or one that is
    /// not here. For the rules of faults, which ask only where one is about an account.
    fn account_of(&self, request: &Request<Bytes>) -> Option<String> {
        let _ = request;
        None
    }

    /// The venue's own answer to too many requests, at this moment.
    fn too_many_requests(now: Timestamp) -> Response<Bytes>;

    /// The venue's own answer to everything while it is being maintained; 503 in words unless told otherwise.
    fn maintenance(now: Timestamp) -> Response<Bytes> {
        Self::failure(now, StatusCode::SERVICE_UNAVAILABLE)
    }

    /// What the venue says with a status of 400 to 599 when it is its server that fails, not the request; the status in
    /// words unless told otherwise.
    fn failure(now: Timestamp, status: StatusCode) -> Response<Bytes> {
        let _ = now;
        answer::text(status, status.canonical_reason().unwrap_or_default())
    }

    /// The accounts and their keys, in the order in which they were described.
    fn accounts(&self) -> Vec<Access> {
        Vec::new()
    }

    /// The paper exchange behind each account, by the account's name: what really happened, and what goes wrong behind
    /// the venue's door. Who changes something calls [`Venue::advance_to`] afterwards.
    fn worlds(&mut self) -> Vec<(String, &mut World)> {
        Vec::new()
    }

    /// Lets time pass until then: funding, liquidations and whatever else is due.
    fn advance_to(&mut self, now: Timestamp);

    /// Sets a mark price for all accounts.
    ///
    /// # Errors
    /// [`LocalnetError::Impossible`] for an unknown symbol or a price that does not fit.
    fn set_price(&mut self, symbol: &Symbol, price: Price) -> Result<(), LocalnetError>;

    /// Sets the rate of the next fundings of a symbol; positive: longs pay.
    ///
    /// # Errors
    /// [`LocalnetError::Impossible`] for an unknown symbol.
    fn set_funding(&mut self, symbol: &Symbol, rate: Rate) -> Result<(), LocalnetError>;

    /// Puts money into an account (below zero: takes it out), by the account's name.
    ///
    /// # Errors
    /// [`LocalnetError::Impossible`] for an unknown account, or money that is not there.
    fn deposit(&mut self, account: &str, amount: Usd) -> Result<(), LocalnetError>;
}

/// A description from which a venue can be made when it is known what time it is.
pub trait Blueprint {
    /// What it makes.
    type Venue: Venue;

    /// The venue, beginning at this moment.
    ///
    /// # Errors
    /// [`LocalnetError`] for the first thing that does not fit.
    fn build_at(self, start: Timestamp) -> Result<Self::Venue, LocalnetError>;
}

/// Which call a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The path of the request.
    pub path: String,
    /// The venue's name for what is asked: the type of a question, the action of a write.
    pub name: String,
    /// Whether it changes something.
    pub is_write: bool,
}

/// One account as its client has to be configured. The keys are known to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Access {
    /// The account's name.
    pub name: String,
    /// What the client is told, by the name that clients use for it: `address`, `key`, `secret`.
    pub fields: Vec<(&'static str, String)>,
}

impl Serialize for Access {
    /// One object: `name` and the fields.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Access {
    /// A field, by its name.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, value)| value.as_str())
    }
}
