//! What the private stream says, as hints. Only names are read: amounts are asked for.

use evenkeel_exchange::Hint;
use evenkeel_http::feed::Heard;
use evenkeel_types::Symbol;
use serde_json::{Value, json};

use super::order::Cloid;

/// What is listened to, each in a subscription of its own. Fills and funding come with `userEvents`; the venue pushes no
/// changes of leverage.
const SUBSCRIPTIONS: [&str; 3] = ["orderUpdates", "userEvents", "userNonFundingLedgerUpdates"];

/// What to say first.
pub(crate) fn subscriptions(user: &str) -> Vec<String> {
    let subscription = |kind: &&str| {
        json!({"method": "subscribe", "subscription": {"type": kind, "user": user}}).to_string()
    };
    SUBSCRIPTIONS.iter().map(subscription).collect()
}

/// What keeps the connection open: the venue closes one on which it said nothing for a minute.
pub(crate) const PING: &str = r#"{"method":"ping"}"#;

/// Reads one message. `confirmed` counts the subscriptions that stand.
pub(crate) fn hear(text: &str, confirmed: &mut usize) -> Result<Heard, String> {
    let Ok(message) = serde_json::from_str::<Value>(text) else {
        // A greeting comes as plain text.
        return Ok(if text.starts_with(['{', '[']) { Heard::UNREADABLE } else { Heard::Nothing });
    };
    let data = message.get("data").unwrap_or(&Value::Null);
    let hints = match message.get("channel").and_then(Value::as_str).unwrap_or_default() {
        "subscriptionResponse" => {
            *confirmed = confirmed.saturating_add(1);
            return Ok(if *confirmed == SUBSCRIPTIONS.len() { Heard::Begun } else { Heard::Nothing });
        }
        "error" => {
            let text = data.as_str().unwrap_or("an error without words");
            // After a reply that got lost on the way: it stands.
            if text.starts_with("Already subscribed") {
                return Ok(Heard::Nothing);
            }
            return Err(text.to_owned());
        }
        "orderUpdates" => {
            rows(data).iter().map(|row| order(row.get("order").unwrap_or(&Value::Null))).collect()
        }
        "user" => event(data),
        // The first of these messages holds what was before.
        "userNonFundingLedgerUpdates" if data.get("isSnapshot") != Some(&Value::Bool(true)) => {
            vec![Hint::Account]
        }
        _ => return Ok(Heard::Nothing),
    };
    Ok(Heard::Hints(hints))
}

fn event(data: &Value) -> Vec<Hint> {
    let Some(event) = data.as_object() else { return vec![Hint::Account] };
    let mut hints = Vec::new();
    for (kind, content) in event {
        match kind.as_str() {
            "fills" => {
                hints.extend(rows(content).iter().map(|row| Hint::Fill { symbol: coin(row), id: ours(row) }));
            }
            "nonUserCancel" => hints.extend(rows(content).iter().map(order)),
            "funding" => hints.push(Hint::Account),
            // A liquidation, or what the venue invents next: all of it may be different.
            _ => hints.extend([Hint::Account, Hint::Position { symbol: None }]),
        }
    }
    hints
}

fn order(row: &Value) -> Hint {
    Hint::Order { symbol: coin(row), id: ours(row) }
}

fn rows(data: &Value) -> &[Value] {
    data.as_array().map_or(std::slice::from_ref(data), Vec::as_slice)
}

fn coin(row: &Value) -> Option<Symbol> {
    Symbol::new(row.get("coin")?.as_str()?).ok()
}

fn ours(row: &Value) -> Option<evenkeel_types::ClientOrderId> {
    Cloid::parse(row.get("cloid")?.as_str()?)?.ours()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(text: &str) -> Vec<Hint> {
        match hear(text, &mut 0).unwrap() {
            Heard::Hints(hints) => hints,
            Heard::Nothing => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    fn symbol(name: &str) -> Option<Symbol> {
        Some(Symbol::new(name).unwrap())
    }

    #[test]
    fn orders_fills_and_money_are_told_apart() {
        let id = evenkeel_types::ClientOrderId::from_hash(&[7; 16]);
        let text = json!({"channel": "orderUpdates", "data": [
            {"order": {"coin": "ETH", "oid": 1, "cloid": Cloid::from(id).to_string()}, "status": "open"},
            {"order": {"coin": "xyz:SILVER", "oid": 2}, "status": "filled"},
        ]});
        assert_eq!(
            hints(&text.to_string()),
            [
                Hint::Order { symbol: symbol("ETH"), id: Some(id) },
                Hint::Order { symbol: symbol("xyz:SILVER"), id: None },
            ]
        );
        let text = json!({"channel": "user", "data": {"fills": [{"coin": "SOL", "oid": 1}]}});
        assert_eq!(hints(&text.to_string()), [Hint::Fill { symbol: symbol("SOL"), id: None }]);
        let text = json!({"channel": "user", "data": {"nonUserCancel": [{"coin": "SOL", "oid": 1}]}});
        assert_eq!(hints(&text.to_string()), [Hint::Order { symbol: symbol("SOL"), id: None }]);
        let text = json!({"channel": "user", "data": {"funding": {"coin": "BTC", "usdc": "0.000021"}}});
        assert_eq!(hints(&text.to_string()), [Hint::Account]);
        // What nobody has seen yet changes everything.
        let text = json!({"channel": "user", "data": {"liquidation": {"lid": 1}}});
        assert_eq!(hints(&text.to_string()), [Hint::Account, Hint::Position { symbol: None }]);
    }

    #[test]
    fn what_was_before_is_no_news() {
        let ledger = |snapshot: bool| json!({"channel": "userNonFundingLedgerUpdates", "data": {"isSnapshot": snapshot}});
        assert_eq!(hints(&ledger(true).to_string()), []);
        assert_eq!(hints(&ledger(false).to_string()), [Hint::Account]);
        for text in ["Websocket connection established.", r#"{"channel":"pong"}"#, "[]", "7", ""] {
            assert_eq!(hints(text), [], "{text}");
        }
        for text in ["{", r#"{"channel":"orderUpdates","data":[{"order":"#] {
            let heard = hear(text, &mut 0).unwrap();
            assert!(matches!(heard, Heard::Over("a message cannot be read")), "{text}");
        }
    }

    #[test]
    fn it_stands_when_all_subscriptions_are_confirmed() {
        let user = "0x0000000000000000000000000000000000000001";
        let mut confirmed = 0;
        let said = subscriptions(user);
        for (number, request) in said.iter().enumerate() {
            let request: Value = serde_json::from_str(request).unwrap();
            assert_eq!(request["subscription"]["user"], user);
            let answer = json!({"channel": "subscriptionResponse", "data": request});
            let heard = hear(&answer.to_string(), &mut confirmed).unwrap();
            assert_eq!(matches!(heard, Heard::Begun), number + 1 == said.len());
        }
        let error = r#"{"channel":"error","data":"Invalid subscription {}"}"#;
        assert_eq!(hear(error, &mut 0).unwrap_err(), "Invalid subscription {}");
    }
}
