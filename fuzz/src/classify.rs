//! The error mapper behind the decoder of answers. Only a text that the table lists as refused before anything happened
//! is `NotApplied`; whatever else a body says, in whatever disguise, proves nothing.
//!
//! What is listed is read from the source of the table, so that the two cannot drift apart; how a text is looked up is
//! written here a second time.

use std::sync::LazyLock;

use evenkeel_exchange::Effect;
use evenkeel_hyperliquid::classify;
use evenkeel_hyperliquid::decode::{Answer, Body, StatusEntry, decode_answer};
use serde_json::json;

use crate::assert_one_line;
use crate::input::Input;
use crate::numbers::{AMOUNTS, Numbers};

/// How a text of the table begins, and whether it proves that nothing was done.
type Row = (String, bool);

struct Table {
    rows: Vec<Row>,
    /// The part that may stand anywhere.
    anywhere: String,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let source = include_str!("../../crates/evenkeel-hyperliquid/src/error.rs");
    let body = source.split("const TABLE: &[Row] = &[").nth(1).and_then(|rest| rest.split("\n];").next());
    let rows: Vec<Row> = body
        .expect("the table is where it was")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .map(|line| {
            let quoted = line.strip_prefix("(\"").and_then(|line| line.split_once("\", "));
            let (begins, rest) = quoted.unwrap_or_else(|| panic!("no row of the table: {line}"));
            assert!(!begins.is_empty() && !begins.contains('\\'), "{line}");
            match rest.split_once(", ") {
                Some((_, "No),")) => (begins.to_owned(), true),
                Some((_, "May),")) => (begins.to_owned(), false),
                _ => panic!("no effect in the row: {line}"),
            }
        })
        .collect();
    let anywhere = source.split("const NEW_TIERS: &str = \"").nth(1).and_then(|rest| rest.split('"').next());
    assert!(rows.len() > 40, "{} rows", rows.len());
    Table { rows, anywhere: anywhere.expect("the part is where it was").to_owned() }
});

/// One input of the target: a whole body, or a text that is put where the venue says why it refuses.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.choice(5) {
        0 => answer(input.rest()),
        1 => refusals(&input.rest_text()),
        // Texts that begin like a listed one, or nearly.
        2 => {
            let row = row(&mut input);
            refusals(&format!("{row}{}", input.rest_text()));
        }
        3 => {
            let (row, before) = (row(&mut input), input.text());
            refusals(&format!("{before}{row}{}", input.rest_text()));
        }
        _ => {
            let mut row = row(&mut input).into_bytes();
            let at = usize::from(input.byte()) % row.len();
            let byte = input.byte();
            if input.bool() {
                row[at] = byte;
            } else {
                row.truncate(at);
            }
            refusals(&format!("{}{}", String::from_utf8_lossy(&row), input.rest_text()));
        }
    }
}

fn row(input: &mut Input<'_>) -> String {
    let table = &*TABLE;
    let row = usize::from(input.byte()) % (table.rows.len() + 1);
    table.rows.get(row).map_or(&table.anywhere, |(begins, _)| begins).clone()
}

/// Any body: every text in it that the venue refuses with is looked up.
fn answer(body: &[u8]) {
    let decoded = match decode_answer(Body::new("exchange", body)) {
        Ok(decoded) => decoded,
        Err(error) => return assert_one_line(&error.to_string()),
    };
    match &decoded {
        Answer::Refused(text) => looked_up(text),
        Answer::Entries(entries) => {
            for entry in entries {
                if let StatusEntry::Error(text) = entry {
                    looked_up(text);
                }
            }
        }
        _ => {}
    }
    if let Some(numbers) = Numbers::of(body) {
        numbers.assert_say(AMOUNTS, &decoded);
    }
}

/// A text as the refusal of an action and of one order of a batch: it arrives as it was sent.
fn refusals(text: &str) {
    looked_up(text);
    let whole = json!({ "status": "err", "response": text }).to_string();
    let decoded = decode_answer(Body::new("exchange", whole.as_bytes()));
    assert_eq!(decoded, Ok(Answer::Refused(text.to_owned())));
    answer(whole.as_bytes());

    let statuses = json!(["success", { "error": text }, { "resting": { "oid": 7 } }]);
    let data = json!({ "type": "order", "data": { "statuses": statuses } });
    let batch = json!({ "status": "ok", "response": data }).to_string();
    let Ok(Answer::Entries(entries)) = decode_answer(Body::new("exchange", batch.as_bytes())) else {
        panic!("no batch: {batch}")
    };
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[1], StatusEntry::Error(text.to_owned()));
    answer(batch.as_bytes());
}

fn looked_up(text: &str) {
    let table = &*TABLE;
    let found = classify(text).map(|(_, effect)| effect);
    // Whether the table can mean it at all, however a text is prepared before it is looked up.
    let somewhere = |(begins, _): &Row| text.contains(begins.as_str());
    if !table.rows.iter().any(somewhere) && !text.contains(&table.anywhere) {
        assert_eq!(found, None, "not listed: {text:?}");
        return;
    }
    // What the table says of it: by its first row, after blanks and the venue's prefix.
    let mut begin = text.trim_start();
    while let Some(rest) = begin.strip_prefix("(Spot-only) ") {
        begin = rest;
    }
    let row = table.rows.iter().find(|(begins, _)| begin.starts_with(begins.as_str()));
    let refused = row.map_or(text.contains(&table.anywhere), |(_, refused)| *refused);
    assert_eq!(found == Some(Effect::NotApplied), refused, "{text:?}");
    assert_eq!(found.is_some(), row.is_some() || refused, "{text:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        let source = include_str!("../../crates/evenkeel-hyperliquid/src/error.rs");
        let rows = source.matches(", No),").count() + source.matches(", May),").count();
        assert_eq!(TABLE.rows.len(), rows);
        assert!(TABLE.rows.iter().any(|(_, refused)| !refused), "none that may have been applied");
        assert!(TABLE.anywhere.contains("margin tiers"), "{}", TABLE.anywhere);
    }

    #[test]
    fn listed_texts_pass() {
        for (begins, _) in &TABLE.rows {
            refusals(begins);
            refusals(&format!("  (Spot-only) {begins}. asset=4"));
        }
        refusals(&format!("X: {}", TABLE.anywhere));
    }
}
