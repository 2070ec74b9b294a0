//! Placing and cancelling, with the venue's own checks and words.

use evenkeel_paper::Conditional;
use evenkeel_types::{
    Decimal, Exact, OrderIntent, OrderKind, PositionSide, Price, Qty, Side, Symbol, TimeInForce,
};
use serde_json::{Value, json};

use super::account::{Account, Ids, client_id, fires_above};
use super::action::{Grouping, GroupingName, OrderType, OrderWire, Orders, Tif, Tpsl};
use super::markets::Listed;
use super::numbers::text;
use super::tickets::{Kind, Stand, Ticket};

/// The most open orders of an account that has traded little; then no more reduce-only and trigger orders.
const MAX_OPEN: usize = 1000;

/// What an order works with.
pub(crate) struct Desk<'a> {
    pub(crate) account: &'a mut Account,
    pub(crate) markets: &'a [Listed],
    pub(crate) ids: &'a mut Ids,
}

/// Why an order was not taken: in the venue's words, and as the status that is shown later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) text: String,
    pub(crate) status: &'static str,
}

fn no<T>(text: impl Into<String>, status: &'static str) -> Result<T, Refusal> {
    Err(Refusal { text: text.into(), status })
}

/// An order whose form was understood.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    symbol: Symbol,
    asset: u32,
    side: Side,
    size: Qty,
    limit: Price,
    reduce_only: bool,
    pub(crate) kind: Kind,
    cloid: Option<String>,
}

impl Desk<'_> {
    /// A batch: the `response` of the answer, or the refusal of the whole action.
    pub(crate) fn place(&mut self, action: &Orders) -> Result<Value, String> {
        if action.orders.is_empty() {
            return Err("Orders are empty".to_owned());
        }
        // Nobody can approve one here. Without a fee a builder is only mentioned.
        if action.builder.as_ref().is_some_and(|builder| builder.f > 0) {
            return Err("Builder fee has not been approved.".to_owned());
        }
        let grouping = match action.grouping {
            Grouping::Named(name) => name,
            Grouping::Priority(_) => GroupingName::Na,
        };
        let attached = action.orders.iter().skip(usize::from(grouping == GroupingName::NormalTpsl));
        if grouping != GroupingName::Na && attached.clone().any(|order| !order.r || !is_trigger(order)) {
            return Err("Trigger order is not reduce only.".to_owned());
        }
        // What depends on the payload alone is found before anything is done, and told once for the whole batch.
        if action.orders.iter().any(|order| self.is_far_off(order)) {
            let text = "Order price cannot be more than 95% away from the reference price";
            return Ok(json!({"type": "order", "data": {"statuses": [{"error": text}]}}));
        }
        let statuses: Vec<Value> = match grouping {
            GroupingName::Na | GroupingName::PositionTpsl => {
                let on_position = grouping == GroupingName::PositionTpsl;
                action.orders.iter().map(|order| self.place_one(order, on_position).1).collect()
            }
            GroupingName::NormalTpsl => self.place_family(&action.orders),
        };
        Ok(json!({"type": "order", "data": {"statuses": statuses}}))
    }

    /// An unknown number of an asset looks to the venue like a price that is far off.
    fn is_far_off(&self, order: &OrderWire) -> bool {
        let market = usize::try_from(order.a).ok().and_then(|index| self.markets.get(index));
        let reference = market.and_then(|market| self.account.quote(&market.symbol));
        let (Some(quote), Ok(price)) = (reference, order.p.parse::<Decimal>()) else { return true };
        let away = price.minus(quote.mark.get()).and_then(|off| off.abs().over(quote.mark.get()));
        away.map_or(true, |away| away > Decimal::new(95, 2))
    }

    /// The number of the order where it was taken, and its status entry.
    pub(crate) fn place_one(&mut self, order: &OrderWire, on_position: bool) -> (Option<u64>, Value) {
        let placed = self.read(order).and_then(|wish| self.accept(&wish, on_position, None));
        match placed {
            Ok(oid) => (Some(oid), self.entry(oid)),
            Err(refusal) => (None, json!({"error": format!("{} asset={}", refusal.text, order.a)})),
        }
    }

    /// A parent, and the orders that wait for it.
    fn place_family(&mut self, orders: &[OrderWire]) -> Vec<Value> {
        let Some((parent, children)) = orders.split_first() else { return Vec::new() };
        let (oid, first) = self.place_one(parent, false);
        let mut statuses = vec![first];
        let Some(parent) = oid else {
            let error = statuses.first().cloned().unwrap_or_default();
            statuses.extend(children.iter().map(|_| error.clone()));
            return statuses;
        };
        let mut born = Vec::new();
        for child in children {
            statuses.push(match self.read(child) {
                Ok(wish) => {
                    let ticket = self.ticket(&wish, false, Some(parent), Stand::Waiting);
                    born.push(ticket.oid);
                    self.account.file(ticket);
                    json!("waitingForFill")
                }
                Err(refusal) => json!({"error": format!("{} asset={}", refusal.text, child.a)}),
            });
        }
        if let Some(parent) = self.account.tickets.get_mut(&parent) {
            parent.children = born.clone();
        }
        // So that a parent that is filled already arms them.
        self.account.live.insert(parent);
        let filled =
            self.account.tickets.get(&parent).is_some_and(|t| t.status(&self.account.world) == "filled");
        if filled {
            statuses
                .iter_mut()
                .skip(1)
                .filter(|s| s.is_string())
                .for_each(|s| *s = json!("waitingForTrigger"));
        }
        statuses
    }

    /// The form of an order, by the instrument's rules.
    pub(crate) fn read(&self, order: &OrderWire) -> Result<Wish, Refusal> {
        let index = usize::try_from(order.a).unwrap_or(usize::MAX);
        let Some(market) = self.markets.get(index) else {
            return no("Order has invalid price.", "rejected");
        };
        let decimal = |text: &str| text.parse::<Decimal>().ok();
        let price = |text: &str, what: &str, status| {
            let price = decimal(text).and_then(|price| Price::new(price).ok());
            let fine = price.filter(|p| p.get().scale() <= 6u32.saturating_sub(market.size_decimals));
            let whole = price.filter(|price| price.get().scale() == 0);
            let Some(price) = fine.or(whole) else { return no(what, status) };
            if !self.accepts(&market.symbol, price) {
                return no("Price must be divisible by tick size.", "tickRejected");
            }
            Ok(price)
        };
        let limit = price(&order.p, "Order has invalid price.", "tickRejected")?;
        let size = match decimal(&order.s) {
            Some(size) if size.is_zero() => return no("Order has zero size.", "rejected"),
            Some(size) if size > Decimal::ZERO && size.scale() <= market.size_decimals => size,
            _ => return no("Order has invalid size.", "rejected"),
        };
        let kind = match &order.t {
            OrderType::Limit(limit) => Kind::Limit(limit.tif),
            OrderType::Trigger(trigger) => Kind::Trigger {
                tpsl: trigger.tpsl,
                price: price(&trigger.trigger_px, "Invalid TP/SL price.", "badTriggerPxRejected")?.get(),
                is_market: trigger.is_market,
            },
        };
        Ok(Wish {
            symbol: market.symbol.clone(),
            asset: order.a,
            side: if order.b { Side::Buy } else { Side::Sell },
            size: Qty::new(size).unwrap_or(Qty::ZERO),
            limit,
            reduce_only: order.r,
            kind,
            cloid: order.c.clone(),
        })
    }

    fn accepts(&self, symbol: &Symbol, price: Price) -> bool {
        let snapshot = self.account.world.peek(&evenkeel_types::Scope::of([symbol.clone()]));
        snapshot.is_ok_and(|s| s.instruments.get(symbol).is_some_and(|i| i.price_rule.accepts(price)))
    }

    /// Takes an order, or files why not.
    pub(crate) fn accept(
        &mut self,
        wish: &Wish,
        on_position: bool,
        parent: Option<u64>,
    ) -> Result<u64, Refusal> {
        let ticket = self.ticket(wish, on_position, parent, Stand::Waiting);
        let oid = ticket.oid;
        let stand = self.check(wish, on_position).and_then(|()| self.send(&ticket));
        let (stand, outcome) = match stand {
            Ok(stand) => (stand, Ok(oid)),
            Err(refusal) => (Stand::Over(refusal.status), Err(refusal)),
        };
        self.account.file(Ticket { stand, ..ticket });
        // An immediate order is over already, and is settled with what follows from it.
        self.account.live.insert(oid);
        outcome
    }

    fn ticket(&mut self, wish: &Wish, on_position: bool, parent: Option<u64>, stand: Stand) -> Ticket {
        let held = self.account.qty(&wish.symbol).abs();
        let now = self.account.world.now();
        Ticket {
            oid: self.ids.oid(),
            cloid: wish.cloid.clone(),
            symbol: wish.symbol.clone(),
            side: wish.side,
            size: wish.size.get(),
            limit: wish.limit.get(),
            reduce_only: wish.reduce_only,
            kind: wish.kind,
            on_position,
            placed: now,
            effective: if wish.reduce_only { wish.size.min(held) } else { wish.size },
            parent,
            children: Vec::new(),
            stand,
            cancelled_as: None,
            changed: now,
        }
    }

    /// What the venue says no to before it looks at the margin.
    fn check(&self, wish: &Wish, on_position: bool) -> Result<(), Refusal> {
        let held = self.account.qty(&wish.symbol);
        let closes = Side::closing(held) == Some(wish.side);
        if wish.reduce_only && !closes {
            return no("Reduce only order would increase position.", "reduceOnlyRejected");
        }
        let whole = closes && (wish.size == held.abs() || wish.reduce_only && wish.size > held.abs());
        let value = wish.limit.value(wish.size);
        let least = Decimal::TEN;
        if !whole && !on_position && value.is_ok_and(|value| value.get() < least) {
            return no("Order must have minimum value of $10.", "minTradeNtlRejected");
        }
        let special = wish.reduce_only || matches!(wish.kind, Kind::Trigger { .. });
        if special && self.account.live.len() >= MAX_OPEN {
            return no("Too many open orders", "tooManyOpenOrdersRejected");
        }
        let Some(quote) = self.account.quote(&wish.symbol) else { return Ok(()) };
        if let Kind::Trigger { price, .. } = wish.kind {
            let above = fires_above(wish.kind, wish.side == Side::Buy) == Some(true);
            let mark = quote.mark.get();
            if if above { mark >= price } else { mark <= price } {
                return no("Invalid TP/SL price.", "badTriggerPxRejected");
            }
        }
        if wish.kind == Kind::Limit(Tif::Alo) {
            let crosses = match wish.side {
                Side::Buy => wish.limit >= quote.ask.unwrap_or(quote.mark),
                Side::Sell => wish.limit <= quote.bid.unwrap_or(quote.mark),
            };
            if crosses {
                let shown = |price: Option<Price>| price.unwrap_or(quote.mark).to_string();
                let (bid, ask) = (shown(quote.bid), shown(quote.ask));
                let text = format!("Post only order would have immediately matched, bbo was {bid}@{ask}.");
                return no(text, "badAloPxRejected");
            }
        }
        Ok(())
    }

    fn send(&mut self, ticket: &Ticket) -> Result<Stand, Refusal> {
        let failed = || Refusal { text: "Order has invalid size.".to_owned(), status: "rejected" };
        let world = &mut self.account.world;
        let before = world.orders().end();
        if matches!(ticket.kind, Kind::Trigger { .. }) {
            let order = conditional(ticket).ok_or_else(failed)?;
            let placed = world.place_conditional(&order);
            placed.map_err(|error| words(error.kind().as_str(), error.message()))?;
        } else {
            let intent = intent(ticket).ok_or_else(failed)?;
            let placed = world.place(std::slice::from_ref(&intent)).into_iter().next();
            placed.ok_or_else(failed)?.map_err(|error| words(error.kind().as_str(), error.message()))?;
        }
        // Nothing else happens between: its record is the first new one (a liquidation may have followed).
        Ok(Stand::Record(before))
    }

    /// The status entry of an order that was taken.
    pub(crate) fn entry(&self, oid: u64) -> Value {
        let Some(ticket) = self.account.tickets.get(&oid) else { return json!({"error": "unknown order"}) };
        let world = &self.account.world;
        let mut inner = json!({"oid": oid});
        if let (Some(cloid), Some(inner)) = (&ticket.cloid, inner.as_object_mut()) {
            inner.insert("cloid".to_owned(), json!(cloid));
        }
        if ticket.on_position && ticket.is_open(world) {
            return json!("waitingForTrigger");
        }
        let Some(record) = ticket.record(world).filter(|_| !ticket.is_open(world)) else {
            return json!({"resting": inner});
        };
        let average = record.value.get().over(record.filled.get()).unwrap_or(Decimal::ZERO);
        if let Some(inner) = inner.as_object_mut() {
            inner.insert("totalSz".to_owned(), json!(text(record.filled.get())));
            inner.insert("avgPx".to_owned(), json!(super::numbers::places(average, 10)));
        }
        json!({"filled": inner})
    }

    /// Cancels by number; the status entry.
    pub(crate) fn cancel(&mut self, asset: u32, oid: Option<u64>) -> Value {
        let market = usize::try_from(asset).ok().and_then(|index| self.markets.get(index));
        let ours = oid.filter(|oid| {
            let ticket = self.account.tickets.get(oid);
            ticket.is_some_and(|ticket| market.is_some_and(|market| market.symbol == ticket.symbol))
        });
        if ours.is_some_and(|oid| self.account.cancel(oid, "canceled")) {
            return json!("success");
        }
        json!({"error": format!("Order was never placed, already canceled, or filled. asset={asset}")})
    }
}

pub(crate) fn is_trigger(order: &OrderWire) -> bool {
    matches!(order.t, OrderType::Trigger(_))
}

impl Wish {
    /// Whether it would trade at once.
    pub(crate) fn crosses(&self, account: &Account) -> bool {
        let Some(quote) = account.quote(&self.symbol) else { return false };
        match self.side {
            Side::Buy => self.limit >= quote.ask.unwrap_or(quote.mark),
            Side::Sell => self.limit <= quote.bid.unwrap_or(quote.mark),
        }
    }

    pub(crate) fn asset(&self) -> u32 {
        self.asset
    }
}

fn intent(ticket: &Ticket) -> Option<OrderIntent> {
    let Kind::Limit(tif) = ticket.kind else { return None };
    Some(OrderIntent {
        id: client_id(ticket.oid)?,
        symbol: ticket.symbol.clone(),
        side: ticket.side,
        position_side: PositionSide::Net,
        qty: Qty::new(ticket.size).ok()?,
        limit: Price::new(ticket.limit).ok()?,
        tif: match tif {
            Tif::Alo => TimeInForce::PostOnly,
            Tif::Ioc | Tif::FrontendMarket => TimeInForce::Ioc,
            Tif::Gtc => TimeInForce::Gtc,
        },
        reduce_only: ticket.reduce_only,
    })
}

/// A trigger order as the paper exchange takes it.
pub(crate) fn conditional(ticket: &Ticket) -> Option<Conditional> {
    let Kind::Trigger { tpsl, price, is_market } = ticket.kind else { return None };
    Some(Conditional {
        id: client_id(ticket.oid),
        symbol: ticket.symbol.clone(),
        side: ticket.side,
        position_side: PositionSide::Net,
        qty: if ticket.on_position { None } else { Some(Qty::new(ticket.size).ok()?) },
        trigger: Price::new(price).ok()?,
        limit: if is_market { None } else { Some(Price::new(ticket.limit).ok()?) },
        reduce_only: ticket.reduce_only,
        kind: match tpsl {
            Tpsl::Tp => OrderKind::TakeProfit,
            Tpsl::Sl => OrderKind::StopLoss,
        },
    })
}

/// What the paper exchange says, in the venue's words. Its kinds are read as text: this crate does not know the
/// connectors' error type.
fn words(kind: &str, message: &str) -> Refusal {
    let (text, status) = match kind {
        "insufficient margin" => ("Insufficient margin to place order.", "perpMarginRejected"),
        "no liquidity within the limit" => {
            ("Order could not immediately match against any resting orders.", "iocCancelRejected")
        }
        "nothing to reduce" => ("Reduce only order would increase position.", "reduceOnlyRejected"),
        "rejected" if message.contains("largest position") => (
            "Order would cause position to exceed margin tier limit at current leverage",
            "perpMaxPositionRejected",
        ),
        "rejected" => ("Trading is halted.", "rejected"),
        _ => ("Order has invalid size.", "rejected"),
    };
    Refusal { text: text.to_owned(), status }
}
