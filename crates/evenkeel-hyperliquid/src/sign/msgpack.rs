//! MessagePack as the venue encodes actions before it hashes them.

use serde::Serialize;

use super::SignError;
use super::error::LONGEST;
use evenkeel_http::{cut, one_line};

/// The bytes of an action that are hashed: maps with the keys in the order in which `action` serialises them, and
/// integers in their shortest form.
///
/// Works for any type; the order of its fields must be the venue's. Optional keys must be left out
/// (`skip_serializing_if`). Types that serialise differently for people and for machines are asked for the form for
/// people, so that these bytes and the JSON of the body say the same.
///
/// ```
/// use evenkeel_hyperliquid::sign::{Action, msgpack};
///
/// assert_eq!(msgpack(&Action::Noop)?, b"\x81\xa4type\xa4noop");
/// # Ok::<(), evenkeel_hyperliquid::sign::SignError>(())
/// ```
///
/// # Errors
/// [`SignError::Encode`] for what no action has: null, numbers with a decimal point (the venue has them as strings),
/// raw bytes, keys that are no strings; and for an action that is no object.
pub fn msgpack<A: Serialize + ?Sized>(action: &A) -> Result<Vec<u8>, SignError> {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_human_readable();
    action
        .serialize(&mut serializer)
        .map_err(|error| SignError::Encode(one_line(&error.to_string(), LONGEST)))?;
    check(&bytes)?;
    Ok(bytes)
}

/// A list or a map of which this many elements are still to come; keys and values of a map count one each.
struct Open {
    left: u64,
    map: bool,
}

/// Walks through what was encoded. A serialiser that refuses would have to repeat each of serde's thirty methods.
fn check(bytes: &[u8]) -> Result<(), SignError> {
    let mut rest = bytes;
    let mut key = "the action";
    let mut open = vec![Open { left: 1, map: false }];
    let refused = |key: &str, problem: &str| Err(SignError::Encode(format!("at {}: {problem}", cut(key))));
    let mut first = true;
    while let Some(top) = open.last_mut() {
        if top.left == 0 {
            open.pop();
            continue;
        }
        let is_key = top.map && top.left.is_multiple_of(2);
        top.left = top.left.saturating_sub(1);
        let Some(item) = Item::next(&mut rest) else {
            return refused(key, "the encoding is incomplete");
        };
        if first && !matches!(item, Item::Map(_)) {
            return refused(key, "an action is an object");
        }
        first = false;
        match item {
            Item::Text(text) if is_key => key = text,
            _ if is_key => return refused(key, "a key is no string"),
            Item::Text(_) | Item::Plain => {}
            Item::List(count) => open.push(Open { left: count.into(), map: false }),
            Item::Map(count) => open.push(Open { left: u64::from(count).saturating_mul(2), map: true }),
            Item::Nil => return refused(key, "null; leave the key out instead"),
            Item::Float => {
                return refused(
                    key,
                    "a number with a decimal point or an exponent; the venue has it as a string",
                );
            }
            Item::Bytes => return refused(key, "raw bytes, or a number beyond 64 bits"),
        }
    }
    if rest.is_empty() { Ok(()) } else { refused(key, "there is something after the action") }
}

enum Item<'a> {
    Text(&'a str),
    /// A whole number or a bool.
    Plain,
    List(u32),
    Map(u32),
    Nil,
    Float,
    Bytes,
}

impl<'a> Item<'a> {
    /// The next element; of lists and maps only the head. `None` where the bytes are no MessagePack.
    fn next(rest: &mut &'a [u8]) -> Option<Self> {
        let marker = *take(rest, 1)?.first()?;
        let low = |mask: u8| u32::from(marker & mask);
        Some(match marker {
            0x00..=0x7f | 0xe0..=0xff | 0xc2 | 0xc3 => Self::Plain,
            0x80..=0x8f => Self::Map(low(0x0f)),
            0x90..=0x9f => Self::List(low(0x0f)),
            0xa0..=0xbf => Self::text(rest, low(0x1f))?,
            0xcc..=0xd3 => {
                // One, two, four or eight bytes.
                take(rest, 1_usize << (marker & 0x03))?;
                Self::Plain
            }
            0xd9 => Self::sized_text(rest, 1)?,
            0xda => Self::sized_text(rest, 2)?,
            0xdb => Self::sized_text(rest, 4)?,
            0xdc => Self::List(number(rest, 2)?),
            0xdd => Self::List(number(rest, 4)?),
            0xde => Self::Map(number(rest, 2)?),
            0xdf => Self::Map(number(rest, 4)?),
            0xc0 => Self::Nil,
            0xca | 0xcb => Self::Float,
            // Bytes, and the extension types that nothing here writes.
            _ => Self::Bytes,
        })
    }

    fn sized_text(rest: &mut &'a [u8], width: usize) -> Option<Self> {
        let length = number(rest, width)?;
        Self::text(rest, length)
    }

    fn text(rest: &mut &'a [u8], length: u32) -> Option<Self> {
        std::str::from_utf8(take(rest, usize::try_from(length).ok()?)?).ok().map(Self::Text)
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

/// Big-endian, of at most four bytes.
fn number(rest: &mut &[u8], width: usize) -> Option<u32> {
    Some(take(rest, width)?.iter().fold(0, |value: u32, byte| (value << 8) | u32::from(*byte)))
}
