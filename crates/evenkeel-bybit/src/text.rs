//! What the venue says, made fit for an error message: it must not tell a key.

use evenkeel_http::one_line;

/// What the venue says. A refused signature is answered with the text that was signed, which has the key in it: that part
/// is left out.
pub(crate) fn told(text: &str) -> String {
    // Room for the reasons that come with some refusals.
    const LONGEST: usize = 300;
    const SIGNED: &str = "origin_string";
    // Lower case in ASCII moves no byte, so that the place is the same in both.
    let end = text.to_ascii_lowercase().find(SIGNED).unwrap_or(text.len());
    let text = text.get(..end).unwrap_or_default();
    // Whatever stands in it, an address must not get into a log.
    let line = one_line(text, LONGEST).replace("://", ":");
    let line = line.trim();
    if line.is_empty() { "the answer says nothing".to_owned() } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_one_short_line_without_the_key() {
        let line = told(&"a\nb\u{7}".repeat(500));
        assert!(line.chars().count() <= 300 && !line.chars().any(char::is_control));
        assert!(!told("see https://x.y/?a=1").contains("://"));
        for name in ["origin_string", "Origin_String", "ORIGIN_STRING"] {
            assert_eq!(told(&format!("error sign! {name}[1682321990138KEYKEY5000x]")), "error sign!");
        }
        assert_eq!(told(" \n"), "the answer says nothing");
    }
}
