//! A venue and a journal that stand between the executor and the paper exchange: they note what was asked, compare it
//! with what is true, and hold every write against the journal at the moment it arrives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use evenkeel_exchange::{
    Abilities, Cancel, FundingRate, Observe, OrderRequest, ReadAbilities, Result, Trade,
};
use evenkeel_paper::PaperVenue;
use evenkeel_store::{Entry, Epoch, Journal, JournalError, MemoryJournal, Record, Seq};
use evenkeel_types::{
    Capabilities, ClientOrderId, FeeRates, Fill, Instruments, Leverage, LeverageSetting, MarginMode,
    OrderIntent, OrderState, Scope, Snapshot, Symbol, Timestamp, Usd, VenueId,
};
use serde_json::Value;

/// What went wrong at the venue, as a checker can tell it from the truth; and what was broken by us.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) struck: BTreeMap<&'static str, u64>,
    pub(crate) broken: Vec<String>,
    /// Orders as they arrived, with the time.
    pub(crate) placed: Vec<(Timestamp, OrderIntent)>,
    /// How many calls were made; and after which one somebody asks to stop.
    pub(crate) calls: u64,
    pub(crate) stop_at: Option<u64>,
}

impl Notes {
    pub(crate) fn strike(&mut self, fault: &'static str) {
        let count = self.struck.entry(fault).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn breach(&mut self, what: String) {
        self.broken.push(what);
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Spy {
    pub(crate) inner: PaperVenue,
    pub(crate) journal: Arc<SpyJournal>,
    pub(crate) notes: Arc<Mutex<Notes>>,
    pub(crate) cancel: Cancel,
    pub(crate) symbols: Vec<Symbol>,
    /// Leverage that adding orders must be sent under; empty where readings of leverage lie.
    pub(crate) leverage: BTreeMap<Symbol, Leverage>,
    /// Deliver every order twice.
    pub(crate) twice: bool,
}

impl Spy {
    fn note<T>(&self, act: impl FnOnce(&mut Notes) -> T) -> T {
        act(&mut self.notes.lock().unwrap())
    }

    fn call(&self) {
        let stop = self.note(|notes| {
            notes.calls += 1;
            notes.stop_at.is_some_and(|at| notes.calls >= at)
        });
        if stop && !self.cancel.is_requested() {
            self.note(|notes| notes.strike("cancel"));
            self.cancel.request();
        }
    }

    /// Whether the journal has an intent that says exactly this.
    fn check_intent(&self, what: &str, fits: impl Fn(&Value) -> bool) {
        let entries = self.journal.entries();
        let found =
            entries.iter().filter(|entry| entry.record.kind == evenkeel_store::Kind::Intent).any(|entry| {
                let body: Value = serde_json::from_str(&entry.record.body).unwrap();
                fits(&body["write"])
            });
        if !found {
            self.note(|notes| notes.breach(format!("{what} left before its intent was on record")));
        }
    }

    fn peek(&self) -> Snapshot {
        self.inner.with(|world| world.peek(&Scope::of(self.symbols.iter().cloned()))).unwrap()
    }

    fn truth_of(&self, id: &ClientOrderId) -> Vec<evenkeel_paper::OrderRecord> {
        self.inner
            .with(|world| world.orders().iter().filter(|order| order.id == Some(*id)).cloned().collect())
    }

    fn judge_order(&self, intent: &OrderIntent) {
        let wanted = serde_json::to_value(intent).unwrap();
        self.check_intent(&format!("order {}", intent.id), |write| write["order"] == wanted);
        if !intent.reduce_only
            && let Some(leverage) = self.leverage.get(&intent.symbol)
        {
            let scope = Scope::of([intent.symbol.clone()]);
            let world = self.inner.with(|world| world.peek(&scope)).unwrap();
            let setting = world.settings.get(&intent.symbol).unwrap().clone();
            if !setting.is(*leverage) {
                self.note(|notes| {
                    notes
                        .breach(format!("{} was added to at {setting:?}, not at {leverage}x", intent.symbol));
                });
            }
        }
        let now = self.inner.with(|world| world.now());
        self.note(|notes| notes.placed.push((now, intent.clone())));
    }

    fn judge_answer(&self, intent: &OrderIntent, known: usize, answer: &Result<OrderState>) {
        let records = self.truth_of(&intent.id);
        let arrived = records.len() > known;
        let accepted = records.iter().any(|record| record.visible_from.is_some());
        let fault = match answer {
            Ok(state) if !arrived && state.filled.is_zero() => Some("order silently dropped"),
            Ok(state) if !state.status.is_terminal() => Some("order acknowledged asynchronously"),
            Ok(state) if state.filled.is_positive() && state.filled < intent.qty => Some("partial fill"),
            Ok(_) => None,
            Err(error) if error.effect() == evenkeel_exchange::Effect::NotApplied => {
                if arrived {
                    Some("order refused by rules")
                } else {
                    Some("order refused")
                }
            }
            Err(_) if arrived && accepted => Some("answer to an order lost"),
            Err(_) if arrived => Some("answer to a refused order lost"),
            Err(_) => Some("order lost or late"),
        };
        if let Some(fault) = fault {
            self.note(|notes| notes.strike(fault));
        }
    }

    async fn setting<T>(
        &self,
        what: &str,
        intent: &Value,
        changed: impl Fn(&Snapshot) -> bool,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.call();
        self.check_intent(what, |write| write["setting"] == *intent);
        let answer = call.await;
        let fault = match (&answer, changed(&self.peek())) {
            (Ok(_), false) => Some("setting silently dropped"),
            (Ok(_), true) => None,
            (Err(error), _) if error.effect() == evenkeel_exchange::Effect::NotApplied => {
                Some("setting refused")
            }
            (Err(_), true) => Some("answer to a setting lost"),
            (Err(_), false) => Some("setting lost"),
        };
        if let Some(fault) = fault {
            self.note(|notes| notes.strike(fault));
        }
        answer
    }
}

#[async_trait]
impl Observe for Spy {
    fn venue(&self) -> &VenueId {
        self.inner.venue()
    }
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
    async fn server_time(&self) -> Result<Timestamp> {
        self.inner.server_time().await
    }
    async fn instruments(&self) -> Result<Instruments> {
        self.inner.instruments().await
    }
    async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        self.call();
        let answer = self.inner.snapshot(scope).await;
        let true_now = self.inner.with(|world| world.peek(scope));
        let fault = match (&answer, true_now) {
            (Err(_), _) => Some("reading lost"),
            (Ok(shown), Ok(real)) => {
                let late = shown.pools.iter().zip(&real.pools).any(|(shown, real)| shown.free < real.free);
                if shown.as_of < real.as_of {
                    Some("old reading")
                } else if shown.positions.iter().map(|p| p.qty).ne(real.positions.iter().map(|p| p.qty))
                    || shown.quotes != real.quotes
                    || shown.settings.values().map(|s| s.long).ne(real.settings.values().map(|s| s.long))
                {
                    Some("old reading with a new time")
                } else {
                    late.then_some("margin shown late")
                }
            }
            (Ok(_), Err(_)) => None,
        };
        if let Some(fault) = fault {
            self.note(|notes| notes.strike(fault));
        }
        answer
    }
    async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        let answers = self.inner.leverages(symbols).await;
        let world = self.peek();
        for (symbol, answer) in symbols.iter().zip(&answers) {
            match (answer, world.settings.get(symbol)) {
                (Err(_), _) => self.note(|notes| notes.strike("leverage reading lost")),
                (Ok(shown), Some(real)) if shown.long != real.long || shown.mode != real.mode => {
                    self.note(|notes| notes.strike("old leverage reading"));
                }
                _ => {}
            }
        }
        answers
    }
    async fn order(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<Option<OrderState>> {
        self.call();
        let answer = self.inner.order(symbol, id).await;
        let now = self.inner.with(|world| world.now());
        let visible =
            self.truth_of(id).iter().any(|record| record.visible_from.is_some_and(|from| from <= now));
        match &answer {
            Ok(None) if visible => self.note(|notes| notes.strike("order hidden")),
            Err(_) => self.note(|notes| notes.strike("order reading lost")),
            _ => {}
        }
        answer
    }
    async fn fills(&self, symbols: &[Symbol], since: Timestamp) -> Result<Vec<Fill>> {
        self.inner.fills(symbols, since).await
    }
    async fn funding(&self, symbol: &Symbol) -> Result<FundingRate> {
        self.inner.funding(symbol).await
    }
    async fn fees(&self, symbol: &Symbol) -> Result<FeeRates> {
        self.inner.fees(symbol).await
    }
    fn read_abilities(&self) -> ReadAbilities<'_> {
        self.inner.read_abilities()
    }
}

#[async_trait]
impl Trade for Spy {
    async fn place(&self, orders: &[OrderRequest]) -> Vec<Result<OrderState>> {
        self.call();
        if self.note(|notes| notes.stop_at.is_some_and(|at| notes.calls > at)) {
            self.note(|notes| notes.breach("an order left after somebody had asked to stop".into()));
        }
        for order in orders {
            self.judge_order(order.intent());
        }
        let mut answers = Vec::new();
        for order in orders {
            let known = self.truth_of(&order.intent().id).len();
            let answer = self.inner.place(std::slice::from_ref(order)).await.pop().unwrap();
            self.judge_answer(order.intent(), known, &answer);
            if self.twice {
                self.note(|notes| notes.strike("order delivered twice"));
                let _second = self.inner.place(std::slice::from_ref(order)).await;
            }
            answers.push(answer);
        }
        answers
    }
    async fn cancel(&self, symbol: &Symbol, id: &ClientOrderId) -> Result<()> {
        self.inner.cancel(symbol, id).await
    }
    async fn cancel_by_venue_id(&self, symbol: &Symbol, venue_order_id: &str) -> Result<()> {
        let intent = serde_json::json!({"cancel_order": {"venue_order_id": venue_order_id}});
        let call = self.inner.cancel_by_venue_id(symbol, venue_order_id);
        self.setting("a cancellation", &intent, |_| true, call).await
    }
    async fn set_leverage(&self, symbol: &Symbol, leverage: Leverage) -> Result<()> {
        self.call();
        let wanted = leverage.to_string();
        self.check_intent("a leverage", |write| {
            write["setting"]["set_leverage"]["to"].as_str() == Some(wanted.as_str())
        });
        let answer = self.inner.set_leverage(symbol, leverage).await;
        let is = self.peek().settings.get(symbol).is_some_and(|setting| setting.is(leverage));
        let fault = match (&answer, is) {
            (Ok(()), false) => Some("leverage silently dropped"),
            (Ok(()), true) => None,
            (Err(error), _) if error.effect() == evenkeel_exchange::Effect::NotApplied => {
                Some("leverage refused")
            }
            (Err(_), true) => Some("answer to a leverage lost"),
            (Err(_), false) => Some("leverage lost or late"),
        };
        if let Some(fault) = fault {
            self.note(|notes| notes.strike(fault));
        }
        answer
    }
    async fn set_margin_mode(&self, symbol: &Symbol, mode: MarginMode) -> Result<()> {
        let from = if mode == MarginMode::Cross { "isolated" } else { "cross" };
        let intent = serde_json::json!({"set_margin_mode": {"from": from, "to": mode}});
        let call = self.inner.set_margin_mode(symbol, mode);
        let is = |world: &Snapshot| world.settings.get(symbol).is_some_and(|setting| setting.mode == mode);
        self.setting("a margin mode", &intent, is, call).await
    }
    async fn adjust_margin(&self, symbol: &Symbol, delta: Usd) -> Result<()> {
        let intent = serde_json::json!({"adjust_margin": {"delta": delta}});
        let call = self.inner.adjust_margin(symbol, delta);
        self.setting("a margin move", &intent, |_| true, call).await
    }
    /// None: what went past the journal could not be held against it.
    fn abilities(&self) -> Abilities<'_> {
        Abilities::none()
    }
}

/// A journal that can fail, and remembers when each record was written.
#[derive(Debug)]
pub(crate) struct SpyJournal {
    inner: MemoryJournal,
    fails_at: Option<u64>,
    seen: Mutex<(u64, Vec<Entry>)>,
}

impl SpyJournal {
    pub(crate) fn new(fails_at: Option<u64>) -> Self {
        Self { inner: MemoryJournal::new(), fails_at, seen: Mutex::new((0, Vec::new())) }
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.seen.lock().unwrap().1.clone()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.fails_at.is_some_and(|at| self.seen.lock().unwrap().0 >= at)
    }
}

#[async_trait]
impl Journal for SpyJournal {
    async fn open_epoch(&self) -> std::result::Result<Epoch, JournalError> {
        self.inner.open_epoch().await
    }
    async fn head(&self) -> std::result::Result<Seq, JournalError> {
        self.inner.head().await
    }
    async fn append(
        &self,
        expected: Seq,
        epoch: Epoch,
        records: &[Record],
    ) -> std::result::Result<Seq, JournalError> {
        let count = {
            let mut seen = self.seen.lock().unwrap();
            seen.0 += 1;
            seen.0
        };
        if self.fails_at.is_some_and(|at| count >= at) {
            return Err(JournalError::Storage("no space left (injected)".into()));
        }
        let head = self.inner.append(expected, epoch, records).await?;
        self.seen.lock().unwrap().1 = self.inner.read(Seq::START).await?;
        Ok(head)
    }
    async fn read(&self, from: Seq) -> std::result::Result<Vec<Entry>, JournalError> {
        self.inner.read(from).await
    }
}
