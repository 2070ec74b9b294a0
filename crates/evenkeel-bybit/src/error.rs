//! What the venue's refusals mean: one table from its codes to kind and effect.
//!
//! A refusal comes with HTTP 200 and a `retCode` other than 0. A row says *not applied* because the venue's error page
//! describes a refusal before anything happened. What is on no list proves nothing: after a write its effect is
//! [`Effect::Unknown`].

use std::time::Duration;

use evenkeel_exchange::{Effect, ErrorKind};

use crate::text::told;
use evenkeel_http::{Failure, one_line};

use Effect::{NotApplied as No, Unknown as May};
use ErrorKind::{
    Auth, InsufficientMargin, Invalid, LeverageRefused, Maintenance, NoLiquidity, NotFound, NotSupported,
    RateLimited, ReduceOnly, Rejected, Timeout,
};

/// How long to wait for a call's own limit where the answer does not say: its window is a second.
const LIMIT_WAIT: Duration = Duration::from_secs(1);
/// How long an address stays shut out after HTTP 403: "at least 10 minutes".
pub(crate) const ADDRESS_WAIT: Duration = Duration::from_secs(600);
/// The longest wait after HTTP 429 that is believed: overload passes, and whatever stands between us and the venue must
/// not lock an account out for longer.
const OVERLOAD_WAIT_MAX: Duration = Duration::from_secs(60);

/// What an answer of the venue means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // A code is one or the other.
pub enum Meaning {
    /// It is so already: for what was asked, a success.
    Unchanged,
    /// Refused.
    Refused(ErrorKind, Effect),
}

/// A code, or the digits that codes begin with, and what it means.
type Row = (&'static str, ErrorKind, Effect);

/// What was to be set, and is so already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    Leverage,
    MarginMode,
    PositionMode,
    Margin,
}

/// Codes that say that what was to be set is set already. 34036 was the name of the first before V5.
const UNCHANGED: &[(&str, Setting)] = &[
    ("110043", Setting::Leverage),
    ("34036", Setting::Leverage),
    ("110026", Setting::MarginMode),
    ("110025", Setting::PositionMode),
    ("110027", Setting::Margin),
];

/// An order with this id exists already.
const USED_ID: &str = "110072";

/// Of `error.mdx`, `rate-limit.mdx` and the page of the trade stream (bybit-exchange/docs, 2026-07-24).
#[rustfmt::skip]
const TABLE: &[Row] = &[
    // Nobody knows.
    ("10000", Timeout, May),
    ("10014", Rejected, May),
    ("10016", Maintenance, May),
    ("10019", Maintenance, May),
    ("131200", Maintenance, May),
    ("3400214", Maintenance, May),
    // "Duplicate request": the first one may be on its way.
    ("20003", Rejected, May),
    ("20006", Rejected, May),
    // The refused one is this copy; the order of that id is the first.
    (USED_ID, Rejected, May),
    // Too many. System overload (429) is to be looked after.
    ("10006", RateLimited, No),
    ("10018", RateLimited, No),
    ("10403", RateLimited, No),
    ("429", RateLimited, May),
    ("10429", RateLimited, May),
    // The request in itself.
    ("10001", Invalid, No),
    ("7001", Invalid, No),
    ("10017", Invalid, No),
    ("10404", Invalid, No),
    ("110018", Invalid, No),
    ("110019", Invalid, No),
    ("110032", Invalid, No),
    ("110049", Invalid, No),
    ("110050", Invalid, No),
    ("110057", Invalid, No),
    ("110058", Invalid, No),
    ("110059", Invalid, No),
    ("110060", Invalid, No),
    ("110092", Invalid, No),
    ("110093", Invalid, No),
    ("110094", Invalid, No),
    ("110108", Invalid, No),
    ("110109", Invalid, No),
    // Outside its window of time: it was not carried out.
    ("10002", Timeout, No),
    // Key and account.
    ("10003", Auth, No),
    ("10004", Auth, No),
    ("10005", Auth, No),
    ("10007", Auth, No),
    ("33004", Auth, No),
    ("10008", Auth, No),
    ("10009", Auth, No),
    ("10010", Auth, No),
    ("10024", Auth, No),
    ("10027", Auth, No),
    ("10029", Auth, No),
    ("110132", Auth, No),
    ("20001", Auth, No),
    ("10028", NotSupported, No),
    // Orders that are not there.
    ("110001", NotFound, No),
    ("110008", NotFound, No),
    ("110010", NotFound, No),
    // Margin.
    ("110004", InsufficientMargin, No),
    ("110006", InsufficientMargin, No),
    ("110007", InsufficientMargin, No),
    ("110012", InsufficientMargin, No),
    ("110014", InsufficientMargin, No),
    ("110044", InsufficientMargin, No),
    ("110045", InsufficientMargin, No),
    ("110051", InsufficientMargin, No),
    ("110052", InsufficientMargin, No),
    ("110053", InsufficientMargin, No),
    ("110011", InsufficientMargin, No),
    ("110046", InsufficientMargin, No),
    ("110039", InsufficientMargin, No),
    ("110040", InsufficientMargin, No),
    ("110078", InsufficientMargin, No),
    // Of the contract account of other categories, with the same words.
    ("140007", InsufficientMargin, No),
    // Leverage and margin mode.
    ("110013", LeverageRefused, No),
    ("110073", LeverageRefused, No),
    ("3400045", LeverageRefused, No),
    ("3400052", LeverageRefused, No),
    ("3400053", LeverageRefused, No),
    ("3400054", LeverageRefused, No),
    ("3400071", LeverageRefused, No),
    ("3400139", LeverageRefused, No),
    ("3400208", LeverageRefused, No),
    ("3400210", LeverageRefused, No),
    ("3400211", LeverageRefused, No),
    ("3401010", LeverageRefused, No),
    // Not in this mode of the account.
    ("110015", NotSupported, No),
    ("110036", NotSupported, No),
    ("110038", NotSupported, No),
    ("110077", NotSupported, No),
    ("110076", NotSupported, No),
    ("110029", NotSupported, No),
    ("3200403", NotSupported, No),
    ("32004..", LeverageRefused, No),
    // Nothing to reduce.
    ("110017", ReduceOnly, No),
    ("110034", ReduceOnly, No),
    ("110033", Rejected, No),
    // The price, the number or the size of orders.
    ("110003", Rejected, No),
    ("110120", Rejected, No),
    ("110121", Rejected, No),
    ("110009", Rejected, No),
    ("110020", Rejected, No),
    ("110061", Rejected, No),
    ("110021", Rejected, No),
    ("110089", Rejected, No),
    ("110090", Rejected, No),
    ("110086", Rejected, No),
    ("110087", Rejected, No),
    ("110064", Rejected, No),
    // The symbol or the account may only reduce.
    ("110022", Rejected, No),
    ("110023", Rejected, No),
    ("110042", Rejected, No),
    ("110082", Rejected, No),
    ("110085", Rejected, No),
    // Position mode and risk limit.
    ("110024", Rejected, No),
    ("110028", Rejected, No),
    ("110031", Rejected, No),
    ("110047", Rejected, No),
    ("110048", Rejected, No),
    // Not tradable: halted, before the market opens, by rules about collateral, loans and terms.
    ("110066", Rejected, No),
    ("110074", Rejected, No),
    ("110103", Rejected, No),
    ("110137", Rejected, No),
    ("110095", Rejected, No),
    ("110096", Rejected, No),
    ("110097", Rejected, No),
    ("110098", Rejected, No),
    ("110099", Rejected, No),
    ("110100", Rejected, No),
    ("110101", Rejected, No),
    ("110102", Rejected, No),
    ("110104", Rejected, No),
    ("110105", Rejected, No),
    ("110106", Rejected, No),
    ("110107", Rejected, No),
    ("110123", Rejected, No),
    ("110124", Rejected, No),
    ("110125", Rejected, No),
    ("110131", Rejected, No),
    ("182...", Rejected, No),
    // It passes.
    ("110118", NoLiquidity, No),
    ("110005", Maintenance, No),
    ("110063", Maintenance, No),
    ("110079", Maintenance, No),
];

/// What else a failure's code says.
pub(crate) trait Means {
    /// Whether the venue says that an order with this client id exists.
    fn is_used_id(&self) -> bool;

    /// Whether the order that was to be cancelled is over, by the venue's words.
    fn is_over(&self) -> bool;

    /// Whether the order that was to be cancelled is not there, or it is too late for it.
    fn is_gone(&self) -> bool;

    /// Whether the venue says that our time is wrong.
    fn is_untimely(&self) -> bool;

    /// Whether the venue says that this very thing is so already.
    fn is_unchanged(&self, setting: Setting) -> bool;

    /// Whether it is about the request as a whole, before any order in it was looked at: it did not leave, or the venue
    /// refused it as it was. Codes from 110000 on are about single orders, whatever they come for.
    fn is_before_orders(&self) -> bool;
}

impl Means for Failure {
    fn is_used_id(&self) -> bool {
        self.answered() == Some(USED_ID)
    }

    fn is_over(&self) -> bool {
        matches!(self.answered(), Some("110008" | "110010"))
    }

    fn is_gone(&self) -> bool {
        self.kind == NotFound && self.effect == No && self.answered().is_some()
    }

    fn is_untimely(&self) -> bool {
        self.code.as_deref() == Some("10002")
    }

    fn is_unchanged(&self, setting: Setting) -> bool {
        let code = self.answered();
        UNCHANGED.iter().any(|(known, of)| code == Some(*known) && *of == setting)
    }

    fn is_before_orders(&self) -> bool {
        let Some(code) = self.answered() else { return true };
        let of_one = code.starts_with("110");
        let whole = matches!(self.kind, Auth | Invalid | RateLimited | Timeout | NotSupported);
        self.effect == No && whole && !of_one
    }
}

/// What a `retCode` of the venue means, where it is on the list. 0, which is success, is not.
///
/// ```
/// use evenkeel_bybit::{Meaning, classify};
/// use evenkeel_exchange::{Effect, ErrorKind};
///
/// let margin = Meaning::Refused(ErrorKind::InsufficientMargin, Effect::NotApplied);
/// assert_eq!(classify("110007"), Some(margin));
/// assert_eq!(classify("110043"), Some(Meaning::Unchanged));
/// assert_eq!(classify("999999"), None);
/// ```
#[must_use]
pub fn classify(code: &str) -> Option<Meaning> {
    if UNCHANGED.iter().any(|(known, _)| *known == code) {
        return Some(Meaning::Unchanged);
    }
    let row = TABLE.iter().find(|(known, ..)| matches(known, code));
    row.map(|(_, kind, effect)| Meaning::Refused(*kind, *effect))
}

/// A row with dots stands for all codes of its length that begin like it.
fn matches(known: &str, code: &str) -> bool {
    match known.split_once('.') {
        None => known == code,
        Some((begin, _)) => {
            known.len() == code.len()
                && code.starts_with(begin)
                && code.bytes().all(|byte| byte.is_ascii_digit())
        }
    }
}

/// What an HTTP status other than 200 means where its body has no `retCode`.
///
/// ```
/// use evenkeel_bybit::classify_status;
/// use evenkeel_exchange::{Effect, ErrorKind};
///
/// assert_eq!(classify_status(403), (ErrorKind::RateLimited, Effect::NotApplied));
/// assert_eq!(classify_status(504), (ErrorKind::Timeout, Effect::Unknown));
/// ```
#[must_use]
pub fn classify_status(status: u16) -> (ErrorKind, Effect) {
    match status {
        // Turned away at the door (official documentation).
        400 => (Invalid, No),
        401 => (Auth, No),
        403 => (RateLimited, No),
        404 => (NotSupported, No),
        // Overload of the system. Whether an order can have been taken in is not documented.
        429 => (RateLimited, May),
        504 => (Timeout, May),
        500..=599 => (Maintenance, May),
        _ => (ErrorKind::Unclassified, May),
    }
}

/// A refusal in the venue's words.
pub(crate) fn refusal(code: &str, text: &str) -> Failure {
    let meaning = classify(code);
    let (kind, effect) = match meaning {
        Some(Meaning::Refused(kind, effect)) => (kind, effect),
        // Where nothing was to be set, it is a refusal like others.
        Some(Meaning::Unchanged) => (Rejected, No),
        None => (ErrorKind::Unclassified, May),
    };
    let mut failure = Failure::new(kind, effect, told(text));
    failure.code = Some(one_line(code, 20));
    if kind == RateLimited {
        failure.retry_after = Some(if code == "10018" { ADDRESS_WAIT } else { LIMIT_WAIT });
    }
    failure
}

/// An answer with an HTTP status other than 200. `refused` is its body, where that is an envelope with a code.
pub(crate) fn http_failure(
    status: u16,
    body: &[u8],
    retry_after: Option<Duration>,
    refused: Option<Failure>,
) -> Failure {
    // Where the venue itself says what it refused, that is more than the status: also where nobody knows what it says.
    if let (400..=499, Some(refused)) = (status, refused)
        && !matches!(status, 403 | 429)
    {
        return refused;
    }
    let (kind, effect) = classify_status(status);
    let text = match status {
        403 => "too many requests from this address, or it is in a country that the venue does not serve; \
             nothing more is sent for ten minutes"
            .to_owned(),
        _ => told(&String::from_utf8_lossy(body.get(..body.len().min(LONGEST_BODY)).unwrap_or_default())),
    };
    let mut failure = Failure::new(kind, effect, text);
    failure.code = Some(format!("HTTP {status}"));
    failure.retry_after = match status {
        403 => Some(ADDRESS_WAIT),
        429 => Some(retry_after.unwrap_or(LIMIT_WAIT).min(OVERLOAD_WAIT_MAX)),
        _ => None,
    };
    failure
}

/// How much of a body is looked at for a message.
const LONGEST_BODY: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_hides_another() {
        for (index, (code, ..)) in TABLE.iter().enumerate() {
            let sample = code.replace('.', "9");
            let first = TABLE.iter().position(|(known, ..)| matches(known, &sample));
            assert_eq!(first, Some(index), "{code}");
            assert!(!UNCHANGED.iter().any(|(known, _)| known == code));
        }
    }

    #[test]
    fn what_is_not_listed_proves_nothing() {
        for code in ["", "1", "-1", "999999", "0", "18299", "1829999", "182abc", "320040", "170213", "OK"] {
            assert_eq!(refusal(code, "ok").effect, May, "{code}");
        }
        for status in [100, 204, 301, 302, 307, 402, 405, 408, 418, 429, 500, 502, 503, 504, 520, 599, 999] {
            assert_eq!(http_failure(status, b"x", None, None).effect, May, "{status}");
        }
        for status in [400, 401, 403, 404] {
            assert_eq!(http_failure(status, b"x", None, None).effect, No, "{status}");
        }
        let refused = refusal("10010", "Unmatched IP");
        assert_eq!(http_failure(401, b"{}", None, Some(refused.clone())), refused);
        // A gateway that is out of order knows nothing of what stands behind it.
        assert_eq!(http_failure(502, b"{}", None, Some(refused)).effect, May);
        assert_eq!(http_failure(403, b"", None, None).retry_after, Some(ADDRESS_WAIT));
        let endless = Some(Duration::from_secs(1_000_000));
        assert_eq!(http_failure(429, b"", endless, None).retry_after, Some(OVERLOAD_WAIT_MAX));
        // A code that nobody knows proves nothing, whatever status it comes with.
        let unknown = refusal("999999", "new");
        assert_eq!(http_failure(400, b"{}", None, Some(unknown)).effect, May);
    }

    #[test]
    fn messages_are_one_short_line_without_the_key() {
        let failure = refusal("1", &"a\nb\u{7}".repeat(500));
        assert!(failure.message.chars().count() <= 300 && !failure.message.chars().any(char::is_control));
        assert!(refusal("\n1\n", "").code.is_some_and(|code| !code.contains('\n')));
        assert!(!http_failure(500, b"see https://x.y/?a=1", None, None).message.contains("://"));
        let told = refusal("10004", "error sign! origin_string[1682321990138KEYKEY5000category=linear]");
        assert_eq!(told.message, "error sign!");
    }

    #[test]
    fn what_is_so_already_is_told_apart() {
        for (code, setting) in UNCHANGED {
            assert!(refusal(code, "").is_unchanged(*setting));
        }
        assert!(!refusal("110026", "").is_unchanged(Setting::Leverage), "about something else");
        for code in ["10001", "10003", "10006", "10002"] {
            assert!(refusal(code, "").is_before_orders(), "{code}");
        }
        // About one order, in a batch too; what it says of the others is not known.
        for code in ["110094", "110092", "110038", "110007", "10016", "1"] {
            assert!(!refusal(code, "").is_before_orders(), "{code}");
        }
        // What was asked before a write says nothing about it, whatever the answer looks like.
        let asked = refusal("110043", "").unwritten();
        assert!(asked.is_before_orders() && !asked.is_unchanged(Setting::Leverage));
        let asked = refusal("110001", "").unwritten();
        assert!(!asked.is_gone() && !refusal("110008", "").unwritten().is_over());
        assert!(refusal(USED_ID, "").is_used_id() && !refusal("10014", "").is_used_id());
        assert!(refusal("110001", "").is_gone() && !refusal("110001", "").is_over());
    }
}
