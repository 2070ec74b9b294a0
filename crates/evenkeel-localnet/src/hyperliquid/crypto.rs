//! Keccak, EIP-712, and whose signature something is.

use std::fmt;

use k256::ecdsa::{RecoveryId, Signature as Ecdsa, SigningKey, VerifyingKey};
use sha3::{Digest as _, Keccak256};

/// Keccak-256 over the parts one after another.
pub(crate) fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Keccak256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Twenty bytes that name an account or a key; shown as `0x` and 40 lower-case digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub(crate) [u8; 20]);

impl Address {
    /// From `0x` and 40 hexadecimal digits of either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40)?;
        let mut bytes = [0; 20];
        from_hex(digits, &mut bytes)?;
        Some(Self(bytes))
    }

    fn of(key: &VerifyingKey) -> Option<Self> {
        let point = key.to_sec1_point(false);
        // Without the byte that says that it is not compressed.
        let hash = keccak(&[point.as_bytes().get(1..)?]);
        Some(Self(hash.get(12..)?.try_into().ok()?))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key of a local network. Everybody knows it: it must never hold money anywhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct TestKey([u8; 32]);

impl TestKey {
    /// The key with this name; the same name is the same key for ever.
    #[must_use]
    pub fn named(name: &str) -> Self {
        // A hash that is zero or not below the order of the curve has never been seen.
        Self(keccak(&[b"evenkeel-localnet/", name.as_bytes()]))
    }

    /// As bots write it into their configuration: `0x` and 64 digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// The address that its signatures belong to.
    #[must_use]
    pub fn address(&self) -> Address {
        let key = SigningKey::from_slice(&self.0).ok();
        key.and_then(|key| Address::of(key.verifying_key())).unwrap_or(Address([0; 20]))
    }
}

impl fmt::Debug for TestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestKey({})", self.address())
    }
}

/// A signature as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) r: [u8; 32],
    pub(crate) s: [u8; 32],
    pub(crate) v: u8,
}

impl Signature {
    /// `r` and `s` may lack leading zeros, as the official SDK prints them.
    pub(crate) fn parse(r: &str, s: &str, v: u64) -> Option<Self> {
        let number = |text: &str| {
            let digits = text.strip_prefix("0x")?;
            let mut bytes = [0; 32];
            if digits.is_empty() || digits.len() > 64 {
                return None;
            }
            from_hex(&format!("{digits:0>64}"), &mut bytes)?;
            Some(bytes)
        };
        Some(Self { r: number(r)?, s: number(s)?, v: u8::try_from(v).ok()? })
    }

    /// Who signed `digest`. Any digest gives some address; `None` is for numbers that are no signature.
    pub(crate) fn signer(&self, digest: &[u8; 32]) -> Option<Address> {
        let recovery = RecoveryId::from_byte(self.v.checked_sub(27)?)?;
        let signature = Ecdsa::from_scalars(self.r, self.s).ok()?;
        let key = VerifyingKey::recover_from_prehash(digest, &signature, recovery).ok()?;
        Address::of(&key)
    }
}

/// What the hash of an L1 action covers besides the action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    pub(crate) nonce: u64,
    pub(crate) vault: Option<Address>,
    pub(crate) expires_after: Option<u64>,
}

/// The hash of an L1 action: of its MessagePack, and of what is around it.
pub(crate) fn connection_id(action: &[u8], around: Around) -> [u8; 32] {
    let mut tail = around.nonce.to_be_bytes().to_vec();
    match around.vault {
        None => tail.push(0),
        Some(vault) => {
            tail.push(1);
            tail.extend(vault.0);
        }
    }
    if let Some(expires) = around.expires_after {
        tail.push(0);
        tail.extend(expires.to_be_bytes());
    }
    keccak(&[action, &tail])
}

/// What is signed for an L1 action: a phantom agent with the network's letter.
pub(crate) fn l1_digest(connection_id: &[u8; 32], mainnet: bool) -> [u8; 32] {
    let source: &[u8] = if mainnet { b"a" } else { b"b" };
    let kind = keccak(&[b"Agent(string source,bytes32 connectionId)"]);
    let message = keccak(&[&kind, &keccak(&[source]), connection_id]);
    typed(&domain("Exchange", 1337), &message)
}

/// What is signed for an action that the user reads: `encoded` are its fields, 32 bytes each.
pub(crate) fn user_digest(chain: u64, kind: &str, encoded: &[[u8; 32]]) -> [u8; 32] {
    let kind = keccak(&[kind.as_bytes()]);
    let mut parts: Vec<&[u8]> = vec![&kind];
    parts.extend(encoded.iter().map(<[u8; 32]>::as_slice));
    typed(&domain("HyperliquidSignTransaction", chain), &keccak(&parts))
}

/// A number as EIP-712 encodes it.
pub(crate) fn word(number: u64) -> [u8; 32] {
    let mut word = [0; 32];
    for (place, byte) in word.iter_mut().rev().zip(number.to_be_bytes().into_iter().rev()) {
        *place = byte;
    }
    word
}

fn domain(name: &str, chain: u64) -> [u8; 32] {
    let kind =
        keccak(&[b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"]);
    keccak(&[&kind, &keccak(&[name.as_bytes()]), &keccak(&[b"1"]), &word(chain), &[0; 32]])
}

fn typed(domain: &[u8; 32], message: &[u8; 32]) -> [u8; 32] {
    keccak(&[&[0x19, 0x01], domain, message])
}

/// `0x` and two lower-case digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("0x");
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

fn from_hex(digits: &str, bytes: &mut [u8]) -> Option<()> {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (place, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(())
}
