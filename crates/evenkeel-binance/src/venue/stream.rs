//! The private stream.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{ErrorKind, Operation, Result, Stream, Subscription};
use evenkeel_http::feed::{Dial, Feed, Heard, Job, Message, Protocol, Rhythm};
use evenkeel_http::{Failure, Secret};

use super::account::Accounts;
use super::reader::Reader;
use crate::decode::stream::{hear, listen_key};
use crate::encode::Request;
use crate::endpoints::{self, Call};

/// Half the life of a listen key.
const RENEW_EVERY: Duration = Duration::from_secs(30 * 60);
/// The venue pings every three minutes; a minute more.
const SILENCE: Duration = Duration::from_secs(4 * 60);

#[derive(Debug)]
struct Private {
    accounts: Arc<Accounts>,
}

impl Stream for Reader {
    fn subscribe(&self) -> Box<dyn Subscription> {
        let plumbing = self.plumbing();
        let protocol = Private { accounts: Arc::clone(&self.accounts) };
        let (sockets, clock) = (Arc::clone(&plumbing.sockets), Arc::clone(&plumbing.clock));
        Box::new(Feed::new(protocol, sockets, clock, plumbing.venue.clone()))
    }
}

impl Protocol for Private {
    /// The venue gives out one key for each account: asking again extends the one there is. A key that is none connects
    /// too, and hears nothing, so that it is asked for anew each time.
    fn dial(&mut self) -> Job<Result<Dial>> {
        let accounts = Arc::clone(&self.accounts);
        Box::pin(async move {
            let plumbing = &accounts.plumbing;
            let key = accounts.listen_key(endpoints::LISTEN_KEY).await;
            let key = key.map_err(|failure| plumbing.error(Operation::Stream, &failure))?;
            let url = format!("{}/private/ws/{}", plumbing.stream_url, key.expose());
            Ok(Dial { url, say: Vec::new(), at_once: true, key: Some(key) })
        })
    }

    fn hear(&mut self, message: &Message) -> Heard {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Heard::UNREADABLE,
            Message::Alive => return Heard::Nothing,
        };
        hear(text)
    }

    fn rhythm(&self) -> Rhythm {
        Rhythm { ping: None, silence: SILENCE, renew: Some(RENEW_EVERY) }
    }

    /// The venue is not told which key to extend, and answers with the one it did. On another one, which somebody else may
    /// have asked for, ours hears nothing any more.
    fn renew(&self, key: &Secret) -> Job<Result<()>> {
        let (accounts, key) = (Arc::clone(&self.accounts), key.clone());
        Box::pin(async move {
            let kept = accounts.listen_key(endpoints::KEEP_LISTEN_KEY).await.and_then(|kept| {
                let other = || Failure::nothing(ErrorKind::NotFound, "listenKey: another one was extended");
                (kept.expose() == key.expose()).then_some(()).ok_or_else(other)
            });
            kept.map_err(|failure| accounts.plumbing.error(Operation::Stream, &failure))
        })
    }
}

impl Accounts {
    /// The key that this call gives out, or extends.
    async fn listen_key(&self, call: Call) -> std::result::Result<Secret, Failure> {
        let reply = self.plumbing.ask(Operation::Stream, &Request::all(call)).await?;
        listen_key(reply.bytes())
            .ok_or_else(|| Failure::nothing(ErrorKind::Decode, "listenKey: no key of letters and digits"))
    }
}
