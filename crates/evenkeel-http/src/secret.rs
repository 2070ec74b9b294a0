//! Text that must not be shown.

use std::fmt;

use http::HeaderValue;
use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretString};

/// A secret text: wiped from memory when dropped, without `Display` and `Serialize`, and with a `Debug` that hides it.
///
/// ```
/// use evenkeel_http::Secret;
///
/// let key = Secret::from("hunter2".to_owned());
/// assert_eq!(format!("{key:?}"), "Secret(***)");
/// assert_eq!(key.expose(), "hunter2");
/// ```
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The text itself. The only way to it, so that a search for `.expose()` finds every place that reads a secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    /// Takes the text over and wipes the original. There is no way from `&str`: the caller's copy would stay behind.
    fn from(mut text: String) -> Self {
        // Turning a `String` into a box may move it and leave the old bytes behind, so it is copied and then wiped.
        let exact = Box::<str>::from(text.as_str());
        text.zeroize();
        Self(SecretString::from(exact))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A secret that no header can carry. Does not show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret holds a character that no header can carry (a line break at its end?)")]
#[non_exhaustive]
pub struct InvalidSecret;

/// A header value that `Debug` and HTTP/2 header compression treat as secret.
///
/// # Errors
///
/// [`InvalidSecret`] when the text holds control characters, such as a line break left over from a file.
pub fn sensitive_header(secret: &Secret) -> Result<HeaderValue, InvalidSecret> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| InvalidSecret)?;
    value.set_sensitive(true);
    Ok(value)
}
