//! Why something is refused, in the venue's codes and words.
//!
//! Codes are those of the venue's page *Error Codes*. Texts that somebody recorded are marked; all others are that page's
//! descriptions in short.

use super::envelope::Refusal;
use crate::floor::Why;

/// What is said of an order.
pub(super) fn order(why: &Why) -> Refusal {
    let (code, text): (u64, &str) = match why {
        // Recorded.
        Why::Margin => (110_007, "ab not enough for new order"),
        Why::NothingToReduce => (110_017, "current position is zero, cannot fix reduce-only order qty"),
        Why::ReduceTooLarge | Why::Locked => (110_017, "Reduce-only rule not satisfied"),
        // Descriptions.
        Why::UnknownSymbol => (10_001, "params error: symbol invalid"),
        Why::NoQty => (10_001, "params error: qty invalid"),
        Why::QtyStep => (10_001, "Qty invalid"),
        Why::QtyTooSmall => (10_001, "The number of contracts is below the minimum limit allowed"),
        Why::QtyTooLarge => (10_001, "The number of contracts exceeds maximum limit allowed"),
        Why::NoPrice => (10_001, "params error: price invalid"),
        Why::PriceStep => (10_001, "Price invalid"),
        Why::Notional => (110_094, "Order does not meet minimum order value"),
        Why::Leg => (10_001, "position idx not match position mode"),
        Why::DuplicateId => (110_072, "OrderLinkedID is duplicate"),
        Why::WouldMatch => (10_001, "EC_PostOnlyWillTakeLiquidity"),
        Why::WouldTrigger => (110_092, "trigger price on the wrong side of the current price"),
        Why::PositionLimit => (
            110_090,
            "Order placement failed as your position may exceed the max limit. Please adjust your leverage",
        ),
        Why::NoOrder => (110_001, "order not exists or too late to cancel"),
        Why::Halted => (110_074, "This contract is not live"),
        Why::LeverageRange | Why::LeverageTier => (110_013, "cannot set leverage due to risk limit level"),
        Why::LeverageIsolated => (110_044, "Available margin is insufficient"),
        Why::Held => (110_024, "You have an existing position, so the position mode cannot be switched"),
        Why::Orders => (110_028, "You have existing open orders, so the position mode cannot be switched"),
        Why::NotIsolated => (110_015, "Position is in cross margin"),
        Why::NotSupported => (110_029, "This symbol does not support hedge mode"),
        Why::Other(text) => (10_001, text),
    };
    Refusal::new(code, text)
}

/// The word in `rejectReason` for an order that was taken in and refused when it was carried out.
pub(super) fn reject_reason(why: &Why) -> &'static str {
    match why {
        Why::WouldMatch => "EC_PostOnlyWillTakeLiquidity",
        Why::Margin => "INSUFFICIENT_MARGIN",
        _ => "EC_Others",
    }
}
