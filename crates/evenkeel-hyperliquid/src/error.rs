//! What the venue's refusals mean: one table from its texts to kind and effect.
//!
//! The venue has no error codes. Its texts carry varying parts (` asset=4`, addresses, prices), so that each row names
//! how the text begins. A row is on the list because the venue's documentation, or an answer that somebody recorded,
//! shows it as a refusal before anything happened. What is on no list proves nothing: after a write its effect is
//! [`Effect::Unknown`].

use std::time::Duration;

use evenkeel_exchange::{Effect, ErrorKind};
use evenkeel_http::{Failure, one_line};

/// How long an address that has used up its requests has to wait for its next one; measured as 10 to 11 s.
const ADDRESS_WAIT: Duration = Duration::from_secs(11);
/// How long to wait after HTTP 429 where the answer does not say: the budget is one of a minute, and a quarter of it
/// is a useful amount.
const IP_WAIT: Duration = Duration::from_secs(15);

/// The longest wait that is believed: the budget is one of a minute, and whatever stands between us and the venue must
/// not lock an account out for longer.
const IP_WAIT_MAX: Duration = Duration::from_secs(60);

/// One row: how the text begins, and what it means.
type Row = (&'static str, ErrorKind, Effect);

use Effect::{NotApplied as No, Unknown as May};
use ErrorKind::{
    Auth, InsufficientMargin, Invalid, LeverageRefused, Maintenance, NoLiquidity, NotFound, NotSupported,
    RateLimited, ReduceOnly, Rejected, Timeout,
};

/// Texts of whole actions and of single orders; the venue does not keep them apart.
const TABLE: &[Row] = &[
    // Orders that are wrong in themselves.
    ("Price must be divisible by tick size", Invalid, No),
    ("Order has invalid price", Invalid, No),
    ("Order has invalid size", Invalid, No),
    ("Order has zero size", Invalid, No),
    ("Order must have minimum value of", Invalid, No),
    ("Invalid TP/SL price", Invalid, No),
    ("Trigger order is not reduce only", Invalid, No),
    ("Invalid TIF", Invalid, No),
    ("Orders are empty", Invalid, No),
    ("Attempted to modify to invalid new order", Invalid, No),
    ("Signed action over weight limit", Invalid, No),
    ("Builder fee has not been approved", Invalid, No),
    // Orders that the account or the market does not allow now.
    ("Insufficient margin to place order", InsufficientMargin, No),
    ("Order would cause position to exceed margin tier limit", InsufficientMargin, No),
    ("Reduce only order would increase position", ReduceOnly, No),
    ("Order could not immediately match against any resting orders", NoLiquidity, No),
    ("No liquidity available for market order", NoLiquidity, No),
    ("Post only order would have immediately matched", Rejected, No),
    ("Order would increase open interest", Rejected, No),
    ("Order rejected due to price more aggressive than oracle", Rejected, No),
    ("Order price too far from oracle", Rejected, No),
    ("Price too far from oracle", Rejected, No),
    ("Order price cannot be more than", Rejected, No),
    ("Too many open orders", Rejected, No),
    ("Order has insufficient spot balance to trade", InsufficientMargin, No),
    ("Only post-only orders allowed immediately after network upgrade", Maintenance, No),
    ("Trading is halted", Maintenance, No),
    // Cancels. The same text for filled, cancelled and unknown orders.
    ("Order was never placed, already canceled, or filled", NotFound, No),
    ("Cannot modify canceled or filled order", NotFound, No),
    // Leverage and margin.
    ("Invalid leverage value", LeverageRefused, No),
    ("Cannot switch leverage type with open position", LeverageRefused, No),
    ("Cross margin is not allowed for this asset", LeverageRefused, No),
    ("Isolated position does not have sufficient margin available to decrease leverage", LeverageRefused, No),
    ("Cross position does not have sufficient margin available to decrease leverage", LeverageRefused, No),
    ("Position does not use isolated margin", Invalid, No),
    ("Cannot update margin for empty position", Invalid, No),
    ("Update to isolated margin cannot be zero", Invalid, No),
    ("Account does not have sufficient margin available for increase", InsufficientMargin, No),
    ("Position does not have sufficient margin for reduction", InsufficientMargin, No),
    ("Cannot remove isolated margin for this asset", NotSupported, No),
    ("Asset not strict isolated", NotSupported, No),
    // Budget.
    ("Too many cumulative requests sent", RateLimited, No),
    // Nonce and validity. A nonce that is used already was used by somebody, perhaps by a copy of this very request.
    // Slow, or our idea of the venue's clock was wrong; either passes.
    ("Action already expired", Timeout, No),
    ("Invalid nonce: nonce too low", Rejected, No),
    ("Invalid nonce: duplicate nonce", Rejected, May),
    // Keys.
    ("User or API Wallet", Auth, No),
    ("Must deposit before performing actions", Auth, No),
    ("Unable to recover signer", Auth, No),
    ("User has pending agent removal", Auth, No),
    ("Too many extra agents", Auth, No),
    ("Extra agent already used", Auth, No),
    ("Agent valid_until already expired", Auth, No),
    ("Agent can only send asset to same user", Auth, No),
    // Account modes, transfers, the dead-man switch.
    ("Action disabled when unified account is active", NotSupported, No),
    ("Unified account only supports sending assets through spot", NotSupported, No),
    ("Abstraction transition not allowed", NotSupported, No),
    ("Insufficient balance for", InsufficientMargin, No),
    ("Invalid send", Invalid, No),
    ("Error withdrawing from bridge", Rejected, May),
    ("Cannot set scheduled cancel time until enough volume traded", NotSupported, No),
    ("TWAP was never placed, already canceled, or filled", NotFound, No),
    ("Invalid TWAP duration", Invalid, No),
    ("Failed to deserialize the JSON body into the target type", Invalid, No),
];

/// A part that may stand anywhere in the text: after a change of a coin's margin tiers.
const NEW_TIERS: &str = "Manually set leverage to acknowledge new margin tiers";

/// What a text of the venue means, where it is on the list.
///
/// ```
/// use evenkeel_exchange::{Effect, ErrorKind};
/// use evenkeel_hyperliquid::classify;
///
/// let known = classify("Insufficient margin to place order. asset=5");
/// assert_eq!(known, Some((ErrorKind::InsufficientMargin, Effect::NotApplied)));
/// assert_eq!(classify("Something nobody has seen"), None);
/// ```
#[must_use]
pub fn classify(text: &str) -> Option<(ErrorKind, Effect)> {
    // The documentation prefixes some texts with what they apply to.
    let text = text.trim_start().trim_start_matches("(Spot-only) ");
    let row = TABLE.iter().find(|(begins, ..)| text.starts_with(begins));
    match row {
        Some((_, kind, effect)) => Some((*kind, *effect)),
        None if text.contains(NEW_TIERS) => Some((LeverageRefused, No)),
        None => None,
    }
}

/// A refusal in the venue's words.
pub(crate) fn refusal(text: &str) -> Failure {
    let (kind, effect) = classify(text).unwrap_or((ErrorKind::Unclassified, May));
    let mut failure = Failure::new(kind, effect, shown(text));
    if kind == RateLimited {
        failure.retry_after = Some(ADDRESS_WAIT);
    }
    failure
}

/// An answer with an HTTP status other than 200.
pub(crate) fn http_failure(status: u16, body: &[u8], retry_after: Option<Duration>) -> Failure {
    let text = shown(&String::from_utf8_lossy(body.get(..body.len().min(LONGEST_BODY)).unwrap_or_default()));
    let mut failure = match status {
        // The body was not understood, so nothing was done with it.
        422 => Failure::nothing(Invalid, text),
        // Whether such a request can have been forwarded is not documented.
        429 => {
            let mut failure = Failure::new(RateLimited, May, "too many requests from this address");
            failure.retry_after = Some(retry_after.unwrap_or(IP_WAIT).min(IP_WAIT_MAX));
            failure
        }
        // On 2025-07-29 the venue answered errors for half an hour while it carried the actions out.
        500..=599 => Failure::new(Maintenance, May, text),
        _ => Failure::new(ErrorKind::Unclassified, May, text),
    };
    failure.code = Some(format!("HTTP {status}"));
    failure
}

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

    #[test]
    fn every_row_is_found_with_what_the_venue_adds() {
        for (begins, kind, effect) in TABLE {
            assert_eq!(classify(begins), Some((*kind, *effect)), "{begins}");
            assert_eq!(classify(&format!("{begins}. asset=110003")), Some((*kind, *effect)), "{begins}");
        }
    }

    /// A row that begins like an earlier one would never be reached.
    #[test]
    fn no_row_hides_another() {
        for (index, (begins, ..)) in TABLE.iter().enumerate() {
            let first = TABLE.iter().position(|(other, ..)| begins.starts_with(other));
            assert_eq!(first, Some(index), "{begins}");
        }
    }

    #[test]
    fn what_is_not_listed_proves_nothing() {
        for text in ["", "ok", "Order", "insufficient margin to place order", "Internal error", "null"] {
            assert_eq!(refusal(text).effect, Effect::Unknown, "{text}");
        }
        for status in [100, 204, 301, 302, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504, 520, 599, 999] {
            assert_eq!(http_failure(status, b"x", None).effect, Effect::Unknown, "{status}");
        }
        assert_eq!(http_failure(422, b"Failed to deserialize", None).effect, Effect::NotApplied);
    }

    #[test]
    fn messages_are_one_short_line() {
        let failure = refusal(&"a\nb\u{7}".repeat(500));
        assert!(failure.message.chars().count() <= 200 && !failure.message.chars().any(char::is_control));
        let failure = http_failure(500, &[0xff; 5000], None);
        assert!(failure.message.chars().count() <= 200);
    }
}
