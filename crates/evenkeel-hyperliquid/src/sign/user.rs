//! User-signed actions: what only the key of the account itself may sign.

use evenkeel_types::{Decimal, parse_decimal};

use super::ordered_json::Node;
use super::{
    Address, MasterKey, Network, OrderedJson, SignError, Signature, UserValue, usd_micros, user_digest,
};
use evenkeel_http::cut;

/// The chain in the EIP-712 domain that the venue's own SDK uses on both networks. Any other is accepted; which network
/// is meant is said by `hyperliquidChain`.
pub const DEFAULT_CHAIN_ID: u64 = 0x66eee;

const CHAIN_NAME: &str = "hyperliquidChain";
const CHAIN_ID: &str = "signatureChainId";

/// What a field of a user-signed message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // The venue's messages have these four.
pub enum UserKind {
    /// `string`.
    Text,
    /// `bool`.
    Bool,
    /// `uint64`.
    Uint,
    /// `address`.
    Address,
}

/// A user-signed action: its type in the message, and its signed fields in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserActionFields {
    /// `type` of the action.
    pub action: &'static str,
    /// The EIP-712 type.
    pub primary_type: &'static str,
    /// Names and kinds; the order is part of the type.
    pub fields: &'static [(&'static str, UserKind)],
}

macro_rules! table {
    ($($action:literal $primary:literal { $($name:literal $kind:ident),* })*) => {
        &[$(UserActionFields {
            action: $action,
            primary_type: concat!("HyperliquidTransaction:", $primary),
            fields: &[("hyperliquidChain", UserKind::Text), $(($name, UserKind::$kind)),*],
        }),*]
    };
}

/// Destinations are text and not addresses: that is how the venue declares them.
const TABLE: &[UserActionFields] = table! {
    "usdClassTransfer" "UsdClassTransfer" { "amount" Text, "toPerp" Bool, "nonce" Uint }
    "withdraw3" "Withdraw" { "destination" Text, "amount" Text, "time" Uint }
    "usdSend" "UsdSend" { "destination" Text, "amount" Text, "time" Uint }
    "spotSend" "SpotSend" { "destination" Text, "token" Text, "amount" Text, "time" Uint }
    "sendAsset" "SendAsset" {
        "destination" Text, "sourceDex" Text, "destinationDex" Text, "token" Text, "amount" Text,
        "fromSubAccount" Text, "nonce" Uint
    }
    "approveAgent" "ApproveAgent" { "agentAddress" Address, "agentName" Text, "nonce" Uint }
    "approveBuilderFee" "ApproveBuilderFee" { "maxFeeRate" Text, "builder" Address, "nonce" Uint }
    "userSetAbstraction" "UserSetAbstraction" { "user" Address, "abstraction" Text, "nonce" Uint }
    "userDexAbstraction" "UserDexAbstraction" { "user" Address, "enabled" Bool, "nonce" Uint }
};

/// The signed fields of a user-signed action, by its `type`; `None` for a type that is not known here.
#[must_use]
pub fn user_action_fields(action: &str) -> Option<&'static UserActionFields> {
    TABLE.iter().find(|row| row.action == action)
}

/// A user-signed action that has a type here. Others are signed as [`OrderedJson`] by [`sign_user`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserAction {
    /// Moves USDC between the spot and the perpetual wallet of a standard account.
    UsdClassTransfer {
        /// How much, with at most 6 decimals; for a sub-account followed by ` subaccount:` and its address.
        amount: String,
        /// Into the perpetual wallet rather than out of it.
        to_perp: bool,
        /// The nonce of the envelope.
        nonce: u64,
    },
}

/// Signs an action that has a type, on [`DEFAULT_CHAIN_ID`]. Gives the object to send with the signature.
///
/// ```
/// use evenkeel_hyperliquid::sign::{MasterKey, Network, UserAction, sign_user_action};
///
/// let key = "0x0123456789012345678901234567890123456789012345678901234567890123";
/// let master = MasterKey::danger_from_hex(key)?;
/// let action = UserAction::UsdClassTransfer { amount: "1.23".into(), to_perp: true, nonce: 1_755_863_118_257 };
/// let (_to_send, signature) = sign_user_action(&master, Network::Mainnet, &action)?;
/// assert_eq!((signature.r[0], signature.s[31], signature.v), (0x7b, 0x65, 27));
/// # Ok::<(), evenkeel_hyperliquid::sign::SignError>(())
/// ```
///
/// # Errors
/// [`SignError::UserAction`] or [`SignError::Number`] for an amount that is not above zero, has more than 6 decimals,
/// or is followed by something else than a sub-account.
pub fn sign_user_action(
    master: &MasterKey,
    network: Network,
    action: &UserAction,
) -> Result<(OrderedJson, Signature), SignError> {
    let UserAction::UsdClassTransfer { amount, to_perp, nonce } = action;
    check_amount(amount)?;
    let text = |text: &str| Node::Text(text.to_owned());
    let entries = [
        ("type", text("usdClassTransfer")),
        (CHAIN_NAME, text(network.chain_name())),
        (CHAIN_ID, Node::Text(format!("{DEFAULT_CHAIN_ID:#x}"))),
        ("amount", text(amount)),
        ("toPerp", Node::Bool(*to_perp)),
        ("nonce", Node::Uint(*nonce)),
    ];
    let entries = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    sign_user(master, &OrderedJson(Node::Object(entries)))
}

fn check_amount(text: &str) -> Result<(), SignError> {
    let (amount, sub_account) = text.split_once(" subaccount:").map_or((text, None), |(a, s)| (a, Some(s)));
    let amount = parse_decimal("amount", amount).map_err(|error| refused(error.to_string()))?;
    if amount <= Decimal::ZERO {
        return Err(refused(format!("the amount must be above zero, not {amount}")));
    }
    usd_micros(&amount)?;
    sub_account.map_or(Ok(()), |address| Address::parse(address).map(|_| ()))
}

fn refused(problem: impl Into<String>) -> SignError {
    SignError::UserAction(problem.into())
}

/// Signs one of the actions of [`user_action_fields`], given as the object that is sent: with `type`,
/// `hyperliquidChain`, `signatureChainId` and its fields, in any order. Gives the object to send with the signature.
///
/// The two objects differ in one case: an unnamed `approveAgent` is signed with an empty `agentName`, and sent without
/// that key; it may be given either way.
///
/// # Errors
/// [`SignError::UserAction`] for an unknown type, and as [`sign_user_typed`].
pub fn sign_user(master: &MasterKey, action: &OrderedJson) -> Result<(OrderedJson, Signature), SignError> {
    let mut entries = action.entries().ok_or_else(|| refused("it is no object"))?.to_vec();
    let Some(Node::Text(name)) = find(&entries, "type") else {
        return Err(refused("`type` is missing, or no string"));
    };
    let row =
        user_action_fields(name).ok_or_else(|| refused(format!("the type {} is not known", cut(name))))?;
    let unnamed = |entry: &(String, Node)| entry.0 == "agentName" && entry.1 == Node::Text(String::new());
    if row.action == "approveAgent" {
        entries.retain(|entry| !unnamed(entry));
    }
    let signature = sign_entries(master, row.primary_type, row.fields, &entries)?;
    Ok((OrderedJson(Node::Object(entries)), signature))
}

/// Signs an action whose signed fields are given: for actions that are not in [`user_action_fields`].
///
/// # Errors
/// [`SignError::UserAction`] for a field that is missing or of another kind, for one that would be sent unsigned, for a
/// `hyperliquidChain` that is no network, and for a `signatureChainId` that is no `0x` number of 64 bits.
pub fn sign_user_typed(
    master: &MasterKey,
    primary_type: &str,
    fields: &[(&str, UserKind)],
    action: &OrderedJson,
) -> Result<Signature, SignError> {
    let entries = action.entries().ok_or_else(|| refused("it is no object"))?;
    sign_entries(master, primary_type, fields, entries)
}

fn sign_entries(
    master: &MasterKey,
    primary_type: &str,
    fields: &[(&str, UserKind)],
    entries: &[(String, Node)],
) -> Result<Signature, SignError> {
    let signed = |key: &str| fields.iter().any(|(name, _)| *name == key) || key == "type" || key == CHAIN_ID;
    if let Some((key, _)) = entries.iter().find(|(key, _)| !signed(key)) {
        return Err(refused(format!("{} would be sent without being signed", cut(key))));
    }
    match find(entries, CHAIN_NAME) {
        Some(Node::Text(name))
            if [Network::Mainnet, Network::Testnet].iter().any(|n| n.chain_name() == name) => {}
        _ => return Err(refused("`hyperliquidChain` must be `Mainnet` or `Testnet`")),
    }
    let values: Vec<_> = fields
        .iter()
        .map(|(name, kind)| value(entries, name, *kind).map(|value| (*name, value)))
        .collect::<Result<_, _>>()?;
    master.sign_digest(&user_digest(primary_type, &values, chain_id(entries)?))
}

fn find<'a>(entries: &'a [(String, Node)], key: &str) -> Option<&'a Node> {
    entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn value<'a>(entries: &'a [(String, Node)], name: &str, kind: UserKind) -> Result<UserValue<'a>, SignError> {
    match (kind, find(entries, name)) {
        (UserKind::Text, Some(Node::Text(text))) => Ok(UserValue::Text(text)),
        (UserKind::Bool, Some(Node::Bool(value))) => Ok(UserValue::Bool(*value)),
        (UserKind::Uint, Some(Node::Uint(value))) => Ok(UserValue::Uint(*value)),
        (UserKind::Address, Some(Node::Text(text))) => Address::parse(text)
            .map(UserValue::Address)
            .map_err(|error| refused(format!("`{name}`: {error}"))),
        // The venue signs an unnamed agent as one with an empty name.
        (UserKind::Text, None) if name == "agentName" => Ok(UserValue::Text("")),
        (_, None) => Err(refused(format!("`{name}` is missing"))),
        (kind, Some(_)) => Err(refused(format!("`{name}` is of another kind than {kind:?}"))),
    }
}

/// From text as `0x66eee`.
fn chain_id(entries: &[(String, Node)]) -> Result<u64, SignError> {
    let parsed = match find(entries, CHAIN_ID) {
        Some(Node::Text(text)) => text
            .strip_prefix("0x")
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u64::from_str_radix(digits, 16).ok()),
        _ => None,
    };
    parsed.ok_or_else(|| refused("`signatureChainId` must be a string like `0x66eee`"))
}
