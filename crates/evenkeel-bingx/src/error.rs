//! What the venue's refusals mean: one table from its codes and texts to kind and effect.
//!
//! Two generations of codes are in use (the change log of 2025-10-16 renamed the 80xxx ones), and several codes carry
//! more than one meaning, so that a row may name a part of the text as well. A row is on the list with
//! [`Effect::NotApplied`] because the documentation, or an answer that somebody recorded, shows it as a refusal before
//! anything happened. What is on no list proves nothing: after a write its effect is [`Effect::Unknown`].

use evenkeel_http::{Failure, one_line};
use std::time::Duration;

use evenkeel_exchange::{Effect, ErrorKind};

/// How long to wait after "too many requests" where no header says it: the longest window of the venue's limits.
const LIMIT_WAIT: Duration = Duration::from_secs(10);
/// How long a banned address or account waits; the documentation says five minutes.
const BAN_WAIT: Duration = Duration::from_secs(300);
/// Codes after which an account is kept out for as long as one that is banned: the venue's risk control.
const BANS: [&str; 3] = ["109403", "80020", "40029"];

/// One row: the code, a part of the text in lower case (empty for any), and what it means. The first that fits counts.
type Row = (&'static str, &'static str, ErrorKind, Effect);

use Effect::{NotApplied as No, Unknown as May};
use ErrorKind::{
    Auth, InsufficientMargin, Invalid, LeverageRefused, Maintenance, NotFound, NotSupported, RateLimited,
    ReduceOnly, Rejected, Timeout,
};

/// Codes that say: this client id was used before. They prove that *a* copy was taken, perhaps one of this very request.
const USED_ID: [&str; 2] = ["101481", "109201"];

/// Codes that are about a request as a whole, given before any order in it is looked at. Those about the account's state
/// or one pair are none: orders of a batch are carried out side by side, and some may have gone before.
const BEFORE_ORDERS: [&str; 11] = [
    "100001", "100412", "100413", "100401", "100004", "100419", "100400", "100404", "100409", "100410",
    "109429",
];

const TABLE: &[Row] = &[
    // Keys and signatures.
    ("100001", "", Auth, No),
    ("100412", "", Auth, No),
    ("100413", "", Auth, No),
    ("100401", "", Auth, No),
    ("100004", "", Auth, No),
    ("100419", "", Auth, No),
    ("101210", "", Auth, No),
    ("101483", "", Auth, No),
    ("101484", "", Auth, No),
    ("101515", "", Auth, No),
    // The request came too late, or our clock is off: signed again with a new time it may pass.
    ("100421", "restricted", NotSupported, No),
    ("100421", "", Timeout, No),
    ("109400", "timestamp", Timeout, No),
    ("109414", "timestamp", Timeout, No),
    ("80014", "timestamp", Timeout, No),
    ("80001", "timestamp", Timeout, No),
    // The code for everything, old and new: the text decides.
    ("109400", "duplicate", Rejected, May),
    ("109400", "order not exist", NotFound, No),
    ("109400", "positionside", Rejected, No),
    ("109400", "side field can only be set", Rejected, No),
    ("109400", "margin is not enough", InsufficientMargin, No),
    ("109400", "has positions or pending orders", LeverageRefused, No),
    ("109400", "temporarily disabled", Maintenance, No),
    ("109400", "", Invalid, No),
    ("109414", "duplicate", Rejected, May),
    ("109414", "", Invalid, No),
    ("80014", "duplicate", Rejected, May),
    ("80014", "temporarily disabled", Maintenance, No),
    ("80014", "", Invalid, No),
    ("80001", "duplicate", Rejected, May),
    ("80001", "being processed", Maintenance, No),
    ("80001", "", Invalid, No),
    // No such call.
    ("100400", "", NotSupported, No),
    ("100404", "", NotSupported, No),
    ("109425", "", Invalid, No),
    // Limits. Clients saw 100410 for a busy system as well, and then nothing is known.
    ("100410", "busy", Maintenance, May),
    ("100410", "", RateLimited, No),
    ("100409", "", RateLimited, No),
    ("109429", "", RateLimited, No),
    ("109403", "", RateLimited, No),
    ("80020", "", RateLimited, No),
    ("40029", "", RateLimited, No),
    // Busy, internal, timed out: it may have been carried out, except where the text is that of a wrapped refusal.
    ("109500", "margin is not enough", InsufficientMargin, No),
    ("109500", "101253", InsufficientMargin, No),
    ("109500", "symbol not exist", Invalid, No),
    ("80012", "margin is not enough", InsufficientMargin, No),
    ("80012", "101253", InsufficientMargin, No),
    ("80012", "", Maintenance, May),
    ("100500", "", Maintenance, May),
    ("109500", "", Maintenance, May),
    ("109701", "", Maintenance, May),
    ("110500", "", Maintenance, May),
    ("101500", "", Maintenance, May),
    ("109423", "", Maintenance, May),
    ("80019", "", Maintenance, May),
    // A client id that was used. The second row is how some of these codes say it.
    ("101481", "", Rejected, May),
    ("109201", "", Rejected, May),
    ("101400", "clientorderid", Rejected, May),
    ("101400", "duplicate", Rejected, May),
    ("101485", "clientorderid", Rejected, May),
    ("101485", "duplicate", Rejected, May),
    ("101202", "duplicate", Rejected, May),
    ("110422", "duplicate", Rejected, May),
    // Margin.
    ("101204", "", InsufficientMargin, No),
    ("101206", "", InsufficientMargin, No),
    ("101212", "", InsufficientMargin, No),
    ("101253", "", InsufficientMargin, No),
    ("110424", "", InsufficientMargin, No),
    ("104411", "", InsufficientMargin, No),
    ("102201", "", InsufficientMargin, No),
    ("100202", "insufficient", InsufficientMargin, No),
    // Positions.
    ("101205", "", ReduceOnly, No),
    ("109420", "", ReduceOnly, No),
    ("80017", "", ReduceOnly, No),
    ("101290", "", ReduceOnly, No),
    ("110203", "", ReduceOnly, No),
    // Orders that are not there, or not open any more.
    ("109421", "", NotFound, No),
    ("80016", "", NotFound, No),
    ("109422", "", NotFound, No),
    ("80018", "", NotFound, No),
    // Leverage, margin mode, position mode.
    ("101414", "", LeverageRefused, No),
    ("101222", "", LeverageRefused, No),
    ("104103", "", LeverageRefused, No),
    ("109401", "", LeverageRefused, No),
    ("101479", "", LeverageRefused, No),
    ("104108", "", LeverageRefused, No),
    // Larger than the leverage, the account or the platform allows.
    ("101201", "", Rejected, No),
    ("101209", "", Rejected, No),
    ("110287", "", Rejected, No),
    ("101429", "", Rejected, No),
    ("112414", "", Rejected, No),
    ("101424", "", Rejected, No),
    // Wrong in themselves.
    ("101202", "", Invalid, No),
    ("101400", "", Invalid, No),
    ("110422", "", Invalid, No),
    ("101485", "", Invalid, No),
    ("110425", "", Invalid, No),
    ("110415", "", Invalid, No),
    ("110416", "", Invalid, No),
    ("110417", "", Invalid, No),
    ("110418", "", Invalid, No),
    ("110419", "", Invalid, No),
    ("110420", "", Invalid, No),
    ("110427", "", Invalid, No),
    ("110428", "", Invalid, No),
    // Refused by the state of the market.
    ("101211", "", Rejected, No),
    ("110402", "", Rejected, No),
    ("101215", "", Rejected, No),
    ("101460", "", Rejected, No),
    ("101461", "", Rejected, No),
    ("110406", "", Rejected, No),
    ("110407", "", Rejected, No),
    ("110411", "", Rejected, No),
    ("110412", "", Rejected, No),
    ("110413", "", Rejected, No),
    ("110414", "", Rejected, No),
    ("101419", "", Rejected, No),
    ("80013", "", Rejected, No),
    ("110206", "", Rejected, No),
    ("109424", "", Rejected, No),
    ("109430", "", Rejected, No),
    // The pair is suspended, offline, not yet open, or has hours: it does not pass while anybody waits.
    ("101415", "", Rejected, No),
    ("110280", "", Rejected, No),
    ("109417", "", Rejected, No),
    ("109418", "", Rejected, No),
    ("101413", "", Rejected, No),
    ("104424", "", Rejected, No),
    // Not now.
    ("101214", "", Maintenance, No),
    ("101219", "", Maintenance, No),
    ("101412", "", Maintenance, No),
    // Of the stream, which this crate does not use.
    ("80403", "", NotSupported, No),
];

/// What else a failure's code says.
pub(crate) trait Means {
    /// Whether the venue says that the client id was used before.
    fn is_used_id(&self) -> bool;

    /// Whether the order that was to be cancelled is not open any more.
    fn is_gone(&self) -> bool;

    /// Whether the venue says that our time is wrong.
    fn is_untimely(&self) -> bool;

    /// Whether it is about the request as a whole, before any order in it was looked at.
    fn is_before_orders(&self) -> bool;
}

impl Means for Failure {
    fn is_used_id(&self) -> bool {
        let listed = self.code.as_deref().is_some_and(|code| USED_ID.contains(&code));
        // The other rows of that meaning have this kind and effect, and no other row has.
        listed || (self.code.is_some() && self.kind == Rejected && self.effect == May)
    }

    fn is_gone(&self) -> bool {
        self.kind == NotFound && self.effect == No
    }

    fn is_untimely(&self) -> bool {
        self.code.is_some() && self.kind == Timeout && self.effect == No
    }

    fn is_before_orders(&self) -> bool {
        let of_all =
            |code: &str| BEFORE_ORDERS.contains(&code) || code.starts_with("HTTP") || self.kind == Timeout;
        // Without a code it is not the venue's word, and its effect is that of the request.
        self.effect == No && self.code.as_deref().is_none_or(of_all)
    }
}

/// What a code and text of the venue mean, where they are on the list.
///
/// ```
/// use evenkeel_bingx::classify;
/// use evenkeel_exchange::{Effect, ErrorKind};
///
/// let known = classify("101204", "Insufficient margin");
/// assert_eq!(known, Some((ErrorKind::InsufficientMargin, Effect::NotApplied)));
/// // One code, several meanings.
/// assert_eq!(classify("109400", "timestamp is invalid").unwrap().0, ErrorKind::Timeout);
/// assert_eq!(classify("109400", "order not exist").unwrap().0, ErrorKind::NotFound);
/// assert_eq!(classify("999999", "nobody has seen it"), None);
/// ```
#[must_use]
pub fn classify(code: &str, text: &str) -> Option<(ErrorKind, Effect)> {
    let text = text.to_lowercase();
    let row = TABLE.iter().find(|(known, part, ..)| *known == code && text.contains(part));
    row.map(|(_, _, kind, effect)| (*kind, *effect))
}

/// A refusal in the venue's words.
pub(crate) fn refusal(code: &str, text: &str) -> Failure {
    let (kind, effect) = classify(code, text).unwrap_or((ErrorKind::Unclassified, May));
    let mut failure = Failure::new(kind, effect, shown(text));
    failure.code = Some(one_line(code, 20));
    if kind == RateLimited {
        failure.retry_after = Some(if BANS.contains(&code) { BAN_WAIT } else { LIMIT_WAIT });
    }
    failure
}

/// An answer with an HTTP status other than 200. `refused` is its body, where that is an envelope with a code.
pub(crate) fn http_failure(status: u16, body: &[u8], refused: Option<Failure>) -> Failure {
    let text = shown(&String::from_utf8_lossy(body.get(..body.len().min(LONGEST_BODY)).unwrap_or_default()));
    let mut failure = match (status, refused) {
        // Refused at the door.
        (429, _) => waiting(LIMIT_WAIT, "too many requests"),
        (418, _) => waiting(BAN_WAIT, "this address is banned for a time"),
        // "Does not mean that the request failed" (official documentation).
        (504, _) => Failure::new(Timeout, May, "the venue's gateway had no answer in time"),
        (500..=599, _) => Failure::new(Maintenance, May, text),
        (400..=499, Some(refused)) => return refused,
        _ => Failure::new(ErrorKind::Unclassified, May, text),
    };
    failure.code = Some(format!("HTTP {status}"));
    failure
}

fn waiting(wait: Duration, message: &str) -> Failure {
    let mut failure = Failure::nothing(RateLimited, message);
    failure.retry_after = Some(wait);
    failure
}

/// How much of a body is looked at for a message.
const LONGEST_BODY: usize = 4000;

/// One line, and not long: it comes from outside.
fn shown(text: &str) -> String {
    let line = one_line(text, 200);
    if line.trim().is_empty() { "the answer says nothing".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_reached() {
        for (index, (code, part, kind, effect)) in TABLE.iter().enumerate() {
            let text = format!("Sorry, {}!", part.to_uppercase());
            let found = TABLE
                .iter()
                .position(|(known, part, ..)| known == code && text.to_lowercase().contains(part));
            assert_eq!(found, Some(index), "{code} {part}");
            assert_eq!(classify(code, &text), Some((*kind, *effect)), "{code} {part}");
        }
    }

    #[test]
    fn what_is_not_listed_proves_nothing() {
        for code in ["", "1", "-1", "109999", "0"] {
            assert_eq!(refusal(code, "ok").effect, Effect::Unknown, "{code}");
        }
        for status in [100, 204, 301, 302, 400, 401, 403, 404, 408, 500, 502, 503, 504, 520, 599, 999] {
            assert_eq!(http_failure(status, b"x", None).effect, Effect::Unknown, "{status}");
        }
        for status in [418, 429] {
            let failure = http_failure(status, b"x", None);
            assert_eq!((failure.kind, failure.effect), (RateLimited, Effect::NotApplied));
            assert!(failure.retry_after.is_some());
        }
        let refused = refusal("100419", "IP does not match IP whitelist");
        assert_eq!(http_failure(403, b"{}", Some(refused.clone())), refused);
        // A gateway that is out of order knows nothing of what stands behind it.
        assert_eq!(http_failure(502, b"{}", Some(refused)).effect, Effect::Unknown);
    }

    #[test]
    fn messages_are_one_short_line() {
        let failure = refusal("1", &"a\nb\u{7}".repeat(500));
        assert!(failure.message.chars().count() <= 200 && !failure.message.chars().any(char::is_control));
        assert!(http_failure(500, b"see https://x.y/?signature=1 !", None).message == "see (address) !");
        assert_eq!(
            refusal("1\n2 and very much more of it", "").code.as_deref(),
            Some("1 2 and very much mo")
        );
    }

    #[test]
    fn used_ids_are_told_apart_from_other_refusals() {
        for (code, text) in [("101481", ""), ("109201", "x"), ("101400", "duplicate clientOrderId")] {
            assert!(refusal(code, text).is_used_id(), "{code}");
        }
        for (code, text) in [("101400", "SL Price must be lower"), ("109500", ""), ("101201", ""), ("7", "")]
        {
            assert!(!refusal(code, text).is_used_id(), "{code}");
        }
    }
}
