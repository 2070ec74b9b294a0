//! A venue's rules as data, beyond what its capabilities say.

use std::time::Duration;

use evenkeel_types::{Capabilities, Decimal, FeeRates, Leverage, MarginMode, Rate, Usd};

/// What an immediate order that traded nothing comes back as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum UnfilledIoc {
    /// As an error, [`NoLiquidity`](evenkeel_exchange::ErrorKind::NoLiquidity).
    Refused,
    /// As a cancelled order with nothing filled.
    Cancelled,
}

/// Everything in which the paper exchange imitates one venue. Take one of [`profiles`](crate::profiles) and change
/// what is to differ; all fields are rules that are enforced, not descriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Name of the venue, of at most 32 characters.
    pub name: &'static str,
    /// What the venue lets one do; answered as it stands, and enforced.
    pub capabilities: Capabilities,
    /// Leverage of a symbol that was never touched; the instrument's maximum where that is lower.
    pub default_leverage: Leverage,
    /// Margin mode of a symbol that was never touched; the instrument's only one where it has only one.
    pub default_mode: MarginMode,
    /// Fee rates of an account without discounts.
    pub fees: FeeRates,
    /// Time between funding payments, where the instrument does not say.
    pub funding_interval: Duration,
    /// From an asynchronous acknowledgement until the order is executed and can be asked for.
    pub acknowledgement_delay: Duration,
    /// Taken by the venue from a liquidated notional, as far as there is equity left.
    pub clearance_fee: Rate,
    /// Whether raising the leverage of an isolated position gives margin back to the pool.
    pub raising_releases_margin: bool,
    /// Share of the notional that must stay in a bucket when margin is taken out, whatever the leverage.
    pub removal_floor: Rate,
    /// Immediate orders that traded nothing.
    pub unfilled_ioc: UnfilledIoc,
    /// Of instruments made by [`Builder::market`](crate::Builder::market): smallest order value.
    pub min_notional: Usd,
    /// Of instruments made by [`Builder::market`](crate::Builder::market): granularity of leverage.
    pub leverage_step: Decimal,
    /// Of instruments made by [`Builder::market`](crate::Builder::market): closing fee counted as maintenance.
    pub liquidation_fee: Rate,
}
