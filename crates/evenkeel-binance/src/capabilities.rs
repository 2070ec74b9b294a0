//! What Binance USDⓈ-M futures let one do, as data.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evenkeel_types::{
    Acknowledgement, Capabilities, Dedupe, Fence, LowerIsolated, MarginAdjustment, MarginModeScope,
    MinNotionalRule, PositionMode, ReduceOnlyRule, WithPosition,
};

/// How long a request of ours stays valid: the venue's own default for `recvWindow`. Longer, and a delayed order stays
/// possible for longer than anybody watches.
pub(crate) const REQUEST_VALIDITY: Duration = Duration::from_secs(5);

/// `batchOrders` takes five (documentation).
const ORDERS_PER_REQUEST: u32 = 5;

/// Binance's rules in single-asset, one-way mode. A connector says what holds in its account's mode, as it was read last;
/// before that, and in hedge mode, an oversized reduce-only order counts as refused. The README's capability table has the source and date of each.
///
/// ```
/// use evenkeel_types::{Dedupe, LowerIsolated};
///
/// let rules = evenkeel_binance::capabilities();
/// assert_eq!(rules.lower_isolated, LowerIsolated::Never);
/// assert_eq!(rules.dedupe, Dedupe::OpenOrders);
/// ```
#[must_use]
pub fn capabilities() -> Capabilities {
    Capabilities {
        // The venue's interface: "leverage changing will also apply for open positions and open orders". Raising an
        // isolated one moves no margin that anybody has measured.
        raise_with_position: WithPosition { cross: true, isolated: true },
        // -2028 where the margin does not suffice.
        lower_cross_with_position: true,
        // -4161: "Leverage reduction is not supported in Isolated Margin Mode with open positions".
        lower_isolated: LowerIsolated::Never,
        margin_mode_scope: MarginModeScope::Symbol,
        // -4048.
        switch_mode_with_position: false,
        // The change applies to resting orders at once; no code refuses it because of them.
        orders_block_leverage: false,
        // -4047.
        orders_block_mode: true,
        // One setting for both legs of hedge mode.
        per_side_leverage: false,
        margin_adjustment: MarginAdjustment::Both,
        hedge_mode: true,
        // Unique among open orders; a filled order's id may be used again, so that sending twice can trade twice.
        dedupe: Dedupe::OpenOrders,
        fence: Fence::None,
        // Every signed request carries `recvWindow`.
        request_validity: Some(REQUEST_VALIDITY),
        // `newOrderRespType=RESULT`: the answer of an immediate order is its final state.
        acknowledgement: Acknowledgement::Synchronous,
        // Verified with order/test in 2026-09: reduce-only orders have no minimum.
        min_notional: MinNotionalRule::ReduceOnlyExempt,
        // The excess expires (`er` 4); the position never flips.
        reduce_only: ReduceOnlyRule::Clamps,
        orders_per_request: ORDERS_PER_REQUEST,
    }
}

/// The rules of both position modes, and which of them the account is in.
#[derive(Debug)]
pub(crate) struct Rules {
    one_way: Capabilities,
    hedge: Capabilities,
    is_one_way: AtomicBool,
}

impl Rules {
    /// Rules for one-way mode, whose account's mode is not known yet.
    pub(crate) fn new(one_way: Capabilities) -> Self {
        Self { hedge: in_hedge_mode(&one_way), one_way, is_one_way: AtomicBool::new(false) }
    }

    /// The account was read to be in this mode: what holds there.
    pub(crate) fn of_mode(&self, mode: PositionMode) -> &Capabilities {
        self.is_one_way.store(mode == PositionMode::OneWay, Ordering::Relaxed);
        self.now()
    }

    /// What holds in the mode that was read last; the cautious rules before.
    pub(crate) fn now(&self) -> &Capabilities {
        if self.is_one_way.load(Ordering::Relaxed) { &self.one_way } else { &self.hedge }
    }
}

/// One report has the venue refuse what is larger than the leg, nobody saw it shrunk: the cautious value.
pub(crate) fn in_hedge_mode(one_way: &Capabilities) -> Capabilities {
    Capabilities { reduce_only: ReduceOnlyRule::RejectsOversize, ..one_way.clone() }
}
