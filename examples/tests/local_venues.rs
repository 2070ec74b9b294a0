//! `rebalance` over HTTP at the four local venues: the user's scenarios end as they end in memory.

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use evenkeel_types::{Decimal, Qty};
use localnet::cli::Job;
use localnet::scenario;
use localnet::town::{self, Town};
use localnet::venues::{self, Kind};
use serde_json::Value;

use support::{Ran, program, scratch};

/// A venue: the environment that its examples are run in, the variables of its keys (and which of the account's fields
/// they hold), and the lots of SOL and BTC.
struct Place {
    name: &'static str,
    environment: &'static str,
    keys: [(&'static str, &'static str); 2],
    lots: [&'static str; 2],
}

const PLACES: [Place; 4] = [
    Place {
        name: "hyperliquid",
        environment: "testnet",
        keys: [("HYPERLIQUID_ACCOUNT_ADDRESS", "address"), ("HYPERLIQUID_AGENT_KEY", "key")],
        lots: ["0.01", "0.00001"],
    },
    Place {
        name: "binance",
        environment: "demo",
        keys: [("BINANCE_API_KEY", "key"), ("BINANCE_API_SECRET", "secret")],
        lots: ["0.01", "0.001"],
    },
    Place {
        name: "bybit",
        environment: "testnet",
        keys: [("BYBIT_API_KEY", "key"), ("BYBIT_API_SECRET", "secret")],
        lots: ["0.1", "0.001"],
    },
    Place {
        name: "bingx",
        environment: "mainnet",
        keys: [("BINGX_API_KEY", "key"), ("BINGX_API_SECRET", "secret")],
        lots: ["0.01", "0.0001"],
    },
];

/// The same at both ends; fees above those of any of the venues.
const POLICY: &str = "fee = \"0.0006\"\nslippage = \"0.0005\"\nreserve = \"0\"\nstress = \"0\"\n";

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is no decimal")).parse().unwrap()
}

/// What is left: each position with its leverage, and the account's value.
fn positions(report: &Value) -> Vec<(String, Decimal, String)> {
    let rows = report["after"]["positions"].as_array().unwrap();
    let row = |row: &Value| {
        let symbol = row["symbol"].as_str().unwrap().to_owned();
        (symbol, decimal(&row["size"]), row["leverage"].as_str().unwrap().to_owned())
    };
    rows.iter().map(row).collect()
}

async fn start(kind: &'static Kind, name: &str) -> Town {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../localnet/scenarios");
    let scenario = scenario::load(&folder.join(format!("{name}.toml"))).unwrap();
    town::start(&Job { venues: vec![kind], scenario, port: None, json: true }).await.unwrap()
}

/// Over HTTP, at one venue.
async fn over_http(place: &Place, kind: &'static Kind, scenario: &str, more: &[&str]) -> (i32, Value) {
    let town = start(kind, scenario).await;
    let document = town.document();
    let venue = &document["venues"][place.name];
    let target = format!("{}=50,{}=50", (kind.symbol)("SOL"), (kind.symbol)("BTC"));
    let mut command = Command::new(program("rebalance"));
    command.current_dir(scratch(&format!("local-{}-{scenario}", place.name)));
    for (variable, field) in place.keys {
        command.env(variable, venue["accounts"][0][field].as_str().unwrap());
    }
    command
        .args(["--venue", place.name, "--environment", place.environment])
        .args(["--base-url", venue["url"].as_str().unwrap()])
        .args(["--target", &target, "--leverage", "2", "--execute", "--yes", "--json"])
        .args(more);
    let ran = tokio::task::spawn_blocking(move || Ran::of(&mut command)).await.unwrap();
    let report = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    (ran.status, report)
}

/// In memory, from what the venue showed before.
fn in_memory(place: &Place, kind: &Kind, report: &Value, scenario: &str, more: &[&str]) -> (i32, Value) {
    let mut text = format!("title = \"as at {}\"\n", place.name);
    writeln!(text, "account_value = {}", report["before"]["account_value"]).unwrap();
    for (coin, lot, most) in [("SOL", place.lots[0], 20), ("BTC", place.lots[1], 40)] {
        let symbol = (kind.symbol)(coin);
        let rows = report["before"]["positions"].as_array().unwrap();
        let row = rows.iter().find(|row| row["symbol"] == *symbol).unwrap();
        writeln!(text, "[instruments.{symbol}]\nmark = {}\nlot = \"{lot}\"", row["mark"]).unwrap();
        writeln!(text, "max_leverage = {most}").unwrap();
        writeln!(text, "[positions.{symbol}]\nsize = {}\nleverage = {}", row["size"], row["leverage"])
            .unwrap();
    }
    let (sol, btc) = ((kind.symbol)("SOL"), (kind.symbol)("BTC"));
    writeln!(text, "[target]\nweights = {{ {sol} = \"50\", {btc} = \"50\" }}\nleverage = \"2\"").unwrap();
    if scenario == "close-fails" {
        writeln!(text, "[[faults]]\non = \"place\"\nsymbol = \"{btc}\"\nwhat = \"refuse\"").unwrap();
    }
    let folder = scratch(&format!("memory-{}-{scenario}", place.name));
    let file = folder.join("account.toml");
    std::fs::write(&file, &text).unwrap();
    let mut command = Command::new(program("rebalance"));
    command.current_dir(folder).arg("--scenario").arg(&file).arg("--json").args(more);
    let ran = Ran::of(&mut command);
    let report = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{text}\n{ran:?}"));
    (ran.status, report)
}

async fn ends_as_in_memory(name: &str, more: &[&str], status: i32) {
    for place in &PLACES {
        let kind = venues::named(place.name).unwrap();
        let at = format!("{name} at {}", place.name);
        let policy = scratch(&format!("policy-{}-{name}", place.name)).join("policy.toml");
        let both = if name == "close-fails" { "reopen_at_once = 2\n" } else { "" };
        std::fs::write(&policy, format!("{POLICY}{both}")).unwrap();
        let mut options = vec!["--policy", policy.to_str().unwrap()];
        options.extend(more);
        let (found, http) = over_http(place, kind, name, &options).await;
        let (wanted, memory) = in_memory(place, kind, &http, name, &options);
        assert_eq!((found, wanted), (status, status), "{at}: {http:#}\n{memory:#}");
        assert_eq!(http["outcome"], memory["outcome"], "{at}");
        assert_eq!(http["summary"], memory["summary"], "{at}");

        // To a lot: prices on the way differ by a tick, and with them what the account can carry.
        let (there, here) = (positions(&http), positions(&memory));
        assert_eq!(there.len(), here.len(), "{at}: {there:?} {here:?}");
        for ((symbol, size, leverage), (same, wanted, set)) in there.iter().zip(&here) {
            let lot: Qty = place.lots[usize::from(symbol.starts_with("BTC"))].parse().unwrap();
            let off = size.checked_sub(*wanted).unwrap().abs();
            assert_eq!((symbol, leverage), (same, set), "{at}");
            assert!(off <= lot.get(), "{at}: {symbol} {size} instead of {wanted}");
        }
        let (value, wanted) =
            (decimal(&http["after"]["account_value"]), decimal(&memory["after"]["account_value"]));
        let off = value.checked_sub(wanted).unwrap().abs();
        assert!(off <= wanted.checked_mul("0.001".parse().unwrap()).unwrap(), "{at}: {value} for {wanted}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_positions_at_different_leverages_become_half_and_half() {
    ends_as_in_memory("mixed-leverage", &["--leverage-change", "reopen"], 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_book_that_margin_cannot_carry_is_scaled() {
    ends_as_in_memory("margin-starved", &[], 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_is_refused_opens_nothing() {
    ends_as_in_memory("close-fails", &["--leverage-change", "reopen"], 1).await;
}
