//! One account from its answers.

use std::collections::BTreeMap;

use evenkeel_http::json::{DecodeError, DecodeErrorKind};
use evenkeel_types::{
    AccountId, Capabilities, Collateral, Decimal, FeeRates, Instrument, IsolatedMargin, LeverageSetting,
    MarginMode, MarginPool, NumberError, OpenOrder, PoolId, Position, PositionMode, PositionSide, Quote,
    Snapshot, Symbol, Timestamp, TradingStatus, Usd, VenueId,
};

use super::account::{Coin, Wallet};
use super::market::SETTLE_COIN;
use super::position::PositionRow;

/// By how much of a position's value its profit may be off what size and prices make of it: prices are printed with the
/// tick, and move while the answer is written.
const PROFIT_OFF: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
/// By how much margin available and margin used may exceed the balance that they are taken from.
const TOTAL_OFF: Decimal = Decimal::from_parts(101, 0, 0, false, 2);
/// By how much the margin of all positions may exceed that of those in the list: one of the two may count the fees of
/// closing (a tenth of the margin at the highest leverages), and prices move between the answers.
const UNSEEN_OFF: Decimal = Decimal::from_parts(125, 0, 0, false, 2);
/// And by how much in any case, in USDT.
const UNSEEN_DUST: Decimal = Decimal::ONE;

const AGAIN: &str = "read the account again; if it stays so, look at it at the venue";

/// What a snapshot is made of.
#[derive(Debug)]
pub(crate) struct AccountParts {
    pub(crate) venue: VenueId,
    pub(crate) account: AccountId,
    pub(crate) capabilities: Capabilities,
    pub(crate) as_of: Timestamp,
    pub(crate) mode: MarginMode,
    pub(crate) wallet: Wallet,
    pub(crate) position_mode: PositionMode,
    pub(crate) held: Vec<PositionRow>,
    pub(crate) settings: BTreeMap<Symbol, LeverageSetting>,
    pub(crate) quotes: BTreeMap<Symbol, Quote>,
    pub(crate) instruments: BTreeMap<Symbol, Instrument>,
    pub(crate) fees: BTreeMap<Symbol, FeeRates>,
    pub(crate) open_orders: Vec<OpenOrder>,
}

/// The pool that everything here draws margin from.
pub(crate) fn pool_id() -> Result<PoolId, DecodeError> {
    Symbol::new(SETTLE_COIN)
        .map(PoolId)
        .map_err(|error| problem(DecodeErrorKind::Value, "", &error.to_string()))
}

fn problem(kind: DecodeErrorKind, path: &str, problem: &str) -> DecodeError {
    DecodeError::new(kind, "account", path.to_owned(), problem, AGAIN)
}

fn too_large(path: &str) -> impl Fn(NumberError) -> DecodeError + '_ {
    move |error| problem(DecodeErrorKind::Value, path, &error.to_string())
}

/// The position mode that these rows are in. It is kept per symbol and coin; without any row it is the venue's default.
pub(crate) fn position_mode<'a>(
    rows: impl Iterator<Item = &'a PositionRow>,
) -> Result<PositionMode, DecodeError> {
    let (mut first_hedged, mut first_net) = (None, None);
    for row in rows {
        let place = if row.side == PositionSide::Net { &mut first_net } else { &mut first_hedged };
        place.get_or_insert(row);
    }
    match (first_hedged, first_net) {
        (Some(hedged), Some(net)) => Err(DecodeError::new(
            DecodeErrorKind::Unsupported,
            "position/list",
            String::new(),
            &format!("{} is in hedge mode and {} in one-way mode", hedged.symbol, net.symbol),
            "switch all symbols to one position mode at the venue; they must be flat and without orders for it",
        )),
        (Some(_), None) => Ok(PositionMode::Hedge),
        _ => Ok(PositionMode::OneWay),
    }
}

/// A symbol's setting by its rows: one for the net position, or one for each leg.
pub(crate) fn setting_of<'a>(
    symbol: &Symbol,
    rows: impl Iterator<Item = &'a PositionRow>,
    mode: MarginMode,
    read_at: Timestamp,
) -> Result<LeverageSetting, DecodeError> {
    let (mut net, mut long, mut short) = (None, None, None);
    for row in rows.filter(|row| row.symbol == *symbol) {
        let place = match row.side {
            PositionSide::Long => &mut long,
            PositionSide::Short => &mut short,
            _ => &mut net,
        };
        if place.is_some_and(|known| known != row.leverage) {
            let text = format!("{symbol} has two rows of one side");
            return Err(problem(DecodeErrorKind::Inconsistent, "", &text));
        }
        *place = Some(row.leverage);
    }
    match (net, long, short) {
        (Some(both), None, None) => Ok(LeverageSetting::both(symbol.clone(), both, mode, read_at)),
        (None, Some(long), Some(short)) => {
            Ok(LeverageSetting { symbol: symbol.clone(), long, short, mode, read_at })
        }
        (None, None, None) => {
            let text = format!("the venue says nothing about {symbol}");
            Err(problem(DecodeErrorKind::Missing, "", &text))
        }
        _ => {
            let text = format!("{symbol} has rows of some sides only");
            Err(problem(DecodeErrorKind::Inconsistent, "", &text))
        }
    }
}

/// Puts an account together, and refuses one that contradicts itself.
pub(crate) fn assemble(parts: AccountParts) -> Result<Snapshot, DecodeError> {
    let held: Vec<&PositionRow> = parts.held.iter().filter(|row| !row.qty.is_zero()).collect();
    let pool = pool(&parts.wallet, parts.mode, &held)?;
    let mut instruments = parts.instruments;
    let mut positions = Vec::with_capacity(held.len());
    for row in held {
        check_profit(row)?;
        if row.reduce_only
            && let Some(instrument) = instruments.get_mut(&row.symbol)
            && instrument.status == TradingStatus::Trading
        {
            instrument.status = TradingStatus::ReduceOnly;
        }
        positions.push(position(row, parts.mode)?);
    }
    Ok(Snapshot {
        venue: parts.venue,
        account: parts.account,
        as_of: parts.as_of,
        capabilities: parts.capabilities,
        position_mode: parts.position_mode,
        pools: vec![pool],
        positions,
        settings: parts.settings,
        quotes: parts.quotes,
        instruments,
        fees: parts.fees,
        open_orders: parts.open_orders,
    })
}

fn position(row: &PositionRow, mode: MarginMode) -> Result<Position, DecodeError> {
    let isolated = match mode {
        MarginMode::Cross => None,
        MarginMode::Isolated => Some(IsolatedMargin { equity: bucket(row)? }),
    };
    Ok(Position {
        symbol: row.symbol.clone(),
        side: row.side,
        qty: row.qty,
        entry: row.entry,
        mode,
        leverage: row.leverage,
        isolated,
        max_leverage: None,
        liquidation_price: row.liquidation_price,
    })
}

fn needed<T>(value: Option<T>, row: &PositionRow, what: &str) -> Result<T, DecodeError> {
    value.ok_or_else(|| {
        let path = format!("{}.{what}", row.symbol);
        problem(DecodeErrorKind::Missing, &path, "the venue leaves it empty, and it is needed")
    })
}

/// What is in the bucket of an isolated position: its margin and its profit.
fn bucket(row: &PositionRow) -> Result<Usd, DecodeError> {
    let margin = needed(row.margin, row, "positionIM")?;
    let profit = needed(row.unrealised, row, "unrealisedPnl")?;
    margin.plus(profit).map_err(too_large(row.symbol.as_str()))
}

/// Profit is size times the way from entry to mark. Where it is not, sizes are not in base units or prices are not those
/// of this symbol.
fn check_profit(row: &PositionRow) -> Result<(), DecodeError> {
    let (Some(entry), Some(mark), Some(profit)) = (row.entry, row.mark, row.unrealised) else {
        return Ok(());
    };
    let off = || -> Result<bool, NumberError> {
        let value = mark.value(row.qty)?;
        let made = value.minus(entry.value(row.qty)?)?;
        Ok(made.minus(profit)?.abs() > value.abs().times(PROFIT_OFF)?)
    };
    if !off().map_err(too_large(row.symbol.as_str()))? {
        return Ok(());
    }
    let text = format!("a profit of {profit} is not what {} from {entry} to {mark} makes", row.qty);
    let path = format!("{}.unrealisedPnl", row.symbol);
    Err(problem(DecodeErrorKind::Inconsistent, &path, &text))
}

/// The pool, by the margin mode of the account.
fn pool(wallet: &Wallet, mode: MarginMode, held: &[&PositionRow]) -> Result<MarginPool, DecodeError> {
    for coin in &wallet.coins {
        only_settle_coin(coin)?;
    }
    let settle = wallet.coins.iter().find(|coin| coin.coin == SETTLE_COIN);
    if let Some(total) = settle.and_then(|coin| coin.position_margin) {
        nothing_unseen(total, held)?;
    }
    let (name, equity, free) = match mode {
        MarginMode::Cross => {
            let (equity, free) = cross(wallet)?;
            ("USD", equity, free)
        }
        MarginMode::Isolated => {
            let (equity, free) = isolated(settle, held)?;
            (SETTLE_COIN, equity, free)
        }
    };
    if equity.is_negative() {
        let text = format!("the equity of the account is negative: {equity}");
        return Err(DecodeError::new(
            DecodeErrorKind::Unsupported,
            "account/wallet-balance",
            String::new(),
            &text,
            "settle its debts at the venue; no honest figures can be given",
        ));
    }
    let free = free.max(Usd::ZERO);
    let collateral = Collateral::new(name);
    let collateral = collateral.map_err(|error| problem(DecodeErrorKind::Value, "", &error.to_string()))?;
    Ok(MarginPool { id: pool_id()?, collateral, equity, free, withdrawable: None, transferable: None })
}

/// Options and dated contracts that are settled in the same coin draw on the same margin, and are not in the list of
/// positions.
fn nothing_unseen(total: Usd, held: &[&PositionRow]) -> Result<(), DecodeError> {
    let mut known = Usd::ZERO;
    for row in held {
        // Where the venue says nothing of one of them, the sum says nothing of the others.
        let Some(margin) = row.margin else { return Ok(()) };
        known = known.plus(margin).map_err(too_large("positions"))?;
    }
    let more = |one: Usd, other: Usd| -> Result<bool, NumberError> {
        Ok(one > other.times(UNSEEN_OFF)?.plus(Usd::new(UNSEEN_DUST)?)?)
    };
    // The other way round something was opened or closed between the two answers. What the venue asks for two legs of one
    // symbol may be less than for each by itself.
    let hedged =
        |row: &&PositionRow| held.iter().any(|other| other.symbol == row.symbol && other.side != row.side);
    if !held.iter().any(hedged) && more(known, total).map_err(too_large("wallet"))? {
        let text = format!(
            "positions have a margin of {total}, and those in the list one of {known}: they are of different times"
        );
        return Err(problem(DecodeErrorKind::Inconsistent, "wallet.totalPositionIM", &text));
    }
    let unseen = || -> Result<bool, NumberError> {
        if held.is_empty() {
            return Ok(total.is_positive());
        }
        more(total, known)
    };
    if !unseen().map_err(too_large("wallet"))? {
        return Ok(());
    }
    let text = if held.is_empty() {
        format!("positions have a margin of {total}, and there are no positions")
    } else {
        format!("positions have a margin of {total}, and those in the list one of {known}: there are others")
    };
    Err(problem(DecodeErrorKind::Inconsistent, "wallet.totalPositionIM", &text))
}

/// Contracts that are settled in another coin draw on the same margin, and are not in the list of positions.
fn only_settle_coin(coin: &Coin) -> Result<(), DecodeError> {
    let used = |amount: Option<Usd>| amount.is_some_and(|amount| !amount.is_zero());
    let trades = used(coin.position_margin) || used(coin.maintenance) || used(coin.order_margin);
    if coin.coin == SETTLE_COIN || !trades && coin.unrealised.is_zero() {
        return Ok(());
    }
    let name: String = coin.coin.chars().take(20).collect();
    Err(DecodeError::new(
        DecodeErrorKind::Unsupported,
        "account/wallet-balance",
        format!("coin {name}"),
        "the account has positions or orders that are settled in it, which this connector does not read",
        "close and cancel them, or trade contracts that are settled in USDT from a sub-account of their own",
    ))
}

/// Equity and free margin in cross margin: what all coins are worth as collateral, in USD. The venue's available balance
/// already has discounts on collateral taken off, and so has the equity: margin used and margin available together, at
/// most the margin balance.
fn cross(wallet: &Wallet) -> Result<(Usd, Usd), DecodeError> {
    let needed = |value: Option<Usd>, what: &str| {
        value.ok_or_else(|| {
            let path = format!("wallet.{what}");
            problem(DecodeErrorKind::Missing, &path, "the venue leaves it empty, and it is needed")
        })
    };
    let balance = needed(wallet.margin_balance, "totalMarginBalance")?;
    let available = needed(wallet.available, "totalAvailableBalance")?;
    let used = needed(wallet.initial_margin, "totalInitialMargin")?;
    let together = available.plus(used).map_err(too_large("wallet"))?;
    // An available balance of zero may have been cut off there: then the equity is below the margin in use, which may be
    // above the balance, and by how much collateral is discounted cannot be told.
    if available.is_zero() && used.is_positive() {
        only_dollars(wallet, balance)?;
    }
    if available.is_positive() && together > balance.times(TOTAL_OFF).map_err(too_large("wallet"))? {
        let text = format!("{available} available and {used} used are more than the balance of {balance}");
        return Err(problem(DecodeErrorKind::Inconsistent, "wallet.totalAvailableBalance", &text));
    }
    Ok((together.min(balance), available))
}

/// Coins that are worth what they are, in USD.
const DOLLARS: &[&str] = &[SETTLE_COIN, "USDC"];
/// What all other coins may be worth, as a part of the balance: that much the equity may be overstated.
const DISCOUNTED_OFF: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// Whether there is next to nothing but dollars; other coins are collateral at a discount.
fn only_dollars(wallet: &Wallet, balance: Usd) -> Result<(), DecodeError> {
    let most = balance.abs().times(DISCOUNTED_OFF).map_err(too_large("wallet"))?;
    let mut others = Usd::ZERO;
    for coin in &wallet.coins {
        if DOLLARS.contains(&coin.coin.as_str()) || coin.wallet.is_zero() {
            continue;
        }
        // Without its value it may be worth anything.
        let value = coin.usd_value.map(Usd::abs);
        let sum = value.map(|value| others.plus(value)).transpose().map_err(too_large("wallet"))?;
        match sum {
            Some(sum) if sum <= most => others = sum,
            _ => {
                let name: String = coin.coin.chars().take(20).collect();
                return Err(DecodeError::new(
                    DecodeErrorKind::Unsupported,
                    "account/wallet-balance",
                    format!("coin {name}"),
                    "no margin is available, and discounts on this collateral cannot be told: the equity is unknown",
                    "exchange it for USDT, add USDT, or reduce positions at the venue",
                ));
            }
        }
    }
    Ok(())
}

/// Equity and free margin in isolated mode: the wallet without the buckets. A coin that the account never had has no row.
fn isolated(settle: Option<&Coin>, held: &[&PositionRow]) -> Result<(Usd, Usd), DecodeError> {
    let mut buckets = Usd::ZERO;
    for row in held {
        buckets = buckets.plus(needed(row.margin, row, "positionIM")?).map_err(too_large("positions"))?;
    }
    let Some(coin) = settle else {
        return if held.is_empty() {
            Ok((Usd::ZERO, Usd::ZERO))
        } else {
            Err(problem(DecodeErrorKind::Missing, "wallet", "there are positions, and no USDT"))
        };
    };
    let needed = |value: Option<Usd>, what: &str| {
        value.ok_or_else(|| {
            let path = format!("wallet.{what}");
            problem(DecodeErrorKind::Missing, &path, "the venue leaves it empty, and it is needed")
        })
    };
    let positions = needed(coin.position_margin, "totalPositionIM")?;
    let orders = needed(coin.order_margin, "totalOrderIM")?;
    let locked = needed(coin.locked, "locked")?;
    let bonus = needed(coin.bonus, "bonus")?;
    let computed = || -> Result<(Usd, Usd), NumberError> {
        let free = coin.wallet.minus(positions)?.minus(orders)?.minus(locked)?.minus(bonus)?;
        // What the venue granted backs no isolated position.
        // Where a position changed between the two answers, the larger of the two is what is not free.
        Ok((coin.wallet.minus(buckets.max(positions))?.minus(bonus)?, free))
    };
    computed().map_err(too_large("wallet"))
}
