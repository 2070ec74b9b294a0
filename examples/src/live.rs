//! Venues that are really there: which there are, on which network, and with what key.
//!
//! Keys come from the environment, or from a file `.env` in the current folder; what is set in the environment wins.
//! The libraries read no such file.

mod hyperliquid;
mod variables;

use std::path::{Path, PathBuf};

use evenkeel_exchange::{Clock, Observe, Trade};
use evenkeel_paper::Profile;
use evenkeel_types::{Capabilities, Symbol};

pub use self::variables::Variables;
use crate::failure::Failure;
use crate::probe::file;

/// Which venue, on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Site {
    /// A live venue: hyperliquid
    #[arg(long, value_name = "NAME")]
    venue: Vec<String>,

    /// Which of its networks; there is no default
    #[arg(long, value_name = "mainnet|testnet")]
    environment: Option<String>,

    /// A server on this machine that speaks the venue's protocol
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,

    /// What the venue lets one do, as `probe` found it, instead of what it documents
    #[arg(long, value_name = "FILE")]
    capabilities: Option<PathBuf>,
}

/// Which of a venue's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Real money.
    Mainnet,
    /// A network for tests.
    Testnet,
}

impl std::fmt::Display for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Environment::Mainnet => "mainnet",
            Environment::Testnet => "testnet",
        })
    }
}

/// What is wanted of a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read, without any key.
    Read,
    /// To trade.
    Trade,
    /// To trade where there is a key, else to read: what a look at key and account needs.
    Best,
}

/// What was opened.
#[derive(Debug)]
pub enum Line {
    /// It holds no key and cannot trade.
    Reading(Box<dyn Observe>),
    /// It can trade.
    Trading(Box<dyn Trade>),
}

/// Where the capabilities come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The connector's own table.
    Documented,
    /// A file of `probe`.
    Probed {
        /// When it was probed.
        date: String,
        /// Which file.
        file: String,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Documented => f.write_str("documented"),
            Source::Probed { date, file } => write!(f, "probed {date} ({file})"),
        }
    }
}

/// A connector, and where it leads. Nothing was sent to make it.
#[derive(Debug)]
pub struct Connection {
    /// The venue's name.
    pub name: &'static str,
    /// Which network.
    pub environment: Environment,
    /// Whose account, as the venue calls it.
    pub account: String,
    /// The connector.
    pub line: Line,
    /// The venue's clock, as far as the connector knows it: what a plan of this account expires by.
    pub clock: Box<dyn Clock>,
    /// Where its capabilities come from.
    pub source: Source,
    /// What the venue documents.
    pub documented: Capabilities,
    /// Its rules on the paper exchange.
    pub profile: Profile,
}

impl Connection {
    /// For reading.
    #[must_use]
    pub fn observe(&self) -> &dyn Observe {
        match &self.line {
            Line::Reading(venue) => &**venue,
            Line::Trading(venue) => &**venue,
        }
    }

    /// For trading.
    ///
    /// # Errors
    /// [`Failure::Input`] where it was opened for reading.
    pub fn trade(&self) -> Result<&dyn Trade, Failure> {
        match &self.line {
            Line::Trading(venue) => Ok(&**venue),
            Line::Reading(_) => Err(Failure::input("this connection was opened for reading only")),
        }
    }

    /// The reason why something could not be read: a symbol that there is not, before everything else. Venues answer
    /// questions about such a symbol with anything, also with what looks like a breakdown.
    pub async fn explain(&self, failure: Failure, symbols: impl IntoIterator<Item = &Symbol>) -> Failure {
        let Ok(listed) = self.observe().instruments().await else { return failure };
        match symbols.into_iter().find(|symbol| !listed.contains_key(*symbol)) {
            None => failure,
            Some(symbol) => {
                let near = base(symbol.as_str());
                let known = listed.keys().any(|other| other.as_str() == near);
                let hint = if known { format!("; here it is called {near}") } else { String::new() };
                Failure::input(format!(
                    "symbol: there is no {symbol} on {} {}{hint}",
                    self.name, self.environment
                ))
            }
        }
    }

    /// `account …5d5a13 on hyperliquid testnet`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("account {} on {} {}", short(&self.account), self.name, self.environment)
    }

    /// The line that nobody should overlook before something is sent.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let real = self.environment == Environment::Mainnet;
        real.then(|| format!("warning: this is {} mainnet: real money", self.name))
    }
}

/// What `BTCUSDT`, `BTC/USDT:USDT` and `BTC-USDT` are about.
fn base(symbol: &str) -> &str {
    let head = symbol.split(['/', '-', ':']).next().unwrap_or(symbol);
    let stripped = ["USDT", "USDC", "USD"].iter().find_map(|quote| head.strip_suffix(quote));
    stripped.filter(|rest| !rest.is_empty()).unwrap_or(head)
}

/// The last six characters of an account's name: enough to recognise one's own.
#[must_use]
pub fn short(account: &str) -> String {
    let all: Vec<char> = account.chars().collect();
    let tail: String = all.iter().skip(all.len().saturating_sub(6)).collect();
    if all.len() > 6 { format!("…{tail}") } else { tail }
}

/// What a connector is built from.
struct Wanted<'a> {
    environment: Environment,
    base_url: Option<&'a str>,
    capabilities: Option<Capabilities>,
    variables: &'a Variables,
}

/// A connector, its venue's clock, and whose account it leads to.
struct Opened {
    line: Line,
    clock: Box<dyn Clock>,
    account: String,
}

/// Makes a connector.
type Open = fn(&Wanted<'_>, Access) -> Result<Opened, Failure>;

/// A venue that can be connected to. Another one is a module with such an `open`, and a line in [`VENUES`].
struct Known {
    name: &'static str,
    documented: fn() -> Capabilities,
    profile: fn() -> Profile,
    open: Open,
}

const VENUES: &[Known] = &[Known {
    name: "hyperliquid",
    documented: evenkeel_hyperliquid::capabilities,
    profile: evenkeel_paper::profiles::hyperliquid,
    open: hyperliquid::open,
}];

fn names() -> String {
    let names: Vec<&str> = VENUES.iter().map(|known| known.name).collect();
    names.join(", ")
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

    /// Which network was stated.
    ///
    /// # Errors
    /// [`Failure::Input`] for none and for another.
    pub fn environment(&self) -> Result<Environment, Failure> {
        match self.environment.as_deref() {
            Some("mainnet") => Ok(Environment::Mainnet),
            Some("testnet") => Ok(Environment::Testnet),
            Some(other) => Err(Failure::input(format!(
                "--environment: there is no `{}`; allowed are mainnet, testnet",
                other.chars().take(40).collect::<String>()
            ))),
            None => Err(Failure::input(
                "--environment: state mainnet or testnet; there is no default for where money is",
            )),
        }
    }

    /// Opens the one venue that was named.
    ///
    /// # Errors
    /// [`Failure::Input`] in one line.
    pub fn open(&self, variables: &Variables, access: Access) -> Result<Connection, Failure> {
        let all = self.known()?;
        let [known] = all.as_slice() else {
            return Err(Failure::input("--venue: name one; this example looks at one account"));
        };
        self.connect(known, variables, access)
    }

    /// Opens all that were named, in that order.
    ///
    /// # Errors
    /// [`Failure::Input`] in one line.
    pub fn open_all(&self, variables: &Variables, access: Access) -> Result<Vec<Connection>, Failure> {
        self.known()?.into_iter().map(|known| self.connect(known, variables, access)).collect()
    }

    fn known(&self) -> Result<Vec<&'static Known>, Failure> {
        if self.venue.is_empty() {
            return Err(Failure::input(format!("--venue: name the venue; there are {}", names())));
        }
        let mut all: Vec<&'static Known> = Vec::new();
        for name in &self.venue {
            let Some(known) = VENUES.iter().find(|known| known.name == name) else {
                let shown: String = name.chars().take(40).collect();
                return Err(Failure::input(format!("--venue: there is no `{shown}`; there are {}", names())));
            };
            if all.iter().any(|other| other.name == known.name) {
                return Err(Failure::input(format!("--venue: `{}` is named twice", known.name)));
            }
            all.push(known);
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
        known: &'static Known,
        variables: &Variables,
        access: Access,
    ) -> Result<Connection, Failure> {
        let environment = self.environment()?;
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
        let probed = file::load(Path::new(path), known.name, &environment.to_string())?;
        let source = Source::Probed { date: probed.date, file: path.display().to_string() };
        Ok((Some(probed.capabilities), source))
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
    let shown: String = url.chars().take(60).collect();
    Err(Failure::input(format!(
        "--base-url: `{shown}` is not on this machine; allowed are addresses like http://127.0.0.1:3001"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_shown_by_their_end() {
        assert_eq!(short("0x5e9ee1089755c3435139848e47e6635505d5a13a"), "…d5a13a");
        assert_eq!(short("me"), "me");
    }

    #[test]
    fn other_spellings_are_recognised() {
        for text in ["BTC", "BTCUSDT", "BTC/USDT:USDT", "BTC-USDT", "BTCUSD"] {
            assert_eq!(base(text), "BTC");
        }
        assert_eq!(base("USDT"), "USDT");
    }

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
