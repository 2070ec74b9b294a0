//! The venue: the floor, its keys and limits, and the way of a request.

use std::collections::BTreeMap;

use bytes::Bytes;
use evenkeel_paper::{Event, World};
use evenkeel_types::{Price, Rate, Symbol, Timestamp, Usd};
use http::header::{HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode};

use super::keys::PublicKey;
use super::limits::{Limits, too_many};
use super::params::Params;
use super::refusals::Refusal;
use super::routes::{Ask, ROUTES, Route, Security, route};
use super::settings::Move;
use super::stream::Sockets;
use crate::answer;
use crate::error::LocalnetError;
use crate::floor::{Account, ApiKey, Floor, Listed};
use crate::stream::{Push, SocketId};
use crate::venue::{Access, Call, Venue};

/// The venue. Pure: see [`Venue`].
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) floor: Floor,
    pub(crate) public_keys: Vec<PublicKey>,
    pub(crate) limits: Limits,
    /// Margin that owners moved into and out of isolated positions, by account.
    pub(crate) moves: BTreeMap<usize, Vec<Move>>,
    /// Good-till-date orders: when they end.
    pub(crate) timers: BTreeMap<(Timestamp, u64), usize>,
    pub(crate) sockets: Sockets,
}

impl Server {
    /// The names of the accounts, in the order in which they were described.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.floor.accounts.iter().map(|account| account.name.as_str()).collect()
    }

    /// The HMAC key of an account.
    #[must_use]
    pub fn key(&self, account: &str) -> Option<&ApiKey> {
        self.floor.named(account).map(|account| &account.key)
    }

    /// The id of the Ed25519 key of an account, where it has one.
    #[must_use]
    pub fn ed25519_key(&self, account: &str) -> Option<&str> {
        let place = self.floor.accounts.iter().position(|found| found.name == account)?;
        self.public_keys.iter().find(|key| key.account == place).map(|key| key.id.as_str())
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
    }

    /// A market that a request names.
    pub(crate) fn listed(&self, params: &Params) -> Result<&Listed, Refusal> {
        self.floor.market(params.text("symbol")?).ok_or_else(Refusal::symbol)
    }

    /// The markets that a request is about: the one that it names, or all.
    pub(crate) fn listed_or_all(&self, params: &Params) -> Result<Vec<&Listed>, Refusal> {
        match params.optional("symbol")? {
            None => Ok(self.floor.markets.iter().collect()),
            Some(symbol) => Ok(vec![self.floor.market(symbol).ok_or_else(Refusal::symbol)?]),
        }
    }

    pub(crate) fn account(&self, ask: &Ask) -> Result<&Account, Refusal> {
        self.floor.accounts.get(ask.account).ok_or_else(Refusal::number)
    }

    fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let now = self.floor.now;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let Some(route) = route(&method, &path) else {
            let text = format!("Path {path}, Method {method} is invalid");
            return Refusal::new(-5000, text).with(StatusCode::NOT_FOUND).response();
        };
        let params = Params::of(request);
        let cost = route.cost(&params);
        let mut account = None;
        let result = self.limits.ask(now, cost).and_then(|()| {
            let place = self.admit(now, request, &params, &route)?;
            account = Some(place);
            self.limits.order(now, place, cost)?;
            (route.handler)(self, &Ask { account: place, params, now })
        });
        self.floor.sync();
        let mut response = match result {
            Ok(body) => answer::json(StatusCode::OK, &body),
            Err(refusal) => refusal.response(),
        };
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(Limits::retry_after(now)));
        }
        self.limits.headers(account, cost, response.headers_mut());
        response
    }

    fn admit(
        &self,
        now: Timestamp,
        request: &Request<Bytes>,
        params: &Params,
        route: &Route,
    ) -> Result<usize, Refusal> {
        if route.security == Security::Public {
            return Ok(0);
        }
        let (account, holder) = self.holder(request)?;
        if route.security == Security::Signed {
            self.is_signed(now, request, params, holder)?;
        }
        Ok(account)
    }
}

impl Venue for Server {
    fn handle(&mut self, now: Timestamp, request: Request<Bytes>) -> Response<Bytes> {
        self.floor.forget();
        self.advance_to(now);
        self.answer(&request)
    }

    fn open(&mut self, now: Timestamp, socket: SocketId, request: Request<Bytes>) -> Option<Response<Bytes>> {
        self.advance_to(now);
        if self.open_socket(socket, request.uri()) {
            return None;
        }
        Some(self.answer(&request))
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
        let found = route(request.method(), &path);
        let name = found.as_ref().map_or_else(String::new, |route| route.name.to_owned());
        Call { path, name, is_write: found.is_some_and(|route| route.is_write()) }
    }

    fn calls() -> Vec<&'static str> {
        ROUTES.iter().map(|route| route.name).collect()
    }

    fn account_of(&self, request: &Request<Bytes>) -> Option<String> {
        let (place, _) = self.holder(request).ok()?;
        Some(self.floor.accounts.get(place)?.name.clone())
    }

    /// Nothing is said here of what became of the request: where the venue knows that it failed, it has other words.
    fn failure(_: Timestamp, status: StatusCode) -> Response<Bytes> {
        let (code, text) = match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                (-1000, "Unknown error, please check your request or try again later.")
            }
            StatusCode::REQUEST_TIMEOUT => (
                -1007,
                "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
            ),
            _ => (-1000, "An unknown error occurred while processing the request."),
        };
        Refusal::new(code, text).with(status).response()
    }

    fn maintenance(_: Timestamp) -> Response<Bytes> {
        Refusal::new(-1000, "Service Unavailable.").with(StatusCode::SERVICE_UNAVAILABLE).response()
    }

    fn accounts(&self) -> Vec<Access> {
        let access = |account: &Account| {
            let mut fields =
                vec![("key", account.key.id().to_owned()), ("secret", account.key.secret().to_owned())];
            let other = self.ed25519_key(&account.name).map(|key| ("ed25519_key", key.to_owned()));
            fields.extend(other);
            Access { name: account.name.clone(), fields }
        };
        self.floor.accounts.iter().map(access).collect()
    }

    fn worlds(&mut self) -> Vec<(String, &mut World)> {
        self.floor.accounts.iter_mut().map(|account| (account.name.clone(), &mut account.world)).collect()
    }

    fn too_many_requests(_: Timestamp) -> Response<Bytes> {
        let mut response = too_many().response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }

    fn advance_to(&mut self, now: Timestamp) {
        while let Some(((due, id), account)) = self.timers.first_key_value().map(|(key, of)| (*key, *of)) {
            if due > now {
                break;
            }
            self.floor.advance_to(due);
            self.timers.remove(&(due, id));
            if let Some(account) = self.floor.accounts.get_mut(account) {
                let _was_open = account.cancel(id, super::rows::EXPIRED);
            }
        }
        self.floor.advance_to(now);
    }

    fn set_price(&mut self, symbol: &Symbol, price: Price) -> Result<(), LocalnetError> {
        self.floor.set_price(symbol, price)
    }

    fn set_funding(&mut self, symbol: &Symbol, rate: Rate) -> Result<(), LocalnetError> {
        self.floor.set_funding(symbol, rate)
    }

    fn deposit(&mut self, account: &str, amount: Usd) -> Result<(), LocalnetError> {
        self.floor.deposit(account, amount)
    }
}
