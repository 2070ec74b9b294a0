//! What is refused, in which words.

use serde_json::json;

use super::support::{Bot, limit, market, with};
use crate::bybit::{AccountSpec, Server};

fn told(code: u64, text: &str) -> (u64, String) {
    (code, text.to_owned())
}

#[test]
fn orders_that_make_no_sense() {
    let mut bot = Bot::new(Server::builder());
    let good = || limit("BTCUSDT", "Buy", "0.001", "100000");
    for (change, code, text) in [
        (json!({"category": ""}), 10001, "Illegal category"),
        (json!({"category": "spot"}), 10001, "params error: symbol invalid BTCUSDT"),
        (json!({"symbol": "NOUSDT"}), 10001, "params error: symbol invalid NOUSDT"),
        (json!({"symbol": null}), 10001, "params error: symbol invalid"),
        (json!({"side": "buy"}), 10001, "params error: side invalid"),
        (json!({"orderType": "Stop"}), 10001, "params error: orderType invalid"),
        (json!({"qty": 1}), 7001, "request params type error"),
        (json!({"qty": "x"}), 10001, "params error: qty invalid"),
        (json!({"qty": "0"}), 10001, "params error: qty invalid"),
        (json!({"qty": "-1"}), 10001, "params error: qty invalid"),
        (json!({"qty": "0.0015"}), 10001, "Qty invalid"),
        (json!({"qty": "1191"}), 10001, "The number of contracts exceeds maximum limit allowed"),
        (json!({"price": null}), 10001, "params error: price invalid"),
        (json!({"price": "100000.05"}), 10001, "Price invalid"),
        (json!({"price": "2000000"}), 110003, "Order price exceeds the allowable range."),
        (json!({"price": "4000"}), 110094, "Order does not meet minimum order value"),
        (json!({"timeInForce": "FOK"}), 10001, "params error: timeInForce invalid"),
        (json!({"positionIdx": 1}), 10001, "position idx not match position mode"),
        (json!({"orderLinkId": "a b"}), 10001, "params error: orderLinkId invalid"),
        (json!({"orderLinkId": "x".repeat(37)}), 10001, "params error: orderLinkId invalid"),
        (json!({"reduceOnly": true}), 110017, "current position is zero, cannot fix reduce-only order qty"),
        (json!({"qty": "5"}), 110007, "ab not enough for new order"),
        (json!({"triggerPrice": "110000"}), 10001, "params error: triggerDirection invalid"),
        (
            json!({"triggerPrice": "100000", "triggerDirection": 1}),
            110092,
            "expect Rising, but trigger_price <= current",
        ),
        (
            json!({"triggerPrice": "110000", "triggerDirection": 2}),
            110093,
            "expect Falling, but trigger_price >= current",
        ),
        (
            json!({"takeProfit": "90000"}),
            10001,
            "TakeProfit:90000 set for Buy position should be higher than base_price:100000",
        ),
    ] {
        assert_eq!(bot.refused("order/create", with(good(), change.clone())), told(code, text), "{change}");
        bot.wait(200);
    }
    assert!(bot.server.world("main").unwrap().orders().is_empty());
}

#[test]
fn names_are_used_once_for_ever() {
    let mut bot = Bot::new(Server::builder());
    let order = with(limit("SOLUSDT", "Buy", "0.1", "150"), json!({"orderLinkId": "mine-1"}));
    let id = bot.order(order.clone());
    assert_eq!(bot.refused("order/create", order.clone()), told(110_072, "OrderLinkedID is duplicate"));
    bot.act("order/cancel", json!({"category": "linear", "symbol": "SOLUSDT", "orderLinkId": "mine-1"}));
    bot.wait(1000);
    assert_eq!(bot.refused("order/create", order).0, 110_072);
    assert_eq!(bot.shown(&id)["orderStatus"], "Cancelled");
}

#[test]
fn orders_that_are_not_there() {
    let mut bot = Bot::new(Server::builder());
    let of = |id: &str| json!({"category": "linear", "symbol": "SOLUSDT", "orderId": id});
    let unknown = "8bec532a-36b1-437e-93f4-1b03bf449456";
    assert_eq!(
        bot.refused("order/cancel", of(unknown)),
        told(110_001, "order not exists or too late to cancel")
    );
    assert_eq!(
        bot.refused("order/amend", with(of(unknown), json!({"qty": "1"}))),
        told(110_001, "order not exists or too late to replace")
    );
    assert_eq!(bot.refused("order/cancel", json!({"category": "linear", "symbol": "SOLUSDT"})).0, 10001);
    let id = bot.order(limit("SOLUSDT", "Buy", "1", "150"));
    let other = json!({"category": "linear", "symbol": "BTCUSDT", "orderId": id});
    assert_eq!(bot.refused("order/cancel", other).0, 110_001);
    assert_eq!(bot.refused("order/amend", with(of(&id), json!({"qty": "1"}))).1, "order not modified");
    bot.act("order/cancel", of(&id));
    assert_eq!(bot.refused("order/cancel", of(&id)).0, 110_001);
}

#[test]
fn settings_that_are_refused() {
    let spec = AccountSpec::named("main").cash("550");
    let mut bot = Bot::new(Server::builder().account(spec));
    let set = |buy: &str, sell: &str| json!({"category": "linear", "symbol": "SOLUSDT", "buyLeverage": buy, "sellLeverage": sell});
    let refused = |bot: &mut Bot, body| {
        bot.wait(200);
        bot.refused("position/set-leverage", body)
    };
    assert_eq!(refused(&mut bot, set("10", "10")), told(110_043, "leverage not modified"));
    // Recorded with these words.
    assert_eq!(
        refused(&mut bot, set("101", "101")),
        told(110_013, "cannot set leverage [10100] gt maxLeverage [10000] by risk limit")
    );
    for odd in ["0.5", "0", "-3", "5.005", "x", ""] {
        assert_eq!(refused(&mut bot, set(odd, odd)).0, 10001, "{odd}");
    }
    assert_eq!(refused(&mut bot, set("5", "6")).0, 10001);
    bot.act("position/set-leverage", set("10.01", "10.01"));
    assert_eq!(bot.position("SOLUSDT")["leverage"], "10.01");
    // 20 SOL are 3328: 332.8 at 10x, and more than there is at 5x.
    bot.act("position/set-leverage", set("10", "10"));
    bot.order(market("SOLUSDT", "Buy", "20"));
    assert_eq!(refused(&mut bot, set("5", "5")), told(110_044, "Available margin is insufficient"));
    assert_eq!(bot.position("SOLUSDT")["leverage"], "10");
    bot.act("position/set-leverage", set("50", "50"));
    let margin = json!({"category": "linear", "symbol": "SOLUSDT", "margin": "5", "positionIdx": 0});
    assert_eq!(bot.refused("position/add-margin", margin).0, 110_015);
    let mode = json!({"category": "linear", "symbol": "SOLUSDT", "mode": 3});
    assert_eq!(bot.refused("position/switch-mode", mode).0, 110_024);
    let same = json!({"category": "linear", "coin": "USDT", "mode": 0});
    assert_eq!(bot.refused("position/switch-mode", same), told(110_025, "Position mode is not modified"));
    bot.order(limit("SOLUSDT", "Buy", "0.1", "150"));
    let answer = bot.post("account/set-margin-mode", json!({"setMarginMode": "ISOLATED_MARGIN"}));
    assert_eq!(answer["retCode"], 3_400_045);
    assert_eq!(answer["result"]["reasons"][0]["reasonCode"], "3400052");
    let answer = bot.post("account/set-margin-mode", json!({"setMarginMode": "PORTFOLIO_MARGIN"}));
    assert_eq!(answer["result"]["reasons"][0]["reasonCode"], "3400000");
}

#[test]
fn questions_that_are_refused() {
    let mut bot = Bot::new(Server::builder());
    for (path, query, text) in [
        ("position/list", "", "Illegal category"),
        ("position/list", "category=linear", "params error: symbol or settleCoin invalid"),
        ("order/realtime", "category=linear", "params error: symbol, baseCoin or settleCoin invalid"),
        ("order/realtime", "category=linear&symbol=X", "params error: symbol invalid X"),
        ("account/wallet-balance", "accountType=SPOT", "accountType only support UNIFIED."),
        ("market/tickers", "category=linear&symbol=X", "params error: symbol invalid X"),
        (
            "market/funding/history",
            "category=linear&symbol=BTCUSDT&startTime=1",
            "params error: endTime invalid",
        ),
    ] {
        let answer = bot.get(path, query);
        assert_eq!(
            (answer["retCode"].as_u64(), answer["retMsg"].as_str()),
            (Some(10001), Some(text)),
            "{path}"
        );
    }
    let long = "category=linear&startTime=1700000000000&endTime=1700604800001";
    assert_eq!(bot.get("execution/list", long)["retCode"], 10001);
    for category in ["spot", "inverse", "option"] {
        let listed = bot.ask("market/instruments-info", &format!("category={category}"));
        assert_eq!(listed, json!({"category": category, "list": [], "nextPageCursor": ""}));
    }
}
