//! The planner: from an account and a resolved target to the writes that bring one to the other.
//!
//! In order: gather one row per symbol with its prices, limits and freedom ([`row`]); find the largest factor at
//! which the wanted book fits every limit at worst prices ([`limits`]); decide each symbol's final size ([`size`],
//! [`lots`]); turn sizes into phases of orders ([`steps`]); picture the account afterwards ([`view`]).

mod limits;
mod lots;
mod row;
mod size;
mod steps;
mod view;

use alloc::format;
use alloc::vec::Vec;

use evenkeel_margin::Account;
use evenkeel_types::{Decimal, Exact, Leverage, Qty, Snapshot, Usd};

use crate::plan::{Alternative, Cap, Costs, Note, NoteCode, Phase, Plan, PlanBody, PlanError, Work};
use crate::policy::{LeverageChange, Policy};
use crate::state::RunState;
use crate::target::ResolvedTarget;

use limits::Limits;
use row::{Gathered, Row};
pub use view::account_view;

/// Version of the plan's form.
const SCHEMA: u32 = 1;

/// Makes the plan that brings the account from `snapshot` to `target` within `policy`, given what the run remembers.
/// Pure: the same inputs give a byte-identical plan. An empty plan means that nothing is left to do.
///
/// What the plan keeps, for any subset and any partial fill of a phase's orders at their limits, and after the
/// policy's stress move: `sum n_i / L_i` within the account value (for one leverage: gross within account value times
/// leverage), every pool's margin at the set leverages, every tier and position limit; and no reduce-only order can
/// turn a position. [`check`](crate::check) verifies that independently.
///
/// # Errors
/// [`PlanError`] when nothing can be planned honestly: each names the field, the value, and what to do.
pub fn plan(
    snapshot: &Snapshot,
    target: &ResolvedTarget,
    policy: &Policy,
    state: &RunState,
) -> Result<Plan, PlanError> {
    if snapshot.account != target.account || snapshot.venue != target.venue {
        return Err(PlanError::OtherAccount {
            found: format!("{} at {}", snapshot.account, snapshot.venue),
            wanted: format!("{} at {}", target.account, target.venue),
        });
    }
    policy.validate()?;
    let ordered = snapshot.in_order();
    let snapshot = &*ordered;
    snapshot.validate(&target.scope())?;
    let account_value = snapshot.account_value()?;
    if !account_value.is_positive() {
        return Err(PlanError::NoEquity { value: account_value });
    }
    let chosen = draft(snapshot, target, policy, state, policy.leverage_change)?;
    let other = match policy.leverage_change {
        LeverageChange::Auto => LeverageChange::Reopen,
        LeverageChange::Reopen => LeverageChange::Auto,
    };
    // Only where a leverage changes do the two ways differ; the other one may well be impossible.
    let changes =
        chosen.phases.iter().flat_map(|p| &p.steps).any(|s| matches!(s.work, Work::SetLeverage { .. }));
    let alternative = if changes {
        draft(snapshot, target, policy, state, other)
            .ok()
            .filter(|draft| draft.costs != chosen.costs)
            .map(|draft| Alternative { leverage_change: other, costs: draft.costs })
    } else {
        None
    };
    let before = Account::from_snapshot(snapshot)?;
    let mut notes = chosen.notes;
    notes.sort();
    notes.dedup();
    Plan::seal(PlanBody {
        schema: SCHEMA,
        venue: snapshot.venue.clone(),
        account: snapshot.account.clone(),
        as_of: snapshot.as_of,
        expires: snapshot.as_of.after(policy.plan_validity),
        round: state.round,
        leverage_change: policy.leverage_change,
        cap: chosen.cap,
        before: view::view(&before)?,
        after: view::after(&before, snapshot, policy, &chosen.phases)?,
        phases: chosen.phases,
        notes,
        costs: chosen.costs,
        alternative,
    })
}

struct Draft {
    phases: Vec<Phase>,
    notes: Vec<Note>,
    costs: Costs,
    cap: Cap,
}

fn draft(
    snapshot: &Snapshot,
    target: &ResolvedTarget,
    policy: &Policy,
    state: &RunState,
    change: LeverageChange,
) -> Result<Draft, PlanError> {
    let mut notes = Vec::new();
    let mut gathered = row::gather(snapshot, target, policy, state, change, &mut notes)?;
    let limits = Limits::new(snapshot, &gathered.holds, (gathered.outside, target.leverage), policy)?;
    let mut sized = size::decide(&mut gathered.rows, snapshot, &limits, target, policy, state)?;
    notes.append(&mut sized.notes);
    guard_protective(snapshot, &gathered, &sized.sizes)?;
    let phases = steps::build(snapshot, policy, &gathered, &sized, &mut notes)?;
    let costs = costs(&gathered.rows, &phases)?;
    let cap = cap(&gathered.rows, (snapshot, target), policy, &costs, &sized)?;
    if sized.scale < Decimal::ONE {
        let text = format!(
            "scaled to {} of what is wanted: account value {:.2} carries {:.2} of {:.2} ({} by the venue's limit), \
             {:.2} after costs, reserve and stress",
            evenkeel_types::round::for_reading(sized.scale, 4),
            cap.account_value,
            cap.max_gross,
            cap.wanted,
            evenkeel_types::round::for_reading(cap.venue_scale, 4),
            cap.max_gross_after_costs,
        );
        notes.push(Note { symbol: None, code: NoteCode::Scaled, text });
    }
    if sized.above {
        let text =
            "the account stays above its limits with this plan; nothing that adds risk is in it".into();
        notes.push(Note { symbol: None, code: NoteCode::AboveCap, text });
    }
    if let Some(text) = margin_change(&gathered.rows)? {
        notes.push(Note { symbol: None, code: NoteCode::MarginChange, text });
    }
    Ok(Draft { phases, notes, costs, cap })
}

/// Stops of a fixed size do not follow the position; one on a symbol that changes would no longer fit.
fn guard_protective(
    snapshot: &Snapshot,
    gathered: &Gathered<'_>,
    sizes: &[Decimal],
) -> Result<(), PlanError> {
    for order in
        snapshot.open_orders.iter().filter(|order| order.is_protective() && order.remaining.is_some())
    {
        let changed = gathered
            .rows
            .iter()
            .zip(sizes)
            .any(|(row, size)| *row.symbol == order.symbol && (row.held != *size || row.reopens()));
        if changed {
            let (symbol, order) = (order.symbol.clone(), row::describe(order));
            return Err(PlanError::ProtectiveOrder { symbol, order });
        }
    }
    Ok(())
}

fn costs(rows: &[Row<'_>], phases: &[Phase]) -> Result<Costs, PlanError> {
    let mut costs = Costs {
        trades: 0,
        turnover: Usd::ZERO,
        fees: Usd::ZERO,
        slippage: Usd::ZERO,
        realized_pnl: Some(Usd::ZERO),
    };
    for step in phases.iter().flat_map(|phase| &phase.steps) {
        let Work::Order { side, qty, reduce_only, .. } = &step.work else { continue };
        let Ok(index) = rows.binary_search_by(|row| row.symbol.cmp(&step.symbol)) else { continue };
        let Some(row) = rows.get(index) else { continue };
        let quote = row.quote(*side);
        costs.trades = costs.trades.saturating_add(1);
        costs.turnover = costs.turnover.plus(step.value)?;
        costs.fees = costs.fees.plus(Usd::new(qty.get().times(quote.fee)?)?)?;
        costs.slippage = costs.slippage.plus(Usd::new(qty.get().times(quote.slippage)?)?)?;
        // What was opened by an earlier step of the same plan has no profit yet.
        if *reduce_only {
            let entry = row.position.and_then(|position| position.entry);
            costs.realized_pnl = match (costs.realized_pnl, entry) {
                (Some(sum), Some(entry)) => {
                    let gained =
                        row.mark.get().minus(entry.get())?.times(side.opposite().signed(*qty).get())?;
                    Some(sum.plus(Usd::new(gained)?)?)
                }
                _ => None,
            };
        }
    }
    Ok(costs)
}

/// The venue's limit and ours, in gross. With leverages of their own, what counts is `sum n / L`; the figures are then
/// the wanted book times the factor that fits.
fn cap(
    rows: &[Row<'_>],
    (snapshot, target): (&Snapshot, &ResolvedTarget),
    policy: &Policy,
    costs: &Costs,
    sized: &size::Sized,
) -> Result<Cap, PlanError> {
    let account_value = snapshot.account_value()?;
    let (mut wanted, mut wanted_margin) = (Decimal::ZERO, Decimal::ZERO);
    for row in rows {
        wanted = wanted.plus(row.goal.abs())?;
        wanted_margin = wanted_margin.plus(row.goal.abs().over(row.cap_leverage.get())?)?;
    }
    // Gross per unit of margin: the one leverage, or the mean that the wanted book has.
    let uniform: Option<Leverage> = rows
        .split_first()
        .map(|(first, rest)| (first.cap_leverage, rest))
        .filter(|(leverage, rest)| rest.iter().all(|row| row.cap_leverage == *leverage))
        .map(|(leverage, _)| leverage);
    let multiple = match uniform {
        Some(leverage) => leverage.get(),
        None if wanted_margin.is_zero() => target.leverage.get(),
        None => wanted.over(wanted_margin)?,
    };
    let max_gross = account_value.get().times(multiple)?;
    let spent = costs.fees.plus(costs.slippage)?.plus(policy.reserve)?;
    // G (1 + s) / L <= E' - s G, solved for G.
    let stress = policy.stress.get();
    let per_gross = Decimal::ONE.plus(stress)?.over(multiple)?.plus(stress)?;
    let max_after = account_value.minus(spent)?.get().max(Decimal::ZERO).over(per_gross)?;
    let venue_scale = if wanted.is_zero() { Decimal::ONE } else { max_gross.over(wanted)?.min(Decimal::ONE) };
    Ok(Cap {
        account_value,
        wanted: Usd::new(wanted)?,
        max_gross: Usd::new(max_gross)?,
        max_gross_after_costs: Usd::new(max_after)?,
        venue_scale,
        scale: sized.scale,
        trim: sized.trim,
        room: sized.room,
    })
}

/// Lowering leverage needs more margin, raising it less: said before anything is sent.
fn margin_change(rows: &[Row<'_>]) -> Result<Option<alloc::string::String>, PlanError> {
    let (mut now, mut then) = (Usd::ZERO, Usd::ZERO);
    let mut changes = false;
    for row in rows.iter().filter(|row| row.target.is_some() && !row.goal.is_zero()) {
        let wanted = Usd::new(row.goal)?;
        let setting = row.setting.of(Qty::new(row.goal)?);
        now = now.plus(setting.margin(wanted)?)?;
        then = then.plus(row.cap_leverage.margin(wanted)?)?;
        changes |= setting != row.cap_leverage;
    }
    let direction = if then > now { "more" } else { "less" };
    let text = format!(
        "the wanted book needs {direction} initial margin at the target leverage: {then:.2} instead of {now:.2}"
    );
    Ok((changes && then != now).then_some(text))
}
