//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use clap::error::ErrorKind;

use crate::scenario::{self, Scenario};
use crate::venues::{self, Kind};

/// Exchanges on your own machine: start it, point your bot at it, and break things.
///
/// Every venue speaks its real wire protocol on 127.0.0.1, over an exchange in memory with margin, fees, funding and
/// liquidation. Nothing leaves this machine, and the keys that are printed open nothing anywhere else.
#[derive(Debug, Parser)]
#[command(
    name = "localnet",
    version,
    after_help = "\
Examples:
  localnet                              every venue, on free ports
  localnet --venue hyperliquid          one venue
  localnet --scenario crash.toml        accounts, prices and faults from a file
  localnet --port 9000                  control on 9000, the venues on 9001 and up
  localnet --json                       one line of JSON when everything is up

It runs until Ctrl-C. What a scenario can say, and what the control endpoint can do,
is in localnet/README.md."
)]
struct Args {
    /// Only this venue; may be repeated
    #[arg(long = "venue", value_name = "NAME")]
    venues: Vec<String>,

    /// What all randomness is drawn from: the same seed and the same requests give the same answers
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Accounts, prices and faults to begin with, in TOML
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,

    /// The port of the control endpoint; the venues get the ones after it [default: free ports]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,

    /// One line of JSON with addresses and keys when everything is up, and nothing else
    #[arg(long)]
    json: bool,
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Text that answers it already: help or version.
    Print(String),
    /// A town to start.
    Start(Box<Job>),
}

/// What to start, and how it is shown.
#[derive(Debug)]
pub struct Job {
    /// Which venues, in this order.
    pub venues: Vec<&'static Kind>,
    /// What they begin with.
    pub scenario: Scenario,
    /// Where the control endpoint listens; the venues follow. Free ports otherwise.
    pub port: Option<u16>,
    /// For programs.
    pub json: bool,
}

/// Reads a command line, program name first, and the scenario that it names.
///
/// # Errors
/// What is wrong, in one line: the field, what was found, what is allowed.
pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    let args = match Args::try_parse_from(words) {
        Ok(args) => args,
        Err(error) => {
            let text = error.render().to_string();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Request::Print(text)),
                // The first paragraph says what is wrong; usage and tips follow.
                _ => {
                    let first = text.split("\n\n").next().unwrap_or(&text);
                    Err(one_line(first.trim_start_matches("error: ")))
                }
            };
        }
    };
    let mut wanted = Vec::new();
    for name in &args.venues {
        let kind = venues::named(name)
            .ok_or_else(|| format!("--venue: `{name}` is not here; allowed: {}", venues::names()))?;
        if !wanted.contains(&kind) {
            wanted.push(kind);
        }
    }
    if wanted.is_empty() {
        wanted = venues::ALL.to_vec();
    }
    let mut scenario = match &args.scenario {
        None => Scenario::default(),
        Some(path) => scenario::load(path)?,
    };
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    for rule in &scenario.faults {
        if let Some(name) = &rule.venue
            && !wanted.iter().any(|kind| kind.name == name)
        {
            return Err(format!("faults.venue: `{name}` is not started; allowed: {}", venues::list(&wanted)));
        }
    }
    if let Some(port) = args.port {
        let last = usize::from(port).saturating_add(wanted.len());
        if last > usize::from(u16::MAX) {
            return Err(format!("--port: {port} leaves no room for {} venues after it", wanted.len()));
        }
    }
    Ok(Request::Start(Box::new(Job { venues: wanted, scenario, port: args.port, json: args.json })))
}

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
