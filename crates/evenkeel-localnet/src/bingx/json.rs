//! JSON whose numbers have the digits that the venue prints, and whose fields keep their order.

use std::fmt;

use evenkeel_types::Decimal;

/// A value to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// A number in its own digits.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// A number without zeros at its end.
    pub(crate) fn number(value: Decimal) -> Self {
        Json::Number(crate::floor::text(value))
    }

    /// A field.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(fields) => fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// With more fields.
    pub(crate) fn and(self, more: Vec<(&'static str, Json)>) -> Self {
        match self {
            Json::Object(mut fields) => {
                fields.extend(more);
                Json::Object(fields)
            }
            other => other,
        }
    }

    /// With other values in fields that are there.
    pub(crate) fn with(self, name: &str, value: impl Into<Json>) -> Self {
        match self {
            Json::Object(mut fields) => {
                if let Some((_, field)) = fields.iter_mut().find(|(field, _)| *field == name) {
                    *field = value.into();
                }
                Json::Object(fields)
            }
            other => other,
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Json::Text(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Json::Bool(value)
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Json::Number(value.to_string())
    }
}

impl From<u32> for Json {
    fn from(value: u32) -> Self {
        Json::Number(value.to_string())
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Json::List(items)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(digits) => f.write_str(digits),
            Json::Text(text) => quoted(f, text),
            Json::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Json::Object(fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}\"{name}\":{value}", if index == 0 { "" } else { "," })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// What clients sent may come back in texts, so that everything has to be escaped.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::Value::from(text).to_string())
}

/// An object: names and what becomes [`Json`].
macro_rules! object {
    ($($name:literal: $value:expr),* $(,)?) => {
        $crate::bingx::json::Json::Object(vec![$(($name, $crate::bingx::json::Json::from($value))),*])
    };
}
pub(crate) use object;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_order_and_escapes_survive() {
        let value = object! {
            "z": 2_075_327_764_731_486_208_u64,
            "a": "say \"no\"\n",
            "n": Json::Number("100000000.0".to_owned()),
            "l": vec![Json::Null, Json::Bool(true), Json::number(Decimal::new(1000, 4))],
        };
        let text = r#"{"z":2075327764731486208,"a":"say \"no\"\n","n":100000000.0,"l":[null,true,0.1]}"#;
        assert_eq!(value.to_string(), text);
        assert_eq!(value.with("z", "x").and(vec![("q", Json::Null)]).to_string().len(), text.len() - 16 + 9);
    }
}
