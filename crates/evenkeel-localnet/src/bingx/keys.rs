//! Listen keys, with which a private stream is opened.

use std::collections::BTreeMap;

use evenkeel_types::Timestamp;
use http::StatusCode;
use sha2::{Digest as _, Sha256};

use super::envelope::{Outcome, Reply};
use super::json::object;
use super::server::{Asked, Server};

/// How long a key lives without being extended.
const LIFE: u64 = 3_600_000;

/// The keys that live, by account and until when. Each that is asked for is a new one, and the older ones stay.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListenKeys {
    alive: BTreeMap<String, (usize, Timestamp)>,
    /// That there ever were.
    count: u64,
}

impl ListenKeys {
    fn make(&mut self, account: usize, owner: &str, now: Timestamp) -> String {
        self.alive.retain(|_, (_, until)| *until > now);
        self.count = self.count.saturating_add(1);
        let hash = Sha256::digest(format!("{owner}/{}", self.count));
        let key: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.alive.insert(key.clone(), (account, Timestamp(now.0.saturating_add(LIFE))));
        key
    }

    /// The account that it opens; `None` once it expired.
    pub(crate) fn owner(&self, key: &str, now: Timestamp) -> Option<usize> {
        self.alive.get(key).filter(|(_, until)| *until > now).map(|(account, _)| *account)
    }
}

impl Server {
    pub(crate) fn listen_key(&mut self, asked: &Asked) -> Outcome {
        let owner = self.account(asked)?.key.id().to_owned();
        let key = self.keys.make(asked.account, &owner, self.floor.now);
        Ok(Reply::Bare(object! {"listenKey": key}))
    }

    pub(crate) fn keep_listen_key(&mut self, asked: &Asked) -> Outcome {
        let until = Timestamp(self.floor.now.0.saturating_add(LIFE));
        self.with_key(asked, |keys, key| {
            if let Some((_, ends)) = keys.alive.get_mut(key) {
                *ends = until;
            }
        })
    }

    pub(crate) fn close_listen_key(&mut self, asked: &Asked) -> Outcome {
        self.with_key(asked, |keys, key| {
            keys.alive.remove(key);
        })
    }

    /// Whatever becomes of the key is told by the status alone.
    fn with_key(&mut self, asked: &Asked, act: impl FnOnce(&mut ListenKeys, &str)) -> Outcome {
        let Some(key) = asked.params.text("listenKey") else {
            return Ok(Reply::Nothing(StatusCode::NO_CONTENT));
        };
        if self.keys.owner(key, self.floor.now) != Some(asked.account) {
            return Ok(Reply::Nothing(StatusCode::NOT_FOUND));
        }
        act(&mut self.keys, key);
        Ok(Reply::Nothing(StatusCode::OK))
    }
}
