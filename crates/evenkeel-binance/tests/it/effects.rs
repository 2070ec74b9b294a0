//! What every status, code and broken answer means for a write, a batch, a setting and a read: one table.

use evenkeel_exchange::{Effect, ErrorKind, Observe as _, Route, Trade as _};
use evenkeel_http::TransportErrorKind;
use evenkeel_types::{Leverage, OrderIntent, Scope, Side};
use serde_json::json;

use crate::server::{Fate, Server};
use crate::support::{id, intent, symbol, unproven};

use Effect::{NotApplied as No, Unknown as May};

/// Fates that mean the same for every write.
fn table() -> Vec<(Fate, Effect, ErrorKind)> {
    use ErrorKind::{
        Auth, Decode, Invalid, Maintenance, RateLimited, Rejected, Timeout, Transport, Unclassified,
    };
    let coded = |status: u16, code: i64, text: &str| {
        Fate::answer(status, &json!({"code": code, "msg": text}).to_string())
    };
    let mut rows = vec![
        (Fate::Error(TransportErrorKind::NotSent), No, Transport),
        (Fate::Error(TransportErrorKind::Timeout), May, Timeout),
        (Fate::Error(TransportErrorKind::Broken), May, Transport),
        (Fate::Error(TransportErrorKind::TooLarge), May, Decode),
        (coded(400, -1000, "An unknown error occured while processing the request."), May, Unclassified),
        // Only HTTP 503 says with this text that it failed.
        (
            coded(400, -1001, "Internal error; unable to process your request. Please try again."),
            May,
            Maintenance,
        ),
        (coded(400, -1001, "Disconnected"), May, Maintenance),
        (coded(400, -1006, "An unexpected response was received from the message bus."), May, Timeout),
        (coded(400, -1007, "Timeout waiting for response from backend server."), May, Timeout),
        (coded(400, -1021, "Timestamp for this request is outside of the recvWindow."), No, Timeout),
        (coded(400, -1022, "Signature for this request is not valid."), No, Auth),
        (coded(400, -1121, "Invalid symbol."), No, Invalid),
        (coded(401, -2014, "API-key format invalid."), No, Auth),
        (coded(401, -2015, "Invalid API-key, IP, or permissions for action."), No, Auth),
        (coded(400, -4116, "ClientOrderId is duplicated"), May, Rejected),
        (coded(400, -4109, "This account is inactive"), No, Rejected),
        (coded(400, -31337, "Something nobody has seen"), May, Unclassified),
        (coded(400, 0, ""), May, Unclassified),
        (coded(200, -2023, "User in liquidation mode now."), No, Rejected),
        (coded(418, -1003, "Way too many requests"), No, RateLimited),
        (coded(429, -1003, "Too many requests"), No, RateLimited),
        (Fate::answer(429, "slow down"), No, RateLimited),
        (Fate::answer(403, "<html>Request blocked</html>"), No, RateLimited),
        (Fate::answer(401, ""), No, Auth),
        (Fate::answer(408, "x"), May, Timeout),
        (coded(408, -1007, "Timeout"), May, Timeout),
        // The four kinds of 503.
        (coded(503, -1000, "Unknown error, please check your request or try again later."), May, Timeout),
        (coded(503, -1000, "Service Unavailable."), No, Maintenance),
        (
            coded(503, -1001, "Internal error; unable to process your request. Please try again."),
            No,
            Maintenance,
        ),
        (
            coded(
                503,
                -1008,
                "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again.",
            ),
            No,
            Maintenance,
        ),
        (Fate::answer(503, "Service Unavailable."), No, Maintenance),
        (Fate::answer(503, "<html><title>503 Service Unavailable</title></html>"), May, Maintenance),
    ];
    for status in [100, 301, 302, 307, 400, 404, 405, 451] {
        rows.push((Fate::answer(status, "x"), May, Unclassified));
    }
    for status in [500, 502, 503, 504, 520, 599] {
        rows.push((Fate::answer(status, "<html>upstream error</html>"), May, Maintenance));
        rows.push((Fate::answer(status, ""), May, Maintenance));
    }
    for broken in [
        "",
        "null",
        "{}",
        "[]",
        "[{}]",
        "true",
        "<html>",
        "{\"code\":200,\"msg\":\"success\"}",
        "{\"orderId\":5}",
        "{\"symbol\":\"SOLUSDT\",\"orderId\":5,\"status\":\"FILLED\"",
        "{\"symbol\":\"SOLUSDT\",\"orderId\":5,\"status\":\"FILLED\",\"executedQty\":\"NaN\",\"origQty\":\"1\"}",
        "{\"leverage\":7}",
        // Another order's cancel, another symbol's leverage.
        "{\"symbol\":\"SOLUSDT\",\"clientOrderId\":\"web_1\",\"orderId\":5,\"side\":\"BUY\",\"positionSide\":\"BOTH\",\"origQty\":\"1\",\"executedQty\":\"0\",\"status\":\"CANCELED\",\"reduceOnly\":false,\"type\":\"LIMIT\",\"leverage\":8}",
    ] {
        rows.push((Fate::answer(200, broken), May, Decode));
    }
    rows.push((Fate::answer(204, ""), May, Decode));
    rows
}

fn shown(fate: &Fate) -> String {
    match fate {
        Fate::Answer(status, body, _) => format!("{status} {}", String::from_utf8_lossy(body)),
        Fate::Error(kind) => format!("{kind:?}"),
    }
}

#[tokio::test]
async fn writes() {
    for (fate, effect, kind) in table() {
        let row = shown(&fate);
        // After a limit nothing is sent for a while: each kind of write has a venue of its own.
        let orders: Vec<_> = (1..=3)
            .map(|n| unproven(OrderIntent { id: id(n), ..intent("SOLUSDT", Side::Buy, "1", "150") }))
            .collect();
        for count in [1, 3] {
            let server = Server::start();
            let venue = server.venue();
            venue.snapshot(&Scope::default()).await.unwrap();
            server.asked();
            server.write(fate.clone());
            for outcome in venue.place(&orders[..count]).await {
                let error = outcome.unwrap_err();
                assert_eq!((error.effect(), error.kind()), (effect, kind), "{row}: {error}");
                assert!(!error.to_string().contains('\n'), "{error}");
            }
            assert_eq!(server.asked().len(), 1, "{row}: a write is sent once, whatever comes back");
        }
        let server = Server::start();
        let venue = server.venue();
        venue.snapshot(&Scope::default()).await.unwrap();
        server.asked();
        server.write(fate.clone());
        let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(7).unwrap()).await.unwrap_err();
        assert_eq!((error.effect(), error.kind()), (effect, kind), "{row}: {error}");
        assert_eq!(server.writes().len(), 1, "{row}");
        let server = Server::start();
        let venue = server.venue();
        venue.server_time().await.unwrap();
        server.asked();
        server.write(fate);
        let error = venue.cancel(&symbol("SOLUSDT"), &id(1)).await.unwrap_err();
        assert_eq!((error.effect(), error.kind()), (effect, kind), "{row}: {error}");
        assert_eq!(server.asked().len(), 1, "{row}");
    }
}

/// As for other writes, where a code is not one that the wallet interface has with another meaning, or none.
#[tokio::test]
async fn transfers() {
    let rows = table().into_iter().map(|(fate, effect, kind)| match shown(&fate) {
        row if ["-4116", "-4109", "-2023"].iter().any(|code| row.contains(code)) => {
            (fate, May, ErrorKind::Unclassified)
        }
        // Which server errors are certain is documented for futures only.
        row if row.starts_with("503 {\"code\":-1000,\"msg\":\"Service") => {
            (fate, May, ErrorKind::Unclassified)
        }
        row if row.starts_with("503 ") => (fate, May, kind),
        _ => (fate, effect, kind),
    });
    let of_wallets = [
        (Fate::code(-5013, "Asset transfer failed: insufficient balance"), No, ErrorKind::InsufficientMargin),
        (Fate::code(-5012, "Asset transfer is in pending."), May, ErrorKind::Rejected),
        (Fate::code(-4046, "Agreement not signed."), May, ErrorKind::Unclassified),
        (Fate::answer(200, "{\"tranId\":null}"), May, ErrorKind::Decode),
        (Fate::answer(200, "{\"tranId\":\"\"}"), May, ErrorKind::Decode),
    ];
    for (fate, effect, kind) in rows.chain(of_wallets) {
        let row = shown(&fate);
        let server = Server::start();
        let venue = server.mainnet();
        venue.server_time().await.unwrap();
        server.asked();
        server.write(fate);
        let wallets = venue.abilities().transfers.unwrap();
        let error = wallets.transfer(Route::PerpToSpot, "1".parse().unwrap()).await.unwrap_err();
        assert_eq!((error.effect(), error.kind()), (effect, kind), "{row}: {error}");
        assert_eq!(server.asked().len(), 1, "{row}: a write is sent once, whatever comes back");
    }
}

#[tokio::test]
async fn reads_change_nothing_and_invent_nothing() {
    for (fate, _, kind) in table() {
        let row = shown(&fate);
        let server = Server::start();
        server.read("/fapi/v3/account", fate.clone());
        let error = server.venue().snapshot(&Scope::default()).await.unwrap_err();
        assert_eq!(error.effect(), No, "{row}: {error}");
        assert!(error.kind() == kind || error.kind() == ErrorKind::Decode, "{row}: {error}");
    }
}

/// Without the venue's time nothing is signed, and nothing was sent.
#[tokio::test]
async fn a_write_that_cannot_begin_has_no_effect() {
    let server = Server::start();
    server.read("/fapi/v1/time", Fate::Error(TransportErrorKind::Timeout));
    let (venue, mainnet) = (server.venue(), server.mainnet());
    for outcome in [
        venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).map(drop),
        venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(7).unwrap()).await,
        venue.cancel(&symbol("SOLUSDT"), &id(1)).await,
        venue.adjust_margin(&symbol("SOLUSDT"), "1".parse().unwrap()).await,
        mainnet.abilities().transfers.unwrap().transfer(Route::SpotToPerp, "1".parse().unwrap()).await,
    ] {
        let error = outcome.unwrap_err();
        assert_eq!(error.effect(), No, "{error}");
    }
    assert!(server.writes().is_empty());
}
