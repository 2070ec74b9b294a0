//! Settings: leverage, margin mode, margin; and what a reader is.

use evenkeel_exchange::{Effect, ErrorKind, Observe as _, Severity, Topic, Trade as _};
use evenkeel_types::{Leverage, MarginMode, Scope};
use serde_json::json;

use crate::server::{Fate, Server, config, position, setting};
use crate::support::symbol;

#[tokio::test]
async fn leverage_is_one_request_and_keeps_the_mode() {
    let server = Server::start();
    let venue = server.venue();
    venue.snapshot(&Scope::default()).await.unwrap();
    server.asked();
    venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(7).unwrap()).await.unwrap();
    let sent = server.asked();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].call().as_str(), sent[0].get("leverage")), ("POST /fapi/v1/leverage", "7"));
    for leverage in ["151", "1.5"] {
        let error = venue.set_leverage(&symbol("BTCUSDT"), leverage.parse().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::NotApplied));
        assert!(error.to_string().contains("a whole number from 1 to 150"), "{error}");
    }
    assert!(server.asked().is_empty());
    // Numbers as text, as one client has recorded them.
    server.write(Fate::json(json!({"leverage": "7", "maxNotionalValue": "250000", "symbol": "SOLUSDT"})));
    venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(7).unwrap()).await.unwrap();
    for answer in [
        json!({"leverage": 8, "maxNotionalValue": "1", "symbol": "SOLUSDT"}),
        json!({"leverage": 7, "maxNotionalValue": "1", "symbol": "ETHUSDT"}),
        json!({"leverage": null, "symbol": "SOLUSDT"}),
        json!({"code": 200, "msg": "success"}),
    ] {
        server.write(Fate::json(answer.clone()));
        let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(7).unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Decode, Effect::Unknown), "{answer}");
    }
    server.write(Fate::code(
        -4161,
        "Leverage reduction is not supported in Isolated Margin Mode with open positions",
    ));
    let error = venue.set_leverage(&symbol("SOLUSDT"), Leverage::new(2).unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::NotApplied));
}

#[tokio::test]
async fn a_mode_that_is_set_already_is_success() {
    let server = Server::start();
    let venue = server.venue();
    venue.set_margin_mode(&symbol("SOLUSDT"), MarginMode::Isolated).await.unwrap();
    let sent = server.writes().remove(0);
    assert_eq!((sent.call().as_str(), sent.get("marginType")), ("POST /fapi/v1/marginType", "ISOLATED"));
    server.write(Fate::code(-4046, "No need to change margin type."));
    venue.set_margin_mode(&symbol("SOLUSDT"), MarginMode::Cross).await.unwrap();
    // Recorded in May 2026 for a mode that was set already: what is set has the last word.
    let odd = || Fate::code(-4067, "Position side cannot be changed if there exists open orders.");
    server.write(odd());
    venue.set_margin_mode(&symbol("SOLUSDT"), MarginMode::Cross).await.unwrap();
    server.write(odd());
    let error = venue.set_margin_mode(&symbol("SOLUSDT"), MarginMode::Isolated).await.unwrap_err();
    assert_eq!((error.code(), error.effect()), (Some("-4067"), Effect::NotApplied));
    assert_eq!(server.writes().len(), 3, "one write each");
    server.write(Fate::code(-4048, "Margin type cannot be changed if there exists position."));
    let error = venue.set_margin_mode(&symbol("SOLUSDT"), MarginMode::Isolated).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::LeverageRefused, Effect::NotApplied));
}

#[tokio::test]
async fn margin_goes_to_the_leg_that_is_held() {
    let server = Server::start();
    let venue = server.venue();
    for (side, amount, delta, leg, direction) in [
        ("BOTH", "0.009", "1.5", "", "1"),
        ("LONG", "0.009", "-1.5", "LONG", "2"),
        ("SHORT", "-0.009", "1.50000001", "SHORT", "1"),
    ] {
        server.read("/fapi/v3/positionRisk", Fate::json(json!([position("BTCUSDT", side, amount, "5")])));
        venue.adjust_margin(&symbol("BTCUSDT"), delta.parse().unwrap()).await.unwrap();
        let sent = server.writes().remove(0);
        assert_eq!(sent.call(), "POST /fapi/v1/positionMargin");
        assert_eq!((sent.get("positionSide"), sent.get("type")), (leg, direction));
        assert_eq!(sent.get("amount"), delta.trim_start_matches('-'));
    }
    let refused = async |delta: &str, needle: &str| {
        let error = venue.adjust_margin(&symbol("BTCUSDT"), delta.parse().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied));
        assert!(error.to_string().contains(needle), "{error}");
    };
    refused("0", "cannot be moved").await;
    refused("0.000000001", "at most 8 decimals").await;
    server.read("/fapi/v3/positionRisk", Fate::json(json!([position("BTCUSDT", "BOTH", "0", "0")])));
    refused("1", "no position").await;
    server.read(
        "/fapi/v3/positionRisk",
        Fate::json(json!([position("BTCUSDT", "LONG", "1", "5"), position("BTCUSDT", "SHORT", "-1", "5")])),
    );
    refused("1", "long and short").await;
    assert!(server.writes().is_empty());
    // A reading that fails is no write.
    server.read("/fapi/v3/positionRisk", Fate::answer(500, "oops"));
    let error = venue.adjust_margin(&symbol("BTCUSDT"), "1".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.effect(), Effect::NotApplied);
}

#[tokio::test]
async fn a_reader_can_do_everything_but_trade() {
    let server = Server::start();
    let reader = server.builder().build_reader().unwrap();
    reader.snapshot(&Scope::default()).await.unwrap();
    let abilities = reader.read_abilities();
    assert!(abilities.quotes.is_some() && abilities.wallets.is_some() && abilities.diagnose.is_some());
    assert_eq!(reader.environment().to_string(), "demo");
    let venue = server.venue();
    let offered = venue.abilities();
    assert!(
        offered.stop_orders.is_some() && offered.cancel_all.is_some() && offered.dead_man_switch.is_some()
    );
    assert!(offered.fencing.is_none() && offered.top_up.is_none());
    assert_eq!(venue.reader().venue(), venue.venue());
}

#[tokio::test]
async fn a_diagnosis_tells_what_can_be_told() {
    let server = Server::start();
    let worst = async |topic: Topic| {
        let found = server.venue().reader().read_abilities().diagnose.unwrap().diagnose().await;
        found.into_iter().filter(|d| d.topic == topic).map(|d| d.severity).max()
    };
    for topic in [Topic::Key, Topic::AccountMode, Topic::PositionMode, Topic::RateBudget, Topic::VenueStatus]
    {
        assert_eq!(worst(topic).await, Some(Severity::Fine), "{topic}");
    }
    server.read("/fapi/v1/accountConfig", Fate::json(config(true, true)));
    assert_eq!(worst(Topic::AccountMode).await, Some(Severity::Problem));
    server.read("/fapi/v1/symbolConfig", Fate::json(json!([setting("BTCUSDT", "CROSSED", 0)])));
    server.read("/fapi/v1/accountConfig", Fate::json(config(false, false)));
    assert_eq!(worst(Topic::AccountMode).await, Some(Severity::Problem));
    server.read(
        "/fapi/v1/accountConfig",
        Fate::answer(401, r#"{"code":-2014,"msg":"API-key format invalid."}"#),
    );
    assert_eq!(worst(Topic::Key).await, Some(Severity::Problem));
    server.read("/fapi/v1/time", Fate::answer(502, "<html>"));
    assert_eq!(worst(Topic::VenueStatus).await, Some(Severity::Unclear));
}
