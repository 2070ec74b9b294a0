//! What would be done, shown before anything is sent, and the approval of it.

use std::collections::BTreeMap;
use std::fmt;

use evenkeel_exchange::Observe;
use evenkeel_rebalance::{
    AccountView, CheckedPlan, Envelope, Findings, Plan, PlanError, PlanId, Policy, ResolvedTarget, RunState,
    Target, TargetError, Work, check, plan,
};
use evenkeel_types::{Decimal, NumberError, Snapshot, SnapshotError, Symbol, Timestamp, Usd, round};

use crate::text::wrap;

/// A terminal's width: nothing that is printed here is longer.
const WIDTH: usize = 80;

/// What would be done, and everything it was decided from. Nothing was sent to make it.
///
/// `Display` shows the trades with their reasons, what they cost, what was declined and why, and the account before
/// and after.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Preview {
    /// The account it was made from.
    pub snapshot: Snapshot,
    /// The target in fixed amounts.
    pub target: ResolvedTarget,
    /// The limits.
    pub policy: Policy,
    /// The plan, passed by the checker.
    pub plan: CheckedPlan,
    envelope: Envelope,
}

/// Why there is nothing to preview.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreviewError {
    /// The account could not be read.
    #[error("the account could not be read")]
    Read(#[from] evenkeel_exchange::Error),
    /// The account reading contradicts itself.
    #[error("the account reading is not consistent")]
    Snapshot(#[from] SnapshotError),
    /// The target was refused.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No plan can be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan did not pass its check: a bug in the planner or in the checker.
    #[error("the plan did not pass its check: {0}")]
    Check(Box<Findings>),
    /// Arithmetic that does not fit.
    #[error(transparent)]
    Number(#[from] NumberError),
}

/// Somebody looked at a [`Preview`] and said yes. Only [`Preview::approve`] makes one, and executing uses it up.
#[derive(Debug)]
pub struct Approval {
    pub(crate) plan: Plan,
    pub(crate) snapshot: Snapshot,
    pub(crate) target: ResolvedTarget,
    pub(crate) policy: Policy,
    pub(crate) envelope: Envelope,
}

impl Approval {
    /// Which plan was approved.
    #[must_use]
    pub fn plan_id(&self) -> PlanId {
        self.plan.id()
    }

    /// Until when it can be executed.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.plan.expires
    }

    /// What was approved: the bounds that every later plan of the run must keep.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}

/// Reads the account and plans. Sends nothing.
///
/// # Errors
/// [`PreviewError`].
pub async fn preview(venue: &dyn Observe, target: &Target, policy: &Policy) -> Result<Preview, PreviewError> {
    let snapshot = venue.snapshot(&target.scope()).await?;
    Preview::of(snapshot, target, policy)
}

impl Preview {
    /// Plans from an account reading that is already there. Pure.
    ///
    /// # Errors
    /// [`PreviewError`].
    pub fn of(snapshot: Snapshot, target: &Target, policy: &Policy) -> Result<Self, PreviewError> {
        snapshot.validate(&target.scope())?;
        let target = target.resolve(&snapshot)?;
        let state = RunState::start();
        let plan = plan(&snapshot, &target, policy, &state)?;
        let plan = check(&snapshot, &target, policy, &state, plan)
            .map_err(|found| PreviewError::Check(Box::new(found)))?;
        let envelope = plan.envelope(&target, &lot_values(&snapshot, &target)?, policy)?;
        Ok(Self { snapshot, target, policy: policy.clone(), plan, envelope })
    }

    /// Says yes to exactly this.
    #[must_use]
    pub fn approve(self) -> Approval {
        let Self { snapshot, target, policy, plan, envelope } = self;
        Approval { plan: Plan::clone(&plan), snapshot, target, policy, envelope }
    }
}

/// What one lot of each symbol of the run is worth: how far rounding alone can carry a position.
fn lot_values(snapshot: &Snapshot, target: &ResolvedTarget) -> Result<BTreeMap<Symbol, Usd>, PreviewError> {
    let mut values = BTreeMap::new();
    for symbol in target.symbols.keys() {
        let lot = snapshot.instrument(symbol)?.lot.get();
        let value = Usd::new(snapshot.quote(symbol)?.mark.get())?.times(lot)?;
        values.insert(symbol.clone(), value);
    }
    Ok(values)
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        let scope = format!("{} at {}, plan {}", plan.account, plan.venue, short(&plan.id().to_string()));
        lines(f, &scope, "")?;
        if plan.is_empty() {
            writeln!(f, "nothing to do: the account is where the target wants it")?;
        }
        for phase in &plan.phases {
            writeln!(f, "{}:", phase.kind)?;
            for step in &phase.steps {
                write!(f, "  {:<10} {:<15}", step.symbol, step.action)?;
                match &step.work {
                    Work::Order { side, qty, limit, .. } => {
                        writeln!(f, " {side:<4} {qty:>14} {:>14.2}  limit {limit}", step.value)?;
                    }
                    Work::SetLeverage { from, to } => writeln!(f, " {from}x -> {to}x")?,
                    Work::SetMarginMode { from, to } => writeln!(f, " {from} -> {to}")?,
                    Work::AdjustMargin { delta } => writeln!(f, " {delta:.2}")?,
                    _ => writeln!(f)?,
                }
                lines(f, &step.reason, "    ")?;
            }
        }
        let costs = &plan.costs;
        let profit = costs.realized_pnl.map_or_else(|| "N/A".into(), |profit| format!("{profit:.2}"));
        let text = format!(
            "costs at worst: {} order(s), {:.2} traded, {:.4} fees, {:.4} slippage; realised profit {profit}",
            costs.trades, costs.turnover, costs.fees, costs.slippage
        );
        lines(f, &text, "")?;
        if let Some(other) = &plan.alternative {
            let text = format!(
                "the other way to change leverage: {} order(s), {:.2} traded, {:.4} fees",
                other.costs.trades, other.costs.turnover, other.costs.fees
            );
            lines(f, &text, "  ")?;
        }
        let cap = &plan.cap;
        let text = format!(
            "limit: account value {:.2} carries {:.2}, {:.2} after costs; wanted {:.2}; scale {}",
            cap.account_value,
            cap.max_gross,
            cap.max_gross_after_costs,
            cap.wanted,
            round::for_reading(cap.scale, 4)
        );
        lines(f, &text, "")?;
        for note in &plan.notes {
            lines(f, &format!("note: {note}"), "")?;
        }
        account(f, "before", &plan.before)?;
        account(f, "after, at worst", &plan.after)
    }
}

fn lines(f: &mut fmt::Formatter<'_>, text: &str, indent: &str) -> fmt::Result {
    wrap(text, WIDTH, indent).iter().try_for_each(|line| writeln!(f, "{line}"))
}

fn account(f: &mut fmt::Formatter<'_>, title: &str, view: &AccountView) -> fmt::Result {
    let text = format!(
        "{title}: account value {:.2}, gross {:.2}, margin used {:.2}",
        view.account_value, view.gross, view.margin_used
    );
    lines(f, &text, "")?;
    for position in &view.positions {
        let liquidation = match (position.liquidation_price, position.liquidation_distance) {
            (Some(price), Some(distance)) => format!("liq {price:.4} ({}%)", percent(distance)),
            (Some(price), None) => format!("liq {price:.4}"),
            (None, _) => "liq N/A".into(),
        };
        let text = format!(
            "  {:<8} {:>12} {:>10.2} {:>7}% {:>3}x {:<8}",
            position.symbol,
            position.size.to_string(),
            position.value,
            percent(position.allocation),
            position.leverage.to_string(),
            position.margin_mode
        );
        let width = text.chars().count().saturating_add(liquidation.chars().count());
        let between = if width < WIDTH { " " } else { "\n    " };
        writeln!(f, "{text}{between}{liquidation}")?;
    }
    Ok(())
}

fn percent(fraction: Decimal) -> String {
    fraction
        .checked_mul(Decimal::ONE_HUNDRED)
        .map_or_else(|| "N/A".into(), |percent| round::for_reading(percent, 2))
}

/// Enough of a hash to tell two plans apart on a screen.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
