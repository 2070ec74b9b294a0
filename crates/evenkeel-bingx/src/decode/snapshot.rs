//! Answers put together: one account at one time.

use std::collections::BTreeMap;

use evenkeel_http::json::{DecodeError, DecodeErrorKind};
use evenkeel_types::{
    AccountId, Capabilities, Collateral, FeeRates, Instruments, IsolatedMargin, LeverageSetting, MarginMode,
    MarginPool, OpenOrder, PoolId, Position, PositionMode, PositionSide, Quote, Snapshot, Symbol, Timestamp,
    Usd, VenueId,
};

use super::account::{Balance, HeldPosition};

/// What a snapshot is made of; each part was decoded before.
pub(crate) struct AccountParts {
    pub(crate) venue: VenueId,
    /// As the user calls it, where they do.
    pub(crate) account: Option<AccountId>,
    pub(crate) capabilities: Capabilities,
    pub(crate) as_of: Timestamp,
    pub(crate) position_mode: PositionMode,
    pub(crate) balances: Vec<Balance>,
    /// The assets that are money here, beside those that a pool of `pools` is in.
    pub(crate) collaterals: &'static [&'static str],
    /// Which pool a symbol's positions are in.
    pub(crate) pools: BTreeMap<Symbol, PoolId>,
    /// The asset that every account has: its row must be there.
    pub(crate) main_asset: Symbol,
    pub(crate) positions: Vec<HeldPosition>,
    pub(crate) settings: BTreeMap<Symbol, LeverageSetting>,
    pub(crate) quotes: BTreeMap<Symbol, Quote>,
    pub(crate) instruments: Instruments,
    pub(crate) fees: FeeRates,
    pub(crate) open_orders: Vec<OpenOrder>,
}

fn refused(kind: DecodeErrorKind, file: &str, path: &str, problem: &str, remedy: &str) -> DecodeError {
    DecodeError::new(kind, file, path.to_owned(), problem, remedy)
}

/// The account as a whole.
///
/// Balances that cannot back a position are left out: virtual money of a real account would count as dollars.
/// A pool's equity is the asset's equity less the buckets of its isolated positions, so that pools and buckets add up to
/// the account value. What is free is `availableMargin`; where that is cash less margins, and cross positions lose, the
/// loss is taken off, because it is not documented that the venue has done so.
pub(crate) fn assemble(parts: AccountParts) -> Result<Snapshot, DecodeError> {
    let number = |error: evenkeel_types::NumberError| {
        refused(
            DecodeErrorKind::Value,
            "user/balance",
            "data",
            &error.to_string(),
            "the values are too large",
        )
    };
    let mut positions = Vec::with_capacity(parts.positions.len());
    for held in &parts.positions {
        positions.push(position(held, parts.position_mode)?);
    }
    let mut pools = Vec::with_capacity(parts.balances.len());
    for balance in &parts.balances {
        let id = PoolId(balance.asset.clone());
        let counts = parts.collaterals.contains(&balance.asset.as_str());
        if !counts && !parts.pools.values().any(|pool| *pool == id) {
            continue;
        }
        let (mut buckets, mut cross_profit) = (Usd::ZERO, balance.unrealised);
        for held in parts.positions.iter().filter(|held| parts.pools.get(&held.symbol) == Some(&id)) {
            if held.mode == MarginMode::Isolated {
                buckets = buckets.plus(held.margin.unwrap_or(Usd::ZERO)).map_err(number)?;
                cross_profit = cross_profit.minus(held.unrealised).map_err(number)?;
            }
        }
        pools.push(MarginPool {
            id,
            collateral: Collateral::new(balance.asset.as_str()).map_err(|error| {
                refused(DecodeErrorKind::Value, "user/balance", "data", &error.to_string(), "read it again")
            })?,
            equity: balance.equity.minus(buckets).map_err(number)?,
            free: free(balance, cross_profit).map_err(number)?,
            withdrawable: None,
            transferable: None,
        });
    }
    let main = parts.balances.iter().find(|balance| balance.asset == parts.main_asset);
    let Some(main) = main else {
        let problem = format!("there is no balance in {}", parts.main_asset);
        let remedy = "look whether the environment is the account's: mainnet settles in USDT, demo in VST";
        return Err(refused(DecodeErrorKind::Missing, "user/balance", "data", &problem, remedy));
    };
    let account = match parts.account {
        Some(account) => account,
        None => named(main)?,
    };
    let fees = parts.quotes.keys().map(|symbol| (symbol.clone(), parts.fees)).collect();
    Ok(Snapshot {
        venue: parts.venue,
        account,
        as_of: parts.as_of,
        capabilities: parts.capabilities,
        position_mode: parts.position_mode,
        pools,
        positions,
        settings: parts.settings,
        quotes: parts.quotes,
        instruments: parts.instruments,
        fees,
        open_orders: parts.open_orders,
    })
}

fn named(balance: &Balance) -> Result<AccountId, DecodeError> {
    let missing = |problem: &str| {
        let remedy = "name the account with Builder::account";
        refused(DecodeErrorKind::Missing, "user/balance", "data.userId", problem, remedy)
    };
    let user =
        balance.user.as_deref().ok_or_else(|| missing("the venue does not say whose account it is"))?;
    AccountId::new(user).map_err(|error| missing(&error.to_string()))
}

fn free(balance: &Balance, cross_profit: Usd) -> Result<Usd, evenkeel_types::NumberError> {
    let cash = balance.balance.minus(balance.used)?.minus(balance.frozen)?;
    // The venue prints four decimals, cut off.
    let rounding = Usd::new(evenkeel_types::Decimal::new(1, 3))?;
    let mut free = balance.available;
    if cross_profit.is_negative() && free >= cash.minus(rounding)? {
        free = free.plus(cross_profit)?;
    }
    Ok(free.max(Usd::ZERO))
}

fn position(held: &HeldPosition, mode: PositionMode) -> Result<Position, DecodeError> {
    let at = |field: &str| format!("{}.{field}", held.symbol);
    let file = "user/positions";
    if held.one_way.is_some_and(|one_way| one_way != (mode == PositionMode::OneWay)) {
        let problem = "the position's mode is not the account's";
        let path = at("onlyOnePosition");
        return Err(refused(DecodeErrorKind::Inconsistent, file, &path, problem, "read the account again"));
    }
    let isolated = match (held.mode, held.margin) {
        (MarginMode::Cross, _) => None,
        (MarginMode::Isolated, Some(equity)) => Some(IsolatedMargin { equity }),
        (MarginMode::Isolated, None) => {
            let problem = "the margin of an isolated position is missing";
            let remedy = "record the answer with this field; it is never replaced by a default";
            return Err(refused(DecodeErrorKind::Missing, file, &at("margin"), problem, remedy));
        }
    };
    Ok(Position {
        symbol: held.symbol.clone(),
        side: match mode {
            PositionMode::OneWay => PositionSide::Net,
            PositionMode::Hedge if held.qty.is_negative() => PositionSide::Short,
            PositionMode::Hedge => PositionSide::Long,
        },
        qty: held.qty,
        entry: held.entry,
        mode: held.mode,
        leverage: held.leverage,
        isolated,
        max_leverage: None,
        liquidation_price: held.liquidation_price,
    })
}
