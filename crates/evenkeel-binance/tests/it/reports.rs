//! Fills, funding, prices, balances: lists of any length without a hole.

use evenkeel_exchange::{Effect, ErrorKind, Observe as _, Trade as _};
use evenkeel_types::{ClientOrderId, OrderIntent, Scope, Side, Timestamp};
use serde_json::{Value, json};

use crate::server::{Fate, START, Server, asset, order};
use crate::support::{d, id, intent, params, symbol, unproven};

const DAY: u64 = 86_400_000;

fn trade(number: u64, order: u64, time: u64, asset: &str) -> Value {
    json!({"symbol": "SOLUSDT", "id": number, "orderId": order, "side": "BUY", "price": "150", "qty": "1",
        "quoteQty": "150", "commission": "0.01", "commissionAsset": asset, "time": time, "maker": false, "buyer": true})
}

#[tokio::test]
async fn fills_are_told_with_our_ids_and_fees_in_dollars() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    let placed = venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).unwrap();
    let ours: u64 = placed.venue_order_id.unwrap().parse().unwrap();
    let now = server.clock.now_for_test() + 300;
    server.read(
        "/fapi/v1/userTrades SOLUSDT",
        Fate::json(json!([
            trade(3, 77, now - 10, "BNB"),
            trade(2, ours, now - 20, "USDT"),
            trade(1, 78, now - 9000, "USDT")
        ])),
    );
    let other = params(&[("symbol", "SOLUSDT"), ("newClientOrderId", id(9).as_str()), ("quantity", "1")]);
    server.read("/fapi/v1/order 77", Fate::json(order(&other, 77, "FILLED", "1")));
    server.read("/fapi/v1/order 78", Fate::code(-2013, "Order does not exist."));
    server.asked();
    let fills = venue.fills(&[symbol("SOLUSDT"), symbol("ETHUSDT")], Timestamp(now - 5000)).await.unwrap();
    let told: Vec<_> =
        fills.iter().map(|fill| (fill.trade_id.as_str(), fill.order, fill.fee.get())).collect();
    // 0.01 BNB at 600.
    assert_eq!(told, [("2", Some(id(1)), d("0.01")), ("3", Some(id(9)), d("6"))]);
    let asked = server.asked();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(asked.iter().any(|seen| seen.get("startTime") == (now - 5000).to_string()));
    // What was looked up once is known.
    venue.fills(&[symbol("SOLUSDT")], Timestamp(now - 5000)).await.unwrap();
    assert!(!server.calls().contains(&"GET /fapi/v1/order".to_owned()));
    // Numbers count for each symbol by themselves.
    let mut elsewhere = trade(1, 77, now - 15, "USDT");
    elsewhere["symbol"] = json!("ETHUSDT");
    server.read("/fapi/v1/userTrades ETHUSDT", Fate::json(json!([elsewhere])));
    let sent = params(&[("symbol", "ETHUSDT"), ("newClientOrderId", "web_1"), ("quantity", "1")]);
    server.once("GET /fapi/v1/order", Fate::json(order(&sent, 77, "FILLED", "1")));
    let fills = venue.fills(&[symbol("ETHUSDT")], Timestamp(now - 5000)).await.unwrap();
    assert_eq!(fills[0].order, None);
    server.asked();
    // The future is empty without asking.
    assert!(venue.fills(&[symbol("SOLUSDT")], Timestamp(now + 60_000)).await.unwrap().is_empty());
    assert!(server.asked().is_empty());
    server.read(
        "/fapi/v1/userTrades SOLUSDT",
        Fate::json(json!([{"symbol": "ETHUSDT", "id": 3, "orderId": 77, "side": "BUY",
        "price": "150", "qty": "1", "commission": "0.01", "commissionAsset": "USDT", "time": now}])),
    );
    assert_eq!(
        venue.fills(&[symbol("SOLUSDT")], Timestamp(now - 5000)).await.unwrap_err().kind(),
        ErrorKind::Decode
    );
}

/// A record that comes into view after its execution must not make our order look as if it had not traded.
#[tokio::test]
async fn the_order_of_a_young_execution_has_to_be_in_view() {
    let server = Server::start();
    let venue = server.venue();
    let now = server.clock.now_for_test() + 300;
    server.read("/fapi/v1/order 77", Fate::code(-2013, "Order does not exist."));
    server.read("/fapi/v1/userTrades SOLUSDT", Fate::json(json!([trade(1, 77, now - 5000, "USDT")])));
    let error = venue.fills(&[symbol("SOLUSDT")], Timestamp(now - DAY)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::NotApplied), "{error}");
    // Now it is.
    let sent = params(&[("symbol", "SOLUSDT"), ("newClientOrderId", id(1).as_str()), ("quantity", "1")]);
    server.read("/fapi/v1/order 77", Fate::json(order(&sent, 77, "FILLED", "1")));
    let fills = venue.fills(&[symbol("SOLUSDT")], Timestamp(now - DAY)).await.unwrap();
    assert_eq!(fills[0].order, Some(id(1)));
    // Records lag for hours at times, and those of orders that traded are kept for ninety days.
    server.read("/fapi/v1/order 78", Fate::code(-2013, "Order does not exist."));
    for age in [3_600_000, 88 * DAY] {
        server.read("/fapi/v1/userTrades SOLUSDT", Fate::json(json!([trade(2, 78, now - age, "USDT")])));
        let error = venue.fills(&[symbol("SOLUSDT")], Timestamp(now - age - DAY)).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::NotFound, Effect::NotApplied), "{error}");
    }
    // One that is about to go is nobody's, which is no proof and not remembered.
    let age = 90 * DAY - 7_200_000;
    server.read("/fapi/v1/userTrades SOLUSDT", Fate::json(json!([trade(2, 78, now - age, "USDT")])));
    assert_eq!(venue.fills(&[symbol("SOLUSDT")], Timestamp(0)).await.unwrap()[0].order, None);
    let sent = params(&[("symbol", "SOLUSDT"), ("newClientOrderId", id(2).as_str()), ("quantity", "1")]);
    server.read("/fapi/v1/order 78", Fate::json(order(&sent, 78, "FILLED", "1")));
    assert_eq!(venue.fills(&[symbol("SOLUSDT")], Timestamp(0)).await.unwrap()[0].order, Some(id(2)));
}

/// What is forgotten while a list is put together must not make one of our orders look as if it had not traded.
#[tokio::test]
async fn our_fills_stay_ours_however_many_orders_there_were() {
    let server = Server::start();
    let venue = server.venue();
    let ours = venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).unwrap();
    let ours: u64 = ours.venue_order_id.unwrap().parse().unwrap();
    // As many more as are remembered: the first one is the next to go.
    let orders: Vec<_> = (2..=20_000_u128)
        .map(|number| ClientOrderId::from_hash(&number.to_le_bytes()))
        .map(|id| unproven(OrderIntent { id, ..intent("SOLUSDT", Side::Buy, "1", "150") }))
        .collect();
    for some in orders.chunks(200) {
        server.clock.pass(61_000);
        assert!(venue.place(some).await.iter().all(Result::is_ok));
        server.asked();
    }
    let now = server.clock.now_for_test() + 300;
    let trades = json!([
        trade(1, 10, now - 30, "USDT"),
        trade(2, 11, now - 20, "USDT"),
        trade(3, ours, now - 10, "USDT")
    ]);
    server.read("/fapi/v1/userTrades SOLUSDT", Fate::json(trades));
    for (number, id) in [(10, id(8)), (11, id(9))] {
        let sent = params(&[("symbol", "SOLUSDT"), ("newClientOrderId", id.as_str()), ("quantity", "1")]);
        server.read(&format!("/fapi/v1/order {number}"), Fate::json(order(&sent, number, "FILLED", "1")));
    }
    let fills = venue.fills(&[symbol("SOLUSDT")], Timestamp(now - 5000)).await.unwrap();
    let told: Vec<_> = fills.iter().map(|fill| fill.order).collect();
    assert_eq!(told, [Some(id(8)), Some(id(9)), Some(id(1))]);
    assert_eq!(server.asked().iter().filter(|seen| seen.path == "/fapi/v1/order").count(), 2);
}

/// What orders are resolved by may use the reserved share; a list for looking at costs as much as many orders, and waits.
#[tokio::test]
async fn only_the_latest_fills_are_urgent() {
    for (reach, urgent) in [(60_000, true), (DAY, false)] {
        let server = Server::start();
        let venue = server.venue();
        let now = server.clock.now_for_test() + 300;
        server.read("/fapi/v1/userTrades SOLUSDT", Fate::json(json!([trade(1, 77, now - 5000, "USDT")])));
        let sent = params(&[("symbol", "SOLUSDT"), ("newClientOrderId", id(1).as_str()), ("quantity", "1")]);
        server.read("/fapi/v1/order 77", Fate::json(order(&sent, 77, "FILLED", "1")));
        let used = Fate::json(json!({"serverTime": server.clock.now_for_test() + 300}));
        server.once("GET /fapi/v1/time", used.with("x-mbx-used-weight-1m", "2000"));
        venue.server_time().await.unwrap();
        let before = server.clock.now_for_test();
        let fills = venue.fills(&[symbol("SOLUSDT")], Timestamp(now - reach)).await.unwrap();
        assert_eq!(fills[0].order, Some(id(1)));
        assert_eq!(server.clock.now_for_test() - before < 1000, urgent, "{reach}");
        if urgent {
            continue;
        }
        // The look-ups too: the venue counts on for whoever else uses the address.
        let counted = Fate::json(json!([trade(1, 78, now - 5000, "USDT")]));
        server.once("GET /fapi/v1/userTrades", counted.with("x-mbx-used-weight-1m", "2000"));
        let sent = params(&[("symbol", "SOLUSDT"), ("newClientOrderId", id(2).as_str()), ("quantity", "1")]);
        server.read("/fapi/v1/order 78", Fate::json(order(&sent, 78, "FILLED", "1")));
        let before = server.clock.now_for_test();
        venue.fills(&[symbol("SOLUSDT")], Timestamp(now - reach)).await.unwrap();
        assert!(server.clock.now_for_test() - before > 20_000);
    }
}

/// Weeks are asked for one after the other, and a full answer is cut in two, whichever end the venue began at.
#[tokio::test]
async fn fills_of_weeks_and_of_full_pages_are_whole() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    // A moment from before would be a list with a hole; zero is everything that there still is.
    for since in [1, START - 91 * DAY] {
        let error = venue.fills(&[symbol("SOLUSDT")], Timestamp(since)).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::NotSupported, Effect::NotApplied));
        assert!(error.to_string().contains("for 90 days"), "{error}");
        let payments = venue.read_abilities().funding_payments.unwrap();
        let error = payments.funding_payments(Timestamp(since)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported, "{error}");
    }
    assert!(server.asked().is_empty());
    venue.fills(&[symbol("SOLUSDT")], Timestamp(START - 89 * DAY)).await.unwrap();
    server.asked();
    assert!(venue.fills(&[symbol("SOLUSDT")], Timestamp(0)).await.unwrap().is_empty());
    let asked = server.asked();
    assert_eq!(asked.len(), 13, "the venue keeps ninety days");
    for seen in &asked {
        let (from, to): (u64, u64) =
            (seen.get("startTime").parse().unwrap(), seen.get("endTime").parse().unwrap());
        assert!(from < to && to - from <= 7 * DAY && from >= START - 90 * DAY, "{seen:?}");
        assert_eq!(seen.get("limit"), "1000");
    }
    // 1 500 executions in the first half of a day, given out a thousand at a time, newest first.
    let now = server.clock.now_for_test() + 300;
    let page = |from: u64, to: u64| -> Value {
        (from..to)
            .rev()
            .take(1000)
            .map(|number| trade(number, 77, now - 40_000_000 + number, "USDT"))
            .collect()
    };
    let sent = params(&[("symbol", "SOLUSDT"), ("newClientOrderId", "web_1"), ("quantity", "1500")]);
    server.read("/fapi/v1/order 77", Fate::json(order(&sent, 77, "FILLED", "1500")));
    server.once("GET /fapi/v1/userTrades", Fate::json(page(0, 1500)));
    server.once("GET /fapi/v1/userTrades", Fate::json(page(0, 751)));
    server.once("GET /fapi/v1/userTrades", Fate::json(page(750, 1500)));
    let fills = venue.fills(&[symbol("SOLUSDT")], Timestamp(now - DAY)).await.unwrap();
    assert_eq!(fills.len(), 1500, "and the one that both halves have is counted once");
    assert!(fills.is_sorted_by_key(|fill| fill.time));
    // More in a millisecond than a page holds is an error, not a hole.
    server.read("/fapi/v1/userTrades SOLUSDT", Fate::json(page(0, 1000)));
    let error = venue.fills(&[symbol("SOLUSDT")], Timestamp(now - DAY)).await.unwrap_err();
    assert!(error.to_string().contains("ask for a shorter time"), "{error}");
}

#[tokio::test]
async fn funding_is_told_with_interval_and_next_payment() {
    let server = Server::start();
    let venue = server.venue();
    for (name, hours) in [("BTCUSDT", 8), ("SOLUSDT", 4)] {
        let funding = venue.funding(&symbol(name)).await.unwrap();
        assert_eq!((funding.rate.get(), funding.interval.as_secs()), (d("0.00038246"), hours * 3600));
        assert_eq!(funding.next, Timestamp(START + 3_600_000));
    }
    let mut dated = crate::server::premium("BTCUSDT_270326", "67600");
    dated["nextFundingTime"] = json!(0);
    dated["lastFundingRate"] = json!("");
    server.read("/fapi/v1/premiumIndex BTCUSDT_270326", Fate::json(dated));
    let error = venue.funding(&symbol("BTCUSDT_270326")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    server.read("/fapi/v1/premiumIndex NO-SUCH", Fate::code(-1121, "Invalid symbol."));
    assert_eq!(venue.funding(&symbol("NO-SUCH")).await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn past_funding_and_payments_are_whole_and_in_order() {
    let server = Server::start();
    let venue = server.venue();
    let abilities = venue.read_abilities();
    let rows = json!([
        {"symbol": "BTCUSDT", "fundingTime": START - DAY, "fundingRate": "-0.03750000"},
        {"symbol": "BTCUSDT", "fundingTime": START - DAY + 28_800_005, "fundingRate": "0.00010000", "markPrice": "", "rateType": "Special"},
    ]);
    server.read("/fapi/v1/fundingRate", Fate::json(rows));
    let past =
        abilities.funding_history.unwrap().funding_history(&symbol("BTCUSDT"), Timestamp(0)).await.unwrap();
    assert_eq!(past.iter().map(|rate| rate.rate.get()).collect::<Vec<_>>(), [d("-0.0375"), d("0.0001")]);
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.get("startTime"), "1567296000000", "nothing is older than the venue");
    assert!(!asked.signed);

    let income = |kind: &str, number: u64, amount: &str| {
        json!({"symbol": "BTCUSDT", "incomeType": kind, "income": amount, "asset": "USDT", "time": START - DAY + number,
            "info": kind, "tranId": 8_082_457_372_019_390_060_u64 + number, "tradeId": ""})
    };
    let twice = income("FUNDING_FEE", 1, "-0.04618913");
    server.read(
        "/fapi/v1/income FUNDING_FEE",
        Fate::json(json!([twice, twice, income("FUNDING_FEE", 3, "0.5")])),
    );
    server.read(
        "/fapi/v1/income SPECIAL_FUNDING_FEE",
        Fate::json(json!([income("SPECIAL_FUNDING_FEE", 2, "0.25")])),
    );
    let paid = abilities.funding_payments.unwrap().funding_payments(Timestamp(0)).await.unwrap();
    assert_eq!(
        paid.iter().map(|p| p.amount.get()).collect::<Vec<_>>(),
        [d("-0.04618913"), d("0.25"), d("0.5")]
    );
    assert_eq!(server.calls().iter().filter(|call| call.ends_with("income")).count(), 2);
    let mut other = income("FUNDING_FEE", 1, "1");
    other["asset"] = json!("BTC");
    server.read("/fapi/v1/income FUNDING_FEE", Fate::json(json!([other])));
    let error = abilities.funding_payments.unwrap().funding_payments(Timestamp(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
}

#[tokio::test]
async fn prices_are_two_requests_whatever_the_number() {
    let server = Server::start();
    let venue = server.venue();
    let quotes = venue.read_abilities().quotes.unwrap();
    let names = ["BTCUSDT", "NO-SUCH", "SOLUSDT", "NEWUSDT"].map(symbol);
    let read = quotes.quotes(&names).await;
    let btc = read[0].as_ref().unwrap();
    assert_eq!((btc.mark.get(), btc.bid.unwrap().get()), (d("67502.68519858"), d("67500.1")));
    assert_eq!(read[1].as_ref().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(read[2].as_ref().unwrap().bid, None);
    assert_eq!(read[3].as_ref().unwrap_err().kind(), ErrorKind::NotFound, "a mark of zero is none");
    assert_eq!(server.calls(), ["GET /fapi/v1/premiumIndex", "GET /fapi/v1/ticker/bookTicker"]);
    quotes.quotes(&[symbol("BTCUSDT")]).await.remove(0).unwrap();
    assert!(server.asked().iter().all(|seen| seen.get("symbol") == "BTCUSDT" && !seen.signed));
    assert!(quotes.quotes(&[]).await.is_empty());
}

#[tokio::test]
async fn balances_that_back_nothing_are_told_apart() {
    let server = Server::start();
    let venue = server.venue();
    let balances = venue.read_abilities().wallets.unwrap().balances().await.unwrap();
    let [bnb] = balances.as_slice() else { panic!("{balances:?}") };
    assert_eq!((bnb.wallet.as_str(), bnb.coin.as_str(), bnb.total.get()), ("futures", "BNB", d("0.5")));
    server.read(
        "/fapi/v3/account",
        Fate::json(json!({"assets": [asset("BTC", "0", "0", "0")], "positions": []})),
    );
    assert!(venue.read_abilities().wallets.unwrap().balances().await.unwrap().is_empty());
}
