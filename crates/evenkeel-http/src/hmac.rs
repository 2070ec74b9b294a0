//! HMAC-SHA256, the signature of venues with shared secrets.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::zeroize::Zeroize as _;
use sha2::{Digest as _, Sha256};

use crate::secret::Secret;
use crate::text::hex;

/// The block of SHA-256 in bytes, to which HMAC brings every key.
const BLOCK: usize = 64;

/// An HMAC-SHA256 key, worked up once: signing costs two hash blocks less than starting from the secret.
///
/// ```
/// use evenkeel_http::{HmacKey, Secret};
///
/// let key = HmacKey::new(&Secret::from("Jefe".to_owned()));
/// // RFC 4231, test case 2.
/// assert_eq!(
///     key.sign_hex(b"what do ya want for nothing?"),
///     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
/// );
/// assert_eq!(format!("{key:?}"), "HmacKey(***)");
/// ```
#[derive(Clone)]
pub struct HmacKey(Hmac<Sha256>);

impl HmacKey {
    /// The key whose bytes are the secret's text in UTF-8, as venues issue them.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self::from_bytes(secret.expose().as_bytes())
    }

    /// The key of these bytes, of any length.
    #[must_use]
    pub fn from_bytes(key: &[u8]) -> Self {
        // What HMAC does with a key (RFC 2104 §2), written out because the block-sized constructor cannot fail.
        let mut block = [0; BLOCK];
        let fill = |block: &mut [u8; BLOCK], bytes: &[u8]| {
            block.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
        };
        if key.len() > BLOCK {
            fill(&mut block, &Sha256::digest(key));
        } else {
            fill(&mut block, key);
        }
        let mac = Hmac::<Sha256>::new(&block.into());
        block.zeroize();
        Self(mac)
    }

    /// The signature of a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// The signature of a message in lower-case hexadecimal.
    #[must_use]
    pub fn sign_hex(&self, message: &[u8]) -> String {
        hex(&self.sign(message))
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(***)")
    }
}
