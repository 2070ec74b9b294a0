//! A key appears nowhere: not in what is printed, not in what is sent.

use evenkeel_exchange::{Observe as _, Trade as _};
use evenkeel_hyperliquid::sign::{AccountAddress, AgentKey, MasterKey, Signer as _};
use evenkeel_hyperliquid::{Account, Credentials, Environment, Hyperliquid};
use evenkeel_types::{Leverage, Scope, Side};

use crate::connector::{intent, unproven};
use crate::server::{KEY, Reply, Server, Virtual};
use crate::support::symbol;

/// A connector that signs with the account's own key.
pub(crate) fn master(server: &Server) -> (MasterKey, Hyperliquid) {
    let key = MasterKey::danger_from_hex(server.key()).unwrap();
    let account = Account::new(key.address());
    let same = MasterKey::danger_from_hex(server.key()).unwrap();
    let credentials = Credentials::danger_master(same, account).unwrap();
    let built = Hyperliquid::builder()
        .environment(Environment::Testnet)
        .credentials(credentials)
        .base_url(server.mock.uri())
        .clock(Virtual::new())
        .build();
    (key, built.unwrap())
}

/// The key's digits in the forms in which they could slip out.
fn canaries() -> Vec<String> {
    let digits = KEY.strip_prefix("0x").unwrap();
    let bytes: Vec<u8> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let list: Vec<String> = bytes.iter().take(8).map(u8::to_string).collect();
    vec![
        digits[..24].to_owned(),
        digits[..24].to_uppercase(),
        digits[36..60].to_owned(),
        digits[36..60].chars().rev().collect(),
        list.join(", "),
    ]
}

async fn transfers(venue: &Hyperliquid) {
    let transfers = venue.abilities().transfers.unwrap();
    transfers.transfer(evenkeel_exchange::Route::SpotToPerp, "1".parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn the_key_is_printed_nowhere() {
    let server = Server::start().await;
    let venue = server.venue();
    let (master, with_master) = master(&server);
    let key = AgentKey::from_hex(KEY).unwrap();
    let mut printed = vec![
        format!("{venue:?} {:?} {with_master:?}", venue.reader()),
        format!(
            "{key:?} {master:?} {:#?}",
            Credentials::agent(
                AgentKey::from_hex(KEY).unwrap(),
                Account::new(AccountAddress::parse(crate::server::MASTER).unwrap())
            )
        ),
        format!("{:?}", key.sign_digest(&[7; 32])),
    ];
    // Every kind of answer to a read, a write, and a write of several parts.
    for (status, body) in [
        (200, "".to_owned()),
        (200, "null".to_owned()),
        (200, "{\"status\":\"err\",\"response\":\"no\"}".to_owned()),
        (422, "Failed to deserialize the JSON body".to_owned()),
        (429, "null".to_owned()),
        (500, "<html>".to_owned()),
        (302, "".to_owned()),
    ] {
        server.exchange(Reply(status, body.clone().into_bytes()));
        for outcome in venue.place(&[unproven(intent("SOL", Side::Buy, "1", "150.12"))]).await {
            let error = outcome.unwrap_err();
            printed.push(format!("{error} {error:?} {}", evenkeel_exchange::chain(&error)));
        }
        server.exchange(Reply(status, body.clone().into_bytes()));
        let error = venue.set_leverage(&symbol("SOL"), Leverage::new(5).unwrap()).await.unwrap_err();
        printed.push(format!("{error} {error:?}"));
        let fresh = Server::start().await;
        fresh.info("clearinghouseState", Reply(status, body.into_bytes()));
        let error = fresh.venue().snapshot(&Scope::default()).await.unwrap_err();
        printed.push(format!("{error} {error:?}"));
    }
    // What went out, errors or not.
    let mut sent = Vec::new();
    let fresh = Server::start().await;
    let (_, mover) = crate::secrets::master(&fresh);
    transfers(&mover).await;
    fresh.venue().snapshot(&Scope::default()).await.unwrap();
    for (path, body) in server.asked().into_iter().chain(fresh.asked()) {
        sent.push(format!("{path} {body}"));
    }
    assert!(sent.iter().any(|text| text.contains("usdClassTransfer")) && sent.len() > 10);
    for text in &sent {
        for canary in canaries() {
            assert!(!text.to_lowercase().contains(&canary.to_lowercase()), "{text}");
        }
    }
    // Nobody answers at all.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = Hyperliquid::builder()
        .environment(Environment::Testnet)
        .credentials(Credentials::agent(
            AgentKey::from_hex(KEY).unwrap(),
            Account::new(AccountAddress::parse(crate::server::MASTER).unwrap()),
        ))
        .base_url(format!("http://127.0.0.1:{port}"))
        .build()
        .unwrap();
    let error = gone.snapshot(&Scope::default()).await.unwrap_err();
    printed.push(format!("{error} {error:?} {}", evenkeel_exchange::chain(&error)));
    let errors = 3;
    for (index, text) in printed.iter().enumerate() {
        for canary in canaries() {
            assert!(!text.contains(&canary), "{text}");
        }
        let url = text.contains("://") || text.contains("/exchange");
        assert!(index < errors || !url, "no URL in an error: {text}");
    }
}
