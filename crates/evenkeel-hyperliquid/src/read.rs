//! Reading raw JSON with the path of every field at hand, so that each error can name its place.

use core::str::FromStr;

use evenkeel_types::{NumberError, Symbol};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::refused::{DecodeError, DecodeErrorKind};
use crate::text::cut;
use crate::wire::Field;

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

/// A field of an answer: its place, and its raw text if it is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'p, 'a> {
    at: At<'p>,
    raw: Option<&'a RawValue>,
}

impl<'a> Node<'a, 'a> {
    /// The root of an answer, once its bytes are known to be JSON.
    pub(crate) fn root(file: &'a str, bytes: &'a [u8]) -> Result<Self, DecodeError> {
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
    pub(crate) fn key<'q>(&'q self, name: &'q str, field: Field<'a>) -> Node<'q, 'a> {
        Node { at: At { file: self.at.file, up: Some(&self.at), key: Key::Name(name) }, raw: field.0 }
    }

    /// An error at this place.
    pub(crate) fn error(
        &self,
        kind: DecodeErrorKind,
        problem: &str,
        remedy: impl Into<String>,
    ) -> DecodeError {
        DecodeError::new(kind, self.at.file, self.at.path(), problem, remedy)
    }

    /// An error about the value at this place.
    pub(crate) fn invalid(&self, problem: &str) -> DecodeError {
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
    fn required(&self) -> Result<&'a str, DecodeError> {
        self.optional().and_then(|node| node.raw).map(RawValue::get).ok_or_else(|| {
            self.missing(if self.raw.is_some() { "the value is null: it" } else { "the field" })
        })
    }

    /// This node, unless the field is absent or null.
    pub(crate) fn optional(self) -> Option<Self> {
        self.raw.filter(|raw| raw.get() != "null").map(|_| self)
    }

    /// This node, unless it is null; the field must be there.
    pub(crate) fn nullable(self) -> Result<Option<Self>, DecodeError> {
        if self.raw.is_none() { Err(self.missing("the field")) } else { Ok(self.optional()) }
    }

    /// The object at this place. Its fields are still raw.
    pub(crate) fn object<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
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
    pub(crate) fn array(&self) -> Result<Vec<&'a RawValue>, DecodeError> {
        let raw = self.required()?;
        let expected = || self.invalid(&format!("expected an array, not {}", shown(raw)));
        if !raw.starts_with('[') {
            return Err(expected());
        }
        serde_json::from_str(raw).map_err(|_| expected())
    }

    /// Element `index` of an array that [`Node::array`] gave.
    pub(crate) fn index<'q>(&'q self, index: usize, raw: Option<&'a RawValue>) -> Node<'q, 'a> {
        Node { at: At { file: self.at.file, up: Some(&self.at), key: Key::Index(index) }, raw }
    }

    /// The text of a JSON string.
    pub(crate) fn string(&self) -> Result<String, DecodeError> {
        let raw = self.required()?;
        let expected = || self.invalid(&format!("expected a text, not {}", shown(raw)));
        if !raw.starts_with('"') {
            return Err(expected());
        }
        serde_json::from_str(raw).map_err(|_| expected())
    }

    /// Whether the value is a JSON string.
    pub(crate) fn is_text(&self) -> bool {
        self.raw.is_some_and(|raw| raw.get().starts_with('"'))
    }

    /// The raw text, shortened, for people to read.
    pub(crate) fn text(&self) -> String {
        self.raw.map(|raw| cut(raw.get())).unwrap_or_default()
    }

    /// The digits of a number, quoted or bare, exactly as they were sent.
    fn digits(&self) -> Result<String, DecodeError> {
        let raw = self.required()?;
        match raw.bytes().next() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => Ok(raw.to_owned()),
            _ => Err(self.invalid(&format!("expected a number, not {}", shown(raw)))),
        }
    }

    /// A decimal number; exponents, `NaN` and the empty text are refused.
    pub(crate) fn number<T: FromStr<Err = NumberError>>(&self) -> Result<T, DecodeError> {
        self.digits()?.parse().map_err(|error: NumberError| self.invalid(&error.to_string()))
    }

    /// A whole number, zero or above.
    pub(crate) fn integer(&self) -> Result<u64, DecodeError> {
        let text = self.digits()?;
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let value = if plain { text.parse().ok() } else { None };
        value.ok_or_else(|| self.invalid(&format!("{} is not a whole number that fits", cut(&text))))
    }

    /// A whole number, zero or above, that fits 32 bits.
    pub(crate) fn small(&self) -> Result<u32, DecodeError> {
        let value = self.integer()?;
        u32::try_from(value).map_err(|_| self.invalid(&format!("`{value}` is not a whole number that fits")))
    }

    /// A flag; absent and null mean that it is not set, which is how the venue omits it.
    pub(crate) fn flag(&self) -> Result<bool, DecodeError> {
        match self.optional().and_then(|node| node.raw).map(RawValue::get) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(self.invalid(&format!("expected true or false, not {}", shown(other)))),
        }
    }

    /// A coin.
    pub(crate) fn symbol(&self) -> Result<Symbol, DecodeError> {
        Symbol::new(&self.string()?).map_err(|error| self.invalid(&error.to_string()))
    }

    /// `Ok` of a calculation, or an error at this place saying that the values are too large to compute with.
    pub(crate) fn computed<T>(&self, result: Result<T, NumberError>) -> Result<T, DecodeError> {
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

#[cfg(test)]
mod tests {
    use evenkeel_types::Usd;

    use super::*;

    fn usd(json: &str) -> Result<String, String> {
        Node::root("f", json.as_bytes())
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
}
