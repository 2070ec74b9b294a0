//! The account as a whole: one round of reads for what is known to be needed, a second one for what the first shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_exchange::ErrorKind;
use evenkeel_http::Failure;
use evenkeel_types::{
    Instrument, Leverage, LeverageSetting, PoolId, PositionMode, Quote, Scope, Snapshot, SnapshotError,
    Symbol,
};
use futures_util::future::{join, join_all, join3, join4};

use super::plumbing::{Reply, unread as not_understood};
use super::rules::{Accounts, Outcome, Prices, contract_in};
use crate::decode::{
    AccountParts, AssetMode, Contract, Contracts, HeldPosition, MaintenanceTier, assemble, decode_balance,
    decode_open_orders, decode_positions, instrument,
};
use crate::endpoints;

/// Tiers and maximum leverage.
type Rules = (Arc<Vec<MaintenanceTier>>, Leverage);

/// What a snapshot needs to know of symbols beside their prices.
#[derive(Debug, Default)]
struct Facts {
    rules: BTreeMap<Symbol, Outcome<Rules>>,
    settings: BTreeMap<Symbol, Outcome<LeverageSetting>>,
}

impl Accounts {
    /// The account as it stands.
    pub(super) async fn snapshot(&self, scope: &Scope) -> Outcome<Snapshot> {
        // Before anything is signed, and once: the calls of the round share it.
        let read_at = self.plumbing.venue_now().await?;
        let held_before = self.memory.lock().held.clone().unwrap_or_default();
        let expected: BTreeSet<Symbol> = scope.symbols.union(&held_before).cloned().collect();
        let flat_before: BTreeSet<Symbol> = scope.symbols.difference(&held_before).cloned().collect();

        let account = join3(
            self.ask(endpoints::BALANCE),
            self.ask(endpoints::POSITIONS),
            self.ask(endpoints::OPEN_ORDERS),
        );
        let modes = join4(self.position_mode(), self.asset_mode(), self.account_fees(), self.contracts());
        let symbols = join(self.prices(&expected), self.facts(&expected, &flat_before));
        let (account, modes, (prices, mut facts)) = join3(account, modes, symbols).await;
        let (balance, positions, orders) = account;
        let (mode, assets, fees, contracts) = modes;
        let positions = positions.and_then(|reply| held(&reply));
        if let Ok(rows) = &positions {
            // Before anything else can fail: what is not held any more must not be asked about the next time.
            self.memory.lock().held = Some(rows.iter().map(|row| row.symbol.clone()).collect());
        }
        let contracts = contracts?;
        for symbol in &scope.symbols {
            contract_in(&contracts, symbol)?;
        }
        single(assets?)?;
        let (mode, fees, mut prices) = (mode?, fees?, prices?);
        let positions = positions?;
        let held: BTreeSet<Symbol> = positions.iter().map(|row| row.symbol.clone()).collect();

        // What the first answers show to be needed as well.
        let covered: BTreeSet<Symbol> = scope.symbols.union(&held).cloned().collect();
        let unexpected: BTreeSet<Symbol> = held.difference(&expected).cloned().collect();
        let unread: BTreeSet<Symbol> = covered
            .iter()
            .filter(|symbol| !facts.settings.contains_key(*symbol))
            .filter(|symbol| mode == PositionMode::Hedge || !held.contains(*symbol))
            .cloned()
            .collect();
        if !(unexpected.is_empty() && unread.is_empty()) {
            let missing = unexpected.union(&unread).cloned().collect();
            let (more, read) = join(self.prices(&unexpected), self.facts(&missing, &unread)).await;
            prices.extend(more?);
            facts.rules.extend(read.rules);
            facts.settings.extend(read.settings);
        }
        self.in_mode(&positions, mode)?;

        let mut stored = BTreeMap::new();
        for symbol in &covered {
            let rows = positions.iter().filter(|row| row.symbol == *symbol);
            let setting = with_rows(symbol, rows, facts.settings.remove(symbol), mode, read_at)?;
            stored.insert(symbol.clone(), setting);
        }
        let (instruments, quotes, pools) = self.instruments_of(&covered, &mut facts, &prices, &contracts)?;
        let parts = AccountParts {
            venue: self.plumbing.venue.clone(),
            account: self.plumbing.account.clone(),
            capabilities: self.plumbing.capabilities.clone(),
            as_of: read_at,
            position_mode: mode,
            balances: decode_balance(balance?.body()).map_err(|error| not_understood(&error))?,
            collaterals: self.plumbing.environment.collaterals(),
            pools,
            main_asset: self.pool(&main_currency()?)?.0,
            positions,
            settings: stored,
            quotes,
            instruments,
            fees,
            open_orders: decode_open_orders(orders?.body(), mode).map_err(|error| not_understood(&error))?,
        };
        let snapshot = assemble(parts).map_err(|error| {
            // It may have been switched since it was read.
            self.memory.lock().forget_position_mode();
            not_understood(&error)
        })?;
        self.memory.lock().instruments.extend(snapshot.instruments.clone());
        snapshot.validate(scope).map_err(|error| {
            let kind = match error {
                SnapshotError::BothSides { .. } => ErrorKind::NotSupported,
                _ => ErrorKind::Decode,
            };
            Failure::nothing(kind, format!("the account cannot be used as it stands: {error}"))
        })?;
        Ok(snapshot)
    }

    /// The margin rules of symbols, and the settings of those that are in `flat` too; what failed keeps its failure. The
    /// maximum leverage stands in the same answer as the setting.
    async fn facts(&self, symbols: &BTreeSet<Symbol>, flat: &BTreeSet<Symbol>) -> Facts {
        let read = symbols.iter().map(|symbol| async move {
            let leverage = async {
                if flat.contains(symbol) {
                    let setting = self.flat_setting(symbol, false).await;
                    // Read with the setting; where that failed, it is asked for by itself.
                    (self.max_leverage(symbol).await, Some(setting))
                } else {
                    (self.max_leverage(symbol).await, None)
                }
            };
            let (tiers, (max, setting)) = join(self.tiers(symbol), leverage).await;
            let rules = tiers.and_then(|tiers| Ok((tiers, max?)));
            (symbol.clone(), rules, setting)
        });
        let mut facts = Facts::default();
        for (symbol, rules, setting) in join_all(read).await {
            if let Some(setting) = setting {
                facts.settings.insert(symbol.clone(), setting);
            }
            facts.rules.insert(symbol, rules);
        }
        facts
    }

    /// The settings of symbols; those that failed keep their failure.
    async fn settings(
        &self,
        symbols: &BTreeSet<Symbol>,
        now: bool,
    ) -> BTreeMap<Symbol, Outcome<LeverageSetting>> {
        let read = symbols
            .iter()
            .map(|symbol| async move { (symbol.clone(), self.flat_setting(symbol, now).await) });
        join_all(read).await.into_iter().collect()
    }

    /// What a symbol is settled in.
    fn pool(&self, currency: &Symbol) -> Outcome<PoolId> {
        let asset = self.plumbing.environment.settles_in(currency.as_str());
        let asset = Symbol::new(asset);
        asset.map(PoolId).map_err(|error| Failure::nothing(ErrorKind::Decode, error.to_string()))
    }

    fn assembled(
        &self,
        contract: &Contract,
        tiers: &[MaintenanceTier],
        max: Leverage,
    ) -> Outcome<Instrument> {
        let interval = self.memory.lock().intervals.get(&contract.symbol).copied();
        let pool = self.pool(&contract.currency)?;
        instrument(contract, tiers, max, pool, interval).map_err(|error| not_understood(&error))
    }

    #[allow(clippy::type_complexity, reason = "three maps over the same symbols, used at once")]
    fn instruments_of(
        &self,
        symbols: &BTreeSet<Symbol>,
        facts: &mut Facts,
        prices: &BTreeMap<Symbol, Prices>,
        contracts: &Contracts,
    ) -> Outcome<(BTreeMap<Symbol, Instrument>, BTreeMap<Symbol, Quote>, BTreeMap<Symbol, PoolId>)> {
        let (mut instruments, mut quotes, mut pools) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for symbol in symbols {
            let missing = |what: &str| {
                Failure::nothing(ErrorKind::Decode, format!("{symbol}: the venue named no {what}"))
            };
            let contract = contract_in(contracts, symbol)?;
            let (tiers, max) = facts.rules.remove(symbol).ok_or_else(|| missing("margin rules"))??;
            let (premium, best) = prices.get(symbol).ok_or_else(|| missing("prices"))?;
            let instrument = self.assembled(&contract, &tiers, max)?;
            pools.insert(symbol.clone(), instrument.pool.clone());
            instruments.insert(symbol.clone(), instrument);
            quotes.insert(symbol.clone(), Quote { mark: premium.mark, bid: best.bid, ask: best.ask });
        }
        Ok((instruments, quotes, pools))
    }

    /// The rules of symbols as a whole, read now where they have grown old.
    pub(super) async fn rules_of(&self, symbols: &BTreeSet<Symbol>) -> Outcome<BTreeMap<Symbol, Instrument>> {
        self.plumbing.venue_now().await?;
        let contracts = self.contracts().await?;
        let read = join_all(symbols.iter().map(|symbol| async {
            let contract = contract_in(&contracts, symbol)?;
            let (tiers, max) = join(self.tiers(symbol), self.max_leverage(symbol)).await;
            Ok((symbol.clone(), self.assembled(&contract, &tiers?, max?)?))
        }))
        .await;
        read.into_iter().collect()
    }

    /// The settings of symbols, held or flat, read now.
    pub(super) async fn leverages(&self, symbols: &[Symbol]) -> Vec<Outcome<LeverageSetting>> {
        if symbols.is_empty() {
            return Vec::new();
        }
        let read_at = match self.plumbing.venue_now().await {
            Ok(now) => now,
            Err(failure) => return symbols.iter().map(|_| Err(failure.clone())).collect(),
        };
        let (held_before, mode_before) = {
            let memory = self.memory.lock();
            (memory.held.clone(), memory.position_mode(self.now()))
        };
        // In one-way mode a held symbol's setting is its position's.
        let by_row = |symbol: &Symbol| {
            mode_before == Some(PositionMode::OneWay)
                && held_before.as_ref().is_some_and(|held| held.contains(symbol))
        };
        let wanted: BTreeSet<Symbol> = symbols.iter().filter(|symbol| !by_row(symbol)).cloned().collect();
        let (mode, positions, mut settings, contracts) = join4(
            self.position_mode(),
            self.ask(endpoints::POSITIONS),
            self.settings(&wanted, true),
            self.contracts(),
        )
        .await;
        let known = mode.and_then(|mode| Ok((mode, held(&positions?)?)));
        let (mode, positions) = match known {
            Ok(known) => known,
            Err(failure) => return symbols.iter().map(|_| Err(failure.clone())).collect(),
        };
        let held: BTreeSet<Symbol> = positions.iter().map(|row| row.symbol.clone()).collect();
        // Closed since the last reading.
        let unread: BTreeSet<Symbol> = symbols
            .iter()
            .filter(|symbol| !settings.contains_key(*symbol) && !held.contains(*symbol))
            .cloned()
            .collect();
        if !unread.is_empty() {
            settings.extend(self.settings(&unread, true).await);
        }
        self.memory.lock().held = Some(held);
        if let Err(failure) = self.in_mode(&positions, mode) {
            return symbols.iter().map(|_| Err(failure.clone())).collect();
        }
        symbols
            .iter()
            .map(|symbol| {
                // A venue that has a setting for whatever it is asked about would make a symbol out of a typing error.
                if let Ok(contracts) = &contracts
                    && !contracts.refused.contains_key(symbol)
                {
                    contract_in(contracts, symbol)?;
                }
                let rows = positions.iter().filter(|row| row.symbol == *symbol);
                with_rows(symbol, rows, settings.get(symbol).cloned(), mode, read_at)
            })
            .collect()
    }

    /// Refuses positions of another position mode than the one that was read up to a minute ago: it was switched, and
    /// one side's leverage would be taken for both.
    fn in_mode(&self, positions: &[HeldPosition], mode: PositionMode) -> Outcome<()> {
        let one_way = mode == PositionMode::OneWay;
        let Some(other) = positions.iter().find(|row| row.one_way.is_some_and(|row| row != one_way)) else {
            return Ok(());
        };
        self.memory.lock().forget_position_mode();
        let problem = format!("{}: the position's mode is not the account's; read it again", other.symbol);
        Err(Failure::nothing(ErrorKind::Decode, problem))
    }

    /// What is held in a symbol, read now.
    pub(super) async fn held_in(&self, symbol: &Symbol) -> Outcome<Vec<HeldPosition>> {
        let reply = self.ask_of(endpoints::POSITIONS, symbol).await?;
        let rows = held(&reply)?;
        Ok(rows.into_iter().filter(|row| row.symbol == *symbol).collect())
    }
}

fn held(reply: &Reply) -> Outcome<Vec<HeldPosition>> {
    decode_positions(reply.body()).map_err(|error| not_understood(&error))
}

/// What every account has.
fn main_currency() -> Outcome<Symbol> {
    Symbol::new("USDT").map_err(|error| Failure::nothing(ErrorKind::Decode, error.to_string()))
}

fn single(mode: AssetMode) -> Outcome<()> {
    match mode {
        AssetMode::Single => Ok(()),
        AssetMode::Multi => {
            let problem = "the account is in multi-assets mode, in which several coins back its positions at \
                           discounts that are not modelled: no honest equity can be given; switch it to the \
                           single-asset mode at the venue";
            Err(Failure::nothing(ErrorKind::NotSupported, problem))
        }
    }
}

/// A symbol's setting with what its positions say: of a held leg the position's own leverage and mode.
fn with_rows<'a>(
    symbol: &Symbol,
    rows: impl Iterator<Item = &'a HeldPosition>,
    read: Option<Outcome<LeverageSetting>>,
    mode: PositionMode,
    read_at: evenkeel_types::Timestamp,
) -> Outcome<LeverageSetting> {
    let rows: Vec<&HeldPosition> = rows.collect();
    match (rows.as_slice(), mode) {
        ([], _) => read.unwrap_or_else(|| {
            Err(Failure::nothing(ErrorKind::Decode, format!("{symbol}: its setting was not read")))
        }),
        ([row], PositionMode::OneWay) => {
            Ok(LeverageSetting::both(symbol.clone(), row.leverage, row.mode, read_at))
        }
        (_, PositionMode::OneWay) => {
            let problem = format!("{symbol} has several positions, but the account is in one-way mode");
            Err(Failure::nothing(ErrorKind::NotSupported, problem))
        }
        (rows, PositionMode::Hedge) => {
            let read = read.unwrap_or_else(|| {
                Err(Failure::nothing(ErrorKind::Decode, format!("{symbol}: its setting was not read")))
            });
            let mut setting = read?;
            for row in rows {
                setting.mode = row.mode;
                let side = if row.qty.is_negative() { &mut setting.short } else { &mut setting.long };
                *side = row.leverage;
            }
            Ok(setting)
        }
    }
}
