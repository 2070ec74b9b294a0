//! What happened in the paper exchange of an account, as a venue tells it.

use evenkeel_paper::Origin;
use evenkeel_types::{Fill, PositionSide, Qty, Symbol, Timestamp, Usd};

use super::Ids;
use super::account::{Account, Income, IncomeKind, order_number};
use super::fills::{Behind, take};
use crate::history::{bound, bound_over};

impl Account {
    /// Notes what happened in the paper exchange since the last time.
    pub(crate) fn sync(&mut self, ids: &mut Ids) {
        self.take_records(ids);
        self.take_fills(ids);
        self.take_payments();
        let now = self.world.now();
        let over: Vec<u64> = self
            .live
            .iter()
            .copied()
            .filter(|id| self.tickets.get(id).is_none_or(|ticket| !ticket.is_open(&self.world)))
            .collect();
        for id in over {
            self.live.remove(&id);
            if let Some(ticket) = self.tickets.get_mut(&id) {
                let mut since = self.fills.iter().rev().take_while(|fill| fill.time >= ticket.placed);
                ticket.changed = since.find(|fill| fill.order == id).map_or(now, |fill| fill.time);
            }
        }
    }

    /// Lets go of what is too old to be remembered. Whatever may still do something stays. Done before anything else happens,
    /// when everything that did was told on sockets: an old order that has just ended is among the first to go.
    pub(crate) fn forget(&mut self) {
        let forgot = self.world.forget(self.history);
        bound(&mut self.fills, self.history);
        bound(&mut self.income, self.history);
        let over = self.tickets.len().saturating_sub(self.live.len());
        if !forgot && over <= self.history {
            return;
        }
        let world = &self.world;
        bound_over(&mut self.tickets, &self.live, self.history, |ticket| {
            ticket.record.is_some() && ticket.record(world).is_none()
        });
        let tickets = &self.tickets;
        self.by_client.retain(|_, id| tickets.contains_key(id));
        self.by_short.retain(|_, id| tickets.contains_key(id));
    }

    /// Orders of others, and liquidations, get numbers too.
    fn take_records(&mut self, ids: &mut Ids) {
        for (index, record) in self.world.orders().from(self.seen_records) {
            if record.origin != Origin::Client {
                self.others.insert(index, ids.order());
            }
        }
        self.seen_records = self.world.orders().end();
    }

    fn take_fills(&mut self, ids: &mut Ids) {
        let fills = self.world.all_fills();
        let (seen, fills): (_, Vec<Fill>) =
            (fills.end(), fills.from(self.seen.0).map(|(_, fill)| fill.clone()).collect());
        self.seen.0 = seen;
        for fill in fills {
            let own = fill.order.and_then(order_number).and_then(|short| self.by_short.get(&short));
            let own = own.and_then(|id| self.tickets.get(id));
            let (order, client_id, leg, liquidation) = match own {
                Some(ticket) => (ticket.id, ticket.wish.client_id.clone(), ticket.wish.leg, false),
                None => self.other(&fill.symbol),
            };
            // The paper exchange says who took by the rate that was charged.
            let fees = self.of_symbol(&fill.symbol).and_then(|s| s.fees.get(&fill.symbol).copied());
            let value = fill.price.value(fill.qty);
            let maker = matches!((fees, value), (Some(fees), Ok(value)) if fees.maker != fees.taker
                && fees.maker.of(value) == Ok(fill.fee));
            let behind = Behind { trade: ids.trade(), order, client_id, leg, maker, liquidation };
            let place = (fill.symbol.clone(), leg);
            let before = self.books.get(&place).map(|book| book.qty);
            // Sums that do not fit were refused by the paper exchange.
            if let Ok(row) = take(&mut self.books, &fill, behind) {
                let after = self.books.get(&place).map(|book| book.qty);
                self.earned.entry(place).or_default().add(&row, before, after);
                if let Some(ticket) = self.tickets.get_mut(&row.order) {
                    ticket.realised = ticket.realised.plus(row.realised).unwrap_or(ticket.realised);
                }
                let of = |kind, amount| (kind, amount, Some(row.symbol.clone()), Some(row.trade), row.time);
                if !row.realised.is_zero() {
                    self.note(of(IncomeKind::Realised, row.realised));
                }
                if !row.fee.is_zero() {
                    self.note(of(IncomeKind::Commission, row.fee.negated()));
                }
                self.fills.push(row);
            }
        }
    }

    fn note(
        &mut self,
        (kind, amount, symbol, trade, time): (IncomeKind, Usd, Option<Symbol>, Option<u64>, Timestamp),
    ) {
        let id = self.next_income();
        self.income.push(Income { time, kind, symbol, amount, id, trade, funding: None });
    }

    fn take_payments(&mut self) {
        let payments = self.world.all_payments();
        let (seen, payments) = (
            payments.end(),
            payments.from(self.seen.1).map(|(_, payment)| payment.clone()).collect::<Vec<_>>(),
        );
        self.seen.1 = seen;
        for payment in payments {
            let id = self.next_income();
            let leg = match (self.is_hedged(), payment.qty.is_some_and(Qty::is_negative)) {
                (false, _) => PositionSide::Net,
                (true, false) => PositionSide::Long,
                (true, true) => PositionSide::Short,
            };
            self.earned.entry((payment.symbol.clone(), leg)).or_default().fund(payment.amount);
            self.income.push(Income {
                time: payment.time,
                kind: IncomeKind::Funding,
                symbol: Some(payment.symbol),
                amount: payment.amount,
                id,
                trade: None,
                funding: payment.qty.zip(payment.rate),
            });
        }
    }

    /// The order behind an execution that no client ordered: each of them executes once, in the order of arrival.
    fn other(&mut self, symbol: &Symbol) -> (u64, Option<String>, PositionSide, bool) {
        let world = &self.world;
        let found = self.others.iter().find_map(|(index, id)| {
            let record = world.orders().get(*index).filter(|record| record.symbol == *symbol)?;
            Some((*index, *id, record.position_side, record.origin == Origin::Liquidation))
        });
        let Some((index, id, leg, liquidation)) = found else { return (0, None, PositionSide::Net, false) };
        self.others.remove(&index);
        (id, None, leg, liquidation)
    }

    pub(super) fn next_income(&mut self) -> u64 {
        // Above what fits into the integers of JavaScript, as at real venues.
        const FIRST: u64 = 9_689_322_392_000_000_000;
        let count = self.counted.1;
        self.counted.1 = count.saturating_add(1);
        FIRST.saturating_add(self.number.saturating_mul(1_000_000_000)).saturating_add(count)
    }
}
