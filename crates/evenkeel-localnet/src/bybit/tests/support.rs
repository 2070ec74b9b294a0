//! A bot with a key, and where the shared recordings are.
