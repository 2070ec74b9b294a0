//! `meta` and `metaAndAssetCtxs`: instruments, and the prices of the moment.

use core::time::Duration;
use std::collections::BTreeMap;

use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Field, Node};
use evenkeel_types::{
    Collateral, Decimal, Exact as _, Instrument, Instruments, Leverage, Lot, MarginModes, PoolId, Price,
    PriceRule, Qty, Rate, Symbol, TierRow, Tiers, TradingStatus, Usd,
};

use super::Body;
use crate::wire;

/// Prices have at most this many decimals less the size's decimals (perpetuals; it would be 8 for spot).
const PRICE_DECIMALS: u32 = 6;
/// Prices have at most this many significant figures unless they are integers.
const PRICE_FIGURES: u32 = 5;
/// Smallest order value in USD, tested on size times limit price.
const MIN_NOTIONAL: u32 = 10;
/// From this id on, a margin table must be in the answer; a lower id is itself the leverage of a single tier.
const FIRST_TABLE_ID: u32 = 50;
/// Funding is paid every hour.
const FUNDING_INTERVAL: Duration = Duration::from_secs(3600);

/// One perpetual of the venue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Market {
    /// Its position in the universe: what actions call `asset`, for the first dex. Delisted assets keep theirs.
    pub index: u32,
    /// Its rules. `max_qty` is only there when a mark price was: the venue limits an order's *value*, which is
    /// divided by the mark and rounded down to a lot.
    pub instrument: Instrument,
    /// Mark price, where the answer had contexts.
    pub mark: Option<Price>,
    /// Oracle price, where the answer had contexts.
    pub oracle: Option<Price>,
    /// Funding rate of the current hour, where the answer had contexts. Positive: longs pay.
    pub funding: Option<Rate>,
}

/// All perpetuals of one dex, in the venue's order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Markets {
    /// `None` for the validator-operated dex, else the builder dex that the coins are prefixed with (`xyz`).
    pub dex: Option<String>,
    /// Index of the spot token that margin is posted in; 0 is USDC.
    pub collateral_token: u32,
    /// The name of that token: `USDC`, or `token360` where only its index is known.
    pub collateral: Collateral,
    /// The cross pool of this dex: `USDC`, or `xyz:USDC` for a builder dex.
    pub pool: PoolId,
    /// The perpetuals.
    pub list: Vec<Market>,
}

impl Markets {
    /// A perpetual by name.
    #[must_use]
    pub fn get(&self, symbol: &Symbol) -> Option<&Market> {
        self.list.iter().find(|market| market.instrument.symbol == *symbol)
    }

    /// Makes the pool that of the collateral: in a unified account one balance backs all dexes that use it.
    pub(super) fn share_pool(&mut self, file: &str) -> Result<(), DecodeError> {
        let shared = Symbol::new(self.collateral.as_str()).map_err(|error| {
            DecodeError::new(
                DecodeErrorKind::Value,
                file,
                String::new(),
                &error.to_string(),
                "name it otherwise",
            )
        })?;
        self.pool = PoolId(shared);
        for market in &mut self.list {
            market.instrument.pool = self.pool.clone();
        }
        Ok(())
    }

    /// The rules of all of them by name.
    #[must_use]
    pub fn instruments(&self) -> Instruments {
        self.list.iter().map(|m| (m.instrument.symbol.clone(), m.instrument.clone())).collect()
    }
}

/// Decodes `meta`: instruments without prices.
///
/// # Errors
/// [`DecodeError`] naming the field: broken JSON, a missing or odd number, a margin table that is not in the
/// answer, a maximum leverage that contradicts its table, coins of more than one dex.
pub fn decode_meta(body: Body<'_>) -> Result<Markets, DecodeError> {
    markets(&Document::read(body)?.root(), None)
}

/// Decodes `metaAndAssetCtxs`: instruments with their prices.
///
/// # Errors
/// As [`decode_meta`], and when the contexts do not match the universe one by one.
pub fn decode_meta_and_asset_ctxs(body: Body<'_>) -> Result<Markets, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let pair = root.array()?;
    let (Some(&meta), Some(&contexts), 2) = (pair.first(), pair.get(1), pair.len()) else {
        let problem = format!("expected the pair [meta, contexts], not {} elements", pair.len());
        return Err(root.invalid(&problem));
    };
    markets(&root.index(0, Some(meta)), Some(&root.index(1, Some(contexts))))
}

fn markets(meta: &Node<'_, '_>, contexts: Option<&Node<'_, '_>>) -> Result<Markets, DecodeError> {
    let wire: wire::Meta<'_> = meta.object()?;
    let universe = meta.key("universe", wire.universe);
    let rows = universe.array()?;
    let context_rows = contexts.map(Node::array).transpose()?;
    if let (Some(contexts), Some(context_rows)) = (contexts, &context_rows)
        && context_rows.len() != rows.len()
    {
        let problem = format!(
            "{} contexts for {} assets of the universe: they belong together by position",
            context_rows.len(),
            rows.len()
        );
        return Err(inconsistent(contexts, &problem));
    }
    let tables = margin_tables(&meta.key("marginTables", wire.margin_tables))?;

    let dex = dex(&universe, &rows)?;
    let token = match (meta.key("collateralToken", wire.collateral_token).optional(), &dex) {
        (Some(token), _) => token.small()?,
        // Bodies from before there were builder dexes lack the field; the first dex is margined in USDC.
        (None, None) => 0,
        (None, Some(_)) => meta.key("collateralToken", wire.collateral_token).small()?,
    };
    let name = if token == 0 { "USDC".to_owned() } else { format!("token{token}") };
    let pool = dex.as_ref().map_or_else(|| name.clone(), |dex| format!("{dex}:{name}"));
    let collateral = Collateral::new(&name).map_err(|error| universe.invalid(&error.to_string()))?;
    let pool = PoolId(Symbol::new(&pool).map_err(|error| universe.invalid(&error.to_string()))?);

    let mut seen = BTreeMap::new();
    let mut list = Vec::with_capacity(rows.len());
    for (index, raw) in rows.iter().enumerate() {
        let node = universe.index(index, Some(*raw));
        let context = match (contexts, context_rows.as_ref().and_then(|rows| rows.get(index))) {
            (Some(contexts), Some(raw)) => context(&contexts.index(index, Some(*raw)))?,
            _ => Context::default(),
        };
        let market = market(&node, index, &pool, &tables, context)?;
        if let Some(other) = seen.insert(market.instrument.symbol.clone(), index) {
            let problem = format!("{} is also at position {other}", market.instrument.symbol);
            return Err(inconsistent(&node, &problem));
        }
        list.push(market);
    }
    Ok(Markets { dex, collateral_token: token, collateral, pool, list })
}

fn inconsistent(node: &Node<'_, '_>, problem: &str) -> DecodeError {
    node.error(
        DecodeErrorKind::Inconsistent,
        problem,
        "take both parts from one unedited answer of one network",
    )
}

/// The prefix that all coins share: a builder dex, or none.
fn dex<'a>(universe: &Node<'_, 'a>, rows: &[Field<'a>]) -> Result<Option<String>, DecodeError> {
    let mut dex: Option<Option<String>> = None;
    for (index, raw) in rows.iter().enumerate() {
        let node = universe.index(index, Some(*raw));
        let wire: wire::Asset<'_> = node.object()?;
        let name = node.key("name", wire.name);
        let own = name.string()?.split_once(':').map(|(dex, _)| dex.to_owned());
        match &dex {
            None => dex = Some(own),
            Some(first) if *first == own => {}
            Some(first) => {
                let name = |dex: &Option<String>| dex.clone().unwrap_or_else(|| "the first dex".to_owned());
                let problem =
                    format!("a coin of {} among those of {}", evenkeel_http::cut(&name(&own)), name(first));
                return Err(inconsistent(&node, &problem));
            }
        }
    }
    Ok(dex.flatten())
}

struct Tier {
    floor: Usd,
    max_leverage: u32,
}

fn margin_tables(node: &Node<'_, '_>) -> Result<BTreeMap<u32, Vec<Tier>>, DecodeError> {
    let mut tables = BTreeMap::new();
    let Some(node) = node.optional() else { return Ok(tables) };
    for (index, raw) in node.array()?.into_iter().enumerate() {
        let entry = node.index(index, Some(raw));
        let pair = entry.array()?;
        let (Some(&id), Some(&table), 2) = (pair.first(), pair.get(1), pair.len()) else {
            return Err(entry.invalid("expected the pair [id, table]"));
        };
        let id = entry.index(0, Some(id)).small()?;
        let table = entry.index(1, Some(table));
        let wire: wire::MarginTable<'_> = table.object()?;
        let rows = table.key("marginTiers", wire.margin_tiers);
        let mut tiers = Vec::new();
        for (index, raw) in rows.array()?.into_iter().enumerate() {
            let row = rows.index(index, Some(raw));
            let wire: wire::MarginTier<'_> = row.object()?;
            tiers.push(Tier {
                floor: row.key("lowerBound", wire.lower_bound).number()?,
                max_leverage: leverage_integer(&row.key("maxLeverage", wire.max_leverage))?,
            });
        }
        if tables.insert(id, tiers).is_some() {
            return Err(inconsistent(&entry, &format!("margin table {id} appears twice")));
        }
    }
    Ok(tables)
}

fn leverage_integer(node: &Node<'_, '_>) -> Result<u32, DecodeError> {
    match node.small()? {
        0 => Err(node.invalid("leverage must be at least 1, not 0")),
        value => Ok(value),
    }
}

/// Maintenance margin rate of a tier: half of the initial margin at its maximum leverage, `1 / (2 * max)`.
pub(super) fn maintenance_rate(max_leverage: u32) -> Result<Rate, evenkeel_types::NumberError> {
    Rate::new(Decimal::ONE.over(Decimal::from(max_leverage).times(Decimal::TWO)?)?)
}

#[derive(Clone, Copy, Default)]
struct Context {
    mark: Option<Price>,
    oracle: Option<Price>,
    funding: Option<Rate>,
}

fn context(node: &Node<'_, '_>) -> Result<Context, DecodeError> {
    let wire: wire::AssetContext<'_> = node.object()?;
    // Assets without a market may lack a price. Such a price stays absent; whoever needs it is told so.
    let price = |node: Node<'_, '_>| node.optional().map(|node| node.number()).transpose();
    Ok(Context {
        mark: price(node.key("markPx", wire.mark_px))?,
        oracle: price(node.key("oraclePx", wire.oracle_px))?,
        funding: node.key("funding", wire.funding).optional().map(|node| node.number()).transpose()?,
    })
}

fn market(
    node: &Node<'_, '_>,
    index: usize,
    pool: &PoolId,
    tables: &BTreeMap<u32, Vec<Tier>>,
    context: Context,
) -> Result<Market, DecodeError> {
    let wire: wire::Asset<'_> = node.object()?;
    let symbol = node.key("name", wire.name).symbol()?;
    let delisted = node.key("isDelisted", wire.is_delisted).optional_flag()?;

    let decimals = node.key("szDecimals", wire.sz_decimals);
    let sz_decimals = decimals.small()?;
    let max_decimals = PRICE_DECIMALS.checked_sub(sz_decimals).ok_or_else(|| {
        decimals.invalid(&format!("{sz_decimals} size decimals leave none of {PRICE_DECIMALS} for the price"))
    })?;
    let lot = decimals.computed(Lot::decimals(sz_decimals))?;

    let max = node.key("maxLeverage", wire.max_leverage);
    let max_leverage = leverage_integer(&max)?;
    let table = node.key("marginTableId", wire.margin_table_id);
    let rows = tier_rows(&table, max_leverage, tables)?;
    let tiers = Tiers::new(&rows, None).map_err(|error| inconsistent(&table, &error.to_string()))?;
    // Nobody trades a delisted asset any more; its leftovers must not make all others unreadable.
    if !delisted && tiers.at(Usd::ZERO).max_leverage.get() != Decimal::from(max_leverage) {
        let problem = format!(
            "{max_leverage} is not the {} of the lowest tier of its margin table",
            tiers.at(Usd::ZERO).max_leverage
        );
        return Err(inconsistent(&max, &problem));
    }

    let max_qty = match context.mark {
        Some(mark) => Some(node.computed(max_order_qty(max_leverage, mark, lot))?),
        None => None,
    };
    let instrument = Instrument {
        margin_modes: margin_modes(node, &wire)?,
        symbol,
        pool: pool.clone(),
        price_rule: PriceRule::SignificantFigures {
            figures: PRICE_FIGURES,
            max_decimals,
            integers_always: true,
        },
        lot,
        min_qty: None,
        max_qty,
        min_notional: Some(node.computed(Usd::new(MIN_NOTIONAL))?),
        leverage_step: Decimal::ONE,
        tiers,
        liquidation_fee: Rate::ZERO,
        status: if delisted { TradingStatus::Closed } else { TradingStatus::Trading },
        funding_interval: Some(FUNDING_INTERVAL),
    };
    let index = u32::try_from(index).map_err(|_| node.invalid("more assets than can be counted"))?;
    Ok(Market { index, instrument, mark: context.mark, oracle: context.oracle, funding: context.funding })
}

/// The tiers of a margin table id: those of the answer; below 50 and not in the answer, a single tier with the
/// id as its maximum leverage; without an id (old answers), a single tier with the asset's own maximum.
fn tier_rows(
    node: &Node<'_, '_>,
    max_leverage: u32,
    tables: &BTreeMap<u32, Vec<Tier>>,
) -> Result<Vec<TierRow>, DecodeError> {
    let flat = |max_leverage| vec![Tier { floor: Usd::ZERO, max_leverage }];
    let implicit;
    let tiers = match node.optional() {
        None => {
            implicit = flat(max_leverage);
            &implicit
        }
        Some(id) => {
            let id = id.small()?;
            match tables.get(&id) {
                Some(tiers) => tiers,
                None if (1..FIRST_TABLE_ID).contains(&id) => {
                    implicit = flat(id);
                    &implicit
                }
                None => {
                    return Err(node.error(
                        DecodeErrorKind::Missing,
                        &format!("margin table {id} is not among marginTables"),
                        "record `meta` whole, with its marginTables",
                    ));
                }
            }
        }
    };
    let row = |tier: &Tier| {
        Ok(TierRow {
            notional_floor: tier.floor,
            max_leverage: Leverage::new(tier.max_leverage)?,
            maintenance_rate: maintenance_rate(tier.max_leverage)?,
            deduction: None,
        })
    };
    tiers.iter().map(|tier| node.computed(row(tier))).collect()
}

fn margin_modes(node: &Node<'_, '_>, wire: &wire::Asset<'_>) -> Result<MarginModes, DecodeError> {
    let only_isolated = node.key("onlyIsolated", wire.only_isolated).optional_flag()?;
    let mode = node.key("marginMode", wire.margin_mode);
    match mode.optional() {
        // The deprecated flag alone does not tell the two isolated modes apart; the stricter one is safe.
        None if only_isolated => Ok(MarginModes::StrictIsolated),
        None => Ok(MarginModes::Both),
        Some(mode) => match mode.string()?.as_str() {
            "strictIsolated" => Ok(MarginModes::StrictIsolated),
            "noCross" => Ok(MarginModes::IsolatedOnly),
            other => {
                let problem = format!("unknown margin mode {}", evenkeel_http::cut(other));
                Err(mode.error(
                    DecodeErrorKind::Value,
                    &problem,
                    "known are `strictIsolated` and `noCross`; this library is too old for the answer",
                ))
            }
        },
    }
}

/// The venue limits the value of a market order by the asset's maximum leverage: 30M from 25x, 5M from 20x,
/// 2M from 10x, else 500k USD (limit orders ten times that). Whether an immediate-or-cancel order counts as a
/// market order is not documented, so the lower figure is used. Rounded down to a lot.
fn max_order_qty(max_leverage: u32, mark: Price, lot: Lot) -> Result<Qty, evenkeel_types::NumberError> {
    let value: u32 = match max_leverage {
        25.. => 30_000_000,
        20..=24 => 5_000_000,
        10..=19 => 2_000_000,
        _ => 500_000,
    };
    let whole = lot.toward_zero(mark.quantity(Usd::new(value)?)?)?;
    // Where not even one lot fits, the venue refuses by itself; zero would mean orders of size zero.
    if whole.is_zero() { Qty::new(lot.get()) } else { Ok(whole) }
}
