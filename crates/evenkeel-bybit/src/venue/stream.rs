//! The private stream.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{ErrorKind, Operation, Result, Stream, Subscription};
use evenkeel_http::feed::{Dial, Feed, Heard, Job, Message, Protocol, Rhythm};

use super::reader::Reader;
use super::rules::Accounts;
use crate::decode::stream::{Leverages, PING, hear};

/// How long the signature of a login lasts. It is used at once.
const LOGIN_VALID: Duration = Duration::from_secs(10);
/// As often as the venue asks for.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Three pings without an answer.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Private {
    accounts: Arc<Accounts>,
    leverages: Leverages,
    /// Whether the last login was refused without a reason.
    refused: bool,
}

impl Stream for Reader {
    fn subscribe(&self) -> Box<dyn Subscription> {
        let plumbing = self.plumbing();
        let accounts = Arc::clone(&self.accounts);
        let protocol = Private { accounts, leverages: Leverages::new(), refused: false };
        let (sockets, clock) = (Arc::clone(&plumbing.sockets), Arc::clone(&plumbing.clock));
        Box::new(Feed::new(protocol, sockets, clock, plumbing.venue.clone()))
    }
}

impl Protocol for Private {
    fn dial(&mut self) -> Job<Result<Dial>> {
        let accounts = Arc::clone(&self.accounts);
        Box::pin(async move {
            let plumbing = &accounts.plumbing;
            let now = plumbing.venue_now().await;
            let now = now.map_err(|failure| plumbing.error(Operation::Stream, &failure.unwritten()))?;
            Ok(Dial {
                url: format!("{}/v5/private", plumbing.stream_url),
                say: vec![plumbing.login(now.after(LOGIN_VALID))],
                at_once: false,
                key: None,
            })
        })
    }

    fn hear(&mut self, message: &Message) -> Heard {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Heard::UNREADABLE,
            Message::Alive => return Heard::Nothing,
        };
        let plumbing = &self.accounts.plumbing;
        match hear(text, &mut self.leverages) {
            Ok(heard) => {
                self.refused &= !matches!(heard, Heard::Say(_));
                heard
            }
            // The venue does not say whether it is the key, or a login that is over by its clock: the clock is read again first.
            Err(failure) if failure.kind == ErrorKind::Auth && failure.code.is_none() && !self.refused => {
                self.refused = true;
                plumbing.doubt_clock();
                Heard::Over("the login was refused without a reason")
            }
            Err(failure) => {
                self.refused = false;
                Heard::Refused(plumbing.error(Operation::Stream, &plumbing.redacted(failure).unwritten()))
            }
        }
    }

    fn rhythm(&self) -> Rhythm {
        Rhythm { ping: Some((PING_EVERY, PING.to_owned())), silence: SILENCE, renew: None }
    }
}
