//! Carrying out one phase: settings in as few turns as their order allows, orders all at once.

use std::time::Duration;

use evenkeel_exchange::{
    Effect, Error, ErrorKind, LeverageProof, OrderRequest, PROOF_LIFETIME, ProofError, RequestError,
};
use evenkeel_rebalance::{Phase, PhaseKind, Plan, Step, Work};
use evenkeel_types::{Symbol, Timestamp};

use super::{Command, MAX_OVERTAKEN, MAX_PROOFS, Machine, Setting, Stage, Stop};
use crate::event::Event;
use crate::journal::{Body, ObservedRecord, Seen};
use crate::outcome::HaltReason;
use crate::report::SettingReport;
use crate::submit::{Ask, Batch, Rules, obeyed, pause};

impl Machine {
    /// Whether the settings of all symbols to be acquired were read back recently enough.
    pub(super) fn is_proven(&self, now: Timestamp, plan: &Plan) -> bool {
        self.expected(plan).iter().all(|wanted| {
            self.proofs.get(&wanted.symbol).is_some_and(|proof| {
                proof.is_fresh(now) && proof.leverage() == wanted.leverage && proof.mode() == wanted.mode
            })
        })
    }

    pub(super) fn prove(&mut self, plan: Box<Plan>, committed: bool, tries: u32) {
        self.out.push(Command::Prove(self.expected(&plan)));
        self.stage = Stage::Proving { plan, committed, tries };
    }

    pub(super) fn proven(
        &mut self,
        now: Timestamp,
        cancelled: bool,
        plan: Box<Plan>,
        committed: bool,
        tries: u32,
        answers: Vec<Result<LeverageProof, ProofError>>,
    ) -> Result<(), Stop> {
        let mut wrong = None;
        for answer in answers {
            match answer {
                Ok(proof) => {
                    self.tell(Event::LeverageProven {
                        symbol: proof.symbol().clone(),
                        leverage: proof.leverage(),
                        mode: proof.mode(),
                    });
                    self.proofs.insert(proof.symbol().clone(), proof);
                }
                Err(error) => wrong = Some(error),
            }
        }
        if !self.is_proven(now, &plan) {
            let tries = tries.saturating_add(1);
            let stopped = self.stop_if_asked(now, cancelled);
            if stopped.is_err() {
                if committed {
                    self.give_back(&plan, "stopped before it was sent");
                }
                return stopped;
            }
            if tries < MAX_PROOFS {
                self.out.push(Command::Sleep(pause(tries)));
                self.stage = Stage::Proving { plan, committed, tries };
                return Ok(());
            }
            if committed {
                self.give_back(&plan, "its leverage could not be proven");
            }
            return Err(match wrong {
                Some(ProofError::Different { expected, found }) => HaltReason::LeverageMismatch {
                    symbol: expected.symbol.clone(),
                    why: ProofError::Different { expected, found }.to_string(),
                },
                Some(error) => HaltReason::Unreadable { message: evenkeel_exchange::chain(&error) },
                None => HaltReason::Unreadable {
                    message: format!("leverage was read back more than {} s late", PROOF_LIFETIME.as_secs()),
                },
            }
            .into());
        }
        if committed {
            self.committed(now, cancelled, plan)
        } else {
            self.stop_if_asked(now, cancelled)?;
            self.commit(now, plan);
            Ok(())
        }
    }

    /// The plan is on record; now it may be sent.
    pub(super) fn committed(&mut self, now: Timestamp, cancelled: bool, plan: Box<Plan>) -> Result<(), Stop> {
        let stopped = self.stop_if_asked(now, cancelled);
        if stopped.is_err() {
            self.give_back(&plan, "stopped before it was sent");
            return stopped;
        }
        if now > plan.expires {
            self.give_back(&plan, "the plan went out of date before it was sent");
            self.overtaken = self.overtaken.saturating_add(1);
            if !self.sent || self.overtaken > MAX_OVERTAKEN {
                return Err(HaltReason::ExpiredPlan.into());
            }
            self.observe(now);
            return Ok(());
        }
        let Some(phase) = plan.phases.first() else { return Ok(()) };
        if phase.kind == PhaseKind::Acquire && !self.is_proven(now, &plan) {
            self.prove(plan, true, 0);
            return Ok(());
        }
        let groups = groups(phase);
        self.remember(&plan);
        self.write_next(now, cancelled, plan, groups, Vec::new())
    }

    /// The intents on record were never sent.
    fn give_back(&mut self, plan: &Plan, why: &str) {
        let Some(phase) = plan.phases.first() else { return };
        let bodies = phase.steps.iter().map(|step| self.not_sent(plan, step, why)).collect();
        self.journal(bodies);
    }

    fn not_sent(&self, plan: &Plan, step: &Step, why: &str) -> Body {
        Body::Observed(ObservedRecord {
            plan: Some(plan.id()),
            step: step.index,
            symbol: step.symbol.clone(),
            order: step.intent(plan.id(), self.epoch).map(|intent| intent.id),
            seen: Seen::NotSent { why: why.into() },
        })
    }

    /// The next group of settings, or the orders once there are no more.
    fn write_next(
        &mut self,
        now: Timestamp,
        cancelled: bool,
        plan: Box<Plan>,
        mut rest: Vec<Vec<Step>>,
        skip: Vec<Symbol>,
    ) -> Result<(), Stop> {
        while !rest.is_empty() {
            let group = rest.remove(0);
            let (skipped, current): (Vec<Step>, Vec<Step>) =
                group.into_iter().partition(|step| skip.contains(&step.symbol));
            let bodies =
                skipped.iter().map(|step| self.not_sent(&plan, step, "an earlier step failed")).collect();
            self.journal(bodies);
            if current.is_empty() {
                continue;
            }
            let stopped = self.stop_if_asked(now, cancelled);
            if stopped.is_err() {
                let orders = plan.phases.iter().take(1).flat_map(|phase| &phase.steps);
                let orders = orders.filter(|step| matches!(step.work, Work::Order { .. }));
                let unsent = current.iter().chain(rest.iter().flatten()).chain(orders);
                let bodies =
                    unsent.map(|step| self.not_sent(&plan, step, "stopped before it was sent")).collect();
                self.journal(bodies);
                return stopped;
            }
            let settings: Vec<Setting> = current.iter().filter_map(setting).collect();
            self.out.push(Command::Write(settings));
            self.stage = Stage::Writing { plan, current, rest, skip };
            return Ok(());
        }
        self.place(now, cancelled, plan)
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn written(
        &mut self,
        now: Timestamp,
        cancelled: bool,
        plan: Box<Plan>,
        current: &[Step],
        rest: Vec<Vec<Step>>,
        mut skip: Vec<Symbol>,
        answers: Vec<Result<(), Error>>,
    ) -> Result<(), Stop> {
        let mut answers = answers.into_iter();
        let mut bodies = Vec::new();
        for step in current {
            let (seen, error) = match answers.next() {
                Some(Ok(())) => (Seen::Accepted, None),
                Some(Err(error)) if error.effect() == Effect::NotApplied => {
                    (Seen::Refused { error: error.to_string() }, Some(error))
                }
                Some(Err(error)) => (Seen::Unknown { error: error.to_string() }, Some(error)),
                None => (Seen::Unknown { error: "not answered".into() }, None),
            };
            let accepted = seen == Seen::Accepted;
            self.settings.push(SettingReport {
                symbol: step.symbol.clone(),
                action: step.action,
                round: self.state.round.saturating_sub(1),
                accepted,
                error: error.as_ref().map(ToString::to_string),
            });
            let (action, symbol) = (step.action, step.symbol.clone());
            self.tell(match &error {
                Some(error) => Event::WriteFailed { action, symbol, error: error.to_string() },
                None => Event::Written { action, symbol },
            });
            let unknown = matches!(seen, Seen::Unknown { .. });
            bodies.push(Body::Observed(ObservedRecord {
                plan: Some(plan.id()),
                step: step.index,
                symbol: step.symbol.clone(),
                order: None,
                seen,
            }));
            if accepted || unknown {
                self.expect_setting(step, unknown);
            }
            if !accepted {
                skip.push(step.symbol.clone());
                self.setting_failed(step, error.as_ref());
            }
        }
        self.journal(bodies);
        self.write_next(now, cancelled, plan, rest, skip)
    }

    /// What the next reading should show of a setting.
    fn expect_setting(&mut self, step: &Step, unknown: bool) {
        let symbol = step.symbol.clone();
        match &step.work {
            Work::SetLeverage { to, .. } => {
                self.expect.proven.remove(&symbol);
                self.expect.written.entry(symbol).or_default().0 = Some(*to);
            }
            Work::SetMarginMode { to, .. } => {
                self.expect.proven.remove(&symbol);
                self.expect.written.entry(symbol).or_default().1 = Some(*to);
            }
            Work::AdjustMargin { delta } => {
                self.moved.insert(symbol.clone());
                let bucket = self.last.position(&symbol).and_then(|position| position.isolated);
                if let Some(bucket) = bucket {
                    self.expect.moved.insert(symbol.clone(), (bucket.equity, *delta));
                    if unknown {
                        self.doubtful.insert(symbol, (bucket.equity, *delta));
                    }
                }
            }
            _ => {}
        }
    }

    fn setting_failed(&mut self, step: &Step, error: Option<&Error>) {
        if matches!(step.work, Work::CancelOrder { .. }) {
            return;
        }
        let tries = self.failed(&step.symbol, PhaseKind::Leverage, error.and_then(Error::retry_after));
        let Some(error) = error else { return };
        // Margin may still be coming back, and a busy venue may find time; a refusal of the change itself is final.
        let may_pass = error.is_retryable() || error.kind() == ErrorKind::InsufficientMargin;
        let definite = error.effect() == Effect::NotApplied;
        if definite && (!may_pass || tries >= self.approval.policy.attempts) {
            self.set_aside(&step.symbol, error.to_string());
        }
    }

    /// Counts a try that changed nothing; the next one is made after a pause.
    pub(super) fn failed(&mut self, symbol: &Symbol, kind: PhaseKind, retry_after: Option<Duration>) -> u32 {
        let tries = self.failures.entry((symbol.clone(), kind)).or_insert(0);
        *tries = tries.saturating_add(1);
        let tries = *tries;
        let wait = obeyed(retry_after).max(pause(tries));
        self.pause = Some(self.pause.unwrap_or_default().max(wait));
        tries
    }

    /// Sends the orders of the phase, all at once.
    fn place(&mut self, now: Timestamp, cancelled: bool, plan: Box<Plan>) -> Result<(), Stop> {
        let Some(phase) = plan.phases.first() else { return Ok(()) };
        let mut orders = Vec::new();
        let mut refused = None;
        for step in &phase.steps {
            let Some(intent) = step.intent(plan.id(), self.epoch) else { continue };
            let request = if intent.reduce_only {
                OrderRequest::reducing(intent)
            } else {
                match self.proofs.get(&step.symbol) {
                    Some(proof) => OrderRequest::adding(intent, proof, now),
                    None => Err(RequestError::NotReduceOnly { symbol: step.symbol.clone() }),
                }
            };
            match request {
                Ok(request) => orders.push((step.index, step.action, request)),
                Err(error) => refused = Some(error),
            }
        }
        if let Some(error) = refused {
            self.give_back(&plan, "it could not be made into a request");
            return Err(HaltReason::Internal { message: error.to_string() }.into());
        }
        if orders.is_empty() {
            self.budget.fruitless =
                if self.pause.is_some() { self.budget.fruitless.saturating_add(1) } else { 0 };
            self.observe(now);
            return Ok(());
        }
        let stopped = self.stop_if_asked(now, cancelled);
        if stopped.is_err() {
            self.give_back(&plan, "stopped before it was sent");
            return stopped;
        }
        for (_, action, request) in &orders {
            let intent = request.intent();
            self.ordered.insert(intent.id, intent.clone());
            self.trades.sent(&intent.symbol, *action);
            self.out.push(Command::Tell(Event::OrderSent {
                action: *action,
                symbol: intent.symbol.clone(),
                side: intent.side,
                qty: intent.qty,
                limit: intent.limit,
                id: intent.id,
            }));
        }
        let rules = Rules {
            deadline: self.approval.policy.resolve_deadline,
            dedupe: self.last.capabilities.dedupe,
            since: self.last.as_of,
        };
        let batch = Batch::new(Some(plan.id()), orders, rules);
        self.drive(now, cancelled, plan, Box::new(batch))
    }

    /// The batch's next question, or, when it is over, what it means.
    pub(super) fn drive(
        &mut self,
        now: Timestamp,
        cancelled: bool,
        plan: Box<Plan>,
        mut batch: Box<Batch>,
    ) -> Result<(), Stop> {
        let ask = batch.next(!cancelled);
        self.tell_all(std::mem::take(&mut batch.events));
        self.journal(std::mem::take(&mut batch.bodies));
        let command = match ask {
            Ask::Place(requests) => Command::Place(requests),
            Ask::Query(orders) => Command::Query(orders),
            Ask::Fills(symbols) => Command::Fills { symbols, since: batch.since() },
            Ask::Sleep(wait) => Command::Sleep(wait),
            Ask::Over => {
                let lost = self.count(&plan, &batch)?;
                if let Some((symbol, intended, executed)) = batch.excess.take() {
                    return Err(HaltReason::ExecutedMoreThanIntended { symbol, intended, executed }.into());
                }
                if let Some(stop) = lost {
                    return Err(stop);
                }
                self.observe(now);
                return Ok(());
            }
        };
        self.out.push(command);
        self.stage = Stage::Placing { plan, batch };
        Ok(())
    }
}

/// A phase's settings in turns: neighbours of the same kind go together where no symbol is in there twice.
fn groups(phase: &Phase) -> Vec<Vec<Step>> {
    let mut groups: Vec<Vec<Step>> = Vec::new();
    let mut kind = None;
    for step in phase.steps.iter().filter(|step| setting(step).is_some()) {
        let this = turn(step);
        let twice = groups.last().is_some_and(|group| group.iter().any(|other| other.symbol == step.symbol));
        let cancels = matches!(step.work, Work::CancelOrder { .. });
        match groups.last_mut() {
            Some(group) if kind == Some(this) && (!twice || cancels) => group.push(step.clone()),
            _ => groups.push(vec![step.clone()]),
        }
        kind = Some(this);
    }
    groups
}

/// What must be over before what: each turn frees the margin that the next one needs.
fn turn(step: &Step) -> u8 {
    match &step.work {
        Work::CancelOrder { .. } => 0,
        Work::SetMarginMode { .. } => 1,
        Work::SetLeverage { from, to } if to > from => 2,
        Work::AdjustMargin { delta } if delta.is_positive() => 3,
        Work::SetLeverage { .. } => 4,
        _ => 5,
    }
}

fn setting(step: &Step) -> Option<Setting> {
    let symbol = step.symbol.clone();
    match &step.work {
        Work::CancelOrder { venue_order_id } => Some(Setting::Cancel(symbol, venue_order_id.clone())),
        Work::SetLeverage { to, .. } => Some(Setting::Leverage(symbol, *to)),
        Work::SetMarginMode { to, .. } => Some(Setting::Mode(symbol, *to)),
        Work::AdjustMargin { delta } => Some(Setting::Margin(symbol, *delta)),
        _ => None,
    }
}
