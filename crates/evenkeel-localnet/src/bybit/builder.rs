//! Describing a venue.

use evenkeel_paper::profiles;
use evenkeel_types::Timestamp;

use super::limits::Limits;
use super::markets::usual;
use super::server::Server;
use crate::error::LocalnetError;
use crate::floor::{AccountSpec, Ids, Market, Plan};
use crate::venue::Blueprint;

/// Where the numbers of orders and executions begin; orders show theirs as UUIDs.
const FIRST_ORDER: u64 = 5_721_000_000;
const FIRST_TRADE: u64 = 140_612_148_849;
/// Lengths of a key and its secret.
const KEY: (usize, usize) = (18, 36);

/// Describes a venue; [`Blueprint::build_at`] makes it. Without any market there are nine, BTC, ETH and SOL among them;
/// without any account there is one named `main`.
#[derive(Debug, Default)]
#[must_use]
pub struct Builder {
    markets: Vec<Market>,
    accounts: Vec<AccountSpec>,
    seed: u64,
    late_refusals: bool,
    unlimited: bool,
}

impl Builder {
    /// Lists a market, instead of the usual ones. All are settled in USDT.
    pub fn market(mut self, market: Market) -> Self {
        self.markets.push(market);
        self
    }

    /// Opens an account.
    pub fn account(mut self, account: AccountSpec) -> Self {
        self.accounts.push(account);
        self
    }

    /// Seeds whatever is random in the paper exchanges.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Keeps no rate limits, though their headers are there. For a clock that is moved by hand while requests are on their
    /// way: what its client sent a second ago arrives now.
    pub fn unlimited(mut self) -> Self {
        self.unlimited = true;
        self
    }

    /// Margin and reduce-only rules are looked at when an order is carried out, 50 ms after it was acknowledged, and never
    /// before: such an order ends as `Rejected`. The venue does both; usually it refuses at once.
    pub fn late_refusals(mut self) -> Self {
        self.late_refusals = true;
        self
    }
}

impl Blueprint for Builder {
    type Venue = Server;

    fn build_at(self, start: Timestamp) -> Result<Server, LocalnetError> {
        let markets = if self.markets.is_empty() { usual() } else { self.markets };
        let plan = Plan {
            profile: profiles::bybit(),
            markets,
            accounts: self.accounts,
            ids: Ids::new(FIRST_ORDER, FIRST_TRADE, 1),
            seed: self.seed,
            key: KEY,
        };
        Ok(Server::new(plan.build(start)?, KEY, Limits::new(!self.unlimited), self.late_refusals))
    }
}
