//! What is told one by one, each from where it was left.

use std::collections::BTreeMap;
use std::ops::Bound;

use evenkeel_types::Timestamp;
use serde_json::{Value, json};

use crate::hyperliquid::account::Account;
use crate::hyperliquid::action::Tif;
use crate::hyperliquid::crypto::Address;
use crate::hyperliquid::info::{funding_row, ledger_row, short};
use crate::hyperliquid::numbers::text;
use crate::hyperliquid::server::Server;
use crate::hyperliquid::tickets::{Kind, Ticket};

/// Rows of the first message.
const MAX_PAST: usize = 2000;

/// Orders.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    /// What was told of those that are not over: status and size left.
    open: BTreeMap<u64, (&'static str, String)>,
    /// The youngest that was looked at.
    youngest: u64,
}

impl Orders {
    pub(super) fn from_now(account: Option<&Account>) -> Self {
        let mut orders = Self::default();
        if let Some(account) = account {
            for ticket in account.tickets.values().filter(|ticket| ticket.is_open(&account.world)) {
                orders.open.insert(ticket.oid, stand(account, ticket));
            }
            orders.youngest = account.tickets.keys().next_back().copied().unwrap_or(0);
        }
        orders
    }

    /// Rows of `orderUpdates`.
    pub(super) fn news(&mut self, server: &Server, user: Address) -> Vec<Value> {
        let Some(account) = server.find(user) else { return Vec::new() };
        let mut rows = Vec::new();
        for (ticket, is_new) in self.changed(account) {
            let status = ticket.status(&account.world);
            // One that would have rested was open for a moment, and the venue says so.
            if is_new && status != "open" && status != "rejected" && rests(ticket) {
                let mut row = row(account, ticket, "open", ticket.placed);
                if let Some(order) = row.get_mut("order").and_then(Value::as_object_mut) {
                    order.insert("sz".to_owned(), json!(text(ticket.size)));
                }
                rows.push(row);
            }
            let at = match (ticket.is_open(&account.world), is_new) {
                (true, false) => server.now,
                (true, true) => ticket.placed,
                (false, _) => ticket.changed,
            };
            rows.push(row(account, ticket, status, at));
        }
        rows
    }

    /// Rows of `nonUserCancel`.
    pub(super) fn cancelled_by_the_venue(&mut self, server: &Server, user: Address) -> Vec<Value> {
        let Some(account) = server.find(user) else { return Vec::new() };
        let changed = self.changed(account);
        let by_venue =
            changed.iter().filter(|(ticket, _)| ticket.status(&account.world).ends_with("Canceled"));
        by_venue.map(|(ticket, _)| json!({"coin": ticket.symbol.as_str(), "oid": ticket.oid})).collect()
    }

    /// Orders that are not as they were told, and whether they are new.
    fn changed<'a>(&mut self, account: &'a Account) -> Vec<(&'a Ticket, bool)> {
        let young = account.tickets.range((Bound::Excluded(self.youngest), Bound::Unbounded));
        let young = young.map(|(_, ticket)| (ticket, true));
        self.open.retain(|oid, _| account.tickets.contains_key(oid));
        let old = self.open.keys().filter_map(|oid| account.tickets.get(oid)).map(|ticket| (ticket, false));
        let mut changed = Vec::new();
        for (ticket, is_new) in old.chain(young).collect::<Vec<_>>() {
            let now = stand(account, ticket);
            if self.open.get(&ticket.oid) == Some(&now) {
                continue;
            }
            if ticket.is_open(&account.world) {
                self.open.insert(ticket.oid, now);
            } else {
                self.open.remove(&ticket.oid);
            }
            changed.push((ticket, is_new));
        }
        self.youngest = account.tickets.keys().next_back().copied().unwrap_or(self.youngest);
        changed
    }
}

/// Status, and what is left of it by its own executions: that of a covering stop follows the position.
fn stand(account: &Account, ticket: &Ticket) -> (&'static str, String) {
    (ticket.status(&account.world), text(ticket.filled(&account.world).get()))
}

fn rests(ticket: &Ticket) -> bool {
    matches!(ticket.kind, Kind::Limit(Tif::Gtc | Tif::Alo))
}

fn row(account: &Account, ticket: &Ticket, status: &str, at: Timestamp) -> Value {
    let mut order = short(account, ticket);
    if let Some(order) = order.as_object_mut() {
        order.remove("reduceOnly");
    }
    json!({"order": order, "status": status, "statusTimestamp": at.0})
}

/// Executions.
#[derive(Debug, Clone, Default)]
pub(super) struct Fills {
    /// The number of the last one; old ones may be forgotten meanwhile.
    last: u64,
    begun: bool,
}

impl Fills {
    pub(super) fn from_the_beginning() -> Self {
        Self::default()
    }

    pub(super) fn from_now(account: Option<&Account>) -> Self {
        let last = account.and_then(|account| account.fills.last());
        Self { last: last.map_or(0, |fill| fill.tid), begun: true }
    }

    pub(super) fn news(&mut self, server: &Server, user: Address) -> Vec<Value> {
        let Some(account) = server.find(user) else { return Vec::new() };
        let from = account.fills.partition_point(|fill| fill.tid <= self.last);
        let rows = account.fills.get(from..).unwrap_or_default();
        self.last = rows.last().map_or(self.last, |fill| fill.tid);
        rows.iter().map(|fill| fill.show(user)).collect()
    }

    pub(super) fn messages(&mut self, server: &Server, user: Address) -> Vec<Value> {
        let rows = self.news(server, user);
        wrapped(&mut self.begun, user, "fills", rows)
    }
}

/// Payments of funding.
#[derive(Debug, Clone, Default)]
pub(super) struct Fundings {
    seen: usize,
    begun: bool,
}

impl Fundings {
    pub(super) fn from_now(account: Option<&Account>) -> Self {
        Self { seen: account.map_or(0, |account| account.world.all_payments().end()), begun: true }
    }

    pub(super) fn news(&mut self, server: &Server, user: Address) -> Vec<Value> {
        let Some(account) = server.find(user) else { return Vec::new() };
        let payments = account.world.all_payments();
        let new = payments.from(self.seen).map(|(_, payment)| payment);
        self.seen = payments.end();
        let mut rows = Vec::new();
        for payment in new {
            let mut row = funding_row(&payment.symbol, payment.amount, payment.qty, payment.rate);
            if let Some(row) = row.as_object_mut() {
                row.insert("time".to_owned(), json!(payment.time.0));
            }
            rows.push(row);
        }
        rows
    }

    pub(super) fn messages(&mut self, server: &Server, user: Address) -> Vec<Value> {
        let rows = self.news(server, user);
        wrapped(&mut self.begun, user, "fundings", rows)
    }
}

/// Money that comes and goes otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    seen: usize,
    begun: bool,
}

impl Ledger {
    pub(super) fn messages(&mut self, server: &Server, user: Address) -> Vec<Value> {
        let rows = server.find(user).map(|account| {
            // Counted from the end: old rows may be forgotten meanwhile.
            let new = account.booked.saturating_sub(self.seen);
            let from = account.ledger.len().saturating_sub(new);
            let rows = account.ledger.get(from..).unwrap_or_default();
            self.seen = account.booked;
            rows.iter().map(|row| ledger_row(user, row)).collect()
        });
        wrapped(&mut self.begun, user, "nonFundingLedgerUpdates", rows.unwrap_or_default())
    }
}

/// The first message holds what was before, and comes even when that is nothing.
fn wrapped(begun: &mut bool, user: Address, name: &str, mut rows: Vec<Value>) -> Vec<Value> {
    if *begun {
        return if rows.is_empty() {
            Vec::new()
        } else {
            vec![json!({"user": user.to_string(), name: rows})]
        };
    }
    *begun = true;
    let old = rows.len().saturating_sub(MAX_PAST);
    rows.drain(..old);
    vec![json!({"isSnapshot": true, "user": user.to_string(), name: rows})]
}
