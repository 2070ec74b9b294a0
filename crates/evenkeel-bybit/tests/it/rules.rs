//! Whatever is asked for: each price, size and value that is sent satisfies the venue's rules for every recorded instrument.

use evenkeel_exchange::Trade as _;
use evenkeel_types::{Decimal, OrderIntent, Price, PriceRule, Qty, Round, Side};
use proptest::prelude::*;
use serde_json::Value;

use crate::server::{Server, answer};
use crate::support::{cases, d, fixtures, intent, json, read, symbol, unproven, value};

/// All instruments that were recorded and trade.
static RECORDED: std::sync::LazyLock<Vec<Value>> = std::sync::LazyLock::new(|| {
    let Some(folder) = fixtures() else { return Vec::new() };
    let files = (1..=4).map(|index| json(&read(&folder, &format!("instruments_info_{index}.json"))));
    files.flat_map(|file| file["result"]["list"].as_array().unwrap().clone()).collect()
});

/// Independent of the crate's own arithmetic: digits as whole numbers.
fn is_multiple(value: Decimal, step: Decimal) -> bool {
    let scale = value.scale().max(step.scale());
    let whole = |decimal: Decimal| {
        let mut decimal = decimal;
        decimal.rescale(scale);
        decimal.mantissa()
    };
    whole(value) % whole(step) == 0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_satisfies_the_rules(
        which in any::<prop::sample::Index>(), ticks in 1u64..400_000, lots in 1u64..30_000, off in 0u8..4, reduce: bool,
    ) {
        if RECORDED.is_empty() { return Ok(()); }
        let rules = which.get(&RECORDED).clone();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let server = Server::start();
        let list = serde_json::json!({"retCode": 0, "result": {"list": [rules], "nextPageCursor": ""}});
        server.special("/v5/market/instruments-info", answer(&list));
        let venue = server.venue();
        let (tick, lot) = (value(&rules["priceFilter"]["tickSize"]), value(&rules["lotSizeFilter"]["qtyStep"]));
        let half = d("0.5");
        let price = tick * (Decimal::from(ticks) + if off == 1 { half } else { Decimal::ZERO });
        let qty = lot * (Decimal::from(lots) + if off == 2 { half } else { Decimal::ZERO });
        let wanted = OrderIntent {
            symbol: symbol(rules["symbol"].as_str().unwrap()),
            limit: Price::new(price).unwrap(),
            qty: Qty::new(qty).unwrap(),
            reduce_only: reduce,
            ..intent(1, "BTCUSDT", Side::Buy, "1", "1")
        };
        let outcome = runtime.block_on(venue.place(&[unproven(wanted)])).remove(0);
        let written = server.written();
        prop_assert_eq!(outcome.is_ok(), written.len() == 1);
        if off == 1 || off == 2 {
            prop_assert!(written.is_empty(), "off the step");
        }
        for asked in written {
            let (price, qty) = (value(&asked.body["price"]), value(&asked.body["qty"]));
            prop_assert!(is_multiple(price, tick) && is_multiple(qty, lot));
            prop_assert!(price >= value(&rules["priceFilter"]["minPrice"]));
            prop_assert!(price <= value(&rules["priceFilter"]["maxPrice"]));
            if !reduce {
                prop_assert!(qty >= value(&rules["lotSizeFilter"]["minOrderQty"]));
                prop_assert!(qty <= value(&rules["lotSizeFilter"]["maxOrderQty"]));
                let least = &rules["lotSizeFilter"]["minNotionalValue"];
                prop_assert!(least.is_null() || price * qty >= value(least));
            }
        }
    }
}

/// What is rounded by an instrument's own rule is a multiple of its tick.
#[test]
fn rounded_prices_are_accepted() {
    for rules in RECORDED.iter() {
        let tick = value(&rules["priceFilter"]["tickSize"]);
        let rule = PriceRule::Tick(Price::new(tick).unwrap());
        for (factor, round) in [("1234.56", Round::Down), ("77.7", Round::Up), ("1.000001", Round::Up)] {
            let rounded = rule.round(Price::new(tick * d(factor)).unwrap(), round).unwrap();
            assert!(is_multiple(rounded.get(), tick), "{}", rules["symbol"]);
        }
    }
}
