//! What every status, text and broken answer means for a write, a batch, and a read: one table.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_exchange::{Effect, ErrorKind, Observe as _, Trade as _, async_trait};
use evenkeel_http::{Transport, TransportError, TransportErrorKind};
use evenkeel_hyperliquid::sign::{AccountAddress, AgentKey};
use evenkeel_hyperliquid::{Account, Credentials, Environment, Hyperliquid};
use evenkeel_types::{Leverage, OrderIntent, Scope, Side};
use serde_json::json;

use crate::connector::{id, intent, unproven};
use crate::server::{KEY, MASTER, Virtual};
use crate::support::{Account as Recorded, symbol};

/// What comes back for an action.
#[derive(Debug, Clone)]
enum Fate {
    Answer(u16, Vec<u8>),
    Error(TransportErrorKind),
}

/// A venue without sockets: reads are answered from the project's own account, actions by the script, once each.
#[derive(Debug, Default)]
struct Wire {
    actions: Mutex<VecDeque<Fate>>,
    sent: Mutex<u32>,
    reads: Mutex<Option<Fate>>,
}

fn fated(fate: Fate) -> Result<http::Response<Bytes>, TransportError> {
    match fate {
        Fate::Answer(status, body) => Ok(http::Response::builder().status(status).body(body.into()).unwrap()),
        Fate::Error(kind) => Err(TransportError::new(kind, "scripted")),
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        if request.uri().path() == "/exchange" {
            *self.sent.lock().unwrap() += 1;
            let fate = self.actions.lock().unwrap().pop_front();
            return fated(fate.expect("an action that nobody expects"));
        }
        let question: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        let special = self.reads.lock().unwrap().clone();
        if let Some(fate) = special.filter(|_| question["type"] == "clearinghouseState") {
            return fated(fate);
        }
        let account = Recorded::example();
        let body = match question["type"].as_str().unwrap() {
            "clearinghouseState" => account.state,
            "metaAndAssetCtxs" => account.markets,
            "spotClearinghouseState" => account.spot,
            "frontendOpenOrders" => account.orders,
            "userAbstraction" => account.abstraction,
            "activeAssetData" => {
                let coin = question["coin"].as_str().unwrap();
                return fated(Fate::Answer(200, crate::server::asset(coin, "cross", 2, "1").1));
            }
            "perpDexs" => b"[null]".to_vec(),
            "userFees" => br#"{"userCrossRate":"0.00045","userAddRate":"0.00015"}"#.to_vec(),
            "exchangeStatus" => br#"{"time":1751364005200,"specialStatuses":null}"#.to_vec(),
            other => panic!("{other}"),
        };
        fated(Fate::Answer(200, body))
    }
}

/// At a host of its own: connectors to one host share a rate limit, and one of them is told to wait.
fn venue(wire: &Arc<Wire>, host: usize) -> Hyperliquid {
    let account = Account::new(AccountAddress::parse(MASTER).unwrap());
    Hyperliquid::builder()
        .environment(Environment::Testnet)
        .credentials(Credentials::agent(AgentKey::from_hex(KEY).unwrap(), account))
        .clock(Virtual::new())
        .base_url(format!("https://host{host}.test"))
        .transport(Arc::clone(wire) as Arc<dyn Transport>)
        .build()
        .unwrap()
}

use Effect::{NotApplied as No, Unknown as May};

fn answer(status: u16, body: &str) -> Fate {
    Fate::Answer(status, body.as_bytes().to_vec())
}

/// Fates that mean the same for every write.
fn table() -> Vec<(Fate, Effect, ErrorKind)> {
    use ErrorKind::{
        Auth, Decode, Invalid, Maintenance, RateLimited, Rejected, Timeout, Transport, Unclassified,
    };
    let refused =
        |text: &str| Fate::Answer(200, json!({"status": "err", "response": text}).to_string().into_bytes());
    let mut rows = vec![
        (Fate::Error(TransportErrorKind::NotSent), No, Transport),
        (Fate::Error(TransportErrorKind::Timeout), May, Timeout),
        (Fate::Error(TransportErrorKind::Broken), May, Transport),
        (Fate::Error(TransportErrorKind::TooLarge), May, Decode),
        (refused("User or API Wallet 0x4b6c5b1287e38b78e61d5dbca726d5e267eda747 does not exist."), No, Auth),
        (refused("Must deposit before performing actions. User: 0x4b6c"), No, Auth),
        (refused("Action already expired"), No, Timeout),
        (refused("Signed action over weight limit of 200."), No, Invalid),
        (
            refused(
                "Too many cumulative requests sent (37986 > 10436) for cumulative volume traded $437.92.",
            ),
            No,
            RateLimited,
        ),
        // Somebody used this nonce: perhaps a copy of this very request.
        (refused("Invalid nonce: duplicate nonce 1751364005200"), May, Rejected),
        (refused("Nobody has seen this text before"), May, Unclassified),
        (refused(""), May, Unclassified),
        (answer(422, "Failed to deserialize the JSON body into the target type"), No, Invalid),
        (answer(429, "null"), May, RateLimited),
    ];
    for status in [100, 204, 301, 302, 307, 400, 401, 403, 404, 408, 418] {
        rows.push((answer(status, "x"), May, Unclassified));
    }
    for status in [500, 502, 503, 504, 520, 599] {
        rows.push((answer(status, "<html>upstream error</html>"), May, Maintenance));
    }
    for broken in [
        "",
        "null",
        "{}",
        "[]",
        "true",
        "<html>",
        "{\"status\":\"ok\"}",
        "{\"status\":\"ok\",\"response\":{}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"new\"}}",
        "{\"status\":\"maybe\",\"response\":{\"type\":\"default\"}}",
        "{\"status\":\"err\"}",
        "{\"status\":\"err\",\"response\":{}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"order\"}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"order\",\"data\":{}}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"order\",\"data\":{\"statuses\":[]}}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"order\",\"data\":{\"statuses\":[{}]}}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"order\",\"data\":{\"statuses\":[{\"resting\":{\"oid\":1},\"error\":\"x\"}]}}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"order\",\"data\":{\"statuses\":[{\"filled\":{\"totalSz\":\"0.0\",\"avgPx\":\"1\",\"oid\":1}}]}}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"order\",\"data\":{\"statuses\":[{\"filled\":{\"totalSz\":\"NaN\",\"avgPx\":\"1\",\"oid\":1}}]}}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"order\",\"data\":{\"statuses\":[\"sleeping\"]}}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"order\",\"data\":{\"statuses\":[{\"resting\":{\"oid\":1}},{\"resting\":{\"oid\":2}}]}}}",
        "{\"status\":\"ok\",\"response\":{\"type\":\"order\",\"data\":{\"statuses\":[{\"resting\":{\"oid\":1}}",
    ] {
        rows.push((answer(200, broken), May, Decode));
    }
    rows
}

#[tokio::test]
async fn writes() {
    let wire = Arc::new(Wire::default());
    for (host, (fate, effect, kind)) in table().into_iter().enumerate() {
        let venue = venue(&wire, host);
        venue.snapshot(&Scope::default()).await.unwrap();
        let row = match &fate {
            Fate::Answer(status, body) => format!("{status} {}", String::from_utf8_lossy(body)),
            Fate::Error(kind) => format!("{kind:?}"),
        };
        let before = *wire.sent.lock().unwrap();
        wire.actions.lock().unwrap().push_back(fate.clone());
        let error =
            venue.place(&[unproven(intent("SOL", Side::Buy, "1", "150.12"))]).await.remove(0).unwrap_err();
        assert_eq!((error.effect(), error.kind()), (effect, kind), "{row}: {error}");
        assert_eq!(
            *wire.sent.lock().unwrap(),
            before + 1,
            "{row}: a write is sent once, whatever comes back"
        );
        assert!(!error.to_string().contains('\n'), "{error}");
        // After a 429 nothing more is sent for as long as the venue wants; a fresh connector does not know that.
        let venue = if kind == ErrorKind::RateLimited { self::venue(&wire, host + 1000) } else { venue };
        // A batch says an answer that is nobody's for all.
        wire.actions.lock().unwrap().push_back(fate.clone());
        let orders: Vec<_> = (1..=3)
            .map(|n| unproven(OrderIntent { id: id(n), ..intent("SOL", Side::Buy, "1", "150.12") }))
            .collect();
        for outcome in venue.place(&orders).await {
            let error = outcome.unwrap_err();
            assert_eq!((error.effect(), error.kind()), (effect, kind), "{row}: {error}");
        }
        let venue = if kind == ErrorKind::RateLimited { self::venue(&wire, host + 2000) } else { venue };
        // What the order answers are to an order, they are not to a setting; everything else is the same.
        wire.actions.lock().unwrap().push_back(fate);
        let error = venue.set_leverage(&symbol("SOL"), Leverage::new(7).unwrap()).await.unwrap_err();
        assert_eq!(error.effect(), effect, "{row}: {error}");
        assert_eq!(*wire.sent.lock().unwrap(), before + 3, "{row}");
    }
}

/// Each text of the venue's own list, as the refusal of one order among others.
#[tokio::test]
async fn refusals_of_single_orders() {
    let wire = Arc::new(Wire::default());
    let venue = venue(&wire, 5000);
    for (text, effect, kind) in [
        ("Order must have minimum value of $10. asset=1", No, ErrorKind::Invalid),
        ("Price must be divisible by tick size. asset=5", No, ErrorKind::Invalid),
        ("Insufficient margin to place order. asset=15", No, ErrorKind::InsufficientMargin),
        ("Reduce only order would increase position. asset=4", No, ErrorKind::ReduceOnly),
        ("Order could not immediately match against any resting orders. asset=0", No, ErrorKind::NoLiquidity),
        ("Post only order would have immediately matched, bbo was 1@2. asset=0", No, ErrorKind::Rejected),
        ("Order price cannot be more than 95% away from the reference price", No, ErrorKind::Rejected),
        ("Only post-only orders allowed immediately after network upgrade", No, ErrorKind::Maintenance),
        (
            "Order would cause position to exceed margin tier limit at current leverage",
            No,
            ErrorKind::InsufficientMargin,
        ),
        ("(Spot-only) Order has insufficient spot balance to trade", No, ErrorKind::InsufficientMargin),
        (
            "Some actions need it: Manually set leverage to acknowledge new margin tiers",
            No,
            ErrorKind::LeverageRefused,
        ),
        ("A brand new reason", May, ErrorKind::Unclassified),
    ] {
        let body = json!({"status": "ok", "response": {"type": "order", "data": {"statuses": [
            {"filled": {"totalSz": "1", "avgPx": "150.1", "oid": 1}}, {"error": text}]}}});
        wire.actions.lock().unwrap().push_back(answer(200, &body.to_string()));
        let orders =
            [1, 2].map(|n| unproven(OrderIntent { id: id(n), ..intent("SOL", Side::Buy, "1", "150.12") }));
        let outcomes = venue.place(&orders).await;
        assert!(outcomes[0].is_ok(), "{text}");
        let error = outcomes[1].as_ref().unwrap_err();
        assert_eq!((error.effect(), error.kind()), (effect, kind), "{text}");
    }
}

#[tokio::test]
async fn reads_change_nothing_and_invent_nothing() {
    for (host, (fate, _, kind)) in table().into_iter().enumerate() {
        let wire = Arc::new(Wire::default());
        *wire.reads.lock().unwrap() = Some(fate.clone());
        let error = venue(&wire, host + 3000).snapshot(&Scope::default()).await.unwrap_err();
        assert_eq!(error.effect(), No, "{fate:?}: {error}");
        // Only a body can be none that a question gets.
        let body = matches!(fate, Fate::Answer(200, _));
        assert!(error.kind() == kind || body && error.kind() == ErrorKind::Decode, "{fate:?}: {error}");
    }
}

/// Without the venue's time nothing is signed, and nothing was sent.
#[tokio::test]
async fn a_write_that_cannot_begin_has_no_effect() {
    let wire = Arc::new(Wire::default());
    let venue = Hyperliquid::builder()
        .environment(Environment::Testnet)
        .credentials(Credentials::agent(
            AgentKey::from_hex(KEY).unwrap(),
            Account::new(AccountAddress::parse(MASTER).unwrap()),
        ))
        .clock(Virtual::new())
        .transport(Arc::new(Deaf(Arc::clone(&wire))) as Arc<dyn Transport>)
        .build()
        .unwrap();
    for outcome in [
        venue.place(&[unproven(intent("SOL", Side::Buy, "1", "150.12"))]).await.remove(0).map(drop),
        venue.set_leverage(&symbol("SOL"), Leverage::new(7).unwrap()).await,
        venue.cancel(&symbol("SOL"), &id(1)).await,
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.effect(), No, "{error}");
    }
    assert_eq!(*wire.sent.lock().unwrap(), 0);
}

/// A venue whose clock cannot be read.
#[derive(Debug)]
struct Deaf(Arc<Wire>);

#[async_trait]
impl Transport for Deaf {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        if request.body().windows(14).any(|window| window == b"exchangeStatus") {
            return Err(TransportError::new(TransportErrorKind::Timeout, "scripted"));
        }
        self.0.send(request, timeout).await
    }
}
