//! Placing and cancelling: what is sent, how often, and how the answers are read.

use std::collections::BTreeMap;

use evenkeel_exchange::{Effect, ErrorKind, Observe as _, OrderRequest, Trade as _};
use evenkeel_types::{OrderIntent, OrderStatus, PositionSide, Scope, Side, TimeInForce};
use serde_json::json;

use crate::server::{Fate, Server, order};
use crate::support::{d, id, intent, params, symbol, unproven};

#[tokio::test]
async fn one_order_goes_by_itself_with_its_answer() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    let state =
        venue.place(&[unproven(intent("BTCUSDT", Side::Buy, "0.010", "68000.1"))]).await.remove(0).unwrap();
    assert_eq!(
        (state.status, state.filled.get(), state.average_price),
        (OrderStatus::Filled, d("0.01"), None)
    );
    assert_eq!(state.venue_order_id.as_deref(), Some("9007199254740993"), "all digits of a large number");
    let sent = server.asked();
    assert_eq!(sent.len(), 1, "the clock and the rules were read with the account");
    assert_eq!(sent[0].call(), "POST /fapi/v1/order");
    assert!(sent[0].signed);
    let expected = params(&[
        ("symbol", "BTCUSDT"),
        ("side", "BUY"),
        ("type", "LIMIT"),
        ("timeInForce", "IOC"),
        ("quantity", "0.01"),
        ("price", "68000.1"),
        ("newClientOrderId", id(1).as_str()),
        ("newOrderRespType", "RESULT"),
    ]);
    assert_eq!(sent[0].params, expected);
}

#[tokio::test]
async fn a_phase_is_as_few_requests_as_the_venue_allows() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    server.at_once();
    let orders: Vec<OrderRequest> = (0..13)
        .map(|number| {
            let name = ["BTCUSDT", "ETHUSDT", "SOLUSDT"][usize::from(number) % 3];
            let order = intent(name, Side::Sell, "1", "150.1");
            unproven(OrderIntent { id: id(number), limit: "3000".parse().unwrap(), ..order })
        })
        .collect();
    let outcomes = venue.place(&orders).await;
    for (order, outcome) in orders.iter().zip(&outcomes) {
        let state = outcome.as_ref().unwrap();
        assert_eq!((state.id, &state.symbol), (order.intent().id, &order.intent().symbol));
        assert_eq!(state.status, OrderStatus::Filled);
    }
    let sent = server.asked();
    let sizes: Vec<usize> = sent
        .iter()
        .map(|seen| serde_json::from_str::<Vec<serde_json::Value>>(seen.get("batchOrders")).unwrap().len())
        .collect();
    assert_eq!(sizes, [5, 5, 3]);
    assert_eq!(server.at_once(), 3, "batches leave at once");
    assert!(sent.iter().all(|seen| seen.call() == "POST /fapi/v1/batchOrders" && seen.params.len() == 1));
    let first: Vec<BTreeMap<String, String>> = serde_json::from_str(sent[0].get("batchOrders")).unwrap();
    assert_eq!(first[0]["newOrderRespType"], "RESULT");
    assert_eq!(first[0]["newClientOrderId"], id(0).as_str());
    assert!(venue.place(&[]).await.is_empty());
    // A probed capability can make batches smaller, never larger than the venue's.
    let mut rules = evenkeel_binance::capabilities();
    rules.orders_per_request = 50;
    let eager = server.builder().capabilities(rules).build().unwrap();
    assert!(eager.place(&orders[..6]).await.iter().all(Result::is_ok));
    assert_eq!(server.writes().len(), 2);
}

#[tokio::test]
async fn parts_of_a_batch_have_outcomes_of_their_own() {
    let server = Server::start();
    let venue = server.venue();
    let orders: Vec<OrderRequest> = (1..=4)
        .map(|number| unproven(OrderIntent { id: id(number), ..intent("SOLUSDT", Side::Buy, "1", "150") }))
        .collect();
    let answered = |number: u8, status: &str, filled: &str| {
        let sent = params(&[
            ("symbol", "SOLUSDT"),
            ("newClientOrderId", id(number).as_str()),
            ("quantity", "1"),
            ("timeInForce", "IOC"),
        ]);
        order(&sent, u64::from(number), status, filled)
    };
    server.write(Fate::json(json!([
        answered(1, "EXPIRED", "0"),
        {"code": -2019, "msg": "Margin is insufficient."},
        {"code": -9876, "msg": "Something new."},
        answered(3, "SLEEPING", "0"),
    ])));
    let outcomes = venue.place(&orders).await;
    assert_eq!(outcomes[0].as_ref().unwrap().status, OrderStatus::Cancelled);
    let told: Vec<_> = outcomes[1..]
        .iter()
        .map(|outcome| outcome.as_ref().unwrap_err())
        .map(|e| (e.kind(), e.effect()))
        .collect();
    assert_eq!(
        told,
        [
            (ErrorKind::InsufficientMargin, Effect::NotApplied),
            (ErrorKind::Unclassified, Effect::Unknown),
            (ErrorKind::Decode, Effect::Unknown),
        ]
    );
    assert_eq!(outcomes[1].as_ref().unwrap_err().code(), Some("-2019"));
    // What one of them was refused for can concern what follows: the clock, or the number of orders.
    server.asked();
    server.write(Fate::json(
        json!([answered(1, "FILLED", "1"), {"code": -5028, "msg": "Timestamp is outside."}]),
    ));
    let outcomes = venue.place(&orders[..2]).await;
    assert!(outcomes[0].is_ok() && outcomes[1].as_ref().unwrap_err().effect() == Effect::NotApplied);
    server.write(Fate::json(
        json!([answered(1, "FILLED", "1"), {"code": -1015, "msg": "Too many new orders."}]),
    ));
    assert!(venue.place(&orders[..2]).await[0].is_ok());
    assert_eq!(
        server.calls(),
        ["GET /fapi/v1/time", "POST /fapi/v1/batchOrders", "POST /fapi/v1/batchOrders"]
    );
    let error = venue.place(&orders[..2]).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::RateLimited, Effect::NotApplied));
    assert!(server.asked().is_empty());
    server.clock.pass(15_000);
    // Too few outcomes say nothing about any of them, and neither does one about another order.
    server.write(Fate::json(json!([answered(1, "FILLED", "1")])));
    assert!(venue.place(&orders).await.iter().all(|o| o.as_ref().unwrap_err().effect() == Effect::Unknown));
    server.write(Fate::json(json!([answered(2, "FILLED", "1"), answered(1, "FILLED", "1")])));
    assert!(
        venue.place(&orders[..2]).await.iter().all(|o| o.as_ref().unwrap_err().effect() == Effect::Unknown)
    );
}

#[tokio::test]
async fn answers_are_read_as_they_are() {
    let server = Server::start();
    let venue = server.venue();
    let sent = |tif: &str| {
        params(&[
            ("symbol", "SOLUSDT"),
            ("newClientOrderId", id(1).as_str()),
            ("quantity", "10"),
            ("price", "150"),
            ("timeInForce", tif),
        ])
    };
    for (tif, status, filled, expected) in [
        ("IOC", "FILLED", "10", OrderStatus::Filled),
        ("IOC", "EXPIRED", "4", OrderStatus::Cancelled),
        ("IOC", "EXPIRED_IN_MATCH", "0", OrderStatus::Cancelled),
        // An acknowledgement of an immediate order says nothing yet.
        ("IOC", "NEW", "0", OrderStatus::Acknowledged),
        ("IOC", "PARTIALLY_FILLED", "4", OrderStatus::Acknowledged),
        ("GTC", "NEW", "0", OrderStatus::Open),
        ("GTC", "PARTIALLY_FILLED", "3", OrderStatus::Open),
        ("GTX", "EXPIRED", "0", OrderStatus::Cancelled),
        ("GTC", "REJECTED", "0", OrderStatus::Rejected),
    ] {
        server.write(Fate::json(order(&sent(tif), 5, status, filled)));
        let state =
            venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "10", "150"))]).await.remove(0).unwrap();
        assert_eq!((state.status, state.filled.get()), (expected, d(filled)), "{tif} {status}");
    }
    // Contradictions are no outcomes.
    for (status, filled) in [("FILLED", "4"), ("NEW", "11"), ("FILLED", "-1"), ("DREAMING", "0")] {
        server.write(Fate::json(order(&sent("IOC"), 5, status, filled)));
        let error =
            venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "10", "150"))]).await.remove(0).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown), "{status} {filled}");
    }
}

#[tokio::test]
async fn legs_travel_with_the_order() {
    let server = Server::start();
    let venue = server.venue();
    let base = || intent("BTCUSDT", Side::Sell, "0.01", "60000");
    for (position_side, side, reduce_only, leg, reduce) in [
        (PositionSide::Net, Side::Sell, true, "", "true"),
        (PositionSide::Net, Side::Sell, false, "", ""),
        // In hedge mode the venue refuses `reduceOnly`: side and leg say it.
        (PositionSide::Long, Side::Sell, true, "LONG", ""),
        (PositionSide::Short, Side::Buy, true, "SHORT", ""),
        (PositionSide::Long, Side::Buy, false, "LONG", ""),
    ] {
        let order = OrderIntent { position_side, side, reduce_only, ..base() };
        venue.place(&[unproven(order)]).await.remove(0).unwrap();
        let sent = server.writes().remove(0);
        assert_eq!(
            (sent.get("positionSide"), sent.get("reduceOnly")),
            (leg, reduce),
            "{position_side:?} {side}"
        );
    }
    for (position_side, side) in [(PositionSide::Long, Side::Buy), (PositionSide::Short, Side::Sell)] {
        let order = OrderIntent { position_side, side, reduce_only: true, ..base() };
        let error = venue.place(&[unproven(order)]).await.remove(0).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
    }
    assert!(server.writes().is_empty());
}

/// Rules that the venue would refuse are refused before anything is signed, and the other orders go out.
#[tokio::test]
async fn what_the_venue_would_not_take_is_not_sent() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    let wrong = [
        (intent("BTCUSDT", Side::Buy, "0.0015", "60000"), "no multiple of the lot 0.001"),
        (intent("BTCUSDT", Side::Buy, "1000.001", "60000"), "above 1000, the largest"),
        (intent("BTCUSDT", Side::Buy, "0.01", "60000.15"), "no multiple of the tick 0.1; 60000.1 would do"),
        (intent("BTCUSDT", Side::Buy, "1", "500"), "below 556.8, the lowest"),
        (intent("BTCUSDT", Side::Buy, "1", "4529764.1"), "above 4529764, the highest"),
        (intent("BTCUSDT", Side::Buy, "0.001", "49999.9"), "below 50, the smallest"),
        (intent("OLDUSDT", Side::Buy, "1", "10"), "it is not trading"),
        (intent("XRPUSDT", Side::Buy, "100", "0.5"), "takes only orders that reduce"),
        (intent("NO-SUCH", Side::Buy, "1", "1"), "there is no NO-SUCH"),
        (intent("ETHBTC", Side::Buy, "1", "0.05"), "margined in `BTC`"),
    ];
    let mut orders: Vec<OrderRequest> = wrong.iter().map(|(intent, _)| unproven(intent.clone())).collect();
    orders.push(unproven(intent("BTCUSDT", Side::Buy, "0.01", "60000")));
    // Reduce-only orders have no minimum.
    let dust =
        OrderIntent { reduce_only: true, id: id(2), ..intent("BTCUSDT", Side::Sell, "0.001", "10000") };
    orders.push(unproven(dust));
    let outcomes = venue.place(&orders).await;
    for ((_, needle), outcome) in wrong.iter().zip(&outcomes) {
        let error = outcome.as_ref().unwrap_err();
        assert_eq!(error.effect(), Effect::NotApplied);
        assert!(error.to_string().contains(needle), "{error}");
    }
    assert!(outcomes[10].is_ok() && outcomes[11].is_ok(), "{outcomes:?}");
    let sent = server.writes();
    assert_eq!(sent.len(), 1);
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(sent[0].get("batchOrders")).unwrap().len(), 2);
}

#[tokio::test]
async fn an_order_is_found_by_its_client_id() {
    let server = Server::start();
    let venue = server.venue();
    server.read("/fapi/v1/order", Fate::code(-2013, "Order does not exist."));
    assert_eq!(venue.order(&symbol("SOLUSDT"), &id(1)).await.unwrap(), None);
    let asked = server.asked().pop().unwrap();
    assert_eq!((asked.get("origClientOrderId"), asked.get("symbol")), (id(1).as_str(), "SOLUSDT"));
    let sent = params(&[
        ("symbol", "SOLUSDT"),
        ("newClientOrderId", id(1).as_str()),
        ("quantity", "10"),
        ("timeInForce", "IOC"),
    ]);
    let mut found = order(&sent, 5, "EXPIRED", "4");
    found["avgPrice"] = json!("150.12500");
    found["cumQuote"] = json!("600.5");
    server.read("/fapi/v1/order", Fate::json(found.clone()));
    let state = venue.order(&symbol("SOLUSDT"), &id(1)).await.unwrap().unwrap();
    assert_eq!((state.status, state.filled.get()), (OrderStatus::Cancelled, d("4")));
    assert_eq!(state.average_price.unwrap().get(), d("150.125"));
    // An answer about somebody else's order answers nothing.
    for (name, other) in [("clientOrderId", "web_1"), ("symbol", "ETHUSDT")] {
        let mut wrong = found.clone();
        wrong[name] = json!(other);
        server.read("/fapi/v1/order", Fate::json(wrong));
        let error = venue.order(&symbol("SOLUSDT"), &id(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::NotApplied));
    }
}

#[tokio::test]
async fn cancels_that_find_nothing_look_at_the_record() {
    let server = Server::start();
    let venue = server.venue();
    venue.cancel(&symbol("SOLUSDT"), &id(3)).await.unwrap();
    venue.cancel_by_venue_id(&symbol("SOLUSDT"), "9007199254740993").await.unwrap();
    venue.cancel_by_venue_id(&symbol("SOLUSDT"), "algo:1000001270850379").await.unwrap();
    let sent = server.writes();
    assert_eq!(sent[0].call(), "DELETE /fapi/v1/order");
    assert_eq!(sent[0].params, params(&[("symbol", "SOLUSDT"), ("origClientOrderId", id(3).as_str())]));
    assert_eq!(sent[1].params, params(&[("symbol", "SOLUSDT"), ("orderId", "9007199254740993")]));
    assert_eq!(sent[2].call(), "DELETE /fapi/v1/algoOrder");
    assert_eq!(sent[2].get("algoId"), "1000001270850379");

    let gone = || Fate::code(-2011, "Unknown order sent.");
    let record = |status: &str, filled: &str| {
        let sent = params(&[("symbol", "SOLUSDT"), ("newClientOrderId", id(3).as_str()), ("quantity", "1")]);
        Fate::json(order(&sent, 5, status, filled))
    };
    for (status, filled, over) in [("FILLED", "1", true), ("CANCELED", "0", true), ("NEW", "0", false)] {
        server.write(gone());
        server.read("/fapi/v1/order", record(status, filled));
        let done = venue.cancel(&symbol("SOLUSDT"), &id(3)).await;
        assert_eq!(done.is_ok(), over, "{status}");
        assert!(done.is_ok() || done.unwrap_err().effect() == Effect::NotApplied);
    }
    // Nobody knows it: over, except where another process may have sent it just before it ended.
    server.read("/fapi/v1/order", Fate::code(-2013, "Order does not exist."));
    server.write(gone());
    let error = venue.cancel(&symbol("SOLUSDT"), &id(4)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::Unknown), "{error}");
    server.clock.pass(25_000);
    server.write(gone());
    venue.cancel(&symbol("SOLUSDT"), &id(4)).await.unwrap();
    // One of ours that was not heard of may still arrive.
    server.write(Fate::answer(
        503,
        r#"{"code":-1000,"msg":"Unknown error, please check your request or try again later."}"#,
    ));
    let lost = OrderIntent { id: id(5), ..intent("SOLUSDT", Side::Buy, "1", "150") };
    let error = venue.place(&[unproven(lost)]).await.remove(0).unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    server.write(gone());
    // A connector that is built anew, as some bots do for each call, knows what this process sent.
    let error = server.venue().cancel(&symbol("SOLUSDT"), &id(5)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::Unknown), "{error}");
    server.clock.pass(25_000);
    server.write(gone());
    venue.cancel(&symbol("SOLUSDT"), &id(5)).await.unwrap();
    // An answer about another order says nothing about this one.
    let other = |name: &str, value: serde_json::Value| {
        let sent = params(&[("symbol", "SOLUSDT"), ("newClientOrderId", id(3).as_str()), ("quantity", "1")]);
        let mut row = order(&sent, 5, "CANCELED", "0");
        row[name] = value;
        Fate::json(row)
    };
    for (name, value) in [("clientOrderId", json!("web_1")), ("symbol", json!("ETHUSDT"))] {
        server.write(other(name, value));
        let error = venue.cancel(&symbol("SOLUSDT"), &id(3)).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown), "{name}");
    }
    server.write(other("orderId", json!(6)));
    let error = venue.cancel_by_venue_id(&symbol("SOLUSDT"), "5").await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown));
    for answer in
        [json!({"algoId": 8, "clientAlgoId": "x", "code": "200", "msg": "success"}), json!({"code": "200"})]
    {
        server.write(Fate::json(answer));
        let error = venue.cancel_by_venue_id(&symbol("SOLUSDT"), "algo:7").await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown));
    }
    server.asked();
    for wrong in ["abc", "", "-5", "algo:", "algo:x", "18446744073709551616"] {
        let error = venue.cancel_by_venue_id(&symbol("SOLUSDT"), wrong).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied), "{wrong}");
    }
    assert!(server.asked().is_empty());
}

/// After a rate limit nothing is sent until it is over, and what waited too long is not sent at all.
#[tokio::test]
async fn limits_and_bans_are_obeyed() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    let order = || unproven(intent("SOLUSDT", Side::Buy, "1", "150"));
    server.write(Fate::answer(429, r#"{"code":-1003,"msg":"Too many requests"}"#).with("retry-after", "20"));
    let error = venue.place(&[order()]).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::RateLimited, Effect::NotApplied));
    assert_eq!(error.retry_after().unwrap().as_secs(), 20);
    server.asked();
    let error = venue.place(&[order()]).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::RateLimited, Effect::NotApplied));
    assert!(server.asked().is_empty(), "nothing is sent while the venue refuses");
    server.clock.pass(21_000);
    venue.place(&[order()]).await.remove(0).unwrap();
    // A ban ends when the venue says, by its clock.
    let until = server.clock.now_for_test() + 300 + 180_000;
    let text =
        format!(r#"{{"code":-1003,"msg":"Way too many requests; IP(1.2.3.4) banned until {until}."}}"#);
    server.write(Fate::answer(418, &text));
    let error = venue.place(&[order()]).await.remove(0).unwrap_err();
    let left = error.retry_after().unwrap().as_secs();
    assert!((170..=180).contains(&left), "{left}");
    server.asked();
    let error = venue.snapshot(&Scope::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(server.asked().is_empty());
    server.clock.pass(181_000);
    venue.snapshot(&Scope::default()).await.unwrap();
    // The firewall has no code of the venue's, and concerns the address; what it says is believed for minutes only.
    server.write(Fate::answer(403, "<html>Request blocked</html>").with("retry-after", "86400"));
    let error = venue.place(&[order()]).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.retry_after().unwrap().as_secs()), (ErrorKind::RateLimited, 300));
    server.asked();
    venue.snapshot(&Scope::default()).await.unwrap_err();
    let history = venue.read_abilities().funding_history.unwrap();
    let since = evenkeel_types::Timestamp(server.clock.now_for_test());
    history.funding_history(&symbol("SOLUSDT"), since).await.unwrap_err();
    assert!(server.asked().is_empty());
    server.clock.pass(301_000);
    venue.snapshot(&Scope::default()).await.unwrap();
    // The order limit is another pool: reads go on.
    server.write(Fate::answer(429, r#"{"code":-1015,"msg":"Too many new orders"}"#));
    venue.place(&[order()]).await.remove(0).unwrap_err();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    venue.place(&[order()]).await.remove(0).unwrap_err();
    assert!(server.writes().is_empty());
}

/// The venue's own count of what was used, by everyone behind this address, is believed.
#[tokio::test]
async fn counts_are_corrected_by_the_venues_headers() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    let full = order(
        &params(&[
            ("symbol", "SOLUSDT"),
            ("newClientOrderId", id(1).as_str()),
            ("quantity", "1"),
            ("timeInForce", "IOC"),
        ]),
        5,
        "EXPIRED",
        "0",
    );
    let answer = Fate::json(full).with("X-MBX-USED-WEIGHT-1M", "1700").with("X-MBX-ORDER-COUNT-10S", "295");
    server.write(answer.clone());
    venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).unwrap();
    let before = server.clock.now_for_test();
    // Ordinary reads wait for the minute; what reduces risk goes first.
    let reducing = OrderIntent { reduce_only: true, ..intent("SOLUSDT", Side::Sell, "1", "150") };
    venue.place(&[OrderRequest::reducing(reducing).unwrap()]).await.remove(0).unwrap();
    assert!(server.clock.now_for_test() - before < 1000);
    venue.leverages(&[symbol("SOLUSDT")]).await.remove(0).unwrap();
    assert!(server.clock.now_for_test() - before > 20_000, "an ordinary read waits");
}

/// The reserved share is for what reduces risk: lowering a leverage may use it, raising one not, and neither may one of
/// which it is not known.
#[tokio::test]
async fn only_a_lowering_of_leverage_is_urgent() {
    let server = Server::start();
    let venue = server.venue();
    let leverage = |value: u32| evenkeel_types::Leverage::new(value).unwrap();
    let waited = async |name: &str, to: u32, known: bool| {
        if known {
            venue.snapshot(&Scope::default()).await.unwrap();
        }
        // Of 2 400 so much is used that only the reserved share is left.
        let used = Fate::json(json!({"serverTime": server.clock.now_for_test() + 300}));
        server.once("GET /fapi/v1/time", used.with("x-mbx-used-weight-1m", "2000"));
        venue.server_time().await.unwrap();
        let before = server.clock.now_for_test();
        let done = venue.set_leverage(&symbol(name), leverage(to)).await;
        let waited = server.clock.now_for_test() - before;
        if let Err(error) = &done {
            assert_eq!(
                (error.kind(), error.effect()),
                (ErrorKind::RateLimited, Effect::NotApplied),
                "{error}"
            );
        }
        server.clock.pass(65_000);
        done.is_ok() && waited < 1000
    };
    assert!(waited("SOLUSDT", 4, true).await, "5x to 4x");
    assert!(!waited("SOLUSDT", 6, true).await, "5x to 6x");
    assert!(!waited("SOLUSDT", 5, true).await, "as it is");
    assert!(!waited("SOLUSDT", 1, false).await, "read too long ago");
}

/// Prices have moved: what was decided on more than five seconds ago is not sent, whatever it waited for.
#[tokio::test]
async fn what_was_decided_too_long_ago_is_not_sent() {
    for (slow, sent) in [(4000, true), (6000, false)] {
        let server = Server::start();
        let held = json!([crate::server::position("SOLUSDT", "BOTH", "1", "5")]);
        server.read("/fapi/v3/positionRisk", Fate::json(held));
        // The way to every write is the same; this one looks at a single answer before.
        server.slow("GET /fapi/v3/positionRisk", slow);
        let outcome = server.venue().adjust_margin(&symbol("SOLUSDT"), "1".parse().unwrap()).await;
        assert_eq!(outcome.is_ok(), sent, "{outcome:?}");
        if let Err(error) = outcome {
            assert_eq!(
                (error.kind(), error.effect()),
                (ErrorKind::RateLimited, Effect::NotApplied),
                "{error}"
            );
        }
        assert_eq!(server.writes().len(), usize::from(sent));
    }
}

/// Whatever is looked at on the way to a write, a look that fails has written nothing.
#[tokio::test]
async fn a_look_on_the_way_to_a_write_has_no_effect() {
    let lost = || Fate::answer(502, "x");
    for path in ["exchangeInfo", "leverageBracket"] {
        let server = Server::start();
        server.read(&format!("/fapi/v1/{path}"), lost());
        let venue = server.venue();
        let order = || unproven(intent("SOLUSDT", Side::Buy, "1", "150"));
        let placed = venue.place(&[order(), order()]).await;
        assert!(placed.iter().all(|o| o.as_ref().unwrap_err().effect() == Effect::NotApplied), "{path}");
        let set = venue.set_leverage(&symbol("SOLUSDT"), evenkeel_types::Leverage::new(2).unwrap()).await;
        assert_eq!(set.unwrap_err().effect(), Effect::NotApplied, "{path}");
        assert!(server.writes().is_empty());
    }
    // The cancel itself was refused, and what became of the order could not be read: nothing changed.
    let server = Server::start();
    let venue = server.venue();
    for answer in [lost(), Fate::answer(200, "{}"), Fate::code(-1000, "An unknown error occured")] {
        server.write(Fate::code(-2011, "Unknown order sent."));
        server.read("/fapi/v1/order", answer);
        let error = venue.cancel(&symbol("SOLUSDT"), &id(1)).await.unwrap_err();
        assert_eq!(error.effect(), Effect::NotApplied, "{error}");
    }
}

/// Our times were wrong: nothing happened, nothing is sent again, and the clock is read before the next write.
#[tokio::test]
async fn a_wrong_clock_is_read_again_before_the_next_write() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    server.write(Fate::code(-1021, "Timestamp for this request is outside of the recvWindow."));
    let order = OrderIntent { tif: TimeInForce::Gtc, ..intent("SOLUSDT", Side::Buy, "1", "150") };
    let error = venue.place(&[unproven(order.clone())]).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Timeout, Effect::NotApplied));
    assert_eq!(server.calls(), ["POST /fapi/v1/order"]);
    venue.place(&[unproven(order)]).await.remove(0).unwrap();
    assert_eq!(server.calls(), ["GET /fapi/v1/time", "POST /fapi/v1/order"]);
}

/// Funding intervals are no part of the rules of orders: a close does not wait for them.
#[tokio::test]
async fn orders_need_no_funding_intervals() {
    let server = Server::start();
    server.read("/fapi/v1/fundingInfo", Fate::answer(502, "x"));
    let venue = server.venue();
    let close = OrderIntent { reduce_only: true, ..intent("BTCUSDT", Side::Sell, "0.009", "60000") };
    venue.place(&[unproven(close)]).await.remove(0).unwrap();
    assert_eq!(
        server.calls(),
        [
            "GET /fapi/v1/exchangeInfo",
            "GET /fapi/v1/leverageBracket",
            "GET /fapi/v1/time",
            "POST /fapi/v1/order"
        ]
    );
    // A snapshot does, and does not take the rules that were read without them.
    venue.snapshot(&Scope::default()).await.unwrap_err();
    server
        .read("/fapi/v1/fundingInfo", Fate::json(json!([{"symbol": "BTCUSDT", "fundingIntervalHours": 4}])));
    let snapshot = venue.snapshot(&Scope::default()).await.unwrap();
    let interval = snapshot.instrument(&symbol("BTCUSDT")).unwrap().funding_interval;
    assert_eq!(interval.unwrap().as_secs(), 4 * 3600);
}

/// Rules change without notice: what old ones refuse is asked of young ones before it is refused.
#[tokio::test]
async fn old_rules_refuse_nothing_by_themselves() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    let mut info = crate::server::exchange_info();
    info["symbols"][0]["filters"][1]["stepSize"] = json!("0.0001");
    info["symbols"][0]["filters"][1]["minQty"] = json!("0.0001");
    info["symbols"][1]["filters"][0]["tickSize"] = json!("0.001");
    server.read("/fapi/v1/exchangeInfo", Fate::json(info));
    let close = || {
        let close = |number, name: &str, qty: &str, limit: &str| {
            unproven(OrderIntent {
                id: id(number),
                reduce_only: true,
                ..intent(name, Side::Sell, qty, limit)
            })
        };
        [
            close(1, "BTCUSDT", "0.0015", "60000"),
            close(2, "SOLUSDT", "0.5", "150"),
            close(3, "SOLUSDT", "1", "150"),
        ]
    };
    server.asked();
    // What was read within a minute has the last word.
    let outcomes = venue.place(&close()).await;
    assert!(outcomes[0].is_err() && outcomes[1].is_err() && outcomes[2].is_ok());
    assert_eq!(server.calls(), ["POST /fapi/v1/order"]);
    server.clock.pass(90_000);
    server.once("GET /fapi/v1/exchangeInfo", Fate::answer(502, "x"));
    let outcomes = venue.place(&close()).await;
    assert!(outcomes[0].is_err() && outcomes[2].is_ok(), "rules that cannot be read stop nothing else");
    server.asked();
    let outcomes = venue.place(&close()).await;
    assert!(outcomes[0].is_ok() && outcomes[1].is_err() && outcomes[2].is_ok(), "{outcomes:?}");
    let asked = server.calls();
    assert_eq!(asked.iter().filter(|call| call.ends_with("exchangeInfo")).count(), 1, "{asked:?}");
    // The others do not wait for a limit that is used up: one order weighs nothing there.
    server.clock.pass(90_000);
    let used = Fate::json(json!({"serverTime": server.clock.now_for_test() + 300}));
    server.once("GET /fapi/v1/time", used.with("x-mbx-used-weight-1m", "2400"));
    venue.server_time().await.unwrap();
    server.asked();
    let before = server.clock.now_for_test();
    let outcomes = venue.place(&close()[1..]).await;
    assert!(outcomes[0].is_err() && outcomes[1].is_ok(), "{outcomes:?}");
    assert!(server.clock.now_for_test() - before < 1000);
    assert_eq!(server.calls(), ["POST /fapi/v1/order"]);
    // Stops and leverages likewise.
    let stop = evenkeel_exchange::StopIntent {
        id: id(9),
        symbol: symbol("ETHUSDT"),
        side: Side::Sell,
        position_side: PositionSide::Net,
        trigger: evenkeel_exchange::Trigger::StopLoss("3000.001".parse().unwrap()),
        size: evenkeel_exchange::StopSize::WholePosition,
        worst: None,
    };
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    let mut info = crate::server::exchange_info();
    info["symbols"][1]["filters"][0]["tickSize"] = json!("0.001");
    server.read("/fapi/v1/exchangeInfo", Fate::json(info));
    server.clock.pass(90_000);
    venue.abilities().stop_orders.unwrap().place_stops(&[stop]).await.remove(0).unwrap();
    let tiers = json!([{"symbol": "SOLUSDT", "brackets": [{"bracket": 1, "initialLeverage": 200, "notionalCap": 1000,
        "notionalFloor": 0, "maintMarginRatio": 0.002, "cum": 0}]}]);
    server.read("/fapi/v1/leverageBracket", Fate::json(tiers));
    let leverage = evenkeel_types::Leverage::new(200).unwrap();
    venue.set_leverage(&symbol("SOLUSDT"), leverage).await.unwrap_err();
    server.clock.pass(90_000);
    venue.set_leverage(&symbol("SOLUSDT"), leverage).await.unwrap();
}
