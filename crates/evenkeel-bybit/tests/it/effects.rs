//! What every status, code and broken answer means for a write, a batch, and a read: one table.

use std::time::Duration;

use evenkeel_exchange::{Clock as _, Effect, ErrorKind, Observe as _, Trade as _};
use evenkeel_http::TransportErrorKind;
use evenkeel_types::{Leverage, Scope, Side};
use serde_json::json;

use crate::server::{Fate, Server, answer, refused};
use crate::support::{id, intent, symbol, unproven};

use Effect::{NotApplied as No, Unknown as May};
use ErrorKind::{
    Auth, Decode, InsufficientMargin, Invalid, Maintenance, NotSupported, RateLimited, Rejected, Timeout,
    Transport, Unclassified,
};

fn status(status: u16, body: &str) -> Fate {
    Fate::Answer(status, body.as_bytes().to_vec())
}

/// The fate of an order alone, its effect and kind; and the effect on the orders of a batch.
fn table() -> Vec<(Fate, Effect, ErrorKind, Effect)> {
    let mut rows = vec![
        (Fate::Error(TransportErrorKind::NotSent), No, Transport, No),
        (Fate::Error(TransportErrorKind::Timeout), May, Timeout, May),
        (Fate::Error(TransportErrorKind::Broken), May, Transport, May),
        (Fate::Error(TransportErrorKind::TooLarge), May, Decode, May),
        (refused(10000, "server timeout"), May, Timeout, May),
        (refused(10001, "params error"), No, Invalid, No),
        (refused(10002, "invalid request, please check your timestamp"), No, Timeout, No),
        (refused(10003, "API key is invalid."), No, Auth, No),
        (refused(10004, "error sign! origin_string[17900000000000KEY]"), No, Auth, No),
        (refused(10006, "Too many visits."), No, RateLimited, No),
        (refused(10014, "invalid duplicate request"), May, Rejected, May),
        (refused(10016, "System error."), May, Maintenance, May),
        (refused(10028, "unified account only"), No, NotSupported, No),
        (refused(429, "system overload"), May, RateLimited, May),
        (refused(999_999, "nobody has seen this"), May, Unclassified, May),
        (refused(-1, ""), May, Unclassified, May),
        // Of one order; what it says of a whole batch proves nothing about the others.
        (refused(110007, "ab not enough for new order"), No, InsufficientMargin, May),
        (refused(110066, "trading is not allowed"), No, Rejected, May),
        (refused(110094, "order notional below the lower limit"), No, Invalid, May),
        (status(400, "bad request"), No, Invalid, No),
        (status(401, ""), No, Auth, No),
        (status(403, "Access too frequent"), No, RateLimited, No),
        (status(404, ""), No, NotSupported, No),
        (status(429, ""), May, RateLimited, May),
        (status(504, "<html>"), May, Timeout, May),
        // A body says more than its status, unless the status is that of a gateway.
        (status(400, r#"{"retCode":10010,"retMsg":"Unmatched IP"}"#), No, Auth, No),
        // And where nobody knows what the body says, its status proves nothing.
        (status(400, r#"{"retCode":999999,"retMsg":"?"}"#), May, Unclassified, May),
        (status(502, r#"{"retCode":10001,"retMsg":"x"}"#), May, Maintenance, May),
    ];
    for code in [100, 204, 301, 302, 307, 402, 405, 408, 418] {
        rows.push((status(code, "x"), May, Unclassified, May));
    }
    for code in [500, 502, 503, 520, 599] {
        rows.push((status(code, "<html>upstream error</html>"), May, Maintenance, May));
    }
    for broken in [
        "",
        "null",
        "{}",
        "[]",
        "true",
        "<html>",
        "{\"retCode\":null}",
        "{\"retCode\":\"\"}",
        "{\"retCode\":{}}",
        "{\"retCode\":0",
        "{\"retCode\":0,\"result\":{\"orderId\":\"1\"",
    ] {
        let kind = if broken.contains("\"\"") { Unclassified } else { Decode };
        rows.push((status(200, broken), May, kind, May));
    }
    rows
}

#[tokio::test]
async fn writes() {
    for (fate, effect, kind, of_many) in table() {
        let row = match &fate {
            Fate::Answer(status, body) => format!("{status} {}", String::from_utf8_lossy(body)),
            other => format!("{other:?}"),
        };
        // A fresh one each time: after a refusal at the door nothing is sent for a while.
        let server = Server::start();
        let venue = server.venue();
        venue.snapshot(&Scope::default()).await.unwrap();
        server.asked();
        server.next(fate.clone());
        let error = venue
            .place(&[unproven(intent(1, "SOLUSDT", Side::Buy, "1", "150"))])
            .await
            .remove(0)
            .unwrap_err();
        assert_eq!((error.effect(), error.kind()), (effect, kind), "{row}: {error}");
        assert_eq!(server.written().len(), 1, "{row}: a write is sent once, whatever comes back");
        assert!(!error.to_string().contains('\n') && !error.to_string().contains("KEY"), "{error}");

        let server = Server::start();
        let venue = server.venue();
        server.next(fate.clone());
        let orders: Vec<_> = (1..=3).map(|n| unproven(intent(n, "SOLUSDT", Side::Buy, "1", "150"))).collect();
        for outcome in venue.place(&orders).await {
            let error = outcome.unwrap_err();
            assert_eq!((error.effect(), error.kind()), (of_many, kind), "{row}: {error}");
        }
        assert_eq!(server.written().len(), 1, "{row}");

        let server = Server::start();
        let venue = server.venue();
        server.next(fate.clone());
        let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(7).unwrap()).await.unwrap_err();
        assert_eq!((error.effect(), error.kind()), (effect, kind), "{row}: {error}");
        assert_eq!(server.written().len(), 1, "{row}");

        // A read changes nothing, whatever comes back.
        let server = Server::start();
        let venue = server.venue();
        server.special("/v5/account/wallet-balance", fate);
        let error = venue.snapshot(&Scope::default()).await.unwrap_err();
        assert_eq!((error.effect(), error.kind()), (No, kind), "{row}: {error}");
    }
}

/// A question never writes: what fails before a write leaves has no effect, whatever it was asked for. After a write that
/// was taken in, a question without an answer leaves it unknown.
#[tokio::test]
async fn questions_before_a_write_have_no_effect() {
    for fate in [
        Fate::Error(TransportErrorKind::Timeout),
        Fate::Error(TransportErrorKind::Broken),
        status(502, "<html>"),
        status(200, "{"),
        refused(10000, "server timeout"),
        refused(10016, "internal"),
        refused(999_999, "?"),
    ] {
        let of = symbol("SOLUSDT");
        for path in ["/v5/market/instruments-info", "/v5/market/time"] {
            let server = Server::start();
            server.special(path, fate.clone());
            let venue = server.venue();
            let orders = [1, 2].map(|n| unproven(intent(n, "SOLUSDT", Side::Buy, "1", "150")));
            for outcome in venue.place(&orders).await {
                assert_eq!(outcome.unwrap_err().effect(), No, "{path} {fate:?}");
            }
            let error = venue.set_leverage(&of, Leverage::new(3).unwrap()).await.unwrap_err();
            assert_eq!(error.effect(), No, "{path} {fate:?}");
            assert!(server.written().is_empty());
        }
        for path in ["/v5/account/info", "/v5/position/list"] {
            let server = Server::start();
            server.special(path, fate.clone());
            let error = server.venue().adjust_margin(&of, "1".parse().unwrap()).await.unwrap_err();
            assert_eq!(error.effect(), No, "{path} {fate:?}");
            assert!(server.written().is_empty());
        }
        // The venue refused the cancel, and whether the order is over could not be read.
        let server = Server::start();
        server.special("/v5/order/realtime", fate.clone());
        server.next(refused(110001, "order not exists or too late to cancel"));
        let error = server.venue().cancel(&of, &id(1)).await.unwrap_err();
        assert_eq!(error.effect(), No, "{fate:?}");
        // It took it in.
        let error = server.venue().cancel(&of, &id(1)).await.unwrap_err();
        assert_eq!(error.effect(), May, "{fate:?}");
        assert_eq!(server.written().len(), 2, "once each");
    }
}

/// Answers that a single order, a batch or a margin mode does not get.
#[tokio::test]
async fn acknowledgements_that_say_too_little() {
    for result in [
        json!({}),
        json!(null),
        json!([]),
        json!({"orderId": "", "orderLinkId": id(1).to_string()}),
        json!({"orderId": "1", "orderLinkId": ""}),
        json!({"orderId": "1", "orderLinkId": id(2).to_string()}),
        json!({"orderId": 1, "orderLinkId": id(1).to_string()}),
    ] {
        let server = Server::start();
        server.next(answer(&json!({"retCode": 0, "result": result})));
        let order = unproven(intent(1, "SOLUSDT", Side::Buy, "1", "150"));
        let error = server.venue().place(&[order]).await.remove(0).unwrap_err();
        assert_eq!((error.effect(), error.kind()), (May, Decode), "{result}: {error}");
    }
    let row = |n: u8| json!({"orderId": "v", "orderLinkId": id(n).to_string()});
    let fine = json!({"code": 0, "msg": "OK"});
    for (list, said) in [
        (json!([]), json!([])),
        (json!([row(1)]), json!([fine])),
        (json!([row(1), row(2)]), json!([fine])),
        (json!([row(1), row(2), row(3)]), json!([fine, fine, fine])),
        (json!(null), json!([fine, fine])),
        (json!([row(1), row(2)]), json!([{}, {}])),
    ] {
        let server = Server::start();
        server.next(answer(&json!({"retCode": 0, "result": {"list": list}, "retExtInfo": {"list": said}})));
        let orders: Vec<_> = (1..=2).map(|n| unproven(intent(n, "SOLUSDT", Side::Buy, "1", "150"))).collect();
        for outcome in server.venue().place(&orders).await {
            let error = outcome.unwrap_err();
            assert_eq!((error.effect(), error.kind()), (May, Decode), "{list} {said}: {error}");
        }
    }
}

#[tokio::test]
async fn a_venue_that_says_stop_is_obeyed() {
    // The call's own limit: the venue says until when.
    let server = Server::start();
    let venue = server.venue();
    venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(2).unwrap()).await.unwrap();
    let reset = server.clock.now().0 + 3000;
    let body = json!({"retCode": 10006, "retMsg": "Too many visits."}).to_string().into_bytes();
    let headers =
        vec![("X-Bapi-Limit-Status", "0".to_owned()), ("X-Bapi-Limit-Reset-Timestamp", reset.to_string())];
    server.next(Fate::WithHeaders(200, body, headers));
    let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap_err();
    let wait = error.retry_after().unwrap();
    assert!(
        error.is_retryable() && wait > Duration::from_millis(2500) && wait <= Duration::from_secs(3),
        "{wait:?}"
    );
    let before = server.clock.now();
    venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap();
    assert!(server.clock.now().since(before) >= Duration::from_millis(2400), "it waited");

    // The address: nothing at all for ten minutes.
    let server = Server::start();
    let venue = server.venue();
    server.next(status(403, ""));
    let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(600)));
    server.asked();
    for _ in 0..3 {
        let error = venue.snapshot(&Scope::default()).await.unwrap_err();
        assert_eq!(error.kind(), RateLimited);
        let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (RateLimited, No));
    }
    assert!(server.asked().is_empty(), "asking makes it longer");
    server.clock.sleep(Duration::from_secs(601)).await;
    venue.snapshot(&Scope::default()).await.unwrap();
}

/// What the venue said is kept for as long as a connector lives, however many accounts a process has.
#[tokio::test]
async fn what_the_venue_said_is_not_forgotten_among_many_accounts() {
    let server = Server::start();
    let venue = server.venue();
    let of = symbol("SOLUSDT");
    venue.set_leverage(&of, Leverage::new(2).unwrap()).await.unwrap();
    let reset = server.clock.now().0 + 4000;
    let body = json!({"retCode": 10006, "retMsg": "Too many visits."}).to_string().into_bytes();
    let headers = vec![("X-Bapi-Limit-Reset-Timestamp", reset.to_string())];
    server.next(Fate::WithHeaders(200, body, headers));
    venue.set_leverage(&of, Leverage::new(3).unwrap()).await.unwrap_err();
    let quota = evenkeel_http::Quota::new(10, Duration::from_secs(1), 0);
    for number in 0..2000 {
        let _ = evenkeel_http::Limiter::shared(&format!("others.test/{number}"), quota);
    }
    let before = server.clock.now();
    venue.set_leverage(&of, Leverage::new(3).unwrap()).await.unwrap();
    assert!(server.clock.now().since(before) >= Duration::from_millis(3000), "it waited");
}

/// Ten changes of leverage a second.
#[tokio::test]
async fn limits_are_kept() {
    let server = Server::start();
    let venue = server.venue();
    let before = server.clock.now();
    for _ in 0..40 {
        venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap();
    }
    assert!(server.clock.now().since(before) >= Duration::from_secs(3));
}

#[tokio::test]
async fn a_wrong_clock_is_read_again() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    server.next(refused(10002, "invalid request, please check your timestamp"));
    let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap_err();
    assert!(error.is_retryable());
    server.asked();
    venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap();
    assert_eq!(server.asked()[0].path, "/v5/market/time");
}
