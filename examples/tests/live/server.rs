//! A scripted venue on this machine: answers by the type of the question, and counts what was signed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use evenkeel_exchange::{Clock as _, SystemClock};
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// A test key, known to everybody. Its digits must not be in any output.
pub(crate) const KEY: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
/// Its address.
pub(crate) const AGENT: &str = "0x14791697260e4c9a71f18484c9f997b308e59325";
pub(crate) const MASTER: &str = "0x5e9ee1089755c3435139848e47e6635505d5a13a";
/// When the recorded account was recorded.
const RECORDED: &str = "1751364005123";

#[derive(Debug, Default)]
struct Script {
    answers: BTreeMap<String, String>,
    signed: usize,
    /// Answers carry the present time, as a venue's do.
    live: bool,
}

#[derive(Debug, Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

impl Respond for Scripted {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = serde_json::from_slice(&request.body).expect("every request has a JSON body");
        let mut script = self.0.lock().unwrap();
        if request.url.path() != "/info" {
            script.signed += 1;
            let refused = json!({"error": "Insufficient margin to place order. asset=0"});
            let answer = json!({"type": "order", "data": {"statuses": [refused]}});
            return ResponseTemplate::new(200).set_body_json(json!({"status": "ok", "response": answer}));
        }
        let kind = body["type"].as_str().expect("a type");
        let detail = body["coin"].as_str().or(body["user"].as_str()).unwrap_or_default();
        let answer = script.answers.get(&format!("{kind} {detail}")).or_else(|| script.answers.get(kind));
        match answer {
            None => ResponseTemplate::new(500).set_body_string(format!("no answer is scripted for {body}")),
            Some(text) => {
                let now = SystemClock::new().now().to_string();
                let time = if script.live { &now } else { RECORDED };
                ResponseTemplate::new(200).set_body_raw(text.replace(RECORDED, time), "application/json")
            }
        }
    }
}

pub(crate) struct Server {
    mock: MockServer,
    script: Scripted,
}

impl Server {
    /// With the project's own recorded account behind it: SOL at 2x, BTC at 10x, both cross.
    pub(crate) async fn start() -> Self {
        let mock = MockServer::start().await;
        let script = Scripted::default();
        Mock::given(method("POST")).respond_with(script.clone()).mount(&mock).await;
        let server = Self { mock, script };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded/hyperliquid");
        for (kind, file) in [
            ("clearinghouseState", "clearinghouseState.json"),
            ("metaAndAssetCtxs", "metaAndAssetCtxs.json"),
            ("spotClearinghouseState", "spotClearinghouseState.json"),
            ("frontendOpenOrders", "openOrders.json"),
            ("userAbstraction", "userAbstraction.json"),
        ] {
            server.answer(kind, &std::fs::read_to_string(folder.join(file)).expect("the recorded account"));
        }
        server.script.0.lock().unwrap().live = true;
        server.answer("perpDexs", "[null]");
        server.answer(
            "userFees",
            r#"{"userCrossRate":"0.00045","userAddRate":"0.00015","activeReferralDiscount":"0.0"}"#,
        );
        server.answer("exchangeStatus", &format!(r#"{{"time":{RECORDED},"specialStatuses":null}}"#));
        server.answer("userRateLimit", r#"{"cumVlm":"2000.0","nRequestsUsed":2890,"nRequestsCap":12000}"#);
        server.answer(&format!("userRole {MASTER}"), r#"{"role":"user"}"#);
        server.answer(
            &format!("userRole {AGENT}"),
            &json!({"role": "agent", "data": {"user": MASTER}}).to_string(),
        );
        server.answer(
            "extraAgents",
            &json!([{"name": "evenkeel", "address": AGENT, "validUntil": 4_102_444_800_000_u64}]).to_string(),
        );
        for (coin, leverage) in [("ETH", 20), ("HYPE", 10), ("SOL", 2), ("BTC", 10)] {
            let asset = json!({
                "user": MASTER, "coin": coin, "leverage": {"type": "cross", "value": leverage},
                "maxTradeSzs": ["1.0", "1.0"], "availableToTrade": ["134.107654", "134.107654"], "markPx": "1.0",
            });
            server.answer(&format!("activeAssetData {coin}"), &asset.to_string());
        }
        server
    }

    pub(crate) fn answer(&self, kind: &str, text: &str) {
        self.script.0.lock().unwrap().answers.insert(kind.to_owned(), text.to_owned());
    }

    pub(crate) fn forget(&self, kind: &str) {
        self.script.0.lock().unwrap().answers.remove(kind);
    }

    /// Answers as old as they are.
    pub(crate) fn grow_old(&self) {
        self.script.0.lock().unwrap().live = false;
    }

    /// How many signed actions came.
    pub(crate) fn signed(&self) -> usize {
        self.script.0.lock().unwrap().signed
    }

    pub(crate) fn url(&self) -> String {
        self.mock.uri()
    }
}
