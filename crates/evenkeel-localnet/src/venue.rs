//! What every emulated venue is: a function from requests to answers, and a tester's hand on it.

use bytes::Bytes;
use evenkeel_types::{Price, Rate, Symbol, Timestamp, Usd};
use http::{Request, Response};

use crate::error::LocalnetError;

/// An emulated venue. Pure: no I/O, no clock, no randomness; the same calls give the same answers.
pub trait Venue: Clone + Send + 'static {
    /// Answers one request that arrives at this moment. Time never goes back: an earlier moment counts as the latest
    /// one seen.
    fn handle(&mut self, now: Timestamp, request: Request<Bytes>) -> Response<Bytes>;

    /// Which call a request is, for the rules of faults.
    fn call(request: &Request<Bytes>) -> Call;

    /// The venue's own answer to too many requests.
    fn too_many_requests() -> Response<Bytes>;

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

    /// Puts money into an account (below zero: takes it out), by the account's name at the venue.
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
