//! Faults that know whose request it is, or what it asks for.

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::support::{Bot, START, limit, orders, trigger};
use crate::hyperliquid::{AccountSpec, Server};
use crate::{Fault, FaultRule, Gate, Venue as _};

const BTC: u32 = 0;
const SOL: u32 = 2;

fn two_accounts() -> (Bot, Gate<Server>) {
    let builder = || {
        Server::builder()
            .account(AccountSpec::named("one"))
            .account(AccountSpec::named("two"))
            .account(AccountSpec::named("below").sub_of("two"))
    };
    let bot = Bot::new(builder());
    let gate = Gate::new(bot.server.clone(), 0);
    (bot, gate)
}

fn send(gate: &mut Gate<Server>, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
    let request = Request::post(path).body(Bytes::from(body.to_string())).unwrap();
    let verdict = gate.judge(&request);
    let answer = gate.deliver(START, request, verdict)?;
    Some((answer.status(), serde_json::from_slice(answer.body()).unwrap_or_default()))
}

#[test]
fn a_request_belongs_to_whom_it_is_signed_for_or_asks_about() {
    let (mut bot, _) = two_accounts();
    let [one, two, below] = bot.server.addresses()[..] else { panic!("three accounts") };
    let about = |address: String| json!({"type": "clearinghouseState", "user": address});
    let noop = json!({"type": "noop"});
    let whose = |bot: &Bot, path: &str, body: Value| {
        bot.server.account_of(&Request::post(path).body(Bytes::from(body.to_string())).unwrap())
    };
    assert_eq!(whose(&bot, "/info", about(two.to_string())).as_deref(), Some("two"));
    assert_eq!(whose(&bot, "/info", json!({"type": "meta"})), None);
    assert_eq!(whose(&bot, "/info", about(format!("0x{}", "11".repeat(20)))), None);
    let body = bot.signed(&noop, START.0, None);
    assert_eq!(whose(&bot, "/exchange", body.clone()).as_deref(), Some("one"));
    let mut forged = body;
    forged["nonce"] = json!(START.0 + 1);
    assert_eq!(whose(&bot, "/exchange", forged), None);
    // A sub-account, by its master's agent.
    (bot.account, bot.key) = (two, bot.server.agent_key(two).unwrap().clone());
    bot.vault = Some(below);
    let body = bot.signed(&noop, START.0, None);
    assert_eq!(whose(&bot, "/exchange", body).as_deref(), Some("below"));
    assert_eq!(one.to_string(), bot.server.accounts()[0].get("address").unwrap());
}

#[test]
fn a_rule_about_an_account_leaves_the_others_alone() {
    let (bot, mut gate) = two_accounts();
    gate.inject([FaultRule::new(Fault::LoseRequest).account("two").times(1)]);
    let [one, two, _] = bot.server.addresses()[..] else { panic!("three accounts") };
    let about = |address: String| json!({"type": "clearinghouseState", "user": address});
    assert!(send(&mut gate, "/info", &about(one.to_string())).is_some());
    assert!(send(&mut gate, "/info", &json!({"type": "meta"})).is_some());
    assert!(send(&mut gate, "/info", &about(two.to_string())).is_none());
    assert!(send(&mut gate, "/info", &about(two.to_string())).is_some());
    assert_eq!((gate.requests(), gate.struck(), gate.rules()[0].struck()), (4, 1, 1));
}

#[test]
fn maintenance_is_for_everybody_until_it_ends() {
    let (_, mut gate) = two_accounts();
    gate.inject([FaultRule::new(Fault::Maintenance)]);
    for _ in 0..3 {
        let (status, _) = send(&mut gate, "/info", &json!({"type": "meta"})).unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
    gate.clear();
    assert_eq!(send(&mut gate, "/info", &json!({"type": "meta"})).unwrap().0, StatusCode::OK);
}

#[test]
fn orders_of_one_symbol_are_refused_in_the_venues_words() {
    let (mut bot, mut gate) = two_accounts();
    gate.inject([FaultRule::new(Fault::RefuseOrders).symbol("BTC".parse().unwrap()).on("order")]);
    bot.nonce += 1;
    let both = orders(&[limit(BTC, true, "110000", "0.01", "Ioc"), limit(SOL, true, "168", "10", "Ioc")]);
    let (status, answer) = send(&mut gate, "/exchange", &bot.signed(&both, bot.nonce, None)).unwrap();
    assert_eq!((status, &answer["status"]), (StatusCode::OK, &json!("ok")));
    let rows = &answer["response"]["data"]["statuses"];
    assert_eq!(rows[0], json!({"error": "Trading is halted. asset=0"}));
    assert_eq!(rows[1]["filled"]["totalSz"], "10.0");
    bot.nonce += 1;
    // A stop is an order too.
    let mut stop = orders(&[trigger(BTC, false, "90000", "0.01", "sl", "80000")]);
    stop["orders"][0]["r"] = json!(false);
    let (_, answer) = send(&mut gate, "/exchange", &bot.signed(&stop, bot.nonce, None)).unwrap();
    let refused = json!({"error": "Trading is halted. asset=0"});
    assert_eq!(answer["response"]["data"]["statuses"][0], refused);
    let [(_, one), ..] = &gate.venue_mut().worlds()[..] else { panic!("three accounts") };
    assert_eq!((one.faults().len(), one.live_orders().count()), (0, 0));
}

#[test]
fn a_part_fills_and_the_testers_own_rules_stay() {
    let (mut bot, mut gate) = two_accounts();
    let own = evenkeel_paper::FaultRule::new(evenkeel_paper::Fault::Ignore).nth(9);
    gate.venue_mut().worlds()[0].1.inject([own]);
    gate.inject([FaultRule::new(Fault::PartialFill { permille: 400 }).on("order").account("one").nth(1)]);
    let mut filled = Vec::new();
    for _ in 0..2 {
        bot.nonce += 1;
        let order = orders(&[limit(SOL, true, "168", "10", "Ioc")]);
        let (_, answer) = send(&mut gate, "/exchange", &bot.signed(&order, bot.nonce, None)).unwrap();
        filled.push(answer["response"]["data"]["statuses"][0]["filled"]["totalSz"].clone());
    }
    assert_eq!(filled, [json!("4.0"), json!("10.0")]);
    let [(_, one), (_, two), _] = &gate.venue_mut().worlds()[..] else { panic!("three accounts") };
    assert_eq!((one.faults().len(), two.faults().len()), (1, 0));
}
