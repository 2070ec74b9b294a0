//! Reading the account: which answers it takes, in at most two rounds whatever the number of symbols (three when the
//! dexes are looked through for the first time).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_exchange::{Error, ErrorKind, Operation, Result};
use evenkeel_types::{AccountId, FeeRates, LeverageSetting, Scope, Snapshot, Symbol, Timestamp};

use super::memory::Memory;
use super::plumbing::{Answers, Key, Plumbing, Reply};
use crate::decode::{
    Abstraction, AbstractionInput, AccountInput, Body, DexInput, FeeInput, FlatSettings, Market, Markets,
    OpenOrdersInput, PerpDex, decode_account, decode_active_asset_data, decode_clearinghouse_state,
    decode_meta_and_asset_ctxs, decode_perp_dexs, decode_user_abstraction, decode_user_fees, scaled_rate,
};
use crate::encode::{asset_id, dex_of};
use evenkeel_http::Failure;

/// How many builder dexes are looked through at most. Testnet had 138 in 2026, at a weight of 2 each; four hundred are
/// most of what a minute has for reading. Beyond them, name those in use.
const DEXES_MAX: usize = 400;

#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) plumbing: Plumbing,
    pub(super) memory: Memory,
}

/// What was read for one snapshot.
struct Read<'a> {
    mode: Abstraction,
    covered: &'a BTreeSet<String>,
    all_dexes: &'a [String],
    answers: &'a Answers,
    held: &'a BTreeSet<Symbol>,
    began: Timestamp,
}

/// A coin, and by what number actions call it.
#[derive(Debug, Clone)]
pub(super) struct Coin {
    pub(super) asset: u32,
    pub(super) markets: Arc<Markets>,
    position: usize,
}

impl Coin {
    pub(super) fn market(&self) -> Option<&Market> {
        self.markets.list.get(self.position)
    }
}

impl Accounts {
    fn now(&self) -> Timestamp {
        self.plumbing.clock.now()
    }

    fn failed(&self, operation: Operation) -> impl Fn(Failure) -> Error + '_ {
        move |failure| self.plumbing.error(operation, &failure)
    }

    /// Remembers that something is sent to the dex of this coin.
    pub(super) fn uses(&self, symbol: &Symbol) {
        let dex = dex_of(symbol);
        if !dex.is_empty() {
            self.memory.lock().used.insert(dex.to_owned());
        }
    }

    /// The dexes where orders of ours can rest, without reading an account: what was named, is held, or was used.
    pub(super) fn dexes_in_use(&self) -> BTreeSet<String> {
        self.covered(&Scope::default())
    }

    /// The account as it stands.
    pub(super) async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        let operation = Operation::Snapshot;
        let began = self.now();
        let all_dexes = self.dexes_to_scan(operation).await?;
        let mut covered = self.covered(scope);
        let mut answers = self.first_round(operation, scope, &covered, &all_dexes, began).await;

        // What the first answers show to be needed as well.
        let mode = self.mode(&answers)?;
        let mut more = BTreeSet::new();
        let held = self.held(operation, &answers, &covered, &all_dexes)?;
        for symbol in &held {
            if covered.insert(dex_of(symbol).to_owned()) {
                more.insert(Key::Markets(dex_of(symbol).to_owned()));
                more.insert(Key::Orders(dex_of(symbol).to_owned()));
            }
        }
        self.learn_answered_markets(&answers, &covered);
        let flat: Vec<&Symbol> = scope.symbols.iter().filter(|symbol| !held.contains(*symbol)).collect();
        // The venue answers a question about a coin that it does not have with anything.
        if let Some(unknown) = flat.iter().find(|symbol| !self.is_listed(symbol)) {
            return Err(self.unlisted(operation, unknown));
        }
        let unread = |symbol: &Symbol| {
            !answers.has(&Key::Asset(symbol.clone())) && self.memory.lock().setting(symbol, began).is_none()
        };
        more.extend(flat.iter().filter(|symbol| unread(symbol)).map(|symbol| Key::Asset((*symbol).clone())));
        if mode == Abstraction::Unified {
            more.extend(self.witnesses(&answers, &covered, &held, scope, &more));
        }
        if !more.is_empty() {
            let later = self.plumbing.gather(operation, more).await;
            answers.extend(later);
        }
        {
            let mut memory = self.memory.lock();
            // Only what was read now is known to hold nothing any more.
            memory.active.retain(|dex| !covered.contains(dex) && !all_dexes.contains(dex));
            memory.active.extend(held.iter().map(|s| dex_of(s).to_owned()).filter(|dex| !dex.is_empty()));
        }
        let snapshot = self.decode(
            scope,
            &Read { mode, covered: &covered, all_dexes: &all_dexes, answers: &answers, held: &held, began },
        )?;
        let mut memory = self.memory.lock();
        memory.held = held;
        if !all_dexes.is_empty() || !memory.is_scanned(began) {
            memory.learn_scan(began);
        }
        drop(memory);
        Ok(snapshot)
    }

    /// The builder dexes to look through for positions, where that is due.
    async fn dexes_to_scan(&self, operation: Operation) -> Result<Vec<String>> {
        if self.memory.lock().is_scanned(self.now()) {
            return Ok(Vec::new());
        }
        let dexes = self.dexes(operation).await?;
        Ok(dexes.iter().take(DEXES_MAX).map(|dex| dex.name.clone()).collect())
    }

    /// All builder dexes.
    pub(super) async fn dexes(&self, operation: Operation) -> Result<Arc<Vec<PerpDex>>> {
        let now = self.now();
        if let Some(dexes) = self.memory.lock().dexes(now) {
            return Ok(dexes);
        }
        let answers = self.plumbing.gather(operation, [Key::Dexes]).await;
        let reply = answers.get(&Key::Dexes).map_err(self.failed(operation))?;
        let dexes = self.plumbing.understood(operation, decode_perp_dexs(reply.body()))?;
        self.memory.lock().learn_dexes(reply.began, dexes.clone());
        Ok(Arc::new(dexes))
    }

    /// The dexes that the snapshot covers: the first, those that were named, those in scope, those that hold something.
    fn covered(&self, scope: &Scope) -> BTreeSet<String> {
        let mut covered: BTreeSet<String> = self.plumbing.dexes.iter().cloned().collect();
        covered.insert(String::new());
        covered.extend(scope.symbols.iter().map(|symbol| dex_of(symbol).to_owned()));
        let memory = self.memory.lock();
        covered.extend(memory.active.iter().chain(&memory.used).cloned());
        drop(memory);
        covered
    }

    async fn first_round(
        &self,
        operation: Operation,
        scope: &Scope,
        covered: &BTreeSet<String>,
        all_dexes: &[String],
        now: Timestamp,
    ) -> Answers {
        // The mode every time: in another one every balance means something else.
        let mut wanted: BTreeSet<Key> = [Key::Mode, Key::Spot].into();
        if self.plumbing.is_time_due() {
            wanted.insert(Key::Clock);
        }
        {
            let memory = self.memory.lock();
            if memory.fees(now).is_none() {
                wanted.insert(Key::Fees);
            }
            // Only where it is known what is held: a held coin's setting is in the state, which costs a tenth.
            if memory.is_scanned(now) {
                let flat = scope.symbols.iter().filter(|s| !memory.held.contains(*s));
                wanted
                    .extend(flat.filter(|s| memory.setting(s, now).is_none()).map(|s| Key::Asset(s.clone())));
            }
        }
        for dex in covered {
            wanted.extend([Key::State(dex.clone()), Key::Markets(dex.clone()), Key::Orders(dex.clone())]);
        }
        wanted.extend(all_dexes.iter().map(|dex| Key::State(dex.clone())));
        let answers = self.plumbing.gather(operation, wanted).await;
        if let Ok(reply) = answers.get(&Key::Clock) {
            // Only for what comes later; the account itself is dated by its own answers.
            let _ = self.plumbing.learn_time(reply);
        }
        answers
    }

    fn mode(&self, answers: &Answers) -> Result<Abstraction> {
        let operation = Operation::Snapshot;
        let reply = answers.get(&Key::Mode).map_err(self.failed(operation))?;
        self.plumbing.understood(operation, decode_user_abstraction(reply.body()))
    }

    /// Everything that is held, on every dex that was read.
    fn held(
        &self,
        operation: Operation,
        answers: &Answers,
        covered: &BTreeSet<String>,
        all_dexes: &[String],
    ) -> Result<BTreeSet<Symbol>> {
        let mut held = BTreeSet::new();
        let dexes: BTreeSet<&String> = covered.iter().chain(all_dexes).collect();
        for dex in dexes {
            let reply = answers.get(&Key::State(dex.clone())).map_err(self.failed(operation))?;
            let state = self.plumbing.understood(operation, decode_clearinghouse_state(reply.body()))?;
            held.extend(state.positions.into_iter().map(|position| position.symbol));
        }
        Ok(held)
    }

    /// For each dex of a unified account one coin by which the venue says what is free, where none was asked for yet.
    fn witnesses(
        &self,
        answers: &Answers,
        covered: &BTreeSet<String>,
        held: &BTreeSet<Symbol>,
        scope: &Scope,
        more: &BTreeSet<Key>,
    ) -> Vec<Key> {
        let asked = |dex: &str| {
            let of_dex = |key: &Key| matches!(key, Key::Asset(symbol) if dex_of(symbol) == dex);
            answers.assets().any(|(symbol, _)| dex_of(symbol) == dex) || more.iter().any(of_dex)
        };
        let first = |dex: &str| -> Option<Symbol> {
            let known = scope.symbols.iter().chain(held).find(|symbol| dex_of(symbol) == dex).cloned();
            known.or_else(|| {
                let reply = answers.get(&Key::Markets(dex.to_owned())).ok()?;
                let markets = decode_meta_and_asset_ctxs(reply.body()).ok()?;
                markets.list.first().map(|market| market.instrument.symbol.clone())
            })
        };
        let dexes = covered.iter().filter(|dex| !asked(dex));
        dexes.filter_map(|dex| first(dex)).map(Key::Asset).collect()
    }

    fn decode(&self, scope: &Scope, read: &Read<'_>) -> Result<Snapshot> {
        let Read { mode, covered, all_dexes, answers, held, began } = *read;
        let operation = Operation::Snapshot;
        let failed = self.failed(operation);
        let base = self.base_fees(operation, answers)?;
        let account = AccountId::new(&self.plumbing.account.target().to_string());
        let account = account.map_err(|error| {
            self.plumbing.error(operation, &Failure::nothing(ErrorKind::Invalid, error.to_string()))
        })?;
        let settings = self.settings(operation, scope, answers, held, began)?;
        let mut dexes = Vec::with_capacity(covered.len());
        for dex in covered {
            let body = |key: Key| answers.get(&key).map_err(&failed);
            dexes.push((
                body(Key::State(dex.clone()))?,
                body(Key::Markets(dex.clone()))?,
                body(Key::Orders(dex.clone()))?,
                self.fees_on(operation, dex, base)?,
            ));
        }
        let others: Vec<&Reply> = all_dexes
            .iter()
            .filter(|dex| !covered.contains(*dex))
            .map(|dex| answers.get(&Key::State(dex.clone())).map_err(&failed))
            .collect::<Result<_>>()?;
        let others: Vec<Body<'_>> = others.into_iter().map(Reply::body).collect();
        let spot = answers.get(&Key::Spot).map_err(&failed)?;
        let input = AccountInput {
            venue: self.plumbing.venue.clone(),
            account,
            capabilities: self.plumbing.capabilities.clone(),
            scope: scope.clone(),
            abstraction: AbstractionInput::Known(mode),
            dexes: dexes
                .iter()
                .map(|(state, markets, orders, fees)| DexInput {
                    clearinghouse_state: state.body(),
                    meta_and_asset_ctxs: markets.body(),
                    open_orders: OpenOrdersInput::Answer(orders.body()),
                    fees: FeeInput::Known(*fees),
                })
                .collect(),
            spot_clearinghouse_state: Some(spot.body()),
            other_dexes: Some(&others),
            available: answers
                .assets()
                .filter_map(|(symbol, reply)| Some((symbol.clone(), reply.as_ref().ok()?.body())))
                .collect(),
            flat_settings: FlatSettings::Read(settings),
        };
        let (snapshot, markets) = self.plumbing.understood(operation, decode_account(&input))?;
        self.learn_markets(markets);
        Ok(snapshot)
    }

    fn learn_markets(&self, markets: Vec<Markets>) {
        let mut memory = self.memory.lock();
        for markets in markets {
            memory.markets.insert(markets.dex.clone().unwrap_or_default(), Arc::new(markets));
        }
    }

    /// The account's rates on the validator-operated dex.
    fn base_fees(&self, operation: Operation, answers: &Answers) -> Result<FeeRates> {
        let known = self.memory.lock().last_fees();
        let reply = match (answers.get(&Key::Fees), known) {
            (Ok(reply), _) => reply,
            // Yesterday's rates are better than no account.
            (Err(_), Some(fees)) => return Ok(fees),
            (Err(failure), None) => return Err(self.plumbing.error(operation, &failure)),
        };
        let fees = self.plumbing.understood(operation, decode_user_fees(reply.body()))?;
        self.memory.lock().learn_fees(reply.began, fees);
        Ok(fees)
    }

    /// The account's rates on a dex.
    fn fees_on(&self, operation: Operation, dex: &str, base: FeeRates) -> Result<FeeRates> {
        if dex.is_empty() {
            return Ok(base);
        }
        let known = self.memory.lock().last_dexes();
        let factor = known.and_then(|dexes| dexes.iter().find(|known| known.name == dex)?.fee_factor());
        let scaled = factor.and_then(|factor| {
            Some(FeeRates {
                maker: scaled_rate(base.maker, factor)?,
                taker: scaled_rate(base.taker, factor)?,
            })
        });
        scaled.ok_or_else(|| {
            let problem = format!("the share that the deployer of dex {dex} takes of the fees is not known");
            self.plumbing.error(operation, &Failure::nothing(ErrorKind::Decode, problem))
        })
    }

    pub(super) async fn fees(&self, symbol: &Symbol) -> Result<FeeRates> {
        let operation = Operation::Fees;
        self.coin(operation, symbol).await?;
        let known = self.memory.lock().fees(self.now());
        let base = match known {
            Some(fees) => fees,
            None => {
                let answers = self.plumbing.gather(operation, [Key::Fees]).await;
                self.base_fees(operation, &answers)?
            }
        };
        let dex = dex_of(symbol);
        if !dex.is_empty() {
            self.dexes(operation).await?;
        }
        self.fees_on(operation, dex, base)
    }

    /// Settings of the flat coins in scope: read now, or not long ago.
    fn settings(
        &self,
        operation: Operation,
        scope: &Scope,
        answers: &Answers,
        held: &BTreeSet<Symbol>,
        now: Timestamp,
    ) -> Result<BTreeMap<Symbol, LeverageSetting>> {
        let mut settings = BTreeMap::new();
        for symbol in scope.symbols.iter().filter(|symbol| !held.contains(*symbol)) {
            let key = Key::Asset(symbol.clone());
            let setting = if answers.has(&key) {
                self.setting(operation, symbol, answers.get(&key).map_err(self.failed(operation))?)?
            } else {
                match self.memory.lock().setting(symbol, now) {
                    Some(setting) => setting,
                    None => continue, // the snapshot's own check says that it is missing
                }
            };
            settings.insert(symbol.clone(), setting);
        }
        Ok(settings)
    }

    fn setting(&self, operation: Operation, symbol: &Symbol, reply: &Reply) -> Result<LeverageSetting> {
        let asset = self.plumbing.understood(operation, decode_active_asset_data(reply.body(), symbol))?;
        let setting = asset.setting(self.plumbing.by_venue(reply.began));
        self.memory.lock().learn_setting(reply.began, setting.clone());
        Ok(setting)
    }

    /// The settings of coins, held or flat, read now.
    pub(super) async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        let operation = Operation::Leverage;
        let dexes: BTreeSet<String> = symbols.iter().map(|symbol| dex_of(symbol).to_owned()).collect();
        let mut wanted: BTreeSet<Key> = dexes.iter().cloned().map(Key::State).collect();
        {
            let memory = self.memory.lock();
            wanted.extend(
                dexes.iter().filter(|dex| !memory.markets.contains_key(*dex)).cloned().map(Key::Markets),
            );
            // Held coins are in the state, at a tenth of the cost. Before anything was read all may be held.
            if !memory.markets.is_empty() {
                let flat = symbols.iter().filter(|symbol| !memory.held.contains(*symbol));
                wanted.extend(flat.cloned().map(Key::Asset));
            }
        }
        let mut answers = self.plumbing.gather(operation, wanted).await;
        self.learn_answered_markets(&answers, &dexes);
        let held = self.held_settings(&answers, &dexes);
        let missing: Vec<Key> = symbols
            .iter()
            .filter(|symbol| !held.contains_key(*symbol) && self.is_listed(symbol))
            .map(|symbol| Key::Asset(symbol.clone()))
            .filter(|key| !answers.has(key))
            .collect();
        if !missing.is_empty() {
            answers.extend(self.plumbing.gather(operation, missing).await);
        }
        symbols
            .iter()
            .map(|symbol| {
                answers.get(&Key::State(dex_of(symbol).to_owned())).map_err(self.failed(operation))?;
                if let Some(setting) = held.get(symbol) {
                    return Ok(setting.clone());
                }
                if !self.is_listed(symbol) {
                    return Err(self.unlisted(operation, symbol));
                }
                let reply = answers.get(&Key::Asset(symbol.clone())).map_err(self.failed(operation))?;
                self.setting(operation, symbol, reply)
            })
            .collect()
    }

    fn learn_answered_markets(&self, answers: &Answers, dexes: &BTreeSet<String>) {
        for dex in dexes {
            if let Ok(reply) = answers.get(&Key::Markets(dex.clone()))
                && let Ok(markets) = decode_meta_and_asset_ctxs(reply.body())
            {
                self.learn_markets(vec![markets]);
            }
        }
    }

    /// Settings of what is held, from the states that could be read.
    fn held_settings(
        &self,
        answers: &Answers,
        dexes: &BTreeSet<String>,
    ) -> BTreeMap<Symbol, LeverageSetting> {
        let mut settings = BTreeMap::new();
        for dex in dexes {
            let Ok(reply) = answers.get(&Key::State(dex.clone())) else { continue };
            let Ok(state) = decode_clearinghouse_state(reply.body()) else { continue };
            let read_at = state.time.unwrap_or_else(|| self.plumbing.by_venue(reply.began));
            for held in state.positions {
                let setting = LeverageSetting::both(held.symbol.clone(), held.leverage, held.mode, read_at);
                settings.insert(held.symbol, setting);
            }
        }
        settings
    }

    fn is_listed(&self, symbol: &Symbol) -> bool {
        let memory = self.memory.lock();
        memory.markets.get(dex_of(symbol)).is_some_and(|markets| markets.get(symbol).is_some())
    }

    pub(super) fn unlisted(&self, operation: Operation, symbol: &Symbol) -> Error {
        let problem = format!("there is no {symbol}; spell it as the venue does (BTC, kPEPE, xyz:XYZ100)");
        self.plumbing.error(operation, &Failure::nothing(ErrorKind::Invalid, problem))
    }

    /// A coin's rules and its number, from memory or read now.
    pub(super) async fn coin(&self, operation: Operation, symbol: &Symbol) -> Result<Coin> {
        let dex = dex_of(symbol).to_owned();
        let known = self.memory.lock().markets.get(&dex).cloned();
        let markets = match known {
            // A coin that was listed after the last reading is looked for once more.
            Some(markets) if markets.get(symbol).is_some() => markets,
            _ => self.markets(operation, &dex).await?,
        };
        let position = markets.list.iter().position(|market| market.instrument.symbol == *symbol);
        let Some(position) = position else { return Err(self.unlisted(operation, symbol)) };
        let dex_index = if dex.is_empty() {
            Some(0)
        } else {
            // A dex never changes its number, so an old list will do where it has the dex.
            let index =
                |dexes: &[PerpDex]| dexes.iter().find(|known| known.name == dex).map(|known| known.index);
            let known = self.memory.lock().last_dexes().and_then(|dexes| index(&dexes));
            match known {
                Some(known) => Some(known),
                None => index(&self.dexes(operation).await?),
            }
        };
        let index = u32::try_from(position).ok();
        let asset = dex_index.zip(index).and_then(|(dex, index)| asset_id(dex, index));
        let Some(asset) = asset else { return Err(self.unlisted(operation, symbol)) };
        Ok(Coin { asset, markets, position })
    }

    /// The markets of a dex, read now.
    pub(super) async fn markets(&self, operation: Operation, dex: &str) -> Result<Arc<Markets>> {
        let key = Key::Markets(dex.to_owned());
        let answers = self.plumbing.gather(operation, [key.clone()]).await;
        let reply = answers.get(&key).map_err(self.failed(operation))?;
        let markets = self.plumbing.understood(operation, decode_meta_and_asset_ctxs(reply.body()))?;
        let markets = Arc::new(markets);
        self.memory.lock().markets.insert(dex.to_owned(), Arc::clone(&markets));
        Ok(markets)
    }
}
