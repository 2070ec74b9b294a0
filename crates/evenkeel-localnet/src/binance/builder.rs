//! Describing a venue.

use std::collections::BTreeMap;

use evenkeel_paper::profiles;
use evenkeel_types::Timestamp;

use super::keys::PublicKey;
use super::limits::Limits;
use super::markets;
use super::server::Server;
use crate::error::LocalnetError;
use crate::floor::{AccountSpec, ApiKey, Ids, Market, Plan};
use crate::venue::Blueprint;

/// Characters of a key, and of its secret.
pub(crate) const KEY_LENGTH: usize = 64;
/// Where the numbers of orders and executions begin: of the length of real ones.
const FIRST_ORDER: u64 = 974_828_356_187;
const FIRST_TRADE: u64 = 6_871_202_410;

/// Describes a venue; [`Blueprint::build_at`] makes it. Without any market there are BTCUSDT, ETHUSDT, SOLUSDT, XRPUSDT,
/// BNBUSDT, DOGEUSDT, ADAUSDT and LTCUSDT; without any account there is one named `main`.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    markets: Vec<Market>,
    accounts: Vec<AccountSpec>,
    public_keys: Vec<(String, [u8; 32])>,
    seed: u64,
}

impl Server {
    /// A venue with the usual markets and one account.
    pub fn builder() -> Builder {
        Builder { markets: Vec::new(), accounts: Vec::new(), public_keys: Vec::new(), seed: 0 }
    }
}

impl Builder {
    /// A market, quoted and margined in USDT.
    pub fn market(mut self, market: Market) -> Self {
        self.markets.push(market);
        self
    }

    /// An account.
    pub fn account(mut self, account: AccountSpec) -> Self {
        self.accounts.push(account);
        self
    }

    /// An Ed25519 key of an account besides its HMAC key: the public half; [`Server::ed25519_key`] has its id.
    pub fn ed25519(mut self, account: &str, public_key: [u8; 32]) -> Self {
        self.public_keys.push((account.to_owned(), public_key));
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
        let markets = if self.markets.is_empty() { markets::usual() } else { self.markets };
        let plan = Plan {
            profile: profiles::binance(),
            markets,
            accounts: self.accounts,
            ids: Ids::new(FIRST_ORDER, FIRST_TRADE, 1),
            seed: self.seed,
            key: (KEY_LENGTH, KEY_LENGTH),
        };
        let floor = plan.build(start)?;
        let mut public_keys = Vec::with_capacity(self.public_keys.len());
        for (name, bytes) in self.public_keys {
            let id = ApiKey::named(&format!("binance/{name}/ed25519"), KEY_LENGTH, 0).id().to_owned();
            let account = floor.accounts.iter().position(|account| account.name == name);
            let key = account.and_then(|account| PublicKey::new(id, account, &bytes));
            public_keys.push(key.ok_or_else(|| {
                LocalnetError::Impossible(format!("{name} is no account, or its Ed25519 key is none"))
            })?);
        }
        Ok(Server {
            floor,
            public_keys,
            limits: Limits::default(),
            moves: BTreeMap::new(),
            timers: BTreeMap::new(),
            sockets: super::stream::Sockets::default(),
        })
    }
}
