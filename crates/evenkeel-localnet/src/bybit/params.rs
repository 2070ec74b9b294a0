//! Parameters of a query or a body. Texts are texts: a number where the venue wants a text is refused, as there.

use evenkeel_types::{Decimal, Price, Qty, parse_decimal};
use serde_json::{Map, Value};

use super::envelope::Refusal;

/// What a request asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(Map<String, Value>);

/// The part of the venue that a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Linear,
    /// There is, and here it is empty.
    Other(&'static str),
}

impl Category {
    pub(super) fn name(self) -> &'static str {
        match self {
            Category::Linear => "linear",
            Category::Other(name) => name,
        }
    }
}

impl Params {
    pub(super) fn query(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), Value::String(decode(value)))
        });
        Self(pairs.collect())
    }

    pub(super) fn body(body: &[u8]) -> Result<Self, Refusal> {
        let value = serde_json::from_slice(body);
        value.map_err(|_| Refusal::new(10001, "Request parameter error.")).and_then(Self::of)
    }

    pub(super) fn of(value: Value) -> Result<Self, Refusal> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(Refusal::new(10001, "Request parameter error.")),
        }
    }

    /// Absent, null and empty are one.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(Refusal::new(7001, "request params type error")),
        }
    }

    pub(super) fn needed(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::parameter(name))
    }

    pub(super) fn decimal(&self, name: &'static str) -> Result<Option<Decimal>, Refusal> {
        let read = |text: &str| parse_decimal(name, text).map_err(|_| Refusal::parameter(name));
        self.text(name)?.map(read).transpose()
    }

    /// Above zero.
    pub(super) fn price(&self, name: &'static str) -> Result<Option<Price>, Refusal> {
        let price = |value| Price::new(value).map_err(|_| Refusal::parameter(name));
        self.decimal(name)?.map(price).transpose()
    }

    /// Zero is none: how clients take a price or a size away.
    pub(super) fn price_or_zero(&self, name: &'static str) -> Result<Option<Option<Price>>, Refusal> {
        match self.decimal(name)? {
            None => Ok(None),
            Some(value) if value.is_zero() => Ok(Some(None)),
            Some(_) => Ok(Some(self.price(name)?)),
        }
    }

    pub(super) fn qty(&self, name: &'static str) -> Result<Option<Qty>, Refusal> {
        let value = self.decimal(name)?.filter(|value| !value.is_zero());
        value.map(|value| Qty::new(value).map_err(|_| Refusal::parameter(name))).transpose()
    }

    /// A number, or a text of digits.
    pub(super) fn integer(&self, name: &str) -> Result<Option<u64>, Refusal> {
        match self.0.get(name) {
            Some(Value::Number(number)) => number.as_u64().map(Some).ok_or_else(|| Refusal::parameter(name)),
            _ => self.text(name)?.map(|text| text.parse().map_err(|_| Refusal::parameter(name))).transpose(),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" || text == "false" => Ok(text == "true"),
            Some(_) => Err(Refusal::new(7001, "request params type error")),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<&[Value], Refusal> {
        self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).ok_or_else(|| Refusal::parameter(name))
    }

    pub(super) fn category(&self) -> Result<Category, Refusal> {
        match self.text("category")? {
            Some("linear") => Ok(Category::Linear),
            Some("spot") => Ok(Category::Other("spot")),
            Some("inverse") => Ok(Category::Other("inverse")),
            Some("option") => Ok(Category::Other("option")),
            _ => Err(Refusal::new(10001, "Illegal category")),
        }
    }

    /// A cursor, however often its sender encoded it.
    pub(super) fn cursor(&self) -> Result<Option<String>, Refusal> {
        Ok(self.text("cursor")?.map(decode))
    }

    /// How many rows: at most `most`, and `usual` unless asked for.
    pub(super) fn limit(&self, usual: usize, most: usize) -> Result<usize, Refusal> {
        let asked = self.integer("limit")?.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(asked.unwrap_or(usual).clamp(1, most))
    }
}

/// Percent-decodes; what is not encoded stays.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let pair = match byte {
            b'%' => ahead.next().zip(ahead.next()),
            _ => None,
        };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match pair.and_then(|(high, low)| digit(high).zip(digit(low))) {
            Some((high, low)) => {
                bytes.push((high << 4) | low);
                rest = ahead;
            }
            None if byte == b'+' => bytes.push(b' '),
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As the venue prints cursors.
pub(super) fn encode_cursor(text: &str) -> String {
    text.replace('%', "%25").replace(':', "%3A").replace(',', "%2C").replace('=', "%3D").replace('&', "%26")
}
