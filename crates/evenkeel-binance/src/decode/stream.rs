//! What the user data stream says, as hints. Only names are read: amounts are asked for.

use evenkeel_exchange::Hint;
use evenkeel_http::Secret;
use evenkeel_http::feed::Heard;
use evenkeel_types::{ClientOrderId, Symbol};
use serde_json::Value;

/// The key of the stream, which becomes part of an address: letters and digits. `None` for anything else.
pub(crate) fn listen_key(body: &[u8]) -> Option<Secret> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let key = answer.get("listenKey")?.as_str()?;
    let fine = !key.is_empty() && key.len() <= 256 && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fine.then(|| Secret::from(key.to_owned()))
}

/// Reads one message.
pub(crate) fn hear(text: &str) -> Heard {
    let Ok(message) = serde_json::from_str::<Value>(text) else { return Heard::UNREADABLE };
    // Combined streams put the event under `data`.
    let event = message.get("data").unwrap_or(&message);
    let part = |name: &str| event.get(name).unwrap_or(&Value::Null);
    let hints = match event.get("e").and_then(Value::as_str).unwrap_or_default() {
        "ORDER_TRADE_UPDATE" => order(part("o")),
        "TRADE_LITE" => vec![Hint::Fill { symbol: symbol(event), id: id(event, "c") }],
        "ALGO_UPDATE" => {
            let order = part("o");
            vec![Hint::Order { symbol: symbol(order), id: id(order, "caid") }]
        }
        "CONDITIONAL_ORDER_TRIGGER_REJECT" => {
            vec![Hint::Order { symbol: symbol(part("or")), id: None }]
        }
        "ACCOUNT_UPDATE" => account(part("a")),
        "ACCOUNT_CONFIG_UPDATE" => vec![Hint::Setting { symbol: symbol(part("ac")) }],
        "MARGIN_CALL" => vec![Hint::Account],
        "listenKeyExpired" => return Heard::Over("the listen key expired"),
        _ => return Heard::Nothing,
    };
    Heard::Hints(hints)
}

fn order(order: &Value) -> Vec<Hint> {
    let (symbol, id) = (symbol(order), id(order, "c"));
    let mut hints = vec![Hint::Order { symbol: symbol.clone(), id }];
    // `CALCULATED` is a liquidation.
    if matches!(order.get("x").and_then(Value::as_str), Some("TRADE" | "CALCULATED")) {
        hints.push(Hint::Fill { symbol, id });
    }
    hints
}

fn account(account: &Value) -> Vec<Hint> {
    let mut hints = vec![Hint::Account];
    let positions = account.get("P").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    hints.extend(positions.iter().map(|row| Hint::Position { symbol: symbol(row) }));
    if account.get("m").and_then(Value::as_str) == Some("MARGIN_TYPE_CHANGE") {
        hints.extend(positions.iter().map(|row| Hint::Setting { symbol: symbol(row) }));
        if positions.is_empty() {
            hints.push(Hint::Setting { symbol: None });
        }
    }
    hints
}

fn symbol(row: &Value) -> Option<Symbol> {
    Symbol::new(row.get("s")?.as_str()?).ok()
}

fn id(row: &Value, name: &str) -> Option<ClientOrderId> {
    ClientOrderId::parse(row.get(name)?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hints(text: &Value) -> Vec<Hint> {
        match hear(&text.to_string()) {
            Heard::Hints(hints) => hints,
            Heard::Nothing => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn orders_fills_settings_and_money_are_told_apart() {
        let id = ClientOrderId::from_hash(&[7; 16]);
        let sol = || Some(Symbol::new("SOLUSDT").unwrap());
        let order = |what: &str| json!({"e": "ORDER_TRADE_UPDATE", "o": {"s": "SOLUSDT", "c": id.as_str(), "x": what}});
        let (ordered, filled) =
            (Hint::Order { symbol: sol(), id: Some(id) }, Hint::Fill { symbol: sol(), id: Some(id) });
        assert_eq!(hints(&order("NEW")), std::slice::from_ref(&ordered));
        assert_eq!(hints(&order("TRADE")), [ordered.clone(), filled.clone()]);
        assert_eq!(hints(&json!({"data": order("TRADE")})), [ordered.clone(), filled.clone()]);
        let lite = json!({"e": "TRADE_LITE", "s": "SOLUSDT", "c": id.as_str()});
        assert_eq!(hints(&lite), [filled]);
        let algo = json!({"e": "ALGO_UPDATE", "o": {"s": "SOLUSDT", "caid": id.as_str()}});
        assert_eq!(hints(&algo), [ordered]);
        let account =
            |why: &str| json!({"e": "ACCOUNT_UPDATE", "a": {"m": why, "B": [], "P": [{"s": "SOLUSDT"}]}});
        let position = Hint::Position { symbol: sol() };
        assert_eq!(hints(&account("ORDER")), [Hint::Account, position.clone()]);
        let setting = Hint::Setting { symbol: sol() };
        assert_eq!(hints(&account("MARGIN_TYPE_CHANGE")), [Hint::Account, position, setting.clone()]);
        let config = json!({"e": "ACCOUNT_CONFIG_UPDATE", "ac": {"s": "SOLUSDT", "l": 25}});
        assert_eq!(hints(&config), [setting]);
        let mode = json!({"e": "ACCOUNT_CONFIG_UPDATE", "ai": {"j": true}});
        assert_eq!(hints(&mode), [Hint::Setting { symbol: None }]);
    }

    #[test]
    fn a_key_that_is_no_part_of_an_address_is_none() {
        assert_eq!(
            listen_key(br#"{"listenKey":"pqia91ma19a5s61cv6a81va65s"}"#).unwrap().expose(),
            "pqia91ma19a5s61cv6a81va65s"
        );
        for body in [
            "{}",
            r#"{"listenKey":""}"#,
            r#"{"listenKey":"a/b"}"#,
            r#"{"listenKey":"a?b"}"#,
            r#"{"listenKey":7}"#,
            "",
        ] {
            assert!(listen_key(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn an_expired_key_ends_the_connection_and_noise_means_nothing() {
        assert!(matches!(hear(r#"{"e":"listenKeyExpired","E":1,"listenKey":"x"}"#), Heard::Over(_)));
        for text in ["7", "[]", r#"{"result":null,"id":1}"#, r#"{"e":"GRID_UPDATE"}"#] {
            assert!(matches!(hear(text), Heard::Nothing), "{text}");
        }
        for text in ["", "{", "hello", r#"{"e":"ORDER_TRADE_UPDATE","o":{"s":"SOL"#] {
            assert!(matches!(hear(text), Heard::Over("a message cannot be read")), "{text}");
        }
    }
}
