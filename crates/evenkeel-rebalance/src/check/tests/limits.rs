//! Limits of exposure, margin, leverage and mode, drawn tighter than the plan.

use alloc::string::String;

use evenkeel_types::{
    Decimal, IsolatedMargin, LowerIsolated, MarginAdjustment, MarginMode, MarginModeScope, MarginModes,
    OrderKind, Side, TierRow, Tiers, Usd,
};

use crate::{Action, Gross, OpenOrderPolicy, Phase, PhaseKind, Policy, Rule, Surplus, Target, Work};

use super::good::{self, Case, above_cap, closing, in_place, keeping, order, reopening, set, top_up, write};
use super::mutations::{find, instrument, pending, qty, resting};
use super::scenario::{rate, symbol, usd, whole};

/// Grows the account's orders together with every figure derived from them.
pub(super) fn grow(case: &mut Case, index: usize, size: &'static str) {
    qty(case, index, size);
    case.restate();
}

#[test]
fn exposure_and_margin() {
    use Rule::{AccountCap, Exposure, PoolMargin, PositionCap, Tier};
    find(alloc::vec![
        ("too large an increase", in_place(), |c| grow(c, 2, "2"), Exposure),
        ("too large an open", reopening(), |c| grow(c, 2, "0.003"), Exposure),
        ("account value", in_place(), |c| c.snapshot.pools[0].equity = usd("150"), Exposure),
        ("reserve", in_place(), |c| c.policy.reserve = usd("50"), Exposure),
        ("stress", in_place(), |c| c.policy.stress = rate(20, 2), Exposure),
        ("fee", in_place(), |c| c.policy.fee = Some(rate(45, 2)), Exposure),
        (
            "target's leverage",
            in_place(),
            |c| {
                c.target.symbols.get_mut(&symbol("SOL")).unwrap().leverage = whole(1);
            },
            Exposure
        ),
        (
            "what is kept",
            keeping(),
            |c| {
                c.snapshot.positions[1].qty = "0.12".parse().unwrap();
            },
            Exposure
        ),
        ("what may have been bought", in_place(), |c| pending(c, "BTC", "0.001", "0"), Exposure),
        ("what may have flipped", in_place(), |c| pending(c, "BTC", "0", "0.004"), Exposure),
        (
            "counted resting order",
            in_place(),
            |c| {
                c.policy.open_orders = OpenOrderPolicy::CountAsExposure;
                resting(c, "ETH", Side::Sell, "0.04", false, OrderKind::Limit);
            },
            Exposure
        ),
        (
            "counted order on a traded symbol",
            in_place(),
            |c| {
                c.policy.open_orders = OpenOrderPolicy::CountAsExposure;
                resting(c, "BTC", Side::Buy, "0.001", false, OrderKind::StopLoss);
            },
            Exposure
        ),
        (
            "above the cap already",
            above_cap(),
            |c| {
                let o = order(&c.snapshot, &c.policy, Action::Increase, "SOL", "0.2");
                c.body.phases = alloc::vec![Phase { kind: PhaseKind::Acquire, steps: alloc::vec![o] }];
                c.restate();
            },
            Exposure
        ),
        (
            "lowered before it fits",
            above_cap(),
            |c| {
                c.body.phases.remove(0);
                c.restate();
            },
            PoolMargin
        ),
        ("free margin held for orders", in_place(), |c| c.snapshot.pools[0].free = usd("50"), PoolMargin),
        ("free margin held, lowering", above_cap(), |c| c.snapshot.pools[0].free = usd("0"), PoolMargin),
        (
            "top-up beyond what is free",
            top_up(),
            |c| {
                let pool = &mut c.snapshot.pools[0];
                (pool.equity, pool.free) = (usd("9.9"), usd("9.9"));
            },
            PoolMargin
        ),
        ("reserve, topping up", top_up(), |c| c.policy.reserve = usd("81"), PoolMargin),
        ("leverage at the notional", in_place(), |c| tiers(c, "SOL", "149"), Tier),
        ("leverage written at the notional", above_cap(), |c| tiers(c, "BTC", "300"), Tier),
        (
            "largest notional",
            in_place(),
            |c| {
                let rows = instrument(c, "SOL").tiers.as_slice()[0];
                let row = row(rows.notional_floor, 20);
                instrument(c, "SOL").tiers = Tiers::new(&[row], Some(usd("150"))).unwrap();
            },
            Tier
        ),
        (
            "position's own maximum",
            in_place(),
            |c| c.snapshot.positions[0].max_leverage = Some(whole(1)),
            Tier
        ),
        ("max_position", in_place(), |c| c.policy.max_position = Some(usd("150")), PositionCap),
        (
            "max_position_of",
            in_place(),
            |c| {
                c.policy.max_position_of.insert(symbol("SOL"), usd("149"));
            },
            PositionCap
        ),
        ("max_exposure", in_place(), |c| c.policy.max_exposure = Some(usd("299")), AccountCap),
        ("max_net", in_place(), |c| c.policy.max_net = Some(usd("299")), AccountCap),
        ("max_positions", flip_from_flat(), |c| c.policy.max_positions = Some(0), AccountCap),
    ]);
}

fn row(floor: Usd, max: u32) -> TierRow {
    TierRow { notional_floor: floor, max_leverage: whole(max), maintenance_rate: rate(2, 2), deduction: None }
}

/// From this notional on, 1x is all that is allowed.
fn tiers(case: &mut Case, name: &str, floor: &str) {
    let rows = [row(Usd::ZERO, 20), row(usd(floor), 1)];
    instrument(case, name).tiers = Tiers::new(&rows, None).unwrap();
}

/// An account without positions opens one.
fn flip_from_flat() -> Case {
    let snapshot = good::snapshot("200", &[]);
    let policy = Policy::conservative();
    let target =
        Target::percent([("SOL", "100")]).unwrap().leverage(whole(10)).gross(Gross::Notional(usd("166.4")));
    let o = order(&snapshot, &policy, Action::Open, "SOL", "1");
    good::case(snapshot, &target, policy, "1", alloc::vec![(PhaseKind::Acquire, alloc::vec![o])])
}

#[test]
fn leverage_and_mode() {
    use Rule::{Bucket, LeverageStep, LeverageUnset, MarginMode as Mode};
    find(alloc::vec![
        ("states another setting", in_place(), |c| c.step(1).work = set("BTC", 9, 2).work, LeverageStep),
        ("sets another leverage", in_place(), |c| c.step(1).work = set("BTC", 10, 3).work, LeverageStep),
        (
            "sets nothing new",
            in_place(),
            |c| {
                let own = c.snapshot.settings.get_mut(&symbol("BTC")).unwrap();
                (own.long, own.short) = (whole(2), whole(2));
                c.snapshot.positions[1].leverage = whole(2);
                c.step(1).work = set("BTC", 2, 2).work;
            },
            LeverageStep
        ),
        ("policy's maximum", in_place(), |c| c.policy.max_leverage = whole(1), LeverageStep),
        ("step of the leverage", in_place(), |c| instrument(c, "BTC").leverage_step = 3.into(), LeverageStep),
        (
            "of what ends flat",
            closing(),
            |c| {
                let steps = alloc::vec![set("SOL", 2, 3)];
                c.body.phases.push(Phase { kind: PhaseKind::Leverage, steps });
                c.restate();
            },
            LeverageStep
        ),
        (
            "lowered in place where that is refused",
            in_place(),
            |c| {
                c.snapshot.capabilities.lower_cross_with_position = false;
            },
            LeverageStep
        ),
        (
            "raised in place where that is refused",
            raising(),
            |c| {
                c.snapshot.capabilities.raise_with_position.cross = false;
            },
            LeverageStep
        ),
        (
            "lowered before raised",
            raising(),
            |c| {
                c.target.symbols.get_mut(&symbol("SOL")).unwrap().leverage = whole(1);
                c.phase(PhaseKind::Leverage).steps.insert(0, set("SOL", 2, 1));
                c.restate();
            },
            LeverageStep
        ),
        (
            "while orders rest",
            in_place(),
            |c| {
                c.policy.open_orders = OpenOrderPolicy::CountAsExposure;
                c.snapshot.capabilities.orders_block_leverage = true;
                resting(c, "BTC", Side::Sell, "0.0001", true, OrderKind::Limit);
            },
            LeverageStep
        ),
        (
            "isolated and never lowered",
            top_up(),
            |c| {
                c.snapshot.capabilities.lower_isolated = LowerIsolated::Never;
            },
            LeverageStep
        ),
        (
            "lowered on an empty bucket",
            top_up(),
            |c| {
                c.body.phases[0].steps.remove(0);
                c.restate();
            },
            Bucket
        ),
        ("topped up too little", top_up(), |c| adjust(c, "9.9"), Bucket),
        ("topped up too much", top_up(), |c| adjust(c, "13"), Bucket),
        (
            "nothing can be moved",
            top_up(),
            |c| {
                c.snapshot.capabilities.margin_adjustment = MarginAdjustment::None;
            },
            Bucket
        ),
        (
            "no bucket to fill",
            in_place(),
            |c| {
                let work = Work::AdjustMargin { delta: usd("1") };
                c.phase(PhaseKind::Leverage).steps.push(write(Action::AddMargin, "SOL", work));
                c.restate();
            },
            Bucket
        ),
        ("removed below what is needed", removing(), |c| adjust(c, "-10.1"), Bucket),
        ("removed against the policy", removing(), |c| c.policy.isolated_surplus = Surplus::Leave, Bucket),
        (
            "removed from a strict bucket",
            removing(),
            |c| {
                instrument(c, "SOL").margin_modes = MarginModes::StrictIsolated;
            },
            Bucket
        ),
        (
            "added to what is not covered",
            removing(),
            |c| {
                c.snapshot.positions[0].isolated = Some(IsolatedMargin { equity: usd("15") });
                c.target.symbols.get_mut(&symbol("SOL")).unwrap().notional = usd("170");
                let o = order(&c.snapshot, &c.policy, Action::Increase, "SOL", "0.4");
                c.body.phases = alloc::vec![Phase { kind: PhaseKind::Acquire, steps: alloc::vec![o] }];
                c.restate();
            },
            Bucket
        ),
        (
            "adds before the leverage is set",
            in_place(),
            |c| {
                c.body.phases.swap(1, 2);
                let own = c.snapshot.settings.get_mut(&symbol("SOL")).unwrap();
                (own.long, own.short) = (whole(3), whole(3));
                c.snapshot.positions[0].leverage = whole(3);
                c.restate();
            },
            LeverageUnset
        ),
        (
            "opens before the leverage is set",
            reopening(),
            |c| {
                c.body.phases.remove(1);
                c.restate();
            },
            LeverageUnset
        ),
        (
            "one side of two is not set",
            reopening(),
            |c| {
                c.snapshot.settings.get_mut(&symbol("SOL")).unwrap().short = whole(10);
            },
            LeverageUnset
        ),
        (
            "another margin mode",
            reopening(),
            |c| {
                c.target.symbols.get_mut(&symbol("SOL")).unwrap().mode = Some(MarginMode::Isolated);
            },
            LeverageUnset
        ),
        (
            "mode switched while held",
            switching(),
            |c| {
                c.body.phases.remove(0);
                c.restate();
            },
            Mode
        ),
        (
            "mode that nobody asked for",
            switching(),
            |c| {
                c.target.symbols.get_mut(&symbol("SOL")).unwrap().mode = None;
            },
            Mode
        ),
        (
            "mode stated wrongly",
            switching(),
            |c| {
                let (from, to) = (MarginMode::Isolated, MarginMode::Isolated);
                c.step(1).work = Work::SetMarginMode { from, to };
            },
            Mode
        ),
        (
            "mode of the account",
            switching(),
            |c| {
                c.snapshot.capabilities.margin_mode_scope = MarginModeScope::Account;
            },
            Mode
        ),
        (
            "mode while orders rest",
            switching(),
            |c| {
                c.policy.open_orders = OpenOrderPolicy::CountAsExposure;
                resting(c, "SOL", Side::Sell, "0.1", true, OrderKind::Limit);
            },
            Mode
        ),
        ("leverage of a symbol set aside", in_place(), |c| aside(c, "BTC"), Rule::SetAside),
        ("increase of a symbol set aside", in_place(), |c| aside(c, "SOL"), Rule::SetAside),
    ]);
}

pub(super) fn aside(case: &mut Case, name: &str) {
    case.state.set_aside.insert(symbol(name), String::from("refused leverage"));
}

pub(super) fn adjust(case: &mut Case, delta: &'static str) {
    let work = Work::AdjustMargin { delta: usd(delta) };
    case.step(0).work = work;
}

/// BTC is raised from 2x to 10x in place.
fn raising() -> Case {
    let snapshot = good::snapshot("200", &[("SOL", "0.54", 2, None), ("BTC", "0.00084", 2, None)]);
    let target = good::halves(2).leverage_of("BTC", whole(10)).unwrap();
    let steps = alloc::vec![set("BTC", 2, 10)];
    let mut case =
        good::case(snapshot, &target, Policy::conservative(), "1", alloc::vec![(PhaseKind::Leverage, steps)]);
    // Two leverages: what the wanted book needs is `sum n / L`.
    let half = case.body.cap.wanted.get() / Decimal::TWO;
    let need = half / Decimal::TWO + half / Decimal::TEN;
    case.body.cap.max_gross = Usd::new(case.body.cap.wanted.get() * (Decimal::from(200) / need)).unwrap();
    case.body.cap.venue_scale = Decimal::ONE;
    case
}

/// Ten of surplus is taken out of a bucket.
fn removing() -> Case {
    let snapshot = good::snapshot("100", &[("SOL", "0.6", 5, Some("30"))]);
    let target = Target::percent([("SOL", "100")]).unwrap().leverage(whole(5));
    let mut policy = Policy::conservative();
    policy.isolated_surplus = Surplus::Remove;
    let work = Work::AdjustMargin { delta: usd("-10") };
    let steps = alloc::vec![write(Action::RemoveMargin, "SOL", work)];
    good::case(snapshot, &target, policy, "1", alloc::vec![(PhaseKind::Leverage, steps)])
}

/// A cross position is closed and reopened isolated.
fn switching() -> Case {
    let snapshot = good::snapshot("200", &[("SOL", "0.6", 2, None)]);
    let policy = Policy::conservative();
    let target = Target::percent([("SOL", "100")]).unwrap().leverage(whole(2));
    let target = target.margin_mode(MarginMode::Isolated);
    let (from, to) = (MarginMode::Cross, MarginMode::Isolated);
    let o = |action, qty| order(&snapshot, &policy, action, "SOL", qty);
    let phases = alloc::vec![
        (PhaseKind::Release, alloc::vec![o(Action::Close, "-0.6")]),
        (
            PhaseKind::Leverage,
            alloc::vec![write(Action::SetMarginMode, "SOL", Work::SetMarginMode { from, to })],
        ),
        (PhaseKind::Acquire, alloc::vec![o(Action::Open, "0.6")]),
    ];
    good::case(snapshot.clone(), &target, policy.clone(), "1", phases)
}
