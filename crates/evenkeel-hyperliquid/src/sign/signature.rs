//! Signatures as the venue takes them.

use k256::ecdsa::{self, RecoveryId, VerifyingKey};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::hex::Hex;
use super::{Address, SignError, keccak};

/// An ECDSA signature on secp256k1. `v` is 27 plus the recovery id.
///
/// As JSON it is `{"r":"0x…","s":"0x…","v":27}` with 64 digits in `r` and `s`. The venue's own SDK leaves leading zeros
/// out; both are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // A signature is these three numbers.
pub struct Signature {
    /// Big-endian.
    pub r: [u8; 32],
    /// Big-endian; in the lower half of the order.
    pub s: [u8; 32],
    /// 27 or 28.
    pub v: u8,
}

impl Signature {
    const FIRST_V: u8 = 27;

    pub(super) fn new(signature: &ecdsa::Signature, recovery: RecoveryId) -> Self {
        let (r, s) = signature.split_bytes();
        Self { r: r.into(), s: s.into(), v: Self::FIRST_V.saturating_add(recovery.to_byte()) }
    }

    /// The address that signed `digest`: what the venue computes. *Any* digest yields some address.
    ///
    /// ```
    /// use evenkeel_hyperliquid::sign::{AgentKey, Signer};
    ///
    /// let key = AgentKey::from_hex("0x0123456789012345678901234567890123456789012345678901234567890123")?;
    /// assert_eq!(key.sign_digest(&[7; 32])?.recover(&[7; 32])?, key.address().get());
    /// # Ok::<(), evenkeel_hyperliquid::sign::SignError>(())
    /// ```
    ///
    /// # Errors
    /// [`SignError::Signature`] for numbers that are no signature.
    pub fn recover(&self, digest: &[u8; 32]) -> Result<Address, SignError> {
        let recovery = self.v.checked_sub(Self::FIRST_V).and_then(RecoveryId::from_byte);
        let recovery = recovery.ok_or(SignError::Signature("v is not 27 or 28"))?;
        let signature = ecdsa::Signature::from_scalars(self.r, self.s)
            .map_err(|_| SignError::Signature("r or s is zero, or not below the order of the curve"))?;
        VerifyingKey::recover_from_prehash(digest, &signature, recovery)
            .map(|key| address_of(&key))
            .map_err(|_| SignError::Signature("r is the coordinate of no point"))
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Signature", 3)?;
        object.serialize_field("r", &Hex(&self.r).to_string())?;
        object.serialize_field("s", &Hex(&self.s).to_string())?;
        object.serialize_field("v", &self.v)?;
        object.end()
    }
}

/// The last 20 bytes of the hash of the public key's coordinates.
pub(super) fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_sec1_point(false);
    // Without the first byte, which says that both coordinates follow.
    let coordinates = point.as_bytes().get(1..).unwrap_or_default();
    let [_, _, _, _, _, _, _, _, _, _, _, _, address @ ..] = keccak(&[coordinates]);
    Address(address)
}
