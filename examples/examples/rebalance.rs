//! The main job, end to end: an account, a target, a plan with its reasons and costs, its execution on a paper exchange
//! or at a venue, and a verdict. `cargo run --release --example rebalance -- --help` says what else it does.

use std::process::ExitCode;
use std::time::Duration;

use evenkeel_examples::cli::{self, Job, Request};
use evenkeel_examples::document::{self, Document};
use evenkeel_examples::failure::Failure;
use evenkeel_examples::live::Connection;
use evenkeel_examples::screen::{Screen, Tone};
use evenkeel_examples::{Doing, Place, confirm, metrics, show, start};
use evenkeel_executor::{HaltReason, Outcome, Preview, TradeStatus, execute, preview};
use evenkeel_paper::PaperVenue;
use evenkeel_rebalance::{Work, account_view};
use evenkeel_store::MemoryJournal;

fn main() -> ExitCode {
    start::status(cli::read(std::env::args_os()).and_then(|request| match request {
        Request::Print(text) => {
            start::print(&text);
            Ok(0)
        }
        Request::Run(job) => start::run(rebalance(*job)),
    }))
}

/// Where a plan is carried out.
enum Stage {
    /// Nowhere.
    None,
    Paper(PaperVenue),
    Live(Box<Connection>, bool),
}

async fn rebalance(job: Job) -> Result<u8, Failure> {
    let Job { case, dry_run, json, pace } = job;
    let (target, policy) = (case.wish.target()?, &case.wish.policy);
    let (preview, stage) = match case.place {
        Place::Paper(venue) => (preview(&venue, &target, policy).await?, Stage::Paper(venue)),
        Place::Recorded(snapshot) => (Preview::of(*snapshot, &target, policy)?, Stage::None),
        Place::Live(connection, doing) => {
            confirm::note("reading the account ...");
            let found = match preview(connection.observe(), &target, policy).await {
                Ok(found) => found,
                Err(error) => return Err(connection.explain(error.into(), &target.scope().symbols).await),
            };
            match doing {
                Doing::Plan => (found, Stage::None),
                Doing::Execute { yes } => (found, Stage::Live(connection, yes)),
                Doing::Rehearse(seed) => {
                    let venue = PaperVenue::fork(&found.snapshot, &connection.profile, seed)
                        .map_err(Failure::input)?;
                    (preview(&venue, &target, policy).await?, Stage::Paper(venue))
                }
            }
        }
    };
    let mut screen = match &stage {
        // Nobody can say yes to what cannot be seen.
        Stage::Live(_, false) if json => Screen::stderr(),
        _ if json => Screen::new(std::io::sink(), false),
        _ => Screen::stdout(),
    };
    show::opening(&mut screen, &case.title, &case.assumptions);
    if let Stage::Live(connection, _) = &stage
        && let Some(warning) = connection.warning()
    {
        screen.text(Tone::Bad, 0, 2, &warning);
        if json {
            confirm::warn(&warning);
        }
    }
    show::account(&mut screen, "Account before", &preview.plan.before);
    show::plan(&mut screen, &preview);

    let planned_only = match &stage {
        Stage::None => true,
        Stage::Paper(_) => dry_run,
        // Nothing to say yes to.
        Stage::Live(..) => preview.plan.is_empty(),
    };
    if planned_only {
        let message = show::planned(&preview.plan);
        show::account(&mut screen, "Account after, every order filled at its limit", &preview.plan.after);
        screen.gap();
        screen.text(Tone::Plain, 0, 2, &message);
        if json {
            start::print_json(&Document::planned(&preview.plan, &message))?;
        }
        return Ok(0);
    }
    let cancel = start::stop_on_request();
    if let Stage::Live(connection, false) = &stage {
        confirm::ask(&question(connection, &preview), &cancel).await?;
    }

    screen.heading("Execution");
    let journal = MemoryJournal::new();
    let mut progress = |event: &evenkeel_executor::Event| {
        show::event(&mut screen, event);
        std::thread::sleep(Duration::from_millis(pace));
    };
    let approval = preview.approve();
    let report = match &stage {
        Stage::Live(connection, _) => {
            let clock = &*connection.clock;
            execute(connection.trade()?, &journal, clock, approval, &mut progress, &cancel).await
        }
        Stage::Paper(venue) => {
            execute(venue, &journal, &venue.clock(), approval, &mut progress, &cancel).await
        }
        Stage::None => return Err(Failure::Halted("there is nowhere to execute this".to_owned())),
    };

    let after = report.after.as_ref().and_then(|snapshot| account_view(snapshot).ok());
    let rows = metrics::rows(&report);
    match &after {
        Some(view) => show::account(&mut screen, "Account after", view),
        None => screen.heading("Account after: it was not read"),
    }
    show::result(&mut screen, &report, &rows);
    if report.outcome == Outcome::Halted(HaltReason::ExpiredPlan) && report.trades.iter().all(untouched) {
        let text = format!(
            "Nothing was sent: prices move, so a plan is valid for {} s after the account was read. Run it again, and \
             confirm sooner.",
            policy.plan_validity.as_secs()
        );
        screen.text(Tone::Warn, 0, 2, &text);
    }
    if json {
        start::print_json(&Document::executed(&report, after.as_ref(), &rows))?;
    }
    Ok(document::status(&report))
}

fn untouched(trade: &evenkeel_executor::TradeReport) -> bool {
    trade.status == TradeStatus::Skipped
}

/// What is said yes to, in four lines.
fn question(connection: &Connection, preview: &Preview) -> Vec<String> {
    let plan = &preview.plan;
    let orders = plan.steps().filter(|step| matches!(step.work, Work::Order { .. }));
    let mut lines = vec![connection.title()];
    lines.extend(connection.warning());
    lines.push(match orders.max_by_key(|step| step.value) {
        Some(step) => {
            format!("largest change: {} {}, {:.2} ({})", step.symbol, step.action, step.value, step.reason)
        }
        None => "no orders, only settings".to_owned(),
    });
    lines.push(format!("gross: {:.2} -> {:.2}", plan.before.gross, plan.after.gross));
    let left = plan.expires.since(connection.clock.now());
    lines.push(format!("this plan is valid for another {} s", left.as_secs()));
    lines
}
