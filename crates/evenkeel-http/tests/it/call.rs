use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_exchange::{Clock, Effect, ErrorKind, Operation, chain};
use evenkeel_http::{Bytes, Client, Transport, TransportError, TransportErrorKind, http};
use evenkeel_types::{Timestamp, VenueId};

/// Every look at it takes a millisecond.
#[derive(Debug, Default)]
struct Ticking(AtomicU64);

#[async_trait]
impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::SeqCst))
    }
    async fn sleep(&self, _: Duration) {}
}

#[derive(Debug)]
struct Scripted(Option<TransportErrorKind>);

#[async_trait]
impl Transport for Scripted {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _: Duration,
    ) -> Result<http::Response<Bytes>, TransportError> {
        match self.0 {
            Some(kind) => Err(TransportError::new(kind, "as scripted").with_source("the cause")),
            None => {
                let mut answer = http::Response::new(request.into_body());
                answer.headers_mut().insert("retry-after", "12".parse().unwrap());
                answer.headers_mut().insert("x-used", "34".parse().unwrap());
                Ok(answer)
            }
        }
    }
}

fn client(script: Option<TransportErrorKind>) -> Client {
    Client::new(Arc::new(Scripted(script)), Arc::new(Ticking::default()), VenueId::new("venue").unwrap())
}

fn request() -> http::Request<Bytes> {
    http::Request::post("https://a/").body(Bytes::from_static(b"account 1234")).unwrap()
}

#[tokio::test]
async fn only_what_was_not_sent_is_known_not_to_be_applied() {
    use TransportErrorKind::{Broken, NotSent, Timeout, TooLarge};
    for (script, kind, effect) in [
        (NotSent, ErrorKind::Transport, Effect::NotApplied),
        (Timeout, ErrorKind::Timeout, Effect::Unknown),
        (Broken, ErrorKind::Transport, Effect::Unknown),
        (TooLarge, ErrorKind::Decode, Effect::Unknown),
    ] {
        let write = client(Some(script)).send(Operation::Place, request(), Duration::ZERO).await.unwrap_err();
        assert_eq!((write.kind(), write.effect()), (kind, effect), "{script:?}");
        assert_eq!(write.is_retryable(), script == NotSent);
        assert!(chain(&write).ends_with("as scripted: the cause"), "{}", chain(&write));
        let read =
            client(Some(script)).send(Operation::Snapshot, request(), Duration::ZERO).await.unwrap_err();
        assert_eq!((read.kind(), read.effect()), (kind, Effect::NotApplied), "{script:?}");
    }
}

#[tokio::test]
async fn an_answer_is_timed_and_its_debug_is_discreet() {
    let sent = client(None).send(Operation::Place, request(), Duration::ZERO).await.unwrap();
    assert_eq!((sent.status, sent.began, sent.ended), (200, Timestamp(0), Timestamp(1)));
    assert!(sent.is_success());
    assert_eq!(sent.retry_after(), Some(Duration::from_secs(12)));
    assert_eq!(sent.header("x-used"), Some("34"));
    assert_eq!(sent.header("x-other"), None);
    assert_eq!(sent.body.as_ref(), b"account 1234");
    assert!(!format!("{sent:?}").contains("1234"));
}
