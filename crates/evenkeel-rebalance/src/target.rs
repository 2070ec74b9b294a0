//! What the user wants, and the same in fixed amounts.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};

use evenkeel_types::{
    AccountId, Decimal, Exact, IdError, Leverage, MarginMode, NumberError, Qty, Scope, Snapshot,
    SnapshotError, Symbol, Timestamp, Usd, VenueId, Weight, decimal_text,
};
use serde::{Deserialize, Serialize};

/// How far the weights may miss 1 before they are refused; within it they are normalised. A hundredth of a
/// percent point is what hand-rounded percentages miss, and far below a wrong weight.
pub const WEIGHT_TOLERANCE: Decimal = Decimal::from_parts(1, 0, 0, false, 4);

/// How much gross exposure the weights are shares of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gross {
    /// As much as is held when the run starts.
    Preserve,
    /// This multiple of the account value.
    Leverage(#[serde(with = "decimal_text")] Decimal),
    /// This amount.
    Notional(Usd),
}

/// What happens to positions that the target does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::exhaustive_enums)]
pub enum Rest {
    /// They are closed.
    Close,
    /// They are kept, count in full against every cap, and stand outside the gross.
    Keep,
}

/// What the user wants: signed weights, a leverage, how much gross, a margin mode, and what to do with the rest.
///
/// ```
/// use evenkeel_rebalance::{Gross, Target};
/// use evenkeel_types::Leverage;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let target = Target::percent([("SOL", "50"), ("BTC", "-30"), ("cash", "20")])?
///     .leverage(Leverage::new(2)?)
///     .leverage_of("BTC", Leverage::new(3)?)?
///     .gross(Gross::Leverage(1.into()));
/// assert_eq!(target.weight("BTC").map(|w| w.to_string()).as_deref(), Some("-0.3"));
/// let error = Target::percent([("SOL", "50"), ("BTC", "40")]).unwrap_err();
/// assert!(error.to_string().contains("sum to 90"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    weights: BTreeMap<Symbol, Weight>,
    leverage: Leverage,
    leverages: BTreeMap<Symbol, Leverage>,
    mode: Option<MarginMode>,
    modes: BTreeMap<Symbol, MarginMode>,
    gross: Gross,
    rest: Rest,
}

/// Weights that still need their leverage: there is no honest default for one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a target needs its leverage: call `.leverage(..)`"]
pub struct Weights(BTreeMap<Symbol, Weight>);

/// Why a target was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// No weight, or only cash.
    #[error("target: names no symbol; give at least one weight such as SOL=50")]
    Empty,
    /// A symbol named twice.
    #[error("target: {symbol} is named twice; give each symbol one weight")]
    Twice {
        /// Which.
        symbol: Symbol,
    },
    /// The sizes of the weights do not sum to the whole.
    #[error(
        "target: the weights sum to {sum_percent} %, they must sum to 100 % (a short counts with its size; name the unused share as cash)"
    )]
    Sum {
        /// What they sum to, in percent.
        sum_percent: Decimal,
    },
    /// Cash cannot be short.
    #[error("target: cash is {weight}, it must be zero or above")]
    NegativeCash {
        /// The weight given.
        weight: Weight,
    },
    /// A weight that is no number or out of range.
    #[error("target: weight of {symbol}: {source}")]
    Weight {
        /// Of which symbol.
        symbol: String,
        /// What was wrong.
        source: NumberError,
    },
    /// A symbol that cannot be one.
    #[error("target: {0}")]
    Symbol(#[from] IdError),
    /// A leverage or mode given for a symbol that the target does not name.
    #[error("target: {symbol} has a {what} of its own but no weight")]
    NotNamed {
        /// Which.
        symbol: Symbol,
        /// What was given.
        what: &'static str,
    },
    /// A gross that is not above zero.
    #[error("gross: {value} is not allowed; it must be above zero")]
    Gross {
        /// What was given.
        value: Decimal,
    },
    /// There is nothing to preserve.
    #[error(
        "gross: the account holds nothing, so there is no gross to preserve; give one such as x1.5 or usd:800"
    )]
    NothingToPreserve,
    /// The account cannot carry anything.
    #[error("account value: {value} is not above zero; nothing can be planned for this account")]
    NoEquity {
        /// The account value.
        value: Usd,
    },
    /// A symbol that the venue does not have.
    #[error("target: unknown symbol {symbol}; {venue} has no such instrument")]
    UnknownSymbol {
        /// Which.
        symbol: Symbol,
        /// Where.
        venue: VenueId,
    },
    /// A leverage above the instrument's maximum.
    #[error("leverage: {symbol} allows at most {max}x, not {leverage}x")]
    LeverageTooHigh {
        /// For which symbol.
        symbol: Symbol,
        /// What was asked.
        leverage: Leverage,
        /// What is allowed.
        max: Leverage,
    },
    /// A leverage that the venue's granularity does not have.
    #[error("leverage: {leverage}x is not a multiple of {step}, the leverage step of {symbol}")]
    LeverageStep {
        /// For which symbol.
        symbol: Symbol,
        /// What was asked.
        leverage: Leverage,
        /// The step.
        step: Decimal,
    },
    /// The snapshot does not carry what is needed.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Arithmetic that does not fit.
    #[error(transparent)]
    Number(#[from] NumberError),
}

impl Weights {
    /// The leverage of every named symbol that has none of its own.
    #[must_use]
    pub fn leverage(self, leverage: Leverage) -> Target {
        Target {
            weights: self.0,
            leverage,
            leverages: BTreeMap::new(),
            mode: None,
            modes: BTreeMap::new(),
            gross: Gross::Preserve,
            rest: Rest::Close,
        }
    }
}

impl Target {
    /// From signed fractions: 0.5 is half, -0.25 a quarter short. Their sizes, with a share named `cash`, must
    /// sum to 1 within [`WEIGHT_TOLERANCE`].
    ///
    /// # Errors
    /// [`TargetError`] naming the symbol, or the sum.
    pub fn weights<S: AsRef<str>, W: Into<Decimal>>(
        weights: impl IntoIterator<Item = (S, W)>,
    ) -> Result<Weights, TargetError> {
        Self::checked(weights.into_iter().map(|(symbol, weight)| (symbol, Ok(weight.into()))))
    }

    /// From percent as text: `("SOL", "50")`.
    ///
    /// # Errors
    /// [`TargetError`] naming the symbol, or the sum.
    pub fn percent<S: AsRef<str>, T: AsRef<str>>(
        weights: impl IntoIterator<Item = (S, T)>,
    ) -> Result<Weights, TargetError> {
        Self::checked(weights.into_iter().map(|(symbol, text)| {
            let fraction = evenkeel_types::parse_decimal("weight", text.as_ref().trim())
                .and_then(|percent| percent.over(Decimal::ONE_HUNDRED));
            (symbol, fraction)
        }))
    }

    fn checked<S: AsRef<str>>(
        weights: impl Iterator<Item = (S, Result<Decimal, NumberError>)>,
    ) -> Result<Weights, TargetError> {
        let mut named = BTreeMap::new();
        let mut cash = None;
        let mut sum = Decimal::ZERO;
        for (name, fraction) in weights {
            let name = name.as_ref().trim();
            // A single weight may miss 1 by the tolerance too; normalising then makes it 1.
            let within = |fraction: Decimal| {
                let most = Decimal::ONE.plus(WEIGHT_TOLERANCE)?;
                let whole = fraction.abs() > Decimal::ONE && fraction.abs() <= most;
                let one = if fraction.is_sign_negative() { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
                Weight::new(if whole { one } else { fraction })
            };
            let weight = fraction
                .and_then(within)
                .map_err(|source| TargetError::Weight { symbol: name.to_string(), source })?;
            let symbol = Symbol::new(name)?;
            sum = sum.plus(weight.get().abs())?;
            if name.eq_ignore_ascii_case("cash") {
                if weight.get() < Decimal::ZERO {
                    return Err(TargetError::NegativeCash { weight });
                }
                if cash.replace(weight).is_some() {
                    return Err(TargetError::Twice { symbol });
                }
            } else if named.insert(symbol.clone(), weight).is_some() {
                return Err(TargetError::Twice { symbol });
            }
        }
        if named.values().all(|weight| weight.get().is_zero()) && cash.is_none() {
            return Err(TargetError::Empty);
        }
        if sum.minus(Decimal::ONE)?.abs() > WEIGHT_TOLERANCE {
            let sum_percent = sum.times(Decimal::ONE_HUNDRED)?.normalize();
            return Err(TargetError::Sum { sum_percent });
        }
        if sum != Decimal::ONE {
            for weight in named.values_mut() {
                *weight = Weight::new(weight.get().over(sum)?)?;
            }
        }
        Ok(Weights(named))
    }

    /// Another leverage for one symbol.
    ///
    /// # Errors
    /// [`TargetError::NotNamed`] when the symbol has no weight.
    pub fn leverage_of(mut self, symbol: &str, leverage: Leverage) -> Result<Self, TargetError> {
        let symbol = self.named(symbol, "leverage")?;
        self.leverages.insert(symbol, leverage);
        Ok(self)
    }

    /// How much gross; without it what is held at the start is preserved.
    #[must_use]
    pub fn gross(mut self, gross: Gross) -> Self {
        self.gross = gross;
        self
    }

    /// The margin mode of all named symbols; without it each keeps the one it has. Isolated-only instruments are
    /// isolated whatever is asked here, and a note says so.
    #[must_use]
    pub fn margin_mode(mut self, mode: MarginMode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Another margin mode for one symbol.
    ///
    /// # Errors
    /// [`TargetError::NotNamed`] when the symbol has no weight.
    pub fn margin_mode_of(mut self, symbol: &str, mode: MarginMode) -> Result<Self, TargetError> {
        let symbol = self.named(symbol, "margin mode")?;
        self.modes.insert(symbol, mode);
        Ok(self)
    }

    /// What happens to positions that are not named; they are closed unless this says otherwise.
    #[must_use]
    pub fn rest(mut self, rest: Rest) -> Self {
        self.rest = rest;
        self
    }

    /// The weight of a symbol, after normalising.
    #[must_use]
    pub fn weight(&self, symbol: &str) -> Option<Weight> {
        self.weights.iter().find(|(name, _)| name.as_str() == symbol).map(|(_, weight)| *weight)
    }

    /// Which symbols a snapshot must cover for this target.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::of(self.weights.keys().cloned())
    }

    fn named(&self, symbol: &str, what: &'static str) -> Result<Symbol, TargetError> {
        let symbol = Symbol::new(symbol)?;
        if self.weights.contains_key(&symbol) {
            Ok(symbol)
        } else {
            Err(TargetError::NotNamed { symbol, what })
        }
    }

    /// Fixes the target in amounts, once, at the start of a run. "As much gross as is held" becomes a number here:
    /// read again after a close it would shrink the book to nothing.
    ///
    /// # Errors
    /// [`TargetError`] for an account without equity, unknown symbols, and leverages that an instrument does not
    /// have.
    pub fn resolve(&self, snapshot: &Snapshot) -> Result<ResolvedTarget, TargetError> {
        let ordered = snapshot.in_order();
        let snapshot = &*ordered;
        for symbol in self.weights.keys() {
            if !snapshot.instruments.contains_key(symbol) {
                let venue = snapshot.venue.clone();
                return Err(TargetError::UnknownSymbol { symbol: symbol.clone(), venue });
            }
        }
        snapshot.validate(&self.scope())?;
        let account_value = snapshot.account_value()?;
        if !account_value.is_positive() {
            return Err(TargetError::NoEquity { value: account_value });
        }
        let kept: BTreeSet<Symbol> = match self.rest {
            Rest::Close => BTreeSet::new(),
            Rest::Keep => snapshot
                .positions
                .iter()
                .map(|position| position.symbol.clone())
                .filter(|symbol| !self.weights.contains_key(symbol))
                .collect(),
        };
        let gross = match self.gross {
            Gross::Preserve => {
                let mut gross = Usd::ZERO;
                for position in snapshot.positions.iter().filter(|position| !kept.contains(&position.symbol))
                {
                    gross = gross.plus(position.notional(snapshot.quote(&position.symbol)?.mark)?)?;
                }
                if gross.is_zero() {
                    return Err(TargetError::NothingToPreserve);
                }
                gross
            }
            Gross::Leverage(multiple) if multiple > Decimal::ZERO => account_value.times(multiple)?,
            Gross::Notional(amount) if amount.is_positive() => amount,
            Gross::Leverage(value) => return Err(TargetError::Gross { value }),
            Gross::Notional(amount) => return Err(TargetError::Gross { value: amount.get() }),
        };
        let held: BTreeMap<&Symbol, Qty> = snapshot.positions.iter().map(|p| (&p.symbol, p.qty)).collect();
        let start = |symbol: &Symbol| -> Result<(Qty, Usd), TargetError> {
            let qty = held.get(symbol).copied().unwrap_or(Qty::ZERO);
            Ok((qty, snapshot.quote(symbol)?.mark.value(qty)?))
        };
        // A position can have a maximum of its own, from before its tier changed.
        let own_max: BTreeMap<&Symbol, Leverage> =
            snapshot.positions.iter().filter_map(|p| Some((&p.symbol, p.max_leverage?))).collect();
        let mut symbols = BTreeMap::new();
        for (symbol, weight) in &self.weights {
            let (start, start_notional) = start(symbol)?;
            let instrument = snapshot.instrument(symbol)?;
            let leverage = self.leverages.get(symbol).copied().unwrap_or(self.leverage);
            let max = instrument.max_leverage();
            let max = own_max.get(symbol).copied().unwrap_or(max).min(max);
            if leverage > max {
                return Err(TargetError::LeverageTooHigh { symbol: symbol.clone(), leverage, max });
            }
            if !leverage.fits(instrument.leverage_step) {
                let step = instrument.leverage_step;
                return Err(TargetError::LeverageStep { symbol: symbol.clone(), leverage, step });
            }
            let resolved = SymbolTarget {
                weight: Some(*weight),
                notional: gross.times(weight.get())?,
                leverage,
                mode: self.modes.get(symbol).copied().or(self.mode),
                start,
                start_notional,
            };
            symbols.insert(symbol.clone(), resolved);
        }
        for position in &snapshot.positions {
            let symbol = &position.symbol;
            if self.weights.contains_key(symbol) || kept.contains(symbol) {
                continue;
            }
            let resolved = SymbolTarget {
                weight: None,
                notional: Usd::ZERO,
                leverage: position.leverage,
                mode: None,
                start: position.qty,
                start_notional: snapshot.quote(symbol)?.mark.value(position.qty)?,
            };
            symbols.insert(symbol.clone(), resolved);
        }
        Ok(ResolvedTarget {
            venue: snapshot.venue.clone(),
            account: snapshot.account.clone(),
            resolved_at: snapshot.as_of,
            account_value,
            gross,
            leverage: self.leverage,
            symbols,
            kept,
        })
    }
}

/// What one symbol should become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SymbolTarget {
    /// Its share of the gross; `None` for a position that the target does not name and that is closed.
    pub weight: Option<Weight>,
    /// Signed notional; zero closes.
    pub notional: Usd,
    /// The leverage setting it should have. Not written for a symbol that ends flat.
    pub leverage: Leverage,
    /// The margin mode it should have; `None` keeps the one it has.
    pub mode: Option<MarginMode>,
    /// What was held when the run started.
    pub start: Qty,
    /// Its signed value at the marks of that moment.
    pub start_notional: Usd,
}

/// A target in fixed amounts. Every plan of a run is made from the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedTarget {
    /// For which venue.
    pub venue: VenueId,
    /// For which account.
    pub account: AccountId,
    /// From the snapshot of this moment.
    pub resolved_at: Timestamp,
    /// Account value at that moment.
    pub account_value: Usd,
    /// The gross that the weights are shares of.
    pub gross: Usd,
    /// The leverage that positions without a leverage of their own count with.
    pub leverage: Leverage,
    /// Every symbol that the run may trade: the named ones, and held ones that are closed.
    pub symbols: BTreeMap<Symbol, SymbolTarget>,
    /// Held symbols that the run does not touch.
    pub kept: BTreeSet<Symbol>,
}

impl ResolvedTarget {
    /// Which symbols a snapshot must cover for this target.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::of(self.symbols.keys().chain(&self.kept).cloned())
    }
}
