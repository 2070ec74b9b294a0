//! The two encodings that signed requests are written in, and texts from outside made fit for an error message.

/// Bytes in lower-case hexadecimal.
///
/// ```
/// assert_eq!(evenkeel_http::hex(&[0x00, 0xAF]), "00af");
/// ```
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    write_hex(&mut text, bytes);
    text
}

/// Appends bytes in lower-case hexadecimal.
pub fn write_hex(out: &mut String, bytes: &[u8]) {
    // A signature at a time: whole texts are appended faster than single characters.
    for part in bytes.chunks(32) {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(part) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
        }
        let written = digits.get(..part.len().saturating_mul(2)).unwrap_or_default();
        out.push_str(std::str::from_utf8(written).unwrap_or_default());
    }
}

/// Appends a query value with everything percent-encoded but the unreserved characters of RFC 3986 §2.3 (letters,
/// digits, `-`, `.`, `_`, `~`). A space becomes `%20`, never `+`: both sides of a signature must read the same bytes.
///
/// ```
/// let mut query = String::from("note=");
/// evenkeel_http::percent_encode(&mut query, "a b/ü");
/// assert_eq!(query, "note=a%20b%2F%C3%BC");
/// ```
pub fn percent_encode(out: &mut String, value: &str) {
    // Nearly everything that is signed stays as it is.
    if is_unreserved(value) {
        return out.push_str(value);
    }
    let mut run = 0;
    for (at, byte) in value.bytes().enumerate() {
        if plain(byte) {
            continue;
        }
        out.push_str(value.get(run..at).unwrap_or_default());
        out.push('%');
        out.push(char::from(digit(byte >> 4).to_ascii_uppercase()));
        out.push(char::from(digit(byte & 0xf).to_ascii_uppercase()));
        run = at.saturating_add(1);
    }
    out.push_str(value.get(run..).unwrap_or_default());
}

/// Whether [`percent_encode`] leaves a value as it is.
#[must_use]
pub fn is_unreserved(value: &str) -> bool {
    // Without a way out in between, so that many bytes are looked at together.
    value.bytes().fold(true, |all, byte| all & plain(byte))
}

/// Whether a byte stays as it is. Looked up: one load takes less than the five comparisons that it stands for.
fn plain(byte: u8) -> bool {
    #[allow(
        clippy::indexing_slicing,
        reason = "while this is compiled, where a panic is an error; a byte is below 256"
    )]
    const PLAIN: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0_u8;
        loop {
            table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
            if byte == u8::MAX {
                break table;
            }
            byte += 1;
        }
    };
    PLAIN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// A nibble as a digit. Total: only nibbles come here.
fn digit(nibble: u8) -> u8 {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0')
}

/// One line of at most `longest` characters: what comes from outside must not break a log line, nor fill it, and whatever
/// stands in it, an address or a signature must not get there.
///
/// ```
/// use evenkeel_http::one_line;
///
/// assert_eq!(one_line("a\nb\u{7}c", 4), "a b ");
/// assert_eq!(one_line("see https://x.y/?signature=1 !", 200), "see (address) !");
/// ```
#[must_use]
pub fn one_line(text: &str, longest: usize) -> String {
    let secret = |word: &str| word.contains("://") || word.contains("signature=");
    // Looked at before it is cut, so that no half of an address is left; what is far beyond the end is not looked at.
    let seen: String = text.chars().take(longest.saturating_mul(8)).collect();
    let words: Vec<&str> = seen
        .split(|c: char| c.is_control() || c == ' ')
        .map(|word| if secret(word) { "(address)" } else { word })
        .collect();
    words.join(" ").chars().take(longest).collect()
}

/// A name or a value from outside: one short line, quoted so that its end can be seen.
///
/// ```
/// assert_eq!(evenkeel_http::cut("BTC"), "`BTC`");
/// ```
#[must_use]
pub fn cut(text: &str) -> String {
    const LONGEST: usize = 40;
    let more = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("`{}{more}`", one_line(text, LONGEST))
}
