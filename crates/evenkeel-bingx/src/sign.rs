//! What is signed, and how: pure functions, so that requests of other programs can be reproduced.
//!
//! The signature is `hex(HMAC-SHA256(secret, "k1=v1&k2=v2&…"))` over the **raw** values in the order in which they are
//! sent, `timestamp` included, `signature` not. The values are percent-encoded afterwards, and the signature is appended
//! as the last parameter. All verbs carry their parameters in the query; there is no body. This crate sorts by name,
//! which the venue does not ask for, so that equal requests have equal bytes.
//!
//! ```
//! use evenkeel_bingx::sign::{payload, query, signature};
//! use evenkeel_http::{HmacKey, Secret};
//!
//! let key = HmacKey::new(&Secret::from("YYYYYYYYYY".to_owned()));
//! let parameters = [("leverage", "5"), ("side", "BOTH"), ("symbol", "BTC-USDT"), ("timestamp", "1700000000123")];
//! assert_eq!(payload(&parameters), "leverage=5&side=BOTH&symbol=BTC-USDT&timestamp=1700000000123");
//! let signed = signature(&key, &payload(&parameters));
//! assert_eq!(signed, "1acc881a10ae37fd2ec48624cebc188818ef2ecf68e351cb45c8d76b1ce08320");
//! assert!(query(&key, &parameters).ends_with(&format!("&signature={signed}")));
//! ```

use evenkeel_http::{HmacKey, is_unreserved, percent_encode};

/// The header with the API key.
pub const KEY_HEADER: &str = "X-BX-APIKEY";

/// The text that is signed: names and raw values, in the order given.
#[must_use]
pub fn payload<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)]) -> String {
    joined(parameters, String::push_str)
}

/// The signature of a payload: 64 lower-case hexadecimal digits.
#[must_use]
pub fn signature(key: &HmacKey, payload: &str) -> String {
    key.sign_hex(payload.as_bytes())
}

/// The query of a signed request: the same names and values, values percent-encoded, and the signature.
#[must_use]
pub fn query<N: AsRef<str>, V: AsRef<str>>(key: &HmacKey, parameters: &[(N, V)]) -> String {
    let payload = payload(parameters);
    let signed = signature(key, &payload);
    // Where nothing is encoded, what is signed is what is sent.
    let as_signed = parameters.iter().all(|(_, value)| is_unreserved(value.as_ref()));
    let mut query = if as_signed { payload } else { unsigned_query(parameters) };
    query.push_str(if query.is_empty() { "signature=" } else { "&signature=" });
    query.push_str(&signed);
    query
}

/// The query of a request that is not signed: values percent-encoded.
#[must_use]
pub fn unsigned_query<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)]) -> String {
    joined(parameters, percent_encode)
}

/// Room for an order with its signature, so that its text is not moved while it grows.
const USUAL: usize = 384;

fn joined<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)], write: impl Fn(&mut String, &str)) -> String {
    let mut text = String::with_capacity(USUAL);
    for (name, value) in parameters {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name.as_ref());
        text.push('=');
        write(&mut text, value.as_ref());
    }
    text
}
