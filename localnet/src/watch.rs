//! The line that says what is going on.

use std::io::Write;
use std::time::Duration;

use evenkeel_localnet::Counts;

use crate::town::Town;

/// How often the line on a terminal is written again.
const FRAME: Duration = Duration::from_millis(250);
/// How often there is a new line where there is no terminal, and something to say.
const REPORT: Duration = Duration::from_secs(10);

/// Writes what is going on until the town ends: one line that is written again and again on a terminal, otherwise a
/// line now and then where something changed. Never returns.
#[allow(clippy::disallowed_methods, reason = "a picture of the present for a person, in a person's time")]
pub async fn watch(town: &Town, mut out: impl Write, terminal: bool) {
    let mut shown = String::new();
    loop {
        tokio::time::sleep(if terminal { FRAME } else { REPORT }).await;
        let line = line(town);
        if line != shown {
            // Nobody reads it any more: the venues are still there.
            let _gone = if terminal {
                write!(out, "\r\u{1b}[K{line}").and_then(|()| out.flush())
            } else {
                writeln!(out, "{line}").and_then(|()| out.flush())
            };
            shown = line;
        }
    }
}

/// What happened so far.
#[must_use]
pub fn line(town: &Town) -> String {
    let venue = |(name, counts): (&str, Counts)| {
        format!(
            "{name}: {}, {}, {}",
            number(counts.requests, "request"),
            number(counts.open_orders, "open order"),
            number(counts.faults, "fault"),
        )
    };
    let parts: Vec<String> =
        town.venues.iter().map(|(kind, hand)| venue((kind.name, hand.counts()))).collect();
    parts.join(" | ")
}

fn number(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
