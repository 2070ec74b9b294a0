//! Every signing vector, byte for byte.

use evenkeel_binance::sign::{Key, payload, query, signed_query};
use evenkeel_http::Secret;
use evenkeel_types::Timestamp;
use serde_json::Value;

use crate::support::{json, read, root};

fn key(vector: &Value) -> Key {
    match vector["scheme"].as_str().unwrap() {
        "HMAC-SHA256" => Key::hmac(&Secret::from(vector["secret"].as_str().unwrap().to_owned())),
        "Ed25519" => {
            Key::ed25519(&Secret::from(vector["ed25519_seed_hex"].as_str().unwrap().to_owned())).unwrap()
        }
        other => panic!("{other}"),
    }
}

#[test]
fn every_vector_is_reproduced() {
    let Some(root) = root() else { return };
    let file = json(&read(&root, "binance_signing_vectors.json"));
    let vectors = file["vectors"].as_array().unwrap();
    let (mut hmac, mut ed25519, mut sendings, mut whole) = (0, 0, 0, 0);
    for vector in vectors {
        let name = vector["id"].as_str().unwrap();
        let scheme = vector["scheme"].as_str().unwrap();
        let signed = vector["signed_payload"].as_str().unwrap();
        let key = key(vector);
        assert_eq!(key.sign(signed), vector["signature"].as_str().unwrap(), "{name}");
        if scheme == "Ed25519" {
            ed25519 += 1;
        } else {
            hmac += 1;
        }
        let pairs: Vec<(&str, &str)> = vector["params"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
            .collect();
        // What travels is the same text, whether a client puts it into the query string, as this connector does, or into
        // the body. One that is spread over both is signed as it stands, without anything between its parts.
        let travels = match vector["placement"].as_str().unwrap() {
            "query" => vector["url"].as_str().unwrap().split_once('?').map(|(_, query)| query),
            "body" => vector["body"].as_str(),
            "mixed" => None,
            other => panic!("{name}: {other}"),
        };
        if let Some(expected) = travels {
            assert_eq!(query(pairs.iter().copied()), signed, "{name}");
            assert_eq!(signed_query(signed, &key), expected, "{name}");
            sendings += 1;
        }
        // The official SDK puts validity and time last, as we do.
        if let [rest @ .., ("recvWindow", window), ("timestamp", time)] = pairs.as_slice()
            && vector["placement"] == "query"
        {
            let time = Timestamp(time.parse().unwrap());
            assert_eq!(payload(rest.iter().copied(), window.parse().unwrap(), time), signed, "{name}");
            whole += 1;
        }
    }
    assert_eq!(hmac + ed25519, vectors.len());
    assert!(
        hmac >= 21 && ed25519 >= 3 && sendings >= 23 && whole >= 5,
        "{hmac} {ed25519} {sendings} {whole}"
    );
}

/// From the venue's own documentation (futures general info, example 1).
#[test]
fn the_documented_example_needs_no_file() {
    let secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9";
    let params = [
        ("symbol", "BTCUSDT"),
        ("side", "BUY"),
        ("type", "LIMIT"),
        ("quantity", "1"),
        ("price", "9000"),
        ("timeInForce", "GTC"),
    ];
    let payload = payload(params, 5000, Timestamp(1_591_702_613_943));
    let sent = signed_query(&payload, &Key::hmac(&Secret::from(secret.to_owned())));
    assert!(sent.ends_with("&signature=3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"));
}
