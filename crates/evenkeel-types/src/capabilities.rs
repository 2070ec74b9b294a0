//! What a venue lets one do, as data. The planner and the executor decide by these, never by a venue's name.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Whether something is allowed while a position is held, by its margin mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithPosition {
    /// For a cross position.
    pub cross: bool,
    /// For an isolated position.
    pub isolated: bool,
}

/// How the leverage of a held isolated position can be lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LowerIsolated {
    /// Refused while a position is held (Binance -4161).
    Never,
    /// Accepted once the bucket's equity covers `notional / leverage`; margin is moved beforehand (Hyperliquid).
    AfterTopUp,
    /// The venue moves the missing margin from the pool itself (BingX).
    Remargins,
    /// Accepted when the pool has the difference free, and the venue moves it (Bybit).
    NeedsFree,
}

/// What a margin mode is set on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MarginModeScope {
    /// Each symbol has its own.
    Symbol,
    /// The whole account has one (Bybit unified); the planner never switches it.
    Account,
    /// It cannot be changed.
    Fixed,
}

/// For how long a client order id stays unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Dedupe {
    /// No uniqueness is documented: never send again.
    None,
    /// Among open orders only (Binance): never send again.
    OpenOrders,
    /// A used id is refused for ever (Bybit, BingX): sending the same id again proves what happened to it.
    Forever,
}

/// How a lost order can be made impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fence {
    /// Not at all: only its request validity ends it.
    None,
    /// A no-operation with the same nonce burns it (Hyperliquid).
    Nonce,
    /// The same id, sent again, is refused if it was used.
    SameId,
}

/// What `Ok` from placing an order means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Acknowledgement {
    /// The answer carries what was executed.
    Synchronous,
    /// The order was taken in and may still be refused; it must be asked for (Bybit).
    Asynchronous,
}

/// Which orders are exempt from the minimum notional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MinNotionalRule {
    /// None.
    NoExemption,
    /// Orders that close the whole position (Hyperliquid).
    FullCloseExempt,
    /// Every reduce-only order (Binance).
    ReduceOnlyExempt,
}

/// What a reduce-only order larger than the position does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReduceOnlyRule {
    /// It is shrunk to the position.
    Clamps,
    /// It is refused.
    RejectsOversize,
}

/// Whether the margin of an isolated bucket can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MarginAdjustment {
    /// Not at all.
    None,
    /// Into the bucket only.
    AddOnly,
    /// Both ways.
    Both,
}

/// A venue's rules as data. Anything a venue does not document has the cautious value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Raising the leverage setting of a held symbol.
    pub raise_with_position: WithPosition,
    /// Lowering the leverage setting of a held cross position, when the pool's free margin covers it.
    pub lower_cross_with_position: bool,
    /// Lowering it for a held isolated position.
    pub lower_isolated: LowerIsolated,
    /// Where the margin mode lives.
    pub margin_mode_scope: MarginModeScope,
    /// Whether the margin mode of a held symbol can be switched.
    pub switch_mode_with_position: bool,
    /// Whether resting orders on a symbol block changes of its leverage.
    pub orders_block_leverage: bool,
    /// Whether resting orders on a symbol block changes of its margin mode.
    pub orders_block_mode: bool,
    /// Whether long and short have settings of their own (both are written).
    pub per_side_leverage: bool,
    /// Moving isolated margin.
    pub margin_adjustment: MarginAdjustment,
    /// Whether the account can hold long and short of one symbol at once.
    pub hedge_mode: bool,
    /// Uniqueness of client order ids.
    pub dedupe: Dedupe,
    /// How a lost order is fenced off.
    pub fence: Fence,
    /// After how long the venue refuses a signed request that arrives late; `None` where it does not say.
    pub request_validity: Option<Duration>,
    /// What an answered order means.
    pub acknowledgement: Acknowledgement,
    /// Exemptions from the minimum notional.
    pub min_notional: MinNotionalRule,
    /// Oversized reduce-only orders.
    pub reduce_only: ReduceOnlyRule,
    /// How many orders go in one request; at least 1.
    pub orders_per_request: u32,
}

impl Capabilities {
    /// The most careful reading of everything: where to start for a venue that is only partly known. Leverage
    /// changes only when flat, ids prove nothing, acknowledgements prove nothing.
    #[must_use]
    pub fn cautious() -> Self {
        Self {
            raise_with_position: WithPosition { cross: false, isolated: false },
            lower_cross_with_position: false,
            lower_isolated: LowerIsolated::Never,
            margin_mode_scope: MarginModeScope::Fixed,
            switch_mode_with_position: false,
            orders_block_leverage: true,
            orders_block_mode: true,
            per_side_leverage: false,
            margin_adjustment: MarginAdjustment::None,
            hedge_mode: false,
            dedupe: Dedupe::None,
            fence: Fence::None,
            request_validity: None,
            acknowledgement: Acknowledgement::Asynchronous,
            min_notional: MinNotionalRule::NoExemption,
            reduce_only: ReduceOnlyRule::RejectsOversize,
            orders_per_request: 1,
        }
    }
}
