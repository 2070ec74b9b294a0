//! Texts from outside, made fit for an error message: they must not break a log line, nor fill it.

/// One line of at most `longest` characters.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect()
}

/// A name or a value: short, and quoted so that its end can be seen.
pub(crate) fn cut(text: &str) -> String {
    const LONGEST: usize = 40;
    let more = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("`{}{more}`", one_line(text, LONGEST))
}
