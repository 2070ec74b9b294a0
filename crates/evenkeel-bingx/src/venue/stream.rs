//! The private stream.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{ErrorKind, Operation, Result, Stream, Subscription};
use evenkeel_http::feed::{Dial, Feed, Heard, Job, Message, Protocol, Rhythm};
use evenkeel_http::{Failure, Secret};

use super::reader::Reader;
use super::rules::Accounts;
use crate::decode::stream::{Settings, hear, listen_key, text};
use crate::endpoints;

/// Half the life of a listen key.
const RENEW_EVERY: Duration = Duration::from_secs(30 * 60);
/// What the venue says of a key that it does not know, or that expired.
const GONE: [&str; 2] = ["HTTP 404", "100401"];
/// The venue tells all settings every five seconds: six of them.
const SILENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Private {
    accounts: Arc<Accounts>,
    settings: Settings,
}

impl Stream for Reader {
    fn subscribe(&self) -> Box<dyn Subscription> {
        let plumbing = self.plumbing();
        let protocol = Private { accounts: Arc::clone(&self.accounts), settings: Settings::new() };
        let (sockets, clock) = (Arc::clone(&plumbing.sockets), Arc::clone(&plumbing.clock));
        Box::new(Feed::new(protocol, sockets, clock, plumbing.venue.clone()))
    }
}

impl Protocol for Private {
    fn dial(&mut self) -> Job<Result<Dial>> {
        let accounts = Arc::clone(&self.accounts);
        Box::pin(async move {
            let plumbing = &accounts.plumbing;
            let told = |failure: Failure| plumbing.error(Operation::Stream, &failure);
            let reply = plumbing.read(endpoints::LISTEN_KEY, Vec::new(), None).await.map_err(told)?;
            let Some(key) = listen_key(&reply.bytes) else {
                return Err(told(Failure::nothing(
                    ErrorKind::Decode,
                    "listenKey: no key of letters and digits",
                )));
            };
            let url = format!("{}/swap-market?listenKey={}", plumbing.stream_url, key.expose());
            // Nothing has to be subscribed.
            Ok(Dial { url, say: Vec::new(), at_once: true, key: Some(key) })
        })
    }

    fn hear(&mut self, message: &Message) -> Heard {
        if *message == Message::Alive {
            return Heard::Nothing;
        }
        text(message).map_or(Heard::UNREADABLE, |text| hear(&text, &mut self.settings))
    }

    fn rhythm(&self) -> Rhythm {
        Rhythm { ping: None, silence: SILENCE, renew: Some(RENEW_EVERY) }
    }

    fn renew(&self, key: &Secret) -> Job<Result<()>> {
        let (accounts, parameters) =
            (Arc::clone(&self.accounts), vec![("listenKey", key.expose().to_owned())]);
        Box::pin(async move {
            let plumbing = &accounts.plumbing;
            let kept = plumbing.read(endpoints::KEEP_LISTEN_KEY, parameters, None).await;
            kept.map(drop).map_err(|mut failure| {
                if failure.code.as_deref().is_some_and(|code| GONE.contains(&code)) {
                    failure.kind = ErrorKind::NotFound;
                }
                plumbing.error(Operation::Stream, &failure)
            })
        })
    }
}
