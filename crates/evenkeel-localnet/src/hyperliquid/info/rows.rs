//! Orders as rows of answers.

use evenkeel_types::{Decimal, Exact, Side, Symbol};
use serde_json::{Value, json};

use super::MAX_ROWS;
use crate::hyperliquid::account::{Account, fires_above};
use crate::hyperliquid::action::{Tif, Tpsl};
use crate::hyperliquid::fills::side;
use crate::hyperliquid::markets::Listed;
use crate::hyperliquid::numbers::{places, text};
use crate::hyperliquid::tickets::{Kind, Ticket};
use crate::hyperliquid::views::{leverage, worth};

/// A row of `openOrders`: without the triggers.
pub(crate) fn short(account: &Account, ticket: &Ticket) -> Value {
    let held = account.qty(&ticket.symbol);
    let mut row = json!({
        "coin": ticket.symbol.as_str(),
        "limitPx": text(ticket.limit),
        "oid": ticket.oid,
        "side": side(ticket.side),
        "sz": text(ticket.remaining(&account.world, held)),
        "origSz": text(ticket.size),
        "timestamp": ticket.placed.0,
    });
    if let Some(row) = row.as_object_mut() {
        if let Some(cloid) = &ticket.cloid {
            row.insert("cloid".to_owned(), json!(cloid));
        }
        if ticket.reduce_only {
            row.insert("reduceOnly".to_owned(), json!(true));
        }
    }
    row
}

/// A row of `frontendOpenOrders`, and the order inside the other answers.
pub(super) fn full(account: &Account, ticket: &Ticket) -> Value {
    let held = account.qty(&ticket.symbol);
    let (order_type, tif) = match ticket.kind {
        Kind::Limit(Tif::FrontendMarket) => ("Market", Some(Tif::FrontendMarket.as_str())),
        Kind::Limit(tif) => ("Limit", Some(tif.as_str())),
        Kind::Trigger { tpsl: Tpsl::Sl, is_market: true, .. } => ("Stop Market", None),
        Kind::Trigger { tpsl: Tpsl::Sl, is_market: false, .. } => ("Stop Limit", None),
        Kind::Trigger { tpsl: Tpsl::Tp, is_market: true, .. } => ("Take Profit Market", None),
        Kind::Trigger { tpsl: Tpsl::Tp, is_market: false, .. } => ("Take Profit Limit", None),
    };
    let (is_trigger, trigger) = match ticket.kind {
        Kind::Limit(_) => (false, Decimal::ZERO),
        Kind::Trigger { price, .. } => (true, price),
    };
    let condition = match fires_above(ticket.kind, ticket.side == Side::Buy) {
        None => "N/A".to_owned(),
        Some(above) => format!("Price {} {trigger}", if above { "above" } else { "below" }),
    };
    let waiting = |oid: &u64| account.tickets.get(oid).filter(|child| child.is_open(&account.world));
    let children: Vec<Value> =
        ticket.children.iter().filter_map(waiting).map(|child| full(account, child)).collect();
    json!({
        "coin": ticket.symbol.as_str(),
        "side": side(ticket.side),
        "limitPx": text(ticket.limit),
        "sz": text(ticket.remaining(&account.world, held)),
        "oid": ticket.oid,
        "timestamp": ticket.placed.0,
        "triggerCondition": condition,
        "isTrigger": is_trigger,
        "triggerPx": text(trigger),
        "children": children,
        "isPositionTpsl": ticket.on_position,
        "reduceOnly": ticket.reduce_only,
        "orderType": order_type,
        "origSz": text(ticket.size),
        "tif": tif,
        "cloid": ticket.cloid,
    })
}

fn record(account: &Account, ticket: &Ticket) -> Value {
    json!({
        "order": full(account, ticket),
        "status": ticket.status(&account.world),
        "statusTimestamp": ticket.changed.0,
    })
}

impl Account {
    pub(super) fn open_orders(&self, row: impl Fn(&Self, &Ticket) -> Value) -> Value {
        let open = self.live.iter().rev().filter_map(|oid| self.tickets.get(oid));
        let open = open.filter(|ticket| ticket.is_open(&self.world));
        Value::Array(open.map(|ticket| row(self, ticket)).collect())
    }

    /// By number, also as text, or by client id.
    pub(super) fn order_status(&self, name: Option<&Value>) -> Result<Value, String> {
        let name = name.ok_or("missing field `oid`")?;
        let oid = match (name.as_u64(), name.as_str()) {
            (Some(oid), _) => Some(oid),
            (None, Some(text)) if text.starts_with("0x") => self.by_name(&text.to_ascii_lowercase()),
            (None, Some(text)) => Some(text.parse().map_err(|_| "invalid oid".to_owned())?),
            (None, None) => return Err("invalid oid".to_owned()),
        };
        Ok(match oid.and_then(|oid| self.tickets.get(&oid)) {
            Some(ticket) => json!({"status": "order", "order": record(self, ticket)}),
            None => json!({"status": "unknownOid"}),
        })
    }

    /// The youngest first.
    pub(super) fn history(&self) -> Value {
        let tickets = self.tickets.values().rev().take(MAX_ROWS);
        Value::Array(tickets.map(|ticket| record(self, ticket)).collect())
    }

    /// Leverage setting and what can be traded with it, to buy and to sell.
    pub(super) fn asset_data(&self, coin: &str, markets: &[Listed]) -> Result<Value, String> {
        let symbol = Symbol::new(coin).map_err(|_| "invalid coin".to_owned())?;
        let market = markets.iter().find(|market| market.symbol == symbol);
        let Some(market) = market else { return Ok(Value::Null) };
        self.capacity(market, markets).ok_or_else(|| "internal".to_owned())
    }

    fn capacity(&self, market: &Listed, markets: &[Listed]) -> Option<Value> {
        let snapshot = self.snapshot(markets)?;
        let setting = snapshot.settings.get(&market.symbol)?;
        let mark = snapshot.quotes.get(&market.symbol)?.mark.get();
        let free = snapshot.pools.first()?.free.get();
        let position = snapshot.positions.iter().find(|position| position.symbol == market.symbol);
        let (mut available, mut raw) = ([free, free], Decimal::ZERO);
        if let Some(position) = position {
            // Closing gives the margin back, and as much can be opened on the other side.
            let worth = worth(&snapshot, position)?;
            let closing = usize::from(position.closing_side() == Side::Sell);
            let more = free.plus(worth.margin().times(Decimal::TWO).ok()?).ok()?;
            *available.get_mut(closing)? = more;
            if position.isolated.is_some() {
                raw = worth.margin().minus(worth.signed()).ok()?;
            }
        }
        let size = |usd: Decimal| Some(places(usd.times(setting.long.get()).ok()?.over(mark).ok()?, 10));
        let [buy, sell] = available;
        Some(json!({
            "user": self.address.to_string(),
            "coin": market.symbol.as_str(),
            "leverage": leverage(setting.mode, setting.long.get(), raw),
            "maxTradeSzs": [size(buy)?, size(sell)?],
            "availableToTrade": [places(buy, 10), places(sell, 10)],
            "markPx": text(mark),
        }))
    }
}
