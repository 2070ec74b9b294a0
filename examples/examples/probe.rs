//! What a venue really does: tries every belief that evenkeel decides by, with tiny sizes on a test account, and writes
//! what it found as a capability file for `--capabilities`. `--paper` rehearses all of it without an account.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use evenkeel_examples::failure::Failure;
use evenkeel_examples::live::{Access, Connection, Site, Variables};
use evenkeel_examples::probe::file::{CapabilityFile, Out};
use evenkeel_examples::probe::{self, Findings, Size, show};
use evenkeel_examples::screen::{Screen, Tone};
use evenkeel_examples::start::{print_json, program, stop_on_request};
use evenkeel_examples::{calendar, confirm};
use evenkeel_exchange::{Cancel, Clock, SystemClock, Trade};
use evenkeel_paper::{PaperVenue, World, profiles};
use evenkeel_types::{Capabilities, Symbol};

const AFTER_HELP: &str = "\
Examples:
  probe --paper hyperliquid                     a rehearsal: no account, no key
  probe --venue hyperliquid --environment testnet
  probe --venue hyperliquid --environment testnet --symbol SOL --out found.json
  doctor --venue hyperliquid --environment testnet --capabilities found.json

It trades: about 20 orders of one and a half times the smallest order, and as
many changes of leverage, margin mode and margin, on one symbol that must be
flat and without orders. In the end it is flat again, with its settings back.
It takes some minutes: the venue's request budget sets the pace.

Exit status:
  0  everything that was tried is as documented
  1  something is otherwise; the table and the file say what
  2  bad input, or not confirmed: nothing was sent
  3  stopped early, or something could not be cleaned up, or the file not be
     written; the output says what

Keys and addresses: the environment, or a file .env (see .env.example).";

/// Tries what a venue really does, with tiny sizes on a test account, and writes down what it found.
#[derive(Debug, Parser)]
#[command(name = "probe", version, after_help = AFTER_HELP, term_width = 80)]
struct Args {
    #[command(flatten)]
    site: Site,

    /// Rehearse on a paper exchange: hyperliquid, binance, bybit, bingx
    #[arg(long, value_name = "PROFILE", conflicts_with_all = ["venue", "environment", "base_url", "capabilities"])]
    paper: Option<String>,

    /// Which symbol is traded
    #[arg(long, value_name = "SYMBOL", default_value = "SOL")]
    symbol: Symbol,

    /// Where the capability file goes [a dated name in this folder; none for --paper]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Probe with real money
    #[arg(long)]
    danger_mainnet: bool,

    /// Do not ask, for scripts
    #[arg(long)]
    yes: bool,

    /// Print the capability file as one JSON document instead of the table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program(run)
}

async fn run(args: Args) -> Result<u8, Failure> {
    if let Some(name) = &args.paper {
        let all = profiles::all();
        let Some(profile) = all.iter().find(|profile| profile.name == name) else {
            let names: Vec<&str> = all.iter().map(|profile| profile.name).collect();
            let shown: String = name.chars().take(40).collect();
            return Err(Failure::input(format!(
                "--paper: there is no `{shown}`; there are {}",
                names.join(", ")
            )));
        };
        let world = World::builder(profile.clone())
            .cash("USDC", "1000")
            .market(args.symbol.as_str(), "166.4", 3, 20)
            .build()
            .map_err(|error| Failure::input(evenkeel_exchange::chain(&error)))?;
        let venue = PaperVenue::new(world);
        let place = Place { venue: &venue, clock: &venue.clock(), documented: &profile.capabilities };
        probe::size(&venue, place.clock, &args.symbol).await?;
        let title = format!("{name} on paper, {}", args.symbol);
        return probed(&args, &place, &title, (profile.name, "paper"), args.out.clone(), &stop_on_request())
            .await;
    }
    if args.site.is_given() && !args.danger_mainnet && args.site.is_real()? {
        return Err(Failure::input(
            "--environment: mainnet is real money, and a probe trades; use testnet or demo, or vouch with --danger-mainnet",
        ));
    }
    if args.site.is_given() {
        confirm::possible(args.yes, "probe")?;
    }
    let connection = args.site.open(&Variables::read()?, Access::Trade)?;
    let venue = connection.trade()?;
    let clock = SystemClock::new();
    confirm::note("reading the account ...");
    let size = match probe::size(venue, &clock, &args.symbol).await {
        Ok(size) => size,
        Err(failure) => return Err(connection.explain(failure, [&args.symbol]).await),
    };
    let cancel = stop_on_request();
    if args.yes {
        connection.warning().iter().for_each(|warning| confirm::warn(warning));
    } else {
        confirm::ask(&question(&connection, &args.symbol, &size), &cancel).await?;
    }
    let environment = connection.environment.to_string();
    let default = format!(
        "evenkeel-capabilities-{}-{environment}-{}.json",
        connection.name,
        calendar::day(clock.now())
    );
    let out = args.out.clone().unwrap_or_else(|| default.into());
    let place = Place { venue, clock: &clock, documented: &connection.documented };
    let title = format!("{}, {}", connection.title(), args.symbol);
    probed(&args, &place, &title, (connection.name, &environment), Some(out), &cancel).await
}

fn question(connection: &Connection, symbol: &Symbol, size: &Size) -> Vec<String> {
    let mut lines = vec![connection.title()];
    lines.extend(connection.warning());
    lines.push(format!(
        "about 20 orders of {} {symbol} ({:.2}) each, at most {:.2} of free margin at once",
        size.qty, size.value, size.needed
    ));
    lines.push(format!("leverage and margin mode of {symbol} change meanwhile, and are brought back"));
    lines
}

/// Where it is probed.
struct Place<'a> {
    venue: &'a dyn Trade,
    clock: &'a dyn Clock,
    documented: &'a Capabilities,
}

async fn probed(
    args: &Args,
    place: &Place<'_>,
    title: &str,
    (venue, environment): (&str, &str),
    out: Option<PathBuf>,
    cancel: &Cancel,
) -> Result<u8, Failure> {
    let out = out.map(Out::create).transpose()?;
    let mut screen = if args.json { Screen::stderr() } else { Screen::stdout() };
    if !args.json {
        screen.text(Tone::Strong, 0, 0, title);
        screen.heading("Trying");
    }
    let mut tell = |what: &str| {
        if args.json {
            confirm::note(&format!("{what} ..."));
        } else {
            screen.text(Tone::Dim, 2, 2, what);
        }
    };
    let found =
        Box::pin(probe::probe(place.venue, place.clock, place.documented, &args.symbol, &mut tell, cancel))
            .await;
    let date = calendar::moment(SystemClock::new().now());
    let file =
        CapabilityFile::new(venue, environment, date, found.capabilities.clone(), found.observations.clone());
    if args.json {
        print_json(&file)?;
    } else {
        show::findings(&mut screen, &found);
        screen.text(Tone::Plain, 0, 2, &show::summary(&found));
    }
    // Half of a probe is no ground to trade on.
    match out.filter(|_| found.is_complete()) {
        Some(out) => match out.write(&file) {
            Ok(path) if !args.json => {
                screen.text(Tone::Plain, 0, 2, &format!("written: {}", path.display()));
            }
            Ok(_) => {}
            Err(failure) => {
                // All those orders were not for nothing.
                if !args.json {
                    print_json(&file)?;
                }
                return Err(failure);
            }
        },
        None if !found.is_complete() => complain(&found),
        None => {}
    }
    Ok(status(&found))
}

/// What somebody has to look at, also where the output is a document.
fn complain(found: &Findings) {
    let why = found.stopped.as_deref().unwrap_or("not cleaned up");
    confirm::warn(&format!("error: stopped early, no file was written: {why}"));
    for left in &found.left {
        confirm::warn(&format!("error: not cleaned up: {left}"));
    }
}

fn status(found: &Findings) -> u8 {
    if !found.is_complete() {
        3
    } else if found.differences() > 0 {
        1
    } else {
        0
    }
}
