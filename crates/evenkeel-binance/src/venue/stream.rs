//! The private stream.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{ErrorKind, Operation, Result, Stream, Subscription, async_trait};
use evenkeel_http::Failure;
use evenkeel_http::feed::{Dial, Feed, Heard, Message, Protocol, Rhythm};

use super::account::Accounts;
use super::reader::Reader;
use crate::decode::stream::{hear, listen_key};
use crate::encode::Request;
use crate::endpoints;

/// Half the life of a listen key.
const RENEW_EVERY: Duration = Duration::from_secs(30 * 60);
/// The venue pings every three minutes: three of them.
const SILENCE: Duration = Duration::from_secs(10 * 60);

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

#[async_trait]
impl Protocol for Private {
    /// The venue gives out one key for each account: asking again extends the one there is. A key that is none connects
    /// too, and hears nothing, so that it is asked for anew each time.
    async fn dial(&mut self) -> Result<Dial> {
        let plumbing = &self.accounts.plumbing;
        let told = |failure: Failure| plumbing.error(Operation::Stream, &failure);
        let reply =
            plumbing.ask(Operation::Stream, &Request::all(endpoints::LISTEN_KEY)).await.map_err(told)?;
        let Some(key) = listen_key(reply.bytes()) else {
            return Err(told(Failure::nothing(ErrorKind::Decode, "listenKey: no key of letters and digits")));
        };
        Ok(Dial { url: format!("{}/private/ws/{key}", plumbing.stream_url), say: Vec::new(), at_once: true })
    }

    fn hear(&mut self, message: &Message) -> Heard {
        let Message::Text(text) = message else { return Heard::Nothing };
        hear(text)
    }

    fn rhythm(&self) -> Rhythm {
        Rhythm { ping: None, silence: SILENCE, renew: Some(RENEW_EVERY) }
    }

    async fn renew(&mut self) -> Result<()> {
        let plumbing = &self.accounts.plumbing;
        let kept = plumbing.ask(Operation::Stream, &Request::all(endpoints::KEEP_LISTEN_KEY)).await;
        kept.map(drop).map_err(|failure| plumbing.error(Operation::Stream, &failure))
    }
}
