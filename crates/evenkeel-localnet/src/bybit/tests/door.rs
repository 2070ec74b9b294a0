//! Who may come in: signatures, time, rights, limits, paths.

use bytes::Bytes;
use evenkeel_types::Timestamp;
use http::{Request, Response};
use serde_json::{Value, json};

use super::support::{Bot, START, fixture, limit, sign};
use crate::bybit::{AccountSpec, ApiKey, Server};
use crate::{Blueprint, Venue};

fn body(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

/// Requests of two other clients, whose signatures are theirs.
#[test]
fn requests_of_other_clients_are_let_in() {
    let Some(file) = fixture("bybit_signing_vectors.json") else {
        println!("skipped: no shared fixtures");
        return;
    };
    let mut count = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let (name, input) = (vector["name"].as_str().unwrap(), &vector["input"]);
        let signature = vector["expected"]["signature"].as_str().unwrap();
        let (Some(path), Some(secret)) = (input["path"].as_str(), input["api_secret"].as_str()) else {
            continue;
        };
        if !path.starts_with("/v5/") || secret.contains("PRIVATE KEY") || signature.len() != 64 {
            continue;
        }
        let time = input["timestamp_ms"].as_u64().unwrap();
        let mut server = Server::builder().build_at(Timestamp(time)).unwrap();
        server.floor.accounts[0].key = ApiKey::given(input["api_key"].as_str().unwrap(), secret);
        let window = input["recv_window_ms"].as_u64().unwrap();
        let query = input["query"].as_str().map_or(String::new(), |query| format!("?{query}"));
        let sent = |signature: &str| {
            let builder = Request::builder()
                .method(input["method"].as_str().unwrap())
                .uri(format!("{path}{query}"))
                .header("X-BAPI-API-KEY", input["api_key"].as_str().unwrap())
                .header("X-BAPI-TIMESTAMP", time.to_string())
                .header("X-BAPI-RECV-WINDOW", window.to_string())
                .header("X-BAPI-SIGN", signature);
            builder.body(Bytes::from(input["body"].as_str().unwrap_or_default().to_owned())).unwrap()
        };
        let code = |answer: Response<Bytes>| body(&answer)["retCode"].as_u64().unwrap();
        let good = code(server.handle(Timestamp(time), sent(signature)));
        if good == 10017 {
            continue; // A call that is not served here.
        }
        assert!(!matches!(good, 10001..=10004) || good == 10001, "{name}: {good}");
        let mut forged = signature[1..].to_owned();
        forged.push(if signature.starts_with('0') { '1' } else { '0' });
        assert_eq!(code(server.handle(Timestamp(time), sent(&forged))), 10004, "{name}");
        count += 1;
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn what_is_wrong_with_a_signed_request_is_said() {
    let mut bot = Bot::new(Server::builder());
    let info = |bot: &mut Bot, time: u64, window: Option<&str>, key: &str, secret: &str| {
        let text = window.unwrap_or_default();
        let mut request = Request::builder().uri("/v5/account/info").header("X-BAPI-API-KEY", key);
        if let Some(window) = window {
            request = request.header("X-BAPI-RECV-WINDOW", window);
        }
        let signature = sign(secret, &format!("{time}{key}{text}"));
        let request = request.header("X-BAPI-TIMESTAMP", time.to_string()).header("X-BAPI-SIGN", signature);
        let answer = bot.send(request.body(Bytes::new()).unwrap());
        assert_eq!(answer.status(), 200);
        let body = body(&answer);
        (body["retCode"].as_u64().unwrap(), body["retMsg"].as_str().unwrap().to_owned())
    };
    let (id, secret) = (bot.key.id().to_owned(), bot.key.secret().to_owned());
    let now = START.0;
    for (time, window, code) in [
        (now, None, 0),
        (now - 5000, None, 0),
        (now - 5001, None, 10002),
        (now + 999, Some("5000"), 0),
        (now + 1000, Some("60000"), 10002),
        (now - 9999, Some("10000"), 0),
        (now - 1001, Some("1000"), 10002),
        (now, Some("-1"), 10002),
    ] {
        assert_eq!(info(&mut bot, time, window, &id, &secret).0, code, "{time} {window:?}");
    }
    let late = info(&mut bot, now - 20_000, Some("5000"), &id, &secret).1;
    let text = format!(
        "invalid request, please check your server timestamp or recv_window param. \
         req_timestamp[{}],server_timestamp[{now}],recv_window[5000]",
        now - 20_000
    );
    assert_eq!(late, text);
    assert_eq!(info(&mut bot, now, None, "nobody", &secret), (10003, "API key is invalid.".to_owned()));
    let forged = info(&mut bot, now, Some("5000"), &id, "wrong");
    assert_eq!(forged, (10004, format!("error sign! origin_string[{now}{id}5000]")));
    let bare = Request::get("/v5/account/info").body(Bytes::new()).unwrap();
    let bare = body(&bot.send(bare));
    assert_eq!(bare["retCode"], 10001);
    assert_eq!(
        bare["retMsg"],
        "empty value: apiTimestamp[] apiKey[] apiSignature[]: openapi sign params error!"
    );
    // What is signed is what is sent: another body under a good signature.
    let signature = sign(&secret, &format!("{now}{id}{}", json!({"category": "linear"})));
    let other = Request::post("/v5/order/create")
        .header("X-BAPI-API-KEY", &id)
        .header("X-BAPI-TIMESTAMP", now.to_string())
        .header("X-BAPI-SIGN", signature)
        .body(Bytes::from("{\"category\": \"linear\"}"))
        .unwrap();
    assert_eq!(body(&bot.send(other))["retCode"], 10004);
}

#[test]
fn a_key_that_may_only_read_reads() {
    let mut bot =
        Bot::new(Server::builder().account(AccountSpec::named("a")).account(AccountSpec::named("b")));
    bot.key = bot.server.read_key("b").unwrap().clone();
    assert_eq!(bot.ask("user/query-api", "")["readOnly"], 1);
    let order = limit("SOLUSDT", "Buy", "1", "150");
    assert_eq!(
        bot.refused("order/create", order.clone()),
        (10005, "Permission denied, please check your API key permissions.".to_owned())
    );
    let batch = json!({"category": "linear", "request": [order]});
    assert_eq!(bot.refused("order/create-batch", batch).0, 10005);
    assert!(bot.server.world("b").unwrap().orders().is_empty());
    bot.key = bot.server.key("b").unwrap().clone();
    assert_eq!(bot.ask("user/query-api", "")["readOnly"], 0);
}

#[test]
fn calls_are_counted_by_key_and_call() {
    let mut bot = Bot::new(Server::builder());
    let header = |answer: &Response<Bytes>, name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    for left in (0..5_u32).rev() {
        let answer = bot.signed("/v5/account/fee-rate", Some("category=linear&symbol=BTCUSDT"), None);
        assert_eq!(body(&answer)["retCode"], 0);
        assert_eq!(header(&answer, "X-Bapi-Limit"), "5");
        assert_eq!(header(&answer, "X-Bapi-Limit-Status"), left.to_string());
        assert_eq!(header(&answer, "X-Bapi-Limit-Reset-Timestamp"), bot.now.0.to_string());
    }
    let answer = bot.signed("/v5/account/fee-rate", Some("category=linear"), None);
    assert_eq!((answer.status().as_u16(), body(&answer)["retCode"].as_u64()), (200, Some(10006)));
    assert_eq!(header(&answer, "X-Bapi-Limit-Reset-Timestamp"), (START.0 + 1000).to_string());
    assert_eq!(bot.get("account/info", "")["retCode"], 0, "other calls have limits of their own");
    bot.wait(999);
    assert_eq!(bot.get("account/fee-rate", "category=linear")["retCode"], 10006);
    bot.wait(1);
    assert_eq!(bot.get("account/fee-rate", "category=linear")["retCode"], 0);
}

#[test]
fn each_order_of_a_batch_counts_and_only_the_tail_fails() {
    let mut bot = Bot::new(Server::builder());
    let order = |n: u32| limit("SOLUSDT", "Buy", "0.1", &format!("1{n:02}"));
    let request: Vec<Value> = (0..12).map(order).collect();
    let answer = bot.post("order/create-batch", json!({"category": "linear", "request": request}));
    let codes: Vec<u64> = answer["retExtInfo"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["code"].as_u64().unwrap())
        .collect();
    assert_eq!(codes, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10006, 10006]);
    assert_eq!(bot.server.world("main").unwrap().orders().len(), 10);
    let too_many = json!({"category": "linear", "request": vec![order(1); 21]});
    bot.wait(1000);
    assert_eq!(bot.refused("order/create-batch", too_many).0, 10001);
}

#[test]
fn unknown_ways_and_bodies_are_turned_away() {
    let mut bot = Bot::new(Server::builder());
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v5/market/nothing"),
        ("POST", "/v5/market/time"),
        ("GET", "/v5/order/create"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Bytes::new()).unwrap();
        assert_eq!(bot.send(request).status(), 404, "{method} {path}");
    }
    let with_body = Request::get("/v5/market/time").body(Bytes::from("{}")).unwrap();
    assert_eq!(bot.send(with_body).status(), 403);
    let answer = bot.signed("/v5/order/create", None, Some(&json!([1])));
    assert_eq!(body(&answer)["retCode"], 10001);
    assert!(answer.headers().contains_key("X-Bapi-Limit-Status"));
    let many = Server::too_many_requests(START);
    assert_eq!((many.status().as_u16(), body(&many)["retCode"].as_u64()), (200, Some(10006)));
    assert_eq!(body(&many)["time"], START.0);
    let reset = many.headers()["x-bapi-limit-reset-timestamp"].to_str().unwrap();
    assert_eq!(reset, (START.0 + 1000).to_string());
    let call = Server::call(&Request::post("/v5/order/create").body(Bytes::new()).unwrap());
    assert_eq!(
        (call.name.as_str(), call.path.as_str(), call.is_write),
        ("order/create", "/v5/order/create", true)
    );
    let call = Server::call(&Request::get("/v5/position/list?x=1").body(Bytes::new()).unwrap());
    assert_eq!((call.name.as_str(), call.is_write), ("position/list", false));
}

/// Whatever comes in, something goes out.
#[test]
fn nothing_that_is_sent_breaks_it() {
    let mut bot = Bot::new(Server::builder());
    let odd = [
        json!(null),
        json!(""),
        json!("x"),
        json!("-1"),
        json!("0"),
        json!("1e5"),
        json!("99999999999999999999999999999"),
        json!("79228162514264337593543950335"),
        json!("0.0000000000000000000000000001"),
        json!(1.5),
        json!([]),
        json!({}),
        json!(true),
        json!("BTCUSDT"),
        json!("linear"),
        json!("é%"),
        json!(u64::MAX),
    ];
    let fields = [
        "category",
        "symbol",
        "side",
        "orderType",
        "qty",
        "price",
        "triggerPrice",
        "triggerDirection",
        "positionIdx",
        "orderId",
        "orderLinkId",
        "takeProfit",
        "stopLoss",
        "trailingStop",
        "buyLeverage",
        "sellLeverage",
        "margin",
        "mode",
        "setMarginMode",
        "timeWindow",
        "product",
        "request",
        "settleCoin",
        "amount",
        "transferId",
        "coin",
        "limit",
        "cursor",
        "startTime",
        "endTime",
    ];
    let base = json!({
        "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001", "price": "100000",
        "buyLeverage": "5", "sellLeverage": "5", "margin": "1", "mode": 3, "setMarginMode": "ISOLATED_MARGIN",
        "timeWindow": 10, "settleCoin": "USDT", "amount": "1", "transferId": "t", "coin": "USDT",
        "fromAccountType": "UNIFIED", "toAccountType": "FUND",
    });
    for endpoint in crate::bybit::routes::ENDPOINTS {
        for field in fields {
            for value in &odd {
                bot.now = bot.now.after(std::time::Duration::from_millis(1100));
                let mut body = base.clone();
                body[field] = value.clone();
                let answer = if endpoint.method == http::Method::POST {
                    bot.signed(endpoint.path, None, Some(&body))
                } else {
                    let pair = |(name, value): (&String, &Value)| {
                        Some(format!("{name}={}", value.as_str()?.replace('é', "%C3%A9")))
                    };
                    let query: Vec<String> = body.as_object().unwrap().iter().filter_map(pair).collect();
                    bot.signed(endpoint.path, Some(&query.join("&")), None)
                };
                let told: Value = serde_json::from_slice(answer.body()).unwrap();
                assert!(told["retCode"].is_u64(), "{} {field} {value}", endpoint.path);
            }
        }
    }
}
