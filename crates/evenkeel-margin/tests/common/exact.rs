//! An independent judge: exact fractions of whole numbers, and an exhaustive search over all segments.

use std::cmp::Ordering;

use evenkeel_types::{Decimal, Leverage, Rate, TierRow, Tiers, Usd};
use proptest::prelude::*;

/// A fraction; the denominator is above zero.
#[derive(Debug, Clone, Copy)]
pub struct Fraction(pub i128, pub i128);

impl Fraction {
    pub fn new(numerator: i128, denominator: i128) -> Self {
        if denominator < 0 { Self(-numerator, -denominator) } else { Self(numerator, denominator) }
    }
    pub fn decimal(self) -> Decimal {
        let number = |n| Decimal::try_from_i128_with_scale(n, 0).unwrap();
        number(self.0) / number(self.1)
    }
}
impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Fraction {}
impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0 * other.1).cmp(&(other.0 * self.1))
    }
}

/// Floors in whole units, rates and fee in basis points.
#[derive(Debug, Clone)]
pub struct Table {
    pub floors: Vec<i128>,
    pub rates: Vec<i128>,
    pub fee: i128,
}

impl Table {
    /// Continuous deductions, times 10 000.
    pub fn deduction(&self, tier: usize) -> i128 {
        (1..=tier).map(|k| self.floors[k] * (self.rates[k] - self.rates[k - 1])).sum()
    }

    pub fn tiers(&self) -> Tiers {
        self.tiers_with(|_| None)
    }

    pub fn tiers_with(&self, deduction: impl Fn(usize) -> Option<Usd>) -> Tiers {
        let rows: Vec<_> = (0..self.floors.len())
            .map(|k| TierRow {
                notional_floor: Usd::new(i64::try_from(self.floors[k]).unwrap()).unwrap(),
                max_leverage: Leverage::new(u32::try_from(100 - k).unwrap()).unwrap(),
                maintenance_rate: basis_points(self.rates[k]),
                deduction: deduction(k),
            })
            .collect();
        Tiers::new(&rows, None).unwrap()
    }

    /// Which tier a notional of `size / 1000 * price` lies in.
    fn fits(&self, tier: usize, size: i128, price: Fraction) -> bool {
        let notional = Fraction(size * price.0, price.1 * 1000);
        let above = notional >= Fraction(self.floors[tier], 1);
        above && self.floors.get(tier + 1).is_none_or(|next| notional < Fraction(*next, 1))
    }
}

pub fn basis_points(rate: i128) -> Rate {
    Rate::new(Decimal::new(i64::try_from(rate).unwrap(), 4)).unwrap()
}

/// One to six tiers, maintenance below 100 %.
pub fn tables() -> impl Strategy<Value = Table> {
    (prop::collection::vec((1i128..3_000_000, 0i128..900), 1..=6), 1i128..300, 0i128..150).prop_map(
        |(steps, first, fee)| {
            let mut table = Table { floors: vec![0], rates: vec![first], fee };
            for (up, more) in steps.into_iter().skip(1) {
                table.floors.push(table.floors[table.floors.len() - 1] + up);
                table.rates.push(table.rates[table.rates.len() - 1] + more);
            }
            table
        },
    )
}

/// Sizes in thousandths, never zero.
pub fn sizes() -> impl Strategy<Value = i128> {
    prop_oneof![1i128..=2_000, -2_000i128..=-1, 1i128..=5_000_000, -5_000_000i128..=-1]
}

/// Cash in hundredths.
pub fn cents() -> impl Strategy<Value = i128> {
    prop_oneof![-1_000_000i128..=1_000_000, -100_000_000_000i128..=100_000_000_000]
}

/// All roots above zero of one leg that lie in the tier that they were found with.
pub fn consistent_roots(size: i128, cents: i128, table: &Table) -> Vec<Fraction> {
    let side = size.signum();
    (0..table.floors.len())
        .filter_map(|k| {
            let numerator = cents * 100_000 + table.deduction(k) * 1_000;
            let denominator = size.abs() * (table.rates[k] + table.fee - side * 10_000);
            let root = Fraction::new(numerator, denominator);
            (root.0 > 0 && table.fits(k, size.abs(), root)).then_some(root)
        })
        .collect()
}

/// The prices with equity above maintenance, by going through every segment between tier floors of any leg.
/// `None`: none; the ends are `None` where the range is open.
pub fn safe_prices(legs: &[(i128, &Table)], cents: i128) -> Option<(Option<Fraction>, Option<Fraction>)> {
    let mut starts: Vec<Fraction> = legs
        .iter()
        .flat_map(|(size, table)| table.floors.iter().map(|floor| Fraction(floor * 1000, size.abs())))
        .collect();
    starts.push(Fraction(0, 1));
    starts.sort_unstable();
    starts.dedup();
    let (mut lower, mut upper) = (None, None);
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied();
        let (mut constant, mut slope) = (cents * 100_000, 0);
        for (size, table) in legs {
            let tier = (0..table.floors.len())
                .rev()
                .find(|k| Fraction(table.floors[*k] * 1000, size.abs()) <= *start);
            let tier = tier.unwrap();
            constant += table.deduction(tier) * 1_000;
            slope += size * 10_000 - size.abs() * (table.rates[tier] + table.fee);
        }
        // Where `constant + slope * p > 0` inside [start, end).
        let (mut from, mut to) = (*start, end);
        if slope == 0 {
            if constant <= 0 {
                continue;
            }
        } else {
            let root = Fraction::new(-constant, slope);
            if slope > 0 {
                from = from.max(root);
            } else {
                to = Some(to.map_or(root, |to| to.min(root)));
            }
        }
        if to.is_some_and(|to| to <= from) {
            continue;
        }
        if lower.is_none() {
            lower = Some(from);
        }
        upper = Some(to);
    }
    let lower = lower?;
    Some(((lower.0 > 0).then_some(lower), upper.flatten()))
}
