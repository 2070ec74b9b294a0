//! What BingX lets one do, as data.

use std::time::Duration;

use evenkeel_types::{
    Acknowledgement, Capabilities, Dedupe, Fence, LowerIsolated, MarginAdjustment, MarginModeScope,
    MinNotionalRule, ReduceOnlyRule, WithPosition,
};

/// How many orders go in one request (official documentation, 2025-11: "up to 5 orders").
pub(crate) const ORDERS_PER_REQUEST: u32 = 5;

/// BingX's rules. The README's capability table has the source and date of each.
///
/// ```
/// use evenkeel_types::{Dedupe, LowerIsolated};
///
/// let rules = evenkeel_bingx::capabilities();
/// assert_eq!(rules.lower_isolated, LowerIsolated::Remargins);
/// assert_eq!(rules.dedupe, Dedupe::Forever);
/// assert!(rules.per_side_leverage);
/// ```
#[must_use]
pub fn capabilities() -> Capabilities {
    Capabilities {
        // Documented as allowed with a position; the refusals are about margin (109400 "margin is not enough") and size
        // (101201, 101209, 101222).
        raise_with_position: WithPosition { cross: true, isolated: true },
        lower_cross_with_position: true,
        // A change re-margins the position: margin moves between wallet and bucket.
        lower_isolated: LowerIsolated::Remargins,
        // POST marginType names a symbol.
        margin_mode_scope: MarginModeScope::Symbol,
        // 104103 "Please close open positions or cancel pending orders first", seen live 2026-10.
        switch_mode_with_position: false,
        // Neither documented nor measured: the cautious value. Orders hold margin by the leverage that they were placed with.
        orders_block_leverage: true,
        orders_block_mode: true,
        // LONG and SHORT in hedge mode; one-way has BOTH, and reads give the same on both sides.
        per_side_leverage: true,
        margin_adjustment: MarginAdjustment::Both,
        hedge_mode: true,
        // "Different orders cannot use the same clientOrderId"; 101481 and 109201 say that an id was used.
        dedupe: Dedupe::Forever,
        fence: Fence::SameId,
        // `recvWindow`, which every signed request carries.
        request_validity: Some(Duration::from_secs(5)),
        // The answer comes after acceptance and may lack what was executed.
        acknowledgement: Acknowledgement::Asynchronous,
        // No exemption is documented: the cautious value.
        min_notional: MinNotionalRule::NoExemption,
        // 101290 in one-way mode, 110203 and 101205 in hedge mode.
        reduce_only: ReduceOnlyRule::RejectsOversize,
        orders_per_request: ORDERS_PER_REQUEST,
    }
}
