//! The unreliable line: on the pure gate, and on a real socket.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use evenkeel_localnet::hyperliquid::Server;
use evenkeel_localnet::{Blueprint, Fault, FaultRule, Gate, Localnet, ManualClock};
use evenkeel_types::Timestamp;
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const START: Timestamp = Timestamp(1_772_360_400_000);

fn question(kind: &str) -> Request<Bytes> {
    Request::post("/info").body(Bytes::from(format!("{{\"type\":\"{kind}\"}}"))).unwrap()
}

fn gate(rules: impl IntoIterator<Item = FaultRule>) -> Gate<Server> {
    let mut gate = Gate::new(Server::builder().build_at(START).unwrap(), 7);
    gate.inject(rules);
    gate
}

fn status(gate: &mut Gate<Server>, kind: &str) -> Option<StatusCode> {
    let verdict = gate.judge(&question(kind));
    gate.deliver(START, question(kind), verdict).map(|answer| answer.status())
}

#[test]
fn rules_strike_at_their_calls_and_as_often_as_told() {
    let mut gate = gate([
        FaultRule::new(Fault::LoseAnswer).on("meta").nth(2),
        FaultRule::new(Fault::TooManyRequests).on("allMids").times(1),
        FaultRule::new(Fault::ServerError { status: StatusCode::BAD_GATEWAY, applied: false })
            .on("/exchange"),
    ]);
    let ok = Some(StatusCode::OK);
    assert_eq!([0, 1, 2].map(|_| status(&mut gate, "meta")), [ok, None, ok]);
    assert_eq!(status(&mut gate, "allMids"), Some(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(status(&mut gate, "allMids"), ok);
    let write = || Request::post("/exchange").body(Bytes::from_static(b"{}")).unwrap();
    let verdict = gate.judge(&write());
    let answer = gate.deliver(START, write(), verdict).unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    gate.clear();
    let verdict = gate.judge(&write());
    assert_eq!(gate.deliver(START, write(), verdict).unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn the_answer_to_too_many_requests_is_a_bare_null() {
    let mut gate = gate([FaultRule::new(Fault::TooManyRequests)]);
    let verdict = gate.judge(&question("meta"));
    assert_eq!(gate.deliver(START, question("meta"), verdict).unwrap().body(), "null");
}

#[test]
fn the_same_seed_is_the_same_line() {
    let story = |_| {
        let mut gate = gate([FaultRule::new(Fault::LoseRequest).permille(300)]);
        (0..100).map(|_| status(&mut gate, "meta").is_some()).collect::<Vec<_>>()
    };
    let [one, other] = [0, 1].map(story);
    let lost = one.iter().filter(|heard| !**heard).count();
    assert!(one == other && (15..=45).contains(&lost), "{lost}");
}

#[test]
fn a_stale_reading_is_from_before_the_writes() {
    let write = || Request::post("/exchange").body(Bytes::from_static(b"{}")).unwrap();
    let mut gate = gate([FaultRule::new(Fault::StaleRead { writes: 1 }).on("allMids")]);
    let price = |gate: &mut Gate<Server>| {
        let verdict = gate.judge(&question("allMids"));
        let answer = gate.deliver(START, question("allMids"), verdict).unwrap();
        serde_json::from_slice::<serde_json::Value>(answer.body()).unwrap()["SOL"].clone()
    };
    // Nothing was written yet: there is no older state.
    assert_eq!(price(&mut gate), "166.4");
    let verdict = gate.judge(&write());
    assert!(gate.deliver(START, write(), verdict).is_some());
    let sol = "SOL".parse().unwrap();
    evenkeel_localnet::Venue::set_price(gate.venue_mut(), &sol, "150".parse().unwrap()).unwrap();
    assert_eq!(price(&mut gate), "166.4");
    gate.clear();
    assert_eq!(price(&mut gate), "150.0");
}

/// What a socket hears: everything until the server closes it.
async fn raw(net: &Localnet<Server>, kind: &str) -> String {
    let url = net.base_url();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let body = format!("{{\"type\":\"{kind}\"}}");
    let request = format!(
        "POST /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    // A connection that is cut may end in an error.
    let _ended = stream.read_to_end(&mut heard).await;
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn a_lost_answer_is_a_closed_connection() {
    let clock = ManualClock::at(START);
    let net = Localnet::start_with(Server::builder(), Arc::new(clock.clone()), 0, 0).await.unwrap();
    let time = |now: u64| format!("{{\"specialStatuses\":null,\"time\":{now}}}");
    assert!(raw(&net, "exchangeStatus").await.ends_with(&time(START.0)));
    net.inject([FaultRule::new(Fault::LoseAnswer).times(1)]);
    assert_eq!(raw(&net, "exchangeStatus").await, "");
    clock.advance(Duration::from_secs(1));
    net.advance(Duration::from_secs(2));
    let heard = raw(&net, "exchangeStatus").await;
    assert!(heard.starts_with("HTTP/1.1 200 OK") && heard.ends_with(&time(START.0 + 3000)), "{heard}");
}

#[tokio::test]
async fn the_testers_hand_moves_prices_and_money() {
    let net = Localnet::start(Server::builder()).await.unwrap();
    let account = net.with(|venue| venue.addresses()[0]);
    net.set_price("SOL", "150").unwrap();
    net.deposit(&account.to_string(), "500").unwrap();
    assert!(net.set_price("DOGE", "1").is_err());
    assert!(net.deposit("0x12", "1").is_err());
    let value = net.with(|venue| venue.world(account).unwrap().history().last().unwrap().account_value);
    assert_eq!(value.to_string(), "10500");
    assert!(raw(&net, "allMids").await.contains("\"SOL\":\"150.0\""));
}
