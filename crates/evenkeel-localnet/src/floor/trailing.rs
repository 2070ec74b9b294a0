//! Trailing orders, which the paper exchange does not have: followed here, and sent when their time has come.

use evenkeel_types::{Decimal, Exact, NumberError, Price, Side, Symbol};

use super::account::Account;
use super::orders::{Callback, Kind, Status};

impl Account {
    /// The mark of a symbol moved.
    pub(crate) fn follow_price(&mut self, symbol: &Symbol, mark: Price) {
        let waiting: Vec<u64> = self
            .live
            .iter()
            .copied()
            .filter(|id| {
                let of = |t: &super::Ticket| {
                    t.wish.symbol == *symbol && matches!(t.wish.kind, Kind::Trailing { .. })
                };
                self.tickets.get(id).is_some_and(|ticket| of(ticket) && ticket.record.is_none())
            })
            .collect();
        for id in waiting {
            if self.trails(id, mark) == Some(true) {
                self.fire(id);
            }
        }
    }

    /// A trailing order without an activation price, or with one that is reached, begins where the mark is.
    pub(crate) fn begin_trail(&mut self, id: u64) {
        let symbol = self.tickets.get(&id).map(|ticket| ticket.wish.symbol.clone());
        if let Some(quote) = symbol.and_then(|symbol| self.quote(&symbol)) {
            let _begun = self.trails(id, quote.mark);
        }
    }

    /// Whether the price came back far enough; notes the best one.
    fn trails(&mut self, id: u64, mark: Price) -> Option<bool> {
        let ticket = self.tickets.get_mut(&id)?;
        let Kind::Trailing { activation, callback } = ticket.wish.kind else { return None };
        // One that sells follows the price up, one that buys follows it down.
        let up = ticket.wish.side == Side::Sell;
        let best = match ticket.best {
            Some(best) if up => best.max(mark),
            Some(best) => best.min(mark),
            None => {
                let reached = activation.is_none_or(|at| if up { mark >= at } else { mark <= at });
                if !reached {
                    return Some(false);
                }
                mark
            }
        };
        ticket.best = Some(best);
        let turn = turning_point(best, callback, up).ok()?;
        Some(if up { mark.get() <= turn } else { mark.get() >= turn })
    }

    fn fire(&mut self, id: u64) {
        let Some(ticket) = self.tickets.get(&id).cloned() else { return };
        let sent = self.send_market(&ticket);
        if let Some(ticket) = self.tickets.get_mut(&id) {
            match sent {
                Ok(record) => ticket.record = Some(record),
                Err(why) => ticket.over = Some(Status::Rejected(why)),
            }
        }
    }
}

fn turning_point(best: Price, callback: Callback, up: bool) -> Result<Decimal, NumberError> {
    let back = match callback {
        Callback::Share(share) => best.get().times(share.get())?,
        Callback::Distance(distance) => distance.get(),
    };
    if up { best.get().minus(back) } else { best.get().plus(back) }
}
