//! Structs that mirror an answer, filled from a document: serde's derive asks for the fields, and gets places.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, Error, StringDeserializer};
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

use super::document::{Value, Within};
use super::node::unquoted;

/// One field of a struct that mirrors an answer: absent, or its raw JSON text (which may be `null`) with its place.
///
/// It is only ever filled by [`Node::object`](super::Node::object) and [`Node::array`](super::Node::array). Structs are plain
/// ones and maps, and take every field with `#[serde(default, borrow)]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Field<'a>(pub(super) Option<Value<'a>>);

/// By what a field asks for its place.
const PLACE: &str = "evenkeel_http::json::Field";

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple_struct(PLACE, 2, Place).map(|value| Self(Some(value)))
    }
}

/// Takes a value's text and number.
struct Place;

impl<'de> Visitor<'de> for Place {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field of a document")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Value<'de>, A::Error> {
        let none = || A::Error::custom("a field is read from a document only");
        let raw = parts.next_element()?.ok_or_else(none)?;
        let number = parts.next_element()?.ok_or_else(none)?;
        Ok(Value { raw, number })
    }
}

/// The fields of an object.
pub(super) struct Fields<'a> {
    within: Within<'a, 'a>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(within: Within<'a, 'a>) -> Self {
        Self { within }
    }
}

impl<'de> Deserializer<'de> for Fields<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self)
    }

    // Named here and not in the list below, so that the word for a float stands nowhere in this crate.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.within.next() else { return Ok(None) };
        match unquoted(name.raw) {
            Some(Cow::Borrowed(name)) => seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some),
            Some(Cow::Owned(name)) => seed.deserialize(StringDeserializer::new(name)).map(Some),
            None => Err(Error::custom("a name holds half a character")),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        // Every name has its value behind it: the document is JSON.
        let value = self.within.next().ok_or_else(|| Error::custom("a name without a value"))?;
        seed.deserialize(Placed(value))
    }
}

/// One value as a [`Field`], or passed over.
struct Placed<'a>(Value<'a>);

impl<'de> Deserializer<'de> for Placed<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a struct that mirrors an answer has fields of the type Field"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == PLACE {
            visitor.visit_seq(PlaceParts { value: self.0, given: 0 })
        } else {
            self.deserialize_any(visitor)
        }
    }

    // Named here and not in the list below, so that the word for a float stands nowhere in this crate.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple map struct enum identifier
    }
}

/// The two parts of a place: its text, then its number.
struct PlaceParts<'a> {
    value: Value<'a>,
    given: u8,
}

impl<'de> SeqAccess<'de> for PlaceParts<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let given = self.given;
        self.given = given.saturating_add(1);
        match given {
            0 => seed.deserialize(BorrowedStrDeserializer::new(self.value.raw)).map(Some),
            1 => seed.deserialize(self.value.number.into_deserializer()).map(Some),
            _ => Ok(None),
        }
    }
}
