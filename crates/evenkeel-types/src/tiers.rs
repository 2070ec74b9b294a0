//! Margin tiers as data.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::number::{Exact, Leverage, NumberError, Rate, Usd};

/// One tier as a venue publishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierRow {
    /// Notional from which it applies (inclusive).
    pub notional_floor: Usd,
    /// Highest leverage that may be set for a notional in it.
    pub max_leverage: Leverage,
    /// Maintenance margin as a fraction of the notional.
    pub maintenance_rate: Rate,
    /// Taken off `notional * rate`; `None` where the venue does not publish it.
    #[serde(default)]
    pub deduction: Option<Usd>,
}

/// One tier, complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginTier {
    /// Notional from which it applies (inclusive).
    pub notional_floor: Usd,
    /// Highest leverage that may be set for a notional in it.
    pub max_leverage: Leverage,
    /// Maintenance margin as a fraction of the notional.
    pub maintenance_rate: Rate,
    /// Taken off `notional * rate`.
    pub deduction: Usd,
}

/// Why a tier table was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TierError {
    /// No tier at all.
    #[error("a tier table needs at least one tier")]
    Empty,
    /// The first tier does not start at zero, or a floor does not rise.
    #[error("tier {index}: its notional floor {floor} does not follow the one before it")]
    Order {
        /// Position in the table, from 0.
        index: usize,
        /// The offending floor.
        floor: Usd,
    },
    /// A maximum leverage rises, or a maintenance rate falls, with the notional.
    #[error("tier {index}: a larger notional must not allow more leverage or need a lower maintenance rate")]
    Monotone {
        /// Position in the table, from 0.
        index: usize,
    },
    /// A published deduction breaks the continuity of maintenance margin by more than one unit of quote.
    #[error("tier {index}: deduction {given} makes maintenance margin jump (continuity asks for {derived})")]
    Continuity {
        /// Position in the table, from 0.
        index: usize,
        /// What the venue published.
        given: Usd,
        /// What continuity gives.
        derived: Usd,
    },
    /// The cap lies below the last floor.
    #[error("the largest notional {cap} lies below the last tier's floor")]
    Cap {
        /// The offending cap.
        cap: Usd,
    },
    /// A rate outside 0..1, or arithmetic that overflows.
    #[error("tier {index}: {source}")]
    Number {
        /// Position in the table, from 0.
        index: usize,
        /// What was wrong.
        source: NumberError,
    },
}

/// A checked tier table: ascending from zero, maintenance margin continuous.
///
/// Deductions that a venue does not publish are derived by continuity:
/// `ded_k = ded_(k-1) + floor_k * (rate_k - rate_(k-1))`, `ded_0 = 0`
/// (Binance's `cum`, Hyperliquid's derivation from the venue's own maintenance figures).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTiers", into = "RawTiers")]
pub struct Tiers {
    tiers: Vec<MarginTier>,
    cap: Option<Usd>,
}

#[derive(Serialize, Deserialize)]
struct RawTiers {
    tiers: Vec<TierRow>,
    #[serde(default)]
    cap: Option<Usd>,
}

impl TryFrom<RawTiers> for Tiers {
    type Error = TierError;
    fn try_from(raw: RawTiers) -> Result<Self, TierError> {
        Self::new(&raw.tiers, raw.cap)
    }
}

impl From<Tiers> for RawTiers {
    fn from(tiers: Tiers) -> Self {
        let row = |tier: &MarginTier| TierRow {
            notional_floor: tier.notional_floor,
            max_leverage: tier.max_leverage,
            maintenance_rate: tier.maintenance_rate,
            deduction: Some(tier.deduction),
        };
        Self { tiers: tiers.tiers.iter().map(row).collect(), cap: tiers.cap }
    }
}

impl Tiers {
    /// Checks a table and derives the deductions that are missing. `cap` is the largest notional that the
    /// venue allows at all, where it has one.
    ///
    /// # Errors
    /// [`TierError`] naming the tier.
    pub fn new(rows: &[TierRow], cap: Option<Usd>) -> Result<Self, TierError> {
        let mut tiers: Vec<MarginTier> = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let number = |source| TierError::Number { index, source };
            if row.maintenance_rate < Rate::ZERO {
                return Err(number(NumberError::Range {
                    what: "maintenance rate",
                    value: row.maintenance_rate.get(),
                    allowed: "zero or above",
                }));
            }
            let derived = match tiers.last() {
                None if row.notional_floor.is_zero() => Usd::ZERO,
                None => return Err(TierError::Order { index, floor: row.notional_floor }),
                Some(before) => {
                    if row.notional_floor <= before.notional_floor {
                        return Err(TierError::Order { index, floor: row.notional_floor });
                    }
                    if row.max_leverage > before.max_leverage
                        || row.maintenance_rate < before.maintenance_rate
                    {
                        return Err(TierError::Monotone { index });
                    }
                    continuous_deduction(before, row).map_err(number)?
                }
            };
            let deduction = row.deduction.unwrap_or(derived);
            let jump = deduction.minus(derived).map_err(number)?.abs();
            // Venues print deductions rounded; a whole unit of quote currency is no rounding any more. The first
            // tier has nothing to be continuous with but zero.
            let rounding = if index == 0 { Usd::ZERO } else { Usd::new(1).map_err(number)? };
            if jump > rounding {
                return Err(TierError::Continuity { index, given: deduction, derived });
            }
            tiers.push(MarginTier {
                notional_floor: row.notional_floor,
                max_leverage: row.max_leverage,
                maintenance_rate: row.maintenance_rate,
                deduction,
            });
        }
        match (tiers.last(), cap) {
            (None, _) => Err(TierError::Empty),
            (Some(last), Some(cap)) if cap <= last.notional_floor => Err(TierError::Cap { cap }),
            _ => Ok(Self { tiers, cap }),
        }
    }

    /// A table with one tier from zero.
    ///
    /// # Errors
    /// [`TierError::Number`] for a negative rate.
    pub fn flat(max_leverage: Leverage, maintenance_rate: Rate) -> Result<Self, TierError> {
        let row =
            TierRow { notional_floor: Usd::ZERO, max_leverage, maintenance_rate, deduction: Some(Usd::ZERO) };
        Self::new(&[row], None)
    }

    /// The tiers, ascending; never empty.
    #[must_use]
    pub fn as_slice(&self) -> &[MarginTier] {
        &self.tiers
    }

    /// The largest notional that the venue allows at any leverage.
    #[must_use]
    pub fn cap(&self) -> Option<Usd> {
        self.cap
    }

    /// The tier that a notional (without sign) falls in.
    #[must_use]
    pub fn at(&self, notional: Usd) -> MarginTier {
        let index = self.tiers.partition_point(|tier| tier.notional_floor <= notional);
        // The first floor is zero and the table is never empty, so the fallbacks are never taken.
        self.tiers.get(index.saturating_sub(1)).copied().unwrap_or(MarginTier {
            notional_floor: Usd::ZERO,
            max_leverage: Leverage::ONE,
            maintenance_rate: Rate::ZERO,
            deduction: Usd::ZERO,
        })
    }

    /// The largest notional that may be held at a leverage setting: the floor of the first tier that forbids
    /// it, or the cap, or `None` where nothing limits it. Zero when the leverage is above every tier's.
    ///
    /// The bound is exclusive where it is a tier's floor: at the floor itself the next tier applies.
    #[must_use]
    pub fn max_notional(&self, leverage: Leverage) -> Option<Usd> {
        self.tiers
            .iter()
            .find(|tier| tier.max_leverage < leverage)
            .map_or(self.cap, |tier| Some(tier.notional_floor))
    }
}

fn continuous_deduction(before: &MarginTier, row: &TierRow) -> Result<Usd, NumberError> {
    let step = row.maintenance_rate.get().minus(before.maintenance_rate.get())?;
    before.deduction.plus(row.notional_floor.times(step)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(floor: &str, leverage: u32, rate: &str, deduction: Option<&str>) -> TierRow {
        TierRow {
            notional_floor: floor.parse().unwrap(),
            max_leverage: Leverage::new(leverage).unwrap(),
            maintenance_rate: rate.parse().unwrap(),
            deduction: deduction.map(|d| d.parse().unwrap()),
        }
    }

    /// Hyperliquid testnet BTC, measured against the venue's own maintenance figure.
    #[test]
    fn missing_deductions_follow_from_continuity() {
        let rows =
            [row("0", 40, "0.0125", None), row("10000", 25, "0.02", None), row("50000", 10, "0.05", None)];
        let tiers = Tiers::new(&rows, None).unwrap();
        let deductions: Vec<_> = tiers.as_slice().iter().map(|t| alloc::format!("{}", t.deduction)).collect();
        assert_eq!(deductions, ["0", "75", "1575"]);
        assert_eq!(tiers.at("9999.99".parse().unwrap()).max_leverage, Leverage::new(40).unwrap());
        assert_eq!(tiers.at("10000".parse().unwrap()).max_leverage, Leverage::new(25).unwrap());
        assert_eq!(tiers.max_notional(Leverage::new(30).unwrap()), Some("10000".parse().unwrap()));
        assert_eq!(tiers.max_notional(Leverage::new(41).unwrap()), Some(Usd::ZERO));
        assert_eq!(tiers.max_notional(Leverage::new(2).unwrap()), None);
    }

    #[test]
    fn broken_tables_name_the_tier() {
        let ok = row("0", 40, "0.0125", None);
        for (rows, needle) in [
            (alloc::vec![], "at least one"),
            (alloc::vec![row("5", 40, "0.0125", None)], "tier 0"),
            (alloc::vec![ok, row("0", 20, "0.02", None)], "tier 1"),
            (alloc::vec![ok, row("10", 50, "0.02", None)], "more leverage"),
            (alloc::vec![ok, row("10", 20, "0.01", None)], "lower maintenance"),
            (alloc::vec![ok, row("10000", 20, "0.02", Some("100"))], "jump"),
            (alloc::vec![row("0", 40, "0.0125", Some("1"))], "jump"),
            (alloc::vec![row("0", 40, "-0.0125", None)], "zero or above"),
        ] {
            let error = alloc::format!("{}", Tiers::new(&rows, None).unwrap_err());
            assert!(error.contains(needle), "{error}");
        }
        assert!(Tiers::new(&[ok, row("10", 20, "0.02", None)], Some("5".parse().unwrap())).is_err());
    }
}
