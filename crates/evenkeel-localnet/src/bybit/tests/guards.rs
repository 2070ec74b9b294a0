//! Take profits, stop losses, trailing stops and conditional orders.

use serde_json::{Value, json};

use super::support::{Bot, limit, market, with};
use crate::bybit::Server;

fn stop(change: Value) -> Value {
    with(json!({"category": "linear", "symbol": "SOLUSDT", "positionIdx": 0}), change)
}

fn waiting(bot: &mut Bot) -> Vec<(String, String, String)> {
    let list =
        bot.ask("order/realtime", "category=linear&symbol=SOLUSDT&orderFilter=StopOrder")["list"].clone();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| (text(row, "stopOrderType"), text(row, "triggerPrice"), text(row, "orderStatus")))
        .collect()
}

fn row(kind: &str, at: &str) -> (String, String, String) {
    (kind.to_owned(), at.to_owned(), "Untriggered".to_owned())
}

#[test]
fn a_conditional_order_waits_and_closes() {
    let mut bot = Bot::new(Server::builder());
    bot.order(market("SOLUSDT", "Buy", "10"));
    let id = bot.order(with(
        market("SOLUSDT", "Sell", "4"),
        json!({"triggerPrice": "150", "triggerDirection": 2, "triggerBy": "MarkPrice", "reduceOnly": true}),
    ));
    let shown = bot.shown(&id);
    assert_eq!(
        (shown["orderStatus"].as_str(), shown["triggerDirection"].as_u64()),
        (Some("Untriggered"), Some(2))
    );
    assert_eq!(
        (shown["stopOrderType"].as_str(), shown["triggerBy"].as_str()),
        (Some("Stop"), Some("MarkPrice"))
    );
    let change = json!({"category": "linear", "symbol": "SOLUSDT", "orderId": id, "triggerPrice": "152"});
    bot.act("order/amend", change);
    bot.price("SOLUSDT", "151.9");
    let shown = bot.shown(&id);
    assert_eq!((shown["orderStatus"].as_str(), shown["cumExecQty"].as_str()), (Some("Filled"), Some("4")));
    assert_eq!(bot.position("SOLUSDT")["size"], "6");
    // Whatever the position is.
    let id = bot.order(with(
        market("SOLUSDT", "Sell", "0"),
        json!({"triggerPrice": "140", "triggerDirection": 2, "reduceOnly": true, "closeOnTrigger": true}),
    ));
    bot.price("SOLUSDT", "139");
    assert_eq!(
        (bot.position("SOLUSDT")["size"].as_str(), bot.shown(&id)["qty"].as_str()),
        (Some("0"), Some("6"))
    );
}

#[test]
fn conditional_orders_that_are_cancelled_are_deactivated() {
    let mut bot = Bot::new(Server::builder());
    let order =
        with(limit("SOLUSDT", "Buy", "1", "171"), json!({"triggerPrice": "170", "triggerDirection": 1}));
    let first = bot.order(order.clone());
    let second = bot.order(order);
    bot.act("order/cancel", json!({"category": "linear", "symbol": "SOLUSDT", "orderId": first}));
    assert_eq!(bot.shown(&first)["orderStatus"], "Deactivated");
    // The other opens a position when its time has come.
    bot.price("SOLUSDT", "170.5");
    assert_eq!(
        (bot.shown(&second)["orderStatus"].as_str(), bot.position("SOLUSDT")["size"].as_str()),
        (Some("Filled"), Some("1"))
    );
}

#[test]
fn a_position_is_guarded_as_a_whole() {
    let mut bot = Bot::new(Server::builder());
    let refused = bot.refused("position/trading-stop", stop(json!({"stopLoss": "150"})));
    assert_eq!(refused, (10001, "can not set tp/sl/ts for zero position".to_owned()));
    bot.order(market("SOLUSDT", "Buy", "10"));
    bot.act(
        "position/trading-stop",
        stop(json!({"takeProfit": "200", "stopLoss": "150", "trailingStop": "20"})),
    );
    assert_eq!(
        waiting(&mut bot),
        [row("TrailingStop", ""), row("StopLoss", "150"), row("TakeProfit", "200")]
    );
    let shown = bot.position("SOLUSDT");
    assert_eq!(
        (shown["takeProfit"].as_str(), shown["stopLoss"].as_str(), shown["trailingStop"].as_str()),
        (Some("200.000"), Some("150.000"), Some("20.000"))
    );
    // Moved, taken away, and left alone.
    bot.wait(200);
    bot.act(
        "position/trading-stop",
        stop(json!({"stopLoss": "155", "takeProfit": "0", "trailingStop": "0"})),
    );
    assert_eq!(waiting(&mut bot), [row("StopLoss", "155")]);
    assert_eq!(
        bot.refused("position/trading-stop", stop(json!({"stopLoss": "155"}))),
        (34040, "not modified".to_owned())
    );
    for (change, way) in [
        (
            json!({"stopLoss": "170"}),
            "StopLoss:170 set for Buy position should be lower than base_price:166.4",
        ),
        (
            json!({"takeProfit": "160"}),
            "TakeProfit:160 set for Buy position should be higher than base_price:166.4",
        ),
    ] {
        assert_eq!(bot.refused("position/trading-stop", stop(change)).1, way);
    }
    bot.order(with(market("SOLUSDT", "Sell", "4"), json!({"reduceOnly": true})));
    bot.price("SOLUSDT", "154.9");
    assert_eq!(bot.position("SOLUSDT")["size"], "0", "it covers what is left");
}

#[test]
fn guards_go_with_their_position() {
    let mut bot = Bot::new(Server::builder());
    bot.order(market("SOLUSDT", "Sell", "2"));
    bot.act(
        "position/trading-stop",
        stop(json!({"takeProfit": "150", "stopLoss": "180", "trailingStop": "5"})),
    );
    assert_eq!(waiting(&mut bot).len(), 3);
    bot.order(with(market("SOLUSDT", "Buy", "2"), json!({"reduceOnly": true})));
    assert_eq!(waiting(&mut bot), []);
    let history = bot.ask("order/history", "category=linear&orderFilter=StopOrder")["list"].clone();
    for row in history.as_array().unwrap() {
        assert_eq!(
            (row["orderStatus"].as_str(), row["cancelType"].as_str()),
            (Some("Deactivated"), Some("CancelByTpSlTsClear"))
        );
    }
    assert_eq!(history.as_array().unwrap().len(), 3);
}

#[test]
fn a_trailing_stop_follows_and_closes() {
    let mut bot = Bot::new(Server::builder());
    bot.order(market("SOLUSDT", "Buy", "2"));
    bot.act("position/trading-stop", stop(json!({"trailingStop": "5", "activePrice": "170"})));
    bot.price("SOLUSDT", "160");
    bot.price("SOLUSDT", "170");
    bot.price("SOLUSDT", "176");
    bot.price("SOLUSDT", "171.1");
    assert_eq!(bot.position("SOLUSDT")["size"], "2");
    bot.price("SOLUSDT", "171");
    bot.wait(100);
    assert_eq!(bot.position("SOLUSDT")["size"], "0");
}

#[test]
fn an_order_brings_its_guards_along() {
    let mut bot = Bot::new(Server::builder());
    let order = with(limit("SOLUSDT", "Buy", "2", "160"), json!({"takeProfit": "190", "stopLoss": "150"}));
    let id = bot.order(order);
    assert_eq!(waiting(&mut bot), []);
    assert_eq!(
        (bot.shown(&id)["takeProfit"].as_str(), bot.shown(&id)["tpslMode"].as_str()),
        (Some("190"), Some("Full"))
    );
    bot.price("SOLUSDT", "159");
    assert_eq!(waiting(&mut bot), [row("StopLoss", "150"), row("TakeProfit", "190")]);
    bot.price("SOLUSDT", "191");
    assert_eq!((bot.position("SOLUSDT")["size"].as_str(), waiting(&mut bot)), (Some("0"), vec![]));
}

#[test]
fn parts_of_a_position_have_guards_of_their_own() {
    let mut bot = Bot::new(Server::builder());
    bot.order(market("SOLUSDT", "Buy", "10"));
    let part = |size: &str, at: &str| {
        stop(
            json!({"tpslMode": "Partial", "takeProfit": at, "tpSize": size, "tpOrderType": "Limit", "tpLimitPrice": at}),
        )
    };
    bot.act("position/trading-stop", part("3", "180"));
    bot.act("position/trading-stop", part("4", "190"));
    assert_eq!(waiting(&mut bot), [row("PartialTakeProfit", "190"), row("PartialTakeProfit", "180")]);
    bot.price("SOLUSDT", "180.5");
    assert_eq!(bot.position("SOLUSDT")["size"], "7");
}

#[test]
fn what_is_cancelled_can_be_chosen() {
    let mut bot = Bot::new(Server::builder());
    bot.order(market("SOLUSDT", "Buy", "10"));
    bot.order(limit("SOLUSDT", "Buy", "1", "150"));
    bot.order(limit("ETHUSDT", "Buy", "1", "2000"));
    bot.act("position/trading-stop", stop(json!({"stopLoss": "150"})));
    let all = |more: Value| with(json!({"category": "linear"}), more);
    let gone = bot.act("order/cancel-all", all(json!({"symbol": "SOLUSDT", "orderFilter": "Order"})));
    assert_eq!((gone["list"].as_array().unwrap().len(), gone["success"].as_str()), (1, Some("1")));
    assert_eq!(waiting(&mut bot), [row("StopLoss", "150")]);
    let gone = bot.act("order/cancel-all", all(json!({"settleCoin": "USDT"})));
    assert_eq!(gone["list"].as_array().unwrap().len(), 2);
    assert_eq!(bot.act("order/cancel-all", all(json!({"settleCoin": "USDT"})))["list"], json!([]));
    assert_eq!(bot.refused("order/cancel-all", all(json!({}))).0, 10001);
}
