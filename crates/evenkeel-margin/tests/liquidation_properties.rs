//! Liquidation prices against exact fractions and exhaustive search.

mod common;
#[path = "common/exact.rs"]
#[allow(dead_code, unreachable_pub, missing_docs)]
mod exact;

use common::*;
use evenkeel_margin::formulas::AtEntry;
use evenkeel_margin::{
    Leg, MarginRules, cash_leg, distance_to_liquidation, initial_margin, liquidation_price,
    maintenance_margin, margin_ratio, price_at_distance, price_at_margin_ratio, safe_range,
};
use evenkeel_types::{Decimal, Leverage, Price, Qty, Rate, Usd};
use exact::{basis_points, cents, consistent_roots, safe_prices, sizes, tables};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// `EVENKEEL_CASES` cases; the seed of a failure is printed and kept beside this file.
fn config() -> ProptestConfig {
    let cases = std::env::var("EVENKEEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(256);
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

fn thousandths(size: i128) -> Qty {
    Qty::new(Decimal::new(i64::try_from(size).unwrap(), 3)).unwrap()
}
fn hundredths(cents: i128) -> Usd {
    Usd::new(Decimal::new(i64::try_from(cents).unwrap(), 2)).unwrap()
}
fn same(got: Decimal, exact: Decimal) -> bool {
    // A decimal ends at 28 places, which is fewer digits the smaller the number is.
    (got - exact).abs() <= (exact.abs() * Decimal::new(1, 24)).max(Decimal::new(1, 26))
}
/// Equity less maintenance at a price, written out without the solver.
fn surplus(size: Qty, cash: Usd, rules: &MarginRules<'_>, at: Price) -> Decimal {
    let need = maintenance_margin(at.value(size).unwrap(), rules).unwrap();
    cash.get() + size.get() * at.get() - need.get()
}

proptest! {
    #![proptest_config(config())]

    /// Exactly the root that lies in its own tier, and never more than one of those.
    #[test]
    fn the_root_is_the_consistent_one(table in tables(), size in sizes(), cents in cents()) {
        let tiers = table.tiers();
        let rules = MarginRules::new(&tiers, basis_points(table.fee));
        let got = liquidation_price(thousandths(size), hundredths(cents), &rules).unwrap();
        let fits = consistent_roots(size, cents, &table);
        prop_assert!(fits.len() <= 1, "{fits:?}");
        match (got, fits.first()) {
            (Some(got), Some(exact)) => prop_assert!(same(got.get(), exact.decimal()), "{got} {exact:?}"),
            (got, exact) => prop_assert!(got.is_none() && exact.is_none(), "{got:?} {exact:?}"),
        }
    }

    /// The same where the root lies exactly at a tier's floor, or a hundredth beside it.
    #[test]
    fn floors_are_no_gaps(table in tables(), long: bool, near in 0usize..6, offset in -1i128..=1) {
        let tiers = table.tiers();
        let rules = MarginRules::new(&tiers, basis_points(table.fee));
        let near = near % table.floors.len();
        // Whole units, so that the cash that runs out at the floor has two decimals.
        let side = if long { 1 } else { -1 };
        let units = table.floors[near] * (table.rates[near] + table.fee - side * 10_000) - table.deduction(near);
        let cents = units.div_euclid(100) + offset;
        let got = liquidation_price(thousandths(side * 1000), hundredths(cents), &rules).unwrap();
        let fits = consistent_roots(side * 1000, cents, &table);
        prop_assert!(fits.len() <= 1);
        match (got, fits.first()) {
            (Some(got), Some(exact)) => prop_assert!(same(got.get(), exact.decimal()), "{got} {exact:?}"),
            (got, exact) => prop_assert!(got.is_none() && exact.is_none(), "{got:?} {exact:?}"),
        }
    }

    /// At the price equity meets maintenance; a little to the bad side it is below, to the good side above.
    #[test]
    fn it_zeroes_equity_less_maintenance(table in tables(), size in sizes(), cents in cents()) {
        let tiers = table.tiers();
        let rules = MarginRules::new(&tiers, basis_points(table.fee));
        let (size, cash) = (thousandths(size), hundredths(cents));
        if let Some(at) = liquidation_price(size, cash, &rules).unwrap() {
            let scale = at.value(size).unwrap().get().abs() + cash.get().abs();
            prop_assert!(surplus(size, cash, &rules, at).abs() <= scale * Decimal::new(1, 24));
            let step = Decimal::new(if size.is_negative() { -1 } else { 1 }, 7);
            let good = price_at_distance(at, step).unwrap();
            let bad = price_at_distance(at, -step).unwrap();
            prop_assert!(surplus(size, cash, &rules, good) > Decimal::ZERO);
            prop_assert!(surplus(size, cash, &rules, bad) < Decimal::ZERO);
        }
    }

    /// With deductions rounded as venues print them, nothing on the way to the price is below maintenance.
    #[test]
    fn rounded_deductions_give_the_price_that_is_reached_first(
        table in tables(), size in sizes(), near in 0usize..6, offset in -120i64..=120,
        off in prop::collection::vec(-45i64..=45, 6),
    ) {
        let continuous = table.tiers();
        // Each tier's deduction is off by up to 0.45, so that neighbours differ by less than one unit.
        let rounded = |k: usize| {
            let exact = continuous.as_slice()[k].deduction;
            Some(if k == 0 { exact } else { exact.plus(Usd::new(Decimal::new(off[k], 2)).unwrap()).unwrap() })
        };
        let tiers = table.tiers_with(rounded);
        let rules = MarginRules::new(&tiers, basis_points(table.fee));
        let size = thousandths(size);
        // Cash that runs out within a unit of some tier's floor: where the rounding matters.
        let floor = tiers.as_slice()[near % tiers.as_slice().len()].notional_floor;
        let need = maintenance_margin(floor, &rules).unwrap();
        let equity = if size.is_negative() { floor } else { floor.negated() };
        let cash = equity.plus(need).unwrap().plus(Usd::new(Decimal::new(offset, 2)).unwrap()).unwrap();
        let tiny = Decimal::new(1, 12);
        let Some(at) = liquidation_price(size, cash, &rules).unwrap() else {
            prop_assert!(size.is_positive() == (cash.get() >= -tiny) || floor.is_zero());
            return Ok(());
        };
        // Margin is short at the price or right beside it (a jump can lie there), and not before it is reached.
        let step = Decimal::new(if size.is_negative() { 1 } else { -1 }, 12);
        let slack = tiny * (Decimal::ONE + floor.get()) * Decimal::TEN;
        let [before, here, beyond] = [-step, Decimal::ZERO, step]
            .map(|step| surplus(size, cash, &rules, price_at_distance(at, step).unwrap()));
        prop_assert!(before.min(here).min(beyond) <= slack, "{before} {here} {beyond}");
        prop_assert!(before >= -slack, "{before}");
        for tier in tiers.as_slice() {
            for nudge in [Decimal::ZERO, Decimal::new(-1, 9)] {
                let at_floor = tier.notional_floor.get() / size.get().abs();
                let Ok(other) = Price::new(at_floor + at_floor * nudge) else { continue };
                let on_the_way = if size.is_negative() { other < at } else { other > at };
                if on_the_way {
                    let surplus = surplus(size, cash, &rules, other);
                    prop_assert!(surplus > -slack, "{other} before {at}: {surplus}");
                }
            }
        }
    }

    /// Several legs with one price: the same range as an exhaustive walk over all segments.
    #[test]
    fn legs_agree_with_exhaustive_search(
        tables in prop::collection::vec(tables(), 1..=3),
        sizes in prop::collection::vec(sizes(), 1..=4),
        cents in cents(),
    ) {
        let built: Vec<_> = tables.iter().map(exact::Table::tiers).collect();
        let legs: Vec<_> = sizes.iter().enumerate().map(|(i, size)| (*size, &tables[i % tables.len()])).collect();
        let ours: Vec<_> = sizes.iter().enumerate().map(|(i, size)| Leg {
            qty: thousandths(*size),
            rules: MarginRules::new(&built[i % built.len()], basis_points(tables[i % tables.len()].fee)),
        }).collect();
        let got = safe_range(&ours, hundredths(cents)).unwrap();
        let exact = safe_prices(&legs, cents);
        match (got, exact) {
            (Some(got), Some((lower, upper))) => for (got, exact) in [(got.lower, lower), (got.upper, upper)] {
                match (got, exact) {
                    (Some(got), Some(exact)) => prop_assert!(same(got.get(), exact.decimal()), "{got} {exact:?}"),
                    (got, exact) => prop_assert!(got.is_none() && exact.is_none(), "{got:?} {exact:?}"),
                }
            },
            (got, exact) => prop_assert!(got.is_none() && exact.is_none(), "{got:?} {exact:?}"),
        }
        if let ([leg], Some(range)) = (ours.as_slice(), got) {
            let one = liquidation_price(leg.qty, hundredths(cents), &leg.rules).unwrap();
            let end = if leg.qty.is_negative() { range.upper } else { range.lower };
            prop_assert_eq!(one, end);
        }
    }

    #[test]
    fn maintenance_is_continuous_and_rises(table in tables()) {
        let tiers = table.tiers();
        let rules = MarginRules::new(&tiers, basis_points(table.fee));
        let mut before = Usd::ZERO;
        for (k, tier) in tiers.as_slice().iter().enumerate().skip(1) {
            let floor = tier.notional_floor;
            let at = maintenance_margin(floor, &rules).unwrap();
            let lower = &tiers.as_slice()[k - 1];
            let from_below = (lower.maintenance_rate.get() + rules.liquidation_fee().get()) * floor.get() - lower.deduction.get();
            prop_assert_eq!(at.get(), from_below);
            prop_assert!(at > before);
            before = at;
        }
    }

    /// A bucket filled with N / L: more leverage brings the liquidation price nearer, never past the mark's other
    /// side of where 1 / L and maintenance put it.
    #[test]
    fn more_leverage_is_nearer(table in tables(), size in sizes(), mark in 1i64..1_000_000, pair in (1u32..100, 1u32..100)) {
        let tiers = table.tiers();
        let rules = MarginRules::new(&tiers, basis_points(table.fee));
        let (size, mark) = (thousandths(size), Price::new(Decimal::new(mark, 2)).unwrap());
        let at = |leverage: u32| {
            let bucket = initial_margin(mark.value(size).unwrap(), Leverage::new(leverage).unwrap()).unwrap();
            liquidation_price(size, cash_leg(bucket, size, mark).unwrap(), &rules).unwrap()
        };
        let (low, high) = (at(pair.0.min(pair.1)), at(pair.0.max(pair.1)));
        if size.is_negative() {
            let (low, high) = (low.unwrap(), high.unwrap());
            prop_assert!(high <= low);
        } else {
            // A long without leverage has none: `None` is the farthest.
            prop_assert!(high >= low);
        }
    }

    /// Size, cash and tiers times k: the same price. Price times k, size by k: k times the price.
    #[test]
    fn scales(table in tables(), size in sizes(), cents in cents(), k in 2i128..50) {
        let mut larger = table.clone();
        larger.floors.iter_mut().for_each(|floor| *floor *= k);
        let (small, large) = (table.tiers(), larger.tiers());
        let fee = basis_points(table.fee);
        let one = liquidation_price(thousandths(size), hundredths(cents), &MarginRules::new(&small, fee)).unwrap();
        let many = liquidation_price(thousandths(size * k), hundredths(cents * k), &MarginRules::new(&large, fee)).unwrap();
        let finer = liquidation_price(thousandths(size * k), hundredths(cents), &MarginRules::new(&small, fee)).unwrap();
        match (one, many, finer) {
            (Some(one), Some(many), Some(finer)) => {
                prop_assert!(same(one.get(), many.get()));
                prop_assert!(same(one.get(), finer.get() * Decimal::from_i128_with_scale(k, 0)));
            }
            all => prop_assert_eq!(all, (None, None, None)),
        }
    }

    /// Price to ratio and back.
    #[test]
    fn ratio_and_price_are_inverse(table in tables(), size in sizes(), cents in cents(), percent in 1i64..300) {
        let tiers = table.tiers();
        let rules = MarginRules::new(&tiers, basis_points(table.fee));
        let (size, cash, ratio) = (thousandths(size), hundredths(cents), Decimal::new(percent, 2));
        if let Some(at) = price_at_margin_ratio(size, cash, &rules, ratio).unwrap() {
            let value = at.value(size).unwrap();
            let equity = cash.plus(value).unwrap();
            let need = maintenance_margin(value, &rules).unwrap();
            let got = margin_ratio(need, equity).unwrap();
            // The root carries 28 digits; a bucket much smaller than its position loses some of them.
            let lost = Decimal::new(1, 22) * (value.abs().get() / need.get());
            prop_assert!((got - ratio).abs() <= ratio * lost.max(Decimal::new(1, 20)), "{got} {ratio}");
            let distance = distance_to_liquidation(at, at).unwrap();
            prop_assert_eq!(price_at_distance(at, distance).unwrap(), at);
        }
        prop_assert!(price_at_margin_ratio(size, cash, &rules, Decimal::ZERO).is_err());
    }

    /// At the bankruptcy price equity is zero, and a position with maintenance to keep is liquidated before it.
    #[test]
    fn bankruptcy_lies_behind_liquidation(table in tables(), size in sizes(), cents in cents()) {
        let tiers = table.tiers();
        let rules = MarginRules::new(&tiers, basis_points(table.fee));
        let (size, cash) = (thousandths(size), hundredths(cents));
        let bankruptcy = evenkeel_margin::bankruptcy_price(size, cash).unwrap();
        prop_assert_eq!(bankruptcy.is_some(), !cash.is_zero() && cash.is_negative() != size.is_negative());
        let Some(bankruptcy) = bankruptcy else { return Ok(()) };
        let left = cash.get() + size.get() * bankruptcy.get();
        prop_assert!(left.abs() <= cash.get().abs() * Decimal::new(1, 20));
        let liquidation = liquidation_price(size, cash, &rules).unwrap().unwrap();
        let before = if size.is_negative() { liquidation < bankruptcy } else { liquidation > bankruptcy };
        prop_assert!(before, "{liquidation} {bankruptcy}");
    }

    /// Just below the largest notional at a leverage that leverage is allowed, at it no longer.
    #[test]
    fn notional_and_leverage_limits_agree(table in tables(), lever in 1u32..=101) {
        let tiers = table.tiers();
        let rules = MarginRules::new(&tiers, Rate::ZERO);
        let lever = Leverage::new(lever).unwrap();
        match evenkeel_margin::max_notional(lever, &rules) {
            None => prop_assert!(rules.tiers().iter().all(|tier| tier.max_leverage >= lever)),
            Some(most) => {
                prop_assert_eq!(Some(most), tiers.max_notional(lever));
                prop_assert!(evenkeel_margin::max_leverage(most, &rules).unwrap() < lever);
                let less = most.minus(Usd::new(Decimal::new(1, 2)).unwrap()).unwrap();
                prop_assert!(most.is_zero() || evenkeel_margin::max_leverage(less, &rules).unwrap() >= lever);
            }
        }
    }

    #[test]
    fn distance_round_trips(mark in 1i64..i64::MAX, thousandths in -999i64..100_000) {
        let mark = Price::new(Decimal::new(mark, 8)).unwrap();
        let distance = Decimal::new(thousandths, 3);
        let there = price_at_distance(mark, distance).unwrap();
        prop_assert!((distance_to_liquidation(mark, there).unwrap() - distance).abs() < Decimal::new(1, 20));
    }

    /// Any decimals at all: an answer or an error, never a panic.
    #[test]
    fn nothing_panics(numbers in prop::collection::vec(decimals(), 12), exponent in 0u32..=28) {
        let usd = |i: usize| Usd::new(numbers[i]).unwrap();
        let size = Qty::new(numbers[2]).unwrap();
        let mark = Price::new(numbers[3].abs()).unwrap_or(Price::new(Decimal::new(1, exponent)).unwrap());
        let share = |i: usize| Rate::new(numbers[i]).unwrap_or(Rate::new(Decimal::ONE).unwrap());
        let lever = Leverage::new(numbers[4].abs()).unwrap_or(Leverage::ONE);
        let tier = evenkeel_types::MarginTier {
            notional_floor: Usd::ZERO, max_leverage: lever, maintenance_rate: share(5), deduction: usd(6),
        };
        let mut rules = vec![MarginRules::fixed(tier, share(7))];
        let low = evenkeel_types::TierRow {
            notional_floor: Usd::ZERO, max_leverage: lever,
            maintenance_rate: Rate::new(share(5).get().abs()).unwrap(), deduction: None,
        };
        let high = evenkeel_types::TierRow {
            notional_floor: usd(8).abs(), max_leverage: Leverage::ONE, maintenance_rate: Rate::new(Decimal::ONE).unwrap(), deduction: None,
        };
        let tiers = evenkeel_types::Tiers::new(&[low, high], None);
        if let Ok(tiers) = &tiers {
            rules.push(MarginRules::new(tiers, share(7)));
        }
        for rules in &rules {
            let _ = evenkeel_margin::maintenance_margin(usd(0), rules);
            let _ = liquidation_price(size, usd(0), rules);
            let _ = price_at_margin_ratio(size, usd(0), rules, numbers[9]);
            let legs = [Leg { qty: size, rules: *rules }, Leg { qty: Qty::new(numbers[10]).unwrap(), rules: *rules }];
            let _ = safe_range(&legs, usd(1)).map(|range| range.map(|range| range.nearest(mark)));
            let _ = evenkeel_margin::max_leverage(usd(0), rules);
            let _ = evenkeel_margin::max_notional(lever, rules);
        }
        let _ = evenkeel_margin::notional(size, mark);
        let _ = initial_margin(usd(0), lever);
        let _ = cash_leg(usd(0), size, mark);
        let _ = margin_ratio(usd(0), usd(1));
        let _ = evenkeel_margin::effective_leverage(usd(0), usd(1));
        let _ = evenkeel_margin::bankruptcy_price(size, usd(0));
        let _ = evenkeel_margin::unrealised_pnl(size, mark, Price::new(1).unwrap());
        let _ = price_at_distance(mark, numbers[9]);
        let _ = distance_to_liquidation(mark, Price::new(1).unwrap());
        let _ = evenkeel_margin::maintenance_rate(lever);
        let entry = AtEntry { qty: size, entry: mark, leverage: lever, tier, extra: usd(11) };
        let _ = (entry.order_cost(share(7)), entry.careful_liquidation(share(7)), entry.bankruptcy_price());
        let _ = evenkeel_margin::formulas::withdrawable(usd(0), usd(1), usd(6));
        let _ = evenkeel_margin::formulas::entry_cash(usd(0), usd(1), [(size, mark)]);
    }
}

/// Every decimal that can be, with the extremes often.
fn decimals() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        1 => prop::sample::select(vec![Decimal::MAX, Decimal::MIN, Decimal::ZERO, Decimal::ONE, Decimal::new(1, 28)]),
        3 => (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>(), 0u32..=28)
            .prop_map(|(lo, mid, hi, negative, scale)| Decimal::from_parts(lo, mid, hi, negative, scale)),
        3 => (any::<i32>(), 0u32..=28).prop_map(|(n, scale)| Decimal::new(i64::from(n), scale)),
    ]
}

/// Margin added by hand in the mark-based form: divided by one less (long) or more (short) the fee.
#[test]
fn extra_margin_in_the_mark_based_form() {
    for (size, expected) in [("1", "8944.623014974774"), ("-1", "11044.676716318507")] {
        let position = AtEntry {
            qty: qty(size),
            entry: price("10000"),
            leverage: leverage("10"),
            tier: tier("0", "100", "0.005", "0"),
            extra: usd("100"),
        };
        let got = position.mark_based_liquidation(rate("0.001")).unwrap().unwrap();
        close_to(size, got.get(), d(expected), d("0.000000001"));
    }
}

/// Cases with a story.
#[test]
fn particular_prices() {
    let tiers = table(&[("0", "40", "0.0125"), ("10000", "25", "0.02"), ("50000", "10", "0.05")]);
    let rules = MarginRules::new(&tiers, Rate::ZERO);
    for (story, size, cash, expected) in [
        ("flat", "0", "-5", None),
        ("a long whose cash covers it to zero", "1", "0", None),
        ("a short without a cent at any price", "-1", "0", None),
        ("a short worse than that", "-1", "-50", None),
        ("exactly at a floor: 10000 * 0.9875", "1", "-9875", Some("10000")),
        ("exactly at a floor, short", "-1", "10125", Some("10000")),
        (
            "the root above the mark of an over-leveraged long is still the root",
            "1",
            "-54000",
            Some("55184.2105263158"),
        ),
    ] {
        let got = liquidation_price(qty(size), usd(cash), &rules).unwrap();
        assert_eq!(got.map(|p| format!("{p:.10}")), expected.map(|p| format!("{:.10}", price(p))), "{story}");
    }
    // Maintenance of 100 % and more: no price can keep it.
    let absurd = known(rate("1"), Usd::ZERO);
    assert_eq!(liquidation_price(qty("1"), usd("-1"), &absurd).unwrap(), None);
    assert_eq!(safe_range(&[Leg { qty: qty("1"), rules: absurd }], usd("-1")).unwrap(), None);
    // A price that no number holds: none for a short, which is safe there; an error for a long, which is not.
    let huge = Usd::new(Decimal::MAX).unwrap();
    let flat = known(rate("0.01"), Usd::ZERO);
    assert_eq!(liquidation_price(qty("-0.0000000001"), huge, &flat).unwrap(), None);
    assert!(liquidation_price(qty("0.0000000001"), huge.negated(), &flat).is_err());
}
