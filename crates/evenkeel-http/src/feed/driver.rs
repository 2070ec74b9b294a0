//! What keeps a subscription alive.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evenkeel_exchange::{Clock, Error, ErrorKind, Hint, Operation, Result, Subscription};
use evenkeel_types::{Timestamp, VenueId};
use futures_util::future::{Either, select};

use super::{Heard, Message, Protocol, Socket, Sockets};
use crate::transport::TransportError;

/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long it may take from the connection until the subscription stands: a login and a confirmation, far below a second
/// each.
const BEGIN_WITHIN: Duration = Duration::from_secs(10);
/// Attempts of one call. With the waits between them about eight seconds: then the caller learns of it.
const MAX_ATTEMPTS: u32 = 5;
/// The wait after the first failure; doubled with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait. Below the thirty new connections a minute that the strictest venue allows an address by far.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Hints that one message may bring. Of more the caller reads everything anyway.
const MAX_HINTS: usize = 256;

/// A subscription over any [`Protocol`].
#[derive(Debug)]
pub struct Feed<P> {
    protocol: P,
    sockets: Arc<dyn Sockets>,
    clock: Arc<dyn Clock>,
    venue: VenueId,
    line: Option<Line>,
    /// Failures in a row since a subscription stood.
    failures: u32,
    hints: VecDeque<Hint>,
}

/// An open connection.
#[derive(Debug)]
struct Line {
    socket: Box<dyn Socket>,
    opened: Timestamp,
    heard: Timestamp,
    pinged: Timestamp,
    renewed: Timestamp,
    begun: bool,
}

/// What is due next on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Dead,
    Ping,
    Renew,
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
        Self { protocol, sockets, clock, venue, line: None, failures: 0, hints: VecDeque::new() }
    }

    /// Connects, says what is to be said first.
    async fn connect(&mut self) -> std::result::Result<(), End> {
        // What was said before the interruption is covered by the reading that follows it.
        self.hints.clear();
        let dial = self.protocol.dial().await.map_err(End::Refused)?;
        let mut socket = self.sockets.open(&dial.url, CONNECT_WITHIN).await.map_err(End::Broken)?;
        for text in &dial.say {
            socket.send(text).await.map_err(End::Broken)?;
        }
        let now = self.clock.now();
        self.line = Some(Line { socket, opened: now, heard: now, pinged: now, renewed: now, begun: false });
        if dial.at_once {
            self.begin();
        }
        Ok(())
    }

    fn begin(&mut self) {
        if let Some(line) = &mut self.line
            && !line.begun
        {
            line.begun = true;
            self.failures = 0;
            self.hints.push_back(Hint::Resumed);
        }
    }

    /// Waits for one message, or for what is due.
    async fn turn(&mut self) -> std::result::Result<(), End> {
        let rhythm = self.protocol.rhythm();
        let Some(line) = &mut self.line else { return Ok(()) };
        let dead =
            if line.begun { line.heard.after(rhythm.silence) } else { line.opened.after(BEGIN_WITHIN) };
        let ping = rhythm.ping.as_ref().map(|(every, _)| (line.pinged.after(*every), Due::Ping));
        let renew = rhythm.renew.map(|every| (line.renewed.after(every), Due::Renew));
        let next = [Some((dead, Due::Dead)), ping, renew].into_iter().flatten().min();
        let (at, due) = next.unwrap_or((dead, Due::Dead));
        let now = self.clock.now();
        let message = if at > now {
            let sleep = self.clock.sleep(at.since(now));
            match select(line.socket.receive(), sleep).await {
                Either::Left((message, _)) => Some(message.map_err(End::Broken)?),
                // Whatever is due is looked at again: a wait may end early.
                Either::Right(_) => return Ok(()),
            }
        } else {
            None
        };
        match (message, due) {
            (Some(message), _) => self.hear(&message).await,
            (None, Due::Dead) => Err(End::Over("it fell silent")),
            (None, Due::Ping) => {
                line.pinged = now;
                let text = rhythm.ping.map(|(_, text)| text).unwrap_or_default();
                line.socket.send(&text).await.map_err(End::Broken)
            }
            (None, Due::Renew) => {
                line.renewed = now;
                self.protocol.renew().await.map_err(End::Refused)
            }
        }
    }

    async fn hear(&mut self, message: &Message) -> std::result::Result<(), End> {
        if let Some(line) = &mut self.line {
            line.heard = self.clock.now();
        }
        if *message == Message::Alive {
            return Ok(());
        }
        match self.protocol.hear(message) {
            Heard::Nothing => {}
            Heard::Begun => self.begin(),
            Heard::Hints(hints) if hints.len() > MAX_HINTS => self.hints.push_back(Hint::Resumed),
            Heard::Hints(hints) => self.hints.extend(hints),
            Heard::Reply(text) => self.say(&[text]).await?,
            Heard::Say(texts) => self.say(&texts).await?,
            Heard::Over(why) => return Err(End::Over(why)),
            Heard::Refused(error) => return Err(End::Refused(error)),
        }
        Ok(())
    }

    async fn say(&mut self, texts: &[String]) -> std::result::Result<(), End> {
        for text in texts {
            if let Some(line) = &mut self.line {
                line.socket.send(text).await.map_err(End::Broken)?;
            }
        }
        Ok(())
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
}

#[async_trait]
impl<P: Protocol> Subscription for Feed<P> {
    async fn next(&mut self) -> Result<Hint> {
        let mut attempts = 0_u32;
        loop {
            if let Some(hint) = self.hints.pop_front() {
                return Ok(hint);
            }
            let turned = if self.line.is_some() {
                self.turn().await
            } else if attempts >= MAX_ATTEMPTS {
                return Err(self.error(End::Over("several attempts in a row failed")));
            } else {
                attempts = attempts.saturating_add(1);
                if self.failures > 0 {
                    self.clock.sleep(pause(self.failures)).await;
                }
                self.connect().await
            };
            if let Err(end) = turned {
                self.line = None;
                self.failures = self.failures.saturating_add(1);
                // A venue that will not have us is told at once, a broken line when it stays broken.
                let last = attempts >= MAX_ATTEMPTS;
                if matches!(end, End::Refused(_)) || last {
                    return Err(self.error(end));
                }
            }
        }
    }
}

/// How long to wait before the next attempt.
fn pause(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT)
}
