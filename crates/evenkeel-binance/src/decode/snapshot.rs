//! All answers of one reading as a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_http::json::{DecodeError, DecodeErrorKind};
use evenkeel_types::{
    AccountId, Capabilities, FeeRates, Instruments, IsolatedMargin, LeverageSetting, MarginMode, MarginPool,
    OpenOrder, Position, PositionMode, PositionSide, Quote, Scope, Snapshot, SnapshotError, Symbol,
    Timestamp, Usd, VenueId,
};

use super::account::{AccountConfig, AccountState, Held, PositionRow, SymbolSetting};
use super::is_dollar;
use super::market::{Markets, pool_of};
use super::price::{Book, Premium};
use crate::capabilities::in_hedge_mode;

/// What a snapshot is made of.
#[derive(Debug, Clone)]
pub struct AccountInput<'a> {
    /// Where.
    pub venue: VenueId,
    /// Whose.
    pub account: AccountId,
    /// What the venue lets one do in one-way mode.
    pub capabilities: Capabilities,
    /// Which symbols are wanted even when flat.
    pub scope: &'a Scope,
    /// As of when, by the venue's clock.
    pub as_of: Timestamp,
    /// `accountConfig`.
    pub config: AccountConfig,
    /// `account`.
    pub state: &'a AccountState,
    /// `positionRisk`.
    pub positions: &'a [PositionRow],
    /// `symbolConfig`.
    pub settings: &'a BTreeMap<Symbol, SymbolSetting>,
    /// Rules.
    pub markets: &'a Markets,
    /// `premiumIndex` of what is held and in scope.
    pub premiums: &'a BTreeMap<Symbol, Premium>,
    /// `ticker/bookTicker` of what is held and in scope.
    pub books: &'a BTreeMap<Symbol, Book>,
    /// Rates of what is held and in scope.
    pub fees: &'a BTreeMap<Symbol, FeeRates>,
    /// Ordinary and conditional orders of the whole account.
    pub open_orders: Vec<OpenOrder>,
}

fn refuse(kind: DecodeErrorKind, file: &str, problem: impl AsRef<str>, remedy: &str) -> DecodeError {
    DecodeError::new(kind, file, String::new(), problem.as_ref(), remedy)
}

/// Whether `account` and `positionRisk` show the same sizes, and the same money in isolated buckets: between two moments
/// with a different one, moved margin would count twice or not at all.
pub(crate) fn agree(state: &AccountState, positions: &[PositionRow]) -> bool {
    let mut rows: Vec<&PositionRow> = positions.iter().filter(|row| !row.qty.is_zero()).collect();
    rows.sort_by(|a, b| (&a.symbol, a.side, a.qty).cmp(&(&b.symbol, b.side, b.qty)));
    let same = |held: &Held, row: &PositionRow| {
        let wallets = held.isolated_wallet.zip(row.isolated_wallet);
        (&held.symbol, held.side, held.qty) == (&row.symbol, row.side, row.qty)
            // Only where both answers have it.
            && wallets.is_none_or(|(one, other)| one == other)
    };
    rows.len() == state.held.len() && state.held.iter().zip(rows).all(|(held, row)| same(held, row))
}

/// What this library gives no figures for, told before anything else is looked at.
pub(crate) fn check_mode(
    config: &AccountConfig,
    settings: &BTreeMap<Symbol, SymbolSetting>,
) -> Result<(), DecodeError> {
    if config.multi_assets {
        return Err(refuse(
            DecodeErrorKind::Unsupported,
            "accountConfig",
            "the account is in multi-assets mode, where all currencies back all positions",
            "switch it to single-asset mode at the venue (futures preferences, asset mode)",
        ));
    }
    // Another client saw that accounts in portfolio margin mode have no leverage; one delisted symbol can have none too.
    if !settings.is_empty() && settings.values().all(|setting| setting.leverage.is_none()) {
        return Err(refuse(
            DecodeErrorKind::Unsupported,
            "symbolConfig",
            "no symbol has a leverage: the account is in portfolio margin mode",
            "leave portfolio margin mode at the venue; it trades through another interface",
        ));
    }
    Ok(())
}

/// Puts the answers together, and checks that they are of one account at one time.
///
/// Equity of a pool is `crossWalletBalance + crossUnPnl` of its currency, free margin `availableBalance`, and what can be
/// moved to the spot wallet `maxWithdrawAmount`; a bucket's equity is `isolatedMargin`. The mark price of a held symbol is
/// the one that its position is computed with.
///
/// # Errors
/// [`DecodeError`]: [`DecodeErrorKind::Unsupported`] for multi-assets and portfolio margin mode,
/// [`DecodeErrorKind::Inconsistent`] where `account` and `positionRisk` show different positions or buckets.
pub fn decode_snapshot(input: &AccountInput<'_>) -> Result<Snapshot, DecodeError> {
    check_mode(&input.config, input.settings)?;
    if !agree(input.state, input.positions) {
        return Err(refuse(
            DecodeErrorKind::Inconsistent,
            "positionRisk",
            "its positions are not those of the account: something was traded or moved between the two answers",
            "read it again",
        ));
    }
    let mut needed: BTreeSet<Symbol> = input.scope.symbols.clone();
    needed.extend(input.state.held.iter().map(|held| held.symbol.clone()));

    let mut instruments = Instruments::new();
    let (mut quotes, mut settings, mut fees) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for symbol in &needed {
        let market = match input.markets.get(symbol) {
            Some(Ok(market)) => market,
            Some(Err(error)) => return Err(error.clone()),
            None => {
                let problem = format!("there is no {symbol}");
                let remedy = "spell it as the venue does (BTCUSDT, ETHUSDC)";
                return Err(refuse(DecodeErrorKind::Value, "exchangeInfo", problem, remedy));
            }
        };
        instruments.insert(symbol.clone(), market.instrument.clone());
        settings.insert(symbol.clone(), setting(symbol, input.settings, input.as_of)?);
        quotes.insert(symbol.clone(), quote(symbol, input)?);
        // One that could not be read is missing in the snapshot's own check.
        fees.extend(input.fees.get(symbol).map(|rates| (symbol.clone(), *rates)));
    }
    let mut capabilities = input.capabilities.clone();
    if input.config.position_mode == PositionMode::Hedge {
        capabilities = in_hedge_mode(&capabilities);
    }
    let snapshot = Snapshot {
        venue: input.venue.clone(),
        account: input.account.clone(),
        as_of: input.as_of,
        capabilities,
        position_mode: input.config.position_mode,
        pools: pools(input.state, &instruments)?,
        positions: positions(input, &settings)?,
        settings,
        quotes,
        instruments,
        fees,
        open_orders: input.open_orders.clone(),
    };
    snapshot.validate(input.scope).map_err(|error| {
        let remedy = match &error {
            SnapshotError::BothSides { .. } => "close one of the two legs at the venue",
            _ => "read it again",
        };
        refuse(DecodeErrorKind::Inconsistent, "account", error.to_string(), remedy)
    })?;
    Ok(snapshot)
}

/// What is set for a symbol.
pub(crate) fn setting(
    symbol: &Symbol,
    settings: &BTreeMap<Symbol, SymbolSetting>,
    read_at: Timestamp,
) -> Result<LeverageSetting, DecodeError> {
    let Some(setting) = settings.get(symbol) else {
        let problem = format!("there is no setting for {symbol}");
        let remedy = "spell it as the venue does (BTCUSDT, ETHUSDC)";
        return Err(refuse(DecodeErrorKind::Missing, "symbolConfig", problem, remedy));
    };
    let Some(leverage) = setting.leverage else {
        let problem = format!("the leverage of {symbol} is zero");
        let remedy = "it is delisted, or the account is in portfolio margin mode, which is not supported";
        return Err(refuse(DecodeErrorKind::Unsupported, "symbolConfig", problem, remedy));
    };
    Ok(LeverageSetting::both(symbol.clone(), leverage, setting.mode, read_at))
}

fn quote(symbol: &Symbol, input: &AccountInput<'_>) -> Result<Quote, DecodeError> {
    let row = input.positions.iter().find(|row| row.symbol == *symbol && !row.qty.is_zero());
    let mark = row.and_then(|row| row.mark).or_else(|| input.premiums.get(symbol)?.mark);
    let Some(mark) = mark else {
        let problem = format!("the venue names no mark price for {symbol}");
        return Err(refuse(DecodeErrorKind::Missing, "premiumIndex", problem, "leave it out of the scope"));
    };
    // Without an order in the book there may be no row.
    let book = input.books.get(symbol);
    Ok(Quote { mark, bid: book.and_then(|book| book.bid), ask: book.and_then(|book| book.ask) })
}

/// A pool for each dollar currency that is there or that a symbol needs.
fn pools(state: &AccountState, instruments: &Instruments) -> Result<Vec<MarginPool>, DecodeError> {
    let mut pools = Vec::new();
    for asset in state.assets.iter().filter(|asset| is_dollar(asset.asset.as_str())) {
        let equity = asset
            .cross_wallet
            .plus(asset.cross_profit)
            .map_err(|error| refuse(DecodeErrorKind::Value, "account", error.to_string(), "read it again"))?;
        let Some(pool) = pool_of(&asset.asset) else { continue };
        let above_zero = |amount: Usd| if amount.is_negative() { Usd::ZERO } else { amount };
        pools.push(MarginPool {
            id: pool,
            collateral: asset.asset.clone(),
            equity,
            free: above_zero(asset.available),
            // Nothing leaves the venue from this wallet; it goes to the spot wallet first.
            withdrawable: None,
            transferable: Some(above_zero(asset.transferable)),
        });
    }
    // A currency that the account never had is in no answer: there is nothing in it.
    for instrument in instruments.values() {
        if pools.iter().all(|pool| pool.id != instrument.pool)
            && let Ok(collateral) = evenkeel_types::Collateral::new(instrument.pool.0.as_str())
        {
            pools.push(MarginPool {
                id: instrument.pool.clone(),
                collateral,
                equity: Usd::ZERO,
                free: Usd::ZERO,
                withdrawable: None,
                transferable: Some(Usd::ZERO),
            });
        }
    }
    Ok(pools)
}

fn positions(
    input: &AccountInput<'_>,
    settings: &BTreeMap<Symbol, LeverageSetting>,
) -> Result<Vec<Position>, DecodeError> {
    let mut positions = Vec::new();
    for row in input.positions.iter().filter(|row| !row.qty.is_zero()) {
        let fits = (row.side == PositionSide::Net) == (input.config.position_mode == PositionMode::OneWay);
        if !fits {
            let problem = format!("{}: a position of the other position mode", row.symbol);
            return Err(refuse(DecodeErrorKind::Inconsistent, "positionRisk", problem, "read it again"));
        }
        let Some(setting) = settings.get(&row.symbol) else { continue };
        let pool = input.markets.get(&row.symbol).and_then(Result::ok).map(|market| &market.instrument.pool);
        if !pool.is_some_and(|pool| {
            input.state.assets.iter().any(|asset| asset.asset.as_str() == pool.0.as_str())
        }) {
            let problem = format!("{}: a position without a balance in its currency", row.symbol);
            return Err(refuse(DecodeErrorKind::Inconsistent, "account", problem, "read it again"));
        }
        let isolated = setting.mode == MarginMode::Isolated;
        if !isolated && !row.isolated_margin.is_zero() {
            let problem = format!("{}: a bucket of {} on a cross position", row.symbol, row.isolated_margin);
            return Err(refuse(DecodeErrorKind::Inconsistent, "positionRisk", problem, "read it again"));
        }
        positions.push(Position {
            symbol: row.symbol.clone(),
            side: row.side,
            qty: row.qty,
            entry: row.entry,
            mode: setting.mode,
            leverage: setting.of(row.qty),
            isolated: isolated.then_some(IsolatedMargin { equity: row.isolated_margin }),
            max_leverage: None,
            liquidation_price: row.liquidation,
        });
    }
    Ok(positions)
}
