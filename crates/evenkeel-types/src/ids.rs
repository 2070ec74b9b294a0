//! Names of things: symbols, venues, accounts, orders, and moments.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{text}` is not allowed: {allowed}")]
pub struct IdError {
    what: &'static str,
    text: String,
    allowed: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            #[doc = concat!("Checks the text: ", $allowed, ".")]
            ///
            /// # Errors
            /// [`IdError`] with the text and the rule.
            pub fn new(text: &str) -> Result<Self, IdError> {
                let fine = (1..=$max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
                if fine {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { what: $what, text: text.chars().take($max).collect(), allowed: $allowed })
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(de::Error::custom)
            }
        }
    };
}

name!(
    /// What is traded, in the venue's own spelling: `SOL`, `BTCUSDT`, `BTC-USDT`, `xyz:XYZ100`.
    ///
    /// Cheap to clone. Symbols are compared as text; converting between venues' spellings is not its job.
    Symbol, "symbol", 64, "1 to 64 printable ASCII characters without spaces"
);
name!(
    /// An exchange. Open, not an enum: anybody can add a venue.
    VenueId, "venue", 32, "1 to 32 printable ASCII characters without spaces"
);
name!(
    /// An account at a venue, as the venue or the user names it (an address, a sub-account name).
    AccountId, "account", 128, "1 to 128 printable ASCII characters without spaces"
);
name!(
    /// What margin is posted in: `USDC`, `USDT`.
    Collateral, "collateral", 32, "1 to 32 printable ASCII characters without spaces"
);

/// The identity that a venue keeps for one of our orders: 20 base-36 characters, legal on all venues.
///
/// It carries the first 100 bits of a hash; there is no random constructor, so the same plan always has the
/// same ids and a crash can never make a second identity for one decision.
///
/// ```
/// use evenkeel_types::ClientOrderId;
/// let id = ClientOrderId::from_hash(&[7; 16]);
/// assert_eq!(id.as_str().len(), 20);
/// assert_eq!(ClientOrderId::parse(id.as_str())?, id);
/// # Ok::<(), evenkeel_types::IdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientOrderId([u8; 20]);

impl ClientOrderId {
    const ALPHABET: &'static [u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

    /// From the leading 100 bits of a hash over what the order is (36^20 is a little over 2^103).
    #[must_use]
    pub fn from_hash(hash: &[u8; 16]) -> Self {
        let mut rest = u128::from_be_bytes(*hash) >> 28;
        let mut text = [b'0'; 20];
        for place in text.iter_mut().rev() {
            let digit = usize::try_from(rest % 36).unwrap_or(0);
            *place = Self::ALPHABET.get(digit).copied().unwrap_or(b'0');
            rest /= 36;
        }
        Self(text)
    }

    /// Reads an id back.
    ///
    /// # Errors
    /// [`IdError`] for anything but 20 characters of `0-9a-z`.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let refused = || IdError {
            what: "client order id",
            text: text.chars().take(40).collect(),
            allowed: "20 characters of 0-9 and a-z",
        };
        let bytes: [u8; 20] = text.as_bytes().try_into().map_err(|_| refused())?;
        if bytes.iter().all(|b| Self::ALPHABET.contains(b)) { Ok(Self(bytes)) } else { Err(refused()) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only `ALPHABET` bytes are ever stored.
        core::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl fmt::Debug for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientOrderId({})", self.as_str())
    }
}
impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl Serialize for ClientOrderId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for ClientOrderId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A moment: milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This moment and `wait` later; saturates at the end of time.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    /// Milliseconds since the epoch; calendars are for the edges.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_ids_use_all_hundred_bits_and_no_more() {
        let top = ClientOrderId::from_hash(&[0xff; 16]);
        assert_eq!(top.as_str().len(), 20);
        let mut low = [0; 16];
        low[15] = 0xff; // below the 100 bits
        assert_eq!(ClientOrderId::from_hash(&low), ClientOrderId::from_hash(&[0; 16]));
        low[12] = 0x10; // the lowest of the 100 bits
        assert_eq!(ClientOrderId::from_hash(&low).as_str(), "00000000000000000001");
    }

    #[test]
    fn names_are_checked() {
        assert!(Symbol::new("").is_err());
        assert!(Symbol::new("SOL PERP").is_err());
        assert!(Symbol::new("xyz:XYZ100").is_ok());
        assert!(serde_json::from_str::<Symbol>("\"a b\"").is_err());
        assert!(ClientOrderId::parse("ABCDEFGHIJKLMNOPQRST").is_err());
    }
}
