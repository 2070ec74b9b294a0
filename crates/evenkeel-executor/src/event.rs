//! What a run tells while it goes on, for people and logs. Nothing decides by it.

use std::fmt;
use std::time::Duration;

use evenkeel_rebalance::{Action, PhaseKind, PlanId};
use evenkeel_types::{
    ClientOrderId, Decimal, Leverage, MarginMode, PoolId, Price, Qty, Side, Symbol, Usd, round,
};

use crate::outcome::Outcome;

/// One thing that happened. `Display` is one line for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The run began.
    RunStarted {
        /// The approved plan.
        plan: PlanId,
        /// How many orders it has.
        trades: u32,
    },
    /// A phase of a freshly made plan is carried out.
    PhaseStarted {
        /// Which plan of the run, from 0.
        round: u32,
        /// Which kind of phase.
        phase: PhaseKind,
        /// How many writes.
        steps: usize,
    },
    /// An order is about to leave.
    OrderSent {
        /// What it does.
        action: Action,
        /// Which symbol.
        symbol: Symbol,
        /// Buy or sell.
        side: Side,
        /// How much.
        qty: Qty,
        /// Worst acceptable price.
        limit: Price,
        /// Its identity.
        id: ClientOrderId,
    },
    /// The venue took an order in and has not said more.
    OrderAcknowledged {
        /// Which symbol.
        symbol: Symbol,
        /// Which order.
        id: ClientOrderId,
    },
    /// An order is over; what was executed is `filled`.
    OrderEnded {
        /// Which symbol.
        symbol: Symbol,
        /// Which order.
        id: ClientOrderId,
        /// How much was ordered.
        qty: Qty,
        /// How much was executed.
        filled: Qty,
        /// At which price, on average.
        average_price: Option<Price>,
    },
    /// The venue refused an order; nothing happened.
    OrderRefused {
        /// Which symbol.
        symbol: Symbol,
        /// Which order.
        id: ClientOrderId,
        /// Why.
        error: String,
    },
    /// The answer was lost: it may have been executed, or not.
    OrderUnknown {
        /// Which symbol.
        symbol: Symbol,
        /// Which order.
        id: ClientOrderId,
        /// What went wrong.
        error: String,
    },
    /// An order is being asked for.
    Resolving {
        /// Which symbol.
        symbol: Symbol,
        /// Which order.
        id: ClientOrderId,
        /// How often it was asked for before.
        asked: u32,
    },
    /// An order is sent again under the same identity, which the venue takes once only.
    Resent {
        /// Which symbol.
        symbol: Symbol,
        /// Which order.
        id: ClientOrderId,
    },
    /// An order's outcome stayed unknown; its quantity is counted as filled from now on.
    Quarantined {
        /// Which symbol.
        symbol: Symbol,
        /// Which order.
        id: ClientOrderId,
        /// How much.
        qty: Qty,
    },
    /// A setting was written, or a resting order cancelled, and the venue said yes.
    Written {
        /// What.
        action: Action,
        /// Of which symbol.
        symbol: Symbol,
    },
    /// The venue refused a write that is no order.
    WriteFailed {
        /// What.
        action: Action,
        /// Of which symbol.
        symbol: Symbol,
        /// Why.
        error: String,
    },
    /// Leverage and margin mode were read back from the venue as planned.
    LeverageProven {
        /// Which symbol.
        symbol: Symbol,
        /// The leverage.
        leverage: Leverage,
        /// The margin mode.
        mode: MarginMode,
    },
    /// A symbol takes no further part in the run.
    SetAside {
        /// Which symbol.
        symbol: Symbol,
        /// Why.
        why: String,
    },
    /// The released margin is not shown yet.
    WaitingForMargin {
        /// In which pool.
        pool: PoolId,
        /// What should be free.
        expected: Usd,
        /// What the venue shows.
        seen: Usd,
    },
    /// A fill is not shown yet.
    WaitingForPosition {
        /// Which symbol.
        symbol: Symbol,
        /// What the position should be.
        expected: Qty,
        /// What the venue shows.
        seen: Qty,
    },
    /// A setting is not shown as it was written.
    WaitingForLeverage {
        /// Which symbol.
        symbol: Symbol,
    },
    /// A pause.
    Waiting {
        /// How long.
        wait: Duration,
        /// What for.
        why: &'static str,
    },
    /// A reading failed and is tried again.
    ReadFailed {
        /// What the venue said.
        error: String,
    },
    /// A new plan was made from a fresh reading, with another factor than before.
    Replanned {
        /// Which plan of the run, from 0.
        round: u32,
        /// The factor of the plan before.
        scale_before: Decimal,
        /// Its own.
        scale_after: Decimal,
    },
    /// The run is over.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// In the user's words.
        message: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::RunStarted { trades, .. } => write!(f, "started: {trades} order(s) approved"),
            Event::PhaseStarted { round, phase, steps } => {
                write!(f, "round {}: {phase}, {steps} step(s)", round.saturating_add(1))
            }
            Event::OrderSent { action, symbol, side, qty, limit, .. } => {
                write!(f, "{symbol} {action}: {side} {qty}, limit {limit}")
            }
            Event::OrderAcknowledged { symbol, .. } => write!(f, "{symbol}: acknowledged"),
            Event::OrderEnded { symbol, qty, filled, average_price, .. } => {
                write!(f, "{symbol}: {filled} of {qty} filled")?;
                average_price.map_or(Ok(()), |price| write!(f, " at {price:.6}"))
            }
            Event::OrderRefused { symbol, error, .. } => write!(f, "{symbol}: refused: {error}"),
            Event::OrderUnknown { symbol, error, .. } => write!(f, "{symbol}: outcome unknown: {error}"),
            Event::Resolving { symbol, asked, .. } => {
                write!(f, "{symbol}: asking for the order (asked {asked} time(s) before)")
            }
            Event::Resent { symbol, .. } => write!(f, "{symbol}: sent again under the same identity"),
            Event::Quarantined { symbol, qty, .. } => {
                write!(f, "{symbol}: {qty} stays counted as filled; its outcome could not be learned")
            }
            Event::Written { action, symbol } => write!(f, "{symbol} {action}: accepted"),
            Event::WriteFailed { action, symbol, error } => write!(f, "{symbol} {action}: {error}"),
            Event::LeverageProven { symbol, leverage, mode } => {
                write!(f, "{symbol}: the venue reads {leverage}x {mode}")
            }
            Event::SetAside { symbol, why } => write!(f, "{symbol}: set aside: {why}"),
            Event::WaitingForMargin { pool, expected, seen } => {
                write!(f, "{pool}: waiting for margin: {seen:.2} free, {expected:.2} expected")
            }
            Event::WaitingForPosition { symbol, expected, seen } => {
                write!(f, "{symbol}: waiting for the position: {seen} shown, {expected} expected")
            }
            Event::WaitingForLeverage { symbol } => write!(f, "{symbol}: waiting for the leverage to show"),
            Event::Waiting { wait, why } => write!(f, "waiting {} ms {why}", wait.as_millis()),
            Event::ReadFailed { error } => write!(f, "reading failed: {error}"),
            Event::Replanned { scale_before, scale_after, .. } => write!(
                f,
                "planned again: scale {} (was {})",
                round::for_reading(*scale_after, 4),
                round::for_reading(*scale_before, 4)
            ),
            Event::Finished { message, .. } => f.write_str(message),
        }
    }
}
