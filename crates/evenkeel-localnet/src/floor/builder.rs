//! Describing accounts.

use evenkeel_paper::{Builder as WorldBuilder, Profile, World};
use evenkeel_types::{Decimal, Exact, PositionMode, Rate, Scope, Timestamp, Usd};

use super::account::Account;
use super::fills::Book;
use super::keys::ApiKey;
use super::markets::{Listed, Market, pool};
use super::{Floor, Ids};
use crate::error::LocalnetError;

type Change = Box<dyn FnOnce(WorldBuilder) -> WorldBuilder>;

/// One account of a venue. Its key follows from its name, for ever.
#[must_use]
pub struct AccountSpec {
    name: String,
    cash: String,
    spot: String,
    hedge: bool,
    change: Option<Change>,
}

impl std::fmt::Debug for AccountSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountSpec").field("name", &self.name).finish_non_exhaustive()
    }
}

impl AccountSpec {
    /// An account with 10 000 of the quote coin, in one-way mode.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            cash: "10000".to_owned(),
            spot: "0".to_owned(),
            hedge: false,
            change: None,
        }
    }

    /// Money in the perpetual wallet. Isolated positions of the paper exchange's builder bring their own.
    pub fn cash(mut self, amount: &str) -> Self {
        amount.clone_into(&mut self.cash);
        self
    }

    /// Money beside the perpetual wallet, of the same coin.
    pub fn spot(mut self, amount: &str) -> Self {
        amount.clone_into(&mut self.spot);
        self
    }

    /// In hedge mode.
    pub fn hedge(mut self) -> Self {
        self.hedge = true;
        self
    }

    /// Positions, settings, fees and execution, through the paper exchange's own builder; the markets are listed
    /// already.
    pub fn world(mut self, change: impl FnOnce(WorldBuilder) -> WorldBuilder + 'static) -> Self {
        self.change = Some(Box::new(change));
        self
    }
}

/// What a floor is made from.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) profile: Profile,
    pub(crate) markets: Vec<Market>,
    pub(crate) accounts: Vec<AccountSpec>,
    pub(crate) ids: Ids,
    pub(crate) seed: u64,
    /// Lengths of the two parts of a key.
    pub(crate) key: (usize, usize),
}

impl Plan {
    pub(crate) fn build(self, start: Timestamp) -> Result<Floor, LocalnetError> {
        let (fee, step): (Rate, Decimal) = (self.profile.liquidation_fee, self.profile.leverage_step);
        let markets: Vec<Listed> =
            self.markets.iter().map(|market| market.listed(fee, step)).collect::<Result<_, _>>()?;
        let coin = markets.first().map_or("USDT", |market| market.quote_coin.as_str()).to_owned();
        let specs = if self.accounts.is_empty() { vec![AccountSpec::named("main")] } else { self.accounts };
        let mut accounts = Vec::with_capacity(specs.len());
        for (number, spec) in specs.into_iter().enumerate() {
            let key = ApiKey::named(&format!("{}/{}", self.profile.name, spec.name), self.key.0, self.key.1);
            let mut world = World::builder(self.profile.clone())
                .account(&spec.name)
                .start(start)
                .seed(self.seed)
                .cash(&coin, &spec.cash);
            if spec.hedge {
                world = world.hedge();
            }
            for market in &markets {
                world = market.list(world)?;
            }
            if let Some(change) = spec.change {
                world = change(world);
            }
            let world = world.build()?;
            let spot: Usd = spec.spot.parse()?;
            let number = u64::try_from(number).unwrap_or(0).saturating_add(1);
            let mut account = Account::new(spec.name, number, key, world, spot, pool(&coin)?);
            account.remember_positions()?;
            accounts.push(account);
        }
        Ok(Floor::new(markets, accounts, self.ids, start))
    }
}

impl Account {
    /// What is held from the beginning.
    fn remember_positions(&mut self) -> Result<(), LocalnetError> {
        let snapshot = self.world.peek(&Scope::default());
        let snapshot = snapshot.map_err(|error| LocalnetError::Impossible(error.message().to_owned()))?;
        for position in snapshot.positions {
            let entry = position.entry.map_or(Decimal::ZERO, evenkeel_types::Price::get);
            let paid = Usd::new(entry.times(position.qty.get())?)?;
            let book = Book { qty: position.qty, paid, realised: Usd::ZERO, since: snapshot.as_of };
            self.books.insert((position.symbol, position.side), book);
        }
        Ok(())
    }

    /// Whether it keeps long and short positions of a symbol apart.
    pub(crate) fn is_hedged(&self) -> bool {
        self.position_mode() == PositionMode::Hedge
    }
}
