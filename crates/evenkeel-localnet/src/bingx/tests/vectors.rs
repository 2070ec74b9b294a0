//! Which bytes are signed: recorded requests of ccxt, and the three ways to send parameters.

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use super::support::{Bot, START, digest, fixture};
use crate::Venue;
use crate::bingx::params::Params;

#[test]
fn recorded_requests_verify() {
    let Some(recorded) = fixture("bingx_signing_vectors.json") else {
        println!("skipped: no shared fixtures");
        return;
    };
    let mut seen = 0;
    for vector in recorded["vectors"].as_array().unwrap() {
        let (input, expected) = (&vector["input"], &vector["expected"]);
        let (Some(secret), Some(query)) = (input["api_secret"].as_str(), expected["query_as_sent"].as_str())
        else {
            continue;
        };
        if input["transport"] != "query_string" {
            continue;
        }
        let path = input["path"].as_str().unwrap();
        let request = Request::get(format!("{path}?{query}")).body(Bytes::new()).unwrap();
        let params = Params::of(&request).unwrap();
        assert_eq!(params.signed, [expected["signed_payload"].as_str().unwrap()], "{}", vector["name"]);
        assert_eq!(params.signature, Some(digest(secret, &params.signed[0])), "{}", vector["name"]);
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}

fn code(bot: &mut Bot, request: Request<Bytes>) -> u64 {
    let answer = bot.server.handle(bot.now, request);
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    body["code"].as_u64().unwrap()
}

#[test]
fn query_form_and_json_are_understood() {
    let mut bot = Bot::flat();
    let path = "/openApi/swap/v2/trade/leverage";
    let time = START.0;
    let send = |bot: &Bot, query: &str, body: String| {
        let request = Request::post(format!("{path}?{query}")).header("x-bx-apikey", &bot.key);
        request.body(Bytes::from(body)).unwrap()
    };
    // Any order, as long as it is the one that is sent.
    let query = format!("symbol=SOL-USDT&timestamp={time}&side=BOTH&leverage=6");
    let signature = digest(&bot.secret, &query);
    let request = send(&bot, &format!("{query}&signature={signature}"), String::new());
    assert_eq!(code(&mut bot, request), 0);
    // Query and form, put together with nothing between them.
    let (query, form) = (format!("timestamp={time}&symbol=SOL-USDT"), "side=BOTH&leverage=7");
    let signature = digest(&bot.secret, &format!("{query}{form}"));
    let request = send(&bot, &query, format!("{form}&signature={signature}"));
    assert_eq!(code(&mut bot, request), 0);
    // With something between them it is another text.
    let signature = digest(&bot.secret, &format!("{query}&{form}"));
    let request = send(&bot, &query, format!("{form}&signature={signature}"));
    assert_eq!(code(&mut bot, request), 100_001);
    // JSON, sorted.
    let text = format!("leverage=8&side=BOTH&symbol=SOL-USDT&timestamp={time}");
    let signature = digest(&bot.secret, &text);
    let body = format!(
        r#"{{"timestamp":{time},"symbol":"SOL-USDT","side":"BOTH","leverage":8,"signature":"{signature}"}}"#
    );
    let request = send(&bot, "", body);
    assert_eq!(code(&mut bot, request), 0);
    let setting = bot.get("swap/v2/trade/leverage", &[("symbol", "SOL-USDT")]);
    assert_eq!((&setting["longLeverage"], &setting["shortLeverage"]), (&8.into(), &8.into()));
}
