//! A terminal of 80 columns.

use std::io::{ErrorKind, IsTerminal, Write};

/// No line that is printed is longer.
pub const WIDTH: usize = 80;

/// What a piece of text means; the colour follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Of second importance.
    Dim,
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// Not as it should be.
    Bad,
}

/// Where lines go. A reader that has gone away (`| head`) is no error: what is printed then is lost, and the run and
/// its exit status stay what they are.
pub struct Screen {
    out: Box<dyn Write + Send>,
    colours: bool,
    gone: bool,
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen")
            .field("colours", &self.colours)
            .field("gone", &self.gone)
            .finish_non_exhaustive()
    }
}

impl Screen {
    /// Standard output, in colours when it is a terminal and `NO_COLOR` is not set.
    #[must_use]
    pub fn stdout() -> Self {
        let out = std::io::stdout();
        let colours = out.is_terminal() && colours_wanted();
        Self { out: Box::new(out), colours, gone: false }
    }

    /// Standard error: questions, and what a person wants to see while a program reads standard output.
    #[must_use]
    pub fn stderr() -> Self {
        let out = std::io::stderr();
        let colours = out.is_terminal() && colours_wanted();
        Self { out: Box::new(out), colours, gone: false }
    }

    /// Any writer.
    #[must_use]
    pub fn new(out: impl Write + Send + 'static, colours: bool) -> Self {
        Self { out: Box::new(out), colours, gone: false }
    }

    /// One line.
    pub fn line(&mut self, text: &str) {
        if self.gone {
            return;
        }
        if let Err(error) = writeln!(self.out, "{text}").and_then(|()| self.out.flush()) {
            self.gone = true;
            if error.kind() != ErrorKind::BrokenPipe {
                // Nobody can be told through this screen.
                let _ = writeln!(std::io::stderr(), "error: standard output: {error}");
            }
        }
    }

    /// An empty line.
    pub fn gap(&mut self) {
        self.line("");
    }

    /// Running text, broken at spaces; every line begins with `indent`, and all but the first with `hang` more spaces.
    pub fn text(&mut self, tone: Tone, indent: usize, hang: usize, text: &str) {
        for line in wrap(text, indent, hang) {
            let line = self.paint(tone, &line);
            self.line(&line);
        }
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        self.gap();
        self.text(Tone::Strong, 0, 0, text);
    }

    /// The text in its colour.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.colours || text.is_empty() => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Dim => "2",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Lines of at most [`WIDTH`] columns. A word that is longer than a line is cut into several.
#[must_use]
pub fn wrap(text: &str, indent: usize, hang: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        while !rest.is_empty() {
            let margin = if lines.is_empty() { indent } else { indent + hang };
            let room = WIDTH.saturating_sub(margin).max(1);
            if used > 0 && used + 1 + rest.len() <= room {
                line.push(' ');
                line.extend(rest.drain(..));
                used = line.chars().count();
            } else if used > 0 {
                lines.push(format!("{:margin$}{line}", ""));
                line.clear();
                used = 0;
            } else {
                let taken = rest.len().min(room);
                line.extend(rest.drain(..taken));
                used = taken;
            }
        }
    }
    if used > 0 {
        let margin = if lines.is_empty() { indent } else { indent + hang };
        lines.push(format!("{:margin$}{line}", ""));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_spaces_and_never_too_long() {
        let words = "word ".repeat(40);
        let lines = wrap(&words, 4, 2);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert!(lines[0].starts_with("    word") && lines[1].starts_with("      word"));
        let long = "x".repeat(200);
        let lines = wrap(&long, 2, 0);
        assert_eq!(lines.iter().map(|line| line.trim().len()).sum::<usize>(), 200);
        assert!(lines.iter().all(|line| line.len() <= WIDTH));
        assert!(wrap("  ", 2, 2).is_empty());
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        let plain = Screen::new(std::io::sink(), false);
        assert_eq!(plain.paint(Tone::Good, "yes"), "yes");
        let coloured = Screen::new(std::io::sink(), true);
        assert_eq!(coloured.paint(Tone::Good, "yes"), "\u{1b}[32myes\u{1b}[0m");
        assert_eq!(coloured.paint(Tone::Plain, "yes"), "yes");
    }
}
