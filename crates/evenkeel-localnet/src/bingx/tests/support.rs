//! A bot with a key, and where the shared recordings are.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use evenkeel_types::{Price, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, Response};
use serde_json::Value;
use sha2::Sha256;

use crate::bingx::{AccountSpec, Builder, Server};
use crate::{Blueprint, Venue};

/// 2026-03-01T10:20:00Z.
pub(crate) const START: Timestamp = Timestamp(1_772_360_400_000);
pub(crate) const SOL: &str = "SOL-USDT";
pub(crate) const BTC: &str = "BTC-USDT";

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

pub(crate) fn digest(secret: &str, message: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub(crate) type Pairs<'a> = &'a [(&'a str, &'a str)];

pub(crate) struct Bot {
    pub(crate) server: Server,
    pub(crate) now: Timestamp,
    pub(crate) key: String,
    pub(crate) secret: String,
}

impl Bot {
    pub(crate) fn new(builder: Builder) -> Self {
        let server = builder.build_at(START).unwrap();
        let key = server.key("main").unwrap();
        let (key, secret) = (key.id().to_owned(), key.secret().to_owned());
        Self { server, now: START, key, secret }
    }

    /// With 10 000 USDT and nothing else.
    pub(crate) fn flat() -> Self {
        Self::new(Server::builder())
    }

    pub(crate) fn hedged() -> Self {
        Self::new(Server::builder().account(AccountSpec::named("main").hedge()))
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.now = self.now.after(Duration::from_millis(millis));
        self.server.advance_to(self.now);
    }

    pub(crate) fn price(&mut self, symbol: &str, price: &str) {
        self.server.set_price(&symbol.parse().unwrap(), price.parse::<Price>().unwrap()).unwrap();
    }

    pub(crate) fn signed(&self, params: Pairs<'_>) -> String {
        let time = self.now.0.to_string();
        let all = || params.iter().copied().chain([("timestamp", time.as_str())]);
        let raw: Vec<String> = all().map(|(name, value)| format!("{name}={value}")).collect();
        let sent: Vec<String> = all().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        format!("{}&signature={}", sent.join("&"), digest(&self.secret, &raw.join("&")))
    }

    pub(crate) fn request(&self, method: &str, path: &str, query: &str) -> Request<Bytes> {
        let uri = format!("/openApi/{path}?{query}");
        let request = Request::builder().method(method).uri(uri).header("X-BX-APIKEY", &self.key);
        request.body(Bytes::new()).unwrap()
    }

    pub(crate) fn raw(&mut self, method: &str, path: &str, params: Pairs<'_>) -> Response<Bytes> {
        let request = self.request(method, path, &self.signed(params));
        self.server.handle(self.now, request)
    }

    /// The whole answer. A second passes before, so that no limit is in the way.
    pub(crate) fn call(&mut self, method: &str, path: &str, params: Pairs<'_>) -> Value {
        self.pass(1000);
        let answer = self.raw(method, path, params);
        assert_eq!(answer.status(), 200, "{path}: {:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// What a call that succeeds has in `data`.
    pub(crate) fn data(&mut self, method: &str, path: &str, params: Pairs<'_>) -> Value {
        let answer = self.call(method, path, params);
        assert_eq!(answer["code"], 0, "{path}: {answer}");
        answer["data"].clone()
    }

    pub(crate) fn get(&mut self, path: &str, params: Pairs<'_>) -> Value {
        self.data("GET", path, params)
    }

    pub(crate) fn post(&mut self, path: &str, params: Pairs<'_>) -> Value {
        self.data("POST", path, params)
    }

    pub(crate) fn refused(&mut self, method: &str, path: &str, params: Pairs<'_>) -> (u64, String) {
        let answer = self.call(method, path, params);
        (answer["code"].as_u64().unwrap(), answer["msg"].as_str().unwrap().to_owned())
    }

    /// An order in one-way mode, unless it says otherwise.
    fn form<'a>(head: [&'a str; 3], more: Pairs<'a>) -> Vec<(&'a str, &'a str)> {
        let [symbol, side, kind] = head;
        let mut params = vec![("symbol", symbol), ("side", side), ("positionSide", "BOTH"), ("type", kind)];
        params.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        params.extend_from_slice(more);
        params
    }

    /// Places an order and answers its number.
    pub(crate) fn order(&mut self, head: [&str; 3], more: Pairs<'_>) -> u64 {
        let data = self.post("swap/v2/trade/order", &Self::form(head, more));
        let row = if data["order"].is_object() { &data["order"] } else { &data };
        row["orderId"].as_u64().unwrap()
    }

    pub(crate) fn order_refused(&mut self, head: [&str; 3], more: Pairs<'_>) -> (u64, String) {
        self.refused("POST", "swap/v2/trade/order", &Self::form(head, more))
    }

    pub(crate) fn row(&mut self, symbol: &str, id: u64) -> Value {
        let id = id.to_string();
        self.get("swap/v2/trade/order", &[("symbol", symbol), ("orderId", &id)])["order"].clone()
    }

    pub(crate) fn list(&mut self, path: &str, field: &str, params: Pairs<'_>) -> Vec<Value> {
        let data = self.get(path, params);
        let list = if field.is_empty() { &data } else { &data[field] };
        list.as_array().unwrap_or_else(|| panic!("{path}: {data}")).clone()
    }

    pub(crate) fn positions(&mut self) -> Vec<Value> {
        self.list("swap/v2/user/positions", "", &[])
    }

    pub(crate) fn open(&mut self) -> Vec<Value> {
        self.list("swap/v2/trade/openOrders", "orders", &[])
    }
}
