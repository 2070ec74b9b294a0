//! What ARCHITECTURE.md promises about the shape of the workspace, read from the manifests, the resolved
//! dependencies and the sources. Every rule is a function from text to findings, and has a row below that plants a
//! violation: a check that cannot fail checks nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crates of the workspace a crate may depend on. A new arrow is a decision: it is made here, in
/// ARCHITECTURE.md, and nowhere else.
const ARROWS: &[(&str, &[&str])] = &[
    ("evenkeel-types", &[]),
    ("evenkeel-margin", &["evenkeel-types"]),
    ("evenkeel-rebalance", &["evenkeel-types", "evenkeel-margin"]),
    ("evenkeel-exchange", &["evenkeel-types"]),
    ("evenkeel-store", &["evenkeel-types"]),
    (
        "evenkeel-executor",
        &["evenkeel-types", "evenkeel-margin", "evenkeel-rebalance", "evenkeel-exchange", "evenkeel-store"],
    ),
    ("evenkeel-paper", &["evenkeel-types", "evenkeel-margin", "evenkeel-exchange"]),
    ("evenkeel-conformance", &["evenkeel-types", "evenkeel-exchange"]),
    ("evenkeel-localnet", &["evenkeel-types", "evenkeel-paper"]),
    ("evenkeel-http", &["evenkeel-types", "evenkeel-exchange"]),
    ("evenkeel-hyperliquid", &["evenkeel-types", "evenkeel-exchange", "evenkeel-http"]),
    ("evenkeel-binance", &["evenkeel-types", "evenkeel-exchange", "evenkeel-http"]),
    ("evenkeel-bybit", &["evenkeel-types", "evenkeel-exchange", "evenkeel-http"]),
    ("evenkeel-bingx", &["evenkeel-types", "evenkeel-exchange", "evenkeel-http"]),
    (
        "evenkeel",
        &[
            "evenkeel-types",
            "evenkeel-margin",
            "evenkeel-rebalance",
            "evenkeel-exchange",
            "evenkeel-store",
            "evenkeel-executor",
            "evenkeel-paper",
            "evenkeel-hyperliquid",
            "evenkeel-binance",
            "evenkeel-bybit",
            "evenkeel-bingx",
        ],
    ),
];

/// No I/O, no await, no clock, no environment, no randomness.
const PURE: [&str; 3] = ["evenkeel-types", "evenkeel-margin", "evenkeel-rebalance"];

/// Crates that would bring I/O, a runtime, a clock or randomness; also as the first part of a longer name.
const IMPURE: [&str; 24] = [
    "async-io",
    "async-std",
    "async-trait",
    "chrono",
    "crossbeam",
    "fastrand",
    "futures",
    "getrandom",
    "h2",
    "http",
    "hyper",
    "jiff",
    "mio",
    "rand",
    "rand_chacha",
    "rand_core",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tracing",
    "ureq",
];

/// Foreign crates below the pure ones: what a user of the mathematics has to trust and compile beside ours.
const PURE_FOREIGN_MAX: usize = 25;

const VENUES: [&str; 4] = ["hyperliquid", "binance", "bybit", "bingx"];

#[test]
fn the_arrows_are_those_of_the_drawing() {
    let metadata = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let arrows = manifest_arrows(&serde_json::from_str(&metadata).expect("cargo metadata prints JSON"));
    assert_eq!(arrow_findings(&arrows), Vec::<String>::new());
}

#[test]
fn the_pure_crates_stand_on_nothing_impure() {
    let mut all = BTreeSet::new();
    for name in PURE {
        let tree = dependency_names(name);
        assert_eq!(purity_findings(name, &tree), Vec::<String>::new());
        all.extend(tree);
    }
    all.retain(|name| !name.starts_with("evenkeel"));
    assert!(all.len() <= PURE_FOREIGN_MAX, "{} foreign crates: {all:?}", all.len());
}

#[test]
fn the_executor_knows_no_runtime_and_no_venue() {
    let tree = dependency_names("evenkeel-executor");
    for name in &tree {
        let venue = VENUES.iter().any(|venue| name.contains(venue));
        assert!(!venue && name != "tokio" && name != "reqwest", "evenkeel-executor stands on {name}");
    }
}

#[test]
fn the_sources_keep_their_rules() {
    let mut findings = Vec::new();
    for (name, _) in ARROWS {
        let folder = root().join("crates").join(name).join("src");
        for file in rust_files(&folder) {
            // Unit tests in files of their own.
            let tests = |part: &std::ffi::OsStr| part == "tests" || part == "tests.rs";
            if file.strip_prefix(&folder).expect("below src").iter().any(tests) {
                continue;
            }
            let text = std::fs::read_to_string(&file).expect("a source file is readable");
            let inside = file.strip_prefix(&folder).expect("below src").to_string_lossy().replace('\\', "/");
            findings.extend(source_findings(name, &inside, &text));
        }
    }
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn every_crate_folder_is_in_the_drawing() {
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("crates"))
        .expect("crates/ is readable")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    let drawn: BTreeSet<String> = ARROWS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders, drawn);
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is readable");
    for name in drawn {
        assert!(architecture.contains(&format!("`{name}`")), "ARCHITECTURE.md does not name {name}");
    }
}

// ---------------------------------------------------------------------------------------------------------------
// The rules.

/// Normal and build dependencies of every package, by package.
fn manifest_arrows(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut arrows = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default().to_owned();
        let to = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|dependency| dependency["kind"] != "dev")
            .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
            .collect();
        arrows.insert(name, to);
    }
    arrows
}

fn arrow_findings(arrows: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, allowed) in ARROWS {
        let Some(to) = arrows.get(*name) else {
            findings.push(format!("{name} is not in the workspace"));
            continue;
        };
        let ours = to.iter().filter(|to| to.starts_with("evenkeel"));
        for wrong in ours.filter(|to| !allowed.contains(&to.as_str())) {
            findings.push(format!("{name} -> {wrong} is not an arrow of the drawing"));
        }
    }
    findings
}

fn purity_findings(name: &str, tree: &BTreeSet<String>) -> Vec<String> {
    let impure = |dependency: &str| {
        IMPURE.iter().any(|bad| {
            dependency == *bad || dependency.strip_prefix(bad).is_some_and(|rest| rest.starts_with('-'))
        })
    };
    tree.iter().filter(|to| impure(to)).map(|to| format!("{name} stands on {to}")).collect()
}

/// `inside` is the path below `src`.
fn source_findings(name: &str, inside: &str, text: &str) -> Vec<String> {
    let code = code_only(text);
    let words: BTreeSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut findings = Vec::new();
    let mut found = |rule: &str| findings.push(format!("{name}/src/{inside}: {rule}"));
    if PURE.contains(&name) {
        if inside == "lib.rs" && !code.contains("#![no_std]") {
            found("a pure crate is #![no_std]");
        }
        if words.contains("std") {
            found("a pure crate does not use std");
        }
        if words.contains("async") || words.contains("await") {
            found("a pure crate does not wait");
        }
    }
    if words.contains("f64") || words.contains("f32") {
        found("no floats");
    }
    if !(name == "evenkeel-types" && inside == "round.rs") {
        for call in ["round_dp", "round_sf", ".trunc(", ".floor(", ".ceil(", ".rescale(", "trunc_with_scale"]
        {
            if code.contains(call) {
                found(&format!("{call} rounds outside evenkeel_types::round"));
            }
        }
    }
    for venue in VENUES {
        let own = name == format!("evenkeel-{venue}") || name == "evenkeel";
        let paper = name == "evenkeel-paper" && inside.starts_with("profiles");
        // A module for each venue's protocol, and the line that declares it.
        let local = name == "evenkeel-localnet" && (inside.starts_with(venue) || inside == "lib.rs");
        if !own && !paper && !local && code.to_lowercase().contains(venue) {
            found(&format!("names the venue {venue}"));
        }
        if name == format!("evenkeel-{venue}") {
            if inside != "venue.rs" && !inside.starts_with("venue/") && words.contains("await") {
                found("only venue.rs and what is below it awaits");
            }
            if inside != "wire.rs" && derives_serde(&code) {
                found("only wire.rs derives serde for the venue's JSON");
            }
        }
    }
    findings
}

fn derives_serde(code: &str) -> bool {
    code.split("derive(").skip(1).any(|rest| {
        let list = rest.split(')').next().unwrap_or_default();
        list.contains("Deserialize") || list.contains("Serialize")
    })
}

/// The code without comments, without the contents of text literals, and without the unit tests, which stand last.
fn code_only(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r\"") || rest.starts_with("r#") {
            let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
            let open = 1 + hashes;
            if rest[open..].starts_with('"') {
                let close = format!("\"{}", "#".repeat(hashes));
                rest[open + 1..].find(&close).map_or(rest.len(), |end| open + 1 + end + close.len())
            } else {
                0 // a raw identifier
            }
        } else if c == '"' {
            text_literal(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\''") {
            rest[1..].find('\'').map_or(rest.len(), |end| end + 2)
        } else {
            0
        };
        if skip == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[skip..];
        }
    }
    code
}

/// Length of the text literal that `rest` begins with.
fn text_literal(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

// ---------------------------------------------------------------------------------------------------------------
// Planted violations.

#[test]
fn a_planted_arrow_is_found() {
    let dependency = |name: &str, kind: Value| serde_json::json!({"name": name, "kind": kind});
    let metadata = serde_json::json!({"packages": [
        {"name": "evenkeel-rebalance", "dependencies": [
            dependency("evenkeel-types", Value::Null),
            dependency("evenkeel-exchange", Value::Null),
            dependency("evenkeel-paper", "dev".into()),
        ]},
    ]});
    let findings = arrow_findings(&manifest_arrows(&metadata));
    let about_rebalance: Vec<_> = findings.iter().filter(|f| f.starts_with("evenkeel-rebalance")).collect();
    assert_eq!(about_rebalance, ["evenkeel-rebalance -> evenkeel-exchange is not an arrow of the drawing"]);
    assert!(findings.contains(&"evenkeel-types is not in the workspace".to_owned()));
}

#[test]
fn a_planted_runtime_is_found() {
    let tree = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for bad in
        ["tokio", "tokio-util", "rand", "getrandom", "reqwest", "hyper", "chrono", "time", "futures-core"]
    {
        assert_eq!(purity_findings("evenkeel-types", &tree(&["serde", bad])).len(), 1, "{bad}");
    }
    for fine in ["serde", "rust_decimal", "num-traits", "thiserror", "sha2", "typenum", "httparser"] {
        assert!(purity_findings("evenkeel-types", &tree(&[fine])).is_empty(), "{fine}");
    }
}

#[test]
fn planted_source_violations_are_found() {
    for (name, inside, text, expected) in [
        ("evenkeel-types", "lib.rs", "mod a;", "a pure crate is #![no_std]"),
        ("evenkeel-margin", "a.rs", "use std::fmt;", "a pure crate does not use std"),
        ("evenkeel-rebalance", "a.rs", "pub async fn plan() {}", "a pure crate does not wait"),
        ("evenkeel-paper", "a.rs", "let x = 1 as f64;", "no floats"),
        (
            "evenkeel-executor",
            "a.rs",
            "let x = y.round_dp(2);",
            "round_dp rounds outside evenkeel_types::round",
        ),
        ("evenkeel-margin", "a.rs", "let x = y.floor();", ".floor( rounds outside evenkeel_types::round"),
        ("evenkeel-executor", "a.rs", "if venue == Bybit {}", "names the venue bybit"),
        ("evenkeel-paper", "world.rs", "fn binance() {}", "names the venue binance"),
        ("evenkeel-localnet", "gate.rs", "fn binance() {}", "names the venue binance"),
        ("evenkeel-hyperliquid", "decode.rs", "x.await;", "only venue.rs and what is below it awaits"),
        (
            "evenkeel-hyperliquid",
            "decode.rs",
            "#[derive(Debug, Deserialize)] struct A;",
            "only wire.rs derives serde for the venue's JSON",
        ),
    ] {
        let findings = source_findings(name, inside, text);
        assert_eq!(findings, [format!("{name}/src/{inside}: {expected}")], "{text}");
    }
    for (name, inside, text) in [
        (
            "evenkeel-margin",
            "a.rs",
            "// std, f64 and Binance in a comment\n/* f32 */ let a = \"f64 \\\" std\";",
        ),
        ("evenkeel-margin", "a.rs", "let a = r#\"f64 \" std\"#; let b = '\"'; let c = 1;"),
        (
            "evenkeel-margin",
            "a.rs",
            "let a = 1;\n#[cfg(test)]\nmod tests {\n use std::fmt; let x = 1 as f64; }",
        ),
        ("evenkeel-paper", "profiles.rs", "pub fn binance() {}"),
        ("evenkeel-localnet", "hyperliquid/action.rs", "fn hyperliquid() {}"),
        ("evenkeel-types", "round.rs", "x.floor()"),
        ("evenkeel-hyperliquid", "wire.rs", "#[derive(Deserialize)] struct A;"),
        ("evenkeel-hyperliquid", "venue.rs", "x.await;"),
        ("evenkeel-hyperliquid", "venue/reader.rs", "x.await;"),
    ] {
        assert_eq!(source_findings(name, inside, text), Vec::<String>::new(), "{text}");
    }
}

// ---------------------------------------------------------------------------------------------------------------

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo prints text")
}

/// Every crate that building `name` with all its features would compile, without itself and its dev-dependencies.
fn dependency_names(name: &str) -> BTreeSet<String> {
    let tree =
        cargo(&["tree", "--offline", "-p", name, "--all-features", "-e", "normal,build", "--prefix", "none"]);
    let names: BTreeSet<String> =
        tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    assert!(names.contains(name), "cargo tree lists the crate itself");
    names.into_iter().filter(|found| found != name).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a source folder is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
