//! What the private stream says, as hints. Only names are read, and leverages to see that they changed: amounts are asked
//! for.

use std::collections::BTreeMap;

use evenkeel_exchange::{ErrorKind, Hint};
use evenkeel_http::Failure;
use evenkeel_http::feed::Heard;
use evenkeel_types::{ClientOrderId, Symbol};
use serde_json::{Value, json};

use crate::error::{classify, refusal};

/// What keeps the connection open.
pub(crate) const PING: &str = r#"{"op":"ping"}"#;
/// What is listened to. The account's money is not split by category.
const TOPICS: [&str; 4] = ["order.linear", "execution.linear", "position.linear", "wallet"];
/// Settings that are remembered to see changes. All symbols of the venue, both sides, fit twice; beyond this the memory
/// begins anew, which costs one hint that says too much.
const MAX_REMEMBERED: usize = 4096;

/// Leverage by symbol and side, as last pushed.
pub(crate) type Leverages = BTreeMap<(String, u64), String>;

/// The login. `expires` is in the venue's time.
pub(crate) fn login(key: &str, expires: u64, signature: &str) -> String {
    json!({"op": "auth", "args": [key, expires, signature]}).to_string()
}

/// Reads one message.
///
/// # Errors
/// Where the venue refuses login or subscription.
pub(crate) fn hear(text: &str, leverages: &mut Leverages) -> Result<Heard, Failure> {
    let Ok(message) = serde_json::from_str::<Value>(text) else { return Ok(Heard::UNREADABLE) };
    let word = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    match word("op") {
        op @ ("auth" | "subscribe") if message.get("success") == Some(&Value::Bool(false)) => {
            let code = message.get("retCode").map(Value::to_string);
            let said = if word("retMsg").is_empty() { word("ret_msg") } else { word("retMsg") };
            let mut failure = refusal(code.as_deref().unwrap_or_default(), said);
            // A login is refused without a code, whatever is wrong with it: the key, its signature, or the end of it, which
            // follows the venue's own clock.
            if op == "auth" && code.as_deref().and_then(classify).is_none() {
                failure.kind = ErrorKind::Auth;
            }
            failure.code = code.and(failure.code);
            return Err(failure);
        }
        "auth" => return Ok(Heard::Say(vec![json!({"op": "subscribe", "args": TOPICS}).to_string()])),
        "subscribe" => return Ok(Heard::Begun),
        _ => {}
    }
    let rows = message.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let topic = word("topic").split('.').next().unwrap_or_default();
    let hints = match topic {
        "order" => rows.iter().map(|row| Hint::Order { symbol: symbol(row), id: ours(row) }).collect(),
        "execution" => rows.iter().map(execution).collect(),
        "position" => rows.iter().flat_map(|row| position(row, leverages)).collect(),
        "wallet" => vec![Hint::Account],
        _ => return Ok(Heard::Nothing),
    };
    Ok(Heard::Hints(hints))
}

/// Funding comes as an execution too.
fn execution(row: &Value) -> Hint {
    match row.get("execType").and_then(Value::as_str) {
        Some("Funding") => Hint::Account,
        _ => Hint::Fill { symbol: symbol(row), id: ours(row) },
    }
}

fn position(row: &Value, leverages: &mut Leverages) -> Vec<Hint> {
    let mut hints = vec![Hint::Position { symbol: symbol(row) }];
    let name = row.get("symbol").and_then(Value::as_str).unwrap_or_default().to_owned();
    let side = row.get("positionIdx").and_then(Value::as_u64).unwrap_or_default();
    let leverage = row.get("leverage").and_then(Value::as_str).unwrap_or_default();
    if leverages.len() >= MAX_REMEMBERED {
        leverages.clear();
    }
    let before = leverages.insert((name, side), leverage.to_owned());
    // What it was before the first message nobody knows: the reading at the beginning covers it, unless it changed since.
    if before.as_deref() != Some(leverage) {
        hints.push(Hint::Setting { symbol: symbol(row) });
    }
    hints
}

fn symbol(row: &Value) -> Option<Symbol> {
    Symbol::new(row.get("symbol")?.as_str()?).ok()
}

fn ours(row: &Value) -> Option<ClientOrderId> {
    ClientOrderId::parse(row.get("orderLinkId")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(text: &Value, leverages: &mut Leverages) -> Vec<Hint> {
        match hear(&text.to_string(), leverages).unwrap() {
            Heard::Hints(hints) => hints,
            Heard::Nothing => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_login_is_followed_by_the_subscription() {
        let none = &mut Leverages::new();
        let taken = r#"{"success":true,"ret_msg":"","op":"auth","conn_id":"x"}"#;
        let Heard::Say(said) = hear(taken, none).unwrap() else { panic!() };
        assert_eq!(
            said,
            [r#"{"args":["order.linear","execution.linear","position.linear","wallet"],"op":"subscribe"}"#]
        );
        let stands = r#"{"success":true,"ret_msg":"","op":"subscribe","conn_id":"x"}"#;
        assert!(matches!(hear(stands, none).unwrap(), Heard::Begun));
        let refused =
            r#"{"op":"auth","success":false,"retCode":10003,"retMsg":"Invalid apikey","connId":"x"}"#;
        let failure = hear(refused, none).unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (ErrorKind::Auth, Some("10003")));
        assert_eq!(failure.message, "Invalid apikey");
        assert!(matches!(hear(r#"{"op":"pong","args":["1"]}"#, none).unwrap(), Heard::Nothing));
        for text in ["", "hello", r#"{"topic":"order","data":[{"symbol":"SOL"#] {
            let heard = hear(text, none).unwrap();
            assert!(matches!(heard, Heard::Over("a message cannot be read")), "{text}");
        }
    }

    /// As the venue refuses it today: of an unknown key, another signature and a login that came late it says the same.
    #[test]
    fn a_login_that_is_refused_without_a_code_is_about_the_key() {
        let none = &mut Leverages::new();
        let login = r#"{"success":false,"ret_msg":"Params Error","op":"auth","conn_id":"x"}"#;
        let failure = hear(login, none).unwrap_err();
        assert_eq!(
            (failure.kind, &failure.code, &*failure.message),
            (ErrorKind::Auth, &None, "Params Error")
        );
        let busy = r#"{"success":false,"retCode":10006,"retMsg":"Too many visits!","op":"auth"}"#;
        assert_eq!(hear(busy, none).unwrap_err().kind, ErrorKind::RateLimited);
        let topics = r#"{"success":false,"ret_msg":"error:handler not found","op":"subscribe"}"#;
        assert_eq!(hear(topics, none).unwrap_err().kind, ErrorKind::Unclassified);
    }

    #[test]
    fn a_change_of_leverage_is_told_once() {
        let (mut seen, sol) = (Leverages::new(), Some(Symbol::new("SOLUSDT").unwrap()));
        let position = |leverage: &str, side: u64| json!({"topic": "position.linear", "data": [{"symbol": "SOLUSDT", "positionIdx": side, "leverage": leverage}]});
        let both = [Hint::Position { symbol: sol.clone() }, Hint::Setting { symbol: sol.clone() }];
        assert_eq!(hints(&position("2", 0), &mut seen), both);
        assert_eq!(hints(&position("2", 0), &mut seen), both[..1]);
        assert_eq!(hints(&position("3", 0), &mut seen), both);
        // The other side is another setting.
        assert_eq!(hints(&position("3", 2), &mut seen), both);
    }

    #[test]
    fn orders_fills_and_money_are_told_apart() {
        let id = ClientOrderId::from_hash(&[7; 16]);
        let sol = Some(Symbol::new("SOLUSDT").unwrap());
        let row = json!({"symbol": "SOLUSDT", "orderLinkId": id.as_str(), "execType": "Trade"});
        let none = &mut Leverages::new();
        assert_eq!(
            hints(&json!({"topic": "order", "data": [row]}), none),
            [Hint::Order { symbol: sol.clone(), id: Some(id) }]
        );
        assert_eq!(
            hints(&json!({"topic": "execution.linear", "data": [row]}), none),
            [Hint::Fill { symbol: sol, id: Some(id) }]
        );
        let funding = json!({"symbol": "SOLUSDT", "execType": "Funding"});
        assert_eq!(hints(&json!({"topic": "execution", "data": [funding]}), none), [Hint::Account]);
        assert_eq!(hints(&json!({"topic": "wallet", "data": [{}]}), none), [Hint::Account]);
        assert_eq!(hints(&json!({"topic": "greeks", "data": [{}]}), none), []);
    }
}
