//! Describing a venue.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_paper::{Builder as WorldBuilder, World, profiles};
use evenkeel_types::{Decimal, Exact, Qty, Timestamp, Usd};

use super::account::{Account, Agent, Ids};
use super::crypto::{Address, TestKey};
use super::fills::Held;
use super::markets::{Listed, Market};
use super::server::Server;
use crate::error::LocalnetError;
use crate::venue::Blueprint;

/// Where the numbers of orders and executions begin: of the length of real ones, so that a client that keeps them in
/// 32 bits is found out.
const FIRST_OID: u64 = 90_542_681_000;
const FIRST_TID: u64 = 574_105_430_000_000;
/// How long an agent is valid: as long as the venue makes it.
const AGENT_DAYS: u64 = 90;
const DAY: u64 = 24 * 3600 * 1000;

/// Which network's signatures are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Network {
    /// Signatures for the main network.
    Mainnet,
    /// Signatures for the test network.
    Testnet,
}

type Change = Box<dyn FnOnce(WorldBuilder) -> WorldBuilder>;

/// One account of a venue. Its keys follow from its name, for ever.
#[must_use]
pub struct AccountSpec {
    name: String,
    of: Option<(String, String)>,
    cash: String,
    spot: String,
    abstraction: String,
    traded: String,
    extra_agents: Vec<(String, Address, Option<Timestamp>)>,
    change: Option<Change>,
}

impl std::fmt::Debug for AccountSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountSpec").field("name", &self.name).finish_non_exhaustive()
    }
}

impl AccountSpec {
    /// An account with 10 000 USDC and one agent.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            of: None,
            cash: "10000".to_owned(),
            spot: "0".to_owned(),
            abstraction: "default".to_owned(),
            traded: "0".to_owned(),
            extra_agents: Vec::new(),
            change: None,
        }
    }

    /// A sub-account of the account with this name; it is traded for by the keys of its master.
    pub fn sub_of(mut self, master: &str) -> Self {
        self.of = Some((master.to_owned(), self.name.clone()));
        self
    }

    /// USDC in the perpetual wallet. Isolated positions of the paper exchange's builder bring their own.
    pub fn cash(mut self, amount: &str) -> Self {
        amount.clone_into(&mut self.cash);
        self
    }

    /// USDC in the spot wallet.
    pub fn spot(mut self, amount: &str) -> Self {
        amount.clone_into(&mut self.spot);
        self
    }

    /// What `userAbstraction` says; `default` unless given. Only `default` and `disabled` are emulated: with another
    /// mode the figures are still those of the standard one, and clients have to refuse them.
    pub fn abstraction(mut self, mode: &str) -> Self {
        mode.clone_into(&mut self.abstraction);
        self
    }

    /// Volume traded before the beginning, in USDC: above a million cancels can be scheduled.
    pub fn traded(mut self, volume: &str) -> Self {
        volume.clone_into(&mut self.traded);
        self
    }

    /// Another agent, under a name.
    pub fn agent(mut self, name: &str, address: Address, valid_until: Option<Timestamp>) -> Self {
        self.extra_agents.push((name.to_owned(), address, valid_until));
        self
    }

    /// Positions, settings, fees and execution, through the paper exchange's own builder; the markets are listed
    /// already.
    pub fn world(mut self, change: impl FnOnce(WorldBuilder) -> WorldBuilder + 'static) -> Self {
        self.change = Some(Box::new(change));
        self
    }

    fn key(name: &str) -> TestKey {
        TestKey::named(&format!("hyperliquid/{name}/master"))
    }

    fn build(self, markets: &[Market], start: Timestamp, seed: u64) -> Result<Account, LocalnetError> {
        let (key, agent_key) =
            (Self::key(&self.name), TestKey::named(&format!("hyperliquid/{}/agent", self.name)));
        let address = key.address();
        let mut world = World::builder(profiles::hyperliquid())
            .account(&address.to_string())
            .start(start)
            .seed(seed)
            .cash("USDC", &self.cash);
        for market in markets {
            world = market.list(world)?;
        }
        if let Some(change) = self.change {
            world = change(world);
        }
        let world = world.build()?;
        let mut held = BTreeMap::new();
        let snapshot = world.peek(&evenkeel_types::Scope::default());
        let snapshot = snapshot.map_err(|error| LocalnetError::Impossible(error.message().to_owned()))?;
        for position in snapshot.positions {
            let entry = position.entry.map_or(Decimal::ZERO, evenkeel_types::Price::get);
            let paid = Usd::new(entry.times(position.qty.get())?)?;
            held.insert(position.symbol, Held { qty: Qty::new(position.qty.get())?, paid });
        }
        let until = Timestamp(start.0.saturating_add(AGENT_DAYS.saturating_mul(DAY)));
        let mut agents = Vec::new();
        if self.of.is_none() {
            agents.push(Agent { name: None, address: agent_key.address(), valid_until: until });
        }
        agents.extend(self.extra_agents.into_iter().map(|(name, address, valid_until)| Agent {
            name: Some(name),
            address,
            valid_until: valid_until.unwrap_or(until),
        }));
        let seen = (world.orders().end(), world.all_fills().end());
        Ok(Account {
            name: self.name,
            address,
            master: self.of.map(|(master, name)| (Self::key(&master).address(), name)),
            key,
            agent_key,
            agents,
            world,
            spot: self.spot.parse()?,
            abstraction: self.abstraction,
            traded: self.traded.parse::<Usd>()?.get(),
            requests: 0,
            last_over_budget: None,
            cancel_at: None,
            tickets: BTreeMap::new(),
            by_cloid: BTreeMap::new(),
            live: BTreeSet::new(),
            fills: Vec::new(),
            ledger: Vec::new(),
            booked: 0,
            held,
            seen,
            others: BTreeMap::new(),
            history: crate::history::MAX_HISTORY,
        })
    }
}

/// Describes a venue; [`Blueprint::build_at`] makes it. Without any market there are BTC, ETH, SOL and HYPE (isolated
/// only); without any account there is one named `main`.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    network: Network,
    markets: Vec<Market>,
    accounts: Vec<AccountSpec>,
    seed: u64,
}

impl Server {
    /// A venue that takes signatures for the test network.
    pub fn builder() -> Builder {
        Builder { network: Network::Testnet, markets: Vec::new(), accounts: Vec::new(), seed: 0 }
    }
}

impl Builder {
    /// Which network's signatures are taken; those of the test network unless told otherwise.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// A market. Its number in actions is its place in the order of calls, from 0.
    pub fn market(mut self, market: Market) -> Self {
        self.markets.push(market);
        self
    }

    /// An account.
    pub fn account(mut self, account: AccountSpec) -> Self {
        self.accounts.push(account);
        self
    }

    /// What all randomness of the paper exchanges is drawn from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Blueprint for Builder {
    type Venue = Server;

    fn build_at(self, start: Timestamp) -> Result<Server, LocalnetError> {
        let markets = if self.markets.is_empty() { Market::usual() } else { self.markets };
        let specs = if self.accounts.is_empty() { vec![AccountSpec::named("main")] } else { self.accounts };
        let listed: Vec<Listed> = markets.iter().map(Market::listed).collect::<Result<_, _>>()?;
        let mut accounts = Vec::with_capacity(specs.len());
        for spec in specs {
            accounts.push(spec.build(&markets, start, self.seed)?);
        }
        let mainnet = self.network == Network::Mainnet;
        let ids = Ids { next_oid: FIRST_OID, next_tid: FIRST_TID };
        Ok(Server::new(mainnet, listed, accounts, ids, start))
    }
}
