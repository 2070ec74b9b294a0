//! Running the built examples.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use evenkeel_examples::screen::WIDTH;
use serde_json::Value;

const EXAMPLES: [&str; 6] = ["rebalance", "what_if", "account", "leverage_audit", "doctor", "probe"];

/// The built example. Cargo builds examples before it runs integration tests, unless only this test was asked for.
pub(crate) fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let test = std::env::current_exe().expect("this test has a path");
        let profile = test.parent().and_then(Path::parent).expect("it lies in target/PROFILE/deps");
        let folder = profile.join("examples");
        if !EXAMPLES.iter().all(|name| executable(&folder, name).exists()) {
            let status = Command::new(env!("CARGO"))
                .args(["build", "--offline", "--examples", "--profile", "test", "--manifest-path"])
                .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
                .status();
            assert!(status.is_ok_and(|status| status.success()), "the examples build");
        }
        folder
    });
    executable(folder, name)
}

fn executable(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// A fresh folder for a test's files.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder for test files");
    folder
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } =
            command.stdin(Stdio::null()).output().expect("the example starts");
        let out = String::from_utf8(stdout).expect("text");
        let err = String::from_utf8(stderr).expect("text");
        assert!(!err.contains("panicked"), "{command:?}: {err}");
        Self { status: status.code().expect("it ends by itself"), out, err }
    }

    /// Refused in one line that has all parts, with nothing on standard output.
    pub(crate) fn refused(&self, status: i32, parts: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "one line: {self:?}");
        for part in parts {
            assert!(self.err.contains(part), "`{}` lacks `{part}`", self.err);
        }
    }

    /// For people: within the terminal, no colours, nothing on standard error.
    pub(crate) fn fits_the_terminal(&self) {
        for line in self.out.lines() {
            assert!(line.chars().count() <= WIDTH, "{} columns: {line}", line.chars().count());
            assert!(!line.contains('\u{1b}'), "colours without a terminal: {line}");
            assert_eq!(line, line.trim_end(), "spaces at the end");
        }
    }

    /// One JSON document, decimals as text.
    pub(crate) fn json(&self) -> Value {
        let document: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        no_floats(&document);
        document
    }
}

/// Whole numbers count things; everything measured is text.
pub(crate) fn no_floats(value: &Value) {
    match value {
        Value::Number(number) => assert!(number.is_u64(), "{number}"),
        Value::Array(values) => values.iter().for_each(no_floats),
        Value::Object(fields) => fields.values().for_each(no_floats),
        _ => {}
    }
}
