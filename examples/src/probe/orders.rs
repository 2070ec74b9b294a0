//! Beliefs about orders: identities, reductions, minima, acknowledgements, reading lag.

use evenkeel_exchange::Fenced;
use evenkeel_types::{Acknowledgement, Decimal, Dedupe, Fence, MinNotionalRule, OrderState, ReduceOnlyRule};

use super::answers::{Said, Tried, not_tried, refusal};
use super::hands::Hands;
use super::{Belief, Findings};

/// What an answer shows: executed at once, or only taken in.
fn acknowledgement(findings: &mut Findings, state: &OrderState) {
    let found =
        if state.status.is_terminal() { Acknowledgement::Synchronous } else { Acknowledgement::Asynchronous };
    let documented = findings.documented.acknowledgement;
    findings.capabilities.acknowledgement = found;
    let evidence = format!("an immediate order came back as {:?}, {} filled", state.status, state.filled);
    findings.record(Belief::Acknowledgement, super::word(&documented), super::word(&found), evidence);
}

/// One fill: what its answer says, how long until it shows, what its identity is worth afterwards, and whether it can be
/// fenced off.
pub(super) async fn after_a_fill(hands: &mut Hands<'_>, findings: &mut Findings) -> Tried<()> {
    let (intent, state, held, lag) = hands.open().await?;
    acknowledgement(findings, &state);
    findings.record(
        Belief::ReadLag,
        "-".to_owned(),
        format!("{} ms", lag.as_millis()),
        "from the answer until a reading of the account showed the position, to the nearest reading"
            .to_owned(),
    );
    fence(hands, findings, &intent.id).await?;

    let before = held.qty(&hands.symbol);
    let answer = hands.send(intent).await?;
    let after = hands.settled().await?.qty(&hands.symbol);
    findings.refused_after_fill = Some(after == before);
    let (observed, evidence) = match (&answer, after == before) {
        (Said::No(error), true) => ("refused", refusal(error)),
        (Said::Yes(state), true) => {
            ("not executed", format!("answered {:?}, the position stayed", state.status))
        }
        (_, false) => ("executed again", format!("the position went from {before} to {after}")),
    };
    let documented = match findings.documented.dedupe {
        Dedupe::Forever => "refused",
        Dedupe::OpenOrders => "executed again",
        _ => "no promise",
    };
    findings.record(Belief::UsedIdAfterFill, documented.to_owned(), observed.to_owned(), evidence);
    Ok(())
}

async fn fence(hands: &Hands<'_>, findings: &mut Findings, id: &evenkeel_types::ClientOrderId) -> Tried<()> {
    let documented = findings.documented.fence;
    let Some(fencing) = hands.venue.abilities().fencing else {
        if documented == Fence::Nonce {
            findings.not_tried(
                Belief::Fence,
                super::word(&documented),
                "this connector cannot fence orders off",
            );
        }
        return Ok(());
    };
    hands.go_on()?;
    match fencing.fence(&hands.symbol, id).await? {
        Fenced::Used => {
            findings.capabilities.fence = Fence::Nonce;
            let evidence = "the nonce of an executed order is answered as used".to_owned();
            findings.record(Belief::Fence, super::word(&documented), super::word(&Fence::Nonce), evidence);
        }
        Fenced::Impossible => {
            // It would have declared an order impossible that had been executed.
            findings.capabilities.fence = Fence::None;
            let evidence =
                "an EXECUTED order was declared impossible: fencing proves nothing here".to_owned();
            findings.record(Belief::Fence, super::word(&documented), super::word(&Fence::None), evidence);
        }
    }
    Ok(())
}

/// The identity of an order that still rests, sent again.
pub(super) async fn resting_id(hands: &mut Hands<'_>, findings: &mut Findings) -> Tried<()> {
    let intent = hands.rest().await?;
    let answer = hands.send(intent).await?;
    let count = hands.orders(&hands.settled().await?);
    findings.refused_while_open = Some(count <= 1);
    let (observed, evidence) = match (&answer, count <= 1) {
        (Said::No(error), true) => ("refused", refusal(error)),
        (Said::Yes(state), true) => {
            ("not placed", format!("answered {:?}, and one order rests", state.status))
        }
        (_, false) => ("placed again", format!("{count} orders rest under one identity")),
    };
    let documented = match findings.documented.dedupe {
        Dedupe::Forever | Dedupe::OpenOrders => "refused",
        _ => "no promise",
    };
    findings.record(Belief::UsedIdWhileOpen, documented.to_owned(), observed.to_owned(), evidence);
    Ok(())
}

/// What both together say. A minute cannot show that a used identity is refused for ever: that is only ever confirmed,
/// never learned.
pub(super) fn conclude_identity(findings: &mut Findings) {
    let documented = findings.documented.dedupe;
    let found = match (findings.refused_while_open, findings.refused_after_fill) {
        (Some(false), _) => Dedupe::None,
        (Some(true), Some(false)) => Dedupe::OpenOrders,
        (Some(true), Some(true)) if documented == Dedupe::Forever => Dedupe::Forever,
        (Some(true), Some(true)) => Dedupe::OpenOrders,
        (None, Some(false)) if documented == Dedupe::Forever => Dedupe::None,
        (None, _) | (Some(true), None) => return,
    };
    // What is not promised is never relied on, even where it was seen once.
    if documented == Dedupe::None {
        return;
    }
    findings.capabilities.dedupe = found;
    if findings.documented.fence == Fence::SameId && found != Dedupe::Forever {
        findings.capabilities.fence = Fence::None;
    }
}

/// Twice the position, reduce-only.
pub(super) async fn oversized_reduction(hands: &mut Hands<'_>, findings: &mut Findings) -> Tried<()> {
    let (_, _, held, _) = hands.open().await?;
    let before = held.qty(&hands.symbol);
    let answer = hands.reduce(before.times(Decimal::TWO)?).await?;
    let after = hands.settled().await?.qty(&hands.symbol);
    let documented = findings.documented.reduce_only;
    let (found, evidence) = match (answer, after == before) {
        (Said::No(error), true) => (ReduceOnlyRule::RejectsOversize, refusal(&error)),
        (Said::Yes(state), true) => {
            (ReduceOnlyRule::RejectsOversize, format!("answered {:?}, the position stayed", state.status))
        }
        (_, false) if after.is_negative() => {
            // The most dangerous answer that there can be: reduce-only does not hold.
            findings.alarm(format!("a reduce-only order turned {before} into {after}"));
            (ReduceOnlyRule::RejectsOversize, format!("it was NOT held to reducing: {before} became {after}"))
        }
        (_, false) => {
            (ReduceOnlyRule::Clamps, format!("twice the position was sold, {before} became {after}"))
        }
    };
    findings.capabilities.reduce_only = found;
    findings.record(Belief::OversizedReduction, super::word(&documented), super::word(&found), evidence);
    Ok(())
}

/// A part below the minimum, then a whole position below it.
pub(super) async fn below_the_minimum(hands: &mut Hands<'_>, findings: &mut Findings) -> Tried<()> {
    let documented = findings.documented.min_notional;
    let (_, _, held, _) = hands.open().await?;
    let instrument = held.instrument(&hands.symbol)?.clone();
    if instrument.min_notional.is_none() {
        return not_tried("the instrument has no smallest order value");
    }
    let least = hands.least(&instrument)?;
    let limit = hands.crossing(&held, evenkeel_types::Side::Sell)?;
    let part = instrument.lot.toward_zero(limit.quantity(least.times(Decimal::new(6, 1))?)?)?;
    if part.is_zero() || instrument.min_qty.is_some_and(|smallest| part < smallest) {
        return not_tried("the smallest size is worth more than half of the smallest order");
    }
    let before = held.qty(&hands.symbol);
    let answer = hands.reduce(part).await?;
    let now = hands.settled().await?.qty(&hands.symbol);
    if now != before {
        findings.capabilities.min_notional = MinNotionalRule::ReduceOnlyExempt;
        let evidence = format!("a reduction below the minimum of {least} was executed");
        let found = super::word(&MinNotionalRule::ReduceOnlyExempt);
        findings.record(Belief::MinNotional, super::word(&documented), found, evidence);
        return Ok(());
    }
    let partial = match &answer {
        Said::No(error) => refusal(error),
        Said::Yes(state) => format!("answered {:?}", state.status),
    };
    // Now so much that the rest is below the minimum.
    let most = instrument.lot.away_from_zero(limit.quantity(least.times(Decimal::new(11, 1))?)?)?;
    if most >= before {
        return not_tried("the position is too small to leave a rest below the minimum");
    }
    if let Said::No(error) = hands.reduce(most).await? {
        return not_tried(format!("a reduction above the minimum: {}", refusal(&error)));
    }
    let (rest, _) = hands.until("a reduction", |snapshot| snapshot.qty(&hands.symbol) != before).await?;
    let rest = rest.qty(&hands.symbol);
    if limit.value(rest)? >= least {
        return not_tried("the reduction was not executed whole");
    }
    let answer = hands.reduce(rest).await?;
    let now = hands.settled().await?.qty(&hands.symbol);
    let found = if now.is_zero() { MinNotionalRule::FullCloseExempt } else { MinNotionalRule::NoExemption };
    let whole = match (&answer, now.is_zero()) {
        (_, true) => "executed".to_owned(),
        (Said::No(error), _) => refusal(error),
        (Said::Yes(state), _) => format!("answered {:?}, the position stayed", state.status),
    };
    findings.capabilities.min_notional = found;
    let evidence = format!("below {least}: a part: {partial}; the whole position: {whole}");
    findings.record(Belief::MinNotional, super::word(&documented), super::word(&found), evidence);
    Ok(())
}
