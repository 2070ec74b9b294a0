//! Beliefs about leverage, margin mode and isolated margin.

use evenkeel_types::{
    Decimal, Leverage, LowerIsolated, MarginAdjustment, MarginMode, MarginModeScope, Round, Snapshot, Usd,
    round,
};

use super::answers::{Change, Said, Setback, Tried, not_tried, refusal, said};
use super::hands::Hands;
use super::{Belief, Findings, word};

/// The leverages that are probed with: lowest, usual, highest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    low: Leverage,
    pub(super) usual: Leverage,
    high: Leverage,
}

impl Steps {
    pub(super) fn of(snapshot: &Snapshot, symbol: &evenkeel_types::Symbol) -> Tried<Self> {
        let instrument = snapshot.instrument(symbol)?;
        let high = Leverage::new(4)?;
        if instrument.max_leverage() < high || !Leverage::ONE.fits(instrument.leverage_step) {
            return not_tried(format!(
                "{symbol} does not take leverages of 2, 3 and 4; probe with another symbol"
            ));
        }
        Ok(Self { low: Leverage::new(2)?, usual: Leverage::new(3)?, high })
    }
}

/// What became of a write of leverage or mode. An answer proves nothing, what is read afterwards does.
#[derive(Debug)]
struct Wrote {
    done: bool,
    evidence: String,
}

fn yes_or_no(answer: bool) -> String {
    if answer { "yes" } else { "no" }.to_owned()
}

async fn set(hands: &Hands<'_>, leverage: Leverage) -> Tried<Wrote> {
    hands.go_on()?;
    let before = hands.setting().await?;
    let answer = said(hands.write(Change::Leverage(leverage)).await)?;
    let after = hands.setting().await?;
    let done = after.is(leverage);
    let evidence = match answer {
        Said::Yes(()) => format!("{}x to {leverage}x, reads {}x", before.long, after.long),
        Said::No(error) => refusal(&error),
    };
    if !done && !after.is(before.long) {
        return Err(Setback::Stop(format!(
            "{}x to {leverage}x left it at {}x/{}x",
            before.long, after.long, after.short
        )));
    }
    Ok(Wrote { done, evidence })
}

async fn switch(hands: &Hands<'_>, mode: MarginMode) -> Tried<Wrote> {
    hands.go_on()?;
    let before = hands.setting().await?;
    let answer = said(hands.write(Change::Mode(mode)).await)?;
    let after = hands.setting().await?;
    let evidence = match answer {
        Said::Yes(()) => format!("{} to {mode}, reads {}", before.mode, after.mode),
        Said::No(error) => refusal(&error),
    };
    Ok(Wrote { done: after.mode == mode, evidence })
}

fn other(mode: MarginMode) -> MarginMode {
    match mode {
        MarginMode::Cross => MarginMode::Isolated,
        MarginMode::Isolated => MarginMode::Cross,
    }
}

/// While flat: whether the mode is the symbol's, and a write that changes nothing.
pub(super) async fn while_flat(hands: &Hands<'_>, findings: &mut Findings) -> Tried<()> {
    let setting = hands.setting().await?;
    let same = set(hands, setting.long).await?;
    let observed = if same.done { "accepted" } else { "refused" };
    findings.record(Belief::NoOp, "accepted".to_owned(), observed.to_owned(), same.evidence);

    let snapshot = hands.snapshot().await?;
    let other = other(setting.mode);
    let documented = findings.documented.margin_mode_scope;
    if !snapshot.instrument(&hands.symbol)?.margin_modes.allows(other) {
        findings.not_tried(Belief::ModeScope, word(&documented), "the instrument has only one margin mode");
        return Ok(());
    }
    let switched = switch(hands, other).await?;
    let found = match (switched.done, documented) {
        (true, _) => MarginModeScope::Symbol,
        // Which of the two others it is cannot be seen on one symbol.
        (false, MarginModeScope::Account) => MarginModeScope::Account,
        (false, _) => MarginModeScope::Fixed,
    };
    if switched.done {
        hands.prepare(setting.mode, setting.long).await?;
    }
    findings.capabilities.margin_mode_scope = found;
    findings.record(Belief::ModeScope, word(&documented), word(&found), switched.evidence);
    Ok(())
}

/// With an order resting: both kinds of change.
pub(super) async fn with_orders(hands: &mut Hands<'_>, findings: &mut Findings, steps: Steps) -> Tried<()> {
    hands.rest().await?;
    let before = hands.setting().await?;
    let to = if before.is(steps.usual) { steps.high } else { steps.usual };
    let wrote = set(hands, to).await?;
    let blocked = !wrote.done;
    findings.capabilities.orders_block_leverage = blocked;
    let documented = yes_or_no(findings.documented.orders_block_leverage);
    findings.record(Belief::OrdersBlockLeverage, documented, yes_or_no(blocked), wrote.evidence);

    let documented = yes_or_no(findings.documented.orders_block_mode);
    if !findings.mode_can_be_set() {
        findings.not_tried(Belief::OrdersBlockMode, documented, "the margin mode cannot be set here");
        return Ok(());
    }
    let wrote = switch(hands, other(before.mode)).await?;
    let blocked = !wrote.done;
    findings.capabilities.orders_block_mode = blocked;
    findings.record(Belief::OrdersBlockMode, documented, yes_or_no(blocked), wrote.evidence);
    Ok(())
}

/// With a cross position at the usual leverage.
pub(super) async fn with_cross(hands: &mut Hands<'_>, findings: &mut Findings, steps: Steps) -> Tried<()> {
    hands.prepare(MarginMode::Cross, steps.usual).await?;
    hands.open().await?;
    let wrote = set(hands, steps.high).await?;
    findings.capabilities.raise_with_position.cross = wrote.done;
    let documented = yes_or_no(findings.documented.raise_with_position.cross);
    findings.record(Belief::RaiseCross, documented, yes_or_no(wrote.done), wrote.evidence);

    let wrote = set(hands, steps.low).await?;
    findings.capabilities.lower_cross_with_position = wrote.done;
    let documented = yes_or_no(findings.documented.lower_cross_with_position);
    findings.record(Belief::LowerCross, documented, yes_or_no(wrote.done), wrote.evidence);

    let documented = yes_or_no(findings.documented.switch_mode_with_position);
    if !findings.mode_can_be_set() {
        findings.not_tried(Belief::SwitchMode, documented, "the margin mode cannot be set here");
        return Ok(());
    }
    let wrote = switch(hands, MarginMode::Isolated).await?;
    findings.capabilities.switch_mode_with_position = wrote.done;
    findings.record(Belief::SwitchMode, documented, yes_or_no(wrote.done), wrote.evidence);
    Ok(())
}

/// With an isolated position at the usual leverage.
pub(super) async fn with_isolated(hands: &mut Hands<'_>, findings: &mut Findings, steps: Steps) -> Tried<()> {
    hands.prepare(MarginMode::Isolated, steps.usual).await?;
    let (_, _, held, _) = hands.open().await?;
    let wrote = set(hands, steps.high).await?;
    findings.capabilities.raise_with_position.isolated = wrote.done;
    let documented = yes_or_no(findings.documented.raise_with_position.isolated);
    findings.record(Belief::RaiseIsolated, documented, yes_or_no(wrote.done), wrote.evidence);

    let notional = held.quote(&hands.symbol)?.mark.value(held.qty(&hands.symbol).abs())?;
    // What the lower leverage needs, from nothing: enough whatever the bucket holds, and the bucket stays the account's.
    let enough = cents(steps.low.margin(notional)?)?;
    let spare = cents(notional.times(Decimal::new(1, 1))?)?;
    let before = bucket(hands).await?;
    let at_once = set(hands, steps.low).await?;
    let after = bucket(hands).await?;
    let documented = findings.documented.lower_isolated;
    let delta = if at_once.done { spare } else { enough };
    let added = add(hands, delta).await?;
    let (found, evidence) = if at_once.done {
        let moved = after.minus(before)?;
        let found = match documented {
            // Both move the margin; where it is scarce they differ, and it is not scarce here.
            LowerIsolated::Remargins => LowerIsolated::Remargins,
            _ => LowerIsolated::NeedsFree,
        };
        (found, format!("{}; the venue moved {moved:.2} into the bucket", at_once.evidence))
    } else if !added.done {
        (LowerIsolated::Never, format!("{}; margin cannot be added", at_once.evidence))
    } else {
        let topped_up = set(hands, steps.low).await?;
        let found = if topped_up.done { LowerIsolated::AfterTopUp } else { LowerIsolated::Never };
        (found, format!("at once: {}; with {delta:.2} added: {}", at_once.evidence, topped_up.evidence))
    };
    findings.capabilities.lower_isolated = found;
    findings.record(Belief::LowerIsolated, word(&documented), word(&found), evidence);
    margin_out(hands, findings, &added, spare).await
}

/// Whether added margin can be taken out again.
async fn margin_out(hands: &Hands<'_>, findings: &mut Findings, added: &Wrote, spare: Usd) -> Tried<()> {
    let documented = findings.documented.margin_adjustment;
    let (found, evidence) = if added.done {
        let out = add(hands, cents(spare.times(Decimal::new(-2, 1))?)?).await?;
        let found = if out.done { MarginAdjustment::Both } else { MarginAdjustment::AddOnly };
        (found, format!("in: {}; out: {}", added.evidence, out.evidence))
    } else {
        (MarginAdjustment::None, added.evidence.clone())
    };
    findings.capabilities.margin_adjustment = found;
    findings.record(Belief::MarginAdjustment, word(&documented), word(&found), evidence);
    Ok(())
}

/// Moves margin and looks whether it moved. Its value follows the price meanwhile: half of it has to show.
async fn add(hands: &Hands<'_>, delta: Usd) -> Tried<Wrote> {
    hands.go_on()?;
    let before = bucket(hands).await?;
    let answer = said(hands.write(Change::Margin(delta)).await)?;
    if let Said::No(error) = answer {
        return Ok(Wrote { done: false, evidence: refusal(&error) });
    }
    let moved = bucket_of(&hands.settled().await?, hands)?.minus(before)?;
    let half = delta.times(Decimal::new(5, 1))?;
    let done = if delta.is_negative() { moved <= half } else { moved >= half };
    Ok(Wrote { done, evidence: format!("{delta:.2} asked for, {moved:.2} moved") })
}

async fn bucket(hands: &Hands<'_>) -> Tried<Usd> {
    bucket_of(&hands.snapshot().await?, hands)
}

fn bucket_of(snapshot: &Snapshot, hands: &Hands<'_>) -> Tried<Usd> {
    match snapshot.position(&hands.symbol).and_then(|position| position.isolated) {
        Some(bucket) => Ok(bucket.equity),
        None => not_tried("the isolated position shows no margin of its own"),
    }
}

/// Venues take margin in cents or finer.
fn cents(amount: Usd) -> Tried<Usd> {
    Ok(Usd::new(round::to_places(amount.get(), 2, Round::Down))?)
}
