//! Binance's listing of all contracts to `Instrument`s, beside the JSON reader underneath, measured in the same run. Run
//! with `cargo bench -p evenkeel-benches --bench listings`; the table of ratios comes first.
//!
//! Every field is read from its own digits and every symbol carries its own error, so the floor is what reading the text
//! once costs; peers, measured elsewhere against the same floor, read a part of it as floats or leave it text.
//!
//! On 2026-11-28, on two cores that were busy with other builds, in three runs: 900 symbols took 7.8 to 9.9 times the floor
//! (structs that borrow: 3.4 to 3.7), 1,800 took 5.2 to 7.7 times (3.2 to 4.7). The goal, no slower than structs that
//! borrow, is not met. No single part of it is large: allocating and the list of places cost about as much as reading.

use std::collections::BTreeMap;
use std::hint::black_box;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use evenkeel_benches::{medians, run};
use evenkeel_binance::decode::{Body, Markets, decode_exchange_info, decode_leverage_brackets};
use serde::Deserialize;
use serde_json::{Value, json};

const SIZES: [u32; 2] = [900, 1800];

fn main() {
    ratios();
    divan::main();
}

/// A row as the venue writes it, with all that nobody needs.
fn listing(index: u32) -> Value {
    let name = format!("COIN{index}");
    json!({
        "symbol": format!("{name}USDT"), "pair": format!("{name}USDT"), "contractType": "PERPETUAL",
        "deliveryDate": 4_133_404_800_000_u64, "onboardDate": 1_569_398_400_000_u64, "status": "TRADING",
        "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000", "baseAsset": name, "quoteAsset": "USDT",
        "marginAsset": "USDT", "pricePrecision": 4, "quantityPrecision": 1, "baseAssetPrecision": 8,
        "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": ["Layer-1"], "settlePlan": 0,
        "triggerProtect": "0.0500", "liquidationFee": "0.012500", "marketTakeBound": "0.05", "maxMoveOrderLimit": 10_000,
        "filters": [
            {"filterType": "PRICE_FILTER", "maxPrice": "4529764", "minPrice": "0.0010", "tickSize": "0.0001"},
            {"filterType": "LOT_SIZE", "maxQty": "1000000", "minQty": "0.1", "stepSize": "0.1"},
            {"filterType": "MARKET_LOT_SIZE", "maxQty": "20000", "minQty": "0.1", "stepSize": "0.1"},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500", "multiplierDown": "0.9500",
                "multiplierDecimal": "4"},
            {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE", "notionalCap": "0"}
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET",
            "TRAILING_STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"], "permissionSets": ["GRID", "COPY"]
    })
}

/// Four tiers whose deductions are continuous.
fn brackets(index: u32) -> Value {
    let tier = |bracket: u32, leverage: u32, floor: u32, cap: u32, rate: f64, cum: f64| {
        json!({"bracket": bracket, "initialLeverage": leverage, "notionalCap": cap, "notionalFloor": floor,
            "maintMarginRatio": rate, "cum": cum})
    };
    json!({"symbol": format!("COIN{index}USDT"), "notionalCoef": 1.0, "brackets": [
        tier(1, 50, 0, 10_000, 0.01, 0.0), tier(2, 25, 10_000, 50_000, 0.02, 100.0),
        tier(3, 10, 50_000, 200_000, 0.05, 1_600.0), tier(4, 5, 200_000, 1_000_000, 0.1, 11_600.0)]})
}

struct Answers {
    info: Vec<u8>,
    brackets: Vec<u8>,
}

impl Answers {
    fn new(symbols: u32) -> Self {
        let info = json!({"timezone": "UTC", "serverTime": 1_764_000_000_000_u64, "exchangeFilters": [],
            "symbols": (0..symbols).map(listing).collect::<Vec<_>>()});
        let brackets: Vec<Value> = (0..symbols).map(brackets).collect();
        let text = |value: Value| serde_json::to_vec(&value).expect("JSON");
        Self { info: text(info), brackets: text(Value::Array(brackets)) }
    }

    fn size(&self) -> usize {
        self.info.len() + self.brackets.len()
    }

    /// What the connector does with them.
    fn instruments(&self) -> usize {
        let listings = decode_exchange_info(Body::new("exchangeInfo", &self.info)).expect("a listing");
        let brackets = decode_leverage_brackets(Body::new("leverageBracket", &self.brackets)).expect("tiers");
        Markets::new(listings, &brackets, &BTreeMap::new()).instruments().len()
    }

    fn each<T>(&self, read: impl Fn(&[u8]) -> T) -> (T, T) {
        (read(&self.info), read(&self.brackets))
    }
}

/// What one writes for speed: structs that borrow, the same fields, the same exact numbers, and the same look at the tiers;
/// without places in errors, and one row that is not understood is the end of all.
mod borrowed {
    use std::collections::BTreeMap;

    use evenkeel_types::Decimal;
    use serde::Deserialize;
    use serde_json::value::RawValue;

    #[derive(Deserialize)]
    pub(crate) struct Info<'a> {
        #[serde(borrow)]
        symbols: Vec<Listing<'a>>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Listing<'a> {
        symbol: &'a str,
        contract_type: &'a str,
        status: &'a str,
        quote_asset: &'a str,
        margin_asset: &'a str,
        filters: Vec<Filter<'a>>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Filter<'a> {
        filter_type: &'a str,
        tick_size: Option<&'a str>,
        min_price: Option<&'a str>,
        max_price: Option<&'a str>,
        step_size: Option<&'a str>,
        min_qty: Option<&'a str>,
        max_qty: Option<&'a str>,
        notional: Option<&'a str>,
        position_control_side: Option<&'a str>,
    }

    #[derive(Deserialize)]
    pub(crate) struct Tiers<'a> {
        symbol: &'a str,
        #[serde(borrow)]
        brackets: Vec<Tier<'a>>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Tier<'a> {
        #[serde(borrow)]
        initial_leverage: &'a RawValue,
        #[serde(borrow)]
        notional_cap: &'a RawValue,
        #[serde(borrow)]
        notional_floor: &'a RawValue,
        #[serde(borrow)]
        maint_margin_ratio: &'a RawValue,
        #[serde(borrow)]
        cum: &'a RawValue,
    }

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).expect("a number")
    }

    pub(crate) fn read(info: &[u8], brackets: &[u8]) -> usize {
        let info: Info<'_> = serde_json::from_slice(info).expect("a listing");
        let rows: Vec<Tiers<'_>> = serde_json::from_slice(brackets).expect("tiers");
        let mut tiers = BTreeMap::new();
        for row in rows {
            let mut table = Vec::with_capacity(row.brackets.len());
            for tier in row.brackets {
                table.push([
                    decimal(tier.notional_floor.get()),
                    decimal(tier.notional_cap.get()),
                    decimal(tier.initial_leverage.get()),
                    decimal(tier.maint_margin_ratio.get()),
                    decimal(tier.cum.get()),
                ]);
            }
            let mut expected = Decimal::ZERO;
            for pair in table.windows(2) {
                assert_eq!(pair[0][1], pair[1][0], "tiers meet");
                expected += pair[1][0] * (pair[1][3] - pair[0][3]);
                assert_eq!(pair[1][4], expected, "deductions are continuous");
            }
            tiers.insert(row.symbol.to_owned(), table);
        }
        let mut found = BTreeMap::new();
        for row in info.symbols {
            assert_eq!(row.quote_asset, row.margin_asset);
            let mut numbers = Vec::new();
            let mut restricted = false;
            for filter in row.filters {
                let (wanted, count) = match filter.filter_type {
                    "PRICE_FILTER" => ([filter.tick_size, filter.min_price, filter.max_price], 3),
                    "LOT_SIZE" => ([filter.step_size, filter.min_qty, filter.max_qty], 3),
                    "MARKET_LOT_SIZE" => ([filter.max_qty, None, None], 1),
                    "MIN_NOTIONAL" => ([filter.notional, None, None], 1),
                    "POSITION_RISK_CONTROL" => {
                        restricted = filter.position_control_side != Some("NONE");
                        ([None; 3], 0)
                    }
                    _ => ([None; 3], 0),
                };
                numbers.extend(wanted.iter().take(count).map(|text| decimal(text.expect("a number"))));
            }
            let open = row.status == "TRADING" && !restricted;
            let tiers = tiers.get(row.symbol).expect("tiers").clone();
            found.insert(row.symbol.to_owned(), (row.contract_type.to_owned(), open, numbers, tiers));
        }
        found.len()
    }
}

/// Reads and drops everything: no field is looked at.
fn ignored(bytes: &[u8]) {
    serde::de::IgnoredAny::deserialize(&mut serde_json::Deserializer::from_slice(bytes)).expect("JSON");
}

/// Reads everything into a tree: what one writes first.
fn tree(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[allow(clippy::print_stdout, reason = "a benchmark reports there")]
fn ratios() {
    println!("{:>44} {:>12} {:>8}", "", "time", "× floor");
    for symbols in SIZES {
        let answers = Answers::new(symbols);
        assert_eq!(
            answers.instruments(),
            usize::try_from(symbols).expect("a size"),
            "every symbol is understood"
        );
        let rows = medians(
            21,
            1,
            &[
                ("floor: serde_json, every field skipped", run(|| answers.each(ignored))),
                (
                    "serde_json, borrowed structs, the same numbers",
                    run(|| borrowed::read(&answers.info, &answers.brackets)),
                ),
                ("serde_json, a tree of values", run(|| answers.each(tree))),
                ("ours: text to checked instruments", run(|| answers.instruments())),
            ],
        );
        println!("{symbols} symbols, {} kB", answers.size() / 1000);
        for (name, time) in rows {
            println!("{name:>44} {time:>12.2?} {:>8.2}", time.as_secs_f64() / rows[0].1.as_secs_f64());
        }
    }
    println!();
}

#[divan::bench(args = SIZES)]
fn exchange_info_to_instruments(bencher: Bencher<'_, '_>, symbols: u32) {
    let answers = Answers::new(symbols);
    bencher
        .counter(ItemsCount::new(symbols))
        .counter(BytesCount::new(answers.size()))
        .bench(|| black_box(&answers).instruments());
}

#[divan::bench(args = SIZES)]
fn floor_skipping(bencher: Bencher<'_, '_>, symbols: u32) {
    let answers = Answers::new(symbols);
    bencher.counter(BytesCount::new(answers.size())).bench(|| black_box(&answers).each(ignored));
}
