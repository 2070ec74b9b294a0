//! Parameters: the query, a form body, or a JSON body, and the text over which they are signed.

use bytes::Bytes;
use evenkeel_types::{Decimal, parse_decimal};
use http::Request;
use serde_json::Value;

use super::refusals::Refusal;

/// The longest integer parameter: a number of an order.
const MAX_DIGITS: usize = 20;

/// What a request says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    /// Over which of these texts its signature may be.
    pub(crate) signed: Vec<String>,
    pub(crate) signature: Option<String>,
}

impl Params {
    pub(crate) fn of(request: &Request<Bytes>) -> Result<Self, Refusal> {
        let mut params = Self::default();
        let query = params.read(request.uri().query().unwrap_or_default());
        params.signed = vec![query.0.clone()];
        let body = std::str::from_utf8(request.body()).unwrap_or_default();
        if body.trim_start().starts_with('{') {
            let bad = || Refusal::new(109_400, "Invalid parameters, err:the body is no JSON object");
            let Ok(Value::Object(fields)) = serde_json::from_str(body) else { return Err(bad()) };
            // Sorted by name in this type.
            let mut signed = Vec::new();
            for (name, value) in &fields {
                let value = shown(value);
                if name == "signature" {
                    params.signature = Some(value);
                } else {
                    signed.push(format!("{name}={value}"));
                    params.pairs.push((name.clone(), value));
                }
            }
            params.signed = vec![signed.join("&")];
        } else if !body.is_empty() {
            let form = params.read(body);
            // Query and body are put together with nothing between them. Of a form the venue was seen to sign the raw and
            // the encoded text.
            params.signed = vec![format!("{}{}", query.0, form.0), format!("{}{}", query.0, form.1)];
        }
        Ok(params)
    }

    /// Takes over pairs, and answers their text decoded and as it came, without the signature.
    fn read(&mut self, text: &str) -> (String, String) {
        let (mut raw, mut sent) = (Vec::new(), Vec::new());
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name), decoded(value));
            if name == "signature" {
                self.signature = Some(value);
                continue;
            }
            raw.push(format!("{name}={value}"));
            sent.push(pair.to_owned());
            self.pairs.push((name, value));
        }
        (raw.join("&"), sent.join("&"))
    }

    /// One order of a batch: the fields of an object.
    pub(crate) fn of_object(fields: &serde_json::Map<String, Value>) -> Self {
        let pairs = fields.iter().map(|(name, value)| (name.clone(), shown(value))).collect();
        Self { pairs, ..Self::default() }
    }

    /// `None` where it is not there or empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Two spellings of one name are in use.
    pub(crate) fn either(&self, one: &str, other: &str) -> Option<&str> {
        self.text(one).or_else(|| self.text(other))
    }

    pub(crate) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::required(name))
    }

    pub(crate) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| Refusal::malformed(name, "a number is expected"))
    }

    /// Zero counts as not given, as in the venue's own samples.
    pub(crate) fn above_zero(&self, name: &str) -> Result<Option<Decimal>, Refusal> {
        let found = self.decimal(name)?;
        match found {
            Some(value) if value.is_sign_negative() && !value.is_zero() => {
                Err(Refusal::malformed(name, "must be greater than 0"))
            }
            found => Ok(found.filter(|value| !value.is_zero())),
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let whole = text.len() <= MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        let value = if whole { text.parse().ok() } else { None };
        value.map(Some).ok_or_else(|| Refusal::malformed(name, "an integer is expected"))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name) {
            None => Ok(None),
            Some("true" | "True" | "TRUE") => Ok(Some(true)),
            Some("false" | "False" | "FALSE") => Ok(Some(false)),
            Some(_) => Err(Refusal::malformed(name, "true or false is expected")),
        }
    }

    /// A list of numbers or texts, as JSON.
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<Value>>, Refusal> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match serde_json::from_str(text) {
            Ok(Value::Array(items)) => Ok(Some(items)),
            _ => Err(Refusal::malformed(name, "a JSON array is expected")),
        }
    }
}

/// A value inside JSON, as it would stand in a query.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A decimal; also with an exponent, which JSON allows for numbers.
pub(crate) fn parse(text: &str) -> Option<Decimal> {
    parse_decimal("", text).ok().or_else(|| Decimal::from_scientific(text).ok())
}

/// Percent-decoded; a plus is a blank, as in forms.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => {
                let mut ahead = rest.clone();
                let hex = [ahead.next(), ahead.next()].map(|digit| char::from(digit?).to_digit(16));
                match hex {
                    [Some(high), Some(low)] => {
                        rest = ahead;
                        u8::try_from(high.saturating_mul(16).saturating_add(low)).unwrap_or(b'?')
                    }
                    _ => b'%',
                }
            }
            other => other,
        };
        bytes.push(byte);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str, body: &'static str) -> Params {
        let uri = format!("/x?{query}");
        Params::of(&Request::post(uri).body(Bytes::from_static(body.as_bytes())).unwrap()).unwrap()
    }

    #[test]
    fn the_signed_text_is_raw_and_in_the_order_sent() {
        let read = params("b=%5B%7B%22a%22%3A1%7D%5D&a=1%202&signature=ab", "");
        assert_eq!(read.signed, [r#"b=[{"a":1}]&a=1 2"#]);
        assert_eq!((read.signature.as_deref(), read.text("a")), (Some("ab"), Some("1 2")));
        let mixed = params("a=1", "b=%7B&signature=ab");
        assert_eq!(mixed.signed, ["a=1b={", "a=1b=%7B"]);
        let json = params("", r#"{"b":2,"a":"x","signature":"ab"}"#);
        assert_eq!(json.signed, ["a=x&b=2"]);
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }

    #[test]
    fn numbers_are_checked() {
        let read =
            params("n=1e-3&zero=0.0&minus=-1&id=2075327764731486208&long=123456789012345678901&f=tRue", "");
        assert_eq!(read.decimal("n").unwrap(), Some(Decimal::new(1, 3)));
        assert_eq!(read.above_zero("zero").unwrap(), None);
        assert_eq!(read.above_zero("minus").unwrap_err().code, 109_400);
        assert_eq!(read.integer("id").unwrap(), Some(2_075_327_764_731_486_208));
        assert!(read.integer("long").is_err() && read.flag("f").is_err());
        assert_eq!(read.need("q").unwrap_err().text, "Invalid parameters, err:q: This field is required.");
    }
}
