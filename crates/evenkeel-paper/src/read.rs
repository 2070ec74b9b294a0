//! What can be read.

use std::collections::BTreeSet;
use std::slice::from_ref;

use evenkeel_exchange::{Error, ErrorKind, FundingPayment, FundingRate, Operation, Result};
use evenkeel_types::{
    ClientOrderId, FeeRates, Fill, Instruments, IsolatedMargin, LeverageSetting, MarginMode, MarginPool,
    OpenOrder, OrderState, PoolId, Position, Quote, Scope, Snapshot, Symbol, Timestamp, Usd,
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
        self.read(Operation::ServerTime, &[], |world, _, _| Ok(world.now))
    }

    /// See [`Observe::instruments`](evenkeel_exchange::Observe::instruments).
    ///
    /// # Errors
    /// Only injected ones.
    pub fn instruments(&mut self) -> Result<Instruments> {
        self.read(Operation::Instruments, &[], |_, state, _| Ok((*state.instruments).clone()))
    }

    /// See [`Observe::snapshot`](evenkeel_exchange::Observe::snapshot).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a symbol in scope that does not exist, and injected ones.
    pub fn snapshot(&mut self, scope: &Scope) -> Result<Snapshot> {
        let withheld = self.withheld_now();
        self.read(Operation::Snapshot, &[], |world, state, as_of| world.show(state, scope, as_of, &withheld))
    }

    /// The account as it is, without faults and without passing for a reading.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a symbol in scope that does not exist.
    pub fn peek(&self, scope: &Scope) -> Result<Snapshot> {
        self.show(&self.state, scope, self.now, &[])
            .map_err(|refusal| refusal.into_error(self.venue.clone(), Operation::Snapshot))
    }

    /// See [`Observe::leverages`](evenkeel_exchange::Observe::leverages). One call, whatever the number of symbols: a
    /// fault strikes all of them or none.
    pub fn leverages(&mut self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        self.read_each(Operation::Leverage, symbols, setting)
    }

    /// [`World::leverages`] of one symbol.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and injected ones.
    pub fn leverage(&mut self, symbol: &Symbol) -> Result<LeverageSetting> {
        self.read(Operation::Leverage, from_ref(symbol), |_, state, read_at| setting(state, symbol, read_at))
    }

    /// See [`Observe::order`](evenkeel_exchange::Observe::order).
    ///
    /// # Errors
    /// Only injected ones.
    pub fn order(&mut self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>> {
        let found = self.find(Operation::Order, symbol, id)?.as_ref().and_then(OrderRecord::state);
        self.note(format_args!("asked for {id}: {:?}", found.as_ref().map(|order| order.status)));
        Ok(found)
    }

    /// [`World::fills_of`] one symbol.
    ///
    /// # Errors
    /// Only injected ones.
    pub fn fills(&mut self, symbol: &Symbol, since: Timestamp) -> Result<Vec<Fill>> {
        self.fills_of(from_ref(symbol), since)
    }

    /// See [`Observe::fills`](evenkeel_exchange::Observe::fills). One call, whatever the number of symbols.
    ///
    /// # Errors
    /// Only injected ones.
    pub fn fills_of(&mut self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>> {
        self.read(Operation::Fills, symbols, |world, _, _| {
            let wanted = |fill: &&Fill| symbols.contains(&fill.symbol) && fill.time >= since;
            Ok(world.fills.iter().filter(wanted).cloned().collect())
        })
    }

    /// See [`Observe::funding`](evenkeel_exchange::Observe::funding).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], and injected ones.
    pub fn funding(&mut self, symbol: &Symbol) -> Result<FundingRate> {
        self.read(Operation::Funding, from_ref(symbol), |world, _, _| {
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
        self.read(Operation::Fees, from_ref(symbol), |_, state, _| Ok(state.market(symbol)?.fees))
    }

    /// See [`Quotes::quotes`](evenkeel_exchange::Quotes::quotes). One call, whatever the number of symbols.
    pub fn quotes(&mut self, symbols: &[Symbol]) -> Vec<Result<Quote>> {
        self.read_each(Operation::Quotes, symbols, |state, symbol, _| Ok(state.market(symbol)?.quote))
    }

    /// See [`FundingPayments::funding_payments`](evenkeel_exchange::FundingPayments::funding_payments). One payment
    /// per position, so in hedge mode one per leg.
    ///
    /// # Errors
    /// Only injected ones.
    pub fn funding_payments(&mut self, since: Timestamp) -> Result<Vec<FundingPayment>> {
        self.read(Operation::FundingPayments, &[], |world, _, _| {
            Ok(world.payments.iter().filter(|payment| payment.time >= since).cloned().collect())
        })
    }

    fn read<T>(
        &mut self,
        operation: Operation,
        symbols: &[Symbol],
        answer: impl FnOnce(&Self, &State, Timestamp) -> Outcome<T>,
    ) -> Result<T> {
        let Verdict { fate, stale, .. } = self.arrive(operation, symbols);
        self.answers(operation, &fate)?;
        let (state, time) = match stale.filter(|(changes, _)| *changes > 0 && !self.past.is_empty()) {
            None => (&self.state, self.now),
            Some((changes, time)) => {
                let index = changes.min(self.past.len()).saturating_sub(1);
                let state = self.past.get(index).map_or(&self.state, AsRef::as_ref);
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

    /// One call that answers each symbol by itself.
    fn read_each<T>(
        &mut self,
        operation: Operation,
        symbols: &[Symbol],
        answer: impl Fn(&State, &Symbol, Timestamp) -> Outcome<T>,
    ) -> Vec<Result<T>> {
        if symbols.is_empty() {
            return Vec::new();
        }
        let all = self.read(operation, symbols, |_, state, read_at| {
            Ok(symbols.iter().map(|symbol| answer(state, symbol, read_at)).collect::<Vec<_>>())
        });
        let venue = &self.venue;
        match all {
            Ok(answers) => answers
                .into_iter()
                .map(|answer| answer.map_err(|refusal| refusal.into_error(venue.clone(), operation)))
                .collect(),
            Err(error) => symbols.iter().map(|_| Err(again(&error))).collect(),
        }
    }

    /// Whether a reading gets its answer. A read that is lost either way is the same to everybody.
    pub(crate) fn answers(&self, operation: Operation, fate: &Fate) -> Result<()> {
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

/// The same error once more: one call failed for all symbols that it asked about.
fn again(error: &Error) -> Error {
    let copy = Error::not_applied(error.kind(), error.venue().clone(), error.operation(), error.message());
    match error.retry_after() {
        Some(wait) => copy.with_retry_after(wait),
        None => copy,
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
