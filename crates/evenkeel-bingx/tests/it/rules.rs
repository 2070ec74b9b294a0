//! Whatever is sent fits the venue's rules: for every recorded contract, any price and any size. Nothing is rounded on the way:
//! what does not fit is refused, and the digits that leave are those of the order.

use evenkeel_bingx::decode::{Body, decode_contracts};
use evenkeel_exchange::Trade as _;
use evenkeel_types::{Decimal, Side};
use proptest::prelude::*;
use serde_json::Value;

use crate::server::{Fate, Server};
use crate::support::{cases, d, fixtures, intent, json, read, unproven};

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_price_and_size_that_is_sent_fits(
        row in any::<prop::sample::Index>(), price in 1i64..=100_000_000, places in 0u32..=7, size in 1i64..=1_000_000,
        decimals in 0u32..=6, buys: bool,
    ) {
        let Some(folder) = fixtures() else { return Ok(()) };
        let body = match ["contracts_1.json", "contracts_2.json", "contracts_row_1.json"][row.index(3)] {
            // A row without its envelope.
            name @ "contracts_row_1.json" => {
                serde_json::json!({"code": 0, "msg": "", "data": [json(&read(&folder, name))]}).to_string().into_bytes()
            }
            name => read(&folder, name),
        };
        let raw = json(&body);
        let rows = raw["data"].as_array().unwrap();
        let raw = row.get(rows);
        let rules = decode_contracts(Body::new("contracts", &body)).unwrap();
        prop_assert!(rules.refused.is_empty());
        let (price, size) = (Decimal::new(price, places).normalize(), Decimal::new(size, decimals).normalize());
        let server = Server::start();
        server.always("GET quote/contracts", Fate::Answer(200, body));
        let venue = server.venue();
        let side = if buys { Side::Buy } else { Side::Sell };
        let order = unproven(intent(raw["symbol"].as_str().unwrap(), side, &size.to_string(), &price.to_string()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let outcome = runtime.block_on(venue.place(&[order])).remove(0);
        let whole = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let scale = |name: &str| whole(&raw[name]).parse::<u32>().unwrap();
        let fits = price.scale() <= scale("pricePrecision")
            && size.scale() <= scale("quantityPrecision")
            && size >= d(&whole(&raw["tradeMinQuantity"]))
            && size * price >= d(&whole(&raw["tradeMinUSDT"]));
        let writes = server.writes();
        prop_assert_eq!(writes.len(), usize::from(fits), "{:?}", outcome);
        prop_assert_eq!(outcome.is_ok(), fits);
        if let Some((_, asked)) = writes.first() {
            // The very digits, not rounded.
            prop_assert_eq!(d(&asked["price"]), price);
            prop_assert_eq!(d(&asked["quantity"]), size);
        }
    }
}
