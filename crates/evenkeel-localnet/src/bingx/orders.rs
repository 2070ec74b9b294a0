//! Asking for orders.

use evenkeel_types::Timestamp;

use super::desk::Shown;
use super::envelope::{Outcome, Reply};
use super::json::{Json, object};
use super::order_rows::List;
use super::params::Params;
use super::refusals::Refusal;
use super::server::{Asked, Server};
use crate::floor::{Account, Ticket};

/// Longest time that one question may span, in milliseconds.
const WINDOW: u64 = 7 * 24 * 3_600_000;
/// Rows of one answer, and the most that can be asked for.
const LIMIT: u64 = 500;
const MAX_LIMIT: u64 = 1000;

impl Server {
    /// The order that a request names, by the venue's number or the client's.
    pub(crate) fn named(&self, asked: &Asked, params: &Params, by: [&str; 3]) -> Result<Shown<'_>, Refusal> {
        let [number, client, other] = by;
        let (account, desk) = (self.account(asked)?, self.desk(asked)?);
        let number = params.integer(number)?.filter(|id| *id > 0);
        let found = match (number, params.either(client, other)) {
            (Some(id), _) => {
                let ticket = account.tickets.get(&desk.ticket_of(id));
                ticket.and_then(|ticket| desk.faces(ticket).find(|shown| shown.id == id))
            }
            (None, Some(client)) => {
                let ticket = account.by_client(&client.to_ascii_lowercase());
                ticket.and_then(|ticket| desk.faces(ticket).next())
            }
            (None, None) => {
                return Err(Refusal::malformed("orderId", "orderId or clientOrderId is required"));
            }
        };
        let symbol = params.text("symbol");
        found
            .filter(|shown| symbol.is_none_or(|symbol| shown.ticket.wish.symbol.as_str() == symbol))
            .ok_or_else(Refusal::no_order)
    }

    pub(crate) fn row_of(&self, asked: &Asked, shown: &Shown<'_>, list: List) -> Result<Json, Refusal> {
        let market = self.floor.market(shown.ticket.wish.symbol.as_str()).ok_or_else(Refusal::internal)?;
        Ok(self.row(self.account(asked)?, market, shown, list))
    }

    pub(crate) fn order(&mut self, asked: &Asked) -> Outcome {
        self.market(&asked.params)?;
        let shown = self.named(asked, &asked.params, ["orderId", "clientOrderId", "clientOrderID"])?;
        Ok(Reply::Data(object! {"order": self.row_of(asked, &shown, List::One)?}))
    }

    pub(crate) fn open_order(&mut self, asked: &Asked) -> Outcome {
        self.market(&asked.params)?;
        let shown = self.named(asked, &asked.params, ["orderId", "clientOrderId", "clientOrderID"])?;
        if !shown.is_open(&self.account(asked)?.world) {
            return Err(Refusal::no_order());
        }
        Ok(Reply::Data(object! {"order": self.row_of(asked, &shown, List::Open)?}))
    }

    pub(crate) fn open_orders(&mut self, asked: &Asked) -> Outcome {
        let symbol = self.market_or_all(&asked.params)?.map(|market| market.symbol.clone());
        let kind = asked.params.text("type");
        let (account, desk) = (self.account(asked)?, self.desk(asked)?);
        let mut rows = Vec::new();
        for ticket in account.open() {
            for shown in desk.faces(ticket).filter(|shown| shown.is_open(&account.world)) {
                let meant = symbol.as_ref().is_none_or(|symbol| ticket.wish.symbol == *symbol);
                if meant && kind.is_none_or(|kind| shown.kind() == kind) {
                    rows.push(self.row_of(asked, &shown, List::Open)?);
                }
            }
        }
        Ok(Reply::Data(object! {"orders": rows}))
    }

    /// What is over.
    pub(crate) fn all_orders(&mut self, asked: &Asked) -> Outcome {
        self.listed(asked, |account, ticket| !ticket.is_open(&account.world))
    }

    /// What is open, and what is over.
    pub(crate) fn full_orders(&mut self, asked: &Asked) -> Outcome {
        self.listed(asked, |_, _| true)
    }

    fn listed(&self, asked: &Asked, meant: impl Fn(&Account, &Ticket) -> bool) -> Outcome {
        let params = &asked.params;
        let symbol = self.market_or_all(params)?.map(|market| market.symbol.clone());
        let (from, until) = window(params, self.floor.now)?;
        let first = params.integer("orderId")?.unwrap_or(0);
        let limit = params.integer("limit")?.unwrap_or(LIMIT).min(MAX_LIMIT);
        let (account, desk) = (self.account(asked)?, self.desk(asked)?);
        let mut rows = Vec::new();
        // The youngest first, as recorded.
        for ticket in account.tickets.values().rev() {
            let in_time = ticket.placed >= from && ticket.placed <= until;
            if !in_time
                || symbol.as_ref().is_some_and(|symbol| ticket.wish.symbol != *symbol)
                || !meant(account, ticket)
            {
                continue;
            }
            for shown in desk.faces(ticket).filter(|shown| shown.id >= first) {
                if u64::try_from(rows.len()).unwrap_or(u64::MAX) < limit {
                    rows.push(self.row_of(asked, &shown, List::History)?);
                }
            }
        }
        Ok(Reply::Data(object! {"orders": rows}))
    }
}

/// The time that is asked about: the last week, unless it says otherwise, and never more than a week.
fn window(params: &Params, now: Timestamp) -> Result<(Timestamp, Timestamp), Refusal> {
    let until = params.integer("endTime")?.unwrap_or(now.0);
    let from = params.integer("startTime")?.unwrap_or(until.saturating_sub(WINDOW));
    if until.saturating_sub(from) > WINDOW {
        return Err(Refusal::malformed("startTime", "the time span must not exceed 7 days"));
    }
    Ok((Timestamp(from), Timestamp(until)))
}
