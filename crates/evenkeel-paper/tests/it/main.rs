//! The paper exchange against the suite, against its promises, and against a second, simpler bookkeeping.
#![allow(missing_docs)]

mod abilities;
mod broken;
mod conformance;
mod faults;
mod fork;
mod history;
mod oracle;
mod rules;
mod support;
