//! Moving money between the wallets of an account.

use evenkeel_bingx::BingX;
use evenkeel_exchange::{Effect, ErrorKind, Observe as _, Route, Trade as _, Transfers};
use evenkeel_types::Scope;

use crate::server::{Fate, Server};

fn wallets(venue: &BingX) -> &dyn Transfers {
    venue.abilities().transfers.unwrap()
}

#[tokio::test]
async fn money_moves_both_ways() {
    let server = Server::start();
    let venue = server.venue();
    for (route, from, to, amount) in [
        (Route::SpotToPerp, "spot", "USDTMPerp", "12.5"),
        (Route::PerpToSpot, "USDTMPerp", "spot", "0.00000001"),
    ] {
        wallets(&venue).transfer(route, amount.parse().unwrap()).await.unwrap();
        let sent = server.writes();
        let [(call, parameters)] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(call, "POST asset/v1/transfer");
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let expected = [("amount", amount), ("asset", "USDT"), ("fromAccount", from), ("toAccount", to)];
        assert_eq!(parameters, expected);
    }
    for answer in ["{\"code\":0,\"msg\":\"\",\"data\":{\"transferId\":\"x1\"}}", "{\"transferId\":7}"] {
        server.next(Fate::Answer(200, answer.as_bytes().to_vec()));
        wallets(&venue).transfer(Route::SpotToPerp, "1".parse().unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_moved_is_not_sent() {
    let server = Server::start();
    let venue = server.venue();
    for amount in ["0", "-1", "0.000000001"] {
        let moved = wallets(&venue).transfer(Route::SpotToPerp, amount.parse().unwrap()).await;
        let error = moved.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied), "{error}");
    }
    assert!(server.asked().is_empty());
    assert!(server.demo().abilities().transfers.is_none(), "virtual money has no other wallet");
}

#[tokio::test]
async fn a_refusal_for_want_of_money_is_one_and_limits_stop_transfers_alone() {
    let server = Server::start();
    let venue = server.venue();
    let moved = async || wallets(&venue).transfer(Route::SpotToPerp, "1".parse().unwrap()).await;
    server.next(Fate::refused(100_202, "Insufficient balance"));
    let error = moved().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (ErrorKind::InsufficientMargin, Effect::NotApplied),
        "{error}"
    );
    server.next(Fate::refused(100_202, "Something else"));
    assert_eq!(moved().await.unwrap_err().effect(), Effect::Unknown);
    server.next(Fate::refused(100_410, "rate limited"));
    assert_eq!(moved().await.unwrap_err().kind(), ErrorKind::RateLimited);
    server.asked();
    assert_eq!(moved().await.unwrap_err().kind(), ErrorKind::RateLimited);
    assert!(server.asked().is_empty());
    venue.snapshot(&Scope::default()).await.unwrap();
}
