//! Everything that was started.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_localnet::{Control, Hand, LocalnetError};
use serde_json::{Value, json};

use crate::cli::Job;
use crate::venues::Kind;

/// Venues that run, and the control endpoint. They stop when it is dropped.
#[derive(Debug)]
pub struct Town {
    /// The venues, in the order in which they were asked for.
    pub venues: Vec<(&'static Kind, Arc<dyn Hand>)>,
    /// The control endpoint.
    pub control: Control,
    /// What all randomness is drawn from.
    pub seed: u64,
}

/// Starts what is asked for.
///
/// # Errors
/// What is wrong, in one line.
pub async fn start(job: &Job) -> Result<Town, String> {
    let port = |number: usize| {
        let port = job.port.map(usize::from).unwrap_or_default();
        if port == 0 { 0 } else { u16::try_from(port.saturating_add(number)).unwrap_or(0) }
    };
    let mut venues: Vec<(&'static Kind, Arc<dyn Hand>)> = Vec::new();
    for (number, kind) in job.venues.iter().enumerate() {
        let port = port(number.saturating_add(1));
        let started = (kind.start)(&job.scenario, port).await;
        venues.push((*kind, started.map_err(|error| why(kind.name, port, &error))?));
    }
    let hands: BTreeMap<String, Arc<dyn Hand>> =
        venues.iter().map(|(kind, hand)| (kind.name.to_owned(), Arc::clone(hand))).collect();
    let control = Control::start(hands, port(0)).await;
    let control = control.map_err(|error| why("control", port(0), &error))?;
    Ok(Town { venues, control, seed: job.scenario.seed })
}

fn why(name: &str, port: u16, error: &LocalnetError) -> String {
    let mut text = format!("{name}: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    if matches!(error, LocalnetError::Socket(_)) { format!("{text} (port {port})") } else { text }
}

impl Town {
    /// Addresses and keys, for programs.
    #[must_use]
    pub fn document(&self) -> Value {
        let venue = |(kind, hand): &(&'static Kind, Arc<dyn Hand>)| {
            (kind.name.to_owned(), json!({"url": hand.base_url(), "accounts": hand.accounts()}))
        };
        json!({
            "control": self.control.base_url(),
            "seed": self.seed,
            "venues": self.venues.iter().map(venue).collect::<serde_json::Map<_, _>>(),
        })
    }
}
