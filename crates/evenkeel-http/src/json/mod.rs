//! Answers read digit for digit: every field as the text it has, every error with the path of its field, no default.
//!
//! A [`Document`] finds every value of an answer in one pass. A struct mirrors the venue's names and keeps each field raw; a
//! [`Node`] knows where it is and reads it.
//!
//! ```
//! use evenkeel_http::json::{Body, Document, Field};
//! use evenkeel_types::Usd;
//! # mod wire {
//! # use serde::Deserialize;
//! # use evenkeel_http::json::Field;
//! // In the crate's `wire.rs`, with serde's derive:
//! #[derive(Debug, Default, Deserialize)]
//! #[serde(default, rename_all = "camelCase")]
//! pub struct Balance<'a> {
//!     #[serde(borrow)]
//!     pub wallet_balance: Field<'a>,
//! }
//! # }
//!
//! let body = Body::new("balance", br#"{"walletBalance":"23.72469206"}"#);
//! let document = Document::read(body)?;
//! let root = document.root();
//! let balance: wire::Balance<'_> = root.object()?;
//! let amount: Usd = root.key("walletBalance", balance.wallet_balance).number()?;
//! assert_eq!(amount.to_string(), "23.72469206");
//! # Ok::<(), evenkeel_http::json::DecodeError>(())
//! ```

mod document;
mod error;
mod fields;
mod node;
mod place;

pub use document::Document;
pub use error::{DecodeError, DecodeErrorKind};
pub use fields::Field;
pub use node::Node;

/// What helps where an answer is damaged.
const WHOLE: &str = "take the venue's answer whole and unchanged";

/// One answer of the venue: its bytes, and the name (a file, an endpoint) by which errors call it.
#[derive(Clone, Copy)]
pub struct Body<'a> {
    /// How errors call it: `clearinghouseState.json`, `position/list`.
    pub name: &'a str,
    /// The JSON as it came.
    pub bytes: &'a [u8],
}

impl<'a> Body<'a> {
    /// Names some bytes.
    #[must_use]
    pub const fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, bytes }
    }
}

impl std::fmt::Debug for Body<'_> {
    /// The name and the size; the bytes can be megabytes, or an account.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({}, {} bytes)", self.name, self.bytes.len())
    }
}
