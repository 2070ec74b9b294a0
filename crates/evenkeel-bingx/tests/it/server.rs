//! A scripted venue behind the transport port: checks every signature, answers by call and symbol, and keeps what it was
//! asked. Time is virtual; nothing waits.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_bingx::{BingX, Credentials, Environment, Reader, sign};
use evenkeel_exchange::{Clock, async_trait};
use evenkeel_http::{HmacKey, Secret, Transport, TransportError, TransportErrorKind};
use evenkeel_types::Timestamp;
use serde_json::{Value, json};

pub(crate) const KEY: &str = "canary-key-6dR8ovSsxZQC";
pub(crate) const SECRET: &str = "canary-secret-OYEFCtelpuxcWGTf";
/// When the scripted venue begins, by its own clock; ours is 200 ms behind.
pub(crate) const NOW: u64 = 1_790_000_000_000;

/// A clock that runs by being looked at, and sleeps by being set.
#[derive(Debug)]
pub(crate) struct Virtual(AtomicU64);

impl Virtual {
    pub(crate) fn pass(&self, wait: Duration) {
        self.0.fetch_add(u64::try_from(wait.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::SeqCst))
    }

    async fn sleep(&self, wait: Duration) {
        self.pass(wait);
    }
}

/// What comes back for a request.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    Answer(u16, Vec<u8>),
    Headers(u16, Vec<u8>, Vec<(&'static str, String)>),
    Error(TransportErrorKind),
    /// The same, after this much time.
    Late(Duration, Box<Fate>),
    /// The same, after our clock was set by this many milliseconds, and the venue's was not.
    Set(i64, Box<Fate>),
}

impl Fate {
    #[allow(clippy::needless_pass_by_value, reason = "it is always given a literal")]
    pub(crate) fn data(data: Value) -> Self {
        Self::Answer(200, json!({"code": 0, "msg": "", "data": data}).to_string().into_bytes())
    }

    pub(crate) fn refused(code: i64, text: &str) -> Self {
        Self::Answer(200, json!({"code": code, "msg": text, "data": {}}).to_string().into_bytes())
    }
}

/// One request: `GET user/balance`, and its parameters without time, validity and signature.
pub(crate) type Asked = (String, BTreeMap<String, String>);

#[derive(Debug, Default)]
struct Script {
    /// By call, or by call and symbol: `GET trade/leverage SOL-USDT`.
    always: BTreeMap<String, Fate>,
    /// Of lists in pages, by the number of the page.
    pages: BTreeMap<String, Fate>,
    /// One after the other, for writes.
    next: VecDeque<Fate>,
    log: Vec<Asked>,
}

pub(crate) struct Server {
    script: Mutex<Script>,
    pub(crate) clock: Arc<Virtual>,
    host: String,
    /// By how much the venue's clock is further ahead of ours than in the beginning.
    skew: AtomicI64,
    /// The longest chain of requests of which each waited for the one before, since the last look.
    rounds: AtomicUsize,
}

impl std::fmt::Debug for Server {
    /// Without the script: what a venue is made to say of our key must not look like a leak of it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

static HOSTS: AtomicUsize = AtomicUsize::new(0);

impl Server {
    /// At a host of its own: connectors to one host share a rate limit.
    pub(crate) fn start() -> Arc<Self> {
        let host = format!("https://host{}.test", HOSTS.fetch_add(1, Ordering::SeqCst));
        let clock = Arc::new(Virtual(AtomicU64::new(NOW - 200)));
        let (skew, rounds) = (AtomicI64::new(0), AtomicUsize::new(0));
        Arc::new(Self { script: Mutex::default(), clock, host, skew, rounds })
    }

    /// Sets our clock, and not the venue's.
    pub(crate) fn set_clock(&self, millis: i64) {
        self.skew.fetch_sub(millis, Ordering::SeqCst);
        let now = self.clock.0.load(Ordering::SeqCst);
        self.clock.0.store(now.checked_add_signed(millis).unwrap(), Ordering::SeqCst);
    }

    /// What the venue's clock shows.
    pub(crate) fn time(&self) -> Timestamp {
        Timestamp((self.clock.now().0 + 200).checked_add_signed(self.skew.load(Ordering::SeqCst)).unwrap())
    }

    /// How many round trips it took since the last look.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.swap(0, Ordering::SeqCst)
    }

    /// The same venue behind a socket: HTTP/1.1, one request for each connection.
    pub(crate) fn listen(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::clone(self);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let server = Arc::clone(&server);
                std::thread::spawn(move || server.talk(stream.unwrap()));
            }
        });
        format!("http://{address}")
    }

    fn talk(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let Some(first) = lines.next() else { return };
        let first = first.unwrap();
        let [method, target, version] = first.split(' ').collect::<Vec<_>>()[..] else { panic!("{first}") };
        assert_eq!(version, "HTTP/1.1");
        let mut key = None;
        for line in lines.map(Result::unwrap).take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap();
            assert!(
                !name.eq_ignore_ascii_case("content-length") || value.trim() == "0",
                "no request has a body"
            );
            if name.eq_ignore_ascii_case(sign::KEY_HEADER) {
                key = Some(value.trim().to_owned());
            }
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        // Virtual waits of other requests pass while the bytes are under way: the time cannot be checked here.
        let arrived = None;
        let (status, body) = match self.handle(arrived, method, path, query, key.as_deref()) {
            Fate::Answer(status, body) => (status, body),
            other => panic!("not over a socket: {other:?}"),
        };
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    }

    /// Checks what every request must be, and answers it.
    fn handle(
        &self,
        arrived: Option<Timestamp>,
        method: &str,
        path: &str,
        query: &str,
        key: Option<&str>,
    ) -> Fate {
        let short =
            ["/openApi/swap/v1/", "/openApi/swap/v2/", "/openApi/swap/v3/", "/openApi/v1/", "/openApi/api/"]
                .iter()
                .find_map(|prefix| path.strip_prefix(prefix))
                .unwrap();
        let mut sent = parameters(query);
        if !short.starts_with("quote") && !short.starts_with("server") {
            let (name, signature) = sent.pop().unwrap();
            assert_eq!(name, "signature");
            let secret = HmacKey::new(&Secret::from(SECRET.to_owned()));
            assert_eq!(signature, sign::signature(&secret, &sign::payload(&sent)));
            assert_eq!(key, Some(KEY));
            let stamp = sent.iter().find(|(name, _)| name == "timestamp").unwrap().1.parse::<u64>().unwrap();
            let now = arrived.map_or(stamp, |arrived| arrived.0);
            assert!(now.abs_diff(stamp) < 1000, "by the venue's clock: {stamp} at {now}");
        } else {
            assert_eq!(key, None, "public calls carry no key");
        }
        let asked: BTreeMap<String, String> =
            sent.into_iter().filter(|(name, _)| name != "timestamp" && name != "recvWindow").collect();
        let mut fate = self.answer(&format!("{method} {short}"), &asked);
        loop {
            fate = match fate {
                Fate::Late(wait, then) => {
                    self.clock.pass(wait);
                    *then
                }
                Fate::Set(millis, then) => {
                    self.set_clock(millis);
                    *then
                }
                fate => return fate,
            }
        }
    }

    pub(crate) fn always(&self, call: &str, fate: Fate) {
        self.script.lock().unwrap().always.insert(call.to_owned(), fate);
    }

    pub(crate) fn page(&self, number: &str, fate: Fate) {
        self.script.lock().unwrap().pages.insert(number.to_owned(), fate);
    }

    pub(crate) fn next(&self, fate: Fate) {
        self.script.lock().unwrap().next.push_back(fate);
    }

    /// What was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.script.lock().unwrap().log)
    }

    /// The calls since the last look, sorted.
    pub(crate) fn calls(&self) -> Vec<String> {
        let mut calls: Vec<String> = self.asked().into_iter().map(|(call, _)| call).collect();
        calls.sort();
        calls
    }

    /// The writes since the last look.
    pub(crate) fn writes(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(|(call, _)| !call.starts_with("GET")).collect()
    }

    pub(crate) fn builder(self: &Arc<Self>) -> evenkeel_bingx::Builder {
        BingX::builder()
            .environment(Environment::Mainnet)
            .credentials(credentials())
            .base_url(self.host.clone())
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .transport(Arc::clone(self) as Arc<dyn Transport>)
    }

    pub(crate) fn venue(self: &Arc<Self>) -> BingX {
        self.builder().build().unwrap()
    }

    pub(crate) fn demo(self: &Arc<Self>) -> BingX {
        self.builder().environment(Environment::Demo).build().unwrap()
    }

    pub(crate) fn reader(self: &Arc<Self>) -> Reader {
        self.builder().build_reader().unwrap()
    }

    /// What is answered to a read where nothing is scripted.
    pub(crate) fn usual(&self, call: &str, symbol: &str) -> Fate {
        self.answer(call, &BTreeMap::from([("symbol".to_owned(), symbol.to_owned())]))
    }

    fn answer(&self, call: &str, asked: &BTreeMap<String, String>) -> Fate {
        let symbol = asked.get("symbol").map_or("", String::as_str);
        let mut script = self.script.lock().unwrap();
        script.log.push((call.to_owned(), asked.clone()));
        if !call.starts_with("GET")
            && let Some(fate) = script.next.pop_front()
        {
            return fate;
        }
        if let Some(fate) = asked.get("pageIndex").and_then(|page| script.pages.get(page)) {
            return fate.clone();
        }
        let exact = script.always.get(&format!("{call} {symbol}"));
        if let Some(fate) = exact.or_else(|| script.always.get(call)) {
            return fate.clone();
        }
        drop(script);
        match call {
            "GET server/time" => {
                let now = self.time().0;
                Fate::data(json!({"serverTime": now}))
            }
            _ => usual(call, symbol, asked),
        }
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(&Secret::from(KEY.to_owned()), &Secret::from(SECRET.to_owned())).unwrap()
}

fn contract(name: &str, size: u32, price: u32, least: &str, status: u32) -> Value {
    json!({
        "contractId": "1", "symbol": name, "size": "1", "quantityPrecision": size, "pricePrecision": price,
        "feeRate": 0.0005, "makerFeeRate": 0.0002, "takerFeeRate": 0.0005, "tradeMinLimit": 0,
        "tradeMinQuantity": serde_json::from_str::<Value>(least).unwrap(), "tradeMinUSDT": 2, "currency": "USDT", "asset": "X",
        "status": status, "apiStateOpen": if status == 1 { "true" } else { "false" }, "apiStateClose": "true",
        "ensureTrigger": true, "triggerFeeRate": "0.00025000", "brokerState": false,
        "launchTime": 1_760_000_000_000_u64, "maintainTime": 0, "offTime": 0, "displayName": name,
    })
}

pub(crate) fn mark(symbol: &str) -> &'static str {
    match symbol {
        "BTC-USDT" => "60000.0",
        "ETH-USDT" => "2500.00",
        "SOL-USDT" => "150.500",
        _ => "14.400",
    }
}

fn premium(symbol: &str) -> Value {
    json!({"symbol": symbol, "markPrice": mark(symbol), "indexPrice": mark(symbol), "lastFundingRate": "0.00002400",
        "nextFundingTime": NOW + 3_600_000, "fundingIntervalHours": 8, "minFundingRate": "-0.003",
        "maxFundingRate": "0.003", "updateTime": NOW})
}

fn ticker(symbol: &str) -> Value {
    json!({"symbol": symbol, "lastPrice": mark(symbol), "askPrice": mark(symbol), "bidPrice": mark(symbol)})
}

pub(crate) const SYMBOLS: [&str; 4] = ["BTC-USDT", "ETH-USDT", "SOL-USDT", "LINK-USDT"];

pub(crate) fn positions() -> Value {
    json!([
        {"positionId": "1", "symbol": "SOL-USDT", "currency": "USDT", "positionAmt": "10", "availableAmt": "10",
         "positionSide": "LONG", "isolated": true, "avgPrice": "150.0", "initialMargin": "300", "margin": "305",
         "leverage": 5, "unrealizedProfit": "5", "realisedProfit": "-1", "liquidationPrice": 120.5,
         "markPrice": "150.500", "onlyOnePosition": true, "updateTime": NOW},
        {"positionId": "2", "symbol": "BTC-USDT", "currency": "USDT", "positionAmt": "0.0100", "availableAmt": "0.01",
         "positionSide": "SHORT", "isolated": false, "avgPrice": "60500.0", "initialMargin": "60.5",
         "leverage": 10, "unrealizedProfit": "5", "realisedProfit": "-1", "liquidationPrice": 0,
         "markPrice": "60000.0", "onlyOnePosition": true, "updateTime": NOW},
    ])
}

pub(crate) fn order(symbol: &str, number: u64, kind: &str, client: &str) -> Value {
    json!({"symbol": symbol, "orderId": number, "side": "SELL", "positionSide": "BOTH", "type": kind,
        "origQty": "1.00", "price": "3000.00", "executedQty": "0.25", "avgPrice": "3000.00", "cumQuote": "750",
        "stopPrice": "", "profit": "0.0", "commission": "-0.1500", "status": "PARTIALLY_FILLED", "time": NOW, "updateTime": NOW,
        "clientOrderId": client, "leverage": "5X", "workingType": "MARK_PRICE", "onlyOnePosition": true,
        "reduceOnly": false, "closePosition": "false", "triggerOrderId": 0})
}

fn usual(call: &str, symbol: &str, asked: &BTreeMap<String, String>) -> Fate {
    Fate::data(match call {
        "GET quote/contracts" => json!([
            contract("BTC-USDT", 4, 1, "0.0001", 1),
            contract("ETH-USDT", 2, 2, "0.01", 1),
            contract("SOL-USDT", 2, 3, "0.01", 1),
            contract("LINK-USDT", 1, 3, "0.2", 1),
            contract("OLD-USDT", 1, 3, "0.1", 25),
            contract("GONE-USDT", 1, 3, "0.1", 5),
            {"symbol": "ODD-USDT", "status": 1},
        ]),
        "GET quote/premiumIndex" if symbol.is_empty() => json!(SYMBOLS.map(premium)),
        "GET quote/premiumIndex" => premium(symbol),
        "GET quote/ticker" if symbol.is_empty() => json!(SYMBOLS.map(ticker)),
        "GET quote/ticker" => ticker(symbol),
        "GET user/balance" => json!([
            {"userId": "", "asset": "USDC", "balance": "", "equity": "", "unrealizedProfit": "",
             "realisedProfit": "0", "availableMargin": "", "usedMargin": "", "freezedMargin": "", "shortUid": "12"},
            {"userId": "116295", "asset": "USDT", "balance": "1000.0000", "equity": "1010.0000",
             "unrealizedProfit": "10.0000", "realizedProfit": "-2", "availableMargin": "640.0000",
             "usedMargin": "360.0000", "frozenMargin": "0.0000", "shortUid": "12"},
        ]),
        "GET user/positions" => {
            let rows = positions();
            let rows = rows.as_array().unwrap().iter();
            json!(rows.filter(|row| symbol.is_empty() || row["symbol"] == symbol).collect::<Vec<_>>())
        }
        "GET trade/openOrders" => {
            let mut stop = order("SOL-USDT", 2_099_406_229_323_390_977, "STOP_MARKET", "");
            stop["stopPrice"] = json!("140.000");
            stop["price"] = json!("0");
            stop["status"] = json!("NEW");
            stop["executedQty"] = json!("0.00");
            stop["closePosition"] = json!("true");
            let limit = order("ETH-USDT", 2_099_406_229_323_390_976, "LIMIT", "0123456789abcdefghij");
            json!({"orders": [limit, stop]})
        }
        "GET positionSide/dual" => json!({"dualSidePosition": false}),
        "GET trade/assetMode" => json!({"assetMode": "singleAssetMode"}),
        "GET user/commissionRate" => {
            json!({"commission": {"takerCommissionRate": 0.0005, "makerCommissionRate": 0.0002}})
        }
        "GET maintMarginRatio" => json!([
            {"tier": "Tier 1", "symbol": symbol, "minPositionVal": "0", "maxPositionVal": "900000",
             "maintMarginRatio": "0.003300", "maintAmount": "0.000000"},
            {"tier": "Tier 2", "symbol": symbol, "minPositionVal": "900000", "maxPositionVal": "1200000",
             "maintMarginRatio": "0.020000", "maintAmount": "15030.000000"},
        ]),
        "GET trade/leverage" => {
            let leverage = match symbol {
                "SOL-USDT" => 5,
                "BTC-USDT" => 10,
                _ => 20,
            };
            json!({"symbol": symbol, "longLeverage": leverage, "shortLeverage": leverage, "maxLongLeverage": 125,
                "maxShortLeverage": 100, "availableLongVol": 20.4655, "availableShortVol": 20.4655})
        }
        "GET trade/marginType" => json!({"marginType": "CROSSED", "symbol": symbol}),
        "GET trade/order" => return Fate::refused(109_421, "order not exist"),
        "GET trade/fillHistory" => json!({"fill_history_orders": [], "total": 0}),
        "GET quote/fundingRate" | "GET user/income" => json!([]),
        "GET account/apiRestrictions" => {
            return Fate::Answer(
                200,
                json!({"ipRestrict": true, "enableReading": true, "enableFutures": true,
                "enableSpotAndMarginTrading": false, "permitsUniversalTransfer": false})
                .to_string()
                .into(),
            );
        }
        "POST trade/order" => taken(asked),
        "POST trade/batchOrders" => {
            let orders: Vec<BTreeMap<String, Value>> = serde_json::from_str(&asked["batchOrders"]).unwrap();
            let plain = |order: &BTreeMap<String, Value>| -> BTreeMap<String, String> {
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                order.iter().map(|(name, value)| (name.clone(), text(value))).collect()
            };
            // In another order than they were sent.
            json!({"orders": orders.iter().rev().map(|order| taken(&plain(order))).collect::<Vec<_>>()})
        }
        "DELETE trade/order" => {
            let number = asked.get("orderId").map_or(1_u64, |text| text.parse().unwrap());
            let id = asked.get("clientOrderId").cloned().unwrap_or_default();
            json!({"order": {"symbol": symbol, "orderId": number, "clientOrderId": id, "status": "CANCELLED"}})
        }
        "DELETE trade/allOpenOrders" => json!({"success": [{"orderId": 1}, {"orderId": 2}], "failed": null}),
        "POST trade/cancelAllAfter" => {
            let status = if asked["type"] == "CLOSE" { "CLOSED" } else { "ACTIVATED" };
            json!({"triggerTime": 1_710_389_137, "status": status, "note": "…"})
        }
        "POST trade/leverage" => {
            json!({"leverage": asked["leverage"].parse::<u64>().unwrap(), "symbol": symbol})
        }
        "POST trade/marginType" => json!({"marginType": asked["marginType"], "symbol": symbol}),
        "POST asset/v1/transfer" => {
            return Fate::Answer(200, br#"{"transferId":"1051461075661819338791"}"#.to_vec());
        }
        "POST trade/positionMargin" => {
            let (amount, kind) = (&asked["amount"], &asked["type"]);
            let body = format!(r#"{{"code":0,"msg":"","amount":{amount},"type":{kind}}}"#);
            return Fate::Answer(200, body.into_bytes());
        }
        other => panic!("a call that nobody expects: {other}"),
    })
}

/// The flat answer to an order that was filled at once, if it may.
fn taken(asked: &BTreeMap<String, String>) -> Value {
    let filled = asked["type"] == "LIMIT" && asked.get("timeInForce").is_some_and(|tif| tif == "IOC");
    let number = 2_075_327_018_132_791_000 + u64::from(asked["clientOrderID"].as_bytes()[19]);
    json!({
        "orderId": number, "orderID": number.to_string(), "symbol": asked["symbol"], "side": asked["side"],
        "positionSide": asked["positionSide"], "type": asked["type"], "quantity": asked["quantity"],
        "clientOrderID": asked["clientOrderID"], "clientOrderId": asked["clientOrderID"],
        "status": if filled { "FILLED" } else { "PENDING" },
        "avgPrice": if filled { asked["price"].clone() } else { "0.0".into() },
        "executedQty": if filled { asked["quantity"].clone() } else { "0.0".into() },
    })
}

fn decoded(text: &str) -> String {
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

/// Parameters in the order in which they were sent, decoded.
pub(crate) fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect()
}

#[async_trait]
impl Transport for Server {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        assert!(request.body().is_empty(), "everything is in the query");
        let key = request.headers().get(sign::KEY_HEADER);
        assert_eq!(request.headers().len(), usize::from(key.is_some()));
        assert!(key.is_none_or(http::HeaderValue::is_sensitive));
        let build =
            |status: u16, body: Vec<u8>| http::Response::builder().status(status).body(body.into()).unwrap();
        let round = self.rounds.load(Ordering::SeqCst) + 1;
        let arrived = Some(self.time());
        // What is asked at once is under way at once.
        tokio::task::yield_now().await;
        let key = key.map(|key| key.to_str().unwrap());
        let query = request.uri().query().unwrap_or_default();
        let fate = self.handle(arrived, request.method().as_str(), request.uri().path(), query, key);
        self.rounds.fetch_max(round, Ordering::SeqCst);
        match fate {
            Fate::Answer(status, body) => Ok(build(status, body)),
            Fate::Headers(status, body, headers) => {
                let mut response = build(status, body);
                for (name, value) in headers {
                    response.headers_mut().insert(name, value.parse().unwrap());
                }
                Ok(response)
            }
            Fate::Error(kind) => Err(TransportError::new(kind, "scripted")),
            Fate::Late(..) | Fate::Set(..) => unreachable!("it was waited for"),
        }
    }
}
