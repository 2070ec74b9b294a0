//! Fields that this venue writes in a way of its own.

use evenkeel_http::json::{DecodeError, Node};
use evenkeel_types::{Price, Usd};

/// What else a field can be.
pub(crate) trait Fields {
    /// An identity: the digits of a whole number or a text, exactly as sent. Numbers above 2^53 keep every digit.
    fn id(&self) -> Result<String, DecodeError>;

    /// A price where zero or nothing means that there is none, which is how the venue writes it in order records.
    fn price(&self) -> Result<Option<Price>, DecodeError>;

    /// As [`Fields::price`], of a field that must be there.
    fn required_price(&self) -> Result<Option<Price>, DecodeError>;
}

impl Fields for Node<'_, '_> {
    fn id(&self) -> Result<String, DecodeError> {
        let text = if self.is_text() { self.string()? } else { self.integer()?.to_string() };
        if text.is_empty() { Err(self.invalid("the identity is empty")) } else { Ok(text) }
    }

    fn price(&self) -> Result<Option<Price>, DecodeError> {
        let Some(node) = self.filled() else { return Ok(None) };
        let value: Usd = node.number()?;
        if value.is_zero() { Ok(None) } else { node.number().map(Some) }
    }

    fn required_price(&self) -> Result<Option<Price>, DecodeError> {
        self.required()?;
        self.price()
    }
}
