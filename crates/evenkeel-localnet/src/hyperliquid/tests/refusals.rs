//! What is refused, in the venue's words and shapes.

use evenkeel_types::Timestamp;
use http::Request;
use serde_json::{Value, json};

use super::support::{Bot, START, limit, orders, reducing, trigger};
use crate::hyperliquid::action::Action;
use crate::hyperliquid::{AccountSpec, Server};
use crate::{Fault, FaultRule, Gate, Heard, Venue as _};

#[test]
fn single_orders_carry_the_number_of_the_asset() {
    let mut bot = Bot::new(Server::builder());
    for (order, text) in [
        (limit(2, true, "166.401", "1", "Gtc"), "Price must be divisible by tick size."),
        (limit(2, true, "166.40001", "1", "Gtc"), "Order has invalid price."),
        (limit(2, true, "166", "1.001", "Gtc"), "Order has invalid size."),
        (limit(2, true, "166", "0", "Gtc"), "Order has zero size."),
        (limit(2, true, "166", "0.06", "Gtc"), "Order must have minimum value of $10."),
        (limit(2, true, "166", "10000", "Gtc"), "Insufficient margin to place order."),
        (reducing(limit(2, true, "166", "1", "Gtc")), "Reduce only order would increase position."),
        (limit(2, true, "150", "1", "Ioc"), "Order could not immediately match against any resting orders."),
        (
            limit(2, true, "168", "1", "Alo"),
            "Post only order would have immediately matched, bbo was 166.39@166.41.",
        ),
    ] {
        assert_eq!(bot.order(order.clone()), json!({"error": format!("{text} asset=2")}), "{order}");
    }
    bot.order(limit(2, true, "168", "1", "Ioc"));
    let late = trigger(2, false, "170", "1", "sl", "169");
    assert_eq!(bot.order(late), json!({"error": "Invalid TP/SL price. asset=2"}));
    // Rejected orders are remembered as such.
    let history = bot.about("historicalOrders");
    let statuses: Vec<&str> =
        history.as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap()).collect();
    let known = [
        "badTriggerPxRejected",
        "filled",
        "badAloPxRejected",
        "iocCancelRejected",
        "reduceOnlyRejected",
        "perpMarginRejected",
        "minTradeNtlRejected",
    ];
    assert_eq!(statuses, known);
}

#[test]
fn a_flag_that_is_false_is_none() {
    let plain = json!({"type": "cancel", "cancels": [{"a": 2, "o": 1}]});
    let mut said = plain.clone();
    said["f"] = json!(false);
    let packed = |action: &Value| Action::parse(action.clone()).unwrap().packed();
    assert_eq!(packed(&said), packed(&plain));
    said["f"] = json!(true);
    assert_ne!(packed(&said), packed(&plain));
}

#[test]
fn a_builder_gets_nothing_that_was_not_approved() {
    let mut bot = Bot::new(Server::builder());
    let mut order = orders(&[limit(2, true, "160", "1", "Gtc")]);
    order["builder"] = json!({"b": format!("0x{}", "11".repeat(20)), "f": 10});
    assert_eq!(bot.refused(order.clone()), "Builder fee has not been approved.");
    order["builder"]["f"] = json!(0);
    assert!(bot.statuses(order)[0]["resting"]["oid"].is_u64());
}

#[test]
fn what_depends_on_the_payload_alone_is_told_once() {
    let mut bot = Bot::new(Server::builder());
    let far = json!({"error": "Order price cannot be more than 95% away from the reference price"});
    let good = limit(2, true, "160", "1", "Gtc");
    assert_eq!(
        bot.statuses(orders(&[good.clone(), limit(2, true, "1", "100", "Gtc")])),
        std::slice::from_ref(&far)
    );
    assert_eq!(bot.statuses(orders(&[limit(77, true, "160", "1", "Gtc"), good])), [far]);
    assert_eq!(bot.about("openOrders"), json!([]));
    assert_eq!(bot.refused(orders(&[])), "Orders are empty");
    let mut adding = trigger(2, true, "170", "1", "sl", "171");
    adding["r"] = json!(false);
    let attached = json!({"type": "order", "orders": [adding], "grouping": "positionTpsl"});
    assert_eq!(bot.refused(attached), "Trigger order is not reduce only.");
}

#[test]
fn nonces_and_expiry() {
    let mut bot = Bot::new(Server::builder());
    let noop = json!({"type": "noop"});
    let body = bot.signed(&noop, START.0, None);
    assert_eq!(bot.send(&body), json!({"status": "ok", "response": {"type": "default"}}));
    let text = format!("Invalid nonce: duplicate nonce {}", START.0);
    assert_eq!(bot.send(&body), json!({"status": "err", "response": text}));
    let expired = bot.signed(&noop, START.0 + 1, Some(START.0 - 1));
    assert_eq!(bot.send(&expired), json!({"status": "err", "response": "Action already expired"}));
    bot.now = Timestamp(START.0 + 2);
    let in_time = bot.signed(&noop, START.0 + 1, Some(START.0 + 2));
    assert_eq!(bot.send(&in_time)["status"], "ok");
    let old = bot.signed(&noop, START.0 - 3 * 86_400_000, None);
    assert!(bot.send(&old)["response"].as_str().unwrap().starts_with("Invalid nonce: nonce too low"));
}

#[test]
fn weight_budget_and_expired_agents() {
    let mut bot = Bot::new(Server::builder());
    let cancels = |count: u64| {
        let cancels: Vec<Value> = (0..count).map(|oid| json!({"a": 0, "o": oid})).collect();
        json!({"type": "cancel", "cancels": cancels})
    };
    assert_eq!(bot.statuses(cancels(200)).len(), 200);
    assert_eq!(bot.refused(cancels(201)), "Signed action over weight limit of 200.");
    for _ in 0..49 {
        bot.statuses(cancels(200));
    }
    assert_eq!(bot.about("userRateLimit")["nRequestsUsed"], 10_000);
    bot.done(json!({"type": "noop"}));
    assert!(
        bot.refused(json!({"type": "noop"})).starts_with("Too many cumulative requests sent (10002 > 10000)")
    );
    bot.now = Timestamp(bot.now.0 + 10_000);
    bot.done(json!({"type": "noop"}));
    bot.now = Timestamp(START.0 + 91 * 86_400_000);
    bot.nonce = bot.now.0;
    let text = format!("User or API Wallet {} does not exist.", bot.key.address());
    assert_eq!(bot.refused(json!({"type": "noop"})), text);
}

#[test]
fn bodies_that_are_not_understood() {
    let mut bot = Bot::new(Server::builder());
    let mut post = |path: &str, body: Value| {
        let answer = bot.post(path, &body);
        (answer.status().as_u16(), String::from_utf8(answer.body().to_vec()).unwrap())
    };
    for body in [
        json!({"type": "nothing"}),
        json!({}),
        json!([]),
        json!({"type": "clearinghouseState", "user": "0x1"}),
    ] {
        let (status, text) = post("/info", body.clone());
        assert_eq!(status, 422, "{body}");
        assert!(text.starts_with("Failed to deserialize the JSON body into the target type"), "{text}");
    }
    let signature = json!({"r": "0x1", "s": "0x1", "v": 27});
    for action in [
        json!({"type": "teleport"}),
        json!({"type": "noop", "extra": 1}),
        json!({"type": "updateLeverage", "asset": "0", "isCross": true, "leverage": 2}),
        json!({"type": "updateLeverage", "asset": 0, "isCross": true, "leverage": 2.5}),
        json!({"type": "order", "orders": [limit(0, true, "1e3", "1", "Gtc")], "grouping": "na"}),
        json!({"type": "order", "orders": [limit(0, true, "1", "1", "Fok")], "grouping": "na"}),
        json!({"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": "0x12"}]}),
    ] {
        let (status, _) = post("/exchange", json!({"action": action, "nonce": 1, "signature": signature}));
        assert_eq!(status, 422, "{action}");
    }
    let noop = json!({"type": "noop"});
    let bad = json!({"r": "0x0", "s": "0x1", "v": 27});
    let (_, text) = post("/exchange", json!({"action": noop, "nonce": 1, "signature": bad}));
    assert_eq!(text, "{\"response\":\"Unable to recover signer.\",\"status\":\"err\"}");
    let answer = bot.server.handle(START, Request::get("/info").body("".into()).unwrap());
    assert_eq!(answer.status(), 405);
    let answer = bot.server.handle(START, Request::post("/other").body("".into()).unwrap());
    assert_eq!(answer.status(), 404);
}

#[test]
fn an_account_in_another_mode_says_so() {
    let spec = AccountSpec::named("main").abstraction("unifiedAccount");
    let mut bot = Bot::new(Server::builder().account(spec));
    assert_eq!(bot.about("userAbstraction"), json!("unifiedAccount"));
}

#[test]
fn a_request_that_arrives_twice_is_done_once() {
    for (heard, expected) in [(Heard::First, "ok"), (Heard::Second, "err")] {
        let mut bot = Bot::new(Server::builder());
        let body = bot.signed(&json!({"type": "noop"}), START.0, None);
        let mut gate = Gate::new(bot.server, 0);
        gate.inject([FaultRule::new(Fault::Duplicate(heard)).on("noop")]);
        let request = || Request::post("/exchange").body(body.to_string().into()).unwrap();
        let verdict = gate.judge(&request());
        let answer = gate.deliver(START, request(), verdict).unwrap();
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(answer["status"], expected);
    }
}

#[test]
fn every_call_that_rules_can_name_is_known() {
    let mut bot = Bot::new(Server::builder());
    for name in Server::calls() {
        let body = json!({"type": name, "user": bot.account.to_string()});
        let asked = bot.server.ask(&body).err().unwrap_or_default();
        let done = Action::parse(body).err().unwrap_or_default();
        assert!(
            !asked.contains("unknown variant") || !done.contains("unknown variant"),
            "{name}: {asked}, {done}"
        );
    }
}
