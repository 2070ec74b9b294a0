//! Moving money between the wallets of an account.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_binance::{Binance, Environment};
use evenkeel_exchange::{Effect, ErrorKind, Observe as _, Route, Trade as _, Transfers, async_trait};
use evenkeel_http::{Transport, TransportError, TransportErrorKind};
use evenkeel_types::Scope;

use crate::server::{Fate, Server, Virtual, credentials};

fn wallets(venue: &Binance) -> &dyn Transfers {
    venue.abilities().transfers.unwrap()
}

#[tokio::test]
async fn money_moves_both_ways() {
    let server = Server::start();
    let venue = server.mainnet();
    for (route, kind, amount) in
        [(Route::SpotToPerp, "MAIN_UMFUTURE", "12.5"), (Route::PerpToSpot, "UMFUTURE_MAIN", "0.00000001")]
    {
        wallets(&venue).transfer(route, amount.parse().unwrap()).await.unwrap();
        let sent = server.writes();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].call(), "POST /sapi/v1/asset/transfer");
        let params: Vec<(&str, &str)> =
            sent[0].params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(params, [("amount", amount), ("asset", "USDT"), ("type", kind)]);
        assert!(sent[0].signed);
    }
}

#[tokio::test]
async fn what_cannot_be_moved_is_not_sent() {
    let server = Server::start();
    let venue = server.mainnet();
    for amount in ["0", "-1", "0.000000001"] {
        let moved = wallets(&venue).transfer(Route::SpotToPerp, amount.parse().unwrap()).await;
        let error = moved.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::Invalid, Effect::NotApplied), "{error}");
    }
    assert!(server.asked().is_empty());
    assert!(server.venue().abilities().transfers.is_none(), "the demo environment has no wallets");
}

/// Another server refuses: that stops transfers, and neither reading nor closing.
#[tokio::test]
async fn limits_of_the_wallets_are_their_own() {
    for fate in [
        Fate::answer(418, "{\"code\":-1003,\"msg\":\"banned\"}"),
        Fate::answer(429, "slow down"),
        Fate::code(-1003, "Too many requests"),
        // Of orders at the spot market.
        Fate::code(-1015, "Too many new orders").with("x-mbx-order-count-10s", "300"),
    ] {
        let server = Server::start();
        let venue = server.mainnet();
        server.write(fate);
        let moved = wallets(&venue).transfer(Route::SpotToPerp, "1".parse().unwrap()).await;
        assert_eq!(moved.unwrap_err().kind(), ErrorKind::RateLimited);
        server.asked();
        let error = wallets(&venue).transfer(Route::SpotToPerp, "1".parse().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.effect()), (ErrorKind::RateLimited, Effect::NotApplied), "{error}");
        assert!(server.writes().is_empty());
        let before = server.clock.now_for_test();
        venue.snapshot(&Scope::default()).await.unwrap();
        let close = evenkeel_types::OrderIntent {
            reduce_only: true,
            ..crate::support::intent("BTCUSDT", evenkeel_types::Side::Sell, "0.009", "67000")
        };
        venue.place(&[crate::support::unproven(close)]).await.remove(0).unwrap();
        assert!(server.clock.now_for_test() - before < 1000, "nothing waited");
    }
}

/// The venue's own count is believed: two hundred transfers in a minute, and not one more.
#[tokio::test]
async fn the_venue_counts_transfers_of_the_account() {
    let server = Server::start();
    let venue = server.mainnet();
    let counted = |used: &str| Fate::answer(200, "{\"tranId\":1}").with("x-sapi-used-uid-weight-1m", used);
    server.write(counted("180000"));
    wallets(&venue).transfer(Route::SpotToPerp, "1".parse().unwrap()).await.unwrap();
    let error = wallets(&venue).transfer(Route::SpotToPerp, "1".parse().unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::RateLimited, Effect::NotApplied), "{error}");
    // The futures count is another one.
    venue.snapshot(&Scope::default()).await.unwrap();
}

/// Which server is asked for what, where none is named.
#[derive(Debug, Default)]
struct Hosts(Mutex<Vec<String>>);

#[async_trait]
impl Transport for Hosts {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _timeout: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push(format!("{} {host}{}", request.method(), request.uri().path()));
        if request.uri().path() == "/fapi/v1/time" {
            let body = Bytes::from_static(b"{\"serverTime\":1796000000000}");
            return Ok(http::Response::new(body));
        }
        Err(TransportError::new(TransportErrorKind::Timeout, "scripted"))
    }
}

#[tokio::test]
async fn wallets_have_a_server_of_their_own() {
    let hosts = Arc::new(Hosts::default());
    let venue = Binance::builder()
        .environment(Environment::Mainnet)
        .credentials(credentials())
        .clock(Virtual::new())
        .transport(Arc::clone(&hosts) as Arc<dyn Transport>)
        .build()
        .unwrap();
    let error = wallets(&venue).transfer(Route::SpotToPerp, "1".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    let asked = std::mem::take(&mut *hosts.0.lock().unwrap());
    assert_eq!(asked, ["GET fapi.binance.com/fapi/v1/time", "POST api.binance.com/sapi/v1/asset/transfer"]);
}
