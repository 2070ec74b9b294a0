//! What earlier runs of the account left open, from the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evenkeel_rebalance::Work;
use evenkeel_store::{Entry, JournalError};
use evenkeel_types::{ClientOrderId, Qty, Side, Symbol, Timestamp};

use crate::journal::{Body, Seen, Write};

/// For how long an order whose end is not on record is counted. No venue delivers a request a day late.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// An order whose end is not on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) symbol: Symbol,
    pub(crate) side: Side,
    /// How much may still execute, or may have executed.
    pub(crate) open: Qty,
    at: Timestamp,
}

/// What earlier runs left open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Recalled {
    pub(crate) orders: BTreeMap<ClientOrderId, Left>,
    /// Symbols whose margin may have been moved.
    pub(crate) margin: BTreeSet<Symbol>,
}

/// Folds the records: an intent without an outcome, and what was put in quarantine, is open.
pub(crate) fn recall(entries: &[Entry], now: Timestamp) -> Result<Recalled, JournalError> {
    let mut at = Timestamp(0);
    let mut orders: BTreeMap<ClientOrderId, Left> = BTreeMap::new();
    let mut moves = BTreeMap::new();
    for entry in entries {
        match Body::read(&entry.record)? {
            Body::Run(run) => at = run.at,
            Body::Flatten(run) => at = run.at,
            Body::Plan(plan) => at = plan.at,
            Body::Intent(intent) => match intent.write {
                Write::Order(order) => {
                    let left = Left { symbol: order.symbol, side: order.side, open: order.qty, at };
                    orders.insert(order.id, left);
                }
                Write::Setting(Work::AdjustMargin { .. }) => {
                    moves.insert((entry.epoch.0, intent.plan, intent.step), (intent.symbol, at));
                }
                Write::Setting(_) => {}
            },
            Body::Observed(seen) => {
                moves.remove(&(entry.epoch.0, seen.plan, seen.step));
                let over = match &seen.seen {
                    Seen::Order(state) => state.status.is_terminal(),
                    Seen::Refused { .. } | Seen::NotSent { .. } => true,
                    Seen::Accepted | Seen::Unknown { .. } => false,
                };
                if let (Some(id), true) = (seen.order, over) {
                    orders.remove(&id);
                }
            }
            Body::Resolved(resolved) => {
                orders.remove(&resolved.order);
            }
            Body::Quarantine(record) => {
                at = record.at;
                let left = Left { symbol: record.symbol, side: record.side, open: record.open, at };
                orders.insert(record.order, left);
            }
            _ => {}
        }
    }
    orders.retain(|_, left| now.since(left.at) <= REMEMBERED);
    moves.retain(|_, (_, at)| now.since(*at) <= REMEMBERED);
    Ok(Recalled { orders, margin: moves.into_values().map(|(symbol, _)| symbol).collect() })
}
