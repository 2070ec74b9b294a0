//! The ledger of what was meant and what became of it.

use std::collections::BTreeMap;

use evenkeel_rebalance::{Action, Phase, PhaseKind, Plan, Step, Work};
use evenkeel_types::{Exact, NumberError, OrderState, Price, Qty, Side, Snapshot, Symbol, Usd};

use crate::report::{Summary, TradeReport, TradeStatus};

/// One trade: all that a run does to a symbol under one name. What is left of a trade that was begun may be planned
/// under another name (an opened position is then increased); it is still the same trade.
type Key = (Symbol, Action);

#[derive(Debug, Clone, Default)]
pub(crate) struct Trades {
    entries: Vec<(Symbol, Trade)>,
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

fn kind_of(action: Action) -> PhaseKind {
    match action {
        Action::Increase | Action::Open => PhaseKind::Acquire,
        _ => PhaseKind::Release,
    }
}

impl Trades {
    /// Everything that a plan means to do. What was begun keeps its name; its size is what was filled and what is
    /// still planned.
    pub(crate) fn plan(&mut self, plan: &Plan) -> Result<(), NumberError> {
        let mut sums: BTreeMap<usize, (Qty, Usd)> = BTreeMap::new();
        for step in plan.steps() {
            let Work::Order { side, qty, .. } = &step.work else { continue };
            let index = self.entry(step, *side);
            let (sum, value) = sums.get(&index).copied().unwrap_or((Qty::ZERO, Usd::ZERO));
            sums.insert(index, (sum.plus(*qty)?, value.plus(step.value)?));
        }
        for (index, (_, trade)) in self.entries.iter_mut().enumerate() {
            match sums.get(&index) {
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

    fn entry(&mut self, step: &Step, side: Side) -> usize {
        let key = (step.symbol.clone(), step.action);
        if let Some(index) = self.index.get(&key) {
            return *index;
        }
        let begun = self.entries.iter().position(|(symbol, trade)| {
            *symbol == step.symbol && kind_of(trade.action) == kind_of(step.action) && trade.is_begun()
        });
        let index = begun.unwrap_or(self.entries.len());
        if begun.is_none() {
            self.entries.push((step.symbol.clone(), Trade::of(step, side)));
        }
        self.index.insert(key, index);
        index
    }

    fn get(&mut self, symbol: &Symbol, action: Action) -> Option<&mut Trade> {
        let index = *self.index.get(&(symbol.clone(), action))?;
        self.entries.get_mut(index).map(|(_, trade)| trade)
    }

    pub(crate) fn sent(&mut self, symbol: &Symbol, action: Action) {
        if let Some(trade) = self.get(symbol, action) {
            trade.orders = trade.orders.saturating_add(1);
        }
    }

    /// An order ended; `price` and `fee` are used where the venue does not say.
    pub(crate) fn filled(
        &mut self,
        action: Action,
        state: &OrderState,
        price: Price,
        fee: Usd,
    ) -> Result<(), NumberError> {
        if let Some(trade) = self.get(&state.symbol, action) {
            trade.filled = trade.filled.plus(state.filled)?;
            trade.value = trade.value.plus(state.average_price.unwrap_or(price).value(state.filled)?)?;
            trade.fee = trade.fee.plus(state.fee.unwrap_or(fee))?;
            if state.filled.is_positive() {
                trade.error = None;
            }
        }
        Ok(())
    }

    pub(crate) fn failed(&mut self, symbol: &Symbol, action: Action, error: &str) {
        if let Some(trade) = self.get(symbol, action) {
            trade.error = Some(error.into());
        }
    }

    pub(crate) fn unknown(&mut self, symbol: &Symbol, action: Action, error: &str) {
        if let Some(trade) = self.get(symbol, action) {
            trade.unknown = true;
            trade.error = Some(error.into());
        }
    }

    /// What went wrong last with a symbol.
    pub(crate) fn error(&self, symbol: &Symbol, kind: PhaseKind) -> Option<String> {
        self.entries
            .iter()
            .filter(|(name, trade)| name == symbol && kind_of(trade.action) == kind)
            .find_map(|(_, trade)| trade.error.clone())
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
        for (symbol, trade) in &self.entries {
            let kind = kind_of(trade.action);
            let aside = set_aside.get(symbol).filter(|_| kind == PhaseKind::Acquire);
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
                TradeStatus::Failed if done && trade.over && kind == PhaseKind::Release => {
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

    fn is_begun(&self) -> bool {
        self.orders > 0 && self.filled < self.size
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
