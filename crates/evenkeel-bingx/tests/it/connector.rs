//! The connector against a scripted venue: what it asks, what it sends, and how often.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_bingx::{BingX, Environment};
use evenkeel_conformance::Setup;
use evenkeel_exchange::{
    Clock, Effect, ErrorKind, Expected, Observe as _, Operation, OrderRequest, Severity, Topic, Trade as _,
    leverage_of, prove_leverage,
};
use evenkeel_types::{
    ClientOrderId, Leverage, MarginMode, OrderIntent, OrderKind, PositionMode, PositionSide, Scope, Side,
    Timestamp, Usd,
};
use serde_json::{Value, json};

use crate::server::{Fate, NOW, SYMBOLS, Server, credentials, positions};
use crate::support::{d, id, intent, symbol, unproven};

fn leverage(value: u32) -> Leverage {
    Leverage::new(value).unwrap()
}

#[tokio::test]
async fn a_snapshot_reads_what_it_needs_once() {
    let server = Server::start();
    let venue = server.venue();
    let scope = Scope::of([symbol("SOL-USDT"), symbol("ETH-USDT")]);
    let snapshot = venue.snapshot(&scope).await.unwrap();
    snapshot.validate(&scope).unwrap();
    assert_eq!(snapshot.account_value().unwrap(), Usd::new(1010).unwrap());
    // 1010 less the bucket of 305; free is what the venue says: the cross position earns.
    assert_eq!((snapshot.pools[0].equity.get(), snapshot.pools[0].free.get()), (d("705"), d("640")));
    assert_eq!(snapshot.account.as_str(), "116295");
    assert_eq!(snapshot.position_mode, PositionMode::OneWay);
    let (sol, btc) =
        (snapshot.position(&symbol("SOL-USDT")).unwrap(), snapshot.position(&symbol("BTC-USDT")).unwrap());
    assert_eq!((sol.qty.get(), sol.mode, sol.leverage), (d("10"), MarginMode::Isolated, leverage(5)));
    assert_eq!(sol.isolated.unwrap().equity.get(), d("305"));
    assert_eq!((btc.qty.get(), btc.side, btc.liquidation_price), (d("-0.01"), PositionSide::Net, None));
    assert!(snapshot.setting(&symbol("ETH-USDT")).unwrap().is(leverage(20)));
    assert!(snapshot.setting(&symbol("BTC-USDT")).unwrap().is(leverage(10)));
    let rules = snapshot.instrument(&symbol("SOL-USDT")).unwrap();
    assert_eq!((rules.max_leverage(), rules.liquidation_fee.get()), (leverage(100), d("0.0005")));
    assert_eq!(rules.tiers.as_slice()[1].max_leverage, leverage(48));
    assert_eq!(rules.funding_interval, Some(Duration::from_secs(8 * 3600)));
    assert_eq!(snapshot.capabilities.request_validity, Some(Duration::from_secs(5)));
    let orders = &snapshot.open_orders;
    assert_eq!(orders[0].id, Some(ClientOrderId::parse("0123456789abcdefghij").unwrap()));
    assert_eq!(
        (orders[0].venue_order_id.as_str(), orders[0].kind),
        ("2099406229323390976", OrderKind::Limit)
    );
    assert_eq!(orders[0].remaining.unwrap().get(), d("0.75"));
    assert!(orders[1].is_protective() && orders[1].remaining.is_none() && orders[1].limit.is_none());
    assert_eq!(orders[1].trigger.unwrap().get(), d("140"));

    let calls = server.calls();
    let count = |name: &str| calls.iter().filter(|call| *call == name).count();
    for once in [
        "GET server/time",
        "GET user/balance",
        "GET user/positions",
        "GET trade/openOrders",
        "GET positionSide/dual",
        "GET trade/assetMode",
        "GET user/commissionRate",
        "GET quote/contracts",
    ] {
        assert_eq!(count(once), 1, "{once}: {calls:?}");
    }
    // What was held was not known before: BTC came in a second round. Nothing was asked twice for a symbol.
    for thrice in ["GET quote/premiumIndex", "GET quote/ticker", "GET maintMarginRatio", "GET trade/leverage"]
    {
        assert_eq!(count(thrice), 3, "{thrice}: {calls:?}");
    }
    assert!(count("GET trade/marginType") == 2 && calls.iter().all(|call| call.starts_with("GET")));

    // What changes rarely, or was read a moment ago, is not read again.
    venue.snapshot(&scope).await.unwrap();
    let again = server.calls();
    let rare = ["GET quote/premiumIndex", "GET quote/ticker"];
    assert!(again.iter().filter(|call| rare.contains(&call.as_str())).count() == 6, "{again:?}");
    let rest: Vec<_> = again.iter().filter(|call| !rare.contains(&call.as_str())).collect();
    assert_eq!(rest, ["GET trade/openOrders", "GET user/balance", "GET user/positions"]);
}

/// More than a handful of symbols: prices come in two answers about all.
#[tokio::test]
async fn prices_of_many_are_two_answers() {
    let server = Server::start();
    let many: Vec<_> = SYMBOLS.iter().map(|name| symbol(name)).collect();
    let rows: Vec<Value> = (0..6)
        .map(|n| json!({"symbol": format!("X{n}-USDT"), "markPrice": "5", "askPrice": "5", "bidPrice": "0"}))
        .collect();
    let venue = server.venue();
    let quotes = venue.read_abilities().quotes.unwrap();
    let read = quotes.quotes(&many).await;
    assert!(read.iter().all(Result::is_ok));
    assert_eq!(server.calls().len(), 9, "contracts, and two for each of four");
    let contracts = json!((0..6).map(|n| json!({
        "symbol": format!("X{n}-USDT"), "quantityPrecision": 1, "pricePrecision": 1, "makerFeeRate": 0, "takerFeeRate": 0,
        "tradeMinQuantity": 0.1, "tradeMinUSDT": 2, "currency": "USDT", "status": 1, "apiStateOpen": "true",
        "apiStateClose": "true"})).collect::<Vec<_>>());
    let server = Server::start();
    server.always("GET quote/contracts", Fate::data(contracts));
    server.always("GET quote/premiumIndex", Fate::data(json!(rows)));
    server.always("GET quote/ticker", Fate::data(json!(rows)));
    let venue = server.venue();
    let quotes = venue.read_abilities().quotes.unwrap();
    let mut wanted: Vec<_> = (0..6).map(|n| symbol(&format!("X{n}-USDT"))).collect();
    wanted.push(symbol("NOPE-USDT"));
    let read = quotes.quotes(&wanted).await;
    assert_eq!(read[0].as_ref().unwrap().bid, None, "zero stands for no bid");
    assert_eq!(read[6].as_ref().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(server.calls(), ["GET quote/contracts", "GET quote/premiumIndex", "GET quote/ticker"]);
}

#[tokio::test]
async fn leverages_of_held_symbols_come_in_one_answer() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    let read = venue.leverages(&[symbol("SOL-USDT"), symbol("BTC-USDT")]).await;
    assert!(read[0].as_ref().unwrap().is(leverage(5)));
    assert_eq!(read[0].as_ref().unwrap().mode, MarginMode::Isolated);
    assert!(read[1].as_ref().unwrap().is(leverage(10)));
    assert_eq!(server.calls(), ["GET user/positions"]);
    // A flat one costs two calls, and one while its mode was read a moment ago. An unknown one shifts nothing.
    server.always("GET trade/leverage NOPE-USDT", Fate::refused(109_425, "symbol not exist"));
    let read = venue.leverages(&[symbol("NOPE-USDT"), symbol("ETH-USDT"), symbol("BTC-USDT")]).await;
    assert_eq!(read[0].as_ref().unwrap_err().kind(), ErrorKind::Invalid);
    assert!(read[1].as_ref().unwrap().is(leverage(20)));
    assert_eq!(read[2].as_ref().unwrap().symbol, symbol("BTC-USDT"));
    server.asked();
    leverage_of(&venue, &symbol("ETH-USDT")).await.unwrap();
    assert_eq!(server.calls(), ["GET trade/leverage", "GET user/positions"]);
    // A proof is of what is read now: a mode counts for no longer than a proof does.
    server.clock.pass(Duration::from_secs(2));
    server
        .always("GET trade/marginType", Fate::data(json!({"marginType": "ISOLATED", "symbol": "ETH-USDT"})));
    let found = leverage_of(&venue, &symbol("ETH-USDT")).await.unwrap();
    assert_eq!(found.mode, MarginMode::Isolated);
    assert!(server.calls().contains(&"GET trade/marginType".to_owned()));
    // In a snapshot it may be older, and says so.
    let scope = Scope::of([symbol("ETH-USDT")]);
    server.clock.pass(Duration::from_secs(20));
    server.asked();
    venue.snapshot(&scope).await.unwrap();
    assert!(!server.calls().contains(&"GET trade/marginType".to_owned()));
}

/// Both sides have settings of their own in hedge mode, and both are written.
#[tokio::test]
async fn hedge_mode_has_two_sides() {
    let server = Server::start();
    server.always("GET positionSide/dual", Fate::data(json!({"dualSidePosition": "true"})));
    let mut rows = positions();
    for row in rows.as_array_mut().unwrap() {
        row["onlyOnePosition"] = json!(false);
    }
    server.always("GET user/positions", Fate::data(rows.clone()));
    server.always(
        "GET trade/leverage ETH-USDT",
        Fate::data(
            json!({"longLeverage": 3, "shortLeverage": 7, "maxLongLeverage": 50, "maxShortLeverage": 50}),
        ),
    );
    server.always("GET trade/openOrders", Fate::data(json!({"orders": []})));
    let venue = server.venue();
    let scope = Scope::of([symbol("ETH-USDT")]);
    let snapshot = venue.snapshot(&scope).await.unwrap();
    assert_eq!(snapshot.position_mode, PositionMode::Hedge);
    assert_eq!(snapshot.position(&symbol("BTC-USDT")).unwrap().side, PositionSide::Short);
    let setting = snapshot.setting(&symbol("ETH-USDT")).unwrap();
    assert_eq!((setting.long, setting.short), (leverage(3), leverage(7)));
    server.asked();
    venue.set_leverage(&symbol("ETH-USDT"), leverage(7)).await.unwrap();
    let sides = |writes: Vec<(String, std::collections::BTreeMap<String, String>)>| -> Vec<String> {
        writes
            .into_iter()
            .map(|(call, asked)| format!("{call} {} {}", asked["side"], asked["leverage"]))
            .collect()
    };
    assert_eq!(sides(server.writes()), ["POST trade/leverage LONG 7"]);
    venue.set_leverage(&symbol("ETH-USDT"), leverage(5)).await.unwrap();
    assert_eq!(sides(server.writes()), ["POST trade/leverage LONG 5", "POST trade/leverage SHORT 5"]);
    // One side is set, the other is refused: something changed.
    server.next(Fate::data(json!({"leverage": 6, "symbol": "ETH-USDT"})));
    server.next(Fate::refused(101_414, "over the maximum"));
    let error = venue.set_leverage(&symbol("ETH-USDT"), leverage(6)).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::Unknown));
    // Both fail, and of one nobody knows.
    server.next(Fate::refused(101_414, "over the maximum"));
    server.next(Fate::refused(109_500, "busy"));
    let error = venue.set_leverage(&symbol("ETH-USDT"), leverage(6)).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    server.asked();

    // Closing is said by side and leg; reduceOnly is not sent.
    let close = OrderIntent {
        position_side: PositionSide::Long,
        reduce_only: true,
        ..intent("SOL-USDT", Side::Sell, "10", "150")
    };
    venue.place(&[OrderRequest::reducing(close.clone()).unwrap()]).await.remove(0).unwrap();
    let (_, asked) = server.writes().remove(0);
    assert_eq!((asked["positionSide"].as_str(), asked.get("reduceOnly")), ("LONG", None));
    let adding = OrderIntent { side: Side::Buy, ..close };
    let error = venue.place(&[OrderRequest::reducing(adding).unwrap()]).await.remove(0).unwrap_err();
    assert!(error.to_string().contains("adds to it"), "{error}");
    venue.adjust_margin(&symbol("SOL-USDT"), "-3".parse().unwrap()).await.unwrap();
    let (_, asked) = server.writes().remove(0);
    assert_eq!((asked["positionSide"].as_str(), asked["type"].as_str()), ("LONG", "2"));
    // Switched to one-way since it was read: one side's leverage is not taken for both.
    let mut switched = rows.clone();
    switched[0]["onlyOnePosition"] = json!(true);
    server.always("GET user/positions", Fate::data(switched));
    let error = leverage_of(&venue, &symbol("SOL-USDT")).await.unwrap_err();
    assert!(error.to_string().contains("the position's mode is not the account's"), "{error}");
    server.always("GET user/positions", Fate::data(rows.clone()));
    // Both sides of one symbol.
    rows[1]["symbol"] = json!("SOL-USDT");
    rows[1]["isolated"] = json!(true);
    rows[1]["margin"] = json!("60");
    server.always("GET user/positions", Fate::data(rows));
    let error = venue.snapshot(&scope).await.unwrap_err();
    assert!(
        error.to_string().contains("long and short are held at once; close one of them first"),
        "{error}"
    );
}

#[tokio::test]
async fn a_proof_is_what_the_venue_says_now() {
    let server = Server::start();
    let venue = server.venue();
    let wanted = |name: &str, value: u32| Expected {
        symbol: symbol(name),
        leverage: leverage(value),
        mode: MarginMode::Cross,
    };
    let proofs =
        prove_leverage(&venue, &*server.clock, &[wanted("ETH-USDT", 20), wanted("LINK-USDT", 3)]).await;
    assert_eq!(proofs[0].as_ref().unwrap().leverage(), leverage(20));
    assert!(proofs[1].is_err());
}

/// What no honest figures can be given for is refused, with what to do about it.
#[tokio::test]
async fn accounts_in_other_modes_are_refused_with_the_remedy() {
    for (call, data, needle) in [
        (
            "GET trade/assetMode",
            json!({"assetMode": "multiAssetsMode"}),
            "switch it to the single-asset mode",
        ),
        ("GET trade/assetMode", json!({"assetMode": "new"}), "switch the account to the single-asset mode"),
        ("GET trade/marginType", json!({"marginType": "SEPARATE_ISOLATED"}), "set it to isolated or crossed"),
    ] {
        let server = Server::start();
        server.always(call, Fate::data(data));
        let error = server.venue().snapshot(&Scope::of([symbol("ETH-USDT")])).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::NotSupported, Effect::NotApplied), "{error}");
        assert!(error.to_string().contains(needle), "{error}");
    }
    // Virtual money beside real money, and coins that are no dollars, are not counted.
    let server = Server::start();
    let row = |asset: &str, amount: &str| {
        json!({"asset": asset, "userId": 7, "balance": amount, "equity": amount, "unrealizedProfit": "0",
            "availableMargin": amount, "usedMargin": "0", "freezedMargin": "0"})
    };
    let rows = json!([row("VST", "100000"), row("USDT", "10"), row("BTC", "3"), row("USDC", "5")]);
    server.always("GET user/balance", Fate::data(rows));
    server.always("GET user/positions", Fate::data(json!([])));
    let snapshot = server.venue().snapshot(&Scope::of([symbol("ETH-USDT")])).await.unwrap();
    assert_eq!(snapshot.account_value().unwrap(), Usd::new(15).unwrap());
    // Settled in virtual money, which a real account has not.
    let server = Server::start();
    let error = server.demo().snapshot(&Scope::default()).await.unwrap_err();
    assert!(error.to_string().contains("there is no balance in VST"), "{error}");
    let balance = json!([{"asset": "VST", "userId": 7, "balance": "10", "equity": "5", "unrealizedProfit": "-5",
        "availableMargin": "9", "usedMargin": "1", "freezedMargin": "0"}]);
    server.always("GET user/balance", Fate::data(balance));
    server.always("GET user/positions", Fate::data(json!([])));
    let snapshot = server.demo().snapshot(&Scope::of([symbol("ETH-USDT")])).await.unwrap();
    assert_eq!(snapshot.instrument(&symbol("ETH-USDT")).unwrap().pool, snapshot.pools[0].id);
    // What is available there is cash less margins: the loss of cross positions is taken off.
    assert_eq!(snapshot.pools[0].free.get(), d("4"));
    assert_eq!(snapshot.account.as_str(), "7");
}

#[tokio::test]
async fn an_account_is_diagnosed() {
    let server = Server::start();
    let venue = server.venue();
    let found = venue.read_abilities().diagnose.unwrap().diagnose().await;
    assert!(found.iter().all(|d| d.severity == Severity::Fine), "{found:?}");
    let reader = server.reader();
    let found = reader.read_abilities().diagnose.unwrap().diagnose().await;
    assert!(found.iter().any(|d| d.topic == Topic::Key && d.severity == Severity::Warning), "{found:?}");
    server.always("GET trade/assetMode", Fate::data(json!({"assetMode": "multiAssetsMode"})));
    server.always("GET account/apiRestrictions", Fate::refused(100_413, "Incorrect apiKey"));
    let found = venue.read_abilities().diagnose.unwrap().diagnose().await;
    let problems: Vec<Topic> =
        found.iter().filter(|d| d.severity == Severity::Problem).map(|d| d.topic).collect();
    assert_eq!(problems, [Topic::Key, Topic::AccountMode]);
}

#[tokio::test]
async fn rates_and_funding() {
    let server = Server::start();
    let venue = server.venue();
    let funding = venue.funding(&symbol("BTC-USDT")).await.unwrap();
    assert_eq!((funding.rate.get(), funding.interval), (d("0.000024"), Duration::from_secs(28_800)));
    assert_eq!(funding.next, Timestamp(NOW + 3_600_000));
    let fees = venue.fees(&symbol("BTC-USDT")).await.unwrap();
    assert_eq!((fees.maker.get(), fees.taker.get()), (d("0.0002"), d("0.0005")));
    assert_eq!(venue.fees(&symbol("NOPE-USDT")).await.unwrap_err().operation(), Operation::Fees);
    // Without the interval nothing is made up.
    let old = json!({"symbol": "BTC-USDT", "markPrice": "1", "lastFundingRate": "0.1", "nextFundingTime": 1});
    server.always("GET quote/premiumIndex", Fate::data(old));
    assert_eq!(venue.funding(&symbol("BTC-USDT")).await.unwrap_err().kind(), ErrorKind::NotSupported);
}

/// Over the scripted transport, and over a real socket with the real HTTP client.
#[tokio::test]
async fn the_stateless_conformance_cases_pass() {
    let setup = Setup::new(SYMBOLS.map(symbol));
    let (scripted, behind_a_socket) = (Server::start(), Server::start());
    let over_http = BingX::builder()
        .environment(Environment::Mainnet)
        .credentials(credentials())
        .base_url(behind_a_socket.listen())
        .clock(Arc::clone(&behind_a_socket.clock) as Arc<dyn Clock>)
        .build()
        .unwrap();
    for venue in [scripted.venue(), over_http] {
        let report = evenkeel_conformance::observe(&venue, &venue.clock(), &setup).await;
        let (passed, failed, skipped) = report.counts();
        assert!(failed == 0 && skipped == 0 && passed >= 14, "{report}");
    }
}

/// Fifty symbols take as many round trips as two, and their orders as few requests as batches allow.
#[tokio::test]
async fn round_trips_do_not_grow_with_the_symbols() {
    let mut taken = Vec::new();
    for count in [2_u8, 50] {
        let names: Vec<_> = (0..count).map(|n| format!("X{n}-USDT")).collect();
        let rows =
            |row: &dyn Fn(&String) -> Value| Fate::data(json!(names.iter().map(row).collect::<Vec<_>>()));
        let server = Server::start();
        server.always(
            "GET quote/contracts",
            rows(&|name| {
                json!({"symbol": name, "quantityPrecision": 1, "pricePrecision": 1, "makerFeeRate": 0, "takerFeeRate": 0,
                    "tradeMinQuantity": 0.1, "tradeMinUSDT": 2, "currency": "USDT", "status": 1, "apiStateOpen": "true",
                    "apiStateClose": "true"})
            }),
        );
        let price =
            |name: &String| json!({"symbol": name, "markPrice": "5", "askPrice": "5", "bidPrice": "5"});
        if count > 5 {
            server.always("GET quote/premiumIndex", rows(&price));
            server.always("GET quote/ticker", rows(&price));
        } else {
            for name in &names {
                server.always(&format!("GET quote/premiumIndex {name}"), Fate::data(price(name)));
                server.always(&format!("GET quote/ticker {name}"), Fate::data(price(name)));
            }
        }
        server.always("GET user/positions", Fate::data(json!([])));
        server.always("GET trade/openOrders", Fate::data(json!({"orders": []})));
        let venue = server.venue();
        let symbols: Vec<_> = names.iter().map(|name| symbol(name)).collect();
        let scope = Scope::of(symbols.clone());
        let mut rounds = Vec::new();
        venue.snapshot(&scope).await.unwrap();
        rounds.push(server.rounds());
        // Both have to read the clock and the modes again then.
        server.clock.pass(Duration::from_secs(61));
        venue.snapshot(&scope).await.unwrap();
        rounds.push(server.rounds());
        assert!(venue.leverages(&symbols).await.iter().all(Result::is_ok));
        rounds.push(server.rounds());
        server.asked();
        let orders: Vec<_> = (0..count)
            .map(|n| {
                let name = &names[usize::from(n)];
                unproven(OrderIntent { id: id(n), ..intent(name, Side::Buy, "1", "5") })
            })
            .collect();
        assert!(venue.place(&orders).await.iter().all(Result::is_ok));
        rounds.push(server.rounds());
        assert_eq!(server.writes().len(), usize::from(count).div_ceil(5));
        taken.push(rounds);
    }
    assert_eq!(taken[0], taken[1]);
    assert!(taken[0].iter().all(|rounds| (1..=3).contains(rounds)), "{taken:?}");
}

/// A position that is gone, and its symbol with it, spoils one snapshot at most.
#[tokio::test]
async fn a_delisted_position_does_not_spoil_the_snapshots_after_it() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.always("GET user/positions", Fate::data(json!([positions()[0]])));
    server.always("GET quote/premiumIndex BTC-USDT", Fate::refused(109_425, "symbol not exist"));
    venue.snapshot(&Scope::default()).await.unwrap_err();
    assert_eq!(venue.snapshot(&Scope::default()).await.unwrap().positions.len(), 1);
}

/// Our clock is set back while a snapshot is read: what was read is not dated into the future.
#[tokio::test]
async fn a_clock_that_is_set_back_dates_nothing_into_the_future() {
    let server = Server::start();
    let venue = server.venue();
    let usual = server.usual("GET user/balance", "");
    server.always("GET user/balance", Fate::Set(-3_600_000, Box::new(usual)));
    // What is held shows that more is to be read, for which the clocks are compared again.
    let snapshot = venue.snapshot(&Scope::of([symbol("ETH-USDT")])).await.unwrap();
    let now = server.time();
    assert!(snapshot.as_of <= now, "{} at {now}", snapshot.as_of);
    let setting = snapshot.setting(&symbol("ETH-USDT")).unwrap();
    assert!(setting.read_at <= now, "{} at {now}", setting.read_at);
    let usual = server.usual("GET user/positions", "");
    server.always("GET user/positions", Fate::Set(-3_600_000, Box::new(usual)));
    let read = venue.leverages(&[symbol("SOL-USDT"), symbol("LINK-USDT")]).await;
    let now = server.time();
    for setting in read {
        assert!(setting.unwrap().read_at <= now);
    }
}
