//! The planner on accounts written by hand: what the user described, and each rule by itself.
#![allow(missing_docs)]

mod support;

use evenkeel_rebalance::*;
use evenkeel_types::*;
use support::*;

/// The user's account: exactly three trades when leverage is changed by reopening, two when in place.
#[test]
fn mixed_leverage_as_the_user_described_it() {
    let mut policy = exact_policy();
    policy.leverage_change = LeverageChange::Reopen;
    let plan = make(&mixed(), &halves(2), &policy);
    assert_eq!(actions(&plan), ["BTC CLOSE", "BTC SET_LEVERAGE", "BTC OPEN", "SOL INCREASE"]);
    assert_eq!(plan.cap.scale, Decimal::ONE);
    assert_eq!(format!("{:.0}", plan.costs.turnover), "420");
    let auto = plan.alternative.clone().unwrap();
    assert_eq!(auto.leverage_change, LeverageChange::Auto);
    assert_eq!(format!("{:.0}", auto.costs.turnover), "120");

    policy.leverage_change = LeverageChange::Auto;
    let plan = make(&mixed(), &halves(2), &policy);
    assert_eq!(actions(&plan), ["BTC DECREASE", "BTC SET_LEVERAGE", "SOL INCREASE"]);
    let sizes: Vec<_> = plan.after.positions.iter().map(|p| p.size.to_string()).collect();
    assert_eq!(sizes, ["0.00141", "0.9"], "the sizes that the user's service reached");
}

#[test]
fn margin_starved_shows_the_venues_limit_and_its_own() {
    let plan = make(&starved(), &halves(2), &exact_policy());
    assert_eq!(round::for_reading(plan.cap.venue_scale, 4), "0.2616");
    assert!(plan.cap.scale < plan.cap.venue_scale);
    for position in &plan.after.positions {
        let error = position.value.minus(usd("416")).unwrap().abs();
        assert!(error <= usd("4.16"), "{} ends at {}", position.symbol, position.value);
    }
    assert!(plan.after.gross <= plan.after.account_value.times(d("2")).unwrap());
    assert!(plan.notes.iter().any(|note| note.code == NoteCode::Scaled));
    let margin = plan.notes.iter().find(|note| note.code == NoteCode::MarginChange).unwrap();
    assert!(margin.text.contains("more initial margin") && margin.text.contains("1590"), "{margin}");
}

/// 416 of account value carries 832 at 2x, 1 248 at 3x, 2 080 at 5x, 4 160 at 10x; without costs exactly.
#[test]
fn the_cap_is_account_value_times_leverage() {
    for (leverage, cap) in [(2, "832"), (3, "1248"), (5, "2080"), (10, "4160")] {
        let mut policy = exact_policy();
        (policy.fee, policy.slippage) = (Some(Rate::ZERO), Rate::ZERO);
        let world = World::with_equity("416")
            .list("SOL", "1", "0.000001", leverage)
            .list("BTC", "4", "0.000001", leverage);
        let target = halves(leverage).gross(Gross::Notional(usd("100000")));
        let plan = make(&world, &target, &policy);
        assert_eq!(plan.cap.max_gross, usd(cap));
        let short = usd(cap).minus(plan.after.gross).unwrap();
        // The factor is kept to twelve decimals of a book of 100 000; the rest is lots.
        assert!(!short.is_negative() && short <= usd("0.00002"), "{leverage}x: {short} below {cap}");
    }
}

#[test]
fn a_book_that_fits_is_not_scaled() {
    let world = World::with_equity("416")
        .list("SOL", "166.4", "0.01", 10)
        .list("BTC", "106553", "0.00001", 10)
        .hold("SOL", "1.20")
        .hold("BTC", "0.00563");
    let plan = make(&world, &halves(2), &exact_policy());
    assert_eq!(plan.cap.scale, Decimal::ONE);
    for position in &plan.after.positions {
        assert!(position.value.minus(usd("400")).unwrap().abs() < usd("2"), "{position:?}");
        assert_eq!(position.leverage, x(2));
    }
}

#[test]
fn an_unnamed_position_is_closed_or_kept_and_counted() {
    let world = mixed().list("ETH", "4000", "0.0001", 5).hold("ETH", "0.05");
    let policy = exact_policy();
    let plan = make(&world, &halves(2), &policy);
    assert!(actions(&plan).contains(&"ETH CLOSE".to_string()));

    let keep = halves(2).rest(Rest::Keep);
    let plan = make(&world, &keep, &policy);
    assert!(plan.steps().all(|step| step.symbol != sym("ETH")));
    // 200 of ETH uses half of the 400 that 200 of account value carry at 2x.
    assert!(plan.cap.scale < d("0.7"), "{}", plan.cap.scale);
    assert!(plan.after.gross <= usd("400"));
    assert!(plan.notes.iter().any(|note| note.code == NoteCode::Kept));
}

#[test]
fn a_flip_closes_first_and_opens_later() {
    let target = Target::percent([("SOL", "-50"), ("BTC", "50")]).unwrap().leverage(x(2));
    let plan = make(&mixed(), &target, &exact_policy());
    assert_eq!(actions(&plan), ["BTC DECREASE", "SOL CLOSE", "BTC SET_LEVERAGE", "SOL OPEN"]);
    let open = plan.steps().last().unwrap();
    assert!(open.qty_after.is_negative());
    assert!(matches!(open.work, Work::Order { side: Side::Sell, reduce_only: false, .. }));
}

#[test]
fn per_symbol_leverage_binds_by_margin() {
    let world = World::with_equity("100").list("SOL", "10", "0.01", 2).list("BTC", "100", "0.001", 5);
    let target = halves(2).leverage_of("BTC", x(5)).unwrap().gross(Gross::Notional(usd("1000")));
    let plan = make(&world, &target, &exact_policy());
    // k (500/2 + 500/5) = 100 -> k = 0.2857 before costs.
    assert_eq!(round::for_reading(plan.cap.venue_scale, 4), "0.2857");
    let margin: Decimal =
        plan.after.positions.iter().map(|p| p.value.get().checked_div(p.leverage.get()).unwrap()).sum();
    assert!(margin <= d("100") && margin > d("99"), "{margin}");
}

#[test]
fn isolated_positions_are_topped_up_before_their_leverage_is_lowered() {
    let world = World::with_equity("500").list("SOL", "100", "0.01", 10).hold_isolated("SOL", "4", "40");
    let target = Target::percent([("SOL", "100")]).unwrap().leverage(x(2));
    let plan = make(&world, &target, &exact_policy());
    assert_eq!(actions(&plan), ["SOL ADD_MARGIN", "SOL SET_LEVERAGE"]);
    let Work::AdjustMargin { delta } = plan.steps().next().unwrap().work else { panic!("{plan:?}") };
    assert_eq!(delta, usd("160"), "400 at 2x needs 200, the bucket has 40");

    let mut never = world;
    never.snapshot.capabilities.lower_isolated = LowerIsolated::Never;
    let plan = make(&never, &target, &exact_policy());
    assert_eq!(actions(&plan), ["SOL CLOSE", "SOL SET_LEVERAGE", "SOL OPEN"]);
    let mut remargins = never;
    remargins.snapshot.capabilities.lower_isolated = LowerIsolated::Remargins;
    assert_eq!(actions(&make(&remargins, &target, &exact_policy())), ["SOL SET_LEVERAGE"]);
}

#[test]
fn a_mode_switch_with_a_position_is_the_one_thing_that_needs_reopening() {
    let world = World::with_equity("500").list("SOL", "100", "0.01", 2).hold("SOL", "4");
    let target = Target::percent([("SOL", "100")]).unwrap().leverage(x(2)).margin_mode(MarginMode::Isolated);
    let plan = make(&world, &target, &exact_policy());
    assert_eq!(actions(&plan), ["SOL CLOSE", "SOL SET_MARGIN_MODE", "SOL OPEN"]);
    assert_eq!(plan.after.positions[0].margin_mode, MarginMode::Isolated);

    let mut account = world;
    account.snapshot.capabilities.margin_mode_scope = MarginModeScope::Account;
    let resolved = target.resolve(&account.snapshot).unwrap();
    let error = plan_error(&account, &resolved, &exact_policy());
    assert!(error.contains("whole account"), "{error}");
}

fn plan_error(world: &World, target: &ResolvedTarget, policy: &Policy) -> String {
    plan(&world.snapshot, target, policy, &RunState::start()).unwrap_err().to_string()
}

#[test]
fn an_isolated_only_asset_is_opened_isolated_and_says_so() {
    let mut world = World::with_equity("500")
        .list("HPOS", "100", "0.01", 3)
        .instrument("HPOS", |i| i.margin_modes = MarginModes::IsolatedOnly);
    world.snapshot.settings.get_mut(&sym("HPOS")).unwrap().mode = MarginMode::Isolated;
    let target = Target::percent([("HPOS", "100")])
        .unwrap()
        .leverage(x(2))
        .margin_mode(MarginMode::Cross)
        .gross(Gross::Notional(usd("400")));
    let plan = make(&world, &target, &exact_policy());
    assert_eq!(actions(&plan), ["HPOS SET_LEVERAGE", "HPOS OPEN"]);
    assert!(plan.notes.iter().any(|note| note.code == NoteCode::MarginModeForced));
}

#[test]
fn bands_suppress_small_trades_but_never_what_the_cap_requires() {
    let world = World::with_equity("1000")
        .list("SOL", "100", "0.01", 2)
        .list("BTC", "1000", "0.001", 2)
        .hold("SOL", "5.3")
        .hold("BTC", "0.47");
    let mut policy = exact_policy();
    policy.band = Band { width: "0.03".parse().unwrap(), to: BandTo::Edge };
    let plan = make(&world, &halves(2), &policy);
    assert!(plan.is_empty(), "{:?}", actions(&plan));
    assert_eq!(plan.notes.iter().filter(|note| note.code == NoteCode::InsideBand).count(), 2);

    policy.band.width = "0.01".parse().unwrap();
    let plan = make(&world, &halves(2), &policy);
    assert_eq!(plan.after.positions.iter().map(|p| p.size.to_string()).collect::<Vec<_>>(), ["0.49", "5.1"]);
    policy.band.to = BandTo::Centre;
    let plan = make(&world, &halves(2), &policy);
    assert_eq!(plan.after.positions.iter().map(|p| p.size.to_string()).collect::<Vec<_>>(), ["0.5", "5"]);

    // The same book on half the equity and a little less: every reduction is required.
    let mut poor = world;
    poor.snapshot.pools[0].equity = usd("480");
    poor.snapshot.pools[0].free = Usd::ZERO;
    policy.band.width = "0.2".parse().unwrap();
    let plan = make(&poor, &halves(2), &policy);
    assert!(plan.after.gross <= plan.after.account_value.times(d("2")).unwrap(), "{:?}", plan.after);
}

#[test]
fn the_turnover_cap_makes_voluntary_trades_smaller_and_drops_reopening() {
    let mut policy = exact_policy();
    policy.max_turnover = Some(usd("60"));
    let plan = make(&mixed(), &halves(2), &policy);
    assert!(plan.costs.turnover <= usd("62"), "{}", plan.costs.turnover);
    assert!(plan.costs.turnover > usd("50"));
    policy.leverage_change = LeverageChange::Reopen;
    let plan = make(&mixed(), &halves(2), &policy);
    assert!(!actions(&plan).contains(&"BTC CLOSE".to_string()));
    assert!(plan.notes.iter().any(|note| note.code == NoteCode::TurnoverCapped));
    // What the cap requires is traded whatever the turnover.
    let plan = make(&starved(), &halves(2), &policy);
    assert!(plan.after.gross <= plan.after.account_value.times(d("2")).unwrap());
}

#[test]
fn limits_on_one_position_and_on_the_account() {
    let world = World::with_equity("10000").list("SOL", "100", "0.01", 2).list("BTC", "1000", "0.001", 2);
    let target = halves(2).gross(Gross::Notional(usd("8000")));
    let mut policy = exact_policy();
    policy.max_position_of.insert(sym("SOL"), usd("1000"));
    let plan = make(&world, &target, &policy);
    let value = |plan: &Plan, symbol: &str| {
        plan.after.positions.iter().find(|p| p.symbol == sym(symbol)).unwrap().value
    };
    assert!(value(&plan, "SOL") <= usd("1000") && value(&plan, "SOL") > usd("990"));
    assert_eq!(value(&plan, "BTC"), usd("4000"), "only that symbol is cut");
    policy.max_exposure = Some(usd("3000"));
    let plan = make(&world, &target, &policy);
    assert!(plan.after.gross <= usd("3000") && plan.after.gross > usd("2500"), "{}", plan.after.gross);
    policy.max_exposure = None;
    policy.max_net = Some(usd("500"));
    let plan = make(&world, &target, &policy);
    assert!(plan.after.gross <= usd("500"));
    policy.max_positions = Some(1);
    let resolved = target.resolve(&world.snapshot).unwrap();
    assert!(plan_error(&world, &resolved, &policy).contains("max_positions"));
}

#[test]
fn a_tier_cuts_off_at_the_resulting_notional() {
    let row = |floor: &str, leverage, rate: &str| TierRow {
        notional_floor: usd(floor),
        max_leverage: x(leverage),
        maintenance_rate: rate.parse().unwrap(),
        deduction: None,
    };
    let tiers = Tiers::new(&[row("0", 20, "0.025"), row("5000", 5, "0.1")], None).unwrap();
    let world =
        World::with_equity("10000").list("SOL", "100", "0.01", 10).instrument("SOL", |i| i.tiers = tiers);
    let target =
        Target::percent([("SOL", "100")]).unwrap().leverage(x(10)).gross(Gross::Notional(usd("20000")));
    let plan = make(&world, &target, &exact_policy());
    assert!(plan.after.gross < usd("5000") && plan.after.gross > usd("4990"), "{}", plan.after.gross);
    assert!(plan.notes.iter().any(|note| note.code == NoteCode::Truncated));
}

#[test]
fn large_orders_are_split_and_dust_is_left() {
    let world = World::with_equity("10000")
        .list("SOL", "100", "0.01", 2)
        .list("DUST", "1", "0.1", 2)
        .instrument("SOL", |i| i.max_qty = Some("7".parse().unwrap()));
    let target = Target::percent([("SOL", "99.95"), ("DUST", "0.05")])
        .unwrap()
        .leverage(x(2))
        .gross(Gross::Notional(usd("10000")));
    let plan = make(&world, &target, &exact_policy());
    let sizes: Vec<Qty> = plan.steps().filter(|s| s.symbol == sym("SOL")).map(Step::signed_qty).collect();
    assert_eq!(sizes.len(), 15, "99.95 in orders of at most 7");
    assert!(sizes.iter().all(|qty| *qty <= "7".parse().unwrap() && *qty > "6".parse().unwrap()));
    assert_eq!(Qty::sum(sizes).unwrap(), "99.95".parse().unwrap());
    assert!(plan.steps().all(|step| step.symbol != sym("DUST")));
    assert!(plan.notes.iter().any(|n| n.code == NoteCode::BelowMinimum && n.symbol == Some(sym("DUST"))));
}

#[test]
fn resting_orders_are_refused_cancelled_or_counted() {
    let order = |id: &str, kind, reduce_only| OpenOrder {
        id: None,
        venue_order_id: id.into(),
        symbol: sym("SOL"),
        side: Side::Buy,
        position_side: PositionSide::Net,
        remaining: Some("0.5".parse().unwrap()),
        limit: Some("150".parse().unwrap()),
        trigger: None,
        reduce_only,
        kind,
    };
    let mut world = mixed();
    world.snapshot.open_orders = vec![order("7", OrderKind::Limit, false)];
    let resolved = halves(2).resolve(&world.snapshot).unwrap();
    let mut policy = exact_policy();
    let error = plan_error(&world, &resolved, &policy);
    assert!(error.contains("SOL buy 0.5 @ 150 #7") && error.contains("open_orders"), "{error}");
    policy.open_orders = OpenOrderPolicy::Cancel;
    let cancelled = plan(&world.snapshot, &resolved, &policy, &RunState::start()).unwrap();
    assert_eq!(actions(&cancelled)[0], "SOL CANCEL_ORDER");
    policy.open_orders = OpenOrderPolicy::CountAsExposure;
    let counted = plan(&world.snapshot, &resolved, &policy, &RunState::start()).unwrap();
    assert!(counted.notes.iter().any(|note| note.code == NoteCode::OpenOrder));
    // A stop of a fixed size on a symbol that changes is never dropped silently.
    world.snapshot.open_orders = vec![order("8", OrderKind::StopLoss, true)];
    assert!(plan_error(&world, &resolved, &policy).contains("guarded by a stop"));
}

#[test]
fn what_cannot_be_traded_is_left_and_said() {
    let world = mixed().instrument("BTC", |i| i.status = TradingStatus::Closed);
    let plan = make(&world, &halves(2), &exact_policy());
    assert!(plan.steps().all(|step| step.symbol != sym("BTC")));
    assert!(plan.notes.iter().any(|note| note.code == NoteCode::NotTradable));
}

#[test]
fn bad_targets_name_field_value_and_what_is_allowed() {
    let world = mixed();
    let refused = |target: Target| target.resolve(&world.snapshot).unwrap_err().to_string();
    assert!(refused(halves(41)).contains("at most 40x"));
    let half = Target::percent([("SOL", "50"), ("BTC", "50")]).unwrap().leverage("1.5".parse().unwrap());
    assert!(refused(half).contains("not a multiple of 1"));
    let unknown = Target::percent([("DOGE", "100")]).unwrap().leverage(x(2));
    assert!(refused(unknown).contains("unknown symbol DOGE"));
    let flat = World::with_equity("10").list("SOL", "1", "1", 2);
    let one = Target::percent([("SOL", "100")]).unwrap().leverage(x(2));
    assert!(one.resolve(&flat.snapshot).unwrap_err().to_string().contains("nothing"));
    let broke = World::with_equity("-5").list("SOL", "1", "1", 2);
    let one = one.gross(Gross::Notional(usd("10")));
    assert!(one.resolve(&broke.snapshot).unwrap_err().to_string().contains("-5"));
    assert!(Target::percent([("SOL", "60"), ("BTC", "50")]).unwrap_err().to_string().contains("sum to 110"));
    assert!(Target::percent([("SOL", "50"), ("SOL", "50")]).unwrap_err().to_string().contains("twice"));
    assert!(Target::percent([("SOL", "100.005")]).is_ok(), "within a hundredth of a percent point");
}

#[test]
fn memory_keeps_a_run_going_forward() {
    let world = starved();
    let resolved = halves(2).resolve(&world.snapshot).unwrap();
    let policy = exact_policy();
    let at = |state: &RunState| plan(&world.snapshot, &resolved, &policy, state).unwrap();
    // Far above the cap a run goes back to release from any phase.
    let mut state = RunState { phase: PhaseKind::Acquire, round: 3, ..RunState::start() };
    assert_eq!(at(&state).phases[0].kind, PhaseKind::Release);
    // The factor may fall, never rise.
    state = RunState { scale_ceiling: d("0.1"), ..RunState::start() };
    assert_eq!(at(&state).cap.scale, d("0.1"));
    // Only reducing while recovering.
    state = RunState { release_only: true, ..RunState::start() };
    let released =
        plan(&mixed().snapshot, &halves(2).resolve(&mixed().snapshot).unwrap(), &policy, &state).unwrap();
    assert_eq!(actions(&released), ["BTC DECREASE"]);
    // What is set aside is not traded up.
    state = RunState::start();
    state.set_aside.insert(sym("SOL"), "leverage refused".into());
    let aside =
        plan(&mixed().snapshot, &halves(2).resolve(&mixed().snapshot).unwrap(), &policy, &state).unwrap();
    assert!(aside.steps().all(|step| step.symbol != sym("SOL")));
    // What may have executed counts as if it had.
    state = RunState::start();
    let pending = Pending { buy: "100".parse().unwrap(), sell: Qty::ZERO };
    state.pending.insert(sym("SOL"), pending);
    let unknown =
        plan(&mixed().snapshot, &halves(2).resolve(&mixed().snapshot).unwrap(), &policy, &state).unwrap();
    assert!(
        unknown.steps().all(|s| !matches!(s.action, Action::Increase | Action::Open)),
        "{:?}",
        actions(&unknown)
    );
}

#[test]
fn hedge_mode_carries_its_side() {
    let mut world = mixed();
    world.snapshot.position_mode = PositionMode::Hedge;
    for position in &mut world.snapshot.positions {
        position.side = PositionSide::Long;
    }
    let target = Target::percent([("SOL", "-50"), ("BTC", "50")]).unwrap().leverage(x(2));
    let plan = make(&world, &target, &exact_policy());
    let sides: Vec<_> = plan
        .steps()
        .filter_map(|s| match &s.work {
            Work::Order { position_side, .. } => Some((s.action, *position_side)),
            _ => None,
        })
        .collect();
    assert!(sides.contains(&(Action::Close, PositionSide::Long)));
    assert!(sides.contains(&(Action::Open, PositionSide::Short)));
}

#[test]
fn a_plan_is_sealed() {
    let plan = make(&mixed(), &halves(2), &exact_policy());
    let json = serde_json::to_string(&plan).unwrap();
    let back: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(back, plan);
    let tampered = json.replacen("0.36", "36", 1);
    assert_ne!(tampered, json);
    assert!(
        serde_json::from_str::<Plan>(&tampered).unwrap_err().to_string().contains("does not have its id")
    );
    assert_eq!(plan.expires, Timestamp(1_060_000));
    let ids: Vec<_> = plan.steps().filter_map(|s| s.intent(plan.id(), 1)).map(|i| i.id).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    let again: Vec<_> = plan.steps().filter_map(|s| s.intent(plan.id(), 2)).map(|i| i.id).collect();
    assert_ne!(ids, again, "another holder of the account has ids of its own");
}

#[test]
fn policies_in_files_fall_back_to_the_careful_values_and_refuse_unknown_fields() {
    let policy: Policy =
        serde_json::from_str(r#"{"slippage": "0.001", "leverage_change": "reopen"}"#).unwrap();
    assert_eq!(policy.leverage_change, LeverageChange::Reopen);
    assert_eq!(policy.stress, Policy::conservative().stress);
    assert!(
        serde_json::from_str::<Policy>(r#"{"slipage": "0.001"}"#)
            .unwrap_err()
            .to_string()
            .contains("slipage")
    );
    assert!(
        serde_json::from_str::<Policy>(r#"{"slippage": 0.001}"#).is_err(),
        "floats have lost their digits"
    );
    let mut wrong = Policy::conservative();
    wrong.slippage = "0.9".parse().unwrap();
    assert!(wrong.validate().unwrap_err().to_string().contains("slippage is 0.9"));
}
