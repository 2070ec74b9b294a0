//! What the examples share: reading what a user asks for, and showing what became of it.
//!
//! - [`cli`] the command line, [`wish`] what it asks for
//! - [`scenario`] and [`recorded`] two ways to an account: a TOML file, or a venue's recorded answers
//! - [`screen`] and [`table`] a terminal of 80 columns, with or without colours
//! - [`show`] accounts, plans and results for people, [`document`] the same for programs

pub mod cli;
pub mod document;
pub mod failure;
pub mod metrics;
pub mod recorded;
pub mod scenario;
pub mod screen;
pub mod show;
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
}
