//! The end of a run: one more reading where something was sent, the last record, the report.

use std::time::Duration;

use evenkeel_rebalance::{Verification, verify};
use evenkeel_types::{Decimal, Snapshot, Timestamp, round};

use super::{Command, Machine, Stage};
use crate::event::Event;
use crate::journal::{Body, EndRecord};
use crate::outcome::{HaltReason, Outcome};
use crate::report::{Report, TradeStatus};
use crate::settle::Settling;

/// How long the account may take to show the end of a run that is over anyway. The report says what was read last.
const LAST_READING: Duration = Duration::from_secs(5);

impl Machine {
    /// The run ends. What was sent since the last reading is read once more, for the report.
    pub(super) fn end(&mut self, now: Timestamp, outcome: Outcome) {
        let readable = !matches!(outcome, Outcome::Halted(HaltReason::Unreadable { .. }));
        self.ending = Some(outcome);
        if self.current {
            let last = self.last.clone();
            self.conclude(now, Some(last));
        } else if self.sent && readable {
            let until = now.after(LAST_READING);
            let settling = Settling::for_report(self.expect.clone(), self.approval.target.scope(), until);
            self.read(Box::new(settling));
        } else {
            self.conclude(now, None);
        }
    }

    /// The report, and the last record.
    pub(super) fn conclude(&mut self, now: Timestamp, after: Option<Snapshot>) {
        let internal = HaltReason::Internal { message: "a run ended without an outcome".into() };
        let outcome = self.ending.take().unwrap_or(Outcome::Halted(internal));
        let done = outcome == Outcome::Done;
        let (trades, summary) = self.trades.report(done, &self.state.set_aside);
        let (target, policy) = (&self.approval.target, &self.approval.policy);
        let verification: Option<Verification> =
            after.as_ref().and_then(|snapshot| verify(target, policy, &self.state, snapshot).ok());
        let passes = verification.as_ref().is_some_and(Verification::all_pass);
        let whole = summary.failed == 0 && summary.skipped == 0 && self.state.set_aside.is_empty();
        let mut report = Box::new(Report {
            outcome: outcome.clone(),
            success: done && passes && whole && self.state.pending.is_empty() && self.shrunk().is_none(),
            message: String::new(),
            summary,
            trades,
            settings: self.settings.clone(),
            plan: self.approval.plan.clone(),
            before: self.approval.snapshot.clone(),
            after,
            verification,
            state: self.state.clone(),
            rounds: self.rounds,
            trips: self.trips,
        });
        report.message = self.message(&outcome, &report);
        // Before the journal was opened there is no run on record that could end.
        if self.journal_broken || self.epoch == 0 {
            self.finish(report);
            return;
        }
        let record = Box::new(EndRecord {
            at: now,
            outcome: outcome.to_string(),
            message: report.message.clone(),
            state: Some(self.state.clone()),
            rounds: self.rounds,
        });
        self.journal(vec![match outcome {
            Outcome::Done => Body::Done(record),
            Outcome::Aborted(_) => Body::Aborted(record),
            Outcome::Halted(_) => Body::Halted(record),
        }]);
        self.stage = Stage::Ending(report);
    }

    pub(super) fn finish(&mut self, report: Box<Report>) {
        let (outcome, message) = (report.outcome.clone(), report.message.clone());
        self.tell(Event::Finished { outcome, message });
        self.stage = Stage::Ended;
        self.out.push(Command::Finish(report));
    }

    /// The end in the user's words: what was done, what was not and why, and how the account stands.
    pub(super) fn message(&self, outcome: &Outcome, report: &Report) -> String {
        let summary = report.summary;
        let trades = |count: u32| if count == 1 { "1 trade".into() } else { format!("{count} trades") };
        let ended = match outcome {
            Outcome::Done if report.success && summary.executed == 0 => {
                return "Rebalance complete: nothing had to be traded".into();
            }
            Outcome::Done if report.success => {
                return format!("Rebalance complete: {} successful", trades(summary.successful));
            }
            Outcome::Done => format!(
                "Rebalance finished without full success: {} successful, {} failed{}",
                trades(summary.successful),
                summary.failed,
                self.shortfall(report)
            ),
            Outcome::Aborted(reason) => format!("Rebalance aborted: {reason}"),
            Outcome::Halted(reason) => format!("Rebalance halted: {reason}"),
        };
        let mut text = ended;
        if *outcome != Outcome::Done {
            let (done, skipped) = (trades(summary.successful), summary.skipped);
            text.push_str(&format!(". {done} carried out, {} failed, {skipped} skipped", summary.failed));
        }
        match &report.after {
            Some(snapshot) => {
                text.push_str(". The account now: ");
                text.push_str(&standing(snapshot));
            }
            None if self.sent => text.push_str(". How the account stands now could not be read"),
            None => text.push_str(". Nothing was sent"),
        }
        text
    }

    /// That the target was scaled down further than was approved, by more than the tolerated error: a tick against a
    /// book at its cap is no failure.
    fn shrunk(&self) -> Option<String> {
        let (approved, ended) = (self.approval.plan.cap.scale, self.state.scale_ceiling);
        let kept = Decimal::ONE.saturating_sub(self.approval.policy.tolerance.get());
        (ended < approved.saturating_mul(kept)).then(|| {
            let (ended, approved) = (round::for_reading(ended, 4), round::for_reading(approved, 4));
            format!("the target was scaled by {ended} and {approved} was approved")
        })
    }

    /// Why a finished run is no full success.
    fn shortfall(&self, report: &Report) -> String {
        let aside =
            self.state.set_aside.iter().map(|(symbol, why)| format!("{symbol} was set aside ({why})"));
        let failed = report.trades.iter().filter(|trade| trade.status == TradeStatus::Failed).map(|trade| {
            let error = trade.error.as_deref().unwrap_or("nothing was executed");
            format!("{} {}: {error}", trade.symbol, trade.action)
        });
        let metrics = report.verification.iter().flat_map(Verification::failures);
        let missed = metrics
            .map(|metric| format!("{} is {:.4} instead of {:.4}", metric.name, metric.actual, metric.target));
        let reasons: Vec<String> =
            self.shrunk().into_iter().chain(aside).chain(failed).chain(missed).collect();
        if reasons.is_empty() {
            "; the account misses its target".into()
        } else {
            format!("; {}", reasons.join("; "))
        }
    }
}

/// An account in one line.
pub(crate) fn standing(snapshot: &Snapshot) -> String {
    let positions: Vec<String> = snapshot
        .positions
        .iter()
        .map(|held| format!("{} {} at {}x {}", held.symbol, held.qty, held.leverage, held.mode))
        .collect();
    let held = if positions.is_empty() { "flat".into() } else { positions.join(", ") };
    let figures = snapshot.account_value().ok().zip(snapshot.gross().ok());
    match figures {
        Some((value, gross)) => format!("{held}; account value {value:.2}, gross {gross:.2}"),
        None => held,
    }
}
