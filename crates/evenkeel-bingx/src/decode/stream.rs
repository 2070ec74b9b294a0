//! What the account stream says, as hints. Only names are read, and settings to see that they changed: amounts are asked
//! for.

use std::collections::BTreeMap;
use std::io::Read as _;

use evenkeel_exchange::Hint;
use evenkeel_http::Secret;
use evenkeel_http::feed::{Heard, MAX_MESSAGE_BYTES, Message};
use evenkeel_types::{ClientOrderId, Symbol};
use flate2::read::GzDecoder;
use serde_json::Value;

/// Symbols whose settings are remembered to see changes: the venue pushes them all again every five seconds. All symbols of
/// the venue fit several times.
const MAX_REMEMBERED: usize = 8192;

/// Leverages and margin mode by symbol, as last pushed.
pub(crate) type Settings = BTreeMap<String, String>;

/// The text of a message, which the venue compresses. `None` for what is no text, or too long.
pub(crate) fn text(message: &Message) -> Option<String> {
    let bytes = match message {
        Message::Text(text) => return Some(text.clone()),
        Message::Binary(bytes) => bytes,
        Message::Alive => return None,
    };
    let mut text = String::new();
    // One byte more than allowed tells a text that is too long from one that fits.
    let limit = u64::try_from(MAX_MESSAGE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let read = GzDecoder::new(bytes.as_ref()).take(limit).read_to_string(&mut text).ok()?;
    (read <= MAX_MESSAGE_BYTES).then_some(text)
}

/// The key of the stream, which becomes part of an address: letters and digits. `None` for anything else.
pub(crate) fn listen_key(body: &[u8]) -> Option<Secret> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let answer = answer.get("data").filter(|data| data.is_object()).unwrap_or(&answer);
    let key = answer.get("listenKey")?.as_str()?;
    let fine = !key.is_empty() && key.len() <= 256 && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fine.then(|| Secret::from(key.to_owned()))
}

/// Reads one message.
pub(crate) fn hear(text: &str, settings: &mut Settings) -> Heard {
    if text == "Ping" {
        return Heard::Reply("Pong".to_owned());
    }
    let Ok(event) = serde_json::from_str::<Value>(text) else { return Heard::UNREADABLE };
    let part = |name: &str| event.get(name).unwrap_or(&Value::Null);
    let hints = match event.get("e").and_then(Value::as_str).unwrap_or_default() {
        "ORDER_TRADE_UPDATE" => order(part("o")),
        "ACCOUNT_UPDATE" => {
            let rows = part("a").get("P").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let positions = rows.iter().map(|row| Hint::Position { symbol: symbol(row) });
            std::iter::once(Hint::Account).chain(positions).collect()
        }
        // Documents tell all settings under the first name again and again; clients were also sent them under the second
        // one, which has accounts too.
        "ACCOUNT_CONFIG_UPDATE" | "SNAPSHOT" => return setting(part("ac"), settings),
        "listenKeyExpired" => return Heard::Over("the listen key expired"),
        _ => return Heard::Nothing,
    };
    Heard::Hints(hints)
}

fn order(order: &Value) -> Vec<Hint> {
    let (symbol, id) = (symbol(order), ours(order));
    let mut hints = vec![Hint::Order { symbol: symbol.clone(), id }];
    // `CALCULATED` is a liquidation or an automatic deleveraging.
    if matches!(order.get("x").and_then(Value::as_str), Some("TRADE" | "CALCULATED")) {
        hints.push(Hint::Fill { symbol, id });
    }
    hints
}

fn setting(row: &Value, settings: &mut Settings) -> Heard {
    let Some(name) = row.get("s").and_then(Value::as_str) else { return Heard::Nothing };
    if settings.len() >= MAX_REMEMBERED {
        settings.clear();
    }
    let part = |name: &str| row.get(name).map(Value::to_string).unwrap_or_default();
    let now = format!("{} {} {}", part("l"), part("S"), part("mt"));
    match settings.insert(name.to_owned(), now.clone()) {
        Some(before) if before != now => Heard::Hints(vec![Hint::Setting { symbol: symbol(row) }]),
        // The first one of a symbol comes with the connection: the reading at the beginning covers it.
        _ => Heard::Nothing,
    }
}

fn symbol(row: &Value) -> Option<Symbol> {
    Symbol::new(row.get("s")?.as_str()?).ok()
}

fn ours(row: &Value) -> Option<ClientOrderId> {
    // Ids come back in the other case now and then.
    let id = row.get("c")?.as_str()?.to_ascii_lowercase();
    ClientOrderId::parse(&id).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;

    fn packed(text: &[u8]) -> Message {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        Message::Binary(encoder.finish().unwrap().into())
    }

    fn hints(text: &Value, settings: &mut Settings) -> Vec<Hint> {
        match hear(&text.to_string(), settings) {
            Heard::Hints(hints) => hints,
            Heard::Nothing => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_are_unpacked_and_bombs_are_not() {
        assert_eq!(text(&packed(b"Ping")).as_deref(), Some("Ping"));
        assert_eq!(text(&Message::Text("Ping".to_owned())).as_deref(), Some("Ping"));
        assert_eq!(text(&Message::Binary(vec![1, 2, 3].into())), None);
        assert_eq!(text(&packed(&[0xff, 0xfe])), None);
        let Message::Binary(bomb) = packed(&vec![b' '; MAX_MESSAGE_BYTES + 1]) else { panic!() };
        assert!(bomb.len() < 100_000);
        assert_eq!(text(&Message::Binary(bomb)), None);
        assert_eq!(
            text(&packed(&vec![b' '; MAX_MESSAGE_BYTES])).map(|text| text.len()),
            Some(MAX_MESSAGE_BYTES)
        );
    }

    #[test]
    fn the_settings_that_come_every_five_seconds_are_told_when_they_change() {
        let mut seen = Settings::new();
        let push = |long: u32, mode: &str| json!({"e": "ACCOUNT_CONFIG_UPDATE", "ac": {"s": "SOL-USDT", "l": long, "S": 9, "mt": mode}});
        let changed = [Hint::Setting { symbol: Some(Symbol::new("SOL-USDT").unwrap()) }];
        assert_eq!(hints(&push(12, "cross"), &mut seen), []);
        assert_eq!(hints(&push(12, "cross"), &mut seen), []);
        assert_eq!(hints(&push(2, "cross"), &mut seen), changed);
        assert_eq!(hints(&push(2, "isolated"), &mut seen), changed);
        assert_eq!(hints(&push(2, "isolated"), &mut seen), []);
    }

    #[test]
    fn a_setting_that_was_told_in_a_snapshot_is_told_when_it_changes() {
        let changed = [Hint::Setting { symbol: Some(Symbol::new("SOL-USDT").unwrap()) }];
        let push = |name: &str, long: u32| json!({"e": name, "ac": {"s": "SOL-USDT", "l": long, "S": 9, "mt": "cross"}});
        for (first, second) in [("SNAPSHOT", "ACCOUNT_CONFIG_UPDATE"), ("SNAPSHOT", "SNAPSHOT")] {
            let mut seen = Settings::new();
            assert_eq!(hints(&push(first, 12), &mut seen), []);
            assert_eq!(hints(&push(second, 2), &mut seen), changed);
        }
        // What an account is at is no news.
        let account = json!({"e": "SNAPSHOT", "a": {"B": [], "P": [{"s": "SOL-USDT"}]}});
        assert_eq!(hints(&account, &mut Settings::new()), []);
    }

    #[test]
    fn orders_fills_and_money_are_told_apart() {
        let id = ClientOrderId::from_hash(&[7; 16]);
        let sol = || Some(Symbol::new("SOL-USDT").unwrap());
        let none = &mut Settings::new();
        let order = |what: &str| json!({"e": "ORDER_TRADE_UPDATE", "o": {"s": "SOL-USDT", "c": id.as_str().to_uppercase(), "x": what}});
        let ordered = Hint::Order { symbol: sol(), id: Some(id) };
        assert_eq!(hints(&order("NEW"), none), std::slice::from_ref(&ordered));
        assert_eq!(hints(&order("TRADE"), none), [ordered, Hint::Fill { symbol: sol(), id: Some(id) }]);
        let account = json!({"e": "ACCOUNT_UPDATE", "a": {"m": "ORDER", "B": [], "P": [{"s": "SOL-USDT"}]}});
        assert_eq!(hints(&account, none), [Hint::Account, Hint::Position { symbol: sol() }]);
        assert!(matches!(hear("Ping", none), Heard::Reply(pong) if pong == "Pong"));
        assert!(matches!(hear(r#"{"e":"listenKeyExpired"}"#, none), Heard::Over(_)));
        for text in ["", "hello", r#"{"e":"ORDER_TRADE_UPDATE","o":{"s":"SOL"#] {
            assert!(matches!(hear(text, none), Heard::Over("a message cannot be read")), "{text}");
        }
    }
}
