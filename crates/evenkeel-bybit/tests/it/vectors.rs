//! Every signing vector, byte for byte.

use evenkeel_bybit::sign::{
    KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, WINDOW_HEADER, payload, signature, stream_payload,
};
use evenkeel_http::{HmacKey, Secret};

use crate::support::{json, read, root};

#[test]
fn vectors() {
    let Some(root) = root() else { return };
    let file = json(&read(&root, "bybit_signing_vectors.json"));
    let vectors = file["vectors"].as_array().unwrap();
    for vector in vectors {
        let (name, input, expected) = (&vector["name"], &vector["input"], &vector["expected"]);
        let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
        let secret = HmacKey::new(&Secret::from(text("api_secret")));
        let signed = match input["expires_ms"].as_u64() {
            Some(expires) => stream_payload(expires),
            None => {
                let rest = if input["method"] == "GET" { text("query") } else { text("body") };
                let (time, window) = (input["timestamp_ms"].to_string(), input["recv_window_ms"].to_string());
                payload(&time, &text("api_key"), &window, &rest)
            }
        };
        assert_eq!(expected["signed_payload"], signed.as_str(), "{name}");
        let signature = signature(&secret, &signed);
        assert_eq!(expected["signature"], signature.as_str(), "{name}");
        let time = input["timestamp_ms"].to_string();
        let window = input["recv_window_ms"].to_string();
        let headers = [
            (KEY_HEADER, text("api_key")),
            (TIMESTAMP_HEADER, time),
            (WINDOW_HEADER, window),
            (SIGNATURE_HEADER, signature),
        ];
        for (header, value) in headers.iter().filter(|_| expected["headers"].is_object()) {
            assert_eq!(expected["headers"][header], value.as_str(), "{name}: {header}");
        }
    }
    assert_eq!(vectors.len(), 25);
}
