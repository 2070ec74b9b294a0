//! What became of a phase's orders: positions to expect, turnover, fees, failures, and what stays unknown.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_rebalance::{Pending, PhaseKind, Plan};
use evenkeel_types::{NumberError, OrderState, OrderStatus, Qty, Side, Symbol};

use super::{Machine, Stop, trades};
use crate::outcome::{AbortReason, HaltReason};
use crate::submit::{Batch, Fate, Ticket};

impl Machine {
    /// Takes what became of a phase's orders into account; where one stayed unknown, why the run ends.
    pub(super) fn count(&mut self, plan: &Plan, batch: &Batch) -> Result<Option<Stop>, NumberError> {
        let kind = plan.phases.first().map_or(PhaseKind::Release, |phase| phase.kind);
        let mut filled: BTreeMap<Symbol, Qty> = BTreeMap::new();
        let mut failed: BTreeMap<Symbol, Option<Duration>> = BTreeMap::new();
        let mut lost = None;
        for (ticket, fate) in batch.fates() {
            let intent = &ticket.intent;
            let (symbol, sum) = (&intent.symbol, filled.entry(intent.symbol.clone()).or_insert(Qty::ZERO));
            match fate {
                Fate::Ended(state) => {
                    *sum = sum.plus(state.filled)?;
                    if state.filled < intent.qty {
                        failed.entry(symbol.clone()).or_insert(None);
                        let error = format!("{} of {} executed within the limit", state.filled, intent.qty);
                        self.book(ticket, state)?;
                        self.trades.failed(symbol, ticket.action, &error);
                    } else {
                        self.book(ticket, state)?;
                    }
                }
                Fate::Refused { error, retry_after, .. } => {
                    self.trades.failed(symbol, ticket.action, error);
                    let wait = failed.entry(symbol.clone()).or_insert(None);
                    *wait = (*wait).max(*retry_after);
                }
                Fate::NotSent => {}
                Fate::Lost { filled: known, error } => {
                    *sum = sum.plus(*known)?;
                    let open = intent.qty.minus(*known)?;
                    self.quarantine(&intent.symbol, intent.side, open)?;
                    let state = lost_state(ticket, *known);
                    self.book(ticket, &state)?;
                    self.trades.unknown(symbol, ticket.action, error);
                    lost.get_or_insert((symbol.clone(), intent.id, intent.side, open));
                }
            }
        }
        let mut fruitful = false;
        for (symbol, sum) in &filled {
            let lot = self.last.instruments.get(symbol).map(|instrument| instrument.lot.get());
            let nearer = sum.is_positive() && lot.is_none_or(|lot| sum.get() >= lot);
            fruitful |= nearer;
            if nearer {
                self.failures.remove(&(symbol.clone(), kind));
            } else if let Some(wait) = failed.get(symbol) {
                self.failed(symbol, kind, *wait);
            }
        }
        self.budget.fruitless = if fruitful { 0 } else { self.budget.fruitless.saturating_add(1) };
        if kind == PhaseKind::Acquire {
            self.hold_to_proofs(plan);
        }
        Ok(lost.map(|(symbol, order, side, open)| match kind {
            PhaseKind::Release => AbortReason::CloseUnknown { symbol, order, open }.into(),
            _ => HaltReason::OutcomeUnknown { symbol, order: Some(order), side: Some(side), open }.into(),
        }))
    }

    /// From now on the settings must read as they were proven.
    fn hold_to_proofs(&mut self, plan: &Plan) {
        for symbol in plan.phases.iter().take(1).flat_map(trades::symbols) {
            if let Some(proof) = self.proofs.get(symbol) {
                self.expect.proven.insert(symbol.clone(), (proof.leverage(), proof.mode()));
            }
        }
    }

    /// Counts an execution: the position that must be shown, turnover, fees, the trade.
    fn book(&mut self, ticket: &Ticket, state: &OrderState) -> Result<(), NumberError> {
        let intent = &ticket.intent;
        let price = state.average_price.unwrap_or(intent.limit);
        let fee = trades::fee_of(&self.last, &intent.symbol, price, state.filled)?;
        self.trades.filled(ticket.action, state, price, fee)?;
        self.state.turnover = self.state.turnover.plus(price.value(state.filled)?)?;
        self.state.fees = self.state.fees.plus(state.fee.unwrap_or(fee))?;
        let position = self.expect.positions.entry(intent.symbol.clone()).or_insert(Qty::ZERO);
        self.expect.earlier.entry(intent.symbol.clone()).or_default().insert(*position);
        *position = position.plus(intent.side.signed(state.filled))?;
        Ok(())
    }

    pub(super) fn quarantine(&mut self, symbol: &Symbol, side: Side, open: Qty) -> Result<(), NumberError> {
        let none = Pending { buy: Qty::ZERO, sell: Qty::ZERO };
        let pending = self.state.pending.entry(symbol.clone()).or_insert(none);
        let side = match side {
            Side::Buy => &mut pending.buy,
            Side::Sell => &mut pending.sell,
        };
        *side = side.plus(open)?;
        Ok(())
    }
}

/// What is known of an order whose end is not.
fn lost_state(ticket: &Ticket, filled: Qty) -> OrderState {
    let intent = &ticket.intent;
    OrderState {
        id: intent.id,
        venue_order_id: None,
        symbol: intent.symbol.clone(),
        side: intent.side,
        qty: intent.qty,
        filled,
        average_price: None,
        fee: None,
        status: OrderStatus::Open,
    }
}
