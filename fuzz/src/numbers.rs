//! Whether the numbers of a decoded value stand in the text that it was decoded from. Shares no code with the
//! decimals: both sides are compared as digits.

use std::collections::BTreeMap;
use std::fmt::Debug;

/// The kinds of number that a decoder can give, as `Debug` shows them.
pub(crate) const AMOUNTS: &[&str] = &["Usd", "Qty", "Price", "Leverage", "Rate", "Timestamp"];

/// The numbers of a body and how often each occurs.
pub(crate) struct Numbers(BTreeMap<String, usize>);

impl Numbers {
    /// `None` where digits can be written otherwise (`\u0031`) or where texts could look like what `Debug` shows.
    pub(crate) fn of(body: &[u8]) -> Option<Self> {
        if body.iter().any(|byte| matches!(byte, b'\\' | b'(')) {
            return None;
        }
        let mut numbers = BTreeMap::new();
        let part_of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'.');
        for run in body.split(|byte| !part_of_number(byte)) {
            // A run is ASCII.
            if let Some(number) = std::str::from_utf8(run).ok().and_then(canonical) {
                *numbers.entry(number).or_insert(0) += 1;
            }
        }
        Some(Self(numbers))
    }

    pub(crate) fn has(&self, number: &str) -> bool {
        canonical(number).is_some_and(|number| self.0.contains_key(&number))
    }

    /// Every number of these kinds in `decoded` stands in the body, digit for digit; a zero for each zero.
    #[track_caller]
    pub(crate) fn assert_say(&self, kinds: &[&str], decoded: &impl Debug) {
        let shown = format!("{decoded:?}");
        let mut zeros = 0;
        for number in shown_numbers(kinds, &shown) {
            assert!(self.has(number), "{number} is not in the body: {shown}");
            zeros += usize::from(number == "0");
        }
        let given = self.0.get("0").copied().unwrap_or(0);
        assert!(zeros <= given, "{zeros} zeros from {given} in the body: {shown}");
    }
}

/// The numbers that `Debug` shows as `Usd(1.5)`.
pub(crate) fn shown_numbers<'a>(kinds: &'a [&str], shown: &'a str) -> impl Iterator<Item = &'a str> {
    shown.match_indices('(').filter_map(move |(at, _)| {
        let before = &shown[..at];
        let kind = kinds.iter().any(|kind| {
            let rest = before.strip_suffix(kind);
            rest.is_some_and(|rest| !rest.ends_with(|c: char| c.is_ascii_alphanumeric()))
        });
        let inside = shown[at + 1..].split(')').next();
        inside.filter(|_| kind)
    })
}

/// Without leading and trailing zeros, and zero without a sign. `None` for what is no plain number.
fn canonical(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return None;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    Some(match (whole, fraction) {
        ("", "") => "0".to_owned(),
        (whole, "") => format!("{sign}{whole}"),
        ("", fraction) => format!("{sign}0.{fraction}"),
        (whole, fraction) => format!("{sign}{whole}.{fraction}"),
    })
}

#[cfg(test)]
mod tests {
    use evenkeel_types::{Timestamp, Usd};

    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_compared_as_values() {
        for (text, same) in [
            ("1.50", "1.5"),
            ("-0.0", "0"),
            ("007", "7"),
            ("-00.5", "-0.5"),
            ("100", "100"),
            ("0.000000000000000000000000000000001", "0.000000000000000000000000000000001"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(same), "{text}");
        }
        for text in ["", "-", ".", "1.", ".1", "1-2", "--1", "1.2.3"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_in_the_body_passes() {
        let numbers = Numbers::of(br#"{"a":"1.50","b":-0.0,"c":1751364005123}"#).unwrap();
        numbers.assert_say(AMOUNTS, &(usd("1.5"), Some(usd("0")), Timestamp(1_751_364_005_123)));
    }

    /// A check that cannot fail checks nothing.
    #[test]
    #[should_panic(expected = "2 zeros from 1")]
    fn a_zero_that_is_not_in_the_body_is_found() {
        Numbers::of(br#"{"a":"1.50","b":0}"#).unwrap().assert_say(AMOUNTS, &(usd("0"), usd("0")));
    }

    #[test]
    #[should_panic(expected = "1.4 is not in the body")]
    fn a_digit_that_changed_is_found() {
        Numbers::of(br#"{"a":"1.5"}"#).unwrap().assert_say(AMOUNTS, &usd("1.4"));
    }

    #[test]
    fn bodies_that_hide_their_digits_are_left_alone() {
        assert!(Numbers::of(br#""\u0031""#).is_none());
        assert!(Numbers::of(br#""Usd(1)""#).is_none());
    }
}
