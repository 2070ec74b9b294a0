//! The examples as a user runs them: output, JSON, exit status.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use evenkeel_examples::screen::WIDTH;
use evenkeel_types::{Decimal, parse_decimal};
use serde_json::Value;

use support::{Ran, no_floats, program, scratch};

mod support;

const SCENARIOS: [(&str, i32); 6] = [
    ("mixed-leverage", 0),
    ("margin-starved", 0),
    ("close-fails", 1),
    ("fits", 0),
    ("ratio-only", 0),
    ("add-funds", 0),
];

// -- running ---------------------------------------------------------------------------------------------------------

fn command(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program(name));
    // From the workspace's root, where the README's commands are run.
    command
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace"))
        .env_remove("DEFAULT_LEVERAGE")
        .stdin(Stdio::null());
    command
}

fn run(name: &str, arguments: &[&str]) -> Ran {
    Ran::of(&mut command(name, arguments))
}

fn rebalance(arguments: &[&str]) -> Ran {
    run("rebalance", arguments)
}

fn json(arguments: &[&str], status: i32) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let ran = rebalance(&all);
    assert_eq!(ran.status, status, "{arguments:?}: {}{}", ran.out, ran.err);
    // From a string, so that a second document or anything around it is an error.
    let document: Value = serde_json::from_str(&ran.out).expect("one JSON document");
    check_document(&document);
    document
}

fn decimal(value: &Value) -> Decimal {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no text"));
    parse_decimal("value", text).unwrap_or_else(|error| panic!("{error}"))
}

fn number(text: &str) -> Decimal {
    parse_decimal("number", text).expect("a number")
}

fn between(value: &Value, low: &str, high: &str) {
    let value = decimal(value);
    assert!(number(low) <= value && value <= number(high), "{value} is not between {low} and {high}");
}

fn trades(document: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let trades = document["trades"].as_array().expect("trades");
    trades.iter().map(|t| (text(&t["symbol"]), text(&t["action"]), text(&t["status"]))).collect()
}

fn position<'a>(account: &'a Value, symbol: &str) -> &'a Value {
    let positions = account["positions"].as_array().expect("positions");
    positions.iter().find(|p| p["symbol"] == symbol).unwrap_or_else(|| panic!("no {symbol} in {account}"))
}

// -- the document's form ---------------------------------------------------------------------------------------------

fn keys(value: &Value, expected: &[&str]) {
    let found: BTreeSet<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(found, expected.iter().copied().collect(), "{value}");
}

fn check_account(account: &Value) {
    keys(account, &["account_value", "gross", "margin_used", "positions"]);
    for field in ["account_value", "gross", "margin_used"] {
        decimal(&account[field]);
    }
    for position in account["positions"].as_array().expect("a list") {
        keys(
            position,
            &[
                "symbol",
                "size",
                "mark",
                "value",
                "allocation",
                "leverage",
                "margin_mode",
                "liquidation_price",
                "liquidation_distance",
            ],
        );
        for field in ["size", "mark", "value", "allocation", "leverage"] {
            decimal(&position[field]);
        }
        for field in ["liquidation_price", "liquidation_distance"] {
            assert!(position[field].is_null() || decimal(&position[field]) != Decimal::MAX);
        }
    }
}

fn check_document(document: &Value) {
    keys(
        document,
        &[
            "schema", "outcome", "success", "message", "summary", "before", "plan", "trades", "after",
            "metrics",
        ],
    );
    assert_eq!(document["schema"], 1);
    assert!(["planned", "done", "aborted", "halted"].contains(&document["outcome"].as_str().expect("text")));
    assert!(document["success"].is_boolean());
    assert!(
        document["message"].as_str().is_some_and(|message| !message.is_empty() && !message.contains('\n'))
    );
    keys(&document["summary"], &["executed", "successful", "failed", "skipped"]);
    check_account(&document["before"]);
    if !document["after"].is_null() {
        check_account(&document["after"]);
    }
    let plan = &document["plan"];
    keys(plan, &["id", "venue_scale", "scale", "cap", "phases", "notes", "costs"]);
    assert_eq!(plan["id"].as_str().map(str::len), Some(64));
    for field in ["venue_scale", "scale", "cap"] {
        decimal(&plan[field]);
    }
    for phase in plan["phases"].as_array().expect("a list") {
        keys(phase, &["phase", "steps"]);
        for step in phase["steps"].as_array().expect("a list") {
            keys(
                step,
                &["symbol", "action", "side", "size", "value", "limit_price", "reduce_only", "reason"],
            );
        }
    }
    for trade in document["trades"].as_array().expect("a list") {
        keys(trade, &["symbol", "action", "value", "size", "status"]);
        decimal(&trade["value"]);
        decimal(&trade["size"]);
    }
    for metric in document["metrics"].as_array().expect("a list") {
        keys(metric, &["name", "target", "actual", "error", "pass"]);
    }
    no_floats(document);
}

// -- scenarios -------------------------------------------------------------------------------------------------------

#[test]
fn every_scenario_fits_eighty_columns_and_ends_as_it_should() {
    for (name, status) in SCENARIOS {
        let ran = rebalance(&["--scenario", name]);
        assert_eq!(ran.status, status, "{name}: {}{}", ran.out, ran.err);
        assert!(ran.err.is_empty(), "{name}: {}", ran.err);
        for line in ran.out.lines() {
            assert!(line.chars().count() <= WIDTH, "{name}: {} columns: {line}", line.chars().count());
            assert!(!line.contains('\u{1b}'), "{name}: colours without a terminal: {line}");
            assert_eq!(line, line.trim_end(), "{name}: spaces at the end");
        }
        for heading in ["Account before", "Plan ", "Execution", "Account after", "Trades", "Metrics"] {
            assert!(ran.out.contains(heading), "{name}: no `{heading}`");
        }
        json(&["--scenario", name], status);
    }
}

#[test]
fn the_default_is_the_users_own_case() {
    let document = json(&[], 0);
    assert_eq!(document["outcome"], "done");
    assert_eq!(document["success"], true);
    assert_eq!(document["message"], "Rebalance complete: 3 trades successful");
    assert_eq!(decimal(&document["before"]["account_value"]), number("200"));
    between(&document["before"]["gross"], "299.765", "299.775");
    between(&position(&document["before"], "SOL")["value"], "89.855", "89.865");
    between(&position(&document["before"], "BTC")["value"], "209.905", "209.915");
    let row = |symbol: &str, action: &str| (symbol.to_owned(), action.to_owned(), "filled".to_owned());
    let mut found = trades(&document);
    found.sort();
    assert_eq!(found, [row("BTC", "CLOSE"), row("BTC", "OPEN"), row("SOL", "INCREASE")]);
    // What the other way would have cost.
    between(&document["plan"]["costs"]["turnover"], "419", "421");
    assert_eq!(document["plan"]["costs"]["alternative"]["leverage_change"], "auto");
    between(&document["plan"]["costs"]["alternative"]["turnover"], "119", "121");
    let after = &document["after"];
    assert_eq!(decimal(&position(after, "SOL")["size"]), number("0.9"));
    assert_eq!(decimal(&position(after, "BTC")["size"]), number("0.00141"));
    for symbol in ["SOL", "BTC"] {
        between(&position(after, symbol)["allocation"], "0.495", "0.505");
        assert_eq!(decimal(&position(after, symbol)["leverage"]), number("2"));
        assert!(position(after, symbol)["liquidation_price"].is_null(), "1.5x has no liquidation price here");
    }
    assert!(document["metrics"].as_array().expect("a list").iter().all(|metric| metric["pass"] == true));
    assert!(rebalance(&[]).out.contains("N/A"), "a price that does not exist");
    // In place, on request: two trades.
    let auto = json(&["--leverage-change", "auto"], 0);
    assert_eq!(auto["summary"]["executed"], 2);
    between(&auto["plan"]["costs"]["turnover"], "119", "121");
}

#[test]
fn a_starved_account_is_scaled_to_what_it_carries() {
    let ran = rebalance(&["--scenario", "margin-starved"]);
    assert!(ran.out.contains("832.00 / 3180.12 = 0.2616"), "{}", ran.out);
    assert!(ran.out.contains("1590.06 instead of 318.01"), "{}", ran.out);
    let document = json(&["--scenario", "margin-starved"], 0);
    between(&document["plan"]["venue_scale"], "0.26155", "0.26165");
    assert_eq!(decimal(&document["plan"]["cap"]), number("832"));
    assert!(decimal(&document["plan"]["scale"]) < decimal(&document["plan"]["venue_scale"]));
    for symbol in ["SOL", "BTC"] {
        between(&position(&document["after"], symbol)["value"], "411.84", "416");
        assert_eq!(decimal(&position(&document["after"], symbol)["leverage"]), number("2"));
    }
    // The known table: 416 carries 832, 1 248, 2 080, 4 160.
    for (leverage, cap) in [("2", "832"), ("3", "1248"), ("5", "2080"), ("10", "4160")] {
        let planned = json(&["--scenario", "margin-starved", "--leverage", leverage, "--dry-run"], 0);
        assert_eq!(decimal(&planned["plan"]["cap"]), number(cap), "{leverage}x");
    }
}

#[test]
fn a_failed_close_opens_nothing() {
    let document = json(&["--scenario", "close-fails"], 1);
    assert_eq!(document["outcome"], "aborted");
    assert_eq!(document["success"], false);
    let message = document["message"].as_str().expect("text");
    assert!(message.contains("BTC") && message.contains("account value"), "{message}");
    for (symbol, action, status) in trades(&document) {
        match action.as_str() {
            "OPEN" | "INCREASE" => assert_eq!(status, "skipped", "{symbol}"),
            "CLOSE" if symbol == "BTC" => assert_eq!(status, "failed"),
            _ => assert_eq!(status, "filled", "{symbol} {action}"),
        }
    }
    let btc = position(&document["after"], "BTC");
    assert_eq!(decimal(&btc["size"]), decimal(&position(&document["before"], "BTC")["size"]));
    assert_eq!(decimal(&btc["leverage"]), number("10"));
}

#[test]
fn what_fits_is_not_scaled() {
    for name in ["fits", "ratio-only", "add-funds"] {
        let document = json(&["--scenario", name], 0);
        assert_eq!(document["plan"]["venue_scale"], "1", "{name}");
        assert_eq!(document["plan"]["scale"], "1", "{name}");
    }
    let fits = json(&["--scenario", "fits"], 0);
    let ratio = json(&["--scenario", "ratio-only"], 0);
    for symbol in ["SOL", "BTC"] {
        between(&position(&fits["after"], symbol)["value"], "396", "404");
        between(&position(&ratio["after"], symbol)["value"], "396", "404");
    }
    assert!(!ratio["plan"].to_string().contains("SET_LEVERAGE"), "no leverage is written");
    assert!(fits["plan"].to_string().contains("SET_LEVERAGE"));
}

#[test]
fn a_plan_alone_sends_nothing() {
    let document = json(&["--dry-run"], 0);
    assert_eq!(document["outcome"], "planned");
    assert_eq!(document["summary"]["executed"], 0);
    assert!(trades(&document).iter().all(|(_, _, status)| status == "planned"));
    assert_eq!(document["plan"]["id"], json(&[], 0)["plan"]["id"], "the same plan as when it is executed");
    assert!(rebalance(&["--dry-run"]).out.contains("nothing was sent"));
}

#[test]
fn the_same_seed_gives_the_same_output() {
    let arguments = ["--scenario", "margin-starved", "--seed", "7"];
    assert_eq!(rebalance(&arguments).out, rebalance(&arguments).out);
}

#[test]
fn a_scenario_is_a_file_that_a_user_can_write() {
    let folder = scratch("scenario");
    let file = folder.join("mine.toml");
    let text = include_str!("../scenarios/fits.toml").replace("leverage = \"10\"", "leverage = \"5\"");
    std::fs::write(&file, text).expect("a file");
    let path = file.to_string_lossy().into_owned();
    assert_eq!(json(&["--scenario", &path], 0)["outcome"], "done");
    std::fs::write(&file, "account_value = \"1\"\nnonsense = 1\n").expect("a file");
    let ran = rebalance(&["--scenario", &path]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("mine.toml") && ran.err.contains("nonsense"), "{}", ran.err);
}

// -- recorded accounts -----------------------------------------------------------------------------------------------

const ACCOUNT: &str = "examples/recorded/hyperliquid";
const HALVES: [&str; 6] = ["--recorded", ACCOUNT, "--target", "SOL=50,BTC=50", "--leverage", "2"];

/// A copy of the recorded account, where one file has other values; without any it is removed.
fn changed(name: &str, file: &str, values: &[(&str, &str)]) -> String {
    let folder = scratch(name);
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded/hyperliquid");
    for entry in std::fs::read_dir(&original).expect("the recorded account") {
        let path = entry.expect("an entry").path();
        std::fs::copy(&path, folder.join(path.file_name().expect("a name"))).expect("a copy");
    }
    let path = folder.join(file);
    if values.is_empty() {
        std::fs::remove_file(&path).expect("the file was there");
    } else {
        let mut text = std::fs::read_to_string(&path).expect("text");
        for (from, to) in values {
            assert!(text.contains(from), "{file} has no {from}");
            text = text.replace(from, to);
        }
        std::fs::write(&path, text).expect("a file");
    }
    folder.to_string_lossy().into_owned()
}

#[test]
fn a_recorded_account_is_planned_for_and_rehearsed() {
    let planned = json(&HALVES, 0);
    assert_eq!(planned["outcome"], "planned");
    let mut fork = HALVES.to_vec();
    fork.push("--fork");
    let done = json(&fork, 0);
    assert_eq!(done["outcome"], "done");
    assert_eq!(done["success"], true);
    assert_eq!(done["before"]["gross"], planned["before"]["gross"]);
    let text = rebalance(&fork);
    assert!(text.out.lines().all(|line| line.chars().count() <= WIDTH), "{}", text.out);

    for extra in [
        &["--gross", "x1.5"][..],
        &["--gross", "usd:400"],
        &["--leverage-change", "reopen"],
        &["--margin-mode", "isolated", "--leverage-change", "reopen"],
        &["--rest", "keep"],
    ] {
        let all = [&HALVES[..], extra].concat();
        json(&all, 0);
    }
    let short = json(&["--recorded", ACCOUNT, "--target", "SOL=50,BTC=-50", "--leverage", "2", "--fork"], 0);
    between(&position(&short["after"], "BTC")["allocation"], "-0.51", "-0.49");
}

#[test]
fn the_default_leverage_comes_from_the_environment() {
    let arguments = ["--recorded", ACCOUNT, "--target", "SOL=50,BTC=50", "--json"];
    for (variable, leverage) in [(None, "3"), (Some("5"), "5")] {
        let mut command = command("rebalance", &arguments);
        if let Some(value) = variable {
            command.env("DEFAULT_LEVERAGE", value);
        }
        let output = command.output().expect("it starts");
        let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(decimal(&position(&document["after"], "BTC")["leverage"]), number(leverage));
    }
    let output =
        command("rebalance", &arguments).env("DEFAULT_LEVERAGE", "lots").output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("DEFAULT_LEVERAGE") && err.contains("lots"), "{err}");
}

/// One line on standard error with all the parts, nothing on standard output, status 2; with and without `--json`.
fn refused(arguments: &[&str], parts: &[&str]) {
    for json in [false, true] {
        let mut all = arguments.to_vec();
        if json {
            all.push("--json");
        }
        let ran = rebalance(&all);
        assert_eq!(ran.status, 2, "{arguments:?}: {}{}", ran.out, ran.err);
        assert_eq!(ran.out, "", "{arguments:?}");
        assert_eq!(ran.err.lines().count(), 1, "{arguments:?}: {}", ran.err);
        for part in parts {
            assert!(ran.err.contains(part), "{arguments:?}: `{}` lacks `{part}`", ran.err.trim());
        }
    }
}

#[test]
fn bad_input_is_one_line_that_names_field_value_and_what_is_allowed() {
    let recorded = |target: &'static str, leverage: &'static str| {
        ["--recorded", ACCOUNT, "--target", target, "--leverage", leverage]
    };
    refused(&recorded("SOL=50,BTC=40", "2"), &["target", "90", "100"]);
    refused(&recorded("SOL=50,BTC=50.02", "2"), &["target", "100.02", "100"]);
    refused(&recorded("SOL=50,DOGE=50", "2"), &["DOGE"]);
    refused(&recorded("SOL=50,SOL=50", "2"), &["SOL", "twice"]);
    refused(&recorded("SOL=50,BTC=fifty", "2"), &["BTC", "fifty"]);
    refused(&recorded("SOL=50,BTC=50", "0"), &["leverage", "0", "at least 1"]);
    refused(&recorded("SOL=50,BTC=50", "1.5"), &["leverage", "1.5", "multiple of 1"]);
    refused(&recorded("SOL=50,BTC=50", "41"), &["leverage", "41", "BTC", "40"]);
    refused(&["--scenario", "mixed-leverage", "--leverage", "11"], &["leverage", "11", "10"]);
    refused(&["--scenario", "no-such"], &["--scenario", "no-such", "mixed-leverage"]);
    refused(&["--gross", "usd:0"], &["gross", "0", "above zero"]);
    refused(&["--gross", "usd:79228162514264337593543950335"], &["target", "too large"]);
    refused(&["--recorded", "no-such-folder", "--target", "SOL=100"], &["--recorded", "no-such-folder"]);
    refused(&["--recorded", ACCOUNT], &["--target"]);
    refused(&["--no-such-option"], &["--no-such-option"]);
}

#[test]
fn a_recorded_account_that_does_not_add_up_is_refused_by_file_and_field() {
    const STATE: &str = "clearinghouseState.json";
    const MODE: &str = "userAbstraction.json";
    let order = r#"[{"coin":"BTC","side":"B","limitPx":"100000.0","sz":"0.001","oid":1,"timestamp":1,"origSz":"0.001"}]"#;
    for (name, file, values, parts) in [
        ("mode-missing", MODE, &[][..], &[MODE, "--assume-standard"][..]),
        ("mode-odd", MODE, &[("default", "somethingNew")], &[MODE, "somethingNew"]),
        ("mode-portfolio", MODE, &[("default", "portfolioMargin")], &[MODE, "portfolio margin"]),
        ("sum", STATE, &[("299.49946", "399.49946")], &[STATE, "totalNtlPos"]),
        ("price", "metaAndAssetCtxs.json", &[("106418.0", "116418.0")], &[".json", "BTC"]),
        (
            "leverage",
            STATE,
            // Everything that follows from it as well, so that only the maximum is in the way.
            &[("\"value\":10}", "\"value\":50}"), ("20.964346", "4.1928692"), ("65.892346", "49.1208692")],
            &[STATE, "leverage", "50", "40"],
        ),
        ("equity", STATE, &[("\"accountValue\":\"200.0\"", "\"accountValue\":\"-200.0\"")], &[STATE, "-200"]),
        ("json", STATE, &[("{\"marginSummary\"", "{\"margin")], &[STATE, "JSON"]),
        ("state-missing", STATE, &[], &[STATE]),
        ("orders", "openOrders.json", &[("[]", order)], &["open_orders", "BTC", "cancel"]),
    ] {
        let folder = changed(name, file, values);
        refused(&["--recorded", &folder, "--target", "SOL=50,BTC=50", "--leverage", "2"], parts);
    }
    let folder = changed("vouched", MODE, &[]);
    let vouched =
        ["--recorded", &folder, "--target", "SOL=50,BTC=50", "--leverage", "2", "--assume-standard"];
    assert_eq!(json(&vouched, 0)["outcome"], "planned");
}

#[test]
fn a_policy_file_has_the_fields_of_the_policy() {
    let folder = scratch("policy");
    let file = folder.join("policy.toml");
    let path = file.to_string_lossy().into_owned();
    std::fs::write(&file, "max_position = \"100\"\nslippage = \"0.001\"\n").expect("a file");
    let all = [&HALVES[..], &["--policy", &path]].concat();
    let document = json(&all, 0);
    assert!(decimal(&position(&document["after"], "SOL")["value"]) <= number("100"));
    for (text, parts) in [
        ("slipage = \"0.001\"", &["policy.toml", "line 1", "slipage"][..]),
        ("slippage = \"0.9\"", &["slippage", "0.9", "between 0 and 0.5"]),
        ("slippage = 0.001", &["policy.toml", "line 1", "0.001"]),
    ] {
        std::fs::write(&file, text).expect("a file");
        refused(&all, parts);
    }
}

// -- the terminal ----------------------------------------------------------------------------------------------------

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    let mut child = command("rebalance", &["--scenario", "close-fails", "--pace", "20"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "the run's own status");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_run_once_the_write_in_flight_is_known() {
    use std::io::{BufRead, BufReader, Read};
    let mut child = command("rebalance", &["--scenario", "add-funds", "--pace", "300"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut reader = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("round 1") {
        line.clear();
        assert!(reader.read_line(&mut line).expect("text") > 0, "it ended before its first round");
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(killed.success());
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(1), "{rest}");
    assert!(rest.contains("cancelled"), "{rest}");
    assert!(!rest.contains("INCREASE: buy"), "nothing is acquired after the request: {rest}");
}

#[test]
fn help_lists_and_versions_are_answers() {
    let help = rebalance(&["--help"]);
    assert_eq!(help.status, 0);
    assert!(help.out.lines().all(|line| line.chars().count() <= WIDTH), "{}", help.out);
    for part in ["--recorded", "Examples:", "Exit status:"] {
        assert!(help.out.contains(part), "{part}");
    }
    let list = rebalance(&["--scenario", "list"]);
    assert_eq!(list.status, 0);
    for (name, _) in SCENARIOS {
        assert!(list.out.contains(name), "{name}");
    }
    assert_eq!(rebalance(&["--version"]).status, 0);
}

// -- what if ---------------------------------------------------------------------------------------------------------

#[test]
fn what_if_needs_no_exchange() {
    let ran = run("what_if", &[]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.out.lines().all(|line| line.chars().count() <= WIDTH), "{}", ran.out);
    assert!(ran.out.contains("liquidation is due"), "{}", ran.out);
    let document: Value = serde_json::from_str(&run("what_if", &["--json"]).out).expect("JSON");
    no_floats(&document);
    assert_eq!(document["before_shocked"]["liquidatable"], true);
    assert_eq!(document["after_shocked"]["liquidatable"], false);
    // 7.6x falls with the market; 2x keeps half of its equity.
    assert!(decimal(&document["before_shocked"]["account_value"]) < Decimal::ZERO);
    assert!(decimal(&document["after_shocked"]["account_value"]) > number("200"));
    assert_eq!(run("what_if", &["--shock", "nonsense"]).status, 2);
    assert_eq!(run("what_if", &["--shock", "-100"]).status, 2);
}
