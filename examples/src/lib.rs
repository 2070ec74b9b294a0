//! What the examples share: reading what a user asks for, and showing what became of it.
//!
//! - [`cli`] the command line, [`wish`] what it asks for
//! - [`scenario`] and [`recorded`] two ways to an account: a TOML file, or a venue's recorded answers
//! - [`screen`] and [`table`] a terminal of 80 columns, with or without colours
//! - [`live`] accounts at venues, [`confirm`] asking before something is sent, [`start`] how an example begins and ends
//! - [`probe`] finding out what a venue really does
//! - [`show`] accounts, plans and results for people, [`document`] the same for programs

pub mod calendar;
pub mod cli;
pub mod confirm;
pub mod document;
pub mod failure;
pub mod live;
pub mod metrics;
pub mod probe;
pub mod recorded;
pub mod scenario;
pub mod screen;
pub mod show;
pub mod start;
pub mod table;
pub mod wish;

use evenkeel_paper::PaperVenue;
use evenkeel_types::Snapshot;

/// An account that something is to be done with.
#[derive(Debug)]
pub struct Case {
    /// One line that says what this is.
    pub title: String,
    /// What was assumed on the way, in words.
    pub assumptions: Vec<String>,
    /// Where the account is.
    pub place: Place,
    /// What is wanted.
    pub wish: wish::Wish,
}

/// Where an account is.
#[derive(Debug)]
pub enum Place {
    /// On a paper exchange: a plan can be carried out.
    Paper(PaperVenue),
    /// In a file: it can only be planned for.
    Recorded(Box<Snapshot>),
    /// At a venue, and what is to be done there.
    Live(Box<live::Connection>, Doing),
}

/// What is to be done with an account at a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Plan; nothing is sent.
    Plan,
    /// Rehearse on a paper exchange forked from it, with this seed.
    Rehearse(u64),
    /// Execute there.
    Execute {
        /// Without asking.
        yes: bool,
    },
}
