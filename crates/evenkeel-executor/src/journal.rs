//! What a run writes down, as typed records. Recovery folds them: an intent without an outcome is unresolved.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_rebalance::{Envelope, PhaseKind, Plan, PlanId, Policy, ResolvedTarget, RunState, Work};
use evenkeel_store::{JournalError, Kind, Record};
use evenkeel_types::{
    ClientOrderId, OrderIntent, OrderState, PoolId, Qty, Side, Snapshot, Symbol, Timestamp, Usd,
};
use serde::{Deserialize, Serialize};

/// Version of these records' form.
pub const SCHEMA: u32 = 1;

/// A run began ([`Kind::Run`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of the form of all records of the run.
    pub schema: u32,
    /// When, by our clock.
    pub at: Timestamp,
    /// The approved plan.
    pub plan: PlanId,
    /// Until when the approval holds.
    pub expires: Timestamp,
    /// What is to be reached, resolved once.
    pub target: ResolvedTarget,
    /// Within which limits.
    pub policy: Policy,
    /// What was approved.
    pub envelope: Envelope,
}

/// A plan whose first phase is about to be carried out ([`Kind::Plan`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// When, by our clock.
    pub at: Timestamp,
    /// The whole plan.
    pub plan: Plan,
    /// What the run remembered when it was made.
    pub state: RunState,
    /// The phase that is carried out.
    pub phase: PhaseKind,
}

/// A write that was decided on ([`Kind::Intent`]); on record before its first byte leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentRecord {
    /// Of which plan; `None` for an emergency close, which has none.
    pub plan: Option<PlanId>,
    /// Which step of it.
    pub step: u32,
    /// Of which symbol.
    pub symbol: Symbol,
    /// The position before it.
    pub position: Qty,
    /// What is sent.
    pub write: Write,
    /// Until when it may be sent.
    pub expires: Timestamp,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Write {
    /// An order.
    Order(OrderIntent),
    /// Anything else.
    Setting(Work),
}

/// What the venue answered to a write ([`Kind::Observed`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedRecord {
    /// Of which plan.
    pub plan: Option<PlanId>,
    /// To which step.
    pub step: u32,
    /// Of which symbol.
    pub symbol: Symbol,
    /// Of which order; `None` for other writes.
    pub order: Option<ClientOrderId>,
    /// What.
    pub seen: Seen,
}

/// What the venue answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Seen {
    /// An order's state.
    Order(OrderState),
    /// Yes, to a write that is no order. No proof that anything changed.
    Accepted,
    /// No; nothing happened.
    Refused {
        /// Why.
        error: String,
    },
    /// Nothing that says whether it happened.
    Unknown {
        /// What went wrong.
        error: String,
    },
    /// It was never sent.
    NotSent {
        /// Why.
        why: String,
    },
}

/// How an order ended that was not over when it was first answered ([`Kind::Resolved`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedRecord {
    /// Of which symbol.
    pub symbol: Symbol,
    /// Which order.
    pub order: ClientOrderId,
    /// What was executed.
    pub filled: Qty,
    /// By which evidence.
    pub evidence: Evidence,
}

/// What an outcome is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Evidence {
    /// The venue's own record of the order.
    OrderRecord,
    /// Its executions add up to its size.
    Fills,
}

/// An order whose outcome stayed unknown ([`Kind::Quarantine`]): what is open of it counts as filled wherever that is
/// worse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineRecord {
    /// When, by our clock.
    pub at: Timestamp,
    /// Of which symbol.
    pub symbol: Symbol,
    /// Which order.
    pub order: ClientOrderId,
    /// Buy or sell.
    pub side: Side,
    /// Whether it can only reduce.
    pub reduce_only: bool,
    /// How much may still execute, or may have executed.
    pub open: Qty,
}

/// An account reading that a decision was made from ([`Kind::Snapshot`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadingRecord {
    /// When, by the venue's clock.
    pub as_of: Timestamp,
    /// Positions.
    pub positions: BTreeMap<Symbol, Qty>,
    /// Free margin of each pool.
    pub free: BTreeMap<PoolId, Usd>,
}

impl ReadingRecord {
    /// What matters of a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            as_of: snapshot.as_of,
            positions: snapshot.positions.iter().map(|held| (held.symbol.clone(), held.qty)).collect(),
            free: snapshot.pools.iter().map(|pool| (pool.id.clone(), pool.free)).collect(),
        }
    }
}

/// The last record of a run ([`Kind::Done`], [`Kind::Aborted`], [`Kind::Halted`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndRecord {
    /// When, by our clock.
    pub at: Timestamp,
    /// How it ended, in words.
    pub outcome: String,
    /// What the user is told.
    pub message: String,
    /// What the run remembers; quantities in quarantine among it.
    pub state: Option<RunState>,
    /// How many plans were carried out.
    pub rounds: u32,
}

/// An emergency close began ([`Kind::Run`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlattenRecord {
    /// Version of the form of all records of it.
    pub schema: u32,
    /// When, by our clock.
    pub at: Timestamp,
    /// Only these symbols; `None` is everything.
    pub only: Option<BTreeSet<Symbol>>,
}

/// Any record with its kind.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)]
#[non_exhaustive]
pub enum Body {
    /// A run began.
    Run(Box<RunRecord>),
    /// An emergency close began.
    Flatten(FlattenRecord),
    /// A plan is carried out.
    Plan(Box<PlanRecord>),
    /// A write was decided on.
    Intent(IntentRecord),
    /// It was answered.
    Observed(ObservedRecord),
    /// An order's end became known.
    Resolved(ResolvedRecord),
    /// An order's end did not become known.
    Quarantine(QuarantineRecord),
    /// A reading.
    Snapshot(ReadingRecord),
    /// A run ended where it was meant to.
    Done(Box<EndRecord>),
    /// A run ended early.
    Aborted(Box<EndRecord>),
    /// A run was stopped.
    Halted(Box<EndRecord>),
}

impl Body {
    /// As it is stored.
    ///
    /// # Errors
    /// [`JournalError::Encode`].
    pub fn record(&self) -> Result<Record, JournalError> {
        match self {
            Body::Run(body) => Record::new(Kind::Run, body),
            Body::Flatten(body) => Record::new(Kind::Run, body),
            Body::Plan(body) => Record::new(Kind::Plan, body),
            Body::Intent(body) => Record::new(Kind::Intent, body),
            Body::Observed(body) => Record::new(Kind::Observed, body),
            Body::Resolved(body) => Record::new(Kind::Resolved, body),
            Body::Quarantine(body) => Record::new(Kind::Quarantine, body),
            Body::Snapshot(body) => Record::new(Kind::Snapshot, body),
            Body::Done(body) => Record::new(Kind::Done, body),
            Body::Aborted(body) => Record::new(Kind::Aborted, body),
            Body::Halted(body) => Record::new(Kind::Halted, body),
        }
    }

    /// Read back.
    ///
    /// # Errors
    /// [`JournalError::Encode`] for a record that is not of this form.
    pub fn read(record: &Record) -> Result<Self, JournalError> {
        let text = &record.body;
        let body = match record.kind {
            // The two have no field in common but the first two, and each needs its own.
            Kind::Run => serde_json::from_str(text)
                .map(Body::Flatten)
                .or_else(|_| serde_json::from_str(text).map(Body::Run)),
            Kind::Plan => serde_json::from_str(text).map(Body::Plan),
            Kind::Intent => serde_json::from_str(text).map(Body::Intent),
            Kind::Observed => serde_json::from_str(text).map(Body::Observed),
            Kind::Resolved => serde_json::from_str(text).map(Body::Resolved),
            Kind::Quarantine => serde_json::from_str(text).map(Body::Quarantine),
            Kind::Snapshot => serde_json::from_str(text).map(Body::Snapshot),
            Kind::Done => serde_json::from_str(text).map(Body::Done),
            Kind::Aborted => serde_json::from_str(text).map(Body::Aborted),
            Kind::Halted => serde_json::from_str(text).map(Body::Halted),
            _ => Err(serde::de::Error::custom("a record of an unknown kind")),
        };
        body.map_err(JournalError::Encode)
    }
}
