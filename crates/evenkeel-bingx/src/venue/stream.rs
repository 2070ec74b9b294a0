//! The private stream.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{ErrorKind, Operation, Result, Stream, Subscription, async_trait};
use evenkeel_http::Failure;
use evenkeel_http::feed::{Dial, Feed, Heard, Message, Protocol, Rhythm};

use super::reader::Reader;
use super::rules::Accounts;
use crate::decode::stream::{Settings, hear, listen_key, text};
use crate::endpoints;

/// Half the life of a listen key.
const RENEW_EVERY: Duration = Duration::from_secs(30 * 60);
/// The venue tells all settings every five seconds: six of them.
const SILENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Private {
    accounts: Arc<Accounts>,
    key: Option<String>,
    settings: Settings,
}

impl Stream for Reader {
    fn subscribe(&self) -> Box<dyn Subscription> {
        let plumbing = self.plumbing();
        let protocol = Private { accounts: Arc::clone(&self.accounts), key: None, settings: Settings::new() };
        let (sockets, clock) = (Arc::clone(&plumbing.sockets), Arc::clone(&plumbing.clock));
        Box::new(Feed::new(protocol, sockets, clock, plumbing.venue.clone()))
    }
}

#[async_trait]
impl Protocol for Private {
    async fn dial(&mut self) -> Result<Dial> {
        let plumbing = &self.accounts.plumbing;
        let told = |failure: Failure| plumbing.error(Operation::Stream, &failure);
        let reply = plumbing.read(endpoints::LISTEN_KEY, Vec::new(), None).await.map_err(told)?;
        let Some(key) = listen_key(&reply.bytes) else {
            return Err(told(Failure::nothing(ErrorKind::Decode, "listenKey: no key of letters and digits")));
        };
        let url = format!("{}/swap-market?listenKey={key}", plumbing.stream_url);
        self.key = Some(key);
        // Nothing has to be subscribed.
        Ok(Dial { url, say: Vec::new(), at_once: true })
    }

    fn hear(&mut self, message: &Message) -> Heard {
        text(message).map_or(Heard::Nothing, |text| hear(&text, &mut self.settings))
    }

    fn rhythm(&self) -> Rhythm {
        Rhythm { ping: None, silence: SILENCE, renew: Some(RENEW_EVERY) }
    }

    async fn renew(&mut self) -> Result<()> {
        let plumbing = &self.accounts.plumbing;
        let parameters = self.key.iter().map(|key| ("listenKey", key.clone())).collect();
        let kept = plumbing.read(endpoints::KEEP_LISTEN_KEY, parameters, None).await;
        kept.map(drop).map_err(|failure| plumbing.error(Operation::Stream, &failure))
    }
}
