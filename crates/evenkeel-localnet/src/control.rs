//! The tester's hand over HTTP: one address for all venues of a process, apart from their own.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use evenkeel_types::{Price, Rate, Symbol, Usd};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::answer;
use crate::error::LocalnetError;
use crate::fault::FaultRule;
use crate::shell::{Counts, Localnet};
use crate::venue::{Access, Venue};

/// The largest command that is read: some hundred rules.
const MAX_COMMAND: usize = 1 << 20;
/// The furthest step in time: ten years. More is a slip of the keyboard.
const MAX_ADVANCE_MS: u64 = 10 * 365 * 24 * 3_600_000;

/// What a tester can do with any venue, whichever it is: what [`Localnet`] offers, as an object.
pub trait Hand: Send + Sync + fmt::Debug {
    /// As [`Localnet::base_url`].
    fn base_url(&self) -> String;

    /// As [`Venue::accounts`].
    fn accounts(&self) -> Vec<Access>;

    /// As [`Localnet::counts`].
    fn counts(&self) -> Counts;

    /// As [`Localnet::inject`].
    fn inject(&self, rules: Vec<FaultRule>);

    /// As [`Localnet::set_price`].
    ///
    /// # Errors
    /// As there.
    fn set_price(&self, symbol: &str, price: &str) -> Result<(), LocalnetError>;

    /// What is there: address, time, accounts, and how much happened.
    fn status(&self) -> Value;

    /// Answers `method /what?account=…` with this body.
    ///
    /// # Errors
    /// [`Refusal`], in words.
    fn obey(&self, method: &Method, what: &str, account: Option<&str>, body: &[u8])
    -> Result<Value, Refusal>;
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Refusal {
    /// 400, 404 or 405.
    pub status: StatusCode,
    /// Which field, what was found, what is allowed.
    pub why: String,
}

impl Refusal {
    fn bad(why: impl fmt::Display) -> Self {
        Self { status: StatusCode::BAD_REQUEST, why: why.to_string() }
    }
}

impl From<LocalnetError> for Refusal {
    fn from(error: LocalnetError) -> Self {
        // What is wrong with a number or a name is told by the cause.
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Self::bad(cause.unwrap_or_else(|| error.to_string()))
    }
}

/// The control endpoint, on `127.0.0.1` and nowhere else. Stops when dropped.
#[derive(Debug)]
pub struct Control {
    address: SocketAddr,
    task: JoinHandle<()>,
}

type Venues = Arc<BTreeMap<String, Arc<dyn Hand>>>;

impl Control {
    /// Starts it on a port (0: a free one), for these venues by name.
    ///
    /// # Errors
    /// [`LocalnetError::Socket`].
    pub async fn start(venues: BTreeMap<String, Arc<dyn Hand>>, port: u16) -> Result<Self, LocalnetError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(command).with_state(Arc::new(venues));
        let task = tokio::spawn(async move {
            // It ends when the task is stopped; a listener that fails has nobody to tell.
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn command(State(venues): State<Venues>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // A page in a browser can send such commands too, and says then where it comes from: it is not the tester.
    let from_a_page = parts.headers.contains_key(http::header::ORIGIN);
    let outcome = match to_bytes(body, MAX_COMMAND).await {
        Ok(_) if from_a_page => Err(Refusal {
            status: StatusCode::FORBIDDEN,
            why: "commands come from programs, not from pages in a browser (`Origin`)".to_owned(),
        }),
        Ok(body) => route(&venues, &parts.method, &parts.uri, &body),
        Err(_) => Err(Refusal::bad(format!("a command has at most {MAX_COMMAND} bytes"))),
    };
    let answer = match outcome {
        Ok(value) => answer::json(StatusCode::OK, &value),
        Err(refusal) => answer::json(refusal.status, &json!({"error": refusal.why})),
    };
    answer.map(Body::from)
}

fn route(venues: &Venues, method: &Method, uri: &http::Uri, body: &[u8]) -> Result<Value, Refusal> {
    let mut parts = uri.path().trim_matches('/').splitn(2, '/');
    let (name, what) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if name.is_empty() {
        let all = venues.iter().map(|(name, hand)| (name.clone(), hand.status()));
        return Ok(Value::Object(all.collect()));
    }
    let Some(hand) = venues.get(name) else {
        let known: Vec<&str> = venues.keys().map(String::as_str).collect();
        return Err(Refusal {
            status: StatusCode::NOT_FOUND,
            why: format!("no venue is called `{name}`: {}", known.join(", ")),
        });
    };
    let mut account = None;
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("account", name)) => account = Some(name),
            _ => return Err(Refusal::bad(format!("`{pair}`: the only parameter is account=NAME"))),
        }
    }
    hand.obey(method, what, account, body)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceOf {
    symbol: Symbol,
    price: Price,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateOf {
    symbol: Symbol,
    rate: Rate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Money {
    account: String,
    amount: Usd,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ahead {
    #[serde(default)]
    seconds: u64,
    #[serde(default)]
    ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Skew {
    ms: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Value>),
    One(Value),
}

impl<V: Venue> Hand for Localnet<V> {
    fn base_url(&self) -> String {
        Self::base_url(self)
    }

    fn accounts(&self) -> Vec<Access> {
        self.with(|venue| venue.accounts())
    }

    fn counts(&self) -> Counts {
        Self::counts(self)
    }

    fn inject(&self, rules: Vec<FaultRule>) {
        Self::inject(self, rules);
    }

    fn set_price(&self, symbol: &str, price: &str) -> Result<(), LocalnetError> {
        Self::set_price(self, symbol, price)
    }

    fn status(&self) -> Value {
        let counts = Self::counts(self);
        json!({
            "url": Self::base_url(self),
            "now": self.now().0,
            "requests": counts.requests,
            "faults": counts.faults,
            "open_orders": counts.open_orders,
            "sockets": counts.sockets,
            "accounts": Hand::accounts(self),
        })
    }

    fn obey(
        &self,
        method: &Method,
        what: &str,
        account: Option<&str>,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        match (method.as_str(), what) {
            ("GET", "") => {}
            ("POST", "price") => {
                let PriceOf { symbol, price } = read(body)?;
                self.with(|venue| venue.set_price(&symbol, price))?;
            }
            ("POST", "funding") => {
                let RateOf { symbol, rate } = read(body)?;
                self.with(|venue| venue.set_funding(&symbol, rate))?;
            }
            ("POST", "deposit") => {
                let Money { account, amount } = read(body)?;
                self.with(|venue| venue.deposit(&account, amount))?;
            }
            ("POST", "advance") => {
                let Ahead { seconds, ms } = read(body)?;
                let ms = seconds.saturating_mul(1000).saturating_add(ms);
                if ms == 0 {
                    return Err(Refusal::bad("say by how much: `seconds`, `ms` or both"));
                }
                if ms > MAX_ADVANCE_MS {
                    return Err(Refusal::bad("time goes on by at most ten years at once"));
                }
                self.advance(Duration::from_millis(ms));
            }
            ("POST", "skew") => self.set_skew(read::<Skew>(body)?.ms),
            ("GET", "faults") => return Ok(json!(self.faults())),
            ("POST", "faults") => {
                let rules = match read(body)? {
                    OneOrMany::Many(rules) => rules,
                    OneOrMany::One(rule) => vec![rule],
                };
                // All of them, or none.
                let rules: Result<Vec<FaultRule>, _> =
                    rules.into_iter().map(serde_json::from_value).collect();
                let rules = rules.map_err(Refusal::bad)?;
                rules.iter().try_for_each(|rule| self.can_strike(rule))?;
                Self::inject(self, rules);
                return Ok(json!(self.faults()));
            }
            ("DELETE", "faults") => self.clear_faults(),
            ("GET", "orders") => return self.orders_of(account),
            ("GET", "positions") => return self.positions_of(account),
            (_, "" | "orders" | "positions") => return Err(not_allowed("GET")),
            (_, "faults") => return Err(not_allowed("GET, POST and DELETE")),
            (_, "price" | "funding" | "deposit" | "advance" | "skew") => return Err(not_allowed("POST")),
            _ => {
                return Err(Refusal {
                    status: StatusCode::NOT_FOUND,
                    why: format!(
                        "no command is called `{what}`: price, funding, deposit, advance, skew, faults, orders, positions"
                    ),
                });
            }
        }
        Ok(self.status())
    }
}

fn not_allowed(allowed: &str) -> Refusal {
    Refusal { status: StatusCode::METHOD_NOT_ALLOWED, why: format!("this is asked for with {allowed}") }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(Refusal::bad)
}
