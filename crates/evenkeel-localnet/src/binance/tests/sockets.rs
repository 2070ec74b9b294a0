//! What is said on sockets, in the shape of the recorded messages.

use std::time::Duration;

use bytes::Bytes;
use evenkeel_paper::Event;
use evenkeel_types::{Leverage, Timestamp};
use http::{Method, Request};
use serde_json::{Value, json};

use crate::binance::{AccountSpec, Server};
use crate::{Blueprint as _, Frame, SocketId, Venue as _};

const START: Timestamp = Timestamp(1_772_360_400_000);
const SOCKET: SocketId = SocketId(1);

fn server() -> Server {
    Server::builder().account(AccountSpec::named("main").cash("10000")).build_at(START).unwrap()
}

/// An answer to a call that needs a key alone.
fn keyed(server: &mut Server, now: Timestamp, method: Method) -> Value {
    let key = server.key("main").unwrap().id().to_owned();
    let request = Request::builder().method(method).uri("/fapi/v1/listenKey").header("X-MBX-APIKEY", key);
    let answer = server.handle(now, request.body(Bytes::new()).unwrap());
    serde_json::from_slice(answer.body()).unwrap()
}

fn open(server: &mut Server, path: &str) -> bool {
    let request = Request::get(path).body(Bytes::new()).unwrap();
    server.open(START, SOCKET, request).is_none()
}

fn heard(server: &mut Server) -> Vec<Value> {
    let text = |frame| match frame {
        Frame::Text(text) => Some(serde_json::from_str(&text).unwrap()),
        _ => None,
    };
    server.pushes().into_iter().filter_map(|push| text(push.frame)).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["e"].as_str().unwrap()).collect()
}

#[test]
fn what_happens_to_an_account_is_told_to_who_has_its_key() {
    let mut server = server();
    let key = keyed(&mut server, START, Method::POST)["listenKey"].as_str().unwrap().to_owned();
    assert!(open(&mut server, &format!("/private/ws/{key}")));
    assert_eq!(heard(&mut server), [] as [Value; 0]);

    let symbol: evenkeel_types::Symbol = "SOLUSDT".parse().unwrap();
    server.happen("main", Event::ForeignTrade { symbol: symbol.clone(), qty: "2".parse().unwrap() });
    let events = heard(&mut server);
    assert_eq!(kinds(&events), ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]);
    let order = &events[0]["o"];
    assert_eq!(
        (&order["s"], &order["x"], &order["X"]),
        (&json!("SOLUSDT"), &json!("TRADE"), &json!("FILLED"))
    );
    assert_eq!((&order["S"], &order["l"], &order["z"]), (&json!("BUY"), &json!("2.00"), &json!("2.00")));
    let account = &events[1]["a"];
    assert_eq!((&account["m"], &account["B"][0]["bc"]), (&json!("ORDER"), &json!("0")));
    let leg = &account["P"][0];
    assert_eq!(
        (&leg["s"], &leg["pa"], &leg["ps"], &leg["mt"]),
        (&json!("SOLUSDT"), &json!("2.00"), &json!("BOTH"), &json!("cross"))
    );

    server.deposit("main", "500".parse().unwrap()).unwrap();
    let events = heard(&mut server);
    assert_eq!((kinds(&events), &events[0]["a"]["m"]), (vec!["ACCOUNT_UPDATE"], &json!("DEPOSIT")));
    assert_eq!((&events[0]["a"]["B"][0]["bc"], &events[0]["a"]["P"]), (&json!("500.00000000"), &json!([])));

    server.happen("main", Event::ForeignLeverage { symbol, leverage: Leverage::new(7).unwrap() });
    let events = heard(&mut server);
    assert_eq!(events[0]["ac"], json!({"s": "SOLUSDT", "l": 7}));
    assert_eq!(kinds(&events), ["ACCOUNT_CONFIG_UPDATE"]);
}

#[test]
fn a_key_lives_an_hour_and_one_that_is_none_hears_nothing() {
    let mut server = server();
    let absent = keyed(&mut server, START, Method::PUT);
    assert_eq!(absent["code"], -1125);
    let first = keyed(&mut server, START, Method::POST);
    // Asked for again it is the same, and lives longer.
    let later = START.after(Duration::from_secs(1800));
    assert_eq!(keyed(&mut server, later, Method::POST), first);
    let key = first["listenKey"].as_str().unwrap();
    assert!(open(&mut server, &format!("/ws/{key}")));
    server.advance_to(START.after(Duration::from_secs(3700)));
    assert_eq!(heard(&mut server), [] as [Value; 0]);
    let end = START.after(Duration::from_secs(5400));
    server.advance_to(end);
    assert_eq!(heard(&mut server), [json!({"e": "listenKeyExpired", "E": end.0, "listenKey": key})]);
    assert_ne!(keyed(&mut server, end, Method::POST), first);

    let mut server = self::server();
    assert!(open(&mut server, "/private/ws/bogus"));
    server.deposit("main", "1".parse().unwrap()).unwrap();
    assert_eq!(heard(&mut server), [] as [Value; 0]);
    assert!(!open(&mut server, "/fapi/v1/ping"));
}

#[test]
fn prices_are_told_to_everybody() {
    let mut server = server();
    assert!(open(&mut server, "/stream?streams=solusdt@markPrice@1s/solusdt@bookTicker"));
    let told = heard(&mut server);
    assert_eq!(told[0]["stream"], "solusdt@markPrice@1s");
    assert_eq!(told[0]["data"]["e"], "markPriceUpdate");
    assert_eq!(told[1]["data"]["s"], "SOLUSDT");
    assert_eq!(heard(&mut server), [] as [Value; 0]);
    server.hear(START, SOCKET, r#"{"method": "UNSUBSCRIBE", "params": ["solusdt@bookTicker"], "id": 3}"#);
    server.set_price(&"SOLUSDT".parse().unwrap(), "150".parse().unwrap()).unwrap();
    let told = heard(&mut server);
    assert_eq!(told[0], json!({"result": null, "id": 3}));
    assert_eq!((told.len(), &told[1]["data"]["p"]), (2, &json!("150.00000000")));
    server.advance_to(START.after(Duration::from_secs(1)));
    assert_eq!(heard(&mut server).len(), 1);
}
