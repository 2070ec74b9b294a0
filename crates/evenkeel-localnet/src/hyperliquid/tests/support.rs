//! A bot with a key, and where the shared recordings are.

use std::path::PathBuf;

use bytes::Bytes;
use evenkeel_types::Timestamp;
use http::{Request, Response};
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};

use crate::hyperliquid::action::Action;
use crate::hyperliquid::crypto::{Address, Around, TestKey, connection_id, hex, l1_digest};
use crate::hyperliquid::{Builder, Server};
use crate::{Blueprint, Venue};

/// 2026-03-01T10:20:00Z.
pub(crate) const START: Timestamp = Timestamp(1_772_360_400_000);

/// The folder of recorded answers; `None` where there is none, which is an error only where they are required.
pub(crate) fn fixtures() -> Option<PathBuf> {
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

pub(crate) struct Bot {
    pub(crate) server: Server,
    pub(crate) now: Timestamp,
    pub(crate) nonce: u64,
    pub(crate) account: Address,
    pub(crate) key: TestKey,
    pub(crate) vault: Option<Address>,
}

impl Bot {
    pub(crate) fn new(builder: Builder) -> Self {
        let server = builder.build_at(START).unwrap();
        let account = server.addresses()[0];
        let key = server.agent_key(account).unwrap().clone();
        Self { server, now: START, nonce: START.0, account, key, vault: None }
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Response<Bytes> {
        let request = Request::post(path).body(Bytes::from(body.to_string())).unwrap();
        self.server.handle(self.now, request)
    }

    pub(crate) fn ask(&mut self, question: Value) -> Value {
        let answer = self.post("/info", &question);
        assert_eq!(answer.status(), 200, "{question}: {:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// A question about our account.
    pub(crate) fn about(&mut self, kind: &str) -> Value {
        let user = self.account.to_string();
        self.ask(json!({"type": kind, "user": user}))
    }

    pub(crate) fn signed(&mut self, action: &Value, nonce: u64, expires: Option<u64>) -> Value {
        let mut typed = Action::parse(action.clone()).unwrap();
        typed.normalise().unwrap();
        let around = Around { nonce, vault: self.vault, expires_after: expires };
        let digest = l1_digest(&connection_id(&typed.packed(), around), false);
        json!({
            "action": action, "nonce": nonce, "signature": sign(&self.key, &digest),
            "vaultAddress": self.vault.map(|vault| vault.to_string()), "expiresAfter": expires,
        })
    }

    pub(crate) fn send(&mut self, body: &Value) -> Value {
        let answer = self.post("/exchange", body);
        assert_eq!(answer.status(), 200, "{body}: {:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    /// The whole answer to an action.
    pub(crate) fn act(&mut self, action: Value) -> Value {
        self.nonce += 1;
        let body = self.signed(&action, self.nonce, None);
        self.send(&body)
    }

    /// The text of an action that is refused whole.
    pub(crate) fn refused(&mut self, action: Value) -> String {
        let answer = self.act(action);
        assert_eq!(answer["status"], "err", "{answer}");
        answer["response"].as_str().unwrap().to_owned()
    }

    pub(crate) fn done(&mut self, action: Value) {
        assert_eq!(self.act(action), json!({"status": "ok", "response": {"type": "default"}}));
    }

    pub(crate) fn statuses(&mut self, action: Value) -> Vec<Value> {
        let answer = self.act(action);
        assert_eq!(answer["status"], "ok", "{answer}");
        answer["response"]["data"]["statuses"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }

    pub(crate) fn order(&mut self, order: Value) -> Value {
        let mut statuses = self.statuses(orders(&[order]));
        assert_eq!(statuses.len(), 1);
        statuses.remove(0)
    }
}

pub(crate) fn sign(key: &TestKey, digest: &[u8; 32]) -> Value {
    let bytes = key.hex();
    let bytes: Vec<u8> =
        (2..66).step_by(2).map(|at| u8::from_str_radix(&bytes[at..at + 2], 16).unwrap()).collect();
    let key = SigningKey::from_slice(&bytes).unwrap();
    let (signature, recovery) = key.sign_prehash_recoverable(digest);
    let (r, s) = signature.split_bytes();
    json!({"r": hex(&r), "s": hex(&s), "v": 27 + u32::from(recovery.to_byte())})
}

pub(crate) fn orders(orders: &[Value]) -> Value {
    json!({"type": "order", "orders": orders, "grouping": "na"})
}

/// A limit order.
pub(crate) fn limit(asset: u32, buy: bool, price: &str, size: &str, tif: &str) -> Value {
    json!({"a": asset, "b": buy, "p": price, "s": size, "r": false, "t": {"limit": {"tif": tif}}})
}

pub(crate) fn reducing(mut order: Value) -> Value {
    order["r"] = json!(true);
    order
}

pub(crate) fn named(mut order: Value, cloid: u32) -> Value {
    order["c"] = json!(format!("0x{cloid:032x}"));
    order
}

pub(crate) fn trigger(asset: u32, buy: bool, price: &str, size: &str, tpsl: &str, limit: &str) -> Value {
    let trigger = json!({"isMarket": true, "triggerPx": price, "tpsl": tpsl});
    json!({"a": asset, "b": buy, "p": limit, "s": size, "r": true, "t": {"trigger": trigger}})
}
