//! What can be read.

use std::collections::BTreeSet;

use evenkeel_exchange::{Error, ErrorKind, FundingRate, Operation, Result};
use evenkeel_types::{
    ClientOrderId, FeeRates, Fill, Instruments, IsolatedMargin, LeverageSetting, MarginMode, MarginPool,
    OpenOrder, OrderState, PoolId, Position, Scope, Snapshot, Symbol, Timestamp, Usd,
};

use crate::faults::{Fate, StaleTime, Verdict};
use crate::refusal::Outcome;
use crate::state::{State, unknown_symbol};
use crate::truth::OrderRecord;
use crate::world::World;

impl World {
    /// See [`Observe::server_time`](evenkeel_exchange::Observe::server_time).
    ///
    /// # Errors
    /// Only injected ones.
    pub fn server_time(&mut self) -> Result<Timestamp> {
        self.read(Operation::ServerTime, None, |world, _, _| Ok(world.now))
    }

    /// See [`Observe::instruments`](evenkeel_exchange::Observe::instruments).
    ///
    /// # Errors
    /// Only injected ones.
    pub fn instruments(&mut self) -> Result<Instruments> {
        self.read(Operation::Instruments, None, |_, state, _| Ok((*state.instruments).clone()))
    }

    /// See [`Observe::snapshot`](evenkeel_exchange::Observe::snapshot).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a symbol in scope that does not exist, and injected ones.
    pub fn snapshot(&mut self, scope: &Scope) -> Result<Snapshot> {
        let withheld = self.withheld_now();
        self.read(Operation::Snapshot, None, |world, state, as_of| world.show(state, scope, as_of, &withheld))
    }

    /// The account as it is, without faults and without passing for a reading.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a symbol in scope that does not exist.
    pub fn peek(&self, scope: &Scope) -> Result<Snapshot> {
        self.show(&self.state, scope, self.now, &[])
            .map_err(|refusal| refusal.into_error(self.venue.clone(), Operation::Snapshot))
    }

    /// See [`Observe::leverage`](evenkeel_exchange::Observe::leverage).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and injected ones.
    pub fn leverage(&mut self, symbol: &Symbol) -> Result<LeverageSetting> {
        self.read(Operation::Leverage, Some(symbol), |_, state, read_at| setting(state, symbol, read_at))
    }

    /// See [`Observe::order`](evenkeel_exchange::Observe::order).
    ///
    /// # Errors
    /// Only injected ones.
    pub fn order(&mut self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>> {
        let Verdict { fate, hidden, .. } = self.arrive(Operation::Order, Some(symbol));
        self.answers(Operation::Order, &fate)?;
        let found = self.by_id.get(id).and_then(|index| self.records.get(*index));
        let found = found
            .filter(|record| !hidden && record.symbol == *symbol)
            .filter(|record| record.visible_from.is_some_and(|from| from <= self.now))
            .and_then(OrderRecord::state);
        self.note(format_args!("asked for {id}: {:?}", found.as_ref().map(|order| order.status)));
        Ok(found)
    }

    /// See [`Observe::fills`](evenkeel_exchange::Observe::fills).
    ///
    /// # Errors
    /// Only injected ones.
    pub fn fills(&mut self, symbol: &Symbol, since: Timestamp) -> Result<Vec<Fill>> {
        self.read(Operation::Fills, Some(symbol), |world, _, _| {
            let wanted = |fill: &&Fill| fill.symbol == *symbol && fill.time >= since;
            Ok(world.fills.iter().filter(wanted).cloned().collect())
        })
    }

    /// See [`Observe::funding`](evenkeel_exchange::Observe::funding).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and injected ones.
    pub fn funding(&mut self, symbol: &Symbol) -> Result<FundingRate> {
        self.read(Operation::Funding, Some(symbol), |world, _, _| {
            let market = world.state.market(symbol)?;
            Ok(FundingRate {
                symbol: symbol.clone(),
                rate: market.funding,
                interval: market.interval,
                next: market.next_funding,
            })
        })
    }

    /// See [`Observe::fees`](evenkeel_exchange::Observe::fees).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and injected ones.
    pub fn fees(&mut self, symbol: &Symbol) -> Result<FeeRates> {
        self.read(Operation::Fees, Some(symbol), |_, state, _| Ok(state.market(symbol)?.fees))
    }

    fn read<T>(
        &mut self,
        operation: Operation,
        symbol: Option<&Symbol>,
        answer: impl FnOnce(&Self, &State, Timestamp) -> Outcome<T>,
    ) -> Result<T> {
        let Verdict { fate, stale, .. } = self.arrive(operation, symbol);
        self.answers(operation, &fate)?;
        let (state, time) = match stale.filter(|(changes, _)| *changes > 0 && !self.past.is_empty()) {
            None => (&self.state, self.now),
            Some((changes, time)) => {
                let index = changes.min(self.past.len()).saturating_sub(1);
                let state = self.past.get(index).unwrap_or(&self.state);
                (state, if time == StaleTime::Honest { state.since } else { self.now })
            }
        };
        let answer =
            answer(self, state, time).map_err(|refusal| refusal.into_error(self.venue.clone(), operation));
        let verdict = if answer.is_ok() { "ok" } else { "error" };
        let old = if stale.is_some() { " (stale)" } else { "" };
        self.note(format_args!("{}{old}: {verdict}", operation.as_str()));
        answer
    }

    /// Whether a reading gets its answer. A read that is lost either way is the same to everybody.
    fn answers(&self, operation: Operation, fate: &Fate) -> Result<()> {
        let venue = self.venue.clone();
        match fate {
            Fate::Normal | Fate::Ignore => Ok(()),
            Fate::Refuse(kind, wait) => {
                let error = Error::not_applied(*kind, venue, operation, "refused (injected)");
                Err(match wait {
                    Some(wait) => error.with_retry_after(*wait),
                    None => error,
                })
            }
            Fate::LoseRequest | Fate::LoseAnswer | Fate::Delay(_) => {
                Err(Error::unknown(ErrorKind::Timeout, venue, operation, "no answer in time (injected)"))
            }
        }
    }

    fn show(
        &self,
        state: &State,
        scope: &Scope,
        as_of: Timestamp,
        withheld: &[(PoolId, Usd)],
    ) -> Outcome<Snapshot> {
        let held: BTreeSet<&Symbol> = state.held.keys().map(|leg| &leg.0).collect();
        let symbols: BTreeSet<&Symbol> = held.into_iter().chain(&scope.symbols).collect();
        let mut snapshot = Snapshot {
            venue: self.venue.clone(),
            account: self.account.clone(),
            as_of,
            capabilities: self.profile.capabilities.clone(),
            position_mode: self.position_mode,
            pools: show_pools(state, withheld)?,
            positions: show_positions(state)?,
            settings: std::collections::BTreeMap::new(),
            quotes: std::collections::BTreeMap::new(),
            instruments: Instruments::new(),
            fees: std::collections::BTreeMap::new(),
            open_orders: show_orders(state),
        };
        for symbol in symbols {
            let market = state.market(symbol)?;
            snapshot.settings.insert(symbol.clone(), setting(state, symbol, as_of)?);
            snapshot.quotes.insert(symbol.clone(), market.quote);
            snapshot.instruments.insert(symbol.clone(), state.instrument(symbol)?.clone());
            snapshot.fees.insert(symbol.clone(), market.fees);
        }
        Ok(snapshot)
    }
}

fn setting(state: &State, symbol: &Symbol, read_at: Timestamp) -> Outcome<LeverageSetting> {
    let market = state.markets.get(symbol).ok_or_else(|| unknown_symbol(symbol))?;
    Ok(LeverageSetting {
        symbol: symbol.clone(),
        long: market.long,
        short: market.short,
        mode: market.mode,
        read_at,
    })
}

fn show_pools(state: &State, withheld: &[(PoolId, Usd)]) -> Outcome<Vec<MarginPool>> {
    let show = |(id, pool): (&PoolId, &crate::state::Pool)| -> Outcome<MarginPool> {
        let late = Usd::sum(withheld.iter().filter(|(of, _)| of == id).map(|(_, amount)| *amount))?;
        let free = state.free(id)?.minus(late)?.max(Usd::ZERO);
        let below = |difference: Option<Usd>| -> Outcome<Option<Usd>> {
            difference.map(|amount| Ok(free.minus(amount)?.max(Usd::ZERO))).transpose()
        };
        let [withdrawable, transferable] = pool.below_free;
        Ok(MarginPool {
            id: id.clone(),
            collateral: pool.collateral.clone(),
            equity: state.equity(id)?,
            free,
            withdrawable: below(withdrawable)?,
            transferable: below(transferable)?,
        })
    };
    state.pools.iter().map(show).collect()
}

fn show_positions(state: &State) -> Outcome<Vec<Position>> {
    let mut positions = Vec::with_capacity(state.held.len());
    for (leg, held) in &state.held {
        let market = state.market(&leg.0)?;
        let equity = state.bucket_equity(leg, held)?;
        positions.push(Position {
            symbol: leg.0.clone(),
            side: leg.1,
            qty: held.qty,
            entry: held.entry,
            mode: if equity.is_some() { MarginMode::Isolated } else { MarginMode::Cross },
            leverage: market.leverage(held.qty),
            isolated: equity.map(|equity| IsolatedMargin { equity }),
            max_leverage: held.max_leverage,
            // A price beyond what numbers hold (a speck of a position on a mountain of cash) is never reached.
            liquidation_price: state.liquidation_price(leg, held).unwrap_or(None),
        });
    }
    Ok(positions)
}

fn show_orders(state: &State) -> Vec<OpenOrder> {
    let show = |order: &crate::state::Resting| OpenOrder {
        id: order.id,
        venue_order_id: order.venue_order_id.clone(),
        symbol: order.symbol.clone(),
        side: order.side,
        position_side: order.leg,
        remaining: order.remaining,
        limit: order.limit,
        trigger: order.trigger,
        reduce_only: order.reduce_only,
        kind: order.kind,
    };
    state.book.values().map(show).collect()
}
