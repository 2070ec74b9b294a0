//! The account in figures, before a plan and after it.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use evenkeel_margin::{Account, Backing, MarginError, Trade};
use evenkeel_types::{LowerIsolated, MarginMode, PositionMode, PositionSide, Rate, Snapshot, Symbol, Usd};

use crate::plan::{AccountView, Phase, PlanError, PositionView, Step, Work};
use crate::policy::Policy;

impl From<MarginError> for PlanError {
    fn from(error: MarginError) -> Self {
        PlanError::Margin { message: error.to_string() }
    }
}

/// The account as a snapshot shows it, in the figures that plans and reports use.
///
/// # Errors
/// [`PlanError::Margin`] when a figure cannot be computed.
pub fn account_view(snapshot: &Snapshot) -> Result<AccountView, PlanError> {
    view(&Account::from_snapshot(snapshot)?)
}

pub(super) fn view(account: &Account<'_>) -> Result<AccountView, PlanError> {
    let exposure = account.exposure()?;
    let position = |p: evenkeel_margin::PositionExposure| PositionView {
        symbol: p.symbol,
        size: p.qty,
        mark: p.mark,
        value: p.notional,
        allocation: p.allocation.get(),
        leverage: p.setting,
        margin_mode: p.mode,
        liquidation_price: p.liquidation_price,
        liquidation_distance: p.distance,
    };
    Ok(AccountView {
        account_value: exposure.account_value,
        gross: exposure.gross,
        margin_used: exposure.margin_used,
        positions: exposure.positions.into_iter().map(position).collect(),
    })
}

/// The account after every step, each order filled whole at its limit.
pub(super) fn after<'a>(
    before: &Account<'a>,
    snapshot: &'a Snapshot,
    policy: &Policy,
    phases: &[Phase],
) -> Result<AccountView, PlanError> {
    let mut account = before.clone();
    for phase in phases {
        account = switch_modes(account, &phase.steps)?;
        for step in &phase.steps {
            apply(&mut account, step, snapshot, policy)?;
        }
    }
    view(&account)
}

fn apply(
    account: &mut Account<'_>,
    step: &Step,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Result<(), PlanError> {
    match &step.work {
        Work::Order { side, position_side, qty, limit, .. } => {
            let taker = snapshot.fee(&step.symbol)?.taker;
            let trade = Trade {
                symbol: step.symbol.clone(),
                side: *position_side,
                qty: side.signed(*qty),
                price: *limit,
                fee_rate: policy.fee.unwrap_or(taker).max(Rate::ZERO),
            };
            account.apply(&trade)?;
        }
        Work::SetLeverage { to, .. } => {
            for side in sides(snapshot) {
                // The margin that lowering needs was moved by a step of its own where the venue does not move it;
                // a rounding remainder is not worth refusing the picture for.
                let rule = match snapshot.capabilities.lower_isolated {
                    LowerIsolated::AfterTopUp => LowerIsolated::Remargins,
                    rule => rule,
                };
                if account.holding(&step.symbol, *side).is_some() {
                    account.set_leverage(&step.symbol, *side, *to, rule)?;
                }
            }
        }
        Work::AdjustMargin { delta } => {
            for side in sides(snapshot) {
                if account.holding(&step.symbol, *side).is_some_and(|held| !held.is_flat()) {
                    account.add_margin(&step.symbol, *side, *delta)?;
                }
            }
        }
        Work::CancelOrder { .. } | Work::SetMarginMode { .. } => {}
    }
    Ok(())
}

fn sides(snapshot: &Snapshot) -> &'static [PositionSide] {
    match snapshot.position_mode {
        PositionMode::OneWay => &[PositionSide::Net],
        PositionMode::Hedge => &[PositionSide::Long, PositionSide::Short],
    }
}

/// Modes are switched while flat, so only what backs the next position changes.
fn switch_modes<'a>(account: Account<'a>, steps: &[Step]) -> Result<Account<'a>, PlanError> {
    let modes: BTreeMap<&Symbol, MarginMode> = steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::SetMarginMode { to, .. } => Some((&step.symbol, *to)),
            _ => None,
        })
        .collect();
    if modes.is_empty() {
        return Ok(account);
    }
    let mut holdings: Vec<_> = account.holdings().to_vec();
    for holding in &mut holdings {
        match modes.get(&holding.symbol) {
            Some(MarginMode::Cross) => holding.backing = Backing::Cross,
            Some(MarginMode::Isolated) if holding.is_flat() => {
                holding.backing = Backing::Isolated { equity: Usd::ZERO };
            }
            _ => {}
        }
    }
    Ok(Account::new(account.pools().to_vec(), holdings)?)
}
