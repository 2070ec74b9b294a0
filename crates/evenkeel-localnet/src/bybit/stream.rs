//! Sockets: `/v5/private` after a login, and `/v5/public/linear` for everybody.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::ids::{Of, uuid};
use super::order_rows::is_visible;
use super::server::Server;
use crate::floor::{Account, News, Watch};
use crate::stream::{Frame, Push, SocketId};

mod account;
mod market;

use market::Topic;

const PRIVATE: &str = "/v5/private";
const PUBLIC: &str = "/v5/public/linear";
/// What the venue says of a login that it does not believe, whatever is wrong with it: an end that is over, an unknown key,
/// another signature.
const PARAMS: &str = "Params Error";
const UNAUTHORIZED: &str = "Request not authorized";
const INVALID_OP: &str = "error:invalid op";
/// What there is to hear of an account, and of which products. Of other products than ours nothing is ever heard.
const TOPICS: [(&str, &[&str]); 6] = [
    ("order", &["spot", "linear", "inverse", "option"]),
    ("execution", &["spot", "linear", "inverse", "option"]),
    ("execution.fast", &["spot", "linear", "inverse"]),
    ("position", &["linear", "inverse", "option"]),
    ("wallet", &[]),
    ("greeks", &[]),
];

/// The open sockets.
#[derive(Debug, Clone, Default)]
pub(super) struct Sockets {
    open: BTreeMap<SocketId, Session>,
    answers: Vec<Push>,
    /// Messages that were pushed, for what is numbered in them.
    pushed: u64,
}

#[derive(Debug, Clone)]
enum Session {
    Private { listener: Option<Listener>, topics: BTreeSet<String> },
    Public(Vec<Topic>),
}

/// Who logged in.
#[derive(Debug, Clone)]
struct Listener {
    account: usize,
    watch: Watch,
    /// Orders that were acknowledged, and that nobody can see yet.
    unseen: BTreeSet<u64>,
}

/// What a client says.
struct Said {
    op: String,
    /// The client's own name for it.
    id: Option<String>,
    args: Vec<Value>,
}

/// Done, or why not, in the venue's words.
type Done = Result<(), String>;

impl Sockets {
    pub(super) fn close(&mut self, socket: SocketId) {
        self.open.remove(&socket);
    }
}

impl Listener {
    fn new(server: &Server, account: usize) -> Option<Self> {
        let holder = server.floor.accounts.get(account)?;
        let watch = Watch::new(holder, &server.floor.markets);
        let unseen = holder.open().filter(|ticket| !is_visible(holder, ticket)).map(|ticket| ticket.id);
        Some(Self { account, watch, unseen: unseen.collect() })
    }

    /// Orders of which there is something to tell, now that they can be seen.
    fn seen(&mut self, account: &Account, news: &News) -> Vec<u64> {
        self.unseen.extend(news.orders.iter().map(|order| order.id));
        let mut seen = Vec::new();
        self.unseen.retain(|id| {
            let Some(ticket) = account.tickets.get(id) else { return false };
            let is_seen = is_visible(account, ticket);
            seen.extend(is_seen.then_some(*id));
            !is_seen
        });
        seen
    }
}

impl Said {
    fn of(text: &str) -> Option<Self> {
        let said: Map<String, Value> = serde_json::from_str(text).ok()?;
        Some(Self {
            op: said.get("op").and_then(Value::as_str).unwrap_or_default().to_owned(),
            id: said.get("req_id").and_then(word),
            args: said.get("args").and_then(Value::as_array).cloned().unwrap_or_default(),
        })
    }

    /// The names of topics.
    fn names(&self) -> Result<Vec<&str>, String> {
        self.args.iter().map(|arg| arg.as_str().ok_or_else(|| unknown(&arg.to_string()))).collect()
    }

    /// The venue's answer; `others` are fields that it has besides.
    fn answer(&self, socket: SocketId, others: Value) -> Value {
        let mut answer = json!({"op": self.op, "conn_id": connection(socket)});
        if let (Value::Object(answer), Value::Object(others)) = (&mut answer, others) {
            answer.extend(others);
            answer.extend(self.id.clone().map(|id| ("req_id".to_owned(), Value::String(id))));
        }
        answer
    }
}

/// A text, or a number as a text.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn unknown(name: &str) -> String {
    format!("error:handler not found,topic:{name}")
}

fn connection(socket: SocketId) -> String {
    format!("cejreaspqfm9se7usbrg-{:x}", socket.0)
}

/// Whether there is such a topic, and whether it is of one product alone.
fn private_topic(name: &str) -> Option<bool> {
    TOPICS.iter().find_map(|(topic, products)| {
        let rest = name.strip_prefix(topic)?;
        if rest.is_empty() {
            return Some(false);
        }
        products.contains(&rest.strip_prefix('.')?).then_some(true)
    })
}

/// Whether who listens to this hears of a topic.
fn hears(name: &str, topic: &str) -> bool {
    name == topic || name.strip_suffix(".linear") == Some(topic)
}

impl Server {
    /// Whether there are sockets on this path.
    pub(super) fn open_socket(&mut self, socket: SocketId, path: &str) -> bool {
        let session = match path {
            PRIVATE => Session::Private { listener: None, topics: BTreeSet::new() },
            PUBLIC => Session::Public(Vec::new()),
            _ => return false,
        };
        self.sockets.open.insert(socket, session);
        true
    }

    pub(super) fn heard(&mut self, socket: SocketId, text: &str) {
        let Some(mut session) = self.sockets.open.remove(&socket) else { return };
        let said = Said::of(text);
        let answer = match (&said, &mut session) {
            (None, _) => json!({
                "success": false, "ret_msg": "Failed to decode incoming data", "conn_id": connection(socket),
                "req_id": "", "op": "",
            }),
            (Some(said), Session::Private { listener, topics }) => {
                self.private_answer(socket, said, listener, topics)
            }
            (Some(said), Session::Public(topics)) => self.public_answer(socket, said, topics),
        };
        self.sockets.open.insert(socket, session);
        self.sockets.answers.push(Push::reply(socket, answer.to_string()));
    }

    /// The client's name for what it asked is in the answer where it gave one.
    fn private_answer(
        &self,
        socket: SocketId,
        said: &Said,
        listener: &mut Option<Listener>,
        topics: &mut BTreeSet<String>,
    ) -> Value {
        let done = match said.op.as_str() {
            "ping" => {
                let now = self.floor.now.0.to_string();
                return said.answer(socket, json!({"op": "pong", "args": [now]}));
            }
            "auth" => match self.login(&said.args).and_then(|account| Listener::new(self, account)) {
                // Who logs in again misses nothing.
                Some(new) if listener.as_ref().is_some_and(|old| old.account == new.account) => Ok(()),
                Some(new) => {
                    *listener = Some(new);
                    Ok(())
                }
                None => Err(PARAMS.to_owned()),
            },
            "subscribe" | "unsubscribe" if listener.is_none() => Err(UNAUTHORIZED.to_owned()),
            "subscribe" => choose_private(said).map(|names| topics.extend(names)),
            "unsubscribe" => choose_private(said).map(|names| topics.retain(|name| !names.contains(name))),
            _ => Err(INVALID_OP.to_owned()),
        };
        said.answer(socket, outcome(done))
    }

    /// The client's name for what it asked is in the answer whether it gave one or not.
    fn public_answer(&self, socket: SocketId, said: &Said, topics: &mut Vec<Topic>) -> Value {
        let others = match said.op.as_str() {
            "ping" => json!({"success": true, "ret_msg": "pong"}),
            "subscribe" => outcome(self.choose_public(said, topics)),
            "unsubscribe" => outcome(self.leave_public(said, topics)),
            _ => outcome(Err(INVALID_OP.to_owned())),
        };
        let mut answer = said.answer(socket, others);
        if let (Some(answer), None) = (answer.as_object_mut(), &said.id) {
            answer.insert("req_id".to_owned(), json!(""));
        }
        answer
    }

    /// A known key, an end that is still to come, and the signature of `GET/realtime` with it: the account.
    fn login(&self, args: &[Value]) -> Option<usize> {
        let text = |place: usize| word(args.get(place)?);
        let (key, expires, sign) = (text(0)?, text(1)?, text(2)?);
        let (account, found, _) = self.key_owner(&key)?;
        let until: u64 = expires.parse().ok()?;
        let message = format!("GET/realtime{expires}");
        (until > self.floor.now.0 && found.verifies(message.as_bytes(), &sign)).then_some(account)
    }

    /// All of them, or none.
    fn choose_public(&self, said: &Said, topics: &mut Vec<Topic>) -> Done {
        let mut new = Vec::new();
        for name in said.names()? {
            let topic = Topic::of(name, self).ok_or_else(|| unknown(name))?;
            if topics.iter().chain(&new).any(|topic| topic.name() == name) {
                return Err(format!("error:already subscribed,topic:{name}"));
            }
            new.push(topic);
        }
        topics.append(&mut new);
        Ok(())
    }

    fn leave_public(&self, said: &Said, topics: &mut Vec<Topic>) -> Done {
        let names = said.names()?;
        if let Some(name) = names.iter().find(|name| Topic::of(name, self).is_none()) {
            return Err(unknown(name));
        }
        topics.retain(|topic| !names.contains(&topic.name()));
        Ok(())
    }

    /// What there is to say since the last time.
    pub(super) fn news(&mut self) -> Vec<Push> {
        let mut pushes = std::mem::take(&mut self.sockets.answers);
        let mut open = std::mem::take(&mut self.sockets.open);
        for (socket, session) in &mut open {
            match session {
                Session::Private { listener: Some(listener), topics } => {
                    self.private_news(*socket, listener, topics, &mut pushes);
                }
                Session::Private { listener: None, .. } => {}
                Session::Public(topics) => {
                    for topic in topics {
                        let Some(told) = topic.news(self, self.sockets.pushed) else { continue };
                        self.sockets.pushed = self.sockets.pushed.saturating_add(1);
                        let (frame, topic) = (Frame::Text(told.to_string()), Some(topic.name().to_owned()));
                        pushes.push(Push { socket: *socket, frame, topic, account: None });
                    }
                }
            }
        }
        self.sockets.open = open;
        pushes
    }

    fn private_news(
        &mut self,
        socket: SocketId,
        listener: &mut Listener,
        topics: &BTreeSet<String>,
        pushes: &mut Vec<Push>,
    ) {
        let Some(account) = self.floor.accounts.get(listener.account) else { return };
        let news = listener.watch.news(account, &self.floor.markets);
        let orders = listener.seen(account, &news);
        if news.is_empty() && orders.is_empty() {
            return;
        }
        let owner = account.name.clone();
        for (topic, _) in TOPICS {
            let names: Vec<&String> = topics.iter().filter(|name| hears(name, topic)).collect();
            let messages = if names.is_empty() {
                Vec::new()
            } else {
                self.messages(topic, listener.account, &news, &orders)
            };
            for message in messages {
                for name in &names {
                    let number = self.sockets.pushed;
                    self.sockets.pushed = number.saturating_add(1);
                    let mut told =
                        json!({"topic": name, "creationTime": self.floor.now.0, "data": message.rows});
                    let id = match &message.id {
                        Some(id) => Some(id.clone()),
                        None if topic == "execution.fast" => None,
                        None => Some(uuid(Of::Message, number)),
                    };
                    if let (Some(told), Some(id)) = (told.as_object_mut(), id) {
                        told.insert("id".to_owned(), Value::String(id));
                    }
                    let frame = Frame::Text(told.to_string());
                    let (topic, account) = (Some(topic.to_owned()), Some(owner.clone()));
                    pushes.push(Push { socket, frame, topic, account });
                }
            }
        }
    }
}

fn outcome(done: Done) -> Value {
    json!({"success": done.is_ok(), "ret_msg": done.err().unwrap_or_default()})
}

/// All of them, or none. Topics of all products and of one do not go together in one request; in which words that is refused
/// is not documented.
fn choose_private(said: &Said) -> Result<Vec<String>, String> {
    let names = said.names()?;
    let (mut of_all, mut of_one) = (false, false);
    for name in &names {
        let is_of_one = private_topic(name).ok_or_else(|| unknown(name))?;
        of_all |= TOPICS.iter().any(|(topic, products)| topic == name && !products.is_empty());
        of_one |= is_of_one;
    }
    if of_all && of_one && said.op == "subscribe" {
        return Err(PARAMS.to_owned());
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}
