//! What becomes of orders.

use serde_json::{Value, json};

use super::support::{BTC, Bot, SOL};
use crate::bingx::{AccountSpec, Server};

fn texts(row: &Value, fields: &[&str]) -> Vec<String> {
    fields
        .iter()
        .map(|field| row[*field].as_str().unwrap_or_else(|| panic!("{field}: {row}")).to_owned())
        .collect()
}

#[test]
fn orders_are_carried_out_a_moment_later() {
    let mut bot = Bot::flat();
    let answer = bot.post(
        "swap/v2/trade/order",
        &[
            ("symbol", SOL),
            ("side", "BUY"),
            ("positionSide", "BOTH"),
            ("type", "MARKET"),
            ("quantity", "2.009"),
        ],
    );
    // Both spellings of the number, one of them a number above 2^53; nothing executed yet; the excess digit is gone.
    let id = answer["orderId"].as_u64().unwrap();
    assert!(id > 1 << 53);
    assert_eq!(answer["orderID"], id.to_string());
    assert_eq!(texts(&answer, &["status", "executedQty", "clientOrderID"]), ["PENDING", "0.00", ""]);
    assert_eq!(answer["quantity"], json!(2));
    bot.pass(99);
    assert!(bot.server.world("main").unwrap().all_fills().is_empty());
    bot.pass(1);
    assert_eq!(bot.server.world("main").unwrap().all_fills().len(), 1);
    let row = bot.row(SOL, id);
    let fields = ["status", "origQty", "executedQty", "avgPrice", "cumQuote", "commission", "leverage"];
    // The ask, two basis points worse: 166.433 * 1.0002.
    assert_eq!(texts(&row, &fields), ["FILLED", "2.00", "2.00", "166.467", "333", "-0.166467", "10X"]);
    let position = &bot.positions()[0];
    let fields = ["positionAmt", "positionSide", "avgPrice", "initialMargin", "realisedProfit", "markPrice"];
    assert_eq!(texts(position, &fields), ["2.00", "LONG", "166.467", "33.2934", "-0.1664", "166.432"]);
    assert_eq!((&position["onlyOnePosition"], &position["isolated"]), (&true.into(), &false.into()));
}

#[test]
fn a_triggered_stop_trades_under_another_number() {
    let mut bot = Bot::flat();
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "2")]);
    let stop = bot.order([SOL, "SELL", "STOP_MARKET"], &[("quantity", "2"), ("stopPrice", "150")]);
    let listed = bot.open().remove(0);
    assert_eq!(texts(&listed, &["type", "status", "stopPrice"]), ["STOP_MARKET", "NEW", "150.000"]);
    // The same order is shown differently in the list and alone.
    let alone = bot.row(SOL, stop);
    assert_eq!((&listed["reduceOnly"], &alone["reduceOnly"]), (&true.into(), &false.into()));
    assert_eq!((&listed["closePosition"], &alone["closePosition"]), (&"false".into(), &"".into()));
    bot.price(SOL, "149");
    let parent = bot.row(SOL, stop);
    assert_eq!(texts(&parent, &["status", "executedQty"]), ["FILLED", "0.00"]);
    let rows = bot.list("swap/v2/trade/allOrders", "orders", &[("symbol", SOL)]);
    let child = rows.iter().find(|row| row["triggerOrderId"] == stop).unwrap();
    assert_eq!(
        texts(child, &["status", "executedQty", "type", "clientOrderId"]),
        ["FILLED", "2.00", "STOP_MARKET", ""]
    );
    assert!(child["profit"].as_str().unwrap().starts_with("-34."), "{child}");
    let fills = bot.list("swap/v2/trade/fillHistory", "fill_history_orders", &[("symbol", SOL)]);
    assert_eq!(fills[0]["orderId"], child["orderId"].as_u64().unwrap().to_string());
    assert!(bot.positions().is_empty());
}

#[test]
fn a_stop_with_a_limit_becomes_a_resting_order() {
    let mut bot = Bot::flat();
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "2")]);
    let stop =
        bot.order([SOL, "SELL", "STOP"], &[("quantity", "2"), ("stopPrice", "150"), ("price", "149.5")]);
    bot.price(SOL, "149");
    let open = bot.open();
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(texts(&open[0], &["type", "status", "price"]), ["LIMIT", "PENDING", "149.500"]);
    assert_eq!(open[0]["triggerOrderId"], stop);
    let child = open[0]["orderId"].to_string();
    let cancel =
        |id: &str| vec![("symbol".to_owned(), SOL.to_owned()), ("orderId".to_owned(), id.to_owned())];
    let pairs = cancel(&stop.to_string());
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(bot.refused("DELETE", "swap/v2/trade/order", &pairs).0, 109_422);
    let gone = bot.data("DELETE", "swap/v2/trade/order", &[("symbol", SOL), ("orderId", &child)]);
    assert_eq!(gone["order"]["status"], "CANCELLED");
    assert!(bot.open().is_empty());
}

#[test]
fn attached_stops_live_with_the_position() {
    let mut bot = Bot::flat();
    let stop = r#"{"type":"STOP_MARKET","stopPrice":150,"workingType":"MARK_PRICE"}"#;
    let take = r#"{"type":"TAKE_PROFIT_MARKET","stopPrice":200.5,"price":0,"quantity":1}"#;
    let attached = [("quantity", "1"), ("price", "165"), ("stopLoss", stop), ("takeProfit", take)];
    let entry = bot.order([SOL, "BUY", "LIMIT"], &attached);
    let open = bot.open();
    assert_eq!(
        (open.len(), &open[0]["stopLoss"]["stopPrice"], &open[0]["takeProfit"]["stopPrice"]),
        (1, &json!(150), &json!(200.5))
    );
    bot.price(SOL, "164");
    assert_eq!(bot.row(SOL, entry)["status"], "FILLED");
    let kinds: Vec<String> = bot.open().iter().map(|row| row["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["STOP_MARKET", "TAKE_PROFIT_MARKET"]);
    bot.price(SOL, "201");
    assert!(bot.positions().is_empty());
}

#[test]
fn the_rising_side_of_a_trigger_is_where_the_price_is_not() {
    let mut bot = Bot::flat();
    bot.order([SOL, "BUY", "TRIGGER_MARKET"], &[("quantity", "1"), ("stopPrice", "170")]);
    bot.order(
        [BTC, "BUY", "TRIGGER_LIMIT"],
        &[("quantity", "0.01"), ("stopPrice", "100000"), ("price", "99000")],
    );
    bot.price(SOL, "170");
    bot.price(BTC, "99999");
    assert_eq!(bot.positions()[0]["symbol"], SOL);
    let open = bot.open();
    assert_eq!(
        (open.len(), texts(&open[0], &["symbol", "type"])),
        (1, vec![BTC.to_owned(), "LIMIT".to_owned()])
    );
}

#[test]
fn trailing_orders_follow_the_price() {
    let mut bot = Bot::flat();
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "2")]);
    let trail =
        [("quantity", "1"), ("priceRate", "0.05"), ("activationPrice", "170"), ("reduceOnly", "true")];
    bot.order([SOL, "SELL", "TRAILING_STOP_MARKET"], &trail);
    let open = bot.open().remove(0);
    assert_eq!(
        (&open["priceRate"], &open["actPrice"], &open["status"]),
        (&json!(0.05), &json!(170), &"NEW".into())
    );
    // Not active yet; then five percent below the best price.
    for (price, held) in [("150", "2.00"), ("180", "2.00"), ("172", "2.00"), ("170.9", "1.00")] {
        bot.price(SOL, price);
        bot.pass(100);
        assert_eq!(bot.positions()[0]["positionAmt"], held, "{price}");
    }
    let distance = [("quantity", "1"), ("price", "3"), ("reduceOnly", "true")];
    bot.order([SOL, "SELL", "TRAILING_STOP_MARKET"], &distance);
    bot.price(SOL, "170");
    bot.price(SOL, "166.9");
    bot.pass(100);
    assert!(bot.positions().is_empty());
}

#[test]
fn a_stop_on_the_whole_position_goes_with_it() {
    let mut bot = Bot::flat();
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "2")]);
    let whole = [("stopPrice", "150"), ("closePosition", "true")];
    // The size is formal, and has to be there.
    assert_eq!(bot.order_refused([SOL, "SELL", "STOP_MARKET"], &whole).0, 109_400);
    let whole = [("stopPrice", "150"), ("closePosition", "true"), ("quantity", "1")];
    bot.order([SOL, "SELL", "STOP_MARKET"], &whole);
    assert_eq!(bot.open()[0]["closePosition"], "true");
    assert_eq!(bot.order_refused([SOL, "SELL", "STOP_MARKET"], &whole).0, 110_406);
    bot.order([SOL, "SELL", "STOP_MARKET"], &[("stopPrice", "140"), ("quantity", "1")]);
    bot.price(SOL, "149");
    assert!(bot.positions().is_empty());
}

#[test]
fn several_orders_in_one_request() {
    let mut bot = Bot::flat();
    let good = r#"{"symbol":"SOL-USDT","side":"BUY","positionSide":"BOTH","type":"LIMIT","price":150.0,"quantity":1,"clientOrderID":"A1"}"#;
    let bad = r#"{"symbol":"BTC-USDT","side":"BUY","positionSide":"BOTH","type":"LIMIT","price":100000,"quantity":9,"clientOrderID":"b2"}"#;
    let batch = format!("[{good},{bad}]");
    let rows = bot.post("swap/v2/trade/batchOrders", &[("batchOrders", &batch)])["orders"].clone();
    assert_eq!(rows[0]["clientOrderID"], "a1");
    assert_eq!((&rows[1]["clientOrderID"], &rows[1]["errorCode"]), (&"b2".into(), &101_204.into()));
    let six = format!("[{}]", [good; 6].join(","));
    assert_eq!(bot.refused("POST", "swap/v2/trade/batchOrders", &[("batchOrders", &six)]).0, 109_400);
    assert_eq!(bot.refused("POST", "swap/v2/trade/batchOrders", &[("batchOrders", "[1")]).0, 109_400);
    let id = rows[0]["orderId"].to_string();
    let list = format!("[{id},1]");
    let done = bot.data("DELETE", "swap/v2/trade/batchOrders", &[("symbol", SOL), ("orderIdList", &list)]);
    assert_eq!(done["success"][0]["orderId"].to_string(), id);
    assert_eq!(
        (&done["failed"][0]["orderId"], &done["failed"][0]["errorCode"]),
        (&1.into(), &109_421.into())
    );
}

#[test]
fn a_cancel_is_done_once() {
    let mut bot = Bot::flat();
    let id = bot.order([SOL, "BUY", "LIMIT"], &[("quantity", "1"), ("price", "150")]).to_string();
    let cancel = [("symbol", SOL), ("orderId", id.as_str())];
    let path = "swap/v2/trade/order";
    assert_eq!(bot.data("DELETE", path, &cancel)["order"]["status"], "CANCELLED");
    // The same number once in a second; then it is not there any more.
    let answer: Value = serde_json::from_slice(bot.raw("DELETE", path, &cancel).body()).unwrap();
    assert_eq!(answer["code"], 109_201);
    assert_eq!(bot.refused("DELETE", path, &cancel), (109_400, "order not exist".to_owned()));
    assert_eq!(
        bot.refused("GET", path, &[("symbol", SOL), ("orderId", "7")]),
        (109_421, "order not exist".to_owned())
    );
    assert_eq!(bot.refused("GET", "swap/v2/trade/openOrder", &cancel).0, 109_421);
    assert_eq!(bot.row(SOL, id.parse().unwrap())["status"], "CANCELLED");
    bot.order([SOL, "BUY", "LIMIT"], &[("quantity", "1"), ("price", "150")]);
    bot.order([BTC, "BUY", "LIMIT"], &[("quantity", "0.01"), ("price", "90000")]);
    let all = "swap/v2/trade/allOpenOrders";
    assert_eq!(bot.data("DELETE", all, &[("type", "STOP_MARKET")])["success"], Value::Null);
    assert_eq!(bot.data("DELETE", all, &[("symbol", SOL)])["success"].as_array().unwrap().len(), 1);
    assert_eq!(bot.data("DELETE", all, &[])["success"].as_array().unwrap().len(), 1);
}

#[test]
fn an_amended_order_keeps_its_number_and_a_replaced_one_does_not() {
    let mut bot = Bot::flat();
    let first =
        bot.order([SOL, "BUY", "LIMIT"], &[("quantity", "1"), ("price", "150"), ("clientOrderId", "X1")]);
    let id = first.to_string();
    let amend = [("symbol", SOL), ("orderId", id.as_str()), ("quantity", "3")];
    assert_eq!(bot.post("swap/v1/trade/amend", &amend)["quantity"], 3);
    let row = bot.row(SOL, first);
    assert_eq!(texts(&row, &["origQty", "status", "clientOrderId"]), ["3.00", "PENDING", "x1"]);
    // More than there is money for leaves the old one.
    let much = [("symbol", SOL), ("orderId", id.as_str()), ("quantity", "3000")];
    assert_eq!(bot.refused("POST", "swap/v1/trade/amend", &much).0, 101_204);
    assert_eq!(bot.row(SOL, first)["origQty"], "3.00");
    let replace = [
        ("cancelReplaceMode", "STOP_ON_FAILURE"),
        ("cancelOrderId", id.as_str()),
        ("symbol", SOL),
        ("side", "BUY"),
        ("positionSide", "BOTH"),
        ("type", "LIMIT"),
        ("price", "151"),
        ("quantity", "2"),
    ];
    let done = bot.post("swap/v1/trade/cancelReplace", &replace);
    assert_eq!((&done["cancelResult"], &done["replaceResult"]), (&"true".into(), &"true".into()));
    assert_eq!(done["cancelResponse"]["orderId"], first);
    assert_ne!(done["newOrderResponse"]["orderId"], first);
    assert_eq!(bot.open()[0]["price"], "151.000");
    // What cannot be cancelled stops it.
    assert_eq!(bot.refused("POST", "swap/v1/trade/cancelReplace", &replace).0, 109_400);
    let mut anyway = replace;
    anyway[0].1 = "ALLOW_FAILURE";
    let done = bot.post("swap/v1/trade/cancelReplace", &anyway);
    assert_eq!((&done["cancelResult"], &done["replaceResult"]), (&"false".into(), &"true".into()));
    assert_eq!(bot.open().len(), 2);
}

#[test]
fn positions_are_closed_by_the_venue() {
    let mut bot = Bot::hedged();
    let long = [("quantity", "1"), ("positionSide", "LONG")];
    let short = [("quantity", "2"), ("positionSide", "SHORT")];
    bot.order([SOL, "BUY", "MARKET"], &long);
    bot.order([SOL, "SELL", "MARKET"], &short);
    let held = bot.positions();
    assert_eq!(held.len(), 2);
    let id = held.iter().find(|row| row["positionSide"] == "SHORT").unwrap()["positionId"]
        .as_str()
        .unwrap()
        .to_owned();
    let done = bot.post("swap/v1/trade/closePosition", &[("positionId", &id)]);
    assert_eq!(texts(&done, &["side", "type", "positionSide", "origQty"]), ["Bid", "Market", "SHORT", "2"]);
    assert_eq!(bot.positions().len(), 1);
    assert_eq!(bot.refused("POST", "swap/v1/trade/closePosition", &[("positionId", &id)]).0, 101_205);
    let done = bot.post("swap/v2/trade/closeAllPositions", &[]);
    assert_eq!((done["success"].as_array().unwrap().len(), &done["failed"]), (1, &Value::Null));
    assert!(bot.positions().is_empty());
    let history = bot.list("swap/v1/trade/positionHistory", "positionHistory", &[("symbol", SOL)]);
    let sides: Vec<&Value> = history.iter().map(|row| &row["positionSide"]).collect();
    assert_eq!(sides, ["LONG", "SHORT"]);
    // More than the leg has, and more on a leg that is not there.
    bot.order([SOL, "BUY", "MARKET"], &long);
    let more = [("quantity", "2"), ("positionSide", "LONG")];
    assert_eq!(bot.order_refused([SOL, "SELL", "MARKET"], &more).0, 110_203);
    assert_eq!(bot.order_refused([SOL, "BUY", "MARKET"], &short).0, 101_205);
}

#[test]
fn orders_are_filled_in_parts_where_the_book_is_thin() {
    let thin = AccountSpec::named("main").world(|world| world.depth(SOL, "1"));
    let mut bot = Bot::new(Server::builder().account(thin));
    let id = bot.order([SOL, "BUY", "LIMIT"], &[("quantity", "3"), ("price", "167")]);
    let row = bot.row(SOL, id);
    assert_eq!(texts(&row, &["status", "executedQty"]), ["PARTIALLY_FILLED", "1.00"]);
    let now =
        bot.order([SOL, "BUY", "LIMIT"], &[("quantity", "3"), ("price", "167"), ("timeInForce", "IOC")]);
    let row = bot.row(SOL, now);
    assert_eq!(texts(&row, &["status", "executedQty"]), ["CANCELLED", "1.00"]);
}
