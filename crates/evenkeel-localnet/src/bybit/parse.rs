//! A new order, from its parameters.

use evenkeel_types::{Decimal, PositionSide, Price, Qty, Side, TimeInForce};
use serde_json::json;

use super::envelope::Refusal;
use super::market::highest;
use super::numbers::text;
use super::params::{Category, Params};
use super::protection::{Guard, Protection};
use super::server::Server;
use crate::floor::{Kind, Listed, Trigger, Wish};

const MAX_LINK: usize = 36;

/// An order that is well formed.
#[derive(Debug)]
pub(super) struct New {
    pub(super) wish: Wish,
    /// What is to guard the position when it has executed.
    pub(super) protection: Option<Protection>,
}

pub(super) fn linear(params: &Params) -> Result<(), Refusal> {
    match params.category()? {
        Category::Linear => Ok(()),
        // There are categories, but nothing is listed in them.
        Category::Other(_) => Err(Refusal::symbol(params.needed("symbol")?)),
    }
}

/// The leg that a request is about.
pub(super) fn leg(params: &Params, hedged: bool) -> Result<PositionSide, Refusal> {
    match (params.integer("positionIdx")?.unwrap_or(0), hedged) {
        (0, false) => Ok(PositionSide::Net),
        (1, true) => Ok(PositionSide::Long),
        (2, true) => Ok(PositionSide::Short),
        (0..=2, _) => Err(Refusal::new(10001, "position idx not match position mode")),
        _ => Err(Refusal::parameter("positionIdx")),
    }
}

fn link(params: &Params) -> Result<Option<String>, Refusal> {
    let link = params.text("orderLinkId")?;
    let allowed = |text: &str| {
        text.len() <= MAX_LINK
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if link.is_some_and(|text| !allowed(text)) {
        return Err(Refusal::parameter("orderLinkId"));
    }
    Ok(link.map(str::to_owned))
}

fn bounded(market: &Listed, price: Price) -> Result<Price, Refusal> {
    if price > highest(market) {
        return Err(Refusal::new(110_003, "Order price exceeds the allowable range."));
    }
    Ok(price)
}

impl Server {
    /// Reads an order of an account.
    pub(super) fn parse_order(&self, place: usize, params: &Params) -> Result<New, Refusal> {
        let market = self.market(params)?;
        let account = self.account(place)?;
        let side = match params.needed("side")? {
            "Buy" => Side::Buy,
            "Sell" => Side::Sell,
            _ => return Err(Refusal::parameter("side")),
        };
        let order_type = params.needed("orderType")?;
        if !matches!(order_type, "Market" | "Limit") {
            return Err(Refusal::parameter("orderType"));
        }
        let is_market = order_type == "Market";
        let leg = leg(params, account.is_hedged())?;
        let closes = params.flag("closeOnTrigger")?;
        let reduce_only = params.flag("reduceOnly")? || closes;
        let (tif_text, tif) = match params.text("timeInForce")? {
            _ if is_market => ("IOC", TimeInForce::Ioc),
            None | Some("GTC") => ("GTC", TimeInForce::Gtc),
            Some("IOC") => ("IOC", TimeInForce::Ioc),
            Some("PostOnly") => ("PostOnly", TimeInForce::PostOnly),
            // FOK and RPI need a book that is not here.
            Some(_) => return Err(Refusal::parameter("timeInForce")),
        };
        let limit = match (is_market, params.price("price")?) {
            (true, _) => None,
            (false, Some(price)) => Some(bounded(market, price)?),
            (false, None) => return Err(Refusal::parameter("price")),
        };
        let trigger = params.price("triggerPrice")?;
        let kind = match (trigger, limit) {
            (Some(at), limit) => {
                let rises = match params.integer("triggerDirection")? {
                    Some(1) => true,
                    Some(2) => false,
                    _ => return Err(Refusal::parameter("triggerDirection")),
                };
                Kind::Trigger(Trigger { at: bounded(market, at)?, rises, limit })
            }
            (None, Some(limit)) => Kind::Limit(limit),
            (None, None) => Kind::Market,
        };
        let held = account.position(&market.symbol, leg).map_or(Qty::ZERO, |position| position.qty.abs());
        let asked = params.decimal("qty")?.ok_or_else(|| Refusal::parameter("qty"))?;
        let qty = match asked {
            // Zero, reducing and closing, is whatever the position is.
            qty if qty.is_zero() && reduce_only && closes => Some(held).filter(|_| trigger.is_none()),
            qty if qty <= Decimal::ZERO => return Err(Refusal::parameter("qty")),
            _ => params.qty("qty")?,
        };
        if trigger.is_none() && asked.is_zero() && held.is_zero() {
            return Err(super::refusals::order(&crate::floor::Why::NothingToReduce));
        }
        let base = limit.unwrap_or(self.floor.quote(&market.symbol).map_or(market.mark, |quote| quote.mark));
        let protection = Protection::of_order(params, market, side, base)?;
        if protection.is_some() && reduce_only {
            return Err(Refusal::new(10001, "reduce-only order can not set take profit or stop loss"));
        }
        let shown = |guard: Option<&Guard>| guard.map_or_else(String::new, |guard| text(guard.at.get()));
        let words = json!({
            "orderType": order_type, "timeInForce": tif_text, "closeOnTrigger": closes, "createType": "CreateByUser",
            "stopOrderType": if trigger.is_some() { "Stop" } else { "" },
            "triggerBy": trigger.map_or(Ok(""), |_| Ok(params.text("triggerBy")?.unwrap_or("LastPrice")))?,
            "lastPriceOnCreated": self.floor.quote(&market.symbol).map_or_else(String::new, |q| text(q.mark.get())),
            "takeProfit": shown(protection.as_ref().and_then(|p| p.take_profit.as_ref())),
            "stopLoss": shown(protection.as_ref().and_then(|p| p.stop_loss.as_ref())),
            "tpslMode": protection.as_ref().map_or("", |p| if p.partial { "Partial" } else { "Full" }),
            "tpTriggerBy": if protection.is_some() { "LastPrice" } else { "" },
            "slTriggerBy": if protection.is_some() { "LastPrice" } else { "" },
        });
        let wish = Wish {
            client_id: link(params)?,
            symbol: market.symbol.clone(),
            side,
            leg,
            qty,
            kind,
            tif,
            reduce_only,
            words,
        };
        Ok(New { wish, protection })
    }
}
