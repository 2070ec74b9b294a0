//! What is signed, byte for byte: keys, addresses, actions and the two signing schemes of the venue.
//!
//! | scheme | functions | who may sign |
//! |---|---|---|
//! | L1 actions: orders, cancels, leverage, margin | [`sign_l1`], [`sign_action`] | an [`AgentKey`], or any [`Signer`] |
//! | user-signed actions: moving money, approving agents | [`sign_user`], [`sign_user_action`] | a [`MasterKey`] only |
//!
//! The venue does not compare a signature with an address: it *recovers* the address from the signature and from its
//! own encoding of the action. A single different byte therefore shows as an error about an unknown address that
//! changes with each attempt.
//!
//! ```
//! use evenkeel_hyperliquid::sign::{AgentKey, Action, Network, connection_id, l1_digest, sign_action};
//!
//! let key = AgentKey::from_hex("0x0123456789012345678901234567890123456789012345678901234567890123")?;
//! let action = Action::UpdateLeverage { asset: 1, is_cross: true, leverage: 21 };
//! let signature = sign_action(&key, Network::Mainnet, &action, 1_755_863_118_232, None, None)?;
//!
//! let id = connection_id(&action.msgpack()?, 1_755_863_118_232, None, None);
//! assert_eq!(signature.recover(&l1_digest(&id, Network::Mainnet))?, key.address().get());
//! # Ok::<(), evenkeel_hyperliquid::sign::SignError>(())
//! ```

mod action;
mod address;
mod eip712;
mod error;
mod hex;
mod key;
mod l1;
mod msgpack;
mod number;
mod order;
mod order_bytes;
mod ordered_json;
mod signature;
mod user;

use sha3::{Digest as _, Keccak256};

pub use action::Action;
pub use address::{AccountAddress, Address, AgentAddress};
pub use eip712::{UserValue, user_digest, user_domain, user_struct_hash};
pub use error::SignError;
pub use key::{AgentKey, MasterKey, Signer};
pub use l1::{
    L1_DOMAIN, Network, connection_id, l1_digest, l1_struct_hash, sign_action, sign_l1, sign_l1_bytes,
};
pub use msgpack::msgpack;
pub use number::{scaled_integer, usd_micros, wire_number};
pub use order::{BuilderFee, Grouping, OrderAction, OrderKind, OrderWire, Tif, TpSl};
pub use order_bytes::orders_msgpack;
pub use ordered_json::OrderedJson;
pub use signature::Signature;
pub use user::{
    DEFAULT_CHAIN_ID, UserAction, UserActionFields, UserKind, sign_user, sign_user_action, sign_user_typed,
    user_action_fields,
};

/// Keccak-256 of the parts, one after another.
fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Keccak256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
