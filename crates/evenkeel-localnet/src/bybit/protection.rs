//! Take profits, stop losses and trailing stops of positions: set with an order, or by themselves.

use std::collections::BTreeMap;

use evenkeel_types::{PositionSide, Price, Qty, Side, Symbol, TimeInForce};
use serde_json::{Value, json};

use super::auth::Caller;
use super::envelope::{Answer, Refusal};
use super::params::Params;
use super::parse::{leg, linear};
use super::refusals;
use super::server::Server;
use crate::floor::{Callback, Floor, Kind, Listed, Ticket, Trigger, Why, Wish};

/// One price that guards a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guard {
    pub(super) at: Price,
    pub(super) limit: Option<Price>,
}

/// What an order brings along for the position that it makes.
#[derive(Debug, Clone)]
pub(super) struct Protection {
    pub(super) take_profit: Option<Guard>,
    pub(super) stop_loss: Option<Guard>,
    /// For what the order executes, not for the whole position.
    pub(super) partial: bool,
}

/// What waits for its order to execute, by account and number.
pub(super) type Protections = BTreeMap<(usize, u64), Protection>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Profit,
    Loss,
}

/// A guard of a position on this side must be where it says.
fn check(what: What, is_long: bool, at: Price, base: Price) -> Result<(), Refusal> {
    let above = (what == What::Profit) == is_long;
    if if above { at > base } else { at < base } {
        return Ok(());
    }
    let (name, side) =
        (if what == What::Profit { "TakeProfit" } else { "StopLoss" }, if is_long { "Buy" } else { "Sell" });
    let way = if above { "higher" } else { "lower" };
    Err(Refusal::new(
        10001,
        format!("{name}:{at} set for {side} position should be {way} than base_price:{base}"),
    ))
}

fn mode(params: &Params) -> Result<bool, Refusal> {
    match params.text("tpslMode")? {
        None | Some("Full") => Ok(false),
        Some("Partial") => Ok(true),
        Some(_) => Err(Refusal::parameter("tpslMode")),
    }
}

fn limit(
    params: &Params,
    order_type: &str,
    name: &'static str,
    partial: bool,
) -> Result<Option<Price>, Refusal> {
    match params.text(order_type)? {
        Some("Limit") if partial => params.price(name)?.map(Some).ok_or_else(|| Refusal::parameter(name)),
        Some("Limit") => Err(Refusal::new(10001, "tpslMode Full only supports Market orders")),
        _ => Ok(None),
    }
}

impl Protection {
    /// The guards that come with an order of this side, which executes around `base`.
    pub(super) fn of_order(
        params: &Params,
        market: &Listed,
        side: Side,
        base: Price,
    ) -> Result<Option<Self>, Refusal> {
        let partial = mode(params)?;
        let guard = |name, order_type, limit_name, what| -> Result<Option<Guard>, Refusal> {
            let Some(at) = params.price_or_zero(name)?.flatten() else { return Ok(None) };
            check(what, side == Side::Buy, at, base)?;
            if !market.instrument.price_rule.accepts(at) {
                return Err(Refusal::parameter(name));
            }
            Ok(Some(Guard { at, limit: limit(params, order_type, limit_name, partial)? }))
        };
        let take_profit = guard("takeProfit", "tpOrderType", "tpLimitPrice", What::Profit)?;
        let stop_loss = guard("stopLoss", "slOrderType", "slLimitPrice", What::Loss)?;
        let any = take_profit.is_some() || stop_loss.is_some();
        Ok(any.then_some(Self { take_profit, stop_loss, partial }))
    }
}

/// Whether an order is the guard of this kind over the whole leg.
fn guards(ticket: &Ticket, symbol: &Symbol, leg: PositionSide, word: &str) -> bool {
    ticket.wish.symbol == *symbol
        && ticket.wish.leg == leg
        && ticket.wish.qty.is_none()
        && ticket.wish.words.get("stopOrderType").and_then(Value::as_str) == Some(word)
}

/// The order that guards a position.
fn guard_wish(
    symbol: &Symbol,
    leg: PositionSide,
    is_long: bool,
    qty: Option<Qty>,
    kind: Kind,
    word: &str,
) -> Wish {
    let has_limit = matches!(&kind, Kind::Trigger(trigger) if trigger.limit.is_some());
    let full = word.strip_prefix("Partial").unwrap_or(word);
    let created = match word {
        "PartialTakeProfit" | "PartialStopLoss" => format!("CreateByPartial{full}"),
        _ => format!("CreateBy{full}"),
    };
    Wish {
        client_id: None,
        symbol: symbol.clone(),
        side: if is_long { Side::Sell } else { Side::Buy },
        leg,
        qty,
        kind,
        tif: if has_limit { TimeInForce::Gtc } else { TimeInForce::Ioc },
        reduce_only: true,
        words: json!({
            "orderType": if has_limit { "Limit" } else { "Market" }, "timeInForce": if has_limit { "GTC" } else { "IOC" },
            "stopOrderType": word, "closeOnTrigger": true, "createType": created, "triggerBy": "LastPrice",
            "tpslMode": if word.starts_with("Partial") { "Partial" } else { "Full" },
        }),
    }
}

impl Server {
    /// Sets, moves or takes away the guard of a whole leg; a part of it gets one of its own. Whether anything changed.
    fn set_guard(
        &mut self,
        place: usize,
        position: &(Symbol, PositionSide, bool),
        what: What,
        guard: Option<Guard>,
        qty: Option<Qty>,
    ) -> Result<bool, Why> {
        let (symbol, leg, is_long) = position;
        let word = match (what, qty.is_some()) {
            (What::Profit, false) => "TakeProfit",
            (What::Loss, false) => "StopLoss",
            (What::Profit, true) => "PartialTakeProfit",
            (What::Loss, true) => "PartialStopLoss",
        };
        let Floor { accounts, markets, ids, .. } = &mut self.floor;
        let account = accounts.get_mut(place).ok_or(Why::Halted)?;
        let market = markets.iter().find(|market| market.symbol == *symbol).ok_or(Why::UnknownSymbol)?;
        let old = |ticket: &Ticket| qty.is_none() && guards(ticket, symbol, *leg, word);
        let Some(guard) = guard else {
            return Ok(!account.cancel_where("CancelByTpSlTsClear", old).is_empty());
        };
        let rises = (what == What::Profit) == *is_long;
        let kind = Kind::Trigger(Trigger { at: guard.at, rises, limit: guard.limit });
        if account.open().any(|ticket| old(ticket) && ticket.wish.kind == kind) {
            return Ok(false);
        }
        let wish = guard_wish(symbol, *leg, *is_long, qty, kind, word);
        account.check(market, &wish)?;
        let _replaced = account.cancel_where("CancelByTpSlTsClear", old);
        account.place(market, wish, ids)?;
        Ok(true)
    }

    fn set_trailing(
        &mut self,
        place: usize,
        position: &(Symbol, PositionSide, bool),
        distance: Option<Price>,
        activation: Option<Price>,
    ) -> Result<bool, Why> {
        let (symbol, leg, is_long) = position;
        let Floor { accounts, markets, ids, .. } = &mut self.floor;
        let account = accounts.get_mut(place).ok_or(Why::Halted)?;
        let market = markets.iter().find(|market| market.symbol == *symbol).ok_or(Why::UnknownSymbol)?;
        let old = |ticket: &Ticket| guards(ticket, symbol, *leg, "TrailingStop");
        let kind =
            distance.map(|distance| Kind::Trailing { activation, callback: Callback::Distance(distance) });
        if kind.is_some()
            && account.open().any(|ticket| old(ticket) && Some(&ticket.wish.kind) == kind.as_ref())
        {
            return Ok(false);
        }
        let replaced = account.cancel_where("CancelByTpSlTsClear", old);
        let Some(kind) = kind else { return Ok(!replaced.is_empty()) };
        let wish = guard_wish(symbol, *leg, *is_long, None, kind, "TrailingStop");
        account.place(market, wish, ids)?;
        Ok(true)
    }

    pub(super) fn trading_stop(&mut self, caller: &Caller, params: &Params) -> Answer {
        linear(params)?;
        let market = self.market(params)?;
        let leg = leg(params, self.is_hedged(caller.account)?)?;
        let held = self.account(caller.account)?.position(&market.symbol, leg);
        let Some(held) = held.filter(|position| !position.qty.is_zero()) else {
            return Err(Refusal::new(10001, "can not set tp/sl/ts for zero position"));
        };
        let is_long = held.qty.is_positive();
        let base = self.floor.quote(&market.symbol).map_or(market.mark, |quote| quote.mark);
        let partial = mode(params)?;
        let rule = market.instrument.price_rule.clone();
        let position = (market.symbol.clone(), leg, is_long);
        let mut wanted = Vec::new();
        for (what, name, order_type, limit_name, size) in [
            (What::Profit, "takeProfit", "tpOrderType", "tpLimitPrice", "tpSize"),
            (What::Loss, "stopLoss", "slOrderType", "slLimitPrice", "slSize"),
        ] {
            let Some(at) = params.price_or_zero(name)? else { continue };
            let qty = if partial { params.qty(size)? } else { None };
            if partial && at.is_some() && qty.is_none() {
                return Err(Refusal::parameter(size));
            }
            let guard = match at {
                None => None,
                Some(at) => {
                    check(what, is_long, at, base)?;
                    if !rule.accepts(at) {
                        return Err(Refusal::parameter(name));
                    }
                    Some(Guard { at, limit: limit(params, order_type, limit_name, partial)? })
                }
            };
            wanted.push((what, guard, qty));
        }
        let trailing = params.price_or_zero("trailingStop")?;
        let activation = params.price_or_zero("activePrice")?.flatten();
        let mut changed = false;
        for (what, guard, qty) in wanted {
            changed |= self
                .set_guard(caller.account, &position, what, guard, qty)
                .map_err(|why| refusals::order(&why))?;
        }
        if let Some(distance) = trailing {
            changed |= self
                .set_trailing(caller.account, &position, distance, activation)
                .map_err(|why| refusals::order(&why))?;
        }
        if changed { Ok(json!({}).into()) } else { Err(Refusal::new(34040, "not modified")) }
    }

    /// Guards what executed of orders that brought guards along, and takes away trailing stops of positions that are gone.
    pub(super) fn protect_what_executed(&mut self) {
        let waiting: Vec<(usize, u64)> = self.protections.keys().copied().collect();
        for (place, id) in waiting {
            let Some(account) = self.floor.accounts.get(place) else { continue };
            let Some(ticket) = account.tickets.get(&id) else { continue };
            let done = ticket.done(&account.world).qty;
            let over = !ticket.is_open(&account.world);
            let position = (ticket.wish.symbol.clone(), ticket.wish.leg, ticket.wish.side == Side::Buy);
            if done.is_zero() && !over {
                continue;
            }
            let Some(protection) = self.protections.remove(&(place, id)) else { continue };
            if done.is_zero() {
                continue;
            }
            let qty = protection.partial.then_some(done);
            for (what, guard) in [(What::Profit, protection.take_profit), (What::Loss, protection.stop_loss)]
            {
                if guard.is_some() {
                    // What has been passed meanwhile cannot wait any more; the venue would close at once.
                    let _set = self.set_guard(place, &position, what, guard, qty);
                }
            }
        }
        for account in &mut self.floor.accounts {
            let waits = |ticket: &&Ticket| {
                matches!(ticket.wish.kind, Kind::Trailing { .. }) && ticket.record.is_none()
            };
            let orphans: Vec<u64> = account
                .open()
                .filter(waits)
                .filter(|ticket| {
                    account
                        .position(&ticket.wish.symbol, ticket.wish.leg)
                        .is_none_or(|held| held.qty.is_zero())
                })
                .map(|ticket| ticket.id)
                .collect();
            for id in orphans {
                let _gone = account.cancel(id, "CancelByTpSlTsClear");
            }
        }
    }
}
