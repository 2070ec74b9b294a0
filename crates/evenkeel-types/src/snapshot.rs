//! One venue account at one time.

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::capabilities::Capabilities;
use crate::ids::{AccountId, Collateral, Symbol, Timestamp, VenueId};
use crate::instrument::{Instrument, Instruments};
use crate::number::{NumberError, Price, Qty, Rate, Usd};
use crate::order::{OpenOrder, PositionSide};
use crate::position::{LeverageSetting, MarginMode, Position};

/// Which cross pool: one per collateral, and one per builder dex where the venue has those.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PoolId(pub Symbol);

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Money that backs cross positions together. Isolated buckets are with their positions; no pool and no bucket
/// can lend to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginPool {
    /// Its name.
    pub id: PoolId,
    /// What it is denominated in. Stable coins are taken at par with the quote currency.
    pub collateral: Collateral,
    /// Cash plus unrealised profit of its cross positions; without isolated buckets. Can be negative.
    pub equity: Usd,
    /// What new initial margin can be taken from, now: not what can be withdrawn. Zero or above.
    pub free: Usd,
    /// What may leave the venue, where it says so.
    pub withdrawable: Option<Usd>,
    /// What may be moved to another wallet of the account, where the venue says so.
    pub transferable: Option<Usd>,
}

/// Prices of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Mark price: what margin and notional are computed with.
    pub mark: Price,
    /// Best bid, where there is one.
    pub bid: Option<Price>,
    /// Best ask, where there is one.
    pub ask: Option<Price>,
}

/// The account's fee rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeRates {
    /// For orders that rest; negative is a rebate.
    pub maker: Rate,
    /// For orders that trade at once.
    pub taker: Rate,
}

/// How positions of one symbol add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)]
pub enum PositionMode {
    /// One net position per symbol.
    OneWay,
    /// A long and a short leg per symbol.
    Hedge,
}

/// Which symbols a snapshot must cover beside those that are held: their instrument, price, fee and setting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Symbols wanted even when flat.
    pub symbols: BTreeSet<Symbol>,
}

impl Scope {
    /// These symbols, and whatever is held.
    pub fn of(symbols: impl IntoIterator<Item = Symbol>) -> Self {
        Self { symbols: symbols.into_iter().collect() }
    }
}

/// One venue account at one time. Positions are always complete; everything else covers at least the positions
/// and the [`Scope`] that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Where.
    pub venue: VenueId,
    /// Whose.
    pub account: AccountId,
    /// When, by the venue's clock.
    pub as_of: Timestamp,
    /// What the venue lets one do.
    pub capabilities: Capabilities,
    /// One-way or hedge.
    pub position_mode: PositionMode,
    /// Cross pools.
    pub pools: Vec<MarginPool>,
    /// Everything held, all sizes non-zero.
    pub positions: Vec<Position>,
    /// The leverage setting of every symbol in scope, flat ones too.
    pub settings: BTreeMap<Symbol, LeverageSetting>,
    /// Prices of every symbol in scope.
    pub quotes: BTreeMap<Symbol, Quote>,
    /// Rules of every symbol in scope.
    pub instruments: Instruments,
    /// Fee rates of every symbol in scope.
    pub fees: BTreeMap<Symbol, FeeRates>,
    /// Resting and conditional orders of the whole account.
    pub open_orders: Vec<OpenOrder>,
}

/// What is wrong with a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Something that the snapshot must cover is not in it.
    #[error("{symbol}: the snapshot has no {what}")]
    Missing {
        /// Of which symbol.
        symbol: Symbol,
        /// What is missing.
        what: &'static str,
    },
    /// The same thing twice.
    #[error("{name} appears twice among the {what}")]
    Twice {
        /// What appears twice.
        name: String,
        /// In which list.
        what: &'static str,
    },
    /// A position that contradicts itself.
    #[error("{symbol}: {problem}")]
    Position {
        /// Which.
        symbol: Symbol,
        /// What is wrong, in words.
        problem: &'static str,
    },
    /// Both legs of a symbol are held.
    #[error("{symbol}: long and short are held at once; close one of them first")]
    BothSides {
        /// Which.
        symbol: Symbol,
    },
    /// Arithmetic that does not fit.
    #[error(transparent)]
    Number(#[from] NumberError),
}

impl Snapshot {
    /// Account value: equity of all pools plus that of all isolated buckets.
    ///
    /// # Errors
    /// [`NumberError::Overflow`].
    pub fn account_value(&self) -> Result<Usd, NumberError> {
        let pools = Usd::sum(self.pools.iter().map(|pool| pool.equity))?;
        let buckets = self.positions.iter().filter_map(|p| p.isolated).map(|bucket| bucket.equity);
        pools.plus(Usd::sum(buckets)?)
    }

    /// Gross exposure at mark prices: `sum |qty| * mark`.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`] when a held symbol has no price, [`NumberError::Overflow`].
    pub fn gross(&self) -> Result<Usd, SnapshotError> {
        let mut gross = Usd::ZERO;
        for position in &self.positions {
            gross = gross.plus(position.notional(self.quote(&position.symbol)?.mark)?)?;
        }
        Ok(gross)
    }

    /// The position held in a symbol. In hedge mode at most one leg is held (see [`Snapshot::validate`]).
    #[must_use]
    pub fn position(&self, symbol: &Symbol) -> Option<&Position> {
        self.positions.iter().find(|position| position.symbol == *symbol)
    }

    /// The signed size held in a symbol; zero when flat.
    #[must_use]
    pub fn qty(&self, symbol: &Symbol) -> Qty {
        self.position(symbol).map_or(Qty::ZERO, |position| position.qty)
    }

    /// Prices of a symbol.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`].
    pub fn quote(&self, symbol: &Symbol) -> Result<&Quote, SnapshotError> {
        self.quotes.get(symbol).ok_or_else(|| missing(symbol, "price"))
    }

    /// Rules of a symbol.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`].
    pub fn instrument(&self, symbol: &Symbol) -> Result<&Instrument, SnapshotError> {
        self.instruments.get(symbol).ok_or_else(|| missing(symbol, "instrument"))
    }

    /// Leverage setting of a symbol.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`].
    pub fn setting(&self, symbol: &Symbol) -> Result<&LeverageSetting, SnapshotError> {
        self.settings.get(symbol).ok_or_else(|| missing(symbol, "leverage setting"))
    }

    /// Fee rates of a symbol.
    ///
    /// # Errors
    /// [`SnapshotError::Missing`].
    pub fn fee(&self, symbol: &Symbol) -> Result<&FeeRates, SnapshotError> {
        self.fees.get(symbol).ok_or_else(|| missing(symbol, "fee rate"))
    }

    /// A pool by name.
    #[must_use]
    pub fn pool(&self, id: &PoolId) -> Option<&MarginPool> {
        self.pools.iter().find(|pool| pool.id == *id)
    }

    /// The same snapshot with its lists in one order: pools by name, positions by symbol and side, orders by symbol
    /// and id. Sums over many digits depend on their order in the last one; what is hashed must not.
    #[must_use]
    pub fn in_order(&self) -> Cow<'_, Self> {
        let position = |p: &Position| (p.symbol.clone(), p.side);
        let order = |o: &OpenOrder| (o.symbol.clone(), o.venue_order_id.clone());
        let sorted = self.pools.is_sorted_by_key(|pool| &pool.id)
            && self.positions.is_sorted_by_key(position)
            && self.open_orders.is_sorted_by_key(order);
        if sorted {
            return Cow::Borrowed(self);
        }
        let mut ordered = self.clone();
        ordered.pools.sort_by(|a, b| a.id.cmp(&b.id));
        ordered.positions.sort_by_key(position);
        ordered.open_orders.sort_by_key(order);
        Cow::Owned(ordered)
    }

    /// Checks what every user of a snapshot relies on: held and scoped symbols have instrument, price, fee and
    /// setting; nothing appears twice; buckets are exactly with the isolated positions; a position's mode and
    /// leverage agree with its symbol's setting; at most one leg per symbol is held.
    ///
    /// # Errors
    /// The first [`SnapshotError`] found.
    pub fn validate(&self, scope: &Scope) -> Result<(), SnapshotError> {
        let mut pools = BTreeSet::new();
        for pool in &self.pools {
            if !pools.insert(&pool.id) {
                return Err(SnapshotError::Twice { name: alloc::format!("{}", pool.id), what: "pools" });
            }
        }
        let mut held = BTreeSet::new();
        for position in &self.positions {
            let symbol = &position.symbol;
            if !held.insert(symbol) {
                let both = self.position_mode == PositionMode::Hedge
                    && self.positions.iter().any(|p| p.symbol == *symbol && p.side != position.side);
                return Err(if both {
                    SnapshotError::BothSides { symbol: symbol.clone() }
                } else {
                    SnapshotError::Twice { name: alloc::format!("{symbol}"), what: "positions" }
                });
            }
            self.validate_position(position)?;
        }
        for symbol in held.into_iter().chain(&scope.symbols) {
            let instrument = self.instrument(symbol)?;
            if !pools.contains(&instrument.pool) {
                return Err(missing(symbol, "margin pool"));
            }
            self.quote(symbol)?;
            self.fee(symbol)?;
            self.setting(symbol)?;
        }
        self.account_value()?;
        self.gross()?;
        Ok(())
    }

    fn validate_position(&self, position: &Position) -> Result<(), SnapshotError> {
        let problem = |problem| SnapshotError::Position { symbol: position.symbol.clone(), problem };
        let leg = match position.side {
            PositionSide::Net => self.position_mode == PositionMode::OneWay,
            PositionSide::Long => self.position_mode == PositionMode::Hedge && position.qty.is_positive(),
            PositionSide::Short => self.position_mode == PositionMode::Hedge && position.qty.is_negative(),
        };
        let setting = self.setting(&position.symbol)?;
        if position.qty.is_zero() {
            Err(problem("a position of size zero"))
        } else if !leg {
            Err(problem("the position's side does not fit the account's position mode"))
        } else if (position.mode == MarginMode::Isolated) != position.isolated.is_some() {
            Err(problem("an isolated position needs its bucket, a cross position has none"))
        } else if setting.mode != position.mode || setting.of(position.qty) != position.leverage {
            Err(problem("the position's leverage or margin mode differs from the symbol's setting"))
        } else {
            Ok(())
        }
    }
}

fn missing(symbol: &Symbol, what: &'static str) -> SnapshotError {
    SnapshotError::Missing { symbol: symbol.clone(), what }
}
