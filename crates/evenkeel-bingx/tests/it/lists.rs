//! Lists over several answers: all of it or an error.

use std::time::Duration;

use evenkeel_exchange::{ErrorKind, Observe as _, StopIntent, StopSize, Trade as _, Trigger};
use evenkeel_types::{OrderIntent, PositionSide, Side, Timestamp};
use serde_json::{Value, json};

use crate::server::{Fate, NOW, Server, order};
use crate::support::{d, id, intent, symbol, unproven};

/// As long as an order that was sent before the start may still come into view.
const ARRIVAL: Duration = Duration::from_secs(41);

fn fill(trade: u64, number: u64, time: &str) -> Value {
    json!({"symbol": "SOL-USDT", "qty": "0.002", "quoteQty": "5.3783", "role": "taker", "commission": "-0.002689",
        "commissionAsset": "USDT", "price": "150.5", "orderId": number.to_string(), "tradeId": trade.to_string(),
        "filledTime": time, "side": "SELL", "positionSide": "BOTH"})
}

fn page(rows: &[Value], total: usize) -> Fate {
    Fate::data(json!({"fill_history_orders": rows, "total": total}))
}

/// NOW is 2026-09-21T14:13:20Z.
#[tokio::test]
async fn executions_know_their_orders() {
    let server = Server::start();
    let rows = [fill(11, 5, "2026-09-21T22:13:19.000+08:00"), fill(10, 6, "2026-09-21T14:13:18.000Z")];
    server.always("GET trade/fillHistory", page(&rows, 2));
    server.always(
        "GET trade/order",
        Fate::data(json!({"order": order("SOL-USDT", 5, "LIMIT", id(9).as_str())})),
    );
    let venue = server.venue();
    // The second order is not the one that the venue answers about.
    assert_eq!(
        venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap_err().kind(),
        ErrorKind::Decode
    );
    server.always("GET trade/fillHistory", page(&rows[..1], 1));
    let fills = venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap();
    assert_eq!(fills.len(), 1);
    assert_eq!((fills[0].order, fills[0].trade_id.as_str()), (Some(id(9)), "11"));
    assert_eq!((fills[0].fee.get(), fills[0].time), (d("0.002689"), Timestamp(NOW - 1000)));
    // What was learnt is not asked for again; an order that is gone is nobody's.
    server.asked();
    venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap();
    assert_eq!(server.calls(), ["GET trade/fillHistory"]);
    server.always("GET trade/order", Fate::refused(109_421, "order not exist"));
    server.always("GET trade/fillHistory", page(&rows, 2));
    server.clock.pass(ARRIVAL);
    let fills = venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap();
    assert_eq!(fills.iter().map(|fill| fill.order).collect::<Vec<_>>(), [None, Some(id(9))]);
    // Whole seconds: what was executed in the second of `since` is in.
    let fills = venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 1500)).await.unwrap();
    assert_eq!(fills.len(), 2);
    let fills = venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 999)).await.unwrap();
    assert_eq!(fills.len(), 1);
}

/// A fee in another coin is no amount of dollars.
#[tokio::test]
async fn fees_in_other_coins_are_refused() {
    let server = Server::start();
    let mut row = fill(11, 5, "2026-09-21T14:13:19Z");
    row["commissionAsset"] = json!("BNB");
    server.always("GET trade/fillHistory", page(&[row], 1));
    let error = server.venue().fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    assert!(error.to_string().contains("`BNB`"), "{error}");
}

#[tokio::test]
async fn a_list_with_a_hole_is_an_error() {
    let server = Server::start();
    let venue = server.venue();
    // Three are promised, and the same one comes again and again.
    server.always("GET trade/fillHistory", page(&[fill(11, 5, "2026-09-21T14:13:19Z")], 3));
    let error = venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Decode && error.to_string().contains("1 of Some(3)"), "{error}");
    // Months are asked for in weeks, of which the venue keeps a month.
    server.always("GET trade/fillHistory", page(&[], 0));
    server.asked();
    venue.fills(&[symbol("SOL-USDT")], Timestamp(0)).await.unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 5);
    for window in asked.windows(2) {
        assert_eq!(window[0].1["endTs"], window[1].1["startTs"], "without a gap");
    }
    assert_eq!(asked[0].1["pageSize"], "1000");
    // From before what the venue promises to keep, the list would have a hole.
    let week = 7 * 24 * 3_600_000;
    server.asked();
    let error = venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - week - 1000)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::NotSupported && error.to_string().contains("7 days"), "{error}");
    assert_eq!(server.calls(), Vec::<String>::new());
    venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - week + 60_000)).await.unwrap();
    assert_eq!(server.calls(), ["GET trade/fillHistory"]);
    // The future is empty and costs nothing.
    venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW + 600_000)).await.unwrap();
    assert_eq!(server.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn payments_of_a_full_answer_are_asked_for_in_halves() {
    let server = Server::start();
    let row = |number: u64| {
        json!({"symbol": "LTC-USDT", "incomeType": "FUNDING_FEE", "income": "-0.5", "asset": "USDT", "info": "",
            "time": NOW - 1000, "tranId": format!("{number}_1"), "tradeId": "1"})
    };
    let venue = server.venue();
    let payments = venue.read_abilities().funding_payments.unwrap();
    server.always("GET user/income", Fate::data(json!([row(1), row(2)])));
    let found = payments.funding_payments(Timestamp(NOW - 10_000)).await.unwrap();
    assert_eq!(found.len(), 2, "one transaction each, whatever else is equal");
    assert_eq!(found[0].amount.get(), d("-0.5"));
    assert!(payments.funding_payments(Timestamp(NOW)).await.unwrap().is_empty());
    let quarter = 90 * 24 * 3_600_000;
    let error = payments.funding_payments(Timestamp(NOW - quarter - 1000)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::NotSupported && error.to_string().contains("90 days"), "{error}");
    assert!(payments.funding_payments(Timestamp(0)).await.is_ok(), "everything that there still is");
    server.asked();
    // An answer that stays full however short the time is no list.
    server.always("GET user/income", Fate::data(json!((0..1000).map(row).collect::<Vec<_>>())));
    let error = payments.funding_payments(Timestamp(NOW - 10_000)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(server.calls().len() <= 203);
}

#[tokio::test]
async fn past_rates_begin_with_the_contract() {
    let server = Server::start();
    let rates = json!([
        {"symbol": "BTC-USDT", "fundingRate": "0.0002", "fundingTime": NOW - 1000},
        {"symbol": "BTC-USDT", "fundingRate": "-0.0001", "fundingTime": NOW - 29_801_000},
    ]);
    server.always("GET quote/fundingRate", Fate::data(rates));
    let venue = server.venue();
    let history = venue.read_abilities().funding_history.unwrap();
    let found = history.funding_history(&symbol("BTC-USDT"), Timestamp(0)).await.unwrap();
    assert_eq!(found.iter().map(|row| row.rate.get()).collect::<Vec<_>>(), [d("-0.0001"), d("0.0002")]);
    // 347 days since it was launched, 41 in an answer.
    assert_eq!(server.calls().iter().filter(|call| *call == "GET quote/fundingRate").count(), 9);
}

/// The venue's own count and its bans are kept to; nothing is sent meanwhile.
#[tokio::test]
async fn limits_of_the_venue_are_kept() {
    let server = Server::start();
    let venue = server.venue();
    let symbols: Vec<_> = ["BTC-USDT", "ETH-USDT", "LINK-USDT", "SOL-USDT"].map(symbol).to_vec();
    let began = evenkeel_exchange::Clock::now(&*server.clock);
    venue.leverages(&symbols).await;
    // Four margin modes at two a second.
    let took = evenkeel_exchange::Clock::now(&*server.clock).since(began);
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(4), "{took:?}");
    let body = json!({"code": 109_429, "msg": "too many"}).to_string().into_bytes();
    let headers = vec![("X-RateLimit-Requests-Expire", "7000".to_owned())];
    server.always("GET user/balance", Fate::Headers(200, body, headers));
    let error = venue.snapshot(&evenkeel_types::Scope::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(7))));
    let began = evenkeel_exchange::Clock::now(&*server.clock);
    server.always("GET user/balance", Fate::data(json!([])));
    let _ = venue.snapshot(&evenkeel_types::Scope::default()).await;
    assert!(evenkeel_exchange::Clock::now(&*server.clock).since(began) >= Duration::from_secs(6));
}

/// Whether `total` counts all pages is not documented, nor how large a page is: a full one is never the last.
#[tokio::test]
async fn a_full_page_is_followed_by_another() {
    let server = Server::start();
    let venue = server.venue();
    let row = |n: u64| fill(n, 5, "2026-09-21T14:13:19Z");
    let first: Vec<Value> = (1..=50).map(row).collect();
    // The second is scripted for the second page alone.
    server.always("GET trade/fillHistory", page(&first, 50));
    server.page("2", page(&[row(51)], 51));
    server.always(
        "GET trade/order",
        Fate::data(json!({"order": order("SOL-USDT", 5, "LIMIT", id(9).as_str())})),
    );
    let fills = venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap();
    assert_eq!(fills.len(), 51);
    assert!(fills.iter().all(|fill| fill.order == Some(id(9))));
    // Both sides of a trade with ourselves have one number.
    let server = Server::start();
    let venue = server.venue();
    server.clock.pass(ARRIVAL);
    let both = [fill(7, 5, "2026-09-21T14:13:19Z"), fill(7, 6, "2026-09-21T14:13:19Z")];
    server.always("GET trade/fillHistory", page(&both, 2));
    let fills = venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap();
    assert_eq!(fills.len(), 2);
}

/// An order that the venue does not know yet is not remembered as somebody else's, and may be the one that was lost.
#[tokio::test]
async fn an_unknown_order_behind_an_execution_may_be_ours() {
    let server = Server::start();
    let venue = server.venue();
    let sol = symbol("SOL-USDT");
    server.always("GET trade/fillHistory", page(&[fill(7, 5, "2026-09-21T14:13:19Z")], 1));
    let read = || venue.fills(std::slice::from_ref(&sol), Timestamp(NOW - 5000));
    // An earlier process may have sent it just before this one began.
    let error = read().await.unwrap_err();
    assert!(error.to_string().contains("may be ours"), "{error}");
    server.clock.pass(ARRIVAL);
    assert_eq!(read().await.unwrap()[0].order, None, "nothing of ours is missing");
    server.next(Fate::Error(evenkeel_http::TransportErrorKind::Timeout));
    let lost = [unproven(OrderIntent { id: id(9), ..intent("SOL-USDT", Side::Buy, "1", "150.12") })];
    venue.place(&lost).await.remove(0).unwrap_err();
    let error = read().await.unwrap_err();
    assert!(error.to_string().contains("may be ours"), "{error}");
    // The refusal of a copy is not one of the first.
    server.next(Fate::refused(101_204, "Insufficient margin"));
    venue.place(&lost).await.remove(0).unwrap_err();
    let error = read().await.unwrap_err();
    assert!(error.to_string().contains("may be ours"), "{error}");
    server.always(
        "GET trade/order",
        Fate::data(json!({"order": order("SOL-USDT", 5, "LIMIT", id(9).as_str())})),
    );
    assert_eq!(read().await.unwrap()[0].order, Some(id(9)));
}

/// Whose executions are leaves alone what orders are resolved by.
#[tokio::test]
async fn looking_up_owners_leaves_room_for_resolving_orders() {
    let server = Server::start();
    let venue = server.venue();
    server.clock.pass(ARRIVAL);
    let rows: Vec<Value> = (1..=3).map(|n| fill(n, n, "2026-09-21T14:13:19Z")).collect();
    server.always("GET trade/fillHistory", page(&rows, 3));
    let now = || evenkeel_exchange::Clock::now(&*server.clock);
    venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap();
    let began = now();
    for number in 1..=2 {
        assert_eq!(venue.order(&symbol("SOL-USDT"), &id(number)).await.unwrap(), None);
    }
    assert!(now().since(began) < Duration::from_millis(500), "two of five are kept");
    let rows: Vec<Value> = (1..=4).map(|n| fill(n, n, "2026-09-21T14:13:19Z")).collect();
    server.always("GET trade/fillHistory", page(&rows, 4));
    server.clock.pass(Duration::from_secs(5));
    let began = now();
    venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap();
    assert!(now().since(began) >= Duration::from_millis(900), "the fourth waits");
}

/// A window that ends now would keep nothing back; and what limits are called by says neither address nor key.
#[tokio::test]
async fn a_limit_without_a_window_is_waited_for_all_the_same() {
    let server = Server::start();
    let venue = server.venue();
    let body = json!({"code": 109_429, "msg": "too many"}).to_string().into_bytes();
    server.next(Fate::Headers(200, body, vec![("X-RateLimit-Requests-Expire", "0".to_owned())]));
    let order = |n| unproven(OrderIntent { id: id(n), ..intent("SOL-USDT", Side::Buy, "1", "150.12") });
    let error = venue.place(&[order(1)]).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(10))));
    server.asked();
    let error = venue.place(&[order(2)]).await.remove(0).unwrap_err();
    assert_eq!((error.kind(), server.writes().len()), (ErrorKind::RateLimited, 0));
    let text = format!("{error} {error:?}");
    assert!(!text.contains(".test"), "{text}");
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let fingerprint = |word: &str| word.len() >= 12 && word.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(!words.into_iter().any(fingerprint), "{text}");
}

/// A stop that was not heard of may have traded, also where a copy of it was refused.
#[tokio::test]
async fn an_execution_may_be_of_a_stop_whose_copy_was_refused() {
    let server = Server::start();
    let venue = server.venue();
    server.clock.pass(ARRIVAL);
    let stop = [StopIntent {
        id: id(7),
        symbol: symbol("SOL-USDT"),
        side: Side::Sell,
        position_side: PositionSide::Net,
        trigger: Trigger::StopLoss("140".parse().unwrap()),
        size: StopSize::Qty("2".parse().unwrap()),
        worst: None,
    }];
    let stops = venue.abilities().stop_orders.unwrap();
    server.next(Fate::Error(evenkeel_http::TransportErrorKind::Timeout));
    stops.place_stops(&stop).await.remove(0).unwrap_err();
    server.next(Fate::refused(101_205, "no position"));
    stops.place_stops(&stop).await.remove(0).unwrap_err();
    server.always("GET trade/fillHistory", page(&[fill(7, 5, "2026-09-21T14:13:19Z")], 1));
    let error = venue.fills(&[symbol("SOL-USDT")], Timestamp(NOW - 5000)).await.unwrap_err();
    assert!(error.to_string().contains("may be ours"), "{error}");
}
