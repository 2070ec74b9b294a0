//! What a move of prices does to an account, and which move is the first to liquidate something.

use alloc::vec::Vec;
use core::mem;

use evenkeel_types::{Decimal, Exact, PoolId, PositionSide, Price, Symbol, Usd};

use crate::account::{Account, Backing, Holding};
use crate::error::MarginError;
use crate::figures::{distance_to_liquidation, price_at_distance};
use crate::liquidation::{Together, cash_leg, liquidation_price};

/// What is liquidated as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum Bucket {
    /// A pool with all its cross positions.
    Pool(PoolId),
    /// One isolated position.
    Isolated {
        /// Of which symbol.
        symbol: Symbol,
        /// Which leg.
        side: PositionSide,
    },
}

/// The moves, common to all marks, that liquidate one bucket. Zero when liquidation is due already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniformMove {
    /// What is liquidated.
    pub bucket: Bucket,
    /// The fall that does it, as a fraction at or below zero; `None` where not even a fall to zero does.
    pub down: Option<Decimal>,
    /// The rise that does it, as a fraction at or above zero; `None` where no rise does.
    pub up: Option<Decimal>,
}

/// The moves of every bucket that holds something: pools first, then isolated positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniformMoves(pub Vec<UniformMove>);

impl UniformMoves {
    /// What goes first when all prices fall together.
    #[must_use]
    pub fn first_down(&self) -> Option<&UniformMove> {
        self.0.iter().filter(|m| m.down.is_some()).reduce(|a, b| if b.down > a.down { b } else { a })
    }

    /// What goes first when all prices rise together.
    #[must_use]
    pub fn first_up(&self) -> Option<&UniformMove> {
        self.0.iter().filter(|m| m.up.is_some()).reduce(|a, b| if b.up < a.up { b } else { a })
    }
}

impl<'a> Account<'a> {
    /// Sets a symbol's mark; equity follows: `q * (new - old)` goes to the pool or the bucket.
    ///
    /// # Errors
    /// [`MarginError::Unknown`], [`MarginError::Number`]; the account is unchanged then.
    pub fn set_mark(&mut self, symbol: &Symbol, mark: Price) -> Result<(), MarginError> {
        let mut legs: Vec<Holding<'a>> = self.legs_mut(symbol).to_vec();
        let unknown = || MarginError::Unknown { what: "position", name: symbol.clone() };
        // All legs of a symbol have one pool.
        let pool = self.pool_index(&legs.first().ok_or_else(unknown)?.pool)?;
        let mut gain = Usd::ZERO;
        for leg in &mut legs {
            gain = gain.plus(reprice(leg, mark)?.unwrap_or(Usd::ZERO))?;
        }
        if let Some(pool) = self.pools.get_mut(pool) {
            pool.equity = pool.equity.plus(gain)?;
        }
        for (place, leg) in self.legs_mut(symbol).iter_mut().zip(&mut legs) {
            mem::swap(place, leg);
        }
        Ok(())
    }

    /// The account after every mark has moved by the same fraction: -0.1 is a fall of 10 %.
    ///
    /// # Errors
    /// [`MarginError::InvalidInput`] for a fall of 100 % or more, [`MarginError::Number`].
    pub fn shock(&self, fraction: Decimal) -> Result<Self, MarginError> {
        self.shock_each(|_| fraction)
    }

    /// The account after each symbol's mark has moved by its own fraction.
    ///
    /// # Errors
    /// As [`Account::shock`].
    ///
    /// ```
    /// # fn show(account: &evenkeel_margin::Account<'_>) -> Result<(), evenkeel_margin::MarginError> {
    /// use evenkeel_types::Decimal;
    /// let half = Decimal::new(-5, 1);
    /// let after = account.shock_each(|symbol| if symbol.as_str() == "SOL" { half } else { Decimal::ZERO })?;
    /// # let _ = after;
    /// # Ok(())
    /// # }
    /// ```
    pub fn shock_each(&self, fraction: impl Fn(&Symbol) -> Decimal) -> Result<Self, MarginError> {
        let mut after = self.clone();
        for holding in &mut after.holdings {
            let fraction = fraction(&holding.symbol);
            if fraction <= Decimal::NEGATIVE_ONE {
                return Err(MarginError::InvalidInput { what: "a price move", allowed: "above -1 (-100 %)" });
            }
            if fraction.is_zero() {
                continue;
            }
            let index = self.pool_index(&holding.pool)?;
            if let (Some(gain), Some(pool)) =
                (reprice(holding, price_at_distance(holding.mark, fraction)?)?, after.pools.get_mut(index))
            {
                pool.equity = pool.equity.plus(gain)?;
            }
        }
        Ok(after)
    }

    /// For every pool and isolated position: the smallest common move of all marks that liquidates it, both ways.
    ///
    /// Pools are exact under a common move: with `t` = 1 + move, equity is `equity - net + t * net`, and every
    /// notional, hence every tier, moves with `t`.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn uniform_moves(&self) -> Result<UniformMoves, MarginError> {
        let mut moves = Vec::new();
        for pool in &self.pools {
            let held = || self.positions().filter(|h| h.is_cross() && h.pool == pool.id);
            let mut legs = Vec::new();
            let mut cash = pool.equity;
            for holding in held() {
                let value = holding.value()?;
                cash = cash.minus(value)?;
                legs.push((value.get(), holding.present_rules()));
            }
            if !legs.is_empty() {
                let together = Together { cash: cash.get(), legs: legs.iter().copied() };
                let (down, up) = if together.at(Decimal::ONE)? <= Decimal::ZERO {
                    (Some(Decimal::ZERO), Some(Decimal::ZERO))
                } else {
                    together.range()?.map_or(Ok((Some(Decimal::ZERO), Some(Decimal::ZERO))), around_one)?
                };
                moves.push(UniformMove { bucket: Bucket::Pool(pool.id.clone()), down, up });
            }
        }
        for holding in self.positions() {
            if let Backing::Isolated { equity } = holding.backing {
                let (down, up) = isolated_moves(holding, equity)?;
                let bucket = Bucket::Isolated { symbol: holding.symbol.clone(), side: holding.side };
                moves.push(UniformMove { bucket, down, up });
            }
        }
        Ok(UniformMoves(moves))
    }
}

type Both = (Option<Decimal>, Option<Decimal>);

fn around_one((lower, upper): Both) -> Result<Both, MarginError> {
    let from_one = |t: Option<Decimal>| t.map(|t| t.minus(Decimal::ONE)).transpose();
    Ok((
        from_one(lower)?.map(|down| down.min(Decimal::ZERO)),
        from_one(upper)?.map(|up| up.max(Decimal::ZERO)),
    ))
}

fn isolated_moves(holding: &Holding<'_>, equity: Usd) -> Result<Both, MarginError> {
    if equity <= holding.maintenance_margin()? {
        return Ok((Some(Decimal::ZERO), Some(Decimal::ZERO)));
    }
    let cash = cash_leg(equity, holding.qty, holding.mark)?;
    let price = liquidation_price(holding.qty, cash, &holding.present_rules())?;
    let distance = price.map(|price| distance_to_liquidation(holding.mark, price)).transpose()?;
    Ok(if holding.qty.is_negative() {
        (None, distance.map(|up| up.max(Decimal::ZERO)))
    } else {
        (distance.map(|down| down.min(Decimal::ZERO)), None)
    })
}

/// Moves the mark and the bucket; what belongs to the pool is returned.
fn reprice(holding: &mut Holding<'_>, mark: Price) -> Result<Option<Usd>, MarginError> {
    let gain = mark.value(holding.qty)?.minus(holding.value()?)?;
    let mut ours = None;
    match &mut holding.backing {
        Backing::Cross => ours = Some(gain),
        Backing::Isolated { equity } => *equity = equity.plus(gain)?,
    }
    holding.mark = mark;
    Ok(ours)
}
