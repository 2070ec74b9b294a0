//! A whole account: several answers of one moment to one checked [`Snapshot`].

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_http::json::{DecodeError, DecodeErrorKind};
use evenkeel_types::{
    AccountId, Capabilities, Decimal, Exact as _, FeeRates, Instrument, Instruments, IsolatedMargin,
    Leverage, LeverageSetting, MarginMode, MarginModes, NumberError, OpenOrder, Position, PositionMode,
    PositionSide, Price, Quote, Scope, Snapshot, Symbol, Timestamp, Usd, VenueId,
};

use super::Body;
use super::account::{ClearinghouseState, HeldPosition, decode_clearinghouse_state};
use super::check::Check;
use super::equity;
use super::market::{Market, Markets, decode_meta_and_asset_ctxs};
use super::orders::decode_open_orders;
use super::wallet::{Abstraction, base_fees, decode_user_abstraction, decode_user_fees};

/// How the account's mode is known.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum AbstractionInput<'a> {
    /// The answer to `userAbstraction`.
    Answer(Body<'a>),
    /// What an earlier answer said.
    Known(Abstraction),
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

/// The answers about one dex: an account on the validator-operated dex, or on a builder dex.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs)] // Callers build it; every new input must be decided by them.
pub struct DexInput<'a> {
    /// The answer to `clearinghouseState`.
    pub clearinghouse_state: Body<'a>,
    /// The answer to `metaAndAssetCtxs`, of the same dex.
    pub meta_and_asset_ctxs: Body<'a>,
    /// Resting orders.
    pub open_orders: OpenOrdersInput<'a>,
    /// Fee rates.
    pub fees: FeeInput<'a>,
}

/// The answers that make an account.
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_structs)] // Callers build it; every new input must be decided by them.
pub struct AccountInput<'a> {
    /// How the snapshot calls the venue: `hyperliquid`.
    pub venue: VenueId,
    /// How the snapshot calls the account: its address.
    pub account: AccountId,
    /// What the venue lets one do: [`capabilities`](crate::capabilities()), or what was probed.
    pub capabilities: Capabilities,
    /// Symbols that the snapshot must cover even when flat.
    pub scope: Scope,
    /// The account's mode.
    pub abstraction: AbstractionInput<'a>,
    /// The dexes that the snapshot covers, each once.
    pub dexes: Vec<DexInput<'a>>,
    /// The answer to `spotClearinghouseState`; needed for unified accounts.
    pub spot_clearinghouse_state: Option<Body<'a>>,
    /// The `clearinghouseState` answers of all *other* dexes; needed for unified accounts, whose one balance backs
    /// them too. An empty list states that there are none, or that they are known to be flat.
    pub other_dexes: Option<&'a [Body<'a>]>,
    /// Answers to `activeAssetData`, with the symbol that each was asked for: free margin by the venue's own
    /// reckoning, which the balance of a unified account is checked against.
    pub available: Vec<(Symbol, Body<'a>)>,
    /// Leverage settings of flat symbols.
    pub flat_settings: FlatSettings,
}

/// One dex, decoded and checked by itself.
pub(super) struct Part<'a> {
    pub(super) input: DexInput<'a>,
    pub(super) markets: Markets,
    pub(super) state: ClearinghouseState,
}

impl Part<'_> {
    pub(super) fn check(&self) -> Check<'_> {
        Check { file: self.input.clearinghouse_state.name, state: &self.state }
    }
}

/// Decodes one account, and refuses it when it does not add up.
///
/// Prices are marks: a held symbol's is the one at which the venue valued the position, so that equity and
/// prices are of one moment; bid and ask are not in these answers. Spot orders are left out.
///
/// Equity of the cross pool, by account mode:
///
/// | mode | pools | equity | free |
/// |---|---|---|---|
/// | standard | one for each dex | `crossMarginSummary.accountValue` | the same less `crossMarginSummary.totalMarginUsed` |
/// | unified | one for each collateral, over all dexes | spot `total` of the collateral less isolated `marginUsed`, with the cross positions' unrealised profit as explained below | the venue's `availableToTrade`, at most equity less cross `marginUsed` |
///
/// The documentation does not say whether the unified `total` contains the unrealised profit of cross positions.
/// With an answer of [`AccountInput::available`], the reading that agrees with it within one percent is taken; where
/// both agree, or neither, or without such an answer, the lower one: a net loss is deducted and a net profit is not
/// added, so that the figure can be too low but not too high. An answer that is above both is refused.
///
/// In a standard account `free` does not deduct what resting orders reserve; planners count those themselves.
///
/// # Errors
/// [`DecodeError`] naming file, field and values: what cannot be read; what does not add up (the README lists
/// the checks); an account mode, or a negative equity, for which no honest figures can be given; a symbol in
/// scope without price or setting.
pub fn decode_snapshot(input: &AccountInput<'_>) -> Result<Snapshot, DecodeError> {
    decode_account(input).map(|(snapshot, _)| snapshot)
}

/// The same, with the markets of each dex.
pub(crate) fn decode_account(input: &AccountInput<'_>) -> Result<(Snapshot, Vec<Markets>), DecodeError> {
    let mode = match input.abstraction {
        AbstractionInput::Answer(body) => supported(decode_user_abstraction(body)?, body.name)?,
        AbstractionInput::AssumeStandard => Abstraction::Standard,
        AbstractionInput::Known(mode) => supported(mode, "userAbstraction")?,
    };
    let mut parts = Vec::with_capacity(input.dexes.len());
    for dex in &input.dexes {
        let mut markets = decode_meta_and_asset_ctxs(dex.meta_and_asset_ctxs)?;
        let state = decode_clearinghouse_state(dex.clearinghouse_state)?;
        if mode == Abstraction::Unified {
            markets.share_pool(dex.meta_and_asset_ctxs.name)?;
        }
        let part = Part { input: *dex, markets, state };
        let check = part.check();
        check.positions()?;
        check.markets(&part.markets, dex.meta_and_asset_ctxs.name)?;
        parts.push(part);
    }
    let Some(first) = parts.first() else {
        let problem = "no answers were given";
        let remedy = "give those of at least one dex";
        return Err(DecodeError::new(DecodeErrorKind::Missing, "account", String::new(), problem, remedy));
    };
    let mut as_of = first.state.time;
    let mut snapshot = Snapshot {
        venue: input.venue.clone(),
        account: input.account.clone(),
        as_of: Timestamp(0),
        capabilities: input.capabilities.clone(),
        position_mode: PositionMode::OneWay,
        pools: match mode {
            Abstraction::Unified => equity::unified_pools(input, &parts)?,
            _ => parts.iter().map(equity::standard_pool).collect::<Result<_, _>>()?,
        },
        positions: Vec::new(),
        settings: BTreeMap::new(),
        quotes: BTreeMap::new(),
        instruments: Instruments::new(),
        fees: BTreeMap::new(),
        open_orders: Vec::new(),
    };
    for part in &parts {
        // The oldest reading is the snapshot's age.
        let time = part.state.time.ok_or_else(|| missing(&part.check(), "time"))?;
        as_of = as_of.map(|as_of| as_of.min(time));
        add_dex(&mut snapshot, part)?;
    }
    snapshot.as_of = as_of.unwrap_or(Timestamp(0));
    settings(input, &parts, &mut snapshot)?;
    for symbol in &input.scope.symbols {
        if !snapshot.instruments.contains_key(symbol) {
            return Err(DecodeError::new(
                DecodeErrorKind::Missing,
                first.input.meta_and_asset_ctxs.name,
                "[0].universe".to_owned(),
                &format!("there is no {symbol}"),
                "spell it as the venue does (BTC, kPEPE, xyz:XYZ100)",
            ));
        }
    }
    snapshot.validate(&input.scope).map_err(|error| {
        let remedy = "record the missing answer, or take the symbol out of the scope";
        first.check().error("", &error.to_string(), remedy)
    })?;
    Ok((snapshot, parts.into_iter().map(|part| part.markets).collect()))
}

fn add_dex(snapshot: &mut Snapshot, part: &Part<'_>) -> Result<(), DecodeError> {
    let check = part.check();
    for market in &part.markets.list {
        if let Some(mark) = market.mark {
            let quote = Quote { mark, bid: None, ask: None };
            snapshot.quotes.insert(market.instrument.symbol.clone(), quote);
        }
    }
    for held in &part.state.positions {
        // A position in an unknown coin was refused by the check before.
        let Some(market) = part.markets.get(&held.symbol) else { continue };
        let mark = valued_at(&check, held, market)?;
        snapshot.quotes.insert(held.symbol.clone(), Quote { mark, bid: None, ask: None });
        snapshot.positions.push(position(held, market));
    }
    let instruments = part.markets.instruments();
    let fees = fees(&part.input, &part.markets)?;
    snapshot.fees.extend(instruments.keys().map(|symbol| (symbol.clone(), fees)));
    let seen: BTreeSet<String> = snapshot.open_orders.iter().map(|o| o.venue_order_id.clone()).collect();
    let orders = open_orders(&part.input, &instruments)?;
    snapshot.open_orders.extend(orders.into_iter().filter(|order| !seen.contains(&order.venue_order_id)));
    for (symbol, instrument) in instruments {
        if snapshot.instruments.insert(symbol.clone(), instrument).is_some() {
            let problem = format!("{symbol} is in the answers of two dexes");
            return Err(check.error("", &problem, "give the answers of each dex once"));
        }
    }
    Ok(())
}

pub(super) fn missing(check: &Check<'_>, field: &str) -> DecodeError {
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

pub(super) fn overflow<T>(
    check: &Check<'_>,
    path: &str,
    result: Result<T, NumberError>,
) -> Result<T, DecodeError> {
    result.map_err(|error| check.error(path, &error.to_string(), "take the venue's answer unchanged"))
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

/// The settings that were given for flat symbols, and those of the positions.
fn settings(
    input: &AccountInput<'_>,
    parts: &[Part<'_>],
    snapshot: &mut Snapshot,
) -> Result<(), DecodeError> {
    let (mut settings, read) = match &input.flat_settings {
        FlatSettings::Read(read) => (read.clone(), true),
        FlatSettings::Assume { other_than } => {
            (assume_default_settings(&snapshot.instruments, *other_than, snapshot.as_of), false)
        }
    };
    for part in parts {
        let check = part.check();
        for held in &part.state.positions {
            let setting =
                LeverageSetting::both(held.symbol.clone(), held.leverage, held.mode, snapshot.as_of);
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
        let wrong = settings.iter().find(|(symbol, setting)| **symbol != setting.symbol);
        if let Some((symbol, setting)) = wrong {
            let problem = format!("the flat setting given for {symbol} is one of {}", setting.symbol);
            return Err(check.error("", &problem, "give each setting under its own symbol"));
        }
    }
    snapshot.settings = settings;
    Ok(())
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

fn fees(input: &DexInput<'_>, markets: &Markets) -> Result<FeeRates, DecodeError> {
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

fn open_orders(input: &DexInput<'_>, instruments: &Instruments) -> Result<Vec<OpenOrder>, DecodeError> {
    let OpenOrdersInput::Answer(body) = input.open_orders else { return Ok(Vec::new()) };
    let mut orders = Vec::new();
    for order in decode_open_orders(body)? {
        let symbol = &order.symbol;
        if instruments.contains_key(symbol) {
            orders.push(order);
        } else if !crate::encode::is_spot(symbol) {
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
