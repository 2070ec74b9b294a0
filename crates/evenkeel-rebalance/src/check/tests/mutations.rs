//! Every field of a good plan, made wrong, and every limit of its inputs, drawn tighter: each is found, by its rule.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use evenkeel_types::{
    Decimal, Instrument, MinNotionalRule, OpenOrder, OrderKind, PositionSide, Price, Qty, Side, Timestamp,
    TradingStatus, Usd,
};

use crate::{Action, LeverageChange, Pending, Phase, PhaseKind, Rule, Work};

use super::good::{Case, closing, flip, in_place, keeping, order, reopening, set, top_up};
use super::scenario::{rate, symbol, usd};

pub(super) type Mutation = (&'static str, Case, fn(&mut Case), Rule);

pub(super) fn find(mutations: Vec<Mutation>) {
    let mut missed = Vec::new();
    for (name, case, mutate, rule) in mutations {
        let good = case.broken();
        let mut mutant = case;
        mutate(&mut mutant);
        let broken = mutant.broken();
        if !good.is_empty() || !broken.contains(&rule) {
            missed.push(format!("{name}: before {good:?}, then {broken:?} instead of {rule:?}"));
        }
    }
    assert!(missed.is_empty(), "\n{}", missed.join("\n"));
}

pub(super) struct OrderOf<'a> {
    pub(super) side: &'a mut Side,
    pub(super) leg: &'a mut PositionSide,
    pub(super) qty: &'a mut Qty,
    pub(super) limit: &'a mut Price,
    pub(super) reduce_only: &'a mut bool,
}

pub(super) fn work(case: &mut Case, index: usize) -> OrderOf<'_> {
    let Work::Order { side, position_side, qty, limit, reduce_only } = &mut case.step(index).work else {
        panic!("step {index} is no order")
    };
    OrderOf { side, leg: position_side, qty, limit, reduce_only }
}

pub(super) fn qty(case: &mut Case, index: usize, text: &'static str) {
    *work(case, index).qty = text.parse().unwrap();
}

pub(super) fn limit(case: &mut Case, index: usize, text: &'static str) {
    *work(case, index).limit = text.parse().unwrap();
}

#[test]
fn identity() {
    use Rule::Identity;
    find(alloc::vec![
        ("schema", in_place(), |c| c.body.schema = 2, Identity),
        ("venue", in_place(), |c| c.body.venue = "other".parse().unwrap(), Identity),
        ("account", in_place(), |c| c.body.account = "other".parse().unwrap(), Identity),
        ("as of", in_place(), |c| c.body.as_of = Timestamp(999), Identity),
        ("expires", in_place(), |c| c.body.expires = Timestamp(61_001), Identity),
        ("validity", in_place(), |c| c.policy.plan_validity = Duration::from_secs(5), Identity),
        ("round", in_place(), |c| c.body.round = 1, Identity),
        ("state's round", in_place(), |c| c.state.round = 1, Identity),
        ("way", in_place(), |c| c.body.leverage_change = LeverageChange::Reopen, Identity),
        ("target's account", in_place(), |c| c.target.account = "other".parse().unwrap(), Rule::Inputs),
        ("policy", in_place(), |c| c.policy.attempts = 0, Rule::Inputs),
        ("snapshot", in_place(), |c| c.snapshot.pools.clear(), Rule::Inputs),
        (
            "number too large",
            in_place(),
            |c| {
                let id = symbol("USDC");
                let pool = c.snapshot.pools.iter_mut().find(|pool| pool.id.0 == id).unwrap();
                pool.equity = Usd::new(Decimal::MAX).unwrap();
            },
            Rule::Arithmetic
        ),
    ]);
}

#[test]
fn sequence_and_scope() {
    use Rule::{Scope, Sequence, Shape};
    find(alloc::vec![
        ("index", in_place(), |c| c.step(1).index = 7, Sequence),
        ("same index", in_place(), |c| c.step(1).index = 0, Sequence),
        ("step removed", in_place(), |c| drop(c.body.phases[0].steps.remove(0)), Sequence),
        (
            "empty phase",
            in_place(),
            |c| c.body.phases.push(Phase { kind: PhaseKind::Acquire, steps: Vec::new() }),
            Sequence
        ),
        ("phases swapped", in_place(), |c| c.body.phases.swap(0, 1), Sequence),
        ("acquire twice", in_place(), |c| c.body.phases[1].kind = PhaseKind::Acquire, Sequence),
        ("leverage first", in_place(), |c| c.body.phases[0].kind = PhaseKind::Leverage, Sequence),
        (
            "another group that only reduces",
            reopening(),
            |c| {
                let o = order(&c.snapshot, &c.policy, Action::Decrease, "SOL", "-0.1");
                c.body.phases.push(Phase { kind: PhaseKind::Release, steps: alloc::vec![o] });
                c.restate();
            },
            Sequence
        ),
        ("action of another phase", in_place(), |c| c.step(0).action = Action::Increase, Shape),
        ("order called a write", in_place(), |c| c.step(0).action = Action::SetLeverage, Shape),
        ("write called another", in_place(), |c| c.step(1).action = Action::SetMarginMode, Shape),
        ("write called an order", in_place(), |c| c.step(1).action = Action::Open, Shape),
        (
            "write in a release phase",
            closing(),
            |c| {
                c.body.phases[0].steps.push(set("SOL", 2, 3));
                c.restate();
            },
            Shape
        ),
        ("margin moved the other way", top_up(), |c| c.step(0).action = Action::RemoveMargin, Shape),
        ("symbol unknown", in_place(), |c| c.step(0).symbol = symbol("DOGE"), Scope),
        ("symbol of nobody", in_place(), |c| c.step(0).symbol = symbol("ETH"), Scope),
        (
            "kept symbol",
            keeping(),
            |c| {
                let o = order(&c.snapshot, &c.policy, Action::Decrease, "ETH", "-0.01");
                c.body.phases.insert(0, Phase { kind: PhaseKind::Release, steps: alloc::vec![o] });
                c.restate();
            },
            Scope
        ),
    ]);
}

#[test]
fn orders() {
    use Rule::{Chain, Direction, LimitPrice, MinNotional, ReduceOnly, Size, Status, Value};
    find(alloc::vec![
        ("reduces by buying", in_place(), |c| *work(c, 0).side = Side::Buy, Direction),
        ("adds by selling", in_place(), |c| *work(c, 2).side = Side::Sell, Direction),
        ("reduces without the flag", in_place(), |c| *work(c, 0).reduce_only = false, Direction),
        ("adds with the flag", in_place(), |c| *work(c, 2).reduce_only = true, Direction),
        ("opens what is held", in_place(), |c| c.step(2).action = Action::Open, Direction),
        ("increases what is flat", reopening(), |c| c.step(2).action = Action::Increase, Direction),
        ("towards the other side", in_place(), |c| invert(c, "SOL"), Direction),
        ("leg in one-way mode", in_place(), |c| *work(c, 0).leg = PositionSide::Long, Rule::PositionSide),
        ("leg closed", flip(), |c| *work(c, 0).leg = PositionSide::Long, Rule::PositionSide),
        ("leg opened", flip(), |c| *work(c, 1).leg = PositionSide::Net, Rule::PositionSide),
        ("nothing", in_place(), |c| qty(c, 0, "0"), Size),
        ("less than nothing", in_place(), |c| qty(c, 0, "-0.00056"), Size),
        ("part of a lot", in_place(), |c| qty(c, 2, "0.355"), Size),
        ("venue's least", in_place(), |c| instrument(c, "SOL").min_qty = "0.4".parse().ok(), Size),
        ("venue's most", in_place(), |c| instrument(c, "SOL").max_qty = "0.3".parse().ok(), Size),
        (
            "venue's least value",
            in_place(),
            |c| instrument(c, "SOL").min_notional = Some(usd("61")),
            MinNotional
        ),
        (
            "least value of a reduction",
            in_place(),
            |c| instrument(c, "BTC").min_notional = Some(usd("60")),
            MinNotional
        ),
        (
            "least value of a full close",
            closing(),
            |c| {
                instrument(c, "SOL").min_notional = Some(usd("90"));
                c.snapshot.capabilities.min_notional = MinNotionalRule::NoExemption;
            },
            MinNotional
        ),
        ("policy's least trade", in_place(), |c| c.policy.min_trade = usd("60"), MinNotional),
        ("limit off the tick", in_place(), |c| limit(c, 2, "167.2301"), LimitPrice),
        ("limit too far, buying", in_place(), |c| limit(c, 2, "167.24"), LimitPrice),
        ("limit too far, selling", in_place(), |c| limit(c, 0, "105885"), LimitPrice),
        ("passive limit, buying", in_place(), |c| limit(c, 2, "166.39"), LimitPrice),
        ("passive limit, selling", in_place(), |c| limit(c, 0, "106419"), LimitPrice),
        ("less slippage", in_place(), |c| c.policy.slippage = rate(4, 3), LimitPrice),
        ("halted", in_place(), |c| instrument(c, "BTC").status = TradingStatus::Closed, Status),
        (
            "reduce-only market",
            in_place(),
            |c| instrument(c, "SOL").status = TradingStatus::ReduceOnly,
            Status
        ),
        ("position after an order", in_place(), |c| c.step(0).qty_after = Qty::ZERO, Chain),
        ("position after a write", in_place(), |c| c.step(1).qty_after = Qty::ZERO, Chain),
        ("size alone", in_place(), |c| qty(c, 2, "0.35"), Chain),
        ("value of an order", in_place(), |c| c.step(0).value = usd("59"), Value),
        ("value of a write", in_place(), |c| c.step(1).value = usd("1"), Value),
        (
            "close that leaves something",
            reopening(),
            |c| {
                qty(c, 0, "0.00196");
                c.restate();
            },
            Chain
        ),
        ("decrease that leaves nothing", closing(), |c| c.step(0).action = Action::Decrease, Chain),
        (
            "more than is held",
            closing(),
            |c| {
                qty(c, 1, "0.55");
                c.restate();
            },
            ReduceOnly
        ),
        (
            "more than is held, in two orders",
            in_place(),
            |c| {
                let o = order(&c.snapshot, &c.policy, Action::Decrease, "BTC", "-0.0015");
                c.phase(PhaseKind::Release).steps.push(o);
                c.restate();
            },
            ReduceOnly
        ),
        (
            "more than is left after what may have been sold",
            in_place(),
            |c| pending(c, "BTC", "0", "0.0015"),
            ReduceOnly
        ),
        (
            "reduces what it added",
            reopening(),
            |c| {
                let o = order(&c.snapshot, &c.policy, Action::Close, "BTC", "-0.0014");
                c.body.phases.push(Phase { kind: PhaseKind::Release, steps: alloc::vec![o] });
                c.restate();
            },
            Direction
        ),
    ]);
}

pub(super) fn instrument<'a>(case: &'a mut Case, name: &str) -> &'a mut Instrument {
    case.snapshot.instruments.get_mut(&symbol(name)).unwrap()
}

pub(super) fn invert(case: &mut Case, name: &str) {
    let wanted = case.target.symbols.get_mut(&symbol(name)).unwrap();
    wanted.notional = wanted.notional.negated();
}

pub(super) fn pending(case: &mut Case, name: &str, buy: &str, sell: &str) {
    let pending = Pending { buy: buy.parse().unwrap(), sell: sell.parse().unwrap() };
    case.state.pending.insert(symbol(name), pending);
}

pub(super) fn resting(
    case: &mut Case,
    name: &str,
    side: Side,
    qty: &str,
    reduce_only: bool,
    kind: OrderKind,
) {
    case.snapshot.open_orders.push(OpenOrder {
        id: None,
        venue_order_id: "77".into(),
        symbol: symbol(name),
        side,
        position_side: PositionSide::Net,
        remaining: Some(qty.parse().unwrap()),
        limit: Some(case.snapshot.quotes[&symbol(name)].mark),
        trigger: None,
        reduce_only,
        kind,
    });
}
