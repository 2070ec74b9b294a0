//! The venue's own liquidation prices, and the shared examples of them, computed again from what the connector reads: each
//! is told to a scripted venue in its own fields, read as an account, and given to `evenkeel-margin`.
//!
//! Recorded positions that are not used, with the missing input: all but the first of the files of `positionRisk` have no
//! balance of the account that they belong to (`positionRisk_2` to `positionRisk_6`); see [`WITHOUT`] for the examples.

use evenkeel_exchange::Observe as _;
use evenkeel_margin::Account;
use evenkeel_types::{Decimal, PositionSide, Scope};
use serde_json::{Value, json};

use crate::server::{Fate, Server, asset, config, position, premium, setting};
use crate::support::{d, json as parse, read, root, symbol, value};

/// Examples that cannot be an account of this connector, with the reason.
const WITHOUT: &[(&str, &str)] =
    &[("derived_cross_hedge_flat", "both legs of a symbol at once, which have no snapshot")];

/// The live capture of 2024-07-28: 0.009 BTC long at 67 445.9, cross, tier of 0.4 %.
#[tokio::test]
async fn the_recorded_liquidation_price_is_that_of_evenkeel_margin() {
    let server = Server::start();
    server.read(
        "/fapi/v3/account",
        Fate::json(json!({
            "assets": [asset("USDT", "25.7247038", "0.51106678", "18.64")],
            "positions": [{"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "0.009"}],
        })),
    );
    let snapshot = server.venue().snapshot(&Scope::default()).await.unwrap();
    let margin = Account::from_snapshot(&snapshot).unwrap();
    let position = &snapshot.positions[0];
    let ours = margin.liquidation_price(&position.symbol, position.side).unwrap().unwrap();
    let theirs = position.liquidation_price.unwrap();
    assert_eq!(theirs.get(), d("64846.9875379"));
    assert!((ours.get() - theirs.get()).abs() < d("0.0001"), "{ours} and {theirs}");
}

/// A table whose upper tier has this rate and this deduction, or the one that is given.
fn brackets(name: &str, input: &Value, tables: &Value) -> Value {
    let given = match input["brackets_ref"].as_str() {
        Some(_) => &tables["BTCUSDT"],
        None => &input["brackets"],
    };
    let rows = |rows: &[Value]| -> Value {
        rows.iter()
            .map(|row| {
                let number = |field: &str| row[field].as_str().map_or_else(|| row[field].to_string(), str::to_owned);
                let leverage = if row["initialLeverage"].is_null() { "10".to_owned() } else { number("initialLeverage") };
                json!({"initialLeverage": leverage, "notionalFloor": number("notionalFloor"),
                    "notionalCap": number("notionalCap"), "maintMarginRatio": number("maintMarginRatio"), "cum": number("cum")})
            })
            .collect()
    };
    if let Some(table) = given.as_array() {
        return json!({"symbol": name, "brackets": rows(table)});
    }
    let (rate, cum) = (value(&input["maint_margin_ratio"]), value(&input["cum"]));
    // The other positions of an account have the tiers of the table where they are from it.
    let tiers = tables["BTCUSDT"].as_array().unwrap();
    if tiers.iter().any(|tier| value(&tier["maintMarginRatio"]) == rate && value(&tier["cum"]) == cum) {
        return json!({"symbol": name, "brackets": rows(tiers)});
    }
    let half = rate / d("2");
    let floor = cum / (rate - half);
    let tier = |floor: Decimal, cap: &str, rate: Decimal, cum: Decimal| {
        json!({"initialLeverage": 5, "notionalFloor": floor.to_string(), "notionalCap": cap,
            "maintMarginRatio": rate.to_string(), "cum": cum.to_string()})
    };
    let upper = tier(floor, "1000000000000", rate, cum);
    let lower = tier(Decimal::ZERO, &floor.to_string(), half, Decimal::ZERO);
    json!({"symbol": name, "brackets": if cum.is_zero() { vec![upper] } else { vec![lower, upper] }})
}

/// A position in the venue's fields; the mark is the entry where an example has none, as it does not enter the price.
fn row(input: &Value, isolated: bool, hedge: bool) -> (String, Value, Value, Decimal) {
    let name = input["symbol"].as_str().unwrap_or("BTCUSDT").to_owned();
    let (qty, entry) = (value(&input["position_amt"]), value(&input["entry_price"]));
    let mark = if input["mark_price"].is_null() { entry } else { value(&input["mark_price"]) };
    let profit = qty * (mark - entry);
    let side = if hedge { input["side"].as_str().unwrap() } else { "BOTH" };
    let wallet = if isolated { value(&input["isolated_wallet"]) } else { Decimal::ZERO };
    let bucket = if isolated { wallet + profit } else { Decimal::ZERO };
    if !input["isolated_margin"].is_null() {
        assert_eq!(bucket, value(&input["isolated_margin"]), "a bucket is its wallet and its profit");
    }
    let mut risk = position(&name, side, &qty.to_string(), &bucket.to_string());
    risk["entryPrice"] = json!(entry.to_string());
    risk["markPrice"] = json!(mark.to_string());
    risk["isolatedWallet"] = json!(wallet.to_string());
    let held = json!({"symbol": name, "positionSide": side, "positionAmt": qty.to_string(), "isolatedWallet": wallet.to_string()});
    (name, risk, held, profit)
}

#[tokio::test]
async fn every_shared_example_is_reproduced_from_the_venues_fields() {
    let Some(root) = root() else { return };
    let file = parse(&read(&root, "liquidation_examples_binance.json"));
    let mut done = 0;
    for example in file["examples"].as_array().unwrap() {
        let id = example["id"].as_str().unwrap();
        if WITHOUT.iter().any(|(without, _)| *without == id) {
            continue;
        }
        let isolated = example["margin_mode"] == "isolated";
        let hedge = example["position_mode"] == "hedge";
        let input = &example["inputs"];
        let others = input["other_positions"].as_array().cloned().unwrap_or_default();
        let inputs: Vec<&Value> = std::iter::once(input).chain(&others).collect();
        let server = Server::start();
        let mode = if isolated { "ISOLATED" } else { "CROSSED" };
        let (mut risks, mut held, mut tiers, mut settings, mut marks) =
            (vec![], vec![], vec![], vec![], vec![]);
        let mut profit = Decimal::ZERO;
        for input in &inputs {
            let (name, risk, row, own) = row(input, isolated, hedge);
            marks.push(premium(&name, risk["markPrice"].as_str().unwrap()));
            risks.push(risk);
            held.push(row);
            tiers.push(brackets(&name, input, &file["brackets"]));
            settings.push(setting(&name, mode, 2));
            profit += own;
        }
        // The published examples round the profit of the other positions.
        if !others.is_empty() {
            let own = row(input, isolated, hedge).3;
            assert!((profit - own - value(&input["upnl1"])).abs() < d("1"), "{id}: {profit} {own}");
        }
        let wallet = if isolated { Decimal::ZERO } else { value(&input["wallet_balance"]) };
        let cross = if isolated { Decimal::ZERO } else { profit };
        server.read("/fapi/v1/leverageBracket", Fate::json(json!(tiers)));
        server.read("/fapi/v1/symbolConfig", Fate::json(json!(settings)));
        server.read("/fapi/v1/accountConfig", Fate::json(config(hedge, false)));
        server.read("/fapi/v1/premiumIndex", Fate::json(json!(marks)));
        server.read("/fapi/v3/positionRisk", Fate::json(json!(risks)));
        let assets = json!([asset("USDT", &wallet.to_string(), &cross.to_string(), "0")]);
        server.read("/fapi/v3/account", Fate::json(json!({"assets": assets, "positions": held})));
        let snapshot =
            server.venue().snapshot(&Scope::default()).await.unwrap_or_else(|error| panic!("{id}: {error}"));
        let margin = Account::from_snapshot(&snapshot).unwrap();
        let side = match (hedge, input["side"].as_str()) {
            (false, _) => PositionSide::Net,
            (true, Some("LONG")) => PositionSide::Long,
            (true, _) => PositionSide::Short,
        };
        let name = symbol(input["symbol"].as_str().unwrap_or("BTCUSDT"));
        let ours = margin.liquidation_price(&name, side).unwrap().unwrap();
        let (theirs, tolerance) =
            (value(&example["expected"]["liquidation_price"]), value(&example["expected"]["abs_tolerance"]));
        assert!((ours.get() - theirs).abs() <= tolerance, "{id}: ours {ours}, published {theirs}");
        done += 1;
    }
    assert_eq!(done + WITHOUT.len(), usize::try_from(file["count"].as_u64().unwrap()).unwrap());
}
