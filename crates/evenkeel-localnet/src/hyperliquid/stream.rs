//! `/ws`: subscriptions, and calls through the socket.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::server::Server;
use crate::stream::{Frame, Push, SocketId};

mod feed;
mod logs;

use feed::Feed;

/// What comes first on every connection.
const GREETING: &str = "Websocket connection established.";
/// Subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// The open sockets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sockets {
    open: BTreeMap<SocketId, Vec<Subscription>>,
    /// Answers that were not sent yet.
    answers: Vec<Push>,
}

/// What somebody listens to.
#[derive(Debug, Clone)]
struct Subscription {
    /// As it was asked for, with the user in lower case.
    asked: Value,
    feed: Feed,
}

impl Sockets {
    pub(crate) fn close(&mut self, socket: SocketId) {
        self.open.remove(&socket);
    }

    fn say(&mut self, socket: SocketId, channel: &str, data: &Value) {
        let text = json!({"channel": channel, "data": data}).to_string();
        self.answers.push(Push::reply(socket, text));
    }
}

impl Server {
    pub(crate) fn open_socket(&mut self, socket: SocketId) {
        self.sockets.open.insert(socket, Vec::new());
        self.sockets.answers.push(Push::reply(socket, GREETING.to_owned()));
    }

    pub(crate) fn heard(&mut self, socket: SocketId, text: &str) {
        let request: Value = serde_json::from_str(text).unwrap_or_default();
        let subscription = request.get("subscription").filter(|subscription| subscription.is_object());
        match (request.get("method").and_then(Value::as_str), subscription) {
            (Some("ping"), _) => {
                self.sockets.answers.push(Push::reply(socket, json!({"channel": "pong"}).to_string()));
            }
            (Some("subscribe"), Some(asked)) => self.subscribe(socket, asked),
            (Some("unsubscribe"), Some(asked)) => self.unsubscribe(socket, asked),
            (Some("post"), _) if request.get("id").is_some_and(Value::is_u64) => self.post(socket, &request),
            _ => {
                let why = format!("Error parsing JSON into valid websocket request: {text}");
                self.sockets.say(socket, "error", &json!(why));
            }
        }
    }

    fn subscribe(&mut self, socket: SocketId, asked: &Value) {
        let normal = lower(asked);
        let standing = self.sockets.open.get(&socket).map_or(&[][..], Vec::as_slice);
        if standing.iter().any(|standing| standing.asked == normal) {
            return self.sockets.say(socket, "error", &json!(format!("Already subscribed: {asked}")));
        }
        let feed = if standing.len() < MAX_SUBSCRIPTIONS { Feed::of(&normal, self) } else { None };
        let Some(feed) = feed else {
            return self.sockets.say(socket, "error", &json!(format!("Invalid subscription {asked}")));
        };
        let confirmed = json!({"method": "subscribe", "subscription": asked});
        self.sockets.say(socket, "subscriptionResponse", &confirmed);
        if let Some(standing) = self.sockets.open.get_mut(&socket) {
            standing.push(Subscription { asked: normal, feed });
        }
    }

    fn unsubscribe(&mut self, socket: SocketId, asked: &Value) {
        let normal = lower(asked);
        let standing = self.sockets.open.get_mut(&socket);
        let found = standing.and_then(|standing| {
            let at = standing.iter().position(|standing| standing.asked == normal)?;
            Some(standing.remove(at))
        });
        if found.is_none() {
            return self.sockets.say(socket, "error", &json!(format!("Already unsubscribed: {asked}")));
        }
        let confirmed = json!({"method": "unsubscribe", "subscription": asked});
        self.sockets.say(socket, "subscriptionResponse", &confirmed);
    }

    /// A call of one of the two doors.
    fn post(&mut self, socket: SocketId, request: &Value) {
        let part = |name: &str| request.get("request").and_then(|request| request.get(name));
        let (kind, payload) = (part("type").and_then(Value::as_str), part("payload").unwrap_or(&Value::Null));
        let body = payload.to_string();
        let answer = match kind {
            Some("info") => self.info(body.as_bytes()),
            Some("action") => self.exchange(body.as_bytes()),
            _ => {
                let why = format!("Error parsing JSON into valid websocket request: {request}");
                return self.sockets.say(socket, "error", &json!(why));
            }
        };
        let response = if answer.status().is_success() {
            let value: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            let payload = match kind {
                Some("info") => json!({"type": payload.get("type"), "data": value}),
                _ => value,
            };
            json!({"type": kind, "payload": payload})
        } else {
            let why = format!("{}: {}", answer.status().as_u16(), String::from_utf8_lossy(answer.body()));
            json!({"type": "error", "payload": why})
        };
        self.sockets.say(socket, "post", &json!({"id": request.get("id"), "response": response}));
    }

    /// What there is to say since the last time.
    pub(crate) fn news(&mut self) -> Vec<Push> {
        let mut pushes = std::mem::take(&mut self.sockets.answers);
        let mut open = std::mem::take(&mut self.sockets.open);
        for (socket, subscriptions) in &mut open {
            for subscription in subscriptions {
                let account = subscription.feed.user().and_then(|user| self.find(user));
                let account = account.map(|account| account.name.clone());
                let channel = subscription.feed.channel();
                for data in subscription.feed.news(self) {
                    let text = json!({"channel": channel, "data": data}).to_string();
                    pushes.push(Push {
                        socket: *socket,
                        frame: Frame::Text(text),
                        topic: Some(channel.to_owned()),
                        account: account.clone(),
                    });
                }
            }
        }
        self.sockets.open = open;
        pushes
    }
}

/// Addresses are the same in any case.
fn lower(asked: &Value) -> Value {
    let mut asked = asked.clone();
    if let Some(Value::String(user)) = asked.get_mut("user") {
        *user = user.to_lowercase();
    }
    asked
}
