//! The driver against scripted sockets, on a clock that moves only where a test says so.

mod endurance;

use std::collections::VecDeque;
use std::fmt;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_exchange::{Clock, Error, ErrorKind, Hint, Operation, Subscription};
use evenkeel_types::{Timestamp, VenueId};
use futures_util::FutureExt as _;

use super::{Dial, Feed, Heard, Job, Message, Protocol, Rhythm, Socket, Sockets};
use crate::secret::Secret;
use crate::transport::{TransportError, TransportErrorKind};

/// Time that passes only while somebody sleeps, or, once it is `by_hand`, only where a test moves it.
#[derive(Debug, Default)]
struct Virtual {
    now: AtomicU64,
    by_hand: AtomicBool,
}

impl Virtual {
    fn set(&self, now: u64) {
        self.by_hand.store(true, Ordering::SeqCst);
        self.now.store(now, Ordering::SeqCst);
    }

    async fn reaches(&self, at: u64) {
        poll_fn(|_| if self.now().0 < at { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    async fn sleep(&self, wait: Duration) {
        let until = self.now().after(wait).0;
        if self.by_hand.load(Ordering::SeqCst) {
            self.reaches(until).await;
        } else {
            self.now.store(until, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    }
}

/// What the other side does on one connection.
#[derive(Debug, Clone)]
enum Step {
    Say(&'static str),
    /// Says nothing until this moment.
    Until(u64),
    Break,
}

/// How a renewal goes.
#[derive(Debug, Clone, Copy)]
enum Renewal {
    Done,
    /// Done at this moment.
    At(u64),
    Fails(ErrorKind),
}

/// Connections in the order in which they are made; none for one that fails.
#[derive(Debug)]
struct Script {
    clock: Arc<Virtual>,
    /// How long it takes to connect.
    slow: u64,
    lines: Mutex<VecDeque<Option<Vec<Step>>>>,
    /// What was said to the other side, and when.
    said: Arc<Mutex<Vec<(u64, String)>>>,
}

struct Line {
    clock: Arc<Virtual>,
    steps: VecDeque<Step>,
    said: Arc<Mutex<Vec<(u64, String)>>>,
}

// What a test notes is not what the driver shows.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain")
    }
}

#[async_trait]
impl Sockets for Script {
    async fn open(&self, url: &str, _: Duration) -> Result<Box<dyn Socket>, TransportError> {
        self.said.lock().unwrap().push((self.clock.now().0, format!("open {url}")));
        self.clock.reaches(self.clock.now().0 + self.slow).await;
        match self.lines.lock().unwrap().pop_front().flatten() {
            Some(steps) => Ok(Box::new(Line {
                clock: Arc::clone(&self.clock),
                steps: steps.into(),
                said: Arc::clone(&self.said),
            })),
            None => Err(TransportError::new(TransportErrorKind::NotSent, "no connection")),
        }
    }
}

#[async_trait]
impl Socket for Line {
    fn send(&mut self, text: String) {
        self.said.lock().unwrap().push((self.clock.now().0, text));
    }

    async fn flush(&mut self) -> Result<(), TransportError> {
        Ok(())
    }

    async fn receive(&mut self) -> Result<Message, TransportError> {
        if let Some(Step::Until(at)) = self.steps.front() {
            if self.clock.now().0 < *at {
                return pending().await;
            }
            self.steps.pop_front();
        }
        match self.steps.pop_front() {
            Some(Step::Say(text)) => Ok(Message::Text(text.to_owned())),
            Some(Step::Break) => Err(TransportError::new(TransportErrorKind::Broken, "closed")),
            _ => pending().await,
        }
    }
}

struct Plain {
    dials: u32,
    clock: Arc<Virtual>,
    /// What becomes of renewals; with none nothing has to be renewed.
    renewals: Mutex<VecDeque<Renewal>>,
    renew: Option<Duration>,
    said: Said,
}

fn refusal() -> Error {
    Error::not_applied(ErrorKind::Auth, VenueId::new("test").unwrap(), Operation::Stream, "not you")
}

impl Protocol for Plain {
    fn dial(&mut self) -> Job<evenkeel_exchange::Result<Dial>> {
        self.dials += 1;
        let url = format!("wss://venue/{}", self.dials);
        let key = Some(Secret::from(format!("key {}", self.dials)));
        Box::pin(async { Ok(Dial { url, say: vec!["login".to_owned()], at_once: false, key }) })
    }

    fn renew(&self, key: &Secret) -> Job<evenkeel_exchange::Result<()>> {
        let (clock, said) = (Arc::clone(&self.clock), Arc::clone(&self.said));
        said.lock().unwrap().push((clock.now().0, format!("renew {}", key.expose())));
        let renewal = self.renewals.lock().unwrap().pop_front().unwrap_or(Renewal::Done);
        Box::pin(async move {
            match renewal {
                Renewal::Done => Ok(()),
                Renewal::At(at) => {
                    clock.reaches(at).await;
                    said.lock().unwrap().push((clock.now().0, "renewed".to_owned()));
                    Ok(())
                }
                Renewal::Fails(kind) => {
                    let venue = VenueId::new("test").unwrap();
                    Err(Error::not_applied(kind, venue, Operation::Stream, "not renewed"))
                }
            }
        })
    }

    fn hear(&mut self, message: &Message) -> Heard {
        let Message::Text(text) = message else { return Heard::Nothing };
        match text.as_str() {
            "welcome" => Heard::Say(vec!["subscribe".to_owned()]),
            "subscribed" => Heard::Begun,
            "account" => Heard::Hints(vec![Hint::Account]),
            "flood" => Heard::Hints(vec![Hint::Account; 1000]),
            "Ping" => Heard::Reply("Pong".to_owned()),
            "expired" => Heard::Over("the key expired"),
            "banned" => Heard::Refused(refusal()),
            _ => Heard::Nothing,
        }
    }

    fn rhythm(&self) -> Rhythm {
        Rhythm {
            ping: Some((Duration::from_secs(20), "ping".to_owned())),
            silence: Duration::from_secs(60),
            renew: self.renew,
        }
    }
}

type Said = Arc<Mutex<Vec<(u64, String)>>>;

fn feed(lines: &[Option<&[Step]>]) -> (Feed<Plain>, Arc<Virtual>, Said) {
    with(lines, 0, None, &[])
}

fn with(
    lines: &[Option<&[Step]>],
    slow: u64,
    renew: Option<u64>,
    renewals: &[Renewal],
) -> (Feed<Plain>, Arc<Virtual>, Said) {
    let clock = Arc::new(Virtual::default());
    let said = Said::default();
    let plain = Plain {
        dials: 0,
        clock: Arc::clone(&clock),
        renewals: Mutex::new(renewals.iter().copied().collect()),
        renew: renew.map(Duration::from_secs),
        said: Arc::clone(&said),
    };
    let lines = Mutex::new(lines.iter().map(|line| line.map(<[Step]>::to_vec)).collect());
    let script = Script { clock: Arc::clone(&clock), slow, lines, said: Arc::clone(&said) };
    let feed = Feed::new(plain, Arc::new(script), clock.clone(), VenueId::new("test").unwrap());
    (feed, clock, said)
}

fn texts(said: &Said) -> Vec<String> {
    said.lock().unwrap().iter().map(|(_, text)| text.clone()).collect()
}

const LOGIN: [Step; 2] = [Step::Say("welcome"), Step::Say("subscribed")];

#[tokio::test]
async fn it_begins_when_the_subscription_stands_and_not_before() {
    let (mut feed, _, said) =
        feed(&[Some(&[LOGIN[0].clone(), Step::Say("noise"), LOGIN[1].clone(), Step::Say("account")])]);
    assert!(said.lock().unwrap().is_empty());
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    assert_eq!(texts(&said), ["open wss://venue/1", "login", "subscribe"]);
    assert_eq!(feed.next().await.unwrap(), Hint::Account);
}

#[tokio::test]
async fn an_interruption_is_told_and_survived() {
    let mut first = LOGIN.to_vec();
    first.extend([Step::Say("account"), Step::Break]);
    let mut second = LOGIN.to_vec();
    second.extend([Step::Say("expired")]);
    let (mut feed, clock, _) = feed(&[Some(&first), Some(&second), Some(&LOGIN)]);
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    assert_eq!(feed.next().await.unwrap(), Hint::Account);
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    // Two seconds from one attempt to the next.
    assert_eq!(clock.now().0, 4000);
}

#[tokio::test]
async fn waits_between_attempts_grow_and_the_caller_learns_of_it() {
    let (mut feed, clock, said) = feed(&[None, None, None, None, None, None, Some(&LOGIN)]);
    let error = feed.next().await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Transport, Operation::Stream));
    // Four times the distance between two attempts, which is longer than the first four waits.
    assert_eq!(clock.now().0, 8000);
    assert_eq!(texts(&said).len(), 5);
    // It goes on where it was.
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    assert_eq!(clock.now().0, 8000 + 4000 + 8000);
}

#[tokio::test]
async fn silence_is_noticed_and_pings_keep_it_away() {
    let mut quiet = LOGIN.to_vec();
    // A pong after each ping, then nothing.
    quiet.extend([Step::Until(20_000), Step::Say("pong"), Step::Until(40_000), Step::Say("pong")]);
    let (mut feed, clock, said) = feed(&[Some(&quiet), Some(&LOGIN)]);
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    let pings: Vec<u64> =
        said.lock().unwrap().iter().filter(|(_, t)| t == "ping").map(|(at, _)| *at).collect();
    assert_eq!(pings, [20_000, 40_000, 60_000, 80_000, 100_000]);
    // A minute after the last pong, two seconds of doubt, and the wait before the next attempt.
    assert_eq!(clock.now().0, 102_250);
}

#[tokio::test]
async fn a_subscription_that_never_stands_is_given_up() {
    let (mut feed, clock, _) = feed(&[Some(&[Step::Say("welcome")]), Some(&LOGIN)]);
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    assert_eq!(clock.now().0, 12_250);
}

#[tokio::test]
async fn a_refusal_is_told_at_once() {
    let (mut feed, clock, _) = feed(&[Some(&[Step::Say("banned")]), Some(&LOGIN)]);
    assert_eq!(feed.next().await.unwrap_err().kind(), ErrorKind::Auth);
    assert_eq!(clock.now().0, 0);
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
}

#[tokio::test]
async fn more_hints_than_anybody_looks_at_are_one() {
    let mut steps = LOGIN.to_vec();
    steps.extend([Step::Say("Ping"), Step::Say("flood"), Step::Say("account")]);
    let (mut feed, _, said) = feed(&[Some(&steps)]);
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    assert_eq!(feed.next().await.unwrap(), Hint::Account);
    assert_eq!(texts(&said).last().unwrap(), "Pong");
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let mut steps = LOGIN.to_vec();
    steps.extend([Step::Until(1000), Step::Say("account")]);
    let (mut feed, clock, _) = feed(&[Some(&steps)]);
    assert_eq!(feed.next().await.unwrap(), Hint::Resumed);
    // Polled once, then dropped.
    assert!(feed.next().now_or_never().is_none());
    clock.set(1000);
    assert_eq!(feed.next().await.unwrap(), Hint::Account);
}

#[cfg(feature = "websocket")]
mod sockets {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::Message as Wire;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;
    use crate::feed::WebSockets;
    use crate::feed::over_tungstenite::Open;

    #[tokio::test]
    async fn texts_go_both_ways_and_a_closed_stream_is_an_error() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let heard = socket.next().await.unwrap().unwrap();
            socket.send(Wire::Ping("x".into())).await.unwrap();
            socket.send(Wire::text(format!("you said {heard}"))).await.unwrap();
            socket.send(Wire::binary(vec![1, 2])).await.unwrap();
            socket.close(None).await.unwrap();
        });
        let sockets = WebSockets::to(&format!("http://{host}").parse().unwrap()).unwrap();
        let mut socket = sockets.open(&format!("ws://{host}/private"), Duration::from_secs(5)).await.unwrap();
        socket.send("hello".to_owned());
        assert_eq!(socket.receive().await.unwrap(), Message::Alive);
        assert_eq!(socket.receive().await.unwrap(), Message::Text("you said hello".to_owned()));
        assert_eq!(socket.receive().await.unwrap(), Message::Binary(vec![1, 2].into()));
        assert_eq!(socket.receive().await.unwrap_err().kind(), TransportErrorKind::Broken);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn texts_arrive_once_and_whole_however_often_a_wait_is_dropped() {
        // So narrow that each of the texts takes many looks.
        let (ours, theirs) = tokio::io::duplex(16);
        let client = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        let mut server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let mut socket = Open::new(client);
        let texts: Vec<String> = (0..20).map(|number| format!("{number} {}", "x".repeat(100))).collect();
        texts.iter().for_each(|text| socket.send(text.clone()));
        let mut heard = Vec::new();
        for _ in 0..100_000 {
            if heard.len() == texts.len() {
                break;
            }
            // Either wait is looked at once and dropped.
            assert!(socket.receive().now_or_never().is_none());
            assert!(socket.flush().now_or_never().is_none_or(|flushed| flushed.is_ok()));
            if let Some(message) = server.next().now_or_never() {
                heard.push(message.unwrap().unwrap().into_text().unwrap().as_str().to_owned());
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(heard, texts);
        assert!(socket.flush().now_or_never().unwrap().is_ok());
    }

    #[tokio::test]
    async fn without_encryption_only_the_named_server_is_reached_and_no_error_quotes_the_address() {
        let sockets = WebSockets::to(&"http://127.0.0.1:1".parse().unwrap()).unwrap();
        for url in
            ["ws://127.0.0.1:2/canary", "ws://127.0.0.1:1@canary/", "http://127.0.0.1:1/canary", "canary"]
        {
            let error = sockets.open(url, Duration::from_secs(1)).await.unwrap_err();
            assert_eq!(error.kind(), TransportErrorKind::NotSent, "{url}");
            assert!(!evenkeel_exchange::chain(&error).contains("canary"));
        }
        let refused =
            sockets.open("ws://127.0.0.1:1/?listenKey=canary", Duration::from_secs(1)).await.unwrap_err();
        assert!(!evenkeel_exchange::chain(&refused).contains("canary"), "{refused:?}");
        assert!(!format!("{refused:?}").contains("canary"), "{refused:?}");
    }
}
