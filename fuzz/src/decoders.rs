//! What holds for every decoder of every venue, and how a body gets to one.

use std::fmt::Debug;

use evenkeel_http::json::{Body, DecodeError, Document};

use crate::assert_one_line;
use crate::input::Input;
use crate::numbers::{AMOUNTS, Numbers};

/// A name for people, and what is tried.
pub type Decoder = (&'static str, fn(&[u8]));

/// One input: the first byte picks the decoder, `A` the first one.
pub(crate) fn pick(decoders: &[Decoder], data: &[u8]) {
    let mut input = Input::new(data);
    let (_, decode) = decoders[input.choice(decoders.len())];
    decode(input.rest());
}

/// What a decoder makes of a body; an error is one line that names the body.
pub(crate) fn fine<T>(body: &[u8], decode: impl FnOnce(Body<'_>) -> Result<T, DecodeError>) -> Option<T> {
    // What is JSON has two readers here, which agree.
    let plain = serde_json::from_slice::<&serde_json::value::RawValue>(body).is_ok();
    assert_eq!(Document::read(Body::new("body", body)).is_ok(), plain);
    match decode(Body::new("body", body)) {
        Ok(decoded) => Some(decoded),
        Err(error) => {
            refused(&error);
            assert_eq!(error.file(), "body");
            None
        }
    }
}

pub(crate) fn refused(error: &DecodeError) {
    let shown = error.to_string();
    assert_one_line(&shown);
    assert!(shown.starts_with(error.file()), "{shown}");
    assert!(!error.problem().is_empty() && !error.remedy().is_empty(), "{shown}");
}

/// Where all numbers are the body's own.
pub(crate) fn straight<T: Debug>(
    body: &[u8],
    decode: impl FnOnce(Body<'_>) -> Result<T, DecodeError>,
) -> Option<T> {
    let decoded = fine(body, decode)?;
    assert_says(body, AMOUNTS, &decoded);
    Some(decoded)
}

pub(crate) fn plain<T: Debug>(body: &[u8], decode: impl FnOnce(Body<'_>) -> Result<T, DecodeError>) {
    let _ = straight(body, decode);
}

#[track_caller]
pub(crate) fn assert_says(body: &[u8], kinds: &[&str], decoded: &impl Debug) {
    if let Some(numbers) = Numbers::of(body) {
        numbers.assert_say(kinds, decoded);
    }
}

/// A decoder that is not in the list is not fuzzed.
#[cfg(test)]
pub(crate) fn assert_all_are_tried(public: &str, here: &str, least: usize) {
    let list = here.split("pub const DECODERS").nth(1).unwrap();
    let mut found = 0;
    for item in public.split(';').filter(|item| item.contains("pub use")) {
        for name in item.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if name.starts_with("decode_") {
                assert!(list.contains(name), "{name}");
                found += 1;
            }
        }
    }
    assert!(found >= least, "{found}");
}
