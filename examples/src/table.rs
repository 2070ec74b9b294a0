//! Tables that fit the screen.

use crate::screen::{Screen, Tone, WIDTH};

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}

impl Cell {
    /// In a tone.
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone }
    }
}

/// Rows under headings, each with optional running text below it.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<(Vec<Cell>, Option<String>)>,
}

const INDENT: usize = 2;
/// A column is never made narrower: something must stay to be read.
const NARROWEST: usize = 4;

impl Table {
    /// With these columns.
    #[must_use]
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// One more row.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push((cells, None));
    }

    /// One more row with text below it.
    pub fn row_with(&mut self, cells: Vec<Cell>, below: impl Into<String>) {
        self.rows.push((cells, Some(below.into())));
    }

    /// Prints it.
    pub fn print(&self, screen: &mut Screen) {
        let (widths, gap) = self.widths();
        let heads: Vec<Cell> = self.columns.iter().map(|(head, _)| Cell::toned(Tone::Dim, *head)).collect();
        let line = self.format(&heads, &widths, gap, screen);
        screen.line(&line);
        for (cells, below) in &self.rows {
            let line = self.format(cells, &widths, gap, screen);
            screen.line(&line);
            if let Some(below) = below {
                screen.text(Tone::Dim, INDENT * 2, 2, below);
            }
        }
    }

    /// As wide as the widest cell; where the sum does not fit, first the gaps shrink, then the widest columns.
    fn widths(&self) -> (Vec<usize>, usize) {
        let mut widths: Vec<usize> = self.columns.iter().map(|(head, _)| head.chars().count()).collect();
        for (cells, _) in &self.rows {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let total = |widths: &[usize], gap: usize| {
            INDENT + widths.iter().sum::<usize>() + gap * widths.len().saturating_sub(1)
        };
        let gap = if total(&widths, 2) <= WIDTH { 2 } else { 1 };
        while total(&widths, gap) > WIDTH {
            let Some(widest) = widths.iter_mut().max() else { break };
            if *widest <= NARROWEST {
                break;
            }
            *widest -= 1;
        }
        (widths, gap)
    }

    fn format(&self, cells: &[Cell], widths: &[usize], gap: usize, screen: &Screen) -> String {
        let mut line = " ".repeat(INDENT);
        // Spaces wait until something follows them, so that no line ends in any.
        let mut waiting = 0;
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(&self.columns) {
            let text = cut(&cell.text, *width);
            let missing = width - text.chars().count();
            if *align == Align::Right {
                waiting += missing;
            }
            if !text.is_empty() {
                line.extend(std::iter::repeat_n(' ', waiting));
                line.push_str(&screen.paint(cell.tone, &text));
                waiting = 0;
            } else if *align == Align::Right {
                // The cell's own place is part of the missing width already.
            }
            if *align == Align::Left {
                waiting += missing;
            }
            waiting += gap;
        }
        line
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn printed(table: &Table) -> String {
        let shared = Shared::default();
        table.print(&mut Screen::new(shared.clone(), false));
        let bytes = shared.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_tail() {
        let mut table = Table::new(&[("name", Align::Left), ("size", Align::Right), ("more", Align::Left)]);
        table.row(vec!["SOL".into(), "0.9".into(), "".into()]);
        table.row_with(vec!["BITCOIN".into(), "".into(), "yes".into()], "because");
        assert_eq!(
            printed(&table),
            "  name     size  more\n  SOL       0.9\n  BITCOIN        yes\n    because\n"
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_and_never_wraps() {
        let mut table = Table::new(&[("a", Align::Left), ("b", Align::Right), ("c", Align::Left)]);
        table.row(vec!["x".repeat(50).into(), "1".repeat(50).into(), "z".into()]);
        let text = printed(&table);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.contains('…') && text.contains('z'));
    }
}
