//! The examples that look at a venue, against a scripted one on this machine.

mod keyed;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::process::Command;

use serde_json::{Value, json};
use server::{AGENT, KEY, MASTER, Server};
use support::{Ran, program, scratch};

const VENUES: [&str; 4] = ["account", "leverage_audit", "doctor", "probe"];
const SITE: [&str; 4] = ["--venue", "hyperliquid", "--environment", "testnet"];

/// Without any variable of ours, in a folder without a `.env` of somebody's.
fn bare(name: &str, arguments: &[&str]) -> Command {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("live-empty");
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut command = Command::new(program(name));
    command.args(arguments).current_dir(folder);
    for variable in [
        "HYPERLIQUID_ACCOUNT_ADDRESS",
        "HYPERLIQUID_AGENT_KEY",
        "HYPERLIQUID_SUBACCOUNT_ADDRESS",
        "HYPERLIQUID_VAULT_ADDRESS",
        "BINANCE_API_KEY",
        "BINANCE_API_SECRET",
        "BINANCE_ED25519_PRIVATE_KEY",
        "BYBIT_API_KEY",
        "BYBIT_API_SECRET",
        "BINGX_API_KEY",
        "BINGX_API_SECRET",
        "LEVERAGE",
        "DEFAULT_LEVERAGE",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env_remove(variable);
    }
    command
}

fn with_account(name: &str, arguments: &[&str]) -> Command {
    let mut command = bare(name, arguments);
    command.env("HYPERLIQUID_ACCOUNT_ADDRESS", MASTER);
    command
}

fn with_key(name: &str, arguments: &[&str]) -> Command {
    let mut command = with_account(name, arguments);
    command.env("HYPERLIQUID_AGENT_KEY", KEY);
    command
}

/// Runs it and looks for the key, whatever it printed.
fn run(command: &mut Command) -> Ran {
    let ran = Ran::of(command);
    for text in [&ran.out, &ran.err] {
        assert!(!text.contains(&KEY[2..20]), "the key is in the output: {text}");
    }
    ran
}

fn at(server: &Server, more: &[&str]) -> Vec<String> {
    let url = server.url();
    let site = SITE.iter().copied().chain(["--base-url", &url]);
    site.chain(more.iter().copied()).map(str::to_owned).collect()
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn number(value: &Value) -> evenkeel_types::Decimal {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no text"));
    evenkeel_types::parse_decimal("value", text).expect("a decimal")
}

// -- without a venue -------------------------------------------------------------------------------------------------

#[test]
fn without_variables_one_line_says_which_are_missing() {
    for name in VENUES {
        let mut words = SITE.to_vec();
        let key = name == "probe";
        if key {
            words.push("--yes");
        }
        let parts: &[&str] = if key {
            &["HYPERLIQUID_ACCOUNT_ADDRESS, HYPERLIQUID_AGENT_KEY", ".env.example"]
        } else {
            &["HYPERLIQUID_ACCOUNT_ADDRESS", ".env.example"]
        };
        run(&mut bare(name, &words)).refused(2, parts);
    }
    let words = [&SITE[..], &["--target", "SOL=50,BTC=50"]].concat();
    run(&mut bare("rebalance", &words)).refused(2, &["HYPERLIQUID_ACCOUNT_ADDRESS", ".env.example"]);
    let words = [&words[..], &["--execute", "--yes"]].concat();
    run(&mut with_account("rebalance", &words)).refused(2, &["HYPERLIQUID_AGENT_KEY", ".env.example"]);
}

#[test]
fn what_is_wrong_is_named_with_its_value_and_what_is_allowed() {
    for name in VENUES {
        for (words, parts) in [
            (&[][..], &["--venue", "hyperliquid"][..]),
            (&["--venue", "kraken", "--environment", "testnet"], &["--venue", "`kraken`", "hyperliquid"]),
            (&["--venue", "hyperliquid"], &["--environment", "mainnet, testnet", "no default"]),
            (
                &["--venue", "hyperliquid", "--environment", "prod"],
                &["--environment", "`prod`", "mainnet, testnet"],
            ),
            (&["--venue", "hyperliquid:demo"], &["--environment", "`demo`", "mainnet, testnet"]),
            (
                &["--venue", "hyperliquid:testnet", "--venue", "hyperliquid:mainnet"],
                &["--venue", "`hyperliquid`"],
            ),
            (&["--nonsense"], &["--nonsense"]),
        ] {
            let words = if name == "probe" { [words, &["--yes"]].concat() } else { words.to_vec() };
            run(&mut with_key(name, &words)).refused(2, parts);
        }
        let yes: &[&str] = if name == "probe" { &["--yes"] } else { &[] };
        for (more, parts) in [
            (&["--base-url", "http://example.com"][..], &["--base-url", "example.com", "127.0.0.1"][..]),
            (&["--base-url", "nonsense"], &["--base-url", "`nonsense`"]),
            (&["--capabilities", "no-such-file"], &["--capabilities", "no-such-file"]),
            (&["--venue", "hyperliquid"], &["--venue", "hyperliquid"]),
        ] {
            run(&mut with_key(name, &[&SITE[..], more, yes].concat())).refused(2, parts);
        }
    }
    for (more, parts) in [
        (&["--expect", "0"][..], &["--expect", "at least 1, not 0"][..]),
        (&["--expect", "SOL=x"], &["--expect", "x", "SOL=5,BTC=2"]),
        (&["--expect", "2", "--expect", "3"], &["--expect", "name one"]),
        (&["--expect", "SOL=2,SOL=3"], &["--expect", "SOL"]),
        (&["--mode", "both"], &["--mode", "`both`", "cross, isolated"]),
        (&["--only"], &["--symbol"]),
    ] {
        run(&mut with_account("leverage_audit", &[&SITE[..], more].concat())).refused(2, parts);
    }
    for name in ["LEVERAGE", "DEFAULT_LEVERAGE"] {
        run(with_account("leverage_audit", &SITE).env(name, "lots")).refused(2, &[name, "lots"]);
    }
    let wrong = [("HYPERLIQUID_ACCOUNT_ADDRESS", "0x12"), ("HYPERLIQUID_AGENT_KEY", "0xcanarycanary")];
    for (name, value) in wrong {
        let ran = run(with_key("doctor", &SITE).env(name, value));
        ran.refused(2, &[name]);
        assert!(!ran.err.contains("canary"), "{}", ran.err);
    }
    run(&mut with_key("probe", &["--paper", "kraken"]))
        .refused(2, &["--paper", "`kraken`", "hyperliquid, binance"]);
    for mainnet in
        [&["--venue", "hyperliquid", "--environment", "mainnet"][..], &["--venue", "hyperliquid:mainnet"]]
    {
        run(&mut with_key("probe", &[mainnet, &["--yes"]].concat()))
            .refused(2, &["mainnet", "--danger-mainnet"]);
    }
    let halves = ["--target", "SOL=50,BTC=50"];
    for (more, parts) in [
        (&["--execute", "--fork"][..], &["--execute", "--fork"][..]),
        (&["--recorded", "x"], &["--recorded"]),
        (&["--scenario", "fits"], &["--scenario"]),
        (&["--target", "SOL=50,BTC=40"], &["90 %"]),
    ] {
        let target: &[&str] = if more.contains(&"--target") { &[] } else { &halves };
        run(&mut with_account("rebalance", &[&SITE[..], target, more].concat())).refused(2, parts);
    }
}

#[test]
fn without_a_terminal_nothing_is_confirmed() {
    let words = [&SITE[..], &["--target", "SOL=50,BTC=50", "--execute"]].concat();
    run(&mut with_key("rebalance", &words))
        .refused(2, &["--execute", "no terminal", "--yes", "nothing was sent"]);
    run(&mut with_key("probe", &SITE)).refused(2, &["no terminal", "--yes", "nothing was sent"]);
}

#[test]
fn help_fits_the_terminal_and_has_examples() {
    for name in VENUES.into_iter().chain(["rebalance"]) {
        let ran = run(&mut bare(name, &["--help"]));
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.fits_the_terminal();
        for part in ["Examples:", "Exit status:", "--environment", "--json", ".env.example"] {
            assert!(ran.out.contains(part), "{name}: {part}");
        }
        assert_eq!(run(&mut bare(name, &["--version"])).status, 0);
    }
    let help = run(&mut bare("rebalance", &["--help"])).out;
    let mut lines = help.lines().skip_while(|line| !line.ends_with("testnet \\"));
    assert!(lines.next().is_some(), "a command goes on in the next line: {help}");
    assert!(lines.next().is_some_and(|line| line.trim_start().starts_with("--target")), "{help}");
}

#[test]
fn a_venue_that_cannot_be_reached_is_one_line() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let url = format!("http://{free}");
    for name in VENUES {
        let yes: &[&str] = if name == "probe" { &["--yes"] } else { &[] };
        let words = [&SITE[..], &["--base-url", &url], yes].concat();
        run(&mut with_key(name, &words)).refused(3, &["hyperliquid", "connection failed"]);
    }
    let words = [&SITE[..], &["--base-url", &url, "--target", "SOL=50,BTC=50"]].concat();
    run(&mut with_account("rebalance", &words)).refused(3, &["hyperliquid", "connection failed"]);
}

// -- account ---------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_shown_with_pools_wallets_positions_and_orders() {
    let server = Server::start().await;
    server.answer(
        "spotClearinghouseState",
        r#"{"balances":[{"coin":"USDC","token":0,"total":"12.5","hold":"2.5","entryNtl":"0.0"}]}"#,
    );
    server.answer(
        "frontendOpenOrders",
        r#"[{"coin":"BTC","side":"A","limitPx":"95000.0","sz":"0.00197","oid":77,"timestamp":1751364005123,"origSz":"0.00197",
            "triggerCondition":"Price below 95500","isTrigger":true,"triggerPx":"95500.0","children":[],"isPositionTpsl":false,
            "reduceOnly":true,"orderType":"Stop Limit","tif":null,"cloid":null}]"#,
    );
    let ran = run(&mut with_account("account", &strs(&at(&server, &["--symbol", "ETH"]))));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    ran.fits_the_terminal();
    for part in [
        "…d5a13a on hyperliquid testnet",
        "account value 200.00; gross 299.50 (1.50x); margin used 65.89 (32.95 %)",
        "withdrawable",
        "USDC   12.5         10",
        "6111.86",
        "N/A",
        "stop loss",
        "95500",
        "reduce-only",
        "20x cross",
        "0.045 %",
        "(capabilities: documented)",
    ] {
        assert!(ran.out.contains(part), "`{part}` is not in {}", ran.out);
    }
    assert!(!ran.out.contains("warning"), "{}", ran.out);

    let document = run(&mut with_account("account", &strs(&at(&server, &["--json"])))).json();
    assert_eq!(document["schema"], 1);
    assert_eq!(document["account"], "…d5a13a");
    assert_eq!(document["account_value"], "200");
    assert_eq!(document["warning"], false);
    assert_eq!(
        document["wallets"],
        json!([{"wallet": "spot", "coin": "USDC", "total": "12.5", "available": "10"}])
    );
    assert_eq!(document["positions"][0]["symbol"], "BTC");
    assert!(number(&document["positions"][0]["liquidation_distance"]) < evenkeel_types::Decimal::ZERO);
    assert!(document["positions"][1]["liquidation_price"].is_null());
    assert_eq!(document["open_orders"][0]["kind"], "stop_loss");
    assert_eq!(document["fees"]["SOL"]["taker"], "0.00045");
    assert!(document["pools"][0]["withdrawable"].is_string() && document["pools"][0]["free"].is_string());
    assert_eq!(server.signed(), 0);

    // What the venue says and what follows from its own figures are told apart.
    let state = include_str!("../../recorded/hyperliquid/clearinghouseState.json");
    server.answer("clearinghouseState", &state.replace("6111.860181199", "9000.0"));
    let ran = run(&mut with_account("account", &strs(&at(&server, &[]))));
    assert!(ran.out.contains("9000") && ran.out.contains("computed here: 6111.86 (-94.26 %)"), "{}", ran.out);
    // An unknown symbol is the user's, and the other venues' spelling is known.
    run(&mut with_account("account", &strs(&at(&server, &["--symbol", "NOPE"])))).refused(2, &["no NOPE"]);
    let other = at(&server, &["--symbol", "BTC-USDT"]);
    run(&mut with_account("account", &strs(&other))).refused(2, &["BTC-USDT", "it is called BTC"]);
    let target = at(&server, &["--target", "SOLUSDT=100", "--leverage", "2"]);
    run(&mut with_account("rebalance", &strs(&target))).refused(2, &["SOLUSDT", "it is called SOL"]);
}

// -- leverage audit --------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_ends_with_what_it_found() {
    let server = Server::start().await;
    let audit = |more: &[&str]| run(&mut with_account("leverage_audit", &strs(&at(&server, more))));
    let ran = audit(&["--expect", "2", "--expect", "BTC=10", "--mode", "cross"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    ran.fits_the_terminal();
    assert!(ran.out.contains("all 2 as expected") && !ran.out.contains("MISMATCH"), "{}", ran.out);

    let ran = audit(&[]);
    assert_eq!(ran.status, 1, "{}", ran.out);
    assert!(ran.out.contains("Expected: 3x (from the default)"), "{}", ran.out);
    assert_eq!(ran.out.matches("MISMATCH").count(), 2, "{}", ran.out);

    // Right leverage, wrong mode; a flat symbol; only what was asked for.
    assert_eq!(audit(&["--expect", "SOL=2,BTC=10", "--mode", "isolated"]).status, 1);
    let ran = audit(&["--expect", "20", "--symbol", "ETH", "--only"]);
    assert_eq!(ran.status, 0, "{}", ran.out);
    assert!(ran.out.contains("flat") && !ran.out.contains("BTC"), "{}", ran.out);
    let document = audit(&["--expect", "SOL=2,BTC=5", "--symbol", "ETH", "--json"]).json();
    let rows = document["venues"][0]["rows"].as_array().expect("rows");
    let found: Vec<_> =
        rows.iter().map(|row| (row["symbol"].as_str(), row["as_expected"].as_bool())).collect();
    let (no, yes) = (Some(false), Some(true));
    assert_eq!(found, [(Some("BTC"), no), (Some("ETH"), no), (Some("SOL"), yes)]);
    assert_eq!(document["as_expected"], false);
    assert_eq!(rows[0]["expected_leverage"], "5");
    assert_eq!(rows[0]["long"], "10");

    let words = at(&server, &["--only", "--symbol", "BTC"]);
    let ran =
        run(with_account("leverage_audit", &strs(&words)).env("LEVERAGE", "10").env("DEFAULT_LEVERAGE", "3"));
    assert_eq!(ran.status, 0, "{}", ran.out);
    assert!(ran.out.contains("(from LEVERAGE)"), "{}", ran.out);
    audit(&["--symbol", "NOPE"]).refused(2, &["NOPE"]);

    // What cannot be read is not as expected, and not a mismatch either.
    server.forget("activeAssetData ETH");
    let ran = audit(&["--expect", "SOL=2,BTC=10", "--symbol", "ETH"]);
    assert_eq!(ran.status, 3, "{}", ran.out);
    assert!(ran.out.contains("unread") && ran.out.contains("1 could not be read"), "{}", ran.out);
    server.forget("clearinghouseState");
    audit(&["--expect", "3"]).refused(3, &["hyperliquid", "clearinghouseState"]);
    assert_eq!(server.signed(), 0);
}

// -- doctor ----------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_says_what_would_go_wrong() {
    let server = Server::start().await;
    let look = |more: &[&str]| run(&mut with_key("doctor", &strs(&at(&server, more))));
    let ran = look(&[]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    ran.fits_the_terminal();
    for part in [
        "is an agent of",
        "standard",
        "one-way",
        "9110 of 12000",
        "round trip",
        "(documented)",
        "after_top_up",
    ] {
        // Findings are broken at spaces.
        let text = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(part), "`{part}` is not in {}", ran.out);
    }
    let document = look(&["--json"]).json();
    assert_eq!(document["fine"], true);
    assert_eq!(document["can_trade"], true);
    assert_eq!(document["capabilities"]["source"], "documented");
    assert_eq!(document["capabilities"]["facts"]["raise_with_position.cross"], "yes");

    // Without a key it says so, and finds nothing wrong with it.
    let ran = run(&mut with_account("doctor", &strs(&at(&server, &[]))));
    assert_eq!(ran.status, 0, "{}", ran.out);
    assert!(ran.out.contains("no key"), "{}", ran.out);

    server.answer("userRateLimit", r#"{"cumVlm":"0.0","nRequestsUsed":9990,"nRequestsCap":10000}"#);
    assert_eq!(look(&[]).status, 1);
    server.grow_old();
    let ran = look(&[]);
    assert_eq!(ran.status, 1);
    assert!(ran.out.contains("warning  clock"), "{}", ran.out);
    let other = json!({"role": "agent", "data": {"user": "0x1719884eb866cb12b2287399b15f7db5e7d775ea"}});
    server.answer(&format!("userRole {AGENT}"), &other.to_string());
    let ran = look(&[]);
    assert_eq!(ran.status, 3, "{}", ran.out);
    assert!(ran.out.contains("PROBLEM") && ran.out.contains("name the account that"), "{}", ran.out);
    assert_eq!(server.signed(), 0);
}

// -- rebalance -------------------------------------------------------------------------------------------------------

const HALVES: [&str; 4] = ["--target", "SOL=50,BTC=50", "--leverage", "2"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_account_is_planned_for_without_a_key_and_rehearsed() {
    let server = Server::start().await;
    let words = at(&server, &HALVES);
    let ran = run(&mut with_account("rebalance", &strs(&words)));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    ran.fits_the_terminal();
    assert!(ran.out.contains("…d5a13a on hyperliquid testnet"), "{}", ran.out);
    assert!(ran.out.contains("Planned: 2 trades and 1 setting; nothing was sent"), "{}", ran.out);
    let planned = run(&mut with_account("rebalance", &[&strs(&words)[..], &["--json"]].concat())).json();
    assert_eq!(planned["outcome"], "planned");

    let done = run(&mut with_account("rebalance", &[&strs(&words)[..], &["--json", "--fork"]].concat()));
    assert_eq!(done.status, 0, "{done:?}");
    let done = done.json();
    assert_eq!(done["outcome"], "done");
    assert_eq!(done["success"], true);
    assert_eq!(done["before"], planned["before"]);
    assert_eq!(server.signed(), 0, "neither sends anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_plan_is_not_executed_and_says_so() {
    let server = Server::start().await;
    server.grow_old();
    let words = at(&server, &[&HALVES[..], &["--execute", "--yes"]].concat());
    let ran = run(&mut with_key("rebalance", &strs(&words)));
    assert_eq!(ran.status, 3, "{}", ran.out);
    ran.fits_the_terminal();
    for part in ["expired", "Nothing was sent", "confirm sooner"] {
        assert!(ran.out.contains(part), "`{part}` is not in {}", ran.out);
    }
    assert_eq!(server.signed(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_the_venue_ends_a_run_as_not_done() {
    let server = Server::start().await;
    let words = at(&server, &[&HALVES[..], &["--execute", "--yes", "--json"]].concat());
    let ran = run(&mut with_key("rebalance", &strs(&words)));
    assert!([1, 3].contains(&ran.status), "{ran:?}");
    let document = ran.json();
    assert_eq!(document["success"], false);
    assert!(server.signed() > 0, "it was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mainnet_is_said_aloud_before_anything_is_sent() {
    let server = Server::start().await;
    server.grow_old();
    let url = server.url();
    let site = ["--venue", "hyperliquid", "--environment", "mainnet", "--base-url", &url];
    let words = [&site[..], &HALVES, &["--execute", "--yes"]].concat();
    let ran = run(&mut with_key("rebalance", &words));
    assert!(ran.out.contains("warning: this is hyperliquid mainnet: real money"), "{}", ran.out);
    let json = run(&mut with_key("rebalance", &[&words[..], &["--json"]].concat()));
    assert!(json.err.contains("real money"), "{}", json.err);
    json.json();
}

// -- variables and capability files ----------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_come_from_a_file_and_the_environment_wins() {
    let server = Server::start().await;
    let folder = scratch("live-env");
    let words = at(&server, &["--only", "--symbol", "SOL"]);
    let file = format!("# mine\nHYPERLIQUID_ACCOUNT_ADDRESS={MASTER}\nDEFAULT_LEVERAGE=2\n");
    std::fs::write(folder.join(".env"), file).expect("a file");
    let ran = run(bare("leverage_audit", &strs(&words)).current_dir(&folder));
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("(from DEFAULT_LEVERAGE)"), "{}", ran.out);
    let ran = run(bare("leverage_audit", &strs(&words)).current_dir(&folder).env("DEFAULT_LEVERAGE", "5"));
    assert_eq!(ran.status, 1, "{ran:?}");
    std::fs::write(folder.join(".env"), format!("HYPERLIQUID_AGENT_KEY {KEY}\n")).expect("a file");
    run(bare("leverage_audit", &strs(&words)).current_dir(&folder)).refused(2, &[".env", "NAME=value"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_probe_wrote_is_what_the_others_go_by() {
    let folder = scratch("live-probe");
    let file = folder.join("found.json");
    let path = file.to_string_lossy().into_owned();
    let ran = run(&mut bare("probe", &["--paper", "hyperliquid", "--out", &path]));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
    ran.fits_the_terminal();
    assert!(ran.out.contains("flat again") && ran.out.contains("as documented"), "{}", ran.out);
    let again = run(&mut bare("probe", &["--paper", "hyperliquid", "--out", &path]));
    again.refused(2, &["--out", "already"]);
    let nowhere = folder.join("no-such-folder/found.json").to_string_lossy().into_owned();
    // Nothing on standard output: not even the first trial was announced.
    run(&mut bare("probe", &["--paper", "hyperliquid", "--out", &nowhere]))
        .refused(2, &["--out", "no-such-folder"]);

    let server = Server::start().await;
    let words = at(&server, &["--capabilities", &path]);
    // A rehearsal says nothing about a venue.
    run(&mut with_account("doctor", &strs(&words)))
        .refused(2, &["--capabilities", "environment", "`paper`", "`testnet`"]);
    let text = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(
        &file,
        text.replace("\"paper\"", "\"testnet\"").replace("\"clamps\"", "\"rejects_oversize\""),
    )
    .expect("a file");
    let ran = run(&mut with_account("doctor", &strs(&words)));
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.contains("probed 20") && ran.out.contains("rejects_oversize"), "{}", ran.out);
    for (from, to, part) in [("\"schema\": 1", "\"schema\": 2", "schema"), ("clearly", "clearly", "")] {
        std::fs::write(&file, text.replace(from, to)).expect("a file");
        run(&mut with_account("doctor", &strs(&words))).refused(2, &["--capabilities", part]);
    }
    std::fs::write(&file, "{}").expect("a file");
    run(&mut with_account("doctor", &strs(&words))).refused(2, &["--capabilities", "found.json"]);
}
