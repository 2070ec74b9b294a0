//! The main job, end to end: an account, a target, a plan with its reasons and costs, its execution on a paper exchange,
//! and a verdict. `cargo run --release --example rebalance -- --help` says what else it does.

use std::process::ExitCode;
use std::time::Duration;

use evenkeel_examples::cli::{self, Job, Request};
use evenkeel_examples::document::{self, Document};
use evenkeel_examples::failure::Failure;
use evenkeel_examples::screen::{Screen, Tone};
use evenkeel_examples::{Place, metrics, show};
use evenkeel_exchange::Cancel;
use evenkeel_executor::{Preview, execute, preview};
use evenkeel_rebalance::account_view;
use evenkeel_store::MemoryJournal;

fn main() -> ExitCode {
    let result = cli::read(std::env::args_os()).and_then(|request| match request {
        Request::Print(text) => {
            let mut screen = Screen::stdout();
            text.lines().for_each(|line| screen.line(line));
            Ok(0)
        }
        Request::Run(job) => run(*job),
    });
    match result {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            complain(&failure);
            ExitCode::from(failure.status())
        }
    }
}

#[allow(clippy::print_stderr, reason = "a program's errors belong there")]
fn complain(failure: &Failure) {
    eprintln!("error: {failure}");
}

fn run(job: Job) -> Result<u8, Failure> {
    // A second thread, so that Ctrl-C is noticed while the first one is busy.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::Halted(format!("no runtime: {error}")))?;
    let cancel = Cancel::new();
    runtime.spawn(stop_on_request(cancel.clone()));
    runtime.block_on(rebalance(job, &cancel))
}

/// The first Ctrl-C asks the run to end once the write in flight is known; the second does not wait.
async fn stop_on_request(cancel: Cancel) {
    if tokio::signal::ctrl_c().await.is_ok() {
        cancel.request();
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(130);
    }
}

async fn rebalance(job: Job, cancel: &Cancel) -> Result<u8, Failure> {
    let Job { case, dry_run, json, pace } = job;
    let (target, policy) = (case.wish.target()?, &case.wish.policy);
    let mut screen = if json { Screen::new(std::io::sink(), false) } else { Screen::stdout() };

    let (preview, venue) = match case.place {
        Place::Paper(venue) => (preview(&venue, &target, policy).await?, Some(venue)),
        Place::Recorded(snapshot) => (Preview::of(*snapshot, &target, policy)?, None),
    };
    show::opening(&mut screen, &case.title, &case.assumptions);
    show::account(&mut screen, "Account before", &preview.plan.before);
    show::plan(&mut screen, &preview);

    let Some(venue) = venue.filter(|_| !dry_run) else {
        let message = show::planned(&preview.plan);
        show::account(&mut screen, "Account after, every order filled at its limit", &preview.plan.after);
        screen.gap();
        screen.text(Tone::Plain, 0, 2, &message);
        if json {
            print(&Document::planned(&preview.plan, &message))?;
        }
        return Ok(0);
    };

    screen.heading("Execution");
    let journal = MemoryJournal::new();
    let mut progress = |event: &evenkeel_executor::Event| {
        show::event(&mut screen, event);
        std::thread::sleep(Duration::from_millis(pace));
    };
    let report = execute(&venue, &journal, &venue.clock(), preview.approve(), &mut progress, cancel).await;

    let after = report.after.as_ref().and_then(|snapshot| account_view(snapshot).ok());
    let rows = metrics::rows(&report);
    match &after {
        Some(view) => show::account(&mut screen, "Account after", view),
        None => screen.heading("Account after: it could not be read"),
    }
    show::result(&mut screen, &report, &rows);
    if json {
        print(&Document::executed(&report, after.as_ref(), &rows))?;
    }
    Ok(document::status(&report))
}

fn print(document: &Document<'_>) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Failure::Halted(format!("the result could not be written as JSON: {error}")))?;
    Screen::stdout().line(&text);
    Ok(())
}
