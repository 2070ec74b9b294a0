//! Asking a person before something is sent.

use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use evenkeel_exchange::{Cancel, Clock, SystemClock};

use crate::failure::Failure;
use crate::screen::{Screen, Tone};

/// How often it is looked whether somebody pressed Ctrl-C while an answer is waited for.
const GLANCE: Duration = Duration::from_millis(100);

/// Whether there is anybody to ask, or nobody needs to be asked. To be called before anything else: a script that
/// forgot `--yes` should learn it at once.
///
/// # Errors
/// [`Failure::Input`].
pub fn possible(yes: bool, what: &str) -> Result<(), Failure> {
    if yes || std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::input(format!(
        "{what} asks for a confirmation and there is no terminal to ask on; in scripts add --yes (nothing was sent)"
    )))
}

/// Shows what is about to happen and waits for a typed `yes`. On standard error: standard output may be a document.
///
/// # Errors
/// [`Failure::Input`] for every other answer, and for Ctrl-C.
pub async fn ask(lines: &[String], cancel: &Cancel) -> Result<(), Failure> {
    let mut screen = Screen::stderr();
    screen.heading("To be confirmed");
    for line in lines {
        screen.text(Tone::Plain, 2, 2, line);
    }
    prompt("Type yes to go on: ");
    let (send, mut answered) = tokio::sync::oneshot::channel();
    // A thread of its own that nobody waits for: reading a terminal cannot be called off.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        // Nobody listens any more after Ctrl-C.
        let _ = send.send(read.map(|_| line));
    });
    let clock = SystemClock::new();
    loop {
        tokio::select! {
            line = &mut answered => return verdict(line.ok().and_then(Result::ok).as_deref()),
            () = clock.sleep(GLANCE) => if cancel.is_requested() {
                screen.gap();
                return verdict(None);
            },
        }
    }
}

fn verdict(line: Option<&str>) -> Result<(), Failure> {
    match line {
        Some(line) if line.trim() == "yes" => Ok(()),
        _ => Err(Failure::input("not confirmed with `yes`: nothing was sent")),
    }
}

fn prompt(text: &str) {
    let mut out = std::io::stderr().lock();
    // Whoever cannot see the prompt sees nothing else either.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A line about what is going on, for somebody who waits: only where standard error is a terminal.
pub fn note(text: &str) {
    if std::io::stderr().is_terminal() {
        Screen::stderr().text(Tone::Dim, 0, 2, text);
    }
}

/// A line that has to be seen although nothing else is printed for people.
pub fn warn(text: &str) {
    Screen::stderr().text(Tone::Bad, 0, 2, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(verdict(Some("yes\n")).is_ok());
        for other in [None, Some(""), Some("y\n"), Some("YES\n"), Some("yes please\n"), Some("no\n")] {
            let error = verdict(other).unwrap_err();
            assert_eq!(error.status(), 2);
            assert!(error.to_string().contains("nothing was sent"), "{error}");
        }
    }
}
