//! Conditional orders: a book of their own.

use evenkeel_types::{Decimal, Exact, PositionSide, Rate, Side, Timestamp};
use serde_json::{Value, json};

use super::market::Span;
use super::params::Params;
use super::refusals::Refusal;
use super::routes::Ask;
use super::rows::{self, ALGO, ALGO_OFFSET, OWNER, is_algo_waiting};
use super::server::Server;
use super::wishes::{a_price, around, good_till, is_conditional, limit, name, quantity, tif};
use crate::floor::{Account, Callback, Kind, Listed, Ticket, Trigger, Wish};

type Answer = Result<Value, Refusal>;

/// Of an account, over all symbols.
const MAX_ALGO: usize = 200;

impl Server {
    fn algo_wish(&self, place: usize, params: &Params, now: Timestamp) -> Result<Wish, Refusal> {
        if params.text("algoType")? != "CONDITIONAL" {
            return Err(Refusal::malformed("algoType"));
        }
        let market = self.listed(params)?;
        let account = self.floor.accounts.get(place).ok_or_else(Refusal::number)?;
        let side = params.side()?;
        let kind = params.text("type")?;
        if !is_conditional(kind) {
            return Err(Refusal::new(-1116, "Invalid orderType."));
        }
        let around = around(account, params, now)?;
        let with_limit = matches!(kind, "STOP" | "TAKE_PROFIT");
        let whole = params.flag("closePosition")?.unwrap_or(false);
        let qty = quantity(market, params)?;
        check_whole(account, market, (whole, kind), (around.leg, side), params)?;
        if qty.is_none() != whole {
            let text = "Quantity must be zero with closePosition equals true.";
            return Err(if whole { Refusal::new(-4137, text) } else { Refusal::missing("quantity") });
        }
        let told = params.optional("timeInForce")?.unwrap_or("GTC");
        let wanted = if kind == "TRAILING_STOP_MARKET" {
            Kind::Trailing {
                activation: a_price(market, params, "activatePrice")?,
                callback: callback(params)?,
            }
        } else {
            let at =
                a_price(market, params, "triggerPrice")?.ok_or_else(|| Refusal::missing("triggerPrice"))?;
            let stops = kind.starts_with("STOP");
            let worst =
                if with_limit { Some(limit(market, self.quoted(market)?, side, params)?) } else { None };
            Kind::Trigger(Trigger { at, rises: stops == (side == Side::Buy), limit: worst })
        };
        if account.open().filter(|ticket| is_algo_waiting(account, ticket)).count() >= MAX_ALGO {
            return Err(Refusal::new(-4045, "Reach max stop order limit."));
        }
        let working = params.optional("workingType")?.unwrap_or("CONTRACT_PRICE");
        if !["MARK_PRICE", "CONTRACT_PRICE"].contains(&working) {
            return Err(Refusal::malformed("workingType"));
        }
        let words = json!({
            "type": kind, "tif": told, "stp": around.stp, "match": around.price_match, "working": working,
            "protect": params.flag("priceProtect")?.unwrap_or(false), "gtd": good_till(params, told, now)?,
        });
        Ok(Wish {
            client_id: Some(format!("{ALGO}{}", name(account, params, "clientAlgoId", now)?)),
            symbol: market.symbol.clone(),
            side,
            leg: around.leg,
            qty,
            kind: wanted,
            tif: tif(told)?,
            reduce_only: around.reduce_only,
            words,
        })
    }

    fn algo_named(&self, ask: &Ask) -> Result<Option<u64>, Refusal> {
        let account = self.account(ask)?;
        let found = match (ask.params.number("algoId")?, ask.params.optional("clientAlgoId")?) {
            (Some(id), _) => id.checked_sub(ALGO_OFFSET).and_then(|id| account.tickets.get(&id)),
            (None, Some(name)) => account.by_client(&format!("{ALGO}{name}")),
            (None, None) => {
                let text = "Param 'clientAlgoId' or 'algoId' must be sent, but both were empty/null!";
                return Err(Refusal::new(-1102, text));
            }
        };
        Ok(found.filter(|ticket| ticket.is_conditional()).map(|ticket| ticket.id))
    }

    fn show_algo<'a>(
        &self,
        ask: &Ask,
        account: &'a Account,
        tickets: impl Iterator<Item = &'a Ticket>,
    ) -> Result<Vec<Value>, Refusal> {
        let symbols = self.listed_or_all(&ask.params)?;
        let mut rows = Vec::new();
        for ticket in tickets.filter(|ticket| ticket.is_conditional()) {
            let market = symbols.iter().find(|market| market.symbol == ticket.wish.symbol);
            if let Some(market) = market {
                rows.push(rows::algo_record(account, market, ticket));
            }
        }
        Ok(rows)
    }
}

/// Orders that close whatever there is.
fn check_whole(
    account: &Account,
    market: &Listed,
    (whole, kind): (bool, &str),
    (leg, side): (PositionSide, Side),
    params: &Params,
) -> Result<(), Refusal> {
    if !whole {
        return Ok(());
    }
    if !matches!(kind, "STOP_MARKET" | "TAKE_PROFIT_MARKET") {
        return Err(Refusal::new(
            -4136,
            "Target strategy invalid for orderType ".to_owned() + kind + ",closePosition true",
        ));
    }
    if params.has("reduceOnly") {
        return Err(Refusal::unwanted("reduceonly"));
    }
    if matches!((leg, side), (PositionSide::Long, Side::Buy) | (PositionSide::Short, Side::Sell)) {
        return Err(Refusal::combination());
    }
    let held = account.position(&market.symbol, leg).is_some();
    let ordered = account.open().any(|ticket| ticket.wish.symbol == market.symbol);
    if !held && !ordered {
        let text = "Time in Force (TIF) GTE can only be used with open positions or open orders. Please ensure that positions are available.";
        return Err(Refusal::new(-4509, text));
    }
    Ok(())
}

/// A tenth of a percent to ten percent, in tenths.
fn callback(params: &Params) -> Result<Callback, Refusal> {
    let rate = params.decimal("callbackRate")?.ok_or_else(|| Refusal::missing("callbackRate"))?;
    let fits = rate >= Decimal::new(1, 1) && rate <= Decimal::TEN && Listed::decimals(rate) <= 1;
    let rate =
        Some(rate).filter(|_| fits).and_then(|rate| Rate::new(rate.over(Decimal::ONE_HUNDRED).ok()?).ok());
    rate.map(Callback::Share).ok_or_else(|| Refusal::new(-2007, "Invalid callBack rate"))
}

pub(crate) fn place(server: &mut Server, ask: &Ask) -> Answer {
    let wish = server.algo_wish(ask.account, &ask.params, ask.now)?;
    let id = server.send(ask.account, wish)?;
    let (account, market, ticket) = server.ticket(ask.account, id)?;
    Ok(rows::algo(account, market, ticket))
}

pub(crate) fn cancel(server: &mut Server, ask: &Ask) -> Answer {
    let id = server.algo_named(ask)?.ok_or_else(Refusal::not_open)?;
    let account = server.floor.accounts.get_mut(ask.account).ok_or_else(Refusal::number)?;
    let waits = account.tickets.get(&id).is_some_and(|ticket| is_algo_waiting(account, ticket));
    if !waits || !account.cancel(id, OWNER) {
        return Err(Refusal::not_open());
    }
    let (_, _, ticket) = server.ticket(ask.account, id)?;
    Ok(json!({
        "algoId": id.saturating_add(ALGO_OFFSET), "clientAlgoId": rows::client_id(ticket), "code": "200",
        "msg": "success",
    }))
}

pub(crate) fn cancel_all(server: &mut Server, ask: &Ask) -> Answer {
    let symbol = server.listed(&ask.params)?.symbol.clone();
    let account = server.floor.accounts.get_mut(ask.account).ok_or_else(Refusal::number)?;
    let meant: Vec<u64> = account
        .open()
        .filter(|ticket| ticket.wish.symbol == symbol && is_algo_waiting(account, ticket))
        .map(|ticket| ticket.id)
        .collect();
    drop(account.cancel_where(OWNER, |ticket| meant.contains(&ticket.id)));
    Ok(json!({"code": 200, "msg": "The operation of cancel all open order is done."}))
}

pub(crate) fn query(server: &mut Server, ask: &Ask) -> Answer {
    let id = server.algo_named(ask)?.ok_or_else(Refusal::no_order)?;
    let (account, market, ticket) = server.ticket(ask.account, id)?;
    Ok(rows::algo_record(account, market, ticket))
}

pub(crate) fn open(server: &mut Server, ask: &Ask) -> Answer {
    let account = server.account(ask)?;
    let waiting = account.open().filter(|ticket| is_algo_waiting(account, ticket));
    Ok(Value::Array(server.show_algo(ask, account, waiting)?))
}

pub(crate) fn all(server: &mut Server, ask: &Ask) -> Answer {
    let span = Span::of(&ask.params, 500, 1_000)?.at_most(7)?;
    let account = server.account(ask)?;
    let tickets = account.tickets.values().filter(|ticket| span.has(ticket.placed));
    let rows = server.show_algo(ask, account, tickets)?;
    Ok(Value::Array(span.cut(&rows).to_vec()))
}
