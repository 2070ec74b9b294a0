//! Orders: what becomes of them, and how it is told.

use serde_json::{Value, json};

use super::support::{Client, limit, market};
use crate::binance::{AccountSpec, Server};

fn one(rows: &Value) -> Value {
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows}");
    rows[0].clone()
}

#[test]
fn a_market_order_trades_and_its_record_has_the_price() {
    let mut client = Client::new(Server::builder());
    let order = client.order(&format!("{}&newClientOrderId=my:id/1", market("SOLUSDT", "BUY", "2.5")));
    let told = |name: &str| order[name].clone();
    assert_eq!(
        (told("status"), told("executedQty"), told("price")),
        (json!("FILLED"), json!("2.50"), json!("0.0000"))
    );
    assert_eq!(
        (told("clientOrderId"), told("type"), told("timeInForce")),
        (json!("my:id/1"), json!("MARKET"), json!("GTC"))
    );
    assert!(order.get("avgPrice").is_none() && order.get("cumQuote").is_none(), "{order}");
    let record = client.ask("/fapi/v1/order", "symbol=SOLUSDT&origClientOrderId=my%3Aid%2F1");
    // The ask is a tick above the mark of 166.4; two basis points of slippage, up to the next tick.
    assert_eq!((&record["avgPrice"], &record["cumQuote"]), (&json!("166.450000"), &json!("416.125000")));
    let trade = one(&client.ask("/fapi/v1/userTrades", "symbol=SOLUSDT"));
    assert_eq!(
        (&trade["price"], &trade["qty"], &trade["orderId"]),
        (&json!("166.4500"), &json!("2.50"), &order["orderId"])
    );
    assert_eq!((&trade["commission"], &trade["maker"]), (&json!("0.20806250"), &json!(false)));
    let position = one(&client.ask("/fapi/v3/positionRisk", ""));
    assert_eq!((&position["positionAmt"], &position["entryPrice"]), (&json!("2.50"), &json!("166.45")));
    assert_eq!(
        (&position["unRealizedProfit"], &position["notional"]),
        (&json!("-0.12500000"), &json!("416.00000000"))
    );
    // 20x unless told otherwise.
    assert_eq!(
        (&position["initialMargin"], &position["maintMargin"]),
        (&json!("20.80000000"), &json!("2.08000000"))
    );
    let account = client.ask("/fapi/v3/account", "");
    assert_eq!(
        (&account["totalWalletBalance"], &account["totalMarginBalance"]),
        (&json!("9999.79193750"), &json!("9999.66693750"))
    );
    assert_eq!(account["availableBalance"], "9978.86693750");
}

#[test]
fn an_acknowledgement_says_nothing_of_what_became() {
    let mut client = Client::new(Server::builder());
    let order = client.done("POST", "/fapi/v1/order", &market("SOLUSDT", "BUY", "1"));
    assert_eq!((&order["status"], &order["executedQty"]), (&json!("NEW"), &json!("0.00")));
    assert_eq!(
        client.ask("/fapi/v1/order", &format!("symbol=SOLUSDT&orderId={}", order["orderId"]))["status"],
        "FILLED"
    );
}

#[test]
fn limits_rest_change_fill_and_go() {
    let mut client = Client::new(Server::builder());
    let order = client.order(&limit("SOLUSDT", "BUY", "1", "160", "GTC"));
    let id = order["orderId"].clone();
    let open = one(&client.ask("/fapi/v1/openOrders", ""));
    assert_eq!(
        (&open["orderId"], &open["price"], &open["avgPrice"]),
        (&id, &json!("160.0000"), &json!("0.000000"))
    );
    let position = one(&client.ask("/fapi/v3/positionRisk", ""));
    assert_eq!(
        (&position["positionAmt"], &position["bidNotional"]),
        (&json!("0.00"), &json!("160.00000000"))
    );
    assert_eq!(position["openOrderInitialMargin"], "8.00000000");
    let same = format!("symbol=SOLUSDT&side=BUY&quantity=1&price=160&orderId={id}");
    assert_eq!(client.refused("PUT", "/fapi/v1/order", &same).0, -5027);
    let other = format!("symbol=SOLUSDT&side=BUY&quantity=2&price=161&orderId={id}");
    let changed = client.done("PUT", "/fapi/v1/order", &other);
    assert_eq!(
        (&changed["orderId"], &changed["origQty"], &changed["price"]),
        (&id, &json!("2.00"), &json!("161.0000"))
    );
    client.price("SOLUSDT", "160.5");
    let record = client.ask("/fapi/v1/order", &format!("symbol=SOLUSDT&orderId={id}"));
    assert_eq!((&record["status"], &record["avgPrice"]), (&json!("FILLED"), &json!("161.000000")));
    assert_eq!(one(&client.ask("/fapi/v1/userTrades", "symbol=SOLUSDT"))["maker"], true);
    assert_eq!(client.refused("DELETE", "/fapi/v1/order", &format!("symbol=SOLUSDT&orderId={id}")).0, -2011);
    let second = client.order(&limit("SOLUSDT", "BUY", "1", "155", "GTX"))["orderId"].clone();
    let gone = client.done("DELETE", "/fapi/v1/order", &format!("symbol=SOLUSDT&orderId={second}"));
    assert_eq!((&gone["status"], &gone["executedQty"]), (&json!("CANCELED"), &json!("0.00")));
    assert_eq!(
        client.refused("GET", "/fapi/v1/openOrder", &format!("symbol=SOLUSDT&orderId={second}")).0,
        -2013
    );
    // What did nothing is forgotten after three days.
    client.wait(3 * 24 * 3_600_000 + 1);
    assert_eq!(client.refused("GET", "/fapi/v1/order", &format!("symbol=SOLUSDT&orderId={second}")).0, -2013);
    assert_eq!(client.ask("/fapi/v1/order", &format!("symbol=SOLUSDT&orderId={id}"))["status"], "FILLED");
}

#[test]
fn times_in_force() {
    let thin = AccountSpec::named("main").world(|world| world.depth("SOLUSDT", "3"));
    let mut client = Client::new(Server::builder().account(thin));
    let part = client.order(&limit("SOLUSDT", "BUY", "5", "167", "IOC"));
    assert_eq!((&part["status"], &part["executedQty"]), (&json!("EXPIRED"), &json!("3.00")));
    let none = client.order(&limit("SOLUSDT", "BUY", "1", "160", "IOC"));
    assert_eq!((&none["status"], &none["executedQty"]), (&json!("EXPIRED"), &json!("0.00")));
    assert_eq!(
        client.refused("POST", "/fapi/v1/order", &limit("SOLUSDT", "BUY", "5", "167", "FOK")).0,
        -5021
    );
    assert_eq!(client.order(&limit("SOLUSDT", "BUY", "3", "167", "FOK"))["status"], "FILLED");
    assert_eq!(
        client.refused("POST", "/fapi/v1/order", &limit("SOLUSDT", "BUY", "1", "167", "GTX")).0,
        -5022
    );
    assert_eq!(one(&client.ask("/fapi/v3/positionRisk", ""))["positionAmt"], "6.00");
    let date = client.now.0 + 700_000;
    let order = format!("{}&goodTillDate={date}", limit("SOLUSDT", "BUY", "1", "160", "GTD"));
    let id = client.order(&order)["orderId"].clone();
    client.wait(699_000);
    assert_eq!(client.ask("/fapi/v1/order", &format!("symbol=SOLUSDT&orderId={id}"))["status"], "NEW");
    client.wait(1_000);
    assert_eq!(client.ask("/fapi/v1/order", &format!("symbol=SOLUSDT&orderId={id}"))["status"], "EXPIRED");
    let resting = client.order(&limit("SOLUSDT", "SELL", "10", "160", "GTC"));
    assert_eq!((&resting["status"], &resting["executedQty"]), (&json!("PARTIALLY_FILLED"), &json!("3.00")));
    // Changed to what it did already, it is over.
    let less = format!("symbol=SOLUSDT&side=SELL&quantity=3&price=160&orderId={}", resting["orderId"]);
    let over = client.done("PUT", "/fapi/v1/order", &less);
    assert_eq!((&over["status"], &over["executedQty"]), (&json!("CANCELED"), &json!("3.00")));
}

#[test]
fn reduce_only_orders_are_cut_and_never_open() {
    let mut client = Client::new(Server::builder());
    let sell = format!("{}&reduceOnly=true", market("SOLUSDT", "SELL", "5"));
    assert_eq!(client.refused("POST", "/fapi/v1/order", &sell).0, -2022);
    client.order(&market("SOLUSDT", "BUY", "2"));
    let cut = client.order(&sell);
    assert_eq!(
        (&cut["status"], &cut["executedQty"], &cut["origQty"]),
        (&json!("EXPIRED"), &json!("2.00"), &json!("5.00"))
    );
    assert_eq!(client.ask("/fapi/v3/positionRisk", ""), json!([]));
    // Five dollars are too little, unless it only reduces.
    client.order(&market("SOLUSDT", "BUY", "0.04"));
    assert_eq!(client.refused("POST", "/fapi/v1/order", &market("SOLUSDT", "SELL", "0.02")).0, -4164);
    let small = format!("{}&reduceOnly=true", market("SOLUSDT", "SELL", "0.02"));
    assert_eq!(client.order(&small)["status"], "FILLED");
}

#[test]
fn batches_answer_one_by_one() {
    let mut client = Client::new(Server::builder());
    let orders = json!([
        {"symbol": "SOLUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "150", "newClientOrderId": "a"},
        {"symbol": "SOLUSDT", "side": "SELL", "type": "MARKET", "quantity": "1", "reduceOnly": "true"},
        {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1", "newOrderRespType": "RESULT"},
    ]);
    let text = orders.to_string().replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
    let answers = client.done("POST", "/fapi/v1/batchOrders", &format!("batchOrders={text}"));
    assert_eq!(answers[0]["status"], "NEW");
    assert_eq!(answers[1], json!({"code": -2022, "msg": "ReduceOnly Order is rejected."}));
    assert_eq!(answers[2]["status"], "FILLED");
    let names = "%5B%22a%22%2C%22b%22%5D";
    let gone = client.done(
        "DELETE",
        "/fapi/v1/batchOrders",
        &format!("symbol=SOLUSDT&origClientOrderIdList={names}"),
    );
    assert_eq!((&gone[0]["status"], &gone[1]["code"]), (&json!("CANCELED"), &json!(-2011)));
    assert_eq!(client.refused("POST", "/fapi/v1/batchOrders", "batchOrders=%5B%5D").0, -4082);
}

fn stop(side: &str, kind: &str, qty: &str, trigger: &str) -> String {
    format!(
        "algoType=CONDITIONAL&symbol=SOLUSDT&side={side}&type={kind}&quantity={qty}&triggerPrice={trigger}"
    )
}

#[test]
fn conditional_orders_have_a_book_of_their_own() {
    let mut client = Client::new(Server::builder());
    client.order(&market("SOLUSDT", "BUY", "10"));
    let order = format!("{}&reduceOnly=true&clientAlgoId=stop", stop("SELL", "STOP_MARKET", "4", "160"));
    let placed = client.done("POST", "/fapi/v1/algoOrder", &order);
    assert_eq!(
        (&placed["algoStatus"], &placed["triggerPrice"], &placed["price"]),
        (&json!("NEW"), &json!("160.0000"), &json!("0.0000"))
    );
    assert_eq!(client.ask("/fapi/v1/openOrders", ""), json!([]));
    assert_eq!(client.refused("GET", "/fapi/v1/order", "symbol=SOLUSDT&origClientOrderId=stop").0, -2013);
    let waiting = one(&client.ask("/fapi/v1/openAlgoOrders", ""));
    assert_eq!((&waiting["algoId"], &waiting["actualOrderId"]), (&placed["algoId"], &json!("")));
    client.price("SOLUSDT", "159");
    let over = client.ask("/fapi/v1/algoOrder", "clientAlgoId=stop");
    assert_eq!(
        (&over["algoStatus"], &over["actualQty"], &over["actualType"]),
        (&json!("FINISHED"), &json!("4.00"), &json!("MARKET"))
    );
    let became = over["actualOrderId"].as_str().unwrap();
    let became = client.ask("/fapi/v1/order", &format!("symbol=SOLUSDT&orderId={became}"));
    assert_eq!(
        (&became["status"], &became["executedQty"], &became["avgPrice"]),
        (&json!("FILLED"), &json!("4.00"), &over["actualPrice"])
    );
    assert_eq!(client.ask("/fapi/v1/openAlgoOrders", ""), json!([]));
    assert_eq!(client.refused("DELETE", "/fapi/v1/algoOrder", "clientAlgoId=stop").0, -2011);
    // A limit below its trigger rests as an ordinary order.
    let order =
        format!("{}&price=170&timeInForce=GTC&clientAlgoId=take", stop("SELL", "TAKE_PROFIT", "3", "165"));
    client.done("POST", "/fapi/v1/algoOrder", &order);
    client.price("SOLUSDT", "166");
    assert_eq!(client.ask("/fapi/v1/algoOrder", "clientAlgoId=take")["algoStatus"], "TRIGGERED");
    assert_eq!(one(&client.ask("/fapi/v1/openOrders", "symbol=SOLUSDT"))["price"], "170.0000");
    assert_eq!(
        client.refused("POST", "/fapi/v1/algoOrder", &stop("SELL", "STOP_MARKET", "1", "170")).0,
        -2021
    );
    let whole =
        "algoType=CONDITIONAL&symbol=SOLUSDT&side=SELL&type=STOP_MARKET&closePosition=true&triggerPrice=150";
    let id = client.done("POST", "/fapi/v1/algoOrder", whole)["algoId"].clone();
    let gone = client.done("DELETE", "/fapi/v1/algoOrder", &format!("algoId={id}"));
    assert_eq!((&gone["code"], &gone["algoId"]), (&json!("200"), &id));
    assert_eq!(client.ask("/fapi/v1/algoOrder", &format!("algoId={id}"))["algoStatus"], "CANCELED");
}

#[test]
fn trailing_orders_follow_the_price() {
    let mut client = Client::new(Server::builder());
    client.order(&market("SOLUSDT", "BUY", "2"));
    let order = "algoType=CONDITIONAL&symbol=SOLUSDT&side=SELL&type=TRAILING_STOP_MARKET&quantity=2&activatePrice=170&callbackRate=1&reduceOnly=true&clientAlgoId=t";
    let placed = client.done("POST", "/fapi/v1/algoOrder", order);
    assert_eq!((&placed["activatePrice"], &placed["callbackRate"]), (&json!("170.0000"), &json!("1")));
    for price in ["160", "171", "180", "178.3"] {
        client.price("SOLUSDT", price);
        assert_eq!(client.ask("/fapi/v1/algoOrder", "clientAlgoId=t")["algoStatus"], "NEW", "{price}");
    }
    // One percent below 180.
    client.price("SOLUSDT", "178.2");
    let over = client.ask("/fapi/v1/algoOrder", "clientAlgoId=t");
    assert_eq!((&over["algoStatus"], &over["actualQty"]), (&json!("FINISHED"), &json!("2.00")));
    assert_eq!(client.ask("/fapi/v3/positionRisk", ""), json!([]));
}

#[test]
fn the_dead_man_s_switch_is_wound_and_unwound() {
    let mut client = Client::new(Server::builder());
    client.order(&limit("SOLUSDT", "BUY", "1", "150", "GTC"));
    let wind = |client: &mut Client, time: u64| {
        client.done("POST", "/fapi/v1/countdownCancelAll", &format!("symbol=SOLUSDT&countdownTime={time}"))
    };
    assert_eq!(wind(&mut client, 10_000), json!({"symbol": "SOLUSDT", "countdownTime": "10000"}));
    client.wait(9_000);
    wind(&mut client, 10_000);
    client.wait(9_999);
    assert_eq!(client.ask("/fapi/v1/openOrders", "").as_array().unwrap().len(), 1);
    client.wait(1);
    assert_eq!(client.ask("/fapi/v1/openOrders", ""), json!([]));
    client.order(&limit("SOLUSDT", "BUY", "1", "150", "GTC"));
    wind(&mut client, 10_000);
    wind(&mut client, 0);
    client.wait(20_000);
    assert_eq!(client.ask("/fapi/v1/openOrders", "").as_array().unwrap().len(), 1);
}

#[test]
fn the_ledger_adds_up_through_a_liquidation() {
    let mut client = Client::new(Server::builder().account(AccountSpec::named("main").cash("1000")));
    client.done("POST", "/fapi/v1/leverage", "symbol=SOLUSDT&leverage=20");
    client.order(&market("SOLUSDT", "BUY", "100"));
    client.wait(8 * 3_600_000);
    client.order(&market("SOLUSDT", "SELL", "10"));
    client.price("SOLUSDT", "156");
    let forced = one(&client.ask("/fapi/v1/forceOrders", ""));
    assert_eq!((&forced["symbol"], &forced["executedQty"]), (&json!("SOLUSDT"), &json!("90.00")));
    let rows = client.ask("/fapi/v1/income", "limit=1000");
    let kinds: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["incomeType"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["COMMISSION", "FUNDING_FEE", "REALIZED_PNL", "COMMISSION", "REALIZED_PNL", "INSURANCE_CLEAR"]
    );
    let sum = |rows: &Value| {
        let amounts = rows.as_array().unwrap().iter().map(|row| row["income"].as_str().unwrap());
        amounts.fold(evenkeel_types::Decimal::ZERO, |sum, text| {
            sum + text.parse::<evenkeel_types::Decimal>().unwrap()
        })
    };
    let wallet: evenkeel_types::Decimal =
        client.ask("/fapi/v3/balance", "")[0]["balance"].as_str().unwrap().parse().unwrap();
    let away = (wallet - evenkeel_types::Decimal::from(1000) - sum(&rows)).abs();
    // Eight decimals of each row.
    assert!(away < evenkeel_types::Decimal::new(1, 7), "{away}: {rows}");
}
