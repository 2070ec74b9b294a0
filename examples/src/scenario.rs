//! Accounts written down as TOML; the form is described in `examples/scenarios/README.md`.

use std::collections::BTreeMap;
use std::path::Path;

use evenkeel_exchange::{ErrorKind, Operation, chain};
use evenkeel_margin::maintenance_rate;
use evenkeel_paper::{Execution, Fault, FaultRule, Lag, PaperVenue, Profile, World, profiles};
use evenkeel_rebalance::{Gross, Policy, Rest};
use evenkeel_types::{
    AccountId, Collateral, Decimal, Instrument, Instruments, IsolatedMargin, Leverage, LeverageSetting, Lot,
    MarginMode, MarginModes, MarginPool, PoolId, Position, PositionMode, PositionSide, Price, PriceRule, Qty,
    Quote, Rate, Snapshot, Symbol, TierRow, Tiers, Timestamp, TradingStatus, Usd, VenueId, decimal_text,
};
use serde::Deserialize;

use crate::failure::Failure;
use crate::wish::{Changes, Wish};
use crate::{Case, Place};

/// The scenarios that are built in, by name.
pub const BUILT_IN: [(&str, &str); 6] = [
    ("mixed-leverage", include_str!("../scenarios/mixed-leverage.toml")),
    ("margin-starved", include_str!("../scenarios/margin-starved.toml")),
    ("close-fails", include_str!("../scenarios/close-fails.toml")),
    ("fits", include_str!("../scenarios/fits.toml")),
    ("ratio-only", include_str!("../scenarios/ratio-only.toml")),
    ("add-funds", include_str!("../scenarios/add-funds.toml")),
];

/// When a scenario takes place: 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp(1_767_225_600_000);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: Option<String>,
    account_value: Usd,
    #[serde(default = "zero")]
    added_funds: Usd,
    #[serde(default = "hyperliquid")]
    profile: String,
    #[serde(default = "two_basis_points")]
    fills: Rate,
    #[serde(default)]
    seed: u64,
    instruments: BTreeMap<Symbol, InstrumentRow>,
    #[serde(default)]
    positions: BTreeMap<Symbol, PositionRow>,
    target: TargetRow,
    #[serde(default = "Policy::conservative")]
    policy: Policy,
    #[serde(default)]
    faults: Vec<FaultRow>,
}

fn zero() -> Usd {
    Usd::ZERO
}
fn hyperliquid() -> String {
    "hyperliquid".to_owned()
}
fn two_basis_points() -> Rate {
    Rate::new(Decimal::new(2, 4)).unwrap_or(Rate::ZERO)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InstrumentRow {
    mark: Price,
    #[serde(with = "decimal_text")]
    lot: Decimal,
    max_leverage: Option<Leverage>,
    tiers: Option<Vec<TierEntry>>,
    #[serde(default, with = "decimal_text::optional")]
    leverage_step: Option<Decimal>,
    min_notional: Option<Usd>,
    max_order: Option<Qty>,
    tick: Option<Price>,
    #[serde(default)]
    isolated_only: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierEntry {
    from: Usd,
    max_leverage: Leverage,
    maintenance: Rate,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PositionRow {
    size: Option<Qty>,
    value: Option<Usd>,
    leverage: Leverage,
    #[serde(default = "cross")]
    mode: MarginMode,
    entry: Option<Price>,
    margin: Option<Usd>,
}

fn cross() -> MarginMode {
    MarginMode::Cross
}

/// A percent weight as people write it.
#[derive(Debug, Deserialize)]
struct Percent(#[serde(with = "decimal_text")] Decimal);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetRow {
    weights: BTreeMap<String, Percent>,
    leverage: Leverage,
    #[serde(default)]
    leverages: BTreeMap<String, Leverage>,
    gross: Option<String>,
    margin_mode: Option<MarginMode>,
    #[serde(default = "close")]
    rest: Rest,
}

fn close() -> Rest {
    Rest::Close
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultRow {
    on: Option<Call>,
    symbol: Option<Symbol>,
    what: What,
    from: Option<u64>,
    times: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Call {
    Place,
    Cancel,
    SetLeverage,
    SetMarginMode,
    AdjustMargin,
    Snapshot,
    Leverage,
    Order,
    Fills,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Refuse,
    LoseRequest,
    LoseAnswer,
    Ignore,
    PartialFill,
    LateMargin,
}

/// A built-in scenario by its name, or a file by its path, on a paper exchange.
///
/// # Errors
/// An unknown name, an unreadable file, or a field that is not as described, in one line.
pub fn load(name: &str, changes: &Changes, seed: Option<u64>) -> Result<Case, Failure> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return read(name, text, changes, seed);
    }
    let path = Path::new(name);
    if !path.exists() {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        return Err(Failure::input(format!(
            "--scenario: `{name}` is neither a scenario ({}) nor a file",
            names.join(", ")
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| Failure::input(format!("{name}: {error}")))?;
    read(name, &text, changes, seed)
}

/// A scenario's first line, for lists.
#[must_use]
pub fn title(text: &str) -> Option<String> {
    toml::from_str::<File>(text).ok()?.title
}

/// Any TOML text as a type, with errors of one line that name file, line, and what stands there.
///
/// # Errors
/// The first thing that is not as described.
pub fn from_toml<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T, Failure> {
    toml::from_str(text).map_err(|error| {
        let message = error.message().trim();
        let Some(span) = error.span() else { return Failure::input(format!("{name}: {message}")) };
        let before = text.get(..span.start).unwrap_or_default();
        let number = before.matches('\n').count() + 1;
        let line = text.lines().nth(number - 1).unwrap_or_default().trim();
        let shown = if line.is_empty() { String::new() } else { format!("`{line}`: ") };
        Failure::input(format!("{name}: line {number}: {shown}{message}"))
    })
}

fn read(name: &str, text: &str, changes: &Changes, seed: Option<u64>) -> Result<Case, Failure> {
    let file: File = from_toml(name, text)?;
    let refused =
        |field: &str, why: &dyn std::fmt::Display| Failure::input(format!("{name}: {field}: {why}"));
    let profile =
        profiles::all().into_iter().find(|profile| profile.name == file.profile).ok_or_else(|| {
            refused("profile", &format!("`{}` is none of hyperliquid, binance, bybit, bingx", file.profile))
        })?;

    let gross = match &file.target.gross {
        None => Gross::Preserve,
        Some(text) => crate::wish::gross(text).map_err(|why| refused("target.gross", &why))?,
    };
    let wish = Wish {
        weights: file
            .target
            .weights
            .iter()
            .map(|(symbol, p)| (symbol.clone(), p.0.normalize().to_string()))
            .collect(),
        leverage: file.target.leverage,
        leverages: file.target.leverages.clone(),
        gross,
        margin_mode: file.target.margin_mode,
        rest: file.target.rest,
        policy: file.policy.clone(),
    };

    let snapshot = account(&file, &profile, &refused)?;
    let mut world = World::fork(&snapshot, &profile, seed.unwrap_or(file.seed))
        .map_err(|error| Failure::input(format!("{name}: {}", chain(&error))))?;
    world.set_execution(Execution::Slippage(file.fills));
    world.inject(file.faults.iter().map(fault));
    let mut assumptions = Vec::new();
    if !file.added_funds.is_zero() {
        for pool in &snapshot.pools {
            world.add_funds(&pool.id, file.added_funds).map_err(|error| refused("added_funds", &error))?;
        }
        assumptions.push(format!(
            "{:.2} was added to an account value of {:.2}",
            file.added_funds, file.account_value
        ));
    }
    Ok(Case {
        title: file.title.unwrap_or_else(|| name.to_owned()),
        assumptions,
        place: Place::Paper(PaperVenue::new(world)),
        wish: wish.with(changes),
    })
}

type Refused<'a> = &'a dyn Fn(&str, &dyn std::fmt::Display) -> Failure;

fn account(file: &File, profile: &Profile, refused: Refused<'_>) -> Result<Snapshot, Failure> {
    let collateral = if profile.name == "hyperliquid" { "USDC" } else { "USDT" };
    let name = |text: &str| Symbol::new(text).map_err(Failure::input);
    let pool = PoolId(name(collateral)?);
    let mut snapshot = Snapshot {
        venue: VenueId::new(&format!("paper-{}", profile.name)).map_err(Failure::input)?,
        account: AccountId::new("scenario").map_err(Failure::input)?,
        as_of: START,
        capabilities: profile.capabilities.clone(),
        position_mode: PositionMode::OneWay,
        pools: Vec::new(),
        positions: Vec::new(),
        settings: BTreeMap::new(),
        quotes: BTreeMap::new(),
        instruments: Instruments::new(),
        fees: BTreeMap::new(),
        open_orders: Vec::new(),
    };
    for (symbol, row) in &file.instruments {
        let field = format!("instruments.{symbol}");
        let instrument =
            instrument(symbol, row, profile, pool.clone()).map_err(|why| refused(&field, &why))?;
        snapshot.instruments.insert(symbol.clone(), instrument);
        snapshot.quotes.insert(symbol.clone(), Quote { mark: row.mark, bid: None, ask: None });
        // One rate for everything that is planned and paid, so that a scenario's figures are exact.
        let mut fees = profile.fees;
        fees.taker = file.policy.fee.unwrap_or(fees.taker);
        snapshot.fees.insert(symbol.clone(), fees);
    }
    let mut buckets = Usd::ZERO;
    let mut margin = Usd::ZERO;
    for (symbol, row) in &file.positions {
        let field = format!("positions.{symbol}");
        let Some(market) = file.instruments.get(symbol) else {
            return Err(refused(&field, &format!("there is no instruments.{symbol}")));
        };
        let position = position(symbol, row, market).map_err(|why| refused(&field, &why))?;
        let sums = || {
            let needed = row.leverage.margin(position.notional(market.mark)?)?;
            match position.isolated {
                Some(bucket) => Ok::<_, evenkeel_types::NumberError>((buckets.plus(bucket.equity)?, margin)),
                None => Ok((buckets, margin.plus(needed)?)),
            }
        };
        (buckets, margin) = sums().map_err(|error| refused(&field, &error))?;
        let setting = LeverageSetting::both(symbol.clone(), row.leverage, row.mode, START);
        snapshot.settings.insert(symbol.clone(), setting);
        snapshot.positions.push(position);
    }
    if file.account_value.is_negative() {
        return Err(refused(
            "account_value",
            &format!("{} is not allowed; it must be zero or above", file.account_value),
        ));
    }
    let equity = file.account_value.minus(buckets).map_err(|error| refused("account_value", &error))?;
    if equity.is_negative() {
        return Err(refused(
            "account_value",
            &format!(
                "{} is less than the {buckets} in the buckets of isolated positions",
                file.account_value
            ),
        ));
    }
    let free = equity.minus(margin).map_err(|error| refused("account_value", &error))?.max(Usd::ZERO);
    snapshot.pools.push(MarginPool {
        id: pool,
        collateral: Collateral::new(collateral).map_err(Failure::input)?,
        equity,
        free,
        withdrawable: None,
        transferable: None,
    });
    Ok(snapshot)
}

fn instrument(
    symbol: &Symbol,
    row: &InstrumentRow,
    profile: &Profile,
    pool: PoolId,
) -> Result<Instrument, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let rows = match (&row.tiers, row.max_leverage) {
        (Some(tiers), None) => tiers
            .iter()
            .map(|tier| TierRow {
                notional_floor: tier.from,
                max_leverage: tier.max_leverage,
                maintenance_rate: tier.maintenance,
                deduction: None,
            })
            .collect(),
        (None, Some(max_leverage)) => vec![TierRow {
            notional_floor: Usd::ZERO,
            max_leverage,
            maintenance_rate: maintenance_rate(max_leverage).map_err(|error| text(&error))?,
            deduction: None,
        }],
        _ => return Err("it needs either max_leverage or tiers".to_owned()),
    };
    let lot = Lot::new(row.lot).map_err(|error| text(&error))?;
    Ok(Instrument {
        symbol: symbol.clone(),
        pool,
        price_rule: match row.tick {
            Some(tick) => PriceRule::Tick(tick),
            None => PriceRule::SignificantFigures {
                figures: 5,
                max_decimals: 6u32.saturating_sub(row.lot.normalize().scale()),
                integers_always: true,
            },
        },
        lot,
        min_qty: None,
        max_qty: row.max_order,
        min_notional: Some(row.min_notional.unwrap_or(profile.min_notional)),
        leverage_step: row.leverage_step.unwrap_or(profile.leverage_step),
        tiers: Tiers::new(&rows, None).map_err(|error| text(&error))?,
        liquidation_fee: profile.liquidation_fee,
        margin_modes: if row.isolated_only { MarginModes::IsolatedOnly } else { MarginModes::Both },
        status: TradingStatus::Trading,
        funding_interval: Some(profile.funding_interval),
    })
}

fn position(symbol: &Symbol, row: &PositionRow, market: &InstrumentRow) -> Result<Position, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let lot = Lot::new(market.lot).map_err(|error| text(&error))?;
    let qty = match (row.size, row.value) {
        (Some(size), None) => size,
        (None, Some(value)) => {
            let qty = market.mark.quantity(value).map_err(|error| text(&error))?;
            lot.toward_zero(qty).map_err(|error| text(&error))?
        }
        _ => return Err("it needs either size or value".to_owned()),
    };
    if qty.is_zero() {
        return Err("its size is zero; leave the position out".to_owned());
    }
    if !lot.divides(qty) {
        return Err(format!("size {qty} is not a multiple of the lot, {}", market.lot.normalize()));
    }
    let isolated = match row.mode {
        MarginMode::Cross if row.margin.is_some() => {
            return Err("margin is of isolated positions only".to_owned());
        }
        MarginMode::Cross => None,
        MarginMode::Isolated => {
            let needed = || row.leverage.margin(market.mark.value(qty)?);
            let equity = row.margin.map_or_else(needed, Ok).map_err(|error| text(&error))?;
            Some(IsolatedMargin { equity })
        }
    };
    Ok(Position {
        symbol: symbol.clone(),
        side: PositionSide::Net,
        qty,
        entry: Some(row.entry.unwrap_or(market.mark)),
        mode: row.mode,
        leverage: row.leverage,
        isolated,
        max_leverage: None,
        liquidation_price: None,
    })
}

fn fault(row: &FaultRow) -> FaultRule {
    let fault = match row.what {
        What::Refuse => Fault::Refuse { kind: ErrorKind::Rejected, retry_after: None },
        What::LoseRequest => Fault::LoseRequest,
        What::LoseAnswer => Fault::LoseAnswer,
        What::Ignore => Fault::Ignore,
        What::PartialFill => Fault::PartialFill { permille: 500 },
        What::LateMargin => Fault::LateMargin { lag: Lag::Reads(2) },
    };
    let mut rule = FaultRule::new(fault);
    if let Some(call) = row.on {
        rule = rule.on(match call {
            Call::Place => Operation::Place,
            Call::Cancel => Operation::Cancel,
            Call::SetLeverage => Operation::SetLeverage,
            Call::SetMarginMode => Operation::SetMarginMode,
            Call::AdjustMargin => Operation::AdjustMargin,
            Call::Snapshot => Operation::Snapshot,
            Call::Leverage => Operation::Leverage,
            Call::Order => Operation::Order,
            Call::Fills => Operation::Fills,
        });
    }
    if let Some(symbol) = &row.symbol {
        rule = rule.symbol(symbol.clone());
    }
    if let Some(from) = row.from {
        rule = rule.from(from);
    }
    if let Some(times) = row.times {
        rule = rule.times(times);
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_scenario_is_an_account() {
        for (name, text) in BUILT_IN {
            let case = read(name, text, &Changes::default(), None).unwrap_or_else(|error| panic!("{error}"));
            assert!(matches!(case.place, Place::Paper(_)), "{name}");
            assert!(title(text).is_some_and(|title| title.len() <= 80), "{name}");
            let fee = case.wish.policy.fee.map(|fee| fee.to_string());
            assert_eq!(fee.as_deref(), Some("0.00045"), "{name} pins its fee");
            assert_eq!(case.wish.policy.slippage.to_string(), "0.0005", "{name} pins its slippage");
            assert!(case.wish.policy.reserve.is_zero() && case.wish.policy.stress.get().is_zero(), "{name}");
        }
    }

    fn refused(from: &str, to: &str) -> String {
        let text = BUILT_IN[0].1;
        assert!(text.contains(from), "{from}");
        let error = read("my.toml", &text.replacen(from, to, 1), &Changes::default(), None).err();
        error.map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn errors_name_the_file_the_field_and_the_value() {
        for (from, to, expected) in [
            (
                "mark = \"166.4\"",
                "mark = 166.4",
                "my.toml: line 6: `mark = 166.4`: invalid type: floating point",
            ),
            ("mark = \"166.4\"", "mark = \"-1\"", "price must be above zero, not -1"),
            ("max_leverage = 20", "max_leverag = 20", "unknown field `max_leverag`"),
            ("max_leverage = 20", "", "instruments.SOL: it needs either max_leverage or tiers"),
            (
                "size = \"0.54\"",
                "size = \"0.545\"",
                "positions.SOL: size 0.545 is not a multiple of the lot, 0.01",
            ),
            ("size = \"0.54\"", "", "positions.SOL: it needs either size or value"),
            ("[positions.SOL]", "[positions.DOGE]", "positions.DOGE: there is no instruments.DOGE"),
            ("leverage = \"2\"", "leverage = 0", "leverage must be at least 1, not 0"),
            ("account_value = \"200\"", "account_value = \"lots\"", "is not a decimal number: `lots`"),
            (
                "account_value = \"200\"",
                "account_value = \"200\"\nprofile = \"ftx\"",
                "profile: `ftx` is none of",
            ),
            ("slippage = \"0.0005\"", "slipage = \"0.0005\"", "unknown field `slipage`"),
        ] {
            let error = refused(from, to);
            assert!(error.starts_with("my.toml: ") && error.contains(expected), "{to}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        assert_eq!(refused("size = \"0.54\"", "value = \"90\""), "");
    }
}
