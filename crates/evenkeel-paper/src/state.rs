//! The account as data, and what a trade does to it. Everything else decides; this adds up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::ErrorKind;
use evenkeel_margin::{
    MarginRules, cash_leg, initial_margin, liquidation_price, maintenance_margin, notional,
};
use evenkeel_types::round::to_places;
use evenkeel_types::{
    ClientOrderId, Collateral, Exact, FeeRates, Instrument, Instruments, Leverage, MarginMode, OrderKind,
    PoolId, PositionSide, Price, Qty, Quote, Rate, Round, Side, Symbol, TimeInForce, Timestamp, Usd,
};

use crate::refusal::{Outcome, Refusal};
use crate::truth::OrderRecord;

/// A symbol's position, or one leg of it.
pub(crate) type Leg = (Symbol, PositionSide);

/// Everything that a reader of the account can see. Changes are made on a copy that then replaces it whole, so that a
/// refusal half way leaves nothing behind.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// When it became so.
    pub(crate) since: Timestamp,
    pub(crate) instruments: Arc<Instruments>,
    pub(crate) pools: BTreeMap<PoolId, Pool>,
    pub(crate) held: BTreeMap<Leg, Held>,
    pub(crate) markets: BTreeMap<Symbol, Market>,
    /// Open orders by the number of their record.
    pub(crate) book: BTreeMap<usize, Resting>,
    pub(crate) totals: Totals,
}

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub(crate) collateral: Collateral,
    /// Equity without unrealised profit.
    pub(crate) cash: Usd,
    /// What a forked venue kept back from `free` by rules that are not modelled here; constant.
    pub(crate) kept_back: Usd,
    /// How far below `free` a forked venue's figures were, where it gave them; constant.
    pub(crate) below_free: [Option<Usd>; 2],
}

#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) qty: Qty,
    /// Signed value at entry, `qty * entry`: sums of it are exact where averages are not.
    pub(crate) paid: Usd,
    /// Average entry price as it is shown; `None` when a fork did not know it.
    pub(crate) entry: Option<Price>,
    /// Cash in the bucket of an isolated position: its equity without unrealised profit.
    pub(crate) bucket: Option<Usd>,
    pub(crate) max_leverage: Option<Leverage>,
}

#[derive(Debug, Clone)]
pub(crate) struct Market {
    pub(crate) quote: Quote,
    pub(crate) fees: FeeRates,
    pub(crate) long: Leverage,
    pub(crate) short: Leverage,
    pub(crate) mode: MarginMode,
    pub(crate) funding: Rate,
    pub(crate) interval: Duration,
    pub(crate) next_funding: Timestamp,
    /// How much one order can trade at once; `None` is all of it.
    pub(crate) depth: Option<Qty>,
}

impl Market {
    /// The setting that applies to a position of this sign.
    pub(crate) fn leverage(&self, qty: Qty) -> Leverage {
        if qty.is_negative() { self.short } else { self.long }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Resting {
    pub(crate) id: Option<ClientOrderId>,
    pub(crate) venue_order_id: String,
    pub(crate) symbol: Symbol,
    pub(crate) side: Side,
    pub(crate) leg: PositionSide,
    pub(crate) remaining: Option<Qty>,
    pub(crate) limit: Option<Price>,
    pub(crate) trigger: Option<Price>,
    pub(crate) reduce_only: bool,
    pub(crate) kind: OrderKind,
    pub(crate) tif: TimeInForce,
}

impl Resting {
    /// The open part of an order.
    pub(crate) fn of(record: &OrderRecord, remaining: Option<Qty>) -> Self {
        Self {
            id: record.id,
            venue_order_id: record.venue_order_id.clone(),
            symbol: record.symbol.clone(),
            side: record.side,
            leg: record.position_side,
            remaining,
            limit: record.limit,
            trigger: record.trigger,
            reduce_only: record.reduce_only,
            kind: record.kind,
            tif: record.tif,
        }
    }

    fn adds(&self) -> bool {
        let closes_leg = closing_side(self.leg) == Some(self.side);
        self.kind == OrderKind::Limit && !self.reduce_only && !closes_leg
    }
}

/// The side that can only close a leg of hedge mode.
pub(crate) fn closing_side(leg: PositionSide) -> Option<Side> {
    match leg {
        PositionSide::Net => None,
        PositionSide::Long => Some(Side::Sell),
        PositionSide::Short => Some(Side::Buy),
    }
}

/// Sums since the beginning. With `v` for account value:
/// `v = v_start + deposits + realised + change of unrealised - fees - funding - clearance + absorbed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Money added.
    pub deposits: Usd,
    /// Profit of what was closed.
    pub realised: Usd,
    /// Trading fees paid; rebates count negative.
    pub fees: Usd,
    /// Funding paid; what was received counts negative.
    pub funding: Usd,
    /// Taken by the venue at liquidations.
    pub clearance: Usd,
    /// Losses beyond the margin, borne by the venue.
    pub absorbed: Usd,
}

impl Totals {
    pub(crate) const ZERO: Self = Self {
        deposits: Usd::ZERO,
        realised: Usd::ZERO,
        fees: Usd::ZERO,
        funding: Usd::ZERO,
        clearance: Usd::ZERO,
        absorbed: Usd::ZERO,
    };
}

/// What one execution did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Applied {
    pub(crate) fee: Usd,
}

impl State {
    pub(crate) fn instrument(&self, symbol: &Symbol) -> Outcome<&Instrument> {
        self.instruments.get(symbol).ok_or_else(|| unknown_symbol(symbol))
    }

    pub(crate) fn market(&self, symbol: &Symbol) -> Outcome<&Market> {
        self.markets.get(symbol).ok_or_else(|| unknown_symbol(symbol))
    }

    pub(crate) fn market_mut(&mut self, symbol: &Symbol) -> Outcome<&mut Market> {
        self.markets.get_mut(symbol).ok_or_else(|| unknown_symbol(symbol))
    }

    fn pool_mut(&mut self, id: &PoolId) -> Outcome<&mut Pool> {
        self.pools.get_mut(id).ok_or_else(|| Refusal::new(ErrorKind::NotFound, format!("no pool {id}")))
    }

    pub(crate) fn pool_of(&self, symbol: &Symbol) -> Outcome<PoolId> {
        Ok(self.instrument(symbol)?.pool.clone())
    }

    pub(crate) fn qty(&self, leg: &Leg) -> Qty {
        self.held.get(leg).map_or(Qty::ZERO, |held| held.qty)
    }

    pub(crate) fn is_held(&self, symbol: &Symbol) -> bool {
        self.held.keys().any(|(held, _)| held == symbol)
    }

    pub(crate) fn has_orders(&self, symbol: &Symbol) -> bool {
        self.book.values().any(|order| order.symbol == *symbol)
    }

    /// Moves cash into (or out of) a pool.
    pub(crate) fn credit(&mut self, pool: &PoolId, amount: Usd) -> Outcome<()> {
        let pool = self.pool_mut(pool)?;
        pool.cash = pool.cash.plus(amount)?;
        Ok(())
    }

    /// `|qty| * mark`.
    pub(crate) fn notional(&self, leg: &Leg) -> Outcome<Usd> {
        Ok(notional(self.qty(leg), self.market(&leg.0)?.quote.mark)?)
    }

    /// `qty * mark - paid`.
    pub(crate) fn unrealised(&self, leg: &Leg, held: &Held) -> Outcome<Usd> {
        Ok(self.market(&leg.0)?.quote.mark.value(held.qty)?.minus(held.paid)?)
    }

    /// Equity of the bucket of an isolated position.
    pub(crate) fn bucket_equity(&self, leg: &Leg, held: &Held) -> Outcome<Option<Usd>> {
        held.bucket.map(|cash| Ok(cash.plus(self.unrealised(leg, held)?)?)).transpose()
    }

    /// Cash plus unrealised profit of the pool's cross positions.
    pub(crate) fn equity(&self, pool: &PoolId) -> Outcome<Usd> {
        let mut equity = self.pools.get(pool).map_or(Usd::ZERO, |pool| pool.cash);
        for (leg, held) in self.cross(pool) {
            equity = equity.plus(self.unrealised(leg, held)?)?;
        }
        Ok(equity)
    }

    pub(crate) fn cross<'a>(&'a self, pool: &'a PoolId) -> impl Iterator<Item = (&'a Leg, &'a Held)> {
        self.held.iter().filter(move |(leg, held)| {
            held.bucket.is_none() && self.instruments.get(&leg.0).is_some_and(|i| i.pool == *pool)
        })
    }

    /// Equity of all pools and buckets.
    pub(crate) fn account_value(&self) -> Outcome<Usd> {
        let mut value = Usd::ZERO;
        for pool in self.pools.keys() {
            value = value.plus(self.equity(pool)?)?;
        }
        for (leg, held) in &self.held {
            value = value.plus(self.bucket_equity(leg, held)?.unwrap_or(Usd::ZERO))?;
        }
        Ok(value)
    }

    /// `sum |qty| * mark`.
    pub(crate) fn gross(&self) -> Outcome<Usd> {
        let mut gross = Usd::ZERO;
        for leg in self.held.keys() {
            gross = gross.plus(self.notional(leg)?)?;
        }
        Ok(gross)
    }

    /// Equity less the margin of cross positions and of resting orders, below zero where it does not suffice.
    pub(crate) fn free(&self, pool: &PoolId) -> Outcome<Usd> {
        let kept_back = self.pools.get(pool).map_or(Usd::ZERO, |pool| pool.kept_back);
        let mut free = self.equity(pool)?.minus(kept_back)?;
        let ordered = self.book.values().map(|order| (order.symbol.clone(), order.leg));
        let legs: BTreeSet<Leg> = self.held.keys().cloned().chain(ordered).collect();
        for leg in &legs {
            if self.instrument(&leg.0)?.pool == *pool {
                free = free.minus(self.drawn(leg)?)?;
            }
        }
        Ok(free)
    }

    /// What a leg and its resting orders take from the pool: the margin of the largest size that they can grow to
    /// on either side; for an isolated position without its own share, which is in the bucket. Orders on the closing
    /// side are free up to the position (Binance's rule, dev.binance.vision 17078; measured alike on Hyperliquid).
    fn drawn(&self, leg: &Leg) -> Outcome<Usd> {
        let market = self.market(&leg.0)?;
        let present = market.quote.mark.value(self.qty(leg))?;
        let (mut most, mut least) = (present, present);
        for order in self.book.values().filter(|o| o.symbol == leg.0 && o.leg == leg.1 && o.adds()) {
            let (Some(limit), Some(remaining)) = (order.limit, order.remaining) else { continue };
            let value = limit.value(order.side.signed(remaining))?;
            if value.is_negative() { least = least.plus(value)? } else { most = most.plus(value)? }
        }
        let margin = |value: Usd| {
            let leverage = if value.is_negative() { market.short } else { market.long };
            money(initial_margin(value, leverage)?, Round::Up)
        };
        let own = margin(present)?;
        let needed = own.max(margin(most)?).max(margin(least)?);
        let isolated = match self.held.get(leg) {
            Some(held) => held.bucket.is_some(),
            None => market.mode == MarginMode::Isolated,
        };
        if isolated { Ok(needed.minus(own)?) } else { Ok(needed) }
    }

    /// Maintenance margin of a position; never below zero.
    pub(crate) fn maintenance(&self, leg: &Leg, held: &Held) -> Outcome<Usd> {
        let rules = MarginRules::for_position(self.instrument(&leg.0)?, held.max_leverage)?;
        Ok(maintenance_margin(self.notional(leg)?, &rules)?.max(Usd::ZERO))
    }

    /// Maintenance margin of a pool's cross positions.
    pub(crate) fn pool_maintenance(&self, pool: &PoolId) -> Outcome<Usd> {
        let mut sum = Usd::ZERO;
        for (leg, held) in self.cross(pool) {
            sum = sum.plus(self.maintenance(leg, held)?)?;
        }
        Ok(sum)
    }

    /// Where this position would be liquidated if only its own price moved.
    pub(crate) fn liquidation_price(&self, leg: &Leg, held: &Held) -> Outcome<Option<Price>> {
        let rules = MarginRules::for_position(self.instrument(&leg.0)?, held.max_leverage)?;
        let equity = match self.bucket_equity(leg, held)? {
            Some(equity) => equity,
            None => {
                let pool = self.pool_of(&leg.0)?;
                let others = self.pool_maintenance(&pool)?.minus(self.maintenance(leg, held)?)?;
                self.equity(&pool)?.minus(others)?
            }
        };
        let cash = cash_leg(equity, held.qty, self.market(&leg.0)?.quote.mark)?;
        Ok(liquidation_price(held.qty, cash, &rules)?)
    }

    /// One execution: closes what is there on the other side first, and opens the rest. Opening an isolated position
    /// takes `value / leverage` from the pool into the bucket; closing gives the share of the bucket and the profit
    /// back to the pool; what a bucket cannot pay, the venue absorbs. Fees are the pool's.
    pub(crate) fn trade(
        &mut self,
        leg: &Leg,
        side: Side,
        qty: Qty,
        price: Price,
        fee: Rate,
    ) -> Outcome<Applied> {
        let pool = self.pool_of(&leg.0)?;
        let change = side.signed(qty);
        let before = self.qty(leg);
        let opposite = !before.is_zero() && before.is_negative() != change.is_negative();
        let closing = if opposite { change.abs().min(before.abs()) } else { Qty::ZERO };
        let opening = change.abs().minus(closing)?;
        if closing.is_positive() {
            self.close(leg, &pool, closing, price)?;
        }
        if opening.is_positive() {
            self.open(leg, &pool, side.signed(opening), price)?;
        }
        let fee = fee.of(price.value(qty.abs())?)?;
        self.credit(&pool, fee.negated())?;
        self.totals.fees = self.totals.fees.plus(fee)?;
        Ok(Applied { fee })
    }

    fn close(&mut self, leg: &Leg, pool: &PoolId, qty: Qty, price: Price) -> Outcome<()> {
        let Some(mut held) = self.held.get(leg).cloned() else { return Ok(()) };
        let whole = qty == held.qty.abs();
        let share = |amount: Usd| -> Outcome<Usd> {
            if whole {
                return Ok(amount);
            }
            money(Usd::new(amount.get().times(qty.get())?.over(held.qty.abs().get())?)?, Round::Down)
        };
        let paid = share(held.paid)?;
        let change = if held.qty.is_negative() { qty } else { qty.negated() };
        let realised = price.value(change)?.negated().minus(paid)?;
        self.totals.realised = self.totals.realised.plus(realised)?;
        if let Some(cash) = held.bucket {
            let released = share(cash)?;
            let mut left = cash.minus(released)?;
            let returned = released.plus(realised)?;
            self.credit(pool, returned.max(Usd::ZERO))?;
            left = left.plus(returned.min(Usd::ZERO))?;
            if whole {
                self.totals.absorbed = self.totals.absorbed.minus(left)?;
                left = Usd::ZERO;
            }
            held.bucket = Some(left);
        } else {
            self.credit(pool, realised)?;
        }
        held.qty = held.qty.plus(change)?;
        held.paid = held.paid.minus(paid)?;
        if whole {
            self.held.remove(leg);
        } else {
            self.held.insert(leg.clone(), held);
        }
        Ok(())
    }

    fn open(&mut self, leg: &Leg, pool: &PoolId, change: Qty, price: Price) -> Outcome<()> {
        let market = self.market(&leg.0)?;
        let (mode, leverage) = (market.mode, market.leverage(change));
        let value = price.value(change)?;
        let fresh = Held {
            qty: Qty::ZERO,
            paid: Usd::ZERO,
            entry: Some(price),
            bucket: (mode == MarginMode::Isolated).then_some(Usd::ZERO),
            max_leverage: None,
        };
        let mut held = self.held.get(leg).cloned().unwrap_or(fresh);
        held.qty = held.qty.plus(change)?;
        held.paid = held.paid.plus(value)?;
        if held.entry.is_some() {
            held.entry = Some(Price::new(held.paid.get().over(held.qty.get())?)?);
        }
        if let Some(cash) = held.bucket {
            let margin = money(initial_margin(value, leverage)?, Round::Up)?;
            held.bucket = Some(cash.plus(margin)?);
            self.credit(pool, margin.negated())?;
        }
        self.held.insert(leg.clone(), held);
        Ok(())
    }
}

/// Decimals of an amount that is moved after a division, as venues keep balances. Whole sums of such amounts are exact,
/// so that money is neither made nor lost, in whatever order it moves.
const MONEY_PLACES: u32 = 8;

pub(crate) fn money(amount: Usd, round: Round) -> Outcome<Usd> {
    Ok(Usd::new(to_places(amount.get(), MONEY_PLACES, round))?)
}

pub(crate) fn unknown_symbol(symbol: &Symbol) -> Refusal {
    Refusal::new(ErrorKind::NotFound, format!("no symbol {symbol}"))
}
