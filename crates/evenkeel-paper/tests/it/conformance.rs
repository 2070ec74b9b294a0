//! The suite passes on the paper exchange with every profile, and on nothing that is broken.

use evenkeel_conformance::{Setup, Verdict, trade};
use evenkeel_paper::{Builder, PaperVenue, profiles};
use evenkeel_types::{MarginMode, MarginModeScope};

use crate::support::{block_on, sym, world};

fn setup() -> Setup {
    Setup::new([sym("SOL"), sym("BTC")])
}

fn passes(builder: Builder, expected: &str) {
    let venue = PaperVenue::new(builder.build().unwrap());
    let report = block_on(trade(&venue, &venue.clock(), &setup()));
    assert!(report.is_success(), "{report}");
    let skipped: Vec<u32> =
        report.cases.iter().filter(|c| matches!(c.verdict, Verdict::Skipped(_))).map(|c| c.number).collect();
    assert_eq!(format!("{skipped:?}"), expected, "{report}");
}

#[test]
fn every_profile_passes_in_one_way_mode() {
    for (profile, skipped) in profiles::all().into_iter().zip(["[39]", "[]", "[42, 50, 50]", "[]"]) {
        assert_eq!(
            profile.capabilities.margin_mode_scope == MarginModeScope::Account,
            skipped.contains("50")
        );
        passes(world(profile), skipped);
    }
}

#[test]
fn an_account_wide_isolated_mode_passes() {
    passes(world(profiles::bybit()).setting("SOL", 10, MarginMode::Isolated), "[42, 50, 50]");
}

#[test]
fn hedge_mode_passes_where_there_is_one() {
    for profile in profiles::all().into_iter().filter(|p| p.capabilities.hedge_mode) {
        let skipped = if profile.name == "bybit" { "[42, 50, 50]" } else { "[]" };
        passes(world(profile).hedge(), skipped);
    }
}
