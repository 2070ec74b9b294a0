//! Ordinary orders.

use evenkeel_types::{TimeInForce, Timestamp};
use serde_json::{Value, json};

use super::market::Span;
use super::params::Params;
use super::refusals::Refusal;
use super::routes::Ask;
use super::rows::{self, OWNER, is_order};
use super::server::Server;
use super::wishes::{a_price, quantity};
use crate::floor::{Account, Floor, Kind, Listed, Ticket, Why, Wish};
use crate::history::MAX_HISTORY;

type Answer = Result<Value, Refusal>;

/// Orders in a batch, and cancels.
const MAX_BATCH: usize = 5;
const MAX_CANCELS: usize = 10;
const DAY: u64 = 24 * 3_600_000;

impl Server {
    /// Takes an order, and answers its number.
    pub(crate) fn send(&mut self, place: usize, wish: Wish) -> Result<u64, Refusal> {
        let all_or_nothing = wish.words.get("tif").and_then(Value::as_str) == Some("FOK");
        let Floor { markets, accounts, ids, .. } = &mut self.floor;
        let market =
            markets.iter().find(|market| market.symbol == wish.symbol).ok_or_else(Refusal::symbol)?;
        let account = accounts.get_mut(place).ok_or_else(Refusal::number)?;
        // What an all-or-nothing order does not fill is found out by filling it.
        let refused = |why: Why| Refusal::order(&why, market);
        if all_or_nothing && !account.would_fill(market, &wish).map_err(refused)? {
            let text = "Due to the order could not be filled immediately, the FOK order has been rejected. The order will not be recorded in the order history.";
            return Err(Refusal::new(-5021, text));
        }
        let id = account.place(market, wish, ids).map_err(refused)?;
        let gtd = account.tickets.get(&id).and_then(|ticket| ticket.wish.words.get("gtd")?.as_u64());
        if let Some(date) = gtd.filter(|date| *date > 0) {
            self.timers.insert((Timestamp(date), id), place);
            if self.timers.len() > MAX_HISTORY {
                let accounts = &self.floor.accounts;
                let live = |place: usize, id: u64| accounts.get(place).is_some_and(|a| a.live.contains(&id));
                self.timers.retain(|(_, id), place| live(*place, *id));
            }
        }
        Ok(id)
    }

    /// An order of an account with its market.
    pub(crate) fn ticket(&self, place: usize, id: u64) -> Result<(&Account, &Listed, &Ticket), Refusal> {
        let account = self.floor.accounts.get(place).ok_or_else(Refusal::number)?;
        let ticket = account.tickets.get(&id).ok_or_else(Refusal::no_order)?;
        let market = self.floor.market(ticket.wish.symbol.as_str()).ok_or_else(Refusal::symbol)?;
        Ok((account, market, ticket))
    }

    fn place_one(&mut self, place: usize, params: &Params, now: Timestamp) -> Answer {
        let wish = self.wish(place, params, now)?;
        let id = self.send(place, wish)?;
        let (account, market, ticket) = self.ticket(place, id)?;
        let whole = params.sent("newOrderRespType") == Some("RESULT");
        Ok(if whole {
            rows::answer(account, market, ticket)
        } else {
            rows::acknowledgement(account, market, ticket)
        })
    }

    /// The order of the ordinary book that a request names.
    fn named(&self, ask: &Ask, params: &Params) -> Result<Option<u64>, Refusal> {
        let market = self.listed(params)?;
        let account = self.account(ask)?;
        let id = match (params.number("orderId")?, params.optional("origClientOrderId")?) {
            (Some(id), _) => account.tickets.get(&id),
            (None, Some(name)) => account.by_client(name),
            (None, None) => {
                let text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!";
                return Err(Refusal::new(-1102, text));
            }
        };
        let id = id.filter(|ticket| ticket.wish.symbol == market.symbol && is_order(account, ticket));
        Ok(id.map(|ticket| ticket.id))
    }

    fn show(&self, ask: &Ask, meant: impl Fn(&Account, &Ticket) -> bool) -> Result<Vec<Value>, Refusal> {
        let account = self.account(ask)?;
        let mut rows = Vec::new();
        for ticket in account.tickets.values().filter(|ticket| is_order(account, ticket)) {
            if meant(account, ticket) {
                let market = self.floor.market(ticket.wish.symbol.as_str()).ok_or_else(Refusal::symbol)?;
                rows.push(rows::record(account, market, ticket));
            }
        }
        Ok(rows)
    }

    fn modify_one(&mut self, ask: &Ask, params: &Params) -> Answer {
        params.side()?;
        let id = self.named(ask, params)?.ok_or_else(Refusal::no_order)?;
        let (account, market, ticket) = self.ticket(ask.account, id)?;
        if !ticket.is_open(&account.world) {
            return Err(Refusal::no_order());
        }
        if !matches!(ticket.wish.kind, Kind::Limit(_)) {
            return Err(Refusal::new(-5025, "Only limit order is supported"));
        }
        let qty = quantity(market, params)?.ok_or_else(|| Refusal::missing("quantity"))?;
        let quote = self.quoted(market)?;
        let limit = match params.optional("priceMatch")? {
            None => a_price(market, params, "price")?.ok_or_else(|| Refusal::missing("price"))?,
            Some(_) => super::wishes::limit(market, quote, ticket.wish.side, params)?,
        };
        super::wishes::check_band(market, quote, ticket.wish.side, limit)?;
        if ticket.wish.qty == Some(qty) && ticket.wish.kind == Kind::Limit(limit) {
            return Err(Refusal::new(-5027, "No need to modify the order."));
        }
        let ends = qty <= ticket.done(&account.world).qty;
        let post_only = ticket.wish.tif == TimeInForce::PostOnly;
        let Floor { markets, accounts, ids, .. } = &mut self.floor;
        let symbol = params.text("symbol")?;
        let market = markets.iter().find(|m| m.symbol.as_str() == symbol).ok_or_else(Refusal::symbol)?;
        let account = accounts.get_mut(ask.account).ok_or_else(Refusal::number)?;
        let change = |wish: &mut Wish| (wish.qty, wish.kind) = (Some(qty), Kind::Limit(limit));
        // An order that has executed as much already is over, and so is one that would take where it must not.
        if ends {
            let _was_open = account.cancel(id, OWNER);
        } else {
            match account.amend(market, id, change, ids) {
                Ok(()) => {}
                Err(Why::WouldMatch) if post_only => drop(account.cancel(id, OWNER)),
                Err(why) => return Err(Refusal::order(&why, market)),
            }
        }
        let (account, market, ticket) = self.ticket(ask.account, id)?;
        Ok(rows::answer(account, market, ticket))
    }

    fn cancel_one(&mut self, ask: &Ask, params: &Params) -> Answer {
        let id = self.named(ask, params)?.ok_or_else(Refusal::not_open)?;
        let account = self.floor.accounts.get_mut(ask.account).ok_or_else(Refusal::number)?;
        if !account.cancel(id, OWNER) {
            return Err(Refusal::not_open());
        }
        let (account, market, ticket) = self.ticket(ask.account, id)?;
        Ok(rows::answer(account, market, ticket))
    }
}

fn each(answer: Answer) -> Value {
    answer.unwrap_or_else(|refusal| refusal.body())
}

pub(crate) fn place(server: &mut Server, ask: &Ask) -> Answer {
    server.place_one(ask.account, &ask.params, ask.now)
}

pub(crate) fn test(server: &mut Server, ask: &Ask) -> Answer {
    let wish = server.wish(ask.account, &ask.params, ask.now)?;
    let Floor { markets, accounts, .. } = &mut server.floor;
    let market = markets.iter().find(|market| market.symbol == wish.symbol).ok_or_else(Refusal::symbol)?;
    let account = accounts.get_mut(ask.account).ok_or_else(Refusal::number)?;
    match account.foresee(market, &wish) {
        Some(why) => Err(Refusal::order(&why, market)),
        None => Ok(json!({})),
    }
}

fn batch(params: &Params) -> Result<Vec<Params>, Refusal> {
    let list = params.list("batchOrders")?.ok_or_else(|| Refusal::missing("batchOrders"))?;
    if list.is_empty() || list.len() > MAX_BATCH {
        return Err(Refusal::new(-4082, "Invalid number of batch place orders."));
    }
    let object = |item: &Value| item.as_object().map(Params::of_object);
    list.iter().map(|item| object(item).ok_or_else(|| Refusal::malformed("batchOrders"))).collect()
}

pub(crate) fn place_batch(server: &mut Server, ask: &Ask) -> Answer {
    let orders = batch(&ask.params)?;
    Ok(orders.iter().map(|order| each(server.place_one(ask.account, order, ask.now))).collect())
}

pub(crate) fn modify(server: &mut Server, ask: &Ask) -> Answer {
    server.modify_one(ask, &ask.params)
}

pub(crate) fn modify_batch(server: &mut Server, ask: &Ask) -> Answer {
    let orders = batch(&ask.params)?;
    Ok(orders.iter().map(|order| each(server.modify_one(ask, order))).collect())
}

pub(crate) fn cancel(server: &mut Server, ask: &Ask) -> Answer {
    server.cancel_one(ask, &ask.params)
}

pub(crate) fn cancel_batch(server: &mut Server, ask: &Ask) -> Answer {
    let symbol = server.listed(&ask.params)?.symbol.as_str().to_owned();
    let (ids, names) = (ask.params.list("orderIdList")?, ask.params.list("origClientOrderIdList")?);
    let (name, list) = match (ids, names) {
        (Some(ids), _) => ("orderId", ids),
        (None, Some(names)) => ("origClientOrderId", names),
        (None, None) => return Err(Refusal::missing("orderIdList")),
    };
    if list.len() > MAX_CANCELS {
        return Err(Refusal::new(-4032, "Exceed maximum cancel order size."));
    }
    let one = |value: &Value| {
        let object = serde_json::Map::from_iter([
            ("symbol".to_owned(), json!(symbol)),
            (name.to_owned(), value.clone()),
        ]);
        each(server.cancel_one(ask, &Params::of_object(&object)))
    };
    Ok(list.iter().map(one).collect())
}

pub(crate) fn cancel_all(server: &mut Server, ask: &Ask) -> Answer {
    let symbol = server.listed(&ask.params)?.symbol.clone();
    let account = server.floor.accounts.get_mut(ask.account).ok_or_else(Refusal::number)?;
    let meant: Vec<u64> = account
        .open()
        .filter(|ticket| ticket.wish.symbol == symbol && is_order(account, ticket))
        .map(|ticket| ticket.id)
        .collect();
    drop(account.cancel_where(OWNER, |ticket| meant.contains(&ticket.id)));
    Ok(json!({"code": 200, "msg": "The operation of cancel all open order is done."}))
}

pub(crate) fn query(server: &mut Server, ask: &Ask) -> Answer {
    let id = server.named(ask, &ask.params)?.ok_or_else(Refusal::no_order)?;
    let (account, market, ticket) = server.ticket(ask.account, id)?;
    if is_forgotten(account, ticket, ask.now) {
        return Err(Refusal::no_order());
    }
    Ok(rows::record(account, market, ticket))
}

/// Orders that did nothing are kept for three days, others for ninety.
fn is_forgotten(account: &Account, ticket: &Ticket, now: Timestamp) -> bool {
    let age = now.0.saturating_sub(ticket.changed.0);
    let idle = ticket.done(&account.world).qty.is_zero();
    !ticket.is_open(&account.world) && age > DAY.saturating_mul(if idle { 3 } else { 90 })
}

pub(crate) fn query_open(server: &mut Server, ask: &Ask) -> Answer {
    let id = server.named(ask, &ask.params)?.ok_or_else(Refusal::no_order)?;
    let (account, market, ticket) = server.ticket(ask.account, id)?;
    if ticket.is_open(&account.world) {
        Ok(rows::record(account, market, ticket))
    } else {
        Err(Refusal::no_order())
    }
}

pub(crate) fn open(server: &mut Server, ask: &Ask) -> Answer {
    let symbols = server.listed_or_all(&ask.params)?;
    let of = |ticket: &Ticket| symbols.iter().any(|market| market.symbol == ticket.wish.symbol);
    let account = server.account(ask)?;
    let mut rows = Vec::new();
    for ticket in account.open().filter(|ticket| of(ticket) && is_order(account, ticket)) {
        let market = server.floor.market(ticket.wish.symbol.as_str()).ok_or_else(Refusal::symbol)?;
        rows.push(rows::record(account, market, ticket));
    }
    Ok(Value::Array(rows))
}

pub(crate) fn all(server: &mut Server, ask: &Ask) -> Answer {
    let span = Span::of(&ask.params, 500, 1_000)?.at_most(7)?;
    let first = ask.params.number("orderId")?;
    let symbols = server.listed_or_all(&ask.params)?;
    let of = |ticket: &Ticket| symbols.iter().any(|market| market.symbol == ticket.wish.symbol);
    let rows = server.show(ask, |account, ticket| {
        of(ticket)
            && first.is_none_or(|first| ticket.id >= first)
            && span.has(ticket.placed)
            && !is_forgotten(account, ticket, ask.now)
    })?;
    Ok(Value::Array(span.cut(&rows).to_vec()))
}
