//! What is said on private sockets: logins, answers, and pushes in the shape of recorded and documented messages.

use bytes::Bytes;
use evenkeel_paper::{Event, Fault, FaultRule};
use evenkeel_types::{Leverage, Timestamp};
use http::Request;
use serde_json::{Value, json};

use super::ear::{Ear, OTHER, PRIVATE, PUBLIC, auth, done, names, refused, shows, try_open};
use super::shapes::compare;
use super::support::{START, fixture, limit, market, with};
use crate::bybit::{ApiKey, Server};
use crate::{Blueprint as _, Frame, Venue as _};

#[test]
fn a_login_is_believed_or_not_and_nothing_can_be_heard_before_it() {
    let mut ear = Ear::new();
    ear.open(PRIVATE, "/v5/private");
    let wish = json!({"op": "subscribe", "args": ["order"]});
    assert_eq!(ear.say(PRIVATE, wish.clone()), refused("subscribe", "Request not authorized"));
    let (key, soon) = (ear.bot.key.clone(), START.0 + 1);
    let forged = ApiKey::given(key.id(), "another");
    let unknown = ApiKey::given("nobody", key.secret());
    let wrong = [
        auth(&key, json!(START.0)),
        auth(&forged, json!(soon)),
        auth(&unknown, json!(soon)),
        auth(&key, json!("soon")),
        json!({"op": "auth", "args": [key.id(), soon]}),
        json!({"op": "auth"}),
    ];
    for said in wrong {
        assert_eq!(ear.say(PRIVATE, said.clone()), refused("auth", "Params Error"), "{said}");
        assert_eq!(ear.say(PRIVATE, wish.clone())["success"], false);
    }
    // Numbers and texts, and a key that may only read.
    assert_eq!(ear.say(PRIVATE, auth(&key, json!(soon))), done("auth"));
    let reads = ear.bot.server.read_key("main").unwrap().clone();
    assert_eq!(ear.say(PRIVATE, auth(&reads, json!(soon.to_string()))), done("auth"));
    assert_eq!(ear.say(PRIVATE, wish), done("subscribe"));
}

#[test]
fn a_login_of_the_documentation_is_believed() {
    let Some(file) = fixture("bybit_signing_vectors.json") else {
        println!("skipped: no shared fixtures");
        return;
    };
    let vectors = file["vectors"].as_array().unwrap();
    let vector = vectors.iter().find(|vector| vector["name"] == "ws_private_auth").unwrap();
    let (frame, input) = (vector["expected"]["frame"].as_str().unwrap(), &vector["input"]);
    let (key, secret) = (input["api_key"].as_str().unwrap(), input["api_secret"].as_str().unwrap());
    let end = input["expires_ms"].as_u64().unwrap();
    let another = frame.replace(&end.to_string(), &(end + 1).to_string());
    for (now, said, success) in [(end - 1, frame, true), (end, frame, false), (end - 1, &another, false)] {
        let mut server = Server::builder().build_at(Timestamp(now)).unwrap();
        server.floor.accounts[0].key = ApiKey::given(key, secret);
        let request = Request::get("/v5/private?max_active_time=1m").body(Bytes::new()).unwrap();
        assert!(server.open(Timestamp(now), PRIVATE, request).is_none());
        server.hear(Timestamp(now), PRIVATE, said);
        let Frame::Text(answer) = server.pushes().remove(0).frame else { panic!() };
        assert_eq!(answer.contains("\"success\":true"), success, "{now}: {answer}");
    }
}

#[test]
fn answers_have_the_form_of_their_socket() {
    let mut ear = Ear::to(&["order.linear", "wallet"]);
    // A client's own name for what it asks comes back: in private only where there is one.
    assert_eq!(ear.say(PRIVATE, json!({"op": "ping"})), json!({"op": "pong", "args": ["1772360400000"]}));
    let named = json!({"op": "pong", "args": ["1772360400000"], "req_id": "7"});
    assert_eq!(ear.say(PRIVATE, json!({"op": "ping", "req_id": 7})), named);
    let more =
        json!({"op": "subscribe", "args": ["position.linear", "greeks", "execution.spot"], "req_id": "x"});
    assert_eq!(ear.say(PRIVATE, more), with(done("subscribe"), json!({"req_id": "x"})));
    for bad in
        ["dcp.future", "order.margin", "orders", "wallet.linear", "tickers.SOLUSDT", "execution.fast.usd"]
    {
        let words = format!("error:handler not found,topic:{bad}");
        let said = json!({"op": "subscribe", "args": ["execution", bad]});
        assert_eq!(ear.say(PRIVATE, said), refused("subscribe", &words));
    }
    // What is of all products and what is of one do not go together; the wallet is of no product.
    let mixed = json!({"op": "subscribe", "args": ["order", "execution.linear"]});
    assert_eq!(ear.say(PRIVATE, mixed)["success"], false);
    assert_eq!(ear.say(PRIVATE, json!({"op": "dance"})), refused("dance", "error:invalid op"));
    assert_eq!(ear.say(PRIVATE, json!({"op": "unsubscribe", "args": ["order.linear"]})), done("unsubscribe"));
    // Nothing of what was refused is heard, nor what was left.
    ear.bot.order(limit("SOLUSDT", "Buy", "1", "150"));
    assert_eq!(ear.topics(), ["position.linear", "wallet"]);

    let mut ear = Ear::new();
    ear.open(PUBLIC, "/v5/public/linear");
    let pong = json!({"success": true, "ret_msg": "pong", "op": "ping", "req_id": ""});
    assert_eq!(ear.say(PUBLIC, json!({"op": "ping"})), pong);
    assert_eq!(ear.say(PUBLIC, json!({"op": "ping", "req_id": "7"}))["req_id"], "7");
    let silent =
        json!({"op": "subscribe", "args": ["publicTrade.SOLUSDT", "kline.60.BTCUSDT"], "req_id": "s"});
    assert_eq!(ear.say(PUBLIC, silent.clone()), with(done("subscribe"), json!({"req_id": "s"})));
    let again = "error:already subscribed,topic:publicTrade.SOLUSDT";
    assert_eq!(ear.say(PUBLIC, silent), with(refused("subscribe", again), json!({"req_id": "s"})));
    let unknown = [
        "order",
        "orderbook.500.SOLUSDT",
        "orderbook.50.solusdt",
        "tickers.NOPE",
        "kline.2.SOLUSDT",
        "tickers",
    ];
    for bad in unknown {
        let words = format!("error:handler not found,topic:{bad}");
        let said = json!({"op": "subscribe", "args": ["tickers.BTCUSDT", bad]});
        assert_eq!(ear.say(PUBLIC, said), with(refused("subscribe", &words), json!({"req_id": ""})));
    }
    let left = json!({"op": "unsubscribe", "args": ["publicTrade.SOLUSDT"]});
    assert_eq!(ear.say(PUBLIC, left), with(done("unsubscribe"), json!({"req_id": ""})));
    assert_eq!(ear.say(PUBLIC, json!({"op": "auth", "args": []}))["ret_msg"], "error:invalid op");
    ear.bot.server.hear(START, PUBLIC, "hello");
    assert!(ear.heard()[0]["ret_msg"].as_str().unwrap().starts_with("Failed to decode"));
    for path in ["/v5/public/spot", "/v5/trade", "/v5", "/ws"] {
        assert_eq!(try_open(&mut ear.bot.server, OTHER, path), Some(404), "{path}");
    }
}

#[test]
fn an_order_that_trades_is_told_with_what_it_did() {
    let mut ear = Ear::to(&["order", "execution", "execution.fast", "position", "wallet"]);
    let five = json!({"category": "linear", "symbol": "SOLUSDT", "buyLeverage": "5", "sellLeverage": "5"});
    ear.bot.act("position/set-leverage", five);
    shows(&ear.row("position"), json!({"symbol": "SOLUSDT", "leverage": "5", "size": "0", "side": ""}));
    let buy = with(market("SOLUSDT", "Buy", "10"), json!({"orderLinkId": "mine"}));
    let id = ear.bot.act("order/create", buy)["orderId"].clone();
    // Acknowledged, and not yet carried out.
    assert_eq!(ear.heard(), [] as [Value; 0]);
    ear.bot.wait(50);
    let told = ear.heard();
    let topics: Vec<&Value> = told.iter().map(|told| &told["topic"]).collect();
    assert_eq!(topics, ["order", "execution", "execution.fast", "position", "wallet"]);
    for (place, told) in told.iter().enumerate() {
        assert_eq!(told["creationTime"], START.0 + 50);
        // Fast ones have no name of their own.
        assert_eq!(told["id"].is_string(), place != 2, "{told}");
    }
    // Ten at the ask and two basis points, to the tick: 166.45. 1664.5 × 0.00055 = 0.915475.
    let order = &told[0]["data"][0];
    shows(
        order,
        json!({"category": "linear", "symbol": "SOLUSDT", "orderId": id, "orderLinkId": "mine",
            "orderStatus": "Filled", "qty": "10", "avgPrice": "166.45", "cumExecQty": "10", "cumExecValue": "1664.5",
            "cumExecFee": "0.915475", "cumFeeDetail": {"USDT": "0.915475"}, "leavesQty": "0", "closedPnl": "0"}),
    );
    let execution = &told[1]["data"][0];
    shows(
        execution,
        json!({"category": "linear", "orderId": id, "orderLinkId": "mine", "execType": "Trade", "execPrice": "166.45",
            "execQty": "10", "execValue": "1664.5", "execFee": "0.915475", "feeRate": "0.00055", "leavesQty": "0",
            "closedSize": "0", "execPnl": "0", "feeCurrency": "USDT", "isMaker": false, "side": "Buy"}),
    );
    assert_eq!(told[1]["id"], format!("24600001_SOLUSDT_{}", execution["seq"]));
    let mut fast = with(json!({}), told[2]["data"][0].clone());
    for (name, value) in fast.as_object_mut().unwrap() {
        assert_eq!(&execution[name.as_str()], value, "{name}");
    }
    let documented = "category execId execPrice execQty execTime isMaker orderId orderLinkId seq side symbol";
    assert_eq!(names(&fast), documented.split(' ').collect());
    // 1664 at the mark: a fifth is initial margin; 0.5 % and the fee of closing are maintenance.
    let position = &told[3]["data"][0];
    shows(
        position,
        json!({"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "size": "10", "entryPrice": "166.45",
            "leverage": "5", "positionIdx": 0, "positionIM": "332.8", "positionMM": "9.2352",
            "unrealisedPnl": "-0.5", "curRealisedPnl": "-0.915475", "openTime": START.0 + 50}),
    );
    let wallet = &told[4]["data"][0];
    shows(
        wallet,
        json!({"accountType": "UNIFIED", "totalWalletBalance": "9999.084525", "totalEquity": "9998.584525",
            "totalInitialMargin": "332.8", "totalMaintenanceMargin": "9.2352"}),
    );
    shows(
        &wallet["coin"][0],
        json!({"coin": "USDT", "walletBalance": "9999.084525", "totalPositionIM": "332.8"}),
    );
    compare_with_recorded(&told);

    // A part closed at 166.35: a loss of 0.4, and four tenths of one fee and a fee: 0.36619 and 0.36597.
    ear.bot.order(with(market("SOLUSDT", "Sell", "4"), json!({"reduceOnly": true})));
    let told = ear.heard();
    shows(&told[0]["data"][0], json!({"closedPnl": "-1.13216", "reduceOnly": true}));
    shows(&told[1]["data"][0], json!({"closedSize": "4", "execPnl": "-0.4", "execFee": "0.36597"}));
    shows(&told[3]["data"][0], json!({"size": "6", "side": "Buy"}));
    // 16:00: six at 166.4 pay one basis point.
    ear.bot.wait(6 * 3600 * 1000);
    let told = ear.heard();
    let paid = &told.iter().find(|told| told["topic"] == "execution").unwrap()["data"][0];
    shows(paid, json!({"execType": "Funding", "execFee": "0.09984", "execQty": "6", "execPnl": "0"}));
    assert!(told.iter().any(|told| told["topic"] == "wallet"));
    assert!(!told.iter().any(|told| told["topic"] == "execution.fast" || told["topic"] == "order"));
    // Clients hold integers of 53 bits.
    assert!(paid["seq"].as_u64().unwrap() < 1 << 53, "{paid}");
    // The rest for 998.1: a loss of 0.6 and a fee of 0.548955. What is gone is told with all that it brought.
    ear.bot.order(with(market("SOLUSDT", "Sell", "6"), json!({"reduceOnly": true})));
    let told = ear.heard();
    shows(&told[3]["data"][0], json!({"size": "0", "side": "", "curRealisedPnl": "-2.93024"}));
    assert_eq!(told[3]["data"][0]["seq"], told[1]["data"][0]["seq"]);
    assert_eq!(told[3]["data"][0]["updatedTime"], ear.bot.now.0.to_string());
}

#[test]
fn who_logs_in_before_an_order_is_carried_out_is_told_of_it() {
    let mut ear = Ear::new();
    ear.bot.act("order/create", limit("SOLUSDT", "Buy", "1", "150"));
    ear.open(PRIVATE, "/v5/private");
    ear.login(PRIVATE, "main");
    ear.say(PRIVATE, json!({"op": "subscribe", "args": ["order"]}));
    ear.bot.wait(50);
    assert_eq!(ear.row("order")["orderStatus"], "New");
}

/// Recordings are older and have fewer fields; what is sent besides is documented.
fn compare_with_recorded(told: &[Value]) {
    let documented = [
        "createType",
        "closedPnl",
        "feeCurrency",
        "parentOrderLinkId",
        "isLeverage",
        "marketUnit",
        "slippageToleranceType",
        "slippageTolerance",
        "cumFeeDetail",
        ".USDT",
        "rpiTakerAccess",
        "rpiMatchedQty",
    ];
    compare(&told[0], &["ws_order_1", "ws_order_3"], &[], &documented);
    let documented = ["createType", "execPnl", "extraFees", "feeCurrency", "marketUnit", "seq"];
    compare(&told[1], &["ws_execution_1", "ws_execution_2"], &[], &documented);
    let documented = [
        "ByMp",
        "breakEvenPrice",
        "curRealisedPnl",
        "sessionAvgPrice",
        "tpslMode",
        "isReduceOnly",
        "mmrSysUpdatedTime",
        "leverageSysUpdatedTime",
        "openTime",
        "seq",
    ];
    // Spelled otherwise then.
    compare(&told[3], &["ws_position_1", "ws_position_2"], &["tpSlMode"], &documented);
    let documented = [
        "ByMp",
        "accountType",
        "bonus",
        "collateralSwitch",
        "marginCollateral",
        "spotHedgingQty",
        "spotBorrow",
    ];
    let wallet = json!({"data": told[4]["data"]});
    let rest = ["accruedInterest", "cumRealisedPnl", "unrealisedPnl", "usdValue", "locked", "totalPerpUPL"];
    // A wallet of the spot account, and one as a client wrote it down.
    let only_there = [".id", ".topic", ".creationTime", "[].free", "totalPerpUpl"];
    compare(&wallet, &["ws_wallet_1", "ws_wallet_3"], &only_there, &[&documented[..], &rest[..]].concat());
}

#[test]
fn an_order_that_rests_changes_and_goes_is_told_each_time() {
    let mut ear = Ear::to(&["order.linear", "execution.linear", "position.linear", "wallet"]);
    let id = ear.bot.act("order/create", limit("SOLUSDT", "Buy", "2", "150"))["orderId"].clone();
    assert_eq!(ear.heard(), [] as [Value; 0]);
    ear.bot.wait(200);
    let told = ear.heard();
    let topics: Vec<&Value> = told.iter().map(|told| &told["topic"]).collect();
    // The leg is told with every order, whether anything changed or not.
    assert_eq!(topics, ["order.linear", "position.linear", "wallet"]);
    shows(
        &told[0]["data"][0],
        json!({"orderId": id, "orderStatus": "New", "price": "150", "leavesQty": "2", "leavesValue": "300",
            "cumExecQty": "0", "avgPrice": ""}),
    );
    shows(&told[1]["data"][0], json!({"symbol": "SOLUSDT", "size": "0", "entryPrice": "0", "openTime": 0}));
    ear.bot.wait(200);
    assert_eq!(ear.heard(), [] as [Value; 0]);
    let change = json!({"category": "linear", "symbol": "SOLUSDT", "orderId": id, "price": "151"});
    ear.bot.act("order/amend", change);
    ear.bot.wait(200);
    shows(&ear.row("order.linear"), json!({"orderId": id, "orderStatus": "New", "price": "151"}));
    ear.bot.act("order/cancel", json!({"category": "linear", "symbol": "SOLUSDT", "orderId": id}));
    let gone =
        json!({"orderId": id, "orderStatus": "Cancelled", "cancelType": "CancelByUser", "leavesQty": "0"});
    shows(&ear.row("order.linear"), gone);
    // One that waits for a price.
    let stop = json!({"triggerPrice": "140", "triggerDirection": 2});
    ear.bot.order(with(market("SOLUSDT", "Sell", "1"), stop));
    shows(
        &ear.row("order.linear"),
        json!({"orderStatus": "Untriggered", "triggerPrice": "140", "stopOrderType": "Stop"}),
    );
    // One that trades in part: what was left after the execution, and nothing once it is over.
    for (_, world) in ear.bot.server.worlds() {
        world.inject([FaultRule::new(Fault::PartialFill { permille: 500 })]);
    }
    ear.bot.order(market("SOLUSDT", "Buy", "10"));
    let told = ear.heard();
    shows(&told[0]["data"][0], json!({"orderStatus": "Cancelled", "cumExecQty": "5", "leavesQty": "0"}));
    shows(&told[1]["data"][0], json!({"execQty": "5", "orderQty": "10", "leavesQty": "5"}));
}

#[test]
fn what_happens_without_us_is_told_to_whom_it_concerns() {
    let mut ear = Ear::to(&["order", "execution", "position", "wallet"]);
    ear.open(OTHER, "/v5/private");
    ear.login(OTHER, "other");
    ear.say(OTHER, json!({"op": "subscribe", "args": ["order", "execution", "position", "wallet"]}));
    let symbol: evenkeel_types::Symbol = "SOLUSDT".parse().unwrap();
    let leverage = Leverage::new(7).unwrap();
    ear.bot.server.happen("main", Event::ForeignLeverage { symbol: symbol.clone(), leverage });
    let heard = ear.heard_by();
    assert_eq!((heard.len(), heard[0].0), (1, PRIVATE));
    shows(&heard[0].1["data"][0], json!({"symbol": "SOLUSDT", "leverage": "7", "size": "0"}));
    ear.bot.server.happen("other", Event::ForeignTrade { symbol, qty: "-2".parse().unwrap() });
    let heard = ear.heard_by();
    assert!(heard.iter().all(|(socket, _)| *socket == OTHER), "{heard:?}");
    let topics: Vec<&Value> = heard.iter().map(|(_, told)| &told["topic"]).collect();
    assert_eq!(topics, ["execution", "position", "wallet"]);
    shows(
        &heard[0].1["data"][0],
        json!({"side": "Sell", "execQty": "2", "orderLinkId": "", "leavesQty": "0"}),
    );
    shows(&heard[1].1["data"][0], json!({"side": "Sell", "size": "2"}));
    // What goes with the price is no news.
    ear.bot.price("SOLUSDT", "170");
    assert_eq!(ear.heard(), [] as [Value; 0]);
    ear.bot.server.deposit("main", "500".parse().unwrap()).unwrap();
    let heard = ear.heard_by();
    assert_eq!((heard.len(), heard[0].0), (1, PRIVATE));
    assert_eq!(heard[0].1["data"][0]["totalWalletBalance"], "10500");
    // Who is gone hears nothing.
    ear.bot.server.close(PRIVATE);
    ear.bot.server.deposit("main", "1".parse().unwrap()).unwrap();
    assert_eq!(ear.heard(), [] as [Value; 0]);
}

#[test]
fn legs_of_hedge_mode_are_told_apart() {
    let mut ear = Ear::to(&["position"]);
    ear.bot.act("position/switch-mode", json!({"category": "linear", "coin": "USDT", "mode": 3}));
    assert_eq!(ear.heard(), [] as [Value; 0]);
    let set = |buy: &str, sell: &str| json!({"category": "linear", "symbol": "SOLUSDT", "buyLeverage": buy, "sellLeverage": sell});
    ear.bot.act("position/set-leverage", set("6", "6"));
    let legs: Vec<(Value, Value)> = ear
        .rows("position")
        .iter()
        .map(|row| (row["positionIdx"].clone(), row["leverage"].clone()))
        .collect();
    assert_eq!(legs, [(json!(1), json!("6")), (json!(2), json!("6"))]);
    ear.bot.order(with(market("SOLUSDT", "Sell", "1"), json!({"positionIdx": 2})));
    shows(
        &ear.row("position"),
        json!({"positionIdx": 2, "side": "Sell", "size": "1", "entryPrice": "166.35"}),
    );
    ear.bot.order(with(market("SOLUSDT", "Buy", "1"), json!({"positionIdx": 2, "reduceOnly": true})));
    // Bought back at 166.45: 0.1 less, and fees of 0.0914925 and 0.0915475.
    let gone =
        json!({"positionIdx": 2, "side": "", "size": "0", "entryPrice": "0", "cumRealisedPnl": "-0.28304"});
    shows(&ear.row("position"), gone);
    // Isolated, the sides have settings of their own.
    ear.bot.act("account/set-margin-mode", json!({"setMarginMode": "ISOLATED_MARGIN"}));
    assert_eq!(ear.heard(), [] as [Value; 0]);
    ear.bot.act("position/set-leverage", set("6", "4"));
    shows(&ear.row("position"), json!({"positionIdx": 2, "leverage": "4"}));
}
