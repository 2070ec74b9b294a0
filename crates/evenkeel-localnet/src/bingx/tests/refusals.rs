//! What is refused, in the venue's codes and words.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::support::{BTC, Bot, SOL, digest};
use crate::Venue;
use crate::bingx::routes::ROUTES;
use crate::bingx::{Environment, Server};

fn body(bot: &mut Bot, request: Request<Bytes>) -> Value {
    let answer = bot.server.handle(bot.now, request);
    assert_eq!(answer.status(), 200);
    serde_json::from_slice(answer.body()).unwrap()
}

#[test]
fn keys_and_signatures_are_verified() {
    let mut bot = Bot::flat();
    let path = "swap/v3/user/balance";
    let good = bot.signed(&[]);
    let request = bot.request("GET", path, &good);
    assert_eq!(body(&mut bot, request)["code"], 0);
    let key = bot.key.clone();
    for (key, query, code) in [
        ("nobody", good.clone(), 100_413),
        ("", good.clone(), 100_413),
        (&key, String::new(), 100_412),
        (&key, format!("a=1&{good}"), 100_001),
        (&key, good.replace("signature=", "signature=0"), 100_001),
        (&key, format!("signature={}", digest(&bot.secret, "")), 100_421),
    ] {
        let uri = format!("/openApi/{path}?{query}");
        let request = Request::get(uri).header("X-BX-APIKEY", key).body(Bytes::new()).unwrap();
        let answer = body(&mut bot, request);
        assert_eq!((&answer["code"], &answer["timestamp"]), (&code.into(), &bot.now.0.into()), "{query}");
    }
}

#[test]
fn requests_are_good_for_five_seconds_at_most() {
    for (age, window, code) in [
        (5000, "5000", 0),
        (5001, "5000", 109_400),
        (5001, "60000", 109_400),
        (2000, "2000", 0),
        (2000, "1999", 109_400),
    ] {
        let mut bot = Bot::flat();
        let query = bot.signed(&[("recvWindow", window)]);
        let request = bot.request("GET", "swap/v3/user/balance", &query);
        bot.pass(age);
        let answer = body(&mut bot, request);
        assert_eq!(answer["code"], code, "{age} {window}");
        if code != 0 {
            assert_eq!((&answer["msg"], &answer["data"]), (&"timestamp is invalid".into(), &json!({})));
        }
    }
}

#[test]
fn unknown_paths_and_verbs_are_told_apart() {
    let mut bot = Bot::flat();
    // Position mode lives under v1.
    assert_eq!(bot.refused("GET", "swap/v2/positionSide/dual", &[]).0, 100_404);
    assert_eq!(bot.refused("DELETE", "swap/v2/user/positions", &[]).0, 100_400);
    assert_eq!(bot.refused("POST", "swap/v1/trade/getVst", &[]).0, 100_404);
}

#[test]
fn parameters_are_checked() {
    let mut bot = Bot::flat();
    let order = "swap/v2/trade/order";
    let missing = |name: &str| (109_400, format!("Invalid parameters, err:{name}: This field is required."));
    assert_eq!(bot.refused("POST", order, &[]), missing("symbol"));
    assert_eq!(bot.refused("POST", order, &[("symbol", SOL)]), missing("side"));
    assert_eq!(bot.refused("POST", order, &[("symbol", SOL), ("side", "BUY")]), missing("type"));
    let (code, text) = bot.refused("POST", order, &[("symbol", "NO-USDT"), ("side", "BUY")]);
    assert_eq!((code, &text[..17]), (109_425, "NO-USDT not exist"));
    assert_eq!(bot.order_refused([SOL, "BUY", "LIMIT"], &[("quantity", "1")]), missing("price"));
    let quantity = (109_400, "parameter quantity or stopPrice is must".to_owned());
    assert_eq!(bot.order_refused([SOL, "BUY", "MARKET"], &[]), quantity);
    for (name, value) in [
        ("side", "buy"),
        ("type", "ICEBERG"),
        ("positionSide", "UP"),
        ("timeInForce", "GTX"),
        ("workingType", "LAST"),
        ("quantity", "one"),
        ("quantity", "-1"),
        ("price", "0x1"),
        ("reduceOnly", "maybe"),
        ("clientOrderId", "has a blank"),
        ("clientOrderId", "12345678901234567890123456789012345678901"),
    ] {
        let mut more = vec![("quantity", "1"), ("price", "150")];
        more.retain(|(known, _)| *known != name);
        more.push((name, value));
        let (code, text) = bot.order_refused([SOL, "BUY", "LIMIT"], &more);
        assert_eq!((code, text.contains(name)), (109_400, true), "{name} {value}: {text}");
    }
    for value in ["2.5", "0", "-1", "x", "99999999999999999999"] {
        let params = [("symbol", SOL), ("side", "BOTH"), ("leverage", value)];
        assert_ne!(bot.refused("POST", "swap/v2/trade/leverage", &params).0, 0, "{value}");
    }
    assert!(bot.open().is_empty());
}

#[test]
fn orders_are_refused_with_their_codes() {
    let mut bot = Bot::flat();
    let notional = "Please ensure that the minimum nominal value of the order placed must be greater than 2u";
    for (symbol, qty, price, code, text) in [
        ("LINK-USDT", "0.1", "30", 101_400, "The minimum order amount is 0.2 LINK."),
        (SOL, "0.01", "100", 110_425, notional),
        (BTC, "2", "107000", 101_204, "Insufficient margin"),
    ] {
        let found = bot.order_refused([symbol, "BUY", "LIMIT"], &[("quantity", qty), ("price", price)]);
        assert_eq!(found, (code, text.to_owned()));
    }
    let stop = [("quantity", "1"), ("stopPrice", "140")];
    assert_eq!(bot.order_refused([SOL, "SELL", "STOP_MARKET"], &stop).0, 101_205);
    let post = [("quantity", "1"), ("price", "170"), ("timeInForce", "PostOnly")];
    assert_eq!(bot.order_refused([SOL, "BUY", "LIMIT"], &post).0, 101_215);
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "2")]);
    let above = [("quantity", "1"), ("stopPrice", "170")];
    let text = "SL Price must be lower than Last Price".to_owned();
    assert_eq!(bot.order_refused([SOL, "SELL", "STOP_MARKET"], &above), (101_400, text));
    let reduce = [("quantity", "3"), ("reduceOnly", "true")];
    assert_eq!(bot.order_refused([SOL, "SELL", "MARKET"], &reduce).0, 101_290);
    assert_eq!(bot.order_refused([SOL, "BUY", "MARKET"], &reduce).0, 101_205);
    let named = [("quantity", "1"), ("price", "150"), ("clientOrderID", "Same1")];
    bot.order([SOL, "BUY", "LIMIT"], &named);
    assert_eq!(bot.order_refused([SOL, "BUY", "LIMIT"], &named).0, 101_481);
    let invalid_stop = r#"{"type":"STOP_MARKET","stopPrice":180,"workingType":"MARK_PRICE"}"#;
    let attached = [("quantity", "1"), ("stopLoss", invalid_stop)];
    // The whole entry is refused.
    assert_eq!(bot.order_refused([SOL, "BUY", "MARKET"], &attached).0, 101_400);
    assert_eq!(bot.positions()[0]["positionAmt"], "2.00");
}

#[test]
fn settings_are_refused_with_their_codes() {
    let mut bot = Bot::flat();
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "2")]);
    let margin_type = "swap/v2/trade/marginType";
    let flat_first = "Please close open positions or cancel pending orders first".to_owned();
    let isolated = [("symbol", SOL), ("marginType", "ISOLATED")];
    assert_eq!(bot.refused("POST", margin_type, &isolated), (104_103, flat_first));
    // The mode that it has is no mistake.
    assert_eq!(bot.post(margin_type, &[("symbol", SOL), ("marginType", "CROSSED")])["marginType"], "CROSSED");
    assert_eq!(bot.refused("POST", "swap/v1/positionSide/dual", &[("dualSidePosition", "true")]).0, 104_103);
    let margin = [("symbol", SOL), ("amount", "5"), ("type", "1")];
    assert_eq!(bot.refused("POST", "swap/v2/trade/positionMargin", &margin).0, 101_479);
    let soon = [("type", "ACTIVATE"), ("timeOut", "5")];
    assert_eq!(bot.refused("POST", "swap/v2/trade/cancelAllAfter", &soon).0, 109_400);
    // Twice the position at half the leverage needs more than there is.
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "200")]);
    let low = [("symbol", SOL), ("side", "BOTH"), ("leverage", "2")];
    let poor = (109_400, "margin is not enough".to_owned());
    assert_eq!(bot.refused("POST", "swap/v2/trade/leverage", &low), poor);
}

#[test]
fn sides_belong_to_the_position_mode() {
    let (mut one_way, mut hedged) = (Bot::flat(), Bot::hedged());
    let long = [("quantity", "1"), ("price", "150"), ("positionSide", "LONG")];
    let text = "In the One-way mode, the 'PositionSide' field can only be set to BOTH.".to_owned();
    assert_eq!(one_way.order_refused([SOL, "BUY", "LIMIT"], &long), (109_400, text));
    hedged.order([SOL, "BUY", "LIMIT"], &long);
    assert!(hedged.order_refused([SOL, "BUY", "LIMIT"], &long[..2]).1.contains("LONG or SHORT"));
    let reduce = [("quantity", "1"), ("positionSide", "LONG"), ("reduceOnly", "true")];
    assert_eq!(hedged.order_refused([SOL, "SELL", "MARKET"], &reduce).0, 109_400);
    let set = |side: &'static str| [("symbol", BTC), ("side", side), ("leverage", "7")];
    let path = "swap/v2/trade/leverage";
    assert!(one_way.refused("POST", path, &set("LONG")).1.contains("'Side' field can only be set to BOTH"));
    assert!(hedged.refused("POST", path, &set("BOTH")).1.contains("LONG or SHORT"));
    hedged.post(path, &set("LONG"));
    let setting = hedged.get(path, &[("symbol", BTC)]);
    assert_eq!((&setting["longLeverage"], &setting["shortLeverage"]), (&7.into(), &10.into()));
}

#[test]
fn the_demo_has_other_money_and_pretends_to_take_any_leverage() {
    let set = [("symbol", SOL), ("side", "BOTH"), ("leverage", "500")];
    let path = "swap/v2/trade/leverage";
    assert_eq!(Bot::flat().refused("POST", path, &set).0, 101_414);
    let mut demo = Bot::new(Server::builder().environment(Environment::Demo));
    assert_eq!(demo.post(path, &set)["leverage"], 500);
    assert_eq!(demo.get(path, &[("symbol", SOL)])["longLeverage"], 10);
    assert_eq!(demo.post("swap/v1/trade/getVst", &[])["amount"], "10000");
    let balance = demo.get("swap/v3/user/balance", &[]);
    assert_eq!((&balance[0]["balance"], &balance[0]["asset"]), (&"20000.0000".into(), &"VST".into()));
}

#[test]
fn too_many_requests_wait_for_the_window() {
    let mut bot = Bot::flat();
    let path = "swap/v2/trade/marginType";
    let left = |answer: &Response<Bytes>| {
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        (header("X-RateLimit-Requests-Remain"), header("X-RateLimit-Requests-Expire"))
    };
    let answer = bot.raw("GET", path, &[("symbol", SOL)]);
    assert_eq!(left(&answer), ("1".to_owned(), "1000".to_owned()));
    bot.pass(400);
    let answer = bot.raw("GET", path, &[("symbol", SOL)]);
    assert_eq!(left(&answer), ("0".to_owned(), "600".to_owned()));
    let answer = bot.raw("GET", path, &[("symbol", SOL)]);
    let said: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!((answer.status().as_u16(), &said["code"]), (200, &100_410.into()));
    assert!(said["msg"].as_str().unwrap().ends_with(&(bot.now.0 + 600).to_string()), "{said}");
    // The fault has the same words.
    let injected = Server::too_many_requests(bot.now);
    let told: Value = serde_json::from_slice(injected.body()).unwrap();
    assert_eq!((injected.status(), &told["code"]), (answer.status(), &said["code"]));
    assert_eq!(left(&injected), ("0".to_owned(), "1000".to_owned()));
    assert!(told["msg"].as_str().unwrap().ends_with(&(bot.now.0 + 1000).to_string()), "{told}");
    bot.pass(600);
    assert_eq!(bot.raw("GET", path, &[("symbol", SOL)]).headers()["x-ratelimit-requests-remain"], "1");
}

/// Whatever is sent, there is an answer, and it is JSON.
#[test]
fn no_request_panics() {
    const NAMES: [&str; 22] = [
        "side",
        "type",
        "positionSide",
        "quantity",
        "price",
        "stopPrice",
        "priceRate",
        "activationPrice",
        "quoteOrderQty",
        "leverage",
        "amount",
        "orderId",
        "startTs",
        "endTs",
        "startTime",
        "endTime",
        "limit",
        "pageIndex",
        "pageSize",
        "batchOrders",
        "orderIdList",
        "stopLoss",
    ];
    const ODD: [&str; 14] = [
        "",
        "0",
        "-1",
        "79228162514264337593543950335",
        "1e28",
        "1e-28",
        "18446744073709551615",
        "NaN",
        "[]",
        "{}",
        "[{}]",
        "null",
        "[[[",
        "\u{0}\u{1f4a9}",
    ];
    let order = [
        ("symbol", BTC),
        ("side", "BUY"),
        ("positionSide", "BOTH"),
        ("quantity", "0.01"),
        ("price", "100000"),
        ("stopPrice", "110000"),
        ("priceRate", "0.1"),
        ("leverage", "5"),
        ("amount", "1"),
        ("orderId", "1"),
    ];
    for route in ROUTES {
        let path = route.path.trim_start_matches("/openApi/");
        let mut bot = Bot::flat();
        for name in NAMES {
            for odd in ODD {
                for kind in ["LIMIT", "TRIGGER_MARKET", "TRAILING_STOP_MARKET"] {
                    let mut params = order.to_vec();
                    params.push(("type", kind));
                    params.retain(|(known, _)| *known != name);
                    params.push((name, odd));
                    bot.pass(1000);
                    let answer = bot.raw(route.method, path, &params);
                    let parsed: Result<Value, _> = serde_json::from_slice(answer.body());
                    let silent = route.keyed && answer.body().is_empty();
                    assert!(parsed.is_ok() || silent, "{path} {name}={odd}: {:?}", answer.body());
                }
            }
        }
    }
}
