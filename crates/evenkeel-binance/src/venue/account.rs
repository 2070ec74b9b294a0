//! Reading the account: which answers it takes, in one round (two when a symbol's fees are read for the first time after
//! it was found to be held, or something was traded meanwhile).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_exchange::{Error, ErrorKind, Operation, Result};
use evenkeel_http::Failure;
use evenkeel_types::{AccountId, FeeRates, LeverageSetting, OpenOrder, Scope, Snapshot, Symbol, Timestamp};

use super::memory::{Intervals, Memory};
use super::plumbing::{Answers, Key, Plumbing, READ_PATIENCE, Reply};
use crate::decode::{
    AccountConfig, AccountInput, AccountState, Book, Brackets, DecodeError, Listing, Markets, PositionRow,
    Premium, SymbolSetting, agree, check_mode, decode_account, decode_account_alias, decode_account_config,
    decode_algo_orders, decode_book_ticker, decode_commission_rate, decode_exchange_info,
    decode_funding_info, decode_leverage_brackets, decode_orders, decode_position_risk, decode_premium_index,
    decode_snapshot, decode_symbol_configs, setting,
};
use crate::encode::Request;
use crate::endpoints;

/// How often account and positions are read until both are of one moment. They are two answers, and a fill between them
/// is rare; two in a row are an account that somebody else trades at this very moment.
const AGREEMENT_TRIES: usize = 3;
/// How far apart the questions may be that one account is put together from. They leave at once; what is read again because
/// it did not agree can be later than the rest.
const SPREAD_MAX: Duration = Duration::from_secs(5);
/// How long an order waits for the rate limit only because another one of its call may be refused wrongly.
const RULES_PATIENCE: Duration = Duration::from_secs(1);
/// What has to be of one moment, or money and orders are counted twice or not at all.
const OF_ONE_MOMENT: [Key; 8] = [
    Key::Config,
    Key::State,
    Key::Positions,
    Key::Settings,
    Key::Premiums,
    Key::Books,
    Key::Orders,
    Key::AlgoOrders,
];

type Listings = BTreeMap<Symbol, std::result::Result<Listing, DecodeError>>;

/// How the account stands, and how it is set up.
struct Standing {
    config: AccountConfig,
    settings: BTreeMap<Symbol, SymbolSetting>,
    state: AccountState,
    positions: Vec<PositionRow>,
}

impl Standing {
    fn held(&self) -> impl Iterator<Item = Symbol> + '_ {
        self.state.held.iter().map(|held| held.symbol.clone())
    }
}

#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) plumbing: Plumbing,
    pub(super) memory: Memory,
}

impl Accounts {
    pub(super) fn failed(&self, operation: Operation) -> impl Fn(Failure) -> Error + '_ {
        move |failure| self.plumbing.error(operation, &failure)
    }

    pub(super) fn unlisted(&self, operation: Operation, symbol: &Symbol) -> Error {
        let problem = format!("there is no {symbol}; spell it as the venue does (BTCUSDT, ETHUSDC)");
        self.plumbing.error(operation, &Failure::nothing(ErrorKind::Invalid, problem))
    }

    /// The account as it stands.
    pub(super) async fn snapshot(&self, scope: &Scope) -> Result<Snapshot> {
        let operation = Operation::Snapshot;
        let began = self.plumbing.now();
        let mut answers = self.plumbing.gather(operation, self.first_round(scope, began)).await;
        if let Ok(reply) = answers.get(&Key::Clock) {
            // Only for what comes later; the account itself is dated by its own answers.
            let _ = self.plumbing.learn_time(reply);
        }
        let mut standing = self.standing(operation, &answers)?;
        let markets = self.markets_of(operation, &answers, began)?;
        let mut needed = scope.symbols.clone();
        needed.extend(standing.held());
        for symbol in &needed {
            match markets.get(symbol) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return self.plumbing.understood(operation, Err(error.clone())),
                None => return Err(self.unlisted(operation, symbol)),
            }
        }
        for _ in 1..AGREEMENT_TRIES {
            let mut more = self.missing_fees(&answers, &needed, began);
            if answers.spread(&OF_ONE_MOMENT) > SPREAD_MAX {
                more.extend(OF_ONE_MOMENT);
            } else if !agree(&standing.state, &standing.positions) {
                // Orders too: what was filled between the two answers may still rest in the list that was read.
                more.extend([Key::State, Key::Positions, Key::Orders, Key::AlgoOrders]);
            }
            if more.is_empty() {
                break;
            }
            answers.extend(self.plumbing.gather(operation, more).await);
            standing = self.standing(operation, &answers)?;
            needed.extend(standing.held());
        }
        let spread = answers.spread(&OF_ONE_MOMENT);
        if spread > SPREAD_MAX {
            let problem = format!(
                "account and orders were read {} ms apart; of two moments they are no account, read again",
                spread.as_millis()
            );
            return Err(self.plumbing.error(operation, &Failure::nothing(ErrorKind::Timeout, problem)));
        }
        let Standing { config, settings, state, positions } = standing;
        self.memory.lock().held = state.held.iter().map(|held| held.symbol.clone()).collect();
        let prices = |key: &Key| answers.get(key).map_err(self.failed(operation));
        let premiums: BTreeMap<Symbol, Premium> = self
            .plumbing
            .understood(operation, decode_premium_index(prices(&Key::Premiums)?.body(), &needed))?;
        let books: BTreeMap<Symbol, Book> =
            self.plumbing.understood(operation, decode_book_ticker(prices(&Key::Books)?.body(), &needed))?;
        let input = AccountInput {
            venue: self.plumbing.venue.clone(),
            account: self.account_id(operation, &answers)?,
            capabilities: self.plumbing.rules.of_mode(config.position_mode).clone(),
            scope,
            as_of: self.as_of(&answers),
            config,
            state: &state,
            positions: &positions,
            settings: &settings,
            markets: &markets,
            premiums: &premiums,
            books: &books,
            fees: &self.fees_of(operation, &answers, &needed)?,
            open_orders: self.open_orders(operation, &answers)?,
        };
        self.plumbing.understood(operation, decode_snapshot(&input))
    }

    /// What is asked for before anything is known.
    fn first_round(&self, scope: &Scope, now: Timestamp) -> BTreeSet<Key> {
        let mut wanted = BTreeSet::from(OF_ONE_MOMENT);
        if self.plumbing.is_time_due() {
            wanted.insert(Key::Clock);
        }
        let memory = self.memory.lock();
        if memory.markets(now).is_none() {
            wanted.extend([Key::Info, Key::Brackets]);
            if memory.intervals(now).is_none() {
                wanted.insert(Key::Funding);
            }
        }
        if self.plumbing.account.is_none() && memory.alias.is_none() {
            wanted.insert(Key::Alias);
        }
        let likely = scope.symbols.iter().chain(&memory.held);
        wanted.extend(likely.filter(|symbol| memory.fee(symbol, now).is_none()).cloned().map(Key::Fee));
        wanted
    }

    fn decoded<T>(
        &self,
        operation: Operation,
        answers: &Answers,
        key: &Key,
        decode: impl Fn(crate::decode::Body<'_>) -> std::result::Result<T, crate::decode::DecodeError>,
    ) -> Result<T> {
        let reply = answers.get(key).map_err(self.failed(operation))?;
        self.plumbing.understood(operation, decode(reply.body()))
    }

    fn standing(&self, operation: Operation, answers: &Answers) -> Result<Standing> {
        // The mode first: in another one every balance means something else.
        let config = self.decoded(operation, answers, &Key::Config, decode_account_config)?;
        let settings = self.decoded(operation, answers, &Key::Settings, decode_symbol_configs)?;
        self.plumbing.understood(operation, check_mode(&config, &settings))?;
        if let Ok(reply) = answers.get(&Key::Settings) {
            self.memory.lock().learn_settings(reply.began, &settings);
        }
        let state = self.decoded(operation, answers, &Key::State, decode_account)?;
        let positions = self.decoded(operation, answers, &Key::Positions, decode_position_risk)?;
        Ok(Standing { config, settings, state, positions })
    }

    /// When the oldest of these answers was asked for: nothing in the snapshot's account is older than it says.
    fn as_of(&self, answers: &Answers) -> Timestamp {
        let dated = [Key::State, Key::Positions, Key::Settings];
        let began = dated.iter().filter_map(|key| Some(answers.get(key).ok()?.began));
        self.plumbing.by_venue(began.min().unwrap_or_else(|| self.plumbing.now()))
    }

    fn account_id(&self, operation: Operation, answers: &Answers) -> Result<AccountId> {
        if let Some(account) = &self.plumbing.account {
            return Ok(account.clone());
        }
        let known = self.memory.lock().alias.clone();
        if let Some(account) = known {
            return Ok(account);
        }
        let alias = self.decoded(operation, answers, &Key::Alias, decode_account_alias)?;
        let account = AccountId::new(&alias).map_err(|error| {
            self.plumbing.error(operation, &Failure::nothing(ErrorKind::Decode, error.to_string()))
        })?;
        self.memory.lock().alias = Some(account.clone());
        Ok(account)
    }

    /// Fees that were not asked for yet and are not known.
    fn missing_fees(&self, answers: &Answers, needed: &BTreeSet<Symbol>, now: Timestamp) -> Vec<Key> {
        let memory = self.memory.lock();
        let unknown = needed.iter().filter(|symbol| memory.fee(symbol, now).is_none());
        unknown.cloned().map(Key::Fee).filter(|key| !answers.has(key)).collect()
    }

    fn fees_of(
        &self,
        operation: Operation,
        answers: &Answers,
        needed: &BTreeSet<Symbol>,
    ) -> Result<BTreeMap<Symbol, FeeRates>> {
        let mut fees = BTreeMap::new();
        for symbol in needed {
            let key = Key::Fee(symbol.clone());
            let known = self.memory.lock().last_fee(symbol);
            let rates = match (answers.has(&key), answers.get(&key), known) {
                (true, Ok(reply), _) => self.learned_fee(operation, symbol, reply)?,
                (_, _, Some(rates)) => rates,
                (_, Err(failure), None) => return Err(self.plumbing.error(operation, &failure)),
                (false, Ok(_), None) => continue, // cannot be: what was not asked for has no answer
            };
            fees.insert(symbol.clone(), rates);
        }
        Ok(fees)
    }

    fn learned_fee(&self, operation: Operation, symbol: &Symbol, reply: &Reply) -> Result<FeeRates> {
        let rates = self.plumbing.understood(operation, decode_commission_rate(reply.body(), symbol))?;
        self.memory.lock().learn_fee(reply.began, symbol, rates);
        Ok(rates)
    }

    pub(super) async fn fees(&self, symbol: &Symbol) -> Result<FeeRates> {
        let operation = Operation::Fees;
        let known = self.memory.lock().fee(symbol, self.plumbing.now());
        if let Some(rates) = known {
            return Ok(rates);
        }
        let request = Request::of(endpoints::COMMISSION_RATE, symbol);
        let reply = self.plumbing.ask(operation, &request).await.map_err(self.failed(operation))?;
        self.learned_fee(operation, symbol, &reply)
    }

    /// Ordinary and conditional orders. Those that are over by now are none.
    fn open_orders(&self, operation: Operation, answers: &Answers) -> Result<Vec<OpenOrder>> {
        let ordinary = self.decoded(operation, answers, &Key::Orders, decode_orders)?;
        let mut orders = Vec::with_capacity(ordinary.len());
        for record in ordinary.iter().filter(|record| !record.status.is_terminal()) {
            orders.push(self.plumbing.understood(operation, record.resting("openOrders"))?);
        }
        let conditional = self.decoded(operation, answers, &Key::AlgoOrders, decode_algo_orders)?;
        orders.extend(conditional.iter().map(crate::decode::AlgoRecord::open));
        Ok(orders)
    }

    /// The settings of symbols, held or flat, read now, in one request.
    pub(super) async fn leverages(&self, symbols: &[Symbol]) -> Vec<Result<LeverageSetting>> {
        let operation = Operation::Leverage;
        let distinct: BTreeSet<&Symbol> = symbols.iter().collect();
        let request = match distinct.first() {
            None => return Vec::new(),
            Some(symbol) if distinct.len() == 1 => Request::of(endpoints::SYMBOL_CONFIG, symbol),
            Some(_) => Request::all(endpoints::SYMBOL_CONFIG),
        };
        let read = self.plumbing.ask(operation, &request).await.map_err(self.failed(operation));
        let read = read.and_then(|reply| {
            let settings = self.plumbing.understood(operation, decode_symbol_configs(reply.body()))?;
            self.memory.lock().learn_settings(reply.began, &settings);
            Ok((settings, self.plumbing.by_venue(reply.began)))
        });
        let (settings, at) = match read {
            Ok(read) => read,
            Err(error) => {
                let failure = Failure::of(&error);
                return symbols.iter().map(|_| Err(self.plumbing.error(operation, &failure))).collect();
            }
        };
        symbols.iter().map(|symbol| self.setting(operation, symbol, &settings, at)).collect()
    }

    fn setting(
        &self,
        operation: Operation,
        symbol: &Symbol,
        settings: &BTreeMap<Symbol, SymbolSetting>,
        at: Timestamp,
    ) -> Result<LeverageSetting> {
        if !settings.contains_key(symbol) {
            return Err(self.unlisted(operation, symbol));
        }
        self.plumbing.understood(operation, setting(symbol, settings, at))
    }

    /// All instruments, from these answers or from memory.
    fn markets_of(&self, operation: Operation, answers: &Answers, now: Timestamp) -> Result<Arc<Markets>> {
        let known = self.memory.lock().markets(now);
        if let Some(markets) = known {
            return Ok(markets);
        }
        let (at, listings, brackets) = self.listings(operation, answers)?;
        let intervals = self.intervals_of(operation, answers)?;
        let markets = Arc::new(Markets::new(listings, &brackets, &intervals));
        self.memory.lock().learn_markets(at, &markets);
        Ok(markets)
    }

    fn listings(&self, operation: Operation, answers: &Answers) -> Result<(Timestamp, Listings, Brackets)> {
        let info = answers.get(&Key::Info).map_err(self.failed(operation))?;
        let listings = self.plumbing.understood(operation, decode_exchange_info(info.body()))?;
        let brackets = self.decoded(operation, answers, &Key::Brackets, decode_leverage_brackets)?;
        Ok((info.began, listings, brackets))
    }

    fn intervals_of(&self, operation: Operation, answers: &Answers) -> Result<Intervals> {
        let known = self.memory.lock().last_intervals();
        let reply = match (answers.get(&Key::Funding), known) {
            (Ok(reply), _) => reply,
            // Not asked for, because they are young; or it failed, and old ones are better than no account.
            (Err(_), Some(intervals)) => return Ok(intervals),
            (Err(failure), None) => return Err(self.plumbing.error(operation, &failure)),
        };
        let intervals = Arc::new(self.plumbing.understood(operation, decode_funding_info(reply.body()))?);
        self.memory.lock().learn_intervals(reply.began, &intervals);
        Ok(intervals)
    }

    /// All instruments, read now.
    pub(super) async fn markets(&self, operation: Operation) -> Result<Arc<Markets>> {
        let now = self.plumbing.now();
        let known = self.memory.lock().markets(now);
        if let Some(markets) = known {
            return Ok(markets);
        }
        self.read_markets(operation, now).await
    }

    async fn read_markets(&self, operation: Operation, now: Timestamp) -> Result<Arc<Markets>> {
        let mut wanted = vec![Key::Info, Key::Brackets];
        if self.memory.lock().intervals(now).is_none() {
            wanted.push(Key::Funding);
        }
        let answers = self.plumbing.gather(operation, wanted).await;
        self.markets_of(operation, &answers, now)
    }

    /// The rules that orders for these symbols are checked by. Nothing is written by looking, whatever it is looked for.
    pub(super) async fn markets_for_writes(
        &self,
        operation: Operation,
        symbols: impl IntoIterator<Item = &Symbol>,
    ) -> Result<Arc<Markets>> {
        let now = self.plumbing.now();
        let known = self.memory.lock().markets_for_writes(now);
        let read = match known {
            Some(markets) if symbols.into_iter().all(|symbol| markets.get(symbol).is_some()) => Ok(markets),
            // One that was listed after the last reading is looked for once more.
            _ => self.rules(Operation::Instruments, READ_PATIENCE).await,
        };
        read.map_err(|error| self.plumbing.error(operation, &Failure::of(&error).unwritten()))
    }

    /// The rules, read now, where those at hand are so old that they may have changed. What they refuse is refused for
    /// good only then: a close must not fail by a rule that is no more.
    pub(super) async fn newer_rules(&self, operation: Operation) -> Option<Arc<Markets>> {
        let young = self.memory.lock().young_rules(self.plumbing.now());
        match young {
            Some(_) => None,
            // Where they cannot be read, those at hand are what there is.
            None => self.rules(operation, RULES_PATIENCE).await.ok(),
        }
    }

    /// What orders are checked by. Funding intervals are no part of that: their list has a limit of its own, and must not
    /// stop a close.
    async fn rules(&self, operation: Operation, patience: Duration) -> Result<Arc<Markets>> {
        let known = self.memory.lock().young_rules(self.plumbing.now());
        if let Some(markets) = known {
            return Ok(markets);
        }
        let answers = self.plumbing.gather_within(operation, [Key::Info, Key::Brackets], patience).await;
        let (at, listings, brackets) = self.listings(operation, &answers)?;
        let intervals = self.memory.lock().last_intervals().unwrap_or_default();
        let markets = Arc::new(Markets::new(listings, &brackets, &intervals));
        self.memory.lock().learn_rules(at, &markets);
        Ok(markets)
    }
}
