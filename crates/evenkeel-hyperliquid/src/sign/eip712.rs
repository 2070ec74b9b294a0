//! EIP-712 as far as user-signed actions need it: flat messages of four kinds of field.

use super::{Address, keccak};

/// A field of a user-signed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // The venue's messages have these four.
pub enum UserValue<'a> {
    /// `string`. Its case matters, in destinations too.
    Text(&'a str),
    /// `bool`.
    Bool(bool),
    /// `uint64`.
    Uint(u64),
    /// `address`.
    Address(Address),
}

impl UserValue<'_> {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Bool(_) => "bool",
            Self::Uint(_) => "uint64",
            Self::Address(_) => "address",
        }
    }

    /// 32 bytes: text as its hash, everything else padded on the left.
    fn word(&self) -> [u8; 32] {
        match self {
            Self::Text(text) => keccak(&[text.as_bytes()]),
            Self::Bool(value) => padded(&[u8::from(*value)]),
            Self::Uint(value) => padded(&value.to_be_bytes()),
            Self::Address(address) => padded(&address.0),
        }
    }
}

fn padded(bytes: &[u8]) -> [u8; 32] {
    let mut word = [0; 32];
    for (to, from) in word.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    word
}

/// The EIP-712 domain separator of user-signed actions: name `HyperliquidSignTransaction`, version `1`, the chain, and
/// contract zero.
#[must_use]
pub fn user_domain(chain_id: u64) -> [u8; 32] {
    domain("HyperliquidSignTransaction", chain_id)
}

fn domain(name: &str, chain_id: u64) -> [u8; 32] {
    let domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    let (name, version) = (keccak(&[name.as_bytes()]), keccak(&[b"1"]));
    keccak(&[&keccak(&[domain_type]), &name, &version, &padded(&chain_id.to_be_bytes()), &[0; 32]])
}

/// The EIP-712 hash of a user-signed message: part of [`user_digest`], for looking for a difference.
#[must_use]
pub fn user_struct_hash(primary_type: &str, fields: &[(&str, UserValue<'_>)]) -> [u8; 32] {
    let members: Vec<String> =
        fields.iter().map(|(name, value)| format!("{} {name}", value.type_name())).collect();
    let encoded_type = format!("{primary_type}({})", members.join(","));
    let mut message = keccak(&[encoded_type.as_bytes()]).to_vec();
    for (_, value) in fields {
        message.extend_from_slice(&value.word());
    }
    keccak(&[&message])
}

/// The 32 bytes that are signed for a user-signed action: the hash of `19 01`, [`user_domain`] and
/// [`user_struct_hash`]. For master keys that live elsewhere; [`sign_user`](super::sign_user) does all of it.
///
/// `primary_type` is as in `HyperliquidTransaction:UsdSend`; the order of `fields` is part of the type.
///
/// ```
/// use evenkeel_hyperliquid::sign::{UserValue, user_digest};
///
/// let fields = [
///     ("hyperliquidChain", UserValue::Text("Testnet")),
///     ("destination", UserValue::Text("0x5e9ee1089755c3435139848e47e6635505d5a13a")),
///     ("amount", UserValue::Text("1")),
///     ("time", UserValue::Uint(1_687_816_341_423)),
/// ];
/// let digest = user_digest("HyperliquidTransaction:UsdSend", &fields, 0x66eee);
/// assert_eq!((digest[0], digest[31]), (0xca, 0xbe));
/// # Ok::<(), evenkeel_hyperliquid::sign::SignError>(())
/// ```
#[must_use]
pub fn user_digest(primary_type: &str, fields: &[(&str, UserValue<'_>)], chain_id: u64) -> [u8; 32] {
    keccak(&[b"\x19\x01", &user_domain(chain_id), &user_struct_hash(primary_type, fields)])
}

#[cfg(test)]
mod tests {
    use super::super::L1_DOMAIN;
    use super::*;

    #[test]
    fn the_domain_of_l1_actions_is_what_its_constant_says() {
        assert_eq!(domain("Exchange", 1337), L1_DOMAIN);
    }
}
