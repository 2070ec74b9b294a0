//! Where requests go: scheme, host and port, nothing else.

use std::fmt;
use std::str::FromStr;

/// A server: `https://` and a host for a venue, `http://` with host and port for one on this machine.
///
/// ```
/// use evenkeel_http::BaseUrl;
///
/// let venue: BaseUrl = "https://api.example.com/".parse()?;
/// assert_eq!((venue.as_str(), venue.plain_host()), ("https://api.example.com", None));
/// assert_eq!(venue.websocket(), "wss://api.example.com");
/// let local: BaseUrl = "http://127.0.0.1:3001".parse()?;
/// assert_eq!((local.authority(), local.plain_host()), ("127.0.0.1:3001", Some("127.0.0.1:3001")));
/// // A port is named where the connection is not encrypted, so that nothing else is ever reached.
/// assert!("http://localhost".parse::<BaseUrl>().is_err());
/// # Ok::<(), evenkeel_http::InvalidBaseUrl>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

/// Why a text is no base URL: one line that shows the text, says what is wrong, and how to write it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} {problem}; write it like http://127.0.0.1:3001")]
pub struct InvalidBaseUrl {
    text: String,
    problem: &'static str,
}

impl BaseUrl {
    /// As it is put before a path, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The same server for WebSockets: `wss://` for `https://`, `ws://` for `http://`.
    #[must_use]
    pub fn websocket(&self) -> String {
        self.0.replacen("http", "ws", 1)
    }

    /// Host and port where the connection is not encrypted: the only one that a transport may talk to so.
    #[must_use]
    pub fn plain_host(&self) -> Option<&str> {
        self.0.strip_prefix("http://")
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        // It is the user's own text, so it is shown; but for what stands before an `@`, which may be a password.
        let shown: String = text.rsplit('@').next().unwrap_or_default().chars().take(60).collect();
        let shown = shown.replace(char::is_control, " ");
        let refused = |problem| Err(InvalidBaseUrl { text: format!("`{shown}`"), problem });
        let url = text.trim_end_matches('/');
        let Ok(parsed) = url.parse::<http::Uri>() else { return refused("is no URL") };
        if text.contains('@') {
            return refused("has a user or a password");
        }
        match (parsed.scheme_str(), parsed.authority()) {
            (Some("http" | "https"), Some(authority)) => {
                if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() {
                    return refused("has a path");
                }
                if parsed.scheme_str() == Some("http") && authority.port_u16().is_none() {
                    return refused("names no port");
                }
                Ok(Self(url.to_owned()))
            }
            _ => refused("does not begin with http:// or https:// and a host"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_server_is_refused_in_one_line() {
        let long = format!("http://{}", "x".repeat(500));
        for (text, problem) in [
            ("ftp://x", "does not begin"),
            ("http://", "does not begin"),
            ("127.0.0.1:1", "does not begin"),
            ("http://localhost", "names no port"),
            ("http://a:1/b", "has a path"),
            ("https://u:canary@h", "has a user"),
            ("canary@h", "has a user"),
            ("http://h:1?x=1", "has a path"),
            ("\u{7}", "no URL"),
            ("", "no URL"),
            (&long, "names no port"),
        ] {
            let error = text.parse::<BaseUrl>().unwrap_err().to_string();
            assert!(error.contains(problem) && error.contains("http://127.0.0.1:3001"), "{text}: {error}");
            assert!(!error.contains("canary"), "{error}");
            assert!(error.chars().count() < 140 && !error.chars().any(char::is_control), "{error}");
        }
    }
}
