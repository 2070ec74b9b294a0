//! From a reading that may be decided from to the next phase, or to the end.

use std::collections::BTreeSet;

use evenkeel_rebalance::{CheckedPlan, Phase, PhaseKind, Plan, Work, check, plan, verify};
use evenkeel_types::{Symbol, Timestamp};

use super::{Budget, MAX_ROUNDS, Machine, Stage, Stop};
use crate::event::Event;
use crate::journal::{Body, IntentRecord, PlanRecord, ReadingRecord, Write};
use crate::outcome::{AbortReason, HaltReason, Outcome};

impl Machine {
    /// Plans from the last reading and begins to carry out the first phase; or ends the run.
    pub(super) fn decide(&mut self, now: Timestamp, cancelled: bool) -> Result<(), Stop> {
        // Every turn but the last sets at least one more symbol aside.
        let turns = self.approval.target.symbols.len().saturating_add(1);
        for _ in 0..=turns {
            self.stop_if_asked(now, cancelled)?;
            if !self.sent && now > self.approval.plan.expires {
                return Err(HaltReason::ExpiredPlan.into());
            }
            let plan = self.make_plan()?;
            let Some(phase) = plan.phases.first() else { return Err(Stop(Outcome::Done)) };
            // Prices move, so a plan need never become empty; once everything was acquired, near enough is there.
            let acquired = self.budget.phase == Some(PhaseKind::Acquire) && self.budget.rounds > 0;
            // A release that is planned after that is one that must be: above the cap is not near enough.
            let releases = phase.kind == PhaseKind::Release;
            if acquired && !releases && self.is_within_tolerance() {
                return Err(Stop(Outcome::Done));
            }
            if self.rounds >= MAX_ROUNDS {
                return Err(AbortReason::TooManyRounds.into());
            }
            if let Some(symbol) = self.moved_twice(phase) {
                let why = "its margin was moved in this run already, and would have to be moved again";
                if self.set_aside(&symbol, why.into()) {
                    continue;
                }
                let (phase, symbol, error) = (phase.kind, Some(symbol), Some(why.into()));
                return Err(AbortReason::NoProgress { phase, symbol, error }.into());
            }
            self.trades.plan(&plan)?;
            if self.budget.phase != Some(phase.kind) {
                self.budget = Budget { phase: Some(phase.kind), ..Budget::default() };
                self.failures.retain(|(_, kind), _| *kind != phase.kind);
            }
            if self.is_exhausted(phase) {
                if phase.kind == PhaseKind::Leverage && self.set_phase_aside(phase) {
                    continue;
                }
                return Err(self.give_up(phase));
            }
            return self.carry_out(now, plan);
        }
        Err(HaltReason::Internal { message: "setting symbols aside does not end".into() }.into())
    }

    /// A symbol of the phase whose margin was moved before: a reading that shows its bucket without it may be an old one.
    fn moved_twice(&self, phase: &Phase) -> Option<Symbol> {
        let moves = phase.steps.iter().filter(|step| matches!(step.work, Work::AdjustMargin { .. }));
        moves.map(|step| &step.symbol).find(|symbol| self.moved.contains(*symbol)).cloned()
    }

    fn make_plan(&mut self) -> Result<Plan, Stop> {
        let (target, policy) = (&self.approval.target, &self.approval.policy);
        let made = plan(&self.last, target, policy, &self.state)
            .map_err(|error| AbortReason::PlanRefused { message: error.to_string() })?;
        let checked: CheckedPlan = check(&self.last, target, policy, &self.state, made).map_err(|found| {
            let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
            if found.needs_approval() {
                HaltReason::NeedsApproval { why: lines.join("; ") }
            } else {
                HaltReason::CheckFailed { message: lines.join("; ") }
            }
        })?;
        let (before, after) = (self.plan.cap.scale, checked.cap.scale);
        if before != after {
            let round = self.state.round;
            self.tell(Event::Replanned { round, scale_before: before, scale_after: after });
        }
        self.plan = Plan::clone(&checked);
        self.carried_out = false;
        Ok(self.plan.clone())
    }

    pub(super) fn is_within_tolerance(&self) -> bool {
        verify(&self.approval.target, &self.approval.policy, &self.state, &self.last)
            .is_ok_and(|verification| verification.within_tolerance())
    }

    /// Whether the phase has used up what it may use.
    fn is_exhausted(&self, phase: &Phase) -> bool {
        let policy = &self.approval.policy;
        let failed = |symbol: &Symbol| {
            phase.kind == PhaseKind::Release && self.failures_of(symbol, phase.kind) >= policy.attempts
        };
        self.budget.rounds >= policy.rounds_per_phase
            || self.budget.fruitless >= policy.attempts
            || super::trades::symbols(phase).any(failed)
    }

    pub(super) fn failures_of(&self, symbol: &Symbol, kind: PhaseKind) -> u32 {
        self.failures.get(&(symbol.clone(), kind)).copied().unwrap_or(0)
    }

    /// What cannot get its leverage takes no further part; the rest goes on. Whether there was anything to set aside.
    fn set_phase_aside(&mut self, phase: &Phase) -> bool {
        let symbols: BTreeSet<Symbol> = phase.steps.iter().map(|step| step.symbol.clone()).collect();
        let mut any = false;
        for symbol in symbols {
            let said = self.settings.iter().rev().find(|setting| setting.symbol == symbol);
            let why = match said.and_then(|setting| setting.error.clone()) {
                Some(error) => error,
                None => "the venue accepted its leverage or margin mode and does not have it".into(),
            };
            any |= self.set_aside(&symbol, why);
        }
        any
    }

    pub(super) fn set_aside(&mut self, symbol: &Symbol, why: String) -> bool {
        if self.state.set_aside.contains_key(symbol) {
            return false;
        }
        self.tell(Event::SetAside { symbol: symbol.clone(), why: why.clone() });
        self.state.set_aside.insert(symbol.clone(), why);
        true
    }

    /// Why a phase is not tried again.
    fn give_up(&self, phase: &Phase) -> Stop {
        let worst = super::trades::symbols(phase)
            .max_by_key(|symbol| (self.failures_of(symbol, phase.kind), std::cmp::Reverse(*symbol)))
            .or_else(|| phase.steps.first().map(|step| &step.symbol));
        let error = worst.and_then(|symbol| self.trades.error(symbol, phase.kind));
        let closes = super::trades::symbols(phase).next().is_some();
        match (phase.kind, worst) {
            (PhaseKind::Release, Some(symbol)) if closes => AbortReason::CloseFailed {
                symbol: symbol.clone(),
                attempts: self.budget.rounds,
                error: error.unwrap_or_else(|| "it was executed in part only".into()),
            },
            (phase, symbol) => AbortReason::NoProgress { phase, symbol: symbol.cloned(), error },
        }
        .into()
    }

    /// Puts the plan and the intents of its first phase on record, before the first byte of any of them leaves.
    fn carry_out(&mut self, now: Timestamp, plan: Plan) -> Result<(), Stop> {
        let acquires = plan.phases.first().is_some_and(|phase| phase.kind == PhaseKind::Acquire);
        if acquires && !self.is_proven(now, &plan) {
            self.prove(Box::new(plan), false, 0);
            return Ok(());
        }
        self.commit(now, Box::new(plan));
        Ok(())
    }

    pub(super) fn commit(&mut self, now: Timestamp, plan: Box<Plan>) {
        let Some(phase) = plan.phases.first() else { return };
        let mut bodies = vec![
            Body::Snapshot(ReadingRecord::of(&self.last)),
            Body::Plan(Box::new(PlanRecord {
                at: now,
                plan: Plan::clone(&plan),
                state: self.state.clone(),
                phase: phase.kind,
            })),
        ];
        bodies.extend(phase.steps.iter().map(|step| {
            let write = match step.intent(plan.id(), self.epoch) {
                Some(intent) => Write::Order(intent),
                None => Write::Setting(step.work.clone()),
            };
            Body::Intent(IntentRecord {
                plan: Some(plan.id()),
                step: step.index,
                symbol: step.symbol.clone(),
                position: self.last.qty(&step.symbol),
                write,
                expires: plan.expires,
            })
        }));
        let (round, kind, steps) = (self.state.round, phase.kind, phase.steps.len());
        self.tell(Event::PhaseStarted { round, phase: kind, steps });
        self.journal(bodies);
        self.stage = Stage::Committing(plan);
    }

    /// The plan is about to be carried out: what the planner must remember of it.
    pub(super) fn remember(&mut self, plan: &Plan) {
        if plan.is_empty() {
            return;
        }
        let kind = plan.phases.first().map(|phase| phase.kind);
        self.expect.released = kind != Some(PhaseKind::Acquire);
        self.sent = true;
        self.current = false;
        self.carried_out = true;
        self.rounds = self.rounds.saturating_add(1);
        self.budget.rounds = self.budget.rounds.saturating_add(1);
        self.state.begin(plan);
    }
}
