//! What a run remembers between its plans.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use core::fmt;

use evenkeel_types::{Decimal, Qty, Symbol, Usd, decimal_text};
use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// The kinds of phase, in the order in which they are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)]
pub enum PhaseKind {
    /// Cancels, closes, decreases.
    Release,
    /// Margin modes, margin moves and leverage settings, raises before lowers.
    Leverage,
    /// Increases, opens.
    Acquire,
}

impl fmt::Display for PhaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            PhaseKind::Release => "release",
            PhaseKind::Leverage => "leverage",
            PhaseKind::Acquire => "acquire",
        })
    }
}

/// Quantity that may execute, or may have executed, without our knowing: orders with an unknown outcome, and
/// those whose outcome could not be proven within its deadline. It counts as filled wherever that is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// That could still be bought.
    pub buy: Qty,
    /// That could still be sold.
    pub sell: Qty,
}

/// The signed notional within which a symbol may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Lowest, with its sign.
    pub low: Usd,
    /// Highest, with its sign.
    pub high: Usd,
}

/// What was approved. A later plan of the run that leaves it needs a new approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Each symbol of the run stays between where it was and where it goes, give or take a lot; symbols that are
    /// not in here are not traded. In notional at the prices of the moment, because a target is one.
    pub symbols: BTreeMap<Symbol, Span>,
    /// No later plan of the run ends with more gross exposure than this.
    pub gross: Usd,
    /// Notional traded in the whole run.
    pub turnover: Usd,
}

/// What a run remembers between its plans: the planner's memory, as data. A new run starts from
/// [`RunState::start`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// How many plans of this run were executed before; part of every plan's identity, so that no two plans of a
    /// run ever share order ids.
    pub round: u32,
    /// The phase reached. Plans go forward only; back to release only above the cap, or to reopen further
    /// symbols.
    pub phase: PhaseKind,
    /// Within a run the scale factor may fall, never rise.
    #[serde(with = "decimal_text")]
    pub scale_ceiling: Decimal,
    /// Share of every voluntary change that the turnover cap allows, of the way from where the run started. It may
    /// fall, never rise.
    #[serde(with = "decimal_text")]
    pub trim_ceiling: Decimal,
    /// Share of what is added that found room under the limits, of the way from where the run started. It may fall,
    /// never rise: better prices than the worst are not traded after.
    #[serde(with = "decimal_text")]
    pub room_ceiling: Decimal,
    /// Symbols that are not traded up any more, and why: refused leverage, delisted.
    pub set_aside: BTreeMap<Symbol, String>,
    /// Quantities whose outcome is not known.
    pub pending: BTreeMap<Symbol, Pending>,
    /// Symbols whose close for reopening was begun; each is closed at most once in a run.
    pub reopening: BTreeSet<Symbol>,
    /// Notional traded so far.
    pub turnover: Usd,
    /// Fees paid so far.
    pub fees: Usd,
    /// What was approved; `None` while a first plan is being made for approval.
    pub envelope: Option<Envelope>,
    /// Only reduce: what recovery after a crash does.
    pub release_only: bool,
}

impl RunState {
    /// The state of a run that has not begun.
    #[must_use]
    pub fn start() -> Self {
        Self {
            round: 0,
            phase: PhaseKind::Release,
            scale_ceiling: Decimal::ONE,
            trim_ceiling: Decimal::ONE,
            room_ceiling: Decimal::ONE,
            set_aside: BTreeMap::new(),
            pending: BTreeMap::new(),
            reopening: BTreeSet::new(),
            turnover: Usd::ZERO,
            fees: Usd::ZERO,
            envelope: None,
            release_only: false,
        }
    }

    /// The state of a run for which a plan was approved: what it approved is the most that later plans may do.
    #[must_use]
    pub fn approved(plan: &Plan, envelope: Envelope) -> Self {
        Self {
            scale_ceiling: plan.cap.scale,
            trim_ceiling: plan.cap.trim,
            room_ceiling: plan.cap.room,
            envelope: Some(envelope),
            ..Self::start()
        }
    }

    /// Remembers that the first phase of a plan is about to be carried out. What it traded is added to `turnover`
    /// and `fees` when that is known.
    pub fn begin(&mut self, plan: &Plan) {
        let Some(phase) = plan.phases.first() else { return };
        self.round = self.round.saturating_add(1);
        self.phase = phase.kind;
        self.scale_ceiling = self.scale_ceiling.min(plan.cap.scale);
        self.trim_ceiling = self.trim_ceiling.min(plan.cap.trim);
        self.room_ceiling = self.room_ceiling.min(plan.cap.room);
        self.reopening.extend(plan.reopened_by(phase));
    }
}
