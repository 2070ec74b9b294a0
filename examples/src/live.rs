//! Venues that are really there: which there are, on which network, and with what key.
//!
//! Keys come from the environment, or from a file `.env` in the current folder; what is set in the environment wins.
//! The libraries read no such file.

mod hyperliquid;
mod keyed;
mod site;
mod variables;

use evenkeel_exchange::{Clock, Observe, Trade};
use evenkeel_paper::Profile;
use evenkeel_types::{Capabilities, Symbol};

pub use self::site::Site;
pub use self::variables::Variables;
use crate::failure::Failure;

/// Where a venue's accounts are. Not every venue has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Real money.
    Mainnet,
    /// A network for tests.
    Testnet,
    /// Virtual money beside the real markets.
    Demo,
}

impl Environment {
    const ALL: [Self; 3] = [Self::Mainnet, Self::Testnet, Self::Demo];

    /// As it is written on the command line and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Testnet => "testnet",
            Self::Demo => "demo",
        }
    }
}

impl std::fmt::Display for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
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
    /// Where its account is.
    pub environment: Environment,
    /// Whose account, short: its end, or the variable that leads to it.
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
        format!("account {} on {} {}", self.account, self.name, self.environment)
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
fn short(account: &str) -> String {
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

/// Variables without which nothing can be opened.
fn not_set(names: &[&str]) -> Failure {
    Failure::input(format!(
        "not set: {}; put them into the environment or into a file .env, see .env.example",
        names.join(", ")
    ))
}

/// Makes a connector.
type Open = fn(&Wanted<'_>, Access) -> Result<Opened, Failure>;

/// A venue that can be connected to. Another one is a module with such an `open`, and a line in [`VENUES`].
struct Known {
    name: &'static str,
    environments: &'static [Environment],
    documented: fn() -> Capabilities,
    profile: fn() -> Profile,
    open: Open,
}

const VENUES: &[Known] = &[
    Known {
        name: "hyperliquid",
        environments: &[Environment::Mainnet, Environment::Testnet],
        documented: evenkeel_hyperliquid::capabilities,
        profile: evenkeel_paper::profiles::hyperliquid,
        open: hyperliquid::open,
    },
    Known {
        name: "binance",
        environments: &[Environment::Mainnet, Environment::Demo],
        documented: evenkeel_binance::capabilities,
        profile: evenkeel_paper::profiles::binance,
        open: keyed::binance,
    },
    Known {
        name: "bybit",
        environments: &[Environment::Mainnet, Environment::Testnet, Environment::Demo],
        documented: evenkeel_bybit::capabilities,
        profile: evenkeel_paper::profiles::bybit,
        open: keyed::bybit,
    },
    Known {
        name: "bingx",
        environments: &[Environment::Mainnet, Environment::Demo],
        documented: evenkeel_bingx::capabilities,
        profile: evenkeel_paper::profiles::bingx,
        open: keyed::bingx,
    },
];

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
}
