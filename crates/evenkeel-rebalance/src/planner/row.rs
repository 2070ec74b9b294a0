//! One symbol of the run with everything its size is decided by.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use evenkeel_types::{
    Capabilities, Decimal, Exact, Instrument, Leverage, LeverageSetting, LowerIsolated, MarginAdjustment,
    MarginMode, MarginModeScope, MinNotionalRule, NumberError, OpenOrder, Position, Price, Qty, Round, Side,
    Snapshot, Symbol, TradingStatus, Usd,
};

use crate::plan::{Note, NoteCode, PlanError};
use crate::policy::{LeverageChange, OpenOrderPolicy, Policy};
use crate::state::{PhaseKind, RunState};
use crate::target::{ResolvedTarget, SymbolTarget};

/// How a symbol gets the leverage and mode it should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It has them, or ends flat, or may not be changed.
    None,
    /// By a write, flat or held.
    InPlace,
    /// By closing and opening again; in which group.
    Reopen { wave: usize },
}

/// How much of a symbol's size may be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freedom {
    /// Both ways.
    Full,
    /// Only down.
    ReduceOnly,
    /// Not at all.
    Fixed,
}

#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    pub(super) symbol: &'a Symbol,
    pub(super) instrument: &'a Instrument,
    pub(super) setting: &'a LeverageSetting,
    pub(super) position: Option<&'a Position>,
    /// `None` for a kept position.
    pub(super) target: Option<&'a SymbolTarget>,
    pub(super) mark: Price,
    /// Held, signed.
    pub(super) held: Decimal,
    /// Wanted notional before scaling, signed.
    pub(super) goal: Decimal,
    /// What the position counts with against the cap.
    pub(super) cap_leverage: Leverage,
    /// What its initial margin is computed with once the leverage phase is over.
    pub(super) margin_leverage: Leverage,
    /// The mode it has once the leverage phase is over.
    pub(super) mode: MarginMode,
    /// Equity of its present bucket.
    pub(super) bucket: Decimal,
    /// Index of its pool in the snapshot.
    pub(super) pool: usize,
    pub(super) buy: Quote,
    pub(super) sell: Quote,
    /// Quantity that may be bought, and sold, without our doing: pending, and counted resting orders.
    pub(super) open_buy: Decimal,
    pub(super) open_sell: Decimal,
    /// Largest notional allowed, and whether the bound itself is excluded.
    pub(super) limit: Option<(Decimal, bool)>,
    pub(super) freedom: Freedom,
    pub(super) change: Change,
    /// Whether the change can be written while the position is held.
    pub(super) changes_held: bool,
    /// A size that is what it is, because the venue takes no order that would change it.
    pub(super) pinned: Option<Decimal>,
}

/// The worst price of one side, and what trading one unit at it costs against the mark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quote {
    pub(super) limit: Price,
    /// `|limit - mark|`, per base unit.
    pub(super) slippage: Decimal,
    /// Fee per base unit, at the higher of mark and limit: a price better than the limit costs more fee.
    pub(super) fee: Decimal,
    /// Both.
    pub(super) cost: Decimal,
}

impl Row<'_> {
    pub(super) fn quote(&self, side: Side) -> &Quote {
        match side {
            Side::Buy => &self.buy,
            Side::Sell => &self.sell,
        }
    }

    pub(super) fn held_notional(&self) -> Result<Decimal, NumberError> {
        self.held.abs().times(self.mark.get())
    }

    /// What going from the held size to `size` trades: released, then acquired, both without sign.
    pub(super) fn legs(&self, size: Decimal) -> Result<(Decimal, Decimal), NumberError> {
        let (held, end) = (self.held.abs(), size.abs());
        let turned = !size.is_zero()
            && !self.held.is_zero()
            && size.is_sign_negative() != self.held.is_sign_negative();
        if matches!(self.change, Change::Reopen { .. }) || turned {
            Ok((held, end))
        } else if end < held {
            Ok((held.minus(end)?, Decimal::ZERO))
        } else {
            Ok((Decimal::ZERO, end.minus(held)?))
        }
    }

    /// The side that releases, and the side that acquires towards `size`.
    pub(super) fn sides(&self, size: Decimal) -> (Side, Side) {
        let release = if self.held.is_sign_negative() { Side::Buy } else { Side::Sell };
        let acquire = if size.is_sign_negative() { Side::Sell } else { Side::Buy };
        (release, acquire)
    }

    /// Whether the symbol's leverage setting has to be written (flat or held).
    pub(super) fn needs_leverage(&self) -> bool {
        self.target.is_some_and(|target| !self.setting.is(target.leverage))
    }

    /// Leverage and mode stay what the venue has; only reducing is left.
    pub(super) fn keep_as_it_is(&mut self) {
        self.change = Change::None;
        if self.freedom == Freedom::Full {
            self.freedom = Freedom::ReduceOnly;
        }
        self.margin_leverage = self.present_leverage();
        self.mode = self.setting.mode;
    }

    /// The setting of the side that is held.
    pub(super) fn present_leverage(&self) -> Leverage {
        if self.held.is_sign_negative() { self.setting.short } else { self.setting.long }
    }

    /// Whether the change is one that needs the position gone, while `size` leaves some of it.
    pub(super) fn stays_unchanged(&self, size: Decimal) -> bool {
        let kept = !self.held.is_zero()
            && !size.is_zero()
            && size.is_sign_negative() == self.held.is_sign_negative();
        self.change == Change::InPlace && kept && !self.changes_held
    }

    /// By how much the position can become larger than `size` without our doing.
    pub(super) fn extra(&self, size: Decimal) -> Result<Decimal, NumberError> {
        let worst = size.plus(self.open_buy)?.abs().max(size.minus(self.open_sell)?.abs());
        Ok(worst.minus(size.abs())?.max(Decimal::ZERO))
    }

    pub(super) fn needs_mode(&self) -> bool {
        self.setting.mode != self.mode
    }
}

pub(super) struct Gathered<'a> {
    pub(super) rows: Vec<Row<'a>>,
    /// Orders to cancel.
    pub(super) cancels: Vec<&'a OpenOrder>,
    /// Margin that each pool holds for something other than positions.
    pub(super) holds: Vec<Decimal>,
    /// Notional of counted orders on symbols that are neither held nor in the target.
    pub(super) outside: Decimal,
    /// How many groups of reopened symbols there are; at least one group is planned.
    pub(super) waves: usize,
}

pub(super) fn gather<'a>(
    snapshot: &'a Snapshot,
    target: &'a ResolvedTarget,
    policy: &Policy,
    state: &RunState,
    change: LeverageChange,
    notes: &mut Vec<Note>,
) -> Result<Gathered<'a>, PlanError> {
    let positions: BTreeMap<&Symbol, &Position> = snapshot.positions.iter().map(|p| (&p.symbol, p)).collect();
    let pools: BTreeMap<_, usize> =
        snapshot.pools.iter().enumerate().map(|(i, pool)| (&pool.id, i)).collect();
    let Resting { cancels, counted, outside } = resting(snapshot, target, policy, notes)?;
    let mut rows = Vec::with_capacity(target.symbols.len());
    let kept = positions.keys().copied().filter(|symbol| !target.symbols.contains_key(*symbol));
    let symbols = target.symbols.keys().chain(kept);
    for symbol in symbols {
        let position = positions.get(symbol).copied();
        let wanted = target.symbols.get(symbol);
        let instrument = snapshot.instrument(symbol)?;
        let setting = snapshot.setting(symbol)?;
        let mark = snapshot.quote(symbol)?.mark;
        let pool = pools.get(&instrument.pool).copied().ok_or_else(|| {
            evenkeel_types::SnapshotError::Missing { symbol: symbol.clone(), what: "margin pool" }
        })?;
        let fee = policy.fee.unwrap_or(snapshot.fee(symbol)?.taker).get().max(Decimal::ZERO);
        let held = position.map_or(Decimal::ZERO, |position| position.qty.get());
        let pending = state.pending.get(symbol);
        let unresolved = pending.map_or(Decimal::ZERO, |p| p.buy.get().abs().max(p.sell.get().abs()));
        let (buy, sell) = counted.get(symbol).copied().unwrap_or((Decimal::ZERO, Decimal::ZERO));
        let open_buy = pending.map_or(Decimal::ZERO, |p| p.buy.get().abs()).plus(buy)?;
        let open_sell = pending.map_or(Decimal::ZERO, |p| p.sell.get().abs()).plus(sell)?;
        let mut row = Row {
            symbol,
            instrument,
            setting,
            position,
            target: wanted,
            mark,
            held,
            goal: wanted.map_or(Decimal::ZERO, |wanted| wanted.notional.get()),
            // What the target does not name counts with the target's leverage, also where it cannot be closed.
            cap_leverage: wanted
                .filter(|wanted| wanted.weight.is_some())
                .map_or(target.leverage, |wanted| wanted.leverage),
            margin_leverage: setting.of(Qty::new(held)?),
            mode: setting.mode,
            bucket: position.and_then(|p| p.isolated).map_or(Decimal::ZERO, |bucket| bucket.equity.get()),
            pool,
            buy: quote(instrument, mark, policy, fee, Side::Buy)?,
            sell: quote(instrument, mark, policy, fee, Side::Sell)?,
            open_buy,
            open_sell,
            limit: None,
            freedom: Freedom::Full,
            change: Change::None,
            changes_held: true,
            pinned: None,
        };
        match wanted {
            None => {
                row.freedom = Freedom::Fixed;
                row.goal = mark.value(Qty::new(held)?)?.get();
                notes.push(note(
                    symbol,
                    NoteCode::Kept,
                    "not in the target; kept and counted against the cap",
                ));
            }
            Some(wanted) => {
                decide_freedom(&mut row, unresolved, state, notes);
                decide_change(&mut row, wanted, snapshot, policy, state, change, notes)?;
                row.limit = position_limit(&row, wanted, policy)?;
            }
        }
        rows.push(row);
    }
    // Kept symbols were appended: one order for everything, whatever the order of the input.
    rows.sort_by(|a, b| a.symbol.cmp(b.symbol));
    let waves = assign_waves(&mut rows, policy, state, notes)?;
    let holds = holds(snapshot, policy, &cancels)?;
    Ok(Gathered { rows, cancels, holds, outside, waves })
}

/// The worst acceptable price: within the slippage bound, and never on the passive side of the mark. Where one
/// tick is coarser than the bound, the next valid price beyond the mark.
fn quote(
    instrument: &Instrument,
    mark: Price,
    policy: &Policy,
    fee: Decimal,
    side: Side,
) -> Result<Quote, PlanError> {
    let slip = policy.slippage.get();
    let bound = match side {
        Side::Buy => mark.get().times(Decimal::ONE.plus(slip)?)?,
        Side::Sell => mark.get().times(Decimal::ONE.minus(slip)?)?,
    };
    let rule = &instrument.price_rule;
    let within = Price::new(bound).and_then(|bound| rule.round(bound, Round::Passive(side)));
    let limit = match within {
        Ok(limit) if side == Side::Buy && limit >= mark => limit,
        Ok(limit) if side == Side::Sell && limit <= mark => limit,
        _ => rule.round(mark, Round::Aggressive(side))?,
    };
    let slippage = limit.get().minus(mark.get())?.abs();
    let fee = fee.times(limit.get().max(mark.get()))?;
    Ok(Quote { limit, slippage, fee, cost: slippage.plus(fee)? })
}

fn decide_freedom(row: &mut Row<'_>, unresolved: Decimal, state: &RunState, notes: &mut Vec<Note>) {
    let only_down = |row: &mut Row<'_>| {
        if row.freedom == Freedom::Full {
            row.freedom = Freedom::ReduceOnly;
        }
    };
    match row.instrument.status {
        TradingStatus::Trading => {}
        TradingStatus::ReduceOnly => {
            only_down(row);
            notes.push(note(row.symbol, NoteCode::NotTradable, "the venue takes only orders that reduce it"));
        }
        _ => {
            row.freedom = Freedom::Fixed;
            notes.push(note(row.symbol, NoteCode::NotTradable, "the venue takes no orders for it"));
        }
    }
    if let Some(why) = state.set_aside.get(row.symbol) {
        only_down(row);
        notes.push(note(row.symbol, NoteCode::SetAside, &format!("set aside in this run: {why}")));
    }
    if unresolved > Decimal::ZERO {
        only_down(row);
        let text = format!("{unresolved} of it may still execute or have executed; counted as filled");
        notes.push(note(row.symbol, NoteCode::Pending, &text));
    }
    if state.release_only {
        only_down(row);
    }
}

fn decide_change(
    row: &mut Row<'_>,
    wanted: &SymbolTarget,
    snapshot: &Snapshot,
    policy: &Policy,
    state: &RunState,
    change: LeverageChange,
    notes: &mut Vec<Note>,
) -> Result<(), PlanError> {
    // A symbol that ends flat, or may not grow, keeps what it has: writing it would change nothing that matters.
    if wanted.notional.is_zero() || row.freedom != Freedom::Full {
        return Ok(());
    }
    if wanted.leverage > policy.max_leverage {
        let (symbol, leverage, max) = (row.symbol.clone(), wanted.leverage, policy.max_leverage);
        return Err(PlanError::AboveMaxLeverage { symbol, leverage, max });
    }
    row.mode = wanted_mode(row, wanted, snapshot, notes)?;
    let (leverage, mode) = (row.needs_leverage(), row.needs_mode());
    if !leverage && !mode {
        return Ok(());
    }
    let capabilities = &snapshot.capabilities;
    if snapshot.open_orders.iter().any(|order| order.symbol == *row.symbol)
        && policy.open_orders != OpenOrderPolicy::Cancel
    {
        let what = match (mode && capabilities.orders_block_mode, capabilities.orders_block_leverage) {
            (true, _) => Some("margin mode"),
            (false, true) => Some("leverage"),
            (false, false) => None,
        };
        if let Some(what) = what {
            let (symbol, venue) = (row.symbol.clone(), snapshot.venue.clone());
            return Err(PlanError::OrdersBlock { symbol, venue, what });
        }
    }
    let stays_held = !row.held.is_zero() && row.held.is_sign_negative() == wanted.notional.is_negative();
    row.changes_held = changes_in_place(row, wanted.leverage, capabilities);
    let in_place = !stays_held || (change == LeverageChange::Auto && row.changes_held);
    row.change = if in_place { Change::InPlace } else { Change::Reopen { wave: 0 } };
    row.margin_leverage = wanted.leverage;
    if let Some(why) = cannot_reopen(row, snapshot, state)? {
        row.keep_as_it_is();
        notes.push(note(row.symbol, NoteCode::Waits, why));
        return Ok(());
    }
    // Leverage is over once acquiring began; only what this run itself closed to reopen is still written.
    let late = state.phase == PhaseKind::Acquire && !state.reopening.contains(row.symbol);
    if late && row.change == Change::InPlace {
        row.change = Change::None;
        row.freedom = Freedom::ReduceOnly;
        row.margin_leverage = row.setting.of(Qty::new(row.held)?);
        row.mode = row.setting.mode;
        notes.push(note(
            row.symbol,
            NoteCode::PhaseOver,
            "its leverage differs, but the leverage phase is over",
        ));
    }
    Ok(())
}

/// Why a position that would have to be closed and opened again is left as it is.
fn cannot_reopen(
    row: &Row<'_>,
    snapshot: &Snapshot,
    state: &RunState,
) -> Result<Option<&'static str>, PlanError> {
    if !matches!(row.change, Change::Reopen { .. }) || state.reopening.contains(row.symbol) {
        return Ok(None);
    }
    if state.room_ceiling < Decimal::ONE {
        return Ok(Some("is not closed to be reopened: the run found too little room for what it adds"));
    }
    let (side, _) = row.sides(Decimal::ZERO);
    let value = row.held.abs().times(row.quote(side).limit.get())?;
    let exempt = snapshot.capabilities.min_notional != MinNotionalRule::NoExemption;
    let small = !exempt && row.instrument.min_notional.is_some_and(|min| value < min.get());
    Ok(small.then_some("is too small for the venue to close, so it cannot be reopened"))
}

fn wanted_mode(
    row: &Row<'_>,
    wanted: &SymbolTarget,
    snapshot: &Snapshot,
    notes: &mut Vec<Note>,
) -> Result<MarginMode, PlanError> {
    let modes = row.instrument.margin_modes;
    let asked = wanted.mode.unwrap_or(row.setting.mode);
    let mode = if modes.allows(asked) {
        asked
    } else {
        let forced = match asked {
            MarginMode::Cross => MarginMode::Isolated,
            MarginMode::Isolated => MarginMode::Cross,
        };
        let text = format!("the venue allows only {forced} margin for it");
        notes.push(note(row.symbol, NoteCode::MarginModeForced, &text));
        forced
    };
    let because = match snapshot.capabilities.margin_mode_scope {
        _ if mode == row.setting.mode => return Ok(mode),
        MarginModeScope::Symbol => return Ok(mode),
        MarginModeScope::Account => "the venue has one mode for the whole account; switch it there first",
        _ => "the venue does not let it be switched",
    };
    Err(PlanError::MarginMode { symbol: row.symbol.clone(), now: row.setting.mode, wanted: mode, because })
}

/// Whether a held position's leverage and mode can be brought to the target without closing it.
fn changes_in_place(row: &Row<'_>, to: Leverage, can: &Capabilities) -> bool {
    if row.needs_mode() && !can.switch_mode_with_position {
        return false;
    }
    let isolated = row.setting.mode == MarginMode::Isolated;
    let raises = row.setting.long < to || row.setting.short < to;
    let lowers = row.setting.long > to || row.setting.short > to;
    let raise_fine = if isolated { can.raise_with_position.isolated } else { can.raise_with_position.cross };
    let lower_fine = match (isolated, can.lower_isolated) {
        (false, _) => can.lower_cross_with_position,
        (true, LowerIsolated::Never) => false,
        (true, LowerIsolated::AfterTopUp) => can.margin_adjustment != MarginAdjustment::None,
        (true, _) => true,
    };
    (!raises || raise_fine) && (!lowers || lower_fine)
}

/// The largest notional of the symbol: the tier at its leverage, the venue's cap, the policy's limit.
fn position_limit(
    row: &Row<'_>,
    wanted: &SymbolTarget,
    policy: &Policy,
) -> Result<Option<(Decimal, bool)>, PlanError> {
    let tiers = &row.instrument.tiers;
    // Where the setting stays what it is, the tier must allow that one too.
    let leverage = wanted.leverage.max(row.margin_leverage);
    let tier = tiers.max_notional(leverage).map(|bound| {
        let exclusive = tiers.cap() != Some(bound);
        (bound.get(), exclusive)
    });
    let own = policy.max_position(row.symbol).map(|bound| (bound.get(), false));
    Ok(match (tier, own) {
        (Some(tier), Some(own)) if own.0 < tier.0 => Some(own),
        (Some(tier), _) => Some(tier),
        (None, own) => own,
    })
}

/// Puts the symbols to reopen into groups of at most `reopen_at_once`, those already begun first.
fn assign_waves(
    rows: &mut [Row<'_>],
    policy: &Policy,
    state: &RunState,
    notes: &mut Vec<Note>,
) -> Result<usize, PlanError> {
    let at_once = usize::try_from(policy.reopen_at_once).unwrap_or(usize::MAX).max(1);
    // Begun and not yet back: still held with the old leverage, or flat on its way.
    let away = rows
        .iter()
        .filter(|row| {
            state.reopening.contains(row.symbol)
                && row.freedom == Freedom::Full
                && (row.change != Change::None || row.held.is_zero())
        })
        .count();
    let mut taken = away;
    let mut waves = 1;
    for row in rows.iter_mut().filter(|row| matches!(row.change, Change::Reopen { .. })) {
        if state.reopening.contains(row.symbol) {
            continue;
        }
        // A new group begins in release; while an earlier one is under way in a later phase, it waits.
        let first_free = if away > 0 && state.phase != PhaseKind::Release { at_once } else { 0 };
        let place = taken.max(first_free);
        let wave = place.checked_div(at_once).unwrap_or(0);
        taken = place.saturating_add(1);
        row.change = Change::Reopen { wave };
        waves = waves.max(wave.saturating_add(1));
        if wave > 0 {
            // Until its turn it is held at the old setting: count with whichever needs more margin.
            row.margin_leverage = row.margin_leverage.min(row.setting.of(Qty::new(row.held)?));
            let text = format!(
                "is closed and reopened in group {}, so that at most {at_once} are flat at once",
                wave.saturating_add(1)
            );
            notes.push(note(row.symbol, NoteCode::Waits, &text));
        }
    }
    Ok(waves)
}

struct Resting<'a> {
    cancels: Vec<&'a OpenOrder>,
    /// Quantities of each symbol that count as bought, and as sold.
    counted: BTreeMap<&'a Symbol, (Decimal, Decimal)>,
    /// Notional of those on symbols that have no row.
    outside: Decimal,
}

/// What is cancelled, and what counts as filled.
fn resting<'a>(
    snapshot: &'a Snapshot,
    target: &ResolvedTarget,
    policy: &Policy,
    notes: &mut Vec<Note>,
) -> Result<Resting<'a>, PlanError> {
    let mut orders: Vec<&OpenOrder> = snapshot.open_orders.iter().collect();
    orders.sort_by(|a, b| (&a.symbol, &a.venue_order_id).cmp(&(&b.symbol, &b.venue_order_id)));
    if policy.open_orders == OpenOrderPolicy::Refuse && !orders.is_empty() {
        // Long lists are cut: the message is one line.
        let named: Vec<_> = orders.iter().take(5).map(|order| describe(order)).collect();
        let more = if orders.len() > named.len() { ", ..." } else { "" };
        return Err(PlanError::OpenOrders {
            count: orders.len(),
            list: format!("{}{more}", named.join(", ")),
        });
    }
    let mut cancels = Vec::new();
    let mut counted: BTreeMap<&Symbol, (Decimal, Decimal)> = BTreeMap::new();
    let mut outside = Decimal::ZERO;
    let held: alloc::collections::BTreeSet<&Symbol> = snapshot.positions.iter().map(|p| &p.symbol).collect();
    for order in orders {
        let ours = target.symbols.contains_key(&order.symbol);
        if policy.open_orders == OpenOrderPolicy::Cancel && ours && !order.is_protective() {
            cancels.push(order);
        } else if !order.reduce_only {
            let size = order.remaining.map_or(Decimal::ZERO, |qty| qty.get().abs());
            if ours || held.contains(&order.symbol) {
                let (buys, sells) = counted.entry(&order.symbol).or_insert((Decimal::ZERO, Decimal::ZERO));
                let sum = if order.side == Side::Buy { buys } else { sells };
                *sum = sum.plus(size)?;
            } else {
                let price =
                    order.limit.or(order.trigger).or(snapshot.quotes.get(&order.symbol).map(|q| q.mark));
                let price = price.ok_or_else(|| evenkeel_types::SnapshotError::Missing {
                    symbol: order.symbol.clone(),
                    what: "price for its resting order",
                })?;
                outside = outside.plus(size.times(price.get())?)?;
            }
            let text = format!("{} stays and counts as filled", describe(order));
            notes.push(note(&order.symbol, NoteCode::OpenOrder, &text));
        } else {
            notes.push(note(&order.symbol, NoteCode::OpenOrder, &format!("{} stays", describe(order))));
        }
    }
    Ok(Resting { cancels, counted, outside })
}

pub(super) fn describe(order: &OpenOrder) -> alloc::string::String {
    let size = order.remaining.map_or_else(|| "all".to_string(), |qty| qty.to_string());
    let price = order.limit.or(order.trigger).map_or_else(|| "market".to_string(), |price| price.to_string());
    format!("{} {} {size} @ {price} #{}", order.symbol, order.side, order.venue_order_id)
}

/// What each pool's free margin lacks beside the initial margin of its positions.
fn holds(snapshot: &Snapshot, policy: &Policy, cancels: &[&OpenOrder]) -> Result<Vec<Decimal>, PlanError> {
    let mut used: BTreeMap<_, Decimal> = BTreeMap::new();
    for position in snapshot.positions.iter().filter(|position| position.mode == MarginMode::Cross) {
        let notional = position.notional(snapshot.quote(&position.symbol)?.mark)?;
        let sum = used.entry(&snapshot.instrument(&position.symbol)?.pool).or_insert(Decimal::ZERO);
        *sum = sum.plus(position.leverage.margin(notional)?.get())?;
    }
    // What cancelled orders hold comes back; which part of the hold that is, the venue does not say. So it counts as
    // freed only where no other order that could hold margin is left in the pool.
    let cancelling = policy.open_orders == OpenOrderPolicy::Cancel && !cancels.is_empty();
    let stays = |pool| {
        snapshot.open_orders.iter().any(|order| {
            let elsewhere = snapshot.instruments.get(&order.symbol).is_some_and(|i| &i.pool != pool);
            let cancelled = cancels.iter().any(|c| core::ptr::eq(*c, order));
            !order.reduce_only && !elsewhere && !cancelled
        })
    };
    snapshot
        .pools
        .iter()
        .map(|pool| {
            let used = used.get(&pool.id).copied().unwrap_or(Decimal::ZERO);
            let hold = pool.equity.get().minus(used)?.max(Decimal::ZERO).minus(pool.free.get())?;
            let freed = cancelling && !stays(&pool.id);
            Ok(if freed { Decimal::ZERO } else { hold.max(Decimal::ZERO) })
        })
        .collect()
}

pub(super) fn note(symbol: &Symbol, code: NoteCode, text: &str) -> Note {
    Note { symbol: Some(symbol.clone()), code, text: text.to_string() }
}

pub(super) fn usd(value: Decimal) -> Result<Usd, NumberError> {
    Usd::new(value)
}
