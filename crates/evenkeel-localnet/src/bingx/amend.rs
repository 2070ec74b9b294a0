//! Changing orders: another size, or another order in the place of one.

use evenkeel_types::{Lot, Qty};

use super::envelope::{Outcome, Reply};
use super::json::{Json, object};
use super::refusals::Refusal;
use super::server::{Asked, Server};
use crate::floor::text;

impl Server {
    /// Only the size can be changed.
    pub(crate) fn amend(&mut self, asked: &Asked) -> Outcome {
        let market = self.market(&asked.params)?.clone();
        let quantity = asked.params.above_zero("quantity")?.ok_or_else(|| Refusal::required("quantity"))?;
        let found = self.named(asked, &asked.params, ["orderId", "clientOrderId", "clientOrderID"])?;
        let (id, ticket, side) = (found.id, found.ticket.id, found.ticket.wish.side);
        let client = found.ticket.wish.client_id.clone().unwrap_or_default();
        if !found.is_open(&self.account(asked)?.world) {
            return Err(Refusal::no_order());
        }
        let lot = Lot::new(market.lot).map_err(|_| Refusal::internal())?;
        let qty = Qty::new(quantity).and_then(|qty| lot.toward_zero(qty)).map_err(|_| Refusal::internal())?;
        let account = self.floor.accounts.get_mut(asked.account).ok_or_else(Refusal::no_key)?;
        let hedge = account.is_hedged();
        let change = |wish: &mut crate::floor::Wish| {
            wish.qty = Some(qty);
            if let Some(words) = wish.words.as_object_mut() {
                words.insert("quantity".to_owned(), qty.to_string().into());
            }
        };
        let done = account.amend(&market, ticket, change, &mut self.floor.ids);
        done.map_err(|why| Refusal::order(&why, &market, hedge, side, ""))?;
        Ok(Reply::Timed(object! {
            "orderId": id,
            "clientOrderId": client,
            "symbol": market.symbol.as_str(),
            "quantity": Json::Number(text(qty.get())),
        }))
    }

    /// Cancels one order and places another.
    pub(crate) fn cancel_replace(&mut self, asked: &Asked) -> Outcome {
        let stops = match asked.params.need("cancelReplaceMode")? {
            "STOP_ON_FAILURE" => true,
            "ALLOW_FAILURE" => false,
            _ => {
                return Err(Refusal::malformed(
                    "cancelReplaceMode",
                    "This field must be STOP_ON_FAILURE or ALLOW_FAILURE.",
                ));
            }
        };
        self.market(&asked.params)?;
        let by = ["cancelOrderId", "cancelClientOrderId", "cancelClientOrderID"];
        let cancelled = self.cancel_named(asked, &asked.params, by);
        let (result, text, before) = match cancelled {
            Ok(row) => {
                let client =
                    asked.params.either("cancelClientOrderId", "cancelClientOrderID").unwrap_or_default();
                let number = asked.params.integer("cancelOrderId")?.unwrap_or(0);
                let names = object! {"cancelClientOrderId": client, "cancelOrderId": number};
                let Json::Object(fields) = row else { return Err(Refusal::internal()) };
                ("true", String::new(), names.and(fields))
            }
            Err(refusal) if stops => return Err(refusal),
            Err(refusal) => ("false", refusal.text, Json::Null),
        };
        let (placed, why, after) = match self.place_one(asked.account, &asked.params) {
            Ok(id) => ("true", String::new(), self.acknowledged(asked, id)?),
            Err(refusal) => ("false", refusal.text, Json::Null),
        };
        Ok(Reply::Data(object! {
            "cancelResult": result,
            "cancelMsg": text,
            "cancelResponse": before,
            "replaceResult": placed,
            "replaceMsg": why,
            "newOrderResponse": after,
        }))
    }
}
