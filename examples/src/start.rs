//! How every example begins and ends: its arguments, its runtime, its exit status.

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use evenkeel_exchange::Cancel;

use crate::failure::{Failure, one_line};
use crate::screen::Screen;

/// What a command line is.
#[derive(Debug)]
pub enum Given<A> {
    /// Text that answers it already: help or version.
    Print(String),
    /// Arguments to act on.
    Act(Box<A>),
}

/// Reads a command line, program name first.
///
/// # Errors
/// [`Failure::Input`], one line.
pub fn arguments<A: Parser>(words: impl IntoIterator<Item = OsString>) -> Result<Given<A>, Failure> {
    match A::try_parse_from(words) {
        Ok(arguments) => Ok(Given::Act(Box::new(arguments))),
        Err(error) => {
            let text = error.render().to_string();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Given::Print(text)),
                // The first paragraph says what is wrong; usage and tips follow.
                _ => {
                    let first = text.split("\n\n").next().unwrap_or(&text);
                    Err(Failure::Input(one_line(first.trim_start_matches("error: "))))
                }
            }
        }
    }
}

/// A whole example: parses, acts, and says what was wrong in one line.
pub fn program<A: Parser, F: Future<Output = Result<u8, Failure>>>(act: impl FnOnce(A) -> F) -> ExitCode {
    let result = arguments::<A>(std::env::args_os()).and_then(|given| match given {
        Given::Print(text) => {
            print(&text);
            Ok(0)
        }
        Given::Act(arguments) => run(act(*arguments)),
    });
    status(result)
}

/// Text as it is.
pub fn print(text: &str) {
    let mut screen = Screen::stdout();
    text.lines().for_each(|line| screen.line(line));
}

/// One JSON document on standard output.
///
/// # Errors
/// [`Failure::Halted`] for a document that cannot be written.
pub fn print_json(document: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Failure::Halted(format!("the result could not be written as JSON: {error}")))?;
    Screen::stdout().line(&text);
    Ok(())
}

/// The exit status of a result; a failure goes to standard error.
#[must_use]
pub fn status(result: Result<u8, Failure>) -> ExitCode {
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

/// Runs to the end. Ctrl-C ends the process at once, as it does everywhere, until [`stop_on_request`] is called.
///
/// # Errors
/// Those of `act`.
pub fn run(act: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    // A second thread, so that Ctrl-C is noticed while the first one is busy.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::Halted(format!("no runtime: {error}")))?;
    runtime.block_on(act)
}

/// To be called before anything is sent, within [`run`]: from then on the first Ctrl-C asks to stop once the write in
/// flight is known, and the second does not wait.
#[must_use]
pub fn stop_on_request() -> Cancel {
    let cancel = Cancel::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.request();
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
    cancel
}
