//! Why an answer of the venue was not understood, or not believed.

use crate::text::one_line;

/// Names of files and texts of problems: no more than this many characters.
const LONGEST: usize = 400;

/// What kind of problem a [`DecodeError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes are no JSON.
    Syntax,
    /// A field that is needed is absent or null. It is never replaced by a default.
    Missing,
    /// A field has a type or a value that is not understood.
    Value,
    /// Two fields, or two answers, contradict each other.
    Inconsistent,
    /// The account is in a state for which no honest figures can be given.
    Unsupported,
    /// The venue refused the request: its envelope says so.
    Refused,
}

/// An answer that was refused: in which file or endpoint, at which field, why, and what to do about it.
///
/// `Display` is one line with all four.
///
/// ```
/// use evenkeel_http::json::{Body, DecodeErrorKind, Document};
///
/// let document = Document::read(Body::new("fees.json", b"[1, \"five\"]"))?;
/// let root = document.root();
/// let rows = root.array()?;
/// let error = root.index(1, rows.get(1).copied()).integer().unwrap_err();
/// assert_eq!(error.kind(), DecodeErrorKind::Value);
/// assert_eq!(error.path(), "[1]");
/// assert!(error.to_string().starts_with("fees.json: [1]: `five` is not a whole number"));
/// # Ok::<(), evenkeel_http::json::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {path}{}{problem}; {remedy}", if path.is_empty() { "" } else { ": " })]
pub struct DecodeError {
    kind: DecodeErrorKind,
    file: String,
    path: String,
    problem: String,
    remedy: String,
}

impl DecodeError {
    /// One at this place; texts are cut to a line.
    #[must_use]
    pub fn new(
        kind: DecodeErrorKind,
        file: &str,
        path: String,
        problem: &str,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            file: one_line(file, LONGEST),
            path,
            problem: one_line(problem, LONGEST),
            remedy: remedy.into(),
        }
    }

    /// What kind of problem.
    #[must_use]
    pub fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// The file or endpoint, as the caller named it in [`Body`](super::Body).
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The field, as a path from the root of the answer (`assetPositions[0].position.szi`); empty where the
    /// whole answer is meant.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong, with the values concerned.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}
