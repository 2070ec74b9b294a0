//! The connector against the scripted venue: what it sends, in how many requests, and what it makes of the answers.

use std::time::Duration;

use evenkeel_bybit::Bybit;
use evenkeel_exchange::{
    CancelAll as _, Clock as _, Effect, Error, ErrorKind, Observe as _, Protective, StopIntent,
    StopOrders as _, StopSize, StopStatus, Trade as _, Trigger,
};
use evenkeel_types::{Leverage, MarginMode, OrderIntent, OrderKind, OrderStatus, PositionSide, Scope, Side};
use serde_json::{Value, json};

use crate::server::{Server, answer, order, refused};
use crate::support::{d, id, intent, symbol, unproven};

#[tokio::test]
async fn a_phase_is_as_few_requests_as_possible() {
    let server = Server::start();
    let venue = server.venue();
    let orders: Vec<_> = (0..25).map(|n| unproven(intent(n, "SOLUSDT", Side::Buy, "1", "150"))).collect();
    venue.place(&orders[..1]).await.remove(0).unwrap();
    assert_eq!(server.written()[0].path, "/v5/order/create");
    let outcomes = venue.place(&orders).await;
    let written = server.written();
    let sizes: Vec<usize> =
        written.iter().map(|asked| asked.body["request"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [10, 10, 5]);
    assert!(written.iter().all(|asked| asked.path == "/v5/order/create-batch"));
    for (number, outcome) in outcomes.into_iter().enumerate() {
        let state = outcome.unwrap();
        assert_eq!(state.id, id(u8::try_from(number).unwrap()), "in the order given");
        assert_eq!((state.status, state.filled.get()), (OrderStatus::Acknowledged, d("0")));
    }
    // Whatever was probed: more than an account may place in a second would never fit its limit.
    let capabilities =
        evenkeel_types::Capabilities { orders_per_request: 20, ..evenkeel_bybit::capabilities() };
    let generous = server.builder().capabilities(capabilities).build().unwrap();
    assert!(generous.place(&orders[..15]).await.iter().all(Result::is_ok));
    assert_eq!(server.written().len(), 2);
    let body = &written[0].body["request"][0];
    assert_eq!(body["timeInForce"], "IOC");
    assert_eq!(body["orderLinkId"], id(0).as_str());
    assert!(body["category"].is_null() && written[0].body["category"] == "linear");
}

#[tokio::test]
async fn a_batch_has_one_outcome_each() {
    let server = Server::start();
    let venue = server.venue();
    let orders: Vec<_> = (1..=4).map(|n| unproven(intent(n, "SOLUSDT", Side::Buy, "1", "150"))).collect();
    let row = |n: u8| json!({"orderId": format!("v{n}"), "orderLinkId": id(n).to_string()});
    server.next(answer(&json!({
        "retCode": 0, "retMsg": "OK",
        "result": {"list": [row(1), {"orderId": "", "orderLinkId": id(2).to_string()}, row(4), row(4)]},
        "retExtInfo": {"list": [{"code": 0, "msg": "OK"}, {"code": 110007, "msg": "ab not enough"},
            {"code": 0, "msg": "OK"}, {"code": 170001, "msg": "new"}]},
    })));
    let mut outcomes = venue.place(&orders).await.into_iter();
    assert_eq!(outcomes.next().unwrap().unwrap().venue_order_id.as_deref(), Some("v1"));
    let error = outcomes.next().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::InsufficientMargin, Effect::NotApplied));
    assert_eq!(error.code(), Some("110007"));
    // Somebody else's outcome, and a code that nobody knows.
    for kind in [ErrorKind::Decode, ErrorKind::Unclassified] {
        let error = outcomes.next().unwrap().unwrap_err();
        assert_eq!((error.kind(), error.effect()), (kind, Effect::Unknown), "{error}");
    }
}

/// A batch that exceeds its limit loses its tail only, and what comes next waits.
#[tokio::test]
async fn refusals_within_a_batch_are_heeded() {
    for (code, kind) in [(10006, ErrorKind::RateLimited), (10002, ErrorKind::Timeout)] {
        let server = Server::start();
        let venue = server.venue();
        venue.snapshot(&Scope::default()).await.unwrap();
        let orders = [1, 2].map(|n| unproven(intent(n, "SOLUSDT", Side::Buy, "1", "150")));
        server.next(answer(&json!({
            "retCode": 0, "result": {"list": [{"orderId": "v1", "orderLinkId": id(1).to_string()}, {"orderId": "", "orderLinkId": ""}]},
            "retExtInfo": {"list": [{"code": 0, "msg": "OK"}, {"code": code, "msg": "no"}]},
        })));
        let outcomes = venue.place(&orders).await;
        assert!(outcomes[0].is_ok());
        let error = outcomes[1].as_ref().unwrap_err();
        assert_eq!((error.kind(), error.effect(), error.is_retryable()), (kind, Effect::NotApplied, true));
        server.asked();
        let before = server.clock.now();
        let more = [3, 4].map(|n| unproven(intent(n, "SOLUSDT", Side::Buy, "1", "150")));
        assert!(venue.place(&more).await.iter().all(Result::is_ok));
        match kind {
            ErrorKind::RateLimited => assert!(server.clock.now().since(before) >= Duration::from_millis(900)),
            _ => assert_eq!(server.asked()[0].path, "/v5/market/time"),
        }
    }
}

#[tokio::test]
async fn what_the_venue_would_refuse_is_not_sent() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    for (qty, limit, needle) in [
        ("1.05", "150", "no multiple of the lot 0.1"),
        ("1191", "150", "between 0.1 and 1190"),
        ("1", "150.005", "no multiple of the tick 0.01; 150 would do"),
        ("1", "2000000", "must lie between 0.01 and 1999999.8"),
        ("0.1", "49.99", "must be at least 5"),
    ] {
        let error = venue
            .place(&[unproven(intent(1, "SOLUSDT", Side::Buy, qty, limit))])
            .await
            .remove(0)
            .unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
        assert!(error.message().starts_with("SOLUSDT: ") && error.message().contains(needle), "{error}");
    }
    for (leverage, needle) in [("100.01", "from 1 to 100"), ("2.005", "multiple of 0.01")] {
        let leverage = leverage.parse().unwrap();
        let error = venue.set_leverage(&symbol("SOLUSDT"), leverage).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::NotApplied));
        assert!(error.message().contains(needle), "{error}");
    }
    for delta in ["0", "1.00001"] {
        let error = venue.adjust_margin(&symbol("SOLUSDT"), delta.parse().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
    }
    let error = venue.cancel_by_venue_id(&symbol("SOLUSDT"), "1&x=2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(server.written().len(), 0);
    // A reducing order may be smaller and larger than others: the venue splits or says.
    let reducing = OrderIntent { reduce_only: true, ..intent(2, "SOLUSDT", Side::Sell, "5000", "0.02") };
    venue.place(&[unproven(reducing)]).await.remove(0).unwrap();
}

/// What closes a position is never refused here for what the list of instruments says: the venue judges.
#[tokio::test]
async fn closed_contracts_take_what_reduces() {
    let server = Server::start();
    let mut closed = crate::server::instrument("SOLUSDT", "0.01", "0.1", "USDT");
    closed["status"] = json!("Delivering");
    let list = json!({"retCode": 0, "result": {"list": [closed], "nextPageCursor": ""}});
    server.special("/v5/market/instruments-info", answer(&list));
    let venue = server.venue();
    let adds = intent(1, "SOLUSDT", Side::Sell, "1", "150");
    let error = venue.place(&[unproven(adds)]).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
    assert!(server.written().is_empty());
    let closes = OrderIntent { reduce_only: true, ..intent(2, "SOLUSDT", Side::Sell, "1", "150") };
    venue.place(&[unproven(closes)]).await.remove(0).unwrap();
    assert_eq!(server.written().len(), 1);
}

#[tokio::test]
async fn the_rules_of_a_phase_are_read_once() {
    let server = Server::start();
    server.with(|world| world.many = true);
    let symbols: Vec<String> = crate::server::many().collect();
    let orders: Vec<_> = symbols
        .iter()
        .zip(0u8..)
        .map(|(of, number)| unproven(intent(number, of, Side::Buy, "1", "150")))
        .collect();
    let venue = server.venue();
    // The clock of these tests jumps while others are under way, and a long way there is a bad sample.
    venue.server_time().await.unwrap();
    assert!(venue.place(&orders).await.iter().all(Result::is_ok));
    let asked = server.asked();
    let lists = asked.iter().filter(|asked| asked.path == "/v5/market/instruments-info").count();
    assert_eq!((lists, asked.iter().filter(|asked| asked.is_write()).count()), (1, 5));
}

/// Calls that reduce risk may use what others must leave alone: cancels, reducing orders, a lower leverage, margin into a
/// bucket. Adding orders and a higher leverage may not.
#[tokio::test]
async fn the_reserved_share_is_for_what_reduces_risk() {
    let server = Server::start();
    server.with(|world| world.orders = vec![order(1, "SOLUSDT", "Buy", "1", "0", "Cancelled")]);
    let venue = server.venue();
    let of = symbol("SOLUSDT");
    venue.snapshot(&Scope::of([of.clone()])).await.unwrap();
    let used = || {
        // Whatever else is asked, for longer than a write waits.
        let address = evenkeel_http::Limiter::shared(
            &server.address(),
            evenkeel_http::Quota::new(600, Duration::from_secs(5), 20),
        );
        address.charge(server.clock.now(), 480);
        server.asked();
    };
    used();
    let limited =
        |error: &Error| (error.kind(), error.effect()) == (ErrorKind::RateLimited, Effect::NotApplied);
    assert!(limited(&venue.set_leverage(&of, Leverage::new(20).unwrap()).await.unwrap_err()));
    let adds = intent(2, "SOLUSDT", Side::Buy, "1", "150");
    assert!(limited(&venue.place(&[unproven(adds.clone())]).await.remove(0).unwrap_err()));
    assert!(server.written().is_empty());
    let reduces = OrderIntent { id: id(3), reduce_only: true, ..adds };
    venue.place(&[unproven(reduces)]).await.remove(0).unwrap();
    venue.cancel(&of, &id(1)).await.unwrap();
    assert_eq!(server.written().len(), 2);
    // Of a leverage that was not read since the last write, nobody knows which way it goes.
    assert!(limited(&venue.set_leverage(&of, Leverage::new(5).unwrap()).await.unwrap_err()));
    server.clock.sleep(Duration::from_secs(10)).await;
    venue.leverages(std::slice::from_ref(&of)).await.remove(0).unwrap();
    used();
    venue.set_leverage(&of, Leverage::new(5).unwrap()).await.unwrap();
    assert_eq!(server.written().len(), 1);
}

/// What was decided on too long ago is not sent, whatever it waited for.
#[tokio::test]
async fn stale_decisions_are_not_sent() {
    for path in ["/v5/market/instruments-info", "/v5/market/time"] {
        let server = Server::start();
        server.with(|world| world.slow.insert(path, 6000));
        let venue = server.venue();
        let orders = [1, 2].map(|n| unproven(intent(n, "SOLUSDT", Side::Buy, "1", "150")));
        for outcome in venue.place(&orders).await {
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.effect()), (ErrorKind::RateLimited, Effect::NotApplied));
            assert!(error.message().contains("better decided again"), "{error}");
        }
        assert!(server.written().is_empty(), "{path}");
        let server = Server::start();
        server.with(|world| world.slow.insert(path, 6000));
        let venue = server.venue();
        let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::RateLimited, Effect::NotApplied));
        assert!(server.written().is_empty(), "{path}");
    }
    let server = Server::start();
    server.with(|world| {
        world.margin_mode = "ISOLATED_MARGIN";
        world.held = vec![("SOLUSDT", 0, "1", "150")];
        world.slow.insert("/v5/position/list", 6000);
    });
    let error = server.venue().adjust_margin(&symbol("SOLUSDT"), "1".parse().unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::RateLimited, Effect::NotApplied));
    assert!(server.written().is_empty());
}

#[tokio::test]
async fn leverage_is_set_for_both_sides_and_unchanged_is_done() {
    let server = Server::start();
    let venue = server.venue();
    venue.set_leverage(&symbol("SOLUSDT"), "2.50".parse().unwrap()).await.unwrap();
    let asked = server.written().remove(0);
    assert_eq!(asked.path, "/v5/position/set-leverage");
    assert_eq!(
        asked.body,
        json!({"category": "linear", "symbol": "SOLUSDT", "buyLeverage": "2.5", "sellLeverage": "2.5"})
    );
    server.next(refused(110043, "leverage not modified"));
    venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap();
    // Something else is as it was.
    server.next(refused(110026, "margin mode is not modified"));
    let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Rejected, Effect::NotApplied));
    server.next(refused(110013, "cannot set leverage gt maxLeverage by risk limit"));
    let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::NotApplied));
}

#[tokio::test]
async fn the_margin_mode_is_that_of_the_account() {
    let server = Server::start();
    let venue = server.venue();
    venue.set_margin_mode(&symbol("SOLUSDT"), MarginMode::Cross).await.unwrap();
    let error = venue.set_margin_mode(&symbol("SOLUSDT"), MarginMode::Isolated).await.unwrap_err();
    assert!(error.kind() == ErrorKind::NotSupported && error.message().contains("whole account"), "{error}");
    assert_eq!(server.written().len(), 0);
    venue.set_account_margin_mode(MarginMode::Isolated).await.unwrap();
    assert_eq!(server.written()[0].body, json!({"setMarginMode": "ISOLATED_MARGIN"}));
    server.next(refused(110026, "margin mode is not modified"));
    venue.set_account_margin_mode(MarginMode::Isolated).await.unwrap();
    server.next(answer(&json!({"retCode": 3400045, "retMsg": "Set margin mode failed",
        "result": {"reasons": [{"reasonCode": "3400054", "reasonMsg": "open orders"}]}})));
    let error = venue.set_account_margin_mode(MarginMode::Isolated).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::NotApplied));
    assert!(error.message().contains("open orders (3400054)"), "{error}");
}

#[tokio::test]
async fn margin_moves_only_where_there_is_a_bucket() {
    let server = Server::start();
    let venue = server.venue();
    let move_it = async |delta: &str| venue.adjust_margin(&symbol("SOLUSDT"), delta.parse().unwrap()).await;
    assert!(move_it("10.5").await.unwrap_err().message().contains("cross margin"));
    server.with(|world| world.margin_mode = "ISOLATED_MARGIN");
    assert!(move_it("10.5").await.unwrap_err().message().contains("no position"));
    server.with(|world| world.held = vec![("SOLUSDT", 0, "1", "150")]);
    server.asked();
    move_it("-10.50").await.unwrap();
    let asked = server.written().remove(0);
    assert_eq!(asked.path, "/v5/position/add-margin");
    assert_eq!(
        asked.body,
        json!({"category": "linear", "symbol": "SOLUSDT", "margin": "-10.5", "positionIdx": 0})
    );
    server.next(refused(110027, "margin is unchanged"));
    move_it("1").await.unwrap();
}

#[tokio::test]
async fn orders_are_found_among_the_open_ones_and_in_the_history() {
    let server = Server::start();
    let venue = server.venue();
    let of = symbol("SOLUSDT");
    assert_eq!(venue.order(&of, &id(1)).await.unwrap(), None);
    server.with(|world| world.history.push(order(1, "SOLUSDT", "Buy", "2", "2", "Filled")));
    let state = venue.order(&of, &id(1)).await.unwrap().unwrap();
    assert_eq!((state.status, state.filled.get(), state.id), (OrderStatus::Filled, d("2"), id(1)));
    // Shown twice, as it was and as it ended.
    server.with(|world| {
        world.orders.push(order(2, "SOLUSDT", "Buy", "2", "1.5", "Cancelled"));
        world.orders.push(order(2, "SOLUSDT", "Buy", "2", "1", "PartiallyFilled"));
    });
    let state = venue.order(&of, &id(2)).await.unwrap().unwrap();
    assert_eq!((state.status, state.filled.get()), (OrderStatus::Cancelled, d("1.5")));
    // Cut to the position, and rejected with a part executed: never in full.
    for (status, filled, meaning) in [
        ("Filled", "1", OrderStatus::Cancelled),
        ("Rejected", "1", OrderStatus::Cancelled),
        ("Rejected", "0", OrderStatus::Rejected),
        ("Deactivated", "0", OrderStatus::Cancelled),
        ("New", "0", OrderStatus::Open),
    ] {
        server.with(|world| world.orders = vec![order(3, "SOLUSDT", "Buy", "2", filled, status)]);
        assert_eq!(venue.order(&of, &id(3)).await.unwrap().unwrap().status, meaning, "{status} {filled}");
    }
    server.with(|world| world.orders = vec![order(3, "SOLUSDT", "Buy", "2", "0", "Filled")]);
    let error = venue.order(&of, &id(3)).await.unwrap_err();
    assert!(error.message().contains("nothing of 2 was executed"), "{error}");
    server.with(|world| world.orders = vec![order(3, "SOLUSDT", "Buy", "2", "0", "Sleeping")]);
    assert_eq!(venue.order(&of, &id(3)).await.unwrap_err().kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn a_cancel_is_looked_after() {
    let server = Server::start();
    let venue = server.venue();
    let of = symbol("SOLUSDT");
    server.with(|world| world.orders = vec![order(1, "SOLUSDT", "Buy", "2", "0", "Cancelled")]);
    venue.cancel(&of, &id(1)).await.unwrap();
    let asked = server.written().remove(0);
    assert_eq!(asked.path, "/v5/order/cancel");
    assert_eq!(
        asked.body,
        json!({"category": "linear", "symbol": "SOLUSDT", "orderLinkId": id(1).to_string()})
    );
    // Taken in, and not carried out.
    server.with(|world| world.orders = vec![order(1, "SOLUSDT", "Buy", "2", "0", "New")]);
    let error = venue.cancel(&of, &id(1)).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    assert!(error.message().contains("still open"), "{error}");
    assert_eq!(server.written().len(), 1, "sent once");
    // Taken in, and then neither open nor ended: what is not found proves nothing.
    server.with(|world| world.orders.clear());
    let error = venue.cancel(&of, &id(1)).await.unwrap_err();
    assert!(error.effect() == Effect::Unknown && error.message().contains("is not shown"), "{error}");
    // An answer about another order than the one that was sent.
    server.with(|world| world.orders = vec![order(1, "SOLUSDT", "Buy", "2", "0", "Cancelled")]);
    for other in [id(2).to_string(), "x".to_owned()] {
        server.next(answer(&json!({"retCode": 0, "result": {"orderId": "v-2", "orderLinkId": other}})));
        let error = venue.cancel(&of, &id(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown));
    }
    server.next(answer(&json!({"retCode": 0, "result": {"orderId": "v-2", "orderLinkId": ""}})));
    let error = venue.cancel_by_venue_id(&of, "v-1").await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown));
    // Over already, in either of the venue's words.
    for code in [110008, 110010] {
        server.next(refused(code, "completed or cancelled"));
        venue.cancel(&of, &id(1)).await.unwrap();
    }
    server.with(|world| world.orders = vec![order(1, "SOLUSDT", "Buy", "2", "0", "New")]);
    server.next(refused(110001, "order not exists or too late to cancel"));
    let error = venue.cancel(&of, &id(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::NotApplied));
    server.with(|world| world.orders = vec![order(1, "SOLUSDT", "Buy", "2", "2", "Filled")]);
    server.next(refused(110001, "order not exists or too late to cancel"));
    venue.cancel_by_venue_id(&of, &format!("v-{}", id(1))).await.unwrap();
}

/// That the venue knows nothing of an order proves something only once nothing that was sent with this key can arrive any
/// more, whoever sent it and whatever becomes of our clock.
#[tokio::test]
async fn not_found_is_no_proof_while_an_order_can_arrive() {
    let of = symbol("SOLUSDT");
    let server = Server::start();
    let venue = server.venue();
    let gone = async |venue: &Bybit, key: Result<u8, &str>| {
        server.next(refused(110001, "order not exists"));
        let done = match key {
            Ok(number) => venue.cancel(&of, &id(number)).await,
            Err(number) => venue.cancel_by_venue_id(&of, number).await,
        };
        done.map_err(|error| (error.kind(), error.effect()))
    };
    let may_arrive = Err((ErrorKind::NotFound, Effect::Unknown));
    let long = Duration::from_secs(30);
    // It may have been sent just before this process began.
    for key in [Ok(9), Err("v-9")] {
        assert_eq!(gone(&venue, key).await, may_arrive, "{key:?}");
    }
    server.clock.sleep(Duration::from_secs(20)).await;
    assert_eq!(
        gone(&venue, Ok(9)).await,
        may_arrive,
        "five seconds of waiting, ten of validity, ten of arrival"
    );
    server.clock.sleep(Duration::from_secs(10)).await;
    for key in [Ok(9), Err("v-9")] {
        assert_eq!(gone(&venue, key).await, Ok(()), "{key:?}");
    }
    // Ours, and by its number any of ours, for every connector of this process with the same key.
    let other = server.venue();
    venue.place(&[unproven(intent(9, "SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).unwrap();
    for venue in [&venue, &other] {
        assert_eq!(gone(venue, Ok(9)).await, may_arrive);
        assert_eq!(gone(venue, Err("v-9")).await, may_arrive);
        assert_eq!(gone(venue, Ok(8)).await, Ok(()), "an id that nobody sent for long");
    }
    // A clock of ours that is set forward makes nothing older.
    server.step(Duration::from_secs(3600));
    assert_eq!(gone(&venue, Ok(9)).await, may_arrive);
    server.clock.sleep(long).await;
    for key in [Ok(9), Err("v-9")] {
        assert_eq!(gone(&other, key).await, Ok(()), "{key:?}");
    }
    // One that was refused for certain is not on its way.
    server.next(refused(110007, "ab not enough"));
    venue.place(&[unproven(intent(7, "SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).unwrap_err();
    assert_eq!(gone(&venue, Ok(7)).await, Ok(()));
}

/// What becomes of a cancel is not asked for ever.
#[tokio::test]
async fn a_cancel_is_looked_after_for_five_seconds() {
    let server = Server::start();
    let venue = server.venue();
    server.with(|world| {
        world.orders = vec![order(1, "SOLUSDT", "Buy", "2", "0", "New")];
        world.slow.insert("/v5/order/realtime", 3000);
    });
    let looks = || server.asked().iter().filter(|asked| asked.path == "/v5/order/realtime").count();
    let error = venue.cancel(&symbol("SOLUSDT"), &id(1)).await.unwrap_err();
    assert_eq!((error.effect(), looks()), (Effect::Unknown, 2), "{error}");
    let error = venue.cancel_all(None, Protective::Cancel).await.unwrap_err();
    assert_eq!((error.effect(), looks()), (Effect::Unknown, 2), "{error}");
}

/// What closes a position is encoded by the last rules that were read where none can be read now.
#[tokio::test]
async fn old_rules_are_enough_to_reduce() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::of([symbol("SOLUSDT")])).await.unwrap();
    server.clock.sleep(Duration::from_secs(2 * 3600)).await;
    server.special("/v5/market/instruments-info", refused(10016, "internal"));
    let adds = intent(1, "SOLUSDT", Side::Buy, "1", "150");
    let reduces = OrderIntent { id: id(2), reduce_only: true, ..adds.clone() };
    let outcomes = venue.place(&[unproven(adds), unproven(reduces)]).await;
    let error = outcomes[0].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Maintenance, Effect::NotApplied));
    assert!(outcomes[1].is_ok(), "{outcomes:?}");
    let trigger = Trigger::StopLoss("140".parse().unwrap());
    let stop = stop(3, Side::Sell, trigger, StopSize::Qty("1".parse().unwrap()));
    venue.place_stops(&[stop]).await.remove(0).unwrap();
}

/// A stop at the market that is too large would be refused when it is triggered.
#[tokio::test]
async fn stops_at_the_market_have_a_largest_size() {
    let server = Server::start();
    let venue = server.venue();
    let trigger = Trigger::StopLoss("140".parse().unwrap());
    let of_size =
        |number: u8, qty: &str| stop(number, Side::Sell, trigger, StopSize::Qty(qty.parse().unwrap()));
    let with_worst = StopIntent { worst: Some("130".parse().unwrap()), ..of_size(3, "500.1") };
    let outcomes = venue.place_stops(&[of_size(1, "500"), of_size(2, "500.1"), with_worst]).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    let error = outcomes[1].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
    assert!(error.message().contains("must be at most 500; split it"), "{error}");
}

#[tokio::test]
async fn a_used_id_is_about_the_copy_where_the_venue_told_of_the_first() {
    let server = Server::start();
    let venue = server.venue();
    let order = unproven(intent(1, "SOLUSDT", Side::Buy, "1", "150"));
    server.next(refused(110072, "OrderLinkedID is duplicate"));
    let error = venue.place(std::slice::from_ref(&order)).await.remove(0).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::Rejected, Effect::Unknown),
        "it may be ours all the same"
    );
    server.next(refused(110072, "OrderLinkedID is duplicate"));
    let error = venue.place(std::slice::from_ref(&order)).await.remove(0).unwrap_err();
    assert_eq!(
        error.effect(),
        Effect::Unknown,
        "nobody heard of the first: this is the proof that it was taken"
    );
    let taken = json!({"orderId": "v-1", "orderLinkId": id(1).to_string()});
    server.next(answer(&json!({"retCode": 0, "result": taken})));
    assert!(venue.place(std::slice::from_ref(&order)).await.remove(0).is_ok());
    server.next(refused(110072, "OrderLinkedID is duplicate"));
    let error = venue.place(&[order]).await.remove(0).unwrap_err();
    assert_eq!(error.effect(), Effect::NotApplied, "the copy was not taken");
}

fn stop(number: u8, side: Side, trigger: Trigger, size: StopSize) -> StopIntent {
    StopIntent {
        id: id(number),
        symbol: symbol("SOLUSDT"),
        side,
        position_side: PositionSide::Net,
        trigger,
        size,
        worst: None,
    }
}

#[tokio::test]
async fn stop_orders() {
    let server = Server::start();
    let venue = server.venue();
    let (low, high) = ("140".parse().unwrap(), "160".parse().unwrap());
    let size = StopSize::Qty("1".parse().unwrap());
    let trailing = Trigger::Trailing { callback: "0.01".parse().unwrap(), activation: None };
    let stops = [
        stop(1, Side::Sell, Trigger::StopLoss(low), size),
        stop(2, Side::Sell, Trigger::TakeProfit(high), StopSize::WholePosition),
        stop(3, Side::Buy, Trigger::StopLoss(high), size),
        stop(4, Side::Buy, Trigger::TakeProfit(low), size),
        stop(5, Side::Sell, trailing, size),
        StopIntent {
            worst: Some("130".parse().unwrap()),
            ..stop(6, Side::Sell, Trigger::StopLoss(low), size)
        },
        StopIntent { worst: Some(high), ..stop(7, Side::Sell, Trigger::StopLoss(low), size) },
    ];
    let outcomes = venue.place_stops(&stops).await;
    let written = server.written();
    assert_eq!(written.len(), 1);
    let bodies = written[0].body["request"].as_array().unwrap().clone();
    let directions: Vec<_> = bodies.iter().map(|body| body["triggerDirection"].as_u64().unwrap()).collect();
    assert_eq!(directions, [2, 1, 1, 2, 2]);
    assert!(bodies.iter().all(|body| body["reduceOnly"] == true && body["triggerBy"] == "MarkPrice"));
    assert_eq!((&bodies[1]["qty"], &bodies[1]["closeOnTrigger"]), (&json!("0"), &json!(true)));
    assert_eq!((&bodies[0]["orderType"], &bodies[0]["price"]), (&json!("Market"), &Value::Null));
    assert_eq!((&bodies[4]["orderType"], &bodies[4]["price"]), (&json!("Limit"), &json!("130")));
    let kinds: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().err().map(Error::kind)).collect();
    let (no, wrong) = (Some(ErrorKind::NotSupported), Some(ErrorKind::Invalid));
    assert_eq!(kinds, [None, None, None, None, no, None, wrong]);

    let waiting = |number: u8, side: &str, direction: u8, status: &str| {
        let mut row = order(number, "SOLUSDT", side, "1", "0", status);
        row["triggerPrice"] = json!("140");
        row["stopOrderType"] = json!("Stop");
        row["triggerDirection"] = json!(direction);
        row["reduceOnly"] = json!(true);
        row["orderType"] = json!("Market");
        row
    };
    server.with(|world| {
        world.orders = vec![
            waiting(1, "Sell", 2, "Untriggered"),
            waiting(2, "Sell", 1, "Untriggered"),
            order(3, "SOLUSDT", "Buy", "1", "0", "New"),
        ];
    });
    let snapshot = venue.snapshot(&Scope::default()).await.unwrap();
    let kinds: Vec<_> =
        snapshot.open_orders.iter().map(|order| (order.kind, order.is_protective())).collect();
    let expected = [(OrderKind::StopLoss, true), (OrderKind::TakeProfit, true), (OrderKind::Limit, false)];
    assert_eq!(kinds, expected);
    assert_eq!((snapshot.open_orders[0].limit, snapshot.open_orders[0].id), (None, Some(id(1))));
    for (status, meaning) in [
        ("Untriggered", StopStatus::Waiting),
        ("Triggered", StopStatus::Triggered),
        ("New", StopStatus::Triggered),
        ("Deactivated", StopStatus::Cancelled),
        ("Rejected", StopStatus::Rejected),
    ] {
        server.with(|world| world.orders = vec![waiting(1, "Sell", 2, status)]);
        assert_eq!(
            venue.stop(&symbol("SOLUSDT"), &id(1)).await.unwrap().unwrap().status,
            meaning,
            "{status}"
        );
    }
    server.with(|world| world.orders = vec![waiting(1, "Sell", 2, "Deactivated")]);
    venue.cancel_stop(&symbol("SOLUSDT"), &id(1)).await.unwrap();
    server.asked();
    let distance = Some("2.5".parse().unwrap());
    venue.set_trailing_stop(&symbol("SOLUSDT"), PositionSide::Net, distance, None).await.unwrap();
    assert_eq!(
        server.written()[0].body,
        json!({"category": "linear", "symbol": "SOLUSDT", "tpslMode": "Full", "positionIdx": 0, "trailingStop": "2.5"})
    );
}

#[tokio::test]
async fn everything_is_cancelled() {
    let server = Server::start();
    let venue = server.venue();
    let cancelled = |count: usize, from: usize| {
        let rows: Vec<Value> =
            (from..from + count).map(|n| json!({"orderId": format!("o{n}"), "orderLinkId": ""})).collect();
        answer(&json!({"retCode": 0, "result": {"list": rows, "success": "1"}}))
    };
    server.next(cancelled(500, 0));
    server.next(cancelled(3, 500));
    assert_eq!(venue.cancel_all(None, Protective::Keep).await.unwrap(), 503);
    let written = server.written();
    assert_eq!(written.len(), 2, "as often as there are more");
    assert_eq!(written[0].body, json!({"category": "linear", "settleCoin": "USDT", "orderFilter": "Order"}));
    assert_eq!(venue.cancel_all(Some(&symbol("SOLUSDT")), Protective::Cancel).await.unwrap(), 0);
    assert_eq!(server.written()[0].body, json!({"category": "linear", "symbol": "SOLUSDT"}));
    server.with(|world| world.orders = vec![order(1, "SOLUSDT", "Buy", "1", "0", "New")]);
    let error = venue.cancel_all(None, Protective::Cancel).await.unwrap_err();
    assert!(
        error.effect() == Effect::Unknown && error.message().contains("1 orders are still open"),
        "{error}"
    );
    server.next(cancelled(500, 0));
    server.next(refused(10005, "permission denied"));
    let error = venue.cancel_all(None, Protective::Cancel).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Auth, Effect::Unknown), "some were cancelled");
}
