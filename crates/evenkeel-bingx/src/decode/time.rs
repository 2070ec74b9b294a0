//! Times that the venue writes as texts.

use evenkeel_http::json::{DecodeError, Node};
use evenkeel_types::Timestamp;

/// `2026-09-18T02:39:57.000+08:00`, `+0800`, or `Z`: with an offset, always.
pub(super) fn moment(node: &Node<'_, '_>) -> Result<Timestamp, DecodeError> {
    let text = node.string()?;
    parse(&text).ok_or_else(|| {
        let problem =
            format!("{} is no moment like 2026-09-18T02:39:57.000+08:00", evenkeel_http::cut(&text));
        node.invalid(&problem)
    })
}

fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once('T')?;
    let at = rest.find(['Z', '+', '-'])?;
    let (clock, offset) = rest.split_at_checked(at)?;
    let mut date = date.split('-');
    let (year, month, day) = (number(date.next()?, 4)?, number(date.next()?, 2)?, number(date.next()?, 2)?);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.split(':');
    let (hour, minute, second) =
        (number(clock.next()?, 2)?, number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let in_range = (1970..=2999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !in_range || date.next().is_some() || clock.next().is_some() {
        return None;
    }
    let minutes = days(year, month, day)?.checked_mul(1440)?.checked_add(hour.checked_mul(60)?)?;
    let minutes = minutes.checked_add(minute)?.checked_sub(offset_minutes(offset)?)?;
    let millis = minutes.checked_mul(60)?.checked_add(second)?.checked_mul(1000)?;
    let millis = millis.checked_add(milliseconds(fraction)?)?;
    u64::try_from(millis).ok().map(Timestamp)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// The first three digits of a fraction of a second.
fn milliseconds(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let padded: String = fraction.chars().chain("000".chars()).take(3).collect();
    padded.parse().ok()
}

fn offset_minutes(offset: &str) -> Option<i64> {
    if offset == "Z" {
        return Some(0);
    }
    let (sign, rest) = offset.split_at_checked(1)?;
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let hours = number(digits.get(..2)?, 2)?;
    let minutes = number(digits.get(2..)?, 2)?;
    let total = hours.checked_mul(60)?.checked_add(minutes)?;
    match sign {
        "+" => Some(total),
        "-" => total.checked_neg(),
        _ => None,
    }
}

/// Days since the epoch of a date in the Gregorian calendar: whole years, whole months of a year that begins in March,
/// days.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let since_march = month.checked_add(9)?.checked_rem(12)?;
    let of_months = since_march.checked_mul(153)?.checked_add(2)?.checked_div(5)?;
    let of_years = year
        .checked_mul(365)?
        .checked_add(year.checked_div(4)?)?
        .checked_sub(year.checked_div(100)?)?
        .checked_add(year.checked_div(400)?)?;
    // From the first of March of the year 0 to the epoch there are 719 468 days.
    of_years.checked_add(of_months)?.checked_add(day)?.checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_with_every_kind_of_offset() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-01-06T21:19:45Z", 1_704_575_985_000),
            ("2024-01-07T05:19:45.000+0800", 1_704_575_985_000),
            ("2026-09-18T02:39:57.000+08:00", 1_789_670_397_000),
            ("2026-09-27T14:40:36.000Z", 1_790_520_036_000),
            ("2026-09-27T22:40:36.000+08:00", 1_790_520_036_000),
            ("2000-02-29T12:00:00.5-01:30", 951_831_000_500),
            ("2100-03-01T00:00:00.123456Z", 4_107_542_400_123),
        ] {
            assert_eq!(parse(text), Some(Timestamp(millis)), "{text}");
        }
        for text in [
            "",
            "2024-01-06",
            "2024-01-06T21:19:45",
            "2024-13-06T21:19:45Z",
            "2024-01-06T24:19:45Z",
            "24-01-06T21:19:45Z",
            "2024-01-06T21:19Z",
            "2024-01-06T21:19:45+8",
            "2024-01-06T21:19:45.Z",
            "1969-12-31T23:59:59Z",
            "2024-01-06T21:19:45é",
            "2024-01-06T21:19:45+é0000",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
