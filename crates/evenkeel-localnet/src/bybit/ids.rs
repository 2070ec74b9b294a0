//! Numbers of orders and executions in the form of UUIDs. The number can be read back out of its UUID.

use sha2::{Digest as _, Sha256};

/// Odd, so that multiplying by it loses nothing (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What has an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Order,
    Execution,
    Message,
    Payment,
}

/// The UUID of a number.
pub(super) fn uuid(of: Of, number: u64) -> String {
    let spread = number.wrapping_mul(SPREAD).to_be_bytes();
    let mut hash = Sha256::new();
    hash.update(match of {
        Of::Order => b"order".as_slice(),
        Of::Execution => b"execution",
        Of::Message => b"message",
        Of::Payment => b"payment",
    });
    hash.update(spread);
    let mut bytes = [0_u8; 16];
    bytes.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
    // Version and variant have their places; the number has the first six bytes and the eleventh and twelfth.
    let [a, b, c, d, e, f, g, h] = spread;
    let [.., six, seven, eight, nine, _, _, w, x, y, z] = bytes;
    let parts = [a, b, c, d, e, f, (six & 0x0f) | 0x40, seven, (eight & 0x3f) | 0x80, nine, g, h, w, x, y, z];
    let mut text = String::with_capacity(36);
    for (place, byte) in parts.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0x0f] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text
}

/// The number of a UUID that was given out here.
pub(super) fn number(of: Of, text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let first = digits.get(..12)?;
    let last = digits.get(20..24)?;
    let spread = u64::from_str_radix(&format!("{first}{last}"), 16).ok()?;
    let number = spread.wrapping_mul(inverse());
    (uuid(of, number) == text).then_some(number)
}

/// By Newton's method: each step doubles the digits that are right.
fn inverse() -> u64 {
    (0..6).fold(SPREAD, |x, _| x.wrapping_mul(2_u64.wrapping_sub(SPREAD.wrapping_mul(x))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_its_number() {
        for id in [0, 1, 2, 1_000_000, u64::MAX, 90_542_681_000] {
            let text = uuid(Of::Order, id);
            assert_eq!(number(Of::Order, &text), Some(id), "{text}");
            assert_eq!(number(Of::Execution, &text), None);
            assert_eq!(text.len(), 36);
            let dashes: Vec<usize> = text.match_indices('-').map(|(place, _)| place).collect();
            assert_eq!(dashes, [8, 13, 18, 23]);
            assert!(text[14..].starts_with('4') && "89ab".contains(&text[19..20]), "{text}");
        }
        for text in ["", "x", "8bec532a-36b1-437e-93f4-1b03bf449456", "éééééééééééééééééé", "0-0"]
        {
            assert_eq!(number(Of::Order, text), None, "{text}");
        }
    }
}
