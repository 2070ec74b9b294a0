//! Numbers as the venue prints them.

use evenkeel_types::{Decimal, Exact, Round, Timestamp, round};

/// This many decimals, the rest cut off: the venue's figures are cut, not rounded.
pub(crate) fn cut(value: Decimal, places: u32) -> String {
    // Fills up with zeros, and puts no minus before nothing.
    round::for_reading(toward_zero(value, places), places)
}

/// At most this many decimals, the rest cut off.
pub(crate) fn toward_zero(value: Decimal, places: u32) -> Decimal {
    round::to_places(value, places, if value.is_sign_negative() { Round::Up } else { Round::Down })
}

/// Amounts of money in lists: four decimals.
pub(crate) fn money(value: impl Into<Decimal>) -> String {
    cut(value.into(), 4)
}

/// `a / b`; zero where there is none.
pub(crate) fn ratio(a: Decimal, b: Decimal) -> Decimal {
    a.over(b).unwrap_or(Decimal::ZERO)
}

/// Whole seconds.
pub(crate) fn whole_second(time: Timestamp) -> u64 {
    time.0.saturating_sub(time.0.checked_rem(1000).unwrap_or(0))
}

/// `2026-09-27T14:40:36`, after moving the clock by hours.
pub(crate) fn date(time: Timestamp, hours: u64) -> String {
    let seconds = (time.0 / 1000).saturating_add(hours.saturating_mul(3600));
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", rest / 3600, rest % 3600 / 60, rest % 60)
}

/// The day of the Gregorian calendar, from days since 1970 (Hinnant, `chrono`-compatible low-level date algorithms).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days.saturating_add(719_468);
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let leaps = (of_era / 1460).saturating_add(of_era / 146_096);
    let year_of_era = of_era.saturating_add(of_era / 36_524).saturating_sub(leaps) / 365;
    let before =
        year_of_era.saturating_mul(365).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100);
    let of_year = of_era.saturating_sub(before);
    let month = of_year.saturating_mul(5).saturating_add(2) / 153;
    let day = of_year.saturating_sub(month.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    let (month, carry) = if month < 10 { (month.saturating_add(3), 0) } else { (month.saturating_sub(9), 1) };
    (era.saturating_mul(400).saturating_add(year_of_era).saturating_add(carry), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_cut() {
        for (value, places, text) in [
            ("1.23456", 4, "1.2345"),
            ("-1.99999", 4, "-1.9999"),
            ("-0.00001", 4, "0.0000"),
            ("0", 0, "0"),
            ("5", 1, "5.0"),
            ("70000", 1, "70000.0"),
        ] {
            assert_eq!(cut(value.parse().unwrap(), places), text, "{value}");
        }
        assert_eq!(ratio(Decimal::ONE, Decimal::ZERO), Decimal::ZERO);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (millis, hours, text) in [
            (0, 0, "1970-01-01T00:00:00"),
            (951_782_400_000, 0, "2000-02-29T00:00:00"),
            (1_790_520_036_999, 0, "2026-09-27T14:40:36"),
            (1_790_520_036_999, 8, "2026-09-27T22:40:36"),
            (1_798_761_599_000, 0, "2026-12-31T23:59:59"),
            (1_798_761_599_000, 8, "2027-01-01T07:59:59"),
        ] {
            assert_eq!(date(Timestamp(millis), hours), text);
        }
        assert_eq!(whole_second(Timestamp(1234)), 1000);
    }
}
