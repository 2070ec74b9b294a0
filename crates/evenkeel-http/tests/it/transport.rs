use std::time::Duration;

use evenkeel_exchange::chain;
use evenkeel_http::{
    Bytes, MAX_ANSWER_BYTES, ReqwestTransport, Transport as _, TransportError, TransportErrorKind, http,
};

use crate::server::{CANARY, Reply, Server, answer, request};

const LONG: Duration = Duration::from_secs(20);

/// The error's kind, once it is certain that the error shows nothing of the request.
fn kind(error: &TransportError) -> TransportErrorKind {
    for text in [error.to_string(), format!("{error:?}"), format!("{error:#?}"), chain(error)] {
        for secret in [CANARY, "signature", "/order", "x-key", "http://", "https://"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert_eq!(error.was_sent(), error.kind() != TransportErrorKind::NotSent);
    error.kind()
}

#[tokio::test]
async fn an_answer_comes_whole_whatever_its_status_and_the_request_discloses_nothing() {
    let server = Server::start(vec![Reply::Say(answer(
        "418 I'm a teapot",
        "retry-after: 7\r\ncontent-encoding: gzip\r\n",
        "not really gzip",
    ))])
    .await;
    let answer = server.post(&server.transport(), LONG).await.unwrap();
    assert_eq!(answer.status(), 418);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(answer.body().as_ref(), b"not really gzip", "nothing is decompressed");
    assert!(answer.extensions().is_empty());

    let [seen] = &server.requests()[..] else { panic!("one request") };
    let seen = seen.to_lowercase();
    assert!(seen.starts_with(&format!("post /order?symbol=sol&signature={CANARY} http/1.1\r\n")), "{seen}");
    assert!(seen.contains("accept-encoding: identity\r\n"), "{seen}");
    assert!(seen.contains(concat!("user-agent: evenkeel/", env!("CARGO_PKG_VERSION"), "\r\n")), "{seen}");
    for header in ["referer", "cookie", "origin", "forwarded", "via:"] {
        assert!(!seen.contains(header), "{header} in {seen}");
    }
}

#[tokio::test]
async fn redirects_are_answers() {
    let elsewhere = Server::start(vec![]).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let location = format!("location: http://{}/steal\r\n", elsewhere.host);
        let server = Server::start(vec![Reply::Say(answer(status, &location, ""))]).await;
        // Even where both hosts may be spoken to.
        let both = ReqwestTransport::allowing_http([server.host.clone(), elsewhere.host.clone()]).unwrap();
        let answer = server.post(&both, LONG).await.unwrap();
        assert!(answer.status().is_redirection());
        assert_eq!(server.requests().len(), 1);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_malformed_redirect_never_looks_as_if_nothing_was_sent() {
    for location in
        ["http://%zz/", "http://[::1/", "http://a b/", "x", "http://:0/", "//", "http://999.1.1.1.1/"]
    {
        let location = format!("location: {location}\r\n");
        let server = Server::start(vec![Reply::Say(answer("302 Found", &location, ""))]).await;
        match server.post(&server.transport(), LONG).await {
            Ok(answer) => assert_eq!(answer.status(), 302),
            Err(error) => assert_eq!(kind(&error), TransportErrorKind::Broken, "{location}"),
        }
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn nothing_is_sent_twice() {
    let good = answer("200 OK", "", "fine");
    // A fresh connection that breaks before, within and after the head of the answer.
    for reply in [
        Reply::Reset,
        Reply::Close(String::new()),
        Reply::Close("HTTP/1.1 200 OK\r\ncont".into()),
        Reply::Close("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".into()),
        Reply::Close("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel".into()),
        Reply::Close("no HTTP at all\r\n\r\n".into()),
    ] {
        let server = Server::start(vec![reply.clone(), Reply::Say(good.clone())]).await;
        let error = server.post(&server.transport(), LONG).await.unwrap_err();
        assert_eq!(kind(&error), TransportErrorKind::Broken, "{reply:?}");
        assert_eq!((server.connections(), server.requests().len()), (1, 1), "{reply:?}");
    }
    // A connection that was good once and breaks under the second request.
    let server = Server::start(vec![Reply::Say(good.clone()), Reply::Reset, Reply::Say(good.clone())]).await;
    let transport = server.transport();
    server.post(&transport, LONG).await.unwrap();
    let error = server.post(&transport, LONG).await.unwrap_err();
    assert_eq!(kind(&error), TransportErrorKind::Broken);
    assert_eq!((server.connections(), server.requests().len()), (1, 2));
    // Not even where HTTP itself says that it may be repeated.
    let busy = answer("503 Service Unavailable", "retry-after: 0\r\n", "");
    let server = Server::start(vec![Reply::Say(busy), Reply::Say(good)]).await;
    assert_eq!(server.post(&server.transport(), LONG).await.unwrap().status(), 503);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn silence_is_a_timeout_and_proves_nothing() {
    for reply in [Reply::Hang, Reply::Say("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".into())] {
        let server = Server::start(vec![reply, Reply::Hang]).await;
        let error = server.post(&server.transport(), Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(kind(&error), TransportErrorKind::Timeout);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_cannot_connect_was_not_sent() {
    // A port on which nobody listens any more.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let transport = ReqwestTransport::allowing_http([host.clone()]).unwrap();
    let refused = transport.send(request("http", &host), LONG).await.unwrap_err();
    assert_eq!(kind(&refused), TransportErrorKind::NotSent);
    assert!(chain(&refused).to_lowercase().contains("connection refused"), "{}", chain(&refused));
    // A name that does not exist (RFC 6761).
    let unknown = transport.send(request("https", "venue.invalid"), LONG).await.unwrap_err();
    assert_eq!(kind(&unknown), TransportErrorKind::NotSent);
    // A server that speaks no TLS sees the greeting and nothing of the request.
    let server = Server::start(vec![Reply::Close("what?".into())]).await;
    let no_tls = transport.send(request("https", &server.host), LONG).await.unwrap_err();
    assert_eq!(kind(&no_tls), TransportErrorKind::NotSent);
    assert!(server.requests().iter().all(|seen| !seen.contains(CANARY)));
}

#[tokio::test]
async fn a_handshake_that_hangs_is_proof_only_when_the_connect_timeout_struck() {
    let server = Server::start(vec![Reply::Hang, Reply::Hang]).await;
    let transport = ReqwestTransport::new().unwrap();
    let (short, long) = tokio::join!(
        transport.send(request("https", &server.host), Duration::from_millis(300)),
        transport.send(request("https", &server.host), LONG),
    );
    assert_eq!(kind(&short.unwrap_err()), TransportErrorKind::Timeout);
    assert_eq!(kind(&long.unwrap_err()), TransportErrorKind::NotSent);
}

#[tokio::test]
async fn answers_are_read_up_to_the_limit() {
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MAX_ANSWER_BYTES + 1);
    for reply in [Reply::Say(announced), Reply::Flood] {
        let server = Server::start(vec![reply]).await;
        let error = server.post(&server.transport(), LONG).await.unwrap_err();
        assert_eq!(kind(&error), TransportErrorKind::TooLarge);
    }
}

#[tokio::test]
async fn plain_http_goes_to_named_hosts_only() {
    let server = Server::start(vec![]).await;
    let port = server.host.rsplit_once(':').unwrap().1;
    let strict = ReqwestTransport::new().unwrap();
    let other_port = ReqwestTransport::allowing_http(["127.0.0.1:1", "127.0.0.1", "localhost:80"]).unwrap();
    for (transport, host) in [
        (&strict, server.host.clone()),
        (&other_port, server.host.clone()),
        (&server.transport(), format!("localhost:{port}")),
        (&server.transport(), format!("{}@localhost:{port}", server.host)),
    ] {
        let error = transport.send(request("http", &host), LONG).await.unwrap_err();
        assert_eq!(kind(&error), TransportErrorKind::NotSent, "{host}");
    }
    for url in ["ftp://a/?signature=c4n4ry5ignature", "/order?signature=c4n4ry5ignature", "*"] {
        let request = http::Request::get(url).body(Bytes::new()).unwrap();
        let error = server.transport().send(request, LONG).await.unwrap_err();
        assert_eq!(kind(&error), TransportErrorKind::NotSent, "{url}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_was_signed_is_what_is_sent() {
    let good = answer("200 OK", "", "");
    let server = Server::start(vec![Reply::Say(good.clone()), Reply::Say(good)]).await;
    let transport = server.transport();
    // reqwest would normalise these.
    for path in ["/order?note='x'", "/a/../order?x=1", "/a/%2e%2e/b", "/order?x=\"y\""] {
        let url = format!("http://{}{path}", server.host);
        let Ok(request) = http::Request::get(url).body(Bytes::new()) else { continue };
        let error = transport.send(request, LONG).await.unwrap_err();
        assert_eq!(kind(&error), TransportErrorKind::NotSent, "{path}");
    }
    assert_eq!(server.connections(), 0);
    for path in ["/", "/order?symbol=SOL%2FUSDT&x=%C3%BC&empty=&note=a.b-c_d~e"] {
        let request = http::Request::get(format!("http://{}{path}", server.host)).body(Bytes::new()).unwrap();
        transport.send(request, LONG).await.unwrap();
        let seen = server.requests().pop().unwrap();
        assert!(seen.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{seen}");
    }
}
