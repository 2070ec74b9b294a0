//! A bot with a key, and where the shared recordings are.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use evenkeel_types::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, Response};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::bybit::{ApiKey, Builder, Server};
use crate::{Blueprint, Venue};

/// 2026-03-01T10:20:00Z.
pub(crate) const START: Timestamp = Timestamp(1_772_360_400_000);

/// The folder of recorded answers; `None` where there is none, which is an error only where they are required.
fn fixtures() -> Option<PathBuf> {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let folder = std::env::var_os("EVENKEEL_FIXTURES").map_or_else(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("EVENKEEL_FIXTURES_REQUIRED").is_none_or(|value| value != "1"),
        "{} is required and not there",
        folder.display()
    );
    None
}

pub(crate) fn fixture(name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(fixtures()?.join(name)).expect("a fixture is readable");
    Some(serde_json::from_str(&text).expect("a fixture is JSON"))
}

pub(crate) fn sign(secret: &str, message: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A client that signs by the documentation.
pub(crate) struct Bot {
    pub(crate) server: Server,
    pub(crate) now: Timestamp,
    pub(crate) key: ApiKey,
}

impl Bot {
    /// Of the first account.
    pub(crate) fn new(builder: Builder) -> Self {
        let server = builder.build_at(START).unwrap();
        let name = server.accounts()[0].to_owned();
        let key = server.key(&name).unwrap().clone();
        Self { server, now: START, key }
    }

    pub(crate) fn send(&mut self, request: Request<Bytes>) -> Response<Bytes> {
        self.server.handle(self.now, request)
    }

    /// A signed request.
    pub(crate) fn signed(
        &mut self,
        path: &str,
        query: Option<&str>,
        body: Option<&Value>,
    ) -> Response<Bytes> {
        let (time, body) = (self.now.0, body.map(Value::to_string).unwrap_or_default());
        let rest = query.unwrap_or(&body);
        let signature = sign(self.key.secret(), &format!("{time}{}5000{rest}", self.key.id()));
        let method = if query.is_some() { "GET" } else { "POST" };
        let request = Request::builder()
            .method(method)
            .uri(
                query
                    .filter(|query| !query.is_empty())
                    .map_or(path.to_owned(), |query| format!("{path}?{query}")),
            )
            .header("X-BAPI-API-KEY", self.key.id())
            .header("X-BAPI-TIMESTAMP", time.to_string())
            .header("X-BAPI-RECV-WINDOW", "5000")
            .header("X-BAPI-SIGN", signature)
            .body(Bytes::from(body))
            .unwrap();
        self.send(request)
    }

    pub(crate) fn get(&mut self, path: &str, query: &str) -> Value {
        let answer = self.signed(&format!("/v5/{path}"), Some(query), None);
        serde_json::from_slice(answer.body()).unwrap()
    }

    pub(crate) fn post(&mut self, path: &str, body: Value) -> Value {
        let answer = self.signed(&format!("/v5/{path}"), None, Some(&body));
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// The result of what is not refused.
    pub(crate) fn ask(&mut self, path: &str, query: &str) -> Value {
        let answer = self.get(path, query);
        assert_eq!(answer["retCode"], 0, "{path}?{query}: {answer}");
        answer["result"].clone()
    }

    pub(crate) fn act(&mut self, path: &str, body: Value) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer["retCode"], 0, "{path}: {answer}");
        answer["result"].clone()
    }

    /// Code and words of what is refused.
    pub(crate) fn refused(&mut self, path: &str, body: Value) -> (u64, String) {
        let answer = self.post(path, body);
        (answer["retCode"].as_u64().unwrap(), answer["retMsg"].as_str().unwrap().to_owned())
    }

    pub(crate) fn wait(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
        self.server.advance_to(self.now);
    }

    /// An order, carried out; its id.
    pub(crate) fn order(&mut self, body: Value) -> String {
        let id = self.act("order/create", body)["orderId"].as_str().unwrap().to_owned();
        self.wait(200);
        id
    }

    /// An order as it is shown.
    pub(crate) fn shown(&mut self, id: &str) -> Value {
        let found = self.ask("order/realtime", &format!("category=linear&orderId={id}"));
        found["list"][0].clone()
    }

    pub(crate) fn position(&mut self, symbol: &str) -> Value {
        self.ask("position/list", &format!("category=linear&symbol={symbol}"))["list"][0].clone()
    }

    pub(crate) fn price(&mut self, symbol: &str, price: &str) {
        self.server.set_price(&symbol.parse().unwrap(), price.parse().unwrap()).unwrap();
    }
}

pub(crate) fn market(symbol: &str, side: &str, qty: &str) -> Value {
    json!({"category": "linear", "symbol": symbol, "side": side, "orderType": "Market", "qty": qty})
}

pub(crate) fn limit(symbol: &str, side: &str, qty: &str, price: &str) -> Value {
    with(market(symbol, side, qty), json!({"orderType": "Limit", "price": price}))
}

pub(crate) fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}
