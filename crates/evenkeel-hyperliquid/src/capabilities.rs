//! What Hyperliquid lets one do, as data.

use evenkeel_types::{
    Acknowledgement, Capabilities, Dedupe, Fence, LowerIsolated, MarginAdjustment, MarginModeScope,
    MinNotionalRule, ReduceOnlyRule, WithPosition,
};

/// How many orders go in one signed action. A signed action may weigh 200, measured with cancels only (200
/// pass, 201 are refused whole); whether orders weigh the same is not documented, so half of it is used.
const ORDERS_PER_REQUEST: u32 = 100;

/// Hyperliquid's rules. The README's capability table has the source and date of each.
///
/// Instruments may be stricter than their venue: `MarginModes::StrictIsolated` ones take margin in and never
/// give it back, whatever [`MarginAdjustment::Both`] says.
///
/// ```
/// use evenkeel_types::LowerIsolated;
///
/// let rules = evenkeel_hyperliquid::capabilities();
/// assert_eq!(rules.lower_isolated, LowerIsolated::AfterTopUp);
/// assert!(!rules.switch_mode_with_position);
/// ```
#[must_use]
pub fn capabilities() -> Capabilities {
    Capabilities {
        // Measured on testnet: 5x to 10x on held cross and isolated positions. On cross the reserved margin
        // falls at once, on isolated nothing moves.
        raise_with_position: WithPosition { cross: true, isolated: true },
        // Measured on testnet: accepted while the account value covers the larger initial margin, else
        // "Cross position does not have sufficient margin available to decrease leverage".
        lower_cross_with_position: true,
        // Measured on testnet: refused on an underfunded bucket, accepted after margin was added. There is no
        // automatic top-up.
        lower_isolated: LowerIsolated::AfterTopUp,
        // One action sets mode and leverage of one asset of the account.
        margin_mode_scope: MarginModeScope::Symbol,
        // Measured in both directions: "Cannot switch leverage type with open position."
        switch_mode_with_position: false,
        // Neither documented nor measured: the cautious value. A raised setting frees margin that resting
        // orders reserve, so the venue may well check them.
        orders_block_leverage: true,
        orders_block_mode: true,
        // One net position and one setting per asset.
        per_side_leverage: false,
        margin_adjustment: MarginAdjustment::Both,
        hedge_mode: false,
        // The documentation promises no uniqueness of `cloid`.
        dedupe: Dedupe::None,
        // Official documentation: a `noop` with the same nonce invalidates a still pending action.
        fence: Fence::Nonce,
        // Only an action that carries `expiresAfter` expires, and the caller chooses that moment. Without it a
        // nonce stays acceptable for two days, which is no bound to wait for.
        request_validity: None,
        // Official documentation: the answer comes after the transaction is in a committed block.
        acknowledgement: Acknowledgement::Synchronous,
        // Measured on testnet: a partial close below 10 USD is refused even when reduce-only, one of the whole
        // position is accepted.
        min_notional: MinNotionalRule::FullCloseExempt,
        // Measured on testnet: shrunk to the position.
        reduce_only: ReduceOnlyRule::Clamps,
        orders_per_request: ORDERS_PER_REQUEST,
    }
}
