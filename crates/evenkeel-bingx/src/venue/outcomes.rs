//! What the venue says about an order, as its outcome.

use evenkeel_exchange::{Effect, ErrorKind};
use evenkeel_http::Failure;
use evenkeel_types::{OrderIntent, OrderState, OrderStatus, PositionSide, Qty};

use super::rules::Outcome;
use crate::decode::{Acknowledged, BatchEntry};
use crate::encode::Parameters;
use crate::error::{Means as _, refusal};

/// An order that is ready to go.
pub(super) struct Ready<'a> {
    pub(super) index: usize,
    pub(super) intent: &'a OrderIntent,
    pub(super) parameters: Parameters,
    /// Whether the venue has told this connector of an order with its id before.
    pub(super) again: bool,
    /// Whether it was sent before, and may have arrived: this is a copy.
    pub(super) copy: bool,
}

/// A refusal of a change of leverage or margin mode, for whatever reason that lies in the account: too little margin, or
/// a position that is too large for it.
pub(super) fn refused_setting(failure: Failure) -> Failure {
    let about_mode = failure.message.contains("PositionSide") || failure.message.contains("Side field");
    let by_account = matches!(failure.kind, ErrorKind::InsufficientMargin | ErrorKind::Rejected);
    if failure.effect == Effect::NotApplied && by_account && !about_mode {
        return Failure { kind: ErrorKind::LeverageRefused, ..failure };
    }
    failure
}

/// The refusal of a copy is about the copy alone where the venue has told us of the first one. Where it has not, the
/// refusal is the proof that the first one was taken, or that something below us sent it twice: to call that "not applied"
/// would have it ordered anew.
pub(super) fn of_copy(failure: Failure, again: bool) -> Failure {
    if again && failure.is_used_id() { Failure { effect: Effect::NotApplied, ..failure } } else { failure }
}

/// What a batch says about one of its orders.
pub(super) fn entry_of(order: &Ready<'_>, entries: &[BatchEntry]) -> Outcome<OrderState> {
    let ours = order.intent.id.as_str();
    let mut about = entries.iter().filter(|entry| {
        let id = match entry {
            BatchEntry::Taken(taken) => &taken.client_order_id,
            BatchEntry::Refused(id, _) => id,
        };
        id.as_deref() == Some(ours)
    });
    match (about.next(), about.next()) {
        (Some(BatchEntry::Taken(taken)), None) => order_state(order.intent, taken.clone()),
        (Some(BatchEntry::Refused(_, refused)), None) => {
            Err(of_copy(refusal(&refused.code, &refused.text), order.again))
        }
        (None, _) => Err(Failure::unproven("the answer says nothing about this order")),
        _ => Err(Failure::unproven("the answer has two outcomes for this order")),
    }
}

/// What the venue says about an order, as its state. Where it says less, the order was taken in and has to be asked for.
pub(super) fn order_state(intent: &OrderIntent, answer: Acknowledged) -> Outcome<OrderState> {
    if answer.symbol != intent.symbol || answer.side != intent.side {
        let problem = format!("the answer is about a {} of {}", answer.side, answer.symbol);
        return Err(Failure::unproven(problem));
    }
    // Without its id an order cannot be found again, and a copy of it would be taken.
    if answer.client_order_id.as_deref() != Some(intent.id.as_str()) {
        let problem = format!("order {} was taken without our id", answer.venue_order_id);
        return Err(Failure::unproven(problem));
    }
    if let Some(ordered) = answer.ordered.filter(|ordered| *ordered != intent.qty) {
        return Err(Failure::unproven(format!("{ordered} was ordered instead of {}", intent.qty)));
    }
    if intent.reduce_only && intent.position_side == PositionSide::Net && answer.reduce_only == Some(false) {
        return Err(Failure::unproven("the order was taken as one that may do more than reduce"));
    }
    let filled = answer.filled.unwrap_or(Qty::ZERO);
    if filled > intent.qty {
        return Err(Failure::unproven(format!("{filled} was executed of {}", intent.qty)));
    }
    // The answer comes after acceptance. Only an execution of the whole is the end of it: an order that reads as over, but
    // not or not wholly executed, may have traded by now, and has to be asked for.
    let status = match answer.status {
        Some(OrderStatus::Filled) if filled == intent.qty => OrderStatus::Filled,
        Some(OrderStatus::Open) if answer.filled.is_some() => OrderStatus::Open,
        _ => OrderStatus::Acknowledged,
    };
    Ok(OrderState {
        id: intent.id,
        venue_order_id: Some(answer.venue_order_id),
        symbol: intent.symbol.clone(),
        side: intent.side,
        qty: intent.qty,
        filled,
        average_price: answer.average_price.filter(|_| filled.is_positive()),
        fee: None,
        status,
    })
}
