//! What is pushed to everybody.

use serde_json::{Value, json};

use super::ear::{Ear, names, shows};
use super::shapes::compare;
use super::support::START;

#[test]
fn tickers_are_told_whole_and_then_as_they_change() {
    let mut ear = Ear::to_all(&["tickers.SOLUSDT", "tickers.BTCUSDT"]);
    let told = ear.heard();
    assert_eq!((told[0]["success"].as_bool(), told.len()), (Some(true), 3));
    let first = &told[1];
    assert_eq!(
        (&first["topic"], &first["type"], &first["ts"]),
        (&json!("tickers.SOLUSDT"), &json!("snapshot"), &json!(START.0))
    );
    shows(
        &first["data"],
        json!({"symbol": "SOLUSDT", "markPrice": "166.400", "tickDirection": "ZeroPlusTick"}),
    );
    let later = ["fundingIntervalHour", "fundingCap", "preOpenPrice", "preQty", "curPreListingPhase"];
    compare(first, &["ws_tickers_1"], &[], &later);
    assert_eq!(ear.heard(), [] as [Value; 0]);
    ear.bot.price("SOLUSDT", "166.42");
    let told = ear.heard();
    assert_eq!((told.len(), &told[0]["type"]), (1, &json!("delta")));
    let changed = "ask1Price bid1Price highPrice24h indexPrice lastPrice markPrice openInterestValue price24hPcnt symbol \
        tickDirection turnover24h";
    assert_eq!(names(&told[0]["data"]), changed.split_whitespace().collect());
    shows(
        &told[0]["data"],
        json!({"symbol": "SOLUSDT", "lastPrice": "166.420", "bid1Price": "166.410", "ask1Price": "166.430",
            "price24hPcnt": "0.000120", "tickDirection": "PlusTick"}),
    );
    assert!(told[0]["cs"].as_u64() > first["cs"].as_u64());
    ear.bot.price("SOLUSDT", "166.41");
    assert_eq!(ear.heard()[0]["data"]["tickDirection"], "MinusTick");
    ear.bot.wait(6 * 3600 * 1000);
    // The next funding alone.
    let told = ear.heard();
    assert_eq!(names(&told[0]["data"]), ["nextFundingTime", "symbol"].into());
}

#[test]
fn books_are_told_whole_and_then_by_levels() {
    let mut ear = Ear::to_all(&["orderbook.1.SOLUSDT", "orderbook.50.SOLUSDT"]);
    let told = ear.heard();
    let (best, book) = (&told[1], &told[2]);
    for whole in [best, book] {
        assert_eq!(whole["type"], "snapshot");
        assert_eq!(names(whole), ["topic", "type", "ts", "data", "cts"].into());
        assert_eq!(names(&whole["data"]), ["s", "b", "a", "u", "seq"].into());
    }
    let size = best["data"]["b"][0][1].clone();
    assert_eq!(best["data"]["b"], json!([["166.390", size]]));
    assert_eq!(best["data"]["a"], json!([["166.410", size]]));
    let rows = |told: &Value, side: &str| told["data"][side].as_array().unwrap().clone();
    let (bids, asks) = (rows(book, "b"), rows(book, "a"));
    assert_eq!((bids.len(), &bids[0][0], &bids[49][0]), (50, &json!("166.390"), &json!("165.900")));
    assert_eq!((asks.len(), &asks[0][0], &asks[49][0]), (50, &json!("166.410"), &json!("166.900")));
    // Two ticks up: two levels come at one end of each side, and two go at the other.
    ear.bot.price("SOLUSDT", "166.42");
    let told = ear.heard();
    assert_eq!((&told[0]["type"], &told[0]["data"]["b"]), (&json!("snapshot"), &json!([["166.410", size]])));
    assert_eq!(told[1]["type"], "delta");
    let bids = json!([["166.410", size], ["166.400", size], ["165.910", "0"], ["165.900", "0"]]);
    let asks = json!([["166.410", "0"], ["166.420", "0"], ["166.910", size], ["166.920", size]]);
    assert_eq!((&told[1]["data"]["b"], &told[1]["data"]["a"]), (&bids, &asks));
    let update = |told: &Value| told["data"]["u"].as_u64().unwrap();
    assert_eq!(update(&told[1]), update(book) + 1);
    // The best prices are told again though they are the same.
    ear.bot.wait(2999);
    assert_eq!(ear.heard(), [] as [Value; 0]);
    ear.bot.wait(1);
    let again = ear.heard();
    assert_eq!((again.len(), update(&again[0])), (1, update(&told[0])));
}
