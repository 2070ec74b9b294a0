//! How a run can end, by name.

use std::fmt;

use evenkeel_rebalance::PhaseKind;
use evenkeel_types::{ClientOrderId, Qty, Side, Symbol};

/// How a run ended. Nothing else can happen to one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Outcome {
    /// The account is where it was meant to be: the plan is empty, or within tolerance.
    Done,
    /// It ended early and on purpose; nothing more was sent and the account is known.
    Aborted(AbortReason),
    /// It stopped at something that it must not explain away; somebody should look.
    Halted(HaltReason),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Done => f.write_str("done"),
            Outcome::Aborted(reason) => write!(f, "aborted: {reason}"),
            Outcome::Halted(reason) => write!(f, "halted: {reason}"),
        }
    }
}

/// Why a run ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AbortReason {
    /// Something could not be closed or reduced; nothing is opened then.
    CloseFailed {
        /// Which symbol.
        symbol: Symbol,
        /// How often it was tried.
        attempts: u32,
        /// What the venue said last.
        error: String,
    },
    /// The outcome of a close could not be learned within the deadline; nothing is opened then.
    CloseUnknown {
        /// Which symbol.
        symbol: Symbol,
        /// Which order.
        order: ClientOrderId,
        /// How much of it may still execute, or may have executed.
        open: Qty,
    },
    /// A phase was tried as often as the policy allows and did not get nearer.
    NoProgress {
        /// Which phase.
        phase: PhaseKind,
        /// The symbol that is furthest behind, where there is one.
        symbol: Option<Symbol>,
        /// What the venue said last.
        error: Option<String>,
    },
    /// Somebody asked to stop.
    Cancelled,
    /// The run took longer than the policy allows.
    Deadline,
    /// More rounds than any honest run needs.
    TooManyRounds,
    /// The planner refuses to plan for the account as it is now.
    PlanRefused {
        /// In its words.
        message: String,
    },
}

impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AbortReason::CloseFailed { symbol, attempts, error } => {
                write!(f, "{symbol} could not be closed or reduced in {attempts} attempt(s): {error}")
            }
            AbortReason::CloseUnknown { symbol, order, open } => write!(
                f,
                "it is not known whether the order to close or reduce {symbol} was executed (order {order}, {open} may \
                 still execute or have executed)"
            ),
            AbortReason::NoProgress { phase, symbol, error } => {
                write!(f, "the {phase} phase got no nearer to its end")?;
                if let Some(symbol) = symbol {
                    write!(f, ", last with {symbol}")?;
                }
                error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
            }
            AbortReason::Cancelled => f.write_str("cancelled on request"),
            AbortReason::Deadline => f.write_str("the run's deadline has passed"),
            AbortReason::TooManyRounds => f.write_str("more rounds than any run needs"),
            AbortReason::PlanRefused { message } => write!(f, "no plan can be made: {message}"),
        }
    }
}

/// What a run stopped at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HaltReason {
    /// What would have to be done now is not what was approved.
    NeedsApproval {
        /// What differs.
        why: String,
    },
    /// The approval is older than the policy allows.
    ExpiredPlan,
    /// The account's readings did not come to agree with what is known within the deadline.
    StaleSnapshot {
        /// What did not agree.
        why: String,
    },
    /// A position moved without us: another actor, a liquidation, a settlement.
    ForeignActivity {
        /// Which symbol.
        symbol: Symbol,
        /// What it should be.
        expected: Qty,
        /// What it is.
        found: Qty,
    },
    /// The venue's leverage or margin mode is not the planned one, although it had been.
    LeverageMismatch {
        /// Which symbol.
        symbol: Symbol,
        /// What differs.
        why: String,
    },
    /// It could not be learned whether a write was carried out.
    OutcomeUnknown {
        /// Which symbol.
        symbol: Symbol,
        /// Which order; `None` for a write that is no order.
        order: Option<ClientOrderId>,
        /// The order's side.
        side: Option<Side>,
        /// How much of it may still execute, or may have executed.
        open: Qty,
    },
    /// The venue executed more than was ordered.
    ExecutedMoreThanIntended {
        /// Which symbol.
        symbol: Symbol,
        /// What was ordered.
        intended: Qty,
        /// What was executed.
        executed: Qty,
    },
    /// The journal refused; without it nothing may be sent.
    Journal {
        /// What it said.
        message: String,
    },
    /// The account could not be read.
    Unreadable {
        /// What the venue said last.
        message: String,
    },
    /// The checker found a later plan of the run unsafe.
    CheckFailed {
        /// Its findings.
        message: String,
    },
    /// Something that cannot happen by the rules of this library; a bug in it.
    Internal {
        /// What.
        message: String,
    },
}

impl fmt::Display for HaltReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HaltReason::NeedsApproval { why } => write!(f, "a new approval is needed: {why}"),
            HaltReason::ExpiredPlan => {
                f.write_str("the approved plan has expired; preview and approve again")
            }
            HaltReason::StaleSnapshot { why } => {
                write!(f, "the venue did not show what is known to be true in time: {why}")
            }
            HaltReason::ForeignActivity { symbol, expected, found } => write!(
                f,
                "{symbol} moved without us: it should be {expected} and is {found} (another actor, a liquidation or a \
                 settlement)"
            ),
            HaltReason::LeverageMismatch { symbol, why } => {
                write!(f, "the leverage of {symbol} is not the planned one: {why}")
            }
            HaltReason::OutcomeUnknown { symbol, order, side, open } => {
                write!(f, "the outcome of a write on {symbol} is not known")?;
                if let (Some(order), Some(side)) = (order, side) {
                    write!(f, " (order {order}: {side} {open} may still execute or have executed)")?;
                }
                Ok(())
            }
            HaltReason::ExecutedMoreThanIntended { symbol, intended, executed } => {
                write!(f, "{symbol}: {executed} was executed where {intended} was ordered")
            }
            HaltReason::Journal { message } => write!(f, "the journal failed: {message}"),
            HaltReason::Unreadable { message } => write!(f, "the account could not be read: {message}"),
            HaltReason::CheckFailed { message } => write!(f, "the plan did not pass its check: {message}"),
            HaltReason::Internal { message } => write!(f, "internal error: {message}"),
        }
    }
}
