//! What the machine asks of its shell, and what it is told.

use evenkeel_exchange::{Error, Expected, LeverageProof, OrderRequest, ProofError};
use evenkeel_store::{Entry, Epoch};
use evenkeel_types::{
    ClientOrderId, Fill, Leverage, MarginMode, OrderState, Scope, Snapshot, Symbol, Timestamp, Usd,
};
use std::time::Duration;

use crate::event::Event;
use crate::journal::Body;
use crate::report::Report;

/// One thing to do. The shell carries out a list in order; the last one of it is the one whose answer the machine waits
/// for, and everything before it needs none.
#[derive(Debug)]
pub(crate) enum Command {
    /// Tell people.
    Tell(Event),
    /// Take the journal over.
    Open,
    /// Append these. Where it fails, nothing after it in the list is done, and the machine is told so.
    Journal(Vec<Body>),
    /// Read the account, and the leverage of these beside it.
    Read { scope: Scope, prove: Vec<Expected> },
    /// Read these settings back.
    Prove(Vec<Expected>),
    /// Place these orders.
    Place(Vec<OrderRequest>),
    /// Ask for these orders.
    Query(Vec<(Symbol, ClientOrderId)>),
    /// Ask for all executions of these symbols since then.
    Fills { symbols: Vec<Symbol>, since: Timestamp },
    /// Do these at once; they do not depend on each other.
    Write(Vec<Setting>),
    /// Let time pass.
    Sleep(Duration),
    /// The run is over.
    Finish(Box<Report>),
}

impl Command {
    /// Whether somebody waits for the venue's answer.
    pub(crate) fn is_trip(&self) -> bool {
        matches!(
            self,
            Command::Read { .. }
                | Command::Prove(_)
                | Command::Place(_)
                | Command::Query(_)
                | Command::Fills { .. }
                | Command::Write(_)
        )
    }
}

/// A write that is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    Leverage(Symbol, Leverage),
    Mode(Symbol, MarginMode),
    Margin(Symbol, Usd),
    Cancel(Symbol, String),
}

/// What came of a command.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nothing has happened yet.
    Start,
    /// The journal is ours; this is what is in it.
    Opened(Epoch, Vec<Entry>),
    Journaled,
    JournalFailed(String),
    Read(Box<Result<Snapshot, Error>>, Vec<Result<LeverageProof, ProofError>>),
    Proven(Vec<Result<LeverageProof, ProofError>>),
    Placed(Vec<Result<OrderState, Error>>),
    Queried(Vec<Result<Option<OrderState>, Error>>),
    Filled(Result<Vec<Fill>, Error>),
    Written(Vec<Result<(), Error>>),
    Rested,
}
