//! What is said on sockets, in the shape of the recorded messages, and what lines do to it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::support::{Bot, START, fixture, limit, orders};
use crate::hyperliquid::{AccountSpec, Server};
use crate::{Blueprint as _, Fault, FaultRule, Frame, Gate, SocketId, Venue as _};

const SOCKET: SocketId = SocketId(7);

fn request(path: &str) -> Request<Bytes> {
    Request::get(path).body(Bytes::new()).unwrap()
}

fn listening(subscriptions: &[Value]) -> Bot {
    let mut bot = Bot::new(Server::builder().account(AccountSpec::named("main").cash("10000")));
    assert!(bot.server.open(START, SOCKET, request("/ws")).is_none());
    for subscription in subscriptions {
        say(&mut bot, &json!({"method": "subscribe", "subscription": subscription}));
    }
    bot
}

fn say(bot: &mut Bot, message: &Value) {
    bot.server.hear(bot.now, SOCKET, &message.to_string());
}

/// What is on its way, as JSON; the greeting is not.
fn heard(bot: &mut Bot) -> Vec<Value> {
    let texts = bot.server.pushes().into_iter().map(|push| match push.frame {
        Frame::Text(text) => text,
        other => panic!("{other:?}"),
    });
    texts.filter_map(|text| serde_json::from_str(&text).ok()).collect()
}

fn user(bot: &Bot) -> String {
    bot.account.to_string()
}

fn about(kind: &str) -> Value {
    let bot = Bot::new(Server::builder().account(AccountSpec::named("main").cash("10000")));
    json!({"type": kind, "user": user(&bot)})
}

/// The same fields with the same kinds of values, wherever the recorded one has any.
fn same_shape(path: &str, recorded: &Value, ours: &Value) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            let keys = |object: &serde_json::Map<String, Value>| {
                let mut keys: Vec<String> = object.keys().filter(|key| *key != "cloid").cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(ours), keys(recorded), "{path}");
            for (key, value) in recorded.iter().filter(|(key, _)| *key != "cloid") {
                same_shape(&format!("{path}.{key}"), value, &ours[key]);
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            if let (Some(recorded), Some(ours)) = (recorded.last(), ours.last()) {
                same_shape(&format!("{path}[]"), recorded, ours);
            }
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null) => {}
        _ => panic!("{path}: {recorded} was recorded, {ours} is ours"),
    }
}

fn recorded(name: &str, ours: &Value) {
    if let Some(recorded) = fixture(&format!("recorded/hyperliquid/{name}")) {
        same_shape(name, &recorded, ours);
    }
}

#[test]
fn an_order_that_trades_is_told_with_its_execution() {
    let mut bot = listening(&[about("orderUpdates"), about("userEvents"), about("userFills")]);
    let confirmed = heard(&mut bot);
    assert_eq!(confirmed.len(), 4, "{confirmed:?}");
    let wanted = json!({"channel": "subscriptionResponse",
        "data": {"method": "subscribe", "subscription": about("orderUpdates")}});
    assert_eq!(confirmed[0], wanted);
    let snapshot = json!({"isSnapshot": true, "user": user(&bot), "fills": []});
    assert_eq!(confirmed[3], json!({"channel": "userFills", "data": snapshot}));
    assert_eq!(heard(&mut bot), [] as [Value; 0]);

    // The ask is 166.41, and what is bought slips by two basis points at most.
    bot.now = START.after(Duration::from_secs(1));
    let status = bot.order(limit(2, true, "166.5", "2", "Gtc"));
    let oid = &status["filled"]["oid"];
    let told = heard(&mut bot);
    let channels: Vec<&str> = told.iter().map(|message| message["channel"].as_str().unwrap()).collect();
    assert_eq!(channels, ["orderUpdates", "user", "userFills"]);
    let rows = told[0]["data"].as_array().unwrap();
    let short: Vec<_> = rows.iter().map(|row| (&row["status"], &row["order"]["sz"])).collect();
    assert_eq!(short, [(&json!("open"), &json!("2.0")), (&json!("filled"), &json!("0.0"))]);
    let order = &rows[1]["order"];
    assert_eq!((&order["oid"], &order["limitPx"], &order["origSz"]), (oid, &json!("166.5"), &json!("2.0")));
    recorded("ws_orderUpdates_2.json", &told[0]);
    let fill = &told[1]["data"]["fills"][0];
    assert_eq!(
        (&fill["coin"], &fill["sz"], &fill["dir"]),
        (&json!("SOL"), &json!("2.0"), &json!("Open Long"))
    );
    assert_eq!(told[2]["data"]["fills"][0], *fill);
    assert_eq!(told[2]["data"].get("isSnapshot"), None);
    assert_eq!(heard(&mut bot), [] as [Value; 0]);
}

#[test]
fn an_order_that_rests_and_is_cancelled_is_told_twice() {
    let mut bot = listening(&[about("orderUpdates"), about("openOrders")]);
    heard(&mut bot);
    let oid = bot.order(limit(2, true, "150", "1", "Gtc"))["resting"]["oid"].clone();
    let told = heard(&mut bot);
    assert_eq!(told[0]["data"][0]["status"], "open");
    recorded("ws_orderUpdates_1.json", &told[0]);
    assert_eq!(told[1]["data"]["orders"][0]["oid"], oid);
    bot.statuses(json!({"type": "cancel", "cancels": [{"a": 2, "o": oid}]}));
    let told = heard(&mut bot);
    let row = &told[0]["data"][0];
    assert_eq!((&row["status"], &row["order"]["oid"]), (&json!("canceled"), &oid));
    recorded("ws_orderUpdates_3.json", &told[0]);
    assert_eq!(told[1]["data"]["orders"], json!([]));
}

#[test]
fn funding_and_money_are_told() {
    let mut bot =
        listening(&[about("userEvents"), about("userFundings"), about("userNonFundingLedgerUpdates")]);
    bot.order(limit(2, true, "166.5", "2", "Ioc"));
    heard(&mut bot);
    bot.server.deposit("main", "500".parse().unwrap()).unwrap();
    let told = heard(&mut bot);
    let delta = &told[0]["data"]["nonFundingLedgerUpdates"][0]["delta"];
    assert_eq!((told.len(), delta), (1, &json!({"type": "deposit", "usdc": "500.0"})));
    bot.server.advance_to(START.after(Duration::from_secs(3600)));
    let told = heard(&mut bot);
    assert_eq!(told.len(), 2);
    recorded("ws_user_1.json", &told[0]);
    let funding = &told[0]["data"]["funding"];
    assert_eq!((&funding["coin"], &funding["szi"]), (&json!("SOL"), &json!("2.0")));
    assert_eq!(told[1]["data"]["fundings"][0], *funding);
}

#[test]
fn what_is_told_whole_comes_at_once_and_when_it_changes() {
    let context = json!({"type": "activeAssetCtx", "coin": "SOL"});
    let mut bot = listening(&[
        context,
        json!({"type": "allMids"}),
        json!({"type": "bbo", "coin": "SOL"}),
        about("clearinghouseState"),
    ]);
    let told = heard(&mut bot);
    assert_eq!(told.len(), 8);
    recorded("ws_activeAssetCtx_1.json", &told[4]);
    assert_eq!(told[5]["data"]["mids"]["SOL"], "166.4");
    assert_eq!(told[6]["data"]["bbo"][1]["px"], "166.41");
    assert_eq!(told[7]["data"]["clearinghouseState"]["withdrawable"], "10000.0");
    // Later alone is no news.
    bot.server.advance_to(START.after(Duration::from_secs(5)));
    assert_eq!(heard(&mut bot), [] as [Value; 0]);
    bot.server.set_price(&"SOL".parse().unwrap(), "150".parse().unwrap()).unwrap();
    let told = heard(&mut bot);
    assert_eq!(told.len(), 3);
    assert_eq!(
        (&told[0]["data"]["ctx"]["markPx"], &told[1]["data"]["mids"]["SOL"]),
        (&json!("150.0"), &json!("150.0"))
    );
}

#[test]
fn leverage_is_told_to_who_listens_to_it() {
    let mut asked = about("activeAssetData");
    asked["coin"] = json!("SOL");
    let mut bot = listening(&[asked]);
    heard(&mut bot);
    bot.done(json!({"type": "updateLeverage", "asset": 2, "isCross": true, "leverage": 5}));
    assert_eq!(heard(&mut bot)[0]["data"]["leverage"], json!({"type": "cross", "value": 5}));
}

#[test]
fn calls_go_through_the_socket_too() {
    let mut bot = listening(&[]);
    let post = |id: u64, kind: &str, payload: Value| json!({"method": "post", "id": id, "request": {"type": kind, "payload": payload}});
    say(&mut bot, &post(1, "info", json!({"type": "exchangeStatus"})));
    let order = orders(&[limit(2, true, "150", "0.01", "Gtc")]);
    let nonce = bot.nonce + 1;
    let signed = bot.signed(&order, nonce, None);
    say(&mut bot, &post(3_000_001, "action", signed));
    say(&mut bot, &post(2, "info", json!({"type": "nonsense"})));
    let told = heard(&mut bot);
    assert_eq!(told[0]["data"]["response"]["payload"]["type"], "exchangeStatus");
    let refused = json!({"error": "Order must have minimum value of $10. asset=2"});
    assert_eq!(told[1]["data"]["response"]["payload"]["response"]["data"]["statuses"][0], refused);
    recorded("ws_post_order_1.json", &told[1]);
    assert_eq!(told[2]["data"]["response"]["type"], "error");
    assert!(told[2]["data"]["response"]["payload"].as_str().unwrap().starts_with("422: "));
}

#[test]
fn what_cannot_be_had_is_refused_in_the_venues_words() {
    let mut bot = listening(&[about("orderUpdates")]);
    heard(&mut bot);
    say(&mut bot, &json!({"method": "ping"}));
    let asked = about("orderUpdates");
    say(&mut bot, &json!({"method": "subscribe", "subscription": asked}));
    say(&mut bot, &json!({"method": "subscribe", "subscription": about("webData2")}));
    say(&mut bot, &json!({"method": "subscribe", "subscription": {"type": "l2Book", "coin": "NONE"}}));
    bot.server.hear(START, SOCKET, "what?");
    let told = heard(&mut bot);
    assert_eq!(told[0], json!({"channel": "pong"}));
    let errors: Vec<&str> = told[1..].iter().map(|told| told["data"].as_str().unwrap()).collect();
    assert_eq!(errors[0], format!("Already subscribed: {asked}"));
    assert!(errors[1].starts_with("Invalid subscription {"), "{}", errors[1]);
    assert!(errors[2].starts_with("Invalid subscription {"), "{}", errors[2]);
    assert_eq!(errors[3], "Error parsing JSON into valid websocket request: what?");
    say(&mut bot, &json!({"method": "unsubscribe", "subscription": asked}));
    assert_eq!(heard(&mut bot)[0]["data"]["method"], "unsubscribe");
    bot.order(limit(2, true, "150", "1", "Gtc"));
    assert_eq!(heard(&mut bot), [] as [Value; 0]);
    // There is one path, and it is not this one.
    let refused = bot.server.open(START, SocketId(8), request("/info")).unwrap();
    assert_eq!(refused.status(), 405);
}

#[test]
fn pushes_are_lost_late_and_cut_by_rule() {
    let blueprint = Server::builder()
        .account(AccountSpec::named("main").cash("10000"))
        .account(AccountSpec::named("other").cash("10"));
    let mut gate = Gate::new(blueprint.build_at(START).unwrap(), 1);
    assert_eq!(gate.pushes(), []);
    let open = |gate: &mut Gate<Server>| {
        let request = request("/ws");
        let verdict = gate.judge(&request);
        gate.open(START, request, verdict).unwrap().unwrap()
    };
    let (first, second) = (open(&mut gate), open(&mut gate));
    for (socket, at) in [(first, 0), (second, 1)] {
        let user = gate.venue().addresses()[at].to_string();
        let asked = json!({"type": "userNonFundingLedgerUpdates", "user": user});
        gate.hear(START, socket, &json!({"method": "subscribe", "subscription": asked}).to_string());
    }
    // The greeting, the confirmation and what was before, of both.
    assert_eq!((gate.pushes().len(), gate.sockets()), (6, 2));
    let topic = "userNonFundingLedgerUpdates";
    gate.inject([
        FaultRule::new(Fault::LosePush).on(topic).account("main").nth(1),
        FaultRule::new(Fault::DelayPush(Duration::from_secs(3))).on("/ws").account("main").nth(2),
        FaultRule::new(Fault::CutSocket).on(topic).account("main").nth(3),
        FaultRule::new(Fault::CutSocket).on("orderUpdates"),
    ]);
    let told = |gate: &mut Gate<Server>| {
        for name in ["main", "other"] {
            gate.venue_mut().deposit(name, "1".parse().unwrap()).unwrap();
        }
        let sent = gate.pushes().into_iter();
        sent.map(|sent| (sent.socket, sent.frame == Frame::Close, sent.late.as_secs())).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut gate), [(second, false, 0)]);
    assert_eq!(told(&mut gate), [(first, false, 3), (second, false, 0)]);
    assert_eq!(told(&mut gate), [(first, true, 0), (second, false, 0)]);
    assert_eq!((gate.sockets(), gate.struck()), (1, 3));
    assert_eq!(told(&mut gate), [(second, false, 0)]);
    // No answer arrives from a lost request, and the venue's own 429 opens nothing.
    gate.inject([
        FaultRule::new(Fault::TooManyRequests).on("/ws").nth(1),
        FaultRule::new(Fault::LoseRequest).nth(2),
    ]);
    for expected in [Some(429), None] {
        let request = request("/ws");
        let verdict = gate.judge(&request);
        let opened = gate.open(START, request, verdict);
        assert_eq!(opened.map(|refused| refused.unwrap_err().status().as_u16()), expected);
    }
}
