//! Every open position's leverage and margin mode against what is expected, with an exit status for scripts. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use clap::Parser;
use evenkeel_examples::confirm;
use evenkeel_examples::failure::Failure;
use evenkeel_examples::live::{Access, Connection, Site, Variables};
use evenkeel_examples::screen::{Screen, Tone};
use evenkeel_examples::start::{print_json, program};
use evenkeel_examples::table::{Align, Cell, Table};
use evenkeel_exchange::{ErrorKind, chain};
use evenkeel_types::{Leverage, LeverageSetting, MarginMode, Qty, Scope, Symbol, parse_decimal};
use futures_util::future::join_all;
use serde_json::{Value, json};

const AFTER_HELP: &str = "\
Examples:
  leverage_audit --venue hyperliquid --environment mainnet
  leverage_audit --venue hyperliquid --environment mainnet \\
                 --expect 3 --expect SOL=5,BTC=2 --mode cross
  leverage_audit --venue hyperliquid --environment mainnet --only --symbol SOL

Without --expect NUMBER the variables LEVERAGE, DEFAULT_LEVERAGE say what is
expected, and 3 where neither is set.

Exit status:
  0  all as expected
  1  at least one leverage or margin mode is not as expected
  2  bad input: one line says which field, which value, and what is allowed
  3  something could not be read; what could be is shown

Keys and addresses: the environment, or a file .env (see .env.example). Sends
nothing.";

/// Compares the leverage and margin mode of every open position with what is expected.
#[derive(Debug, Parser)]
#[command(name = "leverage_audit", version, after_help = AFTER_HELP, term_width = 80)]
struct Args {
    #[command(flatten)]
    site: Site,

    /// The leverage expected of all symbols, or of single ones; may be repeated
    #[arg(long, value_name = "3|SOL=5,BTC=2", allow_hyphen_values = true)]
    expect: Vec<String>,

    /// The margin mode expected of all symbols; without it any is fine
    #[arg(long, value_name = "cross|isolated")]
    mode: Option<String>,

    /// A symbol to look at although nothing is held; may be repeated
    #[arg(long, value_name = "SYMBOL")]
    symbol: Vec<Symbol>,

    /// Look at the symbols of --symbol only
    #[arg(long, requires = "symbol")]
    only: bool,

    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program(audit)
}

// -- what is expected ------------------------------------------------------------------------------------------------

struct Expected {
    all: Leverage,
    /// Where that comes from.
    origin: &'static str,
    single: BTreeMap<Symbol, Leverage>,
    mode: Option<MarginMode>,
}

impl Expected {
    fn read(args: &Args, variables: &Variables) -> Result<Self, Failure> {
        let mut stated = None;
        let mut single = BTreeMap::new();
        for part in args.expect.iter().flat_map(|text| text.split(',')) {
            match part.split_once('=') {
                Some((symbol, text)) => {
                    let symbol = Symbol::new(symbol.trim())
                        .map_err(|error| Failure::input(format!("--expect: {error}")))?;
                    let leverage = leverage("--expect", text)?;
                    if single.insert(symbol.clone(), leverage).is_some_and(|other| other != leverage) {
                        return Err(Failure::input(format!(
                            "--expect: {symbol} is named with two leverages"
                        )));
                    }
                }
                None => {
                    let leverage = leverage("--expect", part)?;
                    if stated.replace(leverage).is_some_and(|other| other != leverage) {
                        return Err(Failure::input(
                            "--expect: two leverages are expected of all symbols; name one",
                        ));
                    }
                }
            }
        }
        let mode = match args.mode.as_deref() {
            None => None,
            Some("cross") => Some(MarginMode::Cross),
            Some("isolated") => Some(MarginMode::Isolated),
            Some(other) => {
                let shown: String = other.chars().take(40).collect();
                return Err(Failure::input(format!(
                    "--mode: `{shown}` is no margin mode; allowed are cross, isolated"
                )));
            }
        };
        let (all, origin) = match stated {
            Some(leverage) => (leverage, "--expect"),
            None => variable(variables)?,
        };
        Ok(Self { all, origin, single, mode })
    }

    fn of(&self, symbol: &Symbol) -> Leverage {
        self.single.get(symbol).copied().unwrap_or(self.all)
    }
}

fn variable(variables: &Variables) -> Result<(Leverage, &'static str), Failure> {
    for name in ["LEVERAGE", "DEFAULT_LEVERAGE"] {
        if let Some(text) = variables.get(name) {
            return Ok((leverage(name, &text)?, name));
        }
    }
    Ok((leverage("default", "3")?, "the default"))
}

fn leverage(field: &str, text: &str) -> Result<Leverage, Failure> {
    let read = parse_decimal("leverage", text.trim()).and_then(Leverage::new);
    read.map_err(|error| Failure::input(format!("{field}: {error}; write it like 3 or SOL=5,BTC=2")))
}

// -- what is there ---------------------------------------------------------------------------------------------------

struct Row {
    symbol: Symbol,
    held: Qty,
    expected: Leverage,
    setting: Result<LeverageSetting, String>,
    mode: Option<MarginMode>,
}

impl Row {
    /// `None` where it could not be read.
    fn fits(&self) -> Option<bool> {
        let setting = self.setting.as_ref().ok()?;
        Some(setting.is(self.expected) && self.mode.is_none_or(|mode| mode == setting.mode))
    }
}

struct Audit<'a> {
    connection: &'a Connection,
    rows: Result<Vec<Row>, String>,
}

async fn look<'a>(
    connection: &'a Connection,
    args: &Args,
    expected: &Expected,
) -> Result<Audit<'a>, Failure> {
    let venue = connection.observe();
    let snapshot = match venue.snapshot(&Scope::default()).await {
        Ok(snapshot) => snapshot,
        Err(error) => return Ok(Audit { connection, rows: Err(chain(&error)) }),
    };
    let mut symbols: BTreeSet<Symbol> = args.symbol.iter().cloned().collect();
    if !args.only {
        symbols.extend(snapshot.positions.iter().map(|position| position.symbol.clone()));
        symbols.extend(expected.single.keys().cloned());
    }
    let symbols: Vec<Symbol> = symbols.into_iter().collect();
    let settings = venue.leverages(&symbols).await;
    let mut rows = Vec::with_capacity(symbols.len());
    for (symbol, setting) in symbols.into_iter().zip(settings) {
        let setting = match setting {
            // A symbol that there is not was asked for by the user.
            Err(error) if error.kind() == ErrorKind::Invalid => {
                return Err(connection.explain(error.into(), [&symbol]).await);
            }
            other => other.map_err(|error| chain(&error)),
        };
        let (held, expected_here) = (snapshot.qty(&symbol), expected.of(&symbol));
        rows.push(Row { symbol, held, expected: expected_here, setting, mode: expected.mode });
    }
    Ok(Audit { connection, rows: Ok(rows) })
}

async fn audit(args: Args) -> Result<u8, Failure> {
    let variables = Variables::read()?;
    let expected = Expected::read(&args, &variables)?;
    let connections = args.site.open_all(&variables, Access::Read)?;
    confirm::note("reading positions and settings ...");
    let looks = connections.iter().map(|connection| look(connection, &args, &expected));
    let audits = join_all(looks).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let rows = || audits.iter().filter_map(|audit| audit.rows.as_ref().ok()).flatten();
    let mismatches = rows().filter(|row| row.fits() == Some(false)).count();
    let unread =
        rows().filter(|row| row.fits().is_none()).count() + audits.iter().filter(|a| a.rows.is_err()).count();
    let status = match (unread, mismatches) {
        (0, 0) => 0,
        (0, _) => 1,
        _ => 3,
    };
    // One venue that does not answer leaves nothing to show: that is an error, in one line.
    if let [Audit { rows: Err(why), .. }] = audits.as_slice() {
        return Err(Failure::Halted(evenkeel_examples::failure::one_line(why)));
    }
    let looked_at = rows().count();
    let message = match (unread, mismatches) {
        (0, 0) => format!("all {looked_at} as expected"),
        (0, wrong) => format!("{wrong} of {looked_at} not as expected"),
        (lost, wrong) => format!("{lost} could not be read; {wrong} of the others not as expected"),
    };
    if args.json {
        print_json(&document(&audits, &expected, status, &message))?;
    } else {
        print(&audits, &expected, status, &message);
    }
    Ok(status)
}

// -- shown -----------------------------------------------------------------------------------------------------------

fn shown(setting: &LeverageSetting) -> String {
    if setting.long == setting.short {
        format!("{}x", setting.long)
    } else {
        format!("{}x/{}x", setting.long, setting.short)
    }
}

fn print(audits: &[Audit<'_>], expected: &Expected, status: u8, message: &str) {
    let mut screen = Screen::stdout();
    let mode = expected.mode.map_or_else(|| "any margin mode".to_owned(), |mode| format!("{mode} margin"));
    let text = format!("Expected: {}x (from {}), {mode}", expected.all, expected.origin);
    screen.text(Tone::Strong, 0, 0, &text);
    for Audit { connection, rows } in audits {
        screen.heading(&connection.title());
        let rows = match rows {
            Err(why) => {
                screen.text(Tone::Bad, 2, 2, &format!("could not be read: {why}"));
                continue;
            }
            Ok(rows) if rows.is_empty() => {
                screen.text(Tone::Dim, 2, 2, "no open positions; name flat symbols with --symbol");
                continue;
            }
            Ok(rows) => rows,
        };
        let mut table = Table::new(&[
            ("symbol", Align::Left),
            ("position", Align::Right),
            ("expected", Align::Right),
            ("actual", Align::Right),
            ("mode", Align::Left),
            ("", Align::Left),
        ]);
        for row in rows {
            let held = if row.held.is_zero() { "flat".to_owned() } else { row.held.to_string() };
            let expected = format!("{}x", row.expected);
            let symbol = row.symbol.as_str();
            match &row.setting {
                Err(why) => table.row_with(
                    vec![
                        symbol.into(),
                        held.into(),
                        expected.into(),
                        "N/A".into(),
                        "N/A".into(),
                        Cell::toned(Tone::Bad, "unread"),
                    ],
                    why.as_str(),
                ),
                Ok(setting) => {
                    let verdict = match row.fits() {
                        Some(true) => Cell::toned(Tone::Good, "ok"),
                        _ => Cell::toned(Tone::Bad, "MISMATCH"),
                    };
                    table.row(vec![
                        symbol.into(),
                        held.into(),
                        expected.into(),
                        shown(setting).into(),
                        setting.mode.to_string().into(),
                        verdict,
                    ]);
                }
            }
        }
        table.print(&mut screen);
    }
    screen.gap();
    screen.text(if status == 0 { Tone::Good } else { Tone::Bad }, 0, 2, message);
}

fn document(audits: &[Audit<'_>], expected: &Expected, status: u8, message: &str) -> Value {
    let row = |row: &Row| {
        let setting = row.setting.as_ref().ok();
        json!({
            "symbol": row.symbol, "size": row.held,
            "expected_leverage": row.expected, "expected_mode": row.mode,
            "long": setting.map(|s| s.long), "short": setting.map(|s| s.short), "mode": setting.map(|s| s.mode),
            "as_expected": row.fits(), "error": row.setting.as_ref().err(),
        })
    };
    let venues: Vec<Value> = audits
        .iter()
        .map(|audit| {
            json!({
                "venue": audit.connection.name,
                "environment": audit.connection.environment.to_string(),
                "account": audit.connection.account,
                "error": audit.rows.as_ref().err(),
                "rows": audit.rows.as_ref().ok().map(|rows| rows.iter().map(row).collect::<Vec<_>>()),
            })
        })
        .collect();
    json!({
        "schema": 1, "as_expected": status == 0, "message": message,
        "expected": {"leverage": expected.all, "origin": expected.origin, "mode": expected.mode},
        "venues": venues,
    })
}
