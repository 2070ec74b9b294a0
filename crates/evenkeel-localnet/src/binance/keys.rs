//! Ed25519 keys, which an account may have besides its HMAC key.

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signature, VerifyingKey};

/// The public half of a key whose private half only its owner has, and the id under which the venue knows it.
#[derive(Debug, Clone)]
pub(crate) struct PublicKey {
    pub(crate) id: String,
    pub(crate) account: usize,
    key: VerifyingKey,
}

impl PublicKey {
    pub(crate) fn new(id: String, account: usize, bytes: &[u8; 32]) -> Option<Self> {
        Some(Self { id, account, key: VerifyingKey::from_bytes(bytes).ok()? })
    }

    /// Whether this is its signature, in base64.
    pub(crate) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let mut bytes = [0_u8; 64];
        match Base64::decode(signature, &mut bytes) {
            Ok(signature) => {
                let signature = Signature::from_slice(signature);
                signature.is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
            }
            Err(_) => false,
        }
    }
}
