//! Moments as people write them: UTC, ISO 8601.

use evenkeel_types::Timestamp;

const DAY: u64 = 24 * 3600;

/// `2026-11-27T18:19:04Z`.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    let seconds = at.0 / 1000;
    let (year, month, day) = civil(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `2026-11-27`.
#[must_use]
pub fn day(at: Timestamp) -> String {
    let (year, month, day) = civil(at.0 / 1000 / DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Days since 1970-01-01 as year, month and day, counted in years that begin in March, so that a leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_the_calendars() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(moment(Timestamp(seconds * 1000)), text);
            assert_eq!(day(Timestamp(seconds * 1000)), text[..10]);
        }
    }
}
