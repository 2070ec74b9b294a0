//! Plans made by hand, each figure from the snapshot alone.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use evenkeel_types::{
    Capabilities, Decimal, FeeRates, Instrument, IsolatedMargin, LeverageSetting, Lot, LowerIsolated,
    MarginAdjustment, MarginMode, MarginModeScope, MarginModes, MarginPool, MinNotionalRule, PoolId,
    Position, PositionMode, PositionSide, Price, PriceRule, Qty, Quote, Rate, Round, Side, Snapshot, Symbol,
    TierRow, Tiers, Timestamp, TradingStatus, Usd, WithPosition,
};

use crate::{
    AccountView, Action, Cap, Costs, Gross, LeverageChange, Phase, PhaseKind, Plan, PlanBody, Policy,
    PositionView, ResolvedTarget, Rest, Rule, RunState, Step, Target, Work, check,
};

use super::scenario::{rate, symbol, usd, whole};

/// The inputs of a check and a plan for them.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) snapshot: Snapshot,
    pub(super) target: ResolvedTarget,
    pub(super) policy: Policy,
    pub(super) state: RunState,
    pub(super) body: PlanBody,
}

impl Case {
    /// The rules that the plan breaks.
    pub(super) fn broken(&self) -> Vec<Rule> {
        let plan = Plan::seal(self.body.clone()).unwrap();
        match check(&self.snapshot, &self.target, &self.policy, &self.state, plan) {
            Ok(_) => Vec::new(),
            Err(findings) => findings.iter().map(|finding| finding.rule).collect(),
        }
    }

    pub(super) fn step(&mut self, index: usize) -> &mut Step {
        self.body.phases.iter_mut().flat_map(|phase| &mut phase.steps).nth(index).unwrap()
    }

    pub(super) fn phase(&mut self, kind: PhaseKind) -> &mut Phase {
        self.body.phases.iter_mut().find(|phase| phase.kind == kind).unwrap()
    }

    /// Makes every derived figure true again after the steps were changed.
    pub(super) fn restate(&mut self) {
        let phases = core::mem::take(&mut self.body.phases);
        let steps = phases.into_iter().map(|phase| (phase.kind, phase.steps)).collect();
        self.body = body(&self.snapshot, &self.target, &self.policy, &self.state, self.body.cap.scale, steps);
    }
}

/// A venue that allows what Hyperliquid allows.
pub(super) fn capabilities() -> Capabilities {
    Capabilities {
        raise_with_position: WithPosition { cross: true, isolated: true },
        lower_cross_with_position: true,
        lower_isolated: LowerIsolated::AfterTopUp,
        margin_mode_scope: MarginModeScope::Symbol,
        margin_adjustment: MarginAdjustment::Both,
        min_notional: MinNotionalRule::FullCloseExempt,
        ..Capabilities::cautious()
    }
}

fn instrument(name: &str, lot: u32) -> Instrument {
    let row = |floor: u32, max: u32, percent: i64| TierRow {
        notional_floor: Usd::new(floor).unwrap(),
        max_leverage: whole(max),
        maintenance_rate: rate(percent, 2),
        deduction: None,
    };
    Instrument {
        symbol: symbol(name),
        pool: PoolId(symbol("USDC")),
        price_rule: PriceRule::SignificantFigures { figures: 5, max_decimals: 4, integers_always: true },
        lot: Lot::decimals(lot).unwrap(),
        min_qty: None,
        max_qty: None,
        min_notional: Some(usd("10")),
        leverage_step: Decimal::ONE,
        tiers: Tiers::new(&[row(0, 20, 2), row(20_000, 5, 10)], Some(usd("50000"))).unwrap(),
        liquidation_fee: Rate::ZERO,
        margin_modes: MarginModes::Both,
        status: TradingStatus::Trading,
        funding_interval: None,
    }
}

/// A held position: symbol, size, leverage, and the bucket where it is isolated.
pub(super) type Held<'a> = (&'a str, &'a str, u32, Option<&'a str>);

/// SOL at 166.4 and BTC at 106418 in one pool, with this account value.
pub(super) fn snapshot(account_value: &str, held: &[Held<'_>]) -> Snapshot {
    let mut snapshot = Snapshot {
        venue: "paper".parse().unwrap(),
        account: "main".parse().unwrap(),
        as_of: Timestamp(1_000),
        capabilities: capabilities(),
        position_mode: PositionMode::OneWay,
        pools: Vec::new(),
        positions: Vec::new(),
        settings: BTreeMap::new(),
        quotes: BTreeMap::new(),
        instruments: BTreeMap::new(),
        fees: BTreeMap::new(),
        open_orders: Vec::new(),
    };
    for (name, mark, lot) in [("SOL", "166.4", 2), ("BTC", "106418", 5), ("ETH", "2500", 4)] {
        let setting = LeverageSetting::both(symbol(name), whole(10), MarginMode::Cross, Timestamp(900));
        snapshot.settings.insert(symbol(name), setting);
        let quote = Quote { mark: mark.parse().unwrap(), bid: None, ask: None };
        snapshot.quotes.insert(symbol(name), quote);
        snapshot.instruments.insert(symbol(name), instrument(name, lot));
        snapshot.fees.insert(symbol(name), FeeRates { maker: rate(15, 5), taker: rate(45, 5) });
    }
    let (mut equity, mut free) = (usd(account_value), usd(account_value));
    for (name, qty, leverage, bucket) in held {
        let (name, qty): (Symbol, Qty) = (symbol(name), qty.parse().unwrap());
        let mark = snapshot.quotes[&name].mark;
        let mode = if bucket.is_some() { MarginMode::Isolated } else { MarginMode::Cross };
        let setting = LeverageSetting::both(name.clone(), whole(*leverage), mode, Timestamp(900));
        snapshot.settings.insert(name.clone(), setting);
        let margin = match bucket {
            Some(bucket) => {
                equity = equity.minus(usd(bucket)).unwrap();
                usd(bucket)
            }
            None => whole(*leverage).margin(mark.value(qty).unwrap()).unwrap(),
        };
        free = free.minus(margin).unwrap();
        snapshot.positions.push(Position {
            symbol: name,
            side: PositionSide::Net,
            qty,
            entry: Some(mark),
            mode,
            leverage: whole(*leverage),
            isolated: bucket.map(|bucket| IsolatedMargin { equity: usd(bucket) }),
            max_leverage: None,
            liquidation_price: None,
        });
    }
    snapshot.pools.push(MarginPool {
        id: PoolId(symbol("USDC")),
        collateral: "USDC".parse().unwrap(),
        equity,
        free,
        withdrawable: None,
        transferable: None,
    });
    snapshot
}

/// An order at the limit that the policy's slippage allows.
pub(super) fn order(snapshot: &Snapshot, policy: &Policy, action: Action, name: &str, qty: &str) -> Step {
    let (name, signed): (Symbol, Qty) = (symbol(name), qty.parse().unwrap());
    let side = if signed.is_negative() { Side::Sell } else { Side::Buy };
    let away = match side {
        Side::Buy => Decimal::ONE + policy.slippage.get(),
        Side::Sell => Decimal::ONE - policy.slippage.get(),
    };
    let limit = Price::new(snapshot.quotes[&name].mark.get() * away).unwrap();
    let limit = snapshot.instruments[&name].price_rule.round(limit, Round::Passive(side)).unwrap();
    let reduces = matches!(action, Action::Close | Action::Decrease);
    let position_side = match (snapshot.position_mode, (side == Side::Buy) == reduces) {
        (PositionMode::OneWay, _) => PositionSide::Net,
        (PositionMode::Hedge, true) => PositionSide::Short,
        (PositionMode::Hedge, false) => PositionSide::Long,
    };
    let work = Work::Order { side, position_side, qty: signed.abs(), limit, reduce_only: reduces };
    step(action, name, work)
}

/// A step that is no order.
pub(super) fn write(action: Action, name: &str, work: Work) -> Step {
    step(action, symbol(name), work)
}

fn step(action: Action, symbol: Symbol, work: Work) -> Step {
    Step { index: 0, symbol, action, work, qty_after: Qty::ZERO, value: Usd::ZERO, reason: String::new() }
}

pub(super) fn set(name: &str, from: u32, to: u32) -> Step {
    write(Action::SetLeverage, name, Work::SetLeverage { from: whole(from), to: whole(to) })
}

/// A plan of these steps, with every derived figure computed from the snapshot.
pub(super) fn body(
    snapshot: &Snapshot,
    target: &ResolvedTarget,
    policy: &Policy,
    state: &RunState,
    scale: Decimal,
    phases: Vec<(PhaseKind, Vec<Step>)>,
) -> PlanBody {
    let mut qty: BTreeMap<Symbol, Qty> =
        snapshot.instruments.keys().map(|name| (name.clone(), snapshot.qty(name))).collect();
    let mut settings = snapshot.settings.clone();
    let zero = Usd::ZERO;
    let mut costs =
        Costs { trades: 0, turnover: zero, fees: zero, slippage: zero, realized_pnl: Some(Usd::ZERO) };
    let (mut index, mut limit_fees) = (0, Decimal::ZERO);
    let mut built = Vec::new();
    for (kind, mut steps) in phases {
        for step in &mut steps {
            step.index = index;
            index += 1;
            let name = step.symbol.clone();
            let (mark, held) = (snapshot.quotes[&name].mark, qty.get_mut(&name).unwrap());
            match &step.work {
                Work::Order { side, qty, limit, .. } => {
                    let entry = snapshot.position(&name).and_then(|position| position.entry);
                    let fee = snapshot.fees[&name].taker.get() * qty.get();
                    if matches!(step.action, Action::Close | Action::Decrease) {
                        let gain = side.opposite().signed(*qty).get() * (mark.get() - entry.unwrap().get());
                        costs.realized_pnl =
                            Some(Usd::new(costs.realized_pnl.unwrap().get() + gain).unwrap());
                    }
                    *held = held.plus(side.signed(*qty)).unwrap();
                    step.value = mark.value(*qty).unwrap();
                    costs.trades += 1;
                    costs.turnover = costs.turnover.plus(step.value).unwrap();
                    costs.fees = Usd::new(costs.fees.get() + fee * mark.max(*limit).get()).unwrap();
                    let slip = (limit.get() - mark.get()).abs() * qty.get();
                    costs.slippage = Usd::new(costs.slippage.get() + slip).unwrap();
                    limit_fees += fee * limit.get();
                }
                Work::SetLeverage { to, .. } => {
                    let setting = settings.get_mut(&name).unwrap();
                    (setting.long, setting.short) = (*to, *to);
                }
                Work::SetMarginMode { to, .. } => settings.get_mut(&name).unwrap().mode = *to,
                _ => {}
            }
            step.qty_after = *held;
        }
        built.push(Phase { kind, steps });
    }
    let value = snapshot.account_value().unwrap();
    let after_value = Usd::new(value.get() - costs.slippage.get() - limit_fees).unwrap();
    let start = snapshot.instruments.keys().map(|name| (name.clone(), snapshot.qty(name))).collect();
    let wanted = target.symbols.values().map(|wanted| wanted.notional.abs());
    let kept =
        target.kept.iter().map(|name| snapshot.quotes[name].mark.value(snapshot.qty(name).abs()).unwrap());
    let wanted = Usd::sum(wanted.chain(kept)).unwrap();
    let max = value.times(target.leverage.get()).unwrap();
    let venue = if wanted.is_zero() { Decimal::ONE } else { (max.get() / wanted.get()).min(Decimal::ONE) };
    PlanBody {
        schema: 1,
        venue: snapshot.venue.clone(),
        account: snapshot.account.clone(),
        as_of: snapshot.as_of,
        expires: snapshot.as_of.after(policy.plan_validity),
        round: state.round,
        leverage_change: policy.leverage_change,
        cap: Cap {
            account_value: value,
            wanted,
            max_gross: max,
            max_gross_after_costs: max,
            venue_scale: venue,
            scale,
            trim: Decimal::ONE,
            room: Decimal::ONE,
        },
        phases: built,
        notes: Vec::new(),
        costs,
        alternative: None,
        before: view(snapshot, value, &start, &snapshot.settings),
        after: view(snapshot, after_value, &qty, &settings),
    }
}

fn view(
    snapshot: &Snapshot,
    account_value: Usd,
    qty: &BTreeMap<Symbol, Qty>,
    settings: &BTreeMap<Symbol, LeverageSetting>,
) -> AccountView {
    let value = |name: &Symbol| snapshot.quotes[name].mark.value(qty[name]).unwrap();
    let gross = Usd::sum(qty.keys().map(|name| value(name).abs())).unwrap();
    let mut used = Usd::ZERO;
    let mut positions = Vec::new();
    for (name, size) in qty.iter().filter(|(_, size)| !size.is_zero()) {
        let setting = &settings[name];
        let bucket = snapshot.position(name).and_then(|position| position.isolated);
        let margin = setting.of(*size).margin(value(name)).unwrap();
        used = used.plus(bucket.map_or(margin, |bucket| bucket.equity)).unwrap();
        positions.push(PositionView {
            symbol: name.clone(),
            size: *size,
            mark: snapshot.quotes[name].mark,
            value: value(name).abs(),
            allocation: value(name).get() / gross.get(),
            leverage: setting.of(*size),
            margin_mode: setting.mode,
            liquidation_price: None,
            liquidation_distance: None,
        });
    }
    AccountView { account_value, gross, margin_used: used, positions }
}

/// A case from its parts; `scale` is what the hand that made it found.
pub(super) fn case(
    snapshot: Snapshot,
    target: &Target,
    policy: Policy,
    scale: &str,
    phases: Vec<(PhaseKind, Vec<Step>)>,
) -> Case {
    let target = target.resolve(&snapshot).unwrap();
    let state = RunState::start();
    let body = body(&snapshot, &target, &policy, &state, usd(scale).get(), phases);
    Case { snapshot, target, policy, state, body }
}

pub(super) fn halves(leverage: u32) -> Target {
    Target::percent([("SOL", "50"), ("BTC", "50")]).unwrap().leverage(whole(leverage))
}

/// SOL 89.86 at 2x stays and is increased; BTC 209.64 at 10x is closed and reopened at 2x.
pub(super) fn reopening() -> Case {
    let snapshot = snapshot("200", &[("SOL", "0.54", 2, None), ("BTC", "0.00197", 10, None)]);
    let mut policy = Policy::conservative();
    policy.leverage_change = LeverageChange::Reopen;
    let o = |action, name, qty| order(&snapshot, &policy, action, name, qty);
    let phases = alloc::vec![
        (PhaseKind::Release, alloc::vec![o(Action::Close, "BTC", "-0.00197")]),
        (PhaseKind::Leverage, alloc::vec![set("BTC", 10, 2)]),
        (
            PhaseKind::Acquire,
            alloc::vec![o(Action::Open, "BTC", "0.0014"), o(Action::Increase, "SOL", "0.36")],
        ),
    ];
    case(snapshot.clone(), &halves(2), policy.clone(), "1", phases)
}

/// The same with the leverage lowered in place.
pub(super) fn in_place() -> Case {
    let snapshot = snapshot("200", &[("SOL", "0.54", 2, None), ("BTC", "0.00197", 10, None)]);
    let policy = Policy::conservative();
    let o = |action, name, qty| order(&snapshot, &policy, action, name, qty);
    let phases = alloc::vec![
        (PhaseKind::Release, alloc::vec![o(Action::Decrease, "BTC", "-0.00056")]),
        (PhaseKind::Leverage, alloc::vec![set("BTC", 10, 2)]),
        (PhaseKind::Acquire, alloc::vec![o(Action::Increase, "SOL", "0.36")]),
    ];
    case(snapshot.clone(), &halves(2), policy.clone(), "1", phases)
}

/// Everything closed.
pub(super) fn closing() -> Case {
    let snapshot = snapshot("200", &[("SOL", "0.54", 2, None), ("BTC", "-0.00197", 10, None)]);
    let policy = Policy::conservative();
    let o = |action, name, qty| order(&snapshot, &policy, action, name, qty);
    let closes = alloc::vec![o(Action::Close, "BTC", "0.00197"), o(Action::Close, "SOL", "-0.54")];
    let target = Target::percent([("cash", "100")]).unwrap().leverage(whole(2));
    case(snapshot.clone(), &target, policy.clone(), "1", alloc::vec![(PhaseKind::Release, closes)])
}

/// An isolated position whose bucket is filled before its leverage is lowered from 10x to 5x.
pub(super) fn top_up() -> Case {
    let snapshot = snapshot("100", &[("SOL", "0.6", 10, Some("10"))]);
    let target = Target::percent([("SOL", "100")]).unwrap().leverage(whole(5));
    let work = Work::AdjustMargin { delta: usd("9.968") };
    let steps = alloc::vec![write(Action::AddMargin, "SOL", work), set("SOL", 10, 5)];
    case(snapshot, &target, Policy::conservative(), "1", alloc::vec![(PhaseKind::Leverage, steps)])
}

/// Hedge mode: a short leg is closed and a long one opened at the same leverage.
pub(super) fn flip() -> Case {
    let mut snapshot = snapshot("200", &[("SOL", "-0.6", 3, None)]);
    snapshot.position_mode = PositionMode::Hedge;
    snapshot.positions[0].side = PositionSide::Short;
    let policy = Policy::conservative();
    let o = |action, qty| order(&snapshot, &policy, action, "SOL", qty);
    let phases = alloc::vec![
        (PhaseKind::Release, alloc::vec![o(Action::Close, "0.6")]),
        (PhaseKind::Acquire, alloc::vec![o(Action::Open, "0.6")]),
    ];
    let target = Target::percent([("SOL", "100")]).unwrap().leverage(whole(3));
    case(snapshot.clone(), &target, policy.clone(), "1", phases)
}

/// 416 of account value carrying 3180 at 10x, wanted at 2x: reduced to what fits, then lowered.
pub(super) fn above_cap() -> Case {
    let snapshot = snapshot("416", &[("SOL", "5.65", 10, None), ("BTC", "0.02103", 10, None)]);
    let policy = Policy::conservative();
    let o = |action, name, qty| order(&snapshot, &policy, action, name, qty);
    let phases = alloc::vec![
        (
            PhaseKind::Release,
            alloc::vec![o(Action::Decrease, "BTC", "-0.01743"), o(Action::Decrease, "SOL", "-3.35")],
        ),
        (PhaseKind::Leverage, alloc::vec![set("BTC", 10, 2), set("SOL", 10, 2)]),
    ];
    case(snapshot.clone(), &halves(2), policy.clone(), "0.2405", phases)
}

pub(super) fn all() -> [(&'static str, Case); 6] {
    [
        ("reopening", reopening()),
        ("in place", in_place()),
        ("closing", closing()),
        ("top up", top_up()),
        ("flip", flip()),
        ("above cap", above_cap()),
    ]
}

/// A third symbol is kept beside the two.
pub(super) fn keeping() -> Case {
    let snapshot = snapshot("200", &[("SOL", "0.54", 2, None), ("ETH", "0.02", 2, None)]);
    let policy = Policy::conservative();
    let target =
        Target::percent([("SOL", "100")]).unwrap().leverage(whole(2)).gross(Gross::Notional(usd("150")));
    let o = order(&snapshot, &policy, Action::Increase, "SOL", "0.36");
    let phases = alloc::vec![(PhaseKind::Acquire, alloc::vec![o])];
    case(snapshot.clone(), &target.rest(Rest::Keep), policy.clone(), "1", phases)
}

#[test]
fn plans_made_by_hand_pass() {
    for (name, case) in all().into_iter().chain([("keeping", keeping())]) {
        let plan = Plan::seal(case.body.clone()).unwrap();
        if let Err(findings) = check(&case.snapshot, &case.target, &case.policy, &case.state, plan) {
            panic!("{name}:\n{findings}");
        }
    }
}
