//! A whole account: several answers of one moment to one checked [`Snapshot`].

use std::collections::BTreeMap;

use evenkeel_types::{
    AccountId, Decimal, Exact as _, FeeRates, Instrument, Instruments, IsolatedMargin, Leverage,
    LeverageSetting, MarginMode, MarginModes, MarginPool, NumberError, OpenOrder, Position, PositionMode,
    PositionSide, Price, Quote, Scope, Snapshot, Symbol, Timestamp, Usd, VenueId,
};

use super::account::{HeldPosition, decode_clearinghouse_state};
use super::check::Check;
use super::market::{Market, Markets, decode_meta_and_asset_ctxs};
use super::orders::decode_open_orders;
use super::wallet::{
    Abstraction, base_fees, decode_spot_clearinghouse_state, decode_user_abstraction, decode_user_fees,
};
use super::{Body, wallet};
use crate::capabilities::capabilities;
use crate::error::{DecodeError, DecodeErrorKind};

/// How the account's mode is known.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum AbstractionInput<'a> {
    /// The answer to `userAbstraction`.
    Answer(Body<'a>),
    /// There is no answer, and the caller vouches for the standard mode. In another mode every balance of the
    /// snapshot would be wrong.
    AssumeStandard,
}

/// How the resting orders are known.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum OpenOrdersInput<'a> {
    /// The answer to `frontendOpenOrders` or `openOrders`.
    Answer(Body<'a>),
    /// There is no answer, and the caller vouches that no order rests.
    AssumeNone,
}

/// How the fee rates are known.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum FeeInput<'a> {
    /// The answer to `userFees`. Only for the validator-operated dex.
    Answer(Body<'a>),
    /// These rates.
    Known(FeeRates),
    /// The documented base rates ([`base_fees`]), which no account exceeds. Only for the validator-operated dex.
    BaseTier,
}

/// How the leverage settings of symbols without a position are known; those of held symbols are in the state.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FlatSettings {
    /// Read from the venue (`activeAssetData`), by symbol.
    Read(BTreeMap<Symbol, LeverageSetting>),
    /// Nobody read them: see [`assume_default_settings`].
    Assume {
        /// A leverage that no assumed setting has: the target's.
        other_than: Leverage,
    },
}

/// The answers that make an account.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // Callers build it; every new input must be decided by them.
pub struct AccountInput<'a> {
    /// How the snapshot calls the venue: `hyperliquid`.
    pub venue: VenueId,
    /// How the snapshot calls the account: its address.
    pub account: AccountId,
    /// Symbols that the snapshot must cover even when flat.
    pub scope: Scope,
    /// The answer to `clearinghouseState`.
    pub clearinghouse_state: Body<'a>,
    /// The answer to `metaAndAssetCtxs`, of the same dex.
    pub meta_and_asset_ctxs: Body<'a>,
    /// The account's mode.
    pub abstraction: AbstractionInput<'a>,
    /// The answer to `spotClearinghouseState`; needed for unified accounts.
    pub spot_clearinghouse_state: Option<Body<'a>>,
    /// The `clearinghouseState` answers of all *other* dexes with the same collateral; needed for unified
    /// accounts, whose one balance backs them too. An empty list states that there are none.
    pub other_dexes: Option<&'a [Body<'a>]>,
    /// Resting orders.
    pub open_orders: OpenOrdersInput<'a>,
    /// Fee rates.
    pub fees: FeeInput<'a>,
    /// Leverage settings of flat symbols.
    pub flat_settings: FlatSettings,
}

/// Decodes one account of one dex, and refuses it when it does not add up.
///
/// Prices are marks: a held symbol's is the one at which the venue valued the position, so that equity and
/// prices are of one moment; bid and ask are not in these answers. Spot orders are left out.
///
/// Equity of the cross pool, by account mode:
///
/// | mode | equity | free |
/// |---|---|---|
/// | standard | `crossMarginSummary.accountValue` | the same less `crossMarginSummary.totalMarginUsed` |
/// | unified | spot `total` of the collateral, less isolated `marginUsed`, less the cross positions' net unrealised loss | the smaller of equity less cross `marginUsed`, and `total - hold` |
///
/// The documentation does not say whether the unified `total` already contains unrealised profit; a net loss is
/// therefore deducted and a net profit not added, so that the figure can be too low but not too high. `free`
/// does not deduct what resting orders reserve in a standard account; planners count those themselves.
///
/// # Errors
/// [`DecodeError`] naming file, field and values: what cannot be read; what does not add up (the README lists
/// the checks); an account mode, or a negative equity, for which no honest figures can be given; a symbol in
/// scope without price or setting.
pub fn decode_snapshot(input: &AccountInput<'_>) -> Result<Snapshot, DecodeError> {
    let mode = match input.abstraction {
        AbstractionInput::Answer(body) => supported(decode_user_abstraction(body)?, body.name)?,
        AbstractionInput::AssumeStandard => Abstraction::Standard,
    };
    let markets = decode_meta_and_asset_ctxs(input.meta_and_asset_ctxs)?;
    let state = decode_clearinghouse_state(input.clearinghouse_state)?;
    let check = Check { file: input.clearinghouse_state.name, state: &state };
    check.positions()?;
    check.markets(&markets, input.meta_and_asset_ctxs.name)?;
    let as_of = state.time.ok_or_else(|| missing(&check, "time"))?;
    let pool = match mode {
        Abstraction::Unified => unified_pool(input, &check, &markets)?,
        _ => standard_pool(&check, &markets)?,
    };
    let mut quotes: BTreeMap<Symbol, Quote> = BTreeMap::new();
    for market in &markets.list {
        if let Some(mark) = market.mark {
            quotes.insert(market.instrument.symbol.clone(), Quote { mark, bid: None, ask: None });
        }
    }
    let mut positions = Vec::with_capacity(state.positions.len());
    for held in &state.positions {
        // A position in an unknown coin was refused by the check above.
        let Some(market) = markets.get(&held.symbol) else { continue };
        let mark = valued_at(&check, held, market)?;
        quotes.insert(held.symbol.clone(), Quote { mark, bid: None, ask: None });
        positions.push(position(held, market));
    }

    let instruments = markets.instruments();
    let settings = settings(input, &check, &instruments, as_of)?;
    let fees = fees(input, &markets)?;
    let snapshot = Snapshot {
        venue: input.venue.clone(),
        account: input.account.clone(),
        as_of,
        capabilities: capabilities(),
        position_mode: PositionMode::OneWay,
        pools: vec![pool],
        positions,
        settings,
        quotes,
        fees: instruments.keys().map(|symbol| (symbol.clone(), fees)).collect(),
        open_orders: open_orders(input, &instruments)?,
        instruments,
    };
    for symbol in &input.scope.symbols {
        if !snapshot.instruments.contains_key(symbol) {
            return Err(DecodeError::new(
                DecodeErrorKind::Missing,
                input.meta_and_asset_ctxs.name,
                "[0].universe".to_owned(),
                &format!("there is no {symbol}"),
                "spell it as the venue does (BTC, kPEPE, xyz:XYZ100)",
            ));
        }
    }
    snapshot.validate(&input.scope).map_err(|error| {
        let remedy = "record the missing answer, or take the symbol out of the scope";
        check.error("", &error.to_string(), remedy)
    })?;
    Ok(snapshot)
}

fn missing(check: &Check<'_>, field: &str) -> DecodeError {
    DecodeError::new(
        DecodeErrorKind::Missing,
        check.file,
        field.to_owned(),
        "the field is missing",
        "record the answer again; recordings of 2023 lack fields that an account needs",
    )
}

fn supported(mode: Abstraction, file: &str) -> Result<Abstraction, DecodeError> {
    let problem = match mode {
        Abstraction::Standard | Abstraction::Unified => return Ok(mode),
        Abstraction::PortfolioMargin => {
            "the account is in portfolio margin mode, where equity depends on borrowing and collateral factors that this library does not model"
        }
        Abstraction::DexAbstraction => "the account is in the discontinued dex abstraction mode",
    };
    Err(DecodeError::new(
        DecodeErrorKind::Unsupported,
        file,
        String::new(),
        problem,
        "switch the account to the standard mode at the venue (userSetAbstraction `disabled`)",
    ))
}

/// Somebody who owes money has no equity to plan with.
fn not_negative(pool: MarginPool, file: &str, path: &str) -> Result<MarginPool, DecodeError> {
    if pool.equity.is_negative() {
        return Err(DecodeError::new(
            DecodeErrorKind::Unsupported,
            file,
            path.to_owned(),
            &format!("the equity of {} is negative: {}", pool.id, pool.equity),
            "the account owes money; add collateral or close positions at the venue first",
        ));
    }
    Ok(pool)
}

fn standard_pool(check: &Check<'_>, markets: &Markets) -> Result<MarginPool, DecodeError> {
    check.summaries()?;
    let cross = check.state.cross.ok_or_else(|| missing(check, "crossMarginSummary"))?;
    let free = cross.account_value.minus(cross.total_margin_used);
    let pool = MarginPool {
        id: markets.pool.clone(),
        collateral: markets.collateral.clone(),
        equity: cross.account_value,
        free: overflow(check, "crossMarginSummary", free)?,
        withdrawable: check.state.withdrawable,
        // The same rule limits a transfer to the spot wallet.
        transferable: check.state.withdrawable,
    };
    not_negative(pool, check.file, "crossMarginSummary.accountValue")
}

fn overflow<T>(check: &Check<'_>, path: &str, result: Result<T, NumberError>) -> Result<T, DecodeError> {
    result.map_err(|error| check.error(path, &error.to_string(), "take the venue's answer unchanged"))
}

fn unified_pool(
    input: &AccountInput<'_>,
    check: &Check<'_>,
    markets: &Markets,
) -> Result<MarginPool, DecodeError> {
    let refuse = |file: &str, problem: &str, remedy: &str| {
        DecodeError::new(DecodeErrorKind::Unsupported, file, String::new(), problem, remedy)
    };
    let Some(spot) = input.spot_clearinghouse_state else {
        return Err(refuse(
            check.file,
            "the account is unified, so accountValue and withdrawable mean nothing here",
            "give the answer to `spotClearinghouseState` as well, or switch the account to the standard mode",
        ));
    };
    let Some(others) = input.other_dexes else {
        return Err(refuse(
            check.file,
            "the account is unified, and positions on other dexes would draw on the same balance",
            "give the `clearinghouseState` answers of all other dexes (an empty list if there are none)",
        ));
    };
    for other in others {
        let state = decode_clearinghouse_state(*other)?;
        if let Some(position) = state.positions.first() {
            return Err(refuse(
                other.name,
                &format!("a position in {} draws on the same unified balance", position.symbol),
                "close it, or switch the account to the standard mode",
            ));
        }
    }
    let balances = decode_spot_clearinghouse_state(spot)?;
    let mut rows = balances.iter().enumerate().filter(|(_, b)| b.token == Some(markets.collateral_token));
    let (Some((index, balance)), None) = (rows.next(), rows.next()) else {
        return Err(DecodeError::new(
            DecodeErrorKind::Missing,
            spot.name,
            "balances".to_owned(),
            &format!("there is not exactly one row of token {}", markets.collateral_token),
            "take the answer whole, for the same account",
        ));
    };
    let mut result = Usd::ZERO;
    for held in check.state.positions.iter().filter(|p| p.mode == MarginMode::Cross) {
        let path = Check::path(held, "unrealizedPnl");
        let pnl = held.unrealized_pnl.ok_or_else(|| missing(check, &path))?;
        result = overflow(check, &path, result.plus(pnl))?;
    }
    let figures = unified_figures(balance, check, result);
    let (equity, free) = overflow(check, "assetPositions", figures)?;
    let pool = MarginPool {
        id: markets.pool.clone(),
        collateral: markets.collateral.clone(),
        equity,
        free,
        withdrawable: None,
        transferable: None,
    };
    not_negative(pool, spot.name, &format!("balances[{index}].total"))
}

/// Equity and free margin. Liquidation of a unified account is documented as cross maintenance over (spot
/// `total` less isolated `marginUsed`), so `total` contains the isolated buckets.
fn unified_figures(
    balance: &wallet::SpotBalance,
    check: &Check<'_>,
    cross_result: Usd,
) -> Result<(Usd, Usd), NumberError> {
    let total = Usd::new(balance.total.get())?;
    let loss = cross_result.min(Usd::ZERO);
    let equity = total.minus(check.isolated()?)?.plus(loss)?;
    let unreserved = total.minus(Usd::new(balance.hold.get())?)?;
    Ok((equity, equity.minus(check.cross_margin()?)?.min(unreserved)))
}

/// The mark price at which the venue valued a position. The context's own where it gives the same value: a
/// quotient has digits that no price has.
fn valued_at(check: &Check<'_>, held: &HeldPosition, market: &Market) -> Result<Price, DecodeError> {
    let path = Check::path(held, "positionValue");
    if let Some(mark) = market.mark {
        let apart = mark.value(held.qty.abs()).and_then(|value| value.minus(held.position_value));
        // Values are printed with 6 decimals.
        let printed = overflow(check, &path, Usd::new(Decimal::new(1, 6)))?;
        if overflow(check, &path, apart)?.abs() <= printed {
            return Ok(mark);
        }
    }
    let price = held.position_value.get().over(held.qty.abs().get());
    overflow(check, &path, price.and_then(Price::new))
}

fn position(held: &HeldPosition, market: &Market) -> Position {
    let tiers = &market.instrument.tiers;
    // Whether the venue repeats the asset's maximum here or that of the position's tier is not documented;
    // either means that the metadata applies.
    let usual = |own: &Leverage| {
        *own == market.instrument.max_leverage() || *own == tiers.at(held.position_value).max_leverage
    };
    Position {
        symbol: held.symbol.clone(),
        side: PositionSide::Net,
        qty: held.qty,
        entry: held.entry,
        mode: held.mode,
        leverage: held.leverage,
        isolated: match held.mode {
            MarginMode::Isolated => Some(IsolatedMargin { equity: held.margin_used }),
            MarginMode::Cross => None,
        },
        max_leverage: held.max_leverage.filter(|own| !usual(own)),
        liquidation_price: held.liquidation_price,
    }
}

fn settings(
    input: &AccountInput<'_>,
    check: &Check<'_>,
    instruments: &Instruments,
    as_of: Timestamp,
) -> Result<BTreeMap<Symbol, LeverageSetting>, DecodeError> {
    let (mut settings, read) = match &input.flat_settings {
        FlatSettings::Read(read) => (read.clone(), true),
        FlatSettings::Assume { other_than } => {
            (assume_default_settings(instruments, *other_than, as_of), false)
        }
    };
    for held in &check.state.positions {
        let setting = LeverageSetting::both(held.symbol.clone(), held.leverage, held.mode, as_of);
        let before = settings.insert(held.symbol.clone(), setting);
        if let Some(before) = before.filter(|b| read && (!b.is(held.leverage) || b.mode != held.mode)) {
            let problem = format!(
                "{}x {} for {}, but the setting was read as {}x {}",
                held.leverage, held.mode, held.symbol, before.long, before.mode
            );
            let path = Check::path(held, "leverage");
            return Err(check.error(&path, &problem, "read the state and the settings again"));
        }
    }
    if let Some((symbol, setting)) = settings.iter().find(|(symbol, setting)| **symbol != setting.symbol) {
        let problem = format!("the flat setting given for {symbol} is one of {}", setting.symbol);
        return Err(check.error("", &problem, "give each setting under its own symbol"));
    }
    Ok(settings)
}

/// Leverage settings for symbols whose setting nobody read: **an assumption**, for previews of recorded
/// accounts only. A leverage is never guessed where it matters: every setting made here differs from
/// `other_than`, the leverage that is wanted, so that a plan always contains the write of the wanted leverage.
/// When the assumption is wrong, that write may be redundant; it costs one request and changes nothing.
///
/// The assumed setting is the documented default (cross, 20x observed; at most the asset's maximum, isolated
/// where cross is not allowed), or one below it where that is `other_than` (2 in place of 1).
#[must_use]
pub fn assume_default_settings(
    instruments: &Instruments,
    other_than: Leverage,
    read_at: Timestamp,
) -> BTreeMap<Symbol, LeverageSetting> {
    let whole = |value: u32| Leverage::new(value).unwrap_or(Leverage::ONE);
    let setting = |instrument: &Instrument| {
        let default = whole(20).min(instrument.max_leverage());
        let leverage = if default != other_than {
            default
        } else {
            let below = default.get().checked_sub(Decimal::ONE);
            below.and_then(|below| Leverage::new(below).ok()).unwrap_or(whole(2))
        };
        let mode = match instrument.margin_modes {
            MarginModes::IsolatedOnly | MarginModes::StrictIsolated => MarginMode::Isolated,
            _ => MarginMode::Cross,
        };
        LeverageSetting::both(instrument.symbol.clone(), leverage, mode, read_at)
    };
    instruments.values().map(|instrument| (instrument.symbol.clone(), setting(instrument))).collect()
}

fn fees(input: &AccountInput<'_>, markets: &Markets) -> Result<FeeRates, DecodeError> {
    if let (Some(dex), FeeInput::Answer(_) | FeeInput::BaseTier) = (&markets.dex, input.fees) {
        return Err(DecodeError::new(
            DecodeErrorKind::Unsupported,
            input.meta_and_asset_ctxs.name,
            "[0].universe".to_owned(),
            &format!("the deployer of dex {dex} adds to the fees, and that is in none of the answers"),
            "give the rates that hold on that dex",
        ));
    }
    match input.fees {
        FeeInput::Known(rates) => Ok(rates),
        FeeInput::BaseTier => Ok(base_fees()),
        FeeInput::Answer(body) => decode_user_fees(body),
    }
}

fn open_orders(input: &AccountInput<'_>, instruments: &Instruments) -> Result<Vec<OpenOrder>, DecodeError> {
    let OpenOrdersInput::Answer(body) = input.open_orders else { return Ok(Vec::new()) };
    let mut orders = Vec::new();
    for order in decode_open_orders(body)? {
        let symbol = &order.symbol;
        // Spot pairs are `@107` or `PURR/USDC`, outcome tokens `+10` or `#10`; they move no perpetual margin.
        let spot = symbol.as_str().starts_with(['@', '+', '#']) || symbol.as_str().contains('/');
        if instruments.contains_key(symbol) {
            orders.push(order);
        } else if !spot {
            return Err(DecodeError::new(
                DecodeErrorKind::Inconsistent,
                body.name,
                String::new(),
                &format!(
                    "order {} is in {symbol}, which is not in the universe of {}",
                    order.venue_order_id, input.meta_and_asset_ctxs.name
                ),
                "take both answers for the same network and the same dex",
            ));
        }
    }
    Ok(orders)
}
