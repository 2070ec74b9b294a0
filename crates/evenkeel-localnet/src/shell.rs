//! A venue on a socket of this machine. Everything that decides is in the venue and the gate; this waits and copies.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use bytes::Bytes;
use evenkeel_types::{Price, Scope, Symbol, Timestamp, Usd};
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::clock::{Clock, WallClock};
use crate::error::LocalnetError;
use crate::fault::FaultRule;
use crate::gate::{Gate, Verdict};
use crate::line::{self, Lines, Upgrade};
use crate::socket::{Scissors, Sockets};
use crate::stream::SocketId;
use crate::venue::{Blueprint, Venue};

/// The largest body that is read: far more than a batch of 200 orders, and a bound against mistakes.
const MAX_BODY: usize = 4 << 20;

/// A venue that listens on `127.0.0.1`, and the tester's hand on it. Stops when dropped.
pub struct Localnet<V: Venue> {
    shared: Arc<Shared<V>>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

pub(crate) struct Shared<V> {
    gate: Mutex<Gate<V>>,
    /// Locked after the gate, where both are.
    lines: Lines,
    clock: Arc<dyn Clock>,
    /// Milliseconds by which the tester moved time on, beyond the clock.
    ahead: AtomicU64,
    /// Milliseconds by which the venue's clock is wrong.
    skew: AtomicI64,
    ticked: Mutex<Instant>,
}

/// How much happened at a venue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Requests that were sent to it.
    pub requests: u64,
    /// Faults that struck.
    pub faults: u64,
    /// Orders that rest or wait, of all accounts.
    pub open_orders: u64,
    /// Sockets that are open.
    pub sockets: u64,
}

impl<V: Venue> fmt::Debug for Localnet<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Localnet").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<V: Venue> Localnet<V> {
    /// Starts a venue on a free port, on the time of this machine.
    ///
    /// # Errors
    /// [`LocalnetError`] when the description does not fit or there is no socket.
    pub async fn start<B: Blueprint<Venue = V>>(blueprint: B) -> Result<Self, LocalnetError> {
        Self::start_with(blueprint, Arc::new(WallClock), 0, 0).await
    }

    /// Starts a venue on a time of your own, with a seed for the faults, on a port (0: a free one).
    ///
    /// # Errors
    /// As [`Localnet::start`].
    pub async fn start_with<B: Blueprint<Venue = V>>(
        blueprint: B,
        clock: Arc<dyn Clock>,
        seed: u64,
        port: u16,
    ) -> Result<Self, LocalnetError> {
        let venue = blueprint.build_at(clock.now())?;
        // Nothing but this machine may ever reach it: the keys are known to everybody.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let gate = Mutex::new(Gate::new(venue, seed));
        let shared = Arc::new(Shared {
            gate,
            lines: Lines::default(),
            clock,
            ahead: AtomicU64::new(0),
            skew: AtomicI64::new(0),
            ticked: Mutex::new(Instant::now()),
        });
        let router = Router::new().fallback(answer::<V>).with_state(Arc::clone(&shared));
        let service = router.into_make_service_with_connect_info::<Scissors>();
        let task = tokio::spawn(async move {
            // It ends when the task is stopped; a listener that fails has nobody to tell.
            let _ended = axum::serve(Sockets(listener), service).await;
        });
        Ok(Self { shared, address, task })
    }

    /// What a client is to be told as the venue's address.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where its sockets are, without the venue's paths: the same port.
    #[must_use]
    pub fn socket_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Now, at the venue.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Does something with the venue: prices, money, questions about what really happened.
    pub fn with<T>(&self, act: impl FnOnce(&mut V) -> T) -> T {
        let mut gate = self.shared.gate();
        gate.venue_mut().advance_to(self.shared.now());
        let done = act(gate.venue_mut());
        self.shared.push(&mut gate);
        done
    }

    /// Lets time pass at the venue, beyond what its clock says.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let _before = self.shared.ahead.fetch_add(by, Ordering::SeqCst);
        self.with(|_| ());
    }

    /// From now on the venue's clock is wrong by this many milliseconds; below zero it is behind. What was done stays
    /// done: a clock that is set back stands still until its time has come again.
    pub fn set_skew(&self, milliseconds: i64) {
        self.shared.skew.store(milliseconds, Ordering::SeqCst);
        self.with(|_| ());
    }

    /// Sets a mark price for all accounts.
    ///
    /// # Errors
    /// As [`Venue::set_price`]; [`LocalnetError::Number`] and [`LocalnetError::Name`] for what is none.
    pub fn set_price(&self, symbol: &str, price: &str) -> Result<(), LocalnetError> {
        let (symbol, price): (Symbol, Price) = (symbol.parse()?, price.parse()?);
        self.with(|venue| venue.set_price(&symbol, price))
    }

    /// Puts money into an account, or takes it out (below zero).
    ///
    /// # Errors
    /// As [`Venue::deposit`]; [`LocalnetError::Number`] for what is none.
    pub fn deposit(&self, account: &str, amount: &str) -> Result<(), LocalnetError> {
        let amount: Usd = amount.parse()?;
        self.with(|venue| venue.deposit(account, amount))
    }

    /// Whether a rule is about a call, an account and a symbol that there are: one that is not would never strike, and the test
    /// that it was made for would pass. The names of what is pushed, paths and counts are not looked at.
    ///
    /// # Errors
    /// [`LocalnetError::Impossible`], with the names that there are.
    pub fn can_strike(&self, rule: &FaultRule) -> Result<(), LocalnetError> {
        let calls: BTreeSet<&str> = V::calls().into_iter().collect();
        let call = rule.call.as_deref().filter(|name| {
            !rule.fault.is_of_sockets()
                && !name.starts_with('/')
                && !calls.is_empty()
                && !calls.contains(name)
        });
        if let Some(name) = call {
            let known = Vec::from_iter(calls).join(", ");
            return Err(LocalnetError::Impossible(format!("`on`: no call is named `{name}`: {known}")));
        }
        if let Some(symbol) = rule.symbol.as_ref().filter(|symbol| !self.lists(symbol)) {
            return Err(LocalnetError::Impossible(format!("`symbol`: {symbol} is not listed here")));
        }
        let names: Vec<String> = self.with(|venue| venue.accounts().into_iter().map(|a| a.name).collect());
        if let Some(name) = rule.account.as_ref().filter(|name| !names.contains(name)) {
            let known = names.join(", ");
            return Err(LocalnetError::Impossible(format!("`account`: nobody is called `{name}`: {known}")));
        }
        Ok(())
    }

    fn lists(&self, symbol: &Symbol) -> bool {
        let scope = Scope::of([symbol.clone()]);
        self.with(|venue| venue.worlds().first().is_some_and(|(_, world)| world.peek(&scope).is_ok()))
    }

    /// From now on these faults strike too. [`Localnet::can_strike`] finds names that there are not.
    pub fn inject(&self, rules: impl IntoIterator<Item = FaultRule>) {
        self.shared.gate().inject(rules);
    }

    /// The rules, and how often each struck.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultRule> {
        self.shared.gate().rules().to_vec()
    }

    /// How much happened.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut gate = self.shared.gate();
        let (requests, faults) = (gate.requests(), gate.struck());
        let sockets = u64::try_from(gate.sockets()).unwrap_or(u64::MAX);
        let worlds = gate.venue_mut().worlds();
        let open: usize = worlds.iter().map(|(_, world)| world.live_orders().count()).sum();
        Counts { requests, faults, open_orders: u64::try_from(open).unwrap_or(u64::MAX), sockets }
    }

    /// From now on the line is perfect.
    pub fn clear_faults(&self) {
        self.shared.gate().clear();
    }
}

impl<V: Venue> Drop for Localnet<V> {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.lines.cut_all();
    }
}

impl<V: Venue> Shared<V> {
    fn gate(&self) -> MutexGuard<'_, Gate<V>> {
        // A venue replaces its state whole, so a poisoned lock still guards a consistent one.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        let now = self.clock.now().after(Duration::from_millis(self.ahead.load(Ordering::SeqCst)));
        Timestamp(now.0.saturating_add_signed(self.skew.load(Ordering::SeqCst)))
    }

    fn deliver(&self, request: http::Request<Bytes>, verdict: Verdict) -> Option<http::Response<Bytes>> {
        let now = self.now();
        let mut gate = self.gate();
        let answer = gate.deliver(now, request, verdict);
        self.push(&mut gate);
        answer
    }

    fn open(
        self: &Arc<Self>,
        request: http::Request<Bytes>,
        verdict: Verdict,
        upgrade: Upgrade,
    ) -> Option<http::Response<Bytes>> {
        let now = self.now();
        let mut gate = self.gate();
        match gate.open(now, request, verdict)? {
            Err(refusal) => Some(refusal),
            Ok(socket) => {
                let answer = upgrade.answer();
                self.lines.add(socket, |frames| line::converse(Arc::clone(self), socket, upgrade, frames));
                self.push(&mut gate);
                Some(answer)
            }
        }
    }

    pub(crate) fn hear(&self, socket: SocketId, text: &str) {
        let now = self.now();
        let mut gate = self.gate();
        gate.hear(now, socket, text);
        self.push(&mut gate);
    }

    pub(crate) fn hang_up(&self, socket: SocketId) {
        let mut gate = self.gate();
        gate.close(socket);
        self.lines.remove(socket);
    }

    /// Time passes at the venue though nobody asks. Every open line says so; once is enough.
    pub(crate) fn tick(&self) {
        {
            let mut ticked = self.ticked.lock().unwrap_or_else(PoisonError::into_inner);
            if ticked.elapsed() < line::TICK {
                return;
            }
            *ticked = Instant::now();
        }
        let now = self.now();
        let mut gate = self.gate();
        gate.venue_mut().advance_to(now);
        self.push(&mut gate);
    }

    /// Hands out what there is to say after anything happened.
    fn push(&self, gate: &mut Gate<V>) {
        for sent in gate.pushes() {
            let socket = sent.socket;
            if !self.lines.send(sent) {
                gate.close(socket);
            }
        }
    }
}

async fn answer<V: Venue>(
    State(shared): State<Arc<Shared<V>>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response {
    let mut request = request;
    let upgrade = Upgrade::of(&mut request);
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return status(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let request = http::Request::from_parts(parts, body);
    let verdict = shared.gate().judge(&request);
    // In a task of its own: what is under way arrives, whether its sender still waits or not.
    let delivered = tokio::spawn(async move {
        wait(verdict.arrives_after).await;
        let answered_after = verdict.answered_after;
        let answer = match upgrade {
            Some(upgrade) => shared.open(request, verdict, upgrade),
            None => shared.deliver(request, verdict),
        };
        wait(answered_after).await;
        answer
    });
    match delivered.await {
        Ok(Some(response)) => response.map(Body::from),
        Ok(None) => {
            scissors.cut();
            status(StatusCode::SERVICE_UNAVAILABLE)
        }
        Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A delay on the line takes real time, whatever the venue's clock shows: there is a real client behind the socket.
#[allow(clippy::disallowed_methods, reason = "the line's own delay, not a wait of the library")]
pub(crate) async fn wait(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
