//! What is signed. JSON is read, written and read again without a change, and its MessagePack says exactly what the
//! JSON says; an action with a type and its JSON are signed as the same bytes; texts that might be keys stay out of
//! errors.

use std::fmt::Display;
use std::sync::LazyLock;

use evenkeel_hyperliquid::sign::{
    Action, Address, AgentKey, BuilderFee, Grouping, MasterKey, Network, OrderAction, OrderKind, OrderWire,
    OrderedJson, SignError, Signer, Tif, TpSl, UserKind, connection_id, l1_digest, msgpack, orders_msgpack,
    scaled_integer, sign_action, sign_user, sign_user_typed, usd_micros, wire_number,
};
use evenkeel_types::{Decimal, Timestamp, parse_decimal};

use crate::assert_one_line;
use crate::input::Input;

const KEY: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
static AGENT: LazyLock<AgentKey> = LazyLock::new(|| AgentKey::from_hex(KEY).expect("a key"));
static MASTER: LazyLock<MasterKey> = LazyLock::new(|| MasterKey::danger_from_hex(KEY).expect("a key"));

/// One input of the target.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.choice(6) {
        0 => drop(json(&input.rest_text())),
        1 => drop(typed(&mut input)),
        2 => texts(&input.rest_text()),
        3 => numbers(&mut input),
        4 => user_signed(&input.rest_text()),
        _ => signed(&mut input),
    }
}

fn fine<T>(result: Result<T, SignError>) -> Option<T> {
    result.map_err(|error| assert_one_line(&error.to_string())).ok()
}

/// Parse, serialise, parse: nothing changes.
fn json(text: &str) -> Option<OrderedJson> {
    // Whatever else can be serialised is refused or encoded, never a panic.
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        drop(fine(msgpack(&value)));
    }
    let value = fine(OrderedJson::parse(text))?;
    let written = serde_json::to_string(&value).expect("it can be written");
    let again = OrderedJson::parse(&written).expect("what was written can be read");
    assert_eq!(again, value, "{written}");
    assert_eq!(serde_json::to_string(&again).expect("it can be written"), written);
    match fine(msgpack(&value)) {
        Some(bytes) => assert_eq!(json_of(&bytes), written),
        None => assert!(!written.starts_with('{'), "an object was refused: {written}"),
    }
    Some(value)
}

/// An action with a type: its JSON, its MessagePack with serde and without are one action.
fn typed(input: &mut Input<'_>) -> Action {
    let action = action(input);
    let written = serde_json::to_string(&action).expect("an action can be written");
    let bytes = action.msgpack().expect("an action can be encoded");
    let value = json(&written).expect("the JSON of an action is one");
    assert_eq!(serde_json::to_string(&value).expect("it can be written"), written);
    assert_eq!(msgpack(&value).as_ref(), Ok(&bytes), "{written}");
    assert_eq!(msgpack(&action).as_ref(), Ok(&bytes), "{written}");
    if let Action::Order { orders, grouping } = &action {
        assert_eq!(orders_msgpack(orders, *grouping), bytes, "{written}");
        let builder = input.bool().then(|| BuilderFee { address: Address(input.array()), fee: input.u32() });
        let action = OrderAction { orders: orders.clone(), grouping: *grouping, builder };
        let bytes = msgpack(&action).expect("an action can be encoded");
        assert_eq!(json_of(&bytes), serde_json::to_string(&action).expect("it can be written"));
    }
    action
}

fn action(input: &mut Input<'_>) -> Action {
    match input.choice(8) {
        0 => {
            let grouping = match input.choice(4) {
                0 => Grouping::Na,
                1 => Grouping::NormalTpsl,
                2 => Grouping::PositionTpsl,
                _ => Grouping::Priority(input.u32()),
            };
            // More than a list of one byte's length holds.
            let count = input.byte() % 20;
            Action::Order { orders: (0..count).map(|_| order(input)).collect(), grouping }
        }
        1 => Action::Cancel { cancels: (0..input.byte() % 20).map(|_| (input.u32(), input.u64())).collect() },
        2 => Action::CancelByCloid {
            cancels: (0..input.byte() % 20).map(|_| (input.u32(), input.text())).collect(),
        },
        3 => Action::UpdateLeverage { asset: input.u32(), is_cross: input.bool(), leverage: input.u32() },
        4 => Action::UpdateIsolatedMargin { asset: input.u32(), micros: input.u64().cast_signed() },
        5 => Action::TopUpIsolatedOnlyMargin { asset: input.u32(), leverage: input.text() },
        6 => Action::ScheduleCancel { time: input.bool().then(|| input.u64()) },
        _ => Action::Noop,
    }
}

fn order(input: &mut Input<'_>) -> OrderWire {
    let flags = input.byte();
    OrderWire {
        asset: input.u32(),
        is_buy: flags & 1 != 0,
        price: input.text(),
        size: input.text(),
        reduce_only: flags & 2 != 0,
        kind: if flags & 4 == 0 {
            OrderKind::Limit(input.pick(&[Tif::Alo, Tif::Ioc, Tif::Gtc]))
        } else {
            let tpsl = if flags & 8 == 0 { TpSl::Tp } else { TpSl::Sl };
            OrderKind::Trigger { is_market: flags & 16 != 0, trigger_px: input.text(), tpsl }
        },
        cloid: (flags & 32 != 0).then(|| input.text()),
    }
}

/// Addresses and keys: read as they are written, or refused without being shown.
fn texts(text: &str) {
    let twin = twin(text);
    // The words of an error can hold any text by chance, and the fuzzer finds those: what is said of another text too is no
    // quotation.
    let hidden = |error: SignError, of_twin: Option<SignError>| {
        let shown = error.to_string();
        assert_one_line(&shown);
        let quotes = of_twin.is_none_or(|other| other.to_string() != shown) && shown.contains(text);
        assert!(text.chars().count() < 12 || !quotes, "{shown}");
    };
    match text.parse::<Address>() {
        Ok(address) => {
            assert_eq!(address.to_string(), text.to_lowercase());
            assert_eq!(Address::parse(&address.to_string()), Ok(address));
        }
        Err(error) => hidden(error, twin.parse::<Address>().err()),
    }
    match AgentKey::from_hex(text) {
        Ok(key) => {
            let digits = text.strip_prefix("0x").unwrap_or(text);
            assert!(!format!("{key:?}").contains(digits));
            let master = MasterKey::danger_from_hex(text).expect("the same key");
            assert_eq!(master.address().get(), key.address().get());
            assert!(!format!("{master:?}").contains(digits));
        }
        Err(error) => hidden(error, AgentKey::from_hex(&twin).err()),
    }
}

/// A text of the same form, with another character in each place behind `0x`.
fn twin(text: &str) -> String {
    let (prefix, rest) = text.split_at(if text.starts_with("0x") { 2 } else { 0 });
    let other = |char: char| match char {
        '9' => '0',
        'f' => 'a',
        'F' => 'A',
        'z' => 'g',
        'Z' => 'G',
        '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from_u32(u32::from(char) + 1).unwrap_or(char),
        ' ' => '_',
        char => char,
    };
    prefix.chars().chain(rest.chars().map(other)).collect()
}

/// Decimals as the venue takes them keep their value or are refused.
fn numbers(input: &mut Input<'_>) {
    let decimals = u32::from(input.byte() % 40);
    let text = input.text();
    let Ok(value) = parse_decimal("number", &text) else { return };
    if let Some(text) = fine(wire_number(&value)) {
        assert_eq!(parse_decimal("number", &text), Ok(value));
        assert!(!text.contains(['e', 'E', '+']) && text != "-0", "{text}");
        assert!(!text.contains('.') || !text.ends_with(['0', '.']), "{text}");
        for size in [value, Decimal::ONE] {
            assert!(OrderWire::limit(7, true, &value, &size, false, Tif::Gtc).is_ok(), "{text}");
        }
    }
    let micros = fine(usd_micros(&value));
    assert_eq!(micros, scaled_integer(&value, 6).ok());
    if let Some(scaled) = fine(scaled_integer(&value, decimals))
        && decimals <= 28
    {
        assert_eq!(Decimal::from_i128_with_scale(scaled.into(), decimals), value, "{decimals} decimals");
    }
}

/// What a master key signs: from any JSON, only with everything that is sent being signed.
fn user_signed(text: &str) {
    let Some(value) = json(text) else { return };
    if let Some((sent, _)) = fine(sign_user(&MASTER, &value)) {
        let written = serde_json::to_string(&sent).expect("it can be written");
        assert_eq!(OrderedJson::parse(&written), Ok(sent));
    }
    let fields = [("hyperliquidChain", UserKind::Text), ("to", UserKind::Address), ("n", UserKind::Uint)];
    let _ = fine(sign_user_typed(&MASTER, "HyperliquidTransaction:X", &fields, &value));
}

/// A signature leads back to its key.
fn signed(input: &mut Input<'_>) {
    let network = if input.bool() { Network::Mainnet } else { Network::Testnet };
    let nonce = input.u64();
    let vault = input.bool().then(|| Address(input.array()));
    let expires = input.bool().then(|| Timestamp(input.u64()));
    let action = typed(input);
    let signature = sign_action(&*AGENT, network, &action, nonce, vault.as_ref(), expires).expect("it signs");
    let bytes = action.msgpack().expect("an action can be encoded");
    let digest = l1_digest(&connection_id(&bytes, nonce, vault.as_ref(), expires), network);
    assert_eq!(signature.recover(&digest), Ok(Signer::address(&*AGENT).get()));
}

/// MessagePack as JSON text, by a decoder of its own: only what actions have, everything in its shortest form.
fn json_of(bytes: &[u8]) -> String {
    let (mut rest, mut out) = (bytes, String::new());
    value(&mut rest, &mut out);
    assert!(rest.is_empty(), "there is something after the action");
    out
}

fn value(rest: &mut &[u8], out: &mut String) {
    let marker = uint(rest, 1);
    match marker {
        0x00..=0x7f => shown(marker, out),
        0x80..=0x8f => map(rest, marker & 0x0f, out),
        0x90..=0x9f => list(rest, marker & 0x0f, out),
        0xa0..=0xbf => text(rest, marker & 0x1f, out),
        0xc2 => shown(false, out),
        0xc3 => shown(true, out),
        0xcc => shown(sized(rest, 1, 0x80), out),
        0xcd => shown(sized(rest, 2, 0x100), out),
        0xce => shown(sized(rest, 4, 0x1_0000), out),
        0xcf => shown(sized(rest, 8, 0x1_0000_0000), out),
        0xd0 => negative(rest, 1, -0x20, out),
        0xd1 => negative(rest, 2, -0x80, out),
        0xd2 => negative(rest, 4, -0x8000, out),
        0xd3 => negative(rest, 8, -0x8000_0000, out),
        0xd9 => text_of(rest, 1, 0x20, out),
        0xda => text_of(rest, 2, 0x100, out),
        0xdb => text_of(rest, 4, 0x1_0000, out),
        0xdc => {
            let count = sized(rest, 2, 0x10);
            list(rest, count, out);
        }
        0xdd => {
            let count = sized(rest, 4, 0x1_0000);
            list(rest, count, out);
        }
        0xde => {
            let count = sized(rest, 2, 0x10);
            map(rest, count, out);
        }
        0xdf => {
            let count = sized(rest, 4, 0x1_0000);
            map(rest, count, out);
        }
        0xe0..=0xff => shown(i64::try_from(marker).expect("a byte") - 0x100, out),
        _ => panic!("{marker:#x} is in no action"),
    }
}

fn shown(value: impl Display, out: &mut String) {
    out.push_str(&value.to_string());
}

fn uint(rest: &mut &[u8], width: usize) -> u64 {
    let (taken, after) = rest.split_at(width);
    *rest = after;
    taken.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// A number or a length that does not fit in less.
fn sized(rest: &mut &[u8], width: usize, least: u64) -> u64 {
    let value = uint(rest, width);
    assert!(value >= least, "{value} in {width} bytes");
    value
}

fn negative(rest: &mut &[u8], width: usize, above: i64, out: &mut String) {
    let unused = 64 - 8 * u32::try_from(width).expect("small");
    let value = (uint(rest, width) << unused).cast_signed() >> unused;
    assert!(value < above, "{value} in {width} bytes");
    shown(value, out);
}

fn text_of(rest: &mut &[u8], width: usize, least: u64, out: &mut String) {
    let length = sized(rest, width, least);
    text(rest, length, out);
}

fn text(rest: &mut &[u8], length: u64, out: &mut String) {
    let (taken, after) = rest.split_at(usize::try_from(length).expect("a length"));
    *rest = after;
    let text = std::str::from_utf8(taken).expect("text is UTF-8");
    out.push_str(&serde_json::to_string(text).expect("text can be written"));
}

fn list(rest: &mut &[u8], count: u64, out: &mut String) {
    out.push('[');
    for index in 0..count {
        if index > 0 {
            out.push(',');
        }
        value(rest, out);
    }
    out.push(']');
}

fn map(rest: &mut &[u8], count: u64, out: &mut String) {
    out.push('{');
    for index in 0..count {
        if index > 0 {
            out.push(',');
        }
        value(rest, out);
        out.push(':');
        value(rest, out);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messagepack_is_read_as_its_definition_says() {
        for (bytes, json) in [
            (&b"\x81\xa4type\xa4noop"[..], r#"{"type":"noop"}"#),
            (b"\x93\x7f\xcc\x80\xcd\x01\x00", "[127,128,256]"),
            (b"\x94\xff\xe0\xd0\xdf\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", "[-1,-32,-33,-2147483649]"),
            (b"\x92\xc2\xc3", "[false,true]"),
        ] {
            assert_eq!(json_of(bytes), json);
        }
    }

    #[test]
    #[should_panic(expected = "7 in 1 bytes")]
    fn a_number_that_is_longer_than_it_must_be_is_found() {
        let _ = json_of(b"\xcc\x07");
    }
}
