//! Keys appear nowhere: not in what is printed, not in errors; and neither does a signed URL.

use evenkeel_binance::sign::Key;
use evenkeel_exchange::{Observe as _, Route, Trade as _};
use evenkeel_http::{Secret, TransportErrorKind};
use evenkeel_types::{Leverage, Scope, Side};

use crate::server::{Fate, KEY, SECRET, Server, credentials};
use crate::support::{id, intent, symbol, unproven};

/// The keys in the forms in which they could slip out.
fn canaries() -> Vec<String> {
    let mut found = vec!["canary0api0key".to_owned(), "canary0secret".to_owned()];
    for key in [KEY, SECRET] {
        found.push(key[20..].to_owned());
        found.push(key.chars().rev().take(16).collect());
        let bytes: Vec<String> = key.bytes().take(8).map(|byte| byte.to_string()).collect();
        found.push(bytes.join(", "));
    }
    found.push("signature=".to_owned());
    found
}

#[tokio::test]
async fn the_keys_are_printed_nowhere() {
    let server = Server::start();
    let venue = server.venue();
    let mut printed = vec![
        format!("{venue:?} {:?} {:?} {:#?}", venue.reader(), server.builder(), credentials()),
        format!("{:?}", Key::hmac(&Secret::from(SECRET.to_owned()))),
        format!("{:?}", Key::ed25519(&Secret::from(SECRET.to_owned()))),
    ];
    let fates = [
        Fate::answer(200, ""),
        Fate::answer(200, "null"),
        Fate::answer(400, "{\"code\":-1022,\"msg\":\"Signature for this request is not valid.\"}"),
        Fate::answer(401, "{\"code\":-2015,\"msg\":\"Invalid API-key, IP, or permissions for action.\"}"),
        Fate::answer(500, "<html>"),
        Fate::answer(302, ""),
        Fate::Error(TransportErrorKind::NotSent),
        Fate::Error(TransportErrorKind::Timeout),
        Fate::Error(TransportErrorKind::Broken),
    ];
    for fate in fates {
        server.write(fate.clone());
        let error =
            venue.place(&[unproven(intent("SOLUSDT", Side::Buy, "1", "150"))]).await.remove(0).unwrap_err();
        printed.push(format!("{error} {error:?} {}", evenkeel_exchange::chain(&error)));
        server.write(fate.clone());
        let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(5).unwrap()).await.unwrap_err();
        printed.push(format!("{error} {error:?} {}", evenkeel_exchange::chain(&error)));
        server.write(fate.clone());
        let error = venue.cancel(&symbol("SOLUSDT"), &id(1)).await.unwrap_err();
        printed.push(format!("{error} {error:?} {}", evenkeel_exchange::chain(&error)));
        let wallets = Server::start();
        let venue = wallets.mainnet();
        wallets.write(fate.clone());
        let moved =
            venue.abilities().transfers.unwrap().transfer(Route::SpotToPerp, "1".parse().unwrap()).await;
        let error = moved.unwrap_err();
        printed.push(format!("{error} {error:?} {}", evenkeel_exchange::chain(&error)));
        let fresh = Server::start();
        fresh.read("/fapi/v3/account", fate);
        let error = fresh.venue().snapshot(&Scope::default()).await.unwrap_err();
        printed.push(format!("{error} {error:?} {}", evenkeel_exchange::chain(&error)));
    }
    // Nobody answers at all.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = evenkeel_binance::Binance::builder()
        .environment(evenkeel_binance::Environment::Demo)
        .credentials(credentials())
        .base_url(format!("http://127.0.0.1:{port}"))
        .build()
        .unwrap();
    let error = gone.snapshot(&Scope::default()).await.unwrap_err();
    printed.push(format!("{error} {error:?} {}", evenkeel_exchange::chain(&error)));
    for (index, text) in printed.iter().enumerate() {
        for canary in canaries() {
            assert!(!text.contains(&canary), "{text}");
        }
        assert!(
            index < 3 || !(text.contains("://") || text.contains("/fapi/") || text.contains("/sapi/")),
            "no URL in an error: {text}"
        );
    }
}

/// The other kind of key, in all forms in which it is given, right and wrong.
#[test]
fn a_private_key_is_printed_nowhere() {
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let base64 = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMRESc\
               VpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    for text in [seed.to_owned(), base64.to_owned(), pem.to_owned()] {
        for given in
            [text.clone(), text[..text.len() - 2].to_owned(), format!("{text}x"), text.replace('P', "Q")]
        {
            let variable = |name: &str| match name {
                "BINANCE_API_KEY" => Some(KEY.to_owned()),
                "BINANCE_ED25519_PRIVATE_KEY" => Some(given.clone()),
                _ => None,
            };
            let printed = match evenkeel_binance::Credentials::from_variables(&variable) {
                Err(error) => format!("{error} {error:?}"),
                Ok(found) => {
                    let builder = evenkeel_binance::Binance::builder()
                        .environment(evenkeel_binance::Environment::Demo)
                        .credentials(found.clone());
                    format!("{found:?} {found:#?} {builder:?} {:?}", builder.clone().build().unwrap())
                }
            };
            for canary in ["9d61b19d", "1cae7f60", "nWGxne", "dusAxyuf2A", "J1hsZ3v", "157, 97, 177", KEY] {
                assert!(!printed.contains(canary), "{printed}");
            }
        }
    }
}
