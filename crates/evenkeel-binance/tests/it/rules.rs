//! Every price and size that is sent satisfies the venue's own filters, for every recorded instrument; and what satisfies
//! them is sent.

use std::sync::LazyLock;

use evenkeel_exchange::Trade as _;
use evenkeel_types::{Decimal, OrderIntent, Price, Qty, Side};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::server::{Fate, Server};
use crate::support::{cases, d, fixtures, id, json as parse, read, symbol, unproven, value};

/// The raw rows of all recorded instruments, the newest of each name.
static ROWS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mut rows = std::collections::BTreeMap::new();
    if let Some(folder) = fixtures() {
        for index in [1, 2, 3, 4, 5] {
            let file = parse(&read(&folder, &format!("exchangeInfo_{index}.json")));
            for row in file["symbols"].as_array().unwrap() {
                rows.insert(row["symbol"].as_str().unwrap().to_owned(), row.clone());
            }
        }
    }
    rows.into_values().filter(|row| row["quoteAsset"] == row["marginAsset"]).collect()
});

fn filter<'a>(row: &'a Value, kind: &str) -> &'a Value {
    row["filters"].as_array().unwrap().iter().find(|filter| filter["filterType"] == kind).unwrap()
}

/// The venue's rules as its documentation has them, apart from the connector's.
fn allowed(row: &Value, qty: Decimal, price: Decimal, reduce_only: bool) -> bool {
    let lot = filter(row, "LOT_SIZE");
    let prices = filter(row, "PRICE_FILTER");
    let least = value(&filter(row, "MIN_NOTIONAL")["notional"]);
    let within = |value: Decimal, low: Decimal, high: Decimal| low <= value && value <= high;
    qty > Decimal::ZERO
        && within(qty, value(&lot["minQty"]), value(&lot["maxQty"]))
        && (qty % value(&lot["stepSize"])).is_zero()
        && within(price, value(&prices["minPrice"]), value(&prices["maxPrice"]))
        && (price % value(&prices["tickSize"])).is_zero()
        && (reduce_only || qty * price >= least)
}

fn server() -> std::sync::Arc<Server> {
    let server = Server::start();
    let tiers: Vec<Value> = ROWS
        .iter()
        .map(|row| json!({"symbol": row["symbol"], "brackets": [{"initialLeverage": 20, "notionalCap": 1000, "notionalFloor": 0, "maintMarginRatio": 0.01, "cum": 0}]}))
        .collect();
    server.read("/fapi/v1/exchangeInfo", Fate::json(json!({"symbols": *ROWS})));
    server.read("/fapi/v1/leverageBracket", Fate::json(json!(tiers)));
    server
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases().min(256), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_satisfies_the_venues_rules(
        row in any::<prop::sample::Index>(),
        orders in prop::collection::vec((1u32..2_000_000, 1u32..2_000_000, 0u32..4, 0u32..4, any::<bool>()), 1..40),
    ) {
        if ROWS.is_empty() {
            return Ok(());
        }
        let row = row.get(&ROWS);
        let (step, tick) = (value(&filter(row, "LOT_SIZE")["stepSize"]), value(&filter(row, "PRICE_FILTER")["tickSize"]));
        let name = row["symbol"].as_str().unwrap();
        // On the grid, and a tenth or a hundredth of a step beside it.
        let off = |steps: u32, size: Decimal, beside: u32| {
            let beside = [Decimal::ZERO, Decimal::ZERO, size / d("10"), size / d("100")][beside as usize];
            (Decimal::from(steps) * size + beside).normalize()
        };
        let intents: Vec<OrderIntent> = orders
            .iter()
            .zip(0u8..)
            .map(|((qty, price, beside_qty, beside_price, reduce_only), number)| OrderIntent {
                id: id(number),
                symbol: symbol(name),
                side: Side::Buy,
                position_side: evenkeel_types::PositionSide::Net,
                qty: Qty::new(off(*qty, step, *beside_qty)).unwrap(),
                limit: Price::new(off(*price, tick, *beside_price)).unwrap(),
                tif: evenkeel_types::TimeInForce::Ioc,
                reduce_only: *reduce_only,
            })
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let server = server();
        let venue = server.venue();
        let requests: Vec<_> = intents.iter().cloned().map(unproven).collect();
        let outcomes = runtime.block_on(venue.place(&requests));
        for (intent, outcome) in intents.iter().zip(&outcomes) {
            let fine = allowed(row, intent.qty.get(), intent.limit.get(), intent.reduce_only);
            prop_assert_eq!(outcome.is_ok(), fine, "{:?}: {:?}", intent, outcome);
        }
        for seen in server.writes() {
            let sent: Vec<Value> = match seen.path.as_str() {
                "/fapi/v1/order" => vec![json!(seen.params)],
                _ => serde_json::from_str(seen.get("batchOrders")).unwrap(),
            };
            for order in sent {
                let (qty, price) = (order["quantity"].as_str().unwrap(), order["price"].as_str().unwrap());
                // Plain decimals without exponent.
                prop_assert!(qty.bytes().chain(price.bytes()).all(|byte| byte.is_ascii_digit() || byte == b'.'));
                prop_assert!(allowed(row, d(qty), d(price), order["reduceOnly"] == "true"), "{}", order);
            }
        }
    }
}

#[test]
fn there_are_instruments_to_try() {
    if fixtures().is_some() {
        assert!(ROWS.len() >= 140, "{}", ROWS.len());
    }
}
