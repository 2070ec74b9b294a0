//! What an answer that is no success means, by its HTTP status and by the venue's code (see `codes`).

mod codes;

use std::time::Duration;

use evenkeel_exchange::{Effect, ErrorKind};
use evenkeel_http::json::{Body, Document};
use evenkeel_http::{Failure, one_line};
use evenkeel_types::Timestamp;

use crate::wire;

pub use codes::classify;

use Effect::{NotApplied as No, Unknown as May};
use ErrorKind::{Auth, Maintenance, RateLimited, Timeout, Unclassified};

/// How long to wait after HTTP 429 where the answer does not say: the budget is one of a minute.
const LIMIT_WAIT: Duration = Duration::from_secs(60);
/// How long to wait after HTTP 418 or 403 where the answer does not say: the shortest ban.
const BAN_WAIT: Duration = Duration::from_secs(120);
/// The longest ban that is believed: the venue's end after three days.
const BAN_MAX: Duration = Duration::from_secs(3 * 24 * 3600);
/// The longest wait after HTTP 429 or 403 that is believed. The longest of the venue's windows is five minutes, and whatever
/// stands between us and the venue must not lock an account out for longer.
const LIMIT_MAX: Duration = Duration::from_secs(300);
/// The shortest: a moment that has passed already, by a clock that is a little wrong, is no reason to ask at once.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// First step of the back-off that the documentation gives for an overloaded venue (200, 400, 800 ms).
const OVERLOAD_WAIT: Duration = Duration::from_millis(200);
/// How long the shorter of the order limits takes to refill.
const ORDERS_WAIT: Duration = Duration::from_secs(10);

/// The code of an overloaded venue, which failed for sure.
const OVERLOADED: i64 = -1008;

/// Whether a refusal says that everything is as it was asked for: margin type, position mode, multi-assets mode.
pub(crate) fn is_already_so(failure: &Failure) -> bool {
    matches!(failure.code.as_deref(), Some("-4046" | "-4059" | "-4171"))
}

/// Which interface of the venue answered: they share the shape of their answers, and only some of their codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interface {
    Futures,
    Wallet,
}

impl Interface {
    fn classify(self, code: i64, text: &str) -> Option<(ErrorKind, Effect)> {
        match self {
            Interface::Futures => classify(code, text),
            Interface::Wallet => codes::classify_wallet(code, text),
        }
    }

    /// What else a refused key can mean.
    fn auth_hint(self) -> &'static str {
        match self {
            // Seen in 2025.
            Interface::Futures => {
                "; also the answer for an account in portfolio margin mode, which is not supported: leave that mode at \
                 the venue, or check the key, its futures permission and its list of addresses"
            }
            Interface::Wallet => {
                "; moving money needs a key with the permission for universal transfers, from one of its addresses"
            }
        }
    }
}

/// A refusal in the venue's words.
pub(crate) fn refusal(interface: Interface, code: i64, text: &str) -> Failure {
    let (kind, effect) = interface.classify(code, text).unwrap_or((Unclassified, May));
    let mut message = shown(text);
    if code == -2015 {
        message.push_str(interface.auth_hint());
    }
    let mut failure = Failure::new(kind, effect, message);
    failure.code = Some(code.to_string());
    failure.retry_after = match (kind, code) {
        (RateLimited, -1015) => Some(ORDERS_WAIT),
        (RateLimited, _) => Some(LIMIT_WAIT),
        (Maintenance, _) if effect == No => Some(OVERLOAD_WAIT),
        _ => None,
    };
    failure
}

/// The venue's `{code, msg}`, where the answer is one. A success has code 200, or none.
pub(crate) fn refusal_in(body: &[u8]) -> Option<(i64, String)> {
    // Lists and long answers are none, and reading a megabyte twice is not free.
    if body.len() > LONGEST_REFUSAL {
        return None;
    }
    let document = Document::read(Body::new("answer", body)).ok()?;
    let root = document.root();
    let wire: wire::Refusal<'_> = root.object().ok()?;
    let code = root.key("code", wire.code).signed().ok()?;
    let text = root.key("msg", wire.msg).optional().and_then(|text| text.string().ok()).unwrap_or_default();
    Some((code, text))
}

/// What an HTTP status with this body means for a write: one of the venue's own codes, or the documentation of its HTTP
/// statuses (general info, 2026-10). `None` for a success.
#[must_use]
pub fn classify_http(status: u16, body: &[u8]) -> Option<(ErrorKind, Effect)> {
    let failure = http_failure(Interface::Futures, status, body, None, Timestamp(0));
    failure.map(|failure| (failure.kind, failure.effect))
}

/// What went wrong according to an answer; `None` for one that is to be decoded. `venue_now` is for a ban's end, which the
/// venue states by its own clock.
pub(crate) fn http_failure(
    interface: Interface,
    status: u16,
    body: &[u8],
    retry_after: Option<Duration>,
    venue_now: Timestamp,
) -> Option<Failure> {
    let coded = refusal_in(body);
    if (200..300).contains(&status) {
        let (code, text) = coded.filter(|(code, _)| *code < 0)?;
        return Some(refusal(interface, code, &text));
    }
    let plain = shown(&String::from_utf8_lossy(body.get(..body.len().min(LONGEST_BODY)).unwrap_or_default()));
    let mut failure = match (status, coded) {
        (418 | 429, coded) => {
            let text = coded.as_ref().map_or_else(|| plain.clone(), |(_, text)| shown(text));
            let (own, longest) = if status == 418 { (BAN_WAIT, BAN_MAX) } else { (LIMIT_WAIT, LIMIT_MAX) };
            let mut failure = match coded {
                // The order limit is one of ten seconds, and another pool than that of the address.
                Some((-1015, text)) => refusal(interface, -1015, &text),
                _ => Failure::nothing(RateLimited, text.clone()),
            };
            let own = failure.retry_after.unwrap_or(own);
            let wait = retry_after
                .or_else(|| banned_until(&text).map(|until| until.since(venue_now)))
                .unwrap_or(own);
            failure.retry_after = Some(wait.clamp(WAIT_MIN, longest));
            failure
        }
        // The firewall, or a region that is not served: the request did not get through (documentation).
        (403, None) => {
            let mut failure =
                Failure::nothing(RateLimited, format!("the venue's firewall refused it: {plain}"));
            failure.retry_after = Some(retry_after.unwrap_or(BAN_WAIT).clamp(WAIT_MIN, LIMIT_MAX));
            failure
        }
        (408, _) => Failure::new(Timeout, May, "no answer from behind the venue's gateway"),
        (400..=499, Some((code, text))) => refusal(interface, code, &text),
        (401, None) => Failure::nothing(Auth, plain),
        // Of the server errors only those are certain whose text the documentation of futures lists; that of wallets lists
        // none.
        (500..=599, coded) => {
            let (code, text) = coded.map_or((None, plain), |(code, text)| (Some(code), text));
            let mut failure = match interface.classify(code.unwrap_or_default(), &text) {
                _ if interface == Interface::Futures && status == 503 && has_failed(code, &text) => Failure {
                    retry_after: Some(OVERLOAD_WAIT),
                    ..Failure::nothing(Maintenance, shown(&text))
                },
                Some((kind, Effect::Unknown)) => Failure::new(kind, May, shown(&text)),
                _ => Failure::new(Maintenance, May, shown(&text)),
            };
            failure.code = code.map(|code| code.to_string());
            failure
        }
        (_, Some((code, text))) => Failure::new(Unclassified, May, format!("{} (code {code})", shown(&text))),
        (_, None) => Failure::new(Unclassified, May, plain),
    };
    if failure.code.is_none() {
        failure.code = Some(format!("HTTP {status}"));
    }
    Some(failure)
}

/// Whether HTTP 503 says that the request failed for sure: by one of its texts, or by the code of an overloaded venue.
fn has_failed(code: Option<i64>, text: &str) -> bool {
    let text = text.trim();
    let unanswered = text.starts_with(codes::NO_ANSWER);
    !unanswered && (code == Some(OVERLOADED) || codes::FAILED.iter().any(|begins| text.starts_with(begins)))
}

/// The moment in "… IP banned until 1700000000000 …".
fn banned_until(text: &str) -> Option<Timestamp> {
    let rest = text.split("banned until ").nth(1)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Timestamp)
}

/// How long a `{code, msg}` can be: the longest text of the documentation is below 300 characters.
const LONGEST_REFUSAL: usize = 4096;

/// How much of a body is looked at for a message.
const LONGEST_BODY: usize = 400;

/// One line, and not long: it comes from outside.
fn shown(text: &str) -> String {
    let line = one_line(text, 200);
    if line.trim().is_empty() { "the answer says nothing".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorKind::InsufficientMargin;
    use codes::{FAILED, NO_ANSWER};

    fn futures(
        status: u16,
        body: &[u8],
        retry_after: Option<Duration>,
        venue_now: Timestamp,
    ) -> Option<Failure> {
        http_failure(Interface::Futures, status, body, retry_after, venue_now)
    }

    const UNAVAILABLE: &str = FAILED[0];
    const INTERNAL: &str = FAILED[1];

    #[test]
    fn the_four_kinds_of_503_are_told_apart() {
        let body = |code: i64, text: &str| format!(r#"{{"code":{code},"msg":"{text}"}}"#).into_bytes();
        for (bytes, kind, effect) in [
            (body(-1000, NO_ANSWER), Timeout, May),
            (body(-1001, NO_ANSWER), Timeout, May),
            (body(-1000, UNAVAILABLE), Maintenance, No),
            (UNAVAILABLE.as_bytes().to_vec(), Maintenance, No),
            (body(-1001, INTERNAL), Maintenance, No),
            (
                body(
                    -1008,
                    "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again.",
                ),
                Maintenance,
                No,
            ),
            (
                body(
                    -1008,
                    "Server is currently overloaded with other requests. Please try again in a few minutes.",
                ),
                Maintenance,
                No,
            ),
            (b"<html><h1>503 Service Unavailable</h1></html>".to_vec(), Maintenance, May),
            (b"".to_vec(), Maintenance, May),
            (body(-1000, "Request occur unknown error."), Unclassified, May),
            // The text that says the least counts, whatever the code.
            (body(-1008, NO_ANSWER), Timeout, May),
            (body(-1008, ""), Maintenance, No),
            (body(-1016, ""), Maintenance, May),
            (body(-2019, "Margin is insufficient."), Maintenance, May),
        ] {
            let found = futures(503, &bytes, None, Timestamp(0)).unwrap();
            assert_eq!((found.kind, found.effect), (kind, effect), "{}", String::from_utf8_lossy(&bytes));
        }
        // The same texts with another server error are not on the venue's list.
        for status in [500, 502, 504] {
            for text in FAILED {
                for bytes in [text.as_bytes().to_vec(), body(-1001, text)] {
                    let found = futures(status, &bytes, None, Timestamp(0)).unwrap();
                    assert_eq!(found.effect, May, "{status} {text}");
                }
            }
        }
        for status in [200, 400, 404] {
            let found = futures(status, &body(-1001, INTERNAL), None, Timestamp(0)).unwrap();
            assert_eq!((found.kind, found.effect), (Maintenance, May), "{status}");
        }
    }

    #[test]
    fn bans_end_when_the_venue_says() {
        let body = br#"{"code":-1003,"msg":"Way too many requests; IP(1.2.3.4) banned until 1700000120000. Please use"}"#;
        let now = Timestamp(1_700_000_000_000);
        let found = futures(418, body, None, now).unwrap();
        assert_eq!((found.kind, found.effect), (RateLimited, No));
        assert_eq!(found.retry_after, Some(Duration::from_secs(120)));
        let found = futures(418, body, Some(Duration::from_secs(7)), now).unwrap();
        assert_eq!(found.retry_after, Some(Duration::from_secs(7)));
        let found = futures(429, b"slow down", None, now).unwrap();
        assert_eq!(found.retry_after, Some(LIMIT_WAIT));
        // Neither at once, nor for days where nobody was banned.
        for (status, told, expected) in [
            (429, 0, WAIT_MIN),
            (418, 0, WAIT_MIN),
            (429, 1_000_000, LIMIT_MAX),
            (418, 1_000_000, BAN_MAX),
            (403, 1_000_000, LIMIT_MAX),
        ] {
            let found = futures(status, b"x", Some(Duration::from_secs(told)), now).unwrap();
            assert_eq!(found.retry_after, Some(expected), "{status} {told}");
        }
        let found = futures(418, body, None, Timestamp(1_700_000_121_000)).unwrap();
        assert_eq!(found.retry_after, Some(WAIT_MIN), "it is over by our clock, which may be wrong");
    }

    #[test]
    fn success_bodies_with_a_code_are_no_refusals() {
        for body in [r#"{"code":200,"msg":"success"}"#, r#"{"code":"200","msg":"success"}"#, "[]", "{}"] {
            assert_eq!(futures(200, body.as_bytes(), None, Timestamp(0)), None, "{body}");
        }
        let found = futures(200, br#"{"code":-2019,"msg":"Margin is insufficient."}"#, None, Timestamp(0));
        assert_eq!(found.unwrap().kind, InsufficientMargin);
    }

    #[test]
    fn messages_are_one_short_line() {
        assert!(futures(500, &[0xff; 5000], None, Timestamp(0)).unwrap().message.chars().count() <= 200);
        let failure = refusal(Interface::Futures, -1, &"a\nb\u{7}".repeat(500));
        assert!(failure.message.chars().count() <= 200 && !failure.message.chars().any(char::is_control));
        assert_eq!(failure.effect, Effect::Unknown);
    }
}
