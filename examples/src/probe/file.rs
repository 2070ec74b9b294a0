//! Capability files: what was found out about a venue, and when.

use std::path::Path;

use evenkeel_types::Capabilities;
use serde::{Deserialize, Serialize};

use super::Observation;
use crate::failure::Failure;

/// Version of the file's form.
const SCHEMA: u32 = 1;

/// What `probe` writes and `--capabilities` reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CapabilityFile {
    /// Version of the form.
    pub schema: u32,
    /// Of which venue.
    pub venue: String,
    /// On which of its networks; `paper` for a rehearsal, which no venue takes.
    pub environment: String,
    /// When, in UTC.
    pub date: String,
    /// What it lets one do: as documented, where nothing else was observed.
    pub capabilities: Capabilities,
    /// What this rests on.
    pub observations: Vec<Observation>,
}

impl CapabilityFile {
    /// In the present form.
    #[must_use]
    pub fn new(
        venue: &str,
        environment: &str,
        date: String,
        capabilities: Capabilities,
        observations: Vec<Observation>,
    ) -> Self {
        Self {
            schema: SCHEMA,
            venue: venue.to_owned(),
            environment: environment.to_owned(),
            date,
            capabilities,
            observations,
        }
    }

    /// Writes it. A file that is there is not written over: it may be somebody's evidence.
    ///
    /// # Errors
    /// [`Failure::Input`] naming the path.
    pub fn save(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(|error| {
            Failure::Halted(format!("the capabilities could not be written as JSON: {error}"))
        })?;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|error| Failure::input(format!("--out: {}: {error}", path.display())))?;
        std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes())
            .map_err(|error| Failure::input(format!("--out: {}: {error}", path.display())))
    }
}

/// Reads one, for this venue on this network.
///
/// # Errors
/// [`Failure::Input`] naming file and field.
pub fn load(path: &Path, venue: &str, environment: &str) -> Result<CapabilityFile, Failure> {
    let refused = |why: String| Failure::input(format!("--capabilities: {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let file: CapabilityFile = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
    for (field, found, wanted) in [
        ("schema", file.schema.to_string(), SCHEMA.to_string()),
        ("venue", file.venue.clone(), venue.to_owned()),
        ("environment", file.environment.clone(), environment.to_owned()),
    ] {
        if found != wanted {
            return Err(refused(format!("{field} is `{found}`, this is `{wanted}`")));
        }
    }
    if file.capabilities.orders_per_request == 0 {
        return Err(refused("orders_per_request is 0, it must be at least 1".to_owned()));
    }
    Ok(file)
}
