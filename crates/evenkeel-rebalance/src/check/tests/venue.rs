//! What a venue makes of a phase: a stand-in that fills, charges and moves margin, and lets prices drift.

use evenkeel_types::{
    Decimal, IsolatedMargin, LowerIsolated, MarginMode, Position, PositionMode, PositionSide, Price, Qty,
    Snapshot, Symbol, Timestamp, Usd,
};

use crate::{Phase, RunState, Step, Work};

/// Carries out a phase at the limit prices, `fill` hundredths of each order.
pub(super) fn carry_out(snapshot: &mut Snapshot, state: &mut RunState, phase: &Phase, fill: &[u32]) {
    for (index, step) in phase.steps.iter().enumerate() {
        let share = fill.get(index % fill.len().max(1)).copied().unwrap_or(100);
        match &step.work {
            Work::Order { qty, limit, .. } => {
                let lot = snapshot.instruments[&step.symbol].lot;
                let part = Qty::new(qty.get() * Decimal::from(share) / Decimal::ONE_HUNDRED).unwrap();
                let part = if share >= 100 { *qty } else { lot.toward_zero(part).unwrap() };
                if part.is_positive() {
                    trade(snapshot, state, step, part, *limit);
                }
            }
            Work::CancelOrder { venue_order_id } => {
                snapshot.open_orders.retain(|order| order.venue_order_id != *venue_order_id);
            }
            Work::SetLeverage { to, .. } => {
                let missing = lacking(snapshot, &step.symbol, to.get());
                if matches!(
                    snapshot.capabilities.lower_isolated,
                    LowerIsolated::Remargins | LowerIsolated::NeedsFree
                ) {
                    move_margin(snapshot, &step.symbol, missing);
                }
                let setting = snapshot.settings.get_mut(&step.symbol).unwrap();
                (setting.long, setting.short) = (*to, *to);
                for position in snapshot.positions.iter_mut().filter(|p| p.symbol == step.symbol) {
                    position.leverage = *to;
                }
            }
            Work::SetMarginMode { to, .. } => {
                snapshot.settings.get_mut(&step.symbol).unwrap().mode = *to;
            }
            Work::AdjustMargin { delta } => move_margin(snapshot, &step.symbol, delta.get()),
        }
    }
    settle(snapshot);
    snapshot.as_of = Timestamp(snapshot.as_of.0 + 1_000);
}

/// What the bucket lacks for a lower leverage than it has.
fn lacking(snapshot: &Snapshot, symbol: &Symbol, leverage: Decimal) -> Decimal {
    let mark = snapshot.quotes[symbol].mark;
    let lacks = |position: &Position| {
        let bucket = position.isolated.filter(|_| leverage < position.leverage.get())?;
        let need = mark.value(position.qty.abs()).unwrap().get() / leverage;
        Some((need - bucket.equity.get()).max(Decimal::ZERO))
    };
    snapshot.position(symbol).and_then(lacks).unwrap_or(Decimal::ZERO)
}

fn pool<'a>(snapshot: &'a mut Snapshot, symbol: &Symbol) -> &'a mut Usd {
    let id = snapshot.instruments[symbol].pool.clone();
    &mut snapshot.pools.iter_mut().find(|pool| pool.id == id).unwrap().equity
}

fn add(to: &mut Usd, amount: Decimal) {
    *to = Usd::new((to.get() + amount).round_dp(12)).unwrap();
}

fn move_margin(snapshot: &mut Snapshot, symbol: &Symbol, delta: Decimal) {
    add(pool(snapshot, symbol), -delta);
    for position in snapshot.positions.iter_mut().filter(|p| p.symbol == *symbol) {
        if let Some(bucket) = &mut position.isolated {
            add(&mut bucket.equity, delta);
        }
    }
}

fn trade(snapshot: &mut Snapshot, state: &mut RunState, step: &Step, qty: Qty, limit: Price) {
    let symbol = &step.symbol;
    let mark = snapshot.quotes[symbol].mark;
    let fee = snapshot.fees[symbol].taker.get() * qty.get() * limit.get();
    let slip = (limit.get() - mark.get()).abs() * qty.get();
    state.turnover = state.turnover.plus(mark.value(qty).unwrap()).unwrap();
    add(&mut state.fees, fee);
    let signed = if step.signed_qty().is_negative() { -qty.get() } else { qty.get() };
    let before = snapshot.qty(symbol).get();
    let after = before + signed;
    let setting = snapshot.settings[symbol].clone();
    let isolated = setting.mode == MarginMode::Isolated;
    add(pool(snapshot, symbol), -fee);
    if !isolated {
        add(pool(snapshot, symbol), -slip);
    }
    let adds = after.abs() > before.abs();
    let leverage = setting.of(Qty::new(after).unwrap());
    let draw = if adds { limit.get().max(mark.get()) * qty.get() / leverage.get() } else { Decimal::ZERO };
    if before.is_zero() {
        let side = match (snapshot.position_mode, after < Decimal::ZERO) {
            (PositionMode::OneWay, _) => PositionSide::Net,
            (PositionMode::Hedge, true) => PositionSide::Short,
            (PositionMode::Hedge, false) => PositionSide::Long,
        };
        snapshot.positions.push(Position {
            symbol: symbol.clone(),
            side,
            qty: Qty::new(after).unwrap(),
            entry: Some(limit),
            mode: setting.mode,
            leverage,
            isolated: isolated.then_some(IsolatedMargin { equity: Usd::ZERO }),
            max_leverage: None,
            liquidation_price: None,
        });
    }
    let mut freed = Decimal::ZERO;
    for position in snapshot.positions.iter_mut().filter(|p| p.symbol == *symbol) {
        position.qty = Qty::new(after).unwrap();
        if let Some(bucket) = &mut position.isolated {
            if adds {
                add(&mut bucket.equity, draw - slip);
            } else {
                freed = bucket.equity.get() * qty.get() / before.abs();
                add(&mut bucket.equity, -freed);
            }
        }
    }
    if isolated {
        add(pool(snapshot, symbol), if adds { -draw } else { freed - slip });
    }
    snapshot.positions.retain(|position| !position.qty.is_zero());
}

/// Marks move by `drift` thousandths each; profits go where the positions are.
pub(super) fn drift(snapshot: &mut Snapshot, drift: &[i64]) {
    let symbols: alloc::vec::Vec<Symbol> = snapshot.quotes.keys().cloned().collect();
    for (index, symbol) in symbols.iter().enumerate() {
        let by = Decimal::new(drift.get(index % drift.len().max(1)).copied().unwrap_or(0), 3);
        let mark = snapshot.quotes[symbol].mark.get();
        let moved = (mark * (Decimal::ONE + by)).round_dp(6);
        snapshot.quotes.get_mut(symbol).unwrap().mark = Price::new(moved).unwrap();
        let gain = snapshot.qty(symbol).get() * (moved - mark);
        match snapshot.positions.iter_mut().find(|p| p.symbol == *symbol).map(|p| &mut p.isolated) {
            Some(Some(bucket)) => add(&mut bucket.equity, gain),
            Some(None) => add(pool(snapshot, symbol), gain),
            None => {}
        }
    }
    settle(snapshot);
}

/// Free margin as it is once everything has settled. What the venue held for orders it holds no more.
fn settle(snapshot: &mut Snapshot) {
    for index in 0..snapshot.pools.len() {
        let mut free = snapshot.pools[index].equity.get();
        for position in &snapshot.positions {
            let of_pool = snapshot.instruments[&position.symbol].pool == snapshot.pools[index].id;
            if of_pool && position.mode == MarginMode::Cross {
                let mark = snapshot.quotes[&position.symbol].mark;
                free -= position.leverage.margin(position.notional(mark).unwrap()).unwrap().get();
            }
        }
        snapshot.pools[index].free = Usd::new(free).unwrap();
    }
}
