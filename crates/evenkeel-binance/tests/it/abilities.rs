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
        ("FINISHED", "974828356187", gone(), StopStatus::Cancelled),
        ("CANCELED", "", gone(), StopStatus::Cancelled),
        ("EXPIRED", "", gone(), StopStatus::Cancelled),
        ("REJECTED", "", gone(), StopStatus::Rejected),
    ] {
        server.read("/fapi/v1/algoOrder", Fate::json(algo(&sent, status, actual)));
        server.read("/fapi/v1/order", record);
        let found = stops.stop(&symbol("BTCUSDT"), &id(9)).await.unwrap().unwrap();
        assert_eq!(found.status, expected, "{status} {actual}");
    }
    // One that is over since a moment, and may have traded.
    let mut young = algo(&sent, "FINISHED", "974828356187");
    young["updateTime"] = json!(server.clock.now_for_test());
    server.read("/fapi/v1/algoOrder", Fate::json(young));
    server.read("/fapi/v1/order", gone());
    let error = stops.stop(&symbol("BTCUSDT"), &id(9)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::NotApplied), "{error}");
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
