//! A scripted venue on wiremock: answers by the type of the question, and keeps what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_exchange::{Clock, async_trait};
use evenkeel_hyperliquid::sign::AgentKey;
use evenkeel_hyperliquid::{Account, Credentials, Environment, Hyperliquid, sign::AccountAddress};
use evenkeel_types::Timestamp;
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::support;

pub(crate) const KEY: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
pub(crate) const MASTER: &str = "0x5e9ee1089755c3435139848e47e6635505d5a13a";

/// A clock that runs by being looked at, and sleeps by being set: nothing here waits.
#[derive(Debug)]
pub(crate) struct Virtual(AtomicU64);

impl Virtual {
    /// At the time of the project's recorded account.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_751_364_005_000)))
    }
}

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::SeqCst))
    }

    async fn sleep(&self, wait: Duration) {
        self.0.fetch_add(u64::try_from(wait.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

/// An answer: status and body.
#[derive(Debug, Clone)]
pub(crate) struct Reply(pub(crate) u16, pub(crate) Vec<u8>);

impl Reply {
    #[allow(clippy::needless_pass_by_value, reason = "it is always given a literal")]
    pub(crate) fn json(value: Value) -> Self {
        Self(200, value.to_string().into_bytes())
    }
}

#[derive(Debug, Default)]
struct Script {
    /// By type, or by type and coin or dex: `activeAssetData SOL`.
    info: BTreeMap<String, Reply>,
    /// One after the other; then every action is accepted with one outcome for each part.
    exchange: VecDeque<Reply>,
    log: Vec<(String, Value)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Scripted(Arc<Mutex<Script>>);

impl Respond for Scripted {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = serde_json::from_slice(&request.body).expect("every request has a JSON body");
        let path = request.url.path().to_owned();
        let mut script = self.0.lock().unwrap();
        script.log.push((path.clone(), body.clone()));
        let reply = if path == "/info" {
            let kind = body["type"].as_str().expect("a type").to_owned();
            let detail = body["coin"].as_str().or(body["dex"].as_str());
            let exact = detail.and_then(|detail| script.info.get(&format!("{kind} {detail}"))).cloned();
            let reply = exact.or_else(|| script.info.get(&kind).cloned());
            reply.unwrap_or_else(|| Reply(422, format!("no answer is scripted for {body}").into_bytes()))
        } else {
            script.exchange.pop_front().unwrap_or_else(|| accepted(&body["action"]))
        };
        ResponseTemplate::new(reply.0).set_body_raw(reply.1, "application/json")
    }
}

/// What the venue answers when everything goes well.
fn accepted(action: &Value) -> Reply {
    let entries = |kind: &str, statuses: Vec<Value>| {
        Reply::json(json!({"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}))
    };
    match action["type"].as_str() {
        Some("order") => {
            let orders = action["orders"].as_array().unwrap().iter().enumerate();
            let filled = |(index, order): (usize, &Value)| json!({"filled": {"totalSz": order["s"], "avgPx": order["p"], "oid": 1000 + index, "cloid": order["c"]}});
            entries("order", orders.map(filled).collect())
        }
        Some("cancel" | "cancelByCloid") => entries(
            "cancel",
            action["cancels"].as_array().unwrap().iter().map(|_| json!("success")).collect(),
        ),
        _ => Reply::json(json!({"status": "ok", "response": {"type": "default"}})),
    }
}

pub(crate) struct Server {
    pub(crate) mock: MockServer,
    script: Scripted,
    key: String,
}

/// A key that no other server has: what was sent with a key is remembered by the whole process. All but the last four
/// digits are those of [`KEY`].
fn fresh_key() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    format!("{}{:04x}", &KEY[..62], NUMBER.fetch_add(1, Ordering::SeqCst))
}

impl Server {
    /// With the project's own recorded account behind it.
    pub(crate) async fn start() -> Self {
        // Not from the pool: a port that is used again brings its rate limit with it.
        let mock = MockServer::builder().start().await;
        let script = Scripted::default();
        Mock::given(method("POST")).respond_with(script.clone()).mount(&mock).await;
        let server = Self { mock, script, key: fresh_key() };
        let account = support::Account::example();
        server.info("clearinghouseState", Reply(200, account.state));
        server.info("metaAndAssetCtxs", Reply(200, account.markets));
        server.info("spotClearinghouseState", Reply(200, account.spot));
        server.info("frontendOpenOrders", Reply(200, account.orders));
        server.info("userAbstraction", Reply(200, account.abstraction));
        server.info("perpDexs", Reply::json(json!([null])));
        server.info(
            "userFees",
            Reply::json(json!({"userCrossRate": "0.00045", "userAddRate": "0.00015", "activeReferralDiscount": "0.0"})),
        );
        server.info(
            "exchangeStatus",
            Reply::json(json!({"time": 1_751_364_005_200_u64, "specialStatuses": null})),
        );
        for (coin, leverage) in [("ETH", 20), ("HYPE", 10), ("SOL", 2), ("BTC", 10), ("MEGA", 3)] {
            server.info(&format!("activeAssetData {coin}"), asset(coin, "cross", leverage, "134.107654"));
        }
        server
    }

    pub(crate) fn info(&self, kind: &str, reply: Reply) {
        self.script.0.lock().unwrap().info.insert(kind.to_owned(), reply);
    }

    pub(crate) fn exchange(&self, reply: Reply) {
        self.script.0.lock().unwrap().exchange.push_back(reply);
    }

    /// What was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.script.0.lock().unwrap().log)
    }

    /// The signed actions since the last look.
    pub(crate) fn actions(&self) -> Vec<Value> {
        self.asked().into_iter().filter(|(path, _)| path == "/exchange").map(|(_, body)| body).collect()
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn venue(&self) -> Hyperliquid {
        let account = Account::new(AccountAddress::parse(MASTER).unwrap());
        let credentials = Credentials::agent(AgentKey::from_hex(&self.key).unwrap(), account);
        Hyperliquid::builder()
            .environment(Environment::Testnet)
            .credentials(credentials)
            .base_url(self.mock.uri())
            .clock(Virtual::new())
            .build()
            .unwrap()
    }
}

pub(crate) fn asset(coin: &str, mode: &str, leverage: u32, available: &str) -> Reply {
    Reply::json(json!({
        "user": MASTER, "coin": coin, "leverage": {"type": mode, "value": leverage},
        "maxTradeSzs": ["1.0", "1.0"], "availableToTrade": [available, available], "markPx": "1.0",
    }))
}
