//! What keeps a subscription alive.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_exchange::{Clock, Error, ErrorKind, Hint, Operation, Result, Subscription};
use evenkeel_types::{Timestamp, VenueId};
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};

use super::{Dial, Heard, Job, Message, Protocol, Socket, Sockets};
use crate::secret::Secret;
use crate::transport::TransportError;

/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take from the connection until the subscription stands: a login and a confirmation, far below a second
/// each.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection that seems dead is listened to before it counts as dead: its caller may have been busy with
/// something else, and what was said meanwhile needs a moment to come up.
const DOUBT: Duration = Duration::from_secs(2);
/// Attempts in a row before the caller learns of it. With the waits between them about eight seconds.
const MAX_ATTEMPTS: u32 = 5;
/// From one attempt to the next at least: thirty a minute, which is what the strictest venue allows an address.
const APART: Duration = Duration::from_secs(2);
/// The wait after the first failure; doubled with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait. A connection that stood for as long is no failure of the attempt that made it.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The wait after a renewal that failed. Keys live for many times as long.
const RENEW_AGAIN: Duration = Duration::from_secs(60);
/// Hints that one message may bring. Of more the caller reads everything anyway.
const MAX_HINTS: usize = 256;

/// A subscription over any [`Protocol`]. Whatever is under way is kept in here, not in the future of `next`: a caller may
/// drop that one as often as it likes.
pub struct Feed<P> {
    protocol: P,
    sockets: Arc<dyn Sockets>,
    clock: Arc<dyn Clock>,
    venue: VenueId,
    line: Option<Line>,
    opening: Option<Opening>,
    /// Not to be connected before.
    retry_at: Timestamp,
    /// Attempts that the caller has not been told of, since a subscription last stood.
    attempts: u32,
    /// Failures in a row since a connection stood for a while.
    failures: u32,
    hints: VecDeque<Hint>,
}

impl<P: fmt::Debug> fmt::Debug for Feed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("protocol", &self.protocol)
            .field("venue", &self.venue)
            .field("line", &self.line)
            .field("retry_at", &self.retry_at)
            .field("attempts", &self.attempts)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

/// A connection on its way.
type Opening = Job<std::result::Result<(Dial, Box<dyn Socket>), End>>;

/// An open connection.
struct Line {
    socket: Box<dyn Socket>,
    key: Option<Secret>,
    opened: Timestamp,
    heard: Timestamp,
    pinged: Timestamp,
    /// Since when it seems dead.
    doubted: Option<Timestamp>,
    renewed: Timestamp,
    renew_at: Timestamp,
    renewing: Option<Job<Result<()>>>,
    begun: bool,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("socket", &self.socket)
            .field("opened", &self.opened)
            .field("heard", &self.heard)
            .field("begun", &self.begun)
            .finish_non_exhaustive()
    }
}

impl Line {
    /// A clock that was set back must not make anything late: nothing happened after now.
    fn not_after(&mut self, now: Timestamp, renew_every: Option<Duration>) {
        let Self { opened, heard, pinged, doubted, renewed, renew_at, .. } = self;
        for mark in [opened, heard, pinged, renewed].into_iter().chain(doubted) {
            *mark = now.min(*mark);
        }
        if let Some(every) = renew_every {
            *renew_at = now.after(every).min(*renew_at);
        }
    }

    /// Waits for a message, the renewal that is under way, or this long.
    async fn event(&mut self, clock: &dyn Clock, wait: Duration) -> Event {
        let renewing = match &mut self.renewing {
            Some(renewing) => Either::Left(renewing),
            None => Either::Right(pending()),
        };
        match select(self.socket.receive(), select(renewing, clock.sleep(wait))).await {
            Either::Left((message, _)) => Event::Message(message),
            Either::Right((Either::Left((renewed, _)), _)) => Event::Renewed(renewed),
            Either::Right((Either::Right(_), _)) => Event::Awake,
        }
    }
}

/// What ended a wait.
enum Event {
    Message(std::result::Result<Message, TransportError>),
    Renewed(Result<()>),
    /// Whatever is due is looked at again: a wait may end early.
    Awake,
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    Broken(TransportError),
    Over(&'static str),
    Refused(Error),
}

impl<P: Protocol> Feed<P> {
    /// A subscription that connects when it is first asked.
    #[must_use]
    pub fn new(protocol: P, sockets: Arc<dyn Sockets>, clock: Arc<dyn Clock>, venue: VenueId) -> Self {
        Self {
            protocol,
            sockets,
            clock,
            venue,
            line: None,
            opening: None,
            retry_at: Timestamp(0),
            attempts: 0,
            failures: 0,
            hints: VecDeque::new(),
        }
    }

    /// Goes on with the connection that is on its way, or waits until one may be made and begins it.
    async fn connect(&mut self) -> std::result::Result<(), End> {
        if self.opening.is_none() {
            self.wait().await;
            self.attempts = self.attempts.saturating_add(1);
            self.retry_at = self.clock.now().after(APART);
            self.opening = Some(self.open());
        }
        let Some(opening) = &mut self.opening else { return Ok(()) };
        let opened = opening.await;
        self.opening = None;
        let (dial, socket) = opened?;
        let now = self.clock.now();
        self.line = Some(Line {
            socket,
            key: dial.key,
            opened: now,
            heard: now,
            pinged: now,
            doubted: None,
            renewed: now,
            renew_at: now.after(self.protocol.rhythm().renew.unwrap_or_default()),
            renewing: None,
            begun: false,
        });
        if dial.at_once {
            self.begin();
        }
        Ok(())
    }

    /// Waits until the next attempt may be made.
    async fn wait(&mut self) {
        loop {
            let now = self.clock.now();
            // No longer than that also where our clock was set back.
            self.retry_at = now.after(LONGEST_WAIT).min(self.retry_at);
            if self.retry_at <= now {
                return;
            }
            self.clock.sleep(self.retry_at.since(now)).await;
        }
    }

    /// Connects, says what is to be said first.
    fn open(&mut self) -> Opening {
        let dialling = self.protocol.dial();
        let (sockets, clock) = (Arc::clone(&self.sockets), Arc::clone(&self.clock));
        Box::pin(async move {
            let dial = dialling.await.map_err(End::Refused)?;
            let dialled = clock.now();
            let mut socket = sockets.open(&dial.url, CONNECT_WITHIN).await.map_err(End::Broken)?;
            // Only where nobody waited for it meanwhile. What was signed for the login may have expired.
            if clock.now().since(dialled) > CONNECT_WITHIN {
                return Err(End::Over("nobody waited for the connection"));
            }
            for text in &dial.say {
                socket.send(text.clone());
            }
            socket.flush().await.map_err(End::Broken)?;
            Ok((dial, socket))
        })
    }

    fn begin(&mut self) {
        if let Some(line) = &mut self.line
            && !line.begun
        {
            line.begun = true;
            line.doubted = None;
            self.attempts = 0;
            self.hints.push_back(Hint::Resumed);
        }
    }

    /// Does one thing that is due, or waits for a message or for the next such thing.
    async fn turn(&mut self) -> std::result::Result<(), End> {
        let rhythm = self.protocol.rhythm();
        let now = self.clock.now();
        let Some(line) = &mut self.line else { return Ok(()) };
        line.not_after(now, rhythm.renew);

        let mut look =
            if line.begun { line.heard.after(rhythm.silence) } else { line.opened.after(BEGIN_WITHIN) };
        if look <= now {
            look = line.doubted.get_or_insert(now).after(DOUBT);
            let over = look <= now;
            // What lies in the socket was said in time. Before the subscription stands, it has to stand in time.
            if (line.begun || !over)
                && let Some(message) = line.socket.receive().now_or_never()
            {
                return self.hear(&message.map_err(End::Broken)?);
            }
            if over {
                return Err(End::Over("it fell silent"));
            }
        }
        if let Some((every, text)) = &rhythm.ping {
            if line.pinged.after(*every) <= now {
                line.pinged = now;
                line.socket.send(text.clone());
            }
            look = look.min(line.pinged.after(*every));
        }
        if let (Some(_), Some(key), None) = (rhythm.renew, &line.key, &line.renewing) {
            if line.renew_at <= now {
                line.renewing = Some(self.protocol.renew(key));
            } else {
                look = look.min(line.renew_at);
            }
        }

        match line.event(&*self.clock, look.since(now)).await {
            Event::Message(message) => self.hear(&message.map_err(End::Broken)?),
            Event::Renewed(renewed) => self.renewed(renewed),
            Event::Awake => Ok(()),
        }
    }

    /// A renewal that failed is tried again while the key lives; the connection is as good as it was.
    fn renewed(&mut self, renewed: Result<()>) -> std::result::Result<(), End> {
        let (now, every) = (self.clock.now(), self.protocol.rhythm().renew.unwrap_or_default());
        let Some(line) = &mut self.line else { return Ok(()) };
        line.renewing = None;
        match renewed {
            Ok(()) => {
                line.renewed = now;
                line.renew_at = now.after(every);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Err(End::Over("its key is gone")),
            // Renewals are due after half the life of a key.
            Err(error) if now.since(line.renewed) >= every.saturating_mul(2) => Err(End::Refused(error)),
            Err(_) => {
                line.renew_at = now.after(RENEW_AGAIN.min(every));
                Ok(())
            }
        }
    }

    fn hear(&mut self, message: &Message) -> std::result::Result<(), End> {
        if let Some(line) = &mut self.line {
            line.heard = self.clock.now();
            if line.begun {
                line.doubted = None;
            }
        }
        if *message == Message::Alive {
            return Ok(());
        }
        match self.protocol.hear(message) {
            Heard::Nothing => {}
            Heard::Begun => self.begin(),
            Heard::Hints(hints) if hints.len() > MAX_HINTS => self.hints.push_back(Hint::Resumed),
            Heard::Hints(hints) => self.hints.extend(hints),
            Heard::Reply(text) => self.say([text]),
            Heard::Say(texts) => self.say(texts),
            Heard::Over(why) => return Err(End::Over(why)),
            Heard::Refused(error) => return Err(End::Refused(error)),
        }
        Ok(())
    }

    /// Goes out with the next wait for a message.
    fn say(&mut self, texts: impl IntoIterator<Item = String>) {
        if let Some(line) = &mut self.line {
            texts.into_iter().for_each(|text| line.socket.send(text));
        }
    }

    fn error(&self, end: End) -> Error {
        let error = |message: &str| {
            Error::not_applied(ErrorKind::Transport, self.venue.clone(), Operation::Stream, message)
        };
        match end {
            End::Broken(cause) => error("the stream cannot be had").with_source(cause),
            End::Over(why) => error(&format!("the stream ended: {why}")),
            End::Refused(error) => error,
        }
    }

    /// Lays the connection down. What ended it is told where the venue will not have us, and when it goes on failing.
    fn end(&mut self, end: End) -> Result<()> {
        let now = self.clock.now();
        if self.line.take().is_some_and(|line| line.begun && now.since(line.opened) >= LONGEST_WAIT) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        // The attempt kept its distance from its beginning on; no more of it is left where our clock was set back.
        let apart = now.after(APART).min(self.retry_at);
        self.retry_at = now.after(pause(self.failures)).max(apart);
        if matches!(end, End::Refused(_)) || self.attempts >= MAX_ATTEMPTS {
            self.attempts = 0;
            return Err(self.error(end));
        }
        Ok(())
    }
}

#[async_trait]
impl<P: Protocol> Subscription for Feed<P> {
    async fn next(&mut self) -> Result<Hint> {
        loop {
            if let Some(hint) = self.hints.pop_front() {
                return Ok(hint);
            }
            let turned = if self.line.is_some() { self.turn().await } else { self.connect().await };
            if let Err(end) = turned {
                self.end(end)?;
            }
        }
    }
}

/// How long to wait before the next attempt.
fn pause(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}
