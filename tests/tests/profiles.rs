//! What the paper exchange plays is what the connector documents: a rehearsal under other rules would prove nothing.

use evenkeel_paper::profiles;

#[test]
fn the_paper_exchange_has_the_rules_of_each_connector() {
    let documented = [
        ("hyperliquid", evenkeel_hyperliquid::capabilities()),
        ("binance", evenkeel_binance::capabilities()),
        ("bybit", evenkeel_bybit::capabilities()),
        ("bingx", evenkeel_bingx::capabilities()),
    ];
    let played = profiles::all();
    assert_eq!(played.len(), documented.len());
    for (name, documented) in documented {
        let profile = played.iter().find(|profile| profile.name == name).expect("a profile of that name");
        assert_eq!(profile.capabilities, documented, "{name}");
    }
}
