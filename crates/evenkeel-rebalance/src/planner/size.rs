//! Which size every symbol ends with: scale, bands, minimums, turnover, lots, and all limits again at the end.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use evenkeel_types::{Decimal, Exact, MinNotionalRule, NumberError, Qty, Side, Snapshot};

use crate::plan::{Note, NoteCode, PlanError};
use crate::policy::{BandTo, Policy};
use crate::state::{PhaseKind, RunState};
use crate::target::ResolvedTarget;

use super::limits::Limits;
use super::lots;
use super::row::{Change, Freedom, Row, note};

/// Sizing is repeated when its result breaks a limit: once with every reduction forced, once per way of saving
/// turnover. More than that cannot change anything.
const PASSES: u32 = 4;

/// In how many steps what is added is cut further when lots stand in the way of the exact share.
const CUTS: u32 = 8;

pub(super) struct Sized {
    /// Signed, in the order of the rows.
    pub(super) sizes: Vec<Decimal>,
    pub(super) scale: Decimal,
    /// Share of every voluntary change that turnover allows.
    pub(super) trim: Decimal,
    /// Share of what is added that found room.
    pub(super) room: Decimal,
    pub(super) notes: Vec<Note>,
    /// Whether even this book does not keep the limits (it only reduces then).
    pub(super) above: bool,
}

/// What a pass is made under.
struct Pass {
    /// Reductions are made even where bands or minimums would leave them.
    force: bool,
    /// Share of every voluntary change that turnover allows.
    trim: Decimal,
    /// How often the turnover may still be brought down by a share.
    tries: u32,
}

struct Sizer<'a, 'b> {
    rows: &'b mut [Row<'a>],
    snapshot: &'a Snapshot,
    limits: &'b Limits,
    target: &'a ResolvedTarget,
    policy: &'b Policy,
    state: &'b RunState,
    scale: Decimal,
    /// A limit requires the reductions: they are rounded up, and bands do not suppress them.
    binding: bool,
    /// Closes and decreases may be planned.
    may_release: bool,
}

pub(super) fn decide<'a>(
    rows: &mut [Row<'a>],
    snapshot: &'a Snapshot,
    limits: &Limits,
    target: &'a ResolvedTarget,
    policy: &Policy,
    state: &RunState,
) -> Result<Sized, PlanError> {
    // One evaluation more, only where there is more than one pool to be short.
    let short = if snapshot.pools.len() > 1 { limits.short_pools(rows)? } else { Vec::new() };
    let mut stuck = Vec::new();
    for row in rows.iter_mut().filter(|row| row.target.is_some() && short.contains(&row.pool)) {
        row.keep_as_it_is();
        stuck.push(note(
            row.symbol,
            NoteCode::AboveCap,
            "its margin pool is short even without it; nothing is added",
        ));
    }
    let scale = limits.scale(rows, state.scale_ceiling)?;
    let excess = cap_excess(rows, snapshot)?;
    let tolerated = snapshot.account_value()?.get().times(policy.cap_tolerance.get())?;
    let far_over = excess > tolerated;
    let mut sizer = Sizer {
        rows,
        snapshot,
        limits,
        target,
        policy,
        state,
        scale,
        // An account above its cap whose target fits needs no more than its target.
        binding: if state.round == 0 { scale < Decimal::ONE } else { far_over },
        may_release: state.phase == PhaseKind::Release || far_over,
    };
    let mut pass = Pass { force: false, trim: state.trim_ceiling, tries: PASSES.saturating_sub(1) };
    let mut kept_from_reopening = Vec::new();
    let mut sized = sizer.pass(&pass)?;
    let mut pinned = false;
    for _ in 0..PASSES {
        if sized.above && !pass.force {
            pass.force = true;
        } else if sized.above && !pinned {
            // What cannot be changed takes its share as it is; the others make room.
            pinned = true;
            sizer.pin(&sized)?;
        } else if !sizer.save_turnover(&mut pass, &sized, &mut kept_from_reopening)? {
            break;
        }
        sized = sizer.pass(&pass)?;
    }
    sized.notes.append(&mut stuck);
    sized.notes.append(&mut kept_from_reopening);
    sized.trim = pass.trim;
    Ok(sized)
}

/// By how much `sum n / L` exceeds the account value: the plain cap, before costs, stress and reserve.
fn cap_excess(rows: &[Row<'_>], snapshot: &Snapshot) -> Result<Decimal, PlanError> {
    let mut used = Decimal::ZERO;
    for row in rows {
        let open = row.extra(row.held)?.times(row.mark.get())?;
        used = used.plus(row.held_notional()?.plus(open)?.over(row.cap_leverage.get())?)?;
    }
    Ok(used.minus(snapshot.account_value()?.get())?)
}

impl Sizer<'_, '_> {
    fn pass(&mut self, pass: &Pass) -> Result<Sized, PlanError> {
        let mut notes = Vec::new();
        let mut sizes = Vec::with_capacity(self.rows.len());
        let mut candidates = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let (size, up) = self.size(row, pass, &mut notes)?;
            // Where turnover binds, nothing is rounded up beyond it.
            if let Some((wanted, up)) = up.filter(|_| pass.trim == Decimal::ONE) {
                candidates.push((index, wanted, up));
            }
            sizes.push(size);
        }
        let full = self.limits.slack(self.rows, &sizes)?;
        let base: Vec<Decimal> =
            self.rows.iter().zip(&sizes).map(|(row, size)| acquire_base(row, *size)).collect();
        let mut above = false;
        let mut room = self.state.room_ceiling;
        if full.fits() {
            lots::improve(self.rows, &mut sizes, &candidates, self.limits)?;
        } else {
            let share = self.cut_acquires(&mut sizes, &base, &mut notes)?;
            room = room.times(share)?;
            above = !self.limits.slack(self.rows, &sizes)?.fits();
        }
        self.limit_positions(&sizes)?;
        Ok(Sized { sizes, scale: self.scale, trim: pass.trim, room, notes, above })
    }

    /// Fixes the sizes that minimums keep from their targets, and scales the others anew.
    fn pin(&mut self, sized: &Sized) -> Result<(), PlanError> {
        for (row, size) in self.rows.iter_mut().zip(&sized.sizes) {
            let wanted = row.size_at(self.scale)?;
            let off = wanted.minus(*size)?.abs() >= row.instrument.lot.get();
            let unmoved = *size == row.held;
            if row.target.is_some() && off && unmoved && !row.reopens() {
                row.pinned = Some(*size);
            }
        }
        self.scale = self.limits.scale(self.rows, self.scale)?;
        self.binding = true;
        Ok(())
    }

    /// One row's size, and the larger choice where lots leave one: `(size, Some((wanted, up)))`.
    #[allow(clippy::type_complexity)]
    fn size(
        &self,
        row: &Row<'_>,
        pass: &Pass,
        notes: &mut Vec<Note>,
    ) -> Result<(Decimal, Option<(Decimal, Decimal)>), PlanError> {
        if row.freedom == Freedom::Fixed {
            return Ok((row.held, None));
        }
        if let Some(size) = row.pinned {
            return Ok((size, None));
        }
        let unlimited = row.goal.times(self.scale)?.over(row.mark.get())?;
        let mut wanted = row.size_at(self.scale)?;
        let truncated = row.largest()?.is_some_and(|largest| unlimited.abs() > largest);
        if truncated {
            let text = format!(
                "cut off at {} by the limit on this position (wanted {})",
                evenkeel_types::round::for_reading(wanted.abs().times(row.mark.get())?, 2),
                evenkeel_types::round::for_reading(unlimited.abs().times(row.mark.get())?, 2),
            );
            notes.push(note(row.symbol, NoteCode::Truncated, &text));
        }
        wanted = with_room(row, wanted, self.state.room_ceiling)?;
        if row.reopens() {
            let grows = wanted.abs() > row.held.abs();
            let wanted = if grows { trimmed(row, wanted, pass.trim)? } else { wanted };
            return self.opened(row, Decimal::ZERO, wanted, notes);
        }
        let same_side = |wanted: Decimal| {
            wanted.is_zero() || row.held.is_zero() || wanted.is_sign_negative() == row.held.is_sign_negative()
        };
        if !same_side(wanted) {
            // A required close is made whole; only what is opened on the other side is voluntary then.
            let required = self.binding || pass.force;
            wanted = if required { wanted.times(pass.trim)? } else { trimmed(row, wanted, pass.trim)? };
            if !same_side(wanted) || wanted.is_zero() {
                return self.flipped(row, wanted, notes);
            }
            return Ok((self.reduced(row, wanted, false, notes)?, None));
        }
        let reduces = wanted.abs() < row.held.abs();
        let required = reduces && (self.binding || truncated || pass.force);
        if !required {
            if let Some(size) = self.left_alone(row, wanted, notes)? {
                return Ok((size, None));
            }
            wanted = self.to_band_edge(row, wanted)?;
            wanted = trimmed(row, wanted, pass.trim)?;
        }
        if reduces {
            Ok((self.reduced(row, wanted, required, notes)?, None))
        } else {
            self.opened(row, row.held, wanted, notes)
        }
    }

    /// The held size where a change is not worth making: within a lot, a band, or what re-planning corrects.
    fn left_alone(
        &self,
        row: &Row<'_>,
        wanted: Decimal,
        notes: &mut Vec<Note>,
    ) -> Result<Option<Decimal>, NumberError> {
        if row.goal.is_zero() {
            return Ok(None);
        }
        let change = wanted.minus(row.held)?.abs();
        let value = change.times(row.mark.get())?;
        let gross = self.target.gross.get().times(self.scale)?;
        if change.is_zero() {
            return Ok(Some(row.held));
        }
        let settled = self.settled(row, wanted)?;
        let band = gross.times(self.policy.band.width.get())?;
        // While nothing was acquired yet, opening a whole lot for most of one is still to be decided.
        let by_lots = !row.held.is_zero() || self.state.phase == PhaseKind::Acquire;
        let (code, text) = if by_lots && change < row.instrument.lot.get() {
            (NoteCode::NearEnough, "nearer to its target than one lot")
        } else if value <= settled {
            (NoteCode::NearEnough, "near enough to its target; re-planning corrects no less")
        } else if self.policy.band.width.get() > Decimal::ZERO && value <= band {
            (NoteCode::InsideBand, "inside its no-trade band")
        } else {
            return Ok(None);
        };
        notes.push(note(row.symbol, code, text));
        Ok(Some(row.held))
    }

    /// What re-planning does not correct: the tolerated error of the position's own size, and at most of a quarter of
    /// the book. Zero for the first plan of a run, and for what is not held yet.
    fn settled(&self, row: &Row<'_>, wanted: Decimal) -> Result<Decimal, NumberError> {
        if self.state.round == 0 || row.held.is_zero() {
            return Ok(Decimal::ZERO);
        }
        let quarter = self.target.gross.get().times(self.scale)?.times(Decimal::new(25, 2))?;
        let own = wanted.abs().times(row.mark.get())?;
        own.min(quarter).times(self.policy.tolerance.get())
    }

    fn to_band_edge(&self, row: &Row<'_>, wanted: Decimal) -> Result<Decimal, NumberError> {
        let band = self.policy.band;
        if band.to == BandTo::Centre || band.width.get().is_zero() || row.goal.is_zero() {
            return Ok(wanted);
        }
        let width =
            self.target.gross.get().times(self.scale)?.times(band.width.get())?.over(row.mark.get())?;
        if wanted > row.held { wanted.minus(width) } else { wanted.plus(width) }
    }

    /// Towards zero, never beyond. Rounded up to a lot where a limit requires it, else down.
    fn reduced(
        &self,
        row: &Row<'_>,
        wanted: Decimal,
        required: bool,
        notes: &mut Vec<Note>,
    ) -> Result<Decimal, PlanError> {
        if !self.may_release {
            notes.push(note(
                row.symbol,
                NoteCode::PhaseOver,
                "a reduction is left: the release phase is over",
            ));
            return Ok(row.held);
        }
        let held = row.held.abs();
        if wanted.is_zero() {
            return self.closed(row, notes);
        }
        let lot = row.instrument.lot;
        let cut = Qty::new(held.minus(wanted.abs())?)?;
        let mut cut = if required { lot.away_from_zero(cut)? } else { lot.toward_zero(cut)? }.get();
        if cut.is_zero() {
            notes.push(note(row.symbol, NoteCode::NearEnough, "nearer to its target than one lot"));
            return Ok(row.held);
        }
        let (side, _) = row.sides(Decimal::ZERO);
        if cut < held
            && let Some(least) = self.below_minimum(row, cut, side, Part::Reduction)?
        {
            if !required {
                let text = format!("a reduction of {cut} is below the minimum order of {least}; left");
                notes.push(note(row.symbol, NoteCode::BelowMinimum, &text));
                return Ok(row.held);
            }
            let text = format!("a reduction of {cut} is raised to the minimum order of {least}");
            notes.push(note(row.symbol, NoteCode::RaisedToMinimum, &text));
            cut = least;
        }
        if cut >= held {
            return self.closed(row, notes);
        }
        row.held
            .minus(if row.held.is_sign_negative() { Decimal::ZERO.minus(cut)? } else { cut })
            .map_err(Into::into)
    }

    /// Nothing is left, unless the venue takes no order that small.
    fn closed(&self, row: &Row<'_>, notes: &mut Vec<Note>) -> Result<Decimal, PlanError> {
        let (side, _) = row.sides(Decimal::ZERO);
        if let Some(least) = self.below_minimum(row, row.held.abs(), side, Part::FullClose)? {
            let text = format!("closing {} is below the minimum order of {least}; left", row.held.abs());
            notes.push(note(row.symbol, NoteCode::BelowMinimum, &text));
            return Ok(row.held);
        }
        Ok(Decimal::ZERO)
    }

    fn flipped(
        &self,
        row: &Row<'_>,
        wanted: Decimal,
        notes: &mut Vec<Note>,
    ) -> Result<(Decimal, Option<(Decimal, Decimal)>), PlanError> {
        if !self.may_release {
            notes.push(note(row.symbol, NoteCode::PhaseOver, "a flip is left: the release phase is over"));
            return Ok((row.held, None));
        }
        let rest = self.closed(row, notes)?;
        if !rest.is_zero() {
            return Ok((rest, None));
        }
        self.opened(row, Decimal::ZERO, wanted, notes)
    }

    /// Away from zero, starting at `base`: rounded towards it, with the next lot as the other choice.
    fn opened(
        &self,
        row: &Row<'_>,
        base: Decimal,
        wanted: Decimal,
        notes: &mut Vec<Note>,
    ) -> Result<(Decimal, Option<(Decimal, Decimal)>), PlanError> {
        let lot = row.instrument.lot;
        let added = lot.toward_zero(Qty::new(wanted.minus(base)?)?)?.get();
        let step = if wanted.is_sign_negative() { Decimal::ZERO.minus(lot.get())? } else { lot.get() };
        let (_, side) = row.sides(wanted);
        let mut size = base.plus(added)?;
        // The floor of a tier is excluded from the tier below it.
        if !added.is_zero() && !row.within_limit(size)? {
            size = size.minus(step)?;
        }
        let up = size.plus(step)?;
        let order = size.minus(base)?.abs();
        if order.is_zero() || self.below_minimum(row, order, side, Part::Addition)?.is_some() {
            let larger = up.minus(base)?.abs();
            let least = self.below_minimum(row, larger, side, Part::Addition)?;
            // A reduction that was raised to the minimum is not taken back in a later round of the run.
            let late = self.state.round > 0 && !base.is_zero();
            let reachable = least.is_none() && row.within_limit(up)? && !late;
            if !reachable && !wanted.minus(base)?.is_zero() {
                let text = match least {
                    Some(least) => format!("adding {order} is below the minimum order of {least}; left"),
                    None => "adding less than one lot is not possible; left".into(),
                };
                notes.push(note(row.symbol, NoteCode::BelowMinimum, &text));
            }
            return Ok((base, reachable.then_some((wanted, up))));
        }
        let up = row.within_limit(up)?.then_some((wanted, up));
        Ok((size, up))
    }

    /// The least order that the venue and the policy take, when `qty` is less.
    fn below_minimum(
        &self,
        row: &Row<'_>,
        qty: Decimal,
        side: Side,
        part: Part,
    ) -> Result<Option<Decimal>, PlanError> {
        let rule = self.snapshot.capabilities.min_notional;
        let exempt = match part {
            Part::Addition => false,
            Part::Reduction => rule == MinNotionalRule::ReduceOnlyExempt,
            Part::FullClose => rule != MinNotionalRule::NoExemption,
        };
        let lot = row.instrument.lot;
        let up =
            |qty: Decimal| -> Result<Decimal, NumberError> { Ok(lot.away_from_zero(Qty::new(qty)?)?.get()) };
        let limit = row.quote(side).limit.get();
        let mut least = Decimal::ZERO;
        if let Some(min) = row.instrument.min_notional.filter(|_| !exempt) {
            // The venue tests size times limit price.
            least = least.max(up(min.get().over(limit)?)?);
        }
        if let Some(min) = row.instrument.min_qty.filter(|_| !exempt || part != Part::FullClose) {
            least = least.max(up(min.get())?);
        }
        if part != Part::FullClose {
            least = least.max(up(self.policy.min_trade.get().over(row.mark.get())?)?);
        }
        Ok((qty < least).then_some(least))
    }

    /// Shrinks everything that adds by one share until the limits are kept; that share.
    fn cut_acquires(
        &self,
        sizes: &mut [Decimal],
        base: &[Decimal],
        notes: &mut Vec<Note>,
    ) -> Result<Decimal, PlanError> {
        let full = self.limits.slack(self.rows, sizes)?;
        let share = self.limits.slack(self.rows, base)?.share_towards(&full)?;
        // Lots can keep a net exposure above its limit where the exact shares would not: then less is tried, and
        // nothing at the end.
        for eighth in (0..=CUTS).rev() {
            let share = share.times(Decimal::from(eighth).over(Decimal::from(CUTS))?)?;
            let mut tried = base.to_vec();
            let mut said = Vec::new();
            for (((row, tried), size), base) in self.rows.iter().zip(&mut tried).zip(sizes.iter()).zip(base) {
                if size != base {
                    let wanted = base.plus(size.minus(*base)?.times(share)?)?;
                    *tried = self.opened(row, *base, wanted, &mut said)?.0;
                }
            }
            if eighth == 0 || self.limits.slack(self.rows, &tried)?.fits() {
                sizes.clone_from_slice(&tried);
                notes.append(&mut said);
                return Ok(share);
            }
        }
        Ok(Decimal::ZERO)
    }

    fn limit_positions(&self, sizes: &[Decimal]) -> Result<(), PlanError> {
        let Some(max) = self.policy.max_positions else { return Ok(()) };
        let count = sizes.iter().filter(|size| !size.is_zero()).count();
        let opens = self.rows.iter().zip(sizes).any(|(row, size)| row.held.is_zero() && !size.is_zero());
        // Too many that are held already is for closing; too many that would be opened is refused.
        if opens && count > usize::try_from(max).unwrap_or(usize::MAX) {
            return Err(PlanError::TooManyPositions { count, max });
        }
        Ok(())
    }

    /// Brings the turnover under the policy's cap: first by not reopening what need not be, then by making every
    /// voluntary change smaller. Whether anything was changed.
    fn save_turnover(
        &mut self,
        pass: &mut Pass,
        sized: &Sized,
        notes: &mut Vec<Note>,
    ) -> Result<bool, PlanError> {
        let Some(max) = self.policy.max_turnover else { return Ok(false) };
        let budget = max.get().minus(self.state.turnover.get())?.max(Decimal::ZERO);
        let mut total = Decimal::ZERO;
        let mut required = Decimal::ZERO;
        let mut values = vec![Decimal::ZERO; self.rows.len()];
        for ((row, size), value) in self.rows.iter().zip(&sized.sizes).zip(values.iter_mut()) {
            let (release, acquire) = row.legs(*size)?;
            *value = release.plus(acquire)?.times(row.mark.get())?;
            total = total.plus(*value)?;
            let needed = self.binding || pass.force || row.goal.is_zero();
            if needed && !row.reopens() {
                required = required.plus(release.times(row.mark.get())?)?;
            }
        }
        if total <= budget {
            return Ok(false);
        }
        let mut dropped = false;
        // Reopening is dropped last symbol first, so that what remains is a prefix of what was shown before.
        for (row, value) in self.rows.iter_mut().zip(&values).rev() {
            let must = row.present_leverage() > self.policy.max_leverage;
            let begun = self.state.reopening.contains(row.symbol);
            if total <= budget || !row.reopens() || begun {
                continue;
            }
            if must {
                // It may not stay as it is; the cheaper way is taken where the venue has one.
                if row.changes_held {
                    row.change = Change::InPlace;
                    total = total.minus(*value)?;
                    dropped = true;
                }
                continue;
            }
            row.keep_as_it_is();
            total = total.minus(*value)?;
            dropped = true;
            let text = "not reopened: the turnover cap does not allow it; its leverage stays";
            notes.push(note(row.symbol, NoteCode::TurnoverCapped, text));
        }
        if total > budget && pass.trim > Decimal::ZERO {
            // One share for all, of the way from where the run started: what was traded already stays traded.
            let mut way = Decimal::ZERO;
            let traded =
                self.rows.iter().zip(&values).filter(|(row, value)| !row.reopens() && !value.is_zero());
            for (row, _) in traded {
                let start = row.target.map_or(row.held, |target| target.start.get());
                let whole = row.size_at(self.scale)?.minus(start)?.abs();
                way = way.plus(whole.times(row.mark.get())?)?;
            }
            // Lots can keep a pass from saving what it was meant to; the last one then trades nothing voluntary.
            pass.tries = pass.tries.saturating_sub(1);
            let last = pass.tries == 0;
            let share =
                if way > Decimal::ZERO && !last { total.minus(budget)?.over(way)? } else { Decimal::ONE };
            pass.trim = pass.trim.minus(share)?.max(Decimal::ZERO);
            let text = format!("every voluntary trade is made smaller: the turnover cap is {max}");
            notes.retain(|note| note.symbol.is_some());
            notes.push(Note { symbol: None, code: NoteCode::TurnoverCapped, text });
            dropped = true;
        }
        Ok(dropped)
    }
}

/// The share `trim` of the way from where the run started to `wanted`, and never back from what is held.
fn trimmed(row: &Row<'_>, wanted: Decimal, trim: Decimal) -> Result<Decimal, NumberError> {
    let start = row.target.map_or(row.held, |target| target.start.get());
    if trim == Decimal::ONE {
        return Ok(wanted);
    }
    let end = start.plus(wanted.minus(start)?.times(trim)?)?;
    let (low, high) = if wanted < row.held { (wanted, row.held) } else { (row.held, wanted) };
    Ok(end.max(low).min(high))
}

/// The share `room` of what was to be added to where the run started, and never less than what is held of it.
fn with_room(row: &Row<'_>, wanted: Decimal, room: Decimal) -> Result<Decimal, NumberError> {
    if room == Decimal::ONE || wanted.is_zero() {
        return Ok(wanted);
    }
    let inside =
        |size: Decimal| size.is_sign_negative() == wanted.is_sign_negative() && size.abs() <= wanted.abs();
    let start = row.target.map_or(row.held, |target| target.start.get());
    let base = if inside(start) && !row.reopens() { start } else { Decimal::ZERO };
    let end = base.plus(wanted.minus(base)?.times(room)?)?;
    Ok(if inside(row.held) && row.held.abs() > end.abs() && !row.reopens() { row.held } else { end })
}

/// What is held of a symbol when the acquire phase begins.
fn acquire_base(row: &Row<'_>, size: Decimal) -> Decimal {
    let turned =
        !size.is_zero() && !row.held.is_zero() && size.is_sign_negative() != row.held.is_sign_negative();
    if row.reopens() || turned {
        Decimal::ZERO
    } else if size.abs() > row.held.abs() {
        row.held
    } else {
        size
    }
}

/// What an order does, as far as minimums care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Addition,
    Reduction,
    FullClose,
}
