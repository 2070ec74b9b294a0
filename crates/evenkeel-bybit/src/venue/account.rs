//! The account as a whole: one round of reads for what is known to be needed, a second one for what the first shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_exchange::ErrorKind;
use evenkeel_http::{Failure, Urgency};
use evenkeel_types::{FeeRates, Instrument, LeverageSetting, PositionSide, Quote, Scope, Snapshot, Symbol};
use futures_util::future::{join, join_all, join3, join5};

use super::plumbing::{Outcome, unread};
use super::rules::{Accounts, Tickers};
use crate::decode::{
    AccountParts, Contract, PositionRow, RiskTier, Wallet, assemble, decode_wallet, position_mode, setting_of,
};
use crate::encode::Query;
use crate::endpoints;

/// Facts about symbols that a snapshot needs.
#[derive(Debug, Default)]
struct Facts {
    tickers: Tickers,
    tiers: BTreeMap<Symbol, Arc<Vec<RiskTier>>>,
}

type Rows = BTreeMap<Symbol, Vec<PositionRow>>;

impl Accounts {
    /// The account as it stands.
    pub(super) async fn snapshot(&self, scope: &Scope) -> Outcome<Snapshot> {
        // Before anything is signed, and once: the calls of the round share it.
        self.plumbing.venue_now().await?;
        let began = self.now();
        let (held_before, net_before) = {
            let memory = self.memory.lock();
            let held: BTreeSet<Symbol> =
                memory.held.iter().flatten().map(|(symbol, _)| symbol.clone()).collect();
            (held, memory.held_net())
        };
        let expected: BTreeSet<Symbol> = scope.symbols.union(&held_before).cloned().collect();
        // The list of positions has the settings of net positions, and of nothing else.
        let apart: BTreeSet<Symbol> = expected.difference(&net_before).cloned().collect();

        // Orders before positions: what is executed in between is in both, where the other way round it could be in neither.
        let exposure = async {
            let orders = self.open_orders(None, Urgency::Ordinary).await;
            let (held, rows) = join(self.held(), self.rows(&apart)).await;
            (orders, held, rows)
        };
        let (mode, wallet, exposure, facts, (fees, contracts)) = join5(
            self.margin_mode(),
            self.wallet(),
            exposure,
            self.facts(&expected),
            join(self.all_fees(), self.contracts_of(&expected)),
        )
        .await;
        let (orders, held, rows) = exposure;
        // Whatever else failed: what is not held any more may be what failed, and the next reading must do without it.
        if let Ok((held, _)) = &held {
            self.remember_held(held);
        }
        // That a symbol does not exist is said before what else failed about it, and the account's mode before all.
        let mode = mode?;
        let (mut contracts, mut facts, mut rows) = (contracts?, facts?, rows?);
        let (wallet, orders, fees) = (wallet?, orders?, fees?);
        let mut held = held?.0;

        merge(&mut held, &rows)?;
        let covered: BTreeSet<Symbol> =
            scope.symbols.iter().chain(held.iter().map(|row| &row.symbol)).cloned().collect();
        let unexpected: BTreeSet<Symbol> = covered.difference(&expected).cloned().collect();
        // Closed since the last reading, or the other leg is needed too.
        let unread_rows: BTreeSet<Symbol> = covered
            .iter()
            .filter(|symbol| !rows.contains_key(*symbol))
            .filter(|symbol| {
                let net = |row: &&PositionRow| row.symbol == **symbol && row.side == PositionSide::Net;
                !held.iter().any(|row| net(&row))
            })
            .cloned()
            .collect();
        if !(unexpected.is_empty() && unread_rows.is_empty()) {
            let more =
                join3(self.facts(&unexpected), self.contracts_of(&unexpected), self.rows(&unread_rows)).await;
            let (more, also, read) = (more.0?, more.1?, more.2?);
            facts.tickers.extend(more.tickers);
            facts.tiers.extend(more.tiers);
            contracts.extend(also);
            merge(&mut held, &read)?;
            rows.extend(read);
        }
        self.remember_held(&held);

        let read_at = self.plumbing.at_least(began);
        let mut settings = BTreeMap::new();
        for symbol in &covered {
            let of_symbol = rows.get(symbol).unwrap_or(&held);
            let setting = setting_of(symbol, of_symbol.iter(), mode, read_at).map_err(unread)?;
            self.memory.lock().learn_setting(began, &setting);
            settings.insert(symbol.clone(), setting);
        }
        let symbols = self.symbols_of(&covered, &facts, &contracts, &fees)?;
        let parts = AccountParts {
            venue: self.plumbing.venue.clone(),
            account: self.plumbing.account.clone(),
            capabilities: self.plumbing.capabilities.clone(),
            as_of: read_at,
            mode,
            wallet,
            position_mode: position_mode(held.iter().chain(rows.values().flatten())).map_err(unread)?,
            held,
            settings,
            quotes: symbols.quotes,
            instruments: symbols.instruments,
            fees: symbols.fees,
            open_orders: orders.iter().map(crate::decode::OrderRecord::open_order).collect(),
        };
        let snapshot = assemble(parts).map_err(unread)?;
        snapshot.validate(scope).map_err(|error| {
            Failure::nothing(ErrorKind::Decode, format!("the answers do not fit together: {error}"))
        })?;
        Ok(snapshot)
    }

    fn remember_held(&self, held: &[PositionRow]) {
        let held = held.iter().map(|row| (row.symbol.clone(), row.side == PositionSide::Net)).collect();
        self.memory.lock().held = Some(held);
    }

    pub(super) async fn wallet(&self) -> Outcome<Wallet> {
        let query = Query::default().with("accountType", "UNIFIED");
        let reply = self.plumbing.read(endpoints::WALLET, query, "").await?;
        decode_wallet(reply.body()).map_err(unread)
    }

    /// The rows of each symbol, read apart and at once.
    async fn rows(&self, symbols: &BTreeSet<Symbol>) -> Outcome<Rows> {
        let read =
            symbols.iter().map(|symbol| async move { Ok((symbol.clone(), self.rows_of(symbol).await?)) });
        join_all(read).await.into_iter().collect()
    }

    async fn facts(&self, symbols: &BTreeSet<Symbol>) -> Outcome<Facts> {
        let tiers = join_all(
            symbols.iter().map(|symbol| async move { Ok((symbol.clone(), self.tiers(symbol).await?)) }),
        );
        let (tickers, tiers) = join(self.tickers(symbols), tiers).await;
        Ok(Facts { tickers: tickers?, tiers: tiers.into_iter().collect::<Outcome<_>>()? })
    }

    async fn contracts_of(&self, symbols: &BTreeSet<Symbol>) -> Outcome<BTreeMap<Symbol, Contract>> {
        if symbols.is_empty() {
            return Ok(BTreeMap::new());
        }
        // Once for all of them, so that they do not each ask for the list.
        self.contracts().await?;
        let read =
            symbols.iter().map(|symbol| async move { Ok((symbol.clone(), self.contract(symbol).await?)) });
        join_all(read).await.into_iter().collect()
    }

    fn symbols_of(
        &self,
        covered: &BTreeSet<Symbol>,
        facts: &Facts,
        contracts: &BTreeMap<Symbol, Contract>,
        fees: &BTreeMap<Symbol, FeeRates>,
    ) -> Outcome<Symbols> {
        let mut symbols = Symbols::default();
        for symbol in covered {
            let missing = |what: &str| {
                Failure::nothing(ErrorKind::Decode, format!("{symbol}: the venue named no {what}"))
            };
            let contract = contracts.get(symbol).ok_or_else(|| missing("rules"))?;
            let tiers = facts.tiers.get(symbol).ok_or_else(|| missing("risk limits"))?;
            let ticker = facts.tickers.get(symbol).ok_or_else(|| missing("prices"))?;
            let ticker = ticker.as_ref().map_err(|error| unread(error.clone()))?;
            let mark = ticker.mark.ok_or_else(|| missing("mark price"))?;
            symbols.instruments.insert(symbol.clone(), self.assembled(contract, tiers, fees)?);
            symbols.quotes.insert(symbol.clone(), Quote { mark, bid: ticker.bid, ask: ticker.ask });
            symbols.fees.insert(symbol.clone(), self.fee_in(fees, symbol)?);
        }
        Ok(symbols)
    }

    /// The settings of symbols, held or flat, read now: net positions from one list, everything else one by one.
    pub(super) async fn leverages(&self, symbols: &[Symbol]) -> Vec<Outcome<LeverageSetting>> {
        if symbols.is_empty() {
            return Vec::new();
        }
        let all = |failure: &Failure| symbols.iter().map(|_| Err(failure.clone())).collect();
        if let Err(failure) = self.plumbing.venue_now().await {
            return all(&failure);
        }
        let began = self.now();
        let net_before = self.memory.lock().held_net();
        // A single symbol is cheaper to ask for than a list.
        let in_list = |symbol: &Symbol| symbols.len() > 1 && net_before.contains(symbol);
        let wanted: BTreeSet<&Symbol> = symbols.iter().filter(|symbol| !in_list(symbol)).collect();
        let list = async {
            if wanted.len() == symbols.iter().collect::<BTreeSet<_>>().len() {
                return Ok(Vec::new());
            }
            self.held().await.map(|(rows, _)| rows)
        };
        let (mode, list, mut apart) = join3(self.margin_mode(), list, self.rows_apart(&wanted)).await;
        let (mode, list) = match (mode, list) {
            (Ok(mode), Ok(list)) => (mode, list),
            (Err(failure), _) | (_, Err(failure)) => return all(&failure),
        };
        let net =
            |symbol: &Symbol| list.iter().any(|row| row.symbol == *symbol && row.side == PositionSide::Net);
        // Closed since the last reading.
        let unread_rows: BTreeSet<&Symbol> =
            symbols.iter().filter(|symbol| !apart.contains_key(*symbol) && !net(symbol)).collect();
        if !unread_rows.is_empty() {
            apart.extend(self.rows_apart(&unread_rows).await);
        }
        let read_at = self.plumbing.at_least(began);
        symbols
            .iter()
            .map(|symbol| {
                let rows = match apart.get(symbol) {
                    Some(rows) => rows.as_ref().map_err(Clone::clone)?,
                    None => &list,
                };
                let setting = setting_of(symbol, rows.iter(), mode, read_at).map_err(unread)?;
                self.memory.lock().learn_setting(began, &setting);
                Ok(setting)
            })
            .collect()
    }

    /// The rows of each symbol; those that failed keep their failure. Names that are not listed are not asked for.
    async fn rows_apart(&self, symbols: &BTreeSet<&Symbol>) -> BTreeMap<Symbol, Outcome<Vec<PositionRow>>> {
        let read =
            symbols.iter().map(|symbol| async move { ((*symbol).clone(), self.rows_of(symbol).await) });
        join_all(read).await.into_iter().collect()
    }
}

/// What was opened between the two readings belongs to what is held, each leg by itself.
fn merge(held: &mut Vec<PositionRow>, rows: &Rows) -> Outcome<()> {
    for row in rows.values().flatten() {
        match held.iter().find(|known| known.symbol == row.symbol && known.side == row.side) {
            Some(known) if known.qty != row.qty => {
                let problem = format!(
                    "{} is a position of {} in the list and one of {} by itself: it changes; read the account again",
                    row.symbol, known.qty, row.qty
                );
                return Err(Failure::nothing(ErrorKind::Decode, problem));
            }
            Some(_) => {}
            None if row.qty.is_zero() => {}
            None => held.push(row.clone()),
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Symbols {
    instruments: BTreeMap<Symbol, Instrument>,
    quotes: BTreeMap<Symbol, Quote>,
    fees: BTreeMap<Symbol, FeeRates>,
}
