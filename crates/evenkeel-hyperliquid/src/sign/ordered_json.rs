//! JSON that keeps the order of its keys, because the order is part of what is signed.

use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};

use super::SignError;
use super::error::LONGEST;
use evenkeel_http::{cut, one_line};

/// How deep lists and objects may be nested; the venue's actions need five.
const MAX_DEPTH: usize = 32;

/// What `serde_json` wraps numbers in when any crate of the build turns on its `arbitrary_precision`.
const WRAPPED_NUMBER: &str = "$serde_json::private::Number";

/// An action as JSON with the keys in the order of its text: for actions that this crate has no type for.
///
/// Holds strings, whole numbers of 64 bits, bools, lists and objects. Null is refused (the venue leaves the key out),
/// and so are numbers with a decimal point (the venue has them as strings), and a key that comes twice.
///
/// ```
/// use evenkeel_hyperliquid::sign::{OrderedJson, msgpack};
///
/// let action = OrderedJson::parse(r#"{"type":"createSubAccount","name":"example"}"#)?;
/// assert_eq!(msgpack(&action)?, b"\x82\xa4type\xb0createSubAccount\xa4name\xa7example");
/// assert!(OrderedJson::parse(r#"{"type":"x","size":0.5}"#).is_err());
/// # Ok::<(), evenkeel_hyperliquid::sign::SignError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedJson(pub(super) Node);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Bool(bool),
    Uint(u64),
    /// Below zero.
    Int(i64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl OrderedJson {
    /// From the text of one JSON value.
    ///
    /// # Errors
    /// [`SignError::Json`] with what is refused and where.
    pub fn parse(text: &str) -> Result<Self, SignError> {
        serde_json::from_str(text).map_err(|error| SignError::Json(one_line(&error.to_string(), LONGEST)))
    }

    /// The entries of an object, in order; `None` for anything else.
    pub(super) fn entries(&self) -> Option<&[(String, Node)]> {
        match &self.0 {
            Node::Object(entries) => Some(entries),
            _ => None,
        }
    }
}

impl FromStr for OrderedJson {
    type Err = SignError;

    /// As [`OrderedJson::parse`].
    fn from_str(text: &str) -> Result<Self, SignError> {
        Self::parse(text)
    }
}

impl Serialize for OrderedJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Uint(value) => serializer.serialize_u64(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for OrderedJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Depth(MAX_DEPTH).deserialize(deserializer).map(Self)
    }
}

/// Reads a value in which this many more levels are allowed: what is read is later walked through recursively.
#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let too_deep = || E::custom(format_args!("lists and objects are nested more than {MAX_DEPTH} deep"));
        self.0.checked_sub(1).map(Self).ok_or_else(too_deep)
    }
}

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a whole number of 64 bits, a bool, a list or an object (decimals are strings in actions; keys without a value are left out)")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Uint(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(u64::try_from(value).map_or(Node::Int(value), Node::Uint))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let inner = self.inner()?;
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut keys = std::collections::BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == WRAPPED_NUMBER {
                return wrapped_number(&map.next_value::<String>()?);
            }
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("the key {} comes twice", cut(&key))));
            }
            entries.push((key, map.next_value_seed(inner)?));
        }
        Ok(Node::Object(entries))
    }
}

fn wrapped_number<E: serde::de::Error>(text: &str) -> Result<Node, E> {
    let unsigned = text.parse().map(Node::Uint);
    let whole = unsigned.or_else(|_| text.parse().map(Node::Int)).ok();
    // Without that feature `-0` is no whole number.
    whole
        .filter(|_| text != "-0")
        .ok_or_else(|| E::invalid_type(Unexpected::Other("another number"), &Depth(0)))
}
