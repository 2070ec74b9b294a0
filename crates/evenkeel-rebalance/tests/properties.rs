//! Properties of every plan, against oracles that share no code with the planner: a simulation of subsets and partial
//! fills at the worst prices, exhaustive search over lots, and the plan of the same account written in another order.
//!
//! `EVENKEEL_CASES` sets the number of cases (256 without it).
#![allow(missing_docs)]

mod support;

use std::collections::BTreeMap;

use evenkeel_rebalance::*;
use evenkeel_types::*;
use proptest::prelude::*;
use support::*;

fn cases() -> u32 {
    std::env::var("EVENKEEL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(256)
}

#[derive(Debug, Clone)]
struct Coin {
    mark: i64,
    mark_scale: u32,
    lot_scale: u32,
    leverage: u32,
    /// Held, as a share of the account value in percent; negative is short.
    held: i32,
    isolated: bool,
    weight: i32,
    min_notional: u32,
    max_qty: Option<u32>,
    tier: Option<u32>,
}

fn coin() -> impl Strategy<Value = Coin> {
    (
        (1i64..99_999, 0u32..4, 0u32..5, 1u32..=40),
        (prop_oneof![Just(0), -300i32..=300], prop::bool::weighted(0.2), -100i32..=100),
        (prop_oneof![Just(0u32), Just(10), Just(100)], prop::option::weighted(0.2, 1u32..50)),
        prop::option::weighted(0.2, 100u32..5000),
    )
        .prop_map(
            |(
                (mark, mark_scale, lot_scale, leverage),
                (held, isolated, weight),
                (min_notional, max_qty),
                tier,
            )| {
                Coin {
                    mark,
                    mark_scale,
                    lot_scale,
                    leverage,
                    held,
                    isolated,
                    weight,
                    min_notional,
                    max_qty,
                    tier,
                }
            },
        )
}

#[derive(Debug, Clone)]
struct Case {
    equity: u32,
    coins: Vec<Coin>,
    leverage: u32,
    gross: u32,
    slippage: i64,
    stress: i64,
    reopen: bool,
    lower_isolated: usize,
    reopen_at_once: u32,
    band: i64,
    turnover: Option<u32>,
    keep: bool,
    seed: u64,
}

fn case(coins: usize) -> impl Strategy<Value = Case> {
    (
        (50u32..50_000, prop::collection::vec(coin(), 1..=coins), 1u32..=20, 1u32..=600),
        (0i64..=100, 0i64..=100, any::<bool>(), 0usize..4, 1u32..=3),
        (
            prop_oneof![3 => Just(0i64), 1 => 1i64..=50],
            prop::option::weighted(0.2, 1u32..20_000),
            any::<bool>(),
            any::<u64>(),
        ),
    )
        .prop_map(
            |(
                (equity, coins, leverage, gross),
                (slippage, stress, reopen, lower_isolated, reopen_at_once),
                (band, turnover, keep, seed),
            )| {
                Case {
                    equity,
                    coins,
                    leverage,
                    gross,
                    slippage,
                    stress,
                    reopen,
                    lower_isolated,
                    reopen_at_once,
                    band,
                    turnover,
                    keep,
                    seed,
                }
            },
        )
}

struct Made {
    world: World,
    target: ResolvedTarget,
    policy: Policy,
}

/// The account, target and policy of a case; `None` where they contradict each other.
fn build(case: &Case) -> Option<Made> {
    let equity = Decimal::from(case.equity);
    let mut world = World::with_equity(&equity.to_string());
    world.snapshot.capabilities.lower_isolated =
        [LowerIsolated::Never, LowerIsolated::AfterTopUp, LowerIsolated::Remargins, LowerIsolated::NeedsFree]
            [case.lower_isolated];
    let total: i32 = case.coins.iter().map(|c| c.weight.abs()).sum();
    if total == 0 {
        return None;
    }
    let mut weights = Vec::new();
    for (index, coin) in case.coins.iter().enumerate() {
        let name = format!("C{index:02}");
        let mark = Decimal::new(coin.mark, coin.mark_scale);
        let lot = Decimal::new(1, coin.lot_scale);
        world = world.list(&name, &mark.to_string(), &lot.to_string(), coin.leverage);
        world = world.instrument(&name, |i| {
            i.min_notional = (coin.min_notional > 0).then(|| Usd::new(coin.min_notional).unwrap());
            i.max_qty = coin.max_qty.map(|n| Qty::new(lot * Decimal::from(n) * Decimal::TEN).unwrap());
            if let Some(floor) = coin.tier {
                let row = |floor: u32, leverage: u32, rate: &str| TierRow {
                    notional_floor: Usd::new(floor).unwrap(),
                    max_leverage: x(leverage),
                    maintenance_rate: rate.parse().unwrap(),
                    deduction: None,
                };
                i.tiers = Tiers::new(&[row(0, 40, "0.0125"), row(floor, 10, "0.05")], None).unwrap();
            }
        });
        let wanted = equity * Decimal::from(coin.held) / Decimal::from(100) / mark;
        let qty = Lot::new(lot).unwrap().toward_zero(Qty::new(wanted).unwrap()).unwrap();
        if !qty.is_zero() {
            if coin.isolated {
                let notional = world.snapshot.quotes[&sym(&name)].mark.value(qty.abs()).unwrap();
                let bucket = x(coin.leverage).margin(notional).unwrap();
                world = world.hold_isolated(&name, &qty.to_string(), &bucket.to_string());
            } else {
                world = world.hold(&name, &qty.to_string());
            }
        }
        // A coin may be left out of the target: then it is closed, or kept.
        if coin.weight.abs() > 20 || !case.keep {
            weights.push((name, coin.weight));
        }
    }
    let total: i32 = weights.iter().map(|(_, w)| w.abs()).sum();
    if total == 0 {
        return None;
    }
    let weights = weights.into_iter().map(|(n, w)| (n, Decimal::from(w) / Decimal::from(total)));
    let rest = if case.keep { Rest::Keep } else { Rest::Close };
    let target = Target::weights(weights)
        .ok()?
        .leverage(x(case.leverage))
        .gross(Gross::Leverage(Decimal::new(i64::from(case.gross), 1)))
        .rest(rest)
        .resolve(&world.snapshot)
        .ok()?;
    let mut policy = exact_policy();
    policy.slippage = Rate::new(Decimal::new(case.slippage, 4)).unwrap();
    policy.stress = Rate::new(Decimal::new(case.stress, 4)).unwrap();
    policy.leverage_change = if case.reopen { LeverageChange::Reopen } else { LeverageChange::Auto };
    policy.reopen_at_once = case.reopen_at_once;
    policy.band.width = Rate::new(Decimal::new(case.band, 3)).unwrap();
    policy.max_turnover = case.turnover.map(|t| Usd::new(t).unwrap());
    Some(Made { world, target, policy })
}

/// A small deterministic generator: which orders fill how far.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// The oracle's account: plain sums, no planner, no margin crate.
#[derive(Clone)]
struct Book {
    pool: Decimal,
    qty: BTreeMap<Symbol, Decimal>,
    bucket: BTreeMap<Symbol, Decimal>,
    setting: BTreeMap<Symbol, (Decimal, MarginMode)>,
    marks: BTreeMap<Symbol, Decimal>,
}

impl Book {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            pool: snapshot.pools[0].equity.get(),
            qty: snapshot.positions.iter().map(|p| (p.symbol.clone(), p.qty.get())).collect(),
            bucket: snapshot
                .positions
                .iter()
                .filter_map(|p| Some((p.symbol.clone(), p.isolated?.equity.get())))
                .collect(),
            setting: snapshot.settings.iter().map(|(s, l)| (s.clone(), (l.long.get(), l.mode))).collect(),
            marks: snapshot.quotes.iter().map(|(s, q)| (s.clone(), q.mark.get())).collect(),
        }
    }

    fn notional(&self, symbol: &Symbol) -> Decimal {
        self.qty.get(symbol).copied().unwrap_or_default().abs() * self.marks[symbol]
    }

    fn gross(&self) -> Decimal {
        self.qty.keys().map(|s| self.notional(s)).sum()
    }

    fn value(&self) -> Decimal {
        self.pool + self.bucket.values().sum::<Decimal>()
    }

    /// Margin of cross positions at their settings.
    fn cross_margin(&self) -> Decimal {
        self.qty
            .keys()
            .filter(|s| self.setting[*s].1 == MarginMode::Cross)
            .map(|s| self.notional(s) / self.setting[s].0)
            .sum()
    }

    fn trade(&mut self, symbol: &Symbol, signed: Decimal, price: Decimal, fee: Decimal) {
        let (leverage, mode) = self.setting[symbol];
        let held = self.qty.get(symbol).copied().unwrap_or_default();
        let after = held + signed;
        let fee = signed.abs() * price.max(self.marks[symbol]) * fee;
        let loss = (price - self.marks[symbol]) * signed;
        self.pool -= fee + loss;
        if mode == MarginMode::Isolated {
            let bucket = self.bucket.get(symbol).copied().unwrap_or_default();
            let new = if after.abs() < held.abs() {
                bucket * after / held
            } else {
                bucket + signed.abs() * price / leverage
            };
            self.pool -= new - bucket;
            self.bucket.insert(symbol.clone(), new);
        }
        self.qty.insert(symbol.clone(), after);
        if after.is_zero() {
            let freed = self.bucket.remove(symbol).unwrap_or_default();
            self.pool += freed;
            self.qty.remove(symbol);
        }
    }
}

const DUST: Decimal = Decimal::from_parts(1, 0, 0, false, 12);

/// Walks the whole plan as the worst venue would, at the given fill shares, and checks every promise after every write.
fn walk(made: &Made, plan: &Plan, seed: u64, complete: bool) -> Result<(), TestCaseError> {
    let Made { world, target, policy } = made;
    let mut dice = Dice(seed);
    let mut book = Book::of(&world.snapshot);
    let fee = policy.fee.unwrap().get();
    let stress = policy.stress.get();
    let leverage = target.leverage.get();
    let start_gross = book.gross();
    let fits = |book: &Book| {
        let gross = book.gross();
        gross * (Decimal::ONE + stress)
            <= leverage * (book.value() - stress * gross - policy.reserve.get()) + DUST
    };
    let started_fit = fits(&book);
    for phase in &plan.phases {
        let mut steps: Vec<&Step> = phase.steps.iter().collect();
        // Orders of a phase may execute in any order; writes of the leverage phase are made in theirs.
        if phase.kind != PhaseKind::Leverage {
            for index in (1..steps.len()).rev() {
                steps.swap(index, dice.roll(index as u64 + 1) as usize);
            }
        }
        for step in steps {
            let symbol = &step.symbol;
            match &step.work {
                Work::Order { side, qty, limit, reduce_only, .. } => {
                    let share = if complete { 100 } else { [0, 0, 37, 100, 100][dice.roll(5) as usize] };
                    let filled = qty.get() * Decimal::from(share) / Decimal::from(100);
                    let signed = if *side == Side::Buy { filled } else { -filled };
                    let held = book.qty.get(symbol).copied().unwrap_or_default();
                    if *reduce_only {
                        prop_assert!(phase.kind == PhaseKind::Release);
                        prop_assert!(
                            qty.get() <= held.abs() || !complete,
                            "{symbol}: reduces {qty} of {held}"
                        );
                        // A venue clamps what is larger than the position; the plan itself never needs that.
                        prop_assert!(
                            held.is_zero()
                                || held.is_sign_negative() != signed.is_sign_negative()
                                || signed.is_zero()
                        );
                        let signed = if signed.abs() > held.abs() { -held } else { signed };
                        let gross = book.gross();
                        book.trade(symbol, signed, limit.get(), fee);
                        prop_assert!(book.gross() <= gross);
                        let after = book.qty.get(symbol).copied().unwrap_or_default();
                        prop_assert!(
                            after.is_zero() || after.is_sign_negative() == held.is_sign_negative(),
                            "flipped"
                        );
                    } else {
                        prop_assert!(phase.kind == PhaseKind::Acquire);
                        prop_assert!(held.is_zero() || held.is_sign_negative() == signed.is_sign_negative());
                        let (set, _) = book.setting[symbol];
                        prop_assert_eq!(
                            set,
                            target.symbols[symbol].leverage.get(),
                            "opened at another leverage"
                        );
                        book.trade(symbol, signed, limit.get(), fee);
                        // An open is only ever sent when every release before it was carried out whole.
                        if complete || phase_is_first_acquire(plan, phase) {
                            let notional = book.notional(symbol);
                            let most = world.snapshot.instruments[symbol]
                                .tiers
                                .max_notional(Leverage::new(set).unwrap());
                            prop_assert!(
                                most.is_none_or(|most| notional <= most.get()),
                                "{symbol}: above its tier"
                            );
                        }
                    }
                    let instrument = &world.snapshot.instruments[symbol];
                    prop_assert!(instrument.price_rule.accepts(*limit), "{limit}");
                    prop_assert!(instrument.lot.divides(*qty) || step.qty_after.is_zero());
                    prop_assert!(instrument.max_qty.is_none_or(|most| *qty <= most));
                }
                Work::SetLeverage { to, .. } => {
                    book.setting.get_mut(symbol).unwrap().0 = to.get();
                    let (_, mode) = book.setting[symbol];
                    if mode == MarginMode::Isolated && book.qty.contains_key(symbol) {
                        let need = book.notional(symbol) / to.get();
                        let bucket = book.bucket[symbol];
                        let rule = world.snapshot.capabilities.lower_isolated;
                        if matches!(rule, LowerIsolated::Remargins | LowerIsolated::NeedsFree)
                            && need > bucket
                        {
                            book.pool -= need - bucket;
                            book.bucket.insert(symbol.clone(), need);
                        } else if complete {
                            prop_assert!(bucket + DUST >= need, "{symbol}: {bucket} does not cover {need}");
                        }
                    }
                }
                Work::AdjustMargin { delta } => {
                    book.pool -= delta.get();
                    *book.bucket.get_mut(symbol).unwrap() += delta.get();
                }
                Work::SetMarginMode { to, .. } => {
                    prop_assert!(!book.qty.contains_key(symbol) || !complete);
                    book.setting.get_mut(symbol).unwrap().1 = *to;
                }
                other => prop_assert!(false, "unexpected {other:?}"),
            }
            if complete && phase.kind == PhaseKind::Acquire {
                prop_assert!(
                    fits(&book),
                    "gross {} on {} at {leverage}x after {step:?}",
                    book.gross(),
                    book.value()
                );
                let free = book.pool - book.cross_margin();
                prop_assert!(free >= -DUST, "margin short by {free} after {step:?}");
            }
            if started_fit {
                prop_assert!(fits(&book) || !complete, "left the cap: {step:?}");
            } else if !complete {
                prop_assert!(phase.kind != PhaseKind::Release || book.gross() <= start_gross);
            }
        }
        if !complete {
            // The executor plans again after one phase; what it would do then is another plan.
            break;
        }
    }
    Ok(())
}

fn phase_is_first_acquire(plan: &Plan, phase: &Phase) -> bool {
    plan.phases.first() == Some(phase) && phase.kind == PhaseKind::Acquire
}

fn first_plan(made: &Made) -> Option<Plan> {
    plan(&made.world.snapshot, &made.target, &made.policy, &RunState::start()).ok()
}

/// The account after a plan was carried out whole, at prices between mark and limit.
fn carried_out<'a>(made: &Made, steps: impl Iterator<Item = &'a Step>, share: i64) -> Snapshot {
    let mut snapshot = made.world.snapshot.clone();
    let mut book = Book::of(&snapshot);
    let fee = made.policy.fee.unwrap().get();
    for step in steps {
        match &step.work {
            Work::Order { limit, .. } => {
                let mark = book.marks[&step.symbol];
                let price = mark + (limit.get() - mark) * Decimal::new(share, 2);
                book.trade(&step.symbol, step.signed_qty().get(), price, fee);
            }
            Work::SetLeverage { to, .. } => {
                book.setting.get_mut(&step.symbol).unwrap().0 = to.get();
                if let Some(bucket) = book.bucket.get(&step.symbol).copied() {
                    let need = book.notional(&step.symbol) / to.get();
                    if need > bucket {
                        book.pool -= need - bucket;
                        book.bucket.insert(step.symbol.clone(), need);
                    }
                }
            }
            Work::AdjustMargin { delta } => {
                book.pool -= delta.get();
                *book.bucket.get_mut(&step.symbol).unwrap() += delta.get();
            }
            Work::SetMarginMode { to, .. } => book.setting.get_mut(&step.symbol).unwrap().1 = *to,
            _ => {}
        }
    }
    for (symbol, (leverage, mode)) in &book.setting {
        let setting = snapshot.settings.get_mut(symbol).unwrap();
        let leverage = Leverage::new(*leverage).unwrap();
        (setting.long, setting.short, setting.mode) = (leverage, leverage, *mode);
    }
    snapshot.positions = book
        .qty
        .iter()
        .map(|(symbol, qty)| {
            let (leverage, mode) = book.setting[symbol];
            Position {
                symbol: symbol.clone(),
                side: PositionSide::Net,
                qty: Qty::new(*qty).unwrap(),
                entry: None,
                mode,
                leverage: Leverage::new(leverage).unwrap(),
                isolated: book.bucket.get(symbol).map(|b| IsolatedMargin { equity: Usd::new(*b).unwrap() }),
                max_leverage: None,
                liquidation_price: None,
            }
        })
        .collect();
    snapshot.pools[0].equity = Usd::new(book.pool).unwrap();
    snapshot.pools[0].free = Usd::new((book.pool - book.cross_margin()).max(Decimal::ZERO)).unwrap();
    snapshot
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_global_rejects: 1_000_000, ..ProptestConfig::default() })]

    /// Carried out whole at the worst prices, in any order within a phase.
    #[test]
    fn no_whole_plan_breaks_a_limit(case in case(6)) {
        let Some(made) = build(&case) else { return Err(TestCaseError::reject("no target")) };
        let Some(plan) = first_plan(&made) else { return Err(TestCaseError::reject("refused")) };
        walk(&made, &plan, case.seed, true)?;
    }

    /// The checker, which shares no code with the planner, finds nothing in any plan.
    #[test]
    fn every_plan_passes_the_checker(case in case(6)) {
        let Some(made) = build(&case) else { return Err(TestCaseError::reject("no target")) };
        let Some(plan) = first_plan(&made) else { return Err(TestCaseError::reject("refused")) };
        let checked = check(&made.world.snapshot, &made.target, &made.policy, &RunState::start(), plan);
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }

    /// Any subset, any partial fill of the phase that is carried out.
    #[test]
    fn no_part_of_a_phase_breaks_a_limit(case in case(6)) {
        let Some(made) = build(&case) else { return Err(TestCaseError::reject("no target")) };
        let Some(plan) = first_plan(&made) else { return Err(TestCaseError::reject("refused")) };
        for round in 0..4 {
            walk(&made, &plan, case.seed.wrapping_add(round), false)?;
        }
    }

    /// An account above its cap is only ever brought down.
    #[test]
    fn above_the_cap_nothing_is_added(mut case in case(6)) {
        case.keep = true;
        let Some(made) = build(&case) else { return Err(TestCaseError::reject("no target")) };
        let Some(plan) = first_plan(&made) else { return Err(TestCaseError::reject("refused")) };
        let book = Book::of(&made.world.snapshot);
        if book.gross() > book.value() * made.target.leverage.get() {
            let first = plan.phases.first().map(|phase| phase.kind);
            let kept: Decimal = made.target.kept.iter().map(|s| book.notional(s)).sum();
            if kept > book.value() * made.target.leverage.get() {
                prop_assert!(plan.steps().all(|s| !matches!(s.action, Action::Open | Action::Increase)));
            } else {
                prop_assert_eq!(first, Some(PhaseKind::Release), "{:?}", actions(&plan));
            }
        }
    }

    /// After a plan was carried out whole, at any price between mark and limit, the next plan of the run is empty.
    #[test]
    fn planning_again_after_success_is_empty(mut case in case(6), share in 0i64..=100) {
        // The turnover cap leaves work undone on purpose.
        case.turnover = None;
        let Some(made) = build(&case) else { return Err(TestCaseError::reject("no target")) };
        let Some(first) = first_plan(&made) else { return Err(TestCaseError::reject("refused")) };
        let snapshot = carried_out(&made, first.steps(), share);
        if first.is_empty() {
            return Ok(());
        }
        let mut state = RunState::start();
        state.begin(&first);
        state.phase = PhaseKind::Acquire;
        if let Ok(next) = plan(&snapshot, &made.target, &made.policy, &state) {
            // A bucket pays the slippage of its own opening; where that is more than the tolerance it is topped up.
            let left: Vec<_> = next.steps().filter(|step| step.action != Action::AddMargin).collect();
            prop_assert!(left.is_empty(), "{:?} after {:?}", actions(&next), actions(&first));
        }
    }

    /// A run of perfect fills ends within its bound, one phase at a time, and leaves nothing that adds undone.
    #[test]
    fn a_run_is_over_within_its_bound(case in case(5)) {
        let Some(mut made) = build(&case) else { return Err(TestCaseError::reject("no target")) };
        let mut state = RunState::start();
        let waves = case.coins.len().div_ceil(case.reopen_at_once as usize) as u32;
        let bound = 3 * waves + 3;
        loop {
            let Ok(made_plan) = plan(&made.world.snapshot, &made.target, &made.policy, &state) else {
                return Err(TestCaseError::reject("refused"));
            };
            let Some(phase) = made_plan.phases.first().cloned() else { break };
            prop_assert!(state.round < bound, "still {:?} after {} rounds", actions(&made_plan), state.round);
            state.begin(&made_plan);
            state.turnover = state.turnover.plus(Usd::sum(phase.steps.iter().map(|s| s.value)).unwrap()).unwrap();
            made.world.snapshot = carried_out(&made, phase.steps.iter(), 0);
        }
    }

    /// The order in which positions, pools and orders are listed changes nothing, not a byte.
    #[test]
    fn input_order_is_irrelevant(case in case(6)) {
        let Some(mut made) = build(&case) else { return Err(TestCaseError::reject("no target")) };
        let Some(one) = first_plan(&made) else { return Err(TestCaseError::reject("refused")) };
        made.world.snapshot.positions.reverse();
        let other = first_plan(&made).unwrap();
        prop_assert_eq!(one.canonical_json().unwrap(), other.canonical_json().unwrap());
        prop_assert_eq!(one.id(), other.id());
    }

    /// Sizes opened from nothing are the best choice of lots: no choice of floors and ceilings within the limits is
    /// nearer to the target.
    #[test]
    fn lots_are_the_best_choice(mut case in case(8)) {
        for coin in &mut case.coins {
            (coin.held, coin.isolated, coin.min_notional, coin.max_qty, coin.tier) = (0, false, 0, None, None);
            coin.leverage = case.leverage;
        }
        (case.turnover, case.band) = (None, 0);
        let Some(mut made) = build(&case) else { return Err(TestCaseError::reject("no target")) };
        made.policy.min_trade = Usd::ZERO;
        let Some(plan) = first_plan(&made) else { return Err(TestCaseError::reject("refused")) };
        exhaustive(&made, &plan)?;
    }

    /// Absurd magnitudes are errors, never panics.
    #[test]
    fn overflow_is_an_error(
        equity in any::<i128>(), mark in 1i128..(1 << 95), held in any::<i128>(), scale in 0u32..28, gross in any::<i128>(),
    ) {
        let number = |value: i128, scale| Decimal::try_from_i128_with_scale(value >> 32, scale).unwrap_or(Decimal::MAX);
        let mut world = mixed();
        world.snapshot.pools[0].equity = Usd::new(number(equity, scale)).unwrap();
        if let Ok(mark) = Price::new(Decimal::try_from_i128_with_scale(mark, scale).unwrap()) {
            world.snapshot.quotes.get_mut(&sym("SOL")).unwrap().mark = mark;
        }
        world.snapshot.positions[0].qty = Qty::new(number(held, 0)).unwrap();
        for policy in [exact_policy(), Policy::conservative()] {
            for change in [LeverageChange::Auto, LeverageChange::Reopen] {
                let policy = Policy { leverage_change: change, ..policy.clone() };
                let target = halves(2).gross(Gross::Notional(Usd::new(number(gross, 0)).unwrap()));
                if let Ok(target) = target.resolve(&world.snapshot) {
                    let _ = plan(&world.snapshot, &target, &policy, &RunState::start());
                }
            }
        }
    }
}

fn exhaustive(made: &Made, plan: &Plan) -> Result<(), TestCaseError> {
    let snapshot = &made.world.snapshot;
    let fee = made.policy.fee.unwrap().get();
    let equity = snapshot.pools[0].equity.get();
    let leverage = made.target.leverage.get();
    let stress = made.policy.stress.get();
    let slip = made.policy.slippage.get();
    let mut rows = Vec::new();
    for (symbol, target) in &made.target.symbols {
        let mark = snapshot.quotes[symbol].mark.get();
        let lot = snapshot.instruments[symbol].lot.get();
        let wanted = target.notional.get() * plan.cap.scale / mark;
        let floor = (wanted.abs() / lot).trunc() * lot;
        let rule = &snapshot.instruments[symbol].price_rule;
        let bound =
            |factor: Decimal, round| rule.round(Price::new(mark * factor).unwrap(), round).unwrap().get();
        let limit = if wanted.is_sign_negative() {
            let inside = bound(Decimal::ONE - slip, Round::Up);
            if inside <= mark { inside } else { bound(Decimal::ONE, Round::Down) }
        } else {
            let inside = bound(Decimal::ONE + slip, Round::Down);
            if inside >= mark { inside } else { bound(Decimal::ONE, Round::Up) }
        };
        rows.push((symbol, wanted.abs(), floor, lot, mark, limit));
    }
    let judge = |choice: u32| -> Option<Decimal> {
        let (mut gross, mut cost, mut error, mut margin) =
            (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        for (index, (_, wanted, floor, lot, mark, limit)) in rows.iter().enumerate() {
            let size = if choice >> index & 1 == 1 { floor + lot } else { *floor };
            gross += size * mark;
            cost += size * ((limit - mark).abs() + fee * limit.max(mark));
            margin += size * (limit.max(mark) - mark) / leverage;
            error += (size - wanted).abs() * mark;
        }
        let cap = gross * (Decimal::ONE + stress) <= leverage * (equity - cost - stress * gross);
        let pool = gross * (Decimal::ONE + stress) / leverage + margin <= equity - cost - stress * gross;
        (cap && pool).then_some(error)
    };
    let best = (0..1u32 << rows.len()).filter_map(judge).min();
    let mut error = Decimal::ZERO;
    for (symbol, wanted, _, _, mark, _) in &rows {
        let size = plan
            .after
            .positions
            .iter()
            .find(|p| p.symbol == **symbol)
            .map_or(Decimal::ZERO, |p| p.size.get().abs());
        error += (size - wanted).abs() * mark;
    }
    if let Some(best) = best {
        prop_assert!(error <= best + Decimal::new(1, 9), "{error} where {best} was possible");
    }
    Ok(())
}
