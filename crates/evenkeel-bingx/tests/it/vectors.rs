//! Signatures of another client and of the documentation, byte for byte.

use evenkeel_bingx::sign;
use evenkeel_http::{HmacKey, Secret};
use proptest::prelude::*;
use serde_json::Value;

use crate::server::parameters;
use crate::support::{cases, json, read, root};

#[test]
fn every_vector_is_reproduced() {
    let Some(root) = root() else { return };
    let file = json(&read(&root, "bingx_signing_vectors.json"));
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 30);
    for vector in vectors {
        let (name, input, expected) = (&vector["name"], &vector["input"], &vector["expected"]);
        let key = HmacKey::new(&Secret::from(input["api_secret"].as_str().unwrap().to_owned()));
        let sent: Vec<(String, String)> = match &input["params"] {
            Value::Array(pairs) => pairs
                .iter()
                .map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned()))
                .collect(),
            _ => parameters(input["params_in_sent_order"].as_str().unwrap()),
        };
        let payload = sign::payload(&sent);
        assert_eq!(payload, expected["signed_payload"], "{name}");
        assert_eq!(sign::signature(&key, &payload), expected["signature"], "{name}");
        if let Some(headers) = expected["headers"].as_object() {
            assert_eq!(headers.len(), 1, "{name}");
            assert_eq!(headers[sign::KEY_HEADER], input["api_key"], "{name}");
            assert!(expected["body"].is_null(), "{name}");
        }
        if let Some(query) = expected["query_as_sent"].as_str() {
            assert_eq!(sign::query(&key, &sent), query, "{name}");
            let url =
                format!("{}{}?{query}", input["base_url"].as_str().unwrap(), input["path"].as_str().unwrap());
            assert_eq!(url, expected["url"], "{name}");
            // Sorted, as this crate sends them.
            let mut sorted = sent.clone();
            sorted.sort();
            assert_eq!(sorted, sent, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// Any other request: what is sent decodes to what was signed, byte for byte, and the signature is that of the raw text.
    #[test]
    fn what_is_sent_decodes_to_what_was_signed(
        pairs in prop::collection::vec(("[a-zA-Z]{1,12}", "\\PC{0,24}"), 0..8), secret in "[ -~]{1,90}",
    ) {
        let key = HmacKey::new(&Secret::from(secret));
        let query = sign::query(&key, &pairs);
        let mut sent = parameters(&query);
        let (name, signature) = sent.pop().unwrap();
        prop_assert_eq!(name, "signature");
        prop_assert_eq!(&sent, &pairs);
        let raw: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        prop_assert_eq!(sign::payload(&pairs), raw.join("&"));
        prop_assert_eq!(signature, key.sign_hex(raw.join("&").as_bytes()));
        prop_assert!(query.is_ascii());
    }
}

#[test]
fn an_empty_request_is_signed_too() {
    let key = HmacKey::new(&Secret::from("YYYYYYYYYY".to_owned()));
    let none: [(&str, &str); 0] = [];
    assert_eq!(sign::payload(&none), "");
    assert_eq!(sign::query(&key, &none), format!("signature={}", key.sign_hex(b"")));
    assert_eq!(sign::unsigned_query(&[("a", "b c"), ("d", "[1]")]), "a=b%20c&d=%5B1%5D");
}
