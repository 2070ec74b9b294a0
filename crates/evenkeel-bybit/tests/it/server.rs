//! A scripted venue without sockets: it has an account, checks every signature, keeps what it was asked, and answers writes
//! by a script. Its clock is virtual: nothing here waits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_bybit::{Builder, Bybit, Credentials, Environment};
use evenkeel_exchange::{Clock, async_trait};
use evenkeel_http::{HmacKey, Secret, Transport, TransportError, TransportErrorKind};
use evenkeel_types::Timestamp;
use serde_json::{Value, json};

pub(crate) const KEY: &str = "CANARYkey0123456789";
pub(crate) const SECRET: &str = "CANARYsecret9876543210abcdef";

/// A clock that runs by being looked at, and sleeps by being set.
#[derive(Debug)]
pub(crate) struct Virtual(AtomicU64);

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::SeqCst))
    }

    async fn sleep(&self, wait: Duration) {
        self.0.fetch_add(u64::try_from(wait.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

/// What comes back.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    Answer(u16, Vec<u8>),
    WithHeaders(u16, Vec<u8>, Vec<(&'static str, String)>),
    Error(TransportErrorKind),
}

pub(crate) fn answer(value: &Value) -> Fate {
    Fate::Answer(200, value.to_string().into_bytes())
}

pub(crate) fn refused(code: i64, text: &str) -> Fate {
    answer(&json!({"retCode": code, "retMsg": text, "result": {}, "retExtInfo": {}, "time": 0}))
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) body: Value,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) raw_query: String,
}

impl Asked {
    pub(crate) fn is_write(&self) -> bool {
        !self.body.is_null()
    }
}

#[derive(Debug)]
pub(crate) struct World {
    /// By path, by path and symbol (`/v5/position/list BTCUSDT`), or by path and cursor (`/v5/position/list @c2`): answers
    /// instead of the usual ones.
    pub(crate) special: BTreeMap<String, Fate>,
    /// For writes, one after the other; then everything is accepted.
    pub(crate) writes: VecDeque<Fate>,
    /// By path: how long an answer takes, in milliseconds.
    pub(crate) slow: BTreeMap<&'static str, u64>,
    /// Fifty markets more.
    pub(crate) many: bool,
    pub(crate) log: Vec<Asked>,
    pub(crate) status: u64,
    pub(crate) margin_mode: &'static str,
    pub(crate) hedge: bool,
    /// Symbol, positionIdx, signed size, entry.
    pub(crate) held: Vec<(&'static str, u8, &'static str, &'static str)>,
    pub(crate) leverage: BTreeMap<&'static str, (&'static str, &'static str)>,
    pub(crate) orders: Vec<Value>,
    pub(crate) history: Vec<Value>,
    pub(crate) wallet: Value,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) clock: Arc<Virtual>,
    world: Mutex<World>,
    host: u64,
    /// By how much its clock is behind ours.
    behind: AtomicU64,
    /// Requests that are under way, and how often they were none before one came.
    waves: Mutex<(usize, usize)>,
}

/// Every server has an address of its own: connectors to one share its limits.
static HOSTS: AtomicU64 = AtomicU64::new(0);

/// Symbol, mark, tick, lot.
const MARKETS: &[(&str, &str, &str, &str)] = &[
    ("ADAUSDT", "0.6000", "0.0001", "1"),
    ("BTCUSDT", "60000.00", "0.10", "0.001"),
    ("DOGEUSDT", "0.14235", "0.00001", "1"),
    ("ETHUSDT", "2500.00", "0.01", "0.01"),
    ("LTCUSDT", "60.00", "0.01", "0.1"),
    ("SOLUSDT", "150.000", "0.010", "0.1"),
];

static MANY: std::sync::LazyLock<Vec<(&str, &str, &str, &str)>> = std::sync::LazyLock::new(|| {
    many().map(|symbol| (&*Box::leak(symbol.into_boxed_str()), "150.000", "0.010", "0.1")).collect()
});

/// Fifty markets.
pub(crate) fn many() -> impl Iterator<Item = String> {
    (10..60).map(|number| format!("M{number}USDT"))
}

pub(crate) fn instrument(symbol: &str, tick: &str, lot: &str, settle: &str) -> Value {
    json!({
        "symbol": symbol, "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "X",
        "quoteCoin": settle, "settleCoin": settle, "fundingInterval": 480, "isPreListing": false,
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": "1999999.80", "tickSize": tick},
        "lotSizeFilter": {"maxOrderQty": "1190.000", "minOrderQty": lot, "qtyStep": lot,
            "maxMktOrderQty": "500.000", "minNotionalValue": "5"},
    })
}

pub(crate) fn wallet(coin: &Value) -> Value {
    json!({
        "accountType": "UNIFIED", "totalEquity": "1000", "totalWalletBalance": "1000",
        "totalMarginBalance": "1000", "totalAvailableBalance": "900", "totalPerpUPL": "0",
        "totalInitialMargin": "100", "totalMaintenanceMargin": "5", "coin": [coin],
    })
}

pub(crate) fn usdt(wallet: &str, position_margin: &str, order_margin: &str, profit: &str) -> Value {
    json!({
        "coin": "USDT", "equity": wallet, "walletBalance": wallet, "locked": "0", "bonus": "0",
        "borrowAmount": "0", "unrealisedPnl": profit, "totalOrderIM": order_margin,
        "totalPositionIM": position_margin, "totalPositionMM": "0",
    })
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(&Secret::from(KEY.to_owned()), &Secret::from(SECRET.to_owned())).unwrap()
}

impl Server {
    /// A unified account in cross margin with 1 000 USDT that holds nothing.
    pub(crate) fn start() -> Arc<Self> {
        let leverage = MARKETS.iter().map(|(symbol, ..)| (*symbol, ("10", "10"))).collect();
        let world = World {
            special: BTreeMap::new(),
            writes: VecDeque::new(),
            slow: BTreeMap::new(),
            many: false,
            log: Vec::new(),
            status: 5,
            margin_mode: "REGULAR_MARGIN",
            hedge: false,
            held: Vec::new(),
            leverage,
            orders: Vec::new(),
            history: Vec::new(),
            wallet: wallet(&usdt("1000", "0", "0", "0")),
        };
        Arc::new(Self {
            clock: Arc::new(Virtual(AtomicU64::new(1_790_000_000_000))),
            world: Mutex::new(world),
            host: HOSTS.fetch_add(1, Ordering::SeqCst),
            behind: AtomicU64::new(0),
            waves: Mutex::default(),
        })
    }

    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.world.lock().unwrap())
    }

    pub(crate) fn special(&self, path: &str, fate: Fate) {
        self.with(|world| world.special.insert(path.to_owned(), fate));
    }

    pub(crate) fn next(&self, fate: Fate) {
        self.with(|world| world.writes.push_back(fate));
    }

    /// What was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.with(|world| std::mem::take(&mut world.log))
    }

    /// How many rounds of requests there were since the last look: requests that wait for nobody's answer are one.
    pub(crate) fn rounds(&self) -> usize {
        std::mem::take(&mut self.waves.lock().unwrap().1)
    }

    /// By what its address is called where limits are kept.
    pub(crate) fn address(&self) -> String {
        format!("host{}.test/address", self.host)
    }

    /// The writes among it.
    pub(crate) fn written(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(Asked::is_write).collect()
    }

    pub(crate) fn builder(self: &Arc<Self>) -> Builder {
        Bybit::builder()
            .environment(Environment::Testnet)
            .credentials(credentials())
            .base_url(format!("https://host{}.test", self.host))
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .transport(Arc::clone(self) as Arc<dyn Transport>)
    }

    pub(crate) fn venue(self: &Arc<Self>) -> Bybit {
        self.builder().build().unwrap()
    }

    fn now(&self) -> u64 {
        self.clock.0.load(Ordering::SeqCst) - self.behind.load(Ordering::SeqCst)
    }

    /// Sets our clock forward, and not the venue's.
    pub(crate) fn step(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap();
        self.behind.fetch_add(by, Ordering::SeqCst);
        self.clock.0.fetch_add(by, Ordering::SeqCst);
    }

    fn ok(&self, result: &Value) -> Fate {
        answer(&json!({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.now()}))
    }

    fn list(&self, rows: &[Value]) -> Fate {
        self.ok(&json!({"category": "linear", "list": rows, "nextPageCursor": ""}))
    }

    fn reply(&self, asked: &Asked) -> Fate {
        let world = &mut *self.world.lock().unwrap();
        world.log.push(asked.clone());
        let of = asked.query.get("symbol").cloned();
        if let Some(millis) = world.slow.get(asked.path.as_str()) {
            self.clock.0.fetch_add(*millis, Ordering::SeqCst);
        }
        if asked.is_write() {
            return world.writes.pop_front().unwrap_or_else(|| self.accepted(asked));
        }
        if let Some(cursor) = asked.query.get("cursor")
            && let Some(fate) = world.special.get(&format!("{} @{cursor}", asked.path))
        {
            return fate.clone();
        }
        let exact = of.as_ref().and_then(|symbol| world.special.get(&format!("{} {symbol}", asked.path)));
        if let Some(fate) = exact.or_else(|| world.special.get(&asked.path)) {
            return fate.clone();
        }
        let many = world.many;
        let all = || MARKETS.iter().chain(if many { MANY.as_slice() } else { &[] });
        let known = |symbol: &str| all().any(|(known, ..)| *known == symbol);
        let named = |symbol: &Option<String>, row: &str| symbol.as_deref().is_none_or(|symbol| symbol == row);
        if of.as_deref().is_some_and(|symbol| !known(symbol) && symbol != "BTCPERP") {
            return refused(10001, "params error: symbol invalid");
        }
        let marks = || all().filter(|(symbol, ..)| named(&of, symbol));
        match asked.path.as_str() {
            "/v5/market/time" => {
                let now = self.now();
                let (second, nano) = ((now / 1000).to_string(), format!("{now}000000"));
                self.ok(&json!({"timeSecond": second, "timeNano": nano}))
            }
            "/v5/market/instruments-info" => {
                let rows = marks().map(|(symbol, _, tick, lot)| instrument(symbol, tick, lot, "USDT"));
                let mut rows: Vec<Value> = rows.collect();
                if named(&of, "BTCPERP") {
                    rows.push(instrument("BTCPERP", "0.1", "0.001", "USDC"));
                }
                self.list(&rows)
            }
            "/v5/market/risk-limit" => {
                let symbols: Vec<&str> = all().map(|(symbol, ..)| *symbol).collect();
                self.risk_limits(asked, &of, &symbols)
            }
            "/v5/market/tickers" => {
                let rows = marks().map(|(symbol, mark, ..)| {
                    json!({
                        "symbol": symbol, "markPrice": mark, "indexPrice": mark, "bid1Price": mark, "ask1Price": mark,
                        "fundingRate": "0.0001", "nextFundingTime": (self.now() + 3_600_000).to_string(),
                        "fundingIntervalHour": "8",
                    })
                });
                self.list(&rows.collect::<Vec<_>>())
            }
            "/v5/market/funding/history" | "/v5/execution/list" | "/v5/account/transaction-log" => {
                self.list(&[])
            }
            "/v5/account/info" => {
                self.ok(&json!({"unifiedMarginStatus": world.status, "marginMode": world.margin_mode}))
            }
            "/v5/account/wallet-balance" => self.ok(&json!({"list": [world.wallet.clone()]})),
            "/v5/account/fee-rate" => {
                let rows = marks().map(|(symbol, ..)| {
                    json!({"symbol": symbol, "takerFeeRate": "0.00055", "makerFeeRate": "0.0002"})
                });
                self.list(&rows.collect::<Vec<_>>())
            }
            "/v5/position/list" => self.list(&positions(world, of.as_deref())),
            "/v5/order/realtime" => self.list(&orders(&world.orders, asked)),
            "/v5/order/history" => self.list(&orders(&world.history, asked)),
            other => panic!("nobody scripted {other}"),
        }
    }

    /// Two symbols in an answer, as the venue has fifteen.
    fn risk_limits(&self, asked: &Asked, of: &Option<String>, symbols: &[&str]) -> Fate {
        let start: usize = asked.query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
        let page: Vec<&str> = match of {
            Some(symbol) => symbols.iter().filter(|known| *known == symbol).copied().collect(),
            None => symbols.iter().skip(start).take(2).copied().collect(),
        };
        let next =
            if of.is_none() && start + 2 < symbols.len() { (start + 2).to_string() } else { String::new() };
        let rows: Vec<Value> = page
            .iter()
            .flat_map(|symbol| {
                [
                    json!({"id": 1, "symbol": symbol, "riskLimitValue": "2000000", "maintenanceMargin": "0.005",
                        "initialMargin": "0.01", "isLowestRisk": 1, "maxLeverage": "100.00", "mmDeduction": ""}),
                    json!({"id": 2, "symbol": symbol, "riskLimitValue": "2600000", "maintenanceMargin": "0.0056",
                        "initialMargin": "0.0111", "isLowestRisk": 0, "maxLeverage": "90.00", "mmDeduction": "1200"}),
                ]
            })
            .collect();
        self.ok(&json!({"category": "linear", "list": rows, "nextPageCursor": next}))
    }

    /// What the venue answers when everything goes well.
    fn accepted(&self, asked: &Asked) -> Fate {
        let taken = |order: &Value| {
            let (id, link) = (order["orderId"].as_str(), order["orderLinkId"].as_str());
            let id = id.map_or_else(|| format!("v-{}", link.unwrap_or_default()), str::to_owned);
            json!({"orderId": id, "orderLinkId": link.unwrap_or_default()})
        };
        match asked.path.as_str() {
            "/v5/order/create" | "/v5/order/cancel" => self.ok(&taken(&asked.body)),
            "/v5/order/create-batch" => {
                let orders: Vec<Value> =
                    asked.body["request"].as_array().unwrap().iter().map(taken).collect();
                let said: Vec<Value> = orders.iter().map(|_| json!({"code": 0, "msg": "OK"})).collect();
                answer(&json!({"retCode": 0, "retMsg": "OK", "result": {"list": orders},
                    "retExtInfo": {"list": said}, "time": self.now()}))
            }
            "/v5/order/cancel-all" => self.ok(&json!({"list": [], "success": "1"})),
            "/v5/account/set-margin-mode" => self.ok(&json!({"reasons": []})),
            _ => self.ok(&json!({})),
        }
    }
}

fn positions(world: &World, of: Option<&str>) -> Vec<Value> {
    let row = |symbol: &str, index: u8, size: &str, entry: &str| {
        let mark = MARKETS.iter().find(|(known, ..)| *known == symbol).map_or("1", |(_, mark, ..)| *mark);
        let (long, short) = world.leverage.get(symbol).copied().unwrap_or(("10", "10"));
        let qty = crate::support::d(size);
        let side = if qty.is_zero() {
            ""
        } else if qty.is_sign_negative() {
            "Sell"
        } else {
            "Buy"
        };
        let (leverage, mark_value) = (if index == 2 { short } else { long }, crate::support::d(mark));
        let profit = if qty.is_zero() { qty } else { qty * (mark_value - crate::support::d(entry)) };
        let margin = qty.abs() * mark_value / crate::support::d(leverage);
        json!({
            "symbol": symbol, "positionIdx": index, "side": side, "size": qty.abs().to_string(), "avgPrice": entry,
            "markPrice": mark, "leverage": leverage, "liqPrice": "", "positionIM": margin.normalize().to_string(),
            "positionMM": "0", "unrealisedPnl": profit.normalize().to_string(), "isReduceOnly": false,
            "positionStatus": "Normal", "tradeMode": 0, "seq": 5_723_621_632_u64,
        })
    };
    let held = |symbol: &str, index: u8| {
        let found = world.held.iter().find(|(of, at, ..)| *of == symbol && *at == index);
        found.map_or_else(
            || row(symbol, index, "0", ""),
            |(_, _, size, entry)| row(symbol, index, size, entry),
        )
    };
    match of {
        Some(symbol) if world.hedge => vec![held(symbol, 1), held(symbol, 2)],
        Some(symbol) => vec![held(symbol, 0)],
        None => {
            world.held.iter().map(|(symbol, index, size, entry)| row(symbol, *index, size, entry)).collect()
        }
    }
}

fn orders(all: &[Value], asked: &Asked) -> Vec<Value> {
    let fits = |order: &&Value| {
        ["orderLinkId", "orderId", "symbol"]
            .iter()
            .all(|name| asked.query.get(*name).is_none_or(|wanted| order[*name] == wanted.as_str()))
    };
    all.iter().filter(fits).cloned().collect()
}

/// An order as the venue shows it.
pub(crate) fn order(number: u8, of: &str, side: &str, qty: &str, filled: &str, status: &str) -> Value {
    json!({
        "orderId": format!("v-{}", crate::support::id(number)), "orderLinkId": crate::support::id(number).to_string(),
        "symbol": of, "side": side, "positionIdx": 0, "orderType": "Limit", "timeInForce": "GTC", "price": "100.00",
        "qty": qty, "orderStatus": status, "cancelType": "UNKNOWN", "rejectReason": "EC_NoError", "avgPrice": "",
        "leavesQty": "0", "cumExecQty": filled, "cumExecFee": "0", "cumFeeDetail": {}, "stopOrderType": "",
        "triggerPrice": "", "triggerDirection": 0, "reduceOnly": false, "closeOnTrigger": false,
        "createdTime": "1790000000000", "updatedTime": "1790000000000",
    })
}

#[async_trait]
impl Transport for Server {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        {
            let (open, rounds) = &mut *self.waves.lock().unwrap();
            *rounds += usize::from(*open == 0);
            *open += 1;
        }
        // Whoever can ask without an answer to this one has its turn before it.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        let answer = self.answered(&request);
        self.waves.lock().unwrap().0 -= 1;
        answer
    }
}

/// The same over real sockets.
#[derive(Debug)]
pub(crate) struct OverHttp(pub(crate) Arc<Server>);

impl wiremock::Respond for OverHttp {
    fn respond(&self, request: &wiremock::Request) -> wiremock::ResponseTemplate {
        let mut same = http::Request::builder().method(request.method.as_str()).uri(request.url.as_str());
        for (name, value) in &request.headers {
            same = same.header(name.as_str(), value.as_bytes());
        }
        let same = same.body(Bytes::from(request.body.clone())).unwrap();
        let answer = self.0.answered(&same).expect("no broken connections here");
        wiremock::ResponseTemplate::new(answer.status().as_u16()).set_body_bytes(answer.into_body().to_vec())
    }
}

impl Server {
    fn answered(&self, request: &http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let raw_query = request.uri().query().unwrap_or_default().to_owned();
        let pairs = raw_query.split('&').filter(|pair| !pair.is_empty());
        let query =
            pairs.map(|pair| pair.split_once('=').unwrap()).map(|(k, v)| (k.to_owned(), v.to_owned()));
        let is_post = request.method() == http::Method::POST;
        assert_eq!(is_post, !request.body().is_empty(), "a GET has no body, a POST has one");
        let headers = request.headers().iter();
        let asked = Asked {
            path: request.uri().path().to_owned(),
            query: query.collect(),
            body: if is_post { serde_json::from_slice(request.body()).unwrap() } else { Value::Null },
            headers: headers.map(|(k, v)| (k.to_string(), v.to_str().unwrap().to_owned())).collect(),
            raw_query: raw_query.clone(),
        };
        self.check_signature(request, &raw_query);
        let (status, body, headers) = match self.reply(&asked) {
            Fate::Answer(status, body) => (status, body, Vec::new()),
            Fate::WithHeaders(status, body, headers) => (status, body, headers),
            Fate::Error(kind) => return Err(TransportError::new(kind, "scripted")),
        };
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        Ok(response.body(body.into()).unwrap())
    }

    fn check_signature(&self, request: &http::Request<Bytes>, query: &str) {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        if request.uri().path().starts_with("/v5/market/") {
            assert!(header("x-bapi-sign").is_none(), "public calls are not signed");
            return;
        }
        let (time, window) = (header("x-bapi-timestamp").unwrap(), header("x-bapi-recv-window").unwrap());
        let rest = if request.body().is_empty() { query.as_bytes() } else { request.body().as_ref() };
        let mut signed = format!("{time}{KEY}{window}").into_bytes();
        signed.extend_from_slice(rest);
        let expected = HmacKey::new(&Secret::from(SECRET.to_owned())).sign_hex(&signed);
        assert_eq!(header("x-bapi-sign").unwrap(), expected);
        assert_eq!(header("x-bapi-api-key").unwrap(), KEY);
        let (time, window, now) = (time.parse::<u64>().unwrap(), window.parse::<u64>().unwrap(), self.now());
        assert!(time < now + 1000 && now - window.min(now) <= time, "the time is {time}, now {now}");
    }
}
