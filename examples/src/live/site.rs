//! Which venue an example looks at: on the command line, checked before anything is opened.

use std::path::PathBuf;

use evenkeel_types::Capabilities;

use super::{Access, Connection, Environment, Known, Opened, Source, VENUES, Variables, Wanted};
use crate::failure::Failure;
use crate::probe::file;

/// Which venue, on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Site {
    /// A live venue: hyperliquid, binance, bybit, bingx. NAME:ENVIRONMENT where several of them differ
    #[arg(long, value_name = "NAME")]
    venue: Vec<String>,

    /// Where its account is: mainnet, testnet or demo, as the venue has them; there is no default
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<String>,

    /// A server on this machine that speaks the venue's protocol
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,

    /// What the venue lets one do, as `probe` found it, instead of what it documents
    #[arg(long, value_name = "FILE")]
    capabilities: Option<PathBuf>,
}

/// A venue and which of its environments.
type Place = (&'static Known, Environment);

fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn venues() -> String {
    listed(VENUES.iter().map(|known| known.name))
}

/// What somebody wrote, short enough for a line.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

impl Site {
    /// Whether a venue was named.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !self.venue.is_empty()
    }

    /// Refuses what means nothing without a venue. clap's `requires` would not: it lets go where the named argument
    /// conflicts with another one that is there.
    ///
    /// # Errors
    /// [`Failure::Input`] naming the argument.
    pub fn refuse_strays(&self) -> Result<(), Failure> {
        let given = [
            ("--environment", self.environment.is_some()),
            ("--base-url", self.base_url.is_some()),
            ("--capabilities", self.capabilities.is_some()),
        ];
        match given.iter().find(|(_, is_there)| *is_there && !self.is_given()) {
            Some((name, _)) => Err(Failure::input(format!("{name} goes with a venue: add --venue"))),
            None => Ok(()),
        }
    }

    /// Whether real money is among what was named.
    ///
    /// # Errors
    /// [`Failure::Input`] in one line, as for opening it.
    pub fn is_real(&self) -> Result<bool, Failure> {
        Ok(self.places()?.iter().any(|(_, environment)| *environment == Environment::Mainnet))
    }

    /// Opens the one venue that was named.
    ///
    /// # Errors
    /// [`Failure::Input`] in one line.
    pub fn open(&self, variables: &Variables, access: Access) -> Result<Connection, Failure> {
        let all = self.places()?;
        let [place] = all.as_slice() else {
            return Err(Failure::input("--venue: name one; this example looks at one account"));
        };
        self.connect(*place, variables, access)
    }

    /// Opens all that were named, in that order.
    ///
    /// # Errors
    /// [`Failure::Input`] in one line.
    pub fn open_all(&self, variables: &Variables, access: Access) -> Result<Vec<Connection>, Failure> {
        self.places()?.into_iter().map(|place| self.connect(place, variables, access)).collect()
    }

    fn places(&self) -> Result<Vec<Place>, Failure> {
        if self.venue.is_empty() {
            return Err(Failure::input(format!("--venue: name the venue; there are {}", venues())));
        }
        let mut all: Vec<Place> = Vec::new();
        for text in &self.venue {
            let (name, own) = match text.split_once(':') {
                Some((name, own)) => (name, Some(own)),
                None => (text.as_str(), None),
            };
            let Some(known) = VENUES.iter().find(|known| known.name == name) else {
                let problem = format!("--venue: there is no `{}`; there are {}", shown(name), venues());
                return Err(Failure::input(problem));
            };
            if all.iter().any(|(other, _)| other.name == known.name) {
                return Err(Failure::input(format!("--venue: `{}` is named twice", known.name)));
            }
            all.push((known, known.environment(own.or(self.environment.as_deref()))?));
        }
        if all.len() > 1 && (self.base_url.is_some() || self.capabilities.is_some()) {
            return Err(Failure::input(
                "--base-url, --capabilities: these belong to one venue; name one --venue",
            ));
        }
        Ok(all)
    }

    fn connect(
        &self,
        (known, environment): Place,
        variables: &Variables,
        access: Access,
    ) -> Result<Connection, Failure> {
        if let Some(url) = &self.base_url {
            on_this_machine(url)?;
        }
        let (capabilities, source) = self.facts(known, environment)?;
        let wanted = Wanted { environment, base_url: self.base_url.as_deref(), capabilities, variables };
        let Opened { line, clock, account } = (known.open)(&wanted, access)?;
        Ok(Connection {
            name: known.name,
            environment,
            account,
            line,
            clock,
            source,
            documented: (known.documented)(),
            profile: (known.profile)(),
        })
    }

    fn facts(
        &self,
        known: &Known,
        environment: Environment,
    ) -> Result<(Option<Capabilities>, Source), Failure> {
        let Some(path) = &self.capabilities else { return Ok((None, Source::Documented)) };
        let probed = file::load(path, known.name, environment.name())?;
        let source = Source::Probed { date: probed.date, file: path.display().to_string() };
        Ok((Some(probed.capabilities), source))
    }
}

impl Known {
    /// Which of its environments was stated.
    fn environment(&self, stated: Option<&str>) -> Result<Environment, Failure> {
        let offered = || listed(self.environments.iter().map(|environment| environment.name()));
        let Some(text) = stated else {
            return Err(Failure::input(format!(
                "--environment: state one of {}; there is no default for where money is",
                offered()
            )));
        };
        Environment::ALL
            .into_iter()
            .find(|one| one.name() == text && self.environments.contains(one))
            .ok_or_else(|| {
                Failure::input(format!(
                    "--environment: {} has no `{}`; it has {}",
                    self.name,
                    shown(text),
                    offered()
                ))
            })
    }
}

/// What is signed for another server is valid on the real network too: nobody else's machine may get it.
fn on_this_machine(url: &str) -> Result<(), Failure> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let local = name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if local {
        return Ok(());
    }
    Err(Failure::input(format!(
        "--base-url: `{}` is not on this machine; allowed are addresses like http://127.0.0.1:3001",
        shown(url)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_gets_what_is_signed() {
        for url in ["http://127.0.0.1:3001", "http://localhost", "https://[::1]:8443/", "http://127.9.9.9:1"]
        {
            assert!(on_this_machine(url).is_ok(), "{url}");
        }
        for url in [
            "http://example.com",
            "http://localhost.example.com:1",
            "http://127.0.0.1@evil",
            "",
            "ftp://localhost",
        ] {
            let error = on_this_machine(url).unwrap_err().to_string();
            assert!(error.starts_with("--base-url: ") && error.contains("127.0.0.1"), "{url}: {error}");
        }
    }
}
