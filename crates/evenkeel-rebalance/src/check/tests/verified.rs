//! What is measured of an account, and what passes.

use alloc::string::ToString;

use evenkeel_types::{IsolatedMargin, MarginMode, Rate, Snapshot, Symbol, Usd};

use crate::{
    Gross, Metric, MetricKind, Policy, Reading, ResolvedTarget, Rest, RunState, Target, Unit, Verification,
    VerifyError, verify,
};

use super::good::{halves, snapshot};
use super::scenario::{rate, symbol, usd, whole};

/// The account after the user's own run: SOL 149.76, BTC 150.05 at 2x, wanted half and half of 299.5.
fn reached() -> (ResolvedTarget, Snapshot) {
    let before = snapshot("200", &[("SOL", "0.54", 2, None), ("BTC", "0.00197", 10, None)]);
    let target = halves(2).resolve(&before).unwrap();
    (target, snapshot("199.9", &[("SOL", "0.9", 2, None), ("BTC", "0.00141", 2, None)]))
}

fn measure(target: &ResolvedTarget, state: &RunState, snapshot: &Snapshot) -> Verification {
    verify(target, &Policy::conservative(), state, snapshot).unwrap()
}

fn one<'a>(found: &'a Verification, kind: MetricKind, name: Option<&str>) -> &'a Metric {
    let is = |metric: &&Metric| metric.kind == kind && metric.symbol.as_ref().map(Symbol::as_str) == name;
    found.metrics.iter().find(is).unwrap_or_else(|| panic!("no {kind:?} of {name:?}"))
}

#[test]
fn what_the_user_reached_passes() {
    let (target, snapshot) = reached();
    let found = measure(&target, &RunState::start(), &snapshot);
    assert!(found.all_pass() && found.within_tolerance(), "{found:?}");
    assert_eq!(alloc::format!("{:.4}", one(&found, MetricKind::Allocation, Some("SOL")).actual), "0.4995");
    assert_eq!(one(&found, MetricKind::LeverageSetting, Some("BTC")).actual.to_string(), "2");
    assert_eq!(one(&found, MetricKind::Gross, None).unit, Unit::Usd);
    // Two allocations, two leverages, gross and account value: no mode was asked for, nothing was to be closed.
    assert_eq!(found.metrics.len(), 6);
    let text = serde_json::to_string(&found).unwrap();
    assert!(text.contains(r#""allowed":"0.01""#), "{text}");
    assert_eq!(serde_json::from_str::<Verification>(&text).unwrap(), found);
}

/// Each way of not being there fails its own metric.
#[test]
fn what_is_not_there_fails() {
    type Case = (
        &'static str,
        fn(&mut ResolvedTarget, &mut RunState, &mut Snapshot),
        MetricKind,
        Option<&'static str>,
    );
    let cases: [Case; 10] = [
        ("size", |_, _, s| s.positions[0].qty = "1".parse().unwrap(), MetricKind::Allocation, Some("SOL")),
        ("side", |_, _, s| s.positions[0].qty = "-0.9".parse().unwrap(), MetricKind::Allocation, Some("SOL")),
        ("nothing held", |_, _, s| s.positions.clear(), MetricKind::Allocation, Some("BTC")),
        (
            "leverage",
            |_, _, s| {
                let setting = s.settings.get_mut(&symbol("BTC")).unwrap();
                (setting.long, setting.short) = (whole(10), whole(10));
                s.positions[1].leverage = whole(10);
            },
            MetricKind::LeverageSetting,
            Some("BTC"),
        ),
        (
            "leverage of the other side",
            |_, _, s| {
                s.settings.get_mut(&symbol("BTC")).unwrap().short = whole(10);
            },
            MetricKind::LeverageSetting,
            Some("BTC"),
        ),
        (
            "leverage of what was set aside and is flat",
            |_, state, s| {
                s.positions.remove(1);
                let setting = s.settings.get_mut(&symbol("BTC")).unwrap();
                (setting.long, setting.short) = (whole(10), whole(10));
                state.set_aside.insert(symbol("BTC"), "refused leverage".into());
            },
            MetricKind::LeverageSetting,
            Some("BTC"),
        ),
        (
            "mode",
            |t, _, _| {
                t.symbols.get_mut(&symbol("SOL")).unwrap().mode = Some(MarginMode::Isolated);
            },
            MetricKind::MarginMode,
            Some("SOL"),
        ),
        (
            "not closed",
            |t, _, _| {
                t.symbols.get_mut(&symbol("SOL")).unwrap().notional = Usd::ZERO;
            },
            MetricKind::Closed,
            Some("SOL"),
        ),
        ("gross", |_, state, _| state.scale_ceiling = "0.9".parse().unwrap(), MetricKind::Gross, None),
        ("account value", |_, _, s| s.pools[0].equity = usd("197.9"), MetricKind::AccountValue, None),
    ];
    for (name, change, kind, of) in cases {
        let ((mut target, mut snapshot), mut state) = (reached(), RunState::start());
        change(&mut target, &mut state, &mut snapshot);
        let found = measure(&target, &state, &snapshot);
        let metric = one(&found, kind, of);
        assert!(!metric.pass && metric.error > metric.allowed, "{name}: {metric:?}");
        assert!(!found.all_pass());
        assert_eq!(found.within_tolerance(), kind == MetricKind::AccountValue, "{name}");
    }
}

/// Turnover excuses what its fees and slippage can have cost at worst, and nothing else does.
#[test]
fn costs_excuse_a_loss() {
    let (target, mut snapshot) = reached();
    snapshot.pools[0].equity = usd("197.9");
    let mut state = RunState::start();
    state.turnover = usd("330");
    // 330 * (0.005 + 0.00045 * 1.005) + 0.01 * 200 = 3.7992425
    let found = measure(&target, &state, &snapshot);
    let metric = one(&found, MetricKind::AccountValue, None);
    assert_eq!((metric.error, metric.allowed), (usd("2.1").get(), usd("3.7992425").get()));
    assert!(metric.pass);
    snapshot.pools[0].equity = usd("201");
    assert_eq!(one(&measure(&target, &state, &snapshot), MetricKind::AccountValue, None).error, 0.into());
}

/// Cash counts with its share, and what is kept stands outside.
#[test]
fn allocation_is_of_what_the_run_is_responsible_for() {
    let before = snapshot("400", &[("ETH", "0.1", 2, None)]);
    let target = Target::percent([("SOL", "40"), ("BTC", "-40"), ("cash", "20")]).unwrap();
    let target = target.leverage(whole(2)).gross(Gross::Notional(usd("375"))).rest(Rest::Keep);
    let target = target.resolve(&before).unwrap();
    let after =
        snapshot("400", &[("ETH", "0.1", 10, None), ("SOL", "0.9", 2, None), ("BTC", "-0.00141", 2, None)]);
    let found = measure(&target, &RunState::start(), &after);
    assert!(found.all_pass(), "{:?}", found.failures().collect::<alloc::vec::Vec<_>>());
    assert_eq!(alloc::format!("{:.3}", one(&found, MetricKind::Allocation, Some("BTC")).actual), "-0.400");
}

/// An isolated position has the leverage that its bucket gives it, whatever the setting says.
#[test]
fn buckets_show_the_leverage_they_give() {
    let before = snapshot("100", &[("SOL", "0.6", 5, Some("20"))]);
    let target = Target::percent([("SOL", "100")]).unwrap().leverage(whole(5)).resolve(&before).unwrap();
    for (bucket, pass, shown) in
        [("20", true, "4.992"), ("19.8", true, "5.042"), ("19", false, "5.255"), ("0", false, "N/A")]
    {
        let mut after = before.clone();
        after.positions[0].isolated = Some(IsolatedMargin { equity: usd(bucket) });
        let found = measure(&target, &RunState::start(), &after);
        let metric = one(&found, MetricKind::EffectiveLeverage, Some("SOL"));
        assert_eq!((metric.pass, alloc::format!("{:.3}", metric.actual).as_str()), (pass, shown), "{bucket}");
    }
}

#[test]
fn readings_print_for_people() {
    assert_eq!(Reading::Mode(MarginMode::Cross).to_string(), "cross");
    assert_eq!(Reading::NotApplicable.to_string(), "N/A");
    assert_eq!(alloc::format!("{:.2}", Reading::Number(rate(125, 4).get())), "0.01");
    assert_eq!(Reading::Number(Rate::ZERO.get()).to_string(), "0");
}

#[test]
fn another_account_is_an_error() {
    let (target, mut snapshot) = reached();
    snapshot.account = "other".parse().unwrap();
    let error = verify(&target, &Policy::conservative(), &RunState::start(), &snapshot).unwrap_err();
    assert!(matches!(error, VerifyError::OtherAccount { .. }));
    assert_eq!(
        error.to_string(),
        "the snapshot is of other at paper, the target was resolved for main at paper"
    );
}
