//! The MessagePack of orders without serde: what a batch of orders waits for.

use super::{Grouping, OrderKind, OrderWire};

/// The MessagePack of the action `order`: the bytes that [`msgpack`](super::msgpack) gives for
/// [`Action::Order`](super::Action::Order), without serde. The tests hold both to the same bytes.
///
/// ```
/// use evenkeel_hyperliquid::sign::{Action, Grouping, OrderWire, Tif, msgpack, orders_msgpack};
/// use evenkeel_types::parse_decimal;
///
/// let size = parse_decimal("size", "0.2")?;
/// let order = OrderWire::limit(1, true, &1_100.into(), &size, false, Tif::Gtc)?;
/// let bytes = orders_msgpack(std::slice::from_ref(&order), Grouping::Na);
/// assert_eq!(bytes, msgpack(&Action::Order { orders: vec![order], grouping: Grouping::Na })?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn orders_msgpack(orders: &[OrderWire], grouping: Grouping) -> Vec<u8> {
    // Enough for orders with a client id; triggers may make it grow.
    let mut out = Out(Vec::with_capacity(orders.len().saturating_mul(112).saturating_add(64)));
    out.raw(b"\x83\xa4type\xa5order\xa6orders");
    out.list(orders.len());
    for order in orders {
        out.order(order);
    }
    out.raw(b"\xa8grouping");
    match grouping.name() {
        Ok(name) => out.text(name),
        Err(rate) => {
            out.raw(b"\x81\xa1p");
            out.number(rate);
        }
    }
    out.0
}

struct Out(Vec<u8>);

impl Out {
    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn order(&mut self, order: &OrderWire) {
        self.raw(if order.cloid.is_some() { b"\x87\xa1a" } else { b"\x86\xa1a" });
        self.number(order.asset);
        self.raw(if order.is_buy { b"\xa1b\xc3\xa1p" } else { b"\xa1b\xc2\xa1p" });
        self.text(&order.price);
        self.raw(b"\xa1s");
        self.text(&order.size);
        self.raw(if order.reduce_only { b"\xa1r\xc3\xa1t" } else { b"\xa1r\xc2\xa1t" });
        match &order.kind {
            OrderKind::Limit(tif) => {
                self.raw(b"\x81\xa5limit\x81\xa3tif");
                self.text(tif.name());
            }
            OrderKind::Trigger { is_market, trigger_px, tpsl } => {
                self.raw(b"\x81\xa7trigger\x83\xa8isMarket");
                self.raw(if *is_market { b"\xc3\xa9triggerPx" } else { b"\xc2\xa9triggerPx" });
                self.text(trigger_px);
                self.raw(b"\xa4tpsl");
                self.text(tpsl.name());
            }
        }
        if let Some(cloid) = &order.cloid {
            self.raw(b"\xa1c");
            self.text(cloid);
        }
    }

    /// A whole number in its shortest form.
    fn number(&mut self, value: u32) {
        if let Ok(small) = u8::try_from(value) {
            if small >= 0x80 {
                self.0.push(0xcc);
            }
            self.0.push(small);
        } else if let Ok(middle) = u16::try_from(value) {
            self.0.push(0xcd);
            self.raw(&middle.to_be_bytes());
        } else {
            self.0.push(0xce);
            self.raw(&value.to_be_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        self.head(text.len(), 0xa0, 32, Some(0xd9), 0xda, 0xdb);
        self.raw(text.as_bytes());
    }

    fn list(&mut self, length: usize) {
        self.head(length, 0x90, 16, None, 0xdc, 0xdd);
    }

    /// A length in its shortest form: in the marker `fixed` itself below `limit`, or after a marker for one, two or
    /// four bytes.
    fn head(&mut self, length: usize, fixed: u8, limit: u8, one: Option<u8>, two: u8, four: u8) {
        match (u8::try_from(length), u16::try_from(length), one) {
            (Ok(small), ..) if small < limit => self.0.push(fixed | small),
            (Ok(small), _, Some(one)) => self.raw(&[one, small]),
            (_, Ok(middle), _) => {
                self.0.push(two);
                self.raw(&middle.to_be_bytes());
            }
            _ => {
                self.0.push(four);
                // MessagePack has no longer ones, and memory none for them.
                self.raw(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
            }
        }
    }
}
