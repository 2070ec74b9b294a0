//! Reading raw JSON with the path of every field at hand, so that each error can name its place.

use std::borrow::Cow;
use std::str::FromStr;

use evenkeel_types::{NumberError, Symbol};
use serde::Deserialize;

use super::document::{Document, Value, Within};
use super::fields::{Field, Fields};
use super::place::{At, Key};
use super::{DecodeError, DecodeErrorKind, WHOLE};
use crate::text::cut;

/// A field of an answer: its place, and its raw text if it is there. See the [module](super).
#[derive(Debug, Clone, Copy)]
pub struct Node<'p, 'a> {
    document: &'a Document<'a>,
    at: At<'p>,
    value: Option<Value<'a>>,
}

impl<'a> Node<'a, 'a> {
    /// The root of a document.
    pub(super) fn of(document: &'a Document<'a>, value: Option<Value<'a>>) -> Self {
        Self { document, at: At { up: None, key: Key::Root }, value }
    }
}

impl<'p, 'a> Node<'p, 'a> {
    /// The field `name` of this object.
    #[must_use]
    pub fn key<'q>(&'q self, name: &'q str, field: Field<'a>) -> Node<'q, 'a> {
        self.below(Key::Name(name), field)
    }

    fn below<'q>(&'q self, key: Key<'q>, field: Field<'a>) -> Node<'q, 'a> {
        Node { document: self.document, at: At { up: Some(&self.at), key }, value: field.0 }
    }

    fn raw(&self) -> Option<&'a str> {
        self.value.map(|value| value.raw)
    }

    /// An error at this place.
    #[must_use]
    pub fn error(&self, kind: DecodeErrorKind, problem: &str, remedy: impl Into<String>) -> DecodeError {
        DecodeError::new(kind, self.document.file(), self.at.path(), problem, remedy)
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
        self.optional().and_then(|node| node.raw()).ok_or_else(|| {
            self.missing(if self.value.is_some() { "the value is null: it" } else { "the field" })
        })
    }

    /// This node, unless the field is absent or null.
    #[must_use]
    pub fn optional(self) -> Option<Self> {
        self.raw().filter(|raw| *raw != "null").map(|_| self)
    }

    /// Whether the field is there, if only as null.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.raw().is_some()
    }

    /// This node, unless the field is absent, null, or an empty text: what some venues write where nothing applies.
    #[must_use]
    pub fn filled(self) -> Option<Self> {
        self.optional().filter(|node| !node.is_empty_text())
    }

    /// Whether the value is there and is the empty text.
    #[must_use]
    pub fn is_empty_text(&self) -> bool {
        self.raw() == Some("\"\"")
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
        if self.value.is_none() { Err(self.missing("the field")) } else { Ok(self.optional()) }
    }

    /// The object at this place. Its fields are still raw.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn object<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
        let within = self.within('{', "an object")?;
        T::deserialize(Fields::new(within)).map_err(|error| self.invalid(&error.to_string()))
    }

    /// The elements of the array at this place.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn array(&self) -> Result<Vec<Field<'a>>, DecodeError> {
        Ok(self.within('[', "an array")?.map(|value| Field(Some(value))).collect())
    }

    fn within(&self, begins: char, what: &str) -> Result<Within<'a, 'a>, DecodeError> {
        let raw = self.required()?;
        let within = self.value.filter(|_| raw.starts_with(begins));
        let within = within.and_then(|value| self.document.within(&value));
        within.ok_or_else(|| self.invalid(&format!("expected {what}, not {}", shown(raw))))
    }

    /// Element `index` of an array that [`Node::array`] gave.
    #[must_use]
    pub fn index<'q>(&'q self, index: usize, element: Option<Field<'a>>) -> Node<'q, 'a> {
        self.below(Key::Index(index), element.unwrap_or_default())
    }

    /// The text of a JSON string.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn string(&self) -> Result<String, DecodeError> {
        self.str().map(Cow::into_owned)
    }

    /// The same, borrowed where nothing in it is escaped.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn str(&self) -> Result<Cow<'a, str>, DecodeError> {
        let raw = self.required()?;
        unquoted(raw).ok_or_else(|| self.invalid(&format!("expected a text, not {}", shown(raw))))
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
        self.raw().is_some_and(|raw| raw.starts_with(with))
    }

    /// The raw text, shortened, for people to read.
    #[must_use]
    pub fn text(&self) -> String {
        self.raw().map(cut).unwrap_or_default()
    }

    /// The digits of a number, quoted or bare, exactly as they were sent; or a code that comes as a number or as a text.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn digits(&self) -> Result<String, DecodeError> {
        self.figures().map(Cow::into_owned)
    }

    /// The same, borrowed where it can be.
    fn figures(&self) -> Result<Cow<'a, str>, DecodeError> {
        let raw = self.required()?;
        match raw.bytes().next() {
            Some(b'"') => self.str(),
            Some(b'-' | b'0'..=b'9') => Ok(Cow::Borrowed(raw)),
            _ => Err(self.invalid(&format!("expected a number, not {}", shown(raw)))),
        }
    }

    /// A decimal number; exponents, `NaN` and the empty text are refused.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn number<T: FromStr<Err = NumberError>>(&self) -> Result<T, DecodeError> {
        self.figures()?.parse().map_err(|error: NumberError| self.invalid(&error.to_string()))
    }

    /// A decimal number that may be written with an exponent, as JSON writers do with very large and very small ones
    /// (`1.4482E7`). The point is moved, so that no digit is lost; what does not fit is refused.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn scientific<T: FromStr<Err = NumberError>>(&self) -> Result<T, DecodeError> {
        let text = self.figures()?;
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
        let text = self.figures()?;
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let value = if plain { text.parse().ok() } else { None };
        value.ok_or_else(|| self.invalid(&format!("{} is not a whole number that fits", cut(&text))))
    }

    /// A whole number with a sign.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Missing`] or [`DecodeErrorKind::Value`].
    pub fn signed(&self) -> Result<i64, DecodeError> {
        let text = self.figures()?;
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
        let text = self.str()?;
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

/// The text of a JSON string, or nothing where it is none, or holds half a character.
pub(super) fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    inner.strip_suffix('"').map(Cow::Borrowed)
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
    use crate::json::Body;

    fn read<T>(json: &str, read: impl Fn(&Node<'_, '_>) -> Result<T, DecodeError>) -> Result<T, String> {
        let document = Document::read(Body::new("f", json.as_bytes()));
        document.and_then(|document| read(&document.root())).map_err(|error| error.to_string())
    }

    fn usd(json: &str) -> Result<String, String> {
        read(json, |node| Ok(node.number::<Usd>()?.to_string()))
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
        let scientific = |json: &str| read(json, |node| Ok(node.scientific::<Usd>()?.to_string()));
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
            assert_eq!(scientific(json).as_deref(), Ok(value), "{json}");
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
            assert!(scientific(json).is_err(), "{json}");
        }
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Pair<'a> {
        #[serde(borrow)]
        a: Field<'a>,
        #[serde(borrow)]
        b: Field<'a>,
    }

    #[test]
    fn objects_are_read_by_their_names() {
        let sum = |json: &str| {
            read(json, |root| {
                let pair: Pair<'_> = root.object()?;
                let a = root.key("a", pair.a).integer()?;
                let b = root.key("b", pair.b).optional().map_or(Ok(0), |node| node.integer())?;
                Ok(a + b)
            })
        };
        assert_eq!(sum(r#"{"a":1,"b":2}"#), Ok(3));
        assert_eq!(sum(r#" { "x" : {"a":9} , "\u0061" : 4, "x":[] } "#), Ok(4), "names may be escaped");
        assert!(sum(r#"{"a":1,"a":2}"#).unwrap_err().contains("duplicate field `a`"));
        assert!(sum(r#"{"x":1,"x":2}"#).unwrap_err().contains("f: a: the field is missing"));
        assert!(sum(r#"{"a":null}"#).unwrap_err().contains("f: a: the value is null: it is missing"));
        assert!(sum("[1,2]").unwrap_err().contains("expected an object, not an array"));
        assert!(sum("\"a\"").unwrap_err().contains("expected an object, not `\"a\"`"));
        assert!(sum("{\"\\ud800\":1}").is_err(), "half a character is no name");
    }

    #[test]
    fn a_field_of_another_answer_is_refused() {
        let (one, other) = (r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#);
        let one = Document::read(Body::new("one", one.as_bytes())).unwrap();
        let other = Document::read(Body::new("other", other.as_bytes())).unwrap();
        let (one, other) = (one.root(), other.root());
        let foreign: Pair<'_> = other.object().unwrap();
        assert!(one.key("a", foreign.a).object::<Pair<'_>>().is_err());
        assert!(other.key("a", foreign.a).object::<Pair<'_>>().is_ok());
    }

    #[test]
    fn arrays_give_their_elements_with_places() {
        let second = |json: &str| {
            read(json, |root| {
                let rows = root.array()?;
                root.index(1, rows.get(1).copied()).integer()
            })
        };
        assert_eq!(second("[[1,2],7,{}]"), Ok(7));
        assert!(second("[1]").unwrap_err().contains("f: [1]: the field is missing"));
        assert!(second("{}").unwrap_err().contains("expected an array, not an object"));
    }
}
