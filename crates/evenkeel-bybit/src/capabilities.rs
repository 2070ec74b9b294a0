//! What the venue lets one do, as data.

use std::time::Duration;

use evenkeel_types::{
    Acknowledgement, Capabilities, Dedupe, Fence, LowerIsolated, MarginAdjustment, MarginModeScope,
    MinNotionalRule, ReduceOnlyRule, WithPosition,
};

/// Orders in one request. The page of the batch calls says 20, the page of the limits 10, and an account may place 10
/// a second.
const ORDERS_PER_REQUEST: u32 = 10;
/// The venue's own default.
pub(crate) const REQUEST_VALIDITY: Duration = Duration::from_secs(5);

/// The venue's rules for a unified account. The README's capability table has the source and date of each.
///
/// ```
/// use evenkeel_types::{Dedupe, MarginModeScope};
///
/// let rules = evenkeel_bybit::capabilities();
/// assert_eq!(rules.margin_mode_scope, MarginModeScope::Account);
/// assert_eq!(rules.dedupe, Dedupe::Forever);
/// ```
#[must_use]
pub fn capabilities() -> Capabilities {
    Capabilities {
        // Documented: allowed with positions and orders. In isolated mode it may be refused where it would liquidate.
        raise_with_position: WithPosition { cross: true, isolated: true },
        // Documented: it needs the larger initial margin free (110006, 110007, 110012, 110044, 110045).
        lower_cross_with_position: true,
        lower_isolated: LowerIsolated::NeedsFree,
        // `account/set-margin-mode` is for the whole account; the switch of one symbol was taken away.
        margin_mode_scope: MarginModeScope::Account,
        // It may work, and is refused with reasons where it does not; never done here.
        switch_mode_with_position: false,
        // Documented: allowed with open orders.
        orders_block_leverage: false,
        // 3400052 to 3400054: uncancelled orders.
        orders_block_mode: true,
        // Both sides are written by each call; they differ only in hedge mode with isolated margin.
        per_side_leverage: true,
        margin_adjustment: MarginAdjustment::Both,
        hedge_mode: true,
        // "Always unique"; 110072 where it is not.
        dedupe: Dedupe::Forever,
        fence: Fence::SameId,
        request_validity: Some(REQUEST_VALIDITY),
        // An accepted order may still be refused; it must be asked for.
        acknowledgement: Acknowledgement::Asynchronous,
        // No exemption is documented (110094).
        min_notional: MinNotionalRule::NoExemption,
        // Whether one is cut to the position is not documented (110017).
        reduce_only: ReduceOnlyRule::RejectsOversize,
        orders_per_request: ORDERS_PER_REQUEST,
    }
}
