//! Where every value of an answer stands, found in one pass.

use super::node::Node;
use super::{Body, DecodeError, DecodeErrorKind, WHOLE};

/// An answer whose bytes are known to be JSON, with the place of every value in it: walking down to one reads nothing again.
///
/// ```
/// use evenkeel_http::json::{Body, Document};
///
/// let document = Document::read(Body::new("fees", b"[1, 0.50]"))?;
/// let root = document.root();
/// let rows = root.array()?;
/// assert_eq!(root.index(1, rows.get(1).copied()).digits()?, "0.50");
/// # Ok::<(), evenkeel_http::json::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Document<'a> {
    file: &'a str,
    text: &'a str,
    spans: Vec<Span>,
}

/// Where a value stands in the text, and how far the values within it go: those follow it, the names of an object's fields
/// each before its value.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
    /// The number of the next value that is not within this one.
    after: u32,
}

/// A value of a [`Document`]: its text as it was sent, and its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) raw: &'a str,
    pub(super) number: u32,
}

impl<'a> Document<'a> {
    /// Finds every value of an answer.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Syntax`] with the line and the column.
    pub fn read(body: Body<'a>) -> Result<Self, DecodeError> {
        let Body { name: file, bytes } = body;
        let refused =
            |problem: &str| DecodeError::new(DecodeErrorKind::Syntax, file, String::new(), problem, WHOLE);
        let found = std::str::from_utf8(bytes).ok().and_then(|text| Some((text, Scan::new(text).spans()?)));
        if let Some((text, spans)) = found {
            return Ok(Self { file, text, spans });
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(refused("the file is empty"));
        }
        // It is read again, slowly, to tell where it breaks.
        match serde_json::from_slice::<&serde_json::value::RawValue>(bytes) {
            Err(error) => Err(refused(&format!("no valid JSON: {error}"))),
            Ok(_) => Err(refused("an answer of four gigabytes is not read")),
        }
    }

    /// The whole answer.
    #[must_use]
    pub fn root(&self) -> Node<'_, '_> {
        Node::of(self, self.value(0))
    }

    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    fn value(&self, number: u32) -> Option<Value<'a>> {
        let span = self.span(number)?;
        let (start, end) = (usize::try_from(span.start).ok()?, usize::try_from(span.end).ok()?);
        Some(Value { raw: self.text.get(start..end)?, number })
    }

    fn span(&self, number: u32) -> Option<&Span> {
        self.spans.get(usize::try_from(number).ok()?)
    }

    /// The values directly within one, where it is of this very document; names of fields are among them.
    pub(super) fn within(&self, value: &Value<'a>) -> Option<Within<'_, 'a>> {
        let span = self.span(value.number)?;
        let own = self.value(value.number)?;
        if !std::ptr::eq(own.raw, value.raw) {
            return None;
        }
        Some(Within { document: self, next: value.number.saturating_add(1), after: span.after })
    }
}

/// The values directly within another one.
#[derive(Debug, Clone)]
pub(super) struct Within<'d, 'a> {
    document: &'d Document<'a>,
    next: u32,
    after: u32,
}

impl<'a> Iterator for Within<'_, 'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.next >= self.after {
            return None;
        }
        let value = self.document.value(self.next)?;
        self.next = self.document.span(self.next)?.after;
        Some(value)
    }
}

/// Of a text, per value: answers of venues have one in ten to twenty bytes.
const BYTES_PER_VALUE: usize = 12;

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    spans: Vec<Span>,
    /// Objects and arrays that are not closed yet, and whether each is an object.
    open: Vec<(usize, bool)>,
}

/// `None` everywhere: it is no JSON.
impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        let spans = Vec::with_capacity(text.len().div_ceil(BYTES_PER_VALUE));
        Self { bytes: text.as_bytes(), at: 0, spans, open: Vec::new() }
    }

    fn spans(mut self) -> Option<Vec<Span>> {
        u32::try_from(self.bytes.len()).ok()?;
        loop {
            self.blank();
            let start = self.at;
            match self.take()? {
                b'{' => {
                    self.begin(start, true)?;
                    self.blank();
                    if self.peek() != Some(b'}') {
                        self.name()?;
                        continue;
                    }
                }
                b'[' => {
                    self.begin(start, false)?;
                    self.blank();
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                b'"' => {
                    self.text()?;
                    self.leaf(start)?;
                }
                b't' => self.word(start, b"rue")?,
                b'f' => self.word(start, b"alse")?,
                b'n' => self.word(start, b"ull")?,
                first => {
                    self.number(first)?;
                    self.leaf(start)?;
                }
            }
            // A value is complete, and perhaps what it ends.
            loop {
                self.blank();
                let Some((index, is_object)) = self.open.last().copied() else {
                    return (self.at == self.bytes.len()).then_some(self.spans);
                };
                match (self.take()?, is_object) {
                    (b',', true) => {
                        self.blank();
                        self.name()?;
                        break;
                    }
                    (b',', false) => break,
                    (b'}', true) | (b']', false) => {
                        self.open.pop();
                        let (end, after) = (self.position()?, u32::try_from(self.spans.len()).ok()?);
                        let span = self.spans.get_mut(index)?;
                        (span.end, span.after) = (end, after);
                    }
                    _ => return None,
                }
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    fn position(&self) -> Option<u32> {
        u32::try_from(self.at).ok()
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at = self.at.saturating_add(1);
        }
    }

    fn begin(&mut self, start: usize, is_object: bool) -> Option<()> {
        self.open.push((self.spans.len(), is_object));
        self.spans.push(Span { start: u32::try_from(start).ok()?, end: 0, after: 0 });
        Some(())
    }

    fn leaf(&mut self, start: usize) -> Option<()> {
        let after = u32::try_from(self.spans.len()).ok()?.checked_add(1)?;
        self.spans.push(Span { start: u32::try_from(start).ok()?, end: self.position()?, after });
        Some(())
    }

    /// The name of a field, and the colon behind it.
    fn name(&mut self) -> Option<()> {
        let start = self.at;
        if self.take()? != b'"' {
            return None;
        }
        self.text()?;
        self.leaf(start)?;
        self.blank();
        (self.take()? == b':').then_some(())
    }

    fn word(&mut self, start: usize, rest: &[u8]) -> Option<()> {
        self.bytes.get(self.at..)?.strip_prefix(rest)?;
        self.at = self.at.saturating_add(rest.len());
        self.leaf(start)
    }

    /// What follows an opening quote, the closing one included.
    fn text(&mut self) -> Option<()> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
            self.at = self.at.saturating_add(plain);
            match self.take()? {
                b'"' => return Some(()),
                b'\\' => match self.take()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            self.take().filter(u8::is_ascii_hexdigit)?;
                        }
                    }
                    _ => return None,
                },
                _ => return None,
            }
        }
    }

    /// A number that begins with this byte, which is taken already.
    fn number(&mut self, first: u8) -> Option<()> {
        let first = if first == b'-' { self.take()? } else { first };
        match first {
            // No digit follows a leading zero: it would be text after the value.
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at = self.at.saturating_add(1);
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at = self.at.saturating_add(1);
            if let Some(b'+' | b'-') = self.peek() {
                self.at = self.at.saturating_add(1);
            }
            self.some_digits()?;
        }
        Some(())
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at = self.at.saturating_add(1);
        }
    }

    fn some_digits(&mut self) -> Option<()> {
        self.take().filter(u8::is_ascii_digit)?;
        self.digits();
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Both readers agree on what is JSON, and on every value's text.
    fn agree(bytes: &[u8]) {
        let theirs = serde_json::from_slice::<&serde_json::value::RawValue>(bytes);
        let ours = Document::read(Body::new("f", bytes));
        match (&theirs, &ours) {
            (Ok(raw), Ok(document)) => {
                let root = document.value(0).unwrap();
                assert_eq!(raw.get(), root.raw);
                same_within(document, &root);
            }
            (Err(_), Err(error)) => assert_eq!(error.kind(), DecodeErrorKind::Syntax),
            _ => panic!("{:?}: {theirs:?} {ours:?}", String::from_utf8_lossy(bytes)),
        }
    }

    fn same_within(document: &Document<'_>, value: &Value<'_>) {
        let mut found = document.within(value).unwrap();
        if value.raw.starts_with('[') {
            let expected: Vec<&serde_json::value::RawValue> = serde_json::from_str(value.raw).unwrap();
            for raw in expected {
                let value = found.next().unwrap();
                assert_eq!(value.raw, raw.get());
                same_within(document, &value);
            }
        }
        if value.raw.starts_with('{') {
            let fields: Vec<Value<'_>> = found.by_ref().collect();
            let text: Vec<String> =
                fields.chunks(2).map(|pair| format!("{}:{}", pair[0].raw, pair[1].raw)).collect();
            let spaced: String = value.raw.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let ours: String =
                format!("{{{}}}", text.join(",")).chars().filter(|c| !c.is_ascii_whitespace()).collect();
            assert_eq!(ours, spaced);
            fields.iter().skip(1).step_by(2).for_each(|value| same_within(document, value));
        }
        assert!(found.next().is_none());
    }

    #[test]
    fn what_is_json_is_read_and_nothing_else() {
        for text in [
            "null",
            " true ",
            "false",
            "0",
            "-0",
            "1.50",
            "1e5",
            "1E+5",
            "-1.0e-10",
            "\"\"",
            "\"\\u00e9\\n\\\"\"",
            "\"\\ud800\"",
            "[]",
            "[ ]",
            "{}",
            "{ }",
            "[1,[2,[3]],{\"a\":[]}]",
            "{\"a\":{\"b\":1},\"a\":2}",
            "{\"\":null , \"\\u0061\" : [1 ,2 ] }",
            "\"\u{e9}\u{20ac}\"",
        ] {
            agree(text.as_bytes());
            assert!(Document::read(Body::new("f", text.as_bytes())).is_ok(), "{text}");
        }
        for text in [
            "",
            " ",
            "nul",
            "nulll",
            "tru",
            "01",
            "-",
            "-a",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "0x1",
            "1 2",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u123g\"",
            "\"\n\"",
            "\"\u{1}\"",
            "[",
            "]",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1}",
            "{",
            "}",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{a:1}",
            "{1:1}",
            "{\"a\" 1}",
            "{,}",
            "[]]",
            "{}}",
            "NaN",
            "Infinity",
            "'a'",
            "\u{feff}1",
            "1,",
            "/**/1",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
        ] {
            agree(text.as_bytes());
            assert!(Document::read(Body::new("f", text.as_bytes())).is_err(), "{text}");
        }
        agree(b"\"\xff\"");
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Document::read(Body::new("f", deep.as_bytes())).is_ok());
    }

    proptest! {
        #[test]
        fn texts_of_json_s_own_letters_are_judged_alike(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\\", "\\u0061", "1", "0", "-", ".", "e", "+", " ", "\n",
                    "null", "true", "false", "\"k\":", "\u{e9}",
                ]),
                0..24,
            ),
        ) {
            agree(pieces.concat().as_bytes());
        }

        #[test]
        fn broken_bytes_are_judged_alike(
            at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let text = r#"{"symbols":[{"symbol":"BTC","n":-1.5e3,"f":[{"t":"x","v":null},{}],"\u0062":true}], "t": 5 }"#;
            let mut bytes = text.as_bytes().to_vec();
            let length = bytes.len();
            bytes[at.index(length)] = byte;
            agree(&bytes);
            agree(&bytes[..cut.index(length)]);
        }
    }
}
