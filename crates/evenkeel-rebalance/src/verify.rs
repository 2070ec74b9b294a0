//! How near an account is to its target: the questions that decide whether a run is done, and whether it succeeded.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use evenkeel_types::{
    Decimal, Exact, Leverage, MarginMode, NumberError, Position, Snapshot, SnapshotError, Symbol, Usd,
    decimal_text,
};
use serde::{Deserialize, Serialize};

use crate::check::wanted_mode;
use crate::policy::Policy;
use crate::state::RunState;
use crate::target::{ResolvedTarget, SymbolTarget};

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MetricKind {
    /// A symbol's signed share of the gross that the run is responsible for.
    Allocation,
    /// A symbol's leverage setting, on both sides.
    LeverageSetting,
    /// The leverage that an isolated position really has: notional by the equity of its bucket.
    EffectiveLeverage,
    /// A symbol's margin mode.
    MarginMode,
    /// A position that was to be closed.
    Closed,
    /// Gross of the symbols of the run.
    Gross,
    /// What the account is worth, compared with the start of the run.
    AccountValue,
}

/// In what a metric is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// A share: 0.5 is a half.
    Fraction,
    /// Quote currency.
    Usd,
    /// A multiple.
    Times,
    /// Base units of the symbol.
    Base,
    /// Cross or isolated.
    Mode,
}

/// One side of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reading {
    /// A figure in the metric's unit.
    Number(#[serde(with = "decimal_text")] Decimal),
    /// A margin mode.
    Mode(MarginMode),
    /// There is none: the leverage of a bucket without equity.
    NotApplicable,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reading::Number(value) => match f.precision() {
                Some(places) => {
                    let places = u32::try_from(places).unwrap_or(28).min(28);
                    f.write_str(&evenkeel_types::round::for_reading(*value, places))
                }
                None => write!(f, "{}", value.normalize()),
            },
            Reading::Mode(mode) => mode.fmt(f),
            Reading::NotApplicable => f.write_str("N/A"),
        }
    }
}

/// One question about the account, with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// What is measured.
    pub kind: MetricKind,
    /// Of which symbol, where it is of one.
    pub symbol: Option<Symbol>,
    /// For a table: `allocation SOL`.
    pub name: String,
    /// In what `target`, `actual` and `error` are measured.
    pub unit: Unit,
    /// What it should be.
    pub target: Reading,
    /// What it is.
    pub actual: Reading,
    /// How far that is off, zero or above; of a margin mode 1 where it differs. Of the gross a fraction of it, of the
    /// account value what was lost.
    #[serde(with = "decimal_text")]
    pub error: Decimal,
    /// The largest error at which it passes.
    #[serde(with = "decimal_text")]
    pub allowed: Decimal,
    /// Whether it does.
    pub pass: bool,
}

/// How near an account is to its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The questions: by symbol, then of the whole account.
    pub metrics: Vec<Metric>,
}

impl Verification {
    /// Whether the account is where the run was to bring it: allocations, leverages, modes, closed positions and gross.
    /// A run that is there is over, whatever it cost.
    #[must_use]
    pub fn within_tolerance(&self) -> bool {
        self.metrics.iter().all(|metric| metric.pass || metric.kind == MetricKind::AccountValue)
    }

    /// Whether every metric passes: what a run needs to count as a success.
    #[must_use]
    pub fn all_pass(&self) -> bool {
        self.metrics.iter().all(|metric| metric.pass)
    }

    /// Those that do not pass.
    pub fn failures(&self) -> impl Iterator<Item = &Metric> {
        self.metrics.iter().filter(|metric| !metric.pass)
    }
}

/// Why nothing could be measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The snapshot is not of the account that the target was resolved for.
    #[error("the snapshot is of {found}, the target was resolved for {wanted}")]
    OtherAccount {
        /// Of which account the snapshot is.
        found: String,
        /// Which account was wanted.
        wanted: String,
    },
    /// The snapshot does not carry what is needed.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Arithmetic that does not fit.
    #[error(transparent)]
    Number(#[from] NumberError),
}

/// Measures how near an account is to its target. All from the snapshot; nothing is taken from plans.
///
/// - *Allocation*, per named symbol: signed notional by the gross of the run's symbols, where cash counts with its
///   share; within [`Policy::tolerance`]. Kept positions stand outside.
/// - *Leverage*, per position that is to stay: the setting of both sides is exactly the target's; of an isolated one
///   the effective leverage is at most `L * (1 + tolerance)` too. Symbols that were set aside are measured even when
///   flat: a leverage that was refused shows.
/// - *Margin mode*, where one was asked for; what an instrument forces counts as right.
/// - *Closed*: what was to be closed is flat.
/// - *Gross* of the run's symbols: the target's times [`RunState::scale_ceiling`], within the tolerance.
/// - *Account value*: what was lost since the start is at most `turnover * (slippage + fee * (1 + slippage))` plus the
///   tolerance times the account value, for the market.
///
/// # Errors
/// [`VerifyError`] when the snapshot is of another account or lacks something.
///
/// ```
/// use evenkeel_rebalance::{Policy, ResolvedTarget, RunState, VerifyError, verify};
/// use evenkeel_types::Snapshot;
///
/// fn report(
///     target: &ResolvedTarget,
///     policy: &Policy,
///     state: &RunState,
///     snapshot: &Snapshot,
/// ) -> Result<String, VerifyError> {
///     let found = verify(target, policy, state, snapshot)?;
///     let row = |m: &evenkeel_rebalance::Metric| format!("{} {:.4} {:.4} {}\n", m.name, m.target, m.actual, m.pass);
///     Ok(found.metrics.iter().map(row).collect())
/// }
/// ```
pub fn verify(
    target: &ResolvedTarget,
    policy: &Policy,
    state: &RunState,
    snapshot: &Snapshot,
) -> Result<Verification, VerifyError> {
    if target.venue != snapshot.venue || target.account != snapshot.account {
        return Err(VerifyError::OtherAccount {
            found: format!("{} at {}", snapshot.account, snapshot.venue),
            wanted: format!("{} at {}", target.account, target.venue),
        });
    }
    snapshot.validate(&target.scope())?;
    let book = Book::new(target, snapshot)?;
    let mut metrics = Vec::new();
    for (symbol, wanted) in &target.symbols {
        let view = View { policy, state, snapshot, symbol, wanted };
        view.allocation(&book, &mut metrics)?;
        view.closed(&mut metrics);
        view.leverage(&mut metrics)?;
        view.mode(&mut metrics)?;
    }
    metrics.push(gross(policy, state, &book)?);
    metrics.push(account_value(target, policy, state, snapshot)?);
    Ok(Verification { metrics })
}

/// The symbols of the run added up.
#[derive(Debug)]
struct Book {
    gross: Usd,
    wanted: Usd,
    /// Sum of the weights' sizes: 1 without cash.
    invested: Decimal,
}

impl Book {
    fn new(target: &ResolvedTarget, snapshot: &Snapshot) -> Result<Self, VerifyError> {
        let mut book = Self { gross: Usd::ZERO, wanted: Usd::ZERO, invested: Decimal::ZERO };
        for (symbol, wanted) in &target.symbols {
            let held = snapshot.quote(symbol)?.mark.value(snapshot.qty(symbol).abs())?;
            book.gross = book.gross.plus(held)?;
            book.wanted = book.wanted.plus(wanted.notional.abs())?;
            let weight = wanted.weight.map_or(Decimal::ZERO, |weight| weight.get().abs());
            book.invested = book.invested.plus(weight)?;
        }
        Ok(book)
    }
}

/// One symbol of the run.
#[derive(Debug)]
struct View<'a> {
    policy: &'a Policy,
    state: &'a RunState,
    snapshot: &'a Snapshot,
    symbol: &'a Symbol,
    wanted: &'a SymbolTarget,
}

impl View<'_> {
    fn position(&self) -> Option<&Position> {
        self.snapshot.position(self.symbol)
    }

    fn allocation(&self, book: &Book, metrics: &mut Vec<Metric>) -> Result<(), VerifyError> {
        let Some(weight) = self.wanted.weight else { return Ok(()) };
        let held = self.snapshot.quote(self.symbol)?.mark.value(self.snapshot.qty(self.symbol))?;
        let actual = if book.gross.is_zero() {
            Decimal::ZERO
        } else {
            held.get().times(book.invested)?.over(book.gross.get())?
        };
        let error = actual.minus(weight.get())?.abs();
        let readings = (Reading::Number(weight.get()), Reading::Number(actual));
        let tolerance = self.policy.tolerance.get();
        metrics.push(self.metric((MetricKind::Allocation, Unit::Fraction), readings, error, tolerance));
        Ok(())
    }

    fn closed(&self, metrics: &mut Vec<Metric>) {
        if !self.wanted.notional.is_zero() {
            return;
        }
        let left = self.snapshot.qty(self.symbol).get();
        let readings = (Reading::Number(Decimal::ZERO), Reading::Number(left));
        metrics.push(self.metric((MetricKind::Closed, Unit::Base), readings, left.abs(), Decimal::ZERO));
    }

    fn leverage(&self, metrics: &mut Vec<Metric>) -> Result<(), VerifyError> {
        let is_set_aside = self.state.set_aside.contains_key(self.symbol);
        if self.wanted.notional.is_zero() || (self.position().is_none() && !is_set_aside) {
            return Ok(());
        }
        let leverage = self.wanted.leverage;
        let setting = self.snapshot.setting(self.symbol)?;
        let off = |side: Leverage| Ok::<_, NumberError>(side.get().minus(leverage.get())?.abs());
        let (long, short) = (off(setting.long)?, off(setting.short)?);
        // Where the sides differ, the one that is farther off is shown.
        let shown = if long > short { setting.long } else { setting.short };
        let readings = (Reading::Number(leverage.get()), Reading::Number(shown.get()));
        let kind = (MetricKind::LeverageSetting, Unit::Times);
        metrics.push(self.metric(kind, readings, long.max(short), Decimal::ZERO));
        let Some((position, bucket)) = self.position().and_then(|p| Some((p, p.isolated?))) else {
            return Ok(());
        };
        let notional = position.notional(self.snapshot.quote(self.symbol)?.mark)?;
        let kind = (MetricKind::EffectiveLeverage, Unit::Times);
        let allowed = leverage.get().times(self.policy.tolerance.get())?;
        let wanted = Reading::Number(leverage.get());
        metrics.push(if bucket.equity.is_positive() {
            let actual = notional.get().over(bucket.equity.get())?;
            let error = actual.minus(leverage.get())?.max(Decimal::ZERO);
            self.metric(kind, (wanted, Reading::Number(actual)), error, allowed)
        } else {
            // Whatever the notional, nothing backs it: off by all of it.
            let mut metric = self.metric(kind, (wanted, Reading::NotApplicable), notional.get(), allowed);
            metric.pass = false;
            metric
        });
        Ok(())
    }

    fn mode(&self, metrics: &mut Vec<Metric>) -> Result<(), VerifyError> {
        let Some(position) = self.position().filter(|_| !self.wanted.notional.is_zero()) else {
            return Ok(());
        };
        let instrument = self.snapshot.instrument(self.symbol)?;
        if self.wanted.mode.is_none() && instrument.margin_modes.allows(position.mode) {
            return Ok(());
        }
        let wanted = wanted_mode(Some(self.wanted), instrument, position.mode);
        let error = if wanted == position.mode { Decimal::ZERO } else { Decimal::ONE };
        let readings = (Reading::Mode(wanted), Reading::Mode(position.mode));
        metrics.push(self.metric((MetricKind::MarginMode, Unit::Mode), readings, error, Decimal::ZERO));
        Ok(())
    }

    fn metric(
        &self,
        (kind, unit): (MetricKind, Unit),
        (target, actual): (Reading, Reading),
        error: Decimal,
        allowed: Decimal,
    ) -> Metric {
        let what = match kind {
            MetricKind::Allocation => "allocation",
            MetricKind::LeverageSetting => "leverage",
            MetricKind::EffectiveLeverage => "effective leverage",
            MetricKind::MarginMode => "margin mode",
            MetricKind::Closed => "closed",
            MetricKind::Gross => "gross",
            MetricKind::AccountValue => "account value",
        };
        Metric {
            kind,
            symbol: Some(self.symbol.clone()),
            name: format!("{what} {}", self.symbol),
            unit,
            target,
            actual,
            error,
            allowed,
            pass: error <= allowed,
        }
    }
}

fn gross(policy: &Policy, state: &RunState, book: &Book) -> Result<Metric, NumberError> {
    let wanted = book.wanted.times(state.scale_ceiling)?;
    let off = book.gross.minus(wanted)?.abs();
    let error = if !wanted.is_zero() {
        off.get().over(wanted.get())?
    } else if book.gross.is_zero() {
        Decimal::ZERO
    } else {
        Decimal::ONE
    };
    let allowed = policy.tolerance.get();
    Ok(Metric {
        kind: MetricKind::Gross,
        symbol: None,
        name: "gross".into(),
        unit: Unit::Usd,
        target: Reading::Number(wanted.get()),
        actual: Reading::Number(book.gross.get()),
        error,
        allowed,
        pass: error <= allowed,
    })
}

fn account_value(
    target: &ResolvedTarget,
    policy: &Policy,
    state: &RunState,
    snapshot: &Snapshot,
) -> Result<Metric, VerifyError> {
    let now = snapshot.account_value()?;
    let mut fee = policy.fee;
    if fee.is_none() {
        // Which symbol the turnover was in is not remembered: the dearest.
        for symbol in target.symbols.keys() {
            let taker = snapshot.fee(symbol)?.taker;
            fee = Some(fee.map_or(taker, |fee| fee.max(taker)));
        }
    }
    let slippage = policy.slippage.get();
    let fee = fee.map_or(Decimal::ZERO, |fee| fee.get().max(Decimal::ZERO));
    let rate = Decimal::ONE.plus(slippage)?.times(fee)?.plus(slippage)?;
    let market = target.account_value.times(policy.tolerance.get())?;
    let allowed = state.turnover.times(rate)?.plus(market)?.get();
    let error = target.account_value.minus(now)?.max(Usd::ZERO).get();
    Ok(Metric {
        kind: MetricKind::AccountValue,
        symbol: None,
        name: "account value".into(),
        unit: Unit::Usd,
        target: Reading::Number(target.account_value.get()),
        actual: Reading::Number(now.get()),
        error,
        allowed,
        pass: error <= allowed,
    })
}
