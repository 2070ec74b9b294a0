//! Keys that sign.

use std::fmt;

use k256::ecdsa::SigningKey;
use k256::elliptic_curve::zeroize::Zeroize as _;

use super::hex::{self, HexProblem};
use super::signature::address_of;
use super::{AccountAddress, AgentAddress, SignError, Signature};

/// Signs digests of L1 actions. Implement it for a key that lives elsewhere: in another process, in hardware.
///
/// An implementation signs exactly these 32 bytes (no prefix, no further hash), with `s` in the lower half of the
/// order, and must be deterministic (RFC 6979) where signatures are to be compared. It is called between reading the
/// clock and sending, so it should be fast.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The address that the venue recovers from its signatures.
    fn address(&self) -> AgentAddress;

    /// Signs a digest.
    ///
    /// # Errors
    /// [`SignError::Signer`] when the key cannot be used.
    fn sign_digest(&self, digest: &[u8; 32]) -> Result<Signature, SignError>;
}

/// The private key of an agent (API wallet): it can trade for the account that approved it and cannot withdraw.
///
/// It is wiped from memory when dropped. `Debug` shows its address alone; there is no way to get the key back.
///
/// ```
/// use evenkeel_hyperliquid::sign::AgentKey;
///
/// let key = AgentKey::from_hex("0x0123456789012345678901234567890123456789012345678901234567890123")?;
/// assert_eq!(format!("{key:?}"), "AgentKey(0x14791697260e4c9a71f18484c9f997b308e59325)");
/// # Ok::<(), evenkeel_hyperliquid::sign::SignError>(())
/// ```
pub struct AgentKey {
    /// Wipes itself on drop.
    key: SigningKey,
    address: AgentAddress,
}

impl AgentKey {
    /// From 64 hexadecimal digits, with or without `0x`. The text remains the caller's to wipe.
    ///
    /// # Errors
    /// [`SignError::Key`] with what is wrong, never with any part of the text.
    pub fn from_hex(text: &str) -> Result<Self, SignError> {
        let mut bytes = [0; 32];
        let made = hex::decode(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
            .map_err(|problem| match problem {
                HexProblem::Length(length) => format!("{length} hexadecimal digits instead of 64"),
                // Not which character: even its place would be something about a key.
                HexProblem::Digit(_) => "there is a character that is no hexadecimal digit".to_owned(),
            })
            .and_then(|()| {
                let in_range = SigningKey::from_slice(&bytes);
                in_range.map_err(|_| "it is zero, or not below the order of the curve".to_owned())
            });
        bytes.zeroize();
        let key = made.map_err(SignError::Key)?;
        let address = address_of(key.verifying_key()).into();
        Ok(Self { key, address })
    }

    /// The address that this key signs as.
    #[must_use]
    pub fn address(&self) -> AgentAddress {
        self.address
    }
}

impl Signer for AgentKey {
    fn address(&self) -> AgentAddress {
        self.address
    }

    fn sign_digest(&self, digest: &[u8; 32]) -> Result<Signature, SignError> {
        let (signature, recovery) = self.key.sign_prehash_recoverable(digest);
        Ok(Signature::new(&signature, recovery))
    }
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentKey({})", self.address)
    }
}

/// The private key of an account itself, which can withdraw everything. Only it may sign the actions of
/// [`sign_user`](super::sign_user); whatever an agent can do should be done by an agent.
///
/// Wiped and shown like [`AgentKey`].
pub struct MasterKey(AgentKey);

impl MasterKey {
    /// As [`AgentKey::from_hex`]. Search for this name in review.
    ///
    /// # Errors
    /// [`SignError::Key`] with what is wrong, never with any part of the text.
    pub fn danger_from_hex(text: &str) -> Result<Self, SignError> {
        AgentKey::from_hex(text).map(Self)
    }

    /// The account that this is the key of.
    #[must_use]
    pub fn address(&self) -> AccountAddress {
        self.0.address.get().into()
    }

    /// The same key as a signer of L1 actions, for which the venue takes a master's signature as well as an agent's.
    #[must_use]
    pub fn as_signer(&self) -> AgentKey {
        AgentKey { key: self.0.key.clone(), address: self.0.address }
    }

    pub(super) fn sign_digest(&self, digest: &[u8; 32]) -> Result<Signature, SignError> {
        self.0.sign_digest(digest)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.address())
    }
}
