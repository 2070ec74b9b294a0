//! Refusals: codes and texts.

use bytes::Bytes;
use http::Request;
use serde_json::json;

use super::support::{Client, limit, market, read};
use crate::binance::{Overload, Server};
use crate::{FaultRule, Gate, Venue};

const ORDER: &str = "/fapi/v1/order";

#[test]
fn parameters_of_orders() {
    let mut client = Client::new(Server::builder());
    let rows: &[(&str, i64)] = &[
        ("side=BUY&type=MARKET&quantity=1", -1102),
        ("symbol=NOUSDT&side=BUY&type=MARKET&quantity=1", -1121),
        ("symbol=SOLUSDT&side=UP&type=MARKET&quantity=1", -1117),
        ("symbol=SOLUSDT&type=MARKET&quantity=1", -1102),
        ("symbol=SOLUSDT&side=BUY&type=NONE&quantity=1", -1116),
        ("symbol=SOLUSDT&side=BUY&type=STOP_MARKET&quantity=1&stopPrice=100", -4120),
        ("symbol=SOLUSDT&side=BUY&type=MARKET", -1102),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=", -1105),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=abc", -1130),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=0", -4003),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=-1", -4003),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=0.001", -1111),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=90000", -4005),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=1&price=1", -1106),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=1&timeInForce=GTC", -1106),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=1&positionSide=UP", -4060),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=1&positionSide=LONG", -4061),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=1&newOrderRespType=FULL", -1130),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=1&newClientOrderId=a%20b", -4015),
        (
            "symbol=SOLUSDT&side=BUY&type=MARKET&quantity=1&newClientOrderId=0123456789012345678901234567890123456",
            -4015,
        ),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&price=160", -1102),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&timeInForce=GTC", -1102),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&price=160&timeInForce=XXX", -1115),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&price=160&timeInForce=GTD", -1102),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&price=160&timeInForce=GTD&goodTillDate=5", -5040),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&price=160.005&timeInForce=GTC", -4014),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&price=160.00005&timeInForce=GTC", -1111),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&price=0.1&timeInForce=GTC", -4013),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC", -4002),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&price=180&timeInForce=GTC", -4016),
        ("symbol=SOLUSDT&side=SELL&type=LIMIT&quantity=1&price=150&timeInForce=GTC", -4024),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=0.02&price=160&timeInForce=GTC", -4164),
        ("symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&timeInForce=GTC&priceMatch=NO", -5037),
        ("symbol=SOLUSDT&side=BUY&type=MARKET&quantity=2000", -2019),
    ];
    for (params, code) in rows {
        let (told, text) = client.refused("POST", ORDER, params);
        assert_eq!(told, *code, "{params}: {text}");
        assert_eq!(client.refused("POST", "/fapi/v1/order/test", params).0, *code, "{params}");
    }
    assert_eq!(
        client.refused("POST", ORDER, rows[0].0).1,
        "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
    );
    let text = "Order's notional must be no smaller than 5 (unless you choose reduce only).";
    assert_eq!(client.refused("POST", ORDER, &limit("SOLUSDT", "BUY", "0.02", "160", "GTC")).1, text);
    assert_eq!(client.done("POST", "/fapi/v1/order/test", &market("SOLUSDT", "BUY", "1")), json!({}));
    assert_eq!(client.ask("/fapi/v1/allOrders", ""), json!([]), "nothing that was refused or tried is kept");
}

#[test]
fn ids_may_come_again_when_their_order_is_over() {
    let mut client = Client::new(Server::builder());
    let order = format!("{}&newClientOrderId=x", limit("SOLUSDT", "BUY", "1", "160", "GTC"));
    let first = client.order(&order)["orderId"].clone();
    assert_eq!(client.refused("POST", ORDER, &order).0, -4116);
    client.done("DELETE", ORDER, "symbol=SOLUSDT&origClientOrderId=x");
    assert_ne!(client.order(&order)["orderId"], first);
    assert_eq!(client.ask(ORDER, "symbol=SOLUSDT&origClientOrderId=x")["status"], "NEW");
}

#[test]
fn positions_have_a_bound_by_leverage() {
    let spec = crate::binance::AccountSpec::named("main").cash("1000000");
    let mut client = Client::new(Server::builder().account(spec));
    client.done("POST", "/fapi/v1/leverage", "symbol=SOLUSDT&leverage=100");
    let (code, text) = client.refused("POST", ORDER, &market("SOLUSDT", "BUY", "301"));
    assert_eq!(
        (code, text.as_str()),
        (-2027, "Exceeded the maximum allowable position at current leverage.")
    );
}

#[test]
fn unknown_paths_and_orders() {
    let mut client = Client::new(Server::builder());
    let (status, body) = client.send(Request::get("/fapi/v1/nothing").body(Bytes::new()).unwrap());
    assert_eq!(
        (status, body),
        (404, json!({"code": -5000, "msg": "Path /fapi/v1/nothing, Method GET is invalid"}))
    );
    assert_eq!(
        client.refused("GET", ORDER, "symbol=SOLUSDT&orderId=5"),
        (-2013, "Order does not exist.".to_owned())
    );
    assert_eq!(
        client.refused("DELETE", ORDER, "symbol=SOLUSDT&orderId=5"),
        (-2011, "Unknown order sent.".to_owned())
    );
    assert_eq!(client.refused("GET", ORDER, "symbol=SOLUSDT").0, -1102);
    // An order of another symbol is none.
    let id = client.order(&market("SOLUSDT", "BUY", "1"))["orderId"].clone();
    assert_eq!(client.refused("GET", ORDER, &format!("symbol=ETHUSDT&orderId={id}")).0, -2013);
}

#[test]
fn counts_are_told_and_enforced() {
    let mut client = Client::new(Server::builder());
    let request = client.request("POST", ORDER, &limit("SOLUSDT", "BUY", "1", "150", "GTC"));
    let answer = client.server.handle(client.now, request);
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("x-mbx-used-weight-1m").as_deref(), Some("0"));
    assert_eq!(header("x-mbx-order-count-10s").as_deref(), Some("1"));
    assert_eq!(header("x-mbx-order-count-1m").as_deref(), Some("1"));
    for _ in 0..60 {
        client.ask("/fapi/v1/openOrders", "");
    }
    let request = client.request("GET", "/fapi/v1/openOrders", "");
    let answer = client.server.handle(client.now, request);
    // 61 times forty.
    assert_eq!(answer.headers()["x-mbx-used-weight-1m"], "2440");
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (429, "60"));
    assert_eq!(read(&answer).1["code"], -1003);
    client.wait(60_000);
    client.ask("/fapi/v1/openOrders", "");
    for _ in 0..300 {
        client.call("POST", ORDER, "symbol=SOLUSDT");
    }
    let (status, body) = client.call("POST", ORDER, "symbol=SOLUSDT");
    assert_eq!((status, &body["code"]), (429, &json!(-1015)), "{body}");
}

#[test]
fn the_four_kinds_of_503() {
    let client = Client::new(Server::builder());
    let rows = [
        (
            Overload::Unknown { applied: true },
            "Unknown error, please check your request or try again later.",
            1,
        ),
        (
            Overload::Unknown { applied: false },
            "Unknown error, please check your request or try again later.",
            0,
        ),
        (Overload::Unavailable, "Service Unavailable.", 0),
        (Overload::Internal, "Internal error; unable to process your request. Please try again.", 0),
        (
            Overload::Throttled,
            "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again.",
            0,
        ),
    ];
    for (kind, text, orders) in rows {
        let mut gate = Gate::new(client.server.clone(), 0);
        gate.inject([FaultRule::new(kind.fault()).on("order").nth(1)]);
        let request = client.request("POST", ORDER, &market("SOLUSDT", "BUY", "1"));
        let verdict = gate.judge(&request);
        let (status, body) = read(&gate.deliver(client.now, request, verdict).unwrap());
        assert_eq!((status, body["msg"].as_str()), (503, Some(text)));
        assert_eq!(gate.venue().world("main").unwrap().orders().len(), orders, "{kind:?}");
    }
}

#[test]
fn nothing_makes_it_panic() {
    let mut client = Client::new(Server::builder());
    let values = [
        "",
        "0",
        "-1",
        "1e9",
        "99999999999999999999999999999",
        "NaN",
        "%00",
        "%FF",
        "true",
        "[]",
        "{}",
        "null",
        "18446744073709551615",
    ];
    let names = [
        "symbol",
        "side",
        "type",
        "quantity",
        "price",
        "timeInForce",
        "orderId",
        "startTime",
        "limit",
        "batchOrders",
        "orderIdList",
        "leverage",
        "amount",
        "countdownTime",
        "callbackRate",
        "triggerPrice",
        "recvWindow",
        "goodTillDate",
    ];
    let paths = [
        "/fapi/v1/order",
        "/fapi/v1/batchOrders",
        "/fapi/v1/algoOrder",
        "/fapi/v1/leverage",
        "/fapi/v1/positionMargin",
        "/fapi/v1/countdownCancelAll",
        "/fapi/v1/allOrders",
        "/fapi/v1/userTrades",
        "/fapi/v1/income",
        "/fapi/v1/depth",
        "/fapi/v1/fundingRate",
        "/fapi/v1/multiAssetsMargin",
    ];
    for path in paths {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            for name in names {
                client.wait(300_000);
                for value in values {
                    let base = "algoType=CONDITIONAL&dualSidePosition=true&marginType=ISOLATED";
                    let rest = "symbol=SOLUSDT&side=BUY&type=LIMIT&quantity=1&price=150&timeInForce=GTC&leverage=5&amount=1&orderId=1";
                    let (status, _) = client.call(method, path, &format!("{name}={value}&{base}&{rest}"));
                    assert!(status < 500, "{method} {path} {name}={value}");
                }
            }
        }
    }
}

#[test]
fn a_question_has_its_parameters_in_the_query() {
    let mut client = Client::new(Server::builder());
    let request = client.request("GET", "/fapi/v1/order", "symbol=SOLUSDT");
    let (parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap().to_owned();
    let mut bare = Request::get("/fapi/v1/order").body(Bytes::from(query)).unwrap();
    bare.headers_mut().extend(parts.headers);
    bare.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    let (status, body) = client.send(bare);
    assert_eq!((status, &body["code"]), (400, &json!(-1102)), "{body}");
}
