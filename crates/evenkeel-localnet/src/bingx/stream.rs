//! Streams: what happens to the account of a listen key, and what everybody may hear. One path for both.

use std::collections::BTreeMap;
use std::io::Write as _;

use bytes::Bytes;
use evenkeel_types::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;
use serde_json::Value;

use super::json::{Json, object};
use super::params::{Params, shown};
use super::refusals::Refusal;
use super::server::Server;
use crate::floor::Watch;
use crate::stream::{Frame, Push, SocketId};

mod events;
mod topics;

use topics::Topic;

/// Where sockets are.
pub(crate) const PATH: &str = "/swap-market";

/// How often the venue says `Ping`.
const PING_EVERY: u64 = 5000;
/// Who answers so many in a row with nothing is cut off, this much after the last one: seen in 2026-09.
const MAX_UNANSWERED: u32 = 6;
const CUT_AFTER: u64 = 500;
/// How often all settings are told again.
const SETTINGS_EVERY: u64 = 5000;
/// Topics of one socket.
const MAX_TOPICS: usize = 200;

/// The open sockets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sockets {
    open: BTreeMap<SocketId, Session>,
    answers: Vec<Push>,
}

/// One socket.
#[derive(Debug, Clone)]
struct Session {
    listener: Option<Listener>,
    topics: Vec<Topic>,
    pinged: Timestamp,
    unanswered: u32,
}

/// Who listens to an account.
#[derive(Debug, Clone)]
struct Listener {
    key: String,
    account: usize,
    watch: Watch,
    /// When all settings were told last.
    settings: Option<Timestamp>,
}

impl Sockets {
    pub(crate) fn close(&mut self, socket: SocketId) {
        self.open.remove(&socket);
    }
}

impl Session {
    /// Says `Ping` where it is time to, once however long ago the last one was; the end of a socket that never answers. Who
    /// moves time on leaves no client the time to answer: such a step counts as the first ping.
    fn beat(&mut self, now: Timestamp) -> Option<Frame> {
        let since = now.0.saturating_sub(self.pinged.0);
        if self.unanswered >= MAX_UNANSWERED {
            return (since >= CUT_AFTER).then_some(Frame::Close);
        }
        if since < PING_EVERY {
            return None;
        }
        let before = if since < PING_EVERY.saturating_mul(2) { self.unanswered } else { 0 };
        (self.pinged, self.unanswered) = (now, before.saturating_add(1));
        Some(packed("Ping"))
    }

    /// The code and the words of the answer.
    fn subscribe(&mut self, server: &Server, name: &str) -> (u32, &'static str) {
        if self.topics.iter().any(|topic| topic.name == name) {
            return (0, "");
        }
        match Topic::new(name, &server.floor) {
            None => (80_015, "dataType not support"),
            Some(_) if self.topics.len() >= MAX_TOPICS => (80_403, "your topic num over max 200"),
            Some(topic) => {
                self.topics.push(topic);
                (0, "")
            }
        }
    }
}

/// Everything is compressed, and sent as bytes.
fn packed(text: &str) -> Frame {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // What writes into memory does not fail.
    let _written = encoder.write_all(text.as_bytes());
    Frame::Binary(encoder.finish().unwrap_or_default().into())
}

impl Server {
    pub(crate) fn open_socket(&mut self, socket: SocketId, request: &Request<Bytes>) -> Result<(), Refusal> {
        let now = self.floor.now;
        let listener = match Params::of(request)?.text("listenKey") {
            None => None,
            Some(key) => {
                let place = self.keys.owner(key, now).ok_or_else(Refusal::listen_key)?;
                let account = self.floor.accounts.get(place).ok_or_else(Refusal::listen_key)?;
                let watch = Watch::new(account, &self.floor.markets);
                Some(Listener { key: key.to_owned(), account: place, watch, settings: None })
            }
        };
        let session = Session { listener, topics: Vec::new(), pinged: now, unanswered: 0 };
        self.sockets.open.insert(socket, session);
        Ok(())
    }

    /// What is neither the answer to a ping nor a subscription is passed over.
    pub(crate) fn heard(&mut self, socket: SocketId, text: &str) {
        let Some(mut session) = self.sockets.open.remove(&socket) else { return };
        if text == "Pong" {
            session.unanswered = 0;
        } else if let Ok(Value::Object(said)) = serde_json::from_str(text)
            && said.get("dataType").is_none_or(Value::is_string)
        {
            let of = |name: &str| said.get(name).map(shown).unwrap_or_default();
            let name = of("dataType");
            let (code, words) = match (of("reqType").as_str(), name.is_empty()) {
                ("sub" | "", false) => session.subscribe(self, &name),
                ("unsub", false) => {
                    session.topics.retain(|topic| topic.name != name);
                    (0, "")
                }
                _ => (80_014, "invalid parameters"),
            };
            let answer =
                object! {"id": of("id"), "code": code, "msg": words, "dataType": "", "data": Json::Null};
            let frame = packed(&answer.to_string());
            self.sockets.answers.push(Push { socket, frame, topic: None, account: None });
        }
        self.sockets.open.insert(socket, session);
    }

    /// What there is to say since the last time.
    pub(crate) fn news(&mut self) -> Vec<Push> {
        let mut pushes = std::mem::take(&mut self.sockets.answers);
        let mut open = std::mem::take(&mut self.sockets.open);
        let now = self.floor.now;
        for (socket, session) in &mut open {
            let socket = *socket;
            let over = session.listener.as_mut().is_some_and(|one| self.tell(socket, one, &mut pushes));
            if over {
                session.listener = None;
            }
            for topic in &mut session.topics {
                if let Some(told) = topic.news(self) {
                    let (frame, topic) = (packed(&told.to_string()), Some(topic.name.clone()));
                    pushes.push(Push { socket, frame, topic, account: None });
                }
            }
            if let Some(frame) = session.beat(now) {
                pushes.push(Push { socket, frame, topic: None, account: None });
            }
        }
        self.sockets.open = open;
        pushes
    }

    /// Tells of an account; whether it was the last word, for its key expired or was closed. The socket stays open.
    fn tell(&self, socket: SocketId, listener: &mut Listener, pushes: &mut Vec<Push>) -> bool {
        let Some(account) = self.floor.accounts.get(listener.account) else { return true };
        let now = self.floor.now;
        let over = self.keys.owner(&listener.key, now) != Some(listener.account);
        let events = if over {
            let name = "listenKeyExpired";
            vec![(name, object! {"e": name, "E": now.0, "listenKey": listener.key.as_str()})]
        } else {
            let news = listener.watch.news(account, &self.floor.markets);
            let mut events = if news.is_empty() { Vec::new() } else { self.events(listener.account, &news) };
            let due = |last: Timestamp| now.0.saturating_sub(last.0) >= SETTINGS_EVERY;
            if listener.settings.is_none_or(due) {
                listener.settings = Some(now);
                events.extend(self.all_settings(account));
            }
            events
        };
        for (name, event) in events {
            let frame = packed(&event.to_string());
            let account = Some(account.name.clone());
            pushes.push(Push { socket, frame, topic: Some(name.to_owned()), account });
        }
        over
    }
}
