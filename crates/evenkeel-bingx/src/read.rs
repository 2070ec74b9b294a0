//! Fields that this venue writes in a way of its own.

use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, Node};

/// What else a field can be.
pub(crate) trait Identity {
    /// The digits of an identity, bare or quoted; zero stands for none. Never a number: it has more digits than one of
    /// JavaScript's holds.
    fn identity(&self) -> Result<Option<String>, DecodeError>;
}

impl Identity for Node<'_, '_> {
    fn identity(&self) -> Result<Option<String>, DecodeError> {
        let text = if self.is_text() { self.string()? } else { self.required()?.to_owned() };
        if text.is_empty() || text.len() > 40 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(self.invalid(&format!("{} is no order number", cut(&text))));
        }
        Ok((text.bytes().any(|b| b != b'0')).then_some(text))
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_http::json::{Body, Document};

    use super::*;

    #[test]
    fn identities_keep_all_their_digits() {
        let identity = |json: &str| {
            Document::read(Body::new("f", json.as_bytes())).and_then(|read| read.root().identity())
        };
        for json in ["1736011869418901234", "\"1736011869418901234\""] {
            assert_eq!(identity(json).unwrap().as_deref(), Some("1736011869418901234"), "{json}");
        }
        assert_eq!(identity("0").unwrap(), None);
        for json in ["\"\"", "1.5", "1e18", "-1", "\"12a\"", "null", "true"] {
            assert!(identity(json).is_err(), "{json}");
        }
    }
}
