//! Random accounts, targets and policies.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use evenkeel_types::{
    Capabilities, Decimal, FeeRates, Instrument, IsolatedMargin, Leverage, LeverageSetting, Lot,
    LowerIsolated, MarginAdjustment, MarginMode, MarginModeScope, MarginModes, MarginPool, MinNotionalRule,
    OpenOrder, OrderKind, PoolId, Position, PositionMode, PositionSide, Price, PriceRule, Qty, Quote, Rate,
    ReduceOnlyRule, Side, Snapshot, Symbol, TierRow, Tiers, Timestamp, TradingStatus, Usd, WithPosition,
};
use proptest::prelude::*;

use crate::{Band, BandTo, Gross, LeverageChange, OpenOrderPolicy, Policy, Rest, Surplus, Target};

pub(super) const NAMES: [&str; 5] = ["AAA", "BBB", "CCC", "DDD", "EEE"];

pub(super) fn symbol(name: &str) -> Symbol {
    Symbol::new(name).unwrap()
}

pub(super) fn whole(value: u32) -> Leverage {
    Leverage::new(value).unwrap()
}

pub(super) fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

pub(super) fn rate(mantissa: i64, scale: u32) -> Rate {
    Rate::new(Decimal::new(mantissa, scale)).unwrap()
}

#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) snapshot: Snapshot,
    pub(super) target: Target,
    pub(super) policy: Policy,
}

#[derive(Debug, Clone)]
struct Asset {
    mark: (i64, u32),
    lot: u32,
    figures: bool,
    min_notional: Option<u32>,
    max_lots: Option<u32>,
    tiers: usize,
    modes: MarginModes,
    status: TradingStatus,
    notional: i64,
    leverage: u32,
    isolated: bool,
    bucket: i64,
    entry: Option<i64>,
    other_pool: bool,
    weight: i64,
    target_leverage: Option<u32>,
    order: Option<(bool, i64, bool)>,
}

fn asset() -> impl Strategy<Value = Asset> {
    let market = (
        (1i64..=99_999, 0u32..=4),
        0u32..=4,
        any::<bool>(),
        prop::option::of(1u32..=20),
        prop::option::weighted(0.15, 200u32..=2_000),
        0usize..=2,
        prop_oneof![
            8 => Just(MarginModes::Both),
            1 => Just(MarginModes::IsolatedOnly),
            1 => Just(MarginModes::StrictIsolated),
            1 => Just(MarginModes::CrossOnly),
        ],
        prop_oneof![
            20 => Just(TradingStatus::Trading),
            1 => Just(TradingStatus::ReduceOnly),
            1 => Just(TradingStatus::Closed),
        ],
    );
    let held = (
        prop_oneof![3 => Just(0i64), 5 => 5i64..=5_000, 3 => -5_000i64..=-5],
        1u32..=20,
        prop::bool::weighted(0.3),
        80i64..=200,
        prop::option::weighted(0.9, 80i64..=120),
        prop::bool::weighted(0.15),
    );
    let wanted = (
        prop_oneof![2 => Just(0i64), 5 => 1i64..=100, 2 => -100i64..=-1],
        prop::option::weighted(0.3, 1u32..=10),
        prop::option::weighted(0.2, (any::<bool>(), 5i64..=500, any::<bool>())),
    );
    (market, held, wanted).prop_map(|(market, held, wanted)| {
        let (mark, lot, figures, min_notional, max_lots, tiers, modes, status) = market;
        let (notional, leverage, isolated, bucket, entry, other_pool) = held;
        let (weight, target_leverage, order) = wanted;
        Asset {
            mark,
            lot,
            figures,
            min_notional,
            max_lots,
            tiers,
            modes,
            status,
            notional,
            leverage,
            isolated,
            bucket,
            entry,
            other_pool,
            weight,
            target_leverage,
            order,
        }
    })
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    let lower = prop_oneof![
        Just(LowerIsolated::Never),
        Just(LowerIsolated::AfterTopUp),
        Just(LowerIsolated::Remargins),
        Just(LowerIsolated::NeedsFree),
    ];
    let scope = prop_oneof![
        3 => Just(MarginModeScope::Symbol),
        1 => Just(MarginModeScope::Account),
        1 => Just(MarginModeScope::Fixed),
    ];
    let adjust = prop_oneof![
        Just(MarginAdjustment::None),
        Just(MarginAdjustment::AddOnly),
        Just(MarginAdjustment::Both),
    ];
    let minimum = prop_oneof![
        Just(MinNotionalRule::NoExemption),
        Just(MinNotionalRule::FullCloseExempt),
        Just(MinNotionalRule::ReduceOnlyExempt),
    ];
    let mostly = || prop::bool::weighted(0.8);
    let flags = (mostly(), mostly(), mostly(), any::<bool>(), any::<bool>(), any::<bool>());
    (lower, scope, adjust, minimum, flags).prop_map(|(lower, scope, adjust, minimum, flags)| Capabilities {
        raise_with_position: WithPosition { cross: flags.0, isolated: flags.1 },
        lower_cross_with_position: flags.2,
        lower_isolated: lower,
        margin_mode_scope: scope,
        switch_mode_with_position: false,
        orders_block_leverage: flags.3,
        orders_block_mode: flags.4,
        margin_adjustment: adjust,
        min_notional: minimum,
        hedge_mode: true,
        reduce_only: if flags.5 { ReduceOnlyRule::Clamps } else { ReduceOnlyRule::RejectsOversize },
        ..Capabilities::cautious()
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let rates = (0i64..=20, 0i64..=30, 0i64..=30, prop::option::weighted(0.3, 0i64..=10));
    let caps = (
        prop::option::weighted(0.2, 20u32..=3_000),
        prop::option::weighted(0.2, 50u32..=5_000),
        prop::option::weighted(0.2, 20u32..=3_000),
        prop::option::weighted(0.2, 10u32..=5_000),
        prop::option::weighted(0.1, 3u32..=6),
    );
    let orders = prop_oneof![
        1 => Just(OpenOrderPolicy::Refuse),
        2 => Just(OpenOrderPolicy::Cancel),
        2 => Just(OpenOrderPolicy::CountAsExposure),
    ];
    let ways = (prop::bool::weighted(0.3), 1u32..=2, any::<bool>(), prop::bool::weighted(0.3), 0u32..=30);
    let more = (0u32..=60, prop_oneof![1 => Just(10u32), 8 => Just(20), 1 => Just(3)]);
    (rates, caps, orders, ways, more).prop_map(|(rates, caps, orders, ways, more)| {
        let amount = |value: u32| Usd::new(value).unwrap();
        let mut policy = Policy::conservative();
        policy.slippage = rate(rates.0, 3);
        policy.stress = rate(rates.1, 3);
        if ways.3 {
            let to = if ways.2 { BandTo::Edge } else { BandTo::Centre };
            policy.band = Band { width: rate(rates.2, 3), to };
        }
        policy.fee = rates.3.map(|fee| rate(fee, 4));
        policy.max_position = caps.0.map(amount);
        policy.max_exposure = caps.1.map(amount);
        policy.max_net = caps.2.map(amount);
        policy.max_turnover = caps.3.map(amount);
        policy.max_positions = caps.4;
        policy.open_orders = orders;
        policy.leverage_change = if ways.0 { LeverageChange::Reopen } else { LeverageChange::Auto };
        policy.reopen_at_once = ways.1;
        policy.isolated_surplus = if ways.2 { Surplus::Remove } else { Surplus::Leave };
        policy.min_trade = amount(ways.4);
        policy.reserve = amount(more.0);
        policy.max_leverage = whole(more.1);
        policy
    })
}

/// How far a scenario goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Breadth {
    /// As usual, with cross margin only.
    Cross,
    /// Accounts, venues and leverages of every kind; all instruments trade and can be closed, the policy limits
    /// position and gross, and as many symbols may be flat at once as there are.
    Usual,
    /// Also: halted instruments, resting orders that count or are of untraded symbols, minima without exemption, venues that move no margin,
    /// limits on net, turnover and number of positions, one symbol flat after another.
    Everything,
}

/// Accounts from safe to overloaded; `None` where the parts make no target.
pub(super) fn scenario(breadth: Breadth) -> impl Strategy<Value = Option<Scenario>> {
    let account = (
        prop::collection::vec(asset(), 1..=5),
        capabilities(),
        policy(),
        // Equity beyond the margin that is used, in percent of the gross; and a flat amount.
        (0i64..=100, 0i64..=500, 0i64..=20),
        (any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.3)),
    );
    let goal = (
        1u32..=10,
        prop_oneof![
            2 => Just(None),
            2 => (1i64..=60).prop_map(|tenths| Some((true, tenths))),
            2 => (20i64..=5_000).prop_map(|amount| Some((false, amount))),
        ],
        any::<bool>(),
        prop_oneof![4 => Just(None), 1 => Just(Some(MarginMode::Cross)), 1 => Just(Some(MarginMode::Isolated))],
        0i64..=30,
    );
    (account, goal).prop_map(move |((mut assets, mut capabilities, mut policy, money, flags), mut goal)| {
        if breadth == Breadth::Cross {
            for asset in &mut assets {
                asset.modes = MarginModes::Both;
                asset.isolated = false;
            }
            goal.3 = None;
        }
        if breadth < Breadth::Everything {
            policy.reopen_at_once = 5;
            for asset in &mut assets {
                asset.status = TradingStatus::Trading;
                asset.order = asset.order.filter(|_| asset.weight != 0);
            }
            capabilities.min_notional = MinNotionalRule::FullCloseExempt;
            capabilities.margin_adjustment = MarginAdjustment::Both;
            policy.max_net = None;
            policy.max_turnover = None;
            policy.max_positions = None;
            if policy.open_orders == OpenOrderPolicy::CountAsExposure {
                policy.open_orders = OpenOrderPolicy::Cancel;
            }
        }
        build(&assets, capabilities, policy, money, flags, goal)
    })
}

type Goal = (u32, Option<(bool, i64)>, bool, Option<MarginMode>, i64);

fn build(
    assets: &[Asset],
    capabilities: Capabilities,
    policy: Policy,
    money: (i64, i64, i64),
    (hedge, with_orders, cash): (bool, bool, bool),
    goal: Goal,
) -> Option<Scenario> {
    let pool = |name: &str| PoolId(symbol(name));
    let mut snapshot = Snapshot {
        venue: "paper".parse().unwrap(),
        account: "main".parse().unwrap(),
        as_of: Timestamp(1_000),
        capabilities,
        position_mode: if hedge { PositionMode::Hedge } else { PositionMode::OneWay },
        pools: Vec::new(),
        positions: Vec::new(),
        settings: BTreeMap::new(),
        quotes: BTreeMap::new(),
        instruments: BTreeMap::new(),
        fees: BTreeMap::new(),
        open_orders: Vec::new(),
    };
    let mut used = [Decimal::ZERO, Decimal::ZERO];
    let mut gross = [Decimal::ZERO, Decimal::ZERO];
    for (name, asset) in NAMES.iter().zip(assets) {
        let name = symbol(name);
        let mark = Price::new(Decimal::new(asset.mark.0, asset.mark.1)).unwrap();
        let instrument = instrument(&name, asset, mark, pool(if asset.other_pool { "DEX" } else { "USDC" }));
        let wanted = Qty::new(Decimal::from(asset.notional).checked_div(mark.get())?).ok()?;
        let qty = instrument.lot.toward_zero(wanted).ok()?;
        let isolated = match asset.modes {
            MarginModes::CrossOnly => false,
            MarginModes::IsolatedOnly | MarginModes::StrictIsolated => true,
            _ => asset.isolated,
        };
        let mode = if isolated { MarginMode::Isolated } else { MarginMode::Cross };
        let leverage = whole(asset.leverage.min(20));
        let notional = mark.value(qty.abs()).ok()?;
        let index = usize::from(asset.other_pool);
        if !qty.is_zero() {
            let side = match (hedge, qty.is_negative()) {
                (false, _) => PositionSide::Net,
                (true, true) => PositionSide::Short,
                (true, false) => PositionSide::Long,
            };
            let margin = leverage.margin(notional).ok()?;
            let equity = margin.times(Decimal::new(asset.bucket, 2)).ok()?;
            if !isolated {
                used[index] += margin.get();
                gross[index] += notional.get();
            }
            snapshot.positions.push(Position {
                symbol: name.clone(),
                side,
                qty,
                entry: asset.entry.and_then(|percent| Price::new(mark.get() * Decimal::new(percent, 2)).ok()),
                mode,
                leverage,
                isolated: isolated.then_some(IsolatedMargin { equity }),
                max_leverage: None,
                liquidation_price: None,
            });
        }
        snapshot
            .settings
            .insert(name.clone(), LeverageSetting::both(name.clone(), leverage, mode, Timestamp(900)));
        snapshot.quotes.insert(name.clone(), Quote { mark, bid: None, ask: None });
        snapshot.fees.insert(name.clone(), FeeRates { maker: rate(1, 4), taker: rate(5, 4) });
        snapshot.instruments.insert(name.clone(), instrument);
        if let Some((buys, value, reduces)) = asset.order.filter(|_| with_orders) {
            let qty = Qty::new(Decimal::from(value).checked_div(mark.get())?.round_dp(4)).ok()?;
            snapshot.open_orders.push(OpenOrder {
                id: None,
                venue_order_id: String::from(name.as_str()),
                symbol: name.clone(),
                side: if buys { Side::Buy } else { Side::Sell },
                position_side: PositionSide::Net,
                remaining: Some(qty),
                limit: Some(mark),
                trigger: None,
                reduce_only: reduces,
                kind: OrderKind::Limit,
            });
        }
    }
    for (index, name) in ["USDC", "DEX"].into_iter().enumerate() {
        let spare = (gross[index] * Decimal::new(money.0, 2) + Decimal::from(money.1)).round_dp(6);
        // Only orders that can add hold margin.
        let rests = snapshot
            .open_orders
            .iter()
            .any(|order| !order.reduce_only && snapshot.instruments[&order.symbol].pool == pool(name));
        let held = if rests { spare * Decimal::new(money.2, 2) } else { Decimal::ZERO };
        snapshot.pools.push(MarginPool {
            id: pool(name),
            collateral: "USDC".parse().unwrap(),
            equity: Usd::new(used[index] + spare).unwrap(),
            free: Usd::new(spare - held).unwrap(),
            withdrawable: None,
            transferable: None,
        });
    }
    let target = target(assets, cash, goal)?;
    Some(Scenario { snapshot, target, policy })
}

/// A largest order of about this value, and no less than two lots.
fn largest(mark: Price, lot: Lot, value: u32) -> Qty {
    let qty = mark.quantity(Usd::new(value).unwrap()).unwrap();
    lot.away_from_zero(qty).unwrap().max(Qty::new(lot.get() * Decimal::TWO).unwrap())
}

fn instrument(name: &Symbol, asset: &Asset, mark: Price, pool: PoolId) -> Instrument {
    let row = |floor: u32, max: u32, percent: i64| TierRow {
        notional_floor: Usd::new(floor).unwrap(),
        max_leverage: whole(max),
        maintenance_rate: rate(percent, 2),
        deduction: None,
    };
    let tiers = [row(0, 20, 2), row(800, 10, 4), row(2_500, 4, 8)];
    let lot = Lot::decimals(asset.lot).unwrap();
    Instrument {
        symbol: name.clone(),
        pool,
        price_rule: if asset.figures {
            PriceRule::SignificantFigures { figures: 5, max_decimals: 6, integers_always: true }
        } else {
            PriceRule::Tick(Price::new(Decimal::new(5, 4)).unwrap())
        },
        lot,
        min_qty: None,
        max_qty: asset.max_lots.map(|value| largest(mark, lot, value)),
        min_notional: asset.min_notional.map(|value| Usd::new(value).unwrap()),
        leverage_step: Decimal::ONE,
        tiers: Tiers::new(&tiers[..=asset.tiers], None).unwrap(),
        liquidation_fee: Rate::ZERO,
        margin_modes: asset.modes,
        status: asset.status,
        funding_interval: None,
    }
}

fn target(assets: &[Asset], cash: bool, goal: Goal) -> Option<Target> {
    let (leverage, gross, keep, mode, idle) = goal;
    let idle = if cash { idle } else { 0 };
    let total: i64 = assets.iter().map(|asset| asset.weight.abs()).sum::<i64>() + idle;
    if total == idle {
        return None;
    }
    let mut weights: Vec<(&str, Decimal)> = NAMES
        .iter()
        .zip(assets)
        .filter(|(_, asset)| asset.weight != 0)
        .map(|(name, asset)| (*name, Decimal::from(asset.weight) / Decimal::from(total)))
        .collect();
    weights.push(("cash", Decimal::from(idle) / Decimal::from(total)));
    let mut target = Target::weights(weights).ok()?.leverage(whole(leverage));
    for (name, asset) in NAMES.iter().zip(assets) {
        if let Some(leverage) = asset.target_leverage.filter(|_| asset.weight != 0) {
            target = target.leverage_of(name, whole(leverage)).ok()?;
        }
    }
    if let Some(mode) = mode {
        target = target.margin_mode(mode);
    }
    target = target.gross(match gross {
        None => Gross::Preserve,
        Some((true, tenths)) => Gross::Leverage(Decimal::new(tenths, 1)),
        Some((false, amount)) => Gross::Notional(Usd::new(amount).unwrap()),
    });
    Some(target.rest(if keep { Rest::Keep } else { Rest::Close }))
}
