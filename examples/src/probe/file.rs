//! Capability files: what was found out about a venue, and when.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

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
}

/// Where a capability file goes: made before anything is tried, and removed again where nothing is written.
#[derive(Debug)]
pub struct Out {
    path: PathBuf,
    file: File,
    is_written: bool,
}

impl Out {
    /// Makes the file, empty. One that is there is not written over: it may be somebody's evidence.
    ///
    /// # Errors
    /// [`Failure::Input`] naming the path.
    pub fn create(path: PathBuf) -> Result<Self, Failure> {
        match File::create_new(&path) {
            Ok(file) => Ok(Self { path, file, is_written: false }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Failure::input(format!("--out: {} is there already; name another file", path.display())))
            }
            Err(error) => Err(Failure::input(format!("--out: {}: {error}", path.display()))),
        }
    }

    /// Writes what was found, and says where.
    ///
    /// # Errors
    /// [`Failure::Halted`] naming the path: by now orders were sent.
    pub fn write(mut self, found: &CapabilityFile) -> Result<PathBuf, Failure> {
        let written = serde_json::to_string_pretty(found)
            .map_err(std::io::Error::from)
            .and_then(|text| self.file.write_all(format!("{text}\n").as_bytes()));
        match written {
            Ok(()) => {
                self.is_written = true;
                Ok(self.path.clone())
            }
            Err(error) => Err(Failure::Halted(format!("--out: {}: {error}", self.path.display()))),
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if !self.is_written {
            // It is empty or cut short. Where it cannot be removed, nothing takes it for a capability file either.
            let _ = std::fs::remove_file(&self.path);
        }
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
