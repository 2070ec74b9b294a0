//! The table that says whether a run reached what was asked.

use evenkeel_executor::{Report, Summary};
use evenkeel_rebalance::{Reading, Unit};
use evenkeel_types::{Decimal, Exact, round};
use serde::Serialize;

/// One row.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What is measured.
    pub name: String,
    /// What it should be; a decimal as text, a word for a mode, null where there is none.
    pub target: Option<String>,
    /// What it is.
    pub actual: Option<String>,
    /// How far that is off.
    pub error: Option<String>,
    /// Whether that is near enough.
    pub pass: bool,
    #[serde(skip)]
    unit: Unit,
    #[serde(skip)]
    relative: bool,
}

/// The verifier's metrics, and that every trade was carried out.
#[must_use]
pub fn rows(report: &Report) -> Vec<Row> {
    let verified = report.verification.iter().flat_map(|verification| &verification.metrics);
    let mut rows: Vec<Row> = verified
        .map(|metric| Row {
            name: metric.name.clone(),
            target: text(metric.target),
            actual: text(metric.actual),
            error: Some(metric.error.normalize().to_string()),
            pass: metric.pass,
            unit: metric.unit,
            // Of the gross the verifier gives the error as a fraction.
            relative: metric.kind == evenkeel_rebalance::MetricKind::Gross,
        })
        .collect();
    rows.push(trades(report.summary));
    rows
}

fn text(reading: Reading) -> Option<String> {
    match reading {
        Reading::NotApplicable => None,
        reading => Some(reading.to_string()),
    }
}

fn trades(summary: Summary) -> Row {
    let planned = summary.executed.saturating_add(summary.skipped);
    let share = Decimal::from(summary.successful).over(Decimal::from(planned)).unwrap_or(Decimal::ONE);
    Row {
        name: "trades successful".to_owned(),
        target: Some("1".to_owned()),
        actual: Some(share.normalize().to_string()),
        error: Decimal::ONE.minus(share).ok().map(|error| error.normalize().to_string()),
        pass: summary.successful == planned,
        unit: Unit::Fraction,
        relative: false,
    }
}

impl Row {
    /// Target, actual and error as people read them.
    #[must_use]
    pub fn cells(&self) -> [String; 3] {
        let show = |text: &Option<String>, unit: Unit| {
            let Some(text) = text else { return "N/A".to_owned() };
            let Ok(value) = evenkeel_types::parse_decimal("metric", text) else { return text.clone() };
            match unit {
                Unit::Fraction => crate::show::percent(Some(value)),
                Unit::Usd => round::for_reading(value, 2),
                Unit::Times => {
                    format!("{}x", round::for_reading(value, 2).trim_end_matches('0').trim_end_matches('.'))
                }
                _ => text.clone(),
            }
        };
        let unit = if self.relative { Unit::Fraction } else { self.unit };
        [show(&self.target, self.unit), show(&self.actual, self.unit), show(&self.error, unit)]
    }
}
