//! What every status, code and broken answer means for a write, a batch, and a read: one table.

use std::time::Duration;

use evenkeel_bingx::classify;
use evenkeel_exchange::{Effect, ErrorKind, Observe as _, OrderRequest, Route, Trade as _};
use evenkeel_http::TransportErrorKind;
use evenkeel_types::{Leverage, MarginMode, OrderIntent, Scope, Side};
use serde_json::{Value, json};

use crate::server::{Fate, Server};
use crate::support::{fixtures, id, intent, json as parse, read, symbol, unproven};

use Effect::{NotApplied as No, Unknown as May};

/// As long as an order that was sent before may still come into view.
const ARRIVAL: Duration = Duration::from_secs(41);

fn answer(status: u16, body: &str) -> Fate {
    Fate::Answer(status, body.as_bytes().to_vec())
}

/// Fates that mean the same for one order and for a setting. The last flag: also for every order of a batch.
fn table() -> Vec<(Fate, Effect, ErrorKind, bool)> {
    use ErrorKind::{
        Auth, Decode, InsufficientMargin, Invalid, LeverageRefused, Maintenance, NotFound, NotSupported,
        RateLimited, ReduceOnly, Rejected, Timeout, Transport, Unclassified,
    };
    let mut rows = vec![
        (Fate::Error(TransportErrorKind::NotSent), No, Transport, true),
        (Fate::Error(TransportErrorKind::Timeout), May, Timeout, true),
        (Fate::Error(TransportErrorKind::Broken), May, Transport, true),
        (Fate::Error(TransportErrorKind::TooLarge), May, Decode, true),
        (Fate::refused(100_001, "signature verification failed"), No, Auth, true),
        (Fate::refused(100_419, "IP does not match IP whitelist"), No, Auth, true),
        (Fate::refused(100_421, "timestamp mismatch"), No, Timeout, true),
        (Fate::refused(109_400, "timestamp is invalid"), No, Timeout, true),
        (Fate::refused(109_429, "too many requests"), No, RateLimited, true),
        (Fate::refused(100_410, "rate limited"), No, RateLimited, true),
        (
            Fate::refused(100_410, "The current system is busy, please try again later"),
            May,
            Maintenance,
            true,
        ),
        (Fate::refused(100_404, "this api is not exist"), No, NotSupported, true),
        (Fate::refused(101_204, "Insufficient margin"), No, InsufficientMargin, false),
        (
            Fate::refused(80_012, r#"{"Code":101253,"Msg":"margin is not enough"}"#),
            No,
            InsufficientMargin,
            false,
        ),
        (Fate::refused(80_012, "unknown"), May, Maintenance, true),
        (Fate::refused(101_290, "Reduce Only order can only decrease"), No, ReduceOnly, false),
        (Fate::refused(110_425, "must be greater than 2u"), No, Invalid, false),
        (
            Fate::refused(101_209, "The maximum position value for this leverage is 170000 USDT."),
            No,
            Rejected,
            false,
        ),
        (Fate::refused(101_414, "leverage"), No, LeverageRefused, false),
        (Fate::refused(101_214, "funding"), No, Maintenance, false),
        (Fate::refused(109_421, "order not exist"), No, NotFound, false),
        (Fate::refused(100_500, "busy"), May, Maintenance, true),
        (Fate::refused(109_500, ""), May, Maintenance, true),
        (Fate::refused(101_500, "RPC timeout"), May, Maintenance, true),
        (Fate::refused(109_423, "being processed"), May, Maintenance, true),
        (Fate::refused(987_654, "Nobody has seen this code before"), May, Unclassified, true),
        (answer(429, "null"), No, RateLimited, true),
        (answer(418, ""), No, RateLimited, true),
        (answer(504, ""), May, Timeout, true),
        (answer(403, r#"{"code":100419,"msg":"IP does not match IP whitelist"}"#), No, Auth, true),
    ];
    for status in [100, 204, 301, 302, 307, 400, 401, 403, 404, 408] {
        rows.push((answer(status, "x"), May, Unclassified, true));
    }
    for status in [500, 502, 503, 520, 599] {
        rows.push((answer(status, r#"{"code":101204,"msg":"Insufficient margin"}"#), May, Maintenance, true));
    }
    for broken in [
        "",
        "null",
        "{}",
        "[]",
        "true",
        "<html>",
        "{\"code\":null}",
        "{\"code\":{}}",
        "{\"msg\":\"\"}",
        "{\"code\":0}",
        "{\"code\":0,\"data\":null}",
        "{\"code\":0,\"data\":[]}",
        "{\"code\":0,\"data\":{}}",
        "{\"code\":0,\"data\":{\"orders\":{}}}",
        "{\"code\":0,\"data\":{\"orders\":[{}],\"leverage\":\"x\"}}",
        "{\"code\":0,\"data\":{\"order\":{\"orderId\":0}}}",
        "{\"code\":0,\"data\":{\"orderId\":1.5}}",
        "{\"code\":0,\"data\":{\"order\":{\"orderId\":1",
    ] {
        rows.push((answer(200, broken), May, Decode, true));
    }
    rows
}

#[tokio::test]
async fn writes() {
    for (fate, effect, kind, of_all) in table() {
        let row = match &fate {
            Fate::Answer(status, body) => format!("{status} {}", String::from_utf8_lossy(body)),
            other => format!("{other:?}"),
        };
        // Each time anew: after a limit nothing more is sent for as long as the venue wants.
        let server = Server::start();
        let venue = server.venue();
        server.next(fate.clone());
        let error = venue
            .place(&[unproven(intent("SOL-USDT", Side::Buy, "1", "150.12"))])
            .await
            .remove(0)
            .unwrap_err();
        assert_eq!((error.effect(), error.kind()), (effect, kind), "{row}: {error}");
        assert_eq!(server.writes().len(), 1, "{row}: a write is sent once, whatever comes back");
        assert!(!error.to_string().contains('\n') && !error.to_string().contains("://"), "{error}");

        // A batch says an answer that is nobody's for all; what is wrong with one order may be about any of them.
        let server = Server::start();
        let venue = server.venue();
        server.next(fate.clone());
        let orders: Vec<_> = (1..=3)
            .map(|n| unproven(OrderIntent { id: id(n), ..intent("SOL-USDT", Side::Buy, "1", "150.12") }))
            .collect();
        for outcome in venue.place(&orders).await {
            let error = outcome.unwrap_err();
            let expected = if of_all { effect } else { May };
            assert_eq!((error.effect(), error.kind()), (expected, kind), "{row}: {error}");
        }
        assert_eq!(server.writes().len(), 1, "{row}");

        let server = Server::start();
        let venue = server.venue();
        server.next(fate.clone());
        let error = venue.set_leverage(&symbol("SOL-USDT"), Leverage::new(7).unwrap()).await.unwrap_err();
        assert_eq!(error.effect(), effect, "{row}: {error}");
        assert_eq!(server.writes().len(), 1, "{row}");

        // An envelope of success is no success: it must say what was done.
        let server = Server::start();
        let venue = server.venue();
        server.next(fate.clone());
        let error = venue.set_margin_mode(&symbol("SOL-USDT"), MarginMode::Isolated).await.unwrap_err();
        assert_eq!(error.effect(), effect, "{row}: {error}");
        assert_eq!(server.writes().len(), 1, "{row}");

        let server = Server::start();
        let venue = server.venue();
        server.next(fate.clone());
        let error = venue.adjust_margin(&symbol("SOL-USDT"), "1".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.effect(), effect, "{row}: {error}");
        assert_eq!(server.writes().len(), 1, "{row}");

        let server = Server::start();
        let venue = server.venue();
        server.next(fate.clone());
        let wallets = venue.abilities().transfers.unwrap();
        let error = wallets.transfer(Route::PerpToSpot, "1".parse().unwrap()).await.unwrap_err();
        assert_eq!((error.effect(), error.kind()), (effect, kind), "{row}: {error}");
        assert_eq!(server.writes().len(), 1, "{row}");

        // A cancel of an order that is not there, and never was sent from here, succeeds.
        let server = Server::start();
        let venue = server.venue();
        server.clock.pass(ARRIVAL);
        server.next(fate);
        let cancelled = venue.cancel(&symbol("SOL-USDT"), &id(1)).await;
        match cancelled {
            Ok(()) => assert_eq!(kind, ErrorKind::NotFound, "{row}"),
            Err(error) => assert_eq!(error.effect(), effect, "{row}: {error}"),
        }
        assert_eq!(server.writes().len(), 1, "{row}");
    }
}

/// Orders of a batch have outcomes of their own, found by their ids, in whatever order they come.
#[tokio::test]
async fn orders_of_a_batch_have_outcomes_of_their_own() {
    let server = Server::start();
    let venue = server.venue();
    let taken = |n: u8| json!({"symbol": "SOL-USDT", "orderId": 100 + u64::from(n), "side": "BUY", "clientOrderID": id(n).as_str()});
    let refused =
        |n: u8, code: u32| json!({"clientOrderId": id(n).as_str(), "errorCode": code, "errorMessage": "no"});
    server.next(Fate::data(
        json!({"orders": [taken(3), refused(2, 101_204), taken(1), refused(5, 7), taken(3)]}),
    ));
    let orders: Vec<_> = (1..=5)
        .map(|n| unproven(OrderIntent { id: id(n), ..intent("SOL-USDT", Side::Buy, "1", "150.12") }))
        .collect();
    let outcomes = venue.place(&orders).await;
    assert_eq!(outcomes[0].as_ref().unwrap().venue_order_id.as_deref(), Some("101"));
    let told = |index: usize| {
        outcomes[index].as_ref().map_err(|e: &evenkeel_exchange::Error| (e.kind(), e.effect()))
    };
    assert_eq!(told(1).unwrap_err(), (ErrorKind::InsufficientMargin, No));
    assert_eq!(told(2).unwrap_err(), (ErrorKind::Decode, May), "two outcomes for one order");
    assert_eq!(told(3).unwrap_err(), (ErrorKind::Decode, May), "none at all");
    assert_eq!(told(4).unwrap_err(), (ErrorKind::Unclassified, May));
}

#[tokio::test]
async fn reads_change_nothing_and_invent_nothing() {
    for (fate, _, kind, _) in table() {
        for call in
            ["GET user/balance", "GET user/positions", "GET server/time", "GET trade/leverage ETH-USDT"]
        {
            // Nothing held is an answer too.
            let empty = matches!(&fate, Fate::Answer(200, body) if body.ends_with(b"[]}"));
            if empty && call == "GET user/positions" {
                continue;
            }
            let server = Server::start();
            server.always(call, fate.clone());
            let error = server.venue().snapshot(&Scope::of([symbol("ETH-USDT")])).await.unwrap_err();
            assert_eq!(error.effect(), No, "{call} {fate:?}: {error}");
            assert!(error.kind() == kind || error.kind() == ErrorKind::Decode, "{call} {fate:?}: {error}");
        }
    }
}

/// Without the venue's time, or what has to be known before, nothing is signed and nothing was sent.
#[tokio::test]
async fn a_write_that_cannot_begin_has_no_effect() {
    for call in ["GET server/time", "GET quote/contracts", "GET positionSide/dual", "GET user/positions"] {
        let server = Server::start();
        let venue = server.venue();
        server.always(call, Fate::Error(TransportErrorKind::Timeout));
        for outcome in [
            venue.place(&[unproven(intent("SOL-USDT", Side::Buy, "1", "150.12"))]).await.remove(0).map(drop),
            venue.set_leverage(&symbol("SOL-USDT"), Leverage::new(7).unwrap()).await,
            venue.set_margin_mode(&symbol("SOL-USDT"), MarginMode::Cross).await,
            venue.adjust_margin(&symbol("SOL-USDT"), "1".parse().unwrap()).await,
        ] {
            if let Err(error) = outcome {
                assert_eq!(error.effect(), No, "{call}: {error}");
            }
        }
    }
    let server = Server::start();
    server.always("GET server/time", Fate::Error(TransportErrorKind::Timeout));
    let venue = server.venue();
    let error = venue.cancel(&symbol("SOL-USDT"), &id(1)).await.unwrap_err();
    assert_eq!((error.effect(), server.writes().len()), (No, 0));
    let wallets = venue.abilities().transfers.unwrap();
    let error = wallets.transfer(Route::SpotToPerp, "1".parse().unwrap()).await.unwrap_err();
    assert_eq!((error.effect(), server.writes().len()), (No, 0));
}

/// After "your time is wrong" the clock is compared again; the refused request is not repeated.
#[tokio::test]
async fn a_wrong_time_is_read_again() {
    let server = Server::start();
    let venue = server.venue();
    venue.cancel(&symbol("SOL-USDT"), &id(1)).await.unwrap();
    server.asked();
    server.next(Fate::refused(109_400, "timestamp is invalid"));
    let error = venue.cancel(&symbol("SOL-USDT"), &id(1)).await.unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(server.calls(), ["DELETE trade/order"]);
    venue.cancel(&symbol("SOL-USDT"), &id(1)).await.unwrap();
    assert_eq!(server.calls(), ["DELETE trade/order", "GET server/time"]);
}

/// Every code of the recorded catalogue and of the recorded errors is on the list, or is left out for a reason.
#[test]
fn the_recorded_catalogue_is_classified() {
    let Some(folder) = fixtures() else { return };
    let code = |body: &Value| body["code"].as_i64().map(|code| code.to_string());
    let text = |body: &Value| body["msg"].as_str().unwrap_or_default().to_owned();
    for row in parse(&read(&folder, "error_catalog_1.json")).as_array().unwrap() {
        let body = match &row["body"] {
            Value::String(text) => match serde_json::from_str(text) {
                Ok(body) => body,
                // Quotes within quotes that its author did not escape: the code and the inner text are there.
                Err(_) => json!({"code": row["key"].as_str().unwrap().parse::<i64>().unwrap(), "msg": text}),
            },
            body => body.clone(),
        };
        let Some(code) = code(&body) else {
            // Of the older call for transfers, which this crate does not make; it has no code at all.
            assert_eq!(row["key"], "illegal transferType");
            continue;
        };
        let found = classify(&code, &text(&body));
        let expected = match row["key"].as_str().unwrap() {
            "100410" | "100500" => (ErrorKind::Maintenance, May),
            "80012" | "101204" => (ErrorKind::InsufficientMargin, No),
            "100419" => (ErrorKind::Auth, No),
            "110425" => (ErrorKind::Invalid, No),
            other => panic!("{other} is new"),
        };
        assert_eq!(found, Some(expected), "{row}");
    }
    for (name, expected) in [
        ("error_1.json", (ErrorKind::Rejected, No)),
        ("error_2.json", (ErrorKind::InsufficientMargin, No)),
        ("error_3.json", (ErrorKind::Invalid, No)),
    ] {
        let body = parse(&read(&folder, name));
        assert_eq!(classify(&code(&body).unwrap(), &text(&body)), Some(expected), "{name}");
    }
}

/// Every code of the venue's published lists, with what it means: written down from there, not from the crate's table.
/// `F` says that nothing like it will pass, `R` that it may pass later, `U` that nothing is known, `B` that the venue refused
/// it, `N` that what was to be changed is not there.
#[test]
fn the_published_codes_mean_what_the_venue_says() {
    use ErrorKind::{
        Auth, InsufficientMargin, Invalid, LeverageRefused, Maintenance, NotFound, NotSupported, RateLimited,
        ReduceOnly, Rejected, Timeout,
    };
    let rows: &[(&str, &[u32], &str, ErrorKind, Effect)] = &[
        (
            "F: signature, key, rights, address",
            &[100_001, 100_412, 100_413, 100_401, 100_004, 100_419],
            "",
            Auth,
            No,
        ),
        ("R: time", &[100_421], "timestamp mismatch", Timeout, No),
        (
            "R: time, both generations",
            &[109_400, 109_414, 80_001, 80_014],
            "timestamp is invalid",
            Timeout,
            No,
        ),
        ("B/N: both generations", &[109_400], "order not exist", NotFound, No),
        (
            "B: position mode",
            &[109_400],
            "In the One-way mode, the Side field can only be set to BOTH",
            Rejected,
            No,
        ),
        (
            "B: position mode",
            &[109_400],
            "In the Hedge mode, the 'PositionSide' field can only be set to LONG or SHORT.",
            Rejected,
            No,
        ),
        ("B: leverage", &[109_400], "margin is not enough", InsufficientMargin, No),
        ("B: margin mode", &[109_400], "the account has positions or pending orders", LeverageRefused, No),
        ("R: paused", &[109_400, 80_014], "API orders are temporarily disabled", Maintenance, No),
        (
            "B: everything else",
            &[109_400, 109_414, 80_001, 80_014],
            "parameter quantity or stopPrice is must",
            Invalid,
            No,
        ),
        ("F: no such call", &[100_400, 100_404], "", NotSupported, No),
        ("F: symbol", &[109_425], "", Invalid, No),
        ("R: too many", &[100_409, 100_410, 109_429], "", RateLimited, No),
        ("R, long: risk control", &[109_403, 80_020, 40_029], "", RateLimited, No),
        ("busy", &[100_410], "The current system is busy, please try again later", Maintenance, May),
        ("U", &[100_500, 109_500, 109_701, 110_500, 101_500, 80_012], "", Maintenance, May),
        ("U: being processed", &[109_423, 80_019], "", Maintenance, May),
        (
            "wrapped",
            &[109_500, 80_012],
            "{\"Code\":101253,\"Msg\":\"margin is not enough\"}",
            InsufficientMargin,
            No,
        ),
        ("wrapped", &[109_500], "symbol not exist", Invalid, No),
        ("B: margin", &[101_204, 101_206, 101_212, 101_253, 110_424], "", InsufficientMargin, No),
        ("B: margin to remove, negative assets", &[104_411, 102_201], "", InsufficientMargin, No),
        ("N: no position", &[101_205, 109_420, 80_017], "", ReduceOnly, No),
        ("N/B: reduce-only", &[101_290, 110_203], "", ReduceOnly, No),
        ("B/N: no such order", &[109_421, 80_016], "order not exist", NotFound, No),
        ("N: filled, or another state", &[109_422, 80_018], "", NotFound, No),
        ("B: too large", &[101_201, 101_209, 110_287, 101_429, 112_414, 101_424], "", Rejected, No),
        ("B: leverage", &[101_414, 101_222], "", LeverageRefused, No),
        ("B: modes", &[101_479, 104_108, 104_103, 109_401], "", LeverageRefused, No),
        ("B: size, value, side of a stop", &[101_202, 101_400, 110_422, 101_485, 110_425], "", Invalid, No),
        (
            "N/U: an id that was used",
            &[101_400, 110_422, 101_202, 101_485, 109_400],
            "duplicate clientOrderID",
            Rejected,
            May,
        ),
        ("N/U: an id that was used", &[101_481, 109_201], "", Rejected, May),
        ("B: price", &[101_211, 110_402, 101_215, 101_460, 101_461], "", Rejected, No),
        ("R: settlement, assets in process", &[101_214, 101_219, 101_412], "", Maintenance, No),
        ("R: assets in process", &[80_001], "assets are being processed", Maintenance, No),
        (
            "B: suspended, offline, hours",
            &[101_415, 110_280, 109_417, 109_418, 101_413, 104_424],
            "",
            Rejected,
            No,
        ),
        ("B: too many orders", &[101_419, 80_013, 110_206], "", Rejected, No),
        ("B: stops", &[110_406, 110_407, 110_411, 110_412, 110_413, 110_414], "", Rejected, No),
        (
            "B: parameters of stops",
            &[110_415, 110_416, 110_417, 110_418, 110_419, 110_420, 110_427, 110_428],
            "",
            Invalid,
            No,
        ),
        ("F: region, identity, suspended", &[101_210, 101_483, 101_484, 101_515], "", Auth, No),
        ("F: pair restricted", &[100_421], "pair restricted from API trading", NotSupported, No),
        ("B: slices", &[109_424, 109_430], "", Rejected, No),
        ("F: stream", &[80_403], "", NotSupported, No),
    ];
    for (what, codes, text, kind, effect) in rows {
        for code in *codes {
            assert_eq!(classify(&code.to_string(), text), Some((*kind, *effect)), "{what}: {code} {text}");
        }
    }
    for code in ["", "0", "-1", "1", "106551", "999999", "101204 ", "0101204"] {
        assert_eq!(classify(code, ""), None, "{code}");
    }
}

/// A refusal of one order of several is not one of all; nor is one of the account or of a pair.
#[tokio::test]
async fn a_refusal_of_a_batch_is_for_all_only_where_it_is_about_the_request() {
    for (code, text, effect) in [
        (100_412, "", No),
        (100_410, "rate limited", No),
        (100_421, "timestamp mismatch", No),
        (100_421, "pair restricted from API trading", May),
        (109_403, "risk control", May),
        (101_484, "identity", May),
        (80_403, "", May),
    ] {
        let server = Server::start();
        let venue = server.venue();
        server.next(Fate::refused(code, text));
        let orders: Vec<_> = (1..=2)
            .map(|n| unproven(OrderIntent { id: id(n), ..intent("SOL-USDT", Side::Buy, "1", "150.12") }))
            .collect();
        for outcome in venue.place(&orders).await {
            assert_eq!(outcome.unwrap_err().effect(), effect, "{code} {text}");
        }
    }
}

/// What waited too long before it could leave is not sent: prices have moved.
#[tokio::test]
async fn what_was_decided_too_long_ago_is_not_sent() {
    let late = |fate| Fate::Late(Duration::from_secs(6), Box::new(fate));
    let sol = symbol("SOL-USDT");
    for call in ["GET quote/contracts", "GET trade/leverage", "GET user/positions"] {
        let server = Server::start();
        let venue = server.venue();
        let fate = server.usual(call, "SOL-USDT");
        server.always(call, late(fate));
        for (name, outcome) in [
            ("place", {
                let order = unproven(intent("SOL-USDT", Side::Buy, "1", "150.12"));
                venue.place(&[order]).await.remove(0).map(drop)
            }),
            ("leverage", venue.set_leverage(&sol, Leverage::new(7).unwrap()).await),
            ("margin", venue.adjust_margin(&sol, "1".parse().unwrap()).await),
        ] {
            if let Err(error) = outcome {
                assert_eq!(
                    (error.kind(), error.effect()),
                    (ErrorKind::RateLimited, No),
                    "{call} {name}: {error}"
                );
            }
        }
        let sent: Vec<String> = server.writes().into_iter().map(|(call, _)| call).collect();
        let expected: &[&str] = match call {
            "GET quote/contracts" => &["POST trade/leverage", "POST trade/positionMargin"],
            "GET trade/leverage" => &["POST trade/order", "POST trade/positionMargin"],
            _ => &["POST trade/order", "POST trade/leverage"],
        };
        assert_eq!(sent, expected, "{call}");
    }
}

/// A setting is what the venue says that it is.
#[tokio::test]
async fn a_setting_that_reads_back_as_another_is_unknown() {
    let server = Server::start();
    let venue = server.venue();
    let sol = symbol("SOL-USDT");
    for data in [
        json!({"marginType": "CROSSED", "symbol": "SOL-USDT"}),
        json!({"marginType": "ISOLATED", "symbol": "ETH-USDT"}),
        json!({"symbol": "SOL-USDT"}),
    ] {
        server.next(Fate::data(data.clone()));
        let error = venue.set_margin_mode(&sol, MarginMode::Isolated).await.unwrap_err();
        assert_eq!(error.effect(), May, "{data}");
    }
    for body in
        [r#"{"code":0,"amount":1,"type":1}"#, r#"{"code":0,"amount":3,"type":2}"#, r#"{"code":0,"amount":3}"#]
    {
        server.next(answer(200, body));
        let error = venue.adjust_margin(&sol, "3".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.effect(), May, "{body}");
    }
}

/// "Not there" is no proof while a copy may still be on its way; and a cancel that was taken in is not one that was done.
#[tokio::test]
async fn a_cancel_is_done_when_the_order_is_over() {
    let server = Server::start();
    let venue = server.venue();
    let sol = symbol("SOL-USDT");
    server.next(Fate::Error(TransportErrorKind::Timeout));
    let lost =
        venue.place(&[unproven(intent("SOL-USDT", Side::Buy, "1", "150.12"))]).await.remove(0).unwrap_err();
    assert_eq!(lost.effect(), May);
    let gone = || server.next(Fate::refused(109_421, "order not exist"));
    gone();
    let error = venue.cancel(&sol, &id(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, May), "{error}");
    server.clock.pass(ARRIVAL);
    gone();
    venue.cancel(&sol, &id(1)).await.unwrap();

    let record = |status: &str| {
        let mut row = crate::server::order("SOL-USDT", 9, "LIMIT", id(2).as_str());
        row["status"] = json!(status);
        Fate::data(json!({"order": row}))
    };
    // Taken in, and then read as what it is.
    for (status, done) in [("CANCELLED", true), ("PENDING", false)] {
        server.always("GET trade/order", record(status));
        server.next(Fate::data(json!({"order": {"symbol": "SOL-USDT", "orderId": 9, "status": "PENDING"}})));
        assert_eq!(
            venue.cancel(&sol, &id(2)).await.map_err(|e| e.effect()),
            if done { Ok(()) } else { Err(May) }
        );
        gone();
        // The venue says that it is not there, and shows it.
        assert_eq!(
            venue.cancel(&sol, &id(2)).await.map_err(|e| e.effect()),
            if done { Ok(()) } else { Err(No) }
        );
    }
    // Over, says an answer that does not say what is over: the record tells.
    for (status, done) in [("CANCELLED", true), ("PENDING", false)] {
        server.always("GET trade/order", record(status));
        server
            .next(Fate::data(json!({"order": {"symbol": "SOL-USDT", "orderId": 9, "status": "CANCELLED"}})));
        let outcome = venue.cancel(&sol, &id(2)).await.map_err(|e| e.effect());
        assert_eq!(outcome, if done { Ok(()) } else { Err(May) }, "{status}");
    }
    // About another order.
    for (field, value) in [("clientOrderId", json!(id(3).as_str())), ("symbol", json!("ETH-USDT"))] {
        let mut row = json!({"symbol": "SOL-USDT", "orderId": 9, "status": "CANCELLED", "clientOrderId": id(2).as_str()});
        row[field] = value;
        server.next(Fate::data(json!({"order": row})));
        assert_eq!(venue.cancel(&sol, &id(2)).await.unwrap_err().effect(), May, "{field}");
    }
    server.next(Fate::data(json!({"order": {"symbol": "SOL-USDT", "orderId": 10, "status": "CANCELLED"}})));
    assert_eq!(venue.cancel_by_venue_id(&sol, "9").await.unwrap_err().effect(), May);
}

/// A copy that is refused says nothing about the first one: it may have traded, and be why the copy was refused.
#[tokio::test]
async fn a_refused_copy_says_nothing_about_the_first() {
    let sol = symbol("SOL-USDT");
    for refused in [Fate::refused(101_205, "no position"), Fate::Error(TransportErrorKind::NotSent)] {
        let server = Server::start();
        let venue = server.venue();
        server.clock.pass(ARRIVAL);
        let close = OrderIntent { reduce_only: true, ..intent("SOL-USDT", Side::Sell, "1", "150.12") };
        let close = [OrderRequest::reducing(close).unwrap()];
        server.next(Fate::Error(TransportErrorKind::Timeout));
        assert_eq!(venue.place(&close).await.remove(0).unwrap_err().effect(), May);
        server.next(refused.clone());
        assert_eq!(venue.place(&close).await.remove(0).unwrap_err().effect(), No, "of the copy");
        server.next(Fate::refused(109_421, "order not exist"));
        let error = venue.cancel(&sol, &id(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, May), "{error}");
        // The refusal of an order that was sent once says all there is to say.
        let only = [unproven(OrderIntent { id: id(2), ..intent("SOL-USDT", Side::Buy, "1", "150.12") })];
        server.next(refused);
        assert_eq!(venue.place(&only).await.remove(0).unwrap_err().effect(), No);
        server.next(Fate::refused(109_421, "order not exist"));
        venue.cancel(&sol, &id(2)).await.unwrap();
    }
}

/// An earlier process may have sent an order just before this one began; and one with a number need not show at once.
#[tokio::test]
async fn an_order_from_before_the_start_may_still_arrive() {
    let server = Server::start();
    let venue = server.venue();
    let sol = symbol("SOL-USDT");
    let gone = || server.next(Fate::refused(109_421, "order not exist"));
    gone();
    let error = venue.cancel(&sol, &id(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, May), "{error}");
    server.clock.pass(ARRIVAL);
    gone();
    venue.cancel(&sol, &id(1)).await.unwrap();

    let placed = venue.place(&[unproven(intent("SOL-USDT", Side::Buy, "1", "150.12"))]).await.remove(0);
    let number = placed.unwrap().venue_order_id.unwrap();
    gone();
    let error = venue.cancel_by_venue_id(&sol, &number).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, May), "{error}");
    // Somebody else's was placed before anybody could know its number.
    gone();
    venue.cancel_by_venue_id(&sol, "5").await.unwrap();
    server.clock.pass(ARRIVAL);
    gone();
    venue.cancel_by_venue_id(&sol, &number).await.unwrap();
}

/// Our clock being set is no time that has passed.
#[tokio::test]
async fn a_clock_that_is_set_ahead_does_not_end_an_order() {
    let server = Server::start();
    let venue = server.venue();
    let sol = symbol("SOL-USDT");
    server.clock.pass(ARRIVAL);
    server.next(Fate::Error(TransportErrorKind::Timeout));
    venue.place(&[unproven(intent("SOL-USDT", Side::Buy, "1", "150.12"))]).await.remove(0).unwrap_err();
    server.set_clock(3_600_000);
    venue.server_time().await.unwrap();
    server.next(Fate::refused(109_421, "order not exist"));
    assert_eq!(venue.cancel(&sol, &id(1)).await.unwrap_err().effect(), May);
    // Nor does it make a process old that has just begun.
    let young = server.venue();
    young.server_time().await.unwrap();
    server.set_clock(3_600_000);
    young.server_time().await.unwrap();
    server.next(Fate::refused(109_421, "order not exist"));
    assert_eq!(young.cancel(&sol, &id(2)).await.unwrap_err().effect(), May);
    venue.server_time().await.unwrap();
    server.clock.pass(ARRIVAL);
    server.next(Fate::refused(109_421, "order not exist"));
    venue.cancel(&sol, &id(1)).await.unwrap();
}
