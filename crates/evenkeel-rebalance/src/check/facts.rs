//! What the inputs say about each symbol, and the account as it would be step by step.

use alloc::collections::{BTreeMap, BTreeSet};

use evenkeel_types::{
    Decimal, Exact, Instrument, Leverage, MarginMode, NumberError, OpenOrder, PoolId, Position, Price, Qty,
    Rate, Side, Snapshot, SnapshotError, Symbol, Usd,
};

use crate::policy::{OpenOrderPolicy, Policy};
use crate::state::{Pending, RunState};
use crate::target::{ResolvedTarget, SymbolTarget};

/// Divisions are rounded at the 28th digit; a billionth of the quote currency is rounding, not exposure.
pub(super) const ROUNDING: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// The inputs of a check, by symbol.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) target: &'a ResolvedTarget,
    pub(super) policy: &'a Policy,
    pub(super) state: &'a RunState,
    pub(super) account_value: Usd,
    pub(super) rows: BTreeMap<&'a Symbol, Row<'a>>,
    /// Value of counted resting orders on symbols that the snapshot knows nothing else about.
    pub(super) stray: Usd,
}

/// One symbol that is held, traded, or of which something is outstanding.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) symbol: &'a Symbol,
    pub(super) instrument: &'a Instrument,
    pub(super) mark: Price,
    pub(super) fee: Rate,
    pub(super) position: Option<&'a Position>,
    /// What it should become; `None` for what the run does not touch.
    pub(super) target: Option<&'a SymbolTarget>,
    pub(super) start: Qty,
    pub(super) pending: Pending,
    /// Value of counted resting orders that could buy, and that could sell.
    pub(super) resting: (Usd, Usd),
    /// The leverage that its notional counts with against the account value.
    pub(super) leverage: Leverage,
    pub(super) mode: MarginMode,
}

impl<'a> Facts<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        target: &'a ResolvedTarget,
        policy: &'a Policy,
        state: &'a RunState,
    ) -> Result<Self, SnapshotError> {
        let symbols: BTreeSet<&Symbol> = snapshot
            .positions
            .iter()
            .map(|position| &position.symbol)
            .chain(target.symbols.keys())
            .chain(state.pending.keys())
            .collect();
        let positions: BTreeMap<&Symbol, &Position> =
            snapshot.positions.iter().map(|position| (&position.symbol, position)).collect();
        let mut rows = BTreeMap::new();
        for symbol in symbols {
            let position = positions.get(symbol).copied();
            rows.insert(symbol, Row::new(snapshot, (target, position), policy, state, symbol)?);
        }
        let mut stray = Usd::ZERO;
        if policy.open_orders != OpenOrderPolicy::Refuse {
            for order in snapshot.open_orders.iter().filter(|order| !order.reduce_only) {
                // What the run trades is cancelled; what it does not touch stays.
                let is_traded = target.symbols.contains_key(&order.symbol);
                if is_traded && policy.open_orders == OpenOrderPolicy::Cancel {
                    continue;
                }
                match rows.get_mut(&order.symbol) {
                    Some(row) => {
                        let value = resting_value(order, Some(row.mark))?;
                        let (buy, sell) = row.resting;
                        row.resting = match order.side {
                            Side::Buy => (buy.plus(value)?, sell),
                            Side::Sell => (buy, sell.plus(value)?),
                        };
                    }
                    None => stray = stray.plus(resting_value(order, None)?)?,
                }
            }
        }
        Ok(Self { snapshot, target, policy, state, account_value: snapshot.account_value()?, rows, stray })
    }
}

/// What a resting order adds at the worst of its prices.
fn resting_value(order: &OpenOrder, mark: Option<Price>) -> Result<Usd, NumberError> {
    let worst = [order.limit, order.trigger, mark].into_iter().flatten().max();
    match (worst, order.remaining) {
        (Some(price), Some(qty)) => price.value(qty.abs()),
        // Without a size it covers whatever the position is: it can end it, not begin one.
        _ => Ok(Usd::ZERO),
    }
}

impl<'a> Row<'a> {
    fn new(
        snapshot: &'a Snapshot,
        (target, position): (&'a ResolvedTarget, Option<&'a Position>),
        policy: &'a Policy,
        state: &'a RunState,
        symbol: &'a Symbol,
    ) -> Result<Self, SnapshotError> {
        let instrument = snapshot.instrument(symbol)?;
        let wanted = target.symbols.get(symbol);
        let now = snapshot.setting(symbol)?.mode;
        Ok(Self {
            symbol,
            instrument,
            mark: snapshot.quote(symbol)?.mark,
            // A rebate may not come; at worst an order costs nothing.
            fee: match policy.fee {
                Some(fee) => fee,
                None => snapshot.fee(symbol)?.taker,
            }
            .max(Rate::ZERO),
            position,
            target: wanted,
            start: position.map_or(Qty::ZERO, |position| position.qty),
            pending: state
                .pending
                .get(symbol)
                .copied()
                .unwrap_or(Pending { buy: Qty::ZERO, sell: Qty::ZERO }),
            resting: (Usd::ZERO, Usd::ZERO),
            // What is only closed was given its present setting as leverage, which is no limit that anybody chose.
            leverage: wanted.filter(|wanted| wanted.weight.is_some()).map_or(target.leverage, |w| w.leverage),
            mode: wanted_mode(wanted, instrument, now),
        })
    }

    /// Signed notional that the target gives it; zero for what the run closes.
    pub(super) fn wanted(&self) -> Usd {
        self.target.map_or(Usd::ZERO, |target| target.notional)
    }

    /// One lot at the mark.
    pub(super) fn lot(&self) -> Result<Usd, NumberError> {
        self.mark.value(Qty::new(self.instrument.lot.get())?)
    }

    pub(super) fn is_pending(&self) -> bool {
        !self.pending.buy.is_zero() || !self.pending.sell.is_zero()
    }

    /// The largest size that the position can have, with its side.
    pub(super) fn worst_qty(&self, qty: Qty) -> Result<(Qty, Qty), NumberError> {
        Ok((qty.plus(self.pending.buy)?.max(qty), qty.minus(self.pending.sell)?.min(qty)))
    }

    /// The largest notional that the position can have: what is outstanding counts as filled where that is worse.
    pub(super) fn worst_notional(&self, qty: Qty) -> Result<Usd, NumberError> {
        let (high, low) = self.worst_qty(qty)?;
        let up = self.mark.value(high)?.plus(self.resting.0)?;
        let down = self.mark.value(low)?.minus(self.resting.1)?;
        Ok(up.abs().max(down.abs()))
    }
}

/// The mode that a symbol should have: what was asked, what the instrument forces, else the one it has.
pub(crate) fn wanted_mode(
    target: Option<&SymbolTarget>,
    instrument: &Instrument,
    now: MarginMode,
) -> MarginMode {
    let asked = target.and_then(|target| target.mode).unwrap_or(now);
    if instrument.margin_modes.allows(asked) {
        asked
    } else {
        match asked {
            MarginMode::Cross => MarginMode::Isolated,
            MarginMode::Isolated => MarginMode::Cross,
        }
    }
}

/// One symbol as it would stand after the steps so far.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) qty: Qty,
    pub(super) long: Leverage,
    pub(super) short: Leverage,
    pub(super) mode: MarginMode,
    /// Equity of its bucket; zero when flat or cross.
    pub(super) bucket: Usd,
    /// Whether the plan has added to it.
    pub(super) added: bool,
}

impl Live {
    /// The setting of the side that is held; the one that needs more margin while that is open.
    pub(super) fn setting(&self) -> Leverage {
        if self.qty.is_zero() {
            self.long.min(self.short)
        } else if self.qty.is_negative() {
            self.short
        } else {
            self.long
        }
    }

    pub(super) fn is_set(&self, leverage: Leverage, mode: MarginMode) -> bool {
        self.long == leverage && self.short == leverage && self.mode == mode
    }
}

/// One cross pool as it would stand.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    /// Equity after what the steps cost and moved.
    pub(super) equity: Usd,
    /// What the venue holds back beyond the margin of positions: for resting orders.
    pub(super) hold: Usd,
    /// What orders of this phase hold beyond margin at the mark, while they are open at their limits.
    pub(super) premium: Usd,
}

/// The account as it would stand after the steps so far, every order filled whole at its limit.
#[derive(Debug, Clone)]
pub(super) struct World<'a> {
    pub(super) live: BTreeMap<&'a Symbol, Live>,
    pub(super) pools: BTreeMap<&'a PoolId, Pool>,
    pub(super) cancelled: BTreeSet<&'a str>,
    /// Fees and slippage so far.
    pub(super) costs: Usd,
    /// Whether what concerns the whole account is tested after the present step: see [`super::STEPWISE`].
    pub(super) sums: bool,
}

impl<'a> World<'a> {
    pub(super) fn new(facts: &Facts<'a>) -> Result<Self, SnapshotError> {
        let snapshot = facts.snapshot;
        let mut live = BTreeMap::new();
        for (symbol, row) in &facts.rows {
            let setting = snapshot.setting(symbol)?;
            let bucket = row.position.and_then(|position| position.isolated).map_or(Usd::ZERO, |b| b.equity);
            live.insert(
                *symbol,
                Live {
                    qty: row.start,
                    long: setting.long,
                    short: setting.short,
                    mode: setting.mode,
                    bucket,
                    added: false,
                },
            );
        }
        let mut pools = BTreeMap::new();
        for pool in &snapshot.pools {
            let mut unused = pool.equity;
            for (symbol, row) in facts.rows.iter().filter(|(_, row)| row.instrument.pool == pool.id) {
                if let Some(live) = live.get(symbol).filter(|live| live.mode == MarginMode::Cross) {
                    unused = unused.minus(live.setting().margin(row.mark.value(row.start)?)?)?;
                }
            }
            let hold = unused.minus(pool.free)?.max(Usd::ZERO);
            pools.insert(&pool.id, Pool { equity: pool.equity, hold, premium: Usd::ZERO });
        }
        Ok(Self { live, pools, cancelled: BTreeSet::new(), costs: Usd::ZERO, sums: true })
    }

    pub(super) fn qty(&self, symbol: &Symbol) -> Qty {
        self.live.get(symbol).map_or(Qty::ZERO, |live| live.qty)
    }

    /// Gross at the marks, nothing outstanding counted.
    pub(super) fn gross(&self, facts: &Facts<'_>) -> Result<Usd, NumberError> {
        let mut gross = Usd::ZERO;
        for (symbol, row) in &facts.rows {
            gross = gross.plus(row.mark.value(self.qty(symbol).abs())?)?;
        }
        Ok(gross)
    }

    /// Net at the marks, nothing outstanding counted.
    pub(super) fn net(&self, facts: &Facts<'_>) -> Result<Usd, NumberError> {
        let mut net = Usd::ZERO;
        for (symbol, row) in &facts.rows {
            net = net.plus(row.mark.value(self.qty(symbol))?)?;
        }
        Ok(net)
    }
}

/// What one order costs at worst, filled at its limit: its fee and its slippage.
pub(super) fn order_costs(row: &Row<'_>, qty: Qty, limit: Price) -> Result<(Usd, Usd), NumberError> {
    let fee = row.fee.of(row.mark.max(limit).value(qty)?)?;
    let slippage = Usd::new(limit.get().minus(row.mark.get())?.abs().times(qty.get())?)?;
    Ok((fee, slippage))
}
