//! What the suite found.

use std::fmt;

use evenkeel_exchange::{Error, chain};
use evenkeel_types::{NumberError, SnapshotError, VenueId};

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Verdict {
    /// The venue does what its capabilities say.
    Passed,
    /// It does not; in words.
    Failed(String),
    /// It could not be tried; why.
    Skipped(String),
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its number: the same in every run and version.
    pub number: u32,
    /// What is asked, as a statement that ought to hold.
    pub name: String,
    /// The answer.
    pub verdict: Verdict,
}

/// All cases of a run. Its `Display` is a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Of which venue.
    pub venue: VenueId,
    /// In the order in which they were tried.
    pub cases: Vec<Case>,
}

impl Report {
    /// How many passed, failed, and were skipped.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |meant: fn(&Verdict) -> bool| self.cases.iter().filter(|c| meant(&c.verdict)).count();
        (
            count(|v| matches!(v, Verdict::Passed)),
            count(|v| matches!(v, Verdict::Failed(_))),
            count(|v| matches!(v, Verdict::Skipped(_))),
        )
    }

    /// Whether something passed and nothing failed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        let (passed, failed, _) = self.counts();
        passed > 0 && failed == 0
    }

    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| matches!(case.verdict, Verdict::Failed(_)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.cases.iter().map(|case| case.name.len()).max().unwrap_or(0);
        writeln!(f, "conformance of {}", self.venue)?;
        for Case { number, name, verdict } in &self.cases {
            match verdict {
                Verdict::Passed => writeln!(f, "{number:>3}  {name:<width$}  passed")?,
                Verdict::Failed(why) => writeln!(f, "{number:>3}  {name:<width$}  FAILED   {why}")?,
                Verdict::Skipped(why) => writeln!(f, "{number:>3}  {name:<width$}  skipped  {why}")?,
            }
        }
        let (passed, failed, skipped) = self.counts();
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Why a case does not pass.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(String),
    Skipped(String),
}

/// What a case answers.
pub(crate) type Tried<T = ()> = Result<T, Stop>;

pub(crate) fn failed<T>(why: impl Into<String>) -> Tried<T> {
    Err(Stop::Failed(why.into()))
}

pub(crate) fn skipped<T>(why: impl Into<String>) -> Tried<T> {
    Err(Stop::Skipped(why.into()))
}

/// Fails with the words unless the condition holds.
pub(crate) fn ensure(holds: bool, why: impl FnOnce() -> String) -> Tried {
    if holds { Ok(()) } else { Err(Stop::Failed(why())) }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(chain(&error))
    }
}

impl From<NumberError> for Stop {
    fn from(error: NumberError) -> Self {
        Stop::Failed(error.to_string())
    }
}

impl From<SnapshotError> for Stop {
    fn from(error: SnapshotError) -> Self {
        Stop::Failed(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up_and_counts() {
        let case = |number, name: &str, verdict| Case { number, name: name.into(), verdict };
        let mut report = Report {
            venue: VenueId::new("toy").unwrap(),
            cases: vec![
                case(1, "short", Verdict::Passed),
                case(20, "a longer name", Verdict::Skipped("no need".into())),
            ],
        };
        assert!(report.is_success());
        report.cases.push(case(30, "x", Verdict::Failed("it did not".into())));
        assert!(!report.is_success());
        assert_eq!(report.failures().count(), 1);
        let lines = [
            "conformance of toy",
            "  1  short          passed",
            " 20  a longer name  skipped  no need",
            " 30  x              FAILED   it did not",
            "1 passed, 1 failed, 1 skipped",
        ];
        assert_eq!(report.to_string(), lines.join("\n"));
        report.cases.clear();
        assert!(!report.is_success(), "nothing tried is no success");
    }
}
