//! What the venue knows of an account's orders beside the floor: which orders came out of conditional ones, which stops are
//! attached to an entry, and which were cancelled a moment ago.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_paper::World;
use evenkeel_types::{OrderKind, PositionSide, Symbol, Timestamp, Usd};

use super::server::Server;
use crate::floor::{Kind, Status, Ticket, Wish};
use crate::history::bound;

/// An order number may be cancelled once in this time.
const AGAIN: u64 = 1000;

#[derive(Debug, Clone, Default)]
pub(crate) struct Desk {
    /// Conditional orders that have not done anything yet.
    waiting: BTreeSet<u64>,
    /// The order that a conditional one became, by its number, and back.
    child: BTreeMap<u64, u64>,
    parent: BTreeMap<u64, u64>,
    attached: Vec<(u64, Vec<Wish>)>,
    cancelled: BTreeMap<u64, Timestamp>,
    /// Oldest first.
    pub(crate) margin_moves: Vec<MarginMove>,
}

/// Margin that its owner moved into a position, or out of it (below zero).
#[derive(Debug, Clone)]
pub(crate) struct MarginMove {
    pub(crate) time: Timestamp,
    pub(crate) symbol: Symbol,
    pub(crate) leg: PositionSide,
    pub(crate) amount: Usd,
}

/// What became of a conditional order has a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// An order that is what it was placed as.
    Whole,
    /// A conditional order that triggered; what it does is under the other number.
    Parent,
    /// What a conditional order became.
    Child { of: u64 },
}

/// An order as the venue shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) ticket: &'a Ticket,
    /// The number that it is shown under.
    pub(crate) id: u64,
    pub(crate) face: Face,
}

impl Desk {
    pub(crate) fn watch(&mut self, ticket: u64, stops: Vec<Wish>) {
        self.waiting.insert(ticket);
        if !stops.is_empty() {
            self.attached.push((ticket, stops));
        }
    }

    /// All faces of an order: one, or two once it triggered.
    pub(crate) fn faces<'a>(&self, ticket: &'a Ticket) -> impl Iterator<Item = Shown<'a>> {
        let child = self.child.get(&ticket.id).copied();
        let face = if child.is_some() { Face::Parent } else { Face::Whole };
        let own = Shown { ticket, id: ticket.id, face };
        let other = child.map(|id| Shown { ticket, id, face: Face::Child { of: ticket.id } });
        std::iter::once(own).chain(other)
    }

    /// The number of a ticket, from either of its faces' numbers.
    pub(crate) fn ticket_of(&self, id: u64) -> u64 {
        self.parent.get(&id).copied().unwrap_or(id)
    }

    /// The number under which executions of a ticket are listed.
    pub(crate) fn executes_as(&self, ticket: u64) -> u64 {
        self.child.get(&ticket).copied().unwrap_or(ticket)
    }

    /// Whether this number was cancelled a moment ago; notes that it is now.
    pub(crate) fn cancels_again(&mut self, id: u64, now: Timestamp) -> bool {
        self.cancelled.retain(|_, at| now.0 < at.0.saturating_add(AGAIN));
        if self.cancelled.contains_key(&id) {
            return true;
        }
        self.cancelled.insert(id, now);
        false
    }
}

/// Whether a conditional order became active.
fn triggered(ticket: &Ticket, world: &World) -> bool {
    match ticket.wish.kind {
        Kind::Trailing { .. } => ticket.record.is_some(),
        Kind::Trigger(_) => {
            let rests = ticket.record(world).is_some_and(|record| record.kind == OrderKind::Limit);
            rests || !ticket.done(world).qty.is_zero()
        }
        _ => false,
    }
}

impl Server {
    /// Takes over what happened on the floor: triggered orders get children, filled entries their stops.
    pub(crate) fn tend(&mut self) {
        for index in 0..self.desks.len() {
            self.breed(index);
            self.attach(index);
            self.forget(index);
        }
    }

    /// Lets go of what belongs to orders that the account does not remember.
    fn forget(&mut self, index: usize) {
        let (Some(account), Some(desk)) = (self.floor.accounts.get(index), self.desks.get_mut(index)) else {
            return;
        };
        bound(&mut desk.margin_moves, account.history);
        if desk.child.len() > account.tickets.len() {
            desk.child.retain(|ticket, _| account.tickets.contains_key(ticket));
            desk.parent.retain(|_, ticket| account.tickets.contains_key(ticket));
        }
    }

    fn breed(&mut self, index: usize) {
        let (Some(account), Some(desk)) = (self.floor.accounts.get(index), self.desks.get_mut(index)) else {
            return;
        };
        let waiting: Vec<u64> = desk.waiting.iter().copied().collect();
        for id in waiting {
            let Some(ticket) = account.tickets.get(&id) else {
                desk.waiting.remove(&id);
                continue;
            };
            if !ticket.is_conditional() {
                desk.waiting.remove(&id);
            } else if triggered(ticket, &account.world) {
                let child = self.floor.ids.order();
                desk.waiting.remove(&id);
                desk.child.insert(id, child);
                desk.parent.insert(child, id);
            } else if !ticket.is_open(&account.world) {
                desk.waiting.remove(&id);
            }
        }
    }

    /// Stops that were attached to an entry come alive when it was filled, and go when it was not.
    fn attach(&mut self, index: usize) {
        let (Some(account), Some(desk)) = (self.floor.accounts.get_mut(index), self.desks.get_mut(index))
        else {
            return;
        };
        for (entry, stops) in std::mem::take(&mut desk.attached) {
            let status = account.tickets.get(&entry).map(|ticket| ticket.status(&account.world));
            match status {
                Some(Status::Filled) => {}
                Some(Status::Waiting | Status::Open) => {
                    desk.attached.push((entry, stops));
                    continue;
                }
                _ => continue,
            }
            for stop in stops {
                let market = self.floor.markets.iter().find(|market| market.symbol == stop.symbol);
                let placed = market.map(|market| account.place(market, stop, &mut self.floor.ids));
                // A stop whose price is reached by now is not placed: the venue checks it when the entry is.
                if let Some(Ok(id)) = placed {
                    desk.waiting.insert(id);
                }
            }
        }
    }
}
