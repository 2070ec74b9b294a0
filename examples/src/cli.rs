//! The command line of the rebalance example.

use std::path::PathBuf;

use clap::Parser;
use evenkeel_rebalance::{Gross, LeverageChange, Policy, Rest};
use evenkeel_types::{Leverage, MarginMode, parse_decimal};

use crate::failure::Failure;
use crate::live::{Access, Site, Variables};
use crate::recorded::Options;
use crate::scenario::from_toml;
use crate::start::{Given, arguments};
use crate::wish::{Changes, Wish};
use crate::{Case, Doing, Place, confirm, recorded, scenario, wish};

const AFTER_HELP: &str = "\
Examples:
  rebalance                                   the scenario mixed-leverage
  rebalance --scenario list                   what there is
  rebalance --scenario margin-starved --leverage 5
  rebalance --scenario my-account.toml        form: examples/scenarios/README.md
  rebalance --recorded examples/recorded/hyperliquid \\
            --target SOL=50,BTC=50 --leverage 2 --fork
  rebalance --venue hyperliquid --environment testnet \\
            --target SOL=50,BTC=50 --leverage 2             plan, send nothing
  rebalance ... --fork                                      rehearse it
  rebalance ... --execute                                   ask, then do it

Exit status:
  0  planned, or done with success
  1  aborted, or done without success
  2  bad input, or not confirmed: one line says what, and what is allowed
  3  halted, an outcome that is not known, or an account that cannot be read

Only --venue connects to anything, and only --execute sends anything there.
Keys and addresses: the environment, or a file .env (see .env.example).";

/// Brings a perpetual-futures account to target weights and one leverage: plans, shows, executes, verifies. On a paper
/// exchange, unless a venue is named.
#[derive(Debug, Parser)]
#[command(name = "rebalance", version, after_help = AFTER_HELP, term_width = 80)]
pub struct Args {
    /// A built-in scenario by name, a scenario file by path, or `list`
    #[arg(long, value_name = "NAME|FILE", default_value = "mixed-leverage", conflicts_with_all = ["recorded", "venue"])]
    scenario: String,

    /// A folder with an account in Hyperliquid's own JSON: clearinghouseState.json, metaAndAssetCtxs.json, and where
    /// present userAbstraction.json, spotClearinghouseState.json, openOrders.json, userFees.json
    #[arg(long, value_name = "DIR", requires = "target", conflicts_with = "venue")]
    recorded: Option<PathBuf>,

    #[command(flatten)]
    site: Site,

    /// Percent by symbol, negative for short; with a share named cash their sizes sum to 100
    #[arg(long, value_name = "SOL=50,BTC=50", value_parser = Weights::parse, allow_hyphen_values = true)]
    target: Option<Weights>,

    /// Leverage of every symbol [recorded and live accounts: the variable DEFAULT_LEVERAGE, or 3]
    #[arg(long, value_name = "X", value_parser = leverage, allow_hyphen_values = true)]
    leverage: Option<Leverage>,

    /// How much gross: preserve, x1.5 (times the account value), usd:800
    #[arg(long, value_name = "GROSS", value_parser = wish::gross, allow_hyphen_values = true)]
    gross: Option<Gross>,

    /// How the leverage of a held position is changed: in place where possible, or by closing and reopening
    #[arg(long, value_name = "auto|reopen", value_parser = leverage_change)]
    leverage_change: Option<LeverageChange>,

    /// A TOML file with the fields of Policy; what it leaves out is conservative
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// What happens to positions without a weight
    #[arg(long, value_name = "close|keep", value_parser = rest)]
    rest: Option<Rest>,

    /// The margin mode of all named symbols; without it each keeps its own
    #[arg(long, value_name = "cross|isolated", value_parser = margin_mode)]
    margin_mode: Option<MarginMode>,

    /// Vouch that the recorded account is in the standard mode, where userAbstraction.json is missing
    #[arg(long, requires = "recorded")]
    assume_standard: bool,

    /// Vouch that a recorded unified account holds nothing on builder dexes
    #[arg(long, requires = "recorded")]
    no_other_dexes: bool,

    /// Rehearse the plan on a paper exchange forked from the recorded or live account
    #[arg(long)]
    fork: bool,

    /// Execute at the venue, after a typed yes
    #[arg(long, requires = "venue", conflicts_with_all = ["fork", "dry_run"])]
    execute: bool,

    /// Execute without asking, for scripts
    #[arg(long, requires = "execute")]
    yes: bool,

    /// Plan and show, execute nothing
    #[arg(long)]
    dry_run: bool,

    /// Print one JSON document instead
    #[arg(long)]
    json: bool,

    /// What the paper exchange draws its randomness from
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Wait this long after every event, to watch
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    pace: u64,
}

/// Percent by symbol; a type of its own, because clap takes a bare `Vec` for a repeated option.
#[derive(Debug, Clone)]
pub struct Weights(Vec<(String, String)>);

impl Weights {
    fn parse(text: &str) -> Result<Self, String> {
        wish::weights(text).map(Self)
    }
}

fn leverage(text: &str) -> Result<Leverage, String> {
    parse_decimal("leverage", text).and_then(Leverage::new).map_err(|error| error.to_string())
}

fn leverage_change(text: &str) -> Result<LeverageChange, String> {
    word(text, &[("auto", LeverageChange::Auto), ("reopen", LeverageChange::Reopen)])
}

fn rest(text: &str) -> Result<Rest, String> {
    word(text, &[("close", Rest::Close), ("keep", Rest::Keep)])
}

fn margin_mode(text: &str) -> Result<MarginMode, String> {
    word(text, &[("cross", MarginMode::Cross), ("isolated", MarginMode::Isolated)])
}

fn word<T: Copy>(text: &str, allowed: &[(&str, T)]) -> Result<T, String> {
    let names: Vec<&str> = allowed.iter().map(|(name, _)| *name).collect();
    let found = allowed.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| format!("allowed are {}", names.join(", ")))
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Text that answers it already: help, version, the list of scenarios.
    Print(String),
    /// A case to carry out.
    Run(Box<Job>),
}

/// A case, and how it is to be shown.
#[derive(Debug)]
pub struct Job {
    /// The account and the wish.
    pub case: Case,
    /// Plan only.
    pub dry_run: bool,
    /// For programs.
    pub json: bool,
    /// Wait after every event, in milliseconds.
    pub pace: u64,
}

/// Reads a command line, program name first, and everything that it names.
///
/// # Errors
/// [`Failure::Input`].
pub fn read(words: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Request, Failure> {
    let args: Args = match arguments(words)? {
        Given::Print(text) => return Ok(Request::Print(text)),
        Given::Act(args) => *args,
    };
    if args.scenario == "list" && args.recorded.is_none() {
        let lines: Vec<String> = scenario::BUILT_IN
            .iter()
            .map(|(name, text)| format!("{name:<15} {}", scenario::title(text).unwrap_or_default()))
            .collect();
        return Ok(Request::Print(lines.join("\n") + "\n"));
    }
    let (dry_run, json, pace) = (args.dry_run, args.json, args.pace);
    let case = args.case()?;
    Ok(Request::Run(Box::new(Job { case, dry_run, json, pace })))
}

impl Args {
    fn case(self) -> Result<Case, Failure> {
        let policy = self.policy.as_ref().map(|path| read_policy(&path.to_string_lossy())).transpose()?;
        let changes = Changes {
            weights: self.target.map(|weights| weights.0),
            leverage: self.leverage,
            gross: self.gross,
            margin_mode: self.margin_mode,
            rest: self.rest,
            leverage_change: self.leverage_change,
            policy,
        };
        self.site.refuse_strays()?;
        if self.recorded.is_none() && !self.site.is_given() {
            if self.fork {
                return Err(Failure::input("--fork goes with an account: add --recorded or --venue"));
            }
            return scenario::load(&self.scenario, &changes, self.seed);
        }
        // Only what is about a venue looks into a file of variables.
        let variables = if self.site.is_given() { Variables::read()? } else { Variables::default() };
        let leverage = match self.leverage {
            Some(leverage) => leverage,
            None => default_leverage(variables.get("DEFAULT_LEVERAGE").as_deref())?,
        };
        let wish = Wish {
            weights: Vec::new(),
            leverage,
            leverages: std::collections::BTreeMap::new(),
            gross: Gross::Preserve,
            margin_mode: None,
            rest: Rest::Close,
            policy: Policy::conservative(),
        }
        .with(&changes);
        if wish.weights.is_empty() {
            return Err(Failure::input("--target: an account at a venue needs one, like SOL=50,BTC=50"));
        }
        let target = wish.target()?;
        let Some(folder) = self.recorded else {
            let doing = match (self.fork, self.execute) {
                (true, _) => Doing::Rehearse(self.seed.unwrap_or(0)),
                (_, true) => Doing::Execute { yes: self.yes },
                _ => Doing::Plan,
            };
            return live(&self.site, &variables, wish, doing);
        };
        let options = Options {
            assume_standard: self.assume_standard,
            no_other_dexes: self.no_other_dexes,
            fork: self.fork,
            seed: self.seed.unwrap_or(0),
        };
        recorded::load(&folder.to_string_lossy(), wish, &target, options)
    }
}

/// Opens the connection, which sends nothing yet. A plan and a rehearsal need no key, so they take none.
fn live(site: &Site, variables: &Variables, wish: Wish, doing: Doing) -> Result<Case, Failure> {
    let mut assumptions = Vec::new();
    let access = match doing {
        Doing::Execute { yes } => {
            confirm::possible(yes, "--execute")?;
            Access::Trade
        }
        Doing::Plan => Access::Read,
        Doing::Rehearse(_) => {
            assumptions.push("rehearsed on a paper exchange forked from the live account".to_owned());
            Access::Read
        }
    };
    let connection = site.open(variables, access)?;
    Ok(Case { title: connection.title(), assumptions, place: Place::Live(Box::new(connection), doing), wish })
}

fn default_leverage(variable: Option<&str>) -> Result<Leverage, Failure> {
    leverage(variable.unwrap_or("3")).map_err(|why| Failure::input(format!("DEFAULT_LEVERAGE: {why}")))
}

fn read_policy(path: &str) -> Result<Policy, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::input(format!("--policy: {path}: {error}")))?;
    from_toml(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> String {
        let all = std::iter::once("rebalance").chain(arguments.iter().copied()).map(Into::into);
        match read(all) {
            Err(Failure::Input(message)) => message,
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn errors_are_one_line_with_field_value_and_what_is_allowed() {
        for (arguments, parts) in [
            (&["--leverage", "0"][..], &["--leverage", "'0'", "at least 1"][..]),
            (&["--leverage", "-2"], &["--leverage", "at least 1, not -2"]),
            (&["--leverage", "two"], &["--leverage", "'two'", "not a decimal number"]),
            (&["--gross", "lots"], &["--gross", "'lots'", "preserve, x1.5", "usd:800"]),
            (&["--target", "SOL"], &["--target", "SOL=50,BTC=50"]),
            (&["--rest", "sell"], &["--rest", "'sell'", "allowed are close, keep"]),
            (&["--margin-mode", "both"], &["--margin-mode", "'both'", "cross, isolated"]),
            (&["--leverage-change", "x"], &["--leverage-change", "'x'", "auto, reopen"]),
            (&["--scenario", "nope"], &["--scenario", "`nope`", "mixed-leverage"]),
            (&["--recorded", "x"], &["--target"]),
            (&["--fork"], &["--recorded", "--venue"]),
            (&["--execute"], &["--venue"]),
            (&["--yes"], &["--execute"]),
            (&["--environment", "testnet", "--execute", "--fork"], &["--fork"]),
            (&["--venue", "hyperliquid"], &["--target"]),
            (&["--environment", "testnet"], &["--venue"]),
            (&["--base-url", "http://127.0.0.1:1"], &["--venue"]),
            (&["--capabilities", "found.json", "--scenario", "fits"], &["--venue"]),
            (&["--policy", "no-such-file"], &["--policy", "no-such-file"]),
            (&["--nonsense"], &["--nonsense"]),
        ] {
            let message = refused(arguments);
            assert!(!message.contains('\n'), "{message}");
            for part in parts {
                assert!(message.contains(part), "{arguments:?}: `{message}` lacks `{part}`");
            }
        }
    }

    #[test]
    fn the_default_leverage_is_three_unless_the_variable_says_otherwise() {
        assert_eq!(default_leverage(None).unwrap(), Leverage::new(3).unwrap());
        assert_eq!(default_leverage(Some("5")).unwrap(), Leverage::new(5).unwrap());
        let error = default_leverage(Some("0")).unwrap_err().to_string();
        assert_eq!(error, "DEFAULT_LEVERAGE: leverage must be at least 1, not 0");
    }

    #[test]
    fn help_and_lists_are_answers() {
        for arguments in [&["--help"][..], &["--version"], &["--scenario", "list"]] {
            let all = std::iter::once("rebalance").chain(arguments.iter().copied()).map(Into::into);
            assert!(matches!(read(all), Ok(Request::Print(text)) if !text.is_empty()), "{arguments:?}");
        }
    }
}
