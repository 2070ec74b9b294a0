//! Stop orders, cancelling everything, the dead-man switch.

use std::time::Duration;

use evenkeel_exchange::{
    Effect, ErrorKind, Observe as _, Protective, StopIntent, StopSize, StopStatus, Trade as _, Trigger,
};
use evenkeel_types::{PositionSide, Scope, Side};
use serde_json::json;

use crate::server::{Fate, Server, algo, order};
use crate::support::{id, intent, params, symbol, unproven};

fn stop(trigger: Trigger, size: StopSize, worst: Option<&str>) -> StopIntent {
    StopIntent {
        id: id(9),
        symbol: symbol("BTCUSDT"),
        side: Side::Sell,
        position_side: PositionSide::Net,
        trigger,
        size,
        worst: worst.map(|price| price.parse().unwrap()),
    }
}

const DAY: u64 = 86_400_000;

fn qty(text: &str) -> StopSize {
    StopSize::Qty(text.parse().unwrap())
}

#[tokio::test]
async fn stops_go_to_the_book_of_conditional_orders() {
    let server = Server::start();
    let venue = server.venue();
    let stops = venue.abilities().stop_orders.unwrap();
    let loss = Trigger::StopLoss("60000".parse().unwrap());
    let profit = Trigger::TakeProfit("70000.5".parse().unwrap());
    let trailing = |callback: &str, activation: Option<&str>| Trigger::Trailing {
        callback: callback.parse().unwrap(),
        activation: activation.map(|price| price.parse().unwrap()),
    };
    for (intent, expected) in [
        (
            stop(loss, StopSize::WholePosition, None),
            vec![
                ("type", "STOP_MARKET"),
                ("closePosition", "true"),
                ("triggerPrice", "60000"),
                ("workingType", "MARK_PRICE"),
            ],
        ),
        (
            stop(loss, qty("0.009"), Some("59000")),
            vec![
                ("type", "STOP"),
                ("quantity", "0.009"),
                ("reduceOnly", "true"),
                ("triggerPrice", "60000"),
                ("price", "59000"),
                ("timeInForce", "GTC"),
                ("workingType", "MARK_PRICE"),
            ],
        ),
        (
            stop(profit, qty("0.009"), None),
            vec![
                ("type", "TAKE_PROFIT_MARKET"),
                ("quantity", "0.009"),
                ("reduceOnly", "true"),
                ("triggerPrice", "70000.5"),
                ("workingType", "MARK_PRICE"),
            ],
        ),
        (
            stop(trailing("0.005", Some("71000")), qty("0.009"), None),
            vec![
                ("type", "TRAILING_STOP_MARKET"),
                ("quantity", "0.009"),
                ("reduceOnly", "true"),
                ("callbackRate", "0.5"),
                ("activatePrice", "71000"),
            ],
        ),
        (
            StopIntent { position_side: PositionSide::Long, ..stop(loss, StopSize::WholePosition, None) },
            vec![
                ("type", "STOP_MARKET"),
                ("closePosition", "true"),
                ("positionSide", "LONG"),
                ("triggerPrice", "60000"),
                ("workingType", "MARK_PRICE"),
            ],
        ),
    ] {
        let state = stops.place_stops(std::slice::from_ref(&intent)).await.remove(0).unwrap();
        assert_eq!((state.id, state.status), (id(9), StopStatus::Waiting));
        assert_eq!(state.venue_order_id.as_deref(), Some("algo:1000001270850379"));
        let sent = server.writes().remove(0);
        assert_eq!(sent.call(), "POST /fapi/v1/algoOrder");
        let mut all = params(&expected);
        all.extend(params(&[
            ("algoType", "CONDITIONAL"),
            ("symbol", "BTCUSDT"),
            ("side", "SELL"),
            ("clientAlgoId", id(9).as_str()),
        ]));
        assert_eq!(sent.params, all);
    }
}

#[tokio::test]
async fn stops_that_the_venue_does_not_have_are_refused() {
    let server = Server::start();
    let venue = server.venue();
    let stops = venue.abilities().stop_orders.unwrap();
    let loss = Trigger::StopLoss("60000".parse().unwrap());
    let trailing =
        |callback: &str| Trigger::Trailing { callback: callback.parse().unwrap(), activation: None };
    let wrong = [
        (stop(loss, StopSize::WholePosition, Some("59000")), ErrorKind::NotSupported),
        (stop(trailing("0.01"), StopSize::WholePosition, None), ErrorKind::NotSupported),
        (stop(trailing("0.01"), qty("1"), Some("59000")), ErrorKind::NotSupported),
        (stop(trailing("0.0001"), qty("1"), None), ErrorKind::Invalid),
        (stop(trailing("0.11"), qty("1"), None), ErrorKind::Invalid),
        (stop(trailing("0.00123"), qty("1"), None), ErrorKind::Invalid),
        // Larger than a market order may be, though not than a limit order.
        (stop(loss, qty("120.001"), None), ErrorKind::Invalid),
        (stop(loss, qty("0.0001"), None), ErrorKind::Invalid),
        (stop(Trigger::StopLoss("60000.05".parse().unwrap()), qty("1"), None), ErrorKind::Invalid),
        (StopIntent { position_side: PositionSide::Short, ..stop(loss, qty("1"), None) }, ErrorKind::Invalid),
    ];
    let mut all: Vec<StopIntent> = wrong.iter().map(|(stop, _)| stop.clone()).collect();
    all.push(stop(loss, qty("120.001"), Some("59000")));
    let outcomes = stops.place_stops(&all).await;
    for ((stop, kind), outcome) in wrong.iter().zip(&outcomes) {
        let error = outcome.as_ref().unwrap_err();
        assert_eq!((error.kind(), error.effect()), (*kind, Effect::NotApplied), "{stop:?}");
    }
    assert!(outcomes[10].is_ok());
    assert_eq!(server.writes().len(), 1);
}

#[tokio::test]
async fn where_a_stop_stands_is_what_its_order_did() {
    let server = Server::start();
    let venue = server.venue();
    let stops = venue.abilities().stop_orders.unwrap();
    let sent = params(&[("symbol", "BTCUSDT"), ("clientAlgoId", id(9).as_str()), ("quantity", "0.009")]);
    let of_order = |status: &str, filled: &str| {
        let sent = params(&[("symbol", "BTCUSDT"), ("newClientOrderId", "x"), ("quantity", "0.009")]);
        Fate::json(order(&sent, 974_828_356_187, status, filled))
    };
    let gone = || Fate::code(-2013, "Order does not exist.");
    for (status, actual, record, expected) in [
        ("NEW", "", gone(), StopStatus::Waiting),
        ("TRIGGERING", "", gone(), StopStatus::Triggered),
        ("TRIGGERED", "974828356187", of_order("NEW", "0"), StopStatus::Triggered),
        // The record of an order can come into view late.
        ("TRIGGERED", "974828356187", gone(), StopStatus::Triggered),
        ("FINISHED", "974828356187", of_order("FILLED", "0.009"), StopStatus::Executed),
        ("FINISHED", "974828356187", of_order("EXPIRED", "0.004"), StopStatus::Executed),
        ("FINISHED", "974828356187", of_order("EXPIRED", "0"), StopStatus::Cancelled),
        ("CANCELED", "", gone(), StopStatus::Cancelled),
        ("EXPIRED", "", gone(), StopStatus::Cancelled),
        ("REJECTED", "", gone(), StopStatus::Rejected),
    ] {
        server.read("/fapi/v1/algoOrder", Fate::json(algo(&sent, status, actual)));
        server.read("/fapi/v1/order", record);
        let found = stops.stop(&symbol("BTCUSDT"), &id(9)).await.unwrap().unwrap();
        assert_eq!(found.status, expected, "{status} {actual}");
    }
    // One that is over and whose order is not in view may have traded, unless the venue says what it executed.
    for (age, executed, expected) in [
        (0, None, None),
        (0, Some(""), None),
        (0, Some("0"), None),
        (0, Some("0.009"), Some(StopStatus::Executed)),
        (5 * DAY, None, None),
        (2 * DAY, Some("0.000"), None),
        // The record of an order that had executed something would still be there.
        (5 * DAY, Some("0.000"), Some(StopStatus::Cancelled)),
        (5 * DAY, Some("0.001"), Some(StopStatus::Executed)),
    ] {
        let mut over = algo(&sent, "FINISHED", "974828356187");
        over["updateTime"] = json!(server.clock.now_for_test() - age);
        if let Some(executed) = executed {
            over["actualQty"] = json!(executed);
        }
        server.read("/fapi/v1/algoOrder", Fate::json(over));
        server.read("/fapi/v1/order", gone());
        match (stops.stop(&symbol("BTCUSDT"), &id(9)).await, expected) {
            (Ok(found), Some(expected)) => assert_eq!(found.unwrap().status, expected, "{age} {executed:?}"),
            (Err(error), None) => {
                assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::NotApplied));
            }
            (found, expected) => panic!("{age} {executed:?}: {found:?} instead of {expected:?}"),
        }
    }
    // What was executed stays so, whichever of the two answers is the older one; one that is still open is not over.
    for (status, record, expected) in
        [("FINISHED", "EXPIRED", StopStatus::Executed), ("TRIGGERED", "NEW", StopStatus::Triggered)]
    {
        let mut partly = algo(&sent, status, "974828356187");
        partly["actualQty"] = json!("0.004");
        server.read("/fapi/v1/algoOrder", Fate::json(partly));
        server.read("/fapi/v1/order", of_order(record, "0"));
        assert_eq!(stops.stop(&symbol("BTCUSDT"), &id(9)).await.unwrap().unwrap().status, expected);
    }
    server.read("/fapi/v1/algoOrder", Fate::json(algo(&sent, "FINISHED", "")));
    assert_eq!(stops.stop(&symbol("BTCUSDT"), &id(9)).await.unwrap_err().kind(), ErrorKind::Decode);
    server.read("/fapi/v1/algoOrder", gone());
    assert_eq!(stops.stop(&symbol("BTCUSDT"), &id(9)).await.unwrap(), None);

    // Cancelling: one that is not waiting any more is done.
    stops.cancel_stop(&symbol("BTCUSDT"), &id(9)).await.unwrap();
    assert_eq!(server.writes()[0].get("clientAlgoId"), id(9).as_str());
    for (status, over) in [("NEW", false), ("TRIGGERED", true), ("CANCELED", true)] {
        server.write(Fate::code(-2011, "Unknown order sent."));
        server.read("/fapi/v1/algoOrder", Fate::json(algo(&sent, status, "")));
        assert_eq!(stops.cancel_stop(&symbol("BTCUSDT"), &id(9)).await.is_ok(), over, "{status}");
    }
    // One whose answer was lost may still arrive.
    server.read("/fapi/v1/algoOrder", gone());
    server.write(Fate::answer(502, "x"));
    let lost = stop(Trigger::StopLoss("60000".parse().unwrap()), qty("0.009"), None);
    assert_eq!(stops.place_stops(&[lost]).await.remove(0).unwrap_err().effect(), Effect::Unknown);
    server.write(Fate::code(-2011, "Unknown order sent."));
    let error = stops.cancel_stop(&symbol("BTCUSDT"), &id(9)).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
}

#[tokio::test]
async fn cancelling_everything_keeps_what_protects() {
    let server = Server::start();
    let venue = server.venue();
    let cancel = venue.abilities().cancel_all.unwrap();
    assert_eq!(cancel.cancel_all(None, Protective::Keep).await.unwrap(), 1);
    let sent = server.writes();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].call().as_str(), sent[0].get("symbol")),
        ("DELETE /fapi/v1/allOpenOrders", "BTCUSDT")
    );
    assert_eq!(cancel.cancel_all(Some(&symbol("BTCUSDT")), Protective::Cancel).await.unwrap(), 2);
    let asked = server.asked();
    assert!(
        asked.iter().all(|seen| seen.path == "/fapi/v1/time" || seen.get("symbol") == "BTCUSDT"),
        "{asked:?}"
    );
    let calls: Vec<String> =
        asked.iter().map(crate::server::Seen::call).filter(|call| call.starts_with("DEL")).collect();
    assert_eq!(calls, ["DELETE /fapi/v1/allOpenOrders", "DELETE /fapi/v1/algoOpenOrders"]);
    // A conditional order in the ordinary book, as there were until 2025-12-09: the others go one by one.
    let sent = |number: u64, kind: &str| {
        let sent = params(&[("symbol", "BTCUSDT"), ("newClientOrderId", "x"), ("quantity", "1")]);
        let mut row = order(&sent, number, "NEW", "0");
        row["origType"] = json!(kind);
        row
    };
    server.read(
        "/fapi/v1/openOrders",
        Fate::json(json!([sent(1, "LIMIT"), sent(2, "STOP_MARKET"), sent(3, "LIMIT")])),
    );
    assert_eq!(cancel.cancel_all(None, Protective::Keep).await.unwrap(), 2);
    let ids: Vec<String> = server.writes().iter().map(|seen| seen.get("orderId").to_owned()).collect();
    assert_eq!(ids, ["1", "3"]);
    // Some of it may have happened.
    server.write(Fate::json(json!({"code": 200, "msg": "done"})));
    server.write(Fate::code(-2015, "no"));
    let error = cancel.cancel_all(None, Protective::Cancel).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Auth, Effect::Unknown));
    server.read("/fapi/v1/openOrders", Fate::json(json!([])));
    server.read("/fapi/v1/openAlgoOrders", Fate::answer(500, "x"));
    let error = cancel.cancel_all(None, Protective::Cancel).await.unwrap_err();
    assert_eq!(error.effect(), Effect::NotApplied, "nothing was sent yet");
    server.read("/fapi/v1/openAlgoOrders", Fate::json(json!([])));
    server.asked();
    assert_eq!(cancel.cancel_all(None, Protective::Cancel).await.unwrap(), 0);
    assert!(server.writes().is_empty());
}

#[tokio::test]
async fn the_switch_covers_what_has_orders_or_may_get_some() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).unwrap();
    server.asked();
    let switch = venue.abilities().dead_man_switch.unwrap();
    switch.arm(Duration::from_secs(30)).await.unwrap();
    let sent = server.writes();
    let told: Vec<_> = sent.iter().map(|seen| (seen.get("symbol"), seen.get("countdownTime"))).collect();
    assert_eq!(told, [("BTCUSDT", "30000"), ("SOLUSDT", "30000")]);
    server.read("/fapi/v1/openOrders", Fate::json(json!([])));
    switch.disarm().await.unwrap();
    let sent = server.writes();
    let told: Vec<_> = sent.iter().map(|seen| (seen.get("symbol"), seen.get("countdownTime"))).collect();
    assert_eq!(told, [("BTCUSDT", "0"), ("SOLUSDT", "0")], "what was armed is disarmed");
    let error = switch.arm(Duration::from_millis(200)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
    server.write(Fate::json(json!({"symbol": "SOLUSDT", "countdownTime": "0"})));
    let error = switch.arm(Duration::from_secs(30)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown));
}

#[tokio::test]
async fn the_switch_tells_when_any_part_of_it_may_be_set() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).unwrap();
    let switch = venue.abilities().dead_man_switch.unwrap();
    // BTCUSDT was refused for sure; SOLUSDT may be armed.
    server.write(Fate::code(-2015, "no"));
    server.write(Fate::answer(502, "x"));
    let error = switch.arm(Duration::from_secs(30)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Auth, Effect::Unknown));
    server.write(Fate::code(-2015, "no"));
    server.write(Fate::code(-2015, "no"));
    assert_eq!(switch.arm(Duration::from_secs(30)).await.unwrap_err().effect(), Effect::NotApplied);
}

/// What is known to have orders is not kept waiting by a list, or by a row of it, that is not understood.
#[tokio::test]
async fn the_switch_covers_what_is_known_whatever_the_list_says() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).unwrap();
    server.asked();
    let switch = venue.abilities().dead_man_switch.unwrap();
    let told = || -> Vec<(String, String)> {
        let told = |seen: &crate::server::Seen| {
            (seen.get("symbol").to_owned(), seen.get("countdownTime").to_owned())
        };
        server.writes().iter().map(told).collect()
    };
    let row = |name: serde_json::Value, status: &str| {
        let sent = params(&[("symbol", "x"), ("newClientOrderId", "x"), ("quantity", "1")]);
        let mut row = order(&sent, 1, status, "0");
        row["symbol"] = name;
        row
    };
    let sol = |millis: &str| vec![("SOLUSDT".to_owned(), millis.to_owned())];
    for broken in [Fate::answer(500, "x"), Fate::answer(200, "{}")] {
        server.read("/fapi/v1/openOrders", broken);
        let error = switch.arm(Duration::from_secs(30)).await.unwrap_err();
        assert_eq!(error.effect(), Effect::Unknown, "{error}");
        assert_eq!(told(), sol("30000"));
        assert_eq!(switch.disarm().await.unwrap_err().effect(), Effect::Unknown);
        assert_eq!(told(), sol("0"));
    }
    // A state that did not exist when this was written is no reason; a row without a name is told.
    server.read("/fapi/v1/openOrders", Fate::json(json!([row(json!("ETHUSDT"), "DREAMING")])));
    switch.arm(Duration::from_secs(30)).await.unwrap();
    assert_eq!(told().len(), 2);
    server.read(
        "/fapi/v1/openOrders",
        Fate::json(json!([row(json!(null), "NEW"), row(json!("BTCUSDT"), "NEW")])),
    );
    let error = switch.arm(Duration::from_secs(30)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown));
    assert!(error.to_string().contains("[0].symbol"), "{error}");
    assert_eq!(told().len(), 3);
    // Where nothing can be read and nothing is known, nothing was done.
    server.read("/fapi/v1/openOrders", Fate::answer(500, "x"));
    let error = server.venue().abilities().dead_man_switch.unwrap().disarm().await.unwrap_err();
    assert_eq!(error.effect(), Effect::NotApplied);
    assert!(told().is_empty());
}

/// A symbol that is no more is told once, and does not end every heartbeat that follows.
#[tokio::test]
async fn the_switch_forgets_symbols_that_are_delisted() {
    for code in [-1121, -1122, -4141] {
        let server = Server::start();
        let venue = server.venue();
        venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).unwrap();
        let switch = venue.abilities().dead_man_switch.unwrap();
        server.asked();
        server.write(Fate::json(json!({"symbol": "BTCUSDT", "countdownTime": "30000"})));
        server.write(Fate::code(code, "no"));
        switch.arm(Duration::from_secs(30)).await.unwrap_err();
        assert_eq!(server.writes().len(), 2);
        switch.arm(Duration::from_secs(30)).await.unwrap();
        let sent = server.writes();
        assert_eq!((sent.len(), sent[0].get("symbol")), (1, "BTCUSDT"), "{code}");
        // One that has orders is never forgotten.
        server.write(Fate::code(code, "no"));
        switch.arm(Duration::from_secs(30)).await.unwrap_err();
        server.asked();
        switch.arm(Duration::from_secs(30)).await.unwrap();
        assert_eq!(server.writes().len(), 1);
    }
}

/// One order that is not understood must not keep all the others.
#[tokio::test]
async fn cancelling_everything_cancels_what_is_understood() {
    let server = Server::start();
    let venue = server.venue();
    let cancel = venue.abilities().cancel_all.unwrap();
    let row = |number: u64, name: &str, status: &str| {
        let sent = params(&[("symbol", name), ("newClientOrderId", "x"), ("quantity", "1")]);
        order(&sent, number, status, "0")
    };
    let rows = json!([row(1, "BTCUSDT", "DREAMING"), row(2, "ETHUSDT", "NEW"), row(3, "BTCUSDT", "NEW")]);
    server.read("/fapi/v1/openOrders", Fate::json(rows));
    let sent = params(&[("symbol", "SOLUSDT"), ("clientAlgoId", "x"), ("quantity", "1")]);
    server.read(
        "/fapi/v1/openAlgoOrders",
        Fate::json(json!([algo(&sent, "DREAMING", ""), algo(&sent, "NEW", "")])),
    );
    let error = cancel.cancel_all(None, Protective::Cancel).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown), "{error}");
    assert!(error.to_string().contains("[0].status"), "{error}");
    let sent = server.writes();
    let told: Vec<_> = sent.iter().map(|seen| (seen.path.as_str(), seen.get("symbol"))).collect();
    assert_eq!(
        told,
        [
            ("/fapi/v1/allOpenOrders", "BTCUSDT"),
            ("/fapi/v1/allOpenOrders", "ETHUSDT"),
            ("/fapi/v1/algoOpenOrders", "SOLUSDT")
        ]
    );
    // The one that is not understood may protect: the others go one by one, and the book of stops is not looked at.
    server.read("/fapi/v1/openAlgoOrders", Fate::answer(500, "x"));
    let error = cancel.cancel_all(None, Protective::Keep).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown), "{error}");
    let sent = server.writes();
    let told: Vec<_> = sent.iter().map(|seen| (seen.path.as_str(), seen.get("orderId"))).collect();
    assert_eq!(told, [("/fapi/v1/order", "3"), ("/fapi/v1/order", "2")]);
    server.read("/fapi/v1/openOrders", Fate::json(json!([row(1, "BTCUSDT", "DREAMING")])));
    let error = cancel.cancel_all(None, Protective::Keep).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::NotApplied), "{error}");
    assert!(server.writes().is_empty());
}

/// Whether a lost order can still arrive is told by the venue's clock: ours may be ahead of it.
#[tokio::test]
async fn a_clock_that_is_ahead_ends_no_order() {
    let server = Server::start();
    server.clock.run_ahead(60_000);
    let gone = || Fate::code(-2011, "Unknown order sent.");
    server.write(Fate::answer(502, "x"));
    let lost = stop(Trigger::StopLoss("60000".parse().unwrap()), qty("0.009"), None);
    let placed = server.venue().abilities().stop_orders.unwrap().place_stops(&[lost]).await.remove(0);
    assert_eq!(placed.unwrap_err().effect(), Effect::Unknown);
    server.read("/fapi/v1/algoOrder", Fate::code(-2013, "Order does not exist."));
    // A connector that is built anew knows what was sent, and not yet what time it is.
    let venue = server.venue();
    server.write(gone());
    let error = venue.abilities().stop_orders.unwrap().cancel_stop(&symbol("BTCUSDT"), &id(9)).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::Unknown), "{error}");
    server.clock.pass(25_000);
    server.write(gone());
    venue.abilities().stop_orders.unwrap().cancel_stop(&symbol("BTCUSDT"), &id(9)).await.unwrap();
}

/// Whoever cancels a stop by its number wants no order: what it became when it triggered has to go as well.
#[tokio::test]
async fn cancelling_a_stop_that_has_triggered_cancels_its_order() {
    let server = Server::start();
    let venue = server.venue();
    let sent = params(&[("symbol", "BTCUSDT"), ("clientAlgoId", id(9).as_str()), ("quantity", "0.009")]);
    let btc = symbol("BTCUSDT");
    let stops = venue.abilities().stop_orders.unwrap();
    server.write(Fate::code(-2011, "Unknown order sent."));
    server.read("/fapi/v1/algoOrder", Fate::json(algo(&sent, "TRIGGERED", "974828356187")));
    venue.cancel_by_venue_id(&btc, "algo:1000001270850379").await.unwrap();
    let written = server.writes();
    assert_eq!(
        (written[1].call().as_str(), written[1].get("orderId")),
        ("DELETE /fapi/v1/order", "974828356187")
    );
    // One that could not be cancelled is told.
    server.write(Fate::code(-2011, "Unknown order sent."));
    server.write(Fate::answer(502, "x"));
    let error = venue.cancel_by_venue_id(&btc, "algo:1000001270850379").await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    server.asked();
    // Its order has no number yet.
    server.write(Fate::code(-2011, "Unknown order sent."));
    server.read("/fapi/v1/algoOrder", Fate::json(algo(&sent, "TRIGGERING", "")));
    let error = venue.cancel_by_venue_id(&btc, "algo:1000001270850379").await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::NotApplied), "{error}");
    // Cancelling the stop itself is done when it waits no more.
    server.write(Fate::code(-2011, "Unknown order sent."));
    stops.cancel_stop(&btc, &id(9)).await.unwrap();
    assert_eq!(server.writes().len(), 2);
}
