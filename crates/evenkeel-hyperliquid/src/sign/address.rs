//! Addresses, and the two roles that they have here.

use std::fmt;
use std::str::FromStr;

use super::SignError;
use super::hex::{self, Hex, HexProblem};

/// Twenty bytes that name an account or a key. Shown as `0x` and 40 lower-case digits, which is what the venue hashes.
///
/// ```
/// use evenkeel_hyperliquid::sign::Address;
///
/// let address: Address = "0x14791697260E4c9A71f18484C9f997B308e59325".parse()?;
/// assert_eq!(address.to_string(), "0x14791697260e4c9a71f18484c9f997b308e59325");
/// let short = "0x1479".parse::<Address>().unwrap_err();
/// assert_eq!(short.to_string(), "not an address: 4 digits after 0x instead of 40");
/// # Ok::<(), evenkeel_hyperliquid::sign::SignError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 20]);

impl Address {
    /// From `0x` and 40 hexadecimal digits of either case. A checksum in the case is not looked at.
    ///
    /// # Errors
    /// [`SignError::Address`] with what is wrong; never with the text, which might be a key in the wrong place.
    pub fn parse(text: &str) -> Result<Self, SignError> {
        let refused = |problem: String| Err(SignError::Address(problem));
        let Some(digits) = text.strip_prefix("0x") else {
            return refused(if text.is_empty() { "it is empty" } else { "it does not begin with 0x" }.into());
        };
        let mut bytes = [0; 20];
        match hex::decode(digits, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(HexProblem::Length(64)) => refused("64 digits after 0x: this may be a private key".into()),
            Err(HexProblem::Length(length)) => refused(format!("{length} digits after 0x instead of 40")),
            Err(HexProblem::Digit(at)) => {
                refused(format!("character {} after 0x is no hexadecimal digit", at.saturating_add(1)))
            }
        }
    }
}

impl FromStr for Address {
    type Err = SignError;

    /// As [`Address::parse`].
    fn from_str(text: &str) -> Result<Self, SignError> {
        Self::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! role {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Address);

        impl $name {
            /// The address in this role.
            #[must_use]
            pub const fn new(address: Address) -> Self {
                Self(address)
            }

            /// As [`Address::parse`].
            ///
            /// # Errors
            /// [`SignError::Address`].
            pub fn parse(text: &str) -> Result<Self, SignError> {
                Address::parse(text).map(Self)
            }

            /// The address, whatever its role.
            #[must_use]
            pub const fn get(self) -> Address {
                self.0
            }
        }

        impl From<Address> for $name {
            fn from(address: Address) -> Self {
                Self(address)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

role! {
    /// The address of an account that is acted *for*: a master, a sub-account or a vault. Requests about positions and
    /// orders name this one, never the agent's.
    AccountAddress
}
role! {
    /// The address of a key that *signs*. Nonces belong to it. It holds no positions: whoever asks the venue about it
    /// sees an empty account.
    AgentAddress
}
