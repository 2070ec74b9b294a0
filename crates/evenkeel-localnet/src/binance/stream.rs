//! Streams: the user data of a listen key, and what everybody may hear.

use std::collections::BTreeMap;

use evenkeel_types::Timestamp;
use http::Uri;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::params::Params;
use super::refusals::Refusal;
use super::routes::Ask;
use super::server::Server;
use crate::floor::Watch;
use crate::stream::{Frame, Push, SocketId};

mod events;
mod topics;

use topics::Topic;

type Answer = Result<Value, Refusal>;

/// How long a listen key lives without being kept alive.
const KEY_LIFE: u64 = 3_600_000;
/// How often the venue pings.
const PING_EVERY: u64 = 180_000;

/// The open sockets, and the keys to private ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sockets {
    open: BTreeMap<SocketId, Session>,
    answers: Vec<Push>,
    /// The key of each account that has one, and until when.
    keys: BTreeMap<usize, (String, Timestamp)>,
    /// Keys that were ever handed out.
    handed_out: u64,
}

/// One socket.
#[derive(Debug, Clone)]
struct Session {
    /// Whether events come with the name of their stream around them.
    combined: bool,
    /// Whether that name is the event's own, as on the private host's paths.
    named_by_event: bool,
    /// Which private events; none means all.
    events: Vec<String>,
    private: Vec<Listener>,
    topics: Vec<Topic>,
    pinged: Timestamp,
}

/// Who listens to an account.
#[derive(Debug, Clone)]
struct Listener {
    key: String,
    account: usize,
    watch: Watch,
}

impl Sockets {
    pub(crate) fn close(&mut self, socket: SocketId) {
        self.open.remove(&socket);
    }

    fn is_alive(&self, key: &str, now: Timestamp) -> bool {
        self.keys.values().any(|(known, until)| known == key && *until > now)
    }
}

/// The account's key: the one that there is, or a new one; it lives an hour from now.
pub(crate) fn listen_key(server: &mut Server, ask: &Ask) -> Answer {
    let until = Timestamp(ask.now.0.saturating_add(KEY_LIFE));
    let owner = server.account(ask)?.key.id().to_owned();
    let sockets = &mut server.sockets;
    let alive = sockets.keys.get(&ask.account).filter(|(_, until)| *until > ask.now);
    let key = match alive {
        Some((key, _)) => key.clone(),
        None => {
            sockets.handed_out = sockets.handed_out.saturating_add(1);
            let hash = Sha256::digest(format!("{owner}/{}", sockets.handed_out));
            hash.iter().map(|byte| format!("{byte:02x}")).collect()
        }
    };
    sockets.keys.insert(ask.account, (key.clone(), until));
    Ok(json!({"listenKey": key}))
}

pub(crate) fn keep_listen_key(server: &mut Server, ask: &Ask) -> Answer {
    let alive = server.sockets.keys.get(&ask.account).is_some_and(|(_, until)| *until > ask.now);
    if !alive {
        return Err(Refusal::new(-1125, "This listenKey does not exist."));
    }
    listen_key(server, ask)
}

pub(crate) fn close_listen_key(server: &mut Server, ask: &Ask) -> Answer {
    server.sockets.keys.remove(&ask.account);
    Ok(json!({}))
}

impl Server {
    /// Whether this is a path of streams.
    pub(crate) fn open_socket(&mut self, socket: SocketId, uri: &Uri) -> bool {
        let path = uri.path();
        let host = ["/private", "/public", "/market"].into_iter().find_map(|host| path.strip_prefix(host));
        let rest = host.unwrap_or(path);
        let params = Params::parse(uri.query().unwrap_or_default());
        let (combined, names) = match rest.strip_prefix("/ws") {
            Some(names) if names.is_empty() || names.starts_with('/') => (false, names.to_owned()),
            _ if rest == "/stream" => (true, params.sent("streams").unwrap_or_default().to_owned()),
            _ => return false,
        };
        let list = |text: &str| text.split('/').filter(|n| !n.is_empty()).map(str::to_owned).collect();
        let mut names: Vec<String> = list(&names);
        let key = params.sent("listenKey");
        names.extend(key.map(str::to_owned));
        let session = Session {
            combined,
            named_by_event: key.is_some(),
            events: list(params.sent("events").unwrap_or_default()),
            private: Vec::new(),
            topics: Vec::new(),
            pinged: self.floor.now,
        };
        self.sockets.open.insert(socket, session);
        for name in names {
            self.listen(socket, &name);
        }
        true
    }

    /// Whatever is no name of a stream, or no key, is taken and never heard of again, as at the venue.
    fn listen(&mut self, socket: SocketId, name: &str) {
        let found = self.sockets.keys.iter().find(|(_, (key, until))| key == name && *until > self.floor.now);
        let account = found.map(|(account, _)| *account);
        let watch = account.and_then(|account| {
            let account = self.floor.accounts.get(account)?;
            Some(Watch::new(account, &self.floor.markets))
        });
        let Some(session) = self.sockets.open.get_mut(&socket) else { return };
        match account.zip(watch) {
            Some((account, watch)) if session.private.iter().all(|listener| listener.key != name) => {
                session.private.push(Listener { key: name.to_owned(), account, watch });
            }
            Some(_) => {}
            None if session.topics.iter().all(|topic| topic.name != name) => {
                session.topics.push(Topic::new(name));
            }
            None => {}
        }
    }

    pub(crate) fn heard(&mut self, socket: SocketId, text: &str) {
        let said: Value = serde_json::from_str(text).unwrap_or_default();
        let id = said.get("id").cloned().unwrap_or(Value::Null);
        let params = said.get("params").and_then(Value::as_array).cloned().unwrap_or_default();
        let names: Option<Vec<&str>> = params.iter().map(Value::as_str).collect();
        let reply = match (said.get("method").and_then(Value::as_str), names) {
            (Some("SUBSCRIBE"), Some(names)) => {
                for name in names {
                    self.listen(socket, name);
                }
                json!({"result": null, "id": id})
            }
            (Some("UNSUBSCRIBE"), Some(names)) => {
                if let Some(session) = self.sockets.open.get_mut(&socket) {
                    session.topics.retain(|topic| !names.contains(&topic.name.as_str()));
                    session.private.retain(|listener| !names.contains(&listener.key.as_str()));
                }
                json!({"result": null, "id": id})
            }
            (Some("LIST_SUBSCRIPTIONS"), _) => {
                let session = self.sockets.open.get(&socket);
                let names: Vec<&str> = session
                    .map(|session| session.topics.iter().map(|topic| topic.name.as_str()).collect())
                    .unwrap_or_default();
                json!({"result": names, "id": id})
            }
            _ => {
                json!({"error": {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"}})
            }
        };
        self.sockets.answers.push(Push::reply(socket, reply.to_string()));
    }

    /// What there is to say since the last time.
    pub(crate) fn news(&mut self) -> Vec<Push> {
        let mut pushes = std::mem::take(&mut self.sockets.answers);
        let mut open = std::mem::take(&mut self.sockets.open);
        for (socket, session) in &mut open {
            self.private_news(*socket, session, &mut pushes);
            let combined = session.combined;
            for topic in &mut session.topics {
                let account = None;
                for event in topic.news(self) {
                    let told = if combined { json!({"stream": topic.name, "data": event}) } else { event };
                    let frame = Frame::Text(told.to_string());
                    pushes.push(Push {
                        socket: *socket,
                        frame,
                        topic: Some(topic.name.clone()),
                        account: account.clone(),
                    });
                }
            }
            let now = self.floor.now;
            if now.0.saturating_sub(session.pinged.0) >= PING_EVERY {
                session.pinged = now;
                pushes.push(Push { socket: *socket, frame: Frame::Ping, topic: None, account: None });
            }
        }
        self.sockets.open = open;
        pushes
    }

    fn private_news(&self, socket: SocketId, session: &mut Session, pushes: &mut Vec<Push>) {
        let mut ended = Vec::new();
        for listener in &mut session.private {
            let Some(account) = self.floor.accounts.get(listener.account) else { continue };
            let news = listener.watch.news(account, &self.floor.markets);
            let mut events = if news.is_empty() { Vec::new() } else { self.events(account, &news) };
            if !session.events.is_empty() {
                events.retain(|event| {
                    session.events.iter().any(|wanted| event.get("e") == Some(&json!(wanted)))
                });
            }
            let now = self.floor.now;
            if !self.sockets.is_alive(&listener.key, now) {
                // It stays open, and nothing more comes.
                events.push(json!({"e": "listenKeyExpired", "E": now.0, "listenKey": listener.key}));
                ended.push(listener.key.clone());
            }
            for event in events {
                let topic = event.get("e").and_then(Value::as_str).unwrap_or_default().to_owned();
                let told = match (session.combined, session.named_by_event) {
                    (false, _) => event,
                    (true, true) => json!({"stream": topic, "data": event}),
                    (true, false) => json!({"stream": listener.key, "data": event}),
                };
                let frame = Frame::Text(told.to_string());
                pushes.push(Push { socket, frame, topic: Some(topic), account: Some(account.name.clone()) });
            }
        }
        session.private.retain(|listener| !ended.contains(&listener.key));
    }
}
