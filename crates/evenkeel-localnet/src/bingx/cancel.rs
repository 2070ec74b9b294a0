//! Cancelling.

use std::time::Duration;

use serde_json::Value;

use super::envelope::{Outcome, Reply};
use super::json::{Json, object};
use super::order_rows::List;
use super::params::{Params, shown};
use super::refusals::Refusal;
use super::server::{Asked, Server};

/// Orders of one request.
const MAX_BATCH: usize = 10;

impl Server {
    pub(crate) fn cancel(&mut self, asked: &Asked) -> Outcome {
        self.market(&asked.params)?;
        let row = self.cancel_named(asked, &asked.params, ["orderId", "clientOrderId", "clientOrderID"])?;
        Ok(Reply::Data(object! {"order": row}))
    }

    /// Cancels the order that a request names, and answers its row.
    pub(crate) fn cancel_named(
        &mut self,
        asked: &Asked,
        params: &Params,
        by: [&str; 3],
    ) -> Result<Json, Refusal> {
        let found = self.named(asked, params, by)?;
        let (id, ticket) = (found.id, found.ticket.id);
        let now = self.floor.now;
        let open = found.is_open(&self.account(asked)?.world);
        let status = found.status(&self.account(asked)?.world);
        let again = self.desks.get_mut(asked.account).is_some_and(|desk| desk.cancels_again(id, now));
        if again {
            let text = "The same order number is only allowed to be submitted once within 1 second.";
            return Err(Refusal::new(109_201, text));
        }
        if !open {
            return Err(match status {
                "FILLED" => Refusal::new(109_422, "the order is filled"),
                _ => Refusal::new(109_400, "order not exist"),
            });
        }
        self.account_mut(asked)?.cancel(ticket, "client");
        self.cancelled_row(asked, id)
    }

    fn cancelled_row(&self, asked: &Asked, id: u64) -> Result<Json, Refusal> {
        let (account, desk) = (self.account(asked)?, self.desk(asked)?);
        let ticket = account.tickets.get(&desk.ticket_of(id)).ok_or_else(Refusal::no_order)?;
        let shown = desk.faces(ticket).find(|shown| shown.id == id).ok_or_else(Refusal::no_order)?;
        self.row_of(asked, &shown, List::Cancelled)
    }

    pub(crate) fn cancel_batch(&mut self, asked: &Asked) -> Outcome {
        self.market(&asked.params)?;
        let numbers = asked.params.list("orderIdList")?.unwrap_or_default();
        let clients = asked.params.list("clientOrderIdList")?;
        let clients = match clients {
            Some(list) => list,
            None => asked.params.list("clientOrderIDList")?.unwrap_or_default(),
        };
        let wanted: Vec<(&str, &Value)> = numbers
            .iter()
            .map(|id| ("orderId", id))
            .chain(clients.iter().map(|id| ("clientOrderId", id)))
            .collect();
        if wanted.is_empty() || wanted.len() > MAX_BATCH {
            return Err(Refusal::malformed("orderIdList", "1 to 10 orders are allowed"));
        }
        let (mut success, mut failed) = (Vec::new(), Vec::new());
        for (name, id) in wanted {
            let mut fields = serde_json::Map::new();
            fields.insert(name.to_owned(), id.clone());
            let params = Params::of_object(&fields);
            match self.cancel_named(asked, &params, ["orderId", "clientOrderId", "clientOrderID"]) {
                Ok(row) => success.push(row),
                Err(refusal) => failed.push(object! {
                    "orderId": super::order_rows::zero_or(&if name == "orderId" { shown(id) } else { String::new() }),
                    "clientOrderId": if name == "orderId" { String::new() } else { shown(id) },
                    "errorCode": refusal.code,
                    "errorMessage": refusal.text,
                }),
            }
        }
        Ok(Reply::Data(object! {"success": success, "failed": none_or(failed)}))
    }

    pub(crate) fn cancel_all(&mut self, asked: &Asked) -> Outcome {
        let symbol = self.market_or_all(&asked.params)?.map(|market| market.symbol.clone());
        let kind = asked.params.text("type");
        let (account, desk) = (self.account(asked)?, self.desk(asked)?);
        let mut meant: Vec<(u64, u64)> = Vec::new();
        for ticket in account.open() {
            for shown in desk.faces(ticket).filter(|shown| shown.is_open(&account.world)) {
                let of = symbol.as_ref().is_none_or(|symbol| ticket.wish.symbol == *symbol);
                if of && kind.is_none_or(|kind| shown.kind() == kind) {
                    meant.push((shown.id, ticket.id));
                }
            }
        }
        let mut success = Vec::new();
        for (id, ticket) in meant {
            self.account_mut(asked)?.cancel(ticket, "client");
            success.push(self.cancelled_row(asked, id)?);
        }
        Ok(Reply::Data(object! {"success": none_or(success), "failed": Json::Null}))
    }

    /// The dead-man switch.
    pub(crate) fn cancel_all_after(&mut self, asked: &Asked) -> Outcome {
        let kind = asked.params.need("type")?;
        let now = self.floor.now;
        match kind {
            "ACTIVATE" => {
                let seconds = asked.params.integer("timeOut")?.ok_or_else(|| Refusal::required("timeOut"))?;
                if !(10..=120).contains(&seconds) {
                    return Err(Refusal::malformed("timeOut", "10 to 120 seconds are allowed"));
                }
                let at = now.after(Duration::from_secs(seconds));
                self.account_mut(asked)?.cancel_at.insert(None, at);
                let note = "All your perpetual futures pending orders will be closed automatically after the time, \
                            you can cancel or extend it before";
                Ok(Reply::Data(object! {"triggerTime": at.0 / 1000, "status": "ACTIVATED", "note": note}))
            }
            "CLOSE" => {
                self.account_mut(asked)?.cancel_at.remove(&None);
                let note = "The automatic cancel is closed";
                Ok(Reply::Data(object! {"triggerTime": 0_u64, "status": "CLOSED", "note": note}))
            }
            _ => Err(Refusal::malformed("type", "This field must be ACTIVATE or CLOSE.")),
        }
    }
}

fn none_or(rows: Vec<Json>) -> Json {
    if rows.is_empty() { Json::Null } else { Json::List(rows) }
}
