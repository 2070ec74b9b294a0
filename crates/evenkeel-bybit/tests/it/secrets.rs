//! Key and secret appear nowhere: not in what is printed, not in errors; the key only in its header.

use evenkeel_bybit::{Credentials, Environment};
use evenkeel_exchange::{Observe as _, Trade as _, chain};
use evenkeel_http::{Secret, TransportErrorKind};
use evenkeel_types::{Leverage, Scope, Side};
use serde_json::json;

use evenkeel_bybit::decode::{
    Body, decode_batch, decode_envelope, decode_margin_mode_set, decode_orders, decode_positions,
};

use crate::server::{Fate, KEY, SECRET, Server, refused};
use crate::support::{intent, symbol, unproven};

fn clean(text: &str) {
    for canary in [KEY, SECRET, "CANARY", &SECRET[6..18]] {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
}

fn credentials() -> Credentials {
    Credentials::new(&Secret::from(KEY.to_owned()), &Secret::from(SECRET.to_owned())).unwrap()
}

#[tokio::test]
async fn nothing_is_printed() {
    clean(&format!("{:?} {:#?}", credentials(), credentials()));
    // With the venue's real host: nothing is sent.
    let builder =
        evenkeel_bybit::Bybit::builder().environment(Environment::Testnet).credentials(credentials());
    clean(&format!("{builder:?}"));
    let venue = builder.build().unwrap();
    clean(&format!("{venue:?} {venue:#?} {:?}", venue.reader()));

    let server = Server::start();
    server.venue().snapshot(&Scope::default()).await.unwrap();
    for asked in server.asked() {
        clean(&format!("{} {}", asked.raw_query, asked.body));
        for (name, value) in &asked.headers {
            assert!(!value.contains(SECRET), "{name}");
            assert_eq!(value.contains(KEY), name == "x-bapi-api-key", "{name}");
        }
    }
}

#[tokio::test]
async fn errors_tell_nothing() {
    let told = format!("error sign! origin_string[1790000000000{KEY}5000{{}}]");
    for fate in [
        Fate::Error(TransportErrorKind::Timeout),
        Fate::Error(TransportErrorKind::NotSent),
        Fate::Answer(502, b"<html>".to_vec()),
        Fate::Answer(200, b"{".to_vec()),
        refused(10004, &told),
        refused(10003, &format!("API key {KEY} is invalid")),
        refused(110007, "no margin"),
        Fate::Answer(401, json!({"retCode": 10004, "retMsg": told}).to_string().into_bytes()),
        Fate::Answer(500, format!("{told} {KEY}").into_bytes()),
        Fate::Answer(400, format!("no such key: {KEY}").into_bytes()),
        Fate::Answer(
            200,
            json!({"retCode": 0, "result": {"reasons": KEY}, "retMsg": told}).to_string().into_bytes(),
        ),
    ] {
        let server = Server::start();
        let venue = server.venue();
        server.next(fate.clone());
        server.next(fate.clone());
        server.special("/v5/account/info", fate);
        let order = unproven(intent(1, "SOLUSDT", Side::Buy, "1", "150"));
        let errors = [
            venue.place(&[order]).await.remove(0).err(),
            venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(3).unwrap()).await.err(),
            venue.snapshot(&Scope::default()).await.err(),
        ];
        assert!(errors[0].is_some() && errors[2].is_some());
        for error in errors.into_iter().flatten() {
            for text in [error.to_string(), format!("{error:?}"), chain(&error)] {
                clean(&text);
                assert!(!text.contains("://") && !text.contains("host") && !text.contains('\n'), "{text}");
            }
        }
    }
}

/// Decoders are used without a connector too: what they tell of a refused signature has no key in it.
#[test]
fn decoders_tell_nothing() {
    let told = format!("error sign! origin_string[1790000000000{KEY}5000{{}}]");
    let refused =
        json!({"retCode": 10004, "retMsg": told, "result": {"list": []}, "retExtInfo": {"list": []}});
    let reasons =
        json!({"retCode": 0, "retMsg": "", "result": {"reasons": [{"reasonCode": "1", "reasonMsg": told}]}});
    let batch = json!({"retCode": 0, "retMsg": "", "result": {"list": [{"orderId": "", "orderLinkId": ""}]},
        "retExtInfo": {"list": [{"code": 10004, "msg": told}]}});
    for body in [refused, reasons, batch] {
        let bytes = body.to_string().into_bytes();
        let body = Body::new("x", &bytes);
        clean(&format!("{:?}", decode_envelope(body)));
        clean(&format!("{:?}", decode_orders(body)));
        clean(&format!("{:?}", decode_positions(body)));
        clean(&format!("{:?}", decode_margin_mode_set(body)));
        clean(&format!("{:?}", decode_batch(body)));
    }
}

/// Nobody answers at all, over real sockets: neither key nor address is in the error.
#[tokio::test]
async fn broken_connections_tell_nothing() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = evenkeel_bybit::Bybit::builder()
        .environment(Environment::Testnet)
        .credentials(credentials())
        .base_url(format!("http://127.0.0.1:{port}"))
        .build()
        .unwrap();
    let order = unproven(intent(1, "SOLUSDT", Side::Buy, "1", "150"));
    let errors = [
        gone.snapshot(&Scope::default()).await.unwrap_err(),
        gone.place(&[order]).await.remove(0).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.effect(), evenkeel_exchange::Effect::NotApplied);
        for text in [error.to_string(), format!("{error:?}"), chain(&error)] {
            clean(&text);
            assert!(!text.contains("://") && !text.contains("/v5/"), "{text}");
        }
    }
}
