//! Parameters: from the query string and the form body, checked as the venue checks them.

use evenkeel_types::{Decimal, Side, parse_decimal};
use http::Request;

use super::refusals::Refusal;

/// What a request asks for, by name. A name in both places means the one of the query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn of(request: &Request<bytes::Bytes>) -> Self {
        let mut params = Self::parse(request.uri().query().unwrap_or_default());
        params.0.extend(Self::parse(form(request)).0);
        params
    }

    pub(crate) fn parse(text: &str) -> Self {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        };
        Self(text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect())
    }

    /// Of one order of a batch.
    pub(crate) fn of_object(object: &serde_json::Map<String, serde_json::Value>) -> Self {
        let text = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self(object.iter().map(|(name, value)| (name.clone(), text(value))).collect())
    }

    /// What was sent, empty or not.
    pub(crate) fn sent(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(sent, _)| sent == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.sent(name).is_some()
    }

    /// A parameter that may be left out, but not empty.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.sent(name) {
            Some("") => Err(Refusal::empty(name)),
            value => Ok(value),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str, Refusal> {
        self.sent(name).filter(|value| !value.is_empty()).ok_or_else(|| Refusal::missing(name))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Refusal::malformed(name))
    }

    pub(crate) fn decimal(&self, name: &'static str) -> Result<Option<Decimal>, Refusal> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        parse_decimal(name, text).map(Some).map_err(|_| Refusal::malformed(name))
    }

    /// `"true"` or `"false"`, in either case.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.optional(name)? {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::malformed(name)),
        }
    }

    pub(crate) fn side(&self) -> Result<Side, Refusal> {
        match self.text("side")? {
            "BUY" => Ok(Side::Buy),
            "SELL" => Ok(Side::Sell),
            _ => Err(Refusal::new(-1117, "Invalid side.")),
        }
    }

    /// A list in JSON: of numbers, or of texts.
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<serde_json::Value>>, Refusal> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        serde_json::from_str(text).map(Some).map_err(|_| Refusal::malformed(name))
    }
}

/// The body, where it is a form and the request is no question: a JSON body has no parameters for the venue.
pub(crate) fn form(request: &Request<bytes::Bytes>) -> &str {
    if request.method() == http::Method::GET {
        return "";
    }
    let kind = request.headers().get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.contains("json")) {
        return "";
    }
    std::str::from_utf8(request.body()).unwrap_or_default()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (first, code.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let params = Params::parse("a=1&b=%5B%22x%3Ay%22%5D&c=&d&e=a+b&f=%zz&a=2&&g=%e5%b8%81");
        let read = |name| params.sent(name);
        assert_eq!(read("a"), Some("1"));
        assert_eq!(read("b"), Some("[\"x:y\"]"));
        assert_eq!((read("c"), read("d"), read("h")), (Some(""), Some(""), None));
        assert_eq!((read("e"), read("f"), read("g")), (Some("a b"), Some("%zz"), Some("币")));
        assert_eq!(params.text("c").unwrap_err().code, -1102);
        assert_eq!(params.optional("c").unwrap_err().code, -1105);
        assert_eq!(params.number("b").unwrap_err().message, "Data sent for parameter 'b' is not valid.");
    }
}
