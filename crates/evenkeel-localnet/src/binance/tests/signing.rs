//! Signatures of the documentation, of the official SDK and of another client, as requests to the server.

#![allow(clippy::print_stdout, reason = "says that it was skipped")]

use base64ct::Encoding as _;
use bytes::Bytes;
use ed25519_dalek::{Signer as _, SigningKey};
use evenkeel_types::Timestamp;
use http::Request;
use serde_json::{Value, json};

use super::support::{Client, fixture, sign};
use crate::binance::{AccountSpec, Server};
use crate::floor::ApiKey;

fn vectors() -> Vec<Value> {
    let Some(file) = fixture("binance_signing_vectors.json") else {
        println!("skipped: no shared fixtures");
        return Vec::new();
    };
    file["vectors"].as_array().unwrap().clone()
}

/// The request of a vector, and the server that knows its key.
fn replay(vector: &Value) -> Option<(Client, Request<Bytes>)> {
    let text = |name: &str| vector[name].as_str();
    let url = text("url")?;
    let path = url.strip_prefix("https://")?;
    let path = &path[path.find('/')?..];
    if !path.starts_with("/fapi/") || vector["note"].as_str().is_some_and(|note| note.contains("TYPO")) {
        return None;
    }
    let mut client = match text("ed25519_seed_hex") {
        Some(seed) => {
            let bytes: Vec<u8> =
                (0..64).step_by(2).map(|at| u8::from_str_radix(&seed[at..at + 2], 16).unwrap()).collect();
            let key = SigningKey::from_bytes(&bytes.try_into().unwrap());
            let builder = Server::builder().account(AccountSpec::named("main"));
            let mut client = Client::new(builder.ed25519("main", key.verifying_key().to_bytes()));
            text("api_key")?.clone_into(&mut client.server.public_keys[0].id);
            client
        }
        None => {
            let mut client = Client::new(Server::builder());
            client.server.floor.accounts[0].key = ApiKey::given(text("api_key")?, text("secret")?);
            client
        }
    };
    client.server.floor.now = Timestamp(0);
    client.now = Timestamp(vector["timestamp"].as_u64()? + 1);
    let request = Request::builder()
        .method(text("method")?)
        .uri(path)
        .header("x-mbx-apikey", text("api_key")?)
        .header("content-type", "application/x-www-form-urlencoded");
    Some((client, request.body(Bytes::from(text("body").unwrap_or_default().to_owned())).unwrap()))
}

#[test]
fn published_requests_are_let_in_and_changed_ones_are_not() {
    let mut tried = 0;
    let vectors = vectors();
    for vector in &vectors {
        let Some((mut client, request)) = replay(vector) else { continue };
        tried += 1;
        let refused =
            |body: &Value| body["code"].as_i64().filter(|code| [-1021, -1022, -2014, -2015].contains(code));
        let story = format!("{} {}", vector["id"], request.uri());
        let (_, body) = client.send(request.clone());
        assert_eq!(refused(&body), None, "{story}: {body}");
        // One digit of the time changed: signed by nobody.
        let (mut parts, body) = request.into_parts();
        let stamp = vector["timestamp"].as_u64().unwrap().to_string();
        let other = (vector["timestamp"].as_u64().unwrap() - 1).to_string();
        parts.uri = parts.uri.to_string().replace(&stamp, &other).parse().unwrap();
        let body = Bytes::from(String::from_utf8(body.to_vec()).unwrap().replace(&stamp, &other));
        let (_, answer) = client.send(Request::from_parts(parts, body));
        assert_eq!(refused(&answer), Some(-1022), "{story}: {answer}");
    }
    assert!(vectors.is_empty() || tried >= 18, "{tried} tried");
}

#[test]
fn an_account_has_both_kinds_of_keys() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let builder = Server::builder().account(AccountSpec::named("main"));
    let mut client = Client::new(builder.ed25519("main", key.verifying_key().to_bytes()));
    let id = client.server.ed25519_key("main").unwrap().to_owned();
    assert_ne!(id, client.server.key("main").unwrap().id());
    let query = format!("timestamp={}", client.now.0);
    let signature = base64ct::Base64::encode_string(&key.sign(query.as_bytes()).to_bytes());
    let signature = Encoded(signature);
    let request = |signature: &str| {
        let url = format!("/fapi/v1/accountConfig?{query}&signature={signature}");
        Request::get(url).header("x-mbx-apikey", id.as_str()).body(Bytes::new()).unwrap()
    };
    let (status, body) = client.send(request(&signature.percent()));
    assert_eq!((status, &body["dualSidePosition"]), (200, &json!(false)), "{body}");
    // The secret of the other key opens nothing with this one.
    let hmac = sign(client.server.key("main").unwrap().secret(), &query);
    assert_eq!(client.send(request(&hmac)).1["code"], -1022);
    // And not a number less than before.
    assert_eq!(client.send(request("AAAA")).1["code"], -1022);
}

struct Encoded(String);

impl Encoded {
    fn percent(&self) -> String {
        self.0.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
    }
}

#[test]
fn time_key_and_signature_are_checked_in_the_venue_s_words() {
    let mut client = Client::new(Server::builder());
    let key = client.server.key("main").unwrap().clone();
    let mut ask = |id: &str, query: &str, signature: Option<String>| {
        let signature = signature.map(|signature| format!("&signature={signature}")).unwrap_or_default();
        let request = Request::get(format!("/fapi/v1/accountConfig?{query}{signature}"));
        let (status, body) = client.send(request.header("x-mbx-apikey", id).body(Bytes::new()).unwrap());
        (status, body["code"].as_i64().unwrap_or(0), body["msg"].as_str().unwrap_or_default().to_owned())
    };
    let now = super::support::START.0;
    let mut signed = |query: String| {
        let signature = sign(key.secret(), &query);
        ask(key.id(), &query, Some(signature))
    };
    assert_eq!(signed(format!("timestamp={now}")).0, 200);
    assert_eq!(signed(format!("timestamp={}", now - 5_000)).0, 200);
    let late = "Timestamp for this request is outside of the recvWindow.";
    assert_eq!(signed(format!("timestamp={}", now - 5_001)), (400, -1021, late.to_owned()));
    assert_eq!(signed(format!("recvWindow=60000&timestamp={}", now - 5_001)).0, 200);
    assert_eq!(signed(format!("timestamp={}", now + 999)).0, 200);
    let early = "Timestamp for this request was 1000ms ahead of the server's time.";
    assert_eq!(signed(format!("timestamp={}", now + 1_000)), (400, -1021, early.to_owned()));
    assert_eq!(signed(format!("recvWindow=60001&timestamp={now}")).1, -1131);
    let missing = "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.";
    assert_eq!(signed("a=1".to_owned()), (400, -1102, missing.to_owned()));
    assert_eq!(signed("timestamp=x".to_owned()), (400, -1102, missing.to_owned()));
    let query = format!("timestamp={now}");
    assert_eq!(ask(key.id(), &query, None).1, -1102);
    assert_eq!(ask(key.id(), &query, Some("00".repeat(32))).1, -1022);
    assert_eq!(ask(key.id(), &query, Some(sign(key.secret(), &query).to_uppercase())).0, 200);
    let bad = (401, -2014, "API-key format invalid.".to_owned());
    assert_eq!(ask("short", &query, Some(sign(key.secret(), &query))), bad);
    assert_eq!(ask(&"x".repeat(64), &query, Some(sign(key.secret(), &query))).1, -2015);
}

#[test]
fn the_body_is_signed_behind_the_query_and_the_query_wins() {
    let mut client = Client::new(Server::builder());
    let key = client.server.key("main").unwrap().clone();
    let (query, body) = ("symbol=SOLUSDT&leverage=7", format!("leverage=9&timestamp={}", client.now.0));
    let signature = sign(key.secret(), &format!("{query}{body}"));
    let request = Request::post(format!("/fapi/v1/leverage?{query}"))
        .header("x-mbx-apikey", key.id())
        .body(Bytes::from(format!("{body}&signature={signature}")))
        .unwrap();
    let (status, answer) = client.send(request);
    assert_eq!((status, &answer["leverage"]), (200, &json!(7)), "{answer}");
}
