//! Placeholder, filled by the package itself.
