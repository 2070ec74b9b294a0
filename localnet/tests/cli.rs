//! The program as it is started.

#![allow(clippy::disallowed_methods, reason = "a process is waited for in its own time")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

fn localnet(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localnet"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = localnet(arguments).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A running one, its line of JSON, and what it prints after that.
struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    town: Value,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let mut child = localnet(&all).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        Self { child, out, town: serde_json::from_str(&line).unwrap() }
    }

    fn post(&self, url: &Value, path: &str, body: &Value) -> Value {
        let address = url.as_str().unwrap().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        let (body, verb) = if body.is_null() { (String::new(), "GET") } else { (body.to_string(), "POST") };
        write!(
            stream,
            "{verb} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut heard = String::new();
        let _cut = stream.read_to_string(&mut heard);
        serde_json::from_str(heard.split_once("\r\n\r\n").map_or("", |(_, body)| body)).unwrap_or_default()
    }

    fn venue(&self) -> &Value {
        &self.town["venues"]["hyperliquid"]
    }

    fn state(&self, account: usize) -> Value {
        let user = &self.venue()["accounts"][account]["address"];
        self.post(&self.venue()["url"], "/info", &json!({"type": "clearinghouseState", "user": user}))
    }

    #[cfg(unix)]
    fn interrupt(mut self) -> (i32, String) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (status.code().expect("an exit, not a signal"), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn wrong_input_is_told_in_one_line_with_status_two() {
    let file = std::env::temp_dir().join(format!("localnet-cli-{}.toml", std::process::id()));
    let path = file.to_str().unwrap();
    for (arguments, text, parts) in [
        (&["--venue", "nyse"][..], "", &["--venue", "`nyse`", "hyperliquid"][..]),
        (&["--seed", "-1"], "", &["-1"]),
        (&["--port", "0"], "", &["--port", "0"]),
        (&["--port", "65535"], "", &["--port", "65535", "no room"]),
        (&["--nonsense"], "", &["--nonsense"]),
        (&["--scenario", "no-such-file"], "", &["--scenario", "no-such-file"]),
        (&["--scenario", path], "cash = 1", &["line 1", "`cash = 1`"]),
        (&["--scenario", path], "[prices]\nSOL = \"x\"", &["line 2", "SOL"]),
        (&["--scenario", path], "[prices]\nDOGE = \"1\"", &["DOGE"]),
        (&["--scenario", path], "[[faults]]\nfault = \"explode\"", &["explode", "lose_answer"]),
        (&["--scenario", path], "[[faults]]\nfault = \"maintenance\"\nmaybe = 1", &["maybe"]),
        (
            &["--scenario", path],
            "[[faults]]\nfault = \"refuse_orders\"\ncoin = \"DOGE\"",
            &["DOGE", "not listed"],
        ),
        (
            &["--scenario", path],
            "[[faults]]\nvenue = \"bybit\"\nfault = \"maintenance\"\non = \"order\"",
            &["bybit", "`order`", "order/create"],
        ),
        (&["--scenario", path], "[[faults]]\nfault = \"refuse_orders\"\nsymbol = \"SOL\"", &["coin"]),
        (&["--scenario", path], "[[faults]]\nvenue = \"nyse\"\nfault = \"maintenance\"", &["nyse"]),
        (
            &["--scenario", path],
            "[accounts.a.positions.DOGE]\nsize = \"1\"\nleverage = 2",
            &["hyperliquid", "DOGE"],
        ),
        (&["--scenario", path], "[accounts.a.positions.SOL]\nsize = \"1\"", &["leverage"]),
    ] {
        std::fs::write(&file, text).unwrap();
        let (status, out, err) = output(arguments);
        assert_eq!((status, out.as_str(), err.lines().count()), (2, "", 1), "{arguments:?} {text}: {err}");
        for part in parts {
            assert!(err.contains(part), "{arguments:?} {text}: `{err}` lacks `{part}`");
        }
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn help_fits_a_terminal_and_names_everything() {
    let (status, out, _) = output(&["--help"]);
    assert_eq!(status, 0);
    for word in ["--venue", "--seed", "--scenario", "--port", "--json", "Ctrl-C", "Examples:"] {
        assert!(out.contains(word), "{word}");
    }
    assert!(output(&["--version"]).1.starts_with("localnet "));
}

#[test]
fn a_taken_port_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (status, _, err) = output(&["--port", &port.to_string()]);
    // The ports after it are the venues', and may be somebody else's too.
    let told = (port..=port.saturating_add(8)).any(|port| err.contains(&format!("(port {port})")));
    assert!(status == 2 && (told || err.contains("no room")), "{err}");
}

#[cfg(unix)]
#[test]
fn a_line_of_json_and_an_end_without_a_word() {
    let net = Running::start(&["--venue", "hyperliquid", "--seed", "3"]);
    assert_eq!(net.town["seed"], 3);
    assert_eq!(net.venue()["accounts"][0]["name"], "main");
    assert_eq!(net.state(0)["marginSummary"]["accountValue"], "10000.0");
    let status = net.post(&net.town["control"], "/hyperliquid", &Value::Null);
    assert_eq!((&status["requests"], &status["url"]), (&json!(1), &net.venue()["url"]));
    assert_eq!(net.interrupt(), (0, String::new()));
}

#[cfg(unix)]
#[test]
fn a_scenario_is_there_from_the_beginning() {
    let net = Running::start(&["--scenario", "scenarios/bad-day.toml", "--venue", "hyperliquid"]);
    assert_eq!(net.town["seed"], 7);
    let names: Vec<&Value> =
        net.venue()["accounts"].as_array().unwrap().iter().map(|account| &account["name"]).collect();
    assert_eq!(names, ["main", "quiet"]);
    let state = net.state(0);
    let position = |coin: &str| {
        let rows = state["assetPositions"].as_array().unwrap();
        rows.iter().map(|row| row["position"].clone()).find(|row| row["coin"] == coin).unwrap()
    };
    let (sol, btc) = (position("SOL"), position("BTC"));
    assert_eq!((&sol["szi"], &sol["entryPx"]), (&json!("20.0"), &json!("166.0")));
    assert_eq!(sol["leverage"], json!({"type": "cross", "value": 10}));
    // 20 x (153 - 166), and 0.02 x (98000 - 106500).
    assert_eq!((&sol["unrealizedPnl"], &btc["unrealizedPnl"]), (&json!("-260.0"), &json!("-170.0")));
    // What the file calls cash is what the account is worth, with what was lost already.
    assert_eq!(state["marginSummary"]["accountValue"], "1200.0");
    assert_eq!(net.state(1)["marginSummary"]["accountValue"], "5000.0");
    let rules = net.post(&net.town["control"], "/hyperliquid/faults", &Value::Null);
    assert_eq!((&rules[0]["ms"], &rules[1]["fault"]), (&json!(1500), &json!("lose_answer")));
    assert_eq!(net.interrupt().0, 0);
}

#[test]
fn a_clock_that_a_scenario_set_wrong_is_set_right_by_the_command() {
    let file = std::env::temp_dir().join(format!("localnet-skew-{}.toml", std::process::id()));
    std::fs::write(&file, "clock_skew_ms = 3600000").unwrap();
    let net = Running::start(&["--venue", "hyperliquid", "--scenario", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    let now = |answer: &Value| answer["now"].as_u64().unwrap();
    let wrong = now(&net.post(&net.town["control"], "/hyperliquid", &Value::Null));
    let right = now(&net.post(&net.town["control"], "/hyperliquid/skew", &json!({"ms": 0})));
    let half = 1_800_000;
    assert!(wrong > right + half, "{wrong} and {right}");
}

#[test]
fn people_get_keys_and_lines_to_paste() {
    let mut child = localnet(&["--venue", "hyperliquid"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    while !text.contains("Ctrl-C") {
        assert!(out.read_line(&mut text).unwrap() > 0, "{text}");
    }
    child.kill().unwrap();
    let _reaped = child.wait();
    for part in
        ["http://127.0.0.1:", "0x", "ccxt.hyperliquid", "import ccxt from", "Exchange(", "--base-url", "curl"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours without a terminal");
}
