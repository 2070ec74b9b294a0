//! What is signed, and how: pure functions, so that requests of other programs can be reproduced.
//!
//! The signature is `hex(HMAC-SHA256(secret, timestamp + key + window + rest))`, where `timestamp` and `window` are the
//! very texts of their headers, and `rest` is the query as it is sent (without `?`) for a `GET`, or the bytes of the
//! body for a `POST`. Nothing is sorted and nothing is encoded anew: what is signed is what is sent. RSA keys, which the
//! venue offers too, are not supported.
//!
//! ```
//! use evenkeel_bybit::sign::{payload, signature};
//! use evenkeel_http::{HmacKey, Secret};
//!
//! let secret = HmacKey::new(&Secret::from("YYYYYYYYYY".to_owned()));
//! let body = r#"{"symbol":"BTCUSDT","buyLeverage":"5","sellLeverage":"5","category":"linear"}"#;
//! let signed = payload("1700000000123", "XXXXXXXXXX", "5000", body);
//! assert_eq!(
//!     signature(&secret, &signed),
//!     "ca0d25586fac2a89c1c51fa475266be9f5322c9d97b64f3c474866de9aece081",
//! );
//! ```

use evenkeel_http::HmacKey;

/// The header with the API key.
pub const KEY_HEADER: &str = "X-BAPI-API-KEY";
/// The header with the time of signing: milliseconds since the epoch, by the venue's clock.
pub const TIMESTAMP_HEADER: &str = "X-BAPI-TIMESTAMP";
/// The header that says for how many milliseconds after that the request may be carried out.
pub const WINDOW_HEADER: &str = "X-BAPI-RECV-WINDOW";
/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "X-BAPI-SIGN";

/// The text that is signed. Holds the API key: it must not be printed.
#[must_use]
pub fn payload(timestamp: &str, key: &str, window: &str, rest: &str) -> String {
    [timestamp, key, window, rest].concat()
}

/// The text that is signed to open a private stream, with the moment (milliseconds) at which the signature ends.
#[must_use]
pub fn stream_payload(expires: u64) -> String {
    format!("GET/realtime{expires}")
}

/// The signature of a payload: 64 lower-case hexadecimal digits.
#[must_use]
pub fn signature(secret: &HmacKey, payload: &str) -> String {
    secret.sign_hex(payload.as_bytes())
}
