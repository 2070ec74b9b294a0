//! A client with a key, and where the shared recordings are.

use std::path::PathBuf;

use bytes::Bytes;
use evenkeel_types::{Symbol, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, Response};
use serde_json::Value;
use sha2::Sha256;

use crate::binance::{Builder, Server};
use crate::{Blueprint, Venue};

/// 2026-03-01T10:20:00Z.
pub(crate) const START: Timestamp = Timestamp(1_772_360_400_000);

pub(crate) fn fixture(name: &str) -> Option<Value> {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let folder = std::env::var_os("EVENKEEL_FIXTURES").map_or_else(default, PathBuf::from);
    if !folder.is_dir() {
        assert!(
            std::env::var_os("EVENKEEL_FIXTURES_REQUIRED").is_none_or(|value| value != "1"),
            "{} is required and not there",
            folder.display()
        );
        return None;
    }
    let text = std::fs::read_to_string(folder.join(name)).expect("a fixture is readable");
    Some(serde_json::from_str(&text).expect("a fixture is JSON"))
}

pub(crate) struct Client {
    pub(crate) server: Server,
    pub(crate) now: Timestamp,
    pub(crate) account: String,
}

impl Client {
    pub(crate) fn new(builder: Builder) -> Self {
        let server = builder.build_at(START).unwrap();
        let account = server.names()[0].to_owned();
        Self { server, now: START, account }
    }

    pub(crate) fn send(&mut self, request: Request<Bytes>) -> (u16, Value) {
        let answer = self.server.handle(self.now, request);
        read(&answer)
    }

    pub(crate) fn public(&mut self, path: &str) -> Value {
        let (status, body) = self.send(Request::get(path).body(Bytes::new()).unwrap());
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// A signed request with everything in the query.
    pub(crate) fn request(&self, method: &str, path: &str, params: &str) -> Request<Bytes> {
        let key = self.server.key(&self.account).unwrap();
        let joint = if params.is_empty() { "" } else { "&" };
        let query = format!("{params}{joint}timestamp={}", self.now.0);
        let url = format!("{path}?{query}&signature={}", sign(key.secret(), &query));
        let request = Request::builder().method(method).uri(url).header("x-mbx-apikey", key.id());
        request.body(Bytes::new()).unwrap()
    }

    pub(crate) fn call(&mut self, method: &str, path: &str, params: &str) -> (u16, Value) {
        let request = self.request(method, path, params);
        self.send(request)
    }

    /// A call that succeeds.
    pub(crate) fn done(&mut self, method: &str, path: &str, params: &str) -> Value {
        let (status, body) = self.call(method, path, params);
        assert_eq!(status, 200, "{method} {path} {params}: {body}");
        body
    }

    pub(crate) fn ask(&mut self, path: &str, params: &str) -> Value {
        self.done("GET", path, params)
    }

    /// A call that is refused: its code and text.
    pub(crate) fn refused(&mut self, method: &str, path: &str, params: &str) -> (i64, String) {
        let (status, body) = self.call(method, path, params);
        assert_ne!(status, 200, "{method} {path} {params}: {body}");
        (body["code"].as_i64().unwrap(), body["msg"].as_str().unwrap().to_owned())
    }

    pub(crate) fn order(&mut self, params: &str) -> Value {
        self.done("POST", "/fapi/v1/order", &format!("{params}&newOrderRespType=RESULT"))
    }

    pub(crate) fn price(&mut self, symbol: &str, price: &str) {
        let symbol: Symbol = symbol.parse().unwrap();
        self.server.advance_to(self.now);
        self.server.set_price(&symbol, price.parse().unwrap()).unwrap();
    }

    pub(crate) fn wait(&mut self, milliseconds: u64) {
        self.now = Timestamp(self.now.0 + milliseconds);
    }
}

pub(crate) fn read(answer: &Response<Bytes>) -> (u16, Value) {
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

pub(crate) fn sign(secret: &str, message: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A market order.
pub(crate) fn market(symbol: &str, side: &str, qty: &str) -> String {
    format!("symbol={symbol}&side={side}&type=MARKET&quantity={qty}")
}

/// A limit order.
pub(crate) fn limit(symbol: &str, side: &str, qty: &str, price: &str, tif: &str) -> String {
    format!("symbol={symbol}&side={side}&type=LIMIT&timeInForce={tif}&quantity={qty}&price={price}")
}
