//! The venue: the floor, its doors, and what is not on the floor.

use std::collections::BTreeMap;

use bytes::Bytes;
use evenkeel_paper::{Event, World};
use evenkeel_types::{Price, Rate, Symbol, Timestamp, Usd};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use super::auth::Caller;
use super::envelope::{Answer, Refusal, bare, wrap};
use super::limits::{Limits, SECOND, Told, too_many};
use super::params::Params;
use super::protection::Protections;
use super::routes::{Door, ENDPOINTS, Endpoint, find};
use super::stream::Sockets;
use crate::error::LocalnetError;
use crate::floor::{Account, ApiKey, Floor, Listed};
use crate::stream::{Push, SocketId};
use crate::venue::{Access, Call, Venue};

/// The venue. Pure: see [`Venue`].
#[derive(Debug, Clone)]
pub struct Server {
    pub(super) floor: Floor,
    /// Keys that may only read, of each account.
    read_keys: Vec<ApiKey>,
    limits: Limits,
    /// Whether margin is looked at only when an order is carried out.
    pub(super) late_refusals: bool,
    /// Take profits and stop losses that come with orders, until the orders have executed.
    pub(super) protections: Protections,
    /// Windows of the dead-man switch in seconds, by account and product.
    pub(super) windows: BTreeMap<(usize, String), u64>,
    /// Transfers that were made, by account and the client's id.
    pub(super) transfers: BTreeMap<(usize, String), Timestamp>,
    pub(super) sockets: Sockets,
}

impl Server {
    pub(super) fn new(floor: Floor, key: (usize, usize), limits: Limits, late_refusals: bool) -> Self {
        let read_key =
            |account: &Account| ApiKey::named(&format!("bybit/{}/read", account.name), key.0, key.1);
        let read_keys = floor.accounts.iter().map(read_key).collect();
        Self {
            floor,
            read_keys,
            limits,
            late_refusals,
            protections: Protections::default(),
            windows: BTreeMap::new(),
            transfers: BTreeMap::new(),
            sockets: Sockets::default(),
        }
    }

    /// Describes a venue.
    pub fn builder() -> super::Builder {
        super::Builder::default()
    }

    /// The names of the accounts, in the order in which they were described.
    #[must_use]
    pub fn accounts(&self) -> Vec<&str> {
        self.floor.accounts.iter().map(|account| account.name.as_str()).collect()
    }

    /// The key of an account, which may read and trade.
    #[must_use]
    pub fn key(&self, account: &str) -> Option<&ApiKey> {
        self.floor.named(account).map(|account| &account.key)
    }

    /// A key of an account that may only read.
    #[must_use]
    pub fn read_key(&self, account: &str) -> Option<&ApiKey> {
        self.read_keys.get(self.place_of(account)?)
    }

    /// The paper exchange of an account: what really happened there.
    #[must_use]
    pub fn world(&self, account: &str) -> Option<&World> {
        self.floor.named(account).map(|account| &account.world)
    }

    /// Makes something happen in an account without its owner: trades and settings of somebody else, money.
    pub fn happen(&mut self, account: &str, event: Event) {
        if let Some(place) = self.place_of(account)
            && let Some(found) = self.floor.accounts.get_mut(place)
        {
            found.world.happen(event);
        }
        self.settle();
    }

    fn place_of(&self, account: &str) -> Option<usize> {
        self.floor.accounts.iter().position(|known| known.name == account)
    }

    /// Whose key this is, and whether it may only read.
    pub(super) fn key_owner(&self, id: &str) -> Option<(usize, &ApiKey, bool)> {
        if let Some(place) = self.floor.account_of(id) {
            return self.floor.accounts.get(place).map(|account| (place, &account.key, false));
        }
        let place = self.read_keys.iter().position(|key| key.id() == id)?;
        self.read_keys.get(place).map(|key| (place, key, true))
    }

    pub(super) fn account(&self, place: usize) -> Result<&Account, Refusal> {
        self.floor.accounts.get(place).ok_or_else(|| Refusal::new(10003, "API key is invalid."))
    }

    /// The market that a request names.
    pub(super) fn market(&self, params: &Params) -> Result<&Listed, Refusal> {
        let name = params.needed("symbol")?;
        self.floor.market(name).ok_or_else(|| Refusal::symbol(name))
    }

    /// Takes over what happened, and what follows from it.
    pub(super) fn settle(&mut self) {
        self.floor.sync();
        self.protect_what_executed();
    }

    fn serve(&mut self, request: &Request<Bytes>) -> (Answer, Option<Told>) {
        let now = self.floor.now;
        let Some(endpoint) = find(request.method(), request.uri().path()) else {
            return (
                Err(Refusal { status: StatusCode::NOT_FOUND, ..Refusal::new(10017, "Route not found.") }),
                None,
            );
        };
        let params = match *request.method() {
            Method::GET => Ok(Params::query(request.uri().query().unwrap_or_default())),
            _ => Params::body(request.body()),
        };
        match endpoint.door {
            Door::Public(answer) => (params.and_then(|params| answer(self, &params)), None),
            Door::Private(limit, answer) => {
                let caller = match self.authenticate(now, request) {
                    Ok(caller) => caller,
                    Err(refusal) => return (Err(refusal), None),
                };
                if caller.reads_only && endpoint.method == Method::POST {
                    let text = "Permission denied, please check your API key permissions.";
                    return (Err(Refusal::new(10005, text)), None);
                }
                let (taken, told) = self.limits.take(&caller.key, endpoint.path, limit, 1, now);
                if taken == 0 {
                    return (Err(too_many()), Some(told));
                }
                (params.and_then(|params| answer(self, &caller, &params)), Some(told))
            }
            Door::Batch(limit, answer) => self.serve_batch(endpoint, limit, answer, request, params),
        }
    }

    fn serve_batch(
        &mut self,
        endpoint: &Endpoint,
        limit: u32,
        answer: fn(&mut Server, &Caller, &Params, usize) -> Answer,
        request: &Request<Bytes>,
        params: Result<Params, Refusal>,
    ) -> (Answer, Option<Told>) {
        let now = self.floor.now;
        let caller = match self.authenticate(now, request) {
            Ok(caller) => caller,
            Err(refusal) => return (Err(refusal), None),
        };
        if caller.reads_only {
            let text = "Permission denied, please check your API key permissions.";
            return (Err(Refusal::new(10005, text)), None);
        }
        let params = match params {
            Ok(params) => params,
            Err(refusal) => return (Err(refusal), None),
        };
        // Each order of a batch counts; what is beyond the limit fails, and only that.
        let count = params.list("request").map_or(1, <[_]>::len);
        let wanted = u32::try_from(count).unwrap_or(u32::MAX).max(1);
        let (taken, told) = self.limits.take(&caller.key, endpoint.path, limit, wanted, now);
        if taken == 0 {
            return (Err(too_many()), Some(told));
        }
        (answer(self, &caller, &params, usize::try_from(taken).unwrap_or(0)), Some(told))
    }
}

impl Venue for Server {
    fn handle(&mut self, now: Timestamp, request: Request<Bytes>) -> Response<Bytes> {
        self.floor.forget();
        self.advance_to(now);
        // The gateway in front of the venue does not let such requests through.
        if request.method() == Method::GET && !request.body().is_empty() {
            return bare(StatusCode::FORBIDDEN, "Forbidden");
        }
        let (answer, told) = self.serve(&request);
        self.settle();
        let mut response = wrap(answer, self.floor.now);
        let headers = response.headers_mut();
        headers.insert("timenow", number(self.floor.now.0));
        if let Some(told) = told {
            headers.insert("x-bapi-limit", number(u64::from(told.limit)));
            headers.insert("x-bapi-limit-status", number(u64::from(told.left)));
            headers.insert("x-bapi-limit-reset-timestamp", number(told.reset.0));
        }
        response
    }

    fn open(&mut self, now: Timestamp, socket: SocketId, request: Request<Bytes>) -> Option<Response<Bytes>> {
        self.advance_to(now);
        if self.open_socket(socket, request.uri().path()) {
            return None;
        }
        Some(self.handle(now, request))
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
        Call { name: name_of(&path).to_owned(), is_write: request.method() == Method::POST, path }
    }

    fn calls() -> Vec<&'static str> {
        ENDPOINTS.iter().map(|endpoint| name_of(endpoint.path)).collect()
    }

    fn account_of(&self, request: &Request<Bytes>) -> Option<String> {
        let key = request.headers().get("x-bapi-api-key")?.to_str().ok()?;
        let (place, ..) = self.key_owner(key)?;
        self.floor.accounts.get(place).map(|account| account.name.clone())
    }

    fn accounts(&self) -> Vec<Access> {
        let read_keys = self.read_keys.iter();
        let access = |(account, read): (&Account, &ApiKey)| Access {
            name: account.name.clone(),
            fields: vec![
                ("key", account.key.id().to_owned()),
                ("secret", account.key.secret().to_owned()),
                ("read_key", read.id().to_owned()),
                ("read_secret", read.secret().to_owned()),
            ],
        };
        self.floor.accounts.iter().zip(read_keys).map(access).collect()
    }

    fn worlds(&mut self) -> Vec<(String, &mut World)> {
        let accounts = self.floor.accounts.iter_mut();
        accounts.map(|account| (account.name.clone(), &mut account.world)).collect()
    }

    /// The reset is that of a full second; what the limit is depends on the call, and is not told.
    fn too_many_requests(now: Timestamp) -> Response<Bytes> {
        let mut response = wrap(Err(too_many()), now);
        let headers = response.headers_mut();
        headers.insert("x-bapi-limit-status", number(0));
        headers.insert("x-bapi-limit-reset-timestamp", number(now.0.saturating_add(SECOND)));
        response
    }

    fn advance_to(&mut self, now: Timestamp) {
        self.floor.advance_to(now);
        // The tester may have changed something without a moment passing.
        self.settle();
    }

    fn set_price(&mut self, symbol: &Symbol, price: Price) -> Result<(), LocalnetError> {
        self.floor.set_price(symbol, price)?;
        self.settle();
        Ok(())
    }

    fn set_funding(&mut self, symbol: &Symbol, rate: Rate) -> Result<(), LocalnetError> {
        self.floor.set_funding(symbol, rate)
    }

    fn deposit(&mut self, account: &str, amount: Usd) -> Result<(), LocalnetError> {
        self.floor.deposit(account, amount)?;
        self.settle();
        Ok(())
    }
}

fn number(value: u64) -> HeaderValue {
    HeaderValue::from(value)
}

/// What rules of faults call a call.
fn name_of(path: &str) -> &str {
    path.strip_prefix("/v5/").unwrap_or(path)
}
