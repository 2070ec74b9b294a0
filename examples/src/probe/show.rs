//! Findings for people.

use super::{Findings, Observation};
use crate::screen::{Screen, Tone};
use crate::table::{Align, Cell, Table};

/// The table, and what follows from it.
pub fn findings(screen: &mut Screen, findings: &Findings) {
    screen.heading("Beliefs");
    let mut table = Table::new(&[
        ("belief", Align::Left),
        ("documented", Align::Left),
        ("observed", Align::Left),
        ("", Align::Left),
    ]);
    for row in &findings.observations {
        let (tone, verdict) = verdict(row);
        let cells = vec![
            row.belief.as_str().into(),
            row.documented.as_str().into(),
            row.observed.as_deref().unwrap_or("not tried").into(),
            Cell::toned(tone, verdict),
        ];
        table.row_with(cells, row.evidence.as_str());
    }
    table.print(screen);
    screen.gap();
    for alarm in &findings.alarms {
        screen.text(Tone::Bad, 0, 2, &format!("ALARM: {alarm}"));
    }
    if let Some(why) = &findings.stopped {
        screen.text(Tone::Bad, 0, 2, &format!("stopped early: {why}"));
    }
    for left in &findings.left {
        screen.text(Tone::Bad, 0, 2, &format!("NOT CLEANED UP: {left}"));
    }
    if findings.is_complete() {
        screen.text(Tone::Good, 0, 2, "flat again, no orders, settings as before");
    }
}

/// One line of what came out.
#[must_use]
pub fn summary(findings: &Findings) -> String {
    let tried = findings.observations.iter().filter(|row| row.observed.is_some()).count();
    format!(
        "{tried} beliefs tried, {} of them otherwise than documented, {} not tried",
        findings.differences(),
        findings.observations.len() - tried
    )
}

fn verdict(row: &Observation) -> (Tone, &'static str) {
    if row.differs() {
        (Tone::Warn, "differs")
    } else if row.observed.is_none() || row.documented == "-" || row.documented == "no promise" {
        (Tone::Dim, "")
    } else {
        (Tone::Good, "as documented")
    }
}
