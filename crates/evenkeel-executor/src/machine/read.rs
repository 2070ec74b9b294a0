//! Reading the account until it shows what is known to be true, and what to do when it does not.

use evenkeel_exchange::{Error, ErrorKind, Expected, LeverageProof, ProofError};
use evenkeel_rebalance::{PhaseKind, Plan, Work};
use evenkeel_types::{Fill, NumberError, Qty, Snapshot, Symbol, Timestamp};

use super::{Command, Machine, Stage, Stop, trades};
use crate::event::Event;
use crate::outcome::HaltReason;
use crate::settle::{Settling, Verdict};
use crate::submit::{executed, obeyed, pause};

impl Machine {
    /// Reads the account, after a pause where the venue refused something.
    pub(super) fn observe(&mut self, now: Timestamp) {
        let wait = self.pause.take();
        let from = now.after(wait.unwrap_or_default());
        let until = from.after(self.approval.policy.settle_deadline);
        let settling = Settling::new(self.expect.clone(), self.approval.target.scope(), until);
        match wait {
            Some(wait) => {
                self.tell(Event::Waiting { wait, why: "before trying again" });
                self.out.push(Command::Sleep(wait));
                self.stage = Stage::Reading(Box::new(settling));
            }
            None => self.read(Box::new(settling)),
        }
    }

    pub(super) fn read(&mut self, settling: Box<Settling>) {
        // Leverage that the next phase needs proven is read beside the account: one round trip for both.
        let prove = if settling.is_for_report() { Vec::new() } else { self.provable() };
        let scope = self.approval.target.scope();
        self.out.push(Command::Read { scope, prove });
        self.stage = Stage::Reading(settling);
    }

    /// The settings that orders of the next phase will be sent under, when that phase is expected to acquire.
    fn provable(&self) -> Vec<Expected> {
        match self.plan.phases.get(usize::from(self.carried_out)) {
            Some(phase) if phase.kind == PhaseKind::Acquire => self.expected(&self.plan),
            _ => Vec::new(),
        }
    }

    /// What the settings must read as before the plan's first acquiring phase.
    pub(super) fn expected(&self, plan: &Plan) -> Vec<Expected> {
        let mut expected: Vec<Expected> = Vec::new();
        let Some(index) = plan.phases.iter().position(|phase| phase.kind == PhaseKind::Acquire) else {
            return expected;
        };
        let before = plan.phases.get(..index).unwrap_or_default();
        let Some(phase) = plan.phases.get(index) else { return expected };
        for symbol in trades::symbols(phase) {
            if expected.iter().any(|known| known.symbol == *symbol) {
                continue;
            }
            let switched =
                before.iter().flat_map(|phase| &phase.steps).rev().find_map(|step| match step.work {
                    Work::SetMarginMode { to, .. } if step.symbol == *symbol => Some(to),
                    _ => None,
                });
            let mode = switched.or_else(|| self.last.settings.get(symbol).map(|setting| setting.mode));
            let target = self.approval.target.symbols.get(symbol);
            if let (Some(mode), Some(target)) = (mode, target) {
                expected.push(Expected { symbol: symbol.clone(), leverage: target.leverage, mode });
            }
        }
        expected
    }

    pub(super) fn was_read(
        &mut self,
        now: Timestamp,
        cancelled: bool,
        mut settling: Box<Settling>,
        answer: Result<Snapshot, Error>,
        proofs: Vec<Result<LeverageProof, ProofError>>,
    ) -> Result<(), Stop> {
        let last = settling.is_for_report();
        if !last {
            self.stop_if_asked(now, cancelled)?;
        }
        let snapshot = match answer {
            Ok(snapshot) => snapshot,
            Err(error) => {
                self.tell(Event::ReadFailed { error: error.to_string() });
                let hopeless = error.kind() == ErrorKind::Auth;
                if settling.failed(now) && !hopeless {
                    let wait = obeyed(error.retry_after()).max(pause(settling.reads()));
                    self.again(settling, wait);
                    return Ok(());
                }
                if last {
                    self.conclude(now, None);
                    return Ok(());
                }
                return Err(HaltReason::Unreadable { message: error.to_string() }.into());
            }
        };
        let verdict = settling.judge(now, &snapshot)?;
        if last {
            // Nothing is decided from it any more; it only should not be an old one. With an order in quarantine nobody
            // knows what it should show.
            let waits = matches!(verdict, Verdict::Again(_)) && self.state.pending.is_empty();
            if waits {
                self.again(settling, pause(0));
            } else {
                self.conclude(now, Some(snapshot));
            }
            return Ok(());
        }
        match verdict {
            Verdict::Settled => {
                self.accept(snapshot, proofs);
                self.check_doubtful()?;
                self.decide(now, cancelled)
            }
            Verdict::Again(events) => {
                self.tell_all(events);
                let wait = pause(settling.reads());
                self.again(settling, wait);
                Ok(())
            }
            Verdict::Unmoved { symbol, .. } if self.doubtful.contains_key(&symbol) => {
                Err(HaltReason::OutcomeUnknown { symbol, order: None, side: None, open: Qty::ZERO }.into())
            }
            Verdict::Stale { why } | Verdict::Unmoved { why, .. } => {
                Err(HaltReason::StaleSnapshot { why }.into())
            }
            Verdict::Mismatch { symbol, why } => Err(HaltReason::LeverageMismatch { symbol, why }.into()),
            Verdict::Foreign { symbol, expected, found } if !self.sent => {
                let why =
                    format!("{symbol} stood at {expected} when this was approved and stands at {found} now");
                Err(HaltReason::NeedsApproval { why }.into())
            }
            Verdict::Foreign { symbol, expected, found } => {
                let since = self.approval.snapshot.as_of;
                self.out.push(Command::Fills { symbols: vec![symbol.clone()], since });
                self.stage = Stage::Blaming { symbol, expected, found };
                Ok(())
            }
        }
    }

    fn again(&mut self, settling: Box<Settling>, wait: std::time::Duration) {
        self.out.push(Command::Sleep(wait));
        self.stage = Stage::Reading(settling);
    }

    /// From now on this is how the account stands.
    fn accept(&mut self, snapshot: Snapshot, proofs: Vec<Result<LeverageProof, ProofError>>) {
        self.proofs.clear();
        for proof in proofs.into_iter().flatten() {
            self.tell(Event::LeverageProven {
                symbol: proof.symbol().clone(),
                leverage: proof.leverage(),
                mode: proof.mode(),
            });
            self.proofs.insert(proof.symbol().clone(), proof);
        }
        self.expect.written.clear();
        self.expect.moved.clear();
        self.expect.released = false;
        self.expect.as_of = snapshot.as_of;
        self.last = snapshot;
        self.current = true;
    }

    /// A margin move whose answer was lost must show, or nobody knows whether it still comes.
    fn check_doubtful(&mut self) -> Result<(), Stop> {
        for (symbol, (before, delta)) in std::mem::take(&mut self.doubtful) {
            let bucket = self.last.position(&symbol).and_then(|position| position.isolated);
            let moved = match bucket {
                Some(bucket) => crate::settle::has_moved(before, delta, bucket.equity)?,
                None => false,
            };
            if !moved {
                let reason = HaltReason::OutcomeUnknown { symbol, order: None, side: None, open: Qty::ZERO };
                return Err(reason.into());
            }
        }
        Ok(())
    }

    /// Whose doing was it: if our orders executed more than they said, ours. Only executions under our own identities
    /// prove it; that a position is nearer to where we want it does not.
    pub(super) fn blame(
        &mut self,
        now: Timestamp,
        symbol: Symbol,
        expected: Qty,
        found: Qty,
        fills: &[Fill],
    ) -> Result<(), Stop> {
        let mut position = self.approval.snapshot.qty(&symbol);
        for (id, intent) in &self.ordered {
            let Ok(executed) = executed(fills, id) else { continue };
            let intended = intent.qty;
            if executed > intended {
                return Err(HaltReason::ExecutedMoreThanIntended { symbol, intended, executed }.into());
            }
            if intent.symbol == symbol {
                position = position.plus(intent.side.signed(executed))?;
            }
        }
        // An order that had ended executed more than it had said by then. Once is late, twice is somebody else.
        if position == found && self.explained.insert(symbol.clone()) {
            self.count_late(&symbol, expected, found)?;
            self.observe(now);
            return Ok(());
        }
        Err(HaltReason::ForeignActivity { symbol, expected, found }.into())
    }

    /// What executed late is counted, at the mark price.
    fn count_late(&mut self, symbol: &Symbol, expected: Qty, found: Qty) -> Result<(), NumberError> {
        let late = found.minus(expected)?.abs();
        if let Some(quote) = self.last.quotes.get(symbol) {
            let fee = trades::fee_of(&self.last, symbol, quote.mark, late)?;
            self.state.turnover = self.state.turnover.plus(quote.mark.value(late)?)?;
            self.state.fees = self.state.fees.plus(fee)?;
        }
        self.expect.earlier.entry(symbol.clone()).or_default().insert(expected);
        self.expect.positions.insert(symbol.clone(), found);
        Ok(())
    }
}
