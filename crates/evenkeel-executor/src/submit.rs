//! Orders from the decision to a known end: placed, answered, asked for, and if it must be, put in quarantine.
//!
//! [`Batch`] is the pure part: it says what to do next and is told what came of it. It never sends anything twice, with
//! one exception that is itself the question: where the venue refuses a used identity for ever, the same request is
//! sent again, and whatever comes back, at most one of the two can execute.

use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel_exchange::{Effect, Error, OrderRequest, Result};
use evenkeel_rebalance::{Action, PlanId};
use evenkeel_types::{
    ClientOrderId, Dedupe, Fill, NumberError, OrderIntent, OrderState, OrderStatus, Qty, Symbol, Timestamp,
};

use crate::event::Event;
use crate::journal::{Body, Evidence, ObservedRecord, QuarantineRecord, ResolvedRecord, Seen};

/// How often an order is asked for at most, whatever the deadline: at the longest pause this is over two minutes, and a
/// clock that stands still must not hang us.
const MAX_QUERIES: u32 = 64;

/// How often one identity is sent again. Each resending is a question that the venue can fail to answer; after two of
/// them the remaining time is better spent asking.
const MAX_RESENDS: u32 = 2;

/// First pause between two questions, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The pause before try number `tried + 1`: doubled each time, never drawn by lot, so that a run can be repeated.
pub(crate) fn pause(tried: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2u32.saturating_pow(tried.min(16))).min(LONGEST_PAUSE)
}

/// The longest that a venue's request to wait is obeyed within a run; a longer one ends in the run's own deadline.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// As long as the venue asked us to wait, if it did.
pub(crate) fn obeyed(retry_after: Option<Duration>) -> Duration {
    retry_after.unwrap_or_default().min(LONGEST_WAIT)
}

/// By which rules a batch is brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// How long an order is asked for.
    pub(crate) deadline: Duration,
    /// What the venue does with a used identity.
    pub(crate) dedupe: Dedupe,
    /// Executions since this moment can be ours, by the venue's clock.
    pub(crate) since: Timestamp,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is over; what was executed is known.
    Ended(OrderState),
    /// The venue refused it; nothing happened and nothing will.
    Refused { error: String, retry_after: Option<Duration> },
    /// It never left.
    NotSent,
    /// The deadline passed. This much was executed for certain; the rest may have been, or may still be.
    Lost { filled: Qty, error: String },
}

/// One order of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) step: u32,
    pub(crate) action: Action,
    pub(crate) intent: OrderIntent,
    request: Option<OrderRequest>,
    now: Now,
    resends: u32,
    asked: u32,
}

#[derive(Debug, Clone)]
enum Now {
    Waiting,
    /// Answered, not over.
    Open(OrderState),
    /// Not answered.
    Unknown(String),
    Over(Fate),
}

/// What to do next.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Place(Vec<OrderRequest>),
    Query(Vec<(Symbol, ClientOrderId)>),
    Fills(Vec<Symbol>),
    Sleep(Duration),
    Over,
}

/// Orders that are placed together.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    plan: Option<PlanId>,
    rules: Rules,
    tickets: Vec<Ticket>,
    turn: Turn,
    until: Timestamp,
    rounds: u32,
    /// Those that are being sent again.
    again: Vec<ClientOrderId>,
    /// More was executed than was ordered: symbol, ordered, executed.
    pub(crate) excess: Option<(Symbol, Qty, Qty)>,
    /// What happened since the last look, for people.
    pub(crate) events: Vec<Event>,
    /// What happened since the last look, for the journal.
    pub(crate) bodies: Vec<Body>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Place,
    Ask,
    Pause,
    Resend,
    Fills,
    Over,
}

impl Batch {
    /// Orders with the request that each is sent by.
    pub(crate) fn new(
        plan: Option<PlanId>,
        orders: impl IntoIterator<Item = (u32, Action, OrderRequest)>,
        rules: Rules,
    ) -> Self {
        let ticket = |(step, action, request): (u32, Action, OrderRequest)| Ticket {
            step,
            action,
            intent: request.intent().clone(),
            request: Some(request),
            now: Now::Waiting,
            resends: 0,
            asked: 0,
        };
        Self {
            plan,
            rules,
            tickets: orders.into_iter().map(ticket).collect(),
            turn: Turn::Place,
            until: Timestamp(0),
            rounds: 0,
            again: Vec::new(),
            excess: None,
            events: Vec::new(),
            bodies: Vec::new(),
        }
    }

    /// Every order with what became of it; `NotSent` for what has not been settled.
    pub(crate) fn fates(&self) -> impl Iterator<Item = (&Ticket, &Fate)> {
        self.tickets.iter().map(|ticket| match &ticket.now {
            Now::Over(fate) => (ticket, fate),
            _ => (ticket, &Fate::NotSent),
        })
    }

    /// What to do next. `may_send` is false once somebody asked to stop: then nothing is sent again either.
    pub(crate) fn next(&mut self, may_send: bool) -> Ask {
        match self.turn {
            Turn::Place => Ask::Place(self.requests(|_| true)),
            Turn::Ask => self.query(),
            Turn::Pause => Ask::Sleep(pause(self.rounds)),
            Turn::Resend => {
                let again = self.resendable(may_send);
                if again.is_empty() {
                    self.turn = Turn::Pause;
                    return self.next(may_send);
                }
                for ticket in self.tickets.iter_mut().filter(|ticket| again.contains(&ticket.intent.id)) {
                    ticket.resends = ticket.resends.saturating_add(1);
                    let event = Event::Resent { symbol: ticket.intent.symbol.clone(), id: ticket.intent.id };
                    self.events.push(event);
                }
                self.again = again.iter().copied().collect();
                Ask::Place(self.requests(|id| again.contains(id)))
            }
            Turn::Fills => {
                let symbols: BTreeSet<Symbol> =
                    self.open().map(|ticket| ticket.intent.symbol.clone()).collect();
                Ask::Fills(symbols.into_iter().collect())
            }
            Turn::Over => Ask::Over,
        }
    }

    fn query(&mut self) -> Ask {
        let events: Vec<Event> = self
            .open()
            .map(|ticket| Event::Resolving {
                symbol: ticket.intent.symbol.clone(),
                id: ticket.intent.id,
                asked: ticket.asked,
            })
            .collect();
        self.events.extend(events);
        Ask::Query(self.open().map(|ticket| (ticket.intent.symbol.clone(), ticket.intent.id)).collect())
    }

    fn open(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets.iter().filter(|ticket| !matches!(ticket.now, Now::Over(_)))
    }

    fn requests(&self, wanted: impl Fn(&ClientOrderId) -> bool) -> Vec<OrderRequest> {
        self.tickets.iter().filter(|t| wanted(&t.intent.id)).filter_map(|t| t.request.clone()).collect()
    }

    /// Sending the same identity again is safe only where the venue takes none twice, ever. An order that adds risk is
    /// only asked for: the copy would be sent under a leverage that was proven too long ago.
    fn resendable(&self, may_send: bool) -> BTreeSet<ClientOrderId> {
        if !may_send || self.rules.dedupe != Dedupe::Forever {
            return BTreeSet::new();
        }
        self.tickets
            .iter()
            .filter(|ticket| matches!(ticket.now, Now::Unknown(_)) && ticket.resends < MAX_RESENDS)
            .filter(|ticket| ticket.intent.reduce_only)
            .map(|ticket| ticket.intent.id)
            .collect()
    }

    /// The answers to [`Ask::Place`], in the order in which it was asked. What is missing is unknown.
    pub(crate) fn placed(&mut self, now: Timestamp, answers: Vec<Result<OrderState>>) {
        let again = self.turn == Turn::Resend;
        let ids: Vec<ClientOrderId> = if again {
            std::mem::take(&mut self.again)
        } else {
            self.until = now.after(self.rules.deadline);
            self.tickets.iter().map(|ticket| ticket.intent.id).collect()
        };
        let mut answers = answers.into_iter();
        for id in ids {
            let answer = answers.next();
            let Some(index) = self.tickets.iter().position(|ticket| ticket.intent.id == id) else { continue };
            match answer {
                Some(Ok(state)) => self.learn(index, state, again.then_some(Evidence::OrderRecord)),
                // A refusal of the second copy says nothing about the first.
                Some(Err(_)) if again => {}
                Some(Err(error)) => self.failed(index, &error),
                None if again => {}
                None => self.unknown(index, "the venue answered for fewer orders than were sent".into()),
            }
        }
        self.turn = if again { Turn::Pause } else { Turn::Ask };
        self.settle(now);
    }

    /// The answers to [`Ask::Query`], in the order in which it was asked.
    pub(crate) fn queried(&mut self, now: Timestamp, answers: Vec<Result<Option<OrderState>>>) {
        let asked: Vec<ClientOrderId> = self.open().map(|ticket| ticket.intent.id).collect();
        let mut answers = answers.into_iter();
        for id in asked {
            let answer = answers.next();
            let Some(index) = self.tickets.iter().position(|ticket| ticket.intent.id == id) else { continue };
            if let Some(ticket) = self.tickets.get_mut(index) {
                ticket.asked = ticket.asked.saturating_add(1);
            }
            // Not found proves nothing, and neither does a failed question.
            if let Some(Ok(Some(state))) = answer {
                self.learn(index, state, Some(Evidence::OrderRecord));
            }
        }
        self.turn = Turn::Resend;
        self.settle(now);
    }

    /// The pause is over.
    pub(crate) fn rested(&mut self, now: Timestamp) {
        self.rounds = self.rounds.saturating_add(1);
        self.turn = Turn::Ask;
        self.settle(now);
    }

    /// All executions of the symbols that were asked for; `None` where they could not be read.
    pub(crate) fn filled(&mut self, now: Timestamp, fills: Option<&[Fill]>) {
        for index in 0..self.tickets.len() {
            let Some(ticket) = self.tickets.get(index).filter(|t| !matches!(t.now, Now::Over(_))) else {
                continue;
            };
            let id = ticket.intent.id;
            let proven = fills.and_then(|fills| executed(fills, &id).ok()).unwrap_or(Qty::ZERO);
            self.conclude(now, index, proven);
        }
        self.turn = Turn::Over;
    }

    /// The deadline has passed for this order; `proven` of it was executed for certain.
    fn conclude(&mut self, now: Timestamp, index: usize, proven: Qty) {
        let Some(ticket) = self.tickets.get_mut(index) else { return };
        let intent = &ticket.intent;
        let (known, error) = match &ticket.now {
            Now::Open(state) => (state.filled, "acknowledged, and never heard of again".to_owned()),
            Now::Unknown(error) => (Qty::ZERO, error.clone()),
            Now::Waiting | Now::Over(_) => (Qty::ZERO, "not answered".to_owned()),
        };
        let filled = known.max(proven);
        if filled >= intent.qty {
            if filled > intent.qty {
                self.excess = Some((intent.symbol.clone(), intent.qty, filled));
            }
            let state = OrderState {
                id: intent.id,
                venue_order_id: None,
                symbol: intent.symbol.clone(),
                side: intent.side,
                qty: intent.qty,
                filled,
                average_price: None,
                fee: None,
                status: OrderStatus::Filled,
            };
            self.bodies.push(Body::Resolved(ResolvedRecord {
                symbol: intent.symbol.clone(),
                order: intent.id,
                filled,
                evidence: Evidence::Fills,
            }));
            ticket.now = Now::Over(Fate::Ended(state));
            return;
        }
        let open = intent.qty.minus(filled).unwrap_or(intent.qty);
        self.events.push(Event::Quarantined { symbol: intent.symbol.clone(), id: intent.id, qty: open });
        self.bodies.push(Body::Quarantine(QuarantineRecord {
            at: now,
            symbol: intent.symbol.clone(),
            order: intent.id,
            side: intent.side,
            reduce_only: intent.reduce_only,
            open,
        }));
        ticket.now = Now::Over(Fate::Lost { filled, error });
    }

    fn settle(&mut self, now: Timestamp) {
        if self.open().next().is_none() {
            self.turn = Turn::Over;
        } else if now > self.until || self.rounds >= MAX_QUERIES {
            self.turn = Turn::Fills;
        }
    }

    /// What the venue says of an order. `later` is the evidence when this is not its first answer.
    fn learn(&mut self, index: usize, state: OrderState, later: Option<Evidence>) {
        let Some(ticket) = self.tickets.get_mut(index) else { return };
        let (symbol, id) = (ticket.intent.symbol.clone(), ticket.intent.id);
        if state.id != id || state.symbol != symbol || state.side != ticket.intent.side {
            // An answer about something else answers nothing.
            if later.is_none() {
                self.unknown(index, "the venue answered about another order".into());
            }
            return;
        }
        if state.filled > ticket.intent.qty {
            self.excess = Some((symbol.clone(), ticket.intent.qty, state.filled));
        }
        if later.is_none() {
            self.bodies.push(Body::Observed(ObservedRecord {
                plan: self.plan,
                step: ticket.step,
                symbol: symbol.clone(),
                order: Some(id),
                seen: Seen::Order(state.clone()),
            }));
        }
        if !state.status.is_terminal() {
            if later.is_none() {
                self.events.push(Event::OrderAcknowledged { symbol, id });
            }
            ticket.now = Now::Open(state);
            return;
        }
        if let Some(evidence) = later {
            let filled = state.filled;
            self.bodies.push(Body::Resolved(ResolvedRecord {
                symbol: symbol.clone(),
                order: id,
                filled,
                evidence,
            }));
        }
        self.events.push(if state.status == OrderStatus::Rejected {
            Event::OrderRefused { symbol, id, error: "rejected by the venue after it was taken in".into() }
        } else {
            let (qty, filled, average_price) = (ticket.intent.qty, state.filled, state.average_price);
            Event::OrderEnded { symbol, id, qty, filled, average_price }
        });
        ticket.now = Now::Over(if state.status == OrderStatus::Rejected && state.filled.is_zero() {
            let error = "rejected by the venue after it was taken in".into();
            Fate::Refused { error, retry_after: None }
        } else {
            Fate::Ended(state)
        });
    }

    fn failed(&mut self, index: usize, error: &Error) {
        match error.effect() {
            Effect::Unknown => self.unknown(index, error.to_string()),
            Effect::NotApplied => {
                let Some(ticket) = self.tickets.get_mut(index) else { return };
                let (symbol, id, text) = (ticket.intent.symbol.clone(), ticket.intent.id, error.to_string());
                self.bodies.push(Body::Observed(ObservedRecord {
                    plan: self.plan,
                    step: ticket.step,
                    symbol: symbol.clone(),
                    order: Some(id),
                    seen: Seen::Refused { error: text.clone() },
                }));
                self.events.push(Event::OrderRefused { symbol, id, error: text.clone() });
                let retry_after = error.retry_after();
                ticket.now = Now::Over(Fate::Refused { error: text, retry_after });
            }
        }
    }

    fn unknown(&mut self, index: usize, error: String) {
        let Some(ticket) = self.tickets.get_mut(index) else { return };
        let (symbol, id) = (ticket.intent.symbol.clone(), ticket.intent.id);
        self.bodies.push(Body::Observed(ObservedRecord {
            plan: self.plan,
            step: ticket.step,
            symbol: symbol.clone(),
            order: Some(id),
            seen: Seen::Unknown { error: error.clone() },
        }));
        self.events.push(Event::OrderUnknown { symbol, id, error: error.clone() });
        ticket.now = Now::Unknown(error);
    }
}

/// How much of an order the executions prove; each is counted once.
pub(crate) fn executed(fills: &[Fill], id: &ClientOrderId) -> std::result::Result<Qty, NumberError> {
    let mut seen = BTreeSet::new();
    let ours = fills.iter().filter(|fill| fill.order == Some(*id)).filter(|fill| seen.insert(&fill.trade_id));
    Qty::sum(ours.map(|fill| fill.qty))
}

impl Batch {
    /// Executions since this moment can be ours.
    pub(crate) fn since(&self) -> Timestamp {
        self.rules.since
    }
}
