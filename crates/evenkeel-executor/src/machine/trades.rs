//! The ledger of what was meant and what became of it.

use std::collections::BTreeMap;

use evenkeel_rebalance::{Action, Phase, PhaseKind, Plan, Step, Work};
use evenkeel_types::{Exact, NumberError, OrderState, Price, Qty, Side, Snapshot, Symbol, Usd};

use crate::report::{Summary, TradeReport, TradeStatus};

/// All that a run does to one symbol in one direction.
type Key = (Symbol, PhaseKind);

#[derive(Debug, Clone, Default)]
pub(crate) struct Trades {
    entries: Vec<(Key, Trade)>,
    /// The position of each entry in the order of first planning.
    index: BTreeMap<Key, usize>,
}

#[derive(Debug, Clone)]
struct Trade {
    action: Action,
    side: Side,
    size: Qty,
    planned_value: Usd,
    filled: Qty,
    value: Usd,
    fee: Usd,
    orders: u32,
    unknown: bool,
    /// Nothing is left of it: it was found done.
    over: bool,
    error: Option<String>,
    reason: String,
}

fn kind_of(step: &Step) -> PhaseKind {
    match step.action {
        Action::Increase | Action::Open => PhaseKind::Acquire,
        _ => PhaseKind::Release,
    }
}

impl Trades {
    /// Everything that a plan means to do. What was begun keeps its name; its size is what was filled and what is
    /// still planned.
    pub(crate) fn plan(&mut self, plan: &Plan) -> Result<(), NumberError> {
        let mut sums: BTreeMap<Key, (Qty, Usd)> = BTreeMap::new();
        for step in plan.phases.iter().flat_map(|phase| &phase.steps) {
            let Work::Order { side, qty, .. } = &step.work else { continue };
            let key = (step.symbol.clone(), kind_of(step));
            let (sum, value) = sums.get(&key).copied().unwrap_or((Qty::ZERO, Usd::ZERO));
            sums.insert(key.clone(), (sum.plus(*qty)?, value.plus(step.value)?));
            if !self.index.contains_key(&key) {
                self.index.insert(key.clone(), self.entries.len());
                self.entries.push((key, Trade::of(step, *side)));
            }
        }
        for (key, trade) in &mut self.entries {
            match sums.get(key) {
                Some((qty, value)) => {
                    trade.size = trade.filled.plus(*qty)?;
                    trade.planned_value = trade.value.plus(*value)?;
                    trade.over = false;
                }
                // Planned once and not any more: what is done of it is all there is to do.
                None => trade.over = true,
            }
        }
        Ok(())
    }

    fn get(&mut self, symbol: &Symbol, kind: PhaseKind) -> Option<&mut Trade> {
        let index = *self.index.get(&(symbol.clone(), kind))?;
        self.entries.get_mut(index).map(|(_, trade)| trade)
    }

    pub(crate) fn sent(&mut self, symbol: &Symbol, kind: PhaseKind) {
        if let Some(trade) = self.get(symbol, kind) {
            trade.orders = trade.orders.saturating_add(1);
        }
    }

    /// An order ended; `price` and `fee` are used where the venue does not say.
    pub(crate) fn filled(
        &mut self,
        kind: PhaseKind,
        state: &OrderState,
        price: Price,
        fee: Usd,
    ) -> Result<(), NumberError> {
        if let Some(trade) = self.get(&state.symbol, kind) {
            trade.filled = trade.filled.plus(state.filled)?;
            trade.value = trade.value.plus(state.average_price.unwrap_or(price).value(state.filled)?)?;
            trade.fee = trade.fee.plus(state.fee.unwrap_or(fee))?;
            if state.filled.is_positive() {
                trade.error = None;
            }
        }
        Ok(())
    }

    pub(crate) fn failed(&mut self, symbol: &Symbol, kind: PhaseKind, error: &str) {
        if let Some(trade) = self.get(symbol, kind) {
            trade.error = Some(error.into());
        }
    }

    pub(crate) fn unknown(&mut self, symbol: &Symbol, kind: PhaseKind, error: &str) {
        if let Some(trade) = self.get(symbol, kind) {
            trade.unknown = true;
            trade.error = Some(error.into());
        }
    }

    /// What went wrong last with a symbol.
    pub(crate) fn error(&self, symbol: &Symbol, kind: PhaseKind) -> Option<String> {
        let index = *self.index.get(&(symbol.clone(), kind))?;
        self.entries.get(index).and_then(|(_, trade)| trade.error.clone())
    }

    /// The reports, and their summary. `done` says that the account is where it was meant to be, so that what was left
    /// of a trade was not needed.
    pub(crate) fn report(
        &self,
        done: bool,
        set_aside: &BTreeMap<Symbol, String>,
    ) -> (Vec<TradeReport>, Summary) {
        let mut summary = Summary::default();
        let mut reports = Vec::new();
        for ((symbol, kind), trade) in &self.entries {
            let aside = set_aside.get(symbol).filter(|_| *kind == PhaseKind::Acquire);
            let status = trade.status();
            if trade.orders == 0 && done && aside.is_none() {
                // A later plan found that it need not be done.
                continue;
            }
            let count = match status {
                TradeStatus::Filled => &mut summary.successful,
                TradeStatus::Partial if done => &mut summary.successful,
                TradeStatus::Skipped => &mut summary.skipped,
                // Nothing to reduce any more is as good as reduced.
                TradeStatus::Failed if done && trade.over && *kind == PhaseKind::Release => {
                    &mut summary.successful
                }
                _ => &mut summary.failed,
            };
            *count = count.saturating_add(1);
            if status != TradeStatus::Skipped {
                summary.executed = summary.executed.saturating_add(1);
            }
            reports.push(TradeReport {
                symbol: symbol.clone(),
                action: trade.action,
                side: trade.side,
                value: if status == TradeStatus::Filled { trade.value } else { trade.planned_value },
                size: trade.size,
                filled: trade.filled,
                average_price: trade.average_price(),
                fee: trade.fee,
                orders: trade.orders,
                status,
                error: trade
                    .error
                    .clone()
                    .or_else(|| aside.filter(|_| status != TradeStatus::Filled).cloned()),
                reason: trade.reason.clone(),
            });
        }
        (reports, summary)
    }
}

impl Trade {
    fn of(step: &Step, side: Side) -> Self {
        Self {
            action: step.action,
            side,
            size: Qty::ZERO,
            planned_value: Usd::ZERO,
            filled: Qty::ZERO,
            value: Usd::ZERO,
            fee: Usd::ZERO,
            orders: 0,
            unknown: false,
            over: false,
            error: None,
            reason: step.reason.clone(),
        }
    }

    fn status(&self) -> TradeStatus {
        if self.unknown {
            TradeStatus::Unknown
        } else if self.orders == 0 {
            TradeStatus::Skipped
        } else if self.filled >= self.size {
            TradeStatus::Filled
        } else if self.filled.is_positive() {
            TradeStatus::Partial
        } else {
            TradeStatus::Failed
        }
    }

    fn average_price(&self) -> Option<Price> {
        if !self.filled.is_positive() {
            return None;
        }
        self.value.get().over(self.filled.get()).ok().and_then(|price| Price::new(price).ok())
    }
}

/// Notional and fee of a fill, where the venue does not say: at its limit, and at the account's rate.
pub(crate) fn fee_of(
    snapshot: &Snapshot,
    symbol: &Symbol,
    price: Price,
    qty: Qty,
) -> Result<Usd, NumberError> {
    let rate = snapshot.fees.get(symbol).map(|fees| fees.taker);
    let value = price.value(qty)?;
    rate.map_or(Ok(Usd::ZERO), |rate| rate.of(value))
}

/// The symbols of a phase's orders.
pub(crate) fn symbols(phase: &Phase) -> impl Iterator<Item = &Symbol> {
    phase.steps.iter().filter(|step| matches!(step.work, Work::Order { .. })).map(|step| &step.symbol)
}
