//! Reading raw JSON with the path of every field at hand, so that each error can name its place.

use std::str::FromStr;

use evenkeel_types::{NumberError, Symbol};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Body, DecodeError, DecodeErrorKind};
use crate::text::cut;

const WHOLE: &str = "take the venue's answer whole and unchanged";

/// A place in an answer; the parents live on the stack, so walking costs no allocation.
#[derive(Debug, Clone, Copy)]
struct At<'p> {
    file: &'p str,
    up: Option<&'p At<'p>>,
    key: Key<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Key<'p> {
    Root,
    Name(&'p str),
    Index(usize),
}

impl At<'_> {
    fn path(&self) -> String {
        let mut keys = vec![self.key];
        let mut at = self;
        while let Some(up) = at.up {
            keys.push(up.key);
            at = up;
        }
        let mut path = String::new();
        for key in keys.into_iter().rev() {
            match key {
                Key::Root => {}
                Key::Name(name) if path.is_empty() => path.push_str(name),
                Key::Name(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Key::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

/// One field of a struct that mirrors an answer: absent, or its raw JSON text (which may be `null`).
///
/// Raw text cannot be captured inside tagged, untagged or flattened types: such structs are plain, and take every field
/// with `#[serde(default, borrow)]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Field<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw)))
    }
}

impl<'a> From<&'a RawValue> for Field<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self(Some(raw))
    }
}

/// A field of an answer: its place, and its raw text if it is there. See the [module](super).
#[derive(Debug, Clone, Copy)]
pub struct Node<'p, 'a> {
    at: At<'p>,
    raw: Option<&'a RawValue>,
}

impl<'a> Node<'a, 'a> {
    /// The root of an answer, once its bytes are known to be JSON.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Syntax`] with the line and the column.
    pub fn root(body: Body<'a>) -> Result<Self, DecodeError> {
        let Body { name: file, bytes } = body;
        let at = At { file, up: None, key: Key::Root };
        let raw = serde_json::from_slice(bytes).map_err(|error| {
            let problem = if bytes.iter().all(u8::is_ascii_whitespace) {
                "the file is empty".to_owned()
            } else {
                format!("no valid JSON: {error}")
            };
            DecodeError::new(DecodeErrorKind::Syntax, file, String::new(), &problem, WHOLE)
        })?;
        Ok(Self { at, raw: Some(raw) })
    }
}

impl<'p, 'a> Node<'p, 'a> {
    /// The field `name` of this object.
    #[must_use]
    pub fn key<'q>(&'q self, name: &'q str, field: Field<'a>) -> Node<'q, 'a> {
        Node { at: At { file: self.at.file, up: Some(&self.at), key: Key::Name(name) }, raw: field.0 }
    }

    /// An error at this place.
    #[must_use]
    pub fn error(&self, kind: DecodeErrorKind, problem: &str, remedy: impl Into<String>) -> DecodeError {
        DecodeError::new(kind, self.at.file, self.at.path(), problem, remedy)
    }

    /// An error about the value at this place.
    #[must_use]
    pub fn invalid(&self, problem: &str) -> DecodeError {
        self.error(DecodeErrorKind::Value, problem, WHOLE)
    }

    fn missing(&self, what: &str) -> DecodeError {
        self.error(
            DecodeErrorKind::Missing,
            &format!("{what} is missing"),
            "record the answer with this field; it is never replaced by a default",
        )
    }

    /// The raw text of a field that must be there and not be null.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`].
    pub fn required(&self) -> Result<&'a str, DecodeError> {
        self.optional().and_then(|node| node.raw).map(RawValue::get).ok_or_else(|| {
            self.missing(if self.raw.is_some() { "the value is null: it" } else { "the field" })
        })
    }

    /// This node, unless the field is absent or null.
    #[must_use]
    pub fn optional(self) -> Option<Self> {
        self.raw.filter(|raw| raw.get() != "null").map(|_| self)
    }

    /// This node, unless the field is absent, null, or an empty text: what some venues write where nothing applies.
    #[must_use]
    pub fn filled(self) -> Option<Self> {
        self.optional().filter(|node| node.raw.is_none_or(|raw| raw.get() != "\"\""))
    }

    /// Whether the value is there and is the empty text.
    #[must_use]
    pub fn is_empty_text(&self) -> bool {
        self.raw.is_some_and(|raw| raw.get() == "\"\"")
    }

    /// This node where it is there and filled, else the other: for fields with two spellings.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.filled().is_some() { self } else { other }
    }

    /// This node, unless it is null; the field must be there.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`].
    pub fn nullable(self) -> Result<Option<Self>, DecodeError> {
        if self.raw.is_none() { Err(self.missing("the field")) } else { Ok(self.optional()) }
    }

    /// The object at this place. Its fields are still raw.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn object<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
        let raw = self.required()?;
        // A derived struct would read an array by position as well.
        if !raw.starts_with('{') {
            return Err(self.invalid(&format!("expected an object, not {}", shown(raw))));
        }
        serde_json::from_str(raw).map_err(|error| {
            let text = error.to_string();
            self.invalid(text.split(" at line ").next().unwrap_or("expected an object"))
        })
    }

    /// The elements of the array at this place.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn array(&self) -> Result<Vec<&'a RawValue>, DecodeError> {
        let raw = self.required()?;
        let expected = || self.invalid(&format!("expected an array, not {}", shown(raw)));
        if !raw.starts_with('[') {
            return Err(expected());
        }
        serde_json::from_str(raw).map_err(|_| expected())
    }

    /// Element `index` of an array that [`Node::array`] gave.
    #[must_use]
    pub fn index<'q>(&'q self, index: usize, raw: Option<&'a RawValue>) -> Node<'q, 'a> {
        Node { at: At { file: self.at.file, up: Some(&self.at), key: Key::Index(index) }, raw }
    }

    /// The text of a JSON string.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn string(&self) -> Result<String, DecodeError> {
        let raw = self.required()?;
        let expected = || self.invalid(&format!("expected a text, not {}", shown(raw)));
        if !raw.starts_with('"') {
            return Err(expected());
        }
        serde_json::from_str(raw).map_err(|_| expected())
    }

    /// Whether the value is a JSON string.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.begins('"')
    }

    /// Whether the value is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.begins('{')
    }

    /// Whether the value is an array.
    #[must_use]
    pub fn is_array(&self) -> bool {
        self.begins('[')
    }

    fn begins(&self, with: char) -> bool {
        self.raw.is_some_and(|raw| raw.get().starts_with(with))
    }

    /// The raw text, shortened, for people to read.
    #[must_use]
    pub fn text(&self) -> String {
        self.raw.map(|raw| cut(raw.get())).unwrap_or_default()
    }

    /// The digits of a number, quoted or bare, exactly as they were sent; or a code that comes as a number or as a text.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn digits(&self) -> Result<String, DecodeError> {
        let raw = self.required()?;
        match raw.bytes().next() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => Ok(raw.to_owned()),
            _ => Err(self.invalid(&format!("expected a number, not {}", shown(raw)))),
        }
    }

    /// A decimal number; exponents, `NaN` and the empty text are refused.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn number<T: FromStr<Err = NumberError>>(&self) -> Result<T, DecodeError> {
        self.digits()?.parse().map_err(|error: NumberError| self.invalid(&error.to_string()))
    }

    /// A decimal number that may be written with an exponent, as JSON writers do with very large and very small ones
    /// (`1.4482E7`). The point is moved, so that no digit is lost; what does not fit is refused.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn scientific<T: FromStr<Err = NumberError>>(&self) -> Result<T, DecodeError> {
        let text = self.digits()?;
        let Some((digits, exponent)) = text.split_once(['e', 'E']) else { return self.number() };
        let moved = exponent.parse().ok().and_then(|exponent| moved(digits, exponent));
        let refused = || self.invalid(&format!("{} is no number that fits", cut(&text)));
        moved.ok_or_else(refused)?.parse().map_err(|_| refused())
    }

    /// A whole number, zero or above.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn integer(&self) -> Result<u64, DecodeError> {
        let text = self.digits()?;
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let value = if plain { text.parse().ok() } else { None };
        value.ok_or_else(|| self.invalid(&format!("{} is not a whole number that fits", cut(&text))))
    }

    /// A whole number with a sign.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn signed(&self) -> Result<i64, DecodeError> {
        let text = self.digits()?;
        text.parse().map_err(|_| self.invalid(&format!("{} is not a whole number that fits", cut(&text))))
    }

    /// A whole number, zero or above, that fits 32 bits.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn small(&self) -> Result<u32, DecodeError> {
        let value = self.integer()?;
        u32::try_from(value).map_err(|_| self.invalid(&format!("`{value}` is not a whole number that fits")))
    }

    /// A flag, bare or quoted.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn flag(&self) -> Result<bool, DecodeError> {
        match self.required()? {
            "false" | "\"false\"" => Ok(false),
            "true" | "\"true\"" => Ok(true),
            other => Err(self.invalid(&format!("expected true or false, not {}", shown(other)))),
        }
    }

    /// A flag that is left out, null or empty where it is not set.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Value`].
    pub fn optional_flag(self) -> Result<bool, DecodeError> {
        self.filled().map_or(Ok(false), |node| node.flag())
    }

    /// The name of an instrument or a coin. Venues also list names outside ASCII, which this library does not trade:
    /// [`DecodeErrorKind::Unsupported`].
    ///
    /// # Errors
    /// That, [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn symbol(&self) -> Result<Symbol, DecodeError> {
        let text = self.string()?;
        Symbol::new(&text).map_err(|error| {
            if text.is_ascii() {
                return self.invalid(&error.to_string());
            }
            self.error(
                DecodeErrorKind::Unsupported,
                &format!("{} has a name outside ASCII, which is not supported", cut(&text)),
                "close it and cancel its orders at the venue",
            )
        })
    }

    /// `Ok` of a calculation, or an error at this place saying that the values are too large to compute with.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Value`].
    pub fn computed<T>(&self, result: Result<T, NumberError>) -> Result<T, DecodeError> {
        result.map_err(|error| self.invalid(&error.to_string()))
    }
}

fn shown(raw: &str) -> String {
    match raw.bytes().next() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        _ => cut(raw),
    }
}

/// The decimal point of plain digits, moved to the right by `exponent`.
fn moved(digits: &str, exponent: i32) -> Option<String> {
    /// More places than a number of this library has digits.
    const FURTHEST: usize = 30;
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return None;
    }
    let places = usize::try_from(exponent.unsigned_abs()).ok().filter(|places| *places <= FURTHEST)?;
    let zeros = "0".repeat(places);
    let (whole, fraction) = if exponent < 0 {
        let padded = format!("{zeros}{whole}");
        let (before, after) = padded.split_at_checked(padded.len().checked_sub(places)?)?;
        (before.to_owned(), format!("{after}{fraction}"))
    } else {
        let padded = format!("{fraction}{zeros}");
        let (before, after) = padded.split_at_checked(places)?;
        (format!("{whole}{before}"), after.to_owned())
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use evenkeel_types::Usd;

    use super::*;

    fn root(json: &str) -> Result<Node<'_, '_>, DecodeError> {
        Node::root(Body::new("f", json.as_bytes()))
    }

    fn usd(json: &str) -> Result<String, String> {
        root(json)
            .and_then(|node| node.number::<Usd>())
            .map(|value| value.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_keep_their_digits_quoted_or_bare() {
        for (json, value) in [
            ("\"1.50\"", "1.5"),
            ("1.50", "1.5"),
            ("-0.0", "0"),
            ("3", "3"),
            ("24836370.4400000013", "24836370.4400000013"),
            ("\"24836370.4400000013\"", "24836370.4400000013"),
            ("0.1234567890123456789012345678", "0.1234567890123456789012345678"),
            ("\"\\u0031.5\"", "1.5"),
        ] {
            assert_eq!(usd(json).as_deref(), Ok(value), "{json}");
        }
    }

    #[test]
    fn what_is_no_plain_number_is_refused() {
        for json in [
            "1e5",
            "\"1e5\"",
            "\"NaN\"",
            "\"\"",
            "null",
            "true",
            "[]",
            "{}",
            "\"Infinity\"",
            "1E+2",
            "\"0x1\"",
        ] {
            assert!(usd(json).is_err(), "{json}");
        }
        assert!(
            usd("0.12345678901234567890123456789012345").is_err(),
            "more digits than fit must not be cut"
        );
    }

    #[test]
    fn syntax_errors_name_file_line_and_column() {
        let error = usd("{\"a\":\n 1,}").unwrap_err();
        assert!(error.starts_with("f: no valid JSON:") && error.contains("line 2 column"), "{error}");
        assert!(usd(" \n").unwrap_err().contains("the file is empty"));
        assert!(usd("1 2").unwrap_err().contains("trailing"), "text after the answer");
    }

    #[test]
    fn errors_are_one_line() {
        let error = usd("\"1\\n2\\u0007\"").unwrap_err();
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }

    #[test]
    fn exponents_move_the_point_and_lose_nothing() {
        let read = |json: &str| {
            let value = root(json).and_then(|node| node.scientific::<Usd>());
            value.map(|value| value.to_string()).map_err(|error| error.to_string())
        };
        for (json, value) in [
            ("1.4482E7", "14482000"),
            ("1.0E8", "100000000"),
            ("5.0E-4", "0.0005"),
            ("-6.5e-3", "-0.0065"),
            ("1.23456789e3", "1234.56789"),
            ("12e+2", "1200"),
            ("1e0", "1"),
            ("0.5e2", "50"),
            ("12e-3", "0.012"),
            ("250000", "250000"),
            ("0.0", "0"),
            ("\"2.5e2\"", "250"),
        ] {
            assert_eq!(read(json).as_deref(), Ok(value), "{json}");
        }
        for json in [
            "1e400",
            "1e-400",
            "1e31",
            "\"e5\"",
            "\"1e\"",
            "\"1e5e5\"",
            "\"NaN\"",
            "\"1 e5\"",
            "true",
            "null",
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
