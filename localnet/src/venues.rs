//! What there is to start. A new venue is a file below this one and a line in [`ALL`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use evenkeel_localnet::{Access, AccountSpec, Blueprint, Hand, Localnet, LocalnetError, WallClock};

use crate::scenario::Scenario;

mod binance;
mod bingx;
mod bybit;
mod hyperliquid;

/// Every venue.
pub static ALL: &[&Kind] = &[&hyperliquid::KIND, &binance::KIND, &bybit::KIND, &bingx::KIND];

/// A venue that is being started.
pub type Starting<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn Hand>, LocalnetError>> + 'a>>;

/// A kind of venue.
#[derive(Debug)]
pub struct Kind {
    /// Its name, as in commands and paths.
    pub name: &'static str,
    /// What a coin's perpetual is called there.
    pub symbol: fn(&str) -> String,
    /// Starts it on a port (0: a free one).
    pub start: for<'a> fn(&'a Scenario, u16) -> Starting<'a>,
    /// How clients are pointed at it.
    pub snippets: fn(&str, &Access) -> Vec<Snippet>,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// How one client is pointed at a venue: lines to paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// Which client.
    pub client: &'static str,
    /// The lines.
    pub lines: String,
}

/// The venue of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.name == name)
}

/// The names of all of them, for messages.
#[must_use]
pub fn names() -> String {
    list(ALL)
}

/// Their names, for messages.
#[must_use]
pub fn list(kinds: &[&Kind]) -> String {
    kinds.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ")
}

/// The accounts of a scenario, at a venue whose clients have API keys.
fn keyed<'a>(scenario: &'a Scenario, kind: &'a Kind) -> impl Iterator<Item = AccountSpec> + 'a {
    scenario.accounts().into_iter().map(|(name, row)| {
        let account = AccountSpec::named(&name).world(scenario.furnish(&row, kind));
        row.cash.into_iter().fold(account, |account, cash| account.cash(&cash.to_string()))
    })
}

/// Where a venue pushes: beside its calls.
fn sockets(url: &str) -> String {
    url.replacen("http", "ws", 1)
}

/// Starts what a blueprint describes, with the scenario's prices and faults.
async fn serve<B: Blueprint>(
    kind: &Kind,
    blueprint: B,
    scenario: &Scenario,
    port: u16,
) -> Result<Arc<dyn Hand>, LocalnetError> {
    let net = Localnet::start_with(blueprint, Arc::new(WallClock), scenario.seed, port).await?;
    net.set_skew(scenario.clock_skew_ms);
    for (coin, price) in &scenario.prices {
        net.set_price(&(kind.symbol)(coin), &price.to_string())?;
    }
    let rules = scenario.rules_for(kind)?;
    for rule in &rules {
        net.can_strike(rule).map_err(|why| {
            LocalnetError::Impossible(format!(
                "faults at {} (one without `venue` is at each that is started): {why}",
                kind.name
            ))
        })?;
    }
    net.inject(rules);
    Ok(Arc::new(net))
}
