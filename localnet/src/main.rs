//! Local venues for bots under test: `cargo run --release -p localnet -- --help`.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use localnet::cli::{self, Job, Request};
use localnet::{show, town, watch};

fn main() -> ExitCode {
    let outcome = match cli::read(std::env::args_os()) {
        Ok(Request::Print(text)) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Ok(Request::Start(job)) => run(&job),
        Err(why) => Err(why),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _gone = writeln!(std::io::stderr(), "error: {why}");
            ExitCode::from(2)
        }
    }
}

fn run(job: &Job) -> Result<(), String> {
    // One thread: the venues are deterministic, and a bot under test is one client.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))?.block_on(serve(job))
}

async fn serve(job: &Job) -> Result<(), String> {
    // Before anything is printed: who reads the last line may send the signal at once.
    let end = end().map_err(|error| format!("no signals: {error}"))?;
    let town = town::start(job).await?;
    let out = std::io::stdout();
    let terminal = out.is_terminal();
    if job.json {
        print(&format!("{}\n", town.document()));
        end.await;
        return Ok(());
    }
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    print(&format!("{}\n\n", show::welcome(&town, job.scenario.title.as_deref(), colours)));
    tokio::select! {
        () = watch::watch(&town, out, terminal) => {}
        () = end => {}
    }
    let wipe = if terminal { "\r\u{1b}[K" } else { "" };
    print(&format!("{wipe}ended; {}\n", watch::line(&town)));
    Ok(())
}

/// Ctrl-C, or whatever else asks a process to end.
#[cfg(unix)]
fn end() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn end() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ended = tokio::signal::ctrl_c().await;
    })
}

/// A reader that has gone away is no error.
fn print(text: &str) {
    let mut out = std::io::stdout();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
