//! MessagePack, as far as actions need it. Written by hand: a judge that used the encoder of the judged would share its
//! mistakes.

/// Writes values one after another; a map is its header and then its keys and values.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn header(&mut self, short: u8, short_below: u32, wide16: u8, wide32: u8, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        if length < short_below {
            self.0.push(short | u8::try_from(length).unwrap_or(0));
        } else if let Ok(length) = u16::try_from(length) {
            self.0.push(wide16);
            self.0.extend(length.to_be_bytes());
        } else {
            self.0.push(wide32);
            self.0.extend(length.to_be_bytes());
        }
    }

    pub(crate) fn map(&mut self, pairs: usize) -> &mut Self {
        self.header(0x80, 16, 0xde, 0xdf, pairs);
        self
    }

    pub(crate) fn array(&mut self, items: usize) -> &mut Self {
        self.header(0x90, 16, 0xdc, 0xdd, items);
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        match u8::try_from(text.len()) {
            Ok(length) if length >= 32 => self.0.extend([0xd9, length]),
            _ => self.header(0xa0, 32, 0xda, 0xdb, text.len()),
        }
        self.0.extend(text.as_bytes());
        self
    }

    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.0.push(if flag { 0xc3 } else { 0xc2 });
        self
    }

    /// In the smallest form that holds it.
    pub(crate) fn unsigned(&mut self, number: u64) -> &mut Self {
        if let Ok(byte) = u8::try_from(number) {
            if byte >= 0x80 {
                self.0.push(0xcc);
            }
            self.0.push(byte);
        } else if let Ok(number) = u16::try_from(number) {
            self.0.push(0xcd);
            self.0.extend(number.to_be_bytes());
        } else if let Ok(number) = u32::try_from(number) {
            self.0.push(0xce);
            self.0.extend(number.to_be_bytes());
        } else {
            self.0.push(0xcf);
            self.0.extend(number.to_be_bytes());
        }
        self
    }

    /// In the smallest form that holds it.
    pub(crate) fn signed(&mut self, number: i64) -> &mut Self {
        if let Ok(number) = u64::try_from(number) {
            return self.unsigned(number);
        }
        if let Ok(byte) = i8::try_from(number) {
            if byte < -32 {
                self.0.push(0xd0);
            }
            self.0.extend(byte.to_be_bytes());
        } else if let Ok(number) = i16::try_from(number) {
            self.0.push(0xd1);
            self.0.extend(number.to_be_bytes());
        } else if let Ok(number) = i32::try_from(number) {
            self.0.push(0xd2);
            self.0.extend(number.to_be_bytes());
        } else {
            self.0.push(0xd3);
            self.0.extend(number.to_be_bytes());
        }
        self
    }
}
