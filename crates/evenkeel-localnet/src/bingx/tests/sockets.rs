//! What is said on private sockets, in the shape of the documented messages, and the keys that open them.

use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use evenkeel_paper::Event;
use evenkeel_types::{Decimal, Exact as _, Leverage, MarginMode};
use flate2::read::GzDecoder;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::support::{BTC, Bot, SOL, START};
use crate::bingx::{AccountSpec, Server};
use crate::{Frame, SocketId, Venue as _};

const SOCKET: SocketId = SocketId(1);
const KEYS: &str = "/openApi/user/auth/userDataStream";

/// What is under the compression.
fn unpacked(frame: &Frame) -> String {
    let Frame::Binary(bytes) = frame else { panic!("everything is compressed, not {frame:?}") };
    let mut text = String::new();
    GzDecoder::new(bytes.as_ref()).read_to_string(&mut text).unwrap();
    text
}

pub(crate) fn open(bot: &mut Bot, socket: SocketId, query: &str) -> Option<Response<Bytes>> {
    let request = Request::get(format!("/swap-market{query}")).body(Bytes::new()).unwrap();
    bot.server.open(bot.now, socket, request)
}

/// Everything that is said, to whom; a ping as a text.
pub(crate) fn said(bot: &mut Bot) -> Vec<(SocketId, Value)> {
    let read = |frame: &Frame| match unpacked(frame).as_str() {
        "Ping" => json!("Ping"),
        text => serde_json::from_str(text).unwrap(),
    };
    bot.server.pushes().iter().map(|push| (push.socket, read(&push.frame))).collect()
}

/// The events of the private stream, without what is said again and again.
fn events(bot: &mut Bot) -> Vec<Value> {
    let told = said(bot).into_iter().map(|(_, event)| event);
    told.filter(|event| event["e"] != "ACCOUNT_CONFIG_UPDATE" && *event != json!("Ping")).collect()
}

fn settings(bot: &mut Bot) -> Vec<Value> {
    let told = said(bot).into_iter().map(|(_, event)| event);
    told.filter(|event| event["e"] == "ACCOUNT_CONFIG_UPDATE").collect()
}

/// A call with a key and no signature, as most clients make it.
fn unsigned(bot: &mut Bot, method: &str, query: &str) -> (StatusCode, String) {
    bot.pass(1000);
    let request =
        Request::builder().method(method).uri(format!("{KEYS}{query}")).header("X-BX-APIKEY", &bot.key);
    let answer = bot.server.handle(bot.now, request.body(Bytes::new()).unwrap());
    (answer.status(), String::from_utf8(answer.body().to_vec()).unwrap())
}

fn listen_key(bot: &mut Bot) -> String {
    let (status, body) = unsigned(bot, "POST", "");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, body.as_object().unwrap().len()), (StatusCode::OK, 1));
    body["listenKey"].as_str().unwrap().to_owned()
}

/// Listens to the bot's account, past the beginning.
fn listen(bot: &mut Bot) -> String {
    let key = listen_key(bot);
    assert!(open(bot, SOCKET, &format!("?listenKey={key}")).is_none());
    assert_eq!(settings(bot).len(), 8);
    key
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// That a message has the fields of a sample, of the same types, and these more.
pub(crate) fn fits(sample: &Value, found: &Value, more: &[&str]) {
    match (sample, found) {
        (Value::Object(sample), Value::Object(fields)) => {
            for (name, value) in sample {
                fits(value, fields.get(name).unwrap_or_else(|| panic!("{name} is missing: {found}")), more);
            }
            let extra = fields.keys().filter(|name| !sample.contains_key(*name));
            let extra: Vec<_> = extra.filter(|name| !more.contains(&name.as_str())).collect();
            assert!(extra.is_empty(), "{extra:?} in {found}");
        }
        (Value::Array(sample), Value::Array(rows)) => {
            for row in rows {
                fits(&sample[0], row, more);
            }
        }
        _ => assert_eq!(kind(sample), kind(found), "{sample} {found}"),
    }
}

/// These fields of an event, in this order, as texts.
fn texts(of: &Value, fields: &str) -> String {
    let show = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.split(' ').map(|field| show(&of[field])).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_order_is_told_from_beginning_to_end() {
    let mut bot = Bot::flat();
    listen(&mut bot);
    let id = bot.order([SOL, "BUY", "MARKET"], &[("quantity", "2"), ("clientOrderId", "Mine1")]);
    let events_now = events(&mut bot);
    let [taken] = events_now.as_slice() else { panic!("{events_now:?}") };
    assert_eq!(texts(&taken["o"], "i c x X z T l"), format!("{id} mine1 NEW NEW 0.00000000 0 0.00000000"));
    bot.pass(100);
    let events_now = events(&mut bot);
    let [traded, account] = events_now.as_slice() else { panic!("{events_now:?}") };
    // The samples of the documentation of 2023; what came since is named.
    let order = json!({
        "e": "ORDER_TRADE_UPDATE", "E": 1_676_973_375_161_u64, "o": {
            "s": "LINK-USDT", "c": "", "i": 1_627_970_445_070_303_232_u64, "S": "SELL", "o": "MARKET",
            "q": "5.00000000", "p": "7.82700000", "ap": "7.82690000", "x": "TRADE", "X": "FILLED", "N": "USDT",
            "n": "-0.01369708", "T": 1_676_973_375_149_u64, "wt": "MARK_PRICE", "ps": "SHORT", "rp": "0.00000000",
            "z": "0.00000000",
        },
    });
    fits(&order, traded, &["T", "sp", "l", "L", "sg", "ti", "ro", "td", "tv"]);
    let sample = json!({
        "e": "ACCOUNT_UPDATE", "E": 1_676_603_102_163_u64, "T": 1_676_603_102_163_u64, "a": {
            "m": "ORDER",
            "B": [{"a": "USDT", "wb": "5277.59264687", "cw": "5233.21709203", "bc": "0"}],
            "P": [{
                "s": "LINK-USDT", "pa": "108.84300000", "ep": "7.25620000", "up": "1.42220000", "mt": "isolated",
                "iw": "23.19081642", "ps": "SHORT",
            }],
        },
    });
    fits(&sample, account, &["cr"]);
    // 166.433 and two basis points, to the tick; 332.934 and a fee of 0.05 %.
    let row = &traded["o"];
    assert_eq!(texts(row, "s S o ps x X N"), "SOL-USDT BUY MARKET BOTH TRADE FILLED USDT");
    assert_eq!(texts(row, "q z l p"), "2.00000000 2.00000000 2.00000000 166.43200000");
    assert_eq!(texts(row, "ap L tv n rp"), "166.46700000 166.46700000 332.93400000 -0.16646700 0.00000000");
    assert_eq!((&row["T"], &traded["E"]), (&json!(bot.now.0), &json!(bot.now.0)));
    let account = &account["a"];
    assert_eq!(account["m"], "ORDER");
    assert_eq!(texts(&account["B"][0], "a wb cw bc"), "USDT 9999.83353300 9999.83353300 0");
    assert_eq!(
        texts(&account["P"][0], "s pa ep up mt iw ps cr"),
        "SOL-USDT 2.00000000 166.46700000 -0.07000000 cross 0 BOTH -0.16646700"
    );
    // Closed at the bid less two basis points: 166.397. What is gone is told as nothing.
    bot.order([SOL, "SELL", "MARKET"], &[("quantity", "2"), ("reduceOnly", "true")]);
    bot.pass(100);
    let told = events(&mut bot);
    assert_eq!(texts(&told[1]["o"], "x L rp ro"), "TRADE 166.39700000 -0.14000000 true");
    assert_eq!(texts(&told[2]["a"]["P"][0], "pa ep up ps"), "0.00000000 0.00000000 0.00000000 BOTH");
    // One that rests is taken away.
    let id = bot.order([SOL, "BUY", "LIMIT"], &[("quantity", "1"), ("price", "150")]);
    bot.pass(100);
    assert_eq!(texts(&events(&mut bot)[0]["o"], "x p sp"), "NEW 150.00000000 0.00000000");
    bot.data("DELETE", "swap/v2/trade/order", &[("symbol", SOL), ("orderId", &id.to_string())]);
    let told = events(&mut bot);
    assert_eq!(
        (told.len(), texts(&told[0]["o"], "i x X z")),
        (1, format!("{id} CANCELED CANCELED 0.00000000"))
    );
}

#[test]
fn the_legs_of_a_hedged_account_are_told_apart() {
    let mut bot = Bot::hedged();
    listen(&mut bot);
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "2"), ("positionSide", "LONG")]);
    bot.order([SOL, "SELL", "MARKET"], &[("quantity", "1"), ("positionSide", "SHORT")]);
    bot.pass(100);
    let told = events(&mut bot);
    let orders: Vec<_> = told[..4].iter().map(|event| texts(&event["o"], "x S ps")).collect();
    assert_eq!(orders, ["NEW BUY LONG", "TRADE BUY LONG", "NEW SELL SHORT", "TRADE SELL SHORT"]);
    let legs = told[4]["a"]["P"].as_array().unwrap();
    let legs: Vec<_> = legs.iter().map(|leg| texts(leg, "s pa ps")).collect();
    assert_eq!(
        (told.len(), legs),
        (5, vec!["SOL-USDT 2.00000000 LONG".into(), "SOL-USDT 1.00000000 SHORT".into()])
    );
    // The leverage of one side, by its owner.
    bot.post("swap/v2/trade/leverage", &[("symbol", BTC), ("side", "SHORT"), ("leverage", "7")]);
    let event = settings(&mut bot).remove(0);
    let sample = json!({
        "e": "ACCOUNT_CONFIG_UPDATE", "E": 1_676_878_489_992_u64,
        "ac": {"s": "BTC-USDT", "l": 12, "S": 9, "mt": "cross"},
    });
    fits(&sample, &event, &[]);
    assert_eq!(event["ac"], json!({"s": BTC, "l": 10, "S": 7, "mt": "cross"}));
}

#[test]
fn what_a_trigger_becomes_is_told_under_its_own_number() {
    let mut bot = Bot::flat();
    bot.order([SOL, "BUY", "MARKET"], &[("quantity", "2")]);
    listen(&mut bot);
    let stop = [("quantity", "2"), ("stopPrice", "160"), ("reduceOnly", "true")];
    let id = bot.order([SOL, "SELL", "STOP_MARKET"], &stop);
    let told = events(&mut bot);
    let orders: Vec<_> = told.iter().filter(|event| event["e"] == "ORDER_TRADE_UPDATE").collect();
    assert_eq!(
        (orders.len(), texts(&orders[0]["o"], "i o x X sp ti")),
        (1, format!("{id} STOP_MARKET NEW NEW 160.00000000 0"))
    );
    bot.price(SOL, "159");
    bot.pass(100);
    let told = events(&mut bot);
    let child = told[0]["o"]["i"].as_u64().unwrap();
    assert_ne!(child, id);
    let orders: Vec<_> = told[..2].iter().map(|event| texts(&event["o"], "i o x X z ti")).collect();
    assert_eq!(
        orders,
        [
            format!("{child} STOP_MARKET NEW NEW 0.00000000 {id}"),
            format!("{child} STOP_MARKET TRADE FILLED 2.00000000 {id}"),
        ]
    );
    assert_eq!((told.len(), texts(&told[2]["a"], "m")), (3, "ORDER".into()));
}

#[test]
fn money_margin_and_what_others_do_are_told() {
    let isolated = AccountSpec::named("main").world(|world| world.setting(SOL, 10, MarginMode::Isolated));
    let mut bot = Bot::new(Server::builder().account(isolated));
    listen(&mut bot);
    for (amount, reason, left) in [("500", "DEPOSIT", "10500"), ("-100.5", "WITHDRAW", "10399.5")] {
        bot.server.deposit("main", amount.parse().unwrap()).unwrap();
        let told = events(&mut bot);
        let (amount, left): (f64, f64) = (amount.parse().unwrap(), left.parse().unwrap());
        let account = &told[0]["a"];
        assert_eq!((told.len(), texts(account, "m P")), (1, format!("{reason} []")));
        assert_eq!(texts(&account["B"][0], "wb bc"), format!("{left:.8} {amount:.8}"));
    }
    // Somebody else buys: the margin of 332.934 at ten times.
    let symbol: evenkeel_types::Symbol = SOL.parse().unwrap();
    bot.server.happen("main", Event::ForeignTrade { symbol: symbol.clone(), qty: "2".parse().unwrap() });
    let told = events(&mut bot);
    assert_eq!(texts(&told[0]["o"], "c S o x X z"), " BUY MARKET TRADE FILLED 2.00000000");
    let (leg, balance) = (&told[1]["a"]["P"][0], &told[1]["a"]["B"][0]);
    let entry: f64 = leg["ep"].as_str().unwrap().parse().unwrap();
    assert_eq!(texts(leg, "mt ps iw"), format!("isolated BOTH {:.8}", entry * 0.2));
    let money = |field: &str| balance[field].as_str().unwrap().parse::<f64>().unwrap();
    assert!((money("wb") - money("cw") - entry * 0.2).abs() < 1e-6, "{balance}");
    // Margin that its owner adds.
    bot.call("POST", "swap/v2/trade/positionMargin", &[("symbol", SOL), ("type", "1"), ("amount", "50")]);
    let told = events(&mut bot);
    assert_eq!((told.len(), texts(&told[0]["a"], "m")), (1, "ORDER".into()));
    assert_eq!(texts(&told[0]["a"]["P"][0], "iw"), format!("{:.8}", entry * 0.2 + 50.0));
    // Leverage by somebody else.
    bot.server.happen("main", Event::ForeignLeverage { symbol, leverage: Leverage::new(20).unwrap() });
    assert_eq!(settings(&mut bot)[0]["ac"], json!({"s": SOL, "l": 20, "S": 20, "mt": "isolated"}));
    // The venue closes it.
    bot.price(SOL, "100");
    let told = events(&mut bot);
    assert_eq!(texts(&told[0]["o"], "o S x X z"), "LIQUIDATION SELL CALCULATED FILLED 2.00000000");
    assert_eq!(texts(&told[1]["a"]["P"][0], "pa"), "0.00000000");
}

#[test]
fn funding_brings_its_position_where_that_is_isolated() {
    let spec = AccountSpec::named("main").world(|world| world.setting(BTC, 10, MarginMode::Isolated));
    let mut bot = Bot::new(Server::builder().account(spec));
    for symbol in [BTC, "DOGE-USDT"] {
        let quantity = if symbol == BTC { "0.1" } else { "1000" };
        bot.order([symbol, "BUY", "MARKET"], &[("quantity", quantity)]);
    }
    bot.pass(1000);
    // A minute before 16:00; until then, and what it takes to book.
    bot.pass(1_772_380_740_000 - bot.now.0);
    listen(&mut bot);
    bot.pass(1_772_380_800_000 + 46_000 - bot.now.0);
    let told: Vec<_> = events(&mut bot).into_iter().filter(|event| event["e"] == "ACCOUNT_UPDATE").collect();
    let rows: Vec<_> = told
        .iter()
        .map(|event| (texts(&event["a"], "m"), event["a"]["P"].as_array().unwrap().len()))
        .collect();
    assert_eq!(rows, [("FUNDING_FEE".into(), 1), ("FUNDING_FEE".into(), 0)]);
    // 0.1 * 107850.4 * 0.000024, and of the other -0.00005 of 184.32.
    assert_eq!(texts(&told[0]["a"]["B"][0], "bc"), "-0.25884096");
    assert_eq!(texts(&told[1]["a"]["B"][0], "bc"), "0.00921600");
    // Each has the wallet as it was after it; the isolated bucket's payment leaves the cross wallet alone.
    let number = |event: &Value, name: &str| -> Decimal {
        event["a"]["B"][0][name].as_str().unwrap().parse().unwrap()
    };
    let step = |name: &str| number(&told[1], name).minus(number(&told[0], name)).unwrap().to_string();
    assert_eq!((step("wb"), step("cw")), ("0.00921600".into(), "0.00921600".into()));
    assert_eq!(texts(&told[0]["a"]["P"][0], "s pa"), "BTC-USDT 0.10000000");
}

#[test]
fn all_settings_are_told_again_every_five_seconds() {
    let mut bot = Bot::flat();
    let key = listen_key(&mut bot);
    assert!(open(&mut bot, SOCKET, &format!("?listenKey={key}")).is_none());
    let told = settings(&mut bot);
    assert_eq!(told.len(), 8);
    assert!(
        told.iter().any(|event| event["ac"] == json!({"s": SOL, "l": 10, "S": 10, "mt": "cross"})),
        "{told:?}"
    );
    bot.pass(4999);
    assert_eq!(settings(&mut bot).len(), 0);
    bot.pass(1);
    assert_eq!(
        settings(&mut bot),
        told.iter()
            .map(|event| {
                let mut event = event.clone();
                event["E"] = json!(bot.now.0);
                event
            })
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_listen_key_lives_an_hour_unless_it_is_extended() {
    let mut bot = Bot::flat();
    let key = listen(&mut bot);
    assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    // Another one beside it.
    assert_ne!(listen_key(&mut bot), key);
    let named = format!("?listenKey={key}");
    assert_eq!(unsigned(&mut bot, "PUT", ""), (StatusCode::NO_CONTENT, String::new()));
    assert_eq!(unsigned(&mut bot, "PUT", "?listenKey=bogus"), (StatusCode::NOT_FOUND, String::new()));
    assert_eq!(unsigned(&mut bot, "DELETE", "?listenKey=bogus").0, StatusCode::NOT_FOUND);
    bot.pass(3_000_000);
    assert_eq!(unsigned(&mut bot, "PUT", &named), (StatusCode::OK, String::new()));
    let until = bot.now.after(Duration::from_secs(3600));
    bot.pass(3_599_999);
    assert_eq!(events(&mut bot), [] as [Value; 0]);
    bot.pass(1);
    // What happens once it is over is not told by it, though nothing was said since.
    bot.server.deposit("main", "1".parse().unwrap()).unwrap();
    let end = json!({"e": "listenKeyExpired", "E": until.0, "listenKey": key});
    assert_eq!(events(&mut bot), [end]);
    // The socket is there, and tells of the account no more; the key opens none.
    bot.server.deposit("main", "1".parse().unwrap()).unwrap();
    assert_eq!((events(&mut bot), settings(&mut bot)), (Vec::new(), Vec::new()));
    assert_eq!(unsigned(&mut bot, "PUT", &named).0, StatusCode::NOT_FOUND);
    for query in [named.as_str(), "?listenKey=bogus"] {
        let refused = open(&mut bot, SocketId(2), query).unwrap();
        let body: Value = serde_json::from_slice(refused.body()).unwrap();
        assert_eq!((refused.status(), &body["code"]), (StatusCode::UNAUTHORIZED, &json!(100_401)));
    }
    // One that is given back ends the same way.
    let key = listen(&mut bot);
    assert_eq!(unsigned(&mut bot, "DELETE", &format!("?listenKey={key}")), (StatusCode::OK, String::new()));
    assert_eq!(texts(&events(&mut bot)[0], "e listenKey"), format!("listenKeyExpired {key}"));
    assert_eq!(open(&mut bot, SOCKET, "/no").unwrap().status(), 200);
}

#[test]
fn a_key_needs_no_signature_and_a_wrong_one_is_none() {
    let mut bot = Bot::flat();
    // Signed, as the newer documents have it.
    assert!(bot.call("POST", "user/auth/userDataStream", &[])["listenKey"].is_string());
    let answer = unsigned(&mut bot, "POST", "?timestamp=1&signature=00");
    assert!(answer.1.starts_with(r#"{"code":100001"#), "{answer:?}");
    bot.key = "nobody".to_owned();
    let answer = unsigned(&mut bot, "POST", "");
    assert!(answer.1.starts_with(r#"{"code":100413"#), "{answer:?}");
}

#[test]
fn accounts_do_not_hear_of_each_other() {
    let accounts = Server::builder().account(AccountSpec::named("main")).account(AccountSpec::named("other"));
    let mut bot = Bot::new(accounts);
    let mine = listen(&mut bot);
    let key = bot.server.key("other").unwrap();
    (bot.key, bot.secret) = (key.id().to_owned(), key.secret().to_owned());
    assert_eq!(unsigned(&mut bot, "PUT", &format!("?listenKey={mine}")).0, StatusCode::NOT_FOUND);
    assert_eq!(unsigned(&mut bot, "DELETE", &format!("?listenKey={mine}")).0, StatusCode::NOT_FOUND);
    let theirs = listen_key(&mut bot);
    assert!(open(&mut bot, SocketId(2), &format!("?listenKey={theirs}")).is_none());
    let _beginning = said(&mut bot);
    bot.server.deposit("other", "7".parse().unwrap()).unwrap();
    let heard: Vec<_> =
        bot.server.pushes().into_iter().map(|push| (push.socket, push.account, push.topic)).collect();
    assert_eq!(heard, [(SocketId(2), Some("other".to_owned()), Some("ACCOUNT_UPDATE".to_owned()))]);
    bot.server.deposit("main", "7".parse().unwrap()).unwrap();
    let heard: Vec<_> = said(&mut bot).into_iter().map(|(socket, _)| socket).collect();
    assert_eq!(heard, [SOCKET]);
    bot.server.close(SOCKET);
    bot.server.deposit("main", "7".parse().unwrap()).unwrap();
    assert_eq!(said(&mut bot), []);
}

#[test]
fn who_never_answers_a_ping_is_cut_off() {
    let mut bot = Bot::flat();
    assert!(open(&mut bot, SOCKET, "").is_none());
    let ping = (SOCKET, json!("Ping"));
    for _ in 0..20 {
        bot.pass(4999);
        assert_eq!(said(&mut bot), []);
        bot.pass(1);
        assert_eq!(said(&mut bot), std::slice::from_ref(&ping));
        bot.server.hear(bot.now, SOCKET, "Pong");
    }
    // However long: one ping, and the first that counts.
    for _ in 0..10 {
        bot.pass(60_000);
        assert_eq!(said(&mut bot), std::slice::from_ref(&ping));
    }
    bot.pass(3_600_000);
    assert_eq!(said(&mut bot), std::slice::from_ref(&ping));
    for _ in 0..5 {
        bot.pass(5000);
        assert_eq!(said(&mut bot), std::slice::from_ref(&ping));
    }
    bot.pass(499);
    assert_eq!(said(&mut bot), []);
    bot.pass(1);
    let frames: Vec<_> = bot.server.pushes().into_iter().map(|push| push.frame).collect();
    assert_eq!((frames, START.0), (vec![Frame::Close], START.0));
}
