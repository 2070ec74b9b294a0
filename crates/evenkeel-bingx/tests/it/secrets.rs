//! Key and secret appear nowhere: not in what is printed, not in what is told.

use std::sync::Arc;

use evenkeel_bingx::{BingX, Environment};
use evenkeel_exchange::{Observe as _, Route, Trade as _, chain};
use evenkeel_http::{Transport, TransportErrorKind};
use evenkeel_types::{Leverage, Scope, Side};

use crate::server::{Fate, KEY, SECRET, Server, credentials};
use crate::support::{intent, symbol, unproven};

fn canaries() -> Vec<String> {
    [KEY, SECRET]
        .iter()
        .flat_map(|text| {
            let bytes: Vec<String> = text.bytes().take(8).map(|b| b.to_string()).collect();
            let hex: String = text.bytes().take(12).map(|b| format!("{b:02x}")).collect();
            [
                text[..12].to_owned(),
                text[12..].to_owned(),
                text.to_uppercase()[..14].to_owned(),
                bytes.join(", "),
                hex,
            ]
        })
        .collect()
}

#[tokio::test]
async fn the_key_is_printed_nowhere() {
    let server = Server::start();
    let venue = server.venue();
    let mut printed = vec![format!(
        "{venue:?} {:?} {:#?} {:?}",
        venue.reader(),
        credentials(),
        BingX::builder().credentials(credentials())
    )];
    for fate in [
        Fate::Answer(200, Vec::new()),
        Fate::Answer(200, br#"{"code":1,"msg":"see https://x/?signature=1"}"#.to_vec()),
        Fate::refused(109_429, "too many"),
        Fate::Answer(400, b"x".to_vec()),
        Fate::Answer(302, b"x".to_vec()),
        Fate::Answer(500, b"<html>".to_vec()),
        // A venue that repeats what it was sent.
        Fate::refused(100_413, &format!("Incorrect apiKey {KEY}")),
        Fate::refused(100_419, &format!("{}{KEY} is not bound to this address", "x".repeat(190))),
        Fate::Answer(403, format!("{}{KEY}", "x".repeat(195)).into_bytes()),
        Fate::Answer(400, format!("{{\"code\":\"{KEY}\",\"msg\":\"{KEY}\"}}").into_bytes()),
        Fate::Error(TransportErrorKind::Broken),
    ] {
        let server = Server::start();
        let venue = server.venue();
        server.next(fate.clone());
        let error = venue
            .place(&[unproven(intent("SOL-USDT", Side::Buy, "1", "150.12"))])
            .await
            .remove(0)
            .unwrap_err();
        printed.push(format!("{error} {error:?} {}", chain(&error)));
        server.next(fate.clone());
        let error = venue.set_leverage(&symbol("SOL-USDT"), Leverage::new(9).unwrap()).await.unwrap_err();
        printed.push(format!("{error} {error:?} {}", chain(&error)));
        server.next(fate.clone());
        let wallets = venue.abilities().transfers.unwrap();
        let error = wallets.transfer(Route::SpotToPerp, "1".parse().unwrap()).await.unwrap_err();
        printed.push(format!("{error} {error:?} {}", chain(&error)));
        server.always("GET user/balance", fate);
        let error = venue.snapshot(&Scope::default()).await.unwrap_err();
        printed.push(format!("{error} {error:?} {}", chain(&error)));
        printed.push(format!("{venue:?}"));
    }
    // Nobody answers at all, over the real transport.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = BingX::builder()
        .environment(Environment::Mainnet)
        .credentials(credentials())
        .base_url(format!("http://127.0.0.1:{port}"))
        .build()
        .unwrap();
    let error = gone.snapshot(&Scope::default()).await.unwrap_err();
    printed.push(format!("{error} {error:?} {}", chain(&error)));
    for text in &printed {
        for canary in canaries() {
            assert!(!text.contains(&canary), "{canary}: {text}");
        }
        // A connector shows its own address; no error shows one, or a signature.
        let error = !text.contains("BingX {") && !text.contains("Builder {");
        assert!(
            !error || !(text.contains("://") || text.contains("signature=") || text.contains("timestamp=")),
            "{text}"
        );
    }
    let _: Arc<dyn Transport> = server;
}
