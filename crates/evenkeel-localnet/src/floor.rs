//! What the venues with API keys have in common: markets, accounts, orders with numbers, executions, a ledger, and time.
//! How requests are signed, what fields are called and what is said about a refusal is the venue's own.

mod account;
mod builder;
mod figures;
mod fills;
mod happened;
mod keys;
mod markets;
mod orders;
mod trailing;
mod watch;

use evenkeel_types::{Price, Quote, Rate, Scope, Symbol, Timestamp, Usd};

pub(crate) use account::{Account, Income, IncomeKind};
pub use builder::AccountSpec;
pub(crate) use builder::Plan;
pub(crate) use figures::{Figures, Held, places, text};
pub(crate) use fills::FillRow;
pub use keys::ApiKey;
pub use markets::Market;
pub(crate) use markets::{Listed, quote};
pub(crate) use orders::{Callback, Kind, Status, Ticket, Trigger, Why, Wish};
pub(crate) use watch::{News, OrderNews, Watch};

use crate::error::LocalnetError;

/// Steps of one advance: a year of hours and more. What is beyond happens in one step.
const MAX_STEPS: usize = 10_000;
/// Fundings that are in the history from the beginning, of each market.
const PAST_FUNDINGS: u64 = 24;
/// Fundings that are kept, of all markets: half a year of a dozen markets at four hours. Beyond it the older half goes.
const MAX_FUNDINGS: usize = 20_000;

/// Numbers that are given out once in the whole venue.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    next_order: u64,
    next_trade: u64,
    step: u64,
}

impl Ids {
    /// Numbers of orders begin at `order` and go up by `step`: of the length of real ones, so that a client that keeps
    /// them in too few bits is found out.
    pub(crate) fn new(order: u64, trade: u64, step: u64) -> Self {
        Self { next_order: order, next_trade: trade, step }
    }

    pub(crate) fn order(&mut self) -> u64 {
        let id = self.next_order;
        self.next_order = id.saturating_add(self.step);
        id
    }

    pub(crate) fn trade(&mut self) -> u64 {
        let id = self.next_trade;
        self.next_trade = id.saturating_add(1);
        id
    }
}

/// A funding that took place.
#[derive(Debug, Clone)]
pub(crate) struct Funding {
    pub(crate) time: Timestamp,
    pub(crate) symbol: Symbol,
    pub(crate) rate: Rate,
    pub(crate) mark: Price,
}

/// The floor of one venue.
#[derive(Debug, Clone)]
pub(crate) struct Floor {
    pub(crate) markets: Vec<Listed>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) ids: Ids,
    pub(crate) now: Timestamp,
    /// Oldest first.
    pub(crate) fundings: Vec<Funding>,
}

impl Floor {
    pub(crate) fn new(markets: Vec<Listed>, accounts: Vec<Account>, ids: Ids, start: Timestamp) -> Self {
        let mut floor = Self { markets, accounts, ids, now: start, fundings: Vec::new() };
        let mut rows = Vec::new();
        for market in &floor.markets {
            let interval = market.interval();
            let last = start.0.checked_div(interval).unwrap_or(0);
            for number in last.saturating_sub(PAST_FUNDINGS.saturating_sub(1))..=last {
                rows.push(market.funding_at(Timestamp(number.saturating_mul(interval)), market.mark));
            }
        }
        rows.sort_by_key(|row: &Funding| row.time);
        floor.fundings = rows;
        floor.sync();
        floor
    }

    pub(crate) fn market(&self, symbol: &str) -> Option<&Listed> {
        self.markets.iter().find(|market| market.symbol.as_str() == symbol)
    }

    /// The account that a key belongs to, by its place in `accounts`.
    pub(crate) fn account_of(&self, key: &str) -> Option<usize> {
        self.accounts.iter().position(|account| account.key.id() == key)
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// Present prices: the same in all accounts.
    pub(crate) fn quote(&self, symbol: &Symbol) -> Option<Quote> {
        self.accounts.first()?.quote(symbol)
    }

    /// Fundings of a market between two moments, both included, oldest first.
    pub(crate) fn fundings_of<'a>(
        &'a self,
        symbol: &'a str,
        from: Timestamp,
        until: Timestamp,
    ) -> impl DoubleEndedIterator<Item = &'a Funding> {
        let of = move |row: &&Funding| row.symbol.as_str() == symbol && row.time >= from && row.time <= until;
        self.fundings.iter().filter(of)
    }

    /// When the next funding of a market is due.
    pub(crate) fn next_funding(&self, market: &Listed) -> Timestamp {
        let interval = market.interval();
        let number = self.now.0.checked_div(interval).unwrap_or(0).saturating_add(1);
        Timestamp(number.saturating_mul(interval))
    }

    /// Takes over what happened in the paper exchanges.
    pub(crate) fn sync(&mut self) {
        for account in &mut self.accounts {
            account.sync(&mut self.ids);
        }
    }

    /// [`Account::forget`] for all of them, as the first thing of every request.
    pub(crate) fn forget(&mut self) {
        self.accounts.iter_mut().for_each(Account::forget);
    }

    /// Lets time pass: funding, asynchronous executions, scheduled cancels, in order of time. Never back.
    pub(crate) fn advance_to(&mut self, now: Timestamp) {
        for _ in 0..MAX_STEPS {
            if self.now >= now {
                break;
            }
            let funding = self.markets.iter().map(|market| self.next_funding(market)).min();
            let cancels = self.accounts.iter().filter_map(Account::next_cancel).min();
            let next =
                [funding, cancels].into_iter().flatten().fold(now, Timestamp::min).max(self.now.after(ONE));
            self.step(next);
        }
        if self.now < now {
            self.step(now);
        }
        self.sync();
    }

    fn step(&mut self, next: Timestamp) {
        for account in &mut self.accounts {
            account.advance_to(next);
        }
        self.now = next;
        let due: Vec<Funding> = self
            .markets
            .iter()
            .filter(|market| next.0.checked_rem(market.interval()) == Some(0))
            .map(|market| {
                let mark = self.quote(&market.symbol).map_or(market.mark, |quote| quote.mark);
                market.funding_at(next, mark)
            })
            .collect();
        self.fundings.extend(due);
        if self.fundings.len() > MAX_FUNDINGS {
            self.fundings.drain(..MAX_FUNDINGS >> 1);
        }
        for account in &mut self.accounts {
            account.cancel_scheduled(next);
        }
        self.sync();
    }

    pub(crate) fn set_price(&mut self, symbol: &Symbol, price: Price) -> Result<(), LocalnetError> {
        for account in &mut self.accounts {
            let scope = Scope::of([symbol.clone()]);
            let snapshot = account.world.peek(&scope).map_err(|error| impossible(error.message()))?;
            let instrument = snapshot.instruments.get(symbol).ok_or_else(|| impossible("no such market"))?;
            let quote = quote(&instrument.price_rule, price)?;
            account.world.set_quote(symbol, quote).map_err(|error| impossible(error.message()))?;
            account.follow_price(symbol, price);
        }
        self.sync();
        Ok(())
    }

    pub(crate) fn set_funding(&mut self, symbol: &Symbol, rate: Rate) -> Result<(), LocalnetError> {
        for account in &mut self.accounts {
            account.world.set_funding(symbol, rate).map_err(|error| impossible(error.message()))?;
        }
        for market in self.markets.iter_mut().filter(|market| market.symbol == *symbol) {
            market.funding = rate;
        }
        Ok(())
    }

    /// By the account's name.
    pub(crate) fn deposit(&mut self, name: &str, amount: Usd) -> Result<(), LocalnetError> {
        let found = self.accounts.iter_mut().find(|account| account.name == name);
        found.ok_or_else(|| impossible("no such account"))?.transfer(amount)?;
        self.sync();
        Ok(())
    }
}

fn impossible(text: &str) -> LocalnetError {
    LocalnetError::Impossible(text.to_owned())
}

const ONE: std::time::Duration = std::time::Duration::from_millis(1);

#[cfg(test)]
mod tests;
