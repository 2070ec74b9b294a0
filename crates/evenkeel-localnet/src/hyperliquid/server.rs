//! The venue: markets, accounts, and the two doors.

use std::collections::BTreeMap;

use bytes::Bytes;
use evenkeel_paper::{Event, World, profiles};
use evenkeel_types::{Price, Rate, Symbol, Timestamp, Usd};
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::account::{Account, Ids};
use super::action::ACTIONS;
use super::crypto::{Address, TestKey};
use super::info::{QUESTIONS, QUESTIONS_ABOUT_USERS};
use super::markets::{Listed, pool, quote};
use super::nonces::Nonces;
use super::numbers::usd;
use super::stream::Sockets;
use crate::answer;
use crate::error::LocalnetError;
use crate::stream::{Push, SocketId};
use crate::venue::{Access, Call, Venue};

const HOUR: u64 = 3_600_000;
/// Hours of funding history that there are from the beginning.
const PAST_HOURS: u64 = 24;
/// Steps of one advance: a year of hours and more. What is beyond happens in one step.
const MAX_STEPS: usize = 10_000;

/// The venue. Pure: see [`Venue`].
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) mainnet: bool,
    pub(crate) markets: Vec<Listed>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) ids: Ids,
    pub(crate) nonces: BTreeMap<Address, Nonces>,
    pub(crate) now: Timestamp,
    pub(crate) funding: Vec<(Timestamp, Symbol, Rate)>,
    pub(crate) sockets: Sockets,
}

impl Server {
    pub(crate) fn new(
        mainnet: bool,
        markets: Vec<Listed>,
        accounts: Vec<Account>,
        ids: Ids,
        start: Timestamp,
    ) -> Self {
        let mut server = Self {
            mainnet,
            markets,
            accounts,
            ids,
            nonces: BTreeMap::new(),
            now: start,
            funding: Vec::new(),
            sockets: Sockets::default(),
        };
        let hour = start.0.checked_div(HOUR).unwrap_or(0);
        for hour in hour.saturating_sub(PAST_HOURS).saturating_add(1)..=hour {
            server.note_funding(Timestamp(hour.saturating_mul(HOUR)));
        }
        server
    }

    /// The addresses of the accounts, in the order in which they were described.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        self.accounts.iter().map(|account| account.address).collect()
    }

    /// An account's own key, which may do everything.
    #[must_use]
    pub fn master_key(&self, account: Address) -> Option<&TestKey> {
        self.find(account).map(|account| &account.key)
    }

    /// The key of an account's unnamed agent, which may trade; of a sub-account, its master's.
    #[must_use]
    pub fn agent_key(&self, account: Address) -> Option<&TestKey> {
        let found = self.find(account)?;
        let master = found.master.as_ref().map_or(account, |(master, _)| *master);
        self.find(master).map(|account| &account.agent_key)
    }

    /// The paper exchange of an account: what really happened there.
    #[must_use]
    pub fn world(&self, account: Address) -> Option<&World> {
        self.find(account).map(|account| &account.world)
    }

    /// Makes something happen in an account without its owner: trades and settings of somebody else, money.
    pub fn happen(&mut self, account: Address, event: Event) {
        if let Some(found) = self.accounts.iter_mut().find(|found| found.address == account) {
            found.world.happen(event);
        }
        self.sync();
    }

    pub(crate) fn find(&self, address: Address) -> Option<&Account> {
        self.accounts.iter().find(|account| account.address == address)
    }

    /// Takes over what happened in the paper exchanges.
    pub(crate) fn sync(&mut self) {
        let maker = profiles::hyperliquid().fees.maker;
        for account in &mut self.accounts {
            account.sync(&mut self.ids, maker);
        }
    }

    fn note_funding(&mut self, at: Timestamp) {
        let rows = self.markets.iter().map(|market| (at, market.symbol.clone(), market.funding));
        self.funding.extend(rows);
    }

    fn cancel_scheduled(&mut self, now: Timestamp) {
        for account in &mut self.accounts {
            if account.cancel_at.is_some_and(|at| at <= now) {
                account.cancel_at = None;
                let open: Vec<u64> = account.live.iter().copied().collect();
                for oid in open {
                    account.cancel(oid, "scheduledCancel");
                }
            }
        }
    }
}

impl Venue for Server {
    fn handle(&mut self, now: Timestamp, request: Request<Bytes>) -> Response<Bytes> {
        self.accounts.iter_mut().for_each(Account::forget);
        self.advance_to(now);
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::POST, "/info") => self.info(request.body()),
            (&Method::POST, "/exchange") => self.exchange(request.body()),
            (_, "/info" | "/exchange") => answer::text(StatusCode::METHOD_NOT_ALLOWED, ""),
            _ => answer::text(StatusCode::NOT_FOUND, ""),
        }
    }

    fn open(&mut self, now: Timestamp, socket: SocketId, request: Request<Bytes>) -> Option<Response<Bytes>> {
        if request.uri().path() != "/ws" {
            return Some(self.handle(now, request));
        }
        self.advance_to(now);
        self.open_socket(socket);
        None
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
        let is_write = path == "/exchange";
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let kind = if is_write {
            body.get("action").and_then(|action| action.get("type"))
        } else {
            body.get("type")
        };
        let name = kind.and_then(Value::as_str).unwrap_or_default().to_owned();
        Call { path, name, is_write }
    }

    fn calls() -> Vec<&'static str> {
        [&ACTIONS[..], &QUESTIONS, &QUESTIONS_ABOUT_USERS].concat()
    }

    fn account_of(&self, request: &Request<Bytes>) -> Option<String> {
        let address = if request.uri().path() == "/exchange" {
            self.signed_for(request.body())?
        } else {
            let body: Value = serde_json::from_slice(request.body()).ok()?;
            Address::parse(body.get("user")?.as_str()?)?
        };
        self.find(address).map(|account| account.name.clone())
    }

    fn too_many_requests(_: Timestamp) -> Response<Bytes> {
        answer::json(StatusCode::TOO_MANY_REQUESTS, &Value::Null)
    }

    fn accounts(&self) -> Vec<Access> {
        let access = |account: &Account| {
            let mut fields = vec![("address", account.address.to_string())];
            fields.extend(self.agent_key(account.address).map(|key| ("key", key.hex())));
            fields.push(("master_key", account.key.hex()));
            Access { name: account.name.clone(), fields }
        };
        self.accounts.iter().map(access).collect()
    }

    fn worlds(&mut self) -> Vec<(String, &mut World)> {
        self.accounts.iter_mut().map(|account| (account.name.clone(), &mut account.world)).collect()
    }

    fn advance_to(&mut self, now: Timestamp) {
        for _ in 0..MAX_STEPS {
            if self.now >= now {
                break;
            }
            let next_hour = self.now.0.checked_div(HOUR).unwrap_or(0).saturating_add(1).saturating_mul(HOUR);
            let scheduled = self.accounts.iter().filter_map(|account| account.cancel_at).min();
            let next = Timestamp(next_hour).min(scheduled.unwrap_or(now)).min(now).max(self.now.after(ONE));
            for account in &mut self.accounts {
                account.world.advance_to(next);
            }
            self.now = next;
            if next.0 == next_hour {
                self.note_funding(next);
            }
            self.cancel_scheduled(next);
            self.sync();
        }
        for account in &mut self.accounts {
            account.world.advance_to(now);
        }
        self.now = self.now.max(now);
        self.sync();
    }

    fn set_price(&mut self, symbol: &Symbol, price: Price) -> Result<(), LocalnetError> {
        let scope = evenkeel_types::Scope::of([symbol.clone()]);
        for account in &mut self.accounts {
            let impossible = |text: &str| LocalnetError::Impossible(text.to_owned());
            let snapshot = account.world.peek(&scope).map_err(|error| impossible(error.message()))?;
            let instrument = snapshot.instruments.get(symbol).ok_or_else(|| impossible("no such market"))?;
            let quote = quote(&instrument.price_rule, price)?;
            account.world.set_quote(symbol, quote).map_err(|error| impossible(error.message()))?;
        }
        self.sync();
        Ok(())
    }

    fn set_funding(&mut self, symbol: &Symbol, rate: Rate) -> Result<(), LocalnetError> {
        for account in &mut self.accounts {
            let set = account.world.set_funding(symbol, rate);
            set.map_err(|error| LocalnetError::Impossible(error.message().to_owned()))?;
        }
        for market in self.markets.iter_mut().filter(|market| market.symbol == *symbol) {
            market.funding = rate;
        }
        Ok(())
    }

    fn deposit(&mut self, account: &str, amount: Usd) -> Result<(), LocalnetError> {
        let impossible = |text: &str| LocalnetError::Impossible(text.to_owned());
        let address = Address::parse(account);
        let meant = |found: &&mut Account| found.name == account || Some(found.address) == address;
        let found = self.accounts.iter_mut().find(meant);
        let found = found.ok_or_else(|| impossible("no such account"))?;
        found.world.add_funds(&pool()?, amount).map_err(|error| impossible(error.message()))?;
        let delta = if amount.is_negative() {
            json!({"type": "withdraw", "usdc": usd(amount.negated().get()), "nonce": self.now.0, "fee": "0.0"})
        } else {
            json!({"type": "deposit", "usdc": usd(amount.get())})
        };
        found.book(self.now, delta);
        self.sync();
        Ok(())
    }
}

const ONE: std::time::Duration = std::time::Duration::from_millis(1);
