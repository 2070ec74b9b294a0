//! L1 actions: what agents sign.

use evenkeel_types::Timestamp;
use serde::Serialize;

use super::{Action, Address, SignError, Signature, Signer, keccak, msgpack};

/// Which of the venue's two networks a signature is for. A signature for one is worthless on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // The venue has these two.
pub enum Network {
    /// Real money.
    Mainnet,
    /// Play money.
    Testnet,
}

impl Network {
    /// What L1 actions name the network by: `a` or `b`.
    #[must_use]
    pub const fn source(self) -> &'static str {
        match self {
            Self::Mainnet => "a",
            Self::Testnet => "b",
        }
    }

    /// What user-signed actions name the network by, as `hyperliquidChain`: `Mainnet` or `Testnet`.
    #[must_use]
    pub const fn chain_name(self) -> &'static str {
        match self {
            Self::Mainnet => "Mainnet",
            Self::Testnet => "Testnet",
        }
    }

    /// `keccak(source)`.
    const fn source_hash(self) -> &'static [u8; 32] {
        match self {
            Self::Mainnet => &SOURCE_A,
            Self::Testnet => &SOURCE_B,
        }
    }
}

// Constants rather than hashes at each signature; the tests compute them.

/// The EIP-712 domain separator of L1 actions: name `Exchange`, version `1`, chain 1337, contract zero; the same on
/// both networks.
pub const L1_DOMAIN: [u8; 32] = *b"\xd7\x92\x97\xfc\xdf\x2f\xfc\xd4\xae\x22\x3d\x01\xed\xaa\x2b\xa2\x14\xff\x8f\x40\x1d\x7c\x93\x00\xd9\x95\xd1\x7c\x82\xaa\x40\x40";
/// Of `Agent(string source,bytes32 connectionId)`.
const AGENT_TYPE: [u8; 32] = *b"\x26\xf0\x5c\x2f\x72\x39\xb6\x98\x30\x75\xe5\x83\x21\x29\x2d\x77\xb3\xaa\x17\x3d\x19\xb2\x72\x57\xac\x96\xab\x36\x25\x70\xf5\x08";
const SOURCE_A: [u8; 32] = *b"\x3a\xc2\x25\x16\x8d\xf5\x42\x12\xa2\x5c\x1c\x01\xfd\x35\xbe\xbf\xea\x40\x8f\xda\xc2\xe3\x1d\xdd\x6f\x80\xa4\xbb\xf9\xa5\xf1\xcb";
const SOURCE_B: [u8; 32] = *b"\xb5\x55\x3d\xe3\x15\xe0\xed\xf5\x04\xd9\x15\x0a\xf8\x2d\xaf\xa5\xc4\x66\x7f\xa6\x18\xed\x0a\x6f\x19\xc6\x9b\x41\x16\x6c\x55\x10";

/// The hash of an action with what the envelope adds to it.
///
/// Hashed are the action as MessagePack, the nonce (8 bytes, big-endian), `00`, or `01` and the 20 bytes of `vault`, and
/// where it expires `00` and the time in milliseconds (8 bytes, big-endian). The same nonce, vault and time must be in
/// the body of the request.
#[must_use]
pub fn connection_id(
    msgpack: &[u8],
    nonce: u64,
    vault: Option<&Address>,
    expires_after: Option<Timestamp>,
) -> [u8; 32] {
    let vault_flag: &[u8] = if vault.is_some() { &[1] } else { &[0] };
    let vault: &[u8] = vault.map_or(&[], |vault| &vault.0);
    let expiry_flag: &[u8] = if expires_after.is_some() { &[0] } else { &[] };
    let expiry = expires_after.map(|at| at.0.to_be_bytes());
    let expiry: &[u8] = expiry.as_ref().map_or(&[], |bytes| bytes);
    keccak(&[msgpack, &nonce.to_be_bytes(), vault_flag, vault, expiry_flag, expiry])
}

/// The EIP-712 hash of the message `Agent { source, connectionId }`: part of [`l1_digest`], for looking for a
/// difference.
#[must_use]
pub fn l1_struct_hash(connection_id: &[u8; 32], network: Network) -> [u8; 32] {
    keccak(&[&AGENT_TYPE, network.source_hash(), connection_id])
}

/// The 32 bytes that a [`Signer`] signs for an L1 action: the hash of `19 01`, [`L1_DOMAIN`] and [`l1_struct_hash`].
#[must_use]
pub fn l1_digest(connection_id: &[u8; 32], network: Network) -> [u8; 32] {
    keccak(&[b"\x19\x01", &L1_DOMAIN, &l1_struct_hash(connection_id, network)])
}

/// Signs any L1 action: [`Action`], [`OrderedJson`](super::OrderedJson), or a type of your own whose fields are in the
/// venue's order. Serialise the same value into the body of the request.
///
/// `vault` is the sub-account or vault that is acted for, `None` for the account itself. A signer that must not sign
/// for another network should be given to one connector only: `network` is all that tells the two apart.
///
/// ```
/// use evenkeel_hyperliquid::sign::{AgentKey, Network, OrderedJson, sign_l1};
///
/// let key = AgentKey::from_hex("0x0123456789012345678901234567890123456789012345678901234567890123")?;
/// let action = OrderedJson::parse(r#"{"type":"dummy","num":100000000000}"#)?;
/// let signature = sign_l1(&key, Network::Mainnet, &action, 0, None, None)?;
/// assert_eq!((signature.r[0], signature.r[31], signature.v), (0x05, 0x98, 27));
/// # Ok::<(), evenkeel_hyperliquid::sign::SignError>(())
/// ```
///
/// # Errors
/// [`SignError::Encode`] as [`msgpack`], and what the signer says.
pub fn sign_l1<A: Serialize + ?Sized>(
    signer: &dyn Signer,
    network: Network,
    action: &A,
    nonce: u64,
    vault: Option<&Address>,
    expires_after: Option<Timestamp>,
) -> Result<Signature, SignError> {
    sign_l1_bytes(signer, network, &msgpack(action)?, nonce, vault, expires_after)
}

/// The same for an [`Action`], whose orders are encoded without serde: the same bytes, sooner.
///
/// # Errors
/// As [`sign_l1`].
pub fn sign_action(
    signer: &dyn Signer,
    network: Network,
    action: &Action,
    nonce: u64,
    vault: Option<&Address>,
    expires_after: Option<Timestamp>,
) -> Result<Signature, SignError> {
    sign_l1_bytes(signer, network, &action.msgpack()?, nonce, vault, expires_after)
}

/// The same for an action that is MessagePack already, as of [`orders_msgpack`](super::orders_msgpack).
///
/// # Errors
/// What the signer says.
pub fn sign_l1_bytes(
    signer: &dyn Signer,
    network: Network,
    msgpack: &[u8],
    nonce: u64,
    vault: Option<&Address>,
    expires_after: Option<Timestamp>,
) -> Result<Signature, SignError> {
    let id = connection_id(msgpack, nonce, vault, expires_after);
    signer.sign_digest(&l1_digest(&id, network))
}
