//! The venue: its door, and the tester's hand.

use bytes::Bytes;
use evenkeel_paper::{Event, World};
use evenkeel_types::{Price, Rate, Symbol, Timestamp, Usd};
use http::{Method, Request, Response, StatusCode};

use super::auth;
use super::desk::Desk;
use super::envelope::{Outcome, response};
use super::keys::ListenKeys;
use super::limits::{Left, Limits, WINDOW};
use super::params::Params;
use super::refusals::Refusal;
use super::routes::{self, Route};
use super::stream::{self, Sockets};
use crate::error::LocalnetError;
use crate::floor::{Account, ApiKey, Figures, Floor, Listed};
use crate::stream::{Push, SocketId};
use crate::venue::{Access, Call, Venue};

/// The venue. Pure: see [`Venue`].
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) demo: bool,
    pub(crate) floor: Floor,
    /// One for each account of the floor.
    pub(crate) desks: Vec<Desk>,
    limits: Limits,
    pub(crate) keys: ListenKeys,
    pub(crate) sockets: Sockets,
}

/// A request that was understood.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) params: Params,
    /// Whose, by its place on the floor; of a public call the first one.
    pub(crate) account: usize,
}

impl Server {
    pub(crate) fn new(demo: bool, floor: Floor) -> Self {
        let desks = floor.accounts.iter().map(|_| Desk::default()).collect();
        let (limits, keys, sockets) = (Limits::default(), ListenKeys::default(), Sockets::default());
        Self { demo, floor, desks, limits, keys, sockets }
    }

    /// The key of an account, by the account's name.
    #[must_use]
    pub fn key(&self, account: &str) -> Option<&ApiKey> {
        self.floor.named(account).map(|account| &account.key)
    }

    /// The paper exchange of an account: what really happened there.
    #[must_use]
    pub fn world(&self, account: &str) -> Option<&World> {
        self.floor.named(account).map(|account| &account.world)
    }

    /// Makes something happen in an account without its owner: trades and settings of somebody else, money.
    pub fn happen(&mut self, account: &str, event: Event) {
        if let Some(found) = self.floor.accounts.iter_mut().find(|found| found.name == account) {
            found.world.happen(event);
        }
        self.floor.sync();
        self.tend();
    }

    /// What money is called here.
    pub(crate) fn coin(&self) -> &'static str {
        if self.demo { "VST" } else { "USDT" }
    }

    pub(crate) fn account(&self, asked: &Asked) -> Result<&Account, Refusal> {
        self.floor.accounts.get(asked.account).ok_or_else(Refusal::no_key)
    }

    pub(crate) fn account_mut(&mut self, asked: &Asked) -> Result<&mut Account, Refusal> {
        self.floor.accounts.get_mut(asked.account).ok_or_else(Refusal::no_key)
    }

    pub(crate) fn desk(&self, asked: &Asked) -> Result<&Desk, Refusal> {
        self.desks.get(asked.account).ok_or_else(Refusal::no_key)
    }

    pub(crate) fn figures(&self, asked: &Asked) -> Result<Figures, Refusal> {
        self.account(asked)?.figures(&self.floor.markets).ok_or_else(Refusal::internal)
    }

    /// The market that a request names.
    pub(crate) fn market(&self, params: &Params) -> Result<&Listed, Refusal> {
        let symbol = params.need("symbol")?;
        self.floor.market(symbol).ok_or_else(|| Refusal::unknown_symbol(symbol))
    }

    /// The market that a request names, where it names one.
    pub(crate) fn market_or_all(&self, params: &Params) -> Result<Option<&Listed>, Refusal> {
        if params.text("symbol").is_none() { Ok(None) } else { self.market(params).map(Some) }
    }

    fn answer(&mut self, request: &Request<Bytes>) -> (Outcome, Option<Left>) {
        let route = match routes::find(request) {
            Ok(route) => route,
            Err(refusal) => return (Err(refusal), None),
        };
        let params = match Params::of(request) {
            Ok(params) => params,
            Err(refusal) => return (Err(refusal), None),
        };
        if route.per_second == 0 {
            return ((route.act)(self, &Asked { params, account: 0 }), None);
        }
        self.signed(route, request, params)
    }

    fn signed(&mut self, route: &Route, request: &Request<Bytes>, params: Params) -> (Outcome, Option<Left>) {
        let now = self.floor.now;
        let check = if route.keyed { auth::keyed } else { auth::check };
        let account = match check(&self.floor, now, request, &params) {
            Ok(account) => account,
            Err(refusal) => return (Err(refusal), None),
        };
        let left = match self.limits.count(now, account, (route.method, route.path), route.per_second) {
            Ok(left) => left,
            Err(until) => {
                let left = Left { requests: 0, millis: until.0.saturating_sub(now.0) };
                return (Err(Refusal::rate_limited(until.0)), Some(left));
            }
        };
        let outcome = (route.act)(self, &Asked { params, account });
        self.tend();
        (outcome, Some(left))
    }
}

impl Venue for Server {
    fn handle(&mut self, now: Timestamp, request: Request<Bytes>) -> Response<Bytes> {
        self.floor.forget();
        self.advance_to(now);
        let (outcome, left) = self.answer(&request);
        response(outcome, self.floor.now, left)
    }

    fn open(&mut self, now: Timestamp, socket: SocketId, request: Request<Bytes>) -> Option<Response<Bytes>> {
        if request.uri().path() != stream::PATH {
            return Some(self.handle(now, request));
        }
        self.advance_to(now);
        let refused = self.open_socket(socket, &request).err()?;
        Some(response(Err(refused), self.floor.now, None))
    }

    fn hear(&mut self, now: Timestamp, socket: SocketId, text: &str) {
        self.advance_to(now);
        self.heard(socket, text);
    }

    fn close(&mut self, socket: SocketId) {
        self.sockets.close(socket);
    }

    fn pushes(&mut self) -> Vec<Push> {
        self.news()
    }

    fn call(request: &Request<Bytes>) -> Call {
        let path = request.uri().path().to_owned();
        let route = routes::find(request);
        let name = match &route {
            Ok(route) => route.name.to_owned(),
            Err(_) => path.rsplit('/').next().unwrap_or_default().to_owned(),
        };
        // Listen keys change nothing in the account.
        let is_write = request.method() != Method::GET && !route.is_ok_and(|route| route.keyed);
        Call { path, name, is_write }
    }

    fn calls() -> Vec<&'static str> {
        routes::ROUTES.iter().map(|route| route.name).collect()
    }

    fn account_of(&self, request: &Request<Bytes>) -> Option<String> {
        let place = if request.uri().path() == stream::PATH {
            self.keys.owner(Params::of(request).ok()?.text("listenKey")?, self.floor.now)?
        } else {
            self.floor.account_of(request.headers().get("x-bx-apikey")?.to_str().ok()?)?
        };
        Some(self.floor.accounts.get(place)?.name.clone())
    }

    /// Nothing is said here of what became of the request.
    fn failure(now: Timestamp, status: StatusCode) -> Response<Bytes> {
        let text = "Internal system error, please try again later.";
        let refusal = Refusal { status, ..Refusal::new(100_500, text) };
        response(Err(refusal), now, None)
    }

    fn accounts(&self) -> Vec<Access> {
        let access = |account: &Account| Access {
            name: account.name.clone(),
            fields: vec![("key", account.key.id().to_owned()), ("secret", account.key.secret().to_owned())],
        };
        self.floor.accounts.iter().map(access).collect()
    }

    fn worlds(&mut self) -> Vec<(String, &mut World)> {
        self.floor.accounts.iter_mut().map(|account| (account.name.clone(), &mut account.world)).collect()
    }

    /// For a whole window.
    fn too_many_requests(now: Timestamp) -> Response<Bytes> {
        let refusal = Refusal::rate_limited(now.0.saturating_add(WINDOW));
        response(Err(refusal), now, Some(Left { requests: 0, millis: WINDOW }))
    }

    fn advance_to(&mut self, now: Timestamp) {
        self.floor.advance_to(now);
        self.tend();
    }

    fn set_price(&mut self, symbol: &Symbol, price: Price) -> Result<(), LocalnetError> {
        self.floor.set_price(symbol, price)?;
        self.tend();
        Ok(())
    }

    fn set_funding(&mut self, symbol: &Symbol, rate: Rate) -> Result<(), LocalnetError> {
        self.floor.set_funding(symbol, rate)
    }

    fn deposit(&mut self, account: &str, amount: Usd) -> Result<(), LocalnetError> {
        self.floor.deposit(account, amount)
    }
}
