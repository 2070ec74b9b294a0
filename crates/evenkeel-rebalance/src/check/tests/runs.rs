//! What a run remembers, what was approved, and the figures shown beside a plan.

use alloc::vec::Vec;

use evenkeel_types::{Decimal, MarginMode, OrderKind, Qty, Rate, Side, Symbol, Usd};

use crate::{
    Action, Envelope, LeverageChange, OpenOrderPolicy, Phase, PhaseKind, Plan, Policy, Rule, Span, Work,
    check,
};

use super::good::{self, Case, above_cap, closing, in_place, order, reopening, set, write};
use super::limits::grow;
use super::mutations::{Mutation, find, pending, resting};
use super::scenario::{symbol, usd, whole};

#[test]
fn forward_only() {
    use Rule::{Forward, OpenOrders, Reopen, Scale};
    find(alloc::vec![
        ("back to release", in_place(), |c| c.state.phase = PhaseKind::Acquire, Forward),
        ("back to close", closing(), |c| c.state.phase = PhaseKind::Leverage, Forward),
        ("adds while recovering", in_place(), |c| c.state.release_only = true, Forward),
        ("reopens while recovering", reopening(), |c| c.state.release_only = true, Forward),
        ("adds to what is not known", in_place(), |c| pending(c, "SOL", "0.01", "0"), Rule::Pending),
        ("two flat at once", reopening_both(), |c| c.policy.reopen_at_once = 1, Reopen),
        (
            "another was flat already",
            reopening(),
            |c| {
                c.state.reopening.insert(symbol("ETH"));
                let wanted = c.target.symbols[&symbol("BTC")].clone();
                c.target.symbols.insert(symbol("ETH"), wanted);
                let o = order(&c.snapshot, &c.policy, Action::Open, "ETH", "0.01");
                c.phase(PhaseKind::Acquire).steps.push(o);
                c.restate();
            },
            Reopen
        ),
        (
            "reopens for nothing",
            reopening(),
            |c| {
                let own = c.snapshot.settings.get_mut(&symbol("BTC")).unwrap();
                (own.long, own.short) = (whole(2), whole(2));
                c.snapshot.positions[1].leverage = whole(2);
            },
            Reopen
        ),
        ("scale rose", in_place(), |c| c.state.scale_ceiling = "0.9".parse().unwrap(), Scale),
        ("scale above one", in_place(), |c| c.body.cap.scale = Decimal::TWO, Scale),
        ("scale below zero", in_place(), |c| c.body.cap.scale = Decimal::NEGATIVE_ONE, Scale),
        ("trim rose", in_place(), |c| c.state.trim_ceiling = Decimal::ZERO, Scale),
        ("trim above one", in_place(), |c| c.body.cap.trim = Decimal::TWO, Scale),
        ("room rose", in_place(), |c| c.state.room_ceiling = Decimal::ZERO, Scale),
        ("room below zero", in_place(), |c| c.body.cap.room = Decimal::NEGATIVE_ONE, Scale),
        ("cap's account value", in_place(), |c| c.body.cap.account_value = usd("201"), Scale),
        ("cap's wanted", in_place(), |c| c.body.cap.wanted = usd("1"), Scale),
        ("cap's gross", in_place(), |c| c.body.cap.max_gross = usd("401"), Scale),
        ("cap's gross after costs", in_place(), |c| c.body.cap.max_gross_after_costs = usd("401"), Scale),
        ("venue's scale", in_place(), |c| c.body.cap.venue_scale = "0.9".parse().unwrap(), Scale),
        ("scale above what is there", above_cap(), |c| c.body.cap.scale = "0.27".parse().unwrap(), Scale),
        (
            "orders rest and none may",
            in_place(),
            |c| {
                resting(c, "ETH", Side::Buy, "0.01", false, OrderKind::Limit);
            },
            OpenOrders
        ),
        (
            "order left on a traded symbol",
            in_place(),
            |c| {
                c.policy.open_orders = OpenOrderPolicy::Cancel;
                resting(c, "BTC", Side::Sell, "0.0001", false, OrderKind::Limit);
            },
            OpenOrders
        ),
        ("cancels what is not there", cancelling(), |c| c.snapshot.open_orders.clear(), OpenOrders),
        (
            "cancels against the policy",
            cancelling(),
            |c| c.policy.open_orders = OpenOrderPolicy::CountAsExposure,
            OpenOrders
        ),
        (
            "cancels a stop",
            cancelling(),
            |c| {
                c.snapshot.open_orders[0].reduce_only = true;
                c.snapshot.open_orders[0].kind = OrderKind::StopLoss;
            },
            OpenOrders
        ),
        (
            "cancels another symbol's",
            cancelling(),
            |c| c.snapshot.open_orders[0].symbol = symbol("SOL"),
            OpenOrders
        ),
        (
            "cancels twice",
            cancelling(),
            |c| {
                let again = c.body.phases[0].steps[0].clone();
                c.body.phases[0].steps.push(again);
                c.restate();
            },
            OpenOrders
        ),
        ("cancels late", cancelling(), |c| c.body.phases[0].kind = PhaseKind::Acquire, Rule::Shape),
    ]);
}

fn reopening_both() -> Case {
    let snapshot = good::snapshot("200", &[("SOL", "0.54", 10, None), ("BTC", "0.00084", 10, None)]);
    let mut policy = Policy::conservative();
    policy.leverage_change = LeverageChange::Reopen;
    policy.reopen_at_once = 2;
    let o = |action, name, qty| order(&snapshot, &policy, action, name, qty);
    let phases = alloc::vec![
        (
            PhaseKind::Release,
            alloc::vec![o(Action::Close, "BTC", "-0.00084"), o(Action::Close, "SOL", "-0.54")],
        ),
        (PhaseKind::Leverage, alloc::vec![set("BTC", 10, 2), set("SOL", 10, 2)]),
        (PhaseKind::Acquire, alloc::vec![o(Action::Open, "BTC", "0.00084"), o(Action::Open, "SOL", "0.54")],),
    ];
    good::case(snapshot.clone(), &good::halves(2), policy.clone(), "1", phases)
}

/// A resting order is cancelled and nothing else is done.
fn cancelling() -> Case {
    let mut case = in_place();
    case.policy.open_orders = OpenOrderPolicy::Cancel;
    resting(&mut case, "BTC", Side::Buy, "0.0001", false, OrderKind::Limit);
    let work = Work::CancelOrder { venue_order_id: "77".into() };
    let steps = alloc::vec![write(Action::CancelOrder, "BTC", work)];
    case.body.phases = alloc::vec![Phase { kind: PhaseKind::Release, steps }];
    case.restate();
    case
}

/// What approving the plan approves, without room.
fn approved(mut case: Case) -> Case {
    let span = |low, high| Span { low: usd(low), high: usd(high) };
    let symbols = [(symbol("BTC"), span("150", "209.7")), (symbol("SOL"), span("89", "149.8"))];
    case.state.envelope =
        Some(Envelope { symbols: symbols.into_iter().collect(), gross: usd("300"), turnover: usd("120") });
    case
}

fn envelope(case: &mut Case) -> &mut Envelope {
    case.state.envelope.as_mut().unwrap()
}

#[test]
fn what_was_approved() {
    use Rule::OutsideEnvelope;
    let mutations: Vec<Mutation> = alloc::vec![
        ("more of a symbol", approved(in_place()), |c| span(c, "SOL").high = usd("149.7"), OutsideEnvelope),
        ("less of a symbol", approved(in_place()), |c| span(c, "BTC").low = usd("150.1"), OutsideEnvelope),
        (
            "a symbol",
            approved(in_place()),
            |c| envelope(c).symbols.retain(|name, _| name.as_str() != "SOL"),
            OutsideEnvelope
        ),
        (
            "a symbol's setting",
            approved(in_place()),
            |c| envelope(c).symbols.retain(|name, _| name.as_str() != "BTC"),
            OutsideEnvelope
        ),
        ("gross", approved(in_place()), |c| envelope(c).gross = usd("299"), OutsideEnvelope),
        ("turnover", approved(in_place()), |c| envelope(c).turnover = usd("119"), OutsideEnvelope),
        ("turnover so far", approved(in_place()), |c| c.state.turnover = usd("2"), OutsideEnvelope),
    ];
    find(mutations);
    let mut outside = approved(in_place());
    envelope(&mut outside).gross = usd("299");
    let judge = |case: &Case| {
        let plan = Plan::seal(case.body.clone()).unwrap();
        check(&case.snapshot, &case.target, &case.policy, &case.state, plan).unwrap_err()
    };
    assert!(judge(&outside).needs_approval());
    outside.policy.max_leverage = whole(1);
    assert!(!judge(&outside).needs_approval(), "nobody is asked to approve what breaks another rule as well");
}

fn span<'a>(case: &'a mut Case, name: &str) -> &'a mut Span {
    envelope(case).symbols.get_mut(&symbol(name)).unwrap()
}

#[test]
fn truth() {
    use Rule::{Costs, TargetTruth, Turnover, View};
    find(alloc::vec![
        ("beyond the target", in_place(), |c| grow(c, 2, "0.38"), TargetTruth),
        ("below the target", in_place(), |c| grow(c, 0, "0.0008"), TargetTruth),
        (
            "away from the target",
            closing(),
            |c| {
                c.target.symbols.get_mut(&symbol("SOL")).unwrap().notional = usd("89");
            },
            TargetTruth
        ),
        (
            "closed and not reopened",
            reopening(),
            |c| {
                c.phase(PhaseKind::Acquire).steps.remove(0);
                c.restate();
            },
            TargetTruth
        ),
        ("beyond the scaled target", in_place(), |c| c.body.cap.scale = "0.9".parse().unwrap(), TargetTruth),
        ("trades", in_place(), |c| c.body.costs.trades = 3, Costs),
        ("turnover", in_place(), |c| c.body.costs.turnover = usd("1"), Costs),
        ("fees", in_place(), |c| c.body.costs.fees = usd("0.05"), Costs),
        ("slippage", in_place(), |c| c.body.costs.slippage = Usd::ZERO, Costs),
        ("profit", in_place(), |c| c.body.costs.realized_pnl = Some(usd("1")), Costs),
        ("unknown profit", in_place(), |c| c.body.costs.realized_pnl = None, Costs),
        ("fee of the policy", in_place(), |c| c.policy.fee = Some(Rate::ZERO), Costs),
        ("max_turnover", in_place(), |c| c.policy.max_turnover = Some(usd("40")), Turnover),
        (
            "turnover so far",
            in_place(),
            |c| {
                c.policy.max_turnover = Some(usd("200"));
                c.state.turnover = usd("160");
            },
            Turnover
        ),
        ("account value before", in_place(), |c| c.body.before.account_value = usd("201"), View),
        ("gross before", in_place(), |c| c.body.before.gross = usd("1"), View),
        ("margin before", in_place(), |c| c.body.before.margin_used = usd("1"), View),
        ("position left out", in_place(), |c| drop(c.body.before.positions.pop()), View),
        ("size before", in_place(), |c| c.body.before.positions[0].size = "1".parse().unwrap(), View),
        ("mark before", in_place(), |c| c.body.before.positions[0].mark = "1".parse().unwrap(), View),
        ("value before", in_place(), |c| c.body.before.positions[0].value = usd("1"), View),
        ("share before", in_place(), |c| c.body.before.positions[0].allocation = Decimal::ONE, View),
        ("leverage before", in_place(), |c| c.body.before.positions[0].leverage = whole(7), View),
        ("mode before", in_place(), |c| c.body.before.positions[0].margin_mode = MarginMode::Isolated, View),
        (
            "distance before",
            in_place(),
            |c| c.body.before.positions[0].liquidation_distance = Some(Decimal::ONE),
            View
        ),
        ("account value after", in_place(), |c| c.body.after.account_value = usd("200"), View),
        ("gross after", in_place(), |c| c.body.after.gross = usd("1"), View),
        ("size after", in_place(), |c| c.body.after.positions[0].size = "1".parse().unwrap(), View),
        ("symbol after", in_place(), |c| c.body.after.positions[0].symbol = symbol("ETH"), View),
        ("leverage after", in_place(), |c| c.body.after.positions[0].leverage = whole(7), View),
        ("mode after", in_place(), |c| c.body.after.positions[0].margin_mode = MarginMode::Isolated, View),
    ]);
}

/// The envelope that approving a plan gives lets that very plan through.
#[test]
fn a_plan_lies_within_its_own_envelope() {
    for (name, mut case) in good::all() {
        let plan = Plan::seal(case.body.clone()).unwrap();
        let lot = |symbol: &Symbol| {
            let qty = Qty::new(case.snapshot.instruments[symbol].lot.get()).unwrap();
            case.snapshot.quotes[symbol].mark.value(qty).unwrap()
        };
        let lots = case.target.symbols.keys().map(|symbol| (symbol.clone(), lot(symbol))).collect();
        case.state.envelope = Some(plan.envelope(&case.target, &lots, &case.policy).unwrap());
        assert_eq!(case.broken(), [], "{name}");
    }
}
