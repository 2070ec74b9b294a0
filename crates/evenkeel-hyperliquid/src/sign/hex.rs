//! Hexadecimal text.

use std::fmt;

/// What is wrong with a hexadecimal text. Never holds any of it: it might be a key in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HexProblem {
    /// This many characters.
    Length(usize),
    /// The character at this place, from 0, is no hexadecimal digit.
    Digit(usize),
}

/// Fills `out` with the bytes of `digits`, which has no prefix. Into a buffer of the caller, who may have to wipe it.
pub(super) fn decode(digits: &str, out: &mut [u8]) -> Result<(), HexProblem> {
    if let Some(at) = digits.chars().position(|digit| !digit.is_ascii_hexdigit()) {
        return Err(HexProblem::Digit(at));
    }
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != out.len() || !rest.is_empty() {
        return Err(HexProblem::Length(digits.len()));
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = (nibble(*high) << 4) | nibble(*low);
    }
    Ok(())
}

/// Of a digit that was checked.
fn nibble(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or_default()
}

/// Bytes as `0x` and lower-case digits, with all leading zeros.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
