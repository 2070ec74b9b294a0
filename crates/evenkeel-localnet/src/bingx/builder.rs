//! Describing a venue.

use evenkeel_paper::profiles;
use evenkeel_types::Timestamp;

use super::contracts::usual;
use super::server::Server;
use crate::error::LocalnetError;
use crate::floor::{AccountSpec, Ids, Market, Plan};
use crate::venue::Blueprint;

/// Where numbers begin and how far apart they are: of the length of real ones, above what JavaScript's numbers hold.
const FIRST_ORDER: u64 = 2_075_327_764_731_486_208;
const ORDER_STEP: u64 = 4_194_304;
const FIRST_TRADE: u64 = 97_244_554;
/// Lengths of a key and its secret.
const KEY: (usize, usize) = (86, 86);

/// Which of the venue's two hosts it is. They differ in the coin and in how some answers are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Environment {
    /// Real money: USDT.
    Live,
    /// Virtual money: VST.
    Demo,
}

/// Describes a venue; [`Blueprint::build_at`] makes it. Without any market there are BTC, ETH, SOL and five more; without
/// any account there is one named `main`.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    environment: Environment,
    markets: Vec<Market>,
    accounts: Vec<AccountSpec>,
    seed: u64,
}

impl Server {
    /// A venue as the host for real money is.
    pub fn builder() -> Builder {
        Builder { environment: Environment::Live, markets: Vec::new(), accounts: Vec::new(), seed: 0 }
    }
}

impl Builder {
    /// Which host it imitates; the one for real money unless told otherwise.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Lists a market, instead of the usual ones. Its symbol is written `SOL-USDT`.
    pub fn market(mut self, market: Market) -> Self {
        self.markets.push(market);
        self
    }

    /// Opens an account.
    pub fn account(mut self, account: AccountSpec) -> Self {
        self.accounts.push(account);
        self
    }

    /// Seed of the paper exchanges; 0 unless given.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Blueprint for Builder {
    type Venue = Server;

    fn build_at(self, start: Timestamp) -> Result<Server, LocalnetError> {
        let plan = Plan {
            profile: profiles::bingx(),
            markets: if self.markets.is_empty() { usual() } else { self.markets },
            accounts: self.accounts,
            ids: Ids::new(FIRST_ORDER, FIRST_TRADE, ORDER_STEP),
            seed: self.seed,
            key: KEY,
        };
        Ok(Server::new(self.environment == Environment::Demo, plan.build(start)?))
    }
}
