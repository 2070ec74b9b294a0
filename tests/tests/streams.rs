//! The private streams of all connectors against scripted sockets: where they connect, what they say, and what they make of
//! what they hear.

use std::collections::VecDeque;
use std::fmt;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use evenkeel_exchange::{Clock, ErrorKind, Hint, Observe, Subscription, SystemClock, async_trait};
use evenkeel_http::feed::{Message, Socket, Sockets};
use evenkeel_http::{Bytes, Transport, TransportError, http};
use evenkeel_types::{ClientOrderId, Symbol, Timestamp};
use serde_json::{Value, json};

/// Time that passes only while somebody sleeps.
#[derive(Debug)]
struct Virtual {
    began: u64,
    now: AtomicU64,
}

impl Virtual {
    /// At the time that the venues tell.
    fn starts() -> Arc<Self> {
        let now = SystemClock::new().now().0;
        Arc::new(Self { began: now, now: AtomicU64::new(now) })
    }

    fn passed(&self) -> u64 {
        self.now().0 - self.began
    }
}

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    async fn sleep(&self, wait: Duration) {
        self.now.store(self.now().after(wait).0, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// One connection: what is heard on it; then silence.
#[derive(Clone, Default)]
struct Script {
    /// With a clock the silence is none: every minute there is a sign of life.
    beats: Option<Arc<Virtual>>,
    hears: Arc<Mutex<VecDeque<Message>>>,
    /// Where was connected to, and what was said there.
    said: Arc<Mutex<Vec<String>>>,
}

// What a test notes is not what a connector shows.
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    fn of(texts: &[Value]) -> Self {
        let texts = texts.iter().map(|text| Message::Text(text.to_string())).collect();
        Self { hears: Arc::new(Mutex::new(texts)), ..Self::default() }
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

#[async_trait]
impl Sockets for Script {
    async fn open(&self, url: &str, _: Duration) -> Result<Box<dyn Socket>, TransportError> {
        self.said.lock().unwrap().push(url.to_owned());
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Socket for Script {
    fn send(&mut self, text: String) {
        self.said.lock().unwrap().push(text);
    }

    async fn flush(&mut self) -> Result<(), TransportError> {
        Ok(())
    }

    async fn receive(&mut self) -> Result<Message, TransportError> {
        let next = self.hears.lock().unwrap().pop_front();
        match (next, &self.beats) {
            (Some(message), _) => Ok(message),
            (None, Some(clock)) => {
                let at = clock.now().after(Duration::from_secs(60));
                poll_fn(|_| if clock.now() < at { Poll::Pending } else { Poll::Ready(()) }).await;
                Ok(Message::Alive)
            }
            (None, None) => pending().await,
        }
    }
}

/// The calls around a stream: the time, and keys of streams.
#[derive(Debug, Default)]
struct Calls {
    made: Mutex<Vec<String>>,
    /// The keys that are extended.
    kept: Mutex<VecDeque<&'static str>>,
}

impl Calls {
    fn keeping(kept: &[&'static str]) -> Arc<Self> {
        Arc::new(Self { kept: Mutex::new(kept.iter().copied().collect()), ..Self::default() })
    }
}

#[async_trait]
impl Transport for Calls {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let now = SystemClock::new().now().0;
        let path = request.uri().path();
        let answer = match path {
            "/fapi/v1/time" => json!({"serverTime": now}),
            "/v5/market/time" => {
                let (second, nano) = (now / 1000, u128::from(now) * 1_000_000);
                json!({"retCode": 0, "retMsg": "OK", "retExtInfo": {}, "time": now,
                    "result": {"timeSecond": second.to_string(), "timeNano": nano.to_string()}})
            }
            "/openApi/swap/v2/server/time" => json!({"code": 0, "msg": "", "data": {"serverTime": now}}),
            _ if request.method() == "PUT" => {
                json!({"listenKey": self.kept.lock().unwrap().pop_front().unwrap_or("abc123")})
            }
            _ => json!({"listenKey": "abc123"}),
        };
        let keyed = request.headers().keys().any(|name| name.as_str().to_lowercase().contains("apikey"));
        let keyed = if keyed { " keyed" } else { "" };
        self.made.lock().unwrap().push(format!("{} {path}{keyed}", request.method()));
        Ok(http::Response::new(Bytes::from(answer.to_string())))
    }
}

async fn hints(mut stream: Box<dyn Subscription>, count: usize) -> Vec<Hint> {
    let mut hints = Vec::new();
    for _ in 0..count {
        hints.push(stream.next().await.unwrap());
    }
    let shown = format!("{stream:?}");
    assert!(!shown.contains("abc123") && !shown.contains("canary"), "{shown}");
    hints
}

fn id() -> ClientOrderId {
    ClientOrderId::from_hash(&[7; 16])
}

fn symbol(name: &str) -> Option<Symbol> {
    Some(Symbol::new(name).unwrap())
}

#[tokio::test]
async fn hyperliquid_listens_to_one_account() {
    use evenkeel_hyperliquid::{Account, Environment, Reader, sign::AccountAddress};
    let user = "0x5e9ee1089755c3435139848e47e6635505d5a13a";
    let confirmed = json!({"channel": "subscriptionResponse", "data": {}});
    let script = Script::of(&[
        confirmed.clone(),
        confirmed.clone(),
        confirmed,
        json!({"channel": "orderUpdates", "data": [{"order": {"coin": "SOL", "oid": 1}, "status": "open"}]}),
    ]);
    let reader = Reader::builder()
        .environment(Environment::Mainnet)
        .account(Account::new(AccountAddress::parse(user).unwrap()))
        .sockets(Arc::new(script.clone()))
        .transport(Arc::new(Calls::default()))
        .build_reader()
        .unwrap();
    let stream = reader.read_abilities().stream.unwrap().subscribe();
    assert_eq!(hints(stream, 2).await, [Hint::Resumed, Hint::Order { symbol: symbol("SOL"), id: None }]);
    let said = script.said();
    assert_eq!(said[0], "wss://api.hyperliquid.xyz/ws");
    for (text, kind) in said[1..].iter().zip(["orderUpdates", "userEvents", "userNonFundingLedgerUpdates"]) {
        let said: Value = serde_json::from_str(text).unwrap();
        assert_eq!(said, json!({"method": "subscribe", "subscription": {"type": kind, "user": user}}));
    }
    assert_eq!(said.len(), 4);
}

#[tokio::test]
async fn a_stream_that_is_refused_is_told() {
    use evenkeel_hyperliquid::{Account, Environment, Reader, sign::AccountAddress};
    let script =
        Script::of(&[json!({"channel": "error", "data": "Invalid subscription https://x/?key=canary"})]);
    let reader = Reader::builder()
        .environment(Environment::Testnet)
        .account(Account::new(AccountAddress::parse("0x5e9ee1089755c3435139848e47e6635505d5a13a").unwrap()))
        .sockets(Arc::new(script))
        .transport(Arc::new(Calls::default()))
        .build_reader()
        .unwrap();
    let mut stream = reader.read_abilities().stream.unwrap().subscribe();
    let error = stream.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(
        error.to_string().contains("Invalid subscription") && !error.to_string().contains("canary"),
        "{error}"
    );
}

#[tokio::test]
async fn bybit_logs_in_and_subscribes() {
    use evenkeel_bybit::{Credentials, Environment, Reader};
    let script = Script::of(&[
        json!({"op": "auth", "success": true, "ret_msg": ""}),
        json!({"op": "subscribe", "success": true, "ret_msg": ""}),
        json!({"topic": "execution.linear", "data": [{"symbol": "SOLUSDT", "orderLinkId": id().as_str(), "execType": "Trade"}]}),
    ]);
    let variable =
        |name: &str| Some(if name.contains("SECRET") { "canary-secret" } else { "the-key" }.to_owned());
    let reader = Reader::builder()
        .environment(Environment::Demo)
        .credentials(Credentials::from_variables(&variable).unwrap())
        .sockets(Arc::new(script.clone()))
        .transport(Arc::new(Calls::default()))
        .build_reader()
        .unwrap();
    let stream = reader.read_abilities().stream.unwrap().subscribe();
    let heard = hints(stream, 2).await;
    assert_eq!(heard, [Hint::Resumed, Hint::Fill { symbol: symbol("SOLUSDT"), id: Some(id()) }]);
    let said = script.said();
    assert_eq!(said[0], "wss://stream-demo.bybit.com/v5/private");
    let login: Value = serde_json::from_str(&said[1]).unwrap();
    assert_eq!((&login["op"], &login["args"][0]), (&json!("auth"), &json!("the-key")));
    assert_eq!(login["args"][2].as_str().unwrap().len(), 64);
    assert!(said[2].contains("position.linear") && said.len() == 3 && !said.concat().contains("canary"));
}

fn binance(script: &Script, calls: &Arc<Calls>, clock: &Arc<Virtual>) -> Box<dyn Subscription> {
    use evenkeel_binance::{Credentials, Environment, Reader};
    let variable = |name: &str| match name {
        name if name.contains("ED25519") => None,
        name if name.contains("SECRET") => Some("canary-secret".to_owned()),
        _ => Some("the-key".to_owned()),
    };
    let reader = Reader::builder()
        .environment(Environment::Mainnet)
        .credentials(Credentials::from_variables(&variable).unwrap())
        .sockets(Arc::new(script.clone()))
        .transport(calls.clone())
        .clock(clock.clone())
        .build_reader()
        .unwrap();
    reader.read_abilities().stream.unwrap().subscribe()
}

#[tokio::test]
async fn binance_asks_for_a_key_and_connects_with_it() {
    let script = Script::of(&[
        json!({"e": "ACCOUNT_CONFIG_UPDATE", "ac": {"s": "SOLUSDT", "l": 2}}),
        json!({"e": "listenKeyExpired"}),
    ]);
    let calls = Calls::keeping(&[]);
    let stream = binance(&script, &calls, &Virtual::starts());
    let heard = hints(stream, 3).await;
    assert_eq!(heard, [Hint::Resumed, Hint::Setting { symbol: symbol("SOLUSDT") }, Hint::Resumed]);
    // A new key after the old one expired; none of the calls is signed.
    assert_eq!(*calls.made.lock().unwrap(), ["POST /fapi/v1/listenKey keyed"; 2]);
    assert_eq!(script.said(), ["wss://fstream.binance.com/private/ws/abc123"; 2]);
}

#[tokio::test]
async fn binance_connects_anew_when_another_key_was_extended() {
    let clock = Virtual::starts();
    let script = Script { beats: Some(clock.clone()), ..Script::default() };
    let calls = Calls::keeping(&["abc123", "other"]);
    assert_eq!(hints(binance(&script, &calls, &clock), 2).await, [Hint::Resumed, Hint::Resumed]);
    // The first extension was that of our key.
    let (given, kept) = ("POST /fapi/v1/listenKey keyed", "PUT /fapi/v1/listenKey keyed");
    assert_eq!(*calls.made.lock().unwrap(), [given, kept, kept, given]);
    let minutes = clock.passed() / 60_000;
    assert!((60..65).contains(&minutes), "{minutes}");
}

#[tokio::test]
async fn binance_is_silent_after_four_minutes() {
    let (script, clock) = (Script::default(), Virtual::starts());
    let stream = binance(&script, &Calls::keeping(&[]), &clock);
    assert_eq!(hints(stream, 2).await, [Hint::Resumed, Hint::Resumed]);
    // And two seconds of doubt, and the wait before the next attempt.
    assert_eq!(clock.passed(), 242_250);
}

fn bingx(script: &Script, calls: &Arc<Calls>, clock: &Arc<Virtual>) -> Box<dyn Subscription> {
    use evenkeel_bingx::{Credentials, Environment, Reader};
    let variable =
        |name: &str| Some(if name.contains("SECRET") { "canary-secret" } else { "the-key" }.to_owned());
    let reader = Reader::builder()
        .environment(Environment::Demo)
        .credentials(Credentials::from_variables(&variable).unwrap())
        .sockets(Arc::new(script.clone()))
        .transport(calls.clone())
        .clock(clock.clone())
        .build_reader()
        .unwrap();
    reader.read_abilities().stream.unwrap().subscribe()
}

#[tokio::test]
async fn bingx_asks_for_a_key_and_connects_with_it() {
    let script = Script::of(&[
        json!({"e": "ORDER_TRADE_UPDATE", "o": {"s": "SOL-USDT", "c": id().as_str(), "x": "NEW"}}),
    ]);
    script.hears.lock().unwrap().push_front(Message::Text("Ping".to_owned()));
    let calls = Calls::keeping(&[]);
    let stream = bingx(&script, &calls, &Virtual::starts());
    let heard = hints(stream, 2).await;
    assert_eq!(heard, [Hint::Resumed, Hint::Order { symbol: symbol("SOL-USDT"), id: Some(id()) }]);
    assert_eq!(script.said(), ["wss://vst-open-api-ws.bingx.com/swap-market?listenKey=abc123", "Pong"]);
    assert_eq!(calls.made.lock().unwrap().last().unwrap(), "POST /openApi/user/auth/userDataStream keyed");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_an_interruption() {
    let broken = [
        Message::Binary(Bytes::from_static(&[0x1f, 0x8b, 8, 0])),
        Message::Text(r#"{"e": "ORDER_TRADE_UPDATE", "o"#.to_owned()),
    ];
    for message in broken {
        let script = Script::of(&[]);
        script.hears.lock().unwrap().push_back(message.clone());
        let clock = Virtual::starts();
        let heard = hints(binance(&script, &Calls::keeping(&[]), &clock), 2).await;
        assert_eq!((heard, clock.passed()), (vec![Hint::Resumed, Hint::Resumed], 2000));
        script.hears.lock().unwrap().push_back(message);
        let clock = Virtual::starts();
        let heard = hints(bingx(&script, &Calls::keeping(&[]), &clock), 2).await;
        assert_eq!((heard, clock.passed()), (vec![Hint::Resumed, Hint::Resumed], 2000));
    }
}

#[tokio::test]
async fn another_server_has_its_streams_beside_its_calls() {
    use evenkeel_binance::{Credentials, Environment, Reader};
    let script = Script::default();
    let variable = |name: &str| (!name.contains("ED25519")).then(|| "x".to_owned());
    let reader = Reader::builder()
        .environment(Environment::Demo)
        .credentials(Credentials::from_variables(&variable).unwrap())
        .base_url("http://127.0.0.1:3001")
        .sockets(Arc::new(script.clone()))
        .transport(Arc::new(Calls::default()))
        .build_reader()
        .unwrap();
    let stream = reader.read_abilities().stream.unwrap().subscribe();
    assert_eq!(hints(stream, 1).await, [Hint::Resumed]);
    assert_eq!(script.said(), ["ws://127.0.0.1:3001/private/ws/abc123"]);
}
