//! Emergency close: everything reduced to nothing, and verified.

mod closing;
mod orders;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use evenkeel_exchange::{Cancel, Clock, Trade};
use evenkeel_store::Journal;
use evenkeel_types::{Decimal, Qty, Rate, Snapshot, Symbol};

use crate::event::Event;
use crate::outcome::HaltReason;
use crate::run::Writer;
use closing::Closing;

/// What is closed, and how hard it is tried. Start from [`Flatten::everything`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flatten {
    /// Only these symbols; `None` is everything.
    pub only: Option<BTreeSet<Symbol>>,
    /// How far from the mark price the closing orders' limits lie, as a fraction.
    pub slippage: Rate,
    /// Whether resting orders on these symbols are cancelled: those that could open what was just closed before
    /// anything is closed, those that can only reduce once their symbol is flat by two readings. Until then they are
    /// what protects the position.
    pub cancel_orders: bool,
    /// How many rounds of orders are sent at most, each from a fresh reading.
    pub rounds: u32,
    /// How long an order whose outcome is unknown is asked for.
    pub resolve_deadline: Duration,
    /// How long the whole may take.
    pub deadline: Duration,
}

impl Flatten {
    /// Everything, at up to 5 % from the mark price (getting out matters more than the price, but not at any), resting
    /// orders cancelled, five rounds, ten seconds for an unknown outcome (the next round is reduce-only and cannot do
    /// harm, so waiting longer only costs time), two minutes in all.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            only: None,
            slippage: Rate::new(Decimal::new(5, 2)).unwrap_or(Rate::ZERO),
            cancel_orders: true,
            rounds: 5,
            resolve_deadline: Duration::from_secs(10),
            deadline: Duration::from_secs(120),
        }
    }

    /// Only these symbols.
    #[must_use]
    pub fn only(mut self, symbols: impl IntoIterator<Item = Symbol>) -> Self {
        self.only = Some(symbols.into_iter().collect());
        self
    }

    fn concerns(&self, symbol: &Symbol) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(symbol))
    }
}

/// How an emergency close ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum FlattenOutcome {
    /// Two readings after the last order agree that nothing is held and nothing rests.
    Flat,
    /// Something is left.
    NotFlat,
    /// It stopped before it was through.
    Halted(HaltReason),
    /// Somebody asked to stop.
    Cancelled,
}

/// What became of an emergency close.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlattenReport {
    /// How it ended.
    pub outcome: FlattenOutcome,
    /// In one line.
    pub message: String,
    /// Every position that was found, and what became of it.
    pub closed: Vec<Closed>,
    /// How many resting orders were cancelled.
    pub cancelled: u32,
    /// The account before, where it could be read.
    pub before: Option<Snapshot>,
    /// The account after, where it could be read.
    pub after: Option<Snapshot>,
    /// How many rounds of orders were sent.
    pub rounds: u32,
}

impl FlattenReport {
    /// Whether nothing is held and nothing rests, verified.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.outcome == FlattenOutcome::Flat
    }
}

/// One position that was to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Which.
    pub symbol: Symbol,
    /// Signed size when it was found.
    pub size: Qty,
    /// How much of it our orders executed for certain, without sign.
    pub filled: Qty,
    /// How many orders were sent for it.
    pub orders: u32,
    /// What went wrong last.
    pub error: Option<String>,
}

impl fmt::Display for FlattenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in crate::text::wrap(&self.message, 80, "") {
            writeln!(f, "{line}")?;
        }
        for closed in &self.closed {
            writeln!(
                f,
                "{:<12} {:>16} closed {:>16}",
                closed.symbol,
                closed.size.to_string(),
                closed.filled.to_string()
            )?;
            for line in closed.error.iter().flat_map(|error| crate::text::wrap(error, 80, "    ")) {
                writeln!(f, "{line}")?;
            }
        }
        write!(f, "{} resting order(s) cancelled, {} round(s)", self.cancelled, self.rounds)
    }
}

/// Closes every position with reduce-only orders, whatever their leverage, target or plan, and verifies that the account
/// is flat. Nothing it sends can open or turn a position.
///
/// Large positions are split at the venue's maximum order size. What was refused, executed in part, or of unknown outcome
/// is tried again from a fresh reading: a reduce-only order of the size that is shown can do no harm even if an earlier
/// one still executes. `cancel` is obeyed between rounds.
pub async fn flatten(
    venue: &dyn Trade,
    journal: &dyn Journal,
    clock: &dyn Clock,
    what: &Flatten,
    progress: &mut (dyn FnMut(&Event) + Send),
    cancel: &Cancel,
) -> FlattenReport {
    let mut closing = Closing {
        venue,
        clock,
        what,
        journal: Writer::new(journal),
        epoch: 0,
        started: clock.now(),
        closed: BTreeMap::new(),
        cancelled: 0,
        before: None,
        after: None,
        rounds: 0,
    };
    let outcome = match closing.run(progress, cancel).await {
        Ok(outcome) => outcome,
        Err(reason) => FlattenOutcome::Halted(reason),
    };
    closing.report(outcome).await
}
