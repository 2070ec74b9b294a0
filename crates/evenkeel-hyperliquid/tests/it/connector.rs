//! The connector against a scripted venue: what it asks, what it sends, and how often.

use std::time::Duration;

use evenkeel_exchange::{
    Clock, Effect, ErrorKind, Expected, Fenced, Observe as _, OrderRequest, Protective, Route, StopIntent,
    StopSize, StopStatus, Trade as _, Trigger, leverage_of, prove_leverage,
};
use evenkeel_hyperliquid::decode::Cloid;
use evenkeel_types::{
    ClientOrderId, Leverage, MarginMode, OrderIntent, OrderStatus, PoolId, PositionSide, Scope, Side,
    TimeInForce, Timestamp, Usd,
};
use serde_json::{Value, json};

use crate::server::{MASTER, Reply, Server, Virtual, asset};
use crate::support::{Account, d, symbol};

pub(crate) fn id(number: u8) -> ClientOrderId {
    ClientOrderId::from_hash(&[number; 16])
}

pub(crate) fn intent(coin: &str, side: Side, qty: &str, limit: &str) -> OrderIntent {
    OrderIntent {
        id: id(1),
        symbol: symbol(coin),
        side,
        position_side: PositionSide::Net,
        qty: qty.parse().unwrap(),
        limit: limit.parse().unwrap(),
        tif: TimeInForce::Ioc,
        reduce_only: false,
    }
}

pub(crate) fn unproven(intent: OrderIntent) -> OrderRequest {
    OrderRequest::danger_without_proof(intent).unwrap()
}

fn kinds(asked: &[(String, Value)]) -> Vec<String> {
    let mut kinds: Vec<String> = asked
        .iter()
        .map(
            |(path, body)| if path == "/info" { body["type"].as_str().unwrap().into() } else { path.clone() },
        )
        .collect();
    kinds.sort();
    kinds
}

#[tokio::test]
async fn a_snapshot_reads_what_it_needs_once() {
    let server = Server::start().await;
    let venue = server.venue();
    let scope = Scope::of([symbol("SOL"), symbol("ETH")]);
    let snapshot = venue.snapshot(&scope).await.unwrap();
    snapshot.validate(&scope).unwrap();
    assert_eq!(snapshot.account_value().unwrap(), Usd::new(200).unwrap());
    assert!(snapshot.setting(&symbol("ETH")).unwrap().is(Leverage::new(20).unwrap()));
    assert!(snapshot.setting(&symbol("SOL")).unwrap().is(Leverage::new(2).unwrap()));
    assert_eq!(snapshot.account.as_str(), MASTER);
    assert_eq!(snapshot.capabilities.request_validity, Some(Duration::from_secs(10)));
    assert_eq!(
        kinds(&server.asked()),
        [
            "activeAssetData",
            "clearinghouseState",
            "exchangeStatus",
            "frontendOpenOrders",
            "metaAndAssetCtxs",
            "perpDexs",
            "spotClearinghouseState",
            "userAbstraction",
            "userFees"
        ]
    );
    // What changes once a day, or was read a moment ago, is not read again.
    venue.snapshot(&scope).await.unwrap();
    assert_eq!(
        kinds(&server.asked()),
        [
            "clearinghouseState",
            "frontendOpenOrders",
            "metaAndAssetCtxs",
            "spotClearinghouseState",
            "userAbstraction"
        ]
    );
}

#[tokio::test]
async fn leverages_of_held_coins_come_in_one_answer() {
    let server = Server::start().await;
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    let symbols = [symbol("SOL"), symbol("BTC")];
    let read = venue.leverages(&symbols).await;
    assert!(read[0].as_ref().unwrap().is(Leverage::new(2).unwrap()));
    assert!(read[1].as_ref().unwrap().is(Leverage::new(10).unwrap()));
    assert_eq!(kinds(&server.asked()), ["clearinghouseState"]);
    // A flat one is asked for beside it, and an unknown one is an error that shifts nothing.
    let read = venue.leverages(&[symbol("NOPE"), symbol("ETH"), symbol("BTC")]).await;
    assert_eq!(read[0].as_ref().unwrap_err().kind(), ErrorKind::Invalid);
    assert!(read[1].as_ref().unwrap().is(Leverage::new(20).unwrap()));
    assert_eq!(read[2].as_ref().unwrap().symbol, symbol("BTC"));
}

#[tokio::test]
async fn fifty_orders_are_one_request_in_their_order() {
    let server = Server::start().await;
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    let orders: Vec<OrderRequest> = (0..50)
        .map(|number| {
            let coin = ["SOL", "BTC", "ETH"][usize::from(number) % 3];
            unproven(OrderIntent { id: id(number), ..intent(coin, Side::Buy, "1", "150") })
        })
        .collect();
    server.asked();
    let outcomes = venue.place(&orders).await;
    assert_eq!(outcomes.len(), 50);
    for (order, outcome) in orders.iter().zip(&outcomes) {
        let state = outcome.as_ref().unwrap();
        assert_eq!((state.id, &state.symbol), (order.intent().id, &order.intent().symbol));
        assert_eq!((state.status, state.filled.get()), (OrderStatus::Filled, d("1")));
    }
    let asked = server.asked();
    assert_eq!(kinds(&asked), ["/exchange"], "one request; the venue's clock was read with the account");
    let body = &asked.iter().find(|(path, _)| path == "/exchange").unwrap().1;
    assert_eq!(body["action"]["orders"].as_array().unwrap().len(), 50);
    assert_eq!(body["action"]["grouping"], "na");
    assert_eq!(body["vaultAddress"], Value::Null);
    // By the venue's clock, which is not ours.
    let (nonce, expires) = (body["nonce"].as_u64().unwrap(), body["expiresAfter"].as_u64().unwrap());
    assert!((1_751_364_005_000..1_751_364_065_000).contains(&nonce), "{nonce}");
    assert!((1_751_364_015_000..=nonce + 10_000).contains(&expires), "{expires}");
    assert_eq!(body["action"]["orders"][0]["c"], Cloid::from(id(0)).to_string());

    // Post-only orders go apart, and more than a batch is several; the outcomes keep their places.
    let orders: Vec<OrderRequest> = (0..230)
        .map(|number| {
            let tif = if number % 2 == 0 { TimeInForce::PostOnly } else { TimeInForce::Gtc };
            unproven(OrderIntent { id: id(number), tif, ..intent("SOL", Side::Buy, "1", "150") })
        })
        .collect();
    let outcomes = venue.place(&orders).await;
    for (order, outcome) in orders.iter().zip(&outcomes) {
        assert_eq!(outcome.as_ref().unwrap().id, order.intent().id);
    }
    let mut sizes: Vec<(String, usize)> = Vec::new();
    for body in server.actions() {
        let orders = body["action"]["orders"].as_array().unwrap();
        let tif = |order: &Value| order["t"]["limit"]["tif"].as_str().unwrap().to_owned();
        assert!(orders.iter().all(|order| tif(order) == tif(&orders[0])), "{body}");
        sizes.push((tif(&orders[0]), orders.len()));
    }
    sizes.sort();
    assert_eq!(
        sizes,
        [("Alo", 15), ("Alo", 100), ("Gtc", 15), ("Gtc", 100)].map(|(tif, n)| (tif.to_owned(), n))
    );
}

/// Rules that the venue would refuse are refused before anything is signed, and the other orders go out.
#[tokio::test]
async fn what_the_venue_would_not_take_is_not_sent() {
    let server = Server::start().await;
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    let wrong = [
        (intent("SOL", Side::Buy, "0.001", "150"), "no multiple of the lot 0.01"),
        (intent("SOL", Side::Buy, "1", "150.1234"), "more digits than the venue takes; 150.12 would do"),
        (intent("MATIC", Side::Buy, "100", "0.3"), "delisted"),
        (intent("NOPE", Side::Buy, "1", "1"), "there is no NOPE"),
    ];
    let mut orders: Vec<OrderRequest> = wrong.iter().map(|(intent, _)| unproven(intent.clone())).collect();
    orders.push(unproven(intent("SOL", Side::Buy, "1", "150.12")));
    let outcomes = venue.place(&orders).await;
    for ((_, needle), outcome) in wrong.iter().zip(&outcomes) {
        let error = outcome.as_ref().unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
        assert!(error.to_string().contains(needle), "{error}");
    }
    assert!(outcomes[4].is_ok());
    let actions = server.actions();
    assert_eq!(actions.len(), 1);
    assert_eq!(actions[0]["action"]["orders"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn partial_fills_and_resting_orders_are_read_as_they_are() {
    let server = Server::start().await;
    let venue = server.venue();
    let entry = |entry: Value| {
        Reply::json(json!({"status": "ok", "response": {"type": "order", "data": {"statuses": [entry]}}}))
    };
    let filled = json!({"filled": {"totalSz": "0.4", "avgPx": "150.1", "oid": 5}});
    for (tif, reduce_only, answer, status, qty) in [
        (TimeInForce::Ioc, false, filled.clone(), OrderStatus::Cancelled, "0.4"),
        (TimeInForce::Gtc, true, filled.clone(), OrderStatus::Cancelled, "0.4"),
        (TimeInForce::Gtc, false, filled, OrderStatus::Open, "0.4"),
        (TimeInForce::Gtc, false, json!({"resting": {"oid": 5}}), OrderStatus::Open, "0"),
    ] {
        server.exchange(entry(answer));
        let order = OrderIntent { tif, reduce_only, ..intent("SOL", Side::Buy, "1", "150.12") };
        let outcome = venue.place(&[unproven(order)]).await.remove(0).unwrap();
        assert_eq!((outcome.status, outcome.filled.get()), (status, d(qty)), "{tif:?} {reduce_only}");
        assert_eq!(outcome.venue_order_id.as_deref(), Some("5"));
    }
    // An answer about somebody else's order answers nothing.
    server.exchange(entry(json!({"resting": {"oid": 5, "cloid": "0x00000000000000000000000000000009"}})));
    let error =
        venue.place(&[unproven(intent("SOL", Side::Buy, "1", "150.12"))]).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown));
}

#[tokio::test]
async fn leverage_is_written_only_where_it_differs_and_keeps_the_mode() {
    let server = Server::start().await;
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    venue.set_leverage(&symbol("SOL"), Leverage::new(2).unwrap()).await.unwrap();
    assert_eq!(server.actions(), Vec::<Value>::new(), "it is 2x already");
    venue.set_leverage(&symbol("SOL"), Leverage::new(5).unwrap()).await.unwrap();
    let action = server.actions().remove(0)["action"].take();
    assert_eq!(action, json!({"type": "updateLeverage", "asset": 3, "isCross": true, "leverage": 5}));
    // A flat isolated coin stays isolated.
    server.info("activeAssetData ETH", asset("ETH", "isolated", 20, "1"));
    venue.set_leverage(&symbol("ETH"), Leverage::new(3).unwrap()).await.unwrap();
    let action = server.actions().remove(0)["action"].take();
    assert_eq!(action, json!({"type": "updateLeverage", "asset": 1, "isCross": false, "leverage": 3}));
    venue.set_margin_mode(&symbol("ETH"), MarginMode::Cross).await.unwrap();
    let action = server.actions().remove(0)["action"].take();
    assert_eq!(action, json!({"type": "updateLeverage", "asset": 1, "isCross": true, "leverage": 20}));
    // Out of range, with the range.
    for leverage in ["41", "1.5"] {
        let error = venue.set_leverage(&symbol("BTC"), leverage.parse().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::NotApplied));
        assert!(error.to_string().contains("a whole number from 1 to 40"), "{error}");
    }
    assert_eq!(server.actions(), Vec::<Value>::new());

    venue.adjust_margin(&symbol("ETH"), "-12.5".parse().unwrap()).await.unwrap();
    let action = server.actions().remove(0)["action"].take();
    assert_eq!(
        action,
        json!({"type": "updateIsolatedMargin", "asset": 1, "isBuy": true, "ntli": -12_500_000})
    );
    let error = venue.adjust_margin(&symbol("ETH"), "0.0000001".parse().unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
}

#[tokio::test]
async fn a_proof_is_what_the_venue_says_now() {
    let server = Server::start().await;
    let venue = server.venue();
    let clock = Virtual::new();
    let wanted = |coin: &str, leverage: u32| Expected {
        symbol: symbol(coin),
        leverage: Leverage::new(leverage).unwrap(),
        mode: MarginMode::Cross,
    };
    let proofs =
        prove_leverage(&venue, &*clock, &[wanted("SOL", 2), wanted("ETH", 20), wanted("BTC", 2)]).await;
    assert!(proofs[0].is_ok() && proofs[1].is_ok());
    assert!(proofs[2].as_ref().unwrap_err().to_string().contains("10x/10x cross instead of 2x cross"));
    // A setting in memory proves nothing: somebody changed it.
    server.info("activeAssetData ETH", asset("ETH", "cross", 7, "1"));
    assert!(leverage_of(&venue, &symbol("ETH")).await.unwrap().is(Leverage::new(7).unwrap()));
}

#[tokio::test]
async fn cancels_that_find_nothing_are_done() {
    let server = Server::start().await;
    let venue = server.venue();
    venue.cancel(&symbol("SOL"), &id(3)).await.unwrap();
    venue.cancel_by_venue_id(&symbol("SOL"), "77738308").await.unwrap();
    let actions = server.actions();
    assert_eq!(
        actions[0]["action"],
        json!({"type": "cancelByCloid", "cancels": [{"asset": 3, "cloid": Cloid::from(id(3)).to_string()}]})
    );
    assert_eq!(actions[1]["action"], json!({"type": "cancel", "cancels": [{"a": 3, "o": 77_738_308}]}));
    let gone = "Order was never placed, already canceled, or filled. asset=3";
    server.exchange(Reply::json(
        json!({"status": "ok", "response": {"type": "cancel", "data": {"statuses": [{"error": gone}]}}}),
    ));
    let refused = || {
        Reply::json(
            json!({"status": "ok", "response": {"type": "cancel", "data": {"statuses": [{"error": gone}]}}}),
        )
    };
    let record = |coin: &str, status: &str| {
        Reply::json(json!({"status": "order", "order": {"status": status, "statusTimestamp": 2, "order": {
            "coin": coin, "side": "B", "limitPx": "150.12", "sz": "1.0", "origSz": "1.0", "oid": 5, "timestamp": 5000,
            "reduceOnly": false, "cloid": Cloid::from(id(3)).to_string()}}}))
    };
    server.info("orderStatus", record("SOL", "filled"));
    venue.cancel(&symbol("SOL"), &id(3)).await.unwrap();
    // The record has the last word: still open, in another coin, or not seen yet although it was sent.
    for (reply, effect, needle) in [
        (record("SOL", "open"), Effect::NotApplied, "still open"),
        (record("ETH", "canceled"), Effect::NotApplied, "is in ETH, not in SOL"),
    ] {
        server.exchange(refused());
        server.info("orderStatus", reply);
        let error = venue.cancel(&symbol("SOL"), &id(3)).await.unwrap_err();
        assert_eq!(error.effect(), effect);
        assert!(error.to_string().contains(needle), "{error}");
    }
    server.info("orderStatus", Reply::json(json!({"status": "unknownOid"})));
    server.exchange(refused());
    // A process before this one may have sent it; a while later it can no longer arrive.
    let error = venue.cancel(&symbol("SOL"), &id(4)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::Unknown), "{error}");
    Clock::sleep(&venue.clock(), Duration::from_secs(30)).await;
    server.exchange(refused());
    venue.cancel(&symbol("SOL"), &id(4)).await.unwrap();
    server.exchange(Reply(500, b"oops".to_vec()));
    let lost = OrderIntent { id: id(5), ..intent("SOL", Side::Buy, "1", "150.12") };
    venue.place(&[unproven(lost)]).await.remove(0).unwrap_err();
    server.exchange(refused());
    let error = venue.cancel(&symbol("SOL"), &id(5)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::Unknown), "{error}");
    server.exchange(Reply::json(json!({"status": "err", "response": "Something new"})));
    let error = venue.cancel(&symbol("SOL"), &id(3)).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    let error = venue.cancel_by_venue_id(&symbol("SOL"), "abc").await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
}

#[tokio::test]
async fn an_order_is_found_by_its_client_id() {
    let server = Server::start().await;
    let venue = server.venue();
    let cloid = Cloid::from(id(1)).to_string();
    let answer = |status: &str, sz: &str, reduce_only: bool| {
        Reply::json(json!({"status": "order", "order": {"status": status, "statusTimestamp": 2, "order": {
            "coin": "SOL", "side": "B", "limitPx": "150.12", "sz": sz, "origSz": "1.0", "oid": 5, "timestamp": 5000,
            "reduceOnly": reduce_only, "cloid": cloid, "tif": "Ioc", "orderType": "Limit", "isTrigger": false,
        }}}))
    };
    server.info("orderStatus", Reply::json(json!({"status": "unknownOid"})));
    assert_eq!(venue.order(&symbol("SOL"), &id(1)).await.unwrap(), None);
    assert_eq!(server.asked().remove(0).1, json!({"type": "orderStatus", "user": MASTER, "oid": cloid}));
    for (status, sz, expected, filled) in [
        ("open", "1.0", OrderStatus::Open, "0"),
        ("open", "0.4", OrderStatus::Open, "0.6"),
        ("triggered", "1.0", OrderStatus::Open, "0"),
        ("filled", "0.0", OrderStatus::Filled, "1"),
        ("marginCanceled", "1.0", OrderStatus::Cancelled, "0"),
        ("perpMarginRejected", "1.0", OrderStatus::Rejected, "0"),
        ("somethingNewRejected", "1.0", OrderStatus::Rejected, "0"),
    ] {
        server.info("orderStatus", answer(status, sz, false));
        let state = venue.order(&symbol("SOL"), &id(1)).await.unwrap().unwrap();
        assert_eq!((state.status, state.filled.get()), (expected, d(filled)), "{status} {sz}");
    }
    // Over and filled in part: the record alone does not say how much.
    let part = json!([{"coin": "SOL", "px": "150", "sz": "0.75", "side": "B", "time": 5001, "oid": 5, "tid": 9,
        "fee": "0.02", "feeToken": "USDC"}]);
    server.info("userFillsByTime", Reply::json(part));
    for (status, expected) in
        [("canceled", OrderStatus::Cancelled), ("iocCancelRejected", OrderStatus::Rejected)]
    {
        server.info("orderStatus", answer(status, "0.25", false));
        let state = venue.order(&symbol("SOL"), &id(1)).await.unwrap().unwrap();
        assert_eq!((state.status, state.filled.get()), (expected, d("0.75")), "{status}");
    }
    // Filled without fills: they are not shown yet, and nothing is not what was filled.
    server.info("userFillsByTime", Reply::json(json!([])));
    server.info("orderStatus", answer("filled", "0.0", true));
    let error = venue.order(&symbol("SOL"), &id(1)).await.unwrap_err();
    assert!(error.to_string().contains("not shown yet"), "{error}");
    // A word that says nothing about the order's state is no state.
    server.info("orderStatus", answer("napping", "1.0", false));
    assert_eq!(venue.order(&symbol("SOL"), &id(1)).await.unwrap_err().kind(), ErrorKind::Decode);

    // A reduce-only order shrank with the position: its executions say what was traded.
    server.info("orderStatus", answer("filled", "0.0", true));
    let fill = json!({"coin": "SOL", "px": "150", "sz": "0.3", "side": "B", "time": 5001, "oid": 5, "tid": 9,
        "fee": "0.02", "feeToken": "USDC", "cloid": cloid});
    let other = json!({"coin": "SOL", "px": "150", "sz": "0.1", "side": "B", "time": 5001, "oid": 6, "tid": 10,
        "fee": "0.02", "feeToken": "USDC"});
    server.info("userFillsByTime", Reply::json(json!([fill, other])));
    let state = venue.order(&symbol("SOL"), &id(1)).await.unwrap().unwrap();
    assert_eq!((state.status, state.filled.get()), (OrderStatus::Cancelled, d("0.3")));
    // Another coin's order is an answer to another question.
    assert_eq!(venue.order(&symbol("ETH"), &id(1)).await.unwrap_err().kind(), ErrorKind::Decode);

    let fills = venue.fills(&[symbol("SOL")], Timestamp(5000)).await.unwrap();
    assert_eq!(fills.len(), 2);
    assert_eq!((fills[0].order, fills[1].order), (Some(id(1)), None));
    assert!(venue.fills(&[symbol("BTC")], Timestamp(5000)).await.unwrap().is_empty());
}

#[tokio::test]
async fn unified_accounts_are_read_and_checked_against_the_venue() {
    let server = Server::start().await;
    let venue = server.venue();
    server.info("userAbstraction", Reply::json(json!("unifiedAccount")));
    let balance = |total: &str| {
        Reply::json(json!({"balances": [{"coin": "USDC", "token": 0, "total": total, "hold": "65.892346"}]}))
    };
    server.info("spotClearinghouseState", balance("1000.0"));
    let scope = Scope::of([symbol("ETH")]);
    // Unrealised profit is 2.89196 + 4.428 = 7.31996: too little against the tolerance to decide; the lower one.
    server.info("activeAssetData ETH", asset("ETH", "cross", 20, "934.1"));
    let pool = |snapshot: &evenkeel_types::Snapshot| snapshot.pool(&PoolId(symbol("USDC"))).unwrap().clone();
    let found = pool(&venue.snapshot(&scope).await.unwrap());
    assert_eq!((found.equity.get(), found.free.get()), (d("1000"), d("934.1")));
    assert!(found.withdrawable.is_none());

    // With a profit that matters, the venue's own figure decides which reading is right.
    let state = String::from_utf8(Account::example().state).unwrap();
    let richer = state.replace("\"unrealizedPnl\":\"2.89196\"", "\"unrealizedPnl\":\"202.89196\"");
    server.info("clearinghouseState", Reply(200, richer.clone().into_bytes()));
    for (available, equity) in [("1141.42", "1207.31996"), ("934.1", "1000"), ("500", "1000")] {
        let venue = server.venue();
        server.info("activeAssetData ETH", asset("ETH", "cross", 20, available));
        let found = pool(&venue.snapshot(&scope).await.unwrap());
        assert_eq!((found.equity.get(), found.free.get()), (d(equity), d(available)), "{available}");
    }
    let venue = server.venue();
    server.info("activeAssetData ETH", asset("ETH", "cross", 20, "1500"));
    let error = venue.snapshot(&scope).await.unwrap_err();
    assert!(error.to_string().contains("the venue offers 1500"), "{error}");

    // Without a flat coin in scope, one that is held is asked for what is free.
    let venue = server.venue();
    server.info("activeAssetData BTC", asset("BTC", "cross", 10, "700"));
    let found = pool(&venue.snapshot(&Scope::default()).await.unwrap());
    assert_eq!(found.free.get(), d("700"));

    server.info("userAbstraction", Reply::json(json!("portfolioMargin")));
    let error = server.venue().snapshot(&scope).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    assert!(error.to_string().contains("switch the account to the standard mode"), "{error}");
}

#[tokio::test]
async fn builder_dexes_are_found_by_prefix_and_by_what_they_hold() {
    let server = Server::start().await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let account = Account::example();
    let state = text(account.state).replace("\"BTC\"", "\"xyz:BTC\"").replace("\"SOL\"", "\"xyz:SOL\"");
    let mut markets = text(account.markets);
    for coin in ["BTC", "ETH", "MATIC", "SOL", "HYPE", "MEGA"] {
        markets = markets.replace(&format!("\"{coin}\""), &format!("\"xyz:{coin}\""));
    }
    server.info(
        "perpDexs",
        Reply::json(json!([null, {"name": "abc", "deployerFeeScale": "1.0"}, {"name": "xyz", "deployerFeeScale": "0.5"}])),
    );
    let empty =
        json!({"accountValue": "0.0", "totalNtlPos": "0.0", "totalRawUsd": "0.0", "totalMarginUsed": "0.0"});
    server.info(
        "clearinghouseState abc",
        Reply::json(json!({"marginSummary": empty, "crossMarginSummary": empty, "withdrawable": "0.0",
            "assetPositions": [], "time": 1_751_364_005_123_u64})),
    );
    server.info("clearinghouseState xyz", Reply(200, state.into_bytes()));
    server.info("metaAndAssetCtxs xyz", Reply(200, markets.into_bytes()));
    let venue = server.venue();
    let snapshot = venue.snapshot(&Scope::default()).await.unwrap();
    assert_eq!(snapshot.positions.len(), 4, "of both dexes");
    assert_eq!(snapshot.pools.len(), 2, "each with money of its own, and none for the empty dex");
    assert_eq!(snapshot.account_value().unwrap(), Usd::new(400).unwrap());
    assert_eq!(snapshot.fee(&symbol("xyz:BTC")).unwrap().taker.get(), d("0.000675"));
    assert_eq!(snapshot.fee(&symbol("BTC")).unwrap().taker.get(), d("0.00045"));
    // It is remembered: the next reading needs no second round.
    server.asked();
    venue.snapshot(&Scope::default()).await.unwrap();
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|(_, body)| body["dex"] == "xyz").count(), 3);
    assert_eq!(asked.iter().filter(|(_, body)| body["dex"] == "abc").count(), 0);

    // 100 000 + 10 000 * 2 + 0
    venue.place(&[unproven(intent("xyz:BTC", Side::Buy, "0.001", "100000"))]).await.remove(0).unwrap();
    let actions = server.actions();
    assert_eq!(actions[0]["action"]["orders"][0]["a"], 120_000);
}

fn stop(trigger: Trigger, size: StopSize) -> StopIntent {
    StopIntent {
        id: id(9),
        symbol: symbol("SOL"),
        side: Side::Sell,
        position_side: PositionSide::Net,
        trigger,
        size,
        worst: None,
    }
}

#[tokio::test]
async fn stops_are_reduce_only_and_bounded() {
    let server = Server::start().await;
    let venue = server.venue();
    let stops = venue.abilities().stop_orders.unwrap();
    let at = |price: &str| price.parse().unwrap();
    server.exchange(Reply::json(
        json!({"status": "ok", "response": {"type": "order", "data": {"statuses": [{"resting": {"oid": 8}}]}}}),
    ));
    let fixed = stop(Trigger::StopLoss(at("150")), StopSize::Qty("0.5".parse().unwrap()));
    let state = stops.place_stops(std::slice::from_ref(&fixed)).await.remove(0).unwrap();
    assert_eq!((state.status, state.venue_order_id.as_deref()), (StopStatus::Waiting, Some("8")));
    let action = server.actions().remove(0)["action"].take();
    let cloid = Cloid::from(id(9)).to_string();
    assert_eq!(
        action,
        json!({"type": "order", "orders": [{"a": 3, "b": false, "p": "135", "s": "0.5", "r": true,
            "t": {"trigger": {"isMarket": true, "triggerPx": "150", "tpsl": "sl"}}, "c": cloid}], "grouping": "na"})
    );
    server.exchange(Reply::json(
        json!({"status": "ok", "response": {"type": "order", "data": {"statuses": ["waitingForTrigger"]}}}),
    ));
    let whole = stop(Trigger::TakeProfit(at("200")), StopSize::WholePosition);
    let state = stops.place_stops(&[whole]).await.remove(0).unwrap();
    assert_eq!((state.status, state.venue_order_id), (StopStatus::Waiting, None));
    let action = server.actions().remove(0)["action"].take();
    assert_eq!((&action["grouping"], &action["orders"][0]["s"]), (&json!("positionTpsl"), &json!("0.54")));

    let better = StopIntent { worst: Some(at("151")), ..fixed.clone() };
    let nothing = StopIntent { symbol: symbol("ETH"), size: StopSize::WholePosition, ..fixed.clone() };
    let trailing = StopIntent {
        trigger: Trigger::Trailing { callback: "0.01".parse().unwrap(), activation: None },
        ..fixed.clone()
    };
    for (wrong, kind, needle) in [
        (better, ErrorKind::Invalid, "could never trade"),
        (nothing, ErrorKind::Invalid, "no position"),
        (trailing, ErrorKind::NotSupported, "no trailing stops"),
    ] {
        let error = stops.place_stops(&[wrong]).await.remove(0).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (kind, Effect::NotApplied), "{error}");
        assert!(error.to_string().contains(needle), "{error}");
    }
    assert_eq!(server.actions(), Vec::<Value>::new());
}

#[tokio::test]
async fn everything_is_cancelled_but_what_protects() {
    let server = Server::start().await;
    let venue = server.venue();
    let row = |coin: &str, oid: u64, trigger: bool| {
        json!({"coin": coin, "side": "A", "limitPx": "150.0", "sz": "0.5", "origSz": "0.5", "oid": oid,
            "reduceOnly": trigger, "isTrigger": trigger, "triggerPx": "150.0", "orderType": if trigger {"Stop Market"} else {"Limit"},
            "children": []})
    };
    server.info(
        "frontendOpenOrders",
        Reply::json(json!([
            row("SOL", 1, false),
            row("SOL", 2, true),
            row("BTC", 3, false),
            row("@107", 4, false)
        ])),
    );
    let all = venue.abilities().cancel_all.unwrap();
    assert_eq!(all.cancel_all(None, Protective::Keep).await.unwrap(), 2);
    assert_eq!(server.actions()[0]["action"]["cancels"], json!([{"a": 3, "o": 1}, {"a": 0, "o": 3}]));
    assert_eq!(all.cancel_all(Some(&symbol("SOL")), Protective::Cancel).await.unwrap(), 2);
    assert_eq!(server.actions()[0]["action"]["cancels"], json!([{"a": 3, "o": 1}, {"a": 3, "o": 2}]));
    server.info("frontendOpenOrders", Reply::json(json!([])));
    assert_eq!(all.cancel_all(None, Protective::Cancel).await.unwrap(), 0);
    assert_eq!(server.actions(), Vec::<Value>::new());

    let many: Vec<Value> = (0..230).map(|oid| row("SOL", oid, false)).collect();
    server.info("frontendOpenOrders", Reply::json(json!(many)));
    assert_eq!(all.cancel_all(None, Protective::Keep).await.unwrap(), 230);
    let sizes = server.actions().into_iter().map(|sent| sent["action"]["cancels"].as_array().unwrap().len());
    assert_eq!(sizes.collect::<Vec<_>>(), [100, 100, 30]);
}

#[tokio::test]
async fn a_lost_order_is_fenced_off_by_its_nonce() {
    let server = Server::start().await;
    let venue = server.venue();
    let fencing = venue.abilities().fencing.unwrap();
    let sol = symbol("SOL");
    let error = fencing.fence(&sol, &id(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::NotApplied));
    server.exchange(Reply(500, b"oops".to_vec()));
    let error =
        venue.place(&[unproven(intent("SOL", Side::Buy, "1", "150.12"))]).await.remove(0).unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    assert_eq!(fencing.fence(&sol, &id(1)).await.unwrap(), Fenced::Impossible);
    let actions = server.actions();
    assert_eq!(actions[1]["action"], json!({"type": "noop"}));
    assert_eq!(actions[0]["nonce"], actions[1]["nonce"]);
    server.exchange(Reply::json(json!({"status": "err", "response": "Invalid nonce: duplicate nonce 5"})));
    assert_eq!(fencing.fence(&sol, &id(1)).await.unwrap(), Fenced::Used);

    // A `noop` that was refused before it was looked at used nothing: the next one's answer is about the order.
    let duplicate = || Reply::json(json!({"status": "err", "response": "Invalid nonce: duplicate nonce 5"}));
    server.exchange(Reply(422, b"Failed to deserialize".to_vec()));
    let error = fencing.fence(&sol, &id(1)).await.unwrap_err();
    assert_eq!(error.effect(), Effect::NotApplied);
    server.exchange(duplicate());
    assert_eq!(fencing.fence(&sol, &id(1)).await.unwrap(), Fenced::Used);
    // One without an answer may have used it itself: then the same answer proves nothing.
    server.exchange(Reply(500, b"oops".to_vec()));
    assert_eq!(fencing.fence(&sol, &id(1)).await.unwrap_err().effect(), Effect::Unknown);
    server.exchange(duplicate());
    fencing.fence(&sol, &id(1)).await.unwrap_err();
}

#[tokio::test]
async fn what_was_sent_is_known_to_every_connector_with_this_key() {
    let server = Server::start().await;
    let sol = symbol("SOL");
    server.exchange(Reply(500, b"oops".to_vec()));
    let order = unproven(intent("SOL", Side::Buy, "1", "150.12"));
    server.venue().place(&[order]).await.remove(0).unwrap_err();
    // Built anew, as some bots do for each call.
    let other = server.venue();
    let gone = "Order was never placed, already canceled, or filled. asset=5";
    server.exchange(Reply::json(
        json!({"status": "ok", "response": {"type": "cancel", "data": {"statuses": [{"error": gone}]}}}),
    ));
    server.info("orderStatus", Reply::json(json!({"status": "unknownOid"})));
    let error = other.cancel(&sol, &id(1)).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown, "{error}");
    let fenced = other.abilities().fencing.unwrap().fence(&sol, &id(1)).await.unwrap();
    assert_eq!(fenced, Fenced::Impossible);
}

#[tokio::test]
async fn only_the_masters_key_moves_money() {
    let server = Server::start().await;
    assert!(server.venue().abilities().transfers.is_none());
    let (_, master) = crate::secrets::master(&server);
    let transfers = master.abilities().transfers.unwrap();
    transfers.transfer(Route::SpotToPerp, "12.5".parse().unwrap()).await.unwrap();
    let body = server.actions().remove(0);
    let action = &body["action"];
    assert_eq!(
        (&action["type"], &action["amount"], &action["toPerp"]),
        (&json!("usdClassTransfer"), &json!("12.5"), &json!(true))
    );
    assert_eq!((&action["hyperliquidChain"], &action["nonce"]), (&json!("Testnet"), &body["nonce"]));
    assert!(body["vaultAddress"].is_null() && body["expiresAfter"].is_null());
    for amount in ["0", "-1", "0.0000001"] {
        let error = transfers.transfer(Route::PerpToSpot, amount.parse().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied), "{amount}");
    }
}

#[tokio::test]
async fn prices_funding_balances_and_rights_can_be_read() {
    let server = Server::start().await;
    let venue = server.venue();
    let can = venue.read_abilities();
    let book = json!({"coin": "SOL", "time": 1, "levels": [[{"px": "166.3", "sz": "1", "n": 1}], []]});
    server.info("l2Book SOL", Reply::json(book));
    let quotes = can.quotes.unwrap().quotes(&[symbol("SOL"), symbol("NOPE")]).await;
    let quote = quotes[0].as_ref().unwrap();
    assert_eq!((quote.mark.get(), quote.bid.unwrap().get(), quote.ask), (d("166.4"), d("166.3"), None));
    assert!(quotes[1].is_err());

    let funding = venue.funding(&symbol("SOL")).await.unwrap();
    assert_eq!((funding.rate.get(), funding.interval.as_secs()), (d("0.0000125"), 3600));
    assert_eq!(funding.next, Timestamp(1_751_367_600_000));
    server.info(
        "fundingHistory",
        Reply::json(json!([{"coin": "SOL", "fundingRate": "-0.00002", "premium": "0", "time": 3_600_000}])),
    );
    let history = can.funding_history.unwrap().funding_history(&symbol("SOL"), Timestamp(0)).await.unwrap();
    assert_eq!((history.len(), history[0].rate.get()), (1, d("-0.00002")));
    server.info(
        "userFunding",
        Reply::json(json!([{"time": 3_600_000, "hash": "0x", "delta": {"type": "funding", "coin": "SOL",
            "usdc": "-0.5", "szi": "3.1", "fundingRate": "0.0000417", "nSamples": null}}])),
    );
    let paid = can.funding_payments.unwrap().funding_payments(Timestamp(0)).await.unwrap();
    assert_eq!((paid.len(), paid[0].amount.get(), paid[0].qty.unwrap().get()), (1, d("-0.5"), d("3.1")));
    server.info(
        "spotClearinghouseState",
        Reply::json(json!({"balances": [{"coin": "USDC", "token": 0, "total": "14.5", "hold": "4.5"},
            {"coin": "PURR", "token": 1, "total": "0.0", "hold": "0.0"}]})),
    );
    let balances = can.wallets.unwrap().balances().await.unwrap();
    assert_eq!((balances.len(), balances[0].available.get()), (1, d("10")));

    let signer = evenkeel_hyperliquid::sign::AgentKey::from_hex(server.key()).unwrap().address();
    server.info("userRole", Reply::json(json!({"role": "agent", "data": {"user": MASTER}})));
    server.info(
        "extraAgents",
        Reply::json(json!([{"name": "bot", "address": signer.to_string(), "validUntil": 1_751_364_005_200_u64 + 86_400_000}])),
    );
    server.info(
        "userRateLimit",
        Reply::json(json!({"cumVlm": "1", "nRequestsUsed": 9990, "nRequestsCap": 10001})),
    );
    let found = can.diagnose.unwrap().diagnose().await;
    let text: Vec<String> =
        found.iter().map(|d| format!("{}: {:?}: {}", d.topic, d.severity, d.finding)).collect();
    let text = text.join("\n");
    let key = format!("key: Fine: {signer} is an agent of 0x5e9e");
    for needle in [
        "venue: Fine",
        &key,
        "key: Warning: agent `bot` is valid for another 1 day(s)",
        "account mode: Fine: standard",
        "rate budget: Warning: 11 of 10001",
    ] {
        assert!(text.contains(needle), "{text}");
    }
}

#[tokio::test]
async fn the_stateless_conformance_cases_pass() {
    let server = Server::start().await;
    server.info("orderStatus", Reply::json(json!({"status": "unknownOid"})));
    server.info("userFillsByTime", Reply::json(json!([])));
    server.info("userFunding", Reply::json(json!([])));
    for (coin, price) in [("SOL", "166.4"), ("ETH", "2463.2")] {
        let level = json!([{"px": price, "sz": "1", "n": 1}]);
        server.info(
            &format!("l2Book {coin}"),
            Reply::json(json!({"coin": coin, "time": 1, "levels": [level, level]})),
        );
    }
    let venue = server.venue();
    let setup = evenkeel_conformance::Setup::new([symbol("SOL"), symbol("ETH")]);
    let report = evenkeel_conformance::observe(&venue, &*Virtual::new(), &setup).await;
    assert!(report.is_success(), "{report}");
}
