//! From sizes to orders: phases, splits, limits, reasons.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use evenkeel_types::{
    Decimal, Exact, LowerIsolated, MarginAdjustment, MarginMode, MarginModes, NumberError, PositionMode,
    PositionSide, Qty, Round, Side, Snapshot, Usd, round,
};

use crate::plan::{Action, Note, NoteCode, Phase, PlanError, Step, Work};
use crate::policy::{Policy, Surplus};
use crate::state::PhaseKind;

use super::limits::bucket_after;
use super::row::{Change, Freedom, Gathered, Row, describe, note, usd};
use super::size::Sized;

/// A trade that needs more orders than this is no rebalancing any more; the venue would take minutes for it.
const ORDERS_PER_TRADE: u32 = 100;

/// Margin is moved in millionths, the finest unit of every venue.
const MARGIN_PLACES: u32 = 6;

/// Left in a bucket beyond what is needed when surplus is taken out: marks move before the venue checks.
const HEADROOM: Decimal = Decimal::from_parts(101, 0, 0, false, 2);

struct Builder<'b> {
    snapshot: &'b Snapshot,
    policy: &'b Policy,
    notes: &'b mut Vec<Note>,
    /// The limits are not kept even by this book: margin that would have to be added is not there.
    short_of_margin: bool,
}

pub(super) fn build(
    snapshot: &Snapshot,
    policy: &Policy,
    gathered: &Gathered<'_>,
    sized: &Sized,
    notes: &mut Vec<Note>,
) -> Result<Vec<Phase>, PlanError> {
    let sizes = &sized.sizes;
    let mut builder = Builder { snapshot, policy, notes, short_of_margin: sized.above };
    let mut phases = Vec::new();
    // Each group's rows once: there can be as many groups as symbols.
    let mut groups: Vec<Vec<(&Row<'_>, Decimal)>> = Vec::new();
    groups.resize_with(gathered.waves, Vec::new);
    for (row, size) in gathered.rows.iter().zip(sizes) {
        if let Some(group) = groups.get_mut(row.wave(*size)) {
            group.push((row, *size));
        }
    }
    let everything: Vec<(&Row<'_>, Decimal)> = gathered.rows.iter().zip(sizes.iter().copied()).collect();
    for (wave, group) in groups.iter().enumerate() {
        let release = if wave == 0 {
            let mut steps = cancels(snapshot, gathered);
            builder.release(&everything, wave, &mut steps)?;
            steps
        } else {
            let mut steps = Vec::new();
            builder.release(group, wave, &mut steps)?;
            steps
        };
        let leverage = builder.leverage(group)?;
        let acquire = builder.acquire(group)?;
        for (kind, steps) in
            [(PhaseKind::Release, release), (PhaseKind::Leverage, leverage), (PhaseKind::Acquire, acquire)]
        {
            if !steps.is_empty() {
                phases.push(Phase { kind, steps });
            }
        }
    }
    for (index, step) in phases.iter_mut().flat_map(|phase| &mut phase.steps).enumerate() {
        step.index = u32::try_from(index).map_err(|_| NumberError::Overflow("number of steps"))?;
    }
    Ok(phases)
}

impl Row<'_> {
    /// The group in which it is released and acquired. What ends flat is closed with the first one.
    fn wave(&self, size: Decimal) -> usize {
        match self.change {
            Change::Reopen { wave } if !size.is_zero() => wave,
            _ => 0,
        }
    }

    /// What is left of the held position when the release phase of its group is over.
    fn released_to(&self, size: Decimal) -> Decimal {
        let turned = size.is_sign_negative() != self.held.is_sign_negative();
        if self.reopens() || size.is_zero() || (turned && !self.held.is_zero()) {
            Decimal::ZERO
        } else if size.abs() < self.held.abs() {
            size
        } else {
            self.held
        }
    }

    /// What a symbol that waits for its group is brought down to with the first one, so that what that group opens
    /// finds the room it was planned with: its final size, less where the venue takes no order that small.
    fn early_cut(&self, size: Decimal) -> Result<Decimal, NumberError> {
        let (held, end) = (self.held.abs(), size.abs());
        if self.wave(size) == 0 || end >= held {
            return Ok(self.held);
        }
        let (side, _) = self.sides(Decimal::ZERO);
        let lot = self.instrument.lot;
        let mut cut = held.minus(end)?;
        if let Some(min) = self.instrument.min_notional {
            let least = min.get().over(self.quote(side).limit.get())?;
            cut = cut.max(lot.away_from_zero(Qty::new(least)?)?.get());
        }
        if let Some(min) = self.instrument.min_qty {
            cut = cut.max(lot.away_from_zero(min)?.get());
        }
        let rest = held.minus(cut.min(held))?;
        if self.held.is_sign_negative() { Decimal::ZERO.minus(rest) } else { Ok(rest) }
    }
}

impl Builder<'_> {
    /// With the first group, those that wait are brought down to their final size.
    fn release(
        &mut self,
        rows: &[(&Row<'_>, Decimal)],
        wave: usize,
        steps: &mut Vec<Step>,
    ) -> Result<(), PlanError> {
        for (row, size) in rows {
            let size = *size;
            let from = row.early_cut(size)?;
            if wave == 0 && from != row.held {
                let action = if from.is_zero() { Action::Close } else { Action::Decrease };
                let reason = format!("to {} before it is reopened", notional(row, from)?);
                self.orders(row, row.held, from, action, &reason, steps)?;
            }
            let rest = row.released_to(size);
            if row.wave(size) != wave || rest == from {
                continue;
            }
            let (action, reason) = if !rest.is_zero() {
                (Action::Decrease, format!("{} -> {}", notional(row, row.held)?, notional(row, size)?))
            } else if row.reopens() {
                (Action::Close, change_reason(row))
            } else if size.is_zero() {
                let named = row.target.is_some_and(|target| target.weight.is_some());
                let why = match (row.goal.is_zero(), named) {
                    (true, false) => "not in the target",
                    (true, true) => "its weight is zero",
                    _ => "what is left of its target is too small to hold",
                };
                (Action::Close, why.into())
            } else {
                (Action::Close, "flips to the other side".into())
            };
            self.orders(row, from, rest, action, &reason, steps)?;
        }
        Ok(())
    }

    fn leverage(&mut self, rows: &[(&Row<'_>, Decimal)]) -> Result<Vec<Step>, PlanError> {
        // Modes, raises, additions, lowers, removals: each frees margin before the next needs it.
        let (mut modes, mut raises, mut adds) = (Vec::new(), Vec::new(), Vec::new());
        let (mut lowers, mut removes) = (Vec::new(), Vec::new());
        for (row, size) in rows {
            let Some(target) = row.target.filter(|_| !size.is_zero() && row.freedom == Freedom::Full) else {
                continue;
            };
            let rest = row.released_to(*size);
            let at = Qty::new(rest)?;
            if row.stays_unchanged(*size) {
                let text = "its leverage and mode stay: the venue changes them only while nothing is held";
                self.notes.push(note(row.symbol, NoteCode::Waits, text));
                continue;
            }
            if self.unfunded(row, rest)? {
                let text =
                    "its bucket is not topped up and its leverage stays: the margin for it is not there";
                self.notes.push(note(row.symbol, NoteCode::Waits, text));
                continue;
            }
            if row.change != Change::None && row.needs_mode() {
                let work = Work::SetMarginMode { from: row.setting.mode, to: row.mode };
                let reason = format!("margin mode {} -> {}", row.setting.mode, row.mode);
                modes.push(plain(row.symbol, Action::SetMarginMode, work, at, reason));
            }
            let writes = row.change != Change::None && row.needs_leverage();
            let lowers_it = row.setting.long > target.leverage || row.setting.short > target.leverage;
            if !rest.is_zero() && row.setting.mode == MarginMode::Isolated && row.mode == MarginMode::Isolated
            {
                self.margin_moves(row, rest, writes && lowers_it, &mut adds, &mut removes)?;
            }
            if writes {
                let from = row.setting.long.max(row.setting.short);
                let work = Work::SetLeverage { from, to: target.leverage };
                let list = if lowers_it { &mut lowers } else { &mut raises };
                list.push(plain(row.symbol, Action::SetLeverage, work, at, change_reason(row)));
            }
        }
        let mut steps = modes;
        for mut list in [raises, adds, lowers, removes] {
            steps.append(&mut list);
        }
        Ok(steps)
    }

    /// Whether what is left of a position lacks margin in its bucket, and there is none to add.
    fn unfunded(&self, row: &Row<'_>, rest: Decimal) -> Result<bool, NumberError> {
        Ok(self.short_of_margin && bucket_after(row, rest.abs())?.1 > Decimal::ZERO)
    }

    /// The margin that a held isolated position needs moved so that its bucket covers it at the target leverage.
    fn margin_moves(
        &mut self,
        row: &Row<'_>,
        rest: Decimal,
        lowers: bool,
        adds: &mut Vec<Step>,
        removes: &mut Vec<Step>,
    ) -> Result<(), PlanError> {
        let can = &self.snapshot.capabilities;
        let (bucket, missing) = bucket_after(row, rest.abs())?;
        let need = rest.abs().times(row.mark.get())?.over(row.margin_leverage.get())?;
        // So that the bucket's effective leverage stays within the tolerated share above the target.
        let tolerance = self.policy.tolerance.get();
        let slack = need.times(tolerance)?.over(Decimal::ONE.plus(tolerance)?)?;
        // Where the venue moves the margin itself while lowering, we do not.
        let moved_by_venue =
            lowers && matches!(can.lower_isolated, LowerIsolated::Remargins | LowerIsolated::NeedsFree);
        let adds_margin = can.margin_adjustment != MarginAdjustment::None && !moved_by_venue;
        let at = Qty::new(rest)?;
        if adds_margin && missing > Decimal::ZERO && (lowers || missing > slack) {
            let amount = usd(round::to_places(missing, MARGIN_PLACES, Round::Up))?;
            let reason = format!("its bucket covers {:.2} of the {:.2} it needs", usd(bucket)?, usd(need)?);
            adds.push(plain(row.symbol, Action::AddMargin, Work::AdjustMargin { delta: amount }, at, reason));
        }
        // No venue lets a bucket go below a tenth of its notional by taking margin out.
        let floor = need.max(rest.abs().times(row.mark.get())?.over(Decimal::TEN)?).times(HEADROOM)?;
        let surplus = round::to_places(bucket.minus(floor)?, MARGIN_PLACES, Round::Down);
        let removable = self.policy.isolated_surplus == Surplus::Remove
            && can.margin_adjustment == MarginAdjustment::Both
            && row.instrument.margin_modes != MarginModes::StrictIsolated;
        if removable && surplus > slack {
            let work = Work::AdjustMargin { delta: usd(surplus)?.negated() };
            let reason = format!("its bucket holds {:.2}, it needs {:.2}", usd(bucket)?, usd(need)?);
            removes.push(plain(row.symbol, Action::RemoveMargin, work, at, reason));
        }
        Ok(())
    }

    fn acquire(&mut self, rows: &[(&Row<'_>, Decimal)]) -> Result<Vec<Step>, PlanError> {
        let mut steps = Vec::new();
        for (row, size) in rows {
            let rest = row.released_to(*size);
            // What is not covered as it is does not grow.
            if rest == *size || self.unfunded(row, rest)? {
                continue;
            }
            let leverage = row.margin_leverage;
            let (action, reason) = if rest.is_zero() {
                (Action::Open, format!("to {} at {leverage}x", notional(row, *size)?))
            } else {
                (Action::Increase, format!("{} -> {}", notional(row, rest)?, notional(row, *size)?))
            };
            self.orders(row, rest, *size, action, &reason, &mut steps)?;
        }
        Ok(steps)
    }

    /// The orders from one size to another on the same side of zero, split at the venue's largest order.
    fn orders(
        &mut self,
        row: &Row<'_>,
        from: Decimal,
        to: Decimal,
        action: Action,
        reason: &str,
        steps: &mut Vec<Step>,
    ) -> Result<(), PlanError> {
        let reduce_only = matches!(action, Action::Close | Action::Decrease);
        let change = to.minus(from)?;
        let side = if change.is_sign_negative() { Side::Sell } else { Side::Buy };
        let long = if from.is_zero() { !to.is_sign_negative() } else { !from.is_sign_negative() };
        let position_side = match self.snapshot.position_mode {
            PositionMode::OneWay => PositionSide::Net,
            PositionMode::Hedge if long => PositionSide::Long,
            PositionMode::Hedge => PositionSide::Short,
        };
        let parts = split(row, change.abs(), side)?;
        if parts.len() > 1 {
            let text = format!(
                "{} orders: the venue's largest is {}",
                parts.len(),
                parts.first().copied().unwrap_or_default()
            );
            self.notes.push(note(row.symbol, NoteCode::Split, &text));
        }
        let mut at = from;
        for part in parts {
            at = at.plus(side.signed(Qty::new(part)?).get())?;
            let work = Work::Order {
                side,
                position_side,
                qty: Qty::new(part)?,
                limit: row.quote(side).limit,
                reduce_only,
            };
            let mut step = plain(row.symbol, action, work, Qty::new(at)?, reason.into());
            step.value = row.mark.value(Qty::new(part)?)?;
            steps.push(step);
        }
        Ok(())
    }
}

fn cancels(snapshot: &Snapshot, gathered: &Gathered<'_>) -> Vec<Step> {
    let step = |order: &&evenkeel_types::OpenOrder| {
        let qty_after = snapshot.qty(&order.symbol);
        let work = Work::CancelOrder { venue_order_id: order.venue_order_id.clone() };
        let reason = format!("resting order: {}", describe(order));
        plain(&order.symbol, Action::CancelOrder, work, qty_after, reason)
    };
    gathered.cancels.iter().map(step).collect()
}

/// A quantity in parts of at most the venue's largest order, as equal as lots allow so that no rest is too small.
fn split(row: &Row<'_>, qty: Decimal, side: Side) -> Result<Vec<Decimal>, PlanError> {
    let lot = row.instrument.lot;
    let Some(max) = row.instrument.max_qty.filter(|max| qty > max.get()) else {
        return Ok(alloc::vec![qty]);
    };
    let too_many = || {
        let qty = Qty::new(qty).unwrap_or(Qty::ZERO);
        PlanError::TooManyOrders { symbol: row.symbol.clone(), qty, max: ORDERS_PER_TRADE }
    };
    let max = lot.toward_zero(max)?.get();
    if max <= Decimal::ZERO {
        return Err(too_many());
    }
    let count = round::to_places(qty.over(max)?, 0, Round::Up);
    if count > Decimal::from(ORDERS_PER_TRADE) {
        return Err(too_many());
    }
    // Equal parts, and the lots that are left over one each: the smallest part is as large as it can be.
    let part = lot.toward_zero(Qty::new(qty.over(count)?)?)?.get();
    let mut left = qty.minus(part.times(count)?)?;
    let mut parts = Vec::new();
    let mut at = Decimal::ZERO;
    while at < count {
        at = at.plus(Decimal::ONE)?;
        // A rest below a lot can only be part of a whole close; it goes with the last order.
        let more = if at == count { left } else { left.min(lot.get()) };
        let more = if more < lot.get() && at != count { Decimal::ZERO } else { more };
        left = left.minus(more)?;
        parts.push(part.plus(more)?);
    }
    let limit = row.quote(side).limit.get();
    for part in &parts {
        let small = row.instrument.min_qty.is_some_and(|min| *part < min.get());
        let value = part.times(limit)?;
        if small || row.instrument.min_notional.is_some_and(|min| value < min.get()) {
            return Err(PlanError::NoOrderSize { symbol: row.symbol.clone(), qty: Qty::new(qty)? });
        }
    }
    Ok(parts)
}

fn plain(
    symbol: &evenkeel_types::Symbol,
    action: Action,
    work: Work,
    qty_after: Qty,
    reason: String,
) -> Step {
    Step { index: 0, symbol: symbol.clone(), action, work, qty_after, value: Usd::ZERO, reason }
}

fn notional(row: &Row<'_>, size: Decimal) -> Result<String, NumberError> {
    Ok(round::for_reading(row.mark.get().times(size)?, 2))
}

fn change_reason(row: &Row<'_>) -> String {
    let from = row.setting.long.max(row.setting.short);
    let to = row.target.map_or(from, |target| target.leverage);
    match (row.needs_mode(), from == to) {
        (true, true) => format!("margin mode {} -> {}", row.setting.mode, row.mode),
        (true, false) => format!("{} {from}x -> {} {to}x", row.setting.mode, row.mode),
        (false, _) => format!("leverage {from}x -> {to}x"),
    }
}
