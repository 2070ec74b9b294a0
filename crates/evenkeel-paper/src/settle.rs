//! What the venue does by itself: liquidations, and margin that shows late.

use evenkeel_types::{PoolId, Qty, Rate, Side, Symbol, Timestamp, Usd};

use crate::faults::Lag;
use crate::matching::Executed;
use crate::refusal::Outcome;
use crate::state::{Leg, State};
use crate::truth::{Cause, OrderRecord, Origin};
use crate::world::World;

/// Free margin that is there but not shown yet.
#[derive(Debug, Clone)]
pub(crate) struct Withheld {
    pool: PoolId,
    amount: Usd,
    until: Until,
}

#[derive(Debug, Clone, Copy)]
enum Until {
    Time(Timestamp),
    Reads(u32),
}

impl World {
    /// Keeps `amount` of free margin out of the snapshots for a while.
    pub(crate) fn withhold(&mut self, pool: PoolId, amount: Usd, lag: Lag) {
        let until = match lag {
            Lag::Time(time) => Until::Time(self.now.after(time)),
            Lag::Reads(reads) => Until::Reads(reads),
        };
        self.withheld.push(Withheld { pool, amount, until });
    }

    /// What is not shown of each pool in this snapshot; counts the reading.
    pub(crate) fn withheld_now(&mut self) -> Vec<(PoolId, Usd)> {
        let now = self.now;
        self.withheld.retain(|late| match late.until {
            Until::Time(time) => time > now,
            Until::Reads(reads) => reads > 0,
        });
        for late in &mut self.withheld {
            if let Until::Reads(reads) = &mut late.until {
                *reads = reads.saturating_sub(1);
            }
        }
        self.withheld.iter().map(|late| (late.pool.clone(), late.amount)).collect()
    }

    /// Closes whatever has less equity than maintenance margin: buckets one by one, pools as a whole. Full size at the
    /// mark, at once; real venues go in steps, which ends no worse for the account.
    pub(crate) fn liquidate(&mut self) {
        // A liquidation moves no price and lends nothing to another bucket, so one pass finds all; a pool can only
        // be worse off after a clearance fee of its own bucket, hence buckets first.
        let buckets: Vec<Leg> = self
            .state
            .held
            .iter()
            .filter(|(_, held)| held.bucket.is_some())
            .map(|(leg, _)| leg.clone())
            .collect();
        for leg in buckets {
            if self.bucket_is_due(&leg).unwrap_or(false) {
                self.close_out(std::slice::from_ref(&leg), None);
            }
        }
        let pools: Vec<PoolId> = self.state.pools.keys().cloned().collect();
        for pool in pools {
            if self.pool_is_due(&pool).unwrap_or(false) {
                let legs: Vec<Leg> = self.state.cross(&pool).map(|(leg, _)| leg.clone()).collect();
                self.close_out(&legs, Some(&pool));
            }
        }
    }

    fn bucket_is_due(&self, leg: &Leg) -> Outcome<bool> {
        let Some(held) = self.state.held.get(leg) else { return Ok(false) };
        let Some(equity) = self.state.bucket_equity(leg, held)? else { return Ok(false) };
        Ok(equity < self.state.maintenance(leg, held)?)
    }

    fn pool_is_due(&self, pool: &PoolId) -> Outcome<bool> {
        if self.state.cross(pool).next().is_none() {
            return Ok(false);
        }
        Ok(self.state.equity(pool)? < self.state.pool_maintenance(pool)?)
    }

    fn close_out(&mut self, legs: &[Leg], pool: Option<&PoolId>) {
        let symbols: Vec<Symbol> = match pool {
            Some(pool) => self
                .state
                .instruments
                .values()
                .filter(|i| i.pool == *pool)
                .map(|i| i.symbol.clone())
                .collect(),
            None => legs.iter().map(|leg| leg.0.clone()).collect(),
        };
        for symbol in &symbols {
            self.cancel_where(Some(symbol), |_| true);
        }
        let mut next = self.state.clone();
        let done = self.close_legs(&mut next, legs, pool);
        // Sums that do not fit were already refused when the price or the trade that led here came.
        if let Ok(executed) = done {
            self.note(format_args!("liquidation of {legs:?}"));
            self.commit(next, Cause::Liquidation);
            self.book_fills(executed);
        }
    }

    fn close_legs(
        &mut self,
        next: &mut State,
        legs: &[Leg],
        pool: Option<&PoolId>,
    ) -> Outcome<Vec<Executed>> {
        let mut executed = Vec::new();
        for leg in legs {
            let qty = next.qty(leg);
            let side = Side::closing(qty).unwrap_or(Side::Sell);
            let mark = next.market(&leg.0)?.quote.mark;
            let notional = next.notional(leg)?;
            let isolated = pool.is_none();
            // The fee comes out of what is left, never out of anything else.
            let left = match next.held.get(leg) {
                Some(held) if isolated => next.bucket_equity(leg, held)?.unwrap_or(Usd::ZERO),
                _ => next.equity(&next.pool_of(&leg.0)?)?,
            };
            let applied = next.trade(leg, side, qty.abs(), mark, Rate::ZERO)?;
            let fee = self.profile.clearance_fee.of(notional)?.min(left.max(Usd::ZERO));
            let home = next.pool_of(&leg.0)?;
            next.credit(&home, fee.negated())?;
            next.totals.clearance = next.totals.clearance.plus(fee)?;
            let record = self.record_liquidation(leg, side, qty.abs());
            executed.push(Executed { record, qty: qty.abs(), price: mark, fee: applied.fee.plus(fee)? });
        }
        if let Some(pool) = pool {
            let equity = next.equity(pool)?;
            if equity.is_negative() {
                next.credit(pool, equity.negated())?;
                next.totals.absorbed = next.totals.absorbed.minus(equity)?;
            }
        }
        Ok(executed)
    }

    fn record_liquidation(&mut self, leg: &Leg, side: Side, qty: Qty) -> usize {
        let record = OrderRecord {
            qty: Some(qty),
            reduce_only: true,
            reason: Some("liquidation".into()),
            ..self.blank(Origin::Liquidation, leg.clone(), side)
        };
        self.record(record)
    }
}
