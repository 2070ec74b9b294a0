//! What became of a run.

use std::fmt;

use evenkeel_rebalance::{Action, Plan, RunState, Verification};
use evenkeel_types::{Price, Qty, Side, Snapshot, Symbol, Usd};

use crate::outcome::Outcome;

/// What happened to everything that was meant to happen, and how the account stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Done, every metric passes, nothing failed and nothing was set aside.
    pub success: bool,
    /// The same in the user's words, in one line.
    pub message: String,
    /// Trades in figures.
    pub summary: Summary,
    /// One entry per symbol and direction, whatever number of orders it took.
    pub trades: Vec<TradeReport>,
    /// Writes that are no orders: leverage, margin mode, margin, cancellations.
    pub settings: Vec<SettingReport>,
    /// The approved plan.
    pub plan: Plan,
    /// The account that the approval was made from.
    pub before: Snapshot,
    /// The account at the end, where it could be read.
    pub after: Option<Snapshot>,
    /// How near the target the account is, where that can be said.
    pub verification: Option<Verification>,
    /// What the run remembered: scale, turnover, fees, what is set aside, what is in quarantine.
    pub state: RunState,
    /// How many plans were carried out.
    pub rounds: u32,
    /// How many round trips to the venue the run waited for, one after another.
    pub trips: u32,
}

/// Trades in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Tried.
    pub executed: u32,
    /// Of these, carried out.
    pub successful: u32,
    /// Of these, not carried out, or of unknown outcome.
    pub failed: u32,
    /// Planned and never tried.
    pub skipped: u32,
}

/// What became of one trade: all that a run did to one symbol in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TradeReport {
    /// Which symbol.
    pub symbol: Symbol,
    /// What it did, as first planned.
    pub action: Action,
    /// Buy or sell.
    pub side: Side,
    /// Notional: what was filled at its prices, and what was not at the mark price.
    pub value: Usd,
    /// How much was meant, above zero.
    pub size: Qty,
    /// How much was executed.
    pub filled: Qty,
    /// At which price, on average; `None` when nothing was executed.
    pub average_price: Option<Price>,
    /// Fees paid for it; where the venue does not say, at the account's rate.
    pub fee: Usd,
    /// How many orders were sent for it.
    pub orders: u32,
    /// What became of it.
    pub status: TradeStatus,
    /// What went wrong last, or why it was skipped.
    pub error: Option<String>,
    /// Why it was planned.
    pub reason: String,
}

/// What became of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TradeStatus {
    /// Whole.
    Filled,
    /// In part.
    Partial,
    /// Tried, and nothing was executed.
    Failed,
    /// It could not be learned.
    Unknown,
    /// Never tried.
    Skipped,
}

impl fmt::Display for TradeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TradeStatus::Filled => "filled",
            TradeStatus::Partial => "partial",
            TradeStatus::Failed => "failed",
            TradeStatus::Unknown => "unknown",
            TradeStatus::Skipped => "skipped",
        })
    }
}

/// What became of a write that is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingReport {
    /// Which symbol.
    pub symbol: Symbol,
    /// What was written.
    pub action: Action,
    /// In which round, from 0.
    pub round: u32,
    /// Whether the venue said yes. Not a proof; that comes from reading it back.
    pub accepted: bool,
    /// What it said otherwise.
    pub error: Option<String>,
}

impl fmt::Display for Report {
    /// The message, the trades, the summary and what is out of the ordinary; fits 80 columns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in crate::text::wrap(&self.message, 80, "") {
            writeln!(f, "{line}")?;
        }
        if !self.trades.is_empty() {
            writeln!(
                f,
                "{:<12} {:<9} {:>12} {:>12} {:>12} {:>8}",
                "symbol", "action", "value", "size", "filled", "status"
            )?;
        }
        for trade in &self.trades {
            writeln!(
                f,
                "{:<12} {:<9} {:>12.2} {:>12} {:>12} {:>8}",
                trade.symbol,
                trade.action,
                trade.value,
                trade.size.to_string(),
                trade.filled.to_string(),
                trade.status
            )?;
            if let Some(error) = &trade.error {
                for line in crate::text::wrap(error, 80, "    ") {
                    writeln!(f, "{line}")?;
                }
            }
        }
        for setting in self.settings.iter().filter(|setting| !setting.accepted) {
            let error = setting.error.as_deref().unwrap_or("not accepted");
            let text = format!("{} {}: {error}", setting.symbol, setting.action);
            for line in crate::text::wrap(&text, 80, "  ") {
                writeln!(f, "{line}")?;
            }
        }
        for (symbol, why) in &self.state.set_aside {
            for line in crate::text::wrap(&format!("{symbol} was set aside: {why}"), 80, "  ") {
                writeln!(f, "{line}")?;
            }
        }
        for (symbol, pending) in &self.state.pending {
            let text = format!(
                "{symbol}: up to {} bought and {} sold may still execute, or have executed",
                pending.buy, pending.sell
            );
            for line in crate::text::wrap(&text, 80, "  ") {
                writeln!(f, "{line}")?;
            }
        }
        let Summary { executed, successful, failed, skipped } = self.summary;
        writeln!(f, "{executed} executed, {successful} successful, {failed} failed, {skipped} skipped")?;
        write!(
            f,
            "{} round(s), {} round trip(s), {:.2} traded, {:.4} in fees",
            self.rounds, self.trips, self.state.turnover, self.state.fees
        )
    }
}
