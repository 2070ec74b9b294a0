//! What everybody may hear: subscriptions, their answers, and prices.

use serde_json::{Value, json};

use super::sockets::{fits, open, said};
use super::support::{Bot, SOL};
use crate::{SocketId, Venue as _};

const SOCKET: SocketId = SocketId(1);

fn public() -> Bot {
    let mut bot = Bot::flat();
    assert!(open(&mut bot, SOCKET, "").is_none());
    bot
}

/// What is said after the client said something.
fn after(bot: &mut Bot, text: &str) -> Vec<Value> {
    bot.server.hear(bot.now, SOCKET, text);
    said(bot).into_iter().map(|(_, told)| told).collect()
}

fn subscribe(bot: &mut Bot, name: &str) -> Vec<Value> {
    after(bot, &json!({"id": "an-id", "reqType": "sub", "dataType": name}).to_string())
}

/// As recorded in 2026-09.
fn answer(code: u32, words: &str) -> Value {
    json!({"id": "an-id", "code": code, "msg": words, "dataType": "", "data": null})
}

#[test]
fn prices_are_told_in_the_documented_shape() {
    let mut bot = public();
    // Samples of the documentation of 2024.
    let samples = [
        json!({"code": 0, "dataType": "@ticker", "data": {
            "e": "24hTicker", "E": 1, "s": "BTC-USDT", "p": "-656.1", "P": "-1.11", "c": "58305.2", "L": "0.0186",
            "h": "59114.1", "l": "57122.0", "v": "40859.4190", "q": "2390368926.39", "o": "58961.3", "O": 1, "C": 1,
            "A": "58304.4", "a": "0.8298", "B": "58304.3", "b": "1.7605"}}),
        json!({"code": 0, "dataType": "@lastPrice", "data": {
            "e": "lastPriceUpdate", "E": 1, "s": "BTC-USDT", "c": "58278.6"}}),
        json!({"code": 0, "dataType": "@markPrice", "data": {
            "e": "markPriceUpdate", "E": 1, "s": "BTC-USDT", "p": "58221.6"}}),
        json!({"code": 0, "dataType": "@bookTicker", "data": {
            "e": "bookTicker", "u": 1, "E": 1, "T": 1, "s": "BTC-USDT", "b": "58279.4", "B": "3.3588",
            "a": "58280.0", "A": "0.5331"}}),
        json!({"code": 0, "dataType": "@depth5@500ms", "ts": 1, "data": {
            "bids": [["57388.7", "4.4249"]], "asks": [["57397.3", "1.4781"]]}}),
    ];
    let told = samples.map(|sample| {
        let name = format!("{SOL}{}", sample["dataType"].as_str().unwrap());
        let told = subscribe(&mut bot, &name);
        let [acknowledged, first] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((acknowledged, &first["dataType"]), (&answer(0, ""), &json!(name)));
        fits(&sample, first, &[]);
        first["data"].clone()
    });
    let [ticker, last, mark, best, book] = told;
    assert_eq!(
        (&ticker["c"], &ticker["B"], &ticker["A"]),
        (&json!("166.432"), &json!("166.431"), &json!("166.433"))
    );
    assert_eq!((&last["c"], &mark["p"]), (&json!("166.432"), &json!("166.432")));
    assert_eq!((&best["b"], &best["a"], &best["s"]), (&json!("166.431"), &json!("166.433"), &json!(SOL)));
    // The best bid first, and the best ask last.
    assert_eq!(book["bids"].as_array().map(Vec::len), Some(5));
    assert_eq!(
        (&book["bids"][0], &book["asks"][4]),
        (&json!(["166.431", "10.00"]), &json!(["166.433", "10.00"]))
    );
    assert_eq!(book["asks"][0][0], "166.437");
}

#[test]
fn prices_are_told_when_they_change_and_some_again_and_again() {
    let mut bot = public();
    for name in ["ticker", "lastPrice", "markPrice", "bookTicker", "depth20", "trade", "kline_1m"] {
        let told = subscribe(&mut bot, &format!("{SOL}@{name}"));
        assert_eq!(told[0], answer(0, ""), "{name}");
        // Nobody trades but the accounts: executions and candles stay silent.
        assert_eq!(told.len(), if ["trade", "kline_1m"].contains(&name) { 1 } else { 2 }, "{name}");
    }
    let names = |bot: &mut Bot| -> Vec<String> {
        let name = |told: Value| told["dataType"].as_str().unwrap().replace(&format!("{SOL}@"), "");
        said(bot).into_iter().map(|(_, told)| name(told)).collect()
    };
    assert_eq!(names(&mut bot), [] as [String; 0]);
    bot.pass(500);
    assert_eq!(names(&mut bot), ["depth20"]);
    bot.pass(500);
    assert_eq!(names(&mut bot), ["ticker", "markPrice", "depth20"]);
    bot.price(SOL, "170");
    assert_eq!(names(&mut bot), ["ticker", "lastPrice", "markPrice", "bookTicker", "depth20"]);
    // Taken back, and again without effect.
    let unsubscribe =
        json!({"id": "an-id", "reqType": "unsub", "dataType": format!("{SOL}@depth20")}).to_string();
    assert_eq!(after(&mut bot, &unsubscribe), [answer(0, "")]);
    assert_eq!(after(&mut bot, &unsubscribe), [answer(0, "")]);
    bot.pass(1000);
    assert_eq!(names(&mut bot), ["ticker", "markPrice"]);
    // Subscribed twice it is told once.
    assert_eq!(subscribe(&mut bot, &format!("{SOL}@ticker")), [answer(0, "")]);
    bot.price(SOL, "171");
    assert_eq!(names(&mut bot), ["ticker", "lastPrice", "markPrice", "bookTicker"]);
}

#[test]
fn what_is_not_there_is_refused_in_the_venues_words() {
    let mut bot = public();
    let refused = answer(80_015, "dataType not support");
    for name in [
        "NOPE-USDT@ticker",
        "sol-usdt@ticker",
        "BTC-USD@ticker",
        "SOL-USDT@nope",
        "SOL-USDT@depth30@200ms",
        "SOL-USDT@depth5@50ms",
        "SOL-USDT@kline_7m",
        "SOL-USDT",
        "@",
    ] {
        assert_eq!(subscribe(&mut bot, name), std::slice::from_ref(&refused), "{name}");
    }
    for text in ["hello", "", "[]", r#"{"dataType":["SOL-USDT@ticker"]}"#, "{", "Ping"] {
        assert_eq!(after(&mut bot, text), [] as [Value; 0], "{text}");
    }
    assert_eq!(after(&mut bot, r#"{"id":"an-id"}"#)[0]["code"], 80_014);
    assert_eq!(after(&mut bot, r#"{"reqType":"nap","dataType":"SOL-USDT@ticker"}"#)[0]["code"], 80_014);
    // Without its kind, as in older documents.
    assert_eq!(after(&mut bot, r#"{"id":"an-id","dataType":"SOL-USDT@trade"}"#), [answer(0, "")]);
    assert_eq!(open(&mut bot, SocketId(2), "/deeper").unwrap().status(), 200);
}

#[test]
fn a_socket_has_two_hundred_topics() {
    let mut bot = public();
    let candles =
        ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"];
    let symbols = ["BTC", "ETH", "SOL", "BNB", "LINK", "LTC", "DOGE", "FARTCOIN"];
    let names =
        symbols.into_iter().flat_map(|coin| candles.map(|candle| format!("{coin}-USDT@kline_{candle}")));
    let levels = [5, 10, 20, 50, 100].into_iter().flat_map(|level| [100, 200].map(|every| (level, every)));
    let levels: Vec<_> = levels.collect();
    let books = symbols.into_iter().flat_map(|coin| {
        levels.iter().map(move |(level, every)| format!("{coin}-USDT@depth{level}@{every}ms"))
    });
    let names: Vec<String> = names.chain(books).collect();
    assert_eq!(names.len(), 200);
    for name in &names {
        assert_eq!(subscribe(&mut bot, name)[0], answer(0, ""), "{name}");
    }
    assert_eq!(subscribe(&mut bot, "SOL-USDT@trade"), [answer(80_403, "your topic num over max 200")]);
}
