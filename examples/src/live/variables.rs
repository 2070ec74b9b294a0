//! Variables from the environment, and from a file for those who do not want to export keys.

use std::collections::BTreeMap;
use std::path::Path;

use crate::failure::Failure;

/// The file, in the current folder and nowhere else.
const FILE: &str = ".env";

/// What is set. What it holds is never printed: most of it is nobody's business.
#[derive(Clone, Default)]
pub struct Variables {
    file: BTreeMap<String, String>,
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variables").field("in_file", &self.file.len()).finish_non_exhaustive()
    }
}

impl Variables {
    /// The environment and, where there is one, the file.
    ///
    /// # Errors
    /// [`Failure::Input`] for a file that cannot be read. A line that is not understood is never shown: it may hold a
    /// key.
    pub fn read() -> Result<Self, Failure> {
        Self::from_file(Path::new(FILE))
    }

    fn from_file(path: &Path) -> Result<Self, Failure> {
        let lines = match dotenvy::from_path_iter(path) {
            Ok(lines) => lines,
            Err(error) if error.not_found() => return Ok(Self::default()),
            Err(_) => return Err(Failure::input(format!("{FILE}: the file is there and cannot be read"))),
        };
        let mut file = BTreeMap::new();
        let mut last = None;
        for line in lines {
            let Ok((name, value)) = line else {
                let after =
                    last.map_or_else(|| "the first line".to_owned(), |name| format!("the line after {name}"));
                return Err(Failure::input(format!("{FILE}: {after} is not understood; write NAME=value")));
            };
            last = Some(name.clone());
            file.insert(name, value);
        }
        Ok(Self { file })
    }

    /// A variable; what is set in the environment wins, even where it is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        match std::env::var_os(name) {
            Some(value) => Some(value.to_string_lossy().into_owned()),
            None => self.file.get(name).cloned(),
        }
        .filter(|value| !value.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("evenkeel-examples-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_file_adds_to_the_environment_and_its_lines_are_never_shown() {
        assert!(Variables::from_file(Path::new("no/such/file")).unwrap().file.is_empty());
        let path = file("good", "# comment\nEVENKEEL_TEST_A=from-file\nEVENKEEL_TEST_B=\nPATH=other\n");
        let found = Variables::from_file(&path).unwrap();
        assert_eq!(found.get("EVENKEEL_TEST_A").as_deref(), Some("from-file"));
        assert_eq!(found.get("EVENKEEL_TEST_B"), None);
        assert_ne!(found.get("PATH").as_deref(), Some("other"), "the environment wins");
        let path = file("bad", "EVENKEEL_TEST_A=1\nsecret canary without equals\n");
        let error = Variables::from_file(&path).unwrap_err().to_string();
        assert!(error.contains("EVENKEEL_TEST_A") && !error.contains("canary"), "{error}");
        assert!(!format!("{found:?}").contains("from-file"));
    }
}
