//! A client that listens.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::support::{Bot, START, sign};
use crate::bybit::{AccountSpec, ApiKey, Server};
use crate::{Frame, SocketId, Venue as _};

pub(super) const PRIVATE: SocketId = SocketId(1);
pub(super) const OTHER: SocketId = SocketId(2);
pub(super) const PUBLIC: SocketId = SocketId(3);

/// A client with a socket.
pub(super) struct Ear {
    pub(super) bot: Bot,
}

impl Ear {
    pub(super) fn new() -> Self {
        let account = |name| AccountSpec::named(name).cash("10000");
        Self { bot: Bot::new(Server::builder().account(account("main")).account(account("other"))) }
    }

    /// Logged in, and listening to these topics.
    pub(super) fn to(topics: &[&str]) -> Self {
        let mut ear = Self::new();
        ear.open(PRIVATE, "/v5/private");
        assert_eq!(ear.login(PRIVATE, "main")["success"], true);
        assert_eq!(ear.say(PRIVATE, json!({"op": "subscribe", "args": topics}))["success"], true);
        ear
    }

    /// To topics of everybody.
    pub(super) fn to_all(topics: &[&str]) -> Self {
        let mut ear = Self::new();
        ear.open(PUBLIC, "/v5/public/linear");
        ear.tell(PUBLIC, json!({"op": "subscribe", "args": topics}));
        ear
    }

    pub(super) fn open(&mut self, socket: SocketId, path: &str) {
        assert!(try_open(&mut self.bot.server, socket, path).is_none());
    }

    pub(super) fn tell(&mut self, socket: SocketId, said: Value) {
        self.bot.server.hear(self.bot.now, socket, &said.to_string());
    }

    /// Everything that is told, and to whom.
    pub(super) fn heard_by(&mut self) -> Vec<(SocketId, Value)> {
        let text = |frame| match frame {
            Frame::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        };
        self.bot.server.pushes().into_iter().map(|push| (push.socket, text(push.frame))).collect()
    }

    pub(super) fn heard(&mut self) -> Vec<Value> {
        self.heard_by().into_iter().map(|(_, told)| told).collect()
    }

    /// The answer to what is said, without the name of the connection.
    pub(super) fn say(&mut self, socket: SocketId, said: Value) -> Value {
        self.tell(socket, said);
        let mut heard = self.heard();
        let mut answer = heard.remove(0);
        assert_eq!(heard, [] as [Value; 0]);
        let connection = answer.as_object_mut().unwrap().remove("conn_id").unwrap();
        assert!(!connection.as_str().unwrap().is_empty());
        answer
    }

    pub(super) fn login(&mut self, socket: SocketId, account: &str) -> Value {
        let key = self.bot.server.key(account).unwrap().clone();
        let expires = self.bot.now.0 + 1000;
        self.say(socket, auth(&key, json!(expires)))
    }

    /// What is told on each topic, in order.
    pub(super) fn topics(&mut self) -> Vec<String> {
        self.heard().iter().map(|told| told["topic"].as_str().unwrap().to_owned()).collect()
    }

    /// The rows of the one message of a topic that is told; others are passed over.
    pub(super) fn rows(&mut self, topic: &str) -> Vec<Value> {
        let mut told = self.heard();
        told.retain(|told| told["topic"] == topic);
        assert_eq!(told.len(), 1, "{told:?}");
        told[0]["data"].as_array().unwrap().clone()
    }

    pub(super) fn row(&mut self, topic: &str) -> Value {
        let mut rows = self.rows(topic);
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }
}

pub(super) fn try_open(server: &mut Server, socket: SocketId, path: &str) -> Option<u16> {
    let request = Request::get(path).body(Bytes::new()).unwrap();
    server.open(START, socket, request).map(|answer| answer.status().as_u16())
}

pub(super) fn auth(key: &ApiKey, expires: Value) -> Value {
    let text = expires.as_str().map_or_else(|| expires.to_string(), str::to_owned);
    json!({"op": "auth", "args": [key.id(), expires, sign(key.secret(), &format!("GET/realtime{text}"))]})
}

pub(super) fn refused(op: &str, words: &str) -> Value {
    json!({"success": false, "ret_msg": words, "op": op})
}

pub(super) fn done(op: &str) -> Value {
    json!({"success": true, "ret_msg": "", "op": op})
}

pub(super) fn shows(row: &Value, wanted: Value) {
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&row[name], value, "{name}: {row}");
    }
}

pub(super) fn names(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
