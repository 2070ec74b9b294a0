//! What can be told about key, account, budget and clock before trading, and by which rules the venue is taken. Reads
//! only; with a key in the environment its rights are looked at too.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use evenkeel_examples::confirm;
use evenkeel_examples::failure::Failure;
use evenkeel_examples::live::{Access, Connection, Line, Site, Variables};
use evenkeel_examples::screen::{Screen, Tone, wrap};
use evenkeel_examples::start::{print_json, program};
use evenkeel_examples::table::{Align, Cell, Table};
use evenkeel_exchange::{Clock as _, Observe, Severity, SystemClock};
use evenkeel_types::Capabilities;
use serde_json::{Value, json};

const AFTER_HELP: &str = "\
Examples:
  doctor --venue hyperliquid --environment testnet
  doctor --venue hyperliquid --environment mainnet --json
  doctor --venue hyperliquid --environment testnet --capabilities FILE

Exit status:
  0  all is well
  1  there are warnings, or something could not be told
  2  bad input: one line says which field, which value, and what is allowed
  3  there are problems, or the venue cannot be reached

Keys and addresses: the environment, or a file .env (see .env.example). Sends
nothing that is signed, and shows no key.";

/// A clock further off than this confuses more than our own requests.
const CLOCK_OFF: Duration = Duration::from_secs(1);

/// Where findings begin on the screen.
const FINDINGS_AT: usize = 25;

/// Looks at key, account, budget and clock, and says what would go wrong.
#[derive(Debug, Parser)]
#[command(name = "doctor", version, after_help = AFTER_HELP, term_width = 80)]
struct Args {
    #[command(flatten)]
    site: Site,

    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program(doctor)
}

/// Something that was looked at.
struct Check {
    topic: String,
    severity: Severity,
    finding: String,
    remedy: Option<String>,
}

async fn doctor(args: Args) -> Result<u8, Failure> {
    let connection = args.site.open(&Variables::read()?, Access::Best)?;
    confirm::note("asking the venue ...");
    let venue = connection.observe();
    // First, and alone: a venue that cannot be reached is one line, not a list of things that could not be read.
    let mut checks = vec![clock(venue).await?];
    if let Some(diagnose) = venue.read_abilities().diagnose {
        let found = diagnose.diagnose().await.into_iter();
        checks.extend(found.map(|found| Check {
            topic: found.topic.to_string(),
            severity: found.severity,
            finding: found.finding,
            remedy: found.remedy,
        }));
    }
    let worst = checks.iter().map(|check| check.severity).max().unwrap_or(Severity::Fine);
    let status = match worst {
        Severity::Fine => 0,
        Severity::Unclear | Severity::Warning => 1,
        _ => 3,
    };
    let message = match status {
        0 => "all is well",
        1 => "it works, with warnings",
        _ => "trading will fail, or is not safe",
    };
    let facts = facts(venue.capabilities());
    if args.json {
        print_json(&document(&connection, &checks, &facts, status, message))?;
    } else {
        print(&connection, &checks, &facts, status, message);
    }
    Ok(status)
}

/// Our clock against the venue's: the middle of the round trip is when it was read, give or take half of it.
async fn clock(venue: &dyn Observe) -> Result<Check, Failure> {
    let clock = SystemClock::new();
    let began = clock.now();
    let theirs = venue.server_time().await.map_err(|error| match Failure::from(error) {
        // A venue that cannot be asked for the time cannot be asked for anything.
        Failure::Input(why) | Failure::Halted(why) => Failure::Halted(why),
    })?;
    let trip = clock.now().since(began);
    let ours = began.after(trip / 2);
    let (word, off) =
        if theirs >= ours { ("behind", theirs.since(ours)) } else { ("ahead", ours.since(theirs)) };
    let far = off > CLOCK_OFF + trip / 2;
    let shown = if off < Duration::from_secs(10) {
        format!("{} ms", off.as_millis())
    } else {
        format!("{} s", off.as_secs())
    };
    let finding = format!("ours is {shown} {word} the venue's; round trip {} ms", trip.as_millis());
    let remedy =
        far.then(|| "let the system keep its time (NTP); old readings look new otherwise".to_owned());
    let severity = if far { Severity::Warning } else { Severity::Fine };
    Ok(Check { topic: "clock".to_owned(), severity, finding, remedy })
}

/// Capabilities one by one, as files spell them.
fn facts(capabilities: &Capabilities) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let Ok(Value::Object(fields)) = serde_json::to_value(capabilities) else { return facts };
    for (name, value) in fields {
        match value {
            Value::Object(inner) if name == "request_validity" => {
                let seconds = inner.get("secs").map(Value::to_string).unwrap_or_default();
                facts.push((name, format!("{seconds} s")));
            }
            Value::Object(inner) => {
                facts
                    .extend(inner.into_iter().map(|(part, value)| (format!("{name}.{part}"), plain(&value))));
            }
            value => facts.push((name, plain(&value))),
        }
    }
    facts
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Null => "not known".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn word(severity: Severity) -> (Tone, &'static str) {
    match severity {
        Severity::Fine => (Tone::Good, "fine"),
        Severity::Unclear => (Tone::Warn, "unclear"),
        Severity::Warning => (Tone::Warn, "warning"),
        _ => (Tone::Bad, "PROBLEM"),
    }
}

fn print(connection: &Connection, checks: &[Check], facts: &[(String, String)], status: u8, message: &str) {
    let mut screen = Screen::stdout();
    screen.text(Tone::Strong, 0, 0, &connection.title());
    screen.heading("Looked at");
    for check in checks {
        let (tone, verdict) = word(check.severity);
        // Running text beside two columns, which a table would cut.
        for (index, line) in wrap(&check.finding, FINDINGS_AT, 0).into_iter().enumerate() {
            let line = match index {
                0 => format!("  {verdict:<9}{:<14}{}", check.topic, line.trim_start()),
                _ => line,
            };
            let line = screen.paint(tone, &line);
            screen.line(&line);
        }
        if let Some(remedy) = &check.remedy {
            screen.text(Tone::Dim, FINDINGS_AT, 0, remedy);
        }
    }
    screen.heading(&format!("What the venue lets one do ({})", connection.source));
    let mut table = Table::new(&[("fact", Align::Left), ("", Align::Left)]);
    for (name, value) in facts {
        table.row(vec![Cell::from(name.as_str()), Cell::from(value.as_str())]);
    }
    table.print(&mut screen);
    screen.gap();
    let tone = match status {
        0 => Tone::Good,
        1 => Tone::Warn,
        _ => Tone::Bad,
    };
    screen.text(tone, 0, 2, message);
}

fn document(
    connection: &Connection,
    checks: &[Check],
    facts: &[(String, String)],
    status: u8,
    message: &str,
) -> Value {
    let checks: Vec<Value> = checks
        .iter()
        .map(|check| {
            json!({
                "topic": check.topic, "severity": word(check.severity).1.to_lowercase(),
                "finding": check.finding, "remedy": check.remedy,
            })
        })
        .collect();
    let facts: serde_json::Map<String, Value> =
        facts.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "schema": 1, "venue": connection.name, "environment": connection.environment.to_string(),
        "account": connection.account, "can_trade": matches!(connection.line, Line::Trading(_)),
        "fine": status == 0, "message": message, "checks": checks,
        "capabilities": {"source": connection.source.to_string(), "facts": facts},
    })
}
