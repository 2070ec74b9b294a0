//! Orders: new, changed, taken away; one by one and in batches.

use serde_json::{Value, json};

use super::auth::Caller;
use super::envelope::{Answer, Refusal, Reply, merged};
use super::ids::{Of, uuid};
use super::limits::too_many;
use super::order_rows::fits_filter;
use super::params::{Category, Params};
use super::parse::linear;
use super::refusals;
use super::server::Server;
use crate::floor::{Floor, Kind, Trigger, Why, Wish};

/// Orders in one batch.
const MAX_BATCH: usize = 20;
/// Orders that one call takes away.
const MAX_CANCELS: usize = 500;

/// What is said of an order that was taken in: its two names.
type Named = Result<(String, String), Refusal>;

fn names((id, link): (String, String)) -> Value {
    json!({"orderId": id, "orderLinkId": link})
}

impl Server {
    pub(super) fn create_order(&mut self, caller: &Caller, params: &Params) -> Answer {
        linear(params)?;
        Ok(names(self.create(caller, params)?).into())
    }

    fn create(&mut self, caller: &Caller, params: &Params) -> Named {
        let new = self.parse_order(caller.account, params)?;
        let foresees =
            !self.late_refusals && !matches!(new.wish.kind, Kind::Trigger(_) | Kind::Trailing { .. });
        let link = new.wish.client_id.clone().unwrap_or_default();
        let rises = matches!(&new.wish.kind, Kind::Trigger(trigger) if trigger.rises);
        let Floor { accounts, markets, ids, .. } = &mut self.floor;
        let account = accounts.get_mut(caller.account).ok_or_else(|| refusals::order(&Why::Halted))?;
        let market = markets.iter().find(|market| market.symbol == new.wish.symbol);
        let market = market.ok_or_else(|| refusals::order(&Why::UnknownSymbol))?;
        let refused = |why: &Why| match why {
            Why::WouldTrigger if rises => {
                Refusal::new(110_092, "expect Rising, but trigger_price <= current")
            }
            Why::WouldTrigger => Refusal::new(110_093, "expect Falling, but trigger_price >= current"),
            why => refusals::order(why),
        };
        // The venue looks at margin and position before it answers. A post-only order that would trade is taken in.
        if foresees
            && let Some(why) = account.foresee(market, &new.wish)
            && why != Why::WouldMatch
        {
            return Err(refused(&why));
        }
        let id = account.place(market, new.wish, ids).map_err(|why| refused(&why))?;
        if let Some(protection) = new.protection {
            self.protections.insert((caller.account, id), protection);
        }
        Ok((uuid(Of::Order, id), link))
    }

    pub(super) fn amend_order(&mut self, caller: &Caller, params: &Params) -> Answer {
        linear(params)?;
        Ok(names(self.amend(caller, params)?).into())
    }

    fn amend(&mut self, caller: &Caller, params: &Params) -> Named {
        let gone = || Refusal::new(110_001, "order not exists or too late to replace");
        let market = self.market(params)?.clone();
        let account = self.account(caller.account)?;
        let ticket = self.find_order(account, params)?.ok_or_else(gone)?;
        if ticket.wish.symbol != market.symbol || !ticket.is_open(&account.world) {
            return Err(gone());
        }
        let (id, link) = (ticket.id, ticket.wish.client_id.clone().unwrap_or_default());
        let (qty, price, trigger) =
            (params.qty("qty")?, params.price("price")?, params.price("triggerPrice")?);
        if qty.is_some_and(|qty| qty <= ticket.done(&account.world).qty) {
            return Err(Refusal::new(110_064, "The modified order qty is smaller than the executed qty"));
        }
        let mut next = ticket.wish.clone();
        let change = |wish: &mut Wish| {
            if wish.qty.is_some() {
                wish.qty = qty.or(wish.qty);
            }
            match &mut wish.kind {
                Kind::Limit(limit) => *limit = price.unwrap_or(*limit),
                Kind::Trigger(Trigger { at, limit, .. }) => {
                    *at = trigger.unwrap_or(*at);
                    if limit.is_some() {
                        *limit = price.or(*limit);
                    }
                }
                Kind::Market | Kind::Trailing { .. } => {}
            }
        };
        change(&mut next);
        if next.qty == ticket.wish.qty && next.kind == ticket.wish.kind {
            return Err(Refusal::new(10001, "order not modified"));
        }
        let Floor { accounts, ids, .. } = &mut self.floor;
        let account = accounts.get_mut(caller.account).ok_or_else(gone)?;
        account.amend(&market, id, change, ids).map_err(|why| match why {
            Why::NoOrder => gone(),
            why => refusals::order(&why),
        })?;
        Ok((uuid(Of::Order, id), link))
    }

    pub(super) fn cancel_order(&mut self, caller: &Caller, params: &Params) -> Answer {
        linear(params)?;
        Ok(names(self.cancel(caller, params)?).into())
    }

    fn cancel(&mut self, caller: &Caller, params: &Params) -> Named {
        let gone = || Refusal::new(110_001, "order not exists or too late to cancel");
        let symbol = self.market(params)?.symbol.clone();
        let account = self.account(caller.account)?;
        let ticket = self.find_order(account, params)?.filter(|ticket| ticket.wish.symbol == symbol);
        let ticket = ticket.ok_or_else(gone)?;
        let (id, link) = (ticket.id, ticket.wish.client_id.clone().unwrap_or_default());
        let account = self.floor.accounts.get_mut(caller.account).ok_or_else(gone)?;
        if !account.cancel(id, "CancelByUser") {
            return Err(gone());
        }
        Ok((uuid(Of::Order, id), link))
    }

    pub(super) fn cancel_all(&mut self, caller: &Caller, params: &Params) -> Answer {
        if params.category()? != Category::Linear {
            return Ok(json!({"list": [], "success": "1"}).into());
        }
        let meant = self.meant(params)?;
        let filter = params.text("orderFilter")?;
        let account = self.account(caller.account)?;
        let chosen = account.open().filter(|ticket| meant(ticket) && fits_filter(ticket, filter));
        let chosen: Vec<(u64, String)> = chosen
            .take(MAX_CANCELS)
            .map(|ticket| (ticket.id, ticket.wish.client_id.clone().unwrap_or_default()))
            .collect();
        drop(meant);
        let mut list = Vec::new();
        if let Some(account) = self.floor.accounts.get_mut(caller.account) {
            for (id, link) in chosen {
                if account.cancel(id, "CancelByUser") {
                    list.push(names((uuid(Of::Order, id), link)));
                }
            }
        }
        Ok(json!({"list": list, "success": "1"}).into())
    }

    pub(super) fn create_batch(&mut self, caller: &Caller, params: &Params, allowed: usize) -> Answer {
        let now = self.floor.now.0.to_string();
        let mut reply = self.batch(caller, params, allowed, Self::create)?;
        if let Some(rows) = reply.result.get_mut("list").and_then(Value::as_array_mut) {
            for row in rows {
                let taken = row.get("orderId").and_then(Value::as_str).is_some_and(|id| !id.is_empty());
                let time = if taken { now.as_str() } else { "" };
                *row = merged(std::mem::take(row), json!({"createAt": time}));
            }
        }
        Ok(reply)
    }

    pub(super) fn amend_batch(&mut self, caller: &Caller, params: &Params, allowed: usize) -> Answer {
        self.batch(caller, params, allowed, Self::amend)
    }

    pub(super) fn cancel_batch(&mut self, caller: &Caller, params: &Params, allowed: usize) -> Answer {
        self.batch(caller, params, allowed, Self::cancel)
    }

    /// One outcome for each, at its place in both lists.
    fn batch(
        &mut self,
        caller: &Caller,
        params: &Params,
        allowed: usize,
        one: fn(&mut Self, &Caller, &Params) -> Named,
    ) -> Result<Reply, Refusal> {
        let category = params.category()?;
        let items = params.list("request")?;
        if items.is_empty() || items.len() > MAX_BATCH {
            return Err(Refusal::parameter("request"));
        }
        let (mut rows, mut outcomes) = (Vec::new(), Vec::new());
        for (place, item) in items.iter().enumerate() {
            let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let outcome = match Params::of(item.clone()) {
                Err(refusal) => Err(refusal),
                Ok(_) if place >= allowed => Err(too_many()),
                Ok(_) if category != Category::Linear => Err(Refusal::symbol(&text("symbol"))),
                Ok(params) => one(self, caller, &params),
            };
            let (id, link, code, said) = match outcome {
                Ok((id, link)) => (id, link, 0, "OK".to_owned()),
                Err(refusal) => (String::new(), text("orderLinkId"), refusal.code, refusal.text),
            };
            rows.push(json!({
                "category": category.name(), "symbol": text("symbol"), "orderId": id, "orderLinkId": link,
            }));
            outcomes.push(json!({"code": code, "msg": said}));
        }
        Ok(Reply { result: json!({"list": rows}), text: "OK", extra: json!({"list": outcomes}) })
    }
}
