//! Lines that fit a terminal.

/// Breaks `text` at spaces so that no line is longer than `width`, each line beginning with `indent`. A word that is
/// longer than a line gets one of its own.
pub(crate) fn wrap(text: &str, width: usize, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::from(indent);
    let mut empty = true;
    for word in text.split_whitespace() {
        let needed =
            line.chars().count().saturating_add(word.chars().count()).saturating_add(usize::from(!empty));
        if !empty && needed > width {
            lines.push(std::mem::replace(&mut line, String::from(indent)));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    if !empty {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn lines_break_at_spaces_and_keep_their_indent() {
        assert_eq!(wrap("one two three", 9, "  "), ["  one two", "  three"]);
        assert_eq!(wrap("incomprehensible word", 6, ""), ["incomprehensible", "word"]);
        assert!(wrap("", 6, "  ").is_empty());
    }
}
