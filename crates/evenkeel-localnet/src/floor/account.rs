//! One account: its paper exchange, and what a venue knows beside it.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_paper::{Conditional, World};
use evenkeel_types::{
    ClientOrderId, Decimal, Dedupe, Exact, Leverage, LeverageSetting, MarginMode, MinNotionalRule,
    OrderIntent, OrderKind, OrderStatus, PoolId, Position, PositionMode, PositionSide, Price, Qty, Quote,
    Round, Scope, Side, Snapshot, Symbol, TimeInForce, Timestamp, Usd,
};

use super::Ids;
use super::fills::{Books, Earned, FillRow};
use super::keys::ApiKey;
use super::markets::Listed;
use super::orders::{Kind, Status, Ticket, Trigger, Why, Wish};
use crate::error::LocalnetError;
use crate::history::MAX_HISTORY;

/// How far from the mark a market order trades at most.
const MARKET_BAND: (i64, u32) = (5, 2);
/// How far from the mark the margin of a market order is reckoned at least: 0.15 %.
const MARKET_ROOM: (i64, u32) = (15, 4);

/// A movement of money.
#[derive(Debug, Clone)]
pub(crate) struct Income {
    pub(crate) time: Timestamp,
    pub(crate) kind: IncomeKind,
    pub(crate) symbol: Option<Symbol>,
    /// Above zero received, below zero paid.
    pub(crate) amount: Usd,
    /// A number of its own.
    pub(crate) id: u64,
    /// The execution behind it.
    pub(crate) trade: Option<u64>,
    /// Of a funding: the size that it was paid for, and at which rate.
    pub(crate) funding: Option<(Qty, evenkeel_types::Rate)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IncomeKind {
    Transfer,
    Realised,
    Commission,
    Funding,
}

/// An account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) key: ApiKey,
    pub(crate) world: World,
    /// Money beside the perpetual wallet, of the first market's quote coin.
    pub(crate) spot: Usd,
    pub(crate) tickets: BTreeMap<u64, Ticket>,
    pub(super) by_client: BTreeMap<String, u64>,
    /// Numbers of orders that may still do something.
    pub(crate) live: BTreeSet<u64>,
    /// By the number that the paper exchange knows an order under.
    pub(super) by_short: BTreeMap<u64, u64>,
    pub(crate) fills: Vec<FillRow>,
    pub(crate) income: Vec<Income>,
    pub(crate) books: Books,
    /// What legs brought, whatever is remembered of it.
    pub(crate) earned: BTreeMap<(Symbol, PositionSide), Earned>,
    /// Orders and movements of money that there ever were.
    pub(crate) counted: (u64, u64),
    /// Orders of a symbol, or all, that are cancelled at a time unless it is moved on.
    pub(crate) cancel_at: BTreeMap<Option<Symbol>, Timestamp>,
    pub(crate) coin: PoolId,
    /// Executions and payments of the paper exchange that were looked at.
    pub(super) seen: (usize, usize),
    /// Executions without an order of a client: numbers of their orders, by record.
    pub(super) seen_records: usize,
    pub(super) others: BTreeMap<usize, u64>,
    /// How much of what happened is remembered.
    pub(crate) history: usize,
}

impl Account {
    pub(crate) fn new(name: String, number: u64, key: ApiKey, world: World, spot: Usd, coin: PoolId) -> Self {
        Self {
            name,
            number,
            key,
            world,
            spot,
            tickets: BTreeMap::new(),
            by_client: BTreeMap::new(),
            live: BTreeSet::new(),
            by_short: BTreeMap::new(),
            fills: Vec::new(),
            income: Vec::new(),
            books: Books::new(),
            earned: BTreeMap::new(),
            counted: (0, 0),
            cancel_at: BTreeMap::new(),
            coin,
            seen: (0, 0),
            seen_records: 0,
            others: BTreeMap::new(),
            history: MAX_HISTORY,
        }
    }

    pub(crate) fn advance_to(&mut self, now: Timestamp) {
        self.world.advance_to(now);
    }

    /// Everything about the account, with all markets.
    pub(crate) fn snapshot(&self, markets: &[Listed]) -> Option<Snapshot> {
        self.world.peek(&Scope::of(markets.iter().map(|market| market.symbol.clone()))).ok()
    }

    pub(super) fn of_symbol(&self, symbol: &Symbol) -> Option<Snapshot> {
        self.world.peek(&Scope::of([symbol.clone()])).ok()
    }

    pub(crate) fn quote(&self, symbol: &Symbol) -> Option<Quote> {
        self.of_symbol(symbol)?.quotes.get(symbol).copied()
    }

    pub(crate) fn setting(&self, symbol: &Symbol) -> Option<LeverageSetting> {
        self.of_symbol(symbol)?.settings.get(symbol).cloned()
    }

    pub(crate) fn position(&self, symbol: &Symbol, leg: PositionSide) -> Option<Position> {
        let snapshot = self.of_symbol(symbol)?;
        snapshot.positions.into_iter().find(|position| position.symbol == *symbol && position.side == leg)
    }

    pub(crate) fn position_mode(&self) -> PositionMode {
        self.world.peek(&Scope::default()).map_or(PositionMode::OneWay, |snapshot| snapshot.position_mode)
    }

    pub(crate) fn by_client(&self, id: &str) -> Option<&Ticket> {
        self.tickets.get(self.by_client.get(id)?)
    }

    /// What is open, oldest first.
    pub(crate) fn open(&self) -> impl DoubleEndedIterator<Item = &Ticket> {
        self.live.iter().filter_map(|id| self.tickets.get(id)).filter(|ticket| ticket.is_open(&self.world))
    }

    // -- orders ------------------------------------------------------------------------------------------------------

    /// Takes an order, and answers its number. What is refused at once leaves nothing behind.
    pub(crate) fn place(&mut self, market: &Listed, wish: Wish, ids: &mut Ids) -> Result<u64, Why> {
        self.check(market, &wish)?;
        let id = ids.order();
        let mut ticket = Ticket::new(id, wish, self.world.now());
        ticket.record = self.send(&ticket)?;
        self.file(ticket);
        self.begin_trail(id);
        self.sync(ids);
        Ok(id)
    }

    /// Whether an order fills at once and whole where it is placed. Tried on a copy.
    pub(crate) fn would_fill(&mut self, market: &Listed, wish: &Wish) -> Result<bool, Why> {
        self.check(market, wish)?;
        let ticket = Ticket::new(u64::MAX, wish.clone(), self.world.now());
        let kept = self.world.clone();
        let sent = self.send(&ticket).map(|record| Ticket { record, ..ticket });
        let fills = sent.map(|ticket| ticket.status(&self.world) == Status::Filled);
        self.world = kept;
        fills
    }

    /// Why an order will be refused when it is carried out, where that can be told already. Tried on a copy.
    pub(crate) fn foresee(&mut self, market: &Listed, wish: &Wish) -> Option<Why> {
        if let Err(why) = self.check(market, wish) {
            return Some(why);
        }
        let ticket = Ticket::new(u64::MAX, wish.clone(), self.world.now());
        let kept = self.world.clone();
        let sent = self.send(&ticket);
        let why = self.verdict(sent);
        self.world = kept;
        why
    }

    /// What becomes of a record when it is carried out.
    fn verdict(&mut self, sent: Result<Option<usize>, Why>) -> Option<Why> {
        let record = match sent {
            Ok(record) => record?,
            Err(why) => return Some(why),
        };
        let then = self.world.now().after(self.world.profile().acknowledgement_delay);
        self.world.advance_to(then);
        let record = self.world.orders().get(record)?;
        (record.status == OrderStatus::Rejected).then(|| Why::of_record(record))
    }

    fn file(&mut self, ticket: Ticket) {
        if let Some(client_id) = &ticket.wish.client_id {
            self.by_client.insert(client_id.clone(), ticket.id);
        }
        self.counted.0 = self.counted.0.saturating_add(1);
        self.by_short.insert(short(ticket.id), ticket.id);
        self.live.insert(ticket.id);
        self.tickets.insert(ticket.id, ticket);
    }

    /// What can be told from the order itself, the market and the position.
    pub(crate) fn check(&self, market: &Listed, wish: &Wish) -> Result<(), Why> {
        let hedge = self.position_mode() == PositionMode::Hedge;
        if hedge != (wish.leg != PositionSide::Net) {
            return Err(Why::Leg);
        }
        if let Some(id) = &wish.client_id {
            let before = self.by_client(id);
            let clash = match self.world.profile().capabilities.dedupe {
                Dedupe::Forever => before.is_some(),
                Dedupe::OpenOrders => before.is_some_and(|ticket| ticket.is_open(&self.world)),
                _ => false,
            };
            if clash {
                return Err(Why::DuplicateId);
            }
        }
        let accepts = |price: Price| {
            if market.instrument.price_rule.accepts(price) { Ok(()) } else { Err(Why::PriceStep) }
        };
        let quote = self.quote(&market.symbol).ok_or(Why::UnknownSymbol)?;
        let value_at = match &wish.kind {
            Kind::Limit(price) => {
                accepts(*price)?;
                Some(*price)
            }
            Kind::Market => Some(quote.mark),
            Kind::Trigger(trigger) => {
                accepts(trigger.at)?;
                trigger.limit.map_or(Ok(()), accepts)?;
                if if trigger.rises { quote.mark >= trigger.at } else { quote.mark <= trigger.at } {
                    return Err(Why::WouldTrigger);
                }
                None
            }
            Kind::Trailing { activation, .. } => {
                activation.map_or(Ok(()), accepts)?;
                None
            }
        };
        let Some(qty) = wish.qty else {
            return if wish.kind == Kind::Market { Err(Why::NoQty) } else { Ok(()) };
        };
        if !qty.is_positive() {
            return Err(Why::NoQty);
        }
        if !market.instrument.lot.divides(qty) {
            return Err(Why::QtyStep);
        }
        if qty < market.min_qty {
            return Err(Why::QtyTooSmall);
        }
        if qty > market.max_qty {
            return Err(Why::QtyTooLarge);
        }
        let exempt = match self.world.profile().capabilities.min_notional {
            MinNotionalRule::ReduceOnlyExempt => wish.reduce_only || closes_leg(wish.leg, wish.side),
            _ => false,
        };
        if let Some(price) = value_at
            && !exempt
            && price.value(qty).is_ok_and(|value| value < market.min_notional)
        {
            return Err(Why::Notional);
        }
        Ok(())
    }

    /// What of a position resting limit orders are there to close: all of its other side, or only those that can do nothing
    /// else.
    pub(crate) fn locked(&self, symbol: &Symbol, leg: PositionSide, closing_only: bool) -> Qty {
        let Some(held) = self.position(symbol, leg) else { return Qty::ZERO };
        let closes = if held.qty.is_negative() { Side::Buy } else { Side::Sell };
        let locks = |ticket: &&Ticket| {
            let wish = &ticket.wish;
            let rests = matches!(wish.kind, Kind::Limit(_)) && wish.tif != TimeInForce::Ioc;
            let meant = wish.symbol == *symbol && wish.leg == leg && wish.side == closes;
            rests && meant && (!closing_only || wish.reduce_only || leg != PositionSide::Net)
        };
        let locked = self.open().filter(locks).map(|ticket| ticket.remaining(&self.world));
        let locked = locked.fold(Decimal::ZERO, |sum, more| sum.plus(more).unwrap_or(sum));
        Qty::new(locked).unwrap_or(Qty::ZERO)
    }

    /// Whether what resting orders lock leaves too little for one that closes.
    pub(crate) fn is_locked(&self, wish: &Wish, closing_only: bool) -> bool {
        let Some(held) = self.position(&wish.symbol, wish.leg) else { return false };
        let closes = held.qty.is_negative() == (wish.side == Side::Buy);
        let locked = self.locked(&wish.symbol, wish.leg, closing_only);
        let reduces = wish.reduce_only || wish.leg != PositionSide::Net;
        if !closes || !reduces || locked.is_zero() || !matches!(wish.kind, Kind::Limit(_) | Kind::Market) {
            return false;
        }
        let free = held.qty.abs().minus(locked).unwrap_or(Qty::ZERO);
        wish.qty.is_some_and(|qty| qty > free)
    }

    /// Brings an order to the paper exchange, and answers its record there. Trailing orders stay here until they fire.
    fn send(&mut self, ticket: &Ticket) -> Result<Option<usize>, Why> {
        let wish = &ticket.wish;
        match &wish.kind {
            Kind::Limit(limit) => self.send_order(ticket, *limit, wish.tif).map(Some),
            Kind::Market => self.send_market(ticket).map(Some),
            Kind::Trigger(trigger) => self.send_trigger(ticket, trigger).map(Some),
            Kind::Trailing { .. } => Ok(None),
        }
    }

    /// A market order for what is left of a ticket, or for the whole position. It needs margin for the price that it gets:
    /// where the margin does not suffice at its bound, it is tried once more with little room beyond the best price.
    pub(crate) fn send_market(&mut self, ticket: &Ticket) -> Result<usize, Why> {
        let (symbol, side) = (&ticket.wish.symbol, ticket.wish.side);
        let limit = self.band(symbol, side, MARKET_BAND).ok_or(Why::Halted)?;
        let kept = self.world.clone();
        let sent = self.send_order(ticket, limit, TimeInForce::Ioc);
        // Where orders are carried out later, that is when it would be refused.
        let then = self.world.clone();
        let why = self.verdict(sent.clone().map(Some));
        self.world = then;
        match why {
            Some(Why::Margin | Why::PositionLimit) => {
                self.world = kept;
                let near = self.band(symbol, side, MARKET_ROOM).ok_or(Why::Halted)?;
                self.send_order(ticket, near, TimeInForce::Ioc)
            }
            _ => sent,
        }
    }

    /// The worst price of a market order.
    fn band(&self, symbol: &Symbol, side: Side, band: (i64, u32)) -> Option<Price> {
        let snapshot = self.of_symbol(symbol)?;
        let (mark, rule) = (snapshot.quotes.get(symbol)?.mark, &snapshot.instruments.get(symbol)?.price_rule);
        let band = Decimal::new(band.0, band.1);
        let factor = match side {
            Side::Buy => Decimal::ONE.plus(band),
            Side::Sell => Decimal::ONE.minus(band),
        };
        let worst = Price::new(mark.get().times(factor.ok()?).ok()?).ok()?;
        rule.round(worst, Round::Passive(side)).ok()
    }

    fn send_order(&mut self, ticket: &Ticket, limit: Price, tif: TimeInForce) -> Result<usize, Why> {
        let wish = &ticket.wish;
        let held = self.position(&wish.symbol, wish.leg).map_or(Qty::ZERO, |position| position.qty.abs());
        let qty = match wish.qty {
            Some(qty) => qty.minus(ticket.before.qty).map_err(|_| Why::NoQty)?,
            None => held,
        };
        let intent = OrderIntent {
            id: paper_id(ticket).ok_or(Why::Halted)?,
            symbol: wish.symbol.clone(),
            side: wish.side,
            position_side: wish.leg,
            qty,
            limit,
            tif,
            reduce_only: wish.reduce_only,
        };
        let before = self.world.orders().end();
        let placed = self.world.place(std::slice::from_ref(&intent)).into_iter().next();
        placed.ok_or(Why::Halted)?.map_err(|error| Why::of(error.kind().as_str(), error.message()))?;
        // Nothing else happens between: its record is the first new one (a liquidation may have followed).
        Ok(before)
    }

    fn send_trigger(&mut self, ticket: &Ticket, trigger: &Trigger) -> Result<usize, Why> {
        let wish = &ticket.wish;
        let loses = trigger.rises == (wish.side == Side::Buy);
        let order = Conditional {
            id: paper_id(ticket),
            symbol: wish.symbol.clone(),
            side: wish.side,
            position_side: wish.leg,
            qty: wish.qty,
            trigger: trigger.at,
            limit: trigger.limit,
            reduce_only: wish.reduce_only || wish.qty.is_none(),
            kind: if loses { OrderKind::StopLoss } else { OrderKind::TakeProfit },
        };
        let before = self.world.orders().end();
        let placed = self.world.place_conditional(&order);
        placed.map_err(|error| Why::of(error.kind().as_str(), error.message()))?;
        Ok(before)
    }

    /// Changes size or price of an open limit order, or the trigger of a waiting one; it keeps its number. Where the new
    /// one is refused, at once or when it is carried out, the old one stays.
    pub(crate) fn amend(
        &mut self,
        market: &Listed,
        id: u64,
        change: impl FnOnce(&mut Wish),
        ids: &mut Ids,
    ) -> Result<(), Why> {
        let ticket =
            self.tickets.get(&id).filter(|ticket| ticket.is_open(&self.world)).ok_or(Why::NoOrder)?;
        let mut next = ticket.clone();
        change(&mut next.wish);
        let done = ticket.done(&self.world);
        if next.wish.qty.is_some_and(|qty| qty <= done.qty) {
            return Err(Why::QtyTooSmall);
        }
        let unnamed = Wish { client_id: None, ..next.wish.clone() };
        self.check(market, &unnamed)?;
        next.before = done;
        next.revision = next.revision.saturating_add(1);
        next.changed = self.world.now();
        // On a copy: the old order comes back whole when the new one is refused. Amending is rare, so the copy may cost.
        let kept = self.world.clone();
        if let Some(record) = ticket.record(&self.world) {
            let venue_id = record.venue_order_id.clone();
            let _done = self.world.cancel_by_venue_id(&next.wish.symbol, &venue_id);
        }
        let cancelled = self.world.clone();
        let sent = self.send(&next);
        if let Some(why) = self.verdict(sent) {
            self.world = kept;
            return Err(why);
        }
        self.world = cancelled;
        match self.send(&next) {
            Ok(record) => {
                next.record = record;
                self.file(next);
                self.sync(ids);
                Ok(())
            }
            Err(why) => {
                self.world = kept;
                Err(why)
            }
        }
    }

    /// Takes an open order away; whether it was open. `by` says who did it, in the venue's words.
    pub(crate) fn cancel(&mut self, id: u64, by: &'static str) -> bool {
        let Some(ticket) = self.tickets.get(&id).filter(|ticket| ticket.is_open(&self.world)) else {
            return false;
        };
        let symbol = ticket.wish.symbol.clone();
        match ticket.record(&self.world).map(|record| record.venue_order_id.clone()) {
            // Without rules of its own the paper exchange refuses no cancel.
            Some(venue_id) => drop(self.world.cancel_by_venue_id(&symbol, &venue_id)),
            None => self.end(id, Status::Cancelled),
        }
        let now = self.world.now();
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.changed = now;
            ticket.cancelled_by = Some(by);
        }
        self.live.remove(&id);
        true
    }

    fn end(&mut self, id: u64, status: Status) {
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.over = Some(status);
        }
    }

    /// Takes away what is open and meant; the numbers of what was.
    pub(crate) fn cancel_where(&mut self, by: &'static str, meant: impl Fn(&Ticket) -> bool) -> Vec<u64> {
        let open: Vec<u64> = self.open().filter(|ticket| meant(ticket)).map(|ticket| ticket.id).collect();
        open.into_iter().filter(|id| self.cancel(*id, by)).collect()
    }

    pub(crate) fn next_cancel(&self) -> Option<Timestamp> {
        self.cancel_at.values().min().copied()
    }

    pub(crate) fn cancel_scheduled(&mut self, now: Timestamp) {
        let due: Vec<Option<Symbol>> =
            self.cancel_at.iter().filter(|(_, at)| **at <= now).map(|(symbol, _)| symbol.clone()).collect();
        for symbol in due {
            self.cancel_at.remove(&symbol);
            let of = |ticket: &Ticket| symbol.as_ref().is_none_or(|symbol| ticket.wish.symbol == *symbol);
            drop(self.cancel_where("schedule", of));
        }
    }

    // -- settings and money ------------------------------------------------------------------------------------------

    pub(crate) fn set_leverage(
        &mut self,
        symbol: &Symbol,
        side: Option<Side>,
        leverage: Leverage,
    ) -> Result<(), Why> {
        let done = match side {
            None => self.world.set_leverage(symbol, leverage),
            Some(side) => self.world.set_leverage_of(symbol, side, leverage),
        };
        done.map_err(|error| Why::of(error.kind().as_str(), error.message()))
    }

    pub(crate) fn set_mode(&mut self, symbol: &Symbol, mode: MarginMode) -> Result<(), Why> {
        self.world
            .set_margin_mode(symbol, mode)
            .map_err(|error| Why::of(error.kind().as_str(), error.message()))
    }

    pub(crate) fn set_account_mode(&mut self, mode: MarginMode) -> Result<(), Why> {
        self.world.set_account_mode(mode).map_err(|error| Why::of(error.kind().as_str(), error.message()))
    }

    pub(crate) fn set_position_mode(&mut self, mode: PositionMode) -> Result<(), Why> {
        self.world.set_position_mode(mode).map_err(|error| Why::of(error.kind().as_str(), error.message()))
    }

    pub(crate) fn move_margin(&mut self, symbol: &Symbol, leg: PositionSide, amount: Usd) -> Result<(), Why> {
        let moved = self.world.adjust_margin_of(symbol, leg, amount);
        moved.map_err(|error| Why::of(error.kind().as_str(), error.message()))
    }

    /// Money comes from outside, or leaves (below zero).
    pub(crate) fn transfer(&mut self, amount: Usd) -> Result<(), LocalnetError> {
        let moved = self.world.add_funds(&self.coin, amount);
        moved.map_err(|error| LocalnetError::Impossible(error.message().to_owned()))?;
        let (time, kind, id) = (self.world.now(), IncomeKind::Transfer, self.next_income());
        self.income.push(Income { time, kind, symbol: None, amount, id, trade: None, funding: None });
        Ok(())
    }
}

/// How an order identity of the paper exchange spells our number: used once for each amendment.
fn paper_id(ticket: &Ticket) -> Option<ClientOrderId> {
    ClientOrderId::parse(&format!("{:04}{:016}", ticket.revision.checked_rem(10_000)?, short(ticket.id))).ok()
}

/// Numbers of nineteen digits leave no room for a revision; they go without their first ones, which are the same for all.
fn short(id: u64) -> u64 {
    const TEN_TO_SIXTEEN: u64 = 10_000_000_000_000_000;
    id % TEN_TO_SIXTEEN
}

pub(super) fn order_number(id: ClientOrderId) -> Option<u64> {
    id.as_str().get(4..)?.parse().ok()
}

fn closes_leg(leg: PositionSide, side: Side) -> bool {
    matches!((leg, side), (PositionSide::Long, Side::Sell) | (PositionSide::Short, Side::Buy))
}
