//! What is signed, and how. Pure: parameters and a key in, text out; no clock, no network.
//!
//! Every parameter travels in the query string, also of POST, PUT and DELETE, and the body stays empty: the one placement
//! that the venue takes everywhere (documentation, *SIGNED Endpoint Security*, 2026-10). Names and values are
//! percent-encoded **before** signing, as the official SDK does, so that the bytes that are signed are the bytes that are
//! sent. `signature` goes last.

use std::fmt;

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use ed25519_dalek::{Signer as _, SigningKey};
use evenkeel_http::{HmacKey, Secret, percent_encode};
use evenkeel_types::Timestamp;

/// A key that signs. Its `Debug` shows the kind and nothing else; it is wiped from memory when dropped.
#[derive(Clone)]
pub struct Key(Kind);

#[derive(Clone)]
enum Kind {
    Hmac(HmacKey),
    // Boxed: it carries its public half, and would make every key five times as large.
    Ed25519(Box<SigningKey>),
}

/// A private key that is none. Does not show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither a PEM nor a seed.
    #[error("expected a PKCS#8 PEM (BEGIN PRIVATE KEY) or a seed of 32 bytes in hex or base64")]
    Form,
    /// A PEM of something else.
    #[error("the PEM holds no unencrypted Ed25519 key in PKCS#8")]
    Pem,
}

impl Key {
    /// HMAC-SHA256 with the secret that belongs to the API key. Signatures are lower-case hex.
    #[must_use]
    pub fn hmac(secret: &Secret) -> Self {
        Self(Kind::Hmac(HmacKey::new(secret)))
    }

    /// Ed25519 with the 32 bytes of a private key. Signatures are base64.
    #[must_use]
    pub fn ed25519_seed(seed: &[u8; 32]) -> Self {
        Self(Kind::Ed25519(Box::new(SigningKey::from_bytes(seed))))
    }

    /// Ed25519 from text: a PKCS#8 PEM as OpenSSL writes it, or the 32 bytes in hex or base64. Line breaks of a PEM may be
    /// written as `\n`, as environment files have them.
    ///
    /// # Errors
    /// [`KeyError`], without the text.
    pub fn ed25519(text: &Secret) -> Result<Self, KeyError> {
        let text = text.expose().trim();
        if text.starts_with("-----BEGIN") {
            let pem = Secret::from(text.replace("\\n", "\n"));
            let key = SigningKey::from_pkcs8_pem(pem.expose()).map_err(|_| KeyError::Pem)?;
            return Ok(Self(Kind::Ed25519(Box::new(key))));
        }
        let seed = from_hex(text).or_else(|| {
            let mut seed = [0; 32];
            let bytes = Base64::decode(text, &mut seed).ok()?;
            (bytes.len() == 32).then_some(seed)
        });
        seed.map(|seed| Self::ed25519_seed(&seed)).ok_or(KeyError::Form)
    }

    /// The signature of a payload as the venue writes it, not yet percent-encoded.
    #[must_use]
    pub fn sign(&self, payload: &str) -> String {
        match &self.0 {
            Kind::Hmac(key) => key.sign_hex(payload.as_bytes()),
            Kind::Ed25519(key) => Base64::encode_string(&key.sign(payload.as_bytes()).to_bytes()),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Hmac(_) => "Key(HMAC ***)",
            Kind::Ed25519(_) => "Key(Ed25519 ***)",
        })
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut seed = [0; 32];
    let mut pairs = text.bytes();
    for byte in &mut seed {
        *byte = (digit(pairs.next()?)? << 4) | digit(pairs.next()?)?;
    }
    Some(seed)
}

/// Parameters as a query string: `name=value` joined by `&`, in the order given, everything but the unreserved characters
/// of RFC 3986 percent-encoded.
///
/// ```
/// use evenkeel_binance::sign::query;
///
/// let text = query([("symbol", "BTCUSDT"), ("note", "a b/[1]")]);
/// assert_eq!(text, "symbol=BTCUSDT&note=a%20b%2F%5B1%5D");
/// ```
#[must_use]
pub fn query<'a>(params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::with_capacity(USUAL);
    push(&mut text, params);
    text
}

/// Room for an order with its signature, so that its text is not moved while it grows.
const USUAL: usize = 384;

fn push<'a>(text: &mut String, params: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for (name, value) in params {
        if !text.is_empty() {
            text.push('&');
        }
        percent_encode(text, name);
        text.push('=');
        percent_encode(text, value);
    }
}

/// What is signed for parameters: the query string with `recvWindow` and `timestamp` (both in milliseconds) after them.
///
/// ```
/// use evenkeel_binance::sign::payload;
/// use evenkeel_types::Timestamp;
///
/// let text = payload([("symbol", "BTCUSDT"), ("leverage", "25")], 3000, Timestamp(1700000105439));
/// assert_eq!(text, "symbol=BTCUSDT&leverage=25&recvWindow=3000&timestamp=1700000105439");
/// ```
#[must_use]
pub fn payload<'a>(
    params: impl IntoIterator<Item = (&'a str, &'a str)>,
    recv_window: u64,
    timestamp: Timestamp,
) -> String {
    let mut text = query(params);
    let (window, time) = (recv_window.to_string(), timestamp.0.to_string());
    push(&mut text, [("recvWindow", window.as_str()), ("timestamp", time.as_str())]);
    text
}

/// The query string that is sent: the payload, and its signature last.
#[must_use]
pub fn signed_query(payload: &str, key: &Key) -> String {
    let signature = key.sign(payload);
    // Its name, and a few characters of a base64 text that take three times the room.
    let mut text = String::with_capacity(payload.len().saturating_add(signature.len()).saturating_add(24));
    text.push_str(payload);
    push(&mut text, [("signature", signature.as_str())]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

    #[test]
    fn an_ed25519_key_reads_as_seed_and_as_pem() {
        let hex = Key::ed25519(&Secret::from(SEED.to_owned())).unwrap();
        let base64 = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
        // RFC 8032, test 1, in PKCS#8 as OpenSSL writes it.
        let pem = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMRESc\
                   VpezJpGXA7rAMcrn9g\\n-----END PRIVATE KEY-----\\n";
        for text in [base64.to_owned(), pem.to_owned(), pem.replace("\\n", "\n")] {
            let key = Key::ed25519(&Secret::from(text.clone())).unwrap();
            assert_eq!(key.sign("x"), hex.sign("x"), "{text}");
        }
        assert!(Key::ed25519(&Secret::from("abc".to_owned())).is_err());
        assert!(Key::ed25519(&Secret::from(format!("{SEED}00"))).is_err());
        let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
        assert_eq!(Key::ed25519(&Secret::from(broken.to_owned())).unwrap_err(), KeyError::Pem);
        assert_eq!(format!("{hex:?}"), "Key(Ed25519 ***)");
    }
}
