//! An account as the formulas see it: pools and positions, real or hypothetical.

use alloc::vec::Vec;

use evenkeel_types::{
    Collateral, Leverage, MarginMode, MarginTier, PoolId, PositionMode, PositionSide, Price, Qty, Snapshot,
    Symbol, Usd,
};

use crate::error::MarginError;
use crate::figures::{initial_margin, maintenance_margin, notional, unrealised_pnl};
use crate::rules::{MarginRules, flat_tier};

/// What backs a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Backing {
    /// Its pool, together with the pool's other cross positions.
    Cross,
    /// A bucket of its own.
    Isolated {
        /// Collateral plus unrealised profit at the mark; zero while flat.
        equity: Usd,
    },
}

impl Backing {
    /// The mode.
    #[must_use]
    pub fn mode(self) -> MarginMode {
        match self {
            Backing::Cross => MarginMode::Cross,
            Backing::Isolated { .. } => MarginMode::Isolated,
        }
    }
}

/// One leg of one symbol, held or flat. A flat one carries what opening it would need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding<'a> {
    /// What.
    pub symbol: Symbol,
    /// Net in one-way mode, else the leg.
    pub side: PositionSide,
    /// The pool that backs it, or that its bucket is filled from.
    pub pool: PoolId,
    /// Signed size; zero is flat.
    pub qty: Qty,
    /// Mark price.
    pub mark: Price,
    /// Average entry, where known; never needed for margin, only to tell realised from unrealised profit.
    pub entry: Option<Price>,
    /// The leverage setting.
    pub leverage: Leverage,
    /// Cross, or the bucket.
    pub backing: Backing,
    /// The instrument's rules, by which a new position is opened.
    pub rules: MarginRules<'a>,
    /// The tier that the venue fixed for the present position, where it did; gone once that is closed.
    pub fixed_tier: Option<MarginTier>,
}

impl<'a> Holding<'a> {
    /// The rules that apply to the present position.
    #[must_use]
    pub fn present_rules(&self) -> MarginRules<'a> {
        match self.fixed_tier {
            None => self.rules,
            Some(tier) => MarginRules::fixed(tier, self.rules.liquidation_fee()),
        }
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.qty.is_zero()
    }

    /// `|q| * mark`.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn notional(&self) -> Result<Usd, MarginError> {
        notional(self.qty, self.mark)
    }

    /// `q * mark`, signed.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn value(&self) -> Result<Usd, MarginError> {
        Ok(self.mark.value(self.qty)?)
    }

    /// `N / L` at the mark and the setting.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn initial_margin(&self) -> Result<Usd, MarginError> {
        initial_margin(self.notional()?, self.leverage)
    }

    /// [`maintenance_margin`](crate::maintenance_margin) at the mark; zero while flat.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn maintenance_margin(&self) -> Result<Usd, MarginError> {
        if self.is_flat() {
            Ok(Usd::ZERO)
        } else {
            maintenance_margin(self.notional()?, &self.present_rules())
        }
    }

    /// `q * (mark - entry)`, where the entry is known.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn unrealised_pnl(&self) -> Result<Option<Usd>, MarginError> {
        self.entry.map(|entry| unrealised_pnl(self.qty, entry, self.mark)).transpose()
    }

    pub(crate) fn is_cross(&self) -> bool {
        matches!(self.backing, Backing::Cross)
    }

    pub(crate) fn key(&self) -> (&Symbol, PositionSide) {
        (&self.symbol, self.side)
    }
}

/// A cross pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub id: PoolId,
    /// What it is denominated in.
    pub collateral: Collateral,
    /// Cash plus unrealised profit of its cross positions.
    pub equity: Usd,
    /// Held back by the venue beyond the initial margin of positions: for resting orders, mostly. Constant in every
    /// hypothesis.
    pub reserved: Usd,
}

/// What a pool's cross positions add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolTotals {
    /// Cash plus unrealised profit.
    pub equity: Usd,
    /// Sum of `N / L` at the settings.
    pub initial_margin: Usd,
    /// Sum of the maintenance margins.
    pub maintenance_margin: Usd,
    /// Gross notional of the cross positions.
    pub gross: Usd,
    /// What is left for new initial margin: `equity - initial_margin - reserved`. Below zero when a hypothesis asks
    /// for more than there is.
    pub free: Usd,
}

impl PoolTotals {
    /// Whether liquidation is due: something is held, and equity is at or below maintenance. Venues differ in
    /// whether equality counts; this is the careful reading.
    #[must_use]
    pub fn is_liquidatable(&self) -> bool {
        self.gross.is_positive() && self.equity <= self.maintenance_margin
    }
}

/// Pools and positions, real ([`Account::from_snapshot`]) or hypothetical (after [`Account::shock`],
/// [`Account::apply_trades`] and the like). Every figure is computed from it alone.
///
/// Tier tables are borrowed, so a copy of an account is one allocation per list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account<'a> {
    /// Ascending by name.
    pub(crate) pools: Vec<Pool>,
    /// Ascending by symbol and side.
    pub(crate) holdings: Vec<Holding<'a>>,
}

impl<'a> Account<'a> {
    /// An account from its parts, in any order.
    ///
    /// # Errors
    /// [`MarginError::Twice`] for a pool or a leg that is given twice, [`MarginError::Unknown`] for a pool that is
    /// not there, [`MarginError::InvalidInput`] for a leg on the wrong side of zero and for legs of one symbol that
    /// differ in mark or pool.
    pub fn new(mut pools: Vec<Pool>, mut holdings: Vec<Holding<'a>>) -> Result<Self, MarginError> {
        pools.sort_by(|a, b| a.id.cmp(&b.id));
        holdings.sort_by(|a, b| a.key().cmp(&b.key()));
        for (a, b) in pools.iter().zip(pools.iter().skip(1)) {
            if a.id == b.id {
                return Err(MarginError::Twice { what: "pool", name: a.id.0.clone() });
            }
        }
        for (a, b) in holdings.iter().zip(holdings.iter().skip(1)) {
            if a.key() == b.key() {
                return Err(MarginError::Twice { what: "position", name: a.symbol.clone() });
            }
            if a.symbol == b.symbol && (a.pool != b.pool || a.mark != b.mark) {
                return Err(MarginError::InvalidInput {
                    what: "the legs of a symbol",
                    allowed: "with one mark and one pool",
                });
            }
        }
        let account = Self { pools, holdings };
        for holding in &account.holdings {
            account.pool_index(&holding.pool)?;
            check_side(holding.side, holding.qty)?;
        }
        Ok(account)
    }

    /// What is held, and every symbol that the snapshot knows well enough to open: with price, setting, instrument
    /// and pool.
    ///
    /// A pool's free margin is the smaller of the venue's own figure and `equity - initial margin`; whatever the
    /// venue holds back beyond that stays [`Pool::reserved`].
    ///
    /// # Errors
    /// [`MarginError::Snapshot`] when something about a held symbol is missing or contradicts itself,
    /// [`MarginError::Unknown`] for a pool that is not there, [`MarginError::Number`].
    pub fn from_snapshot(snapshot: &'a Snapshot) -> Result<Self, MarginError> {
        let mut holdings = Vec::with_capacity(snapshot.positions.len());
        for position in &snapshot.positions {
            let symbol = &position.symbol;
            let instrument = snapshot.instrument(symbol)?;
            let backing = match (position.mode, position.isolated) {
                (MarginMode::Cross, None) => Backing::Cross,
                (MarginMode::Isolated, Some(bucket)) => Backing::Isolated { equity: bucket.equity },
                _ => {
                    return Err(MarginError::InvalidInput {
                        what: "an isolated position's bucket",
                        allowed: "with isolated positions, and only with them",
                    });
                }
            };
            holdings.push(Holding {
                symbol: symbol.clone(),
                side: position.side,
                pool: instrument.pool.clone(),
                qty: position.qty,
                mark: snapshot.quote(symbol)?.mark,
                entry: position.entry,
                leverage: position.leverage,
                backing,
                rules: MarginRules::of(instrument),
                fixed_tier: position.max_leverage.map(flat_tier).transpose()?,
            });
        }
        add_flat(snapshot, &mut holdings);
        let pools = snapshot.pools.iter().map(|pool| Pool {
            id: pool.id.clone(),
            collateral: pool.collateral.clone(),
            equity: pool.equity,
            reserved: Usd::ZERO,
        });
        let mut account = Self::new(pools.collect(), holdings)?;
        let totals = account.pool_totals()?;
        for ((pool, totals), theirs) in account.pools.iter_mut().zip(totals).zip(sorted_free(snapshot)) {
            pool.reserved = totals.free.minus(theirs)?.max(Usd::ZERO);
        }
        Ok(account)
    }

    /// The pools, ascending by name.
    #[must_use]
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// Every leg, held or flat, ascending by symbol and side.
    #[must_use]
    pub fn holdings(&self) -> &[Holding<'a>] {
        &self.holdings
    }

    /// What is held.
    pub fn positions(&self) -> impl Iterator<Item = &Holding<'a>> {
        self.holdings.iter().filter(|holding| !holding.is_flat())
    }

    /// A leg, held or flat.
    #[must_use]
    pub fn holding(&self, symbol: &Symbol, side: PositionSide) -> Option<&Holding<'a>> {
        self.index(symbol, side).and_then(|index| self.holdings.get(index))
    }

    /// Equity of all pools and buckets.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn account_value(&self) -> Result<Usd, MarginError> {
        let buckets = self.holdings.iter().filter_map(|holding| match holding.backing {
            Backing::Isolated { equity } => Some(equity),
            Backing::Cross => None,
        });
        Ok(Usd::sum(self.pools.iter().map(|pool| pool.equity).chain(buckets))?)
    }

    /// `sum |q| * mark`.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn gross(&self) -> Result<Usd, MarginError> {
        self.positions().try_fold(Usd::ZERO, |sum, holding| Ok(sum.plus(holding.notional()?)?))
    }

    /// `sum q * mark`.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn net(&self) -> Result<Usd, MarginError> {
        self.positions().try_fold(Usd::ZERO, |sum, holding| Ok(sum.plus(holding.value()?)?))
    }

    /// Each pool's sums, in the order of [`Account::pools`]; one pass over the positions.
    ///
    /// # Errors
    /// [`MarginError::Number`].
    pub fn pool_totals(&self) -> Result<Vec<PoolTotals>, MarginError> {
        let mut totals: Vec<PoolTotals> = Vec::with_capacity(self.pools.len());
        for pool in &self.pools {
            totals.push(PoolTotals {
                equity: pool.equity,
                initial_margin: Usd::ZERO,
                maintenance_margin: Usd::ZERO,
                gross: Usd::ZERO,
                free: pool.equity.minus(pool.reserved)?,
            });
        }
        for holding in self.positions().filter(|holding| holding.is_cross()) {
            if let Some(totals) = totals.get_mut(self.pool_index(&holding.pool)?) {
                let initial = holding.initial_margin()?;
                totals.initial_margin = totals.initial_margin.plus(initial)?;
                totals.maintenance_margin = totals.maintenance_margin.plus(holding.maintenance_margin()?)?;
                totals.gross = totals.gross.plus(holding.notional()?)?;
                totals.free = totals.free.minus(initial)?;
            }
        }
        Ok(totals)
    }

    /// All legs of a symbol; empty when it is unknown.
    pub(crate) fn legs(&self, symbol: &Symbol) -> &[Holding<'a>] {
        let (from, to) = self.span(symbol);
        self.holdings.get(from..to).unwrap_or(&[])
    }

    pub(crate) fn legs_mut(&mut self, symbol: &Symbol) -> &mut [Holding<'a>] {
        let (from, to) = self.span(symbol);
        self.holdings.get_mut(from..to).unwrap_or(&mut [])
    }

    fn span(&self, symbol: &Symbol) -> (usize, usize) {
        let from = self.holdings.partition_point(|holding| holding.symbol < *symbol);
        let to = self.holdings.partition_point(|holding| holding.symbol <= *symbol);
        (from, to)
    }

    pub(crate) fn index(&self, symbol: &Symbol, side: PositionSide) -> Option<usize> {
        self.holdings.binary_search_by(|holding| holding.key().cmp(&(symbol, side))).ok()
    }

    pub(crate) fn pool_index(&self, id: &PoolId) -> Result<usize, MarginError> {
        self.pools
            .binary_search_by(|pool| pool.id.cmp(id))
            .map_err(|_| MarginError::Unknown { what: "pool", name: id.0.clone() })
    }
}

/// A long leg is not below zero, a short leg not above.
pub(crate) fn check_side(side: PositionSide, qty: Qty) -> Result<(), MarginError> {
    let fits = match side {
        PositionSide::Net => true,
        PositionSide::Long => !qty.is_negative(),
        PositionSide::Short => !qty.is_positive(),
    };
    if fits {
        Ok(())
    } else {
        Err(MarginError::InvalidInput { what: "the size of a leg", allowed: "on the leg's side of zero" })
    }
}

/// Legs that are flat but could be opened. Symbols that lack something are left out: a snapshot may list more
/// instruments than it was asked for.
fn add_flat<'a>(snapshot: &'a Snapshot, holdings: &mut Vec<Holding<'a>>) {
    holdings.sort_by(|a, b| a.key().cmp(&b.key()));
    let held = holdings.len();
    let sides: &[PositionSide] = match snapshot.position_mode {
        PositionMode::OneWay => &[PositionSide::Net],
        PositionMode::Hedge => &[PositionSide::Long, PositionSide::Short],
    };
    for (symbol, instrument) in &snapshot.instruments {
        let (Some(quote), Some(setting), Some(_)) =
            (snapshot.quotes.get(symbol), snapshot.settings.get(symbol), snapshot.pool(&instrument.pool))
        else {
            continue;
        };
        for side in sides {
            let known = holdings.get(..held).unwrap_or(&[]);
            if known.binary_search_by(|holding| holding.key().cmp(&(symbol, *side))).is_ok() {
                continue;
            }
            holdings.push(Holding {
                symbol: symbol.clone(),
                side: *side,
                pool: instrument.pool.clone(),
                qty: Qty::ZERO,
                mark: quote.mark,
                entry: None,
                leverage: match side {
                    PositionSide::Long => setting.long,
                    PositionSide::Short => setting.short,
                    // It is not known yet which side it will be: the one that needs more margin.
                    PositionSide::Net => setting.long.min(setting.short),
                },
                backing: match setting.mode {
                    MarginMode::Cross => Backing::Cross,
                    MarginMode::Isolated => Backing::Isolated { equity: Usd::ZERO },
                },
                rules: MarginRules::of(instrument),
                fixed_tier: None,
            });
        }
    }
}

/// The venue's free margin in the order of [`Account::pools`].
fn sorted_free(snapshot: &Snapshot) -> impl Iterator<Item = Usd> {
    let mut pools: Vec<_> = snapshot.pools.iter().collect();
    pools.sort_by(|a, b| a.id.cmp(&b.id));
    pools.into_iter().map(|pool| pool.free)
}
