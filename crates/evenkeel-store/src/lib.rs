#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Position in a journal; the first record has number 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first record.
    pub const START: Self = Self(0);
}

/// Which holder writes. Each opening of a journal makes a new one, and fences off all older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A run begins: resolved target, policy, approved envelope.
    Run,
    /// A plan that is about to be executed.
    Plan,
    /// A write that was decided on; on record before its first byte leaves.
    Intent,
    /// What the venue answered to it.
    Observed,
    /// How an unknown outcome was resolved, and by which evidence.
    Resolved,
    /// A quantity that stays counted because its outcome could not be proven.
    Quarantine,
    /// An account reading that a decision was made from.
    Snapshot,
    /// The run ended where it was meant to.
    Done,
    /// The run ended early; nothing more was sent.
    Aborted,
    /// The run stopped at something that it must not explain away.
    Halted,
}

impl Kind {
    /// Whether it must be durable before anything is acted on. The others can be read again from the venue, so
    /// that losing them costs a query, never money.
    #[must_use]
    pub fn is_durable(self) -> bool {
        !matches!(self, Kind::Observed | Kind::Resolved | Kind::Snapshot)
    }
}

/// One record: a kind and its content as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What it is about.
    pub kind: Kind,
    /// Its content, as JSON text.
    pub body: String,
}

impl Record {
    /// A record of anything that serialises.
    ///
    /// # Errors
    /// [`JournalError::Encode`].
    pub fn new<T: Serialize + ?Sized>(kind: Kind, body: &T) -> Result<Self, JournalError> {
        serde_json::to_string(body).map(|body| Self { kind, body }).map_err(JournalError::Encode)
    }
}

/// A record with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it stands.
    pub seq: Seq,
    /// Who wrote it.
    pub epoch: Epoch,
    /// What was written.
    pub record: Record,
}

/// Why a journal refused. All of these are final for the holder: it must stop trading.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A newer epoch was opened: somebody else holds this account now.
    #[error("another process has taken over this account's journal (epoch {newer:?} after ours, {ours:?})")]
    Fenced {
        /// The epoch of this holder.
        ours: Epoch,
        /// The newest epoch.
        newer: Epoch,
    },
    /// The journal is not where the writer believed.
    #[error("the journal stands at {found:?}, not at {expected:?}")]
    Conflict {
        /// Where the writer believed it stood.
        expected: Seq,
        /// Where it stands.
        found: Seq,
    },
    /// The content could not be written as JSON.
    #[error("a record could not be encoded")]
    Encode(#[source] serde_json::Error),
    /// The backend failed; what was being written may or may not be there.
    #[error("the journal's storage failed")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An append-only journal of one account.
#[async_trait]
pub trait Journal: Debug + Send + Sync {
    /// Takes the journal over: opens a new epoch and fences off all older ones.
    async fn open_epoch(&self) -> Result<Epoch, JournalError>;

    /// Where it stands.
    async fn head(&self) -> Result<Seq, JournalError>;

    /// Appends all records or none, if the journal stands at `expected` and `epoch` is the newest; returns where
    /// it stands then. Records that must be durable are durable when this returns.
    async fn append(&self, expected: Seq, epoch: Epoch, records: &[Record]) -> Result<Seq, JournalError>;

    /// Everything after `from`, in order.
    async fn read(&self, from: Seq) -> Result<Vec<Entry>, JournalError>;
}

/// A journal that lives as long as the process.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    state: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    epoch: u64,
    entries: Vec<Entry>,
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        // Every change below is complete before anything can panic, so a poisoned lock still guards a whole state.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Memory {
    fn head(&self) -> Seq {
        self.entries.last().map_or(Seq::START, |entry| entry.seq)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn open_epoch(&self) -> Result<Epoch, JournalError> {
        Ok(self.with(|memory| {
            memory.epoch = memory.epoch.saturating_add(1);
            Epoch(memory.epoch)
        }))
    }

    async fn head(&self) -> Result<Seq, JournalError> {
        Ok(self.with(|memory| memory.head()))
    }

    async fn append(&self, expected: Seq, epoch: Epoch, records: &[Record]) -> Result<Seq, JournalError> {
        self.with(|memory| {
            if epoch.0 != memory.epoch {
                return Err(JournalError::Fenced { ours: epoch, newer: Epoch(memory.epoch) });
            }
            let found = memory.head();
            if found != expected {
                return Err(JournalError::Conflict { expected, found });
            }
            for record in records {
                let seq = Seq(memory.head().0.saturating_add(1));
                memory.entries.push(Entry { seq, epoch, record: record.clone() });
            }
            Ok(memory.head())
        })
    }

    async fn read(&self, from: Seq) -> Result<Vec<Entry>, JournalError> {
        Ok(self.with(|memory| memory.entries.iter().filter(|entry| entry.seq > from).cloned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_older_epoch_is_fenced_and_a_stale_head_refused() {
        let journal = MemoryJournal::new();
        let first = journal.open_epoch().await.unwrap();
        let record = [Record::new(Kind::Plan, "p").unwrap()];
        let head = journal.append(Seq::START, first, &record).await.unwrap();
        assert_eq!(head, Seq(1));
        assert!(matches!(
            journal.append(Seq::START, first, &record).await,
            Err(JournalError::Conflict { found: Seq(1), .. })
        ));
        let second = journal.open_epoch().await.unwrap();
        assert!(matches!(journal.append(head, first, &record).await, Err(JournalError::Fenced { .. })));
        assert_eq!(
            journal.append(head, second, &[record[0].clone(), record[0].clone()]).await.unwrap(),
            Seq(3)
        );
        let seqs: Vec<_> = journal.read(Seq(1)).await.unwrap().iter().map(|entry| entry.seq.0).collect();
        assert_eq!(seqs, [2, 3]);
    }
}
