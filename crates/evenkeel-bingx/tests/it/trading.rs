//! Writes against a scripted venue: what is sent, how often, and how answers are read.

use std::time::Duration;

use evenkeel_exchange::{
    Clock as _, Effect, ErrorKind, Observe as _, OrderRequest, Protective, StopIntent, StopSize, StopStatus,
    Trade as _, Trigger,
};
use evenkeel_types::{
    Leverage, MarginMode, OrderIntent, OrderStatus, PositionSide, Scope, Side, TimeInForce, TradingStatus,
};
use serde_json::json;

use crate::server::{Fate, SYMBOLS, Server, order};
use crate::support::{d, id, intent, symbol, unproven};

fn leverage(value: u32) -> Leverage {
    Leverage::new(value).unwrap()
}

#[tokio::test]
async fn twelve_orders_are_three_requests_in_their_order() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    let orders: Vec<OrderRequest> = (0..11)
        .map(|number| {
            let name = SYMBOLS[usize::from(number) % 3];
            unproven(OrderIntent { id: id(number), ..intent(name, Side::Buy, "1", "150") })
        })
        .collect();
    server.asked();
    let outcomes = venue.place(&orders).await;
    assert_eq!(outcomes.len(), 11);
    for (order, outcome) in orders.iter().zip(&outcomes) {
        let state = outcome.as_ref().unwrap();
        assert_eq!((state.id, &state.symbol), (order.intent().id, &order.intent().symbol));
        assert_eq!((state.status, state.filled.get()), (OrderStatus::Filled, d("1")));
    }
    // An order that is left over goes alone: its refusals say more.
    assert_eq!(server.calls(), ["POST trade/batchOrders", "POST trade/batchOrders", "POST trade/order"]);
}

#[tokio::test]
async fn what_the_venue_would_not_take_is_not_sent() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    let wrong = [
        (intent("SOL-USDT", Side::Buy, "0.001", "150000"), "no multiple of the lot 0.01"),
        (
            intent("SOL-USDT", Side::Buy, "1", "150.1234"),
            "more digits than the venue keeps; 150.123 would do",
        ),
        (intent("LINK-USDT", Side::Buy, "0.1", "140"), "below the smallest one, 0.2"),
        (intent("SOL-USDT", Side::Buy, "0.01", "150"), "a value of 1.5 is below the smallest one, 2"),
        (intent("OLD-USDT", Side::Buy, "10", "1"), "no new positions"),
        (intent("GONE-USDT", Side::Buy, "10", "1"), "no new positions"),
        (intent("ODD-USDT", Side::Buy, "1", "10"), "pricePrecision"),
        (intent("NOPE-USDT", Side::Buy, "1", "1"), "there is no NOPE-USDT"),
    ];
    let mut orders: Vec<OrderRequest> = wrong.iter().map(|(intent, _)| unproven(intent.clone())).collect();
    orders.push(unproven(intent("SOL-USDT", Side::Buy, "1", "150.12")));
    let outcomes = venue.place(&orders).await;
    for ((_, needle), outcome) in
        wrong.iter().zip(&outcomes).filter(|((_, needle), _)| *needle != "no new positions")
    {
        let error = outcome.as_ref().unwrap_err();
        assert_eq!(error.effect(), Effect::NotApplied);
        assert!(error.to_string().contains(needle), "{error}");
    }
    assert!(outcomes[4].is_err() && outcomes[5].is_err());
    assert!(outcomes[8].is_ok());
    assert_eq!(server.writes().len(), 1);
    let twice = unproven(intent("SOL-USDT", Side::Buy, "1", "150.12"));
    let outcomes = venue.place(&[twice.clone(), twice]).await;
    assert!(outcomes[0].is_ok() && outcomes[1].as_ref().unwrap_err().effect() == Effect::NotApplied);
    assert_eq!(server.writes().len(), 1);
    // What is left of a position may be closed, if the venue takes it; so may what takes no new ones.
    let dust = OrderIntent { reduce_only: true, ..intent("OLD-USDT", Side::Sell, "0.1", "1") };
    venue.place(&[OrderRequest::reducing(dust).unwrap()]).await.remove(0).unwrap();
    let (_, asked) = server.writes().remove(0);
    assert_eq!((asked["reduceOnly"].as_str(), asked["positionSide"].as_str()), ("true", "BOTH"));
    let contracts = venue.reader().contracts().await.unwrap();
    assert_eq!(contracts.list[&symbol("OLD-USDT")].status, TradingStatus::ReduceOnly);
    assert_eq!(contracts.list[&symbol("GONE-USDT")].status, TradingStatus::Closed);
    assert!(contracts.refused.contains_key(&symbol("ODD-USDT")));
}

#[tokio::test]
async fn answers_are_read_as_they_are() {
    let server = Server::start();
    let venue = server.venue();
    let flat = |status: &str, qty: &str| {
        json!({"orderId": 2_075_327_018_132_791_296_u64, "symbol": "SOL-USDT", "side": "BUY", "clientOrderID": id(1).as_str(),
            "status": status, "executedQty": qty, "avgPrice": "150.1"})
    };
    for (answer, status, qty) in [
        // Over, it says; but what was executed comes later than that.
        (flat("CANCELLED", "0.4"), OrderStatus::Acknowledged, "0.4"),
        (flat("FILLED", "1"), OrderStatus::Filled, "1"),
        (flat("PARTIALLY_FILLED", "0.4"), OrderStatus::Open, "0.4"),
        (flat("PENDING", "0.00"), OrderStatus::Open, "0"),
        // Filled, it says, but not how much: it has to be asked for.
        (flat("FILLED", "0.00"), OrderStatus::Acknowledged, "0"),
        (
            json!({"order": {"orderId": "2075327018132791296", "symbol": "SOL-USDT", "side": "BUY",
            "clientOrderID": id(1).as_str().to_uppercase()}}),
            OrderStatus::Acknowledged,
            "0",
        ),
    ] {
        server.next(Fate::data(answer));
        let order =
            unproven(OrderIntent { tif: TimeInForce::Gtc, ..intent("SOL-USDT", Side::Buy, "1", "150.12") });
        let outcome = venue.place(&[order]).await.remove(0).unwrap();
        assert_eq!((outcome.status, outcome.filled.get()), (status, d(qty)));
        assert_eq!(outcome.venue_order_id.as_deref(), Some("2075327018132791296"), "all of its digits");
    }
    // An answer about somebody else's order answers nothing, and an order without our id cannot be found again.
    for (field, value) in [
        ("clientOrderID", "x"),
        ("clientOrderID", ""),
        ("symbol", "ETH-USDT"),
        ("side", "SELL"),
        ("executedQty", "9"),
        // Cut silently: another order than was meant.
        ("quantity", "0.9"),
        ("reduceOnly", "false"),
    ] {
        let mut answer = flat("PENDING", "0");
        answer[field] = json!(value);
        server.next(Fate::data(answer));
        let reduce_only = OrderIntent { reduce_only: true, ..intent("SOL-USDT", Side::Buy, "1", "150.12") };
        let error = venue.place(&[OrderRequest::reducing(reduce_only).unwrap()]).await.remove(0).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown), "{field} {value}");
    }
}

#[tokio::test]
async fn leverage_is_written_only_where_it_differs() {
    let server = Server::start();
    let venue = server.venue();
    venue.set_leverage(&symbol("SOL-USDT"), leverage(5)).await.unwrap();
    assert_eq!(server.writes(), [], "it is 5x already");
    venue.set_leverage(&symbol("SOL-USDT"), leverage(7)).await.unwrap();
    let (call, asked) = server.writes().remove(0);
    assert_eq!(
        (call.as_str(), asked["side"].as_str(), asked["leverage"].as_str()),
        ("POST trade/leverage", "BOTH", "7")
    );
    // The demo host was seen to take what is above the maximum.
    for value in ["101", "1.5"] {
        let error = venue.set_leverage(&symbol("SOL-USDT"), value.parse().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::NotApplied));
        assert!(error.to_string().contains("a whole number from 1 to 100"), "{error}");
    }
    assert_eq!(server.writes(), []);
    server.next(Fate::data(json!({"leverage": 9, "symbol": "SOL-USDT"})));
    let error = venue.set_leverage(&symbol("SOL-USDT"), leverage(8)).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown, "another leverage than asked for");
    // Whatever of the account stands in its way.
    for (code, text) in
        [(109_400, "margin is not enough"), (101_209, "The maximum position value"), (101_204, "")]
    {
        server.next(Fate::refused(code, text));
        let error = venue.set_leverage(&symbol("SOL-USDT"), leverage(8)).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::NotApplied));
    }
    server.asked();
    // In the wrong position mode the venue says so, and the mode is read again.
    server.next(Fate::refused(
        109_400,
        "In the Hedge mode, the 'PositionSide' field can only be set to LONG or SHORT.",
    ));
    let error = venue.set_leverage(&symbol("SOL-USDT"), leverage(8)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Rejected, Effect::NotApplied));
    server.asked();
    venue.set_leverage(&symbol("SOL-USDT"), leverage(8)).await.unwrap();
    assert!(server.calls().contains(&"GET positionSide/dual".to_owned()));

    venue.set_margin_mode(&symbol("ETH-USDT"), MarginMode::Isolated).await.unwrap();
    assert_eq!(server.writes().remove(0).1["marginType"], "ISOLATED");
    server.next(Fate::refused(104_103, "Please close open positions or cancel pending orders first"));
    let error = venue.set_margin_mode(&symbol("SOL-USDT"), MarginMode::Cross).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::NotApplied));

    server.asked();
    venue.adjust_margin(&symbol("SOL-USDT"), "12.5".parse().unwrap()).await.unwrap();
    let (_, asked) = server.writes().remove(0);
    let sent = ["amount", "type", "positionSide"].map(|name| asked[name].as_str());
    assert_eq!(sent, ["12.5", "1", "BOTH"]);
    for (name, delta, needle) in
        [("BTC-USDT", "1", "cross"), ("ETH-USDT", "1", "no position"), ("SOL-USDT", "0", "nothing to move")]
    {
        let error = venue.adjust_margin(&symbol(name), delta.parse().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
        assert!(error.to_string().contains(needle), "{error}");
    }
    assert_eq!(server.writes(), []);
}

/// A fifth of what the venue takes is kept for lowering: raising waits, lowering does not.
#[tokio::test]
async fn raising_leaves_room_for_lowering() {
    for (last, waits) in [(3, false), (7, true)] {
        let server = Server::start();
        let venue = server.venue();
        let began = server.clock.now();
        for value in [7, 8, 9, 10, last] {
            venue.set_leverage(&symbol("SOL-USDT"), leverage(value)).await.unwrap();
        }
        let took = server.clock.now().since(began);
        assert_eq!(took >= Duration::from_millis(900), waits, "{last}: {took:?}");
    }
}

#[tokio::test]
async fn orders_are_cancelled_once_and_found_by_id() {
    let server = Server::start();
    let venue = server.venue();
    let sol = symbol("SOL-USDT");
    venue.cancel(&sol, &id(3)).await.unwrap();
    let (call, asked) = server.writes().remove(0);
    assert_eq!((call.as_str(), asked["clientOrderId"].as_str()), ("DELETE trade/order", id(3).as_str()));
    venue.cancel_by_venue_id(&sol, "2099406229323390976").await.unwrap();
    assert_eq!(server.writes().remove(0).1["orderId"], "2099406229323390976");
    assert_eq!(venue.cancel_by_venue_id(&sol, "1 or 2").await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(server.writes(), []);
    for (code, text) in [
        (109_421, "order not exist"),
        (109_400, "order not exist"),
        (80_018, ""),
        (109_422, ""),
        (80_016, ""),
    ] {
        server.clock.pass(Duration::from_secs(41));
        server.next(Fate::refused(code, text));
        venue.cancel(&sol, &id(3)).await.unwrap();
    }
    // Cancelled a moment ago, it says: whether it is over is asked for, and the cancel is not sent again.
    server.asked();
    server.next(Fate::refused(109_201, "the same order number is only allowed once in 1 second"));
    let mut open = order("SOL-USDT", 5, "LIMIT", id(3).as_str());
    open["status"] = json!("CANCELLED");
    server.always("GET trade/order", Fate::data(json!({"order": open})));
    venue.cancel(&sol, &id(3)).await.unwrap();
    assert_eq!(server.calls(), ["DELETE trade/order", "GET trade/order"]);
    open["status"] = json!("PARTIALLY_FILLED");
    server.always("GET trade/order", Fate::data(json!({"order": open})));
    server.next(Fate::refused(109_201, ""));
    assert_eq!(venue.cancel(&sol, &id(3)).await.unwrap_err().effect(), Effect::Unknown);

    let state = venue.order(&sol, &id(3)).await.unwrap().unwrap();
    assert_eq!((state.status, state.qty.get(), state.filled.get()), (OrderStatus::Open, d("1"), d("0.25")));
    assert_eq!(state.fee.unwrap().get(), d("0.15"), "a cost is above zero here");
    // Of another id, another symbol, or in a state that nobody knows: an error, never another order's state.
    assert_eq!(venue.order(&sol, &id(4)).await.unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(venue.order(&symbol("ETH-USDT"), &id(3)).await.unwrap_err().kind(), ErrorKind::Decode);
    for (field, value) in
        [("status", "SLEEPING"), ("status", "FILLED"), ("executedQty", "1.5"), ("side", "BID")]
    {
        let before = open[field].take();
        open[field] = json!(value);
        server.always("GET trade/order", Fate::data(json!({"order": open})));
        assert_eq!(venue.order(&sol, &id(3)).await.unwrap_err().kind(), ErrorKind::Decode, "{value}");
        open[field] = before;
    }
}

/// A used id proves that a copy was taken: perhaps one of this very request, or an earlier one of which nothing was heard.
/// Only where the venue has told of the first one is the refusal of a second about the second alone.
#[tokio::test]
async fn a_used_id_is_about_the_copy_that_was_sent() {
    for (code, text) in [(101_481, "duplicate"), (109_201, ""), (101_400, "clientOrderID is duplicate")] {
        let server = Server::start();
        let venue = server.venue();
        let order = || unproven(intent("SOL-USDT", Side::Buy, "1", "150.12"));
        server.next(Fate::refused(code, text));
        let first = venue.place(&[order()]).await.remove(0).unwrap_err();
        assert_eq!((first.kind(), first.effect()), (ErrorKind::Rejected, Effect::Unknown), "{code}");
        server.next(Fate::refused(code, text));
        let again = venue.place(&[order()]).await.remove(0).unwrap_err();
        assert_eq!((again.kind(), again.effect()), (ErrorKind::Rejected, Effect::Unknown), "{code}");
        venue.place(&[order()]).await.remove(0).unwrap();
        server.next(Fate::refused(code, text));
        let second = venue.place(&[order()]).await.remove(0).unwrap_err();
        assert_eq!((second.kind(), second.effect()), (ErrorKind::Rejected, Effect::NotApplied), "{code}");
    }
}

#[tokio::test]
async fn stops_wait_are_found_and_cancelled() {
    let server = Server::start();
    let venue = server.venue();
    let abilities = venue.abilities();
    let stops = abilities.stop_orders.unwrap();
    let stop = |trigger, size| StopIntent {
        id: id(7),
        symbol: symbol("SOL-USDT"),
        side: Side::Sell,
        position_side: PositionSide::Net,
        trigger,
        size,
        worst: None,
    };
    let loss = Trigger::StopLoss("140".parse().unwrap());
    let placed = stops.place_stops(&[stop(loss, StopSize::WholePosition)]).await.remove(0).unwrap();
    assert_eq!(placed.status, StopStatus::Waiting);
    let (_, asked) = server.writes().remove(0);
    for (name, value) in [
        ("type", "STOP_MARKET"),
        ("closePosition", "true"),
        ("quantity", "10"),
        ("stopPrice", "140"),
        ("workingType", "MARK_PRICE"),
    ] {
        assert_eq!(asked[name], value);
    }
    assert!(!asked.contains_key("reduceOnly"));
    // Found by the number that the venue gave it: it need not keep the id.
    let number = placed.venue_order_id.unwrap();
    let mut row = order("SOL-USDT", number.parse().unwrap(), "STOP_MARKET", "");
    row["status"] = json!("FILLED");
    row["executedQty"] = json!("0.00");
    server.always("GET trade/order", Fate::data(json!({"order": row})));
    let found = stops.stop(&symbol("SOL-USDT"), &id(7)).await.unwrap().unwrap();
    assert_eq!(found.status, StopStatus::Triggered, "what triggered reads as filled without an execution");
    server.asked();
    stops.cancel_stop(&symbol("SOL-USDT"), &id(7)).await.unwrap();
    assert_eq!(server.writes().remove(0).1["orderId"], number);

    let qty = StopSize::Qty("2".parse().unwrap());
    let gain = Trigger::TakeProfit("170".parse().unwrap());
    let trail =
        Trigger::Trailing { callback: "0.01".parse().unwrap(), activation: Some("160".parse().unwrap()) };
    let limited = StopIntent { worst: Some("139".parse().unwrap()), ..stop(loss, qty) };
    for outcome in stops.place_stops(&[stop(gain, qty), stop(trail, qty), limited.clone()]).await {
        outcome.unwrap();
    }
    let writes = server.writes();
    let kinds: Vec<&str> = writes.iter().map(|(_, asked)| asked["type"].as_str()).collect();
    assert_eq!(kinds, ["TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET", "STOP"]);
    assert!(writes.iter().all(|(_, asked)| asked["reduceOnly"] == "true"));
    assert_eq!((writes[1].1["priceRate"].as_str(), writes[1].1["activationPrice"].as_str()), ("0.01", "160"));
    assert_eq!(writes[2].1["price"], "139");
    for wrong in [
        StopIntent { worst: Some("141".parse().unwrap()), ..limited.clone() },
        StopIntent { size: StopSize::WholePosition, ..limited },
        StopIntent { size: StopSize::WholePosition, ..stop(trail, qty) },
        StopIntent { side: Side::Buy, ..stop(loss, StopSize::WholePosition) },
        StopIntent { symbol: symbol("ETH-USDT"), ..stop(loss, StopSize::WholePosition) },
        stop(Trigger::StopLoss("140.0001".parse().unwrap()), qty),
    ] {
        let error = stops.place_stops(&[wrong]).await.remove(0).unwrap_err();
        assert_eq!(error.effect(), Effect::NotApplied, "{error}");
    }
    assert_eq!(server.writes(), []);
}

#[tokio::test]
async fn everything_is_cancelled_now_or_later() {
    let server = Server::start();
    let venue = server.venue();
    let abilities = venue.abilities();
    let all = abilities.cancel_all.unwrap();
    let eth = symbol("ETH-USDT");
    assert_eq!(all.cancel_all(Some(&eth), Protective::Cancel).await.unwrap(), 2);
    assert_eq!(server.writes().remove(0).1.len(), 1);
    all.cancel_all(Some(&eth), Protective::Keep).await.unwrap();
    assert_eq!(server.writes().remove(0).1["type"], "LIMIT");
    all.cancel_all(None, Protective::Cancel).await.unwrap();
    assert!(server.writes().remove(0).1.is_empty());
    // Symbol by symbol, and only those with limit orders.
    assert_eq!(all.cancel_all(None, Protective::Keep).await.unwrap(), 2);
    let (_, asked) = server.writes().remove(0);
    assert_eq!((asked["symbol"].as_str(), asked["type"].as_str()), ("ETH-USDT", "LIMIT"));
    server.next(Fate::data(json!({"success": null, "failed": [{"orderId": 1, "errorCode": 109_423}]})));
    assert_eq!(all.cancel_all(None, Protective::Cancel).await.unwrap_err().effect(), Effect::Unknown);

    // Those that were to be kept are gone: whatever was asked for, this is not it.
    server.next(Fate::data(json!({"success": [{"orderId": 1, "type": "STOP_MARKET"}], "failed": null})));
    assert_eq!(all.cancel_all(Some(&eth), Protective::Keep).await.unwrap_err().effect(), Effect::Unknown);

    let switch = abilities.dead_man_switch.unwrap();
    server.asked();
    switch.arm(Duration::from_secs(10)).await.unwrap();
    switch.arm(Duration::from_secs(120)).await.unwrap();
    switch.disarm().await.unwrap();
    let sent: Vec<_> =
        server.writes().into_iter().map(|(_, a)| (a["type"].clone(), a.get("timeOut").cloned())).collect();
    let secs = |text: &str| Some(text.to_owned());
    assert_eq!(
        sent,
        [("ACTIVATE".into(), secs("10")), ("ACTIVATE".into(), secs("120")), ("CLOSE".into(), None)]
    );
    for millis in [0, 9_999, 10_500, 121_000] {
        let error = switch.arm(Duration::from_millis(millis)).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied), "{millis}");
    }
    server.next(Fate::data(json!({"status": "FAILED"})));
    assert_eq!(switch.arm(Duration::from_secs(60)).await.unwrap_err().effect(), Effect::Unknown);
}

fn stop_loss() -> StopIntent {
    StopIntent {
        id: id(7),
        symbol: symbol("SOL-USDT"),
        side: Side::Sell,
        position_side: PositionSide::Net,
        trigger: Trigger::StopLoss("140".parse().unwrap()),
        size: StopSize::Qty("2".parse().unwrap()),
        worst: None,
    }
}

/// The venue keeps no ids of stops: that it does not know one is no proof that the stop does not wait.
#[tokio::test]
async fn a_stop_that_is_known_by_its_id_alone_is_never_called_over() {
    let sol = symbol("SOL-USDT");
    for lost in [false, true] {
        let server = Server::start();
        let venue = server.venue();
        let stops = venue.abilities().stop_orders.unwrap();
        if lost {
            server.next(Fate::Error(evenkeel_http::TransportErrorKind::Timeout));
            stops.place_stops(&[stop_loss()]).await.remove(0).unwrap_err();
        }
        server.clock.pass(Duration::from_secs(600));
        server.next(Fate::refused(109_421, "order not exist"));
        let error = stops.cancel_stop(&sol, &id(7)).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::Unknown), "{error}");
        assert!(error.to_string().contains("found by their number"), "{error}");
    }
    // By its number it is.
    let server = Server::start();
    let venue = server.venue();
    let stops = venue.abilities().stop_orders.unwrap();
    stops.place_stops(&[stop_loss()]).await.remove(0).unwrap();
    server.clock.pass(Duration::from_secs(600));
    server.next(Fate::refused(109_421, "order not exist"));
    stops.cancel_stop(&sol, &id(7)).await.unwrap();
}

/// A stop that was taken as another one is an unknown outcome; by its number it can be cancelled.
#[tokio::test]
async fn a_stop_is_the_one_that_was_meant() {
    for (field, value) in [("quantity", "1.9"), ("reduceOnly", "false")] {
        let server = Server::start();
        let venue = server.venue();
        let stops = venue.abilities().stop_orders.unwrap();
        let mut answer = json!({"orderId": 77, "symbol": "SOL-USDT", "side": "SELL", "quantity": "2",
            "reduceOnly": "true", "status": "NEW"});
        answer[field] = json!(value);
        server.next(Fate::data(answer));
        let error = stops.place_stops(&[stop_loss()]).await.remove(0).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown), "{field}");
        server.asked();
        stops.cancel_stop(&symbol("SOL-USDT"), &id(7)).await.unwrap();
        assert_eq!(server.writes().remove(0).1["orderId"], "77");
    }
}

/// Closing does not depend on a list of a thousand contracts being readable now.
#[tokio::test]
async fn what_reduces_is_sent_with_the_contracts_that_were_read_last() {
    let server = Server::start();
    let venue = server.venue();
    let close = OrderIntent { reduce_only: true, ..intent("SOL-USDT", Side::Sell, "1", "150.12") };
    let close = [OrderRequest::reducing(close).unwrap()];
    server.always("GET quote/contracts", Fate::refused(100_500, "busy"));
    let error = venue.place(&close).await.remove(0).unwrap_err();
    assert_eq!(error.effect(), Effect::NotApplied, "nothing was ever read: {error}");
    assert_eq!(server.writes(), []);

    let server = Server::start();
    let venue = server.venue();
    venue.reader().contracts().await.unwrap();
    server.clock.pass(Duration::from_secs(3600));
    server.always("GET quote/contracts", Fate::refused(100_500, "busy"));
    venue.place(&close).await.remove(0).unwrap();
    let stops = venue.abilities().stop_orders.unwrap();
    stops.place_stops(&[stop_loss()]).await.remove(0).unwrap();
    assert_eq!(server.writes().len(), 2);
    let adds = unproven(OrderIntent { id: id(2), ..intent("SOL-USDT", Side::Buy, "1", "150.12") });
    let [reduce] = close;
    for outcome in venue.place(&[reduce, adds]).await {
        assert_eq!(outcome.unwrap_err().effect(), Effect::NotApplied);
    }
    assert_eq!(server.writes(), []);
}

/// One contract with a name that cannot be written here does not hide the others.
#[tokio::test]
async fn a_contract_with_an_odd_name_is_left_out() {
    let server = Server::start();
    let Fate::Answer(status, body) = server.usual("GET quote/contracts", "") else { panic!("an answer") };
    let mut body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    for name in ["币安人生-USDT", "A B-USDT", "", &"X".repeat(500)] {
        let mut row = body["data"][0].clone();
        row["symbol"] = json!(name);
        body["data"].as_array_mut().unwrap().push(row);
    }
    server.always("GET quote/contracts", Fate::Answer(status, body.to_string().into_bytes()));
    let venue = server.venue();
    venue.place(&[unproven(intent("SOL-USDT", Side::Buy, "1", "150.12"))]).await.remove(0).unwrap();
    assert_eq!(venue.reader().contracts().await.unwrap().list.len(), 6);
    // Without any name it is no list of contracts.
    body["data"][0].as_object_mut().unwrap().remove("symbol");
    server.always("GET quote/contracts", Fate::Answer(status, body.to_string().into_bytes()));
    assert_eq!(venue.reader().contracts().await.unwrap_err().kind(), ErrorKind::Decode);
}
