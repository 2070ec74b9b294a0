//! One account: its paper exchange, and what the venue knows beside it.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_paper::{Origin, World};
use evenkeel_types::{
    ClientOrderId, Decimal, Exact, Fill, Leverage, LeverageSetting, MarginMode, Position, Qty, Quote, Scope,
    Snapshot, Symbol, Timestamp, Usd,
};

use serde_json::Value;

use super::action::Tpsl;
use super::crypto::{Address, TestKey};
use super::fills::{Behind, FillRow, Held, take};
use super::markets::Listed;
use super::tickets::{Kind, Stand, Ticket};
use crate::history::{bound, bound_over};

/// How many requests an address has before it traded anything.
const FIRST_REQUESTS: u64 = 10_000;

/// Numbers that are given out once in the whole venue.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    pub(crate) next_oid: u64,
    pub(crate) next_tid: u64,
}

impl Ids {
    pub(crate) fn oid(&mut self) -> u64 {
        let oid = self.next_oid;
        self.next_oid = oid.saturating_add(1);
        oid
    }

    fn tid(&mut self) -> u64 {
        let tid = self.next_tid;
        self.next_tid = tid.saturating_add(1);
        tid
    }
}

/// An agent that may trade for an account.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) name: Option<String>,
    pub(crate) address: Address,
    pub(crate) valid_until: Timestamp,
}

/// An account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) address: Address,
    /// Of a sub-account: whose it is, and its name.
    pub(crate) master: Option<(Address, String)>,
    pub(crate) key: TestKey,
    pub(crate) agent_key: TestKey,
    pub(crate) agents: Vec<Agent>,
    pub(crate) world: World,
    pub(crate) spot: Usd,
    pub(crate) abstraction: String,
    /// Volume traded, before the beginning too.
    pub(crate) traded: Decimal,
    pub(crate) requests: u64,
    pub(crate) last_over_budget: Option<Timestamp>,
    pub(crate) cancel_at: Option<Timestamp>,
    pub(crate) tickets: BTreeMap<u64, Ticket>,
    pub(crate) by_cloid: BTreeMap<String, u64>,
    pub(crate) live: BTreeSet<u64>,
    pub(crate) fills: Vec<FillRow>,
    /// Money that came and went, as the venue shows it; oldest first.
    pub(crate) ledger: Vec<(Timestamp, Value)>,
    /// How many rows it ever had.
    pub(crate) booked: usize,
    pub(crate) held: BTreeMap<Symbol, Held>,
    /// Records and executions of the paper exchange that were looked at.
    pub(crate) seen: (usize, usize),
    /// Executions without an order of a client: numbers of their orders, by record.
    pub(crate) others: BTreeMap<usize, u64>,
    /// How much of what happened is remembered.
    pub(crate) history: usize,
}

/// How an order identity of the paper exchange spells our number.
pub(crate) fn client_id(oid: u64) -> Option<ClientOrderId> {
    ClientOrderId::parse(&format!("{oid:020}")).ok()
}

impl Account {
    /// Everything about the account, with all markets.
    pub(crate) fn snapshot(&self, markets: &[Listed]) -> Option<Snapshot> {
        self.world.peek(&Scope::of(markets.iter().map(|market| market.symbol.clone()))).ok()
    }

    pub(crate) fn qty(&self, symbol: &Symbol) -> Qty {
        self.position(symbol).map_or(Qty::ZERO, |position| position.qty)
    }

    pub(crate) fn position(&self, symbol: &Symbol) -> Option<Position> {
        let snapshot = self.world.peek(&Scope::of([symbol.clone()])).ok()?;
        snapshot.positions.into_iter().find(|position| position.symbol == *symbol)
    }

    pub(crate) fn setting(&self, symbol: &Symbol) -> Option<(Leverage, MarginMode)> {
        let snapshot = self.world.peek(&Scope::of([symbol.clone()])).ok()?;
        let setting: &LeverageSetting = snapshot.settings.get(symbol)?;
        Some((setting.long, setting.mode))
    }

    pub(crate) fn quote(&self, symbol: &Symbol) -> Option<Quote> {
        self.world.peek(&Scope::of([symbol.clone()])).ok()?.quotes.get(symbol).copied()
    }

    /// Traded in all, in USDC.
    pub(crate) fn volume(&self) -> Decimal {
        self.traded
    }

    /// How many requests the address may send in its life.
    pub(crate) fn request_cap(&self) -> u64 {
        let volume = evenkeel_types::round::to_places(self.volume(), 0, evenkeel_types::Round::Down);
        FIRST_REQUESTS.saturating_add(u64::try_from(volume).unwrap_or(u64::MAX))
    }

    pub(crate) fn by_name(&self, cloid: &str) -> Option<u64> {
        self.by_cloid.get(cloid).copied()
    }

    /// Notes money that came or went.
    pub(crate) fn book(&mut self, now: Timestamp, delta: Value) {
        self.ledger.push((now, delta));
        self.booked = self.booked.saturating_add(1);
    }

    /// Puts a ticket into the books of the account.
    pub(crate) fn file(&mut self, ticket: Ticket) {
        if let Some(cloid) = &ticket.cloid {
            self.by_cloid.insert(cloid.clone(), ticket.oid);
        }
        if ticket.is_open(&self.world) {
            self.live.insert(ticket.oid);
        }
        self.tickets.insert(ticket.oid, ticket);
    }

    /// Notes what happened in the paper exchange since the last time, until nothing more follows from it.
    pub(crate) fn sync(&mut self, ids: &mut Ids, maker_rate: evenkeel_types::Rate) {
        // A parent that fills arms its children, which can be filled, which cancels their siblings: no further.
        for _ in 0..3 {
            self.take_records(ids);
            self.take_fills(ids, maker_rate);
            if !self.settle() {
                break;
            }
        }
    }

    /// Lets go of what is too old to be remembered. Whatever may still do something stays. Done before anything else happens,
    /// when everything that did was told on sockets: an old order that has just ended is among the first to go.
    pub(crate) fn forget(&mut self) {
        let forgot = self.world.forget(self.history);
        bound(&mut self.fills, self.history);
        bound(&mut self.ledger, self.history);
        let over = self.tickets.len().saturating_sub(self.live.len());
        if !forgot && over <= self.history {
            return;
        }
        let world = &self.world;
        bound_over(&mut self.tickets, &self.live, self.history, |ticket| {
            matches!(ticket.stand, Stand::Record(_)) && ticket.record(world).is_none()
        });
        let tickets = &self.tickets;
        self.by_cloid.retain(|_, oid| tickets.contains_key(oid));
    }

    /// Orders of others, and liquidations, get numbers too.
    fn take_records(&mut self, ids: &mut Ids) {
        for (index, record) in self.world.orders().from(self.seen.0) {
            if record.origin != Origin::Client {
                self.others.insert(index, ids.oid());
            }
        }
        self.seen.0 = self.world.orders().end();
    }

    fn take_fills(&mut self, ids: &mut Ids, maker_rate: evenkeel_types::Rate) {
        let fills = self.world.all_fills();
        let (seen, fills): (_, Vec<Fill>) =
            (fills.end(), fills.from(self.seen.1).map(|(_, fill)| fill.clone()).collect());
        self.seen.1 = seen;
        for fill in fills {
            let own = fill.order.and_then(|id| id.as_str().parse::<u64>().ok());
            let (oid, liquidation) = match own {
                Some(oid) => (oid, None),
                None => self.other(&fill.symbol),
            };
            let behind = Behind {
                oid,
                cloid: self.tickets.get(&oid).and_then(|ticket| ticket.cloid.clone()),
                tid: ids.tid(),
                maker_rate,
                liquidation,
            };
            // Sums that do not fit were refused by the paper exchange.
            if let Ok(row) = take(&mut self.held, &fill, behind) {
                self.traded = self.traded.plus(row.value.get()).unwrap_or(self.traded);
                self.fills.push(row);
            }
        }
    }

    /// The order behind an execution that no client ordered: each of them executes once, in the order of arrival.
    fn other(&mut self, symbol: &Symbol) -> (u64, Option<&'static str>) {
        let mode = match self.setting(symbol) {
            Some((_, MarginMode::Isolated)) => "Isolated",
            _ => "Cross",
        };
        let world = &self.world;
        let found = self.others.iter().find_map(|(index, oid)| {
            let record = world.orders().get(*index).filter(|record| record.symbol == *symbol)?;
            Some((*index, *oid, record.origin == Origin::Liquidation))
        });
        let Some((index, oid, liquidation)) = found else { return (0, None) };
        self.others.remove(&index);
        (oid, liquidation.then_some(mode))
    }

    /// Stamps what is over, arms children of filled parents and cancels what goes with others. Whether anything was
    /// done that can have consequences.
    fn settle(&mut self) -> bool {
        let now = self.world.now();
        let over: Vec<u64> = self.live.iter().copied().filter(|oid| !self.is_live(*oid)).collect();
        let mut more = false;
        for oid in over {
            self.live.remove(&oid);
            let Some(ticket) = self.tickets.get_mut(&oid) else { continue };
            let mut since = self.fills.iter().rev().take_while(|fill| fill.time >= ticket.placed);
            ticket.changed = since.find(|fill| fill.oid == oid).map_or(now, |fill| fill.time);
            let filled = ticket.status(&self.world) == "filled";
            let (children, parent) = (ticket.children.clone(), ticket.parent);
            for child in children {
                more = true;
                if filled { self.arm(child) } else { self.drop_child(child) }
            }
            if let (Some(parent), true) = (parent, filled) {
                let siblings = self.tickets.get(&parent).map(|t| t.children.clone()).unwrap_or_default();
                for sibling in siblings.into_iter().filter(|sibling| *sibling != oid) {
                    more = true;
                    self.cancel(sibling, "siblingFilledCanceled");
                }
            }
        }
        more
    }

    fn is_live(&self, oid: u64) -> bool {
        self.tickets.get(&oid).is_some_and(|ticket| ticket.is_open(&self.world))
    }

    fn drop_child(&mut self, oid: u64) {
        let now = self.world.now();
        if let Some(ticket) = self.tickets.get_mut(&oid)
            && ticket.stand == Stand::Waiting
        {
            ticket.stand = Stand::Over("canceled");
            ticket.changed = now;
            self.live.remove(&oid);
        }
    }

    /// A child whose parent is filled becomes an order.
    fn arm(&mut self, oid: u64) {
        let Some(ticket) = self.tickets.get(&oid).filter(|ticket| ticket.stand == Stand::Waiting) else {
            return;
        };
        let stand = super::orders::conditional(ticket)
            .and_then(|order| self.world.place_conditional(&order).ok())
            .map_or(Stand::Over("rejected"), |_| Stand::Record(self.world.orders().end().saturating_sub(1)));
        if let Some(ticket) = self.tickets.get_mut(&oid) {
            ticket.stand = stand;
        }
    }

    /// Cancels an open order; whether it was open.
    pub(crate) fn cancel(&mut self, oid: u64, status: &'static str) -> bool {
        if !self.is_live(oid) {
            return false;
        }
        let now = self.world.now();
        let Some(ticket) = self.tickets.get_mut(&oid) else { return false };
        ticket.changed = now;
        ticket.cancelled_as = Some(status);
        let children = ticket.children.clone();
        match ticket.stand {
            Stand::Record(index) => {
                let symbol = ticket.symbol.clone();
                let id = self.world.orders().get(index).map(|record| record.venue_order_id.clone());
                if let Some(id) = id {
                    // Without rules of its own the paper exchange refuses no cancel.
                    let _done = self.world.cancel_by_venue_id(&symbol, &id);
                }
            }
            _ => ticket.stand = Stand::Over(status),
        }
        self.live.remove(&oid);
        for child in children {
            self.drop_child(child);
        }
        true
    }
}

/// Which way the mark has to go for an order to fire.
pub(crate) fn fires_above(kind: Kind, buy: bool) -> Option<bool> {
    match kind {
        Kind::Limit(_) => None,
        Kind::Trigger { tpsl: Tpsl::Sl, .. } => Some(buy),
        Kind::Trigger { tpsl: Tpsl::Tp, .. } => Some(!buy),
    }
}
