//! API keys that everybody knows.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// An API key of a local network, and its secret. Everybody knows both: they open nothing anywhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    id: String,
    secret: String,
}

impl ApiKey {
    /// The key with this name; the same name is the same key for ever.
    pub(crate) fn named(name: &str, id_length: usize, secret_length: usize) -> Self {
        Self {
            id: letters(&format!("{name}/key"), id_length),
            secret: letters(&format!("{name}/secret"), secret_length),
        }
    }

    /// A key of a published example.
    #[cfg(test)]
    pub(crate) fn given(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: secret.to_owned() }
    }

    /// What is sent with each request.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What requests are signed with.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Whether this is the HMAC-SHA256 of a message, as hexadecimal digits of either case.
    pub(crate) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Some(bytes) = from_hex(signature) else { return false };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else { return false };
        mac.update(message);
        mac.verify_slice(&bytes).is_ok()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.id)
    }
}

/// Letters and digits that look like a key's.
fn letters(name: &str, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    let mut round: u8 = 0;
    while text.len() < length {
        let mut hash = Sha256::new();
        hash.update(b"evenkeel-localnet/");
        hash.update(name.as_bytes());
        hash.update([round]);
        let left = length.saturating_sub(text.len());
        let letter = |byte: u8| {
            ALPHABET
                .get(usize::from(byte).checked_rem(ALPHABET.len()).unwrap_or(0))
                .copied()
                .map_or('A', char::from)
        };
        text.extend(hash.finalize().iter().take(left).map(|byte| letter(*byte)));
        round = round.wrapping_add(1);
    }
    text
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_definition() {
        // RFC 4231, case 2.
        let key = ApiKey { id: "id".to_owned(), secret: "Jefe".to_owned() };
        let digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(key.verifies(b"what do ya want for nothing?", digest));
        assert!(key.verifies(b"what do ya want for nothing?", &digest.to_uppercase()));
        assert!(!key.verifies(b"what do ya want for nothing!", digest));
        assert!(!key.verifies(b"what do ya want for nothing?", &digest[1..]));
        assert!(!key.verifies(b"what do ya want for nothing?", ""));
    }

    #[test]
    fn a_name_is_one_key_for_ever() {
        let key = ApiKey::named("binance/main", 64, 64);
        assert_eq!((key.id().len(), key.secret().len()), (64, 64));
        assert_eq!(key, ApiKey::named("binance/main", 64, 64));
        assert_ne!(key.id(), key.secret());
        assert_ne!(key.id(), ApiKey::named("binance/other", 64, 64).id());
        assert!(!format!("{key:?}").contains(key.secret()));
    }
}
