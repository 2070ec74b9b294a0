//! A scripted venue behind the transport port: it checks every signature, answers by path, and keeps what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_binance::{Binance, Builder, Credentials, Environment};
use evenkeel_exchange::{Clock, async_trait};
use evenkeel_http::{HmacKey, Transport, TransportError, TransportErrorKind};
use evenkeel_types::Timestamp;
use serde_json::{Value, json};

pub(crate) const KEY: &str = "canary0api0key0of0tests0vmPUZE6mv9SD5VNHk4";
pub(crate) const SECRET: &str = "canary0secret0of0tests0NhqPtmdSJYdKjVHjA7P";
/// The venue's time at the beginning; ours is 300 ms behind it.
pub(crate) const START: u64 = 1_796_000_000_000;

const DAY: u64 = 86_400_000;

/// A clock that runs by being looked at, and sleeps by being set: nothing here waits.
#[derive(Debug)]
pub(crate) struct Virtual(AtomicU64, AtomicU64);

impl Virtual {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(START - 300), AtomicU64::new(300)))
    }

    pub(crate) fn pass(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn now_for_test(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// From now on ours is so much ahead of the venue's.
    pub(crate) fn run_ahead(&self, millis: u64) {
        self.1.store(0_u64.wrapping_sub(millis), Ordering::SeqCst);
    }

    fn venue(&self) -> u64 {
        self.0.load(Ordering::SeqCst).wrapping_add(self.1.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::SeqCst))
    }

    async fn sleep(&self, wait: Duration) {
        self.pass(u64::try_from(wait.as_millis()).unwrap());
    }
}

/// What comes back.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    Answer(u16, Vec<u8>, Vec<(&'static str, String)>),
    Error(TransportErrorKind),
}

impl Fate {
    #[allow(clippy::needless_pass_by_value, reason = "it is always given a literal")]
    pub(crate) fn json(value: Value) -> Self {
        Self::answer(200, &value.to_string())
    }

    pub(crate) fn answer(status: u16, body: &str) -> Self {
        Self::Answer(status, body.as_bytes().to_vec(), Vec::new())
    }

    pub(crate) fn code(code: i64, text: &str) -> Self {
        Self::answer(400, &json!({"code": code, "msg": text}).to_string())
    }

    pub(crate) fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Fate::Answer(status, body, mut headers) => {
                headers.push((name, value.to_owned()));
                Fate::Answer(status, body, headers)
            }
            error => error,
        }
    }
}

/// A request as the venue saw it, without what signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) signed: bool,
    pub(crate) timestamp: u64,
}

impl Seen {
    pub(crate) fn call(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

#[derive(Debug, Default)]
struct Script {
    /// By method and path, or by those and a parameter's value: `GET /fapi/v1/order 5`.
    answers: BTreeMap<String, Fate>,
    /// The next answers to anything that is no GET, one after the other; then everything goes well.
    writes: VecDeque<Fate>,
    /// The next answers to one path, one after the other, before `answers`.
    once: BTreeMap<String, VecDeque<Fate>>,
    /// How long answers take, in milliseconds, and how long the last one of `a round`.
    slow: BTreeMap<String, u64>,
    log: Vec<Seen>,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) clock: Arc<Virtual>,
    script: Mutex<Script>,
    host: u64,
    /// How many requests are under way, and how many at most were since the last look.
    under_way: Mutex<(usize, usize)>,
}

/// Connectors to one host share a rate limit; every server is a host of its own.
static HOSTS: AtomicU64 = AtomicU64::new(0);

impl Server {
    /// With an account that holds 0.009 BTC and has an order and a stop.
    pub(crate) fn start() -> Arc<Self> {
        let host = HOSTS.fetch_add(1, Ordering::SeqCst);
        let server =
            Self { clock: Virtual::new(), script: Mutex::default(), host, under_way: Mutex::default() };
        for (path, body) in account() {
            server.read(path, Fate::json(body));
        }
        Arc::new(server)
    }

    pub(crate) fn read(&self, path: &str, fate: Fate) {
        self.script.lock().unwrap().answers.insert(format!("GET {path}"), fate);
    }

    pub(crate) fn once(&self, call: &str, fate: Fate) {
        self.script.lock().unwrap().once.entry(call.to_owned()).or_default().push_back(fate);
    }

    pub(crate) fn slow(&self, call: &str, millis: u64) {
        self.script.lock().unwrap().slow.insert(call.to_owned(), millis);
    }

    pub(crate) fn write(&self, fate: Fate) {
        self.script.lock().unwrap().writes.push_back(fate);
    }

    /// How many requests were under way at once since the last look.
    pub(crate) fn at_once(&self) -> usize {
        std::mem::take(&mut self.under_way.lock().unwrap().1)
    }

    /// What was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<Seen> {
        std::mem::take(&mut self.script.lock().unwrap().log)
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        let mut calls: Vec<String> = self.asked().iter().map(Seen::call).collect();
        calls.sort();
        calls
    }

    /// The writes since the last look.
    pub(crate) fn writes(&self) -> Vec<Seen> {
        self.asked().into_iter().filter(|seen| seen.method != "GET").collect()
    }

    pub(crate) fn builder(self: &Arc<Self>) -> Builder {
        Binance::builder()
            .environment(Environment::Demo)
            .credentials(credentials())
            .base_url(format!("https://host{}.test", self.host))
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .transport(Arc::clone(self) as Arc<dyn Transport>)
    }

    /// With real money, where wallets are.
    pub(crate) fn mainnet(self: &Arc<Self>) -> Binance {
        self.builder().environment(Environment::Mainnet).build().unwrap()
    }

    pub(crate) fn venue(self: &Arc<Self>) -> Binance {
        self.builder().build().unwrap()
    }

    fn answer(&self, seen: &Seen) -> Fate {
        let mut script = self.script.lock().unwrap();
        script.log.push(seen.clone());
        let call = seen.call();
        self.clock.pass(script.slow.get(&call).copied().unwrap_or_default());
        if let Some(fate) = script.once.get_mut(&call).and_then(VecDeque::pop_front) {
            return fate;
        }
        if seen.path == "/fapi/v1/time" && !script.answers.contains_key(&call) {
            return Fate::json(json!({"serverTime": self.clock.venue()}));
        }
        if seen.method == "GET" {
            let exact = seen.params.values().find_map(|value| script.answers.get(&format!("{call} {value}")));
            let found = exact.or_else(|| script.answers.get(&call)).cloned();
            return found.unwrap_or_else(|| panic!("no answer is scripted for {seen:?}"));
        }
        script.writes.pop_front().unwrap_or_else(|| accepted(seen))
    }
}

pub(crate) fn credentials() -> Credentials {
    let variable = |name: &str| match name {
        "BINANCE_API_KEY" => Some(KEY.to_owned()),
        "BINANCE_API_SECRET" => Some(SECRET.to_owned()),
        _ => None,
    };
    Credentials::from_variables(&variable).unwrap()
}

/// `%20` and the like.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn parsed(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

impl Server {
    /// Checks a request and answers it.
    fn respond(&self, request: &http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        assert!(request.body().is_empty(), "everything is in the query string");
        let query = request.uri().query().unwrap_or_default();
        let mut params = parsed(query);
        let signed = params.contains_key("signature");
        let mut timestamp = 0;
        if signed {
            let (payload, signature) = query.split_once("&signature=").expect("the signature goes last");
            let expected = HmacKey::from_bytes(SECRET.as_bytes()).sign_hex(payload.as_bytes());
            assert_eq!(signature, expected);
            assert_eq!(request.headers()["X-MBX-APIKEY"], KEY);
            assert!(request.headers()["X-MBX-APIKEY"].is_sensitive());
            timestamp = params.remove("timestamp").unwrap().parse().unwrap();
            let window: u64 = params.remove("recvWindow").unwrap().parse().unwrap();
            assert!((1..=5000).contains(&window), "{window}");
            let now = self.clock.venue();
            assert!(
                timestamp < now + 1000 && now.saturating_sub(timestamp) <= window,
                "{timestamp} at {now}"
            );
        } else {
            assert!(request.headers().get("X-MBX-APIKEY").is_none(), "no key where none is needed");
        }
        params.remove("signature");
        let seen = Seen {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            params,
            signed,
            timestamp,
        };
        match self.answer(&seen) {
            Fate::Error(kind) => Err(TransportError::new(kind, "scripted")),
            Fate::Answer(status, body, headers) => {
                let mut response = http::Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                Ok(response.body(body.into()).unwrap())
            }
        }
    }

    /// The same behind a port of this machine, spoken to in HTTP/1.1. Its threads end with the test.
    pub(crate) fn listen(self: &Arc<Self>) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::clone(self);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                std::thread::spawn(move || serve(&server, &stream));
            }
        });
        url
    }
}

/// Requests of one connection, one after the other, until it is closed.
fn serve(server: &Server, stream: &std::net::TcpStream) -> Option<()> {
    use std::io::{BufRead as _, Read as _, Write as _};
    let mut reader = std::io::BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let mut words = line.split_whitespace();
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut request = http::Request::builder().method(method.as_str()).uri(path);
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok()?;
            }
            let mut value: http::HeaderValue = value.parse().ok()?;
            // That it was sent as such is checked without a port.
            value.set_sensitive(name.eq_ignore_ascii_case("x-mbx-apikey"));
            request = request.header(name, value);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let response = server.respond(&request.body(body.into()).ok()?).ok()?;
        let mut head = format!(
            "HTTP/1.1 {} x\r\ncontent-length: {}\r\n",
            response.status().as_u16(),
            response.body().len()
        );
        for (name, value) in response.headers() {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().ok()?));
        }
        head.push_str("\r\n");
        let mut stream = stream;
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(response.body())).ok()?;
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        {
            let mut under_way = self.under_way.lock().unwrap();
            under_way.0 += 1;
            under_way.1 = under_way.1.max(under_way.0);
        }
        // Whoever wants to send beside this one does so now.
        tokio::task::yield_now().await;
        let others = {
            let mut under_way = self.under_way.lock().unwrap();
            under_way.0 -= 1;
            under_way.0
        };
        let response = self.respond(&request);
        if others == 0 {
            self.clock.pass(self.script.lock().unwrap().slow.get("a round").copied().unwrap_or_default());
        }
        response
    }
}

/// An order as the venue answers it since 2026-06-30: without prices of executions.
pub(crate) fn order(params: &BTreeMap<String, String>, number: u64, status: &str, filled: &str) -> Value {
    let get = |name: &str| params.get(name).cloned();
    json!({
        "clientOrderId": get("newClientOrderId").or(get("origClientOrderId")).unwrap_or_default(),
        "cumQty": filled, "executedQty": filled, "orderId": number, "origQty": get("quantity").unwrap_or("1".into()),
        "price": get("price").unwrap_or("0".into()), "reduceOnly": get("reduceOnly").is_some(),
        "side": get("side").unwrap_or("BUY".into()), "positionSide": get("positionSide").unwrap_or("BOTH".into()),
        "status": status, "stopPrice": "0", "closePosition": false, "symbol": get("symbol"),
        "timeInForce": get("timeInForce").unwrap_or("GTC".into()), "type": "LIMIT", "origType": "LIMIT",
        "updateTime": START, "workingType": "CONTRACT_PRICE", "priceProtect": false, "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER", "goodTillDate": 0,
    })
}

/// What the venue answers when everything goes well: immediate orders are filled, others rest.
fn accepted(seen: &Seen) -> Fate {
    let placed = |params: &BTreeMap<String, String>, number: u64| {
        let immediate = params["timeInForce"] == "IOC";
        let filled = if immediate { params["quantity"].clone() } else { "0".into() };
        order(params, number, if immediate { "FILLED" } else { "NEW" }, &filled)
    };
    let done = json!({"code": 200, "msg": "success"});
    Fate::json(match seen.call().as_str() {
        "POST /fapi/v1/order" => placed(&seen.params, 9_007_199_254_740_993),
        "POST /fapi/v1/batchOrders" => {
            let rows: Vec<BTreeMap<String, String>> = serde_json::from_str(seen.get("batchOrders")).unwrap();
            let hash = rows[0]["newClientOrderId"]
                .bytes()
                .fold(7_u64, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
            let first = (hash >> 12) * 10;
            (first..).zip(&rows).map(|(number, params)| placed(params, number)).collect()
        }
        "DELETE /fapi/v1/order" => {
            let number = seen.params.get("orderId").map_or(5, |number| number.parse().unwrap());
            order(&seen.params, number, "CANCELED", "0")
        }
        "POST /fapi/v1/leverage" => {
            let leverage: u32 = seen.get("leverage").parse().unwrap();
            json!({"leverage": leverage, "maxNotionalValue": "1000000", "symbol": seen.get("symbol")})
        }
        "POST /fapi/v1/algoOrder" => algo(&seen.params, "NEW", ""),
        "DELETE /fapi/v1/algoOrder" => {
            let get = |name: &str| seen.params.get(name).cloned();
            json!({"algoId": get("algoId").unwrap_or("7".into()), "code": "200", "msg": "success",
                "clientAlgoId": get("clientAlgoId").unwrap_or("x".into())})
        }
        "POST /fapi/v1/countdownCancelAll" => {
            json!({"symbol": seen.get("symbol"), "countdownTime": seen.get("countdownTime")})
        }
        "POST /sapi/v1/asset/transfer" => json!({"tranId": 13_526_853_623_u64}),
        "POST /fapi/v1/positionMargin" => {
            json!({"amount": 1.5, "code": 200, "msg": "Successfully modify position margin.", "type": 1})
        }
        _ => done,
    })
}

pub(crate) fn algo(params: &BTreeMap<String, String>, status: &str, actual: &str) -> Value {
    let get = |name: &str| params.get(name).cloned();
    json!({
        "algoId": 1_000_001_270_850_379_u64, "clientAlgoId": get("clientAlgoId").unwrap_or_default(),
        "algoType": "CONDITIONAL", "orderType": get("type").unwrap_or("STOP_MARKET".into()), "symbol": get("symbol"),
        "side": get("side").unwrap_or("SELL".into()), "positionSide": get("positionSide").unwrap_or("BOTH".into()),
        "timeInForce": "GTC", "quantity": get("quantity").unwrap_or("0".into()), "algoStatus": status,
        "actualOrderId": actual, "triggerPrice": get("triggerPrice").unwrap_or("0".into()),
        "price": get("price").unwrap_or("0".into()), "icebergQuantity": null,
        "closePosition": get("closePosition").is_some(), "reduceOnly": get("reduceOnly").is_some(),
        "activatePrice": "", "callbackRate": "", "createTime": START - DAY, "updateTime": START - DAY,
    })
}

fn listing(name: &str, quote: &str, filters: [&str; 5]) -> Value {
    let [tick, min_price, step, max, notional] = filters;
    json!({
        "symbol": name, "pair": name, "contractType": "PERPETUAL", "status": "TRADING", "quoteAsset": quote,
        "marginAsset": quote, "pricePrecision": 2, "quantityPrecision": 3,
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": tick, "minPrice": min_price, "maxPrice": "4529764"},
            {"filterType": "LOT_SIZE", "stepSize": step, "maxQty": max, "minQty": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": step, "stepSize": step, "maxQty": "120"},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": notional},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500", "multiplierDecimal": "4"},
            {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
            {"filterType": "SOMETHING_NEW", "value": []},
        ],
    })
}

pub(crate) fn exchange_info() -> Value {
    let mut symbols = vec![
        listing("BTCUSDT", "USDT", ["0.10", "556.80", "0.001", "1000", "50"]),
        listing("ETHUSDT", "USDT", ["0.01", "39.86", "0.001", "10000", "20"]),
        listing("SOLUSDT", "USDT", ["0.0100", "0.4200", "1", "1000000", "5"]),
        listing("BTCUSDC", "USDC", ["0.1", "261.1", "0.001", "1000", "50"]),
        listing("ETHBTC", "BTC", ["0.00001", "0.001", "0.01", "1000", "0.001"]),
        listing("币安人生USDT", "USDT", ["0.1", "1", "1", "10", "5"]),
        listing("XRPUSDT", "USDT", ["0.0001", "0.0143", "0.1", "10000000", "5"]),
        listing("OLDUSDT", "USDT", ["0.1", "1", "1", "10", "5"]),
        listing("BTCUSDT_270326", "USDT", ["0.1", "576.3", "0.001", "500", "50"]),
    ];
    symbols[6]["filters"][6]["positionControlSide"] = json!("BUY");
    symbols[7]["status"] = json!("SETTLING");
    symbols[8]["contractType"] = json!("CURRENT_QUARTER");
    json!({"timezone": "UTC", "serverTime": START, "futuresType": "U_MARGINED", "symbols": symbols})
}

/// The first three tiers of BTCUSDT in 2026-09, for all.
fn brackets() -> Value {
    let tiers = json!([
        {"bracket": 1, "initialLeverage": 150, "notionalCap": 300_000, "notionalFloor": 0, "maintMarginRatio": 0.004, "cum": 0.0},
        {"bracket": 2, "initialLeverage": 100, "notionalCap": 800_000, "notionalFloor": 300_000, "maintMarginRatio": 0.005, "cum": 300.0},
        {"bracket": 3, "initialLeverage": 75, "notionalCap": 3_000_000, "notionalFloor": 800_000, "maintMarginRatio": 0.0065, "cum": 1500.0},
    ]);
    let names = [
        "BTCUSDT",
        "ETHUSDT",
        "SOLUSDT",
        "BTCUSDC",
        "ETHBTC",
        "XRPUSDT",
        "OLDUSDT",
        "BTCUSDT_270326",
        "币安人生USDT",
    ];
    names.iter().map(|name| json!({"symbol": name, "brackets": tiers})).collect()
}

pub(crate) fn position(name: &str, side: &str, amount: &str, isolated: &str) -> Value {
    json!({
        "symbol": name, "positionSide": side, "positionAmt": amount, "entryPrice": "67445.9",
        "breakEvenPrice": "67479.62295", "markPrice": "67502.68519858", "unRealizedProfit": "0.51106678",
        "liquidationPrice": "64846.98753790", "isolatedMargin": isolated, "notional": "607.52416678",
        "marginAsset": "USDT", "isolatedWallet": isolated, "initialMargin": "7.59405208", "maintMargin": "2.43009666",
        "positionInitialMargin": "7.59405208", "openOrderInitialMargin": "0", "adl": 2, "bidNotional": "0",
        "askNotional": "0", "updateTime": 1_722_161_166_529_u64,
    })
}

pub(crate) fn asset(name: &str, wallet: &str, profit: &str, available: &str) -> Value {
    json!({
        "asset": name, "walletBalance": wallet, "unrealizedProfit": profit, "marginBalance": "0", "maintMargin": "0",
        "initialMargin": "0", "positionInitialMargin": "0", "openOrderInitialMargin": "0",
        "crossWalletBalance": wallet, "crossUnPnl": profit, "availableBalance": available,
        "maxWithdrawAmount": available, "updateTime": START,
    })
}

pub(crate) fn state(held: &[(&str, &str, &str)]) -> Value {
    let positions: Vec<Value> = held
        .iter()
        .map(|(name, side, amount)| json!({"symbol": name, "positionSide": side, "positionAmt": amount}))
        .collect();
    json!({
        "totalWalletBalance": "25.72610060",
        "assets": [
            asset("USDT", "25.72610060", "0.54238506", "18.65949928"),
            asset("USDC", "10", "0", "10"),
            asset("BNB", "0.5", "0", "0.5"),
        ],
        "positions": positions,
    })
}

pub(crate) fn setting(name: &str, mode: &str, leverage: u32) -> Value {
    json!({"symbol": name, "marginType": mode, "isAutoAddMargin": false, "leverage": leverage, "maxNotionalValue": "1000000"})
}

pub(crate) fn config(hedge: bool, multi: bool) -> Value {
    json!({"feeTier": 0, "canTrade": true, "canDeposit": true, "canWithdraw": true, "dualSidePosition": hedge,
        "updateTime": 0, "multiAssetsMargin": multi, "tradeGroupId": -1})
}

pub(crate) fn premium(name: &str, mark: &str) -> Value {
    json!({"symbol": name, "markPrice": mark, "indexPrice": mark, "estimatedSettlePrice": mark,
        "lastFundingRate": "0.00038246", "interestRate": "0.00010000", "nextFundingTime": START + 3_600_000, "time": START})
}

fn account() -> Vec<(&'static str, Value)> {
    let rate = |name: &str| json!({"symbol": name, "makerCommissionRate": "0.0002", "takerCommissionRate": "0.0005", "rpiCommissionRate": "0.00005"});
    let book = |name: &str, bid: &str, ask: &str| json!({"symbol": name, "bidPrice": bid, "bidQty": "1", "askPrice": ask, "askQty": "1", "time": START});
    let resting = json!({"symbol": "BTCUSDT", "newClientOrderId": "web_1", "quantity": "0.004", "price": "60000",
        "side": "BUY", "timeInForce": "GTC"});
    let resting: BTreeMap<String, String> = serde_json::from_value(resting).unwrap();
    let stop = json!({"symbol": "BTCUSDT", "clientAlgoId": "web_2", "side": "SELL", "type": "STOP_MARKET",
        "triggerPrice": "60000", "closePosition": "true"});
    let stop: BTreeMap<String, String> = serde_json::from_value(stop).unwrap();
    let mut past = premium("BTCUSDT_270326", "67600");
    past["nextFundingTime"] = json!(0);
    past["lastFundingRate"] = json!("");
    vec![
        ("/fapi/v1/exchangeInfo", exchange_info()),
        ("/fapi/v1/leverageBracket", brackets()),
        (
            "/fapi/v1/fundingInfo",
            json!([{"symbol": "SOLUSDT", "fundingIntervalHours": 4, "adjustedFundingRateCap": "0.02", "adjustedFundingRateFloor": "-0.02", "disclaimer": false}]),
        ),
        (
            "/fapi/v1/premiumIndex",
            json!([
                premium("BTCUSDT", "67502.68519858"),
                premium("ETHUSDT", "3300.12"),
                premium("SOLUSDT", "150.5"),
                premium("BTCUSDC", "67510"),
                premium("NEWUSDT", "0.00000000"),
                past,
                premium("币安人生USDT", "0.1")
            ]),
        ),
        ("/fapi/v1/premiumIndex BTCUSDT", premium("BTCUSDT", "67502.68519858")),
        ("/fapi/v1/premiumIndex ETHUSDT", premium("ETHUSDT", "3300.12")),
        ("/fapi/v1/premiumIndex SOLUSDT", premium("SOLUSDT", "150.5")),
        ("/fapi/v1/premiumIndex BNBUSDT", premium("BNBUSDT", "600")),
        (
            "/fapi/v1/ticker/bookTicker",
            json!([
                book("BTCUSDT", "67500.10", "67500.20"),
                book("ETHUSDT", "3300.00", "3300.01"),
                book("SOLUSDT", "0.0000", "150.51"),
                book("BTCUSDC", "67500.1", "67500.2")
            ]),
        ),
        ("/fapi/v1/ticker/bookTicker BTCUSDT", book("BTCUSDT", "67500.10", "67500.20")),
        ("/fapi/v3/account", state(&[("BTCUSDT", "BOTH", "0.009")])),
        ("/fapi/v3/balance", json!([{"accountAlias": "SgsRoCmYTiXq", "asset": "USDT", "balance": "25.7"}])),
        ("/fapi/v3/positionRisk", json!([position("BTCUSDT", "BOTH", "0.009", "0")])),
        (
            "/fapi/v1/symbolConfig",
            json!([
                setting("BTCUSDT", "CROSSED", 80),
                setting("ETHUSDT", "ISOLATED", 20),
                setting("SOLUSDT", "CROSSED", 5),
                setting("BTCUSDC", "CROSSED", 20),
                setting("OLDUSDT", "CROSSED", 0),
                setting("XRPUSDT", "CROSSED", 20),
                setting("币安人生USDT", "CROSSED", 20)
            ]),
        ),
        ("/fapi/v1/symbolConfig BTCUSDT", json!([setting("BTCUSDT", "CROSSED", 80)])),
        ("/fapi/v1/symbolConfig ETHUSDT", json!([setting("ETHUSDT", "ISOLATED", 20)])),
        ("/fapi/v1/symbolConfig SOLUSDT", json!([setting("SOLUSDT", "CROSSED", 5)])),
        ("/fapi/v1/accountConfig", config(false, false)),
        ("/fapi/v1/openOrders", json!([order(&resting, 17_759_938_812, "NEW", "0.001")])),
        ("/fapi/v1/openAlgoOrders", json!([algo(&stop, "NEW", "")])),
        ("/fapi/v1/commissionRate BTCUSDT", rate("BTCUSDT")),
        ("/fapi/v1/commissionRate ETHUSDT", rate("ETHUSDT")),
        ("/fapi/v1/commissionRate SOLUSDT", rate("SOLUSDT")),
        ("/fapi/v1/commissionRate BTCUSDC", rate("BTCUSDC")),
        ("/fapi/v1/commissionRate XRPUSDT", rate("XRPUSDT")),
        ("/fapi/v1/userTrades", json!([])),
        ("/fapi/v1/income", json!([])),
    ]
}
