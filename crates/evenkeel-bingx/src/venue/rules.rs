//! Facts about symbols: rules, prices, settings. Read once, and again when they have grown old.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_exchange::ErrorKind;
use evenkeel_http::Failure;
use evenkeel_types::{FeeRates, LeverageSetting, MarginMode, PositionMode, Symbol, Timestamp};
use futures_util::future::{join, join_all};

use super::memory::Memory;
use super::plumbing::{Plumbing, Reply, unread};
use crate::decode::{
    AssetMode, BestPrices, Contract, Contracts, LeverageReading, MaintenanceTier, Premium, decode_asset_mode,
    decode_commission, decode_contracts, decode_leverage, decode_maintenance_tiers, decode_margin_type,
    decode_position_mode, decode_premium_index, decode_tickers,
};
use crate::encode::Parameters;
use crate::endpoints::{self, Endpoint};

/// From how many symbols on prices are asked for all at once: an answer about all 1 200 is a few hundred kilobytes.
const PRICES_APART: usize = 5;

pub(super) type Outcome<T> = std::result::Result<T, Failure>;

/// What is read of an account, and what is remembered of it.
#[derive(Debug)]
pub(super) struct Accounts {
    pub(super) plumbing: Plumbing,
    pub(super) memory: Memory,
}

/// Prices and funding of one symbol.
pub(super) type Prices = (Premium, BestPrices);

pub(super) fn of(symbol: &Symbol) -> Parameters {
    vec![("symbol", symbol.to_string())]
}

impl Accounts {
    pub(super) fn now(&self) -> Timestamp {
        self.plumbing.clock.now()
    }

    /// Reads what takes no symbol.
    pub(super) async fn ask(&self, endpoint: Endpoint) -> Outcome<Reply> {
        self.plumbing.read(endpoint, Parameters::new(), None).await
    }

    /// Reads what is asked of one symbol.
    pub(super) async fn ask_of(&self, endpoint: Endpoint, symbol: &Symbol) -> Outcome<Reply> {
        self.plumbing.read(endpoint, of(symbol), Some(symbol.as_str())).await
    }

    pub(super) async fn contracts(&self) -> Outcome<Arc<Contracts>> {
        let known = self.memory.lock().contracts(self.now());
        match known {
            Some(contracts) => Ok(contracts),
            None => self.contracts_now().await,
        }
    }

    pub(super) async fn contracts_now(&self) -> Outcome<Arc<Contracts>> {
        let reply = self.ask(endpoints::CONTRACTS).await?;
        let contracts = Arc::new(decode_contracts(reply.body()).map_err(|error| unread(&error))?);
        self.memory.lock().learn_contracts(reply.began, Arc::clone(&contracts));
        Ok(contracts)
    }

    /// The rules of one contract. One that was listed after the last reading is looked for once more.
    pub(super) async fn contract(&self, symbol: &Symbol) -> Outcome<Contract> {
        let mut contracts = self.contracts().await?;
        let listed = |contracts: &Contracts| {
            contracts.list.contains_key(symbol) || contracts.refused.contains_key(symbol)
        };
        if !listed(&contracts) && !self.memory.lock().lists_all(self.now()) {
            contracts = self.contracts_now().await?;
        }
        contract_in(&contracts, symbol)
    }

    pub(super) async fn position_mode(&self) -> Outcome<PositionMode> {
        let known = self.memory.lock().position_mode(self.now());
        match known {
            Some(mode) => Ok(mode),
            None => self.position_mode_now().await,
        }
    }

    pub(super) async fn position_mode_now(&self) -> Outcome<PositionMode> {
        let reply = self.ask(endpoints::POSITION_MODE).await?;
        let mode = decode_position_mode(reply.body()).map_err(|error| unread(&error))?;
        self.memory.lock().learn_position_mode(reply.began, mode);
        Ok(mode)
    }

    pub(super) async fn asset_mode(&self) -> Outcome<AssetMode> {
        let known = self.memory.lock().asset_mode(self.now());
        match known {
            Some(mode) => Ok(mode),
            None => self.asset_mode_now().await,
        }
    }

    pub(super) async fn asset_mode_now(&self) -> Outcome<AssetMode> {
        let reply = self.ask(endpoints::ASSET_MODE).await?;
        let mode = decode_asset_mode(reply.body()).map_err(|error| unread(&error))?;
        self.memory.lock().learn_asset_mode(reply.began, mode);
        Ok(mode)
    }

    pub(super) async fn account_fees(&self) -> Outcome<FeeRates> {
        let known = self.memory.lock().fees(self.now());
        if let Some(fees) = known {
            return Ok(fees);
        }
        let reply = self.ask(endpoints::COMMISSION).await?;
        let fees = decode_commission(reply.body()).map_err(|error| unread(&error))?;
        self.memory.lock().learn_fees(reply.began, fees);
        Ok(fees)
    }

    pub(super) async fn tiers(&self, symbol: &Symbol) -> Outcome<Arc<Vec<MaintenanceTier>>> {
        let known = self.memory.lock().tiers(symbol, self.now());
        if let Some(tiers) = known {
            return Ok(tiers);
        }
        let reply = self.ask_of(endpoints::TIERS, symbol).await?;
        let tiers = decode_maintenance_tiers(reply.body(), symbol).map_err(|error| unread(&error))?;
        let tiers = Arc::new(tiers);
        self.memory.lock().learn_tiers(reply.began, symbol, Arc::clone(&tiers));
        Ok(tiers)
    }

    /// The leverage of a symbol, read now, with the moment of reading by the venue's clock.
    pub(super) async fn leverage_now(&self, symbol: &Symbol) -> Outcome<(Timestamp, LeverageReading)> {
        let reply = self.ask_of(endpoints::LEVERAGE, symbol).await?;
        let reading = decode_leverage(reply.body(), symbol).map_err(|error| unread(&error))?;
        self.memory.lock().learn_leverage(reply.began, reply.read_at, symbol, reading.clone());
        Ok((reply.read_at, reading))
    }

    /// The same, or what was read a moment ago.
    pub(super) async fn leverage(&self, symbol: &Symbol) -> Outcome<(Timestamp, LeverageReading)> {
        let known = self.memory.lock().leverage(symbol, self.now());
        match known {
            Some(known) => Ok(known),
            None => self.leverage_now(symbol).await,
        }
    }

    /// The highest leverage of a symbol.
    pub(super) async fn max_leverage(&self, symbol: &Symbol) -> Outcome<evenkeel_types::Leverage> {
        let known = self.memory.lock().max_leverage(symbol, self.now());
        match known {
            Some(max) => Ok(max),
            None => Ok(self.leverage_now(symbol).await?.1.max),
        }
    }

    /// The margin mode of a symbol, with the moment of reading by the venue's clock. For a proof, what was read before
    /// may be as old as a proof.
    async fn margin_mode(&self, symbol: &Symbol, proves: bool) -> Outcome<(Timestamp, MarginMode)> {
        let known = self.memory.lock().margin_mode(symbol, self.now(), proves);
        if let Some(known) = known {
            return Ok(known);
        }
        let reply = self.ask_of(endpoints::MARGIN_TYPE, symbol).await?;
        let mode = decode_margin_type(reply.body(), symbol).map_err(|error| unread(&error))?;
        self.memory.lock().learn_margin_mode(reply.began, reply.read_at, symbol, mode);
        Ok((reply.read_at, mode))
    }

    /// The setting of a flat symbol. `now` is for proofs: it reads the leverage whatever is remembered, and the margin mode
    /// where it was not read within a proof's lifetime. Otherwise both may be half a minute old. The setting is dated by
    /// the older of the two.
    pub(super) async fn flat_setting(&self, symbol: &Symbol, now: bool) -> Outcome<LeverageSetting> {
        let leverage =
            async { if now { self.leverage_now(symbol).await } else { self.leverage(symbol).await } };
        let (leverage, mode) = join(leverage, self.margin_mode(symbol, now)).await;
        let ((read_leverage, reading), (read_mode, mode)) = (leverage?, mode?);
        Ok(reading.setting(symbol.clone(), mode, read_leverage.min(read_mode)))
    }

    /// Prices and funding of symbols: apart where there are few, else two answers about all there are.
    pub(super) async fn prices(&self, symbols: &BTreeSet<Symbol>) -> Outcome<BTreeMap<Symbol, Prices>> {
        if symbols.is_empty() {
            return Ok(BTreeMap::new());
        }
        let asked: Vec<Option<&Symbol>> =
            if symbols.len() <= PRICES_APART { symbols.iter().map(Some).collect() } else { vec![None] };
        let answers = join_all(asked.into_iter().map(|symbol| async move {
            let ask = async |endpoint| match symbol {
                Some(symbol) => self.ask_of(endpoint, symbol).await,
                None => self.ask(endpoint).await,
            };
            join(ask(endpoints::PREMIUM_INDEX), ask(endpoints::TICKER)).await
        }))
        .await;
        let (mut premiums, mut tickers) = (BTreeMap::new(), BTreeMap::new());
        for (premium, ticker) in answers {
            let (premium, ticker) = (premium?, ticker?);
            premiums.extend(decode_premium_index(premium.body(), symbols).map_err(|error| unread(&error))?);
            tickers.extend(decode_tickers(ticker.body(), symbols).map_err(|error| unread(&error))?);
        }
        let mut memory = self.memory.lock();
        let mut prices = BTreeMap::new();
        for (symbol, premium) in premiums {
            if let Some(interval) = premium.interval {
                memory.intervals.insert(symbol.clone(), interval);
            }
            if let Some(ticker) = tickers.get(&symbol) {
                prices.insert(symbol, (premium, *ticker));
            }
        }
        Ok(prices)
    }
}

/// A contract of a list; what is wrong with it, or that it is not there, is the failure.
pub(super) fn contract_in(contracts: &Contracts, symbol: &Symbol) -> Outcome<Contract> {
    if let Some(contract) = contracts.list.get(symbol) {
        return Ok(contract.clone());
    }
    Err(match contracts.refused.get(symbol) {
        Some(error) => unread(error),
        None => {
            let problem = format!("there is no {symbol}; spell it as the venue does (BTC-USDT, ETH-USDC)");
            Failure::nothing(ErrorKind::Invalid, problem)
        }
    })
}
