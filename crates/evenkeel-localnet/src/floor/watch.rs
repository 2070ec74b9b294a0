//! What changed in an account since a listener last heard of it.
//!
//! A listener's place is kept, not a list of what it missed: who listens to nothing costs nothing, and venues with streams of
//! their own word it as they do.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Range};

use evenkeel_types::{Leverage, MarginMode, PositionSide, Price, Qty, Symbol, Usd};

use super::account::Account;
use super::markets::Listed;
use super::orders::Status;

/// The place of a listener.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// Numbers of the last execution and the last movement of money: old ones may be forgotten meanwhile.
    last: (u64, u64),
    /// Orders that were open, as they were told.
    open: BTreeMap<u64, Told>,
    /// The youngest order that was looked at.
    youngest: u64,
    legs: BTreeMap<(Symbol, PositionSide), Leg>,
    cash: (Usd, Usd),
    settings: BTreeMap<Symbol, Setting>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    status: Status,
    revision: u32,
}

/// What is worth a message when it changes; profit that comes and goes with the price is not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Leg {
    qty: Qty,
    entry: Price,
    mode: MarginMode,
    leverage: Leverage,
    bucket: Option<Usd>,
}

/// Leverage of long and short positions, and the margin mode.
pub(crate) type Setting = (Leverage, Leverage, MarginMode);

/// What happened.
#[derive(Debug, Clone)]
pub(crate) struct News {
    /// Oldest first.
    pub(crate) orders: Vec<OrderNews>,
    /// Executions, by their place in the account's list.
    pub(crate) fills: Range<usize>,
    /// Movements of money, by their place in the account's list.
    pub(crate) income: Range<usize>,
    /// Legs that are not as they were, those included that are gone.
    pub(crate) legs: Vec<(Symbol, PositionSide)>,
    /// Whether the money of the wallet is another, whole or cross.
    pub(crate) cash: bool,
    /// Settings that are not as they were: before and now.
    pub(crate) settings: Vec<(Symbol, Setting, Setting)>,
}

/// What happened to an order.
#[derive(Debug, Clone)]
pub(crate) struct OrderNews {
    pub(crate) id: u64,
    /// `None` of one that is new.
    pub(crate) before: Option<Status>,
    pub(crate) now: Status,
    /// It was changed by its owner.
    pub(crate) amended: bool,
    /// Its executions since, by their place in the account's list.
    pub(crate) fills: Vec<usize>,
}

impl News {
    pub(crate) fn is_empty(&self) -> bool {
        self.orders.is_empty()
            && self.fills.is_empty()
            && self.income.is_empty()
            && self.legs.is_empty()
            && !self.cash
            && self.settings.is_empty()
    }
}

impl Watch {
    /// From now on.
    pub(crate) fn new(account: &Account, markets: &[Listed]) -> Self {
        let mut watch = Self {
            last: (0, 0),
            open: BTreeMap::new(),
            youngest: 0,
            legs: BTreeMap::new(),
            cash: (Usd::ZERO, Usd::ZERO),
            settings: BTreeMap::new(),
        };
        drop(watch.news(account, markets));
        watch
    }

    /// Since the last time.
    pub(crate) fn news(&mut self, account: &Account, markets: &[Listed]) -> News {
        let (trade, booked) = self.last;
        let fills = account.fills.partition_point(|fill| fill.trade <= trade)..account.fills.len();
        let income = account.income.partition_point(|row| row.id <= booked)..account.income.len();
        self.last = (
            account.fills.last().map_or(trade, |fill| fill.trade),
            account.income.last().map_or(booked, |row| row.id),
        );
        let orders = self.orders(account, fills.clone());
        let (mut legs, mut cash) = (Vec::new(), false);
        if let Some(figures) = account.figures(markets) {
            let now = (figures.wallet, figures.cross_wallet);
            cash = now != self.cash;
            self.cash = now;
            let mut held = BTreeMap::new();
            for one in figures.held {
                let bucket = one.isolated.map(|(_, cash)| cash);
                let (qty, entry, mode, leverage) = (one.qty, one.entry, one.mode, one.leverage);
                held.insert((one.symbol, one.leg), Leg { qty, entry, mode, leverage, bucket });
            }
            let before = std::mem::replace(&mut self.legs, held);
            let names: BTreeSet<_> = before.keys().chain(self.legs.keys()).cloned().collect();
            legs = names.into_iter().filter(|name| before.get(name) != self.legs.get(name)).collect();
        }
        let settings = account.snapshot(markets).map(|snapshot| snapshot.settings).unwrap_or_default();
        let mut changed = Vec::new();
        for (symbol, setting) in settings {
            let now = (setting.long, setting.short, setting.mode);
            let before = self.settings.insert(symbol.clone(), now);
            if let Some(before) = before.filter(|before| *before != now) {
                changed.push((symbol, before, now));
            }
        }
        News { orders, fills, income, legs, cash, settings: changed }
    }

    fn orders(&mut self, account: &Account, fills: Range<usize>) -> Vec<OrderNews> {
        let mut traded: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for place in fills {
            if let Some(fill) = account.fills.get(place) {
                traded.entry(fill.order).or_default().push(place);
            }
        }
        let young = account.tickets.range((Bound::Excluded(self.youngest), Bound::Unbounded));
        self.open.retain(|id, _| account.tickets.contains_key(id));
        let ids: Vec<u64> = self.open.keys().chain(young.map(|(id, _)| id)).copied().collect();
        let mut news = Vec::new();
        for ticket in ids.into_iter().filter_map(|id| account.tickets.get(&id)) {
            let (now, revision) = (ticket.status(&account.world), ticket.revision);
            let before = self.open.remove(&ticket.id);
            if ticket.is_open(&account.world) {
                self.open.insert(ticket.id, Told { status: now.clone(), revision });
            }
            let fills = traded.remove(&ticket.id).unwrap_or_default();
            let amended = before.as_ref().is_some_and(|before| before.revision != revision);
            let before = before.map(|before| before.status);
            if amended || !fills.is_empty() || before.as_ref() != Some(&now) {
                news.push(OrderNews { id: ticket.id, before, now, amended, fills });
            }
        }
        self.youngest = account.tickets.keys().next_back().copied().unwrap_or(self.youngest);
        news
    }
}
