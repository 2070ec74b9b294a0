//! What can be traded: `exchangeInfo`, `leverageBracket` and `fundingInfo`, put together.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_http::cut;
use evenkeel_http::json::{DecodeError, DecodeErrorKind, Document, Node};
use evenkeel_types::{
    Collateral, Decimal, Instrument, Instruments, Lot, MarginModes, PoolId, Price, PriceRule, Qty, Rate,
    Symbol, TierRow, Tiers, TradingStatus, Usd,
};

use super::{Body, is_dollar};
use crate::read::Fields as _;
use crate::wire;

/// Between payments of a perpetual that is not in `fundingInfo`, which lists those with other settings.
const DEFAULT_FUNDING: Duration = Duration::from_secs(8 * 3600);

/// A symbol of `exchangeInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// Its name.
    pub symbol: Symbol,
    /// Perpetual, dated, or of a kind that did not exist when this was written, in the venue's word.
    pub contract_type: String,
    /// Whether orders are taken: everything but `TRADING` is closed; a restriction of one side is reduce-only.
    pub status: TradingStatus,
    /// The pool of what margin is posted in, which is also the quote currency.
    pub pool: PoolId,
    /// Prices are multiples of this.
    pub tick: Price,
    /// Lowest price of an order, where there is one.
    pub min_price: Option<Price>,
    /// Highest price of an order, where there is one.
    pub max_price: Option<Price>,
    /// Sizes are multiples of this.
    pub lot: Lot,
    /// Smallest order.
    pub min_qty: Option<Qty>,
    /// Largest limit order, immediate ones too.
    pub max_qty: Option<Qty>,
    /// Largest market order: what a triggered `*_MARKET` order may be.
    pub market_max_qty: Option<Qty>,
    /// Smallest order value; reduce-only orders are exempt.
    pub min_notional: Option<Usd>,
}

/// Decodes `exchangeInfo`, one outcome for each symbol whose name this library can write: the venue lists hundreds, and
/// one that is not understood must not hide the others. Symbols with names outside ASCII are left out.
///
/// # Errors
/// [`DecodeError`] where the answer as a whole is not understood.
pub fn decode_exchange_info(
    body: Body<'_>,
) -> Result<BTreeMap<Symbol, Result<Listing, DecodeError>>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let wire: wire::ExchangeInfo<'_> = root.object()?;
    let rows = root.key("symbols", wire.symbols);
    let mut listings = BTreeMap::new();
    for (index, raw) in rows.array()?.into_iter().enumerate() {
        let row = rows.index(index, Some(raw));
        let wire: wire::SymbolInfo<'_> = row.object()?;
        let name = row.key("symbol", wire.symbol);
        let symbol = match name.symbol() {
            Ok(symbol) => symbol,
            Err(error) if error.kind() == DecodeErrorKind::Unsupported => continue,
            Err(error) => return Err(error),
        };
        let listing = listing(&row, &wire, symbol.clone());
        if listings.insert(symbol, listing).is_some() {
            return Err(name.error(
                DecodeErrorKind::Inconsistent,
                "the symbol is listed twice",
                "read it again",
            ));
        }
    }
    Ok(listings)
}

#[derive(Default)]
struct Filters {
    tick: Option<Price>,
    min_price: Option<Price>,
    max_price: Option<Price>,
    lot: Option<Lot>,
    min_qty: Option<Qty>,
    max_qty: Option<Qty>,
    market_max_qty: Option<Qty>,
    min_notional: Option<Usd>,
    restricted: bool,
}

fn listing(row: &Node<'_, '_>, wire: &wire::SymbolInfo<'_>, symbol: Symbol) -> Result<Listing, DecodeError> {
    let margin = row.key("marginAsset", wire.margin_asset);
    let quote = row.key("quoteAsset", wire.quote_asset);
    let asset = margin.string()?;
    if !is_dollar(&asset) || quote.string()? != asset {
        return Err(margin.error(
            DecodeErrorKind::Unsupported,
            &format!("{symbol} is margined in {} and quoted in {}", cut(&asset), cut(&quote.string()?)),
            "trade contracts quoted and margined in one dollar currency",
        ));
    }
    let filters = filters(&row.key("filters", wire.filters))?;
    let missing = |what: &str| {
        let problem = format!("{symbol} has no {what}");
        row.error(
            DecodeErrorKind::Missing,
            &problem,
            "record the answer with it; it is never replaced by a default",
        )
    };
    let status = match row.key("status", wire.status).string()?.as_str() {
        "TRADING" if filters.restricted => TradingStatus::ReduceOnly,
        "TRADING" => TradingStatus::Trading,
        // Pending, delivering, settling, closed, and whatever is added: no orders.
        _ => TradingStatus::Closed,
    };
    Ok(Listing {
        contract_type: row.key("contractType", wire.contract_type).string()?,
        status,
        pool: Symbol::new(&asset).map(PoolId).map_err(|error| margin.invalid(&error.to_string()))?,
        tick: filters.tick.ok_or_else(|| missing("tick size (PRICE_FILTER)"))?,
        min_price: filters.min_price,
        max_price: filters.max_price,
        lot: filters.lot.ok_or_else(|| missing("lot size (LOT_SIZE)"))?,
        min_qty: filters.min_qty,
        max_qty: filters.max_qty,
        market_max_qty: filters.market_max_qty,
        min_notional: filters.min_notional,
        symbol,
    })
}

/// Kinds of filter that are not known here are passed over: the venue adds some without notice.
fn filters(node: &Node<'_, '_>) -> Result<Filters, DecodeError> {
    let mut found = Filters::default();
    for (index, raw) in node.array()?.into_iter().enumerate() {
        let filter = node.index(index, Some(raw));
        let wire: wire::Filter<'_> = filter.object()?;
        // Zero switches a part of a filter off.
        let size = |name, field| -> Result<Option<Qty>, DecodeError> {
            let qty: Qty = filter.key(name, field).number()?;
            Ok((!qty.is_zero()).then_some(qty))
        };
        match filter.key("filterType", wire.filter_type).string()?.as_str() {
            "PRICE_FILTER" => {
                found.tick = filter.key("tickSize", wire.tick_size).price()?;
                found.min_price = filter.key("minPrice", wire.min_price).price()?;
                found.max_price = filter.key("maxPrice", wire.max_price).price()?;
            }
            "LOT_SIZE" => {
                let step = filter.key("stepSize", wire.step_size);
                let value: Qty = step.number()?;
                found.lot = Some(Lot::new(value.get()).map_err(|error| step.invalid(&error.to_string()))?);
                found.min_qty = size("minQty", wire.min_qty)?;
                found.max_qty = size("maxQty", wire.max_qty)?;
            }
            "MARKET_LOT_SIZE" => found.market_max_qty = size("maxQty", wire.max_qty)?,
            "MIN_NOTIONAL" => found.min_notional = Some(filter.key("notional", wire.notional).number()?),
            // Not documented beyond its name: any restriction is read as one of opening.
            "POSITION_RISK_CONTROL" => {
                let side = filter.key("positionControlSide", wire.position_control_side);
                found.restricted = side.string()? != "NONE";
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Tiers by symbol; one that does not make sense says so, and hides no other.
pub type Brackets = BTreeMap<Symbol, Result<Tiers, DecodeError>>;

/// Decodes `leverageBracket`: one symbol (an object or a list of one) or all. `cum` is checked against continuity. Where the
/// account's limits are adjusted (`notionalCoef`), the caps are taken to contain that.
///
/// # Errors
/// [`DecodeError`] where the answer as a whole is not understood.
pub fn decode_leverage_brackets(body: Body<'_>) -> Result<Brackets, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let mut all = Brackets::new();
    if root.is_object() {
        bracket_row(&root, &mut all)?;
        return Ok(all);
    }
    for (index, raw) in root.array()?.into_iter().enumerate() {
        bracket_row(&root.index(index, Some(raw)), &mut all)?;
    }
    Ok(all)
}

fn bracket_row(row: &Node<'_, '_>, all: &mut Brackets) -> Result<(), DecodeError> {
    let wire: wire::SymbolBrackets<'_> = row.object()?;
    let name = row.key("symbol", wire.symbol);
    let symbol = match name.symbol() {
        Ok(symbol) => symbol,
        Err(error) if error.kind() == DecodeErrorKind::Unsupported => return Ok(()),
        Err(error) => return Err(error),
    };
    let tiers = tiers(&row.key("brackets", wire.brackets));
    if all.insert(symbol, tiers).is_some() {
        return Err(name.error(DecodeErrorKind::Inconsistent, "the symbol has two tables", "read it again"));
    }
    Ok(())
}

fn tiers(node: &Node<'_, '_>) -> Result<Tiers, DecodeError> {
    let mut rows: Vec<(TierRow, Usd)> = Vec::new();
    for (index, raw) in node.array()?.into_iter().enumerate() {
        let row = node.index(index, Some(raw));
        let wire: wire::Bracket<'_> = row.object()?;
        let tier = TierRow {
            notional_floor: row.key("notionalFloor", wire.notional_floor).scientific()?,
            max_leverage: row.key("initialLeverage", wire.initial_leverage).number()?,
            maintenance_rate: row.key("maintMarginRatio", wire.maint_margin_ratio).scientific()?,
            deduction: Some(row.key("cum", wire.cum).scientific()?),
        };
        rows.push((tier, row.key("notionalCap", wire.notional_cap).scientific()?));
    }
    rows.sort_by_key(|(tier, _)| tier.notional_floor);
    let apart = rows.windows(2).any(|pair| match pair {
        [(_, cap), (next, _)] => *cap != next.notional_floor,
        _ => false,
    });
    if apart {
        return Err(node.error(
            DecodeErrorKind::Inconsistent,
            "a tier does not begin where the one before it ends",
            "read it again",
        ));
    }
    let cap = rows.last().map(|(_, cap)| *cap);
    let rows: Vec<TierRow> = rows.into_iter().map(|(tier, _)| tier).collect();
    Tiers::new(&rows, cap).map_err(|error| node.invalid(&error.to_string()))
}

/// Decodes `fundingInfo`: the time between payments of the symbols that are in it.
///
/// # Errors
/// [`DecodeError`] naming the field.
pub fn decode_funding_info(body: Body<'_>) -> Result<BTreeMap<Symbol, Duration>, DecodeError> {
    let document = Document::read(body)?;
    let root = document.root();
    let mut intervals = BTreeMap::new();
    for (index, raw) in root.array()?.into_iter().enumerate() {
        let row = root.index(index, Some(raw));
        let wire: wire::FundingInfo<'_> = row.object()?;
        let symbol = match row.key("symbol", wire.symbol).symbol() {
            Ok(symbol) => symbol,
            Err(error) if error.kind() == DecodeErrorKind::Unsupported => continue,
            Err(error) => return Err(error),
        };
        let hours = row.key("fundingIntervalHours", wire.funding_interval_hours);
        let count = u64::from(hours.small()?);
        if !(1..=24).contains(&count) {
            return Err(hours.invalid(&format!("{count} hours between payments")));
        }
        intervals.insert(symbol, Duration::from_secs(count.saturating_mul(3600)));
    }
    Ok(intervals)
}

/// An instrument, and the rules that the common type has no place for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Market {
    /// The rules.
    pub instrument: Instrument,
    /// Lowest price of an order, where there is one.
    pub min_price: Option<Price>,
    /// Highest price of an order, where there is one.
    pub max_price: Option<Price>,
    /// Largest market order.
    pub market_max_qty: Option<Qty>,
}

/// All instruments, and why some of the listed symbols are none.
#[derive(Debug, Clone, Default)]
pub struct Markets {
    known: BTreeMap<Symbol, Result<Market, DecodeError>>,
}

impl Markets {
    /// Puts listings, tiers and funding intervals together.
    #[must_use]
    pub fn new(
        listings: BTreeMap<Symbol, Result<Listing, DecodeError>>,
        brackets: &Brackets,
        intervals: &BTreeMap<Symbol, Duration>,
    ) -> Self {
        let market = |symbol: &Symbol, listing: Result<Listing, DecodeError>| {
            let listing = listing?;
            let tiers = match brackets.get(symbol) {
                Some(tiers) => tiers.clone()?,
                None => {
                    return Err(DecodeError::new(
                        DecodeErrorKind::Missing,
                        "leverageBracket",
                        String::new(),
                        &format!("{symbol} has no tiers"),
                        "without tiers neither its maximum leverage nor its maintenance margin is known",
                    ));
                }
            };
            Ok(of_listing(listing, tiers, intervals.get(symbol).copied()))
        };
        let known = listings
            .into_iter()
            .map(|(symbol, listing)| {
                let market = market(&symbol, listing);
                (symbol, market)
            })
            .collect();
        Self { known }
    }

    /// A symbol's rules, or why they cannot be told; `None` where it is not listed.
    #[must_use]
    pub fn get(&self, symbol: &Symbol) -> Option<Result<&Market, &DecodeError>> {
        self.known.get(symbol).map(Result::as_ref)
    }

    /// All instruments that can be told.
    #[must_use]
    pub fn instruments(&self) -> Instruments {
        let told = self.known.iter().filter_map(|(symbol, market)| Some((symbol, market.as_ref().ok()?)));
        told.map(|(symbol, market)| (symbol.clone(), market.instrument.clone())).collect()
    }

    /// The symbols that are listed and cannot be told, with the reason.
    pub fn unusable(&self) -> impl Iterator<Item = (&Symbol, &DecodeError)> {
        self.known.iter().filter_map(|(symbol, market)| Some((symbol, market.as_ref().err()?)))
    }
}

fn of_listing(listing: Listing, tiers: Tiers, interval: Option<Duration>) -> Market {
    // Dated contracts are never paid funding.
    let perpetual = listing.contract_type.contains("PERPETUAL");
    Market {
        instrument: Instrument {
            symbol: listing.symbol,
            pool: listing.pool,
            price_rule: PriceRule::Tick(listing.tick),
            lot: listing.lot,
            min_qty: listing.min_qty,
            max_qty: listing.max_qty,
            min_notional: listing.min_notional,
            leverage_step: Decimal::ONE,
            tiers,
            // The venue's clearance fee is taken from what is left, and no part of the maintenance margin.
            liquidation_fee: Rate::ZERO,
            margin_modes: MarginModes::Both,
            status: listing.status,
            funding_interval: perpetual.then(|| interval.unwrap_or(DEFAULT_FUNDING)),
        },
        min_price: listing.min_price,
        max_price: listing.max_price,
        market_max_qty: listing.market_max_qty,
    }
}

/// One pool for each currency that margin is posted in, by its name.
pub(super) fn pool_of(collateral: &Collateral) -> Option<PoolId> {
    // A collateral's name is within the rules of a symbol's: shorter, same characters.
    Symbol::new(collateral.as_str()).ok().map(PoolId)
}
