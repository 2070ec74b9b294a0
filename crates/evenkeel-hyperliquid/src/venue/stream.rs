//! The private stream.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{Error, ErrorKind, Operation, Result, Stream, Subscription};
use evenkeel_http::feed::{Dial, Feed, Heard, Job, Message, Protocol, Rhythm};

use super::account::Accounts;
use super::reader::Reader;
use crate::decode::stream::{PING, hear, subscriptions};

/// The venue closes a connection on which it said nothing for a minute, and so do we.
const SILENCE: Duration = Duration::from_secs(60);
/// As often as the venue's own SDK.
const PING_EVERY: Duration = Duration::from_secs(50);

#[derive(Debug)]
struct Private {
    accounts: Arc<Accounts>,
    confirmed: usize,
}

impl Stream for Reader {
    fn subscribe(&self) -> Box<dyn Subscription> {
        let plumbing = self.plumbing();
        let protocol = Private { accounts: Arc::clone(&self.accounts), confirmed: 0 };
        let (sockets, clock) = (Arc::clone(&plumbing.sockets), Arc::clone(&plumbing.clock));
        Box::new(Feed::new(protocol, sockets, clock, plumbing.venue.clone()))
    }
}

impl Protocol for Private {
    fn dial(&mut self) -> Job<Result<Dial>> {
        self.confirmed = 0;
        let plumbing = &self.accounts.plumbing;
        let dial = Dial {
            url: format!("{}/ws", plumbing.base_url.websocket()),
            // Messages about orders name no user: one account for each connection.
            say: subscriptions(&plumbing.account.target().to_string()),
            at_once: false,
            key: None,
        };
        Box::pin(std::future::ready(Ok(dial)))
    }

    fn hear(&mut self, message: &Message) -> Heard {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Heard::UNREADABLE,
            Message::Alive => return Heard::Nothing,
        };
        hear(text, &mut self.confirmed).unwrap_or_else(|text| {
            let venue = self.accounts.plumbing.venue.clone();
            let text = evenkeel_http::one_line(&text, 200);
            Heard::Refused(Error::not_applied(ErrorKind::Invalid, venue, Operation::Stream, text))
        })
    }

    fn rhythm(&self) -> Rhythm {
        Rhythm { ping: Some((PING_EVERY, PING.to_owned())), silence: SILENCE, renew: None }
    }
}
