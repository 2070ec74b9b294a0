//! The two traits.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_types::{
    Capabilities, ClientOrderId, FeeRates, Fill, Instruments, Leverage, LeverageSetting, MarginMode,
    OrderState, Rate, Scope, Snapshot, Symbol, Timestamp, Usd, VenueId,
};

use crate::abilities::{Abilities, ReadAbilities};
use crate::error::Result;
use crate::request::OrderRequest;

/// A symbol's funding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundingRate {
    /// Of which symbol.
    pub symbol: Symbol,
    /// Rate of the next payment, per interval; positive: longs pay shorts.
    pub rate: Rate,
    /// Time between payments.
    pub interval: Duration,
    /// When the next payment is due, by the venue's clock.
    pub next: Timestamp,
}

/// Reading an account. A read-only key is enough. Every error of these calls has
/// [`Effect::NotApplied`](crate::Effect::NotApplied).
#[async_trait]
pub trait Observe: Debug + Send + Sync {
    /// Which venue.
    fn venue(&self) -> &VenueId;

    /// What it lets one do.
    fn capabilities(&self) -> &Capabilities;

    /// The venue's clock.
    async fn server_time(&self) -> Result<Timestamp>;

    /// All instruments.
    async fn instruments(&self) -> Result<Instruments>;

    /// The account as it stands: all positions, and prices, rules, fees and leverage settings of everything held
    /// and everything in `scope`. It passes [`Snapshot::validate`] with the same scope.
    async fn snapshot(&self, scope: &Scope) -> Result<Snapshot>;

    /// The leverage and margin mode stored for each symbol, flat or held, read now: one outcome each, in the order
    /// given, in as few requests as the venue needs.
    async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>>;

    /// One of our orders by its id. `None` means that the venue does not know it (yet, or any more); it is no
    /// proof that the order was never placed.
    async fn order(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>>;

    /// All executions of these symbols since a moment, oldest first. All or an error: a list with a hole in it would
    /// read as orders that were not executed.
    async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>>;

    /// Rate, interval and next settlement of a symbol's funding.
    async fn funding(&self, symbol: &Symbol) -> Result<FundingRate>;

    /// This account's maker and taker rates for a symbol.
    async fn fees(&self, symbol: &Symbol) -> Result<FeeRates>;

    /// What else this venue can report.
    fn read_abilities(&self) -> ReadAbilities<'_>;
}

/// Changing an account. Errors say whether the venue may have acted; no implementation ever retries a write.
#[async_trait]
pub trait Trade: Observe {
    /// Places a whole phase: one outcome per order, in the order given, in as few requests as the venue's batches
    /// allow. `Ok` means acknowledged; what was executed is in the [`OrderState`] or has to be observed.
    async fn place(&self, orders: &[OrderRequest]) -> Vec<Result<OrderState>>;

    /// Cancels one of our orders. `Ok` means that it is not open any more, for whatever reason.
    async fn cancel(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()>;

    /// Cancels any order by the venue's own id, also one that somebody else placed.
    async fn cancel_by_venue_id(&self, symbol: &Symbol, venue_order_id: &str) -> Result<()>;

    /// Sets the leverage of a symbol, on both sides where the venue has sides. Never changes the margin mode.
    async fn set_leverage(&self, symbol: &Symbol, leverage: Leverage) -> Result<()>;

    /// Sets the margin mode of a symbol, where the venue has it per symbol.
    async fn set_margin_mode(&self, symbol: &Symbol, mode: MarginMode) -> Result<()>;

    /// Moves margin between the pool and the bucket of an isolated position: above zero into the bucket.
    async fn adjust_margin(&self, symbol: &Symbol, delta: Usd) -> Result<()>;

    /// What else this venue can do.
    fn abilities(&self) -> Abilities<'_>;
}
