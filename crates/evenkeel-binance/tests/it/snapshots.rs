//! The account: what is read, in how many requests, and what is refused.

use std::sync::Arc;

use evenkeel_binance::{Binance, Environment};
use evenkeel_exchange::{Clock, Effect, ErrorKind, Expected, Observe as _, Trade as _, prove_leverage};
use evenkeel_types::{
    Capabilities, Leverage, MarginMode, OrderKind, PoolId, PositionMode, PositionSide, ReduceOnlyRule, Scope,
    Timestamp, TradingStatus,
};
use serde_json::json;

use crate::server::{Fate, START, Server, config, credentials, order, position, setting, state};
use crate::support::{d, params, symbol};

fn scope(names: &[&str]) -> Scope {
    Scope::of(names.iter().map(|name| symbol(name)))
}

#[tokio::test]
async fn a_snapshot_is_one_round_and_reads_what_it_needs_once() {
    let server = Server::start();
    let venue = server.venue();
    let scope = scope(&["BTCUSDT", "ETHUSDT", "SOLUSDT", "BTCUSDC"]);
    let snapshot = venue.snapshot(&scope).await.unwrap();
    snapshot.validate(&scope).unwrap();

    assert_eq!((snapshot.account.as_str(), snapshot.position_mode), ("SgsRoCmYTiXq", PositionMode::OneWay));
    assert_eq!(snapshot.pools.len(), 2, "BNB backs nothing");
    let pool = snapshot.pool(&PoolId(symbol("USDT"))).unwrap();
    assert_eq!((pool.equity.get(), pool.free.get()), (d("26.26848566"), d("18.65949928")));
    assert_eq!((pool.withdrawable, pool.transferable.unwrap().get()), (None, d("18.65949928")));
    let btc = snapshot.position(&symbol("BTCUSDT")).unwrap();
    assert_eq!((btc.qty.get(), btc.entry.unwrap().get()), (d("0.009"), d("67445.9")));
    assert_eq!((btc.mode, btc.leverage, btc.isolated), (MarginMode::Cross, Leverage::new(80).unwrap(), None));
    assert_eq!(btc.liquidation_price.unwrap().get(), d("64846.9875379"));
    assert_eq!(btc.side, PositionSide::Net);
    assert!(snapshot.setting(&symbol("ETHUSDT")).unwrap().is(Leverage::new(20).unwrap()));
    assert_eq!(snapshot.setting(&symbol("ETHUSDT")).unwrap().mode, MarginMode::Isolated);
    let quote = snapshot.quote(&symbol("BTCUSDT")).unwrap();
    assert_eq!((quote.bid.unwrap().get(), quote.ask.unwrap().get()), (d("67500.1"), d("67500.2")));
    assert_eq!(snapshot.quote(&symbol("SOLUSDT")).unwrap().bid, None, "an empty side has no price");
    assert_eq!(snapshot.fee(&symbol("SOLUSDT")).unwrap().taker.get(), d("0.0005"));
    let sol = snapshot.instrument(&symbol("SOLUSDT")).unwrap();
    assert_eq!(sol.funding_interval.unwrap().as_secs(), 4 * 3600);
    let instrument = snapshot.instrument(&symbol("BTCUSDT")).unwrap();
    assert_eq!(instrument.funding_interval.unwrap().as_secs(), 8 * 3600);
    assert_eq!(
        (instrument.max_qty.unwrap().get(), instrument.min_notional.unwrap().get()),
        (d("1000"), d("50"))
    );
    assert_eq!(instrument.max_leverage(), Leverage::new(150).unwrap());
    assert_eq!(instrument.tiers.cap().unwrap().get(), d("3000000"));

    let [order, stop] = snapshot.open_orders.as_slice() else { panic!("{:?}", snapshot.open_orders) };
    assert_eq!(
        (order.venue_order_id.as_str(), order.kind, order.reduce_only),
        ("17759938812", OrderKind::Limit, false)
    );
    assert_eq!((order.remaining.unwrap().get(), order.limit.unwrap().get()), (d("0.003"), d("60000")));
    assert_eq!((stop.venue_order_id.as_str(), stop.kind), ("algo:1000001270850379", OrderKind::StopLoss));
    assert!(stop.is_protective() && stop.remaining.is_none() && stop.limit.is_none());
    assert_eq!(stop.trigger.unwrap().get(), d("60000"));
    // By the venue's clock, which is 300 ms ahead of ours.
    assert!((START..START + 200).contains(&snapshot.as_of.0), "{}", snapshot.as_of);

    let first = server.calls();
    assert_eq!(first.len(), 18, "{first:?}");
    assert_eq!(first.iter().filter(|call| call.ends_with("commissionRate")).count(), 4);
    // What was read a moment ago is not read again; account, prices and orders are.
    venue.snapshot(&scope).await.unwrap();
    let again = [
        "GET /fapi/v1/accountConfig",
        "GET /fapi/v1/openAlgoOrders",
        "GET /fapi/v1/openOrders",
        "GET /fapi/v1/premiumIndex",
        "GET /fapi/v1/symbolConfig",
        "GET /fapi/v1/ticker/bookTicker",
        "GET /fapi/v3/account",
        "GET /fapi/v3/positionRisk",
    ];
    assert_eq!(server.calls(), again);
    // A minute later the rules and the clock once more.
    server.clock.pass(61_000);
    venue.snapshot(&scope).await.unwrap();
    let later = server.calls();
    assert_eq!(later.len(), again.len() + 3, "{later:?}");
    // A name of one's own needs no alias.
    let named = server.builder().account("desk-1".parse().unwrap()).build_reader().unwrap();
    assert_eq!(named.snapshot(&scope).await.unwrap().account.as_str(), "desk-1");
    assert!(!server.calls().contains(&"GET /fapi/v3/balance".to_owned()));
}

/// The first snapshot reads the clock by itself, because nothing can be signed without it; everything else is one round.
#[tokio::test]
async fn a_first_snapshot_of_fifty_symbols_fits_a_minute() {
    let server = Server::start();
    let mut info = crate::server::exchange_info();
    let names: Vec<String> = (0..50).map(|number| format!("C{number}USDT")).collect();
    let (mut rows, mut tiers, mut settings, mut marks) =
        (vec![info["symbols"][0].take()], vec![], vec![], vec![]);
    let model = rows.remove(0);
    for name in &names {
        let mut row = model.clone();
        row["symbol"] = json!(name);
        rows.push(row);
        tiers.push(json!({"symbol": name, "brackets": [{"bracket": 1, "initialLeverage": 20, "notionalCap": 1000, "notionalFloor": 0, "maintMarginRatio": 0.01, "cum": 0}]}));
        settings.push(setting(name, "CROSSED", 5));
        marks.push(crate::server::premium(name, "10"));
        server.read(
            &format!("/fapi/v1/commissionRate {name}"),
            Fate::json(
                json!({"symbol": name, "makerCommissionRate": "0.0002", "takerCommissionRate": "0.0005"}),
            ),
        );
    }
    server.read("/fapi/v1/exchangeInfo", Fate::json(json!({"symbols": rows})));
    server.read("/fapi/v1/leverageBracket", Fate::json(json!(tiers)));
    server.read("/fapi/v1/symbolConfig", Fate::json(json!(settings)));
    server.read("/fapi/v1/premiumIndex", Fate::json(json!(marks)));
    server.read("/fapi/v3/account", Fate::json(state(&[])));
    server.read("/fapi/v3/positionRisk", Fate::json(json!([])));
    let scope = Scope::of(names.iter().map(|name| symbol(name)));
    let venue = server.venue();
    let before = server.clock.as_ref().now_for_test();
    venue.snapshot(&scope).await.unwrap();
    assert!(server.clock.now_for_test() - before < 1000, "nothing had to wait");
    assert_eq!(server.asked().len(), 14 + 50);
}

#[tokio::test]
async fn leverages_of_any_number_of_symbols_are_one_request() {
    let server = Server::start();
    let venue = server.venue();
    venue.server_time().await.unwrap();
    server.asked();
    let names = ["SOLUSDT", "BTCUSDT", "SOLUSDT", "NO-SUCH", "OLDUSDT"].map(symbol);
    let read = venue.leverages(&names).await;
    assert!(read[0].as_ref().unwrap().is(Leverage::new(5).unwrap()));
    assert_eq!(read[1].as_ref().unwrap().symbol, symbol("BTCUSDT"));
    assert_eq!(read[2].as_ref().unwrap(), read[0].as_ref().unwrap());
    assert_eq!(read[3].as_ref().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(read[4].as_ref().unwrap_err().kind(), ErrorKind::NotSupported, "a leverage of zero is none");
    assert_eq!(server.calls(), ["GET /fapi/v1/symbolConfig"]);
    // One alone is asked for by its name.
    venue.leverages(&[symbol("ETHUSDT"), symbol("ETHUSDT")]).await.remove(1).unwrap();
    assert_eq!(server.asked()[0].get("symbol"), "ETHUSDT");
    assert!(venue.leverages(&[]).await.is_empty());
    assert!(server.asked().is_empty());
    // A proof reads the venue, not the memory.
    let expected = |leverage: u32| Expected {
        symbol: symbol("SOLUSDT"),
        leverage: Leverage::new(leverage).unwrap(),
        mode: MarginMode::Cross,
    };
    let proofs = prove_leverage(&venue, &venue.clock(), &[expected(5), expected(6)]).await;
    assert!(proofs[0].is_ok() && proofs[1].is_err());
    assert_eq!(server.calls(), ["GET /fapi/v1/symbolConfig"]);
}

#[tokio::test]
async fn modes_without_honest_figures_are_refused_with_the_remedy() {
    let server = Server::start();
    let refused = async |needle: &str| {
        let error = server.venue().snapshot(&scope(&["BTCUSDT"])).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::NotSupported, Effect::NotApplied), "{error}");
        assert!(error.to_string().contains(needle), "{error}");
    };
    server.read("/fapi/v1/accountConfig", Fate::json(config(false, true)));
    refused("switch it to single-asset mode").await;
    server.read("/fapi/v1/accountConfig", Fate::json(config(false, false)));
    server.read(
        "/fapi/v1/symbolConfig",
        Fate::json(json!([setting("BTCUSDT", "CROSSED", 0), setting("ETHUSDT", "CROSSED", 0)])),
    );
    refused("leave portfolio margin mode").await;
    // The other way in which such an account answers.
    server.read(
        "/fapi/v1/accountConfig",
        Fate::answer(401, r#"{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action"}"#),
    );
    let error = server.venue().snapshot(&scope(&["BTCUSDT"])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(error.to_string().contains("portfolio margin"), "{error}");
}

#[tokio::test]
async fn hedge_mode_is_read_with_its_legs() {
    let server = Server::start();
    server.read("/fapi/v1/accountConfig", Fate::json(config(true, false)));
    server.read("/fapi/v3/account", Fate::json(state(&[("BTCUSDT", "SHORT", "-0.003")])));
    server.read(
        "/fapi/v3/positionRisk",
        Fate::json(json!([
            position("BTCUSDT", "LONG", "0.000", "0"),
            position("BTCUSDT", "SHORT", "-0.003", "0")
        ])),
    );
    let venue = server.venue();
    let snapshot = venue.snapshot(&Scope::default()).await.unwrap();
    assert_eq!(snapshot.position_mode, PositionMode::Hedge);
    assert_eq!(venue.capabilities(), &snapshot.capabilities);
    assert_eq!(
        snapshot.capabilities.reduce_only,
        ReduceOnlyRule::RejectsOversize,
        "nobody saw a leg's order shrink"
    );
    assert_eq!(
        (snapshot.positions[0].side, snapshot.positions[0].qty.get()),
        (PositionSide::Short, d("-0.003"))
    );
    // Both legs at once have no plan.
    server.read(
        "/fapi/v3/account",
        Fate::json(state(&[("BTCUSDT", "LONG", "0.001"), ("BTCUSDT", "SHORT", "-0.003")])),
    );
    server.read(
        "/fapi/v3/positionRisk",
        Fate::json(json!([
            position("BTCUSDT", "LONG", "0.001", "0"),
            position("BTCUSDT", "SHORT", "-0.003", "0")
        ])),
    );
    let error = server.venue().snapshot(&Scope::default()).await.unwrap_err();
    assert!(error.to_string().contains("close one of the two legs"), "{error}");
}

#[tokio::test]
async fn isolated_positions_have_buckets_and_pools_do_not_count_them() {
    let server = Server::start();
    server.read("/fapi/v1/symbolConfig", Fate::json(json!([setting("BTCUSDT", "ISOLATED", 10)])));
    server.read("/fapi/v3/positionRisk", Fate::json(json!([position("BTCUSDT", "BOTH", "0.009", "61.5")])));
    let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
    assert_eq!(snapshot.positions[0].isolated.unwrap().equity.get(), d("61.5"));
    assert_eq!(snapshot.account_value().unwrap().get(), d("26.26848566") + d("10") + d("61.5"));
    // The setting is the authority; a bucket on a cross position contradicts it.
    server.read("/fapi/v1/symbolConfig", Fate::json(json!([setting("BTCUSDT", "CROSSED", 10)])));
    let error = server.venue().snapshot(&Scope::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
}

#[tokio::test]
async fn account_and_positions_of_two_moments_are_read_again() {
    let server = Server::start();
    let venue = server.venue();
    server.once("GET /fapi/v3/account", Fate::json(state(&[("BTCUSDT", "BOTH", "0.008")])));
    venue.snapshot(&Scope::default()).await.unwrap();
    let calls = server.calls();
    // What was traded meanwhile may still rest in the list that was read before.
    for read_again in ["/account", "/positionRisk", "/openOrders", "/openAlgoOrders"] {
        assert_eq!(calls.iter().filter(|call| call.ends_with(read_again)).count(), 2, "{read_again}");
    }
    // An account that never agrees with itself is an error, not a guess.
    server.read("/fapi/v3/account", Fate::json(state(&[("BTCUSDT", "BOTH", "0.008")])));
    let error = venue.snapshot(&Scope::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().contains("something was traded or moved between"), "{error}");
    assert_eq!(server.calls().iter().filter(|call| call.ends_with("/account")).count(), 3);
    // A position that appears meanwhile brings its own fees and prices.
    let both = state(&[("BTCUSDT", "BOTH", "0.009"), ("ETHUSDT", "BOTH", "-1")]);
    server.read("/fapi/v3/account", Fate::json(both));
    server.once("GET /fapi/v3/positionRisk", Fate::json(json!([position("BTCUSDT", "BOTH", "0.009", "0")])));
    let rows = json!([position("BTCUSDT", "BOTH", "0.009", "0"), position("ETHUSDT", "BOTH", "-1", "12")]);
    server.read("/fapi/v3/positionRisk", Fate::json(rows));
    assert_eq!(venue.snapshot(&Scope::default()).await.unwrap().positions.len(), 2);
}

/// A limit that is nearly used up must not let half of the questions go and keep the others for a minute.
#[tokio::test]
async fn a_snapshot_waits_for_all_of_its_requests_together() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.clock.pass(61_000);
    let used = Fate::json(json!({"serverTime": server.clock.now_for_test() + 300}));
    server.once("GET /fapi/v1/time", used.with("x-mbx-used-weight-1m", "1650"));
    venue.server_time().await.unwrap();
    server.asked();
    let before = server.clock.now_for_test();
    venue.snapshot(&Scope::default()).await.unwrap();
    assert!(server.clock.now_for_test() - before > 20_000, "there was no room for all");
    let asked = server.asked();
    let signed: Vec<u64> = asked.iter().filter(|seen| seen.signed).map(|seen| seen.timestamp).collect();
    assert!(signed.len() >= 6, "{asked:?}");
    let spread = signed.iter().max().unwrap() - signed.iter().min().unwrap();
    assert!(spread < 1000, "{spread}");
}

/// What is read again must not be put together with what is older by more than a moment.
#[tokio::test]
async fn an_account_is_not_put_together_from_two_moments() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    server.slow("a round", 6000);
    server.once("GET /fapi/v3/account", Fate::json(state(&[("BTCUSDT", "BOTH", "0.008")])));
    let before = server.clock.now_for_test() + 300;
    let snapshot = venue.snapshot(&Scope::default()).await.unwrap();
    assert!(snapshot.as_of.0 >= before + 12_000, "nothing of the first two rounds is left");
    let calls = server.calls();
    for (name, times) in [("/account", 3), ("/openOrders", 3), ("/symbolConfig", 2), ("/premiumIndex", 2)] {
        assert_eq!(calls.iter().filter(|call| call.ends_with(name)).count(), times, "{name}");
    }
}

#[tokio::test]
async fn what_is_missing_is_an_error_with_a_name() {
    let server = Server::start();
    let venue = server.venue();
    for (name, kind, needle) in [
        ("NO-SUCH", ErrorKind::Invalid, "there is no NO-SUCH"),
        ("ETHBTC", ErrorKind::NotSupported, "margined in `BTC`"),
        ("OLDUSDT", ErrorKind::NotSupported, "the leverage of OLDUSDT is zero"),
        ("XRPUSDT", ErrorKind::Decode, "no mark price for XRPUSDT"),
    ] {
        let rates = json!({"symbol": name, "makerCommissionRate": "0.0002", "takerCommissionRate": "0.0005"});
        let answer = if name == "NO-SUCH" { Fate::code(-1121, "Invalid symbol.") } else { Fate::json(rates) };
        server.read(&format!("/fapi/v1/commissionRate {name}"), answer);
        let error = venue.snapshot(&scope(&[name])).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(needle), "{error}");
    }
    // A held symbol that cannot be named would be left out of every sum.
    server.read("/fapi/v3/account", Fate::json(state(&[("币安人生USDT", "BOTH", "5")])));
    let error = venue.snapshot(&Scope::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    assert!(error.to_string().contains("close it"), "{error}");
}

#[tokio::test]
async fn instruments_are_those_that_can_be_traded_here() {
    let server = Server::start();
    let instruments = server.venue().instruments().await.unwrap();
    let status = |name: &str| instruments[&symbol(name)].status;
    assert_eq!(instruments.len(), 7);
    assert_eq!((status("BTCUSDT"), status("OLDUSDT")), (TradingStatus::Trading, TradingStatus::Closed));
    assert_eq!(status("XRPUSDT"), TradingStatus::ReduceOnly, "a restriction whose meaning is not documented");
    assert_eq!(instruments[&symbol("BTCUSDT_270326")].funding_interval, None);
    assert_eq!(instruments[&symbol("BTCUSDC")].pool, PoolId(symbol("USDC")));
}

/// Over a port of this machine, with the transport that everybody uses.
#[tokio::test]
async fn the_stateless_conformance_cases_pass() {
    let server = Server::start();
    let now = START;
    server.read(
        "/fapi/v1/userTrades BTCUSDT",
        Fate::json(json!([{"symbol": "BTCUSDT", "id": 1, "orderId": 5, "side": "BUY", "price": "67000", "qty": "0.009",
            "commission": "0.3", "commissionAsset": "USDT", "time": now - 86_400_000, "marginAsset": "USDT"}])),
    );
    server.read("/fapi/v1/order", Fate::code(-2013, "Order does not exist."));
    let sent = params(&[("symbol", "BTCUSDT"), ("newClientOrderId", "web_1"), ("quantity", "0.009")]);
    server.read("/fapi/v1/order 5", Fate::json(order(&sent, 5, "FILLED", "0.009")));
    for path in ["commissionRate", "symbolConfig"] {
        server.read(&format!("/fapi/v1/{path} NO-SUCH-SYMBOL-9"), Fate::code(-1121, "Invalid symbol."));
    }
    let venue = Binance::builder()
        .environment(Environment::Demo)
        .credentials(credentials())
        .base_url(server.listen())
        .clock(Arc::clone(&server.clock) as Arc<dyn Clock>)
        .build()
        .unwrap();
    let setup = evenkeel_conformance::Setup::new(["BTCUSDT", "ETHUSDT", "SOLUSDT"].map(symbol));
    let report = evenkeel_conformance::observe(&venue, &*server.clock, &setup).await;
    assert!(report.is_success(), "{report}");
    let (passed, skipped, failed) = report.counts();
    assert!(passed >= 13 && failed == 0, "{passed} {skipped} {failed}: {report}");
    assert!(Timestamp(now) < venue.server_time().await.unwrap());
    // A write goes the same way: everything in the query string, the body empty.
    server.asked();
    venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(7).unwrap()).await.unwrap();
    assert_eq!(server.writes()[0].call(), "POST /fapi/v1/leverage");
}

/// Margin that is moved between the two answers would be in the pool and in the bucket, or in neither.
#[tokio::test]
async fn buckets_of_two_moments_are_read_again() {
    let server = Server::start();
    server.read("/fapi/v1/symbolConfig", Fate::json(json!([setting("BTCUSDT", "ISOLATED", 10)])));
    server.read("/fapi/v3/positionRisk", Fate::json(json!([position("BTCUSDT", "BOTH", "0.009", "61.5")])));
    let with_bucket = |amount: &str| {
        let mut state = state(&[("BTCUSDT", "BOTH", "0.009")]);
        state["positions"][0]["isolatedWallet"] = json!(amount);
        Fate::json(state)
    };
    server.read("/fapi/v3/account", with_bucket("61.50000000"));
    server.once("GET /fapi/v3/account", with_bucket("51.5"));
    let venue = server.venue();
    assert_eq!(venue.snapshot(&Scope::default()).await.unwrap().positions.len(), 1);
    let calls = server.calls();
    assert_eq!(calls.iter().filter(|call| call.ends_with("/account")).count(), 2);
    server.read("/fapi/v3/account", with_bucket("51.5"));
    let error = venue.snapshot(&Scope::default()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Decode && error.to_string().contains("moved between"), "{error}");
}

/// Round trips are what users feel: what does not depend on another answer leaves at once.
#[tokio::test]
async fn rounds_do_not_grow_with_the_number_of_symbols() {
    for count in [1, 4] {
        let names = &["BTCUSDT", "ETHUSDT", "SOLUSDT", "BTCUSDC"][..count];
        let server = Server::start();
        let venue = server.venue();
        venue.server_time().await.unwrap();
        let asked = server.asked().len() + server.at_once();
        assert_eq!(asked, 2);
        venue.snapshot(&scope(names)).await.unwrap();
        let first = server.asked().len();
        assert_eq!(server.at_once(), first, "all of them leave at once");
        let symbols: Vec<_> = names.iter().map(|name| symbol(name)).collect();
        venue.fills(&symbols, Timestamp(START - 1000)).await.unwrap();
        assert_eq!((server.asked().len(), server.at_once()), (count, count));
    }
}

#[tokio::test]
async fn rules_are_those_of_the_mode_and_cautious_before_it_is_known() {
    let server = Server::start();
    let venue = server.venue();
    let documented = evenkeel_binance::capabilities();
    assert_eq!(venue.capabilities().reduce_only, ReduceOnlyRule::RejectsOversize);
    for (hedge, rule) in [(false, ReduceOnlyRule::Clamps), (true, ReduceOnlyRule::RejectsOversize)] {
        server.read("/fapi/v1/accountConfig", Fate::json(config(hedge, false)));
        server.read("/fapi/v3/account", Fate::json(state(&[])));
        server.read("/fapi/v3/positionRisk", Fate::json(json!([])));
        let snapshot = venue.snapshot(&scope(&["BTCUSDT"])).await.unwrap();
        assert_eq!(venue.capabilities(), &snapshot.capabilities, "hedge: {hedge}");
        assert_eq!(snapshot.capabilities.reduce_only, rule, "hedge: {hedge}");
        let others = Capabilities { reduce_only: documented.reduce_only, ..snapshot.capabilities };
        assert_eq!(others, documented, "nothing else depends on the mode");
    }
}
