//! Why something was not signed.

/// The characters that are kept of an error text of somebody else.
pub(super) const LONGEST: usize = 200;

/// Why something was not signed. `Display` is one line; it holds no key, and no text that might have been one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// A text is no address.
    #[error("not an address: {0}")]
    Address(String),
    /// A text is no private key.
    #[error("not a private key: {0}")]
    Key(String),
    /// An action has something that the venue's encoding of actions does not have.
    #[error("the action cannot be encoded: {0}")]
    Encode(String),
    /// A text is no JSON that could be an action.
    #[error("not the JSON of an action: {0}")]
    Json(String),
    /// A number that the venue would not take as it is. Nothing is rounded silently.
    #[error("{value} cannot be sent: {problem}")]
    Number {
        /// The number as text.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A user-signed action is not what its type says.
    #[error("the user-signed action is refused: {0}")]
    UserAction(String),
    /// Three numbers that are no signature, or from which no address can be recovered.
    #[error("not a signature: {0}")]
    Signature(&'static str),
    /// A [`Signer`](crate::sign::Signer) whose key lives elsewhere did not sign.
    #[error("the signer did not sign: {0}")]
    Signer(String),
}
