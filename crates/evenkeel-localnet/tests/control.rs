//! The control endpoint on a real socket, asked as curl asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_localnet::hyperliquid::{AccountSpec, Server};
use evenkeel_localnet::{Control, Hand, Localnet, ManualClock, Venue as _};
use evenkeel_types::{MarginMode, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const START: Timestamp = Timestamp(1_772_360_400_000);

struct Town {
    net: Arc<Localnet<Server>>,
    control: Control,
}

impl Town {
    async fn start() -> Self {
        let builder = Server::builder()
            .account(AccountSpec::named("main").world(|w| w.position("SOL", "2", 5, MarginMode::Cross)))
            .account(AccountSpec::named("other"));
        let clock = Arc::new(ManualClock::at(START));
        let net = Arc::new(Localnet::start_with(builder, clock, 0, 0).await.unwrap());
        let hand: Arc<dyn Hand> = Arc::<Localnet<Server>>::clone(&net);
        let control = Control::start(BTreeMap::from([("hl".to_owned(), hand)]), 0).await.unwrap();
        Self { net, control }
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        http(&self.control.base_url(), method, path, body).await
    }

    async fn done(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask("POST", path, &body.to_string()).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }
}

async fn http(url: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut heard = String::new();
    let _cut = stream.read_to_string(&mut heard).await;
    let status = heard.split(' ').nth(1).map_or(0, |status| status.parse().unwrap());
    let body = heard.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn a_page_in_a_browser_commands_nothing() {
    let town = Town::start().await;
    let mut stream = TcpStream::connect(town.control.base_url().trim_start_matches("http://")).await.unwrap();
    let body = r#"{"ms": 5}"#;
    let head =
        "POST /hl/skew HTTP/1.1\r\nHost: x\r\nOrigin: http://page\r\nConnection: close\r\nContent-Length: 9";
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
    let mut heard = String::new();
    let _cut = stream.read_to_string(&mut heard).await;
    assert!(heard.starts_with("HTTP/1.1 403") && heard.contains("browser"), "{heard}");
    assert_eq!(town.net.now(), START);
}

#[tokio::test]
async fn a_rule_for_nobody_is_refused() {
    let town = Town::start().await;
    let rule = r#"{"fault": "lose_answer", "account": "mian"}"#;
    let (status, answer) = town.ask("POST", "/hl/faults", rule).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("`mian`: main, other"), "{answer}");
    assert!(town.net.faults().is_empty());
}

#[tokio::test]
async fn a_rule_for_a_call_that_there_is_not_is_refused() {
    let town = Town::start().await;
    let (status, answer) = town.ask("POST", "/hl/faults", r#"{"fault": "lose_answer", "on": "ordr"}"#).await;
    assert_eq!(status, 400);
    let why = answer["error"].as_str().unwrap();
    assert!(why.contains("`ordr`") && why.contains("order, orderStatus"), "{answer}");
    assert!(town.net.faults().is_empty());
    for rule in [
        json!({"fault": "lose_answer", "on": "order"}),
        json!({"fault": "lose_answer", "on": "/info"}),
        json!({"fault": "lose_push", "on": "orderUpdates"}),
    ] {
        town.done("/hl/faults", &rule).await;
    }
}

#[tokio::test]
async fn everything_that_the_handle_does() {
    let town = Town::start().await;
    let (_, all) = town.ask("GET", "/", "").await;
    assert_eq!(all["hl"]["url"], town.net.base_url());
    assert_eq!(all["hl"]["accounts"][1]["name"], "other");
    assert!(all["hl"]["accounts"][0]["key"].as_str().unwrap().starts_with("0x"));

    town.done("/hl/price", &json!({"symbol": "SOL", "price": "150"})).await;
    let (_, mids) = http(&town.net.base_url(), "POST", "/info", r#"{"type":"allMids"}"#).await;
    assert_eq!(mids["SOL"], "150.0");

    town.done("/hl/deposit", &json!({"account": "other", "amount": "500"})).await;
    let value = town.net.with(|venue| {
        let (_, world) = venue.worlds().remove(1);
        world.history().last().unwrap().account_value.to_string()
    });
    assert_eq!(value, "10500");

    // Two longs of SOL pay an hour's funding: 2 x 150 x 0.0001.
    town.done("/hl/funding", &json!({"symbol": "SOL", "rate": "0.0001"})).await;
    let status = town.done("/hl/advance", &json!({"seconds": 3600})).await;
    assert_eq!(status["now"], START.0 + 3_600_000);
    let paid = town.net.with(|venue| venue.worlds()[0].1.all_payments().first().unwrap().amount.to_string());
    assert_eq!(paid, "-0.03");

    let (_, positions) = town.ask("GET", "/hl/positions?account=main", "").await;
    assert_eq!(
        (&positions[0]["symbol"], &positions[0]["qty"], &positions[0]["account"]),
        (&json!("SOL"), &json!("2"), &json!("main"))
    );
    assert_eq!(town.ask("GET", "/hl/positions?account=other", "").await.1, json!([]));
    assert_eq!(town.ask("GET", "/hl/orders", "").await.1, json!([]));
}

#[tokio::test]
async fn a_liquidation_is_an_order_of_the_venue() {
    let town = Town::start().await;
    town.done("/hl/deposit", &json!({"account": "main", "amount": "-9900"})).await;
    town.done("/hl/price", &json!({"symbol": "SOL", "price": "80"})).await;
    let (_, orders) = town.ask("GET", "/hl/orders?account=main", "").await;
    assert_eq!(
        (&orders[0]["origin"], &orders[0]["side"], &orders[0]["filled"]),
        (&json!("liquidation"), &json!("sell"), &json!("2"))
    );
    assert_eq!(town.ask("GET", "/hl/positions", "").await.1, json!([]));
}

#[tokio::test]
async fn faults_come_are_counted_and_go() {
    let town = Town::start().await;
    let rules = town.done("/hl/faults", &json!({"fault": "lose_answer", "on": "meta", "times": 1})).await;
    assert_eq!(rules, json!([{"fault": "lose_answer", "on": "meta", "times": 1, "struck": 0}]));
    let url = town.net.base_url();
    assert_eq!(http(&url, "POST", "/info", r#"{"type":"meta"}"#).await.0, 0);
    assert_eq!(http(&url, "POST", "/info", r#"{"type":"meta"}"#).await.0, 200);
    let more = json!([{"fault": "maintenance"}, {"fault": "delay_answer", "ms": 1}]);
    let rules = town.done("/hl/faults", &more).await;
    assert_eq!((&rules[0]["struck"], rules.as_array().unwrap().len()), (&json!(1), 3));
    assert_eq!(http(&url, "POST", "/info", r#"{"type":"meta"}"#).await.0, 503);
    let (_, status) = town.ask("DELETE", "/hl/faults", "").await;
    // Three requests; a lost answer, a maintenance and a delay.
    assert_eq!((&status["requests"], &status["faults"]), (&json!(3), &json!(3)));
    assert_eq!(town.ask("GET", "/hl/faults", "").await.1, json!([]));
    assert_eq!(http(&url, "POST", "/info", r#"{"type":"meta"}"#).await.0, 200);
}

#[tokio::test]
async fn a_clock_that_is_set_back_stands_still() {
    let town = Town::start().await;
    let seen = || town.net.with(|venue| venue.worlds()[0].1.now());
    town.done("/hl/skew", &json!({"ms": 2000})).await;
    assert_eq!((seen(), town.net.now()), (Timestamp(START.0 + 2000), Timestamp(START.0 + 2000)));
    town.done("/hl/skew", &json!({"ms": -1000})).await;
    assert_eq!(seen(), Timestamp(START.0 + 2000));
    town.done("/hl/advance", &json!({"ms": 4000})).await;
    assert_eq!(seen(), Timestamp(START.0 + 3000));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let town = Town::start().await;
    for (method, path, body, status, part) in [
        ("GET", "/nowhere", "", 404, "hl"),
        ("GET", "/hl/nothing", "", 404, "positions"),
        ("GET", "/hl/price", "", 405, "POST"),
        ("POST", "/hl/orders", "", 405, "GET"),
        ("GET", "/hl/orders?account=nobody", "", 404, "main, other"),
        ("GET", "/hl/orders?symbol=SOL", "", 400, "account=NAME"),
        ("POST", "/hl/price", "{", 400, "line 1"),
        ("POST", "/hl/price", r#"{"symbol":"SOL"}"#, 400, "`price`"),
        ("POST", "/hl/price", r#"{"symbol":"SOL","price":"-1"}"#, 400, "-1"),
        ("POST", "/hl/price", r#"{"symbol":"DOGE","price":"1"}"#, 400, "DOGE"),
        ("POST", "/hl/price", r#"{"symbol":"SOL","price":1.5}"#, 400, "1.5"),
        ("POST", "/hl/deposit", r#"{"account":"nobody","amount":"1"}"#, 400, "no such account"),
        ("POST", "/hl/deposit", r#"{"account":"main","amount":"-20000"}"#, 400, ""),
        ("POST", "/hl/advance", r#"{"years":1}"#, 400, "years"),
        ("POST", "/hl/advance", "{}", 400, "`seconds`"),
        ("POST", "/hl/advance", r#"{"seconds":18446744073709551615}"#, 400, "ten years"),
        ("POST", "/hl/faults", r#"[{"fault":"maintenance"},{"fault":"x"}]"#, 400, "`x`"),
    ] {
        let (found, answer) = town.ask(method, path, body).await;
        let why = answer["error"].as_str().unwrap_or_default();
        assert!(found == status && why.contains(part), "{method} {path} {body}: {found} {answer}");
    }
    // Of several rules all are taken, or none.
    assert_eq!(town.ask("GET", "/hl/faults", "").await.1, json!([]));
}
