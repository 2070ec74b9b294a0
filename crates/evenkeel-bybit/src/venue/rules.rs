//! Facts about symbols and the account: rules, prices, settings, lists that are longer than one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_exchange::ErrorKind;
use evenkeel_http::{Failure, Urgency};
use evenkeel_types::{FeeRates, Instrument, MarginMode, Symbol, Timestamp};
use futures_util::future::{join, join_all};

use super::memory::Memory;
use super::plumbing::{Outcome, Plumbing, unread};
use crate::decode::{
    AccountInfo, Body, Contract, Contracts, DecodeError, DecodeErrorKind, OrderRecord, Page, PositionRow,
    RiskTier, Ticker, TierOf, decode_account_info, decode_fee_rates, decode_instruments, decode_orders,
    decode_positions, decode_risk_limits, decode_tickers, instrument, pool_id,
};
use crate::encode::Query;
use crate::endpoints::{self, Endpoint};

/// From how many symbols on prices are asked for all at once: an answer about all 700 is half a megabyte.
const PRICES_APART: usize = 8;
/// Instruments in an answer, the most that the venue gives; there were 700 in 2026.
const INSTRUMENTS_PAGE: u64 = 1000;
/// Ten thousand contracts are more than any venue has.
const INSTRUMENTS_PAGES_MAX: usize = 10;
/// Tiers come for fifteen symbols at a time: enough for 3 000.
const TIERS_PAGES_MAX: usize = 200;
/// Positions in an answer, the most that the venue gives.
const POSITIONS_PAGE: u64 = 200;
/// Two legs in each of a thousand contracts, should it give but 20 at a time.
const POSITIONS_PAGES_MAX: usize = 100;
/// Orders in an answer, the most that the venue gives.
const ORDERS_PAGE: u64 = 50;
/// Rows in an answer where nothing is said: however the venue takes our wish for more, a whole page has no fewer.
pub(super) const DEFAULT_PAGE: usize = 20;
/// An account with more than five thousand open orders is read by nobody.
const ORDERS_PAGES_MAX: usize = 100;

/// What is settled in USDT.
const SETTLE: (&str, &str) = ("settleCoin", "USDT");

/// What is read of an account, and what is remembered of it.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) plumbing: Plumbing,
    pub(super) memory: Memory,
}

/// Prices of symbols, or what is not understood about them.
pub(super) type Tickers = BTreeMap<Symbol, Result<Ticker, DecodeError>>;

/// A list to walk through.
pub(super) struct Walk<'a, T> {
    pub(super) endpoint: Endpoint,
    pub(super) query: Query,
    pub(super) about: &'a str,
    /// By what a row is told from others, where it can be.
    pub(super) id: fn(&T) -> Option<String>,
    /// The most pages that are read.
    pub(super) pages: usize,
    pub(super) urgency: Urgency,
    pub(super) decode: fn(Body<'_>) -> Result<Page<T>, DecodeError>,
}

impl Accounts {
    pub(super) fn now(&self) -> Timestamp {
        self.plumbing.clock.now()
    }

    /// All of a list, and when the first page was asked for. All or an error: how many rows a page has says nothing, the
    /// list ends where there is no cursor or nothing behind it.
    pub(super) async fn walk<T>(&self, walk: Walk<'_, T>) -> Outcome<(Vec<T>, Timestamp)> {
        let too_long = || {
            let problem = format!("{}: the list is longer than {} pages", walk.endpoint.name, walk.pages);
            Failure::nothing(ErrorKind::Decode, problem)
        };
        let (mut rows, mut began, mut cursor) = (Vec::new(), None, None::<String>);
        let mut before = Vec::new();
        for _ in 0..walk.pages {
            let query = walk.query.clone().cursor(cursor.as_deref());
            let reply = match walk.urgency {
                Urgency::ReducesRisk => self.plumbing.read_urgently(walk.endpoint, query, walk.about).await?,
                Urgency::Ordinary => self.plumbing.read(walk.endpoint, query, walk.about).await?,
            };
            let page = (walk.decode)(reply.body()).map_err(unread)?;
            let began = *began.get_or_insert(reply.began);
            let ids: Vec<Option<String>> = page.rows.iter().map(walk.id).collect();
            // The venue prints a cursor behind the last page too. Where it answers that with the same page and the same
            // cursor once more, a page that is not whole was the last; a whole one may have more behind it.
            let again = page.cursor.is_some() && page.cursor == cursor && ids == before;
            if again && ids.len() < DEFAULT_PAGE {
                return Ok((rows, began));
            }
            rows.extend(page.rows);
            if ids.is_empty() || page.cursor.is_none() {
                return Ok((rows, began));
            }
            cursor = next(walk.endpoint, cursor.as_deref(), page.cursor)?;
            before = ids;
        }
        Err(too_long())
    }

    pub(super) async fn contracts(&self) -> Outcome<Arc<Contracts>> {
        let known = self.memory.lock().contracts(self.now());
        match known {
            Some(contracts) => Ok(contracts),
            None => self.contracts_now().await,
        }
    }

    /// The rules by which a write is encoded.
    pub(super) async fn contract_for_encoding(&self, symbol: &Symbol) -> Outcome<Contract> {
        let known = self.memory.lock().contracts_for_encoding(self.now());
        match known.as_ref().and_then(|contracts| contracts.list.get(symbol)) {
            Some(contract) => Ok(contract.clone()),
            None => self.contract(symbol).await,
        }
    }

    /// The last rules that were read of a symbol, however long ago: better than none where a position is to be closed, and
    /// what does not fit any more is refused by the venue.
    pub(super) fn last_contract(&self, symbol: &Symbol) -> Option<Contract> {
        self.memory.lock().last_contracts().and_then(|contracts| contracts.list.get(symbol).cloned())
    }

    /// The same for many symbols, each asked for once.
    pub(super) async fn contracts_for_encoding(
        &self,
        symbols: impl Iterator<Item = &Symbol>,
    ) -> BTreeMap<Symbol, Outcome<Contract>> {
        let symbols: BTreeSet<&Symbol> = symbols.collect();
        let listed = self.memory.lock().contracts_for_encoding(self.now()).is_some();
        // Once for all of them, so that they do not each ask for the list. One that fails now fails for each below.
        if !listed && let Err(failure) = self.contracts().await {
            return symbols.into_iter().map(|symbol| (symbol.clone(), Err(failure.clone()))).collect();
        }
        let read = symbols.into_iter().map(|symbol| async move {
            let contract = self.contract_for_encoding(symbol).await;
            (symbol.clone(), contract)
        });
        join_all(read).await.into_iter().collect()
    }

    async fn contracts_now(&self) -> Outcome<Arc<Contracts>> {
        let (mut all, mut cursor, began) = (Contracts::default(), None::<String>, self.now());
        for _ in 0..INSTRUMENTS_PAGES_MAX {
            let query = Query::linear().number("limit", INSTRUMENTS_PAGE).cursor(cursor.as_deref());
            // What closes a position is encoded by it, so that other reads must not keep it waiting.
            let reply = self.plumbing.read_urgently(endpoints::INSTRUMENTS, query, "").await?;
            let page = decode_instruments(reply.body()).map_err(unread)?;
            all.rows = all.rows.saturating_add(page.rows);
            all.list.extend(page.list);
            all.refused.extend(page.refused);
            if page.rows == 0 || page.cursor.is_none() {
                let contracts = Arc::new(all);
                self.memory.lock().learn_contracts(began, Arc::clone(&contracts));
                return Ok(contracts);
            }
            cursor = next(endpoints::INSTRUMENTS, cursor.as_deref(), page.cursor)?;
        }
        Err(Failure::nothing(ErrorKind::Decode, "the list of instruments does not end"))
    }

    /// The rules of one contract. One that is not in the list may have been listed since, or does not trade: it is asked
    /// for by its name.
    pub(super) async fn contract(&self, symbol: &Symbol) -> Outcome<Contract> {
        let contracts = self.contracts().await?;
        let listed = contracts.list.contains_key(symbol) || contracts.refused.contains_key(symbol);
        if listed || self.memory.lock().lists_all(self.now()) && !self.is_held(symbol) {
            return contract_in(&contracts, symbol);
        }
        let query = Query::linear().symbol(symbol);
        let reply = match self.plumbing.read_urgently(endpoints::INSTRUMENTS, query, symbol.as_str()).await {
            // Not a name that the venue knows.
            Err(failure) if failure.kind == ErrorKind::Invalid => return Err(unlisted(symbol)),
            reply => reply?,
        };
        contract_in(&decode_instruments(reply.body()).map_err(unread)?, symbol)
    }

    fn is_held(&self, symbol: &Symbol) -> bool {
        self.memory.lock().held.as_ref().is_some_and(|held| held.contains_key(symbol))
    }

    pub(super) async fn info(&self) -> Outcome<AccountInfo> {
        let reply = self.plumbing.read(endpoints::ACCOUNT_INFO, Query::default(), "").await?;
        decode_account_info(reply.body()).map_err(unread)
    }

    /// The margin mode of the account, read now; accounts that are not understood are refused with the remedy.
    pub(super) async fn margin_mode(&self) -> Outcome<MarginMode> {
        self.info().await?.margin_mode().map_err(|why| Failure::nothing(ErrorKind::NotSupported, why))
    }

    /// This account's fee rates of all symbols.
    pub(super) async fn all_fees(&self) -> Outcome<Arc<BTreeMap<Symbol, FeeRates>>> {
        let known = self.memory.lock().fees(self.now());
        if let Some(fees) = known {
            return Ok(fees);
        }
        let reply = match self.plumbing.read(endpoints::FEE_RATES, Query::linear(), "").await {
            Ok(reply) => reply,
            // Refused for good, not for a moment: the demo environment may not have this call.
            Err(failure) if is_lasting(&failure) && self.plumbing.fees.is_some() => return Ok(Arc::default()),
            Err(failure) if is_lasting(&failure) => {
                let message = format!(
                    "{}; where the venue does not tell fee rates, give them by Builder::fees",
                    failure.message
                );
                return Err(Failure { message, ..failure });
            }
            Err(failure) => return Err(failure),
        };
        let fees = Arc::new(decode_fee_rates(reply.body()).map_err(unread)?);
        self.memory.lock().learn_fees(reply.began, Arc::clone(&fees));
        Ok(fees)
    }

    /// The rates of one symbol among those of all.
    pub(super) fn fee_in(&self, fees: &BTreeMap<Symbol, FeeRates>, symbol: &Symbol) -> Outcome<FeeRates> {
        fees.get(symbol).copied().or(self.plumbing.fees).ok_or_else(|| {
            let problem = format!("{symbol}: the venue names no fee rates; give them by Builder::fees");
            Failure::nothing(ErrorKind::NotSupported, problem)
        })
    }

    pub(super) async fn tiers(&self, symbol: &Symbol) -> Outcome<Arc<Vec<RiskTier>>> {
        let known = self.memory.lock().tiers(symbol, self.now());
        if let Some(tiers) = known {
            return Ok(tiers);
        }
        let walk = Walk {
            endpoint: endpoints::RISK_LIMITS,
            query: Query::linear().symbol(symbol),
            about: symbol.as_str(),
            id: tier_id,
            pages: TIERS_PAGES_MAX,
            urgency: Urgency::Ordinary,
            decode: decode_risk_limits,
        };
        let (rows, began) = self.walk(walk).await?;
        let of_symbol = rows.into_iter().flatten().filter(|(of, _)| of == symbol);
        let tiers: Vec<RiskTier> =
            of_symbol.map(|(_, tier)| tier).collect::<Result<_, _>>().map_err(unread)?;
        if tiers.is_empty() {
            let problem = format!("the venue names no risk limits of {symbol}");
            return Err(Failure::nothing(ErrorKind::Decode, problem));
        }
        let tiers = Arc::new(tiers);
        self.memory.lock().learn_tiers(began, symbol, Arc::clone(&tiers));
        Ok(tiers)
    }

    /// The tiers of all contracts, remembered.
    async fn read_all_tiers(&self) -> Outcome<()> {
        if self.memory.lock().has_all_tiers(self.now()) {
            return Ok(());
        }
        let walk = Walk {
            endpoint: endpoints::RISK_LIMITS,
            query: Query::linear(),
            about: "",
            id: tier_id,
            pages: TIERS_PAGES_MAX,
            urgency: Urgency::Ordinary,
            decode: decode_risk_limits,
        };
        let (rows, began) = self.walk(walk).await?;
        let (mut all, mut refused) = (BTreeMap::<Symbol, Vec<RiskTier>>::new(), BTreeSet::new());
        for (symbol, tier) in rows.into_iter().flatten() {
            match tier {
                Ok(tier) => all.entry(symbol).or_default().push(tier),
                Err(_) => drop(refused.insert(symbol)),
            }
        }
        // Asked for by its name, the symbol says what is wrong with it.
        all.retain(|symbol, _| !refused.contains(symbol));
        self.memory.lock().learn_all_tiers(began, all);
        Ok(())
    }

    /// The whole rules of a contract.
    pub(super) fn assembled(
        &self,
        contract: &Contract,
        tiers: &[RiskTier],
        fees: &BTreeMap<Symbol, FeeRates>,
    ) -> Outcome<Instrument> {
        let taker = self.fee_in(fees, &contract.symbol)?.taker;
        instrument(contract, tiers, taker, pool_id().map_err(unread)?).map_err(unread)
    }

    /// The rules of all contracts. What contradicts itself is left out, and refused where it is asked for by name.
    pub(super) async fn all_instruments(&self) -> Outcome<BTreeMap<Symbol, Instrument>> {
        self.plumbing.venue_now().await?;
        let facts = join(self.contracts(), join(self.all_fees(), self.read_all_tiers())).await;
        let (contracts, (fees, tiers)) = facts;
        let (contracts, fees) = (contracts?, fees?);
        tiers?;
        let mut instruments = BTreeMap::new();
        for (symbol, contract) in &contracts.list {
            let Some(tiers) = self.memory.lock().tiers(symbol, self.now()) else { continue };
            if let Ok(instrument) = self.assembled(contract, &tiers, &fees) {
                instruments.insert(symbol.clone(), instrument);
            }
        }
        Ok(instruments)
    }

    /// Prices and funding of symbols: apart where there are few, else one answer about all there are.
    pub(super) async fn tickers(&self, symbols: &BTreeSet<Symbol>) -> Outcome<Tickers> {
        if symbols.len() > PRICES_APART {
            let reply = self.plumbing.read(endpoints::TICKERS, Query::linear(), "").await?;
            return decode_tickers(reply.body(), Some(symbols)).map_err(unread);
        }
        let answers = join_all(symbols.iter().map(|symbol| async move {
            let query = Query::linear().symbol(symbol);
            let reply = self.plumbing.read(endpoints::TICKERS, query, symbol.as_str()).await?;
            decode_tickers(reply.body(), Some(symbols)).map_err(unread)
        }))
        .await;
        let mut tickers = BTreeMap::new();
        for answer in answers {
            tickers.extend(answer?);
        }
        Ok(tickers)
    }

    /// Everything that is held, read now, with the moment by our clock.
    pub(super) async fn held(&self) -> Outcome<(Vec<PositionRow>, Timestamp)> {
        let walk = Walk {
            endpoint: endpoints::POSITIONS,
            query: Query::linear().with(SETTLE.0, SETTLE.1).number("limit", POSITIONS_PAGE),
            about: "",
            pages: POSITIONS_PAGES_MAX,
            urgency: Urgency::Ordinary,
            id: |row: &PositionRow| Some(format!("{} {:?}", row.symbol, row.side)),
            decode: decode_positions,
        };
        let (rows, began) = self.walk(walk).await?;
        let held: Vec<PositionRow> = rows.into_iter().filter(|row| !row.qty.is_zero()).collect();
        // A list that moved between two pages.
        let mut seen = BTreeSet::new();
        if let Some(row) = held.iter().find(|row| !seen.insert((&row.symbol, row.side))) {
            let problem = format!("{} is in the list of positions twice", row.symbol);
            return Err(Failure::nothing(ErrorKind::Decode, problem));
        }
        Ok((held, began))
    }

    /// The rows of one symbol, flat or held, read now.
    pub(super) async fn rows_of(&self, symbol: &Symbol) -> Outcome<Vec<PositionRow>> {
        let query = Query::linear().symbol(symbol);
        let reply = self.plumbing.read(endpoints::POSITIONS, query, symbol.as_str()).await?;
        let page = decode_positions(reply.body()).map_err(unread)?;
        Ok(page.rows.into_iter().filter(|row| row.symbol == *symbol).collect())
    }

    /// All orders that rest or wait, of one symbol or of all.
    pub(super) async fn open_orders(
        &self,
        symbol: Option<&Symbol>,
        urgency: Urgency,
    ) -> Outcome<Vec<OrderRecord>> {
        let query = match symbol {
            Some(symbol) => Query::linear().symbol(symbol),
            None => Query::linear().with(SETTLE.0, SETTLE.1),
        };
        let walk = Walk {
            endpoint: endpoints::OPEN_ORDERS,
            query: query.number("limit", ORDERS_PAGE),
            about: symbol.map_or("", Symbol::as_str),
            pages: ORDERS_PAGES_MAX,
            urgency,
            id: |order: &OrderRecord| Some(order.venue_order_id.clone()),
            decode: decode_orders,
        };
        let (mut rows, _) = self.walk(walk).await?;
        // Recorded: the same order shown twice, as it was and as it ended. The later state of it counts.
        let state = |order: &OrderRecord| (order.status.is_terminal(), order.filled);
        let mut latest = BTreeMap::new();
        for order in &rows {
            let known = latest.entry(order.venue_order_id.clone()).or_insert_with(|| state(order));
            *known = state(order).max(*known);
        }
        // Taken out at the first that is it, so that each is kept once.
        rows.retain(|order| {
            latest.get(&order.venue_order_id) == Some(&state(order))
                && latest.remove(&order.venue_order_id).is_some()
                && !order.status.is_terminal()
        });
        Ok(rows)
    }
}

fn tier_id(row: &TierOf) -> Option<String> {
    row.as_ref().map(|(symbol, tier)| format!("{symbol} {:?}", tier.as_ref().ok().map(|tier| tier.limit)))
}

/// Where a list goes on; one that goes on where it was is refused.
fn next(endpoint: Endpoint, now: Option<&str>, next: Option<String>) -> Outcome<Option<String>> {
    if next.as_deref() == now {
        let problem = format!("{}: the list does not go on", endpoint.name);
        return Err(Failure::nothing(ErrorKind::Decode, problem));
    }
    Ok(next)
}

/// Whether a refusal is about the call or the key, and will be the same again.
fn is_lasting(failure: &Failure) -> bool {
    matches!(failure.kind, ErrorKind::Auth | ErrorKind::Invalid | ErrorKind::NotSupported)
}

fn unlisted(symbol: &Symbol) -> Failure {
    let problem = format!("there is no {symbol}; spell it as the venue does (BTCUSDT)");
    Failure::nothing(ErrorKind::Invalid, problem)
}

/// A contract of a list; what is wrong with it, or that it is not there, is the failure.
pub(super) fn contract_in(contracts: &Contracts, symbol: &Symbol) -> Outcome<Contract> {
    if let Some(contract) = contracts.list.get(symbol) {
        return Ok(contract.clone());
    }
    Err(match contracts.refused.get(symbol) {
        Some(error) if error.kind() == DecodeErrorKind::Unsupported => {
            Failure::nothing(ErrorKind::NotSupported, format!("{symbol}: {error}"))
        }
        Some(error) => unread(error.clone()),
        None => unlisted(symbol),
    })
}
